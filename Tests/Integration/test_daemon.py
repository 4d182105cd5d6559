"""The mount as a process: when it says it is there, how it ends, whom it serves, what it costs."""
import concurrent.futures
import errno
import hashlib
import json
import multiprocessing
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import tempfile
import time

import h5py
import numpy as np
import pytest

from toolbox import encoders, scenes
from toolbox.mounting import end_by_force, gone, is_mounted

IS_ROOT = os.getuid() == 0


def wait_unmounted(point, seconds=10):
    deadline = time.monotonic() + seconds
    while is_mounted(point) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_mounted(point)


def test_mount_returns_once_it_answers(mount, library):
    """No wait, no retry: the first access after `mount` returned must succeed. Several times, as races come and go."""
    for _ in range(5):
        where = mount(library)
        assert is_mounted(where.point)
        assert (where / "histo/10ms/evt3.h5").stat().st_size > 4096
        where.stop()
        assert not is_mounted(where.point) and list(where.point.iterdir()) == []


def test_mount_lets_go_of_the_terminal(evh5, library, tmp_path, mount):
    """The daemon keeps neither stdout nor stderr open (a pipe reader would wait for ever), leads its own session, and stands in /."""
    where = mount(library)  # captures both pipes to their end: had the daemon kept them, this would not return
    pid = where.pid
    assert os.getsid(pid) != os.getsid(0)
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
    for number in (0, 1, 2):
        assert os.readlink(f"/proc/{pid}/fd/{number}") == "/dev/null" or "log" in os.readlink(f"/proc/{pid}/fd/{number}")


def test_relative_paths(evh5, library, tmp_path):
    (tmp_path / "m").mkdir()
    shutil.copytree(library, tmp_path / "rec")
    try:
        evh5.run("mount", "rec", "m", "--log-directory", "logs", cwd=tmp_path, check=0)
        assert (tmp_path / "m/histo/10ms/evt3.h5").is_file()
        evh5.run("unmount", "m", cwd=tmp_path, check=0)
        assert not is_mounted(tmp_path / "m")
    finally:
        end_by_force(tmp_path / "m")


FAILURES = {
    "missing_source": ("sourceless", "point", (), 4),
    "file_as_source": ("file", "point", (), 4),
    "missing_mountpoint": ("source", "pointless", (), 5),
    "file_as_mountpoint": ("source", "file", (), 5),
    "bad_memory_target": ("source", "point", ("--memory-target", "lots"), 64),
    "bad_geometry": ("source", "point", ("--geometry", "640*480"), 64),
    "bad_log_level": ("source", "point", ("--log-level", "chatty"), 64),
    "unknown_flag": ("source", "point", ("--frobnicate",), 64),
    "unknown_fuse_option": ("source", "point", ("-o", "noatime,nosuchoption=3"), 6),
    "missing_config": ("source", "point", ("--config-file", "none.yaml"), 78),
    "config_is_no_yaml": ("source", "point", ("--config-file", "broken.yaml"), 78),
    "config_with_unknown_key": ("source", "point", ("--config-file", "unknown.yaml"), 78),
    "config_with_bad_value": ("source", "point", ("--config-file", "value.yaml"), 78),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failures_have_a_code_and_one_line(evh5, tmp_path, name):
    source, point, arguments, code = FAILURES[name]
    for folder in ("source", "point"):
        (tmp_path / folder).mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "broken.yaml").write_text("a: [\n")
    (tmp_path / "unknown.yaml").write_text("memory-traget: 1G\n")
    (tmp_path / "value.yaml").write_text("memory-target: lots\n")
    try:
        done = evh5.run("mount", source, point, *arguments, cwd=tmp_path)
        assert done.returncode == code, done.stderr
        lines = done.stderr.strip().splitlines()
        if code != 64:  # a wrong command line may be followed by the usage
            assert len(lines) == 1, done.stderr
        assert lines and len(lines[0]) > 10 and done.stdout == ""
        if name == "unknown_fuse_option":
            assert "unknown option(s): `-o nosuchoption=3'" in lines[0]
        assert not is_mounted(tmp_path / point)
    finally:
        end_by_force(tmp_path / "point")


def test_wrong_environment(evh5, source, tmp_path):
    (tmp_path / "m").mkdir()
    done = evh5.run("mount", source, tmp_path / "m", environment={"EVH5_MEMORY_TARGET": "lots"})
    assert done.returncode == 78 and "EVH5_MEMORY_TARGET" in done.stderr and not is_mounted(tmp_path / "m")


