"""Tile whole arrays, or repeat each element in its place.

`tile` and `repeat_elements` give the same shape in two orders: `[1 2]` twice is `1 2 1 2` when
tiled and `1 1 2 2` when its elements are repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from einops import repeat

from .. import expect
from ..operation import operation

__all__ = [
    "repeat_elements",
    "tile",
    "tile_batch",
]

A = TypeVar("A")


def _check_tile_batch(x: Any, batch: Any) -> None:
    expect.numbers(expect.arrays(x=x), x=x)
    expect.positive_int(batch=batch)


@operation(checks=_check_tile_batch)
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
    return repeat(x, "... -> batch ...", batch=batch)


def _check_repeats(x: Any, repeats: Any) -> None:
    xp = expect.arrays(x=x)
    expect.numbers(xp, x=x)
    expect.positive_ints("x", xp.shape(x), repeats=repeats)


@operation(checks=_check_repeats)
def tile(x: A, repeats: Sequence[int]) -> A:
    """Tile an array along each axis with whole copies of itself.

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
    return _repeat_each_axis(x, repeats, "(r{i} d{i})")


@operation(checks=_check_repeats)
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
    return _repeat_each_axis(x, repeats, "(d{i} r{i})")


def _repeat_each_axis(x: A, repeats: Sequence[int], axis: str) -> A:
    """Repeat along every axis: axis `i` becomes what `axis` says of its size and count."""
    counts = {f"r{i}": r for i, r in enumerate(repeats) if not (isinstance(r, int) and r == 1)}
    before = [f"d{i}" for i in range(len(repeats))]
    after = [axis.format(i=i) if f"r{i}" in counts else f"d{i}" for i in range(len(repeats))]
    return repeat(x, f"{' '.join(before)} -> {' '.join(after)}", **counts)
