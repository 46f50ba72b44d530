"""Entries of `einport.ops.convolution`."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from .. import ops
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
from .contracting import exact_sum

Array = np.ndarray[Any, Any]

FORMATS = ("channels_first", "channels_last")

NOT_FINITE = "values that are not finite"


def _two(setting: Any) -> tuple[int, int]:
    """A setting for height and for width."""
    return (setting, setting) if isinstance(setting, int) else tuple(setting)


def _draw_pair(draw: Draw, low: int, high: int) -> Any:
    """A setting: one number, or one for height and one for width."""
    pair = draw.integer(low, high), draw.integer(low, high)
    return draw.choice([pair, pair[0]])


def _where(name: str, *args: Any, **options: Any) -> Case:
    """A case about which pixel goes where, which no dtype changes: one that is wide, one narrow.

    JAX compiles each step for each shape, and all of them again for float64.
    """
    return case(name, *args, dtypes=("float32", "bfloat16"), **options)


def _framed(b: int, c: int, h: int, w: int, data_format: str) -> tuple[int, ...]:
    return (b, c, h, w) if data_format == "channels_first" else (b, h, w, c)


# --- sliding_windows -----------------------------------------------------------------------------


def sliding_windows_oracle(x: Array, window: Any, *, stride: Any = 1, dilation: Any = 1) -> Array:
    *leading, h, w = x.shape
    (kh, kw), (sh, sw), (dh, dw) = _two(window), _two(stride), _two(dilation)
    tops = [row for row in range(0, h, sh) if row + (kh - 1) * dh < h]
    lefts = [column for column in range(0, w, sw) if column + (kw - 1) * dw < w]
    out = np.empty((*leading, len(tops), len(lefts), kh, kw), x.dtype)
    for place in np.ndindex(*leading):
        for y, top in enumerate(tops):
            for z, left in enumerate(lefts):
                for i in range(kh):
                    for j in range(kw):
                        out[(*place, y, z, i, j)] = x[(*place, top + i * dh, left + j * dw)]
    return out


def sliding_windows_numpy(x, window):
    import numpy as np

    return np.lib.stride_tricks.sliding_window_view(x, window, axis=(-2, -1))


def sliding_windows_torch(x, window):
    kh, kw = window
    return x.unfold(-2, kh, 1).unfold(-2, kw, 1)


def sliding_windows_jax(x, window):
    import jax

    kh, kw = window
    # Patches come as channels of (b, c, h, w), the cells of a window behind each channel.
    cells = jax.lax.conv_general_dilated_patches(x, window, (1, 1), "VALID")
    b, _, h, w = cells.shape
    return cells.reshape(b, -1, kh, kw, h, w).transpose(0, 1, 4, 5, 2, 3)


def sliding_windows_tensorflow(x, window):
    import tensorflow as tf

    kh, kw = window
    pixels = tf.transpose(x, [0, 2, 3, 1])
    cells = tf.image.extract_patches(pixels, [1, kh, kw, 1], [1] * 4, [1] * 4, "VALID")
    b, h, w, _ = cells.shape
    return tf.transpose(tf.reshape(cells, [b, h, w, kh, kw, -1]), [0, 5, 1, 2, 3, 4])


def _draw_windows(draw: Draw) -> Case:
    window, dilation = _draw_pair(draw, 1, 3), _draw_pair(draw, 1, 2)
    high, wide = ((k - 1) * d + 1 for k, d in zip(_two(window), _two(dilation), strict=True))
    leading = draw.choice([(), (draw.integer(0, 2),), (draw.integer(1, 2), draw.integer(1, 3))])
    x = counting(*leading, high + draw.integer(0, 3), wide + draw.integer(0, 3))
    return case("drawn", x, window, stride=_draw_pair(draw, 1, 3), dilation=dilation)


SLIDING_WINDOWS = Entry(
    op=ops.sliding_windows,
    cases=(
        case("batch of images", counting(2, 3, 5, 6), (2, 4)),
        case("one picture", counting(4, 7), 3),
        case("one batch axis", counting(2, 4, 5), [3, 2]),
        case("stride", counting(2, 6, 8), 2, stride=(2, 3)),
        case("stride that leaves a rest", counting(7, 8), (2, 3), stride=3),
        case("dilation", counting(2, 6, 9), (2, 3), dilation=(3, 2)),
        case("stride and dilation", counting(9, 11), (3, 2), stride=(2, 3), dilation=(2, 4)),
        case("windows apart", counting(7, 9), 2, stride=4),
        case("one cell", counting(2, 3, 4), 1),
        case("one cell, stride", counting(5, 6), 1, stride=(2, 3), dilation=7),
        case("the whole picture", counting(2, 3, 5), (3, 5)),
        case("one pixel", counting(1, 1), 1),
        case("no images", counting(0, 2, 4, 5), (2, 3)),
        case("no channels", counting(2, 0, 4, 5), (2, 3), stride=2),
        case(
            "NaN and infinities",
            given([[np.nan, 1, -0.0], [np.inf, 2, -np.inf]]),
            2,
            dtypes=FLOATS,
            no_gradient=NOT_FINITE,
        ),
        case("past a float's integers", given([[2**24 + 1, 2**24]]), 1, dtypes=("int32",)),
        case("past 32 bits", given([[2**40 + 1, 2**40]]), (1, 2), dtypes=("int64",)),
        case("thousands of images", counting(2000, 2, 3), 2, dtypes=("float32", "int32")),
        case("a long picture", counting(2, 3000), (2, 3), dtypes=("float32", "uint8")),
    ),
    draw=_draw_windows,
    sized=lambda n: case("rows", values(n, 7, 6), (2, 3), stride=(2, 1), dilation=(3, 1)),
    oracle=sliding_windows_oracle,
    natives=idioms(globals(), "sliding_windows"),
    mistakes=(
        mistake(
            "a vector",
            ValueError,
            "sliding_windows: x must have at least 2 axes (... h w), got 1 (x has shape (5,))",
            counting(5),
            2,
        ),
        mistake(
            "a window too high",
            ValueError,
            "sliding_windows: x has height 3, less than a window's 4 (x has shape (2, 3, 5))",
            counting(2, 3, 5),
            4,
        ),
        mistake(
            "a window too wide by its dilation",
            ValueError,
            "sliding_windows: x has width 5, less than a window's 7 with dilation 3 "
            "(x has shape (2, 3, 5))",
            counting(2, 3, 5),
            (2, 3),
            dilation=(1, 3),
        ),
        mistake(
            "no height",
            ValueError,
            "sliding_windows: x has height 0, less than a window's 1 (x has shape (2, 0, 5))",
            counting(2, 0, 5),
            1,
        ),
        mistake(
            "a window of nothing",
            ValueError,
            "sliding_windows: window must be at least 1, got 0",
            counting(3, 5),
            0,
        ),
        mistake(
            "a window of no columns",
            ValueError,
            "sliding_windows: window[1] must be at least 1, got 0",
            counting(3, 5),
            (2, 0),
        ),
        mistake(
            "three sizes",
            ValueError,
            "sliding_windows: window must be an integer or a pair of integers, got 3 of them",
            counting(3, 5),
            (2, 2, 2),
        ),
        mistake(
            "half a cell",
            TypeError,
            "sliding_windows: window must be an integer, got 1.5",
            counting(3, 5),
            1.5,
        ),
        mistake(
            "no stride",
            ValueError,
            "sliding_windows: stride must be at least 1, got 0",
            counting(3, 5),
            2,
            stride=0,
        ),
        mistake(
            "a stride backwards",
            ValueError,
            "sliding_windows: stride[0] must be at least 1, got -1",
            counting(3, 5),
            2,
            stride=(-1, 1),
        ),
        mistake(
            "no dilation",
            ValueError,
            "sliding_windows: dilation must be at least 1, got 0",
            counting(3, 5),
            2,
            dilation=0,
        ),
        mistake(
            "dilation is a word",
            TypeError,
            "sliding_windows: dilation must be an integer, got 'none'",
            counting(3, 5),
            2,
            dilation="none",
        ),
        mistake(
            "a list",
            TypeError,
            "sliding_windows: x must be an array of NumPy, PyTorch, JAX or TensorFlow, got a list",
            [[1, 2], [3, 4]],
            2,
        ),
    ),
)


# --- conv2d --------------------------------------------------------------------------------------


def _border(padding: Any, size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """How many cells to add before and after, as TensorFlow's documentation says it."""
    if padding == "valid":
        return 0, 0
    if padding != "same":
        return padding, padding
    reach = (kernel - 1) * dilation + 1
    total = max(reach - (stride if size % stride == 0 else size % stride), 0)
    return total // 2, total - total // 2


