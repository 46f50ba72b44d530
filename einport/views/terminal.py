"""The terminal, by rich: its width, tables, lists, paragraphs, highlighted code and progress."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import textwrap
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from .lines import wrap

NARROW = 40
"""In a terminal of fewer columns, what is cut off elsewhere is wrapped."""

NARROWEST, WIDEST = 20, 100_000
"""Columns that text is laid out in at least, whatever a terminal says, and at most."""


class _Screen(Console):
    """A console that leaves a broken pipe to `guard`."""

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
    """Print a table; where its words do not fit, a line for each cell, with its head."""
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
            say(f"{head}: {cell}", hang="  ")
        say()


def _widths(
    heads: Sequence[str], rows: Sequence[Sequence[str]], longest: Sequence[int], room: int
) -> list[int]:
    """Column widths: as wide as the cells, then the widest reduced, none below its longest word."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    while sum(widths) > room and widths != list(longest):
        wraps = [i for i, width in enumerate(widths) if width > longest[i]]
        widths[max(wraps, key=widths.__getitem__)] -= 1
    return widths


def say(
    text: str = "",
    *,
    indent: str = "",
    hang: str = "",
    style: str = "",
    keep: re.Pattern[str] | None = None,
) -> None:
    """Print a paragraph for each line of the text, wrapped to the terminal between words.

    Args:
        text: what to print.
        indent: what each line begins with.
        hang: what all lines but the first begin with, where there is no `indent`.
        style: a style of rich.
        keep: what stays on one line.
    """
    out = console()
    for line in harmless(text).split("\n"):
        lines = wrap(line, out.width, first=indent, rest=indent or hang, keep=keep)
        out.print(Text("\n".join(lines), style=style), soft_wrap=True)


def show_code(source: str, indent: int) -> None:
    """Print Python, highlighted where the terminal has colors."""
    out = console()
    if out.color_system is None or out.no_color:
        out.print(Text(textwrap.indent(source, " " * indent)), soft_wrap=True)
        return
    code = Syntax(source, "python", theme="ansi_dark", background_color="default", word_wrap=True)
    out.print(Padding(code, (0, 0, 0, indent)))


def list_line(head: str, text: str) -> str:
    """A line of a list, cut off where the terminal ends; in a narrow one all, in several lines."""
    columns = console().width
    if columns < NARROW:
        return "\n".join([head.rstrip(), *wrap(text, columns, first="  ", rest="    ")])
    room = max(columns - len(head), 20)
    return head + (text if len(text) <= room else text[: room - 1].rstrip() + "…")


def harmless(text: str) -> str:
    """Text from a file or a framework without the codes that a terminal would obey."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


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
