"""Processes that do one system call after the other on a mount as they are told, for the model of the filesystem.

Lighter than programs.Program: an operation is a name and arguments, and takes some ten microseconds."""
import errno
import fcntl
import mmap
import os
import pathlib
import pickle
import select
import signal
import struct
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent.parent


class Operations:
    """What a client can do; files are known by its own descriptors."""

    def open(self, path, flags):
        return os.open(path, flags, 0o644)

    def close(self, fd):
        os.close(fd)

    def read(self, fd, size, offset):
        return os.pread(fd, size, offset)

    def write(self, fd, pieces):
        for offset, data in pieces:
            assert os.pwrite(fd, data, offset) == len(data)

    def cut(self, fd, size):
        os.ftruncate(fd, size)

    def sync(self, fd):
        os.fsync(fd)

    def stat(self, path):
        told = os.stat(path)
        return told.st_size, told.st_ino

    def list(self, path):
        return sorted(os.listdir(path))

    def whole(self, path):
        with open(path, "rb") as file:
            return file.read()

    def map(self, path):
        """The bytes that a map shows, and those that read gives."""
        fd = os.open(path, os.O_RDONLY)
        try:
            size = os.lseek(fd, 0, os.SEEK_END)
            with mmap.mmap(fd, size, access=mmap.ACCESS_READ) as memory:
                return bytes(memory)
        finally:
            os.close(fd)

    def lock(self, fd, how):
        fcntl.flock(fd, how | fcntl.LOCK_NB)

    def remove(self, path):
        os.remove(path)

    def refused(self, what, path, other):
        """What no virtual file lets one do."""
        if what == "truncate":
            os.truncate(path, 100)
        elif what == "emptying open":
            os.close(os.open(path, os.O_RDWR | os.O_TRUNC))
        elif what == "create":
            os.close(os.open(other, os.O_RDWR | os.O_CREAT))
        elif what == "exclusive create":
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL))
        elif what == "rename":
            os.rename(path, other)
        elif what == "mkdir":
            os.mkdir(other)
        elif what == "rmdir":
            os.rmdir(os.path.dirname(path))
        elif what == "chmod":
            os.chmod(path, 0o600)
        elif what == "utime":
            os.utime(path, (1, 1))
        elif what == "link":
            os.link(path, other)
        elif what == "symlink":
            os.symlink(path, other)

    def add(self, path, name, values):
        import h5py
        with h5py.File(path, "r+", locking=False) as file:
            file[name] = values

    def names(self, path):
        import h5py
        with h5py.File(path, "r", locking=False) as file:
            return sorted(file)


class Client:
    """A process that does Operations; `do` gives a value, or an errno as a negative number."""

    def __init__(self):
        self.process = subprocess.Popen([sys.executable, "-m", "toolbox.clients"], cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env={key: value for key, value in os.environ.items() if not key.startswith(("EVH5", "HDF5"))})

    def begin(self, name, *arguments):
        data = pickle.dumps((name, arguments))
        self.process.stdin.write(struct.pack("<I", len(data)) + data)
        self.process.stdin.flush()

    def end(self, patience=60):
        """(errno, value) of what began last; errno is 0 when it worked."""
        if not select.select([self.process.stdout], [], [], patience)[0]:
            raise AssertionError(f"an operation did not end within {patience} s")
        size = self.process.stdout.read(4)
        assert len(size) == 4, f"the client ended: {self.process.wait(5)}"
        return pickle.loads(self.process.stdout.read(struct.unpack("<I", size)[0]))

    def do(self, name, *arguments):
        self.begin(name, *arguments)
        return self.end()

    def kill(self):
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(60)
        self.process.stdin.close()
        self.process.stdout.close()

    def leave(self):
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()


def main():
    operations = Operations()
    commands, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while len(size := commands.read(4)) == 4:
        name, arguments = pickle.loads(commands.read(struct.unpack("<I", size)[0]))
        try:
            answer = (0, getattr(operations, name)(*arguments))
        except OSError as problem:
            # h5py tells some errnos only in its text.
            from toolbox.programs import errno_of
            answer = (errno_of(problem) or errno.EIO, str(problem))
        except (RuntimeError, KeyError, ValueError) as problem:
            from toolbox.programs import errno_of
            answer = (errno_of(problem) or errno.EIO, f"{type(problem).__name__}: {problem}")
        data = pickle.dumps(answer)
        answers.write(struct.pack("<I", len(data)) + data)
        answers.flush()


if __name__ == "__main__":
    main()
