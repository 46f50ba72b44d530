"""Faults that only show in what users hold, planted again: the holder that finds each goes red."""

import subprocess
import sys
import textwrap
from importlib.metadata import version

import numpy as np
import pytest
from packaging.version import Version

from einport import backends, expect, operation
from einport.backends import Backend, get_backend, holders
from einport.catalog import entries, entry
from einport.suite.devices import choose_device
from einport.suite.holders import HOLDERS, dtype_of, held_case, holder_in_turn, holders_of
from einport.suite.modes import HELD
from einport.suite.parameters import backend_names
from einport.suite.plan import plan, usual_dtype
from einport.suite.runner import Outcome, outcome_of


def outcome(xp: Backend, device: str, op: str, holder: str) -> Outcome:
    """What a holder's trial of an operation gives."""
    one = entry(op)
    (found,) = (held for held in holders_of(xp, one) if held.name == holder)
    dtype = dtype_of(one, found, usual_dtype(one, one.cases[0]))
    return outcome_of(one, held_case(one, found), xp, device, dtype, HELD)


def is_caught(xp: Backend, device: str, op: str, holder: str) -> bool:
    return outcome(xp, device, op, holder).status == "fail"


# --- The list ------------------------------------------------------------------------------------


@pytest.mark.once
def test_every_holder_says_what_it_is():
    for framework in ("numpy", "torch", "jax", "tensorflow"):
        names = [one.name for one in HOLDERS if one.framework in ("*", framework)]
        assert len(names) == len(set(names)), framework
    assert all(one.summary for one in HOLDERS)


def test_an_everyday_run_meets_every_holder(backend):
    wanted = {one.name for each in entries() for one in holders_of(backend, each)}
    assert wanted == {holder_in_turn(backend, each).name for each in entries()}


def test_a_whole_run_meets_every_holder_of_every_operation(backend):
    for each in entries():
        trials = [one for one in plan(each, backend, everything=True) if one.mode == HELD]
        assert [one.case.name for one in trials] == [h.name for h in holders_of(backend, each)]


# --- On any framework ----------------------------------------------------------------------------


def test_settings_that_are_not_read_are_caught(backend, device, monkeypatch):
    monkeypatch.setattr(operation, "_setting", lambda x: x)
    assert is_caught(backend, device, "layer_norm", "numpy-numbers")


def test_choices_without_a_sign_that_are_refused_are_caught(backend, device, monkeypatch):
    monkeypatch.setattr(operation, "_choice", lambda xp, like, x, counts: x)
    assert is_caught(backend, device, "cross_entropy", "unsigned")


def test_mappings_that_are_taken_for_no_dictionary_are_caught(backend, device, monkeypatch):
    monkeypatch.setattr(expect, "Mapping", dict)
    monkeypatch.setattr(holders, "Mapping", dict)
    monkeypatch.setattr(holders, "_readers", {})
    assert is_caught(backend, device, "feed_forward", "mapping")


# --- On one framework: what is planted, by an adapter's name -------------------------------------


def numpys_choices(xp, patch):
    patch.setattr(operation, "_choice", lambda xp, like, x, counts: x)


def parameters_of_no_type(xp, patch):
    """The registry asks a type for its module, which Dynamo cannot trace for a parameter."""
    find = operation.find

    def broken(x):
        return find(x) if type(x).__module__.partition(".")[0] else None

    for module in (operation, expect):
        patch.setattr(module, "find", broken)


def autocast_stays_on(xp, patch):
    patch.setattr(type(xp), "autocast_off", lambda self, x: None)


def autocast_is_off_without_casts(xp, patch):
    patch.setattr(operation, "_cast_like_first", lambda xp, given, may: given)


def traced_counts_as_concrete(xp, patch):
    patch.setattr(type(xp), "is_concrete", lambda self, x: x.device.type == "cpu")


def values_are_read_inside_transforms(xp, patch):
    patch.setattr(type(xp), "to_numpy", lambda self, x: x.detach().numpy().copy())