def test_already_mounted(mount, library, evh5):
    where = mount(library)
    done = evh5.run("mount", library, where.point)
    assert done.returncode == 5 and len(done.stderr.strip().splitlines()) == 1
    assert (where / "histo/10ms/evt3.h5").is_file()
    evh5.run("unmount", where.point, check=0)
    assert not is_mounted(where.point)


def test_mount_point_inside_the_source(evh5, tmp_path, small):
    """Refused, or working without a deadlock; never a hang."""
    encoders.write(tmp_path / "s/a.raw", "evt2", small)
    point = tmp_path / "s/m"
    point.mkdir()
    try:
        done = evh5.run("mount", tmp_path / "s", point, timeout=20)
        if done.returncode == 0:
            assert "a.h5" in os.listdir(point / "histo/10ms")
            assert sum(len(files) for _, _, files in os.walk(point / "histo/10ms")) < 100
            evh5.run("unmount", point, check=0)
        else:
            assert done.returncode in (4, 5)
    finally:
        end_by_force(point)


def test_settings_by_precedence(mount, source, tmp_path, small):
    """Flag, then environment, then config file, then default."""
    (source / "bare.dat").write_bytes(b"% Version 2\n" + encoders.dat(small))
    config = tmp_path / "config.yaml"
    config.write_text("geometry:\n  'b*.dat': 100x90\nwindows: [7ms, 30000ev]\n")
    where = mount(source, "--config-file", config)
    assert set(os.listdir(where / "histo")) == {"7ms", "30000ev"}
    assert h5py.File(where / "histo/7ms/bare.h5")["data"].shape[2:] == (90, 100)
    where = mount(source, "--config-file", config, "--geometry", "80x70")
    assert h5py.File(where / "histo/7ms/bare.h5")["data"].shape[2:] == (70, 80)


def test_unmounting_what_is_not_mounted(evh5, tmp_path):
    for point in (tmp_path, tmp_path / "missing", pathlib.Path("/proc")):
        done = evh5.run("unmount", point)
        assert done.returncode == 7 and len(done.stderr.strip().splitlines()) == 1, done.stderr
    done = evh5.run("status", tmp_path)
    assert done.returncode == 7 and len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_unmount_waits(mount, library, evh5):
    """When it returns, the mount is gone and so is the daemon."""
    where = mount(library)
    pid = where.pid
    with h5py.File(where / "histo/10ms/evt3.h5") as file:
        file["data"][0]
    evh5.run("unmount", where.point, check=0)
    assert not is_mounted(where.point) and gone(pid, 0.5)


