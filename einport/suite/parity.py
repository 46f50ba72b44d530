"""The frameworks against each other, all in one process: pytest --pyargs einport.suite.parity.

Each judges the others: a result is compared as the oracle's would be, with the bound of both.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import combinations

import numpy as np
import pytest

from ..backends import Backend, get_backend
from ..backends.base import tree_map
from ..catalog import Case, Entry, Mistake
from .inputs import draw_inputs, to_backend
from .judge import Verdict, Wrong, judge
from .plugin import Record, backend_names, choose_device
from .runner import EAGER, expected_of, gap_of, raised_by


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
    """Every two frameworks give the same, to the bit where the operation is exact."""
    inputs = draw_inputs(case, dtype, entry.name)
    _, magnitude = expected_of(entry, case, dtype, inputs)
    results = []
    for xp, device in backends:
        if gap_of(xp, entry, EAGER, dtype) is not None:
            continue
        with xp.dtype_scope(dtype), np.errstate(all="ignore"):
            args, kwargs = to_backend(xp, inputs, device)
            results.append((xp, device, entry.op(*args, **kwargs)))
    bound = 2 * (entry.tolerance if case.tolerance is None else case.tolerance)
    both = replace(entry, tolerance=bound, half_tolerance=2 * entry.half_tolerance)
    wide = replace(case, tolerance=None)
    for (one, _, theirs), (xp, device, result) in combinations(results, 2):
        expected = tree_map(partial(_plain, one), theirs)
        try:
            record(judge(both, wide, xp, device, dtype, result, expected, magnitude))
        except Wrong as wrong:
            raise Wrong(f"{xp.title} against {one.title}: {wrong}") from None


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


def _plain(xp: Backend, x: object) -> object:
    """A result as the oracle would give it."""
    if not xp.owns(x):
        return x
    values = xp.to_numpy(x)
    return values.astype(np.float64) if values.dtype.kind == "f" else values
