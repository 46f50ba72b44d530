"""The demonstrations: one call each, small enough to follow by eye, with the result it must give.

Results are written out, never computed: they say what einops must give, not what it gives.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import ops
from ._digits import digits

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Demo:
    """One call of einops' functions as `einport.ops` hands them on, on any framework."""

    name: str
    function: str
    """`rearrange`, `reduce`, `repeat` or `einsum`."""
    pattern: str
    sizes: Mapping[str, int]
    """The lengths of axes that the pattern alone does not tell."""
    input: Array | tuple[Array, ...]
    expected: Array | tuple[int, ...] | type[Exception]
    """The result; of a picture its shape alone, of a demonstrated mistake the error's class."""
    title: str
    shows: str
    """What there is to see, in a sentence or two."""
    reduction: str = ""
    """How `reduce` combines elements."""
    picture: bool = False
    """Whether input and result are pictures, in channels of 0 to 255."""

    @property
    def inputs(self) -> tuple[Array, ...]:
        """All arrays of the call."""
        return self.input if isinstance(self.input, tuple) else (self.input,)

    def call(self, *arrays: Any) -> Any:
        """Call the function on the inputs as arrays of a framework."""
        reduction = (self.reduction,) if self.reduction else ()
        function = getattr(ops, self.function)
        return function(*arrays, self.pattern, *reduction, **self.sizes)


def demo(name: str) -> Demo:
    """The demonstration of that name.

    Raises:
        ValueError: There is none; the message gives the nearest names.
    """
    known = {one.name: one for one in DEMOS}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise ValueError(f"no demo is named {name!r}{hint}")
    return known[name]


def _fixed(array: Array) -> Array:
    array.flags.writeable = False
    return array


def _table(text: str, *shape: int, dtype: str = "int64") -> Array:
    """Rows parted by `/`, in another shape if one is given."""
    rows = np.array([row.split() for row in text.split("/")]).astype(dtype)
    return _fixed(rows.reshape(shape or rows.shape))


def _count(*shape: int, start: int = 0, dtype: str = "int64") -> Array:
    """The numbers from `start` on, in order."""
    size = int(np.prod(shape))
    return _fixed(np.arange(start, start + size, dtype=dtype).reshape(shape))


EX = _count(6, 3, 3)
"""Six images of 3 × 3, numbered through."""

_FLOATS = _count(6, 3, 3, dtype="float32")

