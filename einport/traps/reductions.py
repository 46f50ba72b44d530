"""Sums, means, maxima: what they add up in, and what they make of nothing and of NaN."""

from ._trap import trap


def std_divisor_numpy():
    import numpy as np

    return {"of 1, 2, 3": np.std([1.0, 2.0, 3.0]), "of 1": np.std([1.0])}


def std_divisor_torch():
    import torch

    return {
        "of 1, 2, 3": torch.std(torch.tensor([1.0, 2.0, 3.0])),
        "of 1": torch.std(torch.tensor([1.0])),
    }


def std_divisor_jax():
    import jax.numpy as jnp

    return {
        "of 1, 2, 3": jnp.std(jnp.array([1.0, 2.0, 3.0])),
        "of 1": jnp.std(jnp.array([1.0])),
    }


def std_divisor_tensorflow():
    import tensorflow as tf

    return {
        "of 1, 2, 3": tf.math.reduce_std([1.0, 2.0, 3.0]),
        "of 1": tf.math.reduce_std([1.0]),
    }


def std_divisor_einport(xp):
    from einport.ops import standardize_by_period

    x = xp.asarray([1.0, 2.0, 3.0], dtype="float32")
    return {
        "correction 1": standardize_by_period(x, 3, correction=1),
        "correction 0": standardize_by_period(x, 3, correction=0),
    }


STD_DIVISOR = trap(
    globals(),
    "std-divisor",
    "The standard deviation divides by n, or by n − 1",
    why="PyTorch estimates the deviation of what the values were drawn from and divides by n − 1, "
    "the others take the values as all there are and divide by n. Of one value PyTorch's is NaN.",
    instead="`standardize_by_period` takes a `correction`; `layer_norm` and `batch_norm` divide by "
    "n, as their papers do.",
    ops=("standardize_by_period", "layer_norm", "batch_norm"),
)


def mean_of_integers_numpy():
    import numpy as np

    return np.mean(np.array([1, 2]))


def mean_of_integers_torch():
    import torch

    return torch.mean(torch.tensor([1, 2]))


def mean_of_integers_jax():
    import jax.numpy as jnp

    return jnp.mean(jnp.array([1, 2]))


def mean_of_integers_tensorflow():
    import tensorflow as tf

    return tf.reduce_mean([1, 2])


def mean_of_integers_einport(xp):
    from einport.ops import mean_by_period

    return mean_by_period(xp.asarray([1, 2], dtype="int32"), 2)


MEAN_OF_INTEGERS = trap(
    globals(),
    "mean-of-integers",
    "The mean of 1 and 2 is 1",
    why="TensorFlow's mean has the dtype of its argument and drops the fraction: the share of "
    "right answers, from integers, is 0 until all are right. PyTorch refuses.",
    instead="A TypeError that says to convert first, on every framework.",
    ops=("mean_by_period", "subtract_period_mean", "reduce", "global_average_pool"),
)


def sum_of_small_integers_numpy():
    import numpy as np

    x = np.array([100, 100], dtype=np.int8)
    return {"sum": np.sum(x), "cumsum": np.cumsum(x)}


def sum_of_small_integers_torch():
    import torch

    x = torch.tensor([100, 100], dtype=torch.int8)
    return {"sum": torch.sum(x), "cumsum": torch.cumsum(x, 0)}


def sum_of_small_integers_jax():
    import jax.numpy as jnp

    x = jnp.array([100, 100], dtype=jnp.int8)
    return {"sum": jnp.sum(x), "cumsum": jnp.cumsum(x)}


def sum_of_small_integers_tensorflow():
    import tensorflow as tf

    x = tf.constant([100, 100], dtype=tf.int8)
    return {"sum": tf.reduce_sum(x), "cumsum": tf.cumsum(x)}


def sum_of_small_integers_einport(xp):
    from einport.ops import row_sums, total_price

    prices = xp.asarray([100, 100], dtype="int8")
    return {
        "total_price": total_price(prices, xp.asarray([0, 1])),
        "row_sums": row_sums(xp.asarray([[100, 100]], dtype="int8")),
        "xp.cumulative_sum": xp.cumulative_sum(prices),
    }


SUM_OF_SMALL_INTEGERS = trap(
    globals(),
    "sum-of-small-integers",
    "100 + 100 is −56 when bytes are added up",
    why="NumPy and PyTorch add up small integers in 64 bits, JAX's `sum` in 32 and its `cumsum` in "
    "eight, and TensorFlow always in the eight bits that it was given.",
    instead="Sums and running sums of integers are 64 bits wide, in JAX 32 unless `jax_enable_x64` "
    "is set.",
    ops=("total_price", "row_sums", "reduce"),
)


def sum_past_32_bits_numpy():
    import numpy as np

    return np.sum(np.full(4, 2**30, dtype=np.int32))


def sum_past_32_bits_torch():
    import torch

    return torch.sum(torch.full((4,), 2**30, dtype=torch.int32))


def sum_past_32_bits_jax():
    import jax.numpy as jnp

    return jnp.sum(jnp.full(4, 2**30, dtype=jnp.int32))


