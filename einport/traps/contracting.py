"""Products of matrices and vectors, and Einstein summation."""

from ._trap import trap


def einsum_widens_numpy():
    import numpy as np

    x = np.full((1, 3), 100, dtype=np.int8)
    return np.einsum("ij->i", x)


def einsum_widens_torch():
    import torch

    x = torch.full((1, 3), 100, dtype=torch.int8)
    one = torch.ones(3, dtype=torch.int8)
    return {
        "ij->i": torch.einsum("ij->i", x),
        "ij,j->i": torch.einsum("ij,j->i", x, one),
    }


def einsum_widens_jax():
    import jax.numpy as jnp

    x = jnp.full((1, 3), 100, dtype=jnp.int8)
    return jnp.einsum("ij->i", x)


def einsum_widens_tensorflow():
    import tensorflow as tf

    return tf.einsum("ij->i", tf.fill((1, 3), tf.constant(100, tf.int8)))


def einsum_widens_einport(xp):
    from einport.ops import einsum

    x = xp.asarray([[100, 100, 100]], dtype="int8")
    return einsum(x, "row column -> row")


EINSUM_WIDENS = trap(
    globals(),
    "einsum-widens",
    "einsum of bytes wraps, widens, or is refused",
    why="PyTorch's einsum hands an axis of one array alone to `sum`, which widens, and a product "
    "of two to `matmul`, which does not. TensorFlow's has no kernel for eight bits.",
    instead="The result has the dtype of the arrays, and integers wrap, on all alike.",
    ops=("einsum", "matrix_vector", "inner_product"),
)


def einsum_of_two_dtypes_numpy():
    import numpy as np

    a, b = np.ones(2, dtype=np.float32), np.ones(2, dtype=np.float64)
    return np.einsum("i,i->", a, b)


def einsum_of_two_dtypes_torch():
    import torch

    a, b = torch.ones(2), torch.ones(2, dtype=torch.float64)
    return torch.einsum("i,i->", a, b)


def einsum_of_two_dtypes_jax():
    import jax.numpy as jnp

    # Without jax_enable_x64 there is no float64.
    a, b = jnp.ones(2, dtype=jnp.float16), jnp.ones(2)
    return jnp.einsum("i,i->", a, b)


def einsum_of_two_dtypes_tensorflow():
    import tensorflow as tf

    a, b = tf.ones(2), tf.ones(2, dtype=tf.float64)
    return tf.einsum("i,i->", a, b)


def einsum_of_two_dtypes_einport(xp):
    from einport.ops import inner_product

    a = xp.asarray([1.0, 1.0], dtype="float16")
    b = xp.asarray([1.0, 1.0], dtype="float32")
    return inner_product(a, b)


EINSUM_OF_TWO_DTYPES = trap(
    globals(),
    "einsum-of-two-dtypes",
    "A product of two dtypes takes the wider one, or is refused",
    why="NumPy and JAX promote, PyTorch and TensorFlow raise: code that was tried in NumPy fails "
    "where one of its arrays has another dtype.",
    instead="A TypeError that names both dtypes, on every framework.",
    ops=("einsum", "inner_product", "matrix_multiply", "matrix_vector", "outer_product"),
)


def matmul_of_booleans_numpy():
    import numpy as np

    x = np.ones((2, 2), dtype=bool)
    return x @ x


def matmul_of_booleans_torch():
    import torch

    x = torch.ones((2, 2), dtype=torch.bool)
    return x @ x


def matmul_of_booleans_jax():
    import jax.numpy as jnp

    x = jnp.ones((2, 2), dtype=bool)
    return x @ x


def matmul_of_booleans_tensorflow():
    import tensorflow as tf

    x = tf.ones((2, 2), dtype=tf.bool)
    return x @ x


def matmul_of_booleans_einport(xp):
    from einport.ops import matrix_multiply

    x = xp.asarray([[True, True], [True, True]])
    return matrix_multiply(x, x)


MATMUL_OF_BOOLEANS = trap(
    globals(),
    "matmul-of-booleans",
    "Two boolean matrices have a product, or cannot be multiplied",
    why="Who reaches whom in two steps is a boolean product: NumPy and JAX compute it, PyTorch and "
    "TensorFlow do not (on a CPU).",
    instead="A boolean product is “any of both”, on every framework.",
    ops=("matrix_multiply", "matrix_vector", "einsum", "inner_product"),
)


def matmul_with_vector_numpy():
    import numpy as np

    return np.matmul(np.ones((2, 2)), np.ones(2))


def matmul_with_vector_torch():
    import torch

    return torch.matmul(torch.ones(2, 2), torch.ones(2))


def matmul_with_vector_jax():
    import jax.numpy as jnp

    return jnp.matmul(jnp.ones((2, 2)), jnp.ones(2))


def matmul_with_vector_tensorflow():
    import tensorflow as tf

    try:
        return tf.matmul(tf.ones((2, 2)), tf.ones(2))
    except tf.errors.InvalidArgumentError:
        return "InvalidArgumentError"  # its words depend on the processor


