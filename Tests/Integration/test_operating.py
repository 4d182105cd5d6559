"""What operators do: signals, logs and their rotation, crashes, df, a report for a bug."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

from toolbox.mounting import gone, is_mounted

ROOT = pathlib.Path(__file__).resolve().parents[2]
IS_ROOT = os.getuid() == 0


def wait_for(condition, seconds=5):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def log_file(where):
    return where.logs / f"evh5-{where.pid}.log"


@pytest.mark.parametrize("foreground", [False, True])
def test_hangup_opens_the_log_anew(mount, library, foreground):
    where = mount(library, foreground=foreground)
    log, old = log_file(where), where.logs / "old"
    log.rename(old)
    before = old.read_text()
    os.kill(where.pid, signal.SIGHUP)
    wait_for(log.exists)
    where.wait_for_log("SIGHUP", "opened anew")
    assert not os.path.exists(where / "histo,foo=1")
    wait_for(lambda: "histo,foo=1" in log.read_text())
    assert old.read_text() == before and is_mounted(where.point)


def test_hangup_keeps_the_log_that_it_has_when_there_can_be_no_new_one(mount, library):
    where = mount(library)
    log, old = log_file(where), where.logs / "old"
    log.rename(old)
    log.mkdir()
    os.kill(where.pid, signal.SIGHUP)
    where.wait_for_log("warning", "SIGHUP", "Is a directory")
    assert "Is a directory" in old.read_text()
    log.rmdir()


def test_hangup_of_a_daemon_whose_starter_ignored_it(mount, library):
    """As under nohup."""
    where = mount(library, prefix=("sh", "-c", "trap '' HUP; exec \"$@\"", "sh"))
    log_file(where).unlink()
    os.kill(where.pid, signal.SIGHUP)
    wait_for(log_file(where).exists)


def test_other_signals_end_nothing(mount, library):
    where = mount(library)
    pid = where.pid
    for number in [signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF, signal.SIGIO, signal.SIGPWR, signal.SIGQUIT,
                   signal.SIGPIPE, signal.SIGXFSZ, signal.SIGWINCH, signal.SIGHUP, signal.SIGRTMIN, signal.SIGRTMIN + 7, signal.SIGRTMAX]:
        os.kill(pid, number)
    assert (where / "histo/10ms/evt3.h5").read_bytes()[:4] == b"\x89HDF"
    assert where.pid == pid
    os.kill(pid, signal.SIGTERM)
    assert gone(pid)


def test_logrotate(mount, library, tmp_path):
    """The example of mount-configs, with this test's folder in place of /var/log/evh5."""
    where = mount(library)
    log, config = log_file(where), tmp_path / "rotate"
    text = (ROOT / "mount-configs/logrotate").read_text()
    assert "/var/log/evh5/*.log" in text
    os.chmod(where.logs, 0o755)
    config.write_text(text.replace("/var/log/evh5", str(where.logs)))
    os.chmod(config, 0o644)
    for number in range(3):
        assert not os.path.exists(where / f"histo,round{number}=1")
        wait_for(lambda: f"round{number}" in log.read_text())
        subprocess.run(["logrotate", "-f", "-s", tmp_path / "state", config], check=True)
        wait_for(lambda: log.exists() and "opened anew" in log.read_text())
    assert "round2" in (where.logs / f"{log.name}.1").read_text()
    assert sorted(path.name for path in where.logs.iterdir()) == [log.name, f"{log.name}.1", f"{log.name}.2.gz", f"{log.name}.3.gz"]
    assert is_mounted(where.point)


def test_json_lines(mount, library):
    where = mount(library, "--log-format", "json")
    assert not os.path.exists(where / "histo,foo='1'/x")
    where.wait_for_log("foo")
    lines = [json.loads(line) for line in log_file(where).read_text().splitlines()]
    assert {"time", "level", "message"} <= set(lines[0]) and lines[0]["level"] == "notice" and lines[0]["message"].startswith("mounted '")
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"]) for line in lines)
    [refused] = [line for line in lines if "foo" in line["message"] and line["level"] != "debug"][:1]
    assert all(isinstance(value, str) for value in refused.get("metadata", {}).values())


def test_a_wrong_format(evh5, library, tmp_path):
    done = evh5.run("mount", library, tmp_path, "--log-format", "xml")
    assert done.returncode == 64 and "--log-format takes text or json, not 'xml'" in done.stderr


def test_a_crash_is_in_the_log(evh5, library, tmp_path):
    """The signal and the stack, within moments: Swift's own backtraces would keep the mount hanging for minutes."""
    point, logs = tmp_path / "m", tmp_path / "logs"
    point.mkdir()
    evh5.run("mount", library, point, "--log-directory", logs, check=0)
    try:
        pid = evh5.json("status", point)["pid"]
        os.kill(pid, signal.SIGSEGV)
        assert gone(pid)
        text = (logs / f"evh5-{pid}.log").read_text()
        assert f"evh5 crashed: signal {int(signal.SIGSEGV)}, address 0x" in text
        assert text.count("libfuse3") >= 1 or text.count("(+0x") >= 3, "no stack"
    finally:
        evh5.run("unmount", point, check=0)


