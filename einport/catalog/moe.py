"""Entries of `einport.ops.moe`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import ops
from ..ops.moe import Dispatch
from ._entry import (
    FLOATS,
    Case,
    Draw,
    Entry,
    Given,
    case,
    counting,
    given,
    idioms,
    indices,
    mask,
    mistake,
    values,
)

Array = np.ndarray[Any, Any]


# --- top_k_gating --------------------------------------------------------------------------------


def top_k_gating_oracle(logits: Array, k: int, *, renormalize: bool = True) -> tuple[Array, Array]:
    *batch, experts = logits.shape
    weights, chosen = np.empty((*batch, k)), np.empty((*batch, k), np.int64)
    for place in np.ndindex(*batch):
        row = [float(value) for value in logits[place]]
        # NaN last, then the larger logit, then the lower expert.
        order = sorted(range(experts), key=lambda e: (math.isnan(row[e]), -row[e], e))[:k]
        poisoned = any(math.isnan(v) for v in row) or max(row) in (math.inf, -math.inf)
        powers = [math.nan if poisoned else math.exp(v - max(row)) for v in row]
        total = math.fsum(powers[e] for e in order) if renormalize else math.fsum(powers)
        weights[place] = [powers[e] / total for e in order]
        chosen[place] = order
    return weights, chosen


def top_k_gating_magnitude(
    logits: Array, k: int, *, renormalize: bool = True
) -> tuple[Array, Array]:
    """Exp's argument is rounded too: an error of its size in epsilons."""
    weights, chosen = top_k_gating_oracle(logits, k, renormalize=renormalize)
    spread = np.ptp(np.where(np.isfinite(logits), logits, 0), axis=-1, keepdims=True)
    return weights * (1 + spread), chosen


def top_k_gating_numpy(logits, k):
    import numpy as np

    e = np.exp(logits - logits.max(-1, keepdims=True))
    chosen = np.argsort(-e, axis=-1, kind="stable")[..., :k]
    weights = np.take_along_axis(e, chosen, axis=-1)
    return weights / weights.sum(-1, keepdims=True), chosen


def top_k_gating_torch(logits, k):
    weights, chosen = logits.softmax(-1).topk(k)
    return weights / weights.sum(-1, keepdim=True), chosen


def top_k_gating_jax(logits, k):
    import jax

    weights, chosen = jax.lax.top_k(jax.nn.softmax(logits), k)
    return weights / weights.sum(-1, keepdims=True), chosen


def top_k_gating_tensorflow(logits, k):
    import tensorflow as tf

    weights, chosen = tf.math.top_k(tf.nn.softmax(logits), k)
    return weights / tf.reduce_sum(weights, -1, keepdims=True), chosen


def _draw_gating(draw: Draw) -> Case:
    experts = draw.integer(1, 6)
    shape = [draw.integer(0, 3) for _ in range(draw.integer(0, 2))]
    k = draw.integer(1, experts)
    return case("drawn", values(*shape, experts), k, renormalize=draw.choice([True, False]))


_TIES = np.tile([0, 1, 1, 0, 1, 0, 1, 1], (200, 1)) + np.arange(200)[:, None] % 3

