"""What a trap is made of: a program per framework, what each gave, and what einport does."""

from __future__ import annotations

import inspect
import json
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

FRAMEWORKS = {"numpy": "NumPy", "torch": "PyTorch", "jax": "JAX", "tensorflow": "TensorFlow"}
"""The frameworks that programs are written for, and their names as people write them."""

EINPORT = "einport"
"""Einport's own program among those of the frameworks."""

RECORD = Path(__file__).with_name("record.json")
"""What each program gave when last run; `python -m einport.traps` writes it."""

Program = Callable[..., Any]


class Shown(NamedTuple):
    """What a program gave when it was last run."""

    gives: str
    """The result as `running.text` writes it."""
    version: str = ""
    """The framework's version; empty for einport, which gives the same on all of them."""


@dataclass(frozen=True)
class Trap:
    """Something that frameworks do differently, or one of them does otherwise than one thinks."""

    name: str
    title: str
    """What happens, in a line."""
    why: str
    """Why it happens, and what it does to a program."""
    instead: str
    """What einport does."""
    programs: Mapping[str, Program]
    """A function without arguments by the framework's adapter name."""
    ops: tuple[str, ...] = ()
    """The operations of einport that it touches."""
    einport: Program | None = None
    """The same with einport: a function of an adapter, whose `asarray` makes the arrays."""
    not_on: tuple[str, ...] = ()
    """Frameworks that cannot run einport's program: NumPy has no compiler and no gradients."""
    topic: str = field(default="", compare=False)

    @property
    def shown(self) -> dict[str, str]:
        """What each framework's program gave when it was last run."""
        return {name: one.gives for name, one in recorded(self).items() if name != EINPORT}

    @property
    def versions(self) -> dict[str, str]:
        """The version of each framework on which its program was last run."""
        return {name: one.version for name, one in recorded(self).items() if name != EINPORT}

    @property
    def agreed(self) -> str | None:
        """What einport's program gave, on every framework the same; None without a program."""
        found = recorded(self).get(EINPORT)
        return None if found is None else found.gives

    def program(self, framework: str) -> Program:
        """The program for a framework, or for `einport`.

        Raises:
            KeyError: The trap has none.
        """
        if framework == EINPORT and self.einport is not None:
            return self.einport
        return self.programs[framework]

    def shows_einport_on(self, framework: str) -> bool:
        """Whether there is a program of einport, and the framework can run it."""
        return self.einport is not None and framework not in self.not_on

    def source(self, framework: str) -> str:
        """The program's source, as one may paste it."""
        return textwrap.dedent(inspect.getsource(self.program(framework))).rstrip()


def trap(
    module: Mapping[str, Any],
    name: str,
    title: str,
    *,
    why: str,
    instead: str,
    ops: tuple[str, ...] = (),
    not_on: tuple[str, ...] = (),
) -> Trap:
    """A trap from the functions `<name>_<framework>` of a module, and `<name>_einport`.

    A dash in the name is a line below in those of the functions.
    """
    stem = name.replace("-", "_")
    programs = {key: module[f"{stem}_{key}"] for key in FRAMEWORKS if f"{stem}_{key}" in module}
    own = module.get(f"{stem}_{EINPORT}")
    return Trap(name, title, why, instead, programs, ops, own, not_on)


def recorded(one: Trap) -> dict[str, Shown]:
    """What the programs of a trap gave when they were last run."""
    return _records().get(one.name, {})


@cache
def _records() -> dict[str, dict[str, Shown]]:
    if not RECORD.exists():
        return {}
    found = json.loads(RECORD.read_text("utf-8"))
    return {
        name: {key: Shown(**given) for key, given in programs.items()}
        for name, programs in found.items()
    }
