"""Entries of `einport.ops.pooling`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
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
    Mistake,
    Spec,
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

NOT_FINITE = "values that are not finite"
TIES = "equal values share a gradient as the framework likes"
NOTHING_BY_NOTHING = "equal values give 0/0"


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
            no_gradient=NOT_FINITE,
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
    sized=lambda n: case("rows", values(n, 4, 6, 7), keepdims=True, data_format="channels_last"),
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
        case("ties", given([[[[1, 0], [0, 1]], [[0, 0], [0, 0]]]]), no_gradient=TIES),
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
            no_gradient=NOT_FINITE,
        ),
        case(
            "NaN, channels last",
            given([[[[1, np.nan], [2, 3]], [[np.nan, -1], [5, 6]], [[7, 8], [9, 0]]]]),
            dtypes=FLOATS,
            no_gradient=NOT_FINITE,
            data_format="channels_last",
        ),
        case("thousands of images", counting(1500, 2, 1, 3), dtypes=("float32", "int32")),
        case("thousands of pixels", counting(1, 2, 70, 50), dtypes=("float32", "int32")),
        case("digits' lightest ink", given(255 - DIGITS), dtypes=("uint8",)),
    ),
    draw=lambda draw: _draw_image(draw, counting),
    sized=lambda n: case("rows", values(n, 4, 6, 7), data_format="channels_last"),
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
            no_gradient=NOT_FINITE,
        ),
        case(
            "NaN, channels last",
            given([[[[1, np.nan, 0], [2, 3, np.inf]], [[np.nan, -1, 4], [5, 6, 7]]]]),
            dtypes=FLOATS,
            no_gradient=NOT_FINITE,
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
    sized=lambda n: case("rows", values(n, 7, 4, 6), keepdims=False),
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

# --- Windows -------------------------------------------------------------------------------------

_LAST = "channels_last"


def _both(size: Any) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def _starts(size: int, window: int, stride: int, padding: int | str, dilation: int) -> list[int]:
    """Where windows begin along one side: less than 0 is in the padding."""
    reach = (window - 1) * dilation + 1
    if padding == "same":
        number = math.ceil(size / stride)
        missing = max((number - 1) * stride + reach - size, 0)
        return [turn * stride - missing // 2 for turn in range(number)]
    edge = 0 if isinstance(padding, str) else padding
    return list(range(-edge, size + edge - reach + 1, stride))


def _pool(
    fn: Callable[..., Any],
    x: Array,
    window: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    data_format: str,
) -> Array:
    """One number for each window, from the list of its cells in the picture."""
    pictures = x if data_format == "channels_first" else np.moveaxis(x, -1, -3)
    h, w = pictures.shape[-2:]
    (kh, kw), (dh, dw) = _both(window), _both(dilation)
    sh, sw = _both(window if stride is None else stride)
    ph, pw = (padding, padding) if isinstance(padding, str) else _both(padding)
    tops, lefts = _starts(h, kh, sh, ph, dh), _starts(w, kw, sw, pw, dw)
    out = np.empty((*pictures.shape[:-2], len(tops), len(lefts)), x.dtype)
    for front in np.ndindex(*pictures.shape[:-2]):
        rows = pictures[front].tolist()
        for i, top in enumerate(tops):
            for j, left in enumerate(lefts):
                cells = []
                for row in range(top, top + kh * dh, dh):
                    for column in range(left, left + kw * dw, dw):
                        if 0 <= row < h and 0 <= column < w:
                            cells.append(rows[row][column])
                out[(*front, i, j)] = fn(cells)
    return out if data_format == "channels_first" else np.moveaxis(out, -3, -1)


def _draw_pool(draw: Draw, spec: Callable[..., Any], dilated: bool) -> Case:
    """A picture and windows that fit, each with a cell of the picture at least."""
    options: dict[str, Any] = {}
    window = (draw.integer(1, 3), draw.integer(1, 3))
    dilation = (draw.integer(1, 3), draw.integer(1, 3)) if dilated else (1, 1)
    reach = [(k - 1) * d + 1 for k, d in zip(window, dilation, strict=True)]
    padding = (draw.integer(0, reach[0] - 1), draw.integer(0, reach[1] - 1))
    word = draw.choice(["same", "valid", None, None])
    edge = (0, 0) if word == "valid" else padding
    least = [max(d, k - 2 * p) for d, k, p in zip(dilation, reach, edge, strict=True)]
    h, w = (n + draw.integer(0, 4) for n in least)
    options["padding"] = word or padding
    if dilated:
        options["dilation"] = dilation
    if draw.choice([True, False]):
        options["stride"] = (draw.integer(1, 4), draw.integer(1, 4))
    options["data_format"] = draw.choice(["channels_first", _LAST])
    front = [draw.integer(0, 2) for _ in range(draw.integer(0, 2))]
    c = draw.integer(0, 3)
    shape = (c, h, w) if options["data_format"] == "channels_first" else (h, w, c)
    return case("drawn", spec(*front, *shape), window, **options)


def _pool_mistakes(op: str) -> Iterator[Mistake]:
    """What both pools refuse, in the same words."""
    x = values(2, 3, 4, 5)

    def bad(
        name: str, error: type[Exception], message: str, spec: Any = x, window: Any = 2, **rest: Any
    ) -> Mistake:
        return mistake(name, error, f"{op}: {message}", spec, window, **rest)

    yield bad(
        "a list",
        TypeError,
        "x must be an array of NumPy, PyTorch, JAX or TensorFlow, got a list",
        [[[[1.0, 2.0]]]],
    )
    yield bad(
        "a matrix",
        ValueError,
        "x must have at least 3 axes (... c h w), got 2 (x has shape (4, 5))",
        values(4, 5),
    )
    yield bad(
        "a matrix, channels last",
        ValueError,
        "x must have at least 3 axes (... h w c), got 2 (x has shape (4, 5))",
        values(4, 5),
        data_format=_LAST,
    )
    yield bad(
        "an unknown format",
        ValueError,
        "data_format must be 'channels_first' or 'channels_last', got 'NHWC'",
        data_format="NHWC",
    )
    yield bad(
        "no height",
        ValueError,
        "the height of x must be at least 1, got 0 (x has shape (2, 3, 0, 4))",
        values(2, 3, 0, 4),
        padding=1,
    )
    yield bad(
        "no width, channels last",
        ValueError,
        "the width of x must be at least 1, got 0 (x has shape (2, 4, 0, 3))",
        values(2, 4, 0, 3),
        data_format=_LAST,
    )
    yield bad(
        "a window too high",
        ValueError,
        "x has height 4, less than a window's 5 (x has shape (2, 3, 4, 5))",
        window=5,
    )
    yield bad(
        "a window too wide for the padding",
        ValueError,
        "x has width 5 with padding 1 + 1, less than a window's 8 (x has shape (2, 3, 4, 5))",
        window=(2, 8),
        padding=1,
    )
    yield bad(
        "a window too wide, channels last",
        ValueError,
        "x has width 3, less than a window's 4 (x has shape (2, 4, 3, 5))",
        values(2, 4, 3, 5),
        (1, 4),
        data_format=_LAST,
    )
    yield bad(
        "padding as high as the window",
        ValueError,
        "padding must be less than the window, got 2 for a window that reaches over 2 in height",
        padding=2,
    )
    yield bad(
        "padding wider than the window",
        ValueError,
        "padding must be less than the window, got 4 for a window that reaches over 3 in width",
        window=3,
        padding=(1, 4),
    )
    yield bad(
        "an unknown padding",
        ValueError,
        "padding must be 'valid' or 'same', got 'SAME'",
        padding="SAME",
    )
    yield bad("less than no padding", ValueError, "padding must be at least 0, got -1", padding=-1)
    yield bad(
        "less than no padding in width",
        ValueError,
        "padding[1] must be at least 0, got -1",
        padding=(0, -1),
    )
    yield bad("half a padding", TypeError, "padding must be an integer, got 0.5", padding=0.5)
    yield bad(
        "padding for four sides",
        ValueError,
        "padding must be an integer or a pair of integers, got 4 of them",
        padding=(0, 0, 1, 1),
    )
    for name, rest in (("window", {}), ("stride", {"window": 2}), ("dilation", {"window": 2})):
        if name == "dilation" and op != "max_pool":
            continue
        least = f"{name} must be at least 1, got 0"
        yield bad(f"no {name}", ValueError, least, **rest, **{name: 0})
        least = f"{name}[0] must be at least 1, got -2"
        yield bad(f"a {name} less than nothing", ValueError, least, **rest, **{name: (-2, 2)})
        least = f"{name}[1] must be at least 1, got 0"
        yield bad(f"no {name} in width", ValueError, least, **rest, **{name: [2, 0]})
        integer = f"{name} must be an integer, got 2.0"
        yield bad(f"a {name} in floats", TypeError, integer, **rest, **{name: 2.0})
        integer = f"{name}[0] must be an integer, got True"
        yield bad(f"a {name} of flags", TypeError, integer, **rest, **{name: (True, 2)})
        integer = f"{name} must be an integer, got '2'"
        yield bad(f"a {name} in words", TypeError, integer, **rest, **{name: "2"})
        pair = f"{name} must be an integer or a pair of integers, got 3 of them"
        yield bad(f"a {name} for three sides", ValueError, pair, **rest, **{name: (1, 2, 2)})


# --- average_pool --------------------------------------------------------------------------------


def average_pool_oracle(
    x: Array,
    window: Any,
    *,
    stride: Any = None,
    padding: Any = 0,
    data_format: str = "channels_first",
) -> Array:
    return _pool(_mean, x, window, stride, padding, 1, data_format)


def average_pool_magnitude(x: Array, window: Any, **options: Any) -> Array:
    return average_pool_oracle(np.abs(x), window, **options)


def average_pool_numpy(x, window, *, stride, padding):
    import numpy as np

    edge = (padding, padding)
    padded = np.pad(x, [(0, 0), (0, 0), edge, edge], constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (window, window), axis=(2, 3))
    return np.nanmean(windows[:, :, ::stride, ::stride], axis=(4, 5))


def average_pool_torch(x, window, *, stride, padding):
    import torch.nn.functional as F

    return F.avg_pool2d(x, window, stride, padding, count_include_pad=False)


def average_pool_jax(x, window, *, stride, padding):
    import jax
    import jax.numpy as jnp

    size, steps, edge = (1, 1, window, window), (1, 1, stride, stride), (padding, padding)
    borders = [(0, 0), (0, 0), edge, edge]
    total = jax.lax.reduce_window(x, 0.0, jax.lax.add, size, steps, borders)
    count = jax.lax.reduce_window(jnp.ones_like(x), 0.0, jax.lax.add, size, steps, borders)
    return total / count


def average_pool_tensorflow(x, window, *, stride, padding):
    import tensorflow as tf

    # It averages with a padding by name only: SAME is 1 for these sizes.
    pooled = tf.nn.avg_pool2d(tf.transpose(x, [0, 2, 3, 1]), window, stride, "SAME")
    return tf.transpose(pooled, [0, 3, 1, 2])


def _windows_cases(spec: Callable[..., Spec]) -> Iterator[Case]:
    """Ways for windows to lie that both pools have."""
    yield case("windows of three that overlap", spec(2, 3, 5, 7), 3, stride=2, padding=1)
    yield case("two by two", spec(2, 3, 4, 6), 2)
    yield case("higher than wide, channels last", spec(2, 8, 6, 3), (4, 3), data_format=_LAST)
    yield case("cells that no window reads", spec(1, 2, 7, 9), 2, stride=(3, 4))
    yield case("all in pairs", spec(2, 3, 5, 8), (3, 4), stride=(1, 2), padding=(2, 1))
    yield case(
        "all in pairs, channels last",
        spec(2, 5, 8, 3),
        [3, 4],
        stride=[2, 1],
        padding=[0, 2],
        data_format=_LAST,
    )
    yield case("the most padding", spec(1, 2, 3, 4), 3, stride=1, padding=2)
    yield case("padding that is not reached at the end", spec(1, 2, 4, 7), 2, stride=3, padding=1)
    yield case("same, odd sizes", spec(2, 3, 5, 7), 2, stride=2, padding="same")
    yield case("same, even sizes", spec(2, 3, 6, 4), 3, stride=2, padding="same")
    yield case(
        "same, channels last",
        spec(2, 5, 4, 3),
        (4, 3),
        stride=(2, 3),
        padding="same",
        data_format=_LAST,
    )
    yield case("same, steps larger than the window", spec(1, 2, 7, 9), 2, stride=4, padding="same")
    yield case("valid", spec(1, 2, 5, 7), 2, padding="valid")
    yield case("one image alone", spec(3, 4, 6), 2, stride=1)
    yield case("a video", spec(2, 1, 3, 4, 5), 2, padding=1)
    yield case("windows of one cell", spec(2, 3, 2, 4), 1)
    yield case("the whole picture", spec(2, 3, 4, 5), (4, 5))
    yield case("the whole picture, channels last", spec(2, 4, 5, 3), (4, 5), data_format=_LAST)
    yield case("more than the picture", spec(2, 3, 3, 4), (5, 6), padding=1)
    yield case("all of the height", spec(2, 3, 3, 8), 3, stride=2)
    yield case("all of the width", spec(2, 3, 8, 3), 3, stride=1, padding=(1, 0))
    yield case("no images", spec(0, 3, 4, 5), 2, padding=1)
    yield case("no channels", spec(2, 0, 4, 5), (4, 2))
    yield case("thousands of images", spec(1500, 2, 2, 3), 2, stride=1, dtypes=("float32",))
    yield case(
        "a large image",
        spec(1, 2, 70, 50),
        5,
        stride=3,
        padding=2,
        dtypes=("float32", "float16"),
    )


_NAN_AT_A_CORNER = np.arange(50.0).reshape(1, 2, 5, 5)
_NAN_AT_A_CORNER[0, 0, 4, 4] = np.nan
_NAN_AT_A_CORNER[0, 1, 0, 0] = np.inf
_NAN_AT_A_CORNER[0, 1, 2, 2] = -np.inf


def _special_cases() -> Iterator[Case]:
    """NaN and infinities, in and out of windows."""
    x = given(_NAN_AT_A_CORNER)
    rest: dict[str, Any] = {"dtypes": FLOATS, "no_gradient": NOT_FINITE}
    yield case("NaN and infinities", x, 2, stride=1, **rest)
    yield case("NaN and infinities that no window reads", x, 2, stride=2, **rest)
    yield case("NaN beside the padding", x, 3, stride=2, padding=1, **rest)
    yield case("NaN in the one window", x, 5, **rest)
    yield case(
        "infinities that meet",
        given([[[[np.inf, -np.inf, 1, 2, -np.inf, -np.inf], [3, 4, 5, 6, -np.inf, -np.inf]]]]),
        2,
        padding=1,
        **rest,
    )


AVERAGE_POOL = Entry(
    op=ops.average_pool,
    cases=(
        *_windows_cases(values),
        *_special_cases(),
        # The sums are past the largest float16, the means are not.
        case("large values", given(np.full((1, 2, 5, 6), 6e4)), 3, stride=1, padding=1),
        case("large values that cancel", given([[[[3e4, 1, -3e4, 3e4, 3e4, -6e4]]]]), (1, 3)),
        # In 16 bits, 10.1 more is 10 more once the sum has reached 256.
        case("flat", given(np.full((1, 2, 12, 10), 10.1)), (6, 5), dtypes=HALVES),
        case("flat, one window", given(np.full((1, 2, 6, 5), 10.1)), (6, 5), dtypes=HALVES),
    ),
    draw=lambda draw: _draw_pool(draw, values, dilated=False),
    sized=lambda n: case(
        "rows", values(n, 4, 5, 2), (3, 2), stride=(2, 1), padding=(1, 0), data_format=_LAST
    ),
    oracle=average_pool_oracle,
    natives=idioms(globals(), "average_pool"),
    dtypes=FLOATS,
    tolerance=3,
    magnitude=average_pool_magnitude,
    mistakes=(
        *_pool_mistakes("average_pool"),
        mistake(
            "integers",
            TypeError,
            "average_pool: x must have a floating dtype, got int32",
            Given(np.zeros((2, 3, 4, 5)), "int32"),
            2,
        ),
        mistake(
            "booleans",
            TypeError,
            "average_pool: x must have a floating dtype, got bool",
            mask(np.zeros((2, 3, 4, 5))),
            2,
        ),
    ),
)


# --- max_pool ------------------------------------------------------------------------------------


def max_pool_oracle(
    x: Array,
    window: Any,
    *,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    data_format: str = "channels_first",
) -> Array:
    least = {"f": -math.inf, "i": -(2**63), "b": False}[x.dtype.kind]
    largest = lambda cells: _largest(cells) if cells else least
    return _pool(largest, x, window, stride, padding, dilation, data_format)


def max_pool_numpy(x, window, *, stride, padding):
    import numpy as np

    edge = (padding, padding)
    padded = np.pad(x, [(0, 0), (0, 0), edge, edge], constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (window, window), axis=(2, 3))
    return windows[:, :, ::stride, ::stride].max(axis=(4, 5))


def max_pool_torch(x, window, *, stride, padding):
    import torch.nn.functional as F

    return F.max_pool2d(x, window, stride, padding)


def max_pool_jax(x, window, *, stride, padding):
    import jax
    import jax.numpy as jnp

    size, steps, edge = (1, 1, window, window), (1, 1, stride, stride), (padding, padding)
    borders = [(0, 0), (0, 0), edge, edge]
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, size, steps, borders)


def max_pool_tensorflow(x, window, *, stride, padding):
    import tensorflow as tf

    borders = [[0, 0], [padding, padding], [padding, padding], [0, 0]]
    pooled = tf.nn.max_pool2d(tf.transpose(x, [0, 2, 3, 1]), window, stride, borders)
    return tf.transpose(pooled, [0, 3, 1, 2])


MAX_POOL = Entry(
    op=ops.max_pool,
    cases=(
        *_windows_cases(counting),
        *_special_cases(),
        case("dilated", counting(2, 3, 5, 6), 2, stride=1, dilation=2),
        case("dilated in pairs", counting(2, 3, 5, 7), (3, 2), stride=(1, 2), dilation=(2, 3)),
        case(
            "dilated, channels last",
            counting(2, 6, 5, 3),
            (2, 3),
            dilation=(3, 1),
            data_format=_LAST,
        ),
        case("dilated, one window", counting(2, 3, 5, 7), 3, dilation=(2, 3)),
        case("dilated, more padding than cells", counting(1, 2, 5, 6), 2, padding=2, dilation=3),
        case("dilated, same", counting(1, 2, 5, 6), 3, stride=2, padding="same", dilation=2),
        case(
            "windows that step over the picture",
            given([[[[5]], [[-7]]]]),
            2,
            padding=1,
            dilation=2,
            dtypes=(*FLOATS, "int64"),
            no_gradient="its results are minus infinity",
        ),
        case(
            "some that step over the picture",
            counting(1, 2, 2, 6),
            (2, 1),
            stride=1,
            padding=(3, 0),
            dilation=(4, 1),
            dtypes=(*FLOATS, "int64"),
            no_gradient="some results are minus infinity",
        ),
        case(
            "ties",
            given([[[[1, 0, 0], [0, 1, 0], [1, 1, 0]]]]),
            2,
            stride=1,
            padding=1,
            no_gradient=TIES,
        ),
        case(
            "all are negative",
            given([[[[-3, -2, -9], [-5, -7, -8]]]]),
            2,
            padding=1,
            dtypes=(*FLOATS, "int64", "int32", "int8"),
        ),
        case(
            "all are minus infinity",
            given(np.full((1, 2, 3, 4), -np.inf)),
            3,
            stride=2,
            padding=1,
            dtypes=FLOATS,
            no_gradient=NOT_FINITE,
        ),
        case(
            "negative zeros",
            given(np.full((1, 1, 2, 3), -0.0)),
            2,
            padding=1,
            dtypes=FLOATS,
            no_gradient=TIES,
        ),
        *(
            case(
                f"the least of {dtype}",
                given(np.array([[[[low, low, low], [low, low + 1, low]]]])),
                2,
                stride=1,
                padding=1,
                dtypes=(dtype,),
            )
            for dtype, low in (
                ("int8", -(2**7)),
                ("int32", -(2**31)),
                ("int64", -(2**63)),
                ("uint8", 0),
                ("bool", 0),
            )
        ),
        case(
            "the largest bytes",
            given([[[[127, 128, 3], [255, 1, 2]]]]),
            2,
            padding=1,
            dtypes=("uint8",),
        ),
        case("past 32 bits", given([[[[2**40, 2**40 + 1]]]]), 2, padding=1, dtypes=("int64",)),
        case(
            "past a float's integers",
            given([[[[2**24 + 1, 2**24], [-(2**24), -(2**24) - 1]]]]),
            2,
            padding=1,
            dtypes=("int32",),
        ),
        case(
            "past a double's integers",
            given([[[[2**53 + 1, 2**53], [-(2**53), -(2**53) - 1]]]]),
            2,
            padding=1,
            dtypes=("int64",),
        ),
        case("digits", given(DIGITS[:1, :, 30:90, 40:100]), 7, stride=5, dtypes=("uint8",)),
    ),
    draw=lambda draw: _draw_pool(draw, counting, dilated=True),
    sized=lambda n: case(
        "rows", values(n, 2, 5, 4), (2, 3), stride=2, padding="same", dilation=(2, 1)
    ),
    oracle=max_pool_oracle,
    natives=idioms(globals(), "max_pool"),
    mistakes=(
        *_pool_mistakes("max_pool"),
        mistake(
            "a dilated window too high",
            ValueError,
            "max_pool: x has height 4, less than a window's 5 with dilation 2 "
            "(x has shape (2, 3, 4, 9))",
            values(2, 3, 4, 9),
            3,
            dilation=2,
        ),
        mistake(
            "padding as wide as a dilated window",
            ValueError,
            "max_pool: padding must be less than the window, got 7 for a window that "
            "reaches over 7 in width",
            values(2, 3, 4, 9),
            3,
            padding=(4, 7),
            dilation=(2, 3),
        ),
    ),
)


# --- Periods -------------------------------------------------------------------------------------

# Temperatures of two weeks.
_WEEKS = (71, 72, 70, 75, 71, 72, 70, 75, 80, 85, 80, 78, 72, 83)


def _by_period(fn: Callable[..., Any], x: Array, period: int) -> list[Any]:
    """What a function gives for the list of each period's values."""
    series = x.tolist()
    return [fn(series[start : start + period]) for start in range(0, len(series), period)]


