"""Loads exported operations in a process of its own and runs them: the framework, no einport.

    python -I loader.py torch|jax|tensorflow

Says `{"ready": …}` once, then answers each line of JSON on its input with one on its output.
A request holds an artefact's path, a device, and arrays as raw bytes with dtype and shape.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Record = dict[str, Any]
"""One array in JSON: its dtype's name, its shape, and its bytes in base 64."""

Run = Callable[[Path, list[Record], str], list[Record]]


def encode(dtype: str, shape: Any, data: bytes, device: str = "") -> Record:
    """An array as JSON has it."""
    text = base64.b64encode(data).decode("ascii")
    return {"dtype": dtype, "shape": [int(n) for n in shape], "data": text, "device": device}


def decode(record: Record) -> bytes:
    """An array's bytes."""
    return base64.b64decode(record["data"])


def torch_runner() -> Run:
    """PyTorch: a saved `torch.export` program."""
    import torch

    def put(record: Record, device: str) -> Any:
        data, dtype = bytearray(decode(record)), getattr(torch, record["dtype"])
        flat = torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype)
        return flat.reshape(record["shape"]).to(device)

    def take(x: Any) -> Record:
        plain = x.detach().cpu().resolve_conj().resolve_neg().contiguous()
        flat = plain.reshape(-1)
        data = flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
        return encode(str(x.dtype).removeprefix("torch."), x.shape, data, str(x.device))

    def run(artefact: Path, records: list[Record], device: str) -> list[Record]:
        program = torch.export.load(artefact / "program.pt2").module()
        return [take(x) for x in program(*(put(record, device) for record in records))]

    return run


def jax_runner() -> Run:
    """JAX: a serialized `jax.export` function."""
    import jax
    import jax.export

    def name(device: Any) -> str:
        plain = device.platform == "cpu" and device.id == 0
        return "cpu" if plain else f"{device.platform}:{device.id}"

    def put(record: Record, device: Any) -> Any:
        values = np.frombuffer(decode(record), jax.numpy.dtype(record["dtype"]))
        return jax.device_put(values.reshape(record["shape"]), device)

    def take(x: Any) -> Record:
        return encode(x.dtype.name, x.shape, np.asarray(x).tobytes(), name(x.device))

    def run(artefact: Path, records: list[Record], device: str) -> list[Record]:
        exported = jax.export.deserialize(bytearray((artefact / "function.bin").read_bytes()))
        known = [d for kind in (None, "cpu") for d in jax.devices(kind)]
        chosen = next(d for d in known if name(d) == device)
        # As its user would: 64 bits are switched on for what takes or gives them.
        wide = any(a.dtype.name.endswith("64") for a in (*exported.in_avals, *exported.out_avals))
        jax.config.update("jax_enable_x64", wide)
        results = exported.call(*(put(record, chosen) for record in records))
        return [take(x) for x in results]

    return run


def tensorflow_runner() -> Run:
    """TensorFlow: a SavedModel."""
    import tensorflow as tf

    def put(record: Record) -> Any:
        values = np.frombuffer(decode(record), tf.as_dtype(record["dtype"]).as_numpy_dtype)
        return tf.constant(values.reshape(record["shape"]))

    def take(x: Any) -> Record:
        kind, _, number = x.device.rpartition("device:")[2].partition(":")
        device = "cpu" if (kind, number) == ("CPU", "0") else f"{kind.lower()}:{number}"
        return encode(x.dtype.name, x.shape, x.numpy().tobytes(), device)

    def run(artefact: Path, records: list[Record], device: str) -> list[Record]:
        model = tf.saved_model.load(str(artefact / "model"))
        with tf.device(device):
            return [take(x) for x in model.call(*(put(record) for record in records))]

    return run


RUNNERS = {"torch": torch_runner, "jax": jax_runner, "tensorflow": tensorflow_runner}


def answer(run: Run, line: str) -> Record:
    """What one request gives, or what was raised."""
    request = json.loads(line)
    try:
        results = run(Path(request["artefact"]), request["arrays"], request["device"])
    except Exception as error:  # an artefact may raise anything: it is reported, not lost
        return {"error": f"{type(error).__name__}: {error}"}
    # Only now could loading or running have brought them in.
    foreign = {name.partition(".")[0] for name in sys.modules} & {"einport", "einops"}
    if foreign:
        return {"error": f"the artefact does not stand alone: it needs {', '.join(foreign)}"}
    return {"results": results}


def main() -> None:
    """Answer requests until the input ends."""
    # What a framework prints goes to the errors; the output is for answers alone.
    with os.fdopen(os.dup(1), "w", encoding="ascii") as answers:
        os.dup2(2, 1)

        def say(reply: Record) -> None:
            answers.write(json.dumps(reply) + "\n")
            answers.flush()

        run = RUNNERS[sys.argv[1]]()
        say({"ready": sys.argv[1]})
        for line in sys.stdin:
            say(answer(run, line))


if __name__ == "__main__":
    main()
