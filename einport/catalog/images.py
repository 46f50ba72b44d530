"""Entries of `einport.ops.images`."""

from __future__ import annotations

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
    Spec,
    case,
    counting,
    given,
    idioms,
    mask,
    mistake,
    values,
)
from .attention import Stage, exactly, linear, normalized
from .contracting import exact_sum

Array = np.ndarray[Any, Any]

HALVES = ("float16", "bfloat16")

NOT_FINITE = "values that are not finite"

DIGITS = digits()
DIGITS_CHANNELS_LAST = np.moveaxis(DIGITS, 1, -1)

SPECIAL = np.array([np.nan, np.inf, -np.inf, -0.0])
LARGE = 2**53 + np.arange(8)
"""Integers that no float tells apart."""


def _image_shape(draw: Draw, channels: int, height: int, width: int) -> tuple[list[int], str]:
    """A shape with none to two batch axes, and its data format."""
    batch = [draw.integer(0, 3) for _ in range(draw.integer(0, 2))]
    if draw.choice([True, False]):
        return [*batch, channels, height, width], "channels_first"
    return [*batch, height, width, channels], "channels_last"


# --- pixel_shuffle -------------------------------------------------------------------------------


def pixel_shuffle_oracle(
    x: Array, upscale_factor: int, *, mode: str = "CRD", data_format: str = "channels_first"
) -> Array:
    r = upscale_factor
    if data_format == "channels_last":
        x = np.moveaxis(x, -1, -3)
    *batch, deep, h, w = x.shape
    channels = deep // r**2
    out = np.empty((*batch, channels, h * r, w * r), x.dtype)
    for c, i, j in np.ndindex(channels, r, r):
        source = (c * r + i) * r + j if mode == "CRD" else (i * r + j) * channels + c
        out[..., c, i::r, j::r] = x[..., source, :, :]
    return np.moveaxis(out, -3, -1) if data_format == "channels_last" else out


