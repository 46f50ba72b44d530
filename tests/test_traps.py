"""The catalog of traps: every program run again, and the rules that hold for all of them."""

import ast
import builtins
import dis
import inspect
import json
import re
from dataclasses import replace
from importlib import import_module
from types import CodeType

import pytest
from packaging.version import Version

from einport.backends import get_backend
from einport.catalog import entries
from einport.suite.parameters import backend_names
from einport.traps import (
    EINPORT,
    FRAMEWORKS,
    TOPICS,
    Shown,
    Trap,
    __main__,
    _trap,
    running,
    search,
    trap,
    traps,
    traps_of,
)
from einport.traps._trap import recorded

pytestmark = pytest.mark.once

ALL = traps()
EINPORTS = [one for one in ALL if one.einport is not None]

ALIKE = {"causal-with-more-keys": "all do it, and it is seldom what is wanted"}
"""Traps in which all frameworks do the same, and einport too."""

STARTS_A_PROCESS = ("os", "subprocess", "sys")
"""Where a program needs other settings than can be changed once the framework is loaded."""

DTYPES = {"default-float": "the dtype is what differs"}
"""Traps in which only the dtypes differ."""


def pytest_generate_tests(metafunc):
    """A test for each program on each framework under test, and none where there is none."""
    wanted = {"program", "own"} & set(metafunc.fixturenames)
    if not wanted:
        return
    name = wanted.pop()
    runs_on = {
        "program": lambda one, on: on in one.programs,
        "own": lambda one, on: one.shows_einport_on(on),
    }[name]
    pairs = [(one, on) for one in ALL for on in backend_names(metafunc.config) if runs_on(one, on)]
    cases = []
    for one, on in pairs:
        old = name == "program" and not held_to_its_record(one, on)
        marks = [pytest.mark.older_than_recorded] * old
        cases.append(pytest.param(one, on, id=f"{one.name}-{on}", marks=marks))
    metafunc.parametrize([name, "on"], cases)


def held_to_its_record(one, on):
    """Whether a framework is no older than the one whose program gave what is recorded.

    What an older version does is its own affair, as long as einport does the same on it.
    """
    kept = recorded(one).get(on)
    if kept is None:
        return True
    now, then = get_backend(on).version(), kept.version.partition(" ")[0]  # … with Keras 3.15.1
    return Version(now) >= Version(then)


def label(value):
    """What pytest calls a parameter."""
    return value.name if isinstance(value, Trap) else str(value)


# --- What the programs give ----------------------------------------------------------------------


def test_a_program_gives_what_it_gave(program, on) -> None:
    found = running.run(program, get_backend(on))
    assert found.agrees, (
        f"{found.change}. If the trap is still one, `python -m einport.traps` writes what it gives "
        f"now; read its title, explanation and `instead` again before you keep that."
    )


def test_the_programs_of_each_framework_are_run(backend, request) -> None:
    given = [getattr(item, "callspec", None) for item in request.session.items]
    run = [one for one in given if one and {"program", "on"} <= set(one.params)]
    mine = [one for one in run if one.params["on"] == backend.name]
    chosen = request.config.getoption("keyword")
    there = [one for one in ALL if backend.name in one.programs]
    assert chosen or len(mine) == sum(held_to_its_record(one, backend.name) for one in there)


def test_einport_gives_the_same_everywhere(own, on) -> None:
    found = running.run_einport(own, get_backend(on))
    assert found.agrees, found.change


def test_einports_programs_run_on_the_cpu(backend, monkeypatch) -> None:
    (one, *_) = [one for one in EINPORTS if one.shows_einport_on(backend.name)]
    monkeypatch.setattr(backend, "devices", lambda: ("elsewhere:0", "cpu"))
    assert running.run_einport(one, backend).agrees
    assert backend.devices() == ("elsewhere:0", "cpu")


def test_einport_fails_where_it_is_said_not_to_run(backend) -> None:
    left_out = [one for one in EINPORTS if backend.name in one.not_on]
    assert bool(left_out) == (backend.name == "numpy")
    for one in left_out:
        assert "NotImplementedError" in running.run_einport(one, backend).gives, one.name


def test_a_change_names_both_versions_and_both_results() -> None:
    found = running.Ran("torch", "torch", "2.14.0", "float32 1", "float32 0", "2.13.0")
    assert not found.agrees
    assert found.change == "PyTorch 2.14.0 now gives float32 1, where 2.13.0 gave float32 0"
    assert found._replace(gives="float32 0").change == ""
    lines = found._replace(gives="a: 1\nb: 2", before=None, before_version="")
    assert lines.change == "PyTorch 2.14.0 now gives (a: 1; b: 2), and there is no record of it"
    own = running.Ran(EINPORT, "jax", "0.11.0", "int 1", "int 0", "")
    assert own.change == "einport on JAX 0.11.0 now gives int 1, where it gave int 0"


