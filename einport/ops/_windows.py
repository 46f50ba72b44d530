"""Windows that slide over an image: where they lie, how many fit, and what they hold.

Height and width come in pairs, `(height, width)`. A size of the image that is not known yet is
refused where the number of windows depends on it, and computed with where it is a symbol.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

from .. import expect
from ..backends import Backend
from ._broadcasting import to_rank

A = TypeVar("A")

Pair = tuple[Any, Any]
Border = tuple[Pair, Pair]
"""What is added: (above, below), (left, right)."""

SIDES = ("height", "width")
SPATIAL_AXES: dict[str, tuple[int, int]] = {"channels_first": (-2, -1), "channels_last": (-3, -2)}
"""The axes of height and width by data format."""

NO_BORDER: Border = ((0, 0), (0, 0))
PADDINGS = ("valid", "same")
"""Paddings with a name: none, and as much as gives one window for each stride begun."""


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


class Layout(NamedTuple):
    """How windows lie on an image with a border around it."""

    image: Pair
    windows: Windows
    border: Border
    padded: Pair
    """Height and width of the image with its border."""
    counts: Pair
    """How many windows fit, from top to bottom and from left to right."""


def lay_windows(image: Pair, windows: Windows, border: Border = NO_BORDER) -> Layout:
    """The layout of windows on an image of this height and width."""
    (above, below), (left, right) = border
    padded = (image[0] + above + below, image[1] + left + right)
    sides = zip(padded, windows.extent, windows.stride, strict=True)
    down, across = ((size - extent) // stride + 1 for size, extent, stride in sides)
    return Layout(image, windows, border, padded, (down, across))


def as_pair(setting: Any) -> Pair:
    """A setting for height and width alike, or one for each, as a pair."""
    if isinstance(setting, Sequence):
        high, wide = setting
        return high, wide
    return setting, setting


def parse_padding(padding: Any, windows: Windows, image: Pair) -> Border:
    """The padding as numbers: an integer, a pair for height and width, `"valid"` or `"same"`.

    `"same"` is TensorFlow's: one window for each stride begun, with the odd cell at the end.
    """
    if isinstance(padding, str):
        if padding == "valid":
            return NO_BORDER
        high, wide = map(_same_padding, image, windows.extent, windows.stride)
        return high, wide
    above, left = as_pair(padding)
    return (above, above), (left, left)


def _same_padding(size: Any, extent: Any, stride: Any) -> Pair:
    begun = -(-size // stride)
    total = max((begun - 1) * stride + extent - size, 0)
    return total // 2, total - total // 2


def add_border(xp: Backend, x: A, axes: Pair, border: Border, value: float | bool = 0) -> A:
    """The image with a border on its two axes."""
    if border == NO_BORDER:
        return x
    widths = [(0, 0)] * len(xp.shape(x))
    for axis, pair in zip(axes, border, strict=True):
        widths[axis] = pair
    padded: A = xp.pad(x, widths, value)
    return padded


def shifted(x: Any, axis: int, size: Any, stride: Any, dilation: Any, count: Any) -> list[Any]:
    """For each cell of a window along one axis, what all windows hold there.

    Args:
        x: the image, with its border.
        axis: the axis, counted from the end: negative.
        size: how many cells a window has.
        stride: the steps from window to window.
        dilation: the steps from cell to cell.
        count: how many windows there are.
    """
    span = (count - 1) * stride + 1
    after = (slice(None),) * (-axis - 1)
    starts = [cell * dilation for cell in range(size)]
    return [x[(..., slice(start, start + span, stride), *after)] for start in starts]


def window_places(xp: Backend, like: Any, layout: Layout, *, backwards: bool = False) -> Any:
    """Indices of each window's cells in the flattened padded image: `(h', w', kh, kw)`.

    Reading the windows backwards, from the last cell to the first, flips the kernel.
    """
    windows, (_, width) = layout.windows, layout.padded
    (down, right), (lower, later), (high, wide) = windows.stride, windows.dilation, windows.extent
    if backwards:
        lower, later = -lower, -later
    steps = (down * width, right, lower * width, later)
    places, *others = (
        multiples(xp, size, step, like)
        for size, step in zip((*layout.counts, *windows.size), steps, strict=True)
    )
    if backwards:
        places = places + ((high - 1) * width + wide - 1)
    for axes, other in enumerate(others, 2):
        places = places[..., None] + to_rank(xp, other, axes)
    return places


def multiples(xp: Backend, count: Any, step: Any, like: Any) -> Any:
    """The indices 0, step, 2·step and so on, `count` of them.

    Of a single one the step does not matter, and it may be past what an index can hold.
    """
    step = 0 if xp.is_fixed(count) and count == 1 else step
    return xp.arange(count, like=like) * step


# --- Checks --------------------------------------------------------------------------------------


def check_padding(padding: object) -> None:
    """An integer, a pair of them, `"valid"` or `"same"`."""
    if isinstance(padding, str):
        expect.one_of(PADDINGS, padding=padding)
    else:
        expect.known_pair(0, padding=padding)


def check_known(xp: Backend, sides: Pair, **named: Any) -> None:
    """Height and width must be known: the number of windows depends on them."""
    ((name, x),) = named.items()
    if None in sides:
        raise expect.value_error(
            f"height and width of {name} must be known, got shape {expect.show(xp.shape(x))}"
        )


def check_fit(xp: Backend, layout: Layout, **named: Any) -> None:
    """At least one window must fit each way."""
    ((name, x),) = named.items()
    windows = layout.windows
    rest = (layout.image, layout.border, layout.padded, windows.extent, windows.dilation)
    for side, size, (before, after), padded, extent, dilation in zip(SIDES, *rest, strict=True):
        if isinstance(padded, int) and isinstance(extent, int) and padded < extent:
            added = f" with padding {before} + {after}" if before or after else ""
            spread = f" with dilation {dilation}" if dilation != 1 else ""
            raise expect.value_error(
                f"{name} has {side} {size}{added}, less than a window's {extent}{spread} "
                f"({name} has shape {expect.show(xp.shape(x))})"
            )