def conv2d_oracle(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    data_format: str = "channels_first",
) -> Array:
    picture = x if data_format == "channels_first" else np.moveaxis(x, -1, 1)
    b, _, *size = picture.shape
    out_channels, part, *kernel = weight.shape
    strides, dilations = _two(stride), _two(dilation)
    paddings = (padding, padding) if isinstance(padding, str) else _two(padding)
    sides = list(zip(paddings, size, kernel, strides, dilations, strict=True))
    starts = []
    for side in sides:
        (before, after), (_, n, k, s, d) = _border(*side), side
        starts.append(range(-before, n + after - (k - 1) * d, s))
    # What each window covers: the cells of the kernel and the pixels that they lie on.
    covered = [
        [[(i, start + i * d) for i in range(k) if 0 <= start + i * d < n] for start in starts[axis]]
        for axis, (_, n, k, _, d) in enumerate(sides)
    ]
    out = np.empty((b, out_channels, len(starts[0]), len(starts[1])))
    pixels, weights = picture.tolist(), weight.tolist()
    for n, o, y, z in np.ndindex(*out.shape):
        first = o // (out_channels // groups) * part
        terms = [0.0 if bias is None else float(bias[o])]
        for c in range(part):
            for i, row in covered[0][y]:
                for j, column in covered[1][z]:
                    terms.append(weights[o][c][i][j] * pixels[n][first + c][row][column])
        out[n, o, y, z] = exact_sum(terms)
    return out if data_format == "channels_first" else np.moveaxis(out, 1, -1)


def conv2d_magnitude(x: Array, weight: Array, bias: Array | None = None, **options: Any) -> Array:
    size = None if bias is None else np.abs(bias)
    return conv2d_oracle(np.abs(x), np.abs(weight), size, **options)


def conv2d_numpy(x, weight, bias, stride, padding):
    import numpy as np

    around = (padding, padding)
    x = np.pad(x, ((0, 0), (0, 0), around, around))
    windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride]
    out = np.einsum("bchwij,ocij->bohw", windows, weight, optimize=True)
    return out + bias[:, None, None]


