"""Files by HTTP: clients that people use get what the mount shows, from `evh5 view` and from the server beside a mount."""
import json
import os
import pathlib
import shutil
import subprocess
import time

import fsspec
import h5py
import numpy as np
import pytest

from toolbox import encoders, scenes
from toolbox.contents import contents_of, same
from toolbox.serving import View, of_mount

FILES = ["histo/50ms/evt3.h5", "event_cube,num_utbins=4,split_polarity=false/20ms/evt2.h5", "voxel_grid/50ms,start_ts=100ms/evt21.h5", "events/evt4.h5",
         "events,layout=prophesee/dat.hdf5"]


@pytest.fixture
def view(evh5):
    """view(source, *arguments) -> View, ended with the test."""
    made = []

    def start(*arguments):
        made.append(View(evh5, *arguments))
        return made[-1]

    yield start
    for one in made:
        one.stop()


@pytest.fixture
def where(mount, library, store):
    return mount(library, "--sidecars", store, "--max-cache-size", "0", "--http", "127.0.0.1:0")


@pytest.fixture
def served(where):
    return of_mount(where)


def over_http(served, path):
    """An h5py file that reads ranges by fsspec."""
    return h5py.File(fsspec.open(served / path, "rb", block_size=1 << 16).open(), "r")


@pytest.mark.parametrize("path", FILES)
def test_h5py_with_fsspec(where, served, path):
    with over_http(served, path) as file, h5py.File(where / path, "r") as mounted:
        same(contents_of(file), contents_of(mounted))


@pytest.mark.parametrize("path", FILES)
def test_without_a_mount(where, view, library, path):
    with over_http(view(library), path) as file, h5py.File(where / path, "r") as mounted:
        same(contents_of(file), contents_of(mounted))


