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

import inspect
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..backends.trees import tree_map
from ..catalog import Case, Entry
from ..catalog._entry import Given, Values, case, given, indices, values
from .axes import Axis, name_axes, output_names

Array = np.ndarray[Any, Any]
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
    call = _Call(entry, chosen)
    sizes = {name: _size(spec) for name, spec in call.inputs.items()}
    for name, size in sizes.items():
        if not 0 < size <= MOST:
            raise ValueError(
                f"{entry.name}: a picture's arrays must have 1 to {MOST} cells, {name} has {size}"
            )
    starts = _Starts(call)
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
    picked = _PICTURES.get(entry.name)
    if isinstance(picked, Case):
        return picked
    if picked is not None:
        named = {one.name: one for one in entry.cases}
        return named[picked]
    sized = (entry.sized(2),) if entry.sized is not None else ()
    for one in (*entry.cases, *sized):
        if "float64" not in entry.dtypes_of(one):
            continue
        call = _Call(entry, one)
        arrays = list(call.inputs.values())
        if arrays and all(0 < _size(spec) <= _FITS for spec in arrays):
            results = call(_Starts(call).draw(0))
            if results and all(0 < x.size <= MOST for x in results):
                return one
    raise ValueError(f"{entry.name}: no case is small enough for a picture")


# --- Calls ---------------------------------------------------------------------------------------


class _Call:
    """An operation as a function of its arrays, each with the name of its place."""

    def __init__(self, entry: Entry, one: Case) -> None:
        self._bound = inspect.signature(entry.op).bind(*one.args, **one.kwargs)
        self._op, self._oracle = entry.op, entry.oracle
        self.inputs: dict[str, Values | Given] = {}
        self.arguments: dict[str, Any] = {}
        self.written: list[str] = []
        for name, value in self._bound.arguments.items():
            kind = self._bound.signature.parameters[name].kind
            items = [(name, value)]
            if kind == inspect.Parameter.VAR_POSITIONAL:
                items = list(zip("xyzuvw", value, strict=False))
            elif kind == inspect.Parameter.VAR_KEYWORD:
                items = list(value.items())
            self.arguments |= (
                dict(items) if kind == inspect.Parameter.VAR_KEYWORD else {name: value}
            )
            for path, item in items:
                found = {at: x for at, x in _paths(item, path) if isinstance(x, Values | Given)}
                self.inputs |= found
                text = path if found else repr(item).replace("'", '"')
                self.written.append(f"{path}={text}" if path in one.kwargs else text)

    def __call__(self, arrays: Sequence[Array], definition: bool = False) -> list[Array]:
        """The arrays among the results, of the operation or of its definition in loops.

        They are copies, because a view may be of the inputs.
        """
        remaining = iter(arrays)

        def put(leaf: Any) -> Any:
            return next(remaining).copy() if isinstance(leaf, Values | Given) else leaf

        filled = inspect.BoundArguments(
            self._bound.signature,
            OrderedDict((k, tree_map(put, v)) for k, v in self._bound.arguments.items()),
        )
        with np.errstate(all="ignore"):
            result = (self._oracle if definition else self._op)(*filled.args, **filled.kwargs)
        leaves = [one for one in _paths(result, "") if isinstance(one[1], np.ndarray | np.generic)]
        self.result_names = [path.lstrip(".") for path, _ in leaves]
        return [np.array(leaf) for _, leaf in leaves]


