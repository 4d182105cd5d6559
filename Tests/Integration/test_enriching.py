"""The enrichment tutorial on virtual files: add to them with h5py, read it back, whatever was restarted in between; and what the files
say of themselves then."""
import os
import signal
import subprocess
import sys
import textwrap
import time

import h5py
import numpy as np
import pytest

from toolbox import edits, stores, tensors
from toolbox.contents import contents, same
from toolbox.programs import Program

SPEC = "timesurface/50ms"

# What users do with the files that generate_hdf5 writes, word for word; the path alone is ours.
TUTORIAL = """
    import sys
    import h5py
    import numpy as np

    input_path = sys.argv[1]

    f = h5py.File(input_path, 'r')
    print(f['data'])
    hdf5_shape = f['data'].shape
    print(hdf5_shape, f['data'].dtype)
    print("Attributes : \\n")
    for key in f['data'].attrs:
        print('\\t', key, ' : ', f['data'].attrs[key])
    assert f['data'].attrs['events_to_tensor'].decode() == 'timesurface' and f['data'].attrs['mode'] == 'delta_t'
    frames = [np.moveaxis(frame, 0, -1) for frame in f['data'][:10]]
    assert any(frame.any() for frame in frames)
    f.close()

    f = h5py.File(input_path, 'r+')
    values = np.random.rand(hdf5_shape[0])
    confidence = f.create_dataset("confidence", data=values)
    confidence.attrs['description'] = np.bytes_('Confidence of the detector')
    print(list(f.keys()))
    assert set(f) == {'data', 'confidence'}
    f.close()

    f = h5py.File(input_path, 'r')
    assert np.array_equal(f['confidence'][:], values)
    np.save(sys.argv[2], values)
    f.close()
"""


def run(script, *arguments):
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"  # on a disk


@pytest.fixture
def expected(shown):
    return tensors.tensor_of("timesurface", shown["evt3"], 50_000, 48, 64)


@pytest.fixture
def base(mount, library, store):
    return mount(library, "--sidecars", store)


def same_tensor(path, expected):
    with h5py.File(path) as file:
        assert np.allclose(file["data"][:], expected, rtol=0, atol=2e-6)


def test_the_tutorial(mount, library, store, expected, tmp_path):
    """Unmount, restart and mount again at another place between adding, reading and removing."""
    where = mount(library, "--sidecars", store)
    path, values = where / SPEC / "evt3.h5", tmp_path / "values.npy"
    assert "confidence" in run(TUTORIAL, path, values)
    same_tensor(path, expected)
    where.stop()
    where = mount(library, "--sidecars", store)
    path = where / SPEC / "evt3.h5"
    with h5py.File(path) as file:
        assert np.array_equal(file["confidence"][:], np.load(values))
        assert file["confidence"].attrs["description"] == b"Confidence of the detector"
        assert sorted(file) == ["confidence", "data"]
    same_tensor(path, expected)
    os.remove(path)
    with h5py.File(path) as file:
        assert list(file) == ["data"]
    same_tensor(path, expected)
    assert len(stores.removed(store)) == 1
    where.stop()
    with h5py.File(mount(library, "--sidecars", store) / SPEC / "evt3.h5") as file:
        assert list(file) == ["data"]


def test_a_file_that_was_reset_takes_additions_again(base, store, expected):
    path = base / SPEC / "evt3.h5"
    before = contents(path)
    for _ in range(3):
        edits.tutorial(path)
        assert "/confidence" in contents(path)
        os.remove(path)
        assert contents(path) == before and path.exists()
    assert len(stores.removed(store)) == 3
    os.remove(path)  # nothing to reset: nothing happens
    assert len(stores.removed(store)) == 3 and contents(path) == before
    edits.tutorial(path)
    assert "/confidence" in contents(path)
    same_tensor(path, expected)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_additions_survive_the_daemon(mount, library, store, end):
    """Also when it is killed: what was closed is there."""
    where = mount(library, "--sidecars", store)
    path = where / SPEC / "evt3.h5"
    edits.rich(path)
    before = contents(path)
    pid = where.pid
    os.kill(pid, end)
    deadline = time.monotonic() + 10
    while os.path.exists(f"/proc/{pid}") and time.monotonic() < deadline:
        time.sleep(0.02)
    again = mount(library, "--sidecars", store, point=where.point)
    after = contents(path)
    same(after, before)
    assert again.pid != pid
    assert stores.torn(store) == []


