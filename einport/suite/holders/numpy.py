"""What users of NumPy hold: memory-mapped and read-only arrays, and strict settings."""

from __future__ import annotations

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from ...backends import Backend
from ...backends.trees import tree_map
from ...catalog import Case, Entry
from ..judge import Verdict
from .anywhere import judge_call


def memory_mapped(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """Arrays that lie in files."""
    with TemporaryDirectory(prefix="einport-") as folder:
        files = (Path(folder) / f"{i}.npy" for i in range(10**6))

        def mapped(x: Any) -> Any:
            if not isinstance(x, np.ndarray):
                return x
            file = next(files)
            np.save(file, x)
            return np.load(file, mmap_mode="r")

        return judge_call(entry, case, xp, device, dtype, lambda _, tree: tree_map(mapped, tree))


def read_only(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """Arrays that refuse to be written to."""

    def locked(x: Any) -> Any:
        if isinstance(x, np.ndarray):
            x.setflags(write=False)
        return x

    return judge_call(entry, case, xp, device, dtype, lambda _, tree: tree_map(locked, tree))


def strict(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """With NumPy's floating errors raised, and every warning an error."""
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        return judge_call(entry, case, xp, device, dtype, lambda _, tree: tree)
