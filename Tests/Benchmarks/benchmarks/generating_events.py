"""`evh5 generate --preprocess events` against a script that writes the same columns: evutils decodes, h5py packs."""
import os
import shutil
import time

import h5py
import numpy as np
from evutils.io import EventReader

from .generating import timed
from .measure import Row, in_turn, number

SCRIPT = "evutils and h5py, gzip 4"
COLUMNS = dict(x="<u2", y="<u2", p="u1", t="<u4")
PIECE, MOST_EVENTS = 100_000, 100_000_000  # us, and events of a piece
# Chunks that h5py chooses for 2^16 values: those for none have 1024, which is half as fast.
STORAGE = dict(shape=(1 << 16,), maxshape=(None,), chunks=True, compression="gzip")
MOST_CONVERTED, MOST_REPETITIONS = 20_000_000, 3


def convert(recording, output, most, shift, **storage):
    """Writes the columns of the first events, at least `most` where there are as many, until they are on the disk; how many they are."""
    count = 0
    with h5py.File(output, "w") as file, EventReader(str(recording), delta_t=PIECE, reuse_buffers=True, max_events=MOST_EVENTS) as reader:
        columns = {name: file.create_dataset(f"events/{name}", dtype=dtype, **{**STORAGE, **storage}) for name, dtype in COLUMNS.items()}
        for piece in reader:
            for name, column in columns.items():
                column.resize(count + len(piece), 0)
                column[count:] = np.asarray(getattr(piece, name)) - (shift if name == "t" else 0)
            count += len(piece)
            if count >= most:
                break
    with open(output, "rb") as file:
        os.fsync(file)
    return count


def sizes(path, first):
    """Bytes of an event, by what the chunks of the columns take that hold the first events."""
    with h5py.File(path, "r") as file:
        total = 0
        for name in COLUMNS:
            column = file[f"events/{name}"]
            whole = max(1, first // column.chunks[0])  # the rest is as the others are
            total += sum(column.id.get_chunk_info(i).size for i in range(whole)) / (whole * column.chunks[0])
        return total


def fault(ours, theirs):
    """What is not right with the script's events, or None."""
    with h5py.File(ours, "r") as a, h5py.File(theirs, "r") as b:
        for name in COLUMNS:
            if not np.array_equal(a[f"events/{name}"][:len(b[f"events/{name}"])], b[f"events/{name}"][:]):
                return f"its {name} are others"
    return None


def generating_events(suite):
    """The whole recording by evh5; by the script as many events as it writes in some seconds."""
    recording, folder, output = suite.recordings["dense"], suite.folder / "generated", str(suite.folder / "converted.h5")
    path, memory, counts = folder / f"{recording.path.stem}.h5", [], []

    def evh5(how="gzip"):
        seconds, used = timed(suite, folder, "--preprocess", "events", "--compression", how)
        memory.append(used)
        return recording.events / seconds / 1e6

    def script(**storage):
        begin = time.perf_counter()
        counts.append(convert(recording.path, output, MOST_CONVERTED, recording.info["timeShift"], **storage))
        return counts[-1] / (time.perf_counter() - begin) / 1e6

    try:
        found = in_turn({"evh5": evh5, SCRIPT: script}, "Mev/s", min(MOST_REPETITIONS, suite.repetitions), suite.say)
        if wrong := fault(path, output):
            yield Row("generate, RAW to HDF5, events as columns", SCRIPT, found["evh5"], missing=wrong)
            return
        size = in_turn({"evh5": lambda: sizes(path, counts[-1]), SCRIPT: lambda: sizes(output, counts[-1])}, "B/event", 1, suite.say)
        shuffled = f"the script with shuffle and chunks of 32768 {number(script(shuffle=True, chunks=(32768,)))} Mev/s, {number(sizes(output, counts[-1]))} B/event"
        others = ", ".join(f"{how} {number(evh5(how))} Mev/s, {number(sizes(path, counts[-1]))} B/event" for how in ("zstd", "lz4"))
        yield Row("generate, RAW to HDF5, events as columns", SCRIPT, found["evh5"], found[SCRIPT], note=f"beside gzip, each in one run: {others}; {shuffled}")
        yield Row("size of what generate makes, events as columns", SCRIPT, size["evh5"], size[SCRIPT], at_most=1.1)
        yield Row("peak memory of generate, events", "-", in_turn({"evh5": lambda: max(memory)}, "MB", 1, suite.say)["evh5"], at_most=400)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
