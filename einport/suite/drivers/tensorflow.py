"""TensorFlow in the hands of the suite."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import tensorflow as tf

from .base import Driver, Function, Graphs, Sample, reads_refused

_READS = (
    *("__array__", "__bool__", "__int__", "__float__", "__index__", "__complex__", "__dlpack__"),
    *("numpy", "_numpy"),
)


class TensorflowDriver(Driver):
    """Graphs with and without XLA, and a guard on what gives values to the host."""

    compilers = ("compiled", "xla")

    def compute_fully(self) -> None:
        tf.config.experimental.enable_tensor_float_32_execution(False)

    def settings(self) -> dict[str, str | bool]:
        allowed = bool(tf.config.experimental.tensor_float_32_execution_enabled())
        return {**super().settings(), "tensor_float_32_execution": allowed}

    def compile(self, fn: Function, mode: str = "compiled") -> Function:
        if mode != "xla":
            return self.xp.compile(fn)
        compiled: Function = tf.function(fn, autograph=False, jit_compile=True)
        return compiled

    def dynamic(self, fn: Function, sample: Sample, by_default: int) -> Iterator[Graphs]:
        signature = [
            tf.TensorSpec([None if a else b for a, b in axes], x.dtype)
            for axes, x in zip(sample.shapes, sample.arrays, strict=True)
        ]
        compiled = tf.function(fn, autograph=False, input_signature=signature)
        yield Graphs(compiled, compiled.experimental_get_tracing_count)

    def on(self, device: str) -> AbstractContextManager[Any]:
        scope: AbstractContextManager[Any] = tf.device(device)  # or it would be the first one
        return scope

    @contextmanager
    def unread(self, device: str) -> Iterator[None]:
        kind = type(tf.constant(0))
        softly = tf.config.get_soft_device_placement()
        with ExitStack() as stack:
            stack.callback(tf.config.set_soft_device_placement, softly)
            tf.config.set_soft_device_placement(False)  # an operator without a kernel there fails
            stack.enter_context(reads_refused(kind, _READS, tf.Tensor))
            yield


DRIVER = TensorflowDriver
