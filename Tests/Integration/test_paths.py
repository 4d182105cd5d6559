"""Names: canonical spellings and links, nonsense, listings, nested folders, collisions, companions, parts, links in the source."""
import errno
import json
import os

import h5py
import numpy as np
import pytest

from toolbox import encoders, representations, tensors

DEFAULT_WINDOWS = {"10ms", "20ms", "50ms", "100ms", "250ms"}


@pytest.fixture(scope="module")
def mounted(module_mount, library):
    return module_mount(library)


@pytest.mark.parametrize("alias, canonical", [
    ("250000", "250ms"), ("0.25s", "250ms"), ("250000us", "250ms"), ("0.250s", "250ms"), ("1000ms", "1s"), ("60s", "60s"), ("1500ms", "1500ms"),
    ("1.5ms", "1500us"), ("0010ms", "10ms"), ("2000000", "2s"), ("10ms,start_ts=0", "10ms"), ("10ms,start_ts=5000", "10ms,start_ts=5ms"),
    ("10ms,start_ts=0.5s,max_duration=1000ms", "10ms,max_duration=1s,start_ts=500ms"), ("0100ev", "100ev"),
])
def test_windows(mounted, alias, canonical):
    check_link(mounted / "histo", alias, canonical)


@pytest.mark.parametrize("alias, canonical", [
    ("histo,max_incr_per_pixel=5", "histo"), ("histo,max_incr_per_pixel=5.0", "histo"), ("histo,max_incr_per_pixel=2.50", "histo,max_incr_per_pixel=2.5"),
    ("histo,downsample=1", "histo"), ("histo,width=32,height=24", "histo,height=24,width=32"),
    ("event_cube,split_polarity=false,num_utbins=2", "event_cube,num_utbins=2,split_polarity=false"),
    ("event_cube,split_polarity=true,num_utbins=2", "event_cube,num_utbins=2"),
    ("event_cube_paper,max_incr_per_pixel=63.75", "event_cube_paper"),
    ("histo,downsample=2,dtype=uint8", "histo,downsample=2,dtype=uint8"),
    ("histo,dtype=uint8,downsample=2,max_incr_per_pixel=3", "histo,downsample=2,dtype=uint8,max_incr_per_pixel=3"),
    ("histo_quantized,normalization=false", "histo_quantized"), ("diff_quantized,negative_bit_length=08", "diff_quantized"),
])
def test_preprocessings(mounted, alias, canonical):
    check_link(mounted.point, alias, canonical)


def check_link(folder, alias, canonical):
    """The canonical name is a directory, any other spelling a symbolic link to it: one tensor, one inode."""
    assert (folder / canonical).is_dir() and not (folder / canonical).is_symlink()
    if alias != canonical:
        assert os.readlink(folder / alias) == canonical
        assert os.stat(folder / alias).st_ino == os.stat(folder / canonical).st_ino


def test_a_tensor_has_one_inode(mounted):
    one, two = (mounted / path for path in ("histo,max_incr_per_pixel=5/0.25s/evt3.h5", "histo/250ms/evt3.h5"))
    assert os.stat(one).st_ino == os.stat(two).st_ino
    assert one.read_bytes() == two.read_bytes()
    assert os.path.realpath(one) == str(two)


