"""The command line: what it prints, what it writes, and how it ends."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from einport.catalog import entries
from einport.cli import cli
from einport.views.terminal import console, progress_console

pytestmark = pytest.mark.once


def run(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "80", "NO_COLOR": "1"}).invoke(cli, arguments)


@pytest.mark.parametrize("command", ["backends", "gaps", "list", "matrix"])
def test_every_command_has_help_with_examples(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"einport {command}" in result.output
    assert max(map(len, result.output.splitlines())) <= 80


def test_backends_names_what_is_installed(backend) -> None:
    result = run("backends", "--json")
    (found,) = [row for row in json.loads(result.stdout) if row["name"] == backend.name]
    assert found["version"] == backend.version()
    assert found["devices"] == list(backend.devices())
    assert backend.version() in run("backends").output


def test_gaps_are_those_of_the_table(backend) -> None:
    rows = json.loads(run("gaps", "--json", "--backend", backend.name).stdout)
    assert [(row["op"], row["mode"], row["reason"]) for row in rows] == [
        (gap.op, gap.mode, gap.reason) for gap in backend.gaps
    ]
    said = run("gaps", "--backend", backend.name)
    assert said.exit_code == 0
    assert max(map(len, said.output.splitlines())) <= 80
    assert ("nothing declared" in said.output) == (not backend.gaps)
    text = " ".join(said.output.split())
    assert all(gap.reason.split()[-1] in text for gap in backend.gaps)


def test_list_has_a_line_for_each_operation() -> None:
    result = run("list")
    assert result.exit_code == 0
    names = [line.split()[0] for line in result.output.splitlines()[:-2]]
    assert names == [one.name for one in entries()]
    assert max(map(len, result.output.splitlines())) <= 80
    assert result.output.splitlines()[-1] == f"{len(names)} operations"


def test_list_takes_a_part_of_a_name() -> None:
    rows = json.loads(run("list", "shuffle", "--json").output)
    assert [row["name"] for row in rows] == ["pixel_shuffle", "pixel_unshuffle"]


def test_list_says_when_nothing_fits() -> None:
    result = run("list", "zebra")
    assert result.exit_code == 2
    assert "no operation has 'zebra' in its name" in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["list", "--zebra"], "No such option"),
        (["matirx"], "No such command"),
    ],
)
def test_a_slip_is_answered_without_a_traceback(arguments: list[str], said: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in result.output
    assert "Traceback" not in result.output


def test_a_terminal_without_the_letters_gets_escapes_and_no_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "einport", "list"], capture_output=True, check=False,
        env={**os.environ, "PYTHONIOENCODING": "latin-1", "COLUMNS": "40"},
    )  # fmt: skip
    assert done.returncode == 0
    assert b"\\u2026" in done.stdout


def test_without_its_extra_the_command_says_how_to_get_it() -> None:
    program = "import sys\nsys.modules['click'] = None\nfrom einport.__main__ import main\nmain()\n"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False,
        env=dict(os.environ),
    )  # fmt: skip
    assert done.returncode == 1
    assert "pip install 'einport[cli]'" in done.stderr
    assert "Traceback" not in done.stderr


# --- Widths --------------------------------------------------------------------------------------

RESULTS = Path(__file__).parent.parent / "results" / "numpy-cpu.json"

SHOWN = {
    "list": ["list", "moe"],
    "gaps": ["gaps", "--backend", "numpy"],
    "demo": ["demo", "flatten"],
    "demos": ["demo"],
    "trap": ["traps", "softmax-axis"],
    "traps": ["traps", "softmax"],
    "compare": ["compare", "transpose_matrices", "--backend", "numpy", "--no-time"],
    "matrix": ["matrix", str(RESULTS), "--op", "softmax"],
    "diff": ["matrix", "--diff", str(RESULTS), str(RESULTS), "--op", "softmax"],
}


def shown(columns: str, *arguments: str) -> str:
    env = {"COLUMNS": columns, "LINES": columns, "NO_COLOR": "1"}
    result = CliRunner(env=env).invoke(cli, arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def letters(text: str) -> list[str]:
    """What a text holds, wherever its lines end; heads of a table may come again in the next."""
    return sorted({*re.sub(r"[:\s]+", " ", text.replace("operation", "")).split()})


@pytest.mark.parametrize("columns", ["1", "39"])
@pytest.mark.parametrize("what", SHOWN)
def test_a_narrow_terminal_shows_all_that_a_wide_one_does(what: str, columns: str) -> None:
    assert letters(shown(columns, *SHOWN[what])) == letters(shown("500", *SHOWN[what]))


@pytest.mark.parametrize(
    ("columns", "width"), [("1", 20), ("2", 20), ("20", 20), ("21", 21), ("100000", 100_000)]
)
def test_text_has_columns_enough_to_be_read(columns: str, width: int, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert console().width == progress_console().width == width


@pytest.mark.parametrize("columns", ["", "0", "-5", "abc", "²", "9" * 5000])
def test_columns_that_are_no_number_above_0_do_not_count(columns: str, monkeypatch) -> None:
    monkeypatch.setattr("einport.views.terminal._terminal", lambda: (80, 25))
    for arguments in (SHOWN["list"], SHOWN["gaps"], SHOWN["matrix"]):
        assert shown(columns, *arguments) == shown("80", *arguments)


def test_very_many_columns_take_no_more_memory_than_some() -> None:
    for columns in ("100000", "9" * 30):
        assert max(map(len, shown(columns, *SHOWN["gaps"]).splitlines())) < 1000


@pytest.mark.parametrize("columns", [60, 64, 70, 80, 90])
def test_a_table_breaks_no_word(columns: int) -> None:
    assert letters(shown(str(columns), *SHOWN["gaps"])) == letters(shown("500", *SHOWN["gaps"]))


# --- Empty values --------------------------------------------------------------------------------

EMPTY = (
    [[command, "--backend", name] for command in ("gaps", "matrix") for name in ("", ",", " ")]
    + [["compare", "softmax", "--backend", ""], ["demo", "flatten", "--backend", ""]]
    + [["traps", "--backend", ","], ["traps", "--run", "--backend", " "]]
    + [["gaps", "--backend", "numpy", "--backend", ""], ["gaps", "--backend", "numpy,"]]
    + [["gaps", "--backend", "", "--backend", ""], ["pages", "new", "--backend", ""]]
)


@pytest.mark.parametrize("arguments", EMPTY, ids=repr)
def test_an_empty_framework_is_refused_with_those_that_are_known(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    last = result.stderr.splitlines()[-1].casefold()
    assert "''" in last
    assert all(name in last for name in ("numpy", "torch", "jax", "tensorflow"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["matrix", "--op", ""], "--op needs a part of an operation's name"),
        (["matrix", str(RESULTS), "--op", " "], "--op needs a part of an operation's name"),
        (["pages", "new", "--op", ""], "--op needs a part of an operation's name"),
        (["list", ""], "TEXT needs a part of an operation's name"),
        (["list", " "], "TEXT needs a part of an operation's name"),
        (["traps", ""], "a search for traps needs a text that is not empty"),
        (["traps", " "], "a search for traps needs a text that is not empty"),
        (["matrix", "--mode", "", "--backend", "numpy"], "there is no mode ''"),
        (["matrix", str(RESULTS), "--mode", ","], "the results have no mode ''"),
        (["matrix", str(RESULTS), "--backend", ""], "the results have no framework ''"),
        (["matrix", "--device", "", "--backend", "numpy"], "NumPy has no device ''"),
        (["matrix", str(RESULTS), "--device", ""], "--device is for running"),
        (["matrix", str(RESULTS), "--json", ""], "no file can have the name ''"),
        (["matrix", ""], "no file can have the name ''"),
        (["compare", "softmax", "--html", ""], "no file can have the name ''"),
        (["compare", "softmax", "--input", ""], "no file can have the name ''"),
        (["compare", "softmax", "--shape", ""], "sizes are written as"),
        (["compare", ""], "no operation is named ''"),
        (["demo", "picture-row", "--png", ""], "no file can have the name ''"),
        (["demo", ""], "no demo is named ''"),
        (["pages", ""], "no file can have the name ''"),
        (["pages", "new", "--results", ""], "no file can have the name ''"),
    ],
)
def test_an_empty_value_is_refused_where_it_means_nothing(arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []
