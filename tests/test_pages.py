"""The static site: what is on its pages, that they hold together, and where they are written."""

import json
import os
import posixpath
import re
import subprocess
import sys
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from inspect import cleandoc
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from einport.backends import get_backend
from einport.catalog import entries
from einport.cli.pages import command as pages_command
from einport.comparison.running import compare
from einport.files import NotWritten
from einport.suite.results import Cell, Document, Run, encode
from einport.traps import traps
from einport.views.html import duration, pattern_lines, python, words
from einport.views.png import encode_png
from einport.views.site import folder as folders
from einport.views.site import matrix
from einport.views.site.building import HEAVIEST, Content, build, weights
from einport.views.site.digits import digit_pictures
from einport.views.site.folder import MARKER, check_folder, write_folder
from einport.views.site.look import Stamp, docstring_blocks

pytestmark = pytest.mark.once

STAMP = Stamp("9.8.7", "3.99.0", "Linux x86_64", 1_700_000_000)
OPS = ("pixel_shuffle", "pixel_unshuffle", "softmax")
VOID = {"meta", "link", "input", "img", "br", "wbr", "hr"}
HOSTILE = '<script>alert(1)</script><img src=x onerror=alert(2)>"\' onclick="alert(3)'
COLUMNS = (
    ("tensorflow", "2.0", "cpu"),
    ("torch", "2.9.1+cpu", "cpu"),
    ("torch", "2.9.1", "cuda:0"),
)
TITLES = {"torch": "PyTorch", "tensorflow": "TensorFlow"}


def cell(op: str, column=COLUMNS[1], mode="eager", dtype="float32", status="pass", error=0.0,
         reason="", topic="images") -> Cell:  # fmt: skip
    compared = 0 if error is None else 4
    return Cell(
        op, topic, *column, mode, dtype, status, error, min(compared, 1), compared, 0.1, reason
    )


def document(*cells: Cell) -> Document:
    runs = tuple(
        Run(
            "9.8.6",
            "3.12.0",
            "Linux",
            name,
            TITLES[name],
            version,
            device,
            "pytest",
            "all",
            False,
            0,
        )
        for name, version, device in COLUMNS
    )
    return Document(runs, cells)


RESULTS = document(
    cell("pixel_shuffle", dtype="float64"),
    cell("pixel_shuffle", dtype="float32", error=0.25),
    cell("pixel_shuffle", dtype="int8", status="unsupported", error=None, reason="no int8 here"),
    cell("pixel_shuffle", mode="compiled", error=0.5),
    cell("pixel_shuffle", COLUMNS[0], status="fail", error=7.0, reason="gave 1, expected 2"),
    cell("softmax", topic="probability", error=0.001),
)


@cache
def content(name: str) -> Content:
    """A small site's content, computed once a framework."""
    xp = get_backend(name)
    found = tuple(compare(op, backends=[name], time=False) for op in OPS)
    return Content(found, traps(), digit_pictures([xp]), RESULTS, "", STAMP)


@cache
def site(name: str) -> dict[str, bytes]:
    return build(content(name))


class Page(HTMLParser):
    """Elements, ids and addresses of a page, and what is not balanced in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        self.faults += [f"<{tag}> stays open" for tag in self.open]

    def handle_starttag(self, tag, attrs):
        if len({name for name, _ in attrs}) != len(attrs):
            self.faults.append(f"<{tag}> has an attribute twice: {attrs}")
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()} closes nothing")

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else "", data))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]

    @property
    def ids(self) -> list[str]:
        return [attrs["id"] for _, attrs in self.elements if attrs.get("id")]

    @property
    def bare(self) -> str:
        """All text, without any space."""
        return "".join("".join(data for _, data in self.texts).split())

    @property
    def text(self) -> str:
        return " ".join(" ".join(data for _, data in self.texts).split())


@cache
def pages(name: str) -> dict[str, Page]:
    """The small site's pages."""
    made = site(name).items()
    return {file: Page(data.decode()) for file, data in made if file.endswith(".html")}


# --- All pages -----------------------------------------------------------------------------------


def test_the_site_has_its_pages(backend) -> None:
    made = site(backend.name)
    named = {"index.html", "matrix.html", "traps.html", "digits.html"}
    named |= {f"ops/{op}.html" for op in OPS} | {f"traps/{one.topic}.html" for one in traps()}
    assert {name for name in made if name.endswith(".html")} == named
    assert sum(name.startswith("pictures/") for name in made) == 9


