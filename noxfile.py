"""How einport is tested: a session a framework, each in an environment with that one alone.

    nox                                           all of it, on the processor
    nox -s tests-torch                            one framework
    nox -s tests-torch -- -k moe                  what follows `--` goes to pytest
    nox -s tests-torch-cuda                       one framework on an accelerator
    nox -t style                                  by tag

Environments take the pins of `constraints/`, so that a run gives next year what it gives today, and
are used again. `tests-oldest` takes the lowest versions that pyproject.toml admits, `tests-latest`
what the package index has, each in a new one each time.
"""

import os
import shutil
from argparse import ArgumentParser
from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = True  # rather than pass over the session

Options = tuple[str, ...]

FRAMEWORKS = ("torch", "jax", "tensorflow")
OLDEST_PYTHON = "3.11"  # of `requires-python`
ACCELERATED = {
    "torch": {"cuda": "tests-torch-cuda", "gpu": "tests-torch-cuda"},
    "jax": {"cuda": "tests-jax-cuda", "gpu": "tests-jax-cuda", "tpu": "tests-jax-tpu"},
    "tensorflow": {"cuda": "tests-tensorflow-cuda", "gpu": "tests-tensorflow-cuda"},
}
"""The sessions with the wheels for a kind of device; all others have those for the processor."""
LAYERS = {"torch": ("keras",), "jax": ("flax", "keras"), "tensorflow": ("keras",)}
"""The dependency groups of the libraries whose layers hold a framework's arrays in the suite."""
DOCTESTS = ("--doctest-modules", "einport/ops", "einport/patterns", "einport/backends/__init__.py")
# Each module of these can be imported with its framework alone.
NO_DOCTESTS = ("--ignore", "einport/suite/drivers", "--ignore", "einport/suite/holders")
SITE = "build/site"
# Frameworks work on small arrays with one core. Tests of one operation, or of one module, go to the
# same process, which keeps what the oracle gave and what was compiled.
TWO_AT_ONCE = ("--numprocesses", "2", "--dist", "loadgroup")


def layers(framework: str) -> Options:
    """What pip is told to install the libraries of layers."""
    return tuple(word for group in LAYERS.get(framework, ()) for word in ("--group", group))


def install(session: nox.Session, *extras: str, pins: str | None, also: Options = ()) -> None:
    """Install einport and its extras, under the constraints file of that name if there is one.

    `also` is what else pip is told in the same command.
    """
    constraint = ["--constraint", f"constraints/{pins}.txt"] if pins else []
    session.install(*constraint, *also, "--editable", f".[{','.join(extras)}]")


