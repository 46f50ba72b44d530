"""Entries of `einport.ops.probability`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import ops
from ._entry import (
    ANY,
    FLOATS,
    Case,
    Draw,
    Entry,
    Given,
    case,
    given,
    idioms,
    indices,
    mask,
    mistake,
    values,
)

Array = np.ndarray[Any, Any]

EDGE = "probabilities end at 0"
TOO_SMALL = "one is smaller than the step that a derivative is measured with"
"""Why a case has no derivative to check."""


def _shares(*shape: int) -> Given:
    """Random probabilities, each row with a sum of one."""
    drawn = np.random.default_rng(shape).exponential(size=shape)
    return given(drawn / drawn.sum(axis=-1, keepdims=True))


def _sure_shares(*shape: int, seed: int = 0) -> Given:
    """The same, none of them small: they can be moved a little either way."""
    drawn = 0.1 + np.random.default_rng(seed).exponential(size=shape)
    return given(drawn / drawn.sum(axis=-1, keepdims=True))


def _log(x: float) -> float:
    """The logarithm as the frameworks give it: −inf at 0, NaN below."""
    if x == 0:
        return -math.inf
    return math.log(x) if x > 0 else math.nan


def _total(terms: list[float]) -> float:
    """The sum, rounded once where it is finite."""
    return math.fsum(terms) if all(map(math.isfinite, terms)) else sum(terms)


def _draw_scores(draw: Draw) -> Case:
    shape = [draw.integer(0, 4) for _ in range(draw.integer(1, 4))]
    return case("drawn", values(*shape, scale=draw.choice([0.1, 1.0, 5.0])))


# Each row of scores is a special case of its own.
_SPECIAL = given(
    [
        [-np.inf, 0, 1],
        [-np.inf, -np.inf, -np.inf],
        [0, np.nan, 1],
        [0, np.inf, 1],
        [-np.inf, 3, -np.inf],
        [np.inf, np.inf, np.inf],
        [-np.inf, np.inf, 0],
        [-np.inf, np.nan, -np.inf],
        [np.nan, np.inf, -np.inf],
    ]
)


# --- logsumexp -----------------------------------------------------------------------------------


def logsumexp_oracle(x: Array) -> Array:
    out = np.empty(x.shape[:-1])
    for place in np.ndindex(*x.shape[:-1]):
        row = [float(value) for value in x[place]]
        finite = [value for value in row if math.isfinite(value)]
        if any(math.isnan(value) for value in row):
            out[place] = math.nan
        elif math.inf in row:
            out[place] = math.inf
        elif not finite:
            out[place] = -math.inf
        else:
            largest = max(finite)
            out[place] = largest + math.log(math.fsum(math.exp(v - largest) for v in finite))
    return out


def logsumexp_magnitude(x: Array) -> Array:
    """The sum is relative to itself: an error of one epsilon in its logarithm."""
    with np.errstate(all="ignore"):
        top = x.astype(np.float64).max(axis=-1, initial=-np.inf)
        return np.asarray(np.abs(top) + np.abs(logsumexp_oracle(x) - top) + 1)


def logsumexp_numpy(x):
    import numpy as np

    return np.logaddexp.reduce(x, axis=-1)


def logsumexp_torch(x):
    return x.logsumexp(dim=-1)


def logsumexp_jax(x):
    import jax

    return jax.nn.logsumexp(x, axis=-1)


def logsumexp_tensorflow(x):
    import tensorflow as tf

    return tf.reduce_logsumexp(x, axis=-1)


LOGSUMEXP = Entry(
    op=ops.logsumexp,
    cases=(
        case("rows", values(2, 5)),
        case("four of a size", given([[-1000] * 4, [1000] * 4]), dtypes=FLOATS),
        case("a vector", values(7)),
        case("four axes", values(2, 3, 2, 4)),
        case("a square", values(3, 3)),
        case("one score", values(3, 1)),
        case("ties", given([[1, 1, 1, 1], [0, 2, 2, 0]])),
        case("large scores", given([[6e4, 6e4, 6e4], [-6e4, -6e4, 0]]), dtypes=FLOATS),
        case("a sum near one", given([[-1, -1, -1, -2], [-0.7, -0.7, -20, -9]]), dtypes=FLOATS),
        case("infinities and NaN", _SPECIAL, dtypes=FLOATS, no_gradient="infinities and NaN"),
        case("empty rows", values(3, 0), no_gradient="the results are infinite"),
        case("an empty vector", values(0), no_gradient="the result is infinite"),
        case("no rows", values(0, 3)),
        case("far apart", values(4, 6, scale=20.0), dtypes=FLOATS),
        case("the largest integers", given([[127, 126], [-128, 127]]), dtypes=("int8",)),
        case("the largest bytes", given([[255, 254], [0, 255]]), dtypes=("uint8",)),
        case("five thousand scores", given(np.zeros((1, 5000))), dtypes=FLOATS),
        case("thousands of rows", values(4096, 3), dtypes=("float32",)),
    ),
    draw=_draw_scores,
    sized=lambda n: case("rows", values(n, 4, 6)),
    oracle=logsumexp_oracle,
    natives=idioms(globals(), "logsumexp"),
    result="float",
    tolerance=2,
    half_tolerance=0.6,
    magnitude=logsumexp_magnitude,
    mistakes=(
        mistake(
            "a number",
            TypeError,
            "logsumexp: x must be an array of NumPy, PyTorch, JAX or TensorFlow, got a float",
            1.0,
        ),
        mistake(
            "no axis",
            ValueError,
            "logsumexp: x must have at least 1 axis (... n), got 0 (x has shape ())",
            values(),
        ),
    ),
)


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
            no_gradient="infinities and NaN",
        ),
        case("empty rows", values(3, 0)),
        case("no rows", values(0, 3)),
        case("far apart", values(4, 6, scale=20.0), dtypes=FLOATS),
        case("five thousand scores", given(np.zeros((1, 5000))), dtypes=FLOATS),
        case("thousands of rows", values(4096, 3), dtypes=("float32",)),
    ),
    draw=_draw_scores,
    sized=lambda n: case("rows", values(n, 4, 6)),
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

# --- log_softmax ---------------------------------------------------------------------------------


def _log_probabilities(row: list[float]) -> list[float]:
    """`log softmax` of one row."""
    if any(math.isnan(v) or v == math.inf for v in row) or max(row) == -math.inf:
        return [math.nan] * len(row)
    largest = max(row)
    powers = [math.exp(value - largest) for value in row]
    powers.remove(1.0)  # the largest one's: near it, log1p keeps the digits of the others
    total = math.log1p(math.fsum(powers))
    return [value - largest - total for value in row]


def log_softmax_oracle(x: Array) -> Array:
    out = np.empty(x.shape)
    if x.shape[-1]:
        for place in np.ndindex(*x.shape[:-1]):
            out[place] = _log_probabilities([float(value) for value in x[place]])
    return out


def log_softmax_magnitude(x: Array) -> Array:
    """The score and the sum's logarithm are less the maximum; the sum is relative to itself."""
    if not x.shape[-1]:
        return log_softmax_oracle(x)
    with np.errstate(all="ignore"):
        shifted = np.abs(x - x.max(axis=-1, keepdims=True).astype(np.float64))
        return np.asarray(shifted + np.abs(shifted + log_softmax_oracle(x)) + 1)


