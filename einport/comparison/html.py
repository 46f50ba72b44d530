"""A comparison as HTML: a fragment for notebooks, and a page of its own."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib import import_module
from typing import TYPE_CHECKING

from .drawing import PICTURE_CSS, PICTURE_JS, to_svg
from .frameworks import Run
from .text import HEADS, legend, remarks, rows, shown_idioms

if TYPE_CHECKING:
    from .running import Comparison

COMPARE_CSS = """
.ep-compare {
  --ec-paper: #fff; --ec-ink: #1c1c1c; --ec-faint: #5f5f5f; --ec-line: #c9c9c9;
  --ec-code: #f4f4f1; --ec-bad: #a8071a;
  --ec-k: #8b2252; --ec-s: #00663d; --ec-c: #5a5f66; --ec-n: #0b5394;
  background: var(--ec-paper); color: var(--ec-ink); padding: .75rem;
  font: 15px/1.5 system-ui, sans-serif; overflow-wrap: anywhere;
}
@media (prefers-color-scheme: dark) {
  .ep-compare {
    --ec-paper: #16181d; --ec-ink: #f1f1f1; --ec-faint: #a9adb5; --ec-line: #454b57;
    --ec-code: #20242c; --ec-bad: #ff9a9a;
    --ec-k: #f0a3c6; --ec-s: #86d9a5; --ec-c: #a9b0ba; --ec-n: #8dc4f7;
  }
}
.ep-compare h1, .ep-compare h2, .ep-compare h3 { margin: 1.2rem 0 .4rem; line-height: 1.25; }
.ep-compare h1 { font-size: 1.5rem; margin-top: 0; }
.ep-compare h2 { font-size: 1.15rem; }
.ep-compare h3 { font-size: 1rem; margin-top: .8rem; }
.ep-compare p { margin: 0 0 .4rem; max-width: 46rem; }
.ep-compare .ec-scroll { overflow-x: auto; }
.ep-compare pre { background: var(--ec-code); color: var(--ec-ink); padding: .6rem; margin: 0;
  overflow-x: auto; font: 13px/1.45 ui-monospace, monospace; }
.ep-compare table { border-collapse: collapse; margin: .4rem 0; }
.ep-compare th, .ep-compare td { text-align: left; padding: .25rem .9rem .25rem 0;
  border-bottom: 1px solid var(--ec-line); white-space: nowrap; background: none; }
.ep-compare .ec-faint { color: var(--ec-faint); }
.ep-compare .ec-bad { color: var(--ec-bad); font-weight: 700; }
.ep-compare pre :is(.k, .kn, .kc, .ow) { color: var(--ec-k); }
.ep-compare pre :is(.s, .s1, .s2, .sa, .si, .sd) { color: var(--ec-s); }
.ep-compare pre :is(.c, .c1) { color: var(--ec-c); font-style: italic; }
.ep-compare pre :is(.nf, .nn, .mi, .mf) { color: var(--ec-n); }
"""
"""The style of comparisons, once on a page."""


def fragment(c: Comparison) -> str:
    """The comparison as a fragment of HTML that brings its style and script."""
    style = f"<style>{PICTURE_CSS}{COMPARE_CSS}</style>"
    return f"{style}{body(c)}<script>{PICTURE_JS}</script>"


def page(c: Comparison) -> str:
    """The comparison as a page of its own, which needs nothing from outside."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(c.op)} side by side</title>
<style>
body {{ margin: 0; }}
.ep-compare {{ min-height: 100vh; box-sizing: border-box; }}
main {{ max-width: 60rem; margin: 0 auto; }}
{PICTURE_CSS}{COMPARE_CSS}</style>
</head>
<body class="ep-compare">
<main>
{_sections(c, 1)}
</main>
<script>{PICTURE_JS}</script>
</body>
</html>
"""


def body(c: Comparison) -> str:
    """The comparison without style and script."""
    return f'<div class="ep-compare">{_sections(c, 2)}</div>'


def _sections(c: Comparison, level: int) -> str:
    """All of it, with headings from a level on."""

    def head(text: str, deeper: int) -> str:
        of = min(level + deeper, 6)
        return f"<h{of}>{escape(text)}</h{of}>"

    parts = [head(c.op, 0), _text(c.summary)]
    parts += [head("Definition, once for all frameworks", 1), code(c.definition)]
    if c.helpers:
        parts.append(f"<details><summary>What it is made with</summary>{code(c.helpers)}</details>")
    parts.append(head("Native idioms", 1))
    for one in shown_idioms(c):
        missing = "" if one.installed else " (not installed here)"
        parts += [head(one.title + missing, 2), code(one.source)]
    parts += [head("Run just now", 1), _ran(c)]
    if c.picture is not None:
        parts += [head("Where elements go", 1), to_svg(c.picture)]
    parts += [head("Traps", 1), _traps(c)]
    return "\n".join(parts)


def code(source: str) -> str:
    """Python source, highlighted where Pygments is there."""
    try:  # Pygments has no types, and comes with the command line's extra
        highlight = import_module("pygments").highlight
        formatter = import_module("pygments.formatters.html").HtmlFormatter(nowrap=True)
        lexer = import_module("pygments.lexers.python").PythonLexer()
    except ImportError:
        text = escape(source)
    else:
        text = highlight(source, lexer, formatter).rstrip("\n")
    return f'<pre tabindex="0"><code>{text}</code></pre>'


def _text(text: str, kind: str = "") -> str:
    styled = f' class="{kind}"' if kind else ""
    return f"<p{styled}>{escape(text)}</p>"


def _ran(c: Comparison) -> str:
    arrays = "".join(f"<li><code>{escape(x.text)}</code></li>" for x in c.inputs)
    parts = [f"<p><code>{escape(c.call)}</code></p>", f"<ul>{arrays}</ul>", _table(c)]
    parts.append(_text(c.verdict))
    parts += [_text(problem, "ec-bad") for problem in c.problems]
    parts += [_text(one, "ec-faint") for one in (*remarks(c), *legend(c))]
    return "\n".join(parts)


def _table(c: Comparison) -> str:
    heads = "".join(f'<th scope="col">{head}</th>' for head in HEADS)
    lines = "".join(_row(run, row) for run, row in zip(c.runs, rows(c), strict=True))
    caption = "What each framework gave just now"
    return (
        f'<div class="ec-scroll" tabindex="0" role="region" aria-label="{caption}">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def _row(run: Run, row: Sequence[str]) -> str:
    bad = ' class="ec-bad"' if run.problems else ""
    cells = "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
    return f'<tr{bad}><th scope="row">{escape(row[0])}</th>{cells}</tr>'


def _traps(c: Comparison) -> str:
    if not c.traps:
        return _text(f"No trap is known that touches {c.op}.")
    items = "".join(
        f"<li><code>{escape(one.name)}</code>: {escape(one.title)}</li>" for one in c.traps
    )
    return f"<ul>{items}</ul>"
