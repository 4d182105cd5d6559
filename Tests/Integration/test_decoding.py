"""Are the events behind the mount the recording's, every one of them?

The mount shows tensors, not events, but `1ev` frames are events: /last_timestamps holds each event's time in file order, and
the one non-zero cell of frame i is event i's pixel and polarity. Counts per frame of a whole recording come from `histo`."""
import subprocess

import h5py
import numpy as np
import pytest

from toolbox import decoders, encoders, peers, scenes, tensors

COUNTS = "histo,max_incr_per_pixel=255"


def times_through(mount, name):
    with h5py.File(mount / f"histo/1ev/{name}.h5") as file:
        return file["last_timestamps"][:]


def events_through(mount, name, numbers):
    """Events number `numbers`, rebuilt from frames of one event."""
    out = np.zeros(len(numbers), scenes.EVENT)
    with h5py.File(mount / f"histo_quantized/1ev/{name}.h5") as file:
        data, times = file["data"], file["last_timestamps"]
        for k, number in enumerate(numbers):
            p, y, x = np.nonzero(data[number])
            assert len(p) == 1, f"frame {number} of 1ev holds {len(p)} events"
            out[k] = (x[0], y[0], p[0], times[number])
    return out


def assert_same_counts(mount, name, events, period, height, width, more=""):
    """Every frame's number of events per pixel and polarity; `more` is of the window."""
    with h5py.File(mount / f"{COUNTS}/{period}us{more}/{name}.h5") as file:
        data = file["data"]
        assert len(data) == tensors.frame_count(events, period)
        frames = events["t"] // period
        for i in range(len(data)):
            inside = events[frames == i]
            cells = (inside["p"].astype(np.int64) * height + inside["y"]) * width + inside["x"]
            expected = np.bincount(cells, minlength=2 * height * width).reshape(2, height, width)
            assert expected.max(initial=0) <= 255
            assert np.array_equal(np.rint(data[i] * 255).astype(np.int64), expected), f"frame {i}"


@pytest.fixture(scope="module")
def mounted(module_mount, library):
    return module_mount(library)


@pytest.mark.parametrize("format", encoders.FORMATS)
def test_every_event_of_every_format(mounted, shown, format):
    events = shown[format]
    assert np.array_equal(times_through(mounted, format), events["t"])
    numbers = np.r_[0:300, 10_000:10_300, len(events) - 300:len(events)]
    assert np.array_equal(events_through(mounted, format, numbers), events[numbers])
    assert_same_counts(mounted, format, events, 5_000, 48, 64)


WRAPS = {
    "evt2": [dict(first=(1 << 34) - 100_000, count=4000, seed=4)],
    "evt21": [dict(first=(1 << 34) - 100_000, count=4000, seed=4)],
    "evt21Legacy": [dict(first=(1 << 34) - 100_000, count=4000, seed=4)],
    "evt4": [dict(first=(1 << 34) - 100_000, count=4000, seed=4)],
    "evt3": [dict(first=(1 << 24) - 100_000, count=4000, seed=5), dict(first=77_777_777, duration=60_000_000, count=9000, seed=6)],
    "dat": [dict(first=(1 << 32) - 100_000, count=4000, seed=4)],
}


@pytest.mark.parametrize("format", encoders.FORMATS)
def test_clocks_that_wrap(mount, source, format):
    for number, options in enumerate(WRAPS[format]):
        events = scenes.scene(**options)
        encoders.write(source / f"a{number}.{encoders.EXTENSION[format]}", format, events)
    where = mount(source)
    for number, options in enumerate(WRAPS[format]):
        expected = encoders.shifted(format, scenes.scene(**options))
        assert np.array_equal(times_through(where, f"a{number}"), expected["t"])
        numbers = np.arange(0, len(expected), 41)
        assert np.array_equal(events_through(where, f"a{number}", numbers), expected[numbers])


HEADERS = {
    "crlf": (b"% evt 2.0\r\n% geometry 64x48\r\n% end\r\n", "evt2"),
    "no_end": (b"% evt 2.0\n% geometry 64x48\n", "evt2"),
    "last_wins": (b"% evt 3.0\n% geometry 10x10\n% geometry 64x48\n% end\n", "evt3"),
    "width_height": (b"% evt 3.0\n% Width 64\n% Height 48\n% end\n", "evt3"),
    "odd_length": (b"% evt 3.0\n% geometry 64x48\n% Date 1\n% end\n", "evt3"),
    "odd_length2": (b"% evt 3.0\n% geometry 64x48\n% Date 12\n% end\n", "evt3"),
    "format_only": (b"% format EVT21;height=48;width=64;endianness=little\n% end\n", "evt21"),
    "legacy_said": (b"% format EVT21;endianness=legacy;height=48;width=64\n% system_ID 60\n% end\n", "evt21Legacy"),
    "legacy_by_sensor": (b"% evt 2.1\n% geometry 64x48\n% system_ID 54\n% end\n", "evt21Legacy"),
    "not_legacy_by_sensor": (b"% evt 2.1\n% geometry 64x48\n% system_ID 55\n% end\n", "evt21"),
}


