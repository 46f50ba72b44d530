"""Array operations written once in einops, run and proved on four frameworks.

from einport.ops import pixel_shuffle      # any framework's array in, the same kind out
from einport import get_backend            # the adapter under it
pytest --pyargs einport.suite --backend torch
einport matrix                             # what works where
"""

from .backends import available_backends, backend_of, get_backend
from .backends.reading import value_checks

__version__ = "0.1.0"

__all__ = ["__version__", "available_backends", "backend_of", "get_backend", "value_checks"]
