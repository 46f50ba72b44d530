"""What users hold instead of plain arrays: each operation's first case is run with each of these.

The one list of them. A holder's function stands in the module of its framework, or of the library
whose layers hold the arrays; it runs the case so and judges it, as the functions of
`einport.suite.modes` do. In results, a trial of the mode `held` has its holder in the place of
the case.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from inspect import signature
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

from ...backends import Backend
from ...backends.trees import tree_leaves
from ...catalog import Case, Entry, entries
from ...catalog._entry import INDEX, Given, Values
from ..judge import Verdict, Wrong


class Holder(NamedTuple):
    """One way to hold the arrays of a call."""

    name: str
    framework: str
    """The backend whose arrays are held; `*` for all."""
    module: str
    """Where the function is that runs it."""
    function: str
    summary: str
    needs: tuple[str, ...] = ()
    """What a call must have for it: `floats`, `a dictionary`, `choices`, `unsigned choices`,
    `settings`."""
    dtype: str = "float32"
    """The dtype of the trial where the entry has it, else the entry's usual one."""
    package: str = ""
    """The library that is needed beside the framework."""


HOLDERS = (
    Holder("threads", "*", "anywhere", "in_threads", "called by four threads at once"),
    Holder("numpy-numbers", "*", "anywhere", "numpy_numbers",
           "settings are NumPy's numbers or arrays without axes", ("settings",)),
    Holder("numpy-choices", "*", "anywhere", "numpy_choices",
           "masks, labels and indices are NumPy's, beside data of JAX and TensorFlow",
           ("choices",)),
    Holder("unsigned", "*", "anywhere", "unsigned_choices",
           "labels and indices are unsigned integers of 32 bits", ("unsigned choices",)),
    Holder("mapping", "*", "anywhere", "any_mapping",
           "parameters are in a mapping that is no dictionary", ("a dictionary",)),
    Holder("memmap", "numpy", "numpy", "memory_mapped", "arrays are in a file, mapped to memory"),
    Holder("read-only", "numpy", "numpy", "read_only", "arrays may not be written to"),
    Holder("strict", "numpy", "numpy", "strict", "warnings are errors, floating ones too"),
    Holder("module", "torch", "torch", "module",
           "parameters and buffers of a module that is compiled whole, and its gradients",
           ("floats",), "float64"),
    Holder("parameter-dict", "torch", "torch", "parameter_dict",
           "nn.ParameterDict, eager and compiled", ("a dictionary",), "float64"),
    Holder("subclass", "torch", "torch", "subclass", "a subclass of torch.Tensor"),
    Holder("autocast-narrow", "torch", "torch", "autocast_narrow",
           "autocast is on, parameters are wider than the data", ("floats",), "bfloat16"),
    Holder("autocast-wide", "torch", "torch", "autocast_wide",
           "autocast is on, parameters are narrower than the data", ("floats",), "bfloat16"),
    Holder("functional", "torch", "torch", "functional",
           "torch.func's gradients, jvp and vmap, by the floats alone: other arrays and settings "
           "are of the program around", ("floats",), "float64"),
    Holder("jit-trace", "torch", "torch", "jit_traced",
           "torch.jit.trace, called with other values than it saw"),
    Holder("make-fx", "torch", "torch", "proxy_traced",
           "make_fx on real tensors, called with other values than it saw"),
    Holder("dtensor", "torch", "torch_dtensor", "dtensor",
           "DTensors on a mesh of two processes"),
    Holder("sharded", "jax", "jax", "sharded", "arrays sharded over four devices, eager"),
    Holder("shard-map", "jax", "jax", "shard_mapped", "inside shard_map over four devices"),
    Holder("scan", "jax", "jax", "scanned", "in the body of lax.scan"),
    Holder("checkpoint", "jax", "jax", "checkpointed",
           "under jax.checkpoint, and its gradients", ("floats",), "float64"),
    Holder("strict", "jax", "jax", "strict",
           "rank promotion is an error, dtype promotion strict"),
    Holder("nnx", "jax", "flax", "nnx_parameters", "parameters of a flax.nnx module, jitted",
           ("floats",), "float64", package="flax"),
    Holder("linen", "jax", "flax", "linen_parameters",
           "parameters of a flax.linen module, boxed with their partitioning", ("floats",),
           "float64", package="flax"),
    Holder("variable", "tensorflow", "tensorflow", "variables",
           "tf.Variables, eager and in a graph; gradients are dense and can be clipped",
           ("floats",), "float64"),
    Holder("unknown", "tensorflow", "tensorflow", "unknown_sizes",
           "the first and second axis unknown in a graph"),
    Holder("unknown-xla", "tensorflow", "tensorflow", "unknown_sizes_xla",
           "the first and second axis unknown, compiled by XLA"),
    Holder("keras", "*", "keras", "layer",
           "weights of a Keras layer: called, fitted, saved and loaded", ("floats",), "float64",
           package="keras"),
    Holder("keras-mixed", "*", "keras", "mixed_layer",
           "weights of a Keras layer in mixed precision", ("floats",), "bfloat16",
           package="keras"),
)  # fmt: skip