def subclasses_are_nobodys(xp, patch):
    import torch

    patch.setattr(type(xp), "owns", lambda self, x: type(x) in (torch.Tensor, torch.nn.Parameter))


def parameter_dicts_are_no_dictionaries(xp, patch):
    patch.setitem(holders._PACKAGES, "torch", lambda torch, kind: None)
    patch.setattr(holders, "_readers", {})


def made_like_its_like(xp, patch):
    """In the placement of an array of another shape."""
    import jax
    import jax.numpy as jnp

    def arange(self, stop, *, like):
        made = jnp.arange(stop, dtype=self.index_dtype)
        traced = isinstance(made, jax.core.Tracer) or isinstance(like, jax.core.Tracer)
        return made if traced else jax.device_put(made, like.sharding)

    patch.setattr(type(xp), "arange", arange)


def ranks_are_promoted(xp, patch):
    from einport.ops import attention

    patch.setattr(attention, "to_rank", lambda xp, x, rank: x)


def sparse_gradients(xp, patch):
    import tensorflow as tf

    def take(self, x, indices, axis, *, in_range=False):
        return tf.gather(x, indices, axis=axis)

    patch.setattr(type(xp), "take", take)


def variables_are_not_read(xp, patch):
    import tensorflow as tf

    patch.setitem(holders._PACKAGES, "tensorflow", lambda tf, kind: None)
    patch.setattr(holders, "_readers", {})
    patch.setattr(backends, "_by_type", {})
    patch.setattr(type(xp), "owns", lambda self, x: isinstance(x, tf.Tensor))


def variables_of_keras_are_not_read(xp, patch):
    patch.setitem(holders._PACKAGES, "keras", lambda keras, kind: None)
    if xp.name == "tensorflow":
        variables_are_not_read(xp, patch)
    patch.setattr(holders, "_readers", {})


def variables_are_read_past_keras_autocast(xp, patch):
    def find(keras, kind):
        return (lambda x: x._value) if issubclass(kind, keras.Variable) else None

    patch.setitem(holders._PACKAGES, "keras", find)
    patch.setattr(holders, "_readers", {})


def parameters_of_flax_are_not_read(xp, patch):
    patch.setitem(holders._PACKAGES, "flax", lambda flax, kind: None)
    patch.setattr(holders, "_readers", {})


def subclasses_are_arrays(xp, patch):
    patch.setattr(backends, "_by_type", {})
    patch.setattr(type(xp), "owns", lambda self, x: type(x) is np.ndarray)
    patch.setitem(holders._PACKAGES, "numpy", lambda np, kind: None)
    patch.setattr(holders, "_readers", {})


def warnings_come_through(xp, patch):
    patch.setattr(type(xp), "quiet", lambda self: None)
    patch.setattr(type(xp), "exp", lambda self, x: np.asarray(np.exp(x - 1e4)) + np.exp(x))


def written_in_place(xp, patch):
    def maximum(self, x, y):
        x[...] = np.maximum(x, y)
        return x

    patch.setattr(type(xp), "maximum", maximum)
    patch.setattr(type(xp), "widen", lambda self, x: x)


