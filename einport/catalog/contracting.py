"""Entries of `einport.ops.contracting`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from .. import ops
from ._entry import FLOATS, Case, Draw, Entry, case, given, idioms, mask, mistake, values

Array = np.ndarray[Any, Any]

HALVES = ("float16", "bfloat16")


def exact_sum(terms: Iterable[Any]) -> Any:
    """The sum, rounded once for floats; integers wrap, and inf and NaN add as they always do."""
    found = list(terms)
    if found and isinstance(found[0], float) and all(map(math.isfinite, found)):
        return math.fsum(found)
    return sum(found)


# --- trace ---------------------------------------------------------------------------------------


def trace_oracle(a: Array) -> Array:
    total = exact_sum(a[i, i] for i in range(a.shape[0]))
    return np.asarray(total, np.float64 if a.dtype.kind == "f" else np.int64)


def trace_magnitude(a: Array) -> Array:
    return trace_oracle(np.abs(a))


def trace_numpy(a):
    import numpy as np

    return np.trace(a)


def trace_torch(a):
    return a.trace()


def trace_jax(a):
    import jax.numpy as jnp

    return jnp.trace(a)


def trace_tensorflow(a):
    import tensorflow as tf

    return tf.linalg.trace(a)


def _draw_trace(draw: Draw) -> Case:
    size = draw.integer(0, 7)
    return case("drawn", values(size, size))


TRACE = Entry(
    op=ops.trace,
    cases=(
        case("square matrix", values(4, 4)),
        case("a single element", values(1, 1)),
        case("empty", values(0, 0)),
        case("a whole diagonal of True", given(np.full((3, 3), 1)), dtypes=("bool",)),
        case("past eight bits", given(np.full((9, 9), 100)), dtypes=("int8", "uint8", "int32")),
        # JAX without x64 wraps at 32 bits, and so does what is expected of it.
        case("past 32 bits", given(np.full((4, 4), 2**30)), dtypes=("int32", "int64")),
        case("NaN", given([[1, 2], [3, np.nan]]), dtypes=FLOATS, no_gradient="the sum is NaN"),
        case(
            "NaN beside the diagonal",
            given([[1, np.nan], [np.nan, np.inf]]),
            dtypes=FLOATS,
            no_gradient="the sum is infinite",
        ),
        case(
            "opposite infinities",
            given(np.diag([np.inf, -np.inf])),
            dtypes=FLOATS,
            no_gradient="the sum is NaN",
        ),
        case("past the largest float16", given(np.diag([6e4, 3e4])), dtypes=FLOATS),
        case("passes the largest float16", given(np.diag([6e4, 3e4, -6e4])), dtypes=FLOATS),
        # In 16 bits, 1.1 more is 1 more once the sum has reached 256.
        case("a long diagonal", given(np.diag(np.full(400, 1.1))), dtypes=HALVES),
        case("hundreds of rows", values(500, 500), dtypes=("float32", "int32", "bool")),
        # More elements than float32 can count, as TensorFlow's own einsum does.
        case("thousands of rows", values(4099, 4099), dtypes=("int8",)),
    ),
    draw=_draw_trace,
    sized=lambda n: case("rows", values(n, n)),
    large=2049,
    oracle=trace_oracle,
    natives=idioms(globals(), "trace"),
    result="sum",
    tolerance=2,
    magnitude=trace_magnitude,
    mistakes=(
        mistake(
            "not square",
            ValueError,
            "trace: a must be square, got shape (2, 3)",
            values(2, 3),
        ),
        mistake(
            "a batch",
            ValueError,
            "trace: a must have 2 axes (i i), got 3 (a has shape (2, 3, 3))",
            values(2, 3, 3),
        ),
        mistake(
            "a list",
            TypeError,
            "trace: a must be an array of NumPy, PyTorch, JAX or TensorFlow, got a list",
            [[1, 2], [3, 4]],
        ),
    ),
)


# --- matrix_vector -------------------------------------------------------------------------------


def matrix_vector_oracle(a: Array, v: Array) -> Array:
    rows, columns = a.shape
    out = np.empty(rows, a.dtype)
    for i in range(rows):
        out[i] = exact_sum(a[i, j] * v[j] for j in range(columns))
    return out


def matrix_vector_magnitude(a: Array, v: Array) -> Array:
    return matrix_vector_oracle(np.abs(a), np.abs(v))


def matrix_vector_numpy(a, v):
    return a @ v


def matrix_vector_torch(a, v):
    return a @ v


def matrix_vector_jax(a, v):
    return a @ v


def matrix_vector_tensorflow(a, v):
    import tensorflow as tf

    return tf.linalg.matvec(a, v)


def _draw_matrix_vector(draw: Draw) -> Case:
    rows, columns = draw.integer(0, 6), draw.integer(0, 6)
    return case("drawn", values(rows, columns), values(columns))


MATRIX_VECTOR = Entry(
    op=ops.matrix_vector,
    cases=(
        case("three rows of four", values(3, 4), values(4)),
        case("square matrix", values(4, 4), values(4)),
        case("a single element", values(1, 1), values(1)),
        case("no rows", values(0, 3), values(3)),
        case("nothing to sum", values(3, 0), values(0)),
        case(
            "any of both",
            given([[1, 0, 0], [1, 1, 0], [0, 0, 1]]),
            given([1, 1, 0]),
            dtypes=("bool",),
        ),
        case(
            "any of many",  # 256 of both would be none in eight bits
            given(np.ones((2, 256))),
            given(np.ones(256)),
            dtypes=("bool",),
        ),
        case("eight bits wrap", given([[100, 100], [3, 90]]), given([100, 7]), dtypes=("int8",)),
        case("unsigned wraps", given([[200, 200], [3, 90]]), given([200, 7]), dtypes=("uint8",)),
        case(
            "32 bits wrap",
            given([[65537, -70000], [1, 2]]),
            given([65537, 70000]),
            dtypes=("int32",),
        ),
        case(
            "past the integers of a float",
            given([[2**53 + 1, 1], [3, 5]]),
            given([1, 2**60]),
            dtypes=("int64",),
        ),
        case(
            "NaN and infinities",
            given([[np.nan, 0, 1], [np.inf, 1, 0], [0, np.inf, 1], [1, 2, 3]]),
            given([1, 0, 2]),
            dtypes=FLOATS,
            no_gradient="sums are NaN",
        ),
        case("five thousand ones", given(np.ones((2, 5000))), given(np.ones(5000))),
        case(
            "five thousand of 1.1",
            given(np.full((2, 5000), 1.1)),
            given(np.ones(5000)),
            dtypes=HALVES,
        ),
        case("five thousand terms", values(2, 5000), values(5000), dtypes=FLOATS),
        case("thousands of rows", values(3000, 3), values(3), dtypes=("float32", "int32")),
    ),
    draw=_draw_matrix_vector,
    sized=lambda n: case("rows", values(n, 4), values(4)),
    oracle=matrix_vector_oracle,
    natives=idioms(globals(), "matrix_vector"),
    tolerance=3,
    magnitude=matrix_vector_magnitude,
    mistakes=(
        mistake(
            "does not fit",
            ValueError,
            "matrix_vector: axis j is 4 in a and 3 in v (a has shape (3, 4), v has shape (3,))",
            values(3, 4),
            values(3),
        ),
        mistake(
            "one element for all columns",
            ValueError,
            "matrix_vector: axis j is 4 in a and 1 in v (a has shape (3, 4), v has shape (1,))",
            values(3, 4),
            values(1),
        ),
        mistake(
            "a column for a vector",
            ValueError,
            "matrix_vector: v must have 1 axis (j), got 2 (v has shape (4, 1))",
            values(3, 4),
            values(4, 1),
        ),
        mistake(
            "a batch of matrices",
            ValueError,
            "matrix_vector: a must have 2 axes (i j), got 3 (a has shape (2, 3, 4))",
            values(2, 3, 4),
            values(4),
        ),
        mistake(
            "two dtypes",
            TypeError,
            "matrix_vector: a is float32 and v is bool; pass arrays of one dtype",
            values(3, 2),
            mask([True, False]),
        ),
        mistake(
            "a list",
            TypeError,
            "matrix_vector: v must be an array of NumPy, PyTorch, JAX or TensorFlow, got a list",
            values(3, 2),
            [1.0, 2.0],
        ),
    ),
)


# --- matrix_multiply -----------------------------------------------------------------------------


def matrix_multiply_oracle(a: Array, b: Array) -> Array:
    rows, terms, columns = a.shape[-2], a.shape[-1], b.shape[-1]
    leading = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    out = np.empty((*leading, rows, columns), a.dtype)
    for place in np.ndindex(*leading):
        left, right = _matrix_at(a, place), _matrix_at(b, place)
        for i in range(rows):
            for j in range(columns):
                products = (left[i, k] * right[k, j] for k in range(terms))
                out[(*place, i, j)] = exact_sum(products)
    return out


def _matrix_at(batch: Array, place: tuple[int, ...]) -> Array:
    """One matrix of a batch: leading axes count from the right, an axis of 1 serves all."""
    sizes = batch.shape[:-2]
    own = place[len(place) - len(sizes) :]
    here = tuple(0 if size == 1 else at for size, at in zip(sizes, own, strict=True))
    return np.asarray(batch[here])


def matrix_multiply_magnitude(a: Array, b: Array) -> Array:
    return matrix_multiply_oracle(np.abs(a), np.abs(b))


def matrix_multiply_numpy(a, b):
    return a @ b


def matrix_multiply_torch(a, b):
    return a @ b


def matrix_multiply_jax(a, b):
    return a @ b


def matrix_multiply_tensorflow(a, b):
    return a @ b


def _draw_matrix_multiply(draw: Draw) -> Case:
    rows, terms, columns = (draw.integer(0, 5) for _ in range(3))
    leading = [draw.integer(0, 3) for _ in range(draw.integer(0, 3))]
    # Each factor may lack the first leading axes, and have 1 in the place of any other.
    sides = [
        [draw.choice([size, size, 1]) for size in leading[draw.integer(0, len(leading)) :]]
        for _ in range(2)
    ]
    return case("drawn", values(*sides[0], rows, terms), values(*sides[1], terms, columns))


MATRIX_MULTIPLY = Entry(
    op=ops.matrix_multiply,
    cases=(
        case("two matrices", values(3, 4), values(4, 5)),
        case("square matrices", values(3, 3), values(3, 3)),
        case("batches", values(2, 3, 4), values(2, 4, 5)),
        case("two batch axes", values(2, 3, 4, 5), values(2, 3, 5, 2)),
        case("a batch and a matrix", values(2, 3, 4), values(4, 5)),
        case("two batch axes and a matrix", values(2, 3, 4, 5), values(5, 2)),
        case("a matrix and a batch", values(3, 4), values(2, 4, 5)),
        case("a matrix and two batch axes", values(3, 4), values(2, 3, 4, 5)),
        case("two batch axes and one", values(2, 3, 4, 5), values(3, 5, 2)),
        case("leading axes broadcast", values(2, 1, 3, 4), values(5, 4, 2)),
        case("one for all", values(1, 3, 4), values(5, 4, 2)),
        case("all for one", values(5, 3, 4), values(1, 4, 2)),
        case("one for none", values(1, 3, 4), values(0, 4, 2)),
        case("a single element", values(1, 1), values(1, 1)),
        case("nothing to sum", values(2, 0), values(0, 3)),
        case("no rows", values(0, 3), values(3, 2)),
        case("no matrices and a matrix", values(0, 3, 2), values(2, 4)),
        case("any of both", given([[1, 0], [1, 1]]), given([[1, 0], [1, 0]]), dtypes=("bool",)),
        case(
            "any of many",  # 256 of both would be none in eight bits
            given(np.ones((2, 256))),
            given(np.ones((256, 3))),
            dtypes=("bool",),
        ),
        case(
            "eight bits wrap",
            given([[100, 100], [3, 90]]),
            given([[100, 7, -128], [7, 100, 127]]),
            dtypes=("int8",),
        ),
        case(
            "unsigned wraps",
            given([[200, 200], [3, 90]]),
            given([[200, 7, 255], [7, 255, 1]]),
            dtypes=("uint8",),
        ),
        case(
            "32 bits wrap",
            given([[65537, -70000], [1, 2]]),
            given([[65537, 3], [70000, 2**30]]),
            dtypes=("int32",),
        ),
        case(
            "past the integers of a float",
            given([[2**53 + 1, 1], [3, 5]]),
            given([[1, 2**40], [1, 2**60]]),
            dtypes=("int64",),
        ),
        case(
            "NaN and infinities",
            given([[np.nan, 0], [np.inf, 1], [1, 2]]),
            given([[1, 0], [2, -np.inf]]),
            dtypes=FLOATS,
            no_gradient="sums are NaN",
        ),
        case("five thousand ones", given(np.ones((2, 5000))), given(np.ones((5000, 3)))),
        case(
            "five thousand of 1.1",
            given(np.full((2, 5000), 1.1)),
            given(np.ones((5000, 2))),
            dtypes=HALVES,
        ),
        case("thousands of terms", values(2, 2000), values(2000, 3), dtypes=FLOATS),
        case("thousands of rows", values(3000, 2), values(2, 2), dtypes=("float32", "int32")),
        case("hundreds of batches", values(400, 2, 3), values(400, 3, 2), dtypes=("float32",)),
    ),
    draw=_draw_matrix_multiply,
    sized=lambda n: case("rows", values(n, 1, 4, 6), values(n, 2, 6, 1)),
    oracle=matrix_multiply_oracle,
    natives=idioms(globals(), "matrix_multiply"),
    tolerance=3,
    magnitude=matrix_multiply_magnitude,
    mistakes=(
        mistake(
            "does not fit",
            ValueError,
            "matrix_multiply: axis k is 3 in a and 2 in b (a has shape (2, 3), b has shape (2, 3))",
            values(2, 3),
            values(2, 3),
        ),
        mistake(
            "one row for all",
            ValueError,
            "matrix_multiply: axis k is 3 in a and 1 in b (a has shape (2, 3), b has shape (1, 4))",
            values(2, 3),
            values(1, 4),
        ),
        mistake(
            "two batch sizes",
            ValueError,
            "matrix_multiply: a leading axis is 2 in a and 3 in b "
            "(a has shape (2, 4, 5), b has shape (3, 5, 4))",
            values(2, 4, 5),
            values(3, 5, 4),
        ),
        mistake(
            "a vector",
            ValueError,
            "matrix_multiply: b must have at least 2 axes (... k j), got 1 (b has shape (3,))",
            values(2, 3),
            values(3),
        ),
        mistake(
            "two dtypes",
            TypeError,
            "matrix_multiply: a is float32 and b is bool; pass arrays of one dtype",
            values(2, 2),
            mask([[True, False], [False, True]]),
        ),
        mistake(
            "a list",
            TypeError,
            "matrix_multiply: a must be an array of NumPy, PyTorch, JAX or TensorFlow, got a list",
            [[1.0, 2.0]],
            values(2, 2),
        ),
    ),
)


# --- inner_product -------------------------------------------------------------------------------


def inner_product_oracle(u: Array, v: Array) -> Array:
    return np.asarray(exact_sum(u[i] * v[i] for i in range(u.shape[0])), u.dtype)


def inner_product_magnitude(u: Array, v: Array) -> Array:
    return inner_product_oracle(np.abs(u), np.abs(v))


def inner_product_numpy(u, v):
    import numpy as np

    return np.inner(u, v)


def inner_product_torch(u, v):
    return u.dot(v)


def inner_product_jax(u, v):
    import jax.numpy as jnp

    return jnp.inner(u, v)


def inner_product_tensorflow(u, v):
    import tensorflow as tf

    return tf.tensordot(u, v, 1)


def _draw_inner_product(draw: Draw) -> Case:
    size = draw.integer(0, 12)
    return case("drawn", values(size), values(size))


INNER_PRODUCT = Entry(
    op=ops.inner_product,
    cases=(
        case("two vectors", values(5), values(5)),
        case("a single element", values(1), values(1)),
        case("nothing to sum", values(0), values(0)),
        case("True in one place of both", given([1, 0, 1]), given([0, 1, 1]), dtypes=("bool",)),
        case("True in no place of both", given([1, 0, 1]), given([0, 1, 0]), dtypes=("bool",)),
        case(
            "True in 256 places",  # none in eight bits
            given(np.ones(256)),
            given(np.ones(256)),
            dtypes=("bool",),
        ),
        case("eight bits wrap", given([100, 3]), given([100, -5]), dtypes=("int8",)),
        case("unsigned wraps", given([200, 3]), given([200, 255]), dtypes=("uint8",)),
        case("32 bits wrap", given([65537, 3]), given([65537, 2**30]), dtypes=("int32",)),
        case("64 bits wrap", given([2**40, 3]), given([2**40 + 1, 2**62]), dtypes=("int64",)),
        case(
            "NaN",
            given([1, np.nan, 0]),
            given([2, 0, 1]),
            dtypes=FLOATS,
            no_gradient="the sum is NaN",
        ),
        case(
            "infinity times zero",
            given([1, np.inf]),
            given([2, 0]),
            dtypes=FLOATS,
            no_gradient="the sum is NaN",
        ),
        case(
            "opposite infinities",
            given([np.inf, np.inf]),
            given([2, -1]),
            dtypes=FLOATS,
            no_gradient="the sum is NaN",
        ),
        case("terms that cancel", given([3e4, 1, -3e4]), given([1, 1, 1]), dtypes=FLOATS),
        case("products past float16", given([300, 1, 300]), given([300, 1, -300]), dtypes=FLOATS),
        case("five thousand ones", given(np.ones(5000)), given(np.ones(5000))),
        case(
            "five thousand of 1.1",
            given(np.full(5000, 1.1)),
            given(np.ones(5000)),
            dtypes=HALVES,
        ),
        case("five thousand terms", values(5000), values(5000), dtypes=FLOATS),
    ),
    draw=_draw_inner_product,
    sized=lambda n: case("rows", values(n), values(n)),
    oracle=inner_product_oracle,
    natives=idioms(globals(), "inner_product"),
    tolerance=3,
    magnitude=inner_product_magnitude,
    mistakes=(
        mistake(
            "two lengths",
            ValueError,
            "inner_product: axis i is 3 in u and 4 in v (u has shape (3,), v has shape (4,))",
            values(3),
            values(4),
        ),
        mistake(
            "one element for all",
            ValueError,
            "inner_product: axis i is 3 in u and 1 in v (u has shape (3,), v has shape (1,))",
            values(3),
            values(1),
        ),
        mistake(
            "a matrix",
            ValueError,
            "inner_product: u must have 1 axis (i), got 2 (u has shape (3, 4))",
            values(3, 4),
            values(4),
        ),
        mistake(
            "two dtypes",
            TypeError,
            "inner_product: u is float32 and v is bool; pass arrays of one dtype",
            values(2),
            mask([True, False]),
        ),
        mistake(
            "a number",
            TypeError,
            "inner_product: v must be an array of NumPy, PyTorch, JAX or TensorFlow, got a float",
            values(2),
            2.0,
        ),
    ),
)


# --- outer_product -------------------------------------------------------------------------------


def outer_product_oracle(u: Array, v: Array) -> Array:
    out = np.empty((u.shape[0], v.shape[0]), u.dtype)
    for i, j in np.ndindex(*out.shape):
        out[i, j] = u[i] * v[j]
    return out


def outer_product_numpy(u, v):
    import numpy as np

    return np.outer(u, v)


def outer_product_torch(u, v):
    return u.outer(v)


def outer_product_jax(u, v):
    import jax.numpy as jnp

    return jnp.outer(u, v)


def outer_product_tensorflow(u, v):
    import tensorflow as tf

    return tf.tensordot(u, v, 0)


OUTER_PRODUCT = Entry(
    op=ops.outer_product,
    cases=(
        case("three by four", values(3), values(4)),
        case("a single element", values(1), values(1)),
        case("one by many", values(1), values(5)),
        case("many by one", values(5), values(1)),
        case("no rows", values(0), values(3)),
        case("no columns", values(3), values(0)),
        case("both are True", given([1, 0]), given([1, 1, 0]), dtypes=("bool",)),
        case("eight bits wrap", given([100, -128]), given([100, 2, -1]), dtypes=("int8",)),
        case("unsigned wraps", given([200, 255]), given([200, 2, 255]), dtypes=("uint8",)),
        case("32 bits wrap", given([65537, 2**30]), given([65537, 4, -2]), dtypes=("int32",)),
        case(
            "special values",
            given([np.nan, np.inf, -np.inf, 0, 2]),
            given([0, 1, -1, np.inf, np.nan]),
            dtypes=FLOATS,
            tolerance=0,  # the sign of a zero, too
            no_gradient="products are NaN",
        ),
        case("past the largest float16", given([300, 2]), given([300, -300]), dtypes=FLOATS),
        case("thousands of rows", values(3000), values(3), dtypes=("float32", "float16", "int32")),
    ),
    draw=lambda draw: case("drawn", values(draw.integer(0, 7)), values(draw.integer(0, 7))),
    sized=lambda n: case("rows", values(n), values(4)),
    oracle=outer_product_oracle,
    natives=idioms(globals(), "outer_product"),
    # One product, rounded once.
    tolerance=0.5,
    mistakes=(
        mistake(
            "a matrix",
            ValueError,
            "outer_product: v must have 1 axis (j), got 2 (v has shape (1, 4))",
            values(3),
            values(1, 4),
        ),
        mistake(
            "no axis",
            ValueError,
            "outer_product: u must have 1 axis (i), got 0 (u has shape ())",
            values(),
            values(3),
        ),
        mistake(
            "two dtypes",
            TypeError,
            "outer_product: u is float32 and v is bool; pass arrays of one dtype",
            values(3),
            mask([True, False]),
        ),
        mistake(
            "a list",
            TypeError,
            "outer_product: u must be an array of NumPy, PyTorch, JAX or TensorFlow, got a list",
            [1.0, 2.0],
            values(3),
        ),
    ),
)


# --- elementwise_product -------------------------------------------------------------------------


def elementwise_product_oracle(a: Array, b: Array) -> Array:
    out = np.empty(a.shape, a.dtype)
    for i, j in np.ndindex(*a.shape):
        out[i, j] = a[i, j] * b[i, j]
    return out


def elementwise_product_numpy(a, b):
    return a * b


def elementwise_product_torch(a, b):
    return a * b


def elementwise_product_jax(a, b):
    return a * b


def elementwise_product_tensorflow(a, b):
    return a * b


def _draw_elementwise_product(draw: Draw) -> Case:
    shape = draw.integer(0, 6), draw.integer(0, 6)
    return case("drawn", values(*shape), values(*shape))


ELEMENTWISE_PRODUCT = Entry(
    op=ops.elementwise_product,
    cases=(
        case("two matrices", values(3, 4), values(3, 4)),
        case("square matrices", values(3, 3), values(3, 3)),
        case("a single element", values(1, 1), values(1, 1)),
        case("no rows", values(0, 3), values(0, 3)),
        case("no columns", values(3, 0), values(3, 0)),
        case("both are True", given([[1, 0], [1, 0]]), given([[1, 1], [0, 0]]), dtypes=("bool",)),
        case("eight bits wrap", given([[100, -128]]), given([[100, -1]]), dtypes=("int8",)),
        case("unsigned wraps", given([[200, 255]]), given([[200, 255]]), dtypes=("uint8",)),
        case("32 bits wrap", given([[65537, 2**30]]), given([[65537, -2]]), dtypes=("int32",)),
        case("64 bits wrap", given([[2**40, 3]]), given([[2**40 + 1, 2**62]]), dtypes=("int64",)),
        case(
            "special values",
            given([[0, np.nan, -np.inf, 0], [np.inf, 2, np.nan, np.inf]]),
            given([[-1, 1, 2, -1], [0, np.inf, np.nan, -np.inf]]),
            dtypes=FLOATS,
            tolerance=0,  # the sign of a zero, too
            no_gradient="products are NaN",
        ),
        case("past the largest float16", given([[300, 2]]), given([[300, 3e4]]), dtypes=FLOATS),
        case("thousands of rows", values(3000, 2), values(3000, 2), dtypes=("float32", "float16")),
    ),
    draw=_draw_elementwise_product,
    sized=lambda n: case("rows", values(n, 4), values(n, 4)),
    oracle=elementwise_product_oracle,
    natives=idioms(globals(), "elementwise_product"),
    # One product, rounded once.
    tolerance=0.5,
    mistakes=(
        mistake(
            "two shapes",
            ValueError,
            "elementwise_product: axis i is 2 in a and 3 in b "
            "(a has shape (2, 3), b has shape (3, 2))",
            values(2, 3),
            values(3, 2),
        ),
        mistake(
            "one row for all",
            ValueError,
            "elementwise_product: axis i is 2 in a and 1 in b "
            "(a has shape (2, 3), b has shape (1, 3))",
            values(2, 3),
            values(1, 3),
        ),
        mistake(
            "a vector",
            ValueError,
            "elementwise_product: b must have 2 axes (i j), got 1 (b has shape (3,))",
            values(2, 3),
            values(3),
        ),
        mistake(
            "two dtypes",
            TypeError,
            "elementwise_product: a is float32 and b is bool; pass arrays of one dtype",
            values(1, 2),
            mask([[True, False]]),
        ),
        mistake(
            "a number",
            TypeError,
            "elementwise_product: b must be an array of NumPy, PyTorch, JAX or TensorFlow, "
            "got a float",
            values(1, 2),
            2.0,
        ),
    ),
)


# --- row_sums ------------------------------------------------------------------------------------


def row_sums_oracle(a: Array) -> Array:
    sums = [exact_sum(row) for row in a]
    return np.array(sums, np.float64 if a.dtype.kind == "f" else np.int64)


def row_sums_magnitude(a: Array) -> Array:
    return row_sums_oracle(np.abs(a))


def row_sums_numpy(a):
    return a.sum(axis=1)


def row_sums_torch(a):
    return a.sum(dim=1)


def row_sums_jax(a):
    return a.sum(axis=1)


def row_sums_tensorflow(a):
    import tensorflow as tf

    return tf.reduce_sum(a, axis=1)


ROW_SUMS = Entry(
    op=ops.row_sums,
    cases=(
        case("three rows of four", values(3, 4)),
        case("square matrix", values(4, 4)),
        case("a single element", values(1, 1)),
        case("no rows", values(0, 3)),
        case("nothing to sum", values(3, 0)),
        case("True is counted", given([[1, 0, 1, 1], [0, 0, 0, 0]]), dtypes=("bool",)),
        case(
            "past eight bits",
            given([[100] * 9, [127] * 9]),
            dtypes=("int8", "uint8", "int32", "int64"),
        ),
        # JAX without x64 wraps at 32 bits, and so does what is expected of it.
        case("past 32 bits", given([[2**30] * 4, [2**30] * 3 + [1]]), dtypes=("int32", "int64")),
        case(
            "NaN and infinities",
            given([[1, np.nan, 2], [np.inf, 1, -5], [np.inf, -np.inf, 0], [1, 2, 3]]),
            dtypes=FLOATS,
            no_gradient="sums are NaN",
        ),
        case("terms that cancel", given([[3e4, 1, -3e4], [1, 3e4, -3e4]]), dtypes=FLOATS),
        case("passes the largest float16", given([[6e4, 3e4, -6e4]]), dtypes=FLOATS),
        case("five thousand ones", given(np.ones((2, 5000)))),
        # In 16 bits, 1.1 more is 1 more once the sum has reached 256.
        case("five thousand of 1.1", given(np.full((2, 5000), 1.1)), dtypes=HALVES),
        case("five thousand terms", values(2, 5000), dtypes=(*FLOATS, "int32")),
        case("thousands of rows", values(3000, 2), dtypes=("float32", "int8")),
    ),
    draw=lambda draw: case("drawn", values(draw.integer(0, 6), draw.integer(0, 9))),
    sized=lambda n: case("rows", values(n, 4)),
    oracle=row_sums_oracle,
    natives=idioms(globals(), "row_sums"),
    result="sum",
    tolerance=3,
    magnitude=row_sums_magnitude,
    mistakes=(
        mistake(
            "a vector",
            ValueError,
            "row_sums: a must have 2 axes (i j), got 1 (a has shape (4,))",
            values(4),
        ),
        mistake(
            "a batch",
            ValueError,
            "row_sums: a must have 2 axes (i j), got 3 (a has shape (2, 3, 4))",
            values(2, 3, 4),
        ),
        mistake(
            "a list",
            TypeError,
            "row_sums: a must be an array of NumPy, PyTorch, JAX or TensorFlow, got a list",
            [[1, 2], [3, 4]],
        ),
    ),
)

ENTRIES = (
    TRACE,
    MATRIX_VECTOR,
    MATRIX_MULTIPLY,
    INNER_PRODUCT,
    OUTER_PRODUCT,
    ELEMENTWISE_PRODUCT,
    ROW_SUMS,
)
