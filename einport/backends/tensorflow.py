"""The adapter for TensorFlow."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from .base import HALF_DTYPES, Array, Axes, Backend
from .checks import (
    check_along_axis,
    check_device,
    check_differentiable,
    check_dtype,
    check_indices,
    check_not_empty,
    normalize_axes,
)
from .gaps import TENSORFLOW
from .trees import tree_fill, tree_leaves, tree_map


class TensorflowBackend(Backend):
    """TensorFlow tensors and variables, symbolic ones included."""

    name = "tensorflow"
    title = "TensorFlow"
    gaps = TENSORFLOW
    default_float = "float32"
    takes_numpy = True

    def version(self) -> str:
        return str(tf.__version__)

    def devices(self) -> tuple[str, ...]:
        names = [_device_name(d.name) for d in tf.config.list_logical_devices()]
        return tuple(sorted(names, key=lambda n: n.startswith("cpu")))

    def owns(self, x: object) -> bool:
        return isinstance(x, tf.Tensor | tf.Variable)

    def asarray(self, data: Any, dtype: str | None = None, device: str | None = None) -> Array:
        check_dtype(self, dtype)
        check_device(self, device)
        # TensorFlow may keep using a NumPy array's memory: give it a copy that is its own.
        if dtype is not None or isinstance(data, np.ndarray):
            with np.errstate(over="ignore"):
                data = np.array(data, tf.as_dtype(dtype).as_numpy_dtype if dtype else None)
        place = device or self.devices()[0]
        # Within another scope a bare "cpu" is any processor, and not the first.
        with tf.device("cpu:0" if place == "cpu" else place):
            return tf.constant(data)

    def to_numpy(self, x: Array) -> Any:
        return np.array((tf.cast(x, tf.float32) if x.dtype == tf.bfloat16 else x).numpy())

    def is_concrete(self, x: Array) -> bool:
        # A constant could be read inside tf.function too, but nothing that is computed from it.
        return bool(tf.executing_eagerly()) and not tf.is_symbolic_tensor(x)

    def has_rank(self, x: Array) -> bool:
        return x.shape.rank is not None

    def shape(self, x: Array) -> tuple[Any, ...]:
        return tuple(x.shape)

    def sizes(self, x: Array) -> tuple[Any, ...]:
        static = self.shape(x)
        if None not in static:
            return static
        # XLA compiles for one size at a time and folds what follows from tf.shape to constants.
        dynamic = tf.shape(x)
        return tuple([dynamic[a] if size is None else size for a, size in enumerate(static)])

    def is_size(self, value: object) -> bool:
        traced = tf.is_symbolic_tensor(value)
        return bool(traced and value.shape.rank == 0 and value.dtype.is_integer)  # type: ignore[attr-defined]

    def index(self, size: Any) -> Any:
        return size if isinstance(size, int) else tf.cast(size, self.index_dtype)

    def dtype(self, x: Array) -> str:
        return x.dtype.name  # type: ignore[no-any-return]

    def device(self, x: Array) -> str:
        return _device_name(x.device)

    def astype(self, x: Array, dtype: str) -> Array:
        check_dtype(self, dtype)
        return tf.cast(x, dtype)

    def arange(self, stop: Any, *, like: Array) -> Array:
        with tf.device(like.device):
            return tf.range(tf.cast(stop, tf.int64))

    def exp(self, x: Array) -> Array:
        return tf.exp(x)

    def log(self, x: Array) -> Array:
        return tf.math.log(x)

    def sqrt(self, x: Array) -> Array:
        return tf.sqrt(x)

    def tanh(self, x: Array) -> Array:
        return tf.tanh(x)

    def isnan(self, x: Array) -> Array:
        if self.is_floating(x):
            return tf.math.is_nan(x)
        return tf.zeros_like(x, dtype=tf.bool)

    def maximum(self, x: Array, y: Any) -> Array:
        other = _constant(y, x.dtype)
        if x.dtype == tf.bool:
            return tf.logical_or(x, other)
        larger = tf.maximum(x, other)
        if tf.executing_eagerly() or not self.is_floating(x):
            return larger
        # XLA's maximum passes over NaN.
        return tf.where(tf.math.is_nan(x) | tf.math.is_nan(other), x + other, larger)

    def where(self, condition: Array, x: Any, y: Any) -> Array:
        dtype = (x if self.owns(x) else y).dtype
        return tf.where(condition, _constant(x, dtype), _constant(y, dtype))

    def sum(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        axes = self._axes(x, axis)
        total = tf.reduce_sum(tf.cast(x, self.sum_dtype(x)), axis=axes, keepdims=keepdims)
        return self.narrow(total, x)

    def mean(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        if not self.is_floating(x):
            raise TypeError(f"mean needs a floating dtype, got {x.dtype.name}")
        axes = self._axes(x, axis)
        total = tf.reduce_mean(tf.cast(x, self.sum_dtype(x)), axis=axes, keepdims=keepdims)
        return self.narrow(total, x)

    def prod(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        axes = self._axes(x, axis)
        total = tf.reduce_prod(tf.cast(x, self.sum_dtype(x)), axis=axes, keepdims=keepdims)
        return self.narrow(total, x)

    def max(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        check_not_empty(self.shape(x), axis, "max")
        if x.dtype == tf.bool:
            return tf.reduce_any(x, axis=axis, keepdims=keepdims)
        return self._with_nan(tf.reduce_max, x, axis, keepdims)

    def min(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        check_not_empty(self.shape(x), axis, "min")
        if x.dtype == tf.bool:
            return tf.reduce_all(x, axis=axis, keepdims=keepdims)
        return self._with_nan(tf.reduce_min, x, axis, keepdims)

    def any(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        return tf.reduce_any(tf.cast(x, tf.bool), axis=self._axes(x, axis), keepdims=keepdims)

    def all(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        return tf.reduce_all(tf.cast(x, tf.bool), axis=self._axes(x, axis), keepdims=keepdims)

    def cumulative_sum(self, x: Array, axis: int = -1) -> Array:
        return self.narrow(tf.cumsum(tf.cast(x, self.sum_dtype(x)), axis=axis), x)

    def argmax(self, x: Array, axis: int = -1) -> Array:
        check_not_empty(self.shape(x), axis, "argmax")
        # TensorFlow's own passes over NaN, which has the largest key here but for that.
        return tf.argmax(self._sort_key(x), axis=axis, output_type=tf.int64)

    def argsort(self, x: Array, axis: int = -1, descending: bool = False) -> Array:
        key = self._sort_key(x)
        if not descending:
            key = tf.bitwise.invert(key)
        elif self.is_floating(x):
            key = tf.where(tf.math.is_nan(x), key.dtype.min, key)
        # As tf.argsort does it, which reads the axis back from the device.
        last = len(self.shape(x)) - 1
        order = [a for a in range(last + 1) if a != axis % (last + 1)] + [axis % (last + 1)]
        rows = key if order[-1] == last else tf.transpose(key, order)
        static = self.shape(x)[axis]
        _, found = tf.math.top_k(rows, tf.shape(rows)[-1] if static is None else static)
        if order[-1] != last:
            found = tf.transpose(found, [order.index(a) for a in range(last + 1)])
        return tf.cast(found, tf.int64)

    def top_k(self, x: Array, k: int) -> tuple[Array, Array]:
        found = super().top_k(x, k)
        if self.shape(x)[-1] is None:  # TensorFlow does not see that k are left
            for one in found:
                one.set_shape([*x.shape[:-1], k])
        return found

    def take(self, x: Array, indices: Array, axis: int, *, in_range: bool = False) -> Array:
        return _gather(x, self._from_front(x, indices, axis, in_range), axis)

    def take_along_axis(
        self, x: Array, indices: Array, axis: int, *, in_range: bool = False
    ) -> Array:
        check_along_axis(self.shape(x), self.shape(indices), axis)
        front = self._from_front(x, indices, axis, in_range)
        last = len(self.shape(x)) - 1
        if axis in (-1, last):
            return _gather(x, front, last, batch_dims=last)
        order = [a for a in range(last + 1) if a != axis % (last + 1)] + [axis % (last + 1)]
        back = [order.index(a) for a in range(last + 1)]
        found = _gather(tf.transpose(x, order), tf.transpose(front, order), last, batch_dims=last)
        return tf.transpose(found, back)

    def segment_sum(
        self, x: Array, segment_ids: Array, num_segments: int, *, in_range: bool = False
    ) -> Array:
        if not in_range:
            check_indices(self, segment_ids, num_segments, lowest=0)
        wide = tf.cast(x, self.sum_dtype(x))
        ids = tf.cast(segment_ids, tf.int64)
        total = tf.math.unsorted_segment_sum(wide, ids, num_segments)
        # Its gradient is a gather, whose own gradient would be sparse: see `_gather`.
        return self.narrow(_as_it_is(total), x)

    def concat(self, arrays: Sequence[Array], axis: int = 0) -> Array:
        return tf.concat(list(arrays), axis=axis)

    def pad(self, x: Array, widths: Sequence[tuple[int, int]], value: float | bool = 0) -> Array:
        pairs = [list(pair) for pair in widths]
        if isinstance(value, int) and value == 0:
            return tf.pad(x, pairs)
        # tf.vectorized_map forgets the value of tf.pad and pads with zeros.
        inside = tf.pad(tf.ones_like(x, dtype=tf.bool), pairs)
        return tf.where(inside, tf.pad(x, pairs), _constant(value, x.dtype))

    def matmul(self, a: Array, b: Array) -> Array:
        if a.dtype == tf.bool:
            return tf.cast(self.matmul(tf.cast(a, tf.int32), tf.cast(b, tf.int32)), tf.bool)
        if 0 in (a.shape[-1], *b.shape[-2:]):
            # Sums over nothing, or none at all. The kernel that a graph makes of a product and
            # what is added to it ends the process there.
            return tf.reduce_sum(a[..., None] * b[..., None, :, :], axis=-2)
        wide = _product_dtype(a)
        left, right = tf.cast(a, wide), tf.cast(b, wide)
        if _may_be_of_nothing(a.shape, b.shape):
            # It may be so when it runs. No such kernel is made of a batch of products.
            return tf.cast(tf.matmul(left[None], right[None])[0], a.dtype)
        return tf.cast(tf.matmul(left, right), a.dtype)

    def einsum(self, equation: str, *arrays: Array) -> Array:
        first = arrays[0]
        if first.dtype == tf.bool:
            return tf.cast(self.einsum(equation, *(tf.cast(a, tf.int32) for a in arrays)), tf.bool)
        wide = _product_dtype(first)
        words, result = equation.split("->")
        sides = [
            _diagonals(word, tf.cast(a, wide))
            for word, a in zip(words.split(","), arrays, strict=True)
        ]
        equation = f"{','.join(word for word, _ in sides)}->{result}"
        return tf.cast(tf.einsum(equation, *(a for _, a in sides)), first.dtype)

    def compile(self, fn: Callable[..., Any], *, dynamic: bool = False) -> Callable[..., Any]:
        compiled: Callable[..., Any] = tf.function(fn, autograph=False, reduce_retracing=dynamic)
        return compiled

    def value_and_grad(self, fn: Callable[..., Array]) -> Callable[..., tuple[Array, Any]]:
        def run(tree: Any, *rest: Any) -> tuple[Array, Any]:
            leaves = [tf.identity(leaf) for leaf in tree_leaves(tree)]
            check_differentiable(self, leaves)
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(leaves)
                value = fn(tree_fill(tree, leaves), *rest)
            zero = tf.UnconnectedGradients.ZERO
            grads = tape.gradient(value, leaves, unconnected_gradients=zero)
            # The gradient of a gather comes in a sparse form.
            return value, tree_fill(tree, [tf.convert_to_tensor(grad) for grad in grads])

        return run

    def vmap(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        def mapped(*args: Any) -> Any:
            return tf.vectorized_map(lambda items: fn(*items), args)

        return mapped

    def abstract(self, fn: Callable[..., Any], *args: Any) -> Any:
        graph = tf.function(fn, autograph=False).get_concrete_function(*args)
        if re.search(r'op: "\w*PyFunc', str(graph.graph.as_graph_def())):
            raise RuntimeError("the traced function calls back to the host")
        return tree_map(lambda x: (tuple(x.shape), x.dtype.name), graph.structured_outputs)

    def _axes(self, x: Array, axis: Axes) -> list[int] | None:
        # TensorFlow gives no rank to `==` of a size that is known and one that is not.
        if axis is None and not self.has_rank(x):
            return None
        return list(normalize_axes(axis, len(self.shape(x))))

    def _from_front(self, x: Array, indices: Array, axis: int, in_range: bool) -> Array:
        static = self.shape(x)[axis]
        if static is not None and not in_range:
            check_indices(self, indices, static)
        size = tf.shape(x, out_type=tf.int64)[axis] if static is None else static
        wide = tf.cast(indices, tf.int64)
        return tf.where(wide < 0, wide + size, wide)

    def _sort_key(self, x: Array) -> Array:
        """Integers in the order of the elements, with NaN the largest: TensorFlow sorts those.

        The bits of a float, read as a signed integer, are its magnitude where it is positive, and
        the least integer plus its magnitude where it is negative. Minus the magnitude is wanted
        there; that also makes −0 equal to 0, as adding 0 would not where a compiler drops that.
        """
        if not self.is_floating(x):
            return tf.cast(x, tf.int32) if x.dtype == tf.bool else x
        bits = tf.int64 if x.dtype == tf.float64 else tf.int32
        key = tf.bitcast(self.widen(x), bits)
        key = tf.where(key < 0, bits.min - key, key)
        return tf.where(tf.math.is_nan(x), tf.constant(bits.max, bits), key)

    def _with_nan(self, reduce: Any, x: Array, axis: Axes, keepdims: bool) -> Array:
        result = reduce(x, axis=axis, keepdims=keepdims)
        if tf.executing_eagerly() or not self.is_floating(x):
            return result
        # XLA's extremum passes over NaN.
        found = tf.reduce_any(tf.math.is_nan(x), axis=axis, keepdims=keepdims)
        return tf.where(found, _constant(float("nan"), x.dtype), result)


def _constant(x: Any, dtype: Any) -> Array:
    """`x` itself if it is an array, or a Python scalar in the dtype.

    By way of NumPy: `tf.cast` rounds to float32 first, and TensorFlow's cache of scalars gives 0.0
    for −0.0.
    """
    if isinstance(x, tf.Tensor | tf.Variable):
        return x
    return tf.constant(np.array(x, dtype.as_numpy_dtype))


def _gather(x: Array, indices: Array, axis: int, *, batch_dims: int = 0) -> Array:
    """`tf.gather` with a dense gradient.

    Along the first axis TensorFlow's own is IndexedSlices that name a row once for each time it was
    read. What then takes its norm, clips it or scales it takes each of them for a row of its own.
    """
    if axis == 0:
        x = _as_it_is(x)
    return tf.gather(x, indices, axis=axis, batch_dims=batch_dims)


def _as_it_is(x: Array) -> Array:
    """The array in its own shape again: unlike an identity, a reshape has a dense gradient."""
    return tf.reshape(x, x.shape if x.shape.is_fully_defined() else tf.shape(x))


def _diagonals(word: str, x: Array) -> tuple[str, Array]:
    """The axes that share a letter made one, at the end.

    TensorFlow's einsum counts the diagonal's elements in float32: past 4096 it loses the last.
    """
    for letter in sorted(set(word)):
        while word.count(letter) > 1:
            pair = [i for i, other in enumerate(word) if other == letter][:2]
            rest = [i for i in range(len(word)) if i not in pair]
            x = tf.linalg.diag_part(tf.transpose(x, [*rest, *pair]))
            word = "".join(word[i] for i in rest) + letter
    return word, x


def _device_name(name: str) -> str:
    """`…/device:GPU:0` as `gpu:0`; the first processor is plain `cpu`."""
    kind, _, number = name.rpartition("device:")[2].partition(":")
    return "cpu" if (kind, number) == ("CPU", "0") else f"{kind.lower()}:{number}"


def _may_be_of_nothing(a: Any, b: Any) -> bool:
    """Whether there may be nothing to sum over in the product of two matrices."""
    return len(a) == len(b) == 2 and a[1] is None and b[0] is None


def _product_dtype(x: Array) -> Any:
    """What to multiply matrices in: TensorFlow lacks the narrow integers."""
    if x.dtype.name in HALF_DTYPES:
        return tf.float32
    narrow = x.dtype.is_integer and x.dtype.size < 4
    return tf.int32 if narrow else x.dtype


BACKEND = TensorflowBackend()
