"""evh5.mounted, mount, unmount and status: what they give, what they refuse, and that every mount ends."""
import datetime
import errno
import os
import pathlib
import pickle
import re
import signal
import subprocess
import sys
import time

import h5py
import pytest

import evh5
from evh5 import _command, _mounting, _settings
from conftest import BINARY


def is_mounted(path):
    return os.path.ismount(path)


def test_a_block(recordings):
    with evh5.mounted(recordings, windows=["50ms"]) as root:
        assert isinstance(root, pathlib.Path) and root.is_absolute() and is_mounted(root)
        with h5py.File(root / "histo/50ms/short.h5") as f:
            assert f["data"].shape[1:] == (2, 48, 64)
    assert not root.exists()


def test_a_mount_point_that_is_made_goes_and_one_that_was_there_stays(recordings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    for name, stays in (("made", False), ("there", True)):
        with evh5.mounted(recordings, mount_point=name) as root:
            assert root == tmp_path / name and is_mounted(root)
        assert not is_mounted(root) and root.exists() == stays


def test_the_same_object_twice_and_nested(recordings):
    one = evh5.mounted(recordings)
    with one as outer, one as inner:
        assert outer != inner and is_mounted(outer) and is_mounted(inner)
    with one as again:
        assert is_mounted(again)
    assert not outer.exists() and not inner.exists() and not again.exists()


def test_an_exception_ends_the_mount_and_goes_on(recordings):
    with pytest.raises(ZeroDivisionError):
        with evh5.mounted(recordings) as root:
            1 / 0
    assert not root.exists()


def test_mount_and_unmount(recordings):
    root = evh5.mount(recordings)
    assert is_mounted(root) and evh5.status(root)["source"] == str(recordings)
    with open(root / "histo/50ms/a.raw.h5", "rb"):
        with pytest.raises(evh5.Error, match="is in use") as caught:
            evh5.unmount(root)
        assert caught.value.code == 8 and is_mounted(root)
    evh5.unmount(root)
    assert not root.exists()


@pytest.mark.parametrize("settings, code, reason", [
    (dict(windows=["50xs"]), None, "no time"),
    (dict(windows="50xs"), 64, "--windows takes windows such as"),
    (dict(log_level="loud"), 64, "--log-level takes trace"),
    (dict(config_file="missing.yaml"), 78, "missing.yaml"),
    (dict(register="x=python:a.py:f"), 64, "channels"),
    (dict(bogus=1), None, "there is no setting 'bogus'"),
    (dict(memory_target=True), None, "memory_target"),
])
def test_wrong_settings(recordings, settings, code, reason):
    with pytest.raises(evh5.Error if code else (TypeError, ValueError), match=re.escape(reason)) as caught:
        evh5.mount(recordings, **settings)
    if code:
        assert caught.value.code == code and caught.value.reason == str(caught.value) and "\n" not in str(caught.value)
        again = pickle.loads(pickle.dumps(caught.value))
        assert (again.code, again.reason) == (code, caught.value.reason)


def test_wrong_places(recordings, tmp_path):
    with pytest.raises(evh5.Error, match="No such file") as caught:
        evh5.mount(tmp_path / "missing")
    assert caught.value.code == 4
    with pytest.raises(evh5.Error, match="missing/point") as caught:
        evh5.mount(recordings, mount_point=tmp_path / "missing/point")
    assert caught.value.code == 5
    with evh5.mounted(recordings) as root:
        with pytest.raises(evh5.Error, match="mounted at .* already") as caught:
            evh5.mount(recordings, mount_point=root)
        with pytest.raises(TypeError):
            evh5.mount(recordings, mount_point=root, bogus=1)
        assert is_mounted(root)
    with pytest.raises(evh5.Error) as caught:
        evh5.status(tmp_path)
    assert caught.value.code == 7


def test_every_flag_is_a_keyword():
    """But --foreground, which would never return, and what ends evh5 at once."""
    text = subprocess.run([BINARY, "mount", "--help"], capture_output=True, text=True, check=True).stdout
    flags = set(re.findall(r"^ +(?:-\w, )?--([a-z-]+)", text, re.M)) - {"foreground", "version", "help"}
    assert {name.replace("_", "-") for name in _settings.Settings.__annotations__} == flags
    assert {name.replace("_", "-") for name in [*_settings._TEXTS, *_settings._SWITCHES, "register"]} == flags


@pytest.mark.parametrize("settings, words", [
    (dict(windows=["10ms", 25_000, datetime.timedelta(seconds=1), "0.25s", "10000ev"]), ["--windows=10ms,25ms,1s,250ms,10000ev"]),
    (dict(windows="10ms:20ms"), ["--windows=10ms:20ms"]),
    (dict(read_only=True, page_cache=False, allow_other=None), ["--read-only", "--no-page-cache"]),
    (dict(memory_target="1G", max_cache_size=2**30, max_threads=8), ["--memory-target=1G", "--max-cache-size=1073741824", "--max-threads=8"]),
    (dict(geometry=(640, 480)), ["--geometry=640x480"]),
    (dict(http="127.0.0.1:0", token=False, host_name=["a", "b.example"]), ["--http=127.0.0.1:0", "--no-token", "--host-name=a,b.example"]),
    (dict(host_name="a"), ["--host-name=a"]),
    (dict(geometry={"*_td.dat": "304x240", "old/*": (64, 48)}), ["--geometry=*_td.dat=304x240;old/*=64x48"]),
    (dict(encoding={"old/*": "evt2"}), ["--encoding=old/*=evt2"]),
    (dict(folders={"a": "rvt,dataset=gen1", "b": "rvt,dataset=gen4,path=c"}), ["--folders=a=rvt,dataset=gen1;b=rvt,dataset=gen4,path=c"]),
    (dict(file_mode=0o640, dir_mode="0700"), ["--file-mode=0640", "--dir-mode=0700"]),
    (dict(register={"more": "histo,max_incr_per_pixel=10"}), ["--register=more=histo,max_incr_per_pixel=10"]),
    (dict(register=["a=histo,max_incr_per_pixel=2", "b=diff,max_incr_per_pixel=2"]), ["--register=a=histo,max_incr_per_pixel=2", "--register=b=diff,max_incr_per_pixel=2"]),
    (dict(options=["noatime", "max_read=131072"]), ["--options=noatime,max_read=131072"]),
    (dict(cache=pathlib.Path("/c"), python="python3", windows=None), ["--cache=/c", "--python=python3"]),
])
def test_values(settings, words):
    assert _settings.flags(settings) == words


def test_settings_have_an_effect(recordings, tmp_path, monkeypatch):
    monkeypatch.setenv("EVH5_WINDOWS", "33ms")
    monkeypatch.chdir(tmp_path)
    with evh5.mounted(recordings, read_only=True, file_mode=0o440, cache="cache", max_cache_size="3M", register={"more": "histo,max_incr_per_pixel=10"}) as root:
        assert os.listdir(root / "more") == ["33ms"]
        assert (root / "more/33ms/short.h5").stat().st_mode & 0o777 == 0o440
        status = evh5.status(root)
        assert status["cache"]["directory"] == str(tmp_path / "cache") and status["cache"]["limit"] == 3 << 20
        with pytest.raises(OSError) as caught:
            open(root / "histo/33ms/short.h5", "r+b")
        assert caught.value.errno == errno.EROFS


ENDS = {
    "returns": "pass",
    "raises": "raise ValueError('x')",
    "sys.exit": "sys.exit(3)",
    "with an open file": "kept = open(root / 'histo/50ms/short.h5', 'rb')",
    "in a block": "block = evh5.mounted(sys.argv[1]); print(block.__enter__(), flush=True)",
    "is killed": "os.kill(os.getpid(), signal.SIGKILL)",
    "is terminated": "os.kill(os.getpid(), signal.SIGTERM)",
    "dies as a forked child lives": "os.fork() or (os.setsid(), time.sleep(5), os._exit(0)); os.kill(os.getpid(), signal.SIGKILL)",
}


@pytest.mark.parametrize("how", ENDS)
def test_a_mount_ends_with_its_process(home, recordings, script, how):
    done = script(f"import evh5, os, signal, sys, time\nroot = evh5.mount(sys.argv[1])\nprint(root, flush=True)\n{ENDS[how]}\n", recordings,
                  env={**os.environ, "PYTHONWARNINGS": "ignore"})
    roots = [pathlib.Path(line) for line in done.stdout.splitlines()]
    assert len(roots) == (2 if how == "in a block" else 1), done.stderr
    deadline = time.monotonic() + (4 if "forked" in how else 20)
    while any(one.exists() for one in roots) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(one.exists() for one in roots)
    assert done.returncode == {"raises": 1, "sys.exit": 3, "is terminated": -signal.SIGTERM}.get(how, -signal.SIGKILL if "kill" in how or "dies" in how else 0)


@pytest.mark.parametrize("how", ["sys.exit(0)", "raise ValueError('child')", "os._exit(0)"])
def test_a_forked_child_does_not_end_its_parents_mount(recordings, script, how):
    done = script(f"""
import evh5, os, sys
with evh5.mounted(sys.argv[1]) as root:
    other = evh5.mount(sys.argv[1])
    sys.stdout.flush()
    if os.fork() == 0:
        sys.stderr = open(os.devnull, "w")
        {how}
    os.wait()
    print(os.path.ismount(root), os.path.ismount(other), len(os.listdir(root / "histo/50ms")) > 1)
print(os.path.exists(root))
""", recordings)
    assert done.stdout.split() == ["True", "True", "True", "False"], done.stderr


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_do_not_end_their_parents_mount(recordings, script, method):
    done = script(f"""
import evh5, multiprocessing, os, sys
def work(path):
    return len(open(path, "rb").read(100))
if __name__ == "__main__":
    with evh5.mounted(sys.argv[1]) as root:
        for _ in range(2):
            with multiprocessing.get_context("{method}").Pool(2) as pool:
                print(pool.map(work, [root / "histo/50ms/short.h5"] * 4))
        print(os.path.ismount(root))
""", recordings)
    assert done.stdout.splitlines() == ["[100, 100, 100, 100]"] * 2 + ["True"], done.stderr


def test_files_that_are_open_at_the_end(recordings):
    """The mount is gone from its folder; what is open can be read to its end."""
    with pytest.warns(RuntimeWarning, match="still open"):
        with evh5.mounted(recordings) as root:
            file = h5py.File(root / "histo/50ms/a.raw.h5")
            pid = evh5.status(root)["pid"]
    assert not root.exists()
    assert file["data"][:].sum() > 0
    file.close()
    deadline = time.monotonic() + 20
    while pathlib.Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not pathlib.Path(f"/proc/{pid}").exists()


def test_an_exception_is_not_hidden_by_open_files(recordings):
    files = []
    with pytest.raises(ZeroDivisionError), pytest.warns(RuntimeWarning, match="still open"):
        with evh5.mounted(recordings) as root:
            files.append(open(root / "histo/50ms/a.raw.h5", "rb"))
            1 / 0
    files[0].close()


def test_somebody_else_unmounts(recordings):
    with evh5.mounted(recordings) as root:
        subprocess.run([BINARY, "unmount", root], check=True, timeout=30)
    assert not root.exists()


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGSTOP])
def test_a_daemon_that_is_dead_or_stopped(recordings, sent, caplog):
    with evh5.mounted(recordings) as root:
        pid = evh5.status(root)["pid"]
        os.kill(pid, sent)
    assert not root.exists()
    if sent == signal.SIGSTOP:
        assert "is stopped" in caplog.text
        os.kill(pid, signal.SIGCONT)


