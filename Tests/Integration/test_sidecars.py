"""`evh5 sidecar`: what was added to virtual files, listed, exported, restored, removed and verified, mounted or not."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

from toolbox import edits, encoders, scenes, stores
from toolbox.contents import additions, contents, same

SPEC = "timesurface/50ms"
FILE = f"{SPEC}/evt3.h5"


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def sidecar(evh5, store):
    """sidecar("list", ...) runs `evh5 sidecar list ...` on the test's store."""
    def run(command, *arguments, check=0):
        return evh5.run("sidecar", command, *arguments, "--sidecars", store, check=check)

    return run


@pytest.fixture
def listed(evh5, store):
    return lambda *files: evh5.json("sidecar", "list", *files, "--sidecars", store)


@pytest.fixture
def where(mount, library, store):
    return mount(library, "--sidecars", store)


@pytest.fixture
def ordinary(where, tmp_path):
    """A copy of the virtual file before anything was added."""
    path = tmp_path / "ordinary.h5"
    shutil.copyfile(where / FILE, path)
    return path


def test_nothing_was_added(sidecar, listed, store, evh5, tmp_path):
    assert listed() == []
    done = sidecar("list")
    assert done.stdout == "" and str(store) in done.stderr
    assert evh5.json("sidecar", "verify", "--sidecars", store) == []
    for command in (["export", "a.h5", "-o", tmp_path / "out.h5"], ["restore", "a.h5"], ["remove", "a.h5"], ["verify", "a.h5"], ["list", "a.h5"]):
        assert "nothing was added to 'a.h5'" in sidecar(*command, check=11).stderr
    assert not store.exists() and not (tmp_path / "out.h5").exists()


def test_list_says_what_was_added_to_which_file(where, library, listed, sidecar):
    edits.tutorial(where / FILE)
    edits.tutorial(where / "histo/50ms,max_duration=200ms/evt2_1.h5")
    with h5py.File(where / FILE, "r+") as file:
        file["more/numbers"] = np.arange(12).reshape(3, 4)
        file["again"] = h5py.SoftLink("/more")
    found = {(one["preprocessing"], one["window"], one.get("part")): one for one in listed()}
    assert sorted(found) == [("histo", "50ms,max_duration=200ms", 1), ("timesurface", "50ms", None)] or len(found) == 2
    one = found["timesurface", "50ms", None]
    assert one["recording"] == str(library.resolve() / "evt3.raw") and one["current"] == 2
    assert [state["commit"] for state in one["commits"]] == [1, 2] and one["torn"] == [] and "removed" not in one
    assert one["size"] == (where / FILE).stat().st_size
    assert abs(one["heldBytes"] - stores.held(one["folder"])) < 20_000
    objects = {entry["path"]: entry for entry in one["contents"]}
    assert sorted(objects) == ["/again", "/confidence", "/more", "/more/numbers"]
    assert objects["/more/numbers"]["shape"] == [3, 4] and objects["/confidence"]["attributes"] == 1
    assert objects["/again"]["kind"] == "softLink" and objects["/again"]["target"] == "/more"
    text = sidecar("list").stdout
    assert "/more/numbers: int64, 3 x 4" in text and str(library.resolve() / "evt2.raw") in text
    assert listed("evt3.h5") == [one] == listed(where / FILE) == listed("timesurface/50000us/evt3.h5")
    # Somebody is writing.
    with h5py.File(where / FILE, "r+"):
        assert f"process {where.pid} on " in listed(FILE)[0]["inUse"]
        for command in (["remove", FILE], ["restore", FILE, "--state", "1"]):
            assert f"process {where.pid} on " in sidecar(*command, check=8).stderr


def test_export_makes_an_ordinary_file(where, ordinary, sidecar, store, tmp_path):
    """Of all kinds of additions, mounted or not, with the tensor and without; the same as adding to an ordinary file."""
    before = contents(ordinary)
    edits.rich(where / FILE)
    edits.rich(ordinary)
    mounted = contents(where / FILE)
    whole = (where / FILE).read_bytes()
    where.stop()
    out = tmp_path / "added.h5"
    done = sidecar("export", FILE, "-o", out)
    assert "the current state of timesurface/50ms" in done.stdout
    with h5py.File(out, "r+") as file:
        assert file["data"].shape is None and file["data"].attrs["mode"] == "delta_t"
        # A view of the tensor shows nothing without it.
        del file["storage/every other frame"]
    left, want = contents(out), contents(ordinary)
    for one, whose in ((left, "export"), (want, "ordinary")):
        one.pop("/storage/every other frame", None)
        kind, attributes = one.pop("/data")[0], one.pop("/")[1]
        assert kind == "dataset" and attributes["format"][2] == b"EVT3", whose
    # Regions of the tensor are lost with it.
    regions, wanted = left.pop("/references/regions")[1][2], want.pop("/references/regions")[1][2]
    assert regions == [wanted[0], "null reference"] and wanted[1][1] == "/data"
    same(left, want)
    assert subprocess.run(["h5dump", "-H", str(out)], capture_output=True).returncode == 0 or shutil.which("h5dump") is None

    sidecar("export", FILE, "-o", tmp_path / "whole.h5", "--with-tensor")
    assert (tmp_path / "whole.h5").read_bytes() == whole
    same(contents(tmp_path / "whole.h5"), mounted)
    assert additions(mounted, before)

    # What is there is not replaced.
    assert "--force" in sidecar("export", FILE, "-o", out, check=10).stderr
    sidecar("export", FILE, "-o", out, "--force")
    assert "cannot be made" in sidecar("export", FILE, "-o", tmp_path / "no/such/out.h5", check=10).stderr
    assert sorted(path.name for path in tmp_path.iterdir() if ".tmp" in path.name) == []


