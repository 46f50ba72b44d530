"""From scores to probabilities, and what is measured and drawn from them."""

from __future__ import annotations

import math
from typing import Any, TypeVar

from einops import rearrange

from ..backends import Backend
from ..operation import operation
from . import _checks as check

__all__ = [
    "binary_cross_entropy",
    "classifier_accuracy",
    "cross_entropy",
    "entropy",
    "kl_divergence",
    "log_softmax",
    "logsumexp",
    "sample_distribution",
    "softmax",
    "squared_error",
]

A = TypeVar("A")

SLACK = 0.01
"""How far probabilities may sum from 1: more than 16-bit floats lose by rounding."""


@operation
def logsumexp(x: A) -> A:
    """The logarithm of the sum of exponentials along the last axis.

    The maximum is subtracted first, so that no score is too large. 16-bit floats are computed in
    float32. A row of −inf alone, or an empty one, gives −inf.

    Args:
        x: `(..., n)`; real numbers or booleans, which become the framework's default float.

    Returns:
        `(...)`: `log Σ exp(x)`.

    Raises:
        TypeError: `x` is not an array, or holds no real numbers.
        ValueError: `x` has no axis.

    Source: P. Blanchard et al., "Accurately computing the log-sum-exp and softmax functions",
    IMA Journal of Numerical Analysis, 2021.

    >>> import numpy as np
    >>> logsumexp(np.array([1000.0, 1000.0])).round(3).item()
    1000.693
    """
    xp, x = _scores("logsumexp", x)
    wide = xp.widen(x)
    if xp.shape(x)[-1] == 0:
        return xp.astype(xp.log(xp.sum(wide, axis=-1)), xp.dtype(x))
    top = xp.max(wide, axis=-1, keepdims=True)
    # ±inf less itself is NaN: rows with such a maximum subtract 0.
    top = xp.where((top == math.inf) | (top == -math.inf), 0.0, top)
    total = xp.log(xp.sum(xp.exp(wide - top), axis=-1, keepdims=True)) + top
    return xp.astype(rearrange(total, "... 1 -> ..."), xp.dtype(x))


@operation
def softmax(x: A) -> A:
    """Turn the scores along the last axis into probabilities.

    The maximum is subtracted first, so that no score is too large. 16-bit floats are computed in
    float32. A row of −inf alone, or with a NaN or +inf, gives NaN; an empty row stays empty.

    Args:
        x: `(..., n)`; real numbers or booleans, which become the framework's default float.

    Returns:
        `(..., n)`: `exp(x) / Σ exp(x)`; rows sum to one.

    Raises:
        TypeError: `x` is not an array, or holds no real numbers.
        ValueError: `x` has no axis.

    Source: J. Bridle, "Probabilistic Interpretation of Feedforward Classification Network
    Outputs", 1990.

    >>> import numpy as np
    >>> softmax(np.log(np.array([1.0, 3.0]))).round(3).tolist()
    [0.25, 0.75]
    """
    xp, x = _scores("softmax", x)
    if xp.shape(x)[-1] == 0:
        return x
    wide = xp.widen(x)
    power = xp.exp(wide - xp.max(wide, axis=-1, keepdims=True))
    rows: A = xp.astype(power / xp.sum(power, axis=-1, keepdims=True), xp.dtype(x))
    return rows


@operation
def log_softmax(x: A) -> A:
    """The logarithm of `softmax`, exact where the probability is too small to tell from 0.

    The maximum is subtracted first, so that no score is too large. 16-bit floats are computed in
    float32. A row of −inf alone, or with a NaN or +inf, gives NaN; an empty row stays empty.

    Args:
        x: `(..., n)`; real numbers or booleans, which become the framework's default float.

    Returns:
        `(..., n)`: `x − log Σ exp(x)`.

    Raises:
        TypeError: `x` is not an array, or holds no real numbers.
        ValueError: `x` has no axis.

    Source: P. Blanchard et al., "Accurately computing the log-sum-exp and softmax functions",
    IMA Journal of Numerical Analysis, 2021.

    >>> import numpy as np
    >>> log_softmax(np.array([1000.0, 1000.0])).round(3).tolist()
    [-0.693, -0.693]
    """
    xp, x = _scores("log_softmax", x)
    if xp.shape(x)[-1] == 0:
        return x
    shifted, log_total = _shift(xp, xp.widen(x))
    rows: A = xp.astype(shifted - log_total, xp.dtype(x))
    return rows


