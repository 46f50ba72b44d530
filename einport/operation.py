"""The entry point of every operation: read what the user holds, check it, compute the definition.

    @operation(checks=_check_softmax, in_float32=True)
    def softmax(x: A) -> A:
        ...

* The *checks* refuse bad input in the user's words. They get every argument by name.
* The *definition* is the formula. It is called with plain arrays that have been checked, and
  composites call the definitions of their parts, so that nothing is checked twice.

An argument's annotation says what may stand there: a setting is made of numbers, booleans and words
(`int`, `Size | str`), a scalar is a number or an array without axes (`float | A`), anything else
may hold arrays.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from operator import index
from typing import Any, NamedTuple, ParamSpec, Protocol, TypeVar, cast

from .backends import Array, Backend, find, is_size
from .backends.base import HALF_DTYPES
from .backends.holders import value_of
from .backends.trees import tree_leaves, tree_map
from .expect import Refused

P = ParamSpec("P")
R = TypeVar("R", covariant=True)

SETTING, SCALAR, ARRAYS = "setting", "scalar", "arrays"

MASKS = frozenset({"mask"})
CHOICES = MASKS | {
    *("labels", "indices", "coordinates", "rows", "columns", "items"),
    *("expert_assignments", "expert_indices"),
}
"""Arguments that select from the data: unsigned integers of any width serve, and NumPy's arrays
beside data of JAX and TensorFlow."""

_SETTING_WORDS = frozenset(
    {"int", "float", "bool", "str", "None", "Size", "Sequence", "list", "tuple"}
)
_PLAIN_SETTINGS = frozenset({type(None), bool, int, float, str})

_CAST = frozenset({"float16", "bfloat16", "float32"})
"""The dtypes that are cast to each other where autocast is on; float64 never is."""


class Operation(Protocol[P, R]):
    """A public operation: called by users, with its definition for composites."""

    @property
    def definition(self) -> Callable[P, R]:
        """The formula, a function of plain arrays that have been checked."""
        ...

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Read the arguments, check them, compute the definition."""
        ...


class Parameters(NamedTuple):
    """What an operation's signature says."""

    positional: tuple[str, ...]
    """The names of arguments that may be positional."""
    variadic: str
    """The name behind `*`, if any; all other arguments come by keyword then."""
    open: bool
    """Whether any other keyword is taken, as einops' lengths of axes."""
    defaults: dict[str, Any]
    required: tuple[str, ...]
    roles: dict[str, str]


def operation(
    *, checks: Callable[..., Any], in_float32: bool = False, keeps: Sequence[str] = ()
) -> Callable[[Callable[P, R]], Operation[P, R]]:
    """Make an operation of a definition.

    Variables, parameters, NumPy scalars and containers among the arguments are read as their
    values (see `einport.backends.holders`), and settings as Python's numbers. Where PyTorch's
    autocast is on, it is off inside, and floats of another width are cast to that of the first.

    Args:
        checks: called first, with every argument by name, defaults included; what it raises with
            `einport.expect` gets the operation's name in front.
        in_float32: compute 16-bit floats in float32 and round the results once; integers, where
            the checks let them through, become the framework's default float.
        keeps: arguments whose float32 stands beside 16-bit floats by the definition: autocast
            does not narrow them.
    """
    return lambda definition: _entered(definition, checks, in_float32, frozenset(keeps))


def _entered(
    definition: Callable[..., Any],
    checks: Callable[..., Any],
    in_float32: bool,
    keeps: frozenset[str],
) -> Operation[Any, Any]:
    parameters = read_parameters(definition)
    compute = _checked(definition, checks, in_float32, parameters.variadic)
    roles, defaults = parameters.roles, parameters.defaults
    castable = {label for label, role in roles.items() if role == ARRAYS} - keeps
    choices = CHOICES.intersection(roles)

    @wraps(definition)
    def call(*args: Any, **kwargs: Any) -> Any:
        given = _bind(parameters, args, kwargs)
        if given is None:
            return definition(*args, **kwargs)  # raises Python's own error for wrong arguments
        for label, x in given.items():
            given[label] = _setting(x) if roles.get(label, SETTING) == SETTING else value_of(x)
        first = _first_array(given.values())
        xp = None if first is None else find(first)
        for label, default in defaults.items():
            given.setdefault(label, default)
        if xp is None:  # the checks say what is missing
            return compute(None, first, given)
        for label in choices:
            given[label] = _choice(xp, first, given[label], label not in MASKS)
        off = xp.autocast_off(first)
        scope = xp.quiet() if off is None else off
        if scope is None:
            return compute(xp, first, given)
        with scope:
            if off is not None:
                given = _cast_like_first(xp, given, castable)
                first = _first_array(given.values())
            return compute(xp, first, given)

    made = cast(Any, call)
    made.definition = definition
    made.checks = checks
    made.keeps = keeps
    return cast(Operation[Any, Any], call)


