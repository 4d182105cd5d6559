"""`mount -t fuse.evh5`, fstab lines, and what `make install` installs for them."""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import time

import h5py
import pytest

from toolbox.mounting import end_by_force, is_mounted

ROOT = pathlib.Path(__file__).resolve().parents[2]
HELPER = pathlib.Path("/sbin/mount.fuse.evh5")  # where mount(8) looks


@pytest.fixture
def helper(evh5):
    """The helper in /sbin, there as long as the test runs; never in place of one that somebody installed."""
    if os.getuid() != 0 or shutil.which("mount") is None:
        pytest.skip("needs root and mount(8)")
    if HELPER.is_symlink() and not HELPER.exists():
        HELPER.unlink()  # what a killed run of another folder left
    try:
        HELPER.symlink_to(evh5.path)
    except FileExistsError:
        if str(HELPER.resolve()) != evh5.path:
            pytest.skip(f"{HELPER} is there already and belongs to something else: {HELPER.resolve()}")
        made = False
    except OSError as problem:
        pytest.skip(f"no helper may be put into {HELPER.parent}: {problem}")
    else:
        made = True
    yield HELPER
    if made:
        HELPER.unlink(missing_ok=True)


@pytest.fixture
def mount8(helper, evh5, tmp_path, guard):
    """mount8(*words) runs `mount *words`; point is the folder to mount on."""
    point = tmp_path / "point"
    point.mkdir()
    guard(f"mount {point}")

    def run(*words, program="mount"):
        return subprocess.run([program, *map(str, words)], capture_output=True, text=True, timeout=30, env=evh5.environment)

    yield run, point
    if is_mounted(point):
        end_by_force(point)
    guard(f"gone {point}")


def options_of(point):
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split()
        if fields[4] == str(point):
            return set(fields[5].split(","))
    raise AssertionError(f"nothing is mounted at {point}")


def wait_gone(pid):
    deadline = time.monotonic() + 10
    while os.path.exists(f"/proc/{pid}"):
        with contextlib.suppress(OSError):
            if pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return
        assert time.monotonic() < deadline, f"the daemon {pid} stays"
        time.sleep(0.02)


def test_mount_and_umount(mount8, mount, library, evh5, tmp_path):
    run, point = mount8
    done = run("-t", "fuse.evh5", "-o", f"ro,nodev,nosuid,allow_other,memory-target=64M,windows=7ms:30000ev,cache={tmp_path / 'cache'}", library, point)
    # Where there is no syslog, one line says where the log is.
    assert (done.returncode, done.stdout) == (0, "") and all("no syslog" in line for line in done.stderr.splitlines())
    assert {"ro", "nodev", "nosuid"} <= options_of(point)
    assert set(os.listdir(point / "histo")) == {"7ms", "30000ev"}
    status = evh5.json("status", point)
    assert status["memoryTarget"] == 64 << 20 and status["source"] == str(library) and (tmp_path / "cache").is_dir()
    assert (point / "timesurface/20ms/evt3.h5").read_bytes() == (mount(library) / "timesurface/20ms/evt3.h5").read_bytes()
    done = run(point, program="umount")
    assert done.returncode == 0 and not is_mounted(point), done.stderr
    wait_gone(status["pid"])


def test_a_line_of_fstab(mount8, library, evh5, tmp_path):
    """With what is in it for mount(8) and systemd alone; blanks are written as \\040."""
    run, point = mount8
    source = tmp_path / "my recordings"
    shutil.copytree(library, source)
    config = tmp_path / "c.yaml"
    config.write_text("memory-target: 48M\nwindows: [3ms]\nforeground: true\n")  # mount(8) waits for the helper's end
    fstab = tmp_path / "fstab"
    fstab.write_text(f"{str(source).replace(' ', chr(92) + '040')} {point} fuse.evh5 "
                     f"noauto,user,nofail,_netdev,x-systemd.automount,x-systemd.requires-mounts-for=/data,allow_other,config-file={config} 0 0\n")
    done = run("-T", fstab, point)
    assert done.returncode == 0, done.stderr
    assert {"nodev", "nosuid", "noexec"} <= options_of(point)  # what `user` implies
    assert evh5.json("status", point)["memoryTarget"] == 48 << 20 and os.listdir(point / "diff") == ["3ms"]
    with h5py.File(point / "diff/3ms/dat.h5") as file:
        assert file["data"].shape[1:] == (1, 48, 64)
    assert run(point, program="umount").returncode == 0


