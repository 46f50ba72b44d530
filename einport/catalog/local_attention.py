"""Entries of `einport.ops.local_attention`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import ops
from ._entry import FLOATS, Case, Draw, Entry, Given, case, counting, given, idioms, mistake, values

Array = np.ndarray[Any, Any]


# --- sliding_window_chunks -----------------------------------------------------------------------


def sliding_window_chunks_oracle(
    x: Array, window: int, *, step: int | None = None, pad: bool = False
) -> Array:
    b, n, d = x.shape
    if step is None:
        step = window // 2 if window > 1 else 1
    starts: list[int] = []
    held = 0  # how many positions, from the first, are in a window or skipped on purpose
    while held < n:
        starts.append(len(starts) * step)
        held = starts[-1] + max(window, step)
    out = np.zeros((b, len(starts), window, d), x.dtype)
    for i in range(b):
        for number, start in enumerate(starts):
            for j in range(window):
                for channel in range(d):
                    if start + j < n:
                        out[i, number, j, channel] = x[i, start + j, channel]
    return out


def sliding_window_chunks_numpy(x, window):
    import numpy as np

    everywhere = np.lib.stride_tricks.sliding_window_view(x, window, axis=1)
    return everywhere[:, :: window // 2].swapaxes(2, 3)


def sliding_window_chunks_torch(x, window):
    return x.unfold(1, window, window // 2).transpose(2, 3)


def sliding_window_chunks_jax(x, window):
    import jax.numpy as jnp

    starts = jnp.arange(0, x.shape[1] - window + 1, window // 2)
    return x[:, starts[:, None] + jnp.arange(window)]


def sliding_window_chunks_tensorflow(x, window):
    import tensorflow as tf

    return tf.signal.frame(x, window, window // 2, axis=1)


def _draw_chunks(draw: Draw) -> Case:
    x = counting(draw.integer(0, 3), draw.integer(0, 12), draw.integer(0, 3))
    window, step = draw.integer(1, 6), draw.choice([None, 1, 2, 3, 4, 7])
    return case("drawn", x, window, step=step, pad=True)


SLIDING_WINDOW_CHUNKS = Entry(
    op=ops.sliding_window_chunks,
    cases=(
        case("overlapping by half", counting(2, 10, 3), 4),
        case("an odd window", counting(2, 9, 3), 5),
        case("windows of one", counting(2, 5, 3), 1),
        case("windows of three", counting(1, 5, 2), 3, step=1),
        case("one window", counting(2, 6, 3), 6),
        case("side by side", counting(2, 12, 5), 3, step=3),
        case("a step that does not divide the window", counting(2, 13, 3), 7, step=3),
        case("a step to each position", counting(2, 7, 3), 5, step=1),
        case("filled up", counting(2, 11, 3), 4, pad=True),
        case("filled up by all but one", counting(2, 7, 3), 6, step=6, pad=True),
        case("nothing to fill up", counting(2, 10, 3), 4, pad=True),
        case("fewer positions than a window", counting(2, 3, 5), 8, pad=True),
        case("covered before the last start", counting(2, 6, 3), 5, step=1, pad=True),
        case("gaps", counting(2, 10, 3), 2, step=4),
        case("a gap at the end", counting(2, 8, 3), 2, step=4),
        case("a gap begun at the end", counting(2, 7, 3), 2, step=4),
        case("gaps, filled up", counting(2, 9, 3), 2, step=4, pad=True),
        case("one position before a gap", counting(2, 1, 3), 1, step=4),
        case("no positions", counting(2, 0, 3), 4),
        case("no positions, filled up", counting(2, 0, 3), 4, pad=True),
        case("no positions, gaps", counting(2, 0, 3), 2, step=5),
        case("an empty batch", counting(0, 10, 3), 4),
        case("no channels", counting(2, 10, 0), 4),
        case(
            "NaN, infinity and −0",
            given([[[np.nan], [np.inf], [-0.0], [-np.inf], [1.0]]]),
            4,
            pad=True,
            dtypes=FLOATS,
            no_gradient="NaN and infinity among the values",
        ),
        case("thousands of positions", counting(1, 3000, 2), 4),
    ),
    draw=_draw_chunks,
    sized=lambda n: case("rows", counting(n, 11, 4), 6, pad=True),
    oracle=sliding_window_chunks_oracle,
    natives=idioms(globals(), "sliding_window_chunks"),
    mistakes=(
        mistake(
            "a tail",
            ValueError,
            "sliding_window_chunks: x has 11 positions, but windows of 4 with step 2 need 12; "
            "pass pad=True to fill up the last one (x has shape (2, 11, 3))",
            counting(2, 11, 3),
            4,
        ),
        mistake(
            "fewer positions than a window",
            ValueError,
            "sliding_window_chunks: x has 3 positions, but windows of 8 with step 4 need 8; "
            "pass pad=True to fill up the last one (x has shape (2, 3, 5))",
            counting(2, 3, 5),
            8,
        ),
        mistake(
            "a window begun after a gap",
            ValueError,
            "sliding_window_chunks: x has 9 positions, but windows of 2 with step 4 need 10; "
            "pass pad=True to fill up the last one (x has shape (2, 9, 3))",
            counting(2, 9, 3),
            2,
            step=4,
        ),
        mistake(
            "a window of nothing",
            ValueError,
            "sliding_window_chunks: window must be at least 1, got 0",
            counting(2, 10, 3),
            0,
        ),
        mistake(
            "half a position",
            TypeError,
            "sliding_window_chunks: window must be an integer, got 2.5",
            counting(2, 10, 3),
            2.5,
        ),
        mistake(
            "standing still",
            ValueError,
            "sliding_window_chunks: step must be at least 1, got 0",
            counting(2, 10, 3),
            4,
            step=0,
        ),
        mistake(
            "a step of a word",
            TypeError,
            "sliding_window_chunks: step must be an integer, got 'half'",
            counting(2, 10, 3),
            4,
            step="half",
        ),
        mistake(
            "a number for pad",
            TypeError,
            "sliding_window_chunks: pad must be True or False, got 1",
            counting(2, 10, 3),
            4,
            pad=1,
        ),
        mistake(
            "a matrix",
            ValueError,
            "sliding_window_chunks: x must have 3 axes (b n d), got 2 (x has shape (10, 3))",
            counting(10, 3),
            4,
        ),
        mistake(
            "a list",
            TypeError,
            "sliding_window_chunks: x must be an array of NumPy, PyTorch, JAX or TensorFlow, "
            "got a list",
            [[[1.0]]],
            1,
        ),
    ),
)


# --- sliding_window_attention --------------------------------------------------------------------


def _look_around(q: Array, k: Array, v: Array, window: int, sizes: bool) -> Array:
    """The definition, query by query; with `sizes`, what its rounding errors are relative to."""
    n, depth = q.shape[2:]
    root = math.sqrt(depth)
    out = np.zeros(v.shape)
    for i in range(n):
        near = range(max(i - window, 0), min(i + window + 1, n))
        products = np.array([q[:, :, i] * k[:, :, j] for j in near])
        scores = products.sum(axis=-1) / root
        largest = scores.max(axis=0)
        powers = np.exp(scores - np.where(np.isfinite(largest), largest, 0))
        total = powers.sum(axis=0)
        weights = powers / np.where(total == 0, 1, total)
        terms = np.array(
            [weight[..., None] * v[:, :, j] for weight, j in zip(weights, near, strict=True)]
        )
        row = np.abs(terms).sum(axis=0) if sizes else terms.sum(axis=0)
        if sizes:
            # Rounding the products moves a score by their sizes' sum, in epsilons.
            sums = np.abs(products).sum(axis=-1) / root
            row *= 1 + np.where(sums < math.inf, sums, 0).max(axis=0)[..., None]
        row[largest == -math.inf] = 0
        row[np.isnan(largest) | (largest == math.inf)] = math.nan
        out[:, :, i] = row
    return out


def sliding_window_attention_oracle(q: Array, k: Array, v: Array, *, window: int) -> Array:
    return _look_around(q, k, v, window, sizes=False)


def sliding_window_attention_magnitude(q: Array, k: Array, v: Array, *, window: int) -> Array:
    return _look_around(q, k, v, window, sizes=True)


def sliding_window_attention_numpy(q, k, v, window):
    import numpy as np

    place = np.arange(q.shape[2])
    scores = q @ k.swapaxes(2, 3) / np.sqrt(q.shape[3]).astype(q.dtype)
    scores[..., abs(place[:, None] - place) > window] = -np.inf
    e = np.exp(scores - scores.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True) @ v


def sliding_window_attention_torch(q, k, v, window):
    import torch
    import torch.nn.functional as F

    place = torch.arange(q.shape[2], device=q.device)
    near = (place[:, None] - place).abs() <= window
    return F.scaled_dot_product_attention(q, k, v, attn_mask=near)


def sliding_window_attention_jax(q, k, v, window):
    import jax
    import jax.numpy as jnp

    swap = lambda x: x.swapaxes(1, 2)  # JAX wants (b, n, h, d)
    # Not local_window_size: JAX 0.6 ignores it where there is no other mask.
    places = jnp.arange(q.shape[2])
    near = abs(places[:, None] - places) <= window
    return swap(jax.nn.dot_product_attention(swap(q), swap(k), swap(v), mask=near[None, None]))


def sliding_window_attention_tensorflow(q, k, v, window):
    import tensorflow as tf

    n, depth = q.shape[2:]
    near = tf.linalg.band_part(tf.ones((n, n), tf.bool), window, window)
    scores = tf.matmul(q, k, transpose_b=True) / tf.sqrt(tf.cast(depth, q.dtype))
    return tf.matmul(tf.nn.softmax(tf.where(near, scores, -float("inf"))), v)


def _qkv(b: int, h: int, n: int, depth: int, width: int, scale: float = 1) -> tuple[Any, ...]:
    keys = values(b, h, n, depth, scale=scale)
    return keys, keys, values(b, h, n, width)


def _draw_attention(draw: Draw) -> Case:
    # Few sizes: JAX compiles each step anew for each.
    n, window = draw.choice([5, 70]), draw.choice([0, 4, 33])
    return case("drawn", *_qkv(1, 2, n, 3, 2), window=window)


def _with(at: dict[int, float], n: int = 80) -> Given:
    """`(1, 1, n, 2)`: numbers above 0, and what is given in the first channel."""
    x = 0.5 + np.arange(2 * n).reshape(1, 1, n, 2) % 7 / 8
    for place, value in at.items():
        x[0, 0, place, 0] = value
    return given(x)


_NAN, _INF = math.nan, math.inf

SLIDING_WINDOW_ATTENTION = Entry(
    op=ops.sliding_window_attention,
    cases=(
        case("batch of heads", *_qkv(2, 3, 70, 4, 4), window=2),
        case("values of another width", *_qkv(2, 1, 65, 3, 5), window=3),
        case("whole blocks", *_qkv(1, 2, 96, 3, 2), window=1),
        case("the longest that is not cut", *_qkv(1, 2, 40, 3, 2), window=4),
        case("the shortest that is cut", *_qkv(1, 2, 41, 3, 2), window=4),
        case("itself alone", *_qkv(2, 3, 70, 4, 4), window=0),
        case("itself alone, few", *_qkv(2, 3, 5, 4, 1), window=0),
        case("a large window", *_qkv(1, 1, 170, 2, 1), window=67),
        case("all but one", *_qkv(2, 3, 6, 4, 5), window=4),
        case("all", *_qkv(2, 3, 6, 4, 5), window=5),
        case("as many as there are", *_qkv(2, 3, 6, 4, 5), window=6),
        case("more than there are", *_qkv(2, 3, 6, 4, 5), window=10**12),
        case("one position", *_qkv(2, 3, 1, 4, 5), window=1),
        case("no positions", *_qkv(2, 3, 0, 4, 5), window=2),
        case("an empty batch", *_qkv(0, 3, 70, 4, 5), window=2),
        case("an empty batch, few", *_qkv(0, 3, 6, 4, 5), window=2),
        case("large scores", *_qkv(1, 1, 80, 2, 3, scale=8), window=4),
        case(
            "scores far below 0",
            _with({}),
            given(np.full((1, 1, 80, 2), -90.0)),
            values(1, 1, 80, 3),
            window=4,
        ),
        case(
            "NaN in a key",
            _with({}),
            _with({0: _NAN, 33: _NAN, 70: _INF}),
            values(1, 1, 80, 3),
            window=4,
            no_gradient="NaN among the keys",
        ),
        case(
            "NaN in a query",
            _with({3: _NAN, 31: _INF, 79: _NAN}),
            _with({}),
            values(1, 1, 80, 3),
            window=4,
            no_gradient="NaN among the queries",
        ),
        case(
            "hidden keys",
            _with({}),
            _with(dict.fromkeys([*range(6), *range(30, 41), 75], -_INF)),
            values(1, 1, 80, 3),
            window=4,
            no_gradient="−inf among the keys",
        ),
        case(
            "a hidden key whose value is NaN",
            given(np.ones((1, 2, 1, 2))),
            given([[[[-_INF, 1]], [[1, 2]]]]),
            given([[[[_NAN, _INF]], [[3, 4]]]]),
            window=0,
            no_gradient="−inf among the keys",
        ),
        case(
            "hidden keys, few",
            _with({}, 5),
            _with({0: -_INF, 1: -_INF, 2: -_INF, 4: -_INF}, 5),
            values(1, 1, 5, 3),
            window=1,
            no_gradient="−inf among the keys",
        ),
        case(
            "NaN and infinity in the values",
            values(1, 1, 5, 2),
            values(1, 1, 5, 2),
            given([[[[_NAN, 1, 2], [3, _INF, 4], [0, 1, 1], [2, 3, 1], [1, 1, -3]]]]),
            window=4,
            no_gradient="NaN and infinity among the values",
        ),
        case("thousands of positions", *_qkv(1, 1, 3000, 2, 1), window=1),
    ),
    draw=_draw_attention,
    sized=lambda n: case("rows", *_qkv(n, 1, 35, 4, 6), window=1),
    oracle=sliding_window_attention_oracle,
    natives=idioms(globals(), "sliding_window_attention"),
    dtypes=FLOATS,
    tolerance=4,
    magnitude=sliding_window_attention_magnitude,
    mistakes=(
        mistake(
            "depths differ",
            ValueError,
            "sliding_window_attention: q and k must have one depth, got 4 and 3 "
            "(q has shape (2, 3, 6, 4), k (2, 3, 6, 3), v (2, 3, 6, 5))",
            values(2, 3, 6, 4),
            values(2, 3, 6, 3),
            values(2, 3, 6, 5),
            window=2,
        ),
        mistake(
            "fewer keys than queries",
            ValueError,
            "sliding_window_attention: q, k and v must have the same batch, heads and length "
            "(q has shape (2, 3, 6, 4), k (2, 3, 5, 4), v (2, 3, 5, 4))",
            values(2, 3, 6, 4),
            values(2, 3, 5, 4),
            values(2, 3, 5, 4),
            window=2,
        ),
        mistake(
            "values of another length",
            ValueError,
            "sliding_window_attention: q, k and v must have the same batch, heads and length "
            "(q has shape (2, 3, 6, 4), k (2, 3, 6, 4), v (2, 3, 7, 4))",
            values(2, 3, 6, 4),
            values(2, 3, 6, 4),
            values(2, 3, 7, 4),
            window=2,
        ),
        mistake(
            "fewer key heads",
            ValueError,
            "sliding_window_attention: q, k and v must have the same batch, heads and length "
            "(q has shape (2, 4, 6, 4), k (2, 2, 6, 4), v (2, 2, 6, 4))",
            values(2, 4, 6, 4),
            values(2, 2, 6, 4),
            values(2, 2, 6, 4),
            window=2,
        ),
        mistake(
            "no depth",
            ValueError,
            "sliding_window_attention: q has depth 0, so that the scale 1/√0 does not exist "
            "(q has shape (2, 3, 6, 0), k (2, 3, 6, 0), v (2, 3, 6, 5))",
            values(2, 3, 6, 0),
            values(2, 3, 6, 0),
            values(2, 3, 6, 5),
            window=2,
        ),
        mistake(
            "a window of less than nothing",
            ValueError,
            "sliding_window_attention: window must be at least 0, got -1",
            *_qkv(2, 3, 6, 4, 5),
            window=-1,
        ),
        mistake(
            "half a position",
            TypeError,
            "sliding_window_attention: window must be an integer, got 1.5",
            *_qkv(2, 3, 6, 4, 5),
            window=1.5,
        ),
        mistake(
            "no heads",
            ValueError,
            "sliding_window_attention: q must have 4 axes (b h n d), got 3 (q has shape (3, 6, 4))",
            values(3, 6, 4),
            values(3, 6, 4),
            values(3, 6, 4),
            window=2,
        ),
        mistake(
            "two dtypes",
            TypeError,
            "sliding_window_attention: q is float32 and v is float16; pass arrays of one dtype",
            values(2, 3, 6, 4),
            values(2, 3, 6, 4),
            Given(np.ones((2, 3, 6, 4)), "float16"),
            window=2,
        ),
        mistake(
            "booleans",
            TypeError,
            "sliding_window_attention: k must have a floating dtype, got bool",
            values(2, 3, 6, 4),
            Given(np.ones((2, 3, 6, 4)), "bool"),
            values(2, 3, 6, 4),
            window=2,
        ),
        mistake(
            "nothing",
            TypeError,
            "sliding_window_attention: v must be an array of NumPy, PyTorch, JAX or TensorFlow, "
            "got None",
            values(2, 3, 6, 4),
            values(2, 3, 6, 4),
            None,
            window=2,
        ),
    ),
)

ENTRIES = (SLIDING_WINDOW_CHUNKS, SLIDING_WINDOW_ATTENTION)