def _flat(rows: list[list[float]]) -> Array:
    return np.array([value for row in rows for value in row], np.float64)


def _draw_period(draw: Draw) -> Case:
    period = draw.integer(1, 6)
    scale = draw.choice([0.1, 1.0, 20.0])
    return case("drawn", values(draw.integer(0, 5) * period, scale=scale), period)


def _period_cases(small: str | None = None) -> Iterator[Case]:
    """Series that all three operations have; `small` is why small values have no derivative."""
    yield case("two weeks", given(_WEEKS), 7)
    yield case("any values", values(12), 3)
    yield case("as many periods as values in one", values(16), 4)
    yield case("one period", values(5), 5)
    yield case("no values", values(0), 7)
    yield case("far from zero", given([1000, 1001, 1002, 1004, 1000, 1003]), 3)
    yield case(
        "NaN in one period",
        given([1, np.nan, 2, 3, 4, 6]),
        3,
        no_gradient=NOT_FINITE,
    )
    infinities = [np.inf, 1, 2, 3, -np.inf, 2, np.inf, -np.inf, 1, 5, 6, 8]
    yield case("infinities", given(infinities), 3, no_gradient=NOT_FINITE)
    # The sum is past the largest float16, the mean is not.
    yield case("large values", given([6e4, 5e4, 6e4, 3e4, -6e4, 6e4, 1, 3]), 4)
    yield case("small values", given([1e-4, 2e-4, 4e-4, -3e-4, 5e-4, 0]), 3, no_gradient=small)
    # In 16 bits, a sum stops growing long before it has all of these.
    uneven = np.arange(3000) % 7 * 0.25 + 3
    yield case("periods of more than a thousand", given(uneven), 1500)
    yield case("thousands of periods", values(4000), 2, dtypes=("float32", "float16"))