def test_pages_are_well_formed(backend) -> None:
    for name, page in pages(backend.name).items():
        assert page.faults == [], name
        assert len(page.ids) == len(set(page.ids)), name


def test_the_check_of_form_can_fail() -> None:
    assert Page("<p><b>x</p>").faults
    assert Page("<p>x").faults
    assert Page('<p id="a" id="b">x</p>').faults


def test_links_lead_somewhere(backend) -> None:
    made = site(backend.name)
    parsed = pages(backend.name)
    count = 0
    for name, page in parsed.items():
        for _, attrs in page.elements:
            for address in filter(None, (attrs.get("href"), attrs.get("src"))):
                file, _, fragment = address.partition("#")
                to = (
                    posixpath.normpath(posixpath.join(posixpath.dirname(name), file))
                    if file
                    else name
                )
                assert to in made, f"{name} links {address}"
                assert not fragment or fragment in parsed[to].ids, f"{name} links {address}"
                count += 1
    assert count > 100


def test_nothing_comes_from_outside(backend) -> None:
    """Addresses stand in texts alone: docstrings have sources, traps have messages."""
    made = site(backend.name)
    texts = ("aria-label", "data-text", "data-tabs")
    for name, page in pages(backend.name).items():
        for tag, attrs in page.elements:
            for key, value in attrs.items():
                outside = re.search(r"//|\b(?:https?|data|javascript|file):", value or "")
                assert not outside or key in texts, f"{name}: <{tag} {key}={value}>"
    for name, data in made.items():
        if name.endswith((".css", ".js", ".svg")):
            text = data.decode().replace('xmlns="http://www.w3.org/2000/svg"', "")
            assert "//" not in text, name
            assert "@import" not in text, name


def test_pages_carry_no_script_of_their_own_and_forbid_it(backend) -> None:
    for name, page in pages(backend.name).items():
        (policy,) = [m["content"] for m in page.all("meta") if "http-equiv" in m]
        assert policy.startswith("default-src 'none'; "), name
        assert "script-src 'self';" in policy, name
        assert not [text for tag, text in page.texts if tag in ("script", "style")], name
        assert all(one.get("src") and "defer" in one for one in page.all("script")), name
        assert not [a for _, attrs in page.elements for a in attrs if a.startswith("on")], name


def test_pages_are_fit_for_screen_readers(backend) -> None:
    for name, page in pages(backend.name).items():
        assert page.all("html") == [{"lang": "en"}], name
        assert [len(page.all(tag)) for tag in ("h1", "main", "title")] == [1, 1, 1], name
        assert {"class": "skip", "href": "#main"} in page.all("a"), name
        labelled = {one["for"] for one in page.all("label")}
        fields = [one["id"] for tag in ("input", "select") for one in page.all(tag)]
        assert set(fields) == labelled, name
        assert all(one.get("alt") for one in page.all("img")), name
        levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
        steps = pairwise(levels)
        assert all(after - before <= 1 for before, after in steps), name


def test_pages_are_light(backend) -> None:
    made = site(backend.name)
    found = weights(made)
    assert max(found.values()) <= HEAVIEST
    static = sum(len(made[f"static/{one}"]) for one in ("style.css", "site.js", "icon.svg"))
    assert found["traps.html"] == len(made["traps.html"]) + static
    shown = sum(len(data) for name, data in made.items() if name.startswith("pictures/"))
    assert found["digits.html"] == len(made["digits.html"]) + static + shown


def test_a_heavy_page_is_refused(backend) -> None:
    whole = content(backend.name)
    heavy = replace(whole.comparisons[0], call="x" * 300_000)
    with pytest.raises(ValueError, match=r"at most 300,000 bytes: ops/pixel_shuffle\.html \("):
        build(replace(whole, comparisons=(heavy,)))


