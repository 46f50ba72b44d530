"""What an adapter offers: the primitives that einops lacks, with one meaning on every framework.

Names and meaning follow the Python array API standard wherever it has the function. Where the
frameworks differ, the adapter makes up the difference:

* Sums, means and products of 16-bit floats accumulate in float32 and are rounded once.
* Sums of integers and booleans are 64-bit integers (32-bit in JAX unless x64 is enabled).
* Sorting is stable, equal elements keep their order, and NaN comes last in either direction.
* Indices count from the end when negative. One out of range is an `IndexError` where its value
  can be read; where it cannot (while tracing), the result for it is not specified.
* A maximum over NaN is NaN; over nothing it is a `ValueError`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar, NamedTuple

from .checks import check_top_k
from .reading import reads_from

Array = Any
"""An array of whichever framework the adapter serves."""

Axes = int | tuple[int, ...] | None
"""One axis, several, or None for all of them."""

HALF_DTYPES = frozenset({"float16", "bfloat16"})
WIDE_UNSIGNED = frozenset({"uint16", "uint32", "uint64"})
"""Integers that frameworks store and hardly compute with."""


class Gap(NamedTuple):
    """Something a framework cannot do, declared so that the suite need not guess.

    A gap is strict: what it covers must fail, and as it says. `op`, `case`, `mode`, `dtype` and
    `device` are shell-style patterns.
    """

    op: str
    reason: str
    mode: str = "*"
    dtype: str = "*"
    case: str = "*"
    device: str = "*"
    versions: str = ""
    """The framework's versions that have it, such as `<2.14`; all of them when empty."""
    says: str = ""
    """Words that stand in the error's class or message."""