def test_export_with_last_timestamps(where, sidecar, tmp_path):
    path = where / "histo/1000ev/evt3.h5"
    edits.tutorial(path)
    whole = path.read_bytes()
    where.stop()
    sidecar("export", "histo/1000ev/evt3.h5", "-o", tmp_path / "whole.h5", "--with-tensor")
    assert (tmp_path / "whole.h5").read_bytes() == whole
    sidecar("export", "histo/1000ev/evt3.h5", "-o", tmp_path / "added.h5")
    with h5py.File(tmp_path / "added.h5") as file:
        assert "confidence" in file and file["data"].shape is None


def test_export_with_the_tensor_needs_the_recording(mount, source, store, sidecar, small, tmp_path):
    recording = source / "a.raw"
    encoders.write(recording, "evt3", scenes.raw_events("evt3", small))
    where = mount(source, "--sidecars", store)
    edits.tutorial(where / SPEC / "a.h5")
    where.stop()
    hidden = tmp_path / "hidden.raw"
    recording.rename(hidden)
    out = tmp_path / "out.h5"
    assert "a.raw" in sidecar("export", "a.h5", "-o", out, "--with-tensor", check=3).stderr
    encoders.write(recording, "evt3", scenes.raw_events("evt3", small[: len(small) // 2]))
    assert "is not what it was" in sidecar("export", "a.h5", "-o", out, "--with-tensor", check=3).stderr
    assert not out.exists()
    sidecar("export", "a.h5", "-o", out)
    with h5py.File(out) as file:
        assert "confidence" in file


def test_remove_and_restore(where, sidecar, listed, store):
    edits.tutorial(where / FILE)
    with_additions = contents(where / FILE)
    assert "restore" in sidecar("remove", where / FILE).stdout
    assert "/confidence" not in contents(where / FILE)
    [one] = listed()
    assert one["removed"]["reason"] == "it was removed" and one["name"].startswith("removed/")
    sidecar("restore", FILE)
    same(contents(where / FILE), with_additions)

    # Twice removed: which one?
    os.remove(where / FILE)
    edits.rich(where / FILE)
    os.remove(where / FILE)
    names = [one["name"] for one in listed()]
    assert len(names) == 2
    problem = sidecar("restore", FILE, check=11).stderr
    assert all(name in problem for name in names)
    sidecar("restore", names[0])
    assert "/confidence" in contents(where / FILE)
    assert "remove" in sidecar("restore", names[1], check=11).stderr
    # An unclear name is not guessed at; for good means for good.
    sidecar("remove", names[1], "--removed")
    assert [one["name"] for one in listed()] == [one["name"] for one in listed(FILE)]
    assert stores.removed(store) == []
    assert "nothing of" in sidecar("restore", FILE, check=11).stderr


def test_earlier_states(where, sidecar, listed, tmp_path):
    states = []
    for number in range(3):
        with h5py.File(where / FILE, "r+") as file:
            file[f"added {number}"] = np.full(1000, number)
        states.append(contents(where / FILE))
    sidecar("export", FILE, "-o", tmp_path / "first.h5", "--state", 1)
    with h5py.File(tmp_path / "first.h5") as file:
        assert sorted(file) == ["added 0", "data"]
    assert "state 4" in sidecar("restore", FILE, "--state", 2).stdout
    same(contents(where / FILE), states[1])
    sidecar("restore", FILE, "--state", 3)
    same(contents(where / FILE), states[2])
    assert [one.get("note") for one in listed()[0]["commits"]] == [None, None, None, "state 2 was restored", "state 3 was restored"]
    assert "no state" in sidecar("restore", FILE, "--state", 9, check=11).stderr
    assert "no state" in sidecar("export", FILE, "-o", tmp_path / "no.h5", "--state", 9, check=11).stderr


def test_torn_sessions(where, sidecar, listed, store, tmp_path):
    """A killed writer's bytes can be had: by libhdf5 if it had come far enough, as they are in any case."""
    edits.tutorial(where / FILE)
    before = contents(where / FILE)
    script = """
import h5py, numpy as np, os, signal, sys
f = h5py.File(sys.argv[1], 'r+')
f['rescued'] = np.arange(100000)
f.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", script, str(where / FILE)]).returncode == -signal.SIGKILL
    assert len(stores.torn(store, 1)) == 1
    same(contents(where / FILE), before)
    [torn] = listed(FILE)[0]["torn"]
    assert torn["heldBytes"] >= 800_000 and "killed" in torn["reason"] and torn["base"] == 1
    assert torn["name"] in sidecar("list").stdout
    sidecar("export", FILE, "-o", tmp_path / "rescued.h5", "--torn", "last")
    with h5py.File(tmp_path / "rescued.h5") as file:
        assert np.array_equal(file["rescued"][:], np.arange(100000)) and "confidence" in file
    sidecar("export", FILE, "-o", tmp_path / "whole.h5", "--torn", torn["name"], "--with-tensor")
    with h5py.File(tmp_path / "whole.h5") as file, h5py.File(where / FILE) as shown:
        assert np.array_equal(file["data"][:], shown["data"][:]) and "rescued" in file

    # Bytes that are no file at all.
    descriptor = os.open(where / FILE, os.O_RDWR)
    os.pwrite(descriptor, b"no superblock", 0)
    os.pwrite(descriptor, b"but this is worth a lot", (where / FILE).stat().st_size)
    with pytest.raises(OSError):
        os.close(descriptor)
    assert len(stores.torn(store, 2)) == 2
    assert "--raw" in sidecar("export", FILE, "-o", tmp_path / "bad.h5", "--torn", "last", check=11).stderr
    assert not (tmp_path / "bad.h5").exists()
    sidecar("export", FILE, "-o", tmp_path / "raw", "--torn", "last", "--raw")
    assert (tmp_path / "raw").read_bytes().endswith(b"but this is worth a lot")
    sidecar("remove", FILE, "--torn", torn["name"])
    assert len(listed(FILE)[0]["torn"]) == 1
    assert "no torn session" in sidecar("remove", FILE, "--torn", torn["name"], check=11).stderr
    assert "1 torn session deleted" in sidecar("remove", FILE, "--torn", "all").stdout
    assert stores.torn(store) == [] and "committed" in sidecar("export", FILE, "-o", tmp_path / "no.h5", "--torn", "last", check=11).stderr
    same(contents(where / FILE), before)


def test_verify_finds_damage(evh5, where, sidecar, store):
    edits.rich(where / FILE)
    edits.tutorial(where / "histo/50ms/evt2.h5")
    where.stop()
    checks = evh5.json("sidecar", "verify", "--sidecars", store)
    assert len(checks) == 2 and all(check["problems"] == [] and check["files"] == 2 for check in checks)
    assert "2 sidecars, 4 files" in sidecar("verify").stdout
    [data] = pathlib.Path(store).glob("recordings/evt3*/*/data/1")
    held = bytearray(data.read_bytes())
    held[len(held) // 2] ^= 1
    data.write_bytes(held)
    done = sidecar("verify", check=11)
    assert str(data) in done.stdout and "1 of 2 sidecars is damaged" in done.stderr
    assert "0 of" not in done.stderr
    sidecar("verify", "histo/50ms/evt2.h5")
    assert evh5.run("sidecar", "verify", FILE, "--sidecars", store, "--json", check=11).stdout.count("checksum") == 1


def test_the_store_is_the_mounts(evh5, mount, library, tmp_path, monkeypatch):
    """By flag, environment, config file and default."""
    default = pathlib.Path(evh5.environment["XDG_STATE_HOME"]) / "evh5"
    where = mount(library)
    edits.tutorial(where / FILE)
    assert [one["folder"].startswith(str(default)) for one in evh5.json("sidecar", "list", FILE)] == [True]
    other = tmp_path / "other"
    where = mount(library, "--sidecars", other)
    edits.tutorial(where / FILE)
    config = tmp_path / "evh5.yaml"
    config.write_text(f"sidecars: {other}\n")
    for extra in (dict(environment={"EVH5_SIDECARS": str(other)}), dict(environment={"EVH5_CONFIG_FILE": str(config)})):
        done = evh5.run("sidecar", "list", check=0, **extra)
        assert str(library.resolve() / "evt3.raw") in done.stdout
        assert str(default) not in done.stdout
    assert len(evh5.json("sidecar", "list", "--config-file", config)) == 1
    evh5.run("sidecar", "remove", FILE, check=0)
    evh5.run("sidecar", "remove", FILE, "--removed", check=0)