def test_a_changed_result_is_noticed(backend, monkeypatch) -> None:
    one = next(one for one in ALL if backend.name in one.programs)
    records = {name: dict(programs) for name, programs in _trap._records().items()}
    records[one.name][backend.name] = Shown("something else", "0.1")
    monkeypatch.setattr(_trap, "_records", lambda: records)
    found = running.run(one, backend)
    assert not found.agrees
    assert "where 0.1 gave something else" in found.change


def test_a_program_that_needs_something_else_says_so(backend) -> None:
    def program():
        import einport_zebra  # noqa: F401

    one = Trap("absent", "", "", "", {backend.name: lambda: {"part": program}})
    with pytest.raises(ModuleNotFoundError, match="einport_zebra"):
        running.run(one, backend)


def test_programs_run_with_the_defaults_of_their_framework(backend) -> None:
    one = trap("default-float")
    with backend.dtype_scope("float64"):
        assert running.run(one, backend).agrees


def test_graphs_are_counted_anew_each_time(backend) -> None:
    one = trap("five-batch-sizes")
    for _ in range(2 if backend.name in one.programs else 0):
        found = running.run(one, backend)
        assert found.agrees, found.change


# --- How results are written ---------------------------------------------------------------------


def test_results_are_written_in_a_line(backend) -> None:
    x = backend.asarray([[1.0, float("nan")], [-0.0, 1 / 3]], dtype="float32")
    assert running.text(x) == "float32 (2, 2) [[1, nan], [-0, 0.333333]]"
    assert running.text(backend.asarray(True)) == "bool True"
    assert running.text((x[0, 0], 2, None, "x")) == "[float32 1, 2, None, x]"
    assert running.text(backend.asarray([3]), wide=True) == "int (1,) [3]"
    with pytest.raises(ValueError, match="25 values is too long to read"):
        running.text(backend.asarray([0] * 25))


def test_errors_are_written_in_a_line() -> None:
    def fail(message):
        def program():
            raise ValueError(message)

        return running.outcome(program)

    assert fail("no\nmore") == "ValueError: no"
    assert fail("") == "ValueError"
    assert fail("at 0x7f0123456789") == "ValueError: at 0x…"
    assert fail("{{function_node a_b}} bad [Op:Mul] name: ") == "ValueError: bad"
    assert fail("cannot compute _MklEinsum") == "ValueError: cannot compute Einsum"
    assert fail("in user code:\n\n  File x\n  ValueError: too bad") == "ValueError: too bad"
    assert len(fail("x" * 500)) < 140
    assert running.outcome(lambda: {"a": 1, "b": lambda: 1 / 0}) == (
        "a: 1\nb: ZeroDivisionError: division by zero"
    )


# --- Rules for all of them -----------------------------------------------------------------------


def test_there_are_many() -> None:
    assert len(ALL) >= 40
    assert {one.topic for one in ALL} == set(TOPICS)


def test_none_is_left_out() -> None:
    for topic in TOPICS:
        module = import_module(f"einport.traps.{topic}")
        made = [one for one in vars(module).values() if isinstance(one, Trap)]
        assert made == list(module.TRAPS)


def test_names_are_unique_and_plain() -> None:
    names = [one.name for one in ALL]
    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)] == []
    titles = [one.title for one in ALL]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("one", ALL, ids=label)
def test_a_trap_is_complete(one) -> None:
    assert set(one.ops) <= {entry.name for entry in entries()}
    assert len(set(one.ops)) == len(one.ops)
    assert len(one.programs) >= 2, "one framework alone shows no difference"
    assert set(one.programs) <= set(FRAMEWORKS)
    assert set(one.not_on) <= set(FRAMEWORKS)
    assert one.title
    assert len(one.title) <= 80
    assert not one.title.endswith(".")
    for text in (one.why, one.instead):
        assert text.endswith((".", "“.", "”."))
        assert "  " not in text
        assert text.count("`") % 2 == 0


def test_the_record_is_of_these_programs() -> None:
    recorded = json.loads(_trap.RECORD.read_text("utf-8"))
    assert list(recorded) == [one.name for one in ALL], "run `python -m einport.traps`"
    for one in ALL:
        wanted = [*one.programs, *([EINPORT] if one.einport else [])]
        assert list(recorded[one.name]) == wanted, f"{one.name}: run `python -m einport.traps`"
        for name in one.programs:
            assert re.match(r"\d+\.\d+", one.versions[name])
            assert one.shown[name]


def values(gives: str) -> list[str]:
    """What a program gave, line for line, without labels, dtypes and the words of errors."""
    lines = []
    for line in gives.splitlines():
        found = re.search(r"\b([A-Za-z]*(Error|Exception|Unsupported))\b", line)
        plain = re.sub(r"\b(bfloat16|float\d+|u?int\d*|bool) ", "", line)
        lines.append("an error" if found else re.sub(r"^.*?: ", "", plain))
    return lines


