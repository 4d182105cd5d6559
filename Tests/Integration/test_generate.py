"""`evh5 generate`: files equal to the mount's tensors bit for bit, laid out as the original's, and whole whatever happens meanwhile."""
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import time

import h5py
import hdf5plugin  # so that h5py knows its filters
import numpy as np
import pytest

from toolbox import encoders, originals, scenes, tensors

GEOMETRY = (64, 48)


@pytest.fixture(scope="module")
def mounted(module_mount, library):
    return module_mount(library)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """A recording that takes some seconds at gzip:9: 640x480, 400 frames of 1 ms."""
    folder = tmp_path_factory.mktemp("long")
    encoders.write(folder / "long.raw", "evt2", scenes.scene(640, 480, count=2_000_000), width=640, height=480)
    return folder / "long.raw"


SLOW = ("--delta-t", "1000", "--compression", "gzip:9", "--preprocess", "event_cube")


def hidden(folder):
    return sorted(path.name for path in folder.rglob(".*"))


def assert_equal(made, virtual):
    """Values, types and attributes; the two files are stored differently."""
    with h5py.File(made) as a, h5py.File(virtual) as b:
        assert set(a) == set(b)
        for name in a:
            assert a[name].dtype == b[name].dtype and a[name].shape == b[name].shape
            assert a[name][:].tobytes() == b[name][:].tobytes(), f"{made}: {name} differs from {virtual}"
    ours, theirs = originals.structure(made), originals.structure(virtual)
    assert ours["/"] == theirs["/"] and ours["data"]["attributes"] == theirs["data"]["attributes"]


# --- values

@pytest.mark.parametrize("name", tensors.NAMES)
@pytest.mark.parametrize("format", ["evt2", "evt3", "dat"])
def test_preprocessings(evh5, library, mounted, out, shown, differ, format, name):
    evh5.run("generate", library / f"{format}.{encoders.EXTENSION[format]}", "-o", out, "--preprocess", name, check=0)
    assert os.listdir(out) == [f"{format}.h5"]
    assert_equal(out / f"{format}.h5", mounted / name / "50ms" / f"{format}.h5")
    with h5py.File(out / f"{format}.h5") as file:
        expected = tensors.tensor_of(name, shown[format], 50_000, *GEOMETRY[::-1])
        assert differ(f"{name} made by generate", file["data"][:], expected) <= tensors.tolerance(name)


@pytest.mark.parametrize("path, options", [
    ("histo/50ms", []),
    ("histo/20ms", ["--delta-t", "20000"]), ("diff/20ms", ["--delta_t", "20ms", "--preprocess", "diff"]),
    ("histo,max_incr_per_pixel=2.5/50ms", ["--max_val", "2.5"]), ("event_cube_paper,max_incr_per_pixel=5/50ms", ["--max_val", "5", "--preprocess", "event_cube_paper"]),
    ("timesurface/50ms", ["--preprocess", "timesurface", "--max_val", "5"]),
    ("histo,downsample=2/50ms", ["--height_width", "24", "32"]), ("histo_quantized,downsample=4/50ms", ["--height-width", "12", "16", "--preprocess", "histo_quantized"]),
    ("event_cube,dtype=uint8/50ms", ["--store_as_uint8", "--preprocess", "event_cube"]),
    ("event_cube,num_utbins=7,split_polarity=false/50ms", ["--preprocess", "event_cube,split_polarity=false,num_utbins=7"]),
    ("histo_quantized,negative_bit_length=2,total_bit_length=6/50ms", ["--preprocess", "histo_quantized", "--neg_bit_len_quantized", "2", "--total_bit_len_quantized", "6"]),
    ("diff_quantized,negative_bit_length=4,normalization=true/50ms", ["--preprocess", "diff_quantized", "--neg_bit_len_quantized", "4", "--normalization_quantized"]),
    ("diff_quantized/50ms", ["--preprocess", "diff_quantized", "--simu_sensor_output_quantized"]),
    ("histo/50ms,start_ts=100ms", ["--start-ts", "100000"]), ("timesurface/20ms,start_ts=33333us", ["--start_ts", "33333", "--delta-t", "20000", "--preprocess", "timesurface"]),
    ("timesurface/3000ev", ["--mode", "n_events", "--n_events", "3000", "--preprocess", "timesurface"]),
    ("histo/70000ev,start_ts=1ms", ["--mode", "n_events", "--n_events", "70000", "--start-ts", "1ms"]),
    ("histo/1000ev,start_ts=100ms", ["--mode", "n_events", "--n_events", "1000", "--start-ts", "100000", "-n", "7"]),
    ("histo/20ms,start_ts=100s", ["--delta-t", "20000", "--start-ts", "100000000"]),
], ids=lambda value: value if isinstance(value, str) else "")
def test_options(evh5, library, mounted, out, path, options):
    evh5.run("generate", library / "evt3.raw", "-o", out, *options, check=0)
    assert_equal(out / "evt3.h5", mounted / path / "evt3.h5")


