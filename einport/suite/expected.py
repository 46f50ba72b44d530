"""What the oracle gives for a case, kept for the next framework and the next mode."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backends import Backend
from ..backends.trees import tree_leaves
from ..catalog import Case, Entry
from .inputs import fingerprint, to_oracle
from .judge import Verdict, judge

_KEPT = 4096

_expectations: dict[Any, tuple[Any, Any]] = {}


def expected_of(entry: Entry, case: Case, dtype: str, inputs: Any) -> tuple[Any, Any]:
    """What the oracle gives, and what errors are relative to."""
    key = (entry.name, dtype, fingerprint(inputs))
    if key not in _expectations:
        if len(_expectations) > _KEPT:
            _expectations.clear()
        with np.errstate(all="ignore"):
            args, kwargs = to_oracle(inputs)
            expected = entry.oracle(*args, **kwargs)
            magnitude = None
            if entry.magnitude is not None:
                args, kwargs = to_oracle(inputs)
                magnitude = entry.magnitude(*args, **kwargs)
        _expectations[key] = (expected, magnitude)
    return _expectations[key]


def judge_arrays(
    entry: Entry,
    case: Case,
    xp: Backend,
    device: str,
    dtype: str,
    inputs: Any,
    results: list[Any],
) -> Verdict:
    """Compare the arrays among the results, with twice the bound.

    A compiler may add up in another order.

    Raises:
        Wrong: Anything differs.
    """
    expected, magnitude = expected_of(entry, case, dtype, inputs)
    wanted = [leaf for leaf in tree_leaves(expected) if not isinstance(leaf, int)]
    sizes = None if magnitude is None else tree_leaves(magnitude)
    return judge(entry, case, xp, device, dtype, results, wanted, sizes, slack=2)
