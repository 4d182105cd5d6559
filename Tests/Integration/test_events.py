"""Recordings as HDF5 files of their events: events/NAME.h5 has columns as DSEC's, events,layout=prophesee/NAME.hdf5 is a Prophesee event file."""
import concurrent.futures
import errno
import multiprocessing
import os
import re

import h5py
import numpy as np
import pytest

from test_clients import tool
from toolbox import encoders, event_files, scenes, triggers
from toolbox.event_files import COLUMNS, EXTENSION, NO_TRIGGERS, PROPHESEE, check, datasets, expected_in, path_of


@pytest.fixture(scope="module")
def mounted(module_mount, library):
    return module_mount(library)


# --- Values

@pytest.mark.parametrize("layout", EXTENSION)
@pytest.mark.parametrize("format", encoders.FORMATS)
def test_every_event_of_every_format(mounted, shown, put_in, format, layout):
    assert len(put_in[format]) > 10 or format == "dat"
    check(path_of(mounted, layout, format), expected_in(layout, shown[format], put_in[format]))


@pytest.mark.parametrize("format", [format for format in encoders.FORMATS if format != "dat"])
def test_triggers(mount, source, small, format):
    """Of several inputs and both polarities, two at one time, the last one behind all events."""
    events, put = scenes.raw_events(format, small[:3000]), [(0, 1, 1), (1, 0, 0), (1500, 6, 1), (1501, 6, 0), (2999, 3, 1)]
    payload = triggers.with_triggers(format, events, put, encoders.payload)
    (source / "a.raw").write_bytes(encoders.header(format, 64, 48) + payload)
    expected, where = triggers.triggers_of(format, payload), mount(source)
    times = encoders.shifted(format, events)["t"]
    assert {(p, times[number], id) for number, id, p in put} <= set(expected.tolist())
    for layout in EXTENSION:
        check(path_of(where, layout, "a"), expected_in(layout, encoders.shifted(format, events), expected))
    with h5py.File(where / "events/a.h5") as file:
        assert file.attrs["trigger_count"] == len(expected)


@pytest.mark.parametrize("layout", EXTENSION)
@pytest.mark.parametrize("format", encoders.FORMATS)
def test_recordings_without_events(mount, source, small, format, layout):
    encoders.write(source / f"a.{encoders.EXTENSION[format]}", format, small[:0])
    path = path_of(mount(source), layout, "a")
    with h5py.File(path) as file:
        found = datasets(file)
        indexes = found.pop("/ms_to_idx")[:] if layout == COLUMNS else np.zeros(1)
        assert len(indexes) in (1, 2) and not indexes.any()
        expected = expected_in(layout, small[:0])
        assert set(found) == set(expected) - {"/ms_to_idx"}
        for name in found:
            assert found[name].dtype == expected[name].dtype and np.array_equal(found[name][()], expected[name]), name
    assert len(path.read_bytes()) == path.stat().st_size


@pytest.mark.parametrize("count", [1, 2])
def test_recordings_of_an_event_or_two(mount, source, count):
    events = scenes.events_of([(63, 47, 1, 3999), (0, 0, 0, 4000)][:count])
    encoders.write(source / "a.dat", "dat", events)
    where = mount(source)
    for layout in EXTENSION:
        check(path_of(where, layout, "a"), expected_in(layout, events))


def test_time_that_runs_backwards(mount, source, small):
    """The order is the recording's; an index leads to the first event in that order which is not before its time."""
    events = np.concatenate([small[8000:12000], small[:4000], small[12000:], small[4000:8000]])
    encoders.write(source / "a.dat", "dat", events)
    where = mount(source)
    check(where / "events/a.h5", event_files.columns(events, NO_TRIGGERS))
    expected = event_files.prophesee(events, NO_TRIGGERS)
    with h5py.File(where / f"{PROPHESEE}/a.hdf5") as file:
        assert np.array_equal(file["CD/events"][:], expected["/CD/events"])
        indexes = file["CD/indexes"][:]
    assert np.array_equal(indexes[:-1], expected["/CD/indexes"][:-1])
    assert indexes[-1]["id"] == len(events) and indexes[-1]["ts"] in (events["t"][-1], events["t"].max())  # either is "the last time"


