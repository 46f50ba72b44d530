"""Run one case of one entry on one framework, and say what came of it."""

from __future__ import annotations

import random
import traceback
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import numpy as np

from ..backends import Backend, Gap
from ..backends.base import HALF_DTYPES
from ..backends.trees import tree_leaves, tree_map
from ..catalog import Case, Entry, Mistake
from .calls import Call
from .inputs import draw_inputs, fingerprint, to_backend, to_oracle
from .judge import Verdict, Wrong, check_untouched, judge

PASS, FAIL, UNSUPPORTED = "pass", "fail", "unsupported"
"""What can come of a case."""

EAGER = "eager"
ABSTRACT = "abstract"
"""Eager: called as it is. Abstract: run on stand-ins without values, where a copy to the host
fails as it would while compiling; shapes and dtypes must come out as they do eagerly."""


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


def gap_of(xp: Backend, entry: Entry, mode: str, dtype: str) -> Gap | None:
    """The declared gap that covers an operation, mode and dtype, if one does."""
    for gap in xp.gaps:
        patterns = ((entry.name, gap.op), (mode, gap.mode), (dtype, gap.dtype))
        if all(fnmatchcase(name, pattern) for name, pattern in patterns):
            return gap
    return None


def run_case(
    entry: Entry, case: Case, xp: Backend, device: str, dtype: str, mode: str = EAGER
) -> Verdict:
    """Run a case and judge it.

    Raises:
        Wrong: The result is not what was promised.
        Exception: Whatever the operation raised.
    """
    # NaN and infinity are among the inputs: NumPy's warnings of them say nothing new.
    with xp.dtype_scope(dtype), np.errstate(all="ignore"):
        inputs = draw_inputs(case, dtype, entry.name)
        if mode == ABSTRACT:
            return _run_abstract(entry, xp, device, inputs)
        args, kwargs = arrays = to_backend(xp, inputs, device)
        result = entry.op(*args, **kwargs)
        expected, magnitude = expected_of(entry, case, dtype, inputs)
        verdict = judge(entry, case, xp, device, dtype, result, expected, magnitude)
        check_untouched(xp, arrays, inputs)
        return verdict


def outcome_of(
    entry: Entry, case: Case, xp: Backend, device: str, dtype: str, mode: str = EAGER
) -> Outcome:
    """Run a case and say what came of it; a declared gap must fail."""
    gap = gap_of(xp, entry, mode, dtype)
    try:
        verdict = run_case(entry, case, xp, device, dtype, mode)
    except Exception as error:  # an operation may raise anything: it is reported, not lost
        if gap is not None:
            return Outcome(UNSUPPORTED, reason=gap.reason)
        text = str(error) if isinstance(error, Wrong) else _brief(error)
        return Outcome(FAIL, reason=f"{case.name}, {dtype}, {mode}: {text}")
    if gap is not None:
        return Outcome(FAIL, reason=f"works, but a gap is declared: {gap.reason}")
    if verdict.compared == 0:
        return Outcome(FAIL, reason=f"{case.name}, {dtype}, {mode}: compared nothing")
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
    """What a bad call raises."""
    inputs = draw_inputs(mistake.call, usual_dtype(entry), entry.name)
    args, kwargs = to_backend(xp, inputs, device)
    try:
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


def dtypes_in_turn(entry: Entry, dtypes: Sequence[Any], turn: int, few: bool = False) -> list[Any]:
    """The everyday sample: every dtype for the first case, for the others some in turn.

    What is exact moves elements of any dtype alike: the usual one and another. What adds up is
    also run in one of the 16-bit floats, where a sum goes wrong first; with `few`, for what
    compiles every call for every dtype, in that or in another.
    """
    if turn == 0 or len(dtypes) <= (2 if few else 3):
        return list(dtypes)
    usual = usual_dtype(entry) if usual_dtype(entry) in dtypes else dtypes[0]
    half = [dtype for dtype in dtypes if dtype in HALF_DTYPES and not entry.exact]
    rest = [dtype for dtype in dtypes if dtype != usual and dtype not in half]
    kinds = [kind for kind in (half, rest) if kind]
    if few:
        kind = kinds[turn % len(kinds)]
        return [usual, kind[turn // len(kinds) % len(kind)]]
    return [usual, *(kind[turn % len(kind)] for kind in kinds)]


def _run_abstract(entry: Entry, xp: Backend, device: str, inputs: Any) -> Verdict:
    call = Call(entry, xp, to_backend(xp, inputs, device))
    eager = tree_map(lambda x: (tuple(xp.shape(x)), xp.dtype(x)), call(*call.arrays))
    seen = xp.abstract(call, *call.arrays)
    if seen != eager:
        raise Wrong(f"gave {seen} without values, {eager} with them")
    return Verdict(len(eager), 0.0)


_expectations: dict[Any, tuple[Any, Any]] = {}


def expected_of(entry: Entry, case: Case, dtype: str, inputs: Any) -> tuple[Any, Any]:
    """What the oracle gives, and what errors are relative to; kept for the next framework."""
    key = (entry.name, dtype, fingerprint(inputs))
    if key not in _expectations:
        if len(_expectations) > 4096:
            _expectations.clear()
        with np.errstate(all="ignore"):
            args, kwargs = to_oracle(inputs)
            expected = entry.oracle(*args, **kwargs)
            magnitude = None
            if entry.magnitude is not None:
                args, kwargs = to_oracle(inputs)
                magnitude = entry.magnitude(*args, **kwargs)
        _expectations[key] = (expected, magnitude)
    return _expectations[key]


def usual_dtype(entry: Entry) -> str:
    """The dtype that is run where one must do."""
    return "float32" if "float32" in entry.dtypes else entry.dtypes[0]


def _brief(error: Exception) -> str:
    """An unexpected exception in a line, with the place where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "einport" in f.filename and "suite" not in f.filename]
    at = f" (at {ours[-1].name}, line {ours[-1].lineno})" if ours else ""
    first = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {first[:300]}{at}"
