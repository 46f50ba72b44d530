"""Attention: who looks at whom, and what they see."""

from __future__ import annotations

import math
from typing import Any, TypeVar

from einops import rearrange

from ..backends import Backend
from . import _checks as check
from .probability import softmax

__all__ = [
    "merge_heads",
    "scaled_dot_product_attention",
    "split_heads",
]

A = TypeVar("A")


def split_heads(x: A, num_heads: int) -> A:
    """Part the channels into heads, the head axis outermost.

    Args:
        x: `(b, n, h·d)`, any dtype.
        num_heads: h.

    Returns:
        `(b, h, n, d)`.

    Raises:
        TypeError: `x` is not an array, or `num_heads` not an integer.
        ValueError: `num_heads` does not divide the channels or is less than 1, or `x` does not
            have 3 axes.

    Source: A. Vaswani et al., "Attention Is All You Need", 2017, section 3.2.2.

    >>> import numpy as np
    >>> split_heads(np.zeros((2, 5, 12)), 3).shape
    (2, 3, 5, 4)
    """
    xp = check.array("split_heads", "x", x)
    h = check.count("split_heads", "num_heads", num_heads)
    shape = xp.shape(x)
    check.rank("split_heads", "x", shape, "b n channels")
    if not check.divides(h, shape[2]):
        raise ValueError(
            f"split_heads: x has {shape[2]} channels, which num_heads = {h} does not divide "
            f"(x has shape {check.show(shape)})"
        )
    return rearrange(x, "b n (h d) -> b h n d", h=h)


def merge_heads(x: A) -> A:
    """Join the heads to channels: the inverse of `split_heads`.

    Args:
        x: `(b, h, n, d)`, any dtype.

    Returns:
        `(b, n, h·d)`.

    Raises:
        TypeError: `x` is not an array.
        ValueError: `x` does not have 4 axes.

    Source: A. Vaswani et al., "Attention Is All You Need", 2017, section 3.2.2.

    >>> import numpy as np
    >>> merge_heads(np.zeros((2, 3, 5, 4))).shape
    (2, 5, 12)
    """
    xp = check.array("merge_heads", "x", x)
    check.rank("merge_heads", "x", xp.shape(x), "b h n d")
    return rearrange(x, "b h n d -> b n (h d)")


def scaled_dot_product_attention(
    q: A,
    k: A,
    v: A,
    *,
    mask: A | None = None,
    causal: bool = False,
    scale: float | None = None,
) -> A:
    """Average the values, weighted by how well each key matches the query.

    A query that may attend to nothing gets zeros. 16-bit floats are computed in float32. With
    fewer key heads than query heads (the third axis from the end), each key head serves a run of
    consecutive query heads: grouped-query attention.

    Args:
        q: `(..., n, d)`, floating.
        k: `(..., m, d)` of the same dtype and leading axes.
        v: `(..., m, e)` of the same dtype, with the leading axes of `k`.
        mask: booleans that broadcast to `(..., n, m)`; True where a query may attend.
        causal: query i attends to keys 0 … i only, counted from the first of each.
        scale: what the products are multiplied by; 1/√d by default.

    Returns:
        `(..., n, e)`: `softmax(scale · q kᵀ) v`.

    Raises:
        TypeError: frameworks or dtypes are mixed, an argument is not a floating array, the mask
            is not boolean, `causal` not a bool, or `scale` not a number.
        ValueError: ranks or sizes do not fit, or `d` is 0 and no scale is given.

    Source: A. Vaswani et al., "Attention Is All You Need", 2017, equation 1; grouped queries as
    in J. Ainslie et al., "GQA", EMNLP 2023.

    >>> import numpy as np
    >>> q, k, v = np.zeros((1, 4)), np.zeros((2, 4)), np.array([[1.0], [3.0]])
    >>> scaled_dot_product_attention(q, k, v).tolist()
    [[2.0]]
    """
    op = "scaled_dot_product_attention"
    xp = _check_attention(op, q, k, v, mask, causal)
    shape, keys = xp.shape(q), xp.shape(k)
    factor = _scale(op, scale, shape[-1])
    dtype = xp.dtype(q)
    heads, key_heads = (shape[-3], keys[-3]) if len(shape) > 2 else (1, 1)
    grouped = not check.equal(heads, key_heads)
    if grouped:
        q, k, v, mask = _group_heads(xp, q, k, v, mask, key_heads)
    scores = factor * xp.matmul(xp.widen(q), rearrange(xp.widen(k), "... m d -> ... d m"))
    if causal:
        query, key = xp.arange(shape[-2], like=q), xp.arange(keys[-2], like=q)
        earlier = rearrange(query, "n -> n 1") >= rearrange(key, "m -> 1 m")
        mask = earlier if mask is None else mask & earlier
    weights = _weights(xp, scores, mask, keys[-2])
    out: A = xp.astype(xp.matmul(weights, xp.widen(v)), dtype)
    return rearrange(out, "... g r n e -> ... (g r) n e") if grouped else out