def log_softmax_numpy(x):
    import numpy as np

    return x - np.logaddexp.reduce(x, axis=-1, keepdims=True)


def log_softmax_torch(x):
    return x.log_softmax(dim=-1)


def log_softmax_jax(x):
    import jax

    return jax.nn.log_softmax(x)


def log_softmax_tensorflow(x):
    import tensorflow as tf

    return tf.nn.log_softmax(x)


LOG_SOFTMAX = Entry(
    op=ops.log_softmax,
    cases=(
        case("rows", values(2, 5)),
        case("1001 to 1005", given([1001, 1002, 1003, 1004, 1005]), dtypes=FLOATS[:3]),
        case("a vector", values(7)),
        case("four axes", values(2, 3, 2, 4)),
        case("a square", values(3, 3)),
        case("one score", values(3, 1)),
        case("ties", given([[1, 1, 1, 1], [0, 2, 2, 0]])),
        # The probabilities are under the least float32.
        case("far apart", given([[0, -200, -1000], [6e4, 0, -6e4]]), dtypes=FLOATS),
        case("one alone", given([[0, -12, -13], [-9, -8, 9]]), dtypes=FLOATS),
        case("infinities and NaN", _SPECIAL, dtypes=FLOATS, no_gradient="infinities and NaN"),
        case("empty rows", values(3, 0)),
        case("no rows", values(0, 3)),
        case("wide rows", values(4, 6, scale=20.0), dtypes=FLOATS),
        case("the largest integers", given([[127, 126], [-128, 127]]), dtypes=("int8",)),
        case("the largest bytes", given([[255, 254], [0, 255]]), dtypes=("uint8",)),
        case("five thousand scores", given(np.zeros((1, 5000))), dtypes=FLOATS),
        case("thousands of rows", values(4096, 3), dtypes=("float32",)),
    ),
    draw=_draw_scores,
    sized=lambda n: case("rows", values(n, 4, 6)),
    oracle=log_softmax_oracle,
    natives=idioms(globals(), "log_softmax"),
    result="float",
    tolerance=4,  # as softmax: the logarithm's argument is a sum of rounded exponentials
    half_tolerance=0.6,
    magnitude=log_softmax_magnitude,
    mistakes=(
        mistake(
            "a list",
            TypeError,
            "log_softmax: x must be an array of NumPy, PyTorch, JAX or TensorFlow, got a list",
            [1.0, 2.0],
        ),
        mistake(
            "no axis",
            ValueError,
            "log_softmax: x must have at least 1 axis (... n), got 0 (x has shape ())",
            values(),
        ),
    ),
)


# --- cross_entropy -------------------------------------------------------------------------------


def cross_entropy_oracle(logits: Array, labels: Array) -> Array:
    out = np.empty(labels.shape)
    for i, label in enumerate(labels):
        out[i] = -_log_probabilities(logits[i].tolist())[int(label)]
    return out


def cross_entropy_magnitude(logits: Array, labels: Array) -> Array:
    sizes = log_softmax_magnitude(logits)
    return np.array([sizes[i, int(label)] for i, label in enumerate(labels)])


def cross_entropy_numpy(logits, labels):
    import numpy as np

    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return -log_p[np.arange(len(labels)), labels]


def cross_entropy_torch(logits, labels):
    import torch.nn.functional as F

    return F.cross_entropy(logits, labels.long(), reduction="none")


def cross_entropy_jax(logits, labels):
    import jax
    import jax.numpy as jnp

    log_p = jax.nn.log_softmax(logits)
    return -jnp.take_along_axis(log_p, labels[:, None], axis=1)[:, 0]


def cross_entropy_tensorflow(logits, labels):
    import tensorflow as tf

    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


def _draw_labels(draw: Draw, low: int = 0) -> Case:
    b, n = draw.integer(low, 4), draw.integer(1, 5)
    labels = [draw.integer(0, n - 1) for _ in range(b)]
    return case("drawn", values(b, n, scale=draw.choice([0.1, 1.0, 5.0])), indices(labels))


_THOUSANDS = np.arange(4096) * 7

