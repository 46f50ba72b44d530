"""Values of pooling that are known beforehand, gradients among them, on every framework."""

import math

import numpy as np
import pytest

from einport import ops
from einport.backends.trees import tree_map
from einport.catalog import entry
from einport.suite.inputs import draw_inputs, to_backend

pytestmark = pytest.mark.at_once

TWO_WEEKS = [71, 72, 70, 75, 71, 72, 70, 75, 80, 85, 80, 78, 72, 83]


@pytest.fixture
def floats(backend, device):
    """Arrays of float32."""
    return lambda data: backend.asarray(np.array(data, np.float32), "float32", device)


def check(backend, got, want, decimals=3):
    np.testing.assert_allclose(backend.to_numpy(got), want, atol=0.5 * 10**-decimals, rtol=0)


# --- Periods -------------------------------------------------------------------------------------


def test_mean_by_period(backend, floats):
    check(backend, ops.mean_by_period(floats(TWO_WEEKS), 7), [71.571, 79.0])


def test_subtract_period_mean(backend, floats):
    want = [-0.571, 0.429, -1.571, 3.429, -0.571, 0.429, -1.571, -4, 1, 6, 1, -1, -7, 4]
    check(backend, ops.subtract_period_mean(floats(TWO_WEEKS), 7), want)


def test_standardize_by_period(backend, floats):
    first = [-0.333, 0.249, -0.915, 1.995, -0.333, 0.249, -0.915]
    second = [-0.894, 0.224, 1.342, 0.224, -0.224, -1.565, 0.894]
    check(backend, ops.standardize_by_period(floats(TWO_WEEKS), 7), first + second)


def test_the_populations_deviation(backend, floats):
    with np.errstate(all="ignore"):
        got = ops.standardize_by_period(floats([1, 3, 5, 5]), 2, correction=0)
    check(backend, got, [-1, 1, math.nan, math.nan], decimals=6)


@pytest.mark.parametrize("value", [1.1, -0.7, 1e-3, 3e7])
@pytest.mark.parametrize("period", [3, 7, 1000])
def test_equal_values_have_no_score(backend, floats, value, period):
    """Whatever rounding there is in their mean."""
    with np.errstate(all="ignore"):
        got = ops.standardize_by_period(floats([value] * period + list(range(period))), period)
    assert np.isnan(backend.to_numpy(got)).tolist() == [True] * period + [False] * period


def test_a_period_of_another_integer_type(backend, floats):
    seven = np.int64(7)
    check(backend, ops.mean_by_period(floats(TWO_WEEKS), seven), [71.571, 79.0])
    with pytest.raises(ValueError, match="greater than the correction, 7, got 7"):
        ops.standardize_by_period(floats(TWO_WEEKS), seven, correction=7)


# --- Windows -------------------------------------------------------------------------------------

LEAST = {
    "float32": -math.inf,
    "float16": -math.inf,
    "int32": -(2**31),
    "int16": -(2**15),
    "int8": -(2**7),
    "uint8": 0,
    "bool": False,
}


@pytest.mark.parametrize("dtype", LEAST)
def test_a_window_of_padding_alone_holds_the_least(backend, device, dtype):
    """The catalog says so for floats and int64."""
    x = backend.asarray(np.ones((1, 2, 1, 1)), dtype, device)
    got = ops.max_pool(x, 2, padding=1, dilation=2)
    assert backend.dtype(got) == dtype
    assert backend.to_numpy(got).tolist() == [[[[LEAST[dtype]]], [[LEAST[dtype]]]]]


@pytest.mark.parametrize("padding", [1, "same"])
def test_padding_does_not_count(backend, floats, padding):
    x = floats(np.ones((1, 5, 5)))
    got = ops.average_pool(x, 3, stride=2, padding=padding)
    assert backend.to_numpy(got).tolist() == np.ones((1, 3, 3)).tolist()
    low = ops.max_pool(-x, 3, stride=2, padding=padding)
    assert backend.to_numpy(low).tolist() == (-np.ones((1, 3, 3))).tolist()


def test_same_has_a_window_for_each_stride_begun(backend, floats):
    """A 5 × 5 picture in windows of 2: two by two without padding, three by three with it."""
    x = floats(np.arange(25).reshape(1, 5, 5))
    assert backend.to_numpy(ops.average_pool(x, 2)).tolist() == [[[3, 5], [13, 15]]]
    want = [[[3, 5, 6.5], [13, 15, 16.5], [20.5, 22.5, 24]]]
    assert backend.to_numpy(ops.average_pool(x, 2, padding="same")).tolist() == want
    want = [[[6, 8, 9], [16, 18, 19], [21, 23, 24]]]
    assert backend.to_numpy(ops.max_pool(x, 2, padding="same")).tolist() == want


def test_complex_pictures_are_refused(backend, device):
    x = backend.asarray(np.zeros((1, 2, 2), np.complex64), "complex64", device)
    with pytest.raises(TypeError, match="max_pool: x must hold real numbers, got complex64"):
        ops.max_pool(x, 2)
    with pytest.raises(TypeError, match="average_pool: x must have a floating dtype, got complex6"):
        ops.average_pool(x, 2)


# --- 16 bits -------------------------------------------------------------------------------------

