"""What the entries of local attention cannot say: how much memory it takes, and what it equals."""

import tracemalloc

import numpy as np

from einport import ops


def test_memory_grows_with_positions_times_window():
    """Every pair of 20,000 positions would take 3.2 billion bytes."""
    q = np.random.default_rng(0).normal(size=(1, 1, 20_000, 4))
    tracemalloc.start()
    ops.sliding_window_attention(q, q, q, window=1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50e6


def test_it_is_attention_with_a_band_for_a_mask(backend, device):
    random = np.random.default_rng(1)
    n, window = 150, 9
    q, k, v = (
        backend.asarray(random.normal(size=(1, 2, n, 3)), "float32", device) for _ in range(3)
    )
    place = np.arange(n)
    band = backend.asarray(np.abs(place[:, None] - place) <= window, "bool", device)
    got = ops.sliding_window_attention(q, k, v, window=window)
    want = ops.scaled_dot_product_attention(q, k, v, mask=band)
    np.testing.assert_allclose(backend.to_numpy(got), backend.to_numpy(want), atol=2e-6, rtol=0)
