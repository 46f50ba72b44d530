"""Traps for the terminal: a list, one in full, and what runs of many gave."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from rich.text import Text

from ..backends import Backend
from ..traps import EINPORT, FRAMEWORKS, TOPICS, Trap
from ..traps.running import Ran, Runs
from .lines import listed
from .terminal import console, harmless, list_line, say, show_code

_CODE = re.compile(r"`[^`]*`")
"""Code, which stays on one line."""


def show_list(chosen: Sequence[Trap], text: str | None) -> None:
    """Print a line for each trap, by topic."""
    out = console()
    width = max(len(one.name) for one in chosen)
    topic = ""
    for one in chosen:
        if one.topic != topic:
            topic = one.topic
            out.print(Text(("" if one is chosen[0] else "\n") + TOPICS[topic], style="bold"))
        out.print(Text(list_line(f"  {one.name:<{width}}  ", one.title)), soft_wrap=True)
    which = "" if text is None else f" with {text!r}"
    say(f"\n{len(chosen)} traps{which}; `einport traps NAME` shows one", keep=_CODE)


def show_trap(one: Trap, asked: Sequence[str], runs: Runs) -> None:
    """Print a trap in full: why, each program and what it gave, and what einport does instead."""
    say(one.name, style="bold")
    say(one.title, keep=_CODE)
    say()
    say(one.why, keep=_CODE)
    for name in asked or one.programs:
        if name in one.programs:
            say(f"\n{FRAMEWORKS[name]} {one.versions.get(name, '')}", style="bold")
            show_code(one.source(name), 2)
            _show_gave(one.shown.get(name), "gave", runs.of(name))
    say("\neinport", style="bold")
    say(one.instead, indent="  ", keep=_CODE)
    if one.einport is not None:
        on = listed([title for name, title in FRAMEWORKS.items() if name not in one.not_on])
        say()
        show_code(one.source(EINPORT), 2)
        _show_gave(one.agreed, f"gave, on {on}", runs.of(EINPORT))
    if one.ops:
        say()
        say("Operations: " + ", ".join(one.ops))


def show_not_run(one: Trap, asked: Sequence[str], runs: Runs | None) -> None:
    """Print what was not run, and why; without runs, how to run it."""
    if runs is None:
        say(f"\neinport traps {one.name} --run runs it here")
        return
    left_out = list(runs.left_out)
    if not left_out:
        wanted = [name for name in asked or one.programs if name in one.programs]
        left_out += [f"{FRAMEWORKS[name]} is not here" for name in wanted if not runs.of(name)]
    for line in left_out:
        say(f"Not run: {line}")


def _show_gave(before: str | None, when: str, runs: Sequence[Ran]) -> None:
    """Print what a program gave, and what it gives now."""
    say(f"  {when}" if before is not None else "  has not been run yet")
    _show_lines(before or "")
    for found in runs:
        on = f"{FRAMEWORKS[found.on]} {found.version}"
        say(f"  gives now, on {on}{': the same' if found.agrees else ', something else'}")
        if not found.agrees:
            _show_lines(found.gives)


def _show_lines(gives: str) -> None:
    """Print what a program gave; only here words as long as a line are broken."""
    out = console()
    for line in harmless(gives).splitlines():
        folded = textwrap.fill(line, out.width, initial_indent=" " * 4, subsequent_indent=" " * 6)
        out.print(Text(folded), soft_wrap=True)


def show_run(one: Trap, runs: Runs, width: int) -> None:
    """Print whether the programs of a trap gave what the record says."""
    changes = [found.change for found in runs.ran if not found.agrees]
    said = "differs" if changes else "as before" if runs.ran else "not run: no program here"
    say(f"{one.name:<{width}}  {said}")
    for line in (*changes, *runs.left_out):
        say(line, indent="    ", keep=_CODE)


def show_summary(ran: Sequence[Runs], backends: Sequence[Backend]) -> None:
    """Print how many traps were run, and how many gave something else than the record says."""
    count = sum(bool(runs.ran) for runs in ran)
    changed = sum(any(not found.agrees for found in runs.ran) for runs in ran)
    on = ", ".join(f"{xp.title} {xp.version().partition('+')[0]}" for xp in backends)
    were = "1 trap was run" if count == 1 else f"{count} traps were run"
    differ = {0: "none differs", 1: "1 differs"}.get(changed, f"{changed} differ")
    say(f"\n{were} on {on}: {differ} from the record")
