"""Convolutions of images, and the windows that they slide over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from einops import rearrange

from .. import expect
from ..backends import Backend, backend_of
from ..operation import operation
from ..patterns import einsum
from ._windows import (
    SIDES,
    SPATIAL_AXES,
    Layout,
    Pair,
    Windows,
    add_border,
    as_pair,
    check_fit,
    check_known,
    check_padding,
    lay_windows,
    parse_padding,
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


def _check_sliding_windows(x: Any, window: Any, stride: Any, dilation: Any) -> None:
    xp = expect.arrays(x=x)
    height, width = expect.axes(xp, "... h w", x=x)[-2:]
    windows = Windows(
        expect.pair(1, window=window),
        expect.pair(1, stride=stride),
        expect.pair(1, dilation=dilation),
    )
    check_known(xp, (height, width), x=x)
    check_fit(xp, lay_windows((height, width), windows), x=x)


@operation(checks=_check_sliding_windows)
def sliding_windows(x: A, window: Size, *, stride: Size = 1, dilation: Size = 1) -> A:
    """Extract every window of an image (im2col); windows may overlap.

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
            image, or height and width are not known while tracing.

    Source: NumPy's `sliding_window_view`, with the stride and dilation of a convolution.

    >>> import numpy as np
    >>> sliding_windows(np.arange(6).reshape(2, 3), 2).tolist()
    [[[[0, 1], [3, 4]], [[1, 2], [4, 5]]]]
    """
    xp = backend_of(x)
    windows = Windows(as_pair(window), as_pair(stride), as_pair(dilation))
    height, width = xp.shape(x)[-2:]
    # One gather from the flattened image: the windows come in the order that is asked for.
    places = window_places(xp, x, lay_windows((height, width), windows))
    pixels: Any = rearrange(x, "... h w -> ... (h w)")
    return xp.take(pixels, places, axis=-1, in_range=True)


def _check_conv2d(
    x: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
    data_format: Any,
) -> None:
    xp = _check_arrays(x, weight, bias)
    channels, *sides = expect.image(xp, data_format, x=x)
    windows = _check_kernels(xp, weight, "out c kh kw", stride, dilation)
    expect.positive_int(groups=groups)
    _check_channels(xp, x, channels, weight, groups)
    _check_bias(xp, bias, weight, xp.shape(weight)[0])
    image = (sides[0], sides[1])
    check_known(xp, image, x=x)
    check_padding(padding)
    check_fit(xp, lay_windows(image, windows, parse_padding(padding, windows, image)), x=x)


@operation(checks=_check_conv2d, in_float32=True)
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
    """2-D convolution: correlate each window of an image with learned kernels.

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
        groups: how many groups the channels are split into; each output channel reads one group.
        data_format: `"channels_first"` or `"channels_last"`.

    Returns:
        `(b, out, h', w')` or `(b, h', w', out)`:
        `out[b, o, y, x] = bias[o] + Σ_cij weight[o, c, i, j] · window[b, c, y, x, i, j]`, with the
        windows of `sliding_windows`. Without channels the sum is 0.

    Raises:
        TypeError: frameworks or dtypes are mixed, an argument is not a floating array, or a
            setting not an integer or a pair of them.
        ValueError: ranks or sizes do not fit, `groups` does not divide the channels, a setting is
            too small, the padding or data format is unknown, a window is larger than the image
            with its border, or height and width are not known while tracing.

    Source: V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016;
    `"same"` as in TensorFlow.

    >>> import numpy as np
    >>> conv2d(np.arange(4.0).reshape(1, 1, 2, 2), np.ones((1, 1, 1, 2))).tolist()
    [[[[1.0], [5.0]]]]
    """
    xp = backend_of(x)
    image = _image_size(xp, x, data_format)
    windows = Windows(_kernel_size(xp, weight), as_pair(stride), as_pair(dilation))
    layout = lay_windows(image, windows, parse_padding(padding, windows, image))
    axes = "b (g c) h w" if data_format == "channels_first" else "b h w (g c)"
    grouped = rearrange(x, f"{axes} -> g b h w c", g=groups)
    padded = add_border(xp, grouped, (2, 3), layout.border)
    kernels = rearrange(weight, "(g o) c i j -> g o c i j", g=groups)
    places = window_places(xp, x, layout)
    return _add_bias(_correlate(xp, padded, kernels, places, data_format), bias, data_format)


def _check_conv_transpose2d(
    x: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
    dilation: Any,
    data_format: Any,
) -> None:
    xp = _check_arrays(x, weight, bias)
    channels, *sides = expect.image(xp, data_format, x=x)
    windows = _check_kernels(xp, weight, "c out kh kw", stride, dilation)
    kernel = xp.shape(weight)
    if not expect.equal(kernel[0], channels):
        raise expect.value_error(
            f"weight must have {channels} input channels, as many as x, got {kernel[0]} "
            f"(x has shape {expect.show(xp.shape(x))}, weight {expect.show(kernel)})"
        )
    _check_bias(xp, bias, weight, kernel[1])
    expect.not_empty(xp, dict(zip(SIDES, SPATIAL_AXES[data_format], strict=True)), x=x)
    image = (sides[0], sides[1])
    check_known(xp, image, x=x)
    cut = expect.known_pair(0, padding=padding)
    extra = expect.known_pair(0, output_padding=output_padding)
    _check_extra(extra, windows)
    _check_result(xp, x, _transposed_size(image, windows, cut, extra), cut)


@operation(checks=_check_conv_transpose2d, in_float32=True)
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
    """Transposed 2-D convolution: each pixel adds its kernel, scaled, to the result.

    It is the gradient of `conv2d` with respect to its input. 16-bit floats are computed in
    float32. Zeros between the pixels are multiplied too: a weight that is not finite gives NaN
    there.

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
    xp = backend_of(x)
    windows = Windows(_kernel_size(xp, weight), as_pair(stride), as_pair(dilation))
    cut, extra = as_pair(padding), as_pair(output_padding)
    axes = "b c h w" if data_format == "channels_first" else "b h w c"
    spread = _spread(xp, rearrange(x, f"{axes} -> 1 b h w c"), windows, cut, extra)
    kernels = rearrange(weight, "c out i j -> 1 out c i j")
    size = _transposed_size(_image_size(xp, x, data_format), windows, cut, extra)
    places = window_places(xp, x, _unit_steps(size, windows), backwards=True)
    return _add_bias(_correlate(xp, spread, kernels, places, data_format), bias, data_format)


