"""Windows other than periods and counts in a row: which events each frame has, and where it lies, against numpy."""
import os

import h5py
import numpy as np
import pytest

from toolbox import encoders, scenes, tensors
from toolbox.users import own, weighted

HEIGHT, WIDTH = 48, 64
NAMES = ["event_cube", "timesurface", "histo", "diff_quantized"]


@pytest.fixture(scope="module")
def given(small):
    """(t us, channel, edge) on channels 0 and 3, in the time of the small scene."""
    random = np.random.default_rng(5)
    return sorted((int(t), int(random.choice([0, 3])), int(random.integers(0, 2))) for t in random.integers(1000, 399_000, 60))


@pytest.fixture(scope="module")
def lists():
    """The times of every list: before the first event, between, twice the same, on an event, behind the last."""
    random = np.random.default_rng(6)
    times = np.sort(np.concatenate([[-70_000, 5, 5], random.integers(0, 400_000, 30), [399_999, 2_000_000]]))
    starts = np.sort(random.integers(0, 380_000, 9))
    return dict(times=times, exposures=np.stack([starts, starts + random.integers(0, 30_000, 9)], 1), labels=np.array([90_000, 20_000, 90_000, 250_000]))


@pytest.fixture(scope="module")
def events(small):
    """format -> what a reader must show."""
    return {format: encoders.shifted(format, scenes.raw_events(format, small)) for format in ("evt2", "evt3", "dat")}


@pytest.fixture(scope="module")
def triggers(small, given, events):
    """format -> the triggers in the recording's own time."""
    return {format: [] if format == "dat" else [(t + int(events[format]["t"][0] - small["t"][0]), channel, edge) for t, channel, edge in given]
            for format in events}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, small, given, lists):
    folder = tmp_path_factory.mktemp("windows")
    for format in ("evt2", "evt3", "dat"):
        name = f"{format}.{encoders.EXTENSION[format]}"
        raw = scenes.raw_events(format, small)
        later = int(raw["t"][0] - small["t"][0])
        put = None if format == "dat" else [(t + later, channel, edge) for t, channel, edge in given]
        encoders.write(folder / name, format, raw, triggers=put)
        np.save(folder / f"{format}_ints.npy", lists["times"])
        np.save(folder / f"{format}_floats.npy", lists["times"].astype(np.float64))
        np.savetxt(folder / f"{format}_lines.txt", lists["times"])
        np.savetxt(folder / f"{format}_exposure.csv", lists["exposures"], fmt="%d", delimiter=", ", header="start, end")
        labels = np.zeros(4, [("class_id", "u1"), ("ts", "<u8"), ("x", "<f4")])
        labels["ts"] = lists["labels"]
        np.save(folder / f"{format}_bbox.npy", labels)
    np.save(folder / "timestamps_us.npy", lists["times"].astype(np.int64))
    return folder


@pytest.fixture(scope="module")
def mounted(module_mount, folder):
    return module_mount(folder)


def by_time(pairs, closed="left"):
    """Windows as (events of it, start, end)."""
    def inside(e, a, b):
        return e[(e["t"] > a if closed == "right" else e["t"] >= a) & (e["t"] < b if closed == "left" else e["t"] <= b)]
    return lambda events: [(inside(events, a, b), int(a), int(b)) for a, b in pairs]


def by_count(ranges):
    return lambda events: [(e := events[a:b], int(e["t"][0]), int(e["t"][-1])) for a, b in ranges(len(events))]


def last_before(times, n):
    def windows(events):
        for t in times:
            inside = events[:np.searchsorted(events["t"], t, "right")][-n:]
            yield inside, int(inside["t"][0]) if len(inside) else int(t), int(t)
    return windows


def mixed(events, count, period):
    """The rule of Metavision's mixed mode, event by event."""
    first, begin, limit, k, t = 0, 0, period, 0, events["t"].tolist()
    while k < len(t):
        if t[k] >= limit:
            yield events[first:k], begin, limit
            first, begin, limit = k, limit, limit + period
            continue
        k += 1
        if k - first == count:
            yield events[first:k], begin, t[k - 1]
            first, begin, limit = k, t[k - 1], t[k - 1] + period


