"""TensorFlow: no gradient of an operation is sparse, so that norms, clips and steps are right.

TensorFlow's gradient of a gather along the first axis is IndexedSlices that name a row once for
each time it was read: the norm of its values is not that of the gradient.
"""

import os
from functools import cache

import numpy as np
import pytest

from einport import ops
from einport.suite.calls import Call
from einport.suite.inputs import draw_inputs, to_backend
from einport.suite.plan import usual_dtype

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

GATHERS = {
    *("collect_rows", "combine_tokens", "dispatch_tokens", "group_tokens_by_expert"),
    *("index_by_coordinates", "moe_layer", "sample_distribution", "total_price"),
}
"""The operations that gather along a first axis."""


def has_gradient(entry, backend):
    return backend == "tensorflow" and entry.no_gradient is None


def gathers(entry, backend):
    return has_gradient(entry, backend) and entry.name in GATHERS


def only(op):
    """One operation, on TensorFlow alone."""
    return pytest.mark.einport(applies=lambda e, backend: backend == "tensorflow" and e.name == op)


class Case:
    """An entry's first case, as a sum of its results and what that is differentiated by."""

    def __init__(self, entry, xp):
        case = entry.cases[0]
        inputs = draw_inputs(case, usual_dtype(entry, case), entry.name)
        self.call = Call(entry, xp, to_backend(xp, inputs, "cpu"))
        self.arrays = self.call.arrays
        self.floats = [i for i, x in enumerate(self.arrays) if xp.is_floating(x)]

    def value(self, *arrays):
        import tensorflow as tf

        floats = [out for out in self.call(*arrays) if out.dtype.is_floating]
        return tf.add_n([(1.0 + i) * tf.reduce_sum(out**2) for i, out in enumerate(floats)])

    def gradients(self, *arrays):
        import tensorflow as tf

        sources = [arrays[i] for i in self.floats]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(sources)
            value = self.value(*arrays)
        return tape.gradient(value, sources)

    def variables(self):
        import tensorflow as tf

        arrays = enumerate(self.arrays)
        return [tf.Variable(x) if i in self.floats else x for i, x in arrays]


def eager(case):
    return case.gradients(*case.arrays)


def graph(case):
    import tensorflow as tf

    return tf.function(case.gradients, autograph=False)(*case.arrays)


def xla(case):
    import tensorflow as tf

    return tf.function(case.gradients, autograph=False, jit_compile=True)(*case.arrays)


def of_a_graph(case):
    import tensorflow as tf

    run, sources = tf.function(case.value, autograph=False), [case.arrays[i] for i in case.floats]
    with tf.GradientTape() as tape:
        tape.watch(sources)
        value = run(*case.arrays)
    return tape.gradient(value, sources)


def eager_variables(case):
    return case.gradients(*case.variables())


def graph_variables(case):
    import tensorflow as tf

    variables = case.variables()
    return tf.function(lambda: case.gradients(*variables), autograph=False)()


def mapped(case):
    import tensorflow as tf

    found = []

    def one(arrays):
        found.extend(case.gradients(*arrays))
        return [tf.convert_to_tensor(x) for x in found if x is not None]

    tf.vectorized_map(one, [tf.stack([x, x]) for x in case.arrays])
    return found


def second(case):
    import tensorflow as tf

    sources = [case.arrays[i] for i in case.floats]
    with tf.GradientTape() as tape:
        tape.watch(sources)
        first = case.gradients(*case.arrays)
        value = tf.add_n([tf.reduce_sum(x * x) for x in first if x is not None])
    return tape.gradient(value, sources)


WAYS = (eager, graph, xla, of_a_graph, eager_variables, graph_variables, mapped, second)


def is_sparse(x):
    import tensorflow as tf

    return isinstance(x, tf.IndexedSlices)


@pytest.mark.einport(applies=gathers)
@pytest.mark.parametrize("way", [eager, graph])
def test_no_gradient_of_what_gathers_is_sparse(entry, backend, way):
    found = way(Case(entry, backend))
    assert found
    assert not any(map(is_sparse, found))


@pytest.mark.thorough
@pytest.mark.einport(applies=has_gradient)
@pytest.mark.parametrize("way", WAYS)
def test_no_gradient_is_sparse(entry, backend, way):
    found = way(Case(entry, backend))
    assert found
    assert not any(map(is_sparse, found))


MATRIX, VECTOR = (3, 2), (3,)
ALONG_THE_FIRST = {
    "take": (MATRIX, lambda xp, x: xp.take(x, xp.asarray([0, 2, 2]), axis=0)),
    "take of a vector": (VECTOR, lambda xp, x: xp.take(x, xp.asarray([0, 2, 2]), axis=0)),
    "take_along_axis": (VECTOR, lambda xp, x: xp.take_along_axis(x, xp.asarray([0, 2, 2]), axis=0)),
    "top_k": (VECTOR, lambda xp, x: xp.top_k(x, 2)[0]),
    "segment_sum": (MATRIX, lambda xp, x: xp.segment_sum(x, xp.asarray([1, 0, 1]), 2)),
}