_NUMBERS = (
    Demo(
        "transpose-image", "rearrange", "h w -> w h", {}, EX[0],
        _table("0 3 6 / 1 4 7 / 2 5 8"),
        "Rows become columns",
        "Axes are named in the order they come in, then in the order they are wanted in.",
    ),
    Demo(
        "compose-batch-and-height", "rearrange", "b h w -> (b h) w", {}, EX,
        _count(18, 3),
        "Images in a column",
        "Parentheses join axes. The batch comes first, so it varies slowest: each image keeps "
        "its rows together, and the numbers stay in order.",
    ),
    Demo(
        "compose-batch-and-width", "rearrange", "b h w -> h (b w)", {}, EX,
        _table(
            "0 1 2  9 10 11 18 19 20 27 28 29 36 37 38 45 46 47 /"
            "3 4 5 12 13 14 21 22 23 30 31 32 39 40 41 48 49 50 /"
            "6 7 8 15 16 17 24 25 26 33 34 35 42 43 44 51 52 53"
        ),
        "Images side by side",
        "The batch joins the width as its slow part: each image keeps its columns together.",
    ),
    Demo(
        "compose-width-and-batch", "rearrange", "b h w -> h (w b)", {}, EX,
        _table(
            "0  9 18 27 36 45 1 10 19 28 37 46 2 11 20 29 38 47 /"
            "3 12 21 30 39 48 4 13 22 31 40 49 5 14 23 32 41 50 /"
            "6 15 24 33 42 51 7 16 25 34 43 52 8 17 26 35 44 53"
        ),
        "Images interleaved",
        "The same axes joined in the other order: the first columns of all images, then the "
        "second ones. The shape is the same, the numbers are not.",
    ),
    Demo(
        "flatten", "rearrange", "b h w -> (b h w)", {}, EX,
        _count(54),
        "All in one row",
        "Joining all axes in the order they have gives the numbers as they lie in memory.",
    ),
    Demo(
        "decompose-by-rows", "rearrange", "(b1 b2) h w -> (b1 h) (b2 w)", {"b1": 2}, EX,
        _table(
            " 0  1  2  9 10 11 18 19 20 /  3  4  5 12 13 14 21 22 23 /  6  7  8 15 16 17 24 25 26 /"
            "27 28 29 36 37 38 45 46 47 / 30 31 32 39 40 41 48 49 50 / 33 34 35 42 43 44 51 52 53"
        ),
        "Two rows of three",
        "Parentheses on the left part an axis. Six images are 2 × 3, laid out row by row; one of "
        "the two lengths is enough.",
    ),
    Demo(
        "decompose-by-columns", "rearrange", "(b1 b2) h w -> (b2 h) (b1 w)", {"b1": 2}, EX,
        _table(
            " 0  1  2 27 28 29 /  3  4  5 30 31 32 /  6  7  8 33 34 35 /"
            " 9 10 11 36 37 38 / 12 13 14 39 40 41 / 15 16 17 42 43 44 /"
            "18 19 20 45 46 47 / 21 22 23 48 49 50 / 24 25 26 51 52 53"
        ),
        "Three rows of two",
        "The same parts, with their places exchanged: the images run down the columns.",
    ),
    Demo(
        "width-into-height", "rearrange", "b h (w w2) -> (h w2) (b w)", {"w2": 3}, EX,
        _table(
            "0  9 18 27 36 45 / 1 10 19 28 37 46 / 2 11 20 29 38 47 /"
            "3 12 21 30 39 48 / 4 13 22 31 40 49 / 5 14 23 32 41 50 /"
            "6 15 24 33 42 51 / 7 16 25 34 43 52 / 8 17 26 35 44 53"
        ),
        "An image a column",
        "A part of the width moves into the height. Here it is all of it, so that each image "
        "becomes one column.",
    ),
    Demo(
        "height-into-width", "rearrange", "b (h h2) w -> (b h) (h2 w)", {"h2": 3}, EX,
        _count(6, 9),
        "An image a row",
        "A part of the height moves into the width. Here it is all of it, so that each image "
        "becomes one row, and the numbers stay in order.",
    ),
    Demo(
        "reorder", "rearrange", "(b1 b2) h w -> h (b2 b1 w)", {"b1": 2}, EX,
        _table(
            "0 1 2 27 28 29  9 10 11 36 37 38 18 19 20 45 46 47 /"
            "3 4 5 30 31 32 12 13 14 39 40 41 21 22 23 48 49 50 /"
            "6 7 8 33 34 35 15 16 17 42 43 44 24 25 26 51 52 53"
        ),
        "Pairs of images",
        "Part the batch and join it again in the other order: image 0 stands beside image 3, "
        "1 beside 4, 2 beside 5.",
    ),
    Demo(
        "expand", "rearrange", "d -> d 1", {}, _count(3),
        _table("0 / 1 / 2"),
        "A new axis of one",
        "A 1 on the right adds an axis: the row becomes a column.",
    ),
    Demo(
        "squeeze", "rearrange", "d 1 -> d", {}, _count(3, 1),
        _count(3),
        "An axis of one goes",
        "A 1 on the left takes an axis away. It must have size 1: a longer one is an error.",
    ),
    Demo(
        "mean-over-batch", "reduce", "b h w -> h w", {}, _FLOATS,
        _table(
            "22.5 23.5 24.5 / 25.5 26.5 27.5 / 28.5 29.5 30.5", dtype="float32"
        ),
        "The mean image",
        "An axis that is missing on the right is reduced. A mean needs floats: of integers it is "
        "refused on every framework.",
        reduction="mean",
    ),
    Demo(
        "sum-over-batch", "reduce", "b h w -> h w", {}, EX,
        _table("135 141 147 / 153 159 165 / 171 177 183"),
        "Sum, pixel by pixel",
        "Only the name of the reduction has changed: the six images are added up.",
        reduction="sum",
    ),
    Demo(
        "max-of-each-image", "reduce", "b h w -> b () ()", {}, EX,
        _table("8 17 26 35 44 53", 6, 1, 1),
        "Reduced axes kept",
        "() stands for an axis of size 1, as 1 does: the reduced axes stay, so that the result "
        "can be subtracted from the images.",
        reduction="max",
    ),
    Demo(
        "min-over-batch", "reduce", "b h w -> h w", {}, EX,
        _table("0 1 2 / 3 4 5 / 6 7 8"),
        "The smallest pixels",
        "The least of six numbers at each place: here all of them are in the first image.",
        reduction="min",
    ),
    Demo(
        "prod-over-batch", "reduce", "b h w -> h w", {}, EX,
        _table(
            "0 9054640 22789360 / 42456960 69509440 105616000 / 152681760 212867200 288608320"
        ),
        "Products grow fast",
        "These fit in 32 bits. With a seventh image the last would be 17,893,715,840, for which "
        "it takes 64: JAX's default integers have 32 unless jax_enable_x64 is set, and give "
        "713,846,656 without a word.",
        reduction="prod",
    ),
    Demo(
        "average-pool", "reduce", "(h h2) (w w2) -> h w", {"h2": 2, "w2": 2},
        _count(6, 6, dtype="float32"),
        _table("3.5 5.5 7.5 / 15.5 17.5 19.5 / 27.5 29.5 31.5", dtype="float32"),
        "Means of 2×2 blocks",
        "Part height and width into blocks and places in a block, then reduce the places.",
        reduction="mean",
    ),
    Demo(
        "max-pool", "reduce", "(h h2) (w w2) -> h w", {"h2": 2, "w2": 2}, _count(6, 6),
        _table("7 9 11 / 19 21 23 / 31 33 35"),
        "Largest of each 2×2",
        "The same pattern with another reduction.",
        reduction="max",
    ),
    Demo(
        "repeat-along-axis", "repeat", "h w -> h (r w)", {"r": 3}, EX[0],
        _table("0 1 2 0 1 2 0 1 2 / 3 4 5 3 4 5 3 4 5 / 6 7 8 6 7 8 6 7 8"),
        "Copies side by side",
        "An axis that is only on the right repeats. In front of the width it copies whole rows.",
    ),
    Demo(
        "repeat-along-both", "repeat", "h w -> (2 h) (2 w)", {}, EX[0],
        _table(
            "0 1 2 0 1 2 / 3 4 5 3 4 5 / 6 7 8 6 7 8 / 0 1 2 0 1 2 / 3 4 5 3 4 5 / 6 7 8 6 7 8"
        ),
        "Copies both ways",
        "A number is an axis without a name: the image stands there four times.",
    ),
    Demo(
        "repeat-each-element", "repeat", "h w -> h (w 2)", {}, EX[0],
        _table("0 0 1 1 2 2 / 3 3 4 4 5 5 / 6 6 7 7 8 8"),
        "Each element twice",
        "The repeat behind the width varies fastest: each element is followed by its copy.",
    ),
    Demo(
        "small-matrix", "rearrange", "(h w) -> h w", {"h": 3, "w": 2}, _count(6, start=3),
        _table("3 4 / 5 6 / 7 8"),
        "A matrix by rows",
        "A row of numbers parted into rows of two.",
    ),
    Demo(
        "another-matrix", "rearrange", "(h w) -> h w", {"h": 2, "w": 3}, _count(6, start=1),
        _table("1 2 3 / 4 5 6"),
        "The same, wider",
        "The same pattern with other lengths. Either one would do: the other follows from it.",
    ),
    Demo(
        "einsum-is-rearrange", "einsum", "i j k -> k j i", {}, EX,
        _table(
            "0  9 18 27 36 45 / 3 12 21 30 39 48 / 6 15 24 33 42 51 /"
            "1 10 19 28 37 46 / 4 13 22 31 40 49 / 7 16 25 34 43 52 /"
            "2 11 20 29 38 47 / 5 14 23 32 41 50 / 8 17 26 35 44 53",
            3, 3, 6,
        ),
        "einsum moves axes",
        "With one array and no axis summed over, einsum and rearrange mean the same.",
    ),
    Demo(
        "einsum-refuses", "einsum", "i j, j k l -> i (k l)", {}, (_count(2, 3), _count(3, 2, 2)),
        NotImplementedError,
        "einsum cannot join",
        "einsum multiplies and sums; it joins no axes. Let the result be `i k l`, and join them "
        "with rearrange afterwards.",
    ),
    Demo(
        "no-arrow", "rearrange", "(b1 b2) h w, (b1 h) (b2 w)", {"b1": 2}, EX,
        ValueError,
        "The commonest slip",
        "A comma stands where `->` should be: each pattern has one arrow, between what comes and "
        "what is wanted. When an error speaks of values to unpack, look for the arrow first.",
    ),
)  # fmt: skip

