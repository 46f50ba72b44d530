"""Sizes of convolutions that are known beforehand, and what ties the two directions together."""

import numpy as np
import pytest

from einport import ops

pytestmark = pytest.mark.at_once


@pytest.fixture
def normal(backend, device):
    """Random arrays of float32 by their shape."""
    random = np.random.default_rng(0)
    return lambda *shape: backend.asarray(random.normal(size=shape), "float32", device)


# --- sizes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "stride", "padding", "want"),
    [
        (5, 1, 0, 3),
        (6, 1, 0, 4),
        (5, 2, 0, 2),
        (6, 2, 0, 2),
        (5, 2, 1, 3),
        (6, 2, 1, 3),
        (5, 1, "same", 5),
        (5, 2, "same", 3),
        (6, 2, "same", 3),
        (6, 2, "valid", 2),
    ],
)
def test_sizes_of_conv2d(backend, normal, size, stride, padding, want):
    settings = {"stride": stride, "padding": padding}
    out = ops.conv2d(normal(1, 1, size, size), normal(1, 1, 3, 3), **settings)
    assert tuple(backend.shape(out)) == (1, 1, want, want)
    x = normal(2, size, size + stride, 3)
    last = ops.conv2d(x, normal(4, 3, 3, 3), **settings, data_format="channels_last")
    assert tuple(backend.shape(last)) == (2, want, want + 1, 4)


@pytest.mark.parametrize(
    ("padding", "output_padding", "want"), [(0, 0, 9), (1, 0, 7), (1, 1, 8), (0, 1, 10)]
)
def test_sizes_of_conv_transpose2d(backend, normal, padding, output_padding, want):
    settings = {"stride": 2, "padding": padding, "output_padding": output_padding}
    out = ops.conv_transpose2d(normal(1, 1, 4, 4), normal(1, 1, 3, 3), **settings)
    assert tuple(backend.shape(out)) == (1, 1, want, want)
    x = normal(2, 4, 5, 3)
    last = ops.conv_transpose2d(x, normal(3, 6, 3, 3), **settings, data_format="channels_last")
    assert tuple(backend.shape(last)) == (2, want, want + 2, 6)


def test_sizes_of_sliding_windows(backend, normal):
    out = ops.sliding_windows(normal(2, 7, 9, 10), (2, 3), stride=(3, 2), dilation=(4, 1))
    assert tuple(backend.shape(out)) == (2, 7, 2, 4, 2, 3)


def test_one_window_whatever_the_stride(backend, device):
    x = backend.asarray(np.arange(6.0).reshape(2, 3), "float32", device)
    got = backend.to_numpy(ops.sliding_windows(x, 2, stride=10**12))
    np.testing.assert_array_equal(got.ravel(), [0, 1, 3, 4])


def test_no_images(backend, normal):
    """TensorFlow's own convolution gives the shape of its input here."""
    out = ops.conv2d(normal(0, 8, 8, 3), normal(4, 3, 3, 3), data_format="channels_last")
    assert tuple(backend.shape(out)) == (0, 6, 6, 4)
    out = ops.conv_transpose2d(normal(0, 3, 4, 4), normal(3, 5, 3, 3), stride=2)
    assert tuple(backend.shape(out)) == (0, 5, 9, 9)


# --- values --------------------------------------------------------------------------------------


def test_same_puts_the_odd_cell_at_the_end(backend, device):
    """With `padding=1` the shape is the same and the values are others."""
    x = backend.asarray(np.arange(1, 17).reshape(1, 1, 4, 4), "float32", device)
    weight = backend.asarray(np.ones((1, 1, 3, 3)), "float32", device)
    same = ops.conv2d(x, weight, stride=2, padding="same")
    one = ops.conv2d(x, weight, stride=2, padding=1)
    assert backend.to_numpy(same)[0, 0].tolist() == [[54, 45], [72, 54]]
    assert backend.to_numpy(one)[0, 0].tolist() == [[14, 30], [57, 99]]


ADJOINT = [
    {"stride": 1, "padding": 0, "dilation": 1},
    {"stride": 2, "padding": 1, "dilation": 1},
    {"stride": (2, 3), "padding": (1, 2), "dilation": (2, 1)},
]