def _period_mistakes(op: str) -> Iterator[Mistake]:
    """What all three operations refuse, in the same words."""

    def bad(name: str, error: type[Exception], message: str, spec: Any, period: Any) -> Mistake:
        return mistake(name, error, f"{op}: {message}", spec, period)

    yield bad(
        "a list",
        TypeError,
        "x must be an array of NumPy, PyTorch, JAX or TensorFlow, got a list",
        [1.0, 2.0],
        2,
    )
    yield bad(
        "integers", TypeError, "x must have a floating dtype, got int32", Given([1, 2], "int32"), 2
    )
    yield bad("booleans", TypeError, "x must have a floating dtype, got bool", mask([1, 0]), 2)
    yield bad("a number", ValueError, "x must have 1 axis (n), got 0 (x has shape ())", values(), 1)
    yield bad(
        "a matrix",
        ValueError,
        "x must have 1 axis (n), got 2 (x has shape (6, 2))",
        values(6, 2),
        2,
    )
    yield bad(
        "a week that is not over",
        ValueError,
        "x has 10 values, which period = 7 does not divide (x has shape (10,))",
        values(10),
        7,
    )
    yield bad(
        "less than a period",
        ValueError,
        "x has 3 values, which period = 4 does not divide (x has shape (3,))",
        values(3),
        4,
    )
    yield bad("no period", ValueError, "period must be at least 1, got 0", values(6), 0)
    yield bad("less than no period", ValueError, "period must be at least 1, got -3", values(6), -3)
    yield bad("half a period", TypeError, "period must be an integer, got 3.0", values(6), 3.0)
    yield bad(
        "a period that is a flag", TypeError, "period must be an integer, got True", values(6), True
    )