def test_a_mount_point_with_odd_characters(recordings, tmp_path):
    with evh5.mounted(recordings, mount_point=tmp_path / "a b\\c\td,e") as root:
        assert evh5.path(root, "short", "histo", "50ms").stat().st_size > 0
        with open(root / "histo/50ms/short.h5"), pytest.raises(evh5.Error):
            evh5.unmount(root)
        assert is_mounted(root)
    assert not root.exists()


def test_a_mount_point_by_other_names(recordings, tmp_path, monkeypatch):
    """A mount is known again by any of its paths, and stays known while it is in use."""
    (tmp_path / "real/there").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "end").symlink_to("real/there")
    monkeypatch.chdir(tmp_path)
    for given, other in (("link/new", "real/new"), ("real/../link/new", tmp_path / "real/new"), ("end", "link/there"), ("real/new", "link/../link/new")):
        root = evh5.mount(recordings, mount_point=given)
        assert root == tmp_path / given and is_mounted(root.resolve())
        with open(root / "histo/50ms/short.h5", "rb"), pytest.raises(evh5.Error, match="in use"):
            evh5.unmount(other)
        assert list(_mounting._mounts) == [root]
        evh5.unmount(other)
        assert not _mounting._mounts and not is_mounted(root.resolve()) and not (tmp_path / "real/new").exists()


