"""Folders as RVT's preprocessing makes them, over small data sets of both of its kinds."""
import errno
import os
import shutil
import subprocess
import zipfile

import h5py
import numpy as np
import pytest

from toolbox import encoders, representations, rvt, scenes

HISTOGRAM, STACK = "stacked_histogram_dt=50_nbins=10", "mixeddensity_stack_ne=50000_nbins=10_cutoff=32"
FOLDERS = ("--folders", "rvt_gen1=rvt,dataset=gen1,path=gen1;rvt_gen4=rvt,dataset=gen4,path=gen4")
FILE = {"gen1": "event_representations.h5", "gen4": "event_representations_ds2_nearest.h5"}


def write(folder, dataset, name, seed, labels=None):
    """A recording of 1.6 s and its labels -> (events, labels)."""
    width, height = rvt.SIZES[dataset]
    events = scenes.scene(width, height, duration=1_600_000, count=30_000, seed=seed)
    format = "dat" if name.endswith(".dat") else "evt3"
    raw = scenes.raw_events(format, events)
    encoders.write(folder / name, format, raw, width, height)
    labels = rvt.labels(dataset, seed, 1_600_000) if labels is None else labels
    stem = name[:-4].removesuffix("_td")
    np.save(folder / f"{stem}_bbox.npy", labels)
    return encoders.shifted(format, raw), labels


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """{(dataset, split, sequence): (events, labels)} and the folder that they are in."""
    root = tmp_path_factory.mktemp("data")
    made = {}
    for dataset in ("gen1", "gen4"):
        for number, (split, name) in enumerate([("train", "a_td.dat"), ("train", "b.raw"), ("val", "c_td.raw"), ("test", "d_td.dat")]):
            folder = root / dataset / split
            folder.mkdir(parents=True, exist_ok=True)
            made[dataset, split, name[0]] = write(folder, dataset, name, 30 + number)
    return root, made


@pytest.fixture(scope="module")
def mounted(module_mount, data):
    return module_mount(data[0], *FOLDERS)


def names(folder):
    return sorted(os.listdir(folder))


def test_names(mounted, data):
    assert {"rvt_gen1", "rvt_gen4", "histo", "events"} <= set(names(mounted.point))
    for dataset in ("gen1", "gen4"):
        root = mounted / f"rvt_{dataset}"
        assert names(root) == ["test", "train", "val"]
        assert names(root / "train") == ["a", "b"] and names(root / "val") == ["c"] and names(root / "test") == ["d"]
        assert names(root / "val/c") == ["event_representations_v2", "labels_v2"]
        assert names(root / "val/c/labels_v2") == ["labels.npz", "timestamps_us.npy"]
        assert names(root / "val/c/event_representations_v2") == sorted([HISTOGRAM, STACK])
        assert names(root / "val/c/event_representations_v2" / HISTOGRAM) == sorted([FILE[dataset], "objframe_idx_2_repr_idx.npy", "timestamps_us.npy"])


def files_of(folder, representation=HISTOGRAM):
    """All that numpy reads of the small files, and that their sizes are what stat says."""
    found = {}
    for path in [folder / "labels_v2/labels.npz", folder / "labels_v2/timestamps_us.npy",
                 *(folder / "event_representations_v2" / representation / name for name in ("timestamps_us.npy", "objframe_idx_2_repr_idx.npy"))]:
        assert path.stat().st_size == len(path.read_bytes()) and not path.stat().st_mode & 0o222
        if path.suffix == ".npz":
            with np.load(path) as archive:
                found |= {name: archive[name] for name in archive.files}
        else:
            found[path.stem if path.parent.name == representation else "labels_v2/timestamps_us"] = np.load(path)
    return found


@pytest.mark.parametrize("dataset", ["gen1", "gen4"])
def test_small_files(mounted, data, dataset):
    seen = 0
    for (kind, split, name), (_, labels) in data[1].items():
        if kind != dataset:
            continue
        expected = rvt.prepared(labels, dataset, split == "train")
        for representation in (HISTOGRAM, STACK):
            got = files_of(mounted / f"rvt_{dataset}" / split / name, representation)
            assert got.keys() == expected.keys()
            for key, array in expected.items():
                assert got[key].dtype == array.dtype and np.array_equal(got[key], array), key
        assert 0 < len(expected["labels"]) < len(labels)
        seen += len(expected["timestamps_us"])
    assert seen > 40


