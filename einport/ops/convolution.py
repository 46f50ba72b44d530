"""Windows that slide over a picture, weighted and added up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from einops import rearrange

from ..backends import Backend
from ..operation import operation
from ..patterns.contraction import contract
from . import _checks as check
from ._windows import (
    Pair,
    Windows,
    add_border,
    count_windows,
    known_picture,
    read_border,
    window_places,
)

__all__ = [
    "conv2d",
    "conv_transpose2d",
    "sliding_windows",
]

A = TypeVar("A")

Size = int | Sequence[int]
"""A whole number for height and width alike, or a pair."""


@operation
def sliding_windows(x: A, window: Size, *, stride: Size = 1, dilation: Size = 1) -> A:
    """Cut out every window of a picture; they may overlap.

    Args:
        x: `(..., h, w)`, any dtype.
        window: the cells of a window, an integer or a pair `(kh, kw)`.
        stride: the steps from window to window.
        dilation: the steps from cell to cell inside a window.

    Returns:
        `(..., h', w', kh, kw)`: `out[…, y, x, i, j]` is the pixel at row `y·stride + i·dilation`
        and column `x·stride + j·dilation`, with `h' = (h - dilation·(kh - 1) - 1) // stride + 1`.

    Raises:
        TypeError: `x` is not an array, or a setting not an integer or a pair of them.
        ValueError: `x` has less than 2 axes, a setting is less than 1, a window is larger than the
            picture, or height and width are not known while tracing.

    Source: NumPy's `sliding_window_view`, with the stride and dilation of a convolution.

    >>> import numpy as np
    >>> sliding_windows(np.arange(6).reshape(2, 3), 2).tolist()
    [[[[0, 1], [3, 4]], [[1, 2], [4, 5]]]]
    """
    op = "sliding_windows"
    xp = check.array(op, "x", x)
    shape = xp.shape(x)
    check.rank(op, "x", shape, "... h w")
    windows = Windows(
        check.pair(op, "window", window, 1),
        check.pair(op, "stride", stride, 1),
        check.pair(op, "dilation", dilation, 1),
    )
    picture = known_picture(op, "x", shape, (shape[-2], shape[-1]))
    counts = count_windows(op, "x", shape, picture, windows, ((0, 0), (0, 0)))
    # One gather from a picture that is one axis: the windows come in the order that is asked for.
    places = window_places(xp, x, shape[-1], windows, counts)
    pixels: Any = rearrange(x, "... h w -> ... (h w)")
    return xp.take(pixels, places, axis=-1, in_range=True)


@operation
def conv2d(
    x: A,
    weight: A,
    bias: A | None = None,
    *,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
    data_format: str = "channels_first",
) -> A:
    """Slide a small picture over a large one and add up what they have in common.

    It is a cross-correlation, as in all frameworks: the kernel is not flipped. 16-bit floats are
    computed in float32.

    Args:
        x: `(b, c, h, w)`, or `(b, h, w, c)` with channels last; floating.
        weight: `(out, c/groups, kh, kw)` in either data format.
        bias: `(out,)`.
        stride: the steps from window to window, an integer or a pair for height and width.
        padding: how many zeros to put on either side, an integer or a pair; `"valid"` for none,
            `"same"` for as many as give a window for each stride begun, the odd one at the end.
        dilation: the steps from cell to cell inside a window.
        groups: how many parts the channels come in; each output channel sees one part.
        data_format: `"channels_first"` or `"channels_last"`.

    Returns:
        `(b, out, h', w')` or `(b, h', w', out)`:
        `out[b, o, y, x] = bias[o] + Σ_cij weight[o, c, i, j] · window[b, c, y, x, i, j]`, with the
        windows of `sliding_windows`. Without channels the sum is 0.

    Raises:
        TypeError: frameworks or dtypes are mixed, an argument is not a floating array, or a
            setting not an integer or a pair of them.
        ValueError: ranks or sizes do not fit, `groups` does not divide the channels, a setting is
            too small, the padding or data format is unknown, a window is larger than the picture
            with its border, or height and width are not known while tracing.

    Source: V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016;
    `"same"` as in TensorFlow.

    >>> import numpy as np
    >>> conv2d(np.arange(4.0).reshape(1, 1, 2, 2), np.ones((1, 1, 1, 2))).tolist()
    [[[[1.0], [5.0]]]]
    """
    op = "conv2d"
    xp = _check_arrays(op, x, weight, bias)
    shape, kernel = xp.shape(x), xp.shape(weight)
    c, h, w = check.image(op, "x", shape, data_format)
    windows = _read_windows(op, kernel, "out c kh kw", stride, dilation)
    groups = check.count(op, "groups", groups)
    _check_channels(op, shape, c, kernel, groups)
    _check_bias(op, xp, bias, kernel[0], kernel)
    picture = known_picture(op, "x", shape, (h, w))
    border = read_border(op, padding, windows, picture)
    counts = count_windows(op, "x", shape, picture, windows, border)
    first = data_format == "channels_first"
    axes = "b (g c) h w" if first else "b h w (g c)"
    parts = rearrange(xp.widen(x), f"{axes} -> g b h w c", g=groups)
    parts = add_border(xp, parts, (2, 3), border)
    kernels = rearrange(xp.widen(weight), "(g o) c i j -> g o c i j", g=groups)
    places = window_places(xp, parts, xp.shape(parts)[3], windows, counts)
    pixels = _correlate(op, xp, parts, kernels, places, first)
    out: A = _finish(xp, pixels, bias, first, xp.dtype(x))
    return out


@operation
def conv_transpose2d(
    x: A,
    weight: A,
    bias: A | None = None,
    *,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    dilation: Size = 1,
    data_format: str = "channels_first",
) -> A:
    """Let each pixel paint a small picture, and add up where they overlap: `conv2d` backwards.

    It maps as the gradient of `conv2d` does. 16-bit floats are computed in float32. What lies
    between the pixels is a product with 0, so that a weight which is not finite gives NaN there.

    Args:
        x: `(b, c, h, w)`, or `(b, h, w, c)` with channels last; floating.
        weight: `(c, out, kh, kw)` in either data format.
        bias: `(out,)`.
        stride: the steps from pixel to pixel in the result, an integer or a pair.
        padding: how many cells to cut off on either side, an integer or a pair.
        output_padding: how many cells to add at the end, less than `stride` or `dilation`.
        dilation: the steps from cell to cell inside a kernel.
        data_format: `"channels_first"` or `"channels_last"`.

    Returns:
        `(b, out, h', w')` or `(b, h', w', out)`: the sum of `weight[c, o, i, j] · x[b, c, y, x]` at
        row `y·stride + i·dilation - padding`, the column alike, plus `bias[o]`, with
        `h' = (h - 1)·stride - 2·padding + dilation·(kh - 1) + output_padding + 1`.

    Raises:
        TypeError: frameworks or dtypes are mixed, an argument is not a floating array, or a
            setting not an integer or a pair of them.
        ValueError: ranks or sizes do not fit, a setting is too small, `output_padding` too large,
            nothing is left of the result, the data format is unknown, or height and width are not
            known while tracing.

    Source: V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016,
    section 4; sizes and layout as in PyTorch.

    >>> import numpy as np
    >>> x, weight = np.array([[[[1.0, 10.0]]]]), np.array([[[[1.0, 2.0, 3.0]]]])
    >>> conv_transpose2d(x, weight, stride=2).tolist()
    [[[[1.0, 2.0, 13.0, 20.0, 30.0]]]]
    """
    op = "conv_transpose2d"
    xp = _check_arrays(op, x, weight, bias)
    shape, kernel = xp.shape(x), xp.shape(weight)
    c, h, w = check.image(op, "x", shape, data_format)
    windows = _read_windows(op, kernel, "c out kh kw", stride, dilation)
    if not check.equal(kernel[0], c):
        raise ValueError(
            f"{op}: weight must have {c} input channels, as many as x, got {kernel[0]} "
            f"(x has shape {check.show(shape)}, weight {check.show(kernel)})"
        )
    _check_bias(op, xp, bias, kernel[1], kernel)
    first = data_format == "channels_first"
    height = 2 if first else 1
    check.not_empty(op, "x", shape, {"height": height, "width": height + 1})
    known_picture(op, "x", shape, (h, w))
    cut = check.pair(op, "padding", padding, 0)
    extra = _read_extra(op, output_padding, windows)
    counts = _spread_sizes(op, shape, (h, w), windows, cut, extra)
    axes = "b c h w" if first else "b h w c"
    spread = rearrange(xp.widen(x), f"{axes} -> 1 b h w c")
    spread = _spread(xp, spread, windows, cut, extra)
    kernels = rearrange(xp.widen(weight), "c out i j -> 1 out c i j")
    each = Windows(windows.size, (1, 1), windows.dilation)
    places = window_places(xp, spread, xp.shape(spread)[3], each, counts, backwards=True)
    pixels = _correlate(op, xp, spread, kernels, places, first)
    out: A = _finish(xp, pixels, bias, first, xp.dtype(x))
    return out


def _correlate(op: str, xp: Backend, x: Any, weight: Any, places: Any, first: bool) -> Any:
    """The windows of `(g, b, h, w, c)` times kernels `(g, o, c, i, j)`, in a data format.

    Channels come last and the picture is one axis, so that one gather moves whole runs of channels
    to where the matrix product wants them. The windows take kh·kw times the picture's memory.
    """
    cells = xp.take(rearrange(x, "g b h w c -> g b (h w) c"), places, axis=2, in_range=True)
    apart, joined = ("b g o h w", "b (g o) h w") if first else ("b h w g o", "b h w (g o)")
    named = {"x": cells, "weight": weight}
    found = contract(op, xp, named, f"g b h w i j c, g o c i j -> {apart}")
    return rearrange(found, f"{apart} -> {joined}")


def _finish(xp: Backend, pixels: Any, bias: Any, first: bool, dtype: str) -> Any:
    """The result with the bias, rounded once."""
    if bias is not None:
        wide = xp.widen(bias)
        pixels = pixels + rearrange(wide, "o -> 1 o 1 1" if first else "o -> 1 1 1 o")
    return xp.astype(pixels, dtype)


def _spread(xp: Backend, x: Any, windows: Windows, cut: Pair, extra: Pair) -> Any:
    """Zeros between the pixels, and a border in which each window holds a pixel's turn."""
    if windows.stride != (1, 1):
        high, wide = windows.stride
        gaps = [(0, 0)] * 3 + [(0, high - 1), (0, 0), (0, wide - 1), (0, 0)]
        x = xp.pad(rearrange(x, "g b h w c -> g b h 1 w 1 c"), gaps)
        x = rearrange(x, "g b h sh w sw c -> g b (h sh) (w sw) c")
    border = []
    for extent, stride, padding, more in zip(
        windows.extent, windows.stride, cut, extra, strict=True
    ):
        # The zeros behind the last pixel are too many: they are cut again.
        border.append((extent - 1 - padding, extent - padding + more - stride))
    return _fit(xp, x, border)


