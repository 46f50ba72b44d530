"""What adapters refuse, in the same words on every framework."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .base import Array, Axes, Backend

DTYPES = frozenset(
    {"bool", "float16", "bfloat16", "float32", "float64", "complex64", "complex128"}
    | {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
)
"""The names of the dtypes that adapters know; frameworks' other names for them are refused."""


def check_dtype(xp: Backend, dtype: str | None) -> None:
    """Refuse a name that is no dtype's."""
    if dtype is not None and dtype not in DTYPES:
        raise TypeError(f"{xp.title} has no dtype {dtype!r}")


def check_device(xp: Backend, device: str | None) -> None:
    """Refuse a device that is not there."""
    if device is not None and device not in xp.devices():
        there = ", ".join(xp.devices())
        raise ValueError(f"{xp.title} has no device {device!r} here (it has {there})")


@lru_cache(256)
def name_of_dtype(dtype: Any) -> str:
    """The name of a NumPy dtype, which NumPy itself makes anew on every call."""
    return str(dtype.name)


def normalize_axes(axis: Axes, ndim: int) -> tuple[int, ...]:
    """The axes counted from the front.

    Raises:
        ValueError: An axis is outside −ndim … ndim − 1.
    """
    axes = tuple(range(ndim)) if axis is None else (axis,) if isinstance(axis, int) else axis
    for a in axes:
        if not -ndim <= a < ndim:
            raise ValueError(f"axis {a} is out of range for an array with {ndim} axes")
    return tuple(a % ndim for a in axes)


def check_not_empty(shape: tuple[Any, ...], axis: Axes, what: str) -> None:
    """Refuse a reduction that has no value over nothing."""
    for a in normalize_axes(axis, len(shape)):
        if isinstance(shape[a], int) and shape[a] == 0:
            raise ValueError(f"{what} over axis {a} of size 0 has no value (shape {tuple(shape)})")


def check_top_k(shape: tuple[Any, ...], k: int) -> None:
    """Refuse a k that the last axis cannot give."""
    if not shape:
        raise ValueError("top_k needs an array with at least one axis")
    if k < 0 or (isinstance(shape[-1], int) and k > shape[-1]):
        raise ValueError(f"top_k of k = {k} does not fit an axis of size {shape[-1]}")


def check_indices(xp: Backend, indices: Array, size: Any, *, lowest: int | None = None) -> None:
    """Refuse indices outside lowest … size − 1 where they can be read (lowest is −size)."""
    if not xp.dtype(indices).startswith(("int", "uint")):
        raise TypeError(f"indices must be integers, got {xp.dtype(indices)}")
    bad = find_outside(xp, indices, -size if lowest is None else lowest, size - 1)
    if bad is not None:
        raise IndexError(f"index {bad} is out of range for size {size}")


def find_outside(xp: Backend, x: Array, low: int, high: int) -> int | None:
    """An integer that is not from low to high, if one can be found: not while tracing."""
    if not xp.can_check(x) or 0 in xp.shape(x):
        return None
    values = xp.to_numpy(x)  # one copy, where two reductions would wait for the device twice
    least, most = int(values.min()), int(values.max())
    return least if least < low else most if most > high else None


def check_differentiable(xp: Backend, leaves: Sequence[Array]) -> None:
    """Refuse to differentiate by arrays that have no gradient."""
    for number, leaf in enumerate(leaves, 1):
        if not (xp.owns(leaf) and xp.is_floating(leaf)):
            what = xp.dtype(leaf) if xp.owns(leaf) else f"{type(leaf).__name__} of {leaf!r}"
            raise TypeError(
                "value_and_grad: all leaves of the first argument must be floating arrays of "
                f"{xp.title}, got {what} for leaf {number} of {len(leaves)}"
            )


def check_along_axis(shape: tuple[Any, ...], indices: tuple[Any, ...], axis: int) -> None:
    """Refuse indices that would have to be stretched, or that reach only part of an array."""
    (along,) = normalize_axes(axis, len(shape))
    sizes = zip(shape, indices, strict=False)
    same = len(shape) == len(indices) and all(
        a == along or not isinstance(n, int) or not isinstance(m, int) or n == m
        for a, (n, m) in enumerate(sizes)
    )
    if not same:
        raise ValueError(
            f"take_along_axis needs arrays equal but for axis {axis}, "
            f"got shapes {tuple(shape)} and {tuple(indices)}"
        )