CROSS_ENTROPY = Entry(
    op=ops.cross_entropy,
    cases=(
        case("four examples", values(4, 3), indices([2, 0, 1, 2])),
        case(
            "sure, unsure and wrong",
            given([[-np.inf, -np.inf, 0], [1 / 3] * 3, [-np.inf, 0, 0]]),
            indices([2, 0, 0]),
            no_gradient="infinities",
        ),
        case("a square", values(3, 3), indices([1, 1, 2])),
        case("one class", values(3, 1), indices([0, 0, 0])),
        case("one example", values(1, 6), indices([4])),
        case("ties", given([[2, 2, 2, 2], [0, 1, 1, 0]]), indices([3, 0])),
        case("no examples", values(0, 3), indices([])),
        case(
            "infinities and NaN",
            given(np.repeat(_SPECIAL.data, 3, axis=0)),
            indices(list(range(3)) * 9),
            no_gradient="infinities and NaN",
        ),
        # The probability of the true class is under the least float32.
        case("far apart", given([[0, -200, -1000], [6e4, 0, -6e4]]), indices([2, 1])),
        case("large scores", given([[1000, 1001, 1002], [1000, 1001, 1002]]), indices([0, 2])),
        case("nearly sure", given([[0, -12, -13], [-9, -8, 9]]), indices([0, 2])),
        case("long labels", values(2, 3), Given([0, 2], "int64"), dtypes=("float64",)),
        case("short labels", values(2, 3), Given([0, 2], "int8")),
        case("unsigned labels", values(2, 300), Given([255, 200], "uint8")),
        case("five thousand classes", given(np.zeros((2, 5000))), indices([0, 4999])),
        case("thousands of examples", values(4096, 5), indices(_THOUSANDS % 5), dtypes=FLOATS[1:2]),
    ),
    draw=_draw_labels,
    sized=lambda n: case("rows", values(n, 6), indices(np.arange(n) * 7 % 6)),
    oracle=cross_entropy_oracle,
    natives=idioms(globals(), "cross_entropy"),
    dtypes=FLOATS,
    tolerance=2,
    half_tolerance=0.6,
    magnitude=cross_entropy_magnitude,
    mistakes=(
        mistake(
            "a class too many",
            IndexError,
            "cross_entropy: labels must be from 0 to 2, got 3",
            values(2, 3),
            indices([0, 3]),
        ),
        mistake(
            "a negative label",
            IndexError,
            "cross_entropy: labels must be from 0 to 2, got -100",
            values(2, 3),
            indices([0, -100]),
        ),
        mistake(
            "labels missing",
            ValueError,
            "cross_entropy: labels must have shape (4,), one for each row of logits, got (3,) "
            "(logits has shape (4, 3))",
            values(4, 3),
            indices([0, 1, 2]),
        ),
        mistake(
            "probabilities for labels",
            TypeError,
            "cross_entropy: labels must have an integer dtype, got float32",
            values(2, 3),
            values(2, 3),
        ),
        mistake(
            "one-hot labels",
            ValueError,
            "cross_entropy: labels must have 1 axis (b), got 2 (labels has shape (2, 3))",
            values(2, 3),
            indices([[0, 1, 0], [1, 0, 0]]),
        ),
        mistake(
            "integer scores",
            TypeError,
            "cross_entropy: logits must have a floating dtype, got int32",
            Given([[1, 2]], "int32"),
            indices([0]),
        ),
        mistake(
            "one example without its axis",
            ValueError,
            "cross_entropy: logits must have 2 axes (b n), got 1 (logits has shape (3,))",
            values(3),
            indices([0]),
        ),
        mistake(
            "no classes",
            ValueError,
            "cross_entropy: the classes of logits must be at least 1, got 0 "
            "(logits has shape (2, 0))",
            values(2, 0),
            indices([0, 0]),
        ),
        mistake(
            "a list",
            TypeError,
            "cross_entropy: labels must be an array of NumPy, PyTorch, JAX or TensorFlow, "
            "got a list",
            values(2, 3),
            [0, 1],
        ),
    ),
)


# --- binary_cross_entropy ------------------------------------------------------------------------


def _surprise(p: Array, y: Array, sizes: bool) -> Array:
    out = np.empty(p.shape)
    for place in np.ndindex(*p.shape):
        chance, outcome = float(p[place]), float(y[place])
        rest = math.log1p(-chance) if chance < 1 else _log(1 - chance)
        terms = [
            0.0 if (factor, x) == (0, 0) else factor * log
            for factor, x, log in (
                (outcome, chance, _log(chance)),
                (1 - outcome, 1 - chance, rest),
            )
        ]
        out[place] = sum(map(abs, terms)) if sizes else -sum(terms)
    return out


def binary_cross_entropy_oracle(p: Array, y: Array) -> Array:
    return _surprise(p, y, sizes=False)


def binary_cross_entropy_magnitude(p: Array, y: Array) -> Array:
    return _surprise(p, y, sizes=True)


def binary_cross_entropy_numpy(p, y):
    import numpy as np

    return -(y * np.log(p) + (1 - y) * np.log1p(-p))


def binary_cross_entropy_torch(p, y):
    import torch.nn.functional as F

    return F.binary_cross_entropy(p, y, reduction="none")


def binary_cross_entropy_jax(p, y):
    from jax.scipy.special import xlog1py, xlogy

    return -(xlogy(y, p) + xlog1py(1 - y, -p))


def binary_cross_entropy_tensorflow(p, y):
    import tensorflow as tf

    return -(tf.math.xlogy(y, p) + tf.math.xlog1py(1 - y, -p))


def _draw_binary(draw: Draw) -> Case:
    shape = [draw.integer(0, 3) for _ in range(draw.integer(0, 3))]
    size = int(np.prod(shape))
    p = np.array([draw.integer(0, 32) / 32 for _ in range(size)]).reshape(shape)
    y = np.array([draw.choice([0, 1, 0.25]) for _ in range(size)]).reshape(shape)
    return case("drawn", given(p), given(y))


def _binary_of(n: int) -> Case:
    chances, outcomes = np.random.default_rng(0).uniform(0.1, 0.9, (2, n, 4))
    return case("rows", given(chances), given(outcomes))


