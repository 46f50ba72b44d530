"""The full runs that are kept in `results/`: whole, of today's operations and pins, and green."""

import re
from pathlib import Path

from einport.backends import Backend
from einport.catalog import entries
from einport.suite import results
from einport.suite.plan import modes_of

ROOT = Path(__file__).parent.parent


def test_the_kept_run_is_whole_and_current(backend: Backend) -> None:
    document = results.read(ROOT / "results" / f"{backend.name}-cpu.json")
    (run,) = document.runs
    assert (run.backend, run.device, run.tool) == (backend.name, "cpu", results.PYTEST)
    assert (run.sample, run.partial, run.left_out) == (results.ALL, False, 0)
    pins = (ROOT / "constraints" / f"{backend.name}.txt").read_text()
    assert re.search(rf"^{backend.name}==(.*)$", pins, re.MULTILINE)[1] == run.version.split("+")[0]
    assert not [cell for cell in document.cells if cell.status == results.FAIL]
    found = {(cell.op, cell.mode) for cell in document.cells}
    assert {(one.name, mode) for one in entries() for mode in modes_of(backend)} <= found
    assert {op for op, _ in found} == {one.name for one in entries()}
