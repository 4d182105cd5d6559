"""preview: every preprocessing drawn from a recording, from the mount's file and from compressed files, against colours that numpy works out."""
import json
import os
import pathlib
import sys

import h5py
import hdf5plugin
import numpy as np
import pytest
from PIL import Image

from toolbox import encoders, scenes, tensors

GROUND, ON, OFF, PLAIN = np.array([18, 22, 30]), np.array([255, 190, 70]), np.array([70, 150, 255]), np.array([240, 242, 246])
TIMES = np.array([[124, 92, 255], [240, 84, 160], [255, 228, 110]], float)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Two geometries: 64x48, and 346x260, which no cell's width divides."""
    folder = tmp_path_factory.mktemp("recordings")
    encoders.write(folder / "small.raw", "evt3", scenes.raw_events("evt3", scenes.scene()))
    large = scenes.scene(width=346, height=260, count=60_000, seed=4)
    encoders.write(folder / "large.raw", "evt2", scenes.raw_events("evt2", large), 346, 260)
    return folder


@pytest.fixture(scope="module")
def mounted(module_mount, recordings):
    return module_mount(recordings)


def drawn(evh5, out, *arguments, check=0, **options):
    """[(a file's report, its cells as arrays)] of a preview."""
    done = evh5.run("preview", *arguments, "-o", out, "--json", check=check, **options)
    told = json.loads(done.stdout)
    picture = np.asarray(Image.open(out).convert("RGB"))
    assert picture.shape == (told["height"], told["width"], 3)
    return [(file, [picture[c["y"]:c["y"] + c["height"], c["x"]:c["x"] + c["width"]] for c in file["cells"]]) for file in told["files"]]


def reduced(plane, factor):
    """Means of factor x factor blocks; the last ones of what is there."""
    sums, counts = plane, np.ones(plane.shape)
    for axis in (0, 1):
        starts = np.arange(0, plane.shape[axis], factor)
        sums, counts = np.add.reduceat(sums, starts, axis=axis), np.add.reduceat(counts, starts, axis=axis)
    return sums / counts


def share(planes, sigmas):
    """The brightness of amounts, and what full brightness stands for."""
    some = planes[planes > 0]
    limit = min(some.max(), some.mean() + sigmas * some.std()) if sigmas else some.max()
    return np.minimum(1, planes / limit) ** 0.7, limit


