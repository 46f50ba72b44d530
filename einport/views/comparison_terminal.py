"""A comparison in the terminal, with colors where it has them."""

from __future__ import annotations

from rich.text import Text

from ..comparison.running import Comparison
from .comparison_text import code_lines, indented, sections
from .terminal import console, say, show_code


def show(found: Comparison) -> None:
    """Print all sections, with code highlighted."""
    out = console()
    color = out.color_system is not None
    for number, section in enumerate(sections(found, out.width, color)):
        say(f"\n{section.title}\n" if number else section.title, style="bold")
        for text, code in section.parts:
            if code:
                show_code("\n".join(code_lines(text, out.width - 4, 0)), 4)
            else:
                out.print(Text.from_ansi("\n".join(indented(text))), soft_wrap=True)
