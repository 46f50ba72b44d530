"""Axes in another order: transposing, flattening, stacking.

A rearrangement may share its input's memory on NumPy and PyTorch, as einops' does: copy the
result before you write to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from einops import rearrange

from ..backends import describe, find
from ..operation import operation
from . import _checks as check

__all__ = [
    "flatten_leading",
    "permute_cyclic",
    "stack_arrays",
    "swap_height_width",
    "transpose_matrices",
    "unflatten_leading",
]

A = TypeVar("A")


@operation
def transpose_matrices(x: A) -> A:
    """Transpose each matrix of a batch.

    Args:
        x: `(..., h, w)`, any dtype.

    Returns:
        `(..., w, h)`: `out[..., j, i] = x[..., i, j]`.

    Raises:
        TypeError: `x` is not an array.
        ValueError: `x` has fewer than 2 axes.

    Source: the matrix transpose of the Python array API standard.

    >>> import numpy as np
    >>> transpose_matrices(np.arange(6).reshape(1, 2, 3)).tolist()
    [[[0, 3], [1, 4], [2, 5]]]
    """
    xp = check.array("transpose_matrices", "x", x)
    check.rank("transpose_matrices", "x", xp.shape(x), "... h w")
    return rearrange(x, "... h w -> ... w h")


@operation
def swap_height_width(x: A, *, data_format: str = "channels_first") -> A:
    """Transpose the picture in each channel.

    Args:
        x: `(..., c, h, w)`, or `(..., h, w, c)` with channels last; any dtype.
        data_format: `"channels_first"` or `"channels_last"`.

    Returns:
        `(..., c, w, h)`, or `(..., w, h, c)`.

    Raises:
        TypeError: `x` is not an array.
        ValueError: `x` has fewer than 3 axes, or the data format is unknown.

    Source: reflection of an image about its main diagonal.

    >>> import numpy as np
    >>> swap_height_width(np.zeros((8, 3, 20, 30))).shape
    (8, 3, 30, 20)
    """
    xp = check.array("swap_height_width", "x", x)
    check.image("swap_height_width", "x", xp.shape(x), data_format, "...")
    if data_format == "channels_first":
        return rearrange(x, "... c h w -> ... c w h")
    return rearrange(x, "... h w c -> ... w h c")


@operation
def permute_cyclic(x: A) -> A:
    """Move the last axis to the front.

    Args:
        x: `(d1, ..., dn)` with at least one axis, any dtype.

    Returns:
        `(dn, d1, ..., dn-1)`.

    Raises:
        TypeError: `x` is not an array.
        ValueError: `x` has no axis.

    Source: a cyclic permutation of the axes.

    >>> import numpy as np
    >>> permute_cyclic(np.zeros((2, 3, 4))).shape
    (4, 2, 3)
    """
    xp = check.array("permute_cyclic", "x", x)
    check.rank("permute_cyclic", "x", xp.shape(x), "... last")
    return rearrange(x, "... last -> last ...")


@operation
def flatten_leading(x: A) -> A:
    """Join the first two axes into one.

    Args:
        x: `(d1, d2, ...)`, any dtype.

    Returns:
        `(d1·d2, ...)` in row-major order.

    Raises:
        TypeError: `x` is not an array.
        ValueError: `x` has fewer than 2 axes.

    Source: the reshape of the Python array API standard.

    >>> import numpy as np
    >>> flatten_leading(np.arange(6).reshape(2, 3)).tolist()
    [0, 1, 2, 3, 4, 5]
    """
    xp = check.array("flatten_leading", "x", x)
    check.rank("flatten_leading", "x", xp.shape(x), "d1 d2 ...")
    return rearrange(x, "d1 d2 ... -> (d1 d2) ...")


@operation
def unflatten_leading(x: A, leading: int) -> A:
    """Part the first axis into two; the inverse of `flatten_leading`.

    Args:
        x: `(d1·d2, ...)` with at least one axis, any dtype.
        leading: d1, the size of the new first axis.

    Returns:
        `(leading, d2, ...)`.

    Raises:
        TypeError: `x` is not an array, or `leading` not an integer.
        ValueError: `leading` is less than 1 or does not divide the first axis.

    Source: the reshape of the Python array API standard.

    >>> import numpy as np
    >>> unflatten_leading(np.arange(6), 2).tolist()
    [[0, 1, 2], [3, 4, 5]]
    """
    xp = check.array("unflatten_leading", "x", x)
    leading = check.count("unflatten_leading", "leading", leading)
    shape = xp.shape(x)
    check.rank("unflatten_leading", "x", shape, "rows ...")
    if not check.divides(leading, shape[0]):
        raise ValueError(
            f"unflatten_leading: x has {shape[0]} rows, which leading = {leading} does not divide "
            f"(x has shape {check.show(shape)})"
        )
    return rearrange(x, "(d1 d2) ... -> d1 d2 ...", d1=leading)


@operation
def stack_arrays(arrays: Sequence[A]) -> A:
    """Stack arrays along a new first axis.

    Args:
        arrays: a list or tuple of n arrays `(...)` of one framework, shape and dtype.

    Returns:
        `(n, ...)`.

    Raises:
        TypeError: `arrays` is not a list or tuple; something in it is not an array; two
            frameworks or two dtypes are mixed.
        ValueError: the list is empty, or two shapes differ.

    Source: `stack` of the Python array API standard.

    >>> import numpy as np
    >>> stack_arrays([np.zeros((2, 3)), np.ones((2, 3))]).shape
    (2, 2, 3)
    """
    op = "stack_arrays"
    if not isinstance(arrays, list | tuple):
        found = find(arrays)
        came = describe(arrays) if found is None else f"an array of {found.title}"
        raise TypeError(f"{op}: arrays must be a list or tuple of arrays, got {came}")
    if not arrays:
        raise ValueError(f"{op}: arrays must hold at least one array, got an empty list")
    named = {f"arrays[{i}]": x for i, x in enumerate(arrays)}
    xp = check.arrays(op, **named)
    check.same_dtype(op, xp, **named)
    first = xp.shape(arrays[0])
    for name, x in named.items():
        if not check.same_sizes(first, xp.shape(x)):
            raise ValueError(
                f"{op}: arrays[0] has shape {check.show(first)} and {name} has shape "
                f"{check.show(xp.shape(x))}; stack arrays of one shape"
            )
    stacked: A = rearrange(list(arrays), "n ... -> n ...")
    return stacked
