"""Preprocessings of users' own, in Python and as shared libraries: values, caching, misbehaviour, registration."""
import contextlib
import errno
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import textwrap
import time

import h5py
import numpy as np
import pytest

from toolbox import decoders
from toolbox.mounting import gone
from toolbox.programs import Program

ROOT = pathlib.Path(__file__).resolve().parents[2]
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


@pytest.fixture
def module(tmp_path):
    """The folder of my_module.py."""
    folder = tmp_path / "code"
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


CASES = [("", "50ms", {}, 0), (",threshold=5", "20ms", dict(threshold=5), 0), (",decay=0.25,threshold=2", "100ms,start_ts=30ms", dict(decay=0.25, threshold=2), 0),
         ("", "1000ev", {}, 0), (",downsample=4", "50ms", {}, 2), (",height=24,width=32,decay=1", "3000ev", dict(decay=1), 1), (",downsample=32", "50ms", {}, 5)]


@pytest.mark.parametrize("format", ["evt3", "evt2", "dat"])
def test_a_python_function_against_numpy(mount, library, module, format):
    m = mount(library, *own(module, "mine", "weighted", channels=3, threshold=3, decay=0.5))
    file = next(library.glob(f"{format}.*"))
    events, _ = decoders.decode(file.read_bytes())
    for keys, window, values, shift in CASES:
        got = read(m, f"mine{keys}/{window}", format)
        expected = np.stack([weighted(*frame, shift, **values) for frame in windows(events, window)])
        assert got.dtype == np.float32 and got.shape == expected.shape, (keys, window)
        np.testing.assert_allclose(got, expected, atol=2e-5, rtol=5e-6, err_msg=f"{keys} {window}")  # sums of float32
        assert np.array_equal(got[:, :2], expected[:, :2].astype(np.float32))


@pytest.mark.parametrize("format", ["evt3", "evt21", "dat"])
def test_a_library_against_numpy(mount, library, tmp_path, format):
    m = mount(library, "--register", f"mean=native:{compiled(tmp_path, EXAMPLES / 'mean_time.c')}")
    events, _ = decoders.decode(next(library.glob(f"{format}.*")).read_bytes())
    for keys, window, values, shift in [("", "50ms", {}, 0), (",least=3", "20ms", dict(least=3), 0), (",least=2,power=0.5", "1000ev", dict(least=2, power=0.5), 0),
                                        (",downsample=2", "100ms,start_ts=30ms", {}, 1), (",downsample=32", "50ms", {}, 5)]:
        got = read(m, f"mean{keys}/{window}", format)
        expected = np.stack([mean_time(*frame, shift, **values) for frame in windows(events, window)])
        np.testing.assert_allclose(got, expected, atol=1e-6, rtol=0, err_msg=f"{keys} {window}")
    stored = read(m, "mean,dtype=uint8/50ms", format)
    exact = read(m, "mean/50ms", format)
    assert stored.dtype == np.uint8 and np.array_equal(stored, np.around(255 * exact).astype(np.uint8))


def test_the_example_in_python(mount, library, tmp_path):
    m = mount(library, "--register", f"decayed=python:{EXAMPLES}/decayed.py:decayed,channels=2,fractions=true,decay=0.5,most=5", "--python", sys.executable,
              "--cache", tmp_path / "cache")
    events, _ = decoders.decode((library / "evt3.raw").read_bytes())
    for keys, values, shift in [("", {}, 0), (",decay=0.2,most=9", dict(decay=0.2, most=9), 0), (",downsample=2", {}, 1)]:
        expected = np.stack([decayed(*frame, shift, **values) for frame in windows(events, "50ms")])
        np.testing.assert_allclose(read(m, f"decayed{keys}/50ms"), expected, atol=2e-6, rtol=0)


