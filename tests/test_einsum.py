"""`einsum` for random patterns, against loops over every index."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lab import Lab

from einport import ops

NAMES = ("leading", "leading0", "ellipsis0", "axis0", "_", "a", "A", "in", "axis", "é")


@st.composite
def calls(draw):
    """Arrays of small integers and a pattern for them: names of any kind, an ellipsis or none."""
    sizes = {name: draw(st.integers(1, 3)) for name in draw(st.sets(st.sampled_from(NAMES)))}
    behind = [draw(st.integers(1, 3)) for _ in range(draw(st.integers(0, 2)))]
    sides, shapes = [], []
    for _ in range(draw(st.integers(1, 3))):
        axes = draw(st.lists(st.sampled_from(sorted(sizes)), max_size=3)) if sizes else []
        shape = [sizes[name] for name in axes]
        if draw(st.booleans()):
            seen = behind[draw(st.integers(0, len(behind))) :]
            at = draw(st.integers(0, len(axes)))
            axes.insert(at, draw(st.sampled_from(["...", "…"])))
            shape[at:at] = [draw(st.sampled_from([1, size])) for size in seen]
        sides.append(axes)
        shapes.append(shape)
    names = sorted({name for axes in sides for name in axes} - {"...", "…"})
    right = draw(st.permutations(names))[: draw(st.integers(0, len(names)))]
    if draw(st.booleans()):
        right.insert(draw(st.integers(0, len(right))), draw(st.sampled_from(["...", "…"])))
    seed = np.random.default_rng(draw(st.integers(0, 99)))
    pattern = f"{', '.join(map(' '.join, sides))} -> {' '.join(right)}"
    return [seed.integers(-3, 4, shape).astype(float) for shape in shapes], pattern


def spelled(words, extra):
    """Axes with those behind an ellipsis as numbers, counted from the right."""
    at = next((i for i, word in enumerate(words) if word in ("...", "…")), None)
    return words if at is None else [*words[:at], *range(extra)[::-1], *words[at + 1 :]]


def in_loops(arrays, pattern):
    left, right = pattern.split("->")
    sides = [part.split() for part in left.split(",")]
    known = [len([w for w in words if w not in ("...", "…")]) for words in sides]
    extra = [x.ndim - count for x, count in zip(arrays, known, strict=True)]
    inputs = [spelled(words, n) for words, n in zip(sides, extra, strict=True)]
    output = spelled(right.split(), max(extra))
    sizes = {}
    for axes, x in zip(inputs, arrays, strict=True):
        for axis, size in zip(axes, x.shape, strict=True):
            sizes[axis] = max(size, sizes.get(axis, 1))
    out = np.zeros([sizes[axis] for axis in output])
    for index in itertools.product(*map(range, sizes.values())):
        place = dict(zip(sizes, index, strict=True))
        factors = [
            x[
                tuple(
                    place[axis] if size > 1 else 0 for axis, size in zip(axes, x.shape, strict=True)
                )
            ]
            for axes, x in zip(inputs, arrays, strict=True)
        ]
        out[tuple(place[axis] for axis in output)] += math.prod(factors)
    return out


def test_a_pattern_means_its_sum_over_every_index_whatever_its_axes_are_called(
    backend, device, everything, examples
):
    @settings(max_examples=examples if everything else 5, deadline=None, derandomize=True)
    @given(calls())
    def run(call):
        arrays, pattern = call
        lab = Lab(backend, device, "float32")
        lab.check(
            ops.einsum(*map(lab.array, arrays), pattern), in_loops(arrays, pattern), signs=False
        )

    run()


@pytest.mark.parametrize("dtype", ["int32", "float16", "bool"])
def test_two_numbers_give_an_array_that_operations_take(lab, dtype):
    three = lab.array(np.array(3))
    product = ops.einsum(three, three, ", ->")
    lab.check(product, np.array(True if dtype == "bool" else 9))
    lab.check(ops.rearrange(product, "-> 1"), np.array([True if dtype == "bool" else 9]))


def test_fifty_two_axes_are_not_too_many(lab):
    names = [f"axis{i}" for i in range(52)]
    sides = f"{' '.join(names[:30])}, {' '.join(names[22:])}"
    x = lab.array(np.full([1] * 30, 3.0))
    lab.check(ops.einsum(x, x, f"{sides} ->"), np.array(9.0))
