"""A comparison in words: sections of text for the terminal, and the sentences of all views."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ..comparison.running import Comparison
from ..comparison.sources import Idiom
from .drawing_text import to_terminal
from .lines import listed, wrap

_KEPT = re.compile(r"""(?<!\w)[rf]?"[^"]*"|(?<=\w) = (?=\S)""")
"""What code is not broken in: a string, and what is given a value."""

HEADS = ("framework", "result", "native idiom", "gradient", "time")
"""The columns of the table of what was run."""


class Section(NamedTuple):
    """A part of the comparison: a heading, and lines that are prose or code."""

    title: str
    parts: tuple[tuple[str, bool], ...]
    """Texts, each with whether it is Python."""


def plain_text(c: Comparison, width: int = 80) -> str:
    """All of it without color."""
    lines: list[str] = []
    for section in sections(c, width, color=False):
        lines += ["", section.title, ""] if lines else [section.title]
        for text, code in section.parts:
            lines += code_lines(text, width) if code else indented(text)
    return "\n".join(line.rstrip() for line in lines)


def sections(c: Comparison, width: int, color: bool) -> list[Section]:
    """What there is to say, in the order in which it is read."""
    room = width - 2
    found = [
        Section(f"{c.op} ({c.topic})", (("\n".join(wrap(c.summary, room)), False),)),
        Section("Definition, once for all frameworks", tuple(_definition(c))),
        Section("Native idioms", tuple(_idioms(c))),
        Section("Run just now", ((ran(c, room), False),)),
    ]
    if c.picture is not None:
        drawn = to_terminal(c.picture, room, color)
        found.append(Section("Where elements go", ((drawn, False),)))
    found.append(Section("Traps", ((traps_text(c, room), False),)))
    return found


def indented(text: str, by: int = 2) -> list[str]:
    """Lines of a section."""
    return [" " * by + line if line else "" for line in text.splitlines()]


def code_lines(source: str, width: int, by: int = 4) -> list[str]:
    """Source in so many columns: a longer line goes on in the next, further in."""
    lines: list[str] = []
    prose = False
    for line in source.splitlines():
        own = " " * (by + len(line) - len(line.lstrip()))
        prose ^= line.count('"""') == 1
        comment = line.lstrip().startswith("#")
        rest = own + ("# " if comment else "" if prose or '"""' in line else " " * 8)
        room = max(width, 40)
        # A string is left whole if it fits.
        parts = wrap(line.strip(), room, first=own, rest=rest, keep=_KEPT)
        if any(len(part) > width for part in parts):
            parts = wrap(line.strip(), room, first=own, rest=rest)
        lines += parts or [""]
    return lines


def shown_idioms(c: Comparison) -> list[Idiom]:
    """Those of the frameworks that were asked for, and of those that are not installed."""
    asked = {run.name for run in c.runs}
    return [one for one in c.idioms if one.name in asked or not one.installed]


def _definition(c: Comparison) -> list[tuple[str, bool]]:
    if not c.helpers:
        return [(c.definition, True)]
    return [(c.definition, True), ("\nIt is made with\n", False), (c.helpers, True)]


def _idioms(c: Comparison) -> list[tuple[str, bool]]:
    found: list[tuple[str, bool]] = []
    for one in shown_idioms(c):
        missing = "" if one.installed else " (not installed here)"
        found += [("\n", False)] * bool(found)
        found += [(one.title + missing, False), (one.source, True)]
    return found or [("The catalog has none for these frameworks.", False)]


# --- What was run --------------------------------------------------------------------------------


def ran(c: Comparison, width: int) -> str:
    """The call, its arrays, the table, and what its figures mean."""
    lines = wrap(c.call, width, rest="    ")
    lines += [x.text for x in c.inputs[:8]]
    if len(c.inputs) > 8:
        lines.append(f"and {len(c.inputs) - 8} more arrays")
    lines += ["", *_table([HEADS, *rows(c)]), "", *wrap(c.verdict, width)]
    for text in c.problems:
        lines += wrap(f"! {text}", width, rest="  ")
    for text in (*remarks(c), *legend(c)):
        lines += wrap(text, width)
    return "\n".join(lines)


def rows(c: Comparison) -> list[tuple[str, ...]]:
    """A row of the table for each framework."""
    return [
        (
            f"{run.title} {run.version}".strip(),
            "-" if run.agreement is None else run.agreement.text,
            "-" if run.native is None else run.native.text,
            "-" if run.gradient is None else run.gradient.text,
            "-" if run.ratio is None else f"{run.ratio:.2g}×",
        )
        for run in c.runs
    ]


def _table(table: Sequence[Sequence[str]]) -> list[str]:
    wide = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(f"{cell:<{w}}" for cell, w in zip(row, wide, strict=True)).rstrip()
        for row in table
    ]


def remarks(c: Comparison) -> list[str]:
    """Why something is missing from the table, and what is beyond einport's own bound."""
    found = [f"{run.title} did not run it: {run.problem}." for run in c.runs if run.problem]
    reasons: dict[str, list[str]] = {}
    for run in c.runs:
        if run.gradient is not None and run.gradient.reason:
            reasons.setdefault(run.gradient.reason, []).append(run.title)
    found += [
        f"No gradient{'' if len(titles) == len(c.runs) else f' on {listed(titles)}'}: {reason}."
        for reason, titles in reasons.items()
    ]
    for run in c.runs:
        one = run.native
        if one is not None and one.agrees and one.epsilons and one.epsilons > one.bound:
            found.append(
                f"{run.title}'s idiom is off by {one.epsilons:.2g} epsilons, where einport "
                f"promises {one.bound:g} at most."
            )
    return found


def legend(c: Comparison) -> list[str]:
    """What the figures mean."""
    there = [run for run in c.runs if run.agreement is not None]
    bounds = [run.agreement.bound for run in there if run.agreement is not None]
    found = []
    if c.exact:
        found.append("Result, native idiom: beside the definition in loops; bits must be equal.")
    elif bounds:
        found.append(
            "Result, native idiom: the largest error beside the definition in loops over float64, "
            f"in epsilons of {c.dtype}; einport promises {bounds[0]:g} at most."
        )
    if any(run.gradient is not None and run.gradient.error is not None for run in there):
        found.append(
            "Gradient: the relative error of reverse mode in float64 along a random direction, "
            "beside differences of the definition."
        )
    if any(run.timing is not None for run in there):
        found.append(
            "Time: einport's as a multiple of the idiom's, for this call as it is, not compiled."
        )
    return found


def traps_text(c: Comparison, width: int) -> str:
    """The traps that touch the operation, a paragraph each."""
    if not c.traps:
        return f"No trap is known that touches {c.op}."
    wide = max(len(one.name) for one in c.traps)
    lines: list[str] = []
    beside = wide + 2 if wide + 2 <= width // 2 else 2  # or below, where there is too little room
    for one in c.traps:
        head = f"{one.name:<{wide}}  " if beside > 2 else f"{one.name}: "
        lines += wrap(f"{head}{one.title}", width, rest=" " * beside)
    return "\n".join([*lines, "", "`einport traps NAME` shows one and runs it."])