# --- mean_by_period ------------------------------------------------------------------------------


def mean_by_period_oracle(x: Array, period: int) -> Array:
    return np.array(_by_period(_mean, x, period), np.float64)


def mean_by_period_magnitude(x: Array, period: int) -> Array:
    return mean_by_period_oracle(np.abs(x), period)


def mean_by_period_numpy(x, period):
    return x.reshape(-1, period).mean(axis=1)


def mean_by_period_torch(x, period):
    return x.view(-1, period).mean(dim=1)


def mean_by_period_jax(x, period):
    return x.reshape(-1, period).mean(axis=1)


def mean_by_period_tensorflow(x, period):
    import tensorflow as tf

    return tf.reduce_mean(tf.reshape(x, [-1, period]), axis=1)


MEAN_BY_PERIOD = Entry(
    op=ops.mean_by_period,
    cases=(*_period_cases(), case("periods of one", values(4), 1)),
    draw=_draw_period,
    sized=lambda n: case("rows", values(4 * n), 4),
    oracle=mean_by_period_oracle,
    natives=idioms(globals(), "mean_by_period"),
    dtypes=FLOATS,
    tolerance=3,
    magnitude=mean_by_period_magnitude,
    mistakes=tuple(_period_mistakes("mean_by_period")),
)


# --- subtract_period_mean ------------------------------------------------------------------------