ROUNDED = (
    "average_pool",
    "max_pool",
    "mean_by_period",
    "subtract_period_mean",
    "standardize_by_period",
)


@pytest.mark.parametrize("name", ROUNDED)
def test_16_bits_are_rounded_once(backend, device, everything, name):
    """The same as from float32, rounded: the suite's bounds are relative to more than a result."""
    one = entry(name)

    def widen(leaf):
        return backend.widen(leaf) if backend.owns(leaf) else leaf

    compared = 0
    for case in one.cases[:9]:
        if compared >= 40 and not everything:
            break
        for dtype in {"float16", "bfloat16"}.intersection(one.dtypes_of(case)):
            args, kwargs = given = to_backend(backend, draw_inputs(case, dtype, name), device)
            wide_args, _ = tree_map(widen, given)
            with np.errstate(all="ignore"):
                got = one.op(*args, **kwargs)
                want = backend.astype(one.op(*wide_args, **kwargs), dtype)
            assert backend.dtype(got) == dtype
            got, want = backend.to_numpy(got), backend.to_numpy(want)
            np.testing.assert_array_equal(got, want, f"{case.name}, {dtype}")
            compared += want.size
    assert compared >= 40


# --- gradients -----------------------------------------------------------------------------------

PICTURE = [[[1.0, 5.0, 3.0], [4.0, 2.0, 6.0], [9.0, 7.0, 8.0]]]

GRADIENTS = {
    "average_pool": (
        lambda x: ops.average_pool(x, 2),
        PICTURE,
        [[[0.25] * 2 + [0]] * 2 + [[0] * 3]],
    ),
    # The windows have 1, 2, 2 and 4 cells: an eighth would say that the padding counts.
    "average_pool, padded": (
        lambda x: ops.average_pool(x, 2, stride=2, padding=1),
        PICTURE,
        [[[1, 0.5, 0.5], [0.5, 0.25, 0.25], [0.5, 0.25, 0.25]]],
    ),
    "average_pool, overlapping": (
        lambda x: ops.average_pool(x, 2, stride=1),
        PICTURE,
        [[[0.25, 0.5, 0.25], [0.5, 1, 0.5], [0.25, 0.5, 0.25]]],
    ),
    "max_pool": (lambda x: ops.max_pool(x, 2), PICTURE, [[[0, 1, 0], [0] * 3, [0] * 3]]),
    "max_pool, padded and overlapping": (
        lambda x: ops.max_pool(x, 3, stride=1, padding=1),
        PICTURE,
        [[[0, 1, 0], [0, 0, 2], [4, 0, 2]]],
    ),
    "max_pool, dilated": (
        lambda x: ops.max_pool(x, 2, dilation=2),
        PICTURE,
        [[[0, 0, 0], [0, 0, 0], [1, 0, 0]]],
    ),
    "max_pool, the whole picture": (
        lambda x: ops.max_pool(x, 3),
        PICTURE,
        [[[0, 0, 0], [0, 0, 0], [1, 0, 0]]],
    ),
    "max_pool, stepping over the picture": (
        lambda x: ops.max_pool(x, 2, padding=1, dilation=2),
        [[[3.0]]],
        [[[0.0]]],
    ),
    "mean_by_period": (lambda x: ops.mean_by_period(x, 2), [1.0, 2.0, 3.0, 4.0], [0.5] * 4),
    "subtract_period_mean": (
        lambda x: ops.subtract_period_mean(x, 2)[1:],
        [1.0, 2.0, 3.0, 4.0],
        [-0.5, 0.5, 0.0, 0.0],
    ),
    # A score of two values is ±√½ whatever they are, but for the first of three it is not.
    "standardize_by_period": (
        lambda x: ops.standardize_by_period(x, 3)[:1],
        [0.0, 1.0, 5.0, 2.0, 2.0, 2.0],
        None,
    ),
}


def first_score(x):
    return (x[0] - x[:3].mean()) / x[:3].std(ddof=1)


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(backend, floats, name):
    op, x, want = GRADIENTS[name]
    if backend.name == "numpy":
        assert any("gradient" in gap.mode for gap in backend.gaps)
        return
    if want is None:  # by differences; the period of equal values has no say in the others
        steps = np.eye(6)[:3] * 1e-6
        wanted = [(first_score(x + step) - first_score(x - step)) / 2e-6 for step in steps]
    _, gradient = backend.value_and_grad(lambda x: backend.sum(op(x)))(floats(x))
    gradient = backend.to_numpy(gradient)
    if want is None:
        want, gradient = wanted, gradient[:3]
    np.testing.assert_allclose(gradient, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("padding", [0, 1])
def test_equal_values_share_no_more_than_one(backend, floats, padding):
    """How they share it is the framework's affair; how much there is to share is not."""
    if backend.name == "numpy":
        assert any("gradient" in gap.mode for gap in backend.gaps)
        return
    run = backend.value_and_grad(lambda x: backend.sum(ops.max_pool(x, 2, padding=padding)))
    value, gradient = run(floats(np.ones((1, 4, 4))))
    gradient = backend.to_numpy(gradient)
    assert (gradient >= 0).all()
    assert gradient.sum() == float(value) == (4 if padding == 0 else 9)
