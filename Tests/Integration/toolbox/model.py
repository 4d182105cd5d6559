"""A model of what docs/SEMANTICS.md promises.

It knows of each virtual file the bytes that are committed, and of each session the bytes that its writer sees. Sessions are made by
h5py on a copy, and played to the mount as writes of what changed; so the bytes of every state are known, whatever HDF5 does."""
import errno
import fcntl
import os
import tempfile
import time
from dataclasses import dataclass, field

import h5py
import numpy as np

from toolbox import scenes

WIDTH, HEIGHT = 16, 12
SPECS = {"histo/20ms": ("histo", 20_000), "timesurface/25ms": ("timesurface", 25_000)}
NAMES = [f"d{number}" for number in range(12)]
REFUSALS = {"truncate": errno.EPERM, "emptying open": errno.EPERM, "create": errno.EPERM, "exclusive create": errno.EEXIST, "rename": errno.EPERM,
            "mkdir": errno.EPERM, "rmdir": errno.EPERM, "chmod": errno.EPERM, "utime": errno.EPERM, "link": errno.EPERM, "symlink": errno.EPERM}


def recording(version):
    """Events that tell versions apart: other ones, and another number of frames."""
    return scenes.scene(WIDTH, HEIGHT, duration=60_000 + 25_000 * (version % 5), count=300, seed=version)


def scratch(data):
    file = tempfile.NamedTemporaryFile(dir="/dev/shm" if os.path.isdir("/dev/shm") else None, prefix="evh5-model-", suffix=".h5")
    file.write(data)
    file.flush()
    return file


def contents(data):
    """What was added, name -> value; None when this is no file that h5py reads."""
    out = {}

    def visit(name, one):
        if isinstance(one, h5py.Dataset) and name not in ("data", "last_timestamps"):
            out[name] = one[()].tobytes()
        if name not in ("data", "last_timestamps"):
            out.update({(name, key): np.asarray(value).tobytes() for key, value in one.attrs.items()})

    try:
        with scratch(data) as file, h5py.File(file.name, "r") as opened:
            opened.visititems(visit)
            out.update({("/", key): np.asarray(value).tobytes() for key, value in opened.attrs.items() if key in NAMES})
    except (OSError, RuntimeError, KeyError):
        return None
    return out


def addable(data, name, values):
    """Whether h5py can add a dataset to an ordinary file of these bytes."""
    try:
        with scratch(data) as copy, h5py.File(copy.name, "r+") as file:
            file[name] = values
        return True
    except (OSError, RuntimeError, KeyError, ValueError):
        return False


@dataclass
class File:
    """A virtual file: its recording's name and version, and the committed bytes."""
    name: str
    spec: str
    base: bytes = b""
    committed: bytes = b""
    session: object = None
    #: The mount that changed it last, by which its size is known at once; time and sizes before, for others.
    changed: tuple = (None, 0)
    sizes: set = field(default_factory=set)

    @property
    def key(self):
        return f"{self.spec}/{self.name}.h5"

    def set(self, data, mount):
        self.sizes = {len(self.committed), *(self.sizes if time.monotonic() - self.changed[1] < 3 else ())}
        self.committed, self.changed = bytes(data), (mount, time.monotonic())


@dataclass
class Session:
    """The right to write and what was written; `goal` is a state that libhdf5 takes, `left` the writes that lead there."""
    client: int
    mount: int
    view: bytearray
    handles: int = 1
    goal: bytes = None
    left: list = field(default_factory=list)
    refused: bool = False
    #: Whether view is known to be a whole file (True), known not to be (False), or neither (None).
    valid: object = True
    dirty: bool = False


@dataclass
class Handle:
    client: int
    mount: int
    fd: int
    file: File
    writes: bool
    snapshot: bytes
    lock: int = fcntl.LOCK_UN
    #: After its recording changed it may fail with ESTALE.
    old: bool = False


class Mismatch(AssertionError):
    pass


_scenes = {}


def scenes_of(version):
    if version not in _scenes:
        _scenes[version] = scenes.raw_events("evt2", recording(version))
    return _scenes[version]


def pieces(old, new, random):
    """Writes that make `new` of `old`, cut and mixed."""
    out, at, shared = [], 0, min(len(old), len(new))
    while at < len(new):
        if at < shared and old[at] == new[at]:
            at += 1
            continue
        end = at + 1
        while end < len(new) and (end >= shared or old[end:end + 16] != new[end:end + 16]) and end - at < 5000:
            end += 1
        while at < end:
            step = random.choice([7, 512, 5000])
            out.append((at, new[at:min(end, at + step)]))
            at += step
        at = end
    random.shuffle(out)
    return out


def difference(got, want):
    if len(got) != len(want):
        return f"{len(got)} bytes instead of {len(want)}"
    at = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), None)
    return "the same" if at is None else f"another byte at {at} of {len(want)}: {got[at:at + 16].hex()} instead of {want[at:at + 16].hex()}"


def short(value):
    text = repr(value)
    return text if len(text) < 200 else text[:200] + "..."
