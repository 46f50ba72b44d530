"""The same call with other sizes, by the names that a docstring or a pattern gives its axes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from ..backends.trees import tree_map
from ..catalog import Case, Entry
from ..catalog._entry import Given, Values
from ._calls import Call, Starts
from .axes import Axis, label, name_axes

Spec = Values | Given
Factors = tuple[Fraction, dict[str, int]]
"""An axis as a number times names, each with its power."""


def parse_sizes(shape: str | Mapping[str, int]) -> dict[str, int]:
    """Sizes by axis, from text such as `b=2 c=8 h=4 w=4`.

    Raises:
        ValueError: The text is written otherwise, names an axis twice, or a size is below 0.
    """
    if isinstance(shape, str):
        parts = [part for part in re.split(r"[\s,]+", shape) if part]
        pairs = [re.fullmatch(r"([^=]+)=(\d+)", part) for part in parts]
        wrong = [part for part, pair in zip(parts, pairs, strict=True) if pair is None]
        if wrong or not parts:
            got = wrong[0] if wrong else shape
            raise ValueError(f'sizes are written as "b=2 c=8 h=4", got {got!r}')
        found = [(pair[1], int(pair[2])) for pair in pairs if pair is not None]
    else:
        found = [(str(name), size) for name, size in shape.items()]
    for name, size in found:
        if isinstance(size, bool) or not isinstance(size, int):
            raise TypeError(f"the size of axis {name} must be a whole number, got {size!r}")
        if size < 0:
            raise ValueError(f"the size of axis {name} must be 0 or more, got {size}")
    sizes = {_plain_name(name): size for name, size in found}
    if len(sizes) < len(found):
        raise ValueError(f"an axis is named twice in {shape!r}")
    return sizes


def resized(entry: Entry, case: Case, sizes: Mapping[str, int]) -> Case:
    """The case with other sizes for some axes, by the names that the docstring gives them.

    Values that the case gives exactly, such as indices, are repeated or cut to the new size.

    Raises:
        ValueError: An axis is not one of an argument; the message names those that are.
    """
    fresh = copied(case)
    call = Call(entry, fresh)
    axes, known = _axes_of(entry, call)
    rows = list(axes.values())
    # einops' functions are told the sizes of axes by their names.
    told = [name for name, size in case.kwargs.items() if type(size) is int and name in known]
    typed = _typed(rows, list(dict.fromkeys([*settable(rows, known), *told])))
    for name in sizes:
        if name not in typed and name not in typed.values():
            shown = ", ".join(f"{path} {label(row)}" for path, row in axes.items())
            raise ValueError(
                f"{entry.name} has no axis {name} to set, only {', '.join(typed)} (of {shown})"
            )
    wanted = {typed.get(name, name): size for name, size in sizes.items()}
    whole = {name: size for name, size in wanted.items() if "·" in name}
    single = {**known, **{name: size for name, size in wanted.items() if name not in whole}}
    new: dict[int, Spec] = {}
    for (path, spec), row in zip(call.inputs.items(), rows, strict=True):
        shape = tuple(_size(axis, known, single, whole) for axis in row)
        new[id(spec)] = _reshaped(spec, shape, path)
    args, kwargs = tree_map(lambda leaf: new.get(id(leaf), leaf), (fresh.args, dict(fresh.kwargs)))
    kwargs |= {name: wanted[name] for name in told if name in wanted}
    text = " ".join(f"{name}={size}" for name, size in sizes.items())
    return replace(fresh, name=text, args=args, kwargs=kwargs)


def settable(rows: Sequence[Sequence[Axis]], known: Mapping[str, int]) -> list[str]:
    """The axes of arguments that can be set: single names, and joined axes as a whole."""
    found: dict[str, None] = {}
    joined: dict[str, None] = {}
    for row in rows:
        for axis in row:
            names = _factors(axis.name)[1] if _named(axis) else {}
            if names and all(name in known for name in names):
                found |= dict.fromkeys(names)
            if len(names) > 1:
                joined[axis.name] = None
    return [*found, *joined]


def _plain_name(name: str) -> str:
    """An axis's name as the docstring writes it, from how it can be typed."""
    return name.replace("...", "…").replace("*", "·").strip("()")