def expected(frames, kind, width, sigmas=3):
    """Cells of `frames` (N, C, H, W) as the help describes them, and the limit."""
    frames = frames.astype(np.float64)
    factor = -(-frames.shape[3] // width)
    repeats = max(1, width // frames.shape[3])
    if kind == "bins":
        bins = frames.shape[1] // 2
        amounts = np.abs(frames).reshape(len(frames), bins, 2, *frames.shape[2:]).sum(axis=2)
    elif kind == "signed":
        amounts = np.stack([np.maximum(-frames[:, 0], 0), np.maximum(frames[:, 0], 0)], axis=1)
    else:
        amounts = frames
    amounts = np.array([[reduced(plane, factor) for plane in frame] for frame in amounts])
    if kind == "bins":
        bright, limit = share(amounts.sum(axis=1), sigmas)
        moment = (amounts * np.arange(bins)[:, None, None]).sum(axis=1) / np.maximum(amounts.sum(axis=1), 1e-30) / (bins - 1)
        hue = np.stack([np.interp(moment, [0, 0.5, 1], TIMES[:, c]) for c in range(3)], axis=-1)
        colours = GROUND + bright[..., None] * (hue - GROUND)
    else:
        bright, limit = share(amounts, sigmas)
        colours = GROUND + bright[:, 0, ..., None] * (OFF - GROUND) + bright[:, 1, ..., None] * (ON - GROUND)
    cells = np.clip(np.floor(colours + 0.5), 0, 255)
    return cells.repeat(repeats, axis=1).repeat(repeats, axis=2), limit


def kind_of(name):
    return "signed" if name.startswith("diff") else "bins" if "cube" in name or name.startswith("multi") else "polarity"


def close(cells, wanted):
    assert [cell.shape for cell in cells] == [cell.shape for cell in wanted]
    return max(np.abs(cell.astype(int) - want).max() for cell, want in zip(cells, wanted)) <= 1


def copied(source, target, **storage):
    """The tensor of `source` in another file, stored in another way, with its attributes."""
    with h5py.File(source) as file, h5py.File(target, "w") as out:
        data = out.create_dataset("data", data=file["data"][:], chunks=(1, *file["data"].shape[1:]), maxshape=(None, *file["data"].shape[1:]), **storage)
        for key, value in file["data"].attrs.items():
            data.attrs[key] = value
    return target


@pytest.mark.parametrize("recording, width", [("small", 200), ("large", 100)])
@pytest.mark.parametrize("name", tensors.NAMES)
def test_every_preprocessing(evh5, mounted, recordings, tmp_path, name, recording, width):
    virtual = mounted / name / "50ms" / f"{recording}.h5"
    [(told, cells)] = drawn(evh5, tmp_path / "a.png", recordings / f"{recording}.raw", "--preprocess", name, "--width", width, "--frames", 3)
    with h5py.File(virtual) as file:
        data = file["data"]
        assert told["preprocessing"] == name and told["window"] == "50ms"
        assert told["shape"] == list(data.shape) and told["dtype"] == str(data.dtype)
        chosen = [cell["frame"] for cell in told["cells"]]
        assert chosen == [int((j + 0.5) * len(data) / 3) for j in range(3)] and [cell["time"] for cell in told["cells"]] == [50_000 * i for i in chosen]
        wanted, limit = expected(data[chosen], kind_of(name), width)
    assert told["limits"] == [pytest.approx(limit, rel=1e-4)]
    assert close(cells, wanted) and len(np.unique(np.concatenate(cells).reshape(-1, 3), axis=0)) > 5

    # The same pixels from the mount's file, and from a compressed one, as generate and generate_hdf5 write them.
    compressed = copied(virtual, tmp_path / "gzip.h5", compression="gzip", shuffle=True)
    both = drawn(evh5, tmp_path / "b.png", virtual, compressed, "--width", width, "--frames", 3)
    for other, others in both:
        assert all(np.array_equal(one, two) for one, two in zip(cells, others, strict=True))
        assert {k: other[k] for k in ("preprocessing", "window", "geometry", "dtype", "shape", "limits", "parameters")} \
            == {k: told[k] for k in ("preprocessing", "window", "geometry", "dtype", "shape", "limits", "parameters")}
        assert [(c["frame"], c["time"]) for c in other["cells"]] == [(c["frame"], c["time"]) for c in told["cells"]]


@pytest.mark.parametrize("component", ["histo,dtype=uint8", "histo,downsample=2", "event_cube,num_utbins=7", "event_cube_paper,max_incr_per_pixel=4", "histo_quantized,normalization=true"])
def test_parameters_and_types(evh5, mounted, recordings, tmp_path, component):
    both = drawn(evh5, tmp_path / "a.png", recordings / "large.raw", mounted / component / "20ms" / "large.h5", "--preprocess", component, "--window", "20ms", "--frames", 2)
    assert both[0][0]["parameters"] == both[1][0]["parameters"] and both[0][0]["dtype"] == both[1][0]["dtype"]
    assert all(np.array_equal(one, two) for one, two in zip(both[0][1], both[1][1], strict=True))
    with h5py.File(mounted / component / "20ms" / "large.h5") as file:
        wanted, _ = expected(file["data"][[cell["frame"] for cell in both[0][0]["cells"]]], kind_of(component), 320)
    assert close(both[0][1], wanted)


def test_events_and_start(evh5, mounted, recordings, tmp_path):
    window = "1000ev,start_ts=100ms"
    both = drawn(evh5, tmp_path / "a.png", recordings / "small.raw", mounted / "timesurface" / window / "small.h5",
                 "--preprocess", "timesurface", "--delta-t", "1000ev", "--start-ts", "100ms", "--frames", 4)
    with h5py.File(mounted / "timesurface" / window / "small.h5") as file:
        times = 100_000 + file["last_timestamps"][:]
    for told, cells in both:
        assert told["window"] == "1000ev" and [cell["time"] for cell in told["cells"]] == [times[cell["frame"]] for cell in told["cells"]]
        assert all(np.array_equal(one, two) for one, two in zip(cells, both[0][1], strict=True))
    # A bare number is in us, and the time of a part begins where the part does.
    [(told, _), (part, _)] = drawn(evh5, tmp_path / "b.png", recordings / "small.raw", mounted / "histo" / "10ms,max_duration=100ms,start_ts=50ms" / "small_2.h5", "--delta-t", 10_000, "--start-ts", 50_000)
    assert told["cells"][0]["time"] == 50_000 + 10_000 * told["cells"][0]["frame"]
    assert part["cells"][0]["time"] == 250_000 + 10_000 * part["cells"][0]["frame"]


def test_every(evh5, recordings, tmp_path):
    [(told, _)] = drawn(evh5, tmp_path / "a.png", recordings / "small.raw", "--delta-t", "10ms", "--every", "100ms")
    assert [(cell["frame"], cell["time"]) for cell in told["cells"]] == [(i, i * 10_000) for i in range(0, told["shape"][0], 10)]
    assert evh5.run("preview", recordings / "small.raw", "-o", tmp_path / "b.png", "--delta-t", "1000ev", "--every", "100ms").returncode == 64


def test_sigmas(evh5, mounted, recordings, tmp_path):
    with h5py.File(mounted / "histo" / "50ms" / "small.h5") as file:
        frames = file["data"][:]
    for sigmas in (0, 0.5, 2):
        [(told, cells)] = drawn(evh5, tmp_path / f"{sigmas}.png", recordings / "small.raw", "--sigmas", sigmas, "--frames", 100)
        wanted, limit = expected(frames, "polarity", 320, sigmas)
        assert told["limits"] == [pytest.approx(limit, rel=1e-4)] and close(cells, wanted)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "u1", "i1", "<i2", "<f2"])
