"""Einstein summation that reaches each framework's matrix product.

A sum over two arrays is a rearrangement of each, one batched matrix product, and a rearrangement
of the result. Plain `einsum` seldom finds that: NumPy's never calls BLAS without a path.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from string import ascii_letters
from typing import Any, NamedTuple

from einops import EinopsError, rearrange

from ..backends import Array, Backend
from . import _checks as check

ELLIPSIS = "leading"
"""How the axes behind an ellipsis are called: leading0 is the last of them."""


class Plan(NamedTuple):
    """How to evaluate one pattern for arrays of given ranks."""

    axes: tuple[tuple[str, ...], ...]
    """Each array's axes by name, with an ellipsis spelled out."""
    equation: str
    """The pattern in one-letter axes."""
    kind: str
    """`"matmul"`, `"multiply"`, or `"native"` for what is neither."""
    before: tuple[str | None, ...] = (None, None)
    """The rearrangement of each array; None where it is right already."""
    after: str | None = None
    """The rearrangement of the product."""
    unfolded: tuple[str, ...] = ()
    """The axes whose lengths the last rearrangement must be told."""


def einsum(*tensors_and_pattern: Any) -> Any:
    """Multiply arrays and sum over axes, by a pattern with named axes.

    The signature of `einops.einsum`. The result has the arrays' dtype: 16-bit floats accumulate
    in float32, integers wrap, and booleans mean "any of all".

    Args:
        *tensors_and_pattern: one or more arrays of one framework and dtype, then a pattern such
            as `"b i k, b k j -> b i j"`. An ellipsis stands for any axes and broadcasts.

    Returns:
        An array with the axes to the right of the arrow.

    Raises:
        TypeError: frameworks or dtypes are mixed, or an argument is not an array.
        ValueError: the pattern is missing or has no arrow; ranks or sizes do not fit it.
        NotImplementedError: the pattern joins or parts axes with parentheses.
        EinopsError: an axis on the right is not on the left, or stands there twice.

    Source: A. Rogozhnikov, "Einops", ICLR 2022.

    >>> import numpy as np
    >>> a, b = np.arange(6).reshape(2, 3), np.arange(12).reshape(3, 4)
    >>> bool((einsum(a, b, "i k, k j -> i j") == a @ b).all())
    True
    """
    if not tensors_and_pattern or not isinstance(tensors_and_pattern[-1], str):
        raise ValueError("einsum: the last argument must be the pattern, a string")
    *tensors, pattern = tensors_and_pattern
    if not tensors:
        raise ValueError("einsum: needs at least one array before the pattern")
    named = {f"argument {i}": x for i, x in enumerate(tensors, 1)}
    xp = check.arrays("einsum", **named)
    check.same_dtype("einsum", xp, **named)
    check.numbers("einsum", "argument 1", xp, tensors[0])
    return contract("einsum", xp, named, pattern)


def contract(op: str, xp: Backend, named: dict[str, Array], pattern: str) -> Array:
    """`einsum` for named arguments that are known to be of one framework and dtype."""
    tensors = tuple(named.values())
    shapes = tuple([tuple(xp.shape(x)) for x in tensors])
    # What is traced is read anew: its sizes may be symbols, which have no hash to remember them by.
    read = _remembered if all(map(xp.is_concrete, tensors)) else _prepare
    plan, lengths = read(op, tuple(named), pattern, shapes)
    if plan.kind == "native":
        return xp.einsum(plan.equation, *tensors)
    a, b = tensors
    before_a, before_b = plan.before
    a = a if before_a is None else rearrange(a, before_a)
    b = b if before_b is None else rearrange(b, before_b)
    if plan.kind == "matmul":
        product = xp.matmul(a, b)
    else:
        product = a & b if xp.dtype(a) == "bool" else a * b
    return product if plan.after is None else rearrange(product, plan.after, **lengths)


def _prepare(
    op: str, names: tuple[str, ...], pattern: str, shapes: tuple[tuple[Any, ...], ...]
) -> tuple[Plan, dict[str, Any]]:
    """The plan for arrays of these shapes, and the lengths that its last step must be told."""
    plan = make_plan(pattern, tuple(map(len, shapes)))
    sizes = _sizes(op, plan, dict(zip(names, shapes, strict=True)))
    lengths = {name: sizes[name] for name in plan.unfolded if sizes[name] is not None}
    if len(plan.unfolded) - len(lengths) > 1:
        return Plan(plan.axes, plan.equation, "native"), {}
    return plan, lengths


_remembered = lru_cache(4096)(_prepare)


