"""Tensors read by h5py through a real mount against the plain numpy ones, and the shared reference where it is present."""
import h5py
import numpy as np
import pytest

from toolbox import encoders, tensors

HEIGHT, WIDTH = 48, 64


@pytest.fixture(scope="module")
def mounted(module_mount, library):
    return module_mount(library)


def spelled(name, options):
    return ",".join([name] + [f"{key}={str(value).lower()}" for key, value in options.items()])


def compare(mounted, differ, shown, format, name, options, period=50_000, start=0, window=None):
    window = window or f"{period}us"
    with h5py.File(mounted / spelled(name, options) / window / f"{format}.h5") as file:
        got = file["data"][:]
    expected = tensors.tensor_of(name, shown[format], period, HEIGHT, WIDTH, start=start, **options)
    assert got.dtype == expected.dtype
    assert np.any(got != 0)
    assert differ(f"{name} against the tests' own reference", got, expected) <= tensors.tolerance(name, **options)


@pytest.mark.parametrize("downsample", [1, 2])
@pytest.mark.parametrize("period", [20_000, 50_000])
@pytest.mark.parametrize("name", tensors.NAMES)
@pytest.mark.parametrize("format", ["evt2", "evt3", "dat"])
def test_preprocessings(mounted, differ, shown, format, name, period, downsample):
    compare(mounted, differ, shown, format, name, dict(downsample=downsample) if downsample > 1 else {}, period)


@pytest.mark.parametrize("name, options", [
    ("histo", dict(max_incr_per_pixel=2.5)), ("histo", dict(max_incr_per_pixel=255)), ("histo", dict(max_incr_per_pixel=1, downsample=4)),
    ("histo", dict(max_incr_per_pixel=1000)),
    ("diff", dict(max_incr_per_pixel=0.5)), ("diff", dict(max_incr_per_pixel=1, downsample=8)), ("diff", dict(max_incr_per_pixel=40)),
    ("timesurface", dict(downsample=4)),
    ("event_cube", dict(num_utbins=2)), ("event_cube", dict(num_utbins=7, max_incr_per_pixel=1.5)), ("event_cube", dict(num_utbins=1)),
    ("event_cube", dict(split_polarity=False)), ("event_cube", dict(split_polarity=False, num_utbins=4, downsample=2)),
    ("event_cube_paper", dict(split_polarity=False)), ("event_cube_paper", dict(max_incr_per_pixel=4)),
    ("multi_channel_timesurface", dict(num_utbins=1)), ("multi_channel_timesurface", dict(num_utbins=7, downsample=2)),
    ("histo_quantized", dict(negative_bit_length=2, total_bit_length=6)), ("histo_quantized", dict(negative_bit_length=1)),
    ("histo_quantized", dict(normalization=True)), ("histo_quantized", dict(normalization=True, negative_bit_length=3, total_bit_length=5, downsample=2)),
    ("diff_quantized", dict(negative_bit_length=2)), ("diff_quantized", dict(negative_bit_length=4, normalization=True)),
    ("diff_quantized", dict(normalization=True, downsample=4)),
], ids=lambda value: value if isinstance(value, str) else spelled("", value)[1:])
def test_parameters(mounted, differ, shown, name, options):
    compare(mounted, differ, shown, "evt3", name, options)


@pytest.mark.parametrize("name, options", [
    ("histo", {}), ("timesurface", {}), ("event_cube", {}), ("event_cube_paper", dict(downsample=2)), ("multi_channel_timesurface", {}),
    ("histo_quantized", dict(normalization=True)),
], ids=str)
def test_as_uint8(mounted, differ, shown, name, options):
    """round(255 v): the nearest integer, either one of the two when v is in the middle."""
    value = tensors.tensor_of(name, shown["evt2"], 50_000, HEIGHT, WIDTH, **options)
    with h5py.File(mounted / spelled(name, options | dict(dtype="uint8")) / "50ms/evt2.h5") as file:
        got = file["data"][:]
        assert bool(file["data"].attrs["store_as_uint8"]) is True
    assert got.dtype == np.uint8 and got.max() > 50
    assert differ(f"{name}, uint8 against 255 v", got, 255 * value.astype(np.float64)) <= 0.5 + 255 * 2e-6