NONSENSE = [f"{name}/10ms/evt3.h5" for name in (
    "nonsense", "histo,foo=1", "histo,", "histo,,", ",histo", "histo,max_incr_per_pixel", "histo,max_incr_per_pixel=", "histo,max_incr_per_pixel=0",
    "histo,max_incr_per_pixel=-1", "histo,max_incr_per_pixel=nan", "histo,max_incr_per_pixel=inf", "histo,max_incr_per_pixel=1e999", "histo,max_incr_per_pixel=x",
    "histo,max_incr_per_pixel=2,max_incr_per_pixel=3", "histo,downsample=3", "histo,downsample=0", "histo,downsample=-2", "histo,downsample=4096", "histo,height=24",
    "histo,height=0,width=0", "histo,downsample=2,height=24,width=32", "histo,dtype=int7", "diff,dtype=uint8", "diff_quantized,dtype=uint8",
    "event_cube,split_polarity=maybe", "event_cube,num_utbins=0", "event_cube,num_utbins=-1", "event_cube,num_utbins=1.5",
    "event_cube,num_utbins=99999999999999999999", "event_cube,split_polarity=false,dtype=uint8", "timesurface,num_utbins=3",
    "histo_quantized,negative_bit_length=0", "histo_quantized,total_bit_length=99", "diff_quantized,negative_bit_length=64", "histo ", " histo", "histo;downsample=2",
    "...", "..histo", "%2e%2e", "histo\n", "h\u00edsto", "histo,\u0664=1", "x" * 255,
)] + [f"histo/{window}/evt3.h5" for window in (
    "0ms", "-5ms", "1e99s", "ms", "5 ms", "5min", "1e3", "0x10", "+5ms", "10ms,", "10ms,foo=1", "10ms,start_ts=-1", "10ms,start_ts", "10ms,max_duration=15ms",
    "10ms,max_duration=0", "10ms,start_ts=1ms,start_ts=2ms", "99999999999999999999", "9223372036854775808us", "9223372036854775807s", "0.0000001s", "1.2.3s", "0", "0ev",
    "-1ev", "1.5ev", "99999999999999999999ev", "10ev,max_duration", "nan", "infs", "..ms", "10ms..", "\u0661ms", "1" * 255, "0." + "0" * 250 + "s",
)] + [f"histo/10ms/{name}" for name in (
    "missing.h5", "evt3", "evt3.raw", "evt3.h5.h5", "evt3_0.h5", "..h5", "...", "..evt3.h5", ".h5", "evt3.h5\n", "EVT3.h5", "evt3.h5 ", "x" * 255, "missing/evt3.h5", "evt3.raw/evt3.h5",
)]


@pytest.mark.parametrize("path", NONSENSE, ids=lambda path: ascii(path)[1:60])
def test_nonsense_does_not_exist(mounted, path):
    with pytest.raises(OSError) as problem:
        os.stat(os.path.join(mounted.point, path))
    assert problem.value.errno in (errno.ENOENT, errno.ENOTDIR), problem.value
    if problem.value.errno == errno.ENOTDIR:
        assert "evt3.h5/" in path
    assert (mounted / "histo/10ms/evt3.h5").is_file()


@pytest.mark.parametrize("folder, name", [("", "histo,foo=1"), ("", "diff,dtype=uint8"), ("histo", "0ms"), ("histo", "-5ms"), ("histo", "1e99s"), ("histo", "10ms,max_duration=15ms"),
                                          ("", "histo..x"), ("histo", "..10ms")])
def test_the_log_says_why(mounted, folder, name):
    assert not os.path.lexists(mounted.point / folder / name)
    mounted.wait_for_log(name)


def test_the_log_says_why_at_its_usual_level(mount, library):
    """Once each, and also for hidden names when they hold `..`; names that programs look for on their own are no warning."""
    where = mount(library, "--log-level", "info")
    for name in (".Trash", "histo/10ms/.hidden.h5", "histo/10ms/labels.npy"):
        assert not os.path.lexists(where / name)
    names = ("..histo", "histo/..10ms", "histo/10ms/..evt3.h5", "histo/10ms/a..h5", "histo,foo=1", "histo/0ms")
    for name in names:
        assert not os.path.lexists(where / name)
        where.wait_for_log(os.path.basename(name), "does not exist")
    lines = [line for line in where.log().splitlines() if " warning " in line]
    assert len(lines) == len(names), lines
    for reason in ("histo has no parameter foo", "a period is a whole number of us"):
        assert {line.count(reason) for line in lines if reason in line} == {1}


def test_a_scale_that_does_not_fit_the_recording(mounted):
    for name in ("histo,downsample=64", "histo,height=7,width=9", "histo,height=96,width=128"):
        assert not os.path.exists(mounted / name / "10ms/evt3.h5")
    assert (mounted / "histo/10ms/evt3.h5").is_file()


def test_names_that_are_too_long(mounted):
    for folder in ("", "histo", "histo/10ms"):
        for length in (256, 1025, 3000, 5000):
            with pytest.raises(OSError) as problem:
                os.stat(mounted.point / folder / ("x" * length))
            assert problem.value.errno in (errno.ENAMETOOLONG, errno.ENOENT)


