"""Functions of users: a module and libraries to register, and what their tensors must be, by numpy."""
import contextlib
import os
import pathlib
import subprocess
import sys
import textwrap

import h5py
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[3]
HEADERS = ROOT / "Sources/CPreprocessing/include"
EXAMPLES = ROOT / "docs/examples"
WIDTH, HEIGHT = 64, 48

# As people write them for Metavision's registry. `calls` is a file that grows by a byte with every call.
MODULE = """
    import ctypes, os, sys, time
    import numpy as np

    HERE = os.path.dirname(os.path.abspath(__file__))

    def weighted(events, tensor, delta_t, downsampling_factor=0, reset=False, threshold=3, decay=0.5, **kwargs):
        with open(HERE + "/calls", "ab") as calls:
            calls.write(b".")
        if reset:
            tensor[...] = 0
        columns, rows = events["x"] >> downsampling_factor, events["y"] >> downsampling_factor
        np.add.at(tensor, (0, events["p"], rows, columns), 1)
        tensor[tensor < threshold] = 0
        tensor *= decay
        np.add.at(tensor, (0, 2, rows, columns), (events["t"] / delta_t).astype(np.float32))

    def last(events, tensor, delta_t, downsampling_factor=0, reset=False):
        tensor[0, 0, events["y"], events["x"]] = 1 + events["p"] - 2 * (events["p"] == 0)

    def signed(events, tensor, delta_t, downsampling_factor=0, reset=False, offset=-5, on=True, name="a"):
        tensor[...] = offset if on else 0
        tensor[0, 0, 0, 0] = len(name)

    def behaving(events, tensor, delta_t, downsampling_factor=0, reset=False):
        "Does what the file `how` says."
        address, size = tensor.ctypes.data, tensor.nbytes
        tensor[...] = 7
        match open(HERE + "/how").read():
            case "raise":
                raise LookupError("as told")
            case "quit":
                sys.exit(0)
            case "hang":
                open(HERE + "/hangs", "w").close()
                while True:
                    pass
            case "sleep":
                time.sleep(1000)
            case "exit":
                os._exit(3)
            case "crash":
                ctypes.string_at(8)
            case "before":
                ctypes.memset(address - 1, 0, 1)
            case "behind":
                ctypes.memset(address + size, 0, 1)
            case "far":
                ctypes.memset(address, 1, size + (1 << 17))
            case "closed":
                os.closerange(3, 20)
            case "events":
                ctypes.memset(events.ctypes.data, 255, events.nbytes)
            case "rebound":
                tensor = np.zeros((3, 3), complex)
            case "talk":
                for i in range(5000):
                    print("line", i)
"""

def write_module(folder):
    """my_module.py, with what it counts and is told, in a new folder."""
    folder.mkdir()
    (folder / "my_module.py").write_text(textwrap.dedent(MODULE))
    (folder / "calls").touch()
    (folder / "how").write_text("well")
    return folder


def own(module, name, function, /, **settings):
    """The flags that register a function of the module; what is computed goes to a cache of the test's own."""
    keys = "".join(f",{key}={value}" for key, value in settings.items())
    return ["--register", f"{name}=python:{module}/my_module.py:{function}{keys}", "--python", sys.executable, "--cache", module / "cache"]


def compiled(folder, source, *options):
    library = folder / f"lib{pathlib.Path(source).stem}.so"
    done = subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", f"-I{HEADERS}", "-o", library, source, "-lm", *options],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return library


def read(where, spec, name="evt3"):
    with h5py.File(where / spec / f"{name}.h5") as file:
        return file["data"][:]


def first_frame(where, spec, name="evt3"):
    """The first frame, or the errno of reading it."""
    descriptor = os.open(where / spec / f"{name}.h5", os.O_RDONLY)
    try:
        return os.pread(descriptor, 4096, 4096)
    except OSError as problem:
        return problem.errno
    finally:
        os.close(descriptor)


def calls(module):
    return (module / "calls").stat().st_size


def workers(mount):
    """Ids of the daemon's child processes."""
    found, daemon = [], mount.pid
    for folder in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError, IndexError):
            if folder.name.isdigit() and int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1]) == daemon:
                found.append(int(folder.name))
    return found


def windows(events, window):
    """(events, t0, duration) of every frame."""
    if window.endswith("ev"):
        n = int(window[:-2])
        for start in range(0, len(events) // n * n, n):
            inside = events[start:start + n]
            t0 = int(inside["t"][0])
            yield inside, t0, max(1, int(inside["t"][-1]) - t0)
        return
    period, *rest = window.split(",")
    period = int(period[:-2]) * 1000
    start = int(rest[0].removeprefix("start_ts=")[:-2]) * 1000 if rest else 0
    for t0 in range(start, int(events["t"][-1]), period):
        yield events[(events["t"] >= t0) & (events["t"] < t0 + period)], t0, period


def sums(events, weights, shift, channels):
    """Sums of weights by cell, by way of one number for each cell."""
    width, height = WIDTH >> shift, HEIGHT >> shift
    x, y = events["x"].astype(int) // 2 ** shift, events["y"].astype(int) // 2 ** shift
    keep = (x < width) & (y < height)
    cells = (channels.astype(int) * height + y) * width + x
    return np.bincount(cells[keep], weights[keep], 2 * height * width).reshape(2, height, width)


def weighted(events, t0, duration, shift, threshold=3, decay=0.5):
    counts = sums(events, np.ones(len(events)), shift, events["p"])
    times = sums(events, (events["t"] - t0) / duration, shift, np.zeros(len(events)))[:1]
    return np.concatenate([np.where(counts < threshold, 0, counts) * decay, times])


def mean_time(events, t0, duration, shift, least=1, power=1.0):
    counts = sums(events, np.ones(len(events)), shift, events["p"])
    times = sums(events, (events["t"] - t0).astype(float), shift, events["p"])
    return np.where((counts > 0) & (counts >= least), (times / np.maximum(counts, 1) / duration) ** power, 0)


def decayed(events, t0, duration, shift, decay=0.5, most=5):
    age = (t0 + duration - events["t"]) / duration
    return np.minimum(1, sums(events, np.exp(-age / decay), shift, events["p"]) / most / 4 ** shift)
