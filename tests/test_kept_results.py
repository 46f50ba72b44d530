"""The full runs that are kept in `results/`: whole, of today's operations and pins, and green."""

from pathlib import Path

import pytest

from einport.catalog import entries
from einport.suite import results
from einport.suite.modes import RUNNERS, XLA

pytestmark = pytest.mark.once

ROOT = Path(__file__).parent.parent
KEPT = sorted((ROOT / "results").glob("*.json"))


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
    found = {(cell.op, cell.mode) for cell in document.cells}
    assert {(one.name, mode) for one in entries() for mode in modes} <= found
    assert {op for op, _ in found} == {one.name for one in entries()}
