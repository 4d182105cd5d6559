"""Writers and daemons that are killed at any moment of a session: the next open shows exactly the state before it, one that fsync
returned for, or the one after it, by all contents; never a file that cannot be read. EVH5_CRASH_POINTS=200 is the full matrix: so many times
a writer, and so many times a daemon is killed, half of them at random moments and half at the n-th call or change."""
import collections
import contextlib
import os
import random
import shutil
import signal
import threading
import time

import h5py
import numpy as np
import pytest

from toolbox import edits, stores
from toolbox.contents import contents, same
from toolbox.mounting import gone, is_mounted
from toolbox.programs import Ended, Failed, Program
from toolbox.watching import Watch

POINTS = int(os.environ.get("EVH5_CRASH_POINTS", "12")) // 2
SPEC = "histo/50ms"
pytestmark = [pytest.mark.budget(60 + 10 * POINTS), pytest.mark.timeout(120 + 12 * POINTS)]

# Each session takes the open `file` from whatever state it is in to the next; n makes its names and values new. `mark()` stands where a
# user would call fsync, and does so in half of the sessions.
SESSIONS = {
    "create": """
group = file.create_group(f'session {n}')
for k in range(12):
    group.create_dataset(f'{k}', data=np.full(2000, n * 100 + k), compression='gzip' if k % 3 == 0 else None)
    group[f'{k}'].attrs['session'] = n
    if k == 6: mark()
group['text'] = ['one', 'two' * n]
file['data'].attrs['session'] = n
""",
    "grow": """
for name in ('rows', 'texts'):
    item = file[name]
    for k in range(10):
        length = len(item)
        item.resize(length + 40, 0)
        item[length:] = [f'{n} {k}'] * 40 if name == 'texts' else np.full((40, 30), n * 10 + k)
        if k == 5: mark()
file.attrs['rows'] = len(file['rows'])
""",
    "overwrite": """
file['contiguous'][:] = np.arange(20000) + n
mark()
file['packed'][:, ::2] = n
for k in range(20):
    file['contiguous'].attrs[f'{k}'] = n + k
file['rows'][:30] = -n
""",
    "delete": """
for name in [name for name in file if name.startswith('session')][:-1]:
    del file[name]
mark()
del file['contiguous']
file['contiguous'] = np.arange(20000) * n
for k in list(file.attrs):
    if k.startswith('temporary'): del file.attrs[k]
file.attrs[f'temporary {n}'] = 'x' * 1000
""",
}
KINDS = list(SESSIONS)


def prepare(path):
    with h5py.File(path, "r+") as file:
        file["contiguous"] = np.arange(20_000)
        file.create_dataset("packed", data=np.arange(40_000).reshape(200, 200), chunks=(20, 200), compression="gzip")
        file.create_dataset("rows", (10, 30), "i8", maxshape=(None, 30), chunks=(16, 30))
        file.create_dataset("texts", (0,), h5py.string_dtype(), maxshape=(None,), chunks=(16,))
    edits.references(path)


# In the writer: h5py as users open files, or on a Python file object that counts what HDF5 asks of the system and kills the process at
# the number-th call: before it, in the middle of a write, or after it.
WRITER = """
import signal

class Dying:
    def __init__(self, path, number, moment):
        self.raw, self.number, self.moment, self.calls, self.place = os.open(path, os.O_RDWR), number, moment, 0, 0

    def call(self, action, half=None):
        self.calls += 1
        now = self.calls == self.number
        if now and (self.moment == 'before' or self.moment == 'in' and half is None): os.kill(os.getpid(), signal.SIGKILL)
        if now and self.moment == 'in': half(); os.kill(os.getpid(), signal.SIGKILL)
        result = action()
        if now: os.kill(os.getpid(), signal.SIGKILL)
        return result

    def seek(self, offset, whence=0):
        self.place = offset if whence == 0 else self.place + offset if whence == 1 else os.fstat(self.raw).st_size + offset
        return self.place

    def tell(self): return self.place

    def readinto(self, buffer):
        data = os.pread(self.raw, len(buffer), self.place)
        buffer[:len(data)] = data
        self.place += len(data)
        return len(data)

    def read(self, size=-1):
        data = os.pread(self.raw, size, self.place)
        self.place += len(data)
        return data

    def write(self, data):
        data, place = bytes(data), self.place
        self.call(lambda: os.pwrite(self.raw, data, place), lambda: os.pwrite(self.raw, data[:len(data) // 2 + 1], place))
        self.place += len(data)
        return len(data)

    def truncate(self, size=None): self.call(lambda: os.ftruncate(self.raw, self.place if size is None else size))
    def flush(self): pass
    def sync(self): self.call(lambda: os.fsync(self.raw))
    def close(self): self.call(lambda: os.close(self.raw))


def session(path, code, n, synced, number=None, moment=None, marked=lambda file: None):
    dying = Dying(path, number, moment) if number is not None else None
    file = h5py.File(dying, "r+") if dying else h5py.File(path, "r+", locking=False)
    def mark():
        file.flush()
        if synced: dying.sync() if dying else os.fsync(file.id.get_vfd_handle())
        marked(file)
    exec(code, dict(file=file, n=n, mark=mark, np=np, h5py=h5py))
    file.close()
    if dying: dying.close()
    return dying.calls if dying else None
"""


