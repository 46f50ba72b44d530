"""Entries of `einport.ops.rearranging`."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ._digits import digits
from ._entry import Case, Draw, Entry, case, counting, given, idioms, mask, mistake, values

Array = np.ndarray[Any, Any]

DIGITS = digits()


def shape_between(draw: Draw, low: int, high: int, sizes: tuple[int, int] = (0, 4)) -> list[int]:
    """A random shape with low to high axes."""
    return [draw.integer(*sizes) for _ in range(draw.integer(low, high))]


# --- transpose_matrices --------------------------------------------------------------------------


def transpose_matrices_oracle(x: Array) -> Array:
    out = np.empty((*x.shape[:-2], x.shape[-1], x.shape[-2]), x.dtype)
    for place in np.ndindex(*x.shape):
        *batch, i, j = place
        out[(*batch, j, i)] = x[place]
    return out


def transpose_matrices_numpy(x):
    return x.swapaxes(-2, -1)


def transpose_matrices_torch(x):
    return x.mT


def transpose_matrices_jax(x):
    return x.mT


def transpose_matrices_tensorflow(x):
    import tensorflow as tf

    return tf.linalg.matrix_transpose(x)


TRANSPOSE_MATRICES = Entry(
    op=ops.transpose_matrices,
    cases=(
        case("batch of matrices", counting(2, 3, 4)),
        case("one matrix", counting(5, 3)),
        case("two batch axes", counting(2, 3, 2, 4)),
        case("a single element", counting(1, 1)),
        case("no rows", counting(2, 0, 3)),
        case("special values", given([[np.nan, np.inf], [-np.inf, -0.0]]), dtypes=("float32",)),
        case("thousands of rows", counting(3, 2000, 2)),
    ),
    draw=lambda draw: case("drawn", counting(*shape_between(draw, 2, 4))),
    sized=lambda n: case("rows", values(n, 4, 6)),
    oracle=transpose_matrices_oracle,
    natives=idioms(globals(), "transpose_matrices"),
    mistakes=(
        mistake(
            "a vector",
            ValueError,
            "transpose_matrices: x must have at least 2 axes (... h w), got 1 (x has shape (3,))",
            counting(3),
        ),
        mistake(
            "a list",
            TypeError,
            "transpose_matrices: x must be an array of NumPy, PyTorch, JAX or TensorFlow, "
            "got a list",
            [[1, 2], [3, 4]],
        ),
    ),
)


# --- swap_height_width ---------------------------------------------------------------------------


def swap_height_width_oracle(x: Array, *, data_format: str = "channels_first") -> Array:
    if data_format == "channels_first":
        return transpose_matrices_oracle(x)
    *batch, height, width, channels = x.shape
    out = np.empty((*batch, width, height, channels), x.dtype)
    for place in np.ndindex(*x.shape):
        *b, i, j, c = place
        out[(*b, j, i, c)] = x[place]
    return out


def swap_height_width_numpy(x):
    return x.transpose(0, 1, 3, 2)


def swap_height_width_torch(x):
    return x.permute(0, 1, 3, 2)


def swap_height_width_jax(x):
    return x.transpose(0, 1, 3, 2)


def swap_height_width_tensorflow(x):
    import tensorflow as tf

    return tf.transpose(x, [0, 1, 3, 2])


def _draw_swap(draw: Draw) -> Case:
    data_format = draw.choice(["channels_first", "channels_last"])
    return case("drawn", counting(*shape_between(draw, 3, 5)), data_format=data_format)


SWAP_HEIGHT_WIDTH = Entry(
    op=ops.swap_height_width,
    cases=(
        case("batch of images", counting(2, 3, 4, 5)),
        case("channels last", counting(2, 4, 5, 3), data_format="channels_last"),
        case("one image", counting(3, 2, 4)),
        case("one image, channels last", counting(2, 4, 3), data_format="channels_last"),
        case("no images", counting(0, 3, 4, 5)),
        case("digits", given(DIGITS), dtypes=("uint8",)),
    ),
    draw=_draw_swap,
    sized=lambda n: case("rows", values(n, 4, 6, 2), data_format="channels_last"),
    oracle=swap_height_width_oracle,
    natives=idioms(globals(), "swap_height_width"),
    mistakes=(
        mistake(
            "a matrix",
            ValueError,
            "swap_height_width: x must have at least 3 axes (... c h w), got 2 "
            "(x has shape (2, 3))",
            counting(2, 3),
        ),
        mistake(
            "an unknown format",
            ValueError,
            "swap_height_width: data_format must be 'channels_first' or 'channels_last', "
            "got 'NCHW'",
            counting(2, 3, 4),
            data_format="NCHW",
        ),
    ),
)


# --- permute_cyclic ------------------------------------------------------------------------------


def permute_cyclic_oracle(x: Array) -> Array:
    out = np.empty((x.shape[-1], *x.shape[:-1]), x.dtype)
    for place in np.ndindex(*x.shape):
        out[(place[-1], *place[:-1])] = x[place]
    return out


def permute_cyclic_numpy(x):
    import numpy as np

    return np.moveaxis(x, -1, 0)


def permute_cyclic_torch(x):
    return x.movedim(-1, 0)


def permute_cyclic_jax(x):
    import jax.numpy as jnp

    return jnp.moveaxis(x, -1, 0)


def permute_cyclic_tensorflow(x):
    import tensorflow as tf

    return tf.transpose(x, [2, 0, 1])


PERMUTE_CYCLIC = Entry(
    op=ops.permute_cyclic,
    cases=(
        case("three axes", counting(2, 3, 4)),
        case("two axes", counting(2, 3)),
        case("one axis stays", counting(3)),
        case("five axes", counting(2, 3, 2, 1, 4)),
        case("empty", counting(2, 3, 0)),
        case("thousands of rows", counting(3000, 2)),
    ),
    draw=lambda draw: case("drawn", counting(*shape_between(draw, 1, 5))),
    sized=lambda n: case("rows", values(n, 4, 6)),
    oracle=permute_cyclic_oracle,
    natives=idioms(globals(), "permute_cyclic"),
    mistakes=(
        mistake(
            "no axis",
            ValueError,
            "permute_cyclic: x must have at least 1 axis (... last), got 0 (x has shape ())",
            counting(),
        ),
    ),
)


# --- flatten_leading -----------------------------------------------------------------------------


def flatten_leading_oracle(x: Array) -> Array:
    first, second, *rest = x.shape
    out = np.empty((first * second, *rest), x.dtype)
    for i in range(first):
        for j in range(second):
            out[i * second + j] = x[i, j]
    return out


def flatten_leading_numpy(x):
    return x.reshape(-1, *x.shape[2:])


def flatten_leading_torch(x):
    return x.flatten(0, 1)


def flatten_leading_jax(x):
    return x.reshape(-1, *x.shape[2:])


def flatten_leading_tensorflow(x):
    import tensorflow as tf

    return tf.reshape(x, [-1, *x.shape[2:]])


FLATTEN_LEADING = Entry(
    op=ops.flatten_leading,
    cases=(
        case("three axes", counting(2, 3, 4)),
        case("two axes", counting(3, 2)),
        case("five axes", counting(2, 3, 2, 1, 2)),
        case("empty", counting(0, 3, 2)),
        case("a single element", counting(1, 1)),
    ),
    draw=lambda draw: case("drawn", counting(*shape_between(draw, 2, 5))),
    sized=lambda n: case("rows", values(n, 4, 6)),
    oracle=flatten_leading_oracle,
    natives=idioms(globals(), "flatten_leading"),
    mistakes=(
        mistake(
            "a vector",
            ValueError,
            "flatten_leading: x must have at least 2 axes (d1 d2 ...), got 1 (x has shape (3,))",
            counting(3),
        ),
    ),
)


# --- unflatten_leading ---------------------------------------------------------------------------


def unflatten_leading_oracle(x: Array, leading: int) -> Array:
    second = x.shape[0] // leading
    out = np.empty((leading, second, *x.shape[1:]), x.dtype)
    for row in range(x.shape[0]):
        out[row // second, row % second] = x[row]
    return out


def unflatten_leading_numpy(x, leading):
    return x.reshape(leading, -1, *x.shape[1:])


def unflatten_leading_torch(x, leading):
    return x.unflatten(0, (leading, -1))


def unflatten_leading_jax(x, leading):
    return x.reshape(leading, -1, *x.shape[1:])


def unflatten_leading_tensorflow(x, leading):
    import tensorflow as tf

    return tf.reshape(x, [leading, -1, *x.shape[1:]])


def _draw_unflatten(draw: Draw) -> Case:
    leading, rest = draw.integer(1, 4), draw.integer(0, 4)
    return case("drawn", counting(leading * rest, *shape_between(draw, 0, 2)), leading)


UNFLATTEN_LEADING = Entry(
    op=ops.unflatten_leading,
    cases=(
        case("two of three", counting(6, 4), 2),
        case("a vector", counting(6), 3),
        case("all of one", counting(4, 2, 2), 4),
        case("one of all", counting(4, 2), 1),
        case("empty", counting(0, 3), 2),
    ),
    draw=_draw_unflatten,
    sized=lambda n: case("rows", values(6 * n, 4), 6),
    oracle=unflatten_leading_oracle,
    natives=idioms(globals(), "unflatten_leading"),
    mistakes=(
        mistake(
            "does not divide",
            ValueError,
            "unflatten_leading: x has 6 rows, which leading = 4 does not divide "
            "(x has shape (6, 2))",
            counting(6, 2),
            4,
        ),
        mistake(
            "zero",
            ValueError,
            "unflatten_leading: leading must be at least 1, got 0",
            counting(6, 2),
            0,
        ),
        mistake(
            "a float",
            TypeError,
            "unflatten_leading: leading must be an integer, got 2.0",
            counting(6, 2),
            2.0,
        ),
        mistake(
            "no axis",
            ValueError,
            "unflatten_leading: x must have at least 1 axis (rows ...), got 0 (x has shape ())",
            counting(),
            1,
        ),
    ),
)


# --- stack_arrays --------------------------------------------------------------------------------


def stack_arrays_oracle(arrays: list[Array]) -> Array:
    out = np.empty((len(arrays), *arrays[0].shape), arrays[0].dtype)
    for i, x in enumerate(arrays):
        out[i] = x
    return out


def stack_arrays_numpy(arrays):
    import numpy as np

    return np.stack(arrays)


def stack_arrays_torch(arrays):
    import torch

    return torch.stack(arrays)


def stack_arrays_jax(arrays):
    import jax.numpy as jnp

    return jnp.stack(arrays)


def stack_arrays_tensorflow(arrays):
    import tensorflow as tf

    return tf.stack(arrays)


def _draw_stack(draw: Draw) -> Case:
    shape = shape_between(draw, 0, 3)
    return case("drawn", [counting(*shape) for _ in range(draw.integer(1, 4))])


STACK_ARRAYS = Entry(
    op=ops.stack_arrays,
    cases=(
        case("two matrices", [counting(2, 3), counting(2, 3)]),
        case("one array", [counting(2)]),
        case("a tuple of numbers", (counting(), counting(), counting())),
        case("empty arrays", [counting(0, 2), counting(0, 2)]),
    ),
    draw=_draw_stack,
    sized=lambda n: case("rows", [values(n, 4), values(n, 4), values(n, 4)]),
    oracle=stack_arrays_oracle,
    natives=idioms(globals(), "stack_arrays"),
    mistakes=(
        mistake(
            "an empty list",
            ValueError,
            "stack_arrays: arrays must hold at least one array, got an empty list",
            [],
        ),
        mistake(
            "two shapes",
            ValueError,
            "stack_arrays: arrays[0] has shape (2, 3) and arrays[1] has shape (3, 2); "
            "stack arrays of one shape",
            [counting(2, 3), counting(3, 2)],
        ),
        mistake(
            "two dtypes",
            TypeError,
            "stack_arrays: arrays[0] is float32 and arrays[1] is bool; pass arrays of one dtype",
            [counting(2), mask([True, False])],
        ),
        mistake(
            "a list of lists",
            TypeError,
            "stack_arrays: arrays[0] must be an array of NumPy, PyTorch, JAX or TensorFlow, "
            "got a list",
            [[1, 2], [3, 4]],
        ),
    ),
)

ENTRIES = (
    TRANSPOSE_MATRICES,
    SWAP_HEIGHT_WIDTH,
    PERMUTE_CYCLIC,
    FLATTEN_LEADING,
    UNFLATTEN_LEADING,
    STACK_ARRAYS,
)
