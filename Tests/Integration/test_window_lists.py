"""Lists of times beside recordings: found, changed, missing and bad ones."""
import errno
import os

import h5py
import numpy as np
import pytest

from toolbox import encoders, scenes, tensors

HEIGHT, WIDTH = 48, 64


@pytest.fixture
def recorded(source, small):
    raw = scenes.raw_events("evt3", small)
    encoders.write(source / "a.raw", "evt3", raw)
    return encoders.shifted("evt3", raw)


def frames(events, times, length):
    return np.stack([tensors.render("timesurface", events[(events["t"] >= t - length) & (events["t"] < t)], t - length, length, HEIGHT, WIDTH) for t in times])


def read(path):
    with h5py.File(path) as file:
        return file["data"][:], file["ends"][:].tolist()


def replace(path, times):
    np.save(path.with_name("other.npy"), np.array(times))
    os.replace(path.with_name("other.npy"), path)


@pytest.mark.parametrize("page_cache", [False, True])
def test_a_list_that_changes_is_another_tensor(mount, source, recorded, tmp_path, page_cache):
    where = mount(source, "--cache", tmp_path / "cache", *(["--page-cache"] if page_cache else []))
    path = where / "timesurface/20ms,at=frames/a.h5"
    replace(source / "a_frames.npy", [40_000, 100_000, 300_000])
    first = read(path)
    assert np.abs(first[0] - frames(recorded, [40_000, 100_000, 300_000], 20_000)).max() <= 2e-6
    # Not by h5py, which opens a file only once in a process.
    with open(path, "rb") as held:
        before = held.read()
        for times in ([40_000, 100_001, 300_000], [50_000], [], [40_000, 100_000, 300_000, 300_000]):
            replace(source / "a_frames.npy", times)
            if not page_cache:
                held.seek(0)
                assert held.read() == before
            data, ends = read(path)
            assert ends == times and len(data) == len(times)
            if times:
                assert np.abs(data - frames(recorded, times, 20_000)).max() <= 2e-6
    replace(source / "a_frames.npy", [40_000, 100_000, 300_000])
    assert np.array_equal(read(path)[0], first[0])
    where.stop()
    # Another daemon finds the frames of each list under their own names.
    replace(source / "a_frames.npy", [40_000, 100_001, 300_000])
    again = mount(source, "--cache", tmp_path / "cache")
    assert np.abs(read(again / "timesurface/20ms,at=frames/a.h5")[0] - frames(recorded, [40_000, 100_001, 300_000], 20_000)).max() <= 2e-6


def test_additions_follow_a_list_that_changes(mount, evh5, source, recorded, store, tmp_path):
    where = mount(source, "--sidecars", store)
    path = where / "histo/20ms,at=frames/a.h5"
    replace(source / "a_frames.npy", [40_000, 100_000])
    with h5py.File(path, "r+") as file:
        file["data"].attrs["mine"] = 5
        file["notes"] = np.arange(7)
    replace(source / "a_frames.npy", [40_000, 100_000, 200_000])
    with h5py.File(path) as file:
        assert file["data"].shape[0] == 3 and file["data"].attrs["mine"] == 5
        assert file["notes"][:].tolist() == list(range(7)) and file["ends"][:].tolist() == [40_000, 100_000, 200_000]
    export = ["sidecar", "export", path, "--sidecars", store, "--with-tensor", "-o"]
    evh5.run(*export, tmp_path / "whole.h5", check=0)
    assert (tmp_path / "whole.h5").read_bytes() == path.read_bytes()
    # What was added to another tensor is no part of this one.
    replace(source / "a_frames.npy", [40_001, 100_000, 200_000])
    done = evh5.run(*export, tmp_path / "other.h5")
    assert done.returncode == 3 and "not what it was" in done.stderr


def test_which_file_is_the_list(mount, source, recorded):
    where = mount(source)
    np.save(source / "x.npy", np.array([1000]))
    assert read(where / "histo/1ms,at=x.npy/a.h5")[1] == [1000]
    (source / "a_x.npy.txt").write_text("5")
    assert read(where / "histo/1ms,at=x.npy/a.h5")[1] == [5]
    os.remove(source / "a_x.npy.txt")
    (source / "a_y.csv").write_text("30\n")
    assert read(where / "histo/1ms,at=y/a.h5")[1] == [30]
    (source / "a_y.txt").write_text("20\n")
    assert read(where / "histo/1ms,at=y/a.h5")[1] == [20]
    np.save(source / "a_y.npy", np.array([10]))
    assert read(where / "histo/1ms,at=y/a.h5")[1] == [10]
    assert read(where / "histo/1ms,at=x.npy/a.h5")[1] == [1000]
    # Recordings without the list are not listed.
    encoders.write(source / "b.raw", "evt3", scenes.raw_events("evt3", scenes.scene(count=50)))
    names = os.listdir(where / "histo/1ms,at=y")
    assert "a.h5" in names and "b.h5" not in names
    with pytest.raises(FileNotFoundError):
        os.stat(where / "histo/1ms,at=y/b.h5")
    where.wait_for_log("b.raw", "list of times is missing", "b_y.npy")