def test_files_of_others(evh5, tmp_path, dtype):
    """A preprocessing that nobody registered, with no attributes: two channels are taken for off and on, others for tiles."""
    random = np.random.default_rng(5)
    frames = random.integers(0, 100, (5, 2, 30, 40)).astype(dtype)
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        file["data"] = frames
    [(told, cells)] = drawn(evh5, tmp_path / "a.png", tmp_path / "mine.h5", "--width", 40)
    assert told["shape"] == [5, 2, 30, 40] and len(cells) == 5
    assert close(cells, expected(frames, "polarity", 40)[0])


PLUGINS = {
    "lzf": dict(compression="lzf", shuffle=True), "lz4": hdf5plugin.LZ4(), "small blocks of lz4": hdf5plugin.LZ4(nbytes=1000), "zstd": hdf5plugin.Zstd(),
    "blosc": hdf5plugin.Blosc(), **{f"blosc-{name}": hdf5plugin.Blosc(name) for name in ("blosclz", "lz4hc", "zlib", "zstd")},
    "blosc, bits shuffled": hdf5plugin.Blosc("zstd", shuffle=hdf5plugin.Blosc.BITSHUFFLE),
}


@pytest.mark.parametrize("how", PLUGINS)
def test_files_packed_by_plugins(evh5, tmp_path, how):
    """By h5py's and hdf5plugin's filters, in chunks that are no frames; no plugin is there to read them. A damaged chunk is told."""
    random = np.random.default_rng(5)
    frames = random.integers(0, 20, (5, 2, 30, 40)).astype("f4")
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        data = file.create_dataset("data", data=frames, chunks=(2, 2, 20, 40), **PLUGINS[how])
        place = data.id.get_chunk_info(0)
        assert place.filter_mask == 0 and place.size < 2 * 2 * 20 * 40 * 4
    bare = {"HDF5_PLUGIN_PATH": str(tmp_path / "nowhere")}
    [(told, cells)] = drawn(evh5, tmp_path / "a.png", tmp_path / "mine.h5", "--width", 40, environment=bare)
    assert told["shape"] == [5, 2, 30, 40] and close(cells, expected(frames, "polarity", 40)[0])
    with open(tmp_path / "mine.h5", "r+b") as file:
        file.seek(place.byte_offset)
        file.write(b"\xff" * place.size)
    done = evh5.run("preview", tmp_path / "mine.h5", "-o", tmp_path / "none.png", environment=bare, check=3)
    assert "read frame" in done.stderr and not (tmp_path / "none.png").exists()


