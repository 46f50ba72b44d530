"""What all pages share: templates, highlighted code, docstrings as HTML, dates and figures."""

from __future__ import annotations

import ast
import os
import platform
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from pygments import highlight as pygments_highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from .. import __version__

_CODE = re.compile(r"`([^`]+)`")

_SECTION = re.compile(r"^(Args|Parameters|Returns|Raises|Example|Examples|Source):\s*(.*)$")

_NAMED = re.compile(r"^(\*{0,2}\w+): (.*)$", re.DOTALL)

HEADINGS = {"Args": "Arguments", "Parameters": "Parameters", "Raises": "Errors"}

PATTERNED = ("rearrange", "reduce", "repeat", "einsum", "pack", "unpack", "contract", "reduce_axes")
"""Functions that take patterns."""

TOPICS = {"moe": "Mixture of experts", "einops": "Patterns"}
"""Topics whose heading is not the topic itself."""


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


@cache
def environment() -> Environment:
    """The templates, which escape what they are given and refuse names that are not there."""
    made = Environment(
        loader=PackageLoader("einport", "pages/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        words=words, python=python, duration=duration, heading=heading, breakable=breakable,
        topic_option=lambda topic: (topic, heading(topic)),
        option_of=lambda key, names: (key, names.get(key, key)),
    )  # fmt: skip
    return made


def render(template: str, root: str, stamp: Stamp, **values: Any) -> bytes:
    """A page, with the way from it to the site's root: empty or `../`."""
    text = environment().get_template(template).render(root=root, stamp=stamp, **values)
    # Half a pair of surrogates, as a file name in an error may hold, has no UTF-8.
    return text.encode("utf-8", "replace")


def words(text: str) -> Markup:
    """Text with what is between backticks as code."""
    parts = _CODE.split(text)
    marked = (Markup("<code>{}</code>").format(part) for part in parts[1::2])
    plain = (escape(part) for part in parts[::2])
    joined = [next(plain)]
    for code, after in zip(marked, plain, strict=True):
        joined += [code, after]
    return Markup("").join(joined)


@cache
def python(source: str, marked: bool = False) -> Markup:
    """Python with its words told apart for the style sheet, and calls with patterns marked."""
    lines = sorted(pattern_lines(source)) if marked else []
    formatter = HtmlFormatter(nowrap=True, hl_lines=lines)
    # Pygments escapes all that it is given.
    return Markup(pygments_highlight(source, PythonLexer(), formatter).rstrip())  # noqa: S704


def pattern_lines(source: str) -> set[int]:
    """The lines of calls that are given a pattern."""
    found: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and _takes_pattern(node):
            found |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return found


def _takes_pattern(call: ast.Call) -> bool:
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    # Python has a `reduce` of its own, which takes no text.
    texts = (isinstance(one, ast.JoinedStr | ast.Constant) for one in call.args)
    return name in PATTERNED and (name != "reduce" or any(texts))


def duration(seconds: float) -> str:
    """A time in three digits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


def breakable(name: str) -> Markup:
    """A name that may go on in the next line after an underscore."""
    return Markup("_<wbr>").join(escape(part) for part in name.split("_"))


def heading(topic: str) -> str:
    """A topic as a heading."""
    return TOPICS.get(topic, topic.replace("_", " ").capitalize())


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