def test_what_a_function_is_given(mount, library, module):
    (module / "my_module.py").write_text(textwrap.dedent("""
        import json, os
        import numpy as np
        def look(events, tensor, delta_t, downsampling_factor=0, reset=False, **kwargs):
            said = dict(names=events.dtype.names, formats=[events.dtype[n].str for n in events.dtype.names], size=events.dtype.itemsize,
                        offsets=[events.dtype.fields[n][1] for n in events.dtype.names], shape=tensor.shape, type=str(tensor.dtype), zero=bool((tensor == 0).all()),
                        delta_t=delta_t, factor=downsampling_factor, reset=reset, kwargs={k: [type(v).__name__, v] for k, v in kwargs.items()},
                        writeable=[events.flags.writeable, tensor.flags.writeable], contiguous=tensor.flags.c_contiguous)
            open(os.path.dirname(__file__) + "/said", "w").write(json.dumps(said))
    """))
    m = mount(library, *own(module, "look", "look", channels=4, dtype="uint8", a=1, b=1.0, c="true", d="text", e=-2, f=-0.5, g=1e3))
    read(m, "look,downsample=4,b=2,d=a.b:c/100ms")
    said = json.loads((module / "said").read_text())
    assert said == dict(names=["x", "y", "p", "t"], formats=["<u2", "<u2", "<i2", "<i8"], size=16, offsets=[0, 2, 4, 8], shape=[1, 4, 12, 16], type="uint8", zero=True,
                        delta_t=100000, factor=2, reset=True, writeable=[True, True], contiguous=True,
                        kwargs=dict(a=["int", 1], b=["float", 2.0], c=["bool", True], d=["str", "a.b:c"], e=["int", -2], f=["float", -0.5], g=["float", 1000.0]))


def test_types_and_attributes(mount, library, module):
    m = mount(library, *own(module, "signed", "signed", channels=1, dtype="int8", offset=-5, on="true", name="a"),
              *own(module, "last", "last", channels=1, dtype="uint8")[:2])
    with h5py.File(m / "signed,name=abc/50ms/evt3.h5") as file:
        data, attributes = file["data"], file["data"].attrs
        assert data.dtype == np.int8 and data[1, 0, 0].tolist() == [3] + [-5] * (WIDTH - 1)
        assert attributes["events_to_tensor"].decode() == "signed" and attributes["name"] == "abc"
        assert attributes["offset"].dtype == np.int64 and attributes["offset"] == -5 and attributes["on"].dtype == bool and attributes["on"]
        assert len(attributes["preprocessing_version"]) == 32 and attributes["shape"].tolist() == [1, HEIGHT, WIDTH]
    assert read(m, "signed,on=false/50ms")[0, 0, 1, 1] == 0
    # One spelling is canonical, the others are links to it.
    assert os.readlink(m / "signed,offset=-5") == "signed" and os.readlink(m / "signed,on=1,offset=3") == "signed,offset=3"
    for wrong in ("signed,offset=1.5", "signed,on=maybe", "signed,nothing=1", "signed,dtype=uint8", "signed,dtype=float32"):
        assert not (m / wrong).exists(), wrong
    events, _ = decoders.decode((library / "evt3.raw").read_bytes())
    inside = events[events["t"] < 50_000]
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    for x, y, p, _ in inside.tolist():
        expected[y, x] = 2 if p else 255
    assert np.array_equal(read(m, "last/50ms")[0, 0], expected)


def test_fractions_are_checked_when_stored_as_bytes(mount, library, module):
    m = mount(library, *own(module, "f", "behaving", channels=1, fractions="true"))
    assert read(m, "f/50ms").max() == 7
    assert first_frame(m, "f,dtype=uint8/50ms") == errno.EIO
    m.wait_for_log("preprocessing 'f'", "registered with fractions, but a value is 7.0")


def test_from_memory_and_from_cache(mount, library, module):
    arguments = own(module, "mine", "weighted", channels=3, threshold=3, decay=0.5)
    first = mount(library, *arguments)
    expected = read(first, "mine/50ms")
    assert calls(module) == len(expected)
    assert np.array_equal(read(first, "mine/50ms"), expected) and calls(module) == len(expected)
    first.stop()
    second = mount(library, *arguments)
    assert np.array_equal(read(second, "mine/50ms"), expected) and calls(module) == len(expected)
    read(second, "mine,threshold=4/50ms")
    assert calls(module) == 2 * len(expected)


