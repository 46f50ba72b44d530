"""One entry an operation: what the suite, the matrix and the comparison read.

A module here holds the entries of the module of the same name in `einport.ops`, in its `ENTRIES`.
Some are long: an entry keeps its cases, oracle, idioms and messages together, and a topic its
entries, so that all there is to know of an operation stands in one place.
"""

from __future__ import annotations

import difflib
from dataclasses import replace
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from ._entry import Case, Draw, Entry, Mistake

__all__ = ["Case", "Draw", "Entry", "Mistake", "entries", "entry"]


@cache
def entries() -> tuple[Entry, ...]:
    """Every entry, by topic."""
    topics = sorted(m.name for m in iter_modules(__path__) if not m.name.startswith("_"))
    found: list[Entry] = []
    for topic in topics:
        module = import_module(f"{__name__}.{topic}")
        found.extend(replace(one, topic=topic) for one in module.ENTRIES)
    return tuple(found)


def entry(name: str) -> Entry:
    """The entry of one operation.

    Raises:
        ValueError: There is none; the message gives the nearest names.
    """
    known = {one.name: one for one in entries()}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise ValueError(f"no operation is named {name!r}{hint}")
    return known[name]