TOP_K_GATING = Entry(
    op=ops.top_k_gating,
    cases=(
        case("two of four", values(3, 4), 2),
        case("as they are", values(2, 3, 5), 3, renormalize=False),
        case("a single token", values(6), 2),
        case("all experts", values(4, 3), 3),
        case("one of one", values(2, 1), 1),
        case("eight equal experts", given(np.zeros((2, 8))), 3, no_gradient="ties"),
        case("many ties", given(_TIES), 4, renormalize=False, no_gradient="ties"),
        case(
            "many experts alike",
            given(np.arange(3000).reshape(10, 300) % 7 // 3),
            5,
            no_gradient="ties",
        ),
        case("zeros of both signs", given([[-0.0, 0.0, -0.0, 0.0, -1.0]]), 4, no_gradient="ties"),
        case(
            "experts that are out",
            given([[-np.inf, 1, -np.inf, 0], [0, -np.inf, 0, 1]]),
            3,
            no_gradient="ties",
        ),
        case(
            "an expert that is NaN",
            given([[0, np.nan, 1], [np.nan, np.nan, 2]]),
            2,
            no_gradient="NaN",
        ),
        case("far apart", values(4, 6, scale=10.0), 6, renormalize=False),
        case("no tokens", values(0, 4), 2),
        case("thousands of tokens", values(4096, 8), 2, dtypes=("float32",)),
    ),
    draw=_draw_gating,
    sized=lambda n: case("rows", values(n, 7), 4),
    # In 2,053 rows two logits are so near that a step of the differences changes their order.
    large=2051,
    oracle=top_k_gating_oracle,
    natives=idioms(globals(), "top_k_gating"),
    dtypes=FLOATS,
    result=("same", "index"),
    tolerance=4,
    magnitude=top_k_gating_magnitude,
    mistakes=(
        mistake(
            "more than there are",
            ValueError,
            "top_k_gating: k must be at most the number of experts, 4, got 5 "
            "(logits has shape (3, 4))",
            values(3, 4),
            5,
        ),
        mistake("none", ValueError, "top_k_gating: k must be at least 1, got 0", values(3, 4), 0),
        mistake(
            "booleans",
            TypeError,
            "top_k_gating: logits must have a floating dtype, got bool",
            mask([True, False]),
            1,
        ),
        mistake(
            "no axis",
            ValueError,
            "top_k_gating: logits must have at least 1 axis (... experts), got 0 "
            "(logits has shape ())",
            values(),
            1,
        ),
        mistake(
            "renormalize is a word",
            TypeError,
            "top_k_gating: renormalize must be True or False, got 'yes'",
            values(3, 4),
            2,
            renormalize="yes",
        ),
    ),
)


# --- group_tokens_by_expert ----------------------------------------------------------------------


def group_tokens_by_expert_oracle(tokens: Array, assignments: Array, num_experts: int) -> Array:
    b, s, d = tokens.shape
    groups: list[list[Array]] = [[] for _ in range(num_experts)]
    for i in range(b):
        for j in range(s):
            groups[int(assignments[i, j])].append(tokens[i, j])
    out = np.empty((num_experts, b * s // num_experts, d), tokens.dtype)
    for expert, rows in enumerate(groups):
        for place, row in enumerate(rows):
            out[expert, place] = row
    return out


def group_tokens_by_expert_numpy(tokens, assignments, num_experts):
    import numpy as np

    order = np.argsort(assignments, axis=None, kind="stable")
    return tokens.reshape(-1, tokens.shape[-1])[order].reshape(num_experts, -1, tokens.shape[-1])


def group_tokens_by_expert_torch(tokens, assignments, num_experts):
    import torch

    flat = tokens.flatten(0, 1)
    return torch.stack([flat[assignments.flatten() == e] for e in range(num_experts)])


def group_tokens_by_expert_jax(tokens, assignments, num_experts):
    import jax.numpy as jnp

    order = jnp.argsort(assignments.ravel())
    return tokens.reshape(-1, tokens.shape[-1])[order].reshape(num_experts, -1, tokens.shape[-1])


def group_tokens_by_expert_tensorflow(tokens, assignments, num_experts):
    import tensorflow as tf

    flat = tf.reshape(tokens, [-1, tokens.shape[-1]])
    chosen = tf.reshape(assignments, [-1])
    return tf.stack([tf.boolean_mask(flat, chosen == e) for e in range(num_experts)])


def _draw_grouping(draw: Draw) -> Case:
    experts, each, b = draw.integer(1, 4), draw.integer(0, 3), draw.choice([1, 2])
    flat = [e for e in range(experts) for _ in range(each * b)]
    shuffled = [flat.pop(draw.integer(0, len(flat) - 1)) for _ in range(len(flat))]
    assigned = np.array(shuffled, np.int64).reshape(b, experts * each)
    return case(
        "drawn", counting(b, experts * each, draw.integer(0, 3)), indices(assigned), experts
    )


def _grouping_of(n: int) -> Case:
    """Each batch has each of three experts twice, in an order of its own."""
    order = np.random.default_rng(0).permuted(np.tile(np.arange(6), (n, 1)), axis=1)
    return case("rows", values(n, 6, 4), indices(order % 3), 3)


_INTERLEAVED = np.arange(4096).reshape(2, 2048) * 7 % 8

GROUP_TOKENS_BY_EXPERT = Entry(
    op=ops.group_tokens_by_expert,
    cases=(
        case("two experts", counting(2, 4, 3), indices([[1, 0, 1, 0], [0, 0, 1, 1]]), 2),
        case("one expert", counting(1, 3, 2), indices([[0, 0, 0]]), 1),
        case("a token each", counting(1, 4, 2), indices([[2, 0, 3, 1]]), 4),
        case("one batch an expert", counting(3, 2, 2), indices([[2, 2], [0, 0], [1, 1]]), 3),
        case("no tokens", counting(2, 0, 3), indices(np.zeros((2, 0))), 2),
        case("no channels", counting(1, 2, 0), indices([[1, 0]]), 2),
        case("thousands of tokens", counting(2, 2048, 2), indices(_INTERLEAVED), 8),
    ),
    draw=_draw_grouping,
    sized=_grouping_of,
    oracle=group_tokens_by_expert_oracle,
    natives=idioms(globals(), "group_tokens_by_expert"),
    mistakes=(
        mistake(
            "loads differ",
            ValueError,
            "group_tokens_by_expert: every expert must get 2 tokens, got the counts [3, 1]; "
            "dispatch_tokens takes any load",
            values(1, 4, 3),
            indices([[0, 0, 1, 0]]),
            2,
        ),
        mistake(
            "an expert too many",
            IndexError,
            "group_tokens_by_expert: expert_assignments must be from 0 to 1, got 2",
            values(1, 4, 3),
            indices([[0, 2, 1, 0]]),
            2,
        ),
        mistake(
            "a negative expert",
            IndexError,
            "group_tokens_by_expert: expert_assignments must be from 0 to 1, got -1",
            values(1, 4, 3),
            indices([[0, -1, 1, 0]]),
            2,
        ),
        mistake(
            "does not divide",
            ValueError,
            "group_tokens_by_expert: num_experts = 3 does not divide the 4 tokens, so that loads "
            "cannot be equal; dispatch_tokens takes any load",
            values(1, 4, 3),
            indices([[0, 1, 2, 0]]),
            3,
        ),
        mistake(
            "shapes differ",
            ValueError,
            "group_tokens_by_expert: expert_assignments must have shape (1, 4), one for each "
            "token, got (1, 3) (tokens has shape (1, 4, 3))",
            values(1, 4, 3),
            indices([[0, 1, 0]]),
            2,
        ),
        mistake(
            "floats",
            TypeError,
            "group_tokens_by_expert: expert_assignments must have an integer dtype, got float32",
            values(1, 4, 3),
            values(1, 4),
            2,
        ),
    ),
)


# --- aggregate_expert_outputs --------------------------------------------------------------------


def _aggregate(outputs: Array, weights: Array, sizes: bool) -> Array:
    b, s, k = weights.shape
    out = np.zeros((b, s, outputs.shape[1]))
    for i in range(b):
        for j in range(s):
            for c in range(outputs.shape[1]):
                first = (i * s + j) * k
                terms = [float(outputs[first + n, c]) * float(weights[i, j, n]) for n in range(k)]
                out[i, j, c] = math.fsum(map(abs, terms) if sizes else terms)
    return out


def aggregate_expert_outputs_oracle(outputs: Array, weights: Array) -> Array:
    return _aggregate(outputs, weights, sizes=False)


def aggregate_expert_outputs_magnitude(outputs: Array, weights: Array) -> Array:
    return _aggregate(outputs, weights, sizes=True)


def aggregate_expert_outputs_numpy(outputs, weights):
    return (outputs.reshape(*weights.shape, -1) * weights[..., None]).sum(axis=-2)


def aggregate_expert_outputs_torch(outputs, weights):
    return (outputs.view(*weights.shape, -1) * weights.unsqueeze(-1)).sum(-2)


def aggregate_expert_outputs_jax(outputs, weights):
    return (outputs.reshape(*weights.shape, -1) * weights[..., None]).sum(axis=-2)


def aggregate_expert_outputs_tensorflow(outputs, weights):
    import tensorflow as tf

    per_token = tf.reshape(outputs, [*weights.shape, -1])
    return tf.reduce_sum(per_token * weights[..., None], axis=-2)


def _draw_aggregate(draw: Draw) -> Case:
    b, s, k, d = (draw.integer(0, 3) for _ in range(4))
    return case("drawn", values(b * s * k, d), values(b, s, k))


AGGREGATE_EXPERT_OUTPUTS = Entry(
    op=ops.aggregate_expert_outputs,
    cases=(
        case("two experts a token", values(12, 4), values(2, 3, 2)),
        case("one expert a token", values(6, 2), values(2, 3, 1)),
        case("one token", values(3, 5), values(1, 1, 3)),
        case("no tokens", values(0, 4), values(2, 0, 2)),
        case("many small parts", given(np.ones((3000, 1))), given(np.ones((1, 1, 3000)))),
        case("thousands of tokens", values(4096, 2), values(2, 1024, 2), dtypes=("float32",)),
    ),
    draw=_draw_aggregate,
    sized=lambda n: case("rows", values(8 * n, 6), values(n, 2, 4)),
    oracle=aggregate_expert_outputs_oracle,
    natives=idioms(globals(), "aggregate_expert_outputs"),
    dtypes=FLOATS,
    tolerance=4,
    magnitude=aggregate_expert_outputs_magnitude,
    mistakes=(
        mistake(
            "rows missing",
            ValueError,
            "aggregate_expert_outputs: expert_outputs must have b·s·k = 12 rows, got 11 "
            "(expert_outputs has shape (11, 4), gate_weights (2, 3, 2))",
            values(11, 4),
            values(2, 3, 2),
        ),
        mistake(
            "two dtypes",
            TypeError,
            "aggregate_expert_outputs: gate_weights must have a floating dtype, got bool",
            values(2, 4),
            mask([[[1, 0]]]),
        ),
        mistake(
            "a matrix of weights",
            ValueError,
            "aggregate_expert_outputs: gate_weights must have 3 axes (b s k), got 2 "
            "(gate_weights has shape (6, 2))",
            values(12, 4),
            values(6, 2),
        ),
    ),
)


# --- expert_linear -------------------------------------------------------------------------------


def _linear(x: Array, weight: Array, sizes: bool) -> Array:
    experts, t, d = x.shape
    out = np.zeros((experts, t, weight.shape[2]))
    for e in range(experts):
        for i in range(t):
            for j in range(weight.shape[2]):
                terms = [float(x[e, i, c]) * float(weight[e, c, j]) for c in range(d)]
                out[e, i, j] = math.fsum(map(abs, terms) if sizes else terms)
    return out


def expert_linear_oracle(x: Array, weight: Array) -> Array:
    return _linear(x, weight, sizes=False)


def expert_linear_magnitude(x: Array, weight: Array) -> Array:
    return _linear(x, weight, sizes=True)


def expert_linear_numpy(x, weight):
    return x @ weight


def expert_linear_torch(x, weight):
    return x.bmm(weight)


def expert_linear_jax(x, weight):
    return x @ weight


def expert_linear_tensorflow(x, weight):
    import tensorflow as tf

    return tf.matmul(x, weight)


def _draw_linear(draw: Draw) -> Case:
    e, t, d, h = (draw.integer(0, 4) for _ in range(4))
    return case("drawn", values(e, t, d), values(e, d, h))


EXPERT_LINEAR = Entry(
    op=ops.expert_linear,
    cases=(
        case("three experts", values(3, 4, 5), values(3, 5, 2)),
        case("one of everything", values(1, 1, 1), values(1, 1, 1)),
        case("no tokens", values(2, 0, 3), values(2, 3, 4)),
        case("no inputs", values(2, 3, 0), values(2, 0, 4)),
        case("five thousand ones", given(np.ones((1, 1, 5000))), given(np.ones((1, 5000, 1)))),
        case("thousands of tokens", values(2, 2000, 3), values(2, 3, 2), dtypes=("float32",)),
    ),
    draw=_draw_linear,
    sized=lambda n: case("rows", values(4, n, 6), values(4, 6, 5)),
    oracle=expert_linear_oracle,
    natives=idioms(globals(), "expert_linear"),
    dtypes=FLOATS,
    tolerance=4,
    magnitude=expert_linear_magnitude,
    mistakes=(
        mistake(
            "widths differ",
            ValueError,
            "expert_linear: axis d is 5 in x and 4 in weight "
            "(x has shape (3, 4, 5), weight has shape (3, 4, 2))",
            values(3, 4, 5),
            values(3, 4, 2),
        ),
        mistake(
            "experts differ",
            ValueError,
            "expert_linear: axis e is 3 in x and 2 in weight "
            "(x has shape (3, 4, 5), weight has shape (2, 5, 2))",
            values(3, 4, 5),
            values(2, 5, 2),
        ),
        mistake(
            "one matrix for all",
            ValueError,
            "expert_linear: weight must have 3 axes (e d h), got 2 (weight has shape (5, 2))",
            values(3, 4, 5),
            values(5, 2),
        ),
    ),
)


# --- dispatch_tokens -----------------------------------------------------------------------------


def _queues(assigned: Any, num_experts: int) -> list[list[tuple[int, int]]]:
    """Each expert's assignments (token, choice), in the order of the tokens."""
    queues: list[list[tuple[int, int]]] = [[] for _ in range(num_experts)]
    for i, row in enumerate(assigned):
        for j, expert in enumerate(row):
            queues[int(expert)].append((i, j))
    return queues


def dispatch_tokens_oracle(
    tokens: Array, assigned: Array, num_experts: int, *, capacity: int | None = None
) -> tuple[Array, ...]:
    queues = _queues(assigned, num_experts)
    rows, d = assigned.size if capacity is None else num_experts * capacity, tokens.shape[1]
    sent = np.zeros((rows, d), tokens.dtype)
    kept, places = np.zeros(assigned.shape, bool), np.full(assigned.shape, -1)
    row = 0
    for expert, queue in enumerate(queues):
        if capacity is not None:
            row = expert * capacity
        for i, j in queue[:capacity]:
            sent[row], kept[i, j], places[i, j] = tokens[i], True, row
            row += 1
    if capacity is not None:
        sent = sent.reshape(num_experts, capacity, d)
    counts = np.array([len(queue) for queue in queues])
    return sent, counts, kept, np.array(sum(not one for one in kept.flat)), places


def dispatch_tokens_numpy(tokens, assigned, num_experts):
    import numpy as np

    t, k = assigned.shape
    order = np.argsort(assigned, axis=None, kind="stable")
    counts = np.bincount(assigned.ravel(), minlength=num_experts)
    places = np.empty_like(order)
    places[order] = np.arange(t * k)
    return tokens[order // k], counts, np.ones((t, k), bool), 0, places.reshape(t, k)


def dispatch_tokens_torch(tokens, assigned, num_experts):
    import torch

    order = assigned.flatten().argsort(stable=True)
    counts = assigned.flatten().bincount(minlength=num_experts)
    places = order.argsort().view_as(assigned)
    kept = torch.ones_like(assigned, dtype=torch.bool)
    return tokens[order // assigned.shape[1]], counts, kept, 0, places


def dispatch_tokens_jax(tokens, assigned, num_experts):
    import jax.numpy as jnp

    t, k = assigned.shape
    order = jnp.argsort(assigned.ravel())
    counts = jnp.bincount(assigned.ravel(), length=num_experts)
    places = jnp.argsort(order).reshape(t, k)
    return tokens[order // k], counts, jnp.ones((t, k), bool), 0, places


def dispatch_tokens_tensorflow(tokens, assigned, num_experts):
    import tensorflow as tf

    t, k = assigned.shape
    flat = tf.reshape(assigned, [-1])
    order = tf.argsort(flat, stable=True)
    counts = tf.math.bincount(tf.cast(flat, tf.int32), minlength=num_experts)
    places = tf.reshape(tf.argsort(order), [t, k])
    return tf.gather(tokens, order // k), counts, tf.ones([t, k], tf.bool), 0, places


def _draw_assigned(draw: Draw) -> tuple[list[list[int]], int]:
    """What each token chose, twice the same expert allowed; and how many experts there are."""
    experts, choices = draw.integer(1, 4), draw.integer(1, 3)
    tokens = draw.integer(1, 5)
    chosen = [[draw.integer(0, experts - 1) for _ in range(choices)] for _ in range(tokens)]
    return chosen, experts


def _draw_dispatch(draw: Draw) -> Case:
    chosen, experts = _draw_assigned(draw)
    tokens = counting(len(chosen), draw.integer(0, 3))
    capacity = draw.choice([None, 1, 2, 5])
    return case("drawn", tokens, indices(chosen), experts, capacity=capacity)


def _chosen_by(n: int) -> Array:
    """Two different ones of seven experts for each of n tokens."""
    return np.random.default_rng(0).permuted(np.tile(np.arange(7), (n, 1)), axis=1)[:, :2]


_CHOSEN = [[2, 0], [0, 3], [2, 3], [0, 2], [3, 2]]
"""Two experts each of five tokens; expert 1 gets none, expert 2 four."""
_MANY_CHOSEN = _chosen_by(4096)


def _dispatch_of(n: int) -> Case:
    """Room for all of a few tokens, and not for all of thousands."""
    return case("rows", values(n, 4), indices(_chosen_by(n)), 7, capacity=900)


DISPATCH_TOKENS = Entry(
    op=ops.dispatch_tokens,
    cases=(
        case("two of four experts", counting(5, 3), indices(_CHOSEN), 4),
        case("room for three", counting(5, 3), indices(_CHOSEN), 4, capacity=3),
        case("room for one", counting(5, 3), indices(_CHOSEN), 4, capacity=1),
        case("room for more than come", counting(5, 3), indices(_CHOSEN), 4, capacity=11),
        case("one expert gets all", counting(6, 2), indices([[1]] * 6), 3),
        case("one gets all and drops", counting(6, 2), indices([[1]] * 6), 3, capacity=4),
        case("one choice twice", counting(3, 2), indices([[1, 1], [0, 1], [1, 0]]), 2, capacity=2),
        case("all experts", counting(4, 2), indices([[2, 1, 0], [0, 1, 2]] * 2), 3),
        case("a single token", counting(1, 4), indices([[5]]), 6),
        case("one expert", counting(3, 2), indices([[0]] * 3), 1, capacity=1),
        case("no tokens", counting(0, 3), indices(np.zeros((0, 2))), 4),
        case("no tokens, with room", counting(0, 3), indices(np.zeros((0, 2))), 4, capacity=2),
        case("no width", counting(5, 0), indices(_CHOSEN), 4, capacity=3),
        case(
            "NaN and infinity",
            given([[np.nan], [np.inf], [-0.0]]),
            indices([[1], [0], [1]]),
            2,
            capacity=3,
            dtypes=FLOATS,
            no_gradient="NaN and infinity",
        ),
        case("narrow indices", counting(300, 1), Given(np.full((300, 1), 120), "int8"), 121),
        case(
            "narrow indices, with room",
            counting(300, 1),
            Given(np.full((300, 1), 120), "int8"),
            121,
            capacity=5,
        ),
        case("thousands of tokens", counting(4096, 2), indices(_MANY_CHOSEN), 7),
        case(
            "thousands of tokens, with room",
            counting(4096, 2),
            indices(_MANY_CHOSEN),
            7,
            capacity=1170,
        ),
    ),
    draw=_draw_dispatch,
    sized=_dispatch_of,
    oracle=dispatch_tokens_oracle,
    natives=idioms(globals(), "dispatch_tokens"),
    result=("same", "index", "bool", "index", "index"),
    mistakes=(
        mistake(
            "an expert too many",
            IndexError,
            "dispatch_tokens: expert_indices must be from 0 to 3, got 4",
            values(2, 3),
            indices([[0, 1], [4, 2]]),
            4,
        ),
        mistake(
            "a negative expert",
            IndexError,
            "dispatch_tokens: expert_indices must be from 0 to 3, got -1",
            values(2, 3),
            indices([[0, 1], [-1, 2]]),
            4,
        ),
        mistake(
            "a row missing",
            ValueError,
            "dispatch_tokens: expert_indices must have a row for each of the 3 tokens, got 2 "
            "(tokens has shape (3, 4), expert_indices (2, 2))",
            values(3, 4),
            indices([[0, 1], [1, 0]]),
            2,
        ),
        mistake(
            "no choices",
            ValueError,
            "dispatch_tokens: the choices of expert_indices must be at least 1, got 0 "
            "(expert_indices has shape (3, 0))",
            values(3, 4),
            indices(np.zeros((3, 0))),
            2,
        ),
        mistake(
            "a row of experts",
            ValueError,
            "dispatch_tokens: expert_indices must have 2 axes (t k), got 1 "
            "(expert_indices has shape (3,))",
            values(3, 4),
            indices([0, 1, 0]),
            2,
        ),
        mistake(
            "a batch of tokens",
            ValueError,
            "dispatch_tokens: tokens must have 2 axes (t d), got 3 (tokens has shape (1, 3, 4))",
            values(1, 3, 4),
            indices([[0], [1], [0]]),
            2,
        ),
        mistake(
            "floats",
            TypeError,
            "dispatch_tokens: expert_indices must have an integer dtype, got float32",
            values(3, 4),
            given(np.zeros((3, 1))),
            2,
        ),
        mistake(
            "no experts",
            ValueError,
            "dispatch_tokens: num_experts must be at least 1, got 0",
            values(3, 4),
            indices([[0], [0], [0]]),
            0,
        ),
        mistake(
            "half an expert",
            TypeError,
            "dispatch_tokens: num_experts must be an integer, got 1.5",
            values(3, 4),
            indices([[0], [0], [0]]),
            1.5,
        ),
        mistake(
            "no room",
            ValueError,
            "dispatch_tokens: capacity must be at least 1, got 0",
            values(3, 4),
            indices([[0], [0], [0]]),
            1,
            capacity=0,
        ),
        mistake(
            "a capacity factor",
            TypeError,
            "dispatch_tokens: capacity must be an integer, got 1.25",
            values(3, 4),
            indices([[0], [0], [0]]),
            1,
            capacity=1.25,
        ),
        mistake(
            "a list",
            TypeError,
            "dispatch_tokens: expert_indices must be an array of NumPy, PyTorch, JAX or "
            "TensorFlow, got a list",
            values(3, 4),
            [[0], [0], [0]],
            1,
        ),
    ),
)


# --- combine_tokens ------------------------------------------------------------------------------


def _sent(assigned: Any, num_experts: int, capacity: int | None = None, width: int = 1) -> Dispatch:
    """The specs of what `dispatch_tokens` gives for these assignments."""
    tokens = np.zeros((len(assigned), width))
    made = dispatch_tokens_oracle(tokens, np.array(assigned), num_experts, capacity=capacity)
    rows, counts, kept, dropped, places = made
    return Dispatch(given(rows), indices(counts), mask(kept), indices(dropped), indices(places))


def _combine(outputs: Array, sent: Dispatch, weights: Array, sizes: bool) -> Array:
    rows = outputs.reshape(-1, outputs.shape[-1]) if outputs.size else outputs
    out = np.zeros((weights.shape[0], outputs.shape[-1]))
    for i in range(out.shape[0]):
        chosen = [j for j in range(weights.shape[1]) if sent.kept[i, j]]
        for c in range(out.shape[1]):
            terms = [float(weights[i, j]) * float(rows[sent.places[i, j], c]) for j in chosen]
            special = not all(map(math.isfinite, terms))
            terms = list(map(abs, terms)) if sizes else terms
            out[i, c] = sum(terms) if special else math.fsum(terms)
    return out


def combine_tokens_oracle(outputs: Array, sent: Dispatch, weights: Array) -> Array:
    return _combine(outputs, sent, weights, sizes=False)


def combine_tokens_magnitude(outputs: Array, sent: Dispatch, weights: Array) -> Array:
    return _combine(outputs, sent, weights, sizes=True)


def combine_tokens_numpy(outputs, dispatch, weights):
    return (outputs[dispatch.places] * weights[..., None]).sum(axis=1)


def combine_tokens_torch(outputs, dispatch, weights):
    return (outputs[dispatch.places] * weights.unsqueeze(-1)).sum(1)


def combine_tokens_jax(outputs, dispatch, weights):
    return (outputs[dispatch.places] * weights[..., None]).sum(axis=1)


def combine_tokens_tensorflow(outputs, dispatch, weights):
    import tensorflow as tf

    return tf.reduce_sum(tf.gather(outputs, dispatch.places) * weights[..., None], axis=1)


def _draw_combine(draw: Draw) -> Case:
    chosen, experts = _draw_assigned(draw)
    capacity, width = draw.choice([None, 1, 2, 5]), draw.integer(1, 3)
    shape = (len(chosen) * len(chosen[0]),) if capacity is None else (experts, capacity)
    weights = values(len(chosen), len(chosen[0]))
    return case("drawn", values(*shape, width), _sent(chosen, experts, capacity), weights)


def _combine_of(n: int) -> Case:
    """Room for all of a few tokens, and not for all of thousands."""
    return case("rows", values(7, 900, 4), _sent(_chosen_by(n), 7, 900, width=6), values(n, 2))


_HOLES = np.arange(8.0).reshape(4, 1, 2)
_NO_WEIGHT = np.where(
    dispatch_tokens_oracle(np.zeros((5, 1)), np.array(_CHOSEN), 4, capacity=1)[2], 0.5, np.nan
)

COMBINE_TOKENS = Entry(
    op=ops.combine_tokens,
    cases=(
        case("two of four experts", values(10, 3), _sent(_CHOSEN, 4), values(5, 2)),
        case("room for three", values(4, 3, 2), _sent(_CHOSEN, 4, 3), values(5, 2)),
        case("room for one", values(4, 1, 3), _sent(_CHOSEN, 4, 1), values(5, 2)),
        case("another width", values(4, 3, 5), _sent(_CHOSEN, 4, 3, width=2), values(5, 2)),
        case("one expert gets all", values(6, 2), _sent([[1]] * 6, 3), values(6, 1)),
        case("three choices", values(6, 2), _sent([[2, 1, 0], [0, 1, 2]], 3), values(2, 3)),
        case(
            "dropped weights are NaN",
            given(_HOLES),
            _sent(_CHOSEN, 4, 1),
            given(_NO_WEIGHT),
            no_gradient="NaN among the weights",
        ),
        case(
            "rows that nobody has are NaN",
            given([[[1.0], [2.0]], [[3.0], [np.nan]], [[np.inf], [np.nan]]]),
            _sent([[0, 1], [0, 0]], 3, 2),
            values(2, 2),
            no_gradient="NaN among the rows",
        ),
        case(
            "an output that is NaN",
            given([[1.0, np.nan], [np.inf, 2.0], [3.0, 4.0]]),
            _sent([[1], [0], [1]], 2),
            values(3, 1),
            no_gradient="NaN",
        ),
        case("no tokens", values(0, 3), _sent(np.zeros((0, 2), int), 4), values(0, 2)),
        case(
            "no tokens, with room",
            values(4, 2, 3),
            _sent(np.zeros((0, 2), int), 4, 2),
            values(0, 2),
        ),
        case("no width", values(10, 0), _sent(_CHOSEN, 4), values(5, 2)),
        case("many small parts", values(300, 1), _sent([[0] * 300], 1), values(1, 300)),
        case(
            "thousands of tokens",
            values(7, 1170, 2),
            _sent(_MANY_CHOSEN, 7, 1170),
            values(4096, 2),
            dtypes=("float32",),
        ),
    ),
    draw=_draw_combine,
    sized=_combine_of,
    oracle=combine_tokens_oracle,
    natives=idioms(globals(), "combine_tokens"),
    dtypes=FLOATS,
    tolerance=2,
    magnitude=combine_tokens_magnitude,
    mistakes=(
        mistake(
            "rows missing",
            ValueError,
            "combine_tokens: expert_outputs must have the rows of dispatch.tokens, of any width: "
            "got shape (9, 3) (dispatch.tokens has shape (10, 1))",
            values(9, 3),
            _sent(_CHOSEN, 4),
            values(5, 2),
        ),
        mistake(
            "another layout",
            ValueError,
            "combine_tokens: expert_outputs must have the rows of dispatch.tokens, of any width: "
            "got shape (12, 3) (dispatch.tokens has shape (4, 3, 1))",
            values(12, 3),
            _sent(_CHOSEN, 4, 3),
            values(5, 2),
        ),
        mistake(
            "a weight missing",
            ValueError,
            "combine_tokens: gate_weights must have shape (5, 2), one for each assignment, "
            "got (5, 1)",
            values(10, 3),
            _sent(_CHOSEN, 4),
            values(5, 1),
        ),
        mistake(
            "no dispatch",
            TypeError,
            "combine_tokens: dispatch must be what dispatch_tokens returns, got None",
            values(10, 3),
            None,
            values(5, 2),
        ),
        mistake(
            "integers",
            TypeError,
            "combine_tokens: expert_outputs must have a floating dtype, got int32",
            Given(np.zeros((10, 3)), "int32"),
            _sent(_CHOSEN, 4),
            values(5, 2),
        ),
        mistake(
            "two dtypes",
            TypeError,
            "combine_tokens: expert_outputs is float32 and gate_weights is float16; "
            "pass arrays of one dtype",
            values(10, 3),
            _sent(_CHOSEN, 4),
            Given(np.zeros((5, 2)), "float16"),
        ),
        mistake(
            "a list of weights",
            TypeError,
            "combine_tokens: gate_weights must be an array of NumPy, PyTorch, JAX or TensorFlow, "
            "got a list",
            values(10, 3),
            _sent(_CHOSEN, 4),
            [[1.0, 0.0]] * 5,
        ),
    ),
)


# --- moe_layer -----------------------------------------------------------------------------------


def _expert(row: list[float], net: dict[str, Array], e: int) -> tuple[list[float], list[float]]:
    """What one expert makes of one token, and what rounding errors of that are relative to."""
    w1, b1, w2, b2 = (net[name][e].tolist() for name in ("w1", "b1", "w2", "b2"))
    hidden, sizes = [], []
    for j in range(len(b1)):
        terms = [row[c] * w1[c][j] for c in range(len(row))] + [b1[j]]
        score = _sum(terms)
        hidden.append(score if score > 0 or math.isnan(score) else 0.0)
        sizes.append(_sum(map(abs, terms)))
    out, scale = [], []
    for c in range(len(b2)):
        out.append(_sum([hidden[j] * w2[j][c] for j in range(len(hidden))] + [b2[c]]))
        scale.append(_sum([sizes[j] * abs(w2[j][c]) for j in range(len(hidden))] + [abs(b2[c])]))
    return out, scale


def _sum(terms: Any) -> float:
    """The exact sum, or what infinities and NaN make of it."""
    terms = list(terms)
    return math.fsum(terms) if all(map(math.isfinite, terms)) else sum(terms)


def _moe(x: Array, params: dict[str, Array], k: int, capacity: int | None) -> tuple[Array, Array]:
    """The layer token by token and choice by choice, and the magnitude of its rounding errors."""
    b, s, d = x.shape
    experts = params["gate"].shape[1]
    out, scale, loads = np.zeros(x.shape), np.zeros(x.shape), [0] * experts
    for i in range(b):
        for j in range(s):
            row = [float(value) for value in x[i, j]]
            columns = params["gate"].T.tolist()
            products = [[a * g for a, g in zip(row, column, strict=True)] for column in columns]
            logits = [_sum(terms) for terms in products]
            order = sorted(range(experts), key=lambda e: (math.isnan(logits[e]), -logits[e], e))
            chosen = order[:k]
            poisoned = any(math.isnan(v) for v in logits) or math.isinf(max(logits))
            powers = [math.nan if poisoned else math.exp(v - logits[chosen[0]]) for v in logits]
            total = _sum(powers[e] for e in chosen)
            # Rounding a logit moves the weights by the sizes of its terms, in epsilons.
            spread = 0.0 if poisoned else max(_sum(map(abs, terms)) for terms in products)
            for e in chosen:
                loads[e] += 1
                if capacity is not None and loads[e] > capacity:
                    continue
                made, sizes = _expert(row, params, e)
                for c in range(d):
                    weight = powers[e] / total
                    out[i, j, c] += weight * made[c]
                    scale[i, j, c] += weight * sizes[c] * (1 + spread)
    return out, scale


def moe_layer_oracle(
    x: Array, params: dict[str, Array], *, k: int, capacity: int | None = None
) -> Array:
    return _moe(x, params, k, capacity)[0]


def moe_layer_magnitude(
    x: Array, params: dict[str, Array], *, k: int, capacity: int | None = None
) -> Array:
    return _moe(x, params, k, capacity)[1]


def moe_layer_numpy(x, params, *, k):
    import numpy as np

    gate, w1, b1, w2, b2 = (params[name] for name in ("gate", "w1", "b1", "w2", "b2"))
    tokens = x.reshape(-1, x.shape[-1])
    logits = tokens @ gate
    chosen = np.argsort(-logits, axis=-1, kind="stable")[:, :k]
    scores = np.exp(np.take_along_axis(logits, chosen, axis=-1) - logits.max(-1, keepdims=True))
    weights = scores / scores.sum(-1, keepdims=True)
    out = np.zeros_like(tokens)
    for e in range(gate.shape[1]):
        rows, choice = np.nonzero(chosen == e)
        hidden = np.maximum(tokens[rows] @ w1[e] + b1[e], 0)
        out[rows] += weights[rows, choice, None] * (hidden @ w2[e] + b2[e])
    return out.reshape(x.shape)


def moe_layer_torch(x, params, *, k):
    import torch

    gate, w1, b1, w2, b2 = (params[name] for name in ("gate", "w1", "b1", "w2", "b2"))
    tokens = x.flatten(0, 1)
    weights, chosen = (tokens @ gate).softmax(-1).topk(k)
    weights = weights / weights.sum(-1, keepdim=True)
    out = torch.zeros_like(tokens)
    for e in range(gate.shape[1]):
        rows, choice = torch.where(chosen == e)
        hidden = torch.relu(tokens[rows] @ w1[e] + b1[e])
        out.index_add_(0, rows, weights[rows, choice, None] * (hidden @ w2[e] + b2[e]))
    return out.view_as(x)


def moe_layer_jax(x, params, *, k):
    import jax
    import jax.numpy as jnp

    gate, w1, b1, w2, b2 = (params[name] for name in ("gate", "w1", "b1", "w2", "b2"))
    weights, chosen = jax.lax.top_k(jax.nn.softmax(x @ gate), k)
    weights = weights / weights.sum(-1, keepdims=True)
    out = jnp.zeros_like(x)
    for e in range(gate.shape[1]):  # every expert sees every token: shapes may not hang on values
        weight = jnp.where(chosen == e, weights, 0).sum(-1, keepdims=True)
        out += weight * (jax.nn.relu(x @ w1[e] + b1[e]) @ w2[e] + b2[e])
    return out


def moe_layer_tensorflow(x, params, *, k):
    import tensorflow as tf

    gate, w1, b1, w2, b2 = (params[name] for name in ("gate", "w1", "b1", "w2", "b2"))
    tokens = tf.reshape(x, [-1, x.shape[-1]])
    weights, chosen = tf.math.top_k(tf.nn.softmax(tokens @ gate), k)
    weights = weights / tf.reduce_sum(weights, -1, keepdims=True)
    out = tf.zeros_like(tokens)
    for e in range(gate.shape[1]):
        places = tf.where(chosen == e)
        hidden = tf.nn.relu(tf.gather(tokens, places[:, 0]) @ w1[e] + b1[e])
        made = tf.gather_nd(weights, places)[:, None] * (hidden @ w2[e] + b2[e])
        out = tf.tensor_scatter_nd_add(out, places[:, :1], made)
    return tf.reshape(out, x.shape)


def _network(d: int, experts: int, hidden: int) -> dict[str, Any]:
    """The specs of random parameters."""
    return {
        "gate": values(d, experts),
        "w1": values(experts, d, hidden),
        "b1": values(experts, hidden),
        "w2": values(experts, hidden, d),
        "b2": values(experts, d),
    }


# Most cases share their sizes: frameworks that compile each new one do so once.
_X, _FOUR = values(2, 3, 5), _network(5, 4, 7)
_ROWS = np.arange(1.0, 31).reshape(2, 3, 5) / 32
_IN_TURN = np.eye(5)[[0, 1, 2, 3, 0, 1]].reshape(2, 3, 5)
_WITH_NAN = np.where(np.arange(6).reshape(2, 3, 1) == 1, np.nan, _ROWS)
_GOOD = values(2, 3, 4)


def _steered(scores: list[float]) -> dict[str, Any]:
    """A network whose gate prefers experts by these scores, if a token's sum is positive."""
    return {**_FOUR, "gate": given(np.tile(scores, (5, 1)))}


def _spoiled(*names: str) -> dict[str, Any]:
    """A network whose first experts are NaN in one parameter each, for the tokens in turn."""
    network = {**_FOUR, "gate": given(9 * np.eye(5, 4))}
    for e, name in enumerate(names):
        data = np.full(network[name].shape, 0.5)
        data[e] = np.nan
        network[name] = given(data)
    return network


def _draw_moe(draw: Draw) -> Case:
    tokens, experts = draw.choice([(1, 1), (2, 3), (0, 2)]), draw.integer(1, 3)
    k, capacity = draw.integer(1, experts), draw.choice([None, 1, 4])
    return case("drawn", values(*tokens, 2), _network(2, experts, 3), k=k, capacity=capacity)


def _moe_of(n: int) -> Case:
    return case("rows", values(n, 1, 4), _network(4, 6, 5), k=2)


MOE_LAYER = Entry(
    op=ops.moe_layer,
    cases=(
        case("two of four experts", _X, _FOUR, k=2),
        case("one of four", _X, _FOUR, k=1),
        case("all of them", _X, _FOUR, k=4),
        case("room for two", _X, _FOUR, k=2, capacity=2),
        case("room for all", _X, _FOUR, k=2, capacity=6),
        case("one expert gets all", given(np.ones((2, 3, 5))), _steered([0, 3, 1, 2]), k=1),
        case(
            "two experts drop", given(np.ones((2, 3, 5))), _steered([0, 3, 1, 2]), k=2, capacity=2
        ),
        case("two experts get none", given(_ROWS), _steered([0, 3, -9, -9]), k=2),
        case(
            "equal logits",
            given(_ROWS),
            _steered([0, 0, 0, 0]),
            k=2,
            capacity=2,
            no_gradient="ties",
        ),
        case(
            "a token that is NaN", given(_WITH_NAN), _steered([0, 3, 1, 2]), k=2, no_gradient="NaN"
        ),
        case(
            "a token that is NaN, with room",
            given(_WITH_NAN),
            _FOUR,
            k=2,
            capacity=2,
            no_gradient="NaN",
        ),
        case("two experts are NaN", given(_IN_TURN), _spoiled("b1", "w2"), k=1, no_gradient="NaN"),
        case("one expert", _X, _network(5, 1, 7), k=1),
        case("more experts than tokens", values(1, 2, 5), _network(5, 9, 7), k=2),
        case("one of everything", values(1, 1, 1), _network(1, 1, 1), k=1, capacity=1),
        case("no tokens", values(2, 0, 5), _FOUR, k=2),
        case("no tokens, with room", values(0, 3, 5), _FOUR, k=2, capacity=2),
        case("no hidden layer", _X, _network(5, 4, 0), k=2),
        case("wide", values(1, 3, 40), _network(40, 3, 50), k=2, dtypes=("float32",)),
        case(
            "thousands of tokens", values(2, 2048, 2), _network(2, 4, 3), k=2, dtypes=("float32",)
        ),
        case(
            "thousands of tokens, with room",
            values(2, 2048, 2),
            _network(2, 4, 3),
            k=2,
            capacity=1500,
            dtypes=("float32",),
        ),
    ),
    draw=_draw_moe,
    sized=_moe_of,
    oracle=moe_layer_oracle,
    natives=idioms(globals(), "moe_layer"),
    dtypes=FLOATS,
    tolerance=2,
    magnitude=moe_layer_magnitude,
    mistakes=(
        mistake(
            "more than there are",
            ValueError,
            "moe_layer: k must be at most the number of experts, 3, got 4 "
            "(params['gate'] has shape (4, 3))",
            _GOOD,
            _network(4, 3, 5),
            k=4,
        ),
        mistake(
            "no experts a token",
            ValueError,
            "moe_layer: k must be at least 1, got 0",
            _GOOD,
            _network(4, 3, 5),
            k=0,
        ),
        mistake(
            "k is a word",
            TypeError,
            "moe_layer: k must be an integer, got 'two'",
            _GOOD,
            _network(4, 3, 5),
            k="two",
        ),
        mistake(
            "no room",
            ValueError,
            "moe_layer: capacity must be at least 1, got 0",
            _GOOD,
            _network(4, 3, 5),
            k=1,
            capacity=0,
        ),
        mistake(
            "a capacity factor",
            TypeError,
            "moe_layer: capacity must be an integer, got 1.25",
            _GOOD,
            _network(4, 3, 5),
            k=1,
            capacity=1.25,
        ),
        mistake(
            "a matrix",
            ValueError,
            "moe_layer: x must have 3 axes (b s d), got 2 (x has shape (3, 4))",
            values(3, 4),
            _network(4, 3, 5),
            k=1,
        ),
        mistake(
            "integers",
            TypeError,
            "moe_layer: x must have a floating dtype, got int32",
            Given(np.zeros((2, 3, 4)), "int32"),
            _network(4, 3, 5),
            k=1,
        ),
        mistake(
            "a list",
            TypeError,
            "moe_layer: x must be an array of NumPy, PyTorch, JAX or TensorFlow, got a list",
            [[[1.0]]],
            _network(1, 3, 5),
            k=1,
        ),
        mistake(
            "no dictionary",
            TypeError,
            "moe_layer: params must be a dictionary of arrays, got a list",
            _GOOD,
            [],
            k=1,
        ),
        mistake(
            "no bias",
            ValueError,
            "moe_layer: params must have the entries gate, w1, b1, w2, b2; b1 is missing",
            _GOOD,
            {name: spec for name, spec in _network(4, 3, 5).items() if name != "b1"},
            k=1,
        ),
        mistake(
            "another width",
            ValueError,
            "moe_layer: params['gate'] must have shape (4, ?) for the axes (d E), got (5, 3) "
            "(x has shape (2, 3, 4))",
            _GOOD,
            _network(5, 3, 5),
            k=1,
        ),
        mistake(
            "an expert missing",
            ValueError,
            "moe_layer: params['w2'] must have shape (3, 5, 4) for the axes (E h d), got (2, 5, 4) "
            "(x has shape (2, 3, 4))",
            _GOOD,
            {**_network(4, 3, 5), "w2": values(2, 5, 4)},
            k=1,
        ),
        mistake(
            "a gate of another dtype",
            TypeError,
            "moe_layer: x is float32 and params['gate'] is float16; pass arrays of one dtype",
            _GOOD,
            {**_network(4, 3, 5), "gate": Given(np.zeros((4, 3)), "float16")},
            k=1,
        ),
        mistake(
            "a bias of integers",
            TypeError,
            "moe_layer: params['b2'] must have a floating dtype, got int32",
            _GOOD,
            {**_network(4, 3, 5), "b2": Given(np.zeros((3, 4)), "int32")},
            k=1,
        ),
        mistake(
            "a parameter that is a list",
            TypeError,
            "moe_layer: params['b2'] must be an array of NumPy, PyTorch, JAX or TensorFlow, "
            "got a list",
            _GOOD,
            {**_network(4, 3, 5), "b2": [[0.0]]},
            k=1,
        ),
    ),
)


# --- load_balancing_loss -------------------------------------------------------------------------


def load_balancing_loss_oracle(probabilities: Array, chosen: Array, num_experts: int) -> Array:
    tokens = list(np.ndindex(*probabilities.shape[:-1]))
    loads = [0] * num_experts
    for place in np.ndindex(*chosen.shape):
        loads[int(chosen[place])] += 1
    terms = []
    for e in range(num_experts):
        mean = _sum(float(probabilities[(*place, e)]) for place in tokens) / len(tokens)
        terms.append(loads[e] / chosen.size * mean)
    return np.array(num_experts * _sum(terms))


def load_balancing_loss_magnitude(probabilities: Array, chosen: Array, num_experts: int) -> Array:
    return load_balancing_loss_oracle(np.abs(probabilities), chosen, num_experts)


def load_balancing_loss_numpy(probabilities, chosen, num_experts):
    import numpy as np

    share = np.bincount(chosen.ravel(), minlength=num_experts) / chosen.size
    return num_experts * (share * probabilities.mean(0)).sum()


def load_balancing_loss_torch(probabilities, chosen, num_experts):
    share = chosen.flatten().bincount(minlength=num_experts) / chosen.numel()
    return num_experts * (share * probabilities.mean(0)).sum()


def load_balancing_loss_jax(probabilities, chosen, num_experts):
    import jax.numpy as jnp

    share = jnp.bincount(chosen.ravel(), length=num_experts) / chosen.size
    return num_experts * (share * probabilities.mean(0)).sum()


def load_balancing_loss_tensorflow(probabilities, chosen, num_experts):
    import tensorflow as tf

    share = tf.reduce_mean(tf.reshape(tf.one_hot(chosen, num_experts), [-1, num_experts]), 0)
    return num_experts * tf.reduce_sum(share * tf.reduce_mean(probabilities, 0))


def _softmax(*shape: int, seed: int = 0) -> Any:
    powers = np.exp(np.random.default_rng(seed).normal(size=shape))
    return given(powers / powers.sum(-1, keepdims=True))


def _draw_loss(draw: Draw) -> Case:
    experts = draw.integer(1, 4)
    leading = [draw.integer(1, 3) for _ in range(draw.integer(0, 2))]
    shape = leading + draw.choice([[], [1], [3]])
    chosen = [draw.integer(0, experts - 1) for _ in range(math.prod(shape))]
    return case("drawn", values(*leading, experts), indices(np.reshape(chosen, shape)), experts)


def _loss_of(n: int) -> Case:
    chosen = indices(np.random.default_rng(0).integers(0, 6, (n, 4, 5)))
    return case("rows", values(n, 4, 6), chosen, 6)


LOAD_BALANCING_LOSS = Entry(
    op=ops.load_balancing_loss,
    cases=(
        case("two of four experts", _softmax(5, 4), indices(_CHOSEN), 4),
        case("one a token", _softmax(5, 3), indices([2, 0, 0, 1, 2]), 3),
        case("a batch", _softmax(2, 3, 4), indices([[3, 1, 1], [0, 0, 1]]), 4),
        case(
            "a batch, two each",
            _softmax(2, 3, 4),
            indices(np.arange(12).reshape(2, 3, 2) % 5 % 4),
            4,
        ),
        case("as many choices as tokens", _softmax(2, 3), indices([[0, 1], [1, 2]]), 3),
        case("balanced", given(np.full((6, 3), 1 / 3)), indices([[0, 1], [2, 0], [1, 2]] * 2), 3),
        case("one gets all", given([[1, 0, 0]] * 4), indices([0] * 4), 3),
        case("a single token", _softmax(4), indices([1, 3]), 4),
        case("a single token and choice", _softmax(4), indices(2), 4),
        case("one expert", given([[1.0], [1.0]]), indices([0, 0]), 1),
        case("NaN", given([[0.5, np.nan], [0.5, 0.5]]), indices([0, 0]), 2, no_gradient="NaN"),
        case("any numbers", values(7, 3), indices([[0], [0], [2], [1], [0], [2], [2]]), 3),
        case("narrow indices", given(np.ones((300, 2))), Given(np.ones((300, 1)), "uint8"), 2),
        case("thousands of tokens", _softmax(4096, 7), indices(_MANY_CHOSEN), 7),
    ),
    draw=_draw_loss,
    sized=_loss_of,
    oracle=load_balancing_loss_oracle,
    natives=idioms(globals(), "load_balancing_loss"),
    dtypes=FLOATS,
    tolerance=3,
    magnitude=load_balancing_loss_magnitude,
    mistakes=(
        mistake(
            "an expert too many",
            IndexError,
            "load_balancing_loss: expert_indices must be from 0 to 1, got 2",
            values(2, 2),
            indices([0, 2]),
            2,
        ),
        mistake(
            "a negative expert",
            IndexError,
            "load_balancing_loss: expert_indices must be from 0 to 1, got -1",
            values(2, 2),
            indices([0, -1]),
            2,
        ),
        mistake(
            "another number of experts",
            ValueError,
            "load_balancing_loss: gate_probabilities must have one for each of num_experts = 3, "
            "got 2 (gate_probabilities has shape (2, 2))",
            values(2, 2),
            indices([0, 1]),
            3,
        ),
        mistake(
            "a token missing",
            ValueError,
            "load_balancing_loss: expert_indices must have shape (3,) or one axis more, for k "
            "choices, got (2,) (gate_probabilities has shape (3, 2))",
            values(3, 2),
            indices([0, 1]),
            2,
        ),
        mistake(
            "an axis too many",
            ValueError,
            "load_balancing_loss: expert_indices must have shape (3,) or one axis more, for k "
            "choices, got (3, 1, 1) (gate_probabilities has shape (3, 2))",
            values(3, 2),
            indices(np.zeros((3, 1, 1))),
            2,
        ),
        mistake(
            "no tokens",
            ValueError,
            "load_balancing_loss: needs at least one token and one choice "
            "(expert_indices has shape (0, 2))",
            values(0, 2),
            indices(np.zeros((0, 2))),
            2,
        ),
        mistake(
            "no choices",
            ValueError,
            "load_balancing_loss: needs at least one token and one choice "
            "(expert_indices has shape (3, 0))",
            values(3, 2),
            indices(np.zeros((3, 0))),
            2,
        ),
        mistake(
            "no axis",
            ValueError,
            "load_balancing_loss: gate_probabilities must have at least 1 axis (... experts), "
            "got 0 (gate_probabilities has shape ())",
            values(),
            indices(0),
            2,
        ),
        mistake(
            "integers for probabilities",
            TypeError,
            "load_balancing_loss: gate_probabilities must have a floating dtype, got int32",
            Given(np.zeros((2, 2)), "int32"),
            indices([0, 1]),
            2,
        ),
        mistake(
            "floats for experts",
            TypeError,
            "load_balancing_loss: expert_indices must have an integer dtype, got float32",
            values(2, 2),
            values(2),
            2,
        ),
        mistake(
            "no experts",
            ValueError,
            "load_balancing_loss: num_experts must be at least 1, got 0",
            values(2, 0),
            indices([0, 0]),
            0,
        ),
        mistake(
            "half an expert",
            TypeError,
            "load_balancing_loss: num_experts must be an integer, got 1.5",
            values(2, 2),
            indices([0, 0]),
            1.5,
        ),
        mistake(
            "a list",
            TypeError,
            "load_balancing_loss: expert_indices must be an array of NumPy, PyTorch, JAX or "
            "TensorFlow, got a list",
            values(2, 2),
            [0, 1],
            2,
        ),
    ),
)

ENTRIES = (
    TOP_K_GATING,
    GROUP_TOKENS_BY_EXPERT,
    AGGREGATE_EXPERT_OUTPUTS,
    EXPERT_LINEAR,
    DISPATCH_TOKENS,
    COMBINE_TOKENS,
    MOE_LAYER,
    LOAD_BALANCING_LOSS,
)
