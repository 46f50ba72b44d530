"""A comparison as HTML: a fragment for notebooks, and a page of its own."""

from __future__ import annotations

from typing import Any

from ..comparison.running import Comparison
from .comparison_text import HEADS, legend, remarks, rows, shown_idioms
from .drawing_html import to_svg
from .html import render


def fragment(c: Comparison) -> str:
    """The comparison as a fragment of HTML that brings its style and script."""
    return render("comparison_fragment.html", **_values(c, 2))


def page(c: Comparison) -> str:
    """The comparison as a page of its own, which needs nothing from outside."""
    return render("comparison_page.html", **_values(c, 1))


def _values(c: Comparison, level: int) -> dict[str, Any]:
    """What the templates show, with headings from a level on."""
    return {
        "c": c,
        "level": level,
        "idioms": shown_idioms(c),
        "heads": HEADS,
        "rows": list(zip(c.runs, rows(c), strict=True)),
        "notes": [*remarks(c), *legend(c)],
        "drawing": None if c.picture is None else to_svg(c.picture),
    }