def conv2d_torch(x, weight, bias, stride, padding):
    import torch.nn.functional as F

    return F.conv2d(x, weight, bias, stride=stride, padding=padding)


def conv2d_jax(x, weight, bias, stride, padding):
    import jax

    around = (padding, padding)
    names = ("NCHW", "OIHW", "NCHW")
    strides = (stride, stride)
    out = jax.lax.conv_general_dilated(
        x, weight, strides, (around, around), dimension_numbers=names
    )
    return out + bias[:, None, None]


def conv2d_tensorflow(x, weight, bias, stride, padding):
    import tensorflow as tf

    around = [padding, padding]
    pixels = tf.transpose(x, [0, 2, 3, 1])
    kernel = tf.transpose(weight, [2, 3, 1, 0])
    out = tf.nn.conv2d(pixels, kernel, stride, [[0, 0], around, around, [0, 0]])
    return tf.transpose(tf.nn.bias_add(out, bias), [0, 3, 1, 2])


def _draw_conv(draw: Draw) -> Case:
    groups, b = draw.integer(1, 3), draw.integer(0, 2)
    part, out = draw.integer(1, 2), groups * draw.integer(1, 2)
    kernel = draw.integer(1, 3), draw.integer(1, 3)
    stride, dilation = _draw_pair(draw, 1, 3), _draw_pair(draw, 1, 2)
    padding = draw.choice(["same", "valid", _draw_pair(draw, 0, 2)])
    picture = []
    for k, d in zip(kernel, _two(dilation), strict=True):
        least = 1 if padding == "same" else (k - 1) * d + 1
        picture.append(least + draw.integer(0, 3))
    data_format = draw.choice(FORMATS)
    x = values(*_framed(b, groups * part, picture[0], picture[1], data_format))
    return case(
        "drawn",
        x,
        values(out, part, *kernel),
        draw.choice([None, values(out)]),
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        data_format=data_format,
    )


def _spot(value: float) -> Array:
    """Pictures of which one pixel is something special."""
    picture = np.arange(2 * 2 * 5 * 6).reshape(2, 2, 5, 6) / 16 - 4
    picture[0, 1, 2, 3] = value
    return picture


_IMAGES, _KERNELS = values(2, 3, 7, 8), values(4, 3, 3, 2)

