"""What may not be done to virtual files: the errno, at the right call, a line of the log for it; and afterwards all is as it was."""
import collections
import contextlib
import errno
import os
import shutil
import subprocess
import time

import h5py
import numpy as np
import pytest

from toolbox import edits, stores
from toolbox.contents import contents, same
from toolbox.programs import Ended, Failed, Program, errno_of

IS_ROOT = os.getuid() == 0
SPEC = "histo/50ms"


@pytest.fixture
def where(mount, library, store):
    return mount(library, "--sidecars", store, "--log-level", "info")


@pytest.fixture
def path(where):
    """A virtual file with something added, committed."""
    path = where / SPEC / "evt3.h5"
    edits.tutorial(path)
    return path


@pytest.fixture
def unharmed(where, path):
    """A context: what happens in it must leave the committed state, and the file must take additions afterwards."""
    @contextlib.contextmanager
    def check():
        before, raw, told = contents(path), path.read_bytes(), path.stat()
        yield
        after = contents(path)
        same(after, before)
        assert path.read_bytes() == raw
        now = path.stat()
        assert (now.st_size, now.st_mtime_ns, now.st_mode, now.st_ino) == (told.st_size, told.st_mtime_ns, told.st_mode, told.st_ino)
        edits.attributes(path)
        assert "/attributes" in contents(path)
    return check


def refused(where, action, *allowed, words=()):
    """The action fails with one of these errnos, and a new line of the log says these words."""
    lines = len(where.log().splitlines())
    with pytest.raises((OSError, RuntimeError, Failed)) as problem:
        action()
    assert errno_of(problem.value) in allowed, problem.value
    deadline = time.monotonic() + 3
    while True:
        new = where.log().splitlines()[lines:]
        if any(all(word in line for word in words) for line in new):
            return problem.value
        assert time.monotonic() < deadline, f"no line with {words} among {new}"
        time.sleep(0.05)


# --- The tensor

