"""What users of PyTorch hold: parameters of modules, subclasses, autocast, tensors being traced."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.fx.experimental.proxy_tensor import make_fx

from ...backends import Backend
from ...backends.trees import tree_leaves, tree_map
from ...catalog import Case, Entry
from ..calls import Call
from ..derivative import derivative_of, judge_derivative, weighted_sum
from ..drivers import driver_of
from ..drivers.torch import patterns_in_one_step
from ..expected import judge_arrays
from ..inputs import Input, draw_inputs, to_backend
from ..judge import Verdict, Wrong
from .anywhere import hold_mappings, hold_settings, judge_call

Function = Callable[..., Any]


def compiled(xp: Backend, fn: Function) -> Function:
    """A function as one graph, forward and backward, for which no code is generated."""
    driver_of(xp).settle()
    return patterns_in_one_step(torch.compile(fn, fullgraph=True, backend="aot_eager"))


class Held(nn.Module):
    """A module whose parameters are the floats of a call, and whose buffers are the others."""

    def __init__(self, call: Call) -> None:
        super().__init__()
        self._call = call
        self._names = [f"array{i}" for i in range(len(call.arrays))]
        for name, x in zip(self._names, call.arrays, strict=True):
            if x.is_floating_point():
                self.register_parameter(name, nn.Parameter(x))
            else:
                self.register_buffer(name, x)

    def forward(self) -> list[Any]:
        """The results of the call."""
        return self._call(*[getattr(self, name) for name in self._names])


def module(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """A module's parameters, compiled whole and differentiated."""
    inputs = draw_inputs(case, dtype, entry.name)
    held = Held(Call(entry, xp, to_backend(xp, inputs, device)))
    results = compiled(xp, held)()
    verdict = judge_arrays(entry, case, xp, device, dtype, inputs, results)
    return verdict.with_(_backward(entry, case, xp, dtype, inputs, results, [*held.parameters()]))


def _backward(
    entry: Entry,
    case: Case,
    xp: Backend,
    dtype: str,
    inputs: Any,
    results: list[Any],
    parameters: list[Any],
) -> Verdict:
    """The gradients of parameters, against the oracle's derivative."""
    if entry.no_gradient or case.no_gradient or dtype != "float64":
        return Verdict(0, 0.0)
    weighted_sum(entry, case, xp, dtype, inputs, results).backward()
    gradients = [torch.zeros_like(x) if x.grad is None else x.grad for x in parameters]
    found = derivative_of(entry, case, xp, dtype, inputs, parameters, gradients)
    return judge_derivative(entry, case, dtype, inputs, found)


