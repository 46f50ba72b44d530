"""Exact centering of equal values, and squares that neither overflow nor underflow."""

from __future__ import annotations

import math
from typing import Any

from ..backends import Backend
from ..patterns.axes import reduce_axes

RANGES = {"float32": (2.0**50, 2.0**100), "float64": (2.0**400, 2.0**800)}
"""By dtype: a limit, and a factor. Values from 1/limit to limit can be squared and summed; others
are multiplied or divided by the factor first."""


def finite_or_zero(xp: Backend, x: Any) -> Any:
    """The values, with 0 in place of NaN and infinities."""
    return xp.where((x > -math.inf) & (x < math.inf), x, 0.0)


def centered(xp: Backend, x: Any, pattern: str) -> tuple[Any, Any]:
    """The values minus their mean over the axes that become `1`, and that mean.

    The mean is computed from the differences to one of the values. For equal values these are
    exactly 0, while their sum would be rounded, and no compiler may reorder that away. It also
    keeps the digits of values that are close to each other and far from zero.
    """
    left, right = (side.split() for side in pattern.split("->"))
    kept = {name: slice(None) for name in right} | {"...": Ellipsis}
    first = finite_or_zero(xp, x[tuple([kept.get(name, slice(1)) for name in left])])
    mean = first + reduce_axes(xp.mean, x - first, pattern)
    differences = x - mean
    # The mean was rounded, and loses more digits if the one value is far from the others.
    rest = finite_or_zero(xp, reduce_axes(xp.mean, differences, pattern))
    return differences - rest, mean + rest


def squarable(xp: Backend, x: Any, least: float = 0.0) -> Any:
    """A power of 2 to multiply each row by, so that its squares neither overflow nor underflow.

    It is 1 for most rows. `least` is the least length that the caller divides by: rows so much
    shorter that their own length does not matter get 1 too.
    """
    if xp.shape(x)[-1] == 0:
        return 1.0
    limit, factor = RANGES[xp.dtype(x)]
    top = xp.max(xp.maximum(x, -x), axis=-1, keepdims=True)
    ones = xp.astype(top == top, xp.dtype(x))
    small = xp.where((top > least / limit) & (top < 1 / limit), factor, ones)
    return xp.where(top > limit, 1 / factor, small)
