"""The rules that no test of the suite may get around, each tried in a run of pytest of its own."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest

from einport.backends import Backend, Gap, get_backend
from einport.catalog import entry
from einport.suite import results
from einport.suite.drivers import Sample, driver_of, thoroughly
from einport.suite.gaps import gap_of, in_versions
from einport.suite.plan import dtypes_in_turn

pytestmark = pytest.mark.once


def run_pytest(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", **environment}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=env, check=False)


def run_test(folder: Path, source: str) -> subprocess.CompletedProcess:
    (folder / "test_it.py").write_text(source)
    return run_pytest(folder, "-p", "einport.suite.plugin", "--backend", "numpy")


def test_a_test_that_compares_nothing_fails(tmp_path: Path) -> None:
    done = run_test(tmp_path, "def test_idle(backend, entry, record):\n    pass\n")
    assert done.returncode == 1
    assert "compared nothing" in done.stdout


def test_a_test_that_compares_something_passes(tmp_path: Path) -> None:
    source = (
        "from einport.suite.judge import Verdict\n"
        "def test_busy(backend, entry, record):\n    record(Verdict(1, 0.0))\n"
    )
    done = run_test(tmp_path, source)
    assert done.returncode == 0, done.stdout


def test_a_skip_fails(tmp_path: Path) -> None:
    done = run_test(tmp_path, "import pytest\ndef test_shy():\n    pytest.skip('not today')\n")
    assert done.returncode == 1
    assert "declare a gap" in done.stdout


GAP = """
import numpy as np
from einport.backends import Gap, get_backend
xp = get_backend("numpy")
gap = Gap("softmax", "for the test", mode="eager", dtype="float16", says="no exp")
type(xp).gaps = (gap,)
{broken}
"""
BROKEN = """
real = xp.exp
def exp(x):
    raise RuntimeError("{words}")
xp.exp = exp
"""


@pytest.mark.parametrize(
    ("broken", "returncode", "said"),
    [
        ("", 1, "works, but a gap is declared"),
        (BROKEN.format(words="no exp today"), 0, "xfailed"),
        (BROKEN.format(words="no memory"), 1, "says 'no exp'"),
    ],
    ids=["works after all", "fails as declared", "fails otherwise"],
)
def test_a_declared_gap_must_fail(tmp_path: Path, broken: str, returncode: int, said: str) -> None:
    (tmp_path / "conftest.py").write_text(GAP.format(broken=broken))
    (tmp_path / "test_it.py").write_text("from einport.suite.test_entries import test_mode\n")
    chosen = ["-p", "einport.suite.plugin", "--backend", "numpy"]
    done = run_pytest(tmp_path, *chosen, "-k", "probability-softmax-eager-float16-rows", "-rX")
    assert done.returncode == returncode, done.stdout
    assert said in done.stdout


def test_the_suite_runs_by_its_import_name(tmp_path: Path) -> None:
    arguments = ["--pyargs", "einport.suite", "--backend", "numpy", "-k", "transpose_matrices"]
    done = run_pytest(tmp_path, *arguments)
    assert done.returncode == 0, done.stdout
    assert "einport: NumPy" in run_pytest(tmp_path, *arguments, "-v").stdout


def test_other_test_runs_keep_their_own_options(tmp_path: Path) -> None:
    conftest = "def pytest_addoption(parser):\n    parser.addoption('--device')\n"
    (tmp_path / "conftest.py").write_text(conftest)
    (tmp_path / "test_it.py").write_text(
        "def test_it(pytestconfig):\n    assert pytestconfig.getoption('device') == 'mine'\n"
    )
    done = run_pytest(tmp_path, "--device", "mine")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("own", [None, "true"])
def test_processes_of_the_suite_share_an_accelerators_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str | None
) -> None:
    name = "XLA_PYTHON_CLIENT_PREALLOCATE"
    monkeypatch.delenv(name, raising=False)
    if own is not None:
        monkeypatch.setenv(name, own)
    said = own or "false"
    (tmp_path / "test_it.py").write_text(
        f"import os\ndef test_it():\n    assert os.environ[{name!r}] == {said!r}\n"
    )
    done = run_pytest(tmp_path, "-p", "einport.suite.plugin", "--backend", "numpy")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--backend", "torhc"], "no backend is named 'torhc'; did you mean 'torch'?"),
        (
            ["--backend", "numpy", "--device", "cuda"],
            "NumPy has no device 'cuda' here (it has cpu)",
        ),
        (["--backend", ""], "no backend is named '' (known: numpy, torch, jax, tensorflow"),
        (["--backend", " , "], "no backend is named ''"),
        (["--backend", "numpy", "--backend", ""], "no backend is named ''"),
        (["--backend", "numpy,"], "no backend is named ''"),
        (["--device", " "], "--device needs the name of a device"),
        (["--backend", "numpy", "--results", ""], "the name of a file is empty"),
        (["--backend", "numpy", "--results", "pipe", "--force"], "is a pipe, not a file"),
        (["--backend", "numpy", "--results", "none/x"], "there is no folder none"),
        (["--backend", "numpy", "--examples", "0"], "must be a whole number of 1 or more"),
    ],
)
def test_an_option_that_cannot_be_is_a_usage_error(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = run_pytest(tmp_path, "--pyargs", "einport.suite", "-k", "trace", *arguments)
    assert done.returncode == 4
    assert said in done.stderr
    assert "Traceback" not in done.stderr


FEW = """
import einport.suite.parameters as parameters
import einport.suite.tally as tally
from dataclasses import replace
chosen = tuple(one for one in parameters.entries() if one.name in ("row_sums", "trace"))
parameters.entries = tally.entries = lambda: chosen
{more}
"""
FORGETFUL = """
real = parameters.everyday
def everyday(entry, xp):
    return [trial for trial in real(entry, xp) if trial.mode != "mapped"]