def _differences(row: list[float]) -> list[float]:
    """What is left of each value without the mean, in fractions: of equal ones exactly 0."""
    if not all(map(math.isfinite, row)):
        return [value - _mean(row) for value in row]
    exact = [Fraction(value) for value in row]
    return [float(value - sum(exact) / len(row)) for value in exact]


def subtract_period_mean_oracle(x: Array, period: int) -> Array:
    return _flat(_by_period(_differences, x, period))


def subtract_period_mean_magnitude(x: Array, period: int) -> Array:
    """How far values are from the mean, and not from zero."""

    def sizes(row: list[float]) -> list[float]:
        lengths = [abs(value) for value in _differences(row)]
        return [length + sum(lengths) / len(row) for length in lengths]

    return _flat(_by_period(sizes, x, period))


def subtract_period_mean_numpy(x, period):
    periods = x.reshape(-1, period)
    return (periods - periods.mean(axis=1, keepdims=True)).ravel()


def subtract_period_mean_torch(x, period):
    periods = x.view(-1, period)
    return (periods - periods.mean(dim=1, keepdim=True)).flatten()


def subtract_period_mean_jax(x, period):
    periods = x.reshape(-1, period)
    return (periods - periods.mean(axis=1, keepdims=True)).ravel()


def subtract_period_mean_tensorflow(x, period):
    import tensorflow as tf

    periods = tf.reshape(x, [-1, period])
    return tf.reshape(periods - tf.reduce_mean(periods, axis=1, keepdims=True), [-1])