PLANTED = [
    ("torch", parameters_of_no_type, "layer_norm", "module"),
    ("torch", autocast_stays_on, "multi_head_attention", "autocast-narrow"),
    ("torch", autocast_stays_on, "einsum", "autocast-wide"),
    ("torch", autocast_stays_on, "matrix_multiply", "autocast-wide"),
    ("torch", autocast_is_off_without_casts, "conv2d", "autocast-narrow"),
    ("torch", traced_counts_as_concrete, "moe_layer", "jit-trace"),
    ("torch", traced_counts_as_concrete, "moe_layer", "make-fx"),
    ("torch", values_are_read_inside_transforms, "cross_entropy", "functional"),
    ("torch", subclasses_are_nobodys, "softmax", "subclass"),
    ("torch", parameter_dicts_are_no_dictionaries, "feed_forward", "parameter-dict"),
    ("jax", numpys_choices, "collect_rows", "numpy-choices"),
    ("jax", made_like_its_like, "conv2d", "sharded"),
    ("jax", ranks_are_promoted, "feed_forward", "strict"),
    ("tensorflow", numpys_choices, "collect_rows", "numpy-choices"),
    ("tensorflow", sparse_gradients, "collect_rows", "variable"),
    ("tensorflow", variables_are_not_read, "softmax", "variable"),
    *(
        (framework, variables_of_keras_are_not_read, "layer_norm", "keras")
        for framework in ("torch", "jax", "tensorflow")
    ),
    *(
        (framework, variables_are_read_past_keras_autocast, "layer_norm", "keras-mixed")
        for framework in ("torch", "jax", "tensorflow")
    ),
    ("tensorflow", sparse_gradients, "collect_rows", "keras"),
    ("jax", parameters_of_flax_are_not_read, "layer_norm", "nnx"),
    ("jax", parameters_of_flax_are_not_read, "layer_norm", "linen"),
    ("numpy", subclasses_are_arrays, "softmax", "memmap"),
    ("numpy", warnings_come_through, "softmax", "strict"),
    ("numpy", written_in_place, "normalize_rows", "read-only"),
]


def pytest_generate_tests(metafunc):
    """Each planted fault, on its framework."""
    if "planted" in metafunc.fixturenames:
        chosen = [one for one in PLANTED if one[0] in backend_names(metafunc.config)]
        chosen = [one for one in chosen if can_be_held(*one)]
        names = [f"{holder}-{plant.__name__}-{op}" for _, plant, op, holder in chosen]
        metafunc.parametrize("planted", chosen, ids=names)


def can_be_held(framework, plant, op, holder):
    """Whether what holds it is installed; Keras is tried on one framework in a process.

    Keras 3.10 on TensorFlow 2.18 clips sparse gradients rightly, and Dynamo of PyTorch 2.11 traces
    what that of 2.13 does not: there is no fault to catch.
    """
    if plant is parameters_of_no_type and Version(version("torch")) < Version("2.12"):
        return False
    if (
        plant is sparse_gradients
        and holder == "keras"
        and Version(version("tensorflow")) < Version("2.19")
    ):
        return False
    return holder in {one.name for one in holders_of(get_backend(framework), entry(op))}


def test_a_fault_planted_again_is_caught(planted, monkeypatch, request):
    framework, plant, op, holder = planted
    backend = get_backend(framework)
    device = choose_device(backend, request.config.getoption("--device"))
    before = outcome(backend, device, op, holder)
    assert before.status == "pass", before.reason
    plant(backend, monkeypatch)
    assert is_caught(backend, device, op, holder), "the fault passed"


MIXED = """
    import torch.distributed as dist
    from torch.distributed.tensor import init_device_mesh

    from einport.backends import _torch_dtensor
    from einport.catalog import entry
    from einport.suite.holders.torch_dtensor import _try

    dist.init_process_group("gloo", init_method="file://{file}", rank=0, world_size=1)
    mesh = init_device_mesh("cpu", (1,))
    print(_try(mesh, entry("conv2d"), "float32").compared > 0)
    _torch_dtensor.beside = lambda made, like: made
    try:
        _try(mesh, entry("conv2d"), "float32")
    except RuntimeError as error:
        print(error)
"""


@pytest.mark.einport(applies=lambda one, backend: backend == "torch" and one.name == "conv2d")
def test_what_is_made_for_a_dtensor_and_is_none_is_caught(entry, backend, tmp_path):
    """One process is enough to mix tensors with DTensors."""
    code = textwrap.dedent(MIXED.format(file=tmp_path / "meeting"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    right, *wrong = done.stdout.splitlines()
    assert right == "True", done.stderr
    assert "got mixed torch.Tensor and DTensor" in "".join(wrong)
