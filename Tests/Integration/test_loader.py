"""One loader, unchanged, on the mount's window directory and on generate's output: the same samples."""
import json

import h5py
import numpy as np
import pytest

from toolbox import encoders, scenes, tensors
from toolbox.loader import Clips, Loader

BOX = np.dtype([("ts", "<u8"), ("x", "<f4"), ("y", "<f4"), ("w", "<f4"), ("h", "<f4"), ("class_id", "u1"), ("track_id", "<u4"), ("class_confidence", "<f4")])
SPLITS = {"train": 4, "val": 2, "test": 2}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """A data set as Metavision's are laid out: recordings and labels in train/, val/ and test/, the classes at the root."""
    folder = tmp_path_factory.mktemp("dataset")
    (folder / "label_map_dictionary.json").write_text(json.dumps({"0": "pedestrian", "1": "car", "2": "truck"}))
    seed = 0
    for split, count in SPLITS.items():
        (folder / split).mkdir()
        for number in range(count):
            seed += 1
            events = scenes.scene(seed=seed, count=15_000, duration=300_000 + 50_000 * number)
            format = "evt3" if number % 2 == 0 else "dat"
            name = f"{split}{number}"
            encoders.write(folder / split / (f"{name}.raw" if format == "evt3" else f"{name}_td.dat"), format, scenes.raw_events(format, events))
            random = np.random.default_rng(seed)
            boxes = np.zeros(60, BOX)
            boxes["ts"] = np.sort(random.integers(0, 300_000, 60))
            boxes["class_id"] = random.integers(0, 3, 60)
            boxes["track_id"] = np.arange(60)
            for field in "xywh":
                boxes[field] = random.random(60) * 40
            np.save(folder / split / f"{name}_bbox.npy", boxes)
    return folder


@pytest.fixture(scope="module")
def mounted(module_mount, dataset):
    return module_mount(dataset)


def samples(root, split, workers=4, **options):
    loader = Loader(Clips(root, split, **options), workers=workers)
    return [sample for batch in loader for sample in batch]


def equal(one, two):
    assert one.keys() == two.keys()
    assert (one["name"], one["start"], one["attributes"], one["classes"]) == (two["name"], two["start"], two["attributes"], two["classes"])
    assert one["frames"].dtype == two["frames"].dtype and np.array_equal(one["frames"], two["frames"])
    assert one["boxes"].dtype == two["boxes"].dtype and one["boxes"].tobytes() == two["boxes"].tobytes()


@pytest.mark.budget(120)
@pytest.mark.parametrize("preprocess, window, options", [
    ("histo", "10ms", []), ("event_cube,downsample=2", "20ms", []), ("timesurface,dtype=uint8", "10ms", []), ("diff", "10ms,start_ts=50ms", ["--start-ts", "50000"]),
])
def test_mount_and_generated_files_give_equal_samples(evh5, mounted, dataset, tmp_path, preprocess, window, options):
    generated = tmp_path / "generated"
    period = int(window.split("ms")[0]) * 1000
    evh5.run("generate", dataset, "-o", generated, "--preprocess", preprocess, "--delta-t", period, *options, check=0)
    assert (generated / "label_map_dictionary.json").read_bytes() == (mounted / preprocess / window / "label_map_dictionary.json").read_bytes()
    for split, count in SPLITS.items():
        virtual = samples(mounted / preprocess / window, split)
        real = samples(generated, split)
        assert len(virtual) == len(real) == 4 * count
        for one, two in zip(virtual, real):
            equal(one, two)
        # There is something to compare: events, boxes of all classes, different clips.
        assert sum(np.count_nonzero(sample["frames"]) for sample in virtual) > 1000
        assert {word for sample in virtual for word in sample["classes"]} == {"pedestrian", "car", "truck"}
        assert len({(sample["name"], sample["start"]) for sample in virtual}) > count


@pytest.mark.budget(120)
def test_samples_are_what_the_events_say(mounted, dataset):
    """The loader's frames and boxes against the events and labels themselves."""
    for sample in samples(mounted / "histo/10ms", "val"):
        name = sample["name"].split("/")[1].removesuffix(".h5")
        number = int(name.removeprefix("val"))
        format = "evt3" if number % 2 == 0 else "dat"
        events = scenes.scene(seed=SPLITS["train"] + number + 1, count=15_000, duration=300_000 + 50_000 * number)
        events = encoders.shifted(format, scenes.raw_events(format, events))
        wanted = tensors.tensor_of("histo", events, 10_000, 48, 64)[sample["start"]:sample["start"] + 10]
        assert np.array_equal(sample["frames"], wanted)
        boxes = np.load(dataset / "val" / f"{name}_bbox.npy")
        begin = sample["start"] * 10_000
        inside = boxes[(boxes["ts"] >= begin) & (boxes["ts"] < begin + 100_000)]
        assert np.array_equal(sample["boxes"]["ts"] + begin, inside["ts"]) and np.array_equal(sample["boxes"]["track_id"], inside["track_id"])


@pytest.mark.budget(120)
def test_workers_do_not_change_samples(mounted):
    """One worker or many, the order and the samples stay; two epochs are equal."""
    once = samples(mounted / "timesurface/10ms", "train", workers=1)
    for workers in (2, 4, 4):
        for one, two in zip(once, samples(mounted / "timesurface/10ms", "train", workers=workers), strict=True):
            equal(one, two)


@pytest.mark.budget(120)
def test_files_that_were_opened_before_the_fork(mounted):
    """As many do it: the file is looked at in the parent, left open there, and opened again in each worker."""
    clips = Clips(mounted / "histo/10ms", "train")
    held = [h5py.File(path, "r") for path, _ in clips.clips]
    before = [clips[index] for index in range(len(clips))]
    loader = Loader(clips)
    after = [sample for batch in loader for sample in batch]
    for index, sample in zip(loader.order, after, strict=True):
        equal(before[index], sample)
    for file in held:
        file.close()
