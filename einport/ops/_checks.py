"""Refuse bad input in the user's words, before any framework is called.

Each function takes the operation's name first, and names the argument, what came and what was
needed. A size that is not an `int` is unknown while tracing and is taken as possible.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from numbers import Real
from typing import Any

from .. import expect
from ..backends import Array, Backend, describe, find
from ..backends.checks import find_outside

KNOWN_FRAMEWORKS = "NumPy, PyTorch, JAX or TensorFlow"

INTEGERS = frozenset({"int8", "int16", "int32", "int64", "uint8"})
"""The integers that every framework computes with; the wider unsigned ones can only be moved."""

FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})
NUMBERS = INTEGERS | FLOATS | {"bool", "complex64", "complex128"}

LARGEST_FLOAT32 = 2.0**128 - 2.0**104

DATA_FORMATS = ("channels_first", "channels_last")
"""Where the channels of an image are: `… c h w` or `… h w c`."""


def array(op: str, name: str, x: object) -> Backend:
    """The adapter of one argument that must be an array."""
    xp = find(x)
    if xp is None:
        raise TypeError(f"{op}: {name} must be an array of {KNOWN_FRAMEWORKS}, got {describe(x)}")
    if not xp.has_rank(x):
        raise ValueError(
            f"{op}: {name} must have a known number of axes (their sizes may be unknown), "
            "got an array of unknown rank"
        )
    strange = xp.refusal(x)
    if strange:
        raise TypeError(f"{op}: {name} must be a dense array, got {strange}")
    return xp


def arrays(op: str, **named: object) -> Backend:
    """The adapter of several arguments that must be arrays of one framework."""
    first_name, first, xp = "", None, None
    for name, x in named.items():
        found = array(op, name, x)
        if xp is None:
            first_name, first, xp = name, x, found
        elif found is not xp:
            raise TypeError(
                f"{op}: {first_name} is an array of {xp.title} and {name} one of {found.title}; "
                "pass arrays of one framework"
            )
        elif apart := xp.refusal_beside(first, x):
            raise TypeError(f"{op}: either {first_name} or {name} is not {apart}; pass both as one")
    assert xp is not None  # noqa: S101  (every caller names at least one)
    return xp


def same_dtype(op: str, xp: Backend, **named: Array) -> str:
    """The dtype that the arguments must share: frameworks disagree about mixing them."""
    (first_name, first), *rest = named.items()
    dtype = xp.dtype(first)
    for name, x in rest:
        if xp.dtype(x) != dtype:
            raise TypeError(
                f"{op}: {first_name} is {dtype} and {name} is {xp.dtype(x)}; "
                "pass arrays of one dtype"
            )
    return dtype


def floating(op: str, name: str, xp: Backend, x: Array) -> None:
    """The argument must have a real floating dtype."""
    if xp.dtype(x) not in FLOATS:
        raise TypeError(f"{op}: {name} must have a floating dtype, got {xp.dtype(x)}")


def numbers(op: str, name: str, xp: Backend, x: Array) -> None:
    """The argument must hold numbers or booleans."""
    if xp.dtype(x) not in NUMBERS:
        raise TypeError(f"{op}: {name} must hold numbers, got {xp.dtype(x)}")


def real(op: str, name: str, xp: Backend, x: Array) -> None:
    """The argument must hold real numbers or booleans."""
    if xp.dtype(x) not in NUMBERS or xp.dtype(x).startswith("complex"):
        raise TypeError(f"{op}: {name} must hold real numbers, got {xp.dtype(x)}")


def integers(op: str, name: str, xp: Backend, x: Array) -> None:
    """The argument must hold integers, as indices do."""
    if xp.dtype(x) not in INTEGERS:
        raise TypeError(f"{op}: {name} must have an integer dtype, got {xp.dtype(x)}")


def boolean(op: str, name: str, xp: Backend, x: Array) -> None:
    """The argument must hold booleans, as masks do."""
    if xp.dtype(x) != "bool":
        raise TypeError(f"{op}: {name} must have dtype bool, got {xp.dtype(x)}")


def rank(op: str, name: str, shape: Sequence[Any], axes: str) -> None:
    """The shape must have the axes of a pattern such as `"b c h w"` or `"... h w"`."""
    names = axes.split()
    fixed = len(names) - ("..." in names)
    fits = len(shape) == fixed if fixed == len(names) else len(shape) >= fixed
    if not fits:
        needed = _count(fixed) if fixed == len(names) else f"at least {_count(fixed)}"
        raise ValueError(
            f"{op}: {name} must have {needed} ({axes}), got {len(shape)} "
            f"({name} has shape {show(shape)})"
        )


def not_empty(op: str, name: str, shape: Sequence[Any], axes: dict[str, int]) -> None:
    """The axes, given by what they are called and where they are, must not be of size 0."""
    for what, axis in axes.items():
        if isinstance(shape[axis], int) and shape[axis] == 0:
            raise ValueError(
                f"{op}: the {what} of {name} must be at least 1, got 0 "
                f"({name} has shape {show(shape)})"
            )


def image(
    op: str, name: str, shape: Sequence[Any], data_format: object, batch: str = "b"
) -> tuple[Any, Any, Any]:
    """Channels, height and width of an image, after checking that it is one."""
    one_of(op, "data_format", data_format, DATA_FORMATS)
    first = data_format == "channels_first"
    rank(op, name, shape, f"{batch} c h w" if first else f"{batch} h w c")
    a, b, c = shape[-3:]
    return (a, b, c) if first else (c, a, b)


def count(op: str, name: str, value: object) -> int:
    """A whole number of at least 1; a size that is still a symbol passes as it is."""
    number = whole(op, name, value)
    _at_least(op, name, number, 1)
    return number


def whole(op: str, name: str, value: object) -> Any:
    """A whole number of 64 bits, as a plain `int` unless it is a traced size."""
    try:
        return expect.integer(None, **{name: value})
    except expect.Refused as refused:
        raise refused.error(f"{op}: {refused}") from None


def counts(
    op: str, name: str, value: object, argument: str, shape: Sequence[Any]
) -> tuple[int, ...]:
    """A sequence of whole numbers of at least 1, one for each axis of an argument."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise TypeError(f"{op}: {name} must be a sequence of integers, got {shown(value)}")
    found = tuple(count(op, f"{name}[{i}]", item) for i, item in enumerate(value))
    if len(found) != len(shape):
        raise ValueError(
            f"{op}: {name} must have one count for each axis of {argument}, {len(shape)}, "
            f"got {len(found)} ({argument} has shape {show(shape)})"
        )
    return found