def test_listings(mount, library):
    where = mount(library)
    assert set(os.listdir(where.point)) == {*tensors.NAMES, *representations.NAMES, "exponential_timesurface", "tore", "events"}
    assert set(os.listdir(where / "diff")) == DEFAULT_WINDOWS
    assert set(os.listdir(where / "diff/10ms")) == {f"{format}.h5" for format in encoders.FORMATS}
    (where / "diff,downsample=2/33ms/evt3.h5").read_bytes()
    assert "diff,downsample=2" in os.listdir(where.point)
    assert "33ms" in os.listdir(where / "diff,downsample=2")
    for folder, folders, files in os.walk(where / "histo"):
        for name in folders + files:
            os.stat(os.path.join(folder, name))


def test_directories_list_again_and_again(mounted):
    """rewinddir and seekdir, as `ls` and `find` and servers use them."""
    names = sorted(os.listdir(mounted / "histo/20ms"))
    for _ in range(20):
        assert sorted(os.listdir(mounted / "histo/20ms")) == names
    file = os.open(mounted / "histo/20ms", os.O_RDONLY | os.O_DIRECTORY)
    try:
        assert sorted(os.listdir(file)) == names and sorted(os.listdir(file)) == names
    finally:
        os.close(file)


def test_many_recordings(mount, source, small):
    data = encoders.encode("evt2", small[:50], 64, 48)
    for i in range(1500):
        (source / f"recording_with_a_long_name_{i:05}.raw").write_bytes(data)
    where = mount(source)
    assert sorted(os.listdir(where / "histo/10ms")) == [f"recording_with_a_long_name_{i:05}.h5" for i in range(1500)]


def test_nested_folders(mount, source, small, shown):
    for place in ("train/a", "train/b", "val/deep/er/c", "top", "test/with.dots.v1"):
        encoders.write(source / f"{place}.raw", "evt2", small[:2000])
    where = mount(source)
    assert set(os.listdir(where / "histo/20ms")) == {"train", "val", "test", "top.h5"}
    assert set(os.listdir(where / "histo/20ms/train")) == {"a.h5", "b.h5"}
    bytes_ = {(where / f"histo/20ms/{place}.h5").stat().st_size for place in ("train/a", "train/b", "val/deep/er/c", "top", "test/with.dots.v1")}
    assert len(bytes_) == 1
    with h5py.File(where / "histo/20ms/val/deep/er/c.h5") as file:
        assert file["data"].shape[1:] == (2, 48, 64)


def test_names_of_recordings(mount, source, small):
    events = small[:500]
    for name in ("a.raw", "a.dat", "b_td.dat", "c_cd.dat", "d_td.raw", "e.x.raw", "f.dat", "g_td_cd.dat", "H.RAW", "i.raw.dat", "_td.dat"):
        encoders.write(source / name, "dat" if name.endswith("dat") else "evt2", events)
    where = mount(source)
    names = set(os.listdir(where / "histo/1ms"))
    assert {"a.raw.h5", "a.dat.h5", "b.h5", "c.h5", "d_td.h5", "e.x.h5", "f.h5", "i.raw.h5"} <= names
    assert "a.h5" not in names and not os.path.exists(where / "histo/1ms/a.h5")
    for name in names:
        if name.endswith(".h5"):
            assert h5py.is_hdf5(where / "histo/1ms" / name), name


def test_stripped_names_that_collide(mount, source, small):
    """`b.raw` and `b_td.dat`, `c_td.dat` and `c_cd.dat`: both of a pair stay reachable under names of their own."""
    for name in ("b.raw", "b_td.dat", "c_td.dat", "c_cd.dat"):
        encoders.write(source / name, "dat" if name.endswith("dat") else "evt2", small[:500])
    names = [name for name in os.listdir(mount(source) / "histo/1ms") if name.endswith(".h5")]
    assert len(set(names)) == 4 and not {"b.h5", "c.h5"} & set(names), names


