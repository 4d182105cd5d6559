"""Recordings that appear, grow, change or vanish under the mount: followed, and never garbage."""
import errno
import faulthandler
import io
import mmap
import os
import signal
import time

import h5py
import numpy as np
import pytest

from toolbox import encoders, scenes, tensors

SECONDS = 6  # a name or size may be believed for a while


def wait_until(true, seconds=SECONDS):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "the mount did not follow"
        time.sleep(0.05)


def frames(path):
    with h5py.File(path) as file:
        return file["data"][:]


def expected(format, events, period=20_000):
    return tensors.tensor_of("timesurface", encoders.shifted(format, events), period, 48, 64)


def shows(path, format, events):
    """True when the file shows these events, False when it shows something of another size or cannot be read yet."""
    try:
        got = frames(path)
    except OSError:
        return False
    want = expected(format, events)
    return got.shape == want.shape and np.allclose(got, want, atol=2e-6)


def test_recordings_appear(mount, source, small):
    where = mount(source)
    assert os.listdir(where / "timesurface/20ms") == []
    assert not os.path.exists(where / "timesurface/20ms/a.h5")
    encoders.write(source / "a.raw", "evt2", small)
    wait_until(lambda: os.path.exists(where / "timesurface/20ms/a.h5"))
    wait_until(lambda: "a.h5" in os.listdir(where / "timesurface/20ms"))
    assert shows(where / "timesurface/20ms/a.h5", "evt2", small)
    encoders.write(source / "new/b.raw", "evt3", small)
    wait_until(lambda: os.path.exists(where / "timesurface/20ms/new/b.h5"))
    assert shows(where / "timesurface/20ms/new/b.h5", "evt3", small)


@pytest.mark.parametrize("format", encoders.FORMATS)
def test_recordings_grow(mount, source, small, format):
    """Appended to in pieces that end anywhere, even inside a word: what is complete is shown after the next open."""
    whole = encoders.encode(format, small, 64, 48)
    path = source / f"a.{encoders.EXTENSION[format]}"
    cut = len(whole) // 2 + 3
    path.write_bytes(whole[:cut])
    where = mount(source)
    shown = where / "timesurface/20ms/a.h5"
    early = frames(shown)
    assert 0 < len(early) < len(expected(format, small))
    assert np.allclose(early[:-1], expected(format, small)[:len(early) - 1], atol=2e-6)
    for end in (cut + 1001, len(whole) - 5, len(whole)):
        with open(path, "ab") as file:
            file.write(whole[path.stat().st_size:end])
    wait_until(lambda: shows(shown, format, small))
    assert shown.stat().st_size == len(shown.read_bytes())


