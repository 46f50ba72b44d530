"""Which devices a framework has, said before anything is tested."""

import subprocess
import sys

import pytest

from einport.backends import Backend
from einport.suite.devices import main


def test_the_devices_are_said_and_the_wanted_one_is_taken(
    backend: Backend, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([backend.name, "cpu"]) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first == f"{backend.title} {backend.version()} finds {', '.join(backend.devices())}"
    assert last == "testing on cpu"


def test_without_the_wanted_device_there_is_one_sentence_and_a_failure(
    backend: Backend, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([backend.name, "zebra"]) == 1
    first, last = capsys.readouterr().out.splitlines()
    assert "finds cpu" in first
    assert last.startswith(f"nothing was tested: {backend.title} has no device 'zebra' here")


@pytest.mark.parametrize("problem", [RuntimeError, OSError, ImportError])
def test_a_framework_that_finds_no_driver_ends_in_a_sentence_too(
    backend: Backend,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    problem: type[Exception],
) -> None:
    def devices() -> None:
        raise problem("no driver\nand many lines of what was tried")

    monkeypatch.setattr(backend, "devices", devices)
    assert main([backend.name, "gpu"]) == 1
    assert capsys.readouterr().out == "nothing was tested: no driver\n"


def test_it_is_a_command(backend: Backend) -> None:
    command = [sys.executable, "-m", "einport.suite.devices", backend.name, "zebra"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "nothing was tested" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
