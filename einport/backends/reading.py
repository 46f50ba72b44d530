"""Whether values are read so that they can be checked, such as an index that may be out of range.

Where arrays lie in the host's memory that costs little, and is done. On an accelerator it would
make the host wait for the device and copy, so it is done only when asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

POLICIES = ("on_host", "always", "never")

_policy: ContextVar[str] = ContextVar("einport_value_checks", default="on_host")


@contextmanager
def value_checks(policy: str) -> Iterator[None]:
    """Choose where operations read values to check them, within a `with` block.

    Args:
        policy: `"on_host"`, the default, reads arrays in the host's memory alone; `"always"` also
            copies from accelerators, to find out why a program goes wrong there; `"never"` spares
            the reading where indices and loads are known to be right.

    Raises:
        ValueError: The policy is none of these.

    Example:
        >>> import einport
        >>> with einport.value_checks("never"):
        ...     pass
    """
    if policy not in POLICIES:
        known = ", ".join(map(repr, POLICIES))
        raise ValueError(f"value_checks: the policy must be one of {known}, got {policy!r}")
    token = _policy.set(policy)
    try:
        yield
    finally:
        _policy.reset(token)


def reads_from(device: str) -> bool:
    """Whether values on this device are to be read for checks."""
    policy = _policy.get()
    return policy == "always" or (policy == "on_host" and device.startswith("cpu"))
