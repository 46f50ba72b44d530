"""Local attention: windows along a sequence."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, TypeVar

from einops import rearrange

from .. import expect
from ..backends import Backend, backend_of
from ..operation import operation
from ._windows import multiples
from .attention import scaled_dot_product_attention

__all__ = ["sliding_window_attention", "sliding_window_chunks"]

A = TypeVar("A")

LEAST_BLOCK = 32
"""The fewest queries that share their keys: with less, the products are too small to be fast."""


def _check_sliding_window_chunks(x: Any, window: Any, step: Any, pad: Any) -> None:
    xp = expect.arrays(x=x)
    expect.known_int(window=window)
    if step is not None:
        expect.known_int(step=step)
    expect.flag(pad=pad)
    shape = expect.axes(xp, "b n d", x=x)
    n = shape[1]
    _check_known("length of x", n, shape)
    if n == 0 or pad:
        return
    step = _default_step(window) if step is None else step
    needed = _count_chunks(n, window, step)[1]
    if needed > n:
        raise expect.value_error(
            f"x has {n} positions, but windows of {window} with step {step} need {needed}; "
            f"pass pad=True to fill up the last one (x has shape {expect.show(shape)})"
        )


@operation(checks=_check_sliding_window_chunks)
def sliding_window_chunks(x: A, window: int, *, step: int | None = None, pad: bool = False) -> A:
    """Split a sequence into windows of one length, which overlap by half by default.

    The windows start at 0, `step`, 2·`step` and so on, until one holds the last position. If that
    one reaches past the end, it is refused, or filled up with zeros. A step larger than the window
    leaves out what lies between two windows; no positions give no windows.

    Args:
        x: `(b, n, d)`, any dtype.
        window: how many positions a window holds.
        step: how far a window starts from the one before; half a window by default, at least 1.
        pad: whether to fill up the last window, with zeros or False.

    Returns:
        `(b, windows, window, d)`: position i·step + j of the sequence at j in window i.

    Raises:
        TypeError: `x` is not an array, `window` or `step` not an integer, or `pad` not a bool.
        ValueError: the last window is not full and `pad` is False, `window` or `step` is less
            than 1, or `x` does not have 3 axes or has a length that TensorFlow does not know.

    Source: I. Beltagy et al., "Longformer", 2020: its published code has windows of 2·w positions
    that overlap by half, for attention to w positions on either side.

    >>> import numpy as np
    >>> sliding_window_chunks(np.arange(6).reshape(1, 6, 1), 4)[0, :, :, 0].tolist()
    [[0, 1, 2, 3], [2, 3, 4, 5]]
    """
    xp = backend_of(x)
    n = xp.shape(x)[1]
    if n == 0:
        return rearrange(x, "b (windows place) d -> b windows place d", place=window)
    step = _default_step(window) if step is None else step
    windows, needed = _count_chunks(n, window, step)
    if pad and needed > n:
        x = xp.pad(x, [(0, 0), (0, needed - n), (0, 0)])
    chunks: A = xp.take(x, _places(xp, x, windows, step, window), axis=1, in_range=True)
    return chunks


def _default_step(window: Any) -> Any:
    """Half a window."""
    return max(window // 2, 1)


def _count_chunks(n: Any, window: Any, step: Any) -> tuple[Any, Any]:
    """How many windows it takes to reach the end of `n` positions, and how many positions these."""
    # With gaps, the last window may end before the sequence does.
    first = max(window, step)
    windows = 1 - (first - n) // step if n > first else 1
    return windows, (windows - 1) * step + window


def _check_sliding_window_attention(q: Any, k: Any, v: Any, window: Any) -> None:
    xp = _check_alike(q, k, v)
    expect.known_int(0, window=window)
    shape = xp.shape(q)
    _check_known("length of q", shape[2], shape)
    _check_known("depth of q", shape[3], shape)


@operation(checks=_check_sliding_window_attention, in_float32=True)
def sliding_window_attention(q: A, k: A, v: A, *, window: int) -> A:
    """Local attention: each position attends to itself and `window` positions on either side.

    Equal to `scaled_dot_product_attention` with a mask that is True where |i − j| ≤ window, in
    time and memory that grow with n·window. 16-bit floats are computed in float32. What is NaN or
    infinite in `q` and `k` reaches the queries that have it in their window, and no others; in
    `v` it may reach their neighbors, since 0·NaN is NaN. A query whose scores are all −inf gets
    zeros, whatever `v` holds.

    Args:
        q: `(b, h, n, d)`, floating.
        k: `(b, h, n, d)` of the same dtype.
        v: `(b, h, n, e)` of the same dtype.
        window: how many positions a query attends to on either side; 0 for itself alone.

    Returns:
        `(b, h, n, e)`: `softmax(q kᵀ / √d) v`, over the keys in the window.

    Raises:
        TypeError: frameworks or dtypes are mixed, an argument is not a floating array, or
            `window` not an integer.
        ValueError: ranks or sizes do not fit, `d` is 0, `window` is negative, or `n` or `d` is
            not known in TensorFlow.

    Source: I. Beltagy et al., "Longformer", 2020, section 3.1; its window of w counts both sides.

    >>> import numpy as np
    >>> q = k = np.zeros((1, 1, 4, 2))
    >>> v = np.array([[1.0], [3.0], [5.0], [7.0]]).reshape(1, 1, 4, 1)
    >>> sliding_window_attention(q, k, v, window=1).ravel().tolist()
    [2.0, 3.0, 5.0, 6.0]
    """
    xp = backend_of(q)
    n = xp.shape(q)[2]
    window = min(window, n)
    # Half a window of queries needs two and a half of keys: larger blocks mask out more of them.
    block = max(-(-window // 2), LEAST_BLOCK)
    if n > block + 2 * window:
        return _in_blocks(xp, q, k, v, n, window, block)
    near = _within(xp, q, n, n, window, 0)
    return scaled_dot_product_attention.definition(q, k, v, mask=near)


def _in_blocks(xp: Backend, q: A, k: A, v: A, n: Any, window: int, block: int) -> A:
    """A block of queries at a time attends to the block and `window` positions around it."""
    blocks, span = -(-n // block), block + 2 * window
    after = blocks * block - n
    q = xp.pad(q, [(0, 0), (0, 0), (0, after), (0, 0)])
    q = rearrange(q, "b h (blocks query) d -> b h blocks query d", query=block)
    place = _places(xp, q, blocks, block, span)
    around = [(0, 0), (0, 0), (window, after + window), (0, 0)]
    k, v = (xp.take(xp.pad(x, around), place, axis=2, in_range=True) for x in (k, v))
    inside = rearrange((place >= window) & (place < n + window), "blocks key -> blocks 1 key")
    near = rearrange(_within(xp, q, block, span, window, window), "query key -> 1 query key")
    out = scaled_dot_product_attention.definition(q, k, v, mask=near & inside)
    out = rearrange(out, "b h blocks query e -> b h (blocks query) e")
    return out[:, :, :n]


def _places(xp: Backend, like: Any, count: Any, step: int, size: int) -> Any:
    """The positions in each of some pieces of a sequence, `step` apart: `(count, size)`."""
    start = multiples(xp, count, step, like)
    within = rearrange(xp.arange(size, like=like), "place -> 1 place")
    return rearrange(start, "piece -> piece 1") + within


def _within(xp: Backend, like: Any, queries: Any, keys: Any, window: int, before: int) -> Any:
    """Whether a key is in a query's window, where `before` keys come before the first query."""
    key = rearrange(xp.arange(keys, like=like) - before, "key -> 1 key")
    ahead = key - rearrange(xp.arange(queries, like=like), "query -> query 1")
    return (ahead >= -window) & (ahead <= window)


