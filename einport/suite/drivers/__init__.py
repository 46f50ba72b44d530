"""A framework as the suite drives it: compilers, unknown sizes, and no look at the host.

An adapter says what a framework's arrays can do; a driver says how a promise about a framework is
put to the proof. A framework of another package needs none: the base asks its adapter alone.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec

from ...backends import Backend
from .base import Driver, Graphs, Sample, thoroughly

__all__ = ["Driver", "Graphs", "Sample", "driver_of", "thoroughly"]


@cache
def driver_of(xp: Backend) -> Driver:
    """The driver of a framework."""
    module = f"{__name__}.{xp.name}"
    if xp.name not in ("base", "__init__") and find_spec(module):
        found: Driver = import_module(module).DRIVER(xp)
        return found
    return Driver(xp)
