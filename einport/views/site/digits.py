"""The digit pictures: demonstrations that move pixels, and the code that moves them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...backends import Backend
from ...catalog._demos import DEMOS, Array, Demo
from ...comparison.demos import run
from ..demos import written
from .look import Stamp, render

SIDE = 150
"""A digit's side in pixels."""


@dataclass(frozen=True)
class Digits:
    """A picture that was made now."""

    demo: Demo
    values: Array
    agrees: bool
    """Whether all frameworks gave the same picture, of the right shape."""
    ran: tuple[str, ...]
    """The frameworks with their versions."""

    @property
    def file(self) -> str:
        """The picture, from the site's root."""
        return f"pictures/{self.demo.name.removeprefix('picture-')}.png"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        height, width = self.values.shape[-2:]
        return width, height

    @property
    def code(self) -> str:
        """The call as one writes it."""
        return "\n".join(written(self.demo, 64))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the input."""
        return tuple(self.demo.inputs[0].shape)

    @property
    def made(self) -> str:
        """The shape of the result."""
        return str(tuple(self.values.shape))


def digit_pictures(backends: Sequence[Backend]) -> tuple[Digits, ...]:
    """Run the demonstrations that give pictures on every framework."""
    return tuple(_made(one, backends) for one in DEMOS if one.picture)


def _made(one: Demo, backends: Sequence[Backend]) -> Digits:
    outcomes = [run(one, xp) for xp in backends]
    found = [o.values for o in outcomes if o.values is not None]
    agrees = len(found) == len(outcomes) and all(o.agrees for o in outcomes)
    agrees = agrees and all(np.array_equal(found[0], other) for other in found[1:])
    values = found[0] if found else np.zeros((SIDE, SIDE), np.uint8)
    ran = tuple(f"{xp.title} {xp.version()}" for xp in backends)
    return Digits(one, values, agrees, ran)


def digits_page(found: Sequence[Digits], stamp: Stamp) -> bytes:
    """The page of all pictures."""
    row = next(one for one in found if one.demo.name == "picture-row")
    return render("digits.html", "", stamp, pictures=found, row=row, starts=_starts(found))


def _starts(found: Sequence[Digits]) -> dict[str, list[int]]:
    """The digits that each picture is made from."""
    row: Any = next(one for one in found if one.demo.name == "picture-row").demo.inputs[0]
    starts = {}
    for one in found:
        x = one.demo.inputs[0]
        digits = x if x.ndim == 4 else x[None]
        starts[one.demo.name] = [
            next(i for i, digit in enumerate(row) if np.array_equal(digit, mine)) for mine in digits
        ]
    return starts
