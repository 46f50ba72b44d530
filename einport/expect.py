"""Refuse bad input in the user's words, before any framework is called.

Checks name their arguments by keyword: `expect.arrays(q=q, k=k)`. Messages say which argument,
what came and what was needed; `einport.operation` puts the operation's name in front. A size that
is not an `int` is unknown while tracing, and is taken as possible.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from numbers import Real
from operator import index as as_index
from typing import Any, NamedTuple

from .backends import Array, Backend, describe, find, is_size
from .backends.checks import find_outside

KNOWN_FRAMEWORKS = "NumPy, PyTorch, JAX or TensorFlow"

INTEGERS = frozenset({"int8", "int16", "int32", "int64", "uint8"})
"""The integers that every framework computes with; the wider unsigned ones can only be moved."""

FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})
NUMBERS = INTEGERS | FLOATS | {"bool", "complex64", "complex128"}

LARGEST_FLOAT32 = 2.0**128 - 2.0**104

DATA_FORMATS = ("channels_first", "channels_last")
"""Where the channels of an image are: `… c h w` or `… h w c`."""


class Refused(Exception):  # noqa: N818  (never seen by users: it becomes the error that it names)
    """Bad input: the error that the user gets, and its message without the operation's name."""

    def __init__(self, error: type[Exception], message: str) -> None:
        super().__init__(message)
        self.error = error


class Image(NamedTuple):
    """The sizes of an image, wherever its channels are."""

    channels: Any
    height: Any
    width: Any


def type_error(message: str) -> Refused:
    """A wrong type or dtype, or arrays of two frameworks."""
    return Refused(TypeError, message)


def value_error(message: str) -> Refused:
    """A wrong shape or value."""
    return Refused(ValueError, message)


# --- Arrays --------------------------------------------------------------------------------------


def arrays(**named: object) -> Backend:
    """Arrays of one framework; their adapter."""
    first_name, first, xp = "", None, None
    for name, x in named.items():
        found = find(x)
        if found is None:
            raise type_error(f"{name} must be an array of {KNOWN_FRAMEWORKS}, got {describe(x)}")
        if not found.has_rank(x):
            raise value_error(
                f"{name} must have a known number of axes (their sizes may be unknown), "
                "got an array of unknown rank"
            )
        strange = found.refusal(x)
        if strange:
            raise type_error(f"{name} must be a dense array, got {strange}")
        if xp is None:
            first_name, first, xp = name, x, found
        elif found is not xp:
            raise type_error(
                f"{first_name} is an array of {xp.title} and {name} one of {found.title}; "
                "pass arrays of one framework"
            )
        elif apart := xp.refusal_beside(first, x):
            raise type_error(f"{first_name} and {name} {apart}")
    assert xp is not None  # noqa: S101  (every caller names at least one)
    return xp


def same_dtype(xp: Backend, **named: Array) -> str:
    """Arrays of one dtype: frameworks disagree about mixing them."""
    (first_name, first), *rest = named.items()
    dtype = xp.dtype(first)
    for name, x in rest:
        if xp.dtype(x) != dtype:
            raise type_error(
                f"{first_name} is {dtype} and {name} is {xp.dtype(x)}; pass arrays of one dtype"
            )
    return dtype


def floating(xp: Backend, **named: Array) -> None:
    """Arrays of a real floating dtype."""
    _dtypes(xp, named, FLOATS, "must have a floating dtype")


def numbers(xp: Backend, **named: Array) -> None:
    """Arrays of numbers or booleans."""
    _dtypes(xp, named, NUMBERS, "must hold numbers")


def real(xp: Backend, **named: Array) -> None:
    """Arrays of real numbers or booleans."""
    _dtypes(xp, named, NUMBERS - {"complex64", "complex128"}, "must hold real numbers")


def integers(xp: Backend, **named: Array) -> None:
    """Arrays of integers, as indices are."""
    _dtypes(xp, named, INTEGERS, "must have an integer dtype")


def booleans(xp: Backend, **named: Array) -> None:
    """Arrays of booleans, as masks are."""
    _dtypes(xp, named, ("bool",), "must have dtype bool")


