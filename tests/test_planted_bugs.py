"""Bugs planted on purpose: in every operation, in the adapters, in einops. Each must be caught.

Unless all is asked for, those of operations in one of three, other ones for each framework.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any

import numpy as np
import pytest
from einops import _backends as einops_backends
from einops import rearrange

from einport.backends import Backend, get_backend
from einport.backends.trees import tree_map
from einport.catalog import Entry, entries, entry
from einport.suite.modes import ABSTRACT, COMPILED, EAGER
from einport.suite.runner import Outcome, outcome_of

Mutant = Callable[[Backend, Any], Any]

DTYPES = ("float32", "bfloat16", "float16", "float64", "int8", "uint8", "bool")


def outcomes(one: Entry, xp: Backend, device: str) -> Any:
    """The outcome of each case in each dtype and mode, one after the other.

    As one graph where each step of an eager call would be compiled by itself.
    """
    for case in one.cases:
        for dtype in DTYPES:
            if dtype in one.dtypes_of(case):
                for mode in (COMPILED if xp.compiles_eagerly else EAGER, ABSTRACT):
                    yield outcome_of(one, case, xp, device, dtype, mode)


def caught(one: Entry, xp: Backend, device: str) -> Outcome | None:
    """The first failure of an entry, for what it does and not for how it is called."""
    found = next((o for o in outcomes(one, xp, device) if o.status == "fail"), None)
    assert found is None or "argument" not in found.reason, found.reason
    return found


# --- In an operation's result --------------------------------------------------------------------


def swapped(xp: Backend, x: Any) -> Any:
    """Two axes change places; where there are none to swap, the order of the elements."""
    shape = xp.shape(x)
    if len(shape) >= 2 and shape[-1] * shape[-2] > 1:
        return rearrange(x, "... a b -> ... b a")
    if len(shape) == 1 and shape[0] > 1:
        return xp.take(x, shape[0] - 1 - xp.arange(shape[0], like=x), axis=0)
    return another_dtype(xp, x)


def another_dtype(xp: Backend, x: Any) -> Any:
    return xp.astype(x, "float16" if xp.dtype(x) != "float16" else "float32")


def another_framework(xp: Backend, x: Any) -> Any:
    values = xp.to_numpy(x)
    return values.tolist() if xp.name == "numpy" else values


def all_zero(xp: Backend, x: Any) -> Any:
    return xp.where(
        xp.isnan(x) | (x == x), xp.astype(0 * xp.astype(x == x, "int32"), xp.dtype(x)), x
    )


def one_axis_more(xp: Backend, x: Any) -> Any:
    return rearrange(x, "... -> ... 1")


def through_the_host(xp: Backend, x: Any) -> Any:
    return xp.asarray(xp.to_numpy(x), xp.dtype(x), xp.device(x))


ANYWHERE = [swapped, another_dtype, another_framework, all_zero, one_axis_more, through_the_host]


@pytest.mark.einport(one_in=3)
@pytest.mark.parametrize("mutant", ANYWHERE, ids=lambda mutant: mutant.__name__)
def test_a_bug_in_any_operation_is_caught(
    backend: Backend, device: str, entry: Entry, mutant: Mutant
) -> None:
    if mutant is through_the_host and backend.name == "numpy":
        mutant = another_framework  # NumPy computes on the host: there is nothing to copy

    @wraps(entry.op)
    def broken(*args: Any, **kwargs: Any) -> Any:
        result = entry.op(*args, **kwargs)
        return tree_map(lambda x: mutant(backend, x) if backend.owns(x) else x, result)

    assert caught(replace(entry, op=broken), backend, device), "the bug passed"


def test_writing_to_an_input_is_caught() -> None:
    xp = get_backend("numpy")
    for one in entries():

        @wraps(one.op)
        def broken(*args: Any, one: Entry = one, **kwargs: Any) -> Any:
            result = tree_map(lambda x: x.copy() if xp.owns(x) else x, one.op(*args, **kwargs))
            tree_map(lambda x: x.fill(1) if xp.owns(x) else None, (args, kwargs))
            return result

        found = caught(replace(one, op=broken), xp, "cpu")
        assert found is not None, one.name
        assert "input was written to" in found.reason, one.name


# --- In an adapter -------------------------------------------------------------------------------


def half(xp: Backend, x: Any) -> bool:
    return xp.dtype(x) in ("float16", "bfloat16")


def zero_half_sums(xp: Backend, real: Any) -> Any:
    return lambda x, *a, **k: real(x, *a, **k) * (0 if half(xp, x) else 1)


def coarse_half_sums(xp: Backend, real: Any) -> Any:
    """As if the sum had been rounded at every step: a few epsilons off."""
    return lambda x, *a, **k: real(x, *a, **k) * (1.03 if half(xp, x) else 1)


def last_of_equals(xp: Backend, real: Any) -> Any:
    def argsort(x: Any, axis: int = -1, descending: bool = False) -> Any:
        n = xp.shape(x)[axis]
        backwards = n - 1 - xp.arange(n, like=x)
        return n - 1 - real(xp.take(x, backwards, axis=axis), axis, descending)

    return argsort


def wrong_way(xp: Backend, real: Any) -> Any:
    return lambda x, axis=-1, descending=False: real(x, axis, not descending)


def shifted(xp: Backend, real: Any) -> Any:
    return lambda x, indices, axis, **k: real(x, (indices + 1) % xp.shape(x)[axis], axis, **k)


def deaf_to_nan(xp: Backend, real: Any) -> Any:
    def extremum(x: Any, *a: Any, **k: Any) -> Any:
        return real(xp.where(xp.isnan(x), -1, x) if xp.is_floating(x) else x, *a, **k)

    return extremum


def widened(xp: Backend, real: Any) -> Any:
    return lambda a, *rest, **k: xp.astype(real(a, *rest, **k), "float32")


def minimum(xp: Backend, real: Any) -> Any:
    return lambda x, *a, **k: xp.min(x, *a, **k)


def negated(xp: Backend, real: Any) -> Any:
    return lambda condition, x, y: real(~condition, x, y)


def transposed_factor(xp: Backend, real: Any) -> Any:
    def matmul(a: Any, b: Any) -> Any:
        square = len(xp.shape(b)) >= 2 and xp.shape(b)[-1] == xp.shape(b)[-2]
        return real(a, rearrange(b, "... i j -> ... j i") if square else -b)

    return matmul


def copied_to_host(xp: Backend, real: Any) -> Any:
    return lambda x, *a, **k: xp.asarray(xp.to_numpy(real(x, *a, **k)), xp.dtype(x))


ADAPTER_BUGS = [
    ("sum", zero_half_sums, "row_sums"),
    ("sum", coarse_half_sums, "row_sums"),
    ("mean", zero_half_sums, "global_average_pool"),
    ("mean", coarse_half_sums, "global_average_pool"),
    ("argsort", last_of_equals, "top_k_gating"),
    ("argsort", last_of_equals, "group_tokens_by_expert"),
    ("argsort", wrong_way, "group_tokens_by_expert"),
    ("take", shifted, "group_tokens_by_expert"),
    ("take_along_axis", shifted, "top_k_gating"),
    ("max", deaf_to_nan, "global_max_pool"),
    ("max", minimum, "channel_max_pool"),
    ("matmul", widened, "matrix_multiply"),
    ("matmul", transposed_factor, "expert_linear"),
    ("where", negated, "scaled_dot_product_attention"),
    ("exp", widened, "softmax"),
    ("exp", copied_to_host, "softmax"),
    ("sum", copied_to_host, "trace"),
    ("max", copied_to_host, "global_max_pool"),
    ("matmul", copied_to_host, "matrix_vector"),
]


@pytest.mark.parametrize(
    ("method", "bug", "op"),
    ADAPTER_BUGS,
    ids=[f"{m}-{b.__name__}-{op}" for m, b, op in ADAPTER_BUGS],
)
def test_a_bug_in_an_adapter_is_caught(
    backend: Backend,
    device: str,
    method: str,
    bug: Any,
    op: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = bug(backend, getattr(backend, method))
    if bug is copied_to_host and backend.name == "numpy":
        broken = widened(backend, getattr(backend, method))  # there is no host to copy to
    monkeypatch.setattr(backend, method, broken)
    assert caught(entry(op), backend, device), "the bug passed"


# --- In einops -----------------------------------------------------------------------------------

EINOPS_BACKENDS = {
    "numpy": einops_backends.NumpyBackend,
    "torch": einops_backends.TorchBackend,
    "jax": einops_backends.JaxBackend,
    "tensorflow": einops_backends.TensorflowBackend,
}


def zeroed(xp: Backend, x: Any) -> Any:
    return all_zero(xp, x)


def plant_transpose(xp: Backend, real: Any) -> Any:
    def transpose(self: Any, x: Any, axes: Any) -> Any:
        axes = list(axes)
        axes[-1], axes[-2] = axes[-2], axes[-1]
        return real(self, x, axes)

    return transpose


def plant_reversed(xp: Backend, real: Any) -> Any:
    return lambda self, tensors, *a, **k: real(self, list(reversed(tensors)), *a, **k)


def plant_lost_dtype(xp: Backend, real: Any) -> Any:
    return lambda self, x, shape: another_dtype(xp, real(self, x, shape))


def plant_wrong_copies(xp: Backend, real: Any) -> Any:
    def add_axes(self: Any, x: Any, n_axes: int, pos2len: Any) -> Any:
        return zeroed(xp, real(self, x, n_axes, pos2len))

    return add_axes


def plant_host_copy(xp: Backend, real: Any) -> Any:
    def transpose(self: Any, x: Any, axes: Any) -> Any:
        return xp.asarray(np.transpose(xp.to_numpy(x), axes), xp.dtype(x))

    return transpose


EINOPS_BUGS = [
    ("transpose", plant_transpose, "rearrange"),
    ("stack_on_zeroth_dimension", plant_reversed, "stack_arrays"),
    ("concat", plant_reversed, "pack"),
    ("reshape", plant_lost_dtype, "rearrange"),
    ("add_axes", plant_wrong_copies, "repeat"),
    ("transpose", plant_host_copy, "rearrange"),
]


@pytest.mark.parametrize(("method", "plant", "op"), EINOPS_BUGS)
def test_a_bug_in_einops_is_caught(
    backend: Backend,
    device: str,
    method: str,
    plant: Any,
    op: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kind = EINOPS_BACKENDS[backend.name]
    if plant is plant_host_copy and backend.name == "numpy":
        plant = plant_transpose  # there is no host to copy to
    monkeypatch.setattr(kind, method, plant(backend, getattr(kind, method)))
    assert caught(entry(op), backend, device), "the bug passed"


OTHER_REDUCTIONS = {"max": "min", "min": "max", "mean": "sum", "sum": "prod", "any": "all"}


@pytest.mark.parametrize("name", OTHER_REDUCTIONS)
def test_another_reduction_is_caught(
    backend: Backend, device: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(backend, name, getattr(backend, OTHER_REDUCTIONS[name]))
    assert caught(entry("reduce"), backend, device), "the bug passed"


def test_lost_half_sums_are_caught(
    backend: Backend, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "sum", zero_half_sums(backend, backend.sum))
    assert caught(entry("reduce"), backend, device), "the bug passed"
