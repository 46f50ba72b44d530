"""NumPy in the hands of the suite: it computes at once, in the host's memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

from .base import Driver, Function, Graphs, Sample


class NumpyDriver(Driver):
    """NumPy has none of what a driver could try."""

    def dynamic(self, fn: Function, sample: Sample, by_default: int) -> Iterator[Graphs]:
        raise NotImplementedError("NumPy has no compiler")

    def unread(self, device: str) -> AbstractContextManager[Any]:
        raise NotImplementedError("NumPy's arrays are the host's own")


DRIVER = NumpyDriver
