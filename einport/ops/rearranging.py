"""Reorder, flatten and stack axes.

A rearrangement may be a view of its input on NumPy and PyTorch, as einops' may: copy the result
before you write to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from einops import rearrange

from .. import expect
from ..backends import describe
from ..operation import operation

__all__ = [
    "flatten_leading",
    "permute_cyclic",
    "stack_arrays",
    "swap_height_width",
    "transpose_matrices",
    "unflatten_leading",
]

A = TypeVar("A")


def _check_transpose_matrices(x: Any) -> None:
    expect.axes(expect.arrays(x=x), "... h w", x=x)


@operation(checks=_check_transpose_matrices)
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
    return rearrange(x, "... h w -> ... w h")


def _check_swap_height_width(x: Any, data_format: Any) -> None:
    expect.image(expect.arrays(x=x), data_format, "...", x=x)


@operation(checks=_check_swap_height_width)
def swap_height_width(x: A, *, data_format: str = "channels_first") -> A:
    """Swap the height and width of an image.

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
    if data_format == "channels_first":
        return rearrange(x, "... c h w -> ... c w h")
    return rearrange(x, "... h w c -> ... w h c")


def _check_permute_cyclic(x: Any) -> None:
    expect.axes(expect.arrays(x=x), "... last", x=x)


@operation(checks=_check_permute_cyclic)
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
    return rearrange(x, "... last -> last ...")


def _check_flatten_leading(x: Any) -> None:
    expect.axes(expect.arrays(x=x), "d1 d2 ...", x=x)


@operation(checks=_check_flatten_leading)
def flatten_leading(x: A) -> A:
    """Flatten the first two axes into one.

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
    return rearrange(x, "d1 d2 ... -> (d1 d2) ...")


def _check_unflatten_leading(x: Any, leading: Any) -> None:
    xp = expect.arrays(x=x)
    leading = expect.positive_int(leading=leading)
    shape = expect.axes(xp, "rows ...", x=x)
    if not expect.divides(leading, shape[0]):
        raise expect.value_error(
            f"x has {shape[0]} rows, which leading = {leading} does not divide "
            f"(x has shape {expect.show(shape)})"
        )


@operation(checks=_check_unflatten_leading)
def unflatten_leading(x: A, leading: int) -> A:
    """Split the first axis into two: the inverse of `flatten_leading`.

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
    return rearrange(x, "(d1 d2) ... -> d1 d2 ...", d1=leading)


def _check_stack_arrays(arrays: Any) -> None:
    if not isinstance(arrays, list | tuple):
        raise expect.type_error(f"arrays must be a list or tuple of arrays, got {describe(arrays)}")
    if not arrays:
        raise expect.value_error("arrays must hold at least one array, got an empty list")
    named = {f"arrays[{i}]": x for i, x in enumerate(arrays)}
    xp = expect.arrays(**named)
    expect.same_dtype(xp, **named)
    first = xp.shape(arrays[0])
    for name, x in named.items():
        if not expect.same_sizes(first, xp.shape(x)):
            raise expect.value_error(
                f"arrays[0] has shape {expect.show(first)} and {name} has shape "
                f"{expect.show(xp.shape(x))}; stack arrays of one shape"
            )


@operation(checks=_check_stack_arrays)
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
    return rearrange(list(arrays), "n ... -> n ...")