def _typed(rows: Sequence[Sequence[Axis]], names: Sequence[str]) -> dict[str, str]:
    """The axes by the names that one types: leading ones without a name are b, or b1 and b2."""
    leading = {axis.name for row in rows for axis in row if row[0].name.startswith("…")}
    letters = {name: f"b{name[1:]}" for name in names if name.startswith("…")}
    free = not {"b", *letters.values()} & set(names)
    return {
        letters[name] if free and name in letters and name in leading else name: name
        for name in names
    }


def copied(case: Case) -> Case:
    """The case with each array's spec an object of its own, so that places can be told apart."""

    def copy(leaf: Any) -> Any:
        return replace(leaf) if isinstance(leaf, Values | Given) else leaf

    args, kwargs = tree_map(copy, (case.args, dict(case.kwargs)))
    return replace(case, args=args, kwargs=kwargs)


def _axes_of(entry: Entry, call: Call) -> tuple[dict[str, tuple[Axis, ...]], dict[str, int]]:
    """The axes of each argument, and the sizes that single names have."""
    arrays = Starts(call).draw(0)
    results = call(arrays)
    inputs = {name: x.shape for name, x in zip(call.inputs, arrays, strict=True)}
    outputs = {f"out{name}": x.shape for name, x in zip(call.result_names, results, strict=True)}
    rows = name_axes(entry, call.arguments, inputs, outputs)
    known: dict[str, int] = {}
    joined = [axis for row in rows for axis in row if _named(axis)]
    for _ in range(3):  # one axis may tell what another leaves open
        for axis in joined:
            _solve(axis, known)
    return dict(zip(inputs, rows, strict=False)), known


def _named(axis: Axis) -> bool:
    return bool(axis.name) and not axis.name.isdecimal() and "'" not in axis.name


def _factors(name: str) -> Factors:
    """`p·p·c` as 1 and p², c; `H/2` as a half and H; `c·r²` as 1 and c, r²."""
    number, names = Fraction(1), dict[str, int]()
    for part in name.split("·"):
        for sign, factor in zip((1, -1), part.split("/"), strict=False):
            base = factor.rstrip("²")
            power = sign * (2 if factor != base else 1)
            if base.isdecimal():
                number *= Fraction(int(base)) ** power
            else:
                names[base] = names.get(base, 0) + power
    return number, names


def _solve(axis: Axis, known: dict[str, int]) -> None:
    """Learn the size of the one name of an axis that is not known yet."""
    number, names = _factors(axis.name)
    unknown = [name for name in names if name not in known]
    if len(unknown) != 1 or (axis.size == 1 and len(names) > 1) or axis.size == 0:
        return
    rest = number
    for name, power in names.items():
        rest *= Fraction(known.get(name, 1)) ** power
    power = names[unknown[0]]
    value = axis.size / rest if power > 0 else rest / axis.size
    root = round(float(value) ** (1 / abs(power)))
    if root ** abs(power) == value:
        known[unknown[0]] = root


def _size(
    axis: Axis, known: Mapping[str, int], single: Mapping[str, int], whole: Mapping[str, int]
) -> int:
    if not _named(axis):
        return axis.size
    if axis.name in whole:
        return whole[axis.name]
    number, names = _factors(axis.name)
    changed = any(single.get(name) != known.get(name) for name in names)
    broadcast = axis.size == 1 and len(names) == 1 and known.get(axis.name) != 1
    if not changed or broadcast:
        return axis.size
    size = number
    for name, power in names.items():
        if power < 0 and single[name] == 0:
            raise ValueError(f"axis {name} divides {axis.name} and cannot be 0")
        size *= Fraction(single[name]) ** power
    if size.denominator != 1:
        raise ValueError(f"axis {axis.name} would have {float(size):g} elements")
    return int(size)


def _reshaped(spec: Spec, shape: tuple[int, ...], path: str) -> Spec:
    if isinstance(spec, Values):
        return replace(spec, shape=shape)
    data = np.asarray(spec.data)
    for axis, size in enumerate(shape):
        if size != data.shape[axis]:
            if not data.shape[axis]:
                raise ValueError(f"{path} is empty along its axis {axis}: nothing to repeat")
            data = data.take(np.arange(size) % data.shape[axis], axis=axis)
    return replace(spec, data=data)