@pytest.mark.skipif(not IS_ROOT, reason="needs root, for /dev/log")
def test_a_crash_is_in_syslog(evh5, library, tmp_path):
    if os.path.exists("/dev/log"):
        pytest.skip("syslog is somebody else's here")
    point = tmp_path / "m"
    point.mkdir()
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as log:
        log.bind("/dev/log")
        log.settimeout(10)
        try:
            evh5.run("mount", library, point, check=0)
            status = evh5.json("status", point)
            assert status["log"]["destination"] == "syslog"
            os.kill(status["pid"], signal.SIGBUS)
            lines = []
            while not any("crashed: signal" in line for line in lines) or len(lines) < 4:
                lines.append(log.recv(8192).decode())
        finally:
            os.unlink("/dev/log")
            evh5.run("unmount", point, check=0)
    assert any(line.startswith(f"<26>evh5[{status['pid']}]: evh5 crashed: signal {int(signal.SIGBUS)}, address 0x") for line in lines)


def test_df_shows_the_disk_of_what_is_added(mount, library, evh5, tmp_path):
    def blocks(path):
        return os.statvfs(path).f_blocks * os.statvfs(path).f_frsize

    where = mount(library, "--sidecars", tmp_path / "not/there/yet")
    assert abs(blocks(where.point) - blocks(tmp_path)) <= 4096
    read_only = mount(library, "--read-only", "--cache", tmp_path / "cache")
    assert abs(blocks(read_only.point) - blocks(tmp_path)) <= 4096


@pytest.mark.skipif(not IS_ROOT, reason="needs root, to mount a tmpfs")
def test_df_tells_disks_apart(mount, library, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", disk], check=True)
    try:
        writable = mount(library, "--sidecars", disk / "added")
        read_only = mount(library, "--read-only", "--cache", disk / "cache")
        for where in (writable, read_only):
            assert os.statvfs(where.point).f_blocks * os.statvfs(where.point).f_frsize == 24 << 20
            where.stop()
    finally:
        subprocess.run(["umount", disk], check=True)


def test_doctor(mount, library, evh5, tmp_path):
    secret = tmp_path / "secret folder"
    secret.mkdir()
    shutil.copy(next(pathlib.Path(library).glob("evt3.raw")), secret / "kuerzlich.raw")
    (secret / "broken.raw").write_bytes(b"nothing")
    where = mount(secret)
    (where / "histo/10ms/kuerzlich.h5").read_bytes()
    assert not os.path.exists(where / "histo/10ms/broken.h5")
    done = evh5.run("doctor", cwd=tmp_path, check=0)
    [file] = tmp_path.glob("evh5-doctor-*.txt")
    assert done.stdout == f"wrote {file.name}; read it before you send it\n"
    text = file.read_text()
    for words in ("kernels ", "Linux ", "/dev/fuse ", "memoryTarget", "histo/10ms", "read a file of the mount  ok", "unmount", f'"pid" : {where.pid}', " notice mounted '"):
        assert words in text, words
    for name in ("kuerzlich", "broken", "secret", str(where.point)):
        assert name not in text, name
    named = evh5.run("doctor", "--names", "-o", "-", check=0).stdout
    assert "broken.raw" in named and str(where.point) in named


def test_doctor_says_what_does_not_work(evh5, tmp_path):
    done = evh5.run("doctor", "-o", "-", environment={"EVH5_MEMORY_TARGET": "soon"})
    assert done.returncode == 1 and "EVH5_MEMORY_TARGET" in done.stdout and "the trial failed: mount: " in done.stderr
    done = evh5.run("doctor", "-o", tmp_path / "no/folder.txt")
    assert done.returncode == 10 and "folder.txt" in done.stderr


def test_doctor_with_a_daemon_that_is_stopped(mount, library, evh5):
    where = mount(library)
    pid = where.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        start = time.monotonic()
        text = evh5.run("doctor", "-o", "-", check=0).stdout
        assert time.monotonic() - start < 15 and "is stopped" in text
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("command", ["status", "unmount"])
def test_who_reads_the_answer_does_not_wait_for_a_hanging_mount(mount, library, evh5, command):
    """`$(evh5 status ...)` waits for all who hold its output: the child that asks the mount must not."""
    where = mount(library)
    pid = where.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        start = time.monotonic()
        done = subprocess.run(["sh", "-c", f'x=$("$0" {command} "$1" 2>&1); echo "$? $x"', evh5.path, where.point], capture_output=True, text=True,
                              env=evh5.environment, timeout=20)
        assert time.monotonic() - start < 6
        assert "is stopped" in done.stdout or "busy" in done.stdout or "in use" in done.stdout, done.stdout
    finally:
        os.kill(pid, signal.SIGCONT)
