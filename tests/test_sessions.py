"""The sessions of the noxfile: what each is called, and what it does before pytest starts."""

import ast
import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).parent.parent
NOXFILE = ROOT / "noxfile.py"


class SessionEndError(Exception):
    """What `session.error` raises."""


class Session:
    """A session that keeps what it was told to do."""

    def __init__(self, name: str, *posargs: str) -> None:
        self.name, self.posargs = name, list(posargs)
        self.cache_dir = Path("cache")
        self.done: list[tuple[str, ...]] = []

    def install(self, *arguments: str) -> None:
        self.done.append(("install", *arguments))

    def run(self, *command: str, env: object = None) -> None:
        self.done.append(command)

    def warn(self, message: str) -> None:
        self.done.append(("warn", message))

    def error(self, message: str) -> None:
        raise SessionEndError(message)


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The functions of the noxfile by the names of their sessions, without nox."""
    found: dict[str, Any] = {}

    def session(function: Any = None, **how: Any) -> Any:
        def keep(function: Any) -> Any:
            name = how.get("name", function.__name__)
            found[name] = SimpleNamespace(function=function, how=how)
            return function

        return keep if function is None else keep(function)

    nox = ModuleType("nox")
    nox.session, nox.options = session, SimpleNamespace()  # type: ignore[attr-defined]
    nox.Session = Session  # type: ignore[attr-defined]
    nox.parametrize = lambda *_: lambda function: function  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "nox", nox)
    exec(compile(NOXFILE.read_text(), NOXFILE, "exec"), {"__name__": "noxfile"})
    return found


def commands(sessions: dict[str, Any], name: str, *posargs: str, **given: str) -> list[list[str]]:
    """What a session does."""
    session = Session(name, *posargs)
    sessions[name].function(session, **given)
    return [list(command) for command in session.done]


def test_each_session_says_in_one_line_what_it_does(sessions: dict[str, Any]) -> None:
    for name, session in sessions.items():
        first, *more = (session.function.__doc__ or "").strip().splitlines()
        assert first.endswith("."), name
        assert not more, name
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)


def test_every_session_is_found_by_the_tests_of_this_file(sessions: dict[str, Any]) -> None:
    tree = ast.parse(NOXFILE.read_text())
    made = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)]
    decorated = [
        one for one in made if any("nox.session" in ast.unparse(d) for d in one.decorator_list)
    ]
    assert len(decorated) == len(sessions)


@pytest.mark.parametrize("framework", ["numpy", "torch", "jax", "tensorflow"])
def test_the_oldest_python_and_build_backend_go_with_the_oldest_versions(
    sessions: dict[str, Any], framework: str
) -> None:
    lowest = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert f">={sessions['tests-oldest'].how['python']}" == lowest
    install, *_ = commands(sessions, "tests-oldest", framework=framework)
    given = dict(zip(install[1::2], install[2::2], strict=False))
    assert given["--constraint"] == f"constraints/oldest-{framework}.txt"
    assert given["--build-constraint"] == "constraints/oldest-build.txt"


def test_the_oldest_tools_of_the_browser_look_at_pages_too(
    sessions: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    install, _, look = commands(sessions, "tests-oldest", "-x", framework="numpy")
    assert install[-1] == ".[cli,pages,suite,browser]"
    assert look == ["python", "-m", "pytest", "browser"]


@pytest.mark.parametrize(
    ("name", "requirement", "check"),
    [
        ("tests-torch-cuda", "torch", ["torch", "cuda"]),
        ("tests-jax-cuda", "jax[cuda13]", ["jax", "gpu"]),
        ("tests-jax-tpu", "jax[tpu]", ["jax", "tpu"]),
        ("tests-tensorflow-cuda", "tensorflow[and-cuda]", ["tensorflow", "gpu"]),
    ],
)
def test_a_session_for_an_accelerator_looks_for_it_before_pytest_starts(
    sessions: dict[str, Any], name: str, requirement: str, check: list[str]
) -> None:
    assert sessions[name].how["default"] is False
    install, look, test = commands(sessions, name, "-k", "moe")
    assert requirement in install
    assert f"constraints/{name.removeprefix('tests-')}.txt" in install
    assert look == ["python", "-m", "einport.suite.devices", *check]
    assert test[:3] == ["python", "-m", "pytest"]
    assert test[-4:] == ["--device", check[1], "-k", "moe"]


def test_a_device_that_is_named_is_the_one_that_is_looked_for(sessions: dict[str, Any]) -> None:
    _, look, test = commands(sessions, "tests-jax-cuda", "--device=gpu:1")
    assert look[-1] == "gpu:1"
    assert test[-3:] == ["--device", "gpu:1", "--device=gpu:1"]


@pytest.mark.parametrize(
    ("name", "device", "other"),
    [
        ("tests-jax", "gpu", "tests-jax-cuda"),
        ("tests-jax", "cuda:1", "tests-jax-cuda"),
        ("tests-jax", "tpu", "tests-jax-tpu"),
        ("tests-torch", "cuda", "tests-torch-cuda"),
        ("tests-tensorflow", "gpu:0", "tests-tensorflow-cuda"),
    ],
)
@pytest.mark.parametrize(
    "form", [["--device", "{}"], ["--device={}"], ["-k", "moe", "--device={}"]]
)
def test_a_session_without_the_wheels_names_the_one_that_has_them(
    sessions: dict[str, Any], name: str, device: str, other: str, form: list[str]
) -> None:
    session = Session(name, *(part.format(device) for part in form))
    with pytest.raises(SessionEndError, match=f"no wheels for {device}: nox -s {other} has them"):
        sessions[name].function(session)
    assert session.done == []
    assert other in sessions


@pytest.mark.parametrize("which", ["tests-latest", "tests-oldest"])
def test_so_do_the_sessions_of_other_versions(sessions: dict[str, Any], which: str) -> None:
    with pytest.raises(SessionEndError, match="nox -s tests-jax-cuda"):
        commands(sessions, which, "--device", "gpu", framework="jax")


@pytest.mark.parametrize("device", ["cpu", "cpu:1", "mps"])
def test_a_device_that_needs_no_other_wheels_is_left_to_pytest(
    sessions: dict[str, Any], device: str
) -> None:
    _, test = commands(sessions, "tests-torch", "--device", device)
    assert test[-2:] == ["--device", device]


@pytest.mark.parametrize("name", ["pages", "tests-oldest"])
@pytest.mark.parametrize(("chromium", "ci"), [(True, False), (False, False), (False, True)])
def test_without_chromium_pages_are_tested_without_a_browser_but_not_in_ci(
    sessions: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    chromium: bool,
    ci: bool,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr("shutil.which", lambda name: "/a/browser" if chromium else None)
    if ci:
        monkeypatch.setenv("CI", "true")
    given = {"framework": "numpy"} if name == "tests-oldest" else {}
    done = commands(sessions, name, **given)
    warned = [command[1] for command in done if command[0] == "warn"]
    assert any("browser" in command for command in done) is (chromium or ci)
    if chromium or ci:
        assert not warned
    else:
        (line,) = warned
        assert "apt-get install chromium" in line
        assert name != "pages" or "tests/test_pages.py" in done[-1]
