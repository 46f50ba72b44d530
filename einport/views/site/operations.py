"""The catalog, and a page for each operation."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ...catalog import entry
from ...comparison.running import Comparison
from ...comparison.sources import source_of
from ..drawing_html import to_svg
from ..html import heading, pattern_lines
from .look import Block, Stamp, docstring_blocks, render

_PACKAGE = Path(__file__).parents[2]


@dataclass(frozen=True)
class Operation:
    """What a page shows of an operation."""

    found: Comparison

    @property
    def name(self) -> str:
        """The operation's name."""
        return self.found.op

    @property
    def file(self) -> str:
        """Its page, from the site's root."""
        return f"ops/{self.name}.html"

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The docstring's sections."""
        return docstring_blocks(inspect.getdoc(entry(self.name).op) or "")

    @property
    def topic_says(self) -> str:
        """What the operations of its topic have in common."""
        module = inspect.getmodule(entry(self.name).op)
        return (inspect.getdoc(module) or "").partition("\n\n")[0].replace("\n", " ")

    @property
    def place(self) -> str:
        """Where its source is."""
        return place_of(entry(self.name).op)

    @property
    def marked(self) -> bool:
        """Whether a line of the definition, or of what it is made with, has a pattern."""
        return any(pattern_lines(one) for one in (self.found.definition, self.found.helpers))

    @property
    def idiom_places(self) -> Mapping[str, str]:
        """Where the idioms' sources are, by framework."""
        return {name: place_of(made) for name, made in entry(self.name).natives.items()}

    @property
    def oracle(self) -> str:
        """The definition in loops."""
        return source_of(entry(self.name).oracle)

    @property
    def oracle_place(self) -> str:
        """Where that is."""
        return place_of(entry(self.name).oracle)

    @cached_property
    def picture(self) -> str | None:
        """Where elements go, as HTML."""
        drawn = self.found.picture
        return None if drawn is None else to_svg(drawn)

    @property
    def in_short(self) -> str:
        """How far the frameworks agree, in a few words."""
        ran = [run for run in self.found.runs if run.ran]
        if not self.found.agrees:
            return "differs" if ran else "did not run"
        where = f"on {len(ran)} frameworks" if len(ran) > 1 else f"on {ran[0].title}"
        if all(run.agreement is not None and run.agreement.same_bits for run in ran):
            return f"bit-identical {where}"
        worst = self.found.worst
        return f"agrees {where}" if worst is None else f"within {worst:.2g} eps {where}"

    @property
    def frameworks(self) -> tuple[str, ...]:
        """The adapters' names of the frameworks on which it ran and agrees."""
        return tuple(run.name for run in self.found.runs if run.ran and run.agrees)

    @property
    def notes(self) -> Mapping[str, Sequence[str]]:
        """Why there is no gradient, or no run: each reason with the frameworks that have it."""
        notes: dict[str, list[str]] = {}
        for run in self.found.runs:
            reason = run.problem if run.unable else run.gradient.reason if run.gradient else ""
            if reason:
                notes.setdefault(reason, []).append(run.title)
        return notes

    @property
    def searched(self) -> str:
        """What the search looks in."""
        found = self.found
        titles = [run.title for run in found.runs if run.name in self.frameworks]
        apart = found.op.replace("_", " ")
        return " ".join(
            (found.op, apart, found.topic, heading(found.topic), found.summary, *titles)
        ).lower()


def place_of(function: Callable[..., Any]) -> str:
    """A function's file and line in the project."""
    code = inspect.unwrap(function)
    file = inspect.getsourcefile(code)
    _, line = inspect.getsourcelines(code)
    path = Path(file or "").resolve()
    inside = path.is_relative_to(_PACKAGE)
    return f"{path.relative_to(_PACKAGE.parent).as_posix() if inside else path.name}:{line}"


def catalog_page(
    operations: Sequence[Operation], stamp: Stamp, counts: Mapping[str, int], versions: Any
) -> bytes:
    """The list of operations by topic, with the search."""
    topics: dict[str, list[Operation]] = {}
    for one in operations:
        topics.setdefault(one.found.topic, []).append(one)
    titles = {run.name: run.title for one in operations for run in one.found.runs}
    return render(
        "index.html", "", stamp,
        topics=topics, titles=titles, operations=operations, counts=counts, versions=versions,
    )  # fmt: skip


def operation_page(
    one: Operation,
    stamp: Stamp,
    before: Operation | None,
    after: Operation | None,
    trap_files: Mapping[str, str],
    in_matrix: str | None,
) -> bytes:
    """An operation: picture, definition, idioms, what ran, traps, sources."""
    return render(
        "operation.html", "../", stamp,
        one=one, found=one.found, before=before, after=after,
        trap_files=trap_files, in_matrix=in_matrix,
    )  # fmt: skip
