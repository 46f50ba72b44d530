"""Sums, means, products, extrema and truth over axes, against NumPy in a wide dtype."""

import warnings

import numpy as np
import pytest
from lab import ALL, AXES, FLOATS, HALVES, INTEGERS, samples

pytestmark = pytest.mark.sampled

FEW = (("random", None), ("random", (0, -1)))
"""Axes enough for a dtype that is not the one all axes are tried with: JAX compiles each anew."""


def narrowed(lab, integers):
    """What wraps in 64 bits wraps in JAX's 32."""
    small = lab.index_dtype == "int32" and integers.dtype.kind == "i"
    return integers.astype(np.int32) if small else integers


def total_of(values, name, axis, keepdims):
    """NumPy's result, in float64 or in integers of 64 bits that wrap."""
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        return np.asarray(getattr(np, name)(values, axis=axis, keepdims=keepdims))


def check_total(lab, name, values, axis, keepdims):
    got = getattr(lab.xp, name)(lab.array(values), axis=axis, keepdims=keepdims)
    want = total_of(values, name, axis, keepdims)
    size = want if name == "prod" else total_of(abs(values * 1), name, axis, keepdims)
    lab.check(got, narrowed(lab, want), lab.sum_dtype, epsilons=8, scale=size, signs=False)


def names_of(dtype):
    return ("sum", "prod", "mean") if "float" in dtype else ("sum", "prod")


@pytest.mark.parametrize("dtype", ["float32"])
@pytest.mark.parametrize("name", ["sum", "prod", "mean"])
def test_totals_over_every_axis(lab, dtype, name):
    for axis, keepdims in AXES:
        check_total(lab, name, samples(dtype)["random"], axis, keepdims)


@pytest.mark.parametrize("dtype", ALL)
def test_totals(lab, dtype):
    for name in names_of(dtype):
        for sample, axis in FEW:
            check_total(lab, name, samples(dtype)[sample], axis, keepdims=False)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "uint8", "bool"])
def test_totals_of_other_shapes(lab, dtype):
    for name in names_of(dtype):
        for sample, axis in (("hollow", 1), ("hollow", None), ("scalar", None), ("scalar", ())):
            check_total(lab, name, samples(dtype)[sample], axis, keepdims=True)
        check_total(lab, name, samples(dtype)["empty"], -1, keepdims=False)


@pytest.mark.parametrize("dtype", FLOATS)
def test_totals_of_special_values(lab, dtype):
    nan, inf = np.nan, np.inf
    rows = np.array([[1, nan, 2], [inf, 1, 2], [-inf, 1, inf], [0, -0.0, 0], [inf, 0, 1]])
    for name in names_of(dtype):
        check_total(lab, name, rows, -1, keepdims=False)


@pytest.mark.parametrize("dtype", ["float32", "int32"])
@pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "any", "all"])
def test_axes_default_to_all_and_are_dropped(lab, dtype, name):
    values = samples(dtype)["matrix"][:2, :2]
    got = getattr(lab.xp, name)(lab.array(values))
    kind = "bool" if name in ("any", "all") else lab.sum_dtype if name in ("sum", "prod") else dtype
    want = np.asarray(getattr(np, name)(values if kind != "bool" else values != 0))
    lab.check(got, narrowed(lab, want), kind, epsilons=4)


@pytest.mark.parametrize("dtype", [*INTEGERS, "bool"])
def test_mean_of_integers_is_refused(lab, dtype):
    with pytest.raises(TypeError, match=f"floating dtype, got {dtype}"):
        lab.xp.mean(lab.array([1, 0]))


@pytest.mark.parametrize("dtype", [*INTEGERS, "bool"])
def test_sums_of_integers_are_wide(lab, dtype):
    high = 1 if dtype == "bool" else np.iinfo(dtype).max >> 3
    values = np.full((2, 300), high)
    want = narrowed(lab, np.sum(values, axis=1))
    lab.check(lab.xp.sum(lab.array(values), axis=1), want, lab.sum_dtype)
    steps = narrowed(lab, np.cumsum(values, axis=1))
    lab.check(lab.xp.cumulative_sum(lab.array(values)), steps, lab.sum_dtype)


