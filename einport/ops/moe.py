"""Mixtures of experts: each token goes to a few of many small networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple, TypeVar

from einops import rearrange

from ..backends import Backend
from ..operation import operation
from ..patterns.contraction import contract
from . import _checks as check
from .probability import softmax

__all__ = [
    "aggregate_expert_outputs",
    "combine_tokens",
    "dispatch_tokens",
    "expert_linear",
    "group_tokens_by_expert",
    "load_balancing_loss",
    "moe_layer",
    "top_k_gating",
]

A = TypeVar("A")

_NETWORK = {"gate": "d E", "w1": "E d h", "b1": "E h", "w2": "E h d", "b2": "E d"}
"""The parameters of `moe_layer` and their axes."""


class Dispatch(NamedTuple):
    """Tokens sorted by expert, and the way back: what `dispatch_tokens` returns.

    An *assignment* is one token's one choice; they stand in the order of the tokens, a token's
    first choice before its second.
    """

    tokens: Any
    """The rows of each expert in the order of their assignments, expert after expert: `(t·k, d)`,
    or `(E, C, d)` with zeros behind an expert's last row where there is a capacity C."""
    counts: Any
    """How many assignments each expert got, the dropped ones included: `(E,)` integers."""
    kept: Any
    """Whether an assignment has a row, `(t, k)` booleans; all True without a capacity."""
    dropped: Any
    """How many assignments have none: an integer with no axis."""
    places: Any
    """The row of each assignment, counted through all experts, or −1: `(t, k)` integers."""


class _Route(NamedTuple):
    """Assignments sorted by expert. Everything else follows from these by gathering."""

    experts: Any
    """`(t·k,)`: the expert of each assignment."""
    order: Any
    """`(t·k,)`: the assignments, sorted by expert."""
    inverse: Any
    """`(t·k,)`: where each assignment stands in that order."""
    counts: Any
    """`(E,)`: how many each expert has."""
    starts: Any
    """`(E,)`: where its first stands in that order."""


@operation
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


@operation
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


@operation
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
    b, s, k = xp.sizes(gate_weights)
    per_token = rearrange(expert_outputs, "(b s k) d -> b s k d", b=b, s=s, k=k)
    factors = {"expert_outputs": per_token, "gate_weights": gate_weights}
    total: A = contract(op, xp, factors, "b s k d, b s k -> b s d")
    return total


@operation
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


