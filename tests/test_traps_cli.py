"""`einport traps`: what it lists, shows and runs, and how it ends."""

import json
import re

import pytest
from click.testing import CliRunner, Result

from einport.backends import get_backend
from einport.cli import traps as traps_cli
from einport.cli.traps import command as traps_command
from einport.traps import EINPORT, FRAMEWORKS, TOPICS, Shown, _trap, running, search, trap, traps
from einport.views import terminal

pytestmark = pytest.mark.once


def run(*arguments: str, **env: str) -> Result:
    runner = CliRunner(env={"COLUMNS": "80", "NO_COLOR": "1", **env})
    return runner.invoke(traps_command, arguments)


def shown_by(backend) -> str:
    """A trap with a program for this framework, and one of einport's that it can run."""
    return next(
        one.name
        for one in traps()
        if backend.name in one.programs and one.shows_einport_on(backend.name)
    )


@pytest.fixture
def changed(backend, monkeypatch):
    """The name of a trap whose record is another than what its program gives."""
    name = shown_by(backend)
    records = {key: dict(programs) for key, programs in _trap._records().items()}
    records[name][backend.name] = Shown("float32 0.125", "0.1")
    monkeypatch.setattr(_trap, "_records", lambda: records)
    return name


# --- A list --------------------------------------------------------------------------------------


def test_without_a_text_all_are_listed_by_topic() -> None:
    result = run()
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert max(map(len, lines)) <= 80
    listed = [line.split()[0] for line in lines if line.startswith("  ")]
    assert listed == [one.name for one in traps()]
    headings = [line for line in lines[:-1] if line and not line.startswith(" ")]
    assert headings == list(TOPICS.values())
    assert lines[-1] == f"{len(listed)} traps; `einport traps NAME` shows one"


def test_a_text_filters_the_list() -> None:
    result = run("gather")
    assert result.exit_code == 0
    listed = [line.split()[0] for line in result.output.splitlines() if line.startswith("  ")]
    assert listed == [one.name for one in search("gather")]
    assert "gather-two-meanings" in listed
    assert result.output.splitlines()[-1].startswith(f"{len(listed)} traps with 'gather';")


def test_a_framework_filters_the_list() -> None:
    listed = run("Pooling", "--backend", "jax").output
    assert "max-pool-nan" in listed
    assert "average-at-border" not in listed


# --- One in full ---------------------------------------------------------------------------------


def test_a_name_shows_a_trap_in_full() -> None:
    one = trap("gather-out-of-range")
    result = run(one.name)
    assert result.exit_code == 0
    assert max(map(len, result.output.splitlines())) <= 80
    flat = " ".join(result.output.split())
    for text in (one.title, one.why, one.instead, ", ".join(one.ops)):
        assert " ".join(text.split()) in flat
    for name in one.programs:
        assert f"{FRAMEWORKS[name]} {one.versions[name]}" in result.output
        assert " ".join(one.source(name).split()) in flat
        assert " ".join(one.shown[name].split()) in flat
    assert " ".join(one.source(EINPORT).split()) in flat
    assert "gave, on NumPy, PyTorch, JAX and TensorFlow" in result.output
    assert f"einport traps {one.name} --run runs it here" in result.output


def test_every_trap_fits_a_terminal_of_80_columns() -> None:
    for one in traps():
        result = run(one.name)
        assert result.exit_code == 0, result.output
        wide = [line for line in result.output.splitlines() if len(line) > 80]
        assert wide == [], one.name


def test_the_only_one_that_has_a_text_is_shown() -> None:
    (one,) = search("median")
    assert run("median").output == run(one.name).output


def test_einport_is_not_said_to_run_where_it_does_not() -> None:
    assert trap("gradient-of-a-tie").not_on == ("numpy",)
    assert "gave, on PyTorch, JAX and TensorFlow" in run("gradient-of-a-tie").output


def test_a_framework_shows_its_program_alone() -> None:
    output = run("gather-out-of-range", "--backend", "jax").output
    assert "gather_out_of_range_jax" in output
    assert "gather_out_of_range_torch" not in output
    assert "gather_out_of_range_einport" in output


def test_sources_have_colors_where_the_terminal_has_them(monkeypatch) -> None:
    from rich.console import Console

    def colored():
        return Console(force_terminal=True, color_system="standard", width=80, highlight=False)

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(terminal, "console", colored)
    result = CliRunner().invoke(traps_command, ["median-of-four"], color=True)
    assert re.search(r"\x1b\[[\d;]+mdef", result.output)
    plain = re.sub(r"\x1b\[[\d;]*m", "", result.output)
    assert "def median_of_four_numpy():" in plain


# --- Run -----------------------------------------------------------------------------------------