@pytest.mark.parametrize("one", ALL, ids=label)
def test_what_is_shown_differs(one) -> None:
    if one.name in DTYPES:
        assert len(set(one.shown.values())) > 1
        assert len({tuple(values(gives)) for gives in one.shown.values()}) == 1
        return
    if one.name in ALIKE:
        assert len({tuple(values(gives)) for gives in one.shown.values()}) == 1
        return
    # Frameworks differ; or parts of one program do, eager and compiled, say.
    seen = {tuple(values(gives)) for gives in one.shown.values()}
    parts = {line for gives in one.shown.values() for line in values(gives)}
    assert len(seen) > 1
    assert len(parts) > 1


def imported(source: str) -> set[str]:
    """The packages that a source imports."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            found.add(node.module.partition(".")[0])
    return found


def loaded(code: CodeType) -> set[str]:
    """The names that a program takes from its module, in its inner functions too."""
    names = {step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"}
    inner = [const for const in code.co_consts if isinstance(const, CodeType)]
    return names.union(*map(loaded, inner))


@pytest.mark.parametrize("one", ALL, ids=label)
def test_programs_can_be_pasted(one) -> None:
    for name in (*one.programs, *([EINPORT] if one.einport else [])):
        source, code = one.source(name), one.program(name).__code__
        assert loaded(code) <= set(dir(builtins)), f"{name}: a program imports all that it needs"
        wide = [line for line in source.splitlines() if len(line) > 78]
        assert wide == [], f"{name}: too wide for a terminal of 80 columns"
        found = imported(source)
        if name == EINPORT:
            assert found <= {"einport"}, "einport's program runs on every framework"
        else:
            assert name in found
            assert found <= {name, "numpy", "ml_dtypes", "einops", *STARTS_A_PROCESS}


def test_no_framework_is_imported_to_read_the_catalog() -> None:
    for module in {inspect.getmodule(one.program(name)) for one in ALL for name in one.programs}:
        tree = ast.parse(inspect.getsource(module))
        tops = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        assert [node.module for node in tops] == ["_trap"]


# --- Finding them --------------------------------------------------------------------------------


def test_a_trap_is_found_by_its_name() -> None:
    assert trap("gather-out-of-range").topic == "indexing"
    with pytest.raises(ValueError, match="'gather-out-of-rang'; did you mean gather-out-of-range"):
        trap("gather-out-of-rang")


def test_traps_are_found_by_operation() -> None:
    found = traps_of("gather_columns")
    assert trap("gather-two-meanings") in found
    assert all("gather_columns" in one.ops for one in found)
    assert traps_of("zebra") == ()


def test_traps_are_found_by_a_text() -> None:
    assert trap("gather-two-meanings") in search("Gather")
    assert trap("std-divisor") in search("standard deviation")
    assert {one.topic for one in search("Pooling")} >= {"pooling"}
    with pytest.raises(ValueError, match="no trap has 'gathr' in it; did you mean"):
        search("gathr")


def test_a_trap_tells_what_it_holds() -> None:
    one = trap("gather-out-of-range")
    assert list(one.programs) == ["numpy", "torch", "jax", "tensorflow"]
    assert one.source("jax").startswith("def gather_out_of_range_jax():\n    import jax")
    assert one.source(EINPORT).startswith("def gather_out_of_range_einport(xp):")
    assert one.shown["numpy"].startswith("IndexError: index 9")
    assert one.agreed is not None
    assert one.agreed.startswith("IndexError: collect_rows")
    with pytest.raises(KeyError):
        trap("negative-step").program("zebra")


# --- Writing the record --------------------------------------------------------------------------


@pytest.fixture
def written(tmp_path, monkeypatch):
    """A record of its own to write, and the traps that it is of."""
    file = tmp_path / "record.json"
    monkeypatch.setattr(__main__, "RECORD", file)

    def write(*chosen):
        monkeypatch.setattr(__main__, "traps", lambda: chosen)
        status = __main__.main()
        return status, json.loads(file.read_text("utf-8")) if file.exists() else None

    return write


@pytest.fixture
def only(backend, monkeypatch):
    """One framework, whatever else is installed."""
    monkeypatch.setattr(__main__, "available_backends", lambda: (backend.name,))
    return backend


def test_the_record_keeps_what_cannot_be_run_here(written, only) -> None:
    one = trap("default-float")
    status, found = written(one)
    assert status == 0
    assert list(found[one.name]) == list(one.programs)
    for name in one.programs:
        assert found[one.name][name]["gives"] == one.shown[name]


def test_nothing_is_recorded_where_einport_differs(written, monkeypatch, capsys) -> None:
    answers = iter(("1", "2"))
    own = replace(trap("default-float"), programs={}, einport=lambda xp: next(answers))
    monkeypatch.setattr(__main__, "available_backends", lambda: ("numpy", "torch"))
    monkeypatch.setattr(__main__, "get_backend", lambda name: get_backend("numpy"))
    status, found = written(own)
    assert (status, found) == (1, None)
    assert "default-float: einport gives 1 on numpy; 2 on numpy" in capsys.readouterr().out
