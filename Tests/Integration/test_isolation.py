"""Who sees what when: readers beside a writer, snapshots over a commit, one writer at a time, several daemons on one store."""
import errno
import mmap
import os
import platform
import re
import signal
import time

import h5py
import numpy as np
import pytest

from toolbox import edits, stores
from toolbox.contents import contents, same
from toolbox.programs import Failed, Program, errno_of

SPEC = "histo/50ms"
MAPS = tuple(map(int, re.findall(r"\d+", platform.release())[:2])) >= (6, 6)
needs_maps = pytest.mark.skipif(not MAPS, reason="mmap under direct I/O needs Linux 6.6")

WRITE = """
file = h5py.File(path, 'r+')
file['new'] = np.arange(50_000)
file['old'][:100] = -1
file['data'].attrs['seen'] = 'by the writer'
file.flush()
"""


@pytest.fixture
def where(request, mount, library, store):
    return mount(library, "--sidecars", store, *getattr(request, "param", ()))


# The tests of what readers see, with the kernel's page cache as well.
either_cache = pytest.mark.parametrize("where", [(), ("--page-cache",)], ids=["direct", "page cache"], indirect=True)


@pytest.fixture
def path(where):
    """A virtual file with something added, committed."""
    path = where / SPEC / "evt3.h5"
    add_old(path)
    return path


def add_old(path):
    with h5py.File(path, "r+") as file:
        file["old"] = np.arange(20_000)


def refused(action, *allowed):
    with pytest.raises((OSError, RuntimeError, Failed)) as problem:
        action()
    assert errno_of(problem.value) in allowed, problem.value


# --- Readers beside a writer

@either_cache
def test_readers_during_a_session_see_the_committed_state(path):
    before, told, raw = contents(path), path.stat(), path.read_bytes()
    with open(path, "rb", buffering=0) as early, Program(locks=False) as writer, Program(locks=False) as reader:
        writer.do(WRITE, path=str(path))
        assert writer.do("sorted(file)") == ["data", "new", "old"]  # the writer sees its own
        after = path.stat()
        assert (after.st_size, after.st_mtime_ns) == (told.st_size, told.st_mtime_ns)
        assert os.fstat(early.fileno()).st_size == told.st_size
        assert path.read_bytes() == raw and os.pread(early.fileno(), len(raw), 0) == raw
        assert contents(path) == before
        assert reader.do("f = h5py.File(path, 'r')\nsorted(f), int(f['old'][0]), 'seen' in f['data'].attrs", path=str(path)) == (["data", "old"], 0, False)
        reader.do("f.close()")
        writer.do("file.close()")
        assert reader.do("f = h5py.File(path, 'r')\nsorted(f), int(f['old'][0]), f['data'].attrs['seen']") == (["data", "new", "old"], -1, "by the writer")
    assert path.stat().st_size > told.st_size


def test_the_writer_sees_its_own_size(path):
    with Program(locks=False) as writer:
        writer.do(WRITE, path=str(path))
        seen, end = writer.do("raw = file.id.get_vfd_handle()\nos.fstat(raw).st_size, int.from_bytes(os.pread(raw, 8, 40), 'little')")
        assert seen >= end > path.stat().st_size
        writer.do("file.close()")
    assert path.stat().st_size == len(path.read_bytes())


def test_a_second_handle_of_the_writer(path):
    """The same process may open the file again for writing, and sees its session through both."""
    with Program(locks=False) as writer:
        writer.do(WRITE, path=str(path))
        size = writer.do("other = os.open(path, os.O_RDWR)\nraw = file.id.get_vfd_handle()\nos.fstat(other).st_size")
        assert size == writer.do("os.fstat(raw).st_size")
        assert writer.do("os.pread(other, 96, 0) == os.pread(raw, 96, 0)")
        writer.do("os.close(other)")
        writer.do("file['more'] = 1\nfile.close()")
    with h5py.File(path) as file:
        assert sorted(file) == ["data", "more", "new", "old"]


