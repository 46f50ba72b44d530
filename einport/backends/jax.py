"""The adapter for JAX."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial, update_wrapper, wraps
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .base import HALF_DTYPES, Array, Axes, Backend
from .checks import (
    check_along_axis,
    check_device,
    check_differentiable,
    check_dtype,
    check_indices,
    check_not_empty,
    name_of_dtype,
    normalize_axes,
)
from .gaps import JAX
from .trees import tree_map

_WIDE = ("float64", "int64", "uint64", "complex128")


class JaxBackend(Backend):
    """JAX arrays, traced ones included."""

    name = "jax"
    title = "JAX"
    gaps = JAX
    compiles_eagerly = True
    takes_numpy = True

    @property
    def default_float(self) -> str:
        return "float64" if jax.config.jax_enable_x64 else "float32"

    @property
    def index_dtype(self) -> str:
        return "int64" if jax.config.jax_enable_x64 else "int32"

    def dtype_scope(self, dtype: str) -> AbstractContextManager[Any]:
        if dtype not in _WIDE:
            return nullcontext()
        scope: AbstractContextManager[Any] = _enable_x64()(True)
        return scope

    def version(self) -> str:
        return str(jax.__version__)

    def devices(self) -> tuple[str, ...]:
        names = [_device_name(d) for d in jax.devices()]
        return (*names, *(n for n in map(_device_name, jax.devices("cpu")) if n not in names))

    def owns(self, x: object) -> bool:
        return isinstance(x, jax.Array)

    def asarray(self, data: Any, dtype: str | None = None, device: str | None = None) -> Array:
        self._check_dtype(dtype)
        check_device(self, device)
        if isinstance(data, np.ndarray) and dtype is None:
            _check_narrowing(data)
        place = None if device is None else _device(device)
        with np.errstate(over="ignore"):
            if isinstance(data, np.ndarray):
                # jnp.array would compile for each shape.
                data = np.array(data, None if dtype is None else jnp.dtype(dtype))
                return jax.device_put(data, place)
            made = jnp.array(data, dtype=dtype)
        return made if place is None else jax.device_put(made, place)

    def from_numpy(self, data: Any, *, like: Array) -> Array:
        if data.dtype != np.bool_:
            own, wanted = np.iinfo(data.dtype), np.iinfo(self.index_dtype)
            # Within what the array's own dtype holds: NumPy 2.0 refuses other limits.
            low, high = max(own.min, wanted.min), min(own.max, wanted.max)
            data = np.clip(data, low, high).astype(self.index_dtype)
        return self.asarray(data)  # without a device: it goes where what it is used with lies

    def to_numpy(self, x: Array) -> Any:
        values = np.array(x)
        return values.astype(np.float32) if x.dtype == jnp.bfloat16 else values

    def is_concrete(self, x: Array) -> bool:
        # A constant that a traced function closes over can be read; inside jax.jit all that is
        # computed from it is a tracer. Of an array that spans processes each holds a part.
        return not isinstance(x, jax.core.Tracer) and (
            x.is_fully_addressable or x.is_fully_replicated
        )

    def shape(self, x: Array) -> tuple[Any, ...]:
        return x.shape  # type: ignore[no-any-return]

    def refusal(self, x: Array) -> str:
        return "a Ref" if isinstance(x, jax.core.Tracer) and "Ref" in type(x.aval).__name__ else ""

    def refusal_beside(self, x: Array, other: Array) -> str:
        if not (self.is_concrete(x) and self.is_concrete(other)):
            return ""
        if not (x.committed and other.committed) or x.devices() == other.devices():
            return ""
        return f"must be on the same devices, got {self.device(x)} and {self.device(other)}"

    def is_size(self, value: object) -> bool:
        return bool(jax.export.is_symbolic_dim(value))

    def is_same(self, a: Any, b: Any) -> bool:
        return bool(a == b)  # of symbols: whether they are equal whatever they stand for

    def dtype(self, x: Array) -> str:
        return name_of_dtype(x.dtype)

    def device(self, x: Array) -> str:
        return ", ".join(map(_device_name, sorted(x.devices(), key=lambda d: d.id)))

    def astype(self, x: Array, dtype: str) -> Array:
        self._check_dtype(dtype)
        return x if name_of_dtype(x.dtype) == dtype else x.astype(dtype)

    def arange(self, stop: Any, *, like: Array) -> Array:
        return _beside(like, lambda: jnp.arange(stop, dtype=self.index_dtype))

    def exp(self, x: Array) -> Array:
        return jnp.exp(x)

    def log(self, x: Array) -> Array:
        return jnp.log(x)

    def sqrt(self, x: Array) -> Array:
        return jnp.sqrt(x)

    def tanh(self, x: Array) -> Array:
        return jnp.tanh(x)

    def isnan(self, x: Array) -> Array:
        return jnp.isnan(x)

    def maximum(self, x: Array, y: Any) -> Array:
        return jnp.maximum(x, jnp.asarray(y, x.dtype))

    def where(self, condition: Array, x: Any, y: Any) -> Array:
        dtype = (x if isinstance(x, jax.Array) else y).dtype
        return jnp.where(condition, jnp.asarray(x, dtype), jnp.asarray(y, dtype))

    def sum(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        return self.narrow(jnp.sum(x, axis=axis, keepdims=keepdims, dtype=self.sum_dtype(x)), x)

    def mean(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        if not self.is_floating(x):
            raise TypeError(f"mean needs a floating dtype, got {name_of_dtype(x.dtype)}")
        axes = normalize_axes(axis, x.ndim)
        return self.narrow(jnp.mean(x, axis=axes, keepdims=keepdims, dtype=self.sum_dtype(x)), x)

    def prod(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        return self.narrow(jnp.prod(x, axis=axis, keepdims=keepdims, dtype=self.sum_dtype(x)), x)

    def max(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        check_not_empty(x.shape, axis, "max")
        return jnp.max(x, axis=axis, keepdims=keepdims)

    def min(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        check_not_empty(x.shape, axis, "min")
        return jnp.min(x, axis=axis, keepdims=keepdims)

    def any(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        return jnp.any(_as_bool(x), axis=axis, keepdims=keepdims)

    def all(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        return jnp.all(_as_bool(x), axis=axis, keepdims=keepdims)

    def cumulative_sum(self, x: Array, axis: int = -1) -> Array:
        return self.narrow(jnp.cumsum(x, axis=axis, dtype=self.sum_dtype(x)), x)

    def argmax(self, x: Array, axis: int = -1) -> Array:
        check_not_empty(x.shape, axis, "argmax")
        return jnp.argmax(x, axis=axis).astype(self.index_dtype)

    def argsort(self, x: Array, axis: int = -1, descending: bool = False) -> Array:
        # Descending order is ascending order of a flipped key: that keeps NaN last.
        key = x
        if descending:
            key = -x if self.is_floating(x) else jnp.invert(x)
        return jnp.argsort(key, axis=axis, stable=True).astype(self.index_dtype)

    def take(self, x: Array, indices: Array, axis: int, *, in_range: bool = False) -> Array:
        if not in_range:
            check_indices(self, indices, x.shape[axis])
        return _look_up(jnp.take, x, indices, axis, self.index_dtype)

    def take_along_axis(
        self, x: Array, indices: Array, axis: int, *, in_range: bool = False
    ) -> Array:
        check_along_axis(x.shape, indices.shape, axis)
        if not in_range:
            check_indices(self, indices, x.shape[axis])
        return _look_up(jnp.take_along_axis, x, indices, axis, self.index_dtype)

    def segment_sum(
        self, x: Array, segment_ids: Array, num_segments: int, *, in_range: bool = False
    ) -> Array:
        if not in_range:
            check_indices(self, segment_ids, num_segments, lowest=0)
        wide = x.astype(self.sum_dtype(x))
        return self.narrow(_add_up(wide, segment_ids, num_segments), x)

    def concat(self, arrays: Sequence[Array], axis: int = 0) -> Array:
        return jnp.concatenate(list(arrays), axis=axis)

    def pad(self, x: Array, widths: Sequence[tuple[int, int]], value: float | bool = 0) -> Array:
        return jnp.pad(x, widths, constant_values=value)

    def matmul(self, a: Array, b: Array) -> Array:
        if a.dtype == jnp.bool_:
            return self.matmul(a.astype(jnp.int32), b.astype(jnp.int32)) != 0
        wide = jnp.float32 if name_of_dtype(a.dtype) in HALF_DTYPES else a.dtype
        return jnp.matmul(a, b, preferred_element_type=wide).astype(a.dtype)

    def einsum(self, equation: str, *arrays: Array) -> Array:
        first = arrays[0]
        if first.dtype == jnp.bool_:
            return self.einsum(equation, *(a.astype(jnp.int32) for a in arrays)) != 0
        wide = [self.widen(a) for a in arrays]
        return jnp.einsum(equation, *wide).astype(first.dtype)

    def compile(self, fn: Callable[..., Any], *, dynamic: bool = False) -> Callable[..., Any]:
        return _keeping_order(_jit, fn)

    def value_and_grad(self, fn: Callable[..., Array]) -> Callable[..., tuple[Array, Any]]:
        def scalar(tree: Any, *rest: Any) -> Array:
            return fn(_as_given(tree), *rest)

        both = jax.value_and_grad(scalar)

        def run(tree: Any, *rest: Any) -> tuple[Array, Any]:
            given = jax.tree.map(jnp.asarray, _in_order(tree))
            check_differentiable(self, jax.tree.leaves(given))
            value, grads = both(given, *rest)
            return value, _as_given(jax.tree.map(_gradient_beside, given, grads))

        return run

    def vmap(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        return _keeping_order(jax.vmap, fn)

    def abstract(self, fn: Callable[..., Any], *args: Any) -> Any:
        trace = partial(jax.make_jaxpr, return_shape=True)
        graph, result = trace(_Ordered(fn))(*_in_order(args))
        if any("callback" in name for name in _primitives(graph.jaxpr)):
            raise RuntimeError("the traced function calls back to the host")
        return tree_map(lambda x: (x.shape, name_of_dtype(x.dtype)), _as_given(result))

    def _check_dtype(self, dtype: str | None) -> None:
        check_dtype(self, dtype)
        if dtype in _WIDE and not jax.config.jax_enable_x64:
            raise TypeError(f"JAX has {dtype} only when jax_enable_x64 is set")


def _as_bool(x: Array) -> Array:
    return x if x.dtype == jnp.bool_ else x != 0  # strictly, a boolean is not compared with 0


def _enable_x64() -> Any:
    """The context manager that enables 64 bits: `jax.experimental` has it before JAX 0.8."""
    return jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64


_jit = partial(jax.jit, keep_unused=True)
"""As one graph, on the device of its arguments: what needs none of them would be on the default."""


class _Items:
    """A mapping inside JAX's transformations, which would sort the keys of a dictionary."""

    def __init__(self, kind: tuple[Any, ...], values: Sequence[Any]) -> None:
        self.kind = kind
        """The type, the factory if that is a `defaultdict`, and the keys in their order."""
        self.values = values

    def as_given(self) -> Any:
        """The mapping."""
        kind, factory, keys = self.kind
        items = dict(zip(keys, map(_as_given, self.values), strict=True))
        return kind(factory, items) if issubclass(kind, defaultdict) else kind(items)


