"""The script for machines with a GPU and nothing else: it is run here on the processor."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

SCRIPT = Path(__file__).parent.parent / "scripts" / "run_on_gpu.py"


def run(*arguments: object) -> tuple[int, str, str]:
    """The script's exit status, all that it says, and the last line."""
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stdout.splitlines()[-1]


def test_it_keeps_the_results_of_each_framework(tmp_path: Path) -> None:
    more = ("--device", "cpu", "--backend", "numpy", "--", "-k", "merge_heads and eager")
    assert run(tmp_path, *more)[::2] == (0, "numpy on cpu: passed")
    found = json.loads((tmp_path / "numpy-cpu.json").read_text())
    assert {cell["op"] for cell in found["results"]} == {"merge_heads"}
    assert [run["partial"] for run in found["runs"]] == [True]


def test_what_there_is_no_time_for_is_not_run_and_fails(tmp_path: Path) -> None:
    status, _, last = run(tmp_path, "--device", "cpu", "--backend", "numpy", "--minutes", "0.01")
    assert status == 1
    assert last == "numpy on cpu: not run: the time was over"


def test_without_the_device_nothing_is_tested_and_the_script_fails(tmp_path: Path) -> None:
    status, said, last = run(tmp_path, "--device", "cuda", "--backend", "numpy")
    assert status == 1
    assert "nothing was tested: NumPy has no device 'cuda' here" in said
    assert "test session starts" not in said
    assert last == "numpy on cuda: not run"
    assert list(tmp_path.iterdir()) == []


def test_a_failure_of_pytest_is_one_of_the_script(tmp_path: Path) -> None:
    more = ("--device", "cpu", "--backend", "numpy", "--", "--no-such-option")
    assert run(tmp_path, *more)[::2] == (1, "numpy on cpu: failed (pytest's exit status 4)")
