"""The .deb."""
import email.utils
import gzip
import os
import pathlib
import shutil
import subprocess

from .release import Release, output_of

DESCRIPTION = """\
Description: mount recordings of event cameras and read them as HDF5
 evh5 is a FUSE filesystem. Below a mount, every RAW and DAT recording of a
 folder is there as an HDF5 tensor file for each preprocessing and period;
 frames are computed when they are read, and datasets can be added.
 .
 The program needs no other library than libc. fuse3 has fusermount3, which
 ordinary users mount with.
"""


def write(release: Release, out: pathlib.Path, stage: pathlib.Path) -> pathlib.Path:
    architecture = output_of("dpkg", "--print-architecture")
    root = stage / "deb"
    shutil.copytree(release.installed, root, symlinks=True)
    # Policy wants a relative link within /usr.
    helper = root / "usr/sbin/mount.fuse.evh5"
    helper.unlink()
    helper.symlink_to("../bin/evh5")
    documents = root / "usr/share/doc/evh5"
    (documents / "LICENSE").unlink()
    maintainer = os.environ.get("EVH5_MAINTAINER", "evh5 developers <evh5@localhost>")
    when = email.utils.formatdate(release.epoch)
    (documents / "changelog").write_text(f"evh5 ({release.version}) unstable; urgency=medium\n\n"
                                         f"  * CHANGELOG.md says what is new.\n\n -- {maintainer}  {when}\n")
    packed(documents / "changelog", documents / "changelog.gz")
    for page in (root / "usr/share/man").rglob("*.[18]"):
        packed(page, page.with_name(page.name + ".gz"))
    # zsh looks here for what packages bring.
    (root / "usr/share/zsh/site-functions").rename(root / "usr/share/zsh/vendor-completions")
    (documents / "copyright").write_text(copyright_of(release))

    control = root / "DEBIAN"
    control.mkdir()
    size = sum(max(path.lstat().st_size, 1) for path in root.rglob("*") if not path.is_dir())
    (control / "control").write_text(
        f"Package: evh5\nVersion: {release.version}\nArchitecture: {architecture}\nMaintainer: {maintainer}\n"
        f"Installed-Size: {-(-size // 1024)}\nDepends: libc6 (>= {release.glibc}), fuse3\nSection: science\n"
        f"Priority: optional\n{DESCRIPTION}")
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink() and control not in path.parents)
    (control / "md5sums").write_text("".join(f"{md5(path)}  {path.relative_to(root)}\n" for path in files))
    for path in root.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path == root / "usr/bin/evh5" else 0o644)
        os.utime(path, (release.epoch, release.epoch), follow_symlinks=False)
    target = out / f"evh5_{release.version}_{architecture}.deb"
    # One thread: how many there are decides where xz cuts its blocks.
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zxz", "--build", root, target], check=True,
                   stdout=subprocess.DEVNULL, env=os.environ | {"DPKG_DEB_THREADS_MAX": "1"})
    return target


def packed(path: pathlib.Path, target: pathlib.Path) -> None:
    target.write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
    path.unlink()


def md5(path: pathlib.Path) -> str:
    return output_of("md5sum", path).split()[0]


def copyright_of(release: Release) -> str:
    heads = "\n".join(f" - {name}" for name in release.licences)
    parts = [f"The program evh5 is under the Apache License 2.0, which is in full below.\n\n"
             f"It contains these, whose copyright and licences follow one after the other:\n{heads}\n"]
    for name, text in release.licences.items():
        parts.append(f"{'=' * 78}\n{name}\n{'=' * 78}\n\n{text.strip()}\n")
    return "\n".join(parts)
