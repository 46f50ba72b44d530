"""What the suite needs of a framework beside its adapter, and what stands in without it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any, ClassVar, NamedTuple
from unittest.mock import patch

import numpy as np

from ...backends import Backend

Function = Callable[..., Any]


class Sample(NamedTuple):
    """The arrays of one call, and of the same call with another number of rows."""

    arrays: Sequence[Any]
    shapes: Sequence[tuple[tuple[int, int], ...]]
    """For each axis of each array (a, b): its size is a·n + b for n rows."""


class Graphs(NamedTuple):
    """A function that was compiled for any number of rows."""

    call: Function
    made: Callable[[], int]
    """How many graphs have been made for it so far."""
    at_most: int = 1
    """How many may be made for several sizes."""


class Driver:
    """A framework in the hands of the suite; this one knows no more than the adapter."""

    compilers: ClassVar[tuple[str, ...]] = ("compiled",)
    """The modes that compile, the framework's usual one first."""

    thorough: ClassVar[bool] = True
    """Whether sizes are left unknown in every way there is, and for every number of rows."""

    short_of_thorough: ClassVar[str] = ""
    """What is left out when not thorough, in words."""

    def __init__(self, xp: Backend) -> None:
        self.xp = xp
        self.compute_fully()

    def compute_fully(self) -> None:
        """Turn off what accelerators do with fewer bits than a dtype has, such as TF32.

        The bounds on errors are those of the dtype. It is said once, for the whole process.
        """

    def settings(self) -> dict[str, str | bool]:
        """What holds of that now, by the framework's own names; for the file of results."""
        override = os.environ.get("NVIDIA_TF32_OVERRIDE")  # which CUDA's libraries obey
        return {"NVIDIA_TF32_OVERRIDE": override} if override else {}

    def compile(self, fn: Function, mode: str = "compiled") -> Function:
        """The function as one graph, by the compiler of a mode."""
        return self.xp.compile(fn)

    def at_once(self, fn: Function) -> Function:
        """A function whose calls would be compiled step by step, as one graph."""
        return self.xp.compile(fn) if self.xp.compiles_eagerly else fn

    def dynamic(self, fn: Function, sample: Sample, by_default: int) -> Iterator[Graphs]:
        """The function compiled for any number of rows, in each way there is, one after the other.

        `by_default` graphs may be made where the framework is told nothing of sizes.
        """
        raise NotImplementedError(f"{self.xp.title} has no way to leave sizes unknown")

    def on(self, device: str) -> AbstractContextManager[Any]:
        """A context in which calls compute on the device; most frameworks go by their arrays."""
        return nullcontext()

    def unread(self, device: str) -> AbstractContextManager[Any]:
        """A context in which a copy from the device to the host raises."""
        raise NotImplementedError(f"nothing here can tell when {self.xp.title} copies to the host")

    def settle(self) -> None:
        """Forget what earlier graphs left behind, so that a limit on them is not met."""


@contextmanager
def thoroughly(everything: bool) -> Iterator[None]:
    """Within it nothing is left out, or what takes long is: see `Driver.thorough`."""
    with patch.object(Driver, "thorough", everything):
        yield


@contextmanager
def reads_refused(kind: type, methods: Sequence[str], owner: type) -> Iterator[None]:
    """Refuse the methods that read values of a kind of array, and what NumPy does with an owner's.

    NumPy reads some frameworks' memory by itself, so it is NumPy that has to be asked.
    """

    def refuse(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("a value was copied to the host")

    def refusing(real: Function) -> Function:
        def checked(data: Any, *args: Any, **kwargs: Any) -> Any:
            return refuse(data) if isinstance(data, owner) else real(data, *args, **kwargs)

        return checked

    with ExitStack() as stack:
        for name in methods:
            if hasattr(kind, name):  # TensorFlow's tensors have no `__dlpack__` before 2.19
                stack.enter_context(patch.object(kind, name, refuse))
        stack.enter_context(patch.object(kind, "__array_ufunc__", refuse, create=True))
        for name in ("array", "asarray"):
            stack.enter_context(patch.object(np, name, refusing(getattr(np, name))))
        yield