LONG = {"dat": scenes.scene(first=(1 << 32) - 100_000, count=4000, seed=4), "evt2": scenes.events_of([(1, 2, 1, 0), (3, 4, 0, 70), (5, 6, 1, (1 << 32) + 12_345)])}


@pytest.mark.parametrize("format", LONG)
def test_recordings_of_more_than_71_minutes(mount, source, format):
    """Times do not fit into 32 bits: the column is as wide as it must be."""
    encoders.write(source / f"a.{encoders.EXTENSION[format]}", format, LONG[format])
    events, where = encoders.shifted(format, LONG[format]), mount(source)
    assert int(events["t"][-1]) >= 1 << 32
    for layout in EXTENSION:
        check(path_of(where, layout, "a"), expected_in(layout, events))
    with h5py.File(where / "events/a.h5") as file:
        assert file["events/t"].dtype == np.dtype("<i8")


@pytest.mark.parametrize("last, dtype", [((1 << 32) - 1, "<u4"), (1 << 32, "<i8")])
def test_the_last_time_decides_on_the_type(mount, source, last, dtype):
    events = scenes.events_of([(1, 2, 1, last - 5), (3, 4, 0, last)])
    encoders.write(source / "a.dat", "dat", events)
    with h5py.File(mount(source) / "events/a.h5") as file:
        assert file["events/t"].dtype == np.dtype(dtype) and file["events/t"][:].tolist() == events["t"].tolist()
        assert len(file["ms_to_idx"]) == last // 1000 + 2


REAL = {"real_evt2": ("raw", 640, 480), "real_evt3": ("raw", 1280, 720), "real_td": ("dat", 80, 44)}


@pytest.mark.parametrize("name", REAL)
def test_real_recordings(mount, source, shared, name):
    """Every event as OpenEB decodes it."""
    extension, width, height = REAL[name]
    (source / f"{name}.{extension}").symlink_to(shared / f"recordings/{name}.{extension}")
    events = scenes.decoded(shared / f"recordings/{name}.events.npz")
    where = mount(source, *(["--geometry", f"{width}x{height}"] if extension == "dat" else []))
    for layout in EXTENSION:
        path = path_of(where, layout, name.removesuffix("_td"))
        with h5py.File(path) as file:
            for dataset, values in expected_in(layout, events, NO_TRIGGERS, width, height).items():
                if "rigger" not in dataset.lower():  # nobody says what triggers there are
                    assert np.array_equal(file[dataset][()], values), dataset
    check_slices(path_of(where, COLUMNS, name.removesuffix("_td")), events)


# --- The columns as a file

def test_layout(mounted):
    """All datasets are contiguous, unfiltered, of fixed size and inside the file, whose superblock is of version 0; columns can be mapped."""
    for layout in EXTENSION:
        path, ends = path_of(mounted, layout, "evt3"), []
        with h5py.File(path) as file:
            assert file.id.get_create_plist().get_version()[0] == 0
            for name, dataset in datasets(file).items():
                plist = dataset.id.get_create_plist()
                assert dataset.chunks is None and plist.get_layout() == h5py.h5d.CONTIGUOUS and plist.get_nfilters() == 0 and dataset.external is None, name
                assert dataset.maxshape == dataset.shape, name
                assert dataset.id.get_offset() is not None, name
                ends.append((dataset.id.get_offset(), dataset.id.get_offset() + dataset.id.get_storage_size()))
                assert dataset.id.get_storage_size() == dataset.size * dataset.dtype.itemsize, name
                if name.startswith("/events/") and dataset.ndim:
                    assert dataset.id.get_offset() % dataset.dtype.itemsize == 0, name
        ends.sort()
        assert all(end <= begin for (_, end), (begin, _) in zip(ends, ends[1:]))
        raw = path.read_bytes()
        assert ends[-1][1] <= int.from_bytes(raw[40:48], "little") == len(raw) == path.stat().st_size


