"""What must hold of every operation whatever the values are: round trips, symmetries, bounds.

None of these knows the right answer. Each says how two answers of the library belong together, so
that a mistake which the oracles share with the operations shows too.

Where arithmetic is exact, so is the test: whole numbers below 2²⁴ add and multiply without
rounding in float32. Elsewhere `near` counts in epsilons of float32 (2⁻²³) and says of what.
Shapes are few, as JAX compiles each anew; Hypothesis draws values by their seed.
"""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from einport import ops
from einport.backends import Backend

pytestmark = pytest.mark.at_once

EXAMPLES = 25
EXAMPLES_JAX = 10
"""Each expert's load is a new shape in eager JAX, to be compiled."""

SEEDS = st.integers(0, 2**16)
FORMATS = st.sampled_from(["channels_first", "channels_last"])
EPSILON = 2.0**-23


def one_of(*shapes: Any) -> Any:
    return st.sampled_from(shapes)


class Desk:
    """Makes arrays of the framework under test from a seed, and reads results."""

    def __init__(self, xp: Backend, device: str) -> None:
        self.xp, self.device = xp, device

    def hold(self, check: Any, **drawn: Any) -> None:
        """Check a property on values that Hypothesis draws, the same in every run."""
        quiet = settings(
            max_examples=EXAMPLES_JAX if self.xp.name == "jax" else EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        quiet(given(**drawn)(check))()

    def array(self, values: Any, dtype: str = "float32") -> Any:
        return self.xp.asarray(np.asarray(values).astype(dtype), dtype, self.device)

    def indices(self, values: Any) -> Any:
        return self.array(values, self.xp.index_dtype)

    def normal(self, seed: int, *shape: int, scale: float = 1.0) -> Any:
        return self.array(np.random.default_rng(seed).normal(size=shape) * scale)

    def whole(self, seed: int, *shape: int, high: int = 8) -> Any:
        """Whole numbers as floats: sums of their products are exact in any order."""
        return self.array(np.random.default_rng(seed).integers(-high, high + 1, shape))

    def counting(self, *shape: int) -> Any:
        """All elements differ."""
        return self.array(np.arange(np.prod(shape)).reshape(shape))

    def shares(self, seed: int, *shape: int, zeros: bool = False) -> Any:
        """Distributions along the last axis, some with zeros."""
        random = np.random.default_rng(seed)
        drawn = random.exponential(size=shape)
        if zeros:
            drawn[..., 1:] *= random.random((*shape[:-1], shape[-1] - 1)) < 0.5
            drawn[..., 0] += 0.01
        return self.array(drawn / drawn.sum(axis=-1, keepdims=True))

    def values(self, x: Any) -> Any:
        found = self.xp.to_numpy(x)
        return found.astype(np.float64) if found.dtype.kind == "f" else found


@pytest.fixture
def desk(backend: Backend, device: str) -> Desk:
    return Desk(backend, device)


def same(desk: Desk, a: Any, b: Any) -> None:
    """Equal to the bit, but for the sign of zero."""
    np.testing.assert_array_equal(desk.values(a), desk.values(b))


def near(a: Any, b: Any, epsilons: float, scale: Any = 1.0) -> None:
    """Equal within so many epsilons of float32, relative to `scale`."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    assert a.shape == b.shape
    worst = float(np.max(np.abs(a - b) / np.maximum(scale, 1e-30), initial=0.0)) / EPSILON
    assert worst <= epsilons, f"off by {worst:.3g} epsilons"


# --- Moves ---------------------------------------------------------------------------------------


def test_pixel_shuffle_and_unshuffle_undo_each_other(desk: Desk) -> None:
    def check(shape: Any, mode: str, form: str) -> None:
        b, c, h, w, r = shape
        kept = {"mode": mode, "data_format": form}
        first = form == "channels_first"
        deep = desk.counting(*((b, c * r * r, h, w) if first else (b, h, w, c * r * r)))
        wide = ops.pixel_shuffle(deep, r, **kept)
        wanted = (b, c, h * r, w * r) if first else (b, h * r, w * r, c)
        assert tuple(desk.xp.shape(wide)) == wanted
        same(desk, ops.pixel_unshuffle(wide, r, **kept), deep)
        picture = desk.counting(*wanted)
        same(desk, ops.pixel_shuffle(ops.pixel_unshuffle(picture, r, **kept), r, **kept), picture)

    desk.hold(
        check,
        shape=one_of((2, 3, 4, 5, 2), (1, 2, 2, 3, 3)),
        mode=one_of("CRD", "DCR"),
        form=FORMATS,
    )


def test_pixel_shuffle_keeps_pixels_in_their_block(desk: Desk) -> None:
    def check(seed: int, mode: str) -> None:
        x = desk.normal(seed, 1, 8, 3, 5)
        wide = desk.values(ops.pixel_shuffle(x, 2, mode=mode))
        blocks = wide.reshape(1, 2, 3, 2, 5, 2).transpose(0, 2, 4, 1, 3, 5).reshape(3, 5, 8)
        deep = desk.values(x)[0].transpose(1, 2, 0)
        np.testing.assert_array_equal(np.sort(blocks), np.sort(deep))

    desk.hold(check, seed=SEEDS, mode=one_of("CRD", "DCR"))


def test_patches_assemble_to_the_image(desk: Desk) -> None:
    def check(shape: Any, form: str) -> None:
        b, c, h, w, p = shape
        image = desk.counting(*((b, c, h, w) if form == "channels_first" else (b, h, w, c)))
        patches = ops.extract_patches(image, p, data_format=form)
        assert tuple(desk.xp.shape(patches)) == (b, (h // p) * (w // p), p * p * c)
        same(desk, ops.assemble_patches(patches, p, h, w, data_format=form), image)

    desk.hold(check, shape=one_of((2, 3, 4, 6, 2), (1, 2, 6, 3, 3)), form=FORMATS)


def test_splitting_and_merging_undo_each_other(desk: Desk) -> None:
    def check(shape: Any) -> None:
        b, n, h, d = shape
        x = desk.counting(b, n, h * d)
        same(desk, ops.merge_heads(ops.split_heads(x, h)), x)
        same(desk, ops.unflatten_leading(ops.flatten_leading(x), b), x)
        same(desk, ops.flatten_leading(ops.unflatten_leading(x, 1)), x)

    desk.hold(check, shape=one_of((2, 3, 4, 5), (3, 5, 2, 1)))


def test_permutations_come_round(desk: Desk) -> None:
    def check(shape: Any) -> None:
        x = desk.counting(*shape)
        turned = ops.transpose_matrices(x)
        same(desk, turned[..., 0, :], x[..., :, 0])
        same(desk, ops.transpose_matrices(turned), x)
        same(desk, ops.swap_height_width(x), turned)
        last = ops.permute_cyclic(x)
        same(desk, last[1], x[..., 1])
        for _ in shape[1:]:
            last = ops.permute_cyclic(last)
        same(desk, last, x)
        same(desk, ops.flatten_leading(x)[shape[1] + 1], x[1, 1])

    desk.hold(check, shape=one_of((2, 3, 4), (3, 2, 2, 5)))


def test_copies_are_the_original(desk: Desk) -> None:
    def check(shape: Any, repeats: Any) -> None:
        x = desk.counting(*shape)
        plain, (r, s), (m, n) = desk.values(x), repeats, shape
        tiled, repeated = desk.values(ops.tile(x, repeats)), ops.repeat_elements(x, repeats)
        for i in range(r):
            for j in range(s):
                block = tiled[i * m : (i + 1) * m, j * n : (j + 1) * n]
                np.testing.assert_array_equal(block, plain)
                np.testing.assert_array_equal(desk.values(repeated)[i::r, j::s], plain)
        for copy in desk.values(ops.tile_batch(x, r)):
            np.testing.assert_array_equal(copy, plain)

    desk.hold(check, shape=one_of((2, 3), (4, 1)), repeats=one_of((2, 3), (1, 2)))


def test_stacking_keeps_every_array(desk: Desk) -> None:
    def check(seed: int, count: int) -> None:
        arrays = [desk.normal(seed + i, 2, 3) for i in range(count)]
        for row, x in zip(desk.values(ops.stack_arrays(arrays)), arrays, strict=True):
            np.testing.assert_array_equal(row, desk.values(x))

    desk.hold(check, seed=SEEDS, count=one_of(1, 2, 3))


# --- Products and sums ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "swapped", "order"),
    [
        ("b i k, b k j -> b i j", "b k j, b i k -> b i j", (0, 1, 2)),
        ("b i k, b k j -> b i j", "b i k, b k j -> j b i", (1, 2, 0)),
        ("i k l, l k j -> i j", "l k j, i k l -> j i", (1, 0)),
        ("i j k, j l m -> m i l", "i j k, j l m -> i l m", (2, 0, 1)),
        ("... i k, ... k j -> ... i j", "... k j, ... i k -> ... j i", (0, 2, 1)),
    ],
)
def test_einsum_of_a_transposed_pattern(
    desk: Desk, pattern: str, swapped: str, order: tuple[int, ...]
) -> None:
    sizes = {"b": 2, "i": 3, "j": 4, "k": 4, "l": 4, "m": 5, "...": 2}

    def check(seed: int) -> None:
        left, right = (part.split() for part in pattern.split("->")[0].split(","))
        a = desk.whole(seed, *(sizes[n] for n in left))
        b = desk.whole(seed + 1, *(sizes[n] for n in right))
        second = swapped.split(",")[0].split() != left
        result = desk.values(ops.einsum(a, b, pattern))
        other = desk.values(ops.einsum(*((b, a) if second else (a, b)), swapped))
        np.testing.assert_array_equal(other.transpose(order), result)

    desk.hold(check, seed=SEEDS)


def test_products_agree_with_each_other(desk: Desk) -> None:
    def check(seed: int, shape: Any) -> None:
        m, k, n = shape
        # Past 2048 whole numbers are not exact in 16 bits.
        sizes = ((m, k), (k, n), (k,), (n, m))
        a, b, v, c = (desk.whole(seed + i, *size, high=40) for i, size in enumerate(sizes))
        product = ops.matrix_multiply(a, b)
        turned = ops.matrix_multiply(ops.transpose_matrices(b), ops.transpose_matrices(a))
        same(desk, ops.transpose_matrices(turned), product)
        same(
            desk,
            ops.trace(ops.matrix_multiply(product, c)),
            ops.trace(ops.matrix_multiply(c, product)),
        )
        same(desk, ops.matrix_vector(a, v), ops.matrix_multiply(a, v[:, None])[:, 0])
        same(desk, ops.row_sums(a), ops.matrix_vector(a, desk.array(np.ones(k))))
        same(desk, ops.inner_product(v, v), ops.trace(ops.outer_product(v, v)))
        same(desk, ops.elementwise_product(a, a), ops.einsum(a, a, "i j, i j -> i j"))

    desk.hold(check, seed=SEEDS, shape=one_of((2, 3, 4), (5, 1, 2)))


# --- Scores and probabilities --------------------------------------------------------------------


def exact_scores(desk: Desk, seed: int, *shape: int) -> Any:
    """Scores in steps of 1/64: adding a whole number below 2¹⁶ to them is exact."""
    return np.random.default_rng(seed).integers(-640, 640, shape) / 64


def test_softmax_does_not_see_a_shift(desk: Desk) -> None:
    def check(seed: int, shift: int, shape: Any) -> None:
        scores = exact_scores(desk, seed, *shape)
        x, moved = desk.array(scores), desk.array(scores + shift)
        same(desk, ops.softmax(moved), ops.softmax(x))
        # Rounded once at the size of the shift.
        near(
            desk.values(ops.logsumexp(moved)) - shift,
            desk.values(ops.logsumexp(x)),
            4,
            abs(shift) + 20,
        )
        near(desk.values(ops.log_softmax(moved)), desk.values(ops.log_softmax(x)), 0)

    desk.hold(check, seed=SEEDS, shift=st.integers(-5000, 5000), shape=one_of((3, 5), (2, 3, 4)))


def test_rows_of_softmax_sum_to_one(desk: Desk) -> None:
    def check(seed: int, scale: float, shape: Any) -> None:
        x = desk.normal(seed, *shape, scale=scale)
        p = desk.values(ops.softmax(x))
        assert (p >= 0).all()
        # Each of n quotients is off by half an epsilon of itself, and all by that of the sum.
        near(p.sum(axis=-1), np.ones(shape[:-1]), shape[-1] + 2)
        order = np.argsort(desk.values(x), axis=-1)
        assert (np.diff(np.take_along_axis(p, order, axis=-1), axis=-1) >= 0).all()
        # Exp's argument is off by an epsilon of itself, which multiplies the result.
        near(np.log(p), desk.values(ops.log_softmax(x)), 8, 1 + np.abs(np.log(p)))

    desk.hold(check, seed=SEEDS, scale=one_of(0.1, 1.0, 10.0), shape=one_of((3, 5), (2, 3, 4)))


def test_logsumexp_lies_above_the_maximum(desk: Desk) -> None:
    def check(seed: int, scale: float) -> None:
        x = desk.normal(seed, 4, 6, scale=scale)
        top, total = desk.values(x).max(axis=-1), desk.values(ops.logsumexp(x))
        slack = 2 * EPSILON * (np.abs(top) + 1)
        assert (total >= top - slack).all()
        assert (total <= top + np.log(6) + slack).all()

    desk.hold(check, seed=SEEDS, scale=one_of(0.1, 1.0, 100.0))


def test_cross_entropy_is_log_softmax_at_the_label(desk: Desk) -> None:
    def check(seed: int, scale: float) -> None:
        x = desk.normal(seed, 5, 4, scale=scale)
        labels = np.random.default_rng(seed).integers(0, 4, 5)
        logs = desk.values(ops.log_softmax(x))[np.arange(5), labels]
        near(desk.values(ops.cross_entropy(x, desk.indices(labels))), -logs, 2, 1 + np.abs(logs))

    desk.hold(check, seed=SEEDS, scale=one_of(0.1, 1.0, 10.0))


def test_entropy_lies_between_none_and_the_logarithm(desk: Desk) -> None:
    def check(seed: int, zeros: bool) -> None:
        p = desk.shares(seed, 4, 6, zeros=zeros)
        nats, slack = desk.values(ops.entropy(p)), 8 * EPSILON * np.log(6)
        assert (nats >= -slack).all()
        assert (nats <= np.log(6) + slack).all()
        order = np.random.default_rng(seed).permutation(6)
        near(desk.values(ops.entropy(desk.array(desk.values(p)[:, order]))), nats, 8, 2)

    desk.hold(check, seed=SEEDS, zeros=st.booleans())


def test_kl_divergence_is_none_between_equals_alone(desk: Desk) -> None:
    def check(seed: int, zeros: bool) -> None:
        p, q = desk.shares(seed, 4, 6, zeros=zeros), desk.shares(seed + 1, 4, 6)
        same(desk, ops.kl_divergence(p, p), desk.array(np.zeros(4)))
        nats = desk.values(ops.kl_divergence(p, q))
        distance = np.abs(desk.values(p) - desk.values(q)).sum(axis=-1)
        # Pinsker's inequality; terms of either sign up to 5 or so cancel.
        assert (nats >= distance**2 / 2 - 20 * EPSILON).all()
        even = desk.array(np.full((4, 6), 1 / 6))
        near(
            desk.values(ops.kl_divergence(p, even)), np.log(6) - desk.values(ops.entropy(p)), 16, 2
        )

    desk.hold(check, seed=SEEDS, zeros=st.booleans())


def test_binary_cross_entropy_is_cross_entropy_of_two(desk: Desk) -> None:
    def check(seed: int) -> None:
        random = np.random.default_rng(seed)
        p, y = random.integers(1, 256, 12) / 256, random.integers(0, 2, 12)
        found = desk.values(ops.binary_cross_entropy(desk.array(p), desk.array(y)))
        assert (found >= 0).all()
        # 1 − p is exact in steps of 1/256: what is true of p and y is true of what is left.
        mirrored = ops.binary_cross_entropy(desk.array(1 - p), desk.array(1 - y))
        near(desk.values(mirrored), found, 8, found + EPSILON)
        logits = desk.array(np.log(np.stack([1 - p, p], axis=-1)))
        near(desk.values(ops.cross_entropy(logits, desk.indices(y))), found, 8, 1 + found)

    desk.hold(check, seed=SEEDS)


def test_squared_error_is_symmetric(desk: Desk) -> None:
    def check(seed: int) -> None:
        x, y = desk.normal(seed, 3, 4), desk.normal(seed + 1, 3, 4)
        error = ops.squared_error(x, y)
        same(desk, error, ops.squared_error(y, x))
        same(desk, ops.squared_error(x, x), x * 0)
        same(desk, ops.squared_error(2 * x, 2 * y), 4 * error)
        near(desk.values(error), (desk.values(x) - desk.values(y)) ** 2 / 2, 4, desk.values(error))

    desk.hold(check, seed=SEEDS)


def test_samples_rise_with_their_numbers(desk: Desk) -> None:
    def check(seed: int, zeros: bool) -> None:
        p, n = desk.shares(seed, 7, zeros=zeros), 500
        shares = desk.values(p)
        even = (np.arange(n) + 0.5) / n
        classes = desk.values(ops.sample_distribution(p, desk.array(even)))
        assert classes.min() >= 0
        assert classes.max() < 7
        assert (np.diff(classes) >= 0).all()
        counts = np.bincount(classes, minlength=7)
        assert not counts[shares == 0].any()
        # Numbers that lie evenly fall into each interval up to one at either end.
        assert (np.abs(counts - shares * n) <= 1 + 1e-3).all()
        order = np.random.default_rng(seed).permutation(n)
        shuffled = ops.sample_distribution(p, desk.array(even[order]))
        np.testing.assert_array_equal(desk.values(shuffled), classes[order])

    desk.hold(check, seed=SEEDS, zeros=st.booleans())


def test_accuracy_counts_what_is_right(desk: Desk) -> None:
    def check(seed: int, right: int) -> None:
        scores = np.random.default_rng(seed).permutation(32).reshape(8, 4)
        best = scores.argmax(axis=1)
        labels = np.where(np.arange(8) < right, best, (best + 1) % 4)
        share = ops.classifier_accuracy(desk.array(scores), desk.indices(labels))
        assert desk.values(share) == right / 8

    desk.hold(check, seed=SEEDS, right=st.integers(0, 8))


# --- Normalization -------------------------------------------------------------------------------


def test_layer_norm_gives_mean_0_and_variance_1(desk: Desk) -> None:
    def check(seed: int, shape: Any) -> None:
        x = desk.normal(seed, *shape, scale=3.0)
        rows = desk.values(ops.layer_norm(x, eps=0.0))
        # n values of some epsilons each; nearly equal ones cancel, so the spread comes in.
        spread = np.abs(desk.values(x)).max() / desk.values(x).std(axis=-1).min()
        near(rows.mean(axis=-1), np.zeros(shape[:-1]), 4, spread)
        near(rows.var(axis=-1), np.ones(shape[:-1]), 16, spread)
        # A power of 2 scales every step exactly.
        near(desk.values(ops.layer_norm(8 * x, eps=0.0)), rows, 2, 1 + np.abs(rows))
        scale, shift = desk.normal(seed + 1, shape[-1]), desk.normal(seed + 2, shape[-1])
        moved = desk.values(ops.layer_norm(x, scale, shift, eps=0.0))
        size = np.abs(rows * desk.values(scale)) + np.abs(desk.values(shift))
        near(moved, rows * desk.values(scale) + desk.values(shift), 4, size)

    desk.hold(check, seed=SEEDS, shape=one_of((4, 16), (2, 3, 8)))


def state_of(desk: Desk, seed: int, c: int) -> dict[str, Any]:
    found = {name: desk.normal(seed + i, c) for i, name in enumerate(("scale", "shift"))}
    found["running_mean"] = desk.normal(seed + 2, c)
    found["running_var"] = desk.array(np.random.default_rng(seed).exponential(size=c) + 0.5)
    return found


def test_batch_norm_in_training(desk: Desk) -> None:
    def check(seed: int, form: str) -> None:
        c, plain = 3, np.random.default_rng(seed).normal(size=(4, 3, 2, 5))
        axes = (0, 2, 3)
        state = {**state_of(desk, seed, c), "scale": desk.array(np.ones(c))}
        state["shift"] = desk.array(np.zeros(c))
        last = form == "channels_last"
        x = desk.array(plain.transpose(0, 2, 3, 1) if last else plain)
        y, new = ops.batch_norm(x, state, training=True, momentum=0.25, eps=0.0, data_format=form)
        found = desk.values(y).transpose(0, 3, 1, 2) if last else desk.values(y)
        # 40 values a channel, each some epsilons of its size off.
        near(found.mean(axis=axes), np.zeros(c), 8)
        near(found.var(axis=axes), np.ones(c), 16)
        old_mean, old_var = desk.values(state["running_mean"]), desk.values(state["running_var"])
        near(desk.values(new["running_mean"]), 0.75 * old_mean + 0.25 * plain.mean(axis=axes), 8, 2)
        wanted = 0.75 * old_var + 0.25 * plain.var(axis=axes, ddof=1)
        near(desk.values(new["running_var"]), wanted, 16, wanted)

    desk.hold(check, seed=SEEDS, form=FORMATS)


def test_batch_norm_in_inference_sees_each_image_alone(desk: Desk) -> None:
    def check(seed: int) -> None:
        state, x = state_of(desk, seed, 3), desk.normal(seed + 5, 4, 3, 2, 5)
        y, new = ops.batch_norm(x, state, training=False)
        for name, kept in state.items():
            same(desk, new[name], kept)
        other, _ = ops.batch_norm(desk.array(desk.values(x)[::-1]), state, training=False)
        np.testing.assert_array_equal(desk.values(other)[::-1], desk.values(y))

    desk.hold(check, seed=SEEDS)


def test_unit_rows(desk: Desk) -> None:
    def check(seed: int, shape: Any) -> None:
        x = desk.normal(seed, *shape)
        rows = desk.values(ops.normalize_rows(x))
        # A sum of n squares, a root and a quotient.
        near((rows**2).sum(axis=1), np.ones(shape[0]), 2 * shape[1] + 4)
        same(desk, ops.normalize_rows(-4 * x), -ops.normalize_rows(x))
        cosines = desk.values(ops.cosine_similarity(x))
        near(np.diag(cosines), np.ones(shape[0]), 2 * shape[1] + 4)
        near(cosines, cosines.T, shape[1] + 2)
        near(cosines, rows @ rows.T, shape[1] + 4)
        assert np.abs(cosines).max() <= 1 + 16 * EPSILON
        factors = 2.0 ** np.random.default_rng(seed).integers(-4, 5, (shape[0], 1))
        scaled = ops.cosine_similarity(desk.array(desk.values(x) * factors))
        np.testing.assert_array_equal(desk.values(scaled), cosines)

    desk.hold(check, seed=SEEDS, shape=one_of((4, 6), (3, 2)))


# --- Places --------------------------------------------------------------------------------------


def test_rows_and_columns_by_their_place(desk: Desk) -> None:
    def check(seed: int) -> None:
        random = np.random.default_rng(seed)
        m, n = 5, 4
        matrix = desk.normal(seed, m, n)
        order = random.permutation(m)
        shuffled = ops.collect_rows(matrix, desk.indices(order))
        same(desk, ops.collect_rows(shuffled, desk.indices(np.argsort(order))), matrix)
        chosen = random.integers(0, n, 6)
        columns = ops.collect_columns(matrix, desk.indices(chosen))
        rows = ops.collect_rows(ops.transpose_matrices(matrix), desk.indices(chosen))
        same(desk, ops.transpose_matrices(columns), rows)
        # Counted from the end it is the same place.
        same(desk, ops.collect_columns(matrix, desk.indices(chosen - n)), columns)
        same(desk, ops.gather_columns(matrix, desk.indices(np.tile(chosen, (m, 1)))), columns)
        places = np.stack([random.integers(0, m, 7), random.integers(0, n, 7)], axis=1)
        single = desk.values(ops.index_by_coordinates(matrix, desk.indices(places)))
        np.testing.assert_array_equal(single, desk.values(matrix)[places[:, 0], places[:, 1]])
        from_end = desk.indices(places - np.array([m, n]))
        np.testing.assert_array_equal(
            desk.values(ops.index_by_coordinates(matrix, from_end)), single
        )

    desk.hold(check, seed=SEEDS)


def test_the_price_of_a_basket(desk: Desk) -> None:
    def check(seed: int) -> None:
        prices, random = desk.whole(seed, 6), np.random.default_rng(seed)
        items = random.integers(0, 6, 9)
        total = desk.values(ops.total_price(prices, desk.indices(items)))
        for other, method in ((items[::-1], "take"), (items, "gather"), (items - 6, "gather")):
            again = ops.total_price(prices, desk.indices(other), method=method)
            assert desk.values(again) == total
        counts = desk.array(np.bincount(items, minlength=6))
        assert desk.values(ops.inner_product(counts, prices)) == total

    desk.hold(check, seed=SEEDS)


# --- Attention -----------------------------------------------------------------------------------


def attention_inputs(desk: Desk, seed: int, shape: Any) -> tuple[Any, Any, Any]:
    front, n, m, d, e = shape
    sizes = ((*front, n, d), (*front, m, d), (*front, m, e))
    q, k, v = (desk.normal(seed + i, *size) for i, size in enumerate(sizes))
    return q, k, v


SHAPES = one_of(((2,), 3, 5, 4, 2), ((2, 3), 4, 4, 2, 3))
ATTENTION = 32
"""Epsilons that attention over five keys may be off: scores, exp, sum and product, a few each."""


def test_attention_permutes_with_its_keys(desk: Desk) -> None:
    def check(seed: int, shape: Any) -> None:
        q, k, v = attention_inputs(desk, seed, shape)
        out, random = (
            desk.values(ops.scaled_dot_product_attention(q, k, v)),
            np.random.default_rng(seed),
        )
        size = np.abs(desk.values(v)).max()
        keys, queries = random.permutation(shape[2]), random.permutation(shape[1])
        k2, v2 = (desk.array(desk.values(x)[..., keys, :]) for x in (k, v))
        near(desk.values(ops.scaled_dot_product_attention(q, k2, v2)), out, ATTENTION, size)
        q2 = desk.array(desk.values(q)[..., queries, :])
        turned = desk.values(ops.scaled_dot_product_attention(q2, k, v))
        near(turned, out[..., queries, :], ATTENTION, size)

    desk.hold(check, seed=SEEDS, shape=SHAPES)


def test_attention_gives_means_of_the_values(desk: Desk) -> None:
    def check(seed: int, shape: Any) -> None:
        q, k, v = attention_inputs(desk, seed, shape)
        out, values = desk.values(ops.scaled_dot_product_attention(q, k, v)), desk.values(v)
        slack = ATTENTION * EPSILON * np.abs(values).max()
        assert (out >= values.min(axis=-2, keepdims=True) - slack).all()
        assert (out <= values.max(axis=-2, keepdims=True) + slack).all()
        root = ops.scaled_dot_product_attention(q, k, v, scale=shape[3] ** -0.5)
        near(desk.values(root), out, ATTENTION, np.abs(values).max())
        even = desk.values(ops.scaled_dot_product_attention(q, k, v, scale=0.0))
        mean = np.broadcast_to(values.mean(axis=-2, keepdims=True), even.shape)
        near(even, mean, ATTENTION, np.abs(values).max())
        # A key that matches far better than all others is the only one seen.
        sharp = desk.values(ops.scaled_dot_product_attention(q, k, v, scale=1e6))
        scores = desk.values(q) @ np.swapaxes(desk.values(k), -1, -2)
        best = np.sort(scores, axis=-1)
        clear = best[..., -1] - best[..., -2] > 1e-3
        picked = np.take_along_axis(values, scores.argmax(axis=-1)[..., None], axis=-2)
        near(sharp[clear], picked[clear], 1, np.abs(values).max())

    desk.hold(check, seed=SEEDS, shape=SHAPES)


def test_causal_attention_does_not_see_the_future(desk: Desk) -> None:
    def check(seed: int, shape: Any, seen: int) -> None:
        q, k, v = attention_inputs(desk, seed, shape)
        out = desk.values(ops.scaled_dot_product_attention(q, k, v, causal=True))
        k2, v2 = desk.values(k).copy(), desk.values(v).copy()
        k2[..., seen:, :], v2[..., seen:, :] = 50.0, -50.0
        other = ops.scaled_dot_product_attention(q, desk.array(k2), desk.array(v2), causal=True)
        np.testing.assert_array_equal(desk.values(other)[..., :seen, :], out[..., :seen, :])
        assert (desk.values(other)[..., seen:, :] != out[..., seen:, :]).any()
        first = np.broadcast_to(desk.values(v)[..., :1, :], out[..., :1, :].shape)
        np.testing.assert_array_equal(out[..., :1, :], first)
        lower = np.tril(np.ones((shape[1], shape[2]), bool))
        masked = ops.scaled_dot_product_attention(q, k, v, mask=desk.array(lower, "bool"))
        near(desk.values(masked), out, ATTENTION, np.abs(desk.values(v)).max())

    desk.hold(check, seed=SEEDS, shape=SHAPES, seen=one_of(1, 2))


def test_attention_behind_a_mask(desk: Desk) -> None:
    def check(seed: int, shape: Any) -> None:
        q, k, v = attention_inputs(desk, seed, shape)
        size = np.abs(desk.values(v)).max()
        out = desk.values(ops.scaled_dot_product_attention(q, k, v))
        n, m = shape[1:3]
        all_seen = desk.array(np.ones((n, m)), "bool")
        near(
            desk.values(ops.scaled_dot_product_attention(q, k, v, mask=all_seen)),
            out,
            ATTENTION,
            size,
        )
        # What a mask hides might as well not be there.
        some = np.ones((n, m), bool)
        some[:, m - 1 :] = False
        hidden = ops.scaled_dot_product_attention(q, k, v, mask=desk.array(some, "bool"))
        fewer = ops.scaled_dot_product_attention(
            q, desk.array(desk.values(k)[..., :-1, :]), desk.array(desk.values(v)[..., :-1, :])
        )
        near(desk.values(hidden), desk.values(fewer), ATTENTION, size)
        none = ops.scaled_dot_product_attention(q, k, v, mask=desk.array(np.zeros((n, m)), "bool"))
        assert not desk.values(none).any()

    desk.hold(check, seed=SEEDS, shape=SHAPES)


def test_grouped_queries_share_their_keys(desk: Desk) -> None:
    def check(seed: int) -> None:
        q, _, _ = attention_inputs(desk, seed, ((2, 6), 3, 4, 2, 3))
        _, k, v = attention_inputs(desk, seed + 9, ((2, 2), 3, 4, 2, 3))
        grouped = desk.values(ops.scaled_dot_product_attention(q, k, v))
        k3, v3 = (ops.repeat_elements(x, (1, 3, 1, 1)) for x in (k, v))
        plain = desk.values(ops.scaled_dot_product_attention(q, k3, v3))
        near(grouped, plain, ATTENTION, np.abs(desk.values(v)).max())

    desk.hold(check, seed=SEEDS)


def heads_params(desk: Desk, seed: int, dim: int) -> dict[str, Any]:
    """Projections that keep the size of what they project."""
    names = ("query", "key", "value", "output")
    found = {n: desk.normal(seed + i, dim, dim, scale=dim**-0.5) for i, n in enumerate(names)}
    return found | {f"{n}_bias": desk.normal(seed + 9 + i, dim) for i, n in enumerate(names)}


def block_params(desk: Desk, seed: int, dim: int, hidden: int) -> dict[str, Any]:
    norms = [f"norm{i}_{what}" for i in (1, 2) for what in ("scale", "shift")]
    found: dict[str, Any] = {name: desk.normal(seed + i, dim) for i, name in enumerate(norms)}
    found["attention"] = heads_params(desk, seed + 20, dim)
    found["feed_forward"] = {
        "w1": desk.normal(seed + 40, dim, hidden, scale=dim**-0.5),
        "b1": desk.normal(seed + 41, hidden),
        "w2": desk.normal(seed + 42, hidden, dim, scale=hidden**-0.5),
        "b2": desk.normal(seed + 43, dim),
    }
    return found


NETWORK = 400
"""Epsilons that a block may be off, relative to its largest value: two norms, six products of up
to eight terms and a softmax, each of which passes on and adds some ten."""


@pytest.mark.parametrize("layer", ["attention", "block"])
def test_layers_permute_with_their_tokens(desk: Desk, layer: str) -> None:
    def run(x: Any, seed: int, **options: Any) -> Any:
        if layer == "attention":
            params = heads_params(desk, seed, 8)
            return desk.values(ops.multi_head_attention(x, params, num_heads=2, **options))
        params = block_params(desk, seed, 8, 6)
        return desk.values(ops.transformer_block(x, params, num_heads=2, **options))

    def check(seed: int, seen: int) -> None:
        x, random = desk.normal(seed, 2, 5, 8), np.random.default_rng(seed)
        plain, out = desk.values(x), run(x, seed + 1)
        tokens, size = random.permutation(5), np.abs(out).max()
        turned = run(desk.array(plain[:, tokens]), seed + 1)
        near(turned, out[:, tokens], NETWORK, size)
        near(run(desk.array(plain[::-1]), seed + 1)[::-1], out, NETWORK, size)
        # Without a look ahead, what comes later changes nothing.
        changed = plain.copy()
        changed[:, seen:] = random.normal(size=changed[:, seen:].shape)
        before, after = (run(desk.array(p), seed + 1, causal=True) for p in (plain, changed))
        near(after[:, :seen], before[:, :seen], NETWORK, size)
        assert (np.abs(after[:, seen:] - before[:, seen:]) > 1e-3).any()

    desk.hold(check, seed=SEEDS, seen=st.integers(1, 4))


def test_context_is_what_is_attended_to(desk: Desk) -> None:
    def check(seed: int) -> None:
        x, params = desk.normal(seed, 2, 5, 8), heads_params(desk, seed + 1, 8)
        out = desk.values(ops.multi_head_attention(x, params, num_heads=2))
        own = ops.multi_head_attention(x, params, num_heads=2, context=x)
        near(desk.values(own), out, NETWORK, np.abs(out).max())
        # Where all tokens of the context are equal, every query gets the same.
        equal = desk.array(np.repeat(desk.values(x)[:, :1], 3, axis=1))
        one = desk.values(ops.multi_head_attention(x, params, num_heads=2, context=equal))
        near(one, np.repeat(one[:, :1], 5, axis=1), NETWORK, np.abs(one).max())

    desk.hold(check, seed=SEEDS)


def test_additive_attention_permutes_with_its_keys(desk: Desk) -> None:
    def check(seed: int) -> None:
        sizes = {"query": (3, 6), "key": (4, 6), "score": (6,)}
        params = {
            name: desk.normal(seed + i, *size) for i, (name, size) in enumerate(sizes.items())
        }
        query, keys, values = (
            desk.normal(seed + 5 + i, *size)
            for i, size in enumerate(((2, 3), (2, 5, 4), (2, 5, 3)))
        )
        context, weights = ops.additive_attention(query, keys, values, params)
        shares, v = desk.values(weights), desk.values(values)
        near(shares.sum(axis=-1), np.ones(2), 8)
        near(np.einsum("bm,bmf->bf", shares, v), desk.values(context), ATTENTION, np.abs(v).max())
        order = np.random.default_rng(seed).permutation(5)
        turned = (desk.array(desk.values(x)[:, order]) for x in (keys, values))
        other, moved = ops.additive_attention(query, *turned, params)
        near(desk.values(other), desk.values(context), ATTENTION, np.abs(v).max())
        near(desk.values(moved), shares[:, order], ATTENTION)

    desk.hold(check, seed=SEEDS)


def test_local_attention_sees_its_window_alone(desk: Desk) -> None:
    def check(seed: int, shape: Any) -> None:
        n, window = shape
        q, k, v = attention_inputs(desk, seed, ((1, 2), n, n, 4, 3))
        out, size = (
            ops.sliding_window_attention(q, k, v, window=window),
            np.abs(desk.values(v)).max(),
        )
        place = np.arange(n)
        within = desk.array(np.abs(place[:, None] - place) <= window, "bool")
        full = ops.scaled_dot_product_attention(q, k, v, mask=within)
        near(desk.values(out), desk.values(full), ATTENTION, size)
        # A far key and value may change: only what has it in its window does.
        at = int(np.random.default_rng(seed).integers(n))
        k2, v2 = desk.values(k).copy(), desk.values(v).copy()
        k2[..., at, :], v2[..., at, :] = 3.0, 100.0
        other = ops.sliding_window_attention(q, desk.array(k2), desk.array(v2), window=window)
        changed = (desk.values(other) != desk.values(out)).any(axis=(0, 1, 3))
        np.testing.assert_array_equal(changed, np.abs(place - at) <= window)

    desk.hold(check, seed=SEEDS, shape=one_of((9, 2), (100, 5), (70, 0)))


def test_chunks_are_pieces_of_the_sequence(desk: Desk) -> None:
    def check(shape: Any) -> None:
        n, window, step = shape
        x = desk.counting(2, n, 3)
        chunks, plain = desk.values(ops.sliding_window_chunks(x, window, step=step)), desk.values(x)
        assert chunks.shape[1] == (n - window) // step + 1
        for i in range(chunks.shape[1]):
            np.testing.assert_array_equal(chunks[:, i], plain[:, i * step : i * step + window])

    desk.hold(check, shape=one_of((12, 4, 2), (9, 3, 3), (7, 5, 1)))


# --- Pooling -------------------------------------------------------------------------------------


MAXIMA = (ops.global_max_pool, ops.channel_max_pool)


@pytest.mark.parametrize(
    ("window", "stride", "padding"),
    [(2, None, 0), (3, 2, 1), ((2, 3), 1, "same"), (3, (1, 2), (1, 0))],
)
def test_pools_of_a_constant_picture_are_constant(
    desk: Desk, window: Any, stride: Any, padding: Any
) -> None:
    def check(level: int, form: str) -> None:
        x = desk.array(np.full((2, 4, 5, 6), level))
        kept = {"stride": stride, "padding": padding, "data_format": form}
        # Padded cells neither count in the mean nor win the maximum, whatever the sign.
        largest = ops.max_pool(x, window, **kept)
        for pooled in (largest, *(p(x, data_format=form) for p in MAXIMA)):
            assert (desk.values(pooled) == level).all()
        mean = ops.average_pool(x, window, **kept)
        for pooled in (mean, ops.global_average_pool(x, data_format=form)):
            found = desk.values(pooled)
            near(found, np.full(found.shape, level), 2, abs(level))  # JAX multiplies by 1/n

    desk.hold(check, level=one_of(-3, 0, 100), form=FORMATS)


def test_pools_agree_with_each_other(desk: Desk) -> None:
    def check(seed: int) -> None:
        x = desk.whole(seed, 2, 3, 8, 8, high=100)
        twice = ops.max_pool(ops.max_pool(x, 2), 2)
        same(desk, twice, ops.max_pool(x, 4))
        # Sums of whole numbers over powers of 2 are exact.
        same(desk, ops.average_pool(ops.average_pool(x, 2), 2), ops.average_pool(x, 4))
        same(desk, ops.max_pool(x, 8)[..., 0, 0], ops.global_max_pool(x))
        same(desk, ops.average_pool(x, 8)[..., 0, 0], ops.global_average_pool(x))
        assert (
            desk.values(ops.max_pool(x, 3, stride=1))
            >= desk.values(ops.average_pool(x, 3, stride=1)) - 1e-4
        ).all()
        for pool in (ops.max_pool, ops.average_pool):
            wide = desk.values(pool(x, 3, stride=1))
            np.testing.assert_array_equal(desk.values(pool(x, 3, stride=2)), wide[..., ::2, ::2])
            moved = pool(desk.array(np.roll(desk.values(x), 1, axis=-1)), 3, stride=1)
            np.testing.assert_array_equal(desk.values(moved)[..., 1:], wide[..., :-1])

    desk.hold(check, seed=SEEDS)


def test_either_data_format_gives_the_same_picture(desk: Desk) -> None:
    def last(x: Any) -> Any:
        return desk.array(np.moveaxis(desk.values(x), 1, -1))

    def check(seed: int) -> None:
        x, weight = desk.whole(seed, 2, 4, 5, 7), desk.whole(seed + 1, 6, 2, 3, 2)
        back = desk.whole(seed + 2, 4, 3, 2, 3)
        calls = {
            "conv2d": lambda y, f: ops.conv2d(
                y, weight, stride=2, padding=1, groups=2, data_format=f
            ),
            "conv_transpose2d": lambda y, f: ops.conv_transpose2d(y, back, stride=2, data_format=f),
            "max_pool": lambda y, f: ops.max_pool(y, (2, 3), padding=(0, 1), data_format=f),
            "average_pool": lambda y, f: ops.average_pool(y, 2, data_format=f),
            "swap_height_width": lambda y, f: ops.swap_height_width(y, data_format=f),
            "channel_max_pool": lambda y, f: ops.channel_max_pool(y, data_format=f),
            "pixel_shuffle": lambda y, f: ops.pixel_shuffle(y, 2, data_format=f),
        }
        for call in calls.values():
            same(desk, call(last(x), "channels_last"), last(call(x, "channels_first")))

    desk.hold(check, seed=SEEDS)


def test_periods(desk: Desk) -> None:
    def check(seed: int, shape: Any) -> None:
        n, period = shape
        x = desk.normal(seed, n * period)
        plain, size = desk.values(x).reshape(n, period), np.abs(desk.values(x)).max()
        means = desk.values(ops.mean_by_period(x, period))
        near(means.mean(), plain.mean(), 8, size)
        left = desk.values(ops.subtract_period_mean(x, period)).reshape(n, period)
        near(left.mean(axis=1), np.zeros(n), 8, size)
        near(left + means[:, None], plain, 4, size)
        scores = desk.values(ops.standardize_by_period(x, period)).reshape(n, period)
        spread = size / plain.std(axis=1).min()
        near(scores.std(axis=1, ddof=1), np.ones(n), 16, spread)
        flat = desk.values(ops.standardize_by_period(x, period, correction=0))
        near(flat.reshape(n, period).std(axis=1), np.ones(n), 16, spread)

    desk.hold(check, seed=SEEDS, shape=one_of((3, 7), (2, 4)))


# --- Convolution ---------------------------------------------------------------------------------


def test_convolution_moves_with_its_picture(desk: Desk) -> None:
    def check(seed: int, dilation: int) -> None:
        x, weight = desk.whole(seed, 2, 3, 7, 8), desk.whole(seed + 1, 4, 3, 2, 3)
        out = desk.values(ops.conv2d(x, weight, dilation=dilation))
        moved = desk.array(np.roll(desk.values(x), (1, 2), axis=(2, 3)))
        shifted = desk.values(ops.conv2d(moved, weight, dilation=dilation))
        np.testing.assert_array_equal(shifted[..., 1:, 2:], out[..., :-1, :-2])
        sparse = desk.values(ops.conv2d(x, weight, stride=(2, 3), dilation=dilation))
        np.testing.assert_array_equal(sparse, out[..., ::2, ::3])
        padded = desk.array(np.pad(desk.values(x), ((0, 0), (0, 0), (1, 1), (2, 2))))
        same(
            desk,
            ops.conv2d(x, weight, padding=(1, 2), dilation=dilation),
            ops.conv2d(padded, weight, dilation=dilation),
        )

    desk.hold(check, seed=SEEDS, dilation=one_of(1, 2))


def test_convolution_is_linear_in_all_it_takes(desk: Desk) -> None:
    def check(seed: int) -> None:
        x, y = desk.whole(seed, 2, 4, 5, 6), desk.whole(seed + 1, 2, 4, 5, 6)
        weight, bias = desk.whole(seed + 2, 6, 4, 3, 2), desk.whole(seed + 3, 6)
        a, b = ops.conv2d(x, weight), ops.conv2d(y, weight)
        same(desk, ops.conv2d(x + 3 * y, weight), a + 3 * b)
        same(desk, ops.conv2d(x, -2 * weight), -2 * a)
        with_bias = desk.values(ops.conv2d(x, weight, bias)) - desk.values(a)
        wanted = np.broadcast_to(desk.values(bias)[:, None, None], with_bias.shape)
        np.testing.assert_array_equal(with_bias, wanted)
        # Groups are convolutions side by side.
        parts = ops.conv2d(x, weight[:, :2], groups=2)
        halves = [
            ops.conv2d(x[:, 2 * i : 2 * i + 2], weight[3 * i : 3 * i + 3, :2]) for i in (0, 1)
        ]
        joined = np.concatenate([desk.values(half) for half in halves], axis=1)
        np.testing.assert_array_equal(desk.values(parts), joined)
        # A kernel of one 1 is the picture, moved.
        spot = np.zeros((1, 1, 3, 3))
        spot[0, 0, 0, 2] = 1
        one = ops.conv2d(x[:, :1], desk.array(spot))
        np.testing.assert_array_equal(desk.values(one), desk.values(x)[:, :1, :-2, 2:])

    desk.hold(check, seed=SEEDS)


def test_transposed_convolution_is_the_adjoint(desk: Desk) -> None:
    def check(seed: int, setting: Any) -> None:
        kept = dict(zip(("stride", "padding", "dilation"), setting, strict=True))
        x, weight = desk.whole(seed, 1, 3, 6, 7, high=4), desk.whole(seed + 1, 2, 3, 3, 2, high=4)
        there = ops.conv2d(x, weight, **kept)
        y = desk.whole(seed + 2, *map(int, desk.xp.shape(there)), high=4)
        # What a stride leaves over at the end is asked for.
        back = ops.conv_transpose2d(y, weight, **kept)
        extra = tuple(n - int(m) for n, m in zip((6, 7), desk.xp.shape(back)[2:], strict=True))
        back = ops.conv_transpose2d(y, weight, output_padding=extra, **kept)
        left, right = desk.values(there) * desk.values(y), desk.values(x) * desk.values(back)
        assert left.sum() == right.sum()

    desk.hold(check, seed=SEEDS, setting=one_of((1, 0, 1), (2, 1, 1), ((1, 3), (0, 1), 2)))


def test_windows_are_pieces_of_the_picture(desk: Desk) -> None:
    def check(setting: Any) -> None:
        (kh, kw), (sh, sw), (dh, dw) = setting
        x = desk.counting(2, 8, 9)
        found = desk.values(ops.sliding_windows(x, (kh, kw), stride=(sh, sw), dilation=(dh, dw)))
        plain = desk.values(x)
        for i, j in np.ndindex(*found.shape[1:3]):
            rows, columns = i * sh + dh * np.arange(kh), j * sw + dw * np.arange(kw)
            np.testing.assert_array_equal(found[:, i, j], plain[:, rows][:, :, columns])

    desk.hold(check, setting=one_of(((2, 3), (1, 1), (1, 1)), ((3, 2), (2, 3), (1, 2))))


def test_patches_embed_one_by_one(desk: Desk) -> None:
    def check(seed: int) -> None:
        p, c, out = 2, 3, 5
        pixels = p * p * c
        sizes = {
            "norm_scale": (pixels,),
            "norm_shift": (pixels,),
            "weight": (pixels, out),
            "bias": (out,),
        }
        params = {
            name: desk.normal(seed + i, *size) for i, (name, size) in enumerate(sizes.items())
        }
        x = desk.normal(seed + 9, 2, c, 4, 6)
        rows = ops.layer_norm(ops.extract_patches(x, p), params["norm_scale"], params["norm_shift"])
        wanted = desk.values(ops.einsum(rows, params["weight"], "b n p, p o -> b n o"))
        wanted = wanted + desk.values(params["bias"])
        # Twelve terms a sum.
        near(
            desk.values(ops.embed_patches(x, params, patch_size=p)),
            wanted,
            64,
            np.abs(wanted).max(),
        )

    desk.hold(check, seed=SEEDS)


def test_merged_patches_hold_every_pixel(desk: Desk) -> None:
    def check(seed: int, order: str) -> None:
        x, weight = desk.whole(seed, 2, 4, 6, 3), desk.whole(seed + 1, 12, 5)
        merged = ops.merge_patches(x, order=order)
        plain, found = desk.values(x), desk.values(merged)
        for place, (i, j) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
            at = place if order == "rows" else 2 * j + i
            piece = found[..., 3 * at : 3 * at + 3]
            np.testing.assert_array_equal(piece, plain[:, i::2, j::2])
        reduced = ops.merge_patches(x, weight=weight, order=order)
        same(desk, reduced, ops.einsum(merged, weight, "b h w c, c o -> b h w o"))

    desk.hold(check, seed=SEEDS, order=one_of("rows", "swin"))


# --- Experts -------------------------------------------------------------------------------------


def test_the_gate_takes_the_largest(desk: Desk) -> None:
    def check(seed: int, k: int) -> None:
        # Few values, so that experts tie.
        logits = np.random.default_rng(seed).integers(0, 4, (6, 5))
        weights, chosen = ops.top_k_gating(desk.array(logits), k, renormalize=False)
        shares, places = desk.values(weights), desk.values(chosen)
        assert (np.diff(shares, axis=1) <= 0).all()
        ranked = np.argsort(-logits, axis=1, kind="stable")[:, :k]
        np.testing.assert_array_equal(places, ranked)
        softmax = desk.values(ops.softmax(desk.array(logits)))
        near(shares, np.take_along_axis(softmax, places, axis=1), 4, shares)
        normal, again = ops.top_k_gating(desk.array(logits), k)
        same(desk, again, chosen)
        near(desk.values(normal).sum(axis=1), np.ones(6), 8)

    desk.hold(check, seed=SEEDS, k=st.integers(1, 5))


def test_grouping_keeps_every_token_once(desk: Desk) -> None:
    def check(seed: int, shape: Any) -> None:
        b, s, experts = shape
        tokens = desk.counting(b, s, 2)
        each = b * s // experts
        assigned = np.random.default_rng(seed).permutation(np.repeat(np.arange(experts), each))
        groups = ops.group_tokens_by_expert(tokens, desk.indices(assigned.reshape(b, s)), experts)
        found, rows = desk.values(groups), desk.values(tokens).reshape(b * s, 2)
        assert found.shape == (experts, each, 2)
        np.testing.assert_array_equal(np.sort(found[..., 0].ravel()), rows[:, 0])
        for expert in range(experts):
            np.testing.assert_array_equal(found[expert], rows[assigned == expert])

    desk.hold(check, seed=SEEDS, shape=one_of((2, 6, 3), (3, 4, 4)))


def choices(seed: int, tokens: int, experts: int, k: int) -> Any:
    """For each token k experts, no two the same."""
    random = np.random.default_rng(seed)
    return np.stack([random.permutation(experts)[:k] for _ in range(tokens)])


def test_tokens_come_back_from_their_experts(desk: Desk) -> None:
    def check(seed: int, k: int, room: bool) -> None:
        t, experts = 6, 4
        tokens, chosen = desk.whole(seed, t, 3), choices(seed, t, experts, k)
        capacity = t if room else None
        sent = ops.dispatch_tokens(tokens, desk.indices(chosen), experts, capacity=capacity)
        counts = np.bincount(chosen.ravel(), minlength=experts)
        np.testing.assert_array_equal(desk.values(sent.counts), counts)
        assert desk.values(sent.kept).all()
        assert desk.values(sent.dropped) == 0
        unit = desk.array(np.ones((t, k)))
        same(desk, ops.combine_tokens(sent.tokens, sent, unit), k * tokens)
        weights = desk.whole(seed + 1, t, k)
        total = ops.combine_tokens(sent.tokens, sent, weights)
        wanted = desk.values(tokens) * desk.values(weights).sum(axis=1, keepdims=True)
        np.testing.assert_array_equal(desk.values(total), wanted)

    desk.hold(check, seed=SEEDS, k=one_of(1, 2), room=st.booleans())


def test_full_experts_drop_the_last_that_come(desk: Desk) -> None:
    def check(seed: int, capacity: int) -> None:
        t, experts, k = 6, 3, 2
        tokens, chosen = desk.whole(seed, t, 2), choices(seed, t, experts, k)
        sent = ops.dispatch_tokens(tokens, desk.indices(chosen), experts, capacity=capacity)
        flat = chosen.ravel()
        rank = np.array([(flat[:i] == expert).sum() for i, expert in enumerate(flat)])
        kept = (rank < capacity).reshape(t, k)
        np.testing.assert_array_equal(desk.values(sent.kept), kept)
        assert desk.values(sent.dropped) == (~kept).sum()
        back = ops.combine_tokens(sent.tokens, sent, desk.array(np.ones((t, k))))
        wanted = desk.values(tokens) * kept.sum(axis=1, keepdims=True)
        np.testing.assert_array_equal(desk.values(back), wanted)

    desk.hold(check, seed=SEEDS, capacity=one_of(1, 2, 3))


def moe_params(desk: Desk, seed: int, d: int, experts: int, hidden: int) -> dict[str, Any]:
    sizes = {"gate": (d, experts), "w1": (experts, d, hidden), "b1": (experts, hidden)}
    sizes |= {"w2": (experts, hidden, d), "b2": (experts, d)}
    return {name: desk.normal(seed + i, *size) for i, (name, size) in enumerate(sizes.items())}


def test_the_order_of_experts_does_not_matter(desk: Desk) -> None:
    def check(seed: int, k: int, capacity: Any) -> None:
        x, params = desk.normal(seed, 2, 3, 4), moe_params(desk, seed + 1, 4, 5, 3)
        out = desk.values(ops.moe_layer(x, params, k=k, capacity=capacity))
        order = np.random.default_rng(seed).permutation(5)
        turned = {
            name: desk.array(np.take(desk.values(p), order, axis=1 if name == "gate" else 0))
            for name, p in params.items()
        }
        again = desk.values(ops.moe_layer(x, turned, k=k, capacity=capacity))
        # Products of four and three terms, weighted by a softmax.
        near(again, out, 64, 1 + np.abs(out).max())
        # Without a limit every token is by itself.
        if capacity is None:
            tokens = np.random.default_rng(seed).permutation(3)
            moved = ops.moe_layer(desk.array(desk.values(x)[:, tokens]), params, k=k)
            near(desk.values(moved), out[:, tokens], 64, 1 + np.abs(out).max())

    desk.hold(check, seed=SEEDS, k=one_of(1, 2), capacity=one_of(None, 2))


def test_the_layer_is_its_parts(desk: Desk) -> None:
    def check(seed: int, capacity: int) -> None:
        x, params = desk.normal(seed, 1, 6, 4), moe_params(desk, seed + 1, 4, 3, 5)
        weights, chosen = ops.top_k_gating(ops.matrix_multiply(x[0], params["gate"]), 2)
        sent = ops.dispatch_tokens(x[0], chosen, 3, capacity=capacity)
        hidden = ops.expert_linear(sent.tokens, params["w1"]) + params["b1"][:, None]
        hidden = desk.xp.maximum(hidden, 0.0)
        rows = ops.expert_linear(hidden, params["w2"]) + params["b2"][:, None]
        parts = desk.values(ops.combine_tokens(rows, sent, weights))
        for limit in (capacity, None) if desk.values(sent.kept).all() else (capacity,):
            whole = desk.values(ops.moe_layer(x, params, k=2, capacity=limit))[0]
            near(whole, parts, 64, 1 + np.abs(parts).max())

    desk.hold(check, seed=SEEDS, capacity=one_of(2, 6))


def test_equal_experts_are_one_network(desk: Desk) -> None:
    def check(seed: int) -> None:
        x, params = desk.normal(seed, 2, 3, 4), moe_params(desk, seed + 1, 4, 1, 3)
        single = {name: params[name][0] for name in ("w1", "b1", "w2", "b2")}
        copies = {
            name: desk.array(np.repeat(desk.values(p)[None], 5, axis=0))
            for name, p in single.items()
        }
        gate = desk.normal(seed + 9, 4, 5)
        out = desk.values(ops.moe_layer(x, {"gate": gate, **copies}, k=2))
        near(out, desk.values(ops.feed_forward(x, single)), 64, 1 + np.abs(out).max())

    desk.hold(check, seed=SEEDS)


def test_experts_multiply_and_add_up(desk: Desk) -> None:
    def check(seed: int) -> None:
        x, weight = desk.whole(seed, 3, 4, 5), desk.whole(seed + 1, 3, 5, 2)
        out = ops.expert_linear(x, weight)
        for e in range(3):
            same(desk, out[e], ops.matrix_multiply(x[e], weight[e]))
        rows, gates = desk.whole(seed + 2, 12, 3), desk.whole(seed + 3, 2, 3, 2)
        total = desk.values(ops.aggregate_expert_outputs(rows, gates))
        parts = desk.values(rows).reshape(2, 3, 2, 3) * desk.values(gates)[..., None]
        np.testing.assert_array_equal(total, parts.sum(axis=2))

    desk.hold(check, seed=SEEDS)


def test_the_loss_of_balance(desk: Desk) -> None:
    def check(seed: int, experts: int) -> None:
        p = desk.shares(seed, 8, experts)
        even = desk.indices(np.arange(8) % experts)
        # Equal loads give 1 whatever the probabilities are, and so do equal probabilities.
        near(desk.values(ops.load_balancing_loss(p, even, experts)), np.array(1.0), 16)
        alone = desk.indices(np.zeros(8, int))
        flat = desk.array(np.full((8, experts), 1 / experts))
        near(desk.values(ops.load_balancing_loss(flat, alone, experts)), np.array(1.0), 16)
        mean = desk.values(p)[:, 0].mean()
        near(desk.values(ops.load_balancing_loss(p, alone, experts)), experts * mean, 16, experts)

    desk.hold(check, seed=SEEDS, experts=one_of(2, 4))
