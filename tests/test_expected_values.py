"""Values that are known beforehand, gradients among them, on every framework."""

import math
import tracemalloc

import numpy as np
import pytest

from einport import ops
from einport.backends.trees import tree_leaves, tree_map
from einport.catalog import entries
from einport.ops import batch_norm
from einport.suite.inputs import draw_inputs, to_backend

pytestmark = pytest.mark.at_once

ONE_TO_NINE = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


@pytest.fixture
def floats(backend, device):
    """Arrays of float32."""
    return lambda data: backend.asarray(np.array(data, np.float32), "float32", device)


@pytest.fixture
def whole(backend, device):
    """Arrays of indices."""
    return lambda data: backend.asarray(np.array(data, np.int32), "int32", device)


def check(backend, got, want, decimals=3):
    np.testing.assert_allclose(backend.to_numpy(got), want, atol=0.5 * 10**-decimals, rtol=0)


# --- normalization -------------------------------------------------------------------------------


def test_normalize_rows(backend, floats):
    want = [[0.267, 0.535, 0.802], [0.456, 0.570, 0.684], [0.503, 0.574, 0.646]]
    check(backend, ops.normalize_rows(floats(ONE_TO_NINE)), want)


def test_cosine_similarity(backend, floats):
    want = [[1, 0.975, 0.959], [0.975, 1, 0.998], [0.959, 0.998, 1]]
    check(backend, ops.cosine_similarity(floats(ONE_TO_NINE)), want)


def test_batch_norm_keeps_a_float32_state_beside_16_bits(backend, device, floats):
    """What the batch adds is under half an epsilon of the state in 16 bits."""
    x = backend.asarray(np.array([1.0, 1.5]).reshape(2, 1, 1, 1), "bfloat16", device)
    names = ("scale", "shift", "running_mean", "running_var")
    state = dict(zip(names, map(floats, ([1], [0], [1], [1])), strict=True))
    y, new = ops.batch_norm(x, state, training=True, momentum=0.01)
    assert backend.dtype(y) == "bfloat16"
    assert all(backend.dtype(new[name]) == "float32" for name in names)
    check(backend, new["running_mean"], [1.0025], decimals=6)
    check(backend, new["running_var"], [0.99125], decimals=6)
    check(backend, state["running_mean"], [1], decimals=9)


def test_batch_norm_hands_the_state_on_in_inference(backend, floats):
    names = ("scale", "shift", "running_mean", "running_var")
    state = {name: floats([1, 2]) for name in names}
    _, new = batch_norm(floats(np.ones((3, 2, 1, 1))), state, training=False)
    assert new is not state
    assert list(new) == list(names)
    assert all(new[name] is state[name] for name in names)


# --- probability ---------------------------------------------------------------------------------


def test_sample_distribution(backend, floats):
    p = np.array([0.05, 0.1, 0.1, 0.2, 0.15, 0.4])
    uniforms = np.random.default_rng(0).random(5_000_000, np.float32)
    drawn = backend.to_numpy(ops.sample_distribution(floats(p), floats(uniforms)))
    counts = np.bincount(drawn, minlength=6)
    assert counts.shape == (6,)
    check(backend, floats(counts / 5_000_000), p, decimals=3)
    # Every framework draws the same, but for numbers within a rounding of a bound.
    same = np.searchsorted(np.cumsum(p), uniforms.astype(float), side="right") == drawn
    assert np.count_nonzero(~same) < 20


def test_sample_distribution_is_small():
    """Numbers and classes may not meet in one array: that would be 8 billion bytes here."""
    probs, uniforms = np.full(10_000, 1e-4), np.random.default_rng(0).random(100_000)
    tracemalloc.start()
    ops.sample_distribution(probs, uniforms)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * (probs.nbytes + uniforms.nbytes)


def test_classifier_accuracy(backend, floats, whole):
    scores = floats([[0.75, 0.5, 0.25], [0.1, 0.5, 0.4], [0.1, 0.7, 0.2]])
    check(backend, ops.classifier_accuracy(scores, whole([0, 1, 0])), 2 / 3, decimals=6)


