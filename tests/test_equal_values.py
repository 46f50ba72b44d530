"""Where a mean is subtracted from equal values, exactly nothing is left, compiled or not."""

import numpy as np
import pytest

from einport import ops

pytestmark = pytest.mark.sampled

EQUAL = (12345.678, 255.3, 3e38, -7e-4)
"""What a hundred of them add up to is rounded, or too large."""


def run(lab, fn, *arrays):
    """The results as they come, and of one graph where there are graphs."""
    yield fn(*arrays)
    if lab.xp.name != "numpy":
        yield lab.xp.compile(fn)(*arrays)


def equal_rows(lab):
    return lab.array(
        np.repeat([[value] for value in EQUAL if lab.dtype != "float16" or value < 6e4], 100, 1)
    )


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_layer_norm_of_equal_values_is_the_shift(lab, dtype):
    x, shift = equal_rows(lab), np.arange(100.0)
    for got in run(lab, lambda x, shift: ops.layer_norm(x, shift=shift), x, lab.array(shift)):
        lab.check(got, np.broadcast_to(shift, lab.xp.shape(x)))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_layer_norm_of_equal_values_without_eps_is_nan(lab, dtype):
    x = equal_rows(lab)
    for got in run(lab, lambda x: ops.layer_norm(x, eps=0), x):
        lab.check(got, np.full(lab.xp.shape(x), np.nan))


@pytest.mark.parametrize("dtype", ["float32"])
@pytest.mark.parametrize("eps", [1e-5, 0])
def test_batch_norm_of_equal_values_is_the_shift_or_nan_without_eps(lab, dtype, eps):
    state = {name: np.full(4, 1.0) for name in ("scale", "running_mean", "running_var")}
    state |= {"shift": np.arange(4.0)}
    x = lab.xp.asarray(np.repeat(EQUAL, 100).reshape(1, 4, 10, 10).astype(dtype), dtype, lab.device)

    def norm(x, state):
        return ops.batch_norm(x, state, training=True, eps=eps)[0]

    want = np.arange(4.0) if eps else np.full(4, np.nan)
    for got in run(lab, norm, x, {name: lab.array(entry) for name, entry in state.items()}):
        lab.check(got, np.broadcast_to(want[:, None, None], (1, 4, 10, 10)))


@pytest.mark.parametrize("dtype", ["float32"])
def test_a_blank_image_has_patches_of_the_bias(lab, dtype):
    image = lab.array(np.full((1, 3, 32, 32), 255.3))
    weight, bias = lab.array(np.ones((3 * 16 * 16, 5))), np.arange(5.0)
    params = {"weight": weight, "bias": lab.array(bias)}
    params |= {"norm_scale": lab.array(np.ones(768)), "norm_shift": lab.array(np.zeros(768))}
    for got in run(lab, lambda image: ops.embed_patches(image, params, patch_size=16), image):
        lab.check(got, np.broadcast_to(bias, (1, 4, 5)))


@pytest.mark.parametrize("dtype", ["float32"])
def test_equal_values_of_a_period_leave_nothing(lab, dtype):
    x = lab.array(np.repeat(EQUAL, 100))
    for got in run(lab, lambda x: ops.subtract_period_mean(x, 100), x):
        lab.check(got, np.zeros(400))
    for got in run(lab, lambda x: ops.standardize_by_period(x, 100), x):
        lab.check(got, np.full(400, np.nan))


@pytest.mark.parametrize("dtype", ["float32"])
def test_the_gradient_of_equal_values_is_that_of_their_differences(lab, dtype):
    weights = np.array([[1.0, 3.0, -2.0, 5.0]])
    if lab.xp.name == "numpy":
        with pytest.raises(NotImplementedError, match="differentiation"):
            lab.xp.value_and_grad(ops.layer_norm)
        return

    def loss(x):
        return lab.xp.sum(ops.layer_norm(x, eps=0.25) * lab.array(weights))

    _, got = lab.xp.value_and_grad(loss)(lab.array(np.full((1, 4), 12345.678)))
    lab.check(got, (weights - weights.mean()) / 0.5, epsilons=4, scale=10.0)