BAD = {
    "fell.npy": (lambda path: np.save(path, np.array([5, 9, 8])), ["element 2", "8 comes after 9"]),
    "half.npy": (lambda path: np.save(path, np.array([1.0, 2.5])), ["element 1", "no whole number"]),
    "nan.npy": (lambda path: np.save(path, np.array([1, np.nan])), ["element 1"]),
    "huge.npy": (lambda path: np.save(path, np.array([2**63 + 5], np.uint64)), ["element 0"]),
    "far.npy": (lambda path: np.save(path, np.array([2**62])), ["element 0"]),
    "least.npy": (lambda path: np.save(path, np.array([-2**63])), ["element 0"]),
    "small.npy": (lambda path: np.save(path, np.array([1], np.int16)), ["<i2"]),
    "turned.npy": (lambda path: np.save(path, np.array([1], ">i8")), [">i8"]),
    "three.npy": (lambda path: np.save(path, np.zeros((4, 3), np.int64)), ["shape"]),
    "fortran.npy": (lambda path: np.save(path, np.zeros((4, 2), np.int64, order="F")), ["Fortran"]),
    "fields.npy": (lambda path: np.save(path, np.zeros(3, [("t", "<i8")])), ["plain numbers"]),
    "long.npy": (lambda path: np.save(path, np.arange((1 << 22) + 1)), ["4194304"]),
    "cut.npy": (lambda path: path.write_bytes(b"\x93NUMPY\x01\x00v\x00{'descr': '<i8', 'fortran_order': False, 'shape': (9,), }".ljust(128) + b"1234"), ["fewer elements"]),
    "none.npy": (lambda path: path.write_bytes(b"nothing"), [".npy"]),
    "empty.npy": (lambda path: path.write_bytes(b""), [".npy"]),
    "fell.txt": (lambda path: path.write_text("# t\n5\n\n9\n8\n"), ["line 5", "8 comes after 9"]),
    "words.txt": (lambda path: path.write_text("1\ntwo\n"), ["line 2", "two"]),
    "header.csv": (lambda path: path.write_text("start,end\n1,2\n"), ["line 1", "#"]),
    "ragged.csv": (lambda path: path.write_text("1,2\n3\n"), ["line 2", "columns"]),
    "wide.csv": (lambda path: path.write_text("1,2,3\n"), ["line 1", "3 columns"]),
    "back.csv": (lambda path: path.write_text("5,9\n7,6\n"), ["line 2", "before the start"]),
    "hex.txt": (lambda path: path.write_text("0x10\n"), ["line 1"]),
    "binary.txt": (lambda path: path.write_bytes(bytes(range(256)) * 4), ["line 1"]),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_lists(mount, source, recorded, name):
    write, words = BAD[name]
    write(source / f"a_{name}")
    where = mount(source)
    window = ("between" if name in ("back.csv",) else "5ms,at") + "=" + name.split(".")[0]
    for _ in range(2):
        with pytest.raises(OSError) as problem:
            os.stat(where / "histo" / window / "a.h5")
        assert problem.value.errno == errno.EIO
        with pytest.raises(OSError):
            open(where / "histo" / window / "a.h5", "rb")
    where.wait_for_log("a.raw", f"a_{name}", *words)
    os.listdir(where / "histo" / window)
    # Put right, it is there.
    os.remove(source / f"a_{name}")
    np.save(source / f"a_{name.split('.')[0]}.npy", np.array([1000, 2000]))
    with h5py.File(where / "histo" / window / "a.h5") as file:
        assert len(file["data"]) == len(file["starts"]) > 0


def test_lists_that_do_not_fit(mount, source, recorded):
    where = mount(source)
    (source / "a_two.csv").write_text("1,2\n3,4\n")
    assert not (where / "histo/5ms,at=two/a.h5").exists()
    where.wait_for_log("a.raw", "two columns")
    with pytest.raises(FileNotFoundError):
        os.stat(where / "histo/5ms,at=nothing/a.h5")
    where.wait_for_log("a.raw", "list of times is missing", "a_nothing.npy", "nothing beside it")
    with pytest.raises(FileNotFoundError):
        os.stat(where / "histo/5ms,at=labels/a.h5")
    where.wait_for_log("a_bbox.npy")
    os.mkdir(source / "a_folder.npy")
    with pytest.raises(OSError) as problem:
        os.stat(where / "histo/5ms,at=folder/a.h5")
    assert problem.value.errno in (errno.EIO, errno.ENOENT)


def test_links_to_lists(mount, source, recorded, tmp_path):
    """They are followed; with --allow-other, where others would read by the daemon's rights, not out of the source."""
    np.save(tmp_path / "outside.npy", np.array([1000]))
    os.symlink(tmp_path / "outside.npy", source / "a_x.npy")
    assert read(mount(source) / "histo/1ms,at=x/a.h5")[1] == [1000]
    with pytest.raises(OSError):
        os.stat(mount(source, "--allow-other") / "histo/1ms,at=x/a.h5")


@pytest.mark.parametrize("type", ["<i8", "<u8", "<i4", "<u4", "<f8"])
@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_types_and_versions_of_arrays(mount, source, recorded, type, version):
    with open(source / "a_x.npy", "wb") as file:
        np.lib.format.write_array(file, np.array([[10, 3000], [2000, 9000]]).astype(type), version=version)
    with h5py.File(mount(source) / "histo/between=x/a.h5") as file:
        assert file["starts"][:].tolist() == [10, 2000] and file["ends"][:].tolist() == [3000, 9000]
