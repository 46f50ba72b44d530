"""Sorting, ties, and where NaN stands in the order."""

from ._trap import trap


def top_k_ties_torch():
    import torch

    def first_two():
        return torch.topk(torch.ones(8), 2).indices

    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    deterministic = first_two()
    torch.use_deterministic_algorithms(before)
    return {"as it comes": first_two(), "deterministic": deterministic}


def top_k_ties_jax():
    import jax

    return jax.lax.top_k(jax.numpy.ones(8), 2)[1]


def top_k_ties_tensorflow():
    import tensorflow as tf

    return tf.math.top_k(tf.ones(8), 2).indices


def top_k_ties_einport(xp):
    return xp.top_k(xp.asarray([1.0] * 8, dtype="float32"), 2)[1]


TOP_K_TIES = trap(
    globals(),
    "top-k-ties",
    "Of equal values top_k takes the first ones, or any",
    why="PyTorch promises no order among equal values, and "
    "`torch.use_deterministic_algorithms(True)` does not change that on a CPU. A router that has "
    "learnt nothing yet chooses other experts than its copy in another framework.",
    instead="Equal values come in the order of their indices.",
    ops=("top_k_gating", "moe_layer"),
)


def sort_not_stable_numpy():
    import numpy as np

    keys = np.arange(100_000) % 8
    order = np.argsort(keys)[:12_500]  # where the key is 0
    return {"in order": bool((np.diff(order) > 0).all())}


def sort_not_stable_torch():
    import torch

    keys = torch.arange(100_000) % 8
    order = torch.argsort(keys)[:12_500]  # where the key is 0
    return {"in order": bool((torch.diff(order) > 0).all())}


def sort_not_stable_jax():
    import jax.numpy as jnp

    keys = jnp.arange(100_000) % 8
    order = jnp.argsort(keys)[:12_500]  # where the key is 0
    return {"in order": bool((jnp.diff(order) > 0).all())}


def sort_not_stable_tensorflow():
    import tensorflow as tf

    keys = tf.range(100_000) % 8
    order = tf.argsort(keys)[:12_500]  # where the key is 0
    return {"in order": bool(tf.reduce_all(order[1:] > order[:-1]))}


def sort_not_stable_einport(xp):
    keys = xp.asarray([i % 8 for i in range(100_000)], dtype="int32")
    order = xp.to_numpy(xp.argsort(keys))[:12_500]
    return {"in order": bool((order[1:] > order[:-1]).all())}


SORT_NOT_STABLE = trap(
    globals(),
    "sort-not-stable",
    "Equal keys change places when they are sorted, or keep their order",
    why="NumPy's `argsort` mixes equal keys unless `stable=True`; JAX's and TensorFlow's keep "
    "their order. PyTorch's does so here, and promises it only with `stable=True`.",
    instead="Sorting is stable in both directions.",
    ops=("dispatch_tokens", "group_tokens_by_expert", "moe_layer"),
)


def sort_nan_numpy():
    import numpy as np

    return np.sort(np.array([3.0, np.nan, 1.0, 2.0]))


def sort_nan_torch():
    import torch

    return torch.sort(torch.tensor([3.0, torch.nan, 1.0, 2.0])).values


def sort_nan_jax():
    import jax.numpy as jnp

    return jnp.sort(jnp.array([3.0, jnp.nan, 1.0, 2.0]))


def sort_nan_tensorflow():
    import tensorflow as tf

    return tf.sort([3.0, float("nan"), 1.0, 2.0])


def sort_nan_einport(xp):
    x = xp.asarray([3.0, float("nan"), 1.0, 2.0], dtype="float32")
    return xp.take(x, xp.argsort(x), axis=0)


SORT_NAN = trap(
    globals(),
    "sort-nan",
    "One NaN leaves a whole TensorFlow array unsorted",
    why="Any comparison with NaN is false, so that a sort that goes by comparisons alone leaves "
    "numbers on either side of the NaN in no order. The others put NaN last.",
    instead="NaN comes last, and all else is in order.",
    ops=("top_k_gating",),
)


def descending_ties_numpy():
    import numpy as np

    x = np.array([1, 1, 2])
    return np.argsort(x, stable=True)[::-1]


