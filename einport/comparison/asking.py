"""Which call is compared: a case of the catalog, with other sizes, or arrays that are given."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..backends import find, get_backend
from ..backends.trees import tree_map
from ..catalog import Case, Entry
from ..catalog._entry import Given
from ..suite.inputs import draw_inputs, to_backend
from ..suite.plan import usual_dtype
from ._calls import Array, Call, chooses, size_of
from .sizes import Spec, copied, parse_sizes, resized

MOST_VALUES = 100_000
"""Values that the arrays of a call may have: the definition in loops is slow."""


def asked_case(
    entry: Entry,
    case: Case | str | None,
    shape: str | Mapping[str, int] | None,
    inputs: Sequence[Any] | Mapping[str, Any] | None,
) -> tuple[Case, str]:
    """The case that is wanted, and the dtype to run it in.

    Raises:
        ValueError: There is no such case, axis or array, or the operation refuses the call.
        TypeError: A size is no whole number, or the arrays have a dtype that nothing here has.
    """
    found = _case_of(entry, case)
    if shape is None and inputs is None:
        return found, usual_dtype(entry, found)
    if shape is not None and inputs is not None:
        raise ValueError("compare: shape and inputs exclude each other, got both")
    dtype = usual_dtype(entry, found)
    if shape is not None:
        found = resized(entry, found, parse_sizes(shape))
    elif inputs is not None:
        found, dtype = _with_arrays(entry, found, inputs, dtype)
    _check_size(entry, found)
    _check_call(entry, found, dtype)
    return found, dtype


def _case_of(entry: Entry, case: Case | str | None) -> Case:
    if isinstance(case, Case):
        return case
    if case is None:
        return entry.cases[0]
    known = {one.name: one for one in entry.cases}
    if case not in known:
        near = difflib.get_close_matches(case, known, n=3) or list(known)
        raise ValueError(f"{entry.name} has no case {case!r}; did you mean {_or(near)}?")
    return known[case]


def _or(names: Sequence[str]) -> str:
    return " or ".join(map(repr, names))


# --- Arrays that are given -----------------------------------------------------------------------


def _with_arrays(
    entry: Entry, case: Case, inputs: Sequence[Any] | Mapping[str, Any], dtype: str
) -> tuple[Case, str]:
    fresh = copied(case)
    call = Call(entry, fresh)
    given = _by_name(entry, call, inputs)
    arrays = {name: _array(name, x) for name, x in given.items()}
    kinds = {name: x.dtype.name for name, x in arrays.items() if not chooses(call.inputs[name])}
    new: dict[int, Spec] = {}
    for name, x in arrays.items():
        spec = call.inputs[name]
        if name in kinds:
            new[id(spec)] = Given(x)
            continue
        wanted = "b" if isinstance(spec, Given) and spec.dtype == "bool" else "iu"
        if x.dtype.kind not in wanted:
            what = "booleans" if wanted == "b" else "whole numbers"
            raise TypeError(f"{entry.name}: {name} must hold {what}, got {x.dtype}")
        new[id(spec)] = Given(x, spec.dtype if isinstance(spec, Given) else None)
    if kinds:
        first, dtype = next(iter(kinds.items()))
        for name, kind in kinds.items():
            if kind != dtype:
                raise TypeError(
                    f"{entry.name}: arrays must have one dtype, {first} has {dtype}, "
                    f"{name} has {kind}"
                )
        allowed = entry.dtypes_of(case)
        if dtype not in allowed:
            raise TypeError(
                f"{entry.name}: {first} must have dtype {', '.join(allowed)}, got {dtype}"
            )
    args, kwargs = tree_map(lambda leaf: new.get(id(leaf), leaf), (fresh.args, dict(fresh.kwargs)))
    reason = None
    if kinds and "float" not in dtype:
        reason = f"{dtype} has no derivative"
    return replace(fresh, name="given arrays", args=args, kwargs=kwargs, no_gradient=reason), dtype


def _by_name(entry: Entry, call: Call, inputs: Sequence[Any] | Mapping[str, Any]) -> dict[str, Any]:
    names = list(call.inputs)
    listed = f"{len(names)} array{'s' * (len(names) != 1)}: {', '.join(names)}"
    if isinstance(inputs, Mapping):
        if set(inputs) != set(names):
            raise ValueError(f"{entry.name} takes {listed}; got {', '.join(inputs) or 'none'}")
        return {name: inputs[name] for name in names}
    if len(inputs) != len(names):
        raise ValueError(f"{entry.name} takes {listed}; got {len(inputs)}")
    return dict(zip(names, inputs, strict=True))


def _array(name: str, x: Any) -> Array:
    owner = find(x)
    found = np.asarray(x if owner is None else owner.to_numpy(x))
    if found.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold numbers or booleans, got dtype {found.dtype}")
    return found


# --- Checks --------------------------------------------------------------------------------------


def _check_size(entry: Entry, case: Case) -> None:
    total = sum(size_of(spec) for spec in Call(entry, case).inputs.values())
    if total > MOST_VALUES:
        raise ValueError(
            f"{entry.name}: the arrays have {total:,} values, more than the {MOST_VALUES:,} that "
            "the definition in loops can be asked for"
        )


def _check_call(entry: Entry, case: Case, dtype: str) -> None:
    """Refuse what the operation refuses, once and in its own words."""
    xp = get_backend("numpy")
    inputs = draw_inputs(case, dtype, entry.name)
    with np.errstate(all="ignore"):
        args, kwargs = to_backend(xp, inputs, "cpu")
        try:
            entry.op(*args, **kwargs)
        except (ValueError, TypeError, IndexError) as error:
            raise ValueError(str(error)) from error
        except Exception as error:
            if type(error).__module__.partition(".")[0] != "einops":
                raise
            raise ValueError(f"{entry.name}: {error}") from error
