"""Sparse mixtures of experts: gates, the sorting of tokens by expert, and the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from einops import rearrange

from .. import expect
from ..backends import Backend, backend_of
from ..kernels.grouped import apply_by_group, take_or_zeros
from ..operation import operation
from ..patterns import einsum
from ..patterns.contraction import check_contraction
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


def _check_top_k_gating(logits: Any, k: Any, renormalize: object) -> None:
    xp = expect.arrays(logits=logits)
    expect.floating(xp, logits=logits)
    k = expect.known_int(k=k)
    expect.flag(renormalize=renormalize)
    shape = expect.axes(xp, "... experts", logits=logits)
    _check_k(k, shape[-1], "logits", shape)


@operation(checks=_check_top_k_gating)
def top_k_gating(logits: A, k: int, *, renormalize: bool = True) -> tuple[A, A]:
    """Top-k gating: each token's k experts of the largest logits, and their softmax weights.

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
    xp = backend_of(logits)
    _, indices = xp.top_k(logits, k)
    weights = softmax.definition(xp.widen(logits))
    weights = xp.take_along_axis(weights, indices, axis=-1, in_range=True)
    if renormalize:
        weights = weights / xp.sum(weights, axis=-1, keepdims=True)
    return xp.narrow(weights, logits), indices


def _check_group_tokens(tokens: Any, expert_assignments: Any, num_experts: Any) -> None:
    xp = expect.arrays(tokens=tokens, expert_assignments=expert_assignments)
    expect.integers(xp, expert_assignments=expert_assignments)
    experts = expect.positive_int(num_experts=num_experts)
    shape = expect.axes(xp, "b s d", tokens=tokens)
    assigned = expect.axes(xp, "b s", expert_assignments=expert_assignments)
    if not expect.same_sizes(shape[:2], assigned):
        raise expect.value_error(
            f"expert_assignments must have shape {expect.show(shape[:2])}, one for each "
            f"token, got {expect.show(assigned)} (tokens has shape {expect.show(shape)})"
        )
    _check_loads(xp, rearrange(expert_assignments, "b s -> (b s)"), experts)


@operation(checks=_check_group_tokens)
def group_tokens_by_expert(tokens: A, expert_assignments: A, num_experts: int) -> A:
    """Sort tokens into groups of equal size, one per expert.

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
    xp = backend_of(tokens)
    order = xp.argsort(rearrange(expert_assignments, "b s -> (b s)"))
    rows: A = xp.take(rearrange(tokens, "b s d -> (b s) d"), order, axis=0, in_range=True)
    return rearrange(rows, "(e t) d -> e t d", e=num_experts)


def _check_aggregate(expert_outputs: Any, gate_weights: Any) -> None:
    xp = expect.floats_alike(expert_outputs=expert_outputs, gate_weights=gate_weights)
    rows = expect.axes(xp, "rows d", expert_outputs=expert_outputs)
    weights = expect.axes(xp, "b s k", gate_weights=gate_weights)
    b, s, k = weights
    if all(isinstance(n, int) for n in weights) and not expect.equal(rows[0], b * s * k):
        raise expect.value_error(
            f"expert_outputs must have b·s·k = {b * s * k} rows, got {rows[0]} (expert_outputs "
            f"has shape {expect.show(rows)}, gate_weights {expect.show(weights)})"
        )


@operation(checks=_check_aggregate)
def aggregate_expert_outputs(expert_outputs: A, gate_weights: A) -> A:
    """Sum each token's expert outputs, weighted by the gate.

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
    b, s, k = backend_of(gate_weights).sizes(gate_weights)
    outputs = rearrange(expert_outputs, "(b s k) d -> b s k d", b=b, s=s, k=k)
    return einsum.definition(outputs, gate_weights, "b s k d, b s k -> b s d")


def _check_expert_linear(x: Any, weight: Any) -> None:
    xp = expect.floats_alike(x=x, weight=weight)
    expect.axes(xp, "e t d", x=x)
    expect.axes(xp, "e d h", weight=weight)
    check_contraction(xp, "e t d, e d h -> e t h", {"x": x, "weight": weight})


