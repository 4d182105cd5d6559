"""Event files in other hands: programs that read HDF5, what users add to them, what may not be done, and real files of the same events."""
import errno
import os
import platform
import re

import h5py
import numpy as np
import pytest

from test_clients import tool
from test_refusals import refused
from toolbox import event_files
from toolbox.contents import contents, same
from toolbox.event_files import COLUMNS, EXTENSION, PROPHESEE, check, expected_in, path_of
from toolbox.programs import Program

needs_maps = pytest.mark.skipif(tuple(map(int, re.findall(r"\d+", platform.release())[:2])) < (6, 6), reason="mmap under direct I/O needs Linux 6.6")


@pytest.fixture(scope="module")
def mounted(module_mount, library):
    return module_mount(library)


# --- Programs

def test_tools(mounted, shown, put_in, tmp_path):
    for layout in EXTENSION:
        path, packed = path_of(mounted, layout, "evt3"), tmp_path / "packed.h5"
        assert "DATASET" in tool("h5dump", "-H", path)
        tool("h5ls", "-r", "-v", path)
        tool("h5repack", "-f", "SHUF", "-f", "GZIP=1", path, packed)
        check(packed, expected_in(layout, shown["evt3"], put_in["evt3"]))
        tool("h5diff", path, packed)
    tool("h5dump", "-d", "/events/t", "-b", "LE", "-o", tmp_path / "t", mounted / "events/evt3.h5")
    assert np.array_equal(np.fromfile(tmp_path / "t", "<u4"), shown["evt3"]["t"])


def test_pyfive(mounted, shown):
    pyfive = pytest.importorskip("pyfive")
    with pyfive.File(str(mounted / "events/evt3.h5")) as file:
        assert all(np.array_equal(file[f"events/{field}"][:], shown["evt3"][field]) for field in "xypt")
        assert np.array_equal(file["ms_to_idx"][:], event_files.ms_to_idx(shown["evt3"]["t"]))
    with pyfive.File(str(mounted / f"{PROPHESEE}/evt3.hdf5")) as file:
        assert all(np.array_equal(file["CD/events"][:][field], shown["evt3"][field]) for field in "xypt")


def test_pytables(mounted, shown):
    tables = pytest.importorskip("tables")
    with tables.open_file(mounted / "events/evt3.h5") as file:
        assert all(np.array_equal(file.root.events[field][:], shown["evt3"][field]) for field in "xypt")
        assert file.root._v_attrs["event_count"] == len(shown["evt3"])
    with tables.open_file(mounted / f"{PROPHESEE}/evt3.hdf5") as file:
        assert np.array_equal(file.root.CD.events[100:200]["t"], shown["evt3"]["t"][100:200])


@needs_maps
def test_evutils(mounted, shown):
    """It maps files, and knows both layouts."""
    from evutils.io import EventStreamer

    for layout in EXTENSION:
        pieces = [[np.array(getattr(piece, field)) for field in "xypt"] for piece in EventStreamer(str(path_of(mounted, layout, "evt3")), chunk_size=3000)]
        for field, values in zip("xypt", zip(*pieces)):
            assert np.array_equal(np.concatenate(values), shown["evt3"][field]), (layout, field)


@needs_maps
def test_memmap(mounted, shown):
    path = mounted / "events/evt3.h5"
    with h5py.File(path) as file:
        places = {field: (file[f"events/{field}"].dtype, file[f"events/{field}"].id.get_offset()) for field in "xypt"}
    for field, (dtype, offset) in places.items():
        assert np.array_equal(np.memmap(path, dtype, "r", offset, len(shown["evt3"])), shown["evt3"][field]), field


# --- Additions

