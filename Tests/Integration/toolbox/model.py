"""A model of what docs/SEMANTICS.md promises, and a random walk of clients that compares a mount with it.

The model knows of each virtual file the bytes that are committed, and of each session the bytes that its writer sees. Sessions are
made by h5py on a copy, and played to the mount as writes of what changed; so the bytes of every state are known, whatever HDF5 does."""
import errno
import fcntl
import os
import random
import signal
import tempfile
import time
from dataclasses import dataclass, field

import h5py
import numpy as np

from toolbox import encoders, scenes, tensors
from toolbox.clients import Client
from toolbox.mounting import end_by_force, gone

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


class Walk:
    """Operations by some clients on some mounts of one source and one store."""

    def __init__(self, seed, source, mounts, clients=3, tell=lambda line: None):
        self.random, self.seed = random.Random(seed), seed
        self.source, self.mounts, self.tell = source, mounts, tell
        self.clients = [Client() for _ in range(clients)]
        self.handles, self.trace, self.counts, self.seconds = [], [], {}, {}
        self.versions = {name: number + 1 for number, name in enumerate("abc")}
        self.inodes = {}
        for name, version in self.versions.items():
            self.put(name, version)
        self.files = [File(name, spec) for name in self.versions for spec in SPECS]
        for file in self.files:
            file.base = file.committed = self.fresh(file, self.do(0, "whole", self.path(0, file)))

    # --- Small things

    def path(self, mount, file):
        return str(self.mounts[mount] / file.key)

    def put(self, name, version):
        events = scenes_of(version)
        encoders.write(self.source / "part", "evt2", events, WIDTH, HEIGHT)
        os.rename(self.source / "part", self.source / f"{name}.raw")

    def note(self, *words):
        self.trace.append(" ".join(str(word) for word in words))

    def check(self, true, *words):
        if not true:
            self.note("MISMATCH:", *words)
            logs = [line for one in self.mounts for line in ["", f"log of {one.point}:", *[line for line in one.log().splitlines()[-400:] if " debug " not in line][-12:]]]
            raise Mismatch(f"seed {self.seed}, after {sum(self.counts.values())} operations: {' '.join(map(str, words))}\n" + "\n".join(self.trace[-40:] + logs))

    def do(self, client, name, *arguments, allowed=(0,)):
        """The value of an operation that must give one of these errnos; None when it gave another than 0."""
        problem, value = self.clients[client].do(name, *arguments)
        self.worked = problem == 0
        self.check(problem in allowed, f"client {client}: {name} {short(arguments)} gave {errno.errorcode.get(problem, 'success')} ({value if problem else short(value)})",
                   "instead of", " or ".join(errno.errorcode.get(one, "success") for one in allowed))
        return None if problem else value

    def fresh(self, file, data):
        """Checks that `data` is a file of this recording's tensor; gives it back."""
        name, period = SPECS[file.spec]
        want = tensors.tensor_of(name, encoders.shifted("evt2", scenes_of(self.versions[file.name])), period, HEIGHT, WIDTH)
        with scratch(data) as copy, h5py.File(copy.name, "r") as opened:
            got = opened["data"][:]
        self.check(got.shape == want.shape and np.allclose(got, want, rtol=0, atol=2e-6), "the tensor of", file.key, "is another")
        return data

    def handle(self, **wanted):
        found = [one for one in self.handles if all(getattr(one, key) == value for key, value in wanted.items())]
        return self.random.choice(found) if found else None

    def any(self):
        return self.random.randrange(len(self.clients)), self.random.randrange(len(self.mounts)), self.random.choice(self.files)

    # --- Reading

    def open_to_read(self):
        client, mount, file = self.any()
        if sum(one.client == client for one in self.handles) > 20:
            return self.close_one()
        self.note("open", client, mount, file.key)
        fd = self.do(client, "open", self.path(mount, file), os.O_RDONLY)
        self.handles.append(Handle(client, mount, fd, file, False, file.committed))

    def read(self):
        one = self.handle()
        if not one:
            return self.open_to_read()
        want = bytes(one.file.session.view) if one.writes else one.snapshot
        offset = self.random.choice([0, self.random.randrange(len(want) + 50), max(0, len(want) - 100)])
        size = self.random.choice([1, 8, 512, 4096, self.random.randrange(1, len(want) + 100), 1 << 17])
        self.note("read", one.client, one.mount, one.file.key, "by the writer" if one.writes else "", offset, size)
        data = self.do(one.client, "read", one.fd, size, offset, allowed=(0, errno.ESTALE) if one.old else (0,))
        if data is not None:
            self.check(data == want[offset:offset + size], "read", one.file.key, offset, size, "gave", difference(data, want[offset:offset + size]))

    def whole(self):
        client, mount, file = self.any()
        how = self.random.choice(["whole", "map"])
        session = file.session
        if session and session.mount == mount and session.client == client:
            how = "whole"  # a map asks for the size, which is the writer's in its own process
        self.note(how, client, mount, file.key)
        data = self.do(client, how, self.path(mount, file))
        self.check(data == file.committed, how, file.key, "gave", difference(data, file.committed))

    def stat(self):
        client, mount, file = self.any()
        self.note("stat", client, mount, file.key)
        size, inode = self.do(client, "stat", self.path(mount, file))
        allowed = {len(file.committed)}
        if file.session and file.session.mount == mount and file.session.client == client:
            allowed = {len(file.session.view)}
        elif file.changed[0] != mount and time.monotonic() - file.changed[1] < 3:
            allowed |= file.sizes  # another mount's kernel may believe the size for a while
        self.check(size in allowed, "the size of", file.key, "is", size, "not", allowed)
        self.check(self.inodes.setdefault((mount, file.key), inode) == inode, "another inode of", file.key)

    def list(self):
        client, mount, file = self.any()
        self.note("list", client, mount, file.spec)
        names = self.do(client, "list", str(self.mounts[mount] / file.spec))
        self.check({f"{name}.h5" for name in self.versions} == set(names), "the folder has", names)

    def close_one(self):
        one = self.handle(writes=False)
        if one:
            self.close(one)

    def lock(self):
        one = self.handle()
        if not one:
            return self.open_to_read()
        how = self.random.choice([fcntl.LOCK_SH, fcntl.LOCK_EX, fcntl.LOCK_UN])
        others = [h.lock for h in self.handles if h is not one and h.file is one.file and h.mount == one.mount]
        conflict = how == fcntl.LOCK_EX and any(lock != fcntl.LOCK_UN for lock in others) or how == fcntl.LOCK_SH and fcntl.LOCK_EX in others
        self.note("flock", one.client, one.mount, one.file.key, how)
        self.do(one.client, "lock", one.fd, how, allowed=(errno.EAGAIN,) if conflict else (0,))
        # flock changes a lock by letting go of the old one first.
        one.lock = how if not conflict else fcntl.LOCK_UN

    # --- Writing

    def open_to_write(self):
        client, mount, file = self.any()
        path, session = self.path(mount, file), file.session
        flags = self.random.choice([os.O_RDWR, os.O_RDWR, os.O_RDWR | os.O_CREAT])
        self.note("open to write", client, mount, file.key)
        if session and (session.client, session.mount) != (client, mount):
            return self.do(client, "open", path, flags, allowed=(errno.EBUSY,))
        if session and session.handles > 2:
            return None
        fd = self.do(client, "open", path, flags)
        if session:
            session.handles += 1
        else:
            file.session = Session(client, mount, bytearray(file.committed))
        self.handles.append(Handle(client, mount, fd, file, True, None))

    def edit(self, data):
        """A state that h5py makes of `data` by some additions, changes and deletions; None when it cannot."""
        with scratch(data) as copy:
            try:
                with h5py.File(copy.name, "r+") as file:
                    added = [name for name in file if name not in ("data", "last_timestamps")]
                    for _ in range(self.random.randrange(1, 4)):
                        kind, name = self.random.randrange(6), self.random.choice(NAMES)
                        values = np.full(self.random.randrange(1, 300), self.random.randrange(1 << 30))
                        if kind == 0 and added and (gone := self.random.choice(added)) in file:
                            del file[gone]
                        elif kind == 1:
                            file.attrs[name] = values[:8]
                        elif name in file:
                            if getattr(file[name], "shape", None) == values.shape:
                                file[name][:] = values
                            file[name].attrs["note"] = str(values[0])
                        elif kind == 2:
                            file.create_dataset(name, data=values, chunks=True, compression="gzip")
                        elif kind == 3:
                            file.create_group(name).attrs["n"] = int(values[0])
                        else:
                            file[name] = values
                with open(copy.name, "rb") as edited:
                    new = edited.read()
                # What half of an edit left and libhdf5 took may be odd enough for the next edit to break it.
                return new if contents(new) is not None else None
            except (OSError, RuntimeError, KeyError, ValueError):
                return None

    def write(self):
        one = self.handle(writes=True)
        if not one:
            return self.open_to_write()
        session = one.file.session
        if session.goal is None:
            session.goal = self.edit(bytes(session.view)) if session.valid else None
            if session.goal is None:
                return self.abandon(one)
            session.left = pieces(bytes(session.view), session.goal, self.random)
        step = self.random.randrange(12)
        if step == 0:
            return self.scribble(one)
        # Now and then all that is left, so that many sessions commit.
        count = len(session.left) if step > 5 else self.random.randrange(1, 4)
        now, session.left = session.left[:count], session.left[count:]
        self.note("write", one.client, one.mount, one.file.key, *((offset, len(data)) for offset, data in now))
        self.do(one.client, "write", one.fd, now)
        for offset, data in now:
            session.view[len(session.view):] = bytes(max(0, offset - len(session.view)))
            session.view[offset:offset + len(data)] = data
        session.dirty = session.dirty or bool(now)
        session.valid = None
        if not session.left:
            if len(session.view) != len(session.goal):
                self.do(one.client, "cut", one.fd, len(session.goal))
                session.view[len(session.goal):] = b""
                session.view[len(session.view):] = bytes(len(session.goal) - len(session.view))
                session.dirty = True
            self.check(bytes(session.view) == session.goal, "the model's own writes are wrong:", difference(session.view, session.goal))
            session.valid, session.goal = True, None

    def abandon(self, one):
        """Nothing to edit: closes, or resets a file that h5py does not read."""
        self.close(one)

    def scribble(self, one):
        """What may not be: into the tensor, or a file cut in it."""
        session, file = one.file.session, one.file
        with scratch(file.base) as copy, h5py.File(copy.name, "r") as opened:
            begin, size = opened["data"].id.get_offset(), opened["data"].nbytes
        if self.random.randrange(2):
            self.note("scribble", one.client, one.mount, file.key)
            self.do(one.client, "write", one.fd, [(begin + self.random.randrange(size), b"x")], allowed=(errno.EPERM,))
            session.refused = True
        else:
            self.note("cut the tensor", one.client, one.mount, file.key)
            self.do(one.client, "cut", one.fd, self.random.choice([0, begin, begin + size - 1]), allowed=(errno.EPERM,))

    def grow(self):
        """A file longer than its superblock says does not commit."""
        one = self.handle(writes=True)
        if not one:
            return self.open_to_write()
        session = one.file.session
        self.note("grow", one.client, one.mount, one.file.key)
        self.do(one.client, "cut", one.fd, len(session.view) + 100)
        session.view += bytes(100)
        session.valid, session.dirty, session.goal, session.left = False, True, None, []

    def outcome(self, session):
        """The errnos that committing may give."""
        if session.refused:
            # Of two reasons the one that was found first is told.
            return (errno.EPERM,) if session.valid else (errno.EPERM, errno.EIO)
        if not session.dirty or session.valid:
            return (0,)
        return (errno.EIO,) if session.valid is False else (0, errno.EIO, errno.EPERM)

    def commit(self, file, worked):
        session = file.session
        if worked and session.dirty:
            file.set(session.view, session.mount)
            if session.valid is None:
                session.valid = contents(session.view) is not None
            session.dirty = False
            session.goal, session.left = None, []

    def sync(self):
        one = self.handle(writes=True)
        if not one:
            return self.open_to_write()
        session = one.file.session
        self.note("fsync", one.client, one.mount, one.file.key)
        self.do(one.client, "sync", one.fd, allowed=self.outcome(session))
        self.commit(one.file, self.worked)

    def close_writer(self):
        one = self.handle(writes=True)
        if one:
            self.close(one)

    def close(self, one):
        self.handles.remove(one)
        if not one.writes:
            self.note("close", one.client, one.mount, one.file.key)
            return self.do(one.client, "close", one.fd)
        file, session = one.file, one.file.session
        self.note("close the writer", one.client, one.mount, file.key, f"(of {session.handles})")
        if session.handles > 1:
            session.handles -= 1
            return self.do(one.client, "close", one.fd)
        self.do(one.client, "close", one.fd, allowed=self.outcome(session))
        self.commit(file, self.worked)
        file.session = None

    def remove(self):
        client, mount, file = self.any()
        self.note("remove", client, mount, file.key)
        if file.session:
            return self.do(client, "remove", self.path(mount, file), allowed=(errno.EBUSY,))
        self.do(client, "remove", self.path(mount, file))
        file.set(file.base, mount)

    def refuse(self):
        client, mount, file = self.any()
        what = self.random.choice(list(REFUSALS))
        self.note("refused", what, client, mount, file.key)
        self.do(client, "refused", what, self.path(mount, file), str(self.mounts[mount] / file.spec / "other.h5"), allowed=(REFUSALS[what],))

    def add(self):
        """By h5py itself, start to end."""
        client, mount, file = self.any()
        if file.session or any(h.file is file and h.lock != fcntl.LOCK_UN for h in self.handles):
            return
        name = f"h{self.random.randrange(1000)}"
        before = contents(file.committed)
        if before is None or name in before:
            return
        values = np.arange(self.random.randrange(1, 500))
        if not addable(file.committed, name, values):
            return  # what half of an edit left and libhdf5 took: an ordinary file of these bytes takes no more either
        self.note("h5py adds", client, mount, file.key, name)
        self.do(client, "add", self.path(mount, file), name, values)
        data = self.do(client, "whole", self.path(mount, file))
        after = contents(data)
        self.check(after == {**before, name: values.tobytes()}, "h5py's additions to", file.key, "are not there")
        file.set(data, mount)

    # --- Ends

    def forget(self, gone):
        """Handles that ended without a close; their sessions are torn."""
        for one in [one for one in self.handles if gone(one)]:
            self.handles.remove(one)
            if one.writes:
                one.file.session = None

    def kill_client(self):
        client = self.random.randrange(len(self.clients))
        self.note("kill client", client)
        self.clients[client].kill()
        self.clients[client] = Client()
        self.forget(lambda one: one.client == client)

    def kill_daemon(self):
        """The daemon ends in the middle of whatever it does: a commit may be under way."""
        mount = self.random.randrange(len(self.mounts))
        one = self.handle(writes=True, mount=mount)
        busy = one and one.file.session.handles == 1 and self.random.randrange(3) > 0
        self.note("kill the daemon of", mount, f"while {one.client} closes {one.file.key}" if busy else "")
        where = self.mounts[mount]
        if busy:
            self.clients[one.client].begin("close", one.fd)
            time.sleep(self.random.random() * 0.03)
        pid = where.daemon
        os.kill(pid, signal.SIGKILL)
        self.check(gone(pid), "the daemon does not end")
        session = one.file.session if busy else None
        if busy:
            problem, _ = self.clients[one.client].end()
            if problem == 0:
                self.commit(one.file, 0 in self.outcome(session))
            self.handles.remove(one)
            one.file.session = None
        for other in [other for other in self.handles if other.mount == mount]:
            self.clients[other.client].do("close", other.fd)
        self.forget(lambda other: other.mount == mount)
        end_by_force(where.point)
        where.start()
        where.daemon = where.pid
        if busy and problem != 0 and session.dirty and session.valid is not False and not session.refused:
            # Before or after, as far as it had got.
            data = self.do(one.client, "whole", self.path(mount, one.file))
            self.check(data in (one.file.committed, bytes(session.view)), "neither before nor after:", one.file.key)
            one.file.set(data, mount)

    def remount(self):
        mount = self.random.randrange(len(self.mounts))
        for one in [one for one in self.handles if one.mount == mount]:
            self.close(one)
        self.note("remount", mount)
        self.mounts[mount].stop()
        self.mounts[mount].start()
        self.mounts[mount].daemon = self.mounts[mount].pid

    # --- Recordings

    def change_recording(self):
        """Replaced, grown or touched: what was added is carried over, the tensor is the new one's."""
        name = self.random.choice(list(self.versions))
        mine = [file for file in self.files if file.name == name]
        if any(file.session for file in mine):
            return
        how = self.random.choice(["replace", "touch", "rewrite"])
        self.note(how, name)
        path = self.source / f"{name}.raw"
        if how == "touch":
            os.utime(path)
        else:
            self.versions[name] += 1
            if how == "replace":
                self.put(name, self.versions[name])
            else:
                path.write_bytes(encoders.encode("evt2", scenes_of(self.versions[name]), WIDTH, HEIGHT))
        for one in self.handles:
            one.old = one.old or one.file.name == name
        time.sleep(1.2)  # names and attributes are believed for a second
        for file in mine:
            added, changed = contents(file.committed), file.committed != file.base
            file.sizes.clear()
            data = self.fresh(file, self.do(0, "whole", self.path(0, file)))
            now = contents(data)
            if added is not None:
                lost = {key: value for key, value in added.items() if (now or {}).get(key) != value}
                self.check(not lost, "additions to", file.key, "are not there any more:", list(lost), "of", list(added), "but", list(now or {}))
            file.committed = file.base = data
            if changed:
                # What the file is without additions is seen when they are taken back.
                self.do(0, "remove", self.path(0, file))
                file.base = self.fresh(file, self.do(0, "whole", self.path(0, file)))
                file.set(file.base, 0)

    # --- The walk

    def run(self, count):
        common = [(30, self.read), (14, self.open_to_read), (10, self.close_one), (8, self.stat), (6, self.whole), (4, self.list), (5, self.lock), (5, self.refuse),
                  (1.5, self.open_to_write), (4, self.write), (1, self.close_writer), (0.4, self.sync), (0.1, self.grow), (0.4, self.remove), (0.1, self.add),
                  (0.1, self.kill_client), (0.03, self.kill_daemon), (0.02, self.remount), (0.02, self.change_recording)]
        weights, operations = zip(*common)
        begin = time.monotonic()
        for number in range(count):
            operation = self.random.choices(operations, weights)[0]
            name = operation.__name__
            self.counts[name] = self.counts.get(name, 0) + 1
            start = time.monotonic()
            operation()
            self.seconds[name] = self.seconds.get(name, 0) + time.monotonic() - start
            if number % 2000 == 1999:
                most = sorted(self.seconds.items(), key=lambda one: -one[1])[:5]
                self.tell(f"{number + 1} operations in {time.monotonic() - begin:.0f} s; " + ", ".join(f"{name} {took:.0f} s" for name, took in most))
        for one in list(self.handles):
            self.close(one)
        for file in self.files:
            for mount in range(len(self.mounts)):
                data = self.do(0, "whole", self.path(mount, file))
                self.check(data == file.committed, "at the end", file.key, "is", difference(data, file.committed))

    def end(self):
        for client in self.clients:
            client.kill()


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
