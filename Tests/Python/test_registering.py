"""evh5.register: functions of a script (as of a notebook) and of modules become preprocessings; what cannot is refused."""
import os
import sys

import h5py
import numpy as np
import pytest

import evh5
from evh5 import _registering


@pytest.fixture(autouse=True)
def nothing_registered():
    yield
    _registering._registrations.clear()


SCRIPT = '''
import math
import sys
from os.path import basename as last_part
import helper_beside
import numpy as np
import h5py
import evh5

Pixels = "a variable that only an annotation names"

def weight(t, delta_t, decay) -> Pixels:
    return np.exp(-(delta_t - t) / (decay * delta_t))

@evh5.register(channels=2, dtype=np.float32,
               fractions=True, most=4)
def decayed(events, tensor, delta_t: Pixels, downsampling_factor=0, reset=False, decay=0.5, most=5):
    """The newest count most."""
    def cells(y, x):
        return (y >> downsampling_factor), (x >> downsampling_factor)
    y, x = cells(events["y"], events["x"])
    w = weight(events["t"], delta_t, decay) / most
    np.add.at(tensor[0], (events["p"], y, x), w)
    np.minimum(tensor, math.floor(1.5) + len(last_part("a/")), out=tensor)
    tensor *= helper_beside.ONE

if __name__ == "__main__":
    with evh5.mounted(sys.argv[1]) as root:
        with h5py.File(evh5.path(root, "a.raw", "decayed", "50ms", decay=0.25)) as f:
            np.save(sys.argv[2], f["data"][:])
            print(sorted((k, v.decode() if isinstance(v, bytes) else v) for k, v in f["data"].attrs.items() if k in ("decay", "most", "events_to_tensor")))
        version = lambda: h5py.File(evh5.path(root, "short", "decayed", "50ms"))["data"].attrs["preprocessing_version"]
        first = version()
    evh5.register(decayed, channels=2)
    with evh5.mounted(sys.argv[1]) as root:
        print(first == version())
'''