def test_headers_people_have(mount, source, small):
    events = small[:3000]
    for name, (header, format) in HEADERS.items():
        (source / f"{name}.raw").write_bytes(header + encoders.payload(format, events))
    (source / "type0.dat").write_bytes(encoders.header("dat", 64, 48) + encoders.dat(events, type=0))
    where = mount(source)
    for name, format in [(name, format) for name, (_, format) in HEADERS.items()] + [("type0", "dat")]:
        expected = encoders.shifted(format, events)
        assert np.array_equal(times_through(where, name), expected["t"]), name
        numbers = np.arange(0, len(expected), 101)
        assert np.array_equal(events_through(where, name, numbers), expected[numbers]), name


@pytest.mark.parametrize("system, format, width, height", [(21, "evt2", 640, 480), (39, "evt2", 1280, 720), (40, "evt3", 640, 480), (49, "evt3", 1280, 720)])
def test_geometry_of_known_sensors(mount, source, small, system, format, width, height):
    number = {"evt2": "2.0", "evt3": "3.0"}[format]
    (source / "a.raw").write_bytes(f"% evt {number}\n% system_ID {system}\n% end\n".encode() + encoders.payload(format, small[:500]))
    with h5py.File(mount(source) / "histo/10ms/a.h5") as file:
        assert file["data"].shape[1:] == (2, height, width)


def test_geometry_given_by_hand(mount, source, small):
    bare = b"% Version 2\n" + encoders.dat(small)
    (source / "bare.dat").write_bytes(bare)
    encoders.write(source / "full.raw", "evt2", small)
    assert not (mount(source) / "histo/10ms/bare.h5").exists()
    where = mount(source, "--geometry", "80x60")
    assert h5py.File(where / "histo/10ms/bare.h5")["data"].shape[2:] == (60, 80)
    assert h5py.File(where / "histo/10ms/full.h5")["data"].shape[2:] == (48, 64)  # its header knows better
    assert np.array_equal(times_through(where, "bare"), small["t"])


SHARED = {"real_evt2.raw": (640, 480, 4_000), "real_evt3.raw": (1280, 720, 500), "real_td.dat": (80, 44, 5_000)}


@pytest.mark.parametrize("name", SHARED)
def test_real_recordings(mount, source, shared, name):
    """Times of all events, counts of every frame, and a sample of events one by one, equal OpenEB's."""
    (source / name).symlink_to(shared / "recordings" / name)
    stem = name.split(".")[0]
    events = scenes.decoded(shared / f"recordings/{stem}.events.npz")
    width, height, period = SHARED[name]
    where = mount(source, *(["--geometry", f"{width}x{height}"] if name.endswith(".dat") else []))
    shown = stem.removesuffix("_td")
    assert np.array_equal(times_through(where, shown), events["t"])
    assert_same_counts(where, shown, events, period, height, width)
    numbers = np.unique(np.linspace(0, len(events) - 1, 60).astype(int))
    assert np.array_equal(events_through(where, shown, numbers), events[numbers])


