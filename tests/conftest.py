"""Fixtures of the project's own tests; `backend` and `device` come from einport's plugin."""

import pytest

pytest.register_assert_rewrite("lab")

# The toy framework is another project's package: only subprocesses may see it.
collect_ignore = ["toy"]


@pytest.fixture
def lab(backend, device, request):
    """The framework under test, with the test's `dtype` made available if it has one."""
    from lab import Lab

    dtype = request.node.callspec.params.get("dtype", "float32")
    with backend.dtype_scope(dtype):
        yield Lab(backend, device, dtype)