def test_a_plain_write_into_the_tensor(where, path, unharmed):
    """EPERM at the write; the close fails as well, and what else was written in the session does not stay."""
    with unharmed():
        with h5py.File(path) as file:
            offset, size = file["data"].id.get_offset(), file["data"].nbytes
            other = file["confidence"].id.get_offset()
        for place in (offset, offset + size // 2 + 1, offset + size - 1, offset - 10):
            raw = os.open(path, os.O_RDWR)
            os.pwrite(raw, b"12345678", other)
            refused(where, lambda: os.pwrite(raw, b"scribble" * 2, place), errno.EPERM, words=["evt3", "/data"])
            assert os.pread(raw, 16, offset) is not None
            with pytest.raises(OSError) as problem:
                os.close(raw)
            assert problem.value.errno == errno.EPERM


@pytest.mark.parametrize("step", ["file['data'][...] = np.ones(file['data'].shape, 'f4')", "file['data'][3] = 0", "data = file['data']\ndata[0, 0, 0, 0] = 1\nfile.flush()"])
def test_a_write_over_the_tensor_by_h5py(where, path, unharmed, step):
    """HDF5 keeps writes of less than 64 KiB for a while: the error comes at the assignment, the flush or the close, never not at all. (After a
    failed write of what it kept HDF5 2.0 may crash, on any disk.)"""
    with unharmed(), Program() as program:
        lines = where.log().count("\n")
        with pytest.raises((Failed, Ended)) as problem:
            program.do(f"file = h5py.File(path, 'r+')\nfile['also'] = 1\n{step}\nfile.close()", path=str(path))
        assert isinstance(problem.value, Ended) or errno_of(problem.value) == errno.EPERM, problem.value
        assert any("/data" in line and "evt3" in line for line in where.log().splitlines()[lines:])


def test_a_small_write_over_the_tensor(where, path, unharmed):
    """By a handle of its own, so that HDF5 has nothing to trip over."""
    with unharmed(), Program() as program:
        program.do("file = h5py.File(path, 'r+')\nfile['also'] = 1\nfile.flush()\noffset = file['data'].id.get_offset()\nraw = file.id.get_vfd_handle()", path=str(path))
        refused(where, lambda: program.do("os.pwrite(raw, bytes(100), offset + 12345)"), errno.EPERM, words=["evt3", "/data"])
        refused(where, lambda: program.do("file.close()"), errno.EPERM, words=["evt3"])


def test_deleting_the_tensor(where, path, unharmed):
    """The close fails, and nothing of the session stays."""
    with unharmed(), Program() as program:
        program.do("file = h5py.File(path, 'r+')\nfile['also'] = np.arange(100)\ndel file['data']", path=str(path))
        refused(where, lambda: program.do("file.close()"), errno.EPERM, words=["evt3"])


def test_moving_the_tensor(where, path, unharmed):
    """Under another name, or with another dataset under its own."""
    for step in ("file.move('data', 'other')", "file.move('data', 'other')\nfile['data'] = np.arange(3)", "del file['data']\nfile['data'] = np.zeros((8, 2, 48, 64), 'f4')"):
        with unharmed(), Program() as program:
            program.do(f"file = h5py.File(path, 'r+')\n{step}", path=str(path))
            refused(where, lambda: program.do("file.close()"), errno.EPERM, words=["evt3"])
        os.remove(path)
        edits.tutorial(path)


def test_last_timestamps_are_the_tensors(where):
    path = where / "histo/500ev/evt3.h5"
    before = contents(path)
    with h5py.File(path) as file:
        offset = file["last_timestamps"].id.get_offset()
    raw = os.open(path, os.O_RDWR)
    refused(where, lambda: os.pwrite(raw, b"12345678", offset + 8), errno.EPERM, words=["evt3"])
    with pytest.raises(OSError):
        os.close(raw)
    assert contents(path) == before


def test_the_session_after_a_refused_write_is_torn(path, store):
    """Its bytes are kept aside."""
    torn = len(stores.torn(store))
    with Program() as program, pytest.raises(Failed):
        program.do("file = h5py.File(path, 'r+')\nfile['also'] = np.arange(1000)\nfile['data'][...] = np.ones(file['data'].shape)\nfile.close()", path=str(path))
    assert len(stores.torn(store, torn + 1)) == torn + 1


# --- What is no HDF5 file any more

@pytest.mark.parametrize("name", ["signature", "superblock", "end of file", "rubbish in an object", "nothing behind the tensor"])
def test_results_that_are_no_hdf5_file(where, path, unharmed, name):
    with h5py.File(path) as file:
        header = h5py.h5o.get_info(file["confidence"].id).addr
        tail = file["data"].id.get_offset() + file["data"].nbytes
    size = path.stat().st_size
    with unharmed():
        raw = os.open(path, os.O_RDWR)
        if name == "signature":
            os.pwrite(raw, b"rubbish!", 0)
        elif name == "superblock":
            os.pwrite(raw, b"\x02", 8)
        elif name == "end of file":
            os.ftruncate(raw, size + 1000)
        elif name == "rubbish in an object":
            os.pwrite(raw, os.urandom(16), header)
        else:
            os.pwrite(raw, bytes(size - tail), tail)
        refused(where, lambda: os.close(raw), errno.EIO, errno.EPERM, words=["evt3"])


FLIPS = int(os.environ.get("EVH5_FLIPS", "15"))


@pytest.mark.budget(60 + FLIPS)
@pytest.mark.timeout(120 + FLIPS)
def test_flipped_bytes(where, path, measured):
    """Bits changed anywhere but in the tensor: refused, with the state before in place, or committed, and then a file that opens and has its
    tensor. (Values are not looked at, and newer HDF5 finds faults in objects that older HDF5 reads.) EVH5_FLIPS=500 tries more."""
    os.remove(path)
    edits.rich(path)
    whole, good = path.read_bytes(), contents(path)
    with h5py.File(path) as file:
        begin, end = file["data"].id.get_offset(), file["data"].id.get_offset() + file["data"].nbytes
    random, outcomes = np.random.default_rng(5), collections.Counter()
    program = Program(path=str(path))
    try:
        for number in range(FLIPS):
            raw = os.open(path, os.O_RDWR)
            count = int(random.integers(1, 5))
            for _ in range(count):
                place = int(random.integers(0, begin) if random.integers(0, 4) == 0 else random.integers(end, len(whole)))
                os.pwrite(raw, bytes([whole[place] ^ 1 << int(random.integers(0, 8))]), place)
            try:
                os.close(raw)
            except OSError as problem:
                assert problem.errno in (errno.EIO, errno.EPERM), problem
                outcomes["refused"] += 1
                assert path.read_bytes() == whole
            else:
                outcomes["committed"] += 1
                assert "data" in program.do("with h5py.File(path, 'r') as file: names = list(file), file['data'][:], len(file.attrs)\nnames[0]"), number
                raw = os.open(path, os.O_RDWR)  # back to what it was
                os.ftruncate(raw, len(whole))
                for start, stop in ((0, begin), (end, len(whole))):
                    os.pwrite(raw, whole[start:stop], start)
                os.close(raw)
    finally:
        program.__exit__()
    same(contents(path), good)
    measured(f"{FLIPS} sessions that flipped bits outside of the tensor: " + ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items())))


