"""docs/SEMANTICS.md: its example does what it says, and names no command or errno that there is not."""
import errno
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/SEMANTICS.md"


@pytest.fixture(scope="module")
def text():
    return PAGE.read_text()


def test_the_example(mount, source, library, tmp_path, text):
    """The page's Python block, with the path it names replaced by a mount's, prints the text block that follows it."""
    found = re.search(r"```python\n(.*?)```\n.*?```text\n(.*?)```", text, re.S)
    assert found, "docs/SEMANTICS.md has no example"
    script, printed = found.groups()
    assert "/mnt/h5/" in script
    shutil.copy(library / "evt3.raw", source / "traffic.raw")
    where = mount(source, "--sidecars", tmp_path / "store")
    done = subprocess.run([sys.executable, "-c", script.replace("/mnt/h5", str(where.point))], capture_output=True, text=True, timeout=40, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip() == printed.strip()


def test_errors_are_named_as_python_names_them(text):
    names = set(re.findall(r"\bE[A-Z]{2,}\b(?!\.md)", text))
    assert {"EPERM", "EBUSY", "EROFS", "ESTALE", "ENOSPC", "EIO"} <= names
    assert all(hasattr(errno, name) for name in names), names


def test_commands_exist(evh5, text):
    """Every `evh5 sidecar ...` of the page is one, with the flags it is shown with."""
    shown = re.findall(r"^    (evh5 sidecar .*?)(?:   +.*)?$", text, re.M)
    assert len(shown) > 4
    for line in shown:
        words = line.split()
        help_text = evh5.run("sidecar", words[2], "--help", check=0).stdout
        assert f"evh5 sidecar {words[2]}" in help_text, line
        for word in words[3:]:
            if word.startswith("--"):
                assert word in help_text, line


def test_pages_link_to_each_other(text):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert os.path.exists(PAGE.parent / target), target
    root = PAGE.parents[1]
    for page in (root / "README.md", root / "docs/TROUBLESHOOTING.md", root / "docs/PATHS.md"):
        assert "SEMANTICS.md" in page.read_text(), page
