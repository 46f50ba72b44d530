"""What changes when a function of one example is mapped over many."""

from ._trap import trap


def random_numbers_mapped_numpy():
    import numpy as np

    generator = np.random.default_rng(0)
    found = np.vectorize(lambda x: x + generator.random())(np.zeros(3))
    return {"all the same": bool((found == found[0]).all())}


def random_numbers_mapped_torch():
    import torch

    def noise(x):
        return x + torch.rand(())

    def mapped(**options):
        found = torch.func.vmap(noise, **options)(torch.zeros(3))
        return bool((found == found[0]).all())

    return {
        "as it comes": lambda: mapped(),
        'all the same, "same"': mapped(randomness="same"),
        'all the same, "different"': mapped(randomness="different"),
    }


def random_numbers_mapped_jax():
    import jax
    import jax.numpy as jnp

    key = jax.random.key(0)

    def noise(x):
        return x + jax.random.uniform(key)

    found = jax.vmap(noise)(jnp.zeros(3))
    return {"all the same": bool((found == found[0]).all())}


def random_numbers_mapped_tensorflow():
    import tensorflow as tf

    def noise(x):
        return x + tf.random.uniform(())

    found = tf.vectorized_map(noise, tf.zeros(3))
    return {"all the same": bool(tf.reduce_all(found == found[0]))}


def random_numbers_mapped_einport(xp):
    from einport.ops import sample_distribution

    probs = xp.asarray([0.5, 0.5], dtype="float32")
    uniforms = xp.asarray([[0.1], [0.9]], dtype="float32")
    return xp.vmap(lambda u: sample_distribution(probs, u))(uniforms)


RANDOM_NUMBERS_MAPPED = trap(
    globals(),
    "random-numbers-mapped",
    "Mapped examples get the same noise, noise of their own, or an error",
    why="In JAX the key is a value like any other: one key, one number, until it is split. "
    "TensorFlow draws for each example. PyTorch asks which of the two one means.",
    instead="Random numbers are arguments, and are mapped over like the others.",
    ops=("sample_distribution",),
)


def branch_mapped_numpy():
    import numpy as np

    return np.vectorize(lambda x: x if x > 0 else -x)(np.array([1.0, -1.0]))


def branch_mapped_torch():
    import torch

    x = torch.tensor([1.0, -1.0])
    return torch.func.vmap(lambda x: x if x > 0 else -x)(x)


def branch_mapped_jax():
    import jax
    import jax.numpy as jnp

    return jax.vmap(lambda x: x if x > 0 else -x)(jnp.array([1.0, -1.0]))


def branch_mapped_tensorflow():
    import tensorflow as tf

    def absolute(x):
        return x if x > 0 else -x

    x = tf.constant([1.0, -1.0])
    return {
        "map_fn": lambda: tf.map_fn(absolute, x),
        "vectorized_map": lambda: tf.vectorized_map(absolute, x),
    }


BRANCH_MAPPED = trap(
    globals(),
    "branch-mapped",
    "`if` on a value cannot be mapped, but for a loop",
    why="A mapped function runs once for all examples together, and they may not all take one "
    "branch. NumPy's `vectorize` and TensorFlow's `map_fn` are loops over the examples, and slow.",
    instead="No operation branches on values.",
)


def boolean_mask_mapped_torch():
    import torch

    x = torch.tensor([[1.0, -1.0], [2.0, 3.0]])
    return torch.func.vmap(lambda row: row[row > 0].sum())(x)


def boolean_mask_mapped_jax():
    import jax
    import jax.numpy as jnp

    def chosen(row):
        return row[row > 0].sum()

    def with_zeros(row):
        return row.sum(where=row > 0)

    x = jnp.array([[1.0, -1.0], [2.0, 3.0]])
    return {
        "row[row > 0].sum()": lambda: jax.vmap(chosen)(x),
        "row.sum(where=row > 0)": jax.vmap(with_zeros)(x),
    }


def boolean_mask_mapped_tensorflow():
    import tensorflow as tf

    def positive(row):
        return tf.reduce_sum(tf.boolean_mask(row, row > 0))

    x = tf.constant([[1.0, -1.0], [2.0, 3.0]])
    return {"map_fn": tf.map_fn(positive, x)}


BOOLEAN_MASK_MAPPED = trap(
    globals(),
    "boolean-mask-mapped",
    "row[row > 0] cannot be mapped over rows, even where a sum follows",
    why="Each row would leave another number of elements, and a mapped array has one size for all. "
    "Where a sum follows, zeros in their place do. TensorFlow's `map_fn` is a loop, and can.",
    instead="Masks put zeros in place; no operation drops elements by their values.",
    ops=("scaled_dot_product_attention", "moe_layer"),
)


def write_mapped_torch():
    import torch

    def first(x):
        y = torch.zeros(2)
        y[0] = x
        return y

    def first_of_new(x):
        y = x.new_zeros(2)
        y[0] = x
        return y

    x = torch.tensor([1.0, 2.0])
    return {
        "torch.zeros(2)": lambda: torch.func.vmap(first)(x),
        "x.new_zeros(2)": lambda: torch.func.vmap(first_of_new)(x),
    }


def write_mapped_jax():
    import jax
    import jax.numpy as jnp

    def first(x):
        return jnp.zeros(2).at[0].set(x)

    return jax.vmap(first)(jnp.array([1.0, 2.0]))


