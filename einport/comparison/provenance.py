"""Where elements go: for each cell of a result the input cells that it comes from, computed.

Two ways, and no knowledge of the operation. *Labels*: inputs of numbers that all differ are pushed
through, and a result that holds the label of one and the same cell, whatever the labels are, was
moved. *Changes*: one input cell at a time gets other values, small and large, and every result cell
that changes comes from it. That is done from several starting points, because a product with a
zero, or a unit that is switched off, hides a source at one of them.

What a case gives exactly (an index, a mask, the numbers that route) stays where it is, but for a
hundredth, so that a picture shows one choice; what it draws at random is drawn anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..catalog import Case, Entry
from ._calls import Array, Call, Starts, chooses, size_of
from ._pictures import PICTURES
from .axes import Axis, name_axes, output_names

Cell = tuple[int, int]
"""An input's number, and the number of a cell in it, row by row."""

MOST = 120
"""Cells that an array of a picture may have."""

_FITS = 60
"""Cells of the largest array in a case that serves as a picture unasked."""

_STARTS, _QUIET = 10, 2
"""Starting points at most, and how many in a row must show nothing new."""

_NOISE = 1e-10
"""A change that is smaller, relative to the value, is a rounding."""


@dataclass(frozen=True)
class Drawn:
    """An array of a picture."""

    name: str
    """Such as `x`, `params.w1` or `out`."""
    axes: tuple[Axis, ...]
    values: Array
    choice: bool = False
    """Whether it chooses rather than holds: an index or a mask."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of its axes."""
        return tuple(self.values.shape)

    def index(self, cell: int) -> tuple[int, ...]:
        """Where a cell is, one number an axis."""
        return tuple(int(i) for i in np.unravel_index(cell, self.shape)) if self.shape else ()

    def cell(self, index: Sequence[int]) -> int:
        """The number of the cell at a place.

        Raises:
            ValueError: There is none.
        """
        inside = len(index) == len(self.shape) and all(
            0 <= i < size for i, size in zip(index, self.shape, strict=True)
        )
        if not inside:
            raise ValueError(f"{self.name} of shape {self.shape} has no cell {list(index)}")
        return int(np.ravel_multi_index(tuple(index), self.shape)) if self.shape else 0

    def at(self, cell: int) -> str:
        """A cell in words: `x[0, 3]`."""
        return f"{self.name}[{', '.join(map(str, self.index(cell)))}]" if self.shape else self.name


@dataclass(frozen=True)
class Provenance:
    """Small inputs and results of an operation, and which cells come from which."""

    op: str
    summary: str
    call: str
    """The call as one writes it."""
    case: str
    inputs: tuple[Drawn, ...]
    outputs: tuple[Drawn, ...]
    sources: tuple[tuple[tuple[Cell, ...], ...], ...]
    """For each output, for each of its cells, the input cells that it comes from, in order."""
    moves: tuple[bool, ...]
    """Whether each output only moves, copies or leaves out values."""

    def of(self, output: int, cell: int) -> tuple[Cell, ...]:
        """The input cells that a cell of an output comes from."""
        return self.sources[output][cell]

    @cached_property
    def reached(self) -> Mapping[Cell, tuple[Cell, ...]]:
        """For each input cell the output cells that come from it."""
        found: dict[Cell, list[Cell]] = {
            (i, cell): [] for i, x in enumerate(self.inputs) for cell in range(x.values.size)
        }
        for o, cells in enumerate(self.sources):
            for cell, sources in enumerate(cells):
                for source in sources:
                    found[source].append((o, cell))
        return {source: tuple(cells) for source, cells in found.items()}

    def moved(self, output: int, cell: int) -> Cell | None:
        """The one cell whose value a cell of a move holds; None for one that is filled in."""
        if not self.moves[output]:
            return None
        held = (
            source for source in self.sources[output][cell] if not self.inputs[source[0]].choice
        )
        return next(held, None)


def provenance(entry: Entry, case: Case | None = None) -> Provenance:
    """Compute where the elements of an operation go, on NumPy.

    Args:
        entry: the operation's entry.
        case: a call with small arrays; by default one that is chosen to be looked at.

    Raises:
        ValueError: an array has no cells or too many, or no case of the entry is small enough.
    """
    chosen = picture_case(entry) if case is None else case
    call = Call(entry, chosen)
    sizes = {name: size_of(spec) for name, spec in call.inputs.items()}
    for name, size in sizes.items():
        if not 0 < size <= MOST:
            raise ValueError(
                f"{entry.name}: a picture's arrays must have 1 to {MOST} cells, {name} has {size}"
            )
    starts = Starts(call)
    first = starts.draw(0)
    results = call(first)
    found = _Found(first, results)
    moves = _push_labels(call, starts, found)
    _push_changes(call, starts, found, moves)
    _fill_constants(call, first, found, moves)
    return _assemble(entry, chosen, call, first, results, found, moves)


