"""Pictures cut up and put together: space into channels, patches, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from einops import rearrange

from ..backends import Backend
from . import _checks as check
from ._einsum import contract
from ..operation import operation
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

MODES = ("CRD", "DCR")
ORDERS = ("rows", "swin")

EMBEDDING = {
    "norm_scale": "pixels",
    "norm_shift": "pixels",
    "weight": "pixels out",
    "bias": "out",
}

_CHANNEL_AXES = {"CRD": "(c r1 r2)", "DCR": "(r1 r2 c)"}


@operation
def pixel_shuffle(
    x: A, upscale_factor: int, *, mode: str = "CRD", data_format: str = "channels_first"
) -> A:
    """Move channels into space, a block of r × r pixels for each r² channels.

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
    op = "pixel_shuffle"
    xp = check.array(op, "x", x)
    r = check.count(op, "upscale_factor", upscale_factor)
    check.one_of(op, "mode", mode, MODES)
    channels, _, _ = check.image(op, "x", xp.shape(x), data_format, "...")
    if not check.divides(r * r, channels):
        raise ValueError(
            f"{op}: x has {channels} channels, which upscale_factor**2 = {r * r} does not divide "
            f"(x has shape {check.show(xp.shape(x))})"
        )
    deep = _CHANNEL_AXES[mode]
    if data_format == "channels_first":
        return rearrange(x, f"... {deep} h w -> ... c (h r1) (w r2)", r1=r, r2=r)
    return rearrange(x, f"... h w {deep} -> ... (h r1) (w r2) c", r1=r, r2=r)


@operation
def pixel_unshuffle(
    x: A, downscale_factor: int, *, mode: str = "CRD", data_format: str = "channels_first"
) -> A:
    """Move space into channels: the inverse of `pixel_shuffle`.

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
    op = "pixel_unshuffle"
    xp = check.array(op, "x", x)
    r = check.count(op, "downscale_factor", downscale_factor)
    check.one_of(op, "mode", mode, MODES)
    _, height, width = check.image(op, "x", xp.shape(x), data_format, "...")
    _check_parts(op, xp, x, height, width, "downscale_factor", r)
    deep = _CHANNEL_AXES[mode]
    if data_format == "channels_first":
        return rearrange(x, f"... c (h r1) (w r2) -> ... {deep} h w", r1=r, r2=r)
    return rearrange(x, f"... (h r1) (w r2) c -> ... h w {deep}", r1=r, r2=r)


@operation
def extract_patches(x: A, patch_size: int, *, data_format: str = "channels_first") -> A:
    """Cut images into square patches, each written out as a row of pixels.

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
    op = "extract_patches"
    xp = check.array(op, "x", x)
    p = check.count(op, "patch_size", patch_size)
    _, height, width = check.image(op, "x", xp.shape(x), data_format)
    _check_parts(op, xp, x, height, width, "patch_size", p)
    if data_format == "channels_first":
        return rearrange(x, "b c (h p1) (w p2) -> b (h w) (p1 p2 c)", p1=p, p2=p)
    return rearrange(x, "b (h p1) (w p2) c -> b (h w) (p1 p2 c)", p1=p, p2=p)


@operation
def assemble_patches(
    patches: A,
    patch_size: int,
    height: int,
    width: int,
    *,
    data_format: str = "channels_first",
) -> A:
    """Put patches together to images: the inverse of `extract_patches`.

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
    op = "assemble_patches"
    xp = check.array(op, "patches", patches)
    p = check.count(op, "patch_size", patch_size)
    height = check.count(op, "height", height)
    width = check.count(op, "width", width)
    check.one_of(op, "data_format", data_format, check.DATA_FORMATS)
    shape = xp.shape(patches)
    check.rank(op, "patches", shape, "b n pixels")
    for name, size in (("height", height), ("width", width)):
        if not check.divides(p, size):
            raise ValueError(f"{op}: {name} = {size} is not a multiple of patch_size = {p}")
    h, w = height // p, width // p
    if not check.equal(shape[1], h * w):
        raise ValueError(
            f"{op}: patches has {shape[1]} patches, but height {height} and width {width} in "
            f"patches of {p} need {h * w} (patches has shape {check.show(shape)})"
        )
    if not check.divides(p * p, shape[2]):
        raise ValueError(
            f"{op}: patches has {shape[2]} values in a patch, which patch_size**2 = {p * p} does "
            f"not divide (patches has shape {check.show(shape)})"
        )
    if data_format == "channels_first":
        pattern = "b (h w) (p1 p2 c) -> b c (h p1) (w p2)"
    else:
        pattern = "b (h w) (p1 p2 c) -> b (h p1) (w p2) c"
    return rearrange(patches, pattern, h=h, w=w, p1=p, p2=p)


@operation
def embed_patches(x: A, params: Mapping[str, A], *, patch_size: int) -> A:
    """Turn images into tokens: cut into patches, normalise each, project it.

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
    op = "embed_patches"
    xp = check.array(op, "x", x)
    check.floating(op, "x", xp, x)
    p = check.count(op, "patch_size", patch_size)
    channels, height, width = check.image(op, "x", xp.shape(x), "channels_first")
    _check_parts(op, xp, x, height, width, "patch_size", p)
    sizes = {"pixels": None if channels is None else p * p * channels}
    check.parameters(op, xp, {"x": x}, params, EMBEDDING, sizes)
    scale, shift, weight, bias = (xp.widen(params[name]) for name in EMBEDDING)
    rows = layer_norm(extract_patches(xp.widen(x), p), scale, shift, eps=1e-5)
    factors = {"patches": rows, "weight": weight}
    tokens = contract(op, xp, factors, "b n pixels, pixels out -> b n out")
    tokens = tokens + rearrange(bias, "out -> 1 1 out")
    return xp.astype(tokens, xp.dtype(x))


