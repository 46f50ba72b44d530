"""Reductions by pattern, each made by the adapter: one meaning on every framework."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import einops

from ..backends import Array, find

A = TypeVar("A")

REDUCTIONS = frozenset({"min", "max", "sum", "mean", "prod", "any", "all"})


class Reduction(NamedTuple):
    """An adapter's reduction in the form that einops calls."""

    name: str
    method: Callable[..., Array]

    def __call__(self, x: Array, axes: tuple[int, ...]) -> Array:
        """Reduce the axes."""
        return self.method(x, axis=axes)

    def __str__(self) -> str:
        """What einops' messages call it."""
        return self.name


def reduce(tensor: Any, pattern: str, reduction: Any, **axes_lengths: Any) -> Any:
    """Rearrange an array and reduce the axes that its pattern drops.

    The signature of `einops.reduce`. Frameworks' own reductions differ: here 16-bit floats
    accumulate in float32, sums and products of integers and booleans are 64-bit (32-bit in JAX
    unless x64 is enabled), the extremum over NaN is NaN, and over nothing it is an error.

    Args:
        tensor: an array, or a list of arrays to stack along a new first axis.
        pattern: such as `"b (h 2) (w 2) c -> b h w c"`.
        reduction: `"min"`, `"max"`, `"sum"`, `"mean"`, `"prod"`, `"any"`, `"all"`, or a function
            of an array and a tuple of axes.
        **axes_lengths: the lengths of axes that cannot be inferred.

    Returns:
        An array with the axes to the right of the arrow.

    Raises:
        NotImplementedError: the mean of an array that is not floating.
        ValueError: an extremum over nothing.
        EinopsError: the pattern does not fit the array.

    Source: A. Rogozhnikov, "Einops", ICLR 2022.

    >>> import numpy as np
    >>> reduce(np.arange(6.0).reshape(2, 3), "a b -> a", "mean").tolist()
    [1.0, 4.0]
    """
    first = tensor[0] if isinstance(tensor, list) and tensor else tensor
    xp = find(first)
    if xp is not None and isinstance(reduction, str) and reduction in REDUCTIONS:
        if reduction == "mean" and not xp.is_floating(first):
            dtype = xp.dtype(first)
            raise NotImplementedError(f"reduce: the mean needs a floating dtype, got {dtype}")
        reduction = Reduction(reduction, getattr(xp, reduction))
    return einops.reduce(tensor, pattern, reduction, **axes_lengths)


def reduce_axes(reduction: Any, x: A, pattern: str) -> A:
    """Reduce the axes that a pattern drops: `reduce_axes(xp.mean, x, "b c h w -> b c")`.

    A dropped axis may stay as `1`: `"b c h w -> b c 1 1"`. The order of the others is kept, and
    the axes stay where they stand: `reduce` moves them to the end first, which in eager JAX and
    TensorFlow is a copy.
    """
    left, right = (side.split() for side in pattern.split("->"))
    axes = tuple([i - len(left) for i, name in enumerate(left) if name not in right])
    reduced: A = reduction(x, axis=axes, keepdims=len(right) == len(left))
    return reduced
