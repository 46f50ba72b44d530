"""Entries of einops' functions, as `einport.ops` hands them on.

They are the ground that every operation stands on: each reduction, each way to add, drop, join
and part axes, in each dtype that einops promises.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from einops import EinopsError

from .. import ops
from ._digits import digits
from ._entry import (
    FLOATS,
    NUMBERS,
    Case,
    Draw,
    Entry,
    Given,
    case,
    counting,
    given,
    idioms,
    mask,
    mistake,
    values,
)
from ._loops import by_pattern, only, sum_of_products

Array = np.ndarray[Any, Any]


# --- rearrange -----------------------------------------------------------------------------------


def rearrange_oracle(x: Array | list[Array], pattern: str, **lengths: int) -> Array:
    array = np.array(x) if isinstance(x, list) else x
    return by_pattern(array, pattern, lengths, only)


def rearrange_numpy(x, pattern):
    return x.transpose(0, 2, 3, 1).reshape(x.shape[0], -1)


def rearrange_torch(x, pattern):
    return x.permute(0, 2, 3, 1).flatten(1)


def rearrange_jax(x, pattern):
    return x.transpose(0, 2, 3, 1).reshape(x.shape[0], -1)


def rearrange_tensorflow(x, pattern):
    import tensorflow as tf

    return tf.reshape(tf.transpose(x, [0, 2, 3, 1]), [x.shape[0], -1])


def _draw_rearrange(draw: Draw) -> Case:
    names = ["a", "b", "c", "d"][: draw.integer(1, 4)]
    rest, order = list(names), []
    while rest:
        order.append(rest.pop(draw.integer(0, len(rest) - 1)))
    cut = draw.integer(1, len(order))
    right = f"({' '.join(order[:cut])}) {' '.join(order[cut:])}"
    return case(
        "drawn", counting(*(draw.integer(1, 4) for _ in names)), f"{' '.join(names)} -> {right}"
    )


_DIGITS = digits()[:, :, ::5, ::5]

REARRANGE = Entry(
    op=ops.rearrange,
    cases=(
        case("channels last, flat", counting(2, 3, 4, 5), "b c h w -> b (h w c)"),
        case("transpose", counting(3, 4), "h w -> w h"),
        case("part an axis", counting(6, 4), "(b1 b2) w -> b1 w b2", b1=2),
        case("join and part", counting(2, 12, 3), "b (h h2) w -> (b h) (h2 w)", h2=3),
        case("a list of arrays", [counting(2, 3), counting(2, 3)], "n h w -> h n w"),
        case("axes of one come and go", counting(3, 1, 2), "a 1 b -> 1 b a ()"),
        case("any axes", counting(2, 3, 4, 5), "... a b -> b ... a"),
        case("any axes, in one character", counting(2, 3, 4, 5), "… a b -> b (…) a"),
        case("nothing moves", counting(2, 3), "a b -> a b"),
        case("no elements", counting(2, 0, 3), "a b c -> c (a b)"),
        case(
            "a row of digits",
            given(digits()[:2, :, ::5, ::5]),
            "b c h w -> c h (b w)",
            dtypes=("uint8",),
        ),
        case("thousands of rows", counting(4096, 3), "n (h d) -> h n d", h=3),
    ),
    draw=_draw_rearrange,
    sized=lambda n: case("rows", values(n, 6, 4), "n (h d) w -> h (w n) d", h=2),
    oracle=rearrange_oracle,
    natives=idioms(globals(), "rearrange"),
    mistakes=(
        mistake(
            "a comma for the arrow",
            ValueError,
            "rearrange: the pattern needs one '->', got 'a b, b a'",
            counting(2, 3),
            "a b, b a",
        ),
    ),
)


# --- reduce --------------------------------------------------------------------------------------

_COMBINE: dict[str, Any] = {
    "sum": math.fsum,
    "mean": lambda found: math.fsum(found) / len(found),
    "prod": math.prod,
    "max": lambda found: math.nan if any(v != v for v in found) else max(found),
    "min": lambda found: math.nan if any(v != v for v in found) else min(found),
    "any": any,
    "all": all,
}


def reduce_oracle(x: Array, pattern: str, reduction: str, **lengths: int) -> Array:
    return by_pattern(x, pattern, lengths, _COMBINE[reduction])


def reduce_magnitude(x: Array, pattern: str, reduction: str, **lengths: int) -> Array:
    size = np.abs(x) if x.dtype.kind == "f" else x
    return by_pattern(size, pattern, lengths, _COMBINE[reduction])


def reduce_numpy(x, pattern, reduction):
    return x.mean(axis=(2, 3))


def reduce_torch(x, pattern, reduction):
    return x.mean((2, 3))


def reduce_jax(x, pattern, reduction):
    return x.mean(axis=(2, 3))


def reduce_tensorflow(x, pattern, reduction):
    import tensorflow as tf

    return tf.reduce_mean(x, [2, 3])


def _draw_reduce(draw: Draw) -> Case:
    shape = [draw.integer(1, 4) for _ in range(3)]
    pattern = draw.choice(
        ["a b c -> a", "a b c -> c b", "a b c -> 1 b 1", "a b c -> ()", "... c -> ..."]
    )
    return case(
        "drawn", values(*shape), pattern, draw.choice(["sum", "mean", "max", "min", "prod"])
    )


# Sums of integers have another dtype than their terms: tests/test_reduce.py has them.
_EXTREMA: dict[str, Any] = {"dtypes": NUMBERS}

REDUCE = Entry(
    op=ops.reduce,
    cases=(
        case("mean", values(2, 3, 4, 5), "b c h w -> b c", "mean"),
        case("sum", values(2, 3, 4), "a b c -> c a", "sum"),
        case("product", values(2, 3, 2), "a b c -> b", "prod"),
        case("max", values(2, 3, 4), "a b c -> b", "max", **_EXTREMA),
        case("min", values(2, 3, 4), "a b c -> c a", "min", **_EXTREMA),
        case("any", mask([[0, 0, 0], [0, 1, 0]]), "a b -> a", "any", dtypes=("bool",)),
        case("all", mask([[1, 1, 1], [0, 1, 0]]), "a b -> a", "all", dtypes=("bool",)),
        case("blocks", counting(2, 4, 6), "b (h 2) (w 3) -> b h w", "max", **_EXTREMA),
        case("axes kept", values(2, 3, 4), "b h w -> b () ()", "max", **_EXTREMA),
        case("everything", values(3, 4), "a b -> ()", "sum"),
        case("nothing", values(3, 4), "a b -> b a", "sum"),
        case("nothing but axes of one", values(3, 1), "a 1 -> a", "max", **_EXTREMA),
        case("any axes, in one character", values(2, 3, 4), "… c -> …", "sum"),
        case("no rows", values(0, 3, 2), "a b c -> a", "sum"),
        case("five thousand ones", given(np.ones((2, 5000))), "a b -> a", "sum"),
        case("past the largest float16", given(np.full((8, 9), 3e4)), "a b -> b", "mean"),
        case(
            "NaN",
            given([[1, np.nan], [np.inf, 2]]),
            "a b -> a",
            "max",
            dtypes=FLOATS,
            no_gradient="a maximum is NaN",
        ),
        case("thousands of rows", values(4096, 4), "n d -> n", "max", dtypes=("float32",)),
    ),
    draw=_draw_reduce,
    sized=lambda n: case("rows", values(n, 6, 4), "n (h h2) w -> w n h", "mean", h2=3),
    oracle=reduce_oracle,
    natives=idioms(globals(), "reduce"),
    dtypes=FLOATS,
    tolerance=4,
    magnitude=reduce_magnitude,
    mistakes=(
        mistake(
            "a comma for the arrow",
            ValueError,
            "reduce: the pattern needs one '->', got 'a b, a'",
            values(2, 3),
            "a b, a",
            "sum",
        ),
        mistake(
            "the mean of booleans",
            NotImplementedError,
            "reduce: the mean needs a floating dtype, got bool",
            mask([[1, 0], [0, 1]]),
            "a b -> a",
            "mean",
        ),
        mistake(
            "the mean of integers",
            NotImplementedError,
            "reduce: the mean needs a floating dtype, got int32",
            Given([[1, 0], [0, 1]], "int32"),
            "a b -> a",
            "mean",
        ),
    ),
)


# --- repeat --------------------------------------------------------------------------------------


def repeat_oracle(x: Array, pattern: str, **lengths: int) -> Array:
    return by_pattern(x, pattern, lengths, only)


def repeat_numpy(x, pattern, r):
    import numpy as np

    return np.tile(x, (1, r))


def repeat_torch(x, pattern, r):
    return x.repeat(1, r)


def repeat_jax(x, pattern, r):
    import jax.numpy as jnp

    return jnp.tile(x, (1, r))


def repeat_tensorflow(x, pattern, r):
    import tensorflow as tf

    return tf.tile(x, [1, r])


def _draw_repeat(draw: Draw) -> Case:
    pattern = draw.choice(["a b -> a (r b)", "a b -> a (b r)", "a b -> r b a", "a b -> (r a) b 2"])
    shape = draw.integer(0, 3), draw.integer(1, 4)
    return case("drawn", counting(*shape), pattern, r=draw.integer(1, 3))


REPEAT = Entry(
    op=ops.repeat,
    cases=(
        case("along an axis", counting(2, 3), "h w -> h (r w)", r=3),
        case("each element", counting(2, 3), "h w -> h (w r)", r=2),
        case("a new axis", counting(2, 3), "h w -> r w h", r=4),
        case("both axes", counting(2, 3), "h w -> (2 h) (3 w)"),
        case("any axes", counting(2, 3, 4), "... -> ... r", r=2),
        case("any axes, in one character", counting(2, 3, 4), "… w -> … r w", r=2),
        case("no elements", counting(0, 3), "h w -> h (r w)", r=2),
    ),
    draw=_draw_repeat,
    sized=lambda n: case("rows", values(n, 4), "n w -> w (n r)", r=3),
    oracle=repeat_oracle,
    natives=idioms(globals(), "repeat"),
    mistakes=(
        mistake(
            "a comma for the arrow",
            ValueError,
            "repeat: the pattern needs one '->', got 'h w, h (w 2)'",
            counting(2, 3),
            "h w, h (w 2)",
        ),
    ),
)


# --- pack ----------------------------------------------------------------------------------------


def pack_oracle(tensors: list[Array], pattern: str) -> tuple[Array, list[tuple[int, ...]]]:
    names = pattern.split()
    star, tail = names.index("*"), len(names) - names.index("*") - 1
    shapes = [x.shape[star : x.ndim - tail] for x in tensors]
    first = tensors[0]
    head, rest = first.shape[:star], first.shape[first.ndim - tail :]
    columns = []
    for x in tensors:
        for middle in np.ndindex(*x.shape[star : x.ndim - tail]):
            columns.append((x, middle))
    out = np.empty((*head, len(columns), *rest), first.dtype)
    for at, (x, middle) in enumerate(columns):
        for before in np.ndindex(*head):
            for after in np.ndindex(*rest):
                out[(*before, at, *after)] = x[(*before, *middle, *after)]
    return out, shapes


def pack_numpy(tensors, pattern):
    import numpy as np

    return np.concatenate([x.reshape(len(x), -1) for x in tensors], axis=1)


def pack_torch(tensors, pattern):
    import torch

    return torch.cat([x.flatten(1) for x in tensors], dim=1)


def pack_jax(tensors, pattern):
    import jax.numpy as jnp

    return jnp.concatenate([x.reshape(len(x), -1) for x in tensors], axis=1)


def pack_tensorflow(tensors, pattern):
    import tensorflow as tf

    return tf.concat([tf.reshape(x, [len(x), -1]) for x in tensors], axis=1)


def _draw_pack(draw: Draw) -> Case:
    b = draw.integer(1, 3)
    shapes = [[draw.integer(0, 3) for _ in range(draw.integer(1, 2))] for _ in range(3)]
    return case("drawn", [counting(b, *shape) for shape in shapes], "b *")


PACK = Entry(
    op=ops.pack,
    cases=(
        case("flat and square", [counting(2, 3), counting(2, 2, 2)], "b *"),
        case("a token before patches", [counting(2, 4), counting(2, 3, 2, 4)], "b * d"),
        case("one array", [counting(3)], "*"),
        case("in front", [counting(2, 3), counting(3)], "* d"),
    ),
    draw=_draw_pack,
    sized=lambda n: case("rows", [values(n, 4), values(n, 6, 2, 4)], "n * d"),
    oracle=pack_oracle,
    natives=idioms(globals(), "pack"),
    mistakes=(),
)


# --- unpack --------------------------------------------------------------------------------------


def unpack_oracle(x: Array, shapes: list[tuple[int, ...]], pattern: str) -> list[Array]:
    star = pattern.split().index("*")
    found, at = [], 0
    for shape in shapes:
        count = math.prod(shape)
        out = np.empty((*x.shape[:star], *shape, *x.shape[star + 1 :]), x.dtype)
        for n, middle in enumerate(np.ndindex(*shape)):
            for before in np.ndindex(*x.shape[:star]):
                out[(*before, *middle)] = x[(*before, at + n)]
        found.append(out)
        at += count
    return found


def unpack_numpy(x, shapes, pattern):
    import numpy as np

    first, second = np.split(x, [3], axis=1)
    return [first, second.reshape(-1, 2, 2)]


def unpack_torch(x, shapes, pattern):
    first, second = x.split([3, 4], dim=1)
    return [first, second.unflatten(1, (2, 2))]


def unpack_jax(x, shapes, pattern):
    import jax.numpy as jnp

    first, second = jnp.split(x, [3], axis=1)
    return [first, second.reshape(-1, 2, 2)]


def unpack_tensorflow(x, shapes, pattern):
    import tensorflow as tf

    first, second = tf.split(x, [3, 4], axis=1)
    return [first, tf.reshape(second, [-1, 2, 2])]


def _draw_unpack(draw: Draw) -> Case:
    shapes = [tuple(draw.integer(1, 3) for _ in range(draw.integer(0, 2))) for _ in range(3)]
    return case("drawn", counting(2, sum(map(math.prod, shapes))), shapes, "b *")


UNPACK = Entry(
    op=ops.unpack,
    cases=(
        case("flat and square", counting(2, 7), [(3,), (2, 2)], "b *"),
        case("a token before patches", counting(2, 7, 4), [(), (3, 2)], "b * d"),
        case("one array", counting(3), [(3,)], "*"),
    ),
    draw=_draw_unpack,
    sized=lambda n: case("rows", values(n, 13, 4), [(), (6, 2)], "n * d"),
    oracle=unpack_oracle,
    natives=idioms(globals(), "unpack"),
    mistakes=(),
)


# --- einsum --------------------------------------------------------------------------------------


def einsum_oracle(*arrays_and_pattern: Any) -> Array:
    *arrays, pattern = arrays_and_pattern
    return sum_of_products(arrays, pattern)


def einsum_magnitude(*arrays_and_pattern: Any) -> Array:
    *arrays, pattern = arrays_and_pattern
    return sum_of_products(arrays, pattern, sizes=True)


def einsum_numpy(a, b, pattern):
    return a @ b


def einsum_torch(a, b, pattern):
    return a.bmm(b)


def einsum_jax(a, b, pattern):
    return a @ b


def einsum_tensorflow(a, b, pattern):
    import tensorflow as tf

    return tf.matmul(a, b)


def _draw_einsum(draw: Draw) -> Case:
    sizes = {name: draw.integer(1, 4) for name in "abijkl"}
    left, right, out = draw.choice(
        [
            ("a i k", "k j a", "j a i"),
            ("i k l", "l k j", "i j"),
            ("a b i", "b a", "i b a"),
            ("i j", "k l", "l i k j"),
            ("a i", "i a", ""),
            ("i i", "i j", "j"),
            ("i j", "k", "i k"),
        ]
    )
    first, second = (values(*(sizes[n] for n in side.split())) for side in (left, right))
    return case("drawn", first, second, f"{left}, {right} -> {out}")


_MANY = [f"axis{i}" for i in range(53)]

EINSUM = Entry(
    op=ops.einsum,
    cases=(
        case("batched matrices", values(2, 3, 4), values(2, 4, 5), "b i k, b k j -> b i j"),
        case("transposed on the way", values(3, 4), values(5, 4), "i k, j k -> j i"),
        case("two sums", values(2, 3, 4), values(4, 3, 5), "i k l, l k j -> i j"),
        case("heads apart", values(2, 3, 2, 4), values(2, 5, 2, 4), "b n h d, b m h d -> b h n m"),
        case("outer", values(3), values(4), "i, j -> j i"),
        case("elementwise", values(3, 4), values(4, 3), "i j, j i -> i j"),
        case("inner", values(5), values(5), "i, i ->"),
        case("trace", values(4, 4), "i i ->"),
        case("diagonal", values(4, 4), "i i -> i"),
        case("transpose", values(3, 4), "row column -> column row"),
        case("column sums", values(3, 4), "i j -> j"),
        case("three arrays", values(2, 3), values(3, 4), values(4, 2), "i j, j k, k l -> i l"),
        case("any axes", values(2, 3, 4), values(4, 5), "... i, i o -> ... o"),
        case(
            "any axes, broadcast",
            values(2, 1, 3, 4),
            values(3, 4, 2),
            "... i k, ... k j -> ... i j",
        ),
        case("any axes, in one character", values(2, 3, 4), values(4, 5), "… i, i o -> o …"),
        case("an axis called leading", values(2, 3, 4), "... leading c -> ... c"),
        case(
            "axes called as those behind an ellipsis might be",
            values(2, 3, 2),
            values(2, 3),
            "... leading1 leading0, ... leading1 -> leading0 ...",
        ),
        case("the sum of any axes", values(2, 1, 3), values(4, 1), "..., ... ->"),
        case(
            "a diagonal beside any axes", values(1, 3, 3), values(2, 3), "... i i, ... i -> ... i"
        ),
        case(
            "three arrays, broadcast",
            values(2, 1, 3),
            values(4, 3),
            values(3),
            "... i, ... i, i -> i ...",
        ),
        case("two numbers", values(), values(), ", ->"),
        case("a lone axis", values(2, 3), values(3, 4), "i j, j k -> i"),
        case("no terms", values(2, 0), values(0, 3), "i k, k j -> i j"),
        case("no rows", values(0, 2), values(2, 3), "i k, k j -> i j"),
        case("five thousand ones", given(np.ones(5000)), given(np.ones(5000)), "i, i ->"),
        case("thousands of rows", values(4096, 2), values(2, 3), "n k, k j -> n j", dtypes=FLOATS),
    ),
    draw=_draw_einsum,
    sized=lambda n: case("rows", values(n, 2, 4), values(4, 2), "n h k, k j -> j n h"),
    oracle=einsum_oracle,
    natives=idioms(globals(), "einsum"),
    tolerance=4,
    magnitude=einsum_magnitude,
    mistakes=(
        mistake(
            "parentheses",
            NotImplementedError,
            "einsum: axes cannot be joined or parted in the pattern 'i j, j k l -> i (k l)'; "
            "use rearrange before or after",
            values(2, 3),
            values(3, 4, 5),
            "i j, j k l -> i (k l)",
        ),
        mistake(
            "no arrow",
            ValueError,
            "einsum: the pattern needs one '->', got 'i j, j k'",
            values(2, 3),
            values(3, 4),
            "i j, j k",
        ),
        mistake(
            "sizes differ",
            ValueError,
            "einsum: axis j is 3 in argument 1 and 4 in argument 2 "
            "(argument 1 has shape (2, 3), argument 2 has shape (4, 5))",
            values(2, 3),
            values(4, 5),
            "i j, j k -> i k",
        ),
        mistake(
            "ranks differ",
            ValueError,
            "einsum: argument 1 has 2 axes, which 'i j k' in 'i j k -> i' does not fit",
            values(2, 3),
            "i j k -> i",
        ),
        mistake(
            "an axis from nowhere",
            EinopsError,
            "einsum: axis 'k' is only on the right of 'i j -> k'",
            values(2, 3),
            "i j -> k",
        ),
        mistake(
            "an axis called leading does not broadcast",
            ValueError,
            "einsum: axis leading is 1 in argument 1 and 2 in argument 2 "
            "(argument 1 has shape (1, 3), argument 2 has shape (2, 3))",
            values(1, 3),
            values(2, 3),
            "leading k, leading k -> leading k",
        ),
        mistake(
            "two ellipses on the right",
            EinopsError,
            "einsum: axis '...' is twice on the right of '... i -> ... …'",
            values(2, 3),
            "... i -> ... …",
        ),
        mistake(
            "more axes than letters",
            EinopsError,
            "einsum: the pattern has 53 different axes, more than the 52 that frameworks have "
            "letters for",
            values(*[1] * 30),
            values(*[1] * 23),
            f"{' '.join(_MANY[:30])}, {' '.join(_MANY[30:])} ->",
        ),
        mistake(
            "two dtypes",
            TypeError,
            "einsum: argument 1 is float32 and argument 2 is bool; pass arrays of one dtype",
            values(2),
            mask([True, False]),
            "i, i ->",
        ),
        mistake(
            "no pattern",
            ValueError,
            "einsum: the last argument must be the pattern, a string",
            values(2, 3),
        ),
    ),
)

ENTRIES = (REARRANGE, REDUCE, REPEAT, PACK, UNPACK, EINSUM)