WRITE_MAPPED = trap(
    globals(),
    "write-mapped",
    "A mapped function cannot write into an array that it makes itself",
    why="In PyTorch the new array is one for all examples, and what is written to it differs: "
    "there is no room. `x.new_zeros` makes one for each. JAX returns a new array and does not "
    "mind.",
    instead="Operations write to nothing: they put results together from parts.",
)


def pad_mapped_torch():
    import torch

    def pad(x):
        return torch.nn.functional.pad(x, (1, 1), value=7.0)

    x = torch.ones(2, 1)
    return {"pad": pad(x[0]), "mapped": torch.func.vmap(pad)(x)[0]}


def pad_mapped_jax():
    import jax
    import jax.numpy as jnp

    def pad(x):
        return jnp.pad(x, (1, 1), constant_values=7.0)

    x = jnp.ones((2, 1))
    return {"pad": pad(x[0]), "mapped": jax.vmap(pad)(x)[0]}


def pad_mapped_tensorflow():
    import tensorflow as tf

    def pad(x):
        return tf.pad(x, [[1, 1]], constant_values=7.0)

    x = tf.ones((2, 1))
    return {"pad": pad(x[0]), "mapped": tf.vectorized_map(pad, x)[0]}


def pad_mapped_einport(xp):
    def pad(x):
        return xp.pad(x, [(1, 1)], value=7.0)

    x = xp.asarray([[1.0], [1.0]], dtype="float32")
    return {"pad": pad(x[0]), "mapped": xp.vmap(pad)(x)[0]}


PAD_MAPPED = trap(
    globals(),
    "pad-mapped",
    "Mapped in TensorFlow, a border of sevens is a border of zeros",
    why="`vectorized_map` rewrites `tf.pad` into one call for all examples, and drops "
    "`constant_values` without a word. A border of −∞ for a maximum is then 0.",
    instead="The TensorFlow adapter's `pad` gives the border that was asked for, mapped or not.",
    ops=("max_pool", "sliding_windows", "sliding_window_attention"),
)


def rows_to_vectorize_numpy():
    import numpy as np

    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    return {
        "vectorize": np.vectorize(np.sum)(x),
        'signature="(n)->()"': np.vectorize(np.sum, signature="(n)->()")(x),
    }


def rows_to_vectorize_torch():
    import torch

    return torch.func.vmap(torch.sum)(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))


def rows_to_vectorize_jax():
    import jax
    import jax.numpy as jnp

    x = jnp.array([[1.0, 2.0], [3.0, 4.0]])
    return {
        "vmap": jax.vmap(jnp.sum)(x),
        "jnp.vectorize": jnp.vectorize(jnp.sum)(x),
    }


def rows_to_vectorize_tensorflow():
    import tensorflow as tf

    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    return tf.vectorized_map(tf.reduce_sum, x)


def rows_to_vectorize_einport(xp):
    x = xp.asarray([[1.0, 2.0], [3.0, 4.0]], dtype="float32")
    return xp.vmap(xp.sum)(x)


ROWS_TO_VECTORIZE = trap(
    globals(),
    "rows-to-vectorize",
    "A sum that is mapped over a matrix gives a sum for each row, or the matrix",
    why="`vectorize` maps over single numbers unless a signature says what a piece is, and the sum "
    "of a number is that number. `vmap` and `vectorized_map` go over the first axis.",
    instead="The adapters' `vmap` goes over the first axis, on every framework.",
)


def first_result_counts_numpy():
    import numpy as np

    def ramp(x):
        return 0 if x < 1 else x

    return {
        "0.5, 1.5": np.vectorize(ramp)(np.array([0.5, 1.5])),
        "1.5, 0.5": np.vectorize(ramp)(np.array([1.5, 0.5])),
    }


def first_result_counts_jax():
    import jax.numpy as jnp

    def ramp(x):
        return jnp.where(x < 1, 0, x)

    return {
        "0.5, 1.5": jnp.vectorize(ramp)(jnp.array([0.5, 1.5])),
        "1.5, 0.5": jnp.vectorize(ramp)(jnp.array([1.5, 0.5])),
    }


def first_result_counts_tensorflow():
    import tensorflow as tf

    def ramp(x):
        return 0 if x < 1 else x

    def half(x):
        return x / 2

    return {
        "0.5, 1.5": tf.map_fn(ramp, tf.constant([0.5, 1.5])),
        "half of 1, 2": lambda: tf.map_fn(half, tf.constant([1, 2])),
    }


FIRST_RESULT_COUNTS = trap(
    globals(),
    "first-result-counts",
    "1.5 becomes 1 where another result came first",
    why="NumPy's `vectorize` takes the dtype of the first result for all of them: where that is "
    "the integer 0, fractions are lost. TensorFlow's `map_fn` expects results in the dtype of the "
    "argument and raises where they differ.",
    instead="The result's dtype rests on the arguments' dtypes alone, never on values.",
)


TRAPS = (
    RANDOM_NUMBERS_MAPPED,
    BRANCH_MAPPED,
    BOOLEAN_MASK_MAPPED,
    WRITE_MAPPED,
    PAD_MAPPED,
    ROWS_TO_VECTORIZE,
    FIRST_RESULT_COUNTS,
)
