"""From scores to probabilities."""

from __future__ import annotations

from typing import TypeVar

from . import _checks as check

__all__ = [
    "softmax",
]

A = TypeVar("A")


def softmax(x: A) -> A:
    """Turn the scores along the last axis into probabilities.

    The maximum is subtracted first, so that no score is too large. 16-bit floats are computed in
    float32. A row of −inf alone, or with a NaN or +inf, gives NaN; an empty row stays empty.

    Args:
        x: `(..., n)`; real numbers or booleans, which become the framework's default float.

    Returns:
        `(..., n)`: `exp(x) / Σ exp(x)`; rows sum to one.

    Raises:
        TypeError: `x` is not an array, or holds no real numbers.
        ValueError: `x` has no axis.

    Source: J. Bridle, "Probabilistic Interpretation of Feedforward Classification Network
    Outputs", 1990.

    >>> import numpy as np
    >>> softmax(np.log(np.array([1.0, 3.0]))).round(3).tolist()
    [0.25, 0.75]
    """
    xp = check.array("softmax", "x", x)
    check.real("softmax", "x", xp, x)
    shape = xp.shape(x)
    check.rank("softmax", "x", shape, "... n")
    if not xp.is_floating(x):
        x = xp.astype(x, xp.default_float)
    if shape[-1] == 0:
        return x
    wide = xp.widen(x)
    power = xp.exp(wide - xp.max(wide, axis=-1, keepdims=True))
    rows: A = xp.astype(power / xp.sum(power, axis=-1, keepdims=True), xp.dtype(x))
    return rows
