"""What may be held on any framework: NumPy's numbers and choices, mappings."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from inspect import signature
from types import MappingProxyType
from typing import Any

import numpy as np

from ...backends import Backend
from ...backends.trees import tree_leaves, tree_map
from ...catalog import Case, Entry
from ..drivers import driver_of
from ..expected import judge_arrays
from ..inputs import Input, draw_inputs, to_backend
from ..judge import Verdict

THREADS = 4


def judge_call(
    entry: Entry,
    case: Case,
    xp: Backend,
    device: str,
    dtype: str,
    hold: Callable[[Any, Any], Any],
    plain: Callable[[Any], Any] = lambda x: x,
) -> Verdict:
    """Call the operation with its arguments held, and judge the results.

    `hold` takes the arguments as inputs and as arrays, and gives those to call with; `plain`
    makes a result an ordinary array again.
    """
    inputs = draw_inputs(case, dtype, entry.name)
    args, kwargs = hold(inputs, to_backend(xp, inputs, device))
    results = [plain(x) for x in tree_leaves(entry.op(*args, **kwargs)) if xp.owns(x)]
    return judge_arrays(entry, case, xp, device, dtype, inputs, results)


def in_threads(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """The same call from several threads at once."""

    def call(_: int) -> Verdict:
        with xp.dtype_scope(dtype), driver_of(xp).on(device), np.errstate(all="ignore"):
            return judge_call(entry, case, xp, device, dtype, lambda _, tree: tree)

    verdict = Verdict(0, 0.0)
    with ThreadPoolExecutor(THREADS) as pool:
        for one in pool.map(call, range(THREADS)):
            verdict = verdict.with_(one)
    return verdict


def numpy_numbers(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """Settings as NumPy's scalars, as its arrays without axes, and as the framework's own."""
    kinds = (
        lambda x: np.asarray(x)[()],
        np.asarray,
        lambda x: xp.asarray(x, device="cpu" if "cpu" in xp.devices() else None),
    )
    verdict = Verdict(0, 0.0)
    for kind in kinds:

        def hold(_: Any, arrays: Any, kind: Callable[[Any], Any] = kind) -> Any:
            return hold_settings(entry, case, arrays, kind)

        verdict = verdict.with_(judge_call(entry, case, xp, device, dtype, hold))
    return verdict


def hold_settings(entry: Entry, case: Case, arguments: Any, kind: Callable[[Any], Any]) -> Any:
    """The arguments, and those that have a number by default, with each number as another kind."""
    defaults = {
        name: one.default
        for name, one in list(signature(entry.op).parameters.items())[len(case.args) :]
        if isinstance(one.default, int | float)
    }
    args, kwargs = arguments

    def number(x: Any) -> Any:
        return kind(x) if isinstance(x, int | float) else x

    return tree_map(number, (args, {**defaults, **kwargs}))


def numpy_choices(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """Masks, labels and indices as NumPy's arrays."""
    return _with_choices(entry, case, xp, device, dtype, lambda leaf: leaf.plain)


def unsigned_choices(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """Labels and indices without a sign."""

    def made(leaf: Input) -> Any:
        if leaf.dtype == "bool" or leaf.plain.min(initial=0) < 0:
            return to_backend(xp, leaf, device)
        return xp.asarray(leaf.plain.astype(np.uint32), "uint32", device)

    return _with_choices(entry, case, xp, device, dtype, made)


def _with_choices(
    entry: Entry, case: Case, xp: Backend, device: str, dtype: str, make: Callable[[Input], Any]
) -> Verdict:
    def choice(leaf: Any, array: Any) -> Any:
        chooses = isinstance(leaf, Input) and "float" not in leaf.dtype and leaf.dtype != dtype
        return make(leaf) if chooses else array

    def hold(inputs: Any, arrays: Any) -> Any:
        (args, kwargs), (held, named) = inputs, arrays
        pairs = zip(args, held, strict=True)
        return [choice(*pair) for pair in pairs], {
            name: choice(kwargs[name], array) for name, array in named.items()
        }

    return judge_call(entry, case, xp, device, dtype, hold)


def any_mapping(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """Parameters in a mapping that can only be read."""
    return judge_call(
        entry, case, xp, device, dtype, lambda _, tree: hold_mappings(tree, MappingProxyType)
    )


def hold_mappings(arguments: Any, kind: Callable[[Any], Any]) -> Any:
    """The arguments with each dictionary, the inner ones first, as another mapping."""

    def held(x: Any) -> Any:
        return kind({name: held(item) for name, item in x.items()}) if isinstance(x, dict) else x

    args, kwargs = arguments
    return [held(x) for x in args], {name: held(x) for name, x in kwargs.items()}