def _paths(tree: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Each leaf with its place, such as `params.attention.query` or `arrays[0]`."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from _paths(value, f"{name}.{key}")
    elif isinstance(tree, tuple) and hasattr(tree, "_fields"):
        for key, value in zip(tree._fields, tree, strict=True):
            yield from _paths(value, f"{name}.{key}")
    elif isinstance(tree, list | tuple):
        for i, value in enumerate(tree):
            yield from _paths(value, f"{name}[{i}]")
    else:
        yield name, tree


def _size(spec: Values | Given) -> int:
    shape = spec.shape if isinstance(spec, Values) else np.shape(spec.data)
    return int(np.prod(shape))


def _chooses(spec: Values | Given) -> bool:
    return isinstance(spec, Given) and spec.dtype is not None and "float" not in spec.dtype


class _Starts:
    """Starting points: all arguments of a call, the same in any process."""

    def __init__(self, call: _Call) -> None:
        self._specs = list(call.inputs.values())
        self._random = np.random.default_rng(5)

    def draw(self, number: int) -> list[Array]:
        """The arguments; at odd numbers what is drawn is positive, so that no unit is off."""
        return [self._one(spec, number) for spec in self._specs]

    def labels(self) -> list[Array]:
        """The arguments with a random label in each cell that holds a value."""
        drawn = [self._random.uniform(1, 2, np.shape(x)) for x in self.draw(0)]
        held = [_chooses(spec) for spec in self._specs]
        return [
            self._one(spec, 0) if choice else np.asarray(x)
            for spec, x, choice in zip(self._specs, drawn, held, strict=True)
        ]

    def _one(self, spec: Values | Given, number: int) -> Array:
        if isinstance(spec, Values):
            drawn = self._random.normal(size=spec.shape) * spec.scale
            return np.asarray(np.abs(drawn) + 0.1 if number % 2 else drawn)
        if spec.dtype == "bool":
            return np.array(spec.data, bool)
        if _chooses(spec):
            return np.array(spec.data, np.int64)
        exact = np.array(spec.data, np.float64)
        # A probability of exactly a half, say, hides what it is multiplied with.
        return exact * self._random.uniform(0.99, 1.01, exact.shape) if number else exact


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


def _push_labels(call: _Call, starts: _Starts, found: _Found) -> list[bool]:
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


def _push_changes(call: _Call, starts: _Starts, found: _Found, moves: Sequence[bool]) -> None:
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
    call: _Call, arrays: list[Array], usual: Sequence[Array], source: int, cell: int
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
    call: _Call, arrays: list[Array], source: int, changed: Array, definition: bool = False
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


def _fill_constants(call: _Call, arrays: list[Array], found: _Found, moves: Sequence[bool]) -> None:
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
    call: _Call,
    arrays: Sequence[Array],
    results: Sequence[Array],
    found: _Found,
    moves: Sequence[bool],
) -> Provenance:
    paths = call.result_names
    if any(path[:1] in ("", "[") for path in paths):
        paths = output_names(entry, len(paths)) or [f"out{path}" for path in paths]
    shapes = {name: x.shape for name, x in zip(call.inputs, arrays, strict=True)}
    given_ = {name: x.shape for name, x in zip(paths, results, strict=True)}
    axes = name_axes(entry, call.arguments, shapes, given_)
    inputs = [
        Drawn(name, axes[i], x, _chooses(call.inputs[name]))
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


_PICTURES: dict[str, Case | str] = {
    "split_heads": case("three heads of two", values(2, 2, 6), 3),
    "merge_heads": case("three heads of two", values(2, 3, 2, 2)),
    "scaled_dot_product_attention": case(
        "causal", values(4, 2), values(4, 2), values(4, 3), causal=True
    ),
    "multi_head_attention": case(
        "two heads, causal",
        values(1, 3, 4),
        {name: values(4, 4) for name in ("query", "key", "value", "output")},
        num_heads=2,
        causal=True,
    ),
    "additive_attention": case(
        "three keys",
        values(2, 2),
        values(2, 3, 2),
        values(2, 3, 4),
        {"query": values(2, 3), "key": values(2, 3), "score": values(3)},
    ),
    "feed_forward": case(
        "two tokens",
        values(2, 3),
        {"w1": values(3, 4), "b1": values(4), "w2": values(4, 3), "b2": values(3)},
    ),
    "transformer_block": case(
        "two heads, causal",
        values(1, 3, 4),
        {
            "norm1_scale": values(4),
            "norm1_shift": values(4),
            "attention": {name: values(4, 4) for name in ("query", "key", "value", "output")},
            "norm2_scale": values(4),
            "norm2_shift": values(4),
            "feed_forward": {
                "w1": values(4, 3),
                "b1": values(3),
                "w2": values(3, 4),
                "b2": values(4),
            },
        },
        num_heads=2,
        causal=True,
    ),
    "sliding_windows": case("windows of two", values(3, 5), 2),
    "conv2d": case("two channels to two", values(1, 2, 3, 4), values(2, 2, 2, 2), values(2)),
    "conv_transpose2d": case(
        "twice as large", values(1, 2, 2, 3), values(2, 1, 3, 3), values(1), stride=2
    ),
    "rearrange": case("channels last, flat", values(2, 3, 2, 2), "b c h w -> b (h w c)"),
    "reduce": case("means of blocks", values(2, 4, 6), "c (h 2) (w 2) -> c h w", "mean"),
    "pixel_shuffle": case("blocks of two by two", values(8, 2, 3), 2),
    "pixel_unshuffle": case("blocks of two by two", values(2, 4, 6), 2),
    "extract_patches": case("patches of two by two", values(1, 2, 4, 6), 2),
    "assemble_patches": case("patches of two by two", values(1, 6, 8), 2, 4, 6),
    "embed_patches": case(
        "patches of two by two",
        values(1, 1, 4, 6),
        {
            "norm_scale": values(4),
            "norm_shift": values(4),
            "weight": values(4, 3),
            "bias": values(3),
        },
        patch_size=2,
    ),
    "merge_patches": case("four neighbours", values(4, 6, 2)),
    "sliding_window_chunks": case("overlapping by half", values(1, 8, 2), 4),
    "sliding_window_attention": case(
        "one on either side", values(1, 1, 6, 2), values(1, 1, 6, 2), values(1, 1, 6, 3), window=1
    ),
    # The routing is given: a picture shows one.
    "moe_layer": case(
        "two of three experts",
        given([[[0.4, 0.9], [1.1, 0.3], [0.7, 0.8]]]),
        {
            "gate": given([[0.9, -0.4, 0.2], [-0.6, 0.5, 0.3]]),
            "w1": values(3, 2, 2),
            "b1": values(3, 2),
            "w2": values(3, 2, 2),
            "b2": values(3, 2),
        },
        k=2,
    ),
    "batch_norm": case(
        "training",
        values(2, 2, 2, 3),
        {
            "scale": values(2),
            "shift": values(2),
            "running_mean": values(2),
            "running_var": given([1.0, 2.0]),
        },
        training=True,
    ),
    "global_average_pool": case("two images", values(2, 3, 2, 4)),
    "global_max_pool": case("two images", values(2, 3, 2, 4)),
    "channel_max_pool": case("two images", values(2, 3, 2, 4)),
    "average_pool": case("windows that overlap", values(1, 5, 7), 3, stride=2, padding=1),
    "max_pool": case("windows that overlap", values(1, 5, 7), 3, stride=2, padding=1),
    "dispatch_tokens": "room for three",
    "combine_tokens": "room for three",
    "classifier_accuracy": case("two of three", values(3, 3), indices([0, 2, 1])),
}
"""Calls to look at, or names of cases, for operations whose first case is too large, or shows too
little."""
