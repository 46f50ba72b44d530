"""Entries of `einport.ops.pooling`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import ops
from ._digits import digits
from ._entry import FLOATS, Case, Draw, Entry, Given, case, counting, given, idioms, mistake, values
from .contracting import exact_sum

Array = np.ndarray[Any, Any]

DIGITS = digits()


def _largest(numbers: Sequence[Any]) -> Any:
    """The largest of some numbers, or the first NaN among them."""
    best = numbers[0]
    for number in numbers:
        if best != best:
            break
        if number > best or number != number:
            best = number
    return best


def _draw_image(draw: Draw) -> tuple[int, int, int, int]:
    """A random shape with pixels: (b, c, h, w)."""
    return draw.integer(0, 3), draw.integer(0, 3), draw.integer(1, 5), draw.integer(1, 5)


# --- global_average_pool -------------------------------------------------------------------------


def global_average_pool_oracle(
    x: Array, *, keepdims: bool = False, data_format: str = "channels_first"
) -> Array:
    first = data_format == "channels_first"
    b, c, h, w = x.shape if first else tuple(x.shape[i] for i in (0, 3, 1, 2))
    out = np.empty((b, c))
    for i, k in np.ndindex(b, c):
        plane = x[i, k] if first else x[i, :, :, k]
        out[i, k] = exact_sum(plane[row, column] for row in range(h) for column in range(w))
        out[i, k] /= h * w
    if not keepdims:
        return out
    return out[:, :, None, None] if first else out[:, None, None, :]


def global_average_pool_magnitude(x: Array, **options: Any) -> Array:
    return global_average_pool_oracle(np.abs(x), **options)


def global_average_pool_numpy(x):
    return x.mean(axis=(2, 3))


def global_average_pool_torch(x):
    import torch.nn.functional as F

    return F.adaptive_avg_pool2d(x, 1).flatten(1)


def global_average_pool_jax(x):
    return x.mean(axis=(2, 3))


def global_average_pool_tensorflow(x):
    import tensorflow as tf

    return tf.reduce_mean(x, axis=[2, 3])


def _draw_average(draw: Draw) -> Case:
    return case(
        "drawn",
        values(*_draw_image(draw)),
        keepdims=draw.choice([False, True]),
    )


def _draw_average_either(draw: Draw) -> Case:
    b, c, h, w = _draw_image(draw)
    data_format = draw.choice(["channels_first", "channels_last"])
    shape = (b, c, h, w) if data_format == "channels_first" else (b, h, w, c)
    keepdims = draw.choice([False, True])
    return case("drawn", values(*shape), keepdims=keepdims, data_format=data_format)
