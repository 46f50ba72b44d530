"""What a run has come to: counts, the worst errors, and a row for each thing that was run."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from ..backends import Backend
from ..catalog import Entry, entries
from .gaps import in_versions
from .plan import left_to_others, modes_of
from .results import UNSUPPORTED, Row
from .runner import Outcome


class Tally:
    """The rows that tests have sent, and what follows from them."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.compared = 0
        """Results and values compared, those of tests that give no rows included."""

    @property
    def worst(self) -> dict[tuple[str, str], tuple[float, str]]:
        """The worst error and its operation for each framework and dtype."""
        found: dict[tuple[str, str], tuple[float, str]] = {}
        for row in self.rows:
            key, value = (row.backend, row.dtype), (row.error or 0.0, row.op)
            found[key] = max(found.get(key, value), value)
        return found

    def gaps(self) -> dict[tuple[str, str], int]:
        """How many rows met each declared gap, by framework and reason."""
        found: dict[tuple[str, str], int] = {}
        for row in self.rows:
            if row.status == UNSUPPORTED:
                key = (row.backend, row.reason)
                found[key] = found.get(key, 0) + 1
        return found


def untouched(rows: Iterable[Row], backend: Backend, device: str, everything: bool) -> list[str]:
    """What is promised and was not put to the proof: abilities, and gaps in a run of all.

    A framework is taken to do every operation in every mode but for its declared gaps, so each must
    have been tried, but for what a sample leaves to others.
    """
    own = [row for row in rows if row.backend == backend.name]
    tried = {(row.op, row.mode) for row in own}
    missing = [
        f"{backend.title}: {entry.name} in mode {mode} was never tried"
        for entry in entries()
        for mode in modes_of(backend)
        if (entry.name, mode) not in tried
        and (everything or mode not in left_to_others(entry, backend))
    ]
    if everything:
        met = {row.reason for row in own if row.status == UNSUPPORTED}
        missing += [
            f"{backend.title}: nothing met the declared gap: {gap.reason}"
            for gap in backend.gaps
            if gap.reason not in met
            and in_versions(gap, backend)
            and fnmatchcase(device, gap.device)
        ]
    return missing


def row_of(
    xp: Backend,
    device: str,
    entry: Entry,
    trial: tuple[str, str, str],
    outcome: Outcome,
    seconds: float = 0.0,
) -> Row:
    """The row of what came of a trial: mode, dtype, and the name of the case."""
    error = outcome.error if outcome.compared else None
    identity = (entry.name, entry.topic, xp.name, xp.version(), device, *trial)
    return Row(*identity, outcome.status, error, outcome.compared, seconds, outcome.reason)
