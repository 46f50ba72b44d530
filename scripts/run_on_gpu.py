"""Run the suite with PyTorch and JAX on a GPU within a time limit, and keep the result files.

    python scripts/run_on_gpu.py                          ten minutes, files in build/gpu
    python scripts/run_on_gpu.py kept --minutes 30 -- --all

For machines without nox and without a package index: it takes what is installed, which has to be
pytest, hypothesis, einops and the frameworks; with pytest-xdist tests run in several processes.
einport itself is taken from this checkout. What follows `--` goes to pytest.

Each framework has an equal part of the time that is left. One that is not done by then is
interrupted as by Ctrl-C: pytest then writes what it has, as a part of a run. The exit status is 0
only if every framework was found on the device, was done in time, and passed.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parent.parent
DEVICES = {"torch": "cuda", "jax": "gpu", "tensorflow": "gpu"}
"""What each framework calls the first GPU; files bear these names, as in `results/`."""

LAST_SECONDS = 30.0
"""How long pytest may take to write the file once it is interrupted: kept free at the end."""


def main() -> int:
    """Run each framework in turn and print its outcome."""
    # A shell's background job ignores SIGINT, and so would pytest, which has to be interrupted.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    asked = arguments()
    end = time.monotonic() + 60 * asked.minutes
    said = []
    failed = False
    for number, backend in enumerate(asked.backends):
        device = asked.device or DEVICES.get(backend, "gpu")
        part = (end - time.monotonic()) / (len(asked.backends) - number)
        how = run(backend, device, asked, part)
        failed |= how != "passed"
        said.append(f"{backend} on {device}: {how}")
    print("\n" + "\n".join(said))
    return int(failed)


def arguments() -> argparse.Namespace:
    """What is asked for on the command line."""
    own, more = sys.argv[1:], []
    if "--" in own:
        place = own.index("--")
        own, more = own[:place], own[place + 1 :]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("build/gpu"))
    parser.add_argument("--minutes", type=float, default=10, help="for all frameworks together")
    parser.add_argument("--device", help="instead of the first GPU: cuda:1, cpu")
    parser.add_argument(
        "--backend", action="append", dest="backends", help="repeatable; else torch and jax"
    )
    found = parser.parse_args(own)
    if found.minutes <= 0:
        parser.error("--minutes must be more than 0")
    found.backends = found.backends or ["torch", "jax"]
    found.folder = found.folder.absolute()
    found.folder.mkdir(parents=True, exist_ok=True)
    found.pytest = more
    return found


def run(backend: str, device: str, asked: argparse.Namespace, seconds: float) -> str:
    """Run one framework for so many seconds; its outcome in a word or two."""
    end = time.monotonic() + seconds
    looked = wait([sys.executable, "-m", "einport.suite.devices", backend, device], end)
    if looked != 0:
        return "not run" if looked else "not run: the time was over"
    file = asked.folder / f"{backend}-{device.partition(':')[0]}.json"
    what = ["--pyargs", "einport.suite", "--backend", backend, "--device", device]
    what += ["--results", str(file), *processes(), *asked.pytest]
    status = wait([sys.executable, "-m", "pytest", *what], end)
    if status is None:
        return f"cut short, {'part of it' if file.exists() else 'nothing'} is kept"
    return "passed" if status == 0 else f"failed (pytest's exit status {status})"


def processes() -> list[str]:
    """Arguments for several processes, where pytest-xdist is installed."""
    number = min(8, (os.cpu_count() or 1) // 2)  # more would wait for each other at the GPU
    if number < 2 or find_spec("xdist") is None:
        return []
    return ["--numprocesses", str(number), "--dist", "loadgroup"]


def wait(command: list[str], end: float) -> int | None:
    """The exit status of a command, or None where the time was over before it was done."""
    seconds = end - LAST_SECONDS - time.monotonic()
    if seconds <= 0:
        return None
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    # A group of its own, so that what it has started ends with it.
    process = subprocess.Popen(  # noqa: S603  (Python itself)
        command, cwd=ROOT, env=environment, start_new_session=True
    )
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        interrupt(process)
        return None
    except KeyboardInterrupt:
        interrupt(process)
        sys.exit(130)


def interrupt(process: subprocess.Popen[bytes]) -> None:
    """End a process as Ctrl-C does, and by force if it does not end soon."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(LAST_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


if __name__ == "__main__":
    sys.exit(main())
