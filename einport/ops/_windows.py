"""Windows that slide over a picture: where they lie, how many fit, and what they hold.

Height and width come in pairs, `(height, width)`. A size of the picture that is not known yet is
refused where the number of windows depends on it, and computed with where it is a symbol.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

from ..backends import Backend
from . import _checks as check
from ._broadcasting import to_rank

A = TypeVar("A")

Pair = tuple[Any, Any]
Border = tuple[Pair, Pair]
"""What is added: (above, below), (left, right)."""

WORDS = ("valid", "same")
"""Paddings with a name: none, and as much as it takes to get a window for each stride."""


class Windows(NamedTuple):
    """The shape of a window and the steps it takes."""

    size: Pair
    stride: Pair
    dilation: Pair = (1, 1)

    @property
    def extent(self) -> Pair:
        """How far a window reaches, from its first cell to its last."""
        high, wide = ((n - 1) * d + 1 for n, d in zip(self.size, self.dilation, strict=True))
        return high, wide


def read_border(op: str, padding: object, windows: Windows, picture: Pair) -> Border:
    """The padding as numbers: an integer, a pair for height and width, `"valid"` or `"same"`.

    `"same"` is TensorFlow's: one window for each stride begun, with the odd cell at the end.
    """
    if isinstance(padding, str):
        check.one_of(op, "padding", padding, WORDS)
        if padding == "valid":
            return (0, 0), (0, 0)
        high, wide = map(_same, picture, windows.extent, windows.stride)
        return high, wide
    above, left = check.pair(op, "padding", padding, 0)
    return (above, above), (left, left)


def _same(size: Any, extent: Any, stride: Any) -> Pair:
    begun = -(-size // stride)
    total = max((begun - 1) * stride + extent - size, 0)
    return total // 2, total - total // 2


def count_windows(
    op: str, name: str, shape: Sequence[Any], picture: Pair, windows: Windows, border: Border
) -> Pair:
    """How many windows fit, from top to bottom and from left to right: at least one each way."""
    found = []
    names = ("height", "width")
    rest = (picture, border, windows.extent, windows.stride, windows.dilation)
    for side, size, (before, after), extent, stride, dilation in zip(names, *rest, strict=True):
        padded = size + before + after
        if isinstance(padded, int) and isinstance(extent, int) and padded < extent:
            added = f" with padding {before} + {after}" if before or after else ""
            spread = f" with dilation {dilation}" if dilation != 1 else ""
            raise ValueError(
                f"{op}: {name} has {side} {size}{added}, less than a window's {extent}{spread} "
                f"({name} has shape {check.show(shape)})"
            )
        found.append((padded - extent) // stride + 1)
    return found[0], found[1]


def known_picture(op: str, name: str, shape: Sequence[Any], picture: Pair) -> Pair:
    """Height and width, which must be known: the number of windows depends on them."""
    if None in picture:
        raise ValueError(
            f"{op}: height and width of {name} must be known, got shape {check.show(shape)}"
        )
    return picture


def add_border(xp: Backend, x: A, axes: Pair, border: Border, value: float | bool = 0) -> A:
    """The picture with a border on its two axes."""
    if border == ((0, 0), (0, 0)):
        return x
    widths = [(0, 0)] * len(xp.shape(x))
    for axis, pair in zip(axes, border, strict=True):
        widths[axis] = pair
    padded: A = xp.pad(x, widths, value)
    return padded


def shifted(x: Any, axis: int, side: int, windows: Windows, counts: Pair) -> list[Any]:
    """For each place in a window along one axis, what all windows hold there.

    Args:
        x: the picture, with its border.
        axis: the axis, counted from the end: negative.
        side: 0 for height, 1 for width.
        windows: how the windows lie.
        counts: how many there are, from `count_windows`.
    """
    size, stride, dilation = windows.size[side], windows.stride[side], windows.dilation[side]
    span = (counts[side] - 1) * stride + 1
    after = (slice(None),) * (-axis - 1)
    starts = [place * dilation for place in range(size)]
    return [x[(..., slice(start, start + span, stride), *after)] for start in starts]


def window_places(
    xp: Backend, like: Any, width: Any, windows: Windows, counts: Pair, *, backwards: bool = False
) -> Any:
    """Where the cells of each window are in a picture that is one axis: `(h', w', kh, kw)`.

    Reading the windows backwards, from the last cell to the first, is as good as a flipped kernel.
    """
    (down, right), (lower, later), (high, wide) = windows.stride, windows.dilation, windows.extent
    if backwards:
        lower, later = -lower, -later
    steps = (down * width, right, lower * width, later)
    places, *others = (
        multiples(xp, size, step, like)
        for size, step in zip((*counts, *windows.size), steps, strict=True)
    )
    if backwards:
        places = places + ((high - 1) * width + wide - 1)
    for axes, other in enumerate(others, 2):
        places = places[..., None] + to_rank(xp, other, axes)
    return places


def multiples(xp: Backend, count: Any, step: Any, like: Any) -> Any:
    """Zero, the step, twice the step and so on: so many of them, as indices.

    Of a single one the step does not matter, and it may be past what an index can hold.
    """
    step = 0 if xp.is_fixed(count) and count == 1 else step
    return xp.arange(count, like=like) * step
