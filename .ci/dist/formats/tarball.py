"""The tar.gz: one folder, to be unpacked where one likes, such as /usr/local or ~/.local."""
import gzip
import io
import pathlib
import tarfile

from .release import Release


def write(release: Release, out: pathlib.Path) -> pathlib.Path:
    name = f"evh5-{release.version}-linux-{release.machine}"
    target = out / f"{name}.tar.gz"
    # Without the helper: mount(8) looks for it in /sbin only.
    usr = release.installed / "usr"
    files = {str(path.relative_to(usr)): path.read_bytes() for path in usr.rglob("*")
             if path.is_file() and usr / "sbin" not in path.parents}
    files |= {f"share/doc/evh5/licences/{licence}": text.encode() for licence, text in release.licences.items()}
    with open(target, "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=release.epoch) as packed, \
            tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path, content in sorted(files.items()):
            entry = tarfile.TarInfo(f"{name}/{path}")
            entry.size, entry.mtime = len(content), release.epoch
            entry.mode = 0o755 if path == "bin/evh5" else 0o644
            entry.uname = entry.gname = "root"
            archive.addfile(entry, io.BytesIO(content))
    return target
