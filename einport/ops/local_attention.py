"""Attention to what is near: windows along a sequence."""

from __future__ import annotations

__all__: list[str] = []
