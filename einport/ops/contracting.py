"""Products of vectors and matrices, and sums over axes, each one an Einstein summation.

Results have the arrays' dtype: 16-bit floats accumulate in float32 and are rounded once, integers
wrap around, and booleans multiply by "and" and add up by "or". Plain sums (`trace`, `row_sums`) of
integers and booleans are 64-bit integers, in JAX 32-bit unless x64 is enabled.
"""

from __future__ import annotations

from typing import Any, TypeVar

from .. import expect
from ..backends import backend_of
from ..operation import operation
from ..patterns import einsum, reduce_axes
from ..patterns.contraction import check_contraction

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


def _check_trace(a: Any) -> None:
    xp = expect.arrays(a=a)
    expect.numbers(xp, a=a)
    shape = expect.axes(xp, "i i", a=a)
    if not expect.equal(*shape):
        raise expect.value_error(f"a must be square, got shape {expect.show(shape)}")


@operation(checks=_check_trace)
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
    xp = backend_of(a)
    return xp.sum(xp.einsum("ii->i", a))


def _check_factors(axes: str, **named: Any) -> None:
    """Arrays of numbers of one framework and dtype, with the axes of a product's left side."""
    xp = expect.arrays(**named)
    expect.same_dtype(xp, **named)
    for (name, x), pattern in zip(named.items(), axes.split(", "), strict=True):
        expect.numbers(xp, **{name: x})
        expect.axes(xp, pattern, **{name: x})
    check_contraction(xp, f"{axes} ->", named)


def _check_matrix_vector(a: Any, v: Any) -> None:
    _check_factors("i j, j", a=a, v=v)


@operation(checks=_check_matrix_vector)
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
    return einsum.definition(a, v, "i j, j -> i")


def _check_matrix_multiply(a: Any, b: Any) -> None:
    _check_factors("... i k, ... k j", a=a, b=b)


@operation(checks=_check_matrix_multiply)
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
    return einsum.definition(a, b, "... i k, ... k j -> ... i j")


def _check_inner_product(u: Any, v: Any) -> None:
    _check_factors("i, i", u=u, v=v)


@operation(checks=_check_inner_product)
def inner_product(u: A, v: A) -> A:
    """Dot product of two vectors.

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
    return einsum.definition(u, v, "i, i ->")


def _check_outer_product(u: Any, v: Any) -> None:
    _check_factors("i, j", u=u, v=v)


@operation(checks=_check_outer_product)
def outer_product(u: A, v: A) -> A:
    """Outer product of two vectors: each element of one times each of the other.

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
    return einsum.definition(u, v, "i, j -> i j")


def _check_elementwise_product(a: Any, b: Any) -> None:
    _check_factors("i j, i j", a=a, b=b)


@operation(checks=_check_elementwise_product)
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
    return einsum.definition(a, b, "i j, i j -> i j")


def _check_row_sums(a: Any) -> None:
    xp = expect.arrays(a=a)
    expect.numbers(xp, a=a)
    expect.axes(xp, "i j", a=a)


@operation(checks=_check_row_sums)
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
    return reduce_axes(backend_of(a).sum, a, "i j -> i")
