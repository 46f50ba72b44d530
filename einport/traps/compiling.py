"""What changes when a function is traced and compiled."""

from ._trap import trap


def size_by_value_torch():
    import torch

    @torch.compile(backend="eager", fullgraph=True)
    def positive(x):
        return x[x > 0]

    return positive(torch.tensor([1.0, -1.0, 2.0]))


def size_by_value_jax():
    import jax
    import jax.numpy as jnp

    def positive(x):
        return x[x > 0]

    x = jnp.array([1.0, -1.0, 2.0])
    return {"eager": positive(x), "jit": lambda: jax.jit(positive)(x)}


def size_by_value_tensorflow():
    import tensorflow as tf

    @tf.function
    def positive(x):
        return x[x > 0]

    return positive(tf.constant([1.0, -1.0, 2.0]))


SIZE_BY_VALUE = trap(
    globals(),
    "size-by-value",
    "JAX compiles nothing whose size rests on values",
    why="`x[x > 0]` has as many elements as the values say, and so have `nonzero` and `unique`. "
    "JAX compiles for fixed shapes, where PyTorch and TensorFlow carry an unknown size on.",
    instead="Sizes come from shapes and arguments alone: experts have a capacity, or a row for "
    "every assignment.",
    ops=("dispatch_tokens", "moe_layer", "load_balancing_loss"),
)


def bytes_at_once_torch():
    import torch

    def largest(x):
        return torch.amax(x, -1)

    x = torch.arange(-40, -20, dtype=torch.int8)
    avx2 = {"cpp.simdlen": 256}
    compiled = torch.compile(largest, options=avx2)
    return {"eager": largest(x), "compiled": compiled(x)}


def bytes_at_once_jax():
    import jax
    import jax.numpy as jnp

    return jax.jit(jnp.max)(jnp.arange(-40, -20, dtype=jnp.int8))


def bytes_at_once_tensorflow():
    import tensorflow as tf

    @tf.function(jit_compile=True)
    def largest(x):
        return tf.reduce_max(x)

    return largest(tf.cast(tf.range(-40, -20), tf.int8))


def bytes_at_once_einport(xp):
    from einport.ops import global_max_pool

    x = xp.asarray([[[list(range(-40, -20))]]], dtype="int8")
    return global_max_pool(x)[0, 0]


BYTES_AT_ONCE = trap(
    globals(),
    "bytes-at-once",
    "PyTorch's compiler finds a largest byte that is not there",
    why="Generated for AVX2, which has 256 bits, the code for the largest, the smallest and their "
    "places among 8-bit integers compares lanes as if they were true or false.",
    instead="In a graph 8-bit integers are widened before they are compared.",
    ops=("global_max_pool", "channel_max_pool", "max_pool", "reduce"),
)


def branch_by_value_torch():
    import torch

    def absolute(x):
        return x if x.sum() > 0 else -x

    def graphs(**options):
        made = []

        def backend(graph, inputs):
            made.append(graph)
            return graph

        compiled = torch.compile(absolute, backend=backend, **options)
        compiled(torch.tensor([-1.0]))
        return len(made)

    return {
        "graphs": graphs(),
        "fullgraph=True": lambda: graphs(fullgraph=True),
    }


def branch_by_value_jax():
    import jax
    import jax.numpy as jnp

    absolute = jax.jit(lambda x: x if x.sum() > 0 else -x)
    return absolute(jnp.array([-1.0]))


def branch_by_value_tensorflow():
    import tensorflow as tf

    @tf.function
    def absolute(x):
        return x if tf.reduce_sum(x) > 0 else -x

    return absolute(tf.constant([-1.0]))


BRANCH_BY_VALUE = trap(
    globals(),
    "branch-by-value",
    "`if` on a value while compiling: an error, two graphs, or a branch",
    why="A traced array has no value yet. JAX refuses; PyTorch breaks the function into graphs and "
    "goes back to Python between them; TensorFlow rewrites the source into a branch of the graph.",
    instead="No operation branches on values, and checks of values are left out while tracing.",
)


def side_effects_torch():
    import torch

    calls = []

    @torch.compile(backend="eager")
    def double(x):
        calls.append("called")
        return x * 2

    double(torch.ones(2))
    double(torch.ones(2))
    return len(calls)


def side_effects_jax():
    import jax

    calls = []

    @jax.jit
    def double(x):
        calls.append("called")
        return x * 2

    double(jax.numpy.ones(2))
    double(jax.numpy.ones(2))
    return len(calls)


def side_effects_tensorflow():
    import tensorflow as tf

    calls = []

    @tf.function
    def double(x):
        calls.append("called")
        return x * 2

    double(tf.ones(2))
    double(tf.ones(2))
    return len(calls)


