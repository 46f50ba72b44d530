"""Operation by framework: what passes, what fails, and by how much results are off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..backends import Backend
from ..catalog import Entry, Mistake
from .judge import Wrong
from .runner import ABSTRACT, EAGER, Outcome, check_mistake, drawn_cases, outcome_of

DRAWN_CASES = 3
"""Random cases for each operation and dtype, beside the fixed ones."""

PASS, FAIL, UNSUPPORTED = "pass", "fail", "unsupported"


class Cell(NamedTuple):
    """One operation on one framework in one mode and dtype."""

    op: str
    topic: str
    backend: str
    version: str
    device: str
    mode: str
    dtype: str
    status: str
    error: float
    """The worst error, in epsilons of the dtype."""
    compared: int
    """How many results and values were compared."""
    reason: str


def cells_of(entry: Entry, xp: Backend, device: str) -> list[Cell]:
    """Run one operation on one framework, in every dtype, and its mistakes."""
    cells = []
    for dtype in entry.dtypes:
        fixed = [case for case in entry.cases if dtype in entry.dtypes_of(case)]
        drawn = drawn_cases(entry, dtype, DRAWN_CASES)
        drawn = [case for case in drawn if dtype in entry.dtypes_of(case)]
        outcomes = [outcome_of(entry, case, xp, device, dtype, EAGER) for case in fixed + drawn]
        cells.append(_cell(entry, xp, device, EAGER, dtype, outcomes))
    first = entry.dtypes[0]
    abstract = [
        outcome_of(entry, case, xp, device, entry.dtypes_of(case)[0], ABSTRACT)
        for case in entry.cases
    ]
    cells.append(_cell(entry, xp, device, ABSTRACT, first, abstract))
    if entry.mistakes:
        refused = [_refusal(entry, mistake, xp, device) for mistake in entry.mistakes]
        cells.append(_cell(entry, xp, device, "mistakes", first, refused))
    return [cell for cell in cells if cell.compared or cell.status != PASS]


def run_matrix(
    entries: Sequence[Entry],
    backends: Sequence[tuple[Backend, str]],
    advance: Callable[[Backend, Entry], Any],
) -> list[Cell]:
    """Run every operation on every framework, telling `advance` before each."""
    cells: list[Cell] = []
    for xp, device in backends:
        for entry in entries:
            advance(xp, entry)
            cells.extend(cells_of(entry, xp, device))
    return cells


def verdict_on(cells: Sequence[Cell]) -> Cell:
    """The one cell that speaks for several: the first failure, or the worst error."""
    failed = [cell for cell in cells if cell.status == FAIL]
    if failed:
        return failed[0]
    passed = [cell for cell in cells if cell.status == PASS]
    return max(passed, key=lambda cell: cell.error) if passed else cells[0]


def _refusal(entry: Entry, mistake: Mistake, xp: Backend, device: str) -> Outcome:
    try:
        verdict = check_mistake(entry, mistake, xp, device)
    except Wrong as wrong:
        return Outcome(FAIL, reason=f"{mistake.name}: {wrong}")
    return Outcome(PASS, verdict.error, verdict.compared)


def _cell(
    entry: Entry, xp: Backend, device: str, mode: str, dtype: str, outcomes: Sequence[Outcome]
) -> Cell:
    def made(status: str, reason: str = "") -> Cell:
        error = max((outcome.error for outcome in outcomes), default=0.0)
        compared = sum(outcome.compared for outcome in outcomes)
        identity = (entry.name, entry.topic, xp.name, xp.version(), device, mode, dtype)
        return Cell(*identity, status, error, compared, reason)

    for status in (FAIL, UNSUPPORTED):
        for outcome in outcomes:
            if outcome.status == status:
                return made(status, outcome.reason)
    return made(PASS)
