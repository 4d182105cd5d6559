"""Filters before any representation: each against numpy, in tensors, event files, files of generate and from the disk cache."""
import json
import time

import h5py
import numpy as np
import pytest

import test_windows as windows
from test_preview import drawn
from toolbox import ecf, encoders, event_files, filters, representations, scenes
from toolbox.event_files import COLUMNS, PROPHESEE

WIDTH, HEIGHT = 64, 48
EACH = [dict(polarity="on"), dict(polarity="off"), dict(roi="10+7+40x33"), dict(roi="63+47+1x1"), dict(flip="x"), dict(flip="y"), dict(flip="xy"),
        dict(transpose=None), dict(refractory="1ms"), dict(refractory="25ms"), dict(noise="100us"), dict(noise="2ms")]
COMBINED = [dict(flip="x", polarity="on", roi="3+5+32x24", transpose=None), dict(noise="1ms", refractory="3ms"),
            dict(flip="y", noise="300us", polarity="off", refractory="2ms", roi="20+0+41x48", transpose=None)]


def items(options):
    """Sorted, as paths have them."""
    return "".join(f",{key}" if value is None else f",{key}={value}" for key, value in sorted(options.items()))


def spelled(name, options, **more):
    return name + items({**options, **more})


@pytest.fixture(scope="module")
def mounted(module_mount, library):
    return module_mount(library)


