"""Finding the adapter of an array or of a name, without importing what nobody asked for."""

import inspect
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from einport import available_backends, backend_of, backends, get_backend
from einport.backends import Backend, find

HERE = Path(__file__).parent
FRAMEWORKS = ("numpy", "torch", "jax", "tensorflow")
PUBLIC = [name for name in vars(Backend) if not name.startswith("_")]


def python(code, *arguments, toy=False):
    """Run code in a process of its own, where nothing is imported yet; its output."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    if toy:
        environment["PYTHONPATH"] = str(HERE / "toy")
    command = [sys.executable, *(arguments or ("-c", textwrap.dedent(code)))]
    done = subprocess.run(
        command, env=environment, cwd=HERE.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# --- The adapters keep the contract --------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in PUBLIC if inspect.isfunction(vars(Backend)[n])])
def test_signatures_are_the_contracts(backend, name):
    theirs = inspect.signature(getattr(type(backend), name))
    assert theirs == inspect.signature(getattr(Backend, name))


def test_an_adapter_adds_nothing_public(backend):
    assert [name for name in vars(type(backend)) if not name.startswith("_")]
    extra = {name for name in dir(type(backend)) if not name.startswith("_")} - set(dir(Backend))
    assert extra <= {"name", "title", "module"}  # declared by the base, given by the adapter


def test_every_primitive_says_what_it_does():
    assert len(PUBLIC) > 40
    for name in PUBLIC:
        member = vars(Backend)[name]
        if callable(member) or isinstance(member, property):
            assert inspect.getdoc(member), name


def test_gaps_are_declared_with_reasons(backend):
    assert isinstance(backend.gaps, tuple)
    assert all(gap.reason and gap.op for gap in backend.gaps)


# --- By name -------------------------------------------------------------------------------------


def test_get_backend(backend):
    assert isinstance(backend, Backend)
    assert get_backend(backend.name) is backend
    assert backend.name in available_backends()


@pytest.mark.parametrize(
    ("wrong", "near"),
    [("tensorflwo", "tensorflow"), ("pytorch", "torch"), ("nunpy", "numpy"), ("jaxx", "jax")],
)
def test_an_unknown_name_is_refused_with_the_nearest(wrong, near):
    with pytest.raises(ValueError, match=f"named '{wrong}'; did you mean '{near}'"):
        get_backend(wrong)


def test_a_name_like_no_other_is_refused_with_all():
    with pytest.raises(ValueError, match="known: numpy, torch, jax, tensorflow"):
        get_backend("zzz")


BLOCKED = """
    import sys

    class Blocker:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] == {module!r}:
                raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

    sys.meta_path.insert(0, Blocker())
