"""Fixtures: the binary, mounts that always end, recordings to read, and the project's shared recordings when present.

Environment: EVH5 (the binary, default <root>/.build/release/evh5), EVH5_SHARED (default ../shared beside the project)."""
import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile

import pytest

from toolbox import encoders, scenes, triggers, users
from toolbox.mounting import Binary, Mount, is_mounted

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("EVH5", ROOT / ".build/release/evh5")).resolve()
SHARED = pathlib.Path(os.environ.get("EVH5_SHARED", ROOT.parent / "shared")).resolve()


def pytest_configure(config):
    config.largest_differences = {}
    config.measured = []


def pytest_collection_modifyitems(config, items):
    if all("test_toolbox" in item.nodeid for item in items):
        return
    if not os.path.exists("/dev/fuse"):
        raise pytest.UsageError("these tests mount, and there is no /dev/fuse: load it with `modprobe fuse`, or start the container with --device /dev/fuse --cap-add SYS_ADMIN")
    if not BINARY.exists():
        raise pytest.UsageError(f"no evh5 at {BINARY}: build it with `swift build -c release` or set EVH5")


def pytest_terminal_summary(terminalreporter, config):
    if config.largest_differences:
        terminalreporter.section("largest differences of tensors read through the mount")
        for what, value in sorted(config.largest_differences.items()):
            terminalreporter.write_line(f"{value:.3g}  {what}")
    if config.measured:
        terminalreporter.section("measured")
        for line in config.measured:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def guard():
    """A process that ends hung mounts; see toolbox/mounting.py."""
    process = subprocess.Popen([sys.executable, "-m", "toolbox.mounting"], cwd=pathlib.Path(__file__).parent, stdin=subprocess.PIPE)

    def tell(line):
        process.stdin.write(os.fsencode(line) + b"\n")
        process.stdin.flush()

    yield tell
    process.stdin.close()
    process.wait(60)


@pytest.fixture(autouse=True)
def budget(request, guard):
    marker = request.node.get_closest_marker("budget")
    guard(f"begin {marker.args[0] if marker else 60}")
    yield
    guard("begin 40")  # for taking down what the test put up; the next test sets its own


@pytest.fixture(scope="session")
def evh5(tmp_path_factory):
    return Binary(BINARY, tmp_path_factory.mktemp("home"))


def _mounts(binary, folder, tell):
    made = []

    def mount(source, *arguments, start=True, **options):
        number = len(made)
        point = options.pop("point", None) or folder / f"mnt{number}"
        point.mkdir(exist_ok=True)
        logs = folder / f"logs{number}"
        logs.mkdir()
        options.setdefault("on_start", lambda where: tell(f"mount {where}"))
        options.setdefault("on_stop", lambda where: tell(f"gone {where}"))
        one = Mount(options.pop("binary", binary), source, point, logs, *arguments, **options)
        made.append(one)
        return one.start() if start else one

    def end():
        problems = []
        for one in reversed(made):
            if is_mounted(one.point) or one.process:
                try:
                    one.stop()
                except AssertionError as problem:
                    problems.append(str(problem))
        assert not problems, "\n".join(problems)

    return mount, end


@pytest.fixture
def mount(evh5, tmp_path, guard):
    """mount(source, *arguments) -> Mount, ended with the test."""
    make, end = _mounts(evh5, tmp_path, guard)
    yield make
    end()


@pytest.fixture(scope="module")
def module_mount(evh5, tmp_path_factory, guard):
    """As `mount`, ended with the module."""
    make, end = _mounts(evh5, tmp_path_factory.mktemp("mounts"), guard)
    yield make
    guard("begin 40")
    end()


@pytest.fixture
def source(tmp_path):
    """An empty folder to put recordings in."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    return folder


@pytest.fixture
def store(tmp_path):
    """Where a store of sidecars can be made: in memory if there is such a folder, as commits wait for the disk's syncs. Tests that are about
    the disk use tmp_path."""
    memory = pathlib.Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path / "store"
        return
    with tempfile.TemporaryDirectory(prefix="evh5-test-", dir=memory, ignore_cleanup_errors=True) as folder:
        yield pathlib.Path(folder) / "store"


@pytest.fixture(scope="session")
def small():
    """The events that most tests use: 64x48, 0.4 s, 20 000 events."""
    return scenes.scene()


@pytest.fixture(scope="session")
def shared():
    if not (SHARED / "recordings").is_dir():
        pytest.skip(f"no shared recordings at {SHARED} (set EVH5_SHARED)")
    return SHARED


def _module(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    spec.loader.exec_module(module)
    sys.dont_write_bytecode = before
    return module


@pytest.fixture(scope="session")
def shared_reference(shared):
    """The project's arbiter for tensor values."""
    return _module(shared / "reference/reference_tensors.py")


@pytest.fixture(scope="session")
def shared_representations(shared):
    """The project's arbiter for the inputs of models, and for windows."""
    return _module(shared / "reference/reference_representations.py")


@pytest.fixture(scope="session")
def differ(pytestconfig):
    """differ(what, got, expected) -> the largest absolute difference, remembered for the summary."""
    import numpy as np

    def largest(what, got, expected):
        assert got.shape == expected.shape, f"{what}: shape {got.shape} instead of {expected.shape}"
        value = float(np.max(np.abs(got.astype(np.float64) - expected.astype(np.float64)), initial=0))
        known = pytestconfig.largest_differences
        known[what] = max(known.get(what, 0), value)
        return value

    return largest


@pytest.fixture(scope="session")
def measured(pytestconfig):
    return pytestconfig.measured.append


@pytest.fixture(scope="session")
def library(tmp_path_factory, small):
    """A folder with the small scene in every format, <format>.raw or .dat, 64x48."""
    folder = tmp_path_factory.mktemp("library")
    for format in encoders.FORMATS:
        encoders.write(folder / f"{format}.{encoders.EXTENSION[format]}", format, scenes.raw_events(format, small))
    return folder


@pytest.fixture(scope="session")
def shown(small):
    """format -> the events of the library's recording as a reader must show them."""
    return {format: encoders.shifted(format, scenes.raw_events(format, small)) for format in encoders.FORMATS}


@pytest.fixture(scope="session")
def put_in(small):
    """format -> the triggers that the encoder put into the library's recording."""
    return {format: triggers.triggers_of(format, encoders.payload(format, scenes.raw_events(format, small))) for format in encoders.FORMATS}


@pytest.fixture
def module(tmp_path):
    """The folder of my_module.py."""
    return users.write_module(tmp_path / "code")
