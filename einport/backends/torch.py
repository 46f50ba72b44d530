"""The adapter for PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import reduce
from string import ascii_uppercase
from typing import Any

import torch
from einops import rearrange
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack
from torch.autograd import forward_ad

from . import _torch_dtensor as dtensor
from ._torch_dtensor import is_sharded
from ._torch_unsigned import SIGNED, in_order, out_of_order
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
from .gaps import TORCH
from .trees import tree_fill, tree_leaves, tree_map

_NAMES = {
    value: str(value).removeprefix("torch.")
    for value in vars(torch).values()
    if isinstance(value, torch.dtype)
}
_DTYPES = {name: value for value, name in _NAMES.items()}


def in_dynamo() -> bool:
    """Whether torch.compile traces."""
    return bool(torch.compiler.is_compiling())


def multiplies_integers(x: Array) -> bool:
    """Whether integers have matrix products where an array lives: accelerators have none."""
    return bool(x.device.type == "cpu")


_RECORDING = tuple(
    getattr(torch._C._TorchDispatchModeKey, name) for name in ("PROXY", "FAKE", "FUNCTIONAL")
)
"""PyTorch's modes that record operators instead of computing; modes of users only watch."""


def _is_recorded() -> bool:
    """Whether operators are recorded: by `make_fx`, fake tensors or functionalization."""
    if torch._C._len_torch_dispatch_stack() and any(map(torch._C._get_dispatch_mode, _RECORDING)):
        return True
    return bool(torch._ops.mode_stack_state_for_pre_dispatch().count())


