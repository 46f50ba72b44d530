"""Dtypes, conversions, and numbers at the edge."""

from ._trap import trap


def integer_plus_float_numpy():
    import numpy as np

    x = np.array([1], dtype=np.int32)
    return {
        "int32 + float32": x + np.array([1], dtype=np.float32),
        "int32 + 0.5": x + 0.5,
    }


def integer_plus_float_torch():
    import torch

    x = torch.tensor([1], dtype=torch.int32)
    return {"int32 + float32": x + torch.tensor([1.0]), "int32 + 0.5": x + 0.5}


def integer_plus_float_jax():
    import jax.numpy as jnp

    x = jnp.array([1], dtype=jnp.int32)
    return {"int32 + float32": x + jnp.array([1.0]), "int32 + 0.5": x + 0.5}


def integer_plus_float_tensorflow():
    import tensorflow as tf

    x = tf.constant([1])
    return {
        "int32 + float32": lambda: x + tf.constant([1.0]),
        "int32 + 0.5": lambda: x + 0.5,
    }


def integer_plus_float_einport(xp):
    from einport.ops import elementwise_product

    a = xp.asarray([[1]], dtype="int32")
    return elementwise_product(a, xp.asarray([[1.0]], dtype="float32"))


INTEGER_PLUS_FLOAT = trap(
    globals(),
    "integer-plus-float",
    "An integer and a float32 make a float64, a float32, or an error",
    why="NumPy widens so far that every int32 is exact; PyTorch and JAX take the float's dtype; "
    "TensorFlow never converts.",
    instead="Operations take arrays of one dtype and name both where they differ.",
    ops=("elementwise_product", "squared_error", "einsum", "matrix_multiply"),
)


def two_kinds_of_half_numpy():
    import ml_dtypes
    import numpy as np

    return np.ones(1, dtype=np.float16) + np.ones(1, dtype=ml_dtypes.bfloat16)


def two_kinds_of_half_torch():
    import torch

    a, b = torch.ones(1, dtype=torch.float16), torch.ones(1, dtype=torch.bfloat16)
    return a + b


def two_kinds_of_half_jax():
    import jax.numpy as jnp

    return jnp.ones(1, dtype=jnp.float16) + jnp.ones(1, dtype=jnp.bfloat16)


def two_kinds_of_half_tensorflow():
    import tensorflow as tf

    return tf.ones(1, dtype=tf.float16) + tf.ones(1, dtype=tf.bfloat16)


TWO_KINDS_OF_HALF = trap(
    globals(),
    "two-kinds-of-half",
    "float16 and bfloat16 make a float32, or an error",
    why="Neither holds the other, so that promotion goes up to float32: one layer in the other "
    "format doubles the memory of all that follows. TensorFlow refuses.",
    instead="Operations take arrays of one dtype; each computes in float32 and rounds once.",
    ops=("elementwise_product", "einsum", "scaled_dot_product_attention"),
)


def default_float_numpy():
    import numpy as np

    return np.array([1.5])


def default_float_torch():
    import torch

    return torch.tensor([1.5])


def default_float_jax():
    import jax.numpy as jnp

    return jnp.array([1.5])


def default_float_tensorflow():
    import tensorflow as tf

    return tf.constant([1.5])


DEFAULT_FLOAT = trap(
    globals(),
    "default-float",
    "1.5 is a float64 in NumPy and a float32 elsewhere",
    why="A reference computed in NumPy has twice the digits of what it is compared with; and data "
    "handed on from NumPy keeps its 64 bits in PyTorch and TensorFlow, where weights have 32.",
    instead="The result has the dtype of the arrays; an adapter's `asarray` takes a dtype.",
)


def narrowing_numpy():
    import numpy as np

    return np.asarray(np.array([2**31]))


def narrowing_torch():
    import numpy as np
    import torch

    return torch.as_tensor(np.array([2**31]))


def narrowing_jax():
    import jax.numpy as jnp
    import numpy as np

    return jnp.asarray(np.array([2**31]))


def narrowing_tensorflow():
    import numpy as np
    import tensorflow as tf

    return tf.convert_to_tensor(np.array([2**31]))


NARROWING = trap(
    globals(),
    "narrowing",
    "A large integer from NumPy turns negative in JAX",
    why="JAX has 32 bits unless `jax_enable_x64` is set, and takes the lower half of an array of "
    "64 without a word.",
    instead="The JAX adapter's `asarray` raises an OverflowError where a value does not fit.",
)


def float_to_integer_numpy():
    import numpy as np

    x = np.array([np.nan, 1e20, -1.5], dtype=np.float32)
    return {"int32": x.astype(np.int32), "uint8": x[2:].astype(np.uint8)}


def float_to_integer_torch():
    import torch

    x = torch.tensor([torch.nan, 1e20, -1.5])
    return {"int32": x.to(torch.int32), "uint8": x[2:].to(torch.uint8)}


def float_to_integer_jax():
    import jax.numpy as jnp

    x = jnp.array([jnp.nan, 1e20, -1.5])
    return {"int32": x.astype(jnp.int32), "uint8": x[2:].astype(jnp.uint8)}


def float_to_integer_tensorflow():
    import tensorflow as tf

    def cast(x):
        return tf.cast(x, tf.int32)

    x = tf.constant([float("nan"), 1e20, -1.5])
    return {
        "int32": cast(x),
        "int32, XLA": tf.function(cast, jit_compile=True)(x),
        "uint8": tf.cast(x[2:], tf.uint8),
    }


FLOAT_TO_INTEGER = trap(
    globals(),
    "float-to-integer",
    "NaN as an integer is 0, or −2147483648",
    why="What does not fit has no meaning, and each takes what its processor's instruction gives "
    "(seen on x86-64; others differ), while XLA saturates and sends NaN to 0.",
    instead="No operation turns floats into integers; classes and indices come as integers.",
)


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
    why="Integers have no infinity. NumPy gives 0 with a warning, JAX the −1 of XLA less one for "
    "rounding down, PyTorch and TensorFlow raise.",
    instead="Sizes are checked before they divide; no operation divides integers of an array.",
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
    "Bounds that are computed cross sooner or later.",
    instead="No operation clips to two bounds.",
)


TRAPS = (
    INTEGER_PLUS_FLOAT,
    TWO_KINDS_OF_HALF,
    DEFAULT_FLOAT,
    NARROWING,
    FLOAT_TO_INTEGER,
    DIVISION_BY_ZERO,
    CLIP_CROSSED,
)