@either_cache
def test_a_reader_keeps_its_snapshot_over_a_commit(path):
    """Bytes of the old state or ESTALE, never a mixture; also its size."""
    raw = path.read_bytes()
    with open(path, "rb", buffering=0) as early:
        assert os.pread(early.fileno(), 100, 0) == raw[:100]
        for number in range(3):
            with Program() as writer:
                writer.do("with h5py.File(path, 'r+') as file:\n    file['old'][...] = n\n    file[f'more {n}'] = np.arange(1000)", path=str(path), n=number)
            for offset in range(0, len(raw), 30_000):
                try:
                    assert os.pread(early.fileno(), 30_000, offset) == raw[offset:offset + 30_000]
                except OSError as problem:
                    assert problem.errno == errno.ESTALE
            assert os.pread(early.fileno(), 10, len(raw)) == b""
    with h5py.File(path) as file:
        assert sorted(file) == ["data", "more 0", "more 1", "more 2", "old"] and np.all(file["old"][:] == 2)


def test_a_reader_from_before_anything_was_added(where):
    """Its file ends where it ended, whatever is added meanwhile."""
    path = where / SPEC / "evt2.h5"
    raw = path.read_bytes()
    with open(path, "rb", buffering=0) as early, Program(locks=False) as reader:
        reader.do("file = h5py.File(path, 'r')", path=str(path))
        edits.rich(path)
        assert path.stat().st_size > len(raw)
        try:
            assert os.pread(early.fileno(), 2 * len(raw), 0) == raw
        except OSError as problem:
            assert problem.errno == errno.ESTALE
        assert reader.do("list(file)") == ["data"]
        os.remove(path)
    assert path.read_bytes() == raw


def test_an_h5py_reader_over_a_commit(path):
    """A dataset that an open reader had not touched before the commit."""
    with Program(locks=False) as reader:
        reader.do("f = h5py.File(path, 'r', rdcc_nbytes=0)", path=str(path))
        with h5py.File(path, "r+", locking=False) as file:
            file["old"][:] = 7
            file["new"] = 1
            for number in range(100):
                file.create_group(f"group {number}")
        assert reader.do("sorted(f)") == ["data", "old"]
        assert reader.do("f['old'][:].tolist() == list(range(20000))")
        reader.do("f.close()")
        assert reader.do("f = h5py.File(path, 'r')\nlen(f), int(f['old'][5])") == (103, 7)


@needs_maps
@either_cache
def test_a_memmap_over_a_commit(path):
    """np.memmap of the tensor and of an added dataset: what was mapped before stays readable and is never half of each."""
    with h5py.File(path) as file:
        data, old = file["data"], file["old"]
        frames = np.memmap(path, np.float32, "r", data.id.get_offset(), data.shape)
        values = np.memmap(path, old.dtype, "r", old.id.get_offset(), old.shape)
        tensor = data[:]
    assert np.array_equal(frames, tensor) and np.array_equal(values, np.arange(20_000))
    with Program() as writer:
        writer.do("with h5py.File(path, 'r+') as file:\n    file['old'][...] = 5\n    file['new'] = 1", path=str(path))
    assert np.array_equal(frames, tensor)
    with Program() as prober:  # a map may also die of SIGBUS, which is how it says ESTALE; so not in this process
        prober.do("first = np.memmap(path, dtype, 'r', offset, (20000,))", path=str(path), dtype="i8", offset=values.offset)
        assert prober.do("bool(np.all(first == 5))")
    with h5py.File(path) as file:
        assert np.array_equal(file["data"][:], tensor)


@needs_maps
@either_cache
def test_a_memmap_of_old_bytes_does_not_spoil_new_ones(path):
    """Who maps a file shares pages with all others: one who mapped the old state, and touches it after the commit, must not
    fill them with old bytes."""
    with h5py.File(path) as file:
        offset = file["old"].id.get_offset()
    with Program() as early:
        early.do("import mmap\nfile = open(path, 'rb')\nmap = mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ)\nmap[offset:offset + 8]", path=str(path), offset=offset)
        with Program() as writer:
            writer.do("with h5py.File(path, 'r+') as file:\n    file['old'][...] = 5", path=str(path))
        early.begin("bytes(map[offset:offset + 160000])")
        try:
            seen = np.frombuffer(early.end(), "i8")
        except Exception:
            seen = None  # SIGBUS
        assert seen is None or np.array_equal(seen, np.arange(20_000)) or np.all(seen == 5)
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ) as late:
            assert np.all(np.frombuffer(late[offset:offset + 160_000], "i8") == 5)
        with h5py.File(path) as file:
            assert np.all(file["old"][:] == 5)


