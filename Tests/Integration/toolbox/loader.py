"""A data loader as people have for such files, after PyTorch's Dataset and DataLoader: worker processes made by fork, which get indices from a
queue, open each HDF5 file themselves when they first need it, and send batches back, which come out in order.

It knows nothing of mounts: a root folder with train/, val/ and test/, `<name>.h5` with `/data` and its attributes, `<name>_bbox.npy`, and
label_map_dictionary.json."""
import json
import multiprocessing
import pathlib
import traceback

import h5py
import numpy as np


class Clips:
    """Clips of `length` frames at random places of the files of one split, with the boxes of their times. Item i is the same in every epoch."""

    def __init__(self, root, split, length=10, per_file=4, seed=0):
        self.root = pathlib.Path(root)
        self.length = length
        self.opened = {}
        self.classes = json.loads((self.root / "label_map_dictionary.json").read_text())
        random = np.random.default_rng(seed)
        self.clips = []
        for path in sorted((self.root / split).glob("*.h5")):
            with h5py.File(path, "r") as file:
                frames = file["data"].shape[0]
            for _ in range(per_file if frames >= length else 0):
                self.clips.append((path, int(random.integers(0, frames - length + 1))))

    def __len__(self):
        return len(self.clips)

    def file(self, path):
        """Opened by the process that reads it, once: an open file must not go through a fork."""
        if path not in self.opened:
            labels = path.with_name(path.stem + "_bbox.npy")
            self.opened[path] = h5py.File(path, "r"), np.load(labels) if labels.exists() else None
        return self.opened[path]

    def __getitem__(self, index):
        path, start = self.clips[index]
        file, boxes = self.file(path)
        data = file["data"]
        attributes = {key: value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value for key, value in data.attrs.items()}
        assert attributes["events_to_tensor"].decode() and attributes["mode"] == "delta_t"
        begin, end = (attributes["delta_t"] * frame for frame in (start, start + self.length))
        if boxes is not None:
            boxes = boxes[(boxes["ts"] >= begin) & (boxes["ts"] < end)].copy()
            boxes["ts"] -= begin
            names = [self.classes[str(number)] for number in boxes["class_id"]]
        return {"name": str(path.relative_to(self.root)), "start": start, "frames": data[start:start + self.length], "attributes": attributes,
                "boxes": boxes, "classes": names if boxes is not None else []}


def _work(dataset, tasks, results):
    dataset.opened = {}
    while (task := tasks.get()) is not None:
        number, indices = task
        try:
            results.put((number, [dataset[index] for index in indices], None))
        except Exception:
            results.put((number, None, traceback.format_exc()))


class Loader:
    """Batches of samples in a shuffled order, made by `workers` processes, at most two batches ahead for each."""

    def __init__(self, dataset, batch=2, workers=4, seed=0):
        self.dataset, self.batch, self.workers = dataset, batch, workers
        self.order = np.random.default_rng(seed).permutation(len(dataset)).tolist()

    def __iter__(self):
        batches = [self.order[first:first + self.batch] for first in range(0, len(self.order), self.batch)]
        fork = multiprocessing.get_context("fork")
        results = fork.Queue()
        queues = [fork.SimpleQueue() for _ in range(self.workers)]
        processes = [fork.Process(target=_work, args=(self.dataset, queue, results), daemon=True) for queue in queues]
        for process in processes:
            process.start()
        try:
            sent, waiting = 0, {}
            for number in range(len(batches)):
                while sent < min(len(batches), number + 2 * self.workers):
                    queues[sent % self.workers].put((sent, batches[sent]))
                    sent += 1
                while number not in waiting:
                    done, samples, error = results.get(timeout=50)
                    if error:
                        raise RuntimeError(f"a worker failed:\n{error}")
                    waiting[done] = samples
                yield waiting.pop(number)
        finally:
            for queue in queues:
                queue.put(None)
            for process in processes:
                process.join(10)
                if process.is_alive():
                    process.terminate()
