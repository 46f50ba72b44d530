"""Nested mappings, lists and tuples of arrays; None among them holds nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def tree_map(fn: Callable[[Any], Any], tree: Any) -> Any:
    """Apply `fn` to the leaves of nested mappings, lists and tuples."""
    if tree is None:
        return None
    if isinstance(tree, Mapping):
        return like_mapping(tree, {key: tree_map(fn, value) for key, value in tree.items()})
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(tree_map(fn, item) for item in tree))
    if isinstance(tree, list | tuple):
        return type(tree)(tree_map(fn, item) for item in tree)
    return fn(tree)


def tree_leaves(tree: Any) -> list[Any]:
    """The leaves of nested mappings, lists and tuples, in order."""
    if tree is None:
        return []
    if isinstance(tree, Mapping):
        tree = tuple(tree.values())
    if isinstance(tree, list | tuple):
        return [leaf for item in tree for leaf in tree_leaves(item)]
    return [tree]


def tree_fill(tree: Any, leaves: Sequence[Any]) -> Any:
    """The same structure with other leaves."""
    remaining = iter(leaves)
    return tree_map(lambda _: next(remaining), tree)


def like_mapping(mapping: Mapping[Any, Any], items: dict[Any, Any]) -> Any:
    """A mapping of the same type that holds these items, in their order."""
    kind: Any = type(mapping)
    if kind is dict:
        return items
    if isinstance(mapping, defaultdict):
        return kind(mapping.default_factory, items)
    return kind(items)
