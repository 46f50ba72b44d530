"""Text in lines for any width, with the standard library alone."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence


def wrap(
    text: str, width: int, *, first: str = "", rest: str = "", keep: re.Pattern[str] | None = None
) -> list[str]:
    """Break a paragraph into lines between words, and not within what `keep` matches.

    Args:
        text: the paragraph.
        width: the columns of a line, which only a longer word exceeds.
        first: the indent of the first line.
        rest: the indent of the other lines.
        keep: what stays on one line, such as code between backticks.
    """
    glued = keep.sub(lambda found: found[0].replace(" ", "\0"), text) if keep else text
    lines = textwrap.wrap(
        glued,
        width,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace("\0", " ") for line in lines]


def listed(names: Sequence[str], none: str = "") -> str:
    """Names as a phrase: `a, b and c`."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:]))) or none