def test_sizes_are_exact_before_anything_is_read(module_mount, library):
    where = module_mount(library)
    for path in (path_of(where, layout, format) for layout in EXTENSION for format in encoders.FORMATS):
        told = path.stat()
        assert len(path.read_bytes()) == told.st_size
        assert told.st_mtime_ns == (library / f"{path.stem}.{encoders.EXTENSION[path.stem]}").stat().st_mtime_ns


def test_types_as_hdf5_has_them(mounted):
    """Compounds as OpenEB compares them, offsets and all; what h5dump calls the columns."""
    with h5py.File(mounted / f"{PROPHESEE}/evt3.hdf5") as file:
        assert file["CD/events"].dtype == event_files.CD and file["CD/events"].id.get_type().get_size() == 16
        trigger = file["EXT_TRIGGER/events"].id.get_type()
        assert trigger.get_size() == 24 and [trigger.get_member_offset(k) for k in range(3)] == [0, 8, 16]
        assert [trigger.get_member_name(k) for k in range(3)] == [b"p", b"t", b"id"]
    header = tool("h5dump", "-H", mounted / "events/evt3.h5")
    for name, kind in dict(x="U16LE", y="U16LE", p="U8LE", t="U32LE", ms_to_idx="U64LE", t_offset="I64LE", width="I32LE").items():
        assert re.search(rf'DATASET "{name}" {{\s+DATATYPE  H5T_STD_{kind}', header), name


def test_attributes(mounted, shown, put_in):
    with h5py.File(mounted / "events/evt3.h5") as file, h5py.File(mounted / "histo/50ms/evt3.h5") as tensor:
        for name in ("recording", "format", "geometry", "event_count", "first_time", "last_time", "time_shift", "evh5_version"):
            assert file.attrs[name] == tensor.attrs[name] and file.attrs.get_id(name).dtype == tensor.attrs.get_id(name).dtype, name
        assert file.attrs["event_count"] == len(shown["evt3"]) and file.attrs["last_time"] == shown["evt3"]["t"][-1]
        assert file.attrs["trigger_count"] == len(put_in["evt3"])


def test_attributes_of_prophesee_files(mounted):
    """OpenEB's C++ reads all attributes of the root as strings of variable length, and subtracts one named time_shift from every time."""
    with h5py.File(mounted / f"{PROPHESEE}/evt3.hdf5") as file:
        assert set(file) == {"CD", "EXT_TRIGGER"}
        assert file.attrs["version"] == "1.0" and file.attrs["geometry"] == "64x48" and "time_shift" not in file.attrs
        for name in file.attrs:
            assert file.attrs.get_id(name).get_type().is_variable_str() and file.attrs.get_id(name).shape == (), name
        for group in event_files.GROUPS:
            assert set(file[group]) == {"events", "indexes"}
            offset = file[f"{group}/indexes"].attrs.get_id("offset")
            assert offset.get_type().is_variable_str() and file[f"{group}/indexes"].attrs["offset"] == "0"


# --- Reading in pieces

def slices_of(job):
    path, starts, count = job
    with h5py.File(path) as file:
        return [{field: file[f"events/{field}"][start:start + count] for field in "xypt"} for start in starts]


