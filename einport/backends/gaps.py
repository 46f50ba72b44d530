"""What each framework cannot do: one table, which the suite, the matrix and the pages read.

Every row is strict: what it covers must fail, and in the words that it says.
"""

from __future__ import annotations

from .base import Gap

NUMPY = (
    Gap("*", "NumPy has no compiler", mode="compiled", says="no compiler"),
    Gap("*", "NumPy has no compiler", mode="dynamic", says="no compiler"),
    Gap("*", "NumPy has no automatic differentiation", mode="gradient", says="differentiation"),
    Gap("*", "NumPy has no compiler", mode="compiled-gradient", says="no compiler"),
    Gap("*", "NumPy has no arrays without values", mode="abstract", says="without values"),
    Gap("*", "NumPy has no exported form", mode="exported", says="no exported form"),
    Gap("*", "NumPy's arrays are the host's", mode="device", says="are the host's"),
)
NUMPY_WITHOUT_ML_DTYPES = Gap(
    "*",
    "NumPy has no bfloat16 unless ml_dtypes is installed",
    dtype="bfloat16",
    says="bfloat16",
)

TORCH: tuple[Gap, ...] = ()

JAX: tuple[Gap, ...] = ()

TENSORFLOW: tuple[Gap, ...] = ()
