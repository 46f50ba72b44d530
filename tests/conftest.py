"""Fixtures of the project's own tests; `backend` and `device` come from einport's plugin."""

import pytest

from einport.suite.plugin import named_backends

pytest.register_assert_rewrite("lab")

MARKER = (
    "once: what takes no framework in this module is run with NumPy's tests alone, where "
    "frameworks are named, as it would come out the same with each"
)

# The toy framework is another project's package: only subprocesses may see it.
collect_ignore = ["toy"]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    named = named_backends(config)
    if not named or "numpy" in named:
        return
    out = [item for item in items if _once(item)]
    config.hook.pytest_deselected(items=out)
    items[:] = [item for item in items if not _once(item)]


def _once(item: pytest.Item) -> bool:
    takes = getattr(item, "fixturenames", ())
    return item.get_closest_marker("once") is not None and "backend" not in takes


@pytest.fixture
def lab(backend, device, request):
    """The framework under test, with the test's `dtype` made available if it has one."""
    from lab import Lab

    dtype = request.node.callspec.params.get("dtype", "float32")
    with backend.dtype_scope(dtype):
        yield Lab(backend, device, dtype)
