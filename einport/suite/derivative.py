"""Derivatives along a random direction: the framework's own, and the oracle's by differences.

The results are added up with random weights (the cotangent), and the inputs move along a random
direction, so that one number speaks for every element of the gradient.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..backends import Backend
from ..backends.trees import tree_leaves, tree_map
from ..catalog import Case, Entry
from .calls import Call
from .drivers import driver_of
from .expected import expected_of
from .inputs import Input, draw_inputs, fingerprint, round_to, to_backend, to_oracle
from .judge import Verdict, Wrong

DERIVATIVE_ERROR = {"float64": 1e-6, "float16": 2.0**-6, "bfloat16": 2.0**-6}
"""What a derivative may be off, relative to the terms that it is the sum of.

In 16 bits each term is rounded: the bound is loose, and is there to see that nothing is lost.
"""

STEP = 1e-6
"""How far the oracle's inputs are moved, each way."""


class Derivative(NamedTuple):
    """A framework's derivative along the direction."""

    value: float
    size: float
    """The sum of the absolute terms that it is the sum of."""
    gradients: int
    """How many arrays have a gradient."""


class Slope(NamedTuple):
    """The oracle's derivative along the direction."""

    value: float
    noise: float
    """What rounding the results may have made of the difference."""


_measured: dict[Any, Slope] = {}


def oracle_derivative(entry: Entry, case: Case, dtype: str, inputs: Any) -> Slope:
    """The oracle's derivative along the direction, by central differences; kept."""
    key = (entry.name, dtype, fingerprint(inputs))
    if key not in _measured:
        ahead, _, behind, noise = _stepped(entry, case, dtype, inputs)
        _measured[key] = Slope((ahead - behind) / (2 * STEP), noise)
    return _measured[key]


def oracle_has_derivative(entry: Entry, case: Case) -> bool:
    """Whether the oracle's results change smoothly along the direction.

    Not where they do not change, where they change otherwise ahead than behind, where something is
    not finite, and where the results are so large that the difference is lost.
    """
    if "float64" not in entry.dtypes_of(case):
        return False
    inputs = draw_inputs(case, "float64", entry.name)
    floats = [leaf.plain for leaf in tree_leaves(inputs) if _is_float(leaf)]
    if not all(np.isfinite(plain).all() for plain in floats):
        return False
    ahead, here, behind, noise = _stepped(entry, case, "float64", inputs)
    forward, backward = (ahead - here) / STEP, (here - behind) / STEP
    slope = max(abs(forward), abs(backward))
    if not np.isfinite(slope) or slope <= 2 * noise:
        return False
    return bool(abs(forward - backward) <= 1e-3 * slope + 2 * noise)


def _stepped(
    entry: Entry, case: Case, dtype: str, inputs: Any
) -> tuple[float, float, float, float]:
    """The weighted sum a step ahead, here, and a step behind; and the noise in a derivative."""
    directions, weights = _drawn(entry, case, inputs, dtype)
    with np.errstate(all="ignore"):
        near = [_oracle(entry, _moved(inputs, directions, step)) for step in (STEP, -STEP)]
        ahead, behind = (_weighted(tree, weights) for tree in near)
        tree, _ = expected_of(entry, case, "float64", inputs)
        here = _weighted(tree, weights)
        terms = zip(_floats(tree), weights, strict=True)
        size = sum(float(np.sum(np.abs(out * weight))) for out, weight in terms)
    return ahead, here, behind, 1e-15 * size / STEP


def own_derivative(
    entry: Entry,
    case: Case,
    xp: Backend,
    device: str,
    dtype: str,
    inputs: Any,
    compiled: bool = False,
    through: Callable[[Any], Any] = lambda call: call,
) -> Derivative:
    """The framework's derivative by reverse mode, of the call or of what `through` makes of it.

    Raises:
        Wrong: A gradient has not the shape and dtype of its array.
    """
    call = Call(entry, xp, to_backend(xp, inputs, device))
    flags = [_is_float(leaf) for leaf in tree_leaves(inputs) if isinstance(leaf, Input)]
    run = through(driver_of(xp).compile(call, "compiled-gradient") if compiled else call)

    def loss(floats: list[Any]) -> Any:
        remaining = iter(floats)
        arrays = [
            next(remaining) if flag else x for flag, x in zip(flags, call.arrays, strict=True)
        ]
        return weighted_sum(entry, case, xp, dtype, inputs, run(*arrays))

    floats = [x for flag, x in zip(flags, call.arrays, strict=True) if flag]
    differentiate = driver_of(xp).at_once(xp.value_and_grad(loss))
    _, gradients = differentiate(floats)
    return derivative_of(entry, case, xp, dtype, inputs, floats, gradients)


