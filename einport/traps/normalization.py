"""Normalization: what is added, what is kept, and of how many values."""

from ._trap import trap


def layer_norm_epsilon_torch():
    import torch

    return torch.nn.LayerNorm(2)(torch.tensor([0.0, 0.1])).detach()


def layer_norm_epsilon_jax():
    import jax
    import jax.numpy as jnp

    return jax.nn.standardize(jnp.array([0.0, 0.1]))


def layer_norm_epsilon_tensorflow():
    import tensorflow as tf

    layer = tf.keras.layers.LayerNormalization()
    return layer(tf.constant([[0.0, 0.1]]))[0]


def layer_norm_epsilon_einport(xp):
    from einport.ops import layer_norm

    x = xp.asarray([0.0, 0.1], dtype="float32")
    return {
        "as it comes": layer_norm(x),
        "eps=1e-3": layer_norm(x, eps=1e-3),
    }


LAYER_NORM_EPSILON = trap(
    globals(),
    "layer-norm-epsilon",
    "Layer normalization of small values differs by 15 percent",
    why="Keras adds 10⁻³ to the variance where PyTorch and JAX add 10⁻⁵. The smaller the values, "
    "the more it changes what a network makes of weights from the other.",
    instead="`eps` is 10⁻⁵ unless it is given.",
    ops=("layer_norm", "batch_norm", "embed_patches", "transformer_block"),
)


def batch_norm_momentum_torch():
    import torch

    layer = torch.nn.BatchNorm1d(1, momentum=0.9)
    layer(torch.tensor([[10.0], [10.0]]))
    return layer.running_mean


def batch_norm_momentum_tensorflow():
    import tensorflow as tf

    layer = tf.keras.layers.BatchNormalization(momentum=0.9)
    layer(tf.constant([[10.0], [10.0]]), training=True)
    return tf.constant(layer.moving_mean)


def batch_norm_momentum_einport(xp):
    from einport.ops import batch_norm

    x = xp.asarray([[[[10.0]]], [[[10.0]]]], dtype="float32")
    names = ("scale", "shift", "running_mean", "running_var")
    state = {name: xp.asarray([0.0], dtype="float32") for name in names}
    _, after = batch_norm(x, state, training=True, momentum=0.9)
    return after["running_mean"]


BATCH_NORM_MOMENTUM = trap(
    globals(),
    "batch-norm-momentum",
    "A momentum of 0.9 keeps nine tenths, or one",
    why="PyTorch's momentum is the share of the new batch, Keras' that of what was there. The "
    "defaults are 0.1 and 0.99, so that Keras also takes ten times as long to settle.",
    instead="The momentum is the share of the new batch, 0.1 unless it is given.",
    ops=("batch_norm",),
)


def batch_norm_variance_torch():
    import torch

    layer = torch.nn.BatchNorm1d(1, momentum=1.0)
    layer(torch.tensor([[0.0], [2.0]]))
    return layer.running_var


def batch_norm_variance_tensorflow():
    import tensorflow as tf

    layer = tf.keras.layers.BatchNormalization(momentum=0.0)
    layer(tf.constant([[0.0], [2.0]]), training=True)
    return tf.constant(layer.moving_variance)


def batch_norm_variance_einport(xp):
    from einport.ops import batch_norm

    x = xp.asarray([[[[0.0]]], [[[2.0]]]], dtype="float32")
    names = ("scale", "shift", "running_mean", "running_var")
    state = {name: xp.asarray([0.0], dtype="float32") for name in names}
    _, after = batch_norm(x, state, training=True, momentum=1)
    return after["running_var"]


BATCH_NORM_VARIANCE = trap(
    globals(),
    "batch-norm-variance",
    "The running variance of 0 and 2 is 2, or 1",
    why="Both divide by n to normalize the batch. In the running variance, which counts once the "
    "network is used, PyTorch divides by n − 1 and Keras by n.",
    instead="The state keeps the unbiased variance, as PyTorch's does.",
    ops=("batch_norm",),
)


def batch_norm_of_one_torch():
    import torch

    return torch.nn.BatchNorm1d(1)(torch.tensor([[5.0]]))


def batch_norm_of_one_tensorflow():
    import tensorflow as tf

    layer = tf.keras.layers.BatchNormalization()
    return layer(tf.constant([[5.0]]), training=True)


def batch_norm_of_one_einport(xp):
    from einport.ops import batch_norm

    names = ("scale", "shift", "running_mean", "running_var")
    state = {name: xp.asarray([1.0], dtype="float32") for name in names}
    x = xp.asarray([[[[5.0]]]], dtype="float32")
    return batch_norm(x, state, training=True)[0]


BATCH_NORM_OF_ONE = trap(
    globals(),
    "batch-norm-of-one",
    "Training on a batch of one: zeros, or an error",
    why="One value is its own mean, and its variance is 0. PyTorch refuses, as its running "
    "variance would be 0/0; Keras returns zeros, whatever came in.",
    instead="A ValueError that says how many values there were, on every framework.",
    ops=("batch_norm",),
)


def cosine_sign_torch():
    import torch

    a, b = torch.tensor([1.0, 0.0]), torch.tensor([2.0, 0.0])
    return torch.nn.functional.cosine_similarity(a, b, dim=0)


def cosine_sign_tensorflow():
    import tensorflow as tf

    return tf.keras.losses.cosine_similarity([1.0, 0.0], [2.0, 0.0])


def cosine_sign_einport(xp):
    from einport.ops import cosine_similarity

    x = xp.asarray([[1.0, 0.0], [2.0, 0.0]], dtype="float32")
    return cosine_similarity(x)[0, 1]


COSINE_SIGN = trap(
    globals(),
    "cosine-sign",
    "The cosine of two vectors that point one way is 1, or −1",
    why="Keras has it among its losses, which are made small: it is the negative of what its name "
    "says.",
    instead="`cosine_similarity` is the cosine.",
    ops=("cosine_similarity",),
)


def row_of_zeros_numpy():
    import numpy as np

    x = np.zeros((1, 2))
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def row_of_zeros_torch():
    import torch

    return torch.nn.functional.normalize(torch.zeros(1, 2))


def row_of_zeros_jax():
    import jax.numpy as jnp

    x = jnp.zeros((1, 2))
    return x / jnp.linalg.norm(x, axis=-1, keepdims=True)


def row_of_zeros_tensorflow():
    import tensorflow as tf

    return tf.math.l2_normalize(tf.zeros((1, 2)), axis=-1)


def row_of_zeros_einport(xp):
    from einport.ops import normalize_rows

    x = xp.asarray([[0.0, 0.0]], dtype="float32")
    return {
        "as it comes": normalize_rows(x),
        "eps=1e-12": normalize_rows(x, eps=1e-12),
    }


ROW_OF_ZEROS = trap(
    globals(),
    "row-of-zeros",
    "A row of zeros at length 1 is zeros, or NaN",
    why="PyTorch's and TensorFlow's functions divide by a small number at least: a length of 10⁻¹² "
    "in PyTorch, a squared length of 10⁻¹² in TensorFlow. By hand it is 0/0.",
    instead="NaN, unless `eps` says what to divide by at least.",
    ops=("normalize_rows", "cosine_similarity"),
)


TRAPS = (
    LAYER_NORM_EPSILON,
    BATCH_NORM_MOMENTUM,
    BATCH_NORM_VARIANCE,
    BATCH_NORM_OF_ONE,
    COSINE_SIGN,
    ROW_OF_ZEROS,
)