SUBTRACT_PERIOD_MEAN = Entry(
    op=ops.subtract_period_mean,
    cases=(
        *_period_cases(),
        case("periods of one", values(4), 1),
        case(
            "equal values, whose sum is rounded",
            given([12345.678] * 100 + [-7e-4] * 100 + [255.3] * 100),
            100,
        ),
        case(
            "infinities, first and last",
            given([np.inf, 1, 2, 1, 2, np.inf, -np.inf, 1, np.inf, 1, np.nan, 2]),
            3,
            no_gradient="NaN and infinities among the values",
        ),
    ),
    draw=_draw_period,
    sized=lambda n: case("rows", values(4 * n), 4),
    oracle=subtract_period_mean_oracle,
    natives=idioms(globals(), "subtract_period_mean"),
    dtypes=FLOATS,
    tolerance=2,
    magnitude=subtract_period_mean_magnitude,
    mistakes=tuple(_period_mistakes("subtract_period_mean")),
)


# --- standardize_by_period -----------------------------------------------------------------------


def _scores(row: list[float], correction: float, sizes: bool) -> list[float]:
    """The definition in fractions, as equal values must give 0/0 exactly.

    With `sizes`, what errors are relative to: how far the values are from each other, and not
    from zero.
    """
    if not all(map(math.isfinite, row)):
        return [math.nan] * len(row)
    exact = [Fraction(value) for value in row]
    mean = sum(exact) / len(row)
    squares = sum((value - mean) ** 2 for value in exact)
    if squares == 0:
        return [math.nan] * len(row)
    deviation = math.sqrt(squares / (len(row) - Fraction(correction)))
    if not sizes:
        return [float(value - mean) / deviation for value in exact]
    spread = [abs(float(value - exact[0])) for value in exact]
    return [(size + sum(spread) / len(row)) / deviation for size in spread]


