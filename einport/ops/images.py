"""Images: pixel shuffle, patches and patch embeddings, and their inverses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from einops import rearrange

from .. import expect
from ..backends import Backend
from ..operation import operation
from ..patterns import einsum
from .normalization import layer_norm

__all__ = [
    "assemble_patches",
    "embed_patches",
    "extract_patches",
    "merge_patches",
    "pixel_shuffle",
    "pixel_unshuffle",
]

A = TypeVar("A")

CHANNEL_ORDERS = {"CRD": "(c r1 r2)", "DCR": "(r1 r2 c)"}
ORDERS = ("rows", "swin")

EMBEDDING = {
    "norm_scale": "pixels",
    "norm_shift": "pixels",
    "weight": "pixels out",
    "bias": "out",
}


def _check_pixel_shuffle(x: Any, upscale_factor: Any, mode: Any, data_format: Any) -> None:
    xp = expect.arrays(x=x)
    r = expect.positive_int(upscale_factor=upscale_factor)
    expect.one_of(CHANNEL_ORDERS, mode=mode)
    channels = expect.image(xp, data_format, "...", x=x).channels
    if not expect.divides(r * r, channels):
        raise expect.value_error(
            f"x has {channels} channels, which upscale_factor**2 = {r * r} does not divide "
            f"(x has shape {expect.show(xp.shape(x))})"
        )


@operation(checks=_check_pixel_shuffle)
def pixel_shuffle(
    x: A, upscale_factor: int, *, mode: str = "CRD", data_format: str = "channels_first"
) -> A:
    """Rearrange channels into blocks of r × r pixels (depth to space).

    Args:
        x: `(..., c·r², h, w)`, or `(..., h, w, c·r²)` with channels last; any dtype.
        upscale_factor: r, the side of a block in pixels.
        mode: how the channels are read: `"CRD"` as (c r r), PyTorch's order, or `"DCR"` as
            (r r c), TensorFlow's.
        data_format: `"channels_first"` or `"channels_last"`.

    Returns:
        `(..., c, h·r, w·r)`, or `(..., h·r, w·r, c)`.

    Raises:
        TypeError: `x` is not an array, or the factor not an integer.
        ValueError: r² does not divide the channels, the factor is less than 1, `x` has fewer
            than 3 axes, or the mode or data format is unknown.

    Source: W. Shi et al., "Real-Time Single Image and Video Super-Resolution", CVPR 2016; modes
    as in ONNX's DepthToSpace.

    >>> import numpy as np
    >>> pixel_shuffle(np.arange(4).reshape(4, 1, 1), 2).tolist()
    [[[0, 1], [2, 3]]]
    """
    channels, r = CHANNEL_ORDERS[mode], upscale_factor
    if data_format == "channels_first":
        return rearrange(x, f"... {channels} h w -> ... c (h r1) (w r2)", r1=r, r2=r)
    return rearrange(x, f"... h w {channels} -> ... (h r1) (w r2) c", r1=r, r2=r)


def _check_pixel_unshuffle(x: Any, downscale_factor: Any, mode: Any, data_format: Any) -> None:
    xp = expect.arrays(x=x)
    expect.positive_int(downscale_factor=downscale_factor)
    expect.one_of(CHANNEL_ORDERS, mode=mode)
    image = expect.image(xp, data_format, "...", x=x)
    _check_blocks(xp, x, image, downscale_factor=downscale_factor)


@operation(checks=_check_pixel_unshuffle)
def pixel_unshuffle(
    x: A, downscale_factor: int, *, mode: str = "CRD", data_format: str = "channels_first"
) -> A:
    """Rearrange blocks of r × r pixels into channels: the inverse of `pixel_shuffle`.

    Args:
        x: `(..., c, h·r, w·r)`, or `(..., h·r, w·r, c)` with channels last; any dtype.
        downscale_factor: r, the side of a block in pixels.
        mode: how the channels are written: `"CRD"` as (c r r), or `"DCR"` as (r r c).
        data_format: `"channels_first"` or `"channels_last"`.

    Returns:
        `(..., c·r², h, w)`, or `(..., h, w, c·r²)`.

    Raises:
        TypeError: `x` is not an array, or the factor not an integer.
        ValueError: r does not divide height and width, the factor is less than 1, `x` has fewer
            than 3 axes, or the mode or data format is unknown.

    Source: the inverse of `pixel_shuffle`; ONNX's SpaceToDepth is its mode `"DCR"`.

    >>> import numpy as np
    >>> pixel_unshuffle(np.arange(4).reshape(1, 2, 2), 2).ravel().tolist()
    [0, 1, 2, 3]
    """
    channels, r = CHANNEL_ORDERS[mode], downscale_factor
    if data_format == "channels_first":
        return rearrange(x, f"... c (h r1) (w r2) -> ... {channels} h w", r1=r, r2=r)
    return rearrange(x, f"... (h r1) (w r2) c -> ... h w {channels}", r1=r, r2=r)


def _check_extract_patches(x: Any, patch_size: Any, data_format: Any) -> None:
    xp = expect.arrays(x=x)
    expect.positive_int(patch_size=patch_size)
    _check_blocks(xp, x, expect.image(xp, data_format, x=x), patch_size=patch_size)


@operation(checks=_check_extract_patches)
def extract_patches(x: A, patch_size: int, *, data_format: str = "channels_first") -> A:
    """Cut images into square patches, each flattened to a row of pixels.

    Args:
        x: `(b, c, h·p, w·p)`, or `(b, h·p, w·p, c)` with channels last; any dtype.
        patch_size: p, the side of a patch in pixels.
        data_format: `"channels_first"` or `"channels_last"`.

    Returns:
        `(b, h·w, p·p·c)`: patches row by row, in each the pixels row by row, channels innermost.

    Raises:
        TypeError: `x` is not an array, or the patch size not an integer.
        ValueError: the patch size does not divide height and width or is less than 1, `x` does
            not have 4 axes, or the data format is unknown.

    Source: A. Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021.

    >>> import numpy as np
    >>> extract_patches(np.arange(8).reshape(1, 1, 2, 4), 2).tolist()
    [[[0, 1, 4, 5], [2, 3, 6, 7]]]
    """
    p = patch_size
    if data_format == "channels_first":
        return rearrange(x, "b c (h p1) (w p2) -> b (h w) (p1 p2 c)", p1=p, p2=p)
    return rearrange(x, "b (h p1) (w p2) c -> b (h w) (p1 p2 c)", p1=p, p2=p)


def _check_assemble_patches(
    patches: Any, patch_size: Any, height: Any, width: Any, data_format: Any
) -> None:
    xp = expect.arrays(patches=patches)
    p = expect.positive_int(patch_size=patch_size)
    sides = {
        "height": expect.positive_int(height=height),
        "width": expect.positive_int(width=width),
    }
    expect.one_of(expect.DATA_FORMATS, data_format=data_format)
    shape = expect.axes(xp, "b n pixels", patches=patches)
    for name, size in sides.items():
        if not expect.divides(p, size):
            raise expect.value_error(f"{name} = {size} is not a multiple of patch_size = {p}")
    count = (height // p) * (width // p)
    if not expect.equal(shape[1], count):
        raise expect.value_error(
            f"patches has {shape[1]} patches, but height {height} and width {width} in patches "
            f"of {p} need {count} (patches has shape {expect.show(shape)})"
        )
    if not expect.divides(p * p, shape[2]):
        raise expect.value_error(
            f"patches has {shape[2]} values in a patch, which patch_size**2 = {p * p} does not "
            f"divide (patches has shape {expect.show(shape)})"
        )


@operation(checks=_check_assemble_patches)
def assemble_patches(
    patches: A,
    patch_size: int,
    height: int,
    width: int,
    *,
    data_format: str = "channels_first",
) -> A:
    """Assemble images from their patches: the inverse of `extract_patches`.

    Args:
        patches: `(b, h·w, p·p·c)`, any dtype.
        patch_size: p, the side of a patch in pixels.
        height: the height of the image in pixels, h·p.
        width: the width of the image in pixels, w·p.
        data_format: `"channels_first"` or `"channels_last"`.

    Returns:
        `(b, c, height, width)`, or `(b, height, width, c)`.

    Raises:
        TypeError: `patches` is not an array, or a size not an integer.
        ValueError: the patch size does not divide height and width, the number of patches is not
            theirs, p·p does not divide the length of a patch, a size is less than 1, `patches`
            does not have 3 axes, or the data format is unknown.

    Source: the inverse of `extract_patches`.

    >>> import numpy as np
    >>> assemble_patches(np.array([[[0, 1, 4, 5], [2, 3, 6, 7]]]), 2, 2, 4).tolist()
    [[[[0, 1, 2, 3], [4, 5, 6, 7]]]]
    """
    h, w = height // patch_size, width // patch_size
    image = "b c (h p1) (w p2)" if data_format == "channels_first" else "b (h p1) (w p2) c"
    return rearrange(
        patches, f"b (h w) (p1 p2 c) -> {image}", h=h, w=w, p1=patch_size, p2=patch_size
    )


def _check_embed_patches(x: Any, params: Any, patch_size: Any) -> None:
    xp = expect.arrays(x=x)
    expect.floating(xp, x=x)
    p = expect.positive_int(patch_size=patch_size)
    image = expect.image(xp, "channels_first", x=x)
    _check_blocks(xp, x, image, patch_size=p)
    pixels = None if image.channels is None else p * p * image.channels
    expect.parameters(xp, {"x": x}, EMBEDDING, {"pixels": pixels}, params=params)


@operation(checks=_check_embed_patches, in_float32=True)
def embed_patches(x: A, params: Mapping[str, A], *, patch_size: int) -> A:
    """Patch embedding: layer norm and a linear projection of each flattened patch.

    16-bit floats are computed in float32.

    Args:
        x: `(b, c, h·p, w·p)`, floating.
        params: a dictionary of `norm_scale` and `norm_shift` `(p·p·c,)`, `weight`
            `(p·p·c, out)` and `bias` `(out,)`, all of the dtype of `x`. The pixels of a patch
            are in the order of `extract_patches`.
        patch_size: p, the side of a patch in pixels.

    Returns:
        `(b, h·w, out)`: `layer_norm(patch)·weight + bias`, the layer norm with eps 1e-5.

    Raises:
        TypeError: frameworks or dtypes are mixed, an argument is not a floating array, `params`
            not a dictionary, or the patch size not an integer.
        ValueError: an entry is missing or of another shape, the patch size does not divide height
            and width or is less than 1, or `x` does not have 4 axes.

    Source: A. Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021, equation 1; the
    norm before the projection as in M. Kumar et al., "Dual PatchNorm", TMLR 2023.

    >>> import numpy as np
    >>> params = {"norm_scale": np.ones(4), "norm_shift": np.zeros(4)}
    >>> params |= {"weight": np.eye(4)[:, :2], "bias": np.array([0.0, 10.0])}
    >>> x = np.array([[[[1.0, 3.0], [3.0, 1.0]]]])
    >>> embed_patches(x, params, patch_size=2).round(3).tolist()
    [[[-1.0, 11.0]]]
    """
    patches = extract_patches.definition(x, patch_size)
    rows = layer_norm.definition(patches, params["norm_scale"], params["norm_shift"], eps=1e-5)
    tokens = einsum.definition(rows, params["weight"], "b n pixels, pixels out -> b n out")
    return tokens + rearrange(params["bias"], "out -> 1 1 out")


def _check_merge_patches(x: Any, weight: Any, order: Any) -> None:
    xp = expect.arrays(x=x)
    if weight is not None:
        expect.arrays(x=x, weight=weight)
    expect.one_of(ORDERS, order=order)
    shape = expect.axes(xp, "... h w c", x=x)
    for name, size in (("height", shape[-3]), ("width", shape[-2])):
        if not expect.divides(2, size):
            raise expect.value_error(
                f"the {name} of x must be even, got {size}; pad x to even sizes first "
                f"(x has shape {expect.show(shape)})"
            )
    if weight is not None:
        _check_reduction(xp, x, weight)


def _check_reduction(xp: Backend, x: Any, weight: Any) -> None:
    """A weight for four times the channels."""
    if xp.dtype(x) not in expect.FLOATS:
        raise expect.type_error(
            f"x must have a floating dtype to be multiplied by weight, got {xp.dtype(x)}"
        )
    expect.same_dtype(xp, x=x, weight=weight)
    channels, rows = xp.shape(x)[-1], expect.axes(xp, "channels out", weight=weight)
    if isinstance(channels, int) and not expect.equal(rows[0], 4 * channels):
        raise expect.value_error(
            f"weight must have {4 * channels} rows, 4 for each channel of x, got {rows[0]} "
            f"(x has shape {expect.show(xp.shape(x))}, weight has shape {expect.show(rows)})"
        )


@operation(checks=_check_merge_patches)
def merge_patches(x: A, *, weight: A | None = None, order: str = "rows") -> A:
    """Patch merging: concatenate each 2 × 2 neighborhood along the channels, and project it.

    Args:
        x: `(..., H, W, C)` with even H and W; any dtype, floating with a weight.
        weight: `(4·C, out)`, a linear reduction without bias, of the dtype of `x`.
        order: how the four neighbors follow each other: `"rows"` as (row, column), or `"swin"`
            as (column, row), which published Swin Transformer weights expect.

    Returns:
        `(..., H/2, W/2, 4·C)`, or `(..., H/2, W/2, out)` with a weight.

    Raises:
        TypeError: an argument is not an array, frameworks or dtypes are mixed, or a weight comes
            with an `x` that is not floating.
        ValueError: H or W is odd, `x` has fewer than 3 axes, the weight does not have 4·C rows,
            or the order is unknown.

    Source: Z. Liu et al., "Swin Transformer", ICCV 2021, section 3.1; the normalization, which
    its versions place differently, is left to the caller.

    >>> import numpy as np
    >>> x = np.array([[[0], [1]], [[2], [3]]])
    >>> merge_patches(x).tolist(), merge_patches(x, order="swin").tolist()
    ([[[0, 1, 2, 3]]], [[[0, 2, 1, 3]]])
    """
    pixels = "p1 p2" if order == "rows" else "p2 p1"
    merged = rearrange(x, f"... (h p1) (w p2) c -> ... h w ({pixels} c)", p1=2, p2=2)
    return (
        merged if weight is None else einsum.definition(merged, weight, "... c, c out -> ... out")
    )


def _check_blocks(xp: Backend, x: Any, image: expect.Image, **factor: Any) -> None:
    """Height and width must be multiples of a factor."""
    ((name, side),) = factor.items()
    for axis, size in (("height", image.height), ("width", image.width)):
        if not expect.divides(side, size):
            raise expect.value_error(
                f"x has {axis} {size}, which {name} = {side} does not divide "
                f"(x has shape {expect.show(xp.shape(x))})"
            )
