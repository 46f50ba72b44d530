"""Attention: who looks at whom, and what they see."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeVar

from einops import rearrange

from ..backends import Backend, find
from ..operation import operation
from ..patterns.contraction import contract
from . import _checks as check
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
FEW_KEYS = 16
"""As many as a fused kernel may take for none where all are NaN: PyTorch's compiler puts such a one
in the place of a plain softmax between two products."""

BIASES = ("query_bias", "key_bias", "value_bias", "output_bias")


@operation
def split_heads(x: A, num_heads: int) -> A:
    """Part the channels into heads, the head axis outermost.

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
    xp = check.array("split_heads", "x", x)
    h = check.count("split_heads", "num_heads", num_heads)
    shape = xp.shape(x)
    check.rank("split_heads", "x", shape, "b n channels")
    if not check.divides(h, shape[2]):
        raise ValueError(
            f"split_heads: x has {shape[2]} channels, which num_heads = {h} does not divide "
            f"(x has shape {check.show(shape)})"
        )
    return rearrange(x, "b n (h d) -> b h n d", h=h)


@operation
def merge_heads(x: A) -> A:
    """Join the heads to channels: the inverse of `split_heads`.

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
    xp = check.array("merge_heads", "x", x)
    check.rank("merge_heads", "x", xp.shape(x), "b h n d")
    return rearrange(x, "b h n d -> b n (h d)")


@operation
def scaled_dot_product_attention(
    q: A,
    k: A,
    v: A,
    *,
    mask: A | None = None,
    causal: bool = False,
    scale: float | A | None = None,
) -> A:
    """Average the values, weighted by how well each key matches the query.

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
        ValueError: ranks or sizes do not fit, or no scale is given and `d` is 0, or not known in
            TensorFlow.

    Source: A. Vaswani et al., "Attention Is All You Need", 2017, equation 1; grouped queries as
    in J. Ainslie et al., "GQA", EMNLP 2023.

    >>> import numpy as np
    >>> q, k, v = np.zeros((1, 4)), np.zeros((2, 4)), np.array([[1.0], [3.0]])
    >>> scaled_dot_product_attention(q, k, v).tolist()
    [[2.0]]
    """
    op = "scaled_dot_product_attention"
    xp = _check_attention(op, q, k, v, mask, causal)
    shape, keys = xp.shape(q), xp.shape(k)
    factor = _scale(op, xp, scale, q)
    dtype = xp.dtype(q)
    heads, key_heads = (shape[-3], keys[-3]) if len(shape) > 2 else (1, 1)
    grouped = not xp.is_same(heads, key_heads)
    if grouped:
        q, k, v, mask = _group_heads(xp, q, k, v, mask)
    rank = len(xp.shape(q))
    if mask is not None:
        mask = to_rank(xp, mask, rank)
    if causal:
        query, key = _positions(xp, q), _positions(xp, k)
        earlier = to_rank(xp, rearrange(query, "n -> n 1") >= rearrange(key, "m -> 1 m"), rank)
        mask = earlier if mask is None else mask & earlier
    if mask is not None:
        # What may attend to nothing has no part in the product: 0·NaN would be in the gradients.
        q = xp.where(xp.any(mask, axis=-1, keepdims=True), q, 0.0)
    scores = factor * xp.matmul(xp.widen(q), rearrange(xp.widen(k), "... m d -> ... d m"))
    weights, nothing = _weights(xp, scores, mask, keys[-2])
    wide: Any = xp.matmul(weights, xp.widen(v))
    if nothing is not None:
        wide = xp.where(nothing, 0.0, wide)  # weights of 0 times NaN would be NaN
    out: A = xp.astype(wide, dtype)
    return rearrange(out, "... g r n e -> ... (g r) n e") if grouped else out


@operation
def multi_head_attention(
    x: A,
    params: Mapping[str, A],
    *,
    num_heads: int,
    context: A | None = None,
    mask: A | None = None,
    causal: bool = False,
) -> A:
    """Attend with several heads, each on its own projection of the tokens.

    With a context, keys and values come from there: cross attention. A query that may attend to
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
            not known in TensorFlow.

    Source: A. Vaswani et al., "Attention Is All You Need", 2017, section 3.2.2.

    >>> import numpy as np
    >>> params = dict.fromkeys(("query", "key", "value", "output"), np.eye(4))
    >>> multi_head_attention(np.ones((1, 3, 4)), params, num_heads=2)[0, 0].tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    op = "multi_head_attention"
    xp = check.array(op, "x", x)
    heads = _check_tokens(op, xp, x, num_heads)
    _check_context(op, xp, x, context)
    _check_mask(op, xp, x, context, mask, heads)
    check.flag(op, "causal", causal)
    weights = _projections(op, xp, x, context, params, "params")
    wide: Any = xp.widen(x)
    source = wide if context is None else xp.widen(context)
    out: A = xp.astype(_attend(op, xp, wide, source, weights, heads, mask, causal), xp.dtype(x))
    return out


