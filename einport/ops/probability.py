"""Softmax and its kin, losses, information measures, accuracy and sampling of classes."""

from __future__ import annotations

import math
from typing import Any, TypeVar

from einops import rearrange

from .. import expect
from ..backends import Backend, backend_of
from ..operation import operation
from ._numerics import finite_or_zero

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

A = TypeVar("A", bound=Any)

SLACK = 0.01
"""How far probabilities may sum from 1: more than 16-bit floats lose by rounding."""


def _check_scores(x: Any) -> None:
    xp = expect.arrays(x=x)
    expect.real(xp, x=x)
    expect.axes(xp, "... n", x=x)


@operation(checks=_check_scores, in_float32=True)
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
    xp = backend_of(x)
    if xp.shape(x)[-1] == 0:
        return xp.log(xp.sum(x, axis=-1))
    # ±inf − ±inf would be NaN: rows with such a maximum subtract 0.
    top = finite_or_zero(xp, xp.max(x, axis=-1, keepdims=True))
    total = xp.log(xp.sum(xp.exp(x - top), axis=-1, keepdims=True)) + top
    return rearrange(total, "... 1 -> ...")


@operation(checks=_check_scores, in_float32=True)
def softmax(x: A) -> A:
    """Softmax along the last axis: turn scores into probabilities.

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
    xp = backend_of(x)
    if xp.shape(x)[-1] == 0:
        return x
    power = xp.exp(x - xp.max(x, axis=-1, keepdims=True))
    return power / xp.sum(power, axis=-1, keepdims=True)


@operation(checks=_check_scores, in_float32=True)
def log_softmax(x: A) -> A:
    """Logarithm of `softmax`, accurate where the probability underflows to 0.

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
    xp = backend_of(x)
    if xp.shape(x)[-1] == 0:
        return x
    shifted, log_total = _shift(xp, x)
    return shifted - log_total


def _check_cross_entropy(logits: Any, labels: Any) -> None:
    xp = expect.arrays(logits=logits, labels=labels)
    expect.floating(xp, logits=logits)
    _check_labels(xp, labels, logits=logits)


@operation(checks=_check_cross_entropy, in_float32=True)
def cross_entropy(logits: A, labels: A) -> A:
    """Per-example cross-entropy of logits with integer labels.

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
    xp = backend_of(logits)
    shifted, log_total = _shift(xp, logits)
    true = xp.take_along_axis(shifted, rearrange(labels, "b -> b 1"), axis=1, in_range=True)
    return rearrange(log_total - true, "b 1 -> b")


def _check_binary_cross_entropy(p: Any, y: Any) -> None:
    xp = expect.floats_alike(p=p, y=y)
    expect.same_shape(xp, p=p, y=y)


@operation(checks=_check_binary_cross_entropy, in_float32=True)
def binary_cross_entropy(p: A, y: A) -> A:
    """Binary cross-entropy of probabilities `p` with outcomes `y`, element by element.

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
    xp = backend_of(p)
    happened = y * _log_or_zero(xp, p, y)
    not_happened = (1 - y) * _log_of_rest(xp, p, y)
    error = 0 - (happened + not_happened)
    return xp.astype(error, xp.dtype(p))  # NumPy's arithmetic without axes gives scalars


def _check_squared_error(x: Any, y: Any) -> None:
    xp = expect.floats_alike(x=x, y=y)
    expect.same_shape(xp, x=x, y=y)


@operation(checks=_check_squared_error, in_float32=True)
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
    xp, difference = backend_of(x), x - y
    error = 0.5 * (difference * difference)
    return xp.astype(error, xp.dtype(x))  # NumPy's arithmetic without axes gives scalars


def _check_entropy(p: Any) -> None:
    xp = expect.floats_alike(p=p)
    expect.axes(xp, "... n", p=p)


@operation(checks=_check_entropy, in_float32=True)
def entropy(p: A) -> A:
    """Shannon entropy along the last axis, in nats.

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
    xp = backend_of(p)
    nats = 0 - xp.sum(p * _log_or_zero(xp, p, p), axis=-1)
    return xp.astype(nats, xp.dtype(p))  # NumPy's arithmetic without axes gives scalars


def _check_kl_divergence(p: Any, q: Any) -> None:
    xp = expect.floats_alike(p=p, q=q)
    expect.same_shape(xp, p=p, q=q)
    expect.axes(xp, "... n", p=p)


@operation(checks=_check_kl_divergence, in_float32=True)
def kl_divergence(p: A, q: A) -> A:
    """Kullback–Leibler divergence KL(p ‖ q) along the last axis, in nats.

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
    xp = backend_of(p)
    logs = _log_or_zero(xp, p, p) - _log_or_zero(xp, q, p)
    return xp.sum(p * logs, axis=-1)


