"""A framework small enough to read: immutable arrays on one device, computed by NumPy.

It stands for any framework that einport does not know. All that makes it known is in `adapter.py`
and in the entry point of its package.
"""

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

__version__ = "1.0"


class Array(NDArrayOperatorsMixin):
    """An immutable array; the mixin gives it the operators by way of `__array_ufunc__`."""

    def __init__(self, data, dtype=None):
        self._data = np.array(data, dtype=dtype)
        self._data.flags.writeable = False

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        plain = [x.numpy() if isinstance(x, Array) else x for x in inputs]
        return Array(getattr(ufunc, method)(*plain, **kwargs))

    def __getitem__(self, key):
        return Array(self._data[key])

    def __int__(self):
        return int(self._data)

    def __bool__(self):
        return bool(self._data)

    def __repr__(self):
        return f"toyframework.Array({self._data.tolist()})"

    def numpy(self):
        """The values, not to be written to."""
        return self._data

    @property
    def shape(self):
        return self._data.shape

    @property
    def dtype(self):
        return self._data.dtype.name
