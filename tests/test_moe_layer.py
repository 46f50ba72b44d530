"""Mixtures of experts against a plain loop: any load, traced and not, and the gradients."""

import tracemalloc

import numpy as np
import pytest

from einport import ops
from einport.backends.trees import tree_leaves, tree_map

pytestmark = pytest.mark.at_once

D, EXPERTS, HIDDEN = 5, 4, 7


def network(experts=EXPERTS, seed=0):
    """Parameters as NumPy arrays."""
    random = np.random.default_rng(seed)
    shapes = {
        "gate": (D, experts),
        "w1": (experts, D, HIDDEN),
        "b1": (experts, HIDDEN),
        "w2": (experts, HIDDEN, D),
        "b2": (experts, D),
    }
    return {name: random.normal(size=shape).astype("f") for name, shape in shapes.items()}


def steered(*scores):
    """Parameters whose gate prefers experts by these scores, for tokens that add up to 1."""
    return {**network(), "gate": np.tile(np.array(scores, "f"), (D, 1))}


def tokens(b, s, seed=1):
    """Tokens that add up to 1."""
    x = np.random.default_rng(seed).normal(size=(b, s, D))
    return (x + (1 - x.sum(-1, keepdims=True)) / D).astype("f")


def choices(x, params, k):
    """The k experts of each token and their weights, in the plainest NumPy."""
    logits = x.reshape(-1, D).astype(float) @ params["gate"].astype(float)
    chosen = np.argsort(-logits, axis=-1, kind="stable")[:, :k]
    powers = np.exp(np.take_along_axis(logits, chosen, axis=-1) - logits.max(-1, keepdims=True))
    return chosen, powers / powers.sum(-1, keepdims=True)


def share_of_each(x, params, k, capacity=None):
    """The weight of each expert for each token, (t, E): zero where not chosen, or dropped."""
    chosen, weights = choices(x, params, k)
    out = np.zeros((len(chosen), params["gate"].shape[1]))
    loads = [0] * out.shape[1]
    for i, row in enumerate(chosen):
        for j, e in enumerate(row):
            loads[e] += 1
            if capacity is None or loads[e] <= capacity:
                out[i, e] = weights[i, j]
    return out, loads


def loop(x, params, k, capacity=None):
    """Expert by expert, over all the tokens that chose it."""
    share, _ = share_of_each(x, params, k, capacity)
    rows, out = x.reshape(-1, D).astype(float), np.zeros((share.shape[0], D))
    for e in range(share.shape[1]):
        w1, b1, w2, b2 = (params[name][e].astype(float) for name in ("w1", "b1", "w2", "b2"))
        for i in np.nonzero(share[:, e])[0]:
            out[i] += share[i, e] * (np.maximum(rows[i] @ w1 + b1, 0) @ w2 + b2)
    return out.reshape(x.shape)


@pytest.fixture
def put(backend, device):
    """A tree of NumPy arrays as one of the framework's, in float32 or its index dtype."""

    def one(x):
        return backend.asarray(x, "float32" if x.dtype.kind == "f" else "int32", device)

    return lambda tree: tree_map(one, tree)


def graphs(xp, fn, dynamic=False):
    """Every way in which a framework runs a function as one graph."""
    if xp.name == "torch":
        import torch

        from einport.suite.drivers.torch import patterns_in_one_step

        torch._dynamo.reset()
        traced = torch.compile(fn, fullgraph=True, backend=uncompared, dynamic=dynamic)
        return [patterns_in_one_step(traced)]
    if xp.name == "tensorflow":
        import tensorflow as tf

        return [xp.compile(fn), tf.function(fn, autograph=False, jit_compile=True)]
    return [] if xp.name == "numpy" else [xp.compile(fn)]


def uncompared(graph, inputs):
    """A backend for PyTorch that runs a graph as it is, if no size in it is the smaller of two.

    Found in the cache on disk, such a graph would be for one of the two cases alone.
    """
    for node in graph.graph.nodes:
        sizes = str(getattr(node.meta.get("example_value"), "shape", ""))
        assert "Min" not in sizes, f"{node} has shape {sizes}"
    return graph


FEW, MANY = tokens(2, 9), tokens(2, 2048)
LOADS = {
    "random": (FEW, network(), 2),
    "two get all": (FEW, steered(0, 1, 9, 8), 2),
    "one gets none": (FEW, steered(0, 1, -9, 2), 2),
    "the first two": (FEW, steered(9, 8, 0, 0), 2),
    "one choice": (FEW, network(), 1),
    "one gets all": (FEW, steered(0, 1, 9, 2), 1),
    "all experts": (FEW, network(), EXPERTS),
    "one token": (tokens(1, 1), network(), 2),
    "many experts": (tokens(1, 3), network(40), 2),
    "thousands": (MANY, network(), 2),
    "thousands, to two": (MANY, steered(0, 9, 1, 2), 2),
    "hundreds, to two of forty": (tokens(1, 300), network(40), 2),
}


