"""einops' functions: a missing arrow is named, and each reduction has one meaning everywhere."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import accumulate
from math import prod
from typing import Any

import einops

from .. import expect
from ..backends import Backend, backend_of
from ..backends.holders import value_of
from ..operation import operation

REDUCTIONS = frozenset({"min", "max", "sum", "mean", "prod", "any", "all"})

Plan = tuple[int, str, dict[str, int]]
"""How many axes are dropped, the pattern with them at the end, and the sizes that it names."""

_AXES = re.compile(r"[()]|[^\s()]+")


def _check_pattern(tensor: Any, pattern: object, **axes_lengths: object) -> Backend:
    """An array or a list of them, a pattern with an arrow, and whole numbers; their adapter."""
    if not isinstance(pattern, str):
        raise expect.type_error(f"the pattern must be a string, got {expect.shown(pattern)}")
    if "->" not in pattern:  # the commonest slip is a comma
        raise expect.value_error(f"the pattern needs one '->', got {pattern!r}")
    if isinstance(tensor, list) and not tensor:
        raise expect.value_error("tensor must be an array or a list of at least one, got []")
    several = isinstance(tensor, list)
    named = {f"tensor[{i}]": x for i, x in enumerate(tensor)} if several else {"tensor": tensor}
    xp = expect.arrays(**named)
    for name, length in axes_lengths.items():
        expect.integer(None, **{name: length})
    return xp


@operation(checks=_check_pattern)
def rearrange(tensor: Any, pattern: str, **axes_lengths: Any) -> Any:
    """Transpose, merge and split the axes of an array by a pattern that names them.

    The signature of `einops.rearrange`.

    Args:
        tensor: an array, or a list of arrays to stack along a new first axis.
        pattern: such as `"b (h p) c -> b h (p c)"`.
        **axes_lengths: the lengths of axes that cannot be inferred.

    Returns:
        An array with the axes to the right of the arrow; on NumPy and PyTorch it may share memory
        with the one given.

    Raises:
        TypeError: `tensor` is not an array, the pattern not a string, or a length not an integer.
        ValueError: the pattern has no arrow.
        EinopsError: the pattern does not fit the array.

    Source: A. Rogozhnikov, "Einops", ICLR 2022.

    >>> import numpy as np
    >>> rearrange(np.arange(6), "(a b) -> b a", a=2).tolist()
    [[0, 3], [1, 4], [2, 5]]
    """
    return einops.rearrange(tensor, _with_dots(pattern), **axes_lengths)


@operation(checks=_check_pattern)
def repeat(tensor: Any, pattern: str, **axes_lengths: Any) -> Any:
    """Repeat elements along axes that only the right of a pattern has.

    The signature of `einops.repeat`.

    Args:
        tensor: an array, or a list of arrays to stack along a new first axis.
        pattern: such as `"h w -> h (w 2)"`.
        **axes_lengths: the lengths of new axes, and of those that cannot be inferred.

    Returns:
        An array with the axes to the right of the arrow; on PyTorch its elements may share memory.

    Raises:
        TypeError: `tensor` is not an array, the pattern not a string, or a length not an integer.
        ValueError: the pattern has no arrow.
        EinopsError: the pattern does not fit the array.

    Source: A. Rogozhnikov, "Einops", ICLR 2022.

    >>> import numpy as np
    >>> repeat(np.arange(2), "w -> (w r)", r=3).tolist()
    [0, 0, 0, 1, 1, 1]
    """
    return einops.repeat(tensor, _with_dots(pattern), **axes_lengths)


def _check_pack(tensors: object, pattern: object) -> None:
    if not isinstance(tensors, list | tuple):
        expect.arrays(tensors=tensors)  # einops would take an array as the list of its rows
    elif tensors:
        expect.arrays(**{f"tensors[{i}]": x for i, x in enumerate(tensors)})


@operation(checks=_check_pack)
def pack(tensors: Any, pattern: str) -> tuple[Any, list[Any]]:
    """Join arrays along one axis, each with its other axes flattened into it.

    The signature of `einops.pack`.

    Args:
        tensors: a list of arrays of one framework.
        pattern: such as `"b * c"`, where `*` stands for the axes that an array may have of its own.

    Returns:
        The joined array, and the shape of each array's own axes, which `unpack` takes.

    Raises:
        TypeError: something in the list is not an array, or they are of two frameworks.
        EinopsError: the pattern does not fit the arrays.

    Source: A. Rogozhnikov, "Einops", ICLR 2022.

    >>> import numpy as np
    >>> packed, shapes = pack([np.zeros((2, 3, 5)), np.zeros((4, 5))], "* c")
    >>> packed.shape, [tuple(shape) for shape in shapes]
    ((10, 5), [(2, 3), (4,)])
    """
    packed: tuple[Any, list[Any]] = einops.pack(tensors, pattern)
    return packed


def _check_unpack(tensor: object, packed_shapes: object, pattern: object) -> None:
    expect.arrays(tensor=tensor)


@operation(checks=_check_unpack)
def unpack(
    tensor: Any, packed_shapes: list[tuple[int, ...] | list[int]], pattern: str
) -> list[Any]:
    """Split an array into those that `pack` joined.

    The signature of `einops.unpack`.

    Args:
        tensor: an array.
        packed_shapes: what `pack` returned beside the array; one may have a −1.
        pattern: the pattern that the arrays were packed by.

    Returns:
        A list of arrays.

    Raises:
        TypeError: `tensor` is not an array.
        EinopsError: the pattern or the shapes do not fit the array.

    Source: A. Rogozhnikov, "Einops", ICLR 2022.

    >>> import numpy as np
    >>> [x.shape for x in unpack(np.zeros((10, 5)), [(2, 3), (4,)], "* c")]
    [(2, 3, 5), (4, 5)]
    """
    xp = backend_of(tensor)
    if any(xp.owns(size) for shape in packed_shapes for size in shape):
        return _unpack_traced(xp, tensor, packed_shapes, pattern)
    parts: list[Any] = einops.unpack(tensor, packed_shapes, pattern)
    return parts


def _unpack_traced(xp: Backend, tensor: Any, packed_shapes: Any, pattern: str) -> list[Any]:
    """`unpack` where a graph leaves sizes open: those that `pack` returned are arrays then.

    einops asks whether each size equals −1, which such an array cannot answer.
    """
    axes = pattern.split()
    if axes.count("*") != 1 or len(axes) != len(xp.shape(tensor)):
        return einops.unpack(tensor, [], pattern)  # says what is wrong
    at = axes.index("*")
    open_shapes = [_is_open(shape) for shape in packed_shapes]
    if sum(open_shapes) > 1:
        raise einops.EinopsError(f"unpack: more than one shape has a −1 (pattern {pattern!r})")
    lengths = [0 if open_ else prod(s) for s, open_ in zip(packed_shapes, open_shapes, strict=True)]
    total = xp.sizes(tensor)[at]
    rest = total - sum(lengths)
    stops = list(accumulate(rest if o else n for o, n in zip(open_shapes, lengths, strict=True)))
    stops[-1] = total  # so that what is left over does not fit the last shape
    parts = []
    for shape, start, stop in zip(packed_shapes, [0, *stops], stops, strict=False):
        part = tensor[(*[slice(None)] * at, slice(start, stop))]
        own = [f"packed{i}" for i in range(len(shape))]
        known = {name: n for name, n in zip(own, shape, strict=True) if xp.owns(n) or n != -1}
        left, right = ([*axes[:at], *inside, *axes[at + 1 :]] for inside in (["(", *own, ")"], own))
        parts.append(einops.rearrange(part, f"{' '.join(left)} -> {' '.join(right)}", **known))
    return parts


def _is_open(shape: Any) -> bool:
    return any(isinstance(size, int) and size == -1 for size in shape)


def _check_reduce(tensor: Any, pattern: object, reduction: object, **axes_lengths: object) -> None:
    """Integers have no mean in their own dtype, and complex numbers no order."""
    xp = _check_pattern(tensor, pattern, **axes_lengths)
    if not callable(reduction) and (not isinstance(reduction, str) or reduction not in REDUCTIONS):
        known = ", ".join(sorted(map(repr, REDUCTIONS)))
        raise expect.Refused(
            einops.EinopsError,
            f"reduction must be a function or one of {known}, got {expect.shown(reduction)}",
        )
    dtype = xp.dtype(tensor[0] if isinstance(tensor, list) else tensor)
    needed = ""
    if reduction == "mean" and dtype not in expect.FLOATS:
        needed = "a floating dtype"
    if reduction in ("max", "min") and "complex" in dtype:
        needed = "real numbers"
    if needed:
        raise expect.Refused(NotImplementedError, f"the {reduction} needs {needed}, got {dtype}")


@operation(checks=_check_reduce)
def reduce(tensor: Any, pattern: str, reduction: Any, **axes_lengths: Any) -> Any:
    """Rearrange an array and reduce the axes that its pattern drops.

    The signature of `einops.reduce`. Frameworks' own reductions differ: here 16-bit floats
    accumulate in float32, sums and products of integers and booleans are 64-bit (32-bit in JAX
    unless x64 is enabled), the extremum over NaN is NaN, and over nothing it is an error.

    Args:
        tensor: an array, or a list of arrays to stack along a new first axis.
        pattern: such as `"b (h 2) (w 2) c -> b h w c"`.
        reduction: `"min"`, `"max"`, `"sum"`, `"mean"`, `"prod"`, `"any"`, `"all"`, or a function
            of an array and a tuple of axes.
        **axes_lengths: the lengths of axes that cannot be inferred.

    Returns:
        An array with the axes to the right of the arrow.

    Raises:
        TypeError: `tensor` is not an array, the pattern not a string, or a length not an integer.
        ValueError: the pattern has no arrow; an extremum over nothing.
        NotImplementedError: the mean of an array that is not floating, or an extremum of complex
            numbers.
        EinopsError: the pattern does not fit the array, or the reduction is not known.

    Source: A. Rogozhnikov, "Einops", ICLR 2022.

    >>> import numpy as np
    >>> reduce(np.arange(6.0).reshape(2, 3), "a b -> a", "mean").tolist()
    [1.0, 4.0]
    """
    first = tensor[0] if isinstance(tensor, list) else tensor
    xp, pattern = backend_of(first), _with_dots(pattern)
    if isinstance(reduction, str) and reduction in REDUCTIONS:
        # A compiler that traces Python does not look into what is remembered.
        read = _remembered if xp.is_concrete(first) else _dropped_last
        return _reduce(xp, tensor, pattern, read(pattern), reduction, axes_lengths)
    # A function may leave a NumPy scalar where no axis is left.
    return value_of(einops.reduce(tensor, pattern, reduction, **axes_lengths))


def _reduce(
    xp: Backend, tensor: Any, pattern: str, plan: Plan, reduction: str, lengths: dict[str, Any]
) -> Any:
    """Bring the dropped axes to the end, and let the adapter reduce them.

    `einops.reduce` could be given the adapter's function, but PyTorch before 2.13 keeps it whole
    in a graph, where no argument may be a function.
    """
    dropped, moving, unnamed = plan
    if any(name in unnamed for name in lengths):  # the pattern as it was has no such axis
        return einops.reduce(tensor, pattern, reduction, **lengths)
    try:
        moved = einops.rearrange(tensor, moving, **lengths, **unnamed)
    except einops.EinopsError:
        einops.reduce(tensor, pattern, reduction, **lengths)  # says so of the pattern as it was
        raise
    rank = len(xp.shape(moved))
    return getattr(xp, reduction)(moved, axis=tuple(range(rank - dropped, rank)))


def _dropped_last(pattern: str) -> Plan:
    """How many axes a pattern drops, the pattern with them at the end, and names for bare sizes.

    `"(a 2) b -> b"` drops two: `"(a unnamed0) b -> b a unnamed0"`, where unnamed0 is 2.
    """
    left, right = (_AXES.findall(side) for side in pattern.split("->", 1))
    prefix = "unnamed"
    while prefix in pattern:
        prefix += "d"
    sizes: dict[str, int] = {}
    named = []
    for axis in left:
        name = axis
        if axis.isdecimal() and int(axis) > 1:
            name = f"{prefix}{len(sizes)}"
            sizes[name] = int(axis)
        named.append(name)
    dropped = [axis for axis in named if axis not in (*right, "(", ")", "0", "1")]
    last = [f"({axis})" if axis == "..." else axis for axis in dropped]
    return len(dropped), " ".join((*named, "->", *right, *last)), sizes


_remembered = lru_cache(4096)(_dropped_last)


def _with_dots(pattern: Any) -> Any:
    """The pattern with its ellipses as `...`.

    einops takes `…` for one axis, or mixes up the axes where only one side has it so.
    """
    return pattern.replace("…", "...") if isinstance(pattern, str) else pattern