_CHANCES = np.random.default_rng(0).random((2, 3, 4))
_OUTCOMES = np.arange(24).reshape(2, 3, 4) % 5 % 2

BINARY_CROSS_ENTROPY = Entry(
    op=ops.binary_cross_entropy,
    cases=(
        case("six guesses", given([[0.9, 0.2, 0.5], [0.1, 0.7, 0.99]]), given([[1, 0, 1]] * 2)),
        case("three axes", given(_CHANCES), given(_OUTCOMES)),
        case("soft outcomes", given(_CHANCES[0]), given(_CHANCES[1])),
        case("a number", given(0.25), given(1)),
        case("a vector", given([0.25, 0.5]), given([0, 1])),
        case(
            "certain and right",
            given([0, 1, -0.0]),
            given([0, 1, 0]),
            no_gradient="chances end at 0 and 1",
        ),
        case(
            "certain and wrong",
            given([0, 1, 0, 1]),
            given([1, 0, 0.5, 0.5]),
            no_gradient="infinities",
        ),
        # 1 − p has no room for their digits.
        case(
            "nearly certain",
            given([1e-3, 1e-5, 1e-7, 3e-8, 2**-24]),
            given([0] * 5),
            no_gradient=TOO_SMALL,
        ),
        case(
            "far from certain",
            given([1e-4, 3e-7, 0.999, 0.996]),
            given([1, 1, 0, 0]),
            no_gradient=TOO_SMALL,
        ),
        case(
            "tiny chances",
            given([1e-30, 1e-20, 1e-9]),
            given([0, 0.5, 1]),
            dtypes=FLOATS[:2],
            no_gradient=TOO_SMALL,
        ),
        case(
            "no chances",
            given([-0.25, 1.5, np.nan, np.nan]),
            given([1, 0, 0, 1]),
            no_gradient="NaN",
        ),
        case("no outcome", given([0.5, 0, 1]), given([np.nan, np.nan, np.nan]), no_gradient="NaN"),
        case("nothing", given(np.zeros((0, 3))), given(np.zeros((0, 3)))),
        case(
            "thousands of guesses",
            given((_THOUSANDS % 4095 + 1) / 4096),
            given(_THOUSANDS % 5 % 2),
            dtypes=FLOATS[1:],
        ),
    ),
    draw=_draw_binary,
    sized=_binary_of,
    oracle=binary_cross_entropy_oracle,
    natives=idioms(globals(), "binary_cross_entropy"),
    dtypes=FLOATS,
    tolerance=4,
    half_tolerance=0.6,
    magnitude=binary_cross_entropy_magnitude,
    mistakes=(
        mistake(
            "shapes differ",
            ValueError,
            "binary_cross_entropy: y must have the shape of p, (2, 3), got (3,)",
            values(2, 3),
            values(3),
        ),
        mistake(
            "whole outcomes",
            TypeError,
            "binary_cross_entropy: y must have a floating dtype, got int32",
            values(3),
            Given([0, 1, 0], "int32"),
        ),
        mistake(
            "boolean outcomes",
            TypeError,
            "binary_cross_entropy: y must have a floating dtype, got bool",
            values(3),
            mask([0, 1, 0]),
        ),
        mistake(
            "two dtypes",
            TypeError,
            "binary_cross_entropy: p is float32 and y is float16; pass arrays of one dtype",
            values(3),
            Given([0, 1, 0], "float16"),
        ),
        mistake(
            "a number",
            TypeError,
            "binary_cross_entropy: y must be an array of NumPy, PyTorch, JAX or TensorFlow, "
            "got an int",
            values(3),
            1,
        ),
    ),
)


# --- squared_error -------------------------------------------------------------------------------


def squared_error_oracle(x: Array, y: Array) -> Array:
    out = np.empty(x.shape)
    for place in np.ndindex(*x.shape):
        out[place] = (float(x[place]) - float(y[place])) ** 2 / 2
    return out


def squared_error_numpy(x, y):
    return (x - y) ** 2 / 2


def squared_error_torch(x, y):
    import torch.nn.functional as F

    return F.mse_loss(x, y, reduction="none") / 2


def squared_error_jax(x, y):
    return (x - y) ** 2 / 2


def squared_error_tensorflow(x, y):
    import tensorflow as tf

    return tf.math.squared_difference(x, y) / 2


def _draw_errors(draw: Draw) -> Case:
    shape = [draw.integer(0, 3) for _ in range(draw.integer(0, 4))]
    return case("drawn", values(*shape), values(*shape, scale=draw.choice([0.1, 1.0, 20.0])))


SQUARED_ERROR = Entry(
    op=ops.squared_error,
    cases=(
        case("a batch", values(3, 4), values(3, 4)),
        case("whole numbers", given([1, 5, -2, 0]), given([1, 3, 2, -1])),
        case("four axes", values(2, 3, 1, 4), values(2, 3, 1, 4)),
        case("a number", values(), values()),
        case("nothing", values(2, 0), values(2, 0)),
        case("equal values but one", given([1, -7, 0.5, 3]), given([1, -7, 0.5, 2])),
        case("near each other", given([1000, 1.5]), given([1001, 1.50390625])),
        # The square is past the largest float16, half of it is not; or the difference is.
        case("past 16 bits", given([300, -350, 6e4]), given([0, 5, -6e4])),
        case("under 16 bits", given([1e-3, 2e-4]), given([0, 0])),
        case(
            "NaN and infinities",
            given([np.nan, 1, np.inf, np.inf, -np.inf, 2]),
            given([1, np.nan, np.inf, 1, np.inf, -np.inf]),
            no_gradient="NaN and infinities",
        ),
        case("thousands", values(4096, 2), values(4096, 2), dtypes=FLOATS[1:]),
    ),
    draw=_draw_errors,
    sized=lambda n: case("rows", values(n, 4, 6), values(n, 4, 6)),
    oracle=squared_error_oracle,
    natives=idioms(globals(), "squared_error"),
    dtypes=FLOATS,
    tolerance=2,
    half_tolerance=0.51,
    mistakes=(
        mistake(
            "shapes differ",
            ValueError,
            "squared_error: y must have the shape of x, (2, 3), got (2, 1)",
            values(2, 3),
            values(2, 1),
        ),
        mistake(
            "ranks differ",
            ValueError,
            "squared_error: y must have the shape of x, (3,), got (1, 3)",
            values(3),
            values(1, 3),
        ),
        mistake(
            "integers",
            TypeError,
            "squared_error: x must have a floating dtype, got int32",
            Given([1, 2], "int32"),
            Given([1, 2], "int32"),
        ),
        mistake(
            "two dtypes",
            TypeError,
            "squared_error: x is float32 and y is float16; pass arrays of one dtype",
            values(3),
            Given([0, 1, 0], "float16"),
        ),
        mistake(
            "a list",
            TypeError,
            "squared_error: x must be an array of NumPy, PyTorch, JAX or TensorFlow, got a list",
            [1.0],
            values(1),
        ),
    ),
)


