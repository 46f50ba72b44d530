"""Results are where the arrays are, though that is not the framework's default device.

Two frameworks can take one processor for two devices, each in a process of its own.
"""

import os
import subprocess
import sys

PRETENDS = {
    "jax": "import os\nos.environ['XLA_FLAGS'] = '--xla_force_host_platform_device_count=2'\n",
    "tensorflow": (
        "import tensorflow as tf\n"
        "(cpu,) = tf.config.list_physical_devices('CPU')\n"
        "two = [tf.config.LogicalDeviceConfiguration()] * 2\n"
        "tf.config.set_logical_device_configuration(cpu, two)\n"
    ),
}

PROGRAM = """
import numpy as np
from einport import ops
from einport.backends import get_backend
from einport.suite.drivers import driver_of

xp = get_backend({name!r})
assert xp.devices() == ("cpu", "cpu:1"), xp.devices()
assert xp.device(xp.asarray([1.0])) == "cpu"


def there(found, device="cpu:1"):
    for x in found:
        assert xp.device(x) == device, (device, xp.device(x), xp.shape(x))


for device in ("cpu", "cpu:1"):
    with driver_of(xp).on(device):
        x = xp.asarray(np.ones((3, 2), "float32"), None, device)
        none = xp.asarray(np.zeros((0,), "int32"), None, device)
        there([x, none], device)
        there([xp.asarray([1.0]), xp.asarray([1.0], None, "cpu")], "cpu")
        there([xp.take(x, none, axis=0), xp.arange(2, like=x), xp.where(x > 1, x, 0.0)], device)
        there([xp.segment_sum(x[:0], none, 4), xp.pad(x, [(1, 1), (0, 0)])], device)
        there([xp.compile(lambda a: 0 * ops.softmax(a)[:, :0])(x)], device)
        there(xp.compile(lambda i: [xp.take(xp.arange(4, like=i), i, axis=0)])(none), device)
        _, grads = xp.value_and_grad(lambda t: xp.sum(t["used"]))({{"used": x, "not": x}})
        there([grads["used"], grads["not"]], device)
        there(ops.top_k_gating(x, k=1), device)
print("done")
"""


def test_results_are_where_the_arrays_are(backend):
    if backend.name not in PRETENDS:
        assert backend.name in ("numpy", "torch"), "can it pretend to have two devices?"
        return
    program = PRETENDS[backend.name] + PROGRAM.format(name=backend.name)
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"},
    )
    assert done.stdout == "done\n", done.stderr[-3000:]
