"""README.md, docs/TUTORIAL.md and docs/CACHE.md: what they warn of is so, and their commands exist. Tests/Python executes the tutorial itself."""
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_mv_and_rm_r_take_back_what_was_added(evh5, mount, library, store, tmp_path):
    """As README.md warns, and it can be brought back."""
    import h5py

    path = mount(library, "--sidecars", store) / "histo/50ms/evt3.h5"
    for command, code in ((["mv", path, tmp_path / "moved.h5"], 0), (["rm", "-r", path.parent], 1)):
        with h5py.File(path, "r+") as file:
            file["more"] = 1
        assert subprocess.run(list(map(str, command)), capture_output=True, timeout=30).returncode == code
        with h5py.File(path) as file:
            assert list(file) == ["data"]
        [removed] = [one["name"] for one in evh5.json("sidecar", "list", "--sidecars", store) if "removed" in one]
        evh5.run("sidecar", "restore", removed, "--sidecars", store, check=0)
        with h5py.File(path, "r+") as file:
            del file["more"]
    with h5py.File(tmp_path / "moved.h5") as file:
        assert sorted(file) == ["data", "more"]


@pytest.mark.parametrize("page", ["README.md", "docs/TUTORIAL.md", "docs/CACHE.md"])
def test_commands_exist(evh5, page):
    """Every `evh5 ...` that a page shows is a command, with flags that it has."""
    shown = re.findall(r"^ +(?:\$ )?evh5 (.+?)(?:  .*)?$", (ROOT / page).read_text(), re.M)
    assert len(shown) >= (1 if page != "README.md" else 10)
    for line in shown:
        words = line.split("#")[0].split()
        command = words[:2] if words[0] in ("cache", "sidecar") else words[:1]
        help_text = evh5.run(*command, "--help", check=0).stdout
        for flag in (word.split("=")[0] for word in words if word.startswith("--")):
            assert flag in help_text, line


def test_the_readme_leads_somewhere():
    """Its links exist, and the two commands are targets of the Makefile."""
    text = (ROOT / "README.md").read_text()
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (ROOT / target).exists(), target
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?:^ +(?:\$ )?|`|&& (?:sudo )?)make ([a-z-]+)", text, re.M):
        assert re.search(rf"^{target}:", makefile, re.M), target
