"""Side by side: one operation on several frameworks, and where its elements go."""

from .drawing import PICTURE_CSS, PICTURE_JS, find_cell, to_json, to_svg, to_terminal
from .provenance import Provenance, provenance
from .running import Agreement, Comparison, Gradient, Pair, Passed, Run, compare
from .sources import Idiom

__all__ = [
    "PICTURE_CSS",
    "PICTURE_JS",
    "Agreement",
    "Comparison",
    "Gradient",
    "Idiom",
    "Pair",
    "Passed",
    "Provenance",
    "Run",
    "compare",
    "find_cell",
    "provenance",
    "to_json",
    "to_svg",
    "to_terminal",
]