def test_nobody_else_shows_them(base):
    """Additions belong to one recording, preprocessing, window and part; other spellings of the same are links to it."""
    path = base / "histo/50ms,max_duration=200ms/evt3_0.h5"
    edits.tutorial(path)
    others = ["timesurface/50ms,max_duration=200ms/evt3_0.h5", "histo/50ms/evt3.h5", "histo/25ms,max_duration=200ms/evt3_0.h5",
              "histo/50ms,max_duration=100ms/evt3_0.h5", "histo/50ms,max_duration=200ms/evt3_1.h5", "histo/50ms,max_duration=200ms,start_ts=1ms/evt3_0.h5",
              "histo,downsample=2/50ms,max_duration=200ms/evt3_0.h5", "histo,dtype=uint8/50ms,max_duration=200ms/evt3_0.h5",
              "histo,max_incr_per_pixel=4/50ms,max_duration=200ms/evt3_0.h5", "histo/50ms,max_duration=200ms/evt2_0.h5"]
    for other in others:
        with h5py.File(base / other) as file:
            assert list(file) == ["data"], other
    for alias in ("histo,max_incr_per_pixel=5/0.05s,max_duration=200000/evt3_0.h5", "histo/50000us,max_duration=0.2s/evt3_0.h5"):
        with h5py.File(base / alias) as file:
            assert sorted(file) == ["confidence", "data"], alias
    for number, other in enumerate(others):  # each has its own
        with h5py.File(base / other, "r+") as file:
            file["mine"] = number
    for number, other in enumerate(others):
        with h5py.File(base / other) as file:
            assert sorted(file) == ["data", "mine"] and file["mine"][()] == number
    with h5py.File(path) as file:
        assert sorted(file) == ["confidence", "data"]


def test_files_with_last_timestamps(base, shown):
    """Of frames of n events, whose file has a second dataset of ours."""
    path = base / "histo/500ev/evt3.h5"
    before = contents(path)
    edits.rich(path)
    after = contents(path)
    assert after["/last_timestamps"] == before["/last_timestamps"] and after["/data"][1] == before["/data"][1]
    with h5py.File(path) as file:
        assert np.array_equal(file["last_timestamps"][:], tensors.tensor_of_counts("histo", shown["evt3"], 500, 48, 64)[1])


def test_files_without_frames(base):
    path = base / "histo/50ms,start_ts=100s/evt3.h5"
    edits.storage(path)
    edits.attributes(path)
    with h5py.File(path) as file:
        assert file["data"].shape == (0, 2, 48, 64) and file["storage/scalar"][()] == 3.25


def test_sizes_and_times(base, library, store):
    """At once after close, without waiting for what the kernel believes of files."""
    path = base / SPEC / "evt3.h5"
    before = path.stat()
    assert before.st_mtime_ns == (library / "evt3.raw").stat().st_mtime_ns
    begin = time.time()
    with h5py.File(path, "r+") as file:
        file["noise"] = np.random.default_rng(1).random(1 << 17)
    after = path.stat()
    assert after.st_ino == before.st_ino and after.st_nlink == before.st_nlink and after.st_mode == before.st_mode
    raw = path.read_bytes()
    assert after.st_size == len(raw) == int.from_bytes(raw[40:48], "little") > before.st_size + (1 << 20)
    assert begin - 1 <= after.st_mtime <= time.time() + 1
    held = stores.held(store)
    assert (1 << 20) <= (after.st_blocks - before.st_blocks) * 512 <= held
    assert held < 2 << 20
    os.remove(path)
    again = path.stat()
    assert (again.st_size, again.st_mtime_ns, again.st_ino) == (before.st_size, before.st_mtime_ns, before.st_ino)


def test_the_newer_time_is_shown(mount, source, store, small):
    from toolbox import encoders

    recording = encoders.write(source / "a.raw", "evt2", small)
    path = mount(source, "--sidecars", store) / SPEC / "a.h5"
    edits.tutorial(path)
    os.utime(recording, (2e9, 2e9))
    time.sleep(1.1)  # attributes are believed for a second
    assert path.stat().st_mtime == 2e9
    with h5py.File(path) as file:
        assert "confidence" in file
    os.utime(recording, (1e9, 1e9))
    time.sleep(1.1)
    assert abs(path.stat().st_mtime - time.time()) < 60