@pytest.mark.parametrize("capacity", [None, 3])
@pytest.mark.parametrize("load", LOADS)
def test_it_equals_the_loop(backend, put, load, capacity):
    x, params, k = LOADS[load]
    got = backend.to_numpy(ops.moe_layer(put(x), put(params), k=k, capacity=capacity))
    np.testing.assert_allclose(got, loop(x, params, k, capacity), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("capacity", [None, 3])
def test_a_graph_equals_the_loop(backend, put, request, capacity):
    """What is traced cannot read the loads and goes another way; one graph serves all of them.

    With a capacity it goes the way that it goes untraced, so one size will do.
    """

    def run(x, params):
        return ops.moe_layer(x, params, k=2, capacity=capacity)

    few = ("random", "one gets none", "thousands, to two")
    loads = LOADS if request.config.getoption("--all") else few
    for form in graphs(backend, run):
        for x, params, k in (LOADS[load] for load in loads):
            if k == 2 and (capacity is None or len(x[0]) == 9):
                got, want = form(put(x), put(params)), loop(x, params, k, capacity)
                np.testing.assert_allclose(backend.to_numpy(got), want, rtol=2e-5, atol=2e-5)


def test_a_graph_holds_any_load(backend, put):
    """Loads that need as many blocks of rows as there can be, and loads that fill them exactly."""
    params = {**network(), "gate": 9 * np.eye(D, EXPERTS, dtype="f")}
    forms = graphs(backend, lambda x, params: ops.moe_layer(x, params, k=1))
    random = np.random.default_rng(0)
    for loads in [(33, 1, 1, 1), (1, 1, 1, 33), (32, 2, 1, 1), (0, 32, 0, 4), (36, 0, 0, 0)]:
        chosen = random.permutation(np.repeat(np.arange(EXPERTS), loads))
        x = (np.eye(D)[chosen] + 0.1 * random.normal(size=(36, D))).astype("f")[None]
        assert share_of_each(x, params, 1)[1] == list(loads)
        for form in forms:
            got = backend.to_numpy(form(put(x), put(params)))
            np.testing.assert_allclose(got, loop(x, params, 1), rtol=2e-5, atol=2e-5)


def test_the_loads_are_what_the_tests_say():
    got = {name: share_of_each(*case)[1] for name, case in LOADS.items()}
    assert got["one gets all"] == [0, 0, 18, 0]
    assert got["two get all"] == [0, 0, 18, 18]
    assert got["one gets none"][2] == 0
    assert got["the first two"] == [18, 18, 0, 0]
    assert got["thousands, to two"][:2] == [0, 4096]
    assert all(n == 18 for n in got["all experts"])
    assert min(got["random"]) > 3  # a capacity of 3 drops


def test_the_order_of_experts_does_not_matter(backend, put):
    x, params = tokens(2, 50), network()
    order = np.array([2, 0, 3, 1])
    moved = {name: p[:, order] if name == "gate" else p[order] for name, p in params.items()}
    one = backend.to_numpy(ops.moe_layer(put(x), put(params), k=2))
    other = backend.to_numpy(ops.moe_layer(put(x), put(moved), k=2))
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("capacity", [None, 1000])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_there_and_back_is_k_times_the_tokens(backend, put, k, capacity):
    random = np.random.default_rng(k)
    x = random.normal(size=(1000, 3)).astype("f")
    chosen = random.permuted(np.tile(np.arange(6), (1000, 1)), axis=1)[:, :k]
    sent = ops.dispatch_tokens(put(x), put(chosen), 6, capacity=capacity)
    back = ops.combine_tokens(sent.tokens, sent, put(np.ones((1000, k), "f")))
    want = np.zeros_like(x)
    for _ in range(k):
        want += x
    np.testing.assert_array_equal(backend.to_numpy(back), want)
    assert int(sent.dropped) == 0
    assert bool(backend.to_numpy(sent.kept).all())


def test_dispatch_is_the_same_in_a_graph(backend, put):
    random = np.random.default_rng(0)
    x, chosen = random.normal(size=(4096, 2)), random.integers(0, 5, (4096, 2))
    for capacity in (None, 1500):

        def run(x, chosen, capacity=capacity):
            return tuple(ops.dispatch_tokens(x, chosen, 5, capacity=capacity))

        want = run(put(x), put(chosen))
        for form in graphs(backend, run):
            for one, right in zip(form(put(x), put(chosen)), want, strict=True):
                np.testing.assert_array_equal(backend.to_numpy(one), backend.to_numpy(right))


@pytest.mark.thorough
def test_sizes_may_be_unknown(backend, put):
    """As the batch size often is; the loads are never known."""
    params = put(network())

    def run(x):
        return ops.moe_layer(x, params, k=2)

    forms = graphs(backend, run, dynamic=True)
    if backend.name == "tensorflow":
        import tensorflow as tf

        for shape in ([None, 9, D], [2, None, D]):
            spec = [tf.TensorSpec(shape, tf.float32)]
            forms.append(tf.function(run, autograph=False, input_signature=spec))
    if backend.name == "jax":
        import jax

        b = jax.ShapeDtypeStruct((*jax.export.symbolic_shape("b"), 9, D), "float32")
        forms.append(jax.export.export(jax.jit(run))(b).call)
    for form in forms:
        for size in (2, 3, 40):
            x = tokens(2, 9) if size == 2 else tokens(size, 9)
            if form is forms[-1] and backend.name == "tensorflow":
                x = tokens(2, size)
            got = backend.to_numpy(form(put(x)))
            np.testing.assert_allclose(got, loop(x, network(), 2), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("capacity", [None, 3])
def test_a_token_that_is_nan_spoils_no_other(backend, put, capacity):
    x, params = tokens(2, 9), network()
    spoiled = x.copy()
    spoiled[1, 4, 2] = np.nan

    def run(x, params):
        return ops.moe_layer(x, params, k=2, capacity=capacity)

    for form in [run, *graphs(backend, run)]:
        got = backend.to_numpy(form(put(spoiled), put(params)))
        # Where there is no room for it, it adds nothing: the experts it goes to are full by then.
        assert np.isfinite(np.delete(got.reshape(18, D), 13, axis=0)).all()
        if capacity is None:
            assert np.isnan(got[1, 4]).all()
            got[1, 4] = loop(x, params, 2)[1, 4]
            np.testing.assert_allclose(got, loop(x, params, 2), rtol=2e-5, atol=2e-5)


def test_mapped_over_a_batch(backend, put):
    x = np.stack([tokens(2, 9, seed) for seed in range(3)])
    params = put(network())
    for capacity in (None, 3):
        run = lambda x, c=capacity: ops.moe_layer(x, params, k=2, capacity=c)  # noqa: E731
        got = backend.to_numpy(backend.vmap(run)(put(x)))
        for one, right in zip(got, x, strict=True):
            want = loop(right, network(), 2, capacity)
            np.testing.assert_allclose(one, want, rtol=2e-5, atol=2e-5)


# --- Memory --------------------------------------------------------------------------------------


def peak(fn):
    tracemalloc.start()
    try:
        fn()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_it_is_small():
    """A one-hot of tokens, experts and capacity would be 42 million elements here."""
    t, d, experts, k, capacity = 4096, 64, 64, 2, 160
    random = np.random.default_rng(0)
    x, weights = random.normal(size=(t, d)).astype("f"), random.random((t, k)).astype("f")
    chosen = random.permuted(np.tile(np.arange(experts), (t, 1)), axis=1)[:, :k]
    for limit in (None, capacity):
        sent = ops.dispatch_tokens(x, chosen, experts, capacity=limit)
        given = x.nbytes + weights.nbytes + chosen.nbytes
        bound = 3 * sent.tokens.nbytes
        assert peak(lambda: ops.dispatch_tokens(x, chosen, experts, capacity=limit)) < bound  # noqa: B023
        assert peak(lambda: ops.combine_tokens(sent.tokens, sent, weights)) < bound  # noqa: B023
        assert given < bound


# --- Gradients -----------------------------------------------------------------------------------


def dense(xp, x, params, share):
    """Every expert for every token, weighted by its share: the loop, differentiable."""
    rows, total = ops.rearrange(x, "b s d -> (b s) d"), 0.0
    for e in range(EXPERTS):
        w1, b1, w2, b2 = (params[name][e] for name in ("w1", "b1", "w2", "b2"))
        total = total + share[:, e : e + 1] * (xp.maximum(rows @ w1 + b1, 0) @ w2 + b2)
    return total


def dense_share(xp, x, params, picked):
    """The softmax over the picked experts (t, E), zero for the others and the dropped."""
    chosen, kept = picked
    logits = ops.rearrange(x, "b s d -> (b s) d") @ params["gate"]
    powers = xp.where(chosen > 0, xp.exp(logits), 0.0)
    return xp.where(kept > 0, powers / xp.sum(powers, axis=-1, keepdims=True), 0.0)


@pytest.mark.parametrize("capacity", [None, 3])
@pytest.mark.parametrize("load", ["random", "one gets none", "two get all"])
def test_gradients_are_those_of_the_loop(backend, put, load, capacity):
    if backend.name == "numpy":
        assert any("gradient" in gap.mode for gap in backend.gaps)
        return
    x, params, k = LOADS[load]
    picked = [share_of_each(x, params, k, room)[0] > 0 for room in (None, capacity)]
    picked = put([one.astype("f") for one in picked])
    weight = put(np.random.default_rng(5).normal(size=x.shape).astype("f"))

    def layer(tree):
        return backend.sum(
            weight * ops.moe_layer(tree["x"], tree["params"], k=k, capacity=capacity)
        )

    def plain(tree):
        share = dense_share(backend, tree["x"], tree["params"], picked)
        out = dense(backend, tree["x"], tree["params"], share)
        return backend.sum(ops.rearrange(weight, "b s d -> (b s) d") * out)

    tree = put({"x": x, "params": params})
    if backend.compiles_eagerly:  # step by step it would be compiled step by step
        plain = backend.compile(plain)
    value, gradient = backend.value_and_grad(layer)(tree)
    right, wanted = backend.value_and_grad(plain)(tree)
    np.testing.assert_allclose(backend.to_numpy(value), backend.to_numpy(right), rtol=1e-4)
    leaves = list(zip(tree_leaves(gradient), tree_leaves(wanted), strict=True))
    assert len(leaves) == 6
    for one, want in leaves:
        got, want = backend.to_numpy(one), backend.to_numpy(want)
        assert np.isfinite(got).all()
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)
    if load != "random":
        assert not backend.to_numpy(gradient["params"]["w1"])[0 if k == 2 else 2].any()


def test_gradients_of_what_is_dropped_are_zero(backend, put):
    """Also where a weight or a row that no token gets is NaN."""
    if backend.name == "numpy":
        assert any("gradient" in gap.mode for gap in backend.gaps)
        return
    sent = ops.dispatch_tokens(
        put(np.zeros((3, 1), "f")), put(np.array([[0], [0], [1]])), 2, capacity=1
    )
    outputs, weights = (
        put(np.array([[[2.0]], [[3.0]]], "f")),
        put(np.array([[5.0], [np.nan], [7.0]], "f")),
    )

    def run(tree):
        return backend.sum(ops.combine_tokens(tree[0], sent, tree[1]))

    value, (by_outputs, by_weights) = backend.value_and_grad(run)((outputs, weights))
    assert float(value) == 31
    np.testing.assert_array_equal(backend.to_numpy(by_outputs), [[[5]], [[7]]])
    np.testing.assert_array_equal(backend.to_numpy(by_weights), [[2], [0], [3]])
    spoiled = ops.dispatch_tokens(
        put(np.zeros((2, 1), "f")), put(np.array([[1], [1]])), 2, capacity=1
    )
    outputs, weights = (
        put(np.array([[[np.nan]], [[np.inf]]], "f")),
        put(np.array([[0.5], [2.0]], "f")),
    )
    out = ops.combine_tokens(outputs, spoiled, weights)
    assert backend.to_numpy(out).tolist() == [[np.inf], [0]]
    _, by_weights = backend.value_and_grad(lambda w: run_sum(backend, outputs, spoiled, w))(weights)
    assert backend.to_numpy(by_weights).tolist() == [[np.inf], [0]]


def run_sum(xp, outputs, sent, weights):
    return xp.sum(ops.combine_tokens(outputs, sent, weights))


def test_the_gradient_of_the_loss_is_the_shares(backend, put):
    if backend.name == "numpy":
        assert any("gradient" in gap.mode for gap in backend.gaps)
        return
    chosen = put(np.array([[0, 1], [0, 2]]))
    run = lambda p: ops.load_balancing_loss(p, chosen, 4)  # noqa: E731
    value, gradient = backend.value_and_grad(run)(put(np.full((2, 4), 0.25, "f")))
    assert float(value) == 1
    # 4 experts, over 2 tokens, times the shares 1/2, 1/4, 1/4 and 0.
    np.testing.assert_allclose(backend.to_numpy(gradient), [[1, 0.5, 0.5, 0]] * 2, rtol=1e-6)


def test_a_balanced_load_costs_1(backend, put):
    """Whatever k is; and E when one expert gets all."""
    for k in (1, 2, 4):
        chosen = np.stack([np.roll(np.arange(4), i)[:k] for i in range(8)])
        loss = ops.load_balancing_loss(put(np.full((8, 4), 0.25, "f")), put(chosen), 4)
        assert float(loss) == 1
    probabilities = np.eye(4, dtype="f")[[2] * 8]
    assert float(ops.load_balancing_loss(put(probabilities), put(np.full(8, 2)), 4)) == 4
