"""Pictures as SVG in a fragment of HTML, with the style and the script that they need."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ._look import Caption, Look, blocks, in_words, plain
from .axes import Axis, label
from .provenance import Cell, Drawn, Provenance

_SIDE, _TICK, _TEXT = 26, 15, 14
"""A cell's side, the room for an index beside a matrix, and for a line of text."""

_ACROSS = 330
"""How wide an array's drawing may be, for a phone."""

_STEPS = 8


def to_svg(p: Provenance, prefix: str = "") -> str:
    """The picture as a fragment of HTML, to be used with `PICTURE_CSS` and `PICTURE_JS`.

    Several may be on one page, each with a `prefix` of its own. Without the script it still shows
    what the numbers say, and each cell has its sources in its label.
    """
    look = Look(p)
    name = escape(prefix or f"picture-{p.op}")
    inputs = [_svg_array(look, "i", i, x) for i, x in enumerate(p.inputs)]
    outputs = [_svg_array(look, "o", o, x) for o, x in enumerate(p.outputs)]
    axis = look.shaded
    shade = f" Shades follow {axis.name or 'an axis'} of the input." if axis else ""
    return (
        f'<figure class="ep-picture" id="{name}" style="--ep-hue:var(--ep-{look.hue})" '
        f'aria-label="Where the elements of {escape(p.op)} go">'
        f'<p class="ep-call"><code>{escape(p.call)}</code></p>'
        f'<div class="ep-sides"><div class="ep-side">{"".join(inputs)}</div>'
        f'<div class="ep-to" aria-hidden="true">→</div>'
        f'<div class="ep-side">{"".join(outputs)}</div></div>'
        f'<p class="ep-says">{escape(look.explained() + shade)}</p></figure>\n'
    )


def _svg_array(look: Look, kind: str, number: int, x: Drawn) -> str:
    parts, (width, height) = _svg_matrices(look, kind, number, x)
    axes = ", ".join(
        _svg_name(look, axis, i) + ("" if axis.name.isdecimal() else f"={axis.size}")
        for i, axis in enumerate(x.axes)
    )
    role = "result" if kind == "o" else "chooses" if x.choice else ""
    what = "result" if kind == "o" else "input"
    said = f"{what} {x.name} {label(x.axes)}; arrow keys move from cell to cell"
    return (
        f'<div class="ep-array"><p class="ep-head"><b>{escape(x.name)}</b> ({axes})'
        f"{f' <i>{role}</i>' if role else ''}</p>"
        f'<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="group" '
        f'aria-label="{escape(said)}" data-across="{x.shape[-1] if x.shape else 1}">'
        f"{''.join(parts)}</svg></div>"
    )


def _svg_name(look: Look, axis: Axis, at: int, tag: str = "span") -> str:
    colour = "color" if tag == "span" else "fill"
    return "".join(
        f'<{tag} class="ep-n" style="{colour}:var(--ep-{of})">{escape(text)}</{tag}>'
        if of
        else escape(text)
        for text, of in look.pieces(axis, at)
    )


def _svg_matrices(
    look: Look, kind: str, number: int, x: Drawn
) -> tuple[list[str], tuple[int, int]]:
    """Cells, indices and captions of an array, and the size of it all."""
    parts: list[str] = []
    left, top, below, across = 0, _TEXT, 0, 0
    for group in blocks(x, x.values.size):
        for caption, rows in group:
            columns = _SIDE * len(rows[0]) + _TICK
            wide = max(columns, 7 * len(plain(caption)) + _TICK + 4)
            if left and left + wide > _ACROSS:
                left, top = 0, below
            parts += _svg_matrix(look, kind, number, x, caption, rows, left, top)
            left += wide + 8
            below = top + len(rows) * _SIDE + _TICK + (_TEXT + 4 if caption else 0) + 6
            across = max(across, left)
        left, top = 0, below
    parts.insert(0, _svg_ways(look, x))
    return parts, (max(across, 60), below)


def _svg_ways(look: Look, x: Drawn) -> str:
    """The names of the axes that run down and across, above the first matrix."""
    down_across = "↓→"[-len(x.axes) :] if x.axes else ""
    ways = zip(down_across, range(len(x.axes))[-2:], strict=True)
    names = "  ".join(_svg_name(look, x.axes[i], i, "tspan") + way for way, i in ways)
    return f'<text class="ep-w" x="{_TICK}" y="10" xml:space="preserve">{names}</text>'


