"""Derivatives at corners, roots and ties, where there is a choice or none."""

from ._trap import trap


def gradient_of_a_tie_torch():
    import torch

    def gradient(function):
        return torch.func.grad(function)(torch.ones(2))

    return {
        "x.max(0).values": gradient(lambda x: x.max(0).values),
        "x.amax(0)": gradient(lambda x: x.amax(0)),
        "sort(x)[-1]": gradient(lambda x: torch.sort(x).values[-1]),
    }


def gradient_of_a_tie_jax():
    import jax
    import jax.numpy as jnp

    def gradient(function):
        return jax.grad(function)(jnp.ones(2))

    return {
        "max(x)": gradient(jnp.max),
        "sort(x)[-1]": gradient(lambda x: jnp.sort(x)[-1]),
    }


def gradient_of_a_tie_tensorflow():
    import tensorflow as tf

    def gradient(function):
        x = tf.ones(2)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        return tape.gradient(y, x)

    return {
        "reduce_max(x)": gradient(tf.reduce_max),
        "top_k(x, 1)": gradient(lambda x: tf.math.top_k(x, 1).values[0]),
    }


def gradient_of_a_tie_einport(xp):
    from einport.ops import reduce

    x = xp.asarray([1.0, 1.0], dtype="float32")
    _, gradient = xp.value_and_grad(lambda x: reduce(x, "n ->", "max"))(x)
    return gradient


GRADIENT_OF_A_TIE = trap(
    globals(),
    "gradient-of-a-tie",
    "The gradient of a maximum goes to one of two equal elements, or to both",
    why="A maximum of equal elements has no derivative, and each function chooses a substitute. "
    "What picks an element by its index gives all to that one; what looks for equal values shares.",
    instead="`reduce` shares among equal elements, on every framework.",
    ops=("reduce", "global_max_pool", "channel_max_pool", "max_pool"),
    not_on=("numpy",),
)


def relu_at_zero_torch():
    import torch

    def gradient(function):
        return torch.func.grad(function)(torch.tensor(0.0))

    zero = torch.tensor(0.0)
    return {
        "relu(x)": gradient(torch.relu),
        "maximum(x, 0)": gradient(lambda x: torch.maximum(x, zero)),
        "maximum(0, x)": gradient(lambda x: torch.maximum(zero, x)),
        "clamp(x, min=0)": gradient(lambda x: torch.clamp(x, min=0)),
    }


def relu_at_zero_jax():
    import jax
    import jax.numpy as jnp

    def gradient(function):
        return jax.grad(function)(jnp.array(0.0))

    return {
        "relu(x)": gradient(jax.nn.relu),
        "maximum(x, 0)": gradient(lambda x: jnp.maximum(x, 0.0)),
        "maximum(0, x)": gradient(lambda x: jnp.maximum(0.0, x)),
        "clip(x, 0)": gradient(lambda x: jnp.clip(x, 0.0)),
    }


def relu_at_zero_tensorflow():
    import tensorflow as tf

    def gradient(function):
        x = tf.constant(0.0)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        return tape.gradient(y, x)

    return {
        "relu(x)": gradient(tf.nn.relu),
        "maximum(x, 0)": gradient(lambda x: tf.maximum(x, 0.0)),
        "maximum(0, x)": gradient(lambda x: tf.maximum(0.0, x)),
        "clip_by_value": gradient(lambda x: tf.clip_by_value(x, 0, 1)),
    }


RELU_AT_ZERO = trap(
    globals(),
    "relu-at-zero",
    "The slope of max(x, 0) at 0 is 0, a half, or 1",
    why="There is a corner at 0, and any slope from 0 to 1 is as good. Biases and padding are "
    "often exactly 0, and a ReLU written by hand then learns otherwise than the framework's own.",
    instead="The ReLU is a maximum: given exactly 0, its slope is that of the framework's maximum.",
    ops=("feed_forward", "transformer_block"),
)


def root_behind_where_torch():
    import torch

    def safe(x):
        return torch.where(x > 0, torch.sqrt(x), 0.0)

    def twice(x):
        inner = torch.where(x > 0, x, 1.0)
        return torch.where(x > 0, torch.sqrt(inner), 0.0)

    x = torch.tensor(0.0)
    return {
        "value": safe(x),
        "gradient": torch.func.grad(safe)(x),
        "gradient, where twice": torch.func.grad(twice)(x),
    }