# --- Checks --------------------------------------------------------------------------------------


def _check_known(what: str, size: Any, shape: Sequence[Any]) -> None:
    """A size that must be known, if only as a symbol."""
    if size is None:
        raise expect.value_error(f"the {what} must be known, got shape {expect.show(shape)}")


def _check_alike(q: Any, k: Any, v: Any) -> Backend:
    """Floating arrays of one framework and dtype, whose sizes fit each other; their adapter."""
    named = {"q": q, "k": k, "v": v}
    xp = expect.arrays(**named)
    shapes = {}
    for name, x in named.items():
        expect.floating(xp, **{name: x})
        shapes[name] = expect.axes(xp, "b h n d", **{name: x})
    expect.same_dtype(xp, **named)
    query, key, _ = shapes.values()
    if not expect.equal(query[3], key[3]):
        raise expect.value_error(
            f"q and k must have one depth, got {query[3]} and {key[3]} ({expect.shapes(**shapes)})"
        )
    if not all(expect.same_sizes(a[:3], b[:3]) for a, b in combinations(shapes.values(), 2)):
        raise expect.value_error(
            f"q, k and v must have the same batch, heads and length ({expect.shapes(**shapes)})"
        )
    if query[3] == 0:
        raise expect.value_error(
            f"q has depth 0, so that the scale 1/√0 does not exist ({expect.shapes(**shapes)})"
        )
    return xp
