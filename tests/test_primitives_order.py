"""Sorting, searching, indexing and adding up by segment, against NumPy in a wide dtype."""

import numpy as np
import pytest
from lab import ALL, FLOATS, HALVES, INTEGERS, NUMBERS, samples

pytestmark = pytest.mark.sampled


def sorting(values, axis=-1, descending=False):
    """The indices that sort, from the definition: by value, NaN last, then by index."""

    def one(row):
        items = row.tolist()  # Python's numbers, which do not wrap when they change sign

        def key(i):
            if np.isnan(items[i]):
                return (1, 0, i)
            return (0, -items[i] if descending else items[i], i)

        return np.array(sorted(range(len(row)), key=key), np.int64)

    return np.apply_along_axis(one, axis, values) if values.size else values.astype(np.int64)


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("descending", [False, True])
def test_argsort(lab, dtype, descending):
    found = samples(dtype)
    extra = "special" if "float" in dtype else "limits" if dtype != "bool" else "row"
    for sample, axis in (("random", 1), ("tied", -1), (extra, 0)):
        got = lab.xp.argsort(lab.array(found[sample]), axis=axis, descending=descending)
        lab.check(got, sorting(found[sample], axis, descending), lab.index_dtype)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "int8", "int64", "uint8"])
@pytest.mark.parametrize("descending", [False, True])
def test_argsort_is_stable(lab, dtype, descending):
    """Eight values among 100,000 keys: sorts that keep no order show it here."""
    keys = np.random.default_rng(1).integers(0, 8, 100_000)
    want = np.argsort(-keys if descending else keys, kind="stable")
    got = lab.xp.argsort(lab.array(keys), descending=descending)
    lab.check(got, want, lab.index_dtype)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("descending", [False, True])
def test_argsort_ties_zeros_and_puts_nan_last(lab, dtype, descending):
    nan, inf = np.nan, np.inf
    x = lab.array([[0.0, -0.0, 0.0, nan, -0.0], [nan, inf, -nan, -inf, nan]])
    want = [[0, 1, 2, 4, 3], [1, 3, 0, 2, 4] if descending else [3, 1, 0, 2, 4]]
    lab.check(lab.xp.argsort(x, descending=descending), want, lab.index_dtype)


@pytest.mark.parametrize("dtype", ALL)
def test_argmax(lab, dtype):
    found = samples(dtype)
    for sample, axis in (("random", 1), ("tied", -1), ("equal", -2)):
        got = lab.xp.argmax(lab.array(found[sample]), axis=axis)
        lab.check(got, np.argmax(found[sample], axis=axis), lab.index_dtype)
    got = lab.xp.argmax(lab.array(found["hollow"]), axis=0)
    lab.check(got, np.zeros((0, 3), np.int64), lab.index_dtype)


@pytest.mark.parametrize("dtype", FLOATS)
def test_argmax_of_special_values(lab, dtype):
    nan, inf = np.nan, np.inf
    rows = [[1, nan, inf, nan], [-0.0, 0.0, -0.0, 0.0], [-inf] * 4, [-inf, inf, 1, inf], [nan] * 4]
    lab.check(lab.xp.argmax(lab.array(rows)), [1, 0, 0, 1, 0], lab.index_dtype)


@pytest.mark.parametrize("dtype", ["float32", "int8", "bool"])
def test_argmax_over_nothing_is_refused(lab, dtype):
    with pytest.raises(ValueError, match="size 0"):
        lab.xp.argmax(lab.array(samples(dtype)["hollow"]), axis=1)
    with pytest.raises(ValueError, match="out of range"):
        lab.xp.argmax(lab.array(samples(dtype)["row"]), axis=1)


@pytest.mark.parametrize("dtype", ALL)
def test_top_k(lab, dtype):
    found = samples(dtype)
    extra = "special" if "float" in dtype else "limits" if dtype != "bool" else "row"
    for sample, k in (("random", 2), ("tied", 6), (extra, 0)):
        want = sorting(found[sample], -1, descending=True)[..., :k]
        values, indices = lab.xp.top_k(lab.array(found[sample]), k)
        lab.check(indices, want, lab.index_dtype)
        lab.check(values, np.take_along_axis(found[sample], want, -1))


