"""The exported mode: an operation saved, loaded in a fresh process without einport, and judged.

`torch.export` for PyTorch, `jax.export` for JAX, a SavedModel for TensorFlow.
"""

from __future__ import annotations

import atexit
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from ...backends import Backend
from ...backends.trees import tree_leaves
from ...catalog import Case, Entry
from ..calls import Call
from ..devices import LESS_MEMORY
from ..expected import judge_arrays
from ..inputs import draw_inputs, to_backend
from ..judge import Verdict, Wrong
from .loader import decode, encode
from .saving import save

SCRIPT = Path(__file__).with_name("loader.py")

PATIENCE = 120.0
"""How many seconds the loader may take to start, and to answer."""

LAST_WORDS = 2000
"""How many characters of a dead loader's errors are shown."""


class Value(NamedTuple):
    """An array on its way between processes."""

    plain: np.ndarray[Any, Any]
    """Its values; those of bfloat16, which NumPy lacks, as float32."""
    dtype: str
    device: str = ""


class LoaderError(RuntimeError):
    """An artefact could not be loaded or run."""


class Loader:
    """A process that has one framework and no einport, and runs what was exported.

    It starts with the first call, as that takes seconds, and again after it died.
    """

    def __init__(self, framework: str, patience: float = PATIENCE) -> None:
        self._framework = framework
        self._patience = patience
        self._open = ExitStack()
        self._process: subprocess.Popen[str] | None = None
        self._errors = Path()
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()

    @property
    def pid(self) -> int | None:
        """The process's id, if it is there."""
        return None if self._process is None else self._process.pid

    def run(self, artefact: Path, arrays: Sequence[Value], device: str = "cpu") -> list[Value]:
        """Load what `save` wrote to a folder and call it.

        Raises:
            LoaderError: That raised, or took too long, or ended the process.
        """
        if self._process is None:
            self._start()
        records = [_encode(value) for value in arrays]
        request = {"artefact": str(artefact), "arrays": records, "device": device}
        reply = self._ask(json.dumps(request))
        if "error" in reply:
            raise LoaderError(reply["error"])
        return [_decode(record) for record in reply["results"]]

    def close(self) -> None:
        """End the process."""
        self._process = None
        self._open.close()

    def _start(self) -> None:
        self._open.callback(setattr, self, "_process", None)
        folder = Path(self._open.enter_context(TemporaryDirectory(prefix="einport-")))
        self._errors = folder / "errors.txt"
        errors = self._open.enter_context(self._errors.open("wb"))
        process = subprocess.Popen(  # noqa: S603  (our own script)
            [sys.executable, "-I", str(SCRIPT), self._framework],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=folder,
            env={**LESS_MEMORY, **os.environ},
            encoding="ascii",
        )
        self._process = process
        self._answers = queue.SimpleQueue()
        reader = threading.Thread(target=_read, args=(process, self._answers), daemon=True)
        self._open.callback(_end, process, reader)
        reader.start()
        self._ask(None)

    def _ask(self, line: str | None) -> dict[str, Any]:
        """The next answer, to a request if there is one; a loader that fails here is closed."""
        process = self._process
        if process is None or process.stdin is None:
            raise LoaderError("the loader is closed")
        try:
            if line is not None:
                process.stdin.write(line + "\n")
                process.stdin.flush()
            answer = self._answers.get(timeout=self._patience)
        except queue.Empty:
            raise self._failed(f"said nothing for {self._patience:g} s") from None
        except OSError:  # nobody is there to read
            answer = ""
        if not answer.endswith("\n"):
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            raise self._failed(f"ended with {process.returncode}")
        reply: dict[str, Any] = json.loads(answer)
        return reply

    def _failed(self, what: str) -> LoaderError:
        words = self._errors.read_text(encoding="utf-8", errors="replace")[-LAST_WORDS:].strip()
        self.close()
        return LoaderError(f"the loader for {self._framework} {what}; its last words:\n{words}")


