"""Hot pixels left out by a list beside the recording, against numpy: tensors, event files, windows, generate, preview, additions, bad lists."""
import errno
import os

import h5py
import numpy as np
import pytest

import test_windows as windows
from test_preview import drawn
from test_filters import crowd, crowded, items, spelled  # noqa: F401
from toolbox import ecf, encoders, event_files, filters, representations, scenes
from toolbox.event_files import COLUMNS, PROPHESEE

WIDTH, HEIGHT = 64, 48
HOT = {"hotpixels": "hot"}


def without(events, pixels, width):
    """Events of none of the pixels (x, y)."""
    place = events["y"].astype(np.int64) * width + events["x"]
    return events[~np.isin(place, np.asarray(pixels, np.int64).reshape(-1, 2) @ [1, width])]


def some_pixels(events, width, height, share=0.1, seed=1):
    """The busiest of all, the corners, and a share of the others; (N, 2), x before y."""
    counts = np.bincount(events["y"].astype(np.int64) * width + events["x"], minlength=width * height)
    chosen = np.random.default_rng(seed).random(width * height) < share
    chosen[np.argsort(counts)[-20:]] = True
    chosen[[0, width - 1, width * height - 1]] = True
    return np.argwhere(chosen.reshape(height, width))[:, ::-1]


def counted(events, width, height):
    counts = np.zeros((2, height, width), np.int64)
    np.add.at(counts, (events["p"], events["y"], events["x"]), 1)
    return np.minimum(counts, 255)


def replace(path, pixels):
    other = path.with_name("other.npy")
    np.save(other, pixels)
    os.replace(other, path)


# --- What is left

@pytest.fixture(scope="module")
def hot(crowd):  # noqa: F811
    return some_pixels(crowd, 320, 240)


@pytest.mark.parametrize("options", [{}, dict(roi="64+48+192x144"), dict(polarity="on"), dict(refractory="20ms"), dict(noise="300us"),
                                     dict(noise="10ms", polarity="on", refractory="20ms", roi="30+40+200x100", transpose=None)], ids=items)
