"""Pictures of where elements go: in the terminal, as SVG for pages and notebooks, as JSON."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import Any

from ._look import Look, blocks, find_cell, in_words, plain
from ._svg import PICTURE_CSS, PICTURE_JS, to_svg
from .axes import Axis
from .provenance import Drawn, Provenance

__all__ = ["PICTURE_CSS", "PICTURE_JS", "find_cell", "to_json", "to_svg", "to_terminal"]

# --- In the terminal -----------------------------------------------------------------------------

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
_LEVELS = (0, 95, 135, 175, 215, 255)
_GAP = 3


def to_terminal(
    p: Provenance,
    width: int = 80,
    colour: bool = True,
    cell: str | Sequence[int] | None = None,
) -> str:
    """The picture as text; with `cell` the sources of one cell of a result are in brackets.

    Args:
        p: what to draw.
        width: the columns there are.
        colour: whether to colour names and cells, in 256 colours.
        cell: a place in the first result, or text such as `weights[0, 1]`.

    Raises:
        ValueError: there is no such cell.
    """
    look = Look(p)
    pen = _Pen(look, colour)
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
    return "\n".join([*lines, *_wrapped(said, width)])


class _Pen:
    """Cells and names with the codes of a terminal, or without."""

    def __init__(self, look: Look, colour: bool) -> None:
        self._look, self._colour = look, colour
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
        if not self._colour:
            return shown
        codes = ["1", "4"] if marked else ["2"] if some else []
        axis = self._look.shaded
        if step is not None and axis is not None and (marked or not some):
            codes += _filled(_RGB[self._look.hue - 1], step, axis.size)
        return f"\033[{';'.join(codes)}m{shown}\033[0m" if codes else shown

    def name(self, axis: Axis, at: int) -> str:
        """An axis's name, each part in its colour."""
        return "".join(
            f"\033[1;38;5;{_nearest(_RGB[of - 1])}m{text}\033[0m" if of and self._colour else text
            for text, of in self._look.pieces(axis, at)
        )

    def bold(self, text: str) -> str:
        """Text that stands out."""
        return f"\033[1m{text}\033[0m" if self._colour else text


def _filled(rgb: tuple[int, int, int], step: int, steps: int) -> list[str]:
    """A background from light to full colour, and a digit that can be read on it."""
    share = 0.2 + 0.8 * step / max(steps - 1, 1)
    mixed = [round(255 + (part - 255) * share) for part in rgb]
    light = 0.299 * mixed[0] + 0.587 * mixed[1] + 0.114 * mixed[2]
    return [f"48;5;{_nearest(mixed)}", f"38;5;{16 if light > 120 else 231}"]


def _nearest(rgb: Sequence[int]) -> int:
    """The nearest of a terminal's 216 colours."""
    red, green, blue = (min(range(6), key=lambda i: abs(_LEVELS[i] - part)) for part in rgb)
    return 16 + 36 * red + 6 * green + blue


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


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of text, without a break inside brackets."""
    glued = re.sub(r"\[[^\]]*\]", lambda found: found[0].replace(" ", "\0"), text)
    lines = textwrap.wrap(glued, max(width, 20), break_long_words=False, break_on_hyphens=False)
    return [line.replace("\0", " ") for line in lines]


# --- As JSON -------------------------------------------------------------------------------------


def to_json(p: Provenance) -> dict[str, Any]:
    """The picture for programs: arrays, and for each result's cell, row by row, its sources.

    A source is the number of an input and the place in it.
    """

    def described(x: Drawn) -> dict[str, Any]:
        axes = [{"name": a.name or None, "size": a.size} for a in x.axes]
        return {"name": x.name, "shape": list(x.shape), "axes": axes, "chooses": x.choice}

    outputs = []
    for o, x in enumerate(p.outputs):
        head = described(x)
        del head["chooses"]
        sources = [
            [[i, list(p.inputs[i].index(cell))] for i, cell in cells] for cells in p.sources[o]
        ]
        outputs.append({**head, "moves": p.moves[o], "sources": sources})
    return {
        "op": p.op,
        "call": p.call,
        "case": p.case,
        "inputs": [described(x) for x in p.inputs],
        "outputs": outputs,
    }
