"""Mounts that this process made: they end with a `with` block, with the interpreter, and when the process is killed."""
from __future__ import annotations

import atexit
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import types
import warnings
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Type, Union

from . import _settings
from ._command import LOG, Error, find, run
from ._registering import registrations

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._settings import Settings

PathLike = Union[str, "os.PathLike[str]"]

#: evh5's exit code for a mount that is in use.
_BUSY = 8

#: Waits for a line from this process. Without one this process was killed, and what it mounted is in nobody's use any more.
_WATCH = 'read -r line && exit; "$1" unmount --lazy "$2"; [ "$3" ] && rmdir "$2"'


class _Mount:
    """One mount: its folder, whether that was made for it, and the process that ends it if this one is killed."""

    def __init__(self, root: pathlib.Path, is_own: bool) -> None:
        self.root = root
        # As the kernel names it, asked for before anything is mounted there: later a daemon that hangs would have to answer.
        self.real = pathlib.Path(os.path.realpath(root))
        self.is_own = is_own
        self.watcher: Optional[subprocess.Popen[bytes]] = None

    def watch(self) -> None:
        # A session of its own: neither Ctrl-C nor the end of a terminal ends it.
        self.watcher = subprocess.Popen(["/bin/sh", "-c", _WATCH, "sh", find(), str(self.real), "own" if self.is_own else ""],
                                        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, bufsize=0, cwd="/",
                                        start_new_session=True)

    def gone(self) -> None:
        """It is unmounted: its watcher and its folder go."""
        if self.watcher and self.watcher.stdin:
            with contextlib.suppress(OSError):
                self.watcher.stdin.write(b"unmounted\n")
                self.watcher.stdin.close()
            self.watcher.wait()
        if self.is_own:
            with contextlib.suppress(OSError):
                self.root.rmdir()


_mounts: Dict[pathlib.Path, _Mount] = {}


def _forget() -> None:
    """A forked child's: the mounts are its parent's. With its end of the pipe open, their watchers would wait for the child as well."""
    for mount in _mounts.values():
        if mount.watcher and mount.watcher.stdin:
            with contextlib.suppress(OSError):
                mount.watcher.stdin.close()
            mount.watcher.returncode = 0  # it is no child of this process, so nobody may wait for it
    _mounts.clear()


os.register_at_fork(after_in_child=_forget)


def mount(source: PathLike, *, mount_point: Optional[PathLike] = None, **settings: Unpack[Settings]) -> pathlib.Path:
    """Mounts a folder of recordings until `unmount`, or until this process ends; gives the mount point. `mounted` is this for `with`."""
    where, is_own = _folder(mount_point)
    one = _Mount(where, is_own)
    was_mounted = _is_mounted(one.real)
    try:
        _mount(_absolute(source), where, settings)
        one.watch()
    except BaseException as problem:
        # Also after Ctrl-C, when it may be mounted already. What was there before is not ours to end.
        if not isinstance(problem, Error) and not was_mounted:
            with contextlib.suppress(Error):
                run("unmount", "--lazy", where)
        one.gone()
        raise
    _mounts[where] = one
    return where


def _mount(source: pathlib.Path, where: pathlib.Path, settings: Mapping[str, Any]) -> None:
    words = _settings.flags(settings)
    ours = registrations()
    # A function of this notebook runs where this notebook's packages are.
    if ours and settings.get("python") is None and settings.get("config_file") is None and "EVH5_PYTHON" not in os.environ:
        words.append(f"--python={sys.executable}")
    # evh5 reads the modules as it mounts, and holds them.
    with tempfile.TemporaryDirectory(prefix="evh5-") as modules:
        functions: List[str] = []
        for one in ours:
            if one.text is not None:
                (pathlib.Path(modules) / f"{one.module}.py").write_text(one.text, encoding="utf-8")
            functions.append(f"--register={one.flag(modules)}")
        # Functions first: names among the settings may build on them.
        run("mount", "--no-foreground", *functions, *words, "--", source, where)


def _folder(mount_point: Optional[PathLike]) -> "tuple[pathlib.Path, bool]":
    """Where to mount, and whether the folder was made for it."""
    if mount_point is None:
        return pathlib.Path(os.path.realpath(tempfile.mkdtemp(prefix="evh5-"))), True
    where = _absolute(mount_point)
    try:
        where.mkdir()
    except OSError:
        # It is there, or evh5 says why it cannot be.
        return where, False
    return where, True


