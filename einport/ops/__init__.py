"""The operations, each written once for every framework.

    from einport.ops import pixel_shuffle, scaled_dot_product_attention

An operation takes arrays of NumPy, PyTorch, JAX or TensorFlow and returns arrays of the same
framework, device and floating dtype. Bad input is refused before any framework is called, in the
same words everywhere: `ValueError` for shapes and values, `TypeError` for dtypes, for what is not
an array and for arrays of two frameworks, `IndexError` for an index out of range. Nothing is
written to its inputs; on NumPy and PyTorch a result may share their memory.

einops' functions are here too, with its signatures, so that one import serves: `reduce` and
`einsum` mean the same everywhere.
"""

from ..patterns import einsum, pack, rearrange, reduce, repeat, unpack
from . import (
    attention,
    contracting,
    convolution,
    images,
    indexing,
    local_attention,
    moe,
    normalization,
    pooling,
    probability,
    rearranging,
    repeating,
)
from .attention import *
from .contracting import *
from .convolution import *
from .images import *
from .indexing import *
from .local_attention import *
from .moe import *
from .normalization import *
from .pooling import *
from .probability import *
from .rearranging import *
from .repeating import *

__all__ = ["einsum", "pack", "rearrange", "reduce", "repeat", "unpack"]
__all__ += attention.__all__
__all__ += contracting.__all__
__all__ += convolution.__all__
__all__ += images.__all__
__all__ += indexing.__all__
__all__ += local_attention.__all__
__all__ += moe.__all__
__all__ += normalization.__all__
__all__ += pooling.__all__
__all__ += probability.__all__
__all__ += rearranging.__all__
__all__ += repeating.__all__
