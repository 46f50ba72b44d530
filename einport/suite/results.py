"""The result file: what each operation came to on each framework, device, mode and dtype.

A document holds the runs and a cell for each operation in each mode and dtype. It is written one
line a cell, so that two of them differ in few lines; `results.schema.json` says what is in it.
"""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from .. import __version__
from ..backends import Backend
from ..files import NotRead, read_regular, write_whole

PASS, FAIL, UNSUPPORTED = "pass", "fail", "unsupported"
EVERYDAY, ALL = "everyday", "all"
"""The samples of the trials of a case in a mode and dtype, the smaller first."""

PYTEST, MATRIX = "pytest", "matrix"
"""What runs the suite."""

SCHEMA = 1
"""The number of the schema that is written and read."""

LONGEST_REASON = 2000

MOST_BYTES = 64_000_000
"""Bytes that a result file may have: a hundred times those of a full run."""

Column = tuple[str, str, str]
"""A framework's adapter name and version, and a device."""


class Row(NamedTuple):
    """What came of one case."""

    op: str
    topic: str
    backend: str
    version: str
    device: str
    mode: str
    dtype: str
    case: str
    status: str
    error: float | None
    """The worst error in epsilons of the dtype; None where there is no figure."""
    compared: int
    """How many results and values were compared."""
    seconds: float
    reason: str


class Cell(NamedTuple):
    """One operation on one framework and device, in one mode and dtype."""

    op: str
    topic: str
    backend: str
    version: str
    device: str
    mode: str
    dtype: str
    status: str
    error: float | None
    """The worst error, in epsilons of the dtype; None where nothing was compared."""
    cases: int
    """How many cases were compared."""
    compared: int
    """How many results and values were compared."""
    seconds: float
    reason: str

    @property
    def column(self) -> Column:
        """What it was run on."""
        return self.backend, self.version, self.device

    @property
    def key(self) -> tuple[str, ...]:
        """What is found once in a document, and the order of its lines."""
        return self.backend, self.device, self.version, self.op, self.mode, self.dtype


class Run(NamedTuple):
    """One framework on one device, and how much of the suite was run there."""

    einport: str
    python: str
    platform: str
    backend: str
    title: str
    version: str
    device: str
    tool: str
    """What ran it, `pytest` or `matrix`: each has draws of its own, and pytest runs the idioms."""
    sample: str
    partial: bool
    """Whether only some operations or modes were asked for, or the run was cut short."""
    left_out: int
    """How many trials of a case in a mode and dtype the sample left out."""
    settings: tuple[tuple[str, str | bool], ...] = ()
    """How precisely the framework was told to compute; empty in files of before it was kept."""

    @property
    def column(self) -> Column:
        """What was run on."""
        return self.backend, self.version, self.device

    @property
    def precision(self) -> str:
        """The settings in words, on an accelerator: a processor computes float32 in full anyway."""
        if self.device.partition(":")[0] == "cpu":
            return ""
        return ", ".join(f"{name} {str(value).lower()}" for name, value in self.settings)


class Document(NamedTuple):
    """What one result file holds."""

    runs: tuple[Run, ...]
    cells: tuple[Cell, ...]


class ResultsError(ValueError):
    """A file that holds no results; the message is for the user."""


def run_on(
    xp: Backend,
    device: str,
    *,
    everything: bool,
    partial: bool,
    left_out: int,
    tool: str = PYTEST,
) -> Run:
    """A run of this einport, in this Python, on this system."""
    from .drivers import driver_of  # to read files needs no framework

    here = (__version__, platform.python_version(), platform.system() or "unknown")
    sample = ALL if everything else EVERYDAY
    place = (xp.name, xp.title, xp.version(), device)
    settings = tuple(sorted(driver_of(xp).settings().items()))
    return Run(*here, *place, tool, sample, partial, left_out, settings)


def cells_from(rows: Iterable[Row]) -> list[Cell]:
    """Cases by operation, framework, device, mode and dtype, in the order of a document.

    One failure makes a cell fail, and one case that is unsupported makes it unsupported where
    none failed. A pass that compared nothing, or whose error is no number, is a failure.
    """
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        row = _honest(row)
        identity = (row.backend, row.device, row.version, row.op, row.mode, row.dtype)
        groups.setdefault(identity, []).append(row)
    return [_cell(groups[identity]) for identity in sorted(groups)]


def write(path: Path, document: Document, force: bool = False) -> None:
    """Write a document to a new file, whole or not at all; with `force` over an old one.

    Raises:
        NotWritten: The file is there already, or cannot be written.
    """
    write_whole(path, encode(document), force)


def encode(document: Document) -> bytes:
    """A document as JSON, one line a run and one a cell, in UTF-8."""
    runs = [_plain(run) for run in document.runs]
    cells = [cell._asdict() for cell in sorted(document.cells, key=lambda cell: cell.key)]
    text = f'{{\n"schema": {SCHEMA},\n"runs": {lines(runs)},\n"results": {lines(cells)}\n}}\n'
    # Half a pair of surrogates, as a file name may hold, has no UTF-8, but JSON has the escape.
    return text.encode("utf-8", "backslashreplace")


def _plain(run: Run) -> dict[str, Any]:
    """A run as it is written: without settings it is as before there were any."""
    found = run._asdict()
    found.pop("settings")
    return {**found, "settings": dict(run.settings)} if run.settings else found