def floats_alike(**named: object) -> Backend:
    """Floating arrays of one framework and one dtype; their adapter."""
    xp = arrays(**named)
    floating(xp, **named)
    same_dtype(xp, **named)
    return xp


def _dtypes(xp: Backend, named: Mapping[str, Array], known: Collection[str], needed: str) -> None:
    for name, x in named.items():
        if xp.dtype(x) not in known:
            raise type_error(f"{name} {needed}, got {xp.dtype(x)}")


# --- Shapes --------------------------------------------------------------------------------------


def axes(xp: Backend, pattern: str, **named: Array) -> tuple[Any, ...]:
    """An array with the axes of a pattern such as `"b c h w"` or `"... h w"`; its shape."""
    ((name, x),) = named.items()
    shape = tuple(xp.shape(x))
    names = pattern.split()
    fixed = len(names) - ("..." in names)
    fits = len(shape) == fixed if fixed == len(names) else len(shape) >= fixed
    if not fits:
        needed = _axes(fixed) if fixed == len(names) else f"at least {_axes(fixed)}"
        raise value_error(
            f"{name} must have {needed} ({pattern}), got {len(shape)} "
            f"({name} has shape {show(shape)})"
        )
    return shape


def image(xp: Backend, data_format: object, batch: str = "b", **named: Array) -> Image:
    """An image with `batch` in front, in a known data format; its sizes."""
    one_of(DATA_FORMATS, data_format=data_format)
    first = data_format == "channels_first"
    a, b, c = axes(xp, f"{batch} c h w" if first else f"{batch} h w c", **named)[-3:]
    return Image(a, b, c) if first else Image(c, a, b)


def not_empty(xp: Backend, places: Mapping[str, int], **named: Array) -> None:
    """An array whose axes, given by what they are called and where they are, are not of size 0."""
    ((name, x),) = named.items()
    shape = xp.shape(x)
    for what, axis in places.items():
        if isinstance(shape[axis], int) and shape[axis] == 0:
            raise value_error(
                f"the {what} of {name} must be at least 1, got 0 ({name} has shape {show(shape)})"
            )


def same_shape(xp: Backend, **named: Array) -> None:
    """Arrays of one shape: nothing broadcasts."""
    (first_name, first), *rest = named.items()
    shape = xp.shape(first)
    for name, x in rest:
        if not same_sizes(shape, xp.shape(x)):
            raise value_error(
                f"{name} must have the shape of {first_name}, {show(shape)}, "
                f"got {show(xp.shape(x))}"
            )


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


# --- Values --------------------------------------------------------------------------------------


def ids(xp: Backend, size: int, **named: Array) -> None:
    """Integers from 0 to size − 1, as far as they can be read."""
    for name, x in named.items():
        bad = find_outside(xp, x, 0, size - 1)
        if bad is not None:
            raise Refused(IndexError, f"{name} must be from 0 to {size - 1}, got {bad}")


def positions(
    xp: Backend, size: Any, where: str, given: Mapping[str, Sequence[Any]], **named: Array
) -> None:
    """Integers from −size to size − 1, as far as they can be read.

    `where` says of what, and `given` is the shape of that by its name. Formatted only on error:
    formatting a symbolic size would specialize the trace.
    """
    ((name, x),) = named.items()
    if 0 in xp.shape(x) or not isinstance(size, int):
        return
    ((argument, shape),) = given.items()
    if size == 0:
        raise Refused(
            IndexError,
            f"{name} must be empty, as there is nothing to choose from {where} "
            f"({argument} has shape {show(shape)})",
        )
    bad = find_outside(xp, x, -size, size - 1)
    if bad is not None:
        raise Refused(
            IndexError,
            f"{name} must be from {-size} to {size - 1} {where} "
            f"({argument} has shape {show(shape)}), got {bad}",
        )


# --- Settings ------------------------------------------------------------------------------------


def positive_int(**named: object) -> Any:
    """A whole number of at least 1, or a size of a traced program."""
    return integer(1, **named)


