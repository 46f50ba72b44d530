"""What an entry is made of: cases, an oracle, native idioms, and the errors an operation owes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

FLOATS = ("float64", "float32", "float16", "bfloat16")
INTEGERS = ("int64", "int32", "int8", "uint8")
NUMBERS = (*FLOATS, *INTEGERS)
ANY = (*NUMBERS, "bool")
"""The dtypes that the suite knows, and the groups that entries name."""

INDEX = "index"
"""What stands for a framework's own index dtype."""


@dataclass(frozen=True)
class Values:
    """An array to be drawn in the dtype under test.

    Floats are normal, integers small, so that a sum of products fits in eight bits.
    """

    shape: tuple[int, ...]
    scale: float = 1.0
    distinct: bool = False
    """Count instead of drawing, so that no two elements are equal until the dtype runs out."""


@dataclass(frozen=True)
class Given:
    """Values that are given, in the dtype under test unless they have one of their own."""

    data: Any
    dtype: str | None = None


Spec = Values | Given


def values(*shape: int, scale: float = 1.0) -> Values:
    """Random values in the dtype under test."""
    return Values(shape, scale)


def counting(*shape: int) -> Values:
    """Values that differ from each other, shuffled: any two that change places show."""
    return Values(shape, distinct=True)


def given(data: Any) -> Given:
    """Exactly these values, in the dtype under test."""
    return Given(data)


def indices(data: Any) -> Given:
    """Integers in the framework's own index dtype, whatever the dtype under test."""
    return Given(data, INDEX)


def mask(data: Any) -> Given:
    """Booleans whatever the dtype under test."""
    return Given(data, "bool")


@dataclass(frozen=True)
class Case:
    """One call of an operation: arrays as specs, anywhere in the arguments."""

    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    dtypes: tuple[str, ...] | None = None
    """The dtypes that the case is for; the entry's when None."""
    tolerance: float | None = None
    """The case's own bound in float32 and float64; the entry's when None."""
    no_gradient: str | None = None
    """Why there is no derivative to check here (ties, infinities), where the entry has one."""


def case(
    name: str,
    *args: Any,
    dtypes: Sequence[str] | None = None,
    tolerance: float | None = None,
    no_gradient: str | None = None,
    **kwargs: Any,
) -> Case:
    """A case by its name and the operation's own arguments."""
    chosen = None if dtypes is None else tuple(dtypes)
    return Case(name, args, kwargs, chosen, tolerance, no_gradient)


@dataclass(frozen=True)
class Mistake:
    """A call that must fail: what is passed, the exception's class, and its whole message."""

    name: str
    call: Case
    error: type[Exception]
    message: str


def mistake(name: str, error: type[Exception], message: str, *args: Any, **kwargs: Any) -> Mistake:
    """A mistake by its name, what it raises, and the operation's own arguments."""
    return Mistake(name, Case(name, args, kwargs), error, message)


class Draw(Protocol):
    """Where a drawn case gets its choices: Hypothesis in tests, a seeded generator elsewhere."""

    def integer(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        ...

    def choice(self, options: Sequence[Any]) -> Any:
        """One of the options."""
        ...


@dataclass(frozen=True)
class Entry:
    """All that the suite, the matrix and the comparison know of one operation."""

    op: Callable[..., Any]
    cases: tuple[Case, ...]
    """Fixed cases; the first is the one that the native idioms show."""
    oracle: Callable[..., Any]
    """The definition once more, as explicit loops over NumPy arrays of float64 or int64."""
    natives: Mapping[str, Callable[..., Any]]
    """The same as people of each framework write it, by the framework's adapter name."""
    draw: Callable[[Draw], Case]
    """A random case."""
    sized: Callable[[int], Case] | None = None
    """The same call for any number n of rows, 2 or more: each axis has a·n + b elements, and n is
    in nothing but the shapes and the data. Compilers get it with n unknown, and with thousands."""
    dtypes: tuple[str, ...] = ANY
    result: str | tuple[str, ...] = "same"
    """Each result's dtype: `same` as the arguments, `sum`, `float`, `index` or `bool`."""
    tolerance: float = 0
    """The bound on the error in float32 and float64, in epsilons times `magnitude`; 0 is exact."""
    half_tolerance: float | None = None
    """The bound in 16-bit floats; None: they are computed in float32 and rounded once."""
    magnitude: Callable[..., Any] | None = None
    """What errors are relative to, from the oracle's arguments; the expected value when None."""
    large: int = 2053
    """Rows of the case with thousands of them, where compilers have had bugs of their own."""
    mistakes: tuple[Mistake, ...] = ()
    graphs: int = 2
    """How many graphs PyTorch may make for five sizes when it is not told that they vary: one for
    the first size, one for all others."""
    no_gradient: str | None = None
    """Why the operation has no derivative, if it has none: its results are indices, say."""
    topic: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        """The operation's name."""
        return self.op.__name__

    @property
    def exact(self) -> bool:
        """Whether results must agree to the bit."""
        return self.tolerance == 0

    @property
    def summary(self) -> str:
        """The first line of the operation's docstring."""
        return (inspect.getdoc(self.op) or "").partition("\n")[0]

    def dtypes_of(self, one: Case) -> tuple[str, ...]:
        """The dtypes that a case runs in."""
        return self.dtypes if one.dtypes is None else one.dtypes


def idioms(module: Mapping[str, Any], op: str) -> dict[str, Callable[..., Any]]:
    """The functions `<op>_<framework>` of a catalog module."""
    frameworks = ("numpy", "torch", "jax", "tensorflow")
    return {name: module[f"{op}_{name}"] for name in frameworks}
