"""Elementwise functions, joining and padding, against NumPy in a wide dtype."""

import numpy as np
import pytest
from lab import ALL, FLOATS, INTEGERS, NUMBERS, elements, plain, samples

pytestmark = pytest.mark.sampled

LAYOUTS = ("random", "row", "hollow")
"""Samples enough where values are only moved about: JAX compiles each shape anew."""


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", ["exp", "log", "sqrt", "tanh"])
def test_function(lab, dtype, name):
    for values in elements(dtype):
        with np.errstate(all="ignore"):
            want = getattr(np, name)(values)
        got = getattr(lab.xp, name)(lab.array(values))
        lab.check(got, want, epsilons=4)


@pytest.mark.parametrize("dtype", FLOATS)
def test_functions_keep_infinities_and_zeros(lab, dtype):
    x = lab.array([0.0, -0.0, np.inf, -np.inf, np.nan])
    nan, inf = np.nan, np.inf
    lab.check(lab.xp.exp(x), [1, 1, inf, 0, nan])
    lab.check(lab.xp.log(x), [-inf, -inf, inf, nan, nan])
    lab.check(lab.xp.sqrt(x), [0.0, -0.0, inf, nan, nan])
    lab.check(lab.xp.tanh(x), [0.0, -0.0, 1, -1, nan])
    lab.check(lab.xp.log(lab.array([-1.0])), [nan])
    lab.check(lab.xp.sqrt(lab.array([-1.0])), [nan])


@pytest.mark.parametrize("dtype", ALL)
def test_isnan(lab, dtype):
    for values in elements(dtype):
        lab.check(lab.xp.isnan(lab.array(values)), np.isnan(values), "bool")


@pytest.mark.parametrize("dtype", ALL)
def test_maximum(lab, dtype):
    for values in elements(dtype):
        other = np.roll(values, 1)
        got = lab.xp.maximum(lab.array(values), lab.array(other))
        lab.check(got, np.maximum(values, other), signs=False)


@pytest.mark.parametrize("dtype", ALL)
def test_maximum_broadcasts(lab, dtype):
    a, b = samples(dtype)["random"][:, :1], samples(dtype)["random"][0]
    lab.check(lab.xp.maximum(lab.array(a), lab.array(b)), np.maximum(a, b))


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("scalar", [0, 1.0, True])
def test_maximum_with_a_scalar_keeps_the_dtype(lab, dtype, scalar):
    values = elements(dtype)[0]
    got = lab.xp.maximum(lab.array(values), scalar)
    lab.check(got, np.maximum(values, plain(scalar, dtype)), signs=False)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("scalar", [np.nan, np.inf, -np.inf, 0.1])
def test_maximum_with_a_special_scalar(lab, dtype, scalar):
    values = elements(dtype)[0]
    got = lab.xp.maximum(lab.array(values), float(scalar))
    lab.check(got, np.maximum(values, plain(scalar, dtype)))


@pytest.mark.parametrize("dtype", ALL)
def test_where(lab, dtype):
    for values in elements(dtype):
        other = np.roll(values, 1)
        mask = np.arange(values.size).reshape(values.shape) % 3 == 0
        got = lab.xp.where(lab.array(mask, "bool"), lab.array(values), lab.array(other))
        lab.check(got, np.where(mask, values, other))


@pytest.mark.parametrize("dtype", ALL)
def test_where_broadcasts(lab, dtype):
    values = samples(dtype)["random"]
    mask = np.array([[True], [False], [True], [False]])
    x, y = lab.array(values[0, 0]), lab.array(values[:, :, :1])
    got = lab.xp.where(lab.array(mask, "bool"), x, y)
    lab.check(got, np.where(mask, values[0, 0], values[:, :, :1]))


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("scalar", [0, 0.0, True])
def test_where_with_a_scalar_keeps_the_dtype(lab, dtype, scalar):
    values = elements(dtype)[0]
    mask = np.arange(values.size).reshape(values.shape) % 2 == 0
    x, condition = lab.array(values), lab.array(mask, "bool")
    lab.check(lab.xp.where(condition, x, scalar), np.where(mask, values, plain(scalar, dtype)))
    lab.check(lab.xp.where(condition, scalar, x), np.where(mask, plain(scalar, dtype), values))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("scalar", [np.nan, np.inf, -np.inf, -0.0, 0.1])
def test_where_with_a_special_scalar(lab, dtype, scalar):
    values = samples(dtype)["special"]
    mask = np.arange(values.size) % 2 == 0
    got = lab.xp.where(lab.array(mask, "bool"), lab.array(values), float(scalar))
    lab.check(got, np.where(mask, values, plain(scalar, dtype)))


@pytest.mark.parametrize("dtype", ALL)
def test_concat(lab, dtype):
    values = samples(dtype)["random"]
    for axis in (0, -1, -2):
        parts = [values, np.delete(values, slice(None), axis), values[..., ::-1]]
        got = lab.xp.concat([lab.array(part) for part in parts], axis=axis)
        lab.check(got, np.concatenate(parts, axis=axis))
    lab.check(lab.xp.concat([lab.array(values)], axis=1), values)


def test_concat_joins_the_first_axis_by_default(lab):
    a, b = np.ones((2, 3)), np.zeros((1, 3))
    lab.check(lab.xp.concat((lab.array(a), lab.array(b))), np.concatenate([a, b]))


@pytest.mark.parametrize("dtype", ALL)
def test_pad(lab, dtype):
    for name in LAYOUTS:
        values = samples(dtype)[name]
        pairs = [(1, 2), (0, 0), (0, 3)][: values.ndim]
        lab.check(lab.xp.pad(lab.array(values), pairs), np.pad(values, pairs))


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("value", [1, True, 1.0, False])
def test_pad_with_a_value(lab, dtype, value):
    values = samples(dtype)["matrix"]
    got = lab.xp.pad(lab.array(values), ((2, 1), (0, 1)), value=value)
    lab.check(got, np.pad(values, ((2, 1), (0, 1)), constant_values=plain(value, dtype)))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -0.0, 0.1])
def test_pad_with_a_special_value(lab, dtype, value):
    values = samples(dtype)["special"]
    got = lab.xp.pad(lab.array(values), [(1, 2)], value=float(value))
    lab.check(got, np.pad(values, [(1, 2)], constant_values=plain(value, dtype)))


@pytest.mark.parametrize("dtype", INTEGERS)
def test_pad_with_an_integer_of_its_range(lab, dtype):
    values = samples(dtype)["row"]
    for value in (int(np.iinfo(dtype).max), int(np.iinfo(dtype).min)):
        got = lab.xp.pad(lab.array(values), [(1, 2)], value=value)
        lab.check(got, np.pad(values, [(1, 2)], constant_values=value))


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize("stop", [0, 1, 7])
def test_arange(lab, dtype, stop):
    lab.check(lab.xp.arange(stop, like=lab.array([1])), np.arange(stop), lab.index_dtype)
    assert lab.xp.index_dtype == lab.index_dtype