def test_channels_of_others(evh5, tmp_path):
    random = np.random.default_rng(6)
    with h5py.File(tmp_path / "grey.h5", "w") as file:
        file["data"] = random.random((2, 1, 30, 40)).astype("f4")
    with h5py.File(tmp_path / "signed.h5", "w") as file:
        file["data"] = random.standard_normal((2, 1, 30, 40)).astype("f4")
    with h5py.File(tmp_path / "five.h5", "w") as file:
        file["data"] = random.random((2, 5, 30, 40)).astype("f4")
    (grey, grey_cells), (signed, signed_cells), (five, five_cells) = drawn(evh5, tmp_path / "a.png", *(tmp_path / f"{n}.h5" for n in ("grey", "signed", "five")), "--width", 40)
    with h5py.File(tmp_path / "grey.h5") as file:
        bright, _ = share(file["data"][:, 0].astype(float), 3)
    assert close(grey_cells, np.floor(GROUND + bright[..., None] * (PLAIN - GROUND) + 0.5))
    with h5py.File(tmp_path / "signed.h5") as file:
        assert close(signed_cells, expected(file["data"][:], "signed", 40)[0])
    assert len(five["limits"]) == 5 and five_cells[0].shape[1] <= 40
    # Asked for, other colours.
    [(_, cells)] = drawn(evh5, tmp_path / "b.png", tmp_path / "grey.h5", "--width", 40, "--colors", "signed")
    with h5py.File(tmp_path / "grey.h5") as file:
        assert close(cells, expected(file["data"][:], "signed", 40)[0])
    assert evh5.run("preview", tmp_path / "five.h5", "-o", tmp_path / "c.png", "--colors", "polarity").returncode == 3


def letters(picture, told):
    """How many pixels of each cell's label, and of the heading, are not background."""
    picture = np.asarray(Image.open(picture).convert("RGB")).astype(int)
    written = np.abs(picture - picture[0, 0]).sum(axis=-1) > 100
    cells = told["cells"]
    return [int(written[c["y"] + c["height"] + 2:c["y"] + c["height"] + 17, c["x"]:c["x"] + c["width"]].sum()) for c in cells] + [int(written[20:cells[0]["y"] - 8, 20:200].sum())]


def test_text_is_there_with_fonts_and_without(evh5, recordings, tmp_path):
    """A machine without any font: no folder of them, no cache."""
    (tmp_path / "fonts.conf").write_text(f"<?xml version='1.0'?><fontconfig><dir>{tmp_path}/none</dir><cachedir>{tmp_path}/cache</cachedir></fontconfig>")
    [(told, _)] = drawn(evh5, tmp_path / "a.png", recordings / "small.raw")
    assert min(letters(tmp_path / "a.png", told)) > 60, letters(tmp_path / "a.png", told)
    environment = {"FONTCONFIG_FILE": str(tmp_path / "fonts.conf")}
    [(told, _)] = drawn(evh5, tmp_path / "b.png", recordings / "small.raw", environment=environment)
    assert min(letters(tmp_path / "b.png", told)) > 60, letters(tmp_path / "b.png", told)


def test_light_ground(evh5, recordings, tmp_path):
    [(_, cells)] = drawn(evh5, tmp_path / "a.png", recordings / "small.raw", "--light")
    assert cells[0].max() == 255 and np.median(cells[0]) > 200


# --- What it refuses

