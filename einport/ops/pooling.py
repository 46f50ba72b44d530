"""Pooling: means and maxima over space, channels, windows or periods."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any, TypeVar

from einops import rearrange

from .. import expect
from ..backends import Backend, backend_of
from ..operation import operation
from ..patterns import reduce_axes
from ._numerics import centered, squarable
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
    multiples,
    parse_padding,
    shifted,
)

__all__ = [
    "average_pool",
    "channel_max_pool",
    "global_average_pool",
    "global_max_pool",
    "max_pool",
    "mean_by_period",
    "standardize_by_period",
    "subtract_period_mean",
]

A = TypeVar("A")

LEAST: dict[str, float | bool] = {
    "bool": False,
    "uint8": 0,
    "int8": -(2**7),
    "int16": -(2**15),
    "int32": -(2**31),
    "int64": -(2**63),
}
"""What no element is less than, by dtype; minus infinity for floats."""


def _check_global_average_pool(x: Any, keepdims: Any, data_format: Any) -> None:
    xp = expect.arrays(x=x)
    expect.floating(xp, x=x)
    expect.flag(keepdims=keepdims)
    _check_pixels(xp, x, data_format)


@operation(checks=_check_global_average_pool)
def global_average_pool(x: A, *, keepdims: bool = False, data_format: str = "channels_first") -> A:
    """Average each channel over all pixels.

    Args:
        x: `(b, c, h, w)`, or `(b, h, w, c)` with channels last; floating.
        keepdims: keep height and width as axes of size 1.
        data_format: `"channels_first"` or `"channels_last"`.

    Returns:
        `(b, c)`; with `keepdims` `(b, c, 1, 1)`, or `(b, 1, 1, c)`.

    Raises:
        TypeError: `x` is not an array, or not floating, or `keepdims` not a bool.
        ValueError: `x` does not have 4 axes, has no pixels, or the data format is unknown.

    Source: M. Lin et al., "Network In Network", ICLR 2014.

    >>> import numpy as np
    >>> global_average_pool(np.arange(4.0).reshape(1, 1, 2, 2)).tolist()
    [[1.5]]
    """
    return reduce_axes(backend_of(x).mean, x, _over_space(data_format, keepdims))


def _check_global_max_pool(x: Any, keepdims: Any, data_format: Any) -> None:
    xp = expect.arrays(x=x)
    expect.real(xp, x=x)
    expect.flag(keepdims=keepdims)
    _check_pixels(xp, x, data_format)


@operation(checks=_check_global_max_pool)
def global_max_pool(x: A, *, keepdims: bool = False, data_format: str = "channels_first") -> A:
    """Maximum of each channel over all pixels; NaN if one is there.

    Args:
        x: `(b, c, h, w)`, or `(b, h, w, c)` with channels last; real numbers or booleans.
        keepdims: keep height and width as axes of size 1.
        data_format: `"channels_first"` or `"channels_last"`.

    Returns:
        `(b, c)`; with `keepdims` `(b, c, 1, 1)`, or `(b, 1, 1, c)`.

    Raises:
        TypeError: `x` is not an array, or holds no real numbers, or `keepdims` not a bool.
        ValueError: `x` does not have 4 axes, has no pixels, or the data format is unknown.

    Source: the maximum in the place of the mean in `global_average_pool`.

    >>> import numpy as np
    >>> global_max_pool(np.arange(4).reshape(1, 1, 2, 2)).tolist()
    [[3]]
    """
    return reduce_axes(backend_of(x).max, x, _over_space(data_format, keepdims))


def _check_channel_max_pool(x: Any, keepdims: Any, data_format: Any) -> None:
    xp = expect.arrays(x=x)
    expect.real(xp, x=x)
    expect.flag(keepdims=keepdims)
    expect.image(xp, data_format, x=x)
    expect.not_empty(xp, {"channels": 1 if data_format == "channels_first" else 3}, x=x)


@operation(checks=_check_channel_max_pool)
def channel_max_pool(x: A, *, keepdims: bool = True, data_format: str = "channels_first") -> A:
    """Maximum of each pixel over the channels; NaN if one is there.

    Args:
        x: `(b, c, h, w)`, or `(b, h, w, c)` with channels last; real numbers or booleans.
        keepdims: keep the channels as an axis of size 1.
        data_format: `"channels_first"` or `"channels_last"`.

    Returns:
        `(b, 1, h, w)`, or `(b, h, w, 1)`; without `keepdims` `(b, h, w)`.

    Raises:
        TypeError: `x` is not an array, or holds no real numbers, or `keepdims` not a bool.
        ValueError: `x` does not have 4 axes, has no channels, or the data format is unknown.

    Source: S. Woo et al., "CBAM: Convolutional Block Attention Module", ECCV 2018.

    >>> import numpy as np
    >>> channel_max_pool(np.arange(4).reshape(1, 2, 1, 2)).tolist()
    [[[[2, 3]]]]
    """
    if data_format == "channels_first":
        pattern = "b c h w -> b 1 h w" if keepdims else "b c h w -> b h w"
    else:
        pattern = "b h w c -> b h w 1" if keepdims else "b h w c -> b h w"
    return reduce_axes(backend_of(x).max, x, pattern)


def _check_average_pool(x: Any, window: Any, stride: Any, padding: Any, data_format: Any) -> None:
    xp = expect.arrays(x=x)
    expect.floating(xp, x=x)
    _check_windows(xp, x, window, stride, padding, 1, data_format)


@operation(checks=_check_average_pool, in_float32=True)
def average_pool(
    x: A,
    window: int | tuple[int, int],
    *,
    stride: int | tuple[int, int] | None = None,
    padding: int | tuple[int, int] | str = 0,
    data_format: str = "channels_first",
) -> A:
    """Average pooling: the mean of each window; padding does not count.

    NaN and infinities stay in the windows that hold them. 16-bit floats are computed in float32.

    Args:
        x: `(..., c, h, w)`, or `(..., h, w, c)` with channels last; floating.
        window: its height and width, or one number for both.
        stride: the steps from window to window, down and across; the window by default, so that
            windows touch and do not overlap.
        padding: the cells around the image that windows may reach into, above and below, left
            and right: fewer than the window has. `"valid"` is none; `"same"` is TensorFlow's, for
            a window at each stride begun, with the odd cell at the end.
        data_format: `"channels_first"` or `"channels_last"`.

    Returns:
        `(..., c, h', w')`, or `(..., h', w', c)`, with `h' = (h + padding − window) // stride + 1`
        where the padding is that of both ends: the sum of a window's cells in the image, divided
        by how many they are.

    Raises:
        TypeError: `x` is not an array, or not floating, or a size is not an integer.
        ValueError: `x` has fewer than 3 axes or no pixels, no window fits, the padding is as
            large as the window, a size is too small, the padding or data format is unknown, or
            height or width are (in a graph that TensorFlow traces for any size).

    Source: Y. LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998; the
    border as in TensorFlow's `avg_pool`, and in PyTorch's with `count_include_pad=False`.

    >>> import numpy as np
    >>> average_pool(np.arange(16.0).reshape(1, 4, 4), 2).tolist()
    [[[2.5, 4.5], [10.5, 12.5]]]
    """
    xp, axes = backend_of(x), SPATIAL_AXES[data_format]
    layout = _pool_layout(xp, x, window, stride, padding, 1, data_format)
    padded = add_border(xp, x, axes, layout.border)
    total = _over_windows(xp.sum, add, padded, axes, layout)
    high, wide = (_real_cells(xp, total, axes, layout, side) for side in (0, 1))
    mean: A = total / (high * wide)
    return mean


def _check_max_pool(
    x: Any, window: Any, stride: Any, padding: Any, dilation: Any, data_format: Any
) -> None:
    xp = expect.arrays(x=x)
    expect.real(xp, x=x)
    _check_windows(xp, x, window, stride, padding, dilation, data_format)


@operation(checks=_check_max_pool)
def max_pool(
    x: A,
    window: int | tuple[int, int],
    *,
    stride: int | tuple[int, int] | None = None,
    padding: int | tuple[int, int] | str = 0,
    dilation: int | tuple[int, int] = 1,
    data_format: str = "channels_first",
) -> A:
    """Max pooling: the maximum of each window; NaN if one is there.

    Padding is minus infinity, the least integer, or False, so that it never exceeds a pixel. Where
    a dilated window steps over the whole of a small image, that is the result. How equal values
    share a gradient is up to the framework, and so is the sign of a zero among zeros of both.

    Args:
        x: `(..., c, h, w)`, or `(..., h, w, c)` with channels last; real numbers or booleans.
        window: its height and width, or one number for both.
        stride: the steps from window to window, down and across; the window by default.
        padding: the cells around the image that windows may reach into, above and below, left
            and right: fewer than a window reaches over. `"valid"` is none; `"same"` is
            TensorFlow's, for a window at each stride begun, with the odd cell at the end.
        dilation: the steps from cell to cell in a window.
        data_format: `"channels_first"` or `"channels_last"`.

    Returns:
        `(..., c, h', w')`, or `(..., h', w', c)`, with `h' = (h + padding − reach) // stride + 1`
        where the padding is that of both ends and `reach = (window − 1) · dilation + 1`.

    Raises:
        TypeError: `x` is not an array, or holds no real numbers, or a size is not an integer.
        ValueError: `x` has fewer than 3 axes or no pixels, no window fits, the padding is as
            large as the window, a size is too small, the padding or data format is unknown, or
            height or width are (in a graph that TensorFlow traces for any size).

    Source: D. Scherer et al., "Evaluation of Pooling Operations in Convolutional Architectures for
    Object Recognition", ICANN 2010; dilation as in PyTorch's `max_pool2d`.

    >>> import numpy as np
    >>> max_pool(np.arange(16).reshape(1, 4, 4), 2).tolist()
    [[[5, 7], [13, 15]]]
    """
    xp, axes = backend_of(x), SPATIAL_AXES[data_format]
    layout = _pool_layout(xp, x, window, stride, padding, dilation, data_format)
    least = LEAST.get(xp.dtype(x), float("-inf"))
    padded = add_border(xp, x, axes, layout.border, least)
    maxima: A = _over_windows(xp.max, xp.maximum, padded, axes, layout)
    return maxima


def _check_periods(x: Any, period: Any) -> None:
    """A floating series of whole periods."""
    xp = expect.arrays(x=x)
    expect.floating(xp, x=x)
    shape = expect.axes(xp, "n", x=x)
    expect.positive_int(period=period)
    if not expect.divides(period, shape[0]):
        raise expect.value_error(
            f"x has {shape[0]} values, which period = {period} does not divide "
            f"(x has shape {expect.show(shape)})"
        )


@operation(checks=_check_periods)
def mean_by_period(x: A, period: int) -> A:
    """Average over each period of a series: days to weeks, say.

    Args:
        x: `(n·period,)`, floating.
        period: how many values are averaged to one.

    Returns:
        `(n,)`: the mean of the first `period` values, of the next, and so on.

    Raises:
        TypeError: `x` is not an array, or not floating, or the period not an integer.
        ValueError: `x` does not have 1 axis, or the period does not divide it or is less than 1.

    Source: the arithmetic mean; `"(n period) -> n"`.

    >>> import numpy as np
    >>> mean_by_period(np.array([1.0, 2.0, 3.0, 10.0, 11.0, 15.0]), 3).tolist()
    [2.0, 12.0]
    """
    periods = rearrange(x, "(n period) -> n period", period=period)
    return reduce_axes(backend_of(x).mean, periods, "n period -> n")


@operation(checks=_check_periods, in_float32=True)
def subtract_period_mean(x: A, period: int) -> A:
    """Subtract from each value of a series the mean of its own period.

    Equal values give exactly 0. 16-bit floats are computed in float32.

    Args:
        x: `(n·period,)`, floating.
        period: how many values share a mean.

    Returns:
        `(n·period,)`: `x − mean`.

    Raises:
        TypeError: `x` is not an array, or not floating, or the period not an integer.
        ValueError: `x` does not have 1 axis, or the period does not divide it or is less than 1.

    Source: the arithmetic mean.

    >>> import numpy as np
    >>> subtract_period_mean(np.array([1.0, 2.0, 3.0, 10.0, 11.0, 15.0]), 3).tolist()
    [-1.0, 0.0, 1.0, -2.0, -1.0, 3.0]
    """
    periods = rearrange(x, "(n period) -> n period", period=period)
    differences, _ = centered(backend_of(x), periods, "n period -> n 1")
    return rearrange(differences, "n period -> (n period)")


def _check_standardize_by_period(x: Any, period: Any, correction: Any) -> None:
    _check_periods(x, period)
    expect.known_int(period=period)
    expect.number(0, correction=correction)
    if isinstance(period, int) and period <= correction:
        raise expect.value_error(
            f"period must be greater than the correction, {float(correction):g}, got {period}"
        )


@operation(checks=_check_standardize_by_period, in_float32=True)
def standardize_by_period(x: A, period: int, *, correction: float = 1) -> A:
    """Standardize each period of a series to mean 0 and standard deviation 1.

    A period whose values are all equal, or that has one value, gives NaN: it is 0/0. 16-bit floats
    are computed in float32.

    Args:
        x: `(n·period,)`, floating.
        period: how many values share a mean and a deviation.
        correction: what is taken from the number of values that the variance is divided by:
            1 for the sample's deviation (PyTorch's default), 0 for the population's (NumPy's,
            JAX's and TensorFlow's). Less than the period.

    Returns:
        `(n·period,)`: `(x − mean) / √(Σ (x − mean)² / (period − correction))`.

    Raises:
        TypeError: `x` is not an array, or not floating, the period not an integer, or the
            correction not a number.
        ValueError: `x` does not have 1 axis, the period does not divide it, is less than 1 or not
            greater than the correction, or the correction is negative.

    Source: the standard score; F. W. Bessel's correction.

    >>> import numpy as np
    >>> standardize_by_period(np.array([1.0, 2.0, 3.0, 10.0, 12.0, 14.0]), 3).tolist()
    [-1.0, 0.0, 1.0, -1.0, 0.0, 1.0]
    """
    xp = backend_of(x)
    periods = rearrange(x, "(n period) -> n period", period=period)
    differences, _ = centered(xp, periods, "n period -> n 1")
    differences = differences * squarable(xp, differences)
    squares = reduce_axes(xp.sum, differences * differences, "n period -> n 1")
    scores = differences / xp.sqrt(squares / (period - float(correction)))
    return rearrange(scores, "n period -> (n period)")


def _pool_layout(
    xp: Backend,
    x: Any,
    window: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    data_format: str,
) -> Layout:
    """How the windows of a pool lie on an image; without a stride they touch each other."""
    shape, (height, width) = xp.shape(x), SPATIAL_AXES[data_format]
    size, image = as_pair(window), (shape[height], shape[width])
    windows = Windows(size, size if stride is None else as_pair(stride), as_pair(dilation))
    return lay_windows(image, windows, parse_padding(padding, windows, image))


def _over_windows(reduction: Any, pairwise: Any, x: Any, axes: Pair, layout: Layout) -> Any:
    """Reduce the height of all windows at once, then their width: `k + k` steps, not `k · k`."""
    alone = []
    sides = zip(axes, *layout.windows, layout.counts, strict=True)
    for axis, size, stride, dilation, count in sides:
        if count == 1:
            # The cells of a single window are one slice: they need no step for each.
            (x,) = shifted(x, axis, 1, dilation, 1, size)
            alone.append(axis)
        else:
            x = reduce(pairwise, shifted(x, axis, size, stride, dilation, count))
    return reduction(x, axis=tuple(alone), keepdims=True) if alone else x


def _real_cells(xp: Backend, like: Any, axes: Pair, layout: Layout, side: int) -> Any:
    """How many cells of each window lie in the image, along one side; one number if all do."""
    size, stride = layout.windows.size[side], layout.windows.stride[side]
    before, count = layout.border[side][0], layout.counts[side]
    # How far the last window reaches past the end: it may not get to the padding there.
    beyond = (count - 1) * stride - before + size - layout.image[side]
    if before == 0 and isinstance(beyond, int) and beyond <= 0:
        return size
    turn = multiples(xp, count, stride, like)
    cells = size - xp.maximum(before - turn, 0)
    if not isinstance(beyond, int) or beyond > 0:
        cells = cells - xp.maximum(turn - (count - 1) * stride + beyond, 0)
    after = -axes[side] - 1
    before_it = len(xp.shape(like)) - 1 - after
    pattern = f"n -> {'1 ' * before_it}n{' 1' * after}"
    return rearrange(xp.astype(cells, xp.dtype(like)), pattern)


def _over_space(data_format: str, keepdims: bool) -> str:
    if data_format == "channels_first":
        return "b c h w -> b c 1 1" if keepdims else "b c h w -> b c"
    return "b h w c -> b 1 1 c" if keepdims else "b h w c -> b c"


# --- Checks --------------------------------------------------------------------------------------


def _check_pixels(xp: Backend, x: Any, data_format: Any) -> None:
    """Images that are not empty."""
    expect.image(xp, data_format, x=x)
    expect.not_empty(xp, dict(zip(SIDES, SPATIAL_AXES[data_format], strict=True)), x=x)


def _check_windows(
    xp: Backend,
    x: Any,
    window: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    data_format: Any,
) -> None:
    """Windows that fit on images, with a padding that no window can lie in."""
    _, *sides = expect.image(xp, data_format, "...", x=x)
    expect.known_pair(1, window=window)
    if stride is not None:
        expect.known_pair(1, stride=stride)
    expect.known_pair(1, dilation=dilation)
    expect.not_empty(xp, dict(zip(SIDES, SPATIAL_AXES[data_format], strict=True)), x=x)
    check_known(xp, (sides[0], sides[1]), x=x)
    check_padding(padding)
    layout = _pool_layout(xp, x, window, stride, padding, dilation, data_format)
    # Any less, and a window whose cells lie side by side has one of the image.
    borders = zip(SIDES, layout.border, layout.windows.extent, strict=True)
    for side, (before, _), extent in borders:
        if isinstance(before, int) and isinstance(extent, int) and before >= extent:
            raise expect.value_error(
                f"padding must be less than the window, got {before} for a window that "
                f"reaches over {extent} in {side}"
            )
    check_fit(xp, layout, x=x)