def test_fsync_of_what_is_not_consistent(where, path, unharmed):
    """It fails, and the session goes on."""
    size = path.stat().st_size
    raw = os.open(path, os.O_RDWR)
    os.ftruncate(raw, size + 1000)
    refused(where, lambda: os.fsync(raw), errno.EIO, words=["evt3"])
    os.ftruncate(raw, size)
    os.fsync(raw)
    os.close(raw)
    with unharmed():
        pass


def test_fsync_commits(where, path):
    """What HDF5 has flushed is there for others, and durable, while the writer goes on."""
    with Program(locks=False) as writer:
        writer.do("file = h5py.File(path, 'r+')\nfile['one'] = 1\nfile.flush()", path=str(path))
        assert "/one" not in contents(path)
        writer.do("os.fsync(file.id.get_vfd_handle())")
        one = contents(path)
        assert "/one" in one
        writer.do("file['two'] = 2\nfile.flush()")
        assert contents(path) == one
        writer.kill()
    assert contents(path) == one


# --- Names, modes and sizes

def test_truncating_opens(where, path, unharmed):
    with unharmed():
        for action in (lambda: h5py.File(path, "w"), lambda: open(path, "w"), lambda: open(path, "wb"), lambda: os.open(path, os.O_RDWR | os.O_TRUNC),
                       lambda: os.open(path, os.O_RDONLY | os.O_TRUNC)):
            refused(where, action, errno.EPERM, words=["evt3"])
        for action in (lambda: h5py.File(path, "x"), lambda: h5py.File(path, "w-"), lambda: open(path, "x")):
            with pytest.raises(OSError) as problem:
                action()
            assert problem.value.errno == errno.EEXIST or "exists" in str(problem.value)


def test_cutting(where, path, unharmed):
    with h5py.File(path) as file:
        begin, end = file["data"].id.get_offset(), file["data"].id.get_offset() + file["data"].nbytes
    with unharmed():
        for size in (0, begin, end - 1, end, path.stat().st_size, 1 << 30):
            refused(where, lambda: os.truncate(path, size), errno.EPERM, words=["evt3"])
        for size in (0, begin, end - 1):
            raw = os.open(path, os.O_RDWR)
            refused(where, lambda: os.ftruncate(raw, size), errno.EPERM, words=["evt3"])
            with contextlib.suppress(OSError):
                os.close(raw)


