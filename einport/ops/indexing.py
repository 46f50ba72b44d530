"""Gather elements, rows and columns by integer index.

Indices are integers of any width, and negative ones count from the end. An index out of range is
an `IndexError`. While tracing, the values of indices cannot be read: what an index out of range
gives is then up to the framework, which may also fail when it runs.
"""

from __future__ import annotations

from typing import Any, TypeVar

from einops import rearrange

from .. import expect
from ..backends import Backend, backend_of
from ..operation import operation

__all__ = [
    "collect_columns",
    "collect_rows",
    "gather_columns",
    "index_by_coordinates",
    "total_price",
]

A = TypeVar("A")

METHODS = ("take", "gather")


def _check_numbers_and_indices(**named: Any) -> Backend:
    """An array of numbers and one of integers, of one framework; their adapter."""
    xp = expect.arrays(**named)
    (data, values), (choice, indices) = named.items()
    expect.numbers(xp, **{data: values})
    expect.integers(xp, **{choice: indices})
    return xp


def _check_gather_columns(matrix: Any, indices: Any) -> None:
    xp = _check_numbers_and_indices(matrix=matrix, indices=indices)
    shape = expect.axes(xp, "m n", matrix=matrix)
    chosen = expect.axes(xp, "m k", indices=indices)
    if not expect.equal(shape[0], chosen[0]):
        raise expect.value_error(
            f"indices must have {shape[0]} rows, one for each of matrix, got {chosen[0]} "
            f"(matrix has shape {expect.show(shape)}, indices {expect.show(chosen)})"
        )
    where = "in the rows of matrix"
    expect.positions(xp, shape[1], where, {"matrix": shape}, indices=indices)


@operation(checks=_check_gather_columns)
def gather_columns(matrix: A, indices: A) -> A:
    """Gather elements of each row by column indices of its own.

    While tracing, an index out of range is not noticed, and what it gives is not specified.

    Args:
        matrix: `(m, n)`, numbers or booleans.
        indices: `(m, k)`, integers from −n to n − 1; negative ones count from the end.

    Returns:
        `(m, k)`: `out[i, j] = matrix[i, indices[i, j]]`.

    Raises:
        TypeError: an argument is not an array, `matrix` holds no numbers, the indices are not
            integers, or frameworks are mixed.
        ValueError: an argument does not have 2 axes, or they have different numbers of rows.
        IndexError: an index is out of range.

    Source: `take_along_axis` of the Python array API standard, along the last of two axes.

    >>> import numpy as np
    >>> gather_columns(np.array([[1, 2, 3], [4, 5, 6]]), np.array([[2, 0], [1, -1]])).tolist()
    [[3, 1], [5, 6]]
    """
    return backend_of(matrix).take_along_axis(matrix, indices, axis=1, in_range=True)


def _check_index_by_coordinates(x: Any, coordinates: Any) -> None:
    xp = _check_numbers_and_indices(x=x, coordinates=coordinates)
    shape, chosen = xp.shape(x), expect.axes(xp, "batch n", coordinates=coordinates)
    if not expect.equal(len(shape), chosen[1]):
        raise expect.value_error(
            f"coordinates must have {len(shape)} columns, one for each axis of x, got {chosen[1]} "
            f"(x has shape {expect.show(shape)}, coordinates {expect.show(chosen)})"
        )
    if None in shape[1:]:
        raise expect.value_error(
            f"the sizes of x must be known but for the first, got shape {expect.show(shape)}"
        )
    for axis, size in enumerate(shape):
        where = f"along axis {axis}"
        expect.positions(xp, size, where, {"x": shape}, coordinates=coordinates[:, axis])


@operation(checks=_check_index_by_coordinates)
def index_by_coordinates(x: A, coordinates: A) -> A:
    """Gather single elements by their coordinates, one for each axis.

    While tracing, a coordinate out of range is not noticed, and what it gives is not specified;
    the sizes of all axes but the first must be known.

    Args:
        x: `(d1, …, dn)`, numbers or booleans.
        coordinates: `(batch, n)`, integers; negative ones count from the end of their axis.

    Returns:
        `(batch,)`: `out[i] = x[coordinates[i, 0], …, coordinates[i, n − 1]]`.

    Raises:
        TypeError: an argument is not an array, `x` holds no numbers, the coordinates are not
            integers, or frameworks are mixed.
        ValueError: `coordinates` does not have 2 axes, or not one column for each axis of `x`.
        IndexError: a coordinate is out of range.

    Source: ONNX's GatherND, without batch axes.

    >>> import numpy as np
    >>> x = np.arange(6).reshape(2, 3)
    >>> index_by_coordinates(x, np.array([[0, 2], [1, 0], [-1, -1]])).tolist()
    [2, 3, 5]
    """
    xp = backend_of(x)
    places = _flat_index(xp, xp.astype(coordinates, xp.index_dtype), xp.shape(x))
    return xp.take(rearrange(x, "... -> (...)"), places, axis=0, in_range=True)


