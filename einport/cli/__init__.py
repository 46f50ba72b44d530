"""The command line: a group of commands, one file each.

A module here whose name does not begin with `_` is a command: it has a `command` of click, named
like the module, and is imported only when that is asked for.
"""

from __future__ import annotations

import os
import pkgutil
import sys
from importlib import import_module
from typing import Any

import click

from .. import __version__, guard
from ._shared import CONTEXT


class Commands(click.Group):
    """The commands of this package, which end as `guard` says, whatever comes in between."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the modules."""
        found = (module.name for module in pkgutil.iter_modules(__path__))
        return sorted(name for name in found if not name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        found: click.Command = import_module(f"{__name__}.{cmd_name}").command
        return found

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the group's options, of which `--help` prints."""
        _escape_unencodable()
        with guard.ending():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        with guard.ending():
            return super().invoke(ctx)


def _escape_unencodable() -> None:
    """Print what the terminal's encoding lacks as an escape, instead of raising."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


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
