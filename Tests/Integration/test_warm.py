"""`evh5 warm`: everything is stored when it says so, at whatever pace the disk has; and what it says when it cannot."""
import json
import os

import h5py
import pytest

from toolbox import encoders, scenes


def warm(evh5, *arguments, check=0):
    return json.loads(evh5.run("warm", *arguments, "--json", check=check, timeout=100).stdout)


def entries(cache):
    return [file for file in (cache / "frames").rglob("*") if file.is_file()]


@pytest.fixture
def many(source):
    """30 recordings of 64x48 and 0.4 s."""
    for n in range(30):
        encoders.write(source / f"folder{n % 3}/r{n}.raw", "evt3", scenes.scene(count=3000, seed=n))
    return source


@pytest.mark.budget(150)
def test_all_small_frames_are_stored_in_one_call(mount, many, evh5, tmp_path):
    """12000 frames of 6 KB, five times the memory target: the cache gets every one."""
    cache = tmp_path / "cache"
    where = mount(many, "--memory-target", "16M", "--cache", cache)
    done = warm(evh5, where / "histo_quantized/1ms")
    assert done["files"] == 30 and done["dropped"] == 0 and done["evicted"] == 0 and not done["failures"]
    assert len(entries(cache)) == done["stored"] == 30 * 400
    again = warm(evh5, where / "histo_quantized/1ms", "--threads", "4")
    assert again["computed"] == 0 and again["stored"] == 0


@pytest.mark.budget(120)
def test_frames_below_a_page_are_stored(mount, many, evh5, tmp_path):
    """Frames of 96 bytes are kept in entries of many."""
    cache = tmp_path / "cache"
    where = mount(many, "--cache", cache)
    done = warm(evh5, where / "histo,downsample=8/1ms", where / "diff,downsample=16/10ms/folder0")
    assert done["dropped"] == 0 and done["stored"] == done["computed"] == len(entries(cache)) > 0
    assert warm(evh5, where / "histo,downsample=8/1ms")["computed"] == 0
    where.stop()
    second = mount(many, "--cache", cache)
    assert warm(evh5, second / "histo,downsample=8/1ms")["computed"] == 0


@pytest.mark.budget(150)  # frames are stored with processor time that nobody else wants
def test_a_cache_that_is_too_small(mount, many, evh5):
    where = mount(many, "--max-cache-size", "1M")
    done = evh5.run("warm", where / "histo_quantized/1ms", check=10, timeout=120)
    assert "too small" in done.stderr and "--max-cache-size" in done.stderr


def test_the_estimate(mount, many, evh5):
    where = mount(many)
    said = json.loads(evh5.run("warm", "--dry-run", "--json", where / "histo_quantized/1ms", check=0).stdout)
    assert len(said) == 1 and said[0]["files"] == 30 and said[0]["counted"] == 30
    done = warm(evh5, where / "histo_quantized/1ms")
    assert said[0]["frames"] == 30 * 400 and said[0]["sampled"] == 16 and said[0]["bytes"] == done["bytes"]
    room = json.loads(evh5.run("status", "--json", where.point).stdout)["cache"]["bytes"]
    assert room / 2 < said[0]["cacheBytes"] < room * 2
    said = json.loads(evh5.run("warm", "--dry-run", "--json", where / "diff,downsample=16/1ms", check=0).stdout)
    before = json.loads(evh5.run("status", "--json", where.point).stdout)["cache"]["bytes"]
    warm(evh5, where / "diff,downsample=16/1ms")
    room = json.loads(evh5.run("status", "--json", where.point).stdout)["cache"]["bytes"] - before
    assert room < said[0]["cacheBytes"] < room * 4 + 65536
    text = evh5.run("warm", "--dry-run", where / "histo_quantized/1ms", check=0).stdout
    assert "frames" in text and "in the cache" in text and "room there" in text