def _checked(
    definition: Callable[..., Any],
    checks: Callable[..., Any],
    in_float32: bool,
    variadic: str,
) -> Callable[[Backend | None, Array, dict[str, Any]], Any]:
    """The definition after its checks, as a function of arguments that have been read.

    The first of its arguments is the adapter of the first array, and that the second.
    """
    name = definition.__name__

    def compute(xp: Backend | None, first: Array, given: dict[str, Any]) -> Any:
        rest = given.pop(variadic) if variadic else ()
        try:
            checks(*rest, **given)
        except Refused as refused:
            raise refused.error(f"{name}: {refused}") from None
        if in_float32 and xp is not None:
            return _in_float32(xp, first, definition, given)
        return definition(*rest, **given)

    return compute


def read_parameters(definition: Callable[..., Any]) -> Parameters:
    """What a signature says of each argument: its place, default and role."""
    positional, variadic, open_, defaults, roles = [], "", False, {}, {}
    for name, parameter in inspect.signature(definition).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            open_ = True
            continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            variadic = name
            roles[name] = ARRAYS
            continue
        if parameter.kind is not parameter.KEYWORD_ONLY:
            positional.append(name)
        if parameter.default is not parameter.empty:
            defaults[name] = parameter.default
        roles[name] = _role(parameter.annotation)
    required = tuple([name for name in roles if name not in defaults and name != variadic])
    return Parameters(tuple(positional), variadic, open_, defaults, required, roles)


def _role(annotation: Any) -> str:
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    words = set(re.findall(r"\w+", text))
    if words <= _SETTING_WORDS:
        return SETTING
    return SCALAR if "float" in words else ARRAYS


def _bind(
    parameters: Parameters, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any] | None:
    """The arguments by name; None if they do not fit the signature."""
    if parameters.variadic:
        fits = all(name in parameters.roles for name in kwargs)
        return {parameters.variadic: args, **kwargs} if fits else None
    given = dict(zip(parameters.positional, args, strict=False))
    if len(args) > len(given) or any(name in given for name in kwargs):
        return None
    if not parameters.open and any(name not in parameters.roles for name in kwargs):
        return None
    given.update(kwargs)
    # Not a comparison of sets, which Dynamo of PyTorch 2.11 cannot trace.
    return given if all(name in given for name in parameters.required) else None


def _in_float32(
    xp: Backend, first: Array, definition: Callable[..., Any], given: Mapping[str, Any]
) -> Any:
    """Compute 16-bit floats in float32, integers in the default float, and round once."""
    dtype = xp.dtype(first)
    if dtype in HALF_DTYPES:

        def widen(x: Any) -> Any:
            return xp.widen(x) if find(x) is xp else x

        def narrow(x: Any) -> Any:
            return xp.astype(x, dtype) if find(x) is xp and xp.is_floating(x) else x

        wide = {label: tree_map(widen, x) for label, x in given.items()}
        return tree_map(narrow, definition(**wide))
    if not xp.is_floating(first):
        given = {
            label: xp.astype(x, xp.default_float) if x is first else x for label, x in given.items()
        }
    return definition(**given)


def _setting(x: Any) -> Any:
    """A number of any kind as Python's; what cannot be read is for the checks to refuse."""
    kind = type(x)
    if kind in _PLAIN_SETTINGS:
        return x
    if kind is tuple or kind is list:
        return kind([_setting(item) for item in x])
    value = value_of(x)
    if isinstance(value, (list, tuple)):  # a named tuple, or what a module made of a list
        return [_setting(item) for item in value]
    xp = find(value)
    if xp is not None:
        number = xp.to_number(value)
        return x if number is None else number
    if not hasattr(kind, "__index__") or is_size(x):
        return x
    try:
        return index(x)
    except TypeError:
        return x


def _first_array(values: Iterable[Any]) -> Array:
    """The first array among the arguments, and in a list of them; None where there is none."""
    for x in values:
        if isinstance(x, list | tuple):
            x = _first_array(x)
        if x is not None and find(x) is not None:
            return x
    return None


def _choice(xp: Backend, like: Array, x: Any, counts: bool) -> Any:
    """An argument that selects, of the framework of the data where NumPy's are taken beside it.

    One that counts comes in integers that every framework computes with.
    """
    own = find(x)
    if own is xp:
        return xp.as_index(x) if counts else x
    if own is None or own.name != "numpy" or not xp.takes_numpy or not _is_whole(own, x):
        return x
    made = xp.from_numpy(x, like=like)
    return xp.as_index(made) if counts else made


def _is_whole(xp: Backend, x: Array) -> bool:
    return xp.dtype(x) == "bool" or "int" in xp.dtype(x)


def _cast_like_first(xp: Backend, given: dict[str, Any], may: set[str]) -> dict[str, Any]:
    """Floats in the width of the first floating array, where both are of those that autocast casts.

    `may` has the arguments that may be cast.
    """
    leaves = tree_leaves(list(given.values()))
    dtypes = [xp.dtype(x) for x in leaves if find(x) is xp and xp.is_floating(x)]
    if not dtypes or dtypes[0] not in _CAST:
        return given

    def cast(x: Any) -> Any:
        return xp.astype(x, dtypes[0]) if find(x) is xp and xp.dtype(x) in _CAST else x

    return {label: tree_map(cast, x) if label in may else x for label, x in given.items()}