@pytest.mark.parametrize("settings", ADJOINT, ids=str)
def test_one_is_the_other_transposed(backend, normal, settings):
    """⟨conv2d(x), y⟩ = ⟨x, conv_transpose2d(y)⟩ with one and the same weight."""
    x, weight = normal(2, 3, 8, 9), normal(4, 3, 3, 2)
    there = ops.conv2d(x, weight, **settings)
    y = normal(*backend.shape(there))
    least = ops.conv_transpose2d(y, weight, **settings)
    missing = [n - m for n, m in zip((8, 9), backend.shape(least)[2:], strict=True)]
    back = ops.conv_transpose2d(y, weight, **settings, output_padding=missing)
    assert tuple(backend.shape(back)) == (2, 3, 8, 9)
    one = float(backend.to_numpy(backend.sum(there * y)))
    other = float(backend.to_numpy(backend.sum(x * back)))
    assert one == pytest.approx(other, rel=1e-4, abs=1e-3)


def test_gradient_of_conv2d(backend, normal):
    """By the picture it is the transposed convolution, by the bias the sum."""
    x, weight, bias = normal(2, 3, 6, 7), normal(4, 3, 3, 2), normal(4)
    y = normal(2, 4, 3, 4)

    def run(tree):
        out = ops.conv2d(tree["x"], weight, tree["bias"], stride=2, padding=1)
        return backend.sum(out * y)

    if backend.name == "numpy":
        assert any("gradient" in gap.mode for gap in backend.gaps)
        return
    _, grad = backend.value_and_grad(run)({"x": x, "bias": bias})
    want = ops.conv_transpose2d(y, weight, stride=2, padding=1, output_padding=1)
    np.testing.assert_allclose(
        backend.to_numpy(grad["x"]), backend.to_numpy(want), rtol=1e-4, atol=1e-5
    )
    want = backend.to_numpy(y).sum((0, 2, 3))
    np.testing.assert_allclose(backend.to_numpy(grad["bias"]), want, rtol=1e-4, atol=1e-5)


# --- graphs --------------------------------------------------------------------------------------


def test_an_unknown_batch_size(backend, normal):
    """The batch size may be left open in a graph."""
    weight, other = normal(4, 3, 3, 2), normal(3, 2, 2, 3)

    def run(x):
        out = ops.conv2d(x, weight, stride=2, padding="same")
        return out, ops.conv_transpose2d(x, other, stride=2), ops.sliding_windows(x, 2)

    compiled = run
    if backend.name == "tensorflow":
        import tensorflow as tf

        spec = tf.TensorSpec((None, 3, 5, 6), tf.float32)
        compiled = tf.function(run, input_signature=[spec], autograph=False)
    elif backend.name == "torch":
        import torch

        from einport.suite.drivers.torch import patterns_in_one_step

        torch._dynamo.reset()
        graph = patterns_in_one_step(torch.compile(run, fullgraph=True, backend="eager"))

        def compiled(x):
            torch._dynamo.mark_dynamic(x, 0)
            return graph(x)
    elif backend.name == "jax":
        compiled = backend.compile(run)
    for batch in (4, 7):
        x = normal(batch, 3, 5, 6)
        for got, want in zip(compiled(x), run(x), strict=True):
            np.testing.assert_allclose(
                backend.to_numpy(got), backend.to_numpy(want), rtol=1e-5, atol=1e-5
            )


def test_vmap_equals_a_loop(backend, normal):
    x, weight = normal(3, 2, 4, 5, 6), normal(3, 6, 2, 3, 2)
    other = normal(3, 4, 2, 2, 3)

    def run(x, weight, other):
        out = ops.conv2d(x, weight, padding=1, groups=2)
        return out, ops.conv_transpose2d(x, other, stride=(2, 1)), ops.sliding_windows(x, 3)

    mapped = backend.vmap(run)(x, weight, other)
    rows = [run(x[i], weight[i], other[i]) for i in range(3)]
    for got, parts in zip(mapped, zip(*rows, strict=True), strict=True):
        want = np.stack([backend.to_numpy(part) for part in parts])
        np.testing.assert_allclose(backend.to_numpy(got), want, rtol=1e-5, atol=1e-5)