def test_a_changed_source_is_another_preprocessing(mount, library, module, tmp_path):
    arguments = [*own(module, "mine", "weighted", channels=3, threshold=3, decay=0.5), "--sidecars", tmp_path / "store"]
    first = mount(library, *arguments, "--preprocessing-workers", "3")
    with h5py.File(first / "mine/50ms/evt3.h5", "r+") as file:
        expected, version = file["data"][:], file["data"].attrs["preprocessing_version"]
        file["added"] = [1, 2, 3]
    source = (module / "my_module.py").read_text()
    (module / "my_module.py").write_text(source.replace("tensor *= decay", "tensor *= -decay"))
    # What is mounted stays what it was, also in workers that begin now.
    for pid in workers(first):
        os.kill(pid, signal.SIGKILL)
    assert first_frame(first, "mine/20ms") == errno.EIO  # the worker that was killed
    assert read(first, "mine/100ms")[:, :2].min() == 0
    first.stop()
    before = calls(module)
    second = mount(library, *arguments)
    with h5py.File(second / "mine/50ms/evt3.h5") as file:
        assert file["data"].attrs["preprocessing_version"] not in ("", version)
        assert np.array_equal(file["data"][:, :2], -expected[:, :2]) and np.array_equal(file["data"][:, 2], expected[:, 2])
        assert file["added"][:].tolist() == [1, 2, 3]
    assert calls(module) == before + len(expected)
    second.stop()
    # Back again: the first frames are still in the cache.
    (module / "my_module.py").write_text(source)
    third = mount(library, *arguments)
    assert np.array_equal(read(third, "mine/50ms"), expected) and calls(module) == before + len(expected)


def test_a_changed_library_is_another_preprocessing(mount, library, tmp_path):
    source = tmp_path / "mean.c"
    shutil.copy(EXAMPLES / "mean_time.c", source)
    arguments = ["--register", f"mean=native:{compiled(tmp_path, source)}", "--cache", tmp_path / "cache"]
    first = mount(library, *arguments)
    expected = read(first, "mean/50ms")
    source.write_text(source.read_text().replace("= (float)pow(", "= 1 - (float)pow("))
    # Written over in place: workers have a copy.
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "libmean.so").write_bytes(compiled(elsewhere, source).read_bytes())
    for pid in workers(first):
        os.kill(pid, signal.SIGKILL)
    assert first_frame(first, "mean/20ms") == errno.EIO
    assert read(first, "mean/100ms").shape[0] > 0
    old = read(first, "mean,power=1/50ms")
    assert np.array_equal(old, expected)
    first.stop()
    second = mount(library, *arguments)
    got = read(second, "mean/50ms")
    assert np.array_equal(got[expected > 0], (1 - expected)[expected > 0])


@pytest.mark.parametrize("how, said", [
    ("raise", "LookupError: as told"), ("quit", "SystemExit: 0"), ("exit", "ended with exit code 3"), ("crash", "killed by signal 11"), ("hang", "did not finish within 1.0 s"),
    ("sleep", "did not finish within 1.0 s"), ("before", "wrote outside of its tensor"), ("behind", "wrote outside of its tensor"), ("far", "killed by signal 11"),
    ("closed", "preprocessing 'bad'"),
])
def test_misbehaviour_costs_a_frame(mount, library, module, how, said):
    m = mount(library, *own(module, "bad", "behaving", channels=1, timeout="1s"), *own(module, "good", "weighted", channels=3, threshold=3, decay=0.5)[:2])
    (module / "how").write_text(how)
    assert first_frame(m, "bad/50ms") == errno.EIO
    m.wait_for_log("error", "read: 'evt3.raw': frame 0: preprocessing 'bad'", said)
    if how in ("raise", "crash", "hang", "sleep"):
        m.wait_for_log("my_module.py", "in behaving")  # where it was
    read(m, "good/50ms")
    assert read(m, "histo/50ms").max() > 0
    # The same frame again: it was not remembered, and another worker is there.
    (module / "how").write_text("well")
    assert read(m, "bad/50ms").min() == read(m, "bad/50ms").max() == 7


