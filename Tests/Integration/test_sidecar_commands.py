"""`evh5 sidecar list|export|restore|remove|verify`: on the store of a mount that is there, or of none."""
import json
import os

import h5py
import numpy as np
import pytest

from toolbox import edits, encoders, scenes, stores, tensors
from toolbox.contents import contents, same
from toolbox.programs import Program

FILE = "timesurface/50ms/evt3.h5"


@pytest.fixture
def where(mount, library, store):
    return mount(library, "--sidecars", store)


@pytest.fixture
def path(where):
    """A virtual file with everything added, but for what is made of the tensor's frames: that needs them."""
    with h5py.File(where / FILE, "r+") as file:
        edits.rich.on(file)
        del file["storage/every other frame"]
    return where / FILE


@pytest.fixture
def sidecar(evh5, store):
    """sidecar(command, ...) -> its output; sidecar.json(...) -> its report."""
    class Sidecar:
        def __call__(self, command, *arguments, check=0):
            done = evh5.run("sidecar", command, *arguments, "--sidecars", store, check=check)
            if check:
                assert len(done.stderr.strip().splitlines()) == 1 and len(done.stderr) > 20, done.stderr
            return done.stdout + done.stderr

        def json(self, command, *arguments, check=0):
            return json.loads(evh5.run("sidecar", command, *arguments, "--sidecars", store, "--json", check=check).stdout)

    return Sidecar()


def torn_session(path, store):
    before = len(stores.torn(store))
    with Program(locks=False) as writer:
        writer.do("file = h5py.File(path, 'r+')\nfile['torn away'] = np.arange(5000)\nfile.flush()", path=str(path))
        writer.kill()
    assert len(stores.torn(store, before + 1)) == before + 1


# --- list

def test_the_reason_of_a_session_that_wrote_into_the_tensor(where, sidecar, store):
    """HDF5 2.0 crashes afterwards: the refused write is the cause, not the end of the process."""
    path = where / FILE
    with h5py.File(path) as file:
        offset = file["data"].id.get_offset()
    with Program(locks=False) as writer:
        writer.do("file = h5py.File(path, 'r+')\nfile['more'] = np.arange(50000)\nfile.flush()", path=str(path))
        refused = writer.do("""
try:
    fd = os.open(path, os.O_RDWR)
    os.pwrite(fd, b'1234', offset)
except OSError as problem:
    code = problem.errno
code
""", offset=offset)
        assert refused == 1  # EPERM
        writer.kill()
    assert len(stores.torn(store, 1)) == 1
    [entry] = sidecar.json("list")
    assert "wrote into the tensor (/data)" in entry["torn"][0]["reason"] and "killed" not in entry["torn"][0]["reason"]


def test_list(where, path, sidecar, library, store):
    torn_session(path, store)
    edits.change_and_delete(path)
    [entry] = sidecar.json("list")
    assert entry["recording"] == str(library / "evt3.raw") and (entry["preprocessing"], entry["window"]) == ("timesurface", "50ms")
    assert entry["size"] == path.stat().st_size and entry["heldBytes"] > 100_000
    assert [state["commit"] for state in entry["commits"]] == [1, 2] and entry["current"] == 2
    assert len(entry["torn"]) == 1 and "killed" in entry["torn"][0]["reason"] and "removed" not in entry and "problem" not in entry
    with h5py.File(path) as file:
        listed = {item["path"]: item for item in entry["contents"]}
        assert listed["/confidence"]["shape"] == [len(file["data"])] and listed["/confidence"]["attributes"] == 1
        assert listed["/links/soft"]["target"] == "/data" and listed["/types/boxes"]["shape"] == [50]
    text = sidecar("list")
    for word in ("evt3.raw", "timesurface", "50ms", "/confidence", "torn"):
        assert word in text, word


def test_list_selects(where, sidecar, library):
    for place in ("histo/50ms/evt3.h5", "histo/20ms/evt3.h5", "histo/50ms/evt2.h5", "histo/50ms,max_duration=200ms/dat_1.h5"):
        edits.tutorial(where / place)
    assert len(sidecar.json("list")) == 4

    def chosen(text):
        return sorted((os.path.basename(entry["recording"]), entry["window"]) for entry in sidecar.json("list", text))

    assert chosen("histo/50ms/evt3.h5") == chosen(where / "histo/50ms/evt3.h5") == chosen("histo/50000us/evt3.h5") == [("evt3.raw", "50ms")]
    assert chosen(library / "evt3.raw") == [("evt3.raw", "20ms"), ("evt3.raw", "50ms")]
    assert [entry["part"] for entry in sidecar.json("list", "histo/50ms,max_duration=200ms/dat_1.h5")] == [1]
    sidecar("list", "histo/50ms/evt4.h5", check=11)


def test_an_empty_store(sidecar, store, tmp_path):
    assert sidecar.json("list") == [] and sidecar.json("verify") == []
    assert not store.exists()
    sidecar("export", FILE, "-o", tmp_path / "x.h5", check=11)