class Backend(ABC):
    """One framework's arrays, behind names that mean the same for all of them.

    Every method takes and returns the framework's own arrays. An adapter keeps these signatures
    exactly.
    """

    name: ClassVar[str]
    """The adapter's name, as `get_backend` and `--backend` take it."""

    title: ClassVar[str]
    """The framework's name as people write it."""

    compiles_eagerly: ClassVar[bool] = False
    """Whether calls are compiled for each new shape: sizes that depend on values are slow then."""

    takes_numpy: ClassVar[bool] = False
    """Whether NumPy's masks, labels and indices beside its arrays are idiomatic."""

    gaps: ClassVar[tuple[Gap, ...]] = ()
    """What the framework cannot do, each with its reason."""

    # --- The framework -----------------------------------------------------------------------

    @abstractmethod
    def version(self) -> str:
        """The framework's version."""

    @abstractmethod
    def devices(self) -> tuple[str, ...]:
        """The devices that arrays can live on, the default one first: `("cuda:0", "cpu")`."""

    @property
    @abstractmethod
    def default_float(self) -> str:
        """The dtype that integers become where an operation needs floats."""

    @property
    def index_dtype(self) -> str:
        """The dtype of the indices that `argsort`, `argmax` and `top_k` return."""
        return "int64"

    def dtype_scope(self, dtype: str) -> AbstractContextManager[Any]:
        """A context in which arrays of `dtype` can be made; most frameworks need none."""
        return nullcontext()

    # --- Arrays in and out -------------------------------------------------------------------

    @abstractmethod
    def owns(self, x: object) -> bool:
        """Whether `x` is an array of this framework, a traced one included."""

    @abstractmethod
    def asarray(self, data: Any, dtype: str | None = None, device: str | None = None) -> Array:
        """A new array from nested lists, a scalar or a NumPy array; never shares memory.

        Without a dtype a NumPy array keeps its own and Python floats become `default_float`.

        Raises:
            TypeError: The framework does not have the dtype.
            ValueError: The framework does not have the device.
            OverflowError: A value does not fit where the framework narrows by default.
        """

    def from_numpy(self, data: Any, *, like: Array) -> Array:
        """NumPy's booleans or integers as an array that may stand beside `like`.

        Integers that the framework narrows become the nearest that it has, out of range still.
        """
        return self.asarray(data, device=self.device(like) if self.is_concrete(like) else None)

    def as_index(self, x: Array) -> Array:
        """Unsigned integers of 16 bits or more in `index_dtype`; what does not fit as its largest.

        Anything else is returned as it is.
        """
        dtype = self.dtype(x)
        if dtype not in WIDE_UNSIGNED:
            return x
        made = self.astype(x, self.index_dtype)
        bits = int(self.index_dtype.removeprefix("int"))
        if int(dtype.removeprefix("uint")) < bits:
            return made
        return self.where(made < 0, 2 ** (bits - 1) - 1, made)

    def to_number(self, x: Array) -> Any:
        """The number in an array without axes in the host's memory; None if it cannot be read."""
        readable = self.is_concrete(x) and self.shape(x) == ()
        return self.to_numpy(x).item() if readable and self.device(x).startswith("cpu") else None

    @abstractmethod
    def to_numpy(self, x: Array) -> Any:
        """The values as a new NumPy array; bfloat16, which NumPy lacks, comes as float32."""

    @abstractmethod
    def is_concrete(self, x: Array) -> bool:
        """Whether the values can be read now: not while tracing, mapping or inferring shapes."""

    def can_check(self, x: Array) -> bool:
        """Whether the values are to be read for a check: see `einport.value_checks`."""
        return self.is_concrete(x) and reads_from(self.device(x))

    def has_rank(self, x: Array) -> bool:
        """Whether the number of axes is known: without it there is no `shape` to ask for."""
        return True

    def refusal(self, x: Array) -> str:
        """What an array is that no operation takes, for an error message; empty for all others."""
        return ""

    def refusal_beside(self, x: Array, other: Array) -> str:
        """What two arrays of one call must be and are not, for an error message; else empty."""
        return ""

    @abstractmethod
    def shape(self, x: Array) -> tuple[Any, ...]:
        """The sizes of the axes. An unknown size is None or a symbol, never an `int`."""

    def sizes(self, x: Array) -> tuple[Any, ...]:
        """The sizes of the axes to compute with: a symbol where `shape` has None.

        The symbol is an integer of the traced program, which einops takes as a length too.
        """
        return self.shape(x)

    def is_fixed(self, size: Any) -> bool:
        """Whether a size is a number for good: not what a graph for any number leaves open."""
        return isinstance(size, int)

    def is_size(self, value: object) -> bool:
        """Whether a value that is no `int` is a size: an integer of the traced program."""
        return False

    def index(self, size: Any) -> Any:
        """A size as an integer that computes with indices."""
        return size

    def is_same(self, a: Any, b: Any) -> bool:
        """Whether two sizes are known to be equal: of two that are not known, nothing is."""
        return isinstance(a, int) and isinstance(b, int) and a == b

    @abstractmethod
    def dtype(self, x: Array) -> str:
        """The dtype's name, such as `"float32"`, `"bfloat16"`, `"int64"` or `"bool"`."""

    @abstractmethod
    def device(self, x: Array) -> str:
        """Where the array lives, as `devices` names it."""

    @abstractmethod
    def astype(self, x: Array, dtype: str) -> Array:
        """The array in another dtype; itself when it has that dtype already.

        Raises:
            TypeError: The framework does not have the dtype.
        """

    def widen(self, x: Array) -> Array:
        """A 16-bit float array as float32, any other as it is: the dtype to compute in."""
        return self.astype(x, "float32") if self.dtype(x) in HALF_DTYPES else x

    def narrow(self, total: Array, x: Array) -> Array:
        """A result that was computed from `widen(x)`, back in 16 bits if `x` has them."""
        return self.astype(total, self.dtype(x)) if self.dtype(x) in HALF_DTYPES else total

    def sum_dtype(self, x: Array) -> str:
        """What to add up in: float32 for 16-bit floats, wide integers for integers and booleans."""
        dtype = self.dtype(x)
        if dtype in HALF_DTYPES:
            return "float32"
        keeps = "float" in dtype or "complex" in dtype or dtype == "uint64"
        return dtype if keeps else self.index_dtype

    def is_floating(self, x: Array) -> bool:
        """Whether the dtype is a real floating one."""
        return "float" in self.dtype(x)

    def autocast_off(self, x: Array) -> AbstractContextManager[Any] | None:
        """A context without automatic casts where they are on for the device of `x`, else None."""
        return None

    def quiet(self) -> AbstractContextManager[Any] | None:
        """A context in which NaN and infinities come without a warning; None where they always do.

        They are results here as any other, and so that a program may turn warnings into errors.
        """
        return None

    # --- Creation ----------------------------------------------------------------------------

    @abstractmethod
    def arange(self, stop: Any, *, like: Array) -> Array:
        """The integers 0 … stop − 1 in `index_dtype`, on the device of `like`."""

    # --- Elementwise -------------------------------------------------------------------------

    @abstractmethod
    def exp(self, x: Array) -> Array:
        """The exponential of each element."""

    @abstractmethod
    def log(self, x: Array) -> Array:
        """The natural logarithm of each element: −inf at 0, NaN below."""

    @abstractmethod
    def sqrt(self, x: Array) -> Array:
        """The square root of each element: NaN below 0."""

    @abstractmethod
    def tanh(self, x: Array) -> Array:
        """The hyperbolic tangent of each element."""

    @abstractmethod
    def isnan(self, x: Array) -> Array:
        """True where an element is NaN; False everywhere for integers and booleans."""

    @abstractmethod
    def maximum(self, x: Array, y: Any) -> Array:
        """The larger of two elements; NaN where either is. `y` may be a Python scalar."""

    @abstractmethod
    def where(self, condition: Array, x: Any, y: Any) -> Array:
        """`x` where the condition holds, else `y`; one of the two may be a Python scalar."""

    # --- Reductions --------------------------------------------------------------------------

    @abstractmethod
    def sum(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        """The sum; 0 over nothing."""

    @abstractmethod
    def mean(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        """The mean; NaN over nothing.

        Raises:
            TypeError: The array is not floating.
        """

    @abstractmethod
    def prod(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        """The product; 1 over nothing."""

    @abstractmethod
    def max(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        """The maximum; NaN if one is there.

        Raises:
            ValueError: A reduced axis is empty.
        """

    @abstractmethod
    def min(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        """The minimum; NaN if one is there.

        Raises:
            ValueError: A reduced axis is empty.
        """

    @abstractmethod
    def any(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        """Whether any element is not zero."""

    @abstractmethod
    def all(self, x: Array, axis: Axes = None, keepdims: bool = False) -> Array:
        """Whether every element is not zero."""

    @abstractmethod
    def cumulative_sum(self, x: Array, axis: int = -1) -> Array:
        """The running sum along an axis, in the dtype that `sum` gives."""

    @abstractmethod
    def argmax(self, x: Array, axis: int = -1) -> Array:
        """Where the maximum is: the lowest index among equals, the first NaN if there is one.

        Raises:
            ValueError: The axis is empty.
        """

    # --- Order -------------------------------------------------------------------------------

    @abstractmethod
    def argsort(self, x: Array, axis: int = -1, descending: bool = False) -> Array:
        """The indices that sort, stably in both directions, NaN last."""

    def top_k(self, x: Array, k: int) -> tuple[Array, Array]:
        """The k largest along the last axis in falling order, and where they are.

        Equal elements come in the order of their indices; NaN comes last.

        Raises:
            ValueError: k is negative or larger than the axis.
        """
        check_top_k(self.shape(x), k)
        indices = self.argsort(x, descending=True)[..., :k]
        return self.take_along_axis(x, indices, axis=-1, in_range=True), indices

    # --- Indexing ----------------------------------------------------------------------------

    # `in_range` is the caller's word that no index is out of range: nothing is read to see.

    @abstractmethod
    def take(self, x: Array, indices: Array, axis: int, *, in_range: bool = False) -> Array:
        """Whole slices by their index: the axis is replaced by the axes of `indices`.

        Raises:
            IndexError: An index is outside −n … n − 1, and its value can be read.
        """

    @abstractmethod
    def take_along_axis(
        self, x: Array, indices: Array, axis: int, *, in_range: bool = False
    ) -> Array:
        """One element for each index, all other axes walked together; they must be equal.

        Raises:
            IndexError: An index is outside −n … n − 1, and its value can be read.
            ValueError: Another axis is not equal.
        """

    @abstractmethod
    def segment_sum(
        self, x: Array, segment_ids: Array, num_segments: int, *, in_range: bool = False
    ) -> Array:
        """The rows of `x` (n, …) added up by segment: (num_segments, …), as `sum` adds.

        Raises:
            IndexError: An id is outside 0 … num_segments − 1, and its value can be read.
        """

    # --- Joining and padding -----------------------------------------------------------------

    @abstractmethod
    def concat(self, arrays: Sequence[Array], axis: int = 0) -> Array:
        """The arrays end to end along an axis."""

    @abstractmethod
    def pad(self, x: Array, widths: Sequence[tuple[int, int]], value: float | bool = 0) -> Array:
        """The array with a border: one (before, after) pair an axis."""

    # --- Products ----------------------------------------------------------------------------

    @abstractmethod
    def matmul(self, a: Array, b: Array) -> Array:
        """The matrix product over the last two axes, leading ones broadcast, in the same dtype.

        Integers wrap; for booleans it is "any of both".
        """

    @abstractmethod
    def einsum(self, equation: str, *arrays: Array) -> Array:
        """Einstein summation with one-letter axes, in the dtype of the arrays; integers wrap."""

    # --- What frameworks do and arrays do not ------------------------------------------------

    @abstractmethod
    def compile(self, fn: Callable[..., Any], *, dynamic: bool = False) -> Callable[..., Any]:
        """The function as one compiled graph; its arguments are arrays, or trees of them.

        With `dynamic`, sizes may change from call to call without a graph for each.
        """

    @abstractmethod
    def value_and_grad(self, fn: Callable[..., Array]) -> Callable[..., tuple[Array, Any]]:
        """A function that returns `fn`'s scalar and its gradient by the first argument.

        The first argument is an array or a tree of them: nested mappings, lists and tuples, with
        None where there is nothing. The gradient has its structure and the order of its keys, with
        zeros where the value does not depend on it.

        Raises:
            TypeError: A leaf is not a real floating array.
        """

    @abstractmethod
    def vmap(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """The function mapped over a new leading axis of every argument and result."""

    @abstractmethod
    def abstract(self, fn: Callable[..., Any], *args: Any) -> Any:
        """Run `fn` on stand-ins that have shape and dtype but no values to read.

        Returns a tree of `(shape, dtype)` pairs in the place of arrays. Code that copies to the
        host fails here, as it would while compiling.
        """

    def __repr__(self) -> str:
        return f"<einport backend {self.name}>"
