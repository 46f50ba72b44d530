"""An operation as a function of its arrays, and arrays to call it with."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..backends.trees import tree_map
from ..catalog import Case, Entry
from ..catalog._entry import Given, Values

Array = np.ndarray[Any, Any]


class Call:
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
                found = {at: x for at, x in paths(item, path) if isinstance(x, Values | Given)}
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
        leaves = [one for one in paths(result, "") if isinstance(one[1], np.ndarray | np.generic)]
        self.result_names = [path for path, _ in leaves]
        return [np.array(leaf) for _, leaf in leaves]


def paths(tree: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Each leaf with its place, such as `params.attention.query` or `arrays[0]`."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from paths(value, f"{name}.{key}")
    elif isinstance(tree, tuple) and hasattr(tree, "_fields"):
        for key, value in zip(tree._fields, tree, strict=True):
            yield from paths(value, f"{name}.{key}")
    elif isinstance(tree, list | tuple):
        for i, value in enumerate(tree):
            yield from paths(value, f"{name}[{i}]")
    else:
        yield name, tree


def size_of(spec: Values | Given) -> int:
    shape = spec.shape if isinstance(spec, Values) else np.shape(spec.data)
    return int(np.prod(shape))


def is_finite(spec: Values | Given) -> bool:
    return isinstance(spec, Values) or bool(np.isfinite(np.asarray(spec.data)).all())


def chooses(spec: Values | Given) -> bool:
    return isinstance(spec, Given) and spec.dtype is not None and "float" not in spec.dtype


class Starts:
    """Starting points: all arguments of a call, the same in any process."""

    def __init__(self, call: Call) -> None:
        self._specs = list(call.inputs.values())
        self._random = np.random.default_rng(5)

    def draw(self, number: int) -> list[Array]:
        """The arguments; at odd numbers what is drawn is positive, so that no unit is off."""
        return [self._one(spec, number) for spec in self._specs]

    def labels(self) -> list[Array]:
        """The arguments with a random label in each cell that holds a value."""
        drawn = [self._random.uniform(1, 2, np.shape(x)) for x in self.draw(0)]
        held = [chooses(spec) for spec in self._specs]
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
        if chooses(spec):
            return np.array(spec.data, np.int64)
        exact = np.array(spec.data, np.float64)
        # A probability of exactly a half, say, hides what it is multiplied with.
        return exact * self._random.uniform(0.99, 1.01, exact.shape) if number else exact