def test_holes_and_preallocation(path, unharmed):
    """fallocate: not over the tensor; elsewhere HDF5 does not need it."""
    if shutil.which("fallocate") is None:
        pytest.skip("no fallocate here (apt: util-linux)")
    with h5py.File(path) as file:
        offset = file["data"].id.get_offset()
    with unharmed():
        for words in (["--punch-hole", "-o", offset, "-l", 4096], ["-o", offset, "-l", 4096], ["--zero-range", "-o", offset, "-l", 4096],
                      ["--collapse-range", "-o", 4096, "-l", 4096]):
            done = subprocess.run(["fallocate", *map(str, words), str(path)], capture_output=True, text=True, timeout=20)
            assert done.returncode != 0, words


def test_names(where, path, unharmed, library):
    folder = path.parent
    with unharmed():
        listing = sorted(os.listdir(folder)), sorted(os.listdir(folder.parent)), sorted(os.listdir(where.point))
        for action in (lambda: (folder / "new.h5").touch(), lambda: h5py.File(folder / "new.h5", "w"), lambda: (where.point / "new").touch(),
                       lambda: (folder / "new").mkdir(), lambda: (folder.parent / "77ms/new").mkdir(),
                       lambda: os.rename(path, folder / "new.h5"), lambda: os.rename(path, folder / "evt2.h5"), lambda: os.rename(folder / "evt2.h5", path),
                       lambda: os.link(path, folder / "new.h5"), lambda: os.symlink("evt3.h5", folder / "new.h5"), lambda: os.mkfifo(folder / "fifo"),
                       lambda: os.rmdir(folder), lambda: os.rename(folder, folder.parent / "other")):
            refused(where, action, errno.EPERM)
        assert (sorted(os.listdir(folder)), sorted(os.listdir(folder.parent)), sorted(os.listdir(where.point))) == listing


def test_modes_and_times(where, path, unharmed):
    with unharmed():
        for action in (lambda: os.chmod(path, 0o600), lambda: os.utime(path, (1, 1)), lambda: os.utime(path), lambda: os.chown(path, 1, 1), lambda: os.chmod(path.parent, 0o700)):
            refused(where, action, errno.EPERM)


def test_modes_that_are_shown(mount, library, store, tmp_path):
    import stat

    (tmp_path / "source").mkdir()
    shutil.copy(library / "evt3.raw", tmp_path / "source")
    (tmp_path / "source/notes.txt").write_text("notes")
    for flags, file, folder in (((), 0o644, 0o755), (("--read-only",), 0o444, 0o555), (("--file-mode", "0640", "--dir-mode", "0750"), 0o640, 0o750)):
        where = mount(tmp_path / "source", "--sidecars", store, *flags)
        assert stat.S_IMODE(os.stat(where / SPEC / "evt3.h5").st_mode) == file
        for place in ("", "histo", SPEC):
            assert stat.S_IMODE(os.stat(where.point / place).st_mode) == folder
        assert stat.S_IMODE(os.stat(where / SPEC / "notes.txt").st_mode) & 0o222 == 0


def test_companions(mount, source, library, store):
    shutil.copy(library / "evt3.raw", source)
    (source / "labels.npy").write_bytes(b"labels")
    where = mount(source, "--sidecars", store)
    companion = where / SPEC / "labels.npy"
    for action in (lambda: companion.open("ab"), lambda: companion.open("r+b"), lambda: companion.write_bytes(b""), lambda: os.truncate(companion, 0),
                   lambda: os.remove(companion), lambda: os.rename(companion, companion.with_name("other"))):
        refused(where, action, errno.EPERM, errno.EACCES)
    assert companion.read_bytes() == b"labels" == (source / "labels.npy").read_bytes()