def test_all_texts_are_escaped(backend) -> None:
    whole = content(backend.name)
    first = whole.comparisons[0]
    run = replace(first.runs[0], title=HOSTILE, version=HOSTILE, problem=HOSTILE)
    bad = replace(
        first, summary=HOSTILE, definition=f"x = {HOSTILE!r}", call=HOSTILE, topic=HOSTILE,
        runs=(run,), pairs=(),
        idioms=tuple(replace(one, source=f"# {HOSTILE}") for one in first.idioms),
    )  # fmt: skip
    trap = replace(traps()[0], title=HOSTILE, why=HOSTILE, instead=f"`{HOSTILE}`")
    cells = (cell(HOSTILE, status="fail", reason=HOSTILE, topic=HOSTILE, mode=HOSTILE),)
    made = build(
        replace(whole, comparisons=(bad,), traps=(trap,), results=document(*cells), stamp=replace(
            STAMP, platform=HOSTILE))
    )  # fmt: skip
    for name in ("index.html", "ops/pixel_shuffle.html", "traps.html", "matrix.html"):
        page = Page(made[name].decode())
        assert page.faults == [], name
        assert all(one.get("src") for one in page.all("script")), name
        assert not [one for one in page.all("img") if one.get("src") == "x"], name
        assert not [a for _, attrs in page.elements for a in attrs if a.startswith("on")], name
        assert "<script>alert(1)" in page.text, name


def test_text_that_has_no_utf_8_does_no_harm(backend) -> None:
    whole = content(backend.name)
    bad = replace(whole.comparisons[0], summary="half \ud800 a pair")
    made = build(replace(whole, comparisons=(bad,)))
    assert "half ? a pair" in Page(made["ops/pixel_shuffle.html"].decode()).text


def test_the_same_run_gives_the_same_bytes(backend) -> None:
    first = site(backend.name)
    again = tuple(compare(op, backends=[backend.name], time=False) for op in OPS)
    assert build(replace(content(backend.name), comparisons=again)) == first
    later = build(replace(content(backend.name), stamp=replace(STAMP, seconds=STAMP.seconds + 60)))
    assert later["index.html"] != first["index.html"]


# --- Operations ----------------------------------------------------------------------------------


def test_an_operation_shows_what_ran(backend) -> None:
    for one in content(backend.name).comparisons:
        page = pages(backend.name)[f"ops/{one.op}.html"]
        (run,) = one.runs
        native = "none" if run.native is None else run.native.text
        assert f"{run.title} {run.version} {run.agreement.text} {native}" in page.text
        assert one.verdict in page.text
        assert (
            "Run when this site was built: 14 November 2023, 22:13 UTC, einport 9.8.7" in page.text
        )
        for idiom in one.idioms:
            assert "".join(idiom.source.split()) in page.bare
        for trap in one.traps:
            assert "".join(trap.why.replace("`", "").split()) in page.bare
        assert {"href": f"../matrix.html#{one.op}"} in page.all("a") or one.op == "pixel_unshuffle"


def test_an_operation_has_its_picture(backend) -> None:
    one = content(backend.name).comparisons[0]
    page = pages(backend.name)[f"ops/{one.op}.html"]
    cells = [attrs for tag, attrs in page.elements if attrs.get("class") == "ep-c"]
    drawn = one.picture
    assert len(cells) == sum(x.values.size for x in (*drawn.inputs, *drawn.outputs))


def test_what_differs_is_said(backend) -> None:
    whole = content(backend.name)
    first = whole.comparisons[0]
    bad = replace(first, runs=(replace(first.runs[0], agreement=replace(
        first.runs[0].agreement, problem="row 3 is wrong", same_bits=False)),))  # fmt: skip
    made = build(replace(whole, comparisons=(bad, *whole.comparisons[1:])))
    assert "row 3 is wrong" in Page(made["ops/pixel_shuffle.html"].decode()).text
    index = Page(made["index.html"].decode())
    assert "1 of 3 operations did not agree in this build: pixel_shuffle" in index.text
    (item,) = [
        li for li in index.all("li") if "pixel_shuffle" in (li.get("data-text") or "").split()
    ]
    assert item["data-framework"] == ""
    assert "did not agree" not in pages(backend.name)["index.html"].text


def test_docstrings_lose_nothing() -> None:
    for one in entries():
        text = one.op.__doc__
        blocks = docstring_blocks(cleandoc(text))
        kept = " ".join(
            " ".join((b.title, *b.paragraphs, *(f"{n}: {said}" for n, said in b.items), b.example))
            for b in blocks
        ).split()
        _, _, rest = cleandoc(text).partition("\n")
        lost = [word for word in rest.split() if word not in kept]
        assert set(lost) <= {
            "Args:",
            "Returns:",
            "Raises:",
            "Source:",
            "Parameters:",
            "Example:",
        }, one.name


