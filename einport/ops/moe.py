"""Mixtures of experts: each token goes to a few of many small networks."""

from __future__ import annotations

from typing import Any, TypeVar

from einops import rearrange

from ..backends import Backend
from . import _checks as check
from ._einsum import contract
from .probability import softmax

__all__ = [
    "aggregate_expert_outputs",
    "expert_linear",
    "group_tokens_by_expert",
    "top_k_gating",
]

A = TypeVar("A")


def top_k_gating(logits: A, k: int, *, renormalize: bool = True) -> tuple[A, A]:
    """Choose the k likeliest experts of each token, and how much each counts.

    Experts are compared by their logits, so that probabilities too small to tell apart still fall
    in order. Equal logits go to the lower expert; NaN comes last.

    Args:
        logits: `(..., E)`, floating.
        k: how many experts a token gets.
        renormalize: let the k weights of a token sum to one.

    Returns:
        `weights (..., k)`, the softmax over all experts at the chosen ones, in falling order; and
        `indices (..., k)`, the experts, integers.

    Raises:
        TypeError: `logits` is not a floating array, `k` not an integer, or `renormalize` not a
            bool.
        ValueError: `k` is less than 1 or more than the experts, or `logits` has no axis.

    Source: N. Shazeer et al., "Outrageously Large Neural Networks", ICLR 2017; the softmax over
    all experts as in W. Fedus et al., "Switch Transformers", JMLR 2022.

    >>> import numpy as np
    >>> weights, experts = top_k_gating(np.log([1.0, 4.0, 3.0, 2.0]), 2, renormalize=False)
    >>> weights.round(3).tolist(), experts.tolist()
    ([0.4, 0.3], [1, 2])
    """
    op = "top_k_gating"
    xp = check.array(op, "logits", logits)
    check.floating(op, "logits", xp, logits)
    k = check.count(op, "k", k)
    check.flag(op, "renormalize", renormalize)
    shape = xp.shape(logits)
    check.rank(op, "logits", shape, "... experts")
    if isinstance(shape[-1], int) and k > shape[-1]:
        raise ValueError(
            f"{op}: k must be at most the number of experts, {shape[-1]}, got {k} "
            f"(logits has shape {check.show(shape)})"
        )
    _, indices = xp.top_k(logits, k)
    weights = xp.take_along_axis(softmax(xp.widen(logits)), indices, axis=-1, in_range=True)
    if renormalize:
        weights = weights / xp.sum(weights, axis=-1, keepdims=True)
    return xp.astype(weights, xp.dtype(logits)), indices


def group_tokens_by_expert(tokens: A, expert_assignments: A, num_experts: int) -> A:
    """Sort tokens into equal groups, one an expert.

    Inside a group the tokens keep their order, batch by batch. Every expert must get as many; for
    any other load there is `dispatch_tokens`. While tracing, the assignments cannot be read:
    unequal loads are then not noticed, and the groups are wrong.

    Args:
        tokens: `(b, s, d)`, any dtype.
        expert_assignments: `(b, s)`, integers from 0 to `num_experts` − 1.
        num_experts: E.

    Returns:
        `(E, b·s/E, d)`.

    Raises:
        TypeError: an argument is not an array, the assignments are not integers, frameworks are
            mixed, or `num_experts` is not an integer.
        ValueError: loads differ; the shapes do not fit; `num_experts` is less than 1 or does not
            divide the number of tokens.
        IndexError: an expert is out of range.

    Source: the grouping step of expert parallelism, D. Lepikhin et al., "GShard", ICLR 2021.

    >>> import numpy as np
    >>> tokens = np.arange(4).reshape(1, 4, 1)
    >>> group_tokens_by_expert(tokens, np.array([[1, 0, 1, 0]]), 2).tolist()
    [[[1], [3]], [[0], [2]]]
    """
    op = "group_tokens_by_expert"
    xp = check.arrays(op, tokens=tokens, expert_assignments=expert_assignments)
    check.integers(op, "expert_assignments", xp, expert_assignments)
    experts = check.count(op, "num_experts", num_experts)
    shape, assigned = xp.shape(tokens), xp.shape(expert_assignments)
    check.rank(op, "tokens", shape, "b s d")
    check.rank(op, "expert_assignments", assigned, "b s")
    if not check.same_sizes(shape[:2], assigned):
        raise ValueError(
            f"{op}: expert_assignments must have shape {check.show(shape[:2])}, one for each "
            f"token, got {check.show(assigned)} (tokens has shape {check.show(shape)})"
        )
    flat = rearrange(expert_assignments, "b s -> (b s)")
    _check_loads(op, xp, flat, experts)
    order = xp.argsort(flat)
    rows: A = xp.take(rearrange(tokens, "b s d -> (b s) d"), order, axis=0, in_range=True)
    return rearrange(rows, "(e t) d -> e t d", e=experts)