@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_top_k_refuses_what_does_not_fit(lab, dtype):
    for k in (-1, 7):
        with pytest.raises(ValueError, match=f"k = {k}"):
            lab.xp.top_k(lab.array(samples(dtype)["tied"]), k)
    with pytest.raises(ValueError, match="at least one axis"):
        lab.xp.top_k(lab.array(samples(dtype)["scalar"]), 1)


TAKEN = ((0, [2, 0, -1]), (-1, [[-5, 4], [0, 1]]), (1, 3), (-2, []))
TAKEN_ALONG = ((0, 2), (1, 6), (-1, 1), (-2, 0))


def check_take(lab, axis, indices):
    values, indices = samples(lab.dtype)["random"], np.array(indices, np.int64)
    got = lab.xp.take(lab.array(values), lab.array(indices, lab.index_dtype), axis=axis)
    lab.check(got, np.take(values, indices, axis=axis))


def check_take_along_axis(lab, axis, count):
    values = samples(lab.dtype)["random"]
    shape = list(values.shape)
    size, shape[axis] = shape[axis], count
    indices = np.random.default_rng(3).integers(-size, size, shape)
    x, where = lab.array(values), lab.array(indices, lab.index_dtype)
    got = lab.xp.take_along_axis(x, where, axis=axis)
    lab.check(got, np.take_along_axis(values, indices, axis=axis))


@pytest.mark.parametrize("dtype", ALL)
def test_take(lab, dtype):
    check_take(lab, *TAKEN[1])
    check_take_along_axis(lab, *TAKEN_ALONG[1])


@pytest.mark.parametrize("dtype", ["float32"])
def test_take_along_every_axis(lab, dtype):
    for axis, indices in TAKEN:
        check_take(lab, axis, indices)
    for axis, count in TAKEN_ALONG:
        check_take_along_axis(lab, axis, count)


@pytest.mark.parametrize("dtype", ["float32"])
@pytest.mark.parametrize("kind", INTEGERS)
def test_indices_of_any_integer_dtype(lab, dtype, kind):
    kind = "int32" if kind == "int64" and lab.index_dtype == "int32" else kind
    values, indices = samples(dtype)["matrix"], np.array([3, 0, 1])
    x, where = lab.array(values), lab.array(indices, kind)
    lab.check(lab.xp.take(x, where, axis=0), values[indices])
    both = np.stack([indices] * 5, axis=1)
    got = lab.xp.take_along_axis(x, lab.array(both, kind), axis=0)
    lab.check(got, np.take_along_axis(values, both, axis=0))
    got = lab.xp.segment_sum(x, lab.array([3, 0, 1, 0], kind), 4)
    want = [values[1] + values[3], values[2], values[0] * 0, values[0]]
    lab.check(got, want, lab.sum_dtype, epsilons=2, scale=abs(values).max())


@pytest.mark.parametrize("bad", [4, -5, 2**31 - 1])
def test_an_index_out_of_range_is_refused(lab, bad):
    x = lab.array(np.ones((4, 3)))
    index = lab.array([0, bad], "int32")
    with pytest.raises(IndexError, match=f"{bad} is out of range for size 4"):
        lab.xp.take(x, index, axis=0)
    index = lab.array([[0, 0, 0], [0, 0, bad]], "int32")
    with pytest.raises(IndexError, match=f"{bad} is out of range for size 4"):
        lab.xp.take_along_axis(x, index, axis=0)


@pytest.mark.parametrize("bad", [2, -1, -2])
def test_a_segment_out_of_range_is_refused(lab, bad):
    x, ids = lab.array(np.ones((3, 2))), lab.array([0, bad, 1], "int32")
    with pytest.raises(IndexError, match=f"{bad} is out of range for size 2"):
        lab.xp.segment_sum(x, ids, 2)


