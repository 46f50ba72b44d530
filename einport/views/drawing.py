"""What all drawings share: numbers, colors and shades, cells in words, matrices in order.

Cells are numbered. A result that moves values shows in each cell the number of the cell it came
from; any other shows how many cells it came from, and names them when one points at it. One axis
is picked to shade the cells by: the one whose way through the operation there is most to see of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..comparison.axes import Axis
from ..comparison.provenance import Cell, Drawn, Provenance
from .lines import listed

COLORS = 8
"""Colors for the names of axes."""

_NAMED = 6
"""Sources that are named one by one."""

_WORD = re.compile(r"([^\W\d²³][^\W²³]*'?)")


class Shade(NamedTuple):
    """The axis that cells are shaded by: that of an input, and of those where it has its name."""

    source: int
    axis: int


@dataclass(frozen=True)
class Look:
    """Numbers, colors and shades of a picture."""

    p: Provenance

    @cached_property
    def starts(self) -> list[int]:
        """The number of each input's first cell; those that choose have none."""
        sizes = [0 if x.choice else x.values.size for x in self.p.inputs]
        return [sum(sizes[:i]) for i in range(len(sizes))]

    @cached_property
    def colors(self) -> Mapping[str, int]:
        """A color for each name of an axis, from 1."""
        arrays = (*self.p.inputs, *self.p.outputs)
        names = dict.fromkeys(name for x in arrays for axis in x.axes for name in axis.parts)
        return {name: 1 + i % COLORS for i, name in enumerate(names)}

    def pieces(self, axis: Axis, at: int) -> Iterator[tuple[str, int]]:
        """The name of an axis in pieces, each with its color or 0."""
        for piece in _WORD.split(axis.name or f"axis {at}"):
            if piece:
                yield piece, self.colors.get(piece.rstrip("'"), 0) if axis.name else 0

    def input_text(self, source: int, cell: int) -> str:
        """What stands in a cell of an input: its number, or what it chooses."""
        x = self.p.inputs[source]
        return _value(x.values.flat[cell]) if x.choice else str(self.starts[source] + cell)

    def output_text(self, output: int, cell: int) -> str:
        """What stands in a cell of a result: where it came from, or from how many cells."""
        if not self.p.moves[output]:
            return str(len(self.p.of(output, cell)))
        held = self.p.moved(output, cell)
        return "·" if held is None else self.input_text(*held)

    @cached_property
    def shade(self) -> Shade | None:
        """The axis of the first input with a use whose way is the most telling; None if none is."""
        used = [i for i, x in enumerate(self.p.inputs) if not x.choice and self._is_used(i)]
        best: tuple[Any, Shade | None] = ((0.5,), None)
        for source in used[:1]:
            x = self.p.inputs[source]
            for axis in range(len(x.shape)):
                if 2 <= x.shape[axis] <= 14:
                    score = self._telling(Shade(source, axis))
                    best = max(best, (score, Shade(source, axis)), key=lambda pair: pair[0])
        return best[1]

    def _is_used(self, source: int) -> bool:
        cells = range(self.p.inputs[source].values.size)
        return any(self.p.reached[source, cell] for cell in cells)

    def _telling(self, shade: Shade) -> tuple[float, ...]:
        """How much of the results such a shade reaches, along how many axes, and whether moved."""
        output = self.p.outputs[0]
        steps = np.array(
            [-1 if (s := self._step(0, c, shade)) is None else s for c in range(output.values.size)]
        ).reshape(output.shape)
        along = [a for a in range(steps.ndim) if np.any(steps != steps.take([0], axis=a))]
        from_end = len(self.p.inputs[shade.source].shape) - shade.axis
        moved = [a for a in along if steps.ndim - a != from_end]
        reach = float(np.mean(steps >= 0))
        # An axis of hundreds of steps is no better than one of two: few shades are told apart.
        return reach, len(along), len(moved), -self.p.inputs[shade.source].shape[shade.axis]

    def _step(self, output: int, cell: int, shade: Shade) -> int | None:
        """Where all sources of a cell are along the axis; None where they are not at one place."""
        x = self.p.inputs[shade.source]
        places = {x.index(c)[shade.axis] for i, c in self.p.of(output, cell) if i == shade.source}
        return places.pop() if len(places) == 1 else None

    def input_step(self, source: int, cell: int) -> int | None:
        """The step of an input's cell."""
        if self.shade is None or self.p.inputs[source].choice:
            return None
        x, first = self.p.inputs[source], self.p.inputs[self.shade.source]
        axis = first.axes[self.shade.axis]
        if source == self.shade.source:
            return x.index(cell)[self.shade.axis]
        same = [a for a, one in enumerate(x.axes) if one == axis and axis.name]
        return x.index(cell)[same[0]] if same else None

    def output_step(self, output: int, cell: int) -> int | None:
        """The step of a result's cell, from its sources."""
        return None if self.shade is None else self._step(output, cell, self.shade)

    @property
    def shaded(self) -> Axis | None:
        """The axis that cells are shaded by."""
        if self.shade is None:
            return None
        return self.p.inputs[self.shade.source].axes[self.shade.axis]

    @property
    def hue(self) -> int:
        """The color of the shades."""
        parts = self.shaded.parts if self.shaded else ()
        return self.colors[parts[0]] if parts else 1

    def explained(self) -> str:
        """What the numbers mean, with an example where they are counts."""
        moved = "shows the number of the cell that its value is from"
        if all(self.p.moves):
            return f"Each cell of the result {moved}."
        output = self.p.moves.index(False)
        x = self.p.outputs[output]
        # The middle: the first row of a causal mask, or the edge of a picture, is a special one.
        cell = x.values.size // 2
        example = f"{x.at(cell)}, say, from {in_words(self.p.inputs, self.p.of(output, cell))}"
        if any(self.p.moves):
            which = [one.name for one, yes in zip(self.p.outputs, self.p.moves, strict=True) if yes]
            return (
                f"Each cell of {listed(which)} {moved}; any other shows how many cells it comes "
                f"from: {example}."
            )
        return f"Each cell of the result shows how many cells it comes from: {example}."


