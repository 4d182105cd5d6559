"""The evh5 binary under test and the mounts it makes: started, watched, and ended whatever happens."""
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

START, STOP = 20, 20  # seconds


def mounts():
    """[(mount point, type)] of /proc/self/mountinfo, without touching any of them."""
    out = []
    for line in pathlib.Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines():
        left, _, right = line.partition(" - ")
        out.append((left.split()[4].encode(errors="surrogateescape").decode("unicode_escape"), right.split()[0]))
    return out


def is_mounted(point):
    return any(where == str(point) for where, _ in mounts())


def daemons_of(point):
    """Ids of the processes that serve this mount point: those with it as an argument of `evh5 mount` or of mount(8)'s helper."""
    found = []
    for folder in pathlib.Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            program = os.path.basename(words[0])
            mounts_something = program == b"mount.fuse.evh5" or program == b"evh5" and b"mount" in words[1:2]
            if mounts_something and os.fsencode(str(point)) in words:
                found.append(int(folder.name))
    return found


def gone(pid, seconds=10):
    """True when the process ended (a zombie has) within `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def end_by_force(point):
    """Ends a mount that does not end by itself: aborts the connection, detaches exactly this mount point, kills its daemon."""
    quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=10)
    for pid in daemons_of(point):
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    for command in (["umount", "-f", point], ["umount", "-l", point], ["fusermount3", "-u", "-z", point]):
        if not is_mounted(point):
            return
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run([str(word) for word in command], **quiet)


class Binary:
    """Runs `evh5 ...`, every time with a deadline, its caches and states in a folder of the test's own."""

    def __init__(self, path, home):
        self.path, self.home = str(path), home
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("EVH5")}
        self.environment |= {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "XDG_STATE_HOME": str(home / "state"), "NO_COLOR": "1",
                             "EVH5_PROGRESS_SECONDS": "100000"}  # tests that count lines must not depend on how long a command takes

    def run(self, *arguments, timeout=30, check=None, environment=None, prefix=(), text=True, **options):
        """The finished process; with `check`, asserts on its exit code."""
        done = subprocess.run([*prefix, self.path, *map(str, arguments)], capture_output=True, text=text, timeout=timeout,
                              stdin=subprocess.DEVNULL, env=self.environment | (environment or {}), **options)
        if check is not None:
            assert done.returncode == check, f"evh5 {' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def json(self, *arguments, check=0):
        return json.loads(self.run(*arguments, "--json", check=check).stdout)

    def start(self, *arguments, prefix=(), **options):
        """A process that stays, such as a mount in the foreground. It does not ignore SIGINT, even if these tests were started so (with &)."""
        return subprocess.Popen([*prefix, self.path, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, env=self.environment, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **options)


class Mount:
    """One mount of `source`, in the background unless `foreground`."""

    def __init__(self, binary, source, point, logs, *arguments, foreground=False, prefix=(), on_start=None, on_stop=None):
        self.binary, self.source, self.point, self.logs = binary, pathlib.Path(source), pathlib.Path(point), logs
        self.arguments, self.foreground, self.prefix = [str(a) for a in arguments], foreground, tuple(prefix)
        self.on_start, self.on_stop, self.process = on_start, on_stop, None

    def start(self):
        if self.on_start:
            self.on_start(self.point)
        words = ["mount", self.source, self.point, "--log-directory", self.logs, "--log-level", "debug", *self.arguments]
        if not self.foreground:
            done = self.binary.run(*words, timeout=START, prefix=self.prefix)
            assert done.returncode == 0, f"mount: exit {done.returncode}\n{done.stdout}{done.stderr}\n{self.log()}"
            return self
        self.process = self.binary.start(*words, "-f", prefix=self.prefix)
        deadline = time.monotonic() + START
        while not is_mounted(self.point):
            assert self.process.poll() is None, f"mount -f ended: exit {self.process.returncode}\n{self.process.stdout.read().decode()}"
            assert time.monotonic() < deadline, "mount -f did not mount"
            time.sleep(0.01)
        return self

    def stop(self):
        """Unmounts as a user does; what does not end that way is ended by force and fails."""
        problem = None
        try:
            if is_mounted(self.point):
                done = self.binary.run("unmount", self.point, timeout=STOP, prefix=self.prefix)
                if done.returncode != 0:
                    problem = f"unmount: exit {done.returncode}: {done.stdout}{done.stderr}"
        except subprocess.TimeoutExpired:
            problem = "unmount did not return"
        finally:
            if is_mounted(self.point):
                problem = problem or "still mounted after unmount"
                end_by_force(self.point)
            if self.process and self.process.poll() is None:
                try:
                    self.process.wait(5)
                except subprocess.TimeoutExpired:
                    problem = problem or "the foreground process did not end after unmount"
                    self.process.kill()
            if self.process:
                self.process.stdout.close()
            if self.on_stop:
                self.on_stop(self.point)
        assert problem is None, f"{problem}\n{self.log()[-4000:]}"

    def __truediv__(self, path):
        return self.point / path

    @property
    def pid(self):
        return int(self.binary.json("status", self.point)["pid"]) if not self.process else self.process.pid

    def log(self):
        """Everything logged so far."""
        return "".join(file.read_text(errors="replace") for file in sorted(pathlib.Path(self.logs).rglob("*")) if file.is_file())

    def wait_for_log(self, *words, seconds=3):
        """Waits until one log line holds all of these words."""
        deadline = time.monotonic() + seconds
        while True:
            for line in self.log().splitlines():
                if all(word in line for word in words):
                    return line
            assert time.monotonic() < deadline, f"no log line with {words} in:\n{self.log()[-2000:]}"
            time.sleep(0.05)


def guard():
    """The guard's own process: told on stdin what runs, it ends every mount when a test's time is over, because a process
    that waits inside a system call of a hung mount cannot help itself."""
    import select

    points, deadline, buffer = set(), None, b""
    while True:
        wait = None if deadline is None else max(0, deadline - time.monotonic())
        if not select.select([0], [], [], wait)[0]:
            sys.stderr.write(f"\nguard: time is over, ending {sorted(points)}\n")
            for point in points:
                end_by_force(point)
            deadline = None
            continue
        data = os.read(0, 65536)
        if not data:
            break
        buffer += data
        *lines, buffer = buffer.split(b"\n")
        for line in lines:
            word, _, rest = os.fsdecode(line).partition(" ")
            if word == "begin":
                deadline = time.monotonic() + float(rest)
            elif word == "end":
                deadline = None
            elif word == "mount":
                points.add(rest)
            elif word == "gone":
                points.discard(rest)
    for point in points:  # pytest itself was killed
        end_by_force(point)


if __name__ == "__main__":
    guard()
