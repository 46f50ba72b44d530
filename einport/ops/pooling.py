"""One number for many: means and maxima over space, channels, windows or periods."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any, NamedTuple, TypeVar

from einops import rearrange

from ..backends import Backend
from ..operation import operation
from ..patterns.axes import reduce_axes
from . import _checks as check
from ._numerics import centered, squarable
from ._windows import (
    Border,
    Pair,
    Windows,
    add_border,
    count_windows,
    known_picture,
    multiples,
    read_border,
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


@operation
def global_average_pool(x: A, *, keepdims: bool = False, data_format: str = "channels_first") -> A:
    """Average each channel over the whole picture.

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
    op = "global_average_pool"
    xp = check.array(op, "x", x)
    check.floating(op, "x", xp, x)
    check.flag(op, "keepdims", keepdims)
    _check_image(op, xp, x, data_format)
    return reduce_axes(xp.mean, x, _over_space(data_format, keepdims))


@operation
def global_max_pool(x: A, *, keepdims: bool = False, data_format: str = "channels_first") -> A:
    """The largest value of each channel; NaN if one is there.

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
    op = "global_max_pool"
    xp = check.array(op, "x", x)
    check.real(op, "x", xp, x)
    check.flag(op, "keepdims", keepdims)
    _check_image(op, xp, x, data_format)
    return reduce_axes(xp.max, x, _over_space(data_format, keepdims))


@operation
def channel_max_pool(x: A, *, keepdims: bool = True, data_format: str = "channels_first") -> A:
    """The largest value at each pixel, over the channels; NaN if one is there.

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
    op = "channel_max_pool"
    xp = check.array(op, "x", x)
    check.real(op, "x", xp, x)
    check.flag(op, "keepdims", keepdims)
    shape = xp.shape(x)
    check.image(op, "x", shape, data_format)
    first = data_format == "channels_first"
    check.not_empty(op, "x", shape, {"channels": 1 if first else 3})
    if first:
        return reduce_axes(xp.max, x, "b c h w -> b 1 h w" if keepdims else "b c h w -> b h w")
    return reduce_axes(xp.max, x, "b h w c -> b h w 1" if keepdims else "b h w c -> b h w")


@operation
def average_pool(
    x: A,
    window: int | tuple[int, int],
    *,
    stride: int | tuple[int, int] | None = None,
    padding: int | tuple[int, int] | str = 0,
    data_format: str = "channels_first",
) -> A:
    """Average over windows that slide across the picture; padded cells do not count.

    NaN and infinities stay in the windows that hold them. 16-bit floats are computed in float32.

    Args:
        x: `(..., c, h, w)`, or `(..., h, w, c)` with channels last; floating.
        window: its height and width, or one number for both.
        stride: the steps from window to window, down and across; the window by default, so that
            windows touch and do not overlap.
        padding: the cells around the picture that windows may reach into, above and below, left
            and right: fewer than the window has. `"valid"` is none; `"same"` is TensorFlow's, for
            a window at each stride begun, with the odd cell at the end.
        data_format: `"channels_first"` or `"channels_last"`.

    Returns:
        `(..., c, h', w')`, or `(..., h', w', c)`, with `h' = (h + padding − window) // stride + 1`
        where the padding is that of both ends: the sum of a window's cells in the picture, divided
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
    op = "average_pool"
    xp = check.array(op, "x", x)
    check.floating(op, "x", xp, x)
    lie = _lay_windows(op, xp, x, window, stride, padding, 1, data_format)
    padded = add_border(xp, x, lie.axes, lie.border)
    total = _over_windows(xp.sum, add, xp.widen(padded), lie)
    mean = total / (_real_cells(xp, total, lie, 0) * _real_cells(xp, total, lie, 1))
    return xp.narrow(mean, x)


@operation
def max_pool(
    x: A,
    window: int | tuple[int, int],
    *,
    stride: int | tuple[int, int] | None = None,
    padding: int | tuple[int, int] | str = 0,
    dilation: int | tuple[int, int] = 1,
    data_format: str = "channels_first",
) -> A:
    """The largest value in each window that slides across the picture; NaN if one is there.

    The padding never wins: it is minus infinity, the least integer, or False. Where a dilated
    window steps over the whole of a small picture, that is the result. How equal values share a
    gradient is the framework's affair, and so is the sign of a zero among zeros of both.

    Args:
        x: `(..., c, h, w)`, or `(..., h, w, c)` with channels last; real numbers or booleans.
        window: its height and width, or one number for both.
        stride: the steps from window to window, down and across; the window by default.
        padding: the cells around the picture that windows may reach into, above and below, left
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
    op = "max_pool"
    xp = check.array(op, "x", x)
    check.real(op, "x", xp, x)
    lie = _lay_windows(op, xp, x, window, stride, padding, dilation, data_format)
    least = LEAST.get(xp.dtype(x), float("-inf"))
    padded = add_border(xp, x, lie.axes, lie.border, least)
    return _over_windows(xp.max, xp.maximum, padded, lie)


