"""Products and sums over axes, each one Einstein summation.

Results have the arrays' dtype: 16-bit floats accumulate in float32 and are rounded once, integers
wrap, and products of booleans mean "any of both". Sums (`trace`, `row_sums`) of integers and
booleans are 64-bit integers, in JAX 32-bit unless x64 is enabled.
"""

from __future__ import annotations

from typing import TypeVar

from ..operation import operation
from ..patterns.axes import reduce_axes
from ..patterns.contraction import contract
from . import _checks as check

__all__ = [
    "elementwise_product",
    "inner_product",
    "matrix_multiply",
    "matrix_vector",
    "outer_product",
    "row_sums",
    "trace",
]

A = TypeVar("A")


@operation
def trace(a: A) -> A:
    """Sum the diagonal of a square matrix.

    Args:
        a: `(i, i)`, numbers or booleans.

    Returns:
        `()`: the sum of `a[i, i]`, 0 for an empty matrix.

    Raises:
        TypeError: `a` is not an array, or holds no numbers.
        ValueError: `a` does not have 2 axes of one size.

    Source: `i i ->` in Einstein summation; NumPy's `trace`.

    >>> import numpy as np
    >>> trace(np.array([[1, 2], [3, 4]])).item()
    5
    """
    xp = check.array("trace", "a", a)
    check.numbers("trace", "a", xp, a)
    shape = xp.shape(a)
    check.rank("trace", "a", shape, "i i")
    if not check.equal(*shape):
        raise ValueError(f"trace: a must be square, got shape {check.show(shape)}")
    total: A = xp.sum(xp.einsum("ii->i", a))
    return total


@operation
def matrix_vector(a: A, v: A) -> A:
    """Multiply a matrix by a vector.

    Args:
        a: `(i, j)`, numbers or booleans.
        v: `(j,)` of the same dtype.

    Returns:
        `(i,)`: `out[i] = Σ_j a[i, j]·v[j]`.

    Raises:
        TypeError: frameworks or dtypes are mixed, or an argument is no array of numbers.
        ValueError: ranks or sizes do not fit.

    Source: `i j, j -> i` in Einstein summation.

    >>> import numpy as np
    >>> matrix_vector(np.array([[1, 2], [3, 4]]), np.array([1, 1])).tolist()
    [3, 7]
    """
    return _product("matrix_vector", {"a": a, "v": v}, ("i j", "j"), "i")


@operation
def matrix_multiply(a: A, b: A) -> A:
    """Multiply matrices, or batches of them.

    Args:
        a: `(..., i, k)`, numbers or booleans.
        b: `(..., k, j)` of the same dtype; leading axes broadcast.

    Returns:
        `(..., i, j)`: `out[i, j] = Σ_k a[i, k]·b[k, j]`.

    Raises:
        TypeError: frameworks or dtypes are mixed, or an argument is no array of numbers.
        ValueError: ranks or sizes do not fit.

    Source: `matmul` of the Python array API standard, for 2 axes or more.

    >>> import numpy as np
    >>> matrix_multiply(np.array([[1, 2]]), np.array([[3], [4]])).tolist()
    [[11]]
    """
    return _product("matrix_multiply", {"a": a, "b": b}, ("... i k", "... k j"), "... i j")


@operation
def inner_product(u: A, v: A) -> A:
    """Multiply two vectors to a number.

    Args:
        u: `(i,)`, numbers or booleans.
        v: `(i,)` of the same dtype.

    Returns:
        `()`: `Σ_i u[i]·v[i]`.

    Raises:
        TypeError: frameworks or dtypes are mixed, or an argument is no array of numbers.
        ValueError: ranks or sizes do not fit.

    Source: `i, i ->` in Einstein summation; no complex conjugate is taken.

    >>> import numpy as np
    >>> inner_product(np.array([1, 2]), np.array([3, 4])).item()
    11
    """
    return _product("inner_product", {"u": u, "v": v}, ("i", "i"), "")


@operation
def outer_product(u: A, v: A) -> A:
    """Multiply each element of one vector by each of another.

    Args:
        u: `(i,)`, numbers or booleans.
        v: `(j,)` of the same dtype.

    Returns:
        `(i, j)`: `out[i, j] = u[i]·v[j]`.

    Raises:
        TypeError: frameworks or dtypes are mixed, or an argument is no array of numbers.
        ValueError: ranks do not fit.

    Source: `i, j -> i j` in Einstein summation.

    >>> import numpy as np
    >>> outer_product(np.array([1, 2]), np.array([3, 4])).tolist()
    [[3, 4], [6, 8]]
    """
    return _product("outer_product", {"u": u, "v": v}, ("i", "j"), "i j")


@operation
def elementwise_product(a: A, b: A) -> A:
    """Multiply two matrices element by element.

    Args:
        a: `(i, j)`, numbers or booleans.
        b: `(i, j)` of the same dtype.

    Returns:
        `(i, j)`: `out[i, j] = a[i, j]·b[i, j]`.

    Raises:
        TypeError: frameworks or dtypes are mixed, or an argument is no array of numbers.
        ValueError: ranks or sizes do not fit.

    Source: the Hadamard product.

    >>> import numpy as np
    >>> elementwise_product(np.array([[1, 2]]), np.array([[3, 4]])).tolist()
    [[3, 8]]
    """
    return _product("elementwise_product", {"a": a, "b": b}, ("i j", "i j"), "i j")


@operation
def row_sums(a: A) -> A:
    """Sum each row of a matrix.

    Args:
        a: `(i, j)`, numbers or booleans.

    Returns:
        `(i,)`: `out[i] = Σ_j a[i, j]`.

    Raises:
        TypeError: `a` is not an array, or holds no numbers.
        ValueError: `a` does not have 2 axes.

    Source: `i j -> i` in Einstein summation.

    >>> import numpy as np
    >>> row_sums(np.array([[1, 2], [3, 4]])).tolist()
    [3, 7]
    """
    xp = check.array("row_sums", "a", a)
    check.numbers("row_sums", "a", xp, a)
    check.rank("row_sums", "a", xp.shape(a), "i j")
    return reduce_axes(xp.sum, a, "i j -> i")


def _product(op: str, named: dict[str, A], axes: tuple[str, str], result: str) -> A:
    """Check two factors against their axes, then contract them."""
    xp = check.arrays(op, **named)
    check.same_dtype(op, xp, **named)
    for (name, x), pattern in zip(named.items(), axes, strict=True):
        check.numbers(op, name, xp, x)
        check.rank(op, name, xp.shape(x), pattern)
    product: A = contract(op, xp, named, f"{', '.join(axes)} -> {result}")
    return product