def environment(session: nox.Session) -> dict[str, str]:
    """Quiet frameworks, and folders in which their compilers keep what they have made.

    The second run of a session takes what the first has compiled; no run needs it.
    """
    caches = session.cache_dir.resolve()
    return {
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONDONTWRITEBYTECODE": "",  # pytest would rewrite every module anew in each process
        "TORCHINDUCTOR_CACHE_DIR": str(caches / "torch"),
        "JAX_COMPILATION_CACHE_DIR": str(caches / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }


def run_tests(session: nox.Session, backend: str, *options: str) -> None:
    """The project's tests, the examples in docstrings, and the suite, on one framework."""
    what = ["tests", *DOCTESTS, *NO_DOCTESTS, "--pyargs", "einport.suite"]
    what += ["--backend", backend, *TWO_AT_ONCE, *options]
    session.run("python", "-m", "pytest", *what, *session.posargs, env=environment(session))


def device_asked_for(session: nox.Session) -> str | None:
    """The device that the arguments after `--` name."""
    parser = ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--device", nargs="?")  # pytest says it where the name is missing
    found: str | None = parser.parse_known_args(session.posargs)[0].device
    return found


def prove(
    session: nox.Session, backend: str, *extras: str, pins: str | None, also: Options = ()
) -> None:
    """Install a framework for the processor, and prove every operation on it.

    An accelerator is refused before anything is installed: the framework would not see it.
    """
    device = device_asked_for(session)
    other = ACCELERATED.get(backend, {}).get((device or "").partition(":")[0])
    if other:
        session.error(f"this session has no wheels for {device}: nox -s {other} has them")
    own = () if backend == "numpy" else (backend,)
    also = (*also, *layers(backend))
    install(session, "cli", "pages", "suite", *own, *extras, pins=pins, also=also)
    run_tests(session, backend)


def prove_on(session: nox.Session, kind: str, backend: str, requirement: str) -> None:
    """Install a framework for a kind of device, say which there are, and run the tests on one.

    The first device of the kind is taken, or the one that `--device` after `--` names. Without one
    the session fails.
    """
    more = ("--constraint", f"constraints/{session.name.removeprefix('tests-')}.txt")
    also = (*more, *layers(backend), requirement)
    install(session, "cli", "pages", "suite", backend, pins=backend, also=also)
    device = device_asked_for(session) or kind
    check = ["python", "-m", "einport.suite.devices", backend, device]
    session.run(*check, env=environment(session))
    run_tests(session, backend, "--device", device)


def test_in_browser(session: nox.Session, *options: str) -> bool:
    """Test pages in a headless Chromium; False where there is none, which `CI` does not admit."""
    names = (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    found = "CI" in os.environ or any(shutil.which(name) for name in names if name)
    if found:  # with CI and no Chromium, these tests fail
        session.run("python", "-m", "pytest", "browser", *options, env=environment(session))
    else:
        how = "apt-get install chromium, or name one in CHROMIUM"
        session.warn(f"left out the tests in a browser, as there is no Chromium: {how}")
    return found


@nox.session(name="tests-numpy", tags=["tests"])
def tests_numpy(session: nox.Session) -> None:
    """Prove every operation on NumPy."""
    prove(session, "numpy", pins="numpy")


@nox.session(name="tests-torch", tags=["tests"])
def tests_torch(session: nox.Session) -> None:
    """Prove every operation on PyTorch."""
    prove(session, "torch", pins="torch")


@nox.session(name="tests-jax", tags=["tests"])
def tests_jax(session: nox.Session) -> None:
    """Prove every operation on JAX."""
    prove(session, "jax", pins="jax")


@nox.session(name="tests-tensorflow", tags=["tests"])
def tests_tensorflow(session: nox.Session) -> None:
    """Prove every operation on TensorFlow."""
    prove(session, "tensorflow", pins="tensorflow")


@nox.session(tags=["parity"])
def parity(session: nox.Session) -> None:
    """Compare all four frameworks with each other, in one process."""
    install(session, "cli", "suite", *FRAMEWORKS, pins="parity")
    chosen = ["--backend", ",".join(("numpy", *FRAMEWORKS))]
    what = ["--pyargs", "einport.suite.parity", *chosen, *TWO_AT_ONCE]
    session.run("python", "-m", "pytest", *what, *session.posargs, env=environment(session))


@nox.session(tags=["pages"])
def pages(session: nox.Session) -> None:
    """Write the site to build/site, and test it in a headless Chromium, or without a browser."""
    install(session, "cli", "pages", "suite", "browser", *FRAMEWORKS, pins="parity")
    Path(SITE).parent.mkdir(exist_ok=True)
    session.run("einport", "pages", SITE, "--force", env=environment(session))
    if not test_in_browser(session, "--site", SITE, *session.posargs):
        what = ["tests/test_pages.py", "--backend", "numpy", *session.posargs]
        session.run("python", "-m", "pytest", *what, env=environment(session))


@nox.session(tags=["style"])
def lint(session: nox.Session) -> None:
    """Check formatting and style with ruff."""
    session.install("--constraint", "constraints/style.txt", "ruff")
    session.run("ruff", "format", "--check", *session.posargs)
    session.run("ruff", "check", *session.posargs)


@nox.session(tags=["style"])
def typecheck(session: nox.Session) -> None:
    """Check the package's types with mypy, strictly."""
    session.install("--constraint", "constraints/style.txt", "mypy")
    install(session, "cli", "pages", "suite", pins="numpy")
    session.run("mypy", *session.posargs)


@nox.session(name="tests-latest", tags=["latest"], default=False, reuse_venv=False)
@nox.parametrize("framework", ["numpy", *FRAMEWORKS])
def tests_latest(session: nox.Session, framework: str) -> None:
    """Prove every operation on a framework's newest release, without pins."""
    prove(session, framework, pins=None)


@nox.session(
    name="tests-oldest", tags=["oldest"], default=False, reuse_venv=False, python=OLDEST_PYTHON
)
@nox.parametrize("framework", ["numpy", *FRAMEWORKS])
def tests_oldest(session: nox.Session, framework: str) -> None:
    """Prove every operation on the lowest versions that pyproject.toml admits."""
    build = ("--build-constraint", "constraints/oldest-build.txt")
    extras = ("browser",) if framework == "numpy" else ()  # the small site needs no other
    prove(session, framework, *extras, pins=f"oldest-{framework}", also=build)
    if extras:
        test_in_browser(session)


@nox.session(name="tests-torch-cuda", tags=["accelerators"], default=False)
def tests_torch_cuda(session: nox.Session) -> None:
    """Prove every operation on PyTorch, on an NVIDIA GPU."""
    prove_on(session, "cuda", "torch", "torch")


@nox.session(name="tests-jax-cuda", tags=["accelerators"], default=False)
def tests_jax_cuda(session: nox.Session) -> None:
    """Prove every operation on JAX, on an NVIDIA GPU."""
    prove_on(session, "gpu", "jax", "jax[cuda13]")


@nox.session(name="tests-jax-tpu", tags=["accelerators"], default=False)
def tests_jax_tpu(session: nox.Session) -> None:
    """Prove every operation on JAX, on a TPU."""
    prove_on(session, "tpu", "jax", "jax[tpu]")


@nox.session(name="tests-tensorflow-cuda", tags=["accelerators"], default=False)
def tests_tensorflow_cuda(session: nox.Session) -> None:
    """Prove every operation on TensorFlow, on an NVIDIA GPU."""
    prove_on(session, "gpu", "tensorflow", "tensorflow[and-cuda]")
