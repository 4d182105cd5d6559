"""`evh5 generate --preprocess events,layout=ecf`: Prophesee's event file with packed chunks, each as short as it can be. Unpacked by toolbox/ecf.py, not by Prophesee's code."""
import filecmp
import os
import signal
import time

import h5py
import numpy as np
import pytest

from toolbox import ecf, encoders, event_files, originals, scenes, triggers
from toolbox.ecf import CHUNK, ECF
from toolbox.event_files import NO_TRIGGERS, PROPHESEE

TOGETHER, ROWS_PAIRS, ROWS_COLUMNS = 2, 1, 0  # the codec's three ways, in a chunk's first bits


@pytest.fixture(scope="module")
def mounted(module_mount, library):
    return module_mount(library)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def generate(evh5, *arguments, preprocess=ECF, **options):
    return evh5.run("generate", *arguments, "--preprocess", preprocess, **{"check": 0, **options})


def check(path, events, put=NO_TRIGGERS):
    ecf.check(path, event_files.prophesee(events, put), stored=True)


def assert_as_in_mount(made, virtual):
    """Every dataset's type, shape, values and attributes; chunks of events are shorter."""
    with h5py.File(made) as a, h5py.File(virtual) as b:
        ours, theirs = ecf.read(a, stored=True), ecf.read(b)
        for name in theirs:
            assert a[name].id.get_type() == b[name].id.get_type() and a[name].shape == b[name].shape, name
            assert np.array_equal(ours[name], theirs[name]), name
            assert originals.attributes_of(a[name], ()) == originals.attributes_of(b[name], ()), name
        assert originals.attributes_of(a, ()) == originals.attributes_of(b, ())
        for name in a.attrs:
            assert a.attrs.get_id(name).get_type().get_cset() == h5py.h5t.CSET_ASCII, name  # as OpenEB asks for it
        assert a["CD/events"].id.get_storage_size() <= b["CD/events"].id.get_storage_size()


def ways(path):
    with h5py.File(path) as file:
        dataset = file["CD/events"].id
        return {dataset.read_direct_chunk((k * CHUNK,))[1][0] & 3 for k in range(dataset.get_num_chunks())}


# --- Values

@pytest.mark.parametrize("format", encoders.FORMATS)
def test_every_event_of_every_format(evh5, library, mounted, shown, put_in, out, format):
    generate(evh5, library / f"{format}.{encoders.EXTENSION[format]}", "-o", out)
    assert os.listdir(out) == [f"{format}.hdf5"]
    check(out / f"{format}.hdf5", shown[format], put_in[format])
    assert_as_in_mount(out / f"{format}.hdf5", mounted / f"{ECF}/{format}.hdf5")


@pytest.mark.parametrize("count", [0, 1, 2, CHUNK - 1, CHUNK, CHUNK + 1, 8 * CHUNK, 8 * CHUNK + 1, 20 * CHUNK + 5])
def test_chunks_that_are_full_and_that_are_not(evh5, source, out, count):
    events = scenes.scene(640, 480, duration=300_000, count=count, seed=4) if count > 2 else scenes.events_of([(63, 47, 1, 3999), (0, 0, 0, 4000)][:count])
    encoders.write(source / "a.dat", "dat", events, 640, 480)
    for workers in ("1", "4"):
        generate(evh5, source / "a.dat", "-o", out / workers, "-n", workers, "--geometry", "640x480")
    check(out / "1/a.hdf5", events)
    assert filecmp.cmp(out / "1/a.hdf5", out / "4/a.hdf5", shallow=False)


def laid_out(xs, ys, ps):
    """Events of two chunks at these places, some of them at the same time."""
    events = np.zeros(2 * CHUNK, scenes.EVENT)
    events["x"], events["y"], events["p"], events["t"] = xs, ys, ps, np.arange(2 * CHUNK) // 40 * 17
    return events