def lines(values: Sequence[Any]) -> str:
    """A JSON array with a line for each value."""
    if not values:
        return "[]"
    rows = [json.dumps(value, ensure_ascii=False, allow_nan=False) for value in values]
    return "[\n" + ",\n".join(rows) + "\n]"


def read(path: Path) -> Document:
    """The document in a file.

    Raises:
        ResultsError: It is not there or does not follow the schema; the message says where.
    """
    try:
        data = read_regular(path, MOST_BYTES)
    except NotRead as problem:
        raise ResultsError(str(problem)) from None
    try:
        return _decode(data)
    except ResultsError as error:
        raise ResultsError(f"{path}: {error}") from None


@cache
def schema() -> dict[str, Any]:
    """The JSON Schema of a result file."""
    text = files(__package__).joinpath("results.schema.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def merge(documents: Sequence[Document]) -> Document:
    """One document of several; a cell that several hold is the last one's."""
    runs = dict.fromkeys(run for document in documents for run in document.runs)
    cells = {cell.key: cell for document in documents for cell in document.cells}
    return Document(tuple(runs), tuple(cells[key] for key in sorted(cells)))


def _honest(row: Row) -> Row:
    if row.error is not None and not (math.isfinite(row.error) and row.error >= 0):
        text = row.reason or f"{row.case}: the error is {row.error} epsilons"
        return row._replace(status=FAIL, error=None, reason=text)
    if row.status == PASS and (row.compared < 1 or row.error is None):
        return row._replace(status=FAIL, reason=f"{row.case}: compared nothing")
    return row


def _cell(rows: Sequence[Row]) -> Cell:
    """The cell of the cases that share one."""
    first = rows[0]
    statuses = {row.status for row in rows}
    status = next(s for s in (FAIL, UNSUPPORTED, PASS) if s in statuses)
    reason = ""
    if status != PASS:
        reasons = [row.reason for row in rows if row.status == status and row.reason]
        reason = reasons[0] if reasons else "no reason was given"
        if len(reason) > LONGEST_REASON:
            reason = reason[: LONGEST_REASON - 1] + "…"
    done = [row for row in rows if row.compared]
    errors = [row.error for row in done if row.error is not None]
    return Cell(
        *first[:7],
        status,
        # Figures with more digits than mean something would make every run differ.
        float(f"{max(errors):.6g}") if errors else None,
        len(done),
        sum(row.compared for row in done),
        round(sum(row.seconds for row in rows), 3),
        reason,
    )


def _decode(data: bytes) -> Document:
    if not data.strip():
        raise ResultsError("the file is empty")
    try:
        found = json.loads(data, parse_constant=_no_constant)
        _check(found)
    except ResultsError:
        raise
    except RecursionError:
        raise ResultsError("not a result file: too deeply nested") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ResultsError(f"not JSON: {error.msg} at {where}") from None
    except ValueError as error:  # not Unicode, or a number of thousands of digits
        raise ResultsError(f"not JSON: {str(error).partition(';')[0]}") from None
    document = Document(
        tuple(_run_of(run) for run in found["runs"]),
        tuple(_cell_of(cell) for cell in found["results"]),
    )
    _check_whole(document)
    return document


def _no_constant(name: str) -> Any:
    raise ResultsError(f"not JSON: it has {name}, which is no number")


def _run_of(found: dict[str, Any]) -> Run:
    settings = tuple(sorted(found.get("settings", {}).items()))
    return Run(**{**found, "left_out": int(found["left_out"]), "settings": settings})


def _cell_of(found: dict[str, Any]) -> Cell:
    error = found["error"]
    whole = {name: int(found[name]) for name in ("cases", "compared")}
    figures = {"error": None if error is None else float(error), "seconds": float(found["seconds"])}
    return Cell(**{**found, **whole, **figures})


def _check(found: Any) -> None:
    """Follow the schema, or say the first place where it is not followed."""
    try:
        from jsonschema import Draft202012Validator
    except ModuleNotFoundError as error:
        if error.name != "jsonschema":
            raise
        raise ResultsError(
            "reading results needs jsonschema, which is not installed: "
            "python -m pip install 'einport[cli]'"
        ) from None
    if not isinstance(found, dict) or "schema" not in found:
        raise ResultsError("JSON, but not a result file of einport")
    number = found["schema"]
    if isinstance(number, int) and number > SCHEMA:
        raise ResultsError(f"written in schema {number}; this einport reads schema {SCHEMA}")
    wrong = next(Draft202012Validator(schema()).iter_errors(found), None)
    if wrong is None:
        return
    path = [f"[{step + 1}]" if isinstance(step, int) else f".{step}" for step in wrong.path]
    where = "".join(path).lstrip(".") or "the document"
    text = wrong.message if len(wrong.message) <= 200 else wrong.message[:199] + "…"
    raise ResultsError(f"not a result file of einport: in {where}: {text}")


def _check_whole(document: Document) -> None:
    """What the schema cannot say: each cell has a run, and is found once."""
    columns = {run.column for run in document.runs}
    seen = set()
    for number, cell in enumerate(document.cells, 1):
        if cell.column not in columns:
            on = " ".join(cell.column)
            raise ResultsError(f"results[{number}] is of {on}, of which there is no run")
        if cell.key in seen:
            what = f"{cell.op} on {' '.join(cell.column)}, {cell.mode}, {cell.dtype}"
            raise ResultsError(f"results[{number}] is there a second time: {what}")
        seen.add(cell.key)
