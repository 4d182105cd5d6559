"""What hostile files and greedy requests may not do: end the daemon, take its memory, hold up those who ask for something else."""
import os
import pathlib
import resource
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

from toolbox import encoders, scenes
from toolbox.mounting import gone, is_mounted

MIB = 1 << 20


def high_water(pid):
    """The most memory the process ever had, in MiB."""
    line = next(line for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


# --- Times of any year

# 1650, the first and last that 64 bits of ns hold (give or take), 2300, and what only some file systems keep.
SECONDS = [-10_098_086_400, -9_223_372_037, 9_223_372_036, 9_223_372_037, 10_413_792_000, 253_402_300_799, -(1 << 62), 1 << 62]


def test_files_of_any_date(mount, source, small):
    """Recordings, companions, folders and labels dated before 1677 and after 2262: all are shown and read."""
    (source / "sub").mkdir()
    for n, seconds in enumerate(SECONDS):
        for file in (encoders.write(source / f"r{n}.raw", "evt3", scenes.raw_events("evt3", small)),
                     encoders.write(source / f"sub/d{n}.dat", "dat", small)):
            os.utime(file, (seconds, seconds))
        (source / f"note{n}.txt").write_text("a companion")
        os.utime(source / f"note{n}.txt", (seconds, seconds))
    os.utime(source / "sub", (SECONDS[0],) * 2)
    where = mount(source)
    for n, seconds in enumerate(SECONDS):
        kept = (source / f"r{n}.raw").stat().st_mtime
        for name in (f"r{n}.h5", f"sub/d{n}.h5", f"note{n}.txt"):
            status = (where / "histo/50ms" / name).stat()
            if abs(kept) < 9_223_372_036:
                assert status.st_mtime == kept
            else:
                assert abs(status.st_mtime) > 9_223_372_035 and (status.st_mtime < 0) == (kept < 0)
        with h5py.File(where / f"histo/50ms/r{n}.h5") as file:
            assert np.isfinite(file["data"][0]).all()
    assert sorted(os.listdir(where / "histo/50ms")) == sorted([f"r{n}.h5" for n in range(len(SECONDS))] + [f"note{n}.txt" for n in range(len(SECONDS))] + ["sub"])
    subprocess.run(["ls", "-lR", where / "timesurface"], check=True, stdout=subprocess.DEVNULL)


def test_cache_entries_of_any_date(mount, source, small, tmp_path, evh5):
    """The dates of what lies in the cache are anybody's, too."""
    encoders.write(source / "a.raw", "evt3", scenes.raw_events("evt3", small))
    cache = tmp_path / "cache"
    first = mount(source, "--cache", cache)
    with h5py.File(first / "histo/50ms/a.h5") as file:
        want = file["data"][:]
    first.stop()
    entries = [file for file in (cache / "frames").rglob("*") if file.is_file()]
    assert entries
    for n, entry in enumerate(entries):
        os.utime(entry, (SECONDS[n % len(SECONDS)],) * 2)
    second = mount(source, "--cache", cache)
    with h5py.File(second / "histo/50ms/a.h5") as file:
        assert (file["data"][:] == want).all()
    evh5.run("cache", "stats", "--cache", cache, check=0)
    evh5.run("cache", "verify", "--cache", cache, check=0)


# --- Memory that one request takes

def dat(path, width, height, events=()):
    body = b"".join(int(t).to_bytes(4, "little") + int(p << 28 | y << 14 | x).to_bytes(4, "little") for x, y, p, t in events)
    path.write_bytes(f"% Version 2\n% Width {width}\n% Height {height}\n".encode() + b"\x0c\x08" + body)


def test_frames_that_do_not_fit_the_memory_target(mount, source):
    """16384x16384, as a DAT header may say: shown, and refused when it is opened, with a line that says what to do."""
    dat(source / "huge.dat", 16384, 16384, [(16383, 16383, 1, 5), (0, 0, 0, 900_000)])
    where = mount(source, "--memory-target", "256M")
    for name in ("timesurface/250ms", "event_cube,num_utbins=20/250ms", "histo,dtype=uint8/250ms", "diff_quantized/250ms,max_duration=500ms"):
        for path in (where / name).glob("huge*.h5"):
            assert path.stat().st_size > 256 * MIB
            with pytest.raises(OSError) as caught:
                path.open("rb").read(8192)
            assert caught.value.errno == 27, "EFBIG"
    where.wait_for_log("--memory-target", "huge.dat")
    # What fits is read: frames of 128x128, and one of 256 MiB of counts does not.
    with h5py.File(where / "histo,downsample=128/250ms/huge.h5") as file:
        assert file["data"].shape[1:] == (2, 128, 128) and file["data"][0].sum() > 0
    assert high_water(where.pid) < 256 + 150


@pytest.mark.budget(120)
def test_frames_larger_than_half_the_target_are_read_one_by_one(mount, source):
    """Two frames that fit the target each, but not together, in one request."""
    dat(source / "large.dat", 4096, 4096, [(4095, 4095, 1, 5), (7, 9, 0, 150_000), (1, 2, 1, 350_000)])
    where = mount(source, "--memory-target", "220M", "--max-cache-size", "0")
    path = where / "timesurface/100ms/large.h5"
    frame = 2 * 4096 * 4096 * 4
    with path.open("rb", buffering=0) as file, h5py.File(path) as tensor:
        start = tensor["data"].id.get_offset()
        file.seek(start + frame - MIB // 2)
        got = file.read(MIB)
    with h5py.File(path) as tensor:
        want = tensor["data"][0].tobytes()[-MIB // 2:] + tensor["data"][1].tobytes()[:MIB // 2]
    assert got == want
    assert high_water(where.pid) < 220 + 150


@pytest.mark.budget(120)
def test_many_tiny_frames_take_little_memory(mount, source, measured):
    """4 MiB of frames of 8 bytes: half a million of them."""
    events = scenes.scene(1280, 720, duration=3_000_000, count=40_000, seed=5)
    encoders.write(source / "tiny.raw", "evt3", events, 1280, 720)
    where = mount(source, "--memory-target", "256M")
    path = where / "diff,downsample=512/1us/tiny.h5"
    with h5py.File(path) as file:
        assert file["data"].shape[1:] == (1, 1, 2)
        offset = file["data"].id.get_offset()
    begin = time.monotonic()
    with path.open("rb", buffering=0) as file:
        file.seek(offset)
        got = file.read(4 * MIB)
    seconds = time.monotonic() - begin
    assert len(got) == 4 * MIB
    data = np.frombuffer(got, "f4").reshape(-1, 2)
    first = int(events["t"][0])
    keep = events[(events["t"] < len(data)) & (events["y"] < 512) & (events["x"] < 1024)]
    want = np.zeros_like(data)
    np.add.at(want, (keep["t"], keep["x"] // 512), (2.0 * keep["p"] - 1) / (5 * 512 * 512))
    assert first >= 0 and np.allclose(data, want, atol=1e-9)
    peak = high_water(where.pid)
    measured(f"4 MiB of 8-byte frames: {seconds:.1f} s, VmHWM {peak:.0f} MiB with --memory-target 256M")
    assert peak < 256 + 150
    # They are kept on disk, too, as everything else is.
    where.binary.run("unmount", where.point, check=0)


# --- Whoever waits

@pytest.fixture
def long_recording(mount, source, library, tmp_path):
    """A folder with a recording whose scan takes about 6 s: EVT4, which one thread scans word by word, and sparse on the disk."""
    def write(folder, size):
        folder.mkdir(exist_ok=True)
        with open(folder / "long.raw", "wb") as file:
            file.write(encoders.header("evt4", 64, 48))
            file.truncate(size)
        return folder

    trial = mount(write(tmp_path / "trial", 24 * MIB))
    begin = time.monotonic()
    (trial / "histo/50ms/long.h5").stat()
    each = (time.monotonic() - begin) / 24
    trial.stop()
    write(source, min(8 << 30, int(6 / each) * MIB))
    (source / "short.raw").write_bytes((library / "evt3.raw").read_bytes())
    return source


@pytest.mark.budget(180)
def test_200_readers_of_one_scan_do_not_hold_up_others(mount, long_recording):
    where = mount(long_recording, "--max-threads", "8")
    waiting = [subprocess.Popen(["stat", "-c", "%s", where / "histo/50ms/long.h5"], stdout=subprocess.DEVNULL) for _ in range(200)]
    try:
        time.sleep(0.2)
        still = sum(process.poll() is None for process in waiting)
        with h5py.File(where / "histo/50ms/short.h5") as file:
            assert len(file["data"]) > 0
        after = sum(process.poll() is None for process in waiting)
        assert [process.wait(120) for process in waiting] == [0] * 200
    finally:
        for process in waiting:
            process.kill()
            process.wait()
    if still < 100 or after == 0:
        pytest.skip(f"the scan was over too soon to tell ({still} and {after} of 200 were waiting)")


@pytest.mark.budget(180)
def test_ctrl_c_ends_the_wait_for_a_scan(mount, long_recording, measured):
    where = mount(long_recording)
    reader = subprocess.Popen([sys.executable, "-c", f"open({str(where / 'histo/100ms/long.h5')!r}, 'rb')"], stderr=subprocess.DEVNULL,
                              preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    time.sleep(1)
    if reader.poll() is not None:
        pytest.skip("the scan was over too soon to tell")
    begin = time.monotonic()
    reader.send_signal(signal.SIGINT)
    assert reader.wait(60) in (-signal.SIGINT, 1)
    waited = time.monotonic() - begin
    # The scan that nobody wants any more is not finished: asked again, it takes its time.
    begin = time.monotonic()
    # Whoever asks again gets what there is.
    assert (where / "histo/100ms/long.h5").stat().st_size > 0
    measured(f"Ctrl-C ended the wait for a scan after {waited:.2f} s; the scan takes {time.monotonic() - begin:.1f} s")
    assert waited < time.monotonic() - begin


# --- A daemon that does not answer

@pytest.fixture
def stopped(mount, library):
    where = mount(library)
    pid = where.pid
    os.kill(pid, signal.SIGSTOP)
    yield where, pid
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        pass


def test_status_of_a_stopped_daemon(stopped, evh5):
    where, pid = stopped
    begin = time.monotonic()
    done = evh5.run("status", where.point, timeout=15)
    assert time.monotonic() - begin < 8
    assert done.returncode == 12 and str(pid) in done.stderr and "stopped" in done.stderr and "kill -CONT" in done.stderr


def test_unmounting_a_stopped_daemon(stopped, evh5):
    """It works: the kernel does not ask the daemon. That cannot end, which the line says."""
    where, pid = stopped
    begin = time.monotonic()
    done = evh5.run("unmount", where.point, timeout=15)
    assert time.monotonic() - begin < 8
    assert done.returncode == 12 and str(pid) in done.stderr and "kill -CONT" in done.stderr
    assert not is_mounted(where.point)
    os.kill(pid, signal.SIGCONT)
    assert gone(pid)


def test_lazily_unmounting_a_stopped_daemon(stopped, evh5):
    where, pid = stopped
    begin = time.monotonic()
    evh5.run("unmount", "--lazy", where.point, timeout=15, check=0)
    assert time.monotonic() - begin < 8 and not is_mounted(where.point)


def test_mounting_onto_a_stopped_daemon(stopped, evh5, library):
    where, pid = stopped
    begin = time.monotonic()
    done = evh5.run("mount", library, where.point, timeout=20)
    assert time.monotonic() - begin < 15
    assert done.returncode == 12 and str(pid) in done.stderr


# --- Open files

def test_the_limit_of_open_files_is_named(mount, library):
    """EMFILE reaches the caller as such, and the log says which limit it is and how to raise it."""
    where = mount(library, prefix=("prlimit", "--nofile=40:40"))
    held, caught = [], None
    try:
        for n in range(200):
            held.append(open(where / f"histo/{n + 1}ms/evt3.h5", "rb"))
    except OSError as error:
        caught = error
    assert caught is not None and caught.errno == 24, caught
    where.wait_for_log("open files", "ulimit -n")
    for file in held:
        file.close()
    with h5py.File(where / "histo/50ms/evt3.h5") as file:
        assert len(file["data"]) > 0