CONV2D = Entry(
    op=ops.conv2d,
    cases=(
        case(
            "strided, with a border",
            values(2, 3, 6, 9),
            values(4, 3, 3, 2),
            values(4),
            stride=2,
            padding=1,
        ),
        _where("plain", _IMAGES, _KERNELS),
        _where("strides", _IMAGES, _KERNELS, stride=(2, 3)),
        _where("borders", _IMAGES, _KERNELS, padding=[2, 1]),
        _where("dilations", _IMAGES, _KERNELS, dilation=(2, 4)),
        case(
            "all settings",
            values(2, 4, 9, 8),
            values(6, 2, 2, 3),
            values(6),
            stride=(2, 1),
            padding=(1, 2),
            dilation=(3, 2),
            groups=2,
        ),
        case(
            "all settings, channels last",
            values(2, 9, 8, 4),
            values(6, 2, 2, 3),
            values(6),
            stride=(1, 2),
            padding=(2, 1),
            dilation=(2, 3),
            groups=2,
            data_format="channels_last",
        ),
        _where("valid", values(2, 3, 4, 6), _KERNELS, padding="valid", stride=2),
        _where("same", values(2, 3, 4, 6), _KERNELS, padding="same"),
        _where("same, even kernel", values(1, 2, 4, 5), values(3, 2, 4, 2), padding="same"),
        _where(
            "same, strides", values(2, 2, 6, 7), values(3, 2, 3, 3), padding="same", stride=(2, 3)
        ),
        _where("same, odd size", values(1, 2, 5, 4), values(3, 2, 3, 4), padding="same", stride=2),
        _where(
            "same, dilations",
            values(1, 2, 6, 5),
            values(3, 2, 3, 2),
            padding="same",
            dilation=(2, 3),
        ),
        _where(
            "same, strides and dilations, channels last",
            values(2, 6, 5, 2),
            values(3, 2, 2, 3),
            values(3),
            padding="same",
            stride=(3, 2),
            dilation=2,
            data_format="channels_last",
        ),
        _where(
            "same, windows apart", values(1, 1, 7, 8), values(2, 1, 1, 2), padding="same", stride=4
        ),
        _where("same, a kernel larger", values(1, 2, 2, 3), values(2, 2, 5, 4), padding="same"),
        _where("groups", values(2, 6, 4, 5), values(4, 3, 2, 3), groups=2),
        _where("depthwise", values(2, 3, 4, 5), values(3, 1, 2, 3), values(3), groups=3),
        _where(
            "depthwise, two for one",
            values(1, 4, 5, 3),
            values(6, 1, 3, 2),
            groups=3,
            data_format="channels_last",
        ),
        _where("one cell", values(2, 3, 4, 5), values(2, 3, 1, 1), values(2)),
        _where(
            "one cell, strides and border",
            values(1, 2, 5, 7),
            values(3, 2, 1, 1),
            stride=(2, 3),
            padding=(1, 2),
            dilation=5,
        ),
        _where("the whole picture", values(2, 3, 4, 5), values(2, 3, 4, 5), values(2)),
        _where("a border around one pixel", values(1, 2, 1, 1), values(2, 2, 3, 2), padding=2),
        _where("a border around nothing", values(1, 2, 0, 3), values(2, 2, 2, 2), padding=1),
        _where("no images", values(0, 3, 5, 6), values(4, 3, 3, 2), values(4)),
        _where(
            "no images, channels last",
            values(0, 5, 6, 4),
            values(6, 2, 2, 3),
            groups=2,
            padding="same",
            data_format="channels_last",
        ),
        _where("no channels", values(2, 0, 4, 5), values(3, 0, 2, 3), values(3)),
        _where("no output channels", values(2, 3, 4, 5), values(0, 3, 2, 3), values(0)),
        case(
            "NaN in one pixel",
            given(_spot(np.nan)),
            values(3, 2, 2, 3),
            padding=1,
            stride=(1, 2),
            no_gradient=NOT_FINITE,
        ),
        case(
            "infinity in one pixel",
            given(_spot(np.inf)),
            values(3, 2, 2, 3),
            values(3),
            no_gradient=NOT_FINITE,
        ),
        case(
            "NaN, grouped",
            given(np.moveaxis(_spot(np.nan), 1, -1)),
            values(2, 1, 2, 2),
            groups=2,
            data_format="channels_last",
            no_gradient=NOT_FINITE,
        ),
        # The parts of the sum are past the largest float16, the sum is not.
        case(
            "large values that cancel",
            given([[[[6e4, 6e4, -6e4, -6e4, 3e4]]]]),
            given(np.ones((1, 1, 1, 5))),
        ),
        case(
            "five thousand ones",
            given(np.ones((1, 1, 50, 100))),
            given(np.ones((1, 1, 50, 100))),
        ),
        # Rounded to bfloat16 before the bias came, the sum would lose what makes it 258.
        case(
            "a bias that decides",
            given(np.full((1, 1, 1, 2), 128.25)),
            given(np.ones((1, 1, 1, 2))),
            given([0.75]),
        ),
        case(
            "thousands of images",
            values(1100, 2, 2, 3),
            values(2, 2, 2, 2),
            dtypes=("float32", "float16"),
        ),
        case(
            "a long picture",
            values(1, 2, 2, 3000),
            values(2, 2, 2, 3),
            padding="same",
            stride=2,
            dtypes=("float32", "bfloat16"),
        ),
        case("many channels", values(1, 600, 2, 3), values(3, 600, 2, 2)),
    ),
    draw=_draw_conv,
    sized=lambda n: case(
        "rows",
        values(n, 4, 2, 5),
        values(6, 2, 2, 2),
        values(6),
        stride=(2, 1),
        padding=(1, 0),
        dilation=(1, 3),
        groups=2,
    ),
    oracle=conv2d_oracle,
    natives=idioms(globals(), "conv2d"),
    dtypes=FLOATS,
    tolerance=4,
    magnitude=conv2d_magnitude,
    mistakes=(
        mistake(
            "groups do not divide",
            ValueError,
            "conv2d: x has 5 channels, which groups = 2 does not divide (x has shape (1, 5, 4, 6))",
            values(1, 5, 4, 6),
            values(4, 2, 3, 3),
            groups=2,
        ),
        mistake(
            "groups do not divide, channels last",
            ValueError,
            "conv2d: x has 6 channels, which groups = 4 does not divide (x has shape (1, 5, 4, 6))",
            values(1, 5, 4, 6),
            values(4, 2, 3, 3),
            groups=4,
            data_format="channels_last",
        ),
        mistake(
            "a weight for other channels",
            ValueError,
            "conv2d: weight must have c/groups = 3 input channels, got 4 "
            "(x has shape (1, 3, 5, 6), weight (2, 4, 3, 3))",
            values(1, 3, 5, 6),
            values(2, 4, 3, 3),
        ),
        mistake(
            "a weight for all channels, grouped",
            ValueError,
            "conv2d: weight must have c/groups = 2 input channels, got 4 "
            "(x has shape (1, 4, 5, 6), weight (2, 4, 3, 3))",
            values(1, 4, 5, 6),
            values(2, 4, 3, 3),
            groups=2,
        ),
        mistake(
            "groups do not divide the output",
            ValueError,
            "conv2d: weight has 5 output channels, which groups = 2 does not divide "
            "(weight has shape (5, 2, 3, 3))",
            values(1, 4, 5, 6),
            values(5, 2, 3, 3),
            groups=2,
        ),
        mistake(
            "no groups",
            ValueError,
            "conv2d: groups must be at least 1, got 0",
            values(1, 4, 5, 6),
            values(2, 4, 3, 3),
            groups=0,
        ),
        mistake(
            "groups is a word",
            TypeError,
            "conv2d: groups must be an integer, got 'depthwise'",
            values(1, 4, 5, 6),
            values(2, 4, 3, 3),
            groups="depthwise",
        ),
        mistake(
            "a bias of another length",
            ValueError,
            "conv2d: bias must have shape (2,), got (4,) (weight has shape (2, 4, 3, 3))",
            values(1, 4, 5, 6),
            values(2, 4, 3, 3),
            values(4),
        ),
        mistake(
            "a bias with more axes",
            ValueError,
            "conv2d: bias must have shape (2,), got (2, 1, 1) (weight has shape (2, 4, 3, 3))",
            values(1, 4, 5, 6),
            values(2, 4, 3, 3),
            values(2, 1, 1),
        ),
        mistake(
            "one image",
            ValueError,
            "conv2d: x must have 4 axes (b c h w), got 3 (x has shape (3, 5, 6))",
            values(3, 5, 6),
            values(2, 3, 3, 3),
        ),
        mistake(
            "one image, channels last",
            ValueError,
            "conv2d: x must have 4 axes (b h w c), got 3 (x has shape (5, 6, 3))",
            values(5, 6, 3),
            values(2, 3, 3, 3),
            data_format="channels_last",
        ),
        mistake(
            "a flat kernel",
            ValueError,
            "conv2d: weight must have 4 axes (out c kh kw), got 2 (weight has shape (3, 3))",
            values(1, 1, 5, 6),
            values(3, 3),
        ),
        mistake(
            "a kernel without height",
            ValueError,
            "conv2d: the height of weight must be at least 1, got 0 "
            "(weight has shape (2, 3, 0, 3))",
            values(1, 3, 5, 6),
            values(2, 3, 0, 3),
        ),
        mistake(
            "a kernel without width",
            ValueError,
            "conv2d: the width of weight must be at least 1, got 0 (weight has shape (2, 3, 3, 0))",
            values(1, 3, 5, 6),
            values(2, 3, 3, 0),
        ),
        mistake(
            "a kernel too high",
            ValueError,
            "conv2d: x has height 2 with padding 1 + 1, less than a window's 5 "
            "(x has shape (1, 3, 2, 6))",
            values(1, 3, 2, 6),
            values(2, 3, 5, 3),
            padding=1,
        ),
        mistake(
            "a kernel too wide by its dilation",
            ValueError,
            "conv2d: x has width 6, less than a window's 7 with dilation 3 "
            "(x has shape (1, 5, 6, 3))",
            values(1, 5, 6, 3),
            values(2, 3, 3, 3),
            dilation=(1, 3),
            data_format="channels_last",
        ),
        mistake(
            "no stride",
            ValueError,
            "conv2d: stride must be at least 1, got 0",
            values(1, 3, 5, 6),
            values(2, 3, 3, 3),
            stride=0,
        ),
        mistake(
            "three strides",
            ValueError,
            "conv2d: stride must be an integer or a pair of integers, got 3 of them",
            values(1, 3, 5, 6),
            values(2, 3, 3, 3),
            stride=(1, 1, 1),
        ),
        mistake(
            "no dilation",
            ValueError,
            "conv2d: dilation[1] must be at least 1, got 0",
            values(1, 3, 5, 6),
            values(2, 3, 3, 3),
            dilation=(1, 0),
        ),
        mistake(
            "a negative border",
            ValueError,
            "conv2d: padding must be at least 0, got -1",
            values(1, 3, 5, 6),
            values(2, 3, 3, 3),
            padding=-1,
        ),
        mistake(
            "a border for each side",
            ValueError,
            "conv2d: padding must be an integer or a pair of integers, got 4 of them",
            values(1, 3, 5, 6),
            values(2, 3, 3, 3),
            padding=(1, 1, 1, 1),
        ),
        mistake(
            "an unknown padding",
            ValueError,
            "conv2d: padding must be 'valid' or 'same', got 'SAME'",
            values(1, 3, 5, 6),
            values(2, 3, 3, 3),
            padding="SAME",
        ),
        mistake(
            "half a border",
            TypeError,
            "conv2d: padding must be an integer, got 0.5",
            values(1, 3, 5, 6),
            values(2, 3, 3, 3),
            padding=0.5,
        ),
        mistake(
            "an unknown format",
            ValueError,
            "conv2d: data_format must be 'channels_first' or 'channels_last', got 'NCHW'",
            values(1, 3, 5, 6),
            values(2, 3, 3, 3),
            data_format="NCHW",
        ),
        mistake(
            "integers",
            TypeError,
            "conv2d: x must have a floating dtype, got int32",
            Given(np.ones((1, 3, 5, 6)), "int32"),
            Given(np.ones((2, 3, 3, 3)), "int32"),
        ),
        mistake(
            "a weight of integers",
            TypeError,
            "conv2d: weight must have a floating dtype, got int32",
            values(1, 3, 5, 6),
            Given(np.ones((2, 3, 3, 3)), "int32"),
        ),
        mistake(
            "a bias of another dtype",
            TypeError,
            "conv2d: x is float32 and bias is float16; pass arrays of one dtype",
            values(1, 3, 5, 6),
            values(2, 3, 3, 3),
            Given(np.ones(2), "float16"),
        ),
        mistake(
            "a weight of another dtype",
            TypeError,
            "conv2d: x is float32 and weight is float16; pass arrays of one dtype",
            values(1, 3, 5, 6),
            Given(np.ones((2, 3, 3, 3)), "float16"),
        ),
        mistake(
            "a list for a weight",
            TypeError,
            "conv2d: weight must be an array of NumPy, PyTorch, JAX or TensorFlow, got a list",
            values(1, 1, 5, 6),
            [[[[1.0]]]],
        ),
        mistake(
            "a number for a bias",
            TypeError,
            "conv2d: bias must be an array of NumPy, PyTorch, JAX or TensorFlow, got a float",
            values(1, 3, 5, 6),
            values(2, 3, 3, 3),
            0.5,
        ),
    ),
)


