"""The pictures of where elements go, as they are drawn: in the terminal, as SVG, as JSON."""

import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from drawn import picture

from einport.catalog import entries, entry
from einport.catalog._entry import case, values
from einport.comparison import provenance
from einport.comparison.axes import _agrees, label
from einport.views import PICTURE_CSS, PICTURE_JS, find_cell
from einport.views import to_svg as svg
from einport.views import to_terminal as terminal
from einport.views.documents import to_json

pytestmark = pytest.mark.once

NAMES = [one.name for one in entries()]
CODES = re.compile(r"\x1b\[[0-9;]*m")


def small():
    return provenance(entry("pixel_shuffle"), case("small", values(4, 1, 2), 2))


def cells_of(fragment):
    """The cells of an SVG by their names, such as `o0.3`."""
    root = ElementTree.fromstring(f"<root>{fragment}</root>")
    found = {}
    for element in root.iter("g"):
        if "data-cell" in element.attrib:
            assert element.get("data-cell") not in found
            found[element.get("data-cell")] = element
    return found


def unpacked(text):
    """`0:3-5,9;1:2` as cells of inputs, in order."""
    found = []
    for part in filter(None, text.split(";")):
        owner, runs = part.split(":")
        for run in runs.split(","):
            first, _, last = run.partition("-")
            found += [(int(owner), cell) for cell in range(int(first), int(last or first) + 1)]
    return tuple(found)


# --- In the terminal -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_picture_fits_a_terminal(name):
    p = picture(name)
    text = terminal(p, 80, color=False)
    lines = text.split("\n")
    assert all(line.isprintable() for line in lines)
    # A call that is longer than a line is left in one: it is to be copied.
    assert all(len(line) <= 80 for line in lines[1:])
    assert lines[0] == p.call
    for x in (*p.inputs, *p.outputs):
        assert any(line.startswith(f"{x.name} ") for line in lines), x.name
    plain = CODES.sub("", terminal(p, 80, color=True))
    assert [line.rstrip() for line in plain.split("\n")] == lines


def test_a_move_shows_where_each_value_came_from():
    assert terminal(small(), 80, color=False).split("\n") == [
        "pixel_shuffle(x, 2)",
        "",
        "x (c·r²=4, h=1↓, w=2→)",
        "c·r² 0   c·r² 1   c·r² 2   c·r² 3",
        " 0  1     2  3     4  5     6  7",
        "",
        "out (c=1, h·r=2↓, w·r=4→)  result",
        " 0  2  1  3",
        " 4  6  5  7",
        "",
        "Each cell of the result shows the number of the cell that its value is from.",
    ]


def test_a_chosen_cell_is_marked_with_its_sources():
    text = terminal(small(), 80, color=False, cell=(0, 1, 2))
    assert "\n 0  1     2  3     4 [5]    6  7\n" in text
    assert "\n 4  6 [5] 7\n" in text
    assert text.endswith("out[0, 1, 2] comes from x[2, 0, 1].")
    assert "[" not in terminal(small(), 80, color=False).partition("Each")[0]


def test_a_sum_shows_how_many_cells_it_comes_from():
    text = terminal(provenance(entry("row_sums"), case("two", values(2, 3))), color=False)
    assert "\n 3  3\n" in text
    assert text.replace("\n", " ").endswith("out[1], say, from a[1, :].")


def test_color_names_axes_alike_on_both_sides():
    text = terminal(picture("transpose_matrices"), 80, color=True)
    names = re.findall(r"\x1b\[1;38;5;(\d+)m(\w+)\x1b", text)
    by_name = {}
    for color, name in names:
        by_name.setdefault(name, set()).add(color)
    assert set(by_name) >= {"h", "w"}
    assert all(len(found) == 1 for found in by_name.values())
    assert len(set.union(*by_name.values())) == len(by_name)


# --- The names of axes -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "inputs", "outputs"),
    [
        ("pixel_shuffle", ["(c·r²=8, h=2, w=3)"], ["(c=2, h·r=4, w·r=6)"]),
        ("rearrange", ["(b=2, c=3, h=2, w=2)"], ["(b=2, h·w·c=12)"]),
        ("einsum", ["(b=2, i=3, k=4)", "(b=2, k=4, j=5)"], ["(b=2, i=3, j=5)"]),
        ("collect_rows", ["(m=5, n=3)", "(k=4)"], ["(k=4, n=3)"]),
        (
            "scaled_dot_product_attention",
            ["(n=4, d=2)", "(m=4, d=2)", "(m=4, e=3)"],
            ["(n=4, e=3)"],
        ),
        ("max_pool", ["(c=1, h=5, w=7)"], ["(c=1, h'=3, w'=4)"]),
        ("permute_cyclic", ["(d1=2, d2=3, d3=4)"], ["(d3=4, d1=2, d2=3)"]),
    ],
)
def test_axes_have_the_names_of_the_pattern_or_the_docstring(name, inputs, outputs):
    p = picture(name)
    assert [label(x.axes) for x in p.inputs] == inputs
    assert [label(x.axes) for x in p.outputs] == outputs


