"""JAX in the hands of the suite."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import jax
import jax.numpy as jnp
from jax import export

from ..export.saving import jax_platforms
from .base import Driver, Function, Graphs, Sample, reads_refused


class JaxDriver(Driver):
    """`jit`, export with symbolic sizes, and guards on transfers."""

    short_of_thorough = "JAX's graphs of unknown sizes at two of six sizes"

    def compute_fully(self) -> None:
        jax.config.update("jax_default_matmul_precision", "highest")

    def settings(self) -> dict[str, str | bool]:
        found = str(jax.config.jax_default_matmul_precision)
        return {**super().settings(), "jax_default_matmul_precision": found}

    def compile(self, fn: Function, mode: str = "compiled") -> Function:
        compiled = self.xp.compile(fn)

        def guarded(*arrays: Any) -> Any:
            if not any(isinstance(x, jax.core.Tracer) for x in arrays):
                compiled(*arrays)  # what compiling sends to the device is not the graph's
            with jax.transfer_guard("disallow"):  # nothing goes either way but what is given
                return compiled(*arrays)

        return guarded

    def dynamic(self, fn: Function, sample: Sample, by_default: int) -> Iterator[Graphs]:
        scope = export.SymbolicScope()
        shapes = [
            export.symbolic_shape(", ".join(map(_size, axes)), scope=scope)
            for axes in sample.shapes
        ]
        stand_ins = [
            jax.ShapeDtypeStruct(shape, x.dtype)
            for shape, x in zip(shapes, sample.arrays, strict=True)
        ]
        platforms = jax_platforms(sample.arrays)
        exported = export.export(jax.jit(fn), platforms=platforms)(*stand_ins)
        yield Graphs(exported.call, lambda: 1)  # by its making: no shape is left to be traced

    @contextmanager
    def unread(self, device: str) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(jax.transfer_guard_device_to_host("disallow_explicit"))
            if device.startswith("cpu"):  # which shares the host's memory: the guard sees no copy
                kind = type(jnp.zeros(()))
                stack.enter_context(reads_refused(kind, _READS, jax.Array))
            yield


_READS = (
    *("__array__", "__bool__", "__int__", "__float__", "__index__", "__complex__", "__dlpack__"),
    *("item", "tolist", "tobytes"),
)


def _size(axis: tuple[int, int]) -> str:
    a, b = axis
    return f"{a}*n + {b}" if a else str(b)


DRIVER = JaxDriver
