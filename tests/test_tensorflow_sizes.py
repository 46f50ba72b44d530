"""TensorFlow: what a graph may leave unknown, from one size to the number of axes.

A graph is traced once and then called with several sizes, none among them; XLA compiles it anew for
each.
"""

import os
import subprocess
import sys

import numpy as np
import pytest
from einops import EinopsError

from einport import ops
from einport.suite.calls import Call
from einport.suite.inputs import draw_inputs, to_backend
from einport.suite.plan import usual_dtype

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

D, EXPERTS, HIDDEN = 3, 4, 5


def only(op):
    """One operation, on TensorFlow alone."""
    return pytest.mark.einport(applies=lambda e, backend: backend == "tensorflow" and e.name == op)


def on_tensorflow(entry, backend):
    return backend == "tensorflow"


class Graph:
    """A function as one graph of arrays whose sizes may be None, and how often it was traced."""

    def __init__(self, fn, *shapes, dtypes=None, jit_compile=None):
        import tensorflow as tf

        self.traces = 0

        def counted(*arrays):
            self.traces += 1
            return fn(*arrays)

        dtypes = dtypes or ["float32"] * len(shapes)
        spec = [tf.TensorSpec(*both) for both in zip(shapes, dtypes, strict=True)]
        self.call = tf.function(
            counted, autograph=False, input_signature=spec, jit_compile=jit_compile
        )


JIT = pytest.mark.parametrize("jit_compile", [None, True], ids=["plain", "xla"])


def network():
    """Parameters of a mixture of experts."""
    random = np.random.default_rng(0)
    d, e, h = D, EXPERTS, HIDDEN
    shapes = {"gate": (d, e), "w1": (e, d, h), "b1": (e, h), "w2": (e, h, d), "b2": (e, d)}
    return {name: random.normal(size=shape).astype("f") for name, shape in shapes.items()}


def tokens(*shape):
    return np.random.default_rng(1).normal(size=(*shape, D)).astype("f")


# --- Mixtures of experts -------------------------------------------------------------------------


@only("moe_layer")
@pytest.mark.parametrize(
    ("capacity", "jit_compile"),
    [(None, None), (3, None), (None, True), pytest.param(3, True, marks=pytest.mark.thorough)],
)
def test_a_mixture_of_experts_takes_any_batch_and_sequence(entry, backend, capacity, jit_compile):
    """None are known, and how many tokens there are decides how many rows each expert gets."""
    import tensorflow as tf

    params = {name: tf.constant(p) for name, p in network().items()}
    graph = Graph(
        lambda x: ops.moe_layer(x, params, k=2, capacity=capacity),
        (None, None, D),
        jit_compile=jit_compile,
    )
    sizes = ((2, 9), (0, 9), (1, 1), (2, 0), (3, 100))
    for b, s in sizes[: 2 if jit_compile else None]:  # XLA compiles each
        want = ops.moe_layer(tokens(b, s), network(), k=2, capacity=capacity)
        got = graph.call(tokens(b, s))
        assert got.shape == (b, s, D)
        np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-5)
    assert graph.traces == 1


@only("moe_layer")
def test_one_parameter_that_says_how_many_experts_there_are_is_enough(entry, backend):
    names = list(network())
    graph = Graph(
        lambda x, *p: ops.moe_layer(x, dict(zip(names, p, strict=True)), k=2),
        (None, None, None),
        *((None, None), (EXPERTS, None, None), (None, None), (None, None, None), (None, None)),
    )
    got = graph.call(tokens(2, 9), *network().values())
    want = ops.moe_layer(tokens(2, 9), network(), k=2)
    np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-5)


@only("aggregate_expert_outputs")
@JIT
def test_aggregated_outputs_take_any_batch_sequence_and_choices(entry, backend, jit_compile):
    graph = Graph(
        ops.aggregate_expert_outputs, (None, None), (None, None, None), jit_compile=jit_compile
    )
    random = np.random.default_rng(0)
    for b, s, k in ((2, 3, 2), (1, 4, 1), (0, 3, 2), (2, 0, 2)):
        outputs, weights = random.normal(size=(b * s * k, D)), random.normal(size=(b, s, k))
        outputs, weights = outputs.astype("f"), weights.astype("f")
        got = graph.call(outputs, weights)
        want = ops.aggregate_expert_outputs(outputs, weights)
        assert got.shape == (b, s, D)
        np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-5)
    assert graph.traces == 1


