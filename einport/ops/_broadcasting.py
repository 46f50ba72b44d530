"""Explicit broadcasting: JAX refuses to promote ranks where `jax_numpy_rank_promotion` says so."""

from __future__ import annotations

from typing import Any

from einops import rearrange

from ..backends import Backend


def to_rank(xp: Backend, x: Any, rank: int) -> Any:
    """The array with axes of size 1 in front, so that it has `rank` axes; itself if it has them."""
    missing = rank - len(xp.shape(x))
    return rearrange(x, f"... -> {'1 ' * missing}...") if missing > 0 else x
