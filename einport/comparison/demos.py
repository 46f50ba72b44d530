"""A demonstration of a pattern, run on a framework."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..backends import Backend
from ..catalog._demos import Array, Demo


class Outcome(NamedTuple):
    """What a demonstration gave on one framework."""

    arrays: tuple[Any, ...]
    """The inputs as arrays of the framework."""
    result: Any
    """An array of the framework, or the exception that was raised."""
    values: Array | None
    """The result in NumPy; None when there is none."""
    agrees: bool
    """Whether the result is the expected one."""


def run(one: Demo, xp: Backend, device: str | None = None) -> Outcome:
    """Run a demonstration; integers are the framework's 64-bit ones, in JAX 32-bit by default."""
    arrays = tuple(xp.asarray(x, device=device) for x in one.inputs)
    try:
        result = one.call(*arrays)
    except Exception as error:  # some are there to show one
        return Outcome(arrays, error, None, type(error) is one.expected)
    values = xp.to_numpy(result)
    return Outcome(arrays, result, values, _agrees(one, values))


def _agrees(one: Demo, values: Array) -> bool:
    if isinstance(one.expected, type):
        return False
    if isinstance(one.expected, tuple):
        return bool(values.shape == one.expected)
    return bool(np.array_equal(values, one.expected))
