"""The disk cache of frames: kept over restarts, shared, damaged, full, bounded, and the commands on it."""
import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import time

import h5py
import numpy as np
import pytest

IS_ROOT = os.getuid() == 0
SPEC = "histo/10ms"


def read(where, name="evt3", spec=SPEC):
    with h5py.File(where / spec / f"{name}.h5") as file:
        return file["data"][:]


def status(where):
    return json.loads((where / ".evh5/status.json").read_text())


def settled(where, seconds=10):
    """The status once nothing waits to be stored."""
    deadline = time.monotonic() + seconds
    while (now := status(where))["cache"]["queued"]:
        assert time.monotonic() < deadline, now
        time.sleep(0.02)
    return now


def entries(cache):
    return sorted(path for path in (cache / "frames").rglob("*-*") if path.is_file())


def test_frames_survive_a_restart(mount, library, tmp_path):
    cache = tmp_path / "cache"
    first = mount(library, "--cache", cache)
    expected = read(first)
    before = settled(first)
    frames = len(expected)
    assert before["frames"]["computed"] == before["cache"]["stored"] == before["cache"]["entries"] == frames
    assert before["cache"]["hits"] == 0 and before["cache"]["dropped"] == 0 and "problem" not in before["cache"]
    first.stop()
    assert len(entries(cache)) == frames
    second = mount(library, "--cache", cache)
    assert np.array_equal(read(second), expected)
    after = settled(second)
    assert after["frames"]["computed"] == 0 and after["cache"]["hits"] == frames and after["cache"]["stored"] == 0
    assert after["cache"]["entries"] == frames


def test_unmounting_at_once_keeps_the_frames(mount, library, tmp_path):
    cache = tmp_path / "cache"
    first = mount(library, "--cache", cache)
    pid, expected = first.pid, read(first)
    first.stop()
    deadline = time.monotonic() + 10
    while pathlib.Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(entries(cache)) == len(expected)


def test_every_kind_of_tensor(mount, library, tmp_path):
    cache = tmp_path / "cache"
    specs = ["histo/50ms", "diff/20ms", "timesurface/50ms", "event_cube/50ms", "multi_channel_timesurface/100ms", "histo_quantized/10ms",
             "histo,dtype=uint8/50ms", "timesurface,downsample=2/50ms", "histo/500ev", "histo/10ms,start_ts=100ms",
             "histo,downsample=8/10ms", "timesurface,downsample=16/7ms", "diff,downsample=16/300ev"]
    first = mount(library, "--cache", cache)
    expected = {(spec, name): read(first, name, spec) for spec in specs for name in ("evt2", "evt3", "dat")}
    settled(first)
    first.stop()
    second = mount(library, "--cache", cache)
    for (spec, name), tensor in expected.items():
        assert np.array_equal(read(second, name, spec), tensor), (spec, name)
    # All are kept, small frames many to an entry.
    assert status(second)["frames"]["computed"] == 0


def test_spellings_share_their_frames(mount, library, tmp_path):
    where = mount(library, "--cache", tmp_path / "cache")
    read(where, spec="histo/50ms")
    read(where, spec="histo,max_incr_per_pixel=5/0.05s")
    count = settled(where)["cache"]["stored"]
    assert count == len(read(where, spec="histo/50ms"))