def test_an_open_file_stays_what_it_was_while_its_recording_grows(mount, source, small):
    whole = encoders.encode("evt2", small, 64, 48)
    path = source / "a.raw"
    path.write_bytes(whole[:len(whole) // 2])
    where = mount(source)
    shown = where / "timesurface/20ms/a.h5"
    before = shown.read_bytes()
    with open(shown, "rb", buffering=0) as file:
        path.write_bytes(whole)  # in place, longer: the old words are still there
        time.sleep(1.1)
        wait_until(lambda: shown.stat().st_size > len(before))
        try:
            got = os.pread(file.fileno(), len(before), 0)
        except OSError as problem:
            assert problem.errno == errno.ESTALE
        else:
            assert got == before


def change_and_read(mount, source, small, change):
    """What a handle opened before `change(path)` reads afterwards: bytes of the old state, or None for ESTALE."""
    path = encoders.write(source / "a.raw", "evt2", small)
    where = mount(source)
    shown = where / "timesurface/20ms/a.h5"
    before = shown.read_bytes()
    half = len(before) // 2
    with open(shown, "rb", buffering=0) as file:
        assert os.pread(file.fileno(), 4096, 0) == before[:4096]
        change(path)
        for offset in (0, 4096, half, len(before) - 5000):
            try:
                got = os.pread(file.fileno(), 5000, offset)
            except OSError as problem:
                assert problem.errno in (errno.ESTALE, errno.EIO), problem
            else:
                assert got == before[offset:offset + 5000], f"bytes at {offset} are neither the old ones nor an error"
    return where, shown


def test_recordings_are_replaced(mount, source, tmp_path, small):
    other = scenes.scene(seed=9, count=9000, duration=700_000)
    encoders.write(tmp_path / "new.raw", "evt3", other)
    where, shown = change_and_read(mount, source, small, lambda path: os.rename(tmp_path / "new.raw", path))
    wait_until(lambda: shows(shown, "evt3", other))


def test_recordings_are_rewritten_in_place(mount, source, small):
    other = scenes.scene(seed=9)

    def rewrite(path):
        time.sleep(0.02)  # another mtime
        data = encoders.encode("evt2", other, 64, 48)
        with open(path, "r+b") as file:
            file.write(data)
            file.truncate(len(data))

    where, shown = change_and_read(mount, source, small, rewrite)
    wait_until(lambda: shows(shown, "evt2", other))


def test_recordings_are_truncated(mount, source, small):
    where, shown = change_and_read(mount, source, small, lambda path: os.truncate(path, path.stat().st_size // 3))
    path = source / "a.raw"
    kept = (path.stat().st_size - len(encoders.header("evt2", 64, 48))) // 4
    wait_until(lambda: len(frames(shown)) < 20)
    assert kept and np.any(frames(shown))


def test_recordings_are_emptied(mount, source, small):
    where, shown = change_and_read(mount, source, small, lambda path: os.truncate(path, 0))
    wait_until(lambda: not os.path.exists(shown))
    assert os.listdir(where.point)


def test_recordings_are_deleted(mount, source, small):
    where, shown = change_and_read(mount, source, small, os.remove)
    wait_until(lambda: not os.path.exists(shown))
    wait_until(lambda: os.listdir(shown.parent) == [])
    encoders.write(source / "a.raw", "evt3", small)
    wait_until(lambda: shows(shown, "evt3", small))


def test_folders_are_renamed(mount, source, small):
    encoders.write(source / "one/a.raw", "evt2", small)
    where = mount(source)
    assert shows(where / "timesurface/20ms/one/a.h5", "evt2", small)
    os.rename(source / "one", source / "two")
    wait_until(lambda: os.path.exists(where / "timesurface/20ms/two/a.h5"))
    wait_until(lambda: not os.path.exists(where / "timesurface/20ms/one/a.h5"))
    assert shows(where / "timesurface/20ms/two/a.h5", "evt2", small)


def test_a_recording_becomes_readable_only_later(mount, source, small):
    """Created empty, header first, events later, as a recorder does."""
    data = encoders.encode("evt2", small, 64, 48)
    path = source / "a.raw"
    path.touch()
    where = mount(source)
    shown = where / "timesurface/20ms/a.h5"
    assert not os.path.exists(shown)
    with open(path, "ab") as file:
        file.write(data[:30])
        file.flush()
        os.path.exists(shown)
        file.write(data[30:])
    wait_until(lambda: shows(shown, "evt2", small))


def test_companions_change(mount, source, small):
    encoders.write(source / "a.raw", "evt2", small)
    (source / "a.npy").write_bytes(b"one")
    where = mount(source)
    shown = where / "histo/20ms/a.npy"
    assert shown.read_bytes() == b"one"
    (source / "a.npy").write_bytes(b"number two")
    wait_until(lambda: shown.read_bytes() == b"number two")


def test_one_writer_and_a_reader_for_a_while(mount, source):
    """A recorder that appends while a viewer opens again and again: every complete frame is right, every time."""
    events = scenes.scene(count=30_000, duration=1_200_000, seed=12)
    whole, want = encoders.encode("evt3", events, 64, 48), expected("evt3", events)
    path = source / "a.raw"
    path.write_bytes(whole[:len(whole) // 20])
    where = mount(source)
    seen = set()
    for step in range(2, 21):
        with open(path, "ab") as file:
            file.write(whole[path.stat().st_size:len(whole) * step // 20])
        try:
            got = frames(where / "timesurface/20ms/a.h5")
        except OSError as problem:  # it grew between two steps of this open
            assert "unable" in str(problem).lower() or problem.errno, problem
            continue
        seen.add(len(got))
        assert len(got) <= len(want) and np.allclose(got[:-1], want[:len(got) - 1], atol=2e-6)
    wait_until(lambda: shows(where / "timesurface/20ms/a.h5", "evt3", events))
    assert seen


@pytest.mark.parametrize("flags", [(), ("--page-cache",)], ids=["direct", "page cache"])
def test_an_old_map_does_not_spoil_the_grown_file(mount, source, small, flags):
    """Who maps a file shares its pages with all others. One who opened it before its recording grew must not fill them
    with old bytes, nor cut the file for the others by a read that ends where the old one did."""
    whole = encoders.encode("evt2", small, 64, 48)
    path = source / "a.raw"
    path.write_bytes(whole[:len(whole) // 2 & ~3])
    where = mount(source, *flags)
    shown = where / "timesurface/20ms/a.h5"
    with open(shown, "rb") as old:
        try:
            early = mmap.mmap(old.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ)
        except OSError:
            pytest.skip("this kernel maps no files of direct I/O")
        assert early[:4] == b"\x89HDF"
        with open(path, "ab") as file:
            file.write(whole[path.stat().st_size:])
        wait_until(lambda: shown.stat().st_size > len(early))
        with open(shown, "rb") as new:
            size = os.fstat(new.fileno()).st_size
            child = os.fork()
            if child == 0:
                faulthandler.disable()
                # Right bytes or SIGBUS, which is how a map says ESTALE.
                _ = early[:4096], early[-4096:]
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) in (0, -signal.SIGBUS)
            assert os.fstat(new.fileno()).st_size == size
            late = mmap.mmap(new.fileno(), size, mmap.MAP_SHARED, mmap.PROT_READ)
            # The same recording under a name nobody has opened yet.
            (source / "b.raw").write_bytes(whole)
            wait_until((where / "timesurface/20ms/b.h5").exists)
            got, want = (h5py.File(f, "r") for f in (io.BytesIO(late[:]), where / "timesurface/20ms/b.h5"))
            assert np.array_equal(got["data"][:], want["data"][:])


def test_a_recording_rewritten_longer_is_never_mixed(mount, source, small):
    """Written anew in place with other events, and longer: what was opened before is stale, not half of each."""
    path = source / "a.raw"
    path.write_bytes(encoders.encode("evt2", small[:len(small) // 2], 64, 48))
    where = mount(source)
    shown = where / "timesurface/20ms/a.h5"
    with open(shown, "rb", buffering=0) as old:
        assert len(os.pread(old.fileno(), 4096, 0)) == 4096
        other = small.copy()
        other["x"] = 63 - other["x"]
        path.write_bytes(encoders.encode("evt2", other, 64, 48))
        with pytest.raises(OSError) as error:
            os.pread(old.fileno(), 100_000, 4096)
        assert error.value.errno == errno.ESTALE
    wait_until(lambda: shows(shown, "evt2", other))