def holder_in_turn(xp: Backend, entry: Entry) -> Holder:
    """The one that is tried every day: another one for the next entry, until all had their turn."""
    found = _turns(xp).get(entry.name)
    if found is None:  # an entry of another package
        found = min(holders_of(xp, entry), key=lambda one: crc32(f"{entry.name}/{one}".encode()))
    return found


@cache
def _turns(xp: Backend) -> dict[str, Holder]:
    """For each entry the holder that had the fewest turns before."""
    turns: Counter[Holder] = Counter()
    found = {}
    for entry in entries():
        holder = min(holders_of(xp, entry), key=lambda one: turns[one])
        turns[holder] += 1
        found[entry.name] = holder
    return found


def holders_of(xp: Backend, entry: Entry) -> list[Holder]:
    """The holders of a framework that have something to hold in the entry's first case."""
    has = _what_it_has(entry)
    return [
        holder
        for holder in HOLDERS
        if holder.framework in ("*", xp.name)
        and has.issuperset(holder.needs)
        and is_installed(holder)
        and (holder.name != "numpy-choices" or xp.takes_numpy)
        and (holder.module != "keras" or is_keras_backend(xp.name))
    ]


KERAS_BACKENDS = ("torch", "jax", "tensorflow")

_keras_backend: list[str] = []
"""The one that Keras was given here, if any."""


def is_keras_backend(framework: str) -> bool:
    """Whether Keras is tried on a framework in this process, where it can have one backend alone.

    Where it is not imported yet, it is given the first framework that is asked about.
    """
    if framework not in KERAS_BACKENDS or find_spec("keras") is None:
        return False
    keras = sys.modules.get("keras")
    if keras is not None:
        return bool(keras.config.backend() == framework)
    if not _keras_backend:
        _keras_backend.append(framework)
        os.environ["KERAS_BACKEND"] = framework  # for whatever imports it first
    return _keras_backend == [framework]


@cache
def is_installed(holder: Holder) -> bool:
    """Whether the library that a holder needs is there."""
    return not holder.package or find_spec(holder.package) is not None


def holder_named(xp: Backend, name: str) -> Holder:
    """The holder of a framework by its name."""
    return next(one for one in HOLDERS if one.name == name and one.framework in ("*", xp.name))


def held_case(entry: Entry, holder: Holder) -> Case:
    """The entry's first case under the holder's name."""
    return replace(entry.cases[0], name=holder.name)


def dtype_of(entry: Entry, holder: Holder, usual: str) -> str:
    """The dtype of a holder's trial."""
    return holder.dtype if holder.dtype in entry.dtypes_of(entry.cases[0]) else usual


def run_held(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """The first case with its arrays held as the case's name says.

    Raises:
        Wrong: A result or a gradient is not what was promised.
    """
    holder = holder_named(xp, case.name)
    run: Callable[..., Verdict] = getattr(
        import_module(f"{__name__}.{holder.module}"), holder.function
    )
    if not is_installed(holder):
        raise Wrong(f"{holder.name} needs the package {holder.package}")
    return run(entry, entry.cases[0], xp, device, dtype)


def _what_it_has(entry: Entry) -> set[str]:
    """What there is to hold in an entry's first case."""
    first = entry.cases[0]
    arguments: list[Any] = [*first.args, *first.kwargs.values()]
    leaves = tree_leaves(arguments)
    specs = [leaf for leaf in leaves if isinstance(leaf, Given | Values)]
    found = set()
    if "float32" in entry.dtypes_of(first) and any(_is_float(spec) for spec in specs):
        found.add("floats")
    if any(isinstance(argument, dict) for argument in arguments):
        found.add("a dictionary")
    if any(isinstance(argument, Given) and not _is_float(argument) for argument in arguments):
        found.add("choices")
    if any(isinstance(argument, Given) and _is_unsigned(argument) for argument in arguments):
        found.add("unsigned choices")
    parameters = signature(entry.op).parameters.values()
    if any(isinstance(x, int | float) for x in (*leaves, *(one.default for one in parameters))):
        found.add("settings")
    return found


def _is_unsigned(spec: Given) -> bool:
    return spec.dtype == INDEX and np.size(spec.data) > 0 and np.min(spec.data) >= 0


def _is_float(spec: Given | Values) -> bool:
    return isinstance(spec, Values) or spec.dtype is None
