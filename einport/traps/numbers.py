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
    return {
        "int32 + float32": x + torch.tensor([1.0]),
        "int32 + 0.5": x + 0.5,
    }


def integer_plus_float_jax():
    import jax.numpy as jnp

    x = jnp.array([1], dtype=jnp.int32)
    return {
        "int32 + float32": x + jnp.array([1.0]),
        "int32 + 0.5": x + 0.5,
    }


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

    a = np.ones(1, dtype=np.float16)
    b = np.ones(1, dtype=ml_dtypes.bfloat16)
    return a + b


def two_kinds_of_half_torch():
    import torch

    a = torch.ones(1, dtype=torch.float16)
    b = torch.ones(1, dtype=torch.bfloat16)
    return a + b


def two_kinds_of_half_jax():
    import jax.numpy as jnp

    return jnp.ones(1, dtype=jnp.float16) + jnp.ones(1, dtype=jnp.bfloat16)


def two_kinds_of_half_tensorflow():
    import tensorflow as tf

    return tf.ones(1, dtype=tf.float16) + tf.ones(1, dtype=tf.bfloat16)


def two_kinds_of_half_einport(xp):
    from einport.ops import elementwise_product

    a = xp.asarray([[1.0]], dtype="float16")
    return elementwise_product(a, xp.asarray([[1.0]], dtype="bfloat16"))


TWO_KINDS_OF_HALF = trap(
    globals(),
    "two-kinds-of-half",
    "float16 and bfloat16 make a float32, or an error",
    why="Neither holds the other's numbers, so that promotion goes up to float32: one layer in the "
    "other format doubles the memory of all that follows. TensorFlow refuses.",
    instead="Operations take arrays of one dtype and name both where they differ.",
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
    why="What does not fit has no meaning. NumPy, PyTorch and TensorFlow take what the processor "
    "gives, here an x86-64, and others give other numbers. XLA takes the nearest integer that "
    "there is, and 0 for NaN.",
    instead="No operation turns floats into integers; classes and indices come as integers.",
)


def scalar_out_of_range_numpy():
    import numpy as np

    return np.array([1], dtype=np.uint8) + 300


def scalar_out_of_range_torch():
    import torch

    return torch.tensor([1], dtype=torch.uint8) + 300


def scalar_out_of_range_jax():
    import jax.numpy as jnp

    return jnp.array([1], dtype=jnp.uint8) + 300


def scalar_out_of_range_tensorflow():
    import tensorflow as tf

    return tf.constant([1], dtype=tf.uint8) + 300


SCALAR_OUT_OF_RANGE = trap(
    globals(),
    "scalar-out-of-range",
    "1 + 300 is 45 in bytes, or an error",
    why="A number of Python takes the dtype of the array. NumPy 2 refuses one that does not fit; "
    "the others keep its lowest eight bits.",
    instead="No operation adds numbers of the caller to integers.",
)


def sum_of_booleans_numpy():
    import numpy as np

    x = np.array([True, True])
    return {"x + x": x + x, "sum": np.sum(x)}


def sum_of_booleans_torch():
    import torch

    x = torch.tensor([True, True])
    return {"x + x": x + x, "sum": torch.sum(x)}


def sum_of_booleans_jax():
    import jax.numpy as jnp

    x = jnp.array([True, True])
    return {"x + x": x + x, "sum": jnp.sum(x)}


def sum_of_booleans_tensorflow():
    import tensorflow as tf

    x = tf.constant([True, True])
    return {"x + x": lambda: x + x, "sum": lambda: tf.reduce_sum(x)}


def sum_of_booleans_einport(xp):
    from einport.ops import total_price

    return total_price(xp.asarray([True, True]), xp.asarray([0, 1]))


SUM_OF_BOOLEANS = trap(
    globals(),
    "sum-of-booleans",
    "True + True is True, and their sum is 2",
    why="An addition keeps the dtype, where a sum widens it. TensorFlow has neither: counting what "
    "is right needs a cast.",
    instead="A sum counts booleans, on every framework.",
    ops=("total_price", "reduce", "row_sums", "classifier_accuracy"),
)


def cast_rounds_first_numpy():
    import numpy as np

    return {"is 0.1": bool(np.float64(0.1) == 0.1)}


def cast_rounds_first_torch():
    import torch

    return {"is 0.1": torch.tensor(0.1, dtype=torch.float64).item() == 0.1}


def cast_rounds_first_tensorflow():
    import tensorflow as tf

    return {
        "cast is 0.1": bool(tf.cast(0.1, tf.float64).numpy() == 0.1),
        "constant is 0.1": bool(tf.constant(0.1, tf.float64).numpy() == 0.1),
    }


CAST_ROUNDS_FIRST = trap(
    globals(),
    "cast-rounds-first",
    "0.1 as a float64 is not 0.1",
    why="`tf.cast` makes a float32 of a number of Python before it casts: half of the digits are "
    "gone. `tf.constant` takes the dtype at once.",
    instead="The TensorFlow adapter makes numbers in the dtype that they are used in.",
)


def equality_of_shapes_numpy():
    import numpy as np

    return np.array([1, 2]) == np.array([1, 2, 3])


def equality_of_shapes_torch():
    import torch

    return torch.tensor([1, 2]) == torch.tensor([1, 2, 3])


def equality_of_shapes_jax():
    import jax.numpy as jnp

    return jnp.array([1, 2]) == jnp.array([1, 2, 3])


def equality_of_shapes_tensorflow():
    import tensorflow as tf

    return tf.constant([1, 2]) == tf.constant([1, 2, 3])


def equality_of_shapes_einport(xp):
    from einport.ops import classifier_accuracy

    scores = xp.asarray([[1.0, 0.0], [1.0, 0.0]], dtype="float32")
    return classifier_accuracy(scores, xp.asarray([0, 0, 0]))


EQUALITY_OF_SHAPES = trap(
    globals(),
    "equality-of-shapes",
    "Arrays that do not fit are not equal, or cannot be compared",
    why="TensorFlow's `==` gives one False for shapes that do not broadcast; the others raise. An "
    "accuracy computed from labels of the wrong length is 0 and looks like a bad network.",
    instead="Shapes are checked first, and a ValueError names both.",
    ops=("classifier_accuracy",),
)


TRAPS = (
    INTEGER_PLUS_FLOAT,
    TWO_KINDS_OF_HALF,
    DEFAULT_FLOAT,
    NARROWING,
    FLOAT_TO_INTEGER,
    SCALAR_OUT_OF_RANGE,
    SUM_OF_BOOLEANS,
    CAST_ROUNDS_FIRST,
    EQUALITY_OF_SHAPES,
)
