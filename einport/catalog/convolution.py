"""Entries of `einport.ops.convolution`."""

from __future__ import annotations

from ._entry import Entry

ENTRIES: tuple[Entry, ...] = ()