def test_a_recording_and_a_companion_of_one_name(mount, source, small):
    """A real `a.h5` beside `a.raw`: whichever is shown, the folder lists each name once and it reads."""
    encoders.write(source / "a.raw", "evt2", small[:500])
    (source / "a.h5").write_bytes(b"not the tensor")
    where = mount(source)
    names = os.listdir(where / "histo/1ms")
    assert len(names) == len(set(names)) and "a.h5" in names
    assert (where / "histo/1ms/a.h5").read_bytes()


def test_companions(mount, source, small):
    encoders.write(source / "train/a.raw", "evt2", small)
    files = {"label_map_dictionary.json": b'{"0": "car"}', "train/a.npy": os.urandom(5000), "train/notes.txt": b"", "train/\u00e9t\u00e9.bin": b"1" * 300_000}
    for name, data in files.items():
        (source / name).write_bytes(data)
    with open(source / "train/huge.bin", "wb") as file:
        file.truncate(64 << 20)
    where = mount(source)
    for name, data in files.items():
        path = where / "histo/20ms" / name
        assert path.read_bytes() == data and path.stat().st_size == len(data)
        assert path.stat().st_mtime_ns == (source / name).stat().st_mtime_ns
        with pytest.raises(OSError):
            path.open("ab").close()
    assert "huge.bin" not in os.listdir(where / "histo/20ms/train") and not os.path.exists(where / "histo/20ms/train/huge.bin")
    assert json.loads((where / "histo/20ms/label_map_dictionary.json").read_text()) == {"0": "car"}
    np.memmap(where / "histo/20ms/train/a.npy", np.uint8, "r").tobytes()


BOXES = {"t": [("t", "<i8"), ("x", "<f4"), ("y", "<f4"), ("w", "<f4"), ("h", "<f4"), ("class_id", "u1"), ("track_id", "<u4"), ("class_confidence", "<f4")],
         "ts": [("ts", "<u8"), ("x", "<f4"), ("y", "<f4"), ("w", "<f4"), ("h", "<f4"), ("class_id", "u1"), ("confidence", "<f4"), ("track_id", "<u4")]}


@pytest.mark.parametrize("field", BOXES)
def test_boxes_follow_the_frames(mount, source, small, field):
    encoders.write(source / "a_td.dat", "dat", small)
    boxes = np.zeros(39, BOXES[field])
    boxes[field] = np.arange(39) * 10_000 + 5_000
    boxes["class_id"] = np.arange(39)
    np.save(source / "a_bbox.npy", boxes)
    where = mount(source)
    whole = where / "histo/20ms/a_bbox.npy"
    assert whole.read_bytes() == (source / "a_bbox.npy").read_bytes()
    path = where / "histo/20ms,start_ts=100ms/a_bbox.npy"
    cut = np.load(path)
    assert cut.dtype == boxes.dtype and len(path.read_bytes()) == path.stat().st_size
    assert cut["class_id"].tolist() == list(range(10, 39)) and np.array_equal(cut[field], boxes[field][10:] - 100_000)
    folder = where / "histo/20ms,max_duration=160ms,start_ts=100ms"
    assert set(os.listdir(folder)) == {"a_0.h5", "a_1.h5", "a_0_bbox.npy", "a_1_bbox.npy"}
    for part, (first, last) in enumerate(((10, 26), (26, 39))):
        cut = np.load(folder / f"a_{part}_bbox.npy")
        assert cut["class_id"].tolist() == list(range(first, last))
        assert np.array_equal(cut[field], boxes[field][first:last] - 100_000 - part * 160_000)


