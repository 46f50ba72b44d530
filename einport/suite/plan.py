"""What is run: each case of an entry in each mode and dtype, or a fixed sample of them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ..backends import Backend
from ..backends.base import HALF_DTYPES
from ..catalog import Case, Entry
from .drivers import driver_of
from .holders import Holder, dtype_of, held_case, holder_in_turn, holders_of
from .modes import (
    ABSTRACT,
    COMPILED,
    COMPILED_GRADIENT,
    DEVICE,
    DYNAMIC,
    EAGER,
    EXPORTED,
    GRADIENT,
    HELD,
    MAPPED,
    MAPPED_CALLS,
    sized_case,
)


class Trial(NamedTuple):
    """One thing to run."""

    mode: str
    case: Case
    dtype: str


def plan(entry: Entry, xp: Backend, everything: bool = False) -> list[Trial]:
    """What to run of an entry on a framework, in the order of its cases.

    All of it is: called as it is, every case in every dtype (as one graph, where each step of a
    call would be compiled, but for the first case and the usual dtype); in each other mode every
    case in its usual dtype, and the first in every dtype where the mode compiles. With thousands
    of rows in each mode that computes. What takes long, unknown sizes, exports and gradients
    through the compiled form, is run for the first case and for thousands of rows.
    """
    chosen = _everything(entry, xp) if everything else _sample(entry, xp)
    return list({(run.mode, id(run.case), run.dtype): run for run in chosen}.values())


def everyday(entry: Entry, xp: Backend) -> list[Trial]:
    """The sample, without the modes that are left to other operations."""
    out = left_to_others(entry, xp)
    return [run for run in plan(entry, xp) if run.mode not in out]


def left_to_others(entry: Entry, xp: Backend) -> set[str]:
    """The modes that take longest, where this operation is not in the half that is run in them.

    Those are exports and gradients through the compiled form; where each step of a call is
    compiled, unknown sizes too. A framework has one half or the other, by its name.
    """
    long = [COMPILED_GRADIENT, EXPORTED] + [DYNAMIC] * xp.compiles_eagerly
    half = drawn(xp.name, 2)
    return {mode for mode in long if drawn(f"{entry.name}/{mode}", 2) is not half}


def modes_of(xp: Backend) -> tuple[str, ...]:
    """The modes that a framework is tried in, whether it can do them or not."""
    compilers = driver_of(xp).compilers
    rest = (DYNAMIC, GRADIENT, COMPILED_GRADIENT, MAPPED, EXPORTED, HELD)
    return (EAGER, ABSTRACT, DEVICE, *compilers, *rest)


def usual_dtype(entry: Entry, case: Case | None = None) -> str:
    """The dtype that is run where one must do."""
    dtypes = entry.dtypes if case is None else entry.dtypes_of(case)
    return "float32" if "float32" in dtypes else dtypes[0]


def dtypes_in_turn(entry: Entry, dtypes: Sequence[Any], turn: int, few: bool = False) -> list[Any]:
    """The everyday sample: every dtype for the first case, for the others the usual and one more.

    That one is in turn a 16-bit float, where a sum goes wrong first, and any other. What is exact
    moves elements of all dtypes alike: it is run in one of these in turn. With `few`, for what
    compiles every call for every dtype, so is all but the first case, and that in one of each kind.
    """
    if len(dtypes) <= 1:
        return list(dtypes)
    usual = usual_dtype(entry) if usual_dtype(entry) in dtypes else dtypes[0]
    half = [dtype for dtype in dtypes if dtype in HALF_DTYPES and dtype != usual]
    rest = [dtype for dtype in dtypes if dtype != usual and dtype not in half]
    if turn == 0:
        at = zlib.crc32(entry.name.encode())
        return [usual, *half, *rest[at % len(rest or [0]) :][:1]] if few else list(dtypes)
    one = few or entry.exact
    kinds = [[usual]] * one + ([half + rest] if entry.exact else [half, rest])
    kinds = [kind for kind in kinds if kind]
    kind = kinds[turn % len(kinds)]
    other = kind[turn // len(kinds) % len(kind)]
    return [other] if one else [usual, other]


def differentiable(entry: Entry) -> list[Case]:
    """The cases whose derivative is checked: those with floats, kinks among them."""
    return [case for case in entry.cases if "float64" in entry.dtypes_of(case)]


def _everything(entry: Entry, xp: Backend) -> Iterator[Trial]:
    large, first, few = sized_case(entry, entry.large), entry.cases[0], xp.compiles_eagerly
    for case in (*entry.cases, large):
        usual = usual_dtype(entry, case)
        for dtype in entry.dtypes_of(case):
            # Where each step of an eager call is compiled for its shapes, one graph is far cheaper.
            at_once = few and case is not first and dtype != usual
            yield Trial(COMPILED if at_once else EAGER, case, dtype)
        for mode in (ABSTRACT, DEVICE, *driver_of(xp).compilers):
            yield Trial(mode, case, usual)
        yield Trial(MAPPED, _part(entry, MAPPED_CALLS) if case is large else case, usual)
    for mode in driver_of(xp).compilers:
        for dtype in entry.dtypes_of(first):
            yield Trial(mode, first, dtype)
    yield Trial(DYNAMIC, large, usual_dtype(entry, large))
    for case in (first, large):
        yield Trial(EXPORTED, case, usual_dtype(entry, case))
    smooth = [case for case in differentiable(entry) if case.no_gradient is None]
    yield from _gradients(entry, [*differentiable(entry), large], len(HALF_DTYPES))
    yield from _compiled_gradients(entry, [*smooth[:1], large])
    yield from _held(entry, holders_of(xp, entry))


def _sample(entry: Entry, xp: Backend) -> Iterator[Trial]:
    large, first, few = sized_case(entry, entry.large), entry.cases[0], xp.compiles_eagerly
    for turn, case in enumerate(_some(entry, EAGER, entry.cases, 4) if few else entry.cases):
        for dtype in dtypes_in_turn(entry, entry.dtypes_of(case), turn, few):
            once = turn == 0 and dtype == usual_dtype(entry, case)
            yield Trial(EAGER if once or not few else COMPILED, case, dtype)
    for case in entry.cases[:1] if few else _some(entry, ABSTRACT, entry.cases, 5):
        yield Trial(ABSTRACT, case, usual_dtype(entry, case))
    yield Trial(DEVICE, first, usual_dtype(entry, first))
    if not few and drawn(f"{entry.name}/{DEVICE}", 2):
        yield Trial(DEVICE, large, usual_dtype(entry, large))
    for mode in driver_of(xp).compilers:
        yield Trial(mode, large, usual_dtype(entry, large))
        if drawn(f"{entry.name}/{mode}", 6):
            yield Trial(mode, first, _another_dtype(entry, first))
    yield Trial(DYNAMIC, large, usual_dtype(entry, large))
    if not few:
        yield Trial(MAPPED, first, usual_dtype(entry, first))
    yield Trial(MAPPED, _part(entry, 9), usual_dtype(entry, large))
    yield Trial(EXPORTED, first, usual_dtype(entry, first))
    smooth = _some(entry, GRADIENT, differentiable(entry), 3)
    yield from _gradients(entry, smooth[:1] if few else smooth, 0 if few else 1)
    yield from _compiled_gradients(entry, [_part(entry, 9)])
    yield from _held(entry, [holder_in_turn(xp, entry)])


def _held(entry: Entry, holders: Sequence[Holder]) -> Iterator[Trial]:
    for holder in holders:
        dtype = dtype_of(entry, holder, usual_dtype(entry, entry.cases[0]))
        yield Trial(HELD, held_case(entry, holder), dtype)


def _gradients(entry: Entry, cases: Sequence[Case], halves: int) -> Iterator[Trial]:
    if entry.no_gradient is not None:
        yield Trial(GRADIENT, entry.cases[0], usual_dtype(entry))
        return
    for case in cases:
        yield Trial(GRADIENT, case, "float64")
    smooth = [case for case in cases if case.no_gradient is None]
    for case in smooth[:1]:
        for dtype in sorted(HALF_DTYPES.intersection(entry.dtypes_of(case)))[:halves]:
            yield Trial(GRADIENT, case, dtype)


def _compiled_gradients(entry: Entry, cases: Sequence[Case]) -> Iterator[Trial]:
    if entry.no_gradient is not None:
        yield Trial(COMPILED_GRADIENT, entry.cases[0], usual_dtype(entry))
        return
    for case in cases:
        if case.no_gradient is None:
            yield Trial(COMPILED_GRADIENT, case, "float64")


def _part(entry: Entry, divisor: int) -> Case:
    """Part of the large case, for what runs it several times, over calls or through the loops."""
    return sized_case(entry, entry.large // divisor)


def _some(entry: Entry, mode: str, cases: Sequence[Case], one_in: int) -> list[Case]:
    """The first case, and one in so many of the others."""
    rest = [case for case in cases[1:] if drawn(f"{entry.name}/{mode}/{case.name}", one_in)]
    return [*cases[:1], *rest]


def drawn(name: str, one_in: int) -> bool:
    """Whether a name is in the fixed sample of one in so many."""
    return zlib.crc32(name.encode()) % one_in == 0


def _another_dtype(entry: Entry, case: Case) -> str:
    """One beside the usual dtype, in turn; a 16-bit float for what adds up."""
    usual, dtypes = usual_dtype(entry, case), entry.dtypes_of(case)
    halves = [dtype for dtype in dtypes if dtype in HALF_DTYPES and not entry.exact]
    others = halves or [dtype for dtype in dtypes if dtype != usual] or [usual]
    return others[zlib.crc32(entry.name.encode()) % len(others)]