def weighted_sum(
    entry: Entry, case: Case, xp: Backend, dtype: str, inputs: Any, results: Sequence[Any]
) -> Any:
    """The sum of the results, each element times its weight."""
    _, weights = _drawn(entry, case, inputs, dtype)
    outs = [out for out in results if xp.is_floating(out)]
    terms = [
        xp.sum(out * xp.asarray(weight, dtype, xp.device(out) if xp.is_concrete(out) else None))
        for out, weight in zip(outs, weights, strict=True)
    ]
    return sum(terms[1:], terms[0])


def derivative_of(
    entry: Entry,
    case: Case,
    xp: Backend,
    dtype: str,
    inputs: Any,
    arrays: Sequence[Any],
    gradients: Sequence[Any],
) -> Derivative:
    """The derivative along the direction that the gradients of `weighted_sum` amount to.

    Raises:
        Wrong: A gradient has not the shape and dtype of its array.
    """
    directions, _ = _drawn(entry, case, inputs, dtype)
    terms = []
    for x, gradient, direction in zip(arrays, gradients, directions, strict=True):
        if xp.shape(gradient) != xp.shape(x) or xp.dtype(gradient) != xp.dtype(x):
            raise Wrong(
                f"a gradient has {xp.dtype(gradient)} and shape {tuple(xp.shape(gradient))}, "
                f"expected {xp.dtype(x)} and {tuple(xp.shape(x))}"
            )
        terms.append(xp.to_numpy(gradient) * direction)
    total, size = (sum(float(np.sum(f(t))) for t in terms) for f in (np.asarray, np.abs))
    return Derivative(total, size, len(terms))


def judge_derivative(
    entry: Entry, case: Case, dtype: str, inputs: Any, found: Derivative
) -> Verdict:
    """Compare a derivative with the oracle's.

    Raises:
        Wrong: They differ.
    """
    expected, noise = oracle_derivative(entry, case, dtype, inputs)
    allowed = DERIVATIVE_ERROR[dtype] * (found.size + abs(expected)) + noise
    if not abs(found.value - expected) <= allowed:
        raise Wrong(f"the derivative is {found.value:.9g}, expected {expected:.9g} ± {allowed:.2g}")
    return Verdict(1 + found.gradients, 0.0)


def _drawn(entry: Entry, case: Case, inputs: Any, dtype: str) -> tuple[list[Any], list[Any]]:
    """A direction for each float among the inputs, and weights for each among the results.

    The weights are exact in the dtype.
    """
    random = np.random.default_rng(zlib.crc32(f"{entry.name}/{case.name}".encode()))
    moved = [leaf for leaf in tree_leaves(inputs) if _is_float(leaf)]
    directions = [_exact(leaf.plain, random.normal(size=leaf.plain.shape)) for leaf in moved]
    expected, _ = expected_of(entry, case, "float64", inputs)
    weights = [random.normal(size=out.shape) for out in _floats(expected)]
    return directions, [round_to(weight, dtype) for weight in weights]


def _exact(x: Any, direction: Any) -> Any:
    """The direction that x really moves in: x ± a step along it is rounded, and NaN stays NaN."""
    with np.errstate(all="ignore"):
        moved = ((x + STEP * direction) - (x - STEP * direction)) / (2 * STEP)
    return np.where(np.isfinite(x), moved, 0)


def _is_float(leaf: Any) -> bool:
    return isinstance(leaf, Input) and "float" in leaf.dtype


def _floats(tree: Any) -> list[Any]:
    leaves = [np.asarray(leaf) for leaf in tree_leaves(tree)]
    return [leaf for leaf in leaves if leaf.dtype.kind == "f"]


def _oracle(entry: Entry, inputs: Any) -> Any:
    args, kwargs = to_oracle(inputs)
    return entry.oracle(*args, **kwargs)


def _weighted(tree: Any, weights: list[Any]) -> float:
    pairs = zip(_floats(tree), weights, strict=True)
    return float(sum(np.sum(out * weight) for out, weight in pairs))


def _moved(inputs: Any, directions: list[Any], step: float) -> Any:
    remaining = iter(directions)

    def moved(leaf: Any) -> Any:
        if not _is_float(leaf):
            return leaf
        return Input(leaf.plain + step * next(remaining), leaf.dtype)

    return tree_map(moved, inputs)