@pytest.mark.parametrize("window, options", [
    ("20ms,max_duration=100ms", ["--delta-t", "20000"]), ("20ms,max_duration=100ms,start_ts=30ms", ["--delta-t", "20000", "--start-ts", "30000"]),
    ("500ev,max_duration=100ms", ["--mode", "n_events", "--n_events", "500"]),
], ids=lambda value: value if isinstance(value, str) else "")
def test_parts(evh5, library, mounted, out, window, options):
    evh5.run("generate", library / "dat.dat", "-o", out, "--max-duration-ms", "100", *options, check=0)
    virtual = sorted(path for path in (mounted / "histo" / window).iterdir() if path.name.startswith("dat_"))
    assert sorted(os.listdir(out)) == [path.name for path in virtual] and len(virtual) > 2
    for path in virtual:
        assert_equal(out / path.name, path)


def test_start_of_each_file(evh5, library, mounted, out):
    evh5.run("generate", library / "evt2.raw", library / "evt3.raw", "-o", out, "--start-ts", "0", "100000", check=0)
    assert_equal(out / "evt2.h5", mounted / "histo/50ms/evt2.h5")
    assert_equal(out / "evt3.h5", mounted / "histo/50ms,start_ts=100ms/evt3.h5")


# --- layout

@pytest.mark.parametrize("name", tensors.NAMES)
def test_layout_is_the_originals(evh5, library, mounted, out, tmp_path, name):
    """But for what is documented as an addition: attributes of the root, and num_utbins."""
    evh5.run("generate", library / "evt3.raw", "-o", out, "--preprocess", name, check=0)
    with h5py.File(mounted / name / "50ms/evt3.h5") as file:
        originals.write(tmp_path / "original.h5", file["data"][:], name, GEOMETRY)
    added = ("/", "num_utbins")
    assert originals.structure(out / "evt3.h5", added) == originals.structure(tmp_path / "original.h5", added)


def test_layout_of_n_events_and_uint8(evh5, library, mounted, out, tmp_path):
    evh5.run("generate", library / "evt3.raw", "-o", out, "--mode", "n_events", "--n_events", "900", "--store_as_uint8", check=0)
    with h5py.File(mounted / "histo,dtype=uint8/900ev/evt3.h5") as file:
        originals.write(tmp_path / "original.h5", file["data"][:], "histo", GEOMETRY, n_events=900, last_timestamps=file["last_timestamps"][:],
                        store_as_uint8=True)
    assert originals.structure(out / "evt3.h5", ("/",)) == originals.structure(tmp_path / "original.h5", ("/",))