@operation(checks=_check_expert_linear)
def expert_linear(x: A, weight: A) -> A:
    """A linear layer per expert: one batched product of tokens and weights.

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
    return einsum.definition(x, weight, "e t d, e d h -> e t h")


def _check_dispatch(tokens: Any, expert_indices: Any, num_experts: Any, capacity: Any) -> None:
    xp = expect.arrays(tokens=tokens, expert_indices=expert_indices)
    expect.integers(xp, expert_indices=expert_indices)
    experts = expect.known_int(num_experts=num_experts)
    if capacity is not None:
        expect.positive_int(capacity=capacity)
    shape = expect.axes(xp, "t d", tokens=tokens)
    assigned = expect.axes(xp, "t k", expert_indices=expert_indices)
    expect.not_empty(xp, {"choices": 1}, expert_indices=expert_indices)
    if not expect.equal(shape[0], assigned[0]):
        raise expect.value_error(
            f"expert_indices must have a row for each of the {shape[0]} tokens, got {assigned[0]} "
            f"(tokens has shape {expect.show(shape)}, expert_indices {expect.show(assigned)})"
        )
    expect.ids(xp, experts, expert_indices=expert_indices)
    _check_choices_known(expert_indices=assigned)


@operation(checks=_check_dispatch)
def dispatch_tokens(
    tokens: A, expert_indices: A, num_experts: int, *, capacity: int | None = None
) -> Dispatch:
    """Sort tokens by the expert that they are routed to.

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
            less than 1, or `k` is not known while tracing.
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
    xp = backend_of(tokens)
    k = xp.shape(expert_indices)[1]
    experts = rearrange(xp.astype(expert_indices, xp.index_dtype), "t k -> (t k)")
    order = xp.argsort(experts)  # stable: an expert's assignments keep their order
    places = xp.argsort(order)
    counts = _count(xp, experts, num_experts)
    if capacity is None:
        rows, kept = xp.take(tokens, order // k, axis=0, in_range=True), places >= 0
    else:
        capacity, starts = xp.index(capacity), xp.cumulative_sum(counts) - counts
        ranks = places - xp.take(starts, experts, axis=0, in_range=True)
        kept = ranks < capacity
        places = xp.where(kept, experts * capacity + ranks, -1)
        rows = _first_rows(xp, tokens, order, starts, counts, k, capacity)
    kept, places = (rearrange(one, "(t k) -> t k", k=k) for one in (kept, places))
    return Dispatch(rows, counts, kept, xp.sum(places < 0), places)


def _check_combine(expert_outputs: Any, dispatch: Any, gate_weights: Any) -> None:
    if not isinstance(dispatch, Dispatch):
        raise expect.type_error(
            f"dispatch must be what dispatch_tokens returns, got {expect.shown(dispatch)}"
        )
    named = {"expert_outputs": expert_outputs, "gate_weights": gate_weights}
    xp = expect.arrays(**named, **{f"dispatch.{n}": x for n, x in dispatch._asdict().items()})
    expect.floats_alike(**named)
    rows, given = xp.shape(expert_outputs), xp.shape(dispatch.tokens)
    if len(rows) != len(given) or not expect.same_sizes(rows[:-1], given[:-1]):
        raise expect.value_error(
            f"expert_outputs must have the rows of dispatch.tokens, of any width: "
            f"got shape {expect.show(rows)} (dispatch.tokens has shape {expect.show(given)})"
        )
    weights, places = xp.shape(gate_weights), xp.shape(dispatch.places)
    if not expect.same_sizes(weights, places):
        raise expect.value_error(
            f"gate_weights must have shape {expect.show(places)}, one for each assignment, "
            f"got {expect.show(weights)}"
        )
    _check_choices_known(**{"gate_weights": weights, "dispatch.places": places})


@operation(checks=_check_combine)
def combine_tokens(expert_outputs: A, dispatch: Dispatch, gate_weights: A) -> A:
    """Sum the experts' outputs for each token, weighted by the gate, in the order of the tokens.

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
            shape of the assignments, or `k` is not known while tracing.

    Source: D. Lepikhin et al., "GShard", ICLR 2021, algorithm 1.

    >>> import numpy as np
    >>> tokens, experts = np.array([[5.0], [6.0]]), np.array([[1, 0], [0, 1]])
    >>> sent = dispatch_tokens(tokens, experts, 2)
    >>> combine_tokens(10 * sent.tokens, sent, np.array([[0.5, 0.5], [1.0, 0.0]])).tolist()
    [[50.0], [60.0]]
    """
    xp = backend_of(expert_outputs)
    rows, weights = xp.widen(expert_outputs), xp.widen(gate_weights)
    limited = len(xp.shape(rows)) == 3  # by a capacity, so that assignments may be dropped
    if limited:
        rows = rearrange(rows, "e c d -> (e c) d")
    total = None
    for j in range(_known(xp.shape(weights)[1], xp.shape(dispatch.places)[1])):
        row = xp.take(rows, dispatch.places[:, j], axis=0, in_range=True)
        weight = rearrange(weights[:, j], "t -> t 1")
        if limited:
            # Both: NaN times zero is NaN, and so would be the gradient.
            kept = rearrange(dispatch.kept[:, j], "t -> t 1")
            row, weight = xp.where(kept, row, 0.0), xp.where(kept, weight, 0.0)
        total = row * weight if total is None else total + row * weight
    return xp.narrow(total, expert_outputs)


def _check_moe_layer(x: Any, params: Any, k: Any, capacity: Any) -> None:
    xp = expect.arrays(x=x)
    expect.floating(xp, x=x)
    k = expect.known_int(k=k)
    if capacity is not None:
        expect.positive_int(capacity=capacity)
    sizes = {"d": expect.axes(xp, "b s d", x=x)[2]}
    expect.parameters(xp, {"x": x}, _NETWORK, sizes, params=params)
    gate, experts = xp.shape(params["gate"]), _num_experts(xp, params)
    if experts is None:
        raise expect.value_error(
            f"the number of experts must be known, got params['gate'] of shape {expect.show(gate)}"
        )
    _check_k(k, experts, "params['gate']", gate)


@operation(checks=_check_moe_layer, in_float32=True)
def moe_layer(x: A, params: Mapping[str, A], *, k: int, capacity: int | None = None) -> A:
    """Sparse mixture of experts: route each token to its top-k experts and sum their gated outputs.

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
            parameter is missing, a shape does not fit, or `E` is not known while tracing.

    Source: N. Shazeer et al., "Outrageously Large Neural Networks", ICLR 2017, with the gate of
    D. Lepikhin et al., "GShard", ICLR 2021.

    >>> import numpy as np
    >>> params = {"gate": np.eye(2), "w1": np.ones((2, 2, 3)), "b1": np.zeros((2, 3))}
    >>> params |= {"w2": np.ones((2, 3, 2)), "b2": np.array([[0.0, 0.0], [100.0, 100.0]])}
    >>> moe_layer(np.array([[[2.0, 0.0], [0.0, 2.0]]]), params, k=1).tolist()
    [[[6.0, 6.0], [106.0, 106.0]]]
    """
    xp = backend_of(x)
    gate, *network = (params[name] for name in _NETWORK)
    tokens = rearrange(x, "b s d -> (b s) d")
    weights, experts = top_k_gating.definition(xp.matmul(tokens, gate), k)
    sent = dispatch_tokens.definition(tokens, experts, _num_experts(xp, params), capacity=capacity)
    if capacity is None:
        outputs = apply_by_group(xp, _feed_forward, sent.tokens, sent.counts, network)
    else:
        outputs = _feed_forward(xp, sent.tokens, network)
    combined = combine_tokens.definition(outputs, sent, weights)
    b, s, _ = xp.sizes(x)
    return rearrange(combined, "(b s) d -> b s d", b=b, s=s)


def _check_load_balancing(gate_probabilities: Any, expert_indices: Any, num_experts: Any) -> None:
    named = {"gate_probabilities": gate_probabilities, "expert_indices": expert_indices}
    xp = expect.arrays(**named)
    expect.floating(xp, gate_probabilities=gate_probabilities)
    expect.integers(xp, expert_indices=expert_indices)
    experts = expect.known_int(num_experts=num_experts)
    shape = expect.axes(xp, "... experts", gate_probabilities=gate_probabilities)
    _check_choices(shape, xp.shape(expert_indices), experts)
    expect.ids(xp, experts, expert_indices=expert_indices)


@operation(checks=_check_load_balancing, in_float32=True)
def load_balancing_loss(gate_probabilities: A, expert_indices: A, num_experts: int) -> A:
    """The load-balancing loss of a mixture of experts: 1 for equal loads, E if one expert gets all.

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
    xp = backend_of(gate_probabilities)
    counts = _count(xp, rearrange(expert_indices, "... -> (...)"), num_experts)
    dtype = xp.dtype(gate_probabilities)
    shares = xp.astype(counts, dtype) / xp.astype(xp.sum(counts), dtype)
    means = xp.mean(rearrange(gate_probabilities, "... e -> (...) e"), axis=0)
    return xp.sum(num_experts * shares * means)


# --- Parts of the formulas -----------------------------------------------------------------------


def _count(xp: Backend, experts: Any, num_experts: Any) -> Any:
    """How often each expert is there."""
    return xp.segment_sum(experts >= 0, experts, num_experts, in_range=True)


def _first_rows(
    xp: Backend, tokens: Any, order: Any, starts: Any, counts: Any, k: int, capacity: int
) -> Any:
    """The tokens of each expert's first assignments, `(E, C, d)`; zeros behind the last."""
    starts, counts = (rearrange(one, "e -> e 1") for one in (starts, counts))
    rank = rearrange(xp.arange(capacity, like=tokens), "c -> 1 c")
    # −1 stands for "none" all the way: the last of the padded order is −1, and −1 // k is.
    at = xp.where(rank < counts, starts + rank, -1)
    assignments = xp.take(xp.pad(order, [(0, 1)], value=-1), at, axis=0, in_range=True)
    return take_or_zeros(xp, tokens, assignments // k)


def _feed_forward(xp: Backend, rows: Any, network: Sequence[Any]) -> Any:
    """max(0, rows·w1 + b1)·w2 + b2, for the rows `(e, r, d)` of experts e."""
    w1, b1, w2, b2 = network
    hidden = xp.maximum(xp.matmul(rows, w1) + rearrange(b1, "e h -> e 1 h"), 0)
    return xp.matmul(hidden, w2) + rearrange(b2, "e d -> e 1 d")


def _known(*sizes: Any) -> Any:
    """The first size that is known."""
    return next((size for size in sizes if size is not None), None)


def _num_experts(xp: Backend, params: Mapping[str, Any]) -> Any:
    """How many experts there are: one parameter whose shape says so is enough."""
    return _known(*[xp.shape(params[n])[a.split().index("E")] for n, a in _NETWORK.items()])


# --- Checks that operations share ----------------------------------------------------------------


def _check_k(k: Any, experts: Any, name: str, shape: Sequence[Any]) -> None:
    if isinstance(experts, int) and k > experts:
        raise expect.value_error(
            f"k must be at most the number of experts, {experts}, got {k} "
            f"({name} has shape {expect.show(shape)})"
        )


def _check_choices_known(**shapes: Sequence[Any]) -> None:
    """How many experts a token goes to, the last of `(t, k)`, must be known."""
    try:
        range(_known(*[shape[1] for shape in shapes.values()]))
    except TypeError:
        name, shape = next(iter(shapes.items()))
        raise expect.value_error(
            f"the number of choices, the last axis of {name}, must be known, "
            f"got shape {expect.show(shape)}"
        ) from None


def _check_choices(shape: Sequence[Any], assigned: Sequence[Any], experts: Any) -> None:
    """Probabilities of all experts, and one choice or k for each token; none may be empty."""
    if not expect.equal(shape[-1], experts):
        raise expect.value_error(
            f"gate_probabilities must have one for each of num_experts = {experts}, "
            f"got {shape[-1]} (gate_probabilities has shape {expect.show(shape)})"
        )
    choices = len(assigned) - len(shape) + 1
    if choices not in (0, 1) or not expect.same_sizes(assigned[: len(shape) - 1], shape[:-1]):
        raise expect.value_error(
            f"expert_indices must have shape {expect.show(shape[:-1])} or one axis more, for k "
            f"choices, got {expect.show(assigned)} (gate_probabilities has shape "
            f"{expect.show(shape)})"
        )
    if 0 in assigned:
        raise expect.value_error(
            "needs at least one token and one choice (expert_indices has shape "
            f"{expect.show(assigned)})"
        )


def _check_loads(xp: Backend, flat: Any, experts: Any) -> None:
    """Every expert must be in range and get as many tokens, as far as that can be read."""
    (total,) = xp.shape(flat)
    if not expect.divides(experts, total):
        raise expect.value_error(
            f"num_experts = {experts} does not divide the {total} tokens, so that loads cannot be "
            "equal; dispatch_tokens takes any load"
        )
    if not xp.can_check(flat) or total == 0:
        return
    values = xp.to_numpy(flat)  # once: the host sorts them sooner than most frameworks count them
    values.sort()
    groups, names = rearrange(values, "(e t) -> e t", e=experts), list(range(experts))
    if groups[:, 0].tolist() == names == groups[:, -1].tolist():
        return
    expect.ids(xp, experts, expert_assignments=flat)
    loads = [int((values == e).sum()) for e in names]
    raise expect.value_error(
        f"every expert must get {total // experts} tokens, got the counts {loads}; "
        "dispatch_tokens takes any load"
    )