SIDE_EFFECTS = trap(
    globals(),
    "side-effects",
    "Two calls append to a list once, or twice",
    why="JAX and TensorFlow run the Python function once, to trace it: what it prints, counts or "
    "appends happens then. PyTorch notices the list and appends at every call.",
    instead="Operations are pure: they return all that they make.",
    ops=("batch_norm",),
)


def frozen_random_numbers_torch():
    import numpy as np
    import torch

    noise = torch.compile(lambda x: x + np.random.rand(), backend="eager")
    x = torch.tensor(1.0)
    return {"the same twice": bool(noise(x) == noise(x))}


def frozen_random_numbers_jax():
    import jax
    import numpy as np

    noise = jax.jit(lambda x: x + np.random.rand())
    return {"the same twice": bool(noise(1.0) == noise(1.0))}


def frozen_random_numbers_tensorflow():
    import numpy as np
    import tensorflow as tf

    noise = tf.function(lambda x: x + np.random.rand())
    x = tf.constant(1.0)
    return {"the same twice": bool(noise(x) == noise(x))}


def frozen_random_numbers_einport(xp):
    from einport.ops import sample_distribution

    probs = xp.asarray([0.5, 0.5], dtype="float32")
    low, high = (xp.asarray([u], dtype="float32") for u in (0.2, 0.7))
    return {
        "drawn by 0.2": sample_distribution(probs, low),
        "drawn by 0.7": sample_distribution(probs, high),
    }


FROZEN_RANDOM_NUMBERS = trap(
    globals(),
    "frozen-random-numbers",
    "A compiled function draws the same NumPy number every time",
    why="The number is drawn while JAX and TensorFlow trace, and is a constant from then on: "
    "dropout by NumPy drops the same cells for ever. PyTorch draws at each call.",
    instead="Random numbers are arguments, as in `sample_distribution`.",
    ops=("sample_distribution",),
)


def mask_from_top_k_torch():
    import torch

    @torch.compile(backend="eager", fullgraph=True)
    def last_row(scores):
        first = torch.topk(scores, 2).indices == 0
        return torch.where(first)[0].max()

    scores = torch.tensor([[3.0, 2.0, 1.0]]).tile(64, 1)
    return {"compiled, finds row 63": int(last_row(scores)) == 63}


def mask_from_top_k_jax():
    import jax
    import jax.numpy as jnp

    @jax.jit
    def last_row(scores):
        first = jax.lax.top_k(scores, 2)[1] == 0
        return jnp.where(first, size=64)[0].max()

    scores = jnp.tile(jnp.array([[3.0, 2.0, 1.0]]), (64, 1))
    return {"jit, finds row 63": int(last_row(scores)) == 63}


def mask_from_top_k_tensorflow():
    import tensorflow as tf

    def last_row(scores):
        first = tf.math.top_k(scores, 2).indices == 0
        return tf.reduce_max(tf.where(first)[:, 0])

    scores = tf.tile([[3.0, 2.0, 1.0]], [64, 1])
    compiled = tf.function(last_row, jit_compile=True)
    return {
        "eager, finds row 63": int(last_row(scores)) == 63,
        "tf.function, finds row 63": int(tf.function(last_row)(scores)) == 63,
        "XLA, finds row 63": int(compiled(scores)) == 63,
    }


def mask_from_top_k_einport(xp):
    from einport.ops import dispatch_tokens

    def dispatched(tokens):
        experts = xp.top_k(tokens, 1)[1]
        return dispatch_tokens(tokens, experts, 2).tokens

    tokens = xp.asarray([[3.0, 1.0], [2.0, 5.0], [4.0, 2.0]], dtype="float32")
    return xp.compile(dispatched)(tokens)


MASK_FROM_TOP_K = trap(
    globals(),
    "mask-from-top-k",
    "Under XLA TensorFlow does not find the rows that chose an expert",
    why="`tf.where` over a mask that comes from `top_k` or from sorting, in the same compiled "
    "graph, finds nothing, or rows that are not there (seen on a CPU). A loop over experts "
    "compiles and is wrong in silence; with the rows themselves as its result the process may "
    "crash. A mask that was made outside is read rightly.",
    instead="Tokens are sorted by their experts; no rows are looked for by a mask.",
    ops=("moe_layer", "dispatch_tokens", "group_tokens_by_expert", "top_k_gating"),
    not_on=("numpy",),
)


TRAPS = (
    SIZE_BY_VALUE,
    BYTES_AT_ONCE,
    BRANCH_BY_VALUE,
    SIDE_EFFECTS,
    FROZEN_RANDOM_NUMBERS,
    MASK_FROM_TOP_K,
)
