"""What becomes of additions when their recording is replaced, grows, is rewritten, moved, renamed or copied."""
import errno
import os
import shutil
import subprocess
import time

import h5py
import numpy as np
import pytest

from toolbox import edits, encoders, scenes, stores, tensors
from toolbox.contents import additions, contents, same
from toolbox.programs import Failed, Program

SPEC = "timesurface/20ms"


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def longer():
    return scenes.scene(duration=700_000, count=33_000, seed=11)


def write(path, events, format="evt2"):
    """A recording put in place at once, as by mv."""
    encoders.write(path.with_name("part"), format, events)
    os.rename(path.with_name("part"), path)
    return path


def tensor_is(path, events, format="evt2"):
    want = tensors.tensor_of("timesurface", encoders.shifted(format, events), 20_000, 48, 64)
    with h5py.File(path) as file:
        got = file["data"][:]
    assert got.shape == want.shape and np.allclose(got, want, rtol=0, atol=2e-6)


def until(true, seconds=6):
    """Names and sizes may be believed for a while."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if true():
                return
        except OSError as problem:
            assert problem.errno in (errno.ENOENT, errno.ESTALE, errno.ENOSPC, None), problem
        assert time.monotonic() < deadline, "the mount did not follow"
        time.sleep(0.05)


def frames(path):
    with h5py.File(path) as file:
        return len(file["data"])


class Enriched:
    """A recording with everything in `edits.rich` added; `check` compares with that."""

    def __init__(self, mount, source, store, events, format="evt2"):
        self.recording = write(source / f"a.{encoders.EXTENSION[format]}", events, format)
        self.mount, self.source, self.store = mount, source, store
        self.where = mount(source, "--sidecars", store)
        self.path = self.where / SPEC / "a.h5"
        self.base = contents(self.path)
        edits.rich(self.path)
        self.added = self.comparable(contents(self.path), self.base)

    def comparable(self, found, base):
        """Additions, but for what follows from the number of frames: the selection of a dataset that is made of the tensor's."""
        out = additions(found, base)
        out.pop("/storage/every other frame", None)
        return out

    def check(self, path, events, format="evt2"):
        """All that was added is there, equal, and the tensor is the new recording's."""
        tensor_is(path, events, format)
        without = self.mount(self.source, "--sidecars", self.store.with_name("none"), "--read-only")
        new = contents(without.point.joinpath(*path.parts[len(without.point.parts):]))  # mount points are all as deep
        without.stop()
        got = self.comparable(contents(path), new)
        same(got, self.added)
        with h5py.File(path) as file:
            assert file[file["references/objects"][0]] == file["data"] and file[file["references/objects"][2]] == file["references/target"]
            assert file[file["data"].attrs["explained by"]] == file["references/target"]
            assert file["data"].dims[0][0] == file["references/scale"] and file["data"].dims[0].label == "frame"
            assert file["references/scale"].is_scale and file["storage/grows"].maxshape == (None, 100)
            assert file["links/tensor"] == file["data"] and np.array_equal(file["links/soft"][0], file["data"][0])


@pytest.fixture
def enriched(mount, source, store, small):
    return Enriched(mount, source, store, small)


@pytest.mark.parametrize("mounted", [True, False], ids=["mounted", "not mounted"])
def test_replaced_by_a_longer_one(enriched, mount, longer, mounted):
    if not mounted:
        enriched.where.stop()
    write(enriched.recording, longer)
    if not mounted:
        mount(enriched.source, "--sidecars", enriched.store, point=enriched.where.point)
    until(lambda: frames(enriched.path) == 35)
    enriched.check(enriched.path, longer)
    # It goes on taking additions, and they are all there after a restart.
    with h5py.File(enriched.path, "r+") as file:
        file["more"] = np.arange(35)
    before = contents(enriched.path)
    again = mount(enriched.source, "--sidecars", enriched.store) / SPEC / "a.h5"
    after = contents(again)
    same(after, before)


def test_what_was_carried_over_can_be_changed_like_anything(enriched, longer):
    write(enriched.recording, longer)
    until(lambda: frames(enriched.path) == 35)
    copy = enriched.source.parent / "copy.h5"
    shutil.copyfile(enriched.path, copy)
    for path in (copy, enriched.path):
        edits.change_and_delete(path)
    got, want = contents(enriched.path), contents(copy)
    same(got, want)
    tensor_is(enriched.path, longer)


