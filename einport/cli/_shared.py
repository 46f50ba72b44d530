"""What the commands share: choosing frameworks and operations, reading options, writing files."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from .. import files, guard
from ..backends import Backend, available_backends, get_backend
from ..catalog import Entry, entries

CONTEXT = {"help_option_names": ["-h", "--help"]}


class FilePath(click.Path):
    """A file's name, but not an empty one, which would mean the current folder."""

    def __init__(self, dir_okay: bool = True) -> None:
        super().__init__(dir_okay=dir_okay, readable=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path, which may lead to nothing."""
        if not str(value).strip() or "\0" in str(value):
            self.fail(f"no file can have the name {str(value)!r}", param, ctx)
        return super().convert(value, param, ctx)


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


def check_texts(texts: Sequence[str], given_as: str = "--op") -> None:
    """Refuse an empty text, which every name has in it."""
    if not all(text.strip() for text in texts):
        raise click.UsageError(f"{given_as} needs a part of an operation's name, or a topic")


def select_entries(texts: Sequence[str], given_as: str = "--op") -> list[Entry]:
    """The operations that have one of the texts in their name, or as their topic."""
    check_texts(texts, given_as)
    chosen = [entry for entry in entries() if has_text(texts, entry.name, entry.topic)]
    if not chosen:
        raise click.UsageError(f"no operation has {' or '.join(map(repr, texts))} in its name")
    return chosen


def check_new(file: Path, force: bool) -> None:
    """Refuse a file that cannot be written, or already exists, before anything runs."""
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