def _image_size(xp: Backend, x: Any, data_format: str) -> Pair:
    shape, (height, width) = xp.shape(x), SPATIAL_AXES[data_format]
    return shape[height], shape[width]


def _kernel_size(xp: Backend, weight: Any) -> Pair:
    height, width = xp.shape(weight)[2:]
    return height, width


def _correlate(xp: Backend, x: Any, kernels: Any, places: Any, data_format: str) -> Any:
    """The windows of `(g, b, h, w, c)` times kernels `(g, o, c, i, j)`, in a data format.

    Channels come last and height and width are flattened, so that one gather moves whole runs of
    channels to where the matrix product wants them. The windows take kh·kw times the image's
    memory.
    """
    windows = xp.take(rearrange(x, "g b h w c -> g b (h w) c"), places, axis=2, in_range=True)
    apart, joined = "b g o h w", "b (g o) h w"
    if data_format == "channels_last":
        apart, joined = "b h w g o", "b h w (g o)"
    sums = einsum.definition(windows, kernels, f"g b h w i j c, g o c i j -> {apart}")
    return rearrange(sums, f"{apart} -> {joined}")


def _add_bias(x: Any, bias: Any, data_format: str) -> Any:
    if bias is None:
        return x
    axes = "1 o 1 1" if data_format == "channels_first" else "1 1 1 o"
    return x + rearrange(bias, f"o -> {axes}")