# --- conv_transpose2d ----------------------------------------------------------------------------


def conv_transpose2d_oracle(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    dilation: Any = 1,
    data_format: str = "channels_first",
) -> Array:
    picture = x if data_format == "channels_first" else np.moveaxis(x, -1, 1)
    b, channels, h, w = picture.shape
    _, out_channels, kh, kw = weight.shape
    (sh, sw), (ph, pw), (dh, dw) = _two(stride), _two(padding), _two(dilation)
    (eh, ew) = _two(output_padding)
    size = (
        (h - 1) * sh - 2 * ph + dh * (kh - 1) + eh + 1,
        (w - 1) * sw - 2 * pw + dw * (kw - 1) + ew + 1,
    )
    shape = (b, out_channels, *size)
    start = [0.0] * out_channels if bias is None else bias.tolist()
    terms = {place: [start[place[1]]] for place in product(*map(range, shape))}
    pixels, weights = picture.tolist(), weight.tolist()
    # Each pixel paints its kernel; what falls off the edges is lost.
    brush = list(product(range(out_channels), range(kh), range(kw)))
    for n, c, y, z in product(range(b), range(channels), range(h), range(w)):
        for o, i, j in brush:
            at = (n, o, y * sh + i * dh - ph, z * sw + j * dw - pw)
            if at in terms:
                terms[at].append(weights[c][o][i][j] * pixels[n][c][y][z])
    out = np.empty(shape)
    for place, found in terms.items():
        out[place] = exact_sum(found)
    return out if data_format == "channels_first" else np.moveaxis(out, 1, -1)


