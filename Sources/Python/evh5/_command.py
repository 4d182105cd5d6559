"""The command `evh5`: where it is, and one call of it."""
from __future__ import annotations

import logging
import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig
from typing import Iterator, List, Union

LOG = logging.getLogger("evh5")

#: As shells have it for a command that is not there.
NOT_FOUND = 127


class Error(RuntimeError):
    """A command of evh5 failed. `reason` is the line that it printed, `code` its exit code, as docs/EXIT-CODES.md has them."""

    def __init__(self, reason: str, code: int) -> None:
        super().__init__(reason, code)
        self.reason = reason
        self.code = code

    def __str__(self) -> str:
        return self.reason


def _folders() -> Iterator[pathlib.Path]:
    """Where a wheel's scripts can be: that of this Python, those of its schemes, and beside `pip install --target`."""
    if sys.executable:
        yield pathlib.Path(sys.executable).parent
    yield pathlib.Path(sysconfig.get_path("scripts"))
    if "posix_user" in sysconfig.get_scheme_names():
        yield pathlib.Path(sysconfig.get_path("scripts", "posix_user"))
    yield pathlib.Path(__file__).resolve().parent.parent / "bin"


def _is_program(path: pathlib.Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def find() -> str:
    """The path of the binary: that of the environment variable EVH5, else beside this Python, else in PATH."""
    named = os.environ.get("EVH5")
    if named:
        path = pathlib.Path(named).absolute()
        if _is_program(path):
            return str(path)
        raise Error(f"EVH5 names '{named}', which is no program; name evh5's binary or unset it", NOT_FOUND)
    for folder in _folders():
        if _is_program(folder / "evh5"):
            return str(folder / "evh5")
    found = shutil.which("evh5")
    if found:
        return os.path.abspath(found)
    raise Error("there is no command evh5, neither beside this Python nor in PATH; install it, or set the environment variable EVH5 to its path",
                NOT_FOUND)


def _reason(text: str) -> str:
    """The line of reason: the last that evh5 says of itself, as notices may stand before it and usage after it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for start in ("evh5: ", "Error: "):
        said = [line for line in lines if line.startswith(start)]
        if said:
            return said[-1][len(start):]
    return lines[-1] if lines else ""


def run(*arguments: Union[str, "os.PathLike[str]"]) -> str:
    """Runs `evh5 ...`, waits, and gives what it printed: `run("synth", "recordings/a.raw", "--duration", "2s")`. Notices go to the log `evh5` of
    Python's logging. Raises Error when the command fails."""
    command: List[str] = [find(), *map(os.fsdecode, arguments)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except OSError as problem:
        raise Error(f"cannot run '{command[0]}': {problem.strerror}", 126) from None
    said = done.stderr.decode("utf-8", "replace")
    if done.returncode != 0:
        raise Error(_reason(said) or f"`{' '.join(['evh5', *command[1:2]])}` ended with {done.returncode} and gave no reason", done.returncode)
    for line in said.splitlines():
        if line.strip():
            LOG.warning("%s", line[6:] if line.startswith("evh5: ") else line)
    return done.stdout.decode("utf-8", "surrogateescape")
