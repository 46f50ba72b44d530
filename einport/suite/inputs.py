"""From a case to arrays: drawn once in NumPy, exact in the dtype, handed to every framework alike.

The values are rounded to the dtype here, so that an adapter adds no error of its own and the
oracle sees just what the operation sees.
"""

from __future__ import annotations

import zlib
from hashlib import blake2b
from typing import Any

import numpy as np

from ..backends import Backend
from ..backends.trees import tree_leaves, tree_map
from ..catalog._entry import INDEX, Case, Given, Spec, Values

Plain = np.ndarray[Any, Any]
"""Values as float64, int64 or bool, whatever dtype they are exact in."""


class Input:
    """One array argument: its exact values and the dtype that it is given in."""

    def __init__(self, plain: Plain, dtype: str) -> None:
        self.plain = plain
        self.dtype = dtype


def draw_inputs(case: Case, dtype: str, name: str) -> Any:
    """The case's arguments as `(args, kwargs)` with an `Input` for each array spec.

    The same operation, case and dtype draw the same values, in any process.
    """
    seed = zlib.crc32(f"{name}/{case.name}/{case.args}/{case.kwargs}".encode())
    random = np.random.default_rng(seed)

    def draw(leaf: Any) -> Any:
        return _draw(leaf, dtype, random) if isinstance(leaf, Values | Given) else leaf

    return tree_map(draw, (case.args, dict(case.kwargs)))


def to_backend(xp: Backend, inputs: Any, device: str) -> Any:
    """The inputs as arrays of a framework."""

    def put(x: Any) -> Any:
        if not isinstance(x, Input):
            return x
        dtype = xp.index_dtype if x.dtype == INDEX else x.dtype
        return xp.asarray(_storable(x.plain, dtype), dtype, device)

    return tree_map(put, inputs)


def to_oracle(inputs: Any) -> Any:
    """The inputs as NumPy arrays of float64, int64 or bool; copies, for the oracle to keep."""
    return tree_map(lambda x: x.plain.copy() if isinstance(x, Input) else x, inputs)


def fingerprint(inputs: Any) -> str:
    """What tells one case's arguments from another's: a digest of all values."""
    digest = blake2b(digest_size=16)
    shown = tree_map(lambda x: (x.dtype, x.plain.shape) if isinstance(x, Input) else x, inputs)
    digest.update(repr(shown).encode())
    for leaf in tree_leaves(inputs):
        if isinstance(leaf, Input):
            digest.update(leaf.plain.tobytes())
    return digest.hexdigest()


def round_to(data: Any, dtype: str) -> Plain:
    """Values rounded to the nearest of a dtype, held in float64, int64 or bool."""
    if dtype == "bool":
        return np.asarray(data).astype(bool)
    if dtype == INDEX:
        return np.asarray(data).astype(np.int64)
    if "float" not in dtype:
        return np.asarray(data).astype(dtype).astype(np.int64)
    if dtype != "bfloat16":
        with np.errstate(over="ignore"):
            return np.asarray(data, np.float64).astype(dtype).astype(np.float64)
    single = np.array(data, np.float32)
    bits = single.view(np.uint32).astype(np.uint64)
    # To the nearest, ties to even: bfloat16 is the upper half of a float32.
    upper = (bits + 0x7FFF + ((bits >> np.uint64(16)) & np.uint64(1))) & np.uint64(0xFFFF0000)
    rounded = upper.astype(np.uint32).view(np.float32)
    return np.where(np.isnan(single), np.nan, rounded).astype(np.float64)


def _draw(spec: Spec, dtype: str, random: np.random.Generator) -> Input:
    if isinstance(spec, Given):
        own = spec.dtype or dtype
        return Input(round_to(spec.data, own), own)
    if spec.distinct:
        size = int(np.prod(spec.shape))
        data: Any = random.permutation(size).reshape(spec.shape)
        if dtype == "bool":
            data = data % 2
        elif "float" in dtype:
            data = data - size // 3
        elif dtype.endswith("int8"):
            data = data % 256 - (128 if dtype == "int8" else 0)
    elif dtype == "bool":
        data = random.random(spec.shape) < 0.5
    elif "float" in dtype:
        data = random.normal(size=spec.shape) * spec.scale
    else:
        data = random.integers(0 if dtype == "uint8" else -9, 10, spec.shape)
    return Input(round_to(data, dtype), dtype)


def _storable(plain: Plain, dtype: str) -> Plain:
    """The values in NumPy's form of the dtype, so that no adapter needs to narrow them."""
    return plain.astype(np.float32 if dtype == "bfloat16" else dtype)
