"""What users of Flax hold: parameters of nnx and linen modules, in Flax's containers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
from flax import linen, nnx
from flax.core import FrozenDict, meta

from ...backends import Backend
from ...catalog import Case, Entry
from ..calls import Call
from ..derivative import derivative_of, judge_derivative, weighted_sum
from ..expected import judge_arrays
from ..inputs import draw_inputs, to_backend
from ..judge import Verdict
from .anywhere import hold_mappings


def nnx_parameters(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """`nnx.Param`s of a module, dictionaries of them in `nnx.Dict`, jitted and differentiated."""
    containers = getattr(nnx, "Dict", dict)  # before Flax 0.12 a module holds plain dictionaries
    trial = _Trial(entry, case, xp, device, dtype, containers)
    module = _Module(trial.call)
    if not trial.smooth:
        return trial.judge(nnx.jit(lambda module: module())(module))

    def loss(module: _Module) -> Any:
        return trial.loss(module())

    (_, results), gradients = nnx.jit(nnx.value_and_grad(loss, has_aux=True))(module)
    verdict = trial.judge(results)
    parameters = [x[...] for x in module.parameters()]
    nnx.update(module, gradients)  # they come by name, not in the order of the arrays
    return verdict.with_(trial.judge_gradients(parameters, [x[...] for x in module.parameters()]))


class _Module(nnx.Module):
    """Its parameters are the floats of a call."""

    def __init__(self, call: Call) -> None:
        self._call = call
        for i, x in enumerate(call.arrays):
            if _is_float(x):
                setattr(self, f"array{i}", nnx.Param(x))

    def __call__(self) -> list[Any]:
        """The results of the call."""
        held = (getattr(self, f"array{i}", x) for i, x in enumerate(self._call.arrays))
        return self._call(*held)

    def parameters(self) -> list[Any]:
        """In the order of the arrays."""
        arrays = enumerate(self._call.arrays)
        return [getattr(self, f"array{i}") for i, x in arrays if _is_float(x)]


def linen_parameters(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """Boxes of a module's parameters, dictionaries of them frozen, jitted and differentiated."""
    trial = _Trial(entry, case, xp, device, dtype, FrozenDict)
    module = _Linen(trial.call)
    variables = jax.jit(module.init)(jax.random.key(0))
    if not trial.smooth:
        return trial.judge(jax.jit(module.apply)(variables))

    def loss(variables: Any) -> Any:
        return trial.loss(module.apply(variables))

    (_, results), gradients = jax.jit(jax.value_and_grad(loss, has_aux=True))(variables)
    verdict = trial.judge(results)
    names = [f"array{i}" for i, x in enumerate(trial.call.arrays) if _is_float(x)]
    held, moved = (meta.unbox(tree)["params"] for tree in (variables, gradients))
    return verdict.with_(trial.judge_gradients([held[n] for n in names], [moved[n] for n in names]))


class _Linen(linen.Module):
    """Its parameters are the floats of a call, in boxes that say how they are partitioned."""

    call: Call

    @linen.compact
    def __call__(self) -> list[Any]:
        """The results of the call."""
        held = [self._boxed(i, x) if _is_float(x) else x for i, x in enumerate(self.call.arrays)]
        return self.call(*held)

    def _boxed(self, i: int, x: Any) -> Any:
        axes = ("rows", "columns", *[None] * x.ndim)[: x.ndim]
        made = linen.with_partitioning(lambda key: x, axes)
        return self.param(f"array{i}", made, unbox=False)


class _Trial:
    """A call whose dictionaries are of a kind, and what its results and gradients must be."""

    def __init__(
        self,
        entry: Entry,
        case: Case,
        xp: Backend,
        device: str,
        dtype: str,
        mapping: Callable[[Any], Any],
    ) -> None:
        self._trial = (entry, case, xp, device, dtype)
        self._inputs = draw_inputs(case, dtype, entry.name)
        self.smooth = not (entry.no_gradient or case.no_gradient or dtype != "float64")

        def contained(*args: Any, **kwargs: Any) -> Any:
            args, kwargs = hold_mappings((args, kwargs), mapping)
            return entry.op(*args, **kwargs)

        self.call = Call(replace(entry, op=contained), xp, to_backend(xp, self._inputs, device))

    def loss(self, results: list[Any]) -> tuple[Any, list[Any]]:
        """What is differentiated, and the results beside it."""
        entry, case, xp, _, dtype = self._trial
        return weighted_sum(entry, case, xp, dtype, self._inputs, results), results

    def judge(self, results: list[Any]) -> Verdict:
        """Compare results with the oracle's."""
        return judge_arrays(*self._trial, self._inputs, results)

    def judge_gradients(self, arrays: list[Any], gradients: list[Any]) -> Verdict:
        """Compare gradients with the oracle's derivative."""
        entry, case, xp, _, dtype = self._trial
        found = derivative_of(entry, case, xp, dtype, self._inputs, arrays, gradients)
        return judge_derivative(entry, case, dtype, self._inputs, found)


def _is_float(x: Any) -> bool:
    return bool(jax.numpy.issubdtype(x.dtype, jax.numpy.floating))
