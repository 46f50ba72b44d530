"""Run every program on the frameworks that are here, and write anew what they give.

    python -m einport.traps

Look at each change before you keep it: a trap whose behavior has changed may be none any more,
and its explanation may have become wrong.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from ..backends import available_backends, get_backend
from ..files import write_whole
from . import traps
from ._trap import EINPORT, FRAMEWORKS, RECORD, Trap, recorded
from .running import Ran, run, run_einport


def main() -> int:
    """Write the record, or return 1 and write nothing where einport differs between frameworks."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    backends = [get_backend(name) for name in available_backends() if name in FRAMEWORKS]
    record: dict[str, dict[str, Any]] = {}
    split = False
    for one in traps():
        ran = [run(one, xp) for xp in backends if xp.name in one.programs]
        own = [run_einport(one, xp) for xp in backends if one.shows_einport_on(xp.name)]
        for found in (*ran, *own[:1]):
            if not found.agrees:
                _say(f"{one.name}: {found.change}")
        if len({found.gives for found in own}) > 1:
            split = True
            _say(f"{one.name}: einport gives " + "; ".join(f"{f.gives} on {f.on}" for f in own))
        record[one.name] = _entry(one, ran, own)
    if split:
        return 1
    document = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
    write_whole(RECORD, document.encode())
    _say(f"wrote {len(record)} traps to {RECORD}")
    return 0


def _entry(one: Trap, ran: list[Ran], own: list[Ran]) -> dict[str, Any]:
    """What a trap's programs gave: now, or before where the framework is not here."""
    before = recorded(one)
    now = {found.framework: found for found in ran}
    entry: dict[str, Any] = {}
    for name in one.programs:
        if name in now:
            entry[name] = {"gives": now[name].gives, "version": now[name].version}
        elif name in before:
            entry[name] = before[name]._asdict()
    if own:
        entry[EINPORT] = {"gives": own[0].gives}
    elif one.einport is not None and EINPORT in before:
        entry[EINPORT] = {"gives": before[EINPORT].gives}
    return entry


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