def _items_of(mapping: Mapping[Any, Any]) -> _Items:
    kind = (type(mapping), getattr(mapping, "default_factory", None), tuple(mapping))
    return _Items(kind, [_in_order(value) for value in mapping.values()])


def _with_paths(items: _Items) -> tuple[Any, Any]:
    paths = map(jax.tree_util.DictKey, items.kind[-1])
    return list(zip(paths, items.values, strict=True)), items.kind


jax.tree_util.register_pytree_with_keys(_Items, _with_paths, _Items)


def _is_sorted_by_jax(x: Any) -> bool:
    """Whether this is a mapping that JAX sorts or does not look into, or one like flax's."""
    if type(x) in (dict, defaultdict):
        return True
    if not isinstance(x, Mapping):
        return False
    return not isinstance(x, MutableMapping) or jax.tree_util.all_leaves([x])


def _in_order(tree: Any) -> Any:
    """The tree with its mappings in a form that keeps the order of their keys."""
    if isinstance(tree, jax.Array):
        return tree
    if type(tree) in (list, tuple):  # for speed: it is done at each call
        return type(tree)(map(_in_order, tree))
    return jax.tree.map(
        lambda x: _items_of(x) if _is_sorted_by_jax(x) else x, tree, is_leaf=_is_sorted_by_jax
    )


