"""Preprocessings of users' own, in Python and as shared libraries: values, caching, misbehaviour."""
import contextlib
import errno
import json
import os
import shutil
import signal
import sys
import textwrap
import time

import h5py
import numpy as np
import pytest

from toolbox import decoders
from toolbox.mounting import gone
from toolbox.programs import Program
from toolbox.users import EXAMPLES, HEIGHT, WIDTH, calls, compiled, decayed, first_frame, mean_time, own, read, weighted, windows, workers

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


def test_uint16(mount, library, module, tmp_path):
    """Numbers beyond a byte: the place of the frame's last event, in Python and as a library."""
    (module / "my_module.py").write_text("def place(events, tensor, delta_t, **_):\n    tensor[0, 0, events['y'][-1], events['x'][-1]] = len(events) + 60000\n")
    (tmp_path / "place.c").write_text(textwrap.dedent("""
        #include <evh5_preprocessing.h>
        static int render(const evh5_frame *frame) {
            const evh5_event *last = &frame->events[frame->event_count - 1];
            ((uint16_t *)frame->tensor)[(size_t)last->y * (size_t)frame->width + last->x] = (uint16_t)(frame->event_count + 60000);
            return 0;
        }
        EVH5_PREPROCESSING = {.abi = EVH5_PREPROCESSING_ABI, .channels = 1, .dtype = EVH5_UINT16, .render = render};
    """))
    m = mount(library, *own(module, "python", "place", channels=1, dtype="uint16"), "--register", f"native=native:{compiled(tmp_path, tmp_path / 'place.c')}")
    events, _ = decoders.decode((library / "evt3.raw").read_bytes())
    expected = np.zeros((3, 1, HEIGHT, WIDTH), np.uint16)
    for frame, last in zip(expected, (999, 1999, 2999)):
        frame[0, events["y"][last], events["x"][last]] = 61000
    for name in ("python", "native"):
        got = read(m, f"{name}/1000ev")
        assert got.dtype == np.uint16 and np.array_equal(got[:3], expected), name


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