def parts(events, n, start=0):
    first, last = max(start, int(events["t"][0])), int(events["t"][-1])
    edges = [first + i * ((last - first) // n) for i in range(n)] + [last + 1]
    return by_time(zip(edges, edges[1:]))(events)


def sliding(length, stride, start=0):
    def windows(events):
        last = int(events["t"][-1]) - start
        return by_time([(start + i * stride, start + i * stride + length) for i in range(1 + max(0, -((length - last) // stride)))])(events)
    return windows


def expected_of(window, lists, triggers):
    """What numpy makes of `window`: events -> windows."""
    times, exposures = lists["times"], lists["exposures"]
    of = {(channel, edge): [t for t, c, e in triggers if c == channel and (edge is None or e == edge)] for channel in (0, 3) for edge in (0, 1, None)}
    ends = lambda times, length: [(t - length, t) for t in times]
    return {
        "50ms,stride=10ms": sliding(50_000, 10_000), "20ms,stride=33ms": sliding(20_000, 33_000), "30ms,start_ts=7ms,stride=20ms": sliding(30_000, 20_000, 7000),
        "3000ev,stride=700": by_count(lambda n: [(i, i + 3000) for i in range(0, n - 2999, 700)]),
        "500ev,stride=2100": by_count(lambda n: [(i, i + 500) for i in range(0, n - 499, 2100)]),
        "7parts": lambda e: parts(e, 7), "3parts,start_ts=100ms": lambda e: parts(e, 3, 100_000),
        "600ev,max_period=11ms": lambda e: mixed(e, 600, 11_000), "1000000ev,max_period=60ms": lambda e: mixed(e, 1_000_000, 60_000),
        "20ms,at=trigger0": by_time(ends(of[0, 1], 20_000)), "20ms,at=trigger3,edge=falling": by_time(ends(of[3, 0], 20_000)),
        "20ms,align=start,at=trigger3,closed=both,edge=both": by_time([(t, t + 20_000) for t in of[3, None]], "both"),
        "between=trigger0": by_time(zip(of[0, 1], of[0, 1][1:])), "700ev,at=trigger3": last_before(of[3, 1], 700),
        "50ms,at=ints": by_time(ends(times, 50_000)), "50ms,at=floats,closed=both": by_time(ends(times, 50_000), "both"),
        "50ms,align=center,at=lines": by_time([(t - 25_000, t + 25_000) for t in times]),
        "50ms,align=start,at=timestamps_us.npy,closed=right": by_time([(t, t + 50_000) for t in times], "right"),
        "1000ev,at=timestamps_us.npy": last_before(times, 1000),
        "between=ints": by_time(zip(times, times[1:])), "between=exposure": by_time(exposures), "between=exposure,closed=both": by_time(exposures, "both"),
        "between=ints,start_ts=50ms": by_time([(a, b) for a, b in zip(times, times[1:]) if a >= 50_000]),
        "50ms,at=labels,closed=both": by_time(ends([20_000, 90_000, 250_000], 50_000), "both"),
    }[window]


WINDOWS = ["50ms,stride=10ms", "20ms,stride=33ms", "30ms,start_ts=7ms,stride=20ms", "3000ev,stride=700", "500ev,stride=2100", "7parts", "3parts,start_ts=100ms",
           "600ev,max_period=11ms", "1000000ev,max_period=60ms", "20ms,at=trigger0", "20ms,at=trigger3,edge=falling",
           "20ms,align=start,at=trigger3,closed=both,edge=both", "between=trigger0", "700ev,at=trigger3", "50ms,at=ints", "50ms,at=floats,closed=both",
           "50ms,align=center,at=lines", "50ms,align=start,at=timestamps_us.npy,closed=right", "1000ev,at=timestamps_us.npy", "between=ints", "between=exposure",
           "between=exposure,closed=both", "between=ints,start_ts=50ms", "50ms,at=labels,closed=both"]


def start_of(window):
    return next((int(key[9:-2]) * 1000 for key in window.split(",") if key.startswith("start_ts=")), 0)


def check(path, name, window, events, lists, triggers, differ, what):
    size = os.stat(path).st_size
    with h5py.File(path) as file:
        data, starts, ends = file["data"][:], file["starts"][:], file["ends"][:]
        assert set(file) == {"data", "starts", "ends"} and file["data"].attrs["window"] == window
        assert starts.dtype == ends.dtype == np.int64
    assert os.stat(path).st_size == size
    expected = list(expected_of(window, lists, triggers)(events))
    start = start_of(window)
    assert starts.tolist() == [a - start for _, a, _ in expected]
    assert ends.tolist() == [b - start for _, _, b in expected]
    frames = [tensors.render(name, inside, a, max(1, b - a), HEIGHT, WIDTH) for inside, a, b in expected]
    assert len(data) == len(frames)
    if frames:
        assert differ(f"{name}, {what}", data, np.stack(frames)) <= tensors.tolerance(name)
    return data


@pytest.mark.parametrize("format", ["evt2", "evt3", "dat"])
@pytest.mark.parametrize("window", WINDOWS)
def test_frames_and_times(mounted, events, lists, triggers, differ, window, format):
    for name in NAMES:
        data = check(mounted / name / window / f"{format}.h5", name, window, events[format], lists, triggers[format], differ, "windows of all kinds")
        assert format == "dat" and "trigger" in window or np.any(data != 0)


def test_size_is_known_without_a_frame(mounted, folder, lists):
    for window in WINDOWS:
        path = mounted / "diff" / window / "evt2.h5"
        size = path.stat().st_size
        with open(path, "rb") as file:
            assert size == file.seek(0, os.SEEK_END)
            file.seek(size - 1)
            assert len(file.read(10)) == 1
    assert {"evt2.h5", "evt2_ints.npy"} <= set(os.listdir(mounted / "diff/50ms,at=ints"))


def test_plain_windows_have_no_times(mounted):
    for window, names in [("50ms", {"data"}), ("1000ev", {"data", "last_timestamps"}), ("50ms,start_ts=1ms", {"data"})]:
        with h5py.File(mounted / "histo" / window / "evt3.h5") as file:
            assert set(file) == names and "window" not in file["data"].attrs


def test_sliding_parts(mounted, events):
    with h5py.File(mounted / "histo/20ms,stride=5ms/evt3.h5") as file:
        whole = file["data"][:]
    found = []
    for part in range(10):
        path = mounted / "histo/20ms,max_duration=50ms,stride=5ms" / f"evt3_{part}.h5"
        if path.exists():
            with h5py.File(path) as file:
                found.append(file["data"][:])
                assert file["starts"][:].tolist() == [5000 * i for i in range(len(found[-1]))]
    assert [len(f) for f in found[:-1]] == [10] * (len(found) - 1) and np.array_equal(np.concatenate(found), whole)


def test_other_spellings_are_links(mounted):
    for spelled, name in [("50ms,stride=10000", "50ms,stride=10ms"), ("50ms,stride=50ms", "50ms"), ("20ms,edge=rising,at=trigger0", "20ms,at=trigger0"),
                          ("between=ints,closed=left", "between=ints")]:
        assert os.readlink(mounted / "histo" / spelled) == name
    for bad in ["50ms,stride=0", "7parts,max_duration=1s", "50ms,at=ints,stride=5ms", "50ms,at=trigger40", "between=a,align=end", "50ms,at=.."]:
        assert not (mounted / "histo" / bad).exists(), bad


def test_downsampled_and_as_bytes(mounted, events, lists, triggers):
    for window in ["50ms,stride=10ms", "50ms,at=ints", "700ev,at=trigger3", "600ev,max_period=11ms"]:
        with h5py.File(mounted / "histo,downsample=16,dtype=uint8" / window / "evt3.h5") as file:
            data = file["data"][:]
        expected = [tensors.render("histo", inside, a, max(1, b - a), HEIGHT, WIDTH, downsample=16)
                    for inside, a, b in expected_of(window, lists, triggers["evt3"])(events["evt3"])]
        assert np.abs(data - 255.0 * np.stack(expected)).max() <= 0.5 + 255 * 2e-6
        # Small ones are kept together, and read in any order.
        with h5py.File(mounted / "histo,downsample=16" / window / "evt3.h5") as file:
            for frame in np.random.default_rng(1).permutation(len(expected)):
                assert np.abs(file["data"][frame] - expected[frame]).max() <= 2e-6


def test_from_the_disk_cache(mount, folder, events, lists, triggers, differ, tmp_path):
    for _ in range(2):
        where = mount(folder, "--cache", tmp_path / "cache")
        for window in WINDOWS:
            check(where / "event_cube" / window / "evt3.h5", "event_cube", window, events["evt3"], lists, triggers["evt3"], differ, "from the cache")
        where.stop()


@pytest.mark.parametrize("window", WINDOWS)
def test_generate(evh5, folder, mounted, tmp_path, window):
    evh5.run("generate", folder / "evt3.raw", "-o", tmp_path / "out", "--preprocess", "timesurface", "--window", window, check=0)
    with h5py.File(tmp_path / "out/evt3.h5") as made, h5py.File(mounted / "timesurface" / window / "evt3.h5") as shown:
        assert set(made) == set(shown)
        for name in made:
            assert made[name].dtype == shown[name].dtype and np.array_equal(made[name][:], shown[name][:])
        assert made["data"].attrs["window"] == window


def test_generate_knows_files_of_other_windows(evh5, folder, tmp_path):
    made = lambda window: evh5.run("generate", folder / "evt3.raw", "-o", tmp_path / "out", "--window", window)
    assert made("50ms,stride=25ms").returncode == 0
    assert "already exists, skipped" in made("50ms,stride=25ms").stderr
    for window in ["50ms", "50ms,stride=20ms", "50ms,at=ints", "10parts"]:
        assert "window 50ms,stride=25ms, not " + window in made(window).stderr
    (tmp_path / "out/evt3.h5").unlink()
    assert made("50ms").returncode == 0
    assert "window plain, not 50ms,stride=25ms" in made("50ms,stride=25ms").stderr


def test_generate_says_what_is_wrong_with_a_list(evh5, folder, tmp_path):
    done = evh5.run("generate", folder / "evt3.raw", "-o", tmp_path / "out", "--window", "50ms,at=nothing")
    assert done.returncode != 0 and "evt3_nothing.npy" in done.stderr


def test_users_functions(mount, folder, module, events, lists, triggers):
    where = mount(folder, *own(module, "mine", "weighted", channels=3, threshold=3, decay=0.5))
    for window in ["50ms,stride=20ms", "2000ev,stride=1500", "50ms,at=ints", "between=trigger0", "600ev,max_period=11ms", "5parts"]:
        with h5py.File(where / "mine" / window / "evt3.h5") as file:
            data = file["data"][:]
        for frame, (inside, a, b) in enumerate(expected_of_any(window, lists, triggers["evt3"])(events["evt3"])):
            assert np.allclose(data[frame], weighted(inside, a, max(1, b - a), 0), atol=2e-5, rtol=5e-6), (window, frame)


def expected_of_any(window, lists, triggers):
    more = {"50ms,stride=20ms": sliding(50_000, 20_000), "2000ev,stride=1500": by_count(lambda n: [(i, i + 2000) for i in range(0, n - 1999, 1500)]),
            "5parts": lambda e: parts(e, 5)}
    return more.get(window) or expected_of(window, lists, triggers)


def test_preview(evh5, folder, mounted, tmp_path):
    for window in ["50ms,stride=10ms", "50ms,at=ints", "7parts", "between=trigger0", "600ev,max_period=11ms"]:
        evh5.run("preview", "--force", folder / "evt3.raw", "-o", tmp_path / "a.png", "--window", window, check=0)
        evh5.run("preview", "--force", mounted / "histo" / window / "evt3.h5", "-o", tmp_path / "b.png", check=0)
        assert (tmp_path / "a.png").stat().st_size > 1000 and (tmp_path / "b.png").stat().st_size > 1000


def test_warm_and_listed_windows(mount, evh5, folder, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text('windows: ["50ms,stride=20ms", "50ms,at=ints", "50ms"]\n')
    where = mount(folder, "--cache", tmp_path / "cache", "--config-file", config)
    assert sorted(os.listdir(where / "diff")) == ["50ms", "50ms,at=ints", "50ms,stride=20ms"]
    evh5.run("warm", where / "diff", check=0)
    with h5py.File(where / "diff/50ms,at=ints/evt3.h5") as file:
        warmed = file["data"][:]
    where.stop()
    again = mount(folder, "--cache", tmp_path / "cache", "--config-file", config)
    with h5py.File(again / "diff/50ms,at=ints/evt3.h5") as file:
        assert np.array_equal(file["data"][:], warmed) and warmed.any()
    assert evh5.json("status", again.point)["frames"]["computed"] == 0
