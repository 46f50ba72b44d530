"""What teaches einport a framework: one class for einport, one for einops."""

import einops._backends
import numpy as np

import toyframework
from einport.backends import Backend, Gap
from einport.backends.checks import (
    check_along_axis,
    check_device,
    check_dtype,
    check_indices,
    check_not_empty,
)
from toyframework import Array


class ToyEinops(einops._backends.AbstractBackend):
    """einops finds this by its base class, once the module named here is imported.

    A framework that einops supports already needs no such class.
    """

    framework_name = "toyframework"

    def is_appropriate_type(self, tensor):
        return isinstance(tensor, Array)

    def reshape(self, x, shape):
        return Array(x.numpy().reshape(shape))

    def transpose(self, x, axes):
        return Array(x.numpy().transpose(axes))

    def reduce(self, x, operation, axes):
        return Array(getattr(x.numpy(), operation)(axis=axes))

    def stack_on_zeroth_dimension(self, tensors):
        return Array(np.stack([x.numpy() for x in tensors]))

    def add_axis(self, x, new_position):
        return Array(np.expand_dims(x.numpy(), new_position))

    def tile(self, x, repeats):
        return Array(np.tile(x.numpy(), repeats))

    def concat(self, tensors, axis):
        return Array(np.concatenate([x.numpy() for x in tensors], axis))

    def is_float_type(self, x):
        return "float" in x.dtype


