"""Where values are read to be checked: on the host, unless told otherwise."""

import numpy as np
import pytest

import einport
from einport.backends.reading import reads_from
from einport.suite.drivers import driver_of


@pytest.fixture(autouse=True)
def values_are_checked():
    """Here as nobody has said."""


@pytest.mark.parametrize(
    ("policy", "on_host", "elsewhere"),
    [("on_host", True, False), ("always", True, True), ("never", False, False)],
)
def test_a_policy_says_which_devices_are_read(policy, on_host, elsewhere):
    with einport.value_checks(policy):
        assert reads_from("cpu") is on_host
        for device in ("cuda:0", "gpu:0", "tpu:3", "mps:0"):
            assert reads_from(device) is elsewhere
    assert reads_from("cpu")
    assert not reads_from("cuda:0")


def test_policies_nest_and_end_with_an_error():
    with einport.value_checks("always"):
        with pytest.raises(KeyError), einport.value_checks("never"):
            raise KeyError
        assert reads_from("gpu:0")


def test_another_policy_is_refused():
    said = "policy must be one of 'on_host', 'always', 'never', got 'sometimes'"
    with pytest.raises(ValueError, match=said), einport.value_checks("sometimes"):
        pass


def test_an_array_is_read_as_the_policy_says(backend, device):
    x = backend.asarray(np.arange(3), None, device)
    with einport.value_checks("always"):
        assert backend.can_check(x)
    with einport.value_checks("never"):
        assert not backend.can_check(x)
    assert backend.can_check(x) is reads_from(device)


def test_a_read_of_a_value_is_noticed(backend, device):
    if backend.name == "numpy":
        with pytest.raises(NotImplementedError, match="the host's own"):
            driver_of(backend).unread(device)
        return
    x = backend.asarray(np.arange(3.0), None, device)
    total = backend.sum(x)
    by_numpy = (lambda x: np.asarray(x), lambda x: np.add(x, 1))  # looked up when called
    for read in (backend.to_numpy, *by_numpy, bool, float, int):
        with pytest.raises(Exception, match=r"host|waits"), driver_of(backend).unread(device):
            read(total)
    with driver_of(backend).unread(device):
        untouched = backend.exp(x)
    np.testing.assert_allclose(backend.to_numpy(untouched), np.exp(np.arange(3.0)), rtol=1e-6)


READS = {
    "torch": (lambda x: x[x > 1], lambda x: x.equal(x), lambda x: x.__dlpack__()),
    "jax": (lambda x: x.tolist(), lambda x: x.tobytes(), lambda x: x.__dlpack__()),
    "tensorflow": (lambda x: x._numpy(), lambda x: np.multiply(x, x), lambda x: x.__dlpack__()),
}
"""Each framework's own ways to learn values, which no other has."""


def test_a_frameworks_own_ways_to_read_are_noticed(backend, device):
    assert (backend.name in READS) is (backend.name != "numpy")
    x = backend.asarray(np.arange(3.0), None, device)
    reads = READS.get(backend.name, ())
    if not hasattr(x, "__dlpack__"):  # TensorFlow before 2.19
        reads = reads[:-1]
    for read in reads:
        read(x)
        with pytest.raises(RuntimeError, match=r"host|waits"), driver_of(backend).unread(device):
            read(x)
