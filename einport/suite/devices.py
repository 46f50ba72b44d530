"""Which device of a framework is meant by a name, and how processes share it."""

from __future__ import annotations

import os

from ..backends import Backend

LESS_MEMORY = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}


def share_memory() -> None:
    """Keep frameworks from taking most of an accelerator's memory when they start.

    The suite's own processes, and those that load what was exported, share it. It is said before
    a framework is used, and what the environment says already holds.
    """
    for name, value in LESS_MEMORY.items():
        os.environ.setdefault(name, value)


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
