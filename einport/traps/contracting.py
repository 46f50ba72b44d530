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
    ops=("einsum", "row_sums", "matrix_vector"),
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
    "when a mask or a count joins in.",
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
    "The product of two boolean matrices",
    why="Who reaches whom in two steps is a boolean product: NumPy and JAX compute it, PyTorch and "
    "TensorFlow have no kernel.",
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

    return tf.matmul(tf.ones((2, 2)), tf.ones(2))


def matmul_with_vector_einport(xp):
    from einport.ops import matrix_vector

    a = xp.asarray([[1.0, 1.0], [1.0, 1.0]], dtype="float32")
    return matrix_vector(a, xp.asarray([1.0, 1.0], dtype="float32"))


MATMUL_WITH_VECTOR = trap(
    globals(),
    "matmul-with-vector",
    "A matrix times a vector is an error in TensorFlow",
    why="TensorFlow's `matmul` wants matrices on both sides; `tf.linalg.matvec` takes a vector. "
    "To the others a vector is a column on the right and a row on the left.",
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
    why="NumPy's and JAX's `dot` is a matrix product for matrices, and something else again for "
    "more axes. PyTorch's takes two vectors.",
    instead="`inner_product` takes two vectors and says so.",
    ops=("inner_product", "matrix_multiply"),
)


def einsum_long_diagonal_numpy():
    import numpy as np

    x = np.ones((4097, 4097), dtype=np.float32)
    return float(np.einsum("ii->i", x)[-1]) == 1


def einsum_long_diagonal_torch():
    import torch

    x = torch.ones(4097, 4097)
    return float(torch.einsum("ii->i", x)[-1]) == 1


def einsum_long_diagonal_jax():
    import jax.numpy as jnp

    x = jnp.ones((4097, 4097))
    return float(jnp.einsum("ii->i", x)[-1]) == 1


def einsum_long_diagonal_tensorflow():
    import tensorflow as tf

    x = tf.ones((4097, 4097))
    return {
        "einsum": float(tf.einsum("ii->i", x)[-1]) == 1,
        "diag_part": float(tf.linalg.diag_part(x)[-1]) == 1,
    }


EINSUM_LONG_DIAGONAL = trap(
    globals(),
    "einsum-long-diagonal",
    "The last element of a long diagonal is not 1, in a matrix of ones",
    why="TensorFlow's einsum computes the place of an element in float32, which is exact to 2²⁴: "
    "in a matrix of 4097 rows the last place is beyond, and what is read is whatever was there.",
    instead="The TensorFlow adapter takes diagonals with `tf.linalg.diag_part`.",
    ops=("trace", "einsum"),
)


TRAPS = (
    EINSUM_WIDENS,
    EINSUM_OF_TWO_DTYPES,
    MATMUL_OF_BOOLEANS,
    MATMUL_WITH_VECTOR,
    DOT_OF_MATRICES,
    EINSUM_LONG_DIAGONAL,
)