def test_curl_goes_on_where_it_was_cut(where, served, tmp_path):
    path = "timesurface/50ms/evt3.h5"
    expected = (where / path).read_bytes()
    out = tmp_path / "out.h5"
    out.write_bytes(expected[:100_001])
    # Another spelling: the server leads to the one.
    other = served / "timesurface/50000us/evt3.h5"
    done = subprocess.run(["curl", "-sS", "--fail", "-L", "-C", "-", "-o", out, other], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert out.read_bytes() == expected
    ranges = subprocess.run(["curl", "-sS", "--fail", "-r", "5-9,100000-200000", served / path], capture_output=True, timeout=60)
    assert expected[5:10] in ranges.stdout and expected[100_000:200_001] in ranges.stdout


def files_below(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def deep(source):
    """Recordings in folders with names that addresses must escape."""
    events = scenes.scene(count=3000)
    for name in ["a.raw", "sub folder/b & c.raw", "sub folder/ü%41?#.raw", "sub folder/in/d.raw"]:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        encoders.write(source / name, "evt3", scenes.raw_events("evt3", events))
    (source / "sub folder/<notes>.txt").write_text("notes")
    return source


def test_wget_of_a_whole_folder(mount, deep, tmp_path):
    where = mount(deep, "--http", "127.0.0.1:0")
    out = tmp_path / "out"
    # The first page gives it a cookie for the token.
    done = subprocess.run(["wget", "-q", "-r", "-np", "-nH", "-e", "robots=off", "--restrict-file-names=ascii", "--cut-dirs=2", "-R", "index.html*",
                           "-P", out, of_mount(where) / "histo/50ms/"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    got, expected = files_below(out), files_below(where / "histo/50ms")
    # wget escapes names in its own way.
    assert sorted(got.values()) == sorted(expected.values()) and len(expected) == 5
    assert got["a.h5"] == expected["a.h5"]


def test_rclone_of_a_whole_folder(mount, deep, tmp_path):
    if not shutil.which("rclone"):
        pytest.skip("rclone is not installed here")
    where = mount(deep, "--http", "127.0.0.1:0")
    served = of_mount(where)
    out = tmp_path / "out"
    done = subprocess.run(["rclone", "copy", ":http:histo/50ms", out, "--config", "/dev/null", "--http-url", served.url, "--http-headers",
                           f"Authorization,Bearer {served.token}"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert files_below(out) == files_below(where / "histo/50ms")


def test_listings(where, served):
    for path in ["", "histo", "histo/50ms", "events"]:
        status, headers, body = served.path(path, headers={"Accept": "application/json"})
        assert status == 200 and headers["content-type"] == "application/json"
        entries = {entry["name"]: entry for entry in json.loads(body)["entries"]}
        mounted = {entry.name: entry for entry in (where / path).iterdir()}
        assert entries.keys() == mounted.keys()
        for name, entry in entries.items():
            assert (entry["kind"] == "folder") == mounted[name].is_dir()
            if "size" in entry:
                assert entry["size"] == mounted[name].stat().st_size
        page = fsspec.filesystem("http").ls((served / path).partition("?")[0] + ("/" if path else "") + f"?token={served.token}", detail=False)
        assert page is not None


def test_additions_are_shown_and_change_the_etag(where, served):
    path = "histo/50ms/evt3.h5"
    _, before, _ = served.path(path, method="HEAD")
    old = served.path(path)[2]
    with h5py.File(where / path, "r+") as file:
        file["confidence"] = np.arange(len(file["data"]))
        # Not before it is closed.
        assert served.path(path, method="HEAD")[1]["etag"] == before["etag"]
    _, after, _ = served.path(path, method="HEAD")
    assert after["etag"] != before["etag"]
    with over_http(served, path) as file, h5py.File(where / path, "r") as mounted:
        assert file["confidence"][-1] == len(file["data"]) - 1
        same(contents_of(file), contents_of(mounted))
    # Who goes on in what it has got so far gets all of the new one.
    status, _, body = served.path(path, headers={"Range": "bytes=1000-", "If-Range": before["etag"]})
    assert status == 200 and len(body) == int(after["content-length"]) != len(old)
    assert served.path(path, headers={"If-None-Match": after["etag"]})[0] == 304
    assert served.path(path, headers={"If-None-Match": before["etag"]})[0] == 200
    # Another file has its own.
    (where / path).unlink()
    assert served.path(path, method="HEAD")[1]["etag"] == before["etag"]


def test_a_changed_recording_changes_the_etag(view, source):
    name = source / "a.raw"
    encoders.write(name, "evt3", scenes.raw_events("evt3", scenes.scene(count=3000)))
    served = view(source)
    path = "histo/50ms/a.h5"
    _, before, old = served.path(path)
    time.sleep(0.05)
    encoders.write(name, "evt3", scenes.raw_events("evt3", scenes.scene(count=4000, seed=2)))
    _, after, new = served.path(path)
    assert after["etag"] != before["etag"] and new != old
    assert served.path(path, headers={"If-None-Match": before["etag"]})[0] == 200
    name.unlink()
    assert served.path(path)[0] == 404


def test_frames_are_shared_with_the_mount(where, served):
    path = "timesurface/50ms/evt3.h5"
    with h5py.File(where / path, "r") as file:
        file["data"][:]
    computed = where.binary.json("status", where.point)["frames"]["computed"]
    assert computed > 0
    with over_http(served, path) as file:
        file["data"][:]
    assert where.binary.json("status", where.point)["frames"]["computed"] == computed


def test_several_sources(view, deep, library):
    one = view(deep / "sub folder/b & c.raw", deep / "a.raw")
    assert one.path("histo/50ms/a.h5")[0] == 200 and one.path("histo/50ms/sub folder/b & c.h5")[0] == 200
    assert one.path("histo/50ms/sub folder/ü%41?#.h5")[0] == 404 and one.path("histo/50ms/sub folder/in/d.h5")[0] == 404
    alone = view(deep / "sub folder/in/d.raw")
    assert alone.path("histo/50ms/d.h5")[0] == 200
    top = pathlib.Path(os.path.commonpath([library, deep]))
    both = view(library, deep)
    assert both.path(f"histo/50ms/{deep.relative_to(top)}/a.h5")[0] == 200
    assert both.path(f"histo/50ms/{library.relative_to(top)}/evt3.h5")[0] == 200