def _check_slices(axis: int, matrix: Any, **named: Any) -> None:
    """A matrix, and one axis of indices into an axis of it."""
    xp = _check_numbers_and_indices(matrix=matrix, **named)
    shape = expect.axes(xp, "m n", matrix=matrix)
    expect.axes(xp, "k", **named)
    expect.positions(xp, shape[axis], "in matrix", {"matrix": shape}, **named)


def _check_collect_rows(matrix: Any, rows: Any) -> None:
    _check_slices(0, matrix, rows=rows)


@operation(checks=_check_collect_rows)
def collect_rows(matrix: A, rows: A) -> A:
    """Select rows of a matrix by index, in the order given and with repeats.

    While tracing, an index out of range is not noticed, and what it gives is not specified.

    Args:
        matrix: `(m, n)`, numbers or booleans.
        rows: `(k,)`, integers from −m to m − 1; negative ones count from the end.

    Returns:
        `(k, n)`: `out[i] = matrix[rows[i]]`.

    Raises:
        TypeError: an argument is not an array, `matrix` holds no numbers, the indices are not
            integers, or frameworks are mixed.
        ValueError: `matrix` does not have 2 axes, or `rows` not 1.
        IndexError: an index is out of range.

    Source: `take` of the Python array API standard, along the first of two axes.

    >>> import numpy as np
    >>> collect_rows(np.array([[1, 2], [3, 4]]), np.array([1, 0, 1])).tolist()
    [[3, 4], [1, 2], [3, 4]]
    """
    return backend_of(matrix).take(matrix, rows, axis=0, in_range=True)


def _check_collect_columns(matrix: Any, columns: Any) -> None:
    _check_slices(1, matrix, columns=columns)


@operation(checks=_check_collect_columns)
def collect_columns(matrix: A, columns: A) -> A:
    """Select columns of a matrix by index, in the order given and with repeats.

    While tracing, an index out of range is not noticed, and what it gives is not specified.

    Args:
        matrix: `(m, n)`, numbers or booleans.
        columns: `(k,)`, integers from −n to n − 1; negative ones count from the end.

    Returns:
        `(m, k)`: `out[:, j] = matrix[:, columns[j]]`.

    Raises:
        TypeError: an argument is not an array, `matrix` holds no numbers, the indices are not
            integers, or frameworks are mixed.
        ValueError: `matrix` does not have 2 axes, or `columns` not 1.
        IndexError: an index is out of range.

    Source: `take` of the Python array API standard, along the last of two axes.

    >>> import numpy as np
    >>> collect_columns(np.array([[1, 2], [3, 4]]), np.array([1, 0, 1])).tolist()
    [[2, 1, 2], [4, 3, 4]]
    """
    return backend_of(matrix).take(matrix, columns, axis=1, in_range=True)


def _check_total_price(prices: Any, items: Any, method: Any) -> None:
    xp = _check_numbers_and_indices(prices=prices, items=items)
    expect.one_of(METHODS, method=method)
    shape = expect.axes(xp, "k", prices=prices)
    expect.axes(xp, "n", items=items)
    expect.positions(xp, shape[0], "among the prices", {"prices": shape}, items=items)


@operation(checks=_check_total_price)
def total_price(prices: A, items: A, *, method: str = "take") -> A:
    """Sum the prices of the items in a basket.

    While tracing, an item out of range is not noticed, and what it adds is not specified.

    Args:
        prices: `(k,)`, numbers or booleans.
        items: `(n,)`, integers from −k to k − 1, as often as they were bought; negative ones
            count from the end.
        method: how prices are looked up: `"take"` by whole slices, `"gather"` one element for
            each index. Both give the same.

    Returns:
        `()`: `Σ_i prices[items[i]]`, 0 for an empty basket. 16-bit floats accumulate in float32;
        integers and booleans give 64-bit integers, in JAX 32-bit unless x64 is enabled.

    Raises:
        TypeError: an argument is not an array, `prices` holds no numbers, `items` no integers, or
            frameworks are mixed.
        ValueError: an argument does not have 1 axis, or the method is unknown.
        IndexError: an item is out of range.

    Source: `take` and `take_along_axis` of the Python array API standard, and a sum.

    >>> import numpy as np
    >>> total_price(np.array([0.5, 1.0, 1.5]), np.array([0, 0, 2])).item()
    2.5
    """
    xp = backend_of(prices)
    look_up = xp.take if method == "take" else xp.take_along_axis
    return xp.sum(look_up(prices, items, axis=0, in_range=True))


def _flat_index(xp: Backend, coordinates: Any, shape: Any) -> Any:
    """Row-major index of each element; a negative first coordinate gives a negative index.

    So the size of the first axis is not needed: while tracing it may be unknown.
    """
    if not shape:
        return xp.sum(coordinates, axis=1)  # no columns: zeros
    flat = coordinates[:, 0]
    for axis, size in enumerate(shape[1:], 1):
        along = coordinates[:, axis]
        flat = flat * size + xp.where(along < 0, along + size, along)
    return flat
