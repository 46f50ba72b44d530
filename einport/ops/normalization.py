"""Normalization: over the last axis, of each channel, of each row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeVar

from einops import rearrange

from .. import expect
from ..backends import Backend, backend_of
from ..operation import operation
from ..patterns import einsum, reduce_axes
from ._broadcasting import to_rank
from ._numerics import centered, squarable

__all__ = [
    "batch_norm",
    "cosine_similarity",
    "layer_norm",
    "normalize_rows",
]

A = TypeVar("A", bound=Any)

STATE = ("scale", "shift", "running_mean", "running_var")


def _check_layer_norm(x: Any, scale: Any, shift: Any, eps: Any) -> None:
    named = {"scale": scale, "shift": shift}
    weights = {name: array for name, array in named.items() if array is not None}
    xp = expect.floats_alike(x=x, **weights)
    expect.number(0, eps=eps)
    shape = expect.axes(xp, "... n", x=x)
    for name, array in weights.items():
        if not expect.same_sizes(xp.shape(array), shape[-1:]):
            raise expect.value_error(
                f"{name} must have shape {expect.show(shape[-1:])}, the last axis of x, "
                f"got {expect.show(xp.shape(array))} (x has shape {expect.show(shape)})"
            )


@operation(checks=_check_layer_norm, in_float32=True)
def layer_norm(x: A, scale: A | None = None, shift: A | None = None, *, eps: float = 1e-5) -> A:
    """Layer normalization of the last axis to mean 0 and variance 1, with scale and shift.

    The variance is the biased one, with n and not n − 1. A row of equal values gives exactly
    `shift`, and so does one whose values are too far apart to square. 16-bit floats are computed in
    float32.

    Args:
        x: `(..., n)`, floating.
        scale: `(n,)` of the same dtype, what the result is multiplied by; 1 by default.
        shift: `(n,)` of the same dtype, what is added then; 0 by default.
        eps: what is added to the variance. With 0, a row of equal values gives NaN.

    Returns:
        `(..., n)`: `(x − mean) / √(var + eps) · scale + shift`.

    Raises:
        TypeError: an argument is not a floating array, frameworks or dtypes are mixed, or `eps`
            is not a number.
        ValueError: `x` has no axis, `scale` or `shift` does not have shape `(n,)`, or `eps` is
            negative.

    Source: J. L. Ba et al., "Layer Normalization", 2016.

    >>> import numpy as np
    >>> layer_norm(np.array([1.0, 3.0]), eps=0).tolist()
    [-1.0, 1.0]
    """
    xp = backend_of(x)
    rows, _ = centered(xp, x, "... n -> ... 1")
    if eps == 0:
        rows = rows * squarable(xp, rows)
    variance = xp.mean(rows * rows, axis=-1, keepdims=True)
    rows = rows / xp.sqrt(variance + float(eps))
    if scale is not None:
        rows = rows * to_rank(xp, scale, len(xp.shape(x)))
    if shift is not None:
        rows = rows + to_rank(xp, shift, len(xp.shape(x)))
    return rows


def _check_batch_norm(
    x: Any, state: Any, training: Any, momentum: Any, eps: Any, data_format: Any
) -> None:
    xp = expect.arrays(x=x)
    expect.floating(xp, x=x)
    expect.flag(training=training)
    expect.number(0, 1, momentum=momentum)
    expect.number(0, eps=eps)
    image = expect.image(xp, data_format, x=x)
    entries, sizes = dict.fromkeys(STATE, "c"), {"c": image.channels}
    expect.parameters(xp, {"x": x}, entries, sizes, wider=True, state=state)
    batch = xp.shape(x)[0], image.height, image.width
    count = None if None in batch else math.prod(batch)
    if training and isinstance(count, int) and count < 2:
        raise expect.value_error(
            f"x must have at least 2 values a channel to train on, got {count} "
            f"(x has shape {expect.show(xp.shape(x))})"
        )


@operation(checks=_check_batch_norm, keeps=("state",))
def batch_norm(
    x: A,
    state: Mapping[str, A],
    *,
    training: bool,
    momentum: float = 0.1,
    eps: float = 1e-5,
    data_format: str = "channels_first",
) -> tuple[A, dict[str, A]]:
    """Batch normalization of each channel to mean 0 and variance 1, with scale and shift.

    While training the batch's own mean and biased variance are used, and the new state holds
    `(1 − momentum) · running + momentum · batch`, with the batch's unbiased variance. Otherwise
    the running statistics are used and returned unchanged. Nothing is written in place. While
    training, a channel of equal values gives exactly its shift. 16-bit floats are computed in
    float32.

    Args:
        x: `(b, c, h, w)`, or `(b, h, w, c)` with channels last; floating.
        state: a dictionary of `scale`, `shift`, `running_mean` and `running_var`, each `(c,)` in
            the dtype of `x`. Beside 16-bit floats it may be in float32, so that small updates of
            the running statistics are not rounded away. Other entries are returned unchanged.
        training: whether to use the batch's own statistics.
        momentum: weight of the batch in the new state, from 0 to 1. (PyTorch's convention; Keras's
            momentum is 1 − this.)
        eps: what is added to the variance. With 0, a channel of equal values gives NaN.
        data_format: `"channels_first"` or `"channels_last"`.

    Returns:
        `y`, of the shape and dtype of `x`; and the new state, a new dictionary.

    Raises:
        TypeError: an argument is not a floating array, frameworks or dtypes are mixed, `state` is
            not a dictionary, `training` not a bool, or `momentum` or `eps` not a number.
        ValueError: an entry of the state is missing or does not have shape `(c,)`, `x` does not
            have 4 axes, there are fewer than two values a channel to train on, `momentum` or
            `eps` is out of range, or the data format is unknown.

    Source: S. Ioffe and C. Szegedy, "Batch Normalization", ICML 2015; the running variance as in
    PyTorch's `BatchNorm2d`.

    >>> import numpy as np
    >>> state = {"scale": np.ones(1), "shift": np.zeros(1)}
    >>> state |= {"running_mean": np.zeros(1), "running_var": np.ones(1)}
    >>> x = np.array([1.0, 3.0]).reshape(2, 1, 1, 1)
    >>> y, new = batch_norm(x, state, training=True)
    >>> y.ravel().round(3).tolist(), new["running_mean"].tolist(), new["running_var"].tolist()
    ([-1.0, 1.0], [0.2], [1.1])
    """
    xp = backend_of(x)
    first = data_format == "channels_first"
    axes, kept = ("b c h w", "1 c 1 1") if first else ("b h w c", "1 1 1 c")
    wide, new = xp.widen(x), dict(state)
    scale, shift, mean, variance = (
        rearrange(xp.widen(state[name]), f"c -> {kept}") for name in STATE
    )
    if training:
        differences, mean = centered(xp, wide, f"{axes} -> {kept}")
        variance = reduce_axes(xp.mean, differences * differences, f"{axes} -> {kept}")
        n = _values_per_channel(xp, wide, axes)
        for name, batch in (("running_mean", mean), ("running_var", variance * (n / (n - 1)))):
            batch = rearrange(batch, f"{kept} -> c")
            new[name] = _moving_average(xp, state[name], batch, float(momentum))
    else:
        differences = wide - mean
    y = differences / xp.sqrt(variance + float(eps)) * scale + shift
    return xp.narrow(y, x), new


def _check_normalize_rows(x: Any, eps: Any) -> None:
    xp = expect.arrays(x=x)
    expect.floating(xp, x=x)
    expect.number(0, eps=eps)
    expect.axes(xp, "m n", x=x)


@operation(checks=_check_normalize_rows, in_float32=True)
def normalize_rows(x: A, *, eps: float = 0.0) -> A:
    """Scale each row of a matrix to Euclidean length 1.

    16-bit floats are computed in float32.

    Args:
        x: `(m, n)`, floating.
        eps: the least length to divide by. With 0, a row of zeros gives NaN; with more, zeros.

    Returns:
        `(m, n)`: `x / max(√(Σ_n x²), eps)`.

    Raises:
        TypeError: `x` is not a floating array, or `eps` is not a number.
        ValueError: `x` does not have 2 axes, or `eps` is negative.

    Source: the Euclidean norm; `eps` as in PyTorch's `normalize`.

    >>> import numpy as np
    >>> normalize_rows(np.array([[3.0, 4.0]])).tolist()
    [[0.6, 0.8]]
    """
    xp = backend_of(x)
    factor = squarable(xp, x, float(eps))
    rows = x * factor
    total = xp.sum(rows * rows, axis=-1, keepdims=True)
    # The square root has no gradient at 0, so a row of zeros bypasses it; eps can then divide it.
    empty = total == 0
    length = xp.where(empty, 0.0, xp.sqrt(xp.where(empty, 1.0, total)))
    return rows / xp.maximum(length, float(eps) * factor)


def _check_cosine_similarity(x: Any) -> None:
    xp = expect.arrays(x=x)
    expect.floating(xp, x=x)
    expect.axes(xp, "m n", x=x)
    expect.not_empty(xp, {"columns": 1}, x=x)


@operation(checks=_check_cosine_similarity, in_float32=True)
def cosine_similarity(x: A) -> A:
    """Cosine similarity of every two rows of a matrix.

    16-bit floats are computed in float32. A row of zeros has no direction and gives NaN.

    Args:
        x: `(m, n)`, floating.

    Returns:
        `(m, m)`: `out[i, j] = x[i]·x[j] / (|x[i]|·|x[j]|)`.

    Raises:
        TypeError: `x` is not a floating array.
        ValueError: `x` does not have 2 axes, or has no columns.

    Source: G. Salton et al., "A Vector Space Model for Automatic Indexing", 1975.

    >>> import numpy as np
    >>> cosine_similarity(np.array([[1.0, 0.0], [1.0, 1.0]])).round(3).tolist()
    [[1.0, 0.707], [0.707, 1.0]]
    """
    rows = normalize_rows.definition(x)
    return einsum.definition(rows, rows, "i n, j n -> i j")


def _moving_average(xp: Backend, running: Any, batch: Any, momentum: float) -> Any:
    """`(1 − momentum) · running + momentum · batch`, in the dtype of `running`."""
    return xp.narrow((1 - momentum) * xp.widen(running) + momentum * batch, running)


def _values_per_channel(xp: Backend, x: Any, axes: str) -> Any:
    """How many values each channel has; an array in the dtype of `x` where sizes are unknown."""
    dtype, sizes = xp.dtype(x), zip(axes.split(), xp.shape(x), xp.sizes(x), strict=True)
    return math.prod(
        [xp.astype(n, dtype) if known is None else n for name, known, n in sizes if name != "c"]
    )
