"""Nested dictionaries, lists and tuples of arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


def tree_map(fn: Callable[[Any], Any], tree: Any) -> Any:
    """Apply `fn` to the leaves of nested dictionaries, lists and tuples."""
    if isinstance(tree, dict):
        return {key: tree_map(fn, value) for key, value in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(tree_map(fn, item) for item in tree))
    if isinstance(tree, list | tuple):
        return type(tree)(tree_map(fn, item) for item in tree)
    return fn(tree)


def tree_leaves(tree: Any) -> list[Any]:
    """The leaves of nested dictionaries, lists and tuples, in order."""
    if isinstance(tree, dict):
        tree = tuple(tree.values())
    if isinstance(tree, list | tuple):
        return [leaf for item in tree for leaf in tree_leaves(item)]
    return [tree]


def tree_fill(tree: Any, leaves: Sequence[Any]) -> Any:
    """The same structure with other leaves."""
    remaining = iter(leaves)
    return tree_map(lambda _: next(remaining), tree)
