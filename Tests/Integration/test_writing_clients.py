"""What people write HDF5 with, on virtual files: every edit is also done on an ordinary copy of the file, and both must then hold the same."""
import errno
import itertools
import os
import shutil
import subprocess
import time

import h5py
import numpy as np
import pytest

from toolbox import edits, stores
from toolbox.contents import contents, same
from toolbox.programs import Failed, Program

BIG = os.environ.get("EVH5_BIG") == "1"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def where(module_mount, library, store):
    return module_mount(library, "--sidecars", store)


edited = {}  # virtual file -> what its copy holds, for the test at the end
_periods = itertools.count(30)


@pytest.fixture
def path(where):
    """A virtual file that no other test uses."""
    return where / f"histo/{next(_periods)}ms/evt3.h5"


@pytest.fixture
def both(path, tmp_path):
    """both(edit, ...) does edits to the virtual file and to an ordinary copy of it, and compares after each."""
    copy = tmp_path / "copy.h5"
    shutil.copyfile(path, copy)

    def do(*changes):
        for change in changes:
            change(copy)
            change(path)
            want, got = contents(copy), contents(path)
            same(got, want)
            edited[path] = want
        return want

    return do


def tool(*words):
    if shutil.which(words[0]) is None:
        pytest.skip(f"no {words[0]} here (apt: hdf5-tools)")
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=30)


# --- h5py

@pytest.mark.parametrize("edit", edits.ALL, ids=lambda edit: edit.__name__)
def test_h5py(both, edit):
    both(edit)


def test_everything_in_one_file(both):
    """One session after the other, then changes and deletions; HDF5 reuses the room of what was deleted."""
    both(*edits.ALL, edits.change_and_delete)


def open_with(path, mode="r+", **options):
    with h5py.File(path, mode, **options) as file:
        file.create_group("of " + str(sorted(options)))["x"] = np.arange(5000.0)
        file["data"].attrs["seen"] = np.arange(5)


OPENERS = {
    "append": dict(mode="a"), "latest": dict(libver="latest"), "v108": dict(libver=("v108", "v110")), "sec2": dict(driver="sec2"), "stdio": dict(driver="stdio"),
    "no locking": dict(locking=False), "locking": dict(locking=True), "no chunk cache": dict(rdcc_nbytes=0), "page buffer off": dict(page_buf_size=0),
    "small metadata blocks": dict(meta_block_size=512), "aligned": dict(alignment_threshold=1, alignment_interval=4096),
}


@pytest.mark.parametrize("how", OPENERS)
def test_h5py_options(both, how):
    both(lambda path: open_with(path, **OPENERS[how]))


def newest(version):
    """Objects of the newest kinds: chunk indexes, dense groups and attributes, in a file whose superblock stays as it was."""
    def edit(path):
        with h5py.File(path, "r+", libver=("earliest" if version == "v108" else version, version)) as file:
            for name, maxshape in (("fixed array", (100, 100)), ("extensible array", (None, 100)), ("b-tree", (None, None))):
                file.create_dataset(name, data=np.arange(10_000).reshape(100, 100), maxshape=maxshape, chunks=(9, 9), compression="gzip")
            file.create_dataset("one chunk", data=np.arange(50), chunks=(50,))
            group = file.create_group("dense", track_order=True)
            for number in range(200):
                group.create_group(f"{number}")
                group.attrs[f"{number}"] = number
    return edit


@pytest.mark.parametrize("version", ["v108", "v110"])
def test_newer_formats(both, version):
    both(newest(version), edits.rich, edits.change_and_delete)


def test_formats_newer_than_evh5s_library(where, path, tmp_path):
    """libver='latest' of an h5py whose HDF5 is newer than the one that evh5 was built with: committed whole, or refused with a line that
    says what to do, and then as it was."""
    before, copy = contents(path), tmp_path / "copy.h5"
    shutil.copyfile(path, copy)
    newest("latest")(copy)
    with Program(edit=str(path)) as program:
        program.do("from test_writing_clients import newest")
        try:
            program.do("newest('latest')(edit)")
        except Failed as problem:
            assert problem.errno == errno.EIO
            where.wait_for_log("newer version", "libver")
            assert contents(path) == before
        else:
            assert contents(path) == contents(copy)


def test_h5py_on_a_python_file(both):
    def edit(path):
        with open(path, "r+b") as raw, h5py.File(raw, "r+") as file:
            file["x"] = np.arange(100_000)
            file.flush()
            file["y"] = "text"
    both(edit)


