"""Entries of `einport.ops.normalization`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

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
    given,
    idioms,
    mask,
    mistake,
    values,
)

Array = np.ndarray[Any, Any]

HALVES = ("float16", "bfloat16")


def _moments(numbers: list[float]) -> tuple[float, list[float], float]:
    """The mean, each difference from it, and the variance: in fractions, each rounded once.

    So equal numbers differ by exactly 0, whatever they are. NaN over nothing.
    """
    if not numbers or not all(map(math.isfinite, numbers)):
        mean = sum(numbers) / len(numbers) if numbers else math.nan
        return mean, [number - mean for number in numbers], math.nan
    exact = [Fraction(number) for number in numbers]
    middle = sum(exact) / len(exact)
    differences = [number - middle for number in exact]
    variance = sum(difference**2 for difference in differences) / len(exact)
    return float(middle), [float(difference) for difference in differences], float(variance)


def _divided(x: float, by: float) -> float:
    """A quotient as the frameworks give it: NaN for 0/0, inf for 1/0."""
    return float(np.float64(x) / np.float64(by))


# --- layer_norm ----------------------------------------------------------------------------------


def _layer_norm(x: Array, scale: Array | None, shift: Array | None, eps: float, sizes: bool) -> Any:
    """The definition; with `sizes`, what errors are relative to: how far values are from the mean.

    They are not relative to the values: what these have in common makes no error.
    """
    n = x.shape[-1]
    out = np.empty(x.shape)
    factors = [1.0] * n if scale is None else scale.tolist()
    terms = [0.0] * n if shift is None else shift.tolist()
    for place in np.ndindex(*x.shape[:-1]):
        _, differences, variance = _moments(x[place].tolist())
        deviation = math.sqrt(variance + eps)
        spread = sum(map(abs, differences)) / max(n, 1)
        for i, (value, factor, term) in enumerate(zip(differences, factors, terms, strict=True)):
            if sizes:
                spread_here = _divided(abs(value) + spread, deviation)
                out[(*place, i)] = abs(factor) * spread_here + abs(term)
            else:
                out[(*place, i)] = _divided(value, deviation) * factor + term
    return out


def layer_norm_oracle(
    x: Array, scale: Array | None = None, shift: Array | None = None, *, eps: float = 1e-5
) -> Array:
    return np.asarray(_layer_norm(x, scale, shift, eps, sizes=False))


def layer_norm_magnitude(
    x: Array, scale: Array | None = None, shift: Array | None = None, *, eps: float = 1e-5
) -> Array:
    return np.asarray(_layer_norm(x, scale, shift, eps, sizes=True))


def layer_norm_numpy(x, scale, shift):
    import numpy as np

    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-5) * scale + shift


def layer_norm_torch(x, scale, shift):
    import torch.nn.functional as F

    return F.layer_norm(x, scale.shape, scale, shift)


def layer_norm_jax(x, scale, shift):
    import jax

    return jax.nn.standardize(x, axis=-1, epsilon=1e-5) * scale + shift


def layer_norm_tensorflow(x, scale, shift):
    import tensorflow as tf

    mean, variance = tf.nn.moments(x, axes=[-1], keepdims=True)
    return tf.nn.batch_normalization(x, mean, variance, shift, scale, 1e-5)


def _draw_layer_norm(draw: Draw) -> Case:
    n = draw.integer(0, 5)
    shape = [draw.integer(0, 3) for _ in range(draw.integer(0, 3))]
    scale = values(n) if draw.choice([True, False]) else None
    shift = values(n) if draw.choice([True, False]) else None
    x = values(*shape, n, scale=draw.choice([0.1, 1.0, 5.0]))
    return case("drawn", x, scale, shift, eps=draw.choice([1e-5, 1e-3, 1.0]))


_EQUAL = [[12345.678] * 100, [255.3] * 100, [-7e-4] * 100, [3e4] * 100]
"""The sum of each is rounded, and the mean that is computed from it is another number."""

_RANGE = ("float64", "float32", "bfloat16")
"""The dtypes that hold tiny and huge numbers."""

_UNEVEN = np.arange(5000).reshape(1, 5000) % 7 * 0.25 + 3

LAYER_NORM = Entry(
    op=ops.layer_norm,
    cases=(
        case("tokens", values(2, 3, 5), values(5), values(5)),
        case("neither scaled nor shifted", values(4, 6)),
        case("scaled alone", values(2, 3), values(3)),
        case("shifted alone", values(2, 3), None, values(3)),
        case("a square", values(4, 4), values(4), values(4)),
        case("a vector", values(7), values(7), values(7)),
        case("four axes", values(2, 3, 2, 4), values(4)),
        case(
            "two values",
            given([[1, 3], [2, -2]]),
            eps=0.0,
            no_gradient="its results are −1 and 1 for any two values",
        ),
        case("a larger eps", values(3, 4, scale=0.1), eps=0.1),
        case("an eps past the variance", values(2, 5, scale=0.01), values(5), eps=3),
        case("one value", values(3, 1), values(1), values(1)),
        case("equal values", given([[2, 2, 2], [0, 0, 0]]), values(3), values(3)),
        case(
            "equal values without eps",
            given([[2, 2, 2, 2]]),
            eps=0.0,
            no_gradient="0/0 where all values are equal",
        ),
        case("equal values, whose sum is rounded", given(_EQUAL), None, values(100)),
        case(
            "equal values, whose sum is rounded, without eps",
            given(_EQUAL),
            eps=0.0,
            no_gradient="0/0 where all values are equal",
        ),
        case("equal values, huge and tiny", given([[3e38] * 9, [-1e-30] * 9]), dtypes=_RANGE),
        case(
            "tiny and huge values without eps",
            given([[1e-30, -2e-30, 4e-30], [3e30, -1e30, 2e30]]),
            eps=0.0,
            dtypes=_RANGE,
            no_gradient="a step of 1e-6 is not small beside its values",
        ),
        case(
            "close to each other, far from zero",
            given(12345 + np.arange(300).reshape(2, 150) % 7 / 1024),
            eps=1e-12,
            dtypes=("float64", "float32"),
            no_gradient="a step of 1e-6 is not small beside its values",
        ),
        case(
            "one value far from the others",
            given([[1e6, *np.arange(200) % 3], [*np.arange(200) % 3, 1e6]]),
            dtypes=_RANGE,
            no_gradient="a step of 1e-6 is not seen in the results",
        ),
        case(
            "NaN and infinities",
            given([[1, np.nan, 2], [1, np.inf, 2], [3, 4, 5]]),
            no_gradient="NaN and infinities among the values",
        ),
        case(
            "a scale that is infinite",
            given([[1, 2, 4]]),
            given([np.inf, 1, np.nan]),
            no_gradient="infinity and NaN in the scale",
        ),
        case("no tokens", values(0, 3), values(3), values(3)),
        case("no channels", values(3, 0), values(0), values(0)),
        # Mean and squares are past the largest float16.
        case("large values", given([[6e4, 3e4, -6e4, 6e4]] * 2), values(4)),
        # The variance is under the least float16.
        case(
            "small values",
            given([[1e-4, 2e-4, 4e-4, -3e-4]]),
            eps=1e-12,
            no_gradient="a step of 1e-6 is not small beside its values",
        ),
        case("far from zero", given([[1000, 1001, 1002, 1004]]), values(4), values(4)),
        # In 16 bits, a sum stops growing long before it has all of these.
        case("five thousand channels", given(_UNEVEN), None, None),
        case("a flat row", given(np.full((2, 3000), 1.1)), dtypes=HALVES),
        case("thousands of tokens", values(4096, 3), values(3), values(3), dtypes=("float32",)),
    ),
    draw=_draw_layer_norm,
    sized=lambda n: case("rows", values(n, 4, 6), values(6), values(6), eps=0.1),
    oracle=layer_norm_oracle,
    natives=idioms(globals(), "layer_norm"),
    dtypes=FLOATS,
    tolerance=4,
    magnitude=layer_norm_magnitude,
    mistakes=(
        mistake(
            "a scale for another axis",
            ValueError,
            "layer_norm: scale must have shape (5,), the last axis of x, got (3,) "
            "(x has shape (2, 3, 5))",
            values(2, 3, 5),
            values(3),
            values(5),
        ),
        mistake(
            "a shift for another axis",
            ValueError,
            "layer_norm: shift must have shape (5,), the last axis of x, got (3,) "
            "(x has shape (2, 3, 5))",
            values(2, 3, 5),
            values(5),
            values(3),
        ),
        mistake(
            "a scale for two axes",
            ValueError,
            "layer_norm: scale must have shape (5,), the last axis of x, got (3, 5) "
            "(x has shape (2, 3, 5))",
            values(2, 3, 5),
            values(3, 5),
        ),
        mistake(
            "no axis",
            ValueError,
            "layer_norm: x must have at least 1 axis (... n), got 0 (x has shape ())",
            values(),
        ),
        mistake(
            "integers",
            TypeError,
            "layer_norm: x must have a floating dtype, got int32",
            Given([[1, 2]], "int32"),
        ),
        mistake(
            "a boolean scale",
            TypeError,
            "layer_norm: scale must have a floating dtype, got bool",
            values(2, 3),
            mask([1, 0, 1]),
        ),
        mistake(
            "two dtypes",
            TypeError,
            "layer_norm: x is float32 and shift is float16; pass arrays of one dtype",
            values(2, 3),
            values(3),
            Given([1, 2, 3], "float16"),
        ),
        mistake(
            "a negative eps",
            ValueError,
            "layer_norm: eps must be at least 0, got -1e-05",
            values(2, 3),
            eps=-1e-5,
        ),
        mistake(
            "eps is a word",
            TypeError,
            "layer_norm: eps must be a number, got 'small'",
            values(2, 3),
            eps="small",
        ),
        mistake(
            "a list",
            TypeError,
            "layer_norm: scale must be an array of NumPy, PyTorch, JAX or TensorFlow, got a list",
            values(2, 3),
            [1.0, 1.0, 1.0],
        ),
        mistake(
            "no array",
            TypeError,
            "layer_norm: x must be an array of NumPy, PyTorch, JAX or TensorFlow, got None",
            None,
        ),
    ),
)


# --- batch_norm ----------------------------------------------------------------------------------


def _channels(x: Array, data_format: str) -> Iterator[tuple[Any, list[float]]]:
    """Where each channel lies in the batch, and its values."""
    first = data_format == "channels_first"
    for c in range(x.shape[1 if first else 3]):
        where = (slice(None), c) if first else (..., c)
        yield where, x[where].ravel().tolist()


def batch_norm_oracle(
    x: Array,
    state: dict[str, Array],
    *,
    training: bool,
    momentum: float = 0.1,
    eps: float = 1e-5,
    data_format: str = "channels_first",
) -> tuple[Array, dict[str, Array]]:
    y = np.empty(x.shape)
    new = {name: entry.copy() for name, entry in state.items()}
    for c, (where, numbers) in enumerate(_channels(x, data_format)):
        mean, variance = state["running_mean"][c], state["running_var"][c]
        differences = [number - mean for number in numbers]
        if training:
            mean, differences, variance = _moments(numbers)
            unbiased = variance * len(numbers) / (len(numbers) - 1)
            for name, batch in (("running_mean", mean), ("running_var", unbiased)):
                new[name][c] = (1 - momentum) * state[name][c] + momentum * batch
        normal = [_divided(value, np.sqrt(variance + eps)) for value in differences]
        scaled = [number * state["scale"][c] + state["shift"][c] for number in normal]
        y[where] = np.reshape(scaled, y[where].shape)
    return y, new


def batch_norm_magnitude(
    x: Array,
    state: dict[str, Array],
    *,
    training: bool,
    momentum: float = 0.1,
    eps: float = 1e-5,
    data_format: str = "channels_first",
) -> tuple[Array, dict[str, Array]]:
    """As for `layer_norm`; the new mean is relative to the sizes that it is made of."""
    y = np.empty(x.shape)
    sizes = {name: np.abs(entry) for name, entry in state.items()}
    for c, (where, numbers) in enumerate(_channels(x, data_format)):
        mean, variance = state["running_mean"][c], state["running_var"][c]
        lengths = [abs(number) + abs(mean) for number in numbers]
        if training:
            mean, differences, variance = _moments(numbers)
            size = sum(map(abs, numbers)) / len(numbers)
            unbiased = variance * len(numbers) / (len(numbers) - 1)
            for name, batch in (("running_mean", size), ("running_var", unbiased)):
                sizes[name][c] = (1 - momentum) * abs(state[name][c]) + momentum * batch
            apart = sum(map(abs, differences)) / len(numbers)
            lengths = [abs(value) + apart for value in differences]
        deviation = np.sqrt(variance + eps)
        spread = [_divided(length, deviation) for length in lengths]
        scaled = [s * abs(state["scale"][c]) + abs(state["shift"][c]) for s in spread]
        y[where] = np.reshape(scaled, y[where].shape)
    return y, sizes


def batch_norm_numpy(x, state, training):
    import numpy as np

    scale, shift, mean, variance = (entry[:, None, None] for entry in state.values())
    batch = x.mean((0, 2, 3)), x.var((0, 2, 3), ddof=1)
    running = [
        0.9 * old + 0.1 * new
        for old, new in zip((state["running_mean"], state["running_var"]), batch, strict=True)
    ]
    mean, variance = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)
    y = (x - mean) / np.sqrt(variance + 1e-5) * scale + shift
    return y, state["scale"], state["shift"], *running


def batch_norm_torch(x, state, training):
    import torch.nn.functional as F

    mean, variance = state["running_mean"].clone(), state["running_var"].clone()
    y = F.batch_norm(x, mean, variance, state["scale"], state["shift"], training=training)
    return y, state["scale"], state["shift"], mean, variance


def batch_norm_jax(x, state, training):
    import jax

    y = jax.nn.standardize(x, axis=(0, 2, 3), epsilon=1e-5)
    y = y * state["scale"][:, None, None] + state["shift"][:, None, None]
    mean = 0.9 * state["running_mean"] + 0.1 * x.mean((0, 2, 3))
    variance = 0.9 * state["running_var"] + 0.1 * x.var((0, 2, 3), ddof=1)
    return y, state["scale"], state["shift"], mean, variance


def batch_norm_tensorflow(x, state, training):
    import tensorflow as tf

    # TensorFlow's fused kernel on the CPU takes channels last alone; its variance is unbiased.
    y, mean, variance = tf.compat.v1.nn.fused_batch_norm(
        tf.transpose(x, [0, 2, 3, 1]), state["scale"], state["shift"], epsilon=1e-5
    )
    mean = 0.9 * state["running_mean"] + 0.1 * mean
    variance = 0.9 * state["running_var"] + 0.1 * variance
    return tf.transpose(y, [0, 3, 1, 2]), state["scale"], state["shift"], mean, variance


def _state(channels: int, dtype: str | None = None) -> dict[str, Spec]:
    """Four entries, all different; variances are not negative."""
    steps = np.arange(channels)
    return {
        "scale": Given(0.5 + steps % 5 * 0.375, dtype),
        "shift": Given(steps % 4 * 0.5 - 0.75, dtype),
        "running_mean": Given(1.25 - steps % 7 * 0.5, dtype),
        "running_var": Given(0.25 + steps % 6 * 0.625, dtype),
    }


def _without(name: str) -> dict[str, Spec]:
    return {key: entry for key, entry in _state(3).items() if key != name}


def _draw_batch_norm(draw: Draw) -> Case:
    training = draw.choice([True, False])
    b, c, h, w = draw.integer(0, 3), draw.integer(0, 3), draw.integer(0, 3), draw.integer(0, 3)
    if training and b * h * w < 2:
        b, h = 2, h or 1
        w = w or 1
    data_format = draw.choice(["channels_first", "channels_last"])
    shape = (b, c, h, w) if data_format == "channels_first" else (b, h, w, c)
    return case(
        "drawn",
        values(*shape),
        _state(c),
        training=training,
        momentum=draw.choice([0.1, 0.25, 1, 0]),
        eps=draw.choice([1e-5, 1e-3]),
        data_format=data_format,
    )


_LAST = "channels_last"


def _batch_norm_of_rows(n: int) -> Case:
    """As many images as rows; TensorFlow adds their thousands up one after the other."""
    return case("rows", values(n, 4, 6, 1), _state(4), training=True, momentum=0.25, tolerance=16)


BATCH_NORM = Entry(
    op=ops.batch_norm,
    cases=(
        case("training", values(2, 3, 4, 5), _state(3), training=True),
        case("inference", values(2, 3, 4, 5), _state(3), training=False),
        case("channels last", values(2, 4, 5, 3), _state(3), training=True, data_format=_LAST),
        case(
            "inference, channels last",
            values(2, 4, 5, 3),
            _state(3),
            training=False,
            data_format=_LAST,
        ),
        case("a cube", values(3, 3, 3, 3), _state(3), training=True),
        case(
            "a cube, channels last", values(3, 3, 3, 3), _state(3), training=True, data_format=_LAST
        ),
        # Biased and unbiased variance differ most.
        case("two values a channel", values(2, 3, 1, 1), _state(3), training=True),
        case("two pixels of one image", values(1, 4, 1, 2), _state(4), training=True),
        case("one value a channel, inference", values(1, 3, 1, 1), _state(3), training=False),
        case("all of the batch", values(2, 2, 3, 1), _state(2), training=True, momentum=1),
        case("nothing of the batch", values(2, 2, 3, 1), _state(2), training=True, momentum=0.0),
        case("half of the batch", values(2, 2, 3, 1), _state(2), training=True, momentum=0.5),
        case("a larger eps", values(2, 3, 2, 2), _state(3), training=True, eps=0.5),
        case("a larger eps, inference", values(2, 3, 2, 2), _state(3), training=False, eps=0.5),
        case("no images, inference", values(0, 3, 2, 2), _state(3), training=False),
        case("no channels", values(2, 0, 3, 2), _state(0), training=True),
        case("equal values", given(np.full((2, 2, 2, 2), 3)), _state(2), training=True),
        case(
            "equal values, whose sum is rounded",
            given(np.reshape(_EQUAL, (1, 4, 10, 10))),
            _state(4),
            training=True,
        ),
        case(
            "equal values, whose sum is rounded, without eps",
            given(np.reshape(_EQUAL, (1, 4, 10, 10)).transpose(2, 0, 3, 1)),
            _state(4),
            training=True,
            eps=0.0,
            data_format=_LAST,
            no_gradient="0/0 where all values are equal",
        ),
        case(
            "NaN and infinities",
            given(np.array([[1, np.nan], [np.inf, 2], [3, 4]]).reshape(1, 3, 1, 2)),
            _state(3),
            training=True,
            no_gradient="NaN and infinities among the values",
        ),
        case(
            "NaN and infinities, inference",
            given(np.array([[1, np.nan], [np.inf, 2], [3, -np.inf]]).reshape(1, 3, 1, 2)),
            _state(3),
            training=False,
            no_gradient="NaN and infinities among the values",
        ),
        case(
            "a negative variance",
            values(1, 2, 1, 2),
            {**_state(2), "running_var": given([-1, 1])},
            training=False,
            no_gradient="the root of a negative variance is NaN",
        ),
        case(
            "entries beside, in another order",
            values(2, 2, 1, 3),
            {"batches": given([7]), **dict(reversed(_state(2).items()))},
            training=True,
        ),
        # Sums and squares are past the largest float16.
        case(
            "large values",
            given(np.where(np.arange(36).reshape(2, 2, 3, 3) % 3, 6e4, -3e4)),
            _state(2),
            training=False,
        ),
        case(
            "far from zero",
            given(1000 + np.arange(12).reshape(2, 1, 2, 3)),
            _state(1),
            training=True,
        ),
        case(
            "five thousand pixels",
            given(np.arange(10000).reshape(1, 2, 50, 100) % 7 * 0.25 + 3),
            _state(2),
            training=True,
        ),
        case(
            "a flat image",
            given(np.full((2, 1, 40, 40), 1.1)),
            _state(1),
            training=True,
            dtypes=HALVES,
        ),
        case(
            "thousands of images",
            values(1500, 2, 1, 2),
            _state(2),
            training=True,
            dtypes=("float32",),
        ),
        case(
            "thousands of channels",
            values(2, 2, 1, 2000),
            _state(2000),
            training=True,
            data_format=_LAST,
            dtypes=("float32",),
        ),
    ),
    draw=_draw_batch_norm,
    sized=_batch_norm_of_rows,
    oracle=batch_norm_oracle,
    natives=idioms(globals(), "batch_norm"),
    dtypes=FLOATS,
    tolerance=4,
    magnitude=batch_norm_magnitude,
    mistakes=(
        *(
            mistake(
                f"no {name}",
                ValueError,
                "batch_norm: state must have the entries scale, shift, running_mean, "
                f"running_var; {name} is missing",
                values(2, 3, 4, 5),
                _without(name),
                training=True,
            )
            for name in _state(3)
        ),
        *(
            mistake(
                f"{name} for four channels",
                ValueError,
                f"batch_norm: state['{name}'] must have shape (3,) for the axes (c), "
                "got (4,) (x has shape (2, 3, 4, 5))",
                values(2, 3, 4, 5),
                {**_state(3), name: values(4)},
                training=False,
            )
            for name in _state(3)
        ),
        mistake(
            "channels first, but last",
            ValueError,
            "batch_norm: state['scale'] must have shape (5,) for the axes (c), "
            "got (3,) (x has shape (2, 3, 4, 5))",
            values(2, 3, 4, 5),
            _state(3),
            training=True,
            data_format=_LAST,
        ),
        mistake(
            "a column",
            ValueError,
            "batch_norm: state['shift'] must have shape (3,) for the axes (c), "
            "got (3, 1, 1) (x has shape (2, 3, 4, 5))",
            values(2, 3, 4, 5),
            {**_state(3), "shift": values(3, 1, 1)},
            training=True,
        ),
        mistake(
            "one value a channel",
            ValueError,
            "batch_norm: x must have at least 2 values a channel to train on, got 1 "
            "(x has shape (1, 3, 1, 1))",
            values(1, 3, 1, 1),
            _state(3),
            training=True,
        ),
        mistake(
            "no images",
            ValueError,
            "batch_norm: x must have at least 2 values a channel to train on, got 0 "
            "(x has shape (0, 3, 4, 5))",
            values(0, 3, 4, 5),
            _state(3),
            training=True,
        ),
        mistake(
            "one image",
            ValueError,
            "batch_norm: x must have 4 axes (b c h w), got 3 (x has shape (3, 4, 5))",
            values(3, 4, 5),
            _state(3),
            training=True,
        ),
        mistake(
            "one image, channels last",
            ValueError,
            "batch_norm: x must have 4 axes (b h w c), got 3 (x has shape (4, 5, 3))",
            values(4, 5, 3),
            _state(3),
            training=True,
            data_format=_LAST,
        ),
        mistake(
            "an unknown format",
            ValueError,
            "batch_norm: data_format must be 'channels_first' or 'channels_last', got 'NCHW'",
            values(2, 3, 4, 5),
            _state(3),
            training=True,
            data_format="NCHW",
        ),
        mistake(
            "integers",
            TypeError,
            "batch_norm: x must have a floating dtype, got int32",
            Given(np.zeros((2, 3, 4, 5)), "int32"),
            _state(3),
            training=True,
        ),
        mistake(
            "an integer in the state",
            TypeError,
            "batch_norm: state['running_var'] must have a floating dtype, got int32",
            values(2, 3, 4, 5),
            {**_state(3), "running_var": Given([1, 1, 1], "int32")},
            training=True,
        ),
        mistake(
            "a coarser state",
            TypeError,
            "batch_norm: x is float32 and state['running_mean'] is float16; "
            "pass arrays of one dtype",
            values(2, 3, 4, 5),
            {**_state(3), "running_mean": Given([1, 1, 1], "float16")},
            training=True,
        ),
        mistake(
            "a list in the state",
            TypeError,
            "batch_norm: state['scale'] must be an array of NumPy, PyTorch, JAX or TensorFlow, "
            "got a list",
            values(2, 1, 4, 5),
            {**_state(1), "scale": [1.0]},
            training=True,
        ),
        mistake(
            "no state",
            TypeError,
            "batch_norm: state must be a dictionary of arrays, got None",
            values(2, 3, 4, 5),
            None,
            training=True,
        ),
        mistake(
            "training is a number",
            TypeError,
            "batch_norm: training must be True or False, got 1",
            values(2, 3, 4, 5),
            _state(3),
            training=1,
        ),
        mistake(
            "too much momentum",
            ValueError,
            "batch_norm: momentum must be from 0 to 1, got 1.5",
            values(2, 3, 4, 5),
            _state(3),
            training=True,
            momentum=1.5,
        ),
        mistake(
            "no momentum",
            TypeError,
            "batch_norm: momentum must be a number, got None",
            values(2, 3, 4, 5),
            _state(3),
            training=True,
            momentum=None,
        ),
        mistake(
            "eps is NaN",
            ValueError,
            "batch_norm: eps must be at least 0, got nan",
            values(2, 3, 4, 5),
            _state(3),
            training=True,
            eps=math.nan,
        ),
    ),
)


# --- normalize_rows ------------------------------------------------------------------------------


def _length(row: list[float]) -> float:
    finite = all(map(math.isfinite, row))
    return math.hypot(*row) if finite else math.sqrt(sum(value * value for value in row))


def normalize_rows_oracle(x: Array, *, eps: float = 0.0) -> Array:
    out = np.empty(x.shape)
    for i in range(x.shape[0]):
        row = x[i].tolist()
        length = _length(row)
        for j, value in enumerate(row):
            out[i, j] = _divided(value, eps if length < eps else length)
    return out


def normalize_rows_numpy(x):
    import numpy as np

    return x / np.linalg.norm(x, axis=1, keepdims=True)


def normalize_rows_torch(x):
    import torch.nn.functional as F

    return F.normalize(x, dim=1)


def normalize_rows_jax(x):
    import jax.numpy as jnp

    return x / jnp.linalg.norm(x, axis=1, keepdims=True)


def normalize_rows_tensorflow(x):
    import tensorflow as tf

    return tf.math.l2_normalize(x, axis=1)


_ONE_TO_NINE = given([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
_LONG_ROW = np.arange(5000).reshape(1, 5000) % 3 * 0.5 + 1

NORMALIZE_ROWS = Entry(
    op=ops.normalize_rows,
    cases=(
        case("1 to 9", _ONE_TO_NINE),
        case("any rows", values(4, 6)),
        case("long and short rows", given([[300, -400], [0.003, 0.004], [-5, 12]])),
        case("one column", given([[3], [-0.5], [1]])),
        case("one row", values(1, 5)),
        case(
            "a row of zeros",
            given([[0, 0, 0], [1, 2, 2], [-0.0, 0, 0]]),
            no_gradient="0/0 in a row of zeros",
        ),
        case("a row of zeros, with eps", given([[0, 0, 0], [1, 2, 2]]), eps=1e-3),
        # A derivative of 1e30 cannot be measured: no float64.
        case(
            "a row of zeros, with the least eps",
            given([[0, 0], [3, 4]]),
            eps=1e-30,
            dtypes=("float32", "float16", "bfloat16"),
        ),
        case(
            "short rows, with eps",
            given([[0.3, 0.4], [3, 4], [-1.2, 1.6]]),
            eps=2,
            no_gradient="a row as long as eps",
        ),
        case(
            "NaN and infinities",
            given([[1, np.nan], [np.inf, 1], [-np.inf, np.inf], [3, 4]]),
            no_gradient="NaN and infinities among the values",
        ),
        case(
            "NaN, with eps",
            given([[1, np.nan], [3, 4]]),
            eps=1.0,
            no_gradient="NaN among the values",
        ),
        case("no rows", values(0, 3)),
        case("no columns", values(3, 0)),
        # The squares are past the largest float16, or under the least.
        case("large values", given([[3e4, 4e4, -6e4]])),
        case(
            "small values",
            given([[3e-4, -4e-4], [2e-5, 1e-5]]),
            no_gradient="a step of 1e-6 is not small beside its values",
        ),
        case(
            "tiny and huge rows",
            given([[3e-20, 4e-20], [3e-37, -4e-37], [3e20, 4e20], [-1e38, 3e38]]),
            dtypes=_RANGE,
            no_gradient="a step of 1e-6 is not small beside its values",
        ),
        case(
            "tiny and huge rows, with eps",
            given([[3e-20, 4e-20], [3e-30, 4e-30], [3e30, 4e30]]),
            eps=1e-25,
            dtypes=_RANGE,
            no_gradient="a step of 1e-6 is not small beside its values",
        ),
        case(
            "tiny rows, and a large eps",
            given([[3e-20, 4e-20], [3e-30, 4e-30]]),
            eps=1e5,
            dtypes=_RANGE,
            no_gradient="results as small as these change by less than can be measured",
        ),
        case("five thousand columns", given(_LONG_ROW)),
        case("thousands of rows", values(4096, 3), dtypes=("float32",)),
    ),
    draw=lambda draw: case(
        "drawn",
        values(draw.integer(0, 4), draw.integer(0, 6), scale=draw.choice([0.1, 1.0, 20.0])),
        eps=draw.choice([0, 0.0, 0.5]),
    ),
    sized=lambda n: case("rows", values(n, 4), eps=1.5),
    oracle=normalize_rows_oracle,
    natives=idioms(globals(), "normalize_rows"),
    dtypes=FLOATS,
    tolerance=3,
    half_tolerance=0.6,
    mistakes=(
        mistake(
            "integers",
            TypeError,
            "normalize_rows: x must have a floating dtype, got int32",
            Given([[1, 2]], "int32"),
        ),
        mistake(
            "booleans",
            TypeError,
            "normalize_rows: x must have a floating dtype, got bool",
            mask([[1, 0]]),
        ),
        mistake(
            "a vector",
            ValueError,
            "normalize_rows: x must have 2 axes (m n), got 1 (x has shape (3,))",
            values(3),
        ),
        mistake(
            "a batch",
            ValueError,
            "normalize_rows: x must have 2 axes (m n), got 3 (x has shape (2, 3, 4))",
            values(2, 3, 4),
        ),
        mistake(
            "a negative eps",
            ValueError,
            "normalize_rows: eps must be at least 0, got -1",
            values(2, 3),
            eps=-1,
        ),
        mistake(
            "eps past float32",
            ValueError,
            "normalize_rows: eps must fit in float32, got an integer of 1329 bits",
            values(2, 3),
            eps=10**400,
        ),
        mistake(
            "eps is a flag",
            TypeError,
            "normalize_rows: eps must be a number, got True",
            values(2, 3),
            eps=True,
        ),
        mistake(
            "a list",
            TypeError,
            "normalize_rows: x must be an array of NumPy, PyTorch, JAX or TensorFlow, got a list",
            [[3.0, 4.0]],
        ),
    ),
)


# --- cosine_similarity ---------------------------------------------------------------------------


def _cosines(x: Array, combine: Callable[[list[float]], float]) -> Array:
    m = x.shape[0]
    out = np.empty((m, m))
    rows = x.tolist()
    for i in range(m):
        for j in range(m):
            products = [a * b for a, b in zip(rows[i], rows[j], strict=True)]
            out[i, j] = _divided(combine(products), _length(rows[i]) * _length(rows[j]))
    return out


def cosine_similarity_oracle(x: Array) -> Array:
    def total(products: list[float]) -> float:
        return math.fsum(products) if all(map(math.isfinite, products)) else sum(products)

    return _cosines(x, total)


def cosine_similarity_magnitude(x: Array) -> Array:
    return _cosines(x, lambda products: sum(map(abs, products)))


def cosine_similarity_numpy(x):
    import numpy as np

    rows = x / np.linalg.norm(x, axis=1, keepdims=True)
    return rows @ rows.T


def cosine_similarity_torch(x):
    import torch.nn.functional as F

    return F.cosine_similarity(x[:, None], x[None], dim=-1)


def cosine_similarity_jax(x):
    import jax.numpy as jnp

    rows = x / jnp.linalg.norm(x, axis=1, keepdims=True)
    return rows @ rows.T


def cosine_similarity_tensorflow(x):
    import tensorflow as tf

    rows = tf.math.l2_normalize(x, axis=1)
    return tf.matmul(rows, rows, transpose_b=True)


COSINE_SIMILARITY = Entry(
    op=ops.cosine_similarity,
    cases=(
        case("1 to 9", _ONE_TO_NINE),
        case("any rows", values(4, 6)),
        case(
            "one column",
            given([[3], [-0.5], [1]]),
            no_gradient="cosines are −1 and 1 in one dimension",
        ),
        case(
            "one row",
            values(1, 5),
            no_gradient="the cosine of a row and itself is always 1",
        ),
        case("right angles, opposites and twins", given([[1, 0], [0, 2], [-3, 0], [5, 0]])),
        case("long and short rows", given([[300, -400], [0.003, 0.004], [-5, 12]])),
        case(
            "a row of zeros",
            given([[0, 0, 0], [1, 2, 2]]),
            no_gradient="0/0 in a row of zeros",
        ),
        case(
            "NaN and infinities",
            given([[1, np.nan], [np.inf, 1], [3, 4], [4, -3]]),
            no_gradient="NaN and infinities among the values",
        ),
        case(
            "tiny and huge rows",
            given([[3e-20, 4e-20], [3e-37, -4e-37], [3e20, 4e20], [-1e38, 3e38]]),
            dtypes=_RANGE,
            no_gradient="a step of 1e-6 is not small beside its values",
        ),
        case("no rows", values(0, 3)),
        case("large values", given([[3e4, 4e4, -6e4], [6e4, 6e4, 6e4]])),
        case(
            "small values",
            given([[3e-4, -4e-4], [2e-5, 1e-5]]),
            no_gradient="a step of 1e-6 is not small beside its values",
        ),
        case(
            "five thousand columns",
            given(np.concatenate([_LONG_ROW, 2 - _LONG_ROW])),
            dtypes=HALVES,
        ),
        # JAX adds them one after the other.
        case("thousands of columns", values(3, 4096), dtypes=("float32",), tolerance=32),
        case("many rows", values(60, 3), dtypes=("float32", "float16")),
    ),
    draw=lambda draw: case(
        "drawn",
        values(draw.integer(0, 5), draw.integer(1, 6), scale=draw.choice([0.1, 1.0, 20.0])),
    ),
    # Of n rows, all n² pairs would be too many for loops.
    sized=lambda n: case("rows", values(4, n), tolerance=32),
    oracle=cosine_similarity_oracle,
    natives=idioms(globals(), "cosine_similarity"),
    dtypes=FLOATS,
    tolerance=4,
    half_tolerance=0.6,
    magnitude=cosine_similarity_magnitude,
    mistakes=(
        mistake(
            "integers",
            TypeError,
            "cosine_similarity: x must have a floating dtype, got int32",
            Given([[1, 2]], "int32"),
        ),
        mistake(
            "a vector",
            ValueError,
            "cosine_similarity: x must have 2 axes (m n), got 1 (x has shape (3,))",
            values(3),
        ),
        mistake(
            "a batch",
            ValueError,
            "cosine_similarity: x must have 2 axes (m n), got 3 (x has shape (2, 3, 4))",
            values(2, 3, 4),
        ),
        mistake(
            "no columns",
            ValueError,
            "cosine_similarity: the columns of x must be at least 1, got 0 (x has shape (3, 0))",
            values(3, 0),
        ),
        mistake(
            "a list",
            TypeError,
            "cosine_similarity: x must be an array of NumPy, PyTorch, JAX or TensorFlow, "
            "got a list",
            [[3.0, 4.0]],
        ),
    ),
)

ENTRIES = (LAYER_NORM, BATCH_NORM, NORMALIZE_ROWS, COSINE_SIMILARITY)