def standardize_by_period_oracle(x: Array, period: int, *, correction: float = 1) -> Array:
    return _flat(_by_period(lambda row: _scores(row, correction, sizes=False), x, period))


def standardize_by_period_magnitude(x: Array, period: int, *, correction: float = 1) -> Array:
    return _flat(_by_period(lambda row: _scores(row, correction, sizes=True), x, period))


def standardize_by_period_numpy(x, period):
    periods = x.reshape(-1, period)
    mean, deviation = periods.mean(1, keepdims=True), periods.std(1, ddof=1, keepdims=True)
    return ((periods - mean) / deviation).ravel()


def standardize_by_period_torch(x, period):
    import torch

    periods = x.view(-1, period)
    deviation, mean = torch.std_mean(periods, dim=1, keepdim=True)
    return ((periods - mean) / deviation).flatten()


def standardize_by_period_jax(x, period):
    periods = x.reshape(-1, period)
    mean, deviation = periods.mean(1, keepdims=True), periods.std(1, ddof=1, keepdims=True)
    return ((periods - mean) / deviation).ravel()


def standardize_by_period_tensorflow(x, period):
    import tensorflow as tf

    periods = tf.reshape(x, [-1, period])
    mean, variance = tf.nn.moments(periods, axes=[1], keepdims=True)
    deviation = tf.sqrt(variance * period / (period - 1))
    return tf.reshape((periods - mean) / deviation, [-1])