def test_nothing_is_overwritten(evh5, recordings, tmp_path):
    out = tmp_path / "a.png"
    evh5.run("preview", recordings / "small.raw", "-o", out, check=0)
    first = out.read_bytes()
    done = evh5.run("preview", recordings / "large.raw", "-o", out, check=10)
    assert "--force" in done.stderr and out.read_bytes() == first
    evh5.run("preview", recordings / "large.raw", "-o", out, "--force", check=0)
    assert out.read_bytes() != first
    # A recording under a picture's name, and a link to one, stay whatever is said.
    disguised = tmp_path / "recording.png"
    disguised.write_bytes((recordings / "small.raw").read_bytes())
    (tmp_path / "link.png").symlink_to(out)
    for path in (disguised, tmp_path / "link.png"):
        done = evh5.run("preview", recordings / "small.raw", "-o", path, "--force", check=10)
        assert "PNG" in done.stderr
    assert disguised.read_bytes() == (recordings / "small.raw").read_bytes() and (tmp_path / "link.png").is_symlink()
    assert evh5.run("preview", recordings / "small.raw", "-o", recordings / "small.raw", "--force").returncode == 64
    assert sorted(os.listdir(tmp_path)) == ["a.png", "link.png", "recording.png"]


def test_what_cannot_be_written(evh5, recordings, tmp_path):
    assert evh5.run("preview", recordings / "small.raw", "-o", tmp_path / "missing" / "a.png").returncode == 10
    small = evh5.run("preview", recordings / "small.raw", "-o", tmp_path / "a.png", prefix=("bash", "-c", 'ulimit -f 1; trap "" XFSZ; exec "$@"', "bash"))
    assert small.returncode == 10 and os.listdir(tmp_path) == [], small.stderr


@pytest.mark.parametrize("arguments, word", [
    (["--preprocess", "nothing"], "nothing"), (["--preprocess", "histo,foo=1"], "foo"), (["--delta-t", "0ms"], "0ms"), (["--start-ts=-1"], "start_ts"),
    (["--delta-t", "50ms,max_duration=100ms"], "max_duration"), (["--frames", "0"], "--frames"), (["--frames", "3", "--every", "1s"], "--every"),
    (["--width", "1"], "--width"), (["--sigmas", "-1"], "--sigmas"), (["--columns", "0"], "--columns"), (["--every", "soon"], "soon"),
    (["--frames", "10000", "--delta-t", "30us", "--width", "4096"], "large"),
])
def test_wrong_command_lines(evh5, recordings, tmp_path, arguments, word):
    done = evh5.run("preview", recordings / "small.raw", "-o", tmp_path / "a.png", *arguments)
    assert done.returncode == 64 and word in done.stderr, done.stderr
    assert os.listdir(tmp_path) == []


def test_options_of_recordings_do_not_go_with_files(evh5, mounted, recordings, tmp_path):
    virtual = mounted / "histo" / "50ms" / "small.h5"
    assert evh5.run("preview", virtual, "-o", tmp_path / "a.png", "--preprocess", "diff").returncode == 64
    evh5.run("preview", virtual, recordings / "small.raw", "-o", tmp_path / "a.png", "--preprocess", "diff", check=0)


