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

from .. import expect
from ..backends import Backend, backend_of
from ..operation import operation

Axis = str | int
"""A named axis, or one behind an ellipsis: a number, which no name can be taken for. The last axis
behind an ellipsis is 0, the one before it 1."""

ELLIPSES = ("...", "…")


class Plan(NamedTuple):
    """How to evaluate one pattern for arrays of given shapes."""

    kind: str
    """`"matmul"`, `"multiply"`, or `"native"` for what is neither."""
    equation: str
    """The pattern in one-letter axes, without the axes of size 1 that broadcast."""
    before: tuple[str | None, ...]
    """The rearrangement of each array; None where it is right already."""
    after: str | None = None
    """The rearrangement of the product."""
    unfolded: tuple[str, ...] = ()
    """The axes whose lengths the last rearrangement must be told."""


def _check_einsum(*tensors_and_pattern: Any) -> None:
    if not tensors_and_pattern or not isinstance(tensors_and_pattern[-1], str):
        raise expect.value_error("the last argument must be the pattern, a string")
    *tensors, pattern = tensors_and_pattern
    if not tensors:
        raise expect.value_error("needs at least one array before the pattern")
    named = {f"argument {i}": x for i, x in enumerate(tensors, 1)}
    xp = expect.arrays(**named)
    expect.same_dtype(xp, **named)
    expect.numbers(xp, **{"argument 1": tensors[0]})
    check_contraction(xp, pattern, named)


@operation(checks=_check_einsum)
def einsum(*tensors_and_pattern: Any) -> Any:
    """Multiply arrays and sum over axes, by a pattern with named axes.

    The signature of `einops.einsum`. The result has the arrays' dtype: 16-bit floats accumulate
    in float32, integers wrap, and booleans mean "any of all".

    Args:
        *tensors_and_pattern: one or more arrays of one framework and dtype, then a pattern such
            as `"b i k, b k j -> b i j"`. An ellipsis stands for any axes and broadcasts. A name
            is any Python identifier.

    Returns:
        An array with the axes to the right of the arrow.

    Raises:
        TypeError: frameworks or dtypes are mixed, or an argument is not an array.
        ValueError: the pattern is missing or has no arrow; ranks or sizes do not fit it.
        NotImplementedError: the pattern joins or parts axes with parentheses.
        EinopsError: an axis on the right is not on the left, or stands there twice; there are
            more than 52 axes.

    Source: A. Rogozhnikov, "Einops", ICLR 2022.

    >>> import numpy as np
    >>> a, b = np.arange(6).reshape(2, 3), np.arange(12).reshape(3, 4)
    >>> bool((einsum(a, b, "i k, k j -> i j") == a @ b).all())
    True
    """
    *tensors, pattern = tensors_and_pattern
    xp = backend_of(tensors[0])
    plan, lengths = _plan_for(xp, pattern, tensors)
    if _may_stretch(xp, plan, pattern, tensors):
        tensors = _stretched(xp, tensors, pattern)
        plan, lengths = _plan_for(xp, pattern, tensors)
    steps = zip(tensors, plan.before, strict=True)
    ready = [x if step is None else rearrange(x, step) for x, step in steps]
    if plan.kind == "native":
        return xp.einsum(plan.equation, *ready)
    a, b = ready
    if plan.kind == "matmul":
        product = xp.matmul(a, b)
    else:
        product = a & b if xp.dtype(a) == "bool" else a * b
    return product if plan.after is None else rearrange(product, plan.after, **lengths)


def _plan_for(xp: Backend, pattern: str, tensors: list[Any]) -> tuple[Plan, dict[str, Any]]:
    shapes = tuple([tuple(xp.shape(x)) for x in tensors])
    # What is traced is read anew: its sizes may be symbols, which have no hash to remember them by.
    read = _remembered if all(map(xp.is_concrete, tensors)) else _prepare
    return read(xp, pattern, shapes)


def _may_stretch(xp: Backend, plan: Plan, pattern: str, tensors: list[Any]) -> bool:
    """Whether an unknown size behind an ellipsis may turn out to be 1 where that is no broadcast.

    A batched product broadcasts by itself; other sums take axes of one name to be of one length.
    """
    unknown = any(size is None for x in tensors for size in xp.shape(x))
    summed = not any(dots in pattern.split("->")[1] for dots in ELLIPSES)
    return unknown and (plan.kind == "native" or summed)


def _stretched(xp: Backend, tensors: list[Any], pattern: str) -> list[Any]:
    """The arrays with axes behind an ellipsis as long as in the others, where one is not known."""
    inputs, _ = _parse(pattern, [len(xp.shape(x)) for x in tensors])
    sizes = [
        dict(zip(axes, xp.shape(x), strict=True)) for axes, x in zip(inputs, tensors, strict=True)
    ]
    lengths = [
        dict(zip(axes, xp.sizes(x), strict=True)) for axes, x in zip(inputs, tensors, strict=True)
    ]
    found = []
    for own, axes, x in zip(sizes, inputs, tensors, strict=True):
        for place, axis in enumerate(axes):
            for known, length in zip(sizes, lengths, strict=True):
                unknown = axis in known and None in (own[axis], known[axis])
                if isinstance(axis, int) and known is not own and unknown:
                    x = _broadcast(xp, x, length[axis], len(axes) - place - 1)
        found.append(x)
    return found