@pytest.fixture
def matrix(mount, library, tmp_path):
    return Matrix(mount, library, tmp_path)


class Matrix:
    """One virtual file that goes through session after session, each killed at another moment."""

    def __init__(self, mount, library, folder):
        self.mount, self.library, self.folder, self.store = mount, library, folder, folder / "store"
        self.where = mount(library, "--sidecars", self.store)
        self.path = self.where / SPEC / "evt3.h5"
        self.outcomes = collections.Counter()
        self.random = random.Random(17)
        prepare(self.path)
        self.state = contents(self.path)

    def again(self):
        """A daemon for the mount point of the one that was killed."""
        self.where = self.mount(self.library, "--sidecars", self.store, point=self.where.point)

    def expected(self, kind, n, synced):
        """(states that fsync returns for, the state after), by the same session on an ordinary copy."""
        copy, marked, states = self.folder / "copy.h5", self.folder / "marked.h5", []
        shutil.copyfile(self.path, copy)
        names = dict(h5py=h5py, np=np, os=os)
        exec(WRITER, names)

        def keep(file):
            shutil.copyfile(copy, marked)
            states.append(contents(marked))

        names["session"](str(copy), SESSIONS[kind], n, False, marked=keep)
        return states if synced else [], contents(copy)

    def check(self, what, middle, after):
        """Reads the file and counts which state it is in; all must be one of them."""
        got = contents(self.path)
        for name, state in (("before", self.state), *(("at an fsync", state) for state in middle), ("after", after)):
            if got == state:
                self.outcomes[name] += 1
                self.state = got
                return name
        same(got, self.state, f"{what}: not the state before")
        same(got, after, f"{what}: nor the state after")

    def finish(self):
        """The mount works: a last session, undisturbed."""
        edits.tutorial(self.path)
        after = contents(self.path)
        assert after.pop("/confidence") and after == self.state
        os.remove(self.path)
        assert sorted(contents(self.path)) == ["/", "/data"]

    def summary(self, what, measured):
        measured(f"{what}: " + ", ".join(f"{count} {name}" for name, count in sorted(self.outcomes.items())) + f"; {len(stores.torn(self.store))} torn sessions kept")


def lengths(matrix):
    """{(kind, synced): seconds} of undisturbed sessions, from open to close."""
    out = {}
    with Program(locks=False) as program:
        program.do(WRITER)
        for n, (kind, synced) in enumerate(2 * [(kind, synced) for synced in (False, True) for kind in KINDS]):  # the first ones warm everything up
            begin = time.monotonic()
            program.do("session(path, code, n, synced)", path=str(matrix.path), code=SESSIONS[kind], n=1000 + n, synced=synced)
            out[kind, synced] = time.monotonic() - begin
    matrix.state = contents(matrix.path)
    return out


def test_writers_killed_at_random_moments(matrix, measured):
    seconds = lengths(matrix)
    for point in range(POINTS):
        kind, n, synced = KINDS[point % len(KINDS)], point + 1, point // len(KINDS) % 2 == 1
        middle, after = matrix.expected(kind, n, synced)
        with Program(locks=False) as program:
            program.do(WRITER)
            program.begin("session(path, code, n, synced)", dict(path=str(matrix.path), code=SESSIONS[kind], n=n, synced=synced))
            time.sleep(seconds[kind, synced] * 1.1 * matrix.random.random() ** 3)  # most of it is the close, which the daemon ends alone
            program.kill()
        matrix.check(f"{kind} {n}", middle, after)
    matrix.summary(f"writer killed at {POINTS} random moments of sessions of {span(seconds)}", measured)
    matrix.finish()


