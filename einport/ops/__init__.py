"""The operations, each written once for every framework.

    from einport.ops import pixel_shuffle, scaled_dot_product_attention

An operation takes arrays of NumPy, PyTorch, JAX or TensorFlow and returns arrays of the same
framework, device and floating dtype. Bad input is refused before any framework is called, in the
same words everywhere: `ValueError` for shapes and values, `TypeError` for dtypes, for what is not
an array and for arrays of two frameworks, `IndexError` for an index out of range. Nothing is
written to its inputs; on NumPy and PyTorch a result may share their memory.

einops' own functions are here too, so that one import serves.
"""

from einops import pack, rearrange, reduce, repeat, unpack

from ._einsum import einsum
from .attention import merge_heads, scaled_dot_product_attention, split_heads
from .contracting import (
    elementwise_product,
    inner_product,
    matrix_multiply,
    matrix_vector,
    outer_product,
    row_sums,
    trace,
)
from .images import (
    assemble_patches,
    extract_patches,
    merge_patches,
    pixel_shuffle,
    pixel_unshuffle,
)
from .moe import aggregate_expert_outputs, expert_linear, group_tokens_by_expert, top_k_gating
from .pooling import channel_max_pool, global_average_pool, global_max_pool
from .probability import softmax
from .rearranging import (
    flatten_leading,
    permute_cyclic,
    stack_arrays,
    swap_height_width,
    transpose_matrices,
    unflatten_leading,
)
from .repeating import repeat_elements, tile, tile_batch

__all__ = [
    "aggregate_expert_outputs",
    "assemble_patches",
    "channel_max_pool",
    "einsum",
    "elementwise_product",
    "expert_linear",
    "extract_patches",
    "flatten_leading",
    "global_average_pool",
    "global_max_pool",
    "group_tokens_by_expert",
    "inner_product",
    "matrix_multiply",
    "matrix_vector",
    "merge_heads",
    "merge_patches",
    "outer_product",
    "pack",
    "permute_cyclic",
    "pixel_shuffle",
    "pixel_unshuffle",
    "rearrange",
    "reduce",
    "repeat",
    "repeat_elements",
    "row_sums",
    "scaled_dot_product_attention",
    "softmax",
    "split_heads",
    "stack_arrays",
    "swap_height_width",
    "tile",
    "tile_batch",
    "top_k_gating",
    "trace",
    "transpose_matrices",
    "unflatten_leading",
    "unpack",
]
