"""The command line: what it prints, what it writes, and how it ends."""

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner, Result

from einport.catalog import entries
from einport.cli import cli

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
