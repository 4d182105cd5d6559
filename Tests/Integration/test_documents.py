"""The documents against the binary: settings and commands are all there with the right defaults, what is shown exists, links lead somewhere."""
import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def text(page: str) -> str:
    return (ROOT / page).read_text()


def anchors(page: str) -> set[str]:
    """Those of its headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", text(page), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_settings_are_those_of_the_help(evh5):
    """Each flag of `evh5 mount` has a row with its variable and default, and no row is of a flag that there is not."""
    helped = evh5.run("mount", "--help", check=0).stdout.split("OPTIONS:")[1]
    flags = {}
    for entry in re.split(r"\n(?=  -)", helped):  # each goes on in indented lines
        words = " ".join(entry.split())
        if variable := re.search(r"\b(EVH5_[A-Z_]+)\)", words):
            default = re.search(r"\(default: (.*?); EVH5_", words)
            flags[re.search(r"--([a-z-]+)", words).group(1)] = (variable.group(1), default.group(1) if default else "")
    assert len(flags) > 20
    rows = {}
    for row in text("docs/SETTINGS.md").split("## All settings")[1].split("\n## ")[0].splitlines():
        cells = [cell.strip().replace("`", "") for cell in row.strip("|").split("|")]
        if name := re.search(r"--([a-z][a-z-]+)", cells[0]):
            rows[name.group(1)] = (cells[1], cells[2].removeprefix("off"))  # the help says nothing of a switch that is off
    assert rows == flags


def test_commands_are_those_of_the_help(evh5):
    listed = re.findall(r"^  ([a-z]+) {2,}", evh5.run("--help", check=0).stdout.split("SUBCOMMANDS:")[1], re.M)
    table = re.findall(r"^\| `evh5 ([a-z]+)", text("docs/COMMANDS.md"), re.M)
    assert sorted(table) == sorted(listed) and len(table) > 8


@pytest.mark.parametrize("page", ["docs/COMMANDS.md", "docs/FROM-GENERATE-HDF5.md", "docs/SETTINGS.md"])
def test_shown_commands_exist(evh5, page):
    """With the flags that they are shown with."""
    shown = re.findall(r"^ +\$ (?:[A-Z0-9_]+=\S+ )?evh5 (.+?)(?:  .*)?$", text(page), re.M) + re.findall(r"`evh5 ([a-z]+ [^`]+)`", text(page))
    assert len(shown) > 3
    for line in shown:
        words = line.split("#")[0].split()
        command = words[:2] if words[0] in ("cache", "sidecar") else words[:1]
        help_text = evh5.run(*command, "--help", check=0).stdout
        for flag in (word.split("=")[0].rstrip(",") for word in words if re.match(r"--[a-z]", word)):
            assert flag in help_text, line


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", text(page)):
        path = (ROOT / page).parent / target if target else ROOT / page
        assert path.exists(), target
        if anchor and path.suffix == ".md":
            assert anchor in anchors(path.resolve().relative_to(ROOT).as_posix()), f"{target}#{anchor}"


def test_pages_are_found():
    """Each page is linked from the README, or from a page that is."""
    seen, todo = set(), ["README.md"]
    while todo:
        page = todo.pop()
        if page in seen:
            continue
        seen.add(page)
        for target in re.findall(r"\]\((?!https?:)([^)#]+\.md)(?:#[^)]*)?\)", text(page)):
            todo.append(((ROOT / page).parent / target).resolve().relative_to(ROOT).as_posix())
    assert set(PAGES) <= seen, set(PAGES) - seen


def test_the_first_frame(evh5, tmp_path):
    """README's first minute, as it stands there, prints what it says."""
    section = text("README.md").split("## The first frame")[1].split("\n## ")[0]
    lines = re.findall(r"^    (.*)$", section, re.M)
    commands = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    printed = [line for line in lines if not line.startswith("$ ")]
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/evh5").symlink_to(evh5.path)
    script = "set -e\ntrap 'evh5 unmount h5 2>/dev/null || true' EXIT\n" + "\n".join(commands)
    path = f"{tmp_path}/bin:{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert printed and done.stdout.splitlines()[1:] == printed  # the first line is of synth
