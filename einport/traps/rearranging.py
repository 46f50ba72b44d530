"""Axes, order, copies and views."""

from ._trap import trap


def pixel_shuffle_order_torch():
    import torch

    x = torch.arange(8).reshape(1, 8, 1, 1)
    return torch.nn.functional.pixel_shuffle(x, 2)[0]


def pixel_shuffle_order_tensorflow():
    import tensorflow as tf

    x = tf.reshape(tf.range(8), (1, 1, 1, 8))
    return tf.transpose(tf.nn.depth_to_space(x, 2)[0], (2, 0, 1))


def pixel_shuffle_order_einport(xp):
    from einport.ops import pixel_shuffle

    x = xp.asarray([[[i]] for i in range(8)], dtype="int32")
    return {mode: pixel_shuffle(x, 2, mode=mode) for mode in ("CRD", "DCR")}


PIXEL_SHUFFLE_ORDER = trap(
    globals(),
    "pixel-shuffle-order",
    "Pixel shuffle reads the channels in two orders",
    why="PyTorch reads the channels as (c r r), TensorFlow's depth_to_space as (r r c). The shapes "
    "are the same, so that weights moved from one to the other give a checkered picture and no "
    "error.",
    instead="`mode` says which: CRD is PyTorch's order, DCR TensorFlow's.",
    ops=("pixel_shuffle", "pixel_unshuffle"),
)


def depth_to_space_channels_first_torch():
    import torch

    x = torch.arange(4.0).reshape(1, 4, 1, 1)
    return torch.nn.functional.pixel_shuffle(x, 2)


def depth_to_space_channels_first_tensorflow():
    import tensorflow as tf

    def shuffle(x):
        return tf.nn.depth_to_space(x, 2, data_format="NCHW")

    x = tf.reshape(tf.range(4.0), (1, 4, 1, 1))
    return {
        "eager": lambda: shuffle(x),
        "XLA": lambda: tf.function(shuffle, jit_compile=True)(x),
    }


def depth_to_space_channels_first_einport(xp):
    from einport.ops import pixel_shuffle

    x = xp.asarray([[[0.0]], [[1.0]], [[2.0]], [[3.0]]], dtype="float32")
    return pixel_shuffle(x, 2, mode="DCR", data_format="channels_first")[None]


DEPTH_TO_SPACE = trap(
    globals(),
    "depth-to-space-channels-first",
    "TensorFlow has depth to space with channels first, but not on a CPU",
    why='`data_format="NCHW"` is accepted, and there is no kernel for it on a CPU unless XLA '
    "compiles it: a program written for a GPU fails on the laptop. PyTorch knows no other format.",
    instead="`pixel_shuffle` is a rearrangement, and takes either data format everywhere.",
    ops=("pixel_shuffle", "pixel_unshuffle"),
)


def split_count_or_size_numpy():
    import numpy as np

    return [part.tolist() for part in np.split(np.arange(6), 2)]


def split_count_or_size_torch():
    import torch

    return [part.tolist() for part in torch.split(torch.arange(6), 2)]


def split_count_or_size_jax():
    import jax.numpy as jnp

    return [part.tolist() for part in jnp.split(jnp.arange(6), 2)]


def split_count_or_size_tensorflow():
    import tensorflow as tf

    return [part.numpy().tolist() for part in tf.split(tf.range(6), 2)]


def split_count_or_size_einport(xp):
    from einport.ops import rearrange

    x = xp.asarray([0, 1, 2, 3, 4, 5], dtype="int32")
    return {
        "two parts": rearrange(x, "(part n) -> part n", part=2),
        "parts of two": rearrange(x, "(part n) -> part n", n=2),
    }


SPLIT = trap(
    globals(),
    "split-count-or-size",
    "split(x, 2) gives two parts, or parts of two",
    why="The number is how many parts there are in NumPy, JAX and TensorFlow, and how long each is "
    "in PyTorch, whose `chunk` counts parts.",
    instead="In a pattern one gives the number of parts or their length, by name.",
    ops=("rearrange", "unpack", "unflatten_leading", "split_heads"),
)


def repeat_or_tile_numpy():
    import numpy as np

    return np.array([1, 2]).repeat(2).tolist()