# --- entropy -------------------------------------------------------------------------------------


def _entropy(p: Array, combine: Any) -> Array:
    out = np.empty(p.shape[:-1])
    for place in np.ndindex(*out.shape):
        row = p[place].tolist()
        out[place] = combine([0.0 if value == 0 else -value * _log(value) for value in row])
    return out


def entropy_oracle(p: Array) -> Array:
    return _entropy(p, _total)


def entropy_magnitude(p: Array) -> Array:
    return _entropy(p, lambda terms: sum(map(abs, terms)))


def entropy_numpy(p):
    import numpy as np

    return -(p * np.log(p)).sum(axis=-1)


def entropy_torch(p):
    import torch

    return torch.special.entr(p).sum(dim=-1)


def entropy_jax(p):
    from jax.scipy.special import entr

    return entr(p).sum(axis=-1)


def entropy_tensorflow(p):
    import tensorflow as tf

    return -tf.reduce_sum(tf.math.xlogy(p, p), axis=-1)


def _drawn_shares(draw: Draw, shape: list[int]) -> Given:
    """Sixteenths from 0 to 1, not always with a sum of one."""
    drawn = [draw.integer(0, 16) / 16 for _ in range(int(np.prod(shape)))]
    return given(np.array(drawn).reshape(shape))


def _draw_entropy(draw: Draw) -> Case:
    return case(
        "drawn", _drawn_shares(draw, [draw.integer(0, 4) for _ in range(draw.integer(1, 3))])
    )


ENTROPY = Entry(
    op=ops.entropy,
    cases=(
        case("rows", _shares(2, 5)),
        case(
            "a fair coin and a false one",
            given([[0.5, 0.5], [1, 0]]),
            no_gradient=EDGE,
        ),
        case(
            "zeros of both signs",
            given([[0, 0.25, 0.75], [-0.0, 0, 1], [0, 0, 0]]),
            no_gradient=EDGE,
        ),
        case("a vector", _shares(7)),
        case("four axes", _shares(2, 3, 2, 4)),
        case("a square", _shares(4, 4)),
        case("one class", given([[1], [0.5], [0]]), no_gradient=EDGE),
        case("more than one", given([[2, 3], [0.5, 4]])),
        case(
            "no probabilities",
            given([[-0.25, 1], [np.nan, 0], [np.inf, 0], [0, 1]]),
            no_gradient="NaN",
        ),
        case("empty rows", given(np.zeros((3, 0)))),
        case("no rows", given(np.zeros((0, 3)))),
        case(
            "small ones",
            given([[1e-4, 3e-6, 0.9999]]),
            no_gradient=TOO_SMALL,
        ),
        # In 16 bits a sum stops growing long before it has all of these; TensorFlow and compiled
        # JAX add them one after the other.
        case("five thousand classes", given(np.full((1, 5000), 2.0**-12)), tolerance=64),
        case("thousands of rows", _shares(4096, 3), dtypes=FLOATS[1:2]),
    ),
    draw=_draw_entropy,
    sized=lambda n: case("rows", _sure_shares(n, 4, 6)),
    oracle=entropy_oracle,
    natives=idioms(globals(), "entropy"),
    dtypes=FLOATS,
    tolerance=3,
    half_tolerance=0.6,
    magnitude=entropy_magnitude,
    mistakes=(
        mistake(
            "integers",
            TypeError,
            "entropy: p must have a floating dtype, got int32",
            Given([0, 1], "int32"),
        ),
        mistake(
            "booleans",
            TypeError,
            "entropy: p must have a floating dtype, got bool",
            mask([0, 1]),
        ),
        mistake(
            "no axis",
            ValueError,
            "entropy: p must have at least 1 axis (... n), got 0 (p has shape ())",
            values(),
        ),
        mistake(
            "a list",
            TypeError,
            "entropy: p must be an array of NumPy, PyTorch, JAX or TensorFlow, got a list",
            [0.5, 0.5],
        ),
    ),
)


# --- kl_divergence -------------------------------------------------------------------------------


def _divergence(p: Array, q: Array, sizes: bool) -> Array:
    out = np.empty(p.shape[:-1])
    for place in np.ndindex(*out.shape):
        terms = []
        for a, b in zip(p[place].tolist(), q[place].tolist(), strict=True):
            if a == 0:
                # Not a number is no probability, whatever it is multiplied by.
                terms.append(math.nan if math.isnan(b) or b < 0 else 0.0)
            elif sizes:
                terms.append(abs(a * _log(a)) + abs(a * _log(b)))
            else:
                terms.append(a * (_log(a) - _log(b)))
        out[place] = _total(terms)
    return out


def kl_divergence_oracle(p: Array, q: Array) -> Array:
    return _divergence(p, q, sizes=False)


def kl_divergence_magnitude(p: Array, q: Array) -> Array:
    return _divergence(p, q, sizes=True)


def kl_divergence_numpy(p, q):
    import numpy as np

    return (p * np.log(p / q)).sum(axis=-1)


def kl_divergence_torch(p, q):
    import torch.nn.functional as F

    return F.kl_div(q.log(), p, reduction="none").sum(dim=-1)


def kl_divergence_jax(p, q):
    from jax.scipy.special import rel_entr

    return rel_entr(p, q).sum(axis=-1)


def kl_divergence_tensorflow(p, q):
    import tensorflow as tf

    return tf.reduce_sum(tf.math.xlogy(p, p / q), axis=-1)


def _draw_divergence(draw: Draw) -> Case:
    shape = [draw.integer(0, 4) for _ in range(draw.integer(1, 3))]
    return case("drawn", _drawn_shares(draw, shape), _drawn_shares(draw, shape))


KL_DIVERGENCE = Entry(
    op=ops.kl_divergence,
    cases=(
        case("rows", _shares(2, 5), given(_shares(3, 5).data[1:])),
        case(
            "a coin taken for another",
            given([[0.5, 0.5], [1, 0]]),
            given([[0.25, 0.75]] * 2),
            no_gradient=EDGE,
        ),
        case(
            "the same",
            given([[0.25, 0.75], [0, 1]]),
            given([[0.25, 0.75], [0, 1]]),
            no_gradient=EDGE,
        ),
        case(
            "zeros in one or both",
            given([[0, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [-0.0, 0, 1]]),
            given([[0, 0.25, 0.75], [0, 0.5, 0.5], [0.5, 0.25, 0.25], [0, -0.0, 1]]),
            no_gradient=EDGE,
        ),
        case("a vector", _shares(7), given(_shares(2, 7).data[1])),
        case("four axes", _shares(2, 3, 2, 4), given(_shares(2, 3, 2, 4).data[::-1])),
        case("a square", _shares(4, 4), given(_shares(5, 4).data[1:])),
        case("one class", given([[1], [0.5]]), given([[0.5], [1]])),
        case("near each other", given([[0.5, 0.5]]), given([[0.50390625, 0.49609375]])),
        case(
            "no probabilities",
            given([[-0.25, 1], [np.nan, 0], [0, 1], [0, 1], [0.5, 0.5]]),
            given([[0.5, 0.5], [0.5, 0.5], [np.nan, 1], [-0.5, 1], [0.5, 0.5]]),
            no_gradient="NaN",
        ),
        case(
            "far apart",
            given([[1, 1e-30]]),
            given([[1e-35, 1]]),
            dtypes=FLOATS[:2],
            no_gradient=TOO_SMALL,
        ),
        case("empty rows", given(np.zeros((3, 0))), given(np.zeros((3, 0)))),
        case("no rows", given(np.zeros((0, 3))), given(np.zeros((0, 3)))),
        case(
            "five thousand classes",
            given(np.full((1, 5000), 2.0**-12)),
            given(np.full((1, 5000), 2.0**-11)),
            tolerance=16,
        ),
        case(
            "thousands of rows",
            _shares(4096, 3),
            given(_shares(4096, 3).data[::-1]),
            dtypes=FLOATS[1:2],
        ),
    ),
    draw=_draw_divergence,
    sized=lambda n: case("rows", _sure_shares(n, 4, 6), _sure_shares(n, 4, 6, seed=1)),
    oracle=kl_divergence_oracle,
    natives=idioms(globals(), "kl_divergence"),
    dtypes=FLOATS,
    tolerance=3,
    half_tolerance=0.6,
    magnitude=kl_divergence_magnitude,
    mistakes=(
        mistake(
            "shapes differ",
            ValueError,
            "kl_divergence: q must have the shape of p, (2, 3), got (3,)",
            values(2, 3),
            values(3),
        ),
        mistake(
            "integers",
            TypeError,
            "kl_divergence: q must have a floating dtype, got int32",
            values(2),
            Given([0, 1], "int32"),
        ),
        mistake(
            "two dtypes",
            TypeError,
            "kl_divergence: p is float32 and q is float16; pass arrays of one dtype",
            values(2),
            Given([0, 1], "float16"),
        ),
        mistake(
            "no axis",
            ValueError,
            "kl_divergence: p must have at least 1 axis (... n), got 0 (p has shape ())",
            values(),
            values(),
        ),
        mistake(
            "a list",
            TypeError,
            "kl_divergence: q must be an array of NumPy, PyTorch, JAX or TensorFlow, got a list",
            values(2),
            [0.5, 0.5],
        ),
    ),
)


# --- sample_distribution -------------------------------------------------------------------------


def sample_distribution_oracle(probs: Array, uniforms: Array) -> Array:
    out = np.empty(uniforms.shape, np.int64)
    shares = probs.tolist()
    bounds = [math.fsum(shares[: i + 1]) for i in range(len(shares))]
    last = max(i for i, share in enumerate(shares) if share > 0)
    for place, number in enumerate(uniforms.tolist()):
        out[place] = next((i for i, bound in enumerate(bounds) if number < bound), last)
    return out


def sample_distribution_numpy(probs, uniforms):
    import numpy as np

    return np.searchsorted(np.cumsum(probs), uniforms, side="right")


def sample_distribution_torch(probs, uniforms):
    import torch

    return torch.searchsorted(probs.cumsum(0), uniforms, right=True)


def sample_distribution_jax(probs, uniforms):
    import jax.numpy as jnp

    return jnp.searchsorted(jnp.cumsum(probs), uniforms, side="right")


def sample_distribution_tensorflow(probs, uniforms):
    import tensorflow as tf

    return tf.searchsorted(tf.cumsum(probs), uniforms, side="right")


def _draw_samples(draw: Draw) -> Case:
    """Sixty-fourths, so that every bound is exact and numbers often fall on one."""
    cuts = sorted(draw.integer(0, 64) for _ in range(draw.integer(0, 8)))
    probs = np.diff([0, *cuts, 64]) / 64
    numbers = [draw.integer(0, 64) / 64 for _ in range(draw.integer(0, 6))]
    return case("drawn", given(probs), given(numbers))


def _samples_of(n: int) -> Case:
    probs = np.array([5, 0, 7, 20, 2, 30]) / 64
    return case("rows", given(probs), given(np.random.default_rng(0).random(n)))


_BELOW_ONE = [0.5, 0.875, 1 - 2.0**-8, 1 - 2.0**-11, 1 - 2.0**-24, 1 - 2.0**-53, 1]
_EIGHTHS = np.arange(65) / 64

SAMPLE_DISTRIBUTION = Entry(
    op=ops.sample_distribution,
    cases=(
        case(
            "a loaded die",
            given([0.05, 0.1, 0.1, 0.2, 0.15, 0.4]),
            given([0.02, 0.9, 0.1, 0.5, 0.2, 0.3, 0.7, 0]),
        ),
        case("on the bounds", given([0.25, 0.125, 0.5, 0.125]), given([0, 0.25, 0.375, 0.875, 1])),
        case(
            "beside the bounds",
            given([0.25, 0.125, 0.5, 0.125]),
            given([0.2490234375, 0.251953125, 0.373046875, 0.37890625, 0.87109375, 0.87890625]),
        ),
        case(
            "classes that never come",
            given([0, 0.25, 0, 0, 0.75, 0]),
            given([0, 0.125, 0.25, 0.5, 0.99609375, 1]),
        ),
        case("one class", given([1]), given([0, 0.5, 1])),
        case("two classes", given([0.75, 0.25]), given([0.5, 0.75, 0.8, 0])),
        case("one of many", given([0, 0, 1, 0, 0]), given([0, 0.5, 1])),
        case("seven classes", given([0.125] * 6 + [0.25]), given(_EIGHTHS)),
        case("eight classes", given([0.125] * 8), given(_EIGHTHS)),
        case("nine classes", given([0.125] * 7 + [0.0625] * 2), given(_EIGHTHS)),
        # Ten tenths are a little less than 1 in floating point.
        case("ten tenths", given([0.1] * 10), given([0.05, *_BELOW_ONE[1:]])),
        case("a sum under one", given([0.5, 0.25, 0.2421875, 0]), given(_BELOW_ONE)),
        case("a sum over one", given([0.5, 0.5, 0.0078125]), given(_BELOW_ONE)),
        case("nothing drawn", given([0.5, 0.5]), given([])),
        # In 16 bits the cumulative sum stops growing after the first few hundred.
        case(
            "thousands of classes",
            given(np.full(4096, 2.0**-12)),
            given((_THOUSANDS % 4096 + 0.5) / 4096),
        ),
        case(
            "thousands of numbers",
            given([0.25, 0.125, 0.0625, 0.5, 0.0625]),
            given(_THOUSANDS % 4096 / 4096),
            dtypes=FLOATS,
        ),
    ),
    draw=_draw_samples,
    sized=_samples_of,
    oracle=sample_distribution_oracle,
    natives=idioms(globals(), "sample_distribution"),
    dtypes=FLOATS,
    result="index",
    no_gradient="its results are indices",
    mistakes=(
        mistake(
            "a number past 1",
            ValueError,
            "sample_distribution: uniforms must be from 0 to 1, got 1.5",
            given([0.5, 0.5]),
            given([0.5, 1.5]),
        ),
        mistake(
            "a negative number",
            ValueError,
            "sample_distribution: uniforms must be from 0 to 1, got -0.5",
            given([0.5, 0.5]),
            given([0.5, -0.5]),
        ),
        mistake(
            "no number",
            ValueError,
            "sample_distribution: uniforms must be from 0 to 1, got nan",
            given([0.5, 0.5]),
            given([0.5, np.nan]),
        ),
        mistake(
            "a negative probability",
            ValueError,
            "sample_distribution: probs must not be negative or NaN, got -0.5",
            given([1.5, -0.5]),
            given([0.5]),
        ),
        mistake(
            "no probability",
            ValueError,
            "sample_distribution: probs must not be negative or NaN, got nan",
            given([0.5, np.nan]),
            given([0.5]),
        ),
        mistake(
            "weights",
            ValueError,
            "sample_distribution: probs must sum to 1, got 6",
            given([1, 2, 3]),
            given([0.5]),
        ),
        mistake(
            "no classes",
            ValueError,
            "sample_distribution: the classes of probs must be at least 1, got 0 "
            "(probs has shape (0,))",
            values(0),
            given([0.5]),
        ),
        mistake(
            "a batch",
            ValueError,
            "sample_distribution: probs must have 1 axis (k), got 2 (probs has shape (2, 2))",
            given([[0.5, 0.5], [0.5, 0.5]]),
            given([0.5]),
        ),
        mistake(
            "a single number",
            ValueError,
            "sample_distribution: uniforms must have 1 axis (n), got 0 (uniforms has shape ())",
            given([0.5, 0.5]),
            given(0.5),
        ),
        mistake(
            "integers",
            TypeError,
            "sample_distribution: probs must have a floating dtype, got int32",
            Given([0, 1], "int32"),
            given([0.5]),
        ),
        mistake(
            "two dtypes",
            TypeError,
            "sample_distribution: probs is float32 and uniforms is float16; "
            "pass arrays of one dtype",
            given([0.5, 0.5]),
            Given([0.5], "float16"),
        ),
        mistake(
            "how many",
            TypeError,
            "sample_distribution: uniforms must be an array of NumPy, PyTorch, JAX or TensorFlow, "
            "got an int",
            given([0.5, 0.5]),
            10,
        ),
    ),
)


# --- classifier_accuracy -------------------------------------------------------------------------


def classifier_accuracy_oracle(scores: Array, labels: Array) -> Array:
    right = 0
    for i, label in enumerate(labels):
        best, row = 0, scores[i].tolist()
        for j, score in enumerate(row):
            if row[best] == row[best] and (score != score or score > row[best]):
                best = j
        right += best == int(label)
    return np.asarray(right / len(labels))


def classifier_accuracy_numpy(scores, labels):
    return (scores.argmax(axis=1) == labels).mean()


def classifier_accuracy_torch(scores, labels):
    return (scores.argmax(dim=1) == labels).float().mean()


def classifier_accuracy_jax(scores, labels):
    return (scores.argmax(axis=1) == labels).mean()


def classifier_accuracy_tensorflow(scores, labels):
    import tensorflow as tf

    right = tf.equal(tf.argmax(scores, axis=1, output_type=labels.dtype), labels)
    return tf.reduce_mean(tf.cast(right, scores.dtype))


_WRONG = np.stack([_THOUSANDS % 3 == 0, _THOUSANDS % 3 == 1, _THOUSANDS % 3 == 2], axis=1)

CLASSIFIER_ACCURACY = Entry(
    op=ops.classifier_accuracy,
    cases=(
        case(
            "two of three",
            given([[0.75, 0.5, 0.25], [0.1, 0.5, 0.4], [0.1, 0.7, 0.2]]),
            indices([0, 1, 0]),
            dtypes=FLOATS,
        ),
        case("any scores", values(7, 4), indices([0, 1, 2, 3, 3, 2, 0])),
        case("a square", given([[1, 0, 0], [1, 0, 0], [0, 0, 1]]), indices([0, 2, 1])),
        case("ties", given([[1, 1, 0], [0, 1, 1], [0, 0, 0], [1, 0, 1]]), indices([0, 2, 0, 2])),
        case("many ties", given(np.ones((9, 40))), indices([0, 0, 1, 0, 39, 0, 0, 20, 3])),
        case("one class", values(3, 1), indices([0, 0, 0])),
        case("one example", given([[0, 1]]), indices([0])),
        case("none right", given([[0, 1], [1, 0]]), indices([0, 1])),
        case(
            "NaN and infinities",
            given([[np.inf, np.nan, 1], [-np.inf, 0, 1], [np.nan, np.nan, 2], [-np.inf] * 3]),
            indices([1, 2, 0, 2]),
            dtypes=FLOATS,
        ),
        case(
            "zeros of both signs",
            given([[-0.0, 0.0], [0.0, -0.0]]),
            indices([0, 1]),
            dtypes=FLOATS,
        ),
        case(
            "past a float's integers", given([[2**24, 2**24 + 1]]), indices([1]), dtypes=("int32",)
        ),
        case(
            "the least integers",
            given([[-128, -127], [127, -128]]),
            indices([1, 1]),
            dtypes=("int8",),
        ),
        case("short labels", values(2, 3), Given([0, 2], "int8")),
        case("unsigned labels", values(2, 300), Given([255, 200], "uint8")),
        case("long labels", values(2, 3), Given([0, 2], "int64"), dtypes=("float64",)),
        # In 16 bits a sum of ones stops at 256 or 2048.
        case("thousands right", given(_WRONG), indices(_THOUSANDS % 3)),
        case("thousands of examples", values(4096, 5), indices(_THOUSANDS % 5)),
    ),
    draw=lambda draw: _draw_labels(draw, low=1),
    sized=lambda n: case("rows", values(n, 6), indices(np.arange(n) * 7 % 6)),
    oracle=classifier_accuracy_oracle,
    natives=idioms(globals(), "classifier_accuracy"),
    dtypes=ANY,
    result="float",
    tolerance=1,
    half_tolerance=0.51,
    no_gradient="a count does not change with the scores",
    mistakes=(
        mistake(
            "a class too many",
            IndexError,
            "classifier_accuracy: labels must be from 0 to 2, got 3",
            values(2, 3),
            indices([0, 3]),
        ),
        mistake(
            "a negative label",
            IndexError,
            "classifier_accuracy: labels must be from 0 to 2, got -1",
            values(2, 3),
            indices([-1, 2]),
        ),
        mistake(
            "labels missing",
            ValueError,
            "classifier_accuracy: labels must have shape (4,), one for each row of scores, "
            "got (3,) (scores has shape (4, 3))",
            values(4, 3),
            indices([0, 1, 2]),
        ),
        mistake(
            "floats",
            TypeError,
            "classifier_accuracy: labels must have an integer dtype, got float32",
            values(2, 3),
            values(2),
        ),
        mistake(
            "no examples",
            ValueError,
            "classifier_accuracy: the examples of scores must be at least 1, got 0 "
            "(scores has shape (0, 3))",
            values(0, 3),
            indices([]),
        ),
        mistake(
            "no classes",
            ValueError,
            "classifier_accuracy: the classes of scores must be at least 1, got 0 "
            "(scores has shape (2, 0))",
            values(2, 0),
            indices([0, 0]),
        ),
        mistake(
            "a vector",
            ValueError,
            "classifier_accuracy: scores must have 2 axes (b n), got 1 (scores has shape (3,))",
            values(3),
            indices([0]),
        ),
        mistake(
            "a list",
            TypeError,
            "classifier_accuracy: labels must be an array of NumPy, PyTorch, JAX or TensorFlow, "
            "got a list",
            values(2, 3),
            [0, 1],
        ),
    ),
)

ENTRIES = (
    LOGSUMEXP,
    SOFTMAX,
    LOG_SOFTMAX,
    CROSS_ENTROPY,
    BINARY_CROSS_ENTROPY,
    SQUARED_ERROR,
    ENTROPY,
    KL_DIVERGENCE,
    SAMPLE_DISTRIBUTION,
    CLASSIFIER_ACCURACY,
)