def compare(file, events, name, options, period, height, width, differ, **more):
    data = file["data"]
    assert data.shape[2:] == (height, width)
    some = sorted({0, 1, len(data) // 2, len(data) - 1})
    expected = representations.frames_of(name, events, [(i * period, (i + 1) * period) for i in some], height, width, **more)
    got = data[some]
    assert got.dtype == expected.dtype
    assert differ(f"{name}{items(options)} against numpy", got, expected) <= representations.tolerance(name, **more)
    return bool(np.any(got != 0))


# --- Tensors

@pytest.mark.parametrize("options", EACH + COMBINED, ids=items)
@pytest.mark.parametrize("name", ["event_count", "stacked_histogram", "voxel_grid"])
def test_periods(mounted, differ, shown, name, options):
    anything = False
    for format in encoders.FORMATS:
        events, width, height = filters.left(shown[format], options, WIDTH, HEIGHT)
        for period in (7_000, 50_000):
            with h5py.File(mounted / spelled(name, options) / f"{period}us/{format}.h5") as file:
                anything |= compare(file, events, name, options, period, height, width, differ)
                assert (file["data"].attrs["event_input_width"], file["data"].attrs["event_input_height"]) == (width, height)
    assert anything


@pytest.mark.parametrize("options", [dict(roi="10+7+40x33"), dict(noise="1ms", polarity="off"), COMBINED[2]], ids=items)
def test_downsampled(mounted, differ, shown, options):
    """What filters leave is divided, and whole cells only are left."""
    for name in ("event_count", "stacked_histogram", "voxel_grid"):
        events, width, height = filters.left(shown["evt3"], options, WIDTH, HEIGHT)
        width, height = width // 4, height // 4
        events = events[(events["x"] < 4 * width) & (events["y"] < 4 * height)]
        events["x"] //= 4
        events["y"] //= 4
        with h5py.File(mounted / spelled(name, options, downsample=4) / "30ms/evt3.h5") as file:
            assert compare(file, events, name, options, 30_000, height, width, differ)


def sampled(events, options, k):
    events, width, height = filters.left(events, options, WIDTH, HEIGHT)
    return filters.one_pixel(events, k, width, height)


@pytest.mark.parametrize("k", [2, 4, 8])
@pytest.mark.parametrize("options", [{}, dict(roi="1+3+50x41", transpose=None), dict(flip="x", noise="2ms")], ids=items)
def test_one_pixel(mounted, differ, shown, k, options):
    """One pixel of each cell counts, as if the sensor had only those: nothing is divided by k * k."""
    for format in ("evt2", "evt3", "dat"):
        events, width, height = sampled(shown[format], options, k)
        for name in ("event_count", "stacked_histogram", "voxel_grid"):
            with h5py.File(mounted / spelled(name, options, downsample=k, sample="pixel") / f"50ms/{format}.h5") as file:
                assert compare(file, events, name, options, 50_000, height, width, differ)
    with h5py.File(mounted / spelled("histo", options, downsample=k, sample="pixel") / "50ms/evt3.h5") as file:
        events, width, height = sampled(shown["evt3"], options, k)
        inside = events[events["t"] < 50_000]
        counts = np.zeros((2, height, width))
        np.add.at(counts, (inside["p"], inside["y"], inside["x"]), 1)
        assert np.allclose(file["data"][0], np.minimum(1, counts / 5), atol=1e-6) and counts.any()


@pytest.mark.parametrize("options", EACH + COMBINED, ids=items)
def test_windows_of_n_events_count_what_is_left(mounted, differ, shown, options):
    for format in encoders.FORMATS:
        events, width, height = filters.left(shown[format], options, WIDTH, HEIGHT)
        count = 7 if len(events) < 300 else 150
        with h5py.File(mounted / spelled("voxel_grid", options) / f"{count}ev/{format}.h5") as file:
            assert len(file["data"]) == len(events) // count
            assert file["last_timestamps"][:].tolist() == events["t"][count - 1::count].tolist()
            for i in sorted({0, len(file["data"]) - 1} & set(range(len(file["data"])))):
                part = events[count * i:count * (i + 1)]
                expected = representations.frame_of("voxel_grid", part, int(part["t"][0]), int(part["t"][-1]), height, width)
                assert differ("n_events", file["data"][i], expected) <= representations.tolerance("voxel_grid")


def test_windows_of_n_events_in_parts(mounted, shown):
    options = dict(noise="2ms", polarity="on")
    events = filters.left(shown["evt3"], options, WIDTH, HEIGHT)[0]
    start = 100_000
    for part in range(2):
        inside = events[(events["t"] >= start + part * 50_000) & (events["t"] < start + (part + 1) * 50_000)]
        with h5py.File(mounted / spelled("event_count", options) / f"100ev,max_duration=50ms,start_ts=100ms/evt3_{part}.h5") as file:
            assert file["last_timestamps"][:].tolist() == (inside["t"][99::100] - start - part * 50_000).tolist()


@pytest.mark.parametrize("options", [{}, dict(polarity="on", roi="10+7+40x33"), dict(noise="1ms", refractory="3ms"), dict(downsample="2", sample="pixel"),
                                     dict(downsample="4", polarity="off", sample="pixel")], ids=items)
@pytest.mark.parametrize("window", ["50ms,stride=10ms", "100ev,stride=70", "60ev,max_period=11ms", "7parts"])
def test_other_windows(mounted, shown, window, options):
    """Those of time are the recording's, whatever is left in them; those of n events are of what is left, each filter's by itself."""
    k = int(options.get("downsample", 1))
    for format in ("evt3", "dat"):
        every = shown[format]
        events, width, height = filters.left(every, options, WIDTH, HEIGHT)
        if k > 1:
            events, width, height = filters.one_pixel(events, k, width, height)
        if "ms,stride" in window:
            edges = [(a, b) for _, a, b in windows.sliding(50_000, 10_000)(every)]
        elif "parts" in window:
            edges = [(a, b) for _, a, b in windows.parts(every, 7)]
        if "ev" not in window:
            expected = list(windows.by_time(edges)(events))
        elif "max_period" in window:
            expected = list(windows.mixed(events, 60, 11_000))
        else:
            expected = windows.by_count(lambda n: [(i, i + 100) for i in range(0, n - 99, 70)])(events)
        with h5py.File(mounted / spelled("event_count", options) / window / f"{format}.h5") as file:
            assert file["starts"][:].tolist() == [a for _, a, _ in expected] and file["ends"][:].tolist() == [b for _, _, b in expected]
            data = file["data"][:]
        assert len(data) == len(expected) > 2 and data.any()
        for frame, (inside, _, _) in zip(data, expected):
            counts = np.zeros((2, height, width), np.int64)
            np.add.at(counts, (inside["p"], inside["y"], inside["x"]), 1)
            assert np.array_equal(frame, np.minimum(counts, 255))


# --- Event files

@pytest.mark.parametrize("options", EACH + COMBINED, ids=items)
@pytest.mark.parametrize("layout", [COLUMNS, PROPHESEE])
def test_event_files(mounted, shown, layout, options):
    for format in encoders.FORMATS:
        events, width, height = filters.left(shown[format], options, WIDTH, HEIGHT)
        if not len(events):
            continue
        keys = sorted(items(options).split(",")[1:] + layout.split(",")[1:])
        path = mounted / ",".join(["events"] + keys) / f"{format}.{event_files.EXTENSION[layout]}"
        with h5py.File(path) as file:
            expected = event_files.columns(events, event_files.NO_TRIGGERS, width, height) if layout == COLUMNS else event_files.prophesee(
                events, event_files.NO_TRIGGERS)
            found = event_files.datasets(file)
            assert layout == COLUMNS or file.attrs["geometry"] == f"{width}x{height}"
            for name, values in expected.items():
                if "triggers" not in name and "TRIGGER" not in name:
                    assert found[name].dtype == values.dtype and np.array_equal(found[name][()], values), (format, name)


@pytest.mark.parametrize("options", [dict(roi="10+7+40x33"), *COMBINED[1:]], ids=items)
def test_packed_event_files(mounted, shown, options):
    for format in encoders.FORMATS:
        events, width, height = filters.left(shown[format], options, WIDTH, HEIGHT)
        with h5py.File(mounted / ",".join(["events"] + sorted(items(options).split(",")[1:] + ["layout=ecf"])) / f"{format}.hdf5") as file:
            found = ecf.read(file)
            assert file.attrs["geometry"] == f"{width}x{height}" and len(events) > 100
        expected = event_files.prophesee(events, event_files.NO_TRIGGERS)
        for name in ("/CD/events", "/CD/indexes"):
            assert np.array_equal(found[name], expected[name]), (format, name)


# --- Many events

@pytest.fixture(scope="module")
def crowd():
    """10^6 events of 320 x 240 pixels in two seconds, half of them on a tenth of the pixels."""
    rng = np.random.default_rng(14)
    events = np.zeros(1_000_000, scenes.EVENT)
    events["t"] = np.sort(rng.integers(0, 2_000_000, len(events)))
    events["p"] = rng.integers(0, 2, len(events))
    busy = rng.random(len(events)) < 0.5
    events["x"] = np.where(busy, rng.integers(100, 200, len(events)), rng.integers(0, 320, len(events)))
    events["y"] = np.where(busy, rng.integers(60, 140, len(events)), rng.integers(0, 240, len(events)))
    return events


@pytest.fixture(scope="module")
def crowded(module_mount, tmp_path_factory, crowd):
    folder = tmp_path_factory.mktemp("crowd")
    for format in ("evt3", "dat"):
        encoders.write(folder / f"{format}.{encoders.EXTENSION[format]}", format, crowd, 320, 240)
    return module_mount(folder)


@pytest.mark.parametrize("options", [dict(polarity="on"), dict(roi="64+48+192x144"), dict(flip="xy"), dict(transpose=None), dict(refractory="20ms"),
                                     dict(noise="1ms"), dict(noise="10ms", polarity="on", refractory="20ms", roi="30+40+200x100", transpose=None)], ids=items)
def test_a_million_events(crowded, crowd, options):
    """Every event, in file order; frames of every window read by itself, in any order, add up to them."""
    events, width, height = filters.left(crowd, options, 320, 240)
    assert 0.05 < len(events) / len(crowd) < 0.95 or len(events) == len(crowd)
    for format in ("evt3", "dat"):
        shown = encoders.shifted(format, crowd[:1])["t"][0] - crowd["t"][0]
        with h5py.File(crowded / ("events" + items(options)) / f"{format}.h5") as file:
            for name in "xypt":
                assert np.array_equal(file[f"events/{name}"][:].astype(np.int64), events[name].astype(np.int64) + (shown if name == "t" else 0)), name
        with h5py.File(crowded / spelled("event_count", options) / "20ms/dat.h5") as file:
            for i in np.random.default_rng(1).permutation(len(file["data"]))[:12].tolist() + [0, len(file["data"]) - 1]:
                inside = events[events["t"] // 20_000 == i]
                counts = np.zeros((2, height, width), np.int64)
                np.add.at(counts, (inside["p"], inside["y"], inside["x"]), 1)
                assert np.array_equal(file["data"][i], np.minimum(counts, 255))


def test_time_that_runs_backwards(mount, source):
    """The last event in file order decides, wherever reading begins."""
    events = scenes.scene(count=20_000, seed=3)
    events = np.concatenate([events[8000:12000], events[:4000], events[12000:], events[4000:8000]])
    encoders.write(source / "a.dat", "dat", events)
    where = mount(source)
    for options in (dict(refractory="8ms"), dict(noise="1ms")):
        left = filters.left(events, options, WIDTH, HEIGHT)[0]
        assert 100 < len(left) < len(events)
        with h5py.File(where / ("events" + items(options)) / "a.h5") as file:
            assert np.array_equal(file["events/t"][:], left["t"]) and np.array_equal(file["events/x"][:], left["x"])
        with h5py.File(where / spelled("event_count", options) / "10ms/a.h5") as file:
            for i in range(len(file["data"])):
                inside = left[left["t"] // 10_000 == i]
                counts = np.zeros((2, HEIGHT, WIDTH), np.int64)
                np.add.at(counts, (inside["p"], inside["y"], inside["x"]), 1)
                assert np.array_equal(file["data"][i], np.minimum(counts, 255)), i


# --- Names, caches, other commands

@pytest.mark.parametrize("alias, canonical", [
    ("histo,transpose=true", "histo,transpose"), ("histo,transpose=0", "histo"), ("histo,transpose=1,flip=x", "histo,flip=x,transpose"),
    ("histo,roi=010+7+40x33", "histo,roi=10+7+40x33"), ("histo,refractory=1000,noise=0.01s", "histo,noise=10ms,refractory=1ms"),
    ("histo,sample=pixel", "histo"), ("histo,downsample=2,sample=sum", "histo,downsample=2"),
    ("histo,sample=pixel,downsample=2", "histo,downsample=2,sample=pixel"), ("events,roi=1+2+3x4,polarity=on", "events,polarity=on,roi=1+2+3x4"),
    ("events,transpose=true,layout=prophesee", "events,layout=prophesee,transpose")])
def test_one_name(mounted, alias, canonical):
    assert (mounted.point / alias).is_symlink() and (mounted.point / alias).readlink().name == canonical
    assert not (mounted.point / canonical).is_symlink() and (mounted.point / canonical).is_dir()


@pytest.mark.parametrize("text", ["roi=1+2+3", "roi=1+2+0x4", "roi=-1+2+3x4", "roi=1+2+3x4x5", "roi=1+2+3+4", "roi=99999+0+1x1", "flip=yx", "flip=z", "polarity=1",
                                  "polarity", "noise=0", "noise=-1ms", "refractory=", "refractory=0.1us", "transpose=maybe", "sample=mean"])
def test_what_is_no_filter(mounted, text):
    assert not (mounted.point / f"histo,{text}").exists() and not (mounted.point / f"events,{text}").exists()


def test_a_region_outside_of_the_sensor(mounted):
    for region in ("0+0+65x48", "64+0+1x1", "60+40+5x8"):
        for folder in (f"histo,roi={region}/50ms", f"events,roi={region}"):
            assert not (mounted.point / folder / "evt3.h5").exists()
    assert (mounted.point / "histo,roi=0+0+64x48/50ms/evt3.h5").exists()


def test_sizes_of_filtered_frames(mounted):
    """`height` and `width` are those of what filters leave."""
    link = mounted.point / "histo,height=16,roi=0+0+64x32,transpose,width=32/50ms/evt3.h5"
    assert not link.exists()
    link = mounted.point / "histo,height=32,roi=0+0+64x32,transpose,width=16/50ms/evt3.h5"
    assert link.readlink().parts[-3] == "histo,downsample=2,roi=0+0+64x32,transpose"
    with h5py.File(link) as file:
        assert file["data"].shape[2:] == (32, 16)


def test_from_the_disk_cache(mount, library, tmp_path):
    """Filters do not share what is kept."""
    folders = ["histo", "histo,polarity=on", "histo,flip=x", "histo,noise=1ms", "histo,noise=2ms", "histo,roi=8+8+32x32", "histo,roi=0+0+32x32"]
    first, values = mount(library, "--cache", tmp_path / "cache"), {}
    paths = [f"{folder}/50ms/evt3.h5" for folder in folders]
    for path in paths:
        with h5py.File(first / path) as file:
            values[path] = file["data"][:]
    assert len({value.tobytes() for value in values.values()}) == len(paths)
    with h5py.File(first / "events,noise=1ms/evt3.h5") as file:
        times, places = file["events/t"][:], file["ms_to_idx"][:]
    while json.loads((first / ".evh5/status.json").read_text())["cache"]["queued"]:
        time.sleep(0.01)
    first.stop()
    second = mount(library, "--cache", tmp_path / "cache")
    for path in paths:
        with h5py.File(second / path) as file:
            assert np.array_equal(file["data"][:], values[path])
    assert json.loads((second / ".evh5/status.json").read_text())["frames"]["computed"] == 0
    with h5py.File(second / "events,noise=1ms/evt3.h5") as file:
        assert np.array_equal(file["events/t"][:], times) and np.array_equal(file["ms_to_idx"][:], places)


@pytest.mark.parametrize("options", [dict(roi="10+7+40x33"), COMBINED[2], dict(downsample="2", sample="pixel")], ids=items)
def test_generate_and_preview(evh5, library, mounted, tmp_path, options):
    preprocess = spelled("event_count", options)
    evh5.run("generate", library / "evt3.raw", "-o", tmp_path / "out", "--preprocess", preprocess, check=0)
    with h5py.File(tmp_path / "out/evt3.h5") as made, h5py.File(mounted / preprocess / "50ms/evt3.h5") as seen:
        assert np.array_equal(made["data"][:], seen["data"][:]) and dict(made["data"].attrs).keys() == dict(seen["data"].attrs).keys()
    cells = {}
    for name, given in (("a", (library / "evt3.raw", "--preprocess", preprocess)), ("b", (mounted / preprocess / "50ms/evt3.h5",))):
        cells[name] = drawn(evh5, tmp_path / f"{name}.png", *given)[0][1]
    assert len(cells["a"]) > 2 and all(np.array_equal(a, b) for a, b in zip(cells["a"], cells["b"], strict=True))