@pytest.mark.parametrize("how", ["events", "rebound", "talk"])
def test_what_is_harmless(mount, library, module, how):
    m = mount(library, *own(module, "bad", "behaving", channels=1))
    (module / "how").write_text(how)
    assert (read(m, "bad/50ms") == 7).all()
    if how == "talk":
        m.wait_for_log("preprocessing 'bad' says: line 7")
        assert m.log().count("says: line") <= 200 * 8 * 2


def test_misbehaviour_of_a_library(mount, library, tmp_path):
    (tmp_path / "bad.c").write_text(textwrap.dedent(f"""
        #define _GNU_SOURCE
        #include <evh5_preprocessing.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <unistd.h>
        static int render(const evh5_frame *frame)
        {{
            char how[16] = "";
            FILE *file = fopen("{tmp_path}/how", "r");
            if (file == NULL || fscanf(file, "%15s", how) != 1) return 2;
            fclose(file);
            unsigned char *tensor = frame->tensor;
            const size_t size = (size_t)frame->channels * (size_t)frame->height * (size_t)frame->width;
            memset(tensor, 7, size);
            if (!strcmp(how, "raise")) {{ snprintf(frame->error, frame->error_size, "as told, %zu events", frame->event_count); return 1; }}
            if (!strcmp(how, "hang")) for (volatile int i = 0;;) i++;
            if (!strcmp(how, "exit")) exit(4);
            if (!strcmp(how, "crash")) raise(11);
            if (!strcmp(how, "before")) tensor[-1] = 0;
            if (!strcmp(how, "behind")) tensor[size] = 0;
            if (!strcmp(how, "far")) memset(tensor, 1, size + (1 << 17));
            return 0;
        }}
        EVH5_PREPROCESSING = {{.abi = EVH5_PREPROCESSING_ABI, .channels = 1, .dtype = EVH5_UINT8, .render = render}};
    """).replace("#include <stdio.h>", "#include <signal.h>\n#include <stdio.h>"))
    m = mount(library, "--register", f"bad=native:{compiled(tmp_path, tmp_path / 'bad.c')},timeout=1s", "--cache", tmp_path / "cache")
    for how, said in [("raise", "as told, "), ("hang", "did not finish within 1.0 s"), ("exit", "ended with exit code 4"), ("crash", "killed by signal 11"),
                      ("before", "wrote outside of its tensor"), ("behind", "wrote outside of its tensor"), ("far", "killed by signal 11")]:
        (tmp_path / "how").write_text(how)
        assert first_frame(m, "bad/50ms") == errno.EIO, how
        m.wait_for_log("error", "preprocessing 'bad'", said)
    (tmp_path / "how").write_text("well")
    assert (read(m, "bad/50ms") == 7).all()


def test_one_that_hangs_does_not_keep_others_waiting(mount, library, module):
    """More readers than workers and cores wait for a function that hangs for a minute; what others read is there before."""
    m = mount(library, *own(module, "bad", "behaving", channels=1), *own(module, "good", "weighted", channels=3, threshold=3, decay=0.5)[:2], "--max-cache-size", "0")
    (module / "how").write_text("hang")
    with contextlib.ExitStack() as programs:
        stuck = [programs.enter_context(Program()) for _ in range(2 * os.cpu_count() + 2)]
        for i, program in enumerate(stuck):
            program.begin("h5py.File(path)['data'][i]", dict(path=str(m / f"bad/{10 + i}ms/evt3.h5"), i=i))
        while not (module / "hangs").exists():
            time.sleep(0.05)
        for program in [programs.enter_context(Program()) for _ in range(3)]:
            for spec in ("histo/50ms", "good/50ms", "timesurface/20ms"):
                assert program.do("h5py.File(path)['data'][:].shape[0]", path=str(m / spec / "evt2.h5")) > 0
        assert all(program.process.poll() is None for program in stuck)
        assert "did not finish" not in m.log()
        pids = workers(m)
        # The daemon is killed while they hang: no worker stays.
        os.kill(m.pid, signal.SIGKILL)
        assert pids and all(gone(pid) for pid in pids)


