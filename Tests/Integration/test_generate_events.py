"""`evh5 generate --preprocess events`: packed files of events, equal to what was recorded and to the mount's, and whole whatever happens meanwhile."""
import filecmp
import json
import os
import re
import shutil
import signal
import time

import h5py
import hdf5plugin  # so that h5py knows its filters
import numpy as np
import pytest

from test_clients import tool
from toolbox import encoders, event_files, originals, scenes, triggers
from toolbox.event_files import COLUMNS, EXTENSION, PROPHESEE, check, datasets, expected_in, path_of


@pytest.fixture(scope="module")
def mounted(module_mount, library):
    return module_mount(library)


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A recording of 300 000 events, more than two blocks of them, and its events: (path, events)."""
    events = scenes.scene(640, 480, count=300_000)
    path = tmp_path_factory.mktemp("many") / "many.dat"
    encoders.write(path, "dat", events, width=640, height=480)
    return path, encoders.shifted("dat", events)


@pytest.fixture(scope="module")
def long(evh5, tmp_path_factory):
    """A recording that takes some seconds at gzip:9."""
    path = tmp_path_factory.mktemp("long") / "long.raw"
    evh5.run("synth", path, "--duration", "2s", "--rate", "10M", timeout=60, check=0)
    return path


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def assert_equal(made, virtual):
    """Every dataset's type, shape and values, and every attribute; the two files are stored differently."""
    with h5py.File(made) as a, h5py.File(virtual) as b:
        ours, theirs = datasets(a), datasets(b)
        assert set(ours) == set(theirs)
        for name in ours:
            assert ours[name].id.get_type() == theirs[name].id.get_type() and ours[name].shape == theirs[name].shape, name
            assert ours[name][()].tobytes() == theirs[name][()].tobytes(), f"{made}: {name} differs from {virtual}"
            assert originals.attributes_of(ours[name], ()) == originals.attributes_of(theirs[name], ()), name
        assert originals.attributes_of(a, ()) == originals.attributes_of(b, ())


# --- Values

@pytest.mark.parametrize("layout", EXTENSION)
@pytest.mark.parametrize("format", encoders.FORMATS)
def test_every_event_of_every_format(evh5, library, mounted, shown, put_in, out, format, layout):
    evh5.run("generate", library / f"{format}.{encoders.EXTENSION[format]}", "-o", out, "--preprocess", layout, check=0)
    assert os.listdir(out) == [f"{format}.{EXTENSION[layout]}"]
    made = out / f"{format}.{EXTENSION[layout]}"
    check(made, expected_in(layout, shown[format], put_in[format]))
    assert_equal(made, path_of(mounted, layout, format))


@pytest.mark.parametrize("layout", EXTENSION)
def test_many_chunks(evh5, many, mount, out, layout):
    """The last chunks of a column go beyond its end; any number of workers makes the same bytes."""
    path, events = many
    evh5.run("generate", path, "-o", out, "--preprocess", layout, "-n", "1", check=0)
    made = out / f"many.{EXTENSION[layout]}"
    check(made, expected_in(layout, events, width=640, height=480))
    assert_equal(made, path_of(mount(path.parent), layout, "many"))
    with h5py.File(made) as file:
        for dataset in datasets(file).values():
            assert dataset.size < 100_000 or dataset.chunks == (32768,) and dataset.shuffle == (dataset.dtype.itemsize > 1)
    evh5.run("generate", path, "-o", out / "again", "--preprocess", layout, "-n", "5", check=0)
    assert filecmp.cmp(made, out / "again" / made.name, shallow=False)


def test_real_recordings(evh5, shared, out):
    for name in ("real_evt2", "real_evt3"):
        with np.load(shared / f"recordings/{name}.events.npz") as file:
            events = {field: file[field] for field in "xypt"}
        for layout in EXTENSION:
            evh5.run("generate", shared / f"recordings/{name}.raw", "-o", out, "--preprocess", layout, check=0)
        with h5py.File(out / f"{name}.h5") as columns, h5py.File(out / f"{name}.hdf5") as records:
            for field in "xypt":
                assert np.array_equal(columns[f"events/{field}"][:], events[field]) and np.array_equal(records["CD/events"][field], events[field]), (name, field)