@pytest.mark.parametrize("format", ["evt2", "evt3", "dat"])
def test_size_given(mounted, differ, shown, format):
    with h5py.File(mounted / "diff,height=24,width=32/20ms" / f"{format}.h5") as file:
        got = file["data"][:]
    assert differ("height=, width=", got, tensors.tensor_of("diff", shown[format], 20_000, HEIGHT, WIDTH, downsample=2)) <= 2e-6


@pytest.mark.parametrize("name", tensors.NAMES)
def test_frames_of_n_events(mounted, differ, shown, name):
    for format in ("evt3", "dat"):
        expected, last = tensors.tensor_of_counts(name, shown[format], 3000, HEIGHT, WIDTH)
        with h5py.File(mounted / name / "3000ev" / f"{format}.h5") as file:
            data = file["data"]
            assert differ(f"{name}, n_events", data[:], expected) <= tensors.tolerance(name)
            assert np.array_equal(file["last_timestamps"][:], last) and file["last_timestamps"].dtype == np.int64
            assert data.attrs["mode"] == "n_events" and data.attrs["n_events"] == 3000 and data.attrs["delta_t"] == 0


def test_frames_of_n_events_after_start(mounted, differ, shown):
    expected, last = tensors.tensor_of_counts("timesurface", shown["evt2"], 1000, HEIGHT, WIDTH, start=100_000)
    with h5py.File(mounted / "timesurface/1000ev,start_ts=100ms/evt2.h5") as file:
        assert differ("timesurface, n_events after start_ts", file["data"][:], expected) <= 2e-6
        times = file["last_timestamps"][:]
    assert np.array_equal(times, last) or np.array_equal(times, last - 100_000)  # the contract leaves the origin open


def test_more_events_than_there_are(mounted):
    with h5py.File(mounted / "histo/100000ev/evt2.h5") as file:
        assert file["data"].shape == (0, 2, HEIGHT, WIDTH) and file["last_timestamps"].shape == (0,)


@pytest.mark.parametrize("start", [50_000, 33_333, 399_000])
def test_start(mounted, differ, shown, start):
    for name in ("timesurface", "event_cube", "histo_quantized"):
        compare(mounted, differ, shown, "evt3", name, {}, 20_000, start, f"20ms,start_ts={start}us")


def test_start_behind_the_end(mounted):
    path = mounted / "histo/20ms,start_ts=100s/evt3.h5"
    with h5py.File(path) as file:
        assert file["data"].shape == (0, 2, HEIGHT, WIDTH)


