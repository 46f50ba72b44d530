"""`einport traps`: what frameworks do differently, shown and run."""

from __future__ import annotations

import difflib
import json
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import click
from rich.padding import Padding
from rich.syntax import Syntax
from rich.text import Text

from .backends import Backend
from .terminal import CONTEXT, console, harmless, list_line, select_backends, split
from .traps import EINPORT, FRAMEWORKS, TOPICS, Trap, search, trap, traps
from .traps.running import Ran, run, run_einport

_CODE = re.compile(r"`[^`]*`")


@click.command("traps", context_settings=CONTEXT)
@click.option(
    "--backend", "names", multiple=True, metavar="NAME", help="Only this framework; repeatable."
)
@click.option("--run", "now", is_flag=True, help="Run the programs, and say what has changed.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.argument("text", required=False)
def traps_command(text: str | None, names: Sequence[str], now: bool, as_json: bool) -> None:
    """Show what frameworks do differently, and what einport does instead.

    Without TEXT all traps are listed, a line each; with it those that have it in
    their name, title, explanation or operations. The name of one, or a TEXT that
    only one has, shows it in full: a program for each framework and what it gave
    when it was last run.

    With --run the programs are run on the frameworks that are here. The exit
    status is then 1 when one gives something else than it did.

    \b
    Examples:
      einport traps
      einport traps gather
      einport traps gather-out-of-range
      einport traps gather-out-of-range --run
      einport traps --run --backend torch
    """
    asked = _frameworks(names)
    chosen = _chosen(text, asked)
    backends = [xp for xp in select_backends(asked) if xp.name in FRAMEWORKS] if now else []
    ran: list[_Runs] = []
    if as_json:
        ran = [_run_all(one, backends) for one in chosen]
        documents = [_document(one, asked, runs) for one, runs in zip(chosen, ran, strict=True)]
        click.echo(json.dumps(documents, indent=2))
    elif len(chosen) == 1:
        ran = [_run_all(chosen[0], backends)]
        _show(chosen[0], asked, ran[0])
        _missing(chosen[0], asked, ran[0] if now else None)
    elif now:
        ran = list(_run_listed(chosen, backends))
    else:
        _list(chosen, text)
    if any(not one.agrees for runs in ran for one in runs.ran):
        sys.exit(1)


# --- What is asked for ---------------------------------------------------------------------------


def _frameworks(names: Sequence[str]) -> list[str]:
    """The frameworks that `--backend` names, each of which has programs."""
    asked = split(names)
    for name in asked:
        if name not in FRAMEWORKS:
            near = difflib.get_close_matches(name, FRAMEWORKS, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            there = ", ".join(FRAMEWORKS)
            raise click.UsageError(f"no trap has a program for {name!r} (for {there}){hint}")
    return asked


def _chosen(text: str | None, asked: Sequence[str]) -> tuple[Trap, ...]:
    """The traps that are asked for."""
    try:
        found = _named(text)
    except ValueError as error:
        raise click.UsageError(f"{error}; `einport traps` lists them") from None
    if asked:
        about = tuple(one for one in found if any(name in one.programs for name in asked))
        if not about:
            titles = " or ".join(FRAMEWORKS[name] for name in asked)
            raise click.UsageError(f"no trap with {text!r} has a program for {titles}")
        found = about
    return found


def _named(text: str | None) -> tuple[Trap, ...]:
    if text is None:
        return traps()
    if any(one.name == text for one in traps()):
        return (trap(text),)
    return search(text)


# --- Running -------------------------------------------------------------------------------------


class _Runs(NamedTuple):
    """What came of a trap's programs just now."""

    ran: list[Ran]
    left_out: list[str]
    """What could not run, and why."""

    def of(self, program: str) -> list[Ran]:
        """The runs of a framework's program, or of einport's."""
        return [one for one in self.ran if one.framework == program]


def _run_all(one: Trap, backends: Iterable[Backend]) -> _Runs:
    """Run a trap's programs on these frameworks."""
    runs = _Runs([], [])
    for xp in backends:
        try:
            if xp.name in one.programs:
                runs.ran.append(run(one, xp))
            if one.shows_einport_on(xp.name):
                runs.ran.append(run_einport(one, xp))
        except ModuleNotFoundError as error:
            runs.left_out.append(f"{xp.title} needs {error.name}, which is not installed")
    return runs


def _run_listed(chosen: Sequence[Trap], backends: Sequence[Backend]) -> Iterator[_Runs]:
    """Run many traps, and say of each whether it is as before."""
    width = max(len(one.name) for one in chosen)
    changed = count = 0
    for one in chosen:
        runs = _run_all(one, backends)
        changes = [found.change for found in runs.ran if not found.agrees]
        said = "differs" if changes else "as before" if runs.ran else "not run: no program here"
        click.echo(f"{one.name:<{width}}  {said}")
        for line in (*changes, *runs.left_out):
            _say(harmless(line), indent=4)
        changed += bool(changes)
        count += bool(runs.ran)
        yield runs
    on = ", ".join(f"{xp.title} {xp.version().partition('+')[0]}" for xp in backends)
    click.echo()
    ran = "1 trap was run" if count == 1 else f"{count} traps were run"
    differ = {0: "none differs", 1: "1 differs"}.get(changed, f"{changed} differ")
    _say(f"{ran} on {on}: {differ} from the record")


# --- As text -------------------------------------------------------------------------------------


def _list(chosen: Sequence[Trap], text: str | None) -> None:
    """A line for each trap, by topic."""
    width = max(len(one.name) for one in chosen)
    topic = ""
    for one in chosen:
        if one.topic != topic:
            topic = one.topic
            console().print(("" if one is chosen[0] else "\n") + TOPICS[topic], style="bold")
        click.echo(list_line(f"  {one.name:<{width}}  ", one.title))
    which = "" if text is None else f" with {text!r}"
    click.echo(f"\n{len(chosen)} traps{which}; `einport traps NAME` shows one")


def _show(one: Trap, asked: Sequence[str], runs: _Runs) -> None:
    """A trap in full."""
    out = console()
    out.print(Text(one.name, style="bold"))
    _say(one.title)
    click.echo()
    _say(one.why)
    for name in asked or one.programs:
        if name in one.programs:
            out.print(Text(f"\n{FRAMEWORKS[name]} {one.versions.get(name, '')}", style="bold"))
            _program(one, name)
            _gave(one.shown.get(name), "gave", runs.of(name))
    out.print(Text("\neinport", style="bold"))
    _say(one.instead, indent=2)
    if one.einport is not None:
        on = _joined([title for name, title in FRAMEWORKS.items() if name not in one.not_on])
        click.echo()
        _program(one, EINPORT)
        _gave(one.agreed, f"gave, on {on}", runs.of(EINPORT))
    if one.ops:
        click.echo()
        _say("Operations: " + ", ".join(one.ops))


def _missing(one: Trap, asked: Sequence[str], runs: _Runs | None) -> None:
    """What was not run, and why; without runs, how to run it."""
    if runs is None:
        click.echo(f"\neinport traps {one.name} --run runs it here")
        return
    left_out = list(runs.left_out)
    if not left_out:
        wanted = [name for name in asked or one.programs if name in one.programs]
        left_out += [f"{FRAMEWORKS[name]} is not here" for name in wanted if not runs.of(name)]
    for line in left_out:
        _say(f"Not run: {line}")


def _program(one: Trap, name: str) -> None:
    """A program's source, in colours where the terminal has them."""
    out, source = console(), one.source(name)
    if out.color_system is None or out.no_color:
        click.echo(textwrap.indent(source, "  "))
        return
    code = Syntax(source, "python", theme="ansi_dark", background_color="default", word_wrap=True)
    out.print(Padding(code, (0, 0, 0, 2)))


def _gave(before: str | None, when: str, runs: Sequence[Ran]) -> None:
    """What a program gave, and what it gives now."""
    click.echo(f"  {when}" if before is not None else "  has not been run yet")
    _lines(before or "")
    for found in runs:
        on = f"{FRAMEWORKS[found.on]} {found.version}"
        if found.agrees:
            click.echo(f"  gives now, on {on}: the same")
        else:
            click.echo(f"  gives now, on {on}, something else")
            _lines(found.gives)


def _joined(titles: Sequence[str]) -> str:
    *first, last = titles
    return f"{', '.join(first)} and {last}" if first else last


def _lines(gives: str) -> None:
    for line in harmless(gives).splitlines():
        wide = console().width
        folded = textwrap.wrap(line, wide, initial_indent=" " * 4, subsequent_indent=" " * 6)
        click.echo("\n".join(folded))


def _say(text: str, indent: int = 0) -> None:
    """A paragraph, without a break inside code."""
    glued = _CODE.sub(lambda found: found[0].replace(" ", "\0"), text)
    room, margin = console().width, " " * indent
    lines = textwrap.wrap(
        glued,
        room,
        initial_indent=margin,
        subsequent_indent=margin,
        break_long_words=False,
        break_on_hyphens=False,
    )
    click.echo("\n".join(lines).replace("\0", " "))


# --- As JSON -------------------------------------------------------------------------------------


def _document(one: Trap, asked: Sequence[str], runs: _Runs) -> dict[str, Any]:
    """A trap for programs, in full."""
    found: dict[str, Any] = {
        "name": one.name,
        "title": one.title,
        "topic": one.topic,
        "operations": list(one.ops),
        "why": one.why,
        "programs": {
            name: {
                "source": one.source(name),
                "version": one.versions.get(name),
                "gave": one.shown.get(name),
            }
            for name in asked or one.programs
            if name in one.programs
        },
        "instead": one.instead,
        "einport": None,
    }
    if one.einport is not None:
        on = [name for name in FRAMEWORKS if name not in one.not_on]
        found["einport"] = {"source": one.source(EINPORT), "on": on, "gave": one.agreed}
    if runs.ran or runs.left_out:
        found["now"] = [
            {
                "program": ran.framework,
                "on": ran.on,
                "version": ran.version,
                "gives": ran.gives,
                "as_before": ran.agrees,
            }
            for ran in runs.ran
        ]
        found["left_out"] = list(runs.left_out)
    return found