def dispatch(tokens, experts):
    return tuple(ops.dispatch_tokens(tokens, experts, 4))


def combine(outputs, counts, kept, dropped, places, weights):
    return ops.combine_tokens(outputs, Sent(outputs, counts, kept, dropped, places), weights)


def Sent(*parts):  # noqa: N802
    """What `dispatch_tokens` returns."""
    whole = ops.dispatch_tokens(np.zeros((1, 1)), np.zeros((1, 1), int), 1)
    return type(whole)(*parts)


UNKNOWN = {
    "dispatch_tokens": (
        dispatch,
        {"tokens": "float32", "experts": "int64"},
        ((None, 3), (None, None)),
        r"dispatch_tokens: the number of choices, the last axis of expert_indices, must be known, "
        r"got shape \(\?, \?\)",
    ),
    "combine_tokens": (
        combine,
        dict(zip("ockdpw", ("float32", "int64", "bool", "int64", "int64", "float32"), strict=True)),
        ((None, 3), (4,), (None, None), (), (None, None), (None, None)),
        r"combine_tokens: the number of choices, the last axis of gate_weights, must be known, "
        r"got shape \(\?, \?\)",
    ),
    "moe_layer": (
        lambda x, *p: ops.moe_layer(x, dict(zip(network(), p, strict=True)), k=1),
        dict.fromkeys("xgabcd", "float32"),
        ((2, 3, D), (D, None), (None, D, 5), (None, 5), (None, 5, D), (None, D)),
        r"moe_layer: the number of experts must be known, got params\['gate'\] of shape \(3, \?\)",
    ),
}


@pytest.mark.einport(
    applies=lambda entry, backend: backend == "tensorflow" and entry.name in UNKNOWN
)
def test_what_must_be_known_of_experts_is_said(entry, backend):
    run, dtypes, shapes, words = UNKNOWN[entry.name]
    with pytest.raises(ValueError, match=words):
        Graph(run, *shapes, dtypes=dtypes.values()).call.get_concrete_function()


# --- Others --------------------------------------------------------------------------------------


@only("unpack")
@JIT
def test_what_was_packed_with_unknown_sizes_is_unpacked(entry, backend, jit_compile):
    def run(a, b, c):
        packed, shapes = ops.pack([a, b, c], "* d")
        return (packed, *ops.unpack(packed, shapes, "* d"))

    graph = Graph(run, (None, None, 2), (None, 2), (2,), jit_compile=jit_compile)
    for n, m in ((3, 4), (0, 4), (3, 0)):
        arrays = [np.random.default_rng(n).normal(size=s) for s in ((n, m, 2), (m, 2), (2,))]
        arrays = [x.astype("f") for x in arrays]
        packed, *parts = graph.call(*arrays)
        assert packed.shape == (n * m + m + 1, 2)
        for part, x in zip(parts, arrays, strict=True):
            np.testing.assert_array_equal(part, x)


@only("unpack")
def test_one_shape_beside_unknown_sizes_may_be_left_to_be_inferred(entry, backend):
    import tensorflow as tf

    def run(packed, like):
        size = tf.shape(like)[0]
        return ops.unpack(packed, [(size, 2), (-1, 2), (size,)], "*")

    graph = Graph(run, (None,), (None,))
    parts = graph.call(np.arange(13, dtype="f"), np.ones(3, "f"))
    assert [part.shape for part in parts] == [(3, 2), (2, 2), 3]
    assert [float(tf.reshape(part, [-1])[0]) for part in parts] == [0, 6, 10]
    two = Graph(lambda x: ops.unpack(x, [(-1,), (-1, tf.shape(x)[0])], "*"), (None,))
    with pytest.raises(EinopsError, match="more than one shape has a −1"):
        two.call.get_concrete_function()


@only("classifier_accuracy")
def test_labels_may_be_counted_where_scores_are_not(entry, backend):
    """TensorFlow's `==` of the two has no rank."""
    graph = Graph(ops.classifier_accuracy, (None, None), (3,), dtypes=("float32", "int64"))
    assert float(graph.call(np.eye(3, dtype="f"), np.array([0, 1, 0]))) == pytest.approx(2 / 3)