def _svg_matrix(
    look: Look,
    kind: str,
    number: int,
    x: Drawn,
    caption: Caption,
    rows: Sequence[Sequence[int]],
    left: int,
    top: int,
) -> list[str]:
    parts = []
    if caption:
        text = ", ".join(f"{_svg_name(look, a, i, 'tspan')} {at}" for i, a, at in caption)
        parts.append(f'<text class="ep-w" x="{left + _TICK}" y="{top + 11}">{text}</text>')
        top += _TEXT + 4
    y0, x0 = top + _TICK, left + _TICK
    for c in range(len(rows[0]) if x.shape else 0):
        parts.append(
            f'<text class="ep-i" x="{x0 + _SIDE * c + _SIDE // 2}" y="{y0 - 4}">{c}</text>'
        )
    for r, row in enumerate(rows):
        if len(x.shape) > 1:
            parts.append(f'<text class="ep-i" x="{left + 6}" y="{y0 + _SIDE * r + 17}">{r}</text>')
        for c, cell in enumerate(row):
            place = (x0 + _SIDE * c, y0 + _SIDE * r)
            parts.append(_svg_cell(look, kind, number, cell, place))
    return parts


def _svg_cell(look: Look, kind: str, number: int, cell: int, place: tuple[int, int]) -> str:
    p = look.p
    if kind == "i":
        x, text, step = (
            p.inputs[number],
            look.input_text(number, cell),
            look.input_step(number, cell),
        )
        said = f"{x.at(cell)}: goes to {in_words(p.outputs, p.reached[number, cell])}"
        sources = ""
    else:
        x, text, step = (
            p.outputs[number],
            look.output_text(number, cell),
            look.output_step(number, cell),
        )
        said = f"{x.at(cell)}: from {in_words(p.inputs, p.of(number, cell))}"
        sources = f' data-sources="{_packed(p.of(number, cell))}"'
    axis = look.shaded
    shade = ""
    if step is not None and axis is not None:
        shade = f' class="ep-s{1 + round(step * (_STEPS - 1) / max(axis.size - 1, 1))}"'
    half = _SIDE // 2
    return (
        f'<g class="ep-c" tabindex="{0 if cell == 0 else -1}" role="img" '
        f'aria-label="{escape(said)}" data-cell="{kind}{number}.{cell}"{sources} '
        f'transform="translate({place[0]} {place[1]})">'
        f'<rect{shade} width="{_SIDE - 2}" height="{_SIDE - 2}"/>'
        f'<text x="{half - 1}" y="{half + 3}">{escape(text)}</text></g>'
    )


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


PICTURE_CSS = """
.ep-picture {
  --ep-paper: #fff; --ep-ink: #1c1c1c; --ep-faint: #5f5f5f; --ep-line: #b8b8b8; --ep-mark: #000;
  --ep-1: #0068a5; --ep-2: #b34700; --ep-3: #00755a; --ep-4: #a3407c;
  --ep-5: #7d5a00; --ep-6: #6647a8; --ep-7: #636300; --ep-8: #4f4f4f;
  margin: 0; padding: .75rem; background: var(--ep-paper); color: var(--ep-ink);
  font: 15px/1.4 system-ui, sans-serif; overflow-wrap: anywhere;
}
@media (prefers-color-scheme: dark) {
  .ep-picture {
    --ep-paper: #16181d; --ep-ink: #f1f1f1; --ep-faint: #a9adb5; --ep-line: #565b66;
    --ep-mark: #fff;
    --ep-1: #62b8ee; --ep-2: #ff9457; --ep-3: #35cba0; --ep-4: #eaa0c9;
    --ep-5: #e8b640; --ep-6: #bda6ec; --ep-7: #d4ce55; --ep-8: #bdbdbd;
  }
}
.ep-picture p { margin: 0 0 .25rem; }
.ep-sides { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; align-items: flex-start; }
.ep-side { display: flex; flex-wrap: wrap; gap: .75rem 1.25rem; flex: 0 1 auto; min-width: 0;
  max-width: 46rem; }
.ep-array { min-width: 0; max-width: 100%; }
.ep-to { font-size: 1.75rem; color: var(--ep-faint); }
.ep-head i { color: var(--ep-faint); }
.ep-n { font-weight: 700; }
.ep-picture svg { display: block; max-width: 100%; height: auto; overflow: visible; }
.ep-picture text { fill: var(--ep-ink); font: 12px/1 ui-monospace, monospace; }
.ep-picture text.ep-w { font: 12px/1 system-ui, sans-serif; }
.ep-picture text.ep-i { fill: var(--ep-faint); font-size: 10px; text-anchor: middle; }
.ep-c text { text-anchor: middle; pointer-events: none; }
.ep-c rect { fill: var(--ep-hue); fill-opacity: 0; stroke: var(--ep-line); pointer-events: all; }
.ep-c { cursor: default; outline: none; }
.ep-c .ep-s1 { fill-opacity: .05; } .ep-c .ep-s2 { fill-opacity: .11; }
.ep-c .ep-s3 { fill-opacity: .17; } .ep-c .ep-s4 { fill-opacity: .23; }
.ep-c .ep-s5 { fill-opacity: .29; } .ep-c .ep-s6 { fill-opacity: .36; }
.ep-c .ep-s7 { fill-opacity: .43; } .ep-c .ep-s8 { fill-opacity: .5; }
.ep-lit .ep-c:not(.ep-on) { opacity: .3; }
.ep-c.ep-on rect { stroke: var(--ep-mark); stroke-width: 2.5; }
.ep-c.ep-on text { font-weight: 700; }
.ep-c.ep-at rect { stroke-dasharray: 4 2; }
.ep-c:focus-visible rect { stroke: var(--ep-mark); stroke-width: 3.5; }
.ep-says { min-height: 2.8em; color: var(--ep-faint); }
"""
"""The style of pictures, once on a page."""