def test_core_driver(where, path):
    """It holds the file in memory: without a backing store nothing is written; with one it writes everything, the tensor too, which is refused."""
    before = contents(path)
    with h5py.File(path, "r+", driver="core", backing_store=False) as file:
        file["x"] = 1
    assert contents(path) == before
    with Program() as program, pytest.raises(Failed) as problem:
        program.do("with h5py.File(path, 'r+', driver='core', backing_store=True) as file: file['x'] = np.arange(1000)", path=str(path))
    assert problem.value.errno == errno.EPERM
    assert contents(path) == before
    where.wait_for_log("/data", "evt3")


def test_two_handles_in_one_process(both):
    """h5py knows that both are one file."""
    def edit(path):
        with h5py.File(path, "r+") as one:
            with h5py.File(path, "r+") as two:
                two["from two"] = 2
            one["from one"] = np.arange(9)
    both(edit)


def test_opening_without_changing_anything(path, store):
    """Leaves no trace, though HDF5 writes the superblock, as it was, when it closes a file that it opened for writing."""
    before = path.stat()
    for _ in range(3):
        with h5py.File(path, "r+") as file:
            assert file["data"][0] is not None
        with open(path, "r+b") as file:
            assert file.read(4) == b"\x89HDF"
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert not any((folder / "current").exists() for folder in stores.folders(store) if folder.name == f"histo+{path.parent.name}")


def test_growing_over_many_sessions(both):
    """Chunked, compressed, resizable: a row a session, as a detector adds its results."""
    def create(path):
        with h5py.File(path, "r+") as file:
            file.create_dataset("rows", (0, 50), "f4", maxshape=(None, 50), chunks=(4, 50), compression="gzip", shuffle=True)
            file.create_dataset("names", (0,), h5py.string_dtype(), maxshape=(None,))

    def append(path):
        with h5py.File(path, "r+") as file:
            rows, names = file["rows"], file["names"]
            n = len(rows)
            rows.resize(n + 3, 0)
            rows[n:] = np.full((3, 50), n)
            names.resize(n + 1, 0)
            names[n] = f"row {n}" * (n + 1)
            rows.attrs["count"] = n + 3

    both(create, *[append] * 10)


def test_deleting_and_adding_again(both):
    def add(path):
        with h5py.File(path, "r+") as file:
            file["big"] = np.arange(300_000)
            file["kept"] = "kept"

    def delete(path):
        with h5py.File(path, "r+") as file:
            del file["big"]

    def replace(path):
        with h5py.File(path, "r+") as file:
            file["big"] = np.arange(300_000)[::-1]
            del file["kept"]
            file["kept"] = "replaced"

    both(add, delete, replace, delete)


@pytest.mark.budget(110)
def test_many_small_sessions(where, path, store, evh5, measured):
    """200 sessions on one file: each is committed, none costs more than the first ones by its number, the store stays small."""
    begin = time.monotonic()
    with h5py.File(path, "r+") as file:
        file.create_dataset("values", (0,), "i8", maxshape=(None,), chunks=(64,))
    for number in range(199):
        with h5py.File(path, "r+") as file:
            values = file["values"]
            values.resize(number + 1, 0)
            values[number] = number * number
            file.attrs["last"] = number
    seconds = time.monotonic() - begin
    with h5py.File(path) as file:
        assert np.array_equal(file["values"][:], np.arange(199) ** 2) and file.attrs["last"] == 198
    [folder] = [folder for folder in stores.folders(store) if folder.name.startswith("histo+") and path.parent.name in folder.name]
    files = sum(1 for file in folder.rglob("*") if file.is_file())
    measured(f"200 sessions of one value each: {seconds:.1f} s, {stores.held(folder) / 1024:.0f} KiB in {files} files")
    assert files < 60 and stores.held(folder) < 4 << 20
    evh5.run("sidecar", "verify", "--sidecars", store, check=0)
    assert str(path.parent.name) in evh5.run("sidecar", "list", "--sidecars", store, check=0).stdout
    edited[path] = contents(path)


