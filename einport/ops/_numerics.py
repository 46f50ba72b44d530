"""Rows whose mean is taken off, or that are squared, without rounding or overflow in between."""

from __future__ import annotations

import math
from typing import Any

from ..backends import Backend
from ..patterns.axes import reduce_axes

RANGES = {"float32": (2.0**50, 2.0**100), "float64": (2.0**400, 2.0**800)}
"""By dtype: values from 1/limit to limit can be squared and summed; what brings others there."""


def centered(xp: Backend, x: Any, pattern: str) -> tuple[Any, Any]:
    """What values differ by from their mean over the axes that become `1`, and that mean.

    The mean is taken of the differences from one of the values. Equal values differ by exactly 0,
    where their sum would be rounded, and no compiler may reorder that away. It also keeps the
    digits of values that are close to each other and far from zero.
    """
    left, right = (side.split() for side in pattern.split("->"))
    kept = {name: slice(None) for name in right} | {"...": Ellipsis}
    first = _if_finite(xp, x[tuple([kept.get(name, slice(1)) for name in left])])
    mean = first + reduce_axes(xp.mean, x - first, pattern)
    differences = x - mean
    # The mean was rounded, and by more than that if the one value is far from the others.
    rest = _if_finite(xp, reduce_axes(xp.mean, differences, pattern))
    return differences - rest, mean + rest


def squarable(xp: Backend, x: Any, least: float = 0.0) -> Any:
    """A power of 2 for each row, by which its squares can be summed: none overflows or vanishes.

    It is 1 for most rows. With `least`, the least length that a row is divided by, it is 1 too for
    rows so much shorter that their own length does not count.
    """
    if xp.shape(x)[-1] == 0:
        return 1.0
    limit, factor = RANGES[xp.dtype(x)]
    top = xp.max(xp.maximum(x, -x), axis=-1, keepdims=True)
    ones = xp.astype(top == top, xp.dtype(x))
    small = xp.where((top > least / limit) & (top < 1 / limit), factor, ones)
    return xp.where(top > limit, 1 / factor, small)


def _if_finite(xp: Backend, x: Any) -> Any:
    """The values, but 0 for NaN and infinities."""
    return xp.where((x > -math.inf) & (x < math.inf), x, 0.0)
