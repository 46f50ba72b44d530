"""`einport compare`: what it prints, writes and refuses, and its exit status."""

import json
import os
import re
import sys
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console

import einport
from einport.catalog import entry
from einport.cli import compare as compare_cli
from einport.cli.compare import command as compare_command
from einport.comparison import running
from einport.views import comparison_terminal, terminal

pytestmark = pytest.mark.once


def call(*arguments, **options):
    return CliRunner().invoke(compare_command, [str(a) for a in arguments], **options)


def refused(*arguments):
    result = call(*arguments)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    assert result.stdout == ""
    return " ".join(result.stderr.split())


def saved(folder, name, array):
    file = folder / f"{name}.npy"
    np.save(file, array)
    return file


@pytest.fixture
def wrong(monkeypatch):
    """An idiom that swaps two axes."""
    native = entry("transpose_matrices").op
    bad = replace(entry("transpose_matrices"), natives={"numpy": lambda x: native(native(x))})
    monkeypatch.setattr(running, "entry", lambda name: bad)


def test_it_shows_all_sections(backend):
    result = call("pixel_shuffle", "--backend", backend.name)
    assert result.exit_code == 0, result.output
    text = result.stdout
    heads = (
        "pixel_shuffle (images)",
        "Definition, once for all frameworks",
        "Native idioms",
        "Run just now",
        "Where elements go",
        "Traps",
    )
    places = [text.index(head) for head in heads]
    assert places == sorted(places)
    assert "def pixel_shuffle(" in text
    assert f"def pixel_shuffle_{backend.name}(" in text
    assert f"{backend.title} {backend.version()}" in text
    assert re.search(r"bit-identical  bit-identical +(none|\d)", text)
    assert "×" in text
    assert "x (c·r²=8, h=2↓, w=3→)" in text
    assert "einport traps NAME" in text
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_time_may_be_left_out(backend):
    text = call("softmax", "--backend", backend.name, "--no-time").stdout
    assert "Time:" not in text
    assert "×" not in text


def test_in_color_it_says_the_same(monkeypatch):
    plain = call("pixel_shuffle", "--backend", "numpy", "--no-time").stdout

    def colored():
        return Console(
            force_terminal=True, color_system="256", width=80, highlight=False, file=sys.stdout
        )

    for view in (terminal, comparison_terminal):
        monkeypatch.setattr(view, "console", colored)
    color = call("pixel_shuffle", "--backend", "numpy", "--no-time", color=True).stdout
    assert "\x1b[1mRun just now\x1b[0m" in color
    assert re.search(r"\x1b\[[\d;]+mdef\x1b\[0m", color)
    stripped = re.sub(r"\x1b\[[0-9;]*m", "", color)
    assert [line.rstrip() for line in stripped.splitlines()] == [
        line.rstrip() for line in plain.splitlines()
    ]


def test_json_is_for_programs(backend):
    result = call("softmax", "--backend", backend.name, "--json", "--no-time")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["op"] == "softmax"
    assert [one["name"] for one in found["frameworks"]] == [backend.name]


def test_sizes_and_arrays(backend, tmp_path):
    options = ("--backend", backend.name, "--no-time", "--json")
    found = json.loads(call("pixel_shuffle", "--shape", "b=1 h=2", *options).stdout)
    assert found["inputs"][0]["shape"] == [1, 12, 2, 4]
    a = saved(tmp_path, "a", np.arange(6, dtype="float32").reshape(2, 3))
    b = saved(tmp_path, "b", np.ones((3, 4), "float32"))
    result = call("matrix_multiply", "--input", a, "--input", b, *options)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert [one["shape"] for one in found["inputs"]] == [[2, 3], [3, 4]]
    assert found["frameworks"][0]["results"] == [{"shape": [2, 4], "dtype": "float32"}]