def _as_given(tree: Any) -> Any:
    """The tree with its mappings as they were."""
    if isinstance(tree, jax.Array):
        return tree
    if type(tree) in (list, tuple):
        return type(tree)(map(_as_given, tree))
    return jax.tree.map(
        lambda x: x.as_given() if isinstance(x, _Items) else x,
        tree,
        is_leaf=lambda x: isinstance(x, _Items),
    )


class _Ordered:
    """A function whose arguments and results have mappings that keep their order inside JAX.

    Two of one function are equal, so that JAX finds what it has compiled of it.
    """

    def __init__(self, fn: Callable[..., Any]) -> None:
        self.fn = fn
        update_wrapper(self, fn, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        named = {name: _as_given(value) for name, value in kwargs.items()}
        return _in_order(self.fn(*_as_given(args), **named))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Ordered) and self.fn == other.fn

    def __hash__(self) -> int:
        return hash(self.fn)


def _keeping_order(
    transform: Callable[..., Callable[..., Any]], fn: Callable[..., Any]
) -> Callable[..., Any]:
    """A function transformed by JAX, with mappings in the order that they were given in."""
    transformed = transform(_Ordered(fn))

    @wraps(fn, updated=())
    def run(*args: Any, **kwargs: Any) -> Any:
        named = {name: _in_order(value) for name, value in kwargs.items()}
        return _as_given(transformed(*_in_order(args), **named))

    return run