def test_a_writer_is_shown(where, path, sidecar):
    assert "inUse" not in sidecar.json("list")[0]
    with Program() as writer:
        writer.do("file = h5py.File(path, 'r+')", path=str(path))
        [entry] = sidecar.json("list")
        assert entry["inUse"]
        sidecar("remove", FILE, check=8)
        writer.do("file.close()")
    assert "/confidence" in contents(path)


# --- export

@pytest.mark.parametrize("mounted", [True, False], ids=["mounted", "not mounted"])
def test_export(where, path, sidecar, tmp_path, mounted):
    """An ordinary HDF5 file that any tool may change."""
    want, raw = contents(path), path.read_bytes()
    if not mounted:
        where.stop()
    sidecar("export", FILE, "-o", tmp_path / "additions.h5")
    got = contents(tmp_path / "additions.h5")
    for name, entry in want.items():
        if name not in ("/", "/data", "/references/regions"):  # a region of the tensor is a null reference where it has no elements
            assert got[name] == entry, name
    assert got["/data"][-1] == want["/data"][-1] and got["/"][-1] == want["/"][-1] and set(got) == set(want)
    with h5py.File(tmp_path / "additions.h5", "r+") as file:
        file["mine"] = 1
        del file["confidence"]
    sidecar("export", FILE, "-o", tmp_path / "whole.h5", "--with-tensor")
    assert (tmp_path / "whole.h5").read_bytes() == raw
    same(contents(tmp_path / "whole.h5"), want)


def test_export_of_earlier_and_torn_states(where, path, sidecar, store, tmp_path):
    first = contents(path)
    edits.change_and_delete(path)
    torn_session(path, store)
    sidecar("export", FILE, "-o", tmp_path / "first.h5", "--state", "1")
    got = contents(tmp_path / "first.h5")
    assert got["/types/boxes"] == first["/types/boxes"] and got["/storage/lzf"] == first["/storage/lzf"]
    sidecar("export", FILE, "-o", tmp_path / "torn.h5", "--torn", "last")
    with h5py.File(tmp_path / "torn.h5") as file:
        assert np.array_equal(file["torn away"][:], np.arange(5000)) and file["storage/filled"].shape == (7,)
    sidecar("export", FILE, "-o", tmp_path / "none.h5", "--state", "99", check=11)
    assert not (tmp_path / "none.h5").exists()


def test_export_does_not_replace(where, path, sidecar, tmp_path):
    (tmp_path / "out.h5").write_bytes(b"mine")
    sidecar("export", FILE, "-o", tmp_path / "out.h5", check=10)
    assert (tmp_path / "out.h5").read_bytes() == b"mine"
    sidecar("export", FILE, "-o", tmp_path / "no/such/folder.h5", check=10)
    sidecar("export", FILE, "-o", tmp_path / "out.h5", "--force")
    assert "/confidence" in contents(tmp_path / "out.h5")
    assert not [name for name in os.listdir(tmp_path) if "tmp" in name]


def test_export_after_the_recording_has_gone(mount, source, store, sidecar, small, tmp_path):
    encoders.write(source / "a.raw", "evt2", small)
    path = mount(source, "--sidecars", store) / "histo/50ms/a.h5"
    edits.types(path)
    want = contents(path)
    os.remove(source / "a.raw")
    sidecar("export", "histo/50ms/a.h5", "-o", tmp_path / "additions.h5")
    assert contents(tmp_path / "additions.h5")["/types/boxes"] == want["/types/boxes"]
    sidecar("export", "histo/50ms/a.h5", "-o", tmp_path / "whole.h5", "--with-tensor", check=3)
    assert not (tmp_path / "whole.h5").exists()


def test_export_in_frames_of_events(where, sidecar, tmp_path, shown):
    path = where / "histo/500ev/evt3.h5"
    edits.tutorial(path)
    raw = path.read_bytes()
    sidecar("export", "histo/500ev/evt3.h5", "-o", tmp_path / "whole.h5", "--with-tensor")
    assert (tmp_path / "whole.h5").read_bytes() == raw
    with h5py.File(tmp_path / "whole.h5") as file:
        want, last = tensors.tensor_of_counts("histo", shown["evt3"], 500, 48, 64)
        assert np.allclose(file["data"][:], want, atol=2e-6) and np.array_equal(file["last_timestamps"][:], last)


# --- restore and remove

def test_restore_what_was_removed(where, path, sidecar, store):
    """By os.remove and by the command; the mount shows it at once."""
    want = contents(path)
    for remove in (lambda: os.remove(path), lambda: sidecar("remove", FILE)):
        remove()
        assert sorted(contents(path)) == ["/", "/data"]
        [entry] = sidecar.json("list")
        assert entry["removed"]["reason"] and len(stores.removed(store)) == 1
        sidecar("restore", FILE)
        same(contents(path), want)
        assert stores.removed(store) == []


def test_restore_does_not_replace(where, path, sidecar, store):
    os.remove(path)
    with h5py.File(path, "r+") as file:
        file["newer"] = 1
    sidecar("restore", FILE, check=11)
    assert "/newer" in contents(path) and len(stores.removed(store)) == 1
    os.remove(path)
    names = [entry["name"] for entry in sidecar.json("list")]
    assert len(names) == 2
    sidecar("restore", FILE, check=11)  # which one?
    sidecar("restore", min(names))
    assert "/confidence" in contents(path) and "/newer" not in contents(path)