def test_each_way_of_packing(evh5, source, out):
    """Events anywhere; rows of events in any order; rows of neighbours of one polarity. Each way is the shortest for one of them."""
    random, place = np.random.default_rng(3), np.arange(2 * CHUNK)
    scattered = laid_out(random.integers(0, 1280, len(place)), random.integers(0, 720, len(place)), random.integers(0, 2, len(place)))
    in_rows = laid_out(random.integers(0, 1280, len(place)), place // 9 % 720, random.integers(0, 2, len(place)))
    # Runs of more than 31 in a row and 127 of a polarity, with gaps between neighbours, up to more than five.
    steps = random.choice([1, 1, 1, 2, 3, 5, 6], len(place))
    neighbours = laid_out(np.cumsum(steps) % 1280, place // 300 % 720, place // 500 % 2)
    sizes = {}
    for name, events, way in (("scattered", scattered, TOGETHER), ("in_rows", in_rows, ROWS_PAIRS), ("neighbours", neighbours, ROWS_COLUMNS)):
        encoders.write(source / f"{name}.dat", "dat", events, 1280, 720)
        generate(evh5, source / f"{name}.dat", "-o", out, "--geometry", "1280x720")
        check(out / f"{name}.hdf5", events)
        assert ways(out / f"{name}.hdf5") == {way}, name
        with h5py.File(out / f"{name}.hdf5") as file:
            sizes[name] = file["CD/events"].id.get_storage_size() / len(events)
    assert sizes["neighbours"] < 0.9 and sizes["neighbours"] < sizes["in_rows"] < 2.1 < sizes["scattered"] < 3.3, sizes


def test_ends_of_sensors(evh5, source, out):
    """The largest place that the codec has bits for, and runs that end exactly where lengths get another word."""
    events = []
    for run in (1, 30, 31, 32, 126, 127, 128, 300):
        for y, p in ((2047, 1), (0, 0)):
            events += [((2047 - run + k) if y else k, y, p, len(events) + k) for k in range(run)]
    events = scenes.events_of(events)
    encoders.write(source / "a.dat", "dat", events, 2048, 2048)
    generate(evh5, source / "a.dat", "-o", out, "--geometry", "2048x2048")
    check(out / "a.hdf5", events)


def test_time_that_runs_backwards(evh5, mount, source, small, out):
    """Once, and with every event: no chunk is too short for that."""
    encoders.write(source / "once.dat", "dat", np.concatenate([small[8000:12000], small[:4000], small[12000:], small[4000:8000]]))
    encoders.write(source / "always.dat", "dat", np.concatenate([small[::-1], small[::-1]]))
    where = mount(source)
    generate(evh5, source, "-o", out)
    for name in ("once", "always"):
        assert_as_in_mount(out / f"{name}.hdf5", where / f"{ECF}/{name}.hdf5")


def test_triggers(evh5, source, small, out):
    """More than one chunk of them, and of the index."""
    events = scenes.raw_events("evt3", small[:10_000])
    events["t"] *= 200
    count = 18_000
    payload = triggers.with_triggers("evt3", events, [(number * 10_000 // count, number % 7, number % 2) for number in range(count)], encoders.payload)
    (source / "a.raw").write_bytes(encoders.header("evt3", 64, 48) + payload)
    put = triggers.triggers_of("evt3", payload)
    assert len(put) > CHUNK
    generate(evh5, source / "a.raw", "-o", out)
    check(out / "a.hdf5", encoders.shifted("evt3", events), put)
    with h5py.File(out / "a.hdf5") as file:
        assert len(file["CD/indexes"]) > CHUNK


@pytest.mark.parametrize("name", ["real_evt2", "real_evt3"])
def test_real_recordings(evh5, shared, out, name):
    events = scenes.decoded(shared / f"recordings/{name}.events.npz")
    generate(evh5, shared / f"recordings/{name}.raw", "-o", out)
    with h5py.File(out / f"{name}.hdf5") as file:
        found = ecf.read(file, stored=True)
    expected = event_files.prophesee(events, NO_TRIGGERS)
    assert all(np.array_equal(found[dataset], expected[dataset]) for dataset in ("/CD/events", "/CD/indexes"))


@pytest.mark.parametrize("more", ["max_duration=60ms,start_ts=50ms", "start_ts=100s", "roi=10+10+30x20", "flip=x,polarity=on"])
def test_a_tree_is_that_of_the_mount(evh5, library, mounted, out, more):
    text = f"{ECF},{more}"
    generate(evh5, library, "-o", out, preprocess=text)
    there = sorted(name for name in os.listdir(mounted / text))
    assert sorted(os.listdir(out)) == there and len(there) >= len(encoders.FORMATS)
    for name in there:
        assert_as_in_mount(out / name, mounted / text / name)


# --- What is said, what is there

def test_no_other_packing(evh5, library, out):
    for how in ("gzip", "zstd", "blosc-zstd", "none"):
        done = generate(evh5, library / "evt3.raw", "-o", out, "--compression", how, check=64)
        assert f"leave --compression {how} out" in done.stderr and not out.exists()


def test_sizes(evh5, library, shown, out):
    planned = evh5.json("generate", library, "-o", out, "--preprocess", ECF, "--dry-run")
    told = evh5.json("generate", library, "-o", out, "--preprocess", ECF)
    assert told["eventBytes"] == planned["eventBytes"] and told["events"] == sum(len(events) for events in shown.values())
    for file in told["files"]:
        with h5py.File(file["path"]) as made:
            assert file["eventBytes"] == sum(dataset.nbytes for dataset in event_files.datasets(made).values())
        assert file["bytes"] == os.stat(file["path"]).st_size


def test_shards_make_the_whole(evh5, library, out):
    generate(evh5, library, "-o", out / "whole", preprocess=f"{ECF},max_duration=60ms")
    seen = {}
    for index in range(3):
        generate(evh5, library, "-o", out / str(index), "--shard", f"{index}/3", preprocess=f"{ECF},max_duration=60ms")
        made = {path.name: path.read_bytes() for path in (out / str(index)).iterdir()}
        assert made and not set(made) & set(seen)
        seen |= made
    assert seen == {path.name: path.read_bytes() for path in (out / "whole").iterdir()}


def test_what_is_there_is_left_alone(evh5, library, out):
    """A file of the other layout, which has the same name, is not taken for it."""
    recording = library / "evt3.raw"
    generate(evh5, recording, "-o", out)
    before = (out / "evt3.hdf5").read_bytes()
    assert generate(evh5, recording, "-o", out).stderr == f"{out}/evt3.hdf5 already exists, skipped\n"
    assert "events as prophesee" in generate(evh5, recording, "-o", out, preprocess=PROPHESEE).stderr
    assert (out / "evt3.hdf5").read_bytes() == before
    generate(evh5, recording, "-o", out / "plain", preprocess=PROPHESEE)
    assert "events as ecf" in generate(evh5, recording, "-o", out / "plain").stderr


def test_sensors_that_are_too_large(evh5, source, out):
    encoders.write(source / "a.dat", "dat", scenes.events_of([(5, 5, 1, 10)]), 3000, 48)
    done = generate(evh5, source / "a.dat", "-o", out, check=64)
    assert "layout=prophesee" in done.stderr and "2048" in done.stderr


@pytest.mark.budget(120)
def test_killed_and_run_again(evh5, out, tmp_path):
    recording = tmp_path / "long.raw"
    evh5.run("synth", recording, "--duration", "4s", "--rate", "10M", timeout=60, check=0)
    process = evh5.start("generate", recording, "-o", out, "--preprocess", ECF)
    part, deadline = out / ".long.hdf5.part", time.monotonic() + 30
    while not (part.exists() and part.stat().st_size > 300_000):
        assert process.poll() is None, process.stdout.read().decode()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert os.listdir(out) == [".long.hdf5.part"]
    for folder in (out, tmp_path / "again"):
        generate(evh5, recording, "-o", folder, timeout=60)
        assert os.listdir(folder) == ["long.hdf5"]
    assert filecmp.cmp(out / "long.hdf5", tmp_path / "again/long.hdf5", shallow=False)