@pytest.mark.parametrize("layout", EXTENSION)
def test_labels_beside_the_events(mount, library, store, shown, put_in, layout):
    """They stay when the mount ends, and the file is again what it was when it is removed."""
    where = mount(library, "--sidecars", store)
    path, labels = path_of(where, layout, "evt3"), np.random.default_rng(3).integers(0, 4, len(shown["evt3"])).astype("u1")
    before = contents(path)
    with h5py.File(path, "r+") as file:
        file.create_dataset("labels", data=labels, chunks=(4096,), compression="gzip")
        file["more/boxes"] = np.arange(12.0).reshape(3, 4)
        file["labels"].attrs["by"] = "hand"
    where.stop()
    where = mount(library, "--sidecars", store)
    path = path_of(where, layout, "evt3")
    expected = expected_in(layout, shown["evt3"], put_in["evt3"])
    with h5py.File(path) as file:
        assert np.array_equal(file["labels"][:], labels) and file["labels"].attrs["by"] == "hand" and file["more/boxes"].shape == (3, 4)
        for name, values in expected.items():
            assert np.array_equal(file[name][()], values), name
    assert len(path.read_bytes()) == path.stat().st_size
    os.remove(path)
    same(contents(path), before)


def test_a_column_beside_the_others(mount, library, store, shown):
    """One more value for each event, in the group of the events; and attributes of what evh5 computes."""
    where = mount(library, "--sidecars", store)
    path = where / "events/evt2.h5"
    with h5py.File(path, "r+") as file:
        file["events/label"] = np.arange(len(shown["evt2"]), dtype="u4")
        file["events/x"].attrs["unit"] = "pixel"
    with h5py.File(path) as file:
        assert np.array_equal(file["events/label"][:], np.arange(len(shown["evt2"]))) and file["events/x"].attrs["unit"] == "pixel"
        assert np.array_equal(file["events/x"][:], shown["evt2"]["x"])


COMPUTED = {COLUMNS: ["/events/x", "/events/y", "/events/p", "/events/t", "/ms_to_idx", "/triggers/t", "/events/width"],
            PROPHESEE: ["/CD/events", "/CD/indexes", "/EXT_TRIGGER/events"]}


@pytest.mark.parametrize("layout, name", [(layout, name) for layout in COMPUTED for name in COMPUTED[layout]])
def test_writing_into_the_events_is_refused(mount, library, store, layout, name):
    where = mount(library, "--sidecars", store, "--log-level", "info")
    path = path_of(where, layout, "evt3")
    before = contents(path)
    with h5py.File(path) as file:
        offset, size = file[name].id.get_offset(), file[name].id.get_storage_size()
    raw = os.open(path, os.O_RDWR)
    for place in {offset, offset + size // 2, offset + size - 1}:
        refused(where, lambda: os.pwrite(raw, b"\1", place), errno.EPERM, words=["evt3"])
    with pytest.raises(OSError) as problem:
        os.close(raw)
    assert problem.value.errno == errno.EPERM
    same(contents(path), before)


@pytest.mark.parametrize("step", ["del file['events/x']", "file.move('events/x', 'x')", "file.move('events', 'others')", "del file['ms_to_idx']\nfile['ms_to_idx'] = np.arange(10)"])
def test_moving_and_deleting_events_is_refused(mount, library, store, step):
    """At the close, and nothing of the session stays."""
    where = mount(library, "--sidecars", store, "--log-level", "info")
    path = where / "events/evt3.h5"
    before = contents(path)
    with Program() as program:
        program.do(f"file = h5py.File(path, 'r+')\nfile['also'] = 1\n{step}", path=str(path))
        refused(where, lambda: program.do("file.close()"), errno.EPERM, words=["evt3"])
    same(contents(path), before)


# --- Files of their own

def test_packed_by_h5repack(mounted, shown, put_in, tmp_path):
    """For who wants chunks and filters of their own."""
    names = "ms_to_idx,events/t,events/x,events/y,events/p"
    tool("h5repack", "-f", f"{names}:SHUF", "-f", f"{names}:GZIP=4", mounted / "events/evt3.h5", tmp_path / "a.h5")
    check(tmp_path / "a.h5", event_files.columns(shown["evt3"], put_in["evt3"]))
    with h5py.File(tmp_path / "a.h5") as file:
        assert all(file[f"events/{field}"].compression == "gzip" for field in "xypt")
