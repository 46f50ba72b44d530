"""One operation on several frameworks, and where its elements go: data, which `views` shows."""

from .provenance import Provenance, provenance
from .running import Agreement, Comparison, Gradient, Pair, Passed, Run, compare
from .sources import Idiom

__all__ = [
    "Agreement",
    "Comparison",
    "Gradient",
    "Idiom",
    "Pair",
    "Passed",
    "Provenance",
    "Run",
    "compare",
    "provenance",
]
