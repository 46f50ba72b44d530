"""Entries of `einport.ops.probability`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import ops
from ._entry import FLOATS, Case, Draw, Entry, case, given, idioms, mistake, values

Array = np.ndarray[Any, Any]


# --- softmax -------------------------------------------------------------------------------------


def softmax_oracle(x: Array) -> Array:
    out = np.empty(x.shape)
    for place in np.ndindex(*x.shape[:-1]):
        row = [float(value) for value in x[place]]
        bad = any(math.isnan(v) or v == math.inf for v in row)
        if bad or all(v == -math.inf for v in row):
            out[place] = math.nan
            continue
        largest = max(row)
        powers = [math.exp(value - largest) for value in row]
        total = math.fsum(powers)
        out[place] = [power / total for power in powers]
    return out


def softmax_magnitude(x: Array) -> Array:
    """Exp's argument is rounded too: an error of |x − max| epsilons in the exponent."""
    with np.errstate(all="ignore"):
        x = x.astype(np.float64)
        spread = np.abs(x - x.max(axis=-1, keepdims=True, initial=-np.inf)) + 1
        return np.asarray(softmax_oracle(x) * np.where(np.isfinite(spread), spread, 1))


def softmax_numpy(x):
    import numpy as np

    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_torch(x):
    return x.softmax(dim=-1)


def softmax_jax(x):
    import jax

    return jax.nn.softmax(x)


def softmax_tensorflow(x):
    import tensorflow as tf

    return tf.nn.softmax(x)


def _draw_softmax(draw: Draw) -> Case:
    shape = [draw.integer(0, 4) for _ in range(draw.integer(1, 4))]
    return case("drawn", values(*shape, scale=draw.choice([0.1, 1.0, 5.0])))


SOFTMAX = Entry(
    op=ops.softmax,
    cases=(
        case("rows", values(2, 5)),
        case("logarithms of 1 to 5", given(np.log([1, 2, 3, 4, 5])), dtypes=FLOATS),
        case("a vector", values(7)),
        case("four axes", values(2, 3, 2, 4)),
        case("one score", values(3, 1)),
        case("large scores", given([[1000, 1000, 1000], [-1000, -1000, 0]]), dtypes=FLOATS),
        case("ties", given([[1, 1, 1, 1], [0, 2, 2, 0]])),
        case(
            "infinities and NaN",
            given(
                [
                    [-np.inf, 0, 1],
                    [-np.inf, -np.inf, -np.inf],
                    [0, np.nan, 1],
                    [0, np.inf, 1],
                    [-np.inf, 3, -np.inf],
                ]
            ),
            dtypes=FLOATS,
        ),
        case("empty rows", values(3, 0)),
        case("no rows", values(0, 3)),
        case("far apart", values(4, 6, scale=20.0), dtypes=FLOATS),
        case("five thousand scores", given(np.zeros((1, 5000))), dtypes=FLOATS),
        case("thousands of rows", values(4096, 3), dtypes=("float32",)),
    ),
    draw=_draw_softmax,
    oracle=softmax_oracle,
    natives=idioms(globals(), "softmax"),
    result="float",
    tolerance=4,
    magnitude=softmax_magnitude,
    mistakes=(
        mistake(
            "a number",
            TypeError,
            "softmax: x must be an array of NumPy, PyTorch, JAX or TensorFlow, got a float",
            1.0,
        ),
        mistake(
            "no axis",
            ValueError,
            "softmax: x must have at least 1 axis (... n), got 0 (x has shape ())",
            values(),
        ),
    ),
)

ENTRIES = (SOFTMAX,)