def one_of(op: str, name: str, value: object, known: Sequence[str]) -> None:
    """One of a few words."""
    if not isinstance(value, str) or value not in known:
        words = " or ".join(repr(word) for word in known)
        raise ValueError(f"{op}: {name} must be {words}, got {shown(value)}")


def pair(op: str, name: str, value: object, least: int) -> tuple[int, int]:
    """A whole number for height and width alike, or one for each; at least `least`."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        number = whole(op, name, value)
        _at_least(op, name, number, least)
        return number, number
    if len(value) != 2:
        raise ValueError(
            f"{op}: {name} must be an integer or a pair of integers, got {len(value)} of them"
        )
    first, second = (whole(op, f"{name}[{i}]", item) for i, item in enumerate(value))
    _at_least(op, f"{name}[0]", first, least)
    _at_least(op, f"{name}[1]", second, least)
    return first, second


def flag(op: str, name: str, value: object) -> None:
    """True or False."""
    if not isinstance(value, bool):
        raise TypeError(f"{op}: {name} must be True or False, got {shown(value)}")


def divides(factor: Any, size: Any) -> bool:
    """Whether the factor divides the size, as far as both are known."""
    if not isinstance(size, int) or not isinstance(factor, int):
        return True
    return size % factor == 0


def equal(a: Any, b: Any) -> bool:
    """Whether two sizes are equal, as far as both are known."""
    return not isinstance(a, int) or not isinstance(b, int) or a == b


def same_sizes(a: Sequence[Any], b: Sequence[Any]) -> bool:
    """Whether two shapes are equal, as far as their sizes are known."""
    return len(a) == len(b) and all(map(equal, a, b))


def broadcasts(shape: Sequence[Any], target: Sequence[Any]) -> bool:
    """Whether a shape stretches to the target by axes of size 1, as far as both are known."""
    if len(shape) > len(target):
        return False
    pairs = zip(reversed(shape), reversed(target), strict=False)
    return all(size == 1 or equal(size, wanted) for size, wanted in pairs)


def show(shape: Sequence[Any]) -> str:
    """A shape as a tuple, with `?` for the sizes that are not known."""
    # Not str(size): torch.compile cannot trace that of a size that may vary.
    sizes = ["?" if size is None else f"{size}" for size in shape]
    return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"


def shown(value: object) -> str:
    """A wrong value in an error message: short ones in full, others by their type."""
    if isinstance(value, int) and value.bit_length() > 64:
        return f"an integer of {value.bit_length()} bits"
    if isinstance(value, bool | int | float | str) and len(repr(value)) <= 40:
        return repr(value)
    return describe(value)


def _at_least(op: str, name: str, number: Any, least: int) -> None:
    if isinstance(number, int) and number < least:
        raise ValueError(f"{op}: {name} must be at least {least}, got {number}")


def _count(n: int) -> str:
    return f"{n} axis" if n == 1 else f"{n} axes"


def ids(op: str, name: str, xp: Backend, x: Array, size: int) -> None:
    """Integers from 0 to size − 1, as far as they can be read."""
    bad = find_outside(xp, x, 0, size - 1)
    if bad is not None:
        raise IndexError(f"{op}: {name} must be from 0 to {size - 1}, got {bad}")


def positions(
    op: str,
    name: str,
    xp: Backend,
    x: Array,
    size: Any,
    where: str,
    given: Mapping[str, Sequence[Any]],
) -> None:
    """Integers from −size to size − 1, as far as they can be read.

    `where` says of what, and `given` is the shape of that by its name. They become words only for
    an error: to write a size down fixes it for the compiler that traces.
    """
    if 0 in xp.shape(x) or not isinstance(size, int):
        return
    ((argument, shape),) = given.items()
    if size == 0:
        raise IndexError(
            f"{op}: {name} must be empty, as there is nothing to choose from {where} "
            f"({argument} has shape {show(shape)})"
        )
    bad = find_outside(xp, x, -size, size - 1)
    if bad is not None:
        raise IndexError(
            f"{op}: {name} must be from {-size} to {size - 1} {where} "
            f"({argument} has shape {show(shape)}), got {bad}"
        )


def same_shape(op: str, xp: Backend, **named: Array) -> None:
    """The arguments must have one shape: nothing is stretched."""
    (first_name, first), *rest = named.items()
    shape = xp.shape(first)
    for name, x in rest:
        if not same_sizes(shape, xp.shape(x)):
            raise ValueError(
                f"{op}: {name} must have the shape of {first_name}, {show(shape)}, "
                f"got {show(xp.shape(x))}"
            )


def number(op: str, name: str, value: Any, low: float, high: float = float("inf")) -> float:
    """A real number from low to high, both included."""
    if isinstance(value, bool) or not _is_real(value):
        raise TypeError(f"{op}: {name} must be a number, got {shown(value)}")
    if not low <= value <= high:
        needed = f"from {low:g} to {high:g}" if high < float("inf") else f"at least {low:g}"
        raise ValueError(f"{op}: {name} must be {needed}, got {shown(value)}")
    if LARGEST_FLOAT32 < abs(value) < float("inf"):  # PyTorch refuses it beside float32
        raise ValueError(f"{op}: {name} must fit in float32, got {shown(value)}")
    return float(value)


def _is_real(value: object) -> bool:
    return isinstance(value, Real)


def scalar(op: str, name: str, value: Any, xp: Backend) -> Any:
    """A real number, or an array of one beside the data, which is not read: it may be learned."""
    own = find(value)
    if (
        own is xp
        and xp.has_rank(value)
        and xp.shape(value) == ()
        and xp.dtype(value) in FLOATS | INTEGERS
    ):
        return value
    plain = value if own is None else own.to_number(value)
    if plain is None:
        raise TypeError(f"{op}: {name} must be a number, got {shown(value)}")
    return number(op, name, plain, -float("inf"))


def parameters(
    op: str,
    xp: Backend,
    given: Mapping[str, Array],
    params: Mapping[str, Any],
    axes: Mapping[str, str],
    sizes: dict[str, Any],
    *,
    name: str = "params",
    optional: Collection[str] = (),
    wider: bool = False,
) -> None:
    """A dictionary of arrays of the framework and dtype of an argument, with the axes given.

    An entry that is not known is refused where some are optional: a misspelled one would be lost.


    Args:
        op: the operation's name.
        xp: the adapter of the argument.
        given: the argument by its name.
        params: the dictionary.
        axes: the axes of each entry by name, such as `{"w1": "d h", "b1": "h"}`.
        sizes: the lengths that axes must have; those that are not there yet are added to it.
        name: what the dictionary is called.
        optional: the entries that may be missing.
        wider: whether float32 may go with an argument of 16 bits.
    """
    if not isinstance(params, Mapping):
        raise TypeError(f"{op}: {name} must be a dictionary of arrays, got {describe(params)}")
    ((argument, x),) = given.items()
    needed = [entry for entry in axes if entry not in optional]
    strange = [entry for entry in params if entry not in axes] if optional else []
    if strange:
        raise ValueError(
            f"{op}: {name} has an unknown entry, {shown(strange[0])}; "
            f"its entries are {', '.join(axes)}"
        )
    for entry, pattern in axes.items():
        if entry not in params:
            if entry in optional:
                continue
            raise ValueError(
                f"{op}: {name} must have the entries {', '.join(needed)}; {entry} is missing"
            )
        value, title = params[entry], f"{name}[{entry!r}]"
        arrays(op, **{argument: x, title: value})
        floating(op, title, xp, value)
        if not (wider and xp.dtype(value) == xp.dtype(xp.widen(x))):
            same_dtype(op, xp, **{argument: x, title: value})
        shape, names = xp.shape(value), pattern.split()
        wanted = tuple([sizes.get(axis) for axis in names])
        if not same_sizes(shape, wanted):
            raise ValueError(
                f"{op}: {title} must have shape {show(wanted)} for the axes ({pattern}), "
                f"got {show(shape)} ({argument} has shape {show(xp.shape(x))})"
            )
        sizes.update(zip(names, shape, strict=True))
