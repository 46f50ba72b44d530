"""What each framework cannot do: one table, which the suite, the matrix and the pages read.

Every row is strict: what it covers must fail, and in the words that it says.
"""

from __future__ import annotations

from .base import Gap

NUMPY = (
    Gap("*", "NumPy has no compiler", mode="compiled", says="no compiler"),
    Gap("*", "NumPy has no compiler", mode="dynamic", says="no compiler"),
    Gap("*", "NumPy has no automatic differentiation", mode="gradient", says="differentiation"),
    Gap("*", "NumPy has no compiler", mode="compiled-gradient", says="no compiler"),
    Gap("*", "NumPy has no arrays without values", mode="abstract", says="without values"),
    Gap("*", "NumPy has no exported form", mode="exported", says="no exported form"),
    Gap("*", "NumPy's arrays are the host's", mode="device", says="are the host's"),
)
NUMPY_WITHOUT_ML_DTYPES = Gap(
    "*",
    "NumPy has no bfloat16 unless ml_dtypes is installed",
    dtype="bfloat16",
    says="bfloat16",
)

TORCH: tuple[Gap, ...] = ()

TORCH_DTENSOR: tuple[Gap, ...] = ()
"""Which operations do not take DTensors: each takes them in every layout."""


def _jagged(reason: str, says: str, *ops: str) -> tuple[Gap, ...]:
    return tuple(Gap(op, reason, mode="jagged", says=says) for op in ops)


TORCH_JAGGED = (
    *_jagged(
        "the ragged axis of a jagged tensor cannot be joined with another or parted",
        "view()",
        *("merge_heads", "multi_head_attention", "feed_forward", "transformer_block"),
        *("conv_transpose2d", "rearrange", "pack", "pixel_unshuffle", "extract_patches"),
        *("assemble_patches", "embed_patches", "index_by_coordinates", "group_tokens_by_expert"),
        *("aggregate_expert_outputs", "moe_layer", "flatten_leading", "unflatten_leading"),
    ),
    *_jagged(
        "jagged tensors have a matrix product only where each has a batch and is ragged in rows",
        "matmul()",
        *("additive_attention", "matrix_vector", "matrix_multiply"),
    ),
    *_jagged("a jagged tensor has no diagonal", "einsum()", "trace"),
    *_jagged(
        "jagged tensors cannot be indexed by a tensor",
        "aten.index_select",
        *("sliding_windows", "collect_rows", "collect_columns", "dispatch_tokens"),
        "combine_tokens",
    ),
    *_jagged("jagged tensors have no gather", "aten.gather", "gather_columns", "cross_entropy"),
    *_jagged("jagged tensors cannot be sorted stably", "aten.sort", "top_k_gating"),
    *_jagged(
        "jagged tensors cannot be padded",
        "aten.constant_pad_nd",
        *("sliding_window_attention", "average_pool", "max_pool"),
    ),
    *_jagged(
        "nothing can be calculated from the size of a ragged axis",
        "NestedIntNode",
        *("conv2d", "pixel_shuffle", "merge_patches"),
    ),
    *_jagged(
        "the size of a ragged axis has no order",
        "relation is indeterminate",
        "sliding_window_chunks",
    ),
    *_jagged("a ragged axis has no single size", "could not split", "unpack"),
    *_jagged(
        "jagged tensors cannot be reduced over the batch alone",
        "mean()",
        "load_balancing_loss",
    ),
    *_jagged("jagged tensors cannot be sliced along the batch", "slice()", "batch_norm"),
    *_jagged(
        "the batch of a jagged tensor stays its first axis",
        "Permute",
        *("cosine_similarity", "permute_cyclic"),
    ),
    *_jagged("jagged tensors cannot be stacked before the batch", "stack()", "stack_arrays"),
    *_jagged("a jagged tensor's batch cannot be repeated", "unsqueeze()", "tile_batch", "tile"),
    *_jagged(
        "jagged tensors cannot be stretched along a new axis",
        "expand()",
        "repeat",
        "repeat_elements",
    ),
)
"""Which operations do not take jagged tensors, tried with the second axis ragged.

What treats each row by itself does: softmax, normalization over the last axis, losses, products of
elements, reductions over the last axis, and moves that leave the ragged axis alone.
"""

JAX: tuple[Gap, ...] = ()

TENSORFLOW = tuple(
    Gap(op, reason, mode="held", case="unknown*", says="must be known")
    for op, reason in (
        ("index_by_coordinates", "coordinates are counted by the sizes of all axes but the first"),
        ("sliding_window_chunks", "whether the last window is full depends on the length"),
        ("sample_distribution", "what falls past the last class depends on how many there are"),
    )
)
