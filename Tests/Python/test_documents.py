"""docs/PYTHON.md: its Python runs from top to bottom as it stands, and prints what the page says."""
import os
import re

import numpy as np

from conftest import ROOT, boxes

PAGE = ROOT / "docs/PYTHON.md"


def test_the_page(script, tmp_path):
    import evh5

    (tmp_path / "recordings").mkdir()
    evh5.run("synth", tmp_path / "recordings/traffic.raw", "--geometry", "320x240", "--duration", "4s", "--rate", "300k")
    np.save(tmp_path / "recordings/traffic_bbox.npy", boxes(1, 100, 4_000_000))
    # Each block, and the text that says what it prints.
    found = re.findall(r"```python\n(.*?)```\n(?:\nprints `([^`]*)`|\n```text\n(.*?)```)?", PAGE.read_text(), re.S)
    assert len(found) >= 6
    done = script("\nprint('----')\n".join(code for code, _, _ in found), cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    printed = [text.strip() for text in done.stdout.split("----\n")]
    assert len(printed) == len(found)
    for (code, one, many), text in zip(found, printed):
        if one or many:
            assert text == (one or many).strip(), code
    assert sum(bool(one or many) for _, one, many in found) >= 5
    assert not (tmp_path / "h5").exists() and os.listdir(tmp_path / "recordings")


def test_its_settings_exist():
    """What the page's tables show as settings and arguments are some."""
    import inspect

    from evh5 import _settings
    from evh5.data import Frames

    text = PAGE.read_text()
    shown = set(re.findall(r"`(\w+)=", text)) & {name for name in _settings.Settings.__annotations__}
    assert {"windows", "read_only", "page_cache", "file_mode", "geometry", "register"} <= shown
    section = text[text.index("## A dataset for training"):]
    arguments = re.findall(r"^\| (\w+) \|", section, re.M)[1:]
    assert arguments == [name for name in inspect.signature(Frames).parameters]


def test_oldest_python():
    """Nothing in the module is newer than the grammar of the oldest Python that the page names."""
    import ast

    [minor] = re.findall(r"for\s+Python\s+3\.(\d+)\s+and\s+newer", PAGE.read_text())
    files = sorted((ROOT / "Sources/Python/evh5").glob("*.py"))
    assert len(files) >= 8
    for file in files:
        ast.parse(file.read_text(), str(file), feature_version=(3, int(minor)))
