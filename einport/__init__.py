"""Array operations written once in einops, run and proved on four frameworks.

from einport.ops import pixel_shuffle      # any framework's array in, the same kind out
from einport import get_backend            # the adapter under it
pytest --pyargs einport.suite --backend torch
einport matrix                             # what works where
einport.compare("pixel_shuffle")           # side by side, run now
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .backends import available_backends, backend_of, get_backend
    from .backends.reading import value_checks
    from .views.compared import compare

__version__ = "0.1.0"

__all__ = [
    "__version__",
    "available_backends",
    "backend_of",
    "compare",
    "get_backend",
    "value_checks",
]

_HOMES = {
    "available_backends": ".backends",
    "backend_of": ".backends",
    "compare": ".views.compared",
    "get_backend": ".backends",
    "value_checks": ".backends.reading",
}
"""Where what is public here stands: loaded when it is asked for, so that the command line is there
to end in order before anything slow is imported."""


def __getattr__(name: str) -> Any:
    """Load a public name, or a package of einport that is named without being imported."""
    if name in ("backends", "ops"):
        return import_module(f".{name}", __name__)
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
