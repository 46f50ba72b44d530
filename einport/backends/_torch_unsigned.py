"""Unsigned integers of 16 bits or more, which PyTorch stores and hardly computes with."""

from __future__ import annotations

from typing import Any

import torch

Array = Any

SIGNED = {torch.uint16: torch.int16, torch.uint32: torch.int32, torch.uint64: torch.int64}
"""Of the same bits, for dtypes that PyTorch stores and does not index."""

_SIGN = -(2**63)
"""The bit by which the order of unsigned integers differs from that of signed ones."""


def in_order(x: Array) -> Array:
    """Unsigned integers, which PyTorch does not compare, as int64 in the same order."""
    if x.dtype == torch.uint64:
        return x.view(torch.int64) ^ _SIGN
    return x.long() if x.dtype in SIGNED else x


def out_of_order(found: Array, dtype: torch.dtype) -> Array:
    """Some of what `in_order` gave, in the dtype that it had."""
    return (found ^ _SIGN).view(dtype) if dtype == torch.uint64 else found.to(dtype)
