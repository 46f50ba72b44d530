"""Read what users hold in the place of an array: variables, parameters, NumPy scalars, containers.

A holder is read as its value: `tf.Variable`, a Keras variable (in the scope of Keras' autocast), a
flax parameter, a NumPy scalar as an array without axes, `np.memmap` as the array it is. A container
is read as the dictionary or list of what it holds: any mapping, `nn.ParameterDict`,
`nn.ParameterList`, what a `tf.Module` made of a tuple; a named tuple as one of values. Only
packages that are already imported are asked.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

Reader = Callable[[Any], Any]

_PLAIN = frozenset({type(None), bool, int, float, str})

_readers: dict[type, Reader | None] = {}
"""The reader of each type that has been met; None where a value is taken as it is."""


def value_of(x: Any) -> Any:
    """The array, or the dictionary or list of arrays, that a user's object stands for.

    What is no holder comes back as it is: whether it may be there is for the checks to say.
    """
    # PyTorch's tensors first, parameters and subclasses included, by a method that they alone have:
    # torch.compile can trace this question, and no later one is asked of them.
    if hasattr(x, "as_subclass"):
        return x
    kind = type(x)
    if kind in _PLAIN:
        return x
    if kind is dict:
        return _read_mapping(x)
    if kind is list or kind is tuple:
        return kind([value_of(item) for item in x])
    if issubclass(kind, tuple) and hasattr(x, "_fields"):
        return kind(*[value_of(item) for item in x])
    reader = _reader_of(kind)
    return x if reader is None else reader(x)


def _reader_of(kind: type) -> Reader | None:
    if _compiles():  # a cache that torch.compile has seen must not be filled later
        return _find_reader(kind)
    if kind not in _readers:
        _readers[kind] = _find_reader(kind)
    return _readers[kind]


def _compiles() -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and torch.compiler.is_compiling()


def _find_reader(kind: type) -> Reader | None:
    if issubclass(kind, Mapping):
        return _read_mapping
    if issubclass(kind, (list, tuple)):
        return _read_sequence
    for package, find in _PACKAGES.items():
        module = sys.modules.get(package)
        reader = None if module is None else find(module, kind)
        if reader is not None:
            return reader
    return None


def _read_mapping(x: Any) -> dict[Any, Any]:
    return {key: value_of(x[key]) for key in x.keys()}  # noqa: SIM118  (a ParameterDict has no more)


def _read_sequence(x: Any) -> list[Any]:
    return [value_of(item) for item in x]


# --- By package: its module and a type in, the reader of that type out ---------------------------


def _keras(keras: Any, kind: type) -> Reader | None:
    variable = getattr(keras, "Variable", None)  # not there while Keras itself is imported
    if variable is None or not issubclass(kind, variable):
        return None
    return lambda x: value_of(x.value)


def _flax(flax: Any, kind: type) -> Reader | None:
    nnx = sys.modules.get("flax.nnx")
    variable = getattr(nnx, "Variable", None)
    if variable is not None and issubclass(kind, variable):
        # `value` came first, and warns where `get_value` has replaced it.
        if hasattr(kind, "get_value"):
            return lambda x: value_of(x.get_value())
        return lambda x: value_of(x.value)
    box = getattr(sys.modules.get("flax.core.meta"), "AxisMetadata", None)
    if box is not None and issubclass(kind, box):
        return lambda x: value_of(x.unbox())
    if nnx is not None and hasattr(nnx, "List") and issubclass(kind, nnx.List):
        return _read_sequence
    return None


def _tensorflow(tf: Any, kind: type) -> Reader | None:
    variable = getattr(tf, "Variable", None)
    if variable is not None and issubclass(kind, variable):
        read: Reader = tf.convert_to_tensor
        return read
    # A tuple or a dictionary that a module holds is behind a proxy, which is of neither type.
    proxy = getattr(sys.modules.get("wrapt"), "ObjectProxy", None)
    if proxy is not None and issubclass(kind, proxy):
        return lambda x: value_of(x.__wrapped__)
    return None


def _torch(torch: Any, kind: type) -> Reader | None:
    nn = getattr(torch, "nn", None)
    if nn is None:
        return None
    if issubclass(kind, (nn.ParameterDict, nn.ModuleDict)):
        return _read_mapping
    return _read_sequence if issubclass(kind, nn.ParameterList) else None


def _numpy(np: Any, kind: type) -> Reader | None:
    if issubclass(kind, (np.bool_, np.number)):
        read: Reader = np.asarray
        return read
    if issubclass(kind, np.memmap):
        return lambda x: x.view(np.ndarray)
    return None


_PACKAGES: dict[str, Callable[[Any, type], Reader | None]] = {
    "keras": _keras,  # first: on TensorFlow its variables are made of TensorFlow's
    "flax": _flax,
    "tensorflow": _tensorflow,
    "torch": _torch,
    "numpy": _numpy,
}
