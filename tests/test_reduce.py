"""What `reduce` promises beside its entry: the width of integer sums, and where frameworks part."""

import einops
import numpy as np
import pytest
from einops import EinopsError
from lab import ALL

from einport import ops

WHOLE = {"sum": np.sum, "prod": np.prod}


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "bool"])
@pytest.mark.parametrize("reduction", WHOLE)
def test_integers_add_up_in_wide_integers(lab, dtype, reduction):
    values = np.array([[1, 100, 1], [100, 1, 27]]).astype(dtype)
    got = ops.reduce(lab.array(values, dtype), "a b -> a", reduction)
    want = WHOLE[reduction](values.astype(np.int64), axis=1)
    lab.check(got, want, lab.index_dtype)


# Axes are dropped, or are not there, or have one element, or none: the dtype is the reduction's.
DROPPING = (((2, 3), "a b -> b"), ((), "->"), ((2, 1), "a 1 -> a"), ((0, 3), "a b -> b a"))


@pytest.mark.sampled
@pytest.mark.parametrize("dtype", ALL)
def test_the_dtype_of_a_reduction_does_not_depend_on_the_axes_dropped(lab, dtype):
    kinds = {"sum": lab.sum_dtype, "prod": lab.sum_dtype, "max": dtype, "min": dtype}
    kinds |= {"any": "bool", "all": "bool"} | ({"mean": dtype} if "float" in dtype else {})
    for shape, pattern in DROPPING:
        for reduction, kind in kinds.items():
            got = ops.reduce(lab.array(np.ones(shape)), pattern, reduction)
            want = einops.reduce(np.ones(shape), pattern, reduction)
            lab.check(got, want.astype(bool if kind == "bool" else "int64"), kind)


@pytest.mark.parametrize("dtype", ["uint16", "uint32", "uint64"])
def test_wide_unsigned_integers_are_reduced_as_any_others(lab, dtype):
    if dtype == "uint64" and lab.xp.index_dtype == "int32":  # JAX's, without 64 bits
        dtype = "uint32"
    top = np.iinfo(dtype).max
    values = np.array([[top, 0, top // 2 + 1], [1, top // 2, 1]], dtype)
    kind = "uint64" if dtype == "uint64" else lab.xp.index_dtype
    with np.errstate(over="ignore"):
        wanted = {name: (fn(values, axis=1).astype(kind), kind) for name, fn in WHOLE.items()}
    wanted |= {name: (getattr(values, name)(axis=1), dtype) for name in ("max", "min")}
    for reduction, (want, result) in wanted.items():
        got = ops.reduce(lab.xp.asarray(values, dtype, lab.device), "a b -> a", reduction)
        assert lab.xp.dtype(got) == result
        np.testing.assert_array_equal(lab.xp.to_numpy(got), want)


@pytest.mark.parametrize("reduction", ["max", "min"])
def test_complex_numbers_have_no_order(lab, reduction):
    x = lab.xp.asarray(np.ones((2, 3), "complex64"), "complex64", lab.device)
    words = f"reduce: the {reduction} needs real numbers, got complex64"
    with pytest.raises(NotImplementedError, match=words):
        ops.reduce(x, "a b -> a", reduction)


@pytest.mark.parametrize("reduction", ["max", "min"])
def test_an_extremum_over_nothing_is_refused(lab, reduction):
    words = rf"{reduction} over axis 1 of size 0 has no value \(shape \(2, 0\)\)"
    with pytest.raises(ValueError, match=words):
        ops.reduce(lab.array(np.zeros((2, 0))), "a b -> a", reduction)


def test_a_list_is_stacked(lab):
    rows = [lab.array(np.array([1.0, 2.0])), lab.array(np.array([3.0, 6.0]))]
    lab.check(ops.reduce(rows, "a b -> b", "mean"), np.array([2.0, 4.0]))
    with pytest.raises(NotImplementedError, match="the mean needs a floating dtype, got int32"):
        ops.reduce([lab.array([1, 2], "int32")], "a b -> b", "mean")


def test_a_function_reduces_too(lab):
    x = lab.array(np.arange(6.0).reshape(2, 3))
    got = ops.reduce(x, "a b -> b", lambda part, axes: lab.xp.sum(part, axis=axes))
    lab.check(got, np.array([3.0, 5.0, 7.0]))
    whole = ops.reduce(x, "a b ->", lambda part, axes: lab.xp.sum(part, axis=axes))
    lab.check(whole, np.array(15.0))
    assert lab.xp.owns(whole)


PATTERNS = (
    "a (b 2) (c 3) -> c a b",
    "a (b 1 2) 6 -> b",
    "(unnamed0 2) (unnamedd b 2) c -> b unnamed0",
    "... c -> c",
    "... c -> ...",
    "a ... -> 1 a ()",
    "a b c -> (c a)",
    "a b c -> b c a",
    "2 4 6 ->",
)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_means_what_it_means_to_einops(lab, pattern):
    values = np.arange(48.0).reshape(2, 4, 6)
    lengths = {"unnamedd": 2} if "unnamedd" in pattern else {}
    got = ops.reduce(lab.array(values), pattern, "max", **lengths)
    lab.check(got, einops.reduce(values, pattern, "max", **lengths))


WRONG = (
    "a b c -> a d",
    "a b c -> a a",
    "a b c -> a 2",
    "a b -> a",
    "a b 0 -> a",
    "a b (c 4) -> a",
    "(... b) c -> c",
    "a b c -> (a",
)


@pytest.mark.parametrize("pattern", WRONG)
def test_a_wrong_pattern_is_refused_in_einops_words(lab, pattern):
    with pytest.raises(EinopsError) as own:
        ops.reduce(lab.array(np.zeros((2, 4, 6))), pattern, "max")
    with pytest.raises(EinopsError) as right:
        einops.reduce(np.zeros((2, 4, 6)), pattern, "max")
    said = str(right.value).replace("(2, 4, 6)", "torch.Size([2, 4, 6])")
    assert str(own.value) in (str(right.value), said)


def test_a_length_of_no_axis_in_the_pattern_is_refused(lab):
    with pytest.raises(EinopsError, match="unnamed0 is not used"):
        ops.reduce(lab.array(np.zeros((4, 3))), "(a 2) b -> a", "max", unnamed0=2)


def test_messages_name_the_reduction_and_the_pattern(lab):
    x = lab.array(np.zeros((2, 3)))
    with pytest.raises(EinopsError, match='max-reduction pattern "a b c -> a"'):
        ops.reduce(x, "a b c -> a", "max")
    with pytest.raises(
        EinopsError, match=r"reduction must be a function or one of .*, got 'median'"
    ):
        ops.reduce(x, "a b -> a", "median")
    with pytest.raises(TypeError, match=r"tensor must be an array of .*, got a str"):
        ops.reduce("text", "a b -> a", "max")