parameters.everyday = everyday
"""
UNMET = """
from einport.backends import Gap, get_backend
xp = get_backend("numpy")
type(xp).gaps = (*xp.gaps, Gap("no_such_operation", "a gap that nothing meets"))
"""


def run_few(folder: Path, more: str, *arguments: str) -> subprocess.CompletedProcess:
    """The whole suite, as if two operations were all there are."""
    (folder / "few.py").write_text(FEW.format(more=more))
    suite = ["--pyargs", "einport.suite", "--backend", "numpy", *arguments]
    return run_pytest(folder, "-p", "few", *suite, PYTHONPATH=str(folder))


def test_a_mode_that_nothing_tried_fails(tmp_path: Path) -> None:
    done = run_few(tmp_path, FORGETFUL)
    assert done.returncode == 1
    assert "NumPy: row_sums in mode mapped was never tried" in done.stdout
    assert "NumPy: trace in mode mapped was never tried" in done.stdout
    assert run_few(tmp_path, FORGETFUL, "-k", "trace").returncode == 0, "a part was asked for"


def test_a_gap_that_nothing_met_fails_a_run_of_all(tmp_path: Path) -> None:
    assert run_few(tmp_path, UNMET).returncode == 0
    done = run_few(tmp_path, UNMET, "--all")
    assert done.returncode == 1
    assert "nothing met the declared gap: a gap that nothing meets" in done.stdout


def test_results_hold_a_cell_for_each_mode_and_are_not_overwritten(tmp_path: Path) -> None:
    done = run_few(tmp_path, "", "--all", "--results", "found.json")
    assert done.returncode == 0, done.stdout
    assert "wrote found.json" in done.stdout
    found = results.read(tmp_path / "found.json")
    (run,) = found.runs
    assert (run.sample, run.partial, run.left_out) == ("all", False, 0)
    modes = {(cell.op, cell.mode): cell.status for cell in found.cells}
    for op in ("row_sums", "trace"):
        assert modes[op, "eager"] == modes[op, "mapped"] == modes[op, "mistakes"] == "pass"
        for mode in ("compiled", "dynamic", "gradient", "exported", "device", "abstract"):
            assert modes[op, mode] == "unsupported", (op, mode)
    assert all(cell.compared for cell in found.cells if cell.status == "pass")
    again = run_few(tmp_path, "", "--results", "found.json")
    assert again.returncode == 4
    assert "already exists (use --force to overwrite)" in again.stderr
    part = run_few(tmp_path, "", "-k", "trace", "--results", "found.json", "--force")
    assert part.returncode == 0, part.stdout
    (run,) = results.read(tmp_path / "found.json").runs
    assert run.partial


def test_what_failed_is_in_the_results(tmp_path: Path) -> None:
    broken = 'from einport.backends import get_backend\nget_backend("numpy").sum = None\n'
    done = run_few(tmp_path, broken, "--results", "found.json")
    assert done.returncode == 1
    failed = [c for c in results.read(tmp_path / "found.json").cells if c.status == "fail"]
    assert {cell.op for cell in failed} >= {"row_sums"}
    assert all(cell.reason for cell in failed)


@pytest.mark.parametrize(
    ("versions", "version", "covered"),
    [("", "2.13.0", True), ("<2.14", "2.13.0+cpu", True), ("<2.14", "2.14.0", False)],
)
def test_a_gap_is_for_some_versions(versions: str, version: str, covered: bool) -> None:
    xp = get_backend("numpy")
    gap = Gap("*", "for the test", versions=versions)
    with patch.object(type(xp), "version", lambda self: version):
        assert in_versions(gap, xp) is covered


def test_a_gap_is_for_some_cases_devices_and_modes() -> None:
    xp, one = get_backend("numpy"), entry("softmax")
    gap = Gap("soft*", "for the test", mode="comp*", case="rows", device="cuda*")
    with patch.object(type(xp), "gaps", (gap,)):
        rows, other = one.cases[0], replace(one.cases[0], name="other")
        rows = replace(rows, name="rows")
        assert gap_of(xp, one, "compiled", "float32", rows, "cuda:0") is gap
        assert gap_of(xp, one, "eager", "float32", rows, "cuda:0") is None
        assert gap_of(xp, one, "compiled", "float32", other, "cuda:0") is None
        assert gap_of(xp, one, "compiled", "float32", rows, "cpu") is None
        assert gap_of(xp, entry("trace"), "compiled", "float32", rows, "cuda:0") is None


def test_a_run_of_all_leaves_sizes_unknown_in_every_way(backend: Backend) -> None:
    sample = Sample([backend.asarray([1.0, 2.0, 3.0], "float32")], [((1, 0),)])

    def ways() -> int:
        return len(list(driver_of(backend).dynamic(lambda x: [x], sample, 2)))

    if backend.name == "numpy":
        with pytest.raises(NotImplementedError):
            ways()
        return
    with thoroughly(True):
        assert ways() == (2 if backend.name == "torch" else 1)
    with thoroughly(False):
        assert ways() == 1


def test_what_a_driver_lets_dynamo_take_in_one_step_is_taken_back(backend: Backend) -> None:
    """Within its calls alone: what users compile is read as ever."""
    import einops

    if backend.name != "torch":
        assert "einops" not in driver_of(backend).short_of_thorough
        return
    from torch._dynamo.trace_rules import _allowed_callable_ids

    from einport.suite.drivers.torch import patterns_in_one_step

    def allowed() -> list[bool]:
        return [id(one) in _allowed_callable_ids for one in (einops.rearrange, einops.repeat)]

    assert patterns_in_one_step(allowed)() == [True, True]
    assert allowed() == [False, False]
    with pytest.raises(ZeroDivisionError):
        patterns_in_one_step(lambda: 1 / 0)()
    assert allowed() == [False, False]


@pytest.mark.parametrize("few", [False, True])
@pytest.mark.parametrize("name", ["row_sums", "transpose_matrices", "trace"])
def test_a_sample_of_dtypes_is_some_of_them(name: str, few: bool) -> None:
    """Of none it is none, and over the turns it comes to all."""
    one = entry(name)
    for count in range(len(one.dtypes) + 1):
        dtypes = list(one.dtypes[:count])
        samples = [dtypes_in_turn(one, dtypes, turn, few) for turn in range(40)]
        for sample in samples:
            assert bool(sample) is bool(dtypes)
            assert len(set(sample)) == len(sample)
            assert set(sample) <= set(dtypes)
        assert {dtype for sample in samples for dtype in sample} == set(dtypes)
        if not few:
            assert samples[0] == dtypes


@pytest.mark.parametrize("turn", [1, 2])
def test_a_method_left_on_an_adapter_is_gone_after_the_test(turn: int) -> None:
    """The second turn sees what the first has left, as `monkeypatch` of pytest 8.2 leaves it."""
    xp = get_backend("numpy")
    assert "version" not in vars(xp)
    xp.version = lambda: f"{turn}.0"
