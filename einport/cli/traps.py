"""`einport traps`: what frameworks do differently, shown and run."""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Sequence

import click

from ..traps import FRAMEWORKS, Trap, search, trap, traps
from ..traps.running import Runs, run_all
from ..views.documents import trap_document
from ..views.traps import show_list, show_not_run, show_run, show_summary, show_trap
from ._shared import CONTEXT, select_backends, split


@click.command("traps", context_settings=CONTEXT)
@click.option(
    "--backend", "names", multiple=True, metavar="NAME", help="Only this framework; repeatable."
)
@click.option("--run", "now", is_flag=True, help="Run the programs, and say what has changed.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.argument("text", required=False)
def command(text: str | None, names: Sequence[str], now: bool, as_json: bool) -> None:
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
    ran: list[Runs] = []
    if as_json:
        ran = [run_all(one, backends) for one in chosen]
        documents = [trap_document(one, asked, runs) for one, runs in zip(chosen, ran, strict=True)]
        click.echo(json.dumps(documents, indent=2))
    elif len(chosen) == 1:
        ran = [run_all(chosen[0], backends)]
        show_trap(chosen[0], asked, ran[0])
        show_not_run(chosen[0], asked, ran[0] if now else None)
    elif now:
        width = max(len(one.name) for one in chosen)
        for one in chosen:
            ran.append(run_all(one, backends))
            show_run(one, ran[-1], width)
        show_summary(ran, backends)
    else:
        show_list(chosen, text)
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
