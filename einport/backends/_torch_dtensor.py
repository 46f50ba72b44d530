"""Sharded PyTorch tensors: what is computed on each process's own part of a DTensor.

DTensor has sharding rules for most operators, and they are used where they are right in every
version. What sorts, scans, gathers, pads or reshapes goes through `along` instead: the axes that
it needs whole are gathered first, the other axes stay sharded, and the part that a process holds
is an ordinary tensor. Its gradient is computed on that part as well, where autograd would meet
operators without a rule.

torch.distributed.tensor takes long to import. It is imported only for a tensor that is a DTensor.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from itertools import accumulate
from math import prod
from typing import Any

import torch
from einops import _backends

Array = Any
Layout = tuple[Any, ...]
"""A placement for each axis of the mesh of devices."""

_taught: set[type] = set()

ONE, NONE = "1", "-"
"""In the place of a letter: of an axis of size 1, and where no letter is sharded."""


def is_sharded(x: Array) -> bool:
    """Whether a tensor is a DTensor; replicated ones are."""
    # Dynamo can trace this, which sys.modules it cannot.
    if type(x) is torch.Tensor or not hasattr(x, "device_mesh"):
        return False
    from torch.distributed.tensor import DTensor

    return isinstance(x, DTensor)


def beside(made: Array, like: Array) -> Array:
    """A tensor that was made for `like`, replicated over its mesh where that is a DTensor."""
    if not is_sharded(like):
        return made
    from torch.distributed.tensor import DTensor, Replicate

    mesh = like.device_mesh
    return DTensor.from_local(made, mesh, [Replicate()] * mesh.ndim, run_check=False)


def reduced(x: Array) -> Array:
    """A DTensor without pending reductions: what is rounded before they are done is rounded twice.

    Any other tensor is returned as it is.
    """
    if not is_sharded(x) or not any(placement.is_partial() for placement in x.placements):
        return x
    return _redistribute(x, _whole(x, ()))


def evenly_sharded(x: Array, axes: Sequence[int]) -> Array:
    """A DTensor with the axes gathered whose parts are not of one size.

    The mean of their means is not the mean, and a process may have no part to find an extremum in.
    """
    if not is_sharded(x):
        return x
    uneven = [axis for axis in axes if x.shape[axis] % _processes(x, x.placements, axis)]
    return _redistribute(x, _whole(x, uneven)) if uneven else x


def along(
    fn: Callable[..., Array],
    axes: Sequence[int],
    x: Array,
    *others: Array,
    dropped: Sequence[int] = (),
) -> Array:
    """A function of DTensors that works along some axes, applied to each process's part.

    Args:
        fn: takes the parts of `x` and of the others, and keeps the axes that are not in `axes`.
        axes: the axes that a part must have whole, counted from the front.
        x: a DTensor.
        *others: DTensors of the same number of axes, laid out like `x`.
        dropped: those of `axes` that the result no longer has.
    """
    layout = _whole(x, axes)
    part = fn(*(_redistribute(one, layout).to_local() for one in (x, *others)))
    from_axis = {axis: axis - sum(gone < axis for gone in dropped) for axis in range(x.ndim)}
    return _assemble(part, x, layout, from_axis)


def take_parts(fn: Callable[..., Array], x: Array, indices: Array, axis: int) -> Array:
    """Slices of a DTensor by indices that are a DTensor too; either may stay sharded.

    A mesh axis that shards another axis of `x` still does, and one that shards the indices alone
    shards the result, so that the gradient of `x` is a sum over it.
    """
    from torch.distributed.tensor import Partial, Replicate

    rows, gradient, places, layout = _whole(x, (axis,)), [], [], []
    for row, place in zip(rows, _whole(indices, ()), strict=True):
        spread = not _is_shard(row) and _is_shard(place)
        places.append(place if spread else Replicate())
        gradient.append(Partial() if spread else row)
        layout.append(place if spread else row)
    source = _redistribute(x, rows).to_local(grad_placements=gradient)
    part = fn(source, _redistribute(indices, tuple(places)).to_local())
    sizes = list(part.shape)
    result: list[Any] = []
    for row, one in zip(rows, layout, strict=True):
        if _is_shard(row):
            to = row.dim + (indices.ndim - 1 if row.dim > axis else 0)
            sizes[to] = x.shape[row.dim]
            one = _shard(to)
        elif _is_shard(one):
            sizes[axis + one.dim] = indices.shape[one.dim]
            one = _shard(axis + one.dim)
        result.append(one)
    return _from_part(part, x.device_mesh, tuple(result), sizes)


def multiply_parts(
    fn: Callable[..., Array], arrays: Sequence[Array], axes: Sequence[str], output: str
) -> Array:
    """A sum of products of DTensors, whose axes are named by letters as in Einstein summation.

    A mesh axis shards one letter: every array that has it, and the result, which is a pending sum
    where the letter is summed over. An array without the letter gets a gradient that is one.
    """
    from torch.distributed.tensor import Partial, Replicate, Shard

    own = [
        # An axis of size 1 is stretched to the others' size, and so has no letter of its own.
        "".join(ONE if size == 1 else letter for letter, size in zip(term, x.shape, strict=True))
        for term, x in zip(axes, arrays, strict=True)
    ]
    letters = _sharded_letters(arrays, own, output)
    parts = []
    for x, term in zip(arrays, own, strict=True):
        layout = [Shard(term.index(one)) if one in term else Replicate() for one in letters]
        spread = [one != NONE and one not in term for one in letters]
        gradient = [Partial() if sum_ else put for sum_, put in zip(spread, layout, strict=True)]
        part = _redistribute(x, tuple(layout))
        parts.append(part.to_local(grad_placements=gradient))
    part = fn(*parts)
    sizes, result = list(part.shape), []
    for one in letters:
        if one in output:
            to = output.index(one)
            sizes[to] = next(
                x.shape[term.index(one)] for x, term in zip(arrays, own, strict=True) if one in term
            )
            result.append(Shard(to))
        else:
            result.append(Replicate() if one == NONE else Partial())
    return _from_part(part, arrays[0].device_mesh, tuple(result), sizes)


def shards(x: Array, axis: int) -> bool:
    """Whether the tensor is a DTensor that is divided among processes along this axis."""
    return is_sharded(x) and any(one.is_shard(axis % x.ndim) for one in x.placements)


def reshape(x: Array, shape: Sequence[int]) -> Array:
    """A DTensor with another shape: an axis that is joined or parted stays sharded if it can.

    It can where it varies slowest among those that are joined, or is parted into, and all
    processes have parts of one size.
    """
    if -1 in shape:
        known = prod([size for size in shape if size != -1])
        shape = [x.numel() // known if size == -1 else size for size in shape]
    to_axis = _kept_axes(x, shape)
    layout = _whole(x, [axis for axis in range(x.ndim) if axis not in to_axis])
    parts = list(shape)
    whole = _redistribute(x, layout).to_local()
    for axis in {placement.dim for placement in layout if _is_shard(placement)}:
        same = shape[to_axis[axis]] == x.shape[axis]
        shards = _processes(x, layout, axis)
        parts[to_axis[axis]] = whole.shape[axis] if same else shape[to_axis[axis]] // shards
    return _assemble(whole.reshape(parts), x, layout, to_axis, shape)


def teach_einops(kind: type) -> None:
    """Have einops reshape DTensors by `reshape`: DTensor's own refuses uneven parts.

    einops keeps the backend that it has found for each type. The one for DTensor becomes PyTorch's
    with this one method replaced. torch.compile cannot trace that: a graph that is the first to see
    a DTensor has the method only if the adapter was loaded after DTensor.
    """
    if kind not in _taught:
        sharded: Any = _backends.TorchBackend()  # type: ignore[no-untyped-call]
        sharded.reshape = reshape
        _backends._type2backend[kind] = sharded
        _taught.add(kind)


def _sharded_letters(arrays: Sequence[Array], axes: Sequence[str], output: str) -> list[str]:
    """The letter that each axis of the mesh shards, preferably one that the result has."""
    letters = []
    for of_mesh in zip(*(x.placements for x in arrays), strict=True):
        found = [
            term[placement.dim]
            for term, placement in zip(axes, of_mesh, strict=True)
            if _is_shard(placement) and all(one.count(term[placement.dim]) < 2 for one in axes)
        ]
        known = [letter for letter in found if letter != ONE]
        letters.append(next((one for one in known if one in output), known[0] if known else NONE))
    return letters


def _shard(axis: int) -> Any:
    # By this very name: Dynamo knows it, and not the class of another placement.
    from torch.distributed.tensor import Shard

    return Shard(axis)


def _whole(x: Array, axes: Sequence[int]) -> Layout:
    """The layout of a DTensor with these axes gathered and no reductions pending."""
    from torch.distributed.tensor import Replicate

    return tuple(
        placement if _is_shard(placement) and placement.dim not in axes else Replicate()
        for placement in x.placements
    )


def _is_shard(placement: Any) -> bool:
    """Whether a placement cuts an axis into runs, one for each process in turn."""
    from torch.distributed.tensor import Shard

    return type(placement) is Shard


def _processes(x: Array, layout: Layout, axis: int) -> int:
    """How many processes an axis is divided among."""
    sizes = zip(x.device_mesh.shape, layout, strict=True)
    return prod([n for n, placement in sizes if placement.is_shard(axis)])


def _redistribute(x: Array, layout: Layout) -> Array:
    return x if tuple(x.placements) == layout else x.redistribute(placements=layout)


def _assemble(
    part: Array,
    x: Array,
    layout: Layout,
    to_axis: dict[int, int],
    shape: Sequence[int] | None = None,
) -> Array:
    """The DTensor of parts of a result, sharded where `x` is: `to_axis` says where axes went."""
    sizes, placements = list(part.shape if shape is None else shape), []
    for placement in layout:
        if _is_shard(placement):
            to = to_axis[placement.dim]
            sizes[to] = x.shape[placement.dim] if shape is None else shape[to]
            placement = _shard(to)
        placements.append(placement)
    return _from_part(part, x.device_mesh, tuple(placements), sizes)


def _from_part(part: Array, mesh: Any, layout: Layout, sizes: Sequence[int]) -> Array:
    from torch.distributed.tensor import DTensor

    steps = accumulate(reversed(sizes[1:]), lambda step, size: step * size, initial=1)
    # Contiguous, as the strides say: DTensor takes them for those of the part.
    return DTensor.from_local(
        part.contiguous(),
        mesh,
        layout,
        run_check=False,
        shape=torch.Size(sizes),
        stride=tuple(reversed(list(steps))) if sizes else (),
    )


def _kept_axes(x: Array, shape: Sequence[int]) -> dict[int, int]:
    """The axes that may stay sharded in a reshape, and which axes of the result they become."""
    if 0 in shape:
        return {}
    kept: dict[int, int] = {}
    for before, after in _groups(x.shape, shape):
        first, to = before[0], after[0]
        shards = _processes(x, x.placements, first)
        even = x.shape[first] % shards == 0 and shape[to] % shards == 0
        if even or (len(before) == 1 and len(after) == 1):
            kept[first] = to
    return kept


def _groups(old: Sequence[int], new: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """The shortest runs of axes of each shape that hold the same elements, without axes of 1."""
    rest = [axis for axis, size in enumerate(new) if size != 1]
    groups: list[tuple[list[int], list[int]]] = []
    before: list[int] = []
    after: list[int] = []
    for axis, size in enumerate(old):
        if size == 1:
            continue
        before.append(axis)
        held = prod([old[one] for one in before])
        while rest and prod([new[one] for one in after]) < held:
            after.append(rest.pop(0))
        if prod([new[one] for one in after]) == held:
            groups.append((before, after))
            before, after = [], []
    return groups


if hasattr(sys.modules.get("torch.distributed.tensor"), "DTensor"):
    teach_einops(sys.modules["torch.distributed.tensor"].DTensor)
