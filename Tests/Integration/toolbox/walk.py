"""A random walk of clients on some mounts, each operation of which is compared with the model."""
import errno
import fcntl
import os
import random
import signal
import time

import h5py
import numpy as np

from toolbox import encoders, tensors
from toolbox.clients import Client
from toolbox.model import HEIGHT, SPECS, WIDTH, File, Handle, Mismatch, contents, difference, scenes_of, scratch, short
from toolbox.mounting import end_by_force, gone
from toolbox.walk_writing import Writing


class Walk(Writing):
    """Operations by some clients on some mounts of one source and one store."""

    def __init__(self, seed, source, mounts, clients=3, tell=lambda line: None):
        self.random, self.seed = random.Random(seed), seed
        self.source, self.mounts, self.tell = source, mounts, tell
        self.clients = [Client() for _ in range(clients)]
        self.handles, self.trace, self.counts, self.seconds = [], [], {}, {}
        self.versions = {name: number + 1 for number, name in enumerate("abc")}
        self.inodes = {}
        for name, version in self.versions.items():
            self.put(name, version)
        self.files = [File(name, spec) for name in self.versions for spec in SPECS]
        for file in self.files:
            file.base = file.committed = self.fresh(file, self.do(0, "whole", self.path(0, file)))

    # --- Small things

    def path(self, mount, file):
        return str(self.mounts[mount] / file.key)

    def put(self, name, version):
        events = scenes_of(version)
        encoders.write(self.source / "part", "evt2", events, WIDTH, HEIGHT)
        os.rename(self.source / "part", self.source / f"{name}.raw")

    def note(self, *words):
        self.trace.append(" ".join(str(word) for word in words))

    def check(self, true, *words):
        if not true:
            self.note("MISMATCH:", *words)
            logs = [line for one in self.mounts for line in ["", f"log of {one.point}:", *[line for line in one.log().splitlines()[-400:] if " debug " not in line][-12:]]]
            raise Mismatch(f"seed {self.seed}, after {sum(self.counts.values())} operations: {' '.join(map(str, words))}\n" + "\n".join(self.trace[-40:] + logs))

    def do(self, client, name, *arguments, allowed=(0,)):
        """The value of an operation that must give one of these errnos; None when it gave another than 0."""
        problem, value = self.clients[client].do(name, *arguments)
        self.worked = problem == 0
        self.check(problem in allowed, f"client {client}: {name} {short(arguments)} gave {errno.errorcode.get(problem, 'success')} ({value if problem else short(value)})",
                   "instead of", " or ".join(errno.errorcode.get(one, "success") for one in allowed))
        return None if problem else value

    def fresh(self, file, data):
        """Checks that `data` is a file of this recording's tensor; gives it back."""
        name, period = SPECS[file.spec]
        want = tensors.tensor_of(name, encoders.shifted("evt2", scenes_of(self.versions[file.name])), period, HEIGHT, WIDTH)
        with scratch(data) as copy, h5py.File(copy.name, "r") as opened:
            got = opened["data"][:]
        self.check(got.shape == want.shape and np.allclose(got, want, rtol=0, atol=2e-6), "the tensor of", file.key, "is another")
        return data

    def handle(self, **wanted):
        found = [one for one in self.handles if all(getattr(one, key) == value for key, value in wanted.items())]
        return self.random.choice(found) if found else None

    def any(self):
        return self.random.randrange(len(self.clients)), self.random.randrange(len(self.mounts)), self.random.choice(self.files)

    # --- Reading

    def open_to_read(self):
        client, mount, file = self.any()
        if sum(one.client == client for one in self.handles) > 20:
            return self.close_one()
        self.note("open", client, mount, file.key)
        fd = self.do(client, "open", self.path(mount, file), os.O_RDONLY)
        self.handles.append(Handle(client, mount, fd, file, False, file.committed))

    def read(self):
        one = self.handle()
        if not one:
            return self.open_to_read()
        want = bytes(one.file.session.view) if one.writes else one.snapshot
        offset = self.random.choice([0, self.random.randrange(len(want) + 50), max(0, len(want) - 100)])
        size = self.random.choice([1, 8, 512, 4096, self.random.randrange(1, len(want) + 100), 1 << 17])
        self.note("read", one.client, one.mount, one.file.key, "by the writer" if one.writes else "", offset, size)
        data = self.do(one.client, "read", one.fd, size, offset, allowed=(0, errno.ESTALE) if one.old else (0,))
        if data is not None:
            self.check(data == want[offset:offset + size], "read", one.file.key, offset, size, "gave", difference(data, want[offset:offset + size]))

    def whole(self):
        client, mount, file = self.any()
        how = self.random.choice(["whole", "map"])
        session = file.session
        if session and session.mount == mount and session.client == client:
            how = "whole"  # a map asks for the size, which is the writer's in its own process
        self.note(how, client, mount, file.key)
        data = self.do(client, how, self.path(mount, file))
        self.check(data == file.committed, how, file.key, "gave", difference(data, file.committed))

    def stat(self):
        client, mount, file = self.any()
        self.note("stat", client, mount, file.key)
        size, inode = self.do(client, "stat", self.path(mount, file))
        allowed = {len(file.committed)}
        if file.session and file.session.mount == mount and file.session.client == client:
            allowed = {len(file.session.view)}
        elif file.changed[0] != mount and time.monotonic() - file.changed[1] < 3:
            allowed |= file.sizes  # another mount's kernel may believe the size for a while
        self.check(size in allowed, "the size of", file.key, "is", size, "not", allowed)
        self.check(self.inodes.setdefault((mount, file.key), inode) == inode, "another inode of", file.key)

    def list(self):
        client, mount, file = self.any()
        self.note("list", client, mount, file.spec)
        names = self.do(client, "list", str(self.mounts[mount] / file.spec))
        self.check({f"{name}.h5" for name in self.versions} == set(names), "the folder has", names)

    def close_one(self):
        one = self.handle(writes=False)
        if one:
            self.close(one)

    def lock(self):
        one = self.handle()
        if not one:
            return self.open_to_read()
        how = self.random.choice([fcntl.LOCK_SH, fcntl.LOCK_EX, fcntl.LOCK_UN])
        others = [h.lock for h in self.handles if h is not one and h.file is one.file and h.mount == one.mount]
        conflict = how == fcntl.LOCK_EX and any(lock != fcntl.LOCK_UN for lock in others) or how == fcntl.LOCK_SH and fcntl.LOCK_EX in others
        self.note("flock", one.client, one.mount, one.file.key, how)
        self.do(one.client, "lock", one.fd, how, allowed=(errno.EAGAIN,) if conflict else (0,))
        # flock changes a lock by letting go of the old one first.
        one.lock = how if not conflict else fcntl.LOCK_UN

    # --- Ends

    def forget(self, gone):
        """Handles that ended without a close; their sessions are torn."""
        for one in [one for one in self.handles if gone(one)]:
            self.handles.remove(one)
            if one.writes:
                one.file.session = None

    def kill_client(self):
        client = self.random.randrange(len(self.clients))
        self.note("kill client", client)
        self.clients[client].kill()
        self.clients[client] = Client()
        self.forget(lambda one: one.client == client)

    def kill_daemon(self):
        """The daemon ends in the middle of whatever it does: a commit may be under way."""
        mount = self.random.randrange(len(self.mounts))
        one = self.handle(writes=True, mount=mount)
        busy = one and one.file.session.handles == 1 and self.random.randrange(3) > 0
        self.note("kill the daemon of", mount, f"while {one.client} closes {one.file.key}" if busy else "")
        where = self.mounts[mount]
        if busy:
            self.clients[one.client].begin("close", one.fd)
            time.sleep(self.random.random() * 0.03)
        pid = where.daemon
        os.kill(pid, signal.SIGKILL)
        self.check(gone(pid), "the daemon does not end")
        session = one.file.session if busy else None
        if busy:
            problem, _ = self.clients[one.client].end()
            if problem == 0:
                self.commit(one.file, 0 in self.outcome(session))
            self.handles.remove(one)
            one.file.session = None
        for other in [other for other in self.handles if other.mount == mount]:
            self.clients[other.client].do("close", other.fd)
        self.forget(lambda other: other.mount == mount)
        end_by_force(where.point)
        where.start()
        where.daemon = where.pid
        if busy and problem != 0 and session.dirty and session.valid is not False and not session.refused:
            # Before or after, as far as it had got.
            data = self.do(one.client, "whole", self.path(mount, one.file))
            self.check(data in (one.file.committed, bytes(session.view)), "neither before nor after:", one.file.key)
            one.file.set(data, mount)

    def remount(self):
        mount = self.random.randrange(len(self.mounts))
        for one in [one for one in self.handles if one.mount == mount]:
            self.close(one)
        self.note("remount", mount)
        self.mounts[mount].stop()
        self.mounts[mount].start()
        self.mounts[mount].daemon = self.mounts[mount].pid

    # --- Recordings

    def change_recording(self):
        """Replaced, grown or touched: what was added is carried over, the tensor is the new one's."""
        name = self.random.choice(list(self.versions))
        mine = [file for file in self.files if file.name == name]
        if any(file.session for file in mine):
            return
        how = self.random.choice(["replace", "touch", "rewrite"])
        self.note(how, name)
        path = self.source / f"{name}.raw"
        if how == "touch":
            os.utime(path)
        else:
            self.versions[name] += 1
            if how == "replace":
                self.put(name, self.versions[name])
            else:
                path.write_bytes(encoders.encode("evt2", scenes_of(self.versions[name]), WIDTH, HEIGHT))
        for one in self.handles:
            one.old = one.old or one.file.name == name
        time.sleep(1.2)  # names and attributes are believed for a second
        for file in mine:
            added, changed = contents(file.committed), file.committed != file.base
            file.sizes.clear()
            data = self.fresh(file, self.do(0, "whole", self.path(0, file)))
            now = contents(data)
            if added is not None:
                lost = {key: value for key, value in added.items() if (now or {}).get(key) != value}
                self.check(not lost, "additions to", file.key, "are not there any more:", list(lost), "of", list(added), "but", list(now or {}))
            file.committed = file.base = data
            if changed:
                # What the file is without additions is seen when they are taken back.
                self.do(0, "remove", self.path(0, file))
                file.base = self.fresh(file, self.do(0, "whole", self.path(0, file)))
                file.set(file.base, 0)

    # --- The walk

    def run(self, count):
        common = [(30, self.read), (14, self.open_to_read), (10, self.close_one), (8, self.stat), (6, self.whole), (4, self.list), (5, self.lock), (5, self.refuse),
                  (1.5, self.open_to_write), (4, self.write), (1, self.close_writer), (0.4, self.sync), (0.1, self.grow), (0.4, self.remove), (0.1, self.add),
                  (0.1, self.kill_client), (0.03, self.kill_daemon), (0.02, self.remount), (0.02, self.change_recording)]
        weights, operations = zip(*common)
        begin = time.monotonic()
        for number in range(count):
            operation = self.random.choices(operations, weights)[0]
            name = operation.__name__
            self.counts[name] = self.counts.get(name, 0) + 1
            start = time.monotonic()
            operation()
            self.seconds[name] = self.seconds.get(name, 0) + time.monotonic() - start
            if number % 2000 == 1999:
                most = sorted(self.seconds.items(), key=lambda one: -one[1])[:5]
                self.tell(f"{number + 1} operations in {time.monotonic() - begin:.0f} s; " + ", ".join(f"{name} {took:.0f} s" for name, took in most))
        for one in list(self.handles):
            self.close(one)
        for file in self.files:
            for mount in range(len(self.mounts)):
                data = self.do(0, "whole", self.path(mount, file))
                self.check(data == file.committed, "at the end", file.key, "is", difference(data, file.committed))

    def end(self):
        for client in self.clients:
            client.kill()
