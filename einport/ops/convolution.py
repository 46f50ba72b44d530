"""Windows that slide over a picture, weighted and added up."""

from __future__ import annotations

__all__: list[str] = []
