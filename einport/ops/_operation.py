"""The one entry of every operation: what users hold becomes plain arrays before the body runs.

What an argument is, its annotation says: a setting is made of numbers, booleans and words (`int`,
`Size | str`); a scalar is a number or an array without axes (`float | A`); anything else may hold
arrays.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar, overload

from ..backends import Array, Backend, find
from ..backends.holders import value_of
from ..backends.trees import tree_leaves, tree_map

P = ParamSpec("P")
R = TypeVar("R")

SETTING, SCALAR, ARRAYS = "setting", "scalar", "arrays"

MASKS = frozenset({"mask"})
CHOICES = MASKS | {
    *("labels", "indices", "coordinates", "rows", "columns", "items"),
    *("expert_assignments", "expert_indices"),
}
"""Arguments that say which of the data: unsigned integers of any width serve, and NumPy's arrays
beside data of JAX and TensorFlow."""

_SETTING_WORDS = frozenset(
    {"int", "float", "bool", "str", "None", "Size", "Sequence", "list", "tuple"}
)
_PLAIN_SETTINGS = frozenset({type(None), bool, int, float, str})

_CAST = frozenset({"float16", "bfloat16", "float32"})
"""The dtypes that are cast to each other where autocast is on; float64 never is."""


@overload
def operation(fn: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def operation(*, keeps: Sequence[str]) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def operation(fn: Any = None, /, *, keeps: Sequence[str] = ()) -> Any:
    """Make an operation of its definition.

    Variables, parameters, NumPy scalars and containers among the arguments are read as their
    values (see `einport.backends.holders`), and settings as Python's numbers. Where PyTorch's
    autocast is on, it is off inside, and floats of another width are cast to that of the first.

    Args:
        fn: the definition, a function of plain arrays; `op.definition` is this function.
        keeps: arguments whose float32 stands beside 16-bit floats by the definition: autocast
            does not narrow them.
    """
    if fn is None:
        return lambda definition: _entered(definition, frozenset(keeps))
    return _entered(fn, frozenset())


def _entered(fn: Callable[..., Any], keeps: frozenset[str]) -> Callable[..., Any]:
    names, roles = _roles(fn)
    chooses = not CHOICES.isdisjoint(roles)

    @wraps(fn)
    def call(*args: Any, **kwargs: Any) -> Any:
        labels = [*names[: len(args)], *["*"] * (len(args) - len(names)), *kwargs]
        values = [
            _read(roles.get(label, SETTING), x)
            for label, x in zip(labels, [*args, *kwargs.values()], strict=True)
        ]
        first = _first_array(values)
        xp = None if first is None else find(first)
        if xp is None:  # the checks say what is missing
            return _apply(fn, values, kwargs)
        if chooses:
            values = [
                _choice(xp, first, x, label not in MASKS) if label in CHOICES else x
                for label, x in zip(labels, values, strict=True)
            ]
        off = xp.autocast_off(first)
        scope = xp.quiet() if off is None else off
        if scope is None:
            return _apply(fn, values, kwargs)
        with scope:
            if off is not None:
                casts = [label not in keeps and roles.get(label) == ARRAYS for label in labels]
                values = _cast_like_first(xp, values, casts)
            return _apply(fn, values, kwargs)

    call.definition = fn  # type: ignore[attr-defined]
    call.keeps = keeps  # type: ignore[attr-defined]
    return call


def _apply(fn: Callable[..., Any], values: list[Any], kwargs: dict[str, Any]) -> Any:
    """Call with the values in the places of the arguments: those by keyword are the last."""
    count = len(values) - len(kwargs)
    return fn(*values[:count], **dict(zip(kwargs, values[count:], strict=True)))


def _roles(fn: Callable[..., Any]) -> tuple[tuple[str, ...], dict[str, str]]:
    """The arguments that may be positional, and the role of each; `*` stands for any more."""
    names, roles = [], {}
    for name, parameter in inspect.signature(fn).parameters.items():
        note = parameter.annotation
        text = note if isinstance(note, str) else inspect.formatannotation(note)
        words = set(re.findall(r"\w+", text))
        if parameter.kind is parameter.VAR_KEYWORD:  # lengths of axes
            continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            roles["*"] = ARRAYS
            continue
        if parameter.kind is not parameter.KEYWORD_ONLY:
            names.append(name)
        scalar = "float" in words and not words <= _SETTING_WORDS
        roles[name] = SCALAR if scalar else SETTING if words <= _SETTING_WORDS else ARRAYS
    return tuple(names), roles


def _read(role: str, x: Any) -> Any:
    return _setting(x) if role == SETTING else value_of(x)


def _setting(x: Any) -> Any:
    """A number of any kind as Python's; what cannot be read is for the checks to refuse."""
    kind = type(x)
    if kind in _PLAIN_SETTINGS:
        return x
    if kind is tuple or kind is list:
        return kind([_setting(item) for item in x])
    value = value_of(x)
    xp = find(value)
    number = None if xp is None else xp.to_number(value)
    return x if number is None else number


def _first_array(values: Iterable[Any]) -> Array:
    """The first array among the arguments, and in a list of them; None where there is none."""
    for x in values:
        if isinstance(x, list | tuple):
            x = _first_array(x)
        if x is not None and find(x) is not None:
            return x
    return None


def _choice(xp: Backend, like: Array, x: Any, counts: bool) -> Any:
    """An argument that chooses, of the framework of the data where NumPy's are taken beside it.

    One that counts comes in integers that every framework computes with.
    """
    own = find(x)
    if own is xp:
        return xp.as_index(x) if counts else x
    taken = own is not None and own.name == "numpy" and xp.takes_numpy and _is_whole(own, x)
    return xp.from_numpy(x, like=like) if taken else x


def _is_whole(xp: Backend, x: Array) -> bool:
    return xp.dtype(x) == "bool" or "int" in xp.dtype(x)


def _cast_like_first(xp: Backend, values: list[Any], casts: list[bool]) -> list[Any]:
    """Floats in the width of the first floating array, where both are of those that autocast casts.

    `casts` says of each argument whether it may be cast.
    """
    floating = (x for x in tree_leaves(values) if find(x) is xp and xp.is_floating(x))
    first = next(floating, None)
    if first is None or xp.dtype(first) not in _CAST:
        return values

    def cast(x: Any) -> Any:
        return xp.astype(x, xp.dtype(first)) if find(x) is xp and xp.dtype(x) in _CAST else x

    return [tree_map(cast, x) if may else x for x, may in zip(values, casts, strict=True)]
