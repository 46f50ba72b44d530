"""einops' functions with one meaning on every framework, and what operations say by patterns."""

from .axes import reduce_axes
from .contraction import einsum
from .functions import pack, rearrange, reduce, repeat, unpack

__all__ = ["einsum", "pack", "rearrange", "reduce", "reduce_axes", "repeat", "unpack"]
