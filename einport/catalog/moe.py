"""Entries of `einport.ops.moe`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import ops
from ._entry import (
    FLOATS,
    Case,
    Draw,
    Entry,
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
        case("eight equal experts", given(np.zeros((2, 8))), 3),
        case("many ties", given(_TIES), 4, renormalize=False),
        case("many experts alike", given(np.arange(3000).reshape(10, 300) % 7 // 3), 5),
        case("zeros of both signs", given([[-0.0, 0.0, -0.0, 0.0, -1.0]]), 4),
        case("experts that are out", given([[-np.inf, 1, -np.inf, 0], [0, -np.inf, 0, 1]]), 3),
        case("an expert that is NaN", given([[0, np.nan, 1], [np.nan, np.nan, 2]]), 2),
        case("far apart", values(4, 6, scale=10.0), 6, renormalize=False),
        case("no tokens", values(0, 4), 2),
        case("thousands of tokens", values(4096, 8), 2, dtypes=("float32",)),
    ),
    draw=_draw_gating,
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

ENTRIES = (TOP_K_GATING, GROUP_TOKENS_BY_EXPERT, AGGREGATE_EXPERT_OUTPUTS, EXPERT_LINEAR)