def test_logsumexp(backend, floats):
    want = [-1000 + math.log(4), 1000 + math.log(4)]
    check(backend, ops.logsumexp(floats([[-1000] * 4, [1000] * 4])), want)


def test_softmax(backend, floats):
    want = np.arange(1, 6) / 15
    for moved in (0, 100, -100):
        check(backend, ops.softmax(floats(np.log(np.arange(1, 6)) + moved)), want, decimals=5)


def test_log_softmax(backend, floats):
    want = [-4.4519, -3.4519, -2.4519, -1.4519, -0.4519]
    check(backend, ops.log_softmax(floats([1001, 1002, 1003, 1004, 1005])), want, decimals=4)


def test_cross_entropy(backend, floats, whole):
    third = 1 / 3
    logits = floats([[-math.inf, -math.inf, 0], [third, third, third], [-math.inf, 0, 0]])
    want = [0, math.log(3), math.inf]
    check(backend, ops.cross_entropy(logits, whole([2, 0, 0])), want, decimals=6)


@pytest.mark.parametrize("op", [ops.softmax, ops.logsumexp, ops.log_softmax])
def test_all_minus_infinity(backend, floats, op):
    want = -math.inf if op.__name__ == "logsumexp" else [math.nan] * 3
    check(backend, op(floats([-math.inf] * 3)), want)


@pytest.mark.parametrize("op", [ops.softmax, ops.logsumexp, ops.log_softmax])
def test_complex_scores_are_refused(backend, device, op):
    x = backend.asarray(np.array([1j, 2]), "complex64", device)
    with pytest.raises(TypeError, match="x must hold real numbers, got complex64"):
        op(x)


# --- indexing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["take", "gather"])
def test_total_price(backend, floats, whole, method):
    prices, items = floats([0.5, 1, 1.5, 2, 2.5]), whole([0, 0, 1, 1, 4, 3, 2])
    assert float(ops.total_price(prices, items, method=method)) == 9.0


def test_gather_columns(backend, whole):
    found = ops.gather_columns(whole(np.arange(15).reshape(3, 5)), whole([[2, 4], [1, 3], [0, 2]]))
    assert backend.to_numpy(found).tolist() == [[2, 4], [6, 8], [10, 12]]


def test_index_by_coordinates(backend, whole):
    places = [[0, 0, 0], [0, 1, 1], [0, 2, 2], [1, 0, 3], [1, 2, 0]]
    found = ops.index_by_coordinates(whole(np.arange(24).reshape(2, 3, 4)), whole(places))
    assert backend.to_numpy(found).tolist() == [0, 5, 10, 15, 20]


def test_collect_rows_and_columns(backend, whole):
    matrix = np.arange(15).reshape(5, 3)
    order = [0, 2, 1, 0]
    rows = ops.collect_rows(whole(matrix), whole(order))
    columns = ops.collect_columns(whole(matrix), whole(order))
    assert backend.to_numpy(rows).tolist() == matrix[order].tolist()
    assert backend.to_numpy(columns).tolist() == matrix[:, order].tolist()


# --- 16 bits -------------------------------------------------------------------------------------

TOPICS = ("normalization", "probability")
ROUNDED = [one for one in entries() if one.topic in TOPICS and one.result != "index"]


