"""Attention: masks, and what they mean."""

from ._trap import trap


def nothing_to_attend_to_torch():
    import torch

    q, k = torch.ones(1, 1, 2), torch.ones(1, 2, 2)
    v = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    attend = torch.nn.functional.scaled_dot_product_attention
    nothing = torch.zeros(1, 1, 2, dtype=torch.bool)
    minus_infinity = torch.full((1, 1, 2), -torch.inf)
    by_hand = torch.softmax(q @ k.mT / 2**0.5 + minus_infinity, -1) @ v
    return {
        "mask": attend(q, k, v, nothing)[0, 0],
        "by hand": by_hand[0, 0],
    }


def nothing_to_attend_to_jax():
    import jax
    import jax.numpy as jnp

    q, k = jnp.ones((1, 1, 1, 2)), jnp.ones((1, 2, 1, 2))
    v = jnp.array([[[[1.0, 2.0]], [[3.0, 4.0]]]])
    nothing = jnp.zeros((1, 1, 1, 2), dtype=bool)
    return jax.nn.dot_product_attention(q, k, v, mask=nothing)[0, 0, 0]


def nothing_to_attend_to_tensorflow():
    import tensorflow as tf

    q, k = tf.ones((1, 1, 2)), tf.ones((1, 2, 2))
    v = tf.constant([[[1.0, 2.0], [3.0, 4.0]]])
    nothing = tf.zeros((1, 2), dtype=tf.bool)
    layer = tf.keras.layers.Attention()
    return layer([q, v, k], mask=[None, nothing])[0, 0]


def nothing_to_attend_to_einport(xp):
    from einport.ops import scaled_dot_product_attention

    q = xp.asarray([[1.0, 1.0]], dtype="float32")
    k = xp.asarray([[1.0, 1.0], [1.0, 1.0]], dtype="float32")
    v = xp.asarray([[1.0, 2.0], [3.0, 4.0]], dtype="float32")
    nothing = xp.asarray([[False, False]])
    return scaled_dot_product_attention(q, k, v, mask=nothing)[0]


NOTHING_TO_ATTEND_TO = trap(
    globals(),
    "nothing-to-attend-to",
    "A query that may attend to nothing gets zeros, the mean of all values, or NaN",
    why="The softmax over nothing is 0/0. PyTorch makes zeros of it. In JAX and Keras all keys are "
    "ruled out alike, and the query sees everything that it was to be kept from. With −∞ by hand "
    "it is NaN.",
    instead="Zeros, on every framework.",
    ops=("scaled_dot_product_attention", "multi_head_attention", "sliding_window_attention"),
)


def few_nan_keys_torch():
    import torch

    q, k = torch.ones(1, 1, 1, 2), torch.full((1, 1, 3, 2), torch.nan)
    v = torch.ones(1, 1, 3, 2)
    attend = torch.nn.functional.scaled_dot_product_attention

    def by_hand(q, k, v):
        return torch.softmax(0.5 * (q @ k.mT), -1) @ v

    return {
        "fused": attend(q, k, v)[0, 0, 0],
        "by hand": by_hand(q, k, v)[0, 0, 0],
        "by hand, compiled": torch.compile(by_hand)(q, k, v)[0, 0, 0],
    }


def few_nan_keys_jax():
    import jax
    import jax.numpy as jnp

    q, v = jnp.ones((1, 1, 1, 2)), jnp.ones((1, 3, 1, 2))
    k = jnp.full((1, 3, 1, 2), jnp.nan)
    return jax.jit(jax.nn.dot_product_attention)(q, k, v)[0, 0, 0]


def few_nan_keys_tensorflow():
    import tensorflow as tf

    q, k = tf.ones((1, 1, 2)), tf.fill((1, 3, 2), float("nan"))
    return tf.keras.layers.Attention()([q, tf.ones((1, 3, 2)), k])[0, 0]


def few_nan_keys_einport(xp):
    from einport.ops import scaled_dot_product_attention

    nan = float("nan")
    q = xp.asarray([[1.0, 1.0]], dtype="float32")
    k = xp.asarray([[nan, nan]] * 3, dtype="float32")
    v = xp.asarray([[1.0, 1.0]] * 3, dtype="float32")
    return scaled_dot_product_attention(q, k, v)[0]


FEW_NAN_KEYS = trap(
    globals(),
    "few-nan-keys",
    "PyTorch's attention on a CPU gives zeros where a few keys are all NaN",
    why="The fused kernel looks for the largest score, finds none that is a number among fewer "
    "keys than a vector holds, and takes the query for one that may attend to nothing. The "
    "compiler puts this kernel in the place of a plain softmax between two products.",
    instead="NaN. Of sixteen keys or fewer the softmax is written so that no kernel is put there.",
    ops=("scaled_dot_product_attention", "multi_head_attention"),
)


def mask_means_opposite_torch():
    import torch

    x = torch.tensor([[[1.0], [2.0]]])
    mask = torch.tensor([[True, False], [True, False]])
    layer = torch.nn.MultiheadAttention(1, 1, bias=False, batch_first=True)
    torch.nn.init.ones_(layer.in_proj_weight)
    torch.nn.init.ones_(layer.out_proj.weight)
    attend = torch.nn.functional.scaled_dot_product_attention
    heads, _ = layer(x, x, x, attn_mask=mask)
    return {
        "scaled_dot_product_attention": attend(x, x, x, mask)[0, :, 0],
        "nn.MultiheadAttention": heads.detach()[0, :, 0],
    }


def mask_means_opposite_tensorflow():
    import tensorflow as tf

    x = tf.constant([[[1.0], [2.0]]])
    mask = tf.constant([[[True, False], [True, False]]])
    options = {"use_bias": False, "kernel_initializer": "ones"}
    layer = tf.keras.layers.MultiHeadAttention(1, 1, **options)
    return layer(x, x, attention_mask=mask)[0, :, 0]


