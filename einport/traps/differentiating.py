"""How one asks for derivatives, and what one is given."""

from ._trap import trap


def not_connected_torch():
    import torch

    x = torch.tensor(1.0, requires_grad=True)
    y = torch.tensor(1.0, requires_grad=True)
    return torch.autograd.grad(y * 2, x)


def not_connected_jax():
    import jax

    return jax.grad(lambda x, y: y * 2)(1.0, 1.0)


def not_connected_tensorflow():
    import tensorflow as tf

    x, y = tf.constant(1.0), tf.constant(1.0)
    with tf.GradientTape() as tape:
        tape.watch([x, y])
        z = y * 2
    return tape.gradient(z, x)


def not_connected_einport(xp):
    x, y = (xp.asarray(1.0, dtype="float32") for _ in range(2))
    return xp.value_and_grad(lambda x, y: y * 2)(x, y)[1]


NOT_CONNECTED = trap(
    globals(),
    "not-connected",
    "What a result does not depend on has a gradient of 0, None, or an error",
    why="PyTorch raises unless `allow_unused=True`, TensorFlow gives None unless "
    "`unconnected_gradients` says zero. In a loop over experts one that got no token is such a "
    "weight.",
    instead="The adapter's `value_and_grad` gives zeros.",
    ops=("moe_layer",),
    not_on=("numpy",),
)


def gradient_of_many_torch():
    import torch

    x = torch.tensor([1.0, 2.0], requires_grad=True)
    (x * x).backward()
    return x.grad


def gradient_of_many_jax():
    import jax
    import jax.numpy as jnp

    return jax.grad(lambda x: x * x)(jnp.array([1.0, 2.0]))


def gradient_of_many_tensorflow():
    import tensorflow as tf

    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    return tape.gradient(y, x)


GRADIENT_OF_MANY = trap(
    globals(),
    "gradient-of-many",
    "TensorFlow takes the gradient of an array for that of its sum",
    why="A gradient is of one number, and PyTorch and JAX refuse more. TensorFlow adds them up: a "
    "loss for each example is then summed where a mean was meant, and steps grow with the batch.",
    instead="`value_and_grad` is for one number: reduce the loss yourself, to a mean or a sum.",
    ops=("cross_entropy", "binary_cross_entropy", "kl_divergence"),
)


def gradient_twice_torch():
    import torch

    x = torch.tensor(3.0, requires_grad=True)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    return x.grad


def gradient_twice_jax():
    import jax

    slope = jax.grad(lambda x: x * x)
    slope(3.0)
    return slope(3.0)


def gradient_twice_tensorflow():
    import tensorflow as tf

    x = tf.constant(3.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
    tape.gradient(y, x)
    return tape.gradient(y, x)


def gradient_twice_einport(xp):
    x = xp.asarray(3.0, dtype="float32")
    slope = xp.value_and_grad(lambda x: x * x)
    slope(x)
    return slope(x)[1]


GRADIENT_TWICE = trap(
    globals(),
    "gradient-twice",
    "The slope of x² at 3 is 6, and 12 when one asks again",
    why="PyTorch's `backward` adds to what `x.grad` holds. Who forgets to clear it steps by the "
    "sum of all gradients so far.",
    instead="`value_and_grad` returns the gradient and keeps nothing.",
    not_on=("numpy",),
)


def slope_of_round_torch():
    import torch

    return torch.func.grad(torch.round)(torch.tensor(1.4))


def slope_of_round_jax():
    import jax
    import jax.numpy as jnp

    return jax.grad(jnp.round)(1.4)


def slope_of_round_tensorflow():
    import tensorflow as tf

    x = tf.constant(1.4)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.round(x)
    return tape.gradient(y, x)


SLOPE_OF_ROUND = trap(
    globals(),
    "slope-of-round",
    "Rounding has a gradient of 0, or none",
    why="The slope is 0 wherever there is one. TensorFlow takes rounding for not differentiable "
    "and gives None, as for what is not connected.",
    instead="No operation rounds.",
)


def gradient_by_integers_torch():
    import torch

    return torch.func.grad(lambda x: x * 2.0)(torch.tensor(3))


def gradient_by_integers_jax():
    import jax

    return jax.grad(lambda x: x * 2.0)(3)


def gradient_by_integers_tensorflow():
    import tensorflow as tf

    x = tf.constant(3)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.cast(x, tf.float32) * 2.0
    return tape.gradient(y, x)


GRADIENT_BY_INTEGERS = trap(
    globals(),
    "gradient-by-integers",
    "The gradient by an integer is None, or an error",
    why="PyTorch and JAX refuse. TensorFlow warns in its log and gives None: a weight that was "
    "made from a whole number, 3 and not 3.0, does not learn.",
    instead="`value_and_grad` is for floats.",
)


def gradient_of_gather_torch():
    import torch

    def pick(x):
        return torch.index_select(x, 0, torch.tensor([1])).sum()

    return torch.func.grad(pick)(torch.tensor([1.0, 2.0]))


def gradient_of_gather_jax():
    import jax
    import jax.numpy as jnp

    def pick(x):
        return jnp.take(x, jnp.array([1])).sum()

    return jax.grad(pick)(jnp.array([1.0, 2.0]))


def gradient_of_gather_tensorflow():
    import tensorflow as tf

    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(tf.gather(x, [1]))
    return tape.gradient(y, x)


def gradient_of_gather_einport(xp):
    from einport.ops import collect_rows

    def pick(x):
        return xp.sum(collect_rows(x, xp.asarray([1])))

    x = xp.asarray([[1.0], [2.0]], dtype="float32")
    return xp.value_and_grad(pick)(x)[1]


GRADIENT_OF_GATHER = trap(
    globals(),
    "gradient-of-gather",
    "The gradient of a lookup is an array, or a list of rows",
    why="TensorFlow keeps the rows that were read and their numbers, which saves memory where a "
    "table is large. What expects an array, to clip it say, must convert it first.",
    instead="`value_and_grad` gives arrays.",
    ops=("collect_rows", "collect_columns", "gather_columns", "total_price"),
    not_on=("numpy",),
)


def through_numpy_torch():
    import numpy as np
    import torch

    def sine(x):
        return x * torch.as_tensor(np.sin(x.numpy()))

    x = torch.tensor(1.0, requires_grad=True)
    return torch.autograd.grad(sine(x), x)


def through_numpy_jax():
    import jax
    import numpy as np

    return jax.grad(lambda x: x * np.sin(x))(1.0)


def through_numpy_tensorflow():
    import numpy as np
    import tensorflow as tf

    x = tf.constant(1.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * np.sin(x)
    return tape.gradient(y, x)


THROUGH_NUMPY = trap(
    globals(),
    "through-numpy",
    "The slope of x · sin(x) at 1 is 0.84 where NumPy takes the sine",
    why="What NumPy computes is a constant to TensorFlow's tape, and the gradient is sin(1) alone, "
    "without the other half: it should be 1.38. PyTorch and JAX refuse.",
    instead="Operations compute in their arrays' own framework; the suite checks that none goes "
    "through the host.",
)


TRAPS = (
    NOT_CONNECTED,
    GRADIENT_OF_MANY,
    GRADIENT_TWICE,
    SLOPE_OF_ROUND,
    GRADIENT_BY_INTEGERS,
    GRADIENT_OF_GATHER,
    THROUGH_NUMPY,
)
