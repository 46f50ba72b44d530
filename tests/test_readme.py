"""The README's examples run as they stand."""

import re
from pathlib import Path

from einport.backends import Backend

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