def root_behind_where_jax():
    import jax
    import jax.numpy as jnp

    def safe(x):
        return jnp.where(x > 0, jnp.sqrt(x), 0.0)

    def twice(x):
        inner = jnp.where(x > 0, x, 1.0)
        return jnp.where(x > 0, jnp.sqrt(inner), 0.0)

    return {
        "value": safe(0.0),
        "gradient": jax.grad(safe)(0.0),
        "gradient, where twice": jax.grad(twice)(0.0),
    }


def root_behind_where_tensorflow():
    import tensorflow as tf

    def gradient(function):
        x = tf.constant(0.0)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        return tape.gradient(y, x)

    def safe(x):
        return tf.where(x > 0, tf.sqrt(x), 0.0)

    def safe_logarithm(x):
        return tf.where(x > 0, tf.math.log(x), 0.0)

    return {
        "value": safe(tf.constant(0.0)),
        "gradient": gradient(safe),
        "gradient of a logarithm": gradient(safe_logarithm),
    }


def root_behind_where_einport(xp):
    from einport.ops import entropy

    p = xp.asarray([0.0, 1.0], dtype="float32")
    value, gradient = xp.value_and_grad(entropy)(p)
    return {"entropy": value, "gradient": gradient}


ROOT_BEHIND_WHERE = trap(
    globals(),
    "root-behind-where",
    "`where` guards the value of a root at 0, and not its gradient",
    why="The gradient of the branch that was not taken is multiplied by 0, and 0 · ∞ is NaN. The "
    "argument must be made harmless too, before the root. TensorFlow's root gives 0 there, its "
    "logarithm NaN.",
    instead="Arguments are made harmless first: the `entropy` of a sure outcome is 0, with a "
    "finite gradient.",
    ops=("entropy", "kl_divergence", "cross_entropy", "scaled_dot_product_attention"),
    not_on=("numpy",),
)


def norm_of_zeros_torch():
    import torch

    def by_hand(x):
        return torch.sqrt(torch.sum(x * x))

    x = torch.zeros(2)
    return {
        "linalg.norm": torch.func.grad(torch.linalg.norm)(x),
        "by hand": torch.func.grad(by_hand)(x),
    }


def norm_of_zeros_jax():
    import jax
    import jax.numpy as jnp

    return {"linalg.norm": jax.grad(jnp.linalg.norm)(jnp.zeros(2))}


def norm_of_zeros_tensorflow():
    import tensorflow as tf

    x = tf.zeros(2)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.norm(x)
    return {"norm": tape.gradient(y, x)}


def norm_of_zeros_einport(xp):
    from einport.ops import normalize_rows

    def total(x):
        return xp.sum(normalize_rows(x, eps=0.001))

    x = xp.asarray([[0.0, 0.0]], dtype="float32")
    return {"normalize_rows, eps=0.001": xp.value_and_grad(total)(x)[1]}


NORM_OF_ZEROS = trap(
    globals(),
    "norm-of-zeros",
    "The gradient of the length of a zero vector is 0, or NaN",
    why="The length has no derivative at 0. PyTorch's own function gives 0 there; a root of a sum "
    "of squares gives 0 · ∞. One row of zeros, padding say, and the gradients of all weights "
    "before it are NaN.",
    instead="`normalize_rows` has an `eps`, the least length to divide by: with it the gradient at "
    "a row of zeros is 1 / `eps`, large and finite; without it infinite.",
    ops=("normalize_rows", "cosine_similarity"),
    not_on=("numpy",),
)


def absolute_at_zero_torch():
    import torch

    return torch.func.grad(torch.abs)(torch.tensor(0.0))


def absolute_at_zero_jax():
    import jax
    import jax.numpy as jnp

    return jax.grad(jnp.abs)(0.0)


def absolute_at_zero_tensorflow():
    import tensorflow as tf

    x = tf.constant(0.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.abs(x)
    return tape.gradient(y, x)


ABSOLUTE_AT_ZERO = trap(
    globals(),
    "absolute-at-zero",
    "The slope of |x| at 0 is 0, or 1",
    why="PyTorch and TensorFlow take the middle of −1 and 1, JAX the slope to the right: there a "
    "penalty on the size of weights pushes away from 0 those that have got there.",
    instead="No operation takes absolute values.",
)


TRAPS = (
    GRADIENT_OF_A_TIE,
    RELU_AT_ZERO,
    ROOT_BEHIND_WHERE,
    NORM_OF_ZEROS,
    ABSOLUTE_AT_ZERO,
)
