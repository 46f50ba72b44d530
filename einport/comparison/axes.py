"""The names of axes, read from where they are written: an einops pattern, or a docstring's shapes.

A docstring says `x: (..., c·r², h, w)`, with other shapes for other settings after an "or". Which
of them a call has is found by the number of axes and by the sizes that earlier names have.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import ops
from ..catalog import Entry

Shape = tuple[int, ...]

_PATTERNED = ("rearrange", "reduce", "repeat", "einsum", "pack", "unpack")
"""The operations that are given their axes' names."""

_NAME = re.compile(r"[^\W\d²³][^\W²³]*'?")
_SHAPE = re.compile(r"(?:(\w+) )?\(([^()]*)\)")
_DOTS = "..."


@dataclass(frozen=True)
class Axis:
    """One axis of an array: how it is written, and how long it is."""

    name: str
    """Such as `h` or `c·r²`; empty where nothing names it."""
    size: int

    @property
    def parts(self) -> tuple[str, ...]:
        """The single names in it, without primes: h' is the height still."""
        return tuple(dict.fromkeys(name.rstrip("'") for name in _NAME.findall(self.name)))


def name_axes(
    entry: Entry,
    arguments: Mapping[str, Any],
    inputs: Mapping[str, Shape],
    outputs: Mapping[str, Shape],
) -> list[tuple[Axis, ...]]:
    """The axes of each input, then of each output.

    Arrays are named by where they stand: `x`, `params.w1`, `arrays[0]`; a single result is "".
    """
    if entry.name in _PATTERNED:
        names = _from_pattern(entry.name, arguments, list(inputs.values()), list(outputs.values()))
    else:
        names = _from_docstring(entry, arguments, inputs, outputs)
    shapes = [*inputs.values(), *outputs.values()]
    return [
        tuple(Axis(name, size) for name, size in zip(row or ("",) * len(shape), shape, strict=True))
        for row, shape in zip(names, shapes, strict=True)
    ]


def output_names(entry: Entry, count: int) -> list[str]:
    """What the docstring calls the results, where it names all of them."""
    found = [name for names, _ in _groups(_section(entry.op, "Returns")) for name in names]
    return found if len(found) == count and count > 1 else []


# --- From a pattern ------------------------------------------------------------------------------


def _from_pattern(
    op: str, arguments: Mapping[str, Any], inputs: Sequence[Shape], outputs: Sequence[Shape]
) -> list[list[str]]:
    pattern = arguments.get("pattern") or arguments["tensors_and_pattern"][-1]
    left, _, right = pattern.partition("->")
    if op in ("pack", "unpack"):
        return [_fit(_tokens(pattern), len(shape)) for shape in (*inputs, *outputs)]
    sides = [_tokens(side) for side in left.split(",")]
    if isinstance(arguments.get("tensor"), list | tuple):
        sides = [sides[0][1:]] * len(inputs)  # the first axis is the list
    sides += [_tokens(right)] * len(outputs)
    return [_fit(side, len(shape)) for side, shape in zip(sides, (*inputs, *outputs), strict=True)]


def _tokens(side: str) -> list[str]:
    """The axes of one side of a pattern, joined ones with a dot between."""
    found = re.findall(r"\([^()]*\)|\.\.\.|…|[^\s()]+", side)
    joined = ["·".join(one.strip("()").split()) if "(" in one else one for one in found]
    return [_DOTS if one == "…" else one or "1" for one in joined]


# --- From a docstring ----------------------------------------------------------------------------


def _from_docstring(
    entry: Entry,
    arguments: Mapping[str, Any],
    inputs: Mapping[str, Shape],
    outputs: Mapping[str, Shape],
) -> list[list[str]]:
    last = arguments.get("data_format") == "channels_last"
    sizes: dict[str, Any] = {}
    found: dict[str, tuple[Shape, list[str]]] = {}
    rows = []
    for path, shape in inputs.items():
        texts = _said_of(entry.op, path)
        row = _choose(texts, shape, sizes, last)
        if not row and "same shape" in _argument(entry.op, path):
            row = next((of for own, of in found.values() if own == shape), [])
        found[path] = (shape, row)
        rows.append(row)
    returns = _section(entry.op, "Returns")
    groups = _groups(returns)
    for path, shape in outputs.items():
        key = re.split(r"[.\[]", path)[-1].rstrip("]")
        texts = next((shapes for names, shapes in groups if key in names), [])
        if not texts and len(outputs) == 1 and groups:
            texts = groups[0][1]
        row = _choose(texts, shape, sizes, last)
        if not row:  # "the same shape", or a dictionary like one that came
            alike = [(name, of) for name, (own, of) in found.items() if own == shape]
            same = [of for name, of in alike if name.split(".")[-1] == key]
            if not same and "shape" in returns:
                same = [of for _, of in alike]
            row = same[0] if same else []
        rows.append(row)
    return rows


