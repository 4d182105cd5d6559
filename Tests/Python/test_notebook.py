"""docs/tutorial.ipynb: it runs on a real mount, and what the repository shows is what it prints."""
import ast
import re

import nbformat
import pytest

import notebook
from conftest import BINARY


@pytest.fixture(scope="module")
def committed():
    nb = nbformat.read(notebook.TUTORIAL, as_version=4)
    nbformat.validate(nb)
    return nb


def code_cells(nb):
    return [cell for cell in nb.cells if cell.cell_type == "code"]


def test_what_is_committed(committed):
    """It was run once, from the first cell to the last, without errors; it is small, and names no folder of who ran it."""
    cells = code_cells(committed)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert {output.output_type for output in outputs} == {"stream", "display_data"}
    assert all(output.name == "stdout" for output in outputs if output.output_type == "stream")
    assert sum(notebook.texts(cell)[2] for cell in cells) >= 4
    text = notebook.TUTORIAL.read_text()
    assert len(text) < 1_000_000
    assert not re.search(r"/(tmp|root|home|work)/", text)


def test_it_runs_and_prints_what_is_committed(committed, tmp_path):
    executed = notebook.execute(committed, BINARY, tmp_path)
    pairs = list(zip(code_cells(committed), code_cells(executed)))
    assert len(pairs) > 10
    for shown, ran in pairs:
        assert shown.source == ran.source
        assert notebook.texts(ran) == notebook.texts(shown), shown.source
    assert not list((tmp_path / "tmp").iterdir()), "the notebook leaves something behind"


def test_its_other_code(committed):
    """What it only shows is Python, and what it takes from evh5 is there."""
    import evh5.data

    shown = re.findall(r"```python\n(.*?)```", "\n".join(cell.source for cell in committed.cells if cell.cell_type == "markdown"), re.S)
    assert shown
    for text in shown:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and node.module == "evh5.data":
                assert all(hasattr(evh5.data, name.name) for name in node.names)
