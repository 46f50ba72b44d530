"""One call on one framework now: is it right, is the native idiom, the gradient, and the time."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..backends import Backend
from ..backends.base import HALF_DTYPES
from ..backends.trees import tree_leaves
from ..catalog import Case, Entry
from ..suite.derivative import (
    DERIVATIVE_ERROR,
    oracle_derivative,
    oracle_has_derivative,
    own_derivative,
)
from ..suite.expected import expected_of
from ..suite.gaps import gap_of
from ..suite.inputs import draw_inputs, round_to, to_backend
from ..suite.judge import Verdict, Wrong, allowance, check_untouched, judge
from ..suite.modes import COMPILED_GRADIENT, EAGER, GRADIENT
from ._calls import Array
from .timing import Timing, measure

NEAR = 840
"""Epsilons, relative to the value, by which an idiom may be off: what the suite allows it."""

COARSE = 2.0**-4
"""The same for 16-bit floats: no more than this share of the value."""


@dataclass(frozen=True)
class Agreement:
    """How near one set of results is to another."""

    epsilons: float | None
    """The largest difference in epsilons of the dtype; None where it cannot be counted in them."""
    bound: float
    """How many einport allows itself; 0 where it owes the very bits."""
    same_bits: bool
    problem: str = ""
    """What differs by too much; empty when nothing does."""

    @property
    def agrees(self) -> bool:
        """Whether the difference is allowed."""
        return not self.problem

    @property
    def text(self) -> str:
        """In a few words: `bit-identical`, `0.48 eps`, `differs`."""
        if self.problem:
            return "differs"
        return "bit-identical" if self.same_bits else f"{self.epsilons:.2g} eps"


@dataclass(frozen=True)
class Gradient:
    """The derivative by reverse mode, beside that of the definition."""

    error: float | None = None
    """The difference relative to the terms; None where there is none to compare."""
    reason: str = ""
    """Why there is none to compare."""
    problem: str = ""
    """What differs by too much; empty when nothing does."""

    @property
    def text(self) -> str:
        """In a few words: `6e-11`, `none`, `differs`."""
        if self.problem:
            return "differs"
        return "none" if self.error is None else f"{self.error:.0e}"


@dataclass(frozen=True)
class Run:
    """What the call gave on one framework."""

    name: str
    """The framework's adapter name."""
    title: str
    """The framework's name as people write it."""
    version: str = ""
    device: str = ""
    results: tuple[Array, ...] = ()
    """The arrays among the results, in NumPy; bfloat16 comes as float32."""
    dtypes: tuple[str, ...] = ()
    """The dtypes that the results have in the framework."""
    agreement: Agreement | None = None
    """With the definition in loops over float64."""
    native: Agreement | None = None
    """The native idiom's with that same definition; None where the catalog has no idiom."""
    gradient: Gradient | None = None
    timing: Timing | None = None
    problem: str = ""
    """Why it could not run."""
    unable: bool = False
    """Whether that is no difference: it is not installed, or declared that it cannot."""

    @property
    def ran(self) -> bool:
        """Whether there are results."""
        return self.agreement is not None

    @property
    def ratio(self) -> float | None:
        """How many times as long as the native idiom einport takes, if it was measured."""
        return None if self.timing is None else self.timing.ratio

    @property
    def problems(self) -> tuple[str, ...]:
        """All that differs, in sentences."""
        found = [] if self.unable or not self.problem else [self.problem]
        if self.agreement is not None and self.agreement.problem:
            found.append(self.agreement.problem)
        if self.native is not None and self.native.problem:
            found.append(f"the native idiom {self.native.problem}")
        if self.gradient is not None and self.gradient.problem:
            found.append(self.gradient.problem)
        return tuple(found)

    @property
    def agrees(self) -> bool:
        """Whether nothing differs."""
        return not self.problems


