"""The pytest plugin: options, fixtures, and the rules that no test may get around."""

from __future__ import annotations

import pytest

from ..backends import Backend, available_backends, get_backend


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--backend` and `--device`."""
    group = parser.getgroup("einport")
    group.addoption(
        "--backend",
        action="append",
        metavar="NAME",
        help="run on this framework; repeat it, or part names by commas (default: all installed)",
    )
    group.addoption(
        "--device",
        metavar="NAME",
        help="run on this device: cpu, cuda, gpu, tpu, cuda:1 … (default: cpu)",
        default="cpu",
    )


def backend_names(config: pytest.Config) -> list[str]:
    """The names that `--backend` gave, or all that are installed."""
    given: list[str] = config.getoption("--backend") or []
    names = [name for item in given for name in item.split(",") if name]
    return names or list(available_backends())


def choose_device(backend: Backend, wanted: str) -> str:
    """The framework's first device of the kind `wanted`.

    Raises:
        ValueError: It has none.
    """
    for device in backend.devices():
        if device == wanted or device.split(":")[0] == wanted:
            return device
    raise ValueError(
        f"{backend.title} has no device {wanted!r} here (it has {', '.join(backend.devices())})"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse an unknown framework or device before anything runs."""
    try:
        for name in config.getoption("--backend") and backend_names(config) or []:
            choose_device(get_backend(name), config.getoption("--device"))
    except (ValueError, ImportError) as error:
        raise pytest.UsageError(str(error)) from error


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test that takes `backend` every chosen framework."""
    if "backend" in metafunc.fixturenames:
        names = backend_names(metafunc.config)
        metafunc.parametrize("backend", names, indirect=True, scope="session")


@pytest.fixture(scope="session")
def backend(request: pytest.FixtureRequest) -> Backend:
    """The adapter under test."""
    return get_backend(request.param)


@pytest.fixture(scope="session")
def device(request: pytest.FixtureRequest, backend: Backend) -> str:
    """The device under test."""
    return choose_device(backend, request.config.getoption("--device"))