def _draw_scores(draw: Draw) -> Case:
    period = draw.integer(2, 6)
    scale = draw.choice([0.1, 1.0, 20.0])
    series = values(draw.integer(0, 5) * period, scale=scale)
    return case("drawn", series, period, correction=draw.choice([0, 0.5, 1, 1.5]))


STANDARDIZE_BY_PERIOD = Entry(
    op=ops.standardize_by_period,
    cases=(
        *_period_cases(small="values as small as the step of a difference"),
        case("the population's deviation", given(_WEEKS), 7, correction=0),
        case("a correction of two", values(12), 4, correction=2),
        case("half a correction", values(6), 3, correction=0.5),
        # One value is as far below the mean as the other is above it, wherever they are.
        case("periods of two", values(8), 2, no_gradient="its results never change but in sign"),
        case("periods of one", values(4), 1, correction=0, no_gradient=NOTHING_BY_NOTHING),
        # The mean of equal values may be off by a rounding, which may not be taken for a spread.
        case(
            "equal values",
            given([1.1] * 7 + [0.0] * 7 + [3e4] * 7 + [-0.7] * 7),
            7,
            no_gradient=NOTHING_BY_NOTHING,
        ),
        case(
            "equal values beside others",
            given([1.1] * 3 + [1, 2, 4]),
            3,
            no_gradient=NOTHING_BY_NOTHING,
        ),
        case("equal values, many", given([0.1] * 1000), 1000, no_gradient=NOTHING_BY_NOTHING),
        case(
            "tiny and huge values",
            given([1e-30, -2e-30, 4e-30, 3e30, -1e30, 2e30]),
            3,
            dtypes=("float64", "float32", "bfloat16"),
            no_gradient="a step of 1e-6 is not small beside its values",
        ),
        case("a spread of a few roundings", given([4096, 4096, 4098, 4100]), 4),
    ),
    draw=_draw_scores,
    sized=lambda n: case("rows", values(4 * n), 4, correction=0.5),
    oracle=standardize_by_period_oracle,
    natives=idioms(globals(), "standardize_by_period"),
    dtypes=FLOATS,
    tolerance=4,
    magnitude=standardize_by_period_magnitude,
    mistakes=(
        *_period_mistakes("standardize_by_period"),
        mistake(
            "one value with the sample's deviation",
            ValueError,
            "standardize_by_period: period must be greater than the correction, 1, got 1",
            values(4),
            1,
        ),
        mistake(
            "a correction past the period",
            ValueError,
            "standardize_by_period: period must be greater than the correction, 2.5, got 2",
            values(4),
            2,
            correction=2.5,
        ),
        mistake(
            "a correction without end",
            ValueError,
            "standardize_by_period: period must be greater than the correction, inf, got 2",
            values(4),
            2,
            correction=math.inf,
        ),
        mistake(
            "a correction less than nothing",
            ValueError,
            "standardize_by_period: correction must be at least 0, got -1",
            values(4),
            2,
            correction=-1,
        ),
        mistake(
            "a correction that is NaN",
            ValueError,
            "standardize_by_period: correction must be at least 0, got nan",
            values(4),
            2,
            correction=math.nan,
        ),
        mistake(
            "a correction that is a flag",
            TypeError,
            "standardize_by_period: correction must be a number, got True",
            values(4),
            2,
            correction=True,
        ),
    ),
)

ENTRIES = (
    GLOBAL_AVERAGE_POOL,
    GLOBAL_MAX_POOL,
    CHANNEL_MAX_POOL,
    AVERAGE_POOL,
    MAX_POOL,
    MEAN_BY_PERIOD,
    SUBTRACT_PERIOD_MEAN,
    STANDARDIZE_BY_PERIOD,
)