@operation
def merge_patches(x: A, *, weight: A | None = None, order: str = "rows") -> A:
    """Join each 2 × 2 neighbourhood into one place with four times the channels.

    Args:
        x: `(..., H, W, C)` with even H and W; any dtype, floating with a weight.
        weight: `(4·C, out)`, a linear reduction without bias, of the dtype of `x`.
        order: how the four neighbours follow each other: `"rows"` as (row, column), or `"swin"`
            as (column, row), which published Swin Transformer weights expect.

    Returns:
        `(..., H/2, W/2, 4·C)`, or `(..., H/2, W/2, out)` with a weight.

    Raises:
        TypeError: an argument is not an array, frameworks or dtypes are mixed, or a weight comes
            with an `x` that is not floating.
        ValueError: H or W is odd, `x` has fewer than 3 axes, the weight does not have 4·C rows,
            or the order is unknown.

    Source: Z. Liu et al., "Swin Transformer", ICCV 2021, section 3.1; the normalisation, which
    its versions place differently, is left to the caller.

    >>> import numpy as np
    >>> x = np.array([[[0], [1]], [[2], [3]]])
    >>> merge_patches(x).tolist(), merge_patches(x, order="swin").tolist()
    ([[[0, 1, 2, 3]]], [[[0, 2, 1, 3]]])
    """
    op = "merge_patches"
    xp = check.array(op, "x", x)
    if weight is not None:
        check.arrays(op, x=x, weight=weight)
    check.one_of(op, "order", order, ORDERS)
    shape = xp.shape(x)
    check.rank(op, "x", shape, "... h w c")
    for name, size in (("height", shape[-3]), ("width", shape[-2])):
        if not check.divides(2, size):
            raise ValueError(
                f"{op}: the {name} of x must be even, got {size}; pad x to even sizes first "
                f"(x has shape {check.show(shape)})"
            )
    group = "(p1 p2 c)" if order == "rows" else "(p2 p1 c)"
    if weight is None:
        return _merge(x, group)
    if xp.dtype(x) not in check.FLOATS:
        raise TypeError(
            f"{op}: x must have a floating dtype to be multiplied by weight, got {xp.dtype(x)}"
        )
    check.same_dtype(op, xp, x=x, weight=weight)
    rows = xp.shape(weight)
    check.rank(op, "weight", rows, "channels out")
    if isinstance(shape[-1], int) and not check.equal(rows[0], 4 * shape[-1]):
        raise ValueError(
            f"{op}: weight must have {4 * shape[-1]} rows, 4 for each channel of x, got {rows[0]} "
            f"(x has shape {check.show(shape)}, weight has shape {check.show(rows)})"
        )
    factors = {"x": _merge(x, group), "weight": weight}
    reduced: A = contract(op, xp, factors, "... c, c out -> ... out")
    return reduced


def _merge(x: A, group: str) -> A:
    return rearrange(x, f"... (h p1) (w p2) c -> ... h w {group}", p1=2, p2=2)


def _check_parts(
    op: str, xp: Backend, x: Any, height: Any, width: Any, name: str, factor: int
) -> None:
    """Height and width must be multiples of a factor."""
    for axis, size in (("height", height), ("width", width)):
        if not check.divides(factor, size):
            raise ValueError(
                f"{op}: x has {axis} {size}, which {name} = {factor} does not divide "
                f"(x has shape {check.show(xp.shape(x))})"
            )