def picture_case(entry: Entry) -> Case:
    """The case that is drawn: the first of the entry that is small, or one made for the picture.

    Raises:
        ValueError: There is none.
    """
    picked = PICTURES.get(entry.name)
    if isinstance(picked, Case):
        return picked
    if picked is not None:
        named = {one.name: one for one in entry.cases}
        return named[picked]
    sized = () if entry.sized is None else (entry.sized(2),)
    small: tuple[Case, ...] = (*entry.cases, *sized)
    for one in small:
        if "float64" not in entry.dtypes_of(one):
            continue
        call = Call(entry, one)
        arrays = list(call.inputs.values())
        if arrays and all(0 < size_of(spec) <= _FITS for spec in arrays):
            results = call(Starts(call).draw(0))
            if results and all(0 < x.size <= MOST for x in results):
                return one
    raise ValueError(f"{entry.name}: no case is small enough for a picture")


# --- What comes from what ------------------------------------------------------------------------


class _Found:
    """Which output cells come from which input cells, all of them in one matrix."""

    def __init__(self, inputs: Sequence[Array], outputs: Sequence[Array]) -> None:
        self.starts = np.cumsum([0, *(x.size for x in inputs)])
        self.ends = np.cumsum([0, *(x.size for x in outputs)])
        self.matrix = np.zeros((self.ends[-1], self.starts[-1]), bool)

    def rows(self, output: int) -> slice:
        """The rows of an output."""
        return slice(int(self.ends[output]), int(self.ends[output + 1]))

    def column(self, source: int, cell: int) -> int:
        """The column of a cell of an input."""
        return int(self.starts[source]) + cell

    def cells(self, row: int) -> tuple[Cell, ...]:
        """The input cells that an output cell comes from."""
        columns = np.flatnonzero(self.matrix[row])
        owners = np.searchsorted(self.starts, columns, side="right") - 1
        return tuple(
            (int(i), int(column - self.starts[i]))
            for i, column in zip(owners, columns, strict=True)
        )


def _push_labels(call: Call, starts: Starts, found: _Found) -> list[bool]:
    """Which outputs are moves, with their sources noted: the same cells under any labels."""
    held: list[list[Array]] = []
    fixed: list[list[Array]] = []
    for _ in range(3):
        arrays = starts.labels()
        known: dict[float, int] = {}
        for i, x in enumerate(arrays):
            if x.dtype == np.float64:
                known |= {float(v): found.column(i, c) for c, v in enumerate(x.flat)}
        try:
            results = call(arrays)
        except ValueError:  # labels are no probabilities, say
            return [False] * (len(found.ends) - 1)
        where = [np.array([known.get(float(v), -1) for v in x.flat], int) for x in results]
        held.append(where)
        fixed.append([np.where(at < 0, x.ravel(), 0) for at, x in zip(where, results, strict=True)])
    moves = []
    for o in range(len(found.ends) - 1):
        same = all(np.array_equal(held[0][o], run[o]) for run in held)
        filled = all(np.array_equal(fixed[0][o], run[o]) for run in fixed)
        moves.append(same and filled and bool(np.any(held[0][o] >= 0)))
        if moves[-1]:
            rows = np.arange(found.ends[o], found.ends[o + 1])[held[0][o] >= 0]
            found.matrix[rows, held[0][o][held[0][o] >= 0]] = True
    return moves


def _push_changes(call: Call, starts: Starts, found: _Found, moves: Sequence[bool]) -> None:
    """Note every output cell that changes with an input cell, from several starting points."""
    moved = np.concatenate(
        [np.full(found.ends[o + 1] - found.ends[o], m) for o, m in enumerate(moves)]
    )
    quiet = 0
    for number in range(_STARTS):
        arrays = starts.draw(number)
        try:
            usual = call(arrays)
        except ValueError:
            continue
        before = found.matrix.copy()
        for i, x in enumerate(arrays):
            # A moved value has one source, which is known; what chose it is not.
            open_ = ~moved if x.dtype == np.float64 else np.ones_like(moved)
            for cell in range(x.size):
                column = found.column(i, cell)
                if not np.all(found.matrix[open_, column]):
                    changed = _changed_by(call, arrays, usual, i, cell)
                    found.matrix[:, column] |= changed & open_
        quiet = 0 if np.any(before != found.matrix) else quiet + 1
        if quiet == _QUIET and number >= _QUIET:
            break


def _changed_by(
    call: Call, arrays: list[Array], usual: Sequence[Array], source: int, cell: int
) -> Array:
    """Which output cells change with an input cell."""
    total = np.zeros(sum(x.size for x in usual), bool)
    allowed = False
    for changed in _changes(arrays[source], cell):
        results = _attempt(call, arrays, source, changed)
        if results is not None:
            allowed = True
            total |= _differences(usual, results)
    if allowed:
        return total
    # Probabilities must sum to one, say. The definition checks nothing; where it cannot do without
    # either, what this cell loses another gets.
    loops = [
        results
        for changed in _changes(arrays[source], cell)
        if (results := _attempt(call, arrays, source, changed, definition=True)) is not None
    ]
    swaps = (
        _attempt(call, arrays, source, changed) for changed in _exchanges(arrays[source], cell)
    )
    for results in loops or swaps:
        if results is not None:
            total |= _differences(usual, results)
    return total


