"""One number for many: means and maxima over space or channels."""

from __future__ import annotations

from typing import Any, TypeVar

from ..backends import Backend
from . import _checks as check
from ._reduce import reduce_axes

__all__ = [
    "channel_max_pool",
    "global_average_pool",
    "global_max_pool",
]

A = TypeVar("A")


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


def _over_space(data_format: str, keepdims: bool) -> str:
    if data_format == "channels_first":
        return "b c h w -> b c 1 1" if keepdims else "b c h w -> b c"
    return "b h w c -> b 1 1 c" if keepdims else "b h w c -> b c"


def _check_image(op: str, xp: Backend, x: Any, data_format: str) -> None:
    check.image(op, "x", xp.shape(x), data_format)
    height = 2 if data_format == "channels_first" else 1
    check.not_empty(op, "x", xp.shape(x), {"height": height, "width": height + 1})
