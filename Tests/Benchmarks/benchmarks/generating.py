"""`evh5 generate` against how such files are made today: speed, sizes and memory."""
import contextlib
import pathlib
import shutil
import subprocess
import time

import h5py

from .measure import Goal, Row, in_turn, number
from .pipeline import convert
from .tensorfiles import GZIP, frame_count

TENSORS = ("histo/50ms", "timesurface/250ms", "event_cube/50ms")
PIPELINE = "evutils, numba and h5py, gzip 4"
MOST_FRAMES, MOST_REPETITIONS = 40, 3  # of the pipeline, which takes a quarter of a second for some
OTHERS = ("zstd", "lz4")
GENERATED = Goal(avx512=6, avx2=4)


def peak_memory(pid):
    """MB so far of a process that may be over; rusage would tell of this process too, from before the other's exec."""
    with contextlib.suppress(OSError):
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    return 0


def timed(suite, folder, *options):
    """(seconds, MB at most) of `evh5 generate` on the dense recording into a new folder, its time index not known."""
    shutil.rmtree(folder, ignore_errors=True)
    command = [suite.evh5, "generate", suite.recordings["dense"].path, "-o", folder, *options, "--cache", folder / "cache"]
    begin, memory = time.perf_counter(), 0
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL)
    while process.poll() is None:
        memory = max(memory, peak_memory(process.pid))
        time.sleep(0.02)
    seconds = time.perf_counter() - begin
    if process.returncode:
        raise RuntimeError(f"evh5 generate: exit {process.returncode}")
    return seconds, memory


class Generate:
    """Tensors by `evh5 generate`."""

    def __init__(self, suite, tensor):
        self.suite = suite
        self.preprocessing, self.window = tensor.split("/")
        self.folder = suite.folder / "generated"
        self.path = self.folder / f"{suite.recordings['dense'].path.stem}.h5"
        self.memory = 0  # MB at most

    def run(self, compression="gzip"):
        """Frames per second of the whole recording; the file stays."""
        seconds, memory = timed(self.suite, self.folder, "--preprocess", self.preprocessing, "--delta-t", self.window, "--compression", compression)
        self.memory = max(self.memory, memory)
        return frame_count(self.path) / seconds

    def size(self, frames):
        """MB of the first frames, packed."""
        with h5py.File(self.path, "r") as file:
            return sum(file["data"].id.get_chunk_info(i).size for i in range(frames)) / 1e6


def generating(suite):
    """Whole recordings by evh5; by the pipeline as many frames as it makes in some seconds."""
    info, output = suite.recordings["dense"].info, str(suite.folder / "converted.h5")
    size = (info["height"], info["width"])
    frames, repetitions = min(MOST_FRAMES, suite.most_frames), min(MOST_REPETITIONS, suite.repetitions)
    memory, sizes = [], []
    try:
        for tensor in TENSORS:
            suite.say(f"  {tensor}")
            ours = Generate(suite, tensor)
            period = int(ours.window.removesuffix("ms")) * 1000
            convert(suite.recordings["dense"].path, output, period, size, 1, ours.preprocessing)  # compiles

            def pipeline():
                begin = time.perf_counter()
                convert(suite.recordings["dense"].path, output, period, size, frames, ours.preprocessing)
                return frame_count(output) / (time.perf_counter() - begin)

            found = in_turn({"evh5": ours.run, PIPELINE: pipeline}, "frames/s", repetitions, suite.say)
            memory.append(ours.memory)
            gzip, count = suite.files.path(tensor, GZIP), suite.files.frames(tensor)
            with h5py.File(gzip, "r") as file:
                theirs = sum(file["data"].id.get_chunk_info(i).size for i in range(count)) / 1e6
            sizes.append((tensor, in_turn({"evh5": lambda: ours.size(count), GZIP: lambda: theirs}, "MB", 1, suite.say)))
            others = ", ".join(f"{how} {number(ours.run(how))} frames/s and {number(ours.size(count) / theirs)}x the size" for how in OTHERS)
            yield Row(f"generate, RAW to HDF5, {tensor}", PIPELINE, found["evh5"], found[PIPELINE], at_least=GENERATED.of(suite.kernels),
                      note=f"beside gzip, each in one run: {others}")
        for tensor, found in sizes:
            yield Row(f"size of what generate makes, {tensor}", "h5py's gzip file of the same frames", found["evh5"], found[GZIP], at_most=1.1)
        found = in_turn({"evh5": lambda: max(memory)}, "MB", 1, suite.say)
        yield Row("peak memory of generate, event_cube/50ms and the others", "-", found["evh5"], at_most=400)
    finally:
        shutil.rmtree(suite.folder / "generated", ignore_errors=True)
