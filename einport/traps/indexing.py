"""Reading and writing by index."""

from ._trap import trap


def gather_out_of_range_numpy():
    import numpy as np

    return np.array([1.0, 2.0, 3.0])[np.array([9])]


def gather_out_of_range_torch():
    import torch

    return torch.tensor([1.0, 2.0, 3.0])[torch.tensor([9])]


def gather_out_of_range_jax():
    import jax.numpy as jnp

    x, index = jnp.array([1.0, 2.0, 3.0]), jnp.array([9])
    return {
        "x[index]": x[index],
        "take, floats": jnp.take(x, index),
        "take, integers": jnp.take(x.astype(int), index),
    }


def gather_out_of_range_tensorflow():
    import tensorflow as tf

    def gather(index):
        return tf.gather([1.0, 2.0, 3.0], index)

    index = tf.constant([9])
    return {
        "eager": lambda: gather(index),
        "XLA": lambda: tf.function(gather, jit_compile=True)(index),
    }


def gather_out_of_range_einport(xp):
    from einport.ops import collect_rows

    x = xp.asarray([[1.0], [2.0], [3.0]], dtype="float32")
    return collect_rows(x, xp.asarray([9]))


GATHER_OUT_OF_RANGE = trap(
    globals(),
    "gather-out-of-range",
    "An index past the end gives some other element",
    why="JAX takes the last element, or NaN, or the least integer: what it compiles cannot raise "
    "an error for a value. TensorFlow raises, and under XLA takes the last element.",
    instead="An IndexError on every framework where the indices can be read; while compiling they "
    "cannot, and the result for such an index is not specified.",
    ops=(
        "gather_columns",
        "index_by_coordinates",
        "collect_rows",
        "collect_columns",
        "total_price",
        "cross_entropy",
        "classifier_accuracy",
    ),
)


def gather_negative_index_numpy():
    import numpy as np

    return np.take(np.array([1, 2, 3]), -1)


def gather_negative_index_torch():
    import torch

    x, index = torch.tensor([1, 2, 3]), torch.tensor([-1])
    return {
        "x[index]": x[index],
        "gather": lambda: torch.gather(x, 0, index),
        "index_select": lambda: torch.index_select(x, 0, index),
    }


def gather_negative_index_jax():
    import jax.numpy as jnp

    return jnp.take(jnp.array([1, 2, 3]), -1)


def gather_negative_index_tensorflow():
    import tensorflow as tf

    def gather(index):
        return tf.gather([1, 2, 3], index)

    index = tf.constant(-1)
    return {
        "x[index]": tf.constant([1, 2, 3])[index],
        "gather": lambda: gather(index),
        "gather, XLA": lambda: tf.function(gather, jit_compile=True)(index),
    }


def gather_negative_index_einport(xp):
    from einport.ops import collect_rows

    x = xp.asarray([[1], [2], [3]], dtype="int8")
    return collect_rows(x, xp.asarray([-1]))


GATHER_NEGATIVE_INDEX = trap(
    globals(),
    "gather-negative-index",
    "A negative index counts from the end, is refused, or gives the first element",
    why="Brackets count from the end everywhere, and so do NumPy's and JAX's `take`. "
    "`torch.gather`, `torch.index_select` and `tf.gather` refuse −1; under XLA the last gives the "
    "first element.",
    instead="Negative indices count from the end in every operation that picks elements.",
    ops=(
        "gather_columns",
        "index_by_coordinates",
        "collect_rows",
        "collect_columns",
        "total_price",
    ),
)


def gather_two_meanings_torch():
    import torch

    x = torch.tensor([[1, 2, 3], [4, 5, 6]])
    return torch.gather(x, 1, torch.tensor([[0, 2], [1, 1]])).tolist()


def gather_two_meanings_tensorflow():
    import tensorflow as tf

    x = tf.constant([[1, 2, 3], [4, 5, 6]])
    found = tf.gather(x, [[0, 2], [1, 1]], axis=1)
    return found.numpy().tolist()


def gather_two_meanings_einport(xp):
    from einport.ops import collect_columns, gather_columns

    x = xp.asarray([[1, 2, 3], [4, 5, 6]], dtype="int32")
    return {
        "gather_columns": gather_columns(x, xp.asarray([[0, 2], [1, 1]])),
        "collect_columns": collect_columns(x, xp.asarray([0, 2, 1, 1])),
    }


