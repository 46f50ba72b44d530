"""One operation on several frameworks, run now and compared; `compare` gives it as an object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np

from ..backends import available_backends, get_backend
from ..backends.trees import tree_leaves
from ..catalog import Case, Entry, entry
from ..suite.inputs import Input
from ..traps import Trap, traps_of
from ._calls import Array, Call, is_finite, size_of
from .asking import asked_case
from .axes import Axis, label, name_axes
from .frameworks import Agreement, Asked, Gradient, Run, between, first_line, run_on
from .provenance import MOST, Provenance, picture_case, provenance
from .sizes import copied
from .sources import Idiom, definition_of, helpers_of, idioms_of

__all__ = ["Agreement", "Comparison", "Gradient", "Pair", "Passed", "Run", "compare"]

_NUMBERS = {2: "Both", 3: "All three", 4: "All four"}


@dataclass(frozen=True)
class Passed:
    """An array that the call was made with."""

    name: str
    """Such as `x` or `params.w1`."""
    axes: tuple[Axis, ...]
    dtype: str
    values: Array
    """Its values; 16-bit floats in float64."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of its axes."""
        return tuple(self.values.shape)

    @property
    def text(self) -> str:
        """Such as `x (b=2, c=3) float32`."""
        return f"{self.name} {label(self.axes)} {self.dtype}"


@dataclass(frozen=True)
class Pair:
    """Two frameworks beside each other."""

    one: str
    other: str
    agreement: Agreement


@dataclass(frozen=True)
class Comparison:
    """An operation side by side: what it is, what ran just now, and how far it agrees."""

    op: str
    topic: str
    summary: str
    """What the operation does, in a line."""
    definition: str
    """The source of the operation, written once for all frameworks."""
    helpers: str
    """The source of the private functions and constants that it uses."""
    idioms: tuple[Idiom, ...]
    """The same as people of each framework write it."""
    call: str
    """The call as one writes it."""
    case: str
    dtype: str
    inputs: tuple[Passed, ...]
    runs: tuple[Run, ...]
    """What the call gave on each framework."""
    pairs: tuple[Pair, ...]
    """Every two frameworks that ran, beside each other."""
    exact: bool
    """Whether results must be bit-identical to the definition."""
    _entry: Entry = field(repr=False, compare=False)
    _case: Case = field(repr=False, compare=False)

    @cached_property
    def picture(self) -> Provenance | None:
        """Where elements go: of this call where its arrays are small, of a smaller one otherwise.

        None where the operation has no case that is small enough, or fails.
        """
        try:
            return provenance(self._entry, self._drawn())
        except Exception as error:
            # What is too large says so; what fails is drawn no more than it runs.
            if "picture" in str(error) or not all(run.ran or run.unable for run in self.runs):
                return None
            raise

    def _drawn(self) -> Case:
        """The case of the picture: the usual one, unless sizes or arrays were asked for."""
        usual = picture_case(self._entry)
        if self._case is self._entry.cases[0]:
            return usual
        specs = Call(self._entry, self._case).inputs.values()
        small = all(0 < size_of(spec) <= MOST and is_finite(spec) for spec in specs)
        outputs = (x.size for run in self.runs[:1] for x in run.results)
        return self._case if small and all(0 < size <= MOST for size in outputs) else usual

    @cached_property
    def traps(self) -> tuple[Trap, ...]:
        """What frameworks do differently that touches this operation."""
        return traps_of(self.op)

    @property
    def agrees(self) -> bool:
        """Whether something ran, and nothing differs by more than is allowed."""
        return any(run.ran for run in self.runs) and not self.problems

    @property
    def problems(self) -> tuple[str, ...]:
        """All that differs, in sentences."""
        own = [f"{run.title}: {text}" for run in self.runs for text in run.problems]
        return (*own, *(pair.agreement.problem for pair in self.pairs if pair.agreement.problem))

    @property
    def worst(self) -> float | None:
        """The largest error of all frameworks, in epsilons; None where one cannot be counted so."""
        found = [run.agreement.epsilons for run in self.runs if run.agreement is not None]
        known = [one for one in found if one is not None]
        return max(known) if known and len(known) == len(found) else None

    def run(self, name: str) -> Run:
        """What the call gave on one framework, by its adapter name.

        Raises:
            ValueError: It was not asked for.
        """
        found = {run.name: run for run in self.runs}
        if name not in found:
            raise ValueError(f"{name!r} was not compared, only {', '.join(found)}")
        return found[name]

    @property
    def verdict(self) -> str:
        """How near the frameworks are to each other, in a sentence."""
        there = [run for run in self.runs if run.ran]
        if not there:
            return "No framework ran it."
        if len(there) == 1:
            return f"{there[0].title} alone ran it: there is no other to compare it with."
        if all(pair.agreement.same_bits for pair in self.pairs):
            return f"{_NUMBERS.get(len(there), 'All')} frameworks gave bit-identical results."
        far = [pair.agreement.epsilons for pair in self.pairs]
        known = [one for one in far if one is not None]
        apart = (
            f"at most {max(known):.2g} epsilons apart" if len(known) == len(far) else "far apart"
        )
        alike = [" and ".join(group) for group in self._alike(there) if len(group) > 1]
        same = "".join(f"{names} gave bit-identical results; " for names in alike)
        text = f"{same}the frameworks are {apart}."
        return text[0].upper() + text[1:]

    def _alike(self, there: Sequence[Run]) -> list[list[str]]:
        """The frameworks' titles in groups that are bit-identical."""
        same = {frozenset((p.one, p.other)) for p in self.pairs if p.agreement.same_bits}
        groups: list[list[Run]] = []
        for run in there:
            home = next((g for g in groups if frozenset((g[0].name, run.name)) in same), None)
            if home is None:
                groups.append([run])
            else:
                home.append(run)
        return [[run.title for run in group] for group in groups]

    def __repr__(self) -> str:
        return f"<Comparison of {self.op}: {self.verdict}>"