@operation
def mean_by_period(x: A, period: int) -> A:
    """Average each period of a series: days to weeks, say.

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
    xp, periods, _ = _split_periods("mean_by_period", x, period)
    return reduce_axes(xp.mean, periods, "n period -> n")


@operation
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
    xp, periods, _ = _split_periods("subtract_period_mean", x, period)
    differences, _ = centered(xp, xp.widen(periods), "n period -> n 1")
    return xp.narrow(rearrange(differences, "n period -> (n period)"), x)


@operation
def standardize_by_period(x: A, period: int, *, correction: float = 1) -> A:
    """Bring each period of a series to mean 0 and standard deviation 1.

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
    op = "standardize_by_period"
    xp, periods, length = _split_periods(op, x, period)
    correction = check.number(op, "correction", correction, 0)
    if isinstance(length, int) and length <= correction:
        raise ValueError(
            f"{op}: period must be greater than the correction, {correction:g}, got {length}"
        )
    differences, _ = centered(xp, xp.widen(periods), "n period -> n 1")
    differences = differences * squarable(xp, differences)
    squares = reduce_axes(xp.sum, differences * differences, "n period -> n 1")
    scores = differences / xp.sqrt(squares / (length - correction))
    return xp.narrow(rearrange(scores, "n period -> (n period)"), x)


class _Lie(NamedTuple):
    """How windows lie on a picture."""

    windows: Windows
    picture: Pair
    border: Border
    counts: Pair
    axes: Pair


def _lay_windows(
    op: str,
    xp: Backend,
    x: Any,
    window: object,
    stride: object,
    padding: object,
    dilation: object,
    data_format: object,
) -> _Lie:
    """Check what both pools take, and find out how their windows lie."""
    shape = xp.shape(x)
    _, *sides = check.image(op, "x", shape, data_format, "...")
    size = check.pair(op, "window", window, 1)
    steps = size if stride is None else check.pair(op, "stride", stride, 1)
    windows = Windows(size, steps, check.pair(op, "dilation", dilation, 1))
    axes = (-2, -1) if data_format == "channels_first" else (-3, -2)
    check.not_empty(op, "x", shape, dict(zip(("height", "width"), axes, strict=True)))
    picture = known_picture(op, "x", shape, (sides[0], sides[1]))
    border = read_border(op, padding, windows, picture)
    # Any less, and a window whose cells lie side by side has one of the picture.
    for side, (before, _), extent in zip(("height", "width"), border, windows.extent, strict=True):
        if isinstance(before, int) and isinstance(extent, int) and before >= extent:
            raise ValueError(
                f"{op}: padding must be less than the window, got {before} for a window that "
                f"reaches over {extent} in {side}"
            )
    counts = count_windows(op, "x", shape, picture, windows, border)
    return _Lie(windows, picture, border, counts, axes)


def _over_windows(reduction: Any, pairwise: Any, x: Any, lie: _Lie) -> Any:
    """Reduce the height of all windows at once, then their width: `k + k` steps, not `k · k`."""
    alone = []
    for side, axis in enumerate(lie.axes):
        if lie.counts[side] == 1:
            # The cells of a window that is alone are one slice: they need no step for each.
            whole = Windows((1, 1), lie.windows.dilation)
            (x,) = shifted(x, axis, side, whole, lie.windows.size)
            alone.append(axis)
        else:
            x = reduce(pairwise, shifted(x, axis, side, lie.windows, lie.counts))
    return reduction(x, axis=tuple(alone), keepdims=True) if alone else x


def _real_cells(xp: Backend, like: Any, lie: _Lie, side: int) -> Any:
    """How many cells of each window lie in the picture, along one side; one number if all do."""
    size, stride = lie.windows.size[side], lie.windows.stride[side]
    before, count = lie.border[side][0], lie.counts[side]
    # How far the last window reaches past the end: it may not get to the padding there.
    beyond = (count - 1) * stride - before + size - lie.picture[side]
    if before == 0 and isinstance(beyond, int) and beyond <= 0:
        return size
    turn = multiples(xp, count, stride, like)
    cells = size - xp.maximum(before - turn, 0)
    if not isinstance(beyond, int) or beyond > 0:
        cells = cells - xp.maximum(turn - (count - 1) * stride + beyond, 0)
    after = -lie.axes[side] - 1
    before_it = len(xp.shape(like)) - 1 - after
    pattern = f"n -> {'1 ' * before_it}n{' 1' * after}"
    return rearrange(xp.astype(cells, xp.dtype(like)), pattern)


def _split_periods(op: str, x: A, period: int) -> tuple[Backend, A, int]:
    """The adapter of a series, the series with a row for each period, and the period."""
    xp = check.array(op, "x", x)
    check.floating(op, "x", xp, x)
    shape = xp.shape(x)
    check.rank(op, "x", shape, "n")
    length = check.count(op, "period", period)
    if not check.divides(length, shape[0]):
        raise ValueError(
            f"{op}: x has {shape[0]} values, which period = {length} does not divide "
            f"(x has shape {check.show(shape)})"
        )
    return xp, rearrange(x, "(n period) -> n period", period=length), length


def _over_space(data_format: str, keepdims: bool) -> str:
    if data_format == "channels_first":
        return "b c h w -> b c 1 1" if keepdims else "b c h w -> b c"
    return "b h w c -> b 1 1 c" if keepdims else "b h w c -> b c"


def _check_image(op: str, xp: Backend, x: Any, data_format: str) -> None:
    check.image(op, "x", xp.shape(x), data_format)
    height = 2 if data_format == "channels_first" else 1
    check.not_empty(op, "x", xp.shape(x), {"height": height, "width": height + 1})