def conv_transpose2d_magnitude(
    x: Array, weight: Array, bias: Array | None = None, **options: Any
) -> Array:
    size = None if bias is None else np.abs(bias)
    return conv_transpose2d_oracle(np.abs(x), np.abs(weight), size, **options)


def conv_transpose2d_numpy(x, weight, bias, stride, padding, output_padding):
    import numpy as np

    (b, _, h, w), (_, out, kh, kw) = x.shape, weight.shape
    high = (h - 1) * stride + kh + output_padding
    wide = (w - 1) * stride + kw + output_padding
    y = np.zeros((b, out, high, wide), x.dtype)
    for i in range(kh):
        for j in range(kw):
            painted = np.tensordot(x, weight[:, :, i, j], (1, 0)).transpose(0, 3, 1, 2)
            y[:, :, i : i + h * stride : stride, j : j + w * stride : stride][:, :, :h, :w] += (
                painted
            )
    return y[:, :, padding : high - padding, padding : wide - padding] + bias[:, None, None]


def conv_transpose2d_torch(x, weight, bias, stride, padding, output_padding):
    import torch.nn.functional as F

    return F.conv_transpose2d(x, weight, bias, stride, padding, output_padding)


def conv_transpose2d_jax(x, weight, bias, stride, padding, output_padding):
    import jax

    kernel = weight[:, :, ::-1, ::-1].swapaxes(0, 1)
    around = [(k - 1 - padding, k - 1 - padding + output_padding) for k in weight.shape[2:]]
    out = jax.lax.conv_general_dilated(
        x,
        kernel,
        (1, 1),
        around,
        lhs_dilation=(stride, stride),
        dimension_numbers=("NCHW", "OIHW", "NCHW"),
    )
    return out + bias[:, None, None]


def conv_transpose2d_tensorflow(x, weight, bias, stride, padding, output_padding):
    import tensorflow as tf

    (b, _, h, w), (_, out, kh, kw) = x.shape, weight.shape
    high, wide = (h - 1) * stride + kh, (w - 1) * stride + kw
    pixels = tf.transpose(x, [0, 2, 3, 1])
    kernel = tf.transpose(weight, [2, 3, 1, 0])  # height, width, out, in
    y = tf.nn.conv2d_transpose(pixels, kernel, [b, high, wide, out], stride, "VALID")
    y = tf.pad(y, [[0, 0], [0, output_padding], [0, output_padding], [0, 0]])
    y = y[:, padding : high + output_padding - padding, padding : wide + output_padding - padding]
    return tf.transpose(tf.nn.bias_add(y, bias), [0, 3, 1, 2])


def _draw_transpose(draw: Draw) -> Case:
    b, c, out = draw.integer(0, 2), draw.integer(1, 2), draw.integer(1, 3)
    h, w, kh, kw = (draw.integer(1, 3) for _ in range(4))
    stride, dilation = _draw_pair(draw, 1, 3), _draw_pair(draw, 1, 2)
    sides = list(zip(_two(stride), _two(dilation), strict=True))
    extra = [draw.integer(0, max(side) - 1) for side in sides]
    padding = []
    for (s, d), n, k, more in zip(sides, (h, w), (kh, kw), extra, strict=True):
        most = ((n - 1) * s + d * (k - 1) + more) // 2
        padding.append(draw.integer(0, min(most, 4)))
    data_format = draw.choice(FORMATS)
    return case(
        "drawn",
        values(*_framed(b, c, h, w, data_format)),
        values(c, out, kh, kw),
        draw.choice([None, values(out)]),
        stride=stride,
        padding=tuple(padding),
        output_padding=tuple(extra),
        dilation=dilation,
        data_format=data_format,
    )


_SMALL, _BRUSH = values(2, 3, 4, 5), values(3, 2, 2, 3)