GATHER_TWO_MEANINGS = trap(
    globals(),
    "gather-two-meanings",
    "gather takes single elements, or whole columns",
    why="PyTorch's `gather` walks through all axes together and takes one element for each index. "
    "TensorFlow's takes whole slices for each index, which PyTorch calls `index_select`.",
    instead="Two operations: `gather_columns` takes elements, `collect_columns` whole columns.",
    ops=("gather_columns", "collect_columns", "collect_rows"),
)


def scatter_out_of_range_numpy():
    import numpy as np

    x = np.zeros(2)
    np.add.at(x, [0, 5], 1.0)
    return x


def scatter_out_of_range_torch():
    import torch

    return torch.zeros(2).index_add(0, torch.tensor([0, 5]), torch.ones(2))


def scatter_out_of_range_jax():
    import jax.numpy as jnp

    return jnp.zeros(2).at[jnp.array([0, 5])].add(1.0)


def scatter_out_of_range_tensorflow():
    import tensorflow as tf

    def add(index):
        return tf.tensor_scatter_nd_add(tf.zeros(2), index, [1.0, 1.0])

    index = tf.constant([[0], [5]])
    return {
        "eager": lambda: add(index),
        "XLA": lambda: tf.function(add, jit_compile=True)(index),
    }


def scatter_out_of_range_einport(xp):
    x = xp.asarray([1.0, 1.0], dtype="float32")
    return xp.segment_sum(x, xp.asarray([0, 5]), 2)


SCATTER_OUT_OF_RANGE = trap(
    globals(),
    "scatter-out-of-range",
    "What is added past the end is an error, or is dropped in silence",
    why="JAX drops it, and so does TensorFlow under XLA. A histogram with a wrong label is then "
    "short by one.",
    instead="An IndexError on every framework where the indices can be read.",
    ops=("dispatch_tokens", "group_tokens_by_expert", "load_balancing_loss"),
)


def repeated_index_numpy():
    import numpy as np

    x = np.zeros(2)
    x[np.array([0, 0])] += 1
    return x


def repeated_index_torch():
    import torch

    x = torch.zeros(2)
    x[torch.tensor([0, 0])] += 1
    return x


def repeated_index_jax():
    import jax.numpy as jnp

    return jnp.zeros(2).at[jnp.array([0, 0])].add(1)


def repeated_index_tensorflow():
    import tensorflow as tf

    return tf.tensor_scatter_nd_add(tf.zeros(2), [[0], [0]], [1.0, 1.0])


def repeated_index_einport(xp):
    x = xp.asarray([1.0, 1.0], dtype="float32")
    return xp.segment_sum(x, xp.asarray([0, 0]), 2)


REPEATED_INDEX = trap(
    globals(),
    "repeated-index",
    "Adding at the same index twice adds once",
    why="In NumPy and PyTorch `x[i] += 1` reads, adds and writes back, and the last write wins. "
    "`np.add.at`, `index_add`, and what JAX and TensorFlow have for it, add as often as the index "
    "is there.",
    instead="The adapter's `segment_sum` adds up every row that is named.",
    ops=("combine_tokens", "load_balancing_loss"),
)


def list_as_index_numpy():
    import numpy as np

    return np.array([[1, 2], [3, 4]])[[0, 1]].tolist()


def list_as_index_torch():
    import torch

    return torch.tensor([[1, 2], [3, 4]])[[0, 1]].tolist()


def list_as_index_jax():
    import jax.numpy as jnp

    return jnp.array([[1, 2], [3, 4]])[[0, 1]].tolist()


def list_as_index_tensorflow():
    import tensorflow as tf

    return tf.constant([[1, 2], [3, 4]])[[0, 1]].numpy().tolist()


def list_as_index_einport(xp):
    from einport.ops import collect_rows, index_by_coordinates

    x = xp.asarray([[1, 2], [3, 4]], dtype="int32")
    place = xp.asarray([[0, 1]])
    return {
        "collect_rows": collect_rows(x, xp.asarray([0, 1])),
        "index_by_coordinates": index_by_coordinates(x, place),
    }


