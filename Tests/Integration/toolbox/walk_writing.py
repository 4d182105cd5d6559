"""The part of a random walk that writes: sessions, by pieces of what h5py made, by h5py itself, and by what may not be."""
import errno
import fcntl
import os

import h5py
import numpy as np

from toolbox.model import NAMES, REFUSALS, Handle, Session, addable, contents, difference, pieces, scratch


class Writing:
    """What a walk needs to write; see Walk, which has the rest."""

    def open_to_write(self):
        client, mount, file = self.any()
        path, session = self.path(mount, file), file.session
        flags = self.random.choice([os.O_RDWR, os.O_RDWR, os.O_RDWR | os.O_CREAT])
        self.note("open to write", client, mount, file.key)
        if session and (session.client, session.mount) != (client, mount):
            return self.do(client, "open", path, flags, allowed=(errno.EBUSY,))
        if session and session.handles > 2:
            return None
        fd = self.do(client, "open", path, flags)
        if session:
            session.handles += 1
        else:
            file.session = Session(client, mount, bytearray(file.committed))
        self.handles.append(Handle(client, mount, fd, file, True, None))

    def edit(self, data):
        """A state that h5py makes of `data` by some additions, changes and deletions; None when it cannot."""
        with scratch(data) as copy:
            try:
                with h5py.File(copy.name, "r+") as file:
                    added = [name for name in file if name not in ("data", "last_timestamps")]
                    for _ in range(self.random.randrange(1, 4)):
                        kind, name = self.random.randrange(6), self.random.choice(NAMES)
                        values = np.full(self.random.randrange(1, 300), self.random.randrange(1 << 30))
                        if kind == 0 and added and (gone := self.random.choice(added)) in file:
                            del file[gone]
                        elif kind == 1:
                            file.attrs[name] = values[:8]
                        elif name in file:
                            if getattr(file[name], "shape", None) == values.shape:
                                file[name][:] = values
                            file[name].attrs["note"] = str(values[0])
                        elif kind == 2:
                            file.create_dataset(name, data=values, chunks=True, compression="gzip")
                        elif kind == 3:
                            file.create_group(name).attrs["n"] = int(values[0])
                        else:
                            file[name] = values
                with open(copy.name, "rb") as edited:
                    new = edited.read()
                # What half of an edit left and libhdf5 took may be odd enough for the next edit to break it.
                return new if contents(new) is not None else None
            except (OSError, RuntimeError, KeyError, ValueError):
                return None

    def write(self):
        one = self.handle(writes=True)
        if not one:
            return self.open_to_write()
        session = one.file.session
        if session.goal is None:
            session.goal = self.edit(bytes(session.view)) if session.valid else None
            if session.goal is None:
                return self.abandon(one)
            session.left = pieces(bytes(session.view), session.goal, self.random)
        step = self.random.randrange(12)
        if step == 0:
            return self.scribble(one)
        # Now and then all that is left, so that many sessions commit.
        count = len(session.left) if step > 5 else self.random.randrange(1, 4)
        now, session.left = session.left[:count], session.left[count:]
        self.note("write", one.client, one.mount, one.file.key, *((offset, len(data)) for offset, data in now))
        self.do(one.client, "write", one.fd, now)
        for offset, data in now:
            session.view[len(session.view):] = bytes(max(0, offset - len(session.view)))
            session.view[offset:offset + len(data)] = data
        session.dirty = session.dirty or bool(now)
        session.valid = None
        if not session.left:
            if len(session.view) != len(session.goal):
                self.do(one.client, "cut", one.fd, len(session.goal))
                session.view[len(session.goal):] = b""
                session.view[len(session.view):] = bytes(len(session.goal) - len(session.view))
                session.dirty = True
            self.check(bytes(session.view) == session.goal, "the model's own writes are wrong:", difference(session.view, session.goal))
            session.valid, session.goal = True, None

    def abandon(self, one):
        """Nothing to edit: closes, or resets a file that h5py does not read."""
        self.close(one)

    def scribble(self, one):
        """What may not be: into the tensor, or a file cut in it."""
        session, file = one.file.session, one.file
        with scratch(file.base) as copy, h5py.File(copy.name, "r") as opened:
            begin, size = opened["data"].id.get_offset(), opened["data"].nbytes
        if self.random.randrange(2):
            self.note("scribble", one.client, one.mount, file.key)
            self.do(one.client, "write", one.fd, [(begin + self.random.randrange(size), b"x")], allowed=(errno.EPERM,))
            session.refused = True
        else:
            self.note("cut the tensor", one.client, one.mount, file.key)
            self.do(one.client, "cut", one.fd, self.random.choice([0, begin, begin + size - 1]), allowed=(errno.EPERM,))

    def grow(self):
        """A file longer than its superblock says does not commit."""
        one = self.handle(writes=True)
        if not one:
            return self.open_to_write()
        session = one.file.session
        self.note("grow", one.client, one.mount, one.file.key)
        self.do(one.client, "cut", one.fd, len(session.view) + 100)
        session.view += bytes(100)
        session.valid, session.dirty, session.goal, session.left = False, True, None, []

    def outcome(self, session):
        """The errnos that committing may give."""
        if session.refused:
            # Of two reasons the one that was found first is told.
            return (errno.EPERM,) if session.valid else (errno.EPERM, errno.EIO)
        if not session.dirty or session.valid:
            return (0,)
        return (errno.EIO,) if session.valid is False else (0, errno.EIO, errno.EPERM)

    def commit(self, file, worked):
        session = file.session
        if worked and session.dirty:
            file.set(session.view, session.mount)
            if session.valid is None:
                session.valid = contents(session.view) is not None
            session.dirty = False
            session.goal, session.left = None, []

    def sync(self):
        one = self.handle(writes=True)
        if not one:
            return self.open_to_write()
        session = one.file.session
        self.note("fsync", one.client, one.mount, one.file.key)
        self.do(one.client, "sync", one.fd, allowed=self.outcome(session))
        self.commit(one.file, self.worked)

    def close_writer(self):
        one = self.handle(writes=True)
        if one:
            self.close(one)

    def close(self, one):
        self.handles.remove(one)
        if not one.writes:
            self.note("close", one.client, one.mount, one.file.key)
            return self.do(one.client, "close", one.fd)
        file, session = one.file, one.file.session
        self.note("close the writer", one.client, one.mount, file.key, f"(of {session.handles})")
        if session.handles > 1:
            session.handles -= 1
            return self.do(one.client, "close", one.fd)
        self.do(one.client, "close", one.fd, allowed=self.outcome(session))
        self.commit(file, self.worked)
        file.session = None

    def remove(self):
        client, mount, file = self.any()
        self.note("remove", client, mount, file.key)
        if file.session:
            return self.do(client, "remove", self.path(mount, file), allowed=(errno.EBUSY,))
        self.do(client, "remove", self.path(mount, file))
        file.set(file.base, mount)

    def refuse(self):
        client, mount, file = self.any()
        what = self.random.choice(list(REFUSALS))
        self.note("refused", what, client, mount, file.key)
        self.do(client, "refused", what, self.path(mount, file), str(self.mounts[mount] / file.spec / "other.h5"), allowed=(REFUSALS[what],))

    def add(self):
        """By h5py itself, start to end."""
        client, mount, file = self.any()
        if file.session or any(h.file is file and h.lock != fcntl.LOCK_UN for h in self.handles):
            return
        name = f"h{self.random.randrange(1000)}"
        before = contents(file.committed)
        if before is None or name in before:
            return
        values = np.arange(self.random.randrange(1, 500))
        if not addable(file.committed, name, values):
            return  # what half of an edit left and libhdf5 took: an ordinary file of these bytes takes no more either
        self.note("h5py adds", client, mount, file.key, name)
        self.do(client, "add", self.path(mount, file), name, values)
        data = self.do(client, "whole", self.path(mount, file))
        after = contents(data)
        self.check(after == {**before, name: values.tobytes()}, "h5py's additions to", file.key, "are not there")
        file.set(data, mount)