def check_slices(path, events, places=200, count=1000):
    starts = np.random.default_rng(7).integers(0, max(1, len(events) - count // 2), places).tolist()
    for start, got in zip(starts, slices_of((path, starts, count))):
        for field in "xypt":
            assert np.array_equal(got[field], events[field][start:start + count]), f"{field} from event {start} on"


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Events enough that a reader in the middle shall not begin at the beginning: (folder, events by name)."""
    folder, events = tmp_path_factory.mktemp("large"), {}
    for format in ("evt2", "evt3"):
        scene = scenes.scene(640, 480, duration=2_000_000, count=200_000, seed=9)
        encoders.write(folder / f"{format}.raw", format, scenes.raw_events(format, scene), 640, 480)
        events[format] = encoders.shifted(format, scenes.raw_events(format, scene))
    return folder, events


@pytest.mark.parametrize("format", ["evt2", "evt3"])
def test_slices(mount, large, format):
    """A thousand events at a time, anywhere, of a mount that has read nothing before; then the whole."""
    folder, events = large
    where = mount(folder)
    check_slices(where / f"events/{format}.h5", events[format])
    with h5py.File(where / f"{PROPHESEE}/{format}.hdf5") as file:
        for start in np.random.default_rng(8).integers(0, len(events[format]), 50).tolist():
            got = file["CD/events"][start:start + 1000]
            assert all(np.array_equal(got[field], events[format][field][start:start + 1000]) for field in "xypt"), start
    with h5py.File(where / f"events/{format}.h5") as file:
        assert all(np.array_equal(file[f"events/{field}"][:], events[format][field]) for field in "xypt")
        assert np.array_equal(file["events/x"][5::777], events[format]["x"][5::777])


def test_slices_by_many_processes(mount, large):
    folder, events = large
    path, starts = str(mount(folder) / "events/evt3.h5"), np.random.default_rng(9).integers(0, 199_000, (4, 50)).tolist()
    with concurrent.futures.ProcessPoolExecutor(4, multiprocessing.get_context("spawn")) as pool:
        for places, answer in zip(starts, pool.map(slices_of, [(path, places, 1000) for places in starts], timeout=50)):
            for start, got in zip(places, answer):
                assert all(np.array_equal(got[field], events["evt3"][field][start:start + 1000]) for field in "xypt"), start


def test_times_by_the_index(mounted, shown):
    """How DSEC's code finds a time: from the ms before to the ms behind, through the last, partial one."""
    times = shown["evt3"]["t"]
    with h5py.File(mounted / "events/evt3.h5") as file:
        index = file["ms_to_idx"][:]
        for ms in range(int(times[-1]) // 1000 + 1):
            inside = file["events/t"][index[ms]:index[ms + 1]]
            assert np.array_equal(inside, times[times // 1000 == ms]), ms


@pytest.mark.parametrize("layout", EXTENSION)
def test_reads_at_any_place(mounted, layout):
    """Odd offsets and lengths, in the middle of values, over the edges of datasets, behind the end."""
    path, random = path_of(mounted, layout, "evt21"), np.random.default_rng(2)
    whole, edges = path.read_bytes(), []
    with h5py.File(path) as file:
        for dataset in datasets(file).values():
            if dataset.size:
                edges += [dataset.id.get_offset(), dataset.id.get_offset() + dataset.id.get_storage_size()]
    file = os.open(path, os.O_RDONLY)
    try:
        for place in [edge + k for edge in edges for k in (-9, -1, 0, 1)] + random.integers(0, len(whole) + 100, 200).tolist():
            for size in (1, 7, int(random.choice([11, 4096, 30_000, 200_000]))):
                assert os.pread(file, size, max(0, place)) == whole[max(0, place):max(0, place) + size], (place, size)
    finally:
        os.close(file)


# --- Parts

@pytest.mark.parametrize("start", [0, 123_456])
@pytest.mark.parametrize("format", ["evt3", "dat"])
def test_parts(mounted, shown, format, start):
    """Parts hold the events of their time, on the recording's clock, and together all of them."""
    events, period = shown[format], 150_000
    layout = f"events,max_duration={period // 1000}ms" + (f",start_ts={start}us" if start else "")
    events = events[events["t"] >= start]
    count = (int(events["t"][-1]) - start) // period + 1
    names = sorted(name for name in os.listdir(mounted / layout) if name.startswith(f"{format}_"))
    assert names == [f"{format}_{k}.h5" for k in range(count)] and count > 1
    for k, name in enumerate(names):
        part = events[(events["t"] - start) // period == k]
        expected = event_files.columns(part, NO_TRIGGERS)
        with h5py.File(mounted / layout / name) as file:
            for dataset, values in expected.items():
                if not dataset.startswith("/triggers"):
                    assert np.array_equal(file[dataset][()], values), (name, dataset)
    assert not (mounted / layout / f"{format}_{count}.h5").exists() and not (mounted / layout / f"{format}.h5").exists()


def test_start(mounted, shown):
    events = shown["evt2"][shown["evt2"]["t"] >= 250_000]
    with h5py.File(mounted / "events,start_ts=250ms/evt2.h5") as file:
        for dataset, values in event_files.columns(events, NO_TRIGGERS).items():
            if not dataset.startswith("/triggers"):
                assert np.array_equal(file[dataset][()], values), dataset


def test_parts_of_prophesee_files(mounted, shown):
    names = sorted(name for name in os.listdir(mounted / f"{PROPHESEE},max_duration=200ms") if name.startswith("evt3_"))
    parts = []
    for name in names:
        with h5py.File(mounted / f"{PROPHESEE},max_duration=200ms" / name) as file:
            parts.append(file["CD/events"][:])
    assert len(names) > 1 and all(name.endswith(".hdf5") for name in names)
    got = np.concatenate(parts)
    assert all(np.array_equal(got[field], shown["evt3"][field]) for field in "xypt")


# --- Names

@pytest.mark.parametrize("alias, canonical", [
    ("events,layout=columns", "events"), ("events,max_duration=200000us", "events,max_duration=200ms"), ("events,start_ts=0", "events"),
    ("events,start_ts=1s,max_duration=200ms", "events,max_duration=200ms,start_ts=1s"), ("events,start_ts=5ms,layout=prophesee", f"{PROPHESEE},start_ts=5ms"),
])
def test_other_spellings_are_links(mounted, alias, canonical):
    assert (mounted / canonical).is_dir() and not (mounted / canonical).is_symlink()
    assert os.readlink(mounted / alias) == canonical and os.stat(mounted / alias).st_ino == os.stat(mounted / canonical).st_ino


def test_listings(mount, source, small):
    for name in ("train/a.raw", "train/deep/b.raw", "c_td.dat"):
        encoders.write(source / name, "dat" if name.endswith("dat") else "evt2", small[:500])
    where = mount(source)
    for layout, extension in EXTENSION.items():
        assert set(os.listdir(where / layout)) == {"train", f"c.{extension}"}
        assert set(os.listdir(where / layout / "train")) == {f"a.{extension}", "deep"}
        assert os.listdir(where / layout / "train/deep") == [f"b.{extension}"]
        with h5py.File(where / layout / f"train/deep/b.{extension}") as file:
            assert len(file["events/t" if layout == COLUMNS else "CD/events"]) == 500
    assert os.path.realpath(where / "events,layout=columns/train/a.h5") == str(where / "events/train/a.h5")


NONSENSE = [f"{name}/evt3.h5" for name in (
    "events,", "events,layout", "events,layout=", "events,layout=nonsense", "events,layout=Columns", "events,layout=columns,layout=columns", "events,foo=1", "events,downsample=2",
    "events,dtype=uint8", "events,max_incr_per_pixel=5", "events,max_duration=0", "events,max_duration=-1s", "events,start_ts=-1", "events,start_ts", "events,max_duration=1e3", "Events", "events ",
    "events/50ms", "events/50ms,max_duration=1s", "events/1000ev", "events,layout=prophesee", "events,max_duration=100ms",
)] + ["events/50ms", "events/evt3", "events/evt3.raw", "events/evt3.hdf5", "events/evt3_0.h5", "events/missing.h5", "events,layout=columns/evt3.hdf5", "events,layout=nonsense",
      "events,max_duration=100ms/evt3_99.h5", "events,max_duration=100ms/evt3_00.h5"]


@pytest.mark.parametrize("path", NONSENSE)
def test_nonsense_does_not_exist(mounted, path):
    with pytest.raises(OSError) as problem:
        os.stat(os.path.join(mounted.point, path))
    assert problem.value.errno == errno.ENOENT, problem.value
    assert (mounted / "events/evt3.h5").is_file()


def test_the_log_says_what_layouts_there_are(mounted):
    assert not os.path.lexists(mounted / "events,layout=nonsense")
    line = mounted.wait_for_log("events,layout=nonsense")
    assert "columns" in line and "prophesee" in line