@operation
def dispatch_tokens(
    tokens: A, expert_indices: A, num_experts: int, *, capacity: int | None = None
) -> Dispatch:
    """Sort tokens by the experts that they go to.

    Without a capacity every assignment gets a row. With one, an expert takes the first C of its
    assignments, in the order of the tokens and for one token by choice; the rest is dropped.

    While tracing, the indices cannot be read: one out of range is then not noticed, and what comes
    out for any token is not specified.

    Args:
        tokens: `(t, d)`, any dtype.
        expert_indices: `(t, k)`, integers from 0 to `num_experts` − 1: the experts of each token,
            as `top_k_gating` gives them.
        num_experts: E.
        capacity: C, the most rows that an expert takes.

    Returns:
        A `Dispatch` of `tokens (t·k, d)` or `(E, C, d)`, `counts (E,)`, `kept (t, k)`,
        `dropped ()` and `places (t, k)`: the assignment (i, j) has row `places[i, j]` of
        `tokens`, seen as rows, which is `tokens[i]`.

    Raises:
        TypeError: an argument is not an array, the indices are not integers, frameworks are
            mixed, or `num_experts` or `capacity` is not an integer.
        ValueError: the shapes do not fit, tokens have no choice, `num_experts` or `capacity` is
            less than 1, or `k` is not known in TensorFlow.
        IndexError: an expert is out of range.

    Source: D. Lepikhin et al., "GShard", ICLR 2021, section 2.2, with the order of T. Gale et al.,
    "MegaBlocks", MLSys 2023: sorted, not one-hot.

    >>> import numpy as np
    >>> tokens, experts = np.array([[5], [6], [7]]), np.array([[1], [0], [1]])
    >>> dispatch_tokens(tokens, experts, 2).tokens.tolist()
    [[6], [5], [7]]
    >>> limited = dispatch_tokens(tokens, experts, 2, capacity=1)
    >>> limited.tokens.tolist(), limited.kept.tolist()
    ([[[6]], [[5]]], [[True], [True], [False]])
    """
    op = "dispatch_tokens"
    xp = check.arrays(op, tokens=tokens, expert_indices=expert_indices)
    check.integers(op, "expert_indices", xp, expert_indices)
    experts = check.count(op, "num_experts", num_experts)
    if capacity is not None:
        capacity = check.count(op, "capacity", capacity)
    shape, assigned = xp.shape(tokens), xp.shape(expert_indices)
    check.rank(op, "tokens", shape, "t d")
    check.rank(op, "expert_indices", assigned, "t k")
    check.not_empty(op, "expert_indices", assigned, {"choices": 1})
    if not check.equal(shape[0], assigned[0]):
        raise ValueError(
            f"{op}: expert_indices must have a row for each of the {shape[0]} tokens, got "
            f"{assigned[0]} (tokens has shape {check.show(shape)}, "
            f"expert_indices {check.show(assigned)})"
        )
    check.ids(op, "expert_indices", xp, expert_indices, experts)
    route, k = _route(xp, expert_indices, experts), _known_choices(op, expert_indices=assigned)
    if capacity is None:
        rows = xp.take(tokens, route.order // k, axis=0, in_range=True)
        places, kept = route.inverse, route.inverse >= 0
    else:
        rows, places, kept = _with_room(xp, tokens, route, k, capacity)
    kept, places = (rearrange(one, "(t k) -> t k", k=k) for one in (kept, places))
    return Dispatch(rows, route.counts, kept, xp.sum(places < 0), places)


@operation
def combine_tokens(expert_outputs: A, dispatch: Dispatch, gate_weights: A) -> A:
    """Bring the experts' outputs back to their tokens and add them up, weighted by the gate.

    The inverse of `dispatch_tokens`. A dropped assignment adds zero, whatever its weight is, NaN
    included.

    Args:
        expert_outputs: `(t·k, d)` or `(E, C, d)`: row for row what the experts made of
            `dispatch.tokens`, of any width; floating.
        dispatch: what `dispatch_tokens` returned.
        gate_weights: `(t, k)` of the dtype of the outputs.

    Returns:
        `(t, d)`: `out[i] = Σ_j gate_weights[i, j] · rows[places[i, j]]` over the kept j.

    Raises:
        TypeError: an array argument is not a floating array, frameworks or dtypes are mixed, or
            `dispatch` is not a `Dispatch`.
        ValueError: the outputs do not have the rows of `dispatch.tokens`, the weights not the
            shape of the assignments, or `k` is not known in TensorFlow.

    Source: D. Lepikhin et al., "GShard", ICLR 2021, algorithm 1.

    >>> import numpy as np
    >>> tokens, experts = np.array([[5.0], [6.0]]), np.array([[1, 0], [0, 1]])
    >>> sent = dispatch_tokens(tokens, experts, 2)
    >>> combine_tokens(10 * sent.tokens, sent, np.array([[0.5, 0.5], [1.0, 0.0]])).tolist()
    [[50.0], [60.0]]
    """
    op = "combine_tokens"
    if not isinstance(dispatch, Dispatch):
        raise TypeError(
            f"{op}: dispatch must be what dispatch_tokens returns, got {check.shown(dispatch)}"
        )
    named = {"expert_outputs": expert_outputs, "gate_weights": gate_weights}
    parts = {f"dispatch.{name}": x for name, x in dispatch._asdict().items()}
    xp = check.arrays(op, **named, **parts)
    for name, x in named.items():
        check.floating(op, name, xp, x)
    check.same_dtype(op, xp, **named)
    rows, given = xp.shape(expert_outputs), xp.shape(dispatch.tokens)
    if len(rows) != len(given) or not check.same_sizes(rows[:-1], given[:-1]):
        raise ValueError(
            f"{op}: expert_outputs must have the rows of dispatch.tokens, of any width: "
            f"got shape {check.show(rows)} (dispatch.tokens has shape {check.show(given)})"
        )
    weights, places = xp.shape(gate_weights), xp.shape(dispatch.places)
    if not check.same_sizes(weights, places):
        raise ValueError(
            f"{op}: gate_weights must have shape {check.show(places)}, one for each assignment, "
            f"got {check.show(weights)}"
        )
    k = _known_choices(op, **{"gate_weights": weights, "dispatch.places": places})
    flat = rearrange(dispatch.places, "t k -> (t k)")
    kept = rearrange(dispatch.kept, "t k -> (t k)") if len(rows) == 3 else None
    outputs, factors = xp.widen(expert_outputs), xp.widen(gate_weights)
    out: A = xp.astype(_combine(xp, outputs, flat, factors, k, kept), xp.dtype(expert_outputs))
    return out


@operation
def moe_layer(x: A, params: Mapping[str, A], *, k: int, capacity: int | None = None) -> A:
    """Send each token through k of E small networks, and add up what they make of it.

    The gate scores a token's experts by `x @ gate` and chooses as `top_k_gating` does; the weights
    of the chosen sum to one. An expert is two linear layers with a ReLU between. Without a
    capacity no token is dropped, whatever the load; with one, assignments past an expert's first
    C add zero, as in `dispatch_tokens`, whose tokens are those of all batches in order.

    16-bit floats are computed in float32.

    Args:
        x: `(b, s, d)`, floating.
        params: `gate (d, E)`, `w1 (E, d, h)`, `b1 (E, h)`, `w2 (E, h, d)` and `b2 (E, d)`, all of
            the dtype of `x`.
        k: how many experts a token gets.
        capacity: C, the most tokens that an expert takes.

    Returns:
        `(b, s, d)`: `out = Σ_e weight_e · (max(0, x·w1[e] + b1[e])·w2[e] + b2[e])` over the
        chosen experts e.

    Raises:
        TypeError: an argument is not a floating array, frameworks or dtypes are mixed, `params`
            is not a dictionary, or `k` or `capacity` is not an integer.
        ValueError: `k` is less than 1 or more than the experts, `capacity` is less than 1, a
            parameter is missing, a shape does not fit, or `E` is not known in TensorFlow.

    Source: N. Shazeer et al., "Outrageously Large Neural Networks", ICLR 2017, with the gate of
    D. Lepikhin et al., "GShard", ICLR 2021.

    >>> import numpy as np
    >>> params = {"gate": np.eye(2), "w1": np.ones((2, 2, 3)), "b1": np.zeros((2, 3))}
    >>> params |= {"w2": np.ones((2, 3, 2)), "b2": np.array([[0.0, 0.0], [100.0, 100.0]])}
    >>> moe_layer(np.array([[[2.0, 0.0], [0.0, 2.0]]]), params, k=1).tolist()
    [[[6.0, 6.0], [106.0, 106.0]]]
    """
    op = "moe_layer"
    xp = check.array(op, "x", x)
    check.floating(op, "x", xp, x)
    k = check.count(op, "k", k)
    if capacity is not None:
        capacity = check.count(op, "capacity", capacity)
    shape = xp.shape(x)
    check.rank(op, "x", shape, "b s d")
    sizes = {"d": shape[2]}
    check.parameters(op, xp, {"x": x}, params, _NETWORK, sizes)
    experts = _known_experts(op, {name: xp.shape(params[name]) for name in _NETWORK})
    if isinstance(experts, int) and k > experts:
        raise ValueError(
            f"{op}: k must be at most the number of experts, {experts}, got {k} "
            f"(params['gate'] has shape {check.show(xp.shape(params['gate']))})"
        )
    gate, *network = [xp.widen(params[name]) for name in _NETWORK]
    tokens = rearrange(xp.widen(x), "b s d -> (b s) d")
    weights, chosen = top_k_gating(xp.matmul(tokens, gate), k)
    route = _route(xp, chosen, experts)
    kept = None
    if capacity is not None:
        rows, places, kept = _with_room(xp, tokens, route, k, capacity)
        rows = _apply_experts(xp, rows, network)
    elif xp.can_check(route.counts) and not xp.compiles_eagerly:
        rows, places = _apply_to_segments(xp, tokens, route, k, network), route.inverse
    else:
        rows, places, owners = _in_blocks(xp, tokens, route, k, experts)
        own = [xp.take(one, owners, axis=0, in_range=True) for one in network]
        rows = _apply_experts(xp, rows, own)
    out: A = xp.astype(_combine(xp, rows, places, weights, k, kept), xp.dtype(x))
    b, s, _ = xp.sizes(x)
    return rearrange(out, "(b s) d -> b s d", b=b, s=s)


@operation
def load_balancing_loss(gate_probabilities: A, expert_indices: A, num_experts: int) -> A:
    """How far experts are from getting equal loads: 1 when they do, E when one gets all.

    The share of the assignments is a count and has no gradient: that flows through the
    probabilities alone.

    Args:
        gate_probabilities: `(..., E)`: the softmax over all experts; floating.
        expert_indices: the chosen experts, integers from 0 to E − 1: `(...)`, one a token, or
            `(..., k)`.
        num_experts: E.

    Returns:
        `()`: `E · Σ_i f_i · P_i`, where f_i is the share of all assignments that go to expert i,
        and P_i the mean of its probability over all tokens.

    Raises:
        TypeError: an argument is not an array, the probabilities are not floating, the indices
            not integers, frameworks are mixed, or `num_experts` is not an integer.
        ValueError: the shapes do not fit, there are no tokens or no choices, or `num_experts` is
            less than 1.
        IndexError: an expert is out of range.

    Source: W. Fedus et al., "Switch Transformers", JMLR 2022, equations 4 to 6, with the shares
    of all k choices where there are more than one.

    >>> import numpy as np
    >>> float(load_balancing_loss(np.array([[0.75, 0.25], [0.5, 0.5]]), np.array([0, 0]), 2))
    1.25
    """
    op = "load_balancing_loss"
    xp = check.arrays(op, gate_probabilities=gate_probabilities, expert_indices=expert_indices)
    check.floating(op, "gate_probabilities", xp, gate_probabilities)
    check.integers(op, "expert_indices", xp, expert_indices)
    experts = check.count(op, "num_experts", num_experts)
    shape, assigned = xp.shape(gate_probabilities), xp.shape(expert_indices)
    _check_choices(op, shape, assigned, experts)
    check.ids(op, "expert_indices", xp, expert_indices, experts)
    chosen = rearrange(expert_indices, "... -> (...)")
    counts = _count(xp, chosen, experts)
    wide = xp.widen(gate_probabilities)
    dtype = xp.dtype(wide)
    shares = xp.astype(counts, dtype) / xp.astype(xp.sum(counts), dtype)
    means = xp.mean(rearrange(wide, "... e -> (...) e"), axis=0)
    loss: A = xp.astype(experts * xp.sum(shares * means), xp.dtype(gate_probabilities))
    return loss


def _known_experts(op: str, shapes: Mapping[str, Sequence[Any]]) -> Any:
    """How many experts there are: one parameter whose shape says so is enough."""
    for name, shape in shapes.items():
        size = shape[_NETWORK[name].split().index("E")]
        if size is not None:
            return size
    raise ValueError(
        f"{op}: the number of experts must be known, "
        f"got params['gate'] of shape {check.show(shapes['gate'])}"
    )


def _known_choices(op: str, **shapes: Sequence[Any]) -> Any:
    """How many experts a token goes to, from the shapes `(t, k)` that say so."""
    for shape in shapes.values():
        if shape[1] is not None:
            return shape[1]
    name, shape = next(iter(shapes.items()))
    raise ValueError(
        f"{op}: the number of choices, the last axis of {name}, must be known, "
        f"got shape {check.show(shape)}"
    )


def _check_choices(op: str, shape: Any, assigned: Any, experts: int) -> None:
    """Probabilities of all experts, and one choice or k for each token; none may be empty."""
    check.rank(op, "gate_probabilities", shape, "... experts")
    if not check.equal(shape[-1], experts):
        raise ValueError(
            f"{op}: gate_probabilities must have one for each of num_experts = {experts}, "
            f"got {shape[-1]} (gate_probabilities has shape {check.show(shape)})"
        )
    choices = len(assigned) - len(shape) + 1
    if choices not in (0, 1) or not check.same_sizes(assigned[: len(shape) - 1], shape[:-1]):
        raise ValueError(
            f"{op}: expert_indices must have shape {check.show(shape[:-1])} or one axis more, for "
            f"k choices, got {check.show(assigned)} (gate_probabilities has shape "
            f"{check.show(shape)})"
        )
    if 0 in assigned:
        raise ValueError(
            f"{op}: needs at least one token and one choice (expert_indices has shape "
            f"{check.show(assigned)})"
        )


def _route(xp: Backend, chosen: Any, experts: int) -> _Route:
    """Sort the assignments `(t, k)`: stably, so that an expert's keep their order."""
    flat = rearrange(xp.astype(chosen, xp.index_dtype), "t k -> (t k)")
    order = xp.argsort(flat)
    counts = _count(xp, flat, experts)
    return _Route(flat, order, xp.argsort(order), counts, xp.cumulative_sum(counts) - counts)


def _count(xp: Backend, flat: Any, experts: int) -> Any:
    return xp.segment_sum(flat >= 0, flat, experts, in_range=True)


def _ranks(xp: Backend, route: _Route) -> Any:
    """Where each assignment stands among its own expert's."""
    return route.inverse - xp.take(route.starts, route.experts, axis=0, in_range=True)


def _with_room(xp: Backend, tokens: Any, route: _Route, k: int, capacity: int) -> Any:
    """Rows for the first of each expert, `(E, C, d)`; the places of all, and who has one."""
    (experts,) = xp.shape(route.counts)
    within = rearrange(xp.arange(capacity, like=tokens), "c -> 1 c")
    rows = _rows_of(xp, tokens, route, k, xp.arange(experts, like=tokens), within)
    ranks = _ranks(xp, route)
    kept = ranks < capacity
    return rows, xp.where(kept, route.experts * capacity + ranks, -1), kept


def _in_blocks(xp: Backend, tokens: Any, route: _Route, k: int, experts: int) -> Any:
    """Rows for all, as many whatever the loads are: what cannot be read need not be.

    Each expert's rows fill blocks of its own, the last with zeros behind them: `(n, r, d)`. Then
    the places of the assignments, and the expert of each block.
    """
    size, number = _block_sizes(xp, route, experts)
    needed = (route.counts + (size - 1)) // size
    ends = xp.cumulative_sum(needed)
    first = ends - needed
    block = rearrange(xp.arange(number, like=tokens), "n -> n 1")
    owners = xp.sum(rearrange(ends, "e -> 1 e") <= block, axis=1)
    # Blocks that no expert needs go to the last one, behind its rows, and stay empty.
    owners = xp.where(owners < experts, owners, experts - 1)
    turn = block - rearrange(xp.take(first, owners, axis=0, in_range=True), "n -> n 1")
    within = turn * size + rearrange(xp.arange(size, like=tokens), "r -> 1 r")
    rows = _rows_of(xp, tokens, route, k, owners, within)
    start = xp.take(first, route.experts, axis=0, in_range=True) * size
    return rows, start + _ranks(xp, route), owners


def _block_sizes(xp: Backend, route: _Route, experts: int) -> tuple[int, Any]:
    """Rows of a block, and how many blocks there are at most.

    Larger blocks hold more zeros, smaller ones need their expert's weights more often: the size
    grows with an expert's load, first fast and then slowly.
    """
    (total,) = xp.sizes(route.order)
    if not isinstance(total, int):
        return 128, total // 128 + experts
    if xp.is_fixed(total) and xp.is_fixed(experts):
        size = min(8 + total // (2 * experts), 128 + total // (16 * experts))
        return size, min(total, (total + experts * (size - 1)) // size)
    # Nearly the same, for any number: a comparison of sizes would make a graph for each outcome.
    load = total // experts
    size = 8 + load // 16 + load // (2 + load // 120)
    # Nor may it be any formula: PyTorch cannot export all that it can compile.
    return size, total // size + experts


def _rows_of(xp: Backend, tokens: Any, route: _Route, k: int, owners: Any, ranks: Any) -> Any:
    """The tokens at these ranks `(n, r)` of their owners `(n,)`; zeros behind the last."""
    counts = rearrange(xp.take(route.counts, owners, axis=0, in_range=True), "n -> n 1")
    starts = rearrange(xp.take(route.starts, owners, axis=0, in_range=True), "n -> n 1")
    # −1 stands for "none" all the way: the last of the padded order is −1, and −1 // k is, and
    # the last of the padded tokens is zeros.
    at = xp.where(ranks < counts, starts + ranks, -1)
    source = xp.take(xp.pad(route.order, [(0, 1)], value=-1), at, axis=0, in_range=True) // k
    return xp.take(xp.pad(tokens, [(0, 1), (0, 0)]), source, axis=0, in_range=True)


def _combine(xp: Backend, outputs: Any, places: Any, weights: Any, k: int, kept: Any = None) -> Any:
    """The weighted sum of each token's rows, one choice after the other."""
    rows = rearrange(outputs, "e c d -> (e c) d") if len(xp.shape(outputs)) == 3 else outputs
    places = rearrange(places, "(t k) -> k t", k=k)
    factors = rearrange(weights, "t k -> k t 1")
    has = None if kept is None else rearrange(kept, "(t k) -> k t 1", k=k)
    total = None
    for j in range(k):
        found, factor = xp.take(rows, places[j], axis=0, in_range=True), factors[j]
        if has is not None:
            # Both: NaN times zero is NaN, and so would be the gradient.
            found, factor = xp.where(has[j], found, 0.0), xp.where(has[j], factor, 0.0)
        total = found * factor if total is None else total + found * factor
    return total


def _apply_experts(xp: Backend, rows: Any, network: Sequence[Any]) -> Any:
    """max(0, rows·w1 + b1)·w2 + b2, for the rows `(n, r, d)` of n experts."""
    w1, b1, w2, b2 = network
    hidden = xp.maximum(xp.matmul(rows, w1) + rearrange(b1, "n h -> n 1 h"), 0)
    return xp.matmul(hidden, w2) + rearrange(b2, "n d -> n 1 d")


def _apply_to_segments(
    xp: Backend, tokens: Any, route: _Route, k: int, network: Sequence[Any]
) -> Any:
    """The same expert by expert, where it can be read how many rows each has: `(t·k, d)`."""
    stops = list(accumulate(xp.to_numpy(route.counts).tolist()))
    parts = []
    for e, (start, stop) in enumerate(pairwise([0, *stops])):
        source = route.order[start:stop] // k
        rows = rearrange(xp.take(tokens, source, axis=0, in_range=True), "r d -> 1 r d")
        parts.append(_apply_experts(xp, rows, [one[e : e + 1] for one in network])[0])
    return xp.concat(parts)


def _check_loads(op: str, xp: Backend, flat: Any, experts: int) -> None:
    """Every expert must be in range and get as many tokens, as far as that can be read."""
    (total,) = xp.shape(flat)
    if not check.divides(experts, total):
        raise ValueError(
            f"{op}: num_experts = {experts} does not divide the {total} tokens, so that loads "
            "cannot be equal; dispatch_tokens takes any load"
        )
    if not xp.can_check(flat) or total == 0:
        return
    values = xp.to_numpy(flat)  # once: the host sorts them sooner than most frameworks count them
    values.sort()
    groups, names = rearrange(values, "(e t) -> e t", e=experts), list(range(experts))
    if groups[:, 0].tolist() == names == groups[:, -1].tolist():
        return
    check.ids(op, "expert_assignments", xp, flat, experts)
    loads = [int((values == e).sum()) for e in names]
    raise ValueError(
        f"{op}: every expert must get {total // experts} tokens, got the counts {loads}; "
        "dispatch_tokens takes any load"
    )