def test_a_million_events(crowded, crowd, hot, options):  # noqa: F811
    """The list comes first: the others see nothing of its pixels."""
    for format in ("evt3", "dat"):
        np.save(crowded.source / f"{format}_hot.npy", hot)
    events, width, height = filters.left(without(crowd, hot, 320), options, 320, 240)
    assert len(events) < len(filters.left(crowd, options, 320, 240)[0])
    options = {**options, **HOT}
    for format in ("evt3", "dat"):
        shift = encoders.shifted(format, crowd[:1])["t"][0] - crowd["t"][0]
        with h5py.File(crowded / ("events" + items(options)) / f"{format}.h5") as file:
            for name in "xypt":
                assert np.array_equal(file[f"events/{name}"][:].astype(np.int64), events[name].astype(np.int64) + (shift if name == "t" else 0)), name
    with h5py.File(crowded / spelled("event_count", options) / "20ms/dat.h5") as file:
        for i in range(len(file["data"])):
            assert np.array_equal(file["data"][i], counted(events[events["t"] // 20_000 == i], width, height)), i
    with h5py.File(crowded / spelled("event_count", options) / "1000ev/dat.h5") as file:
        assert len(file["data"]) == len(events) // 1000
        assert file["last_timestamps"][:].tolist() == events["t"][999::1000].tolist()
        for i in (0, len(file["data"]) // 2, len(file["data"]) - 1):
            assert np.array_equal(file["data"][i], counted(events[1000 * i:1000 * (i + 1)], width, height)), i


@pytest.fixture(scope="module")
def listed(module_mount, tmp_path_factory, small):
    """A mount of recordings in all formats, each beside a list of its own, and what is left of each."""
    folder, left = tmp_path_factory.mktemp("hot"), {}
    for number, format in enumerate(encoders.FORMATS):
        raw = scenes.raw_events(format, small)
        encoders.write(folder / f"{format}.{encoders.EXTENSION[format]}", format, raw, WIDTH, HEIGHT)
        events = encoders.shifted(format, raw)
        pixels = some_pixels(events, WIDTH, HEIGHT, seed=number)
        np.savetxt(folder / f"{format}_hot.csv", pixels, fmt="%d", delimiter=",", header="x,y")
        left[format] = without(events, pixels, WIDTH)
        assert 100 < len(left[format]) < len(events)
    return module_mount(folder), left


@pytest.mark.parametrize("options", [{}, dict(flip="x", noise="2ms", roi="3+5+40x30")], ids=items)
@pytest.mark.parametrize("name", ["event_count", "stacked_histogram", "voxel_grid"])
def test_tensors_of_all_formats(listed, differ, name, options):
    where, left = listed
    for format in encoders.FORMATS:
        events, width, height = filters.left(left[format], options, WIDTH, HEIGHT)
        with h5py.File(where / spelled(name, options, **HOT) / f"30ms/{format}.h5") as file:
            some = sorted({0, 1, len(file["data"]) - 1})
            expected = representations.frames_of(name, events, [(30_000 * i, 30_000 * (i + 1)) for i in some], height, width)
            assert expected.any() and differ(name + items(options), file["data"][some], expected) <= representations.tolerance(name)


@pytest.mark.parametrize("window", ["50ms,stride=10ms", "100ev,stride=70", "60ev,max_period=11ms", "7parts"])
def test_other_windows(listed, small, window):
    where, left = listed
    for format in ("evt3", "dat"):
        every, events = encoders.shifted(format, scenes.raw_events(format, small)), left[format]
        if "ev" not in window:
            edges = windows.sliding(50_000, 10_000)(every) if "stride" in window else windows.parts(every, 7)
            expected = list(windows.by_time([(a, b) for _, a, b in edges])(events))
        elif "max_period" in window:
            expected = list(windows.mixed(events, 60, 11_000))
        else:
            expected = windows.by_count(lambda n: [(i, i + 100) for i in range(0, n - 99, 70)])(events)
        with h5py.File(where / "event_count,hotpixels=hot" / window / f"{format}.h5") as file:
            assert file["starts"][:].tolist() == [a for _, a, _ in expected] and file["ends"][:].tolist() == [b for _, _, b in expected]
            assert all(np.array_equal(frame, counted(inside, WIDTH, HEIGHT)) for frame, (inside, _, _) in zip(file["data"][:], expected, strict=True))


@pytest.mark.parametrize("layout", [COLUMNS, PROPHESEE, "events,layout=ecf"])
def test_event_files(listed, layout):
    where, left = listed
    for format in encoders.FORMATS:
        extension = event_files.EXTENSION.get(layout, "hdf5")
        keys = ",".join(["events"] + sorted(["hotpixels=hot"] + layout.split(",")[1:]))
        with h5py.File(where / keys / f"{format}.{extension}") as file:
            if "ecf" in layout:
                assert np.array_equal(ecf.read(file)["/CD/events"], event_files.prophesee(left[format], event_files.NO_TRIGGERS)["/CD/events"])
                continue
            expected = event_files.columns(left[format], event_files.NO_TRIGGERS, WIDTH, HEIGHT) if layout == COLUMNS else event_files.prophesee(
                left[format], event_files.NO_TRIGGERS)
            found = event_files.datasets(file)
            for name, values in expected.items():
                if "triggers" not in name and "TRIGGER" not in name:
                    assert np.array_equal(found[name][()], values), (format, name)


# --- The list

@pytest.fixture
def recorded(source, small):
    raw = scenes.raw_events("evt3", small)
    encoders.write(source / "a.raw", "evt3", raw)
    return encoders.shifted("evt3", raw)


def total(path):
    with h5py.File(path) as file:
        return file["data"][:].sum((0, 1)) if "data" in file else np.bincount(
            file["events/y"][:].astype(int) * WIDTH + file["events/x"][:], minlength=WIDTH * HEIGHT).reshape(HEIGHT, WIDTH)


@pytest.mark.parametrize("write", [
    lambda path, pixels: np.save(f"{path}.npy", pixels), lambda path, pixels: np.save(f"{path}.npy", pixels.astype(np.uint16)),
    lambda path, pixels: np.save(f"{path}.npy", np.asfortranarray(pixels)), lambda path, pixels: np.save(f"{path}.npy", masked(pixels)),
    lambda path, pixels: np.save(f"{path}.npy", masked(pixels).astype(np.uint8) * 255), lambda path, pixels: np.savetxt(f"{path}.txt", pixels),
    # As metavision_active_pixel_detection writes them, and as E2VID reads them.
    lambda path, pixels: path.with_name(path.name + ".txt").write_text("% active pixels\n" + "".join(f"{x} {y}\n" for x, y in pixels)),
    lambda path, pixels: np.savetxt(f"{path}.csv", pixels, fmt="%d", delimiter=",")])
def test_kinds_of_lists(mount, source, recorded, write):
    pixels = some_pixels(recorded, WIDTH, HEIGHT)
    write(source / "a_hot", pixels)
    where = mount(source)
    expected = counted(without(recorded, pixels, WIDTH), WIDTH, HEIGHT)
    with h5py.File(where / "event_count,hotpixels=hot/10s/a.h5") as file:
        assert np.array_equal(file["data"][0], expected) and expected.sum() > 100


def masked(pixels):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[pixels[:, 1], pixels[:, 0]] = True
    return mask


@pytest.mark.parametrize("page_cache", [False, True])
@pytest.mark.parametrize("folder", ["event_count,hotpixels=hot/50ms", "event_count,hotpixels=hot/100ev", "events,hotpixels=hot"])
def test_a_list_that_changes_is_another_file(mount, source, recorded, tmp_path, folder, page_cache):
    where = mount(source, "--cache", tmp_path / "cache", *(["--page-cache"] if page_cache else []))
    path = where / folder / "a.h5"
    lists = [some_pixels(recorded, WIDTH, HEIGHT, seed=seed) for seed in range(3)] + [np.zeros((0, 2), np.int64)]

    def check(pixels):
        left = without(recorded, pixels, WIDTH)
        left = left[:len(left) // 100 * 100] if "100ev" in folder else left
        assert np.array_equal(total(path), np.bincount(left["y"].astype(int) * WIDTH + left["x"], minlength=WIDTH * HEIGHT).reshape(HEIGHT, WIDTH))

    replace(source / "a_hot.npy", lists[0])
    check(lists[0])
    # Not by h5py, which opens a file only once in a process.
    with open(path, "rb") as held:
        before = held.read()
        for pixels in lists[1:] + lists[:1]:
            replace(source / "a_hot.npy", pixels)
            if not page_cache:
                held.seek(0)
                assert held.read() == before
            check(pixels)
    where.stop()
    # Another daemon finds what is kept of each list under its own name.
    replace(source / "a_hot.npy", lists[1])
    path = mount(source, "--cache", tmp_path / "cache") / folder / "a.h5"
    check(lists[1])


@pytest.mark.parametrize("folder", ["histo,hotpixels=hot/20ms", "events,hotpixels=hot"])
def test_additions_follow_a_list_that_changes(mount, evh5, source, recorded, store, tmp_path, folder):
    path = mount(source, "--sidecars", store) / folder / "a.h5"
    replace(source / "a_hot.npy", some_pixels(recorded, WIDTH, HEIGHT))
    with h5py.File(path, "r+") as file:
        file.attrs["mine"] = 5
        file["notes"] = np.arange(7)
    replace(source / "a_hot.npy", [[5, 5]])
    with h5py.File(path) as file:
        assert file.attrs["mine"] == 5 and file["notes"][:].tolist() == list(range(7))
    if "histo" in folder:
        expected = without(recorded, [[5, 5]], WIDTH)
        with h5py.File(path) as file:
            inside = expected[expected["t"] < 20_000]
            assert np.array_equal(file["data"][0] > 0, counted(inside, WIDTH, HEIGHT) > 0)
    else:
        assert total(path).sum() == len(without(recorded, [[5, 5]], WIDTH))
    export = ["sidecar", "export", path, "--sidecars", store, "--with-tensor", "-o"]
    evh5.run(*export, tmp_path / "whole.h5", check=0)
    assert (tmp_path / "whole.h5").read_bytes() == path.read_bytes()
    replace(source / "a_hot.npy", [[5, 6]])
    done = evh5.run(*export, tmp_path / "other.h5")
    assert done.returncode == 3 and "not what it was" in done.stderr


BAD = {
    "word.txt": (lambda path: path.write_text("# x y\n1 2\nthree 4\n"), ["line 3", "three"]),
    "one.csv": (lambda path: path.write_text("1,2\n3\n"), ["line 2", "x and y"]),
    "below.txt": (lambda path: path.write_text("1 2\n-1 2\n"), ["line 2", "(-1, 2)"]),
    "below.npy": (lambda path: np.save(path, np.array([[1, 2], [3, -4]])), ["element 1", "(3, -4)"]),
    "far.npy": (lambda path: np.save(path, np.array([[1, 2**63]], np.uint64)), ["element 0"]),
    "real.npy": (lambda path: np.save(path, np.array([[1.0, 2.0]])), ["<f8"]),
    "flat.npy": (lambda path: np.save(path, np.arange(4)), ["shape"]),
    "cube.npy": (lambda path: np.save(path, np.zeros((2, 2, 2), np.int64)), ["shape"]),
    "long.npy": (lambda path: np.save(path, np.zeros(((1 << 22) + 1, 2), np.uint8)), ["4194304"]),
    "long.txt": (lambda path: path.write_text("1 1\n" * ((1 << 22) + 1)), ["4194304"]),
    "cut.npy": (lambda path: path.write_bytes(b"\x93NUMPY\x01\x00v\x00{'descr': '<i8', 'fortran_order': False, 'shape': (9, 2), }".ljust(128) + b"1234"), ["fewer elements"]),
    "empty.npy": (lambda path: path.write_bytes(b""), [".npy"]),
    "binary.txt": (lambda path: path.write_bytes(bytes(range(256)) * 4), ["line 1"]),
}
OUTSIDE = {
    "right.txt": (lambda path: path.write_text(f"0 0\n\n{WIDTH} 0\n"), ["line 3", f"({WIDTH}, 0)", "outside"]),
    "under.npy": (lambda path: np.save(path, np.array([[0, 0], [0, HEIGHT]])), ["element 1", f"(0, {HEIGHT})"]),
    "other.npy": (lambda path: np.save(path, np.zeros((WIDTH, HEIGHT), bool)), [f"{HEIGHT}x{WIDTH}", f"{WIDTH}x{HEIGHT}"]),
}


@pytest.mark.parametrize("name", [*BAD, *OUTSIDE])
def test_bad_lists(mount, evh5, source, recorded, tmp_path, name):
    write, words = {**BAD, **OUTSIDE}[name]
    write(source / f"a_{name}")
    where = mount(source)
    key = name.split(".")[0]
    for folder in (f"histo,hotpixels={key}/50ms", f"events,hotpixels={key}"):
        with pytest.raises(OSError) as problem:
            os.stat(where / folder / "a.h5")
        assert problem.value.errno == (errno.EIO if name in BAD else errno.ENOENT)
        with pytest.raises(OSError):
            open(where / folder / "a.h5", "rb")
        os.listdir(where / folder)
    where.wait_for_log("a.raw", f"a_{name}", *words)
    done = evh5.run("generate", source / "a.raw", "-o", tmp_path / "out", "--preprocess", f"histo,hotpixels={key}")
    assert done.returncode != 0 and words[0] in done.stderr
    # Put right, it is there.
    os.remove(source / f"a_{name}")
    np.save(source / f"a_{key}.npy", np.array([[1, 2]]))
    with h5py.File(where / f"histo,hotpixels={key}/50ms/a.h5") as file:
        assert file["data"][:].any()


def test_without_a_list(mount, source, recorded):
    (source / "b_hot.txt").write_text("1 1\n")
    encoders.write(source / "b.raw", "evt3", scenes.raw_events("evt3", scenes.scene(count=50)))
    where = mount(source)
    for folder in ("histo,hotpixels=hot/50ms", "events,hotpixels=hot"):
        assert "b.h5" in os.listdir(where / folder) and "a.h5" not in os.listdir(where / folder)
        with pytest.raises(FileNotFoundError):
            os.stat(where / folder / "a.h5")
    where.wait_for_log("a.raw", "list of hot pixels is missing", "a_hot.npy")
    # One for the whole folder.
    (source / "camera.txt").write_text("3 3\n")
    assert total(where / "event_count,hotpixels=camera.txt/10s/a.h5")[3, 3] == 0
    assert not (where / "histo,hotpixels=hot/1ms,at=times/b.h5").exists()


# --- Other commands

@pytest.mark.parametrize("preprocess", ["event_count,hotpixels=hot,polarity=on", "events,hotpixels=hot"])
def test_generate(evh5, mount, source, recorded, tmp_path, preprocess):
    np.save(source / "a_hot.npy", some_pixels(recorded, WIDTH, HEIGHT))
    content = ["--preprocess", preprocess]
    folder = preprocess if preprocess.startswith("events") else preprocess + "/50ms"
    seen = mount(source) / folder / "a.h5"
    evh5.run("generate", source / "a.raw", "-o", tmp_path / "out", *content, check=0)
    assert np.array_equal(total(tmp_path / "out/a.h5"), total(seen)) and total(seen).sum() > 100
    # What is there stays; what is missing is made.
    assert "already exists" in evh5.run("generate", source / "a.raw", "-o", tmp_path / "out", *content, check=0).stderr
    os.remove(tmp_path / "out/a.h5")
    replace(source / "a_hot.npy", [[1, 1]])
    evh5.run("generate", source / "a.raw", "-o", tmp_path / "out", *content, check=0)
    assert np.array_equal(total(tmp_path / "out/a.h5"), total(seen))


def test_preview(evh5, mount, source, recorded, tmp_path):
    np.save(source / "a_hot.npy", some_pixels(recorded, WIDTH, HEIGHT, share=0.5))
    preprocess, cells = "event_count,hotpixels=hot", {}
    path = mount(source) / preprocess / "50ms/a.h5"
    for name, given in (("a", (source / "a.raw", "--preprocess", preprocess)), ("b", (path,)), ("c", (source / "a.raw", "--preprocess", "event_count"))):
        cells[name] = drawn(evh5, tmp_path / f"{name}.png", *given)[0][1]
    assert len(cells["a"]) > 2 and all(np.array_equal(a, b) for a, b in zip(cells["a"], cells["b"], strict=True))
    assert not all(np.array_equal(a, c) for a, c in zip(cells["a"], cells["c"], strict=True))
