"""The command line: what it prints, what it writes, and how it ends."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from einport.catalog import entries
from einport.cli import cli


def run(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "80", "NO_COLOR": "1"}).invoke(cli, arguments)


@pytest.mark.parametrize("command", ["backends", "list", "matrix"])
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


def test_matrix_shows_an_operation_by_framework(backend) -> None:
    result = run("matrix", "--backend", backend.name, "--op", "trace", "--op", "tile_batch")
    assert result.exit_code == 0, result.output
    assert backend.title in result.output
    (line,) = [line for line in result.output.splitlines() if line.startswith("tile_batch")]
    assert line.split() == ["tile_batch", "exact"]
    assert "0 failed" in result.output
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_matrix_writes_json_whole_and_never_over_a_file(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    arguments = ["matrix", "--backend", "numpy", "--op", "top_k_gating", "--json", str(file)]
    assert run(*arguments).exit_code == 0
    document = json.loads(file.read_text())
    assert {cell["op"] for cell in document["results"]} == {"top_k_gating"}
    eager = [cell for cell in document["results"] if cell["mode"] == "eager"]
    assert {cell["status"] for cell in eager} == {"pass"}
    assert all(cell["compared"] > 0 for cell in eager)
    assert 0 < max(cell["error"] for cell in document["results"]) < 4

    again = run(*arguments)
    assert again.exit_code == 2
    assert "--force overwrites it" in again.output
    assert run(*arguments, "--force").exit_code == 0
    assert list(tmp_path.iterdir()) == [file]


def test_matrix_prints_json_alone_on_standard_output() -> None:
    result = run("matrix", "--backend", "numpy", "--op", "trace", "--json", "-")
    assert {cell["op"] for cell in json.loads(result.stdout)["results"]} == {"trace"}


def test_matrix_ends_with_1_when_something_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    from einport.backends import get_backend

    xp = get_backend("numpy")
    real = xp.exp
    monkeypatch.setattr(xp, "exp", lambda x: real(x) + 0.001)
    result = run("matrix", "--backend", "numpy", "--op", "top_k_gating", "--op", "softmax")
    assert result.exit_code == 1
    assert "FAIL" in result.output
    assert "top_k_gating" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["matrix", "--backend", "torhc"], "did you mean 'torch'?"),
        (["matrix", "--op", "zebra"], "no operation has 'zebra'"),
        (["matrix", "--json", "no/such/folder/x.json"], "there is no folder no/such/folder"),
        (["matirx"], "No such command"),
    ],
)
def test_a_slip_is_answered_without_a_traceback(arguments: list[str], said: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in result.output
    assert "Traceback" not in result.output


def test_without_ml_dtypes_bfloat16_is_a_declared_gap() -> None:
    program = (
        "import sys\n"
        "sys.modules['ml_dtypes'] = None\n"
        "from einport.cli import cli\n"
        "cli(['matrix', '--backend', 'numpy', '--op', 'top_k_gating'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "unsupported: numpy in bfloat16, 1 of the operations" in done.stdout
    assert "0 failed, 2 unsupported" in done.stdout


def test_without_its_extra_the_command_says_how_to_get_it() -> None:
    program = "import sys\nsys.modules['click'] = None\nfrom einport.__main__ import main\nmain()\n"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False,
        env=dict(os.environ),
    )  # fmt: skip
    assert done.returncode == 1
    assert "pip install 'einport[cli]'" in done.stderr
    assert "Traceback" not in done.stderr