def aggregate_expert_outputs(expert_outputs: A, gate_weights: A) -> A:
    """Add up each token's expert outputs, weighted by the gate.

    Args:
        expert_outputs: `(b·s·k, d)` in the order of the tokens, k rows each; floating.
        gate_weights: `(b, s, k)` of the same dtype.

    Returns:
        `(b, s, d)`: `out[b, s] = Σ_k gate_weights[b, s, k] · expert_outputs[(b s k)]`.

    Raises:
        TypeError: an argument is not a floating array, or frameworks or dtypes are mixed.
        ValueError: ranks do not fit, or there are not b·s·k rows.

    Source: N. Shazeer et al., "Outrageously Large Neural Networks", ICLR 2017, equation 1.

    >>> import numpy as np
    >>> outputs, weights = np.array([[2.0], [4.0]]), np.array([[[0.25, 0.75]]])
    >>> aggregate_expert_outputs(outputs, weights).tolist()
    [[[3.5]]]
    """
    op = "aggregate_expert_outputs"
    named = {"expert_outputs": expert_outputs, "gate_weights": gate_weights}
    xp = check.arrays(op, **named)
    for name, x in named.items():
        check.floating(op, name, xp, x)
    check.same_dtype(op, xp, **named)
    rows, weights = xp.shape(expert_outputs), xp.shape(gate_weights)
    check.rank(op, "expert_outputs", rows, "rows d")
    check.rank(op, "gate_weights", weights, "b s k")
    b, s, k = weights
    if all(isinstance(n, int) for n in weights) and not check.equal(rows[0], b * s * k):
        raise ValueError(
            f"{op}: expert_outputs must have b·s·k = {b * s * k} rows, got {rows[0]} "
            f"(expert_outputs has shape {check.show(rows)}, gate_weights {check.show(weights)})"
        )
    lengths = {name: n for name, n in zip("bsk", weights, strict=True) if n is not None}
    per_token = rearrange(expert_outputs, "(b s k) d -> b s k d", **lengths)
    factors = {"expert_outputs": per_token, "gate_weights": gate_weights}
    total: A = contract(op, xp, factors, "b s k d, b s k -> b s d")
    return total


def expert_linear(x: A, weight: A) -> A:
    """Multiply each expert's tokens by that expert's own matrix, all in one product.

    Args:
        x: `(E, t, d)`, floating.
        weight: `(E, d, h)` of the same dtype.

    Returns:
        `(E, t, h)`: `out[e] = x[e] @ weight[e]`.

    Raises:
        TypeError: an argument is not a floating array, or frameworks or dtypes are mixed.
        ValueError: ranks or sizes do not fit.

    Source: D. Lepikhin et al., "GShard", ICLR 2021, algorithm 1.

    >>> import numpy as np
    >>> expert_linear(np.ones((2, 1, 3)), np.ones((2, 3, 4))).shape
    (2, 1, 4)
    """
    op = "expert_linear"
    named = {"x": x, "weight": weight}
    xp = check.arrays(op, **named)
    for name, array in named.items():
        check.floating(op, name, xp, array)
    check.same_dtype(op, xp, **named)
    check.rank(op, "x", xp.shape(x), "e t d")
    check.rank(op, "weight", xp.shape(weight), "e d h")
    product: A = contract(op, xp, named, "e t d, e d h -> e t h")
    return product


def _check_loads(op: str, xp: Backend, flat: Any, experts: int) -> None:
    """Every expert must be in range and get as many tokens, as far as that can be read."""
    (total,) = xp.shape(flat)
    if not check.divides(experts, total):
        raise ValueError(
            f"{op}: num_experts = {experts} does not divide the {total} tokens, so that loads "
            "cannot be equal; dispatch_tokens takes any load"
        )
    if not xp.is_concrete(flat) or total == 0:
        return
    check.ids(op, "expert_assignments", xp, flat, experts)
    ones = xp.astype(flat >= 0, "bool")
    loads = xp.to_numpy(xp.segment_sum(ones, flat, experts, in_range=True)).tolist()
    if len(set(loads)) > 1:
        raise ValueError(
            f"{op}: every expert must get {total // experts} tokens, got the counts {loads}; "
            "dispatch_tokens takes any load"
        )
