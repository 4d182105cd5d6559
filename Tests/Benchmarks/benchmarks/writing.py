"""Adding datasets to a virtual file, against the same h5py calls on a file of the local disk; and what a small session costs then."""
import os
import pathlib
import shutil
import time

import h5py
import numpy as np

from .measure import Row, in_turn

TENSOR = "histo/50ms"
BLOCK = 1 << 20  # values in one call: 8 MB
DATASETS = 4
LOCAL = "the same on the local disk"


def add(path, count, block):
    """Adds datasets of `count` values altogether to a file: (MB/s until all is written, ms of closing, on the disk, then)."""
    begin = time.perf_counter()
    with h5py.File(path, "r+") as file:
        for number in range(DATASETS):
            values = file.create_dataset(f"added {number}", (count // DATASETS,), block.dtype)
            for start in range(0, len(values), len(block)):
                values[start:start + len(block)] = block[:len(values) - start]
        file.flush()
        written = time.perf_counter()
    speed = count // DATASETS * DATASETS * block.itemsize / 1e6 / (written - begin)
    handle = os.open(path, os.O_RDONLY)  # a close through the mount is durable; one on the disk is made so
    os.fsync(handle)
    os.close(handle)
    return speed, (time.perf_counter() - written) * 1e3


def files(store):
    """{device and inode: (time of change, bytes on the disk)}."""
    found = (path.lstat() for path in pathlib.Path(store).rglob("*") if path.is_file())
    return {(told.st_dev, told.st_ino): (told.st_mtime_ns, told.st_blocks * 512) for told in found}


def adding(suite):
    """Large datasets, then one of 1 KB in a session of its own."""
    if not suite.mounts.has("sidecar"):
        yield Row("adding datasets", LOCAL, missing="not in this version")
        return
    size = 2 * suite.recordings.size
    count, block = size // 8, np.random.default_rng(1).integers(0, 1 << 62, BLOCK)
    suite.say(f"  {size / 1e6:.0f} MB added")
    store, local = suite.folder / "store", suite.folder / "added.h5"
    closing, small = {"evh5": [], LOCAL: []}, []

    def through_mount():
        shutil.rmtree(store, ignore_errors=True)
        with suite.mounts.mounted("--sidecars", store) as mount:
            path = mount / f"{TENSOR}/{suite.recordings['dense'].path.stem}.h5"
            speed, close = add(path, count, block)
            before = files(store)
            with h5py.File(path, "r+") as file:
                file["small"] = np.arange(128)
            small.append(sum(size for key, (changed, size) in files(store).items() if before.get(key, (0, 0))[0] != changed) / 1e3)
        closing["evh5"].append(close)
        return speed

    def on_disk():
        with h5py.File(local, "w") as file:
            file["data"] = 0
        speed, close = add(local, count, block)
        closing[LOCAL].append(close)
        return speed

    try:
        found = in_turn({"evh5": through_mount, LOCAL: on_disk}, "MB/s", suite.repetitions, suite.say)
        yield Row(f"h5py adding {size / 1e9:.3g} GB of datasets, until all is written", LOCAL, found["evh5"], found[LOCAL])
        rest = {name: iter(values[-suite.repetitions:]) for name, values in closing.items()}
        found = in_turn({name: lambda values=values: next(values) for name, values in rest.items()}, "ms", suite.repetitions, suite.say, warm_up=False)
        yield Row("the same, from there to closed and durable", LOCAL, found["evh5"], found[LOCAL], is_time=True)
        rest = iter(small[-suite.repetitions:])
        found = in_turn({"evh5": lambda: next(rest)}, "kB", suite.repetitions, suite.say, warm_up=False)
        yield Row("bytes that a second session adding 1 KB writes to the store", "-", found["evh5"], at_most=100)
    finally:
        shutil.rmtree(store, ignore_errors=True)
        local.unlink(missing_ok=True)