def make_plan(pattern: str, ranks: tuple[int, ...]) -> Plan:
    """Read a pattern for arrays of these ranks."""
    inputs, output = _parse(pattern, ranks)
    letters: dict[str, str] = {}
    for name in (name for axes in inputs for name in axes):
        letters.setdefault(name, ascii_letters[len(letters)])
    words = ["".join(letters[name] for name in axes) for axes in (*inputs, output)]
    equation = ",".join(words[:-1]) + "->" + words[-1]
    native = Plan(inputs, equation, "native")
    if len(inputs) != 2:
        return native
    first, second = inputs
    once = len(set(first)) == len(first) and len(set(second)) == len(second)
    summed = [n for n in first if n in second and n not in output]
    lone = [n for n in (*first, *second) if n not in output and n not in summed]
    if not once or lone:
        return native
    batch = [n for n in output if n in first and n in second]
    left = [n for n in output if n not in second]
    right = [n for n in output if n not in first]
    if not summed:
        before = (
            _step(first, [n if n in first else "()" for n in output]),
            _step(second, [n if n in second else "()" for n in output]),
        )
        return Plan(inputs, equation, "multiply", before)
    # A matrix product over (batch, left, summed) and (batch, summed, right). When `second` has no
    # batch axis, leading axes of `first` need no folding: the product broadcasts over them.
    before = (
        _step(first, [*batch, _group(left), _group(summed)]),
        _step(second, [*batch, _group(summed), _group(right)]),
    )
    after = _step([*batch, _group(left), _group(right)], output)
    unfolded = tuple(n for group in (left, right) if len(group) > 1 for n in group)
    return Plan(inputs, equation, "matmul", before, after, unfolded)


def _parse(
    pattern: str, ranks: tuple[int, ...]
) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
    """Each array's axes and the result's, with an ellipsis spelled out."""
    if pattern.count("->") != 1:
        raise ValueError(f"einsum: the pattern needs one '->', got {pattern!r}")
    if "(" in pattern or ")" in pattern:
        raise NotImplementedError(
            f"einsum: axes cannot be joined or parted in the pattern {pattern!r}; "
            "use rearrange before or after"
        )
    left, right = pattern.split("->")
    sides = [part.split() for part in left.split(",")]
    if len(sides) != len(ranks):
        raise ValueError(
            f"einsum: the pattern {pattern!r} is for {len(sides)} arrays, got {len(ranks)}"
        )
    for axes in (*sides, right.split()):
        for name in axes:
            if name != "..." and not name.isidentifier():
                raise ValueError(f"einsum: {name!r} is not an axis name (pattern {pattern!r})")
    spelled = [_spell(sides[i], ranks[i], i + 1, pattern) for i in range(len(sides))]
    ellipses = [[name for name in axes if name.startswith(ELLIPSIS)] for axes in spelled]
    output = _replace_ellipsis(right.split(), max(ellipses, key=len))
    known = {name for axes in spelled for name in axes}
    for name in output:
        if name not in known:
            raise EinopsError(f"einsum: axis {name!r} is only on the right of {pattern!r}")
        if output.count(name) > 1:
            raise EinopsError(f"einsum: axis {name!r} is twice on the right of {pattern!r}")
    return tuple(map(tuple, spelled)), tuple(output)


def _spell(axes: list[str], rank: int, position: int, pattern: str) -> list[str]:
    """An array's axes with `...` spelled out, counted from the right as broadcasting does."""
    extra = rank - sum(name != "..." for name in axes)
    if axes.count("...") > 1 or extra < 0 or (extra > 0 and "..." not in axes):
        raise ValueError(
            f"einsum: argument {position} has {rank} axes, "
            f"which {' '.join(axes)!r} in {pattern!r} does not fit"
        )
    return _replace_ellipsis(axes, [f"{ELLIPSIS}{i}" for i in reversed(range(extra))])


def _replace_ellipsis(axes: list[str], names: list[str]) -> list[str]:
    if "..." not in axes:
        return axes
    at = axes.index("...")
    return [*axes[:at], *names, *axes[at + 1 :]]


def _group(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"({' '.join(names)})"


def _step(before: Sequence[str], after: Sequence[str]) -> str | None:
    """The rearrangement between two lists of axes; None when there is none."""
    return None if list(before) == list(after) else f"{' '.join(before)} -> {' '.join(after)}"


def _sizes(op: str, plan: Plan, shapes: dict[str, tuple[Any, ...]]) -> dict[str, Any]:
    """The length of each axis; None where it is not known."""
    sizes: dict[str, Any] = {}
    owner: dict[str, str] = {}
    for axes, (argument, shape) in zip(plan.axes, shapes.items(), strict=True):
        for name, size in zip(axes, shape, strict=True):
            broadcasts = name.startswith(ELLIPSIS)
            known = sizes.get(name)
            if known is None or (broadcasts and known == 1):
                sizes[name], owner[name] = size, argument
            elif not check.equal(known, size) and not (broadcasts and size == 1):
                axis = "a leading axis" if broadcasts else f"axis {name}"
                given = ", ".join(f"{n} has shape {check.show(s)}" for n, s in shapes.items())
                raise ValueError(
                    f"{op}: {axis} is {known} in {owner[name]} and {size} in {argument} ({given})"
                )
    return sizes