def _check_sample_distribution(probs: Any, uniforms: Any) -> None:
    xp = expect.floats_alike(probs=probs, uniforms=uniforms)
    shape = expect.axes(xp, "k", probs=probs)
    expect.axes(xp, "n", uniforms=uniforms)
    expect.not_empty(xp, {"classes": 0}, probs=probs)
    if shape[0] is None:
        raise expect.value_error("the number of classes must be known, got probs of shape (?,)")
    # The host computes: what is computed from a constant inside a trace cannot be read.
    if xp.can_check(probs):
        values = xp.to_numpy(probs)
        least, total = float(values.min()), float(values.sum(dtype="float64"))
        if not least >= 0:
            raise expect.value_error(f"probs must not be negative or NaN, got {least:g}")
        if not abs(total - 1) <= SLACK:
            raise expect.value_error(f"probs must sum to 1, got {total:g}")
    if xp.can_check(uniforms) and 0 not in xp.shape(uniforms):
        values = xp.to_numpy(uniforms)
        low, high = float(values.min()), float(values.max())
        if not (low >= 0 and high <= 1):
            bad = high if low >= 0 else low
            raise expect.value_error(f"uniforms must be from 0 to 1, got {bad:g}")


@operation(checks=_check_sample_distribution, in_float32=True)
def sample_distribution(probs: A, uniforms: A) -> A:
    """Sample classes of a categorical distribution by inverse transform of given uniform numbers.

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
    xp = backend_of(probs)
    bounds = xp.cumulative_sum(probs)
    # The last bound is the sum of all: that a number reaches it must not count.
    bounds = xp.where(bounds == bounds[-1], math.inf, bounds)
    return _count_passed(xp, bounds, uniforms)


def _check_classifier_accuracy(scores: Any, labels: Any) -> None:
    xp = expect.arrays(scores=scores, labels=labels)
    expect.real(xp, scores=scores)
    _check_labels(xp, labels, scores=scores)
    expect.not_empty(xp, {"examples": 0}, scores=scores)


@operation(checks=_check_classifier_accuracy)
def classifier_accuracy(scores: A, labels: A) -> A:
    """Top-1 accuracy: the share of examples whose largest score is that of the true class.

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
    xp = backend_of(scores)
    right = xp.argmax(scores, axis=1) == xp.astype(labels, xp.index_dtype)
    dtype = xp.dtype(scores) if xp.is_floating(scores) else xp.default_float
    return xp.mean(xp.astype(right, dtype))


def _check_labels(xp: Backend, labels: Any, **named: Any) -> None:
    """One label for each row of scores, each the number of a column."""
    (name,) = named
    expect.integers(xp, labels=labels)
    shape = expect.axes(xp, "b n", **named)
    given = expect.axes(xp, "b", labels=labels)
    expect.not_empty(xp, {"classes": 1}, **named)
    if not expect.equal(shape[0], given[0]):
        raise expect.value_error(
            f"labels must have shape {expect.show(shape[:1])}, one for each row of {name}, "
            f"got {expect.show(given)} ({name} has shape {expect.show(shape)})"
        )
    if isinstance(shape[1], int):
        expect.ids(xp, shape[1], labels=labels)


def _shift(xp: Backend, x: Any) -> tuple[Any, Any]:
    """Scores minus their maximum, and the logarithm of the sum of their exponentials."""
    shifted = x - xp.max(x, axis=-1, keepdims=True)
    return shifted, xp.log(xp.sum(xp.exp(shifted), axis=-1, keepdims=True))


def _log_or_zero(xp: Backend, x: Any, factor: Any) -> Any:
    """log(x), but 0 where both x and the factor that it is multiplied by are 0: 0·log 0 is 0.

    Such an x is replaced before the logarithm, or the gradient would be 0·inf.
    """
    return xp.log(xp.where((x == 0) & (factor == 0), 1.0, x))


def _log_of_rest(xp: Backend, p: Any, y: Any) -> Any:
    """log(1 − p), but 0 where both p and y are 1: the factor 1 − y is 0 then.

    From 1/2 on, 1 − p is exact. Below, it is rounded, to r say, and log(r)·p/(1 − r) corrects for
    the rounding: W. Kahan's log1p by means of log.
    """
    small = p < 0.5
    exact = xp.log(xp.where(small | ((p == 1) & (y == 1)), 1.0, 1 - p))
    part = xp.where(small, p, 0.25)
    rest = 1 - part
    lost = 1 - rest
    tiny = lost == 0
    slope = xp.log(xp.where(tiny, 0.5, rest)) / xp.where(tiny, 0.5, lost)
    return xp.where(small, xp.where(tiny, -part, slope * part), exact)


def _count_passed(xp: Backend, bounds: Any, numbers: Any) -> Any:
    """How many of the ascending bounds each number reaches.

    A binary search for all numbers at once, in steps of descending powers of 2. The bounds are
    padded to a power of 2 less 1.
    """
    count = int(xp.shape(bounds)[0])
    steps = [2**i for i in reversed(range(count.bit_length()))]
    bounds = xp.pad(bounds, [(0, 2 * steps[0] - 1 - count)], value=math.inf)
    passed = steps[0] * xp.astype(numbers >= bounds[steps[0] - 1], xp.index_dtype)
    for step in steps[1:]:
        nearest = xp.take(bounds, passed + (step - 1), axis=0, in_range=True)
        passed = passed + step * xp.astype(numbers >= nearest, xp.index_dtype)
    return passed