def _broadcast(xp: Backend, x: Any, length: Any, behind: int) -> Any:
    """An axis of size 1 made as long; one that is as long stays. It has so many axes behind it."""
    true = rearrange(xp.arange(length, like=x) >= 0, f"n -> n{' 1' * behind}")
    return x & true if xp.dtype(x) == "bool" else x * xp.astype(true, xp.dtype(x))


def _prepare(
    xp: Backend, pattern: str, shapes: tuple[tuple[Any, ...], ...]
) -> tuple[Plan, dict[str, Any]]:
    """The plan for arrays of these shapes, and the lengths that its last step must be told."""
    inputs, right = _parse(pattern, [len(shape) for shape in shapes])
    sizes = _sizes(xp, inputs, shapes)
    letters = _letters(inputs)
    terms = []
    for axes, shape in zip(inputs, shapes, strict=True):
        # An axis of size 1 that broadcasts is left out: then equal letters have equal sizes.
        stretched = [
            _is_one(xp, axis, n) and not _is_one(xp, axis, sizes[axis])
            for axis, n in zip(axes, shape, strict=True)
        ]
        pairs = zip(axes, stretched, strict=True)
        terms.append(["1" if wide else letters[axis] for axis, wide in pairs])
    output = [letters[axis] for axis in right]
    plan = make_plan(terms, output)
    known = {letters[axis]: size for axis, size in sizes.items() if size is not None}
    lengths = {letter: known[letter] for letter in plan.unfolded if letter in known}
    if len(plan.unfolded) - len(lengths) > 1:
        return _native(terms, output), {}
    return plan, lengths


_remembered = lru_cache(4096)(_prepare)


def make_plan(terms: list[list[str]], output: list[str]) -> Plan:
    """How to evaluate a pattern, given as the letters of each array's axes and of the result's.

    An array's axis that is called `1` is not in the result.
    """
    if len(terms) != 2 or not output:
        return _native(terms, output)
    first, second = _without_ones(terms)
    once = len(set(first)) == len(first) and len(set(second)) == len(second)
    summed = [n for n in first if n in second and n not in output]
    lone = [n for n in (*first, *second) if n not in output and n not in summed]
    if not once or lone:
        return _native(terms, output)
    equation = _equation(terms, output)
    batch = [n for n in output if n in first and n in second]
    left = [n for n in output if n not in second]
    right = [n for n in output if n not in first]
    if not summed:
        before = (
            _step(terms[0], [n if n in first else "()" for n in output]),
            _step(terms[1], [n if n in second else "()" for n in output]),
        )
        return Plan("multiply", equation, before)
    # A matrix product over (batch, left, summed) and (batch, summed, right).
    before = (
        _step(terms[0], [*batch, _group(left), _group(summed)]),
        _step(terms[1], [*batch, _group(summed), _group(right)]),
    )
    after = _step([*batch, _group(left), _group(right)], output)
    unfolded = tuple([n for group in (left, right) if len(group) > 1 for n in group])
    return Plan("matmul", equation, before, after, unfolded)


def _native(terms: list[list[str]], output: list[str]) -> Plan:
    """The framework's own sum, over each array's axes but those of size 1 that broadcast."""
    steps = []
    for term in terms:
        # By their places: one letter may stand for two axes, of which the diagonal is wanted.
        places = [letter if letter == "1" else f"axis{i}" for i, letter in enumerate(term)]
        steps.append(_step(places, [place for place in places if place != "1"]))
    return Plan("native", _equation(terms, output), tuple(steps))


def _equation(terms: list[list[str]], output: list[str]) -> str:
    return ",".join(["".join(kept) for kept in _without_ones(terms)]) + "->" + "".join(output)


def _without_ones(terms: list[list[str]]) -> list[list[str]]:
    return [[letter for letter in term if letter != "1"] for term in terms]