def compare(
    op: str,
    *,
    backends: Sequence[str] | None = None,
    case: Case | str | None = None,
    shape: str | Mapping[str, int] | None = None,
    inputs: Sequence[Any] | Mapping[str, Any] | None = None,
    time: bool = True,
) -> Comparison:
    """Run one operation on several frameworks now, and compare what they give.

    Args:
        op: the operation's name.
        backends: the frameworks' names; all that are installed by default.
        case: a case of the catalog or its name; by default the first, which the idioms show.
        shape: sizes for some axes of that case, such as `"b=2 c=8"`.
        inputs: the arrays to call it with, in the order of its arguments or by their names.
        time: whether to measure how long einport and the native idiom take.

    Raises:
        ValueError: an operation, framework, case or axis is not known, or the operation refuses
            the arrays.
        TypeError: an array has a dtype that the operation does not take.
        ImportError: a framework that is named is not installed.
    """
    found = entry(op)
    if isinstance(backends, str):
        backends = [name for name in backends.split(",") if name]
    chosen, dtype = asked_case(found, case, shape, inputs)
    for name in backends or ():
        get_backend(name)  # refuse an unknown one before anything runs
    asked = Asked(found, copied(chosen), dtype, given=shape is not None or inputs is not None)
    names = dict.fromkeys(backends or available_backends())
    runs = tuple(_run(asked, name, time) for name in names)
    call = Call(found, asked.case)
    there = [run for run in runs if run.ran]
    return Comparison(
        found.name,
        found.topic,
        found.summary,
        definition_of(found),
        helpers_of(found),
        idioms_of(found),
        f"{found.name}({', '.join(call.written)})",
        chosen.name,
        dtype,
        _passed(found, call, asked),
        runs,
        tuple(Pair(a.name, b.name, between(asked, a, b)) for a, b in combinations(there, 2)),
        found.exact,
        found,
        chosen,
    )


def _run(asked: Asked, name: str, time: bool) -> Run:
    try:
        xp = get_backend(name)
    except ImportError as error:  # it is found, but broken: the others are still worth a look
        return Run(name, name, problem=f"cannot be imported: {first_line(error)}", unable=True)
    return run_on(asked, xp, time)


def _passed(found: Entry, call: Call, asked: Asked) -> tuple[Passed, ...]:
    """The arrays of a call by the names of their places."""
    specs = tree_leaves((asked.case.args, dict(asked.case.kwargs)))
    # The case's specs are copies, each in one place alone: see `compare`.
    by_spec = {id(s): x for s, x in zip(specs, tree_leaves(asked.inputs), strict=True)}
    drawn: dict[str, Input] = {name: by_spec[id(spec)] for name, spec in call.inputs.items()}
    results = [np.asarray(x) for x in asked.expected[0] if not isinstance(x, int)]
    shapes = {name: x.plain.shape for name, x in drawn.items()}
    outputs = {f"out[{i}]": x.shape for i, x in enumerate(results)}
    axes = name_axes(found, call.arguments, shapes, outputs)
    return tuple(
        Passed(name, row, x.dtype, x.plain)
        for (name, x), row in zip(drawn.items(), axes, strict=False)
    )