LIST_AS_INDEX = trap(
    globals(),
    "list-as-index",
    "x[[0, 1]] is two rows, one element, or an error",
    why="To TensorFlow a list is the place of one element, like a tuple; to NumPy and PyTorch it "
    "is an array of row numbers. JAX refuses to guess.",
    instead="Two operations: `collect_rows` takes rows, `index_by_coordinates` elements.",
    ops=("collect_rows", "index_by_coordinates"),
)


def number_among_indices_numpy():
    import numpy as np

    return np.zeros((2, 3, 4))[0, :, np.array([0, 1])].shape


def number_among_indices_torch():
    import torch

    return torch.zeros(2, 3, 4)[0, :, torch.tensor([0, 1])].shape


def number_among_indices_jax():
    import jax.numpy as jnp

    return jnp.zeros((2, 3, 4))[0, :, jnp.array([0, 1])].shape


NUMBER_AMONG_INDICES = trap(
    globals(),
    "number-among-indices",
    "x[0, :, [0, 1]] has its axes in one order or the other",
    why="NumPy and JAX count the 0 as an index array like the other, and as a slice stands between "
    "the two, their axis goes first. PyTorch takes x[0] first and leaves the axes in place.",
    instead="`index_by_coordinates`, `collect_columns` and `gather_columns` have one meaning each.",
    ops=("index_by_coordinates", "collect_columns", "gather_columns"),
)


def bytes_as_mask_numpy():
    import numpy as np

    mask = np.array([1, 0, 1], dtype=np.uint8)
    return np.array([10, 20, 30])[mask].tolist()


def bytes_as_mask_torch():
    import torch

    mask = torch.tensor([1, 0, 1], dtype=torch.uint8)
    return torch.tensor([10, 20, 30])[mask].tolist()


def bytes_as_mask_jax():
    import jax.numpy as jnp

    mask = jnp.array([1, 0, 1], dtype=jnp.uint8)
    return jnp.array([10, 20, 30])[mask].tolist()


def bytes_as_mask_einport(xp):
    from einport.ops import collect_rows

    x = xp.asarray([[10], [20], [30]], dtype="int32")
    return collect_rows(x, xp.asarray([1, 0, 1], dtype="uint8"))


BYTES_AS_MASK = trap(
    globals(),
    "bytes-as-mask",
    "Indices of eight bits are indices, or a mask",
    why="PyTorch had no booleans at first and used uint8 for masks: it still takes an index of "
    "that dtype as one, with a warning.",
    instead="Integers of any width are indices; a mask must be boolean.",
    ops=("collect_rows", "collect_columns", "gather_columns", "index_by_coordinates"),
)


def one_hot_out_of_range_torch():
    import torch

    return torch.nn.functional.one_hot(torch.tensor([1, 3]), 3)


def one_hot_out_of_range_jax():
    import jax

    return jax.nn.one_hot(jax.numpy.array([1, 3]), 3)


def one_hot_out_of_range_tensorflow():
    import tensorflow as tf

    return tf.one_hot([1, 3], 3)


def one_hot_out_of_range_einport(xp):
    from einport.ops import cross_entropy

    logits = xp.asarray([[0.0, 0.0, 0.0]] * 2, dtype="float32")
    return cross_entropy(logits, xp.asarray([1, 3]))


ONE_HOT = trap(
    globals(),
    "one-hot-out-of-range",
    "A class that does not exist becomes a row of zeros",
    why="An example whose target is all zeros has a cross-entropy of 0 and no gradient: labels "
    "that are counted from 1 lose the last class in silence. PyTorch raises.",
    instead="A label out of range is an IndexError where labels can be read.",
    ops=("cross_entropy", "classifier_accuracy", "load_balancing_loss"),
)


TRAPS = (
    GATHER_OUT_OF_RANGE,
    GATHER_NEGATIVE_INDEX,
    GATHER_TWO_MEANINGS,
    SCATTER_OUT_OF_RANGE,
    REPEATED_INDEX,
    LIST_AS_INDEX,
    NUMBER_AMONG_INDICES,
    BYTES_AS_MASK,
    ONE_HOT,
)