@needs_maps
@either_cache
def test_writable_maps_change_nothing(where, path):
    before, tensor = path.read_bytes(), contents(path)["/data"]
    with h5py.File(path) as file:
        places = [16, file["data"].id.get_offset() + 100, file["old"].id.get_offset() + 100]
    with Program(locks=False) as program:
        try:
            program.do("""
import mmap
file = open(path, 'r+b')
map = mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
for place in places:
    map[place:place + 8] = b'scribble'
try:
    map.flush()
    flushed = True
except OSError as problem:
    flushed = problem.errno
try:
    map.close(); file.close()
except OSError:
    pass
""", path=str(path), places=places)
        except Failed as problem:  # refused when it is made is fine as well
            assert problem.errno in (errno.EPERM, errno.EACCES, errno.ENODEV), problem
    assert path.read_bytes() == before
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ) as shared:
        assert shared[:] == before
    after = contents(path)
    assert after["/data"] == tensor
    edits.tutorial(path)  # and it can be written as ever
    assert "/confidence" in contents(path)


# --- Two writers

@pytest.mark.parametrize("locks", [(True, True), (True, False), (False, True), (False, False)], ids=["locks", "first locks", "second locks", "no locks"])
def test_a_second_writer_is_refused(path, locks):
    """From the open for writing on, not from the first write. HDF5's lock says EAGAIN where it is on and asked first."""
    before = contents(path)
    with Program(locks=locks[0]) as one, Program(locks=locks[1]) as two:
        one.do("file = h5py.File(path, 'r+')", path=str(path))
        for mode in ("r+", "a"):
            refused(lambda: two.do("h5py.File(path, mode)", path=str(path), mode=mode), errno.EBUSY, *[errno.EAGAIN] * all(locks))
        for flags in (os.O_RDWR, os.O_WRONLY):
            refused(lambda: two.do("os.open(path, flags)", flags=flags), errno.EBUSY)
        one.do("file['one'] = 1\nfile.flush()")
        refused(lambda: two.do("h5py.File(path, 'r+')"), errno.EBUSY, *[errno.EAGAIN] * all(locks))
        assert contents(path) == before
        one.do("file.close()")
        two.do("file = h5py.File(path, 'r+')\nfile['two'] = int(file['one'][()]) + 1\nfile.close()")
    with h5py.File(path) as file:
        assert file["one"][()] == 1 and file["two"][()] == 2


def test_hdf5_locks(path):
    """As on any disk: a reader with locking on keeps writers with locking on out, and the other way round."""
    with Program() as reader, Program() as writer:
        reader.do("file = h5py.File(path, 'r')", path=str(path))
        refused(lambda: writer.do("h5py.File(path, 'r+')", path=str(path)), errno.EAGAIN)
        reader.do("file.close()")
        writer.do("file = h5py.File(path, 'r+')")
        refused(lambda: reader.do("h5py.File(path, 'r')"), errno.EAGAIN)
        writer.do("file.close()")
        reader.do("file = h5py.File(path, 'r')\nfile.close()")


def test_flock_between_processes(path):
    with Program() as one, Program() as two:
        for program in (one, two):
            program.do("import fcntl\nfile = os.open(path, os.O_RDONLY)", path=str(path))
        one.do("fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)")
        two.do("fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)")
        refused(lambda: two.do("fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)"), errno.EAGAIN)
        one.kill()
        two.do("fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)")


def test_a_killed_writer_gives_the_file_back(path, store):
    before = contents(path)
    with Program(locks=False) as one, Program(locks=False) as two:
        one.do(WRITE, path=str(path))
        one.kill()
        two.do("file = h5py.File(path, 'r+')\nnames = sorted(file)\nfile['two'] = 2\nfile.close()\n", path=str(path))
        assert two.do("names") == ["data", "old"]
    after = contents(path)
    assert after.pop("/two") and after == before
    assert len(stores.torn(store)) == 1


def test_a_failed_writer_gives_the_file_back(path):
    """An exception in the `with` block: h5py closes the file, so that what was done is committed, as on any disk."""
    with Program(locks=False) as program:
        with pytest.raises(Failed, match="in the middle"):
            program.do("with h5py.File(path, 'r+') as file:\n    file['half'] = 1\n    raise ValueError('in the middle')", path=str(path))
    with h5py.File(path, "r+") as file:
        assert file["half"][()] == 1


