"""evh5.data.Frames: the items are the files' frames and labels, whoever reads them and how, and nothing of it stays open."""
import gc
import hashlib
import json
import multiprocessing
import os
import pickle
import threading

import h5py
import numpy as np
import pytest

import evh5
from evh5.data import Frames, collate
from conftest import BOX


def open_below(root):
    """How many descriptors of this process are files below `root`."""
    found = 0
    for number in os.listdir("/proc/self/fd"):
        try:
            found += os.readlink(f"/proc/self/fd/{number}").startswith(f"{root}/")
        except OSError:
            pass
    return found


def files_of(root, window="histo/50ms"):
    return sorted((root / window).rglob("*.h5"))


def clips_of(files, clip, stride):
    """What a dataset is, read plainly: [(file, start, frames)]."""
    items = []
    for file in files:
        with h5py.File(file, "r") as f:
            frames = f["data"][:]
        items += [(file, start, frames[start:start + clip]) for start in range(0, len(frames) - clip + 1, stride)]
    return items


@pytest.mark.parametrize("clip, stride", [(1, None), (3, None), (3, 1), (2, 5), (8, None), (100, None)])
@pytest.mark.parametrize("window", ["histo/50ms", "histo_quantized/1000ev", "timesurface,dtype=uint8/20ms"])
def test_items(root, window, clip, stride):
    """All of them, with short and empty recordings among the files."""
    frames = Frames(root / window, clip, stride=stride)
    wanted = clips_of(frames.files, clip, stride or clip)
    assert len(frames) == len(wanted) and sorted(frames.files) == files_of(root, window)
    for index, (item, (file, start, array)) in enumerate(zip(frames, wanted)):
        assert item.dtype == array.dtype and item.shape == array.shape and np.array_equal(item, array)
        assert frames.where(index) == (file, start)
        assert np.array_equal(frames[index - len(frames)], array) and frames.where(index - len(frames)) == (file, start)
    assert (clip == 100) == (len(frames) == 0) and (clip == 100 or sum(np.count_nonzero(item) for _, _, item in wanted) > 1000)
    for index in (len(frames), -len(frames) - 1, 10**30):
        with pytest.raises(IndexError):
            frames[index]
        with pytest.raises(IndexError):
            frames.where(index)


def test_indices(root):
    frames = Frames(root / "histo/50ms/train", clip=2)
    assert np.array_equal(frames[np.int64(3)], frames[3])
    for index in ("3", 3.0, slice(0, 2), None):
        with pytest.raises(TypeError):
            frames[index]


def test_what_files_can_be(root, tmp_path, monkeypatch):
    folder = root / "histo/50ms"
    single = Frames(folder / "a.raw.h5")
    assert single.files == [folder / "a.raw.h5"] and single[0].shape == (1, 2, 48, 64)
    both = Frames([str(folder / "short.h5"), folder / "train"])
    assert both.files == [folder / "short.h5", *sorted((folder / "train").glob("*.h5"))]
    monkeypatch.chdir(folder)
    assert Frames("train").files == Frames(folder / "train").files
    assert len(Frames(folder / "empty.h5")) == 0 and list(Frames(folder / "empty.h5")) == []
    for missing in (tmp_path / "missing", tmp_path):
        with pytest.raises(FileNotFoundError):
            Frames(missing)
    with h5py.File(tmp_path / "other.h5", "w") as f:
        f["x"] = 1
    with pytest.raises(ValueError, match="no tensor"):
        Frames(tmp_path)
    for wrong in (dict(clip=0), dict(stride=0), dict(stride=-1), dict(max_open=0)):
        with pytest.raises(ValueError):
            Frames(folder / "train", **wrong)
    with pytest.raises(TypeError):
        Frames(folder / "train", clip=1.5)


def test_files_of_generate_are_alike(root, recordings, tmp_path):
    evh5.run("generate", recordings / "train", "-o", tmp_path / "out", "--preprocess", "histo", "--delta-t", "50000")
    virtual, real = Frames(root / "histo/50ms/train", 3, labels=True), Frames(tmp_path / "out", 3, labels=True)
    assert len(virtual) == len(real) > 10
    for (one, ones), (other, others) in zip(virtual, real):
        assert np.array_equal(one, other) and all(a.tobytes() == b.tobytes() for a, b in zip(ones, others))