def test_links_in_the_source(mount, source, tmp_path, small):
    """Datasets are often link farms."""
    encoders.write(source / "real/a.raw", "evt2", small)
    encoders.write(tmp_path / "elsewhere/b.raw", "evt2", small)
    (source / "inside.raw").symlink_to("real/a.raw")
    (source / "outside.raw").symlink_to(tmp_path / "elsewhere/b.raw")
    (source / "folder").symlink_to(tmp_path / "elsewhere")
    (source / "chain.raw").symlink_to("inside.raw")
    (source / "dangling.raw").symlink_to("nowhere.raw")
    (source / "self.raw").symlink_to("self.raw")
    (source / "real/up").symlink_to("..")
    where = mount(source)
    whole = (where / "histo/20ms/real/a.h5").read_bytes()
    for path in ("inside.h5", "outside.h5", "folder/b.h5", "chain.h5"):
        assert (where / "histo/20ms" / path).stat().st_size == len(whole)
        with h5py.File(where / "histo/20ms" / path) as file:
            assert np.any(file["data"][0])
    names = os.listdir(where / "histo/20ms")
    assert {"inside.h5", "outside.h5", "chain.h5", "folder", "real"} <= set(names)
    with pytest.raises(OSError):
        os.stat(where / "histo/20ms/dangling.h5")
    with pytest.raises(OSError) as problem:
        os.stat(where.point / "histo/20ms/real/up" / "/".join(["real/up"] * 60))
    assert problem.value.errno == errno.ELOOP
    found = sum(len(files) for _, _, files in os.walk(where / "histo/20ms", followlinks=True))
    assert 5 <= found < 1000


def test_links_that_leave_the_source_of_a_shared_mount(mount, source, tmp_path, small):
    """With --allow-other others would read by the daemon's rights: such links are refused unless --follow-links."""
    encoders.write(source / "real/a.raw", "evt2", small)
    encoders.write(tmp_path / "elsewhere/b.raw", "evt2", small)
    (source / "inside.raw").symlink_to("real/a.raw")
    (source / "outside.raw").symlink_to(tmp_path / "elsewhere/b.raw")
    (source / "outside").symlink_to(tmp_path / "elsewhere")
    (source / "up.raw").symlink_to("../elsewhere/b.raw")
    if os.getuid() != 0:
        pytest.skip("needs root, or user_allow_other in fuse.conf")
    where = mount(source, "--allow-other")
    assert set(os.listdir(where / "histo/20ms")) == {"real", "inside.h5"}
    for name in ("outside.h5", "outside/b.h5", "up.h5"):
        assert not os.path.exists(where / "histo/20ms" / name)
    assert (where / "histo/20ms/inside.h5").read_bytes()
    where = mount(source, "--allow-other", "--follow-links")
    for name in ("outside.h5", "outside/b.h5", "up.h5"):
        assert (where / "histo/20ms" / name).read_bytes()


def test_names_in_any_script(mount, source, small):
    for name in ("événement_日本", "a b", "quo'te\"", "new\nline", "percent%41", "comma,eq=1", "l" * 251):
        encoders.write(source / f"{name}.raw", "evt2", small[:500])
    where = mount(source)
    for name in ("événement_日本", "a b", "quo'te\"", "new\nline", "percent%41", "comma,eq=1", "l" * 251):
        assert f"{name}.h5" in os.listdir(where / "histo/1ms"), name
        with h5py.File(os.fsencode(where / f"histo/1ms/{name}.h5")) as file:
            assert file["data"].shape[1] == 2


def test_names_that_are_not_utf8(mount, source, small):
    """Whether or not such a recording is shown, its neighbours are, and nothing falls over."""
    data = encoders.encode("evt2", small[:500], 64, 48)
    (source / "good.raw").write_bytes(data)
    with open(os.path.join(os.fsencode(source), b"caf\xe9.raw"), "wb") as file:
        file.write(data)
    os.mkdir(os.path.join(os.fsencode(source), b"d\xff\xfe"))
    where = mount(source)
    folder = os.fsencode(where / "histo/1ms")
    names = os.listdir(folder)
    assert b"good.h5" in names
    for name in names:
        os.stat(os.path.join(folder, name))  # what is listed exists
    for name in (b"caf\xe9.h5", b"\xff\xff.h5", b"d\xff\xfe"):
        if name not in names:
            with pytest.raises(OSError):
                os.stat(os.path.join(folder, name))
    for path in (b"\xff\xfe", b"histo/\xff", b"histo,\xc3=1"):
        with pytest.raises(OSError) as problem:
            os.stat(os.path.join(os.fsencode(where.point), path))
        assert problem.value.errno in (errno.ENOENT, errno.EILSEQ, errno.EINVAL)
    assert (where / "histo/1ms/good.h5").read_bytes()
