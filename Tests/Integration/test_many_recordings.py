"""Folders of many small recordings: sizes before and after a restart, changes, what is not shown, memory."""
import json
import os
import re
import subprocess
import time

import h5py
import numpy as np
import pytest

from toolbox import encoders, scenes

COUNT = 2000
SPEC = "histo/20ms"


def frames(events):
    """Frames of 20 ms up to the last event."""
    return -(-int(events["t"][-1]) // 20_000) if len(events) else 0


@pytest.fixture(scope="module")
def kinds():
    """Encoded recordings of some lengths, and their numbers of frames."""
    made = []
    for number in range(12):
        events = scenes.raw_events("evt3", scenes.scene(count=30 + 40 * number, duration=40_000 + 55_000 * number, seed=number))
        format = ("evt3", "evt2", "dat")[number % 3]
        shown = encoders.shifted(format, events)
        made.append((format, encoders.encode(format, events, 64, 48), frames(shown)))
    return made


def put(folder, number, kind, age=100):
    format, bytes, _ = kind
    path = folder / f"n{number:05}{'.dat' if format == 'dat' else '.raw'}"
    part = folder.parent / "part"
    part.write_bytes(bytes)
    if age:
        os.utime(part, (time.time() - age,) * 2)
    os.rename(part, path)
    return path


@pytest.fixture
def many(source, kinds):
    for number in range(COUNT):
        put(source, number, kinds[number % len(kinds)])
    return source


def ls(folder):
    """{name: size} as `ls -l` has it."""
    lines = subprocess.run(["ls", "-l", folder], check=True, capture_output=True, text=True, timeout=60).stdout.splitlines()[1:]
    return {line.split()[8]: int(line.split()[4]) for line in lines}


def find(folder, size):
    return set(subprocess.run(["find", folder, "-type", "f", "-size", f"-{size}c", "-printf", "%f\n"], check=True, capture_output=True, text=True, timeout=60).stdout.split())


def du(folder):
    return int(subprocess.run(["du", "-s", "--apparent-size", "-B1", folder], check=True, capture_output=True, text=True, timeout=60).stdout.split()[0])


def frame_bytes(sizes, number, kind):
    """What of a file's size is frames: 2x48x64 float32 each, behind 4096 bytes."""
    return (sizes[f"n{number:05}.h5"] - 4096) // (2 * 48 * 64 * 4) if kind[2] else 0


@pytest.mark.budget(180)
def test_sizes_are_right_at_first_later_and_after_a_restart(mount, evh5, many, kinds, tmp_path):
    cache = tmp_path / "cache"
    where = mount(many, "--cache", cache)
    first = ls(where / SPEC)
    assert len(first) == COUNT
    for number in range(COUNT):
        kind = kinds[number % len(kinds)]
        assert frame_bytes(first, number, kind) == kind[2], number
    limit = sorted(first.values())[COUNT // 2]
    smaller = {name for name, size in first.items() if size < limit}
    seen = (ls(where / SPEC), find(where / SPEC, limit), du(where / SPEC))
    assert seen[0] == first and seen[1] == smaller
    # What is opened is as large, and is what libhdf5 takes for a file.
    for number in range(0, COUNT, 97):
        path = where / SPEC / f"n{number:05}.h5"
        with open(path, "rb") as file:
            assert len(file.read()) == first[path.name] == os.path.getsize(path)
        with h5py.File(path) as file:
            assert len(file["data"]) == kinds[number % len(kinds)][2]
    other = ls(where / "timesurface/50ms")
    where.stop()
    # One file for all, instead of one for each.
    assert len(list(cache.glob("*.evh5summary"))) == 1 and not list(cache.glob("*.evh5index"))
    again = mount(many, "--cache", cache)
    assert (ls(again / SPEC), find(again / SPEC, limit), du(again / SPEC)) == seen
    assert ls(again / "timesurface/50ms") == other
    again.stop()
    # A damaged summary is made again, with a line in the log.
    summary = next(cache.glob("*.evh5summary"))
    bytes = bytearray(summary.read_bytes())
    bytes[len(bytes) // 2] ^= 0x40
    summary.write_bytes(bytes)
    damaged = mount(many, "--cache", cache)
    assert ls(damaged / SPEC) == first
    damaged.wait_for_log("damaged")
    damaged.stop()
    assert summary.read_bytes() != bytes


@pytest.mark.budget(180)
def test_changes_are_followed_at_once_and_after_a_restart(mount, source, kinds, tmp_path):
    cache = tmp_path / "cache"
    here = {number: kinds[number % len(kinds)] for number in range(300)}
    for number, kind in here.items():
        put(source, number, kind)
    random = np.random.default_rng(4)
    where = mount(source, "--cache", cache)
    for round in range(25):
        number = int(random.integers(0, 330))
        kind = kinds[int(random.integers(0, len(kinds)))]
        old = here.get(number)
        what = round % 5
        if old and what in (1, 2, 4):
            old_path = source / f"n{number:05}{'.dat' if old[0] == 'dat' else '.raw'}"
            if what == 1:
                old_path.unlink()
                del here[number]
            elif what == 2:
                os.utime(old_path, (time.time() - int(random.integers(0, 1000)),) * 2)
            else:
                # Rewritten in place, with a time of its own.
                same = [other for other in kinds if other[0] == old[0]]
                kind = same[int(random.integers(0, len(same)))]
                old_path.write_bytes(kind[1])
                here[number] = kind
        elif what == 3:
            where.stop()
            where = mount(source, "--cache", cache)
        else:
            for suffix in (".raw", ".dat"):
                (source / f"n{number:05}{suffix}").unlink(missing_ok=True)
            put(source, number, kind, age=int(random.integers(0, 2)) * 50)
            here[number] = kind
        deadline = time.monotonic() + 5
        while True:
            # Attributes may be believed for a second, names a tenth of one.
            sizes = ls(where / SPEC)
            wrong = {n for n, kind in here.items() if f"n{n:05}.h5" not in sizes or frame_bytes(sizes, n, kind) != kind[2]}
            if not wrong and len(sizes) == len(here):
                break
            assert time.monotonic() < deadline, (round, what, number, wrong)
            time.sleep(0.1)


def test_two_mounts_share_what_they_find(mount, source, kinds, tmp_path):
    cache = tmp_path / "cache"
    for number in range(200):
        put(source, number, kinds[number % len(kinds)])
    one, two = mount(source, "--cache", cache), mount(source, "--cache", cache)
    assert ls(one / SPEC) == ls(two / SPEC)
    for number in range(200, 300):
        put(source, number, kinds[number % len(kinds)])
    time.sleep(0.2)
    assert len(ls(one / SPEC)) == 300
    two.stop(), one.stop()
    three = mount(source, "--cache", cache)
    assert len(ls(three / SPEC)) == 300


def test_what_is_not_shown_is_said(mount, evh5, source, kinds):
    put(source, 1, kinds[0])
    for number in range(20):
        (source / f"bad{number:02}.raw").write_bytes(b"no recording")
    (source / "n00001.h5").write_bytes(b"mine")
    where = mount(source)
    assert sorted(os.listdir(where / SPEC)) == ["n00001.h5", "n00001.h5.source"]
    os.listdir(where / "timesurface/50ms")
    where.wait_for_log("20 of 21 files", "not shown")
    assert len(re.findall("with names of recordings are not shown", where.log())) == 1
    where.wait_for_log("n00001.h5.source")
    assert (where / SPEC / "n00001.h5.source").read_bytes() == b"mine"
    with h5py.File(where / SPEC / "n00001.h5") as file:
        assert "data" in file
    status = evh5.json("status", where.point)
    assert status["recordingsNotShown"] == 20 and status["notShown"][0]["path"] == "bad00.raw"
    text = evh5.run("status", where.point, check=0).stdout
    assert "20 files" in text and "bad00.raw: " in text


@pytest.mark.budget(120)
def test_memory_for_a_recording_is_small(mount, source, kinds):
    for number in range(COUNT):
        put(source, number, kinds[number % len(kinds)])
    (source / "few").mkdir()
    for number in range(20):
        put(source / "few", number, kinds[number % len(kinds)])
    where = mount(source)

    def resident():
        return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{where.pid}/status").read())[1]) << 10

    specs = (SPEC, "timesurface/50ms", "diff/10ms")
    # What any folder costs: threads, buffers, libhdf5.
    for spec in specs:
        assert len(ls(where / spec / "few")) == 20
    before = resident()
    for spec in specs:
        assert len(ls(where / spec)) == COUNT + 1
    assert (resident() - before) / COUNT < 8192, "what a recording costs"
