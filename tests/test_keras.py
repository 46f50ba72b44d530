"""Layers of Keras as people write them, on the framework under test: trained, saved, mixed."""

from collections import namedtuple

import numpy as np
import pytest

from einport import ops
from einport.backends.holders import value_of
from einport.suite.holders import KERAS_BACKENDS, is_keras_backend
from einport.suite.holders.keras import keras_on
from einport.suite.judge import Wrong

pytestmark = pytest.mark.keras

D, HEADS, HIDDEN, EXPERTS = 8, 2, 16, 4


@pytest.fixture
def keras(backend, device):
    with keras_on(backend, device) as keras:
        keras.utils.set_random_seed(0)
        yield keras


def layer_class(keras, shapes, call):
    """A layer whose `params` have these shapes, dictionaries of them nested."""

    class Own(keras.layers.Layer):
        def __init__(self, **options):
            super().__init__(**options)
            self.params = self._weights(shapes)

        def _weights(self, shapes):
            if not isinstance(shapes, dict):
                start = "glorot_uniform" if len(shapes) > 1 else "ones"
                return self.add_weight(shape=shapes, initializer=start)
            return {name: self._weights(shape) for name, shape in shapes.items()}

        def call(self, x):
            return call(x, self.params)

    return Own


def transformer(keras):
    block = dict.fromkeys(("norm1_scale", "norm1_shift", "norm2_scale", "norm2_shift"), (D,))
    block["attention"] = dict.fromkeys(("query", "key", "value", "output"), (D, D))
    block["feed_forward"] = {"w1": (D, HIDDEN), "b1": (HIDDEN,), "w2": (HIDDEN, D), "b2": (D,)}
    return layer_class(
        keras, block, lambda x, params: ops.transformer_block(x, params, num_heads=HEADS)
    )


def experts(keras, capacity=None):
    shapes = {
        "gate": (D, EXPERTS),
        "w1": (EXPERTS, D, HIDDEN),
        "b1": (EXPERTS, HIDDEN),
        "w2": (EXPERTS, HIDDEN, D),
        "b2": (EXPERTS, D),
    }

    def call(x, params):
        return x + ops.moe_layer(x, params, k=2, capacity=capacity)

    return layer_class(keras, shapes, call)


def classifier(keras, layer, length=None):
    """Embeddings through a layer, and whether their first channel is positive on average."""
    x = keras.Input((length, D))
    pooled = keras.layers.GlobalAveragePooling1D()(layer(x))
    logits = keras.layers.Dense(2, dtype="float32")(pooled)
    model = keras.Model(x, logits)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return model, loss


def examples(n=10, length=6):
    x = np.random.default_rng(0).normal(size=(n, length, D)).astype("float32")
    return x, (x[:, :, 0].mean(1) > 0).astype("int32")


def train(keras, model, loss, jit_compile="auto"):
    """Some epochs; the last batch of each is smaller. The losses at the start and at the end."""
    optimizer = keras.optimizers.Adam(0.03, global_clipnorm=1.0)
    model.compile(optimizer=optimizer, loss=loss, jit_compile=jit_compile)
    seen = model.fit(*examples(), batch_size=4, epochs=8, verbose=0).history["loss"]
    return seen[0], seen[-1]


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("kind", [transformer, experts])
def test_a_classifier_learns_and_every_weight_moves(keras, kind, policy):
    layer = kind(keras)(dtype=policy)
    model, loss = classifier(keras, layer)
    before = [np.array(w.numpy()) for w in layer.trainable_weights]
    first, last = train(keras, model, loss)
    assert last < 0.7 * first
    for weight, old in zip(layer.trainable_weights, before, strict=True):
        assert np.isfinite(weight.numpy()).all()
        assert not np.array_equal(weight.numpy(), old), weight.path


@pytest.mark.parametrize("kind", [transformer, experts])
def test_a_saved_model_predicts_the_same(keras, kind, tmp_path):
    own = kind(keras)
    model, _ = classifier(keras, own())
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", custom_objects={"Own": own})
    x, _ = examples()
    want = model.predict(x, verbose=0)
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), want)


@pytest.mark.parametrize("capacity", [None, 8])
def test_experts_learn_compiled_with_a_smaller_last_batch(keras, backend, capacity):
    """By XLA; PyTorch's compiler would take minutes, and is tried on modules."""
    model, loss = classifier(keras, experts(keras, capacity)())
    first, last = train(keras, model, loss, jit_compile=backend.name != "torch")
    assert last < first


def test_lengths_may_differ_from_call_to_call(keras):
    model, _ = classifier(keras, experts(keras)())
    x, _ = examples(length=9)
    short = model.predict(x[:, :4], verbose=0)
    np.testing.assert_allclose(model.predict(x[:3, :4], verbose=0), short[:3], atol=1e-5)
    assert model.predict(x, verbose=0).shape == (10, 2)


def test_mixed_precision_computes_in_16_bits_and_keeps_weights_in_32(keras, backend):
    seen = {}

    def call(x, params):
        out = ops.layer_norm(x, params["scale"], params["shift"])
        seen["inside"] = {backend.dtype(value_of(x)) for x in params.values()}
        seen["out"] = backend.dtype(out)
        return out

    layer = layer_class(keras, {"scale": (D,), "shift": (D,)}, call)(dtype="mixed_bfloat16")
    layer(examples()[0])
    assert seen == {"inside": {"bfloat16"}, "out": "bfloat16"}
    assert {backend.dtype(value_of(x)) for x in layer.params.values()} == {"float32"}


Pair = namedtuple("Pair", ("one", "two"))


def test_containers_that_a_layer_tracks_are_read(keras, backend):
    class Holding(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            weights = [self.add_weight(shape=(2,), initializer="ones") for _ in range(6)]
            self.named = {"a": weights[0], "inner": {"b": weights[1]}}
            self.listed = [weights[2]]
            self.together = (weights[3], {"c": [weights[4]]})
            self.pair = Pair(weights[5], weights[5])

    layer = Holding()

    def is_read(x):
        return backend.owns(x) and backend.to_numpy(x).tolist() == [1, 1]

    named, (listed,) = value_of(layer.named), value_of(layer.listed)
    first, second = value_of(layer.together)
    assert [*named] == ["a", "inner"]
    found = [named["a"], named["inner"]["b"], listed, first, second["c"][0], *value_of(layer.pair)]
    assert all(map(is_read, found))
    assert value_of(layer.pair)._fields == Pair._fields
    assert tuple(backend.shape(ops.stack_arrays(layer.listed * 2))) == (2, 2)


def test_keras_has_one_backend_in_a_process(keras, backend):
    assert [name for name in KERAS_BACKENDS if is_keras_backend(name)] == [backend.name]
    other = type("Other", (), {"name": "another", "title": "Another"})()
    message = "Keras has another backend in this process: try Another in a process of its own"
    with pytest.raises(Wrong, match=message), keras_on(other, "cpu"):
        pass