@pytest.mark.parametrize("dtype", ["int64"])
def test_products_of_integers_wrap(lab, dtype):
    values = np.array([2**40, 2**40, 3])
    lab.check(lab.xp.prod(lab.array(values)), np.prod(values))


@pytest.mark.parametrize("dtype", HALVES)
def test_halves_accumulate_in_float32(lab, dtype):
    """A running 16-bit sum of ones stops at 2048 or 256."""
    xp, ones = lab.xp, np.ones((3, 5000))
    lab.check(xp.sum(lab.array(ones), axis=1), [5000] * 3)
    lab.check(xp.sum(lab.array(ones.T), axis=0), [5000] * 3)
    lab.check(xp.sum(lab.array(ones)), 15000)
    lab.check(xp.mean(lab.array(ones), axis=1), [1] * 3)
    lab.check(xp.cumulative_sum(lab.array(ones.T), axis=0), np.cumsum(ones.T, axis=0))


@pytest.mark.parametrize("dtype", HALVES)
def test_halves_multiply_in_float32(lab, dtype):
    """Rounded at every step, this product drifts by a dozen epsilons; rounded once, by half."""
    values = np.tile([1.0 + 2.0**-7, 1.0 - 2.0**-7], (2, 40))
    lab.check(lab.xp.prod(lab.array(values), axis=1), np.prod(values, axis=1), epsilons=0.51)


@pytest.mark.parametrize("dtype", HALVES)
def test_products_pass_through_what_halves_cannot_hold(lab, dtype):
    values = np.array([2.0**15, 2.0**15, 2.0**-15, 2.0**-14])
    lab.check(lab.xp.prod(lab.array(values)), 2.0)


@pytest.mark.parametrize("dtype", ["float16"])
def test_mean_of_more_than_a_half_can_hold(lab, dtype):
    values = np.full((4, 100), 60000.0)
    lab.check(lab.xp.mean(lab.array(values), axis=1), [60000.0] * 4)
    lab.check(lab.xp.mean(lab.array(values)), 60000.0)
    lab.check(lab.xp.sum(lab.array(values), axis=1), [np.inf] * 4)


@pytest.mark.parametrize("dtype", ["int8"])
@pytest.mark.parametrize("name", ["max", "min", "any", "all"])
def test_extrema_and_truth_over_every_axis(lab, dtype, name):
    values = samples(dtype)["random"]
    kind = dtype if name in ("max", "min") else "bool"
    for axis, keepdims in AXES:
        got = getattr(lab.xp, name)(lab.array(values), axis=axis, keepdims=keepdims)
        want = values != 0 if kind == "bool" else values
        lab.check(got, total_of(want, name, axis, keepdims), kind)


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("name", ["max", "min"])
def test_extrema(lab, dtype, name):
    for sample, axis in FEW:
        values = samples(dtype)[sample]
        got = getattr(lab.xp, name)(lab.array(values), axis=axis)
        lab.check(got, total_of(values, name, axis, False))


@pytest.mark.parametrize("dtype", ["float32", "int32", "bool"])
@pytest.mark.parametrize("name", ["max", "min"])
def test_extrema_of_no_rows_at_all(lab, dtype, name):
    hollow = samples(dtype)["hollow"]
    lab.check(getattr(lab.xp, name)(lab.array(hollow), axis=0), hollow[0])


@pytest.mark.parametrize("dtype", INTEGERS)
def test_extrema_reach_the_limits(lab, dtype):
    x, info = lab.array(samples(dtype)["limits"]), np.iinfo(dtype)
    lab.check(lab.xp.max(x), info.max)
    lab.check(lab.xp.min(x), info.min)


