"""Drawings as SVG in a fragment of HTML, with the style and the script that they need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..comparison.axes import label
from ..comparison.provenance import Cell, Drawn, Provenance
from .drawing import Look, blocks, in_words, plain
from .html import render, static

PICTURE_CSS = static("picture.css")
"""The style of drawings, once on a page."""

PICTURE_JS = static("picture.js")
"""The script of drawings, once on a page; more often does no harm."""

_SIDE, _TICK, _TEXT = 26, 15, 14
"""A cell's side, the room for an index beside a matrix, and for a line of text."""

_ACROSS = 330
"""How wide an array's drawing may be, for a phone."""

_STEPS = 8

Pieces = list[tuple[str, int]]
"""The name of an axis in parts, each with its color or 0."""


def to_svg(p: Provenance, prefix: str = "") -> str:
    """The drawing as a fragment of HTML, to be used with `PICTURE_CSS` and `PICTURE_JS`.

    Several may be on one page, each with a `prefix` of its own. Without the script it still shows
    what the numbers say, and each cell has its sources in its label.
    """
    look = Look(p)
    axis = look.shaded
    return render(
        "drawing.html",
        p=p,
        look=look,
        id=prefix or f"picture-{p.op}",
        sides=[
            [_Array(look, "i", i, x) for i, x in enumerate(p.inputs)],
            [_Array(look, "o", o, x) for o, x in enumerate(p.outputs)],
        ],
        shade=f" Shades follow {axis.name or 'an axis'} of the input." if axis else "",
    )


class _Label(NamedTuple):
    """An index of a row or a column."""

    x: int
    y: int
    text: int


class _Matrix(NamedTuple):
    """A matrix: its caption with its place, the indices of its columns, and its rows."""

    caption: tuple[int, int, list[tuple[Pieces, int]]] | None
    columns: list[_Label]
    rows: list[tuple[_Label | None, list[dict[str, Any]]]]


class _Array:
    """Where an array's cells, indices and captions are in its drawing."""

    def __init__(self, look: Look, kind: str, number: int, x: Drawn) -> None:
        self._look, self._kind, self._number = look, kind, number
        self.x = x
        self.role = "result" if kind == "o" else "chooses" if x.choice else ""
        what = "result" if kind == "o" else "input"
        self.label = f"{what} {x.name} {label(x.axes)}; arrow keys move from cell to cell"
        self.axes = [
            (list(look.pieces(axis, i)), "" if axis.name.isdecimal() else f"={axis.size}")
            for i, axis in enumerate(x.axes)
        ]
        down_across = "↓→"[-len(x.axes) :] if x.axes else ""
        self.ways = list(zip((one for one, _ in self.axes[-2:]), down_across, strict=True))
        self.matrices: list[_Matrix] = []
        self.width, self.height = self._place_matrices()

    @property
    def columns(self) -> int:
        """How many cells are in a row."""
        return self.x.shape[-1] if self.x.shape else 1

    def _place_matrices(self) -> tuple[int, int]:
        """Place the matrices side by side where there is room; the size of it all."""
        left, top, below, across = 0, _TEXT, 0, 0
        for group in blocks(self.x, self.x.values.size):
            for caption, rows in group:
                wide = max(_SIDE * len(rows[0]) + _TICK, 7 * len(plain(caption)) + _TICK + 4)
                if left and left + wide > _ACROSS:
                    left, top = 0, below
                text = [(list(self._look.pieces(axis, i)), at) for i, axis, at in caption]
                start = top + (_TEXT + 4 if caption else 0)
                placed = (left + _TICK, top + 11, text) if caption else None
                self.matrices.append(_Matrix(placed, *self._place_cells(rows, left, start)))
                left += wide + 8
                below = start + len(rows) * _SIDE + _TICK + 6
                across = max(across, left)
            left, top = 0, below
        return max(across, 60), below

    def _place_cells(
        self, rows: Sequence[Sequence[int]], left: int, top: int
    ) -> tuple[list[_Label], list[tuple[_Label | None, list[dict[str, Any]]]]]:
        """Place the cells of a matrix, and the indices of its rows and columns."""
        y0, x0, rank = top + _TICK, left + _TICK, len(self.x.shape)
        columns = range(len(rows[0]) if rank else 0)
        placed = []
        for r, row in enumerate(rows):
            y = y0 + _SIDE * r
            cells = [{"x": x0 + _SIDE * c, "y": y, **self._cell(one)} for c, one in enumerate(row)]
            placed.append((_Label(left + 6, y + 17, r) if rank > 1 else None, cells))
        return [_Label(x0 + _SIDE * c + _SIDE // 2, y0 - 4, c) for c in columns], placed

    def _cell(self, cell: int) -> dict[str, Any]:
        """What a cell shows, and where its value is from or goes to."""
        look, p, number = self._look, self._look.p, self._number
        if self._kind == "i":
            text, step = look.input_text(number, cell), look.input_step(number, cell)
            said = f"goes to {in_words(p.outputs, p.reached[number, cell])}"
            sources = None
        else:
            text, step = look.output_text(number, cell), look.output_step(number, cell)
            said = f"from {in_words(p.inputs, p.of(number, cell))}"
            sources = _packed(p.of(number, cell))
        shade, axis = 0, look.shaded
        if step is not None and axis is not None:
            shade = 1 + round(step * (_STEPS - 1) / max(axis.size - 1, 1))
        return {
            "id": f"{self._kind}{number}.{cell}",
            "text": text,
            "label": f"{self.x.at(cell)}: {said}",
            "sources": sources,
            "shade": shade,
            "first": cell == 0,
        }


def _packed(cells: Sequence[Cell]) -> str:
    """Sources in short, as `0:3-5,9;1:2`: cells 3 to 5 and 9 of the first input, 2 of the next."""
    owners: dict[int, list[list[int]]] = {}
    for owner, cell in cells:
        runs = owners.setdefault(owner, [])
        if runs and runs[-1][1] == cell - 1:
            runs[-1][1] = cell
        else:
            runs.append([cell, cell])
    return ";".join(
        f"{owner}:{','.join(str(a) if a == b else f'{a}-{b}' for a, b in runs)}"
        for owner, runs in owners.items()
    )