@pytest.mark.parametrize("layout", EXTENSION)
@pytest.mark.parametrize("format", encoders.FORMATS)
def test_recordings_without_events(evh5, mount, source, small, out, format, layout):
    encoders.write(source / f"a.{encoders.EXTENSION[format]}", format, small[:0])
    evh5.run("generate", source, "-o", out, "--preprocess", layout, check=0)
    assert_equal(out / f"a.{EXTENSION[layout]}", path_of(mount(source), layout, "a"))
    with h5py.File(out / f"a.{EXTENSION[layout]}") as file:
        assert not any(any(dataset[()].tobytes()) for name, dataset in datasets(file).items() if name not in ("/events/width", "/events/height", "/events/divider"))


@pytest.mark.parametrize("count", [1, 2])
def test_recordings_of_an_event_or_two(evh5, source, out, count):
    events = scenes.events_of([(63, 47, 1, 3999), (0, 0, 0, 4000)][:count])
    encoders.write(source / "a.dat", "dat", events)
    for layout in EXTENSION:
        evh5.run("generate", source, "-o", out, "--preprocess", layout, check=0)
        check(out / f"a.{EXTENSION[layout]}", expected_in(layout, events))


def test_times_beyond_32_bits(evh5, source, small, out):
    events = small.copy()
    events["t"][-100:] += 5_000_000_000
    encoders.write(source / "a.raw", "evt2", events)
    put = triggers.triggers_of("evt2", encoders.payload("evt2", events))
    for layout in EXTENSION:
        evh5.run("generate", source, "-o", out, "--preprocess", layout, timeout=60, check=0)
        check(out / f"a.{EXTENSION[layout]}", expected_in(layout, encoders.shifted("evt2", events), put))
    with h5py.File(out / "a.h5") as file:
        assert file["events/t"].dtype == np.int64 and file["events/t"][-1] > 1 << 32


@pytest.mark.parametrize("format", [format for format in encoders.FORMATS if format != "dat"])
def test_triggers(evh5, source, small, out, format):
    """More than one piece of them."""
    events = scenes.raw_events(format, small[:10_000])
    payload = triggers.with_triggers(format, events, [(number, number % 7, number % 2) for number in range(9500)], encoders.payload)
    (source / "a.raw").write_bytes(encoders.header(format, 64, 48) + payload)
    expected = triggers.triggers_of(format, payload)
    assert len(expected) >= 9500
    for layout in EXTENSION:
        evh5.run("generate", source, "-o", out, "--preprocess", layout, check=0)
        check(out / f"a.{EXTENSION[layout]}", expected_in(layout, encoders.shifted(format, events), expected))


