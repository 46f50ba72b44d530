"""The rules that no test of the suite may get around, each tried in a run of pytest of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def run_pytest(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    env = {**os.environ, **environment}
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


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--backend", "torhc"], "no backend is named 'torhc'; did you mean 'torch'?"),
        (
            ["--backend", "numpy", "--device", "cuda"],
            "NumPy has no device 'cuda' here (it has cpu)",
        ),
    ],
)
def test_an_unknown_framework_or_device_is_a_usage_error(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    done = run_pytest(tmp_path, "--pyargs", "einport.suite", *arguments)
    assert done.returncode == 4
    assert said in done.stderr
    assert "Traceback" not in done.stderr
