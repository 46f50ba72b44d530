"""`einport gaps`: what a framework cannot do."""

from __future__ import annotations

import json

import click

from ..views.terminal import show_table
from ._shared import CONTEXT, select_backends


@click.command("gaps", context_settings=CONTEXT)
@click.option(
    "--backend", "names", multiple=True, metavar="NAME", help="Only this framework; repeatable."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def command(names: tuple[str, ...], as_json: bool) -> None:
    """Show what each framework found here cannot do.

    The suite tries each of them: it must fail with the declared error.

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
