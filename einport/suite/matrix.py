"""Operation by framework: what passes, what fails, and by how much results are off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..backends import Backend
from ..catalog import Entry, Mistake
from .judge import Wrong
from .runner import (
    ABSTRACT,
    EAGER,
    FAIL,
    PASS,
    UNSUPPORTED,
    Outcome,
    check_mistake,
    drawn_cases,
    dtypes_in_turn,
    outcome_of,
    usual_dtype,
)

DRAWN_CASES = 9
"""Random cases for each operation, beside the fixed ones."""

MISTAKES = "mistakes"
"""The mode of a cell that says whether bad input is refused as promised."""


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


def cells_of(entry: Entry, xp: Backend, device: str, everything: bool = False) -> list[Cell]:
    """Run one operation on one framework: its cases, its mistakes, and without values."""
    eager: dict[str, list[Outcome]] = {}
    for turn, case in enumerate(entry.cases):
        dtypes = entry.dtypes_of(case)
        few = xp.compiles_eagerly
        for dtype in dtypes if everything else dtypes_in_turn(entry, dtypes, turn, few):
            outcome = outcome_of(entry, case, xp, device, dtype, EAGER)
            eager.setdefault(dtype, []).append(outcome)
    for case, dtype in drawn_cases(entry, DRAWN_CASES):
        outcome = outcome_of(entry, case, xp, device, dtype, EAGER)
        eager.setdefault(dtype, []).append(outcome)
    cells = [_cell(entry, xp, device, EAGER, dtype, eager[dtype]) for dtype in sorted(eager)]
    usual = usual_dtype(entry)
    abstract = [
        outcome_of(entry, case, xp, device, entry.dtypes_of(case)[0], ABSTRACT)
        for case in entry.cases
    ]
    cells.append(_cell(entry, xp, device, ABSTRACT, usual, abstract))
    if entry.mistakes:
        refused = [_refusal(entry, mistake, xp, device) for mistake in entry.mistakes]
        cells.append(_cell(entry, xp, device, MISTAKES, usual, refused))
    return cells


def run_matrix(
    entries: Sequence[Entry],
    backends: Sequence[tuple[Backend, str]],
    advance: Callable[[Backend, Entry], Any],
    everything: bool = False,
) -> list[Cell]:
    """Run every operation on every framework, telling `advance` before each."""
    cells: list[Cell] = []
    for xp, device in backends:
        for entry in entries:
            advance(xp, entry)
            cells.extend(cells_of(entry, xp, device, everything))
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