def _fit(xp: Backend, x: Any, border: Sequence[Pair]) -> Any:
    """A border on height and width of `(g, b, h, w, c)`, cut off where it is negative."""
    above, left = (tuple([max(n, 0) for n in pair]) for pair in border)
    grown = add_border(xp, x, (2, 3), (above, left))
    rows, columns = (slice(max(-a, 0), min(b, 0) or None) for a, b in border)
    return grown[:, :, rows, columns]


# --- Checks --------------------------------------------------------------------------------------


def _check_arrays(op: str, x: Any, weight: Any, bias: Any) -> Backend:
    """Two or three floating arrays of one framework and dtype."""
    named = {"x": x, "weight": weight}
    if bias is not None:
        named["bias"] = bias
    xp = check.arrays(op, **named)
    for name, array in named.items():
        check.floating(op, name, xp, array)
    check.same_dtype(op, xp, **named)
    return xp


def _read_windows(
    op: str, kernel: Sequence[Any], axes: str, stride: object, dilation: object
) -> Windows:
    """The windows that a kernel of this shape looks through."""
    check.rank(op, "weight", kernel, axes)
    check.not_empty(op, "weight", kernel, {"height": 2, "width": 3})
    size = known_picture(op, "weight", kernel, (kernel[2], kernel[3]))
    return Windows(
        size, check.pair(op, "stride", stride, 1), check.pair(op, "dilation", dilation, 1)
    )