def _attempt(
    call: Call, arrays: list[Array], source: int, changed: Array, definition: bool = False
) -> list[Array] | None:
    try:
        return call([*arrays[:source], changed, *arrays[source + 1 :]], definition)
    except (ValueError, IndexError):  # no index, or no probability, any more
        return None


def _changes(x: Array, cell: int) -> Iterator[Array]:
    """The array with other values in one cell."""
    old = x.flat[cell]
    if x.dtype == np.bool_:
        others: Sequence[Any] = (not old,)
    elif x.dtype == np.float64:
        step = 0.37 * (abs(old) + 0.5)
        others = (old + step, old - step, old + 50 * step, old - 50 * step)
    else:
        highest = int(x.max()) + 2
        others = sorted(set(range(min(0, int(x.min())), highest)) - {int(old)})
    for other in others:
        changed = x.copy()
        changed.flat[cell] = other
        yield changed


def _exchanges(x: Array, cell: int) -> Iterator[Array]:
    """The array with a cell and another changed together, so that their sum stays."""
    for other in range(x.size):
        if x.flat[other] == x.flat[cell]:
            continue
        changed = x.copy()
        changed.flat[[cell, other]] = x.flat[[other, cell]]
        yield changed
        if x.dtype == np.float64:
            for share in (0.5, 1.0):
                changed = x.copy()
                changed.flat[other] += share * x.flat[cell]
                changed.flat[cell] -= share * x.flat[cell]
                yield changed


def _differences(usual: Sequence[Array], results: Sequence[Array]) -> Array:
    parts = []
    for old, new in zip(usual, results, strict=True):
        if old.shape != new.shape:
            parts.append(np.ones(old.size, bool))
            continue
        a, b = old.ravel(), new.ravel()
        if a.dtype.kind == "f":
            with np.errstate(all="ignore"):
                near = np.abs(a - b) <= _NOISE * np.maximum(np.abs(a), np.abs(b))
            parts.append(~(near | (a == b) | (np.isnan(a) & np.isnan(b))))
        else:
            parts.append(a != b)
    return np.concatenate(parts)


def _fill_constants(call: Call, arrays: list[Array], found: _Found, moves: Sequence[bool]) -> None:
    """Give cells that never change the cells that they are computed from, by pushing NaN through.

    A vector's cosine with itself is 1 whatever it holds, and comes from that vector all the same.
    A cell that is always 0 is a gap, and comes from nothing.
    """
    usual = np.concatenate([x.ravel().astype(np.float64) for x in call(arrays)])
    moved = np.concatenate(
        [np.full(found.ends[o + 1] - found.ends[o], m) for o, m in enumerate(moves)]
    )
    constant = ~found.matrix.any(axis=1) & (usual != 0) & ~moved
    if not constant.any():
        return
    for i, x in enumerate(arrays):
        for cell in range(x.size if x.dtype == np.float64 else 0):
            changed = x.copy()
            changed.flat[cell] = np.nan
            results = _attempt(call, arrays, i, changed)
            if results is not None:
                flat = np.concatenate([r.ravel().astype(np.float64) for r in results])
                found.matrix[:, found.column(i, cell)] |= constant & np.isnan(flat)


# --- Putting together ----------------------------------------------------------------------------


def _assemble(
    entry: Entry,
    one: Case,
    call: Call,
    arrays: Sequence[Array],
    results: Sequence[Array],
    found: _Found,
    moves: Sequence[bool],
) -> Provenance:
    paths = [f"out{path}" for path in call.result_names]
    if all(re.fullmatch(r"out\[\d+\]", path) for path in paths):
        paths = output_names(entry, len(paths)) or paths
    shapes = {name: x.shape for name, x in zip(call.inputs, arrays, strict=True)}
    given_ = {name: x.shape for name, x in zip(paths, results, strict=True)}
    axes = name_axes(entry, call.arguments, shapes, given_)
    inputs = [
        Drawn(name, axes[i], x, chooses(call.inputs[name]))
        for i, (name, x) in enumerate(zip(shapes, arrays, strict=True))
    ]
    outputs = [
        Drawn(name, axes[len(inputs) + i], x)
        for i, (name, x) in enumerate(zip(paths, results, strict=True))
    ]
    sources = [
        tuple(found.cells(row) for row in range(*found.rows(o).indices(len(found.matrix))))
        for o in range(len(outputs))
    ]
    return Provenance(
        entry.name,
        entry.summary,
        f"{entry.name}({', '.join(call.written)})",
        one.name,
        tuple(inputs),
        tuple(outputs),
        tuple(sources),
        tuple(moves),
    )
