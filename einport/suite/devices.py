"""Which device of a framework is meant by a name, and how processes share it.

`python -m einport.suite.devices jax gpu` says which devices a framework has here, and fails where
none is of the kind that is named.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from ..backends import Backend, get_backend

LESS_MEMORY = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}

HOST_DEVICES = "xla_force_host_platform_device_count"
"""The flag by which JAX takes a processor for several, to have a mesh of them."""


def share_memory() -> None:
    """Keep frameworks from taking most of an accelerator's memory when they start.

    The suite's own processes, and those that load what was exported, share it. It is said before
    a framework is used, and what the environment says already holds.
    """
    for name, value in LESS_MEMORY.items():
        os.environ.setdefault(name, value)
    flags = os.environ.get("XLA_FLAGS", "")
    if HOST_DEVICES not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} --{HOST_DEVICES}=4".strip()


def choose_device(backend: Backend, wanted: str) -> str:
    """The framework's first device of the kind `wanted`; `gpu` and `cuda` are one kind.

    Raises:
        ValueError: It has none.
    """
    kinds = {"gpu": ("gpu", "cuda"), "cuda": ("cuda", "gpu")}
    kind, _, number = wanted.partition(":")
    for device in backend.devices():
        own, _, own_number = device.partition(":")
        if own in kinds.get(kind, (kind,)) and number in ("", own_number or "0"):
            return device
    raise ValueError(
        f"{backend.title} has no device {wanted!r} here (it has {', '.join(backend.devices())})"
    )


def main(arguments: Sequence[str]) -> int:
    """Say which devices a framework has; the exit status is 1 where the wanted one is not there.

    A sentence says why, whatever it is: a framework that cannot be loaded, or that finds no driver.
    """
    name, wanted = arguments
    share_memory()
    try:
        xp = get_backend(name)
        print(f"{xp.title} {xp.version()} finds {', '.join(xp.devices())}")  # noqa: T201
        chosen = choose_device(xp, wanted)
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        print(f"nothing was tested: {lines[0]}")  # noqa: T201
        return 1
    print(f"testing on {chosen}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
