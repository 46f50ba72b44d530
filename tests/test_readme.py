"""The README's examples run as they stand."""

import re
from pathlib import Path

from einport.backends import Backend
from einport.catalog import entry
from einport.comparison import provenance
from einport.suite.plan import modes_of
from einport.views import to_terminal

README = Path(__file__).parent.parent / "README.md"


def test_the_example_of_each_framework_runs(backend: Backend) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    own = [
        block for block in blocks if re.search(rf"^import {backend.name}\b", block, re.MULTILINE)
    ]
    assert len(own) == 1
    last = own[0].strip().splitlines()[-1]
    scope: dict[str, object] = {}
    exec(own[0], scope)
    assert backend.owns(eval(last.partition("  #")[0], scope))


def test_the_table_of_modes_is_what_is_declared(backend: Backend) -> None:
    rows = re.findall(r"^\|(.*)\|$", README.read_text(), re.MULTILINE)
    table = [[cell.strip() for cell in row.split("|")] for row in rows]
    (head,) = [row for row in table if backend.title in row]
    column = head.index(backend.title)
    told = {
        found[1]: row[column]
        for row in table
        if (found := re.match(r"`([a-z-]+)`", row[0])) and row[column]
    }
    whole = {gap.mode for gap in backend.gaps if (gap.op, gap.dtype, gap.case) == ("*", "*", "*")}
    assert sorted(told) == sorted(modes_of(backend))
    assert {mode for mode, cell in told.items() if cell == "–"} == whole


def test_the_picture_is_the_one_that_is_computed() -> None:
    drawn = to_terminal(provenance(entry("pixel_shuffle")), 80, color=False)
    assert "\n".join(line.rstrip() for line in drawn.splitlines()) in README.read_text()
