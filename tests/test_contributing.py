"""CONTRIBUTING adds an operation in two files: what it shows must work as it stands."""

import re
import textwrap
from pathlib import Path

from einport import ops
from einport.backends import Backend
from einport.catalog import rearranging as catalog_rearranging
from einport.suite.matrix import rows_of
from einport.suite.plan import modes_of
from einport.suite.runner import check_native

GUIDE = Path(__file__).parent.parent / "CONTRIBUTING.md"


def test_the_operation_of_the_guide_works(backend: Backend, device: str) -> None:
    function, entry = (
        textwrap.dedent(block)
        for block in re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    )
    room = dict(vars(ops.rearranging))
    exec(function, room)

    shelf = dict(vars(catalog_rearranging))
    shelf["ops"] = type("ops", (), {"rearranging": type("m", (), {})})
    shelf["ops"].rearranging.reverse_pairs = staticmethod(room["reverse_pairs"])
    exec(entry, shelf)

    made = shelf["REVERSE_PAIRS"]
    assert check_native(made, backend, device).compared
    rows = list(rows_of(made, backend, device))
    assert {row.mode for row in rows} == {*modes_of(backend), "mistakes"}
    assert [row for row in rows if row.status == "fail"] == []
    assert {row.mode for row in rows if row.status == "pass"} >= {"eager", "mapped", "mistakes"}