@dataclass(frozen=True)
class Asked:
    """The call that is compared: an entry's case in a dtype."""

    entry: Entry
    case: Case
    dtype: str
    given: bool = False
    """Whether its sizes or arrays are the user's: nobody has looked where it has a derivative."""

    @cached_property
    def inputs(self) -> Any:
        """The arguments in NumPy."""
        return draw_inputs(self.case, self.dtype, self.entry.name)

    @cached_property
    def expected(self) -> tuple[list[Any], list[Any]]:
        """The results of the definition in loops, and what errors are relative to."""
        wanted, magnitude = expected_of(self.entry, self.case, self.dtype, self.inputs)
        leaves = tree_leaves(wanted)
        return leaves, leaves if magnitude is None else tree_leaves(magnitude)

    @property
    def bound(self) -> float:
        """How many epsilons the operation may be off."""
        own = self.case.tolerance
        return self.entry.tolerance if own is None else own


def run_on(asked: Asked, xp: Backend, timed: bool) -> Run:
    """Call the operation and its native idiom on a framework, and judge both."""
    device = "cpu" if "cpu" in xp.devices() else xp.devices()[0]
    head: dict[str, Any] = {"name": xp.name, "title": xp.title, "version": xp.version()}
    head["device"] = device
    gap = gap_of(xp, asked.entry, EAGER, asked.dtype, asked.case, device)
    if gap is not None:
        return Run(**head, problem=gap.reason, unable=True)
    with xp.dtype_scope(asked.dtype), np.errstate(all="ignore"):
        try:
            args, kwargs = arrays = to_backend(xp, asked.inputs, device)
            result = asked.entry.op(*args, **kwargs)
            made = [leaf for leaf in tree_leaves(result) if xp.owns(leaf)]
            results = tuple(np.asarray(xp.to_numpy(leaf)) for leaf in made)
        except Exception as error:  # whatever it is, it is what came of the call
            return Run(**head, problem=_raised(asked.entry.name, error))
        agreement = _judged(asked, xp, device, result, arrays, results)
        native = timing = None
        if xp.name in asked.entry.natives:
            native = _native(asked, xp, device)
            if timed and native.agrees:
                timing = _timed(asked, xp, device)
    gradient = _gradient(asked, xp, device)
    dtypes = tuple(xp.dtype(leaf) for leaf in made)
    return Run(
        **head,
        results=results,
        dtypes=dtypes,
        agreement=agreement,
        native=native,
        gradient=gradient,
        timing=timing,
    )


def between(asked: Asked, one: Run, other: Run) -> Agreement:
    """How near the results of two frameworks are to each other.

    Each may be off by the operation's bound, in either direction.
    """
    bound = 2 * asked.bound
    if len(one.results) != len(other.results):
        counts = f"{len(one.results)} and {len(other.results)} results"
        return Agreement(None, bound, False, f"{one.title} and {other.title} give {counts}")
    same = all(map(same_bits, one.results, other.results))
    scales = [
        scale for want, scale in zip(*asked.expected, strict=True) if not isinstance(want, int)
    ]
    if len(scales) != len(one.results):  # each is blamed for that already
        scales = list(one.results)
    far: list[float | None] = []
    halves = False
    for x, y, scale, dtype in zip(one.results, other.results, scales, one.dtypes, strict=True):
        sized = scale if np.shape(scale) == x.shape else x
        far.append(distance(asked, dtype, x, y, sized))
        halves |= dtype in HALF_DTYPES
    worst = _worst(far)
    if halves:
        bound = 2 * max(1.0, asked.entry.half_tolerance or 0)  # each is rounded by itself
    if same or (worst is not None and worst <= bound):
        return Agreement(worst, bound, same)
    how = "in more than rounding"
    if worst is not None:
        how = f"by {worst:.3g} epsilons, {bound:g} allowed"
    return Agreement(worst, bound, False, f"{one.title} and {other.title} differ {how}")


def same_bits(one: Array, other: Array) -> bool:
    """Equal values: zeros of one sign, NaN with NaN, integers of any width."""
    if one.shape != other.shape or (one.dtype.kind == "f") != (other.dtype.kind == "f"):
        return False
    if one.dtype.kind != "f":
        return bool(np.array_equal(one, other))
    alike = (one == other) & (np.signbit(one) == np.signbit(other))
    return bool(np.all(alike | (np.isnan(one) & np.isnan(other))))


