"""The pytest plugin: options, parameters, and the rules that no test may get around.

* A test of the suite that compared nothing fails.
* A skip fails: what a framework cannot do is declared beside its adapter, and must then fail.
* In a run of the whole suite, an operation that was not tried in some mode fails the run.
"""

from __future__ import annotations

import argparse
import gc
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..backends import Backend, get_backend
from ..catalog import Entry
from ..files import NotWritten, check_new
from .devices import choose_device, share_memory
from .drivers import Driver, driver_of
from .judge import Verdict
from .modes import EAGER
from .parameters import LEFT_OUT, backend_names, named_backends, parametrize
from .plan import usual_dtype
from .results import FAIL, PASS, Document, Row, cells_from, run_on, write
from .runner import Outcome
from .tally import Tally, row_of, untouched

SUITE = "einport.suite"

Record = Callable[..., None]
"""Takes what was compared, and the mode, dtype and case where the parameters do not say."""

TALLY = pytest.StashKey[Tally]()
COMPARED = pytest.StashKey[int]()
ROWS = pytest.StashKey[list[Row]]()
MISSING = pytest.StashKey[list[str]]()
WRITTEN = pytest.StashKey[Path]()


def _file(text: str) -> Path:
    """The value of `--results`; an empty name would mean the current folder."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the name of a file is empty")
    return Path(text)


def _positive(text: str) -> int:
    """The value of `--examples`."""
    if not text.strip().isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"it must be a whole number of 1 or more, got {text!r}")
    return int(text)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("einport")
    group.addoption(
        "--backend",
        action="append",
        metavar="NAME",
        help="run on this framework; repeat it, or part names by commas (default: all installed)",
    )
    group.addoption(
        "--device",
        metavar="NAME",
        help="run on this device: cpu, cuda, gpu, tpu, cuda:1 … (default: cpu)",
        default="cpu",
    )
    group.addoption(
        "--all",
        action="store_true",
        help="run every case in every mode and dtype, not a sample of them",
    )
    group.addoption(
        "--examples",
        metavar="N",
        type=_positive,
        help="cases to draw for each operation beside the fixed ones (default: 8, or 1 where "
        "each call is compiled for its shapes)",
    )
    group.addoption(
        "--results",
        metavar="FILE",
        type=_file,
        help="write what came of every operation, mode and dtype to a new FILE as JSON, which "
        "`einport matrix FILE` shows",
    )
    group.addoption("--force", action="store_true", help="overwrite the FILE of --results")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse an unknown framework or device, or a file that is there, before anything runs."""
    config.stash[TALLY] = Tally()
    Driver.thorough = config.getoption("--all")
    config.pluginmanager.register(Receiver(config.stash[TALLY]), "einport-receiver")
    config.addinivalue_line(
        "markers",
        "einport(mode, applies, one_in): the mode that a test runs entries in, whose declared gaps "
        "it must meet; a function of entry and framework that says whether it has anything to try; "
        "and of how many entries one is tried where not all is asked for",
    )
    file: Path | None = config.getoption("--results")
    share_memory()
    device = config.getoption("--device")
    try:
        if not device.strip():
            raise ValueError("--device needs the name of a device, such as cpu or cuda")
        for name in named_backends(config):
            choose_device(get_backend(name), device)
        if file is not None:
            check_new(file, config.getoption("--force"))
    except (ValueError, ImportError, NotWritten) as error:
        raise pytest.UsageError(str(error)) from error


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Cross the frameworks with what else a test takes."""
    parametrize(metafunc)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out a test that applies to no entry on this framework, which pytest would skip.

    Tests of one operation are a group for `--dist loadgroup`, others those of one module: within a
    process what the oracle gave is kept, and what a framework has compiled.
    """

    def applies(item: pytest.Item) -> bool:
        marker = item.get_closest_marker("einport")
        if marker is None or "applies" not in marker.kwargs or not hasattr(item, "callspec"):
            return True
        return entry_of(item) is not None

    def entry_of(item: Any) -> Entry | None:
        found = item.callspec.params.get("entry") if hasattr(item, "callspec") else None
        return found if isinstance(found, Entry) else None

    for item in items if config.pluginmanager.hasplugin("xdist") else ():
        entry = entry_of(item)
        item.add_marker(pytest.mark.xdist_group(entry.name if entry else item.path.stem))
    out = [item for item in items if not applies(item)]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if applies(item)]