def _transposed_size(image: Pair, windows: Windows, cut: Pair, extra: Pair) -> Pair:
    """Height and width of the result of `conv_transpose2d`."""
    sides = zip(image, windows.extent, windows.stride, cut, extra, strict=True)
    high, wide = (
        (size - 1) * stride - 2 * padding + extent + more
        for size, extent, stride, padding, more in sides
    )
    return high, wide


def _unit_steps(counts: Pair, windows: Windows) -> Layout:
    """Windows of stride 1, `counts` of them, on an image without a border that they fill."""
    steps = Windows(windows.size, (1, 1), windows.dilation)
    high, wide = (count + extent - 1 for count, extent in zip(counts, steps.extent, strict=True))
    return lay_windows((high, wide), steps)


def _spread(xp: Backend, x: Any, windows: Windows, cut: Pair, extra: Pair) -> Any:
    """Zeros between the pixels, and a border, so that each result is a window of its own."""
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


def _check_arrays(x: Any, weight: Any, bias: Any) -> Backend:
    """Two or three floating arrays of one framework and dtype; their adapter."""
    if bias is None:
        return expect.floats_alike(x=x, weight=weight)
    return expect.floats_alike(x=x, weight=weight, bias=bias)


def _check_kernels(xp: Backend, weight: Any, axes: str, stride: Any, dilation: Any) -> Windows:
    """Kernels of known sizes; the windows that they are multiplied with."""
    _, _, height, width = expect.axes(xp, axes, weight=weight)
    expect.not_empty(xp, {"height": 2, "width": 3}, weight=weight)
    check_known(xp, (height, width), weight=weight)
    return Windows(
        (height, width),
        expect.known_pair(1, stride=stride),
        expect.known_pair(1, dilation=dilation),
    )


def _check_channels(xp: Backend, x: Any, channels: Any, weight: Any, groups: Any) -> None:
    """`groups` must divide the channels in and out, and the kernels must fit one group."""
    shape, kernel = xp.shape(x), xp.shape(weight)
    if not expect.divides(groups, channels):
        raise expect.value_error(
            f"x has {channels} channels, which groups = {groups} does not divide "
            f"(x has shape {expect.show(shape)})"
        )
    part = channels // groups if channels is not None else None
    if not expect.equal(kernel[1], part):
        raise expect.value_error(
            f"weight must have c/groups = {part} input channels, got {kernel[1]} "
            f"(x has shape {expect.show(shape)}, weight {expect.show(kernel)})"
        )
    if not expect.divides(groups, kernel[0]):
        raise expect.value_error(
            f"weight has {kernel[0]} output channels, which groups = {groups} does not "
            f"divide (weight has shape {expect.show(kernel)})"
        )


def _check_bias(xp: Backend, bias: Any, weight: Any, out: Any) -> None:
    """One value for each output channel."""
    if bias is not None and not expect.same_sizes(xp.shape(bias), (out,)):
        raise expect.value_error(
            f"bias must have shape {expect.show((out,))}, got {expect.show(xp.shape(bias))} "
            f"(weight has shape {expect.show(xp.shape(weight))})"
        )


def _check_extra(extra: Pair, windows: Windows) -> None:
    """Fewer rows and columns are added at the end than a stride or a dilation skips."""
    sides = zip(SIDES, extra, windows.stride, windows.dilation, strict=True)
    for side, more, stride, dilation in sides:
        if isinstance(more, int) and more >= max(stride, dilation):
            raise expect.value_error(
                f"output_padding must be less than stride or dilation, got {more} for the "
                f"{side} with stride {stride} and dilation {dilation}"
            )


def _check_result(xp: Backend, x: Any, result: Pair, cut: Pair) -> None:
    """Height and width of the result must be at least 1."""
    for side, size, padding in zip(SIDES, result, cut, strict=True):
        if isinstance(size, int) and size < 1:
            raise expect.value_error(
                f"the {side} of the result must be at least 1, got {size} with padding "
                f"{padding} (x has shape {expect.show(xp.shape(x))})"
            )