def matmul_with_vector_einport(xp):
    from einport.ops import matrix_vector

    a = xp.asarray([[1.0, 1.0], [1.0, 1.0]], dtype="float32")
    return matrix_vector(a, xp.asarray([1.0, 1.0], dtype="float32"))


MATMUL_WITH_VECTOR = trap(
    globals(),
    "matmul-with-vector",
    "A matrix times a vector is an error in TensorFlow",
    why="TensorFlow's `matmul` wants matrices on both sides; `tf.linalg.matvec` takes a vector. To "
    "the others a vector on the right is a column.",
    instead="`matrix_vector` and `matrix_multiply` are two operations, and each checks its ranks.",
    ops=("matrix_vector", "matrix_multiply"),
)


def dot_of_matrices_numpy():
    import numpy as np

    return np.dot(np.ones((2, 2)), np.ones((2, 2)))


def dot_of_matrices_torch():
    import torch

    return torch.dot(torch.ones(2, 2), torch.ones(2, 2))


def dot_of_matrices_jax():
    import jax.numpy as jnp

    return jnp.dot(jnp.ones((2, 2)), jnp.ones((2, 2)))


def dot_of_matrices_einport(xp):
    from einport.ops import inner_product

    x = xp.asarray([[1.0, 1.0], [1.0, 1.0]], dtype="float32")
    return inner_product(x, x)


DOT_OF_MATRICES = trap(
    globals(),
    "dot-of-matrices",
    "dot multiplies matrices, or takes vectors alone",
    why="NumPy's and JAX's `dot` is a matrix product for matrices; PyTorch's takes two vectors.",
    instead="`inner_product` takes two vectors and says so.",
    ops=("inner_product", "matrix_multiply"),
)


def einsum_long_diagonal_numpy():
    import numpy as np

    def last_is_right(n, value):
        x = np.full((n, n), value, dtype=np.float32)
        return float(np.einsum("ii->i", x)[-1]) == value

    def right(n):
        return last_is_right(n, 2) and last_is_right(n, 3)

    return {"4096 rows": right(4096), "4097 rows": right(4097)}


def einsum_long_diagonal_torch():
    import torch

    def last_is_right(n, value):
        x = torch.full((n, n), float(value))
        return float(torch.einsum("ii->i", x)[-1]) == value

    def right(n):
        return last_is_right(n, 2) and last_is_right(n, 3)

    return {"4096 rows": right(4096), "4097 rows": right(4097)}


def einsum_long_diagonal_jax():
    import jax.numpy as jnp

    def last_is_right(n, value):
        x = jnp.full((n, n), value, dtype=jnp.float32)
        return float(jnp.einsum("ii->i", x)[-1]) == value

    def right(n):
        return last_is_right(n, 2) and last_is_right(n, 3)

    return {"4096 rows": right(4096), "4097 rows": right(4097)}


def einsum_long_diagonal_tensorflow():
    import tensorflow as tf

    def last_is_right(n, value):
        x = tf.fill((n, n), float(value))
        return float(tf.einsum("ii->i", x)[-1]) == value

    def right(n):  # the memory may hold one of two values by chance
        return last_is_right(n, 2) and last_is_right(n, 3)

    return {"4096 rows": right(4096), "4097 rows": right(4097)}


def einsum_long_diagonal_einport(xp):
    from einport.ops import einsum

    def last_is_right(n, value):
        corner = xp.asarray([[float(value)]], dtype="float32")
        x = xp.pad(corner, [(n - 1, 0), (n - 1, 0)])
        return float(einsum(x, "row row -> row")[-1]) == value

    def right(n):
        return last_is_right(n, 2) and last_is_right(n, 3)

    return {"4096 rows": right(4096), "4097 rows": right(4097)}


EINSUM_LONG_DIAGONAL = trap(
    globals(),
    "einsum-long-diagonal",
    "The last element of a diagonal is wrong from 4097 rows on",
    why="TensorFlow's einsum never writes it: one reads what the memory held before. A matrix of "
    "4097 rows has more than 2²⁴ elements, which float32 cannot count; `tf.linalg.diag_part` is "
    "right.",
    instead="The TensorFlow adapter takes diagonals with `tf.linalg.diag_part`.",
    ops=("trace", "einsum"),
)


def einsum_of_float16_numpy():
    import numpy as np

    x = np.ones(5000, dtype=np.float16)
    return {"einsum": np.einsum("i,i->", x, x), "matmul": x @ x}


def einsum_of_float16_torch():
    import torch

    x = torch.ones(5000, dtype=torch.float16)
    return {"einsum": torch.einsum("i,i->", x, x), "matmul": x @ x}


def einsum_of_float16_jax():
    import jax.numpy as jnp

    x = jnp.ones(5000, dtype=jnp.float16)
    return {"einsum": jnp.einsum("i,i->", x, x), "matmul": x @ x}


def einsum_of_float16_tensorflow():
    import os
    import subprocess
    import sys

    import tensorflow as tf

    program = """
import tensorflow as tf
x = tf.ones((1, 5000), dtype=tf.float16)
print(int(tf.einsum("ij,ij->", x, x)))
"""
    # With oneDNN, the default on some processors, the sum may be 5000.
    own = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": "0"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=own, capture_output=True, text=True)
    x = tf.ones((1, 5000), dtype=tf.float16)
    return {
        "einsum": int(done.stdout),
        "matmul": tf.matmul(x, x, transpose_b=True)[0, 0],
    }


