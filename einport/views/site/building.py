"""All files of a site, from what was compared and read; nothing is run or written here."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from ...comparison.running import Comparison
from ...suite.results import Document
from ...traps import Trap
from ..html import static
from ..png import encode_png
from .digits import Digits, digits_page
from .look import Stamp
from .matrix import matrix_pages, matrix_place
from .operations import Operation, catalog_page, operation_page
from .traps import topic_pages, trap_places, traps_page

HEAVIEST = 300_000
"""Bytes of a page with all that it loads."""

_LOADED = re.compile(r'<(?:link|script|img)\b[^>]*?\b(?:href|src)="([^"]+)"')


@dataclass(frozen=True)
class Content:
    """What a site shows."""

    comparisons: Sequence[Comparison]
    traps: Sequence[Trap]
    digits: Sequence[Digits]
    results: Document | None
    why_no_results: str
    stamp: Stamp


def build(content: Content) -> dict[str, bytes]:
    """The files of a site by their paths.

    Raises:
        ValueError: A page is too large.
    """
    made = {**_shared(), **_pages(content)}
    made |= {one.file: encode_png(one.values) for one in content.digits}
    heavy = [f"{name} ({size:,} bytes)" for name, size in weights(made).items() if size > HEAVIEST]
    if heavy:
        raise ValueError(f"pages must have at most {HEAVIEST:,} bytes: {', '.join(heavy)}")
    return made


def _pages(content: Content) -> dict[str, bytes]:
    stamp = content.stamp
    operations = [Operation(one) for one in content.comparisons]
    ops = {one.name for one in operations}
    matrix = matrix_pages(content.results, content.why_no_results, ops, stamp)
    counts = {
        "traps": len(content.traps),
        "results": len(content.results.cells) if content.results else 0,
        "pictures": len(content.digits),
    }
    pages = {
        "index.html": catalog_page(operations, stamp, counts, versions(content.comparisons)),
        "traps.html": traps_page(content.traps, stamp),
        "digits.html": digits_page(content.digits, stamp),
        **matrix,
        **topic_pages(content.traps, ops, stamp),
    }
    places = trap_places(content.traps)
    listed = {cell.op for cell in content.results.cells} if content.results else set()
    neighbors = [None, *operations, None]
    before_after = zip(operations, zip(neighbors, neighbors[2:], strict=False), strict=True)
    for one, (before, after) in before_after:
        there = matrix_place(matrix, one.found.topic, one.name) if one.name in listed else None
        pages[one.file] = operation_page(one, stamp, before, after, places, there)
    return pages


def versions(comparisons: Sequence[Comparison]) -> dict[str, str]:
    """The frameworks that ran, and their versions."""
    return {run.title: run.version for one in comparisons for run in one.runs if run.ran}


def _shared() -> dict[str, bytes]:
    """The files that pages load."""
    names = ("style.css", "site.js", "icon.svg", "picture.css", "picture.js")
    return {f"static/{name}": static(name).encode() for name in names}


def weights(made: Mapping[str, bytes]) -> dict[str, int]:
    """For each page the bytes that it has with all that it loads."""
    return {
        name: len(data) + sum(len(made[one]) for one in loaded(name, data))
        for name, data in made.items()
        if name.endswith(".html")
    }


def loaded(name: str, data: bytes) -> set[str]:
    """The files that a page loads, each once, from the site's root."""
    here = posixpath.dirname(name)
    found = _LOADED.findall(data.decode())
    return {posixpath.normpath(posixpath.join(here, unquote(one))) for one in found}