def run_exported(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """The operation exported, loaded in a fresh process, and run there.

    Raises:
        Wrong: The result is not what was promised.
        LoaderError: The artefact cannot be loaded or run.
        NotImplementedError: The framework has no exported form.
    """
    with xp.dtype_scope(dtype), np.errstate(all="ignore"):
        inputs = draw_inputs(case, dtype, entry.name)
        # Exported with other values than it is called with, so that one that was kept shows.
        sample = draw_inputs(case, dtype, f"{entry.name}/exported")
        call = Call(entry, xp, to_backend(xp, sample, device))
        with TemporaryDirectory(prefix="einport-") as folder:
            save(xp, call, call.arrays, Path(folder))
            return _judge_loaded(Path(folder), entry, case, xp, device, dtype, inputs)


def run_exported_unknown(
    entry: Entry, xp: Backend, device: str, dtype: str, rows: Sequence[int] = (2, 5)
) -> Verdict:
    """The operation exported once with the number of rows unknown, and run with several.

    Raises:
        Wrong: A result is not what was promised.
        LoaderError: The artefact cannot be loaded or run.
        NotImplementedError: The framework has no exported form.
    """
    if entry.sized is None:
        raise ValueError(f"{entry.name} has no sized case")
    with xp.dtype_scope(dtype), np.errstate(all="ignore"):
        few, more = (
            Call(entry, xp, to_backend(xp, draw_inputs(entry.sized(n), dtype, entry.name), device))
            for n in (3, 4)
        )
        sizes = [
            [(to - at, at - 3 * (to - at)) for at, to in zip(xp.shape(x), xp.shape(y), strict=True)]
            for x, y in zip(few.arrays, more.arrays, strict=True)
        ]
        if not any(a for axes in sizes for a, _ in axes):
            raise Wrong("no axis of the sized case has rows")
        verdict = Verdict(0, 0.0)
        with TemporaryDirectory(prefix="einport-") as folder:
            save(xp, few, few.arrays, Path(folder), sizes)
            for n in rows:
                case = entry.sized(n)
                inputs = draw_inputs(case, dtype, entry.name)
                one = _judge_loaded(Path(folder), entry, case, xp, device, dtype, inputs)
                verdict = verdict.with_(one)
        return verdict


def _judge_loaded(
    folder: Path, entry: Entry, case: Case, xp: Backend, device: str, dtype: str, inputs: Any
) -> Verdict:
    """Run an artefact on a case's inputs and compare the arrays among the results."""
    arrays = [x for x in tree_leaves(to_backend(xp, inputs, device)) if xp.owns(x)]
    given = [Value(xp.to_numpy(x), xp.dtype(x)) for x in arrays]
    found = _loader_for(xp.name).run(folder, given, device)
    results = [xp.asarray(value.plain, value.dtype, value.device) for value in found]
    return judge_arrays(entry, case, xp, device, dtype, inputs, results)


_loaders: dict[str, Loader] = {}


@atexit.register
def close_loaders() -> None:
    """End the processes that `run_exported` started; it starts new ones when called again."""
    while _loaders:
        _loaders.popitem()[1].close()


def _loader_for(framework: str) -> Loader:
    """This process's one loader of a framework."""
    if framework not in _loaders:
        _loaders[framework] = Loader(framework)
    return _loaders[framework]


def _read(process: subprocess.Popen[str], answers: queue.SimpleQueue[str]) -> None:
    """Hand on each line, and an empty one at the end."""
    if process.stdout is not None:
        for line in process.stdout:
            answers.put(line)
    answers.put("")


def _end(process: subprocess.Popen[str], reader: threading.Thread) -> None:
    """Leave no process, thread or pipe behind."""
    process.kill()  # it holds nothing: there is nothing to wait for
    process.wait()
    reader.join()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):  # a request that nobody read
                pipe.close()


def _encode(value: Value) -> dict[str, Any]:
    plain = np.ascontiguousarray(value.plain)
    if value.dtype == "bfloat16":  # the upper half of a float32
        plain = (plain.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
    return encode(value.dtype, value.plain.shape, plain.tobytes())


def _decode(record: dict[str, Any]) -> Value:
    data, dtype = decode(record), record["dtype"]
    if dtype == "bfloat16":
        plain: Any = (np.frombuffer(data, np.uint16).astype(np.uint32) << 16).view(np.float32)
    else:
        plain = np.frombuffer(data, dtype)
    return Value(plain.reshape(record["shape"]), dtype, record["device"])


__all__ = [
    "Loader",
    "LoaderError",
    "Value",
    "close_loaders",
    "run_exported",
    "run_exported_unknown",
    "save",
]
