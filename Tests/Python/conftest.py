"""Fixtures of the module's tests: its environment, recordings, and a mount of them.

Environment: EVH5 (the binary, default <root>/.build/release/evh5)."""
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import pytest
from toolbox import encoders, scenes
from toolbox.mounting import end_by_force, mounts

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("EVH5", ROOT / ".build/release/evh5")).resolve()
BOX = np.dtype([("ts", "<u8"), ("x", "<f4"), ("y", "<f4"), ("w", "<f4"), ("h", "<f4"), ("class_id", "u1"), ("track_id", "<u4"), ("class_confidence", "<f4")])


def pytest_collection_modifyitems():
    if not os.path.exists("/dev/fuse"):
        raise pytest.UsageError("these tests mount, and there is no /dev/fuse: load it with `modprobe fuse`, or start the container with --device /dev/fuse --cap-add SYS_ADMIN")
    if not BINARY.exists():
        raise pytest.UsageError(f"no evh5 at {BINARY}: build it with `swift build -c release` or set EVH5")


def mounted_below(folder):
    return [where for where, kind in mounts() if kind == "fuse.evh5" and where.startswith(f"{folder}/")]


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory):
    """A home of the tests' own, in which all temporary folders are; at the end nothing is mounted there."""
    folder = pathlib.Path(os.path.realpath(tmp_path_factory.mktemp("home")))
    for name in [name for name in os.environ if name.startswith("EVH5")]:
        del os.environ[name]
    (folder / "tmp").mkdir()
    os.environ.update(EVH5=str(BINARY), HOME=str(folder), XDG_CACHE_HOME=str(folder / "cache"), XDG_STATE_HOME=str(folder / "state"),
                      EVH5_LOG_DIRECTORY=str(folder / "logs"), TMPDIR=str(folder / "tmp"), PYTHONPATH=str(ROOT / "Sources/Python"),
                      PYTHONDONTWRITEBYTECODE="1", MPLCONFIGDIR=str(folder / "matplotlib"), MPLBACKEND="agg", IPYTHONDIR=str(folder / "ipython"))
    (folder / "logs").mkdir()
    tempfile.tempdir = str(folder / "tmp")
    yield folder
    left = mounted_below(folder)
    for where in left:
        end_by_force(where)
    assert not left, "still mounted after all tests"


@pytest.fixture(autouse=True)
def nothing_is_left(home, request):
    """Each test leaves the mounts, the temporary folders and the open files of mounts as they were."""
    before = mounted_below(home), sorted(os.listdir(home / "tmp"))
    yield
    if not {"root"} & set(request.fixturenames):  # made by the first test that needs it, ended with the module
        assert (mounted_below(home), sorted(os.listdir(home / "tmp"))) == before


def boxes(seed, count, last):
    """Labels at random times, in no order."""
    random = np.random.default_rng(seed)
    made = np.zeros(count, BOX)
    made["ts"] = random.integers(0, last, count)
    made["class_id"] = random.integers(0, 3, count)
    made["track_id"] = np.arange(count)
    return made


@pytest.fixture(scope="session")
def recordings(tmp_path_factory):
    """Recordings as data sets have them: a name twice, a folder with labels, one that is short, and one without events."""
    folder = pathlib.Path(os.path.realpath(tmp_path_factory.mktemp("recordings")))
    (folder / "train").mkdir()

    def write(path, format, **scene):
        encoders.write(folder / path, format, scenes.raw_events(format, scenes.scene(**scene)))

    write("a.raw", "evt3", seed=1)
    write("a_td.dat", "dat", seed=2, count=10_000)
    for number in range(6):
        write(f"train/b{number}.raw", "evt3", seed=10 + number, count=8_000, duration=300_000 + 40_000 * number)
        np.save(folder / f"train/b{number}_bbox.npy", boxes(number, 60, 500_000))
    write("short.raw", "evt3", seed=3, count=500, duration=25_000)
    empty = scenes.scene()[:0]
    encoders.write(folder / "empty.raw", "evt3", scenes.raw_events("evt3", empty))
    return folder


@pytest.fixture(scope="module")
def root(recordings, home):
    import evh5

    with evh5.mounted(recordings) as where:
        yield where


@pytest.fixture
def script(tmp_path):
    """script(text, *arguments) -> the finished process of a Python script, which is a file, as inspect needs one."""
    def run(text, *arguments, **options):
        file = tmp_path / "script.py"
        file.write_text(text)
        options.setdefault("timeout", 60)
        return subprocess.run([sys.executable, str(file), *map(str, arguments)], capture_output=True, text=True, stdin=subprocess.DEVNULL, **options)
    return run
