"""The frameworks against each other, all in one process: pytest --pyargs einport.suite.parity.

Each judges the others: a result is compared as the oracle's would be, with the bound of both.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest

from ..backends import Backend, get_backend
from ..backends.trees import tree_fill, tree_leaves
from ..catalog import Case, Entry, Mistake
from .calls import Call
from .devices import choose_device
from .drivers import driver_of
from .expected import expected_of
from .gaps import gap_of
from .inputs import Input, draw_inputs, to_backend
from .judge import Verdict, Wrong, judge
from .modes import EAGER
from .parameters import backend_names
from .plan import usual_dtype
from .plugin import Record
from .runner import raised_by


@pytest.fixture(scope="session")
def backends(request: pytest.FixtureRequest) -> list[tuple[Backend, str]]:
    """The chosen frameworks and their devices; there must be two to compare."""
    found = [get_backend(name) for name in backend_names(request.config)]
    if len(found) < 2:
        raise pytest.UsageError("parity needs two frameworks or more")
    wanted = request.config.getoption("--device")
    return [(xp, choose_device(xp, wanted)) for xp in found]


def test_agree(
    backends: list[tuple[Backend, str]], entry: Entry, dtype: str, case: Case, record: Record
) -> None:
    """Every two frameworks give the same, to the bit where the operation is exact.

    Where each step of an eager call would be compiled, the call is one graph.
    """
    inputs = draw_inputs(case, dtype, entry.name)
    _, magnitude = expected_of(entry, case, dtype, inputs)
    results = []
    for xp, device in backends:
        if gap_of(xp, entry, EAGER, dtype) is not None:
            continue
        with xp.dtype_scope(dtype), np.errstate(all="ignore"):
            call = Call(entry, xp, to_backend(xp, inputs, device))
            found = driver_of(xp).at_once(call)(*call.arrays)
            results.append((xp.index_dtype, xp, device, list(found)))
    # Where integers add up in 32 bits they wrap: the wider sum says what to, so it comes first.
    results.sort(key=lambda result: result[0], reverse=True)
    sizes = None if magnitude is None else tree_leaves(magnitude)
    for (_, one, _, theirs), (_, xp, device, ours) in combinations(results, 2):
        expected = [_plain(one, x) for x in theirs]
        try:
            with xp.dtype_scope(dtype):
                verdict = judge(entry, case, xp, device, dtype, ours, expected, sizes, slack=2)
        except Wrong as wrong:
            raise Wrong(f"{xp.title} against {one.title}: {wrong}") from None
        record(verdict)


def test_refuse_alike(
    backends: list[tuple[Backend, str]], entry: Entry, mistake: Mistake, record: Record
) -> None:
    """Every framework refuses bad input with one class and one message."""
    seen = {
        xp.title: (type(error), str(error))
        for xp, device in backends
        for error in [raised_by(entry, mistake, xp, device)]
    }
    first = next(iter(seen.values()))
    for title, error in seen.items():
        if error != first:
            raise Wrong(f"{title} says {error}, {next(iter(seen))} says {first}")
    record(Verdict(len(seen), 0.0))


def _takes_two_arrays(entry: Entry, _: str) -> bool:
    """Whether there is something to mix; what einops refuses is its own concern."""
    inputs = draw_inputs(entry.cases[0], usual_dtype(entry), entry.name)
    count = sum(isinstance(leaf, Input) for leaf in tree_leaves(inputs))
    return count > 1 and entry.op.__module__.startswith("einport.")


@pytest.mark.einport(applies=_takes_two_arrays)
def test_refuse_two_frameworks(
    backends: list[tuple[Backend, str]], entry: Entry, record: Record
) -> None:
    """Arrays of two frameworks in one call are a TypeError that names both."""
    inputs = draw_inputs(entry.cases[0], usual_dtype(entry), entry.name)
    for (one, device), (other, other_device) in combinations(backends, 2):
        args, kwargs = to_backend(one, inputs, device)
        strange, strange_kwargs = to_backend(other, inputs, other_device)
        mixed = _with_last_of(other, (args, kwargs), (strange, strange_kwargs))
        try:
            entry.op(*mixed[0], **mixed[1])
        except TypeError as error:
            if one.title not in str(error) or other.title not in str(error):
                raise Wrong(f"does not name both frameworks: {error}") from error
            record(Verdict(1, 0.0))
        else:
            raise Wrong(f"took arrays of {one.title} and {other.title} together")


def _with_last_of(xp: Backend, tree: Any, other: Any) -> Any:
    """The tree with its last array taken from another."""
    leaves, others = tree_leaves(tree), tree_leaves(other)
    last = max(i for i, leaf in enumerate(others) if xp.owns(leaf))
    leaves[last] = others[last]
    return tree_fill(tree, leaves)


def _plain(xp: Backend, x: Any) -> Any:
    """A result as the oracle would give it."""
    values = xp.to_numpy(x)
    return values.astype(np.float64) if values.dtype.kind == "f" else values
