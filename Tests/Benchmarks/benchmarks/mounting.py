"""Mounts of one source folder: each with a daemon of its own and a cache folder, which begins with the time indexes only or empty."""
import contextlib
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess

DEADLINE = 60  # seconds that a command of evh5 may take
TICK = os.sysconf("SC_CLK_TCK")


class Mounts:
    def __init__(self, evh5, source, folder):
        self.evh5, self.source, self.folder = str(evh5), str(source), pathlib.Path(folder)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("EVH5_") or k == "EVH5_KERNELS"}
        self.indexed = self.folder / "indexed"
        self.cache, self.point, self.logs = (self.folder / name for name in ("cache", "mnt", "logs"))
        if os.path.ismount(self.point):
            self.call("unmount", "--lazy", self.point)
        for path in (self.indexed, self.cache, self.logs):
            shutil.rmtree(path, ignore_errors=True)
        for path in (self.indexed, self.point, self.logs):
            path.mkdir(parents=True, exist_ok=True)
        self.call("index", self.source, "--cache", self.indexed)

    def call(self, *words):
        words = [self.evh5, *map(str, words)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=DEADLINE, env=self.environment, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(words)}: exit {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def has(self, command):
        """Whether this version of evh5 has a command."""
        done = subprocess.run([self.evh5, "--help"], capture_output=True, text=True, timeout=DEADLINE)
        return any(line.split()[:1] == [command] for line in done.stdout.splitlines())

    @contextlib.contextmanager
    def mounted(self, *flags, cache="indexed"):
        """A daemon just started. `cache`: "indexed" and "empty" begin a new one, "kept" goes on with what the last one left."""
        if cache != "kept":
            shutil.rmtree(self.cache, ignore_errors=True)
            if cache == "indexed":
                shutil.copytree(self.indexed, self.cache)
        self.call("mount", self.source, self.point, "--cache", self.cache, "--log-directory", self.logs, *flags)
        daemon = None
        try:
            daemon = Daemon(self.point)
            yield daemon
        finally:
            self.end(daemon)

    def end(self, daemon):
        try:
            self.call("unmount", self.point)
        except (RuntimeError, subprocess.TimeoutExpired):
            if daemon:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(daemon.pid, signal.SIGKILL)
            self.call("unmount", "--lazy", self.point)
            raise
        if daemon:
            daemon.wait()

    def cached_bytes(self):
        """What the cache folder takes on the disk, without the time indexes."""
        return sum(path.stat().st_blocks * 512 for path in self.cache.rglob("*") if path.is_file() and path.suffix != ".evh5index")


class Daemon:
    """The process behind a mount, as /proc and its own status show it."""

    def __init__(self, point):
        self.point = point
        self.pid = self.status()["pid"]

    def __truediv__(self, path):
        return str(self.point / path)

    def status(self):
        return json.loads((self.point / ".evh5/status.json").read_text())

    def processor_seconds(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def peak_memory(self):
        """Bytes."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("/proc shows no VmHWM")

    def wait(self):
        """Until the process is gone, so that it does not work beside what is measured next."""
        with contextlib.suppress(OSError):
            handle = os.pidfd_open(self.pid)
            try:
                select.select([handle], [], [], DEADLINE)
            finally:
                os.close(handle)