@pytest.mark.parametrize("how, options, filter", [
    ("gzip", dict(compression="gzip"), 1), ("gzip:9", dict(compression="gzip", compression_opts=9), 1), ("lzf", dict(compression="lzf"), 32000),
    ("lz4", hdf5plugin.LZ4(), 32004), ("zstd", hdf5plugin.Zstd(), 32015), ("zstd:9", hdf5plugin.Zstd(9), 32015), ("none", {}, None),
    ("blosc-zstd", hdf5plugin.Blosc("zstd"), 32001), ("blosc-zstd:1", hdf5plugin.Blosc("zstd", clevel=1), 32001), ("blosc-lz4:9", hdf5plugin.Blosc("lz4", clevel=9), 32001),
], ids=lambda value: value if isinstance(value, str) else "")
def test_compressions(evh5, library, mounted, out, tmp_path, how, options, filter):
    """Written down as h5py and hdf5plugin do, and unpacked by them; frames that become no smaller are stored as they are."""
    with h5py.File(mounted / "diff_quantized/100us/evt3.h5") as file:
        expected = file["data"][:]
    evh5.run("generate", library / "evt3.raw", "-o", out, "--preprocess", "diff_quantized", "--delta-t", "100", "--compression", how, check=0)
    with h5py.File(out / "evt3.h5") as file, h5py.File(tmp_path / "reference.h5", "w") as reference:
        assert np.array_equal(file["data"][:], expected)
        there = reference.create_dataset("data", expected.shape, np.int8, chunks=(1, *expected.shape[1:]), **options)
        here, there = (data.id.get_create_plist() for data in (file["data"], there))
        assert [here.get_filter(i)[:3] for i in range(here.get_nfilters())] == [there.get_filter(i)[:3] for i in range(there.get_nfilters())]
        assert here.get_nfilters() == (0 if filter is None else 1) and (filter is None or here.get_filter(0)[0] == filter)
        stored = sum(file["data"].id.get_chunk_info(i).size for i in range(len(expected)))
        assert stored == expected.nbytes if filter is None else stored < 0.6 * expected.nbytes


@pytest.mark.parametrize("name, kind", [("histo", "f4"), ("histo,dtype=uint8", "u1"), ("event_cube", "f4"), ("stacked_histogram", "u1")])
def test_blosc_of_every_kind_of_element(evh5, library, mounted, out, tmp_path, name, kind):
    """It is told how long elements are, and shuffles their bytes: as hdf5plugin does, and RVT's preprocessing, which asks by numbers."""
    evh5.run("generate", library / "evt3.raw", "-o", out, "--preprocess", name, "--compression", "blosc-zstd:1", check=0)
    assert_equal(out / "evt3.h5", mounted / name / "50ms/evt3.h5")
    with h5py.File(out / "evt3.h5") as file, h5py.File(tmp_path / "reference.h5", "w") as reference:
        data, plist = file["data"], file["data"].id.get_create_plist()
        assert data.dtype == np.dtype(kind)
        for number, options in enumerate((hdf5plugin.Blosc("zstd", clevel=1), dict(compression=32001, compression_opts=(0, 0, 0, 0, 1, 1, 5), shuffle=False))):
            there = reference.create_dataset(str(number), data.shape, data.dtype, chunks=data.chunks, **options).id.get_create_plist()
            assert plist.get_nfilters() == there.get_nfilters() == 1 and plist.get_filter(0) == there.get_filter(0)


def test_frames_that_become_no_smaller(evh5, source, out, mount):
    """A frame of 8 bytes: nothing to pack."""
    events = scenes.events_of([(x, y, p, 10_000 * k + 3000 + 1111 * x + 517 * y + 91 * p) for k in range(20) for x in (0, 1) for y in (0, 1) for p in (0, 1)])
    events.sort(order="t")
    encoders.write(source / "a.raw", "evt2", events, width=2, height=2)
    virtual = mount(source)
    for how in ("gzip", "lzf", "lz4", "zstd", "blosc-zstd", "blosc-lz4"):
        evh5.run("generate", source / "a.raw", "-o", out / how, "--preprocess", "timesurface", "--delta-t", "10000", "--compression", how, check=0)
        assert_equal(out / how / "a.h5", virtual / "timesurface/10ms/a.h5")
        with h5py.File(out / how / "a.h5") as file:
            masks = {file["data"].id.get_chunk_info(i).filter_mask for i in range(len(file["data"]))}
            assert masks == {1}, (how, masks)


