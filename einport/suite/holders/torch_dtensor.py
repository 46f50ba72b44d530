"""DTensors on a mesh of two processes, which hold the parts: `python -m … RANK FOLDER`.

The processes start with the first trial, as that takes seconds, and end with this one. Each reads
a trial a line, as JSON, and answers with what it compared, or with what is wrong.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ...backends import Backend, get_backend
from ...catalog import Case, Entry, entry
from ..calls import Call
from ..expected import judge_arrays
from ..inputs import draw_inputs, to_backend
from ..judge import Verdict, Wrong

PROCESSES = 2

PATIENCE = timedelta(seconds=120)
"""How long a process waits for the other before it gives up."""


def dtensor(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """Replicated, and the first array sharded along each of its axes; results are DTensors."""
    answers = _pair().ask({"entry": entry.name, "dtype": dtype})
    for answer in answers:
        if "wrong" in answer:
            raise Wrong(answer["wrong"])
    return Verdict(answers[0]["compared"], answers[0]["error"])


class Pair:
    """Two processes that do the same."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="einport-")
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "GLOO_SOCKET_IFNAME": "lo"}
        self._processes = [
            subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", __name__, str(rank), self._folder.name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=(Path(self._folder.name) / f"{rank}.log").open("w"),
                text=True,
                env=environment,
            )
            for rank in range(PROCESSES)
        ]
        atexit.register(self.stop)

    def ask(self, trial: dict[str, str]) -> list[dict[str, Any]]:
        """What both answer to a trial."""
        for process in self._processes:
            assert process.stdin is not None  # noqa: S101
            process.stdin.write(json.dumps(trial) + "\n")
            process.stdin.flush()
        return [self._answer(rank) for rank in range(PROCESSES)]

    def stop(self) -> None:
        """End both."""
        for process in self._processes:
            process.kill()
            process.wait()
        self._folder.cleanup()

    def _answer(self, rank: int) -> dict[str, Any]:
        stream = self._processes[rank].stdout
        assert stream is not None  # noqa: S101
        for line in stream:
            if line.startswith("answer "):
                found: dict[str, Any] = json.loads(line.removeprefix("answer "))
                return found
        log = (Path(self._folder.name) / f"{rank}.log").read_text()
        raise RuntimeError(f"process {rank} of the mesh ended: {log.strip()[-500:]}")


@cache
def _pair() -> Pair:
    return Pair()


# --- In each of the two ---------------------------------------------------------------------------


def _serve(rank: int, folder: str) -> None:
    import torch.distributed as dist
    from torch.distributed.tensor import init_device_mesh

    dist.init_process_group(
        "gloo",
        init_method=f"file://{folder}/meeting",
        rank=rank,
        world_size=PROCESSES,
        timeout=PATIENCE,
    )
    mesh = init_device_mesh("cpu", (PROCESSES,))
    for line in sys.stdin:
        trial = json.loads(line)
        try:
            verdict = _try(mesh, entry(trial["entry"]), trial["dtype"])
            answer: dict[str, Any] = {"compared": verdict.compared, "error": verdict.error}
        except Exception as error:  # it is told to the process that asked
            answer = {"wrong": f"{type(error).__name__}: {error}"}
        print(f"answer {json.dumps(answer)}", flush=True)  # noqa: T201


def _try(mesh: Any, one: Entry, dtype: str) -> Verdict:
    from torch.distributed.tensor import DTensor, distribute_tensor

    xp, case = get_backend("torch"), one.cases[0]
    inputs = draw_inputs(case, dtype, one.name)
    call = Call(one, xp, to_backend(xp, inputs, "cpu"))
    verdict = Verdict(0, 0.0)
    for layouts in _layouts(call.arrays):
        pairs = zip(call.arrays, layouts, strict=True)
        results = call(*[distribute_tensor(x, mesh, [layout]) for x, layout in pairs])
        for x in results:
            if not isinstance(x, DTensor):
                raise Wrong(f"gave a {type(x).__name__} for DTensors, {layouts[0]}")
        full = [x.full_tensor() for x in results]
        verdict = verdict.with_(judge_arrays(one, case, xp, "cpu", dtype, inputs, full))
    return verdict


def _layouts(arrays: list[Any]) -> Iterator[list[Any]]:
    """All replicated; then the first array sharded along each axis, as later ones along theirs."""
    from torch.distributed.tensor import Replicate, Shard

    yield [Replicate()] * len(arrays)
    for axis in range(arrays[0].ndim):
        yield [Shard(axis), *[Replicate()] * (len(arrays) - 1)]
    if len(arrays) > 1:
        yield [Shard(0) if x.ndim else Replicate() for x in arrays]


if __name__ == "__main__":
    _serve(int(sys.argv[1]), sys.argv[2])
