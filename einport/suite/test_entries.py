"""Every catalog entry on every chosen framework."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ..backends import Backend
from ..catalog import Case, Entry, Mistake
from ..catalog._entry import Draw
from .gaps import gap_of
from .judge import Wrong
from .modes import COMPILED, EAGER, run_mode
from .plugin import Record
from .results import FAIL, UNSUPPORTED
from .runner import check_mistake, check_native, outcome_of


def test_mode(
    backend: Backend,
    device: str,
    entry: Entry,
    mode: str,
    dtype: str,
    case: Case,
    record: Record,
) -> None:
    """A fixed case in one mode and dtype; `einport.suite.modes` says what each asks."""
    outcome = outcome_of(entry, case, backend, device, dtype, mode)
    record(outcome)
    if outcome.status == FAIL:
        raise Wrong(outcome.reason) from outcome.raised
    if outcome.status == UNSUPPORTED:
        pytest.xfail(outcome.reason)


def test_drawn(backend: Backend, device: str, entry: Entry, record: Record, examples: int) -> None:
    """Cases and dtypes that Hypothesis draws; a failing one is shrunk."""
    # Where each step of an eager call is compiled for its shapes, one graph is far cheaper.
    mode = COMPILED if backend.compiles_eagerly else EAGER
    dtypes = [d for d in entry.dtypes if gap_of(backend, entry, mode, d) is None]

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def run(data: st.DataObject) -> None:
        case = entry.draw(FromHypothesis(data))
        dtype = data.draw(st.sampled_from(entry.dtypes_of(case)))
        if dtype in dtypes:
            record(run_mode(entry, case, backend, device, dtype, mode), dtype, mode, "drawn")

    run()


# Another package's framework has no idioms in the catalog.
@pytest.mark.einport(mode="native", applies=lambda entry, backend: backend in entry.natives)
def test_native(backend: Backend, device: str, entry: Entry, record: Record) -> None:
    """The idiom that the catalog shows for this framework gives what the operation gives."""
    record(check_native(entry, backend, device))


@pytest.mark.einport(mode="mistakes")
def test_mistake(
    backend: Backend, device: str, entry: Entry, mistake: Mistake, record: Record
) -> None:
    """Bad input is refused with the class and the words that the catalog gives."""
    record(check_mistake(entry, mistake, backend, device))


class FromHypothesis(Draw):
    """Choices for drawn cases, made by Hypothesis."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data

    def integer(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return self._data.draw(st.integers(low, high))

    def choice(self, options: Sequence[Any]) -> Any:
        """One of the options."""
        return self._data.draw(st.sampled_from(options))
