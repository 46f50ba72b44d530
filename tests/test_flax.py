"""Modules of Flax as people write them: trained, and their boxes and containers read as values."""

import numpy as np
import pytest

from einport import ops
from einport.backends.holders import value_of

pytestmark = [pytest.mark.only("jax"), pytest.mark.flax]

D, HIDDEN = 4, 8


@pytest.fixture
def jax(backend):
    import jax

    return jax


@pytest.fixture
def nnx(backend):
    from flax import nnx

    return nnx


@pytest.fixture
def linen(backend):
    from flax import linen

    return linen


def mapping(nnx, **entries):
    """What a module holds parameters in by name: plain dictionaries, before Flax 0.12."""
    return getattr(nnx, "Dict", dict)(**entries)


def network(nnx, jax):
    """A module around `feed_forward`, with a norm before it."""

    class Network(nnx.Module):
        def __init__(self):
            keys = jax.random.split(jax.random.key(0), 2)
            self.scale = nnx.Param(jax.numpy.ones(D))
            self.params = mapping(
                nnx,
                w1=nnx.Param(jax.random.normal(keys[0], (D, HIDDEN))),
                b1=nnx.Param(jax.numpy.zeros(HIDDEN)),
                w2=nnx.Param(jax.random.normal(keys[1], (HIDDEN, D))),
                b2=nnx.Param(jax.numpy.zeros(D)),
            )

        def __call__(self, x):
            return ops.feed_forward(ops.layer_norm(x, self.scale), self.params)

    return Network()


def test_a_module_learns(jax, nnx):
    import optax

    x = jax.random.normal(jax.random.key(1), (16, D))
    graph, state = nnx.split(network(nnx, jax))
    optimizer = optax.adam(0.05)

    def loss(state):
        return ((nnx.merge(graph, state)(x) - x) ** 2).mean()

    @jax.jit
    def step(state, memory):
        value, gradients = jax.value_and_grad(loss)(state)
        updates, memory = optimizer.update(gradients, memory)
        return optax.apply_updates(state, updates), memory, value

    memory, seen = optimizer.init(state), []
    before = jax.tree.leaves(state)
    for _ in range(30):
        state, memory, value = step(state, memory)
        seen.append(float(value))
    assert seen[-1] < 0.3 * seen[0]
    pairs = zip(before, jax.tree.leaves(state), strict=True)
    assert all(not np.array_equal(old, new) for old, new in pairs)


def test_a_modules_own_gradient_is_that_of_plain_arrays(jax, nnx):
    x = jax.random.normal(jax.random.key(1), (3, D))
    module = network(nnx, jax)
    plain = {name: value_of(p) for name, p in module.params.items()}
    got = nnx.jit(nnx.grad(lambda module: module(x).sum()))(module)
    want = jax.grad(lambda p: ops.feed_forward(ops.layer_norm(x), p).sum())(plain)
    for name, gradient in want.items():
        np.testing.assert_allclose(value_of(got["params"][name]), gradient, rtol=1e-5, atol=1e-6)


def test_parameters_are_taken_without_jit(jax, nnx):
    x = np.arange(8.0, dtype="f").reshape(2, D)
    got = ops.layer_norm(jax.numpy.asarray(x), nnx.Param(jax.numpy.full(D, 2.0)))
    np.testing.assert_allclose(got, ops.layer_norm(x, np.full(D, 2, "f")), rtol=1e-5, atol=1e-6)


def test_the_state_of_a_module_is_a_mapping_of_arrays(jax, nnx):
    _, state = nnx.split(network(nnx, jax))
    read = value_of(state["params"])
    assert {*read} == {"w1", "b1", "w2", "b2"}
    assert all(isinstance(x, jax.Array) for x in read.values())
    x = jax.numpy.ones((2, D))
    np.testing.assert_array_equal(ops.feed_forward(x, state["params"]), ops.feed_forward(x, read))


@pytest.mark.parametrize("kind", ["Partitioned", "LogicallyPartitioned"])
def test_boxes_of_linen_are_read_and_differentiated(jax, linen, kind):
    box = getattr(linen, kind)(jax.numpy.full(D, 2.0), ("columns",))
    x = jax.random.normal(jax.random.key(0), (3, D))
    np.testing.assert_array_equal(ops.layer_norm(x, box), ops.layer_norm(x, box.value))
    gradient = jax.grad(lambda box: (x * ops.layer_norm(x, box)).sum())(box)
    want = jax.grad(lambda scale: (x * ops.layer_norm(x, scale)).sum())(box.value)
    assert type(gradient) is type(box)
    np.testing.assert_array_equal(value_of(gradient), want)


@pytest.mark.parametrize("unbox", [True, False])
@pytest.mark.parametrize("frozen", [True, False])
def test_a_linen_module_passes_its_variables_on(jax, linen, frozen, unbox):
    from flax.core import freeze

    shapes = {"w1": (D, HIDDEN), "b1": (HIDDEN,), "w2": (HIDDEN, D), "b2": (D,)}

    class Network(linen.Module):
        @linen.compact
        def __call__(self, x):
            start = linen.with_partitioning(linen.initializers.normal(), ("rows", "columns"))
            params = {
                name: self.param(name, start, shape, unbox=unbox) for name, shape in shapes.items()
            }
            return ops.feed_forward(x, freeze(params) if frozen else params)

    module, x = Network(), jax.numpy.ones((2, D))
    variables = jax.jit(module.init)(jax.random.key(0), x)
    got = jax.jit(module.apply)(freeze(variables) if frozen else variables, x)
    np.testing.assert_allclose(got, ops.feed_forward(x, variables["params"]), rtol=1e-5, atol=1e-6)
