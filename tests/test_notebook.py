"""The notebooks in `examples/`: every cell runs, in order, on the framework under test alone."""

import ast
import json
from pathlib import Path

import pytest

import einport
from einport.comparison import running
from einport.suite.judge import Verdict

pytestmark = pytest.mark.once

EXAMPLES = Path(__file__).parent.parent / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


def cells(file):
    return json.loads(file.read_text("utf-8"))["cells"]


def source(cell):
    return "".join(cell["source"])


def test_there_are_notebooks():
    assert [file.name for file in NOTEBOOKS] == ["attention_and_routing.ipynb"]


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_the_format_is_the_published_one(file):
    book = json.loads(file.read_text("utf-8"))
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    assert set(book) == {"cells", "metadata", "nbformat", "nbformat_minor"}
    assert book["metadata"]["language_info"]["name"] == "python"
    names = [cell["id"] for cell in book["cells"]]
    assert len(set(names)) == len(names)
    for cell in book["cells"]:
        extra = {"execution_count", "outputs"} if cell["cell_type"] == "code" else set()
        assert set(cell) == {"cell_type", "id", "metadata", "source"} | extra
        lines = cell["source"]
        assert all(line.endswith("\n") for line in lines[:-1])
        assert lines
        assert not lines[-1].endswith("\n")


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_nothing_is_shown_that_was_not_run(file):
    for cell in cells(file):
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_every_step_is_explained(file):
    """It begins with words, and no more than two cells of code follow each other."""
    kinds = [cell["cell_type"] for cell in cells(file)]
    assert kinds[0] == kinds[-1] == "markdown"
    assert "codecodecode" not in "".join(kinds)
    text = "\n".join(source(cell) for cell in cells(file) if cell["cell_type"] == "markdown")
    for word in ("causal mask", "Heads", "Dispatch", "Combine", "Capacity"):
        assert word in text


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_every_cell_runs(backend, record, file, monkeypatch, capsys):
    only = lambda: (backend.name,)  # noqa: E731
    monkeypatch.setattr(einport, "available_backends", only)
    monkeypatch.setattr(running, "available_backends", only)
    space = {"__name__": "__main__"}
    shown = []
    for cell in cells(file):
        if cell["cell_type"] == "code":
            tree = ast.parse(source(cell), f"{file.name}:{cell['id']}")
            last = tree.body[-1]
            value = None
            if isinstance(last, ast.Expr):  # a notebook shows the value of the last line
                tree.body.pop()
                value = ast.Expression(last.value)
            exec(compile(tree, cell["id"], "exec"), space)
            if value is not None:
                shown.append(eval(compile(value, cell["id"], "eval"), space))
    said = capsys.readouterr().out
    assert said.startswith(f"{backend.title} {backend.version()}\n")
    assert "\x1b" not in said
    whole = [one for one in shown if isinstance(one, running.Comparison)]
    assert [one.op for one in whole] == ["scaled_dot_product_attention", "moe_layer"]
    for one in whole:
        assert [run.name for run in one.runs] == [backend.name]
        assert one.agrees, one.problems
        assert 'class="ep-picture"' in one._repr_html_()
    record(Verdict(len(shown), 0.0))
