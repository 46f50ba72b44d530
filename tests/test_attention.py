"""What the entries of attention cannot say: which sizes a graph may leave unknown."""

import numpy as np
import pytest

from einport import ops


def test_a_depth_that_is_not_known_needs_a_scale(backend, device):
    random = np.random.default_rng(0)
    shapes = (5, 4), (6, 4), (6, 3)
    arrays = [backend.asarray(random.normal(size=s), "float32", device) for s in shapes]

    def run(q, k, v):
        return ops.scaled_dot_product_attention(q, k, v, scale=0.5)

    if backend.name == "tensorflow":
        import tensorflow as tf

        spec = [tf.TensorSpec([size, None], tf.float32) for size, _ in shapes]
        run = tf.function(run, autograph=False, input_signature=spec)
        unscaled = tf.function(
            ops.scaled_dot_product_attention, autograph=False, input_signature=spec
        )
        words = r"the depth of q must be known where no scale is given, got shape \(5, \?\)"
        with pytest.raises(ValueError, match=words):
            unscaled(*arrays)
    want = ops.scaled_dot_product_attention(*arrays)
    np.testing.assert_allclose(
        backend.to_numpy(run(*arrays)), backend.to_numpy(want), rtol=1e-6, atol=1e-6
    )


def test_channels_that_are_not_known_are_refused(backend, device):
    """Of heads without a known depth there is no scale; the message names the operation."""
    x = backend.asarray(np.ones((1, 3, 4)), "float32", device)
    eye = backend.asarray(np.eye(4), "float32", device)

    def run(x, weight):
        params = dict.fromkeys(("query", "key", "value", "output"), weight)
        return ops.multi_head_attention(x, params, num_heads=2)

    if backend.name == "tensorflow":
        import tensorflow as tf

        known, unknown = (tf.TensorSpec(shape, tf.float32) for shape in ([4, 4], [None, None]))
        tokens = tf.TensorSpec([1, None, None], tf.float32)
        words = r"multi_head_attention: the channels of x must be known, got shape \(1, \?, \?\)"
        with pytest.raises(ValueError, match=words):
            tf.function(run, autograph=False, input_signature=[tokens, unknown])(x, eye)
        run = tf.function(run, autograph=False, input_signature=[tokens, known])
    np.testing.assert_allclose(backend.to_numpy(run(x, eye)), np.ones((1, 3, 4)), atol=1e-6)


@pytest.mark.parametrize(
    "keys", [3, *(pytest.param(n, marks=pytest.mark.thorough) for n in (1, 16))]
)
def test_keys_that_are_all_nan_show_in_a_graph(backend, device, keys):
    """A compiler's own kernel may take so few for none, and give zeros."""
    q, v = (backend.asarray(np.ones((1, 2, n, 4)), "float32", device) for n in (3, keys))
    k = backend.asarray(np.full((1, 2, keys, 4), np.nan), "float32", device)
    run = ops.scaled_dot_product_attention
    form = run if backend.name == "numpy" else backend.compile(run)
    assert np.isnan(backend.to_numpy(form(q, k, v))).all()