def _value(value: Any) -> str:
    return ("F", "T")[int(value)] if isinstance(value, bool | np.bool_) else f"{value:g}"


def in_words(arrays: Sequence[Drawn], cells: Sequence[Cell]) -> str:
    """Cells of several arrays as one writes them: `a[1, :] and b[0, 3]`."""
    texts: list[str] = []
    for i, x in enumerate(arrays):
        own = [cell for owner, cell in cells if owner == i]
        texts += _boxed(x, own)
    return listed(texts, "no cell")


def _boxed(x: Drawn, cells: Sequence[int]) -> list[str]:
    """Cells of an array: as one slice if they fill a box, otherwise the first few."""
    if not cells:
        return []
    if len(cells) == 1 or not x.shape:
        return [x.at(cells[0])]
    places = np.array([x.index(cell) for cell in cells])
    kept = [np.unique(column) for column in places.T]
    whole = int(np.prod([len(column) for column in kept])) == len(cells)
    if whole and all(int(c[-1] - c[0]) == len(c) - 1 for c in kept):
        if len(cells) == x.values.size:
            return [f"all of {x.name}"]
        return [f"{x.name}[{', '.join(map(_slice, kept, x.shape))}]"]
    shown = [x.at(cell) for cell in cells[:_NAMED]]
    left = len(cells) - len(shown)
    return [*shown, f"{left} more of {x.name}"] if left else shown


def _slice(kept: Any, size: int) -> str:
    if len(kept) == 1:
        return str(int(kept[0]))
    return ":" if len(kept) == size else f"{int(kept[0])}:{int(kept[-1]) + 1}"


def find_cell(p: Provenance, cell: str | Sequence[int]) -> Cell:
    """A result's cell from its place, or from text such as `0, 1` or `weights[0, 1]`.

    Raises:
        ValueError: There is no such result or cell.
    """
    names = [x.name for x in p.outputs]
    if not isinstance(cell, str):
        return 0, p.outputs[0].cell(tuple(cell))
    found = re.fullmatch(r"\s*(?:(.*)\s*\[([^\[\]]*)\]|([\d\s,]*))\s*", cell)
    by_name = cell.strip() in names  # a single number has no index
    if found is None and not by_name:
        raise ValueError(f"a cell is written as 0, 1 or {names[0]}[0, 1], got {cell!r}")
    written = found[1] if found is not None and not by_name else cell
    name = (written or names[0]).strip()
    if name not in names:
        raise ValueError(f"{p.op} has no result {name!r}; it has {', '.join(names)}")
    inside = "" if by_name or found is None else found[2] if found[2] is not None else found[3]
    parts = [part.strip() for part in inside.split(",") if part.strip()]
    if not all(part.isdecimal() for part in parts):
        raise ValueError(f"a cell's place is whole numbers from 0, got {cell!r}")
    output = names.index(name)
    return output, p.outputs[output].cell([int(part) for part in parts])


Caption = tuple[tuple[int, Axis, int], ...]


def plain(caption: Caption) -> str:
    """A caption without colors."""
    return ", ".join(f"{a.name or f'axis {i}'} {at}" for i, a, at in caption)


def blocks(x: Drawn, most: int) -> Iterator[list[tuple[Caption, list[list[int]]]]]:
    """The matrices of an array, with where they are along axes longer than one.

    A group goes on a line of its own; wide matrices come in parts.
    """
    matrix = x.shape[-2:] if len(x.shape) > 1 else (1, *x.shape[-1:]) if x.shape else (1, 1)
    front = x.shape[:-2]
    per_group = front[-1] if front else 1
    numbers = np.arange(x.values.size).reshape(-1, *matrix)
    group: list[tuple[Caption, list[list[int]]]] = []
    for i, block in enumerate(numbers):
        places = np.unravel_index(i, front) if front else ()
        caption = tuple((a, x.axes[a], int(at)) for a, at in enumerate(places) if x.shape[a] > 1)
        for start in range(0, matrix[1], most):
            group.append((caption, block[:, start : start + most].tolist()))
        if (i + 1) % per_group == 0:
            yield group
            group = []