@only("multi_head_attention")
def test_columns_of_a_weight_may_be_unknown(entry, backend):
    """The channels of x say how deep the heads are."""

    def run(x, weight):
        params = dict.fromkeys(("query", "key", "value", "output"), weight)
        return ops.multi_head_attention(x, params, num_heads=2)

    x = np.random.default_rng(0).normal(size=(1, 3, 4)).astype("f")
    weight = np.random.default_rng(1).normal(size=(4, 4)).astype("f")
    got = Graph(run, (None, None, 4), (4, None)).call(x, weight)
    np.testing.assert_allclose(got, run(x, weight), rtol=1e-4, atol=1e-5)


@only("scaled_dot_product_attention")
@pytest.mark.parametrize("mask_heads", [1, 4])
@pytest.mark.parametrize("key_heads", [1, 2, 4])
def test_how_many_heads_share_a_key_head_may_be_unknown(entry, backend, key_heads, mask_heads):
    random = np.random.default_rng(0)
    q, k, v = (random.normal(size=(2, h, n, 8)).astype("f") for h, n in
               ((4, 3), (key_heads, 5), (key_heads, 5)))  # fmt: skip
    mask = random.random((2, mask_heads, 3, 5)) < 0.7

    def run(q, k, v, mask):
        return ops.scaled_dot_product_attention(q, k, v, mask=mask)

    shapes = (2, None, 3, 8), (2, None, 5, 8), (2, None, 5, 8), (2, None, 3, 5)
    graph = Graph(run, *shapes, dtypes=["float32"] * 3 + ["bool"])
    want = ops.scaled_dot_product_attention(q, k, v, mask=mask)
    np.testing.assert_allclose(graph.call(q, k, v, mask), want, rtol=1e-4, atol=1e-5)


BROADCAST = {
    "... i, ... i -> i": ((2, 4), (1, 4)),
    "... i, ... i -> ... i": ((1, 4), (2, 4)),
    "... i j, ... j k -> ... i k": ((2, 1, 3, 4), (5, 4, 2)),
    "... i, ... i, ... i -> ...": ((2, 4), (1, 4), (2, 4)),
    "... i i, ... -> ... i": ((1, 4, 4), (3,)),
}


@only("einsum")
@pytest.mark.parametrize("pattern", BROADCAST)
def test_axes_behind_an_ellipsis_broadcast_whatever_is_known_of_them(entry, backend, pattern):
    random = np.random.default_rng(0)
    arrays = [random.normal(size=shape).astype("f") for shape in BROADCAST[pattern]]
    own = [len(words.replace("...", "").split()) for words in pattern.split("->")[0].split(",")]
    shapes = [
        (*[None] * (x.ndim - kept), *x.shape[x.ndim - kept :])
        for x, kept in zip(arrays, own, strict=True)
    ]
    graph = Graph(lambda *given: ops.einsum(*given, pattern), *shapes)
    want = ops.einsum(*arrays, pattern)
    np.testing.assert_allclose(graph.call(*arrays), want, rtol=1e-4, atol=1e-5)


# --- Every operation -----------------------------------------------------------------------------


def call_of(entry, xp):
    case = entry.cases[0]
    return Call(entry, xp, to_backend(xp, draw_inputs(case, usual_dtype(entry), entry.name), "cpu"))


@pytest.mark.einport(applies=on_tensorflow, one_in=4)
def test_an_array_of_unknown_rank_is_refused_in_words(entry, backend):
    call = call_of(entry, backend)
    for at in range(len(call.arrays)):
        shapes = [None if i == at else x.shape for i, x in enumerate(call.arrays)]
        graph = Graph(call, *shapes, dtypes=[x.dtype for x in call.arrays])
        words = rf"^{entry.name}: .+ must have a known number of axes .+, got an array of unknown"
        with pytest.raises(ValueError, match=words):
            graph.call.get_concrete_function()


def left_open(shapes):
    """Axes of arrays to leave unknown: all, an array's, first and second ones, and pairs."""
    cells = [(i, a) for i, shape in enumerate(shapes) for a in range(len(shape))]
    found = [cells, [c for c in cells if c[1] == 0], [c for c in cells if c[1] < 2]]
    found += [[c for c in cells if c[0] == i] for i in range(len(shapes))]
    found += [[a, b] for a in cells[:6] for b in cells[:6] if a <= b]
    return list(dict.fromkeys(tuple(one) for one in found if one))


