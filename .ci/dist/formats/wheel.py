"""The wheel: the binary as a script, as ruff's wheel has it, and the Python module when there is one."""
import base64
import hashlib
import pathlib
import time
import zipfile

from .release import ROOT, SUMMARY, Release

MODULE = ROOT / "Sources/Python/evh5"


def write(release: Release, out: pathlib.Path) -> pathlib.Path:
    tag = f"py3-none-manylinux_{release.glibc.replace('.', '_')}_{release.machine}"
    info = f"evh5-{release.version}.dist-info"
    entries: dict[str, tuple[bytes, int]] = {}
    if MODULE.is_dir():
        for path in sorted(MODULE.rglob("*")):
            if path.is_file() and (path.suffix in (".py", ".pyi") or path.name == "py.typed"):
                entries[f"evh5/{path.relative_to(MODULE)}"] = (path.read_bytes(), 0o644)
    entries[f"evh5-{release.version}.data/scripts/evh5"] = (release.binary.read_bytes(), 0o755)
    for name, text in release.licences.items():
        entries[f"{info}/licenses/{name}"] = (text.encode(), 0o644)
    entries[f"{info}/METADATA"] = (metadata(release).encode(), 0o644)
    entries[f"{info}/WHEEL"] = (f"Wheel-Version: 1.0\nGenerator: evh5\nRoot-Is-Purelib: false\nTag: {tag}\n".encode(), 0o644)
    record = "".join(f"{name},sha256={digest(content)},{len(content)}\n" for name, (content, _) in sorted(entries.items()))
    entries[f"{info}/RECORD"] = (f"{record}{info}/RECORD,,\n".encode(), 0o644)

    target = out / f"evh5-{release.version}-{tag}.whl"
    when = time.gmtime(max(release.epoch, 315532800))[:6]  # zip knows no time before 1980
    # What describes the wheel comes last, as the specification recommends.
    order = sorted(entries, key=lambda name: (name.startswith(info), name))
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in order:
            content, mode = entries[name]
            entry = zipfile.ZipInfo(name, when)
            entry.create_system = 3
            entry.external_attr = (0o100000 | mode) << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED, 9)
    return target


def digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def metadata(release: Release) -> str:
    files = "".join(f"License-File: {name}\n" for name in release.licences)
    return (f"Metadata-Version: 2.4\nName: evh5\nVersion: {release.version}\nSummary: {SUMMARY}\n"
            f"License: Apache-2.0; the libraries inside have their own, see licenses/\n{files}"
            "Keywords: event camera,neuromorphic,HDF5,FUSE,dataset\n"
            "Classifier: Operating System :: POSIX :: Linux\nClassifier: Topic :: Scientific/Engineering\n"
            "Requires-Python: >=3.9\nDescription-Content-Type: text/markdown\n\n" + (ROOT / "README.md").read_text())
