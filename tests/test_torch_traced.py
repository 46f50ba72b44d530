"""What PyTorch's tracers record of every case, and what they export with sizes left open."""

import warnings
from zlib import crc32

import numpy as np
import pytest

from einport import ops
from einport.backends.trees import tree_leaves
from einport.suite.calls import Call
from einport.suite.expected import judge_arrays
from einport.suite.inputs import draw_inputs, to_backend
from einport.suite.plan import usual_dtype


def record(how, fn, arrays):
    """A function as a tracer records it."""
    import torch
    from torch.fx.experimental.proxy_tensor import make_fx

    def run(*given):  # tracers look at how many arguments there are
        return fn(*given)

    if how == "symbolic":
        return make_fx(run, tracing_mode="symbolic")(*arrays)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a trace fixes sizes, and says so of each
        return torch.jit.trace(run, tuple(arrays), check_trace=False, strict=False)


TRACERS = ("trace", "symbolic")


@pytest.mark.parametrize("how", TRACERS)
@pytest.mark.einport(applies=lambda one, backend: backend == "torch")
def test_a_recorded_case_gives_what_it_gives(entry, backend, device, how, request):
    """With other values than it was recorded with; in an everyday run of one case."""
    cases = entry.cases
    if not request.config.getoption("--all"):
        cases = [cases[crc32(f"{how}/{entry.name}".encode()) % len(cases)]]
    for case in cases:
        dtype = usual_dtype(entry, case)
        drawn = [draw_inputs(case, dtype, seed) for seed in ("recorded", "called")]
        first, other = (Call(entry, backend, to_backend(backend, x, device)) for x in drawn)
        recorded = record(how, first, first.arrays)
        # Sizes among the results, as `pack` gives them, are recorded as tensors too.
        results = tree_leaves(recorded(*other.arrays))[: len(other(*other.arrays))]
        judge_arrays(entry, case, backend, device, dtype, drawn[1], results)


def assert_recorded(backend, device, how, fn, *shapes):
    random = np.random.default_rng(0)
    arrays = [backend.asarray(random.normal(size=shape), "float32", device) for shape in shapes]
    got, want = record(how, fn, arrays)(*arrays), fn(*arrays)
    np.testing.assert_allclose(backend.to_numpy(got), backend.to_numpy(want), 1e-5, 1e-5)


@pytest.mark.only("torch")
@pytest.mark.parametrize("key_heads", [1, 2, 4])
@pytest.mark.parametrize("how", TRACERS)
def test_grouped_queries_are_grouped(backend, device, how, key_heads):
    shapes = (2, 4, 3, 8), (2, key_heads, 5, 8), (2, key_heads, 5, 8)
    assert_recorded(backend, device, how, ops.scaled_dot_product_attention, *shapes)


@pytest.mark.only("torch")
@pytest.mark.parametrize("pattern", ["... k, ... k -> k", "... k, ... k -> k ...", "... k, k -> k"])
@pytest.mark.parametrize("how", TRACERS)
def test_what_is_behind_an_ellipsis_is_stretched(backend, device, how, pattern):
    def run(x, y):
        return ops.einsum(x, y if "..." in pattern.split(",")[1] else y[0], pattern)

    assert_recorded(backend, device, how, run, (1, 3), (4, 3))


MOE = {"gate": "d e", "w1": "e d h", "b1": "e h", "w2": "e h d", "b2": "e d"}


@pytest.mark.only("torch")
@pytest.mark.parametrize("strict", [False, pytest.param(True, marks=pytest.mark.thorough)])
@pytest.mark.parametrize("open_axes", ["b", "s", "bs"])
@pytest.mark.parametrize(("experts", "k"), [(4, 2), (3, 1), (64, 3)])
def test_experts_are_exported_with_open_sizes(backend, device, experts, k, open_axes, strict):
    import torch

    random = np.random.default_rng(0)
    sizes = {"d": 8, "e": experts, "h": 6, "b": 3, "s": 10}

    def draw(axes, **others):
        shape = [{**sizes, **others}[axis] for axis in axes.split()]
        return backend.asarray(random.normal(size=shape), "float32", device)

    params = {name: draw(axes) for name, axes in MOE.items()}

    class Experts(torch.nn.Module):
        def forward(self, x):
            return ops.moe_layer(x, params, k=k)

    dims = {"bs".index(axis): torch.export.Dim(axis) for axis in open_axes}
    made = torch.export.export(Experts(), (draw("b s d"),), dynamic_shapes=(dims,), strict=strict)
    for size in (1, 2, 40, 300):
        x = draw("b s d", **{open_axes[-1]: size})
        want = backend.to_numpy(Experts()(x))
        np.testing.assert_allclose(backend.to_numpy(made.module()(x)), want, 1e-5, 1e-5)
