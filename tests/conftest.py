"""Fixtures of the project's own tests; `backend` and `device` come from einport's plugin."""

from functools import partialmethod
from importlib.util import find_spec
from inspect import signature

import pytest

from einport import value_checks
from einport.backends import get_backend
from einport.suite.holders import is_keras_backend
from einport.suite.parameters import left_out
from einport.suite.plan import drawn
from einport.suite.plugin import named_backends

pytest.register_assert_rewrite("lab")

MARKERS = (
    "once: what takes no framework in this module is run with NumPy's tests alone, where "
    "frameworks are named, as it would come out the same with each",
    "thorough: run with --all alone, as it takes long and something shorter is like it",
    "at_once: where a framework compiles each step of a call for its shapes, a call of `ops` in "
    "this module is one graph, and so are gradients and maps; but with --all",
    "only(framework): a test of one framework alone, which runs of others do without",
    "sampled: where a framework compiles each step of a call for its shapes, a test of this module "
    "that takes a dtype is run with one in two of them, but with --all",
    "keras: a test of Keras' layers, on the framework that Keras has for its backend",
    "flax: a test of Flax's modules, where Flax is installed",
    "older_than_recorded: not run, as it asks an older framework for what a newer one gave",
)

# The toy framework is another project's package, and the others are programs with a framework of
# their own: only subprocesses may see them.
collect_ignore = ["toy", "jax_mesh.py", "sharded.py"]


def pytest_configure(config: pytest.Config) -> None:
    _keep_streams_apart()
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    named = named_backends(config)
    elsewhere = [item for item in items if _once(item) and named and "numpy" not in named]
    long = [] if config.getoption("--all") else [item for item in items if _long(item)]
    left_out(config, len(long))
    another = [item for item in items if _of_another(item) or _without_layers(item)]
    old = [item for item in items if item.get_closest_marker("older_than_recorded")]
    out = {*elsewhere, *long, *another, *old}
    config.hook.pytest_deselected(items=list(out))
    items[:] = [item for item in items if item not in out]


def _keep_streams_apart() -> None:
    """Let a CliRunner of click 8.1 tell the two streams apart, as click does from 8.2 on."""
    try:
        from click import testing
    except ModuleNotFoundError:
        return
    if "mix_stderr" in signature(testing.CliRunner).parameters:
        apart = partialmethod(testing.CliRunner.__init__, mix_stderr=False)
        testing.CliRunner.__init__ = apart  # type: ignore[method-assign, assignment]
        both = property(lambda result: result.stdout + result.stderr)
        testing.Result.output = both  # type: ignore[method-assign, assignment]


def _once(item: pytest.Item) -> bool:
    given = item.callspec.params if hasattr(item, "callspec") else {}
    takes = {"backend", "on"} & {*getattr(item, "fixturenames", ()), *given}
    return item.get_closest_marker("once") is not None and not takes


def _of_another(item: pytest.Item) -> bool:
    given = item.callspec.params if hasattr(item, "callspec") else {}
    only = item.get_closest_marker("only")
    return only is not None and given.get("backend") not in only.args


def _without_layers(item: pytest.Item) -> bool:
    given = item.callspec.params if hasattr(item, "callspec") else {}
    if item.get_closest_marker("keras") and not is_keras_backend(given.get("backend", "")):
        return True
    return item.get_closest_marker("flax") is not None and find_spec("flax") is None


def pytest_report_header() -> list[str]:
    missing = [name for name in ("keras", "flax") if find_spec(name) is None]
    return [f"left out: tests of layers of {name}, which is not installed" for name in missing]


def _long(item: pytest.Item) -> bool:
    if item.get_closest_marker("thorough"):
        return True
    given = item.callspec.params if hasattr(item, "callspec") else {}
    if not item.get_closest_marker("sampled") or not {"backend", "dtype"} <= set(given):
        return False
    return get_backend(given["backend"]).compiles_eagerly and not drawn(item.name, 2)


@pytest.fixture(autouse=True)
def values_are_checked():
    """On accelerators too: there an index beyond the end would bring down all later tests."""
    with value_checks("always"):
        yield


@pytest.fixture(autouse=True)
def adapters_are_as_they_were(request):
    """No test leaves a method on an adapter itself, where later patches of its class do not reach.

    `monkeypatch` does so when it undoes what was set on an instance.
    """
    yield
    for name in named_backends(request.config):
        xp = get_backend(name)
        for own in [own for own in vars(xp) if callable(getattr(type(xp), own, None))]:
            delattr(xp, own)


@pytest.fixture
def everything(backend, request):
    """Whether a test is to go through all it has: not where each step of a call is compiled."""
    return not backend.compiles_eagerly or request.config.getoption("--all")


@pytest.fixture(autouse=True)
def ops_at_once(request, monkeypatch):
    """What the marker `at_once` says."""
    if "backend" in request.fixturenames and request.node.get_closest_marker("at_once"):
        from lab import AtOnce

        backend = request.getfixturevalue("backend")
        if not request.getfixturevalue("everything"):
            monkeypatch.setattr(request.module, "ops", AtOnce(backend))
            for name in ("value_and_grad", "vmap"):
                monkeypatch.setattr(backend, name, _compiled(backend, getattr(backend, name)))


def _compiled(backend, transform):
    return lambda fn: backend.compile(transform(fn))


@pytest.fixture
def lab(backend, device, request):
    """The framework under test, with the test's `dtype` made available if it has one."""
    from lab import Lab

    dtype = request.node.callspec.params.get("dtype", "float32")
    with backend.dtype_scope(dtype):
        yield Lab(backend, device, dtype)
