"""Six real pictures: the digits 0 to 5 in color, for the image operations."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np


@cache
def digits() -> np.ndarray[Any, Any]:
    """The pictures, uint8 `(6, 3, 150, 150)`; `scripts/draw_digits.py` draws them."""
    with (files(__package__) / "data" / "digits.npz").open("rb") as file:
        pictures: np.ndarray[Any, Any] = np.load(file)["digits"]
    pictures.flags.writeable = False
    return pictures
