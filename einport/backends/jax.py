"""The adapter for JAX."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .base import HALF_DTYPES, Array, Axes, Backend
from .checks import (
    check_along_axis,
    check_device,
    check_dtype,
    check_indices,
    check_not_empty,
    name_of_dtype,
    normalise_axes,
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
            limits = np.iinfo(self.index_dtype)
            data = np.clip(data, limits.min, limits.max).astype(self.index_dtype)
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

    def dtype(self, x: Array) -> str:
        return name_of_dtype(x.dtype)

    def device(self, x: Array) -> str:
        return ", ".join(sorted(_device_name(d) for d in x.devices()))

    def astype(self, x: Array, dtype: str) -> Array:
        self._check_dtype(dtype)
        return x if name_of_dtype(x.dtype) == dtype else x.astype(dtype)

    def arange(self, stop: Any, *, like: Array) -> Array:
        made = jnp.arange(stop, dtype=self.index_dtype)
        return made if not self.is_concrete(like) else jax.device_put(made, like.sharding)

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
        axes = normalise_axes(axis, x.ndim)
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
        return jnp.any(x != 0, axis=axis, keepdims=keepdims)

    def all(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        return jnp.all(x != 0, axis=axis, keepdims=keepdims)

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
        compiled: Callable[..., Any] = _jit(fn)
        return compiled

    def value_and_grad(self, fn: Callable[..., Array]) -> Callable[..., tuple[Array, Any]]:
        both = jax.value_and_grad(fn)

        def run(tree: Any, *rest: Any) -> tuple[Array, Any]:
            value, grads = both(tree, *rest)
            return value, jax.tree.map(self._beside, tree, grads)

        return run

    def vmap(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        mapped: Callable[..., Any] = jax.vmap(fn)
        return mapped

    def abstract(self, fn: Callable[..., Any], *args: Any) -> Any:
        graph, result = jax.make_jaxpr(fn, return_shape=True)(*args)
        if any("callback" in name for name in _primitives(graph.jaxpr)):
            raise RuntimeError("the traced function calls back to the host")
        return tree_map(lambda x: (x.shape, name_of_dtype(x.dtype)), result)

    def _beside(self, x: Any, made: Array) -> Array:
        """A gradient on the device of what it is of: zeros are made on the default one."""
        if self.is_concrete(made) and self.owns(x) and made.devices() != x.devices():
            return jax.device_put(made, x.sharding)
        return made

    def _check_dtype(self, dtype: str | None) -> None:
        check_dtype(self, dtype)
        if dtype in _WIDE and not jax.config.jax_enable_x64:
            raise TypeError(f"JAX has {dtype} only when jax_enable_x64 is set")


def _enable_x64() -> Any:
    """The context manager that enables 64 bits: `jax.experimental` has it before JAX 0.8."""
    return jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64


_jit = partial(jax.jit, keep_unused=True)
"""As one graph, on the device of its arguments: what needs none of them would be on the default."""


@partial(_jit, static_argnums=(0, 3, 4))
def _look_up(take: Callable[..., Array], x: Array, indices: Array, axis: int, dtype: str) -> Array:
    """Take by indices that may count from the end, compiled as one where it is called eagerly."""
    wide = indices.astype(dtype)
    return take(x, jnp.where(wide < 0, wide + x.shape[axis], wide), axis=axis, mode="clip")


@partial(_jit, static_argnums=2)
def _add_up(x: Array, segment_ids: Array, num_segments: int) -> Array:
    """Sums by segment, of no rows too."""
    return jax.ops.segment_sum(x, segment_ids, num_segments)


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