@pytest.mark.parametrize("window", ["histo/50ms", "histo/500ev", "diff/33ms,start_ts=20ms", "diff/50ms,max_duration=100ms"])
def test_labels(root, recordings, window):
    """Each frame's are those whose time is in it, found one by one."""
    frames = Frames(root / window / "train", 2, stride=1, labels=True)
    seen = 0
    for index, (array, labels) in enumerate(frames):
        file, start = frames.where(index)
        boxes = np.load(file.with_name(f"{file.stem}_bbox.npy"))
        with h5py.File(file) as f:
            period = int(f["data"].attrs["delta_t"])
            last = None if period else f["last_timestamps"][:].tolist()
        assert len(labels) == len(array) == 2
        for frame, found in enumerate(labels, start):
            if period:
                wanted = [box for box in boxes if frame * period <= box["ts"] < (frame + 1) * period]
            else:
                wanted = [box for box in boxes if (frame == 0 or last[frame - 1] < box["ts"]) and box["ts"] <= last[frame]]
            assert found.dtype == BOX and found.tolist() == [box.item() for box in wanted]
            seen += len(found)
    assert seen > 100
    array, labels = frames[0]
    labels[0]["ts"] = 0  # an item is nobody else's
    array[:] = 0
    again, labels_again = frames[0]
    assert again.any() and (len(labels[0]) == 0 or labels_again[0]["ts"].any())


@pytest.mark.parametrize("window", ["50ms,stride=20ms", "500ev,stride=200", "9parts", "400ev,max_period=9ms", "30ms,at=labels", "30ms,align=start,at=labels",
                                    "between=labels"])
def test_labels_of_other_windows(root, recordings, window):
    """A label is in each frame whose window has its time; at listed times that windows end at, in that frame."""
    frames = Frames(root / "histo" / window / "train", 1, labels=True)
    seen = 0
    for index, (_, labels) in enumerate(frames):
        file, number = frames.where(index)
        boxes = np.load(file.with_name(f"{file.stem}_bbox.npy"))
        with h5py.File(file) as f:
            start, end = f["starts"][number], f["ends"][number]
        ends = window == "30ms,at=labels"
        wanted = [box for box in boxes if (start < box["ts"] <= end if ends else start <= box["ts"] < end)]
        assert sorted(labels[0].tolist()) == sorted(box.item() for box in wanted)
        assert not ends or np.any(labels[0]["ts"] == end)
        seen += len(wanted)
    assert seen > 100


def test_label_files(root, recordings, tmp_path):
    with pytest.raises(FileNotFoundError, match="no label file"):
        Frames(root / "histo/50ms/short.h5", labels=True)
    np.save(tmp_path / "mine.npy", np.array([(10,), (60_000,), (70_000,), (-5,), (10**9,)], [("t", "<i8")]))
    frames = Frames(root / "histo/50ms/a.raw.h5", 4, labels=lambda file: tmp_path / "mine.npy")
    assert [one["t"].tolist() for one in frames[0][1]] == [[10], [60_000, 70_000], [], []]
    np.save(tmp_path / "mine.npy", np.zeros(3))
    with pytest.raises(ValueError, match="time field"):
        Frames(root / "histo/50ms/a.raw.h5", labels=lambda file: tmp_path / "mine.npy")[0]
    # Two recordings of one name: their label file may have either name.
    with h5py.File(tmp_path / "a.raw.h5", "w") as f:
        f["data"] = np.zeros((3, 1, 2, 2), "f4")
        f["data"].attrs["delta_t"] = 100
    for name, time in (("a_bbox.npy", 1), ("a.raw_bbox.npy", 2)):
        np.save(tmp_path / name, np.array([(time,)], [("t", "<i8")]))
        assert Frames(tmp_path / "a.raw.h5", labels=True)[0][1][0]["t"] == [time]


def double(frames):
    return frames * 2


def count(frames, labels):
    return len(frames), sum(map(len, labels))


def test_transform_and_collate(root):
    folder = root / "histo/50ms/train"
    plain, labelled = Frames(folder, 2), Frames(folder, 2, labels=True)
    assert np.array_equal(Frames(folder, 2, transform=double)[1], plain[1] * 2)
    assert Frames(folder, 2, labels=True, transform=count)[1] == (2, sum(map(len, labelled[1][1])))
    frames, labels = collate([labelled[0], labelled[2]])
    assert np.array_equal(frames, np.stack([plain[0], plain[2]])) and len(labels) == 2 and len(labels[0]) == 2
    assert labels[1][0].tolist() == labelled[2][1][0].tolist()