def test_h5dump_reads_it(evh5, library, out):
    evh5.run("generate", library / "evt3.raw", "-o", out, check=0)
    done = subprocess.run(["h5dump", "-p", "-H", out / "evt3.h5"], capture_output=True, text=True, check=True)
    assert "COMPRESSION DEFLATE { LEVEL 4 }" in done.stdout and "( H5S_UNLIMITED, 2, 48, 64 )" in done.stdout
    subprocess.run(["h5stat", out / "evt3.h5"], capture_output=True, check=True)


# --- names and folders

def test_tree_with_labels_is_that_of_the_mount(evh5, source, small, out, mount):
    for number, name in enumerate(("train/a.raw", "train/b_td.dat", "val/a.raw", "c.raw")):
        (source / name).parent.mkdir(exist_ok=True)
        encoders.write(source / name, "dat" if name.endswith("dat") else "evt3", small[1000 * number:])
    labels = np.zeros(40, [("ts", "<u8"), ("x", "<f4"), ("class_id", "u1")])
    labels["ts"], labels["class_id"] = np.arange(40) * 10_000, np.arange(40)
    for name in ("train/a", "train/b", "c"):
        np.save(source / f"{name}_bbox.npy", labels)
    for folder in (".", "val"):
        (source / folder / "label_map_dictionary.json").write_text(json.dumps({"0": folder}))
    virtual = mount(source)
    for window, options in (("50ms", []), ("50ms,start_ts=100ms", ["--start-ts", "100000"]),
                            ("50ms,max_duration=100ms,start_ts=50ms", ["--max-duration-ms", "100", "--start-ts", "50000"])):
        shutil.rmtree(out, ignore_errors=True)
        told = evh5.json("generate", source, "-o", out, *options)
        there = {str(path.relative_to(virtual / "histo" / window)): path for path in (virtual / "histo" / window).rglob("*") if path.is_file()}
        here = {str(path.relative_to(out)): path for path in out.rglob("*") if path.is_file()}
        assert sorted(here) == sorted(there) and len(there) >= 7
        for name in there:
            if not name.endswith(".h5"):
                assert here[name].read_bytes() == there[name].read_bytes(), name
            else:
                assert_equal(here[name], there[name])
        assert told["labels"] == sum(name.endswith(".npy") for name in there) and not told["failures"]
    shutil.rmtree(out)
    evh5.run("generate", source, "-o", out, "--no-labels", check=0)
    assert {path.suffix for path in out.rglob("*") if path.is_file()} == {".h5"}


def test_given_labels(evh5, library, out, tmp_path):
    """One file for each recording, cut and called after its tensor, as loaders look for it."""
    labels = np.zeros(40, [("t", "<i8"), ("x", "<f4")])
    labels["t"] = np.arange(40) * 10_000
    np.save(tmp_path / "one_bbox.npy", labels)
    np.save(tmp_path / "two_bbox.npy", labels[:20])
    given = ["--box-labels", tmp_path / "one_bbox.npy", tmp_path / "two_bbox.npy"]
    evh5.run("generate", library / "evt2.raw", library / "evt3.raw", "-o", out, "--max-duration-ms", "200", "--start-ts", "100000", *given, check=0)
    assert sorted(path.name for path in out.iterdir() if path.suffix == ".npy") == [f"{name}_{i}_bbox.npy" for name in ("evt2", "evt3") for i in (0, 1)]
    for name, all in (("evt2", labels), ("evt3", labels[:20])):
        for part in (0, 1):
            begin = 100_000 + 200_000 * part
            expected = all[(all["t"] >= begin) & (all["t"] < begin + 200_000)].copy()
            expected["t"] -= begin
            assert np.array_equal(np.load(out / f"{name}_{part}_bbox.npy"), expected)
    done = evh5.run("generate", library / "evt2.raw", library / "evt3.raw", "-o", out, *given[:2], check=64)
    assert "2 recordings" in done.stderr and "1 label" in done.stderr