class ToyBackend(Backend):
    """einport finds this by the entry point. What the base class promises must hold here.

    Signatures are the base's, to the letter: other packages call them by keyword.
    """

    name = "toy"
    title = "Toy"
    default_float = "float32"
    # What the framework cannot do is declared, and the suite then checks that it fails. Without
    # 16-bit floats nothing here needs to accumulate in a wider dtype than it is given.
    gaps = (
        Gap("*", "Toy has no 16-bit floats", dtype="*float16", says="float16"),
        Gap("*", "Toy has no arrays without values", mode="abstract", says="without values"),
        Gap("*", "Toy has no compiler", mode="compiled", says="no compiler"),
        Gap("*", "Toy has no compiler", mode="dynamic", says="leave sizes unknown"),
        Gap("*", "Toy has no automatic differentiation", mode="*gradient", says="no "),
        Gap("*", "Toy does not map functions", mode="mapped", says="does not map"),
        Gap("*", "Toy has no exported form", mode="exported", says="no exported form"),
        Gap("*", "Toy's arrays are the host's", mode="device", says="copies to the host"),
    )

    def version(self):
        return toyframework.__version__

    def devices(self):
        return ("cpu",)

    def owns(self, x):
        return isinstance(x, Array)

    def asarray(self, data, dtype=None, device=None):
        self._check_dtype(dtype)
        check_device(self, device)
        made = Array(data, dtype)
        # Without a dtype NumPy arrays keep theirs, but a list of floats gets the default.
        narrow = dtype is None and made.dtype == "float64" and not isinstance(data, np.ndarray)
        return self.astype(made, self.default_float) if narrow else made

    def to_numpy(self, x):
        return x.numpy().copy()

    def is_concrete(self, x):
        return True  # nothing here traces

    def shape(self, x):
        return x.shape

    def dtype(self, x):
        return x.dtype

    def device(self, x):
        return "cpu"

    def astype(self, x, dtype):
        self._check_dtype(dtype)
        return x if x.dtype == dtype else Array(x.numpy(), dtype)

    def arange(self, stop, *, like):
        return Array(np.arange(stop), "int64")

    def exp(self, x):
        return np.exp(x)

    def log(self, x):
        return np.log(x)

    def sqrt(self, x):
        return np.sqrt(x)

    def tanh(self, x):
        return np.tanh(x)

    def isnan(self, x):
        return np.isnan(x)

    def maximum(self, x, y):
        return np.maximum(x, y if self.owns(y) else Array(y, x.dtype))

    def where(self, condition, x, y):
        # A Python scalar takes the dtype of the array beside it.
        x = x if self.owns(x) else Array(x, y.dtype)
        y = y if self.owns(y) else Array(y, x.dtype)
        return Array(np.where(condition.numpy(), x.numpy(), y.numpy()))

    def sum(self, x, axis=None, keepdims=False):
        return Array(np.sum(x.numpy(), axis, self.sum_dtype(x), keepdims=keepdims))

    def mean(self, x, axis=None, keepdims=False):
        if not self.is_floating(x):
            raise TypeError(f"mean needs a floating dtype, got {x.dtype}")
        return Array(np.mean(x.numpy(), axis, keepdims=keepdims))

    def prod(self, x, axis=None, keepdims=False):
        return Array(np.prod(x.numpy(), axis, self.sum_dtype(x), keepdims=keepdims))

    def max(self, x, axis=None, keepdims=False):
        check_not_empty(x.shape, axis, "max")
        return Array(np.max(x.numpy(), axis, keepdims=keepdims))

    def min(self, x, axis=None, keepdims=False):
        check_not_empty(x.shape, axis, "min")
        return Array(np.min(x.numpy(), axis, keepdims=keepdims))

    def any(self, x, axis=None, keepdims=False):
        return Array(np.any(x.numpy() != 0, axis, keepdims=keepdims))

    def all(self, x, axis=None, keepdims=False):
        return Array(np.all(x.numpy() != 0, axis, keepdims=keepdims))

    def cumulative_sum(self, x, axis=-1):
        return Array(np.cumsum(x.numpy(), axis, self.sum_dtype(x)))

    def argmax(self, x, axis=-1):
        check_not_empty(x.shape, axis, "argmax")
        return Array(np.argmax(x.numpy(), axis))

    def argsort(self, x, axis=-1, descending=False):
        # Reversing an ascending order would turn equal elements round and put NaN first: sort by
        # a key that falls where the elements rise. `top_k` of the base class builds on this.
        key = x.numpy()
        if descending:
            key = -key if self.is_floating(x) else ~key
        return Array(np.argsort(key, axis, kind="stable"))

    def take(self, x, indices, axis, *, in_range=False):
        if not in_range:
            check_indices(self, indices, x.shape[axis])
        return Array(np.take(x.numpy(), indices.numpy(), axis))

    def take_along_axis(self, x, indices, axis, *, in_range=False):
        check_along_axis(x.shape, indices.shape, axis)
        if not in_range:
            check_indices(self, indices, x.shape[axis])
        return Array(np.take_along_axis(x.numpy(), indices.numpy(), axis))

    def segment_sum(self, x, segment_ids, num_segments, *, in_range=False):
        if not in_range:
            check_indices(self, segment_ids, num_segments, lowest=0)
        total = np.zeros((num_segments, *x.shape[1:]), self.sum_dtype(x))
        np.add.at(total, segment_ids.numpy(), x.numpy())
        return Array(total)

    def concat(self, arrays, axis=0):
        return Array(np.concatenate([x.numpy() for x in arrays], axis))

    def pad(self, x, widths, value=0):
        return Array(np.pad(x.numpy(), widths, constant_values=value))

    def matmul(self, a, b):
        return np.matmul(a, b)

    def einsum(self, equation, *arrays):
        return Array(np.einsum(equation, *(x.numpy() for x in arrays)))

    def compile(self, fn, *, dynamic=False):
        raise NotImplementedError("Toy has no compiler")

    def value_and_grad(self, fn):
        raise NotImplementedError("Toy has no automatic differentiation")

    def vmap(self, fn):
        raise NotImplementedError("Toy does not map functions")

    def abstract(self, fn, *args):
        raise NotImplementedError("Toy has no arrays without values")

    def _check_dtype(self, dtype):
        check_dtype(self, dtype)
        if dtype in ("float16", "bfloat16"):
            raise TypeError(f"Toy has no dtype {dtype!r}")