@pytest.mark.skipif(not IS_ROOT or shutil.which("setpriv") is None, reason="needs root and setpriv")
def test_other_users(mount, library, store):
    """With --allow-other they read, and may not write what is not theirs; root may."""
    where = mount(library, "--sidecars", store, "--allow-other", "--follow-links")
    path = where / SPEC / "evt3.h5"
    with Program() as somebody:
        # Standing in the mount point, as nobody may not walk through the folders above it.
        somebody.do("os.chdir(point)\nos.setgid(65534)\nos.setgroups([])\nos.setuid(65534)\nos.stat(path)", point=str(where.point), path=f"{SPEC}/evt3.h5")
        assert somebody.do("h5py.File(path, 'r', locking=False)['data'][0].shape") == (2, 48, 64)
        for step in ("os.open(path, os.O_RDWR)", "os.open(path, os.O_WRONLY)", "h5py.File(path, 'r+')", "os.remove(path)"):
            with pytest.raises(Failed) as problem:
                somebody.do(step)
            assert problem.value.errno in (errno.EACCES, errno.EPERM), step
    edits.tutorial(path)
    assert "/confidence" in contents(path)


def test_removing_what_somebody_writes(where, path, unharmed):
    with unharmed(), Program(locks=False) as writer:
        writer.do("file = h5py.File(path, 'r+')", path=str(path))
        refused(where, lambda: os.remove(path), errno.EBUSY, words=["evt3"])
        writer.do("file.close()")


def test_removing_what_somebody_reads(path, store):
    """The reader keeps its snapshot."""
    raw, size = path.read_bytes(), path.stat().st_size
    with open(path, "rb", buffering=0) as early:
        os.remove(path)
        assert path.stat().st_size < size
        try:
            assert os.pread(early.fileno(), size, 0) == raw
        except OSError as problem:
            assert problem.errno == errno.ESTALE
    assert sorted(contents(path)) == ["/", "/data"]


# --- Mounts and stores that take nothing

def test_a_read_only_mount(mount, library, store, where, path):
    before = contents(path)
    other = mount(library, "--sidecars", store, "--read-only")
    shown = other / SPEC / "evt3.h5"
    assert contents(shown) == before
    for action in (lambda: h5py.File(shown, "r+"), lambda: h5py.File(shown, "a"), lambda: h5py.File(shown, "w"), lambda: open(shown, "r+b"), lambda: os.remove(shown),
                   lambda: os.truncate(shown, 0), lambda: os.rename(shown, shown.with_name("x.h5")), lambda: (shown.parent / "new").mkdir(),
                   lambda: (shown.parent / "new.h5").touch(), lambda: os.chmod(shown, 0o600), lambda: os.utime(shown)):
        with pytest.raises(OSError) as problem:
            action()
        assert problem.value.errno == errno.EROFS, problem.value
    edits.attributes(path)  # through the other mount
    assert contents(shown) == contents(path) != before


def test_a_read_only_mount_makes_no_store(mount, library, tmp_path):
    where = mount(library, "--sidecars", tmp_path / "none", "--read-only")
    assert sorted(contents(where / SPEC / "evt3.h5")) == ["/", "/data"]
    assert not (tmp_path / "none").exists()


@contextlib.contextmanager
def disk(folder, *options):
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", *options, str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.skipif(not IS_ROOT, reason="only root may mount a read-only folder")
def test_a_read_only_store(mount, library, store):
    first = mount(library, "--sidecars", store)
    edits.tutorial(first / SPEC / "evt3.h5")
    before = contents(first / SPEC / "evt3.h5")
    first.stop()
    with disk(store, "--bind", str(store)):
        subprocess.run(["mount", "-o", "remount,bind,ro", str(store)], check=True)
        where = mount(library, "--sidecars", store, "--log-level", "info")
        path = where / SPEC / "evt3.h5"
        assert contents(path) == before
        for action in (lambda: h5py.File(path, "r+"), lambda: os.remove(path), lambda: h5py.File(where / SPEC / "evt2.h5", "r+")):
            refused(where, action, errno.EROFS)
        assert contents(path) == before and sorted(contents(where / SPEC / "evt2.h5")) == ["/", "/data"]
        where.stop()
    again = mount(library, "--sidecars", store)
    assert contents(again / SPEC / "evt3.h5") == before
    edits.attributes(again / SPEC / "evt3.h5")