@pytest.mark.thorough
@pytest.mark.einport(applies=on_tensorflow)
@JIT
def test_any_axes_may_be_unknown_or_are_said_to_be_needed(entry, backend, jit_compile):
    call = call_of(entry, backend)
    want = [backend.to_numpy(out) for out in call(*call.arrays)]
    for cells in left_open([x.shape for x in call.arrays]):
        shapes = [
            [None if (i, a) in cells else n for a, n in enumerate(x.shape)]
            for i, x in enumerate(call.arrays)
        ]
        graph = Graph(call, *shapes, dtypes=[x.dtype for x in call.arrays], jit_compile=jit_compile)
        try:
            graph.call.get_concrete_function()
        except ValueError as error:
            assert str(error).startswith(f"{entry.name}: "), cells  # noqa: PT017
            assert "must be known" in str(error), cells  # noqa: PT017
            continue
        for one, right in zip(graph.call(*call.arrays), want, strict=True):
            assert one.shape == right.shape, cells
            np.testing.assert_allclose(backend.to_numpy(one), right, rtol=1e-4, atol=1e-5)


# --- Keras ---------------------------------------------------------------------------------------


def layer_of(fn):
    """A Keras layer of a mixture of experts, whose weights are variables of Keras."""
    import keras

    class Experts(keras.layers.Layer):
        def build(self, shape):
            make = lambda p: self.add_weight(shape=p.shape, initializer="glorot_uniform")  # noqa: E731
            self.params = {name: make(p) for name, p in network().items()}

        def call(self, x):
            return fn(x, {name: p.value for name, p in self.params.items()})

    return Experts()


@pytest.mark.thorough
@only("moe_layer")
def test_a_keras_model_of_open_sizes_is_fitted_by_xla_and_saved(entry, backend, tmp_path):
    """The last batch is smaller; what is loaded takes another batch and another length."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    inputs = keras.Input((None, D))
    outputs = layer_of(lambda x, p: x + ops.moe_layer(x, p, k=2))(inputs)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.1, global_clipnorm=1.0), "mse", jit_compile=True)
    before = model.evaluate(tokens(10, 6), 0 * tokens(10, 6), batch_size=4, verbose=0)
    model.fit(tokens(10, 6), 0 * tokens(10, 6), batch_size=4, epochs=2, verbose=0)
    assert model.evaluate(tokens(10, 6), 0 * tokens(10, 6), batch_size=4, verbose=0) < before
    model.export(str(tmp_path / "model"), verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "model"))
    for shape in ((3, 7), (1, 2)):
        got, want = loaded.serve(tokens(*shape)), model(tokens(*shape))
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@only("moe_layer")
def test_a_keras_model_takes_any_batch_and_sequence(entry, backend):
    import keras

    inputs = keras.Input((None, D))
    outputs = layer_of(lambda x, p: ops.moe_layer(x, p, k=2))(inputs)
    assert outputs.shape == (None, None, D)
    model = keras.Model(inputs, outputs)
    assert model.predict(tokens(5, 4), batch_size=4, verbose=0).shape == (5, 4, D)


@only("pixel_unshuffle")
def test_a_keras_model_takes_images_of_any_size(entry, backend):
    import keras

    class Deeper(keras.layers.Layer):
        def call(self, x):
            return ops.pixel_unshuffle(x, 2, data_format="channels_last")

    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(Deeper()(inputs)))
    assert model(np.ones((2, 4, 6, 3), "f")).shape == (2, 12)


# --- What would end the process ------------------------------------------------------------------

OF_NOTHING = """
import tensorflow as tf
from einport.backends import get_backend
xp = get_backend("tensorflow")
layer = lambda x, w, b: xp.matmul(x, w) + b
spec = [tf.TensorSpec(shape) for shape in ([None, None], [None, 4], [4])]
run = tf.function(layer, autograph=False, input_signature=spec)
for n in (0, 3):
    print(float(tf.reduce_sum(run(tf.ones((2, n)), tf.ones((n, 4)), tf.ones(4)))))
"""


@pytest.mark.thorough
@only("matrix_multiply")
def test_a_product_that_turns_out_to_be_of_nothing_does_not_end_the_process(entry, backend):
    own = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": "1"}  # the default where there is AVX-512
    done = subprocess.run(
        [sys.executable, "-c", OF_NOTHING], env=own, capture_output=True, text=True
    )
    assert done.stdout.split() == ["8.0", "32.0"], done.stderr[-500:]