def test_restore_an_earlier_state(where, path, sidecar):
    """As a new state: the later ones stay."""
    states = [contents(path)]
    edits.change_and_delete(path)
    states.append(contents(path))
    sidecar("restore", FILE, "--state", "1")
    same(contents(path), states[0])
    with h5py.File(path, "r+") as file:
        file["after"] = 1
    sidecar("restore", FILE, "--state", "2")
    same(contents(path), states[1])
    [entry] = sidecar.json("list")
    assert entry["current"] == 5 and len(entry["commits"]) == 5
    sidecar("restore", FILE, "--state", "77", check=11)


def test_ten_states_are_kept(where, sidecar):
    path = where / FILE
    for number in range(15):
        with h5py.File(path, "r+") as file:
            file[f"{number}"] = np.arange(number)
    [entry] = sidecar.json("list")
    assert [state["commit"] for state in entry["commits"]] == list(range(6, 16))
    sidecar("restore", FILE, "--state", "6")
    with h5py.File(path) as file:
        assert set(file) == {"data"} | {f"{number}" for number in range(6)}


def test_a_reader_over_a_restore(where, path, sidecar):
    raw = path.read_bytes()
    edits.change_and_delete(path)
    changed = path.read_bytes()
    with open(path, "rb", buffering=0) as early:
        os.pread(early.fileno(), 10, 0)
        sidecar("restore", FILE, "--state", "1")
        assert path.read_bytes() == raw
        try:
            assert os.pread(early.fileno(), len(changed), 0) == changed
        except OSError:
            pass


def test_remove_for_good(where, path, sidecar, store):
    torn_session(path, store)
    torn_session(path, store)
    assert len(stores.torn(store)) == 2
    sidecar("remove", FILE, "--torn", sidecar.json("list")[0]["torn"][0]["name"])
    assert len(stores.torn(store)) == 1
    sidecar("remove", FILE, "--torn", "all")
    assert stores.torn(store) == [] and "/confidence" in contents(path)
    os.remove(path)
    sidecar("remove", FILE, "--removed")
    assert stores.removed(store) == [] and sidecar.json("list") == [] and stores.held(store) < 20_000
    sidecar("restore", FILE, check=11)


def test_set_aside_and_restored(mount, source, store, sidecar, small, tmp_path):
    """A recording of another geometry: what was added can be had in any case."""
    encoders.write(source / "a.raw", "evt2", small)
    path = mount(source, "--sidecars", store) / "histo/50ms/a.h5"
    edits.tutorial(path)
    with h5py.File(path) as file:
        values = file["confidence"][:]
    encoders.write(source / "part", "evt2", scenes.scene(128, 96, seed=5), 128, 96)
    os.rename(source / "part", source / "a.raw")
    mount(source, "--sidecars", store)
    contents(path)
    sidecar("export", "histo/50ms/a.h5", "-o", tmp_path / "additions.h5")
    with h5py.File(tmp_path / "additions.h5") as file:
        assert np.array_equal(file["confidence"][:], values)


# --- verify

def test_verify(where, path, sidecar, store):
    edits.change_and_delete(path)
    os.remove(path)
    edits.rich(path)
    checks = sidecar.json("verify")
    assert len(checks) == 2 and all(check["problems"] == [] for check in checks) and sum(check["bytes"] for check in checks) > 100_000
    [folder] = stores.folders(store)
    data = max((file for file in (folder / "data").iterdir()), key=lambda file: file.stat().st_size)
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 1
    data.write_bytes(content)
    checks = sidecar.json("verify", check=11)
    assert sum(bool(check["problems"]) for check in checks) == 1
    assert folder.name in sidecar("verify", check=11)


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "missing"])
@pytest.mark.parametrize("what", ["current", "data/1", "data/2", "manifest.json"])
def test_damaged_stores(where, mount, library, path, sidecar, store, what, damage):
    """Never wrong contents, never a daemon that falls over, and the tensors of all other files."""
    first = contents(path)
    edits.change_and_delete(path)
    second = contents(path)
    where.stop()
    [folder] = stores.folders(store)
    file = folder / what
    data = bytearray(file.read_bytes())
    file.unlink()  # current is a hard link of a kept state
    if damage == "flip":
        data[len(data) // 3] ^= 0x20
    elif damage == "truncate":
        del data[len(data) // 2:]
    elif damage == "empty":
        data.clear()
    if damage != "missing":
        file.write_bytes(data)
    again = mount(library, "--sidecars", store)
    if what == "manifest.json":
        same(contents(again / FILE), second)
        return
    try:
        found = contents(again / FILE)
    except (OSError, KeyError, RuntimeError, ValueError):
        again.wait_for_log("damaged") if damage != "flip" or what == "current" else None
    else:
        assert damage == "flip" and what != "current" or found in (first, second), "not a committed state, and no error"
    assert sidecar.json("verify", check=11)
    with h5py.File(again / "timesurface/50ms/evt2.h5") as other:
        assert np.any(other["data"][:])
    assert again.pid