@operation
def cross_entropy(logits: A, labels: A) -> A:
    """How surprising each example's true class is, from the scores of all.

    16-bit floats are computed in float32. While tracing, a label out of range is not noticed, and
    what it gives is not specified.

    Args:
        logits: `(b, n)`, floating.
        labels: `(b,)`, integers from 0 to n − 1.

    Returns:
        `(b,)`: `−log softmax(logits)[label]`, natural logarithm, for each example; inf where the
        true class has −inf, NaN where every class has or one is NaN or +inf.

    Raises:
        TypeError: an argument is not an array, `logits` is not floating or `labels` not integers,
            or frameworks are mixed.
        ValueError: `logits` does not have 2 axes, has no classes, or there is not one label for
            each example.
        IndexError: a label is out of range.

    Source: I. Goodfellow et al., "Deep Learning", 2016, section 6.2.1.1.

    >>> import numpy as np
    >>> cross_entropy(np.log([[0.25, 0.75], [0.5, 0.5]]), np.array([0, 1])).round(3).tolist()
    [1.386, 0.693]
    """
    op = "cross_entropy"
    xp = check.arrays(op, logits=logits, labels=labels)
    check.floating(op, "logits", xp, logits)
    _check_labels(op, xp, "logits", logits, labels)
    shifted, log_total = _shift(xp, xp.widen(logits))
    true = xp.take_along_axis(shifted, rearrange(labels, "b -> b 1"), axis=1, in_range=True)
    return xp.astype(rearrange(log_total - true, "b 1 -> b"), xp.dtype(logits))


@operation
def binary_cross_entropy(p: A, y: A) -> A:
    """How surprising the outcome `y` is to one who gave it probability `p`, element by element.

    0·log 0 counts as 0. Small probabilities keep their digits: log(1 − p) is not computed from a
    rounded 1 − p. 16-bit floats are computed in float32. Outside 0 … 1 `p` gives NaN.

    Args:
        p: any shape, floating; probabilities.
        y: of the same shape and dtype; 1 where it happened, 0 where not, or anything between.

    Returns:
        The same shape: `−(y·log p + (1 − y)·log(1 − p))`, natural logarithms; inf where what is
        certain did not happen. Its gradient by `p` is `−y/p + (1 − y)/(1 − p)`.

    Raises:
        TypeError: an argument is not a floating array, or frameworks or dtypes are mixed.
        ValueError: shapes differ.

    Source: I. Goodfellow et al., "Deep Learning", 2016, section 6.2.2.2.

    >>> import numpy as np
    >>> p, y = np.array([0.25, 0.25, 0.0]), np.array([1.0, 0.0, 0.0])
    >>> binary_cross_entropy(p, y).round(3).tolist()
    [1.386, 0.288, 0.0]
    """
    xp = _check_pair("binary_cross_entropy", p=p, y=y)
    wide, outcome = xp.widen(p), xp.widen(y)
    happened = outcome * _log_or_zero(xp, wide, outcome)
    not_happened = (1 - outcome) * _log_of_rest(xp, wide, outcome)
    error: A = xp.astype(0 - (happened + not_happened), xp.dtype(p))
    return error


@operation
def squared_error(x: A, y: A) -> A:
    """Half the square of the difference, element by element.

    16-bit floats are computed in float32.

    Args:
        x: any shape, floating.
        y: of the same shape and dtype.

    Returns:
        The same shape: `½(x − y)²`. Its gradient by `x` is `x − y`.

    Raises:
        TypeError: an argument is not a floating array, or frameworks or dtypes are mixed.
        ValueError: shapes differ.

    Source: C. Bishop, "Pattern Recognition and Machine Learning", 2006, equation 1.2.

    >>> import numpy as np
    >>> squared_error(np.array([1.0, 5.0]), np.array([1.0, 3.0])).tolist()
    [0.0, 2.0]
    """
    xp = _check_pair("squared_error", x=x, y=y)
    difference: Any = xp.widen(x) - xp.widen(y)
    error: A = xp.astype(0.5 * (difference * difference), xp.dtype(x))
    return error


@operation
def entropy(p: A) -> A:
    """How uncertain a distribution along the last axis is, in nats.

    0·log 0 counts as 0, with a gradient of 0 there. 16-bit floats are computed in float32. A
    negative probability gives NaN.

    Args:
        p: `(..., n)`, floating; probabilities, which need not sum to one.

    Returns:
        `(...)`: `−Σ p·log p`.

    Raises:
        TypeError: `p` is not a floating array.
        ValueError: `p` has no axis.

    Source: C. Shannon, "A Mathematical Theory of Communication", 1948.

    >>> import numpy as np
    >>> entropy(np.array([0.5, 0.5, 0.0])).round(3).item()
    0.693
    """
    op = "entropy"
    xp = check.array(op, "p", p)
    check.floating(op, "p", xp, p)
    check.rank(op, "p", xp.shape(p), "... n")
    wide = xp.widen(p)
    total = xp.sum(wide * _log_or_zero(xp, wide, wide), axis=-1)
    nats: A = xp.astype(0 - total, xp.dtype(p))
    return nats