def test_writers_of_different_files_do_not_meet(where):
    paths = [where / SPEC / f"{name}.h5" for name in ("evt2", "evt3", "dat")] + [where / "histo/20ms/evt3.h5"]
    programs = [Program() for _ in paths]
    try:
        for number, (program, path) in enumerate(zip(programs, paths)):
            program.do("file = h5py.File(path, 'r+')\nfile['mine'] = n", path=str(path), n=number)
        for program in programs:
            program.do("file.close()")
    finally:
        for program in programs:
            program.__exit__()
    for number, path in enumerate(paths):
        with h5py.File(path) as file:
            assert file["mine"][()] == number


@pytest.mark.budget(100)
def test_writers_that_wait_for_each_other(path):
    """Four processes add to one file, each trying again while it is busy: nothing is lost."""
    step = """
for k in range(8):
    while True:
        try:
            file = h5py.File(path, 'r+')
            break
        except OSError as problem:
            assert problem.errno in (errno.EBUSY, errno.EAGAIN), problem
            time.sleep(0.01)
    file[f'{n} {k}'] = n * 100 + k
    file.close()
"""
    programs = [Program(locks=number % 2 == 0) for number in range(4)]
    try:
        for number, program in enumerate(programs):
            program.begin(step, dict(path=str(path), n=number))
        for program in programs:
            program.end(80)
    finally:
        for program in programs:
            program.__exit__()
    with h5py.File(path) as file:
        for n in range(4):
            for k in range(8):
                assert file[f"{n} {k}"][()] == n * 100 + k


# --- fork

@pytest.mark.parametrize("end", ["os._exit(0)", "os.kill(os.getpid(), 9)", "os.execvp('true', ['true'])"], ids=["exits", "killed", "exec"])
def test_a_forked_child_does_not_end_the_session(path, end):
    """A child (of a DataLoader, say) inherits the descriptor and closes it when it ends; the parent goes on and commits all."""
    with Program(locks=False) as program:
        program.do(f"""
file = h5py.File(path, 'r+')
file['before'] = np.arange(1000)
child = os.fork()
if child == 0:
    {end}
os.waitpid(child, 0)
file['after'] = np.arange(1000)
file.close()
""", path=str(path))
    with h5py.File(path) as file:
        assert sorted(file) == ["after", "before", "data", "old"] and file["after"][999] == 999


def test_the_end_of_a_child_commits_nothing(path):
    """What the parent has flushed stays its own until it closes the file itself."""
    before = contents(path)
    with Program(locks=False) as program:
        program.do("""
file = h5py.File(path, 'r+')
file['half'] = np.arange(1000)
file.flush()
child = os.fork()
if child == 0: os._exit(0)
os.waitpid(child, 0)
""", path=str(path))
        assert contents(path) == before
        program.kill()
    assert contents(path) == before


def test_a_child_that_outlives_the_writer(path):
    """The parent has closed the file: its additions are there, though a child still holds the descriptor."""
    with Program(locks=False) as program:
        child = program.do("""
file = h5py.File(path, 'r+')
file['new'] = np.arange(1000)
child = os.fork()
if child == 0:
    time.sleep(60)
    os._exit(0)
file.close()
child
""", path=str(path))
        try:
            with h5py.File(path, locking=False) as file:
                assert "new" in file
        finally:
            os.kill(child, signal.SIGKILL)
    with h5py.File(path) as file:
        assert "new" in file and "old" in file


# --- Several mounts on one store

def test_two_mounts_share_a_store(mount, library, store, where, path):
    """What one commits the other shows at the next open, and there is one writer for both."""
    other = mount(library, "--sidecars", store) / SPEC / "evt3.h5"
    assert contents(other) == contents(path)
    size = other.stat().st_size
    with Program(locks=False) as one, Program(locks=False) as two:
        one.do(WRITE, path=str(path))
        refused(lambda: two.do("h5py.File(path, 'r+')", path=str(other)), errno.EBUSY)
        refused(lambda: two.do("os.remove(path)"), errno.EBUSY)
        assert other.stat().st_size == size
        one.do("file.close()")
        assert two.do("file = h5py.File(path, 'r+')\nsorted(file)") == ["data", "new", "old"]
        refused(lambda: one.do("h5py.File(path, 'r+')"), errno.EBUSY)
        two.do("file['two'] = 2\nfile.close()")
        assert one.do("file = h5py.File(path, 'r')\nsorted(file)") == ["data", "new", "old", "two"]
    got, want = contents(other), contents(path)
    same(got, want)
    os.remove(other)
    assert list(contents(path)) == ["/", "/data"]