@pytest.mark.parametrize("one", ROUNDED, ids=lambda one: one.name)
def test_16_bits_are_rounded_once(backend, device, everything, one):
    """The same as from float32, rounded: the suite's bounds are relative to more than a result."""

    def widen(leaf):
        return backend.widen(leaf) if backend.owns(leaf) else leaf

    compared = 0
    for case in one.cases[:12]:
        if compared >= 20 and not everything:
            break
        for dtype in {"float16", "bfloat16"}.intersection(one.dtypes_of(case)):
            args, kwargs = given = to_backend(backend, draw_inputs(case, dtype, one.name), device)
            wide_args, wide_kwargs = tree_map(widen, given)
            with np.errstate(all="ignore"):
                got = tree_leaves(one.op(*args, **kwargs))
                want = tree_leaves(one.op(*wide_args, **wide_kwargs))
                want = [backend.to_numpy(backend.astype(x, dtype)) for x in want]
            for x, right in zip(got, want, strict=True):
                assert backend.dtype(x) == dtype
                np.testing.assert_array_equal(backend.to_numpy(x), right, f"{case.name}, {dtype}")
                compared += right.size
    assert compared >= 20


# --- gradients -----------------------------------------------------------------------------------

P, Y = np.array([0.2, 0.9, 1e-6, 0.5]), np.array([1.0, 0.0, 0.0, 0.25])

GRADIENTS = {
    "squared_error": (ops.squared_error, [3.0, -1.0], [1.0, 4.0], [2.0, -5.0]),
    "binary_cross_entropy": (ops.binary_cross_entropy, P, Y, -Y / P + (1 - Y) / (1 - P)),
    "binary_cross_entropy, certain": (
        ops.binary_cross_entropy,
        [0.0, 1.0, 0.0, 1.0],
        [0.0, 1.0, 1.0, 0.0],
        [1.0, -1.0, -math.inf, math.inf],
    ),
    "entropy": (ops.entropy, P, None, -np.log(P) - 1),
    "entropy at 0": (ops.entropy, [0.0, 1.0], None, [0.0, -1.0]),
    "kl_divergence": (ops.kl_divergence, P, P[::-1].copy(), np.log(P / P[::-1]) + 1),
    "logsumexp": (ops.logsumexp, [0.0, math.log(3)], None, [0.25, 0.75]),
    "logsumexp, a class that is out": (ops.logsumexp, [0.0, -math.inf], None, [1.0, 0.0]),
    "normalize_rows of zeros": (
        lambda x: ops.normalize_rows(x, eps=0.5),
        [[0.0, 0.0], [3.0, 4.0]],
        None,
        [[2.0, 2.0], [0.032, -0.024]],
    ),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(backend, floats, name):
    op, x, other, want = GRADIENTS[name]
    rest = () if other is None else (floats(other),)
    if backend.name == "numpy":
        assert any("gradient" in gap.mode for gap in backend.gaps)
        return
    run = backend.value_and_grad(lambda x: backend.sum(op(x, *rest)))
    _, gradient = run(floats(x))
    np.testing.assert_allclose(backend.to_numpy(gradient), want, rtol=1e-5, atol=1e-6)


def test_gradients_of_kl_divergence_are_finite_at_0(backend, floats):
    p, q = floats([0.0, 0.0, 1.0]), floats([0.0, 0.5, 0.5])
    if backend.name == "numpy":
        assert any("gradient" in gap.mode for gap in backend.gaps)
        return
    _, by_p = backend.value_and_grad(lambda x: ops.kl_divergence(x, q))(p)
    _, by_q = backend.value_and_grad(lambda x: ops.kl_divergence(p, x))(q)
    assert np.isfinite(backend.to_numpy(by_p)).all()
    np.testing.assert_allclose(backend.to_numpy(by_q), [0, 0, -2])


def test_small_probabilities_keep_their_digits_in_a_graph(backend, floats):
    """A compiler may not take 1 − (1 − p) for p."""
    if backend.name == "numpy":
        assert any("compiled" in gap.mode for gap in backend.gaps)
        return
    p, y = floats([1e-3, 1e-5, 1e-7, 3e-8]), floats([0.0] * 4)
    if backend.name == "torch":
        import torch

        torch._dynamo.reset()
    got = backend.to_numpy(backend.compile(ops.binary_cross_entropy)(p, y))
    want = -np.log1p(-backend.to_numpy(p).astype(float))
    np.testing.assert_allclose(got, want, rtol=1e-6)
