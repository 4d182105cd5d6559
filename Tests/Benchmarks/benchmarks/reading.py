"""Reading frames through the mount, one after the other and at random, against HDF5 files that somebody computed before."""
import multiprocessing
import os
import random
import time

from .measure import Goal, Row, in_turn
from .tensorfiles import BITSHUFFLE, GZIP, PLAIN, TENSORS, read_frames

READERS = 4
WARM_MEMORY = 1 << 30  # the memory target where frames shall stay in memory; half of it is read
LEAST_READ = 1 << 30  # bytes of one measurement where frames come from memory


# Of frames that are computed, and of those in memory.
COMPUTED, IN_MEMORY, LOADED = Goal(avx512=3, avx2=2), Goal(avx512=0.5, avx2=0.4), Goal(avx512=2.5, avx2=2)


def against(storage):
    return f"h5py reading the {storage} file"


def sequential(suite):
    """Nothing cached: a daemon just started, the time index there."""
    for tensor in TENSORS:
        suite.say(f"  {tensor}, nothing cached")
        frames, files = range(suite.files.frames(tensor)), suite.files
        sides = {storage: (lambda path=files.path(tensor, storage): read_frames(path, frames)) for storage in (GZIP, BITSHUFFLE)}

        def through_mount():
            with suite.mounts.mounted() as mount:
                return read_frames(files.virtual(mount, tensor), frames)

        found = in_turn({"evh5": through_mount, **sides}, "frames/s", suite.repetitions, suite.say)
        for storage, goal in ((GZIP, COMPUTED.of(suite.kernels)), (BITSHUFFLE, None)):
            yield Row(f"sequential h5py read, nothing cached, {tensor}", against(storage), found["evh5"], found[storage], at_least=goal)


def cached(suite):
    """Frames in the disk cache, the daemon restarted."""
    rows = [(tensor, storage, goal) for tensor in TENSORS for storage, goal in ((GZIP, 4), (BITSHUFFLE, 1))]
    if not suite.mounts.has("cache"):
        for tensor, storage, goal in rows:
            yield Row(f"the same, frames in the disk cache, daemon restarted, {tensor}", against(storage), at_least=goal,
                      missing="not in this version")
        return
    for tensor in TENSORS:
        suite.say(f"  {tensor}, in the disk cache")
        count, files = suite.files.frames(tensor), suite.files
        sides = {storage: (lambda path=files.path(tensor, storage): read_frames(path, range(count))) for storage in (GZIP, BITSHUFFLE)}
        fill_cache(suite, tensor)
        computed = []

        def through_cache():
            with suite.mounts.mounted(cache="kept") as mount:
                speed = read_frames(files.virtual(mount, tensor), range(count))
                computed.append(mount.status()["frames"]["computed"])
                return speed

        found = in_turn({"evh5": through_cache, **sides}, "frames/s", suite.repetitions, suite.say)
        note = f"up to {max(computed)} of {count} frames were not in the cache and computed" if max(computed) else ""
        for storage, goal in ((GZIP, 4), (BITSHUFFLE, 1)):
            yield Row(f"the same, frames in the disk cache, daemon restarted, {tensor}", against(storage), found["evh5"],
                      found[storage], at_least=goal, note=note)


def fill_cache(suite, tensor, seconds=60):
    """Reads a tensor's frames until the cache has them all, or it takes no more."""
    kind, held, end = "indexed", -1, time.monotonic() + seconds
    while time.monotonic() < end:
        with suite.mounts.mounted(cache=kind) as mount:
            read_frames(suite.files.virtual(mount, tensor), range(suite.files.frames(tensor)))
            before = -1
            while before != suite.mounts.cached_bytes():  # frames are written behind the reader's back
                before = suite.mounts.cached_bytes()
                time.sleep(0.5)
        kind, last, held = "kept", held, suite.mounts.cached_bytes()
        if held == last:
            return


