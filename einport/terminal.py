"""What the commands share: choosing frameworks and operations, and a quiet, safe terminal."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from . import files, guard
from .backends import Backend, available_backends, get_backend
from .catalog import Entry, entries

CONTEXT = {"help_option_names": ["-h", "--help"]}


NARROW = 40
"""Below so many columns what is cut off elsewhere goes on in the next line."""

NARROWEST, WIDEST = 20, 100_000
"""Columns that text is laid out in at least, whatever a terminal says, and at most."""


class FilePath(click.Path):
    """A file's name, but not an empty one, which would mean the current folder."""

    def __init__(self, dir_okay: bool = True) -> None:
        super().__init__(dir_okay=dir_okay, readable=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path, which may lead to nothing."""
        if not str(value).strip() or "\0" in str(value):
            self.fail(f"no file can have the name {str(value)!r}", param, ctx)
        return super().convert(value, param, ctx)


class Commands(click.Group):
    """A group of commands that end as `guard` says, whatever comes in between."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the group's options, of which `--help` prints."""
        any_text()
        with guard.ending():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        with guard.ending():
            return super().invoke(ctx)


class _Screen(Console):
    """A console that leaves it to `guard` what happens when nobody reads any more."""

    def on_broken_pipe(self) -> None:
        raise  # the error, which is being handled where this is called


def console() -> Console:
    """Where results are shown."""
    return _console(stderr=False)


def progress_console() -> Console:
    """Where progress is shown: standard output holds results alone."""
    return _console(stderr=True)


def _console(stderr: bool) -> Console:
    size = shutil.get_terminal_size(_terminal())  # COLUMNS and LINES, if they are numbers above 0
    width = min(max(size.columns, NARROWEST), WIDEST)
    return _Screen(highlight=False, stderr=stderr, width=width, height=size.lines)


def _terminal() -> tuple[int, int]:
    """The size of the terminal that one of the streams is connected to, in columns and lines."""
    for stream in range(3):
        with contextlib.suppress(OSError):
            return os.get_terminal_size(stream)
    return 80, 25


def show_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table; where words would not fit in their columns, a line for each cell, with its head."""
    out = console()
    table = Table(box=None, pad_edge=False)
    longest = [
        max(len(word) for text in column for word in text.split())
        for column in zip(heads, *rows, strict=True)
    ]
    room = out.width - 2 * len(heads)  # rich before 15 counts the spaces at both edges
    for head, width in zip(heads, _widths(heads, rows, longest, room), strict=True):
        table.add_column(head, width=width, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    if sum(longest) <= room:
        out.print(table)
        return
    for row in rows:
        for head, cell in zip(heads, row, strict=True):
            click.echo("\n".join(_wrapped(f"{head}: {cell}", out.width)))
        click.echo()


def list_line(head: str, text: str) -> str:
    """A line of a list, cut off where the terminal ends; in a narrow one all, in several lines."""
    columns = console().width
    if columns < NARROW:
        return "\n".join([head.rstrip(), *("  " + line for line in _wrapped(text, columns - 2))])
    room = max(columns - len(head), 20)
    return head + (text if len(text) <= room else text[: room - 1].rstrip() + "…")


def _widths(
    heads: Sequence[str], rows: Sequence[Sequence[str]], longest: Sequence[int], room: int
) -> list[int]:
    """As wide as their cells, then the widest made narrower, none below its longest word."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    while sum(widths) > room and widths != list(longest):
        wraps = [i for i, width in enumerate(widths) if width > longest[i]]
        widths[max(wraps, key=widths.__getitem__)] -= 1
    return widths


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


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
    """The names that a repeatable option gave, each once; commas part them too.

    An empty name stays one, to be refused as what it is: unknown.
    """
    return list(dict.fromkeys(name.strip() for item in items for name in item.split(",")))


def load(name: str) -> tuple[Backend | None, str]:
    """A framework, or why it could not be had."""
    with _hushed():
        try:
            found = get_backend(name)
        except ImportError as error:
            if guard.was_interrupted():  # a compiled module makes this of it
                raise KeyboardInterrupt from None
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


def check_texts(texts: Sequence[str]) -> None:
    """Refuse an empty `--op`, which every name has in it."""
    if not all(text.strip() for text in texts):
        raise click.UsageError("--op needs a part of an operation's name, or a topic")


def select_entries(texts: Sequence[str]) -> list[Entry]:
    """The operations that have one of the texts in their name, or as their topic."""
    check_texts(texts)
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


def write(file: Path, data: bytes, force: bool, exit_code: int = 1) -> None:
    """Write a file whole or not at all, or end with that exit status."""
    try:
        files.write_whole(file, data, force)
    except files.NotWritten as problem:
        click.ClickException(str(problem)).show()
        raise click.exceptions.Exit(exit_code) from None


@contextlib.contextmanager
def progress(total: int) -> Iterator[Callable[[str], None]]:
    """A bar on standard error, where that is a terminal; give it each step before that begins."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    out = progress_console()
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as bar:
        task = bar.add_task("", total=total)
        started = False

        def advance(step: str) -> None:
            nonlocal started
            bar.update(task, description=step)
            bar.advance(task, 1 if started else 0)
            started = True

        yield advance
        bar.advance(task)


@contextlib.contextmanager
def _hushed() -> Iterator[Any]:
    """Keep what native libraries print while they load off the terminal."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
