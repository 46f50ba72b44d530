"""Softmax, losses and what they average."""

from ._trap import trap


def softmax_axis_torch():
    import torch

    return torch.nn.functional.softmax(torch.zeros(2, 3, 4))[0, 0]


def softmax_axis_jax():
    import jax

    return jax.nn.softmax(jax.numpy.zeros((2, 3, 4)))[0, 0]


def softmax_axis_tensorflow():
    import tensorflow as tf

    return tf.nn.softmax(tf.zeros((2, 3, 4)))[0, 0]


def softmax_axis_einport(xp):
    from einport.ops import softmax

    return softmax(xp.asarray([[[0.0] * 4] * 3] * 2, dtype="float32"))[0, 0]


SOFTMAX_AXIS = trap(
    globals(),
    "softmax-axis",
    "Softmax without an axis goes over the last, or over the first",
    why="Without `dim` PyTorch takes the first axis of an array that has 1 or 3 axes and the "
    "second of others, with a warning that it is deprecated; JAX and TensorFlow take the last.",
    instead="The last axis, always.",
    ops=("softmax", "log_softmax", "cross_entropy"),
)


def cross_entropy_input_torch():
    import torch

    scores, label = torch.tensor([[0.0, 2.0]]), torch.tensor([1])
    return torch.nn.functional.cross_entropy(scores, label)


def cross_entropy_input_tensorflow():
    import tensorflow as tf

    loss = tf.keras.losses.sparse_categorical_crossentropy
    scores, label = tf.constant([[0.0, 2.0]]), tf.constant([1])
    return {
        "as it comes": loss(label, scores),
        "from_logits=True": loss(label, scores, from_logits=True),
    }


def cross_entropy_input_einport(xp):
    from einport.ops import cross_entropy

    scores = xp.asarray([[0.0, 2.0]], dtype="float32")
    return cross_entropy(scores, xp.asarray([1]))


CROSS_ENTROPY_INPUT = trap(
    globals(),
    "cross-entropy-input",
    "Cross-entropy takes scores, or probabilities",
    why="Keras takes what comes for probabilities and clips it to 0 … 1, unless "
    "`from_logits=True`: scores given by mistake have a loss like any other.",
    instead="`cross_entropy` takes scores.",
    ops=("cross_entropy",),
)


def binary_cross_entropy_bound_torch():
    import torch

    p, y = torch.tensor(0.0), torch.tensor(1.0)
    return torch.nn.functional.binary_cross_entropy(p, y)


def binary_cross_entropy_bound_tensorflow():
    import tensorflow as tf

    return tf.keras.losses.binary_crossentropy([1.0], [0.0])


def binary_cross_entropy_bound_einport(xp):
    from einport.ops import binary_cross_entropy

    p = xp.asarray(0.0, dtype="float32")
    y = xp.asarray(1.0, dtype="float32")
    return binary_cross_entropy(p, y)


BINARY_CROSS_ENTROPY_BOUND = trap(
    globals(),
    "binary-cross-entropy-bound",
    "An answer that is sure and wrong costs 100, 16.1, or ∞",
    why="The logarithm of 0 is −∞. PyTorch lets no logarithm fall below −100; Keras first moves "
    "probabilities 10⁻⁷ away from 0 and 1.",
    instead="The loss is ∞, as defined.",
    ops=("binary_cross_entropy",),
)


def divergence_order_torch():
    import torch

    p, q = torch.tensor([[0.9, 0.1]]), torch.tensor([[0.5, 0.5]])
    kl_div = torch.nn.functional.kl_div
    return {
        "kl_div(log q, p)": kl_div(q.log(), p),
        "reduction='batchmean'": kl_div(q.log(), p, reduction="batchmean"),
    }


def divergence_order_tensorflow():
    import tensorflow as tf

    p, q = tf.constant([[0.9, 0.1]]), tf.constant([[0.5, 0.5]])
    return tf.keras.losses.KLDivergence()(p, q)


def divergence_order_einport(xp):
    from einport.ops import kl_divergence

    p = xp.asarray([[0.9, 0.1]], dtype="float32")
    return kl_divergence(p, xp.asarray([[0.5, 0.5]], dtype="float32"))


DIVERGENCE_ORDER = trap(
    globals(),
    "divergence-order",
    "The divergence of two distributions is half of what it should be",
    why="PyTorch's `kl_div` takes the logarithm of the second distribution first, and averages "
    "over classes as well as examples unless `reduction='batchmean'`.",
    instead="`kl_divergence(p, q)` takes probabilities in the order of the formula, one result an "
    "example.",
    ops=("kl_divergence",),
)


def gelu_form_torch():
    import torch

    return torch.nn.functional.gelu(torch.tensor(1.0))


def gelu_form_jax():
    import jax

    return {
        "as it comes": jax.nn.gelu(1.0),
        "approximate=False": jax.nn.gelu(1.0, approximate=False),
    }


def gelu_form_tensorflow():
    import tensorflow as tf

    return tf.nn.gelu(1.0)


GELU_FORM = trap(
    globals(),
    "gelu-form",
    "gelu(1) is 0.8413, or 0.8412",
    why="JAX's default is the approximation by tanh, PyTorch's and TensorFlow's the exact form. "
    "The difference is small, and larger than rounding.",
    instead="There is no gelu here: `feed_forward` has a ReLU between its layers.",
    ops=("feed_forward",),
)


TRAPS = (
    SOFTMAX_AXIS,
    CROSS_ENTROPY_INPUT,
    BINARY_CROSS_ENTROPY_BOUND,
    DIVERGENCE_ORDER,
    GELU_FORM,
)
