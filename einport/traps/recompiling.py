"""How often a function is compiled, and for which sizes."""

from ._trap import trap


def python_numbers_torch():
    import torch

    made = []

    def backend(graph, inputs):
        made.append(graph)
        return graph

    scale = torch.compile(lambda x, k: x * k, backend=backend)
    for k in (2, 3, 4, 5):
        scale(torch.ones(2), k)
    return {"graphs": len(made)}


def python_numbers_jax():
    import jax

    made = []

    @jax.jit
    def scale(x, k):
        made.append(k)
        return x * k

    for k in (2, 3, 4, 5):
        scale(jax.numpy.ones(2), k)
    return {"graphs": len(made)}


def python_numbers_tensorflow():
    import tensorflow as tf

    made = []

    @tf.function
    def scale(x, k):
        made.append(k)
        return x * tf.cast(k, tf.float32)

    for k in (2, 3, 4, 5):
        scale(tf.ones(2), k)
    return {"graphs": len(made)}


PYTHON_NUMBERS = trap(
    globals(),
    "python-numbers",
    "Four numbers make one graph, two, or four",
    why="TensorFlow takes a number of Python for a constant and traces anew for each; JAX takes it "
    "for an array; PyTorch takes it for a constant until a second one comes.",
    instead="Numbers that change from call to call are arrays; sizes and options are numbers of "
    "Python, and may each cost a graph.",
)


def five_batch_sizes_torch():
    import torch
    from einops import rearrange

    def graphs(**options):
        made = []

        def backend(graph, inputs):
            made.append(graph)
            return graph

        @torch.compile(backend=backend, **options)
        def flat(x):
            return rearrange(x, "b c h -> b (c h)")

        torch.compiler.reset()
        for b in (2, 3, 4, 5, 6):
            flat(torch.ones(b, 7, 8))
        return len(made)

    return {
        "as it comes": graphs(),
        "dynamic=True": graphs(dynamic=True),
        "dynamic=False": graphs(dynamic=False),
    }


def five_batch_sizes_jax():
    import jax
    from einops import rearrange

    made = []

    @jax.jit
    def flat(x):
        made.append(x.shape)
        return rearrange(x, "b c h -> b (c h)")

    for b in (2, 3, 4, 5, 6):
        flat(jax.numpy.ones((b, 7, 8)))
    return len(made)


def five_batch_sizes_tensorflow():
    import tensorflow as tf
    from einops import rearrange

    def graphs(**options):
        made = []

        @tf.function(**options)
        def flat(x):
            made.append(x.shape)
            return rearrange(x, "b c h -> b (c h)")

        for b in (2, 3, 4, 5, 6):
            flat(tf.ones((b, 7, 8)))
        return len(made)

    signature = [tf.TensorSpec((None, 7, 8))]
    return {
        "as it comes": graphs(),
        "reduce_retracing=True": graphs(reduce_retracing=True),
        "input_signature": graphs(input_signature=signature),
    }


FIVE_BATCH_SIZES = trap(
    globals(),
    "five-batch-sizes",
    "Five sizes of a batch make five graphs, two, or one",
    why="JAX compiles for every shape. PyTorch takes a size for fixed until a second one comes; "
    "TensorFlow traces each unless `reduce_retracing=True` or a signature says that it varies.",
    instead="No operation fixes a size that may be unknown, and the suite counts the graphs.",
    ops=("rearrange", "reduce", "repeat"),
)


def equal_sizes_torch():
    import torch

    def graphs(first, second):
        made = []

        def backend(graph, inputs):
            made.append(graph)
            return graph

        torch.compiler.reset()
        double = torch.compile(lambda x: x * 2, backend=backend, dynamic=True)
        double(torch.ones(first))
        double(torch.ones(second))
        return len(made)

    return {
        "4 × 5, 6 × 5": graphs((4, 5), (6, 5)),
        "5 × 5, 6 × 5": graphs((5, 5), (6, 5)),
    }


def equal_sizes_tensorflow():
    import tensorflow as tf

    def graphs(first, second):
        made = []

        @tf.function(input_signature=[tf.TensorSpec((None, None))])
        def double(x):
            made.append(x.shape)
            return x * 2

        double(tf.ones(first))
        double(tf.ones(second))
        return len(made)

    return {
        "4 × 5, 6 × 5": graphs((4, 5), (6, 5)),
        "5 × 5, 6 × 5": graphs((5, 5), (6, 5)),
    }


EQUAL_SIZES = trap(
    globals(),
    "equal-sizes",
    "Two unknown sizes that are equal at first are taken for one",
    why="With `dynamic=True` torch.compile gives equal sizes one symbol, and compiles again when "
    "they part: examples for a test of dynamic shapes should have sizes that all differ.",
    instead="The suite gives an unknown size a value that no other axis has.",
)


def long_sum_torch():
    import torch
    from torch._dynamo.testing import CompileCounterWithBackend

    made = CompileCounterWithBackend("inductor")
    total = torch.compile(lambda x: x.sum(), backend=made, dynamic=True)
    total(torch.ones(3))
    total(torch.ones(4099))
    return made.frame_count