def test_writers_killed_at_a_call(matrix, measured):
    """Before, in the middle of, and after a write, truncate, fsync or close of HDF5's, one after the other."""
    with Program(locks=False) as program:
        program.do(WRITER)
        calls = {(kind, synced): program.do("session(path, code, n, synced, 0, 'before')", path=str(matrix.path), code=SESSIONS[kind], n=2000 + n + 10 * synced, synced=synced)
                 for synced in (False, True) for n, kind in enumerate(KINDS)}
    matrix.state = contents(matrix.path)
    assert min(calls.values()) > 5
    for point in range(POINTS):
        kind, n, synced = KINDS[point % len(KINDS)], point + 1, point // len(KINDS) % 2 == 1
        moment = ("before", "in", "after")[point % 3]
        # Spread evenly over the calls; the last ones, where the end of the session is, come in any case.
        number = calls[kind, synced] - point // 2 % 3 if point % 4 == 3 else max(1, round(calls[kind, synced] * (point + 1) / POINTS))
        middle, after = matrix.expected(kind, n, synced)
        with Program(locks=False) as program:
            program.do(WRITER)
            program.begin("session(path, code, n, synced, number, moment)",
                          dict(path=str(matrix.path), code=SESSIONS[kind], n=n, synced=synced, number=number, moment=moment))
            try:
                program.end()
            except Ended:
                pass
            program.kill()
        found = matrix.check(f"{kind} {n}, killed {moment} call {number} of about {calls[kind, synced]}", middle, after)
        assert found != "at an fsync" or synced
    matrix.summary(f"writer killed at {POINTS} calls of HDF5's, of {min(calls.values())} to {max(calls.values())} in a session", measured)
    matrix.finish()


def kill_daemon(matrix, program, synced, kind, n, killer):
    """Runs a session; `killer` starts something that kills the daemon."""
    pid = matrix.where.pid
    dead = threading.Event()

    def kill():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        dead.set()

    with killer(kill):
        program.begin("session(path, code, n, synced)", dict(path=str(matrix.path), code=SESSIONS[kind], n=n, synced=synced))
        try:
            program.end()
            finished = True
        except (Failed, Ended):
            finished = False
    if not dead.is_set():
        kill()
    assert gone(pid)
    return finished


def span(seconds):
    return f"{min(seconds.values()) * 1000:.0f} to {max(seconds.values()) * 1000:.0f} ms"


def daemons(matrix, measured, what, killer_of):
    for point in range(POINTS):
        kind, n, synced = KINDS[point % len(KINDS)], point + 1, point // len(KINDS) % 2 == 1
        middle, after = matrix.expected(kind, n, synced)
        with Program(locks=False) as program:
            program.do(WRITER)
            finished = kill_daemon(matrix, program, synced, kind, n, killer_of(kind, synced, point))
        matrix.again()
        found = matrix.check(f"{kind} {n}", middle, after)
        # Who was told that close went well finds its additions.
        assert found == "after" or not finished, f"{kind} {n}: close returned, and the state is {found}"
    matrix.summary(what, measured)
    matrix.finish()


def test_daemons_killed_at_random_moments(matrix, measured):
    seconds = lengths(matrix)

    def killer_of(kind, synced, point):
        @contextlib.contextmanager
        def killer(kill):
            timer = threading.Timer(seconds[kind, synced] * 1.1 * matrix.random.random() ** 2, kill)
            timer.start()
            yield
            timer.cancel()
            timer.join()
        return killer

    daemons(matrix, measured, f"daemon killed at {POINTS} random moments of sessions of {span(seconds)}", killer_of)