def test_blocks_tell_what_is_held(mount, library, tmp_path):
    cache = tmp_path / "cache"
    where = mount(library, "--cache", cache)
    path = where / SPEC / "evt3.h5"
    empty = path.stat().st_blocks
    read(where)
    settled(where)
    time.sleep(1.1)  # attributes are believed for a second
    held = sum(-(-entry.stat().st_size // 4096) * 8 for entry in entries(cache))
    assert held > 0 and path.stat().st_blocks == empty + held
    where.stop()
    again = mount(library, "--cache", cache)
    settled(again)
    assert (again / SPEC / "evt3.h5").stat().st_blocks == empty + held


def test_a_changed_recording_is_computed_anew(mount, library, tmp_path):
    source, cache = tmp_path / "source", tmp_path / "cache"
    source.mkdir()
    shutil.copy(library / "evt3.raw", source / "a.raw")
    first = mount(source, "--cache", cache)
    old = read(first, "a")
    settled(first)
    first.stop()
    shutil.copy(library / "evt2.raw", source / "a.raw")
    second = mount(source, "--cache", cache)
    new = read(second, "a")
    assert status(second)["cache"]["hits"] == 0
    second.stop()
    plain = mount(library, "--max-cache-size", "0")
    assert np.array_equal(read(plain, "evt2"), new) and np.array_equal(read(plain, "evt3"), old)
    assert "cache" not in status(plain)


def test_two_mounts_share_a_cache(mount, library, tmp_path):
    cache = tmp_path / "cache"
    one, two = mount(library, "--cache", cache), mount(library, "--cache", cache)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(read, where, name, spec) for _ in range(2) for name in ("evt2", "evt3", "dat")
                for spec in ("histo/10ms", "timesurface/20ms") for where in (one, two)]
        tensors = [job.result() for job in jobs]
    for first, second in zip(tensors[::2], tensors[1::2]):
        assert np.array_equal(first, second)
    settled(one), settled(two)
    third = mount(library, "--cache", cache)
    for name in ("evt2", "evt3", "dat"):
        for spec in ("histo/10ms", "timesurface/20ms"):
            read(third, name, spec)
    assert status(third)["frames"]["computed"] == 0
    read(one, "evt4", "diff/10ms")
    settled(one)
    assert np.array_equal(read(two, "evt4", "diff/10ms"), read(one, "evt4", "diff/10ms"))
    assert status(two)["cache"]["hits"] > 0


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "swap", "zeros"])
def test_damaged_entries_are_computed_anew(mount, evh5, library, tmp_path, damage):
    cache = tmp_path / "cache"
    first = mount(library, "--cache", cache)
    expected = read(first)
    settled(first)
    first.stop()
    files = entries(cache)
    contents = [file.read_bytes() for file in files]
    for number, file in enumerate(files):
        data = bytearray(contents[number])
        if damage == "flip":
            data[number * 37 % len(data)] ^= 0x10
        elif damage == "truncate":
            data = data[: number * 41 % len(data)]
        elif damage == "empty":
            data = b""
        elif damage == "swap":
            data = contents[(number + 1) % len(contents)]
        else:
            data = bytes(len(data))
        file.write_bytes(data)
    second = mount(library, "--cache", cache)
    assert np.array_equal(read(second), expected)
    after = settled(second)
    assert after["cache"]["corrupt"] == after["frames"]["computed"] == len(files)
    second.wait_for_log("warning", "damaged")
    second.stop()
    assert [file.read_bytes() for file in files] == contents


