"""How einport is tested: a session a framework, each in an environment with that one alone.

    nox                                           all of it
    nox -s tests-torch                            one framework
    nox -s tests-torch -- --device cuda -k moe    what follows `--` goes to pytest
    nox -t style                                  by tag

Environments take the pins of `constraints/`, so that a run gives next year what it gives today, and
are used again; `tests-latest` takes what the package index has, in a new one each time.
"""

from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"

FRAMEWORKS = ("torch", "jax", "tensorflow")
DOCTESTS = ("--doctest-modules", "einport/ops", "einport/backends/__init__.py")
NO_DOCTESTS = ("--ignore", "einport/suite/drivers")  # each can be imported with its framework alone
SITE = "build/site"
# Frameworks work on small arrays with one core. Tests of one operation, or of one module, go to the
# same process, which keeps what the oracle gave and what was compiled.
TWO_AT_ONCE = ("--numprocesses", "2", "--dist", "loadgroup")


def install(session: nox.Session, *extras: str, pins: str | None) -> None:
    """Install einport and its extras, under the constraints file of that name if there is one."""
    constraint = ["--constraint", f"constraints/{pins}.txt"] if pins else []
    session.install(*constraint, "--editable", f".[{','.join(extras)}]")


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


def run_tests(session: nox.Session, backend: str) -> None:
    """The project's tests, the examples in docstrings, and the suite, on one framework."""
    what = ["tests", *DOCTESTS, *NO_DOCTESTS, "--pyargs", "einport.suite"]
    what += ["--backend", backend, *TWO_AT_ONCE]
    session.run("python", "-m", "pytest", *what, *session.posargs, env=environment(session))


@nox.session(name="tests-numpy", tags=["tests"])
def tests_numpy(session: nox.Session) -> None:
    """Prove every operation on NumPy."""
    install(session, "cli", "pages", "suite", pins="numpy")
    run_tests(session, "numpy")


@nox.session(name="tests-torch", tags=["tests"])
def tests_torch(session: nox.Session) -> None:
    """Prove every operation on PyTorch."""
    install(session, "cli", "pages", "suite", "torch", pins="torch")
    run_tests(session, "torch")


@nox.session(name="tests-jax", tags=["tests"])
def tests_jax(session: nox.Session) -> None:
    """Prove every operation on JAX."""
    install(session, "cli", "pages", "suite", "jax", pins="jax")
    run_tests(session, "jax")


@nox.session(name="tests-tensorflow", tags=["tests"])
def tests_tensorflow(session: nox.Session) -> None:
    """Prove every operation on TensorFlow."""
    install(session, "cli", "pages", "suite", "tensorflow", pins="tensorflow")
    run_tests(session, "tensorflow")


@nox.session(tags=["parity"])
def parity(session: nox.Session) -> None:
    """Compare all four frameworks with each other, in one process."""
    install(session, "cli", "suite", *FRAMEWORKS, pins="parity")
    chosen = ["--backend", ",".join(("numpy", *FRAMEWORKS))]
    what = ["--pyargs", "einport.suite.parity", *chosen, *TWO_AT_ONCE]
    session.run("python", "-m", "pytest", *what, *session.posargs, env=environment(session))


@nox.session(tags=["pages"])
def pages(session: nox.Session) -> None:
    """Write the site to build/site, and look at every page of it in a headless Chromium."""
    install(session, "cli", "pages", "suite", "browser", *FRAMEWORKS, pins="parity")
    Path(SITE).parent.mkdir(exist_ok=True)
    session.run("einport", "pages", SITE, "--force", env=environment(session))
    what = ["browser", "--site", SITE, *session.posargs]
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
    """Prove every operation on the newest release of a framework, without pins."""
    extra = () if framework == "numpy" else (framework,)
    install(session, "cli", "pages", "suite", *extra, pins=None)
    run_tests(session, framework)
