"""What users of JAX hold: sharded arrays, the bodies of its transforms, strict settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from ...backends import Backend
from ...backends.trees import tree_map
from ...catalog import Case, Entry
from ..calls import Call
from ..derivative import judge_derivative, own_derivative
from ..drivers import driver_of
from ..expected import judge_arrays
from ..inputs import draw_inputs, to_backend
from ..judge import Verdict, Wrong
from .anywhere import judge_call

DEVICES = 4
"""How many a mesh has; processors are made to look like so many (`einport.suite.devices`)."""


def mesh_beside(device: str) -> Mesh:
    """Four devices of a kind in two rows; of an accelerator as many as there are, in one."""
    kind = device.partition(":")[0]
    found = np.array(jax.devices(kind)[:DEVICES])
    if kind == "cpu" and found.size < DEVICES:
        raise Wrong(
            f"needs {DEVICES} devices: set XLA_FLAGS=--xla_force_host_platform_device_count="
            f"{DEVICES} before JAX starts"
        )
    return Mesh(found.reshape(2, -1) if found.size == DEVICES else found[None], ("rows", "columns"))


def sharded(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """Arrays sharded over up to two axes that divide, called eagerly; results are on the mesh."""
    mesh = mesh_beside(device)

    def shard(x: Any) -> Any:
        return jax.device_put(x, NamedSharding(mesh, _spec(x, mesh))) if xp.owns(x) else x

    def gathered(x: Any) -> Any:
        if x.devices() != {*mesh.devices.flat}:
            raise Wrong(f"a result is on {xp.device(x)}, not on the mesh of its arrays")
        return xp.asarray(np.asarray(x), xp.dtype(x), device)

    return judge_call(
        entry, case, xp, device, dtype, lambda _, tree: tree_map(shard, tree), gathered
    )


def _spec(x: Any, mesh: Mesh) -> PartitionSpec:
    """The mesh's axes along the first axes of an array that they divide."""
    free = list(mesh.shape.items())
    names = []
    for size in x.shape:
        fits = bool(free) and size > 0 and size % free[0][1] == 0
        names.append(free.pop(0)[0] if fits else None)
    return PartitionSpec(*names)


def shard_mapped(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """Inside `shard_map`, where each device has all of it."""
    mesh, whole = mesh_beside(device), PartitionSpec()

    def through(call: Call) -> Callable[..., Any]:
        mapped: Callable[..., Any] = jax.shard_map(
            call, mesh=mesh, in_specs=(whole,) * len(call.arrays), out_specs=whole
        )
        return mapped

    inputs = draw_inputs(case, dtype, entry.name)
    call = Call(entry, xp, to_backend(xp, inputs, device))
    with jax.default_device(mesh.devices.flat[0]):
        arrays = [jax.device_put(x, NamedSharding(mesh, whole)) for x in call.arrays]
        results = jax.jit(through(call))(*arrays)
    placed = [xp.asarray(np.asarray(x), xp.dtype(x), device) for x in results]
    return judge_arrays(entry, case, xp, device, dtype, inputs, placed)


def scanned(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """As the body of a scan over two calls."""
    drawn = [draw_inputs(case, dtype, f"{entry.name}/{i}") for i in range(2)]
    calls = [Call(entry, xp, to_backend(xp, inputs, device)) for inputs in drawn]
    columns = zip(*(call.arrays for call in calls), strict=True)
    stacked = [jax.numpy.stack(column) for column in columns]
    _, results = jax.lax.scan(lambda carry, arrays: (carry, calls[0](*arrays)), 0, stacked)
    verdict = Verdict(0, 0.0)
    for i, inputs in enumerate(drawn):
        rows = [result[i, ...] for result in results]
        verdict = verdict.with_(judge_arrays(entry, case, xp, device, dtype, inputs, rows))
    return verdict


def checkpointed(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """Computed a second time for the gradients."""
    inputs = draw_inputs(case, dtype, entry.name)
    call = Call(entry, xp, to_backend(xp, inputs, device))
    results = driver_of(xp).at_once(jax.checkpoint(call))(*call.arrays)
    verdict = judge_arrays(entry, case, xp, device, dtype, inputs, results)
    if entry.no_gradient or case.no_gradient or dtype != "float64":
        return verdict
    found = own_derivative(
        entry, case, xp, device, dtype, inputs, through=lambda call: jax.checkpoint(call)
    )
    return verdict.with_(judge_derivative(entry, case, dtype, inputs, found))


def strict(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """Where JAX refuses to broadcast ranks, and to promote dtypes."""
    with _strictly():
        return judge_call(entry, case, xp, device, dtype, lambda _, tree: tree)


@contextmanager
def _strictly() -> Iterator[None]:
    with ExitStack() as stack:
        stack.enter_context(jax.numpy_rank_promotion("raise"))
        stack.enter_context(jax.numpy_dtype_promotion("strict"))
        yield
