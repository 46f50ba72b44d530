"""How long two functions take, beside each other: in turns, so that both meet the same disturbance.

The figure is of small arrays called as they are, not compiled: it tells what a call costs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

from ..backends.trees import tree_leaves

BUDGET = 0.25
"""Seconds that a measurement may take; it ends with the round in which they are over."""

ROUNDS = (5, 200)
"""Rounds at least and at most."""


@dataclass(frozen=True)
class Timing:
    """The medians of both, in seconds."""

    einport: float
    native: float
    rounds: int

    @property
    def ratio(self) -> float:
        """How many times as long einport takes."""
        return self.einport / self.native


def measure(
    einport: Callable[[], Any], native: Callable[[], Any], budget: float = BUDGET
) -> Timing:
    """Call both in turns, and take the median of each.

    What goes first changes from round to round. Each has been called once before, because
    frameworks prepare much in a first call.
    """
    pair = (einport, native)
    for function in pair:
        _timed(function)
    taken: tuple[list[float], list[float]] = ([], [])
    end = time.perf_counter() + budget
    for turn in range(ROUNDS[1]):
        for which in (turn % 2, 1 - turn % 2):
            taken[which].append(_timed(pair[which]))
        if turn + 1 >= ROUNDS[0] and time.perf_counter() > end:
            break
    return Timing(median(taken[0]), median(taken[1]), len(taken[0]))


def _timed(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    for leaf in tree_leaves(function()):
        wait = getattr(leaf, "block_until_ready", None)  # JAX returns before it has computed
        if wait is not None:
            wait()
    return time.perf_counter() - start