def sum_past_32_bits_tensorflow():
    import tensorflow as tf

    return tf.reduce_sum(tf.fill((4,), tf.constant(2**30)))


SUM_PAST_32_BITS = trap(
    globals(),
    "sum-past-32-bits",
    "Four times 2³⁰ is 0",
    why="NumPy and PyTorch add up 32-bit integers in 64 bits; in JAX and TensorFlow they wrap.",
    instead="Sums of integers are 64 bits wide, on TensorFlow too; in JAX 32 bits unless "
    "`jax_enable_x64` is set.",
    ops=("total_price", "reduce"),
)


def mean_of_float16_numpy():
    import numpy as np

    return np.mean(np.full(4096, 60000, dtype=np.float16))


def mean_of_float16_torch():
    import torch

    return torch.mean(torch.full((4096,), 60000.0, dtype=torch.float16))


def mean_of_float16_jax():
    import jax.numpy as jnp

    return jnp.mean(jnp.full(4096, 60000, dtype=jnp.float16))


def mean_of_float16_tensorflow():
    import tensorflow as tf

    return tf.reduce_mean(tf.fill((4096,), tf.constant(60000, tf.float16)))


def mean_of_float16_einport(xp):
    from einport.ops import mean_by_period

    x = xp.asarray([60000.0] * 4096, dtype="float16")
    return mean_by_period(x, 4096)


MEAN_OF_FLOAT16 = trap(
    globals(),
    "mean-of-float16",
    "The mean of equal numbers is infinite",
    why="The largest float16 is 65504. TensorFlow adds up in that dtype and overflows; the others "
    "add up in float32 and round once.",
    instead="16-bit floats are added up in float32 and rounded once.",
    ops=("mean_by_period", "global_average_pool", "average_pool", "reduce", "layer_norm"),
)


def sum_of_float16_rows_numpy():
    import numpy as np

    x = np.ones((5000, 2), dtype=np.float16)
    return {"all": np.sum(x), "axis 0": np.sum(x, axis=0)}


def sum_of_float16_rows_torch():
    import torch

    x = torch.ones((5000, 2), dtype=torch.float16)
    return {"all": torch.sum(x), "axis 0": torch.sum(x, 0)}


def sum_of_float16_rows_jax():
    import jax.numpy as jnp

    x = jnp.ones((5000, 2), dtype=jnp.float16)
    return {"all": jnp.sum(x), "axis 0": jnp.sum(x, axis=0)}


def sum_of_float16_rows_tensorflow():
    import tensorflow as tf

    x = tf.ones((5000, 2), dtype=tf.float16)
    return {"all": tf.reduce_sum(x), "axis 0": tf.reduce_sum(x, axis=0)}


def sum_of_float16_rows_einport(xp):
    from einport.ops import reduce

    x = xp.asarray([[1.0, 1.0]] * 5000, dtype="float16")
    return {
        "all": reduce(x, "n d ->", "sum"),
        "axis 0": reduce(x, "n d -> d", "sum"),
    }


SUM_OF_FLOAT16_ROWS = trap(
    globals(),
    "sum-of-float16-rows",
    "5000 ones add up to 2048, along the first axis only",
    why="In float16 2048 + 1 is 2048. NumPy and TensorFlow add up in that dtype: all elements at "
    "once in pairs of pairs, which hides it, and the rows of a matrix one after the other, which "
    "does not.",
    instead="16-bit floats are added up in float32 and rounded once.",
    ops=("reduce", "row_sums", "mean_by_period"),
)


def running_sum_of_bfloat16_numpy():
    import ml_dtypes
    import numpy as np

    x = np.ones(5000, dtype=ml_dtypes.bfloat16)
    return {"sum": float(np.sum(x)), "cumsum": float(np.cumsum(x)[-1])}


def running_sum_of_bfloat16_torch():
    import torch

    x = torch.ones(5000, dtype=torch.bfloat16)
    return {"sum": torch.sum(x), "cumsum": torch.cumsum(x, 0)[-1]}


def running_sum_of_bfloat16_jax():
    import jax.numpy as jnp

    x = jnp.ones(5000, dtype=jnp.bfloat16)
    return {"sum": jnp.sum(x), "cumsum": jnp.cumsum(x)[-1]}


def running_sum_of_bfloat16_tensorflow():
    import tensorflow as tf

    x = tf.ones(5000, dtype=tf.bfloat16)
    return {"sum": tf.reduce_sum(x), "cumsum": tf.cumsum(x)[-1]}


def running_sum_of_bfloat16_einport(xp):
    x = xp.asarray([1.0] * 5000, dtype="bfloat16")
    return {"sum": xp.sum(x), "cumulative_sum": xp.cumulative_sum(x)[-1]}


RUNNING_SUM_OF_BFLOAT16 = trap(
    globals(),
    "running-sum-of-bfloat16",
    "A running sum of 5000 ones stands still at 256",
    why="bfloat16 has eight significant bits: 256 + 1 is 256. NumPy with ml_dtypes stops there, "
    "and so does TensorFlow's `cumsum`. Who adds up in float32 and rounds once gets 4992, the "
    "nearest to 5000 that there is.",
    instead="16-bit floats are added up in float32 and rounded once, running sums too.",
    ops=("sample_distribution", "reduce", "row_sums"),
)


