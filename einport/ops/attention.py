"""Attention between tokens, and the layers that are built on it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeVar

from einops import rearrange

from .. import expect
from ..backends import Backend, backend_of, find
from ..operation import operation
from ..patterns import einsum
from ._broadcasting import to_rank
from .normalization import layer_norm
from .probability import softmax

__all__ = [
    "additive_attention",
    "feed_forward",
    "merge_heads",
    "multi_head_attention",
    "scaled_dot_product_attention",
    "split_heads",
    "transformer_block",
]

A = TypeVar("A")

ADDITIVE = {"query": "d a", "key": "e a", "score": "a"}
FEED_FORWARD = {"w1": "d h", "b1": "h", "w2": "h d", "b2": "d"}
NORMS = {"norm1_scale": "d", "norm1_shift": "d", "norm2_scale": "d", "norm2_shift": "d"}
BLOCK = (*NORMS, "attention", "feed_forward")
BIASES = ("query_bias", "key_bias", "value_bias", "output_bias")


def _check_split_heads(x: Any, num_heads: Any) -> None:
    xp = expect.arrays(x=x)
    expect.positive_int(num_heads=num_heads)
    _check_heads(expect.axes(xp, "b n channels", x=x), num_heads)


@operation(checks=_check_split_heads)
def split_heads(x: A, num_heads: int) -> A:
    """Split the channel axis into heads, with the head index varying slowest.

    Args:
        x: `(b, n, h·d)`, any dtype.
        num_heads: h.

    Returns:
        `(b, h, n, d)`.

    Raises:
        TypeError: `x` is not an array, or `num_heads` not an integer.
        ValueError: `num_heads` does not divide the channels or is less than 1, or `x` does not
            have 3 axes.

    Source: A. Vaswani et al., "Attention Is All You Need", 2017, section 3.2.2.

    >>> import numpy as np
    >>> split_heads(np.zeros((2, 5, 12)), 3).shape
    (2, 3, 5, 4)
    """
    return rearrange(x, "b n (h d) -> b h n d", h=num_heads)


def _check_merge_heads(x: Any) -> None:
    expect.axes(expect.arrays(x=x), "b h n d", x=x)


@operation(checks=_check_merge_heads)
def merge_heads(x: A) -> A:
    """Merge the heads into the channel axis: the inverse of `split_heads`.

    Args:
        x: `(b, h, n, d)`, any dtype.

    Returns:
        `(b, n, h·d)`.

    Raises:
        TypeError: `x` is not an array.
        ValueError: `x` does not have 4 axes.

    Source: A. Vaswani et al., "Attention Is All You Need", 2017, section 3.2.2.

    >>> import numpy as np
    >>> merge_heads(np.zeros((2, 3, 5, 4))).shape
    (2, 5, 12)
    """
    return rearrange(x, "b h n d -> b n (h d)")


def _check_attention(q: Any, k: Any, v: Any, mask: Any, causal: object, scale: Any) -> None:
    named = {"q": q, "k": k, "v": v}
    xp = expect.arrays(**named)
    if mask is not None:
        expect.arrays(q=q, mask=mask)
        expect.booleans(xp, mask=mask)
    expect.flag(causal=causal)
    for name, x in named.items():
        expect.floating(xp, **{name: x})
        expect.axes(xp, "... n d", **{name: x})
    expect.same_dtype(xp, **named)
    shapes = {name: xp.shape(x) for name, x in named.items()}
    _check_attention_shapes(*shapes.values())
    if mask is not None:
        target = (*xp.shape(q)[:-1], xp.shape(k)[-2])
        if not expect.broadcasts(xp.shape(mask), target):
            raise expect.value_error(
                f"mask must broadcast to {expect.show(target)}, got shape "
                f"{expect.show(xp.shape(mask))} ({expect.shapes(**shapes)})"
            )
    if scale is not None:
        expect.scalar(xp, scale=scale)
    elif not _is_number(xp.shape(q)[-1]):
        raise expect.value_error(
            "the depth of q must be known where no scale is given, "
            f"got shape {expect.show(xp.shape(q))}"
        )
    elif xp.shape(q)[-1] == 0:
        raise expect.value_error("q has depth 0, so that the default scale 1/√0 does not exist")


def _check_attention_shapes(query: Any, key: Any, value: Any) -> None:
    def shapes() -> str:
        return expect.shapes(q=query, k=key, v=value)

    if not expect.equal(query[-1], key[-1]):
        raise expect.value_error(
            f"q and k must have one depth, got {query[-1]} and {key[-1]} ({shapes()})"
        )
    if not expect.equal(key[-2], value[-2]):
        raise expect.value_error(
            f"k and v must have one length, got {key[-2]} and {value[-2]} ({shapes()})"
        )
    same_batch = expect.same_sizes(query[:-3], key[:-3]) and len(query) == len(key)
    if not same_batch or not expect.same_sizes(key[:-2], value[:-2]):
        raise expect.value_error(f"q, k and v must have the same leading axes ({shapes()})")
    if len(query) > 2 and not _can_share(query[-3], key[-3]):
        raise expect.value_error(
            f"q has {query[-3]} heads, which the {key[-3]} heads of k do not divide ({shapes()})"
        )


def _can_share(heads: Any, key_heads: Any) -> bool:
    """Whether each key head can serve equally many query heads."""
    if expect.equal(heads, key_heads):
        return True
    return bool(key_heads) and expect.divides(key_heads, heads)


@operation(checks=_check_attention, in_float32=True)
def scaled_dot_product_attention(
    q: A,
    k: A,
    v: A,
    *,
    mask: A | None = None,
    causal: bool = False,
    scale: float | A | None = None,
) -> A:
    """Scaled dot-product attention: values weighted by the softmax of query–key products.

    A query that may attend to nothing gets zeros, whatever `k` and `v` hold; NaN in the value of a
    key that is masked may reach the other queries. 16-bit floats are computed in float32. With
    fewer key heads than query heads (the third axis from the end), each key head serves a run of
    consecutive query heads: grouped-query attention.

    Args:
        q: `(..., n, d)`, floating.
        k: `(..., m, d)` of the same dtype and leading axes.
        v: `(..., m, e)` of the same dtype, with the leading axes of `k`.
        mask: booleans that broadcast to `(..., n, m)`; True where a query may attend.
        causal: query i attends to keys 0 … i only, counted from the first of each.
        scale: what the products are multiplied by, a number or an array without axes, which may
            be learned; 1/√d by default.

    Returns:
        `(..., n, e)`: `softmax(scale · q kᵀ) v`.

    Raises:
        TypeError: frameworks or dtypes are mixed, an argument is not a floating array, the mask
            is not boolean, `causal` not a bool, or `scale` not a number.
        ValueError: ranks or sizes do not fit, or no scale is given and `d` is 0, or not known
            while tracing.

    Source: A. Vaswani et al., "Attention Is All You Need", 2017, equation 1; grouped queries as
    in J. Ainslie et al., "GQA", EMNLP 2023.

    >>> import numpy as np
    >>> q, k, v = np.zeros((1, 4)), np.zeros((2, 4)), np.array([[1.0], [3.0]])
    >>> scaled_dot_product_attention(q, k, v).tolist()
    [[2.0]]
    """
    xp = backend_of(q)
    grouped = len(xp.shape(q)) > 2 and not xp.is_same(xp.shape(q)[-3], xp.shape(k)[-3])
    if grouped:
        q, k, v, mask = _group_heads(xp, q, k, v, mask)
    allowed = _allowed(xp, q, k, mask, causal)
    if allowed is not None:
        # A query without a key has no part in the product: 0·NaN would be in the gradients.
        q = xp.where(xp.any(allowed, axis=-1, keepdims=True), q, 0.0)
    scores = _factor(xp, scale, q) * xp.matmul(q, rearrange(k, "... m d -> ... d m"))
    weights, idle = _masked_softmax(xp, scores, allowed)
    out: Any = xp.matmul(weights, v)
    if idle is not None:
        out = xp.where(idle, 0.0, out)  # weights of 0 times NaN would be NaN
    return rearrange(out, "... g r n e -> ... (g r) n e") if grouped else out


def _check_multi_head(
    x: Any, params: Any, num_heads: Any, context: Any, mask: Any, causal: object
) -> None:
    xp = expect.arrays(x=x)
    _check_tokens(xp, x, num_heads)
    if context is not None:
        _check_context(xp, x, context)
    if mask is not None:
        _check_mask(xp, x, x if context is None else context, mask, num_heads)
    expect.flag(causal=causal)
    _check_projections(xp, x, context, params=params)


@operation(checks=_check_multi_head, in_float32=True)
def multi_head_attention(
    x: A,
    params: Mapping[str, A],
    *,
    num_heads: int,
    context: A | None = None,
    mask: A | None = None,
    causal: bool = False,
) -> A:
    """Multi-head attention, with its projections: self-attention, or cross-attention to a context.

    With a context, keys and values are projections of that. A query that may attend to
    nothing gets zeros from every head, and so the output's bias. 16-bit floats are computed in
    float32.

    Args:
        x: `(b, n, dim)`, floating.
        params: a dictionary of `query` and `output` `(dim, dim)`, `key` and `value` `(dim, dim)`,
            or `(context_dim, dim)` with a context, and `query_bias`, `key_bias`, `value_bias` and
            `output_bias` `(dim,)`, each of which may be left out; all of the dtype of `x`.
        num_heads: h, into which the projected channels are parted.
        context: `(b, m, context_dim)` of the same dtype; `x` itself by default.
        mask: booleans that broadcast to `(b, h, n, m)`; True where a query may attend. `(n, m)`
            serves all alike; one for each example is `(b, 1, n, m)`, while three axes are
            `(h, n, m)`.
        causal: query i attends to keys 0 … i only, counted from the first of each.

    Returns:
        `(b, n, dim)`: with `q, k, v = x·W + b`, each by its own `W` and `b`, the heads'
        `softmax(q kᵀ / √(dim / h)) v` side by side, times `output`, plus `output_bias`.

    Raises:
        TypeError: frameworks or dtypes are mixed, an argument is not a floating array, the mask
            is not boolean, `params` not a dictionary, `num_heads` not an integer, or `causal` not
            a bool.
        ValueError: an entry is missing, not known, or of another shape; `num_heads` does not
            divide the channels or is less than 1; ranks or sizes do not fit; the channels are
            not known while tracing.

    Source: A. Vaswani et al., "Attention Is All You Need", 2017, section 3.2.2.

    >>> import numpy as np
    >>> params = dict.fromkeys(("query", "key", "value", "output"), np.eye(4))
    >>> multi_head_attention(np.ones((1, 3, 4)), params, num_heads=2)[0, 0].tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    xp = backend_of(x)
    source = x if context is None else context
    heads = [
        split_heads.definition(_project(xp, tokens, params, name), num_heads)
        for name, tokens in (("query", x), ("key", source), ("value", source))
    ]
    scale = 1 / math.sqrt(_channels(xp, x, params) // num_heads)
    attended = scaled_dot_product_attention.definition(
        *heads, mask=mask, causal=causal, scale=scale
    )
    return _project(xp, merge_heads.definition(attended), params, "output")


def _check_additive(query: Any, keys: Any, values: Any, params: Any) -> None:
    named = {"query": query, "keys": keys, "values": values}
    xp = expect.floats_alike(**named)
    shapes = [
        expect.axes(xp, axes, **{name: x})
        for (name, x), axes in zip(named.items(), ("b d", "b m e", "b m f"), strict=True)
    ]
    asked, key, value = shapes
    if not (expect.equal(asked[0], key[0]) and expect.equal(key[0], value[0])):
        raise expect.value_error(
            f"query, keys and values must have one batch size, got {asked[0]}, {key[0]} and "
            f"{value[0]} ({expect.shapes(query=asked, keys=key, values=value)})"
        )
    if not expect.equal(key[1], value[1]):
        raise expect.value_error(
            f"keys and values must have one length, got {key[1]} and {value[1]} "
            f"({expect.shapes(query=asked, keys=key, values=value)})"
        )
    sizes = {"d": asked[-1], "e": key[-1]}
    expect.parameters(xp, {"query": query}, ADDITIVE, sizes, params=params)


@operation(checks=_check_additive, in_float32=True)
def additive_attention(query: A, keys: A, values: A, params: Mapping[str, A]) -> tuple[A, A]:
    """Additive attention: values weighted by the softmax of a small network's scores.

    The attention between a decoder's state and an encoder's. Without keys there is nothing to
    attend to: no weights, and a context of zeros. 16-bit floats are computed in float32.

    Args:
        query: `(b, d)`, floating.
        keys: `(b, m, e)` of the same dtype.
        values: `(b, m, f)` of the same dtype.
        params: a dictionary of `query` `(d, a)`, `key` `(e, a)` and `score` `(a,)`, all of the
            same dtype.

    Returns:
        `context (b, f)`: `Σ_m weights · values`; and `weights (b, m)`: `softmax(score)` with
        `score = tanh(query·W_query + keys·W_key)·w_score`.

    Raises:
        TypeError: frameworks or dtypes are mixed, an argument is not a floating array, or
            `params` not a dictionary.
        ValueError: an entry is missing or of another shape; ranks or sizes do not fit.

    Source: D. Bahdanau et al., "Neural Machine Translation by Jointly Learning to Align and
    Translate", ICLR 2015, section A.1.2.

    >>> import numpy as np
    >>> params = {"query": np.eye(2), "key": np.eye(2), "score": np.ones(2)}
    >>> keys, values = np.zeros((1, 2, 2)), np.array([[[1.0], [3.0]]])
    >>> context, weights = additive_attention(np.ones((1, 2)), keys, values, params)
    >>> context.tolist(), weights.tolist()
    ([[2.0]], [[0.5, 0.5]])
    """
    xp = backend_of(query)
    asked = rearrange(_linear(xp, query, params["query"]), "b a -> b 1 a")
    hidden = xp.tanh(asked + _linear(xp, keys, params["key"]))
    scores = einsum.definition(hidden, params["score"], "b m a, a -> b m")
    weights = softmax.definition(scores)
    return einsum.definition(weights, values, "b m, b m f -> b f"), weights


def _check_feed_forward(x: Any, params: Any) -> None:
    xp = expect.arrays(x=x)
    expect.floating(xp, x=x)
    sizes = {"d": expect.axes(xp, "... d", x=x)[-1]}
    expect.parameters(xp, {"x": x}, FEED_FORWARD, sizes, params=params)


@operation(checks=_check_feed_forward, in_float32=True)
def feed_forward(x: A, params: Mapping[str, A]) -> A:
    """Position-wise feed-forward network: two linear layers with a ReLU between them.

    NaN passes through the ReLU; where it is given exactly 0, its gradient is that of the
    framework's own maximum. 16-bit floats are computed in float32.

    Args:
        x: `(..., d)`, floating.
        params: a dictionary of `w1` `(d, h)`, `b1` `(h,)`, `w2` `(h, d)` and `b2` `(d,)`, all of
            the dtype of `x`.

    Returns:
        `(..., d)`: `max(0, x·w1 + b1)·w2 + b2`.

    Raises:
        TypeError: frameworks or dtypes are mixed, an argument is not a floating array, or
            `params` not a dictionary.
        ValueError: an entry is missing or of another shape, or `x` has no axis.

    Source: A. Vaswani et al., "Attention Is All You Need", 2017, equation 2.

    >>> import numpy as np
    >>> params = {"w1": np.eye(2), "b1": np.zeros(2), "w2": np.eye(2), "b2": np.ones(2)}
    >>> feed_forward(np.array([-3.0, 4.0]), params).tolist()
    [1.0, 5.0]
    """
    xp = backend_of(x)
    hidden = xp.maximum(_linear(xp, x, params["w1"], params["b1"]), 0)
    return _linear(xp, hidden, params["w2"], params["b2"])


def _check_transformer(x: Any, params: Any, num_heads: Any, mask: Any, causal: object) -> None:
    xp = expect.arrays(x=x)
    _check_tokens(xp, x, num_heads)
    if mask is not None:
        _check_mask(xp, x, x, mask, num_heads)
    expect.flag(causal=causal)
    missing = [entry for entry in BLOCK if isinstance(params, Mapping) and entry not in params]
    if missing:
        raise expect.value_error(
            f"params must have the entries {', '.join(BLOCK)}; {missing[0]} is missing"
        )
    like, sizes = {"x": x}, {"d": xp.shape(x)[-1]}
    expect.parameters(xp, like, NORMS, sizes, params=params)
    _check_projections(xp, x, None, **{"params['attention']": params["attention"]})
    feed = {"params['feed_forward']": params["feed_forward"]}
    expect.parameters(xp, like, FEED_FORWARD, sizes, **feed)


@operation(checks=_check_transformer, in_float32=True)
def transformer_block(
    x: A,
    params: Mapping[str, Any],
    *,
    num_heads: int,
    mask: A | None = None,
    causal: bool = False,
) -> A:
    """Pre-norm transformer block: attention, then a feed-forward network, each with a residual.

    16-bit floats are computed in float32.

    Args:
        x: `(b, n, d)`, floating.
        params: a dictionary of `norm1_scale`, `norm1_shift`, `norm2_scale` and `norm2_shift`
            `(d,)`, and of the dictionaries `attention`, as `multi_head_attention` takes it, and
            `feed_forward`, as `feed_forward` takes it; all of the dtype of `x`.
        num_heads: h, into which the channels are parted.
        mask: booleans that broadcast to `(b, h, n, n)`; True where a query may attend. `(n, n)`
            serves all alike; one for each example is `(b, 1, n, n)`, while three axes are
            `(h, n, n)`.
        causal: position i attends to positions 0 … i only.

    Returns:
        `(b, n, d)`: `y + feed_forward(norm2(y))` with `y = x + attention(norm1(x))`, the layer
        norms with eps 1e-5.

    Raises:
        TypeError: frameworks or dtypes are mixed, an argument is not a floating array, the mask
            is not boolean, `params` or one in it not a dictionary, `num_heads` not an integer, or
            `causal` not a bool.
        ValueError: an entry is missing, not known, or of another shape; `num_heads` does not
            divide the channels or is less than 1; ranks or sizes do not fit; the channels are
            not known while tracing.

    Source: A. Vaswani et al., "Attention Is All You Need", 2017, with the norms before as in
    R. Xiong et al., "On Layer Normalization in the Transformer Architecture", ICML 2020.

    >>> import numpy as np
    >>> attention = dict.fromkeys(("query", "key", "value", "output"), np.zeros((2, 2)))
    >>> ones, zeros = np.ones(2), np.zeros(2)
    >>> params = {"norm1_scale": ones, "norm1_shift": zeros, "attention": attention}
    >>> params |= {"norm2_scale": ones, "norm2_shift": zeros}
    >>> params["feed_forward"] = {"w1": np.eye(2), "b1": zeros, "w2": np.eye(2), "b2": zeros}
    >>> transformer_block(np.array([[[1.0, 3.0]]]), params, num_heads=1).round(3).tolist()
    [[[1.0, 4.0]]]
    """
    rows = layer_norm.definition(x, params["norm1_scale"], params["norm1_shift"], eps=1e-5)
    x = x + multi_head_attention.definition(
        rows, params["attention"], num_heads=num_heads, mask=mask, causal=causal
    )
    rows = layer_norm.definition(x, params["norm2_scale"], params["norm2_shift"], eps=1e-5)
    return x + feed_forward.definition(rows, params["feed_forward"])


# --- Parts of the formulas -----------------------------------------------------------------------


def _linear(xp: Backend, x: Any, weight: Any, bias: Any = None) -> Any:
    y = einsum.definition(x, weight, "... i, i o -> ... o")
    return y if bias is None else y + to_rank(xp, bias, len(xp.shape(y)))


def _project(xp: Backend, x: Any, params: Mapping[str, Any], name: str) -> Any:
    return _linear(xp, x, params[name], params.get(f"{name}_bias"))


def _channels(xp: Backend, x: Any, params: Mapping[str, Any]) -> Any:
    """How many channels heads are made of, by whichever shape says so; None if none does."""
    sizes = (xp.shape(x)[-1], *xp.shape(params["query"]))
    return next((size for size in sizes if size is not None), None)


def _factor(xp: Backend, scale: Any, q: Any) -> Any:
    """What scores are multiplied by: 1/√d by default."""
    if scale is None:
        return 1 / math.sqrt(xp.shape(q)[-1])
    return xp.astype(scale, xp.dtype(q)) if find(scale) is xp else float(scale)


def _allowed(xp: Backend, q: Any, k: Any, mask: Any, causal: bool) -> Any:
    """Which query may attend to which key, as booleans that broadcast to the scores; None: all."""
    rank = len(xp.shape(q))
    allowed = None if mask is None else to_rank(xp, mask, rank)
    if not causal:
        return allowed
    query, key = (xp.arange(xp.sizes(x)[-2], like=x) for x in (q, k))
    earlier = to_rank(xp, rearrange(query, "n -> n 1") >= rearrange(key, "m -> 1 m"), rank)
    return earlier if allowed is None else allowed & earlier


def _masked_softmax(xp: Backend, scores: Any, allowed: Any) -> tuple[Any, Any]:
    """Softmax over the allowed keys, and which queries have none, if there is a mask."""
    if xp.shape(scores)[-1] == 0:
        return scores, None
    if allowed is not None:
        scores = xp.where(allowed, scores, -math.inf)
    top = xp.max(scores, axis=-1, keepdims=True)
    # −inf less −inf is NaN, in the result and in its gradient: rows without a key subtract 0.
    idle = top == -math.inf
    power = xp.exp(scores - xp.where(idle, 0.0, top))
    total = xp.sum(power, axis=-1, keepdims=True)
    if allowed is None:
        return power / total, None
    return power / xp.where(idle, 1.0, total), idle


def _group_heads(xp: Backend, q: Any, k: Any, v: Any, mask: Any) -> Any:
    """An axis for the query heads that share a key head, and one of size 1 beside it."""
    heads, groups = xp.sizes(q)[-3], xp.sizes(k)[-3]
    q = rearrange(q, "... (g r) n d -> ... g r n d", g=groups)
    k = rearrange(k, "... g m d -> ... g 1 m d")
    v = rearrange(v, "... g m e -> ... g 1 m e")
    if mask is not None and len(xp.shape(mask)) > 2:
        if xp.is_same(xp.shape(mask)[-3], 1):
            mask = rearrange(mask, "... 1 n m -> ... 1 1 n m")
        else:
            if xp.shape(mask)[-3] is None:  # it may be 1
                mask = mask & rearrange(xp.arange(heads, like=q) >= 0, "h -> h 1 1")
            mask = rearrange(mask, "... (g r) n m -> ... g r n m", g=groups)
    return q, k, v, mask


# --- Checks that operations share ----------------------------------------------------------------


def _check_heads(shape: Any, num_heads: Any) -> None:
    if not expect.divides(num_heads, shape[2]):
        raise expect.value_error(
            f"x has {shape[2]} channels, which num_heads = {num_heads} does not divide "
            f"(x has shape {expect.show(shape)})"
        )


def _check_tokens(xp: Backend, x: Any, num_heads: Any) -> None:
    """Tokens whose channels can be split into heads."""
    expect.floating(xp, x=x)
    shape = expect.axes(xp, "b n channels", x=x)
    expect.not_empty(xp, {"channels": 2}, x=x)
    expect.known_int(num_heads=num_heads)
    _check_heads(shape, num_heads)


def _check_context(xp: Backend, x: Any, context: Any) -> None:
    expect.arrays(x=x, context=context)
    expect.floating(xp, context=context)
    expect.same_dtype(xp, x=x, context=context)
    shape, other = xp.shape(x), expect.axes(xp, "b m channels", context=context)
    if not expect.equal(shape[0], other[0]):
        raise expect.value_error(
            f"x and context must have one batch size, got {shape[0]} and {other[0]} "
            f"({expect.shapes(x=shape, context=other)})"
        )


def _check_mask(xp: Backend, x: Any, source: Any, mask: Any, num_heads: Any) -> None:
    expect.arrays(x=x, mask=mask)
    expect.booleans(xp, mask=mask)
    b, n, _ = xp.shape(x)
    target = b, num_heads, n, xp.shape(source)[1]
    if not expect.broadcasts(xp.shape(mask), target):
        raise expect.value_error(
            f"mask must broadcast to {expect.show(target)} for the axes (b heads n m), "
            f"got shape {expect.show(xp.shape(mask))} (x has shape {expect.show(xp.shape(x))})"
        )


def _check_projections(xp: Backend, x: Any, context: Any, **named: Any) -> None:
    """The parameters of `multi_head_attention`, by what they are called."""
    sizes, source = {"dim": xp.shape(x)[-1]}, "dim"
    if context is not None:
        source = "context_dim"
        sizes[source] = xp.shape(context)[-1]
    axes = {"query": "dim dim", "key": f"{source} dim", "value": f"{source} dim"}
    axes |= {"output": "dim dim"} | dict.fromkeys(BIASES, "dim")
    expect.parameters(xp, {"x": x}, axes, sizes, optional=BIASES, **named)
    (params,) = named.values()
    if not _is_number(_channels(xp, x, params)):
        raise expect.value_error(
            f"the channels of x must be known, got shape {expect.show(xp.shape(x))}"
        )


def _is_number(size: Any) -> bool:
    """Whether a size is known well enough to have a square root."""
    if isinstance(size, int):
        return True
    try:
        math.sqrt(size)
    except TypeError:
        return False
    return True
