"""What all pages share: how they are rendered, when they were built, and docstrings in parts."""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ... import __version__
from .. import html

_SECTION = re.compile(r"^(Args|Parameters|Returns|Raises|Example|Examples|Source):\s*(.*)$")

_NAMED = re.compile(r"^(\*{0,2}\w+): (.*)$", re.DOTALL)

HEADINGS = {"Args": "Arguments", "Parameters": "Parameters", "Raises": "Errors"}


@dataclass(frozen=True)
class Stamp:
    """What a site was built with, and when."""

    einport: str
    python: str
    platform: str
    seconds: int

    @property
    def date(self) -> str:
        """The time of the build in words."""
        when = datetime.fromtimestamp(self.seconds, UTC)
        return f"{when.day} {when:%B %Y, %H:%M} UTC"

    @property
    def iso(self) -> str:
        """The time of the build for programs."""
        return f"{datetime.fromtimestamp(self.seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def stamp_now() -> Stamp:
    """The build that runs here; `SOURCE_DATE_EPOCH` sets its time.

    Raises:
        ValueError: `SOURCE_DATE_EPOCH` is not a time.
    """
    given = os.environ.get("SOURCE_DATE_EPOCH")
    try:
        seconds = int(time.time()) if given is None else int(given)
        datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"SOURCE_DATE_EPOCH must be seconds since 1970, got {given!r}") from None
    where = f"{platform.system() or 'unknown'} {platform.machine()}".strip()
    return Stamp(__version__, platform.python_version(), where, seconds)


def render(template: str, root: str, stamp: Stamp, **values: Any) -> bytes:
    """A page; `root` is the way from it to the site's root, empty or `../`."""
    text = html.render(template, root=root, stamp=stamp, **values)
    # Half a pair of surrogates, as a file name in an error may hold, has no UTF-8.
    return text.encode("utf-8", "replace")


@dataclass(frozen=True)
class Block:
    """A part of a docstring: paragraphs, named items, or an example."""

    title: str
    """Empty for what stands before the first section."""
    paragraphs: tuple[str, ...] = ()
    items: tuple[tuple[str, str], ...] = ()
    example: str = ""


def docstring_blocks(text: str) -> tuple[Block, ...]:
    """A docstring, without its first line, as blocks."""
    blocks: list[Block] = []
    title, held, example = "", list[str](), list[str]()
    for line in [*text.split("\n")[1:], ">>>"]:
        found = _SECTION.match(line)
        if example or line.startswith(">>>"):
            if not example:
                blocks += _block(title, held)
            example.append(line)
        elif found:
            blocks += _block(title, held)
            title, held = found[1], [found[2]]
        else:
            held.append(line)
    shown = "\n".join(example[:-1]).strip()
    if shown:
        blocks.append(Block("Example", example=shown))
    return tuple(blocks)


def _block(title: str, lines: Sequence[str]) -> list[Block]:
    parts = [" ".join(part.split()) for part in re.split(r"\n\s*\n", "\n".join(lines))]
    if title in HEADINGS:
        items = tuple(_items(lines))
        return [Block(HEADINGS[title], items=items)] if items else []
    found = tuple(part for part in parts if part)
    return [Block(title, found)] if found else []


def _items(lines: Sequence[str]) -> list[tuple[str, str]]:
    """What is named in a section, and what is said of it."""
    items: list[tuple[str, str]] = []
    for line in lines:
        text = line.strip()
        if not text:
            continue
        found = _NAMED.match(text) if line.startswith("    ") and line[4:5] != " " else None
        if found:
            items.append((found[1], found[2]))
        elif items:
            name, said = items[-1]
            items[-1] = name, f"{said} {text}"
        else:
            items.append(("", text))
    return items
