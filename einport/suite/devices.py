"""Which device of a framework is meant by a name."""

from __future__ import annotations

from ..backends import Backend


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
