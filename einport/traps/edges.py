"""Zero, NaN, and what is too small or too large."""

from ._trap import trap


def division_by_zero_numpy():
    import numpy as np

    return np.array([1]) // np.array([0])


def division_by_zero_torch():
    import torch

    return torch.tensor([1]) // torch.tensor([0])


def division_by_zero_jax():
    import jax.numpy as jnp

    return jnp.array([1]) // jnp.array([0])


def division_by_zero_tensorflow():
    import tensorflow as tf

    return tf.constant([1]) // tf.constant([0])


DIVISION_BY_ZERO = trap(
    globals(),
    "division-by-zero",
    "1 // 0 is 0, −2, or an error",
    why="Integers have no infinity. NumPy gives 0 with a warning; PyTorch and TensorFlow raise. In "
    "JAX XLA gives −1, and rounding down takes one more off.",
    instead="No operation divides by integers of an array; sizes are checked before they divide.",
)


def clip_crossed_numpy():
    import numpy as np

    return np.clip(5, 3, 1)


def clip_crossed_torch():
    import torch

    return torch.clamp(torch.tensor(5), 3, 1)


def clip_crossed_jax():
    import jax.numpy as jnp

    return jnp.clip(5, 3, 1)


def clip_crossed_tensorflow():
    import tensorflow as tf

    return tf.clip_by_value(5, 3, 1)


CLIP_CROSSED = trap(
    globals(),
    "clip-crossed",
    "Clipping to bounds that have crossed gives the lower or the upper one",
    why="It is max(min(x, upper), lower) in TensorFlow and min(max(x, lower), upper) elsewhere. "
    "Bounds that are computed may cross.",
    instead="No operation clips to two bounds.",
)


def sign_of_nan_numpy():
    import numpy as np

    return np.sign(np.nan)


def sign_of_nan_torch():
    import torch

    return torch.sign(torch.tensor(torch.nan))


def sign_of_nan_jax():
    import jax.numpy as jnp

    return jnp.sign(jnp.nan)


def sign_of_nan_tensorflow():
    import tensorflow as tf

    return tf.sign(float("nan"))


SIGN_OF_NAN = trap(
    globals(),
    "sign-of-nan",
    "The sign of NaN is NaN, or 0",
    why="PyTorch gives 0 for what is neither above nor below 0. An optimiser that steps by the "
    "sign of a gradient then stands still where it would have broken down.",
    instead="No operation takes signs; NaN goes in and comes out.",
)


def denormals_numpy():
    import numpy as np

    x = np.float32(1e-40) * np.float32(1)
    return {"x > 0": bool(x > 0), "log x": np.log(x)}


def denormals_torch():
    import torch

    x = torch.tensor(1e-40) * 1
    return {"x > 0": bool(x > 0), "log x": torch.log(x)}


def denormals_jax():
    import jax.numpy as jnp

    x = jnp.float32(1e-40) * 1
    return {"x > 0": bool(x > 0), "log x": jnp.log(x)}


def denormals_tensorflow():
    import tensorflow as tf

    x = tf.constant(1e-40) * 1
    return {"x > 0": bool(x > 0), "log x": tf.math.log(x)}


DENORMALS = trap(
    globals(),
    "denormals",
    "10⁻⁴⁰ times 1 is greater than 0, or is 0",
    why="Numbers below 1.2·10⁻³⁸ are slow to compute with, and JAX and TensorFlow make zeros of "
    "them. The logarithm of a probability that small is −∞ there.",
    instead="What works with small probabilities works with their logarithms.",
    ops=("log_softmax", "cross_entropy", "logsumexp"),
)


def minus_zero_numpy():
    import numpy as np

    x = np.array([-0.0]) + 0.0
    return {"x": x, "1 / x": 1 / x}


def minus_zero_torch():
    import torch

    x = torch.tensor([-0.0]) + 0.0
    return {"x": x, "1 / x": 1 / x}


def minus_zero_jax():
    import jax
    import jax.numpy as jnp

    def add(x):
        return x + 0.0

    x = jax.jit(add)(jnp.array([-0.0]))
    return {"eager": add(jnp.array([-0.0])), "jit": x, "1 / x": 1 / x}


def minus_zero_tensorflow():
    import tensorflow as tf

    def add(x):
        return x + 0.0

    x = tf.function(add, jit_compile=True)(tf.constant([-0.0]))
    return {"eager": add(tf.constant([-0.0])), "XLA": x, "1 / x": 1 / x}


MINUS_ZERO = trap(
    globals(),
    "minus-zero",
    "−0 + 0 is 0, and compiled it is −0",
    why="The standard for floating-point numbers says 0. Compiled by XLA, in JAX and in "
    "TensorFlow, −0 stays, and 1/x is −∞ where it was ∞.",
    instead="No operation promises the sign of a zero.",
)


def maximum_order_numpy():
    import numpy as np

    return {
        "maximum(x, 1)": np.maximum(np.nan, 1.0),
        "maximum(1, x)": np.maximum(1.0, np.nan),
    }


def maximum_order_jax():
    import jax
    import jax.numpy as jnp

    def first(x):
        return jnp.maximum(x, 1.0)

    def second(x):
        return jnp.maximum(1.0, x)

    x = jnp.array(jnp.nan)
    return {
        "maximum(x, 1)": first(x),
        "maximum(1, x)": second(x),
        "maximum(x, 1), jit": jax.jit(first)(x),
        "maximum(1, x), jit": jax.jit(second)(x),
    }


def maximum_order_tensorflow():
    import tensorflow as tf

    def first(x):
        return tf.maximum(x, 1.0)

    def second(x):
        return tf.maximum(1.0, x)

    x = tf.constant(float("nan"))
    return {
        "maximum(x, 1)": first(x),
        "maximum(1, x)": second(x),
        "maximum(x, 1), XLA": tf.function(first, jit_compile=True)(x),
        "maximum(1, x), XLA": tf.function(second, jit_compile=True)(x),
    }


def maximum_order_einport(xp):
    def both(x, one):
        return xp.maximum(x, one), xp.maximum(one, x)

    x = xp.asarray(float("nan"), dtype="float32")
    one = xp.asarray(1.0, dtype="float32")
    return {"as it is": both(x, one), "compiled": xp.compile(both)(x, one)}


MAXIMUM_ORDER = trap(
    globals(),
    "maximum-order",
    "Compiled, TensorFlow's maximum keeps a NaN in the first place alone",
    why="Under XLA maximum(x, 1) is NaN and maximum(1, x) is 1, where x is NaN. Without it both "
    "are NaN, and so they are in JAX, compiled or not.",
    instead="The adapter's `maximum` gives NaN where either argument is, compiled or not.",
    ops=("channel_max_pool", "max_pool", "feed_forward"),
    not_on=("numpy",),
)


TRAPS = (
    DIVISION_BY_ZERO,
    CLIP_CROSSED,
    SIGN_OF_NAN,
    DENORMALS,
    MINUS_ZERO,
    MAXIMUM_ORDER,
)
