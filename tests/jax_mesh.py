"""Runs operations of the catalog on arrays that are sharded over four devices: a program.

`python jax_mesh.py all|some eager grad …` prints what goes wrong, and then how much was compared.
JAX takes one processor for four devices only if it is told before it starts.
"""

import os
import sys

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from einport.backends import get_backend
from einport.catalog import entries
from einport.suite.calls import Call
from einport.suite.inputs import draw_inputs, to_backend
from einport.suite.plan import drawn, usual_dtype

XP = get_backend("jax")
MESH = Mesh(np.array(jax.devices()).reshape(2, 2), ("a", "b"))
WHOLE = NamedSharding(MESH, PartitionSpec())

MAKES_ARRAYS = (
    *("scaled_dot_product_attention", "sliding_window_attention", "sliding_window_chunks"),
    *("conv2d", "sliding_windows", "average_pool", "dispatch_tokens", "moe_layer"),
)
"""Operations for which the adapter makes arrays beside those that it is given."""


def placements(name, case):
    """Each argument in turn sharded along each axis that four or two divides; then all whole."""
    inputs = draw_inputs(case, usual_dtype(ENTRIES[name], case), name)
    call = Call(ENTRIES[name], XP, to_backend(XP, inputs, None))
    for i, x in enumerate(call.arrays):
        for axis, size in enumerate(x.shape):
            names = None if size % 2 or not size else "a" if size % 4 else ("a", "b")
            if names is not None:
                place = NamedSharding(MESH, PartitionSpec(*[None] * axis, names))
                arrays = [
                    jax.device_put(y, place) if i == j else y for j, y in enumerate(call.arrays)
                ]
                yield f"argument {i}, axis {axis}", call, arrays
    yield "whole", call, [jax.device_put(x, WHOLE) for x in call.arrays]


def eager(call):
    return call


def mapped(call):
    return lambda *arrays: jax.vmap(lambda _: call(*arrays))(np.zeros(2, np.float32))


def scanned(call):
    return lambda *arrays: jax.lax.scan(lambda x, _: (x, call(*arrays)), 0, None, length=2)[1]


def in_shards(call):
    if hasattr(jax, "shard_map"):
        shard_map = jax.shard_map
    else:
        from jax.experimental.shard_map import shard_map
    whole = PartitionSpec()
    return shard_map(lambda *x: call(*x), mesh=MESH, in_specs=whole, out_specs=whole)


def gradient(call):
    def differentiated(*arrays):
        flags = [XP.is_floating(x) for x in arrays]

        def loss(floats):
            rest = iter(floats)
            given = [next(rest) if flag else x for flag, x in zip(flags, arrays, strict=True)]
            terms = [XP.sum(x * x) for x in call(*given) if XP.is_floating(x)]
            return sum(terms, jax.numpy.zeros(()))

        return XP.value_and_grad(loss)([x for x, flag in zip(arrays, flags, strict=True) if flag])

    return differentiated


FORMS = {
    "eager": eager,
    "gradient": gradient,
    "mapped": mapped,
    "compiled": lambda call: jax.jit(lambda *arrays: call(*arrays)),
    "checkpoint": lambda call: jax.checkpoint(lambda *arrays: call(*arrays)),
    "scan": scanned,
    "shard_map": in_shards,
}
ENTRIES = {entry.name: entry for entry in entries()}


def chosen(form, everything):
    """Entries, and which of their placements."""
    for name, entry in ENTRIES.items():
        one_in = {"eager": 6, "gradient": 25}.get(form, 15)
        if everything or drawn(f"{name}/{form}", one_in):
            sized = [] if entry.sized is None else [entry.sized(4)]
            some = [one for case in (*sized, entry.cases[0]) for one in placements(name, case)]
            yield name, some if everything else some[len(name) % len(some) :][:1]
        elif form == "eager" and name in MAKES_ARRAYS:
            yield name, list(placements(name, entry.sized(4)))[:1]


def check(run, call, arrays):
    got, want = (jax.tree.leaves(run(*given)) for given in (arrays, call.arrays))
    for one, right in zip(got, want, strict=True):
        np.testing.assert_allclose(XP.to_numpy(one), XP.to_numpy(right), rtol=1e-4, atol=1e-5)


def main(size, *forms):
    compared = 0
    for form in forms:
        for name, some in chosen(form, size == "all"):
            for where, call, arrays in some:
                try:
                    check(FORMS[form](call), call, arrays)
                    compared += 1
                except Exception as error:
                    said = " ".join(str(error).split())
                    said = f"{type(error).__name__}: {said[:300]}"
                    sys.stdout.write(f"{form}, {name}, {where}: {said}\n")
    sys.stdout.write(f"compared {compared}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
