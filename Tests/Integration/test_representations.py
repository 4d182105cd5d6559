"""The inputs of published models, read by h5py through a real mount, from the disk cache and from files of generate, against plain Python and the
shared reference where it is present."""
import json
import time

import h5py
import numpy as np
import pytest

from toolbox import encoders, representations, scenes

HEIGHT, WIDTH = 48, 64
OPTIONS = [
    ("stacked_histogram", {}), ("stacked_histogram", dict(num_bins=3, count_cutoff=255, wraps=False)), ("stacked_histogram", dict(num_bins=1, count_cutoff=2)),
    ("mixed_density_stack", {}), ("mixed_density_stack", dict(num_bins=4, count_cutoff=3)),
    ("voxel_grid", {}), ("voxel_grid", dict(origin="window", num_bins=3)), ("voxel_grid", dict(norm="nonzero")),
    ("voxel_grid", dict(norm="nonzero_unbiased", num_bins=15)), ("voxel_grid", dict(num_bins=1)),
    ("event_volume", {}), ("event_volume", dict(num_bins=1)), ("event_volume", dict(num_bins=7)),
    ("event_count", {}), ("event_count", dict(dtype="uint16")), ("event_count", dict(dtype="float32")), ("event_image", {}), ("ergo12", {}),
]
# What the shared reference has.
REFERENCED = [(name, options) for name, options in OPTIONS if name != "ergo12"]


def spelled(name, options):
    return ",".join([name] + [f"{key}={str(value).lower()}" for key, value in options.items()])


def identity(value):
    return value if isinstance(value, str) else spelled("", value)[1:]


@pytest.fixture(scope="module")
def mounted(module_mount, library):
    return module_mount(library)


