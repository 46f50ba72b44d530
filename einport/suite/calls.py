"""An operation with its arguments, as a function of the arrays among them alone."""

from __future__ import annotations

from typing import Any

from ..backends import Backend
from ..backends.trees import tree_leaves, tree_map
from ..catalog import Entry


class Call:
    """What compilers, differentiation and mapping take: a function of arrays, giving arrays.

    Sizes and words among the arguments are fixed, and so are sizes among the results, as `pack`
    gives them, left out.
    """

    def __init__(self, entry: Entry, xp: Backend, arguments: Any) -> None:
        self._op = entry.op
        self._xp = xp
        self.arrays: list[Any] = []
        self._template = tree_map(self._slot, arguments)

    def __call__(self, *arrays: Any) -> list[Any]:
        """Call the operation with other arrays in the same places."""

        def put(leaf: Any) -> Any:
            return arrays[leaf.at] if isinstance(leaf, _Slot) else leaf

        args, kwargs = tree_map(put, self._template)
        return [leaf for leaf in tree_leaves(self._op(*args, **kwargs)) if self._xp.owns(leaf)]

    def _slot(self, leaf: Any) -> Any:
        if not self._xp.owns(leaf):
            return leaf
        self.arrays.append(leaf)
        return _Slot(len(self.arrays) - 1)


class _Slot:
    """Where an array goes among the arguments."""

    def __init__(self, at: int) -> None:
        self.at = at