def test_what_a_definition_is_made_with_is_shown(backend) -> None:
    for one in content(backend.name).comparisons:
        page = pages(backend.name)[f"ops/{one.op}.html"]
        assert "".join(one.helpers.split()) in page.bare
        assert ("What it is made with" in page.text) == bool(one.helpers)


def test_lines_with_patterns_are_found() -> None:
    source = "def f(x):\n    y = check(x)\n    return rearrange(\n        y, 'a b -> b a'\n    )"
    assert pattern_lines(source) == {3, 4, 5}
    assert pattern_lines("reduce(x, 'a b -> a', 'sum')\nreduce(add, parts)") == {1}
    assert str(python(source, True)).count('class="hll"') == 3


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.5, "2.5 s"), (0.0312, "31.2 ms"), (8.24e-6, "8.24 µs"), (0.0, "0 µs")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_words_between_backticks_are_code() -> None:
    assert words("a `b<c` d & `") == "a <code>b&lt;c</code> d &amp; `"


# --- Matrix --------------------------------------------------------------------------------------


def rows(page: Page, text: str) -> list[list[str]]:
    """The table's rows, cell by cell."""
    body = text.partition("<table")[2].partition("</table>")[0]
    found = re.findall(r"<tr.*?</tr>", body, re.DOTALL)
    return [
        [
            " ".join(re.sub(r"<[^>]*>", "", one).split())
            for one in re.findall(r"<t[hd].*?</t[hd]>", row, re.S)
        ]
        for row in found
    ]


def test_the_matrix_shows_the_worst_and_the_reasons(backend) -> None:
    text = site(backend.name)["matrix.html"].decode()
    found = rows(Page(text), text)
    assert found[0] == [
        "Operation",
        "PyTorch 2.9.1 cpu",
        "PyTorch 2.9.1 cuda:0",
        "TensorFlow 2.0 cpu",
    ]
    assert found[1:] == [
        ["pixel_shuffle", "0.50 *2", "–", "FAIL *1"],
        ["eager", "0.25 *2", "–", "FAIL *1"],
        ["compiled", "0.50", "–", "–"],
        ["softmax", "&lt;0.01", "–", "–"],
        ["eager", "&lt;0.01", "–", "–"],
    ]
    page = Page(text)
    assert "*1 Fails: gave 1, expected 2 TensorFlow 2.0 cpu · eager · float32" in page.text
    assert "*2 no int8 here PyTorch 2.9.1+cpu cpu · eager · int8 · pixel_shuffle" in page.text
    assert (
        "PyTorch 2.9.1 on cuda:0: everything, by pytest; einport 9.8.6, Python 3.12.0" in page.text
    )
    packed = [one["data-d"] for one in page.all("td") if "data-d" in one]
    assert packed == ["a=e b=0.25 c=u2", "b=7.00F1", "b=0.50", "b=<0.01"]


def test_a_large_matrix_is_parted_by_topic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix, "LIMIT", 100_000)
    dtypes = ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int8", "bool")
    modes = ("eager", "compiled", "dynamic", "gradient", "mapped", "exported", "device", "abstract")
    cells = [
        cell(
            f"operation_number_{i}",
            column,
            mode,
            dtype,
            error=0.01 * (i + j),
            topic=f"topic{i % 7}",
        )
        for i in range(70)
        for column in COLUMNS
        for mode in modes
        for j, dtype in enumerate(dtypes)
    ]
    made = matrix.matrix_pages(document(*cells), "", {"operation_number_3"}, STAMP)
    assert set(made) == {"matrix.html", *(f"matrix-topic{i}.html" for i in range(7))}
    assert max(map(len, made.values())) < matrix.LIMIT
    whole = Page(made["matrix.html"].decode())
    assert whole.faults == []
    assert not [tr for tr in whole.all("tr") if "data-m" in tr]
    packed = [one["data-d"] for one in whole.all("td")]
    assert len(packed) == 70 * 3
    assert packed[0].split() == [
        f"{'abcdefgh'[j]}={f'{0.01 * j:.2f}' if j else 'e'}" for j in range(8)
    ]
    part = Page(made["matrix-topic3.html"].decode())
    assert {tr.get("data-m") for tr in part.all("tr")} == {None, *modes}
    assert {body["id"] for body in part.all("tbody")} == {
        f"operation_number_{i}" for i in range(70) if i % 7 == 3
    }
    assert matrix.matrix_place(made, "topic3", "operation_number_3") == (
        "matrix-topic3.html#operation_number_3"
    )


