"""Operation by framework and mode: what passes, what fails, and by how much results are off."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from time import perf_counter
from typing import Any

from ..backends import Backend
from ..catalog import Entry, Mistake
from .drivers import thoroughly
from .gaps import gap_of_mistake
from .judge import Verdict, Wrong
from .modes import COMPILED, EAGER
from .plan import Trial, plan, usual_dtype
from .results import FAIL, PASS, UNSUPPORTED, Cell, Row, cells_from
from .runner import Outcome, check_mistake, drawn_cases, outcome_of
from .tally import row_of

DRAWN_CASES = 9
"""Random cases for each operation, beside the fixed ones."""

MISTAKES = "mistakes"
"""The mode of a cell that says whether bad input is refused as promised."""


def rows_of(
    entry: Entry,
    xp: Backend,
    device: str,
    everything: bool = False,
    modes: Sequence[str] = (),
) -> Iterator[Row]:
    """Run one operation on one framework: its cases in each mode, drawn cases, its mistakes."""
    for trial in _trials(entry, xp, everything):
        if not modes or trial.mode in modes:
            start = perf_counter()
            outcome = outcome_of(entry, trial.case, xp, device, trial.dtype, trial.mode)
            what = (trial.mode, trial.dtype, trial.case.name)
            yield row_of(xp, device, entry, what, outcome, perf_counter() - start)
    for mistake in entry.mistakes if not modes or MISTAKES in modes else ():
        start = perf_counter()
        outcome = _refusal(entry, mistake, xp, device)
        what = (MISTAKES, usual_dtype(entry), mistake.name)
        yield row_of(xp, device, entry, what, outcome, perf_counter() - start)


def run_matrix(
    entries: Sequence[Entry],
    backends: Sequence[tuple[Backend, str]],
    advance: Callable[[Backend, Entry], Any],
    everything: bool = False,
    modes: Sequence[str] = (),
) -> list[Cell]:
    """Run every operation on every framework, telling `advance` before each."""
    rows: list[Row] = []
    with thoroughly(everything):
        for xp, device in backends:
            for entry in entries:
                advance(xp, entry)
                rows.extend(rows_of(entry, xp, device, everything, modes))
    return cells_from(rows)


def verdict_on(cells: Sequence[Cell]) -> Cell:
    """The one cell that speaks for several: the first failure, or the worst error."""
    failed = [cell for cell in cells if cell.status == FAIL]
    if failed:
        return failed[0]
    passed = [cell for cell in cells if cell.status == PASS]
    return max(passed, key=lambda cell: cell.error or 0.0) if passed else cells[0]


def _trials(entry: Entry, xp: Backend, everything: bool) -> Iterator[Trial]:
    yield from plan(entry, xp, everything)
    mode = COMPILED if xp.compiles_eagerly else EAGER
    for case, dtype in drawn_cases(entry, DRAWN_CASES):
        yield Trial(mode, case, dtype)


def _refusal(entry: Entry, mistake: Mistake, xp: Backend, device: str) -> Outcome:
    gap = gap_of_mistake(xp, entry, mistake)
    if gap is not None:
        return Outcome(UNSUPPORTED, reason=gap.reason)
    try:
        verdict: Verdict = check_mistake(entry, mistake, xp, device)
    except Wrong as wrong:
        return Outcome(FAIL, reason=f"{mistake.name}: {wrong}")
    return Outcome(PASS, verdict.error, verdict.compared)