@operation
def kl_divergence(p: A, q: A) -> A:
    """How far the distribution `q` is from `p` along the last axis, in nats.

    0·log 0 counts as 0, with a finite gradient there. 16-bit floats are computed in float32. A
    negative probability gives NaN.

    Args:
        p: `(..., n)`, floating; probabilities.
        q: of the same shape and dtype.

    Returns:
        `(...)`: `Σ p·(log p − log q)`; inf where `q` is 0 and `p` is not.

    Raises:
        TypeError: an argument is not a floating array, or frameworks or dtypes are mixed.
        ValueError: shapes differ, or the arrays have no axis.

    Source: S. Kullback and R. Leibler, "On Information and Sufficiency", 1951.

    >>> import numpy as np
    >>> kl_divergence(np.array([1.0, 0.0]), np.array([0.5, 0.5])).round(3).item()
    0.693
    """
    op = "kl_divergence"
    xp = _check_pair(op, p=p, q=q)
    check.rank(op, "p", xp.shape(p), "... n")
    true, other = xp.widen(p), xp.widen(q)
    logs = _log_or_zero(xp, true, true) - _log_or_zero(xp, other, true)
    nats: A = xp.astype(xp.sum(true * logs, axis=-1), xp.dtype(p))
    return nats


@operation
def sample_distribution(probs: A, uniforms: A) -> A:
    """Draw classes by their probability, from uniform numbers that the caller brings.

    The class of a number is the first whose cumulative probability is above it: one that equals a
    bound belongs to the class after it. What rounding leaves between the last bound and 1 goes to
    the last class that has a probability. Sums are made in float32 or wider; memory is O(n + k).

    While tracing, values cannot be checked: numbers that are no probabilities then give some
    class, and the number of classes must be known.

    Args:
        probs: `(k,)`, floating; from 0 up, sum 1.
        uniforms: `(n,)` of the same dtype; from 0 to 1.

    Returns:
        `(n,)`: integers from 0 to k − 1.

    Raises:
        TypeError: an argument is not a floating array, or frameworks or dtypes are mixed.
        ValueError: an argument does not have 1 axis, there are no classes, a probability is
            negative or NaN, they do not sum to 1, or a number is not from 0 to 1.

    Source: L. Devroye, "Non-Uniform Random Variate Generation", 1986, section III.2.

    >>> import numpy as np
    >>> sample_distribution(np.array([0.25, 0.0, 0.75]), np.array([0.0, 0.25, 0.9])).tolist()
    [0, 2, 2]
    """
    op = "sample_distribution"
    xp = _check_distribution(op, probs, uniforms)
    classes = int(xp.shape(probs)[0])
    above = xp.cumulative_sum(xp.widen(probs))
    # No number is past the last bound, so that it cannot count as passed.
    above = xp.where(above == above[-1], math.inf, above)
    # The class is how many bounds a number has passed: a binary search for all numbers at once,
    # in steps of falling powers of 2, over a number of bounds that is a power of 2 less 1.
    steps = [2**i for i in reversed(range(classes.bit_length()))]
    above = xp.pad(above, [(0, 2 * steps[0] - 1 - classes)], value=math.inf)
    wide: Any = xp.widen(uniforms)
    found = steps[0] * xp.astype(wide >= above[steps[0] - 1], xp.index_dtype)
    for step in steps[1:]:
        bounds = xp.take(above, found + (step - 1), axis=0, in_range=True)
        found = found + step * xp.astype(wide >= bounds, xp.index_dtype)
    return found


@operation
def classifier_accuracy(scores: A, labels: A) -> A:
    """The share of examples whose largest score is that of the true class.

    Ties go to the lowest class; a NaN counts as the largest score. While tracing, a label out of
    range is not noticed and counts as wrong.

    Args:
        scores: `(b, n)`, real numbers or booleans.
        labels: `(b,)`, integers from 0 to n − 1.

    Returns:
        `()`: in the dtype of the scores, or for integers and booleans the framework's default
        float.

    Raises:
        TypeError: an argument is not an array, `scores` holds no real numbers, `labels` no
            integers, or frameworks are mixed.
        ValueError: `scores` does not have 2 axes, has no examples or classes, or there is not one
            label for each example.
        IndexError: a label is out of range.

    Source: top-1 accuracy, as in O. Russakovsky et al., "ImageNet Large Scale Visual Recognition
    Challenge", 2015.

    >>> import numpy as np
    >>> classifier_accuracy(np.array([[0.9, 0.1], [0.5, 0.5]]), np.array([0, 1])).item()
    0.5
    """
    op = "classifier_accuracy"
    xp = check.arrays(op, scores=scores, labels=labels)
    check.real(op, "scores", xp, scores)
    _check_labels(op, xp, "scores", scores, labels)
    check.not_empty(op, "scores", xp.shape(scores), {"examples": 0})
    right = xp.argmax(scores, axis=1) == xp.astype(labels, xp.index_dtype)
    dtype = xp.dtype(scores) if xp.is_floating(scores) else xp.default_float
    share: A = xp.mean(xp.astype(right, dtype))
    return share


