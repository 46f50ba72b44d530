"""The runs that are kept in `results/`: whole, of today's operations and pins, and green.

Those in `results/held/` are of the mode `held` alone, whole. Those of the lowest versions, in
`results/oldest/`, are everyday samples.
"""

from pathlib import Path

import pytest

from einport.catalog import entries
from einport.suite import results
from einport.suite.modes import HELD, RUNNERS, XLA

pytestmark = pytest.mark.once

ROOT = Path(__file__).parent.parent
KEPT = sorted((ROOT / "results").glob("*.json"))
HOLDING = sorted((ROOT / "results" / "held").glob("*.json"))
OLDEST = sorted((ROOT / "results" / "oldest").glob("*.json"))


def test_there_are_some() -> None:
    assert len(KEPT) >= 4


@pytest.mark.parametrize("file", KEPT, ids=lambda file: file.stem)
def test_a_kept_run_is_whole_and_current(file: Path) -> None:
    document = results.read(file)
    (run,) = document.runs
    assert file.stem == f"{run.backend}-{run.device.partition(':')[0]}"
    assert (run.tool, run.sample) == (results.PYTEST, results.ALL)
    assert (run.partial, run.left_out) == (False, 0)
    if run.device == "cpu":  # what runs on an accelerator is what the machine has
        pins = (ROOT / "constraints" / f"{run.backend}.txt").read_text()
        assert f"{run.backend}=={run.version.partition('+')[0]}\n" in pins
    assert not [cell for cell in document.cells if cell.status == results.FAIL]
    modes = [mode for mode in RUNNERS if mode != XLA or run.backend == "tensorflow"]
    modes.remove(HELD)
    found = {(cell.op, cell.mode) for cell in document.cells}
    assert {(one.name, mode) for one in entries() for mode in modes} <= found
    assert {op for op, _ in found} == {one.name for one in entries()}


@pytest.mark.parametrize("file", HOLDING, ids=lambda file: file.stem)
def test_a_kept_run_of_what_is_held_is_whole(file: Path) -> None:
    document = results.read(file)
    (run,) = document.runs
    assert file.stem == f"{run.backend}-{run.device.partition(':')[0]}"
    assert (run.tool, run.sample) == (results.PYTEST, results.ALL)
    assert {cell.mode for cell in document.cells} == {HELD}
    assert {cell.op for cell in document.cells} == {one.name for one in entries()}
    assert not [cell for cell in document.cells if cell.status == results.FAIL]


def test_what_is_held_has_a_kept_run_on_each_framework() -> None:
    assert {file.stem for file in HOLDING} >= {
        "jax-cpu", "numpy-cpu", "tensorflow-cpu", "torch-cpu",
    }  # fmt: skip


def test_the_lowest_versions_have_a_kept_run_on_each_framework() -> None:
    assert {file.stem for file in OLDEST} >= {
        "jax-cpu", "numpy-cpu", "tensorflow-cpu", "torch-cpu",
    }  # fmt: skip


@pytest.mark.parametrize("file", OLDEST, ids=lambda file: file.stem)
def test_a_run_of_the_lowest_versions_is_whole_and_of_today_s_bounds(file: Path) -> None:
    document = results.read(file)
    (run,) = document.runs
    assert file.stem == f"{run.backend}-{run.device}"
    assert (run.tool, run.sample, run.partial) == (results.PYTEST, results.EVERYDAY, False)
    assert run.python.startswith("3.11.")
    pins = (ROOT / "constraints" / f"oldest-{run.backend}.txt").read_text()
    assert f"{run.backend}=={run.version.partition('+')[0]}\n" in pins
    assert not [cell for cell in document.cells if cell.status == results.FAIL]