def test_a_page_is_written_whole_and_once(tmp_path):
    file = tmp_path / "softmax.html"
    options = ("softmax", "--backend", "numpy", "--no-time", "--html", file)
    result = call(*options)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"wrote {file}\n")
    assert file.read_text("utf-8").startswith("<!doctype html>")
    assert "already exists (use --force to overwrite)" in refused(*options)
    file.write_text("mine")
    assert "--force" in refused(*options)
    assert file.read_text() == "mine"
    assert call(*options, "--force").exit_code == 0
    assert "side by side" in file.read_text("utf-8")
    assert "no folder" in refused("softmax", "--html", tmp_path / "none" / "x.html")
    assert [one.name for one in tmp_path.iterdir()] == ["softmax.html"]


def test_json_beside_a_page(tmp_path):
    result = call(
        "softmax", "--backend", "numpy", "--no-time", "--json", "--html", tmp_path / "x.html"
    )
    assert json.loads(result.stdout)["op"] == "softmax"
    assert "wrote" in result.stderr


@pytest.mark.parametrize("how", [(), ("--json",), ("--html",)], ids=["text", "json", "html"])
def test_a_difference_is_exit_status_one(wrong, how, tmp_path):
    arguments = [*how, tmp_path / "x.html"] if how == ("--html",) else how
    result = call("transpose_matrices", "--backend", "numpy", "--no-time", *arguments)
    assert result.exit_code == 1
    assert "the native idiom gave shape (2, 3, 4), expected (2, 4, 3)" in " ".join(
        result.stdout.split()
    )


def test_unknown_names_are_answered_with_the_nearest():
    said = refused("pixel_shufle")
    assert "no operation is named 'pixel_shufle'; did you mean pixel_shuffle" in said
    assert "`einport list`" in said
    assert "did you mean 'torch'" in refused("softmax", "--backend", "troch")


def test_sizes_that_cannot_be_are_refused():
    assert "softmax has no axis z to set, only b, n" in refused("softmax", "--shape", "z=3")
    assert 'sizes are written as "b=2' in refused("softmax", "--shape", "n")
    said = refused("pixel_shuffle", "--shape", "c·r²=6")
    assert "6 channels, which upscale_factor**2 = 4 does not divide" in said


def test_files_that_cannot_be_are_refused(tmp_path):
    a = saved(tmp_path, "a", np.ones((2, 3)))
    assert "goes without --shape" in refused("softmax", "--input", a, "--shape", "n=3")
    assert "takes 2 arrays: a, b; got 1" in refused("matrix_multiply", "--input", a)
    assert "axis k is 3 in a and 2 in b" in refused("matrix_multiply", "--input", a, "--input", a)
    assert "No such file" in refused("softmax", "--input", tmp_path / "none.npy")
    assert "cannot read" in refused("softmax", "--input", tmp_path)
    (tmp_path / "text.npy").write_text("hello, this is no array")
    assert "holds no array in NumPy's format" in refused(
        "softmax", "--input", tmp_path / "text.npy"
    )
    cut = tmp_path / "cut.npy"
    cut.write_bytes(a.read_bytes()[:-5])
    assert "holds no array" in refused("softmax", "--input", cut)
    assert "120,000 values" in refused(
        "softmax", "--input", saved(tmp_path, "many", np.ones((400, 300), "int8"))
    )
    assert "more than the 100,000 values" in refused(
        "softmax", "--input", saved(tmp_path, "large", np.ones((400, 300)))
    )