def test_labels_that_cannot_be_cut(evh5, source, small, out):
    encoders.write(source / "a.raw", "evt3", small)
    (source / "a_bbox.npy").write_bytes(b"nothing of numpy's")
    encoders.write(source / "b.raw", "evt3", small)
    done = evh5.run("generate", source, "-o", out, "--start-ts", "1000", check=3)
    assert sorted(os.listdir(out)) == ["a.h5", "b.h5"] and done.stdout.startswith("2 files made, 0 skipped, 1 failed\n")
    assert done.stderr.splitlines()[0].count("a_bbox.npy") == 1 and done.stderr.splitlines()[1:] == ["evh5: 1 of 2 inputs could not be used"]
    shutil.rmtree(out)
    done = evh5.run("generate", source / "a.raw", "-o", out, "--max-duration-ms", "100", check=3)
    assert len(list(out.glob("*.h5"))) > 3 and len(done.stderr.splitlines()) == 2, done.stderr  # one line, whatever the number of parts


def test_a_size_that_suits_no_recording(evh5, source, small, out):
    encoders.write(source / "a.raw", "evt3", small)
    np.save(source / "a_bbox.npy", np.zeros(3, [("ts", "<u8")]))
    done = evh5.run("generate", source, "-o", out, "--height_width", "100", "100", check=64)
    assert "power of two" in done.stderr and not out.exists()


def test_what_is_there_is_left_alone(evh5, library, out):
    out.mkdir()
    (out / "evt2.h5").write_text("mine")
    done = evh5.run("generate", library / "evt2.raw", library / "evt3.raw", "-o", out, check=0)
    assert "evt2.h5 already exists, skipped: it is no HDF5 file with a tensor" in done.stderr and (out / "evt2.h5").read_text() == "mine"

    def state():  # looking at it may set the time of the last read
        now = (out / "evt3.h5").stat()
        return now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns

    before = state()
    told = evh5.json("generate", library / "evt2.raw", library / "evt3.raw", "-o", out)
    assert (told["skipped"], told["files"]) == (2, []) and state() == before
    assert [one["path"] for one in told["skippedFiles"]] == [str(out / "evt2.h5"), str(out / "evt3.h5")]


def test_what_is_there_with_other_options(evh5, library, mounted, out):
    recording = library / "evt3.raw"
    evh5.run("generate", recording, "-o", out, "--preprocess", "timesurface", check=0)
    again = evh5.run("generate", recording, "-o", out, "--preprocess", "timesurface", check=0)
    assert again.stderr == f"{out}/evt3.h5 already exists, skipped\n"
    for options, words in ((["--delta-t", "250000", "--preprocess", "timesurface"], ["delta_t 50000, not 250000"]),
                           (["--preprocess", "histo"], ["events_to_tensor timesurface, not histo"]),
                           (["--preprocess", "timesurface", "--store_as_uint8"], ["float32, not uint8"]),
                           (["--preprocess", "timesurface", "--height_width", "24", "32"], ["shape 2 48 64, not 2 24 32"]),
                           (["--preprocess", "timesurface", "--mode", "n_events", "--n_events", "900"], ["mode delta_t, not n_events", "n_events 0, not 900"])):
        done = evh5.run("generate", recording, "-o", out, *options, check=0)
        assert "it was made with other options" in done.stderr and all(word in done.stderr for word in words), done.stderr
        [told] = evh5.json("generate", recording, "-o", out, *options)["skippedFiles"]
        assert words[0] in told["reason"]


def test_what_lies_in_a_mount_is_no_recording(evh5, library, mounted, out):
    for command in (["info"], ["index"], ["generate", "-o", out]):
        for path in (mounted / "histo/50ms/evt3.h5", mounted / "histo/50ms", mounted.point):
            done = evh5.run(*command, path, check=3)
            assert f"in the mount '{mounted.point}'" in done.stdout + done.stderr and str(library) in done.stdout + done.stderr
            assert ("HDF5 tensor in" in done.stdout + done.stderr) == (path == mounted / "histo/50ms/evt3.h5")