def test_replaced_by_a_shorter_one(enriched, small):
    with h5py.File(enriched.path, "r+") as file:
        del file["storage/every other frame"]  # a dataset made of frames that are no more cannot be read, on any disk
    write(enriched.recording, small[:9000])
    until(lambda: frames(enriched.path) < 20)
    enriched.check(enriched.path, small[:9000])


def test_replaced_by_another_format(enriched, mount, store, source, small, longer):
    """Of the same name and geometry."""
    write(enriched.recording, longer, "evt3")
    until(lambda: frames(enriched.path) == 35)
    enriched.check(enriched.path, longer, "evt3")


def test_replaced_by_another_geometry(enriched):
    """The tensor's shape is another: what was added is there, or set aside with a message; never lost, and the file reads."""
    other = scenes.scene(128, 96, seed=5)
    encoders.write(enriched.recording.with_name("part"), "evt2", other, 128, 96)
    os.rename(enriched.recording.with_name("part"), enriched.recording)

    def shape():
        with h5py.File(enriched.path) as file:
            return file["data"].shape[1:]

    until(lambda: shape() == (2, 96, 128))
    found = contents(enriched.path)
    if "/confidence" in found:
        assert found["/types/boxes"] == enriched.added["/types/boxes"]
    else:
        enriched.where.wait_for_log("warning", "a.raw", "restore")
        assert stores.removed(enriched.store)
    want = tensors.tensor_of("timesurface", encoders.shifted("evt2", other), 20_000, 96, 128)
    with h5py.File(enriched.path) as file:
        assert np.allclose(file["data"][:], want, atol=2e-6)


