"""What all formats are made of."""
import dataclasses
import pathlib
import platform
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[3]
SUMMARY = "Mount a folder of event-camera recordings and read any of them as HDF5"


@dataclasses.dataclass(frozen=True)
class Release:
    version: str
    epoch: int  # of all times in the packages
    binary: pathlib.Path  # stripped
    glibc: str  # the oldest that it runs with, such as 2.36
    licences: dict[str, str]  # file name: text
    installed: pathlib.Path  # what `make install` put below /usr

    @property
    def machine(self) -> str:
        return platform.machine()


def output_of(*words: object) -> str:
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, check=True).stdout.strip()


def needed_glibc(binary: pathlib.Path) -> str:
    versions = set(re.findall(r"\bGLIBC_(\d+)\.(\d+)", output_of("readelf", "-W", "--version-info", binary)))
    major, minor = max((int(major), int(minor)) for major, minor in versions)
    return f"{major}.{minor}"