def test_progress_without_a_terminal(evh5, library, out):
    quiet = evh5.run("generate", library / "evt3.raw", "-o", out, check=0)
    assert quiet.stderr == ""
    done = evh5.run("generate", library / "evt2.raw", "-o", out, check=0, environment={"EVH5_PROGRESS_SECONDS": "0"})
    assert "100%" in done.stderr and "generating" in done.stderr and "\r" not in done.stderr


def test_names_that_are_too_long(evh5, source, small, out):
    """One of them does not keep the others from being made."""
    encoders.write(source / ("m" * 251 + ".raw"), "evt3", small[:2000])
    for name in ("a.raw", "z.raw"):
        encoders.write(source / name, "evt3", small[:2000])
    evh5.run("generate", source, "-o", out, check=0)
    assert sorted(os.listdir(out)) == ["a.h5", "m" * 251 + ".h5", "z.h5"]
    shutil.rmtree(out)
    done = evh5.run("generate", source, "-o", out, "--max-duration-ms", "1000", check=3)
    assert sorted(os.listdir(out)) == ["a_0.h5", "z_0.h5"] and "names may have 255" in done.stderr
    # A file where a folder should be is in the way of one recording only.
    shutil.rmtree(out)
    encoders.write(source / "sub/b.raw", "evt3", small[:2000])
    out.mkdir()
    (out / "sub").write_text("in the way")
    (source / ("m" * 251 + ".raw")).unlink()
    done = evh5.run("generate", source, "-o", out, check=3)
    assert sorted(os.listdir(out)) == ["a.h5", "sub", "z.h5"] and "1 of 3 inputs" in done.stderr


def test_names(evh5, source, small, out):
    for name in ("a.raw", "a.dat", "b_td.dat", "c.1.raw", "c.2.raw"):
        encoders.write(source / name, "dat" if name.endswith("dat") else "evt3", small[:2000])
    evh5.run("generate", source, "-o", out, check=0)
    assert sorted(os.listdir(out)) == ["a.dat.h5", "a.raw.h5", "b.h5", "c.1.h5", "c.2.h5"]


def test_one_name_for_two_recordings(evh5, source, small, out):
    for folder in ("x", "y"):
        (source / folder).mkdir()
        encoders.write(source / folder / "a.raw", "evt3", small[:2000])
    done = evh5.run("generate", source / "x/a.raw", source / "y/a.raw", "-o", out, check=64)
    assert "same file" in done.stderr and not out.exists()


# --- what cannot be made

def test_bad_recordings_among_good_ones(evh5, source, small, out):
    encoders.write(source / "a.raw", "evt3", small)
    encoders.write(source / "z.raw", "evt3", small)
    (source / "bad.raw").write_bytes(b"% evt 3.0\n% end\n")
    done = evh5.run("generate", source, source / "missing.raw", "-o", out, "--json", check=3)
    told = json.loads(done.stdout)
    assert {os.path.basename(one["path"]) for one in told["failures"]} == {"bad.raw", "missing.raw"}
    assert "bad.raw" in done.stderr and "geometry" in done.stderr and sorted(os.listdir(out)) == ["a.h5", "z.h5"]


def test_geometries(evh5, source, small, out):
    encoders.write(source / "a.raw", "evt3", small)
    encoders.write(source / "b.raw", "evt3", small, width=128, height=96)
    done = evh5.run("generate", source, "-o", out, check=64)
    assert "64x48" in done.stderr and "128x96" in done.stderr and not out.exists()
    evh5.run("generate", source, "-o", out, "--any-geometry", check=0)
    assert sorted(os.listdir(out)) == ["a.h5", "b.h5"]


