"""Arrays in and out: making, copying, converting, and what an array says of itself."""

import ml_dtypes
import numpy as np
import pytest
from lab import ALL, FLOATS, INTEGERS, WIDE, plain, samples, storage

pytestmark = pytest.mark.sampled

UNKNOWN = ("float", "int", "f4", "double", "object", "str", "nonsense", "")


@pytest.mark.parametrize("dtype", ALL)
def test_a_numpy_array_keeps_its_dtype(lab, dtype):
    for values in samples(dtype).values():
        lab.check(lab.xp.asarray(values.astype(storage(dtype)), device=lab.device), values)


@pytest.mark.parametrize("dtype", ALL)
def test_there_and_back(lab, dtype):
    for values in samples(dtype).values():
        lab.check(lab.array(values), values)


@pytest.mark.parametrize("dtype", ALL)
def test_lists_and_scalars_in_a_dtype(lab, dtype):
    lab.check(lab.xp.asarray([[1, 0], [1, 1]], dtype, lab.device), [[1, 0], [1, 1]])
    lab.check(lab.xp.asarray([1.0, 0.0], dtype, lab.device), [1, 0])
    lab.check(lab.xp.asarray(True, dtype, lab.device), 1)
    lab.check(lab.xp.asarray([], dtype, lab.device), plain([], dtype))


def test_lists_without_a_dtype(lab):
    xp, default = lab.xp, lab.xp.default_float
    assert default == ("float64" if xp.name == "numpy" else "float32")
    lab.check(xp.asarray([0.5, 1.5], device=lab.device), [0.5, 1.5], default)
    lab.check(xp.asarray(0.1, device=lab.device), 0.1, default, epsilons=1)
    lab.check(xp.asarray([True, False], device=lab.device), [True, False], "bool")
    numbers = xp.asarray([[1, 2]], device=lab.device)
    assert xp.dtype(numbers) in ("int32", "int64")
    lab.check(numbers, [[1, 2]], xp.dtype(numbers))


@pytest.mark.parametrize("dtype", FLOATS)
def test_values_are_rounded_to_nearest(lab, dtype):
    values = [0.1, -1 / 3, 65504.0, 1e6, 1 + 2.0**-8, 1 + 3 * 2.0**-8]
    lab.check(lab.xp.asarray(values, dtype, lab.device), plain(values, dtype))
    lab.check(lab.xp.asarray(np.array(values), dtype, lab.device), plain(values, dtype))


@pytest.mark.parametrize("dtype", ALL)
def test_asarray_shares_no_memory(lab, dtype):
    given = np.ones((64, 64), storage(dtype))  # large and aligned, as some would share it
    made = lab.xp.asarray(given, device=lab.device)
    again = lab.xp.asarray(given, dtype, lab.device)
    given[:] = 0
    lab.check(made, plain(np.ones((64, 64)), dtype))
    lab.check(again, plain(np.ones((64, 64)), dtype))


def test_an_array_of_numpy_is_not_compiled_for(lab):
    """JAX's own `jnp.array` compiles a conversion for each new shape."""
    if lab.xp.name != "jax":
        assert not lab.xp.compiles_eagerly
        return
    import jax

    seen = []

    def listen(event, seconds, **kwargs):
        seen.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        for dtype in ("float32", "bfloat16", "int8", "bool"):
            lab.xp.asarray(np.ones((3, 7, 13)), dtype, lab.device)
        assert not seen
        jax.numpy.array(np.ones((3, 7, 13), np.float32))
        assert seen
    finally:
        if hasattr(jax.monitoring, "unregister_event_duration_listener"):  # JAX 0.6 has none
            jax.monitoring.unregister_event_duration_listener(listen)


@pytest.mark.parametrize("dtype", ALL)
def test_to_numpy_is_a_fresh_writable_copy(lab, dtype):
    made = lab.array(np.ones((8, 8)))
    first = lab.xp.to_numpy(made)
    assert type(first) is np.ndarray
    assert first.flags.writeable
    first[:] = 0
    lab.check(made, plain(np.ones((8, 8)), dtype))


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_dtype_is_refused(lab, name):
    with pytest.raises(TypeError, match=f"no dtype '{name}'"):
        lab.xp.asarray([1, 2], name, lab.device)
    with pytest.raises(TypeError, match=f"no dtype '{name}'"):
        lab.xp.astype(lab.array([1, 2]), name)


@pytest.mark.parametrize("name", ["nonsense", "cpu:77", "meta", ""])
def test_an_unknown_device_is_refused(lab, name):
    with pytest.raises(ValueError, match=f"no device '{name}'"):
        lab.xp.asarray([1.0], device=name)


def test_the_first_device_is_the_default(lab):
    assert lab.device in lab.xp.devices()
    assert "cpu" in lab.xp.devices()
    assert lab.xp.device(lab.xp.asarray([1.0])) == lab.xp.devices()[0]


