"""`einport list`: the operations, one line each."""

from __future__ import annotations

import json

import click

from ..views.terminal import list_line
from ._shared import CONTEXT, select_entries


@click.command("list", context_settings=CONTEXT)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.argument("text", required=False)
def command(text: str | None, as_json: bool) -> None:
    """Show the operations, one line each; with TEXT only those that it occurs in.

    \b
    Examples:
      einport list
      einport list moe
      einport list --json
    """
    chosen = select_entries(() if text is None else (text,), "TEXT")
    if as_json:
        rows = [{"name": e.name, "topic": e.topic, "summary": e.summary} for e in chosen]
        click.echo(json.dumps(rows, indent=2))
        return
    width = max(len(e.name) for e in chosen)
    for entry in chosen:
        click.echo(list_line(f"{entry.name:<{width}}  ", entry.summary))
    click.echo(f"\n{len(chosen)} operations")