def test_notices_go_to_the_log(recordings, tmp_path, caplog):
    """A cache that cannot be written does not keep evh5 from mounting."""
    (tmp_path / "file").write_text("")
    with evh5.mounted(recordings, cache=tmp_path / "file") as root:
        assert is_mounted(root)
    [line] = [record.getMessage() for record in caplog.records if record.name == "evh5"]
    assert "cannot be written" in line and not line.startswith("evh5:")


def test_where_the_binary_is_found(tmp_path, monkeypatch):
    assert _command.find() == str(BINARY)
    monkeypatch.setenv("EVH5", str(tmp_path / "missing"))
    with pytest.raises(evh5.Error, match="EVH5 names") as caught:
        _command.find()
    assert caught.value.code == 127
    monkeypatch.delenv("EVH5")

    def program(folder):
        folder.mkdir()
        (folder / "evh5").write_text("#!/bin/sh\n")
        (folder / "evh5").chmod(0o755)
        return str(folder / "evh5")

    # Beside this Python, in a venv: before PATH.
    in_path = program(tmp_path / "path")
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "venv/python"))
    monkeypatch.setattr(_command.sysconfig, "get_path", lambda *_: str(tmp_path / "nowhere"))
    assert _command.find() == in_path
    assert program(tmp_path / "venv") == _command.find()
    (tmp_path / "venv/evh5").chmod(0o644)
    assert _command.find() == in_path
    monkeypatch.setenv("PATH", "")
    with pytest.raises(evh5.Error, match="neither beside this Python nor in PATH") as caught:
        _command.find()
    assert caught.value.code == 127


def test_version():
    """That of the binary where no package is installed, as here."""
    shown = subprocess.run([BINARY, "--version"], capture_output=True, text=True, check=True).stdout
    assert evh5.__version__ == shown.split()[0]
    with pytest.raises(AttributeError, match="no attribute 'bogus'"):
        evh5.bogus


def test_python_m_evh5():
    for arguments in (["--version"], ["status", "/nowhere"]):
        ways = [subprocess.run([*words, *arguments], capture_output=True, timeout=30) for words in ([BINARY], [sys.executable, "-m", "evh5"])]
        assert (ways[0].returncode, ways[0].stdout, ways[0].stderr) == (ways[1].returncode, ways[1].stdout, ways[1].stderr)
    done = subprocess.run([sys.executable, "-m", "evh5", "--version"], env={**os.environ, "EVH5": "/nowhere"}, capture_output=True, text=True, timeout=30)
    assert done.returncode == 127 and done.stderr.startswith("evh5: EVH5 names '/nowhere'") and done.stderr.count("\n") == 1
