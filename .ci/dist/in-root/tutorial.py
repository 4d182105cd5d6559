"""Executes the code of a notebook as a script, without Jupyter: python tutorial.py NOTEBOOK FOLDER, in which it writes."""
import json
import os
import pathlib
import sys

os.environ["MPLBACKEND"] = "Agg"
notebook = pathlib.Path(sys.argv[1]).resolve()
cells = [cell for cell in json.loads(notebook.read_text())["cells"] if cell["cell_type"] == "code"]
os.chdir(sys.argv[2])
# One file for all cells: functions that are registered are looked up in their source.
script = pathlib.Path("tutorial_cells.py").resolve()
script.write_text("\n\n".join("".join(cell["source"]) for cell in cells))
os.execv(sys.executable, [sys.executable, str(script)])
