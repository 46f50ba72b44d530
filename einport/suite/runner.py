"""Run one case of one entry on one framework, and say what came of it."""

from __future__ import annotations

import random
import traceback
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..backends import Backend
from ..backends.reading import value_checks
from ..backends.trees import tree_leaves
from ..catalog import Case, Entry, Mistake
from .derivative import oracle_has_derivative
from .expected import expected_of
from .gaps import gap_of, says
from .inputs import draw_inputs, to_backend
from .judge import Verdict, Wrong
from .modes import COMPILED_GRADIENT, EAGER, GRADIENT, run_mode
from .plan import usual_dtype
from .results import FAIL, PASS, UNSUPPORTED


class Seeded:
    """Choices for drawn cases from a seeded generator."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)  # noqa: S311

    def integer(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return self._random.randint(low, high)

    def choice(self, options: Sequence[Any]) -> Any:
        """One of the options."""
        return self._random.choice(options)


class Outcome(NamedTuple):
    """What came of one case."""

    status: str
    """`PASS`, `FAIL` or `UNSUPPORTED`."""
    error: float = 0.0
    compared: int = 0
    reason: str = ""
    raised: Exception | None = None


def outcome_of(
    entry: Entry, case: Case, xp: Backend, device: str, dtype: str, mode: str = EAGER
) -> Outcome:
    """Run a case and say what came of it; a declared gap must fail, and as it says."""
    where = f"{case.name}, {dtype}, {mode}"
    gap = gap_of(xp, entry, mode, dtype, case, device)
    none = entry.no_gradient or case.no_gradient
    if none and gap is None and mode in (GRADIENT, COMPILED_GRADIENT):
        return _without_derivative(entry, case, where)
    try:
        verdict = run_mode(entry, case, xp, device, dtype, mode)
    except Exception as error:  # an operation may raise anything: it is reported, not lost
        if gap is not None and says(gap, error):
            return Outcome(UNSUPPORTED, reason=gap.reason)
        text = str(error) if isinstance(error, Wrong) else _brief(error)
        if gap is not None:
            text = f"the gap declared ({gap.reason}) says {gap.says!r}, but: {text}"
        return Outcome(FAIL, reason=f"{where}: {text}", raised=error)
    if gap is not None:
        return Outcome(FAIL, reason=f"{where}: works, but a gap is declared: {gap.reason}")
    if verdict.compared == 0:
        return Outcome(FAIL, reason=f"{where}: compared nothing")
    return Outcome(PASS, verdict.error, verdict.compared)


def check_mistake(entry: Entry, mistake: Mistake, xp: Backend, device: str) -> Verdict:
    """A bad call must raise the exception and message that the catalog gives.

    Raises:
        Wrong: It does not.
    """
    error = raised_by(entry, mistake, xp, device)
    if error is None:
        raise Wrong(f"raised nothing, expected {mistake.error.__name__}: {mistake.message}")
    if type(error) is not mistake.error or str(error) != mistake.message:
        raise Wrong(
            f"raised {type(error).__name__}: {error}\n"
            f"expected {mistake.error.__name__}: {mistake.message}"
        ) from error
    return Verdict(2, 0.0)


def raised_by(entry: Entry, mistake: Mistake, xp: Backend, device: str) -> Exception | None:
    """What a bad call raises, values on an accelerator checked as well."""
    inputs = draw_inputs(mistake.call, usual_dtype(entry), entry.name)
    args, kwargs = to_backend(xp, inputs, device)
    try:
        with value_checks("always"):
            entry.op(*args, **kwargs)
    except Exception as error:  # which one is what is asked
        return error
    return None


def check_native(entry: Entry, xp: Backend, device: str) -> Verdict:
    """The idiom shown for a framework must give what the oracle gives, on the first case.

    Raises:
        Wrong: It does not.
    """
    case, dtype = entry.cases[0], usual_dtype(entry)
    inputs = draw_inputs(case, dtype, entry.name)
    args, kwargs = to_backend(xp, inputs, device)
    results = tree_leaves(entry.natives[xp.name](*args, **kwargs))
    expected, _ = expected_of(entry, case, dtype, inputs)
    wanted = [want for want in tree_leaves(expected) if not isinstance(want, int)]
    if len(results) != len(wanted):
        raise Wrong(f"the idiom gave {len(results)} results, expected {len(wanted)}")
    for result, want in zip(results, wanted, strict=True):
        values = np.asarray(xp.to_numpy(result) if xp.owns(result) else result)
        if values.shape != want.shape:
            raise Wrong(f"the idiom gave shape {values.shape}, expected {want.shape}")
        if not np.allclose(values, want, rtol=1e-4, atol=1e-5):
            raise Wrong(f"the idiom gave\n{values}\nexpected\n{want}")
    return Verdict(len(wanted), 0.0)


def drawn_cases(entry: Entry, count: int) -> list[tuple[Case, str]]:
    """Random cases, the same on every run, each with one of the dtypes that it is for."""
    found = []
    for turn in range(count):
        case = entry.draw(Seeded(f"{entry.name}/{turn}"))
        dtypes = entry.dtypes_of(case)
        found.append((case, dtypes[turn % len(dtypes)]))
    return found


def _without_derivative(entry: Entry, case: Case, where: str) -> Outcome:
    """The oracle must have no derivative where the catalog says so.

    An operation that has none anywhere is unsupported; a case that has none has been looked at.
    """
    reason = entry.no_gradient or case.no_gradient
    try:
        has = oracle_has_derivative(entry, case)
    except Exception as error:
        return Outcome(FAIL, reason=f"{where}: the oracle raised {_brief(error)}", raised=error)
    if has:
        return Outcome(FAIL, reason=f"{where}: has a derivative, but the catalog says: {reason}")
    if entry.no_gradient is None:
        return Outcome(PASS, compared=1)
    return Outcome(UNSUPPORTED, reason=f"no derivative: {reason}")


def _brief(error: Exception) -> str:
    """An unexpected exception in a line, with the place where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "einport" in f.filename and "suite" not in f.filename]
    at = f" (at {ours[-1].name}, line {ours[-1].lineno})" if ours else ""
    first = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {first[:300]}{at}"
