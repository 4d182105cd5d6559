"""The store of what users added, looked at from outside: its folders by the layout that docs/SEMANTICS.md states."""
import os
import pathlib


def folders(store):
    """The sidecar folders: those with a committed state or a session."""
    return sorted(path.parent for path in pathlib.Path(store).glob("recordings/*/*/lock"))


def torn(store):
    """Sessions that did not commit."""
    return sorted(pathlib.Path(store).glob("recordings/*/*/torn/*"))


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
