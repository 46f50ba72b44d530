"""`einport matrix`: what it runs, reads and shows, what it writes, and how it ends."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from records import CELL, FAILED, GAP, document, follow_schema, saved

from einport.cli import cli
from einport.suite import results
from einport.suite.results import Cell, read

pytestmark = pytest.mark.once


def matrix(*arguments: str, columns: int = 80) -> Result:
    runner = CliRunner(env={"COLUMNS": str(columns), "NO_COLOR": "1"})
    result = runner.invoke(cli, ["matrix", *arguments])
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result


def said(result: Result) -> str:
    """What was said, in words, whatever box it came in."""
    return " ".join(result.output.replace("│", " ").split())


def line(result: Result, start: str) -> list[str]:
    """The words of the one line that starts so."""
    (found,) = [one.split() for one in result.stdout.splitlines() if one.startswith(start + " ")]
    return found


# --- Run -----------------------------------------------------------------------------------------


def test_one_framework_has_a_column_for_each_mode(backend) -> None:
    chosen = ("--op", "trace", "--op", "tile_batch", "--mode", "eager", "--mode", "mistakes")
    result = matrix("--backend", backend.name, *chosen)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"{backend.title} {backend.version()} on ")
    assert line(result, "operation") == ["operation", "eager", "mistakes"]
    assert line(result, "tile_batch") == ["tile_batch", "exact", "exact"]
    assert "0 failed" in result.output
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_what_it_writes_follows_the_schema_and_reads_back(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    run = ("--backend", "numpy", "--op", "top_k_gating")
    assert matrix(*run, "--json", str(file)).exit_code == 0
    found = json.loads(file.read_text(encoding="utf-8"))
    follow_schema(found)
    assert {cell["op"] for cell in found["results"]} == {"top_k_gating"}
    eager = [cell for cell in found["results"] if cell["mode"] == "eager"]
    assert {cell["status"] for cell in eager} == {"pass"}
    assert all(cell["compared"] > cell["cases"] > 0 for cell in eager)
    assert 0 < max(cell["error"] for cell in eager) < 4
    (run_there,) = read(file).runs
    assert (run_there.tool, run_there.partial, run_there.sample) == ("matrix", True, "everyday")
    assert run_there.left_out > 0
    assert list(tmp_path.iterdir()) == [file]
    assert matrix(str(file)).exit_code == 0

    printed = json.loads(matrix(*run, "--json", "-").stdout)
    for one in (*printed["results"], *found["results"]):
        one.pop("seconds")
    assert printed == found


def test_a_run_of_one_mode_has_that_mode_alone() -> None:
    result = matrix("--backend", "numpy", "--op", "trace", "--mode", "eager", "--json", "-")
    assert {cell["mode"] for cell in json.loads(result.stdout)["results"]} == {"eager"}


def test_it_ends_with_1_when_something_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    from einport.backends import get_backend

    xp = get_backend("numpy")
    real = xp.exp
    monkeypatch.setattr(xp, "exp", lambda x: real(x) + 0.001)
    chosen = ("--op", "top_k_gating", "--op", "softmax", "--mode", "eager")
    result = matrix("--backend", "numpy", *chosen)
    assert result.exit_code == 1
    assert line(result, "top_k_gating") == ["top_k_gating", "FAIL"]
    assert "FAIL top_k_gating on numpy" in result.output


@pytest.mark.parametrize("modes", [["--mode", "eager"], []], ids=["eager", "every mode"])
def test_without_ml_dtypes_bfloat16_is_a_declared_gap(modes: list[str]) -> None:
    asked = ["matrix", "--backend", "numpy", "--op", "top_k_gating", *modes]
    program = (
        f"import sys\nsys.modules['ml_dtypes'] = None\nfrom einport.cli import cli\ncli({asked})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 failed" in done.stdout
    assert "NumPy has no bfloat16 unless ml_dtypes is installed" in done.stdout
    if modes:
        assert "cpu: eager; bfloat16; top_k_gating\n  " in done.stdout
        assert "0 failed, 1 unsupported" in done.stdout
        assert line(CliResult(done.stdout), "top_k_gating")[-1] == "*"


class CliResult:
    """Standard output, for `line`."""

    def __init__(self, stdout: str) -> None:
        self.stdout = stdout


# --- Read ----------------------------------------------------------------------------------------

CUDA = CELL._replace(device="cuda:0")
JAX = CELL._replace(backend="jax", version="0.10.2", error=1.25)
GELU = CELL._replace(op="gelu", topic="other", error=0.0)


def test_files_are_shown_as_one_and_nothing_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("einport.suite.matrix.run_matrix", None)
    files = [
        saved(tmp_path, "a", CELL, GELU),
        saved(tmp_path, "b", JAX),
        saved(tmp_path, "c", CUDA),
    ]
    result = matrix(*files)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[:5] == [
        "           PyTorch     JAX  PyTorch",
        "            2.13.0  0.10.2   2.13.0",
        "operation      cpu     cpu   cuda:0",
        "softmax       0.50    1.25     0.50",
        "gelu         exact       -        -",
    ]
    assert "4 passed, 0 failed, 0 unsupported; 48 results and values compared." in said(result)
    assert "JAX 0.10.2 on cpu: the everyday sample run by pytest (7 more trials" in said(result)


def test_reading_imports_no_framework(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom einport.cli import cli\ntry:\n    cli(['matrix', sys.argv[1]])\n"
        "finally:\n    print({'torch', 'jax', 'tensorflow'} & set(sys.modules))\n"
    )
    command = [sys.executable, "-c", program, saved(tmp_path, "a", CELL, JAX)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.endswith("set()\n"), done.stdout + done.stderr


def test_the_later_of_two_files_counts_and_the_merge_can_be_written(tmp_path: Path) -> None:
    old, new = saved(tmp_path, "old", CELL, GELU), saved(tmp_path, "new", FAILED, einport="0.2.0")
    merged = tmp_path / "merged.json"
    result = matrix(old, new, "--json", str(merged))
    assert result.exit_code == 1
    assert "note: these results come from einport 0.1.0 and 0.2.0" in result.stderr
    assert set(read(merged).cells) == {FAILED, GELU}
    assert set(results.merge([read(merged)]).runs) == set(read(merged).runs)
    assert matrix(new, old).exit_code == 0
    printed = matrix(old, new, "--json", "-")
    assert printed.exit_code == 1
    assert printed.stdout_bytes == merged.read_bytes()


def test_what_is_shown_of_each_status(tmp_path: Path) -> None:
    cells = [
        CELL._replace(error=12345678.0),
        CELL._replace(mode="compiled", error=0.0001),
        GAP._replace(dtype="float16", mode="compiled"),
        FAILED._replace(mode="xla"),
        CELL._replace(mode="xla", dtype="float64"),
        GAP._replace(mode="exported"),
        GAP._replace(op="gelu", mode="exported"),
        GELU._replace(mode="exported", dtype="float64"),
        GELU._replace(mode="zoomed"),
        GELU,
        GAP._replace(mode="mapped"),
    ]
    result = matrix(saved(tmp_path, "a", *cells))
    assert result.exit_code == 1
    assert line(result, "operation")[1:] == ["eager", "compiled", "xla", "exported", "zoomed"]
    assert line(result, "softmax")[1:] == ["1.23e+07", "<0.01", "*", "FAIL", "unsupported", "-"]
    assert line(result, "gelu")[1:] == ["exact", "-", "-", "exact", "*", "exact"]
    text = said(result)
    assert "FAIL softmax on torch 2.13.0 cpu, xla, float32: rows: gave 1, expected 2" in text
    assert "unsupported on torch 2.13.0 cpu: exported; float32; gelu, softmax there is no" in text
    assert "torch 2.13.0 cpu: compiled, mapped; float16, float32; softmax there is no" in text
    assert text.count("there is no such kernel") == 2
    assert "6 passed, 1 failed, 4 unsupported" in text
    assert text.endswith("* Some modes, dtypes or cases are unsupported: they are listed above.")


def test_a_gap_of_several_frameworks_is_told_once(tmp_path: Path) -> None:
    gaps = [GAP, GAP._replace(backend="jax"), GAP._replace(op="gelu", backend="numpy")]
    text = said(matrix(saved(tmp_path, "a", *gaps)))
    assert "unsupported on jax 2.13.0 cpu, torch 2.13.0 cpu: eager; float32; softmax" in text
    assert "unsupported on numpy 2.13.0 cpu: eager; float32; gelu" in text


MODES = ("eager", "abstract", "device", "compiled", "xla", "dynamic", "gradient",
         "compiled-gradient", "mapped", "exported", "mistakes", "native")  # fmt: skip


@pytest.mark.parametrize("columns", [40, 80, 100, 200])
def test_a_wide_table_is_told_in_parts_that_fit(tmp_path: Path, columns: int) -> None:
    cells = [
        cell._replace(op=op, mode=mode)
        for mode in MODES
        for op in ("scaled_dot_product_attention", "softmax")
        for cell in (CELL, GAP._replace(dtype="int8", reason="ein sehr langer Grund " * 9))
    ]
    result = matrix(saved(tmp_path, "a", *cells), columns=columns)
    assert max(map(len, result.stdout.splitlines())) <= max(columns, 48)
    rows = [one for one in result.stdout.splitlines() if one.startswith("softmax")]
    assert sum(row.count("0.50 *") for row in rows) == len(MODES)
    heads = [one for one in result.stdout.splitlines() if one.startswith("operation")]
    assert " ".join(heads).replace("operation", "").split() == [
        "gradient" if mode == "compiled-gradient" else mode for mode in MODES
    ]
    assert (len(rows) == 1) == (columns == 200)


@pytest.mark.parametrize(
    ("option", "left"),
    [
        (["--backend", "jax"], {JAX}),
        (["--backend", "jax,torch", "--mode", "eager"], {JAX, CELL, GELU}),
        (["--mode", "compiled"], {CELL._replace(mode="compiled")}),
        (["--op", "gel"], {GELU}),
        (["--op", "probability", "--backend", "torch", "--mode", "eager"], {CELL}),
    ],
)
def test_options_choose_among_what_files_hold(
    tmp_path: Path, option: list[str], left: set[Cell]
) -> None:
    file = saved(tmp_path, "a", CELL, GELU, JAX, CELL._replace(mode="compiled"))
    out = tmp_path / "out.json"
    assert matrix(file, *option, "--json", str(out)).exit_code == 0
    found = read(out)
    assert set(found.cells) == left
    # What leaves operations or modes out says so, or a diff would miss them.
    assert {run.partial for run in found.runs} == {option != ["--backend", "jax"]}
    assert {run.backend for run in found.runs} == {cell.backend for cell in left}


def test_text_from_a_file_commands_no_terminal_and_is_no_markup(tmp_path: Path) -> None:
    nasty = "\x1b[2J\x1b]0;owned\x07 [red]größer[/red] [/]\u202e\udc80"
    cells = [
        FAILED._replace(op="\x1b[31mop[bold]", mode="eager", reason=nasty),
        GAP._replace(version="1\x1b[0m", reason=nasty),
    ]
    file = saved(tmp_path, "a", *cells)
    for result in (matrix(file), matrix("--diff", saved(tmp_path, "b", *cells, CELL), file)):
        assert "\x1b" not in result.output
        assert "\u202e" not in result.output
        if "[red]" in result.output:
            assert "[red]größer[/red] [/]" in said(result)
    assert "[red]größer" in matrix(file).output


# --- What changed --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("was", "now", "exit_code", "words"),
    [
        (CELL, FAILED, 1, "regression: softmax on torch cpu, eager, float32 pass in 2.13.0, fail "
         "in 2.14.0: rows: gave 1, expected 2"),
        (CELL, GAP, 1, "pass in 2.13.0, unsupported in 2.14.0: there is no such kernel"),
        (GAP, FAILED, 1, "unsupported in 2.13.0, fail in 2.14.0: rows: gave 1"),
        (CELL, None, 1, "regression: softmax on torch cpu, eager, float32 pass in 2.13.0; gone, "
         "though as much was run"),
        (FAILED, CELL, 0, "fixed: softmax on torch cpu, eager, float32 fail in 2.13.0, pass in"),
        (FAILED, GAP, 0, "declared: softmax on torch cpu"),
        (FAILED, FAILED, 0, "2 results are in both; nothing changed, 1 fail as before. No regr"),
        (CELL, CELL._replace(error=9.0), 0, "worst error 0.50 in 2.13.0, 9.00 in 2.14.0, in eps"),
        (CELL._replace(cases=9), CELL, 0, "fewer cases: torch cpu, eager: 1 result, softmax"),
        (None, CELL, 0, "new: torch cpu, eager: 1 result, softmax"),
        (GAP, None, 0, "not run: torch cpu, eager: 1 result, softmax"),
        (CELL, CELL, 0, "2 results are in both; nothing changed. No regression."),
    ],
)  # fmt: skip
def test_a_diff_ends_with_1_on_a_regression_alone(
    tmp_path: Path, was: Cell | None, now: Cell | None, exit_code: int, words: str
) -> None:
    new = [cell._replace(version="2.14.0") for cell in (now, GELU) if cell]
    old = [cell for cell in (was, GELU) if cell]
    files = ["--diff", saved(tmp_path, "old", *old), saved(tmp_path, "new", *new)]
    result = matrix(*files)
    assert result.exit_code == exit_code
    assert words in said(result)
    assert ("No regression" in said(result)) == (exit_code == 0)
    assert max(map(len, result.stdout.splitlines())) <= 80

    out = tmp_path / "changes.json"
    assert matrix(*files, "--json", str(out)).exit_code == exit_code
    changes = json.loads(out.read_text(encoding="utf-8"))
    assert [change["kind"] for change in changes] == ([] if was == now else [changes[0]["kind"]])
    assert matrix(*files, "--json", "-").stdout_bytes == out.read_bytes()


def test_a_change_in_json_has_both_sides(tmp_path: Path) -> None:
    files = ["--diff", saved(tmp_path, "old", CELL), saved(tmp_path, "new", FAILED, sample="all")]
    (change,) = json.loads(matrix(*files, "--json", "-").stdout)
    assert change == {
        "kind": "regression", "op": "softmax", "topic": "probability", "backend": "torch",
        "device": "cpu", "mode": "eager", "dtype": "float32",
        "old": {"version": "2.13.0", "status": "pass", "error": 0.5, "cases": 1, "compared": 12,
                "seconds": 0.25, "reason": ""},
        "new": {"version": "2.13.0", "status": "fail", "error": None, "cases": 0, "compared": 0,
                "seconds": 0.25, "reason": "rows: gave 1, expected 2"},
    }  # fmt: skip


def test_a_diff_is_of_what_is_chosen(tmp_path: Path) -> None:
    old = saved(tmp_path, "old", CELL, GELU, JAX)
    new = saved(tmp_path, "new", FAILED, JAX)
    assert matrix("--diff", old, new).exit_code == 1
    assert matrix("--diff", old, new, "--backend", "jax").exit_code == 0
    assert matrix("--diff", old, new, "--op", "gelu").exit_code == 1  # it is gone
    assert matrix("--diff", new, old).exit_code == 0


def test_of_two_versions_in_a_file_a_diff_says_which_counts(tmp_path: Path) -> None:
    older = saved(tmp_path, "older", FAILED._replace(version="2.9.0"))
    newer = saved(tmp_path, "newer", CELL)
    both = str(tmp_path / "both")
    matrix(older, newer, "--json", both)
    result = matrix("--diff", both, newer)
    assert result.exit_code == 0
    assert "old: of PyTorch the last version counts, not 2.9.0" in result.output


# --- Slips ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--backend", "torhc"], "did you mean 'torch'?"),
        (["--op", "zebra"], "no operation has 'zebra'"),
        (["--mode", "zebra"], "there is no mode 'zebra' (there are eager, abstract,"),
        (["--backend", "numpy", "--mode", "xla"], "no framework here has mode xla"),
        (["--json", "no/such/folder/x.json"], "there is no folder no/such/folder"),
        (["--json", "good"], "good already exists (use --force to overwrite)"),
        (["good", "--json", "good"], "good already exists (use --force to overwrite)"),
        (["good", "--json", "folder", "--force"], "is a directory"),
        (["good", "--all"], "--all is for running"),
        (["good", "--device", "cpu"], "--device is for running"),
        (["--backend", "numpy", "--device", "zebra"], "NumPy has no device 'zebra' here"),
        (["--diff", "good", "good", "--all"], "--all is for running"),
        (["--diff", "good"], "requires 2 arguments"),
        (["--diff", "good", "good", "good"], "--diff takes two files"),
        (["--diff", "good", "bad"], "bad: not JSON"),
        (["--diff", "good", "missing"], "cannot read missing"),
        (["--diff", "good", "jax"], "no result is in both: the old ones are of PyTorch on cpu, the "
         "new ones of JAX on cpu"),
        (["--diff", "good", "good", "--op", "zebra"], "have no operation with 'zebra'"),
        (["--diff", "good", "good", "--backend", "jax"], "no framework 'jax' (they have torch)"),
        (["bad"], "bad: not JSON"),
        (["good", "bad"], "bad: not JSON"),
        (["other"], "other: JSON, but not a result file of einport"),
        (["missing"], "cannot read missing: No such file"),
        (["folder"], "is a directory"),
        (["none"], "there are no results"),
        (["good", "--backend", "jax"], "the results have no framework 'jax' (they have torch)"),
        (["good", "--mode", "xla"], "the results have no mode 'xla' (they have eager)"),
        (["good", "--op", "zebra"], "the results have no operation with 'zebra' in its name"),
        (["good", "jax", "--op", "gelu", "--backend", "jax"], "none of the results"),
    ],
)  # fmt: skip
def test_a_slip_is_answered_with_2_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    saved(tmp_path, "good", CELL, GELU)
    saved(tmp_path, "jax", JAX)
    (tmp_path / "none").write_bytes(results.encode(document()))
    (tmp_path / "bad").write_text("{")
    (tmp_path / "other").write_text("{}")
    (tmp_path / "folder").mkdir()
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    result = matrix(*arguments)
    assert result.exit_code == 2
    assert words in said(result)
    assert result.stdout == ""
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_a_full_disk_is_answered_with_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, out = saved(tmp_path, "a", CELL), tmp_path / "out.json"

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    for arguments in ([file], ["--diff", file, file]):
        result = matrix(*arguments, "--json", str(out))
        assert result.exit_code == 2
        assert "No space left on device" in result.output
        assert not out.exists()


def test_a_terminal_without_the_letters_gets_escapes(tmp_path: Path) -> None:
    file = saved(tmp_path, "a", FAILED._replace(reason="größer"))
    command = [sys.executable, "-m", "einport", "matrix", file]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, check=False, env=environment)
    assert done.returncode == 1
    assert rb"gr\xf6\xdfer" in done.stdout
    printed = subprocess.run([*command, "--json", "-"], capture_output=True, check=False)
    assert "größer".encode() in printed.stdout