def test_a_killed_daemon_is_recovered(mount8, library, evh5):
    run, point = mount8
    assert run("-t", "fuse.evh5", library, point).returncode == 0
    pid = evh5.json("status", point)["pid"]
    os.kill(pid, signal.SIGKILL)
    wait_gone(pid)
    done = run("-t", "fuse.evh5", library, point)
    assert done.returncode == 0, done.stderr
    assert (point / "histo/10ms/evt3.h5").is_file()
    assert run(point, program="umount").returncode == 0


@pytest.mark.parametrize("options, source, code, said", [
    ("memory-target=lots", "library", 1, "memory-target takes"), ("ro,nosuchoption", "library", 32, "nosuchoption"),
    ("ro,allow_othr", "library", 32, "did you mean 'allow-other'?"), ("windows=10ms,50ms", "library", 1, "windows=10ms:50ms"),
    ("ro", "missing", 32, "missing"), ("remount,ro", "library", 1, "cannot remount"),
])
def test_failures_have_a_code_of_mount_and_one_line(mount8, library, options, source, code, said):
    run, point = mount8
    done = run("-t", "fuse.evh5", "-o", options, library if source == "library" else library / source, point)
    assert done.returncode == code and said in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert not is_mounted(point)


def test_make_install(evh5, tmp_path):
    """What a packager gets, and that it is gone after `make uninstall`."""
    if shutil.which("make") is None:
        pytest.skip("no make here")

    def make(target):
        subprocess.run(["make", "-C", ROOT, target, f"BIN={evh5.path}", f"DESTDIR={tmp_path}", "PREFIX=/usr"], check=True, capture_output=True, timeout=30)

    make("install")
    installed, link = tmp_path / "usr/bin/evh5", tmp_path / "sbin/mount.fuse.evh5"
    assert installed.read_bytes() == pathlib.Path(evh5.path).read_bytes() and os.access(installed, os.X_OK)
    assert os.readlink(link) == "/usr/bin/evh5"  # DESTDIR is not part of what is installed
    assert (tmp_path / "usr/include/evh5_preprocessing.h").read_text().count("EVH5_PREPROCESSING_ABI") > 1
    share = tmp_path / "usr/share"
    for name in ("bash-completion/completions/evh5", "zsh/site-functions/_evh5", "fish/vendor_completions.d/evh5.fish"):
        assert "unmount" in (share / name).read_text()
    assert (share / "doc/evh5/README.md").exists() and (share / "doc/evh5/mount-configs/fstab").exists()
    for line in ("complete -p evh5", "COMP_WORDS=(evh5 unm); COMP_CWORD=1; COMP_LINE='evh5 unm'; COMP_POINT=8; _evh5; echo \"${COMPREPLY[@]}\""):
        done = subprocess.run(["bash", "-c", f". {share}/bash-completion/completions/evh5; {line}"], capture_output=True, text=True, timeout=30)
        assert "evh5" in done.stdout if "-p" in line else "unmount" in done.stdout, done.stderr
    pages = {path.name for path in (share / "man").rglob("*.[18]")}
    assert {"evh5.1", "evh5-mount.1", "evh5-sidecar-export.1", "mount.fuse.evh5.8"} <= pages
    assert not any("helper" in name or "worker" in name for name in pages)  # the daemon's own commands
    make("install")  # over what is there
    make("uninstall")
    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == []


def test_the_examples(evh5, tmp_path):
    """The lines of the examples for fstab and systemd are options that the helper takes."""
    link = tmp_path / "mount.fuse.evh5"
    link.symlink_to(evh5.path)
    folder = ROOT / "mount-configs"
    lines = [line.split() for line in (folder / "fstab").read_text().splitlines() if line and not line.startswith("#")]
    unit = dict(line.split("=", 1) for line in (folder / "srv-h5.mount").read_text().splitlines() if "=" in line and not line.startswith("#"))
    assert unit["Type"] == "fuse.evh5" and unit["Where"] == "/srv/h5"  # systemd wants the file named after Where
    lines.append([unit["What"], unit["Where"], unit["Type"], unit["Options"]])
    assert len(lines) >= 3
    for source, point, type, options, *_ in lines:
        assert type == "fuse.evh5"
        config = [option for option in options.split(",") if option.startswith("config-file=")]
        for option in config:  # it is this machine's only when somebody installed it
            options = options.replace(option, f"config-file={folder / pathlib.Path(option).name}")
        done = subprocess.run([link, source, point, "-f", "-o", options], capture_output=True, text=True, timeout=30, env=evh5.environment)
        assert done.returncode == 0, done.stderr