def pytest_collection_finish() -> None:
    """Tell Python that what is there now stays, and to look for garbage less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> Backend:
    """The adapter under test."""
    return get_backend(request.param)


@pytest.fixture
def device(request: pytest.FixtureRequest, backend: Backend) -> Iterator[str]:
    """The device under test, on which calls compute."""
    chosen = choose_device(backend, request.config.getoption("--device"))
    with driver_of(backend).on(chosen):
        yield chosen


@pytest.fixture
def examples(request: pytest.FixtureRequest, backend: Backend) -> int:
    """How many cases to draw for each operation."""
    asked: int | None = request.config.getoption("--examples")
    return asked or (1 if backend.compiles_eagerly else 8)


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Record:
    """Count what a test compared; a test that takes this and compares nothing fails."""
    node = request.node
    node.stash[COMPARED] = 0

    def add(
        what: Verdict | Outcome, dtype: str | None = None, mode: str | None = None, case: str = ""
    ) -> None:
        outcome = what if isinstance(what, Outcome) else Outcome(PASS, what.error, what.compared)
        node.stash[COMPARED] += outcome.compared
        row = _row(node, outcome, dtype, mode, case)
        if row is not None:
            node.stash.setdefault(ROWS, []).append(row)

    return add


def _row(
    node: Any, outcome: Outcome, dtype: str | None = None, mode: str | None = None, case: str = ""
) -> Row | None:
    """A row of the result file, from a test of the suite that is of one operation."""
    parameters = node.callspec.params if hasattr(node, "callspec") else {}
    entry, backend = parameters.get("entry"), parameters.get("backend")
    if (
        not isinstance(entry, Entry)
        or backend is None
        or not node.module.__name__.startswith(SUITE)
    ):
        return None
    marker = node.get_closest_marker("einport")
    marked = EAGER if marker is None else marker.kwargs.get("mode", EAGER)
    subject = parameters.get("case") or parameters.get("mistake")
    trial = (
        mode or parameters.get("mode") or marked,
        dtype or parameters.get("dtype") or usual_dtype(entry),
        case or getattr(subject, "name", ""),
    )
    xp = get_backend(backend)
    device = choose_device(xp, node.config.getoption("--device"))
    return row_of(xp, device, entry, trial, outcome)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    """Fail a test of the suite that compared nothing."""
    result = yield
    ours = pyfuncitem.module.__name__.startswith(SUITE) or "record" in pyfuncitem.fixturenames
    if ours and not pyfuncitem.stash.get(COMPARED, 0):
        pytest.fail("compared nothing", pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that skips: a gap is declared beside the adapter, with its reason.

    What came of the test goes with its report, to the process that sums up.
    """
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = "skipped, which says nothing: declare a gap beside the adapter instead"
    rows = item.stash.get(ROWS, [])
    if report.failed and not any(row.status == FAIL for row in rows):
        text = str(report.longrepr).strip().splitlines() or [""]
        row = _row(item, Outcome(FAIL, reason=text[-1][:300]))
        rows = [] if row is None else [row]
    if report.when == "call" or report.failed:
        timed = [row._replace(seconds=call.duration / len(rows)) for row in rows]
        found = {"rows": [list(row) for row in timed], "compared": item.stash.get(COMPARED, 0)}
        report.user_properties.append(("einport", found))
    return report


class Receiver:
    """Takes in what tests have sent, from whichever process."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add the rows of a test."""
        for name, sent in report.user_properties:
            if name == "einport":
                found: Any = sent
                self._tally.rows.extend(Row(*row) for row in found["rows"])
                self._tally.compared += found["compared"]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, Any, Any]:
    """Write the result file, and fail a run of the whole suite that did not try all of it."""
    config = session.config
    output = getattr(config, "workeroutput", None)
    if output is not None:  # a process of pytest-xdist
        output["left_out"] = config.stash.get(LEFT_OUT, 0)
        return (yield)
    config.stash[MISSING] = _missing(session) if _whole(session) else []
    if config.stash[MISSING] and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    _write_results(session)
    return (yield)


def _whole(session: pytest.Session) -> bool:
    """Whether every test of the entries was asked for, and none was left undone."""
    config = session.config
    chosen = config.getoption("keyword") or config.getoption("markexpr")
    parts = any("::" in argument for argument in config.args)
    rows = any(row.mode == EAGER for row in config.stash[TALLY].rows)
    done = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    return rows and done and not (chosen or parts or session.shouldstop or session.shouldfail)


def _missing(session: pytest.Session) -> list[str]:
    config = session.config
    found = []
    for name in backend_names(config):
        xp = get_backend(name)
        device = choose_device(xp, config.getoption("--device"))
        found += untouched(config.stash[TALLY].rows, xp, device, config.getoption("--all"))
    return found


def _write_results(session: pytest.Session) -> None:
    config = session.config
    file: Path | None = config.getoption("--results")
    if file is None:
        return
    whole = _whole(session)
    runs = []
    for name in backend_names(config):
        xp = get_backend(name)
        runs.append(
            run_on(
                xp,
                choose_device(xp, config.getoption("--device")),
                everything=config.getoption("--all"),
                partial=not whole,
                left_out=config.stash.get(LEFT_OUT, 0),
            )
        )
    try:
        cells = tuple(cells_from(config.stash[TALLY].rows))
        write(file, Document(tuple(runs), cells), config.getoption("--force"))
        config.stash[WRITTEN] = file
    except NotWritten as error:
        config.stash[MISSING].append(str(error))
        session.exitstatus = pytest.ExitCode.INTERNAL_ERROR


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take in what a process of pytest-xdist has left out: each collects all the tests."""
    sent = getattr(node, "workeroutput", {}).get("left_out")
    if sent is not None:
        node.config.stash[LEFT_OUT] = sent


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say what is tested."""
    lines = []
    for name in named_backends(config):
        xp = get_backend(name)
        device = choose_device(xp, config.getoption("--device"))
        lines.append(f"einport: {xp.title} {xp.version()} on {device}")
    return lines


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Show how much was compared, what was left out, the gaps and the worst errors."""
    tally = config.stash[TALLY]
    if not tally.compared:
        return
    say = terminalreporter.line
    terminalreporter.section("einport")
    say(f"{tally.compared:,} results and values compared")
    count = config.stash.get(LEFT_OUT, 0)
    if count:
        say(f"left out: {count:,} more tests of mode, case and dtype; --all runs them")
        for name in named_backends(config):
            short = driver_of(get_backend(name)).short_of_thorough
            if short:
                say(f"left out: {short}; --all does it")
    for (backend, reason), met in tally.gaps().items():
        say(f"declared, {met} on {backend} failed as they must: {reason}")
    for (backend, dtype), (error, op) in sorted(tally.worst.items()):
        if error:
            say(f"{backend:<12}{dtype:<10}worst error {error:8.3g} epsilons, in {op}")
    for line in config.stash.get(MISSING, []):
        say(line, red=True)
    if WRITTEN in config.stash:
        say(f"wrote {config.stash[WRITTEN]}")
