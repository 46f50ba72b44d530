"""Run a demonstration on a framework, and show it as small tables or as a picture."""

from __future__ import annotations

import re
import struct
import textwrap
import zlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .backends import Backend
from .catalog._demos import DEMOS, Array, Demo, demo

__all__ = ["DEMOS", "Demo", "Outcome", "demo", "document", "listing", "page", "picture", "run"]

_GAP = "    "
"""What stands between two tables on a line."""

_QUOTED = re.compile(r"(?<!\w)'[^']*'(?!\w)|`[^`]*`")


class Outcome(NamedTuple):
    """What came of a demonstration on one framework."""

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


# --- As text -------------------------------------------------------------------------------------


def listing() -> list[str]:
    """All demonstrations, a line each: name, pattern and title."""
    names = max(len(one.name) for one in DEMOS)
    # The few longest patterns push their titles to the right rather than all the others'.
    patterns = sorted(len(one.pattern) for one in DEMOS)[-2]
    return [f"{one.name:<{names}}  {one.pattern:<{patterns}}  {one.title}" for one in DEMOS]


def overview() -> list[dict[str, Any]]:
    """All demonstrations, for programs: what they are, without their values."""
    return [{**_head(one), "picture": one.picture} for one in DEMOS]


def page(one: Demo, xp: Backend, outcome: Outcome, width: int) -> list[str]:
    """A demonstration as lines of text: inputs, the call, the result, and what there is to see."""
    lines = [f"{one.name}: {one.title}", ""]
    for name, x in zip(_names(one), outcome.arrays, strict=True):
        lines += [f"{name} has {_kind(xp, x)}", *_shown(one, xp.to_numpy(x), width), ""]
    lines += [*written(one, width), ""]
    if outcome.values is None:
        said = f"{type(outcome.result).__name__}: {outcome.result}"
        lines += _wrapped(said, width)
    else:
        lines += [f"gives {_kind(xp, outcome.result)}", *_shown(one, outcome.values, width)]
    lines += ["", *_wrapped(one.shows, width)]
    if not outcome.agrees:
        lines += ["", *_wrapped(f"This is not what was expected: {_wanted(one)}", width)]
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


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of text, without a break in what is quoted: a pattern is hard to read in two."""
    glued = _QUOTED.sub(lambda found: found[0].replace(" ", "\0"), text)
    lines = textwrap.wrap(glued, width, break_long_words=False, break_on_hyphens=False)
    return [line.replace("\0", " ") for line in lines]


def _wanted(one: Demo) -> str:
    if isinstance(one.expected, type):
        return one.expected.__name__
    if isinstance(one.expected, tuple):
        return f"shape {one.expected}"
    return f"shape {one.expected.shape}, {one.expected.tolist()}"


# --- As JSON -------------------------------------------------------------------------------------


def _head(one: Demo) -> dict[str, Any]:
    return {
        "name": one.name,
        "title": one.title,
        "function": one.function,
        "pattern": one.pattern,
        "reduction": one.reduction or None,
        "sizes": dict(one.sizes),
    }


def document(one: Demo, xp: Backend, outcome: Outcome) -> dict[str, Any]:
    """A demonstration for programs. Pictures come as shape and dtype, without their pixels."""

    def described(values: Array, dtype: str) -> dict[str, Any]:
        head = {"shape": list(values.shape), "dtype": dtype}
        return head if one.picture else {**head, "values": values.tolist()}

    found: dict[str, Any] = {
        **_head(one),
        "shows": one.shows,
        "backend": xp.name,
        "input": [described(xp.to_numpy(x), xp.dtype(x)) for x in outcome.arrays],
        "output": None,
        "error": None,
        "expected": None,
        "agrees": outcome.agrees,
    }
    if outcome.values is None:
        error = outcome.result
        found["error"] = {"class": type(error).__name__, "message": str(error)}
    else:
        found["output"] = described(outcome.values, xp.dtype(outcome.result))
    if isinstance(one.expected, type):
        found["expected"] = {"error": one.expected.__name__}
    elif isinstance(one.expected, tuple):
        found["expected"] = {"shape": list(one.expected)}
    else:
        found["expected"] = described(one.expected, one.expected.dtype.name)
    return found


# --- As a picture --------------------------------------------------------------------------------


def picture(values: Array) -> bytes:
    """Channels of 0 to 255, `(3, h, w)`, or one of them, `(h, w)`, as a PNG file.

    Raises:
        ValueError: The shape or dtype is another.

    Source: Portable Network Graphics, third edition (W3C, 2025).
    """
    grey = values.ndim == 2
    if values.dtype != np.uint8 or not (grey or (values.ndim == 3 and len(values) == 3)):
        came = f"{values.dtype} {values.shape}"
        raise ValueError(f"picture: values must be uint8 (3, h, w) or (h, w), got {came}")
    rows = values[..., None] if grey else np.moveaxis(values, 0, -1)
    height, width = rows.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 8, 0 if grey else 2, 0, 0, 0)
    # Each row begins with the number of its filter: 1 is each pixel less its left neighbour, with
    # which the digits take less than half the room.
    left = np.zeros_like(rows)
    left[:, 1:] = rows[:, :-1]
    pixels = b"".join(b"\1" + row.tobytes() for row in rows - left)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(pixels, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