def distance(asked: Asked, dtype: str, got: Array, want: Array, scale: Any) -> float | None:
    """The largest difference in epsilons; None where it is not one of rounding."""
    if got.shape != want.shape:
        return None
    if "float" not in dtype:
        return 0.0 if np.array_equal(got, want) else None
    values, right = got.astype(np.float64), np.asarray(want).astype(np.float64)
    rounded = round_to(right, dtype)
    right = np.where(np.isinf(rounded), rounded, right)  # past the largest finite value
    special = ~np.isfinite(values) | ~np.isfinite(right)
    if not same_bits(values[special], right[special]):
        return None
    size = np.abs(np.asarray(scale, np.float64))
    size = np.where(special | ~np.isfinite(size), 0, size)
    values, right = np.where(special, 0, values), np.where(special, 0, right)
    unit, _ = allowance(asked.entry, asked.case, dtype, right, size, 1)
    return float((np.abs(values - right) / unit).max(initial=0.0))


def _worst(far: list[float | None]) -> float | None:
    known = [one for one in far if one is not None]
    return max(known, default=0.0) if len(known) == len(far) else None


def _raised(name: str, error: Exception) -> str:
    """An exception in a line, with the place in einport where it was raised."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "einport" in f.filename]
    inner = [f for f in frames if "comparison" not in f.filename]
    at = f" (in {inner[-1].name}, line {inner[-1].lineno})" if inner else ""
    return f"{name} raised {type(error).__name__}: {first_line(error)}{at}"


def first_line(error: Exception) -> str:
    """What an exception says first, without the codes that a terminal would obey."""
    text = str(error).strip().partition("\n")[0][:300]
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


# --- Results -------------------------------------------------------------------------------------


def _judged(
    asked: Asked, xp: Backend, device: str, result: Any, arrays: Any, results: tuple[Array, ...]
) -> Agreement:
    """The operation's results beside the definition's, as the suite judges them."""
    wanted, magnitude = expected_of(asked.entry, asked.case, asked.dtype, asked.inputs)
    problem, verdict = "", Verdict(0, 0.0)
    try:
        verdict = judge(asked.entry, asked.case, xp, device, asked.dtype, result, wanted, magnitude)
        check_untouched(xp, arrays, asked.inputs)
    except Wrong as wrong:
        problem = str(wrong)
    plain = [np.asarray(leaf) for leaf in tree_leaves(wanted) if not isinstance(leaf, int)]
    same = len(plain) == len(results) and all(map(same_bits, results, plain))
    return Agreement(None if problem else verdict.error, asked.bound, same, problem)


def _native(asked: Asked, xp: Backend, device: str) -> Agreement:
    """The idiom's results beside the definition's: the very bits where the operation owes them."""
    try:
        args, kwargs = to_backend(xp, asked.inputs, device)
        leaves = tree_leaves(asked.entry.natives[xp.name](*args, **kwargs))
        found = [np.asarray(xp.to_numpy(leaf) if xp.owns(leaf) else leaf) for leaf in leaves]
    except Exception as error:  # idioms check nothing, and raise what their frameworks raise
        return Agreement(None, asked.bound, False, _raised("", error).strip())
    pairs = [
        (np.asarray(want), scale)
        for want, scale in zip(*asked.expected, strict=True)
        if not isinstance(want, int)
    ]
    if len(found) != len(pairs):
        problem = f"gave {len(found)} results, expected {len(pairs)}"
        return Agreement(None, asked.bound, False, problem)
    far, problems = [], []
    for x, (want, scale) in zip(found, pairs, strict=True):
        far.append(distance(asked, _dtype_of(asked, want), x, want, scale))
        problems.append(_idiom_problem(asked, x, want))
    worst = _worst(far)
    same = all(same_bits(x, want) for x, (want, _) in zip(found, pairs, strict=True))
    problem = next((one for one in problems if one), "")
    # What is within einport's own bound is right, however small the value is that it belongs to.
    if problem and not asked.entry.exact and worst is not None and worst <= asked.bound:
        problem = ""
    return Agreement(worst, asked.bound, same, problem)


def _dtype_of(asked: Asked, want: Array) -> str:
    """What an idiom's result is counted in: the dtype under test, float32 for what has none."""
    if want.dtype.kind != "f":
        return str(want.dtype)
    return asked.dtype if "float" in asked.dtype else "float32"


def _idiom_problem(asked: Asked, got: Array, want: Array) -> str:
    """What is wrong with an idiom's result; it owes no bound, only what people would call equal."""
    if got.shape != want.shape:
        return f"gave shape {got.shape}, expected {want.shape}"
    if want.dtype.kind != "f":
        if np.array_equal(got, want.astype(got.dtype)):
            return ""
        return _first(got, want, got != want)
    dtype = _dtype_of(asked, want)
    right = round_to(want, dtype)
    if asked.entry.exact:
        near = (got == right) | (np.isnan(got) & np.isnan(right))
    else:
        epsilon = float(2.0**-7 if dtype == "bfloat16" else np.finfo(dtype).eps)
        share = min(NEAR * epsilon, COARSE)
        near = np.isclose(got.astype(np.float64), right, share, share / 10, equal_nan=True)
    return "" if np.all(near) else _first(got, want, ~near)


def _first(got: Array, want: Array, where: Any) -> str:
    where = np.asarray(where)
    place = tuple(int(i) for i in np.argwhere(where)[0])
    at = f"{int(where.sum())} of {got.size} values differ, first at {place}: " if place else ""
    return f"differs: {at}gave {got[place]!s}, expected {want[place]!s}"


# --- Time and gradient ---------------------------------------------------------------------------


def _timed(asked: Asked, xp: Backend, device: str) -> Timing:
    own, others = (to_backend(xp, asked.inputs, device) for _ in range(2))
    op, native = asked.entry.op, asked.entry.natives[xp.name]
    return measure(lambda: op(*own[0], **own[1]), lambda: native(*others[0], **others[1]))


def _gradient(asked: Asked, xp: Backend, device: str) -> Gradient:
    """Reverse mode in float64, beside differences of the definition in loops."""
    entry, case = asked.entry, asked.case
    reason = entry.no_gradient or case.no_gradient
    if reason is None and asked.given and "float" not in asked.dtype:
        reason = f"{asked.dtype} has no derivative"
    # Where each step of a call is compiled by itself, one graph of it all is far quicker.
    compiled = xp.compiles_eagerly
    mode = COMPILED_GRADIENT if compiled else GRADIENT
    gap = gap_of(xp, entry, mode, "float64", case, device)
    if reason is None and gap is not None:
        reason = gap.reason
    if reason is None and "float64" not in entry.dtypes_of(case):
        reason = "the case is not for float64"
    if reason is None and asked.given and not oracle_has_derivative(entry, case):
        reason = "the definition has no derivative here: it jumps, has a kink, or is constant"
    if reason is not None:
        return Gradient(reason=reason)
    try:
        with xp.dtype_scope("float64"), np.errstate(all="ignore"):
            inputs = draw_inputs(case, "float64", entry.name)
            found = own_derivative(entry, case, xp, device, "float64", inputs, compiled)
            want = oracle_derivative(entry, case, "float64", inputs)
    except Exception as error:  # a wrong shape, or whatever the framework raised
        text = str(error) if isinstance(error, Wrong) else _raised("its gradient", error)
        return Gradient(problem=text)
    size = found.size + abs(want.value)
    off = abs(found.value - want.value)
    share = off / size if size else off
    allowed = DERIVATIVE_ERROR["float64"] * size + want.noise
    if not off <= allowed:
        return Gradient(
            share,
            problem=f"the derivative is {found.value:.9g}, expected {want.value:.9g} "
            f"± {allowed:.2g}",
        )
    return Gradient(share)