@pytest.mark.parametrize("options, words", [
    (["--preprocess", "nonsense"], "nonsense"), (["--delta-t", "0"], "period"), (["--mode", "n_events"], "--n_events"), (["--mode", "mixed"], "mixed"),
    (["--max-duration-ms", "70"], "multiple"), (["--height_width", "24"], "two numbers"), (["--height_width", "24", "24"], "power of two"),
    (["--store_as_uint8", "--preprocess", "diff"], "uint8"), (["--start-ts", "0", "1"], "--start-ts"), (["--compression", "bzip2"], "--compression"),
    (["--shard", "3/3"], "--shard"), (["-n", "0"], "--num-workers"), (["--simu_sensor_output_quantized", "--normalization_quantized"], "--simu"),
    (["--preprocess", "histo,max_incr_per_pixel=2", "--max_val", "3"], "twice"),
], ids=str)
def test_wrong_command_lines(evh5, library, out, options, words):
    done = evh5.run("generate", library / "evt3.raw", "-o", out, *options)
    assert done.returncode == 64, done.stderr
    assert words in done.stderr and not list(out.rglob("*"))


def test_nothing_to_convert(evh5, source, out):
    assert "no .raw or .dat" in evh5.run("generate", source, "-o", out, check=3).stderr


def test_folder_that_cannot_be_written(evh5, library, tmp_path):
    (tmp_path / "file").write_text("")
    assert "file" in evh5.run("generate", library / "evt3.raw", "-o", tmp_path / "file/out", check=10).stderr


# --- all of it, in pieces

def test_dry_run_says_sizes_and_writes_nothing(evh5, library, out):
    options = ["--any-geometry", "--delta-t", "20000", "--max-duration-ms", "100"]
    planned = evh5.json("generate", library, "-o", out, "--dry-run", *options)
    text = evh5.run("generate", library, "-o", out, "--dry-run", *options, check=0).stdout
    assert not out.exists()
    evh5.run("generate", library, "-o", out, *options, check=0)
    assert sorted(file["path"] for file in planned["files"]) == sorted(str(path) for path in out.glob("*.h5"))
    for file in planned["files"]:
        with h5py.File(file["path"]) as made:
            assert list(made["data"].shape) == file["shape"] and made["data"].nbytes == file["tensorBytes"]
        assert file["path"] in text
    again = evh5.json("generate", library, "-o", out, "--dry-run", *options)
    assert all(file["exists"] for file in again["files"])


def test_shards_make_the_whole(evh5, library, source, out, tmp_path):
    for path in library.iterdir():
        (source / path.name).symlink_to(path)
    (source / "bad.raw").write_bytes(b"% evt 3.0\n% end\n")
    options = ["--delta-t", "20000", "--max-duration-ms", "60"]
    evh5.run("generate", source, "-o", tmp_path / "whole", *options, check=3)
    whole = {path.name: path.read_bytes() for path in (tmp_path / "whole").iterdir()}
    seen, codes = {}, []
    for index in range(3):
        codes.append(evh5.run("generate", source, "-o", out / str(index), "--shard", f"{index}/3", *options).returncode)
        for path in (out / str(index)).iterdir():
            assert path.name not in seen
            seen[path.name] = path.read_bytes()
    assert seen == whole and len(whole) > 20 and sorted(codes)[-1] == 3
    planned = [evh5.json("generate", source, "-o", out / "0", "--shard", f"{index}/3", "--dry-run", *options, check=codes[index])["files"] for index in range(3)]
    assert len({len(files) for files in planned}) <= 2


def test_summary(evh5, library, out):
    told = evh5.json("generate", library / "evt3.raw", library / "evt2.raw", "-o", out)
    sizes = {str(path): path.stat().st_size for path in out.iterdir()}
    assert {file["path"]: file["bytes"] for file in told["files"]} == sizes and told["bytes"] == sum(sizes.values())
    assert told["recordingBytes"] == sum((library / f"{name}.raw").stat().st_size for name in ("evt2", "evt3"))
    frames = sum(file["frames"] for file in told["files"])
    assert told["frames"] == frames >= 16 and told["tensorBytes"] == frames * 2 * 48 * 64 * 4


# --- interruptions

def begun(process, out, size=300_000):
    """Waits until some of the file has been written."""
    part = out / ".long.h5.part"
    deadline = time.monotonic() + 30
    while not (part.exists() and part.stat().st_size > size):
        assert process.poll() is None, process.stdout.read().decode()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return part