@only("collect_rows")
@pytest.mark.parametrize("primitive", ALONG_THE_FIRST)
def test_gradients_of_primitives_and_of_their_gradients_are_dense(entry, backend, primitive):
    """A gradient by what the gradient was weighted with: the derivative forwards, made of two."""
    import tensorflow as tf

    shape, run = ALONG_THE_FIRST[primitive]
    x = tf.constant(np.random.default_rng(0).normal(size=shape).astype("f"))
    weight = tf.ones_like(run(backend, x))
    with tf.GradientTape() as outer:
        outer.watch(weight)
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = run(backend, x)
        first = tape.gradient(value, x, output_gradients=weight)
        total = tf.reduce_sum(first)
    assert not is_sparse(first)
    assert not is_sparse(outer.gradient(total, weight))


# --- A step of training --------------------------------------------------------------------------

K = 2


def network():
    """Parameters of a mixture of experts and tokens, as NumPy arrays."""
    random = np.random.default_rng(3)
    shapes = {"gate": (3, 4), "w1": (4, 3, 5), "b1": (4, 5), "w2": (4, 5, 3), "b2": (4, 3)}
    params = {name: random.normal(size=shape).astype("f") for name, shape in shapes.items()}
    return params, random.normal(size=(2, 40, 3)).astype("f")


@cache
def oracle_gradients():
    """By hand: the gate's weights of the chosen experts, and each expert's own two layers."""
    params, tokens = network()
    p = {name: value.astype(float) for name, value in params.items()}
    rows = tokens.reshape(-1, 3).astype(float)
    logits = rows @ p["gate"]
    grads = {name: np.zeros_like(value) for name, value in p.items()}
    for row, scores in zip(rows, logits, strict=True):
        chosen = np.argsort(-scores, kind="stable")[:K]
        weights = np.exp(scores[chosen]) / np.exp(scores[chosen]).sum()
        hidden = [np.maximum(row @ p["w1"][e] + p["b1"][e], 0) for e in chosen]
        outs = [h @ p["w2"][e] + p["b2"][e] for h, e in zip(hidden, chosen, strict=True)]
        out = sum(w * o for w, o in zip(weights, outs, strict=True))
        upstream = 2 * out  # of the sum of squares
        by_weight = np.array([upstream @ o for o in outs])
        by_score = weights * (by_weight - weights @ by_weight)
        for e, w, h, s in zip(chosen, weights, hidden, by_score, strict=True):
            grads["gate"][:, e] += s * row
            grads["b2"][e] += w * upstream
            grads["w2"][e] += np.outer(h, w * upstream)
            by_hidden = (p["w2"][e] @ (w * upstream)) * (h > 0)
            grads["b1"][e] += by_hidden
            grads["w1"][e] += np.outer(row, by_hidden)
    return grads


def norm(grads):
    return float(np.sqrt(sum((g**2).sum() for g in grads.values())))


@cache
def traced_gradients():
    """The gradients of the layer by variables, in a graph."""
    import tensorflow as tf

    params, tokens = network()
    held = {name: tf.Variable(p) for name, p in params.items()}

    @tf.function(autograph=False)
    def run():
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(ops.moe_layer(tf.constant(tokens), held, k=K) ** 2)
        return tape.gradient(value, held)

    return run()


@only("moe_layer")
def test_the_global_norm_and_the_clip_are_those_of_the_gradient(entry, backend):
    import tensorflow as tf

    grads = traced_gradients()
    want = oracle_gradients()
    assert float(tf.linalg.global_norm(list(grads.values()))) == pytest.approx(norm(want), rel=1e-4)
    clipped, _ = tf.clip_by_global_norm(list(grads.values()), 1.0)
    for name, got in zip(grads, clipped, strict=True):
        np.testing.assert_allclose(got, want[name] / norm(want), rtol=1e-3, atol=1e-5)


RATE = 0.01
CLIPS = {
    "plain": ({}, lambda grads: grads),
    "global_clipnorm": (
        {"global_clipnorm": 2.0},
        lambda grads: {n: g * min(1, 2 / norm(grads)) for n, g in grads.items()},
    ),
    "clipnorm": (
        {"clipnorm": 2.0},
        lambda grads: {n: g * min(1, 2 / norm({n: g})) for n, g in grads.items()},
    ),
    "clipvalue": (
        {"clipvalue": 0.5},
        lambda grads: {n: np.clip(g, -0.5, 0.5) for n, g in grads.items()},
    ),
}
STEPS = {
    "SGD": ({}, lambda g: RATE * g),
    "SGD with momentum": ({"momentum": 0.9}, lambda g: RATE * g),
    "Adam": ({"epsilon": 1e-3}, lambda g: RATE * g / (np.abs(g) + 1e-3 / np.sqrt(1 - 0.999))),
}


@only("moe_layer")
@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize("step", STEPS)
def test_a_first_step_of_keras_optimizers_is_that_of_the_gradient(entry, backend, step, clip):
    import keras

    settings, clipped = CLIPS[clip]
    own, moved = STEPS[step]
    params, _ = network()
    held = {name: keras.Variable(p) for name, p in params.items()}
    optimizer = getattr(keras.optimizers, step.split()[0])(RATE, **settings, **own)
    grads = traced_gradients()
    optimizer.apply_gradients([(grads[name], held[name]) for name in held])
    for name, g in clipped(oracle_gradients()).items():
        # Adam's epsilon stands beside the root of the corrected second moment.
        want = params[name] - moved(g)
        np.testing.assert_allclose(np.asarray(held[name]), want, rtol=1e-3, atol=2e-5)