def test_the_archive(mounted, tmp_path):
    path = mounted / "rvt_gen1/train/a/labels_v2/labels.npz"
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None and archive.namelist() == ["labels.npy", "objframe_idx_2_label_idx.npy"]
    if shutil.which("unzip"):
        assert "No errors" in subprocess.run(["unzip", "-t", path], capture_output=True, text=True, check=True).stdout


def expected_frame(dataset, name, events, end):
    inside = events[events["t"] <= end]
    inside = inside[inside["t"] >= end - 50_000] if name == HISTOGRAM else inside[-50_000:]
    width, height = rvt.SIZES[dataset]
    kind = "stacked_histogram" if name == HISTOGRAM else "mixed_density_stack"
    full = representations.frame_of(kind, inside, end - 50_000, end, height, width)
    return full[:, 1::2, 1::2] if dataset == "gen4" else full


@pytest.mark.budget(120)
@pytest.mark.parametrize("name", [HISTOGRAM, STACK])
@pytest.mark.parametrize("dataset", ["gen1", "gen4"])
def test_frames(mounted, data, dataset, name):
    for split, sequence in [("train", "b"), ("val", "c")]:
        events, _ = data[1][dataset, split, sequence]
        folder = mounted / f"rvt_{dataset}" / split / sequence / "event_representations_v2" / name
        ends = np.load(folder / "timestamps_us.npy")
        with h5py.File(folder / FILE[dataset]) as file:
            assert len(file["data"]) == len(ends) and np.array_equal(file["ends"], ends)
            for i in (0, len(ends) - 1):
                frame = expected_frame(dataset, name, events, ends[i])
                assert file["data"].dtype == frame.dtype and np.array_equal(file["data"][i], frame) and frame.any()


def test_windows_have_both_edges(mount, source):
    """Events at the end of a window and dt before it are in it."""
    (source / "train").mkdir()
    labels = np.zeros(1, rvt.BOX)
    labels[0] = (200_000, 10, 10, 50, 50, 0, 0, 1)
    events = scenes.events_of([(1, 1, 1, 0), (2, 1, 1, 99_999), (3, 1, 1, 100_000), (4, 1, 1, 150_000), (5, 1, 0, 200_000), (6, 1, 1, 200_001)])
    encoders.write(source / "train/a_td.dat", "dat", events, 304, 240)
    np.save(source / "train/a_bbox.npy", labels)
    folder = mount(source, "--folders", "rvt=rvt,dataset=gen1") / "rvt/train/a/event_representations_v2" / HISTOGRAM
    assert np.load(folder / "timestamps_us.npy").tolist() == [100_000, 150_000, 200_000]
    with h5py.File(folder / FILE["gen1"]) as file:
        columns = [sorted(set(np.argwhere(frame)[:, 2].tolist())) for frame in file["data"]]
    assert columns == [[2, 3], [3, 4], [4, 5]]


def test_other_representations(mounted):
    folder = mounted / "rvt_gen1/test/d/event_representations_v2"
    for name, channels in [("stacked_histogram_dt=20_nbins=5", 10), ("stacked_histogram_ne=1000_nbins=10", 20), ("mixeddensity_stack_dt=100_nbins=4_cutoff=3", 4)]:
        with h5py.File(folder / name / FILE["gen1"]) as file:
            assert file["data"].shape == (len(np.load(folder / name / "timestamps_us.npy")), channels, 240, 304)
    for name in ["stacked_histogram", "stacked_histogram_dt=0_nbins=10", "stacked_histogram_dt=050_nbins=10", "stacked_histogram_dt=50_nbins=100000",
                 "stacked_histogram_dt=50_nbins=10_cutoff=3", "mixeddensity_stack_dt=50_nbins=10", "mixeddensity_stack_dt=50_nbins=10_cutoff=128", "voxel_grid_dt=50"]:
        with pytest.raises(FileNotFoundError):
            os.listdir(folder / name)