PICTURE_JS = """
(function () {
  "use strict";
  function start(picture) {
    if (picture.dataset.ready) return;
    picture.dataset.ready = "yes";
    var cells = Array.from(picture.querySelectorAll(".ep-c"));
    var says = picture.querySelector(".ep-says"), usual = says.textContent;
    var at = new Map(), related = new Map();
    cells.forEach(function (cell) {
      at.set(cell.dataset.cell, cell);
      related.set(cell, []);
    });
    cells.forEach(function (cell) {
      (cell.dataset.sources || "").split(";").filter(Boolean).forEach(function (part) {
        var halves = part.split(":");
        halves[1].split(",").forEach(function (run) {
          var ends = run.split("-").map(Number);
          for (var i = ends[0]; i <= ends[ends.length - 1]; i++) {
            var source = at.get("i" + halves[0] + "." + i);
            related.get(cell).push(source);
            related.get(source).push(cell);
          }
        });
      });
    });
    function light(cell) {
      cells.forEach(function (one) { one.classList.remove("ep-on", "ep-at"); });
      picture.classList.toggle("ep-lit", Boolean(cell));
      says.textContent = cell ? cell.getAttribute("aria-label") : usual;
      if (!cell) return;
      cell.classList.add("ep-on", "ep-at");
      related.get(cell).forEach(function (one) { one.classList.add("ep-on"); });
    }
    function cellOf(target) {
      return target && target.closest ? target.closest(".ep-c") : null;
    }
    function focused() {
      return picture.contains(document.activeElement) ? cellOf(document.activeElement) : null;
    }
    picture.addEventListener("pointerover", function (event) {
      light(cellOf(event.target) || focused());
    });
    picture.addEventListener("pointerleave", function () { light(focused()); });
    picture.addEventListener("focusin", function (event) { light(cellOf(event.target)); });
    picture.addEventListener("focusout", function (event) { light(cellOf(event.relatedTarget)); });
    picture.addEventListener("keydown", function (event) {
      var cell = cellOf(event.target);
      if (!cell || event.altKey || event.ctrlKey || event.metaKey) return;
      var svg = cell.closest("svg"), own = Array.from(svg.querySelectorAll(".ep-c"));
      var across = Number(svg.dataset.across), here = own.indexOf(cell);
      var to = { ArrowRight: here + 1, ArrowLeft: here - 1, ArrowDown: here + across,
        ArrowUp: here - across, Home: 0, End: own.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      if (!own[to]) return;
      cell.setAttribute("tabindex", "-1");
      own[to].setAttribute("tabindex", "0");
      own[to].focus();
    });
  }
  function all() { document.querySelectorAll(".ep-picture").forEach(start); }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", all);
  all();
})();
"""
"""The script of pictures, once on a page; more often does no harm."""