def test_the_store_is_compact(base, store):
    """No holes, nothing of the tensor: a backup copies bytes in proportion to what was added."""
    path = base / "event_cube/1ms/evt3.h5"  # 29 MB of frames
    assert path.stat().st_size > 20 << 20
    edits.rich(path)
    files = [file for file in store.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 3 << 20
    assert all(file.stat().st_size <= 4 << 20 for file in files)
    assert oct(store.stat().st_mode & 0o777) == "0o700"


def test_the_store_can_be_copied_elsewhere(mount, library, store, tmp_path):
    """By any tool that copies files, links or not."""
    where = mount(library, "--sidecars", store)
    edits.rich(where / SPEC / "evt3.h5")
    edits.change_and_delete(where / SPEC / "evt3.h5")
    before = contents(where / SPEC / "evt3.h5")
    subprocess.run(["cp", "-r", store, tmp_path / "copy"], check=True)  # -r makes two files of two hard links
    after = contents(mount(library, "--sidecars", tmp_path / "copy") / SPEC / "evt3.h5")
    same(after, before)


def test_a_backup_while_somebody_writes(mount, library, store, tmp_path, evh5):
    """Copies made at any moment hold a whole committed state: the newest, or the one before where its bytes were copied too early."""
    path = mount(library, "--sidecars", store) / SPEC / "evt3.h5"
    with h5py.File(path, "r+") as file:
        file["values"], file.attrs["number"] = np.zeros(50_000, "i8"), 0
    copies = []
    with Program(locks=False) as writer:
        writer.begin("""
for k in range(1, 15):
    with h5py.File(path, 'r+') as file:
        del file['values']
        file['values'], file.attrs['number'] = np.full(50_000, k), k
""", dict(path=str(path)))
        for number in range(5):
            copies.append(tmp_path / f"copy{number}")
            subprocess.run(["cp", "-r", store, copies[-1]], capture_output=True)  # files that go meanwhile are no matter
            time.sleep(0.15)
        writer.end()
    for copy in copies:
        path = mount(library, "--sidecars", copy) / SPEC / "evt3.h5"
        try:
            path.read_bytes()
        except OSError:
            [folder] = stores.folders(copy)
            before = sorted(int(state.name) for state in (folder / "commits").iterdir() if state.name.isdigit())[-2]
            evh5.run("sidecar", "restore", folder.name, "--state", str(before), "--sidecars", copy, check=0)
        with h5py.File(path) as file:
            assert np.all(file["values"][:] == file.attrs["number"]) and len(file["values"]) == 50_000


def test_recordings_of_any_name(mount, source, store, small):
    from toolbox import encoders

    names = ["événement_日本", "a b", "quo'te\"", "new\nline", "percent%41", "comma,eq=1", "plus+plus", "l" * 251, "-rf", "..dots"]
    for name in names:
        encoders.write(source / f"{name}.raw", "evt2", small[:500])
    spec = "histo,downsample=2,dtype=uint8,max_incr_per_pixel=3.25/1ms,max_duration=10ms,start_ts=2ms"
    where = mount(source, "--sidecars", store)
    for name in names:
        for place in ("histo/1ms/{}.h5", spec + "/{}_0.h5"):
            if len(os.path.basename(place.format(name))) <= 255:
                with h5py.File(os.fsencode(where / place.format(name)), "r+") as file:
                    file["path"] = place.format(name)
    where.stop()
    where = mount(source, "--sidecars", store)
    for name in names:
        for place in ("histo/1ms/{}.h5", spec + "/{}_0.h5"):
            if len(os.path.basename(place.format(name))) <= 255:
                with h5py.File(os.fsencode(where / place.format(name))) as file:
                    assert file["path"][()].decode() == place.format(name)


def test_status_and_default_store(mount, library, evh5):
    """Without --sidecars the store is the user's own, below XDG_STATE_HOME."""
    path = mount(library) / "histo/77ms/evt3.h5"
    edits.tutorial(path)
    try:
        assert list((evh5.home / "state/evh5/recordings").iterdir())
        assert not any("sidecar" in name or "evh5" in name for name in os.listdir(library))
    finally:
        os.remove(path)
