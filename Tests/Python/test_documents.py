"""The code of docs/PYTHON.md and docs/MODELS.md runs as it stands, and prints what the pages say."""
import os
import re

import numpy as np

from conftest import BOX, ROOT, boxes
from toolbox import encoders, scenes

PAGE = ROOT / "docs/PYTHON.md"
MODELS = ROOT / "docs/MODELS.md"


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


def test_models(script, tmp_path, home):
    """docs/MODELS.md: its Python runs on a mount of what the page says, each block on its own, and prints what the page says."""
    import evh5

    folder = tmp_path / "recordings/train"
    folder.mkdir(parents=True)
    encoders.write(folder / "a_td.dat", "dat", scenes.scene(304, 240, duration=4_000_000, count=100_000), 304, 240)
    labels = np.zeros(32, BOX)
    labels["ts"] = np.repeat(100_000 + 250_000 * np.arange(16), 2)
    labels["x"], labels["y"], labels["w"], labels["h"] = 50, 60, 70, 80
    labels["class_id"] = np.tile([0, 1], 16)
    np.save(folder / "a_bbox.npy", labels)
    np.save(folder / "a_frames.npy", np.arange(100_000, 4_000_000, 33_333))
    np.save(folder / "a_flow.npy", np.array([500_000, 1_000_000]))
    np.save(folder / "a_disparity.npy", np.array([500_000, 1_000_000, 1_500_000]))
    found = re.findall(r"```python\n(.*?)```\n(?:\nprints `([^`]*)`|\n```text\n(.*?)```)", MODELS.read_text(), re.S)
    assert len(found) == MODELS.read_text().count("```python") == 8
    with evh5.mounted(tmp_path / "recordings", folders={"rvt_gen1": "rvt,dataset=gen1"}) as root:
        for code, one, many in found:
            assert "/mnt/h5/" in code
            done = script(code.replace("/mnt/h5/", f"{root}/"), cwd=tmp_path)
            assert done.returncode == 0, f"{code}\n{done.stderr}"
            assert done.stdout.strip() == (one or many).strip(), code
