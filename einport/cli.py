"""The command line: what is here, what there is, and what works."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from . import __version__
from .backends import available_backends
from .compare_cli import compare_command
from .demo import Demo, demo, document, listing, overview, page, picture, run
from .matrix_cli import matrix_command
from .pages_cli import pages_command
from .terminal import (
    CONTEXT,
    Commands,
    FilePath,
    check_new,
    console,
    list_line,
    load,
    select_backends,
    select_entries,
    show_table,
    write,
)
from .traps_cli import traps_command


@click.group(cls=Commands, context_settings=CONTEXT)
@click.version_option(__version__, prog_name="einport")
def cli() -> None:
    """Array operations written once, run and proved on every framework.

    \b
    Examples:
      einport backends             what is installed, and its devices
      einport list                 the operations, one line each
      einport matrix               run them all on every framework found
      einport gaps                 what a framework cannot do
      einport demo                 small examples, to see how patterns work
      einport compare softmax      one operation in every framework, run now
      einport traps                where the frameworks differ
      einport pages site           all of it as pages for a browser
    """
    # Frameworks talk on standard error while they start; what they say is not the user's concern.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


@cli.command("backends", context_settings=CONTEXT)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def backends_command(as_json: bool) -> None:
    """Show the frameworks found, their versions and devices.

    \b
    Examples:
      einport backends
      einport backends --json
    """
    found = [_about(name) for name in available_backends()]
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    rows = []
    for row in found:
        devices = row.get("problem") or ", ".join(row["devices"])
        rows.append((row["name"], row["title"], row.get("version", "-"), devices))
    show_table(("name", "framework", "version", "devices"), rows)


@cli.command("list", context_settings=CONTEXT)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.argument("text", required=False)
def list_command(text: str | None, as_json: bool) -> None:
    """Show the operations, one line each; with TEXT only those that it occurs in.

    \b
    Examples:
      einport list
      einport list moe
      einport list --json
    """
    chosen = select_entries((text,) if text else ())
    if as_json:
        rows = [{"name": e.name, "topic": e.topic, "summary": e.summary} for e in chosen]
        click.echo(json.dumps(rows, indent=2))
        return
    width = max(len(e.name) for e in chosen)
    for entry in chosen:
        click.echo(list_line(f"{entry.name:<{width}}  ", entry.summary))
    click.echo(f"\n{len(chosen)} operations")


@cli.command("gaps", context_settings=CONTEXT)
@click.option(
    "--backend", "names", multiple=True, metavar="NAME", help="Only this framework; repeatable."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def gaps_command(names: tuple[str, ...], as_json: bool) -> None:
    """Show what each framework found here cannot do.

    Each line is put to the proof by the suite: it must fail, and as it says.

    \b
    Examples:
      einport gaps
      einport gaps --backend numpy --json
    """
    backends = select_backends(names)
    if as_json:
        rows = [{"backend": xp.name, **gap._asdict()} for xp in backends for gap in xp.gaps]
        click.echo(json.dumps(rows, indent=2))
        return
    cells = [
        (xp.title, gap.op, gap.mode, gap.dtype, gap.reason) for xp in backends for gap in xp.gaps
    ]
    without = [xp.title for xp in backends if not xp.gaps]
    if cells:
        said = [["all" if cell == "*" else cell for cell in row] for row in cells]
        show_table(("framework", "operations", "mode", "dtype", "reason"), said)
    if without:
        click.echo(f"nothing declared: {', '.join(without)}")


@cli.command("demo", context_settings=CONTEXT)
@click.option(
    "--backend",
    "framework",
    metavar="NAME",
    default="numpy",
    show_default=True,
    help="Run on this framework.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.option(
    "--png",
    "file",
    type=FilePath(),
    help="Write the resulting picture to a new FILE.png.",
    metavar="FILE",
)
@click.option("--force", is_flag=True, help="Overwrite FILE if it is there.")
@click.argument("name", required=False)
def demo_command(
    name: str | None, framework: str, as_json: bool, file: Path | None, force: bool
) -> None:
    """Show a small example of a pattern: input, call and output; without NAME, list them.

    The exit status is 1 when the output is not the expected one.

    \b
    Examples:
      einport demo
      einport demo compose-batch-and-width
      einport demo max-pool --backend torch
      einport demo picture-two-rows --png digits.png
    """
    if name is None:
        if file is not None:
            raise click.UsageError("--png needs the name of a picture; `einport demo` lists them")
        click.echo(json.dumps(overview(), indent=2) if as_json else "\n".join(listing()))
        return
    one = _select_demo(name)
    if file is not None:
        _check_picture(one, file, force)
    backends = select_backends((framework,))
    if len(backends) != 1:
        raise click.UsageError(f"a demo runs on one framework, got --backend {framework!r}")
    outcome = run(one, backends[0])
    if as_json:
        click.echo(json.dumps(document(one, backends[0], outcome), indent=2))
    else:
        click.echo("\n".join(page(one, backends[0], outcome, console().width)))
    if not outcome.agrees:
        sys.exit(1)
    if one.picture and file is None and not as_json:
        click.echo(f"\neinport demo {one.name} --png FILE.png writes it as a picture")
    if file is not None and outcome.values is not None:
        write(file, picture(outcome.values), force)
        click.echo(f"wrote {file}", err=as_json)


def _select_demo(name: str) -> Demo:
    try:
        return demo(name)
    except ValueError as error:
        raise click.UsageError(f"{error}; `einport demo` lists them") from None


def _check_picture(one: Demo, file: Path, force: bool) -> None:
    """Refuse what cannot become a picture before anything runs."""
    if not one.picture:
        raise click.UsageError(f"{one.name} gives no picture that --png could write")
    if file.suffix.lower() != ".png":
        raise click.UsageError(f"--png writes PNG: the name must end in .png, got {file}")
    check_new(file, force)


def _about(name: str) -> dict[str, Any]:
    xp, problem = load(name)
    if xp is None:
        return {"name": name, "title": name, "problem": problem}
    devices = list(xp.devices())
    return {"name": name, "title": xp.title, "version": xp.version(), "devices": devices}


for command in (matrix_command, compare_command, traps_command, pages_command):
    cli.add_command(command)