def long_sum_tensorflow():
    import tensorflow as tf

    made = []

    @tf.function(input_signature=[tf.TensorSpec((None,))])
    def total(x):
        made.append(x.shape)
        return tf.reduce_sum(x)

    total(tf.ones(3))
    total(tf.ones(4099))
    return len(made)


LONG_SUM = trap(
    globals(),
    "long-sum",
    "A sum over an unknown size compiles twice once it passes 4096",
    why="On a CPU inductor, PyTorch's compiler, writes other code for sums of more than 4096 "
    "float32, which adds them up in parts; the code holds for sizes on one side alone.",
    instead="The same: a compiled sum is the framework's own. Up to 4096 rows there is one graph.",
    ops=("reduce", "row_sums", "mean_by_period"),
)


def smaller_size_torch():
    import torch
    from torch._dynamo.testing import CompileCounterWithBackend
    from torch._inductor.utils import fresh_cache

    def begin(x):
        return x[: min(x.shape[0], 8 + x.shape[0] // 2)] * 2

    def graphs():
        torch.compiler.reset()
        made = CompileCounterWithBackend("inductor")
        compiled = torch.compile(begin, backend=made, dynamic=True)
        for size in (3, 5, 40):
            compiled(torch.ones(size))
        return made.frame_count

    with fresh_cache():
        return {"compiled": graphs(), "from the cache": graphs()}


def smaller_size_tensorflow():
    import tensorflow as tf

    made = []

    @tf.function(input_signature=[tf.TensorSpec((None,))])
    def begin(x):
        made.append(x.shape)
        size = tf.size(x)
        return x[: tf.minimum(size, 8 + size // 2)] * 2

    for size in (3, 5, 40):
        begin(tf.ones(size))
    return {"compiled": len(made)}


SMALLER_SIZE = trap(
    globals(),
    "smaller-size",
    "The smaller of two sizes makes one graph, and two from the cache",
    why="torch.compile keeps what a graph asks of sizes on disk, as Python. Read back in another "
    "process, `min` compares the sizes, and the comparison is asked too.",
    instead="What must hold for any number of rows compares no sizes: `moe_layer` reckons with "
    "2ab / (a + b), which is at least the smaller.",
    ops=("moe_layer",),
)


def cache_while_tracing_torch():
    import torch

    made, seen = [], {}

    def backend(graph, inputs):
        made.append(graph)
        return graph

    @torch.compile(backend=backend)
    def increment(x):
        if "before" not in seen:
            seen["before"] = True
        return x + 1

    for _ in range(3):
        increment(torch.ones(2))
    return len(made)


def cache_while_tracing_jax():
    import jax

    made, seen = [], {}

    @jax.jit
    def increment(x):
        made.append(x.shape)
        if "before" not in seen:
            seen["before"] = True
        return x + 1

    for _ in range(3):
        increment(jax.numpy.ones(2))
    return len(made)


def cache_while_tracing_tensorflow():
    import tensorflow as tf

    made, seen = [], {}

    @tf.function
    def increment(x):
        made.append(x.shape)
        if "before" not in seen:
            seen["before"] = True
        return x + 1

    for _ in range(3):
        increment(tf.ones(2))
    return len(made)


CACHE_WHILE_TRACING = trap(
    globals(),
    "cache-while-tracing",
    "A cache that is filled by the first call is compiled twice",
    why="torch.compile guards what Python it has read: “not there yet” holds for the first call "
    "alone. JAX and TensorFlow trace once, and never look at the cache again.",
    instead="What einport keeps about types it leaves alone while torch.compile traces.",
)


def string_of_size_torch():
    import torch

    def traced(function):
        options = {"dynamic": True, "fullgraph": True, "backend": "eager"}
        return torch.compile(function, **options)(torch.ones(3))

    return {
        "f-string": lambda: traced(lambda x: x * len(f"{x.shape[0]}")),
        "str()": lambda: traced(lambda x: x * len(str(x.shape[0]))),
    }


def string_of_size_jax():
    import jax

    def traced(function):
        return jax.jit(function)(jax.numpy.ones(3))

    return {
        "f-string": traced(lambda x: x * len(f"{x.shape[0]}")),
        "str()": traced(lambda x: x * len(str(x.shape[0]))),
    }


def string_of_size_tensorflow():
    import tensorflow as tf

    def traced(function):
        signature = [tf.TensorSpec((None,))]
        return tf.function(function, input_signature=signature)(tf.ones(3))

    return {
        "f-string": traced(lambda x: x * len(f"{x.shape[0]}")),
        "str()": traced(lambda x: x * len(str(x.shape[0]))),
    }


STRING_OF_SIZE = trap(
    globals(),
    "string-of-size",
    "An unknown size as a string: its digits, “None”, or an error",
    why="torch.compile traces an f-string over a size that it does not know, and not `str`: a "
    "message that is never shown can keep a function from compiling. In TensorFlow such a size is "
    "None, four letters long; JAX knows every size.",
    instead="Messages are f-strings, and a size that is None is a question mark.",
)


TRAPS = (
    PYTHON_NUMBERS,
    FIVE_BATCH_SIZES,
    EQUAL_SIZES,
    LONG_SUM,
    SMALLER_SIZE,
    CACHE_WHILE_TRACING,
    STRING_OF_SIZE,
)