def parameter_dict(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """Dictionaries as `nn.ParameterDict`, eager and compiled, with their gradients."""
    inputs = draw_inputs(case, dtype, entry.name)
    arrays = tree_map(
        lambda x: x.requires_grad_() if xp.owns(x) and xp.is_floating(x) else x,
        to_backend(xp, inputs, device),
    )
    # Of a plain dictionary it would sort the names.
    args, kwargs = hold_mappings(arrays, lambda x: nn.ParameterDict(OrderedDict(x)))
    verdict = Verdict(0, 0.0)
    for call in (entry.op, compiled(xp, lambda *a, **k: tree_leaves(entry.op(*a, **k)))):
        results = [x for x in tree_leaves(call(*args, **kwargs)) if xp.owns(x)]
        verdict = verdict.with_(judge_arrays(entry, case, xp, device, dtype, inputs, results))
    held = [leaf for x in (*args, *kwargs.values()) for leaf in _tensors(x)]
    return verdict.with_(_backward(entry, case, xp, dtype, inputs, results, held))


def _tensors(x: Any) -> list[Any]:
    """The floating tensors of an argument, in the order of its entries."""
    if isinstance(x, nn.ParameterDict):
        return [leaf for item in x.values() for leaf in _tensors(item)]
    leaves = tree_leaves(x)
    return [leaf for leaf in leaves if isinstance(leaf, torch.Tensor) and leaf.is_floating_point()]


class Own(torch.Tensor):
    """A user's subclass, which changes nothing."""


def subclass(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """Tensors of a subclass; the result is of it as well, where PyTorch's own would be."""

    def own(x: Any) -> Any:
        return x.as_subclass(Own) if isinstance(x, torch.Tensor) else x

    def plain(x: Any) -> Any:
        if not isinstance(x, Own):
            raise Wrong(f"gave a {type(x).__name__} for tensors of a subclass")
        return x.as_subclass(torch.Tensor)

    return judge_call(entry, case, xp, device, dtype, lambda _, tree: tree_map(own, tree), plain)


def autocast_narrow(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """Under autocast, data of 16 bits beside parameters of 32: the result has 16."""
    return _autocast(entry, case, xp, device, "bfloat16", "float32")


def autocast_wide(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """Under autocast, data of 32 bits beside parameters of 16: the result has 32."""
    return _autocast(entry, case, xp, device, "float32", "bfloat16")


def _autocast(
    entry: Entry, case: Case, xp: Backend, device: str, first: str, others: str
) -> Verdict:
    """Results as without autocast, in the width of the first array; all values have 16 bits."""
    drawn = draw_inputs(case, "bfloat16", entry.name)
    floats = [leaf for leaf in tree_leaves(drawn) if _is_float(leaf)]
    keeps = getattr(entry.op, "keeps", ())
    args, kwargs = drawn
    kept = {*map(id, tree_leaves([kwargs.get(name) for name in keeps]))}
    kept |= {*map(id, tree_leaves(list(args[1:])))} if keeps else set()

    def given(leaf: Any) -> Any:
        if not _is_float(leaf):
            return leaf
        return Input(leaf.plain, first if leaf is floats[0] or id(leaf) in kept else others)

    def alike(leaf: Any) -> Any:
        return Input(leaf.plain, first) if _is_float(leaf) else leaf

    inputs = tree_map(alike, drawn)
    call = Call(entry, xp, to_backend(xp, tree_map(given, drawn), device))
    verdict = Verdict(0, 0.0)
    for run in (call, compiled(xp, call)):
        with torch.autocast(torch.device(device).type, dtype=torch.bfloat16):
            results = run(*call.arrays)
        verdict = verdict.with_(judge_arrays(entry, case, xp, device, first, inputs, results))
    return verdict


def _is_float(leaf: Any) -> bool:
    return isinstance(leaf, Input) and "float" in leaf.dtype


def functional(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """`torch.func` by the floats: what else is among the arguments is no part of its transforms.

    Settings are tensors too. The results inside are judged, the gradients, those of a batch of two,
    and that forward mode agrees with them.
    """
    inputs = draw_inputs(case, dtype, entry.name)
    arguments = to_backend(xp, inputs, device)
    floats = [x for x in tree_leaves(arguments) if xp.owns(x) and xp.is_floating(x)]

    numbers: dict[Any, Any] = {}

    def number(x: Any) -> Any:
        wide = torch.float64 if isinstance(x, float) else None
        return numbers.setdefault(repr(x), torch.tensor(x, dtype=wide))

    hold_settings(entry, case, arguments, number)  # inside they would be of the transform

    def run(*moved: Any) -> list[Any]:
        remaining = iter(moved)

        def put(x: Any) -> Any:
            return next(remaining) if xp.owns(x) and xp.is_floating(x) else x

        args, kwargs = hold_settings(entry, case, tree_map(put, arguments), number)
        return [x for x in tree_leaves(entry.op(*args, **kwargs)) if xp.owns(x)]

    results, _ = torch.func.jvp(run, tuple(floats), tuple(map(torch.ones_like, floats)))
    verdict = judge_arrays(entry, case, xp, device, dtype, inputs, results)
    if entry.no_gradient or case.no_gradient or dtype != "float64":
        return verdict

    def loss(*moved: Any) -> Any:
        return weighted_sum(entry, case, xp, dtype, inputs, run(*moved))

    gradient = torch.func.grad(loss, argnums=tuple(range(len(floats))))
    twice = torch.func.vmap(gradient)(*[torch.stack([x, x]) for x in floats])
    for gradients in (gradient(*floats), [both[1] for both in twice]):
        found = derivative_of(entry, case, xp, dtype, inputs, floats, gradients)
        verdict = verdict.with_(judge_derivative(entry, case, dtype, inputs, found))
    _, slope = torch.func.jvp(loss, tuple(floats), tuple(map(torch.ones_like, floats)))
    terms = torch.cat([x.flatten() for x in gradient(*floats)])
    if not abs(slope - terms.sum()) <= 1e-9 * terms.abs().sum():
        raise Wrong(f"forward mode gives {float(slope):g}, reverse mode {float(terms.sum()):g}")
    return verdict


def jit_traced(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """What `torch.jit.trace` recorded, called with other values."""

    def trace(call: Call) -> Function:
        with warnings.catch_warnings():
            # Sizes are fixed by a trace; it says so of each.
            warnings.simplefilter("ignore")
            found: Function = torch.jit.trace(
                lambda *arrays: call(*arrays), tuple(call.arrays), check_trace=False, strict=False
            )
            return found

    return _recorded(entry, case, xp, device, dtype, trace)


def proxy_traced(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """What `make_fx` recorded while it computed, called with other values."""
    return _recorded(entry, case, xp, device, dtype, lambda call: make_fx(call)(*call.arrays))


def _recorded(
    entry: Entry,
    case: Case,
    xp: Backend,
    device: str,
    dtype: str,
    record: Callable[[Call], Function],
) -> Verdict:
    """Called with what it was recorded with, and with what it was not."""
    drawn = [draw_inputs(case, dtype, name) for name in (entry.name, f"{entry.name}/another")]
    calls = [Call(entry, xp, to_backend(xp, inputs, device)) for inputs in drawn]
    recorded = record(calls[0])
    verdict = Verdict(0, 0.0)
    for inputs, call in zip(drawn, calls, strict=True):
        # Sizes among the results, as `pack` gives them, are recorded as tensors too.
        results = tree_leaves(recorded(*call.arrays))[: len(call(*call.arrays))]
        verdict = verdict.with_(judge_arrays(entry, case, xp, device, dtype, inputs, results))
    return verdict