"""


@pytest.mark.parametrize("name", FRAMEWORKS[1:])
def test_a_framework_that_is_not_installed(name):
    code = (
        BLOCKED.format(module=name)
        + f"""
    from einport import available_backends, get_backend

    try:
        get_backend({name!r})
    except ImportError as error:
        print(error)
    """
    )
    assert f"python -m pip install 'einport[{name}]'" in python(code)


@pytest.mark.parametrize("name", FRAMEWORKS[1:])
def test_what_a_framework_itself_lacks_is_not_hidden(name):
    """A framework that is there but breaks on import must say so in its own words."""
    code = f"""
    import sys
    from importlib.machinery import ModuleSpec

    class Broken:
        def find_spec(self, name, path=None, target=None):
            return ModuleSpec(name, self) if name == {name!r} else None
        def create_module(self, spec):
            return None
        def exec_module(self, module):
            import what_it_needs

    sys.meta_path.insert(0, Broken())
    from einport import get_backend

    try:
        get_backend({name!r})
    except ImportError as error:
        print(error.name)
    """
    assert python(code).strip() == "what_it_needs"


# --- By array ------------------------------------------------------------------------------------


def arrays_of(xp):
    """Arrays in all the types that a framework has for them."""
    x = xp.asarray([1.0, 2.0], "float32")
    if xp.name == "numpy":
        return [x, x.view(np.memmap), np.array(1.0), np.array([True])]
    if xp.name == "torch":
        import torch

        class Special(torch.Tensor):
            pass

        return [x, torch.nn.Parameter(x), x.as_subclass(Special), x.to("meta"), x[0]]
    if xp.name == "tensorflow":
        import tensorflow as tf

        return [x, tf.Variable(x), tf.constant([True]), x[0]]
    return [x, x[0]]


def traced(xp, look):
    """Call `look` with the arguments that functions get while they are traced or mapped."""
    x = xp.asarray([[1.0, 2.0]], "float32")
    if xp.name == "jax":
        import jax

        jax.jit(look)(x)
        jax.vmap(look)(x)
        jax.grad(lambda y: look(y).sum())(x)
    elif xp.name == "torch":
        import torch

        torch.func.vmap(look)(x)
        torch.func.grad(lambda y: look(y).sum())(x)
    elif xp.name == "tensorflow":
        import tensorflow as tf

        tf.function(look, autograph=False)(x)
        tf.vectorized_map(look, x)
    else:
        look(x)


def test_backend_of_arrays_of_every_type(backend):
    for x in arrays_of(backend):
        assert backend_of(x) is backend, type(x)
        assert backend_of(x, x) is backend


def test_backend_of_traced_arrays(backend):
    seen = []

    def look(x):
        seen.append(backend_of(x, x))
        return x

    traced(backend, look)
    assert seen
    assert all(found is backend for found in seen)


@pytest.mark.parametrize(
    "thing", [None, 1, 1.0, True, "x", [1.0], (1.0,), {}, np.float32(1), np.int64(1), np.bool_(1)]
)
def test_what_is_no_array_is_refused(backend, thing):
    x = backend.asarray([1.0])
    assert find(thing) is None
    for arguments in ((thing,), (x, thing), (thing, x)):
        with pytest.raises(TypeError, match="is not an array"):
            backend_of(*arguments)


@pytest.mark.once
@pytest.mark.parametrize("kind", [np.ma.MaskedArray, np.matrix, np.recarray])
def test_numpy_arrays_that_mean_something_else_are_refused(kind):
    x = np.zeros((2, 2)).view(kind)
    assert find(x) is None
    with pytest.raises(TypeError, match=f"a {kind.__name__} is not an array"):
        backend_of(x)


def test_a_numpy_scalar_is_called_one():
    with pytest.raises(TypeError, match=r"a NumPy scalar \(float32\) is not an array"):
        backend_of(np.float32(1))


def test_arrays_are_needed():
    with pytest.raises(TypeError, match="at least one"):
        backend_of()


def test_arrays_of_two_frameworks_are_refused(backend):
    x, y = backend.asarray([1.0], "float32"), np.ones(1)
    if backend.name == "numpy":
        assert backend_of(x, y) is backend
        return
    with pytest.raises(TypeError, match=f"{backend.title} and NumPy"):
        backend_of(x, y)
    with pytest.raises(TypeError, match=f"NumPy and {backend.title}"):
        backend_of(y, y, x)


def test_an_answer_is_kept_by_type(backend, monkeypatch):
    """The second time, adapters are not asked one after the other."""

    def asked(x):
        raise AssertionError("asked again")

    x = backend.asarray([1.0], "float32")
    assert backend_of(x) is backend
    monkeypatch.setattr(backends, "_search", asked)
    assert backend_of(backend.asarray([[2.0]], "float32")) is backend
    assert find(x) is backend


# --- Nothing is imported before it is needed -----------------------------------------------------


@pytest.mark.parametrize("module", ["einport", "einport.ops", "einport.backends"])
def test_importing_einport_imports_no_framework(module):
    code = f"""
    import sys
    import {module}

    print(sorted({{*{FRAMEWORKS!r}, "toyframework"}} & set(sys.modules)))
    """
    assert python(code, toy=True).strip() == "[]"


def test_asking_for_one_framework_imports_no_other(backend):
    code = f"""
    import sys
    from einport import available_backends, backend_of, get_backend

    available_backends()
    assert not {{*{FRAMEWORKS!r}}} & set(sys.modules)
    import {backend.name}  # TensorFlow imports JAX by itself, where it is installed
    others = {{"torch", "jax", "tensorflow", "toyframework"}} - set(sys.modules)
    xp = get_backend({backend.name!r})
    assert backend_of(xp.asarray([1.0], "float32")) is xp
    print("toyframework" in others, others & set(sys.modules))
    """
    assert python(code, toy=True).strip().splitlines()[-1] == "True set()"


# --- Another package's framework -----------------------------------------------------------------


def test_a_framework_registers_itself():
    code = """
    import sys
    import numpy as np
    import einport
    from einport import available_backends, backend_of, get_backend

    assert "toy" in available_backends()
    assert backend_of(np.ones(2)).name == "numpy"
    assert "toyframework" not in sys.modules
    toy = get_backend("toy")
    assert get_backend("toy") is toy
    print(toy, toy.title, toy.version())
    """
    assert python(code, toy=True).strip() == "<einport backend toy> Toy 1.0"


def test_its_arrays_are_found_by_their_type():
    code = """
    import numpy as np
    import toyframework
    from einport import backend_of
    from einport.ops import transpose_matrices

    x = toyframework.Array([[1.0, 2.0]])
    print(backend_of(x), transpose_matrices(x))
    try:
        backend_of(x, np.ones(2))
    except TypeError as error:
        print(error)
    """
    shown = python(code, toy=True).splitlines()
    assert shown[0] == "<einport backend toy> toyframework.Array([[1.0], [2.0]])"
    assert shown[1].endswith("arrays of two frameworks, Toy and NumPy")


def test_its_name_is_among_those_suggested():
    code = """
    from einport import get_backend

    try:
        get_backend("toi")
    except ValueError as error:
        print(error)
    """
    assert "did you mean 'toy'?" in python(code, toy=True)
    assert "'toy'" not in python(code)


def test_its_signatures_are_the_contracts():
    code = f"""
    import inspect
    from einport.backends import Backend, get_backend

    for name in {PUBLIC!r}:
        member = inspect.getattr_static(Backend, name)
        if inspect.isfunction(member):
            theirs = inspect.signature(getattr(type(get_backend("toy")), name)).parameters
            assert list(theirs) == list(inspect.signature(member).parameters), name
            print(name)
    """
    assert len(python(code, toy=True).split()) > 40


@pytest.mark.once
def test_it_passes_the_suite():
    arguments = ["-m", "pytest", "-p", "no:cacheprovider", "-q", "--pyargs", "einport.suite"]
    arguments += ["--backend", "toy", "-k", "rearranging or top_k_gating or group_tokens"]
    shown = python("", *arguments, toy=True)
    assert " passed" in shown.splitlines()[-1]
    assert "failed" not in shown.splitlines()[-1].replace("xfailed", "")


@pytest.mark.only("torch")
def test_the_first_array_of_all_may_come_while_dynamo_traces(backend):
    """The adapter is loaded then, and later calls take the same graph."""
    code = """
    from einport.ops import layer_norm, softmax
    import torch
    from torch._dynamo.utils import counters

    weight = torch.nn.Parameter(torch.ones(8))
    call = torch.compile(
        lambda x: softmax(layer_norm(x, weight)), fullgraph=True, backend="eager"
    )
    for i in range(3):
        call(torch.ones(2, 8) + i)
    print(counters["stats"]["unique_graphs"])
    """
    assert python(code).strip() == "1"