def test_an_index_into_nothing_is_refused(lab):
    with pytest.raises(IndexError, match="size 0"):
        lab.xp.take(lab.array(np.ones((2, 0))), lab.array([0], "int32"), axis=1)


@pytest.mark.parametrize("kind", ["float32", "bool"])
def test_indices_must_be_integers(lab, kind):
    x, index = lab.array(np.ones((2, 2))), lab.array(np.zeros((2, 2)), kind)
    calls = (
        lambda: lab.xp.take(x, index, axis=0),
        lambda: lab.xp.take_along_axis(x, index, axis=0),
        lambda: lab.xp.segment_sum(x, lab.array([0, 1], kind), 2),
    )
    for call in calls:
        with pytest.raises(TypeError, match=f"integers, got {kind}"):
            call()


def test_take_along_axis_walks_equal_axes_only(lab):
    """PyTorch would cut the longer axis short, NumPy and JAX would stretch one of size 1."""
    x = lab.array(np.ones((4, 3)))
    for shape in ((2, 2), (2, 1), (2, 4)):
        with pytest.raises(ValueError, match="take_along_axis"):
            lab.xp.take_along_axis(x, lab.array(np.zeros(shape), "int32"), axis=0)
    with pytest.raises(ValueError, match="take_along_axis"):
        lab.xp.take_along_axis(x, lab.array([0], "int32"), axis=0)


@pytest.mark.parametrize("dtype", ALL)
def test_segment_sum(lab, dtype):
    values = samples(dtype)["random"]
    want = np.stack([values[1] * 1, values[0] * 0, values[0] * 1 + values[2]])
    want = want.astype(np.int32) if lab.sum_dtype == "int32" else want
    got = lab.xp.segment_sum(lab.array(values), lab.array([2, 0, 2], "int32"), 3)
    lab.check(got, want, lab.sum_dtype, epsilons=2, scale=abs(values * 1).max() * 2)
    rows = lab.array(samples(dtype)["hollow"])
    lab.check(
        lab.xp.segment_sum(rows, lab.array([1, 1], "int32"), 2),
        values[:2, :0, :3] * 1,
        lab.sum_dtype,
    )


@pytest.mark.parametrize("dtype", NUMBERS)
def test_segment_sum_of_nothing(lab, dtype):
    none = lab.array(np.zeros(0), "int32")
    got = lab.xp.segment_sum(lab.array(np.zeros((0, 2))), none, 3)
    lab.check(got, np.zeros((3, 2), np.float64 if "float" in dtype else np.int64), lab.sum_dtype)
    got = lab.xp.segment_sum(lab.array(np.zeros(0)), none, 0)
    lab.check(got, np.zeros(0, np.float64 if "float" in dtype else np.int64), lab.sum_dtype)


@pytest.mark.parametrize("dtype", HALVES)
def test_segments_of_halves_accumulate_in_float32(lab, dtype):
    ids = lab.array(np.arange(10_000) % 2, "int32")
    got = lab.xp.segment_sum(lab.array(np.ones((10_000, 2))), ids, 2)
    lab.check(got, np.full((2, 2), 5000.0))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "bool"])
def test_segments_of_small_integers_are_wide(lab, dtype):
    high = 1 if dtype == "bool" else np.iinfo(dtype).max
    got = lab.xp.segment_sum(lab.array([high] * 1000), lab.array([0] * 1000, "int32"), 1)
    lab.check(got, [high * 1000], lab.sum_dtype)


@pytest.mark.parametrize("dtype", FLOATS)
def test_segments_keep_special_values_apart(lab, dtype):
    nan, inf = np.nan, np.inf
    x, ids = lab.array([1, nan, inf, -inf, inf, 2]), lab.array([0, 1, 2, 3, 3, 0], "int32")
    lab.check(lab.xp.segment_sum(x, ids, 5), [3, nan, inf, nan, 0])