def test_open_files_are_bounded_and_closed(root):
    here = open_below(root)
    frames = Frames(root / "histo/50ms", labels=False, max_open=3)
    assert open_below(root) == here  # to make one leaves nothing open
    order = np.random.default_rng(1).permutation(len(frames))
    for index in order:
        frames[index]
        assert open_below(root) - here <= 3
    assert open_below(root) - here == 3
    frames.close()
    assert open_below(root) == here
    assert frames[0] is not None and open_below(root) - here == 1
    with frames:
        pass
    assert open_below(root) == here
    frames[0]
    del frames
    gc.collect()
    assert open_below(root) == here


def test_a_mount_that_ends_closes_them(recordings, recwarn):
    with evh5.mounted(recordings) as root:
        frames = Frames(root / "histo/50ms")
        first = frames[0]
        kept = Frames(root / "diff/50ms")
        kept[0]
    assert not recwarn.list and first.any() and len(frames)


def test_a_file_that_is_gone_or_shorter(tmp_path):
    for name in "ab":
        with h5py.File(tmp_path / f"{name}.h5", "w") as f:
            f["data"] = np.arange(6, dtype="f4").reshape(6, 1, 1, 1)
    frames = Frames(tmp_path, 2, max_open=1)
    os.remove(tmp_path / "a.h5")
    with pytest.raises(OSError):
        frames[0]
    with h5py.File(tmp_path / "b.h5", "w") as f:
        f["data"] = np.zeros((3, 1, 1, 1), "f4")
    assert frames[3].shape == (2, 1, 1, 1)
    with pytest.raises(OSError, match="3 frames by now"):
        frames[5]


def test_pickled(root):
    frames = Frames(root / "histo/50ms/train", 3, labels=True, max_open=2)
    frames[0]
    again = pickle.loads(pickle.dumps(frames))
    assert len(again) == len(frames) and repr(again) == repr(frames) == f"<{len(frames)} clips of 3 frames of 6 files>"
    for (one, ones), (other, others) in zip(frames, again):
        assert np.array_equal(one, other) and [a.tolist() for a in ones] == [a.tolist() for a in others]


def test_threads(root):
    """Eight of them on one dataset with fewer open files than recordings."""
    frames = Frames(root / "histo/50ms", 2, stride=1, max_open=2)
    wanted = [item.tobytes() for _, _, item in clips_of(frames.files, 2, 1)]
    wrong, here = [], open_below(root)

    def work(seed):
        for index in np.random.default_rng(seed).permutation(len(frames)):
            if frames[index].tobytes() != wanted[index]:
                wrong.append(index)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and open_below(root) <= max(here, 2)


# What a DataLoader does: workers made by fork or spawn, which have the dataset and get indices.


def work(frames, indices, root, results):
    """Reads these items; gives them as (index, shape, type, checksum, labels), and how many files are open then."""
    items = []
    for index in indices:
        array, labels = frames[index]
        items.append((index, array.shape, str(array.dtype), hashlib.sha256(array.tobytes()).hexdigest(), [one.tobytes() for one in labels]))
    results.send((items, open_below(root)))


