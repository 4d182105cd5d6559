"""The store of what users added, looked at from outside: its folders by the layout that docs/SEMANTICS.md states."""
import os
import pathlib
import time


def folders(store):
    """The sidecar folders: those with a committed state or a session."""
    return sorted(path.parent for path in pathlib.Path(store).glob("recordings/*/*/lock"))


def torn(store, least=0):
    """Sessions that did not commit. The kernel tells of a dead program's last close after the program is gone: waits until there are `least`."""
    deadline = time.monotonic() + 10
    while True:
        found = sorted(pathlib.Path(store).glob("recordings/*/*/torn/*"))
        if len(found) >= least or time.monotonic() >= deadline:
            return found
        time.sleep(0.02)


def removed(store):
    return sorted(pathlib.Path(store).glob("removed/*"))


def held(store):
    """Bytes on the disk, hard links once."""
    found = {}
    for folder, _, names in os.walk(store):
        for name in names:
            try:
                told = os.lstat(os.path.join(folder, name))
            except FileNotFoundError:
                continue
            found[told.st_dev, told.st_ino] = told.st_blocks * 512
    return sum(found.values())