def test_files_that_cannot_be_shown(evh5, recordings, tmp_path):
    (tmp_path / "text.raw").write_text("no recording")
    (tmp_path / "text.h5").write_text("no HDF5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["values"] = np.zeros(3)
    with h5py.File(tmp_path / "flat.h5", "w") as file:
        file["data"] = np.zeros((3, 4))
    with h5py.File(tmp_path / "words.h5", "w") as file:
        file["data"] = np.full((1, 1, 1, 1), b"abc")
    bad = ["text.raw", "text.h5", "other.h5", "flat.h5", "words.h5", "missing.raw", "missing.h5"]
    for name in bad:
        done = evh5.run("preview", tmp_path / name, "-o", tmp_path / "none.png", check=3)
        assert name in done.stderr and not (tmp_path / "none.png").exists(), done.stderr
    # The others are drawn.
    done = evh5.run("preview", tmp_path / "text.raw", recordings / "small.raw", tmp_path / "other.h5", "-o", tmp_path / "some.png", "--json", check=3)
    assert [os.path.basename(file["path"]) for file in json.loads(done.stdout)["files"]] == ["small.raw"]
    assert Image.open(tmp_path / "some.png").format == "PNG"


def test_names_that_drive_terminals(evh5, recordings, tmp_path):
    name = tmp_path / "a\x1b[31m\nb.raw"
    name.write_bytes((recordings / "small.raw").read_bytes())
    done = evh5.run("preview", name, tmp_path / "miss\x1bing.raw", "-o", tmp_path / "a.png", check=3)
    assert "\x1b" not in done.stdout + done.stderr and (tmp_path / "a.png").exists()


def test_recordings_with_few_events(evh5, tmp_path):
    encoders.write(tmp_path / "none.dat", "dat", scenes.events_of([]))
    encoders.write(tmp_path / "one.dat", "dat", scenes.events_of([(3, 4, 1, 10)]))
    (none, none_cells), (one, one_cells) = drawn(evh5, tmp_path / "a.png", tmp_path / "none.dat", tmp_path / "one.dat", "--width", 64)
    assert none["cells"] == [] and none["shape"][0] == 0
    assert len(one_cells) == 1 and tuple(one_cells[0][4, 3]) == tuple(ON) and (one_cells[0] == GROUND).all(axis=-1).sum() == 64 * 48 - 1


def test_presets_of_a_config_file(evh5, recordings, tmp_path):
    (tmp_path / "config.yaml").write_text('preprocessings:\n  histo10: "histo,max_incr_per_pixel=10"\n')
    [(told, cells)] = drawn(evh5, tmp_path / "a.png", recordings / "small.raw", "--preprocess", "histo10", "--config-file", tmp_path / "config.yaml")
    assert told["preprocessing"] == "histo10" and told["parameters"] == {"max_incr_per_pixel": "10"} and len(cells) == 8


def test_preprocessings_of_ones_own(evh5, module_mount, recordings, tmp_path):
    """The example of docs/examples, with a parameter, from a recording and through a mount."""
    example = pathlib.Path(__file__).resolve().parents[2] / "docs/examples/decayed.py"
    register = ["--register", f"decayed=python:{example}:decayed,channels=2,fractions=true,decay=0.5,most=5", "--python", sys.executable]
    mounted = module_mount(recordings, *register)
    both = drawn(evh5, tmp_path / "a.png", recordings / "small.raw", mounted / "decayed,decay=0.25" / "50ms" / "small.h5", "--preprocess", "decayed,decay=0.25", *register)
    assert both[0][0]["preprocessing"] == "decayed" and both[0][0]["parameters"] == both[1][0]["parameters"]
    assert len(both[0][1]) == 8 and all(np.array_equal(one, two) for one, two in zip(both[0][1], both[1][1], strict=True))
    with h5py.File(mounted / "decayed,decay=0.25" / "50ms" / "small.h5") as file:
        assert close(both[0][1], expected(file["data"][[cell["frame"] for cell in both[0][0]["cells"]]], "polarity", 320)[0])
    # generate has the same preprocessings.
    evh5.run("generate", recordings / "small.raw", "-o", tmp_path / "out", "--preprocess", "decayed,decay=0.25", *register, check=0)
    with h5py.File(mounted / "decayed,decay=0.25" / "50ms" / "small.h5") as one, h5py.File(tmp_path / "out" / "small.h5") as two:
        assert np.array_equal(one["data"][:], two["data"][:]) and dict(one["data"].attrs).keys() == dict(two["data"].attrs).keys()
    [(_, cells)] = drawn(evh5, tmp_path / "c.png", tmp_path / "out" / "small.h5")
    assert all(np.array_equal(one, two) for one, two in zip(cells, both[0][1], strict=True))
    # One that raises: the file cannot be shown, and the reason is told.
    (tmp_path / "bad.py").write_text("def bad(events, tensor, delta_t, **kwargs):\n    raise ValueError('as it happens')\n")
    done = evh5.run("preview", recordings / "small.raw", "-o", tmp_path / "b.png", "--preprocess", "bad", "--python", sys.executable, "--register", f"bad=python:{tmp_path}/bad.py:bad,channels=2", check=3)
    assert "as it happens" in done.stderr and not (tmp_path / "b.png").exists()