def unmount(root: PathLike, *, lazy: bool = False) -> None:
    """Unmounts, and waits until the daemon has gone. In use, it raises Error with code 8, or with `lazy` disappears and ends with its last user."""
    where = _absolute(root)
    one = _ours(where)
    data = sys.modules.get("evh5.data")
    if data:
        for path in {where, one.root, one.real} if one else {where}:
            data.close_below(path)
    try:
        run("unmount", *(["--lazy"] if lazy else []), where)
    finally:
        # It can be gone from here while its daemon cannot end: stopped, or seen by another mount namespace.
        if one and not _is_mounted(one.real):
            del _mounts[one.root]
            one.gone()


def _ours(where: pathlib.Path) -> Optional[_Mount]:
    """The mount of this process at a path, however it is written; the mount point itself is not asked."""
    if where in _mounts:
        return _mounts[where]
    real = pathlib.Path(os.path.realpath(where.parent)) / where.name
    return next((one for one in _mounts.values() if one.real == real), None)


def _absolute(path: PathLike) -> pathlib.Path:
    return pathlib.Path(os.path.join(os.getcwd(), os.fsdecode(path)))


def _is_mounted(where: pathlib.Path) -> bool:
    """As the kernel says it: a daemon that is dead or hangs is not asked."""
    with open("/proc/self/mountinfo", "rb") as file:
        points = [line.split()[4] for line in file]
    escaped = os.fsencode(where)
    for byte in (b"\\", b" ", b"\t", b"\n"):
        escaped = escaped.replace(byte, b"\\%03o" % ord(byte))
    return escaped in points


def status(root: PathLike) -> Dict[str, Any]:
    """What is mounted, its memory, frames, cache and last warnings: `evh5 status --json` as a dict."""
    found: Dict[str, Any] = json.loads(run("status", "--json", _absolute(root)))
    return found


class mounted:
    """Mounts a folder of recordings for the time of a `with` block:

        with evh5.mounted("recordings/", windows=["50ms"], memory_target="1G") as root:
            ...

    `root` is a pathlib.Path: `mount_point`, which is made if it is missing, or a temporary folder. `settings` are the flags of `evh5 mount` with
    `_` for `-`: lists and dicts where a flag takes several values, True and False for switches, sizes as `"20G"` or in bytes. What is not given
    comes from the environment (`EVH5_*`), the config file, or the defaults. Functions of `evh5.register` are there as well.

    It ends with the block, also after an exception, and else with this process; never with a forked child of it. Where files of it are still open
    by then, a warning says so: it is gone from its folder at once, and its daemon ends when they are closed.

    Raises Error with evh5's line of reason and exit code."""

    def __init__(self, source: PathLike, *, mount_point: Optional[PathLike] = None, **settings: Unpack[Settings]) -> None:
        self._source = source
        self._mount_point = mount_point
        self._settings = settings
        self._roots: List[pathlib.Path] = []

    def __enter__(self) -> pathlib.Path:
        root = mount(self._source, mount_point=self._mount_point, **self._settings)
        self._roots.append(root)
        return root

    def __exit__(self, kind: Optional[Type[BaseException]], problem: Optional[BaseException], trace: Optional[types.TracebackType]) -> None:
        root = self._roots.pop()
        if root not in _mounts:  # unmounted already, or this is a forked child
            return
        try:
            _end(root)
        except Error as other:
            if problem is None:
                raise
            # The block's own exception is what the user must see.
            LOG.warning("%s", other)


def _end(root: pathlib.Path) -> None:
    """Unmounts even if files are open."""
    try:
        unmount(root)
    except Error as problem:
        if root not in _mounts:
            LOG.warning("%s", problem)
            return
        if problem.code != _BUSY:
            raise
        unmount(root, lazy=True)
        warnings.warn(f"files of '{root}' are still open: its daemon ends when they are closed. Close them before the mount ends "
                      "(workers of a DataLoader end with its iterator)", RuntimeWarning, stacklevel=3)


@atexit.register
def _end_all() -> None:
    for root in list(_mounts):
        try:
            _end(root)
        except Error as problem:
            # The interpreter ends all the same.
            LOG.warning("%s", problem)
            one = _mounts.pop(root, None)
            if one:
                one.gone()