@pytest.mark.parametrize(
    ("axis", "size", "known", "can"),
    [
        ("c·r²", 12, {"c": 3, "r": 2}, True),
        ("c·r²", 6, {"c": 3, "r": 2}, False),
        ("c·r²", 7, {"c": 3}, True),
        ("H/2", 3, {"H": 6}, True),
        ("H/2", 4, {"H": 6}, False),
        ("4·C", 12, {"C": 3}, True),
        ("4·C", 13, {"C": 3}, False),
        ("n", 1, {"n": 5}, True),
        ("n", 2, {"n": 5}, False),
    ],
)
def test_a_shape_is_told_by_sizes_that_are_known(axis, size, known, can):
    assert _agrees(axis, size, known) is can


# --- A cell by its name --------------------------------------------------------------------------


def test_cells_are_found_by_place_and_by_text():
    p = picture("top_k_gating")
    first, second = (x.name for x in p.outputs)
    assert find_cell(p, (1, 0)) == (0, p.outputs[0].cell((1, 0)))
    assert find_cell(p, "1, 0") == find_cell(p, f"{first}[1, 0]") == find_cell(p, (1, 0))
    assert find_cell(p, f" {second}[0, 1] ") == (1, 1)
    assert find_cell(picture("trace"), "out") == (0, 0)


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("nothing[0]", "has no result 'nothing'"),
        ("0, x", "a cell is written as"),
        ("[0", "a cell is written as"),
        ("9, 9, 9", "has no cell"),
        ((0,), "has no cell"),
        ("out[-1, 0, 0]", "whole numbers"),
    ],
)
def test_a_cell_that_is_not_there_is_refused(cell, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        find_cell(picture("pixel_shuffle"), cell)


# --- As SVG --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_picture_is_well_formed_and_true(name):
    p = picture(name)
    fragment = svg(p)
    cells = cells_of(fragment)
    assert len(cells) == sum(x.values.size for x in (*p.inputs, *p.outputs))
    for o, x in enumerate(p.outputs):
        for cell in range(x.values.size):
            element = cells[f"o{o}.{cell}"]
            assert unpacked(element.get("data-sources")) == p.of(o, cell)
            assert element.get("aria-label").startswith(f"{x.at(cell)}: from ")
            held = p.moved(o, cell)
            shown = element.find("text").text
            if not p.moves[o]:
                assert shown == str(len(p.of(o, cell)))
            elif held is None:
                assert shown == "·"
            else:
                assert shown == cells[f"i{held[0]}.{held[1]}"].find("text").text
    assert "http" not in fragment
    assert "<script" not in fragment


def test_cells_of_an_array_do_not_lie_on_each_other():
    for name in ("pixel_shuffle", "multi_head_attention", "conv2d"):
        root = ElementTree.fromstring(f"<root>{svg(picture(name))}</root>")
        for drawing in root.iter("svg"):
            width, height = int(drawing.get("width")), int(drawing.get("height"))
            places = [
                tuple(map(int, re.findall(r"\d+", cell.get("transform"))))
                for cell in drawing.iter("g")
            ]
            assert len(set(places)) == len(places)
            for x, y in places:
                assert 0 <= x <= width - 24
                assert 0 <= y <= height - 24
            for one in places:
                for other in places:
                    assert (
                        one == other
                        or abs(one[0] - other[0]) >= 26
                        or (abs(one[1] - other[1]) >= 26)
                    )


def test_an_array_is_narrow_enough_for_a_phone():
    for name in NAMES:
        root = ElementTree.fromstring(f"<root>{svg(picture(name))}</root>")
        # A single row may be longer: it is made smaller to fit.
        wide = [
            int(drawing.get("width"))
            for drawing in root.iter("svg")
            if int(drawing.get("data-across")) <= 8
        ]
        assert all(width <= 345 for width in wide), name


def test_one_cell_of_each_array_is_reached_by_the_tab_key():
    root = ElementTree.fromstring(f"<root>{svg(picture('conv2d'))}</root>")
    for drawing in root.iter("svg"):
        stops = [cell.get("tabindex") for cell in drawing.iter("g")]
        assert stops.count("0") == 1
        assert set(stops) <= {"0", "-1"}
        assert drawing.get("aria-label")


def test_text_is_escaped():
    fragment = svg(picture("rearrange"), prefix='<"x">')
    assert "b c h w -&gt; b (h w c)" in fragment
    assert "&lt;&#34;x&#34;&gt;" in fragment
    assert 'id="<' not in fragment


def test_style_and_script_stand_on_their_own():
    used = set(re.findall(r'class="([^"]+)"', svg(picture("conv2d"))))
    names = {name for one in used for name in one.split()}
    unstyled = {name for name in names if f".{name}" not in PICTURE_CSS}
    assert unstyled <= {"ep-call"}
    assert "http" not in PICTURE_CSS + PICTURE_JS
    for name in re.findall(r"var\((--ep-[\w-]+)\)", PICTURE_CSS):
        assert f"{name}:" in PICTURE_CSS or name == "--ep-hue"


# --- As JSON -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_picture_is_json(name):
    p = picture(name)
    found = json.loads(json.dumps(to_json(p), allow_nan=False))
    assert found["op"] == name
    for o, x in enumerate(p.outputs):
        given = found["outputs"][o]
        assert given["shape"] == list(x.shape)
        assert len(given["sources"]) == int(np.prod(x.shape, dtype=int))
        for cell, sources in enumerate(given["sources"]):
            assert [(i, p.inputs[i].cell(place)) for i, place in sources] == list(p.of(o, cell))