def _said_of(op: Any, path: str) -> list[str]:
    """The shapes that a docstring gives for an argument, or for an entry of a dictionary."""
    name, *inner = re.split(r"[.\[]", path)
    text = _argument(op, name)
    if inner and path.endswith("]"):
        inner = inner[:-1]
    while inner:
        key, *rest = inner
        direct = [shapes for names, shapes in _groups(text) if key in names]
        if direct:
            return direct[0]
        of_another = re.search(rf"`{key}`, as\s+`(\w+)`", text) or re.search(
            r"what `(\w+)` returned", text
        )
        if not of_another:
            return []
        other = _operation(of_another[1])
        if "returned" in of_another[0]:
            text, inner = _section(other, "Returns"), inner
            text = re.sub(r"what `\w+` returned", "", text)
        else:
            text, inner = _argument(other, "params"), rest
    groups = _groups(text)
    return groups[0][1] if groups else []


def _operation(name: str) -> Any:
    modules = [getattr(ops, topic) for topic in dir(ops) if inspect.ismodule(getattr(ops, topic))]
    return next((getattr(m, name) for m in modules if name in getattr(m, "__all__", ())), None)


def _section(op: Any, title: str) -> str:
    found = re.search(rf"^{title}:\n((?:[ ]+.*\n?|\n)*)", inspect.getdoc(op) or "", re.MULTILINE)
    return inspect.cleandoc(found[1]) if found else ""


def _argument(op: Any, name: str) -> str:
    found = re.search(rf"^\*?{name}: (.*(?:\n[ ]+.*)*)", _section(op, "Args"), re.MULTILINE)
    return found[1] if found else ""


def _groups(text: str) -> list[tuple[list[str], list[str]]]:
    """What a text in backquotes gives shapes for: the names, and the shapes they may have."""
    groups: list[tuple[list[str], list[str]]] = []
    waiting: list[str] = []
    for token in re.findall(r"`([^`]*)`", text):
        shape = _SHAPE.fullmatch(token)
        if shape is None:
            waiting = [*waiting, token] if token.isidentifier() else []
        elif shape[1] or waiting or not groups:
            groups.append(([shape[1]] if shape[1] else waiting, [shape[2]]))
            waiting = []
        else:
            groups[-1][1].append(shape[2])
    return groups


def _choose(
    texts: Sequence[str], shape: Shape, sizes: dict[str, Any], last: bool = False
) -> list[str]:
    """The first of several shapes that an array can have; the second, for channels last.

    `sizes` learns what the names, and the dots, stand for. Dots that stand for other axes than
    before are taken where nothing else fits, because leading axes broadcast.
    """
    ordered = [*texts[1:], *texts[:1]] if last else list(texts)
    for strict in (True, False):
        for text in ordered:
            tokens = [one.strip() for one in text.replace("…", _DOTS).split(",") if one.strip()]
            row = _fit(_series(tokens, len(shape)), len(shape))
            if (not row and shape) or not all(
                _agrees(name, size, sizes) for name, size in zip(row, shape, strict=True)
            ):
                continue
            dots = tuple(s for name, s in zip(row, shape, strict=True) if name[0] == "…")
            if strict and _DOTS in tokens and sizes.setdefault(_DOTS, dots) != dots:
                continue
            for name, size in zip(row, shape, strict=True):
                sizes.setdefault(name, size)
            return row
    return []


def _series(tokens: list[str], rank: int) -> list[str]:
    """`d1, ..., dn` written out for so many axes."""
    if _DOTS not in tokens[1:-1]:
        return tokens
    at = tokens.index(_DOTS)
    first = tokens[at - 1]
    ends = (re.sub("1", "n", first), re.sub("1", "n-1", first))
    if "1" not in first or tokens[at + 1] not in ends:
        return tokens
    before, after = tokens[: at - 1], tokens[at + 2 :]
    count = rank - len(before) - len(after)
    middle = [first.replace("1", str(i + 1)) for i in range(count)]
    return [re.sub(r"n\b", str(rank), one) for one in before] + middle + after


def _fit(tokens: Sequence[str], rank: int) -> list[str]:
    """The names for so many axes; dots and stars stand for any number. Empty if they cannot fit."""
    wild = next((one for one in (_DOTS, "*") if one in tokens), None)
    if wild is None:
        return list(tokens) if len(tokens) == rank else []
    at = tokens.index(wild)
    count = rank - len(tokens) + 1
    if count < 0:
        return []
    sign = wild.replace(_DOTS, "…")
    many = [sign] if count == 1 else [f"{sign}{i + 1}" for i in range(count)]
    return [*tokens[:at], *many, *tokens[at + 1 :]]


def _agrees(name: str, size: int, sizes: Mapping[str, Any]) -> bool:
    """Whether an axis of that name can be so long, by the names that are known."""
    if size == 1 and name.isidentifier():
        return True  # a mask may have one row for all
    known = 1
    for factor in re.split("·", name):
        squared = factor.endswith("²")
        base = factor.rstrip("²")
        halves = re.fullmatch(r"(\w+)/(\d+)", base)
        value = int(base) if base.isdecimal() else sizes.get(halves[1] if halves else base)
        if value is None:
            return True
        known *= (value // int(halves[2]) if halves else value) ** (2 if squared else 1)
    return known == size


def label(axes: Sequence[Axis]) -> str:
    """Names and sizes, as `(b=2, c·r²=8, 1)`."""
    named = (one.name and not one.name.isdecimal() for one in axes)
    texts = (
        f"{one.name}={one.size}" if has else str(one.size)
        for one, has in zip(axes, named, strict=True)
    )
    return f"({', '.join(texts)})"
