"""Entries of `einport.ops.attention`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import ops
from ._entry import (
    FLOATS,
    Case,
    Draw,
    Entry,
    Given,
    Spec,
    case,
    counting,
    given,
    idioms,
    mask,
    mistake,
    values,
)

Array = np.ndarray[Any, Any]

HALVES = ("float16", "bfloat16")
BIASES = ("query_bias", "key_bias", "value_bias", "output_bias")


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
    sized=lambda n: case("rows", counting(n, 7, 24), 4),
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
    sized=lambda n: case("rows", counting(n, 4, 7, 6)),
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
        queries, rows, seen = q[place].tolist(), k[shared].tolist(), v[shared].tolist()
        permitted = allowed[place].tolist()
        for i in range(n):
            keys = [j for j in range(m) if permitted[i][j] and (not causal or j <= i)]
            if not keys:
                continue
            products = [[queries[i][c] * rows[j][c] for c in range(depth)] for j in keys]
            scores = [factor * math.fsum(terms) for terms in products]
            largest = max(scores)
            powers = [math.exp(score - largest) for score in scores]
            total = math.fsum(powers)
            spread = 0.0
            if sizes:
                # Rounding the products moves a score by their sizes' sum, in epsilons.
                spread = max(abs(factor) * math.fsum(map(abs, terms)) for terms in products)
            for c in range(width):
                terms = [power / total * seen[j][c] for power, j in zip(powers, keys, strict=True)]
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


def _attention_of_rows(n: int) -> Case:
    """As many queries as rows, in four heads that share two of keys."""
    q, k, v = values(4, n, 4), values(2, 6, 4), values(2, 6, 7)
    allowed = np.arange(6 * n).reshape(n, 6) % 7 > 1
    return case("rows", q, k, v, mask=mask(allowed), causal=True, scale=0.3)


_UNEVEN = 1.1 + np.arange(3000) % 7 * 0.25
"""Terms that a 16-bit sum loses, and whose rounding errors do not all point one way."""

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
        # The first of two examples may attend to nothing.
        case(
            "nothing to attend to, and NaN in keys and values",
            values(2, 2, 2),
            given([[[np.nan, 1], [np.inf, 2], [0, 1]], [[1, 0], [-1, 2], [3, 1]]]),
            given([[[np.nan], [np.inf], [-np.inf]], [[1], [2], [4]]]),
            mask=mask([[[0, 0, 0]], [[1, 0, 1]]]),
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
            tolerance=256,
        ),
        case("a thousand keys", values(2, 4), values(1000, 4), values(1000, 2), causal=False),
    ),
    draw=_draw_attention,
    sized=_attention_of_rows,
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

# --- The stages of a layer -----------------------------------------------------------------------


class Stage(NamedTuple):
    """What a stage gives, and what the rounding errors so far are relative to."""

    value: Array
    size: Array


def exactly(x: Array) -> Stage:
    """An argument: there is no error in it yet."""
    return Stage(x, np.zeros(x.shape))


def linear(x: Stage, weight: Array, bias: Array | None = None) -> Stage:
    """`x·weight + bias`, channel by channel."""
    outputs = weight.shape[1]
    out = exactly(np.empty((*x.value.shape[:-1], outputs)))
    shift = np.zeros(outputs) if bias is None else bias
    for j in range(outputs):
        terms = x.value * weight[:, j]
        known = (x.size * np.abs(weight[:, j])).sum(axis=-1)
        out.value[..., j] = terms.sum(axis=-1) + shift[j]
        out.size[..., j] = known + np.abs(terms).sum(axis=-1) + abs(shift[j])
    return out


def normalized(x: Stage, scale: Array, shift: Array) -> Stage:
    """The layer norm with eps 1e-5."""
    n = x.value.shape[-1]
    if n == 0:
        return x
    mean = x.value.sum(axis=-1, keepdims=True) / n
    left = x.value - mean
    square = (left * left).sum(axis=-1, keepdims=True) / n + 1e-5
    drift = (np.abs(x.value) + x.size).sum(axis=-1, keepdims=True) / n
    lost = np.abs(x.value) + x.size + drift
    # How far off the deviation is, for its own size.
    spread = 1 + (np.abs(left) * lost).sum(axis=-1, keepdims=True) / n / square
    normal = left / np.sqrt(square)
    size = lost / np.sqrt(square) + np.abs(normal) * spread
    return Stage(normal * scale + shift, size * np.abs(scale) + np.abs(shift))


def rectified(x: Stage) -> Stage:
    """`max(0, x)`, NaN where `x` is."""
    value = np.empty(x.value.shape)
    for place in np.ndindex(*value.shape):
        value[place] = 0.0 if x.value[place] < 0 else x.value[place]
    return Stage(value, x.size)


def added(x: Stage, y: Stage) -> Stage:
    """`x + y`."""
    return Stage(x.value + y.value, x.size + y.size + np.abs(x.value) + np.abs(y.value))


def chances(scores: Array, sizes: Array) -> tuple[Array, Array]:
    """The softmax over the last axis, of what is above −inf; zeros where nothing is.

    An error in a score moves its own weight, and all of them through the sum.
    """
    top = scores.max(axis=-1, keepdims=True, initial=-math.inf)
    powers = np.exp(scores - np.where(top == -math.inf, 0, top))
    total = powers.sum(axis=-1, keepdims=True)
    weights = powers / np.where(total == 0, 1, total)
    shared = 1 + (weights * sizes).sum(axis=-1, keepdims=True)
    return weights, weights * (sizes + shared)


def weighted(weights: Array, errors: Array, x: Stage) -> tuple[Array, Array]:
    """`Σ weight · x` over the last axis, and what its errors are relative to."""
    terms = weights * x.value
    lost = weights * x.size + errors * np.abs(x.value) + np.abs(terms)
    return terms.sum(axis=-1), lost.sum(axis=-1)


# --- multi_head_attention ------------------------------------------------------------------------


def _seen(q: Stage, k: Stage, v: Stage, allowed: Array, i: int, head: slice, out: Stage) -> None:
    """What query i of each example sees with the head that has these channels."""
    factor = 1 / math.sqrt(head.stop - head.start)
    query, lost = (x[:, i, None, head] for x in q)
    key, missed = (x[:, :, head] for x in k)
    terms = query * key
    known = lost * np.abs(key) + missed * np.abs(query) + np.abs(terms)
    scores = np.where(allowed, factor * terms.sum(axis=-1), -math.inf)
    sizes = np.where(allowed, factor * known.sum(axis=-1), 0)
    weights, errors = chances(scores, sizes)
    for c in range(head.start, head.stop):
        column = Stage(*(np.where(allowed, x[:, :, c], 0) for x in v))
        out.value[:, i, c], out.size[:, i, c] = weighted(weights, errors, column)


def attended(
    x: Stage, source: Stage, params: dict[str, Array], heads: int, mask: Any, causal: bool
) -> Stage:
    """Multi-head attention from the tokens `x` to the tokens `source`."""
    project = lambda tokens, name: linear(tokens, params[name], params.get(f"{name}_bias"))
    q, k, v = project(x, "query"), project(source, "key"), project(source, "value")
    b, n, dim = q.value.shape
    m, depth = source.value.shape[1], dim // heads
    allowed = np.broadcast_to(True if mask is None else mask, (b, heads, n, m)).copy()
    if causal:
        for i, j in np.ndindex(n, m):
            allowed[:, :, i, j] &= j <= i
    out = exactly(np.zeros((b, n, dim)))
    for head, i in np.ndindex(heads, n):
        channels = slice(head * depth, (head + 1) * depth)
        _seen(q, k, v, allowed[:, head, i], i, channels, out)
    return project(out, "output")


def _multi_head(
    x: Array,
    params: dict[str, Array],
    num_heads: int,
    context: Array | None = None,
    mask: Array | None = None,
    causal: bool = False,
) -> Stage:
    source = exactly(x if context is None else context)
    return attended(exactly(x), source, params, num_heads, mask, causal)


def multi_head_attention_oracle(x: Array, params: dict[str, Array], **options: Any) -> Array:
    return _multi_head(x, params, **options).value


def multi_head_attention_magnitude(x: Array, params: dict[str, Array], **options: Any) -> Array:
    return _multi_head(x, params, **options).size


def multi_head_attention_numpy(x, params, num_heads):
    import numpy as np

    def heads(name):
        y = x @ params[name] + params[f"{name}_bias"]
        return y.reshape(*x.shape[:2], num_heads, -1).transpose(0, 2, 1, 3)

    q, k, v = heads("query"), heads("key"), heads("value")
    scores = q @ k.swapaxes(-2, -1) / np.sqrt(q.shape[-1]).astype(q.dtype)
    e = np.exp(scores - scores.max(-1, keepdims=True))
    seen = (e / e.sum(-1, keepdims=True) @ v).transpose(0, 2, 1, 3).reshape(x.shape)
    return seen @ params["output"] + params["output_bias"]


def multi_head_attention_torch(x, params, num_heads):
    import torch.nn.functional as F

    def heads(name):
        y = x @ params[name] + params[f"{name}_bias"]
        return y.unflatten(-1, (num_heads, -1)).transpose(1, 2)

    seen = F.scaled_dot_product_attention(heads("query"), heads("key"), heads("value"))
    return seen.transpose(1, 2).flatten(2) @ params["output"] + params["output_bias"]


def multi_head_attention_jax(x, params, num_heads):
    import jax

    def heads(name):
        y = x @ params[name] + params[f"{name}_bias"]
        return y.reshape(*x.shape[:2], num_heads, -1)

    seen = jax.nn.dot_product_attention(heads("query"), heads("key"), heads("value"))
    return seen.reshape(x.shape) @ params["output"] + params["output_bias"]


def multi_head_attention_tensorflow(x, params, num_heads):
    import tensorflow as tf

    def heads(name):
        y = tf.tensordot(x, params[name], 1) + params[f"{name}_bias"]
        return tf.transpose(tf.reshape(y, [*x.shape[:2], num_heads, -1]), [0, 2, 1, 3])

    q, k, v = heads("query"), heads("key"), heads("value")
    scores = tf.matmul(q, k, transpose_b=True) / tf.sqrt(tf.cast(q.shape[-1], q.dtype))
    seen = tf.transpose(tf.matmul(tf.nn.softmax(scores), v), [0, 2, 1, 3])
    return tf.tensordot(tf.reshape(seen, x.shape), params["output"], 1) + params["output_bias"]


def _projections(
    dim: int, source: int | None = None, biases: Sequence[str] = BIASES, scale: float = 0.4
) -> dict[str, Spec]:
    """Parameters for tokens of `dim` channels that attend to tokens of `source` channels."""
    key = dim if source is None else source
    weights: dict[str, Spec] = {
        "query": values(dim, dim, scale=scale),
        "key": values(key, dim, scale=scale),
        "value": values(key, dim, scale=scale),
        "output": values(dim, dim, scale=scale),
    }
    return weights | {name: values(dim, scale=0.5) for name in biases}


def _draw_mask(draw: Draw, *shapes: tuple[int, ...]) -> Spec | None:
    """None, or booleans of one of the shapes."""
    shape = draw.choice([None, *shapes])
    if shape is None:
        return None
    bits = [draw.choice([True, False]) for _ in range(math.prod(shape))]
    return mask(np.reshape(bits, shape))


def _draw_multi_head(draw: Draw) -> Case:
    b, n, m, heads = draw.integer(0, 2), draw.integer(0, 4), draw.integer(0, 4), draw.integer(1, 3)
    dim, width = heads * draw.integer(1, 3), draw.integer(1, 4)
    biases = [name for name in BIASES if draw.choice([True, False])]
    options: dict[str, Any] = {"num_heads": heads, "causal": draw.choice([True, False])}
    if draw.choice([True, False]):
        width, m = dim, n
    else:
        options["context"] = values(b, m, width)
    options["mask"] = _draw_mask(draw, (n, m), (heads, n, m), (b, 1, n, m), (b, heads, 1, m))
    params = _projections(dim, width, biases)
    return case("drawn", values(b, n, dim), params, **options)


def _multi_head_of_rows(n: int) -> Case:
    """As many examples as rows, each with a context of its own that is partly hidden."""
    seen = np.arange(7) < 1 + np.arange(n)[:, None, None, None] % 7
    params, context = _projections(6, 9), values(n, 7, 9)
    return case(
        "rows", values(n, 4, 6), params, num_heads=2, context=context, mask=mask(seen), causal=True
    )


# 12 channels for 3 heads; and 6 for 2 heads that attend to tokens of 10.
_TOKENS, _SELF = values(2, 5, 12), _projections(12)
_SIX, _CONTEXT, _CROSS = values(2, 4, 6), values(2, 7, 10), _projections(6, 10)

MULTI_HEAD_ATTENTION = Entry(
    op=ops.multi_head_attention,
    cases=(
        case("self-attention", _TOKENS, _SELF, num_heads=3),
        case("cross attention", _SIX, _CROSS, num_heads=2, context=_CONTEXT),
        case(
            "cross attention to tokens of one width",
            _SIX,
            _projections(6),
            num_heads=3,
            context=values(2, 3, 6),
        ),
        case("no biases", _TOKENS, _projections(12, biases=()), num_heads=3),
        case(
            "no biases, cross attention",
            _SIX,
            _projections(6, 10, biases=()),
            num_heads=2,
            context=_CONTEXT,
        ),
        *(
            case(f"{name} alone", values(2, 3, 4), _projections(4, biases=[name]), num_heads=2)
            for name in BIASES
        ),
        # A key's bias adds as much to every score of a query: only NaN shows that it is there.
        case(
            "NaN in the key's bias",
            values(1, 3, 4),
            _projections(4, biases=()) | {"key_bias": given([0, 0, np.nan, 0])},
            num_heads=2,
            no_gradient="NaN in a bias",
        ),
        case("causal", _TOKENS, _SELF, num_heads=3, causal=True),
        case("causal, more keys", _SIX, _CROSS, num_heads=2, context=_CONTEXT, causal=True),
        case(
            "causal, more queries",
            _SIX,
            _CROSS,
            num_heads=2,
            context=values(2, 3, 10),
            causal=True,
        ),
        case(
            "nothing to attend to, and NaN in its values",
            values(2, 3, 4),
            _projections(4) | {"value_bias": given([np.nan, 1, np.inf, -np.inf])},
            num_heads=2,
            mask=mask(np.zeros((3, 3))),
        ),
        case(
            "masked, two queries fully",
            values(2, 4, 6),
            _projections(6),
            num_heads=3,
            mask=mask([[1, 0, 1, 0], [0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]),
        ),
        case(
            "masked, no biases",
            values(2, 2, 6),
            _projections(6, biases=()),
            num_heads=3,
            mask=mask([[1, 0], [0, 0]]),
        ),
        # Two examples and two heads: three axes are the heads'.
        case(
            "masked by head",
            values(2, 3, 4),
            _projections(4),
            num_heads=2,
            mask=mask([[[1, 0, 1], [0, 1, 1], [1, 1, 0]], [[0, 0, 1], [0, 0, 0], [1, 0, 0]]]),
        ),
        case(
            "padding",
            _SIX,
            _CROSS,
            num_heads=2,
            context=_CONTEXT,
            mask=mask(np.arange(7) < np.array([7, 3])[:, None, None, None]),
        ),
        case(
            "masked by example and causal",
            values(2, 3, 4),
            _projections(4),
            num_heads=2,
            mask=mask(np.arange(18).reshape(2, 1, 3, 3) % 4 != 1),
            causal=True,
        ),
        case(
            "masked everywhere apart",
            values(2, 3, 6),
            _projections(6),
            num_heads=3,
            mask=mask(np.arange(54).reshape(2, 3, 3, 3) % 5 < 3),
        ),
        case("one head", values(2, 3, 5), _projections(5), num_heads=1),
        case("heads of one channel", values(2, 3, 4), _projections(4), num_heads=4),
        case("one channel", values(3, 2, 1), _projections(1), num_heads=1, causal=True),
        case("one token", values(2, 1, 6), _projections(6), num_heads=2),
        case("a square of tokens", values(4, 4, 4), _projections(4), num_heads=4),
        case("no examples", values(0, 3, 6), _projections(6), num_heads=2, causal=True),
        case("no tokens", values(2, 0, 6), _projections(6), num_heads=2),
        case("no context", _SIX, _CROSS, num_heads=2, context=values(2, 0, 10)),
        case(
            "a context without channels",
            values(2, 3, 4),
            _projections(4, 0),
            num_heads=2,
            context=values(2, 5, 0),
        ),
        case(
            "NaN in a token",
            given([[[1, 2], [3, np.nan]]]),
            _projections(2),
            num_heads=1,
            no_gradient="NaN among the tokens",
        ),
        case("large activations", values(2, 3, 8, scale=20), _projections(8), num_heads=2),
        # The queries are past the largest float16, their scores are not.
        case(
            "projections past the largest float16",
            values(1, 3, 4, scale=200),
            _projections(4)
            | {"query": values(4, 4, scale=600), "key": values(4, 4, scale=1e-5)}
            | {"key_bias": given([0, 0, 0, 0])},
            num_heads=2,
            no_gradient="a step of 1e-6 is not small beside its key weights",
        ),
        case(
            "hundreds of tokens",
            values(1, 150, 2),
            _projections(2),
            num_heads=1,
            causal=True,
            dtypes=("float32", "bfloat16"),
        ),
        case(
            "thousands of tokens to attend to",
            values(1, 2, 2),
            _projections(2),
            num_heads=1,
            context=values(1, 2000, 2),
        ),
        case(
            "thousands of like tokens to attend to",
            values(1, 2, 2),
            _projections(2, 1),
            num_heads=1,
            context=given(_UNEVEN.reshape(1, 3000, 1)),
            tolerance=64,
        ),
    ),
    draw=_draw_multi_head,
    sized=_multi_head_of_rows,
    oracle=multi_head_attention_oracle,
    natives=idioms(globals(), "multi_head_attention"),
    dtypes=FLOATS,
    tolerance=2,
    magnitude=multi_head_attention_magnitude,
    mistakes=(
        mistake(
            "does not divide",
            ValueError,
            "multi_head_attention: x has 12 channels, which num_heads = 5 does not divide "
            "(x has shape (2, 5, 12))",
            _TOKENS,
            _SELF,
            num_heads=5,
        ),
        mistake(
            "no heads",
            ValueError,
            "multi_head_attention: num_heads must be at least 1, got 0",
            _TOKENS,
            _SELF,
            num_heads=0,
        ),
        mistake(
            "half a head",
            TypeError,
            "multi_head_attention: num_heads must be an integer, got 1.5",
            _TOKENS,
            _SELF,
            num_heads=1.5,
        ),
        mistake(
            "no channels",
            ValueError,
            "multi_head_attention: the channels of x must be at least 1, got 0 "
            "(x has shape (2, 5, 0))",
            values(2, 5, 0),
            _projections(0),
            num_heads=1,
        ),
        mistake(
            "a matrix",
            ValueError,
            "multi_head_attention: x must have 3 axes (b n channels), got 2 (x has shape (5, 12))",
            values(5, 12),
            _SELF,
            num_heads=3,
        ),
        mistake(
            "integers",
            TypeError,
            "multi_head_attention: x must have a floating dtype, got int32",
            Given(np.ones((2, 5, 12)), "int32"),
            _SELF,
            num_heads=3,
        ),
        mistake(
            "a list",
            TypeError,
            "multi_head_attention: x must be an array of NumPy, PyTorch, JAX or TensorFlow, "
            "got a list",
            [[[1.0]]],
            _projections(1),
            num_heads=1,
        ),
        mistake(
            "a context of another batch",
            ValueError,
            "multi_head_attention: x and context must have one batch size, got 2 and 3 "
            "(x has shape (2, 4, 6), context (3, 7, 10))",
            _SIX,
            _CROSS,
            num_heads=2,
            context=values(3, 7, 10),
        ),
        mistake(
            "a context without a batch",
            ValueError,
            "multi_head_attention: context must have 3 axes (b m channels), got 2 "
            "(context has shape (7, 10))",
            _SIX,
            _CROSS,
            num_heads=2,
            context=values(7, 10),
        ),
        mistake(
            "a context of booleans",
            TypeError,
            "multi_head_attention: context must have a floating dtype, got bool",
            _SIX,
            _CROSS,
            num_heads=2,
            context=mask(np.ones((2, 7, 10))),
        ),
        mistake(
            "a context of another dtype",
            TypeError,
            "multi_head_attention: x is float32 and context is float16; pass arrays of one dtype",
            _SIX,
            _CROSS,
            num_heads=2,
            context=Given(np.ones((2, 7, 10)), "float16"),
        ),
        mistake(
            "a list for a context",
            TypeError,
            "multi_head_attention: context must be an array of NumPy, PyTorch, JAX or TensorFlow, "
            "got a list",
            _SIX,
            _CROSS,
            num_heads=2,
            context=[[[1.0] * 10]] * 2,
        ),
        mistake(
            "parameters for a context of another width",
            ValueError,
            "multi_head_attention: params['key'] must have shape (10, 6) for the axes "
            "(context_dim dim), got (6, 6) (x has shape (2, 4, 6))",
            _SIX,
            _projections(6),
            num_heads=2,
            context=_CONTEXT,
        ),
        mistake(
            "parameters for a context, and none",
            ValueError,
            "multi_head_attention: params['key'] must have shape (6, 6) for the axes (dim dim), "
            "got (10, 6) (x has shape (2, 4, 6))",
            _SIX,
            _CROSS,
            num_heads=2,
        ),
        mistake(
            "a mask by example without a place for heads",
            ValueError,
            "multi_head_attention: mask must broadcast to (2, 3, 5, 5) for the axes "
            "(b heads n m), got shape (2, 5, 5) (x has shape (2, 5, 12))",
            _TOKENS,
            _SELF,
            num_heads=3,
            mask=mask(np.ones((2, 5, 5))),
        ),
        mistake(
            "a mask of another length",
            ValueError,
            "multi_head_attention: mask must broadcast to (2, 2, 4, 7) for the axes "
            "(b heads n m), got shape (4, 4) (x has shape (2, 4, 6))",
            _SIX,
            _CROSS,
            num_heads=2,
            context=_CONTEXT,
            mask=mask(np.ones((4, 4))),
        ),
        mistake(
            "a mask of numbers",
            TypeError,
            "multi_head_attention: mask must have dtype bool, got float32",
            _TOKENS,
            _SELF,
            num_heads=3,
            mask=given(np.zeros((5, 5))),
        ),
        mistake(
            "a list for a mask",
            TypeError,
            "multi_head_attention: mask must be an array of NumPy, PyTorch, JAX or TensorFlow, "
            "got a list",
            _TOKENS,
            _SELF,
            num_heads=3,
            mask=[True] * 5,
        ),
        mistake(
            "causal is a number",
            TypeError,
            "multi_head_attention: causal must be True or False, got 1",
            _TOKENS,
            _SELF,
            num_heads=3,
            causal=1,
        ),
        mistake(
            "a list for the parameters",
            TypeError,
            "multi_head_attention: params must be a dictionary of arrays, got a list",
            _TOKENS,
            [],
            num_heads=3,
        ),
        mistake(
            "an entry is missing",
            ValueError,
            "multi_head_attention: params must have the entries query, key, value, output; "
            "value is missing",
            _TOKENS,
            {name: entry for name, entry in _SELF.items() if name != "value"},
            num_heads=3,
        ),
        mistake(
            "a misspelled bias",
            ValueError,
            "multi_head_attention: params has an unknown entry, 'query_bais'; its entries are "
            "query, key, value, output, query_bias, key_bias, value_bias, output_bias",
            _TOKENS,
            _SELF | {"query_bais": values(12)},
            num_heads=3,
        ),
        mistake(
            "too wide an output",
            ValueError,
            "multi_head_attention: params['output'] must have shape (12, 12) for the axes "
            "(dim dim), got (12, 8) (x has shape (2, 5, 12))",
            _TOKENS,
            _SELF | {"output": values(12, 8)},
            num_heads=3,
        ),
        mistake(
            "a bias of a head",
            ValueError,
            "multi_head_attention: params['value_bias'] must have shape (12,) for the axes (dim), "
            "got (4,) (x has shape (2, 5, 12))",
            _TOKENS,
            _SELF | {"value_bias": values(4)},
            num_heads=3,
        ),
        mistake(
            "a weight of integers",
            TypeError,
            "multi_head_attention: params['query'] must have a floating dtype, got int32",
            _TOKENS,
            _SELF | {"query": Given(np.ones((12, 12)), "int32")},
            num_heads=3,
        ),
        mistake(
            "a bias of another dtype",
            TypeError,
            "multi_head_attention: x is float32 and params['output_bias'] is float16; "
            "pass arrays of one dtype",
            _TOKENS,
            _SELF | {"output_bias": Given(np.ones(12), "float16")},
            num_heads=3,
        ),
        mistake(
            "None for a bias",
            TypeError,
            "multi_head_attention: params['key_bias'] must be an array of NumPy, PyTorch, JAX or "
            "TensorFlow, got None",
            _TOKENS,
            _SELF | {"key_bias": None},
            num_heads=3,
        ),
    ),
)

# --- additive_attention --------------------------------------------------------------------------


def _additive(
    query: Array, keys: Array, values: Array, params: dict[str, Array]
) -> tuple[Stage, Stage]:
    """Context and weights."""
    asked = linear(exactly(query), params["query"])
    known = linear(exactly(keys), params["key"])
    b, m, f = values.shape
    score = params["score"]
    scores, sizes = np.empty((b, m)), np.empty((b, m))
    for j in range(m):
        at = asked.value + known.value[:, j]
        hidden = np.tanh(at)
        missed = asked.size + known.size[:, j] + np.abs(at)
        terms = hidden * score
        lost = np.abs(score) * (1 - hidden * hidden) * missed + 2 * np.abs(terms)
        scores[:, j], sizes[:, j] = terms.sum(axis=-1), lost.sum(axis=-1)
    weights = Stage(*chances(scores, sizes))
    context = exactly(np.empty((b, f)))
    for c in range(f):
        column = exactly(values[:, :, c])
        context.value[:, c], context.size[:, c] = weighted(*weights, column)
    return context, weights


def additive_attention_oracle(
    query: Array, keys: Array, values: Array, params: dict[str, Array]
) -> tuple[Array, Array]:
    context, weights = _additive(query, keys, values, params)
    return context.value, weights.value


def additive_attention_magnitude(
    query: Array, keys: Array, values: Array, params: dict[str, Array]
) -> tuple[Array, Array]:
    context, weights = _additive(query, keys, values, params)
    return context.size, weights.size


def additive_attention_numpy(query, keys, values, params):
    import numpy as np

    hidden = np.tanh((query @ params["query"])[:, None] + keys @ params["key"])
    scores = hidden @ params["score"]
    e = np.exp(scores - scores.max(-1, keepdims=True))
    weights = e / e.sum(-1, keepdims=True)
    return np.einsum("bm,bmf->bf", weights, values), weights


def additive_attention_torch(query, keys, values, params):
    import torch

    hidden = torch.tanh((query @ params["query"]).unsqueeze(1) + keys @ params["key"])
    weights = torch.softmax(hidden @ params["score"], dim=-1)
    return torch.bmm(weights.unsqueeze(1), values).squeeze(1), weights


def additive_attention_jax(query, keys, values, params):
    import jax
    import jax.numpy as jnp

    hidden = jnp.tanh((query @ params["query"])[:, None] + keys @ params["key"])
    weights = jax.nn.softmax(hidden @ params["score"])
    return jnp.einsum("bm,bmf->bf", weights, values), weights


def additive_attention_tensorflow(query, keys, values, params):
    import tensorflow as tf

    asked = tf.expand_dims(tf.matmul(query, params["query"]), 1)
    hidden = tf.tanh(asked + tf.tensordot(keys, params["key"], 1))
    weights = tf.nn.softmax(tf.tensordot(hidden, params["score"], 1))
    return tf.einsum("bm,bmf->bf", weights, values), weights


def _scoring(d: int, e: int, a: int, scale: float = 0.6) -> dict[str, Spec]:
    """Parameters for queries of d channels and keys of e, with a hidden units."""
    return {
        "query": values(d, a, scale=scale),
        "key": values(e, a, scale=scale),
        "score": values(a),
    }


def _draw_additive(draw: Draw) -> Case:
    b, m, f = draw.integer(0, 3), draw.integer(0, 5), draw.integer(0, 3)
    d, e, a = draw.integer(0, 4), draw.integer(0, 4), draw.integer(0, 4)
    scale = draw.choice([0.2, 1.0])
    return case("drawn", values(b, d), values(b, m, e), values(b, m, f), _scoring(d, e, a, scale))


_ASKED = values(2, 3), values(2, 5, 4), values(2, 5, 6)
_SCORING = _scoring(3, 4, 7)

ADDITIVE_ATTENTION = Entry(
    op=ops.additive_attention,
    cases=(
        case("an encoder's states", *_ASKED, _SCORING),
        case("equal sizes", values(3, 3), values(3, 3, 3), values(3, 3, 3), _scoring(3, 3, 3)),
        case("one example", values(1, 4), values(1, 6, 2), values(1, 6, 3), _scoring(4, 2, 5)),
        case("one key", values(2, 4), values(2, 1, 3), values(2, 1, 5), _scoring(4, 3, 2)),
        case("ones alone", values(1, 1), values(1, 4, 1), values(1, 4, 1), _scoring(1, 1, 1)),
        case("no keys", values(2, 3), values(2, 0, 4), values(2, 0, 6), _SCORING),
        case("no examples", values(0, 3), values(0, 5, 4), values(0, 5, 6), _SCORING),
        case("no values", values(2, 3), values(2, 5, 4), values(2, 5, 0), _SCORING),
        case("no channels in the query", values(2, 0), *_ASKED[1:], _scoring(0, 4, 7)),
        case("no hidden units", *_ASKED, _scoring(3, 4, 0)),
        case(
            "far into the tanh",
            values(2, 3, scale=9),
            values(2, 5, 4, scale=9),
            _ASKED[2],
            _SCORING,
        ),
        case("large scores", *_ASKED, _SCORING | {"score": values(7, scale=30)}),
        # Before the tanh, sums are past the largest float16, and meet in the middle.
        case(
            "sums past the largest float16",
            given([[3e4, 3e4]]),
            given([[[-3e4, -3e4], [-3e4, -29984], [3e4, -3e4]]]),
            given([[[1, 2], [4, 8], [-2, 0.5]]]),
            {
                "query": given([[2, 1.5], [1, 1.5]]),
                "key": given([[2, 1.5], [1, 1.5]]),
                "score": given([3, -1]),
            },
        ),
        case(
            "NaN in a key",
            values(1, 2),
            given([[[1], [np.nan]]]),
            values(1, 2, 3),
            _scoring(2, 1, 2),
            no_gradient="NaN among the keys",
        ),
        case(
            "NaN in a value",
            values(1, 2),
            values(1, 2, 1),
            given([[[1, np.nan], [2, 3]]]),
            _scoring(2, 1, 2),
            no_gradient="NaN among the values",
        ),
        case(
            "thousands of keys",
            values(2, 2),
            values(2, 2000, 3),
            values(2, 2000, 2),
            _scoring(2, 3, 2),
        ),
        case(
            "thousands of equal keys",
            values(1, 2),
            given(np.full((1, 3000, 1), 0.3)),
            given(_UNEVEN.reshape(1, 3000, 1)),
            _scoring(2, 1, 1),
            tolerance=24,
        ),
    ),
    draw=_draw_additive,
    sized=lambda n: case(
        "rows", values(n, 7), values(n, 4, 6), values(n, 4, 9), _scoring(7, 6, 10)
    ),
    oracle=additive_attention_oracle,
    natives=idioms(globals(), "additive_attention"),
    dtypes=FLOATS,
    tolerance=2,
    magnitude=additive_attention_magnitude,
    mistakes=(
        mistake(
            "batches differ",
            ValueError,
            "additive_attention: query, keys and values must have one batch size, got 3, 2 and 2 "
            "(query has shape (3, 3), keys (2, 5, 4), values (2, 5, 6))",
            values(3, 3),
            *_ASKED[1:],
            _SCORING,
        ),
        mistake(
            "values of another batch",
            ValueError,
            "additive_attention: query, keys and values must have one batch size, got 2, 2 and 1 "
            "(query has shape (2, 3), keys (2, 5, 4), values (1, 5, 6))",
            *_ASKED[:2],
            values(1, 5, 6),
            _SCORING,
        ),
        mistake(
            "lengths differ",
            ValueError,
            "additive_attention: keys and values must have one length, got 5 and 6 "
            "(query has shape (2, 3), keys (2, 5, 4), values (2, 6, 6))",
            *_ASKED[:2],
            values(2, 6, 6),
            _SCORING,
        ),
        mistake(
            "several queries",
            ValueError,
            "additive_attention: query must have 2 axes (b d), got 3 (query has shape (2, 1, 3))",
            values(2, 1, 3),
            *_ASKED[1:],
            _SCORING,
        ),
        mistake(
            "keys without a batch",
            ValueError,
            "additive_attention: keys must have 3 axes (b m e), got 2 (keys has shape (5, 4))",
            values(2, 3),
            values(5, 4),
            _ASKED[2],
            _SCORING,
        ),
        mistake(
            "values without a batch",
            ValueError,
            "additive_attention: values must have 3 axes (b m f), got 2 (values has shape (5, 6))",
            *_ASKED[:2],
            values(5, 6),
            _SCORING,
        ),
        mistake(
            "integers",
            TypeError,
            "additive_attention: values must have a floating dtype, got int32",
            *_ASKED[:2],
            Given(np.ones((2, 5, 6)), "int32"),
            _SCORING,
        ),
        mistake(
            "two dtypes",
            TypeError,
            "additive_attention: query is float32 and keys is float16; pass arrays of one dtype",
            values(2, 3),
            Given(np.ones((2, 5, 4)), "float16"),
            _ASKED[2],
            _SCORING,
        ),
        mistake(
            "a list",
            TypeError,
            "additive_attention: keys must be an array of NumPy, PyTorch, JAX or TensorFlow, "
            "got a list",
            values(2, 3),
            [[[1.0]]],
            _ASKED[2],
            _SCORING,
        ),
        mistake(
            "an array for the parameters",
            TypeError,
            "additive_attention: params must be a dictionary of arrays, got a tuple",
            *_ASKED,
            (values(3, 7), values(4, 7), values(7)),
        ),
        mistake(
            "an entry is missing",
            ValueError,
            "additive_attention: params must have the entries query, key, score; score is missing",
            *_ASKED,
            {name: entry for name, entry in _SCORING.items() if name != "score"},
        ),
        mistake(
            "a weight as PyTorch has it",
            ValueError,
            "additive_attention: params['query'] must have shape (3, ?) for the axes (d a), "
            "got (7, 3) (query has shape (2, 3))",
            *_ASKED,
            _SCORING | {"query": values(7, 3)},
        ),
        mistake(
            "hidden units differ",
            ValueError,
            "additive_attention: params['key'] must have shape (4, 7) for the axes (e a), "
            "got (4, 6) (query has shape (2, 3))",
            *_ASKED,
            _SCORING | {"key": values(4, 6)},
        ),
        mistake(
            "a column for the score",
            ValueError,
            "additive_attention: params['score'] must have shape (7,) for the axes (a), "
            "got (7, 1) (query has shape (2, 3))",
            *_ASKED,
            _SCORING | {"score": values(7, 1)},
        ),
        mistake(
            "a weight of another dtype",
            TypeError,
            "additive_attention: query is float32 and params['score'] is float16; "
            "pass arrays of one dtype",
            *_ASKED,
            _SCORING | {"score": Given(np.ones(7), "float16")},
        ),
        mistake(
            "a weight of booleans",
            TypeError,
            "additive_attention: params['key'] must have a floating dtype, got bool",
            *_ASKED,
            _SCORING | {"key": mask(np.ones((4, 7)))},
        ),
        mistake(
            "a list for a weight",
            TypeError,
            "additive_attention: params['score'] must be an array of NumPy, PyTorch, JAX or "
            "TensorFlow, got a list",
            *_ASKED,
            _SCORING | {"score": [1.0] * 7},
        ),
    ),
)


# --- feed_forward --------------------------------------------------------------------------------


def perceptron(x: Stage, params: dict[str, Array]) -> Stage:
    """Linear, ReLU, linear."""
    return linear(rectified(linear(x, params["w1"], params["b1"])), params["w2"], params["b2"])


def feed_forward_oracle(x: Array, params: dict[str, Array]) -> Array:
    return perceptron(exactly(x), params).value


def feed_forward_magnitude(x: Array, params: dict[str, Array]) -> Array:
    return perceptron(exactly(x), params).size


def feed_forward_numpy(x, params):
    import numpy as np

    return np.maximum(0, x @ params["w1"] + params["b1"]) @ params["w2"] + params["b2"]


def feed_forward_torch(x, params):
    import torch

    return torch.relu(x @ params["w1"] + params["b1"]) @ params["w2"] + params["b2"]


def feed_forward_jax(x, params):
    import jax

    return jax.nn.relu(x @ params["w1"] + params["b1"]) @ params["w2"] + params["b2"]


def feed_forward_tensorflow(x, params):
    import tensorflow as tf

    hidden = tf.nn.relu(tf.tensordot(x, params["w1"], 1) + params["b1"])
    return tf.tensordot(hidden, params["w2"], 1) + params["b2"]


def _two_layers(d: int, h: int, scale: float = 0.6) -> dict[str, Spec]:
    return {
        "w1": values(d, h, scale=scale),
        "b1": values(h, scale=0.5),
        "w2": values(h, d, scale=scale),
        "b2": values(d, scale=0.5),
    }


def _draw_feed_forward(draw: Draw) -> Case:
    shape = [draw.integer(0, 3) for _ in range(draw.integer(0, 3))]
    d, h = draw.integer(0, 4), draw.integer(0, 6)
    return case("drawn", values(*shape, d), _two_layers(d, h, draw.choice([0.3, 2.0])))


_LAYERS = _two_layers(4, 7)

FEED_FORWARD = Entry(
    op=ops.feed_forward,
    cases=(
        case("tokens", values(2, 3, 4), _LAYERS),
        case("a vector", values(4), _LAYERS),
        case("rows", values(3, 5), _two_layers(5, 2)),
        case("squares", values(3, 3), _two_layers(3, 3)),
        case("four axes", values(2, 1, 3, 2), _two_layers(2, 5)),
        case("one unit", values(5, 1), _two_layers(1, 1)),
        case("no tokens", values(2, 0, 4), _LAYERS),
        case("no channels", values(3, 0), _two_layers(0, 5)),
        case("no hidden units", values(3, 4), _two_layers(4, 0)),
        # Each half of the layer by itself: what is below 0 is cut, between the two maps.
        case(
            "the ReLU alone",
            given([[-2, 3], [0, -1], [0.5, -0.0]]),
            {
                "w1": given(np.eye(2)),
                "b1": given([0, 0]),
                "w2": given(np.eye(2)),
                "b2": given([0, -1]),
            },
            no_gradient="a kink: the ReLU at 0",
        ),
        case(
            "NaN and infinities",
            given([[np.nan, 1], [np.inf, 1], [-np.inf, 1], [2, 1]]),
            {
                "w1": given([[1, -1, 2], [1, 2, -1]]),
                "b1": given([0, 0.5, 0]),
                "w2": given([[1, 2], [1, -1], [-1, 3]]),
                "b2": given([1, 0]),
            },
            no_gradient="NaN and infinities among the values",
        ),
        case(
            "NaN in a bias",
            values(2, 2),
            _two_layers(2, 3) | {"b1": given([0, np.nan, 1])},
            no_gradient="NaN in a bias",
        ),
        case("large activations", values(2, 3, 4, scale=50), _LAYERS),
        # What is hidden is past the largest float16, the result is not.
        case(
            "activations past the largest float16",
            values(3, 4, scale=300),
            _two_layers(4, 7, 500) | {"w2": values(7, 4, scale=1e-4)},
        ),
        # PyTorch and TensorFlow add them one after the other.
        case(
            "three thousand hidden units",
            given(np.ones((1, 1))),
            {
                "w1": given(_UNEVEN.reshape(1, 3000)),
                "b1": given(np.zeros(3000)),
                "w2": given(_UNEVEN[::-1].reshape(3000, 1)),
                "b2": given([0.5]),
            },
            tolerance=200,
        ),
        case("thousands of tokens", values(2, 1000, 2), _two_layers(2, 3), dtypes=("float32",)),
    ),
    draw=_draw_feed_forward,
    sized=lambda n: case("rows", values(n, 4, 6), _two_layers(6, 7)),
    oracle=feed_forward_oracle,
    natives=idioms(globals(), "feed_forward"),
    dtypes=FLOATS,
    tolerance=2,
    magnitude=feed_forward_magnitude,
    mistakes=(
        mistake(
            "other channels",
            ValueError,
            "feed_forward: params['w1'] must have shape (5, ?) for the axes (d h), got (4, 7) "
            "(x has shape (2, 5))",
            values(2, 5),
            _LAYERS,
        ),
        mistake(
            "a bias of another length",
            ValueError,
            "feed_forward: params['b1'] must have shape (7,) for the axes (h), got (4,) "
            "(x has shape (2, 4))",
            values(2, 4),
            _LAYERS | {"b1": values(4)},
        ),
        mistake(
            "a weight as PyTorch has it",
            ValueError,
            "feed_forward: params['w2'] must have shape (7, 4) for the axes (h d), got (4, 7) "
            "(x has shape (2, 4))",
            values(2, 4),
            _LAYERS | {"w2": values(4, 7)},
        ),
        mistake(
            "a row for a bias",
            ValueError,
            "feed_forward: params['b2'] must have shape (4,) for the axes (d), got (1, 4) "
            "(x has shape (2, 4))",
            values(2, 4),
            _LAYERS | {"b2": values(1, 4)},
        ),
        mistake(
            "an entry is missing",
            ValueError,
            "feed_forward: params must have the entries w1, b1, w2, b2; b2 is missing",
            values(2, 4),
            {name: entry for name, entry in _LAYERS.items() if name != "b2"},
        ),
        mistake(
            "no axis",
            ValueError,
            "feed_forward: x must have at least 1 axis (... d), got 0 (x has shape ())",
            values(),
            _LAYERS,
        ),
        mistake(
            "integers",
            TypeError,
            "feed_forward: x must have a floating dtype, got int32",
            Given(np.ones((2, 4)), "int32"),
            _LAYERS,
        ),
        mistake(
            "a weight of integers",
            TypeError,
            "feed_forward: params['w1'] must have a floating dtype, got int32",
            values(2, 4),
            _LAYERS | {"w1": Given(np.ones((4, 7)), "int32")},
        ),
        mistake(
            "two dtypes",
            TypeError,
            "feed_forward: x is float32 and params['b2'] is float16; pass arrays of one dtype",
            values(2, 4),
            _LAYERS | {"b2": Given(np.ones(4), "float16")},
        ),
        mistake(
            "a list",
            TypeError,
            "feed_forward: x must be an array of NumPy, PyTorch, JAX or TensorFlow, got a list",
            [1.0, 2.0, 3.0, 4.0],
            _LAYERS,
        ),
        mistake(
            "a list for a weight",
            TypeError,
            "feed_forward: params['b1'] must be an array of NumPy, PyTorch, JAX or TensorFlow, "
            "got a list",
            values(2, 4),
            _LAYERS | {"b1": [0.0] * 7},
        ),
        mistake(
            "no parameters",
            TypeError,
            "feed_forward: params must be a dictionary of arrays, got None",
            values(2, 4),
            None,
        ),
    ),
)


# --- transformer_block ---------------------------------------------------------------------------


def _block(
    x: Array, params: Any, num_heads: int, mask: Array | None = None, causal: bool = False
) -> Stage:
    y = exactly(x)
    rows = normalized(y, params["norm1_scale"], params["norm1_shift"])
    y = added(y, attended(rows, rows, params["attention"], num_heads, mask, causal))
    rows = normalized(y, params["norm2_scale"], params["norm2_shift"])
    return added(y, perceptron(rows, params["feed_forward"]))


def transformer_block_oracle(x: Array, params: Any, **options: Any) -> Array:
    return _block(x, params, **options).value


def transformer_block_magnitude(x: Array, params: Any, **options: Any) -> Array:
    return _block(x, params, **options).size


def transformer_block_numpy(x, params, num_heads):
    import numpy as np

    attention, feed = params["attention"], params["feed_forward"]

    def norm(x, name):
        y = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        return y * params[f"{name}_scale"] + params[f"{name}_shift"]

    def heads(name):
        z = y @ attention[name] + attention[f"{name}_bias"]
        return z.reshape(*x.shape[:2], num_heads, -1).transpose(0, 2, 1, 3)

    y = norm(x, "norm1")
    q, k, v = heads("query"), heads("key"), heads("value")
    scores = q @ k.swapaxes(-2, -1) / np.sqrt(q.shape[-1]).astype(q.dtype)
    e = np.exp(scores - scores.max(-1, keepdims=True))
    seen = (e / e.sum(-1, keepdims=True) @ v).transpose(0, 2, 1, 3).reshape(x.shape)
    x = x + seen @ attention["output"] + attention["output_bias"]
    hidden = np.maximum(0, norm(x, "norm2") @ feed["w1"] + feed["b1"])
    return x + hidden @ feed["w2"] + feed["b2"]


def transformer_block_torch(x, params, num_heads):
    import torch
    import torch.nn.functional as F

    attention, feed = params["attention"], params["feed_forward"]

    def heads(name):
        z = y @ attention[name] + attention[f"{name}_bias"]
        return z.unflatten(-1, (num_heads, -1)).transpose(1, 2)

    y = F.layer_norm(x, x.shape[-1:], params["norm1_scale"], params["norm1_shift"])
    seen = F.scaled_dot_product_attention(heads("query"), heads("key"), heads("value"))
    x = x + seen.transpose(1, 2).flatten(2) @ attention["output"] + attention["output_bias"]
    y = F.layer_norm(x, x.shape[-1:], params["norm2_scale"], params["norm2_shift"])
    return x + torch.relu(y @ feed["w1"] + feed["b1"]) @ feed["w2"] + feed["b2"]


def transformer_block_jax(x, params, num_heads):
    import jax

    attention, feed = params["attention"], params["feed_forward"]

    def norm(x, name):
        y = jax.nn.standardize(x, epsilon=1e-5)
        return y * params[f"{name}_scale"] + params[f"{name}_shift"]

    def heads(name):
        z = y @ attention[name] + attention[f"{name}_bias"]
        return z.reshape(*x.shape[:2], num_heads, -1)

    y = norm(x, "norm1")
    seen = jax.nn.dot_product_attention(heads("query"), heads("key"), heads("value"))
    x = x + seen.reshape(x.shape) @ attention["output"] + attention["output_bias"]
    hidden = jax.nn.relu(norm(x, "norm2") @ feed["w1"] + feed["b1"])
    return x + hidden @ feed["w2"] + feed["b2"]


def transformer_block_tensorflow(x, params, num_heads):
    import tensorflow as tf

    attention, feed = params["attention"], params["feed_forward"]

    def norm(x, name):
        mean, variance = tf.nn.moments(x, axes=[-1], keepdims=True)
        scale, shift = params[f"{name}_scale"], params[f"{name}_shift"]
        return tf.nn.batch_normalization(x, mean, variance, shift, scale, 1e-5)

    def heads(name):
        z = tf.tensordot(y, attention[name], 1) + attention[f"{name}_bias"]
        return tf.transpose(tf.reshape(z, [*x.shape[:2], num_heads, -1]), [0, 2, 1, 3])

    y = norm(x, "norm1")
    q, k, v = heads("query"), heads("key"), heads("value")
    scores = tf.matmul(q, k, transpose_b=True) / tf.sqrt(tf.cast(q.shape[-1], q.dtype))
    seen = tf.transpose(tf.matmul(tf.nn.softmax(scores), v), [0, 2, 1, 3])
    seen = tf.reshape(seen, x.shape)
    x = x + tf.tensordot(seen, attention["output"], 1) + attention["output_bias"]
    hidden = tf.nn.relu(tf.tensordot(norm(x, "norm2"), feed["w1"], 1) + feed["b1"])
    return x + tf.tensordot(hidden, feed["w2"], 1) + feed["b2"]


def _block_params(
    d: int, h: int, biases: Sequence[str] = BIASES, scale: float = 0.4
) -> dict[str, Any]:
    return {
        "norm1_scale": values(d, scale=0.5),
        "norm1_shift": values(d, scale=0.5),
        "attention": _projections(d, biases=biases, scale=scale),
        "norm2_scale": values(d, scale=0.5),
        "norm2_shift": values(d, scale=0.5),
        "feed_forward": _two_layers(d, h, scale),
    }


def _with(params: dict[str, Any], part: str, **entries: Any) -> dict[str, Any]:
    """The parameters with other entries in one part."""
    return params | {part: params[part] | entries}


def _draw_block(draw: Draw) -> Case:
    b, n, heads = draw.integer(0, 2), draw.integer(0, 3), draw.integer(1, 2)
    d = heads * draw.integer(1, 3)
    biases = [name for name in BIASES if draw.choice([True, False])]
    return case(
        "drawn",
        values(b, n, d),
        _block_params(d, draw.integer(0, 5), biases),
        num_heads=heads,
        mask=_draw_mask(draw, (n, n), (heads, n, n), (b, 1, 1, n)),
        causal=draw.choice([True, False]),
    )


def _block_of_rows(n: int) -> Case:
    """As many examples as rows, each of another length."""
    seen = np.arange(6) < 1 + np.arange(n)[:, None, None, None] % 6
    params = _block_params(4, 7)
    return case("rows", values(n, 6, 4), params, num_heads=2, mask=mask(seen), causal=True)


_EIGHT, _BLOCK = values(2, 3, 8, scale=0.5), _block_params(8, 10, scale=0.3)

TRANSFORMER_BLOCK = Entry(
    op=ops.transformer_block,
    cases=(
        case("tokens", _EIGHT, _BLOCK, num_heads=2),
        case("no biases", _EIGHT, _block_params(8, 10, biases=()), num_heads=4),
        *(
            case(f"{name} alone", values(2, 2, 4), _block_params(4, 3, [name]), num_heads=2)
            for name in BIASES
            if name != "key_bias"
        ),
        case("causal", values(2, 4, 6), _block_params(6, 5), num_heads=3, causal=True),
        case(
            "masked, a token fully",
            values(2, 3, 6),
            _block_params(6, 5),
            num_heads=3,
            mask=mask([[1, 0, 1], [0, 0, 0], [0, 1, 0]]),
        ),
        case(
            "padding",
            values(2, 4, 6),
            _block_params(6, 5),
            num_heads=2,
            mask=mask(np.arange(4) < np.array([4, 2])[:, None, None, None]),
        ),
        case(
            "masked by head and causal",
            values(1, 3, 4),
            _block_params(4, 6),
            num_heads=2,
            mask=mask(np.arange(18).reshape(2, 3, 3) % 4 != 1),
            causal=True,
        ),
        case("one head", values(2, 3, 5), _block_params(5, 4), num_heads=1),
        case("heads of one channel", values(2, 3, 4), _block_params(4, 6), num_heads=4),
        case("a square of tokens", values(4, 4, 4), _block_params(4, 4), num_heads=2),
        case("one token", values(3, 1, 4), _block_params(4, 5), num_heads=2),
        # Over one channel a layer norm leaves the shift alone.
        case("one channel", values(2, 3, 1), _block_params(1, 2), num_heads=1),
        case("no hidden units", values(2, 2, 4), _block_params(4, 0), num_heads=2),
        case("no examples", values(0, 3, 4), _block_params(4, 5), num_heads=2, causal=True),
        case("no tokens", values(2, 0, 4), _block_params(4, 5), num_heads=2),
        # Variances near eps: another one shows.
        case("small values", values(2, 3, 4, scale=0.003), _block_params(4, 5), num_heads=2),
        case(
            "small values after the attention too",
            values(2, 3, 4, scale=0.003),
            _block_params(4, 5) | {"attention": _projections(4, biases=(), scale=0.04)},
            num_heads=2,
        ),
        case("large values", values(2, 3, 4, scale=3e4), _block_params(4, 5), num_heads=2),
        case("large activations", values(1, 3, 8), _block_params(8, 6, scale=5), num_heads=2),
        case(
            "nothing to attend to, and NaN in its values",
            values(1, 3, 4),
            _with(_block_params(4, 5), "attention", value_bias=given([np.nan, 1, np.inf, 2])),
            num_heads=2,
            mask=mask(np.zeros((3, 3))),
        ),
        case(
            "NaN in a token",
            given([[[1, 2], [np.nan, 1]]]),
            _block_params(2, 3),
            num_heads=1,
            no_gradient="NaN among the tokens",
        ),
        case(
            "NaN in a hidden unit",
            values(1, 2, 2),
            _with(_block_params(2, 3), "feed_forward", b1=given([0, np.nan, 1])),
            num_heads=1,
            no_gradient="NaN in a bias",
        ),
        case(
            "hundreds of tokens",
            values(1, 120, 2),
            _block_params(2, 3),
            num_heads=1,
            dtypes=("float32",),
        ),
    ),
    draw=_draw_block,
    sized=_block_of_rows,
    oracle=transformer_block_oracle,
    natives=idioms(globals(), "transformer_block"),
    dtypes=FLOATS,
    tolerance=1,
    magnitude=transformer_block_magnitude,
    mistakes=(
        mistake(
            "does not divide",
            ValueError,
            "transformer_block: x has 8 channels, which num_heads = 3 does not divide "
            "(x has shape (2, 3, 8))",
            _EIGHT,
            _BLOCK,
            num_heads=3,
        ),
        mistake(
            "no heads",
            ValueError,
            "transformer_block: num_heads must be at least 1, got -2",
            _EIGHT,
            _BLOCK,
            num_heads=-2,
        ),
        mistake(
            "True heads",
            TypeError,
            "transformer_block: num_heads must be an integer, got True",
            _EIGHT,
            _BLOCK,
            num_heads=True,
        ),
        mistake(
            "no channels",
            ValueError,
            "transformer_block: the channels of x must be at least 1, got 0 "
            "(x has shape (2, 3, 0))",
            values(2, 3, 0),
            _block_params(0, 4),
            num_heads=1,
        ),
        mistake(
            "a matrix",
            ValueError,
            "transformer_block: x must have 3 axes (b n channels), got 2 (x has shape (3, 8))",
            values(3, 8),
            _BLOCK,
            num_heads=2,
        ),
        mistake(
            "integers",
            TypeError,
            "transformer_block: x must have a floating dtype, got int32",
            Given(np.ones((2, 3, 8)), "int32"),
            _BLOCK,
            num_heads=2,
        ),
        mistake(
            "a list",
            TypeError,
            "transformer_block: x must be an array of NumPy, PyTorch, JAX or TensorFlow, "
            "got a list",
            [[[1.0] * 8]],
            _BLOCK,
            num_heads=2,
        ),
        mistake(
            "a mask by example without a place for heads",
            ValueError,
            "transformer_block: mask must broadcast to (3, 2, 4, 4) for the axes (b heads n m), "
            "got shape (3, 4, 4) (x has shape (3, 4, 8))",
            values(3, 4, 8),
            _BLOCK,
            num_heads=2,
            mask=mask(np.ones((3, 4, 4))),
        ),
        mistake(
            "a mask of numbers",
            TypeError,
            "transformer_block: mask must have dtype bool, got float32",
            _EIGHT,
            _BLOCK,
            num_heads=2,
            mask=given(np.zeros((3, 3))),
        ),
        mistake(
            "a list for a mask",
            TypeError,
            "transformer_block: mask must be an array of NumPy, PyTorch, JAX or TensorFlow, "
            "got a list",
            _EIGHT,
            _BLOCK,
            num_heads=2,
            mask=[True] * 3,
        ),
        mistake(
            "causal is None",
            TypeError,
            "transformer_block: causal must be True or False, got None",
            _EIGHT,
            _BLOCK,
            num_heads=2,
            causal=None,
        ),
        mistake(
            "a list for the parameters",
            TypeError,
            "transformer_block: params must be a dictionary of arrays, got a list",
            _EIGHT,
            [],
            num_heads=2,
        ),
        mistake(
            "a norm is missing",
            ValueError,
            "transformer_block: params must have the entries norm1_scale, norm1_shift, "
            "norm2_scale, norm2_shift, attention, feed_forward; norm2_shift is missing",
            _EIGHT,
            {name: entry for name, entry in _BLOCK.items() if name != "norm2_shift"},
            num_heads=2,
        ),
        mistake(
            "the attention is missing",
            ValueError,
            "transformer_block: params must have the entries norm1_scale, norm1_shift, "
            "norm2_scale, norm2_shift, attention, feed_forward; attention is missing",
            _EIGHT,
            {name: entry for name, entry in _BLOCK.items() if name != "attention"},
            num_heads=2,
        ),
        mistake(
            "a norm of another length",
            ValueError,
            "transformer_block: params['norm1_scale'] must have shape (8,) for the axes (d), "
            "got (4,) (x has shape (2, 3, 8))",
            _EIGHT,
            _BLOCK | {"norm1_scale": values(4)},
            num_heads=2,
        ),
        mistake(
            "a norm of another dtype",
            TypeError,
            "transformer_block: x is float32 and params['norm2_scale'] is float16; "
            "pass arrays of one dtype",
            _EIGHT,
            _BLOCK | {"norm2_scale": Given(np.ones(8), "float16")},
            num_heads=2,
        ),
        mistake(
            "a list for a norm",
            TypeError,
            "transformer_block: params['norm1_shift'] must be an array of NumPy, PyTorch, JAX or "
            "TensorFlow, got a list",
            _EIGHT,
            _BLOCK | {"norm1_shift": [0.0] * 8},
            num_heads=2,
        ),
        mistake(
            "an array for the attention",
            TypeError,
            "transformer_block: params['attention'] must be a dictionary of arrays, got a list",
            _EIGHT,
            _BLOCK | {"attention": [values(8, 8)]},
            num_heads=2,
        ),
        mistake(
            "a query is missing",
            ValueError,
            "transformer_block: params['attention'] must have the entries query, key, value, "
            "output; query is missing",
            _EIGHT,
            _BLOCK | {"attention": {"key": values(8, 8)}},
            num_heads=2,
        ),
        mistake(
            "a misspelled bias",
            ValueError,
            "transformer_block: params['attention'] has an unknown entry, 'bias'; its entries are "
            "query, key, value, output, query_bias, key_bias, value_bias, output_bias",
            _EIGHT,
            _with(_BLOCK, "attention", bias=values(8)),
            num_heads=2,
        ),
        mistake(
            "a query of another width",
            ValueError,
            "transformer_block: params['attention']['query'] must have shape (8, 8) for the axes "
            "(dim dim), got (8, 6) (x has shape (2, 3, 8))",
            _EIGHT,
            _with(_BLOCK, "attention", query=values(8, 6)),
            num_heads=2,
        ),
        mistake(
            "a weight of integers",
            TypeError,
            "transformer_block: params['attention']['key'] must have a floating dtype, got int32",
            _EIGHT,
            _with(_BLOCK, "attention", key=Given(np.ones((8, 8)), "int32")),
            num_heads=2,
        ),
        mistake(
            "no feed-forward network",
            TypeError,
            "transformer_block: params['feed_forward'] must be a dictionary of arrays, got None",
            _EIGHT,
            _BLOCK | {"feed_forward": None},
            num_heads=2,
        ),
        mistake(
            "a layer is missing",
            ValueError,
            "transformer_block: params['feed_forward'] must have the entries w1, b1, w2, b2; "
            "w1 is missing",
            _EIGHT,
            _BLOCK | {"feed_forward": {"w2": values(8, 8)}},
            num_heads=2,
        ),
        mistake(
            "layers that do not fit",
            ValueError,
            "transformer_block: params['feed_forward']['w2'] must have shape (10, 8) for the axes "
            "(h d), got (9, 8) (x has shape (2, 3, 8))",
            _EIGHT,
            _with(_BLOCK, "feed_forward", w2=values(9, 8)),
            num_heads=2,
        ),
        mistake(
            "a layer of another dtype",
            TypeError,
            "transformer_block: x is float32 and params['feed_forward']['b1'] is float16; "
            "pass arrays of one dtype",
            _EIGHT,
            _with(_BLOCK, "feed_forward", b1=Given(np.ones(10), "float16")),
            num_heads=2,
        ),
    ),
)

ENTRIES = (
    SPLIT_HEADS,
    MERGE_HEADS,
    SCALED_DOT_PRODUCT_ATTENTION,
    MULTI_HEAD_ATTENTION,
    ADDITIVE_ATTENTION,
    FEED_FORWARD,
    TRANSFORMER_BLOCK,
)
