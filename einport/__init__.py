"""Array operations written once in einops, run and proved on four frameworks.

from einport.ops import pixel_shuffle      # any framework's array in, the same kind out
from einport import get_backend            # the adapter under it
pytest --pyargs einport.suite --backend torch
einport matrix                             # what works where
einport.compare("pixel_shuffle")           # side by side, run now
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .backends import available_backends, backend_of, get_backend
from .backends.reading import value_checks

if TYPE_CHECKING:
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


def __getattr__(name: str) -> Any:
    """Load what is seldom needed when it is asked for: importing einport stays quick."""
    if name == "compare":
        from .views.compared import compare

        return compare
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
