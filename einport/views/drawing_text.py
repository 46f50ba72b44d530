"""Drawings as text for a terminal; colors need rich."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..comparison.axes import Axis
from ..comparison.provenance import Drawn, Provenance
from .drawing import Look, blocks, find_cell, in_words, plain
from .lines import wrap

_RGB = (
    (0, 114, 178),
    (213, 94, 0),
    (0, 158, 115),
    (204, 121, 167),
    (200, 140, 0),
    (130, 100, 190),
    (150, 150, 30),
    (128, 128, 128),
)
"""The colors of axes' names, which terminals show as the nearest of their 256."""

_GAP = 3
"""Columns between matrices side by side."""

_INDEX = re.compile(r"\[[^\]]*\]")
"""A place in an array, which stays on one line."""


def to_terminal(
    p: Provenance,
    width: int = 80,
    color: bool = True,
    cell: str | Sequence[int] | None = None,
) -> str:
    """The picture as text; with `cell` the sources of one cell of a result are in brackets.

    Args:
        p: what to draw.
        width: the columns there are.
        color: whether to color names and cells, in 256 colors.
        cell: a place in the first result, or text such as `weights[0, 1]`.

    Raises:
        ValueError: there is no such cell.
    """
    look = Look(p)
    pen = _Pen(look, color)
    chosen = None if cell is None else find_cell(p, cell)
    lit = set() if chosen is None else set(p.of(*chosen))
    lines = [p.call, ""]
    for i, x in enumerate(p.inputs):
        cells = [
            pen.cell(look.input_text(i, c), look.input_step(i, c), (i, c) in lit, bool(lit))
            for c in range(x.values.size)
        ]
        lines += [*_array(look, pen, x, cells, width, "chooses" if x.choice else ""), ""]
    for o, x in enumerate(p.outputs):
        cells = [
            pen.cell(look.output_text(o, c), look.output_step(o, c), (o, c) == chosen, bool(lit))
            for c in range(x.values.size)
        ]
        lines += [*_array(look, pen, x, cells, width, "result"), ""]
    said = look.explained()
    if chosen is not None:
        at = p.outputs[chosen[0]].at(chosen[1])
        said = f"{at} comes from {in_words(p.inputs, p.of(*chosen))}."
    return "\n".join([*lines, *wrap(said, max(width, 20), keep=_INDEX)])


class _Pen:
    """Cells and names with the codes of a terminal, or without."""

    def __init__(self, look: Look, color: bool) -> None:
        self._look, self._color = look, color
        sources = [
            look.input_text(i, c) for i, x in enumerate(look.p.inputs) for c in range(x.values.size)
        ]
        results = [
            look.output_text(o, c)
            for o, x in enumerate(look.p.outputs)
            for c in range(x.values.size)
        ]
        self.wide = max(map(len, (*sources, *results)))

    def cell(self, text: str, step: int | None, marked: bool, some: bool) -> str:
        """A cell of one width, in brackets where it is marked."""
        padded = f"{text:>{self.wide}}"
        shown = f"[{padded}]" if marked else f" {padded} "
        if not self._color:
            return shown
        style = "bold underline" if marked else "dim" if some else ""
        axis = self._look.shaded
        if step is not None and axis is not None and (marked or not some):
            style += f" {_shade(_RGB[self._look.hue - 1], step, axis.size)}"
        return _styled(shown, style)

    def name(self, axis: Axis, at: int) -> str:
        """An axis's name, each part in its color."""
        return "".join(
            _styled(text, f"bold rgb({','.join(map(str, _RGB[of - 1]))})")
            if of and self._color
            else text
            for text, of in self._look.pieces(axis, at)
        )

    def bold(self, text: str) -> str:
        """Text that stands out."""
        return _styled(text, "bold") if self._color else text


def _styled(text: str, style: str) -> str:
    """Text with the codes of a style of rich, in 256 colors."""
    from rich.color import ColorSystem
    from rich.style import Style

    return Style.parse(style).render(text, color_system=ColorSystem.EIGHT_BIT)


def _shade(rgb: tuple[int, int, int], step: int, steps: int) -> str:
    """A background from light to the full color, and a foreground that can be read on it."""
    share = 0.2 + 0.8 * step / max(steps - 1, 1)
    red, green, blue = (round(255 + (part - 255) * share) for part in rgb)
    light = 0.299 * red + 0.587 * green + 0.114 * blue
    return f"{'grey0' if light > 120 else 'grey100'} on rgb({red},{green},{blue})"


def _array(
    look: Look, pen: _Pen, x: Drawn, cells: Sequence[str], width: int, role: str
) -> list[str]:
    """An array's name and axes, and below them its matrices side by side."""
    ways = {len(x.shape) - 2: "↓", len(x.shape) - 1: "→"}
    axes = [
        f"{pen.name(a, i)}" + (f"={a.size}" if not a.name.isdecimal() else "") + ways.get(i, "")
        for i, a in enumerate(x.axes)
    ]
    lines = [f"{pen.bold(x.name)} ({', '.join(axes)})" + (f"  {role}" if role else "")]
    for group in blocks(x, (width + _GAP) // (pen.wide + 2)):
        row: list[list[str]] = []
        used = 0
        for caption, rows in group:
            columns = max((pen.wide + 2) * len(rows[0]), len(plain(caption)))
            if row and used + columns > width:
                lines += _beside(row)
                row, used = [], 0
            text = ", ".join(f"{pen.name(a, i)} {at}" for i, a, at in caption)
            block = [text + " " * (columns - len(plain(caption)))] if caption else []
            for line in rows:
                drawn = "".join(cells[cell] for cell in line)
                block.append(drawn + " " * (columns - (pen.wide + 2) * len(line)))
            row.append(block)
            used += columns + _GAP
        lines += _beside(row)
    return lines


def _beside(blocks: Sequence[Sequence[str]]) -> list[str]:
    return [(" " * _GAP).join(parts).rstrip() for parts in zip(*blocks, strict=True)]