def test_run_says_that_nothing_has_changed(backend) -> None:
    result = run(shown_by(backend), "--run", "--backend", backend.name)
    version = backend.version().partition("+")[0]
    assert result.exit_code == 0, result.output
    again = f"gives now, on {FRAMEWORKS[backend.name]} {version}: the same"
    assert result.output.count(again) == 2  # the framework's program and einport's
    assert "--run runs it here" not in result.output


def test_run_shows_what_has_changed_and_ends_with_1(backend, changed) -> None:
    result = run(changed, "--run", "--backend", backend.name)
    assert result.exit_code == 1
    assert "float32 0.125" in result.output
    assert "something else" in result.output
    assert result.output.count(": the same") == 1  # einport's


def test_run_of_many_names_those_that_changed(backend, changed) -> None:
    topic = TOPICS[trap(changed).topic]
    result = run(topic, "--run", "--backend", backend.name)
    assert result.exit_code == 1
    assert max(map(len, result.output.splitlines())) <= 80
    assert re.search(rf"^{changed} +differs$", result.output, re.MULTILINE)
    flat = " ".join(result.output.split())
    assert f"{FRAMEWORKS[backend.name]} {backend.version().partition('+')[0]} now gives" in flat
    assert "where 0.1 gave float32 0.125" in flat
    assert flat.endswith(": 1 differs from the record")
    assert " as before" in result.output


def test_run_leaves_out_what_is_not_here(monkeypatch) -> None:
    numpy = get_backend("numpy")
    monkeypatch.setattr(traps_cli, "select_backends", lambda names: [numpy])
    result = run("median-of-four", "--run")
    assert result.exit_code == 0
    assert "on NumPy" in result.output
    assert "Not run: PyTorch is not here" in result.output
    assert "Not run: NumPy" not in result.output


def test_run_leaves_out_a_program_that_needs_something_else(monkeypatch) -> None:
    def needs(one, xp):
        raise ModuleNotFoundError("No module named 'zebra'", name="zebra")

    monkeypatch.setattr(running, "run", needs)
    result = run("median-of-four", "--run", "--backend", "numpy")
    assert result.exit_code == 0
    assert "Not run: NumPy needs zebra, which is not installed" in result.output


def test_run_leaves_out_einport_where_it_cannot_run() -> None:
    assert trap("max-loses-nan").not_on == ("numpy",)
    result = run("max-loses-nan", "--run", "--backend", "numpy")
    assert result.exit_code == 0
    assert result.output.count("gives now") == 1


# --- For programs --------------------------------------------------------------------------------


def test_json_has_all_of_it() -> None:
    rows = json.loads(run("--json").output)
    assert [row["name"] for row in rows] == [one.name for one in traps()]
    for row, one in zip(rows, traps(), strict=True):
        assert (row["title"], row["topic"]) == (one.title, one.topic)
        assert (row["why"], row["instead"]) == (one.why, one.instead)
        assert row["operations"] == list(one.ops)
        assert list(row["programs"]) == list(one.programs)
        for name, program in row["programs"].items():
            assert program["source"] == one.source(name)
            assert program["gave"] == one.shown[name]
            assert program["version"] == one.versions[name]
        assert (row["einport"] is None) == (one.einport is None)
        assert "now" not in row


def test_json_is_a_list_for_one_too() -> None:
    (row,) = json.loads(run("gradient-of-a-tie", "--json").output)
    assert row["einport"]["on"] == ["torch", "jax", "tensorflow"]
    assert row["einport"]["gave"] == trap("gradient-of-a-tie").agreed


def test_json_of_a_run(backend, changed) -> None:
    result = run(changed, "--run", "--json", "--backend", backend.name)
    assert result.exit_code == 1
    (row,) = json.loads(result.stdout)
    assert [found["program"] for found in row["now"]] == [backend.name, EINPORT]
    assert [found["as_before"] for found in row["now"]] == [False, True]
    assert all(found["on"] == backend.name for found in row["now"])
    assert row["programs"][backend.name]["gave"] == "float32 0.125"
    assert row["left_out"] == []


# --- Mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gather-out-of-rnage"], "did you mean gather-out-of-range"),
        (["zebra"], "no trap has 'zebra' in it; `einport traps` lists them"),
        (["--backend", "numpi"], "no trap has a program for 'numpi'"),
        (["--backend", "numpi"], "did you mean numpy?"),
        (["average-at-border", "--backend", "jax"], "has a program for JAX"),
        (["--zebra"], "No such option"),
    ],
)
def test_mistakes_end_with_2_and_say_why(arguments, said) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())


def test_help_has_examples() -> None:
    result = run("--help")
    assert result.exit_code == 0
    assert "einport traps gather-out-of-range --run" in result.output
    assert max(map(len, result.output.splitlines())) <= 80
