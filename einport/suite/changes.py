"""What changed from one result file to another, and whether anything got worse.

Cells are matched by operation, framework, device, mode and dtype; not by version, so that a
framework's new release can be held against its old one.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from .results import ALL, EVERYDAY, FAIL, PASS, UNSUPPORTED, Cell, Document, Run

REGRESSION, FIXED, DECLARED = "regression", "fixed", "declared"
WORSE, FEWER, NEW, NOT_RUN = "worse error", "fewer cases", "new", "not run"
KINDS = (REGRESSION, FIXED, DECLARED, WORSE, FEWER, NEW, NOT_RUN)
"""What a change can be, in the order in which changes are shown.

Regression: passes no longer, fails where it was unsupported, or its operation is gone in that mode
or that dtype although as much was run. Fixed: passes again. Declared: fails no longer, but is a
declared gap. Worse error: more than twice as much, and above an epsilon. Fewer cases: less than
half as many though as much was run. New: was not there. Not run: the new file's runs leave it out.
"""

_STATUS = {
    (PASS, FAIL): REGRESSION,
    (PASS, UNSUPPORTED): REGRESSION,
    (UNSUPPORTED, FAIL): REGRESSION,
    (FAIL, PASS): FIXED,
    (UNSUPPORTED, PASS): FIXED,
    (FAIL, UNSUPPORTED): DECLARED,
}

Key = tuple[str, str, str, str, str]
"""Framework, device, operation, mode and dtype."""


class Change(NamedTuple):
    """What became of one operation on one framework and device, in one mode and dtype."""

    kind: str
    old: Cell | None
    new: Cell | None

    @property
    def cell(self) -> Cell:
        """The new cell, or the old one where there is none."""
        found = self.old if self.new is None else self.new
        assert found is not None  # noqa: S101  (one of the two is there)
        return found

    def plain(self) -> dict[str, Any]:
        """In plain values, for JSON."""
        cell = self.cell
        names = ("op", "topic", "backend", "device", "mode", "dtype")
        plain: dict[str, Any] = {"kind": self.kind}
        plain.update((name, getattr(cell, name)) for name in names)
        for side, one in (("old", self.old), ("new", self.new)):
            found = None if one is None else one._asdict()
            plain[side] = found and {k: v for k, v in found.items() if k not in names}
        return plain


def diff(old: Document, new: Document) -> list[Change]:
    """The changes, regressions first; where a file holds two versions, its last run's counts."""
    before, after = _by_key(old), _by_key(new)
    there = {key[:4] for key in after} | {(*key[:3], key[4]) for key in after}
    changes = []
    for key in sorted(before.keys() | after.keys()):
        was, now = before.get(key), after.get(key)
        covered = was is not None and _covers(new, old, was)
        if was is None:
            kind = NEW
        elif now is None:
            # Draws differ a little from run to run; a mode or a dtype of an operation does not.
            gone = not {key[:4], (*key[:3], key[4])} <= there
            kind = REGRESSION if gone and covered and was.status != UNSUPPORTED else NOT_RUN
        else:
            kind = _kind(was, now, covered)
        if kind:
            changes.append(Change(kind, was, now))
    return sorted(changes, key=lambda change: KINDS.index(change.kind))  # keeps the keys' order


def pairs(old: Document, new: Document) -> list[tuple[Cell, Cell]]:
    """The cells that both files have, each with what it was."""
    before, after = _by_key(old), _by_key(new)
    return [(before[key], after[key]) for key in sorted(before.keys() & after.keys())]


def versions_left_out(document: Document) -> list[Run]:
    """The runs whose framework has a later run on the same device, in another version."""
    last = {(run.backend, run.device): run for run in document.runs}
    return [run for run in document.runs if run.version != last[run.backend, run.device].version]


def _by_key(document: Document) -> dict[Key, Cell]:
    """Cells by what they are matched by: of two versions, the last run's."""
    turn = {run.column: number for number, run in enumerate(document.runs)}
    cells = sorted(document.cells, key=lambda cell: turn[cell.column])
    return {(c.backend, c.device, c.op, c.mode, c.dtype): c for c in cells}


def _kind(was: Cell, now: Cell, covered: bool) -> str:
    """The kind of a change between two cells; nothing where there is none."""
    if now.status != was.status:
        return _STATUS[was.status, now.status]
    if (now.error or 0) > max(1, 2 * (was.error or 0)):
        return WORSE
    return FEWER if covered and 2 * now.cases < was.cases else ""


def _covers(new: Document, old: Document, cell: Cell) -> bool:
    """Whether the new file ran at least what the old one ran there, and by the same tool."""

    def runs(document: Document) -> list[Run]:
        return [r for r in document.runs if (r.backend, r.device) == (cell.backend, cell.device)]

    tools = {run.tool for run in runs(old)}
    wanted = ALL if any(run.sample == ALL for run in runs(old)) else EVERYDAY
    return any(
        run.sample in (ALL, wanted) and not run.partial and tools == {run.tool} for run in runs(new)
    )


def counts(changes: list[Change]) -> Counter[str]:
    """How many changes there are of each kind."""
    return Counter(change.kind for change in changes)
