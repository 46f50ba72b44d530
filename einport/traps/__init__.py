"""The catalog of traps: what frameworks do differently, each as small programs that show it.

A module here holds the traps of one topic in its `TRAPS`. Programs are plain functions that import
their framework themselves, so that each can be read, pasted and run on its own. What they gave when
last run is in `record.json`; `python -m einport.traps` runs them all and writes it anew.
"""

from __future__ import annotations

import difflib
from dataclasses import replace
from functools import cache
from importlib import import_module

from ._trap import EINPORT, FRAMEWORKS, Shown, Trap

__all__ = ["EINPORT", "FRAMEWORKS", "Shown", "Trap", "search", "trap", "traps", "traps_of"]

TOPICS = {
    "rearranging": "Rearranging and repeating",
    "indexing": "Indexing",
    "ordering": "Order and ties",
    "reductions": "Reductions",
    "numbers": "Dtypes and conversions",
    "edges": "Zero, NaN and infinity",
    "contracting": "Products",
    "convolution": "Convolution",
    "pooling": "Pooling",
    "normalization": "Normalization",
    "probability": "Probabilities and losses",
    "attention": "Attention",
    "compiling": "Compiling",
    "recompiling": "Compiling again",
    "gradients": "Gradients at corners",
    "differentiating": "Asking for gradients",
    "mapping": "Mapping",
}
"""The topics in the order in which they are shown, and their headings."""


@cache
def traps() -> tuple[Trap, ...]:
    """Every trap, by topic."""
    found: list[Trap] = []
    for topic in TOPICS:
        module = import_module(f"{__name__}.{topic}")
        found.extend(replace(one, topic=topic) for one in module.TRAPS)
    return tuple(found)


def trap(name: str) -> Trap:
    """The trap of that name.

    Raises:
        ValueError: There is none; the message gives the nearest names.
    """
    known = {one.name: one for one in traps()}
    if name not in known:
        raise ValueError(f"no trap is named {name!r}{_near(name, list(known))}")
    return known[name]


def traps_of(op: str) -> tuple[Trap, ...]:
    """The traps that touch an operation."""
    return tuple(one for one in traps() if op in one.ops)


def search(wanted: str) -> tuple[Trap, ...]:
    """The traps that have a text in their name, title, topic, explanation or operations.

    Raises:
        ValueError: None has, and the message gives the nearest names; or the text is empty.
    """
    if not wanted.strip():
        raise ValueError("a search for traps needs a text that is not empty")
    text = wanted.casefold()
    found = tuple(one for one in traps() if any(text in part.casefold() for part in _parts(one)))
    if not found:
        words = {op for one in traps() for op in one.ops} | {one.name for one in traps()}
        raise ValueError(f"no trap has {wanted!r} in it{_near(wanted, sorted(words))}")
    return found


def _parts(one: Trap) -> tuple[str, ...]:
    return (one.name, one.title, one.topic, TOPICS[one.topic], one.why, one.instead, *one.ops)


def _near(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(near)}?" if near else ""
