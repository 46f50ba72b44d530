"""Elements, rows and columns by their place.

Indices are integers of any width, and negative ones count from the end. One that is out of range
is an `IndexError`. While tracing the indices cannot be read: for one out of range the framework
then gives an element of its own choice, or fails when it runs.
"""

from __future__ import annotations

from typing import Any, TypeVar

from einops import rearrange

from ..backends import Backend
from ..operation import operation
from . import _checks as check

__all__ = [
    "collect_columns",
    "collect_rows",
    "gather_columns",
    "index_by_coordinates",
    "total_price",
]

A = TypeVar("A")

METHODS = ("take", "gather")


@operation
def gather_columns(matrix: A, indices: A) -> A:
    """Take from each row the columns that the same row of the indices names.

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
    op = "gather_columns"
    xp = check.arrays(op, matrix=matrix, indices=indices)
    check.numbers(op, "matrix", xp, matrix)
    check.integers(op, "indices", xp, indices)
    shape, chosen = xp.shape(matrix), xp.shape(indices)
    check.rank(op, "matrix", shape, "m n")
    check.rank(op, "indices", chosen, "m k")
    if not check.equal(shape[0], chosen[0]):
        raise ValueError(
            f"{op}: indices must have {shape[0]} rows, one for each of matrix, got {chosen[0]} "
            f"(matrix has shape {check.show(shape)}, indices {check.show(chosen)})"
        )
    check.positions(
        op, "indices", xp, indices, shape[1], "in the rows of matrix", {"matrix": shape}
    )
    found: A = xp.take_along_axis(matrix, indices, axis=1, in_range=True)
    return found


@operation
def index_by_coordinates(x: A, coordinates: A) -> A:
    """Take single elements by their coordinates, one along each axis.

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
    op = "index_by_coordinates"
    xp = check.arrays(op, x=x, coordinates=coordinates)
    check.numbers(op, "x", xp, x)
    check.integers(op, "coordinates", xp, coordinates)
    shape, chosen = xp.shape(x), xp.shape(coordinates)
    check.rank(op, "coordinates", chosen, "batch n")
    if not check.equal(len(shape), chosen[1]):
        raise ValueError(
            f"{op}: coordinates must have {len(shape)} columns, one for each axis of x, "
            f"got {chosen[1]} (x has shape {check.show(shape)}, "
            f"coordinates {check.show(chosen)})"
        )
    if None in shape[1:]:
        raise ValueError(
            f"{op}: the sizes of x must be known but for the first, got shape {check.show(shape)}"
        )
    places: Any = coordinates
    for axis, size in enumerate(shape):
        where = f"along axis {axis}"
        check.positions(op, "coordinates", xp, places[:, axis], size, where, {"x": shape})
    flat = _flat_index(xp, xp.astype(places, xp.index_dtype), shape)
    found: A = xp.take(rearrange(x, "... -> (...)"), flat, axis=0, in_range=True)
    return found


@operation
def collect_rows(matrix: A, rows: A) -> A:
    """Take rows of a matrix, in the order given, as often as they are named.

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
    return _collect("collect_rows", "rows", matrix, rows, axis=0)


@operation
def collect_columns(matrix: A, columns: A) -> A:
    """Take columns of a matrix, in the order given, as often as they are named.

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
    return _collect("collect_columns", "columns", matrix, columns, axis=1)


@operation
def total_price(prices: A, items: A, *, method: str = "take") -> A:
    """Add up the prices of the items in a basket.

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
    op = "total_price"
    xp = check.arrays(op, prices=prices, items=items)
    check.numbers(op, "prices", xp, prices)
    check.integers(op, "items", xp, items)
    check.one_of(op, "method", method, METHODS)
    shape = xp.shape(prices)
    check.rank(op, "prices", shape, "k")
    check.rank(op, "items", xp.shape(items), "n")
    check.positions(op, "items", xp, items, shape[0], "among the prices", {"prices": shape})
    look_up = xp.take if method == "take" else xp.take_along_axis
    total: A = xp.sum(look_up(prices, items, axis=0, in_range=True))
    return total


def _collect(op: str, name: str, matrix: A, indices: A, axis: int) -> A:
    """Whole rows or columns of a matrix."""
    xp = check.arrays(op, matrix=matrix, **{name: indices})
    check.numbers(op, "matrix", xp, matrix)
    check.integers(op, name, xp, indices)
    shape = xp.shape(matrix)
    check.rank(op, "matrix", shape, "m n")
    check.rank(op, name, xp.shape(indices), "k")
    check.positions(op, name, xp, indices, shape[axis], "in matrix", {"matrix": shape})
    found: A = xp.take(matrix, indices, axis=axis, in_range=True)
    return found


def _flat_index(xp: Backend, coordinates: Any, shape: Any) -> Any:
    """Where coordinates fall among all elements in a row; a negative first one stays negative.

    That saves the first axis's size, which while tracing may not be known.
    """
    if not shape:
        return xp.sum(coordinates, axis=1)  # no columns: zeros
    flat = coordinates[:, 0]
    for axis, size in enumerate(shape[1:], 1):
        along = coordinates[:, axis]
        flat = flat * size + xp.where(along < 0, along + size, along)
    return flat