def descending_ties_torch():
    import torch

    x = torch.tensor([1, 1, 2])
    return torch.argsort(x, descending=True, stable=True)


def descending_ties_jax():
    import jax.numpy as jnp

    return jnp.argsort(jnp.array([1, 1, 2]), descending=True)


def descending_ties_tensorflow():
    import tensorflow as tf

    return tf.argsort([1, 1, 2], direction="DESCENDING")


def descending_ties_einport(xp):
    x = xp.asarray([1, 1, 2], dtype="int32")
    return xp.argsort(x, descending=True)


DESCENDING_TIES = trap(
    globals(),
    "descending-ties",
    "A sort turned round has its ties turned round",
    why="NumPy sorts upwards only. Read backwards, a stable order has equal keys in reverse, which "
    "the others' descending sorts keep in order.",
    instead="`argsort(descending=True)` keeps equal keys in order.",
    ops=("top_k_gating", "moe_layer"),
)


def argmax_nan_numpy():
    import numpy as np

    return np.argmax(np.array([1.0, np.nan, 3.0]))


def argmax_nan_torch():
    import torch

    return torch.argmax(torch.tensor([1.0, torch.nan, 3.0]))


def argmax_nan_jax():
    import jax.numpy as jnp

    return jnp.argmax(jnp.array([1.0, jnp.nan, 3.0]))


def argmax_nan_tensorflow():
    import tensorflow as tf

    return tf.argmax([1.0, float("nan"), 3.0])


def argmax_nan_einport(xp):
    return xp.argmax(xp.asarray([1.0, float("nan"), 3.0], dtype="float32"))


ARGMAX_NAN = trap(
    globals(),
    "argmax-nan",
    "argmax finds the NaN, or passes over it",
    why="Where the maximum is NaN its place is too, in all but TensorFlow: a broken network there "
    "still names a class, and its accuracy looks like any other.",
    instead="A NaN counts as the largest, and the first one is found.",
    ops=("classifier_accuracy",),
)


def argmax_default_axis_numpy():
    import numpy as np

    return np.argmax(np.array([[1, 9], [3, 4]])).tolist()


def argmax_default_axis_torch():
    import torch

    return torch.argmax(torch.tensor([[1, 9], [3, 4]])).tolist()


def argmax_default_axis_jax():
    import jax.numpy as jnp

    return jnp.argmax(jnp.array([[1, 9], [3, 4]])).tolist()


def argmax_default_axis_tensorflow():
    import tensorflow as tf

    return tf.argmax([[1, 9], [3, 4]]).numpy().tolist()


def argmax_default_axis_einport(xp):
    return xp.argmax(xp.asarray([[1, 9], [3, 4]], dtype="int32"))


ARGMAX_DEFAULT_AXIS = trap(
    globals(),
    "argmax-default-axis",
    "argmax without an axis: over all elements, or over the first axis",
    why="TensorFlow's default is axis 0, where the others flatten the array. For the classes of a "
    "batch neither is what one wants.",
    instead="The adapter's `argmax` goes along the last axis, and so does `classifier_accuracy`.",
    ops=("classifier_accuracy",),
)


def unique_order_numpy():
    import numpy as np

    return np.unique(np.array([3, 1, 3, 2])).tolist()


def unique_order_torch():
    import torch

    return torch.unique(torch.tensor([3, 1, 3, 2])).tolist()


def unique_order_jax():
    import jax.numpy as jnp

    return jnp.unique(jnp.array([3, 1, 3, 2])).tolist()


def unique_order_tensorflow():
    import tensorflow as tf

    return tf.unique([3, 1, 3, 2]).y.numpy().tolist()


UNIQUE_ORDER = trap(
    globals(),
    "unique-order",
    "unique sorts, or keeps the order of appearance",
    why="TensorFlow lists values as it meets them, the others from the least to the greatest: "
    "codes made from the positions differ.",
    instead="No operation asks for unique values: experts and classes are numbered by the caller.",
    ops=("group_tokens_by_expert",),
)


TRAPS = (
    TOP_K_TIES,
    SORT_NOT_STABLE,
    SORT_NAN,
    DESCENDING_TIES,
    ARGMAX_NAN,
    ARGMAX_DEFAULT_AXIS,
    UNIQUE_ORDER,
)
