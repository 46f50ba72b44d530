"""Patterns with named axes, as loops over every index: the oracle of einops' own functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Group = list[str]


def read_side(side: str) -> list[Group]:
    """One side of a pattern as groups of names: `"b (h w) 1"` as `[[b], [h, w], []]`."""
    groups: list[Group] = []
    inside = False
    for word in side.replace("(", " ( ").replace(")", " ) ").split():
        if word == "(":
            groups.append([])
        elif word in (")", "1"):
            if word == "1" and not inside:
                groups.append([])
        elif inside:
            groups[-1].append(word)
        else:
            groups.append([word])
        inside = word == "(" or (inside and word != ")")
    return groups


def spell(side: str, names: Sequence[str]) -> str:
    """A side with its ellipsis, `...` or `…`, spelled out."""
    return side.replace("…", "...").replace("...", " ".join(names))


def rest_names(count: int) -> list[str]:
    """What the axes behind an ellipsis are called: no user's axis can have such a name."""
    return [f"…{i}" for i in range(count)]


def axis_lengths(
    groups: list[Group], shape: Sequence[int], known: dict[str, int]
) -> dict[str, int]:
    """The length of each axis, the one unknown of a group inferred from its size."""
    lengths = dict(known)
    for group, size in zip(groups, shape, strict=True):
        for name in group:
            if name.isdigit():
                lengths[name] = int(name)
        unknown = [name for name in group if name not in lengths]
        rest = math.prod(lengths[name] for name in group if name in lengths)
        for name in unknown:
            lengths[name] = size // rest if rest else 0
    return lengths


def place_in(groups: list[Group], at: dict[str, int], lengths: dict[str, int]) -> tuple[int, ...]:
    """Where an index of the elementary axes falls in an array with these groups."""
    place = []
    for group in groups:
        index = 0
        for name in group:
            index = index * lengths[name] + at[name]
        place.append(index)
    return tuple(place)


def every_index(lengths: dict[str, int]) -> Iterator[dict[str, int]]:
    """All indices of the elementary axes."""
    for index in product(*(range(size) for size in lengths.values())):
        yield dict(zip(lengths, index, strict=True))


def by_pattern(
    x: Array, pattern: str, known: dict[str, int], combine: Callable[[list[Any]], Any]
) -> Array:
    """Gather the elements that fall on each place of the result, and combine them."""
    left, right = pattern.split("->")
    fixed = len(read_side(spell(left, [])))
    names = rest_names(x.ndim - fixed)
    before, after = read_side(spell(left, names)), read_side(spell(right, names))
    lengths = axis_lengths(before, x.shape, known)
    for group in after:
        lengths.update({name: int(name) for name in group if name.isdigit()})
    shape = tuple(math.prod(lengths[name] for name in group) for group in after)
    found: dict[tuple[int, ...], list[Any]] = {place: [] for place in np.ndindex(*shape)}
    for at in every_index(lengths):
        found[place_in(after, at, lengths)].append(x[place_in(before, at, lengths)])
    out = np.empty(shape, x.dtype)
    for place, elements in found.items():
        out[place] = combine(elements)
    return out


def only(elements: list[Any]) -> Any:
    """The one element that falls on a place."""
    (element,) = elements
    return element


def sum_of_products(arrays: Sequence[Array], pattern: str, sizes: bool = False) -> Array:
    """Einstein summation; with `sizes`, of absolute values."""
    left, right = pattern.split("->")
    sides = [side.split() for side in left.split(",")]
    extra = [
        x.ndim - len(spell(" ".join(s), []).split()) for x, s in zip(arrays, sides, strict=True)
    ]
    rest = rest_names(max(extra))
    lengths: dict[str, int] = {}
    inputs = []
    for x, side, count in zip(arrays, sides, extra, strict=True):
        names = spell(" ".join(side), rest[len(rest) - count :]).split()
        inputs.append(names)
        for name, size in zip(names, x.shape, strict=True):
            lengths[name] = max(lengths.get(name, 1), size) if size else 0
    after = spell(right, rest).split()
    kind = arrays[0].dtype.kind
    terms: dict[tuple[int, ...], list[Any]] = {
        place: [] for place in np.ndindex(*(lengths[name] for name in after))
    }
    for at in every_index(lengths):
        factors = [
            x[tuple(at[n] if size > 1 else 0 for n, size in zip(names, x.shape, strict=True))]
            for x, names in zip(arrays, inputs, strict=True)
        ]
        term = math.prod(float(f) if kind == "f" else int(f) for f in factors)
        terms[tuple(at[name] for name in after)].append(abs(term) if sizes else term)
    out = np.empty(tuple(lengths[name] for name in after), np.float64 if kind == "f" else np.int64)
    for place, found in terms.items():
        out[place] = math.fsum(found) if kind == "f" else sum(found)
    return out.astype(bool) if kind == "b" else out
