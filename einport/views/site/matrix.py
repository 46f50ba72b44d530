"""The compatibility matrix from result files, as tables that a script filters.

A cell of the table is one operation in one mode on one framework and device. What it came to in
each dtype is in its `data-d`, so that a script can show one dtype alone or the worst of some:
letters stand for dtypes, then `=`, the worst error (`e` for exact), and with the numbers of the
reasons `F` where something failed, or `u` where something is unsupported.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from string import ascii_letters

from ...catalog._entry import ANY
from ...suite.modes import RUNNERS
from ...suite.results import ALL, FAIL, UNSUPPORTED, Cell, Column, Document, Run
from ...traps import FRAMEWORKS
from ..matrix import figure, in_order
from .look import Stamp, render

LIMIT = 290_000
"""Bytes of the page of all; past them there is a page a topic, and the first has a row each."""

MODES = {
    "eager": "called as it is",
    "abstract": "on stand-ins without values",
    "device": "with no value read on the way",
    "compiled": "as one graph",
    "xla": "as one graph, by XLA",
    "dynamic": "as one graph for any number of rows",
    "gradient": "its derivative, by reverse mode",
    "compiled-gradient": "its derivative through the compiled form",
    "mapped": "over a new leading axis",
    "exported": "saved, and run in a fresh process",
    "mistakes": "bad input gets its error",
    "native": "the native idiom",
}
"""The modes in a few words each."""


@dataclass(frozen=True)
class Square:
    """A place in the table: what several cells come to."""

    cells: tuple[Cell, ...]
    letters: Mapping[str, str]
    reasons: Mapping[tuple[Column, str, str], int]

    @property
    def failed(self) -> bool:
        """Whether something failed."""
        return any(cell.status == FAIL for cell in self.cells)

    @property
    def numbers(self) -> Sequence[int]:
        """The reasons of what failed, or of what is unsupported."""
        status = FAIL if self.failed else UNSUPPORTED
        found = {self._number(cell) for cell in self.cells if cell.status == status}
        return sorted(one for one in found if one is not None)

    @property
    def text(self) -> str:
        """What stands in the table."""
        if not self.cells:
            return "–"
        if self.failed:
            return "FAIL"
        errors = [cell.error or 0.0 for cell in self.cells if cell.compared]
        if not errors:
            return "none"
        return figure(max(errors))

    @property
    def style(self) -> str:
        """The class of what stands there."""
        if not self.cells:
            return "z"
        if self.failed:
            return "f"
        return "u" if self.text == "none" else "e" if self.text == "exact" else ""

    @property
    def packed(self) -> str:
        """All dtypes in short."""
        dtypes: dict[str, list[Cell]] = {}
        for cell in self.cells:
            dtypes.setdefault(cell.dtype, []).append(cell)
        alike: dict[str, str] = {}
        for dtype, cells in dtypes.items():
            one = Square(tuple(cells), self.letters, self.reasons)
            errors = [cell.error or 0.0 for cell in cells if cell.compared]
            value = "" if not errors else "e" if not max(errors) else figure(max(errors))
            if one.numbers:
                value += ("F" if one.failed else "u") + ",".join(map(str, one.numbers))
            alike[value] = alike.get(value, "") + self.letters[dtype]
        return " ".join(f"{letters}={value}" for value, letters in alike.items())

    def _number(self, cell: Cell) -> int | None:
        return self.reasons.get((cell.column, cell.status, cell.reason))


@dataclass(frozen=True)
class Line:
    """A row of the table."""

    mode: str
    """Empty for all of them."""
    squares: tuple[Square, ...]


@dataclass(frozen=True)
class Group:
    """The rows of an operation."""

    op: str
    topic: str
    whole: Line
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Reason:
    """Why something failed or is unsupported, and where."""

    number: int
    status: str
    text: str
    column: Column
    modes: tuple[str, ...]
    dtypes: tuple[str, ...]
    ops: tuple[str, ...]


class Results:
    """The results as a table."""

    def __init__(self, document: Document) -> None:
        self.document = document

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """Each framework, version and device, in the frameworks' usual order."""
        known = list(FRAMEWORKS)
        found = dict.fromkeys(run.column for run in self.document.runs)
        return tuple(
            sorted(found, key=lambda c: known.index(c[0]) if c[0] in known else len(known))
        )

    @cached_property
    def heads(self) -> Mapping[Column, Run]:
        """A run of each column."""
        return {run.column: run for run in reversed(self.document.runs)}

    @cached_property
    def modes(self) -> tuple[str, ...]:
        """The modes in their order."""
        return tuple(in_order((cell.mode for cell in self.document.cells), [*RUNNERS]))

    @cached_property
    def dtypes(self) -> tuple[str, ...]:
        """The dtypes in their order."""
        return tuple(in_order((cell.dtype for cell in self.document.cells), [*ANY]))

    @cached_property
    def letters(self) -> Mapping[str, str]:
        """A letter for each dtype."""
        return {dtype: ascii_letters[i] for i, dtype in enumerate(self.dtypes)}

    @cached_property
    def reasons(self) -> tuple[Reason, ...]:
        """All reasons, failures first."""
        alike: dict[tuple[Column, str, str], list[Cell]] = {}
        for status in (FAIL, UNSUPPORTED):
            for cell in self.document.cells:
                if cell.status == status:
                    alike.setdefault((cell.column, status, cell.reason), []).append(cell)
        return tuple(
            Reason(
                number, status, text, column,
                tuple(in_order((cell.mode for cell in cells), self.modes)),
                tuple(in_order((cell.dtype for cell in cells), self.dtypes)),
                tuple(dict.fromkeys(cell.op for cell in cells)),
            )
            for number, ((column, status, text), cells) in enumerate(alike.items(), 1)
        )  # fmt: skip

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The rows, by operation."""
        numbers = {(one.column, one.status, one.text): one.number for one in self.reasons}
        ops: dict[str, dict[str, dict[Column, list[Cell]]]] = {}
        topics: dict[str, str] = {}
        for cell in self.document.cells:
            modes = ops.setdefault(cell.op, {})
            modes.setdefault(cell.mode, {}).setdefault(cell.column, []).append(cell)
            topics[cell.op] = cell.topic

        def line(mode: str, found: Mapping[Column, Sequence[Cell]]) -> Line:
            return Line(
                mode,
                tuple(
                    Square(tuple(found.get(column, ())), self.letters, numbers)
                    for column in self.columns
                ),
            )

        made = []
        for op in sorted(ops, key=lambda op: (topics[op], op)):
            modes = ops[op]
            whole = {
                column: [cell for mode in modes.values() for cell in mode.get(column, ())]
                for column in self.columns
            }
            lines = tuple(line(mode, modes[mode]) for mode in self.modes if mode in modes)
            made.append(Group(op, topics[op], line("", whole), lines))
        return tuple(made)

    @cached_property
    def topics(self) -> tuple[str, ...]:
        """The topics in their order."""
        return tuple(dict.fromkeys(group.topic for group in self.groups))


def matrix_pages(
    document: Document | None, why_none: str, ops: Collection[str], stamp: Stamp
) -> dict[str, bytes]:
    """The matrix: one page, or one with a row an operation and one a topic where that is too much.

    Without results the page says why there are none.
    """
    if document is None or not document.cells:
        return {"matrix.html": render("matrix_none.html", "", stamp, why=why_none)}
    results = Results(document)
    whole = _page(results, results.groups, ops, stamp)
    if len(whole) <= LIMIT:
        return {"matrix.html": whole}
    pages = {"matrix.html": _page(results, results.groups, ops, stamp, brief=True)}
    for topic in results.topics:
        groups = [group for group in results.groups if group.topic == topic]
        pages[f"matrix-{topic}.html"] = _page(results, groups, ops, stamp, topic=topic)
    return pages


def _page(
    results: Results,
    groups: Sequence[Group],
    ops: Collection[str],
    stamp: Stamp,
    *,
    brief: bool = False,
    topic: str = "",
) -> bytes:
    here = {group.op for group in groups}
    reasons = [one for one in results.reasons if here & set(one.ops)]
    modes = [m for m in results.modes if any(line.mode == m for g in groups for line in g.lines)]
    return render(
        "matrix.html", "", stamp,
        results=results, groups=groups, reasons=reasons, ops=ops, brief=brief, topic=topic,
        modes=modes, meanings=MODES, everything=ALL,
    )  # fmt: skip


def matrix_place(pages: Collection[str], topic: str, op: str) -> str:
    """Where an operation's results are, from the site's root."""
    apart = f"matrix-{topic}.html"
    return f"{apart if apart in pages else 'matrix.html'}#{op}"