def repeat_or_tile_torch():
    import torch

    return torch.tensor([1, 2]).repeat(2).tolist()


def repeat_or_tile_jax():
    import jax.numpy as jnp

    return jnp.array([1, 2]).repeat(2).tolist()


def repeat_or_tile_tensorflow():
    import tensorflow as tf

    return tf.repeat([1, 2], 2).numpy().tolist()


def repeat_or_tile_einport(xp):
    from einport.ops import repeat, repeat_elements, tile

    x = xp.asarray([1, 2], dtype="int32")
    return {
        "repeat_elements": repeat_elements(x, [2]),
        "tile": tile(x, [2]),
        "repeat, x -> (x twice)": repeat(x, "x -> (x twice)", twice=2),
        "repeat, x -> (twice x)": repeat(x, "x -> (twice x)", twice=2),
    }


REPEAT = trap(
    globals(),
    "repeat-or-tile",
    "repeat repeats each element, or the whole array",
    why="PyTorch's method `repeat` is what NumPy calls `tile`; what NumPy calls `repeat` is "
    "`repeat_interleave` there.",
    instead="The pattern's order says it, and so do the names `repeat_elements` and `tile`.",
    ops=("repeat", "repeat_elements", "tile", "tile_batch"),
)


def transpose_two_axes_numpy():
    import numpy as np

    return np.array([[1, 2], [3, 4]]).transpose(0, 1).tolist()


def transpose_two_axes_torch():
    import torch

    return torch.tensor([[1, 2], [3, 4]]).transpose(0, 1).tolist()


def transpose_two_axes_jax():
    import jax.numpy as jnp

    return jnp.array([[1, 2], [3, 4]]).transpose(0, 1).tolist()


def transpose_two_axes_tensorflow():
    import tensorflow as tf

    return tf.transpose([[1, 2], [3, 4]], (0, 1)).numpy().tolist()


def transpose_two_axes_einport(xp):
    from einport.ops import rearrange

    x = xp.asarray([[1, 2], [3, 4]], dtype="int32")
    return rearrange(x, "row column -> column row")


TRANSPOSE = trap(
    globals(),
    "transpose-two-axes",
    "transpose(0, 1) of a matrix swaps its axes, or does nothing",
    why="PyTorch's `transpose` takes the two axes to swap; the others take the new order of all "
    "axes, and (0, 1) is the order that they have.",
    instead="A pattern names the axes on both sides.",
    ops=("rearrange", "transpose_matrices", "swap_height_width", "permute_cyclic"),
)


def squeeze_long_axis_numpy():
    import numpy as np

    return np.squeeze(np.zeros((2, 3)), 0).shape


def squeeze_long_axis_torch():
    import torch

    return torch.squeeze(torch.zeros(2, 3), 0).shape


def squeeze_long_axis_jax():
    import jax.numpy as jnp

    return jnp.squeeze(jnp.zeros((2, 3)), 0).shape


def squeeze_long_axis_tensorflow():
    import tensorflow as tf

    return tuple(tf.squeeze(tf.zeros((2, 3)), 0).shape)


def squeeze_long_axis_einport(xp):
    from einport.ops import rearrange

    x = xp.asarray([[0.0] * 3] * 2, dtype="float32")
    return rearrange(x, "1 c -> c")


SQUEEZE = trap(
    globals(),
    "squeeze-long-axis",
    "Squeezing an axis longer than 1 is an error, or does nothing",
    why="PyTorch leaves the axis, the others refuse. In PyTorch a batch of one then loses its axis "
    "and a batch of two keeps it, in silence.",
    instead="In a pattern `1` must be an axis of size 1, or it is an error.",
    ops=("rearrange",),
)


def write_through_view_numpy():
    import numpy as np

    x = np.zeros(4)
    y = x.reshape(2, 2)
    y[0, 0] = 7
    return x


def write_through_view_torch():
    import torch

    x = torch.zeros(4)
    y = x.reshape(2, 2)
    y[0, 0] = 7
    return x


def write_through_view_jax():
    import jax.numpy as jnp

    x = jnp.zeros(4)
    y = x.reshape(2, 2)
    y = y.at[0, 0].set(7)
    return x