@operation
def additive_attention(query: A, keys: A, values: A, params: Mapping[str, A]) -> tuple[A, A]:
    """Average the values, weighted by a small network's score of query and key.

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
    op = "additive_attention"
    xp = _check_additive(op, query, keys, values)
    sizes = {"d": xp.shape(query)[-1], "e": xp.shape(keys)[-1]}
    weight = _parameters(op, xp, {"query": query}, params, ADDITIVE, sizes)
    wide_query, wide_keys, wide_values = (xp.widen(x) for x in (query, keys, values))
    asked = rearrange(_linear(op, xp, wide_query, weight["query"]), "b a -> b 1 a")
    hidden = xp.tanh(asked + _linear(op, xp, wide_keys, weight["key"]))
    scores = contract(op, xp, {"hidden": hidden, "score": weight["score"]}, "b m a, a -> b m")
    weights = softmax(scores)
    found = {"weights": weights, "values": wide_values}
    context = contract(op, xp, found, "b m, b m f -> b f")
    dtype = xp.dtype(query)
    return xp.astype(context, dtype), xp.astype(weights, dtype)


@operation
def feed_forward(x: A, params: Mapping[str, A]) -> A:
    """Two linear maps with a ReLU between them, each position by itself.

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
    op = "feed_forward"
    xp = check.array(op, "x", x)
    check.floating(op, "x", xp, x)
    check.rank(op, "x", xp.shape(x), "... d")
    sizes = {"d": xp.shape(x)[-1]}
    weights = _parameters(op, xp, {"x": x}, params, FEED_FORWARD, sizes)
    out: A = xp.astype(_feed(op, xp, xp.widen(x), weights), xp.dtype(x))
    return out