def _scores(op: str, x: Any) -> tuple[Backend, Any]:
    """The adapter and the scores, in floats, of which there must be an axis."""
    xp = check.array(op, "x", x)
    check.real(op, "x", xp, x)
    check.rank(op, "x", xp.shape(x), "... n")
    return xp, x if xp.is_floating(x) else xp.astype(x, xp.default_float)


def _shift(xp: Backend, wide: Any) -> tuple[Any, Any]:
    """Scores less their maximum, and the logarithm of the sum of their exponentials."""
    shifted = wide - xp.max(wide, axis=-1, keepdims=True)
    return shifted, xp.log(xp.sum(xp.exp(shifted), axis=-1, keepdims=True))


def _log_or_zero(xp: Backend, x: Any, factor: Any) -> Any:
    """The logarithm, but 0 where it is that of 0 and the factor is 0: their product is 0 then.

    The logarithm must not see such an x at all, or its gradient is 0·inf.
    """
    return xp.log(xp.where((x == 0) & (factor == 0), 1.0, x))


def _log_of_rest(xp: Backend, p: Any, y: Any) -> Any:
    """log(1 − p), but 0 where both p and y are 1: the factor 1 − y is 0 then.

    From a half on, 1 − p is exact. Below, it rounds to a rest, and log(rest)·p/(1 − rest) makes
    up for what the rounding lost: W. Kahan's way to log1p from a logarithm.
    """
    small = p < 0.5
    exact = xp.log(xp.where(small | ((p == 1) & (y == 1)), 1.0, 1 - p))
    part = xp.where(small, p, 0.25)
    rest = 1 - part
    lost = 1 - rest
    tiny = lost == 0
    slope = xp.log(xp.where(tiny, 0.5, rest)) / xp.where(tiny, 0.5, lost)
    return xp.where(small, xp.where(tiny, -part, slope * part), exact)


def _check_pair(op: str, **named: Any) -> Backend:
    """Two floating arrays of one framework, dtype and shape."""
    xp = check.arrays(op, **named)
    for name, x in named.items():
        check.floating(op, name, xp, x)
    check.same_dtype(op, xp, **named)
    check.same_shape(op, xp, **named)
    return xp


def _check_labels(op: str, xp: Backend, name: str, scores: Any, labels: Any) -> None:
    """One label for each row of scores, and each the number of a column."""
    check.integers(op, "labels", xp, labels)
    shape, given = xp.shape(scores), xp.shape(labels)
    check.rank(op, name, shape, "b n")
    check.rank(op, "labels", given, "b")
    check.not_empty(op, name, shape, {"classes": 1})
    if not check.equal(shape[0], given[0]):
        raise ValueError(
            f"{op}: labels must have shape {check.show(shape[:1])}, one for each row of {name}, "
            f"got {check.show(given)} ({name} has shape {check.show(shape)})"
        )
    if isinstance(shape[1], int):
        check.ids(op, "labels", xp, labels, shape[1])


def _check_distribution(op: str, probs: Any, uniforms: Any) -> Backend:
    """Probabilities that sum to 1 and numbers from 0 to 1, as far as they can be read."""
    named = {"probs": probs, "uniforms": uniforms}
    xp = check.arrays(op, **named)
    for name, x in named.items():
        check.floating(op, name, xp, x)
    check.same_dtype(op, xp, **named)
    shape = xp.shape(probs)
    check.rank(op, "probs", shape, "k")
    check.rank(op, "uniforms", xp.shape(uniforms), "n")
    check.not_empty(op, "probs", shape, {"classes": 0})
    if shape[0] is None:
        raise ValueError(f"{op}: the number of classes must be known, got probs of shape (?,)")
    # The host computes: what is computed from a constant inside a trace cannot be read.
    if xp.can_check(probs):
        values = xp.to_numpy(probs)
        least, total = float(values.min()), float(values.sum(dtype="float64"))
        if not least >= 0:
            raise ValueError(f"{op}: probs must not be negative or NaN, got {least:g}")
        if not abs(total - 1) <= SLACK:
            raise ValueError(f"{op}: probs must sum to 1, got {total:g}")
    if xp.can_check(uniforms) and 0 not in xp.shape(uniforms):
        values = xp.to_numpy(uniforms)
        low, high = float(values.min()), float(values.max())
        if not (low >= 0 and high <= 1):
            bad = high if low >= 0 else low
            raise ValueError(f"{op}: uniforms must be from 0 to 1, got {bad:g}")
    return xp