def pixel_shuffle_numpy(x, upscale_factor):
    r = upscale_factor
    b, deep, h, w = x.shape
    blocks = x.reshape(b, deep // r**2, r, r, h, w)
    return blocks.transpose(0, 1, 4, 2, 5, 3).reshape(b, deep // r**2, h * r, w * r)


def pixel_shuffle_torch(x, upscale_factor):
    import torch.nn.functional as F

    return F.pixel_shuffle(x, upscale_factor)


def pixel_shuffle_jax(x, upscale_factor):
    r = upscale_factor
    b, deep, h, w = x.shape
    blocks = x.reshape(b, deep // r**2, r, r, h, w)
    return blocks.transpose(0, 1, 4, 2, 5, 3).reshape(b, deep // r**2, h * r, w * r)


def pixel_shuffle_tensorflow(x, upscale_factor):
    import tensorflow as tf

    # tf.nn.depth_to_space reads the channels as (r r c), and on the CPU has them last.
    r = upscale_factor
    b, deep, h, w = x.shape
    blocks = tf.reshape(x, [b, deep // r**2, r, r, h, w])
    return tf.reshape(tf.transpose(blocks, [0, 1, 4, 2, 5, 3]), [b, deep // r**2, h * r, w * r])


def _draw_shuffle(draw: Draw) -> Case:
    r, channels = draw.integer(1, 3), draw.integer(0, 3)
    shape, data_format = _image_shape(draw, channels * r**2, draw.integer(0, 3), draw.integer(0, 3))
    mode = draw.choice(["CRD", "DCR"])
    return case("drawn", counting(*shape), r, mode=mode, data_format=data_format)


PIXEL_SHUFFLE = Entry(
    op=ops.pixel_shuffle,
    cases=(
        case("batch of images", counting(2, 12, 3, 4), 2),
        case("channels as TensorFlow reads them", counting(2, 12, 3, 4), 2, mode="DCR"),
        case("channels last", counting(2, 3, 4, 12), 2, data_format="channels_last"),
        case(
            "as TensorFlow's depth_to_space",
            counting(2, 3, 4, 12),
            2,
            mode="DCR",
            data_format="channels_last",
        ),
        case("by three", counting(1, 18, 2, 3), 3),
        case("by three, DCR", counting(1, 18, 2, 3), 3, mode="DCR"),
        case("by one", counting(2, 3, 4, 5), 1),
        case("one image", counting(8, 3, 2), 2),
        case("one image, channels last", counting(3, 2, 8), 2, data_format="channels_last"),
        case("two batch axes", counting(2, 3, 4, 1, 2), 2),
        case("two batch axes, DCR", counting(2, 3, 8, 1, 2), 2, mode="DCR"),
        case("one pixel", counting(1, 4, 1, 1), 2),
        case("no images", counting(0, 4, 2, 3), 2),
        case("no channels", counting(2, 0, 2, 3), 2),
        case("no pixels", counting(2, 4, 0, 3), 2),
        case(
            "special values",
            given(SPECIAL.reshape(1, 4, 1, 1)),
            2,
            dtypes=FLOATS,
            no_gradient=NOT_FINITE,
        ),
        case("large integers", given(LARGE.reshape(1, 4, 1, 2)), 2, dtypes=("int64",)),
        case("many channels", counting(1, 2000, 1, 2), 2, dtypes=("float32", "int32")),
        case(
            "four digits woven into one",
            given(DIGITS[:4].reshape(12, 150, 150)),
            2,
            mode="DCR",
            dtypes=("uint8",),
        ),
        case(
            "nine channels of digits as one",
            given(np.moveaxis(DIGITS[:3].reshape(9, 150, 150), 0, -1)),
            3,
            data_format="channels_last",
            dtypes=("uint8",),
        ),
    ),
    draw=_draw_shuffle,
    sized=lambda n: case("rows", values(n, 4, 2, 20), 2, mode="DCR", data_format="channels_last"),
    oracle=pixel_shuffle_oracle,
    natives=idioms(globals(), "pixel_shuffle"),
    mistakes=(
        mistake(
            "does not divide",
            ValueError,
            "pixel_shuffle: x has 7 channels, which upscale_factor**2 = 4 does not divide "
            "(x has shape (1, 7, 2, 2))",
            counting(1, 7, 2, 2),
            2,
        ),
        mistake(
            "channels first for channels last",
            ValueError,
            "pixel_shuffle: x has 2 channels, which upscale_factor**2 = 4 does not divide "
            "(x has shape (1, 4, 2, 2))",
            counting(1, 4, 2, 2),
            2,
            data_format="channels_last",
        ),
        mistake(
            "zero",
            ValueError,
            "pixel_shuffle: upscale_factor must be at least 1, got 0",
            counting(1, 4, 2, 2),
            0,
        ),
        mistake(
            "negative",
            ValueError,
            "pixel_shuffle: upscale_factor must be at least 1, got -2",
            counting(1, 4, 2, 2),
            -2,
        ),
        mistake(
            "a float",
            TypeError,
            "pixel_shuffle: upscale_factor must be an integer, got 2.0",
            counting(1, 4, 2, 2),
            2.0,
        ),
        mistake(
            "True",
            TypeError,
            "pixel_shuffle: upscale_factor must be an integer, got True",
            counting(1, 4, 2, 2),
            True,
        ),
        mistake(
            "an unknown mode",
            ValueError,
            "pixel_shuffle: mode must be 'CRD' or 'DCR', got 'crd'",
            counting(1, 4, 2, 2),
            2,
            mode="crd",
        ),
        mistake(
            "an unknown format",
            ValueError,
            "pixel_shuffle: data_format must be 'channels_first' or 'channels_last', got 'NCHW'",
            counting(1, 4, 2, 2),
            2,
            data_format="NCHW",
        ),
        mistake(
            "a matrix",
            ValueError,
            "pixel_shuffle: x must have at least 3 axes (... c h w), got 2 (x has shape (4, 2))",
            counting(4, 2),
            2,
        ),
        mistake(
            "a list",
            TypeError,
            "pixel_shuffle: x must be an array of NumPy, PyTorch, JAX or TensorFlow, got a list",
            [[[1]], [[2]], [[3]], [[4]]],
            2,
        ),
    ),
)


# --- pixel_unshuffle -----------------------------------------------------------------------------


def pixel_unshuffle_oracle(
    x: Array, downscale_factor: int, *, mode: str = "CRD", data_format: str = "channels_first"
) -> Array:
    r = downscale_factor
    if data_format == "channels_last":
        x = np.moveaxis(x, -1, -3)
    *batch, channels, height, width = x.shape
    out = np.empty((*batch, channels * r**2, height // r, width // r), x.dtype)
    for c, i, j in np.ndindex(channels, r, r):
        target = (c * r + i) * r + j if mode == "CRD" else (i * r + j) * channels + c
        out[..., target, :, :] = x[..., c, i::r, j::r]
    return np.moveaxis(out, -3, -1) if data_format == "channels_last" else out


def pixel_unshuffle_numpy(x, downscale_factor):
    r = downscale_factor
    b, c, height, width = x.shape
    blocks = x.reshape(b, c, height // r, r, width // r, r)
    return blocks.transpose(0, 1, 3, 5, 2, 4).reshape(b, c * r**2, height // r, width // r)


def pixel_unshuffle_torch(x, downscale_factor):
    import torch.nn.functional as F

    return F.pixel_unshuffle(x, downscale_factor)


def pixel_unshuffle_jax(x, downscale_factor):
    r = downscale_factor
    b, c, height, width = x.shape
    blocks = x.reshape(b, c, height // r, r, width // r, r)
    return blocks.transpose(0, 1, 3, 5, 2, 4).reshape(b, c * r**2, height // r, width // r)


def pixel_unshuffle_tensorflow(x, downscale_factor):
    import tensorflow as tf

    # tf.nn.space_to_depth writes the channels as (r r c), and on the CPU has them last.
    r = downscale_factor
    b, c, height, width = x.shape
    blocks = tf.reshape(x, [b, c, height // r, r, width // r, r])
    blocks = tf.transpose(blocks, [0, 1, 3, 5, 2, 4])
    return tf.reshape(blocks, [b, c * r**2, height // r, width // r])


def _draw_unshuffle(draw: Draw) -> Case:
    r, h, w = draw.integer(1, 3), draw.integer(0, 3), draw.integer(0, 3)
    shape, data_format = _image_shape(draw, draw.integer(0, 3), h * r, w * r)
    mode = draw.choice(["CRD", "DCR"])
    return case("drawn", counting(*shape), r, mode=mode, data_format=data_format)


PIXEL_UNSHUFFLE = Entry(
    op=ops.pixel_unshuffle,
    cases=(
        case("batch of images", counting(2, 3, 6, 8), 2),
        case("channels as TensorFlow writes them", counting(2, 3, 6, 8), 2, mode="DCR"),
        case("channels last", counting(2, 6, 8, 3), 2, data_format="channels_last"),
        case(
            "as TensorFlow's space_to_depth",
            counting(2, 6, 8, 3),
            2,
            mode="DCR",
            data_format="channels_last",
        ),
        case("by three", counting(1, 2, 6, 9), 3),
        case("by three, DCR", counting(1, 2, 6, 9), 3, mode="DCR"),
        case("by one", counting(2, 3, 4, 5), 1),
        case("one image", counting(2, 6, 4), 2),
        case("one image, channels last", counting(6, 4, 2), 2, data_format="channels_last"),
        case("two batch axes", counting(2, 3, 1, 2, 4), 2),
        case("two batch axes, DCR", counting(2, 3, 2, 2, 4), 2, mode="DCR"),
        case("to one pixel", counting(1, 1, 3, 3), 3),
        case("no images", counting(0, 3, 2, 4), 2),
        case("no pixels", counting(2, 3, 0, 4), 2),
        case(
            "special values",
            given(SPECIAL.reshape(1, 1, 2, 2)),
            2,
            dtypes=FLOATS,
            no_gradient=NOT_FINITE,
        ),
        case("large integers", given(LARGE.reshape(1, 1, 2, 4)), 2, dtypes=("int64",)),
        case("thousands of rows", counting(1, 2, 4000, 2), 2, dtypes=("float32", "int32")),
        case("digits", given(DIGITS), 5, dtypes=("uint8",)),
        case(
            "digits, channels last, DCR",
            given(DIGITS_CHANNELS_LAST),
            3,
            mode="DCR",
            data_format="channels_last",
            dtypes=("uint8",),
        ),
    ),
    draw=_draw_unshuffle,
    sized=lambda n: case("rows", values(n, 6, 4, 10), 2, mode="DCR"),
    oracle=pixel_unshuffle_oracle,
    natives=idioms(globals(), "pixel_unshuffle"),
    mistakes=(
        mistake(
            "height does not divide",
            ValueError,
            "pixel_unshuffle: x has height 5, which downscale_factor = 2 does not divide "
            "(x has shape (1, 3, 5, 4))",
            counting(1, 3, 5, 4),
            2,
        ),
        mistake(
            "width does not divide, channels last",
            ValueError,
            "pixel_unshuffle: x has width 5, which downscale_factor = 2 does not divide "
            "(x has shape (1, 4, 5, 2))",
            counting(1, 4, 5, 2),
            2,
            data_format="channels_last",
        ),
        mistake(
            "zero",
            ValueError,
            "pixel_unshuffle: downscale_factor must be at least 1, got 0",
            counting(1, 3, 4, 4),
            0,
        ),
        mistake(
            "negative",
            ValueError,
            "pixel_unshuffle: downscale_factor must be at least 1, got -2",
            counting(1, 3, 4, 4),
            -2,
        ),
        mistake(
            "a float",
            TypeError,
            "pixel_unshuffle: downscale_factor must be an integer, got 2.5",
            counting(1, 3, 4, 4),
            2.5,
        ),
        mistake(
            "True",
            TypeError,
            "pixel_unshuffle: downscale_factor must be an integer, got True",
            counting(1, 3, 4, 4),
            True,
        ),
        mistake(
            "an unknown mode",
            ValueError,
            "pixel_unshuffle: mode must be 'CRD' or 'DCR', got 'CDR'",
            counting(1, 3, 4, 4),
            2,
            mode="CDR",
        ),
        mistake(
            "an unknown format",
            ValueError,
            "pixel_unshuffle: data_format must be 'channels_first' or 'channels_last', got 'first'",
            counting(1, 3, 4, 4),
            2,
            data_format="first",
        ),
        mistake(
            "a matrix, channels last",
            ValueError,
            "pixel_unshuffle: x must have at least 3 axes (... h w c), got 2 (x has shape (4, 4))",
            counting(4, 4),
            2,
            data_format="channels_last",
        ),
        mistake(
            "a list",
            TypeError,
            "pixel_unshuffle: x must be an array of NumPy, PyTorch, JAX or TensorFlow, got a list",
            [[[1, 2], [3, 4]]],
            2,
        ),
    ),
)


# --- extract_patches -----------------------------------------------------------------------------


def extract_patches_oracle(
    x: Array, patch_size: int, *, data_format: str = "channels_first"
) -> Array:
    p = patch_size
    if data_format == "channels_last":
        x = np.moveaxis(x, -1, 1)
    b, channels, height, width = x.shape
    across = width // p
    out = np.empty((b, height // p * across, p * p * channels), x.dtype)
    for row, column in np.ndindex(height, width):
        patch = row // p * across + column // p
        pixel = (row % p * p + column % p) * channels
        out[:, patch, pixel : pixel + channels] = x[:, :, row, column]
    return out


def extract_patches_numpy(x, patch_size):
    p = patch_size
    b, c, height, width = x.shape
    patches = x.reshape(b, c, height // p, p, width // p, p).transpose(0, 2, 4, 3, 5, 1)
    return patches.reshape(b, -1, p * p * c)


def extract_patches_torch(x, patch_size):
    p = patch_size
    patches = x.unfold(2, p, p).unfold(3, p, p)  # b c h w p p
    return patches.permute(0, 2, 3, 4, 5, 1).flatten(3).flatten(1, 2)


def extract_patches_jax(x, patch_size):
    p = patch_size
    b, c, height, width = x.shape
    patches = x.reshape(b, c, height // p, p, width // p, p).transpose(0, 2, 4, 3, 5, 1)
    return patches.reshape(b, -1, p * p * c)


def extract_patches_tensorflow(x, patch_size):
    import tensorflow as tf

    sizes = [1, patch_size, patch_size, 1]
    images = tf.transpose(x, [0, 2, 3, 1])
    patches = tf.image.extract_patches(images, sizes, sizes, [1, 1, 1, 1], "VALID")
    return tf.reshape(patches, [x.shape[0], -1, patches.shape[-1]])


def _draw_patches(draw: Draw) -> tuple[tuple[int, ...], int]:
    """The shape (b, c, h, w) of images, and a patch size that divides it."""
    p = draw.integer(1, 3)
    b, c, h, w = (draw.integer(0, 3) for _ in range(4))
    return (b, c, h * p, w * p), p


def _draw_extract(draw: Draw) -> Case:
    (b, c, height, width), p = _draw_patches(draw)
    if draw.choice([True, False]):
        return case("drawn", counting(b, c, height, width), p)
    return case("drawn", counting(b, height, width, c), p, data_format="channels_last")


EXTRACT_PATCHES = Entry(
    op=ops.extract_patches,
    cases=(
        case("batch of images", counting(2, 3, 4, 6), 2),
        case("channels last", counting(2, 4, 6, 3), 2, data_format="channels_last"),
        case("patches of three", counting(1, 2, 9, 6), 3),
        case("patches of one", counting(2, 3, 2, 4), 1),
        case("one patch", counting(2, 3, 4, 4), 4),
        case("one channel", counting(1, 1, 2, 4), 2),
        case("one pixel", counting(1, 1, 1, 1), 1),
        case("no images", counting(0, 3, 4, 2), 2),
        case("no channels", counting(2, 0, 4, 2), 2),
        case("no height", counting(2, 3, 0, 4), 2),
        case(
            "special values",
            given(SPECIAL.reshape(1, 1, 2, 2)),
            2,
            dtypes=FLOATS,
            no_gradient=NOT_FINITE,
        ),
        case("large integers", given(LARGE.reshape(1, 1, 2, 4)), 2, dtypes=("int64",)),
        case("thousands of patches", counting(1, 2, 4000, 2), 2, dtypes=("float32", "int32")),
        case("digits", given(DIGITS), 5, dtypes=("uint8",)),
        case(
            "parts of digits, channels last",
            given(DIGITS_CHANNELS_LAST[:, :90, :120]),
            30,
            data_format="channels_last",
            dtypes=("uint8",),
        ),
    ),
    draw=_draw_extract,
    sized=lambda n: case("rows", values(n, 6, 8, 5), 2, data_format="channels_last"),
    oracle=extract_patches_oracle,
    natives=idioms(globals(), "extract_patches"),
    mistakes=(
        mistake(
            "height does not divide",
            ValueError,
            "extract_patches: x has height 5, which patch_size = 2 does not divide "
            "(x has shape (1, 3, 5, 4))",
            counting(1, 3, 5, 4),
            2,
        ),
        mistake(
            "width does not divide, channels last",
            ValueError,
            "extract_patches: x has width 6, which patch_size = 4 does not divide "
            "(x has shape (1, 8, 6, 4))",
            counting(1, 8, 6, 4),
            4,
            data_format="channels_last",
        ),
        mistake(
            "zero",
            ValueError,
            "extract_patches: patch_size must be at least 1, got 0",
            counting(1, 3, 4, 4),
            0,
        ),
        mistake(
            "negative",
            ValueError,
            "extract_patches: patch_size must be at least 1, got -4",
            counting(1, 3, 4, 4),
            -4,
        ),
        mistake(
            "a float",
            TypeError,
            "extract_patches: patch_size must be an integer, got 2.0",
            counting(1, 3, 4, 4),
            2.0,
        ),
        mistake(
            "True",
            TypeError,
            "extract_patches: patch_size must be an integer, got True",
            counting(1, 3, 4, 4),
            True,
        ),
        mistake(
            "two sizes",
            TypeError,
            "extract_patches: patch_size must be an integer, got a tuple",
            counting(1, 3, 4, 4),
            (2, 2),
        ),
        mistake(
            "one image",
            ValueError,
            "extract_patches: x must have 4 axes (b c h w), got 3 (x has shape (3, 4, 4))",
            counting(3, 4, 4),
            2,
        ),
        mistake(
            "one image, channels last",
            ValueError,
            "extract_patches: x must have 4 axes (b h w c), got 3 (x has shape (4, 4, 3))",
            counting(4, 4, 3),
            2,
            data_format="channels_last",
        ),
        mistake(
            "an unknown format",
            ValueError,
            "extract_patches: data_format must be 'channels_first' or 'channels_last', got 'NHWC'",
            counting(1, 3, 4, 4),
            2,
            data_format="NHWC",
        ),
        mistake(
            "a list",
            TypeError,
            "extract_patches: x must be an array of NumPy, PyTorch, JAX or TensorFlow, got a list",
            [[[[1, 2], [3, 4]]]],
            2,
        ),
    ),
)


# --- assemble_patches ----------------------------------------------------------------------------


def assemble_patches_oracle(
    patches: Array,
    patch_size: int,
    height: int,
    width: int,
    *,
    data_format: str = "channels_first",
) -> Array:
    p, across = patch_size, width // patch_size
    channels = patches.shape[2] // p**2
    out = np.empty((patches.shape[0], channels, height, width), patches.dtype)
    for row, column in np.ndindex(height, width):
        patch = row // p * across + column // p
        pixel = (row % p * p + column % p) * channels
        out[:, :, row, column] = patches[:, patch, pixel : pixel + channels]
    return np.moveaxis(out, 1, -1) if data_format == "channels_last" else out


def assemble_patches_numpy(patches, patch_size, height, width):
    p = patch_size
    blocks = patches.reshape(len(patches), height // p, width // p, p, p, -1)
    return blocks.transpose(0, 5, 1, 3, 2, 4).reshape(len(patches), -1, height, width)


def assemble_patches_torch(patches, patch_size, height, width):
    import torch.nn.functional as F

    # fold reads the channel outermost in a patch, and the patches last.
    columns = patches.unflatten(2, (patch_size**2, -1)).permute(0, 3, 2, 1).flatten(1, 2)
    return F.fold(columns, (height, width), patch_size, stride=patch_size)


def assemble_patches_jax(patches, patch_size, height, width):
    p = patch_size
    blocks = patches.reshape(len(patches), height // p, width // p, p, p, -1)
    return blocks.transpose(0, 5, 1, 3, 2, 4).reshape(len(patches), -1, height, width)


def assemble_patches_tensorflow(patches, patch_size, height, width):
    import tensorflow as tf

    b, _, pixels = patches.shape
    grid = tf.reshape(patches, [b, height // patch_size, width // patch_size, pixels])
    return tf.transpose(tf.nn.depth_to_space(grid, patch_size), [0, 3, 1, 2])


def _draw_assemble(draw: Draw) -> Case:
    p = draw.integer(1, 3)
    b, c, h, w = draw.integer(0, 3), draw.integer(0, 3), draw.integer(1, 3), draw.integer(1, 3)
    data_format = draw.choice(["channels_first", "channels_last"])
    patches = counting(b, h * w, p * p * c)
    return case("drawn", patches, p, h * p, w * p, data_format=data_format)


ASSEMBLE_PATCHES = Entry(
    op=ops.assemble_patches,
    cases=(
        case("batch of images", counting(2, 6, 12), 2, 4, 6),
        case("channels last", counting(2, 6, 12), 2, 4, 6, data_format="channels_last"),
        case("as many patches, the other way", counting(2, 6, 12), 2, 6, 4),
        case("patches of three", counting(1, 6, 18), 3, 9, 6),
        case("patches of one", counting(2, 8, 3), 1, 2, 4),
        case("one patch", counting(2, 1, 48), 4, 4, 4),
        case("one channel", counting(1, 2, 4), 2, 2, 4),
        case("one pixel", counting(1, 1, 1), 1, 1, 1),
        case("no images", counting(0, 6, 12), 2, 4, 6),
        case("no channels", counting(2, 6, 0), 2, 4, 6),
        case(
            "special values",
            given(SPECIAL.reshape(1, 1, 4)),
            2,
            2,
            2,
            dtypes=FLOATS,
            no_gradient=NOT_FINITE,
        ),
        case("large integers", given(LARGE.reshape(1, 2, 4)), 2, 2, 4, dtypes=("int64",)),
        case("thousands of patches", counting(1, 2000, 8), 2, 4000, 2, dtypes=("float32", "int32")),
        case("digits", given(extract_patches_numpy(DIGITS, 5)), 5, 150, 150, dtypes=("uint8",)),
        case(
            "parts of digits, channels last",
            given(extract_patches_numpy(DIGITS[:, :, :90, :120], 30)),
            30,
            90,
            120,
            data_format="channels_last",
            dtypes=("uint8",),
        ),
    ),
    draw=_draw_assemble,
    sized=lambda n: case("rows", values(n, 12, 20), 2, 6, 8),
    oracle=assemble_patches_oracle,
    natives=idioms(globals(), "assemble_patches"),
    mistakes=(
        mistake(
            "too few patches",
            ValueError,
            "assemble_patches: patches has 5 patches, but height 4 and width 6 in patches of 2 "
            "need 6 (patches has shape (1, 5, 12))",
            counting(1, 5, 12),
            2,
            4,
            6,
        ),
        mistake(
            "sizes in patches",
            ValueError,
            "assemble_patches: height = 3 is not a multiple of patch_size = 2",
            counting(1, 9, 12),
            2,
            3,
            3,
        ),
        mistake(
            "a width that does not divide",
            ValueError,
            "assemble_patches: width = 5 is not a multiple of patch_size = 2",
            counting(1, 6, 12),
            2,
            4,
            5,
        ),
        mistake(
            "another patch size",
            ValueError,
            "assemble_patches: patches has 12 values in a patch, which patch_size**2 = 9 does "
            "not divide (patches has shape (1, 6, 12))",
            counting(1, 6, 12),
            3,
            6,
            9,
        ),
        mistake(
            "zero",
            ValueError,
            "assemble_patches: patch_size must be at least 1, got 0",
            counting(1, 6, 12),
            0,
            4,
            6,
        ),
        mistake(
            "no height",
            ValueError,
            "assemble_patches: height must be at least 1, got 0",
            counting(1, 0, 12),
            2,
            0,
            6,
        ),
        mistake(
            "a negative width",
            ValueError,
            "assemble_patches: width must be at least 1, got -6",
            counting(1, 6, 12),
            2,
            4,
            -6,
        ),
        mistake(
            "a float",
            TypeError,
            "assemble_patches: height must be an integer, got 4.0",
            counting(1, 6, 12),
            2,
            4.0,
            6,
        ),
        mistake(
            "True",
            TypeError,
            "assemble_patches: patch_size must be an integer, got True",
            counting(1, 6, 12),
            True,
            4,
            6,
        ),
        mistake(
            "a grid of patches",
            ValueError,
            "assemble_patches: patches must have 3 axes (b n pixels), got 4 "
            "(patches has shape (1, 2, 3, 12))",
            counting(1, 2, 3, 12),
            2,
            4,
            6,
        ),
        mistake(
            "an unknown format",
            ValueError,
            "assemble_patches: data_format must be 'channels_first' or 'channels_last', got 'NCHW'",
            counting(1, 6, 12),
            2,
            4,
            6,
            data_format="NCHW",
        ),
        mistake(
            "a list",
            TypeError,
            "assemble_patches: patches must be an array of NumPy, PyTorch, JAX or TensorFlow, "
            "got a list",
            [[[1, 2, 3, 4]]],
            2,
            2,
            2,
        ),
    ),
)


# --- embed_patches -------------------------------------------------------------------------------


def _embedded(x: Array, params: dict[str, Array], patch_size: int) -> Stage:
    b, channels, height, width = x.shape
    p = patch_size
    rows = np.empty((b, height // p * (width // p), p * p * channels))
    for e, top, left in np.ndindex(b, height // p, width // p):
        pixels = [
            x[e, c, top * p + i, left * p + j]
            for i in range(p)
            for j in range(p)
            for c in range(channels)
        ]
        rows[e, top * (width // p) + left] = pixels
    normal = normalized(exactly(rows), params["norm_scale"], params["norm_shift"])
    return linear(normal, params["weight"], params["bias"])


def embed_patches_oracle(x: Array, params: dict[str, Array], *, patch_size: int) -> Array:
    return _embedded(x, params, patch_size).value


def embed_patches_magnitude(x: Array, params: dict[str, Array], *, patch_size: int) -> Array:
    return _embedded(x, params, patch_size).size


def embed_patches_numpy(x, params, patch_size):
    import numpy as np

    p = patch_size
    b, c, height, width = x.shape
    grid = x.reshape(b, c, height // p, p, width // p, p)
    rows = grid.transpose(0, 2, 4, 3, 5, 1).reshape(b, -1, p * p * c)
    rows = (rows - rows.mean(-1, keepdims=True)) / np.sqrt(rows.var(-1, keepdims=True) + 1e-5)
    rows = rows * params["norm_scale"] + params["norm_shift"]
    return rows @ params["weight"] + params["bias"]


def embed_patches_torch(x, params, patch_size):
    import torch.nn.functional as F

    # unfold has the channel outermost in a patch, and the patches last.
    columns = F.unfold(x, patch_size, stride=patch_size).unflatten(1, (x.shape[1], -1))
    rows = columns.permute(0, 3, 2, 1).flatten(2)
    rows = F.layer_norm(rows, rows.shape[-1:], params["norm_scale"], params["norm_shift"])
    return rows @ params["weight"] + params["bias"]


def embed_patches_jax(x, params, patch_size):
    import jax

    p = patch_size
    b, c, height, width = x.shape
    grid = x.reshape(b, c, height // p, p, width // p, p)
    rows = grid.transpose(0, 2, 4, 3, 5, 1).reshape(b, -1, p * p * c)
    rows = jax.nn.standardize(rows, epsilon=1e-5)
    rows = rows * params["norm_scale"] + params["norm_shift"]
    return rows @ params["weight"] + params["bias"]


def embed_patches_tensorflow(x, params, patch_size):
    import tensorflow as tf

    grid = tf.nn.space_to_depth(tf.transpose(x, [0, 2, 3, 1]), patch_size)
    rows = tf.reshape(grid, [x.shape[0], -1, grid.shape[-1]])
    mean, variance = tf.nn.moments(rows, axes=[-1], keepdims=True)
    scale, shift = params["norm_scale"], params["norm_shift"]
    rows = tf.nn.batch_normalization(rows, mean, variance, shift, scale, 1e-5)
    return tf.tensordot(rows, params["weight"], 1) + params["bias"]


def _embedding(pixels: int, out: int) -> dict[str, Spec]:
    return {
        "norm_scale": values(pixels),
        "norm_shift": values(pixels),
        "weight": values(pixels, out, scale=0.3),
        "bias": values(out),
    }


def _draw_embed(draw: Draw) -> Case:
    p, b, c = draw.integer(1, 3), draw.integer(0, 2), draw.integer(0, 2)
    h, w = draw.integer(0, 3), draw.integer(0, 3)
    params = _embedding(p * p * c, draw.integer(0, 4))
    x = values(b, c, h * p, w * p, scale=draw.choice([1.0, 0.02]))
    return case("drawn", x, params, patch_size=p)


_IMAGES, _EMBEDDING = values(2, 3, 4, 6), _embedding(12, 5)

EMBED_PATCHES = Entry(
    op=ops.embed_patches,
    cases=(
        case("batch of images", _IMAGES, _EMBEDDING, patch_size=2),
        case("patches of three", values(1, 2, 9, 6), _embedding(18, 4), patch_size=3),
        case("patches of one", values(2, 4, 2, 3), _embedding(4, 6), patch_size=1),
        case("one patch", values(2, 1, 4, 4), _embedding(16, 3), patch_size=4),
        case("squares alone", values(2, 2, 4, 4), _embedding(8, 8), patch_size=2),
        # Over one value a layer norm leaves the shift alone.
        case("one pixel of one channel", values(1, 1, 2, 2), _embedding(1, 3), patch_size=1),
        case("no images", values(0, 3, 4, 6), _EMBEDDING, patch_size=2),
        case("no height", values(2, 3, 0, 6), _EMBEDDING, patch_size=2),
        case("no channels", values(2, 0, 4, 6), _embedding(0, 5), patch_size=2),
        case("no outputs", _IMAGES, _embedding(12, 0), patch_size=2),
        case("equal pixels", given(np.full((1, 3, 2, 4), 0.7)), _EMBEDDING, patch_size=2),
        # Variances near eps: another one shows.
        case("faint pixels", values(2, 3, 4, 6, scale=0.003), _EMBEDDING, patch_size=2),
        # The squares are past the largest float16.
        case("pixels to 255", given(DIGITS[:2, :, 36:48, 30:42]), _embedding(48, 5), patch_size=4),
        case(
            "NaN and an infinity",
            given([[[[1, np.nan, 3, 4], [np.inf, 2, 0.5, 6]]]]),
            _embedding(1, 3),
            patch_size=1,
            no_gradient=NOT_FINITE,
        ),
        case(
            "NaN in one patch",
            given([[[[1, np.nan, 3, 4]]]]),
            _embedding(1, 2),
            patch_size=1,
            no_gradient=NOT_FINITE,
        ),
        case(
            "five thousand pixels",
            given(1.1 + np.arange(5000).reshape(1, 5000, 1, 1) % 7 * 0.25),
            _embedding(5000, 2) | {"weight": given(np.full((5000, 2), 1.1))},
            patch_size=1,
        ),
        case(
            "thousands of patches",
            values(1, 1, 2, 2400),
            _embedding(4, 2),
            patch_size=2,
            dtypes=("float32",),
        ),
    ),
    draw=_draw_embed,
    sized=lambda n: case("rows", values(n, 2, 2, 4), _embedding(8, 5), patch_size=2),
    oracle=embed_patches_oracle,
    natives=idioms(globals(), "embed_patches"),
    dtypes=FLOATS,
    tolerance=1,
    magnitude=embed_patches_magnitude,
    mistakes=(
        mistake(
            "a height that does not divide",
            ValueError,
            "embed_patches: x has height 5, which patch_size = 2 does not divide "
            "(x has shape (2, 3, 5, 6))",
            values(2, 3, 5, 6),
            _EMBEDDING,
            patch_size=2,
        ),
        mistake(
            "a width that does not divide",
            ValueError,
            "embed_patches: x has width 7, which patch_size = 2 does not divide "
            "(x has shape (2, 3, 4, 7))",
            values(2, 3, 4, 7),
            _EMBEDDING,
            patch_size=2,
        ),
        mistake(
            "no patch",
            ValueError,
            "embed_patches: patch_size must be at least 1, got 0",
            _IMAGES,
            _EMBEDDING,
            patch_size=0,
        ),
        mistake(
            "half a pixel",
            TypeError,
            "embed_patches: patch_size must be an integer, got 0.5",
            _IMAGES,
            _EMBEDDING,
            patch_size=0.5,
        ),
        mistake(
            "one image",
            ValueError,
            "embed_patches: x must have 4 axes (b c h w), got 3 (x has shape (3, 4, 6))",
            values(3, 4, 6),
            _EMBEDDING,
            patch_size=2,
        ),
        mistake(
            "bytes",
            TypeError,
            "embed_patches: x must have a floating dtype, got uint8",
            Given(np.ones((2, 3, 4, 6)), "uint8"),
            _EMBEDDING,
            patch_size=2,
        ),
        mistake(
            "a list",
            TypeError,
            "embed_patches: x must be an array of NumPy, PyTorch, JAX or TensorFlow, got a list",
            [[[[1.0]]]],
            _EMBEDDING,
            patch_size=1,
        ),
        mistake(
            "parameters for other patches",
            ValueError,
            "embed_patches: params['norm_scale'] must have shape (48,) for the axes (pixels), "
            "got (12,) (x has shape (2, 3, 4, 8))",
            values(2, 3, 4, 8),
            _EMBEDDING,
            patch_size=4,
        ),
        mistake(
            "a weight as PyTorch has it",
            ValueError,
            "embed_patches: params['weight'] must have shape (12, ?) for the axes (pixels out), "
            "got (5, 12) (x has shape (2, 3, 4, 6))",
            _IMAGES,
            _EMBEDDING | {"weight": values(5, 12)},
            patch_size=2,
        ),
        mistake(
            "a bias of another length",
            ValueError,
            "embed_patches: params['bias'] must have shape (5,) for the axes (out), got (12,) "
            "(x has shape (2, 3, 4, 6))",
            _IMAGES,
            _EMBEDDING | {"bias": values(12)},
            patch_size=2,
        ),
        mistake(
            "an entry is missing",
            ValueError,
            "embed_patches: params must have the entries norm_scale, norm_shift, weight, bias; "
            "norm_shift is missing",
            _IMAGES,
            {name: entry for name, entry in _EMBEDDING.items() if name != "norm_shift"},
            patch_size=2,
        ),
        mistake(
            "a list for the parameters",
            TypeError,
            "embed_patches: params must be a dictionary of arrays, got a list",
            _IMAGES,
            [],
            patch_size=2,
        ),
        mistake(
            "a list for a bias",
            TypeError,
            "embed_patches: params['bias'] must be an array of NumPy, PyTorch, JAX or TensorFlow, "
            "got a list",
            _IMAGES,
            _EMBEDDING | {"bias": [0.0] * 5},
            patch_size=2,
        ),
        mistake(
            "a weight of integers",
            TypeError,
            "embed_patches: params['weight'] must have a floating dtype, got int32",
            _IMAGES,
            _EMBEDDING | {"weight": Given(np.ones((12, 5)), "int32")},
            patch_size=2,
        ),
        mistake(
            "two dtypes",
            TypeError,
            "embed_patches: x is float32 and params['norm_scale'] is float16; "
            "pass arrays of one dtype",
            _IMAGES,
            _EMBEDDING | {"norm_scale": Given(np.ones(12), "float16")},
            patch_size=2,
        ),
    ),
)


# --- merge_patches -------------------------------------------------------------------------------


def merge_patches_oracle(x: Array, *, weight: Array | None = None, order: str = "rows") -> Array:
    *batch, height, width, channels = x.shape
    merged = np.empty((*batch, height // 2, width // 2, 4 * channels), x.dtype)
    for row, column in np.ndindex(2, 2):
        part = 2 * row + column if order == "rows" else 2 * column + row
        target = merged[..., part * channels : (part + 1) * channels]
        target[...] = x[..., row::2, column::2, :]
    if weight is None:
        return merged
    outputs = weight.shape[1]
    out = np.empty((*merged.shape[:-1], outputs))
    for place in np.ndindex(*out.shape):
        *at, j = place
        out[place] = exact_sum(merged[(*at, k)] * weight[k, j] for k in range(4 * channels))
    return out


def merge_patches_magnitude(x: Array, *, weight: Array | None = None, order: str = "rows") -> Array:
    """The sum of the absolute terms; without a weight nothing is computed, and no error allowed."""
    if weight is None:
        return 0 * merge_patches_oracle(np.ones_like(x), order=order)
    return merge_patches_oracle(np.abs(x), weight=np.abs(weight), order=order)


def merge_patches_numpy(x):
    import numpy as np

    parts = [x[:, 0::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 0::2], x[:, 1::2, 1::2]]
    return np.concatenate(parts, axis=-1)


def merge_patches_torch(x):
    import torch

    parts = [x[:, 0::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 0::2], x[:, 1::2, 1::2]]
    return torch.cat(parts, dim=-1)


def merge_patches_jax(x):
    import jax.numpy as jnp

    parts = [x[:, 0::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 0::2], x[:, 1::2, 1::2]]
    return jnp.concatenate(parts, axis=-1)


def merge_patches_tensorflow(x):
    import tensorflow as tf

    return tf.nn.space_to_depth(x, 2)


def _draw_merge(draw: Draw) -> Case:
    batch = [draw.integer(0, 3) for _ in range(draw.integer(0, 2))]
    h, w, channels = (draw.integer(0, 3) for _ in range(3))
    shape = *batch, 2 * h, 2 * w, channels
    order = draw.choice(["rows", "swin"])
    if draw.choice([True, False]):
        return case("drawn", counting(*shape), order=order, tolerance=0)
    weight = values(4 * channels, draw.integer(0, 4))
    return case("drawn", values(*shape), weight=weight, order=order, dtypes=FLOATS)


MERGE_PATCHES = Entry(
    op=ops.merge_patches,
    cases=(
        # Without a weight nothing is computed: exact to the sign of zero.
        case("batch of feature maps", counting(2, 4, 6, 3), tolerance=0),
        case("order of the Swin weights", counting(2, 4, 6, 3), order="swin", tolerance=0),
        case("square", counting(2, 4, 4, 4), tolerance=0),
        case("one map", counting(4, 2, 3), tolerance=0),
        case("two batch axes", counting(2, 3, 2, 4, 1), order="swin", tolerance=0),
        case("four places to one", counting(1, 2, 2, 1), tolerance=0),
        case("no maps", counting(0, 2, 4, 3), tolerance=0),
        case("no height", counting(2, 0, 4, 3), tolerance=0),
        case("no channels", counting(2, 4, 2, 0), tolerance=0),
        case(
            "special values",
            given(SPECIAL.reshape(2, 2, 1)),
            dtypes=FLOATS,
            tolerance=0,
            no_gradient=NOT_FINITE,
        ),
        case("large integers", given(LARGE.reshape(2, 4, 1)), dtypes=("int64",), tolerance=0),
        case(
            "thousands of rows", counting(1, 4000, 2, 2), dtypes=("float32", "int32"), tolerance=0
        ),
        case("digits", given(DIGITS_CHANNELS_LAST), dtypes=("uint8",), tolerance=0),
        case(
            "digits, order of the Swin weights",
            given(DIGITS_CHANNELS_LAST),
            order="swin",
            dtypes=("uint8",),
            tolerance=0,
        ),
        case("reduced", values(2, 4, 6, 3), weight=values(12, 5), dtypes=FLOATS),
        case(
            "reduced, order of the Swin weights",
            values(2, 4, 6, 3),
            weight=values(12, 6),
            order="swin",
            dtypes=FLOATS,
        ),
        case("one map, reduced", values(2, 4, 2), weight=values(8, 4), dtypes=FLOATS),
        case("two batch axes, reduced", values(2, 3, 2, 4, 1), weight=values(4, 2), dtypes=FLOATS),
        case("no maps, reduced", values(0, 2, 4, 3), weight=values(12, 5), dtypes=FLOATS),
        case("no channels, reduced", values(1, 2, 4, 0), weight=values(0, 5), dtypes=FLOATS),
        case(
            "NaN and infinities, reduced",
            given([[[np.nan], [1], [np.inf], [1]], [[1], [2], [0], [1]]]),
            weight=given([[1, 0], [1, 2], [3, 1], [0, 1]]),
            dtypes=FLOATS,
            no_gradient=NOT_FINITE,
        ),
        case(
            "five thousand ones, reduced",
            given(np.ones((1, 2, 2, 1250))),
            weight=given(np.ones((5000, 2))),
            dtypes=FLOATS,
        ),
        # In 16 bits, 1.1 more is 1 more once the sum has reached 256.
        case(
            "five thousand of 1.1, reduced",
            given(np.full((1, 2, 2, 1250), 1.1)),
            weight=given(np.ones((5000, 2))),
            dtypes=HALVES,
        ),
        case(
            "thousands of rows, reduced",
            values(1, 2000, 2, 1),
            weight=values(4, 2),
            dtypes=("float32",),
        ),
    ),
    draw=_draw_merge,
    sized=lambda n: case(
        "rows", values(n, 2, 4, 2), weight=values(8, 5), order="swin", dtypes=FLOATS
    ),
    oracle=merge_patches_oracle,
    natives=idioms(globals(), "merge_patches"),
    tolerance=3,
    magnitude=merge_patches_magnitude,
    mistakes=(
        mistake(
            "an odd height",
            ValueError,
            "merge_patches: the height of x must be even, got 5; pad x to even sizes first "
            "(x has shape (1, 5, 4, 3))",
            counting(1, 5, 4, 3),
        ),
        mistake(
            "an odd width",
            ValueError,
            "merge_patches: the width of x must be even, got 7; pad x to even sizes first "
            "(x has shape (1, 4, 7, 3))",
            counting(1, 4, 7, 3),
        ),
        mistake(
            "a matrix",
            ValueError,
            "merge_patches: x must have at least 3 axes (... h w c), got 2 (x has shape (4, 4))",
            counting(4, 4),
        ),
        mistake(
            "an unknown order",
            ValueError,
            "merge_patches: order must be 'rows' or 'swin', got 'columns'",
            counting(1, 4, 4, 3),
            order="columns",
        ),
        mistake(
            "a weight with too few rows",
            ValueError,
            "merge_patches: weight must have 12 rows, 4 for each channel of x, got 8 "
            "(x has shape (1, 4, 4, 3), weight has shape (8, 6))",
            counting(1, 4, 4, 3),
            weight=counting(8, 6),
        ),
        mistake(
            "a weight as PyTorch has it",
            ValueError,
            "merge_patches: weight must have 12 rows, 4 for each channel of x, got 6 "
            "(x has shape (1, 4, 4, 3), weight has shape (6, 12))",
            counting(1, 4, 4, 3),
            weight=counting(6, 12),
        ),
        mistake(
            "a vector for a weight",
            ValueError,
            "merge_patches: weight must have 2 axes (channels out), got 1 (weight has shape (12,))",
            counting(1, 4, 4, 3),
            weight=counting(12),
        ),
        mistake(
            "integers with a weight",
            TypeError,
            "merge_patches: x must have a floating dtype to be multiplied by weight, got int32",
            Given(np.zeros((1, 4, 4, 3)), "int32"),
            weight=Given(np.zeros((12, 6)), "int32"),
        ),
        mistake(
            "two dtypes",
            TypeError,
            "merge_patches: x is float32 and weight is bool; pass arrays of one dtype",
            counting(1, 2, 2, 1),
            weight=mask(np.ones((4, 2))),
        ),
        mistake(
            "a list for a weight",
            TypeError,
            "merge_patches: weight must be an array of NumPy, PyTorch, JAX or TensorFlow, "
            "got a list",
            counting(1, 2, 2, 1),
            weight=[[1.0], [2.0], [3.0], [4.0]],
        ),
        mistake(
            "a list",
            TypeError,
            "merge_patches: x must be an array of NumPy, PyTorch, JAX or TensorFlow, got a list",
            [[[1], [2]], [[3], [4]]],
        ),
    ),
)

ENTRIES = (
    PIXEL_SHUFFLE,
    PIXEL_UNSHUFFLE,
    EXTRACT_PATCHES,
    ASSEMBLE_PATCHES,
    EMBED_PATCHES,
    MERGE_PATCHES,
)
