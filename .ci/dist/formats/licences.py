"""The licences of all that is in the binary."""
import os
import pathlib
import subprocess
import sys

from .release import ROOT


def gathered() -> dict[str, str]:
    """{file name: text}; ends the program when one is missing, as nothing may be passed on without it."""
    found = {"evh5": text(ROOT / "LICENSE")}
    libraries = pathlib.Path(subprocess.run([ROOT / ".ci/dist/static-libraries"], capture_output=True, text=True,
                                            check=True).stdout.strip())
    for path in sorted((libraries / "licences").iterdir()):
        found[path.name] = text(path)
    # Debian's copyright file of libfuse names it only.
    found["lgpl-2.1"] = text(pathlib.Path("/usr/share/common-licenses/LGPL-2.1"))
    swift = pathlib.Path(subprocess.run(["sh", "-c", "command -v swift"], capture_output=True, text=True,
                                        check=True).stdout.strip()).resolve()
    found["swift"] = text(swift.parents[1] / "share/swift/LICENSE.txt")
    found["icu"] = text(one("/usr/share/doc/libicu*/copyright", "libicu72"))
    found["gcc"] = text(one("/usr/share/doc/gcc-*-base/copyright", "gcc-12-base"))
    found["highway"] = text(one("/usr/share/doc/libhwy-dev/copyright", "libhwy-dev"))
    scratch = pathlib.Path(os.environ.get("EVH5_DIST_SCRATCH", ROOT / ".build/dist/swift"))
    packages = sorted(path for path in (scratch / "checkouts").iterdir() if path.is_dir())
    for package in packages:
        parts = [text(path) for path in sorted(package.iterdir()) if path.name.split(".")[0] in ("LICENSE", "NOTICE")]
        if not parts:
            sys.exit(f"evh5: {package} has no licence")
        found[package.name.lower()] = "\n".join(parts)
    return found


def text(path: pathlib.Path) -> str:
    if not path.is_file():
        sys.exit(f"evh5: there is no licence at {path}, and what is in the binary may not be passed on without it")
    return path.read_text(encoding="utf-8", errors="replace")


def one(pattern: str, package: str) -> pathlib.Path:
    found = sorted(pathlib.Path("/").glob(pattern.lstrip("/")))
    if not found:
        sys.exit(f"evh5: install {package}: its copyright file belongs into the packages")
    return found[-1]