@pytest.mark.parametrize("name", WIDE)
def test_wide_dtypes_need_their_scope(lab, name):
    """JAX has 64 bits only where they are enabled; the others have them everywhere."""
    if lab.xp.name == "jax":
        with pytest.raises(TypeError, match=f"{name} only when jax_enable_x64"):
            lab.xp.asarray([1], name, lab.device)
        with pytest.raises(TypeError, match=f"{name} only when jax_enable_x64"):
            lab.xp.astype(lab.array([1]), name)
    with lab.xp.dtype_scope(name):
        lab.check(lab.xp.asarray([1], name, lab.device), plain([1], name), name)
        lab.check(lab.xp.astype(lab.array([1]), name), plain([1], name), name)


@pytest.mark.parametrize(
    "values", [np.array([2**40]), np.array([-(2**31) - 1, 0]), np.array([2**32], np.uint64),
               np.array([1.0, 1e300])],
)  # fmt: skip
def test_what_would_not_fit_is_refused(lab, values):
    """JAX narrows to 32 bits by default, and wraps or overflows without a word."""
    if lab.xp.name == "jax":
        with pytest.raises(OverflowError, match="do not fit"):
            lab.xp.asarray(values, device=lab.device)
    with lab.xp.dtype_scope("int64"):
        kept = lab.xp.asarray(values, device=lab.device)
        assert lab.xp.dtype(kept) == values.dtype.name
        np.testing.assert_array_equal(lab.xp.to_numpy(kept), values)


@pytest.mark.parametrize("dtype", ["int64"])
def test_a_list_of_large_integers(lab, dtype):
    large = [2**40, -(2**40)]
    lab.check(lab.xp.asarray(large, dtype, lab.device), large)
    assert not lab.xp.is_floating(lab.array(large))


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_what_fits_is_narrowed_or_kept(lab, dtype):
    with_limits = lab.xp.asarray(np.array([0, 2**31 - 1], dtype), device=lab.device)
    lab.check(with_limits, [0, 2**31 - 1], dtype)
    narrowed = lab.xp.asarray(np.array([], dtype), device=lab.device)
    lab.check(narrowed, np.zeros(0, np.int64), dtype)


@pytest.mark.parametrize("dtype", ALL)
def test_astype(lab, dtype):
    x = lab.array([0, 1, 3])
    for other in ALL:
        if other in WIDE and dtype not in WIDE:
            continue  # no scope for it here; the other direction is tried
        lab.check(lab.xp.astype(x, other), plain(plain([0, 1, 3], dtype), other), other)


@pytest.mark.parametrize("dtype", ["float64"])
def test_astype_rounds_overflows_and_truncates(lab, dtype):
    values = [0.1, -1 / 3, 1e6, np.nan, np.inf, -0.0, 1 + 2.0**-8]
    for other in FLOATS:
        lab.check(lab.xp.astype(lab.array(values), other), plain(values, other), other)
    x = lab.array([1.9, -1.9, 0.5, -0.0, 100.0])
    for other in ("int8", "int32", "int64"):
        lab.check(lab.xp.astype(x, other), [1, -1, 0, 0, 100], other)
    lab.check(lab.xp.astype(lab.array([0.3, np.nan, -0.0, -np.inf]), "bool"),
              [True, True, False, True], "bool")  # fmt: skip


@pytest.mark.parametrize("dtype", ["int64"])
def test_astype_wraps_integers(lab, dtype):
    values = np.array([300, -1, 2**40 + 7, 128])
    for other in INTEGERS:
        lab.check(lab.xp.astype(lab.array(values), other), values.astype(other), other)


@pytest.mark.parametrize("dtype", ALL)
def test_astype_of_its_own_dtype_is_the_array_itself(lab, dtype):
    x = lab.array([1, 0])
    assert lab.xp.astype(x, dtype) is x


@pytest.mark.parametrize("dtype", ALL)
def test_widen_and_is_floating(lab, dtype):
    x = lab.array([1, 0])
    lab.check(lab.xp.widen(x), [1, 0] if dtype != "bool" else [True, False],
              "float32" if dtype in ("float16", "bfloat16") else dtype)  # fmt: skip
    assert lab.xp.is_floating(x) is ("float" in dtype)


def test_owns_arrays_and_nothing_else(lab):
    others = [None, 1, 1.0, [1.0], (1,), "x", np.float32(1), np.bool_(True), object(), type(lab)]
    assert not any(lab.xp.owns(x) for x in others)
    assert lab.xp.owns(lab.array(1.0))
    assert lab.xp.owns(np.ones(2)) is (lab.xp.name == "numpy")
    assert lab.xp.owns(np.ones(2, ml_dtypes.bfloat16)) is (lab.xp.name == "numpy")


def test_what_the_adapter_says_of_itself(lab):
    assert repr(lab.xp) == f"<einport backend {lab.xp.name}>"
    assert lab.xp.version()[0].isdigit()
    assert __import__(lab.xp.name).__version__.startswith(lab.xp.version())