def _check_channels(
    op: str, shape: Sequence[Any], channels: Any, kernel: Sequence[Any], groups: int
) -> None:
    """Channels in and out must come in `groups` equal parts, and the kernel must fit a part."""
    if not check.divides(groups, channels):
        raise ValueError(
            f"{op}: x has {channels} channels, which groups = {groups} does not divide "
            f"(x has shape {check.show(shape)})"
        )
    part = channels // groups if channels is not None else None
    if not check.equal(kernel[1], part):
        raise ValueError(
            f"{op}: weight must have c/groups = {part} input channels, got {kernel[1]} "
            f"(x has shape {check.show(shape)}, weight {check.show(kernel)})"
        )
    if not check.divides(groups, kernel[0]):
        raise ValueError(
            f"{op}: weight has {kernel[0]} output channels, which groups = {groups} does not "
            f"divide (weight has shape {check.show(kernel)})"
        )


def _check_bias(op: str, xp: Backend, bias: Any, out: Any, kernel: Sequence[Any]) -> None:
    """One value for each output channel."""
    if bias is not None and not check.same_sizes(xp.shape(bias), (out,)):
        raise ValueError(
            f"{op}: bias must have shape {check.show((out,))}, got {check.show(xp.shape(bias))} "
            f"(weight has shape {check.show(kernel)})"
        )


def _read_extra(op: str, output_padding: object, windows: Windows) -> Pair:
    """The rows and columns to add at the end: fewer than what a stride or a dilation skips."""
    extra = check.pair(op, "output_padding", output_padding, 0)
    sides = zip(("height", "width"), extra, windows.stride, windows.dilation, strict=True)
    for side, more, stride, dilation in sides:
        if isinstance(more, int) and more >= max(stride, dilation):
            raise ValueError(
                f"{op}: output_padding must be less than stride or dilation, got {more} for the "
                f"{side} with stride {stride} and dilation {dilation}"
            )
    return extra


def _spread_sizes(
    op: str, shape: Sequence[Any], picture: Pair, windows: Windows, cut: Pair, extra: Pair
) -> Pair:
    """Height and width of the result: at least 1."""
    found = []
    sides = zip(picture, windows.extent, windows.stride, cut, extra, strict=True)
    for side, (size, extent, stride, padding, more) in zip(("height", "width"), sides, strict=True):
        full = (size - 1) * stride - 2 * padding + extent + more
        if isinstance(full, int) and full < 1:
            raise ValueError(
                f"{op}: the {side} of the result must be at least 1, got {full} with padding "
                f"{padding} (x has shape {check.show(shape)})"
            )
        found.append(full)
    return found[0], found[1]