def test_a_busy_mount_stays(mount, library, evh5):
    where = mount(library)
    with open(where / "histo/10ms/evt3.h5", "rb") as file:
        done = evh5.run("unmount", where.point, timeout=40)
        assert done.returncode == 8 and len(done.stderr.strip().splitlines()) == 1, done.stderr
        assert file.read(8) == b"\x89HDF\r\n\x1a\n"
    evh5.run("unmount", where.point, check=0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("foreground", [False, True])
def test_signals_end_cleanly(mount, library, number, foreground):
    where = mount(library, foreground=foreground)
    (where / "histo/10ms/evt3.h5").read_bytes()
    os.kill(where.pid, number)
    pid = where.process.pid if foreground else None
    assert wait_unmounted(where.point)
    if foreground:
        assert where.process.wait(10) == 0
    assert pid is None or gone(pid)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_a_daemon_whose_starter_ignored_them(mount, library, number):
    """As scripts do that start it with & or under nohup."""
    where = mount(library, prefix=("sh", "-c", "trap '' TERM INT HUP; exec \"$@\"", "sh"))
    pid = where.pid
    os.kill(pid, number)
    assert wait_unmounted(where.point) and gone(pid)


def test_foreground_logs_to_stderr(evh5, library, tmp_path):
    point = tmp_path / "m"
    point.mkdir()
    process = evh5.start("mount", library, point, "-f")
    try:
        deadline = time.monotonic() + 15
        while not is_mounted(point) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not os.path.exists(point / "histo,foo=1")
        assert os.path.exists(point / "histo")
        evh5.run("unmount", point, check=0)
        text = process.communicate(timeout=10)[0].decode()
        assert process.returncode == 0 and "histo,foo=1" in text
    finally:
        end_by_force(point)
        process.kill()
        process.stdout.close()


def test_a_killed_daemon_is_recovered(mount, library, evh5):
    where = mount(library)
    os.kill(where.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.stat(where / "histo")
        except OSError as problem:
            if problem.errno == errno.ENOTCONN:
                break
        time.sleep(0.02)
    assert is_mounted(where.point)
    done = evh5.run("status", where.point)
    assert done.returncode == 7 and len(done.stderr.strip().splitlines()) == 1 and "is dead" in done.stderr
    evh5.run("mount", library, where.point, "--log-directory", where.logs, check=0)
    assert (where / "histo/10ms/evt3.h5").read_bytes()
    assert evh5.run("unmount", where.point).returncode == 0
    assert not is_mounted(where.point)


def test_unmounting_a_dead_mount(mount, library, evh5):
    where = mount(library)
    os.kill(where.pid, signal.SIGKILL)
    time.sleep(0.3)
    evh5.run("unmount", where.point, check=0)
    assert not is_mounted(where.point)


def test_a_reader_in_flight_does_not_stop_the_end(mount, library):
    where = mount(library)
    reader = subprocess.Popen(["sh", "-c", f"while cat '{where / 'histo/1ms/evt3.h5'}' >/dev/null; do :; done"], stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.3)
        pid = where.pid
        os.kill(pid, signal.SIGTERM)
        assert gone(pid)
    finally:
        reader.kill()
        reader.wait()
    assert wait_unmounted(where.point)


def test_a_hung_mount_fails_a_test_instead_of_hanging_it(mount, library, guard):
    """The tests' own safety: a daemon that does not answer is ended by the guard when the test's time is over."""
    where = mount(library)
    pid = where.pid
    os.kill(pid, signal.SIGSTOP)
    guard("begin 1")
    with pytest.raises(OSError) as problem:
        os.stat(where / "histo/10ms/evt2.h5")
    assert problem.value.errno in (errno.ENOTCONN, errno.ECONNABORTED, errno.ENOENT)
    assert wait_unmounted(where.point)
    os.kill(pid, signal.SIGKILL)  # stopped, it would never end


def test_a_stopped_daemon_is_not_taken_for_another(evh5, mount, library, tmp_path):
    """A mount that is gone leaves its number to the next one, while its daemon, which was stopped, keeps it."""
    gone, point = tmp_path / "gone", tmp_path / "next"
    for folder in (gone, point):
        folder.mkdir()
        evh5.run("mount", library, folder, check=0)
        if folder == gone:
            pid = evh5.json("status", gone)["pid"]
            os.kill(pid, signal.SIGSTOP)
            evh5.run("unmount", "--lazy", gone, check=0)
    try:
        evh5.run("unmount", point, check=0)
    finally:
        os.kill(pid, signal.SIGKILL)


def test_modes_and_owner(mount, library):
    # Others may look in, so that the files can be somebody else's even where an ordinary user runs these tests.
    where = mount(library, "--file-mode", "0404", "--dir-mode", "0505", "--uid", "1234", "--gid", "4321")
    for path, mode in (("histo/10ms/evt3.h5", 0o404), ("histo/10ms", 0o505), ("histo", 0o505)):
        told = os.stat(where / path)
        assert stat.S_IMODE(told.st_mode) == mode and (told.st_uid, told.st_gid) == (1234, 4321)
    told = os.stat(mount(library) / "histo/10ms/evt3.h5")
    assert stat.S_IMODE(told.st_mode) == 0o644 and told.st_uid == os.getuid()


def test_statfs_and_other_calls_do_no_harm(mount, library):
    where = mount(library)
    os.statvfs(where.point)
    os.statvfs(where / "histo/10ms/evt3.h5")
    for call in (lambda p: os.getxattr(p, "user.x"), lambda p: os.setxattr(p, "user.x", b"1"), lambda p: os.chmod(p, 0o777), lambda p: os.utime(p), os.listxattr,
                 lambda p: os.symlink("x", str(p) + "y"), lambda p: os.link(p, str(p) + "z"), lambda p: os.mkfifo(str(p) + "f")):
        try:
            call(where / "histo/10ms/evt3.h5")
        except OSError:
            pass
    assert (where / "histo/10ms/evt3.h5").read_bytes()[:4] == b"\x89HDF"


# --- An ordinary user

@pytest.fixture
def nobody():
    """(prefix to run as nobody, a folder of nobody's), with /dev/fuse open to all for as long as the test runs."""
    if not IS_ROOT or shutil.which("setpriv") is None or shutil.which("fusermount3") is None:
        pytest.skip("needs root, setpriv and fusermount3")
    if not os.path.exists("/etc/mtab"):
        pytest.skip("fusermount3 needs /etc/mtab to unmount, which a bare root directory lacks")
    before = stat.S_IMODE(os.stat("/dev/fuse").st_mode)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="evh5-nobody-", dir="/tmp"))
    os.chmod(folder, 0o755)
    os.chown(folder, 65534, 65534)
    os.chmod("/dev/fuse", 0o666)
    try:
        yield ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"], folder
    finally:
        os.chmod("/dev/fuse", before)
        for point in folder.glob("m*"):
            end_by_force(point)
        shutil.rmtree(folder, ignore_errors=True)