@pytest.mark.budget(150)
def test_a_large_dataset(where, path, store, measured):
    """Hundreds of megabytes; 2 GB with EVH5_BIG=1."""
    count = (2 << 30 if BIG else 300 << 20) // 8
    block = np.random.default_rng(3).integers(0, 1 << 62, 1 << 20)
    begin = time.monotonic()
    file = h5py.File(path, "r+")
    large = file.create_dataset("large", (count,), "i8")
    for start in range(0, count, len(block)):
        large[start:start + len(block)] = (block + start)[:count - start]
    middle = time.monotonic()
    file.close()
    end = time.monotonic()
    measured(f"{count * 8 / 1e6:.0f} MB added: {count * 8 / 1e6 / (middle - begin):.0f} MB/s, then {end - middle:.2f} s for close")
    with h5py.File(path) as file:
        for start in (0, count // 2 // len(block) * len(block), (count - 1) // len(block) * len(block)):
            assert np.array_equal(file["large"][start:start + len(block)], (block + start)[:count - start])
    before = stores.held(store)
    with h5py.File(path, "r+") as file:
        file["small"] = np.arange(128)
        file["large"][:128] = 7
    with h5py.File(path) as file:
        assert np.array_equal(file["large"][:256], np.r_[np.full(128, 7), block[128:256]])
    assert stores.held(store) - before < 1 << 20
    os.remove(path)
    for folder in stores.removed(store):
        shutil.rmtree(folder)
    assert stores.held(store) < before - count * 8 + (1 << 20)


# --- Other libraries

def test_netcdf4(both):
    netcdf = pytest.importorskip("netCDF4")

    def edit(path):
        with netcdf.Dataset(path, "r+") as file:
            file.createDimension("frame", file["data"].shape[0])
            file.createDimension("detection", None)
            confidence = file.createVariable("confidence", "f8", ("frame",), zlib=True)
            confidence[:] = np.linspace(0, 1, len(confidence))
            confidence.units = "1"
            names = file.createVariable("names", str, ("detection",))
            names[0], names[1] = "car", "pedestrian"
            file["data"].note = "the tensor"
            group = file.createGroup("tracks")
            group.createVariable("id", "i4", ("frame",))[:] = np.arange(len(confidence))
            file.title = "enriched"

    def append(path):
        with netcdf.Dataset(path, "a") as file:
            file["names"][2] = "tram"
            file["confidence"][3] = -1

    both(edit, append)


def test_pytables(both):
    tables = pytest.importorskip("tables")
    pytest.importorskip("hdf5plugin")  # for h5py to read what PyTables packs by blosc

    class Detection(tables.IsDescription):
        time = tables.Int64Col()
        name = tables.StringCol(12)
        box = tables.Float32Col(shape=(4,))

    def edit(path):
        with tables.open_file(path, "r+") as file:
            file.create_array("/", "array", np.arange(8.0), title="an array")
            group = file.create_group("/", "detections")
            table = file.create_table(group, "table", Detection, filters=tables.Filters(5, "blosc"))
            for number in range(200):
                row = table.row
                row["time"], row["name"], row["box"] = number * 1000, f"name {number}", np.full(4, number)
                row.append()
            table.flush()
            table.cols.time.create_index()
            grows = file.create_earray(group, "grows", tables.Float32Atom(), (0, 3), filters=tables.Filters(5, "zlib"))
            grows.append(np.ones((5, 3), "f4"))
            file.root.data.attrs.note = "the tensor"

    def append(path):
        with tables.open_file(path, "a") as file:
            file.root.detections.grows.append(np.zeros((50, 3), "f4"))
            file.root.detections.table.remove_rows(10, 20)
            file.remove_node("/array")

    both(edit, append)


@pytest.mark.parametrize("engine", ["h5netcdf", "netcdf4"])
def test_xarray(both, engine):
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("h5netcdf" if engine == "h5netcdf" else "netCDF4")

    def edit(path):
        with h5py.File(path) as file:
            count = len(file["data"])
        added = xarray.Dataset({"confidence": (("frame",), np.arange(float(count)))}, {"frame": np.arange(count) * 50_000}, {"made by": "xarray"})
        added.to_netcdf(path, mode="a", engine=engine)

    both(edit)


def test_h5netcdf(both):
    h5netcdf = pytest.importorskip("h5netcdf")

    def edit(path):
        with h5netcdf.File(path, "a", phony_dims="access") as file:
            file.dimensions["frame"] = 8
            file.create_variable("confidence", ("frame",), float, compression="gzip")[:] = np.arange(8.0)
            file["confidence"].attrs["units"] = "1"

    both(edit)


def test_filters_that_evh5_does_not_have(both):
    """Compressed by a plugin of the writer's: stored and shown as it is."""
    plugins = pytest.importorskip("hdf5plugin")

    def edit(path):
        with h5py.File(path, "r+") as file:
            for name, filter in (("bitshuffle", plugins.Bitshuffle()), ("zstd", plugins.Zstd()), ("blosc2", plugins.Blosc2())):
                file.create_dataset(name, data=np.arange(10_000).reshape(100, 100), chunks=(10, 100), **filter)

    both(edit)


# --- Tools

def test_h5copy_into_it(both, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["group/numbers"] = np.arange(1000)
        file["group"].attrs["a"] = "b"
        file.create_dataset("packed", data=np.arange(9999), compression="gzip")

    def edit(path):
        for name in ("group", "packed"):
            done = tool("h5copy", "-i", tmp_path / "other.h5", "-o", path, "-s", f"/{name}", "-d", f"/copied {name}")
            assert done.returncode == 0, done.stderr

    both(edit)


def test_copies_of_it(both, path, tmp_path):
    """h5copy and h5repack read added datasets, and a copied virtual file is an ordinary one."""
    want = both(*edits.ALL)
    done = tool("h5repack", "-f", "GZIP=1", path, tmp_path / "packed.h5")
    assert done.returncode == 0, done.stderr
    with h5py.File(tmp_path / "packed.h5") as packed, h5py.File(path) as file:
        assert np.array_equal(packed["data"][:], file["data"][:]) and np.array_equal(packed["confidence"][:], file["confidence"][:])
        assert set(packed) == set(file)
    done = tool("h5copy", "-i", path, "-o", tmp_path / "copied.h5", "-s", "/types", "-d", "/types")
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "copied.h5")["/types/boxes"] == want["/types/boxes"]
    shutil.copyfile(path, tmp_path / "whole.h5")
    assert contents(tmp_path / "whole.h5") == want
    edits.change_and_delete(tmp_path / "whole.h5")
    done = tool("h5dump", "-A", path)
    assert done.returncode == 0 and "explained by" in done.stdout


def test_h5repack_into_it_is_refused(where, path, tmp_path):
    edits.tutorial(path)
    before = contents(path)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    done = tool("h5repack", tmp_path / "other.h5", path)
    assert done.returncode != 0
    assert contents(path) == before
    edited[path] = before


# --- Without HDF5

def test_plain_pwrite_of_a_value(path, both):
    """Where an added dataset lies, its values can be written in place."""
    both(edits.storage)
    with h5py.File(path) as file:
        offset, count = file["storage/contiguous"].id.get_offset(), file["storage/contiguous"].size

    def edit(path):
        raw = os.open(path, os.O_RDWR)
        try:
            assert os.pwrite(raw, np.full(count, 42, "i4").tobytes(), offset) == 4 * count
            assert os.pread(raw, 8, offset + 4) == np.full(2, 42, "i4").tobytes()
        finally:
            os.close(raw)

    both(edit)
    with h5py.File(path) as file:
        assert np.all(file["storage/contiguous"][:] == 42)


def test_plain_pwrite_of_a_whole_edit(path, tmp_path):
    """What an edit changed in an ordinary copy, written in pieces from the end to the beginning, as `rsync --inplace` might."""
    copy = tmp_path / "copy.h5"
    shutil.copyfile(path, copy)
    before = copy.read_bytes()
    edits.rich(copy)
    after = copy.read_bytes()
    old, new = (np.frombuffer(data.ljust(len(after), b"\0"), np.uint8) for data in (before, after))
    changed = np.flatnonzero(old != new)
    runs = np.split(changed, np.flatnonzero(np.diff(changed) > 64) + 1)  # the tensor is larger than any gap that is written
    raw = os.open(path, os.O_RDWR)
    try:
        os.ftruncate(raw, len(after))
        for run in reversed(runs):
            for start in reversed(range(run[0], run[-1] + 1, 1000)):
                piece = after[start:min(start + 1000, run[-1] + 1)]
                assert os.pwrite(raw, piece, start) == len(piece)
    finally:
        os.close(raw)
    assert path.read_bytes() == after
    assert contents(path) == contents(copy)


def test_all_of_it_after_a_restart(module_mount, library, store, where, evh5):
    """What the tests above left in the store, by a daemon that did not write it."""
    if not edited:
        pytest.skip("runs with the other tests of this file only")
    again = module_mount(library, "--sidecars", store, "--read-only")
    for path, want in edited.items():
        other = again / path.relative_to(where.point)
        if other.exists():
            got = contents(other)
            same(got, want, path)
    evh5.run("sidecar", "verify", "--sidecars", store, check=0)