def einsum_of_float16_einport(xp):
    from einport.ops import einsum, inner_product

    x = xp.asarray([1.0] * 5000, dtype="float16")
    return {
        "einsum": einsum(x, x, "i, i ->"),
        "inner_product": inner_product(x, x),
    }


EINSUM_OF_FLOAT16 = trap(
    globals(),
    "einsum-of-float16",
    "5000 times 1 · 1, added up, is 2048",
    why="TensorFlow's einsum over a single pair of vectors adds up in float16, where 2048 + 1 is "
    "2048; its `matmul` and the others add up in float32. With oneDNN, which it takes by itself "
    "where the processor has AVX-512, einsum may do so too: the same program, another sum.",
    instead="Products of 16-bit floats are added up in float32 and rounded once.",
    ops=("einsum", "inner_product", "matrix_multiply", "matrix_vector"),
)


def einsum_of_bfloat16_numpy():
    import ml_dtypes
    import numpy as np

    x = np.ones(2, dtype=ml_dtypes.bfloat16)
    return {
        "matmul": lambda: float(x @ x),
        "einsum": lambda: float(np.einsum("i,i->", x, x)),
    }


def einsum_of_bfloat16_torch():
    import torch

    x = torch.ones(2, dtype=torch.bfloat16)
    return {"matmul": x @ x, "einsum": torch.einsum("i,i->", x, x)}


def einsum_of_bfloat16_jax():
    import jax.numpy as jnp

    x = jnp.ones(2, dtype=jnp.bfloat16)
    return {"matmul": x @ x, "einsum": jnp.einsum("i,i->", x, x)}


def einsum_of_bfloat16_einport(xp):
    from einport.ops import inner_product

    x = xp.asarray([1.0, 1.0], dtype="bfloat16")
    return inner_product(x, x)


EINSUM_OF_BFLOAT16 = trap(
    globals(),
    "einsum-of-bfloat16",
    "NumPy multiplies matrices of bfloat16, but not with einsum",
    why="bfloat16 is no dtype of NumPy's own: ml_dtypes brings it, with a product of matrices and "
    "without einsum's loops.",
    instead="The same on every framework.",
    ops=("einsum", "inner_product", "outer_product"),
)


def product_over_nothing_numpy():
    import numpy as np

    return np.ones((2, 0)) @ np.ones((0, 1)) + np.ones(1)


def product_over_nothing_torch():
    import torch

    return torch.ones(2, 0) @ torch.ones(0, 1) + torch.ones(1)


def product_over_nothing_jax():
    import jax
    import jax.numpy as jnp

    layer = jax.jit(lambda x, w, b: x @ w + b)
    return layer(jnp.ones((2, 0)), jnp.ones((0, 1)), jnp.ones(1))


def product_over_nothing_tensorflow():
    import os
    import subprocess
    import sys

    import tensorflow as tf

    program = """
import tensorflow as tf
layer = tf.function(lambda x, w, b: tf.matmul(x, w) + b)
print(layer(tf.ones((2, 0)), tf.ones((0, 1)), tf.ones(1)).numpy().tolist())
"""
    # As is the default on processors that have AVX-512.
    own = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": "1"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=own, capture_output=True, text=True)
    return {
        "eager": tf.matmul(tf.ones((2, 0)), tf.ones((0, 1))) + tf.ones(1),
        "tf.function": done.stdout.strip() or "the process has ended",
    }


def product_over_nothing_einport(xp):
    from einport.ops import matrix_multiply, transpose_matrices

    def layer(x, w, b):
        return matrix_multiply(x, w) + b

    x = xp.asarray([[], []], dtype="float32")
    w = transpose_matrices(xp.asarray([[]], dtype="float32"))
    return xp.compile(layer)(x, w, xp.asarray([1.0], dtype="float32"))


PRODUCT_OVER_NOTHING = trap(
    globals(),
    "product-over-nothing",
    "A graph of TensorFlow's ends the process at a product over no elements",
    why="With oneDNN, which TensorFlow takes where the processor has AVX-512, a graph makes one "
    "kernel of a product and the bias that is added. That kernel cannot be made where the sum is "
    "over nothing, or there are no columns, and what it throws is caught by nobody. Eager, the two "
    "are two kernels.",
    instead="Such a product is a sum over nothing, zeros, with no kernel of products.",
    ops=("feed_forward", "matrix_multiply", "multi_head_attention"),
    not_on=("numpy",),
)


TRAPS = (
    EINSUM_WIDENS,
    EINSUM_OF_TWO_DTYPES,
    MATMUL_OF_BOOLEANS,
    MATMUL_WITH_VECTOR,
    DOT_OF_MATRICES,
    EINSUM_LONG_DIAGONAL,
    EINSUM_OF_FLOAT16,
    EINSUM_OF_BFLOAT16,
    PRODUCT_OVER_NOTHING,
)