def cache_size(suite):
    """What the cache takes for a tensor."""
    tensor = "histo/50ms"
    row = Row(f"disk cache size of {tensor}", "the gzip file", at_most=1.2)
    if not suite.mounts.has("cache"):
        row.missing = "not in this version"
    else:
        suite.say("  cache size")
        gzip = suite.files.path(tensor, GZIP)
        fill_cache(suite, tensor)
        found = in_turn({"evh5": lambda: suite.mounts.cached_bytes() / 1e6, GZIP: lambda: os.path.getsize(gzip) / 1e6}, "MB", 1, suite.say)
        row.ours, row.theirs = found["evh5"], found[GZIP]
    yield row


def in_memory(suite):
    """Frames in memory: the second pass over few enough of them; and what the daemon's processor does for it."""
    costs = []
    for tensor in TENSORS:
        suite.say(f"  {tensor}, in memory")
        files, plain = suite.files, suite.files.path(tensor, PLAIN)
        size = os.path.getsize(plain) // files.frames(tensor)
        frames = range(max(1, min(files.frames(tensor), WARM_MEMORY // 2 // size)))
        many = list(frames) * max(1, LEAST_READ // (size * len(frames)))
        with suite.mounts.mounted("--memory-target", str(WARM_MEMORY)) as mount:
            path = files.virtual(mount, tensor)
            for _ in range(2):
                read_frames(path, frames)

            def through_mount():
                before = mount.processor_seconds()
                speed = read_frames(path, many)
                costs.append((mount.processor_seconds() - before) / (size * len(many) / 1e9))
                return speed

            computed = mount.status()["frames"]["computed"]
            found = in_turn({"evh5": through_mount, PLAIN: lambda: read_frames(plain, many)}, "frames/s", suite.repetitions, suite.say)
            computed = mount.status()["frames"]["computed"] - computed
        yield Row(f"the same, frames in memory, {tensor}", "uncompressed HDF5 on the local disk, page cache warm", found["evh5"],
                  found[PLAIN], at_least=IN_MEMORY.of(suite.kernels), note=f"{computed} frames were computed again" if computed else "")
    cost = iter(costs)
    found = in_turn({"evh5": lambda: next(cost)}, "s/GB", len(costs), suite.say, warm_up=False)
    yield Row("daemon CPU per GB delivered, frames in memory", "-", found["evh5"], at_most=0.25)


def read_some(job):
    path, frames = job
    read_frames(path, frames)


def shuffled(suite):
    """Several processes read all frames in a random order, dealt out among them, as a DataLoader's workers do."""
    tensor = "histo/50ms"
    suite.say(f"  {tensor}, {READERS} processes, random frames")
    files, gzip = suite.files, suite.files.path(tensor, GZIP)
    order = list(range(files.frames(tensor)))
    random.Random(3).shuffle(order)
    with multiprocessing.get_context("spawn").Pool(READERS) as pool:
        def read(path):
            jobs = [(path, order[k::READERS]) for k in range(READERS)]
            begin = time.perf_counter()
            pool.map(read_some, jobs, chunksize=1)
            return len(order) / (time.perf_counter() - begin)

        def through_mount():
            with suite.mounts.mounted() as mount:
                return read(files.virtual(mount, tensor))

        read(gzip)  # every process has imported h5py
        found = in_turn({"evh5": through_mount, GZIP: lambda: read(gzip)}, "frames/s", suite.repetitions, suite.say)
    yield Row(f"{READERS} processes reading random frames (a DataLoader), nothing cached, {tensor}", against(GZIP), found["evh5"],
              found[GZIP], at_least=LOADED.of(suite.kernels))


def peak_memory(suite):
    """The daemon's memory at its highest, after long and parallel reads."""
    target = 512 << 20
    suite.say("  peak memory")
    files = suite.files
    counts = {tensor: files.frames(tensor) for tensor in TENSORS}

    def peak():
        with suite.mounts.mounted("--memory-target", "512M") as mount:
            with multiprocessing.get_context("spawn").Pool(READERS) as pool:
                pool.map(read_some, [(files.virtual(mount, tensor), range(count)) for tensor, count in counts.items()], chunksize=1)
            return mount.peak_memory() / 1e6

    found = in_turn({"evh5": peak}, "MB", 1, suite.say)
    yield Row("peak memory", "--memory-target 512M, and 150 MB", found["evh5"], at_most=target / 1e6 + 150)
