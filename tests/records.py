"""Results made by hand, for the tests of result files."""

from pathlib import Path
from typing import Any

from einport.suite.results import Cell, Document, Row, Run, schema, write

RUN = Run(
    "0.1.0", "3.11.7", "Linux", "torch", "PyTorch", "2.13.0", "cpu", "pytest", "everyday", False, 7
)
ROW = Row(
    "softmax", "probability", "torch", "2.13.0", "cpu", "eager", "float32", "rows",
    "pass", 0.5, 12, 0.25, "",
)  # fmt: skip
CELL = Cell(
    "softmax", "probability", "torch", "2.13.0", "cpu", "eager", "float32",
    "pass", 0.5, 1, 12, 0.25, "",
)  # fmt: skip

NOTHING: dict[str, Any] = {"error": None, "cases": 0, "compared": 0}
FAILED = CELL._replace(status="fail", reason="rows: gave 1, expected 2", **NOTHING)
GAP = CELL._replace(status="unsupported", reason="there is no such kernel", **NOTHING)


def document(*cells: Cell, **run: Any) -> Document:
    """The cells, with a run for each place that they are of."""
    columns = dict.fromkeys(cell.column for cell in cells or (CELL,))
    titles = {"torch": "PyTorch", "numpy": "NumPy", "jax": "JAX"}
    runs = [
        RUN._replace(backend=name, title=titles[name], version=version, device=device, **run)
        for name, version, device in columns
    ]
    return Document(tuple(runs), tuple(sorted(cells, key=lambda cell: cell.key)))


def saved(folder: Path, name: str, *cells: Cell, **run: Any) -> str:
    """A result file of the cells."""
    path = folder / name
    write(path, document(*cells, **run))
    return str(path)


def follow_schema(found: Any) -> None:
    """Raise unless it is as the schema says, and the schema as schemas are.

    jsonschema is looked for only here, so that tests that do without it run where it is not.
    """
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(schema())
    Draft202012Validator(schema()).validate(found)
