"""PyTorch in the hands of the suite."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import einops
import torch
from torch._dynamo import trace_rules
from torch._dynamo.utils import counters
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from .base import Driver, Function, Graphs, Sample

_READS = {
    *("item", "tolist", "numpy", "cpu", "__array__", "__dlpack__"),
    *("__bool__", "__int__", "__float__", "__index__", "__complex__"),
}
"""The methods that give the host a tensor's values."""

_WAITS = {
    *("_local_scalar_dense", "equal", "nonzero", "masked_select", "bincount", "histc"),
    *("_unique", "_unique2", "unique_dim", "unique_consecutive", "unique_dim_consecutive"),
    "lift_fresh",  # what torch.tensor and its like make of the host's values
}
"""The operators for which a host waits for an accelerator, to learn or to send it values."""

_PATTERNS = (einops.rearrange, einops.repeat)


class TorchDriver(Driver):
    """Dynamo and inductor, and two nets that catch what would copy to the host."""

    short_of_thorough = "PyTorch's dynamic=True, and Dynamo's way through einops' parser"

    def compute_fully(self) -> None:
        torch.set_float32_matmul_precision("highest")
        torch.backends.cudnn.allow_tf32 = False
        # Dynamo writes its notes to a logger that pytest would show with each failure.
        logging.getLogger("torch.__trace").propagate = False

    def settings(self) -> dict[str, str | bool]:
        return {
            **super().settings(),
            "float32_matmul_precision": torch.get_float32_matmul_precision(),
            "cuda.matmul.allow_tf32": torch.backends.cuda.matmul.allow_tf32,
            "cudnn.allow_tf32": torch.backends.cudnn.allow_tf32,
        }

    def compile(self, fn: Function, mode: str = "compiled") -> Function:
        self.settle()
        return patterns_in_one_step(self.xp.compile(fn))

    def dynamic(self, fn: Function, sample: Sample, by_default: int) -> Iterator[Graphs]:
        """Told which sizes vary; in a run of all told nothing instead, and then that any may.

        Told nothing, Dynamo takes a size that has changed for unknown. No code is generated for
        the first two: that takes most of the time, and there are as many graphs without.
        """
        if not self.thorough:
            for x, axes in zip(sample.arrays, sample.shapes, strict=True):
                varying = [axis for axis, (a, _) in enumerate(axes) if a]
                torch._dynamo.mark_dynamic(x, varying)
            yield self._counted(patterns_in_one_step(self._traced(fn, "eager")), 1)
            return
        yield self._counted(self._traced(fn, "aot_eager"), by_default)
        yield self._counted(self.xp.compile(fn, dynamic=True), 1)

    def _counted(self, compiled: Function, at_most: int) -> Graphs:
        self.settle()
        counters.clear()
        return Graphs(compiled, lambda: counters["stats"]["unique_graphs"], at_most)

    def _traced(self, fn: Function, backend: str) -> Function:
        """As one graph that is traced and run, without generating code."""
        traced: Function = torch.compile(fn, fullgraph=True, backend=backend)
        return traced

    @contextmanager
    def unread(self, device: str) -> Iterator[None]:
        before = torch.cuda.get_sync_debug_mode() if device.startswith("cuda") else 0
        try:
            if device.startswith("cuda"):
                torch.cuda.set_sync_debug_mode("error")
            with _NoReadingMethods(), _NoWaitingOperators():
                yield
        finally:
            if device.startswith("cuda"):
                torch.cuda.set_sync_debug_mode(before)

    def settle(self) -> None:
        torch._dynamo.reset()


def patterns_in_one_step(compiled: Function) -> Function:
    """A compiled function whose first call, which traces, takes each pattern of einops whole.

    Dynamo would go through the parser step by step, which takes most of its time. What AOTAutograd
    makes of the graph is the same.
    """

    def call(*args: Any, **kwargs: Any) -> Any:
        for function in _PATTERNS:
            torch.compiler.allow_in_graph(function)
        try:
            return compiled(*args, **kwargs)
        finally:
            for function in _PATTERNS:
                trace_rules._allowed_callable_ids.remove(id(function))

    return call


class _NoReadingMethods(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name in _READS:
            raise RuntimeError(f"Tensor.{name} copies to the host")
        return func(*args, **(kwargs or {}))


class _NoWaitingOperators(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket.__name__ in _WAITS or _picks_by_mask(func, args):
            raise RuntimeError(f"{func} waits for the device")
        return func(*args, **(kwargs or {}))


def _picks_by_mask(func: Any, args: Any) -> bool:
    """Whether elements are picked by a mask, for which the places where it holds are counted."""
    return func.overloadpacket.__name__ == "index" and any(
        x is not None and x.dtype in (torch.bool, torch.uint8) for x in args[1]
    )


DRIVER = TorchDriver