def write_through_view_tensorflow():
    import tensorflow as tf

    x = tf.zeros(4)
    y = tf.reshape(x, (2, 2))
    y = tf.tensor_scatter_nd_update(y, [[0, 0]], [7.0])
    return x


WRITE_THROUGH_VIEW = trap(
    globals(),
    "write-through-view",
    "Writing to a reshaped array writes to the first one too",
    why="In NumPy and PyTorch a reshaped or transposed array is a view of the same memory where "
    "that is possible, and a copy where it is not. Arrays of JAX and TensorFlow are never written "
    "to: a function gives a new one.",
    instead="No operation writes to its arguments. What rearranges may return a view, as einops "
    "does: copy the result before you write to it.",
    ops=("rearrange", "transpose_matrices", "flatten_leading", "unflatten_leading"),
)


def write_to_expanded_numpy():
    import numpy as np

    x = np.broadcast_to(np.zeros(1), 3)
    x[0] = 7
    return x


def write_to_expanded_torch():
    import torch

    x = torch.zeros(1).expand(3)
    x[0] = 7
    return x


def write_to_expanded_jax():
    import jax.numpy as jnp

    x = jnp.broadcast_to(jnp.zeros(1), 3)
    return x.at[0].set(7)


WRITE_TO_EXPANDED = trap(
    globals(),
    "write-to-expanded",
    "Writing one element of an expanded array writes all of them",
    why="All elements along an expanded axis are one place in memory. NumPy's is read-only; "
    "PyTorch writes, and einops' `repeat` along a new axis returns such an array there. JAX gives "
    "a new array.",
    instead="No operation writes to its arguments; copy the result before you write to it.",
    ops=("repeat", "tile_batch"),
)


def negative_step_numpy():
    import numpy as np

    return np.array([1, 2, 3])[::-1].tolist()


def negative_step_torch():
    import torch

    return torch.tensor([1, 2, 3])[::-1].tolist()


def negative_step_jax():
    import jax.numpy as jnp

    return jnp.array([1, 2, 3])[::-1].tolist()


def negative_step_tensorflow():
    import tensorflow as tf

    return tf.constant([1, 2, 3])[::-1].numpy().tolist()


def negative_step_einport(xp):
    from einport.ops import collect_rows

    x = xp.asarray([[1], [2], [3]], dtype="int32")
    return collect_rows(x, xp.asarray([2, 1, 0]))


NEGATIVE_STEP = trap(
    globals(),
    "negative-step",
    "x[::-1] does not turn a PyTorch tensor round",
    why="A PyTorch tensor has no negative strides: slices must step forward, and `flip` copies.",
    instead="No operation slices backwards; indices that fall, as in `collect_rows`, work "
    "everywhere.",
    ops=("collect_rows",),
)


def pad_order_numpy():
    import numpy as np

    return np.pad(np.ones((2, 3)), [(1, 0), (0, 0)]).shape


def pad_order_torch():
    import torch

    return torch.nn.functional.pad(torch.ones(2, 3), (1, 0, 0, 0)).shape


def pad_order_jax():
    import jax.numpy as jnp

    return jnp.pad(jnp.ones((2, 3)), [(1, 0), (0, 0)]).shape


def pad_order_tensorflow():
    import tensorflow as tf

    return tuple(tf.pad(tf.ones((2, 3)), [(1, 0), (0, 0)]).shape)


def pad_order_einport(xp):
    x = xp.asarray([[1.0] * 3] * 2, dtype="float32")
    return xp.shape(xp.pad(x, [(1, 0), (0, 0)]))


PAD_ORDER = trap(
    globals(),
    "pad-order",
    "Padding is given from the first axis, or from the last",
    why="PyTorch takes a flat list that begins with the last axis, the others a pair for each axis "
    "from the first.",
    instead="The adapter's `pad` takes a pair for each axis, the first one first.",
    ops=("conv2d", "max_pool", "average_pool", "merge_patches"),
)


TRAPS = (
    PIXEL_SHUFFLE_ORDER,
    DEPTH_TO_SPACE,
    SPLIT,
    REPEAT,
    TRANSPOSE,
    SQUEEZE,
    WRITE_THROUGH_VIEW,
    WRITE_TO_EXPANDED,
    NEGATIVE_STEP,
    PAD_ORDER,
)
