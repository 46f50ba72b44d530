"""The adapter for NumPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from importlib.util import find_spec
from typing import Any

import numpy as np

from .base import Array, Axes, Backend
from .checks import (
    check_along_axis,
    check_device,
    check_dtype,
    check_indices,
    check_not_empty,
    name_of_dtype,
    normalize_axes,
)
from .gaps import NUMPY, NUMPY_WITHOUT_ML_DTYPES
from .trees import tree_fill, tree_leaves, tree_map


class NumpyBackend(Backend):
    """NumPy arrays; bfloat16 is there when the package ml_dtypes is installed."""

    name = "numpy"
    title = "NumPy"
    default_float = "float64"
    # The first that covers a run counts: without the dtype no mode is reached.
    gaps = NUMPY if find_spec("ml_dtypes") else (NUMPY_WITHOUT_ML_DTYPES, *NUMPY)

    def version(self) -> str:
        return np.__version__

    def devices(self) -> tuple[str, ...]:
        return ("cpu",)

    def owns(self, x: object) -> bool:
        # A subclass means something else: a masked array has gaps, a matrix multiplies by `*`.
        return type(x) is np.ndarray or isinstance(x, np.memmap)

    def asarray(self, data: Any, dtype: str | None = None, device: str | None = None) -> Array:
        check_dtype(self, dtype)
        check_device(self, device)
        with np.errstate(over="ignore"):
            return np.array(data, dtype=None if dtype is None else _dtype(dtype))

    def to_numpy(self, x: Array) -> Any:
        return x.astype(np.float32) if name_of_dtype(x.dtype) == "bfloat16" else np.array(x)

    def is_concrete(self, x: Array) -> bool:
        return True

    def shape(self, x: Array) -> tuple[Any, ...]:
        return x.shape  # type: ignore[no-any-return]

    def dtype(self, x: Array) -> str:
        return name_of_dtype(x.dtype)

    def device(self, x: Array) -> str:
        return "cpu"

    def astype(self, x: Array, dtype: str) -> Array:
        check_dtype(self, dtype)
        with np.errstate(all="ignore"):
            return np.asarray(x.astype(_dtype(dtype), copy=False))

    def quiet(self) -> AbstractContextManager[Any] | None:
        return np.errstate(all="ignore")

    def narrow(self, total: Array, x: Array) -> Array:
        return super().narrow(np.asarray(total), x)

    def arange(self, stop: Any, *, like: Array) -> Array:
        return np.arange(stop, dtype=np.int64)

    def exp(self, x: Array) -> Array:
        return self._in_wide(np.exp, x)

    def log(self, x: Array) -> Array:
        return self._in_wide(np.log, x)

    def sqrt(self, x: Array) -> Array:
        return self._in_wide(np.sqrt, x)

    def tanh(self, x: Array) -> Array:
        return self._in_wide(np.tanh, x)

    def isnan(self, x: Array) -> Array:
        return np.asarray(np.isnan(x))

    def maximum(self, x: Array, y: Any) -> Array:
        with np.errstate(invalid="ignore"):
            return np.asarray(np.maximum(x, np.asarray(y, x.dtype)))

    def where(self, condition: Array, x: Any, y: Any) -> Array:
        dtype = (x if isinstance(x, np.ndarray) else y).dtype
        return np.asarray(np.where(condition, np.asarray(x, dtype), np.asarray(y, dtype)))

    def sum(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        with np.errstate(all="ignore"):
            return self.narrow(x.sum(axis=axis, keepdims=keepdims, dtype=self.sum_dtype(x)), x)

    def mean(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        if not self.is_floating(x):
            raise TypeError(f"mean needs a floating dtype, got {name_of_dtype(x.dtype)}")
        with np.errstate(invalid="ignore", divide="ignore"):
            axes = normalize_axes(axis, x.ndim)
            total = x.sum(axis=axes, keepdims=keepdims, dtype=self.sum_dtype(x))
            count = np.prod([x.shape[a] for a in axes], dtype=np.float64).astype(total.dtype)
            return np.asarray(np.divide(total, count)).astype(x.dtype, copy=False)

    def prod(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        with np.errstate(all="ignore"):
            return self.narrow(x.prod(axis=axis, keepdims=keepdims, dtype=self.sum_dtype(x)), x)

    def max(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        check_not_empty(x.shape, axis, "max")
        with np.errstate(invalid="ignore"):  # ml_dtypes warns of NaN
            return np.asarray(x.max(axis=axis, keepdims=keepdims))

    def min(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        check_not_empty(x.shape, axis, "min")
        with np.errstate(invalid="ignore"):
            return np.asarray(x.min(axis=axis, keepdims=keepdims))

    def any(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        return np.asarray(np.any(x != 0, axis=axis, keepdims=keepdims))

    def all(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        return np.asarray(np.all(x != 0, axis=axis, keepdims=keepdims))

    def cumulative_sum(self, x: Array, axis: int = -1) -> Array:
        with np.errstate(all="ignore"):
            return self.narrow(np.cumsum(x, axis=axis, dtype=self.sum_dtype(x)), x)

    def argmax(self, x: Array, axis: int = -1) -> Array:
        check_not_empty(x.shape, axis, "argmax")
        return np.asarray(x.argmax(axis=axis))

    def argsort(self, x: Array, axis: int = -1, descending: bool = False) -> Array:
        key = self.widen(x)
        if descending:
            key = -key if self.is_floating(x) else np.invert(key)
        return np.argsort(key, axis=axis, kind="stable")

    def take(self, x: Array, indices: Array, axis: int, *, in_range: bool = False) -> Array:
        if not in_range:
            check_indices(self, indices, x.shape[axis])
        return np.asarray(np.take(x, indices, axis=axis))

    def take_along_axis(
        self, x: Array, indices: Array, axis: int, *, in_range: bool = False
    ) -> Array:
        check_along_axis(x.shape, indices.shape, axis)
        if not in_range:
            check_indices(self, indices, x.shape[axis])
        return np.take_along_axis(x, indices, axis=axis)

    def segment_sum(
        self, x: Array, segment_ids: Array, num_segments: int, *, in_range: bool = False
    ) -> Array:
        if not in_range:
            check_indices(self, segment_ids, num_segments, lowest=0)
        total = np.zeros((num_segments, *x.shape[1:]), self.sum_dtype(x))
        with np.errstate(all="ignore"):
            np.add.at(total, segment_ids, x.astype(total.dtype, copy=False))
        return self.narrow(total, x)

    def concat(self, arrays: Sequence[Array], axis: int = 0) -> Array:
        return np.concatenate(arrays, axis=axis)

    def pad(self, x: Array, widths: Sequence[tuple[int, int]], value: float | bool = 0) -> Array:
        return np.pad(x, widths, constant_values=value)

    def matmul(self, a: Array, b: Array) -> Array:
        with np.errstate(all="ignore"):
            product = np.matmul(self.widen(a), self.widen(b))
        return self.narrow(product, a)

    def einsum(self, equation: str, *arrays: Array) -> Array:
        wide = [self.widen(a) for a in arrays]
        # A path lets NumPy reach BLAS; for one or two arrays there is nothing to search.
        with np.errstate(all="ignore"):
            total = np.einsum(equation, *wide, optimize=len(wide) > 1)
        return self.narrow(total, arrays[0])

    def compile(self, fn: Callable[..., Any], *, dynamic: bool = False) -> Callable[..., Any]:
        raise NotImplementedError("NumPy has no compiler: call the function itself")

    def value_and_grad(self, fn: Callable[..., Array]) -> Callable[..., tuple[Array, Any]]:
        raise NotImplementedError("NumPy has no automatic differentiation")

    def vmap(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        def mapped(*args: Any) -> Any:
            size = tree_leaves(args)[0].shape[0]
            results = [fn(*_row(args, i)) for i in range(size)]
            columns = zip(*(tree_leaves(result) for result in results), strict=True)
            return tree_fill(results[0], [np.stack(column) for column in columns])

        return mapped

    def abstract(self, fn: Callable[..., Any], *args: Any) -> Any:
        raise NotImplementedError("NumPy has no arrays without values")

    def _in_wide(self, fn: Callable[[Array], Array], x: Array) -> Array:
        with np.errstate(all="ignore"):  # inf and NaN are results here, as on other frameworks
            return np.asarray(fn(self.widen(x))).astype(x.dtype, copy=False)


def _row(tree: Any, i: int) -> Any:
    """One element of each array, still an array where NumPy would give a scalar."""
    return tree_map(lambda x: np.asarray(x[i]), tree)


def _dtype(name: str) -> Any:
    if name == "bfloat16":
        try:
            import ml_dtypes
        except ImportError:
            raise TypeError("NumPy has no bfloat16 unless ml_dtypes is installed") from None
        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(name)


BACKEND = NumpyBackend()
