"""What each test of the suite is run with: frameworks, entries, modes, cases, dtypes, mistakes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ..backends import available_backends, get_backend
from ..catalog import Case, Entry, entries
from .gaps import gap_of, gap_of_mistake
from .modes import EAGER
from .plan import Trial, drawn, dtypes_in_turn, everyday, plan, usual_dtype

PARITY_DTYPES = ("float32", "bfloat16", "int32", "int8", "bool")
"""The dtypes in which frameworks are compared with each other."""

LEFT_OUT = pytest.StashKey[int]()
"""How much of the whole product the sample leaves out."""

_KNOWN = ("entry", "mode", "dtype", "case", "mistake")


def named_backends(config: pytest.Config) -> list[str]:
    """The names that `--backend` gave; an empty name is one, to be refused as unknown."""
    given: list[str] = config.getoption("--backend") or []
    return list(dict.fromkeys(name.strip() for item in given for name in item.split(",")))


def backend_names(config: pytest.Config) -> list[str]:
    """The names that `--backend` gave, or all that are installed."""
    return named_backends(config) or list(available_backends())


def parametrize(metafunc: pytest.Metafunc) -> None:
    """Cross the frameworks with what else a test takes."""
    if "entry" in metafunc.fixturenames:
        names = [name for name in _KNOWN if name in metafunc.fixturenames]
        parameters = list(_crossed(metafunc, names))
        if "backend" in metafunc.fixturenames:
            metafunc.parametrize(["backend", *names], parameters, indirect=["backend"])
        else:
            metafunc.parametrize(names, parameters)
    elif "backend" in metafunc.fixturenames:
        chosen = backend_names(metafunc.config)
        metafunc.parametrize("backend", chosen, indirect=True)


def _crossed(metafunc: pytest.Metafunc, names: list[str]) -> Iterator[Any]:
    """The parameter sets of one test.

    A declared gap is marked as one that must fail, but for the test of modes, which looks at how.
    """
    one_framework = "backend" in metafunc.fixturenames
    marker = metafunc.definition.get_closest_marker("einport")
    options = {} if marker is None else marker.kwargs
    applies, mode = options.get("applies", _always), options.get("mode", EAGER)
    one_in = 1 if metafunc.config.getoption("--all") else options.get("one_in", 1)
    for backend in backend_names(metafunc.config) if one_framework else [""]:
        for entry in entries():
            if not applies(entry, backend):
                continue
            if not drawn(f"{metafunc.definition.name}/{entry.name}/{backend}", one_in):
                left_out(metafunc.config, 1)
                continue
            for row in _rows(metafunc.config, entry, names, backend):
                marks = _marks(backend, entry, mode, row) if one_framework else []
                values = [backend] * one_framework + [row[name] for name in names]
                yield pytest.param(*values, id=_label(entry, row, backend), marks=marks)


def _always(entry: Entry, backend: str) -> bool:
    return True


def _label(entry: Entry, row: dict[str, Any], backend: str) -> str:
    case, mistake = (getattr(row[name], "name", "") for name in ("case", "mistake"))
    label = [entry.topic, entry.name, row["mode"], row["dtype"], case, mistake, backend]
    return "-".join(filter(None, label))


def _rows(
    config: pytest.Config, entry: Entry, names: list[str], backend: str
) -> Iterator[dict[str, Any]]:
    """What an entry gives a test: modes, cases, dtypes, mistakes, as the test wants them."""
    nothing = {**dict.fromkeys(_KNOWN), "entry": entry}
    if "mistake" in names:
        for mistake in entry.mistakes:
            yield {**nothing, "mistake": mistake}
    elif "mode" in names:
        for trial in _trials(config, entry, backend):
            yield {**nothing, **trial._asdict()}
    else:
        for turn, case in enumerate(entry.cases if "case" in names else [None]):
            for dtype in _dtypes(config, entry, case, turn) if "dtype" in names else [None]:
                yield {**nothing, "case": case, "dtype": dtype}


def _trials(config: pytest.Config, entry: Entry, backend: str) -> list[Trial]:
    """What is to be run in which mode: a sample, unless all is wanted; what is left is counted."""
    xp = get_backend(backend)
    everything = plan(entry, xp, everything=True)
    if config.getoption("--all"):
        return everything
    sample = everyday(entry, xp)
    done = {(trial.mode, trial.case.name, trial.dtype) for trial in sample}
    rest = [t for t in everything if (t.mode, t.case.name, t.dtype) not in done]
    left_out(config, len(rest))
    return sample


def _dtypes(config: pytest.Config, entry: Entry, case: Case | None, turn: int) -> list[str]:
    """The dtypes of a case in which frameworks are compared with each other."""
    dtypes = list(entry.dtypes if case is None else entry.dtypes_of(case))
    if config.getoption("--all"):
        return dtypes
    chosen = [dtype for dtype in dtypes if dtype in PARITY_DTYPES]
    sample: list[str] = dtypes_in_turn(entry, chosen, turn)
    left_out(config, len(dtypes) - len(sample))
    return sample


def left_out(config: pytest.Config, count: int) -> None:
    """Count what the sample leaves out."""
    config.stash[LEFT_OUT] = config.stash.get(LEFT_OUT, 0) + count


def _marks(
    backend: str, entry: Entry, mode: str, row: dict[str, Any]
) -> list[pytest.MarkDecorator]:
    """A declared gap must fail; the test of modes looks at that by itself."""
    xp = get_backend(backend)
    if row["mode"] is not None:
        return []
    if row["mistake"] is not None:
        gap = gap_of_mistake(xp, entry, row["mistake"])
    else:
        gap = gap_of(xp, entry, mode, row["dtype"] or usual_dtype(entry), row["case"])
    return [] if gap is None else [pytest.mark.xfail(strict=True, reason=gap.reason)]