@pytest.fixture(scope="module")
def generator(shared, tmp_path_factory):
    """generator(folder, mode, bytes) writes recordings by the shared independent generator, <format>.raw or .dat in every format it has;
    returns what it says of each: events and hash."""
    program = tmp_path_factory.mktemp("generator") / "gen_events"
    built = subprocess.run(["cc", "-O2", "-o", program, shared / "tools/gen_events.c", "-lm"], capture_output=True, text=True, timeout=60)
    if built.returncode:
        pytest.skip(f"gen_events.c does not compile here: {built.stderr[:200]}")

    def generate(folder, mode, size):
        files = {format: folder / f"{format}.{encoders.EXTENSION[format]}" for format in ("evt3", "evt2", "evt21", "dat")}
        told = subprocess.run([program, mode, "3", "11700000", str(size)] + [f"{format}={path}" for format, path in files.items()], check=True,
                              capture_output=True, text=True, timeout=60).stdout
        # The other layout of EVT2.1: the halves of every word swapped.
        data = files["evt21"].read_bytes()
        end = data.index(b"% end\n") + 6
        halves = np.frombuffer(data[end:end + (len(data) - end) // 8 * 8], "<u4").reshape(-1, 2)[:, ::-1]
        (folder / "evt21Legacy.raw").write_bytes(data[:end].replace(b"little", b"legacy") + halves.tobytes())
        lines = {line.split()[0]: line.split()[1:] for line in told.splitlines()}
        said = {format: dict(zip(lines[str(path)][::2], lines[str(path)][1::2])) for format, path in files.items()}
        return said | {"evt21Legacy": said["evt21"]}

    return generate


@pytest.fixture(scope="module")
def generated(generator, tmp_path_factory):
    """About 1 MB each."""
    folder = tmp_path_factory.mktemp("generated")
    generator(folder, "sparse", 1_000_000)
    return folder


@pytest.fixture(scope="module")
def generated_mount(module_mount, generated):
    return module_mount(generated)


@pytest.mark.parametrize("format, peer", [("evt2", "expelliarmus"), ("dat", "expelliarmus"), ("evt3", "faery"), ("evt3", "evutils"),
                                          ("evt21", None), ("evt21Legacy", None)])
def test_generated_recordings_as_peers_read_them(generated_mount, generated, format, peer):
    path = generated / f"{format}.{encoders.EXTENSION[format]}"
    own, (_, width, height) = decoders.decode(path.read_bytes())
    events = peers.READERS[peer](path, format) if peer else own
    assert len(events) > 100_000
    assert len(own) == len(events)
    events["t"] += int(own["t"][0]) - int(events["t"][0])  # peers do not shift
    where = generated_mount
    assert np.array_equal(times_through(where, format), events["t"])
    first = int(events["t"][0]) // 20_000 * 20_000
    events["t"] -= first
    assert_same_counts(where, format, events, 20_000, height, width, f",start_ts={first}us")


@pytest.fixture(scope="module")
def large(generator, tmp_path_factory):
    """(folder, what the generator says): 20 MB each."""
    folder = tmp_path_factory.mktemp("large")
    return folder, generator(folder, "dense", 20_000_000)


@pytest.fixture(scope="module")
def large_mount(module_mount, large):
    return module_mount(large[0])


def event_hash(events):
    """The generator's: h = h * M + (t << 32 ^ x << 16 ^ y << 1 ^ p), modulo 2^64."""
    with np.errstate(over="ignore"):
        powers = np.full(len(events), 6364136223846793005, np.uint64)
        powers[:1] = 1
        powers = np.multiply.accumulate(powers)[::-1]
        words = events["t"].astype(np.uint64) << np.uint64(32)
        for field, shift in (("x", 16), ("y", 1), ("p", 0)):
            words ^= events[field].astype(np.uint64) << np.uint64(shift)
        return int(np.sum(words * powers, dtype=np.uint64))


@pytest.mark.budget(180)
@pytest.mark.parametrize("format, peer, file", [("evt2", "expelliarmus", "evt2"), ("dat", "expelliarmus", "dat"), ("evt3", "faery", "evt3"), ("evt3", "evutils", "evt3"),
                                                ("evt21", "faery", "evt3"), ("evt21Legacy", "faery", "evt3")])
def test_large_generated_recordings(large_mount, large, measured, format, peer, file):
    """A peer reads the events that the generator wrote, by its hash, and the mount shows them: every time, every frame's counts. No peer
    reads EVT2.1, but the generator writes the same events into all files, each until it is full; the EVT3 file holds the most."""
    (folder, said), where, period = large, large_mount, 5_000
    count = int(said[format]["events"])
    events = peers.READERS[peer](folder / f"{file}.{encoders.EXTENSION[file]}", file)[:count]
    assert len(events) == count > 2_000_000 and event_hash(events) == int(said[format]["hash"], 16)
    times = times_through(where, format)
    assert len(times) == count
    events["t"] += int(times[0]) - int(events["t"][0])  # peers do not shift
    assert np.array_equal(times, events["t"])
    first = int(times[0]) // period * period
    events["t"] -= first
    assert_same_counts(where, format, events, period, 720, 1280, f",start_ts={first}us")
    measured(f"{(folder / f'{format}.{encoders.EXTENSION[format]}').stat().st_size / 1e6:.1f} MB of {format}, {count} events, as {peer} reads them")