@partial(_jit, static_argnums=(0, 3, 4))
def _look_up(take: Callable[..., Array], x: Array, indices: Array, axis: int, dtype: str) -> Array:
    """Take by indices that may count from the end, compiled as one where it is called eagerly."""
    wide = indices.astype(dtype)
    return take(x, jnp.where(wide < 0, wide + x.shape[axis], wide), axis=axis, mode="clip")


@partial(_jit, static_argnums=2)
def _add_up(x: Array, segment_ids: Array, num_segments: int) -> Array:
    """Sums by segment, of no rows too."""
    return jax.ops.segment_sum(x, segment_ids, num_segments)


def _beside(like: Array, make: Callable[[], Array]) -> Array:
    """What `make` gives, where `like` is: on its device, or replicated over its mesh.

    It is committed to a device only if `like` is, as JAX refuses to mix arrays that are committed
    to different ones. Inside a trace JAX itself chooses the place.
    """
    made = make()
    if isinstance(like, jax.core.Tracer) or isinstance(made, jax.core.Tracer):
        return made
    if like.committed:
        place = _replicated(like.sharding)
        return made if place in (None, made.sharding) else jax.device_put(made, place)
    if made.committed or made.devices() == like.devices():
        return made
    with jax.default_device(*like.devices()):
        return make()


def _replicated(sharding: Any) -> Any:
    """All of an array on each device of a sharding; None where JAX had better choose.

    JAX itself spreads an uncommitted array over the devices of the arrays that it meets, those of
    other processes included.
    """
    if not sharding.is_fully_addressable:
        return None
    if isinstance(sharding, jax.sharding.NamedSharding):
        everywhere = jax.sharding.PartitionSpec()
        return jax.sharding.NamedSharding(
            sharding.mesh, everywhere, memory_kind=sharding.memory_kind
        )
    return sharding if len(sharding.device_set) == 1 else None


def _gradient_beside(x: Any, made: Array) -> Array:
    """A gradient on the devices of what it is of: zeros are made on the default one.

    An array that is not committed to a device has its gradient where the computation was.
    """
    if isinstance(made, jax.core.Tracer) or not isinstance(x, jax.Array):
        return made
    if isinstance(x, jax.core.Tracer) or not x.committed or made.devices() == x.devices():
        return made
    return jax.device_put(made, x.sharding)


def _primitives(graph: Any) -> Iterator[str]:
    """The names of all that a traced function does, in the functions that it calls as well."""
    for equation in graph.eqns:
        yield equation.primitive.name
        for value in equation.params.values():
            for inner in value if isinstance(value, list | tuple) else (value,):
                inner_graph = getattr(inner, "jaxpr", inner)
                if hasattr(inner_graph, "eqns"):
                    yield from _primitives(inner_graph)


def _device_name(device: Any) -> str:
    kind = str(device.platform)
    return kind if kind == "cpu" and device.id == 0 else f"{kind}:{device.id}"


def _device(name: str) -> Any:
    devices = (d for kind in (None, "cpu") for d in jax.devices(kind))
    return next(d for d in devices if _device_name(d) == name)


def _check_narrowing(data: np.ndarray[Any, Any]) -> None:
    """JAX makes 32 bits of 64, wrapping or overflowing in silence: refuse instead."""
    narrow = {"int64": "int32", "uint64": "uint32", "float64": "float32"}.get(data.dtype.name)
    if narrow is None or jax.config.jax_enable_x64:
        return
    limits: Any = np.finfo(narrow) if narrow == "float32" else np.iinfo(narrow)
    finite = data[np.isfinite(data)]
    low, high = finite.min(initial=0), finite.max(initial=0)
    if low < limits.min or high > limits.max:
        raise OverflowError(
            f"values {low} to {high} do not fit JAX's {narrow} (set jax_enable_x64 for 64 bits)"
        )


BACKEND = JaxBackend()
