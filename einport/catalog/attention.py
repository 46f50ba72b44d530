"""Entries of `einport.ops.attention`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import ops
from ._entry import (
    FLOATS,
    Case,
    Draw,
    Entry,
    case,
    counting,
    given,
    idioms,
    mask,
    mistake,
    values,
)

Array = np.ndarray[Any, Any]


# --- split_heads ---------------------------------------------------------------------------------


def split_heads_oracle(x: Array, num_heads: int) -> Array:
    b, n, channels = x.shape
    depth = channels // num_heads
    out = np.empty((b, num_heads, n, depth), x.dtype)
    for i in range(b):
        for j in range(n):
            for channel in range(channels):
                out[i, channel // depth, j, channel % depth] = x[i, j, channel]
    return out


def split_heads_numpy(x, num_heads):
    b, n, _ = x.shape
    return x.reshape(b, n, num_heads, -1).transpose(0, 2, 1, 3)


def split_heads_torch(x, num_heads):
    b, n, _ = x.shape
    return x.view(b, n, num_heads, -1).transpose(1, 2)


def split_heads_jax(x, num_heads):
    b, n, _ = x.shape
    return x.reshape(b, n, num_heads, -1).transpose(0, 2, 1, 3)


def split_heads_tensorflow(x, num_heads):
    import tensorflow as tf

    b, n, _ = x.shape
    return tf.transpose(tf.reshape(x, [b, n, num_heads, -1]), [0, 2, 1, 3])


def _draw_split(draw: Draw) -> Case:
    heads, depth = draw.integer(1, 4), draw.integer(0, 3)
    shape = draw.integer(0, 3), draw.integer(0, 4), heads * depth
    return case("drawn", counting(*shape), heads)


SPLIT_HEADS = Entry(
    op=ops.split_heads,
    cases=(
        case("three heads of four", counting(2, 5, 12), 3),
        case("one head", counting(2, 3, 4), 1),
        case("heads of one", counting(1, 2, 5), 5),
        case("no positions", counting(2, 0, 6), 2),
        case("thousands of positions", counting(2, 1500, 4), 2),
    ),
    draw=_draw_split,
    oracle=split_heads_oracle,
    natives=idioms(globals(), "split_heads"),
    mistakes=(
        mistake(
            "does not divide",
            ValueError,
            "split_heads: x has 12 channels, which num_heads = 5 does not divide "
            "(x has shape (2, 5, 12))",
            counting(2, 5, 12),
            5,
        ),
        mistake(
            "no heads",
            ValueError,
            "split_heads: num_heads must be at least 1, got 0",
            counting(2, 5, 12),
            0,
        ),
        mistake(
            "a matrix",
            ValueError,
            "split_heads: x must have 3 axes (b n channels), got 2 (x has shape (5, 12))",
            counting(5, 12),
            3,
        ),
        mistake(
            "half a head",
            TypeError,
            "split_heads: num_heads must be an integer, got 1.5",
            counting(2, 5, 12),
            1.5,
        ),
    ),
)


# --- merge_heads ---------------------------------------------------------------------------------


def merge_heads_oracle(x: Array) -> Array:
    b, h, n, depth = x.shape
    out = np.empty((b, n, h * depth), x.dtype)
    for i in range(b):
        for head in range(h):
            for j in range(n):
                out[i, j, head * depth : (head + 1) * depth] = x[i, head, j]
    return out


def merge_heads_numpy(x):
    b, h, n, d = x.shape
    return x.transpose(0, 2, 1, 3).reshape(b, n, h * d)


def merge_heads_torch(x):
    return x.transpose(1, 2).flatten(2)


def merge_heads_jax(x):
    b, h, n, d = x.shape
    return x.transpose(0, 2, 1, 3).reshape(b, n, h * d)


def merge_heads_tensorflow(x):
    import tensorflow as tf

    b, h, n, d = x.shape
    return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [b, n, h * d])


def _draw_merge(draw: Draw) -> Case:
    return case("drawn", counting(*(draw.integer(0, 4) for _ in range(4))))


MERGE_HEADS = Entry(
    op=ops.merge_heads,
    cases=(
        case("three heads of four", counting(2, 3, 5, 4)),
        case("one head", counting(2, 1, 3, 4)),
        case("heads of one", counting(1, 5, 2, 1)),
        case("no positions", counting(2, 3, 0, 4)),
        case("thousands of positions", counting(2, 2, 1500, 2)),
    ),
    draw=_draw_merge,
    oracle=merge_heads_oracle,
    natives=idioms(globals(), "merge_heads"),
    mistakes=(
        mistake(
            "three axes",
            ValueError,
            "merge_heads: x must have 4 axes (b h n d), got 3 (x has shape (2, 5, 12))",
            counting(2, 5, 12),
        ),
        mistake(
            "nothing",
            TypeError,
            "merge_heads: x must be an array of NumPy, PyTorch, JAX or TensorFlow, got None",
            None,
        ),
    ),
)


# --- scaled_dot_product_attention ----------------------------------------------------------------


def _attend(
    q: Array,
    k: Array,
    v: Array,
    mask: Array | None,
    causal: bool,
    scale: float | None,
    sizes: bool,
) -> Array:
    """The definition in loops; with `sizes`, what its rounding errors are relative to."""
    *batch, n, depth = q.shape
    m, width = v.shape[-2:]
    factor = 1 / math.sqrt(depth) if scale is None else scale
    out = np.zeros((*batch, n, width))
    allowed = np.ones((*batch, n, m), bool)
    if mask is not None:
        allowed = np.broadcast_to(mask, allowed.shape)
    for place in np.ndindex(*batch):
        shared = place
        if batch and q.shape[-3] != k.shape[-3]:
            shared = (*place[:-1], place[-1] // (q.shape[-3] // k.shape[-3]))
        for i in range(n):
            keys = [j for j in range(m) if allowed[place][i, j] and (not causal or j <= i)]
            if not keys:
                continue
            products = [
                [float(q[place][i, c]) * float(k[shared][j, c]) for c in range(depth)] for j in keys
            ]
            scores = [factor * math.fsum(terms) for terms in products]
            largest = max(scores)
            powers = [math.exp(score - largest) for score in scores]
            total = math.fsum(powers)
            # Rounding the products moves a score by their sizes' sum, in epsilons.
            spread = max(abs(factor) * math.fsum(map(abs, terms)) for terms in products)
            for c in range(width):
                terms = [
                    power / total * float(v[shared][j, c])
                    for power, j in zip(powers, keys, strict=True)
                ]
                if sizes:
                    out[place][i, c] = math.fsum(map(abs, terms)) * (1 + spread)
                else:
                    out[place][i, c] = math.fsum(terms)
    return out


def scaled_dot_product_attention_oracle(
    q: Array,
    k: Array,
    v: Array,
    *,
    mask: Array | None = None,
    causal: bool = False,
    scale: float | None = None,
) -> Array:
    return _attend(q, k, v, mask, causal, scale, sizes=False)


def scaled_dot_product_attention_magnitude(
    q: Array,
    k: Array,
    v: Array,
    *,
    mask: Array | None = None,
    causal: bool = False,
    scale: float | None = None,
) -> Array:
    return _attend(q, k, v, mask, causal, scale, sizes=True)


def scaled_dot_product_attention_numpy(q, k, v):
    import numpy as np

    scores = q @ k.swapaxes(-2, -1) / np.sqrt(q.shape[-1]).astype(q.dtype)
    e = np.exp(scores - scores.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True) @ v


def scaled_dot_product_attention_torch(q, k, v):
    import torch.nn.functional as F

    return F.scaled_dot_product_attention(q, k, v)


def scaled_dot_product_attention_jax(q, k, v):
    import jax

    swap = lambda x: x.swapaxes(-3, -2)  # JAX wants (b, n, h, d)
    return swap(jax.nn.dot_product_attention(swap(q), swap(k), swap(v)))


def scaled_dot_product_attention_tensorflow(q, k, v):
    import tensorflow as tf

    scores = tf.matmul(q, k, transpose_b=True) / tf.sqrt(tf.cast(q.shape[-1], q.dtype))
    return tf.matmul(tf.nn.softmax(scores), v)


def _draw_attention(draw: Draw) -> Case:
    n, m, d, e = (draw.integer(1, 4) for _ in range(4))
    groups, shared = draw.integer(1, 2), draw.integer(1, 3)
    q, k, v = values(groups * shared, n, d), values(groups, m, d), values(groups, m, e)
    if draw.choice([True, False]):
        allowed = [[draw.choice([True, False]) for _ in range(m)] for _ in range(n)]
        return case("drawn", q, k, v, mask=mask(allowed), causal=draw.choice([True, False]))
    return case("drawn", q, k, v, causal=draw.choice([True, False]), scale=draw.choice([None, 0.3]))


_PADDING = np.arange(6) < np.array([6, 2])[:, None, None, None]
_ONES = np.ones((3000, 3))
_QKV = values(2, 3, 4, 5), values(2, 3, 6, 5), values(2, 3, 6, 2)

SCALED_DOT_PRODUCT_ATTENTION = Entry(
    op=ops.scaled_dot_product_attention,
    cases=(
        case("batch of heads", values(2, 3, 4, 5), values(2, 3, 6, 5), values(2, 3, 6, 5)),
        case("values of another width", *_QKV),
        case("no batch", values(3, 4), values(5, 4), values(5, 2)),
        case("one batch axis", values(2, 3, 4), values(2, 5, 4), values(2, 5, 2)),
        case("causal", values(2, 5, 4), values(2, 5, 4), values(2, 5, 3), causal=True),
        case("causal, more keys", *_QKV, causal=True),
        case("causal, more queries", values(6, 4), values(3, 4), values(3, 2), causal=True),
        case(
            "masked, two rows fully",
            values(2, 4, 3),
            values(2, 3, 3),
            values(2, 3, 2),
            mask=mask([[1, 0, 1], [0, 0, 0], [0, 1, 0], [0, 0, 0]]),
        ),
        case(
            "masked by head and causal",
            values(2, 2, 3, 4),
            values(2, 2, 3, 4),
            values(2, 2, 3, 4),
            mask=mask([[[0, 1, 1], [1, 1, 0], [1, 0, 1]], [[1, 1, 1], [0, 0, 0], [0, 0, 1]]]),
            causal=True,
        ),
        case(
            "padding mask", *_QKV, mask=mask(np.arange(6) < np.array([6, 2])[:, None, None, None])
        ),
        case("grouped queries", values(2, 6, 3, 4), values(2, 2, 5, 4), values(2, 2, 5, 3)),
        case("one key head", values(4, 3, 4), values(1, 5, 4), values(1, 5, 3), causal=True),
        case(
            "grouped queries, masked",
            values(1, 4, 2, 3),
            values(1, 2, 3, 3),
            values(1, 2, 3, 2),
            mask=mask(np.arange(24).reshape(1, 4, 2, 3) % 3 != 1),
        ),
        case(
            "grouped queries, one mask",
            values(4, 2, 3),
            values(2, 3, 3),
            values(2, 3, 2),
            mask=mask([[[1, 0, 1], [0, 0, 0]]]),
        ),
        case("a scale", values(3, 4), values(5, 4), values(5, 2), scale=0.25),
        case("a whole scale", values(3, 2), values(4, 2), values(4, 2), scale=2),
        case("large scores", values(3, 8, scale=8), values(4, 8, scale=8), values(4, 3)),
        case("one position", values(1, 1), values(1, 1), values(1, 1)),
        case("no keys", values(2, 3, 4), values(2, 0, 4), values(2, 0, 5)),
        case("no queries", values(2, 0, 4), values(2, 3, 4), values(2, 3, 5)),
        case(
            "equal keys",
            values(2, 3),
            given(np.ones((3000, 3))),
            given(np.ones((3000, 1))),
            tolerance=64,
        ),
        case("a thousand keys", values(2, 4), values(1000, 4), values(1000, 2), causal=False),
    ),
    draw=_draw_attention,
    oracle=scaled_dot_product_attention_oracle,
    natives=idioms(globals(), "scaled_dot_product_attention"),
    dtypes=FLOATS,
    tolerance=8,
    magnitude=scaled_dot_product_attention_magnitude,
    mistakes=(
        mistake(
            "depths differ",
            ValueError,
            "scaled_dot_product_attention: q and k must have one depth, got 4 and 5 "
            "(q has shape (3, 4), k (6, 5), v (6, 2))",
            values(3, 4),
            values(6, 5),
            values(6, 2),
        ),
        mistake(
            "lengths differ",
            ValueError,
            "scaled_dot_product_attention: k and v must have one length, got 6 and 7 "
            "(q has shape (3, 4), k (6, 4), v (7, 2))",
            values(3, 4),
            values(6, 4),
            values(7, 2),
        ),
        mistake(
            "batches differ",
            ValueError,
            "scaled_dot_product_attention: q, k and v must have the same leading axes "
            "(q has shape (2, 1, 3, 4), k (3, 1, 6, 4), v (3, 1, 6, 2))",
            values(2, 1, 3, 4),
            values(3, 1, 6, 4),
            values(3, 1, 6, 2),
        ),
        mistake(
            "heads do not divide",
            ValueError,
            "scaled_dot_product_attention: q has 5 heads, which the 2 heads of k do not divide "
            "(q has shape (5, 3, 4), k (2, 6, 4), v (2, 6, 2))",
            values(5, 3, 4),
            values(2, 6, 4),
            values(2, 6, 2),
        ),
        mistake(
            "a mask of another shape",
            ValueError,
            "scaled_dot_product_attention: mask must broadcast to (3, 6), got shape (2, 6) "
            "(q has shape (3, 4), k (6, 4), v (6, 2))",
            values(3, 4),
            values(6, 4),
            values(6, 2),
            mask=mask(np.ones((2, 6))),
        ),
        mistake(
            "a mask of numbers",
            TypeError,
            "scaled_dot_product_attention: mask must have dtype bool, got float32",
            values(3, 4),
            values(6, 4),
            values(6, 2),
            mask=given(np.zeros((3, 6))),
        ),
        mistake(
            "booleans",
            TypeError,
            "scaled_dot_product_attention: q must have a floating dtype, got bool",
            mask(np.ones((3, 4))),
            mask(np.ones((6, 4))),
            mask(np.ones((6, 2))),
        ),
        mistake(
            "a vector",
            ValueError,
            "scaled_dot_product_attention: q must have at least 2 axes (... n d), got 1 "
            "(q has shape (4,))",
            values(4),
            values(6, 4),
            values(6, 2),
        ),
        mistake(
            "causal is a number",
            TypeError,
            "scaled_dot_product_attention: causal must be True or False, got 1",
            values(3, 4),
            values(6, 4),
            values(6, 2),
            causal=1,
        ),
        mistake(
            "scale is a word",
            TypeError,
            "scaled_dot_product_attention: scale must be a number, got 'auto'",
            values(3, 4),
            values(6, 4),
            values(6, 2),
            scale="auto",
        ),
    ),
)

ENTRIES = (SPLIT_HEADS, MERGE_HEADS, SCALED_DOT_PRODUCT_ATTENTION)
