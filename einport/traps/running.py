"""Run a trap's programs now, and put into a line of text what they give."""

from __future__ import annotations

import logging
import re
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np

from ..backends import Backend, find
from ._trap import EINPORT, FRAMEWORKS, Trap, recorded

MOST_VALUES = 24
"""How many values a result may have: more are not read by anyone."""

LONGEST_MESSAGE = 120


class Ran(NamedTuple):
    """What came of a program just now, and what it had given before."""

    framework: str
    """The framework, or `einport`."""
    on: str
    """The framework that it ran on."""
    version: str
    gives: str
    before: str | None
    """What the record holds; None when there is none."""
    before_version: str

    @property
    def agrees(self) -> bool:
        """Whether it gave what the record says."""
        return self.gives == self.before

    @property
    def change(self) -> str:
        """What differs from the record, in a sentence; empty when nothing does."""
        if self.agrees:
            return ""
        title = FRAMEWORKS.get(self.on, self.on)
        if self.framework == EINPORT:
            now, then = f"einport on {title} {self.version} now gives", "where it gave"
        else:
            now, then = f"{title} {self.version} now gives", f"where {self.before_version} gave"
        if self.before is None:
            return f"{now} {_set(self.gives)}, and there is no record of it"
        return f"{now} {_set(self.gives)}, {then} {_set(self.before)}"


def _set(gives: str) -> str:
    """What was given, set off from the sentence where it has lines."""
    return f"({'; '.join(gives.splitlines())})" if "\n" in gives else gives


def run(one: Trap, xp: Backend) -> Ran:
    """Run the program for a framework, on the CPU and with the framework's own defaults.

    Raises:
        KeyError: The trap has none for it.
        ModuleNotFoundError: It needs something that is not installed.
    """
    with _defaults(xp.name):
        gives = outcome(one.programs[xp.name])
    before = recorded(one).get(xp.name)
    then = ("", "") if before is None else before
    return Ran(xp.name, xp.name, version(xp, one), gives, then[0] if before else None, then[1])


def run_einport(one: Trap, xp: Backend) -> Ran:
    """Run einport's program on a framework.

    Raises:
        KeyError: The trap has none.
        ModuleNotFoundError: It needs something that is not installed.
    """
    program = one.program(EINPORT)
    # Its arrays go to the first device that there is.
    with _defaults(xp.name), patch.object(xp, "devices", lambda: ("cpu",)):
        gives = outcome(lambda: program(xp), wide=True)
    before = recorded(one).get(EINPORT)
    return Ran(EINPORT, xp.name, version(xp), gives, before.gives if before else None, "")


class Runs(NamedTuple):
    """What the programs of a trap gave when run."""

    ran: list[Ran]
    left_out: list[str]
    """What could not run, and why."""

    def of(self, program: str) -> list[Ran]:
        """The runs of one program, of a framework or of einport."""
        return [one for one in self.ran if one.framework == program]


def run_all(one: Trap, backends: Iterable[Backend]) -> Runs:
    """Run the programs of a trap on these frameworks."""
    runs = Runs([], [])
    for xp in backends:
        try:
            if xp.name in one.programs:
                runs.ran.append(run(one, xp))
            if one.shows_einport_on(xp.name):
                runs.ran.append(run_einport(one, xp))
        except ModuleNotFoundError as error:
            runs.left_out.append(f"{xp.title} needs {error.name}, which is not installed")
    return runs


def version(xp: Backend, one: Trap | None = None) -> str:
    """The framework's public version, and that of Keras where the program is about it."""
    public = xp.version().partition("+")[0]
    if one is not None and xp.name == "tensorflow" and "keras" in one.source("tensorflow"):
        return f"{public} with Keras {sys.modules['keras'].__version__}"
    return public


@contextmanager
def _defaults(framework: str) -> Iterator[None]:
    """The framework as it comes, whatever the device and settings of the process are."""
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        if framework == "jax":
            import jax

            # Before JAX 0.8 it is in `jax.experimental`.
            place = jax if hasattr(jax, "enable_x64") else jax.experimental
            stack.enter_context(place.enable_x64(False))
            stack.enter_context(jax.default_device(jax.devices("cpu")[0]))
        elif framework == "tensorflow":
            import tensorflow as tf

            stack.enter_context(tf.device("/CPU:0"))
            stack.enter_context(_quiet(logging.getLogger("tensorflow")))
        elif framework == "torch" and "torch._dynamo" in sys.modules:
            import torch

            # What was compiled before counts towards the number of graphs.
            torch.compiler.reset()
        yield


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """A logger that says nothing below an error: what is slow on purpose is not worth a warning."""
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


# --- As text -------------------------------------------------------------------------------------


def outcome(program: Any, wide: bool = False) -> str:
    """What a program returns or raises, as text.

    A program may return a dictionary: a line for each label. A function in it is called, so that
    an error of one part leaves the others.
    """
    try:
        found = program()
    except ModuleNotFoundError:
        raise  # the program cannot run here, which is nothing that it shows
    except Exception as error:  # some are there to show one
        return _raised(error)
    if not isinstance(found, Mapping):
        return text(found, wide)
    lines = []
    for label, value in found.items():
        lines.append(f"{label}: {outcome(value, wide) if callable(value) else text(value, wide)}")
    return "\n".join(lines)


def text(value: Any, wide: bool = False) -> str:
    """A value as a short line: shape, dtype and values of an array, rounded to six digits.

    With `wide`, the integers that are 64 bits wide on most frameworks and 32 on JAX are called
    `int`.

    Raises:
        ValueError: An array has too many values to read.
    """
    if isinstance(value, np.generic):
        value = np.asarray(value)
    if value is None or isinstance(value, bool | int | str):
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, tuple | list):
        return "[" + ", ".join(text(item, wide) for item in value) + "]"
    if isinstance(value, type):
        return value.__name__
    xp = find(value)
    if xp is None:
        return f"{'an' if type(value).__name__[0] in 'AEIOU' else 'a'} {type(value).__name__}"
    dtype, shape = xp.dtype(value), tuple(xp.shape(value))
    values = xp.to_numpy(value)
    if values.size > MOST_VALUES:
        raise ValueError(f"a result of {values.size} values is too long to read")
    if wide and dtype in ("int64", "int32"):
        dtype = "int"
    kind = dtype if not shape else f"{dtype} {shape}"
    return f"{kind} {_values(values.tolist())}"


def _values(found: Any) -> str:
    if isinstance(found, list):
        return "[" + ", ".join(map(_values, found)) + "]"
    return _number(found) if isinstance(found, float) else str(found)


def _number(value: float) -> str:
    return f"{value:.6g}"


def _raised(error: Exception) -> str:
    """The class and first line of an error, without what changes from run to run."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    line = lines[0] if lines else ""
    if line == "in user code:":  # TensorFlow's, above where in the code and what it was
        line = lines[-1].removeprefix(f"{type(error).__name__}: ")
    elif line.startswith("Error while processing"):  # einops', above what was wrong
        line = f"{line} {lines[-1]}"
    line = re.sub(r"\{\{function_node .*?\}\}\s*", "", line)  # TensorFlow's name of the place
    line = re.sub(r"\b_Mkl(?=[A-Z])", "", line)  # an operator's name on some processors
    line = re.sub(r"\s*\[Op:.*", "", line)
    line = re.sub(r"0x[0-9a-f]{4,}", "0x…", line).strip()
    if len(line) > LONGEST_MESSAGE:
        line = line[: LONGEST_MESSAGE - 1].rstrip() + "…"
    return f"{type(error).__name__}: {line}" if line else type(error).__name__
