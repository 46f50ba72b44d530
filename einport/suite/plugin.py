"""The pytest plugin: options, parameters, and the rules that no test may get around.

* A test of the suite that compared nothing fails.
* A skip fails: what a framework cannot do is declared beside its adapter, and must then fail.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from ..backends import Backend, available_backends, get_backend
from ..catalog import Case, Entry, entries
from .judge import Verdict
from .runner import EAGER, dtypes_in_turn, gap_of, usual_dtype

SUITE = "einport.suite"

PARITY_DTYPES = ("float32", "bfloat16", "int32", "int8", "bool")
"""The dtypes in which frameworks are compared with each other."""

Record = Callable[..., None]
"""Takes a verdict, and the dtype it is in where the test's parameters do not say."""


class Tally:
    """What a run compared, and the worst error of each operation."""

    def __init__(self) -> None:
        self.compared = 0
        self.left_out = 0
        self.worst: dict[tuple[str, str], tuple[float, str]] = {}

    def add(self, backend: str, dtype: str, op: str, verdict: Verdict) -> None:
        """Count one verdict."""
        self.compared += verdict.compared
        self._note((backend, dtype), (verdict.error, op))

    def merge(self, sent: dict[str, Any]) -> None:
        """Add what another process has counted."""
        self.compared += sent["compared"]
        self.left_out = sent["left_out"]  # every process collects all the tests
        for backend, dtype, error, op in sent["worst"]:
            self._note((backend, dtype), (error, op))

    def sent(self) -> dict[str, Any]:
        """All of it in plain values, for another process."""
        worst = [(*key, *value) for key, value in self.worst.items()]
        return {"compared": self.compared, "left_out": self.left_out, "worst": worst}

    def _note(self, key: tuple[str, str], found: tuple[float, str]) -> None:
        self.worst[key] = max(self.worst.get(key, found), found)


TALLY = pytest.StashKey[Tally]()
COMPARED = pytest.StashKey[int]()


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
        help="run every case in every dtype, not a sample of them",
    )
    group.addoption(
        "--examples",
        metavar="N",
        type=int,
        help="cases to draw for each operation beside the fixed ones (default: 8, or 3 where "
        "each call is compiled for its shapes)",
    )


def backend_names(config: pytest.Config) -> list[str]:
    """The names that `--backend` gave, or all that are installed."""
    given: list[str] = config.getoption("--backend") or []
    names = [name for item in given for name in item.split(",") if name]
    return names or list(available_backends())


def named_backends(config: pytest.Config) -> list[str]:
    """The names that `--backend` gave."""
    return backend_names(config) if config.getoption("--backend") else []