_PICTURES = (
    Demo(
        "picture-row", "rearrange", "b c h w -> c h (b w)", {}, digits(),
        (3, 150, 900),
        "Digits in a row",
        "The batch joins the width: the pictures stand side by side.",
        picture=True,
    ),
    Demo(
        "picture-column", "rearrange", "b c h w -> c (b h) w", {}, digits(),
        (3, 900, 150),
        "Digits in a column",
        "The batch joins the height: the pictures stand one above the other.",
        picture=True,
    ),
    Demo(
        "picture-twice", "repeat", "c h w -> c (2 h) w", {}, digits()[2],
        (3, 300, 150),
        "One digit twice",
        "A repeat in front of the height: the whole picture, and below it once more.",
        picture=True,
    ),
    Demo(
        "picture-doubled", "repeat", "b c h w -> c (b h) (2 w)", {}, digits()[:2],
        (3, 300, 300),
        "Two digits, doubled",
        "The batch goes into the height and a repeat into the width: each row holds one digit "
        "twice.",
        picture=True,
    ),
    Demo(
        "picture-stretched", "repeat", "c h w -> c (h 2) w", {}, digits()[3],
        (3, 300, 150),
        "Twice as tall",
        "A repeat behind the height doubles each row of pixels: the picture is stretched.",
        picture=True,
    ),
    Demo(
        "picture-channels", "rearrange", "c h w -> h (c w)", {}, digits()[4],
        (150, 450),
        "Channels apart",
        "The channels join the width: red, green and blue side by side, each in grey.",
        picture=True,
    ),
    Demo(
        "picture-two-rows", "rearrange", "(b1 b2) c h w -> c (b1 h) (b2 w)", {"b1": 2}, digits(),
        (3, 300, 450),
        "Two rows of three",
        "The batch is parted; one part goes into the height, the other into the width.",
        picture=True,
    ),
    Demo(
        "picture-transposed", "rearrange", "c h w -> c w h", {}, digits()[5],
        (3, 150, 150),
        "Transposed",
        "Height and width change places: the picture is mirrored along its diagonal.",
        picture=True,
    ),
    Demo(
        "picture-shrunk", "reduce", "(b1 b2) c (h h2) (w w2) -> c (b1 h) (b2 w)",
        {"h2": 2, "w2": 2, "b1": 2}, digits(),
        (3, 150, 225),
        "Shrunk",
        "Part, reduce and join in one pattern: of each 2×2 pixels the lightest in each channel "
        "stays, and the pictures stand in two rows.",
        reduction="max",
        picture=True,
    ),
)  # fmt: skip

DEMOS = _NUMBERS + _PICTURES
"""All of them, in the order of a course."""