@pytest.mark.parametrize("dtype", FLOATS)
def test_extrema_of_special_values(lab, dtype):
    nan, inf = np.nan, np.inf
    rows = np.array([[1, nan, 2], [nan, inf, 2], [-inf, 1, inf], [-inf, -inf, -inf], [2, 1, -nan]])
    lab.check(lab.xp.max(lab.array(rows), axis=-1), [nan, nan, inf, -inf, nan])
    lab.check(lab.xp.min(lab.array(rows), axis=-1), [nan, nan, -inf, -inf, nan])


@pytest.mark.parametrize("dtype", ["float32", "int8", "bool"])
@pytest.mark.parametrize("name", ["max", "min"])
@pytest.mark.parametrize("axis", [None, 1, -2, (0, 1)])
def test_extrema_over_nothing_are_refused(lab, dtype, name, axis):
    with pytest.raises(ValueError, match="size 0"):
        getattr(lab.xp, name)(lab.array(samples(dtype)["hollow"]), axis=axis)


@pytest.mark.parametrize("dtype", ALL)
def test_truth(lab, dtype):
    rows = samples(dtype)["tied"]
    rows = np.concatenate([rows, np.zeros_like(rows[:1]), np.ones_like(rows[:1])])
    lab.check(lab.xp.any(lab.array(rows), axis=-1), np.any(rows, axis=-1), "bool")
    lab.check(lab.xp.all(lab.array(rows), axis=-1), np.all(rows, axis=-1), "bool")
    hollow = samples(dtype)["hollow"]
    lab.check(lab.xp.any(lab.array(hollow), axis=1), np.zeros((2, 3), bool), "bool")
    lab.check(lab.xp.all(lab.array(hollow), axis=1), np.ones((2, 3), bool), "bool")


@pytest.mark.parametrize("dtype", FLOATS)
def test_truth_of_special_values(lab, dtype):
    """NaN is not zero, nor is a fraction; −0.0 is."""
    rows = np.array([[np.nan, 0], [-0.0, 0], [0.3, 0], [-0.3, 1], [np.inf, np.nan]])
    lab.check(lab.xp.any(lab.array(rows), axis=1), [True, False, True, True, True], "bool")
    lab.check(lab.xp.all(lab.array(rows), axis=1), [False, False, False, True, True], "bool")
    lab.check(lab.xp.any(lab.array(rows), axis=()), rows != 0, "bool")


@pytest.mark.parametrize("dtype", ALL)
def test_cumulative_sum(lab, dtype):
    for sample, axis in (("random", 1), ("row", -1), ("hollow", 1)):
        values = samples(dtype)[sample]
        want = narrowed(lab, np.cumsum(values, axis=axis))
        scale = np.cumsum(abs(values * 1), axis=axis)
        got = lab.xp.cumulative_sum(lab.array(values), axis=axis)
        lab.check(got, want, lab.sum_dtype, epsilons=8, scale=scale, signs=False)


@pytest.mark.parametrize("dtype", FLOATS)
def test_cumulative_sum_of_special_values(lab, dtype):
    nan, inf = np.nan, np.inf
    x = lab.array([[1, inf, 1, -inf, 1], [1, nan, 1, 1, 1], [-0.0, 0, 1, -inf, 1]])
    want = [[1, inf, inf, nan, nan], [1, nan, nan, nan, nan], [0, 0, 1, -inf, -inf]]
    lab.check(lab.xp.cumulative_sum(x), want, signs=False)


@pytest.mark.parametrize("dtype", ["float32", "int8"])
@pytest.mark.parametrize("name", ["sum", "mean", "prod", "max", "min", "any", "all"])
@pytest.mark.parametrize("axis", [2, -3, (0, 5)])
def test_an_axis_out_of_range_is_refused(lab, dtype, name, axis):
    with pytest.raises(TypeError if name == "mean" and dtype == "int8" else ValueError):
        getattr(lab.xp, name)(lab.array(np.ones((2, 3))), axis=axis)
