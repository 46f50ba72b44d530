"""Results as tables for a terminal, and what changed as lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from rich.table import Table
from rich.text import Text

from ..catalog import entries
from ..suite.changes import (
    FEWER,
    KINDS,
    NEW,
    NOT_RUN,
    REGRESSION,
    WORSE,
    Change,
    counts,
    versions_left_out,
)
from ..suite.modes import RUNNERS
from ..suite.results import ALL, FAIL, PASS, UNSUPPORTED, Cell, Column, Document, Run
from .terminal import console, harmless, say

T = TypeVar("T")
K = TypeVar("K")

Names = tuple[str, ...]

MARK = " *"
"""Beside a figure: some of what it speaks for is unsupported."""

STYLES = {"FAIL": "bold red", UNSUPPORTED: "yellow", "-": "dim"}


def show(document: Document) -> None:
    """A table of operations by framework, or by mode where there is one; what fails; the gaps."""
    columns = list(dict.fromkeys(run.column for run in document.runs))
    if len(columns) == 1:
        name, (_, version, device) = _title(document, columns[0]), columns[0]
        say(f"{name} {version} on {device}")
        # A mode in which nothing is supported has its line below.
        useful = [cell.mode for cell in document.cells if cell.status != UNSUPPORTED]
        modes = in_order(useful or (cell.mode for cell in document.cells), [*RUNNERS])
        heads = [harmless(mode).replace("-", "-\n") for mode in modes]
        rows = _rows(document, modes, lambda cell: cell.mode)
    else:
        heads = [_head(document, column, columns) for column in columns]
        rows = _rows(document, columns, lambda cell: cell.column)
    _tables(heads, rows)
    _show_failures(document)
    _show_gaps(document)
    say()
    for run in document.runs:
        say(_described(run), hang="  ")
    status = Counter(cell.status for cell in document.cells)
    compared = sum(cell.compared for cell in document.cells)
    say(
        f"{status[PASS]} passed, {status[FAIL]} failed, {status[UNSUPPORTED]} unsupported; "
        f"{compared:,} results and values compared.",
    )
    say("Numbers are the worst error of any dtype, in its epsilons.")
    if any(text.endswith(MARK) for row in rows.values() for text in row):
        say("* Some modes, dtypes or cases are unsupported: they are listed above.")


def show_changes(
    old: Document, new: Document, changes: Sequence[Change], matched: Sequence[tuple[Cell, Cell]]
) -> None:
    """What changed, regressions first, and how much there is of each."""
    for name, document in (("old", old), ("new", new)):
        for run in document.runs:
            say(f"{name}: {_described(run)}", hang="  ")
        for run in versions_left_out(document):
            say(f"{name}: of {run.title} the last version counts, not {run.version}")
    lists: dict[str, list[Change]] = _grouped(changes, lambda change: change.kind)
    for kind in KINDS:
        brief = kind in (NEW, NOT_RUN, FEWER)
        alike = _grouped(lists.get(kind, []), _place if brief else _event)
        for number, group in enumerate(alike.values()):
            if not (brief and number):
                say()
            (_show_brief if brief else _show_event)(group)
    found = counts(list(changes))
    said = [f"{found[kind]} {kind}" for kind in KINDS if found[kind]] or ["nothing changed"]
    failing = sum(was.status == now.status == FAIL for was, now in matched)
    if failing:
        said.append(f"{failing} fail as before")
    say()
    say(f"{len(matched):,} results are in both; {', '.join(said)}.", hang="  ")
    if not found[REGRESSION]:
        say("No regression.")


def _rows(
    document: Document, columns: Sequence[K], column_of: Callable[[Cell], K]
) -> dict[str, list[str]]:
    """What the table says of each operation."""
    known = [entry.name for entry in entries()]
    cells = _grouped(document.cells, lambda cell: (cell.op, column_of(cell)))
    return {
        op: [_brief(cells.get((op, column), [])) for column in columns]
        for op in in_order((cell.op for cell in document.cells), known)
    }


def _tables(heads: Sequence[str], rows: dict[str, list[str]]) -> None:
    """Print the table, in several where it is wider than the terminal."""
    out = console()
    ops, texts = [harmless(op) for op in rows], [list(row) for row in rows.values()]
    marked = [any(row[i].endswith(MARK) for row in texts) for i in range(len(heads))]
    for row in texts:
        for i, text in enumerate(row):
            if marked[i] and not text.endswith(MARK):
                row[i] = text + " " * len(MARK)  # so that figures stand below each other
    widths = [
        max(*(len(line) for line in head.split("\n")), *(len(row[i]) for row in texts))
        for i, head in enumerate(heads)
    ]
    first = max(len("operation"), *map(len, ops))
    start = 0
    while start < len(heads):
        end, room = start + 1, out.width - first - 2 - widths[start]
        while end < len(heads) and room >= widths[end] + 2:
            room -= widths[end] + 2
            end += 1
        # A terminal that is narrower than one column breaks the lines itself: nothing is cut off.
        wide = first + sum(width + 2 for width in widths[start:end])
        table = Table(box=None, pad_edge=False, width=wide)
        table.add_column("operation", no_wrap=True)
        for head in heads[start:end]:
            table.add_column(Text(head), justify="right", no_wrap=True)
        for op, row in zip(ops, texts, strict=True):
            table.add_row(Text(op), *(_styled(text) for text in row[start:end]))
        if start:
            say()
        out.print(table, crop=False)
        start = end


def _brief(cells: Sequence[Cell]) -> str:
    """What one place of the table says of the cells that it stands for."""
    if not cells:
        return "-"
    if any(cell.status == FAIL for cell in cells):
        return "FAIL"
    errors = [cell.error or 0.0 for cell in cells if cell.compared]
    if not errors:
        return UNSUPPORTED
    mark = MARK if any(cell.status == UNSUPPORTED for cell in cells) else ""
    return figure(max(errors)) + mark


def figure(error: float | None) -> str:
    """An error in a few characters; what is not exact does not look so."""
    if not error:
        return "exact"
    if error < 0.005:
        return "<0.01"
    return f"{error:.2f}" if error < 10000 else f"{error:.3g}"


def _styled(text: str) -> Text:
    return Text(text, style=STYLES.get(text.strip(" *"), "green"))


def _show_failures(document: Document) -> None:
    failed = [cell for cell in document.cells if cell.status == FAIL]
    alike = _grouped(failed, lambda c: (c.column, c.op, c.mode, c.reason))
    for group in alike.values():
        cell = group[0]
        dtypes = _listed(one.dtype for one in group)
        say()
        what = f"FAIL {cell.op} on {' '.join(cell.column)}, {cell.mode}, {dtypes}:"
        say(what, hang="  ", style="bold red")
        say(cell.reason, indent="  ")


def _show_gaps(document: Document) -> None:
    """Each gap once: its reason, and where there is one."""
    missing = [cell for cell in document.cells if cell.status == UNSUPPORTED]
    gaps: dict[tuple[str, Names, Names], list[Cell]] = {}
    for (_, reason), group in _grouped(missing, lambda cell: (cell.column, cell.reason)).items():
        for ops, found in _alike(group).items():
            modes = tuple(in_order((cell.mode for cell in found), [*RUNNERS]))
            gaps.setdefault((reason, modes, ops), []).extend(found)
    for (reason, modes, ops), found in gaps.items():
        on = _listed(" ".join(cell.column) for cell in found)
        dtypes = _listed(sorted({cell.dtype for cell in found}))
        say()
        say(f"unsupported on {on}: {_listed(modes)}; {dtypes}; {_counted(ops)}", hang="  ")
        say(reason, indent="  ")


def _alike(cells: Sequence[Cell]) -> dict[Names, list[Cell]]:
    """The cells by the operations that their modes have among them."""
    groups: dict[Names, list[Cell]] = {}
    for group in _grouped(cells, lambda cell: cell.mode).values():
        groups.setdefault(tuple(sorted({cell.op for cell in group})), []).extend(group)
    return groups


def _event(change: Change) -> tuple[object, ...]:
    """What changes must share to be shown as one."""
    old, new = change.old, change.new
    cell = change.cell
    now = None if new is None else (new.status, new.reason, new.version)
    error = (old and old.error, new and new.error) if change.kind == WORSE else None
    return (
        cell.op,
        cell.backend,
        cell.device,
        cell.mode,
        old and (old.status, old.version),
        now,
        error,
    )


def _show_event(group: Sequence[Change]) -> None:
    change = group[0]
    cell, old, new = change.cell, change.old, change.new
    dtypes = _listed(one.cell.dtype for one in group)
    what = f"{change.kind}: {cell.op} on {cell.backend} {cell.device}, {cell.mode}, {dtypes}"
    say(what, hang="  ", style="bold red" if change.kind == REGRESSION else "")
    assert old is not None  # noqa: S101  (what is new is shown in brief)
    if new is None:
        say(f"{old.status} in {old.version}; gone, though as much was run", indent="  ")
        return
    if change.kind == WORSE:
        told = f"{figure(old.error)} in {old.version}, {figure(new.error)} in {new.version}"
        say(f"worst error {told}, in epsilons", indent="  ")
        return
    reason = f": {new.reason}" if new.reason else ""
    told = f"{old.status} in {old.version}, {new.status} in {new.version}{reason}"
    say(told, indent="  ")


def _place(change: Change) -> tuple[object, ...]:
    cell = change.cell
    return cell.backend, cell.device, cell.mode


def _show_brief(group: Sequence[Change]) -> None:
    change = group[0]
    cell = change.cell
    ops = _counted(list(dict.fromkeys(one.cell.op for one in group)))
    number = f"{len(group)} result{'s' * (len(group) > 1)}"
    say(f"{change.kind}: {cell.backend} {cell.device}, {cell.mode}: {number}, {ops}", hang="  ")


def _described(run: Run) -> str:
    """A run in a line."""
    how = "everything" if run.sample == ALL else "the everyday sample"
    how += f"{', in part,' if run.partial else ''} run by {run.tool}"
    if run.left_out:
        how += f" ({run.left_out:,} more trials left out)"
    here = f"einport {run.einport}, Python {run.python}, {run.platform}"
    precision = f"; {run.precision}" if run.precision else ""
    return f"{run.title} {run.version} on {run.device}: {how}; {here}{precision}"


def _title(document: Document, column: Column) -> str:
    return next(run.title for run in document.runs if run.column == column)


def _head(document: Document, column: Column, columns: Sequence[Column]) -> str:
    """A framework, its version, and its device where the columns have several."""
    lines = [_title(document, column), column[1].partition("+")[0]]
    if len({device for _, _, device in columns}) > 1:
        lines.append(column[2])
    return "\n".join(harmless(line).replace("\n", " ") for line in lines)


def in_order(found: Iterable[str], known: Sequence[str]) -> list[str]:
    """Each name once: the known ones in their order, then the others sorted."""
    there = set(found)
    return [name for name in known if name in there] + sorted(there - set(known))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def _counted(names: Sequence[str]) -> str:
    """The names of a few operations, or how many there are."""
    return _listed(names) if len(names) <= 3 else f"{len(names)} operations"


def _grouped(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    groups: dict[K, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups
