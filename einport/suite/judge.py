"""Is this result right? Value, shape, dtype, framework and device, and the error as a figure."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..backends import Backend, describe
from ..backends.base import HALF_DTYPES
from ..backends.trees import tree_leaves
from ..catalog import Case, Entry

_EPSILON = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
_TINY = {"float64": 2.0**-1022, "float32": 2.0**-126, "float16": 2.0**-24, "bfloat16": 2.0**-126}
_LARGEST = {
    "float64": float(np.finfo(np.float64).max),
    "float32": float(np.finfo(np.float32).max),
    "float16": 65504.0,
    "bfloat16": (2 - 2.0**-7) * 2.0**127,
}


class Wrong(AssertionError):  # noqa: N818  (it reads as a verdict)
    """A result that is not what was promised."""


class Verdict(NamedTuple):
    """What was compared, and the worst error in epsilons of the dtype."""

    compared: int
    """How many results and values were compared."""
    error: float

    def with_(self, other: Verdict) -> Verdict:
        """Both as one."""
        return Verdict(self.compared + other.compared, max(self.error, other.error))


def judge(
    entry: Entry,
    case: Case,
    xp: Backend,
    device: str,
    dtype: str,
    result: Any,
    expected: Any,
    magnitude: Any,
    slack: float = 1,
) -> Verdict:
    """Compare a result with the oracle's; `slack` multiplies the bounds.

    Raises:
        Wrong: Anything differs; the message says what.
    """
    got, want = tree_leaves(result), tree_leaves(expected)
    scale = want if magnitude is None else tree_leaves(magnitude)
    if len(got) != len(want):
        raise Wrong(f"gave {len(got)} results, expected {len(want)}")
    kinds = entry.result if isinstance(entry.result, tuple) else (entry.result,) * len(got)
    verdict = Verdict(0, 0.0)
    for one, right, size, kind in zip(got, want, scale, kinds, strict=True):
        if isinstance(right, int):  # a size, as `pack` gives them
            if one != right:
                raise Wrong(f"gave {one!r}, expected {right!r}")
            continue
        _check_kind(xp, one, right, device, result_dtype(xp, kind, dtype))
        error = _check_values(entry, case, xp, one, np.asarray(right), np.asarray(size), slack)
        compared = verdict.compared + 1 + np.asarray(right).size
        verdict = Verdict(compared, max(verdict.error, error))
    return verdict


def result_dtype(xp: Backend, kind: str, dtype: str) -> str:
    """The dtype that a result must have when the arguments have `dtype`."""
    floating = "float" in dtype
    if kind == "sum":
        return dtype if floating else xp.index_dtype
    if kind == "float":
        return dtype if floating else xp.default_float
    return {"same": dtype, "index": xp.index_dtype}.get(kind, kind)


def allowance(
    entry: Entry, case: Case, dtype: str, want: Any, scale: Any, slack: float
) -> tuple[Any, float]:
    """What errors are counted in, and how many of it are allowed.

    A 16-bit result is computed in float32 and rounded once: half a unit is that rounding, and the
    unit is an epsilon of the value, wider by what float32 may be off. Other results are counted in
    epsilons times the magnitude.
    """
    wide = entry.tolerance if case.tolerance is None else case.tolerance
    if dtype not in HALF_DTYPES:
        return _EPSILON[dtype] * scale + _TINY[dtype], slack * wide
    if entry.half_tolerance is not None:
        return _EPSILON[dtype] * scale + _TINY[dtype], slack * entry.half_tolerance
    once = _EPSILON[dtype] * np.abs(want) + 2 * wide * _EPSILON["float32"] * scale
    return once + _TINY[dtype], slack * 0.5


def check_untouched(xp: Backend, arrays: Any, inputs: Any) -> None:
    """The arrays must still hold what they were made with.

    Raises:
        Wrong: One does not.
    """
    made, given = tree_leaves(arrays), tree_leaves(inputs)
    for x, source in zip(made, given, strict=True):
        if xp.owns(x) and not _same_bits(xp.to_numpy(x), source.plain):
            raise Wrong("an input was written to")


def _check_kind(xp: Backend, got: Any, want: Any, device: str, dtype: str) -> None:
    if not xp.owns(got):
        raise Wrong(f"gave {describe(got)}, expected an array of {xp.title}")
    if tuple(xp.shape(got)) != np.shape(want):
        raise Wrong(f"gave shape {tuple(xp.shape(got))}, expected {np.shape(want)}")
    if xp.dtype(got) != dtype:
        raise Wrong(f"gave dtype {xp.dtype(got)}, expected {dtype}")
    if xp.device(got) != device:
        raise Wrong(f"gave an array on {xp.device(got)}, expected {device}")


def _check_values(
    entry: Entry, case: Case, xp: Backend, got: Any, want: Any, scale: Any, slack: float
) -> float:
    """The worst error in epsilons, after checking that it is within the bound."""
    dtype = xp.dtype(got)
    values = xp.to_numpy(got)
    if "float" not in dtype:
        if want.dtype.kind == "f":
            raise Wrong(f"gave {dtype}, but the oracle gave floats")
        return _exactly(values.astype(np.int64), want.astype(values.dtype).astype(np.int64))
    values, want = values.astype(np.float64), want.astype(np.float64)
    if entry.exact or (case.tolerance == 0 and dtype not in HALF_DTYPES):
        return _exactly(values, want)
    # What is past the largest finite value by half a step rounds to infinity.
    largest = _LARGEST[dtype] * (1 + _EPSILON[dtype] / 4)
    want = np.where(np.abs(want) > largest, np.copysign(np.inf, want), want)
    special = ~np.isfinite(want) | ~np.isfinite(values)
    if not _same_bits(values[special], want[special]):
        raise Wrong(_first_difference(values, want, special & ~_alike(values, want)))
    finite = np.where(special, 0, want)
    size = np.abs(np.where(special | ~np.isfinite(scale), 0, scale))
    unit, bound = allowance(entry, case, dtype, finite, size, slack)
    errors = np.abs(np.where(special, 0, values) - finite) / unit
    worst = float(errors.max(initial=0.0))
    if worst > bound:
        raise Wrong(
            f"{_first_difference(values, want, errors == worst)}: "
            f"an error of {worst:.3g} epsilons, the bound is {bound:g}"
        )
    return worst


def _exactly(values: Any, want: Any) -> float:
    if not _same_bits(values, want):
        raise Wrong(_first_difference(values, want, ~_alike(values, want)))
    return 0.0


def _alike(a: Any, b: Any) -> Any:
    same = a == b
    if a.dtype.kind == "f":
        same = (same & (np.signbit(a) == np.signbit(b))) | (np.isnan(a) & np.isnan(b))
    return same


def _same_bits(a: Any, b: Any) -> bool:
    """Equal values, zeros of one sign, NaN with NaN."""
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype.kind == "f" or b.dtype.kind == "f":
        a, b = a.astype(np.float64), b.astype(np.float64)
    return a.shape == b.shape and bool(np.all(_alike(a, b)))


def _first_difference(values: Any, want: Any, where: Any) -> str:
    count = int(np.count_nonzero(where))
    if values.ndim == 0:
        return f"gave {values!s}, expected {want!s}"
    place = tuple(int(i) for i in np.argwhere(where)[0])
    return (
        f"{count} of {values.size} values differ, first at {place}: "
        f"gave {values[place]!s}, expected {want[place]!s}"
    )
