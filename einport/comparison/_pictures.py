"""The cases that are drawn, where an entry's own first case is not one to look at."""

from __future__ import annotations

from ..catalog import Case
from ..catalog._entry import case, given, indices, values

PICTURES: dict[str, Case | str] = {
    "split_heads": case("three heads of two", values(2, 2, 6), 3),
    "merge_heads": case("three heads of two", values(2, 3, 2, 2)),
    "scaled_dot_product_attention": case(
        "causal", values(4, 2), values(4, 2), values(4, 3), causal=True
    ),
    "multi_head_attention": case(
        "two heads, causal",
        values(1, 3, 4),
        {name: values(4, 4) for name in ("query", "key", "value", "output")},
        num_heads=2,
        causal=True,
    ),
    "additive_attention": case(
        "three keys",
        values(2, 2),
        values(2, 3, 2),
        values(2, 3, 4),
        {"query": values(2, 3), "key": values(2, 3), "score": values(3)},
    ),
    "feed_forward": case(
        "two tokens",
        values(2, 3),
        {"w1": values(3, 4), "b1": values(4), "w2": values(4, 3), "b2": values(3)},
    ),
    "transformer_block": case(
        "two heads, causal",
        values(1, 3, 4),
        {
            "norm1_scale": values(4),
            "norm1_shift": values(4),
            "attention": {name: values(4, 4) for name in ("query", "key", "value", "output")},
            "norm2_scale": values(4),
            "norm2_shift": values(4),
            "feed_forward": {
                "w1": values(4, 3),
                "b1": values(3),
                "w2": values(3, 4),
                "b2": values(4),
            },
        },
        num_heads=2,
        causal=True,
    ),
    "sliding_windows": case("windows of two", values(3, 5), 2),
    "conv2d": case("two channels to two", values(1, 2, 3, 4), values(2, 2, 2, 2), values(2)),
    "conv_transpose2d": case(
        "twice as large", values(1, 2, 2, 3), values(2, 1, 3, 3), values(1), stride=2
    ),
    "rearrange": case("channels last, flat", values(2, 3, 2, 2), "b c h w -> b (h w c)"),
    "reduce": case("means of blocks", values(2, 4, 6), "c (h r) (w s) -> c h w", "mean", r=2, s=2),
    "pixel_shuffle": case("blocks of two by two", values(8, 2, 3), 2),
    "pixel_unshuffle": case("blocks of two by two", values(2, 4, 6), 2),
    "extract_patches": case("patches of two by two", values(1, 2, 4, 6), 2),
    "assemble_patches": case("patches of two by two", values(1, 6, 8), 2, 4, 6),
    "embed_patches": case(
        "patches of two by two",
        values(1, 1, 4, 6),
        {
            "norm_scale": values(4),
            "norm_shift": values(4),
            "weight": values(4, 3),
            "bias": values(3),
        },
        patch_size=2,
    ),
    "merge_patches": case("four neighbors", values(4, 6, 2)),
    "sliding_window_chunks": case("overlapping by half", values(1, 8, 2), 4),
    "sliding_window_attention": case(
        "one on either side", values(1, 1, 6, 2), values(1, 1, 6, 2), values(1, 1, 6, 3), window=1
    ),
    # The routing is given: a picture shows one.
    "moe_layer": case(
        "two of three experts",
        given([[[0.4, 0.9], [1.1, 0.3], [0.7, 0.8]]]),
        {
            "gate": given([[0.9, -0.4, 0.2], [-0.6, 0.5, 0.3]]),
            "w1": values(3, 2, 2),
            "b1": values(3, 2),
            "w2": values(3, 2, 2),
            "b2": values(3, 2),
        },
        k=2,
    ),
    "batch_norm": case(
        "training",
        values(2, 2, 2, 3),
        {
            "scale": values(2),
            "shift": values(2),
            "running_mean": values(2),
            "running_var": given([1.0, 2.0]),
        },
        training=True,
    ),
    "global_average_pool": case("two images", values(2, 3, 2, 4)),
    "global_max_pool": case("two images", values(2, 3, 2, 4)),
    "channel_max_pool": case("two images", values(2, 3, 2, 4)),
    "average_pool": case("windows that overlap", values(1, 5, 7), 3, stride=2, padding=1),
    "max_pool": case("windows that overlap", values(1, 5, 7), 3, stride=2, padding=1),
    "dispatch_tokens": "room for three",
    "combine_tokens": "room for three",
    "classifier_accuracy": case("two of three", values(3, 3), indices([0, 2, 1])),
}
"""Calls to look at, or names of cases, for operations whose first case is too large, or shows too
little."""