def _parse(pattern: str, ranks: Sequence[int]) -> tuple[list[list[Axis]], list[Axis]]:
    """Each array's axes and the result's, with an ellipsis spelled out."""
    if pattern.count("->") != 1:
        raise expect.value_error(f"the pattern needs one '->', got {pattern!r}")
    if "(" in pattern or ")" in pattern:
        raise expect.Refused(
            NotImplementedError,
            f"axes cannot be joined or parted in the pattern {pattern!r}; "
            "use rearrange before or after",
        )
    left, right = pattern.split("->")
    sides = [part.split() for part in left.split(",")]
    if len(sides) != len(ranks):
        raise expect.value_error(
            f"the pattern {pattern!r} is for {len(sides)} arrays, got {len(ranks)}"
        )
    for words in (*sides, right.split()):
        for word in words:
            if word not in ELLIPSES and not word.isidentifier():
                raise expect.value_error(f"{word!r} is not an axis name (pattern {pattern!r})")
    inputs = [_spell(words, ranks[i], i + 1, pattern) for i, words in enumerate(sides)]
    known = {axis for axes in inputs for axis in axes}
    behind = [axis for axis in known if isinstance(axis, int)]
    words = right.split()
    for word in words:
        if word not in ELLIPSES and word not in known:
            raise expect.Refused(EinopsError, f"axis {word!r} is only on the right of {pattern!r}")
        if words.count(word) > 1 or (word in ELLIPSES and _count_ellipses(words) > 1):
            raise expect.Refused(EinopsError, f"axis {word!r} is twice on the right of {pattern!r}")
    return inputs, _replace_ellipsis(words, len(behind))


def _spell(words: list[str], rank: int, position: int, pattern: str) -> list[Axis]:
    """An array's axes with its ellipsis spelled out, counted from the right to broadcast."""
    ellipses = _count_ellipses(words)
    extra = rank - (len(words) - ellipses)
    if ellipses > 1 or extra < 0 or (extra > 0 and not ellipses):
        raise expect.value_error(
            f"argument {position} has {rank} axes, "
            f"which {' '.join(words)!r} in {pattern!r} does not fit"
        )
    return _replace_ellipsis(words, extra)


def _count_ellipses(words: list[str]) -> int:
    return len([word for word in words if word in ELLIPSES])


def _replace_ellipsis(words: list[str], extra: int) -> list[Axis]:
    axes: list[Axis] = []
    for word in words:
        if word in ELLIPSES:
            axes.extend(reversed(range(extra)))
        else:
            axes.append(word)
    return axes


def _letters(inputs: list[list[Axis]]) -> dict[Axis, str]:
    """A letter for each axis, as frameworks have no more names than that."""
    axes = list(dict.fromkeys([axis for axes in inputs for axis in axes]))
    if len(axes) > len(ascii_letters):
        raise expect.Refused(
            EinopsError,
            f"the pattern has {len(axes)} different axes, more than the "
            f"{len(ascii_letters)} that frameworks have letters for",
        )
    return dict(zip(axes, ascii_letters, strict=False))


def _group(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"({' '.join(names)})"


def _step(before: Sequence[str], after: Sequence[str]) -> str | None:
    """The rearrangement between two lists of axes; None when there is none."""
    return None if list(before) == list(after) else f"{' '.join(before)} -> {' '.join(after)}"


def _is_one(xp: Backend, axis: Axis, size: Any) -> bool:
    """Whether an axis broadcasts to any size: only what is behind an ellipsis does."""
    return isinstance(axis, int) and xp.is_same(size, 1)


def _sizes(
    xp: Backend, inputs: list[list[Axis]], shapes: tuple[tuple[Any, ...], ...]
) -> dict[Axis, Any]:
    """The length of each axis; None where it is not known."""
    sizes: dict[Axis, Any] = {}
    for axes, shape in zip(inputs, shapes, strict=True):
        for axis, size in zip(axes, shape, strict=True):
            if sizes.get(axis) is None or _is_one(xp, axis, sizes[axis]):
                sizes[axis] = size
    return sizes


def check_contraction(xp: Backend, pattern: str, named: dict[str, Any]) -> None:
    """The pattern must fit the arrays, given by their names, and axes of one name be of one length.

    Raises:
        Refused: They do not.
    """
    tensors = tuple(named.values())
    shapes = tuple([tuple(xp.shape(x)) for x in tensors])
    check = _checked if all(map(xp.is_concrete, tensors)) else _check_sizes
    check(xp, pattern, tuple(named), shapes)


def _check_sizes(
    xp: Backend, pattern: str, names: tuple[str, ...], shapes: tuple[tuple[Any, ...], ...]
) -> None:
    inputs, _ = _parse(pattern, [len(shape) for shape in shapes])
    _letters(inputs)
    found: dict[Axis, tuple[Any, str]] = {}
    for name, axes, shape in zip(names, inputs, shapes, strict=True):
        for axis, size in zip(axes, shape, strict=True):
            known, owner = found.get(axis, (None, name))
            if known is None or _is_one(xp, axis, known):
                found[axis] = size, name
            elif not _is_one(xp, axis, size) and not expect.equal(known, size):
                title = "a leading axis" if isinstance(axis, int) else f"axis {axis}"
                given = ", ".join(
                    f"{n} has shape {expect.show(s)}" for n, s in zip(names, shapes, strict=True)
                )
                raise expect.value_error(
                    f"{title} is {known} in {owner} and {size} in {name} ({given})"
                )


_checked = lru_cache(4096)(_check_sizes)
