"""Find the adapter of an array by its type, or of a framework by its name.

A framework is asked only when it is already imported: importing einport imports none. Other
packages add frameworks through the entry-point group `einport.backends`; an adapter of theirs is
loaded when it is named, or when an array comes that no framework here owns.
"""

from __future__ import annotations

import difflib
import sys
from functools import cache
from typing import TYPE_CHECKING

from .base import Array, Backend, Gap

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["Array", "Backend", "Gap", "available_backends", "backend_of", "find", "get_backend"]

ENTRY_POINT_GROUP = "einport.backends"


def _numpy() -> Backend:
    from .numpy import BACKEND

    return BACKEND


def _torch() -> Backend:
    from .torch import BACKEND

    return BACKEND


def _jax() -> Backend:
    from .jax import BACKEND

    return BACKEND


def _tensorflow() -> Backend:
    from .tensorflow import BACKEND

    return BACKEND


# By the framework's import name, which is the adapter's too. Plain import statements: the first
# array of all may come while torch.compile traces, and it cannot trace importlib.
_BUILT_IN = {"numpy": _numpy, "torch": _torch, "jax": _jax, "tensorflow": _tensorflow}

_by_name: dict[str, Backend] = {}
_by_type: dict[type, Backend] = {}


@cache
def _entry_points() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points  # slow to import, seldom needed

    return {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}


def available_backends() -> tuple[str, ...]:
    """The names of the adapters whose framework is installed; imports none of them.

    >>> "numpy" in available_backends()
    True
    """
    from importlib.util import find_spec

    built_in = [name for name in _BUILT_IN if find_spec(name)]
    return (*built_in, *sorted(set(_entry_points()) - set(_BUILT_IN)))


def get_backend(name: str) -> Backend:
    """The adapter of that name; imports its framework.

    >>> get_backend("numpy")
    <einport backend numpy>

    Raises:
        ValueError: No adapter has this name; the message gives the nearest.
        ImportError: The framework is not installed; the message says how to.
    """
    found = _by_name.get(name)
    if found is None:
        found = _load(name)
        _by_name[name] = found
    return found


def _load(name: str) -> Backend:
    if name in _BUILT_IN:
        try:
            return _BUILT_IN[name]()
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            wanted = "numpy" if name == "numpy" else f"'einport[{name}]'"
            raise ImportError(
                f"the framework of backend {name!r} is not installed: "
                f"python -m pip install {wanted}"
            ) from None
    points = _entry_points()
    if name not in points:
        known = [*_BUILT_IN, *sorted(points)]
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"no backend is named {name!r}{hint} (known: {', '.join(known)})")
    made: Backend = points[name].load()()
    if not isinstance(made, Backend):
        raise TypeError(f"entry point {name!r} gives {type(made).__name__}, not a Backend")
    return made


def find(x: object) -> Backend | None:
    """The adapter that owns `x`, or None; cached by type."""
    # A method that PyTorch's tensors alone have, subclasses included. torch.compile can trace this,
    # and goes no further: it would read all of sys.modules, and compile anew when a cache that it
    # has seen is filled.
    if hasattr(x, "as_subclass"):
        torch = _torch()
        return torch if torch.owns(x) else _search(x)
    kind = type(x)
    found = _by_type.get(kind)
    if found is None:
        found = _search(x)
        if found is not None:
            _by_type[kind] = found
    return found


def _search(x: object) -> Backend | None:
    for name in _BUILT_IN:
        if name in sys.modules:
            backend = _BUILT_IN[name]()
            if backend.owns(x):
                return backend
    if type(x).__module__ == "builtins":  # a list or a number is nobody's array
        return None
    for name in _entry_points():
        backend = get_backend(name)
        if backend.owns(x):
            return backend
    return None


def is_size(value: object) -> bool:
    """Whether a value that is no `int` is a size of a traced program, such as `tf.shape(x)[0]`."""
    built_in = [_BUILT_IN[name]() for name in _BUILT_IN if name in sys.modules]
    return any(xp.is_size(value) for xp in (*built_in, *_by_name.values()))


def backend_of(*arrays: object) -> Backend:
    """The adapter of the framework that all the arrays belong to.

    >>> import numpy as np
    >>> backend_of(np.ones(3), np.zeros(2)).name
    'numpy'

    Raises:
        TypeError: Something is not an array, or the arrays are of two frameworks.
    """
    first = None
    for array in arrays:
        found = find(array)
        if found is None:
            raise TypeError(f"backend_of: {describe(array)} is not an array")
        if found is not first:
            if first is not None:
                raise TypeError(
                    f"backend_of: arrays of two frameworks, {first.title} and {found.title}"
                )
            first = found
    if first is None:
        raise TypeError("backend_of: needs at least one array")
    return first


def describe(x: object) -> str:
    """What `x` is, in a few words for an error message."""
    kind = type(x)
    if x is None:
        return "None"
    found = find(x)
    if found is not None:
        return f"an array of {found.title}"
    if kind.__module__ == "numpy" and not hasattr(x, "__array_finalize__"):
        return f"a NumPy scalar ({kind.__name__})"
    return f"{'an' if kind.__name__[0] in 'aeiou' else 'a'} {kind.__name__}"