@pytest.mark.budget(120)
def test_killed_and_run_again(evh5, long, out, tmp_path):
    process = evh5.start("generate", long, "-o", out, *SLOW)
    begun(process, out)
    process.kill()
    process.wait()
    process.stdout.close()
    assert hidden(out) == [".long.h5.part"] and not (out / "long.h5").exists()
    evh5.run("generate", long, "-o", out, *SLOW, timeout=60, check=0)
    evh5.run("generate", long, "-o", tmp_path / "again", *SLOW, timeout=60, check=0)
    assert os.listdir(out) == ["long.h5"] and (out / "long.h5").read_bytes() == (tmp_path / "again/long.h5").read_bytes()


@pytest.mark.budget(120)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(evh5, long, library, out, number):
    evh5.run("generate", library / "evt3.raw", "-o", out, check=0)
    process = evh5.start("generate", library / "evt3.raw", long, "-o", out, "--any-geometry", *SLOW)
    begun(process, out)
    process.send_signal(number)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == -number and b"the same call makes the rest" in output
    assert sorted(os.listdir(out)) == ["evt3.h5"]


def test_leftovers_of_the_dead_are_removed(evh5, library, out):
    out.mkdir()
    (out / ".gone.h5.part").write_bytes(b"torn")
    (out / ".note.part").write_text("not ours")
    evh5.run("generate", library / "evt3.raw", "-o", out, check=0)
    assert hidden(out) == [".note.part"]


def test_a_file_that_another_process_makes(evh5, library, out):
    """Its lock is what counts."""
    import fcntl

    out.mkdir()
    with open(out / ".evt3.h5.part", "wb") as part:
        part.write(b"half")
        part.flush()
        fcntl.flock(part, fcntl.LOCK_EX)
        done = evh5.run("generate", library / "evt3.raw", library / "evt2.raw", "-o", out, check=0)
        assert "evt3.h5 is made by another process" in done.stderr
        assert sorted(os.listdir(out)) == [".evt3.h5.part", "evt2.h5"] and (out / ".evt3.h5.part").read_bytes() == b"half"


@pytest.mark.budget(120)
def test_two_runs_at_once(evh5, library, out, tmp_path):
    options = ["--delta-t", "1000", "--max-duration-ms", "20", "--any-geometry"]
    runs = [evh5.start("generate", library, "-o", out, *options) for _ in range(2)]
    for run in runs:
        output, _ = run.communicate(timeout=60)
        assert run.returncode == 0, output.decode()
    evh5.run("generate", library, "-o", tmp_path / "alone", *options, check=0)
    here, there = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in (out, tmp_path / "alone"))
    assert here == there and len(there) > 100


# --- no room

def is_full(evh5, long, out, **options):
    done = evh5.run("generate", long, "-o", out, *SLOW, timeout=60, **options)
    assert done.returncode == 10, done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 1 and "long.h5" in done.stderr
    assert list(out.iterdir()) == []
    return done.stderr


@pytest.mark.budget(120)
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small filesystem")
def test_disk_full(evh5, long, library, tmp_path):
    out = tmp_path / "small"
    out.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", out], check=True)
    try:
        assert "No space left" in is_full(evh5, long, out)
        evh5.run("generate", library / "evt3.raw", "-o", out, check=0)
        assert "1 of 1" not in evh5.run("generate", library / "evt3.raw", long, "-o", out, "--any-geometry", *SLOW, timeout=60, check=10).stdout
        assert os.listdir(out) == ["evt3.h5"]
        with h5py.File(out / "evt3.h5") as file:
            assert np.any(file["data"][:])
    finally:
        subprocess.run(["umount", "-l", out], check=True)


@pytest.mark.budget(120)
def test_file_too_large_for_the_limit(evh5, long, tmp_path):
    out = tmp_path / "limited"
    limit = 2_000_000
    text = is_full(evh5, long, out, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    assert "File too large" in text