@needs_maps
def test_a_memmap_on_another_mount(mount, library, store, path):
    """The kernel holds pages for each mount; a commit through one must not leave old ones in the other."""
    other = mount(library, "--sidecars", store) / SPEC / "evt3.h5"
    with h5py.File(other) as file:
        offset = file["old"].id.get_offset()

    def mapped():
        return np.array(np.memmap(other, "i8", "r", offset, (20_000,)))

    assert np.array_equal(mapped(), np.arange(20_000))
    for value in range(5):
        with h5py.File(path, "r+") as file:
            file["old"][:] = value
        assert np.all(mapped() == value)


def test_mounts_that_write_in_turn(mount, library, store, path):
    """The second mount has the file open for reading, and its size known, all the while."""
    other = mount(library, "--sidecars", store) / SPEC / "evt3.h5"
    for number in range(10):
        one, two = (path, other) if number % 2 else (other, path)
        with h5py.File(one, "r+") as file:
            file[f"{number}"] = np.arange(number * 500)
        with h5py.File(two, "r") as file:
            assert len(file[f"{number}"]) == number * 500 and len(file) == number + 3


def test_the_lock_of_a_killed_daemon_is_free(mount, library, store, where, path):
    other = mount(library, "--sidecars", store)
    before = contents(path)
    with Program(locks=False) as one, Program(locks=False) as two:
        one.do(WRITE, path=str(path))
        refused(lambda: two.do("h5py.File(path, 'r+')", path=str(other / SPEC / "evt3.h5")), errno.EBUSY)
        os.kill(where.pid, signal.SIGKILL)
        deadline = time.monotonic() + 5
        while True:
            try:
                two.do("file = h5py.File(path, 'r+')")
                break
            except Failed as problem:
                assert problem.errno == errno.EBUSY and time.monotonic() < deadline, problem
                time.sleep(0.05)
        assert two.do("sorted(file)") == ["data", "old"]
        two.do("file['two'] = 2\nfile.close()")
        refused(lambda: one.do("raw = file.id.get_vfd_handle()\nos.pwrite(raw, b'x', 0)"), errno.ENOTCONN, errno.ECONNABORTED)
    after = contents(other / SPEC / "evt3.h5")
    assert after.pop("/two") and after == before
    assert len(stores.torn(store)) == 1
    mount(library, "--sidecars", store, point=where.point)
    assert contents(path) == contents(other / SPEC / "evt3.h5")


@either_cache
def test_readers_while_a_writer_commits_again_and_again(path):
    """Every open sees one state: a counter that is in two datasets, an attribute and a name."""
    step = """
for k in range(1, 25):
    with h5py.File(path, 'r+') as file:
        for name in ('counter one', 'counter two'):
            if name in file: del file[name]
            file[name] = np.full(3000, k)
        file.attrs['counter'] = k
"""
    check = """
seen = set()
while not os.path.exists(stop):
    try:
        with h5py.File(path, 'r') as file:
            k = int(file.attrs.get('counter', 0))
            same = not k or np.all(file['counter one'][:] == k) and np.all(file['counter two'][:] == k)
    except Exception as problem:  # h5py makes a KeyError of some
        if 'errno = 116' not in str(problem): raise  # ESTALE
    else:
        assert same, k
        seen.add(k)
sorted(seen)
"""
    stop = path.parents[2].parent / "stop"
    with Program(locks=False) as writer, Program(locks=False) as one, Program(locks=False) as two:
        for reader in (one, two):
            reader.begin(check, dict(path=str(path), stop=str(stop)))
        try:
            writer.do(step, path=str(path))
        finally:
            stop.touch()
        for reader in (one, two):
            seen = reader.end()
            assert len(seen) > 1 and max(seen) <= 24, seen