def _weights(xp: Backend, scores: Any, mask: Any, num_keys: Any) -> Any:
    """Softmax over the keys that the mask allows; zeros where it allows none."""
    if num_keys == 0:
        return scores
    if mask is None:
        return softmax(scores)
    scores = xp.where(mask, scores, -math.inf)
    top = xp.max(scores, axis=-1, keepdims=True)
    # −inf less −inf is NaN, in the result and in its gradient: rows without a key subtract 0.
    power = xp.exp(scores - xp.where(top == -math.inf, 0.0, top))
    total = xp.sum(power, axis=-1, keepdims=True)
    return power / xp.where(total == 0, 1.0, total)


def _group_heads(xp: Backend, q: Any, k: Any, v: Any, mask: Any, groups: int) -> Any:
    """An axis for the query heads that share a key head, and a broadcast one beside it."""
    q = rearrange(q, "... (g r) n d -> ... g r n d", g=groups)
    k = rearrange(k, "... g m d -> ... g 1 m d")
    v = rearrange(v, "... g m e -> ... g 1 m e")
    if mask is not None and len(xp.shape(mask)) > 2:
        if xp.shape(mask)[-3] == 1:
            mask = rearrange(mask, "... 1 n m -> ... 1 1 n m")
        else:
            mask = rearrange(mask, "... (g r) n m -> ... g r n m", g=groups)
    return q, k, v, mask


def _scale(op: str, scale: object, depth: Any) -> float:
    if scale is None:
        if depth == 0:
            raise ValueError(f"{op}: q has depth 0, so that the default scale 1/√0 does not exist")
        return 1 / math.sqrt(depth)
    return check.number(op, "scale", scale, -math.inf)


def _check_attention(op: str, q: Any, k: Any, v: Any, mask: Any, causal: object) -> Backend:
    named = {"q": q, "k": k, "v": v}
    xp = check.arrays(op, **named)
    if mask is not None:
        check.arrays(op, q=q, mask=mask)
        check.boolean(op, "mask", xp, mask)
    check.flag(op, "causal", causal)
    for name, x in named.items():
        check.floating(op, name, xp, x)
        check.rank(op, name, xp.shape(x), "... n d")
    check.same_dtype(op, xp, **named)
    query, key, value = (xp.shape(x) for x in named.values())
    shapes = f"q has shape {check.show(query)}, k {check.show(key)}, v {check.show(value)}"
    if not check.equal(query[-1], key[-1]):
        raise ValueError(
            f"{op}: q and k must have one depth, got {query[-1]} and {key[-1]} ({shapes})"
        )
    if not check.equal(key[-2], value[-2]):
        raise ValueError(
            f"{op}: k and v must have one length, got {key[-2]} and {value[-2]} ({shapes})"
        )
    same_batch = check.same_sizes(query[:-3], key[:-3]) and len(query) == len(key)
    if not same_batch or not check.same_sizes(key[:-2], value[:-2]):
        raise ValueError(f"{op}: q, k and v must have the same leading axes ({shapes})")
    if len(query) > 2 and not _shares(query[-3], key[-3]):
        raise ValueError(
            f"{op}: q has {query[-3]} heads, which the {key[-3]} heads of k do not divide "
            f"({shapes})"
        )
    if mask is not None:
        target = (*query[:-1], key[-2])
        if not check.broadcasts(xp.shape(mask), target):
            raise ValueError(
                f"{op}: mask must broadcast to {check.show(target)}, got shape "
                f"{check.show(xp.shape(mask))} ({shapes})"
            )
    return xp


def _shares(heads: Any, key_heads: Any) -> bool:
    """Whether each key head can serve equally many query heads."""
    if check.equal(heads, key_heads):
        return True
    return bool(key_heads) and check.divides(key_heads, heads)