def test_several_reasons_of_one_dtype_are_all_there() -> None:
    gaps = [
        cell("op", mode=mode, status="unsupported", error=None, reason=f"no {mode}")
        for mode in ("eager", "compiled")
    ]
    results = matrix.Results(document(*gaps, cell("op", mode="mapped", error=2.0)))
    (group,) = results.groups
    square = group.whole.squares[0]
    assert (square.text, square.packed, list(square.numbers)) == ("2.00", "a=2.00u1,2", [1, 2])


def test_a_mode_that_nobody_has_described_is_shown(backend) -> None:
    made = matrix.matrix_pages(document(cell("op", mode="upside-down")), "", (), STAMP)
    assert "upside-down" in Page(made["matrix.html"].decode()).text


def test_without_results_the_matrix_says_why() -> None:
    made = matrix.matrix_pages(None, "no folder results was there", (), STAMP)
    assert "There are no results to show: no folder results was there." in (
        Page(made["matrix.html"].decode()).text
    )


# --- Traps and digits ----------------------------------------------------------------------------


def test_each_trap_has_its_programs_and_what_they_gave(backend) -> None:
    texts = {one.topic: pages(backend.name)[f"traps/{one.topic}.html"].bare for one in traps()}
    for one in traps():
        page = pages(backend.name)[f"traps/{one.topic}.html"]
        bare = texts[one.topic]
        assert one.name in page.ids
        for name in one.programs:
            assert "".join(one.shown.get(name, "not run yet").split()) in bare
            assert "".join(one.source(name).split()) in bare
    panels = sum(
        "panel" in (attrs.get("class") or "")
        for name, page in pages(backend.name).items() if name.startswith("traps/")
        for attrs in page.all("div")
    )  # fmt: skip
    assert panels == sum(len(one.programs) + bool(one.einport) for one in traps())


def test_the_pictures_are_those_of_the_demonstrations(backend) -> None:
    for one in content(backend.name).digits:
        assert one.agrees
        assert site(backend.name)[one.file] == encode_png(one.values)


def test_a_picture_that_differs_is_said(backend) -> None:
    whole = content(backend.name)
    bad = replace(whole.digits[2], agrees=False)
    made = build(replace(whole, digits=(*whole.digits[:2], bad, *whole.digits[3:])))
    said = "Not the same on all frameworks, or not of the expected shape: One digit twice."
    assert said in Page(made["digits.html"].decode()).text
    assert "Not the same" not in pages(backend.name)["digits.html"].text


# --- The folder ----------------------------------------------------------------------------------

FILES = {"index.html": b"one", "ops/a.html": b"two"}


def held(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*")) if path.is_file()
    }  # fmt: skip


def test_a_site_goes_to_a_new_or_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("new", "empty"):
        write_folder(tmp_path / name, FILES)
        found = held(tmp_path / name)
        assert json.loads(found.pop(MARKER))["files"] == sorted(FILES)
        assert found == FILES
    assert sorted(one.name for one in tmp_path.iterdir()) == ["empty", "new"]


def test_a_site_is_replaced_only_when_asked(tmp_path: Path) -> None:
    site = tmp_path / "site"
    write_folder(site, {**FILES, "ops/old.html": b"gone"})
    with pytest.raises(NotWritten, match="not empty; --force replaces"):
        write_folder(site, FILES)
    write_folder(site, FILES, force=True)
    assert set(held(site)) == {*FILES, MARKER}
    assert sorted(one.name for one in tmp_path.iterdir()) == ["site"]


@pytest.mark.parametrize("name", ["notes.txt", "ops/notes.txt", ".hidden", "mine/deep/notes.txt"])
def test_what_others_wrote_stays(tmp_path: Path, name: str) -> None:
    site = tmp_path / "site"
    write_folder(site, FILES)
    (site / name).parent.mkdir(parents=True, exist_ok=True)
    (site / name).write_bytes(b"mine")
    before = held(site)
    with pytest.raises(NotWritten, match=f"what einport did not write: {name}; move it"):
        write_folder(site, FILES, force=True)
    assert held(site) == before