class TorchBackend(Backend):
    """PyTorch tensors."""

    name = "torch"
    title = "PyTorch"
    gaps = TORCH

    @property
    def default_float(self) -> str:
        return _NAMES[torch.get_default_dtype()]

    def version(self) -> str:
        return str(torch.__version__)

    def devices(self) -> tuple[str, ...]:
        accelerators = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
        if torch.backends.mps.is_available():
            accelerators.append("mps:0")
        return (*accelerators, "cpu")

    def owns(self, x: object) -> bool:
        if type(x) is torch.Tensor:
            return True
        if is_sharded(x) and not torch.compiler.is_compiling():
            dtensor.teach_einops(type(x))
        return isinstance(x, torch.Tensor)

    def asarray(self, data: Any, dtype: str | None = None, device: str | None = None) -> Array:
        check_dtype(self, dtype)
        check_device(self, device)
        if str(getattr(data, "dtype", "")) == "bfloat16":  # NumPy's, which PyTorch does not read
            data, dtype = data.astype("float32"), dtype or "bfloat16"
        wanted = None if dtype is None else _DTYPES[dtype]
        return torch.tensor(data, dtype=wanted, device=device or self.devices()[0])

    def to_number(self, x: Array) -> Any:
        if x.requires_grad or forward_ad.unpack_dual(x).tangent is not None:
            return None  # its derivative would be lost
        return super().to_number(x)

    def to_numpy(self, x: Array) -> Any:
        if is_sharded(x):
            x = x.full_tensor()
        if torch._C._functorch.peek_interpreter_stack() is not None:
            # Inside torch.func.grad and jvp, detach would give a tensor that belongs to them.
            with temporarily_clear_interpreter_stack():
                return self._values(x)
        return self._values(x)

    def _values(self, x: Array) -> Any:
        wide = x.detach().float() if x.dtype == torch.bfloat16 else x.detach()
        return wide.cpu().resolve_conj().resolve_neg().numpy().copy()

    def is_concrete(self, x: Array) -> bool:
        if torch.compiler.is_compiling() or torch.jit.is_tracing() or _is_recorded():
            return False
        if x.device.type == "meta" or torch._C._functorch.is_functorch_wrapped_tensor(x):
            return False
        if x.is_cuda and torch.cuda.is_current_stream_capturing():
            return False
        # A subclass that takes over dispatch (a fake tensor, a DTensor) may have no values here.
        return type(x).__torch_dispatch__ is torch.Tensor.__torch_dispatch__

    def refusal(self, x: Array) -> str:
        if x.is_nested:
            return "" if x.layout is torch.jagged else f"a nested tensor of layout {x.layout}"
        return "" if x.layout is torch.strided else f"a tensor of layout {x.layout}"

    def refusal_beside(self, x: Array, other: Array) -> str:
        mixed = is_sharded(x) != is_sharded(other) and x.ndim and other.ndim
        return "must both be DTensors, or neither" if mixed else ""

    def shape(self, x: Array) -> tuple[Any, ...]:
        return x.shape  # type: ignore[no-any-return]

    def is_fixed(self, size: Any) -> bool:
        if not in_dynamo():
            return super().is_fixed(size)
        # To Dynamo a symbol is an int; this asks without making it a number.
        from torch.fx.experimental.symbolic_shapes import has_static_value

        return bool(has_static_value(size))

    def is_size(self, value: object) -> bool:
        if isinstance(value, torch.Tensor):  # as torch.jit.trace has them
            return torch.jit.is_tracing() and value.ndim == 0 and "int" in _NAMES[value.dtype]
        return isinstance(value, torch.SymInt)

    def is_same(self, a: Any, b: Any) -> bool:
        if torch.jit.is_tracing():  # its sizes are tensors, whose values the trace takes for fixed
            return bool(_plain(a) == _plain(b))
        if isinstance(a, torch.SymInt) or isinstance(b, torch.SymInt):
            from torch.fx.experimental.symbolic_shapes import guard_or_false

            return bool(guard_or_false(a == b))
        return super().is_same(a, b)

    def dtype(self, x: Array) -> str:
        return _NAMES[x.dtype]

    def device(self, x: Array) -> str:
        return str(x.device)

    def astype(self, x: Array, dtype: str) -> Array:
        check_dtype(self, dtype)
        wanted = _DTYPES[dtype]
        return x if x.dtype == wanted else dtensor.reduced(x).to(wanted)

    def autocast_off(self, x: Array) -> AbstractContextManager[Any] | None:
        device = x.device.type
        try:
            on = torch.is_autocast_enabled(device)
        except RuntimeError:  # a kind of device that has no autocast, such as meta
            return None
        return torch.autocast(device, enabled=False) if on else None

    def arange(self, stop: Any, *, like: Array) -> Array:
        return dtensor.beside(torch.arange(stop, device=like.device), like)

    def exp(self, x: Array) -> Array:
        return torch.exp(x)

    def log(self, x: Array) -> Array:
        return torch.log(x)

    def sqrt(self, x: Array) -> Array:
        return torch.sqrt(x)

    def tanh(self, x: Array) -> Array:
        return torch.tanh(x)

    def isnan(self, x: Array) -> Array:
        return torch.isnan(x)

    def maximum(self, x: Array, y: Any) -> Array:
        return torch.maximum(x, _like(x, y))

    def where(self, condition: Array, x: Any, y: Any) -> Array:
        if not isinstance(x, torch.Tensor):
            x = _like(y, x)
        return torch.where(condition, x, _like(x, y))

    def sum(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        axes = normalize_axes(axis, x.ndim)
        if not axes:
            return self._as_sum(x)
        if x.dtype == torch.uint64:  # sums and products have the same bits as those of int64
            return self.sum(x.view(torch.int64), axes, keepdims).view(x.dtype)
        total = torch.sum(x, dim=axes, keepdim=keepdims, dtype=self._wide(x))
        return self.narrow(total, x)

    def mean(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        if not x.is_floating_point():
            raise TypeError(f"mean needs a floating dtype, got {self.dtype(x)}")
        axes = normalize_axes(axis, x.ndim)
        if not axes:
            return x
        x = dtensor.evenly_sharded(x, axes)
        return self.narrow(torch.mean(x, dim=axes, keepdim=keepdims, dtype=self._wide(x)), x)

    def prod(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        axes = normalize_axes(axis, x.ndim)
        if is_sharded(x) and axes:
            return self._reduce_parts(self.prod, x, axes, keepdims)
        if x.dtype == torch.uint64:
            return self.prod(x.view(torch.int64), axes, keepdims).view(x.dtype)
        total = x.to(self._wide(x))
        for a in sorted(axes, reverse=True):
            total = torch.prod(total, dim=a, keepdim=keepdims)
        return self.narrow(total, x)

    def max(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        check_not_empty(x.shape, axis, "max")
        axes = normalize_axes(axis, x.ndim)
        if not axes:
            return x
        x = dtensor.evenly_sharded(x, axes)
        found = torch.amax(_beyond_bytes(in_order(x)), dim=axes, keepdim=keepdims)
        return out_of_order(found, x.dtype)

    def min(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        check_not_empty(x.shape, axis, "min")
        axes = normalize_axes(axis, x.ndim)
        if not axes:
            return x
        x = dtensor.evenly_sharded(x, axes)
        found = torch.amin(_beyond_bytes(in_order(x)), dim=axes, keepdim=keepdims)
        return out_of_order(found, x.dtype)

    def any(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        axes = normalize_axes(axis, x.ndim)
        if is_sharded(x) and axes:
            return self._reduce_parts(self.any, x, axes, keepdims)
        return torch.any(x != 0, dim=axes, keepdim=keepdims) if axes else x != 0

    def all(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        axes = normalize_axes(axis, x.ndim)
        if is_sharded(x) and axes:
            return self._reduce_parts(self.all, x, axes, keepdims)
        return torch.all(x != 0, dim=axes, keepdim=keepdims) if axes else x != 0

    def cumulative_sum(self, x: Array, axis: int = -1) -> Array:
        (a,) = normalize_axes(axis, x.ndim)
        if is_sharded(x):
            return dtensor.along(lambda part: self.cumulative_sum(part, a), (a,), x)
        return self.narrow(torch.cumsum(x, dim=a, dtype=self._wide(x)), x)

    def argmax(self, x: Array, axis: int = -1) -> Array:
        check_not_empty(x.shape, axis, "argmax")
        if is_sharded(x):
            (a,) = normalize_axes(axis, x.ndim)
            return dtensor.along(lambda part: self.argmax(part, a), (a,), x, dropped=(a,))
        numbers = x.to(torch.uint8) if x.dtype == torch.bool else x
        return torch.argmax(_beyond_bytes(numbers), dim=axis)

    def argsort(self, x: Array, axis: int = -1, descending: bool = False) -> Array:
        if is_sharded(x):
            (a,) = normalize_axes(axis, x.ndim)
            return dtensor.along(lambda part: self.argsort(part, a, descending), (a,), x)
        # Descending order is ascending order of a flipped key: that keeps NaN last.
        key = x
        if descending:
            key = -x if x.is_floating_point() else torch.bitwise_not(x)
        return torch.argsort(key, dim=axis, stable=True)

    def take(self, x: Array, indices: Array, axis: int, *, in_range: bool = False) -> Array:
        if x.dtype in SIGNED:
            signed = x.view(SIGNED[x.dtype])
            return self.take(signed, indices, axis, in_range=in_range).view(x.dtype)
        a = axis % x.ndim
        if is_sharded(x) and is_sharded(indices):
            return dtensor.take_parts(
                lambda part, chosen: self.take(part, chosen, a, in_range=True), x, indices, a
            )
        chosen = self._from_front(indices, x.shape[a], in_range)
        if chosen.ndim != 1 and torch.compiler.is_compiling():
            # The same loops in the end, but inductor cannot put the strides of what is selected
            # and then reshaped in order where the sizes are unknown.
            return x[(slice(None),) * a + (chosen,)]
        flat = chosen.reshape(-1)
        shape = (*x.shape[:a], *indices.shape, *x.shape[a + 1 :])
        return torch.index_select(x, a, flat).reshape(shape)

    def take_along_axis(
        self, x: Array, indices: Array, axis: int, *, in_range: bool = False
    ) -> Array:
        check_along_axis(x.shape, indices.shape, axis)
        if is_sharded(x) and is_sharded(indices):
            (a,) = normalize_axes(axis, x.ndim)
            return dtensor.along(
                lambda part, chosen: self.take_along_axis(part, chosen, a, in_range=True),
                (a,),
                x,
                indices,
            )
        return torch.gather(x, axis, self._from_front(indices, x.shape[axis], in_range))

    def segment_sum(
        self, x: Array, segment_ids: Array, num_segments: int, *, in_range: bool = False
    ) -> Array:
        if not in_range:
            check_indices(self, segment_ids, num_segments, lowest=0)
        if is_sharded(x) and is_sharded(segment_ids):
            ids = segment_ids.full_tensor()
            return dtensor.along(
                lambda part: self.segment_sum(part, ids, num_segments, in_range=True), (0,), x
            )
        wide = x.to(self._wide(x))
        total = wide.new_zeros((num_segments, *x.shape[1:]))
        return self.narrow(total.index_add(0, segment_ids.long(), wide), x)

    def concat(self, arrays: Sequence[Array], axis: int = 0) -> Array:
        return torch.cat(list(arrays), dim=axis)

    def pad(self, x: Array, widths: Sequence[tuple[int, int]], value: float | bool = 0) -> Array:
        if is_sharded(x):
            axes = [axis for axis, pair in enumerate(widths) if any(pair)]
            return dtensor.along(lambda part: self.pad(part, widths, value), axes, x)
        flat = [width for pair in reversed(list(widths)) for width in pair]
        if x.dtype == torch.int64 and value:
            # Large integers do not survive PyTorch's way of the value through a float.
            return torch.nn.functional.pad(x - int(value), flat) + int(value)
        return torch.nn.functional.pad(x, flat, value=value)

    def matmul(self, a: Array, b: Array) -> Array:
        if a.dtype == torch.bool:
            return self.matmul(a.int(), b.int()) != 0
        if is_sharded(a) and is_sharded(b):
            return self._multiply_parts(a, b)
        if a.is_nested and b.ndim > 2 and b.shape[0] != a.shape[0]:
            raise ValueError(f"the batch of a jagged tensor, {a.shape[0]}, is not {b.shape[0]}")
        if a.is_floating_point() or multiplies_integers(a):
            return torch.matmul(a, b)
        return (a.unsqueeze(-1) * b.unsqueeze(-3)).sum(-2, dtype=a.dtype)

    def einsum(self, equation: str, *arrays: Array) -> Array:
        dtype = arrays[0].dtype
        if dtype == torch.bool:
            return self.einsum(equation, *(a.int() for a in arrays)) != 0
        if _NAMES[dtype] in HALF_DTYPES:
            return self.narrow(self.einsum(equation, *(a.float() for a in arrays)), arrays[0])
        if not arrays[0].is_floating_point() and not arrays[0].is_complex():
            # A sum over an axis of one array alone widens integers: make all of it wide.
            way = torch.einsum if multiplies_integers(arrays[0]) else _einsum_at_once
            arrays = tuple(a.long() for a in arrays)
            return self.astype(_einsum_of_parts(way, equation, arrays), _NAMES[dtype])
        return _einsum_of_parts(torch.einsum, equation, arrays)

    def compile(self, fn: Callable[..., Any], *, dynamic: bool = False) -> Callable[..., Any]:
        compiled: Callable[..., Any] = torch.compile(fn, fullgraph=True, dynamic=dynamic or None)
        return compiled

    def value_and_grad(self, fn: Callable[..., Array]) -> Callable[..., tuple[Array, Any]]:
        def run(tree: Any, *rest: Any) -> tuple[Array, Any]:
            check_differentiable(self, tree_leaves(tree))
            leaves = [leaf.detach().requires_grad_() for leaf in tree_leaves(tree)]
            with torch.enable_grad():  # a caller's no_grad would make every gradient zero
                value = fn(tree_fill(tree, leaves), *rest)
            if not leaves or not value.requires_grad:
                return value, tree_fill(tree, [torch.zeros_like(leaf) for leaf in leaves])
            grads = torch.autograd.grad(value, leaves, allow_unused=True, materialize_grads=True)
            return value.detach(), tree_fill(tree, grads)

        return run

    def vmap(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        mapped: Callable[..., Any] = torch.func.vmap(fn)
        return mapped

    def abstract(self, fn: Callable[..., Any], *args: Any) -> Any:
        def stand_in(x: Any) -> Any:
            return x.to("meta") if isinstance(x, torch.Tensor) else x

        def describe(x: Array) -> tuple[tuple[int, ...], str]:
            if x.device.type != "meta":
                raise RuntimeError(f"the result left its device for {x.device}")
            return tuple(x.shape), _NAMES[x.dtype]

        return tree_map(describe, fn(*tree_map(stand_in, args)))

    def _from_front(self, indices: Array, size: Any, in_range: bool) -> Array:
        if not in_range:
            check_indices(self, indices, size)
        wide = indices.long()
        return torch.where(wide < 0, wide + size, wide)

    def _multiply_parts(self, a: Array, b: Array) -> Array:
        """The matrix product of two DTensors."""
        if _NAMES[a.dtype] in HALF_DTYPES and (dtensor.shards(a, -1) or dtensor.shards(b, -2)):
            # Each process has a part of the sums: they are rounded when they are added up.
            return self.narrow(self._multiply_parts(a.float(), b.float()), a)
        batch = ascii_uppercase[: max(a.ndim, b.ndim) - 2]
        first, second = batch[len(batch) - a.ndim + 2 :], batch[len(batch) - b.ndim + 2 :]
        axes = [first + "ik", second + "kj"]
        return dtensor.multiply_parts(self.matmul, (a, b), axes, batch + "ij")

    def _reduce_parts(
        self, reduction: Callable[..., Array], x: Array, axes: tuple[int, ...], keepdims: bool
    ) -> Array:
        """A reduction of a DTensor with the axes gathered that it reduces."""
        dropped = () if keepdims else axes
        return dtensor.along(lambda part: reduction(part, axes, keepdims), axes, x, dropped=dropped)

    def _as_sum(self, x: Array) -> Array:
        return self.narrow(x.to(self._wide(x)), x)

    def _wide(self, x: Array) -> torch.dtype:
        return _DTYPES[self.sum_dtype(x)]


def _beyond_bytes(x: Array) -> Array:
    """8-bit integers as wider ones in a graph: inductor loses their extrema on CPUs with AVX2."""
    narrow = x.dtype in (torch.int8, torch.uint8)
    return x.to(torch.int32) if narrow and torch.compiler.is_compiling() else x


def _einsum_of_parts(way: Callable[..., Array], equation: str, arrays: tuple[Array, ...]) -> Array:
    """Einstein summation, of each process's parts where all arrays are DTensors."""
    if not all(map(is_sharded, arrays)):
        return way(equation, *arrays)
    left, output = equation.split("->")
    return dtensor.multiply_parts(
        lambda *parts: way(equation, *parts), arrays, left.split(","), output
    )


def _einsum_at_once(equation: str, *arrays: Array) -> Array:
    """Einstein summation of integers as one sum over one product, without matrix products."""
    left, output = equation.split("->")
    axes = output + "".join(sorted(set(left) - {",", *output}))
    factors = []
    for term, x in zip(left.split(","), arrays, strict=True):
        own = "".join(axis for axis in axes if axis in term)
        diagonal = torch.einsum(f"{term}->{own}", x)
        factors.append(diagonal[tuple(slice(None) if axis in term else None for axis in axes)])
    total = reduce(torch.mul, factors)
    summed = tuple(range(len(output), len(axes)))
    return total.sum(dim=summed) if summed else total


def _plain(size: Any) -> Any:
    """A size that `torch.jit.trace` has made a tensor as the number that it is."""
    if not isinstance(size, torch.Tensor):
        return size
    state = torch._C._get_tracing_state()
    torch._C._set_tracing_state(None)
    try:
        return int(size)
    finally:
        torch._C._set_tracing_state(state)


def _like(x: Array, y: Any) -> Array:
    """`y` itself if it is an array, or a Python scalar in the dtype and place of `x`."""
    if isinstance(y, torch.Tensor):
        return y
    return dtensor.beside(torch.full((), y, dtype=x.dtype, device=x.device), x)


# einops remembers types, in a dictionary that torch.compile sees: it would compile anew when that
# grows after the first graph.
for _empty in (torch.empty(0), torch.nn.Parameter(torch.empty(0))):
    rearrange(_empty, "a -> a")

BACKEND = TorchBackend()
