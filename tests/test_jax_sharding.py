"""JAX's sharded arrays: operations give what they give for whole ones, and put it there too."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.only("jax")

TRACED = ("gradient", "mapped", "compiled", "checkpoint", "scan", "shard_map")


def run_alone(*command):
    """In a process of its own, where one processor stands for four devices."""
    env = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=4"}
    env = {**env, "JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, env=env, check=False
    )


@pytest.mark.parametrize("forms", [("eager",), TRACED], ids=["eager", "transformed"])
def test_sharded_arguments_give_what_whole_ones_do(backend, forms, request):
    size = "all" if request.config.getoption("--all") else "some"
    program = Path(__file__).with_name("jax_mesh.py")
    done = run_alone(str(program), size, *forms)
    *wrong, last = done.stdout.splitlines() or [done.stderr]
    assert last.startswith("compared "), done.stderr[-3000:]
    assert not wrong, "\n".join(wrong)
    assert int(last.split()[1]) >= 10


START = """
import jax, jax.numpy as jnp, numpy as np, pytest
from unittest.mock import patch
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P, SingleDeviceSharding
import einport
from einport import ops
from einport.backends import get_backend

xp, devices = get_backend("jax"), jax.devices()
mesh = Mesh(np.array(devices).reshape(2, 2), ("a", "b"))
backwards = Mesh(np.array(devices[::-1]), "c")
x = jnp.ones((4, 8))
places = {
    "mesh": NamedSharding(mesh, P("a", "b")),
    "reversed mesh": NamedSharding(backwards, P(None, "c")),
    "device": SingleDeviceSharding(devices[2]),
}
"""

PROGRAMS = {
    "what is made beside an array is on its devices, whole on each": """
for name, place in places.items():
    like = jax.device_put(x, place)
    made = xp.arange(5, like=like)
    assert made.devices() == like.devices(), (name, made.sharding)
    assert made.sharding.is_fully_replicated, (name, made.sharding)
    assert (np.asarray(made + like[0, :5]) == np.arange(5) + 1).all()
    assert xp.take(made, xp.arange(0, like=like), axis=0).devices() == like.devices()
""",
    "what is made beside an uncommitted array is not committed": """
assert not xp.arange(5, like=x).committed
y = ops.scaled_dot_product_attention(x, x, x, causal=True)
assert not y.committed
assert (y + jax.device_put(x, places["mesh"])).devices() == set(devices)
with jax.default_device(devices[1]):
    there = jnp.ones(3)
made = xp.arange(5, like=there)
assert not made.committed and made.devices() == {devices[1]}, made.sharding
""",
    "a gradient is where the parameter is that it is of": """
for name, place in places.items():
    w = jax.device_put(x, place)
    _, grads = xp.value_and_grad(lambda t: xp.sum(t["w"] * t["w"]))({"w": w, "none": w})
    for grad in grads.values():
        assert grad.devices() == w.devices(), (name, grad.sharding)
    assert grads["none"].sharding == w.sharding
""",
    "parameters that are not committed may follow the data": """
data = jax.device_put(x, places["mesh"])
w = jnp.ones(8)
for _ in range(2):
    _, grad = xp.value_and_grad(lambda w: xp.sum(data * w))(w)
    w = w - 0.1 * grad
assert w.devices() == set(devices)
""",
    "a device is named in full, and values on several are read to be checked": """
ids = jax.device_put(jnp.array([0, 1, 2, 9]), NamedSharding(mesh, P(("a", "b"))))
assert xp.device(ids) == "cpu, cpu:1, cpu:2, cpu:3"
assert xp.can_check(ids)
with pytest.raises(IndexError, match="got 9"):
    ops.dispatch_tokens(x, ids[:, None], 3)
""",
    "an array that other processes hold parts of is never read": """
ids = jax.device_put(jnp.array([0, 1, 2, 9]), NamedSharding(mesh, P(("a", "b"))))
whole = jax.device_put(ids, NamedSharding(mesh, P()))
with patch.object(type(ids), "is_fully_addressable", False), einport.value_checks("always"):
    assert not xp.is_concrete(ids) and not xp.can_check(ids)
    assert xp.is_concrete(whole)
""",
    "arrays that were put on other devices are refused in words": """
here, there = jax.device_put(x, devices[0]), jax.device_put(x.T, devices[1])
words = "^matrix_multiply: a and b must be on the same devices, got cpu and cpu:1$"
with pytest.raises(TypeError, match=words):
    ops.matrix_multiply(here, there)
assert ops.matrix_multiply(x, there).devices() == {devices[1]}
""",
    "axes that are sharded explicitly stay so where they are not repeated": """
from jax.sharding import AxisType
explicit = jax.make_mesh((4,), ("a",), axis_types=(AxisType.Explicit,))
y = jax.device_put(x, NamedSharding(explicit, P("a")))
for repeated in (ops.tile(y, (1, 2)), ops.repeat_elements(y, (1, 2))):
    assert repeated.shape == (4, 16) and repeated.sharding.spec[0] == "a", repeated.sharding
""",
    "weights may be sharded over experts": """
rng = np.random.default_rng(0)
shapes = {"gate": (6, 4), "w1": (4, 6, 5), "b1": (4, 5), "w2": (4, 5, 6), "b2": (4, 6)}
params = {k: jnp.asarray(rng.normal(size=s), jnp.float32) for k, s in shapes.items()}
tokens = jnp.asarray(rng.normal(size=(2, 3, 6)), jnp.float32)
by_expert = {k: P(None, ("a", "b")) if k == "gate" else P(("a", "b")) for k in params}
spread = {k: jax.device_put(v, NamedSharding(mesh, by_expert[k])) for k, v in params.items()}
for capacity in (None, 2):
    want = ops.moe_layer(tokens, params, k=2, capacity=capacity)
    got = ops.moe_layer(tokens, spread, k=2, capacity=capacity)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
""",
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_on_four_devices(backend, program):
    done = run_alone("-c", START + program + "print('done')\n")
    assert done.stdout == "done\n", done.stderr[-3000:]
