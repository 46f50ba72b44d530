"""Entries of `einport.ops.repeating`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import ops
from ._digits import digits
from ._entry import (
    FLOATS,
    Case,
    Draw,
    Entry,
    Given,
    case,
    counting,
    given,
    idioms,
    mistake,
    values,
)

Array = np.ndarray[Any, Any]

DIGITS = digits()


# --- tile_batch ----------------------------------------------------------------------------------


def tile_batch_oracle(x: Array, batch: int) -> Array:
    out = np.empty((batch, *x.shape), x.dtype)
    for i in range(batch):
        out[i] = x
    return out


def tile_batch_numpy(x, batch):
    import numpy as np

    return np.broadcast_to(x, (batch, *x.shape))


def tile_batch_torch(x, batch):
    return x.expand(batch, *x.shape)


def tile_batch_jax(x, batch):
    import jax.numpy as jnp

    return jnp.broadcast_to(x, (batch, *x.shape))


def tile_batch_tensorflow(x, batch):
    import tensorflow as tf

    return tf.broadcast_to(x, [batch, *x.shape])


def _draw_tile_batch(draw: Draw) -> Case:
    shape = [draw.integer(0, 3) for _ in range(draw.integer(0, 4))]
    return case("drawn", counting(*shape), draw.integer(1, 4))


TILE_BATCH = Entry(
    op=ops.tile_batch,
    cases=(
        case("a matrix four times", counting(2, 3), 4),
        case("a vector", counting(3), 2),
        case("a number", counting(), 3),
        case("once", counting(2, 3), 1),
        case("as often as it has rows", counting(3, 3), 3),
        case("four axes", counting(2, 3, 1, 4), 2),
        case("empty", counting(0, 3), 2),
        case(
            "special values",
            given([np.nan, np.inf, -np.inf, -0.0]),
            2,
            dtypes=FLOATS,
            no_gradient="values are NaN and infinite",
        ),
        case("large integers", given([2**53, 2**53 + 1]), 2, dtypes=("int64",)),
        case("thousands of copies", counting(3), 5000, dtypes=("float32", "int8")),
        case("one digit, six times", given(DIGITS[2]), 6, dtypes=("uint8",)),
    ),
    draw=_draw_tile_batch,
    sized=lambda n: case("rows", values(n, 4), 6),
    oracle=tile_batch_oracle,
    natives=idioms(globals(), "tile_batch"),
    mistakes=(
        mistake(
            "a dtype that TensorFlow cannot repeat",
            TypeError,
            "tile_batch: x must hold numbers, got uint16",
            Given([1, 2, 3], "uint16"),
            2,
        ),
        mistake(
            "no copies",
            ValueError,
            "tile_batch: batch must be at least 1, got 0",
            counting(2, 3),
            0,
        ),
        mistake(
            "fewer than none",
            ValueError,
            "tile_batch: batch must be at least 1, got -2",
            counting(2, 3),
            -2,
        ),
        mistake(
            "past all sizes",
            ValueError,
            "tile_batch: batch must fit in 64 bits, got an integer of 100 bits",
            counting(2, 3),
            10**30,
        ),
        mistake(
            "a float",
            TypeError,
            "tile_batch: batch must be an integer, got 2.0",
            counting(2, 3),
            2.0,
        ),
        mistake(
            "True",
            TypeError,
            "tile_batch: batch must be an integer, got True",
            counting(2, 3),
            True,
        ),
        mistake(
            "a tuple",
            TypeError,
            "tile_batch: batch must be an integer, got a tuple",
            counting(2, 3),
            (2,),
        ),
        mistake(
            "a list",
            TypeError,
            "tile_batch: x must be an array of NumPy, PyTorch, JAX or TensorFlow, got a list",
            [1, 2],
            2,
        ),
    ),
)


# --- tile ----------------------------------------------------------------------------------------


def tile_oracle(x: Array, repeats: Sequence[int]) -> Array:
    sizes = [size * r for size, r in zip(x.shape, repeats, strict=True)]
    out = np.empty(sizes, x.dtype)
    for place in np.ndindex(*sizes):
        out[place] = x[tuple(at % size for at, size in zip(place, x.shape, strict=True))]
    return out


def tile_numpy(x, repeats):
    import numpy as np

    return np.tile(x, repeats)


def tile_torch(x, repeats):
    return x.tile(repeats)


def tile_jax(x, repeats):
    import jax.numpy as jnp

    return jnp.tile(x, repeats)


def tile_tensorflow(x, repeats):
    import tensorflow as tf

    return tf.tile(x, repeats)


def _draw_tile(draw: Draw) -> Case:
    shape = [draw.integer(0, 3) for _ in range(draw.integer(0, 4))]
    return case("drawn", counting(*shape), tuple(draw.integer(1, 3) for _ in shape))


TILE = Entry(
    op=ops.tile,
    cases=(
        case("both axes", counting(2, 3), (2, 3)),
        case("a vector", counting(3), (2,)),
        case("a list of counts", counting(2, 3), [1, 2]),
        case("one axis of three", counting(2, 3, 2), (1, 4, 1)),
        case("once", counting(2, 3), (1, 1)),
        case("four axes", counting(2, 1, 3, 2), (1, 3, 2, 2)),
        case("a single element", counting(1), (5,)),
        case("a number", counting(), ()),
        case("empty", counting(0, 3), (2, 2)),
        case(
            "special values",
            given([[np.nan, np.inf], [-np.inf, -0.0]]),
            (2, 2),
            dtypes=FLOATS,
            no_gradient="values are NaN and infinite",
        ),
        case("large integers", given([2**53, 2**53 + 1]), (2,), dtypes=("int64",)),
        case("thousands of copies", counting(2, 3), (1000, 1), dtypes=("float32", "uint8")),
    ),
    draw=_draw_tile,
    sized=lambda n: case("rows", values(n, 4), (2, 6)),
    oracle=tile_oracle,
    natives=idioms(globals(), "tile"),
    mistakes=(
        mistake(
            "a dtype that TensorFlow cannot repeat",
            TypeError,
            "tile: x must hold numbers, got uint16",
            Given([1, 2, 3], "uint16"),
            (2,),
        ),
        mistake(
            "a count too few",
            ValueError,
            "tile: repeats must have one count for each axis of x, 2, got 1 (x has shape (2, 3))",
            counting(2, 3),
            (2,),
        ),
        mistake(
            "a count too many",
            ValueError,
            "tile: repeats must have one count for each axis of x, 1, got 2 (x has shape (3,))",
            counting(3),
            (1, 2),
        ),
        mistake(
            "no copies",
            ValueError,
            "tile: repeats[1] must be at least 1, got 0",
            counting(2, 3),
            (2, 0),
        ),
        mistake(
            "fewer than none",
            ValueError,
            "tile: repeats[0] must be at least 1, got -1",
            counting(2, 3),
            (-1, 2),
        ),
        mistake(
            "a float",
            TypeError,
            "tile: repeats[0] must be an integer, got 2.0",
            counting(2, 3),
            (2.0, 1),
        ),
        mistake(
            "True",
            TypeError,
            "tile: repeats[1] must be an integer, got True",
            counting(2, 3),
            (2, True),
        ),
        mistake(
            "a single count",
            TypeError,
            "tile: repeats must be a sequence of integers, got 2",
            counting(2, 3),
            2,
        ),
        mistake(
            "a string",
            TypeError,
            "tile: repeats must be a sequence of integers, got '22'",
            counting(2, 3),
            "22",
        ),
        mistake(
            "a list",
            TypeError,
            "tile: x must be an array of NumPy, PyTorch, JAX or TensorFlow, got a list",
            [1, 2],
            (2,),
        ),
    ),
)


# --- repeat_elements -----------------------------------------------------------------------------


def repeat_elements_oracle(x: Array, repeats: Sequence[int]) -> Array:
    sizes = [size * r for size, r in zip(x.shape, repeats, strict=True)]
    out = np.empty(sizes, x.dtype)
    for place in np.ndindex(*sizes):
        out[place] = x[tuple(at // r for at, r in zip(place, repeats, strict=True))]
    return out


def repeat_elements_numpy(x, repeats):
    for axis, times in enumerate(repeats):
        x = x.repeat(times, axis=axis)
    return x


def repeat_elements_torch(x, repeats):
    for axis, times in enumerate(repeats):
        x = x.repeat_interleave(times, dim=axis)
    return x


def repeat_elements_jax(x, repeats):
    for axis, times in enumerate(repeats):
        x = x.repeat(times, axis=axis)
    return x


def repeat_elements_tensorflow(x, repeats):
    import tensorflow as tf

    for axis, times in enumerate(repeats):
        x = tf.repeat(x, times, axis=axis)
    return x


REPEAT_ELEMENTS = Entry(
    op=ops.repeat_elements,
    cases=(
        case("both axes", counting(2, 3), (2, 3)),
        case("a vector", counting(3), (2,)),
        case("a list of counts", counting(2, 3), [1, 2]),
        case("one axis of three", counting(2, 3, 2), (1, 4, 1)),
        case("once", counting(2, 3), (1, 1)),
        case("four axes", counting(2, 1, 3, 2), (1, 3, 2, 2)),
        case("a single element", counting(1), (5,)),
        case("a number", counting(), ()),
        case("empty", counting(0, 3), (2, 2)),
        case(
            "special values",
            given([[np.nan, np.inf], [-np.inf, -0.0]]),
            (2, 2),
            dtypes=FLOATS,
            no_gradient="values are NaN and infinite",
        ),
        case("large integers", given([2**53, 2**53 + 1]), (2,), dtypes=("int64",)),
        case("thousands of times", counting(2, 3), (1000, 1), dtypes=("float32", "uint8")),
    ),
    draw=_draw_tile,
    sized=lambda n: case("rows", values(n, 4), (2, 6)),
    oracle=repeat_elements_oracle,
    natives=idioms(globals(), "repeat_elements"),
    mistakes=(
        mistake(
            "a dtype that TensorFlow cannot repeat",
            TypeError,
            "repeat_elements: x must hold numbers, got uint16",
            Given([1, 2, 3], "uint16"),
            (2,),
        ),
        mistake(
            "a count too few",
            ValueError,
            "repeat_elements: repeats must have one count for each axis of x, 3, got 2 "
            "(x has shape (2, 3, 4))",
            counting(2, 3, 4),
            (2, 1),
        ),
        mistake(
            "no times",
            ValueError,
            "repeat_elements: repeats[0] must be at least 1, got 0",
            counting(2, 3),
            (0, 1),
        ),
        mistake(
            "fewer than none",
            ValueError,
            "repeat_elements: repeats[1] must be at least 1, got -3",
            counting(2, 3),
            (1, -3),
        ),
        mistake(
            "a float",
            TypeError,
            "repeat_elements: repeats[1] must be an integer, got 1.5",
            counting(2, 3),
            (1, 1.5),
        ),
        mistake(
            "True",
            TypeError,
            "repeat_elements: repeats[0] must be an integer, got True",
            counting(2, 3),
            (True, 2),
        ),
        mistake(
            "a single count",
            TypeError,
            "repeat_elements: repeats must be a sequence of integers, got 2",
            counting(2, 3),
            2,
        ),
        mistake(
            "a list",
            TypeError,
            "repeat_elements: x must be an array of NumPy, PyTorch, JAX or TensorFlow, got a list",
            [1, 2],
            (2,),
        ),
    ),
)

ENTRIES = (TILE_BATCH, TILE, REPEAT_ELEMENTS)
