"""Demonstrations as text: small tables before and after the call."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..backends import Backend
from ..catalog._demos import DEMOS, Array, Demo
from ..comparison.demos import Outcome
from .lines import wrap

_GAP = "    "
"""What stands between two tables on a line."""

_QUOTED = re.compile(r"(?<!\w)'[^']*'(?!\w)|`[^`]*`")
"""Patterns and code, which stay on one line."""


def listing() -> list[str]:
    """All demonstrations, a line each: name, pattern and title."""
    names = max(len(one.name) for one in DEMOS)
    # The few longest patterns push their titles to the right rather than all the others'.
    patterns = sorted(len(one.pattern) for one in DEMOS)[-2]
    return [f"{one.name:<{names}}  {one.pattern:<{patterns}}  {one.title}" for one in DEMOS]


def page(one: Demo, xp: Backend, outcome: Outcome, width: int) -> list[str]:
    """A demonstration as lines of text: inputs, the call, the result, and what there is to see."""
    lines = [f"{one.name}: {one.title}", ""]
    for name, x in zip(_names(one), outcome.arrays, strict=True):
        lines += [f"{name} has {_kind(xp, x)}", *_shown(one, xp.to_numpy(x), width), ""]
    lines += [*written(one, width), ""]
    if outcome.values is None:
        said = f"{type(outcome.result).__name__}: {outcome.result}"
        lines += wrap(said, width, keep=_QUOTED)
    else:
        lines += [f"gives {_kind(xp, outcome.result)}", *_shown(one, outcome.values, width)]
    lines += ["", *wrap(one.shows, width, keep=_QUOTED)]
    if not outcome.agrees:
        lines += ["", *wrap(f"This is not what was expected: {_wanted(one)}", width, keep=_QUOTED)]
    return lines


def written(one: Demo, width: int) -> list[str]:
    """The call as one writes it, in two lines where one is too narrow."""
    start = f'{one.function}({", ".join(_names(one))}, "{one.pattern}"'
    rest = [f'"{one.reduction}"'] if one.reduction else []
    rest += [f"{name}={size}" for name, size in one.sizes.items()]
    line = ", ".join([start, *rest]) + ")"
    if len(line) <= width or not rest:
        return [line]
    return [f"{start},", " " * (len(one.function) + 1) + ", ".join(rest) + ")"]


def table(values: Array, width: int) -> list[str]:
    """An array as text: matrices side by side, as many as fit; a row over as many lines."""
    texts = np.vectorize(_number, otypes=[object])(values)
    cell = max((len(text) for text in texts.flat), default=0)

    def row(cells: Iterable[str]) -> str:
        return " ".join(f"{text:>{cell}}" for text in cells)

    if values.ndim < 2:
        at_once = max((width + 1) // (cell + 1), 1)
        flat = texts.ravel()
        return [row(flat[start : start + at_once]) for start in range(0, len(flat), at_once)]
    blocks = texts.reshape(-1, *texts.shape[-2:])
    wide = (cell + 1) * blocks.shape[-1] - 1
    at_once = max((width + len(_GAP)) // (wide + len(_GAP)), 1)
    lines: list[str] = []
    for start in range(0, len(blocks), at_once):
        lines += [""] if lines else []
        for rows in zip(*blocks[start : start + at_once], strict=True):
            lines.append(_GAP.join(map(row, rows)))
    return lines


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, np.floating | float) else str(value)


def _shown(one: Demo, values: Array, width: int) -> list[str]:
    if one.picture:
        return []
    return ["  " + line if line else "" for line in table(values, width - 2)]


def _kind(xp: Backend, x: Any) -> str:
    return f"shape {tuple(xp.shape(x))}, {xp.dtype(x)}, {xp.title}"


def _names(one: Demo) -> Sequence[str]:
    return "xyz"[: len(one.inputs)]


def _wanted(one: Demo) -> str:
    if isinstance(one.expected, type):
        return one.expected.__name__
    if isinstance(one.expected, tuple):
        return f"shape {one.expected}"
    return f"shape {one.expected.shape}, {one.expected.tolist()}"
