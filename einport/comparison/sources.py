"""Source text, straight from the code that runs: an operation's definition, and native idioms."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..backends import available_backends
from ..catalog import Entry
from ..traps import FRAMEWORKS


@dataclass(frozen=True)
class Idiom:
    """How people of a framework write the operation."""

    name: str
    """The framework's adapter name."""
    title: str
    """The framework's name as people write it."""
    source: str
    installed: bool
    """Whether the framework is there to run it."""


def definition_of(entry: Entry) -> str:
    """The operation as it is defined, without its docstring."""
    return without_docstring(source_of(entry.op))


def helpers_of(entry: Entry) -> str:
    """What the definition is made with: its module's constants and private functions.

    Not those that do nothing but refuse bad input, which say nothing of what is computed.
    """
    module = inspect.getmodule(entry.op)
    if module is None or not module.__name__.startswith("einport."):
        return ""
    tree = ast.parse(inspect.getsource(module))
    there: dict[str, ast.stmt] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and _is_helper(node.name):
            there[node.name] = node
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            there[node.targets[0].id] = node
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            there[node.target.id] = node
    own = {name: node for name, node in there.items() if not _is_type(node)}
    used: set[str] = set()
    waiting = _names(ast.parse(source_of(entry.op)))
    while waiting:
        new = {name for name in waiting if name in own} - used
        used |= new
        waiting = {name for one in new for name in _names(own[one])}
    lines = inspect.getsource(module).splitlines()
    return "\n\n".join(
        "\n".join(lines[node.lineno - 1 : node.end_lineno])
        for name, node in own.items()
        if name in used
    )


def _is_helper(name: str) -> bool:
    return name.startswith("_") and not name.startswith("_check")


def _is_type(node: ast.stmt) -> bool:
    """Whether a name stands for a type alone."""
    value = getattr(node, "value", None)
    return isinstance(value, ast.Call) and getattr(value.func, "id", "") == "TypeVar"


def _names(node: ast.AST) -> set[str]:
    """The names that code reads, annotations left out."""
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def idioms_of(entry: Entry) -> tuple[Idiom, ...]:
    """The native idioms of the catalog."""
    installed = available_backends()
    return tuple(
        Idiom(name, FRAMEWORKS.get(name, name), source_of(native), name in installed)
        for name, native in entry.natives.items()
    )


def source_of(function: Callable[..., Any]) -> str:
    """A function's source, from the first column on."""
    return textwrap.dedent(inspect.getsource(function)).strip()


def without_docstring(source: str) -> str:
    """A function's source with its signature and its body alone."""
    function = ast.parse(source).body[0]
    if not isinstance(function, ast.FunctionDef) or ast.get_docstring(function) is None:
        return source
    text = function.body[0]
    lines = source.splitlines()
    return "\n".join([*lines[: text.lineno - 1], *lines[text.end_lineno :]]).strip()