@pytest.mark.parametrize("folder, index", [("events", "ms_to_idx"), ("events,layout=prophesee", "CD/indexes")])
def test_the_estimate_of_events(mount, many, evh5, folder, index):
    """Of events the index of times is stored."""
    where = mount(many)
    said, = json.loads(evh5.run("warm", "--dry-run", "--json", where / folder, check=0).stdout)
    assert (said["files"], said["counted"], said["eventFiles"], said["frames"]) == (30, 30, 30, 0)
    paths = [path for path in (where / folder).rglob("*") if path.suffix in (".h5", ".hdf5")]
    assert len(paths) == 30
    sizes = []
    for path in paths:
        with h5py.File(path) as file:
            sizes.append(file[index].nbytes)
    assert said["cacheBytes"] == sum(sizes)
    done = warm(evh5, where / folder)
    assert done["files"] == 30 and done["stored"] == 30
    both, = json.loads(evh5.run("warm", "--dry-run", "--json", where / folder, where / "histo_quantized/1ms/folder0", check=0).stdout)
    assert both["eventFiles"] == 30 and both["frames"] > 0 and both["cacheBytes"] > said["cacheBytes"]


def test_what_is_no_virtual_file(mount, many, evh5, tmp_path):
    (many / "notes.txt").write_text("a companion")
    where = mount(many)
    cases = [
        ((where / "histo/50ms/nofile.h5",), 3, "there is no such file in the mount"),
        ((where / "histo/50ms/notes.txt",), 3, "no tensor or events"),
        ((where / "nosuch",), 3, "there is no such file in the mount"),
        ((many / "folder0/r0.raw",), 7, "shown in the mount at"),
        ((many / "folder0",), 7, "shown in the mount at"),
        ((tmp_path / "nothing",), 7, "where nothing is"),
    ]
    for arguments, code, words in cases:
        done = evh5.run("warm", *arguments, check=code)
        assert words in done.stderr, done.stderr
    for path, code, words in [(many / "folder0/r0.raw", 7, "shown in the mount at"), (tmp_path / "nothing", 7, "where nothing is"), (tmp_path, 7, "nothing of evh5 is mounted")]:
        done = evh5.run("status", path, check=code)
        assert words in done.stderr and len(done.stderr.splitlines()) == 1
    # Any path in a mount will do.
    for path in (where.point, where / "histo", where / "histo/50ms/folder0/r0.h5", where / "histo/50ms/nofile.h5"):
        assert json.loads(evh5.run("status", "--json", path, check=0).stdout)["mountPoint"] == str(where.point)


# --- Where log lines go

def test_status_shows_the_last_warnings(mount, library, evh5):
    where = mount(library)
    assert not os.path.exists(where / "nosuch/50ms")
    for n in range(15):
        assert not os.path.exists(where / f"histo,foo={n}/50ms")
    log = json.loads(evh5.run("status", "--json", where.point).stdout)["log"]
    assert log["destination"].startswith(str(where.logs)) and os.path.exists(log["destination"])
    assert len(log["last"]) <= 10 and log["warnings"] >= len(log["last"])
    text = evh5.run("status", where.point, check=0).stdout
    assert log["destination"] in text
    if log["last"]:
        assert log["last"][-1]["text"] in text and log["last"][-1]["time"] > 1.7e9


@pytest.mark.skipif(os.path.exists("/dev/log"), reason="there is a syslog here")
def test_without_a_syslog_lines_go_to_a_file(evh5, library, tmp_path):
    point = tmp_path / "mnt"
    point.mkdir()
    state = tmp_path / "state"
    done = evh5.run("mount", library, point, environment={"XDG_STATE_HOME": str(state)}, check=0)
    try:
        status = json.loads(evh5.run("status", "--json", point).stdout)
        assert status["log"]["destination"].startswith(str(state / "evh5-log")) and status["log"]["destination"] in done.stderr
        assert "mounted" in open(status["log"]["destination"]).read()
    finally:
        evh5.run("unmount", point)
