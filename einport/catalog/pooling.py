"""Entries of `einport.ops.pooling`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    mask,
    mistake,
    values,
)
from .contracting import exact_sum

Array = np.ndarray[Any, Any]

DIGITS = digits()

HALVES = ("float16", "bfloat16")


def _over_space(fn: Callable[..., Any], x: Array, keepdims: bool, data_format: str) -> Array:
    """One number for each channel of each image, from the list of its pixels."""
    first = data_format == "channels_first"
    b, c = x.shape[0], x.shape[1 if first else 3]
    out = np.empty((b, c), x.dtype)
    for i, k in np.ndindex(b, c):
        out[i, k] = fn((x[i, k] if first else x[i, :, :, k]).reshape(-1).tolist())
    if keepdims:
        return out.reshape((b, c, 1, 1) if first else (b, 1, 1, c))
    return out


def _largest(numbers: Sequence[Any]) -> Any:
    """The largest of some numbers, or NaN if one is there."""
    best = numbers[0]
    for number in numbers:
        if number != number:
            return number
        if number > best:
            best = number
    return best


def _draw_image(draw: Draw, spec: Callable[..., Any]) -> Case:
    b, c, h, w = (draw.integer(low, 4) for low in (0, 1, 1, 1))
    data_format = draw.choice(["channels_first", "channels_last"])
    shape = (b, c, h, w) if data_format == "channels_first" else (b, h, w, c)
    keepdims = draw.choice([False, True])
    return case("drawn", spec(*shape), keepdims=keepdims, data_format=data_format)


# --- global_average_pool -------------------------------------------------------------------------


def global_average_pool_oracle(
    x: Array, *, keepdims: bool = False, data_format: str = "channels_first"
) -> Array:
    return _over_space(_mean, x, keepdims, data_format)


def _mean(numbers: Sequence[float]) -> float:
    return float(exact_sum(numbers)) / len(numbers)


def global_average_pool_magnitude(x: Array, **options: Any) -> Array:
    return global_average_pool_oracle(np.abs(x), **options)


def global_average_pool_numpy(x):
    return x.mean(axis=(2, 3))


def global_average_pool_torch(x):
    import torch.nn.functional as F

    return F.adaptive_avg_pool2d(x, 1).flatten(1)


def global_average_pool_jax(x):
    return x.mean(axis=(2, 3))


def global_average_pool_tensorflow(x):
    import tensorflow as tf

    return tf.reduce_mean(x, axis=[2, 3])


GLOBAL_AVERAGE_POOL = Entry(
    op=ops.global_average_pool,
    cases=(
        case("batch of images", values(2, 3, 4, 5)),
        case("axes kept", values(2, 3, 4, 5), keepdims=True),
        case("channels last", values(2, 4, 5, 3), data_format="channels_last"),
        case(
            "channels last, axes kept",
            values(2, 4, 5, 3),
            keepdims=True,
            data_format="channels_last",
        ),
        case("one pixel", values(2, 3, 1, 1)),
        case("one row", values(2, 3, 1, 4)),
        case("one column, channels last", values(2, 4, 1, 3), data_format="channels_last"),
        case("no images", values(0, 3, 2, 2)),
        case("no channels", values(2, 0, 3, 4), keepdims=True),
        case(
            "NaN and infinities",
            given(
                [
                    [
                        [[1, np.nan], [2, 3]],
                        [[np.inf, 1], [2, -7]],
                        [[np.inf, 1], [-np.inf, 2]],
                        [[1, 2], [3, 4]],
                    ]
                ]
            ),
        ),
        # The sum is past the largest float16, the mean is not.
        case("large values", given(np.full((1, 2, 8, 9), 3e4))),
        case("large values that cancel", given([[[[3e4, 1, -3e4, 3e4, 3e4, -6e4]]]])),
        case("five thousand ones", given(np.ones((1, 2, 50, 100)))),
        case(
            "five thousand ones, channels last",
            given(np.ones((1, 50, 100, 2))),
            keepdims=True,
            data_format="channels_last",
        ),
        # In 16 bits, 1.1 more is 1 more once the sum has reached 256.
        case("a flat image", given(np.full((2, 1, 20, 20), 1.1)), dtypes=HALVES),
        case("thousands of images", values(1500, 2, 1, 3), dtypes=("float32",)),
        case(
            "many channels",
            values(1, 2, 3, 1000),
            data_format="channels_last",
            dtypes=("float32", "float16"),
        ),
    ),
    draw=lambda draw: _draw_image(draw, values),
    oracle=global_average_pool_oracle,
    natives=idioms(globals(), "global_average_pool"),
    dtypes=FLOATS,
    tolerance=3,
    magnitude=global_average_pool_magnitude,
    mistakes=(
        mistake(
            "keepdims is a word",
            TypeError,
            "global_average_pool: keepdims must be True or False, got 'no'",
            values(2, 3, 4, 5),
            keepdims="no",
        ),
        mistake(
            "integers",
            TypeError,
            "global_average_pool: x must have a floating dtype, got int32",
            Given(np.zeros((2, 3, 4, 5)), "int32"),
        ),
        mistake(
            "bytes",
            TypeError,
            "global_average_pool: x must have a floating dtype, got uint8",
            Given(np.zeros((2, 3, 4, 5)), "uint8"),
        ),
        mistake(
            "booleans",
            TypeError,
            "global_average_pool: x must have a floating dtype, got bool",
            mask(np.zeros((2, 3, 4, 5))),
        ),
        mistake(
            "one image",
            ValueError,
            "global_average_pool: x must have 4 axes (b c h w), got 3 (x has shape (3, 4, 5))",
            values(3, 4, 5),
        ),
        mistake(
            "one image, channels last",
            ValueError,
            "global_average_pool: x must have 4 axes (b h w c), got 3 (x has shape (4, 5, 3))",
            values(4, 5, 3),
            data_format="channels_last",
        ),
        mistake(
            "no height",
            ValueError,
            "global_average_pool: the height of x must be at least 1, got 0 "
            "(x has shape (2, 3, 0, 4))",
            values(2, 3, 0, 4),
        ),
        mistake(
            "no width, channels last",
            ValueError,
            "global_average_pool: the width of x must be at least 1, got 0 "
            "(x has shape (2, 3, 0, 4))",
            values(2, 3, 0, 4),
            data_format="channels_last",
        ),
        mistake(
            "an unknown format",
            ValueError,
            "global_average_pool: data_format must be 'channels_first' or 'channels_last', "
            "got 'NHWC'",
            values(2, 3, 4, 5),
            data_format="NHWC",
        ),
        mistake(
            "a list",
            TypeError,
            "global_average_pool: x must be an array of NumPy, PyTorch, JAX or TensorFlow, "
            "got a list",
            [[[[1.0, 2.0]]]],
        ),
    ),
)


# --- global_max_pool -----------------------------------------------------------------------------


def global_max_pool_oracle(
    x: Array, *, keepdims: bool = False, data_format: str = "channels_first"
) -> Array:
    return _over_space(_largest, x, keepdims, data_format)


def global_max_pool_numpy(x):
    return x.max(axis=(2, 3))


def global_max_pool_torch(x):
    return x.amax(dim=(2, 3))


def global_max_pool_jax(x):
    return x.max(axis=(2, 3))


def global_max_pool_tensorflow(x):
    import tensorflow as tf

    return tf.reduce_max(x, axis=[2, 3])


GLOBAL_MAX_POOL = Entry(
    op=ops.global_max_pool,
    cases=(
        case("batch of images", counting(2, 3, 4, 5)),
        case("axes kept", counting(2, 3, 4, 5), keepdims=True),
        case("channels last", counting(2, 4, 5, 3), data_format="channels_last"),
        case(
            "channels last, axes kept",
            counting(2, 4, 5, 3),
            keepdims=True,
            data_format="channels_last",
        ),
        case("one pixel", counting(2, 3, 1, 1)),
        case("one row", counting(2, 3, 1, 4)),
        case("one column, channels last", counting(2, 4, 1, 3), data_format="channels_last"),
        case("no images", counting(0, 3, 2, 2)),
        case("no channels", counting(2, 0, 3, 4), keepdims=True),
        case("ties", given([[[[1, 0], [0, 1]], [[0, 0], [0, 0]]]])),
        case("all are negative", given([[[[-3, -2], [-5, -7]]]]), dtypes=(*FLOATS, "int8")),
        case("the least integers", given(np.full((1, 2, 2, 2), -128)), dtypes=("int8",)),
        case("the largest bytes", given([[[[127, 128], [255, 1]]]]), dtypes=("uint8",)),
        case("past 32 bits", given([[[[2**40, 2**40 + 1]]]]), dtypes=("int64",)),
        case("past a float's integers", given([[[[2**24 + 1, 2**24]]]]), dtypes=("int32",)),
        case(
            "NaN and infinities",
            given(
                [
                    [
                        [[1, np.nan], [np.inf, 3]],
                        [[np.nan, np.nan], [np.nan, np.nan]],
                        [[-np.inf, -np.inf], [-np.inf, -np.inf]],
                        [[-np.inf, 1], [-2, np.inf]],
                        [[5, 1], [2, np.nan]],
                        [[-0.0, -0.0], [-0.0, -0.0]],
                    ]
                ]
            ),
            dtypes=FLOATS,
        ),
        case(
            "NaN, channels last",
            given([[[[1, np.nan], [2, 3]], [[np.nan, -1], [5, 6]], [[7, 8], [9, 0]]]]),
            dtypes=FLOATS,
            data_format="channels_last",
        ),
        case("thousands of images", counting(1500, 2, 1, 3), dtypes=("float32", "int32")),
        case("thousands of pixels", counting(1, 2, 70, 50), dtypes=("float32", "int32")),
        case("digits' lightest ink", given(255 - DIGITS), dtypes=("uint8",)),
    ),
    draw=lambda draw: _draw_image(draw, counting),
    oracle=global_max_pool_oracle,
    natives=idioms(globals(), "global_max_pool"),
    mistakes=(
        mistake(
            "keepdims is a word",
            TypeError,
            "global_max_pool: keepdims must be True or False, got 'no'",
            values(2, 3, 4, 5),
            keepdims="no",
        ),
        mistake(
            "one image",
            ValueError,
            "global_max_pool: x must have 4 axes (b c h w), got 3 (x has shape (3, 4, 5))",
            counting(3, 4, 5),
        ),
        mistake(
            "a video, channels last",
            ValueError,
            "global_max_pool: x must have 4 axes (b h w c), got 5 (x has shape (2, 7, 4, 5, 3))",
            counting(2, 7, 4, 5, 3),
            data_format="channels_last",
        ),
        mistake(
            "no width",
            ValueError,
            "global_max_pool: the width of x must be at least 1, got 0 (x has shape (2, 3, 4, 0))",
            counting(2, 3, 4, 0),
        ),
        mistake(
            "no height, channels last",
            ValueError,
            "global_max_pool: the height of x must be at least 1, got 0 (x has shape (2, 0, 4, 3))",
            counting(2, 0, 4, 3),
            data_format="channels_last",
        ),
        mistake(
            "an unknown format",
            ValueError,
            "global_max_pool: data_format must be 'channels_first' or 'channels_last', got 'NCHW'",
            counting(2, 3, 4, 5),
            data_format="NCHW",
        ),
        mistake(
            "a list",
            TypeError,
            "global_max_pool: x must be an array of NumPy, PyTorch, JAX or TensorFlow, got a list",
            [[[[1, 2]]]],
        ),
    ),
)


# --- channel_max_pool ----------------------------------------------------------------------------


def channel_max_pool_oracle(
    x: Array, *, keepdims: bool = True, data_format: str = "channels_first"
) -> Array:
    first = data_format == "channels_first"
    b, h, w = (x.shape[0], x.shape[2], x.shape[3]) if first else x.shape[:3]
    out = np.empty((b, h, w), x.dtype)
    for i, row, column in np.ndindex(b, h, w):
        channels = x[i, :, row, column] if first else x[i, row, column]
        out[i, row, column] = _largest(channels.tolist())
    if keepdims:
        return out.reshape((b, 1, h, w) if first else (b, h, w, 1))
    return out


def channel_max_pool_numpy(x):
    return x.max(axis=1, keepdims=True)


def channel_max_pool_torch(x):
    return x.amax(dim=1, keepdim=True)


def channel_max_pool_jax(x):
    return x.max(axis=1, keepdims=True)


def channel_max_pool_tensorflow(x):
    import tensorflow as tf

    return tf.reduce_max(x, axis=1, keepdims=True)


CHANNEL_MAX_POOL = Entry(
    op=ops.channel_max_pool,
    cases=(
        case("batch of images", counting(2, 3, 4, 5)),
        case("the channels' axis dropped", counting(2, 3, 4, 5), keepdims=False),
        case("channels last", counting(2, 4, 5, 3), data_format="channels_last"),
        case(
            "channels last, their axis dropped",
            counting(2, 4, 5, 3),
            keepdims=False,
            data_format="channels_last",
        ),
        case("one channel", counting(2, 1, 3, 4)),
        case("one pixel", counting(2, 3, 1, 1)),
        case("no images", counting(0, 3, 2, 4)),
        case("no height", counting(2, 3, 0, 4)),
        case("no width, channels last", counting(2, 3, 0, 4), data_format="channels_last"),
        case("ties", given([[[[1, 0], [0, 1]], [[1, 0], [1, 0]]]])),
        case("all are negative", given([[[[-3, -2]], [[-5, -1]]]]), dtypes=(*FLOATS, "int8")),
        case("the least integers", given(np.full((1, 2, 2, 3), -128)), dtypes=("int8",)),
        case("the largest bytes", given([[[[127, 255]], [[128, 1]]]]), dtypes=("uint8",)),
        case("past 32 bits", given([[[[2**40]], [[2**40 + 1]]]]), dtypes=("int64",)),
        case("past a float's integers", given([[[[2**24 + 1]], [[2**24]]]]), dtypes=("int32",)),
        case(
            "NaN and infinities",
            given(
                [
                    [
                        [[1, np.nan, -np.inf, np.inf, np.nan, -0.0]],
                        [[np.nan, 2, -np.inf, -np.inf, np.nan, -0.0]],
                        [[3, np.inf, -np.inf, 1, np.nan, -0.0]],
                    ]
                ]
            ),
            dtypes=FLOATS,
        ),
        case(
            "NaN, channels last",
            given([[[[1, np.nan, 0], [2, 3, np.inf]], [[np.nan, -1, 4], [5, 6, 7]]]]),
            dtypes=FLOATS,
            data_format="channels_last",
        ),
        case("many channels", counting(1, 3000, 1, 2), dtypes=("float32", "int32")),
        case("thousands of pixels", counting(1, 2, 50, 70), dtypes=("float32", "int32")),
        case("a digit", given(DIGITS[2:3]), dtypes=("uint8",)),
        case(
            "a digit, channels last",
            given(np.moveaxis(DIGITS[5:], 1, -1)),
            dtypes=("uint8",),
            data_format="channels_last",
        ),
    ),
    draw=lambda draw: _draw_image(draw, counting),
    oracle=channel_max_pool_oracle,
    natives=idioms(globals(), "channel_max_pool"),
    mistakes=(
        mistake(
            "keepdims is a word",
            TypeError,
            "channel_max_pool: keepdims must be True or False, got 'no'",
            values(2, 3, 4, 5),
            keepdims="no",
        ),
        mistake(
            "one image",
            ValueError,
            "channel_max_pool: x must have 4 axes (b c h w), got 3 (x has shape (3, 4, 5))",
            counting(3, 4, 5),
        ),
        mistake(
            "one image, channels last",
            ValueError,
            "channel_max_pool: x must have 4 axes (b h w c), got 3 (x has shape (4, 5, 3))",
            counting(4, 5, 3),
            data_format="channels_last",
        ),
        mistake(
            "no channels",
            ValueError,
            "channel_max_pool: the channels of x must be at least 1, got 0 "
            "(x has shape (2, 0, 4, 5))",
            counting(2, 0, 4, 5),
        ),
        mistake(
            "no channels, last",
            ValueError,
            "channel_max_pool: the channels of x must be at least 1, got 0 "
            "(x has shape (2, 4, 5, 0))",
            counting(2, 4, 5, 0),
            data_format="channels_last",
        ),
        mistake(
            "an unknown format",
            ValueError,
            "channel_max_pool: data_format must be 'channels_first' or 'channels_last', got 'last'",
            counting(2, 3, 4, 5),
            data_format="last",
        ),
        mistake(
            "a list",
            TypeError,
            "channel_max_pool: x must be an array of NumPy, PyTorch, JAX or TensorFlow, got a list",
            [[[[1, 2]]]],
        ),
    ),
)

ENTRIES = (GLOBAL_AVERAGE_POOL, GLOBAL_MAX_POOL, CHANNEL_MAX_POOL)
