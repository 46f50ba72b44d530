"""Pooling at the border, and over NaN."""

from ._trap import trap


def average_at_border_torch():
    import torch

    def pool(**options):
        x = torch.ones(1, 1, 1, 3)
        average = torch.nn.functional.avg_pool2d
        return average(x, (1, 2), padding=(0, 1), **options)[0, 0, 0]

    return {
        "as it comes": pool(),
        "count_include_pad=False": pool(count_include_pad=False),
    }


def average_at_border_tensorflow():
    import tensorflow as tf

    x = tf.ones((1, 1, 3, 1))
    found = tf.nn.avg_pool2d(x, (1, 2), (1, 2), "SAME")
    return {'"SAME"': found[0, 0, :, 0]}


def average_at_border_einport(xp):
    from einport.ops import average_pool

    x = xp.asarray([[[[1.0, 1.0, 1.0]]]], dtype="float32")
    return {
        "(0, 1)": average_pool(x, (1, 2), padding=(0, 1))[0, 0, 0],
        '"same"': average_pool(x, (1, 2), padding="same")[0, 0, 0],
    }


AVERAGE_AT_BORDER = trap(
    globals(),
    "average-at-border",
    "An average of ones is less than 1 at the border",
    why="PyTorch counts the zeros of the padding as pixels unless `count_include_pad=False`; "
    "TensorFlow does not count them.",
    instead="Padded cells do not count.",
    ops=("average_pool",),
)


def windows_that_stick_out_torch():
    import torch

    x = torch.ones(1, 1, 5, 5)
    return tuple(torch.nn.functional.avg_pool2d(x, 2).shape[2:])


def windows_that_stick_out_tensorflow():
    import tensorflow as tf

    x = tf.ones((1, 5, 5, 1))
    return {
        "SAME": tuple(tf.nn.avg_pool2d(x, 2, 2, "SAME").shape[1:3]),
        "VALID": tuple(tf.nn.avg_pool2d(x, 2, 2, "VALID").shape[1:3]),
    }


def windows_that_stick_out_einport(xp):
    from einport.ops import average_pool

    x = xp.asarray([[[[1.0] * 5] * 5]], dtype="float32")
    return {
        "as it comes": xp.shape(average_pool(x, 2))[2:],
        '"same"': xp.shape(average_pool(x, 2, padding="same"))[2:],
    }


WINDOWS_THAT_STICK_OUT = trap(
    globals(),
    "windows-that-stick-out",
    "Five pixels in windows of two give two windows, or three",
    why="PyTorch drops the last pixel unless `ceil_mode=True`; “same” in TensorFlow lets the last "
    "window stick out.",
    instead='The last pixel is dropped, and `padding="same"` keeps it, on every framework.',
    ops=("average_pool", "max_pool"),
)


def max_pool_nan_torch():
    import torch

    x = torch.tensor([[[[1.0, torch.nan, 2.0, 3.0]]]])
    return torch.nn.functional.max_pool2d(x, (1, 2))[0, 0, 0]


def max_pool_nan_jax():
    import jax
    import jax.numpy as jnp

    x, start = jnp.array([1.0, jnp.nan, 2.0, 3.0]), -jnp.inf
    return jax.lax.reduce_window(x, start, jax.lax.max, (2,), (2,), "VALID")


def max_pool_nan_tensorflow():
    import tensorflow as tf

    x = tf.reshape([1.0, float("nan"), 2.0, 3.0], (1, 1, 4, 1))
    return tf.nn.max_pool2d(x, (1, 2), (1, 2), "VALID")[0, 0, :, 0]


def max_pool_nan_einport(xp):
    from einport.ops import max_pool

    x = xp.asarray([[[[1.0, float("nan"), 2.0, 3.0]]]], dtype="float32")
    return max_pool(x, (1, 2))[0, 0, 0]


MAX_POOL_NAN = trap(
    globals(),
    "max-pool-nan",
    "Max pooling in TensorFlow passes over NaN",
    why="Where a window holds NaN the others give NaN; TensorFlow gives the largest number, and "
    "the network goes on as if nothing had happened.",
    instead="A window that holds NaN gives NaN.",
    ops=("max_pool", "global_max_pool", "channel_max_pool"),
)


def max_pool_infinity_torch():
    import torch

    x = torch.full((1, 1, 1, 2), -torch.inf)
    return torch.nn.functional.max_pool2d(x, (1, 2))[0, 0, 0]


def max_pool_infinity_jax():
    import jax
    import jax.numpy as jnp

    x, start = jnp.full(2, -jnp.inf), -jnp.inf
    return jax.lax.reduce_window(x, start, jax.lax.max, (2,), (2,), "VALID")


def max_pool_infinity_tensorflow():
    import tensorflow as tf

    x = tf.fill((1, 1, 2, 1), -float("inf"))
    return tf.nn.max_pool2d(x, (1, 2), (1, 2), "VALID")[0, 0, :, 0]


def max_pool_infinity_einport(xp):
    from einport.ops import max_pool

    x = xp.asarray([[[[-float("inf")] * 2]]], dtype="float32")
    return max_pool(x, (1, 2))[0, 0, 0]


MAX_POOL_INFINITY = trap(
    globals(),
    "max-pool-infinity",
    "The largest of two −∞ is −3.4·10³⁸",
    why="TensorFlow begins with the least finite number instead of −∞: what was ruled out with −∞ "
    "has a finite score again.",
    instead="A window of −∞ gives −∞.",
    ops=("max_pool",),
)


TRAPS = (AVERAGE_AT_BORDER, WINDOWS_THAT_STICK_OUT, MAX_POOL_NAN, MAX_POOL_INFINITY)