def test_a_store_that_cannot_be_made(mount, library, tmp_path):
    """Refused at once with a reason, or everything reads and writing says why not."""
    (tmp_path / "file").touch()
    where = mount(library, "--sidecars", tmp_path / "file/store", "--log-level", "info", start=False)
    try:
        where.start()
    except AssertionError as problem:
        assert "exit" in str(problem) and str(tmp_path / "file") in str(problem)
        return
    path = where / SPEC / "evt3.h5"
    assert sorted(contents(path)) == ["/", "/data"]
    refused(where, lambda: edits.tutorial(path), errno.ENOTDIR, errno.EIO, errno.EROFS, words=["store"])
    assert sorted(contents(path)) == ["/", "/data"]


@pytest.mark.skipif(not IS_ROOT, reason="only root may mount a small disk")
def test_a_full_disk(mount, library, evh5, tmp_path):
    """ENOSPC at the write, the committed state stands, and with room again the file takes additions."""
    with disk(tmp_path / "disk", "-t", "tmpfs", "-o", "size=8m", "evh5-test") as folder:
        where = mount(library, "--sidecars", folder / "store", "--log-level", "info")
        path = where / SPEC / "evt3.h5"
        edits.tutorial(path)
        before, raw = contents(path), path.read_bytes()
        handle = os.open(path, os.O_RDWR)

        def fill():
            for number in range(40):
                os.pwrite(handle, os.urandom(1 << 20), len(raw) + (number << 20))

        refused(where, fill, errno.ENOSPC, words=["evt3"])
        with contextlib.suppress(OSError):
            os.close(handle)
        assert contents(path) == before and path.read_bytes() == raw
        with Program() as program:
            refused(where, lambda: program.do("file = h5py.File(path, 'r+')\nfile['big'] = np.random.default_rng(1).random(3 << 20)\nfile.close()", path=str(path)),
                    errno.ENOSPC, errno.EIO)
        assert contents(path) == before and path.read_bytes() == raw
        for torn in stores.torn(folder / "store"):
            shutil.rmtree(torn)
        edits.attributes(path)
        assert "/attributes" in contents(path) and contents(path)["/confidence"] == before["/confidence"]
        after = contents(path)
        where.stop()
        again = mount(library, "--sidecars", folder / "store")
        assert contents(again / SPEC / "evt3.h5") == after
        again.stop()


@pytest.mark.skipif(not IS_ROOT, reason="only root may mount a small disk")
def test_a_disk_that_is_full_at_the_commit(mount, library, tmp_path):
    """Disks so small that the session's end meets them at another place each time."""
    outcomes = []
    with disk(tmp_path / "disk", "-t", "tmpfs", "-o", "size=2m", "evh5-test") as folder:
        where = mount(library, "--sidecars", folder / "store", "--log-level", "info")
        path = where / SPEC / "evt3.h5"
        edits.tutorial(path)
        states = [contents(path)]
        for number, left in enumerate([4, 8, 12, 16, 20, 24, 28, 32, 40, 48, 64, 96]):
            free = os.statvfs(folder).f_bavail * 4096
            (folder / "rest").write_bytes(bytes(max(0, free - (left << 10))))
            with Program() as program:
                try:
                    program.do("with h5py.File(path, 'r+') as file:\n    file[f'{n}'] = np.arange(1000)", path=str(path), n=number)
                    done = True
                except Failed as problem:
                    assert problem.errno in (errno.ENOSPC, errno.EIO), problem
                    done = False
                except Ended:  # HDF5 2.0 may crash when what it kept cannot be written
                    done = False
            (folder / "rest").unlink()
            now = contents(path)
            outcomes.append((f"/{number}" in now, done))
            assert (f"/{number}" in now) == done, (left, outcomes)
            assert {name: entry for name, entry in now.items() if name != f"/{number}"} == states[-1]
            states.append(now)
            for torn in stores.torn(folder / "store"):
                shutil.rmtree(torn)
        where.stop()
    assert (False, False) in outcomes and (True, True) in outcomes, outcomes
