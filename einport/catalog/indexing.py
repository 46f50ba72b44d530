"""Entries of `einport.ops.indexing`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import ops
from ._entry import (
    FLOATS,
    NUMBERS,
    Case,
    Draw,
    Entry,
    Given,
    case,
    counting,
    given,
    idioms,
    indices,
    mask,
    mistake,
    values,
)

Array = np.ndarray[Any, Any]


def _draw_places(draw: Draw, count: int, size: int) -> list[int]:
    """Indices from either end; none where there is nothing to choose."""
    return [draw.integer(-size, size - 1) for _ in range(count if size else 0)]


def _places(count: int, size: int) -> Array:
    """Indices from either end, in no order."""
    return np.random.default_rng(size).integers(-size, size, count)


_STRIDES = np.arange(4096) * 7
"""Thousands of indices that visit every residue."""


# --- gather_columns ------------------------------------------------------------------------------


def gather_columns_oracle(matrix: Array, indices: Array) -> Array:
    out = np.empty(indices.shape, matrix.dtype)
    for i in range(indices.shape[0]):
        row = matrix[i].tolist()
        for j in range(indices.shape[1]):
            out[i, j] = row[int(indices[i, j])]
    return out


def gather_columns_numpy(matrix, indices):
    import numpy as np

    return np.take_along_axis(matrix, indices, axis=1)


def gather_columns_torch(matrix, indices):
    return matrix.gather(1, indices.long() % matrix.shape[1])


def gather_columns_jax(matrix, indices):
    import jax.numpy as jnp

    return jnp.take_along_axis(matrix, indices, axis=1)


def gather_columns_tensorflow(matrix, indices):
    import tensorflow as tf

    return tf.gather(matrix, indices % matrix.shape[1], batch_dims=1)


def _draw_gather(draw: Draw) -> Case:
    m, n = draw.integer(0, 3), draw.integer(0, 4)
    k = draw.integer(0, 4) if n else 0
    found = np.array(_draw_places(draw, m * k, n), np.int64).reshape(m, k)
    return case("drawn", counting(m, n), indices(found))


GATHER_COLUMNS = Entry(
    op=ops.gather_columns,
    cases=(
        case("two of each row", counting(3, 5), indices([[2, 4], [1, -2], [0, 2]])),
        case("more than there are", counting(2, 3), indices([[2, 0, 0, 1, 2], [1, 1, 1, 1, -3]])),
        case("from the end", counting(2, 4), indices([[-1, -2, -3, -4], [3, -4, 0, -1]])),
        case("one column", counting(4, 1), indices([[0], [-1], [0], [0]])),
        case("one row", counting(1, 6), indices([[5, 3, 1]])),
        case("nothing chosen", counting(3, 4), indices(np.zeros((3, 0)))),
        case("no rows", counting(0, 4), indices(np.zeros((0, 2)))),
        case("no columns", counting(2, 0), indices(np.zeros((2, 0)))),
        case(
            "long indices", counting(2, 3), Given([[0, -1], [2, 1]], "int64"), dtypes=("float64",)
        ),
        case("short indices", counting(2, 3), Given([[0, -1], [2, 1]], "int8")),
        # 130 + 70 is past the bytes that the indices are in.
        case("many columns, short indices", counting(1, 200), Given([[-70, -128, 127]], "int8")),
        case("unsigned indices", counting(2, 300), Given([[0, 255], [200, 1]], "uint8")),
        case("past 32 bits", given([[2**40, 2**40 + 1]]), indices([[1, 0]]), dtypes=("int64",)),
        case(
            "NaN, infinities and zeros of both signs",
            given([[np.nan, np.inf, -np.inf, -0.0, 0.0]]),
            indices([[4, 3, 2, 1, 0, 0]]),
            dtypes=FLOATS,
            no_gradient="NaN and infinities",
        ),
        case(
            "thousands of rows",
            counting(4096, 5),
            indices(np.stack([_STRIDES % 5, _STRIDES % 3 - 3], axis=1)),
            dtypes=("float32", "int32"),
        ),
        case(
            "thousands of columns",
            counting(2, 5000),
            indices(np.stack([_STRIDES % 5000, -1 - _STRIDES % 5000])),
            dtypes=("float32", "int32"),
        ),
    ),
    draw=_draw_gather,
    sized=lambda n: case("rows", values(n, 6), indices(_places(4 * n, 6).reshape(n, 4))),
    oracle=gather_columns_oracle,
    natives=idioms(globals(), "gather_columns"),
    mistakes=(
        mistake(
            "a dtype that PyTorch cannot gather",
            TypeError,
            "gather_columns: matrix must hold numbers, got uint32",
            Given([[1, 2, 3]], "uint32"),
            indices([[0, 1]]),
        ),
        mistake(
            "past the end",
            IndexError,
            "gather_columns: indices must be from -5 to 4 in the rows of matrix "
            "(matrix has shape (3, 5)), got 5",
            counting(3, 5),
            indices([[2, 4], [1, 5], [0, 2]]),
        ),
        mistake(
            "before the start",
            IndexError,
            "gather_columns: indices must be from -5 to 4 in the rows of matrix "
            "(matrix has shape (3, 5)), got -6",
            counting(3, 5),
            indices([[2, 4], [-6, 3], [0, 2]]),
        ),
        mistake(
            "far past the end",
            IndexError,
            "gather_columns: indices must be from -2 to 1 in the rows of matrix "
            "(matrix has shape (1, 2)), got 2147483647",
            counting(1, 2),
            indices([[2**31 - 1]]),
        ),
        mistake(
            "nothing to choose from",
            IndexError,
            "gather_columns: indices must be empty, as there is nothing to choose from in the "
            "rows of matrix (matrix has shape (2, 0))",
            counting(2, 0),
            indices([[0], [0]]),
        ),
        mistake(
            "float indices",
            TypeError,
            "gather_columns: indices must have an integer dtype, got float32",
            counting(2, 3),
            given([[0.0], [1.0]]),
        ),
        mistake(
            "a mask",
            TypeError,
            "gather_columns: indices must have an integer dtype, got bool",
            counting(2, 3),
            mask([[True, False, True], [True, True, False]]),
        ),
        mistake(
            "rows missing",
            ValueError,
            "gather_columns: indices must have 3 rows, one for each of matrix, got 2 "
            "(matrix has shape (3, 5), indices (2, 2))",
            counting(3, 5),
            indices([[2, 4], [1, 3]]),
        ),
        mistake(
            "one list for all rows",
            ValueError,
            "gather_columns: indices must have 2 axes (m k), got 1 (indices has shape (2,))",
            counting(3, 5),
            indices([2, 4]),
        ),
        mistake(
            "a batch",
            ValueError,
            "gather_columns: matrix must have 2 axes (m n), got 3 (matrix has shape (2, 3, 5))",
            counting(2, 3, 5),
            indices([[2], [1]]),
        ),
        mistake(
            "a list",
            TypeError,
            "gather_columns: indices must be an array of NumPy, PyTorch, JAX or TensorFlow, "
            "got a list",
            counting(1, 3),
            [[0]],
        ),
    ),
)


# --- index_by_coordinates ------------------------------------------------------------------------


def index_by_coordinates_oracle(x: Array, coordinates: Array) -> Array:
    out, everything = np.empty(coordinates.shape[:1], x.dtype), x.tolist()
    for i in range(coordinates.shape[0]):
        inner: Any = everything
        for place in coordinates[i]:
            inner = inner[int(place)]
        out[i] = inner
    return out


def index_by_coordinates_numpy(x, coordinates):
    return x[tuple(coordinates.T)]


def index_by_coordinates_torch(x, coordinates):
    return x[tuple(coordinates.T)]


def index_by_coordinates_jax(x, coordinates):
    return x[tuple(coordinates.T)]


def index_by_coordinates_tensorflow(x, coordinates):
    import tensorflow as tf

    return tf.gather_nd(x, coordinates % x.shape)


def _draw_coordinates(draw: Draw) -> Case:
    shape = [draw.integer(0, 4) for _ in range(draw.integer(0, 4))]
    batch = draw.integer(0, 4) if 0 not in shape else 0
    columns = [_draw_places(draw, batch, size) for size in shape]
    found = np.array(columns, np.int64).reshape(len(shape), batch).T
    return case("drawn", counting(*shape), indices(found))


def _coordinates_of(n: int) -> Case:
    columns = [_places(2 * n + 1, size) for size in (n, 2, 6, 5)]
    return case("rows", values(n, 2, 6, 5), indices(np.stack(columns, axis=1)))


_EVERYWHERE = np.stack([_STRIDES % 2 - 1, _STRIDES % 30, _STRIDES % 40 - 40], axis=1)

INDEX_BY_COORDINATES = Entry(
    op=ops.index_by_coordinates,
    cases=(
        case(
            "five elements",
            counting(2, 3, 4),
            indices([[0, 0, 0], [0, 1, 1], [0, 2, 2], [1, 0, -1], [-1, 2, 0]]),
        ),
        case("from the end", counting(2, 3, 4), indices([[-1, -1, -1], [-2, -3, -4], [1, -3, -1]])),
        case("a vector", counting(5), indices([[4], [0], [-1], [0]])),
        case("a matrix", counting(3, 5), indices([[2, 4], [-3, 1], [1, -5]])),
        case("a number", counting(), indices(np.zeros((3, 0)))),
        case("four axes", counting(2, 3, 4, 5), indices([[1, 2, 3, 4], [0, -1, 2, -4]])),
        case("axes of size 1", counting(1, 3, 1), indices([[0, 1, -1], [-1, -3, 0]])),
        case("nothing chosen", counting(2, 3), indices(np.zeros((0, 2)))),
        case("nothing there, nothing chosen", counting(2, 0), indices(np.zeros((0, 2)))),
        case(
            "long indices", counting(2, 3), Given([[1, -1], [0, 2]], "int64"), dtypes=("float64",)
        ),
        case("short indices", counting(20, 30), Given([[19, 29], [-20, -1], [7, 7]], "int8")),
        case("unsigned indices", counting(20, 300), Given([[19, 255], [1, 200]], "uint8")),
        case("past 32 bits", given([[2**40, 2**40 + 1]]), indices([[0, 1]]), dtypes=("int64",)),
        case(
            "NaN, infinities and zeros of both signs",
            given([[np.nan, np.inf, -np.inf, -0.0, 0.0]]),
            indices([[0, 4], [0, 3], [0, 2], [0, 1], [0, 0]]),
            dtypes=FLOATS,
            no_gradient="NaN and infinities",
        ),
        case(
            "thousands of elements",
            counting(2, 30, 40),
            indices(_EVERYWHERE),
            dtypes=("float32", "int32"),
        ),
    ),
    draw=_draw_coordinates,
    sized=_coordinates_of,
    oracle=index_by_coordinates_oracle,
    natives=idioms(globals(), "index_by_coordinates"),
    mistakes=(
        mistake(
            "a dtype that PyTorch cannot gather",
            TypeError,
            "index_by_coordinates: x must hold numbers, got uint32",
            Given([[1, 2, 3]], "uint32"),
            indices([[0, 1]]),
        ),
        mistake(
            "past the end of the second axis",
            IndexError,
            "index_by_coordinates: coordinates must be from -3 to 2 along axis 1 "
            "(x has shape (2, 3, 4)), got 3",
            counting(2, 3, 4),
            indices([[0, 0, 0], [1, 3, 0]]),
        ),
        mistake(
            "before the start of the first axis",
            IndexError,
            "index_by_coordinates: coordinates must be from -2 to 1 along axis 0 "
            "(x has shape (2, 3, 4)), got -3",
            counting(2, 3, 4),
            indices([[0, 0, 0], [-3, 2, 0]]),
        ),
        mistake(
            "nothing to choose from",
            IndexError,
            "index_by_coordinates: coordinates must be empty, as there is nothing to choose from "
            "along axis 1 (x has shape (2, 0))",
            counting(2, 0),
            indices([[0, 0]]),
        ),
        mistake(
            "a coordinate missing",
            ValueError,
            "index_by_coordinates: coordinates must have 3 columns, one for each axis of x, "
            "got 2 (x has shape (2, 3, 4), coordinates (1, 2))",
            counting(2, 3, 4),
            indices([[0, 0]]),
        ),
        mistake(
            "a single place",
            ValueError,
            "index_by_coordinates: coordinates must have 2 axes (batch n), got 1 "
            "(coordinates has shape (3,))",
            counting(2, 3, 4),
            indices([0, 0, 0]),
        ),
        mistake(
            "floats",
            TypeError,
            "index_by_coordinates: coordinates must have an integer dtype, got float32",
            counting(2, 3),
            values(4, 2),
        ),
        mistake(
            "a list",
            TypeError,
            "index_by_coordinates: x must be an array of NumPy, PyTorch, JAX or TensorFlow, "
            "got a list",
            [[1, 2]],
            indices([[0, 0]]),
        ),
    ),
)


# --- collect_rows --------------------------------------------------------------------------------


def collect_rows_oracle(matrix: Array, rows: Array) -> Array:
    out = np.empty((rows.shape[0], matrix.shape[1]), matrix.dtype)
    for i, row in enumerate(rows):
        for j in range(matrix.shape[1]):
            out[i, j] = matrix[int(row), j]
    return out


def collect_rows_numpy(matrix, rows):
    return matrix[rows]


def collect_rows_torch(matrix, rows):
    return matrix[rows]


def collect_rows_jax(matrix, rows):
    return matrix[rows]


def collect_rows_tensorflow(matrix, rows):
    import tensorflow as tf

    return tf.gather(matrix, rows % matrix.shape[0])


def _draw_rows(draw: Draw) -> Case:
    m, n = draw.integer(0, 4), draw.integer(0, 4)
    return case("drawn", counting(m, n), indices(_draw_places(draw, draw.integer(0, 5), m)))


_SPECIAL = given([[np.nan, 1], [np.inf, -0.0], [-np.inf, 0.0]])

COLLECT_ROWS = Entry(
    op=ops.collect_rows,
    cases=(
        case("some rows", counting(5, 3), indices([0, 2, -4, 0])),
        case("from the end", counting(4, 2), indices([-1, -4, -2])),
        case("a square", counting(3, 3), indices([2, 0, 1])),
        case("one row", counting(1, 4), indices([0, -1, 0])),
        case("more than there are", counting(2, 3), indices([1, 1, 0, 1, 0, 0, 1])),
        case("none", counting(3, 4), indices(np.zeros(0))),
        case("none of none", counting(0, 4), indices(np.zeros(0))),
        case("no columns", counting(3, 0), indices([2, 1])),
        case("long indices", counting(3, 2), Given([2, -3], "int64"), dtypes=("float64",)),
        case("short indices", counting(200, 2), Given([-70, -128, 127], "int8")),
        case("unsigned indices", counting(300, 2), Given([255, 0, 200], "uint8")),
        case("past 32 bits", given([[2**40], [2**40 + 1]]), indices([1]), dtypes=("int64",)),
        case(
            "NaN and infinities",
            _SPECIAL,
            indices([2, 1, 0]),
            dtypes=FLOATS,
            no_gradient="NaN and infinities",
        ),
        case(
            "thousands of rows",
            counting(5000, 2),
            indices(_STRIDES % 10000 - 5000),
            dtypes=("float32", "int32"),
        ),
    ),
    draw=_draw_rows,
    sized=lambda n: case("rows", values(n, 4), indices(_places(2 * n + 1, n))),
    oracle=collect_rows_oracle,
    natives=idioms(globals(), "collect_rows"),
    mistakes=(
        mistake(
            "a dtype that PyTorch cannot gather",
            TypeError,
            "collect_rows: matrix must hold numbers, got uint32",
            Given([[1, 2, 3]], "uint32"),
            indices([0]),
        ),
        mistake(
            "past the end",
            IndexError,
            "collect_rows: rows must be from -5 to 4 in matrix (matrix has shape (5, 3)), got 5",
            counting(5, 3),
            indices([0, 5]),
        ),
        mistake(
            "before the start",
            IndexError,
            "collect_rows: rows must be from -5 to 4 in matrix (matrix has shape (5, 3)), got -6",
            counting(5, 3),
            indices([0, -6]),
        ),
        mistake(
            "nothing to choose from",
            IndexError,
            "collect_rows: rows must be empty, as there is nothing to choose from in matrix "
            "(matrix has shape (0, 3))",
            counting(0, 3),
            indices([0]),
        ),
        mistake(
            "floats",
            TypeError,
            "collect_rows: rows must have an integer dtype, got float32",
            counting(5, 3),
            given([0.0, 1.0]),
        ),
        mistake(
            "a mask",
            TypeError,
            "collect_rows: rows must have an integer dtype, got bool",
            counting(2, 3),
            mask([True, False]),
        ),
        mistake(
            "a vector",
            ValueError,
            "collect_rows: matrix must have 2 axes (m n), got 1 (matrix has shape (5,))",
            counting(5),
            indices([0]),
        ),
        mistake(
            "a matrix of indices",
            ValueError,
            "collect_rows: rows must have 1 axis (k), got 2 (rows has shape (1, 2))",
            counting(5, 3),
            indices([[0, 1]]),
        ),
        mistake(
            "a number",
            TypeError,
            "collect_rows: rows must be an array of NumPy, PyTorch, JAX or TensorFlow, got an int",
            counting(5, 3),
            0,
        ),
    ),
)


# --- collect_columns -----------------------------------------------------------------------------


def collect_columns_oracle(matrix: Array, columns: Array) -> Array:
    out = np.empty((matrix.shape[0], columns.shape[0]), matrix.dtype)
    for i in range(matrix.shape[0]):
        for j, column in enumerate(columns):
            out[i, j] = matrix[i, int(column)]
    return out


def collect_columns_numpy(matrix, columns):
    return matrix[:, columns]


def collect_columns_torch(matrix, columns):
    return matrix[:, columns]


def collect_columns_jax(matrix, columns):
    return matrix[:, columns]


def collect_columns_tensorflow(matrix, columns):
    import tensorflow as tf

    return tf.gather(matrix, columns % matrix.shape[1], axis=1)


def _draw_columns(draw: Draw) -> Case:
    m, n = draw.integer(0, 4), draw.integer(0, 4)
    return case("drawn", counting(m, n), indices(_draw_places(draw, draw.integer(0, 5), n)))


COLLECT_COLUMNS = Entry(
    op=ops.collect_columns,
    cases=(
        case("some columns", counting(5, 3), indices([0, 2, -2, 0])),
        case("from the end", counting(2, 4), indices([-1, -4, -2])),
        case("a square", counting(3, 3), indices([2, 0, 1])),
        case("one column", counting(4, 1), indices([0, -1, 0])),
        case("more than there are", counting(3, 2), indices([1, 1, 0, 1, 0, 0, 1])),
        case("none", counting(3, 4), indices(np.zeros(0))),
        case("none of none", counting(4, 0), indices(np.zeros(0))),
        case("no rows", counting(0, 3), indices([2, 1])),
        case("long indices", counting(2, 3), Given([2, -3], "int64"), dtypes=("float64",)),
        case("short indices", counting(2, 200), Given([-70, -128, 127], "int8")),
        case("unsigned indices", counting(2, 300), Given([255, 0, 200], "uint8")),
        case("past 32 bits", given([[2**40, 2**40 + 1]]), indices([1]), dtypes=("int64",)),
        case(
            "NaN and infinities",
            _SPECIAL,
            indices([1, 0]),
            dtypes=FLOATS,
            no_gradient="NaN and infinities",
        ),
        case(
            "thousands of columns",
            counting(2, 5000),
            indices(_STRIDES % 10000 - 5000),
            dtypes=("float32", "int32"),
        ),
    ),
    draw=_draw_columns,
    sized=lambda n: case("rows", values(4, n), indices(_places(2 * n + 1, n))),
    oracle=collect_columns_oracle,
    natives=idioms(globals(), "collect_columns"),
    mistakes=(
        mistake(
            "a dtype that PyTorch cannot gather",
            TypeError,
            "collect_columns: matrix must hold numbers, got uint32",
            Given([[1, 2, 3]], "uint32"),
            indices([0]),
        ),
        mistake(
            "past the end",
            IndexError,
            "collect_columns: columns must be from -3 to 2 in matrix "
            "(matrix has shape (5, 3)), got 3",
            counting(5, 3),
            indices([0, 3]),
        ),
        mistake(
            "before the start",
            IndexError,
            "collect_columns: columns must be from -3 to 2 in matrix "
            "(matrix has shape (5, 3)), got -4",
            counting(5, 3),
            indices([0, -4]),
        ),
        mistake(
            "nothing to choose from",
            IndexError,
            "collect_columns: columns must be empty, as there is nothing to choose from in matrix "
            "(matrix has shape (3, 0))",
            counting(3, 0),
            indices([0]),
        ),
        mistake(
            "floats",
            TypeError,
            "collect_columns: columns must have an integer dtype, got float32",
            counting(5, 3),
            given([0.0, 1.0]),
        ),
        mistake(
            "a batch",
            ValueError,
            "collect_columns: matrix must have 2 axes (m n), got 3 (matrix has shape (2, 5, 3))",
            counting(2, 5, 3),
            indices([0]),
        ),
        mistake(
            "one index",
            ValueError,
            "collect_columns: columns must have 1 axis (k), got 0 (columns has shape ())",
            counting(5, 3),
            indices(1),
        ),
        mistake(
            "a list",
            TypeError,
            "collect_columns: matrix must be an array of NumPy, PyTorch, JAX or TensorFlow, "
            "got a list",
            [[1, 2]],
            indices([0]),
        ),
    ),
)


# --- total_price ---------------------------------------------------------------------------------


def _total(prices: Array, items: Array, sizes: bool) -> Array:
    found = [prices[int(item)].item() for item in items]
    if prices.dtype.kind != "f":
        return np.asarray(sum(found), np.int64)
    if all(map(math.isfinite, found)):
        return np.asarray(math.fsum(map(abs, found) if sizes else found))
    return np.asarray(sum(found, 0.0))


def total_price_oracle(prices: Array, items: Array, *, method: str = "take") -> Array:
    return _total(prices, items, sizes=False)


def total_price_magnitude(prices: Array, items: Array, *, method: str = "take") -> Array:
    return _total(prices, items, sizes=True)


def total_price_numpy(prices, items):
    return prices[items].sum()


def total_price_torch(prices, items):
    return prices[items].sum()


def total_price_jax(prices, items):
    return prices[items].sum()


def total_price_tensorflow(prices, items):
    import tensorflow as tf

    return tf.reduce_sum(tf.gather(prices, items % prices.shape[0]))


def _draw_basket(draw: Draw) -> Case:
    k = draw.integer(0, 4)
    items = _draw_places(draw, draw.integer(0, 6), k)
    return case("drawn", values(k), indices(items), method=draw.choice(["take", "gather"]))


_BASKET = indices([0, 0, 1, 1, 4, 3, -3])

TOTAL_PRICE = Entry(
    op=ops.total_price,
    cases=(
        case("a basket", given([0.5, 1, 1.5, 2, 2.5]), _BASKET),
        case("a basket, gathered", given([0.5, 1, 1.5, 2, 2.5]), _BASKET, method="gather"),
        case("any prices", values(6), indices([5, 3, 3, -6, 0])),
        case("any prices, gathered", values(6), indices([5, 3, 3, -6, 0]), method="gather"),
        case("one item", values(1), indices([-1]), method="gather"),
        case("an empty basket", values(3), indices(np.zeros(0))),
        case("an empty basket, gathered", values(3), indices(np.zeros(0)), method="gather"),
        case("an empty shop", values(0), indices(np.zeros(0))),
        case("short indices", values(200), Given([-70, -128, 127], "int8"), method="gather"),
        case("unsigned indices", values(300), Given([255, 0, 200], "uint8")),
        case("long indices", values(3), Given([2, -3], "int64"), dtypes=("float64",)),
        # The sum is past the largest of eight bits.
        case("dear integers", given([100, 120]), indices([0, 1, 1]), dtypes=("int8", "uint8")),
        case("past 32 bits", given([2**31 - 1]), indices([0, 0]), dtypes=("int64",)),
        case(
            "out of stock", given([1, np.nan, 2]), indices([0, 1]), dtypes=FLOATS, no_gradient="NaN"
        ),
        case(
            "priceless",
            given([1, np.inf, 2]),
            indices([0, 1]),
            dtypes=FLOATS,
            no_gradient="infinities",
        ),
        case(
            "priceless both ways",
            given([-np.inf, np.inf]),
            indices([0, 1]),
            dtypes=FLOATS,
            no_gradient="infinities",
        ),
        # In 16 bits, 1 more is nothing more once the sum has reached 256 or 2048.
        case("five thousand of one", given([1, 7]), indices(np.zeros(5000)), dtypes=NUMBERS),
        case(
            "five thousand of one, gathered",
            given([1.1, 7]),
            indices(np.zeros(5000)),
            method="gather",
            dtypes=("float16", "bfloat16"),
        ),
        case(
            "thousands of items",
            values(50),
            indices(_STRIDES % 50 - 25),
            dtypes=("float32", "int32", "bool"),
        ),
    ),
    draw=_draw_basket,
    sized=lambda n: case("rows", values(n), indices(_places(2 * n + 1, n)), method="gather"),
    oracle=total_price_oracle,
    natives=idioms(globals(), "total_price"),
    result="sum",
    tolerance=4,
    half_tolerance=0.6,
    magnitude=total_price_magnitude,
    mistakes=(
        mistake(
            "not in the shop",
            IndexError,
            "total_price: items must be from -3 to 2 among the prices (prices has shape (3,)), "
            "got 3",
            values(3),
            indices([0, 3]),
        ),
        mistake(
            "not in the shop, gathered",
            IndexError,
            "total_price: items must be from -3 to 2 among the prices (prices has shape (3,)), "
            "got -4",
            values(3),
            indices([0, -4]),
            method="gather",
        ),
        mistake(
            "an empty shop",
            IndexError,
            "total_price: items must be empty, as there is nothing to choose from among the "
            "prices (prices has shape (0,))",
            values(0),
            indices([0]),
        ),
        mistake(
            "names for items",
            TypeError,
            "total_price: items must have an integer dtype, got float32",
            values(3),
            values(2),
        ),
        mistake(
            "an unknown method",
            ValueError,
            "total_price: method must be 'take' or 'gather', got 'onehot'",
            values(3),
            indices([0]),
            method="onehot",
        ),
        mistake(
            "a matrix of prices",
            ValueError,
            "total_price: prices must have 1 axis (k), got 2 (prices has shape (2, 3))",
            values(2, 3),
            indices([0]),
        ),
        mistake(
            "a matrix of items",
            ValueError,
            "total_price: items must have 1 axis (n), got 2 (items has shape (1, 2))",
            values(3),
            indices([[0, 1]]),
        ),
        mistake(
            "a list",
            TypeError,
            "total_price: prices must be an array of NumPy, PyTorch, JAX or TensorFlow, got a list",
            [1.0, 2.0],
            indices([0]),
        ),
    ),
)

ENTRIES = (GATHER_COLUMNS, INDEX_BY_COORDINATES, COLLECT_ROWS, COLLECT_COLUMNS, TOTAL_PRICE)