def test_a_folder_of_anything_else_stays(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_bytes(b"mine")
    with pytest.raises(NotWritten, match="holds no site of einport"):
        check_folder(tmp_path, force=True)
    (tmp_path / MARKER).write_text("[]")
    with pytest.raises(NotWritten, match="holds no site of einport"):
        check_folder(tmp_path, force=True)


def test_empty_folders_and_links_of_others_stay(tmp_path: Path) -> None:
    site = tmp_path / "site"
    write_folder(site, FILES)
    (site / "empty").mkdir()
    with pytest.raises(NotWritten, match="did not write: empty/"):
        check_folder(site, force=True)
    (site / "empty").rmdir()
    (site / "link").symlink_to(tmp_path)
    with pytest.raises(NotWritten, match="did not write: link"):
        check_folder(site, force=True)


def test_folders_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotWritten, match="is a file"):
        check_folder(tmp_path / "file", force=True)
    with pytest.raises(NotWritten, match="there is no folder"):
        check_folder(tmp_path / "a" / "b", force=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for where in (".", "..", tmp_path / "here"):
        with pytest.raises(NotWritten, match="current folder"):
            check_folder(Path(where), force=True)


def test_what_is_no_folder_is_never_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, target in {"loop": "loop", "to pipe": "pipe", "far": "none/site"}.items():
        (tmp_path / name).symlink_to(target)
    said = {
        "pipe": "is a pipe, not a folder",
        "to pipe": "is a pipe, not a folder",
        "loop": "symbolic links",
        "far": "there is no folder",
        "n" * 256: "name too long",
        "a\0b": "null",
    }
    before = sorted(one.name for one in tmp_path.iterdir())
    for name, reason in said.items():
        with pytest.raises(NotWritten, match=f"(?i){reason}"):
            write_folder(tmp_path / name, FILES, force=True)
    assert sorted(one.name for one in tmp_path.iterdir()) == before
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_file_of_a_site_that_has_become_something_else_stays(tmp_path: Path, kind: str) -> None:
    write_folder(tmp_path / "site", FILES)
    file = tmp_path / "site" / "index.html"
    file.unlink()
    file.symlink_to("ops/a.html") if kind == "link" else os.mkfifo(file)
    with pytest.raises(NotWritten, match=rf"did not write: index\.html \(a {kind}\)"):
        check_folder(tmp_path / "site", force=True)


@pytest.mark.parametrize("held", ["[" * 100_000, '{"files": "abc"}', "{", "pipe", "9" * 5000])
def test_a_folder_whose_list_cannot_be_read_stays(tmp_path: Path, held: str) -> None:
    os.mkfifo(tmp_path / MARKER) if held == "pipe" else (tmp_path / MARKER).write_text(held)
    with pytest.raises(NotWritten, match="holds no site of einport"):
        check_folder(tmp_path, force=True)


def test_a_site_that_is_replaced_keeps_its_folder_s_mode(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir(mode=0o750)
    for _ in range(2):
        write_folder(tmp_path / "site", FILES, force=True)
    assert (tmp_path / "site").stat().st_mode & 0o777 == 0o750


def test_an_interrupt_between_two_steps_brings_the_old_site_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    write_folder(site, {"index.html": b"old"})
    before = held(tmp_path)
    rename, calls = os.rename, []

    def interrupted(one: Path, other: Path) -> None:
        rename(one, other)
        calls.append(one)
        if len(calls) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(folders.os, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_folder(site, FILES, force=True)
    assert held(tmp_path) == before
    assert [one.name for one in tmp_path.iterdir()] == ["site"]


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_folder(tmp_path / "link", FILES)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "index.html").read_bytes() == b"one"


@pytest.mark.parametrize("old", [True, False])
def test_half_a_site_is_never_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: bool
) -> None:
    site = tmp_path / "site"
    if old:
        write_folder(site, {"index.html": b"old"})
    before = held(tmp_path)
    write = Path.write_bytes

    def full(self: Path, data: bytes) -> int:
        if self.name == "a.html":
            raise OSError(28, "No space left on device")
        return write(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(NotWritten, match="No space left"):
        write_folder(site, FILES, force=True)
    assert held(tmp_path) == before
    assert sorted(one.name for one in tmp_path.iterdir()) == (["site"] if old else [])


def test_the_old_site_comes_back_when_the_new_one_cannot_be_put_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    write_folder(site, {"index.html": b"old"})
    before = held(tmp_path)
    rename, calls = os.rename, []

    def second_fails(one: Path, other: Path) -> None:
        calls.append((one, other))
        if len(calls) == 2:
            raise OSError(5, "Input/output error")
        rename(one, other)

    monkeypatch.setattr(folders.os, "rename", second_fails)
    with pytest.raises(NotWritten, match="Input/output error"):
        write_folder(site, FILES, force=True)
    assert len(calls) == 3
    assert held(tmp_path) == before
    assert [one.name for one in tmp_path.iterdir()] == ["site"]


def test_an_old_site_that_cannot_come_back_is_kept_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    write_folder(site, {"index.html": b"old"})
    rename, calls = os.rename, []

    def only_first(one: Path, other: Path) -> None:
        calls.append((one, other))
        if len(calls) > 1:
            raise OSError(5, "Input/output error")
        rename(one, other)

    monkeypatch.setattr(folders.os, "rename", only_first)
    with pytest.raises(NotWritten):
        write_folder(site, FILES, force=True)
    assert b"old" in held(tmp_path).values()


# --- The command ---------------------------------------------------------------------------------


def run(*arguments: str, **environment: str) -> Result:
    env = {"COLUMNS": "80", "NO_COLOR": "1", "SOURCE_DATE_EPOCH": "1700000000", **environment}
    return CliRunner(env=env).invoke(pages_command, [str(one) for one in arguments])


def test_the_command_has_help_with_examples() -> None:
    result = run("--help")
    assert result.exit_code == 0
    assert "einport pages site" in result.output
    assert max(map(len, result.output.splitlines())) <= 80


def test_the_command_writes_a_site(backend, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "one.json").write_bytes(encode(RESULTS))
    result = run("site", "--op", "pixel_shuffle", "--backend", backend.name, "--no-time")
    assert result.exit_code == 0, result.output
    assert "pages, " in result.output
    assert "open site/index.html" in result.output
    found = held(tmp_path / "site")
    assert "gave 1, expected 2" in found["matrix.html"].decode()
    assert "14 November 2023" in found["ops/pixel_shuffle.html"].decode()
    assert backend.version() in found["ops/pixel_shuffle.html"].decode()


def test_the_command_ends_with_1_when_something_differs(backend, tmp_path, monkeypatch) -> None:
    from einport.comparison import running

    real = content(backend.name).comparisons[0]
    wrong = replace(real.runs[0], problem="pixel_shuffle raised MemoryError: none left")
    monkeypatch.setattr(running, "compare", lambda *_, **__: replace(real, runs=(wrong,)))
    monkeypatch.chdir(tmp_path)
    result = run("site", "--op", "pixel_shuffle", "--backend", backend.name, "--no-time")
    assert result.exit_code == 1
    assert "MemoryError: none left" in result.stderr
    assert "the matrix is empty: no folder results" in result.stdout
    assert "none left" in (tmp_path / "site/ops/pixel_shuffle.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["full"], "full is not empty"),
        (["full", "--force"], "holds no site of einport"),
        (["new", "--op", "zebra"], "no operation has 'zebra'"),
        (["new", "--backend", "torhc"], "did you mean"),
        (["new", "--results", "none.json"], "cannot read none.json"),
        (["new", "--results", "full/broken.json"], "not JSON"),
        (["new", "--results", "empty"], "empty holds no file of results"),
        ([], "Missing argument"),
    ],
)
def test_slips_are_answered_before_any_work(arguments, said, tmp_path, monkeypatch) -> None:
    from einport.comparison import running

    monkeypatch.setattr(running, "compare", lambda *_, **__: pytest.fail("it ran"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "broken.json").write_text("{")
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
    assert "Traceback" not in result.output
    assert sorted(one.name for one in tmp_path.iterdir()) == ["empty", "full"]


@pytest.mark.parametrize("given", ["soon", "1e400", "99999999999999999999"])
def test_a_date_that_is_none_is_refused(given: str, tmp_path: Path) -> None:
    result = run(str(tmp_path / "site"), SOURCE_DATE_EPOCH=given)
    assert result.exit_code == 2
    assert "SOURCE_DATE_EPOCH must be seconds since 1970" in " ".join(result.output.split())


def test_without_its_extra_the_command_says_how_to_get_it(tmp_path: Path) -> None:
    program = (
        "import importlib.util as util\n"
        "real = util.find_spec\n"
        "util.find_spec = lambda name, *rest: None if name == 'jinja2' else real(name, *rest)\n"
        "from einport.cli.pages import command as pages_command\n"
        f"pages_command([{str(tmp_path / 'site')!r}])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False,
        env=dict(os.environ),
    )  # fmt: skip
    assert done.returncode == 2
    assert "pip install" in done.stderr
    assert "Traceback" not in done.stderr
