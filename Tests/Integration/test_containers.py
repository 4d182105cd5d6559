"""What differs in containers: mounts that others make and pass on, and processes that cannot see each other."""
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time

import h5py
import pytest

from toolbox.mounting import gone, is_mounted

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="needs root, to mount and for namespaces")

MS_NOSUID, MS_NODEV = 2, 4


def mount_fuse(point, flags=MS_NOSUID | MS_NODEV):
    """What Apptainer and CSI drivers do: opens /dev/fuse, mounts it, and hands the descriptor to the file system."""
    descriptor = os.open("/dev/fuse", os.O_RDWR)
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"fd={descriptor},rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other"
    if libc.mount(b"passed", os.fsencode(str(point)), b"fuse.passed", flags, os.fsencode(options)) != 0:
        raise OSError(ctypes.get_errno(), "mount")
    return descriptor


@contextlib.contextmanager
def passed_mount(folder):
    point = folder / "passed"
    point.mkdir()
    descriptor = mount_fuse(point)
    try:
        yield point, descriptor
    finally:
        if is_mounted(point):
            subprocess.run(["umount", "-l", point], check=True)


def test_a_passed_descriptor_in_the_foreground(evh5, library, tmp_path):
    with passed_mount(tmp_path) as (point, descriptor):
        process = evh5.start("mount", library, f"/dev/fd/{descriptor}", "-f", "--sidecars", tmp_path / "sidecars", pass_fds=[descriptor])
        os.close(descriptor)
        try:
            with h5py.File(point / "histo/10ms/evt3.h5") as file:
                assert file["data"][0].shape[0] == 2
            with h5py.File(point / "histo/10ms/evt3.h5", "r+") as file:
                file["more"] = [1, 2, 3]
            with h5py.File(point / "histo/10ms/evt3.h5") as file:
                assert list(file["more"]) == [1, 2, 3]
            evh5.run("status", point, "--json", check=7)  # it is no mount of ours by its type
            subprocess.run(["umount", point], check=True)
            assert process.wait(10) == 0
        finally:
            process.kill()
            process.stdout.close()


@pytest.mark.parametrize("number", [3, 4, 9])
def test_a_passed_descriptor_in_the_background(evh5, library, tmp_path, number):
    with passed_mount(tmp_path) as (point, descriptor):
        def place():
            os.dup2(descriptor, 100)
            os.dup2(100, number)

        done = subprocess.run([evh5.path, "mount", library, f"/dev/fd/{number}", "--log-directory", tmp_path / "logs"], env=evh5.environment, close_fds=False,
                              preexec_fn=place, capture_output=True, text=True, timeout=30)
        os.close(descriptor)
        assert done.returncode == 0, done.stderr
        assert (point / "histo/10ms/evt3.h5").read_bytes()[:4] == b"\x89HDF"
        [log] = (tmp_path / "logs").iterdir()
        pid = int(log.stem.removeprefix("evh5-"))
        subprocess.run(["umount", point], check=True)
        assert gone(pid)


def test_a_descriptor_that_is_none(evh5, library):
    for number in (77, 0):
        done = evh5.run("mount", library, f"/dev/fd/{number}", "-f")
        assert done.returncode == 5 and f"'/dev/fd/{number}' is no open /dev/fuse" in done.stderr


# A writer that has brought its file to a valid state, and waits to be killed.
WRITER = """
import h5py, sys, time
with h5py.File(sys.argv[1], "r+") as file:
    file["torn"] = list(range(int(sys.argv[2])))
    file.flush()
    print("ready", flush=True)
    time.sleep(60)
"""


def killed_writers(path, rounds, prefix=()):
    """Starts writers and kills them; returns how many could open the file."""
    opened = 0
    for number in range(rounds):
        writer = subprocess.Popen([*prefix, sys.executable, "-c", WRITER, path, str(number + 1)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        opened += writer.stdout.readline() == b"ready\n"
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
    return opened


def names(path):
    # The kernel says that a file was closed a little after the process has gone.
    for _ in range(50):
        with contextlib.suppress(OSError), h5py.File(path) as file:
            return sorted(file)
        time.sleep(0.1)
    raise AssertionError(f"{path} cannot be opened")


@pytest.mark.budget(150)
def test_writers_that_the_daemon_cannot_see(mount, library, tmp_path):
    """The daemon is in a pid namespace of its own: processes outside have no number there."""
    where = mount(library, "--sidecars", tmp_path / "sidecars", foreground=True, prefix=("unshare", "--pid", "--fork", "--kill-child=TERM"))
    path = where / "histo/10ms/evt3.h5"
    assert killed_writers(path, 50) == 0
    assert names(path) == ["data"]
    with pytest.raises(OSError) as problem:
        h5py.File(path, "r+")
    assert "Read-only file system" in str(problem.value)
    where.wait_for_log("warning", "cannot see", "docs/CONTAINERS.md")


@pytest.mark.budget(150)
def test_writers_in_a_namespace_of_their_own(mount, library, tmp_path):
    """The daemon sees them: processes of inner namespaces have numbers outside, too."""
    where = mount(library, "--sidecars", tmp_path / "sidecars")
    path = where / "histo/10ms/evt3.h5"
    inside = ("unshare", "--pid", "--fork", "--kill-child=KILL")
    assert killed_writers(path, 50, inside) == 50
    assert names(path) == ["data"]
    done = subprocess.run([*inside, sys.executable, "-c", "import h5py, sys\nwith h5py.File(sys.argv[1], 'r+') as f: f['kept'] = 1", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert names(path) == ["data", "kept"]


def test_both_in_one_container(evh5, library, tmp_path):
    """Daemon and writer share a pid namespace and its /proc, as in one container."""
    point = tmp_path / "m"
    point.mkdir()
    script = f"""
        set -e
        '{evh5.path}' mount '{library}' '{point}' --log-directory '{tmp_path}/logs' --sidecars '{tmp_path}/sidecars'
        '{sys.executable}' -c 'import h5py
        with h5py.File("{point}/histo/10ms/evt3.h5", "r+") as f: f["kept"] = 1
        print(sorted(h5py.File("{point}/histo/10ms/evt3.h5")))'
        '{evh5.path}' unmount '{point}'
    """
    script = "\n".join(line.strip() for line in script.splitlines())
    done = subprocess.run(["unshare", "--pid", "--fork", "--mount", "--mount-proc", "sh", "-c", script], env=evh5.environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "['data', 'kept']" in done.stdout, done.stdout + done.stderr


def test_a_proc_of_other_processes_is_not_believed(evh5, library, tmp_path):
    """Daemon and writer share a pid namespace, but /proc is that of another: its numbers mean other processes."""
    point = tmp_path / "m"
    point.mkdir()
    script = f"""
        '{evh5.path}' mount '{library}' '{point}' --log-directory '{tmp_path}/logs' --sidecars '{tmp_path}/sidecars' || exit 3
        '{sys.executable}' -c 'import h5py; h5py.File("{point}/histo/10ms/evt3.h5", "r+")' 2>&1
        umount '{point}'
    """
    done = subprocess.run(["unshare", "--pid", "--fork", "--mount", "sh", "-c", script], env=evh5.environment, capture_output=True, text=True, timeout=60)
    assert "Read-only file system" in done.stdout, done.stdout + done.stderr