def test_a_function_of_a_script(recordings, script, tmp_path):
    (tmp_path / "helper_beside.py").write_text("ONE = 1.0\n")
    done = script(SCRIPT, recordings, tmp_path / "out.npy", timeout=120)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "[('decay', np.float64(0.25)), ('events_to_tensor', 'decayed'), ('most', np.int64(4))]"
    assert lines[1] == "True"  # the same source is the same code: the cache's frames are found again
    from toolbox import encoders, scenes

    events = encoders.shifted("evt3", scenes.raw_events("evt3", scenes.scene(seed=1)))
    got = np.load(tmp_path / "out.npy")
    wanted = np.zeros_like(got)
    for number, frame in enumerate(wanted):
        inside = events[events["t"] // 50_000 == number]
        np.add.at(frame, (inside["p"], inside["y"], inside["x"]), np.exp(-(50_000 - (inside["t"] - number * 50_000)) / (0.25 * 50_000)) / 4)
    assert np.allclose(got, np.minimum(wanted, 1), atol=1e-5) and got.max() == 1


REFUSED = {
    "variable": ("scale = 3\ndef f(events, tensor, delta_t, downsampling_factor=0, reset=False):\n    tensor[:] = scale\n", "f uses scale, a variable of the notebook"),
    "variable of a helper": ("scale = [3]\ndef g(t):\n    return t * scale[0]\ndef f(events, tensor, delta_t, downsampling_factor=0, reset=False):\n    tensor[:] = g(1)\n",
                             "g uses scale, a variable of the notebook"),
    "default of an argument": ("scale = 3\ndef f(events, tensor, delta_t, downsampling_factor=0, reset=False, k=scale):\n    pass\n", "f uses scale"),
    "closure": ("def make(scale):\n    def f(events, tensor, delta_t, downsampling_factor=0, reset=False):\n        tensor[:] = scale\n    return f\nf = make(3)\n",
                "f uses scale of the function around it"),
    "lambda": ("f = lambda events, tensor, delta_t, downsampling_factor=0, reset=False: None\nf.__name__ = 'f'\n", "no function with a source"),
    "plain lambda": ("f = lambda events, tensor, delta_t, downsampling_factor=0, reset=False: None\n", "cannot be a name"),
    "undefined": ("def f(events, tensor, delta_t, downsampling_factor=0, reset=False):\n    tensor[:] = nmupy.ones(1)\n", "f uses nmupy, which is not defined"),
    "class": ("class Helper:\n    pass\ndef f(events, tensor, delta_t, downsampling_factor=0, reset=False):\n    Helper()\n", "uses the class Helper of the notebook"),
    "no source": ("exec('def f(events, tensor, delta_t, downsampling_factor=0, reset=False): pass')\n", "source of f cannot be found"),
    "signature": ("def f(events, tensor):\n    pass\n", "cannot be called as f(events, tensor, delta_t"),
    "no default": ("def f(events, tensor, delta_t, downsampling_factor=0, reset=False, *, decay):\n    pass\n", "has no default"),
    "parameter": ("def f(events, tensor, delta_t, downsampling_factor=0, reset=False, decay=None):\n    pass\n", "decay=None: a parameter is"),
    "text like a number": ("def f(events, tensor, delta_t, downsampling_factor=0, reset=False, mode='5'):\n    pass\n", "take this text for a number"),
    "text of a path": ("def f(events, tensor, delta_t, downsampling_factor=0, reset=False, mode='a/b'):\n    pass\n", "a text is 1 to 64"),
    "no function": ("f = print\n", "is no function written in Python"),
}


def test_what_is_refused(script):
    """With a message that says what to do; nothing is registered then."""
    import json

    done = script(f"""
import evh5, json, pathlib, runpy, sys
for name, (text, _) in {REFUSED!r}.items():
    file = pathlib.Path(sys.argv[0]).with_name("cell.py")
    file.write_text(text)
    import linecache; linecache.clearcache()
    exec(compile(text, str(file), "exec"), globals())
    try:
        evh5.register(f, channels=1)
        print(json.dumps([name, None]))
    except (ValueError, TypeError) as problem:
        print(json.dumps([name, str(problem)]))
    for name in ("scale", "g", "f"):
        globals().pop(name, None)
print(json.dumps(evh5.registered()))
""")
    assert done.returncode == 0, done.stderr
    *lines, left = map(json.loads, done.stdout.splitlines())
    assert [name for name, _ in lines] == list(REFUSED) and left == []
    for name, said in lines:
        assert said and REFUSED[name][1] in said, (name, said)


def test_other_wrong_arguments():
    def f(events, tensor, delta_t, downsampling_factor=0, reset=False):
        pass

    for settings in (dict(channels=2, dtype="float64"), dict(channels=2, name="a/b"), dict(channels=2, name="")):
        with pytest.raises(ValueError):
            evh5.register(f, **settings)
    with pytest.raises(TypeError):
        evh5.register(f, channels=2, bogus=1)
    with pytest.raises(KeyError):
        evh5.unregister("f")


MODULE = '''
from . import other
K = 3

def counted(events, tensor, delta_t, downsampling_factor=0, reset=False, gain=1):
    tensor[:] = K * other.ONE * len(events) * gain
'''


def test_a_function_of_a_package(recordings, tmp_path, monkeypatch):
    """It is called by its module, with all that the module has; relative imports too."""
    package = tmp_path / "code" / "my_package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "other.py").write_text("ONE = 1\n")
    (package / "features.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path / "code"))
    from my_package import features

    assert evh5.register(features.counted, channels=1, name="count-3", timeout=5.5) is features.counted
    assert evh5.registered() == ["count-3"]
    with evh5.mounted(recordings, register={"nine": "count-3,gain=3"}) as root:
        with h5py.File(evh5.path(root, "short", "nine", "50ms")) as f:
            assert np.all(f["data"][:] == 9 * 500)
        with h5py.File(evh5.path(root, "short", "count-3", "50ms", gain=2)) as f:
            assert np.all(f["data"][:] == 6 * 500) and f["data"].attrs["events_to_tensor"].decode() == "count-3"
        evh5.unregister("count-3")
        assert evh5.registered() == []
        assert (root / "count-3").exists()  # what is mounted keeps its own
    with evh5.mounted(recordings) as root:
        assert not (root / "count-3").exists()
    for name in [name for name in sys.modules if name.startswith("my_package")]:
        del sys.modules[name]


def test_what_evh5_says_of_it(recordings, tmp_path, monkeypatch):
    """A module that cannot be imported there ends mount with the reason, and nothing is left."""
    (tmp_path / "breaks.py").write_text("import os\nif 'TESTED' not in os.environ: raise RuntimeError('not here')\ndef f(events, tensor, delta_t, downsampling_factor=0, reset=False): pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("TESTED", "1")
    import breaks

    evh5.register(breaks.f, channels=1)
    monkeypatch.delenv("TESTED")
    with pytest.raises(evh5.Error, match="not here") as caught:
        evh5.mount(recordings)
    assert caught.value.code in (64, 78)


def test_errors_of_a_frame(recordings, script):
    done = script('''
import evh5, h5py, sys
@evh5.register(channels=1)
def broken(events, tensor, delta_t, downsampling_factor=0, reset=False):
    raise ValueError("no luck")
with evh5.mounted(sys.argv[1]) as root:
    with h5py.File(evh5.path(root, "short", "broken", "50ms")) as f:
        try:
            f["data"][0]
        except OSError as problem:
            print("EIO" if "errno = 5" in str(problem) else problem)
    print(any("no luck" in line["text"] for line in evh5.status(root)["log"]["last"]))
''', recordings)
    assert done.stdout.split() == ["EIO", "True"], done.stderr


def test_the_python_that_runs_it(recordings, script, tmp_path):
    """This one, unless a setting names another."""
    fake = tmp_path / "no-python"
    fake.write_text("#!/bin/sh\necho this is none >&2\nexit 1\n")
    fake.chmod(0o755)
    text = '''
import evh5, sys
@evh5.register(channels=1)
def f(events, tensor, delta_t, downsampling_factor=0, reset=False):
    tensor[:] = 1
settings = {"python": sys.argv[2]} if len(sys.argv) > 2 else {}
try:
    with evh5.mounted(sys.argv[1], **settings) as root:
        print("mounted")
except evh5.Error as problem:
    print("Error")
'''
    none = {**os.environ, "PATH": str(tmp_path)}  # no python3 there
    assert script(text, recordings, env={**none, "PATH": f"{tmp_path}:/usr/bin:/bin"}).stdout.strip() == "mounted"
    assert script(text, recordings, fake).stdout.strip() == "Error"
    assert script(text, recordings, env={**os.environ, "EVH5_PYTHON": str(fake)}).stdout.strip() == "Error"