def test_time_slices_by_the_index(evh5, many, out):
    """How DSEC's code finds a time: from the ms before to the ms behind, through the last, partial one."""
    path, events = many
    evh5.run("generate", path, "-o", out, "--preprocess", "events", check=0)
    with h5py.File(out / "many.h5") as file:
        index, times = file["ms_to_idx"][:], events["t"]
        for ms in range(0, int(times[-1]) // 1000 + 1, 7):
            assert np.array_equal(file["events/t"][index[ms]:index[ms + 1]], times[times // 1000 == ms]), ms


def test_other_readers(evh5, many, out):
    """HDF5's tools, PyTables, pyfive, and evutils, which knows both layouts."""
    from evutils.io import EventStreamer
    import pyfive
    import tables

    path, events = many
    for layout in EXTENSION:
        evh5.run("generate", path, "-o", out, "--preprocess", layout, check=0)
        made = out / f"many.{EXTENSION[layout]}"
        assert "COMPRESSION DEFLATE { LEVEL 4 }" in tool("h5dump", "-p", "-H", made) and "PREPROCESSING SHUFFLE" in tool("h5dump", "-p", "-H", made)
        tool("h5stat", made)
        pieces = [[np.array(getattr(piece, field)) for field in "xypt"] for piece in EventStreamer(str(made), chunk_size=50_000)]
        for field, values in zip("xypt", zip(*pieces)):
            assert np.array_equal(np.concatenate(values), events[field]), (layout, field)
    with pyfive.File(str(out / "many.h5")) as columns, pyfive.File(str(out / "many.hdf5")) as records:
        for field in "xypt":
            assert np.array_equal(columns[f"events/{field}"][:], events[field]) and np.array_equal(records["CD/events"][:][field], events[field])
    with tables.open_file(out / "many.h5") as columns, tables.open_file(out / "many.hdf5") as records:
        assert np.array_equal(columns.root.events.t[:], events["t"]) and np.array_equal(records.root.CD.events[100_000:200_000]["t"], events["t"][100_000:200_000])


# --- Compression

@pytest.mark.parametrize("how, options", [
    ("gzip", dict(compression="gzip")), ("gzip:9", dict(compression="gzip", compression_opts=9)), ("lzf", dict(compression="lzf")),
    ("lz4", hdf5plugin.LZ4()), ("zstd", hdf5plugin.Zstd()), ("none", {}), ("blosc-zstd", hdf5plugin.Blosc("zstd")), ("blosc-lz4:1", hdf5plugin.Blosc("lz4", clevel=1)),
], ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.parametrize("layout", EXTENSION)
def test_compressions(evh5, many, out, tmp_path, how, options, layout):
    """Written down as h5py and hdf5plugin do, and unpacked by them."""
    path, events = many
    evh5.run("generate", path, "-o", out, "--preprocess", layout, "--compression", how, check=0)
    check(out / f"many.{EXTENSION[layout]}", expected_in(layout, events, width=640, height=480))
    with h5py.File(out / f"many.{EXTENSION[layout]}") as file, h5py.File(tmp_path / "reference.h5", "w") as reference:
        for name, dataset in datasets(file).items():
            if dataset.chunks is None:
                assert dataset.shape == ()
                continue
            shuffle = how != "none" and not how.startswith("blosc") and dataset.dtype.itemsize > 1
            there = reference.create_dataset(name, dataset.shape, dataset.dtype, chunks=dataset.chunks, shuffle=shuffle, maxshape=(None,), **options)
            here, there = (data.id.get_create_plist() for data in (dataset, there))
            assert [here.get_filter(i)[:3] for i in range(here.get_nfilters())] == [there.get_filter(i)[:3] for i in range(there.get_nfilters())]
            if dataset.size > 100_000:
                stored = dataset.id.get_storage_size() / dataset.nbytes
                assert 1 <= stored < 1.2 if how == "none" else stored < 0.9, (name, stored)


def test_blocks_that_become_no_smaller(evh5, source, out):
    """Random events: what does not pack is stored as it is, not even shuffled."""
    random = np.random.default_rng(3)
    events = scenes.scene(64, 48, count=600)
    events["x"], events["y"], events["p"] = random.integers(0, 64, 600), random.integers(0, 48, 600), random.integers(0, 2, 600)
    encoders.write(source / "a.dat", "dat", events[:2])
    encoders.write(source / "b.dat", "dat", events)
    for how in ("gzip", "lzf", "lz4", "zstd", "blosc-zstd", "blosc-lz4"):
        evh5.run("generate", source, "-o", out / how, "--preprocess", "events", "--compression", how, check=0)
        check(out / how / "a.h5", event_files.columns(events[:2], event_files.NO_TRIGGERS))
        check(out / how / "b.h5", event_files.columns(events, event_files.NO_TRIGGERS))
        with h5py.File(out / how / "a.h5") as file:
            assert file["events/x"].id.get_chunk_info(0).filter_mask == (1 if how.startswith("blosc") else 3) and file["events/p"].id.get_chunk_info(0).filter_mask == 1


# --- Parts, names, labels

@pytest.mark.parametrize("text, options", [
    ("events,start_ts=100ms", ["--start-ts", "100000"]), ("events,max_duration=100ms", ["--max-duration-ms", "100"]),
    ("events,max_duration=100ms,start_ts=50ms", ["--max-duration-ms", "100", "--start-ts", "50ms"]),
    (f"{PROPHESEE},max_duration=100ms,start_ts=50ms", ["--max-duration-ms", "100", "--start-ts", "50000"]), (f"{PROPHESEE},start_ts=100s", ["--start-ts", "100s"]),
])
def test_a_tree_with_labels_is_that_of_the_mount(evh5, source, small, mount, out, text, options):
    """By the specification of a mount's path, and by generate's own flags."""
    for number, name in enumerate(("train/a.raw", "train/b_td.dat", "val/a.raw", "c.raw")):
        (source / name).parent.mkdir(exist_ok=True)
        encoders.write(source / name, "dat" if name.endswith("dat") else "evt3", small[1000 * number:])
    labels = np.zeros(40, [("ts", "<u8"), ("x", "<f4"), ("class_id", "u1")])
    labels["ts"], labels["class_id"] = np.arange(40) * 10_000, np.arange(40)
    for name in ("train/a", "train/b", "c"):
        np.save(source / f"{name}_bbox.npy", labels)
    (source / "label_map_dictionary.json").write_text(json.dumps({"0": "car"}))
    virtual = mount(source) / text
    layout = PROPHESEE if text.startswith(PROPHESEE) else COLUMNS
    for arguments in (["--preprocess", text], ["--preprocess", layout, *options]):
        shutil.rmtree(out, ignore_errors=True)
        told = evh5.json("generate", source, "-o", out, *arguments)
        there = {str(path.relative_to(virtual)): path for path in virtual.rglob("*") if path.is_file()}
        here = {str(path.relative_to(out)): path for path in out.rglob("*") if path.is_file()}
        assert sorted(here) == sorted(there) and len(there) >= 8
        for name in there:
            if name.endswith(EXTENSION[layout]):
                assert_equal(here[name], there[name])
            else:
                assert here[name].read_bytes() == there[name].read_bytes(), name
        assert told["labels"] == sum(name.endswith(".npy") for name in there) and not told["failures"]


def test_start_of_each_file(evh5, library, mounted, out):
    evh5.run("generate", library / "evt2.raw", library / "evt3.raw", "-o", out, "--preprocess", "events", "--start-ts", "0", "100000", check=0)
    assert_equal(out / "evt2.h5", mounted / "events/evt2.h5")
    assert_equal(out / "evt3.h5", mounted / "events,start_ts=100ms/evt3.h5")


def test_shards_make_the_whole(evh5, library, out, tmp_path):
    options = ["--preprocess", "events,max_duration=60ms"]
    evh5.run("generate", library, "-o", tmp_path / "whole", *options, check=0)
    whole, seen = {path.name: path.read_bytes() for path in (tmp_path / "whole").iterdir()}, {}
    for index in range(3):
        evh5.run("generate", library, "-o", out / str(index), "--shard", f"{index}/3", *options, check=0)
        made = {path.name: path.read_bytes() for path in (out / str(index)).iterdir()}
        assert not set(made) & set(seen) and made
        seen |= made
    assert seen == whole and len(whole) > 20


# --- What is said

def test_dry_run_and_summary(evh5, library, shown, out):
    for layout, width in ((COLUMNS, 9), (PROPHESEE, 16)):
        planned = evh5.json("generate", library, "-o", out, "--preprocess", layout, "--dry-run")
        text = evh5.run("generate", library, "-o", out, "--preprocess", layout, "--dry-run", check=0).stdout
        assert not list(out.rglob(f"*.{EXTENSION[layout]}"))
        told = evh5.json("generate", library, "-o", out, "--preprocess", layout)
        assert {file["path"]: file["events"] for file in planned["files"]} == {file["path"]: file["events"] for file in told["files"]}
        for file in told["files"]:
            path = out / os.path.basename(file["path"])
            assert file["path"] == str(path) and file["events"] == len(shown[path.stem]) and file["bytes"] == path.stat().st_size
            with h5py.File(path) as made:
                assert file["eventBytes"] == sum(dataset.nbytes for dataset in datasets(made).values() if dataset.shape)
            assert re.search(rf"^{re.escape(str(path))} +{file['events']} events, ", text, re.MULTILINE)
        assert told["events"] == planned["events"] == sum(len(events) for events in shown.values()) and "frames" not in told
        assert told["eventBytes"] == planned["eventBytes"] > width * told["events"]
        again = evh5.json("generate", library, "-o", out, "--preprocess", layout, "--dry-run")
        assert all(file["exists"] for file in again["files"])
    done = evh5.run("generate", library / "evt2.raw", "-o", out / "more", "--preprocess", "events", check=0)
    assert "20000 events in" in done.stdout and "Mev/s" in done.stdout


def test_what_is_there_is_left_alone(evh5, library, out):
    recording = library / "evt3.raw"
    evh5.run("generate", recording, "-o", out, "--preprocess", "events", check=0)
    before = (out / "evt3.h5").stat()
    again = evh5.run("generate", recording, "-o", out, "--preprocess", "events", check=0)
    assert again.stderr == f"{out}/evt3.h5 already exists, skipped\n"
    done = evh5.run("generate", recording, "-o", out, check=0)
    assert "evt3.h5 already exists, skipped: it is no HDF5 file with a tensor" in done.stderr
    after = (out / "evt3.h5").stat()
    assert (before.st_ino, before.st_size, before.st_mtime_ns) == (after.st_ino, after.st_size, after.st_mtime_ns)
    evh5.run("generate", recording, "-o", out / "tensors", check=0)
    done = evh5.run("generate", recording, "-o", out / "tensors", "--preprocess", "events", check=0)
    assert "it is no HDF5 file with events as columns" in done.stderr
    with h5py.File(out / "evt3.h5", "r+") as file:
        file.attrs["geometry"] = "2x2"
    [told] = evh5.json("generate", recording, "-o", out, "--preprocess", "events")["skippedFiles"]
    assert "geometry 2x2, not 64x48" in told["reason"]
    shutil.copy(out / "tensors/evt3.h5", out / "evt3.hdf5")
    assert "events as prophesee" in evh5.run("generate", recording, "-o", out, "--preprocess", PROPHESEE, check=0).stderr


@pytest.mark.parametrize("options, words", [
    (["--preprocess", "events", "--delta-t", "50000"], "--delta-t"), (["--preprocess", "events", "--height_width", "24", "32"], "--height_width"),
    (["--preprocess", "events", "--store_as_uint8"], "--store_as_uint8"), (["--preprocess", "events", "--max_val", "5"], "--max_val"),
    (["--preprocess", "events", "--mode", "n_events", "--n_events", "100"], "--mode"), (["--preprocess", "events", "--n_events", "100"], "--n_events"),
    (["--preprocess", "events", "--neg_bit_len_quantized", "3"], "--neg_bit_len_quantized"), (["--preprocess", "events", "--normalization_quantized"], "--normalization_quantized"),
    (["--preprocess", "events,layout=rows"], "columns"), (["--preprocess", "events,max_incr_per_pixel=5"], "max_incr_per_pixel"),
    (["--preprocess", "events,start_ts=1s", "--start-ts", "2s"], "twice"), (["--preprocess", "events,max_duration=1s", "--max-duration-ms", "2000"], "twice"),
], ids=str)
def test_wrong_command_lines(evh5, library, out, options, words):
    done = evh5.run("generate", library / "evt3.raw", "-o", out, *options, check=64)
    assert words in done.stderr and not out.exists()


def test_bad_recordings_among_good_ones(evh5, source, small, out):
    encoders.write(source / "a.raw", "evt3", small)
    (source / "bad.raw").write_bytes(b"% evt 3.0\n% end\n")
    done = evh5.run("generate", source, "-o", out, "--preprocess", "events", "--json", check=3)
    assert [os.path.basename(one["path"]) for one in json.loads(done.stdout)["failures"]] == ["bad.raw"]
    assert "geometry" in done.stderr and os.listdir(out) == ["a.h5"]


def test_a_damaged_recording(evh5, source, small, mount, out):
    """What can be decoded of it is stored, as the mount shows it."""
    whole = encoders.header("evt3", 64, 48) + encoders.payload("evt3", small)
    random = np.random.default_rng(4)
    torn = bytearray(whole[:len(whole) - 1])
    for place in random.integers(200, len(torn), 60):
        torn[place] ^= int(random.integers(1, 256))
    (source / "a.raw").write_bytes(bytes(torn))
    where = mount(source)
    for layout in EXTENSION:
        evh5.run("generate", source, "-o", out, "--preprocess", layout, timeout=120, check=0)
        assert_equal(out / f"a.{EXTENSION[layout]}", path_of(where, layout, "a"))


# --- Interruptions

SLOW = ("--preprocess", "events", "--compression", "gzip:9")


def begun(process, out):
    """Waits until some of the file has been written."""
    part = out / ".long.h5.part"
    deadline = time.monotonic() + 30
    while not (part.exists() and part.stat().st_size > 300_000):
        assert process.poll() is None, process.stdout.read().decode()
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.budget(120)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(evh5, long, library, out, number):
    evh5.run("generate", library / "evt3.raw", "-o", out, "--preprocess", "events", check=0)
    process = evh5.start("generate", library / "evt3.raw", long, "-o", out, "--any-geometry", *SLOW)
    begun(process, out)
    process.send_signal(number)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == -number and b"the same call makes the rest" in output
    assert os.listdir(out) == ["evt3.h5"]


@pytest.mark.budget(120)
def test_killed_and_run_again(evh5, long, out, tmp_path):
    process = evh5.start("generate", long, "-o", out, *SLOW)
    begun(process, out)
    process.kill()
    process.wait()
    process.stdout.close()
    assert os.listdir(out) == [".long.h5.part"]
    (out / ".gone.hdf5.part").write_bytes(b"torn")
    evh5.run("generate", long, "-o", out, *SLOW, timeout=60, check=0)
    evh5.run("generate", long, "-o", tmp_path / "again", *SLOW, timeout=60, check=0)
    assert os.listdir(out) == ["long.h5"] and filecmp.cmp(out / "long.h5", tmp_path / "again/long.h5", shallow=False)
