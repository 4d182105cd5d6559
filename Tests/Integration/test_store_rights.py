"""A store that may not be looked into, written to or made: reading works, opening for writing is EROFS, and mount and status say why."""
import json
import os
import shutil
import subprocess
import sys

import pytest

from test_daemon import nobody  # noqa: F401, a fixture

ATTEMPT = """
import errno, hashlib, os, sys
path = sys.argv[1]
data = open(path, "rb").read()
print(len(data), hashlib.md5(data).hexdigest())
try:
    os.close(os.open(path, os.O_RDWR))
    print("opened")
except OSError as error:
    print(errno.errorcode[error.errno])
"""


class Ordinary:
    """A mount of nobody's."""

    def __init__(self, prefix, folder, binary):
        self.prefix, self.folder, self.binary = prefix, folder, binary
        self.file = folder / "m/histo/50ms/evt3.h5"
        self.environment = {"HOME": str(folder), "PATH": os.environ["PATH"]}

    def run(self, *words, **options):
        return subprocess.run([*self.prefix, *map(str, words)], capture_output=True, text=True, timeout=30, env=self.environment, cwd="/", **options)

    def mount(self, store):
        done = self.run(self.binary, "mount", self.folder / "recordings", self.folder / "m", "--sidecars", store, "--log-directory", self.folder / "logs")
        assert done.returncode == 0, done.stderr
        return done.stderr

    def attempt(self):
        content, result = self.run(sys.executable, "-c", ATTEMPT, self.file, check=True).stdout.splitlines()
        return content, result

    def status(self):
        text = self.run(self.binary, "status", self.folder / "m", check=True).stdout
        return text, json.loads(self.run(self.binary, "status", self.folder / "m", "--json", check=True).stdout)["sidecars"]

    def unmount(self):
        done = self.run(self.binary, "unmount", self.folder / "m")
        assert done.returncode == 0, done.stderr

    def log(self):
        return "".join(path.read_text() for path in (self.folder / "logs").iterdir())


@pytest.fixture
def ordinary(nobody, evh5, library):
    prefix, folder = nobody
    shutil.copytree(library, folder / "recordings")
    shutil.copy(evh5.path, folder / "evh5")
    (folder / "m").mkdir()
    for path in folder.rglob("*"):
        os.chown(path, 65534, 65534)
    if subprocess.run([*prefix, sys.executable, "-c", ""], cwd="/").returncode != 0:
        pytest.skip("an ordinary user may not run this Python")
    return Ordinary(prefix, folder, folder / "evh5")


def closed(folder):
    """Root's, which nobody may look into."""
    (folder / "closed").mkdir(mode=0o700)
    return folder / "closed/store"


def unwritable(folder):
    (folder / "store").mkdir()
    os.chown(folder / "store", 65534, 65534)
    os.chmod(folder / "store", 0o500)
    return folder / "store"


def read_only(folder):
    (folder / "store").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=1m,uid=65534", "none", folder / "store"], check=True)
    return folder / "store"


def unmakable(folder):
    (folder / "roots").mkdir(mode=0o755)
    return folder / "roots/some/store"


@pytest.mark.parametrize("make,word", [(closed, "Permission denied"), (unwritable, "Permission denied"), (read_only, "Read-only file system"), (unmakable, "cannot be made")])
def test_reading_works_and_writing_is_refused(ordinary, make, word):
    store = make(ordinary.folder)
    try:
        warning = ordinary.mount(store)
        print(warning)
        assert f"warning: the store" in warning and str(store) in warning and word in warning
        content, result = ordinary.attempt()
        assert result == "EROFS"
        text, figures = ordinary.status()
        assert str(store) in text and word in text and word in figures["problem"], text
        assert "cannot be written to, so nothing can be added" in ordinary.log()
        ordinary.unmount()
        # As it would be with a store.
        assert ordinary.mount(ordinary.folder / "good") == ""
        assert ordinary.attempt() == (content, "opened")
        assert ordinary.status()[1].get("problem") is None
        ordinary.unmount()
    finally:
        if make is read_only:
            subprocess.run(["umount", store], check=True)


def test_a_store_that_is_closed_while_it_is_in_use(ordinary):
    store = ordinary.folder / "store"
    assert ordinary.mount(store) == ""
    before = ordinary.attempt()
    assert before[1] == "opened"
    add = "import os, sys\nf = os.open(sys.argv[1], os.O_RDWR)\nos.close(f)"
    ordinary.run(sys.executable, "-c", add, ordinary.file, check=True)
    assert ordinary.run("mkdir", "-p", store, check=True)
    for mode in (0o000, 0o500):
        os.chmod(store, mode)
        assert ordinary.attempt() == (before[0], "EROFS")
        text, figures = ordinary.status()
        assert str(store) in text and "Permission denied" in figures["problem"]
    os.chmod(store, 0o700)
    assert ordinary.attempt() == before
    assert ordinary.status()[1].get("problem") is None
    ordinary.unmount()