def test_no_worker_stays_after_unmounting(mount, library, module, tmp_path):
    m = mount(library, *own(module, "mine", "weighted", channels=3, threshold=3, decay=0.5), "--register",
              f"mean=native:{compiled(tmp_path, EXAMPLES / 'mean_time.c')}")
    read(m, "mine/10ms"), read(m, "mean/10ms")
    pids = workers(m)
    assert len(pids) >= 2
    m.stop()
    assert all(gone(pid) for pid in pids)


def test_the_mount_ends_while_a_function_hangs(mount, library, module):
    m = mount(library, *own(module, "bad", "behaving", channels=1, timeout="1000s"))
    (module / "how").write_text("hang")
    with Program() as program:
        program.begin("h5py.File(path)['data'][0]", dict(path=str(m / "bad/50ms/evt3.h5")))
        pid = m.pid
        while not (module / "hangs").exists():
            time.sleep(0.05)
        pids = workers(m)
        os.kill(pid, signal.SIGTERM)
        assert gone(pid, 30) and pids and all(gone(worker) for worker in pids)


def test_workers_that_cannot_be_replaced(mount, library, module, tmp_path):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nexec {sys.executable} \"$@\"\n")
    python.chmod(0o755)
    m = mount(library, *own(module, "bad", "behaving", channels=1)[:2], "--python", python, "--cache", tmp_path / "cache")
    (module / "how").write_text("exit")
    assert first_frame(m, "bad/50ms") == errno.EIO
    python.unlink()
    (module / "how").write_text("well")
    assert first_frame(m, "bad/50ms") == errno.EIO
    m.wait_for_log("preprocessing 'bad': cannot start", str(python))
    assert read(m, "histo/50ms").max() > 0
    python.write_text(f"#!/bin/sh\nexec {sys.executable} -I -S \"$@\"\n")
    python.chmod(0o755)
    assert first_frame(m, "bad/50ms") == errno.EIO
    m.wait_for_log("preprocessing 'bad'", "numpy cannot be imported")


def test_the_config_file(mount, library, module, tmp_path):
    package = module / "tools"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "helper.py").write_text("SCALE = 4\n")
    (package / "frames.py").write_text(textwrap.dedent("""
        from .helper import SCALE
        class Frames:
            @staticmethod
            def scaled(events, tensor, delta_t, downsampling_factor=0, reset=False, factor=1.0):
                tensor[...] = SCALE * factor
    """))
    config = tmp_path / "mount.yaml"
    config.write_text(textwrap.dedent(f"""
        python: {sys.executable}
        preprocessing-workers: 1
        preprocessings:
          histo10: histo,max_incr_per_pixel=10
          mine: {{python: "my_module:weighted", path: code, channels: 3, kwargs: {{threshold: 3, decay: 0.5}}, timeout: 30s, summary: my own}}
          same:
            python: my_module:weighted
            path: code/my_module.py
            channels: 3
            kwargs:
              threshold: 1
          mine5: mine,threshold=5
          packaged: {{python: "tools.frames:Frames.scaled", path: {module}, channels: 1, kwargs: {{factor: 2.0}}}}
          mean: {{native: {compiled(tmp_path, EXAMPLES / 'mean_time.c').name}, kwargs: {{least: 2}}}}
    """))
    m = mount(library, "--config-file", config, "--cache", tmp_path / "cache", "--register", "more=mine5,decay=2")
    assert set(os.listdir(m.point)) > {"histo10", "mine", "same", "mine5", "packaged", "mean", "more"}
    assert np.array_equal(read(m, "mine5/50ms"), read(m, "mine,threshold=5/50ms"))
    assert np.array_equal(read(m, "more/50ms"), read(m, "mine,decay=2,threshold=5/50ms"))
    assert (read(m, "packaged/50ms") == 8).all() and (read(m, "packaged,factor=0.5/50ms") == 2).all()
    with h5py.File(m / "mean/50ms/evt3.h5") as file:
        assert file["data"].attrs["least"] == 2 and file["data"].attrs["power"] == 1.0
    assert read(m, "same/50ms").shape[1] == 3


