"""HTML by Jinja, for every view: the templates, their filters and the files beside them."""

from __future__ import annotations

import ast
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_CODE = re.compile(r"`([^`]+)`")

PATTERNED = ("rearrange", "reduce", "repeat", "einsum", "pack", "unpack", "contract", "reduce_axes")
"""Functions that take patterns."""

TOPICS = {"moe": "Mixture of experts", "einops": "Patterns"}
"""Topics whose heading is not the topic itself."""


@cache
def _environment() -> Environment:
    """The templates; they escape their values, and an undefined name is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("einport", "views/templates"),
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
    made.globals["static"] = lambda name: _markup(static(name))
    return made


def render(template: str, **values: Any) -> Markup:
    """A template with its values, as HTML that needs no escaping."""
    return _markup(_environment().get_template(template).render(**values))


def static(name: str) -> str:
    """The text of a style sheet or a script of the package."""
    return files(__package__).joinpath("static", name).read_text("utf-8")


def _markup(text: str) -> Markup:
    from markupsafe import Markup

    return Markup(text)  # noqa: S704  (of templates that escape, and of files of the package)


def words(text: str) -> Markup:
    """Text with what is between backticks as code."""
    from markupsafe import escape

    parts = [escape(part) for part in _CODE.split(text)]
    parts[1::2] = [_markup("<code>{}</code>").format(part) for part in parts[1::2]]
    return _markup("").join(parts)


def python(source: str, marked: bool = False) -> Markup:
    """Python, highlighted where Pygments is installed, with calls that take patterns marked."""
    from markupsafe import escape

    try:
        from pygments import highlight
        from pygments.formatters import HtmlFormatter
        from pygments.lexers import PythonLexer
    except ImportError:
        return escape(source)
    lines = sorted(pattern_lines(source)) if marked else []
    # Pygments escapes all that it is given.
    return _markup(
        highlight(source, PythonLexer(), HtmlFormatter(nowrap=True, hl_lines=lines)).rstrip()
    )


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
    """A name that may be wrapped after an underscore."""
    return _markup("_<wbr>").join(name.split("_"))


def heading(topic: str) -> str:
    """A topic as a heading."""
    return TOPICS.get(topic, topic.replace("_", " ").capitalize())