def max_of_nothing_numpy():
    import numpy as np

    return np.max(np.zeros(0))


def max_of_nothing_torch():
    import torch

    return torch.amax(torch.zeros(0))


def max_of_nothing_jax():
    import jax.numpy as jnp

    return jnp.max(jnp.zeros(0))


def max_of_nothing_tensorflow():
    import tensorflow as tf

    return tf.reduce_max(tf.zeros(0))


def max_of_nothing_einport(xp):
    from einport.ops import global_max_pool

    image = xp.asarray([[[[]]]], dtype="float32")  # one channel, 1 × 0 pixels
    return global_max_pool(image)


MAX_OF_NOTHING = trap(
    globals(),
    "max-of-nothing",
    "The maximum of no elements is −∞, or an error",
    why="TensorFlow begins with −∞ and returns it; the others refuse.",
    instead="A ValueError on every framework.",
    ops=("reduce", "global_max_pool", "channel_max_pool", "max_pool"),
)


def max_loses_nan_numpy():
    import numpy as np

    return np.max(np.array([1.0, np.nan, 2.0]))


def max_loses_nan_torch():
    import torch

    return torch.amax(torch.tensor([1.0, torch.nan, 2.0]))


def max_loses_nan_jax():
    import jax
    import jax.numpy as jnp

    x = jnp.array([1.0, jnp.nan, 2.0])
    return {"eager": jnp.max(x), "jit": jax.jit(jnp.max)(x)}


def max_loses_nan_tensorflow():
    import tensorflow as tf

    x = tf.constant([1.0, float("nan"), 2.0])
    compiled = tf.function(tf.reduce_max, jit_compile=True)
    return {"eager": tf.reduce_max(x), "XLA": compiled(x)}


def max_loses_nan_einport(xp):
    from einport.ops import reduce

    def largest(x):
        return reduce(x, "n ->", "max")

    x = xp.asarray([1.0, float("nan"), 2.0], dtype="float32")
    return {"as it is": largest(x), "compiled": xp.compile(largest)(x)}


MAX_LOSES_NAN = trap(
    globals(),
    "max-loses-nan",
    "TensorFlow's maximum loses the NaN once XLA compiles it",
    why="A network that has broken down goes on with numbers that look right. JAX compiles with "
    "XLA too, and keeps the NaN.",
    instead="A maximum over NaN is NaN, compiled or not.",
    ops=("reduce", "global_max_pool", "channel_max_pool", "max_pool"),
    not_on=("numpy",),
)


def sum_over_no_axes_numpy():
    import numpy as np

    return np.sum(np.ones((2, 3)), axis=()).shape


def sum_over_no_axes_torch():
    import torch

    return torch.sum(torch.ones(2, 3), dim=()).shape


def sum_over_no_axes_jax():
    import jax.numpy as jnp

    return jnp.sum(jnp.ones((2, 3)), axis=()).shape


def sum_over_no_axes_tensorflow():
    import tensorflow as tf

    return tuple(tf.reduce_sum(tf.ones((2, 3)), axis=()).shape)


def sum_over_no_axes_einport(xp):
    from einport.ops import reduce

    x = xp.asarray([[1.0] * 3] * 2, dtype="float32")
    return {
        "xp.sum": xp.shape(xp.sum(x, axis=())),
        "reduce": xp.shape(reduce(x, "a b -> a b", "sum")),
    }


SUM_OVER_NO_AXES = trap(
    globals(),
    "sum-over-no-axes",
    "A sum over no axes leaves the array, or adds up all of it",
    why="PyTorch takes an empty tuple for all axes, the others for none. Code that computes its "
    "axes meets that on the day when there are none.",
    instead="No axes are no axes, on every framework.",
    ops=("reduce",),
)


def median_of_four_numpy():
    import numpy as np

    return np.median(np.array([1.0, 2.0, 3.0, 4.0]))


def median_of_four_torch():
    import torch

    return torch.median(torch.tensor([1.0, 2.0, 3.0, 4.0]))


def median_of_four_jax():
    import jax.numpy as jnp

    return jnp.median(jnp.array([1.0, 2.0, 3.0, 4.0]))


MEDIAN_OF_FOUR = trap(
    globals(),
    "median-of-four",
    "The median of 1, 2, 3, 4 is 2.5, or 2",
    why="Between the two middle values NumPy and JAX take the mean, PyTorch the lower one.",
    instead="There is no median here. `reduce` takes a function: give it the framework's own, and "
    "know which.",
    ops=("reduce",),
)


TRAPS = (
    STD_DIVISOR,
    MEAN_OF_INTEGERS,
    SUM_OF_SMALL_INTEGERS,
    SUM_PAST_32_BITS,
    MEAN_OF_FLOAT16,
    SUM_OF_FLOAT16_ROWS,
    RUNNING_SUM_OF_BFLOAT16,
    MAX_OF_NOTHING,
    MAX_LOSES_NAN,
    SUM_OVER_NO_AXES,
    MEDIAN_OF_FOUR,
)