@operation
def transformer_block(
    x: A,
    params: Mapping[str, Any],
    *,
    num_heads: int,
    mask: A | None = None,
    causal: bool = False,
) -> A:
    """Attention, then a feed-forward network, each normalised before and added to its input.

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
            not known in TensorFlow.

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
    op = "transformer_block"
    xp = check.array(op, "x", x)
    heads = _check_tokens(op, xp, x, num_heads)
    _check_mask(op, xp, x, None, mask, heads)
    check.flag(op, "causal", causal)
    _check_block(op, params)
    sizes = {"d": xp.shape(x)[-1]}
    norm = _parameters(op, xp, {"x": x}, params, NORMS, sizes)
    attention = _projections(op, xp, x, None, params["attention"], "params['attention']")
    feed = _parameters(
        op, xp, {"x": x}, params["feed_forward"], FEED_FORWARD, sizes, "params['feed_forward']"
    )
    wide: Any = xp.widen(x)
    rows = layer_norm(wide, norm["norm1_scale"], norm["norm1_shift"], eps=1e-5)
    wide = wide + _attend(op, xp, rows, rows, attention, heads, mask, causal)
    rows = layer_norm(wide, norm["norm2_scale"], norm["norm2_shift"], eps=1e-5)
    wide = wide + _feed(op, xp, rows, feed)
    return xp.astype(wide, xp.dtype(x))


# --- What they compute, of wide floats that have been checked ------------------------------------


def _attend(
    op: str,
    xp: Backend,
    x: Any,
    source: Any,
    params: Mapping[str, Any],
    heads: int,
    mask: Any,
    causal: bool,
) -> Any:
    """Project, attend with every head, project back."""

    def project(tokens: Any, name: str) -> Any:
        return _linear(op, xp, tokens, params[name], params.get(f"{name}_bias"))

    q = split_heads(project(x, "query"), heads)
    scale, channels = None, xp.shape(x)[-1]
    if xp.shape(q)[-1] is None:
        if channels is None:
            raise ValueError(
                f"{op}: the channels of x must be known, got shape {check.show(xp.shape(x))}"
            )
        scale = 1 / math.sqrt(channels // heads)
    k = split_heads(project(source, "key"), heads)
    v = split_heads(project(source, "value"), heads)
    attended = scaled_dot_product_attention(q, k, v, mask=mask, causal=causal, scale=scale)
    return project(merge_heads(attended), "output")


def _feed(op: str, xp: Backend, x: Any, params: Mapping[str, Any]) -> Any:
    hidden = xp.maximum(_linear(op, xp, x, params["w1"], params["b1"]), 0)
    return _linear(op, xp, hidden, params["w2"], params["b2"])


def _linear(op: str, xp: Backend, x: Any, weight: Any, bias: Any = None) -> Any:
    y = contract(op, xp, {"x": x, "weight": weight}, "... i, i o -> ... o")
    return y if bias is None else y + to_rank(xp, bias, len(xp.shape(y)))


def _weights(xp: Backend, scores: Any, mask: Any, num_keys: Any) -> tuple[Any, Any]:
    """Softmax over the keys that the mask allows, and whether it allows none, if there is one."""
    if num_keys == 0:
        return scores, None
    if mask is not None:
        scores = xp.where(mask, scores, -math.inf)
    elif not isinstance(num_keys, int) or num_keys > FEW_KEYS:
        return softmax(scores), None
    top = xp.max(scores, axis=-1, keepdims=True)
    # −inf less −inf is NaN, in the result and in its gradient: rows without a key subtract 0.
    nothing = top == -math.inf
    power = xp.exp(scores - xp.where(nothing, 0.0, top))
    total = xp.sum(power, axis=-1, keepdims=True)
    if mask is None:
        return power / total, None
    return power / xp.where(nothing, 1.0, total), nothing


def _positions(xp: Backend, x: Any) -> Any:
    """0, 1, 2 … along the last axis but one."""
    *front, size, _ = xp.shape(x)
    if size is not None:
        return xp.arange(size, like=x)
    # The size is known only when the traced program runs: count up along the axis itself.
    others = (*range(len(front)), len(front) + 1)
    return xp.cumulative_sum(1 + 0 * xp.sum(xp.isnan(x), axis=others)) - 1


def _group_heads(xp: Backend, q: Any, k: Any, v: Any, mask: Any) -> Any:
    """An axis for the query heads that share a key head, and a broadcast one beside it."""
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


def _scale(op: str, xp: Backend, scale: Any, q: Any) -> Any:
    """What scores are multiplied by: a number, or an array without axes in their dtype."""
    if scale is not None:
        factor = check.scalar(op, "scale", scale, xp)
        return factor if find(factor) is None else xp.astype(factor, xp.dtype(xp.widen(q)))
    shape = xp.shape(q)
    depth = shape[-1]
    if depth is None:
        raise ValueError(
            f"{op}: the depth of q must be known where no scale is given, "
            f"got shape {check.show(shape)}"
        )
    if depth == 0:
        raise ValueError(f"{op}: q has depth 0, so that the default scale 1/√0 does not exist")
    return 1 / math.sqrt(depth)


def _check_attention(op: str, q: Any, k: Any, v: Any, mask: Any, causal: object) -> Backend:
    named = {"q": q, "k": k, "v": v}
    xp = check.arrays(op, **named)
    if mask is not None:
        check.arrays(op, q=q, mask=mask)
        check.boolean(op, "mask", xp, mask)
    check.flag(op, "causal", causal)
    for name, x in named.items():
        check.floating(op, name, xp, x)
        check.rank(op, name, xp.shape(x), "... n d")
    check.same_dtype(op, xp, **named)
    query, key, value = (xp.shape(x) for x in named.values())
    shapes = _Shapes(q=query, k=key, v=value)
    if not check.equal(query[-1], key[-1]):
        raise ValueError(
            f"{op}: q and k must have one depth, got {query[-1]} and {key[-1]} ({shapes})"
        )
    if not check.equal(key[-2], value[-2]):
        raise ValueError(
            f"{op}: k and v must have one length, got {key[-2]} and {value[-2]} ({shapes})"
        )
    same_batch = check.same_sizes(query[:-3], key[:-3]) and len(query) == len(key)
    if not same_batch or not check.same_sizes(key[:-2], value[:-2]):
        raise ValueError(f"{op}: q, k and v must have the same leading axes ({shapes})")
    if len(query) > 2 and not _shares(query[-3], key[-3]):
        raise ValueError(
            f"{op}: q has {query[-3]} heads, which the {key[-3]} heads of k do not divide "
            f"({shapes})"
        )
    if mask is not None:
        target = (*query[:-1], key[-2])
        if not check.broadcasts(xp.shape(mask), target):
            raise ValueError(
                f"{op}: mask must broadcast to {check.show(target)}, got shape "
                f"{check.show(xp.shape(mask))} ({shapes})"
            )
    return xp


class _Shapes:
    """Shapes as a message gives them, written only if it comes to that: symbols cannot be."""

    def __init__(self, **named: Any) -> None:
        self.named = named

    def __str__(self) -> str:
        (first, shape), *rest = self.named.items()
        others = [f"{name} {check.show(other)}" for name, other in rest]
        return ", ".join([f"{first} has shape {check.show(shape)}", *others])


def _shares(heads: Any, key_heads: Any) -> bool:
    """Whether each key head can serve equally many query heads."""
    if check.equal(heads, key_heads):
        return True
    return bool(key_heads) and check.divides(key_heads, heads)


def _parameters(
    op: str,
    xp: Backend,
    given: dict[str, Any],
    params: Mapping[str, Any],
    axes: dict[str, str],
    sizes: dict[str, Any],
    name: str = "params",
    optional: tuple[str, ...] = (),
) -> dict[str, Any]:
    """A dictionary of parameters, checked and wide."""
    check.parameters(op, xp, given, params, axes, sizes, name=name, optional=optional)
    return {entry: xp.widen(params[entry]) for entry in axes if entry in params}


def _projections(
    op: str, xp: Backend, x: Any, context: Any, params: Mapping[str, Any], name: str
) -> dict[str, Any]:
    """The parameters of `multi_head_attention`, checked and wide."""
    sizes, source = {"dim": xp.shape(x)[-1]}, "dim"
    if context is not None:
        source = "context_dim"
        sizes[source] = xp.shape(context)[-1]
    axes = {"query": "dim dim", "key": f"{source} dim", "value": f"{source} dim"}
    axes |= {"output": "dim dim"} | dict.fromkeys(BIASES, "dim")
    return _parameters(op, xp, {"x": x}, params, axes, sizes, name, BIASES)


def _check_tokens(op: str, xp: Backend, x: Any, num_heads: object) -> int:
    """`x` must be tokens whose channels can be parted into heads; how many heads."""
    check.floating(op, "x", xp, x)
    shape = xp.shape(x)
    check.rank(op, "x", shape, "b n channels")
    check.not_empty(op, "x", shape, {"channels": 2})
    heads = check.count(op, "num_heads", num_heads)
    if not check.divides(heads, shape[2]):
        raise ValueError(
            f"{op}: x has {shape[2]} channels, which num_heads = {heads} does not divide "
            f"(x has shape {check.show(shape)})"
        )
    return heads


def _check_context(op: str, xp: Backend, x: Any, context: Any) -> None:
    if context is None:
        return
    check.arrays(op, x=x, context=context)
    check.floating(op, "context", xp, context)
    check.same_dtype(op, xp, x=x, context=context)
    shape, other = xp.shape(x), xp.shape(context)
    check.rank(op, "context", other, "b m channels")
    if not check.equal(shape[0], other[0]):
        raise ValueError(
            f"{op}: x and context must have one batch size, got {shape[0]} and {other[0]} "
            f"(x has shape {check.show(shape)}, context {check.show(other)})"
        )


def _check_mask(op: str, xp: Backend, x: Any, context: Any, mask: Any, heads: int) -> None:
    if mask is None:
        return
    check.arrays(op, x=x, mask=mask)
    check.boolean(op, "mask", xp, mask)
    b, n, _ = xp.shape(x)
    target = b, heads, n, (n if context is None else xp.shape(context)[1])
    if not check.broadcasts(xp.shape(mask), target):
        raise ValueError(
            f"{op}: mask must broadcast to {check.show(target)} for the axes (b heads n m), "
            f"got shape {check.show(xp.shape(mask))} (x has shape {check.show(xp.shape(x))})"
        )


def _check_block(op: str, params: Any) -> None:
    """A block's parameters must be all there; what they are is checked one by one."""
    if not isinstance(params, Mapping):
        return
    for entry in BLOCK:
        if entry not in params:
            raise ValueError(
                f"{op}: params must have the entries {', '.join(BLOCK)}; {entry} is missing"
            )


def _check_additive(op: str, query: Any, keys: Any, values: Any) -> Backend:
    named = {"query": query, "keys": keys, "values": values}
    xp = check.arrays(op, **named)
    for name, x in named.items():
        check.floating(op, name, xp, x)
    check.same_dtype(op, xp, **named)
    asked, key, value = (xp.shape(x) for x in named.values())
    for (name, x), axes in zip(named.items(), ("b d", "b m e", "b m f"), strict=True):
        check.rank(op, name, xp.shape(x), axes)
    shapes = _Shapes(query=asked, keys=key, values=value)
    if not (check.equal(asked[0], key[0]) and check.equal(key[0], value[0])):
        raise ValueError(
            f"{op}: query, keys and values must have one batch size, got {asked[0]}, {key[0]} and "
            f"{value[0]} ({shapes})"
        )
    if not check.equal(key[1], value[1]):
        raise ValueError(
            f"{op}: keys and values must have one length, got {key[1]} and {value[1]} ({shapes})"
        )
    return xp