@pytest.mark.parametrize("register, said", [
    ("mine=python:{module}/nothing.py:f,channels=1", "cannot read '{module}/nothing.py'"),
    ("mine=python:no_such_module:f,channels=1", "there is no module 'no_such_module'"),
    ("mine=python:{module}/my_module.py:nothing,channels=1", "has no 'nothing'"),
    ("mine=python:{module}/my_module.py:HERE,channels=1", "is no function"),
    ("mine=python:{module}/my_module.py:behaving,channels=1,foo=3", "cannot be called as behaving(events, tensor, delta_t, downsampling_factor=..., reset=..., foo=...)"),
    ("mine=python:{module}/my_module.py:weighted", "say how many channels its tensor has"),
    ("mine=python:{module}/my_module.py:weighted,channels=0", "channels are a number from 1 to 1024"),
    ("mine=python:{module}/my_module.py:weighted,channels=1,dtype=complex64", "types are float32, uint8, int8"),
    ("mine=python:{module}/my_module.py:weighted,channels=1,dtype=int8,fractions=true", "fractions=true is for float32"),
    ("mine=python:{module}/my_module.py:weighted,channels=1,timeout=soon", "a timeout is a time such as 30s"),
    ("mine=python:{module}/my_module.py:weighted,channels=1,delta_t=3", "a parameter cannot be called \"delta_t\""),
    ("mine=python:{module}/my_module.py,channels=1", "is not of the form module:function"),
    ("mine=python:{module}/broken.py:f,channels=1", "SyntaxError"),
    ("mine=python:{module}/raising.py:f,channels=1", "ZeroDivisionError"),
    ("mine=native:{module}/nothing.so", "cannot read '{module}/nothing.so'"),
    ("mine=native:{module}/my_module.py", "cannot load"),
    ("mine=native:{module}/libold.so", "is made for version 77 of evh5_preprocessing.h"),
    ("mine=native:{module}/libold.so:other", "has no symbol other"),
    ("mine=native:{module}/libold.so:nobody,nothing=3", "has no symbol nobody"),
    ("mine=native:{module}/libmean_time.so,foo=3", "the library has no parameter foo; it has least, power"),
    ("mine=native:{module}/libmean_time.so,least=2.5", "least=2.5: least must be an integer"),
    ("mine=native:{module}/libmean_time.so,channels=2", "are what the library says"),
    ("mine=nonsense", "there is no preprocessing \"nonsense\""),
    ("mine", "is not of the form name=preprocessing"),
    ("histo=python:{module}/my_module.py:weighted,channels=1", "\"histo\" is taken"),
])
def test_what_cannot_be_registered_cannot_be_mounted(evh5, library, module, tmp_path, register, said):
    (module / "broken.py").write_text("def f(:\n")
    (module / "raising.py").write_text("1 / 0\n")
    (module / "old.c").write_text("#include <evh5_preprocessing.h>\nEVH5_PREPROCESSING = {.abi = 77};\n")
    compiled(module, module / "old.c", "-Wno-missing-field-initializers")
    compiled(module, EXAMPLES / "mean_time.c")
    point = tmp_path / "point"
    point.mkdir()
    done = evh5.run("mount", library, point, "--register", register.format(module=module), "--python", sys.executable)
    assert done.returncode == 64 and said.format(module=module) in done.stderr, done.stderr
    assert not os.path.ismount(point)