CONV_TRANSPOSE2D = Entry(
    op=ops.conv_transpose2d,
    cases=(
        case(
            "twice as large",
            values(2, 3, 4, 5),
            values(3, 2, 3, 3),
            values(2),
            stride=2,
            padding=1,
            output_padding=1,
        ),
        _where("plain", _SMALL, _BRUSH),
        _where("a stride for the height alone", _SMALL, _BRUSH, values(2), stride=(3, 1)),
        _where("larger strides than kernels", _SMALL, _BRUSH, stride=(3, 4)),
        _where("cut", _SMALL, _BRUSH, padding=(2, 1)),
        _where("cut into the pixels", _SMALL, values(3, 2, 1, 2), padding=(1, 2), stride=2),
        _where("extra rows", _SMALL, _BRUSH, stride=(3, 2), output_padding=(2, 0)),
        _where("extra columns", _SMALL, _BRUSH, stride=(2, 3), padding=1, output_padding=(0, 2)),
        _where("dilations", _SMALL, _BRUSH, dilation=(3, 2)),
        _where(
            "extra by dilation", _SMALL, _BRUSH, values(2), dilation=(2, 3), output_padding=(1, 2)
        ),
        case(
            "all settings",
            values(2, 3, 3, 4),
            values(3, 4, 3, 2),
            values(4),
            stride=(2, 3),
            padding=(1, 2),
            output_padding=(1, 2),
            dilation=(2, 3),
        ),
        case(
            "all settings, channels last",
            values(2, 3, 4, 3),
            values(3, 4, 2, 3),
            values(4),
            stride=(3, 2),
            padding=[2, 1],
            output_padding=[2, 1],
            dilation=(3, 1),
            data_format="channels_last",
        ),
        _where("one cell", _SMALL, values(3, 2, 1, 1), values(2)),
        _where("one cell, apart", _SMALL, values(3, 2, 1, 1), stride=(2, 3), output_padding=1),
        _where(
            "nothing but what is added",
            values(1, 1, 2, 1),
            values(1, 1, 1, 1),
            values(1),
            padding=2,
            dilation=10,
            output_padding=9,
        ),
        _where("one pixel", values(1, 2, 1, 1), values(2, 3, 2, 3), stride=5),
        _where("a result of one pixel", values(1, 2, 3, 3), values(2, 3, 1, 1), padding=1),
        _where("no images", values(0, 3, 4, 5), _BRUSH, values(2), stride=2),
        _where(
            "no images, channels last",
            values(0, 4, 5, 3),
            _BRUSH,
            padding=1,
            data_format="channels_last",
        ),
        _where("no channels", values(2, 0, 2, 3), values(0, 3, 2, 3), values(3), stride=2),
        _where("no output channels", values(2, 3, 2, 3), values(3, 0, 2, 3), values(0)),
        case(
            "NaN in one pixel",
            given(_spot(np.nan)),
            values(2, 3, 2, 3),
            stride=(1, 2),
            no_gradient=NOT_FINITE,
        ),
        case(
            "infinity in one pixel",
            given(_spot(np.inf)),
            values(2, 3, 2, 3),
            padding=1,
            no_gradient=NOT_FINITE,
        ),
        case(
            "large values that cancel",
            given([[[[6e4, 6e4, 6e4, -6e4, -6e4, -6e4]]]]),
            given(np.ones((1, 1, 1, 4))),
        ),
        case(
            "five thousand ones",
            given(np.ones((1, 5000, 1, 2))),
            given(np.ones((5000, 1, 2, 1))),
        ),
        case(
            "a bias that decides",
            given(np.full((1, 2, 1, 1), 128.25)),
            given(np.ones((2, 1, 1, 1))),
            given([0.75]),
        ),
        case(
            "thousands of images",
            values(1100, 1, 2, 3),
            values(1, 1, 2, 2),
            stride=2,
            dtypes=("float32", "bfloat16"),
        ),
        case(
            "a long picture",
            values(1, 2, 2, 1500),
            values(2, 1, 2, 3),
            stride=(1, 2),
            padding=1,
            output_padding=(0, 1),
            dtypes=("float32", "float16"),
        ),
    ),
    draw=_draw_transpose,
    sized=lambda n: case(
        "rows",
        values(n, 1, 4, 5),
        values(5, 2, 2, 1),
        values(2),
        stride=(1, 2),
        padding=(0, 1),
        output_padding=(0, 1),
        data_format="channels_last",
    ),
    oracle=conv_transpose2d_oracle,
    natives=idioms(globals(), "conv_transpose2d"),
    dtypes=FLOATS,
    tolerance=4,
    magnitude=conv_transpose2d_magnitude,
    mistakes=(
        mistake(
            "a weight for other channels",
            ValueError,
            "conv_transpose2d: weight must have 3 input channels, as many as x, got 2 "
            "(x has shape (1, 3, 5, 6), weight (2, 3, 4, 4))",
            values(1, 3, 5, 6),
            values(2, 3, 4, 4),
        ),
        mistake(
            "a weight for other channels, last",
            ValueError,
            "conv_transpose2d: weight must have 6 input channels, as many as x, got 3 "
            "(x has shape (1, 3, 5, 6), weight (3, 2, 4, 4))",
            values(1, 3, 5, 6),
            values(3, 2, 4, 4),
            data_format="channels_last",
        ),
        mistake(
            "a bias for the input",
            ValueError,
            "conv_transpose2d: bias must have shape (2,), got (3,) (weight has shape (3, 2, 4, 4))",
            values(1, 3, 5, 6),
            values(3, 2, 4, 4),
            values(3),
        ),
        mistake(
            "too much output padding",
            ValueError,
            "conv_transpose2d: output_padding must be less than stride or dilation, got 2 for the "
            "height with stride 2 and dilation 1",
            values(1, 3, 5, 6),
            values(3, 2, 4, 4),
            stride=2,
            output_padding=2,
        ),
        mistake(
            "output padding without a stride",
            ValueError,
            "conv_transpose2d: output_padding must be less than stride or dilation, got 1 for the "
            "width with stride 1 and dilation 1",
            values(1, 3, 5, 6),
            values(3, 2, 4, 4),
            stride=(2, 1),
            output_padding=1,
        ),
        mistake(
            "too much output padding for a dilation",
            ValueError,
            "conv_transpose2d: output_padding must be less than stride or dilation, got 3 for the "
            "width with stride 2 and dilation 3",
            values(1, 3, 5, 6),
            values(3, 2, 4, 4),
            stride=2,
            dilation=3,
            output_padding=(0, 3),
        ),
        mistake(
            "negative output padding",
            ValueError,
            "conv_transpose2d: output_padding must be at least 0, got -1",
            values(1, 3, 5, 6),
            values(3, 2, 4, 4),
            output_padding=-1,
        ),
        mistake(
            "no height is left",
            ValueError,
            "conv_transpose2d: the height of the result must be at least 1, got 0 with padding 2 "
            "(x has shape (1, 1, 2, 6))",
            values(1, 1, 2, 6),
            values(1, 1, 3, 3),
            padding=(2, 1),
        ),
        mistake(
            "no width is left",
            ValueError,
            "conv_transpose2d: the width of the result must be at least 1, got -1 with padding 3 "
            "(x has shape (1, 6, 2, 1))",
            values(1, 6, 2, 1),
            values(1, 1, 3, 2),
            padding=(0, 3),
            stride=3,
            data_format="channels_last",
        ),
        mistake(
            "padding is a word",
            TypeError,
            "conv_transpose2d: padding must be an integer, got 'same'",
            values(1, 3, 5, 6),
            values(3, 2, 4, 4),
            padding="same",
        ),
        mistake(
            "negative padding",
            ValueError,
            "conv_transpose2d: padding[0] must be at least 0, got -2",
            values(1, 3, 5, 6),
            values(3, 2, 4, 4),
            padding=(-2, 1),
        ),
        mistake(
            "no stride",
            ValueError,
            "conv_transpose2d: stride must be at least 1, got 0",
            values(1, 3, 5, 6),
            values(3, 2, 4, 4),
            stride=0,
        ),
        mistake(
            "half a dilation",
            TypeError,
            "conv_transpose2d: dilation must be an integer, got 0.5",
            values(1, 3, 5, 6),
            values(3, 2, 4, 4),
            dilation=0.5,
        ),
        mistake(
            "no dilation",
            ValueError,
            "conv_transpose2d: dilation must be at least 1, got 0",
            values(1, 3, 5, 6),
            values(3, 2, 4, 4),
            dilation=0,
        ),
        mistake(
            "one image",
            ValueError,
            "conv_transpose2d: x must have 4 axes (b c h w), got 3 (x has shape (3, 5, 6))",
            values(3, 5, 6),
            values(3, 2, 4, 4),
        ),
        mistake(
            "a flat kernel",
            ValueError,
            "conv_transpose2d: weight must have 4 axes (c out kh kw), got 3 "
            "(weight has shape (3, 4, 4))",
            values(1, 3, 5, 6),
            values(3, 4, 4),
        ),
        mistake(
            "a kernel without height",
            ValueError,
            "conv_transpose2d: the height of weight must be at least 1, got 0 "
            "(weight has shape (3, 2, 0, 4))",
            values(1, 3, 5, 6),
            values(3, 2, 0, 4),
        ),
        mistake(
            "no pixels",
            ValueError,
            "conv_transpose2d: the height of x must be at least 1, got 0 "
            "(x has shape (1, 3, 0, 6))",
            values(1, 3, 0, 6),
            values(3, 2, 4, 4),
        ),
        mistake(
            "no pixels, channels last",
            ValueError,
            "conv_transpose2d: the width of x must be at least 1, got 0 (x has shape (1, 5, 0, 3))",
            values(1, 5, 0, 3),
            values(3, 2, 4, 4),
            data_format="channels_last",
        ),
        mistake(
            "an unknown format",
            ValueError,
            "conv_transpose2d: data_format must be 'channels_first' or 'channels_last', got 'NHWC'",
            values(1, 3, 5, 6),
            values(3, 2, 4, 4),
            data_format="NHWC",
        ),
        mistake(
            "integers",
            TypeError,
            "conv_transpose2d: x must have a floating dtype, got uint8",
            Given(np.ones((1, 3, 5, 6)), "uint8"),
            values(3, 2, 4, 4),
        ),
        mistake(
            "a bias of another dtype",
            TypeError,
            "conv_transpose2d: x is float32 and bias is float16; pass arrays of one dtype",
            values(1, 3, 5, 6),
            values(3, 2, 4, 4),
            Given(np.ones(2), "float16"),
        ),
        mistake(
            "a list for pictures",
            TypeError,
            "conv_transpose2d: x must be an array of NumPy, PyTorch, JAX or TensorFlow, got a list",
            [[[[1.0]]]],
            values(1, 1, 2, 2),
        ),
    ),
)

ENTRIES = (SLIDING_WINDOWS, CONV2D, CONV_TRANSPOSE2D)
