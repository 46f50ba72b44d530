"""Apply each group's own weights to its run of rows, for groups of any sizes.

Where the sizes of the groups can be read, each run is computed by itself. Elsewhere rows are
gathered into blocks of one size, each of one group and padded with zeros: how many blocks there are
does not depend on the sizes, so that a graph holds any of them and nothing is synchronized with the
host.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import Any

from einops import rearrange

from ..backends import Array, Backend

Batched = Callable[[Backend, Array, Sequence[Array]], Array]
"""Of rows `(g, r, d)` and weights that begin with an axis g, rows `(g, r, e)`."""


def apply_by_group(
    xp: Backend, fn: Batched, rows: Array, counts: Array, weights: Sequence[Array]
) -> Array:
    """Apply a function to each group's rows and weights.

    Args:
        xp: the adapter of the arrays.
        fn: what is computed, for several groups of equally many rows at once.
        rows: `(n, d)`, group after group.
        counts: `(g,)`: how many rows each group has; they add up to n.
        weights: arrays whose first axis is g.

    Returns:
        `(n, e)`, in the order of the rows.
    """
    if xp.can_check(counts) and not xp.compiles_eagerly:
        return _run_by_run(xp, fn, rows, counts, weights)
    return _in_blocks(xp, fn, rows, counts, weights)


def _run_by_run(
    xp: Backend, fn: Batched, rows: Array, counts: Array, weights: Sequence[Array]
) -> Array:
    stops = list(accumulate(xp.to_numpy(counts).tolist()))
    runs = [
        fn(xp, rows[None, start:stop], [weight[g : g + 1] for weight in weights])[0]
        for g, (start, stop) in enumerate(pairwise([0, *stops]))
    ]
    return xp.concat(runs)


def _in_blocks(
    xp: Backend, fn: Batched, rows: Array, counts: Array, weights: Sequence[Array]
) -> Array:
    (groups,) = xp.sizes(counts)
    total, _ = xp.sizes(rows)
    size, number = _block_sizes(xp, total, groups)

    def of(values: Array, group: Array) -> Array:
        return xp.take(values, group, axis=0, in_range=True)

    stops = xp.cumulative_sum(counts)
    starts = stops - counts
    needed = (counts + (size - 1)) // size
    last_blocks = xp.cumulative_sum(needed)
    first_blocks = last_blocks - needed

    block = xp.arange(number, like=rows)
    group = _group_of(xp, block, last_blocks)
    # Blocks that no group needs go to the last one, behind its rows, and stay empty.
    group = xp.where(group < groups, group, groups - 1)
    within = rearrange((block - of(first_blocks, group)) * size, "n -> n 1")
    rank = within + rearrange(xp.arange(size, like=rows), "r -> 1 r")
    at = rearrange(of(starts, group), "n -> n 1") + rank
    at = xp.where(rank < rearrange(of(counts, group), "n -> n 1"), at, -1)
    found = fn(xp, take_or_zeros(xp, rows, at), [of(weight, group) for weight in weights])

    row = xp.arange(total, like=rows)
    own = _group_of(xp, row, stops)
    places = of(first_blocks, own) * size + row - of(starts, own)
    return of(rearrange(found, "n r e -> (n r) e"), places)


def take_or_zeros(xp: Backend, rows: Array, indices: Array) -> Array:
    """Rows by their index; zeros where the index is −1."""
    return xp.take(xp.pad(rows, [(0, 1), (0, 0)]), indices, axis=0, in_range=True)


def _group_of(xp: Backend, position: Array, stops: Array) -> Array:
    """The group that a position is in, by where groups stop; past the last where it is in none."""
    return xp.sum(rearrange(stops, "g -> 1 g") <= rearrange(position, "n -> n 1"), axis=1)


def _block_sizes(xp: Backend, total: Any, groups: Any) -> tuple[Any, Any]:
    """Rows of a block, and how many blocks there are at most.

    Larger blocks hold more zeros, smaller ones need their group's weights more often: the size
    grows with the mean load, first fast and then slowly.
    """
    if not isinstance(total, int):
        return 128, total // 128 + groups
    if xp.is_fixed(total) and xp.is_fixed(groups):
        size = min(8 + total // (2 * groups), 128 + total // (16 * groups))
        return size, min(total, (total + groups * (size - 1)) // size)
    # Nearly the same, for any number: a comparison of sizes would make a graph for each outcome,
    # and PyTorch cannot export every formula that it can compile.
    load = total // groups
    size = 8 + load // 16 + load // (2 + load // 120)
    return size, total // size + groups