@pytest.mark.parametrize("python, said", [("/nowhere/python", "cannot start /nowhere/python: No such file or directory"), ("{here}/python", "numpy cannot be imported by")])
def test_a_python_that_will_not_do(evh5, library, module, tmp_path, python, said):
    wrapper = tmp_path / "python"
    wrapper.write_text(f"#!/bin/sh\nexec {sys.executable} -I -S \"$@\"\n")
    wrapper.chmod(0o755)
    (tmp_path / "point").mkdir()
    config = tmp_path / "c.yaml"
    config.write_text(f"python: {python.format(here=tmp_path)}\npreprocessings:\n  mine: {{python: 'my_module:weighted', path: code, channels: 3}}\n")
    done = evh5.run("mount", library, tmp_path / "point", "--config-file", config)
    assert done.returncode == 78 and said in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_generate(evh5, mount, library, module, tmp_path):
    """Real files with the same tensors and attributes; none of what a function failed at."""
    registered = [*own(module, "mine", "weighted", channels=3, threshold=3, decay=0.5), *own(module, "bad", "behaving", channels=1)[:2],
                  "--register", f"mean=native:{compiled(tmp_path, EXAMPLES / 'mean_time.c')}"]
    m = mount(library, *registered)
    for spec in ("mine", "mine,threshold=5,downsample=2", "mean,least=2", "mean,dtype=uint8"):
        out = tmp_path / spec
        evh5.run("generate", library / "evt3.raw", library / "evt2.raw", "-o", out, "--preprocess", spec, "--delta-t", "20ms", *registered, check=0)
        for name in ("evt3", "evt2"):
            with h5py.File(out / f"{name}.h5") as made, h5py.File(m / spec / "20ms" / f"{name}.h5") as virtual:
                assert made["data"].dtype == virtual["data"].dtype and made["data"][:].tobytes() == virtual["data"][:].tobytes()
                assert made["data"].attrs["preprocessing_version"] == virtual["data"].attrs["preprocessing_version"]
                assert set(made["data"].attrs) == set(virtual["data"].attrs)
    (module / "how").write_text("raise")
    done = evh5.run("generate", library / "evt3.raw", "-o", tmp_path / "none", "--preprocess", "bad", *registered, check=3)
    assert "LookupError: as told" in done.stderr and "my_module.py" in done.stderr and not list((tmp_path / "none").glob("*.h5"))
    evh5.run("generate", library / "evt3.raw", "-o", tmp_path / "none", "--register", "mine=python:nothing:f", check=64)


def test_generate_ends_while_a_function_hangs(evh5, library, module, tmp_path):
    (module / "how").write_text("hang")
    running = evh5.start("generate", library / "evt3.raw", "-o", tmp_path / "out", "--preprocess", "bad", *own(module, "bad", "behaving", channels=1, timeout="1000s"))
    try:
        while not (module / "hangs").exists():
            assert running.poll() is None
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        assert running.wait(30) == -signal.SIGINT and not list((tmp_path / "out").glob("*.h5"))
    finally:
        running.kill()
        running.stdout.close()


def test_exporting_what_was_added(evh5, mount, library, module, tmp_path):
    config = tmp_path / "mount.yaml"
    config.write_text(f"python: {sys.executable}\nsidecars: {tmp_path / 'store'}\ncache: {tmp_path / 'cache'}\npreprocessings:\n"
                      "  mine: {python: 'my_module:weighted', path: code, channels: 3, kwargs: {threshold: 3, decay: 0.5}}\n")
    m = mount(library, "--config-file", config, "--sidecars", tmp_path / "store")
    with h5py.File(m / "mine,decay=2/50ms/evt3.h5", "r+") as file:
        file["added"] = [1, 2]
        expected = file["data"][:]
    m.stop()
    evh5.run("sidecar", "export", library / "evt3.raw", "--config-file", config, "--sidecars", tmp_path / "store", "-o", tmp_path / "out.h5", "--with-tensor", check=0)
    with h5py.File(tmp_path / "out.h5") as file:
        assert file["added"][:].tolist() == [1, 2] and np.array_equal(file["data"][:], expected)


def test_preview(evh5, library, module, tmp_path):
    done = evh5.run("preview", library / "evt3.raw", "-o", tmp_path / "out.png", "--preprocess", "mine,threshold=2", "--json",
                    *own(module, "mine", "weighted", channels=3, threshold=3, decay=0.5), check=0)
    assert "mine" in done.stdout and (tmp_path / "out.png").stat().st_size > 1000 and calls(module) == 8
