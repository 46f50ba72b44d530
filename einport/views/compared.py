"""`einport.compare`: a comparison that shows itself, in a terminal, a notebook and as JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from importlib.util import find_spec
from typing import Any, ParamSpec

from ..comparison import running
from .comparison_html import fragment
from .comparison_text import plain_text
from .documents import comparison_document

P = ParamSpec("P")


class ShownComparison(running.Comparison):
    """A comparison with its views."""

    def to_json(self) -> dict[str, Any]:
        """All of it for programs, without the values of arrays."""
        return comparison_document(self)

    def __repr__(self) -> str:
        return plain_text(self)

    def _repr_html_(self) -> str | None:
        """For notebooks, which show the text where Jinja is not installed."""
        return fragment(self) if find_spec("jinja2") else None


def _shown(function: Callable[P, running.Comparison]) -> Callable[P, ShownComparison]:
    @wraps(function)
    def compare(*args: P.args, **kwargs: P.kwargs) -> ShownComparison:
        found = function(*args, **kwargs)
        return ShownComparison(*(getattr(found, one.name) for one in fields(found)))

    return compare


compare = _shown(running.compare)
