"""Waiting for the n-th change below a folder, by inotify, so that something can be done at that moment."""
import ctypes
import os
import select
import struct
import threading

_libc = ctypes.CDLL(None, use_errno=True)
MODIFY, CLOSE_WRITE, MOVED_FROM, MOVED_TO, CREATE, DELETE, ISDIR = 0x2, 0x8, 0x40, 0x80, 0x100, 0x200, 0x40000000
EVENTS = MODIFY | CLOSE_WRITE | MOVED_FROM | MOVED_TO | CREATE | DELETE


class Watch:
    """Counts the changes below `folder`, folders that are made included, and calls `action` once, at the `number`-th."""

    def __init__(self, folder, number, action):
        self.number, self.action, self.count, self._names = number, action, 0, {}
        self._file = _libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        assert self._file >= 0, os.strerror(ctypes.get_errno())
        self._stop, self._wake = os.pipe()
        self._add(os.fspath(folder))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _add(self, folder):
        watch = _libc.inotify_add_watch(self._file, os.fsencode(folder), EVENTS)
        if watch < 0:
            return  # it is gone already
        self._names[watch] = folder
        try:
            inside = list(os.scandir(folder))
        except OSError:
            return
        for entry in inside:
            if entry.is_dir(follow_symlinks=False):
                self._add(entry.path)

    def _run(self):
        while True:
            ready = select.select([self._file, self._stop], [], [])[0]
            if self._stop in ready:
                return
            data, at = os.read(self._file, 65536), 0
            while at < len(data):
                watch, mask, _, length = struct.unpack_from("iIII", data, at)
                name = os.fsdecode(data[at + 16:at + 16 + length].rstrip(b"\0"))
                at += 16 + length
                self.count += 1
                if self.count == self.number:
                    self.action()
                if mask & ISDIR and mask & (CREATE | MOVED_TO):
                    self._add(os.path.join(self._names.get(watch, ""), name))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.write(self._wake, b"x")
        self._thread.join(5)
        for file in (self._file, self._stop, self._wake):
            os.close(file)
