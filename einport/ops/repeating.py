"""The same values again: whole copies, or each element in its place.

`tile` and `repeat_elements` have one shape rule and two orders: `[1 2]` twice is `1 2 1 2` when
tiled and `1 1 2 2` when its elements are repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from einops import repeat

from ..operation import operation
from . import _checks as check

__all__ = [
    "repeat_elements",
    "tile",
    "tile_batch",
]

A = TypeVar("A")


@operation
def tile_batch(x: A, batch: int) -> A:
    """Copy an array along a new first axis.

    The copies may share memory (PyTorch gives a view with stride 0): copy the result before you
    write to it.

    Args:
        x: `(...)`, numbers or booleans.
        batch: the number of copies.

    Returns:
        `(batch, ...)`.

    Raises:
        TypeError: `x` is not an array of numbers, or `batch` not an integer.
        ValueError: `batch` is less than 1.

    Source: `broadcast_to` of the Python array API standard.

    >>> import numpy as np
    >>> tile_batch(np.arange(3), 2).tolist()
    [[0, 1, 2], [0, 1, 2]]
    """
    check.numbers("tile_batch", "x", check.array("tile_batch", "x", x), x)
    batch = check.count("tile_batch", "batch", batch)
    return repeat(x, "... -> batch ...", batch=batch)


@operation
def tile(x: A, repeats: Sequence[int]) -> A:
    """Lay whole copies of an array end to end along each axis.

    Args:
        x: `(d1, ..., dn)`, numbers or booleans.
        repeats: how many copies along each axis, `(r1, ..., rn)`.

    Returns:
        `(r1·d1, ..., rn·dn)`: `out[i] = x[i % d1]` along each axis.

    Raises:
        TypeError: `x` is not an array of numbers, or `repeats` not a sequence of integers.
        ValueError: there is not one count for each axis, or one is less than 1.

    Source: `tile` of the Python array API standard, with one count for each axis.

    >>> import numpy as np
    >>> tile(np.array([1, 2]), (2,)).tolist()
    [1, 2, 1, 2]
    """
    return _repeat_each_axis("tile", x, repeats, "(r{0} d{0})")


@operation
def repeat_elements(x: A, repeats: Sequence[int]) -> A:
    """Repeat each element in its place along each axis.

    Args:
        x: `(d1, ..., dn)`, numbers or booleans.
        repeats: how many times along each axis, `(r1, ..., rn)`.

    Returns:
        `(r1·d1, ..., rn·dn)`: `out[i] = x[i // r1]` along each axis.

    Raises:
        TypeError: `x` is not an array of numbers, or `repeats` not a sequence of integers.
        ValueError: there is not one count for each axis, or one is less than 1.

    Source: `repeat` of the Python array API standard, along every axis.

    >>> import numpy as np
    >>> repeat_elements(np.array([1, 2]), (2,)).tolist()
    [1, 1, 2, 2]
    """
    return _repeat_each_axis("repeat_elements", x, repeats, "(d{0} r{0})")


def _repeat_each_axis(op: str, x: A, repeats: Sequence[int], axis: str) -> A:
    xp = check.array(op, "x", x)
    check.numbers(op, "x", xp, x)
    shape = xp.shape(x)
    n = len(shape)
    lengths = {f"r{i}": r for i, r in enumerate(check.counts(op, "repeats", repeats, "x", shape))}
    before = " ".join(f"d{i}" for i in range(n))
    after = " ".join(axis.format(i) for i in range(n))
    return repeat(x, f"{before} -> {after}", **lengths)
