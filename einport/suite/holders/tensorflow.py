"""What users of TensorFlow hold: variables, and arrays whose sizes are not known yet."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from ...backends import Backend
from ...catalog import Case, Entry
from ..calls import Call
from ..derivative import derivative_of, judge_derivative, weighted_sum
from ..expected import judge_arrays
from ..inputs import draw_inputs, to_backend
from ..judge import Verdict, Wrong


def variables(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """Variables, eager and in a graph, and their gradients."""
    inputs = draw_inputs(case, dtype, entry.name)
    call = _WithVariables(entry, xp, to_backend(xp, inputs, device))
    verdict = Verdict(0, 0.0)
    for run in (call, tf.function(lambda: call(), autograph=False)):
        verdict = verdict.with_(judge_arrays(entry, case, xp, device, dtype, inputs, run()))
    if entry.no_gradient or case.no_gradient or dtype != "float64":
        return verdict

    def gradients() -> Any:
        with tf.GradientTape() as tape:
            loss = weighted_sum(entry, case, xp, dtype, inputs, call())
        return tape.gradient(loss, call.variables, unconnected_gradients="zero")

    for found in (gradients(), tf.function(gradients, autograph=False)()):
        _check_dense(found)
        derivative = derivative_of(entry, case, xp, dtype, inputs, call.variables, found)
        verdict = verdict.with_(judge_derivative(entry, case, dtype, inputs, derivative))
    return verdict


class _WithVariables:
    """A call whose floats are variables."""

    def __init__(self, entry: Entry, xp: Backend, arguments: Any) -> None:
        self._call = Call(entry, xp, arguments)
        arrays = self._call.arrays
        self._held = [tf.Variable(x) if x.dtype.is_floating else x for x in arrays]
        self.variables = [x for x in self._held if isinstance(x, tf.Variable)]

    def __call__(self) -> list[Any]:
        """The results."""
        return self._call(*self._held)


def _check_dense(gradients: list[Any]) -> None:
    """Gradients must be tensors, whose norm TensorFlow's functions find."""
    if not all(isinstance(x, tf.Tensor) for x in gradients):
        kinds = sorted({type(x).__name__ for x in gradients})
        raise Wrong(f"gradients are {', '.join(kinds)}: sparse ones are clipped wrongly")
    wanted = np.sqrt(sum(float(np.sum(np.square(x.numpy()))) for x in gradients))
    clipped, norm = tf.clip_by_global_norm(gradients, 1.0)
    if not np.allclose(norm.numpy(), wanted, rtol=1e-5):
        raise Wrong(f"the global norm is {norm.numpy():.9g}, expected {wanted:.9g}")
    for x, whole in zip(clipped, gradients, strict=True):
        if not np.allclose(x.numpy(), whole.numpy() / max(wanted, 1.0), rtol=1e-5):
            raise Wrong("a clipped gradient is not the gradient over the global norm")


def unknown_sizes(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """The first array's first two axes unknown, in a graph."""
    return _unknown(entry, case, xp, device, dtype, jit_compile=None)


def unknown_sizes_xla(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """The same, compiled by XLA."""
    return _unknown(entry, case, xp, device, dtype, jit_compile=True)


def _unknown(
    entry: Entry, case: Case, xp: Backend, device: str, dtype: str, jit_compile: bool | None
) -> Verdict:
    inputs = draw_inputs(case, dtype, entry.name)
    call = Call(entry, xp, to_backend(xp, inputs, device))
    first, *others = call.arrays
    shape = [None if axis < 2 else size for axis, size in enumerate(first.shape)]
    signature = [tf.TensorSpec(shape, first.dtype)]
    signature += [tf.TensorSpec(x.shape, x.dtype) for x in others]
    graph = tf.function(call, autograph=False, input_signature=signature, jit_compile=jit_compile)
    # Sizes among the results, as `pack` gives them, are arrays where they are unknown.
    count = len(call(*call.arrays))
    results = graph(*call.arrays)[:count]
    return judge_arrays(entry, case, xp, device, dtype, inputs, results)