def test_commands(mount, evh5, library, tmp_path):
    cache = tmp_path / "cache"
    assert evh5.json("cache", "stats", "--cache", cache)["frames"] == 0
    assert evh5.json("cache", "verify", "--cache", cache)["checked"] == 0
    where = mount(library, "--cache", cache)
    expected = read(where)
    settled(where)
    stats = evh5.json("cache", "stats", "--cache", cache)
    assert stats["frames"] == len(expected) and stats["tensors"] == 1 and stats["indexes"] == 1
    assert stats["frameBytes"] == sum(-(-entry.stat().st_size // 4096) * 4096 for entry in entries(cache))
    assert "frames" in evh5.run("cache", "stats", "--cache", cache, check=0).stdout
    good = evh5.json("cache", "verify", "--cache", cache)
    assert good["checked"] == len(expected) and good["corrupt"] == 0
    files = entries(cache)
    files[0].write_bytes(files[0].read_bytes()[:-1])
    files[1].rename(files[1].with_name(files[1].name[:-1] + "7777"))  # under another frame's name
    (files[2].parent / "rubbish-1").write_bytes(b"rubbish")
    bad = evh5.json("cache", "verify", "--cache", cache)
    assert bad["corrupt"] == bad["removed"] == 3 and len(entries(cache)) == len(expected) - 2
    summaries = evh5.json("cache", "stats", "--cache", cache)["summaries"]
    cleared = evh5.json("cache", "clear", "--cache", cache)
    # The index too, and the folder's summary, which is written some time after the scan.
    assert cleared["removed"] in (len(expected) - 1 + summaries, len(expected))
    assert entries(cache) == [] and not list(cache.glob("*.evh5index"))
    # The mount goes on, from memory and from the recording.
    assert np.array_equal(read(where), expected)
    assert np.array_equal(read(where, "evt2"), read(mount(library, "--cache", tmp_path / "other"), "evt2"))


def test_warm(mount, evh5, library, tmp_path):
    cache = tmp_path / "cache"
    where = mount(library, "--cache", cache)
    summary = evh5.json("warm", where / "histo/10ms", where / "timesurface/50ms/evt3.h5")
    files = sorted((where / "histo/10ms").glob("*.h5"))
    assert summary["files"] == len(files) + 1 and summary["failures"] == [] and summary["dropped"] == 0
    assert summary["bytes"] == sum(file.stat().st_size for file in files) + (where / "timesurface/50ms/evt3.h5").stat().st_size
    assert summary["computed"] == summary["stored"] == len(entries(cache)) > len(files)
    where.stop()
    again = mount(library, "--cache", cache)
    summary = evh5.json("warm", again / "histo/10ms", again / "timesurface/50ms/evt3.h5")
    assert summary["computed"] == 0 and summary["fromCache"] == len(entries(cache))
    assert evh5.run("warm", library).returncode == 7
    assert evh5.run("warm", again / "histo/10ms/none.h5").returncode == 3
    assert evh5.run("warm").returncode == 64
    text = evh5.run("warm", again / "histo/20ms/evt2.h5", check=0).stdout
    assert "1 file, " in text and "computed" in text
    again.stop()
    uncached = mount(library, "--cache", cache, "--max-cache-size", "0")
    assert evh5.run("warm", uncached / "histo/20ms/evt2.h5").returncode == 10


def test_the_size_is_bounded_and_the_oldest_go(mount, library, tmp_path):
    cache, limit = tmp_path / "cache", 400 << 10
    where = mount(library, "--cache", cache, "--max-cache-size", "400K")
    expected = read(where, "evt3", "timesurface/1ms")
    for name in ("evt2", "evt4", "dat"):
        assert np.array_equal(read(where, name, "timesurface/1ms").shape[1:], expected.shape[1:])
        after = settled(where)
        assert sum(-(-entry.stat().st_size // 4096) * 4096 for entry in entries(cache)) <= limit
    assert after["cache"]["evicted"] > 0 and after["cache"]["bytes"] <= limit == after["cache"]["limit"]
    where.stop()
    again = mount(library, "--cache", cache, "--max-cache-size", "400K")
    with h5py.File(again / "timesurface/1ms/dat.h5") as file:
        file["data"][-1]
    assert status(again)["cache"]["hits"] == 1
    assert np.array_equal(read(again, "evt3", "timesurface/1ms"), expected)


def full_disk(where, size):
    where.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "evh5-test", str(where)], check=True)


@pytest.mark.skipif(not IS_ROOT, reason="only root may mount a small disk")
def test_a_full_disk(mount, library, tmp_path):
    """A disk of which others leave 5 % or nothing: all reads work, nothing is stored, one line says so."""
    disk = tmp_path / "disk"
    full_disk(disk, "1m")
    try:
        (disk / "rest").write_bytes(bytes(1000 << 10))
        where = mount(library, "--cache", disk / "cache")
        plain = mount(library, "--max-cache-size", "0")
        for name in ("evt3", "evt2"):
            assert np.array_equal(read(where, name), read(plain, name))
        after = settled(where)
        assert after["cache"]["stored"] == 0 and after["cache"]["dropped"] > 0 and after["cache"]["problem"]
        assert where.log().count("frames are not kept on disk") == 1
        text = subprocess.run([where.binary.path, "status", str(where.point)], capture_output=True, text=True).stdout
        assert "not kept" in text
        # Room again: it is used, without a new mount.
        (disk / "rest").unlink()
        deadline = time.monotonic() + 30
        number = 0
        while settled(where)["cache"]["stored"] == 0:
            assert time.monotonic() < deadline
            read(where, "evt4", f"histo/{20 + number}ms")
            number += 1
            time.sleep(0.5)
        assert "problem" not in settled(where)["cache"]
        where.stop()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.skipif(not IS_ROOT, reason="only root may mount a read-only folder")
def test_a_read_only_cache_is_read(mount, library, tmp_path):
    cache = tmp_path / "cache"
    first = mount(library, "--cache", cache)
    expected = read(first)
    settled(first)
    first.stop()
    subprocess.run(["mount", "--bind", str(cache), str(cache)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(cache)], check=True)
        where = mount(library, "--cache", cache)
        assert np.array_equal(read(where), expected)
        assert status(where)["frames"]["computed"] == 0
        read(where, spec="histo/20ms")
        after = settled(where)
        assert after["cache"]["stored"] == 0 and "not kept on disk" in after["cache"]["problem"]
        assert where.log().count("frames are not kept on disk") == 1
        where.stop()
    finally:
        subprocess.run(["umount", "-l", str(cache)], check=True)


def test_a_cache_that_cannot_be_or_vanishes(mount, library, tmp_path):
    (tmp_path / "file").touch()
    where = mount(library, "--cache", tmp_path / "file/cache")
    expected = read(where)
    after = settled(where)
    assert after["cache"]["stored"] == 0 and after["cache"]["problem"]
    where.wait_for_log("warning", "not kept on disk")
    cache = tmp_path / "cache"
    where = mount(library, "--cache", cache)
    assert np.array_equal(read(where), expected)
    settled(where)
    shutil.rmtree(cache)
    assert np.array_equal(read(where, spec="histo/20ms"), read(mount(library, "--max-cache-size", "0"), spec="histo/20ms"))
    assert settled(where)["cache"]["stored"] > len(expected) and entries(cache)


def test_a_cache_in_the_mount_itself_is_refused(evh5, library, tmp_path):
    (tmp_path / "point").mkdir()
    done = evh5.run("mount", library, tmp_path / "point", "--cache", tmp_path / "point/cache")
    assert done.returncode == 5 and "--cache" in done.stderr


@pytest.mark.parametrize("value, code", [("lots", 64), ("-1", 64), ("1.5G", 0), ("0", 0)])
def test_max_cache_size(evh5, mount, library, tmp_path, value, code):
    if code == 0:
        limit = status(mount(library, "--max-cache-size", value)).get("cache", {}).get("limit", 0)
        assert limit == {"1.5G": 3 << 29, "0": 0}[value]
    else:
        (tmp_path / "point").mkdir()
        assert evh5.run("mount", library, tmp_path / "point", f"--max-cache-size={value}").returncode == code
