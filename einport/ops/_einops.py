"""einops' functions: a missing arrow is named, and each reduction has one meaning everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import einops

from ..backends import Array, find

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


def rearrange(tensor: Any, pattern: str, **axes_lengths: Any) -> Any:
    """Reorder, join and part the axes of an array, by a pattern that names them.

    The signature of `einops.rearrange`.

    Args:
        tensor: an array, or a list of arrays to stack along a new first axis.
        pattern: such as `"b (h p) c -> b h (p c)"`.
        **axes_lengths: the lengths of axes that cannot be inferred.

    Returns:
        An array with the axes to the right of the arrow; on NumPy and PyTorch it may share memory
        with the one given.

    Raises:
        ValueError: the pattern has no arrow.
        EinopsError: the pattern does not fit the array.

    Source: A. Rogozhnikov, "Einops", ICLR 2022.

    >>> import numpy as np
    >>> rearrange(np.arange(6), "(a b) -> b a", a=2).tolist()
    [[0, 3], [1, 4], [2, 5]]
    """
    _check_arrow("rearrange", pattern)
    return einops.rearrange(tensor, pattern, **axes_lengths)


def repeat(tensor: Any, pattern: str, **axes_lengths: Any) -> Any:
    """Repeat elements along axes that only the right of a pattern has.

    The signature of `einops.repeat`.

    Args:
        tensor: an array, or a list of arrays to stack along a new first axis.
        pattern: such as `"h w -> h (w 2)"`.
        **axes_lengths: the lengths of new axes, and of those that cannot be inferred.

    Returns:
        An array with the axes to the right of the arrow; on PyTorch its elements may share memory.

    Raises:
        ValueError: the pattern has no arrow.
        EinopsError: the pattern does not fit the array.

    Source: A. Rogozhnikov, "Einops", ICLR 2022.

    >>> import numpy as np
    >>> repeat(np.arange(2), "w -> (w r)", r=3).tolist()
    [0, 0, 0, 1, 1, 1]
    """
    _check_arrow("repeat", pattern)
    return einops.repeat(tensor, pattern, **axes_lengths)


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
        ValueError: the pattern has no arrow; an extremum over nothing.
        NotImplementedError: the mean of an array that is not floating.
        EinopsError: the pattern does not fit the array.

    Source: A. Rogozhnikov, "Einops", ICLR 2022.

    >>> import numpy as np
    >>> reduce(np.arange(6.0).reshape(2, 3), "a b -> a", "mean").tolist()
    [1.0, 4.0]
    """
    _check_arrow("reduce", pattern)
    first = tensor[0] if isinstance(tensor, list) and tensor else tensor
    xp = find(first)
    if xp is not None and isinstance(reduction, str) and reduction in REDUCTIONS:
        if reduction == "mean" and not xp.is_floating(first):
            dtype = xp.dtype(first)
            raise NotImplementedError(f"reduce: the mean needs a floating dtype, got {dtype}")
        reduction = Reduction(reduction, getattr(xp, reduction))
    return einops.reduce(tensor, pattern, reduction, **axes_lengths)


def _check_arrow(op: str, pattern: object) -> None:
    """The commonest slip: a comma in the place of the arrow."""
    if isinstance(pattern, str) and "->" not in pattern:
        raise ValueError(f"{op}: the pattern needs one '->', got {pattern!r}")