def known_int(least: int = 1, /, **named: object) -> Any:
    """A whole number that is known while tracing, of at least 1 or as given."""
    ((name, value),) = named.items()
    _refuse_traced(name, value)
    return integer(least, **named)


def integer(least: int | None = None, /, **named: object) -> Any:
    """A whole number of 64 bits, as a plain `int` unless it is a size of a traced program."""
    ((name, value),) = named.items()
    xp = None if type(value) is int else find(value)
    if type(value) is int:
        number: Any = value
    elif is_size(value):
        return value
    elif xp is not None and not xp.is_concrete(value):
        raise type_error(
            f"{name} must be an integer that is known while tracing, got {describe(value)}"
        )
    elif isinstance(value, bool) or not _is_one_integer(value):
        raise type_error(f"{name} must be an integer, got {shown(value)}")
    else:
        number = as_index(value)  # type: ignore[arg-type]
    if not -(2**63) <= number < 2**63:
        raise value_error(f"{name} must fit in 64 bits, got {shown(number)}")
    if least is not None and number < least:
        raise value_error(f"{name} must be at least {least}, got {number}")
    return number


def positive_ints(argument: str, shape: Sequence[Any], **named: object) -> tuple[int, ...]:
    """A sequence of whole numbers of at least 1, one for each axis of an argument."""
    ((name, value),) = named.items()
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise type_error(f"{name} must be a sequence of integers, got {shown(value)}")
    found = tuple(positive_int(**{f"{name}[{i}]": item}) for i, item in enumerate(value))
    if len(found) != len(shape):
        raise value_error(
            f"{name} must have one count for each axis of {argument}, {len(shape)}, "
            f"got {len(found)} ({argument} has shape {show(shape)})"
        )
    return found


def known_pair(least: int, /, **named: object) -> tuple[Any, Any]:
    """A pair as `pair` takes it, of numbers that are known while tracing."""
    found = pair(least, **named)
    (name,) = named
    for value in found:
        _refuse_traced(name, value)
    return found


def pair(least: int, /, **named: object) -> tuple[Any, Any]:
    """A whole number for height and width alike, or one for each; at least `least`."""
    ((name, value),) = named.items()
    if not isinstance(value, Sequence) or isinstance(value, str):
        number = integer(least, **named)
        return number, number
    if len(value) != 2:
        raise value_error(
            f"{name} must be an integer or a pair of integers, got {len(value)} of them"
        )
    first, second = (integer(**{f"{name}[{i}]": item}) for i, item in enumerate(value))
    integer(least, **{f"{name}[0]": first})
    integer(least, **{f"{name}[1]": second})
    return first, second


def one_of(known: Collection[str], **named: object) -> None:
    """One of a few words."""
    for name, value in named.items():
        if not isinstance(value, str) or value not in known:
            words = " or ".join(repr(word) for word in known)
            raise value_error(f"{name} must be {words}, got {shown(value)}")


def flag(**named: object) -> None:
    """True or False."""
    for name, value in named.items():
        if not isinstance(value, bool):
            raise type_error(f"{name} must be True or False, got {shown(value)}")


def number(low: float, high: float = float("inf"), **named: Any) -> None:
    """A real number from low to high, both included."""
    ((name, value),) = named.items()
    if isinstance(value, bool) or not _is_real(value):
        raise type_error(f"{name} must be a number, got {shown(value)}")
    if not low <= value <= high:
        needed = f"from {low:g} to {high:g}" if high < float("inf") else f"at least {low:g}"
        raise value_error(f"{name} must be {needed}, got {shown(value)}")
    if LARGEST_FLOAT32 < abs(value) < float("inf"):  # PyTorch refuses it beside float32
        raise value_error(f"{name} must fit in float32, got {shown(value)}")


def scalar(xp: Backend, **named: Any) -> None:
    """A real number, or an array without axes beside the data; not read, as it may be learned."""
    ((name, value),) = named.items()
    own = find(value)
    if (
        own is xp
        and xp.has_rank(value)
        and xp.shape(value) == ()
        and xp.dtype(value) in FLOATS | INTEGERS
    ):
        return
    plain = value if own is None else own.to_number(value)
    if plain is None:
        raise type_error(f"{name} must be a number, got {shown(value)}")
    number(-float("inf"), **{name: plain})


