"""`einport demo`: small examples of patterns, as tables or pictures."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from ..catalog._demos import Demo, demo
from ..comparison.demos import run
from ..views.demos import listing, page
from ..views.documents import demo_document, demos_document
from ..views.png import encode_png
from ..views.terminal import console
from ._shared import CONTEXT, FilePath, check_new, select_backends, write


@click.command("demo", context_settings=CONTEXT)
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
def command(
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
        click.echo(json.dumps(demos_document(), indent=2) if as_json else "\n".join(listing()))
        return
    one = _select_demo(name)
    if file is not None:
        _check_picture(one, file, force)
    backends = select_backends((framework,))
    if len(backends) != 1:
        raise click.UsageError(f"a demo runs on one framework, got --backend {framework!r}")
    outcome = run(one, backends[0])
    if as_json:
        click.echo(json.dumps(demo_document(one, backends[0], outcome), indent=2))
    else:
        click.echo("\n".join(page(one, backends[0], outcome, console().width)))
    if not outcome.agrees:
        sys.exit(1)
    if one.picture and file is None and not as_json:
        click.echo(f"\neinport demo {one.name} --png FILE.png writes it as a picture")
    if file is not None and outcome.values is not None:
        write(file, encode_png(outcome.values), force)
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
