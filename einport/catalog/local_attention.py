"""Entries of `einport.ops.local_attention`."""

from __future__ import annotations

from ._entry import Entry

ENTRIES: tuple[Entry, ...] = ()