# --- Dictionaries of parameters ------------------------------------------------------------------


def parameters(
    xp: Backend,
    like: Mapping[str, Array],
    axes: Mapping[str, str],
    sizes: dict[str, Any],
    *,
    optional: Collection[str] = (),
    wider: bool = False,
    **named: Any,
) -> None:
    """A dictionary of arrays of the framework and dtype of an argument, with the axes given.

    An entry that is not known is refused where some are optional: a misspelled one would be lost.

    Args:
        xp: the adapter of the argument.
        like: the argument by its name.
        axes: the axes of each entry by name, such as `{"w1": "d h", "b1": "h"}`.
        sizes: the lengths that axes must have; those that are not there yet are added to it.
        optional: the entries that may be missing.
        wider: whether float32 may go with an argument of 16 bits.
        **named: the dictionary by its name.
    """
    ((name, params),) = named.items()
    if not isinstance(params, Mapping):
        raise type_error(f"{name} must be a dictionary of arrays, got {describe(params)}")
    ((argument, x),) = like.items()
    needed = [entry for entry in axes if entry not in optional]
    strange = [entry for entry in params if entry not in axes] if optional else []
    if strange:
        raise value_error(
            f"{name} has an unknown entry, {shown(strange[0])}; its entries are {', '.join(axes)}"
        )
    for entry, pattern in axes.items():
        if entry not in params:
            if entry in optional:
                continue
            raise value_error(
                f"{name} must have the entries {', '.join(needed)}; {entry} is missing"
            )
        value, title = params[entry], f"{name}[{entry!r}]"
        arrays(**{argument: x, title: value})
        floating(xp, **{title: value})
        if not (wider and xp.dtype(value) == xp.dtype(xp.widen(x))):
            same_dtype(xp, **{argument: x, title: value})
        shape, names = xp.shape(value), pattern.split()
        wanted = tuple([sizes.get(axis) for axis in names])
        if not same_sizes(shape, wanted):
            raise value_error(
                f"{title} must have shape {show(wanted)} for the axes ({pattern}), "
                f"got {show(shape)} ({argument} has shape {show(xp.shape(x))})"
            )
        for axis, size in zip(names, shape, strict=True):
            if size is not None:
                sizes[axis] = size


# --- Words ---------------------------------------------------------------------------------------


def show(shape: Sequence[Any]) -> str:
    """A shape as a tuple, with `?` for the sizes that are not known."""
    # Not str(size): torch.compile cannot trace that of a size that may vary.
    sizes = ["?" if size is None else f"{size}" for size in shape]
    return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"


def shapes(**named: Sequence[Any]) -> str:
    """The shapes of some arrays: `q has shape (2, 3), k (4, 3)`."""
    words = [f"{name} {show(shape)}" for name, shape in named.items()]
    return ", ".join(words).replace(" ", " has shape ", 1)


def shown(value: object) -> str:
    """A wrong value in an error message: short ones in full, others by their type."""
    if isinstance(value, int) and value.bit_length() > 64:
        return f"an integer of {value.bit_length()} bits"
    if isinstance(value, (bool, int, float, str)) and len(repr(value)) <= 40:
        return repr(value)
    return describe(value)


def _is_one_integer(value: object) -> bool:
    """Whether this is an integer of some kind, or an array of one; frameworks differ over [2]."""
    xp = find(value)
    if xp is not None:
        return len(xp.shape(value)) == 0 and xp.dtype(value) in INTEGERS
    try:
        as_index(value)  # type: ignore[arg-type]
    except TypeError:
        return False
    return True


def _refuse_traced(name: str, value: object) -> None:
    """A size that is an array of a traced program is not known."""
    xp = None if type(value) is int else find(value)
    if xp is not None and xp.is_size(value):
        raise type_error(f"{name} must be known while tracing, got {describe(value)}")


def _is_real(value: object) -> bool:
    return isinstance(value, Real)


def _axes(n: int) -> str:
    return f"{n} axis" if n == 1 else f"{n} axes"
