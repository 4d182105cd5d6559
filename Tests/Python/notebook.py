"""Executes docs/tutorial.ipynb on a real mount. As a script it writes the outputs into the file: `make tutorial`."""
import os
import pathlib
import re
import sys
import tempfile

import nbclient
import nbformat

ROOT = pathlib.Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "docs/tutorial.ipynb"


def execute(notebook, binary, home):
    """The notebook with new outputs. It runs in an environment of its own, in which `evh5` is the binary; raises when a cell does."""
    executed = nbformat.from_dict(notebook)
    for cell in executed.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    for name in ("bin", "tmp", "logs", "work"):
        (home / name).mkdir()
    (home / "bin/evh5").symlink_to(binary)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EVH5") and name != "MPLBACKEND"}
    environment.update(HOME=str(home), XDG_CACHE_HOME=str(home / "cache"), XDG_STATE_HOME=str(home / "state"), EVH5_LOG_DIRECTORY=str(home / "logs"),
                       TMPDIR=str(home / "tmp"), IPYTHONDIR=str(home / "ipython"), PYTHONPATH=str(ROOT / "Sources/Python"), NO_COLOR="1",
                       PATH=f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}", PYTHONDONTWRITEBYTECODE="1")
    client = nbclient.NotebookClient(executed, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(home / "work")}})
    client.execute(env=environment)
    for cell in executed.cells:
        cell.metadata.pop("execution", None)  # times, which differ every time
        if cell.cell_type == "code":
            cell.outputs = _joined(cell.outputs)
    return executed


def _joined(outputs):
    """What was printed in one piece, however it arrived."""
    joined = []
    for output in outputs:
        if joined and output.output_type == "stream" == joined[-1].output_type and output.name == joined[-1].name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def texts(cell):
    """What a code cell printed and returned, and how many pictures it drew."""
    printed = "".join(output.text for output in cell.outputs if output.output_type == "stream")
    returned = [output.data.get("text/plain", "") for output in cell.outputs if output.output_type in ("execute_result", "display_data")]
    pictures = sum("image/png" in output.get("data", {}) for output in cell.outputs)
    # Of a picture only that it is one: matplotlib's versions differ.
    return printed, [text for text in returned if not re.match("<Figure", text)], pictures


def main():
    binary = pathlib.Path(os.environ.get("EVH5", ROOT / ".build/release/evh5")).resolve()
    with tempfile.TemporaryDirectory(prefix="evh5-tutorial-") as home:
        executed = execute(nbformat.read(TUTORIAL, as_version=4), binary, pathlib.Path(home))
    nbformat.write(executed, TUTORIAL)
    print(f"{TUTORIAL}: {TUTORIAL.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    sys.exit(main())
