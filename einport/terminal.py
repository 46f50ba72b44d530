"""What the commands share: choosing frameworks and operations, and a quiet, safe terminal."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from . import files
from .backends import Backend, available_backends, get_backend
from .catalog import Entry, entries

CONTEXT = {"help_option_names": ["-h", "--help"]}


def console() -> Console:
    """Where results are shown."""
    return Console(highlight=False)


def any_text() -> None:
    """Show what a terminal's encoding lacks as an escape, where it would be an exception."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def harmless(text: str) -> str:
    """Text from a file or a framework without the codes that a terminal would obey."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


def split(items: Sequence[str]) -> list[str]:
    """The names that a repeatable option gave, each once; commas part them too."""
    return list(dict.fromkeys(name for item in items for name in item.split(",") if name))


def load(name: str) -> tuple[Backend | None, str]:
    """A framework, or why it could not be had."""
    with _hushed():
        try:
            found = get_backend(name)
        except ImportError as error:
            return None, f"cannot be imported: {error}"
        found.devices()  # the first look at them is when frameworks talk
        return found, ""


def select_backends(names: Sequence[str]) -> list[Backend]:
    """The frameworks named, or all that can be imported."""
    wanted = split(names)
    found = []
    for name in wanted or available_backends():
        try:
            xp, problem = load(name)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        if xp is not None:
            found.append(xp)
        elif wanted:
            raise click.UsageError(f"{name}: {problem}")
        else:
            click.echo(f"left out {name}: {problem}", err=True)
    return found


def has_text(texts: Sequence[str], op: str, topic: str) -> bool:
    """Whether `--op` means this operation: a part of its name, or its topic."""
    return not texts or any(text in op or text == topic for text in texts)


def select_entries(texts: Sequence[str]) -> list[Entry]:
    """The operations that have one of the texts in their name, or as their topic."""
    chosen = [entry for entry in entries() if has_text(texts, entry.name, entry.topic)]
    if not chosen:
        raise click.UsageError(f"no operation has {' or '.join(map(repr, texts))} in its name")
    return chosen


def check_new(file: Path, force: bool) -> None:
    """Refuse a file that cannot be written, or is there already, before anything runs."""
    try:
        files.check_new(file, force)
    except files.NotWritten as problem:
        raise click.UsageError(str(problem)) from None


def write(file: Path, data: bytes, exit_code: int = 1) -> None:
    """Write a file whole or not at all, or end with that exit status."""
    try:
        files.write_whole(file, data)
    except files.NotWritten as problem:
        click.ClickException(str(problem)).show()
        raise click.exceptions.Exit(exit_code) from None


@contextlib.contextmanager
def progress(total: int) -> Iterator[Callable[[Backend, Entry], None]]:
    """A bar on standard error, so that standard output holds the result alone."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        started = False

        def advance(xp: Backend, entry: Entry) -> None:
            nonlocal started
            bar.update(task, description=f"{xp.title:<10} {entry.name:<28.28}")
            bar.advance(task, 1 if started else 0)
            started = True

        yield advance
        bar.advance(task)


@contextlib.contextmanager
def _hushed() -> Iterator[Any]:
    """Keep what native libraries print while they load off the terminal."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as sink:
        os.dup2(sink.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