@pytest.mark.parametrize("start", [0, 30_000])
def test_parts(mounted, differ, shown, start):
    """Parts put one after the other are the whole; every part but the last has max_duration / period frames."""
    window = "20ms,max_duration=100ms" + (f",start_ts={start}us" if start else "")
    whole = tensors.tensor_of("timesurface", shown["evt3"], 20_000, HEIGHT, WIDTH, start=start)
    names = sorted(entry.name for entry in (mounted / "timesurface" / window).iterdir() if entry.name.startswith("evt3"))
    assert names == [f"evt3_{k}.h5" for k in range(-(-len(whole) // 5))]
    for k, name in enumerate(names):
        with h5py.File(mounted / "timesurface" / window / name) as file:
            assert differ("timesurface, parts", file["data"][:], whole[5 * k:5 * k + 5]) <= 2e-6
    assert not (mounted / "timesurface" / window / f"evt3_{len(names)}.h5").exists()


def test_frames_hold_events_by_their_own_time(mount, source, small, differ):
    """Time that runs backwards: an event belongs to the frame its own timestamp falls in."""
    events = np.concatenate([small[8000:12000], small[:4000], small[12000:], small[4000:8000]])
    encoders.write(source / "a.dat", "dat", events)
    n = tensors.frame_count(events, 20_000)
    with h5py.File(mount(source) / "histo/20ms/a.h5") as file:
        got = file["data"][:]
    expected = np.stack([tensors.render("histo", events[events["t"] // 20_000 == i], i * 20_000, 20_000, HEIGHT, WIDTH) for i in range(n)])
    assert differ("histo, time backwards", got, expected) <= 2e-6


def test_last_event_on_a_boundary(mount, source):
    from toolbox.scenes import events_of

    for name, last in (("on", 40_000), ("before", 39_999), ("after", 40_001)):
        encoders.write(source / f"{name}.dat", "dat", events_of([(1, 2, 1, 10), (3, 4, 0, last)]))
    where = mount(source)
    for name, frames, events in (("on", 2, 1), ("before", 2, 2), ("after", 3, 2)):
        with h5py.File(where / f"histo_quantized/20ms/{name}.h5") as file:
            assert file["data"].shape[0] == frames and file["data"][:].sum() == events


REAL = {"real_evt2": (640, 480, "raw", (1_000, 4_000), ()), "real_evt3": (1280, 720, "raw", (500, 2_000), ()),
        "real": (80, 44, "dat", (5_000, 20_000), ("--geometry", "80x44"))}


@pytest.mark.parametrize("name", tensors.NAMES)
@pytest.mark.parametrize("stem", REAL)
def test_real_recordings_as_the_shared_reference(module_mount, tmp_path_factory, shared, shared_reference, differ, stem, name):
    width, height, extension, periods, arguments = REAL[stem]
    where = _real_mount(module_mount, tmp_path_factory, shared, stem, extension, arguments)
    file_stem = "real_td" if stem == "real" else stem
    with np.load(shared / f"recordings/{file_stem}.events.npz") as file:
        events = np.rec.fromarrays([file[k] for k in "xypt"], names="x,y,p,t")
    for period in periods:
        for shift in (0, 1):
            path = where / (name + (",downsample=2" if shift else "")) / f"{period}us" / f"{stem}.h5"
            with h5py.File(path) as file:
                assert len(file["data"]) == shared_reference.frame_count(int(events["t"][-1]), period)
                i = len(file["data"]) // 2 if stem != "real_evt3" else len(file["data"]) - 2
                got = file["data"][i]
            expected = shared_reference.frame(name, events, i * period, period, height, width, shift)
            assert differ(f"{name} against the shared reference", got, expected) <= shared_reference.tolerance(name)
            assert np.any(expected != 0)


@pytest.mark.parametrize("name", tensors.NAMES)
def test_windows_of_a_real_recording_as_the_shared_reference(module_mount, tmp_path_factory, shared, shared_reference, differ, name):
    """All frames in mode n_events, from start_ts on, in parts of max_duration, and as uint8."""
    width, height, extension, _, arguments = REAL["real"]
    where, (start, period, n) = _real_mount(module_mount, tmp_path_factory, shared, "real", extension, arguments) / name, (12_345, 20_000, 300)
    with np.load(shared / "recordings/real_td.events.npz") as file:
        events = np.rec.fromarrays([file[k] for k in "xypt"], names="x,y,p,t")

    def read(path, dataset="data"):
        with h5py.File(path) as file:
            return file[dataset][:]

    def check(what, got, expected):
        assert differ(f"{name} {what} against the shared reference", got, expected) <= shared_reference.tolerance(name)

    check("n_events", read(where / f"{n}ev/real.h5"),
          np.stack([shared_reference.frame_n_events(name, events, i, n, height, width) for i in range(len(events) // n)]))
    assert np.array_equal(read(where / f"{n}ev/real.h5", "last_timestamps"), events["t"][n - 1::n])
    frames = range(shared_reference.frame_count(int(events["t"][-1]) - start, period))
    expected = np.stack([shared_reference.frame(name, events, start + i * period, period, height, width) for i in frames])
    check("start_ts", read(where / f"{period}us,start_ts={start}us/real.h5"), expected)
    parts = [read(where / f"{period}us,start_ts={start}us,max_duration={2 * period}us/real_{i}.h5") for i in range(-(-len(frames) // 2))]
    assert [len(part) for part in parts] == [2] * (len(frames) // 2) + [1] * (len(frames) % 2)
    check("max_duration", np.concatenate(parts), expected)
    if name not in ("diff", "histo_quantized", "diff_quantized"):
        got = read(where.with_name(f"{name},dtype=uint8") / f"{period}us,start_ts={start}us/real.h5")
        assert differ(f"{name}, uint8 against 255 v of the shared reference", got, 255 * expected.astype(np.float64)) <= 0.5 + 255 * 2e-6


_made = {}


def _real_mount(module_mount, tmp_path_factory, shared, stem, extension, arguments):
    if stem not in _made:
        folder = tmp_path_factory.mktemp(stem)
        file = f"{'real_td' if stem == 'real' else stem}.{extension}"
        (folder / file).symlink_to(shared / "recordings" / file)
        _made[stem] = module_mount(folder, *arguments)
    return _made[stem]