def some(count):
    return sorted({0, 1, count // 2, count - 1} & set(range(count)))


def compare(file, differ, events, name, options, period):
    data = file["data"]
    edges = [(i * period, (i + 1) * period) for i in some(len(data))]
    expected = representations.frames_of(name, events, edges, HEIGHT, WIDTH, **options)
    got = data[some(len(data))]
    assert got.dtype == expected.dtype and np.any(got != 0)
    plain = {key: value for key, value in options.items() if key != "downsample"}
    assert differ(f"{name} against plain Python", got, expected) <= representations.tolerance(name, **plain)


@pytest.mark.parametrize("name, options", OPTIONS, ids=identity)
@pytest.mark.parametrize("period", [7_000, 50_000])
def test_periods(mounted, differ, shown, name, options, period):
    for format in ("evt2", "evt3", "dat"):
        with h5py.File(mounted / spelled(name, options) / f"{period}us/{format}.h5") as file:
            compare(file, differ, shown[format], name, options, period)


@pytest.mark.parametrize("name, options", OPTIONS, ids=identity)
def test_downsampled(mounted, differ, shown, name, options):
    """Pixels of a cell count together."""
    for downsample in (2, 4):
        with h5py.File(mounted / spelled(name, options | dict(downsample=downsample)) / "30ms/evt21.h5") as file:
            compare(file, differ, shown["evt21"], name, options | dict(downsample=downsample), 30_000)


@pytest.mark.parametrize("name, options", OPTIONS, ids=identity)
def test_windows_of_n_events(mounted, differ, shown, name, options):
    """Their edges are the first and the last event."""
    for format in ("evt3", "evt4", "dat"):
        with h5py.File(mounted / spelled(name, options) / f"3000ev/{format}.h5") as file:
            for i in some(len(file["data"])):
                events = shown[format][3000 * i:3000 * (i + 1)]
                expected = representations.frame_of(name, events, int(events["t"][0]), int(events["t"][-1]), HEIGHT, WIDTH, **options)
                assert differ(f"{name}, n_events", file["data"][i], expected) <= representations.tolerance(name, **options)


@pytest.fixture
def odd(source):
    """20 ms frames: one event; none; 600 events of one pixel at one time; time that runs backwards; two events a bin's edge apart."""
    rng = np.random.default_rng(5)
    hot = [(5, 7, 1, 45_000)] * 300 + [(5, 7, 0, 45_000)] * 556
    back = [(int(x), int(y), int(p), 60_000 + int(t)) for x, y, p, t in zip(
        rng.integers(0, WIDTH, 500), rng.integers(0, HEIGHT, 500), rng.integers(0, 2, 500), rng.permutation(19_000)[:500])]
    edge = [(1, 1, 1, 80_000), (2, 1, 1, 85_000), (3, 1, 0, 89_999), (4, 1, 0, 90_000), (5, 1, 1, 99_000)]
    rows = [(3, 4, 1, 7_000)] + hot + back + edge
    events = np.array(rows, [("x", "u2"), ("y", "u2"), ("p", "u1"), ("t", "i8")])
    encoders.write(source / "a.dat", "dat", events)
    return events


@pytest.mark.parametrize("name, options", OPTIONS, ids=identity)
def test_odd_frames(mount, source, odd, differ, name, options):
    with h5py.File(mount(source) / spelled(name, options) / "20ms/a.h5") as file:
        data = file["data"]
        assert len(data) == 5 and not data[1].any()
        for i in (0, 1, 2, 4):
            inside = odd[odd["t"] // 20_000 == i]
            expected = representations.frame_of(name, inside, i * 20_000, (i + 1) * 20_000, HEIGHT, WIDTH, **options)
            assert differ(f"{name}, odd frames", data[i], expected) <= representations.tolerance(name, **options)
        if name != "mixed_density_stack" and name != "voxel_grid":  # the logarithm of nothing; a tent that leaves the grid
            inside = odd[odd["t"] // 20_000 == 3]
            expected = representations.frame_of(name, inside, 60_000, 80_000, HEIGHT, WIDTH, **options)
            assert differ(f"{name}, time backwards", data[3], expected) <= representations.tolerance(name, **options)


def test_a_hot_pixel_wraps(mount, source, odd):
    """RVT counts in a byte: 300 events are 44, 556 again 44, 256 none; without wraps they are cut off."""
    path = mount(source)
    with h5py.File(path / "stacked_histogram,count_cutoff=255/20ms/a.h5") as file:
        assert list(file["data"][2][[0, 10], 7, 5]) == [44, 44]
    with h5py.File(path / "stacked_histogram,count_cutoff=255,wraps=false/20ms/a.h5") as file:
        assert list(file["data"][2][[0, 10], 7, 5]) == [255, 255]


@pytest.mark.parametrize("name, options", OPTIONS, ids=identity)
def test_from_the_disk_cache(mount, library, tmp_path, name, options):
    at = f"{spelled(name, options)}/50ms/evt3.h5"
    first = mount(library, "--cache", tmp_path / "cache")
    with h5py.File(first / at) as file:
        expected = file["data"][:]
    while json.loads((first / ".evh5/status.json").read_text())["cache"]["queued"]:
        time.sleep(0.01)
    first.stop()
    second = mount(library, "--cache", tmp_path / "cache")
    with h5py.File(second / at) as file:
        assert np.array_equal(file["data"][:], expected)
        assert file["data"].attrs["events_to_tensor"] == name.encode()
        for key, value in options.items():
            assert file["data"].attrs[key] == value
    assert json.loads((second / ".evh5/status.json").read_text())["frames"]["computed"] == 0


def test_generate(evh5, library, mounted, tmp_path):
    for name, options in OPTIONS:
        out = tmp_path / spelled(name, options)
        flags = [f"{key}={str(value).lower()}" for key, value in options.items()]
        evh5.run("generate", library / "evt3.raw", "-o", out, "--preprocess", ",".join([name] + flags), check=0)
        with h5py.File(out / "evt3.h5") as made, h5py.File(mounted / spelled(name, options) / "50ms/evt3.h5") as seen:
            assert made["data"].dtype == seen["data"].dtype and np.array_equal(made["data"][:], seen["data"][:])


@pytest.mark.parametrize("tau", [1_000, 30_000, 2_000_000])
@pytest.mark.parametrize("window, downsample", [("7ms", 1), ("50ms", 2), ("20ms,start_ts=111ms", 1)])
def test_fading(mounted, differ, shown, tau, window, downsample):
    """Events before the window, and before start_ts, count too."""
    component = f"exponential_timesurface,tau={tau}us" + (f",downsample={downsample}" if downsample > 1 else "")
    period, start = int(window.split("ms")[0]) * 1000, 111_000 if "start" in window else 0
    for format in ("evt2", "evt3", "dat"):
        events = shown[format]
        with h5py.File(mounted / component / window / f"{format}.h5") as file:
            for i in some(len(file["data"])):
                end = start + (i + 1) * period
                expected = representations.fading(events[events["t"] < end], end, tau, HEIGHT, WIDTH, downsample)
                assert differ("exponential_timesurface against plain Python", file["data"][i], expected) <= 2e-6


@pytest.mark.parametrize("start", [0, 120_000])
def test_fading_counted(mounted, differ, shown, start):
    """The end is the time of the frame's last event; later events of the same us are in the next frame."""
    for format in ("evt3", "evt4"):
        events = shown[format]
        first = int(np.searchsorted(events["t"], start))
        with h5py.File(mounted / f"exponential_timesurface/3000ev,start_ts={start}us/{format}.h5") as file:
            for i in some(len(file["data"])):
                seen = events[:first + 3000 * (i + 1)]
                expected = representations.fading(seen, int(seen["t"][-1]), 30_000, HEIGHT, WIDTH)
                assert differ("exponential_timesurface, n_events", file["data"][i], expected) <= 2e-6


def test_fading_as_bytes(mounted, shown):
    with h5py.File(mounted / "exponential_timesurface/50ms/evt3.h5") as file:
        floats = file["data"][3].astype(np.float64)
    with h5py.File(mounted / "exponential_timesurface,dtype=uint8/50ms/evt3.h5") as file:
        assert np.abs(file["data"][3] - 255 * floats).max() <= 0.5 + 255 * 2e-6


def test_fading_against_the_shared_reference(mount, differ, shared_representations, shared):
    """On a real recording, of which tau makes a frame look at all that was before."""
    events = scenes.decoded(shared / "recordings/real_evt3.events.npz")
    with h5py.File(mount(shared / "recordings") / "exponential_timesurface,tau=10ms/5ms/real_evt3.h5") as file:
        for i in some(len(file["data"])):
            end = (i + 1) * 5_000
            expected = shared_representations.exponential_timesurface(events[events["t"] < end], 720, 1280, end, 10_000)
            assert differ("exponential_timesurface against the shared reference", file["data"][i], expected) <= 2e-6


TORE = [{}, dict(k=1), dict(k=5, min_time=1, max_time=40_000), dict(min_time=2_000, max_time=100_000_000)]


def timed(options):
    return "".join(f",{key}={value}" + ("us" if "time" in key else "") for key, value in options.items())


@pytest.mark.parametrize("options", TORE, ids=timed)
@pytest.mark.parametrize("window, downsample", [("7ms", 1), ("50ms", 4), ("20ms,start_ts=111ms", 1)])
def test_recent(mounted, differ, shown, options, window, downsample):
    """Events before the window, and before start_ts, count too: as far back as max_time."""
    component = "tore" + timed(options) + (f",downsample={downsample}" if downsample > 1 else "")
    period, start, different = int(window.split("ms")[0]) * 1000, 111_000 if "start" in window else 0, set()
    for format in ("evt2", "evt3", "dat"):
        events = shown[format]
        with h5py.File(mounted / component / window / f"{format}.h5") as file:
            assert file["data"].dtype == np.float32
            for i in some(len(file["data"])):
                end = start + (i + 1) * period
                expected = representations.recent(events[events["t"] < end], end, HEIGHT, WIDTH, downsample=downsample, **options)
                different |= set(expected.ravel().tolist())
                assert differ("tore against plain Python", file["data"][i], expected) <= 4e-6
    assert len(different) > 100


@pytest.mark.parametrize("start", [0, 120_000])
def test_recent_counted(mounted, differ, shown, start):
    """The end is the time of the frame's last event, which counts; later events of the same us are in the next frame."""
    for format in ("evt3", "evt4"):
        events = shown[format]
        first = int(np.searchsorted(events["t"], start))
        with h5py.File(mounted / f"tore,max_time=60ms/3000ev,start_ts={start}us/{format}.h5") as file:
            for i in some(len(file["data"])):
                seen = events[:first + 3000 * (i + 1)]
                expected = representations.recent(seen, int(seen["t"][-1]), HEIGHT, WIDTH, max_time=60_000)
                assert differ("tore, n_events", file["data"][i], expected) <= 4e-6


@pytest.mark.parametrize("window", ["20ms,stride=7ms", "500ev,stride=170", "400ev,max_period=5ms", "9parts"])
@pytest.mark.parametrize("name", ["tore", "ergo12"])
def test_other_windows(mounted, differ, shown, name, window):
    for format in ("evt3", "dat"):
        events = shown[format]
        with h5py.File(mounted / name / window / f"{format}.h5") as file:
            starts, ends = file["starts"][:], file["ends"][:]
            for i in some(len(ends)):
                if "max_period" in window:
                    continue
                if "ev" in window:
                    first, past = 170 * i, 170 * i + 500
                else:
                    first, past = np.searchsorted(events["t"], [starts[i], ends[i]])
                expected = (representations.recent(events[:past], int(ends[i]), HEIGHT, WIDTH) if name == "tore" else
                            representations.frame_of(name, events[first:past], 0, 1, HEIGHT, WIDTH))
                assert differ(f"{name}, {window}", file["data"][i], expected) <= 4e-6
            if "max_period" in window:
                past = 0
                for i, end in enumerate(ends[:5].tolist()):
                    first = past
                    past = min(first + 400, int(np.searchsorted(events["t"], (0 if i == 0 else int(ends[i - 1])) + 5_000)))
                    expected = (representations.recent(events[:past], end, HEIGHT, WIDTH) if name == "tore" else
                                representations.frame_of(name, events[first:past], 0, 1, HEIGHT, WIDTH))
                    if i in (0, 3):
                        assert differ(f"{name}, {window}", file["data"][i], expected) <= 4e-6


def test_recent_at_odd_frames(mount, source, odd, differ):
    """The least ages, whatever the order in the file; a frame before any event has the greatest age."""
    with h5py.File(mount(source) / "tore/20ms/a.h5") as file:
        for i in range(len(file["data"])):
            seen = odd[odd["t"] < (i + 1) * 20_000]
            assert differ("tore, odd frames", file["data"][i], representations.recent(seen, (i + 1) * 20_000, HEIGHT, WIDTH)) <= 4e-6
    with h5py.File(mount(source) / "tore/90ev/a.h5") as file:
        for i in range(len(file["data"])):
            seen = odd[:90 * (i + 1)]
            assert differ("tore, odd frames", file["data"][i], representations.recent(seen, int(seen["t"][-1]), HEIGHT, WIDTH)) <= 4e-6
    encoders.write(source / "late.dat", "dat", odd[-1:])
    with h5py.File(mount(source) / "tore/20ms/late.h5") as file:
        assert np.allclose(file["data"][0], np.log(5e6 + 1) - np.log(151), atol=4e-6)


def test_recent_in_other_files(evh5, mount, library, tmp_path):
    """From the disk cache, by generate, and drawn."""
    first = mount(library, "--cache", tmp_path / "cache")
    for name in ("tore,k=2", "ergo12"):
        with h5py.File(first / f"{name}/50ms/evt3.h5") as file:
            expected = file["data"][:]
        evh5.run("generate", library / "evt3.raw", "-o", tmp_path / name, "--preprocess", name, check=0)
        with h5py.File(tmp_path / name / "evt3.h5") as file:
            assert np.array_equal(file["data"][:], expected)
        evh5.run("preview", first / f"{name}/50ms/evt3.h5", "-o", tmp_path / f"{name}.png", check=0)
        assert (tmp_path / f"{name}.png").stat().st_size > 1000
    while json.loads((first / ".evh5/status.json").read_text())["cache"]["queued"]:
        time.sleep(0.01)
    first.stop()
    second = mount(library, "--cache", tmp_path / "cache")
    with h5py.File(second / "tore,k=2/50ms/evt3.h5") as file:
        assert file["data"].attrs["k"] == 2 and file["data"].attrs["max_time"] == "5s" and file["data"][:].any()
    assert json.loads((second / ".evh5/status.json").read_text())["frames"]["computed"] == 0


@pytest.mark.parametrize("component, why", [
    ("tore,k=0", "1 to 16"), ("tore,k=17", "1 to 16"), ("tore,min_time=5s", "less than max_time"), ("tore,max_time=2h", "a time such as"),
    ("tore,max_time=3601s", "at most 3600s"), ("tore,dtype=uint8", "not in 0...1"), ("ergo12,k=3", "no parameter k"),
    ("voxel_grid,origin=middle", "one of events, window"), ("voxel_grid,norm=1", "one of none, nonzero"), ("event_count,dtype=int8", "one of uint8"),
    ("stacked_histogram,count_cutoff=256", "1 to 255"), ("stacked_histogram,dtype=uint8", "not in 0...1"), ("mixed_density_stack,num_bins=0", "1 to 64"),
    ("exponential_timesurface,tau=0ms", "a time such as 30ms"), ("exponential_timesurface,tau=fast", "a time such as 30ms"),
    ("event_image,num_bins=3", "no parameter num_bins"), ("voxel_grid,dtype=uint8", "not in 0...1"),
])
def test_wrong_parameters(mounted, component, why):
    with pytest.raises(FileNotFoundError):
        (mounted / component / "50ms/evt3.h5").stat()
    assert why in mounted.log()


def compare_with_reference(file, differ, reference, events, name, options, period):
    _, _, height, width = file["data"].shape
    step = 1 if height == HEIGHT else max(1, len(file["data"]) // 4)
    for i in range(0, len(file["data"]), step):
        start, end = i * period, (i + 1) * period
        inside = events[(events["t"] >= start) & (events["t"] < end)]
        edges = (start, end) if name in ("voxel_grid", "event_volume", "event_image") else ()
        expected = getattr(reference, name)(inside, height, width, *edges, **options)
        key = "voxel_grid_normalised" if options.get("norm", "none") != "none" else name
        assert differ(f"{name} against the shared reference", file["data"][i], expected) <= reference.tolerance(key)


@pytest.mark.parametrize("name, options", REFERENCED, ids=identity)
def test_shared_reference(mounted, differ, shown, shared_representations, name, options):
    for format in ("evt2", "evt3", "dat"):
        with h5py.File(mounted / spelled(name, options) / f"20ms/{format}.h5") as file:
            compare_with_reference(file, differ, shared_representations, shown[format], name, options, 20_000)


@pytest.mark.parametrize("recording", ["real_evt2", "real_evt3"])
def test_real_recordings(mount, differ, shared_representations, shared, recording):
    events = scenes.decoded(shared / f"recordings/{recording}.events.npz")
    where = mount(shared / "recordings")
    for name, options in REFERENCED:
        with h5py.File(where / spelled(name, options) / f"50ms/{recording}.h5") as file:
            compare_with_reference(file, differ, shared_representations, events, name, options, 50_000)


@pytest.mark.parametrize("name, options", [("stacked_histogram", {}), ("mixed_density_stack", {}), ("voxel_grid", dict(norm="nonzero")), ("event_count", dict(dtype="uint16")), ("event_image", {})], ids=identity)
@pytest.mark.parametrize("k", [2, 8])
def test_pixels_of_the_whole_frame(mounted, differ, shown, name, options, k):
    """sample=nearest: all events make the frame, of which one pixel in k x k is taken; windows of events count all, too."""
    spelling = spelled(name, options | dict(downsample=k, sample="nearest"))
    events = shown["evt3"]
    with h5py.File(mounted / spelling / "50ms/evt3.h5") as file:
        full = representations.frames_of(name, events, [(0, 50_000), (150_000, 200_000)], HEIGHT, WIDTH, **options)
        got = file["data"][[0, 3]]
        assert got.any() and differ(f"{name}, sample=nearest", got, full[..., k // 2::k, k // 2::k]) <= representations.tolerance(name, **options)
    with h5py.File(mounted / spelling / "3000ev/evt3.h5") as file:
        part = events[3000:6000]
        full = representations.frame_of(name, part, int(part["t"][0]), int(part["t"][-1]), HEIGHT, WIDTH, **options)
        assert len(file["data"]) == len(events) // 3000
        assert differ(f"{name}, sample=nearest", file["data"][1], full[..., k // 2::k, k // 2::k]) <= representations.tolerance(name, **options)


@pytest.mark.parametrize("name", ["histo", "event_cube", "diff_quantized", "histo,dtype=uint8"])
def test_pixels_of_whole_frames_of_others(mounted, name):
    """Of frames that are kept as counts, as well."""
    with h5py.File(mounted / name / "50ms/evt3.h5") as full, h5py.File(mounted / f"{name},downsample=4,sample=nearest" / "50ms/evt3.h5") as small:
        assert small["data"].dtype == full["data"].dtype and np.array_equal(small["data"][:], full["data"][:, :, 2::4, 2::4]) and small["data"][:].any()