def test_an_ordinary_user(nobody, evh5, library):
    prefix, folder = nobody
    shutil.copytree(library, folder / "recordings")
    binary = folder / "evh5"
    shutil.copy(evh5.path, binary)
    for path in [*folder.rglob("*")]:
        os.chown(path, 65534, 65534)

    def run(*words, **options):
        environment = {"HOME": str(folder), "PATH": os.environ["PATH"], "XDG_CACHE_HOME": str(folder / "cache"), "XDG_STATE_HOME": str(folder / "state")}
        return subprocess.run([*prefix, *map(str, words)], capture_output=True, text=True, timeout=30, env=environment, cwd="/", **options)

    run("mkdir", folder / "m", check=True)
    done = run(binary, "mount", folder / "recordings", folder / "m", "--log-directory", folder / "logs")
    assert done.returncode == 0, done.stderr
    run("cp", folder / "m/timesurface/50ms/evt3.h5", folder / "copy.h5", check=True)
    with h5py.File(folder / "copy.h5") as file:
        assert np.any(file["data"][:])
    pid = json.loads(run(binary, "status", folder / "m", "--json", check=True).stdout)["pid"]
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.2)
    done = run(binary, "mount", folder / "recordings", folder / "m", "--log-directory", folder / "logs")
    assert done.returncode == 0, done.stderr
    run("cp", folder / "m/timesurface/50ms/evt3.h5", folder / "again.h5", check=True)
    assert (folder / "again.h5").read_bytes() == (folder / "copy.h5").read_bytes()
    done = run(binary, "unmount", folder / "m")
    assert done.returncode == 0, done.stderr
    assert not is_mounted(folder / "m")


def test_a_source_that_an_ordinary_user_may_not_read(nobody, evh5, library):
    prefix, folder = nobody
    shutil.copy(evh5.path, folder / "evh5")
    for name in ("m", "closed", "unlisted"):
        (folder / name).mkdir()
        os.chown(folder / name, 65534, 65534)
    os.chown(folder / "closed", 0, 0)
    os.chmod(folder / "closed", 0o700)
    os.chown(folder / "unlisted", 0, 0)
    os.chmod(folder / "unlisted", 0o711)
    environment = {"HOME": str(folder), "PATH": os.environ["PATH"]}
    for name in ("closed", "unlisted"):
        done = subprocess.run([*prefix, folder / "evh5", "mount", folder / name, folder / "m"], capture_output=True, text=True, timeout=30, env=environment, cwd="/")
        assert done.returncode == 4 and "Permission denied" in done.stderr and not is_mounted(folder / "m"), done.stderr


def test_another_users_mount(nobody, evh5, mount, library):
    prefix, folder = nobody
    shutil.copy(evh5.path, folder / "evh5")
    where = mount(library, "--allow-other", point=folder / "m0")
    done = subprocess.run([*prefix, folder / "evh5", "unmount", where.point], capture_output=True, text=True, timeout=30, env={"PATH": os.environ["PATH"]}, cwd="/")
    assert done.returncode == 1 and "was mounted by root" in done.stderr and is_mounted(where.point)


def test_a_cache_that_cannot_be_written(evh5, library, tmp_path):
    (tmp_path / "point").mkdir()
    (tmp_path / "file").write_text("")
    for cache in (tmp_path / "file", tmp_path / "file/below"):
        done = evh5.run("mount", library, tmp_path / "point", "--cache", cache, check=0)
        try:
            # Where there is no syslog, another line says where the log is.
            [line] = [line for line in done.stderr.splitlines() if "no syslog" not in line]
            assert f"warning: the cache '{cache}' cannot be written" in line
            assert (tmp_path / "point/histo/50ms/evt3.h5").read_bytes()[:4] == b"\x89HDF"
        finally:
            evh5.run("unmount", tmp_path / "point", check=0)
    done = evh5.run("mount", library, tmp_path / "point", "--cache", tmp_path / "deep/er", check=0)
    evh5.run("unmount", tmp_path / "point", check=0)
    assert all("no syslog" in line for line in done.stderr.splitlines())


# --- What it costs