def mask_means_opposite_jax():
    import jax
    import jax.numpy as jnp

    x = jnp.array([1.0, 2.0]).reshape(1, 2, 1, 1)
    mask = jnp.array([[[[True, False], [True, False]]]])
    return jax.nn.dot_product_attention(x, x, x, mask=mask)[0, :, 0, 0]


def mask_means_opposite_einport(xp):
    from einport import ops

    x = xp.asarray([[[1.0], [2.0]]], dtype="float32")
    mask = xp.asarray([[True, False], [True, False]])
    one = xp.asarray([[1.0]], dtype="float32")
    params = dict.fromkeys(("query", "key", "value", "output"), one)
    attended = ops.scaled_dot_product_attention(x, x, x, mask=mask)
    heads = ops.multi_head_attention(x, params, num_heads=1, mask=mask)
    return {
        "scaled_dot_product_attention": attended[0, :, 0],
        "multi_head_attention": heads[0, :, 0],
    }


MASK_MEANS_OPPOSITE = trap(
    globals(),
    "mask-means-opposite",
    "True in a mask lets a query attend, or forbids it",
    why="In PyTorch's function True means “may attend”, and in its layer “may not”. In JAX and "
    "Keras it is the first.",
    instead="True means that a query may attend, in every operation.",
    ops=("scaled_dot_product_attention", "multi_head_attention", "transformer_block"),
)


def causal_with_more_keys_torch():
    import torch

    q, k = torch.zeros(1, 2, 1), torch.zeros(1, 3, 1)
    v = torch.tensor([[[1.0], [2.0], [3.0]]])
    attend = torch.nn.functional.scaled_dot_product_attention
    return attend(q, k, v, is_causal=True)[0, :, 0]


def causal_with_more_keys_jax():
    import jax
    import jax.numpy as jnp

    q, k = jnp.zeros((1, 2, 1, 1)), jnp.zeros((1, 3, 1, 1))
    v = jnp.array([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1)
    attend = jax.nn.dot_product_attention
    return attend(q, k, v, is_causal=True)[0, :, 0, 0]


def causal_with_more_keys_tensorflow():
    import tensorflow as tf

    q, k = tf.zeros((1, 2, 1)), tf.zeros((1, 3, 1))
    v = tf.constant([[[1.0], [2.0], [3.0]]])
    layer = tf.keras.layers.Attention()
    return layer([q, v, k], use_causal_mask=True)[0, :, 0]


def causal_with_more_keys_einport(xp):
    from einport.ops import scaled_dot_product_attention

    q = xp.asarray([[0.0], [0.0]], dtype="float32")
    k = xp.asarray([[0.0], [0.0], [0.0]], dtype="float32")
    v = xp.asarray([[1.0], [2.0], [3.0]], dtype="float32")
    last = xp.asarray([[True, True, False], [True, True, True]])
    return {
        "causal": scaled_dot_product_attention(q, k, v, causal=True)[:, 0],
        "by a mask": scaled_dot_product_attention(q, k, v, mask=last)[:, 0],
    }


CAUSAL_WITH_MORE_KEYS = trap(
    globals(),
    "causal-with-more-keys",
    "The last query of a causal attention does not see the last key",
    why="Where there are more keys than queries, as with a cache of earlier ones, the mask begins "
    "with the first key and not so as to end with the last: query 0 sees key 0 alone. All of them "
    "do it, and it is seldom what is wanted.",
    instead="`causal` is the same; for queries that are the last ones give a `mask`.",
    ops=("scaled_dot_product_attention", "multi_head_attention"),
)


def window_width_jax():
    import jax
    import jax.numpy as jnp

    q = k = jnp.zeros((1, 3, 1, 1))
    v = jnp.array([1.0, 2.0, 6.0]).reshape(1, 3, 1, 1)

    def attend(window):
        attend = jax.nn.dot_product_attention
        return attend(q, k, v, local_window_size=window)[0, :, 0, 0]

    return {"1": attend(1), "(1, 0)": attend((1, 0))}


def window_width_torch():
    import torch

    def attend(window):
        q = k = torch.zeros(1, 3, 1)
        v = torch.tensor([[[1.0], [2.0], [6.0]]])
        i, j = torch.arange(3)[:, None], torch.arange(3)
        attend = torch.nn.functional.scaled_dot_product_attention
        return attend(q, k, v, window(i, j))[0, :, 0]

    return {
        "|i − j| ≤ 1": attend(lambda i, j: (i - j).abs() <= 1),
        "0 ≤ i − j < 1": attend(lambda i, j: (i >= j) & (i - j < 1)),
    }


def window_width_einport(xp):
    from einport.ops import sliding_window_attention

    q = k = xp.asarray([[[[0.0], [0.0], [0.0]]]], dtype="float32")
    v = xp.asarray([[[[1.0], [2.0], [6.0]]]], dtype="float32")
    return sliding_window_attention(q, k, v, window=1)[0, 0, :, 0]


WINDOW_WIDTH = trap(
    globals(),
    "window-width",
    "A window of 1 holds three keys, two, or one",
    why="JAX counts the keys on either side, or on each in a pair. PyTorch leaves the mask to the "
    "caller, and models write it in both ways: keys on either side, or all keys of a causal "
    "window, the query's own among them.",
    instead="`window` counts the keys on either side.",
    ops=("sliding_window_attention", "sliding_window_chunks"),
)


TRAPS = (
    NOTHING_TO_ATTEND_TO,
    FEW_NAN_KEYS,
    MASK_MEANS_OPPOSITE,
    CAUSAL_WITH_MORE_KEYS,
    WINDOW_WIDTH,
)