def test_the_tensor_is_one_of_the_mount(mounted, evh5, data, tmp_path):
    link = mounted / "rvt_gen1/train/a/event_representations_v2" / HISTOGRAM / FILE["gen1"]
    assert os.readlink(link) == "../../../../../stacked_histogram/50ms,at=rvt_gen1_train,closed=both/gen1/train/a.h5"
    assert link.stat().st_size == len(link.read_bytes())
    with h5py.File(link, "r+") as file:
        file["mine"] = [1, 2]
    with h5py.File(mounted / "stacked_histogram/50ms,at=rvt_gen1_train,closed=both/gen1/train/a.h5") as file:
        assert file["mine"][:].tolist() == [1, 2]
        data_ = file["data"][:]
    evh5.run("generate", data[0] / "gen1/train/a_td.dat", "--output-folder", tmp_path / "out", "--preprocess", "stacked_histogram", "--window", "50ms,at=rvt_gen1_train,closed=both", check=0)
    [made] = (tmp_path / "out").rglob("*.h5")
    with h5py.File(made) as file:
        assert np.array_equal(file["data"][:], data_) and data_.any()


def test_what_is_not_shown(mount, source):
    folder = source / "train"
    folder.mkdir()
    _, labels = write(folder, "gen1", "good_td.dat", 1)
    small = labels.copy()
    small["w"] = 3
    write(folder, "gen1", "small_td.dat", 2, small)
    write(folder, "gen1", "unsorted_td.dat", 3, labels[::-1].copy())
    write(folder, "gen4", "large_td.dat", 4, labels)
    np.save(folder / "alone_bbox.npy", labels)
    (folder / "broken_bbox.npy").write_bytes(b"no numpy")
    shutil.copy(folder / "good_td.dat", folder / "broken_td.dat")
    shutil.copy(folder / "good_td.dat", folder / "unlabelled_td.dat")
    where = mount(source, "--folders", "rvt=rvt,dataset=gen1")
    assert names(where / "rvt") == ["train"] and names(where / "rvt/train") == ["good"]
    assert "5 of 6 sequences in folder 'rvt/train' are not shown: 'alone'" in where.log()
    for name in ("small", "unsorted", "large", "alone", "broken", "unlabelled"):
        with pytest.raises(FileNotFoundError):
            os.stat(where / "rvt/train" / name)
    for operation in (lambda: os.mkdir(where / "rvt/train/new"), lambda: os.remove(where / "rvt/train/good/labels_v2/labels.npz"),
                      lambda: open(where / "rvt/train/good/labels_v2/labels.npz", "r+b")):
        with pytest.raises(OSError) as error:
            operation()
        assert error.value.errno in (errno.EPERM, errno.EACCES, errno.EROFS)


def test_labels_that_change(mount, source):
    (source / "val").mkdir()
    _, labels = write(source / "val", "gen1", "a_td.dat", 5)
    folder = mount(source, "--folders", "rvt=rvt,dataset=gen1") / "rvt/val"
    lengths = []
    for seed in (5, 6, 7):
        labels = rvt.labels("gen1", seed, 1_600_000)
        np.save(source / "other.npy", labels)
        os.replace(source / "other.npy", source / "val/a_bbox.npy")
        expected = rvt.prepared(labels, "gen1", False)
        # The kernel may believe sizes for a second.
        os.stat(folder / "a/labels_v2/labels.npz")
        with np.load(folder / "a/labels_v2/labels.npz") as archive:
            assert np.array_equal(archive["labels"], expected["labels"])
        with h5py.File(folder / "a/event_representations_v2" / HISTOGRAM / FILE["gen1"]) as file:
            assert np.array_equal(file["ends"], expected["timestamps_us"])
        lengths.append(len(expected["labels"]))
    assert len(set(lengths)) > 1
    labels["w"] = 1
    np.save(source / "other.npy", labels)
    os.replace(source / "other.npy", source / "val/a_bbox.npy")
    assert names(folder) == []


@pytest.mark.parametrize("text", ["histo=rvt,dataset=gen1", "events=rvt,dataset=gen1", "a/b=rvt,dataset=gen1", "a=rvt", "a=rvt,dataset=gen2", "a=dsec,dataset=gen1",
                                  "a=rvt,dataset=gen1,path=../x", "a=rvt,dataset=gen1;a=rvt,dataset=gen4"])
def test_settings_that_are_wrong(mount, source, text):
    where = mount(source, "--folders", text, start=False)
    with pytest.raises(AssertionError, match="folders"):
        where.start()