@pytest.mark.parametrize("opened_before", [False, True], ids=["", "opened-before"])
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_four_workers_read_what_one_process_reads(root, method, opened_before):
    """Every item, in a random order, bit by bit."""
    frames = Frames(root / "event_cube/20ms/train", 4, stride=1, labels=True, max_open=4)
    if opened_before:
        frames[0], frames[len(frames) // 2], frames[-1]
    context = multiprocessing.get_context(method)
    order = np.random.default_rng(2).permutation(len(frames)).tolist()
    got = {}
    with h5py.File(frames.files[0]) as held:  # as a notebook has it
        pairs = [context.Pipe(duplex=False) for _ in range(4)]
        processes = [context.Process(target=work, args=(frames, order[number::4], root, pair[1])) for number, pair in enumerate(pairs)]
        for process in processes:
            process.start()
        for (receives, _), process in zip(pairs, processes):
            items, is_open = receives.recv()
            process.join()
            # Its own and, after fork, the one that is held here: none that came from the dataset of the parent.
            assert len(items) > 10 and is_open <= 4 + (method == "fork")
            got.update((item[0], item[1:]) for item in items)
        assert held["data"].shape[0] > 0
    plain = {(file, start): item for file, start, item in clips_of(frames.files, 4, 1)}
    assert len(frames) == len(got) == len(plain) > 50
    for index in range(len(frames)):
        array, labels = frames[index]
        wanted = plain[frames.where(index)]
        assert np.array_equal(array, wanted)
        assert got[index] == (wanted.shape, str(wanted.dtype), hashlib.sha256(wanted.tobytes()).hexdigest(), [one.tobytes() for one in labels])


def test_fork_while_threads_read(root):
    """A child gets an item though a thread of its parent was reading as it was made."""
    frames = Frames(root / "histo/50ms", 2, max_open=2)
    wanted, ends = frames[0].tobytes(), threading.Event()

    def work():
        while not ends.is_set():
            frames[np.random.randint(len(frames))]

    threads = [threading.Thread(target=work, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(30):
            child = os.fork()
            if child == 0:
                os._exit(0 if frames[0].tobytes() == wanted else 1)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        ends.set()
        for thread in threads:
            thread.join()


EPOCHS = '''
import json, multiprocessing, os, sys
import numpy as np
from evh5.data import Frames

def state(root):
    open_files = sum(os.readlink(f"/proc/self/fd/{n}").startswith(root) for n in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{n}"))
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"), open_files

def work(dataset, connection, root):
    while (indices := connection.recv()) is not None:
        total = 0.0
        for index in indices:
            frames, labels = dataset[index]
            total += float(frames.sum()) + sum(map(len, labels))
        connection.send((total, state(root)))

if __name__ == "__main__":
    root, method = sys.argv[1], sys.argv[2]
    dataset = Frames(root, 4, stride=1, labels=True, max_open=3)
    context = multiprocessing.get_context(method)
    pairs = [context.Pipe() for _ in range(4)]
    processes = [context.Process(target=work, args=(dataset, theirs, root)) for _, theirs in pairs]
    for process in processes:
        process.start()
    order, random = np.arange(len(dataset)), np.random.default_rng(0)
    for _ in range(10):
        random.shuffle(order)
        for number, (mine, _) in enumerate(pairs):
            mine.send(order[number::4].tolist())
        work_here = [(0.0, None)]
        here = sum(float(dataset[index][0].sum()) for index in order.tolist())  # the main process reads as well
        answers = [mine.recv() for mine, _ in pairs]
        print(json.dumps({"sum": sum(one[0] for one in answers), "here": here, "states": [state(root), *(one[1] for one in answers)]}), flush=True)
    for (mine, _), process in zip(pairs, processes):
        mine.send(None)
        process.join()
'''


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_memory_after_ten_epochs(root, script, method, record_property):
    """Neither memory nor open files grow from the third epoch to the tenth, in the main process and in four workers."""
    folder = root / "histo/10ms/train"
    done = script(EPOCHS, folder, method, timeout=150)
    assert done.returncode == 0, done.stderr
    epochs = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(epochs) == 10 and len({round(epoch["sum"]) for epoch in epochs}) == 1 and len({round(epoch["here"]) for epoch in epochs}) == 1
    third, tenth = np.array(epochs[2]["states"]), np.array(epochs[9]["states"])
    print(f"\n{method}: MB in the third epoch {third[:, 0] / 1e6}, in the tenth {tenth[:, 0] / 1e6}")
    assert np.all(tenth[:, 0] - third[:, 0] < 4e6), (third, tenth)
    assert np.all(tenth[:, 1] <= 3)


def test_torch(root):
    torch = pytest.importorskip("torch", reason="torch is not installed here")
    from torch.utils.data import DataLoader

    plain, labelled = Frames(root / "histo/50ms/train", 3), Frames(root / "histo/50ms/train", 3, labels=True)
    for method in ("fork", "spawn"):
        loader = DataLoader(plain, batch_size=4, num_workers=4, multiprocessing_context=method, persistent_workers=method == "fork")
        for _ in range(2):
            got = torch.cat(list(loader))
            assert np.array_equal(got.numpy(), np.stack(list(plain)))
        batches = list(DataLoader(labelled, batch_size=4, num_workers=4, collate_fn=collate, multiprocessing_context=method))
        assert np.array_equal(np.concatenate([frames for frames, _ in batches]), np.stack(list(plain)))
        labels = [one for _, many in batches for one in many]
        assert [[a.tolist() for a in one] for one in labels] == [[a.tolist() for a in one[1]] for one in labelled]
        del loader


def test_no_torch_is_imported(script):
    done = script("import sys, evh5\nassert 'h5py' not in sys.modules and 'numpy' not in sys.modules\nimport evh5.data\nprint('torch' in sys.modules)\n")
    assert done.stdout.strip() == "False", done.stderr