def test_daemons_killed_at_a_change_of_the_store(matrix, measured):
    """At the n-th file made, written, renamed or removed in the store."""
    changes = {}
    with Program(locks=False) as program:
        program.do(WRITER)
        for synced in (False, True):
            for n, kind in enumerate(KINDS):
                with Watch(matrix.store, -1, None) as watch:
                    program.do("session(path, code, n, synced)", path=str(matrix.path), code=SESSIONS[kind], n=3000 + n + 10 * synced, synced=synced)
                    time.sleep(0.1)
                    changes[kind, synced] = watch.count
    matrix.state = contents(matrix.path)

    def killer_of(kind, synced, point):
        # Half of the points lie in the last changes, where the commit is.
        count = changes[kind, synced]
        number = max(1, round(count * (point + 1) / POINTS)) if point % 2 else max(1, count - point // 2 % 30 - matrix.random.randrange(3))

        @contextlib.contextmanager
        def killer(kill):
            with Watch(matrix.store, number, kill):
                yield
        return killer

    daemons(matrix, measured, f"daemon killed at {POINTS} changes of the store, of {min(changes.values())} to {max(changes.values())} in a session", killer_of)


def test_killed_while_carrying_over(mount, library, source, tmp_path, measured):
    """The recording changes, and the daemon that carries its additions over is killed meanwhile, again and again."""
    shutil.copy(library / "evt3.raw", source / "a.raw")
    store = tmp_path / "store"
    where = mount(source, "--sidecars", store)
    path = where / SPEC / "a.h5"
    edits.rich(path)
    before = contents(path)
    outcomes = collections.Counter()
    data = (library / "evt3.raw").read_bytes()
    for point in range(max(3, POINTS // 2)):
        # A little shorter each time: fewer frames or events, another layout.
        (source / "part").write_bytes(data[:len(data) - 20_000 * (point % 8 + 1) & ~1])
        os.rename(source / "part", source / "a.raw")
        pid = where.pid
        number = 1 + point * 3

        def kill():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

        with Watch(store, number, kill):
            try:
                contents(path)
                outcomes["not killed"] += 1
            except (OSError, KeyError, RuntimeError):  # h5py's, of a file that can no longer be read
                outcomes["killed"] += 1
        kill()
        assert gone(pid)
        where = mount(source, "--sidecars", store, point=where.point)
        with h5py.File(path) as file:
            count = len(file["data"])
        after = contents(path)
        assert after["/types/boxes"] == before["/types/boxes"] and after["/storage/gzip"] == before["/storage/gzip"] and after["/links/soft"] == before["/links/soft"]
        assert len(after) == len(before) and count > 0
    measured("daemon killed while it carries additions over: " + ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items())) + "; all additions there each time")
    edits.change_and_delete(path)


@pytest.mark.parametrize("how", ["SIGTERM", "lazy unmount"])
def test_a_mount_that_ends_under_a_writer(mount, library, evh5, tmp_path, how):
    """Its session is rolled back, or, where the writer can go on, committed when it closes; close says which."""
    store = tmp_path / "store"
    where = mount(library, "--sidecars", store)
    path = where / SPEC / "evt3.h5"
    edits.tutorial(path)
    before, pid = contents(path), where.pid
    with Program(locks=False) as writer:
        writer.do("file = h5py.File(path, 'r+')\nfile['new'] = np.arange(100000)\nfile.flush()", path=str(path))
        if how == "SIGTERM":
            os.kill(pid, signal.SIGTERM)
            time.sleep(0.5)
        else:
            evh5.run("unmount", "--lazy", where.point, check=0)
        try:
            writer.do("file['newer'] = 1\nfile.close()")
            committed = True
        except (Failed, Ended):
            committed = False
    where = mount(library, "--sidecars", store, point=where.point)
    after = contents(path)
    if committed:
        assert after.pop("/new") and after.pop("/newer")
    same(after, before)
    edits.attributes(path)


def test_mounts_that_died_are_no_obstacle(mount, library, tmp_path):
    """A leftover session of a killed daemon, and nobody opens the file until much later: a listing, a status and a remove work."""
    store = tmp_path / "store"
    where = mount(library, "--sidecars", store)
    path = where / SPEC / "evt3.h5"
    edits.tutorial(path)
    before = contents(path)
    with Program(locks=False) as writer:
        writer.do("file = h5py.File(path, 'r+')\nfile['new'] = np.arange(100000)\nfile.flush()", path=str(path))
        os.kill(where.pid, signal.SIGKILL)
        time.sleep(0.2)
    where = mount(library, "--sidecars", store, point=where.point)
    assert "evt3.h5" in os.listdir(path.parent) and is_mounted(where.point)
    assert path.stat().st_size == len(path.read_bytes())
    assert contents(path) == before
    edits.attributes(path)
    assert len(stores.torn(store)) == 1
    os.remove(path)
    assert sorted(contents(path)) == ["/", "/data"]