def test_growing(enriched, small):
    """Appended to, as a recorder does, several times, with additions in between."""
    more = scenes.scene(duration=400_000, count=20_000, seed=4, first=500_000)
    whole = np.concatenate([small, more])
    start = len(encoders.encode("evt2", small, 64, 48))
    data = encoders.encode("evt2", whole, 64, 48)
    assert data[:start] == enriched.recording.read_bytes()
    known = 20
    for step, end in enumerate((start + (len(data) - start) // 2 & ~3, len(data))):
        with open(enriched.recording, "ab") as file:
            file.write(data[enriched.recording.stat().st_size:end])
        until(lambda: frames(enriched.path) > known)
        known = frames(enriched.path)
        with h5py.File(enriched.path, "r+") as file:
            file[f"step {step}"] = step
    found = contents(enriched.path)
    assert "/step 0" in found and "/step 1" in found
    with h5py.File(enriched.path, "r+") as file:
        del file["step 0"], file["step 1"]
    enriched.check(enriched.path, whole)


def test_rewritten_with_other_events_of_the_same_size(enriched, small):
    """Nothing but its time says so."""
    other = small.copy()
    other["x"] = 63 - other["x"]
    size = enriched.recording.stat().st_size
    time.sleep(0.02)
    with open(enriched.recording, "r+b") as file:
        file.write(encoders.encode("evt2", other, 64, 48))
    assert enriched.recording.stat().st_size == size

    def shown():
        try:
            tensor_is(enriched.path, other)
            return True
        except AssertionError:
            return False

    until(shown)
    enriched.check(enriched.path, other)


def test_touched(enriched, small):
    os.utime(enriched.recording, (2e9, 2e9))
    time.sleep(1.1)
    enriched.check(enriched.path, small)


def test_emptied_and_filled_again(enriched, small, longer):
    """A recorder that begins a new recording under the old name: for a while there is none."""
    os.truncate(enriched.recording, 0)
    until(lambda: not enriched.path.exists())
    write(enriched.recording, longer)
    until(lambda: frames(enriched.path) == 35)
    enriched.check(enriched.path, longer)


def test_deleted_and_put_back(enriched, small):
    data = enriched.recording.read_bytes()
    os.remove(enriched.recording)
    until(lambda: not enriched.path.exists())
    enriched.recording.write_bytes(data)
    until(lambda: enriched.path.exists())
    enriched.check(enriched.path, small)


@pytest.mark.parametrize("mounted", [True, False], ids=["mounted", "not mounted"])
@pytest.mark.parametrize("to", ["b.raw", "folder/a.raw", "deep/er/c.raw"])
def test_moved(enriched, mount, small, to, mounted):
    """Renamed, or moved to a sub-folder: it finds its additions again."""
    if not mounted:
        enriched.where.stop()
    target = enriched.source / to
    target.parent.mkdir(parents=True, exist_ok=True)
    os.rename(enriched.recording, target)
    if not mounted:
        mount(enriched.source, "--sidecars", enriched.store, point=enriched.where.point)
    path = (enriched.where / SPEC / to).with_suffix(".h5")
    until(path.exists)
    enriched.check(path, small)
    assert not enriched.path.exists() or to == "a.raw"
    edits.change_and_delete(path)
    before = contents(path)
    assert contents(mount(enriched.source, "--sidecars", enriched.store) / path.relative_to(enriched.where.point)) == before


def test_a_folder_is_renamed(mount, source, store, small):
    (source / "one").mkdir()
    for name in "ab":
        write(source / f"one/{name}.raw", small if name == "a" else small[:9000])
    where = mount(source, "--sidecars", store)
    for name in "ab":
        with h5py.File(where / SPEC / f"one/{name}.h5", "r+") as file:
            file["name"] = name
    os.rename(source / "one", source / "two")
    for name in "ab":
        path = where / SPEC / f"two/{name}.h5"
        until(path.exists)
        with h5py.File(path) as file:
            assert file["name"][()] == name.encode()


def test_two_recordings_change_places(mount, source, store, small):
    """Each keeps its own, or what belongs to the path stays there; none is lost and none is in both."""
    for name in "ab":
        write(source / f"{name}.raw", small if name == "a" else small[:9000])
    where = mount(source, "--sidecars", store)
    for name in "ab":
        with h5py.File(where / SPEC / f"{name}.h5", "r+") as file:
            file[name] = 1
    os.rename(source / "a.raw", source / "c")
    os.rename(source / "b.raw", source / "a.raw")
    os.rename(source / "c", source / "b.raw")
    time.sleep(1.5)
    found = []
    for name in "ab":
        tensor_is(where / SPEC / f"{name}.h5", small if name == "b" else small[:9000])
        with h5py.File(where / SPEC / f"{name}.h5") as file:
            found.append(sorted(set(file) - {"data"}))
    assert sorted(found) == [["a"], ["b"]]


@pytest.mark.parametrize("times", [True, False], ids=["cp -p", "cp"])
def test_a_copy_does_not_show_them(enriched, small, times):
    (shutil.copy2 if times else shutil.copyfile)(enriched.recording, enriched.source / "copy.raw")
    path = enriched.where / SPEC / "copy.h5"
    until(path.exists)
    tensor_is(path, small)
    assert sorted(contents(path)) == ["/", "/data"]
    enriched.check(enriched.path, small)
    edits.tutorial(path)
    enriched.check(enriched.path, small)
    assert sorted(contents(path)) == ["/", "/confidence", "/data"]


def test_moved_to_another_disk(enriched, small):
    """Copied with its times and then removed, as mv does between disks: another inode, the same recording."""
    shutil.copy2(enriched.recording, enriched.source / "part")
    os.remove(enriched.recording)
    os.rename(enriched.source / "part", enriched.source / "b.raw")
    path = enriched.where / SPEC / "b.h5"
    until(path.exists)
    enriched.check(path, small)


def test_links_to_a_recording_share_its_additions(mount, source, store, small, tmp_path):
    """A recording is known by its path with links resolved: a folder of links shows what was added through another."""
    write(source / "a.raw", small)
    (tmp_path / "links").mkdir()
    (tmp_path / "links/b.raw").symlink_to(source / "a.raw")
    edits.tutorial(mount(source, "--sidecars", store) / SPEC / "a.h5")
    assert "/confidence" in contents(mount(tmp_path / "links", "--sidecars", store) / SPEC / "b.h5")


def test_every_part_and_window_is_carried_over(mount, source, store, small, longer):
    write(source / "a.raw", small)
    where = mount(source, "--sidecars", store)
    places = ["histo/20ms/a.h5", "timesurface/20ms/a.h5", "histo/500ev/a.h5", "histo/20ms,max_duration=200ms/a_0.h5", "histo/20ms,max_duration=200ms/a_1.h5"]
    for number, place in enumerate(places):
        with h5py.File(where / place, "r+") as file:
            file["number"] = number
    write(source / "a.raw", longer)
    until(lambda: frames(where / places[0]) == 35)
    for number, place in enumerate(places):
        with h5py.File(where / place) as file:
            assert file["number"][()] == number, place
            if "last_timestamps" in file:
                assert len(file["last_timestamps"]) == len(longer) // 500 and np.all(np.diff(file["last_timestamps"][:]) >= 0)


def test_a_part_that_is_no_more(mount, source, store, small):
    """The recording became shorter, and the part with it: its additions wait in the store."""
    write(source / "a.raw", small)
    where = mount(source, "--sidecars", store)
    path = where / "histo/20ms,max_duration=200ms/a_1.h5"
    with h5py.File(path, "r+") as file:
        file["number"] = 1
    write(source / "a.raw", small[:9000])
    until(lambda: not path.exists())
    write(source / "a.raw", small)
    until(path.exists)
    with h5py.File(path) as file:
        assert file["number"][()] == 1


def test_an_open_reader_while_it_changes(enriched, longer):
    """Old bytes or ESTALE; what is opened afterwards is the new recording with the old additions."""
    raw = enriched.path.read_bytes()
    with open(enriched.path, "rb", buffering=0) as early:
        os.pread(early.fileno(), 10, 0)
        write(enriched.recording, longer)
        until(lambda: frames(enriched.path) == 35)
        for offset in range(0, len(raw), 50_000):
            try:
                assert os.pread(early.fileno(), 50_000, offset) == raw[offset:offset + 50_000]
            except OSError as problem:
                assert problem.errno in (errno.ESTALE, errno.EIO)
    enriched.check(enriched.path, longer)


def test_an_open_writer_while_it_changes(enriched, longer):
    """Its session is committed and carried over, or fails as a whole with an error; nothing committed before is lost."""
    with Program(locks=False) as writer:
        writer.do("file = h5py.File(path, 'r+')\nfile['new'] = np.arange(1000)", path=str(enriched.path))
        write(enriched.recording, longer)
        time.sleep(1.2)
        try:
            writer.do("file['newer'] = 1\nfile.close()")
            committed = True
        except Failed:
            committed = False
    until(lambda: frames(enriched.path) == 35)
    found = contents(enriched.path)
    assert ("/new" in found) == ("/newer" in found) == committed
    if committed:
        with h5py.File(enriched.path, "r+") as file:
            assert np.array_equal(file["new"][:], np.arange(1000))
            del file["new"], file["newer"]
    enriched.check(enriched.path, longer)


def test_a_reading_mount_while_it_changes(enriched, mount, longer):
    """A mount that may not write shows the additions as well, or without them and says why; it never fails to read."""
    other = mount(enriched.source, "--sidecars", enriched.store, "--read-only")
    enriched.where.stop()
    write(enriched.recording, longer)
    path = other / SPEC / "a.h5"
    until(lambda: frames(path) == 35)
    tensor_is(path, longer)
    if "/confidence" not in contents(path):
        other.wait_for_log("a.raw", "read-only")
    writing = mount(enriched.source, "--sidecars", enriched.store) / SPEC / "a.h5"
    enriched.check(writing, longer)
    time.sleep(1.1)
    enriched.check(path, longer)


@pytest.mark.skipif(os.getuid() != 0, reason="only root may mount a small disk")
def test_a_full_disk_while_it_changes(mount, source, small, longer, tmp_path):
    """No room to carry over: the file cannot be opened (ENOSPC, and a line of the log) rather than shown without its additions; with room
    again all is there."""
    (tmp_path / "disk").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "evh5-test", str(tmp_path / "disk")], check=True)
    try:
        enriched = Enriched(mount, source, tmp_path / "disk/store", small)
        free = os.statvfs(tmp_path / "disk").f_bavail * 4096
        (tmp_path / "disk/rest").write_bytes(bytes(max(0, free - (20 << 10))))
        write(enriched.recording, longer)
        time.sleep(1.2)
        with pytest.raises(OSError) as problem:
            contents(enriched.path)
        assert problem.value.errno == errno.ENOSPC
        enriched.where.wait_for_log("warning", "a.raw", "No space left")
        (tmp_path / "disk/rest").unlink()
        until(lambda: frames(enriched.path) == 35)
        enriched.check(enriched.path, longer)
        assert not stores.removed(enriched.store) and not stores.torn(enriched.store)
        enriched.where.stop()
    finally:
        subprocess.run(["umount", "-l", str(tmp_path / "disk")], check=True)
