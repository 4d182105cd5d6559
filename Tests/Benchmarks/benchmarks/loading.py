"""The daemon's memory under a loader that takes its samples from many recordings and tensors, in a random order."""
import itertools
import multiprocessing
import random
import shutil
import subprocess

from .measure import Row, in_turn
from .mounting import Mounts
from .reading import READERS, read_some
from .tensorfiles import frame_count

RECORDINGS, RATE = 30, "2M"
PREPROCESSINGS = ("histo", "histo_quantized", "diff", "diff_quantized", "timesurface", "multi_channel_timesurface", "event_cube", "event_cube_paper",
                  "event_cube,num_utbins=5")
WINDOWS = ("10ms", "20ms", "50ms", "100ms", "250ms")
EPOCHS = 2
MOST_FRAMES = 10  # of a file, from which one is taken


def make_recordings(suite, folder):
    """One second each; less for a short run."""
    milliseconds = max(300, min(1000, suite.recordings.size // 1_000_000))
    for number in range(RECORDINGS):
        path = folder / f"{number:02}.raw"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            subprocess.run([suite.evh5, "synth", path, "--rate", RATE, "--duration", f"{milliseconds}ms", "--seed", str(number + 1)],
                           check=True, stdout=subprocess.DEVNULL)


def samples(mount):
    """(path, [frame]) of a frame of every file, EPOCHS times, in a random order."""
    dice = random.Random(5)
    paths = [mount / f"{tensor}/{window}/{number:02}.h5"
             for tensor, window, number in itertools.product(PREPROCESSINGS, WINDOWS, range(RECORDINGS))] * EPOCHS
    dice.shuffle(paths)
    return [(path, [dice.randrange(min(MOST_FRAMES, frame_count(path)))]) for path in paths]


def loader_memory(suite):
    target = 512 << 20
    tensors = len(PREPROCESSINGS) * len(WINDOWS)
    suite.say(f"  {tensors} tensors of {RECORDINGS} recordings")
    work = suite.folder / "loader"
    source = work / f"{suite.recordings.size}"
    make_recordings(suite, source)
    mounts = Mounts(suite.evh5, source, work)
    frames = {}

    def peak():
        with mounts.mounted("--memory-target", "512M") as mount:
            with multiprocessing.get_context("spawn").Pool(READERS) as pool:
                pool.map(read_some, samples(mount), chunksize=1)
            frames.update(mount.status()["frames"])
            return mount.peak_memory() / 1e6

    try:
        found = in_turn({"evh5": peak}, "MB", 1, suite.say)
    finally:
        for name in ("cache", "indexed"):
            shutil.rmtree(work / name, ignore_errors=True)
    yield Row(f"peak memory, a loader with {EPOCHS} frames of each of {tensors} tensors of {RECORDINGS} recordings", "--memory-target 512M, and 150 MB",
              found["evh5"], at_most=target / 1e6 + 150, note=f"{frames.get('computed')} frames were computed")
