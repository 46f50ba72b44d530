"""Reductions by pattern that leave the axes where they stand.

`einops.reduce` moves the reduced axes to the end first, which in eager JAX and TensorFlow is a
copy. Here a pattern only names the axes, and the adapter reduces them in place.
"""

from __future__ import annotations

from typing import Any, TypeVar

A = TypeVar("A")


def reduce_axes(reduction: Any, x: A, pattern: str) -> A:
    """Reduce the axes that a pattern drops: `reduce_axes(xp.mean, x, "b c h w -> b c")`.

    A dropped axis may stay as `1`: `"b c h w -> b c 1 1"`. The order of the others is kept.
    """
    left, right = (side.split() for side in pattern.split("->"))
    axes = tuple([i - len(left) for i, name in enumerate(left) if name not in right])
    reduced: A = reduction(x, axis=axes, keepdims=len(right) == len(left))
    return reduced