@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """A recording whose tensor is far larger than any memory target: 1280x720, 200 frames of 7.4 MB at 10 ms."""
    folder = tmp_path_factory.mktemp("wide")
    encoders.write(folder / "wide.raw", "evt3", scenes.scene(1280, 720, duration=2_000_000, count=60_000, seed=21), 1280, 720)
    return folder


def high_water(pid):
    """The most memory the process ever had, in MiB."""
    line = next(line for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


@pytest.mark.budget(120)
def test_memory_stays_below_its_target(mount, wide, measured):
    """1.5 GB read once from one end to the other, then from four processes at once; 150 MiB are left for all that is no frame."""
    where = mount(wide, "--memory-target", "128M")
    path = where / "histo/10ms/wide.h5"
    begin = time.monotonic()
    with open(path, "rb", buffering=0) as file:
        total = 0
        while piece := file.read(1 << 20):
            total += len(piece)
    seconds = time.monotonic() - begin
    assert total == path.stat().st_size > 1_400_000_000
    readers = [subprocess.Popen(["dd", f"if={path}", "of=/dev/null", "bs=1M", "count=300", f"skip={300 * k}", "status=none"]) for k in range(4)]
    assert [reader.wait(60) for reader in readers] == [0] * 4
    peak = high_water(where.pid)
    measured(f"{total / 1e9:.2f} GB of sparse histo read at {total / 1e9 / seconds:.2f} GB/s; VmHWM {peak:.0f} MiB with --memory-target 128M")
    assert peak < 128 + 150


def _hashes(job):
    path, offset, size, numbers = job
    with open(path, "rb", buffering=0) as file:
        out = []
        for number in numbers:
            data = bytearray()
            while len(data) < size:
                piece = os.pread(file.fileno(), size - len(data), offset + number * size + len(data))
                assert piece
                data += piece
            out.append((number, hashlib.blake2b(data).hexdigest()))
        return out


@pytest.mark.budget(120)
def test_eight_processes_read_what_one_reads(mount, wide):
    """Random frames, eight processes, little memory: the bytes of a second mount that is read from one end to the other."""
    one, two = mount(wide, "--memory-target", "64M"), mount(wide)
    path = "multi_channel_timesurface,downsample=2/20ms/wide.h5"
    with h5py.File(one / path) as file:
        data = file["data"]
        offset, size, count = data.id.get_offset(), data[0].nbytes, len(data)
    expected = dict(_hashes((str(two / path), offset, size, range(count))))
    assert len(set(expected.values())) > count // 2
    random = np.random.default_rng(8)
    jobs = [(str(one / path), offset, size, random.permutation(count)[:25].tolist()) for _ in range(8)]
    with concurrent.futures.ProcessPoolExecutor(8, multiprocessing.get_context("spawn")) as pool:
        for answer in pool.map(_hashes, jobs, timeout=100):
            for number, digest in answer:
                assert digest == expected[number], f"frame {number}"


def test_bytes_never_change(mount, library):
    """Across mounts, orders and memory."""
    digests = set()
    for arguments in ((), ("--memory-target", "16M"), ("--max-threads", "1"), ("--page-cache",)):
        where = mount(library, *arguments)
        digests.add(hashlib.sha256(b"".join((where / f"event_cube/20ms/{format}.h5").read_bytes() for format in encoders.FORMATS)).hexdigest())
    assert len(digests) == 1


def test_a_kept_index_is_used(mount, library, evh5, tmp_path):
    """A second mount with the same cache shows the same; a broken cache is rebuilt; one that cannot be written is done without."""
    cache = tmp_path / "cache"
    before = (mount(library, "--cache", cache) / "histo/20ms/evt3.h5").read_bytes()
    assert (mount(library, "--cache", cache) / "histo/20ms/evt3.h5").read_bytes() == before
    kept = [path for path in cache.rglob("*") if path.is_file()]
    assert kept
    for number, path in enumerate(kept):
        data = path.read_bytes()
        path.write_bytes([b"", data[:len(data) // 2], data[:-1] + bytes([data[-1] ^ 1]), os.urandom(len(data))][number % 4])
    assert (mount(library, "--cache", cache) / "histo/20ms/evt3.h5").read_bytes() == before
    blocked = tmp_path / "blocked"
    blocked.write_bytes(b"a file where the cache should be")
    where = mount(library, "--cache", blocked, start=False)
    try:
        where.start()
    except AssertionError as problem:
        assert "exit" in str(problem)  # refusing with a reason is fine as well
    else:
        assert (where / "histo/20ms/evt3.h5").read_bytes() == before
