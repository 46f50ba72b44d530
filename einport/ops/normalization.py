"""Values brought to one scale: over the last axis, a channel, or a row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeVar

from einops import rearrange

from ..backends import Backend
from ..operation import operation
from ..patterns.axes import reduce_axes
from ..patterns.contraction import einsum
from . import _checks as check
from ._broadcasting import to_rank
from ._numerics import centered, squarable

__all__ = [
    "batch_norm",
    "cosine_similarity",
    "layer_norm",
    "normalize_rows",
]

A = TypeVar("A")

STATE = ("scale", "shift", "running_mean", "running_var")


@operation
def layer_norm(x: A, scale: A | None = None, shift: A | None = None, *, eps: float = 1e-5) -> A:
    """Bring the last axis to mean 0 and variance 1, then scale and shift it.

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
    op = "layer_norm"
    named = {"x": x, "scale": scale, "shift": shift}
    given = {name: array for name, array in named.items() if array is not None or name == "x"}
    xp = check.arrays(op, **given)
    for name, array in given.items():
        check.floating(op, name, xp, array)
    check.same_dtype(op, xp, **given)
    eps = check.number(op, "eps", eps, 0)
    shape = xp.shape(x)
    check.rank(op, "x", shape, "... n")
    for name, array in given.items():
        if name != "x" and not check.same_sizes(xp.shape(array), shape[-1:]):
            raise ValueError(
                f"{op}: {name} must have shape {check.show(shape[-1:])}, the last axis of x, "
                f"got {check.show(xp.shape(array))} (x has shape {check.show(shape)})"
            )
    rows, _ = centered(xp, xp.widen(x), "... n -> ... 1")
    if eps == 0:
        rows = rows * squarable(xp, rows)
    variance = xp.mean(rows * rows, axis=-1, keepdims=True)
    rows = rows / xp.sqrt(variance + eps)
    if scale is not None:
        rows = rows * to_rank(xp, xp.widen(scale), len(shape))
    if shift is not None:
        rows = rows + to_rank(xp, xp.widen(shift), len(shape))
    return xp.astype(rows, xp.dtype(x))


@operation(keeps=("state",))
def batch_norm(
    x: A,
    state: Mapping[str, A],
    *,
    training: bool,
    momentum: float = 0.1,
    eps: float = 1e-5,
    data_format: str = "channels_first",
) -> tuple[A, dict[str, A]]:
    """Bring each channel to mean 0 and variance 1 over the batch, then scale and shift it.

    While training the batch's own mean and biased variance are used, and the new state holds
    `(1 − momentum) · running + momentum · batch`, with the batch's unbiased variance. Otherwise
    the running ones are used and returned as they are. Nothing is written in place. While training,
    a channel of equal values gives exactly its shift. 16-bit floats are computed in float32.

    Args:
        x: `(b, c, h, w)`, or `(b, h, w, c)` with channels last; floating.
        state: a dictionary of `scale`, `shift`, `running_mean` and `running_var`, each `(c,)` in
            the dtype of `x`; beside 16-bit floats it may be in float32, which keeps the running
            statistics from standing still. Other entries are handed on.
        training: whether to use the batch's own statistics.
        momentum: how much of the batch goes into the new state, from 0 to 1. (PyTorch's meaning:
            Keras calls 1 − momentum so.)
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
    op = "batch_norm"
    xp = check.array(op, "x", x)
    check.floating(op, "x", xp, x)
    check.flag(op, "training", training)
    momentum = check.number(op, "momentum", momentum, 0, 1)
    eps = check.number(op, "eps", eps, 0)
    shape = xp.shape(x)
    channels, _, _ = check.image(op, "x", shape, data_format)
    first = data_format == "channels_first"
    axes, kept = ("b c h w", "1 c 1 1") if first else ("b h w c", "1 1 1 c")
    entries = dict.fromkeys(STATE, "c")
    check.parameters(op, xp, {"x": x}, state, entries, {"c": channels}, name="state", wider=True)
    wide: Any = xp.widen(x)
    scale, shift, mean, variance = (
        rearrange(xp.widen(state[name]), f"c -> {kept}") for name in STATE
    )
    new = dict(state)
    if training:
        sizes = (shape[0], *(shape[2:] if first else shape[1:3]))
        count = _values_a_channel(op, sizes, shape)
        old = mean, variance
        differences, mean = centered(xp, wide, f"{axes} -> {kept}")
        variance = reduce_axes(xp.mean, differences * differences, f"{axes} -> {kept}")
        if count is None:
            ones = xp.astype((wide == wide) | (wide != wide), xp.dtype(wide))
            count = reduce_axes(xp.sum, ones, f"{axes} -> {kept}")
        unbiased = variance * (count / (count - 1))
        for name, running, batch in zip(STATE[2:], old, (mean, unbiased), strict=True):
            mixed = (1 - momentum) * running + momentum * batch
            new[name] = xp.astype(rearrange(mixed, f"{kept} -> c"), xp.dtype(state[name]))
    else:
        differences = wide - mean
    y = differences / xp.sqrt(variance + eps) * scale + shift
    return xp.astype(y, xp.dtype(x)), new


@operation
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
    op = "normalize_rows"
    xp = check.array(op, "x", x)
    check.floating(op, "x", xp, x)
    eps = check.number(op, "eps", eps, 0)
    check.rank(op, "x", xp.shape(x), "m n")
    rows: A = xp.astype(_unit_rows(xp, xp.widen(x), eps), xp.dtype(x))
    return rows


@operation
def cosine_similarity(x: A) -> A:
    """The cosine of the angle between every two rows of a matrix.

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
    op = "cosine_similarity"
    xp = check.array(op, "x", x)
    check.floating(op, "x", xp, x)
    shape = xp.shape(x)
    check.rank(op, "x", shape, "m n")
    check.not_empty(op, "x", shape, {"columns": 1})
    rows = _unit_rows(xp, xp.widen(x), 0.0)
    result: A = xp.astype(einsum(rows, rows, "i n, j n -> i j"), xp.dtype(x))
    return result


def _unit_rows(xp: Backend, wide: Any, eps: float) -> Any:
    """Rows divided by their length, or by eps where that is more."""
    factor = squarable(xp, wide, eps)
    rows = wide * factor
    total = xp.sum(rows * rows, axis=-1, keepdims=True)
    # The root has no gradient at 0: a row of zeros goes another way, so that eps can help it.
    empty = total == 0
    length = xp.where(empty, 0.0, xp.sqrt(xp.where(empty, 1.0, total)))
    return rows / xp.maximum(length, eps * factor)


def _values_a_channel(op: str, sizes: tuple[Any, ...], shape: Any) -> Any:
    """How many values each channel has; None if that is not known yet."""
    if None in sizes:
        return None
    count = math.prod(sizes)
    if isinstance(count, int) and count < 2:
        raise ValueError(
            f"{op}: x must have at least 2 values a channel to train on, got {count} "
            f"(x has shape {check.show(shape)})"
        )
    return count