def choose_device(backend: Backend, wanted: str) -> str:
    """The framework's first device of the kind `wanted`.

    Raises:
        ValueError: It has none.
    """
    for device in backend.devices():
        if device == wanted or device.split(":")[0] == wanted:
            return device
    raise ValueError(
        f"{backend.title} has no device {wanted!r} here (it has {', '.join(backend.devices())})"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse an unknown framework or device before anything runs."""
    config.stash[TALLY] = Tally()
    config.addinivalue_line(
        "markers",
        "einport(mode, applies): the mode that a test runs entries in, whose declared gaps it "
        "must meet; and a function of entry and framework that says whether it has anything to try",
    )
    try:
        for name in named_backends(config):
            choose_device(get_backend(name), config.getoption("--device"))
    except (ValueError, ImportError) as error:
        raise pytest.UsageError(str(error)) from error


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Cross the frameworks with what else a test takes: entries, dtypes, cases, mistakes."""
    if "entry" in metafunc.fixturenames:
        known: tuple[str, ...] = ("entry", "dtype", "case", "mistake")
        names = [name for name in known if name in metafunc.fixturenames]
        parameters = list(_crossed(metafunc, names))
        if "backend" in metafunc.fixturenames:
            metafunc.parametrize(
                ["backend", *names], parameters, indirect=["backend"], scope="session"
            )
        else:
            metafunc.parametrize(names, parameters)
    elif "backend" in metafunc.fixturenames:
        chosen = backend_names(metafunc.config)
        metafunc.parametrize("backend", chosen, indirect=True, scope="session")


def _crossed(metafunc: pytest.Metafunc, names: list[str]) -> Iterator[Any]:
    """The parameter sets of one test; a declared gap is marked as one that must fail."""
    one_framework = "backend" in metafunc.fixturenames
    marker = metafunc.definition.get_closest_marker("einport")
    options = {} if marker is None else marker.kwargs
    applies, mode = options.get("applies", _always), options.get("mode", EAGER)
    for backend in backend_names(metafunc.config) if one_framework else [""]:
        for entry in entries():
            if not applies(entry, backend):
                continue
            for row in _rows(metafunc.config, entry, names, backend):
                marks = _marks(backend, entry, mode, row) if one_framework else []
                values = [backend] * one_framework + [row[name] for name in names]
                case, mistake = (getattr(row[name], "name", "") for name in ("case", "mistake"))
                label = [entry.topic, entry.name, row["dtype"], case, mistake, backend]
                yield pytest.param(*values, id="-".join(filter(None, label)), marks=marks)


def _always(entry: Entry, backend: str) -> bool:
    return True


def _rows(
    config: pytest.Config, entry: Entry, names: list[str], backend: str
) -> Iterator[dict[str, Any]]:
    """What an entry gives a test: its cases, its dtypes, its mistakes, as the test wants them."""
    nothing = dict.fromkeys(("case", "dtype", "mistake"), None)
    if "mistake" in names:
        for mistake in entry.mistakes:
            yield {**nothing, "entry": entry, "mistake": mistake}
        return
    for turn, case in enumerate(entry.cases if "case" in names else [None]):
        for dtype in _dtypes(config, entry, case, turn, backend) if "dtype" in names else [None]:
            yield {**nothing, "entry": entry, "case": case, "dtype": dtype}


def _dtypes(
    config: pytest.Config, entry: Entry, case: Case | None, turn: int, backend: str
) -> list[str]:
    """The dtypes of a case: a sample, unless all are wanted; what it leaves out is counted."""
    dtypes = list(entry.dtypes if case is None else entry.dtypes_of(case))
    if config.getoption("--all"):
        return dtypes
    chosen = [dtype for dtype in dtypes if backend or dtype in PARITY_DTYPES]
    few = bool(backend) and get_backend(backend).compiles_eagerly
    sample: list[str] = dtypes_in_turn(entry, chosen, turn, few)
    config.stash[TALLY].left_out += len(dtypes) - len(sample)
    return sample


def _marks(
    backend: str, entry: Entry, mode: str, row: dict[str, Any]
) -> list[pytest.MarkDecorator]:
    """A declared gap must fail; a mistake is refused before the framework can fall short."""
    if row["mistake"] is not None:
        return []
    gap = gap_of(get_backend(backend), entry, mode, row["dtype"] or usual_dtype(entry))
    return [] if gap is None else [pytest.mark.xfail(strict=True, reason=gap.reason)]


@pytest.fixture(scope="session")
def backend(request: pytest.FixtureRequest) -> Backend:
    """The adapter under test."""
    return get_backend(request.param)


@pytest.fixture(scope="session")
def device(request: pytest.FixtureRequest, backend: Backend) -> str:
    """The device under test."""
    return choose_device(backend, request.config.getoption("--device"))


@pytest.fixture(scope="session")
def examples(request: pytest.FixtureRequest, backend: Backend) -> int:
    """How many cases to draw for each operation."""
    asked: int | None = request.config.getoption("--examples")
    return asked or (3 if backend.compiles_eagerly else 8)


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Record:
    """Count what a test compared; a test that takes this and compares nothing fails."""
    node = request.node
    node.stash[COMPARED] = 0
    parameters = node.callspec.params if hasattr(node, "callspec") else {}
    backend, dtype = parameters.get("backend", "parity"), parameters.get("dtype")
    entry = parameters.get("entry")

    def add(verdict: Verdict, drawn: str | None = None) -> None:
        node.stash[COMPARED] += verdict.compared
        if entry is not None:
            shown = drawn or dtype or usual_dtype(entry)
            request.config.stash[TALLY].add(backend, shown, entry.name, verdict)

    return add


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
    """Fail a test that skips: a gap is declared beside the adapter, with its reason."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = "skipped, which says nothing: declare a gap beside the adapter instead"
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In a process of pytest-xdist, send what was counted to the one that sums up."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["einport"] = session.config.stash[TALLY].sent()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take in what a process of pytest-xdist has counted."""
    sent = getattr(node, "workeroutput", {}).get("einport")
    if sent is not None:
        node.config.stash[TALLY].merge(sent)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say what is tested."""
    lines = []
    for name in named_backends(config):
        xp = get_backend(name)
        device = choose_device(xp, config.getoption("--device"))
        lines.append(f"einport: {xp.title} {xp.version()} on {device}")
    return lines


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Show how much was compared and the worst errors."""
    tally = config.stash[TALLY]
    if not tally.compared:
        return
    terminalreporter.section("einport")
    terminalreporter.line(f"{tally.compared:,} results and values compared")
    if tally.left_out:
        left = f"{tally.left_out:,} more pairs of case and dtype"
        terminalreporter.line(f"left out: {left}; --all runs them")
    xfailed = terminalreporter.stats.get("xfailed", [])
    for reason, count in Counter(report.wasxfail for report in xfailed).items():
        terminalreporter.line(f"declared gap, {count} tests failed as they must: {reason}")
    for (backend, dtype), (error, op) in tally.worst.items():
        if error:
            terminalreporter.line(
                f"{backend:<12}{dtype:<10}worst error {error:8.3g} epsilons, in {op}"
            )
