"""`einport backends`: the frameworks found, their versions and devices."""

from __future__ import annotations

import json
from typing import Any

import click

from ..backends import available_backends
from ..views.terminal import show_table
from ._shared import CONTEXT, load


@click.command("backends", context_settings=CONTEXT)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def command(as_json: bool) -> None:
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


def _about(name: str) -> dict[str, Any]:
    xp, problem = load(name)
    if xp is None:
        return {"name": name, "title": name, "problem": problem}
    devices = list(xp.devices())
    return {"name": name, "title": xp.title, "version": xp.version(), "devices": devices}