class Trapped:
    """An object whose pickle runs something."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('run')",))


def test_nothing_in_a_file_is_run(tmp_path):
    file = tmp_path / "trap.npy"
    np.save(file, np.array([Trapped()], dtype=object), allow_pickle=True)
    assert "holds no array in NumPy's format: Object arrays cannot" in refused(
        "softmax", "--input", file
    )


def written_by_hand(file, shape, descr="'<f4'", version=(1, 0), header="", length=None):
    """A file in NumPy's format whose header claims this, and which holds 24 bytes."""
    text = (header or f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}").encode()
    size = len(text) if length is None else length
    size_bytes = size.to_bytes(2 if version == (1, 0) else 4, "little")
    file.write_bytes(b"\x93NUMPY" + bytes(version) + size_bytes + text + bytes(24))
    return file


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"shape": "(1000000000000, 3)"}, "its header claims shape (1000000000000, 3) of float32"),
        ({"shape": "(1000000000000, 3)", "version": (2, 0)}, "its header claims"),
        ({"shape": "(1000000000000,)", "descr": "'|V0'"}, "its header claims"),
        ({"shape": "(1000000000000,)", "descr": "'|S0'"}, "its header claims"),
        ({"shape": "(1000000000000,)", "descr": "'|O'"}, "Object arrays"),
        ({"shape": "(2,)", "descr": "('<f8', (100000, 1000))"}, "its header claims"),
        ({"shape": "(-1, 3)"}, "its header claims"),
        ({"shape": f"(0, {'9' * 4000})"}, ""),
        ({"shape": f"(0, {'9' * 5000})"}, ""),
        ({"shape": f"({'1, ' * 100})"}, ""),
        ({"shape": "(2, 3)", "version": (3, 0)}, "its version is 3.0"),
        ({"shape": "(2, 3)", "version": (2, 0), "length": 4_000_000_000}, ""),
        ({"shape": "", "header": "-" * 9000 + "1"}, ""),
        ({"shape": "", "header": "(" * 5000}, ""),
        ({"shape": "", "header": "{1: 2, 'a': 3}"}, ""),
        ({"shape": "", "header": "open('run', 'w')"}, ""),
    ],
    ids=lambda given: str(given)[:60],
)
def test_a_header_that_claims_what_is_not_there_is_refused(tmp_path, monkeypatch, claims, words):
    monkeypatch.chdir(tmp_path)
    file = written_by_hand(tmp_path / "x.npy", **claims)
    said = refused("softmax", "--backend", "numpy", "--input", file)
    assert f"x.npy holds no array in NumPy's format: {words}" in said
    assert len(said) < 600
    assert [one.name for one in tmp_path.iterdir()] == ["x.npy"]


def test_an_input_that_is_no_regular_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")  # which would not end
    assert "it is a pipe" in refused("softmax", "--input", tmp_path / "pipe")
    with (tmp_path / "large").open("wb") as stream:
        stream.truncate(10**12)
    assert "1,000,000,000,000 bytes" in refused("softmax", "--input", tmp_path / "large")


def test_arrays_of_any_byte_order_are_read(backend, tmp_path):
    file = saved(tmp_path, "a", np.arange(6, dtype=">f4").reshape(2, 3))
    result = call("softmax", "--backend", backend.name, "--no-time", "--json", "--input", file)
    assert result.exit_code == 0, result.output
    (run,) = json.loads(result.stdout)["frameworks"]
    assert run["results"] == [{"shape": [2, 3], "dtype": "float32"}]


def test_what_a_framework_says_cannot_command_the_terminal(monkeypatch):
    red = "\N{ESCAPE}[31mred"

    def loud(x):
        raise RuntimeError(red)

    loud.__name__ = "softmax"
    bad = replace(entry("softmax"), op=loud)
    monkeypatch.setattr(running, "entry", lambda name: bad)
    result = call("softmax", "--backend", "numpy", "--no-time", color=True)
    assert result.exit_code == 1
    assert "\x1b" not in result.stdout
    assert "\\x1b[31mred" in result.stdout


def test_help_has_examples():
    text = call("--help").output
    assert text.count("einport compare ") >= 5
    assert "exit status is 1" in text
    assert einport.__version__


def test_nothing_is_imported_for_a_mistake(monkeypatch):
    """A wrong size is said at once, before a framework is loaded."""

    def never(names):
        raise AssertionError("loaded")

    monkeypatch.setattr(compare_cli, "select_backends", never)
    assert "no axis z" in refused("softmax", "--shape", "z=3")
    assert "no operation" in refused("sofmax")
