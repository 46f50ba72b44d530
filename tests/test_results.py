"""The result file: what is in it, what is refused, how several become one, and what changed."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from records import CELL, FAILED, GAP, ROW, RUN, document, follow_schema

from einport.files import NotWritten
from einport.suite import results
from einport.suite.changes import KINDS, diff, pairs, versions_left_out
from einport.suite.results import Document, ResultsError, cells_from, encode, merge, read, write

pytestmark = pytest.mark.once


def plain(*cells: Any) -> dict[str, Any]:
    """A document as JSON has it."""
    return json.loads(encode(document(*cells or (CELL,))))


# --- From rows to cells --------------------------------------------------------------------------


def test_cases_of_one_operation_mode_and_dtype_become_one_cell() -> None:
    rows = [
        ROW,
        ROW._replace(case="large", error=1.5, compared=30, seconds=0.5),
        ROW._replace(mode="compiled", error=9.0),
        ROW._replace(dtype="float16", error=8.0),
        ROW._replace(device="cuda:0", error=7.0),
        ROW._replace(version="2.12.0", error=6.0),
        ROW._replace(backend="jax", error=5.0),
        ROW._replace(op="gelu", error=4.0),
    ]
    cells = cells_from(rows)
    assert len(cells) == 7
    assert CELL._replace(error=1.5, cases=2, compared=42, seconds=0.75) in cells
    assert sorted(cell.error for cell in cells) == [1.5, 4, 5, 6, 7, 8, 9]


def test_cells_come_in_one_order_whatever_the_rows_order() -> None:
    rows = [ROW, ROW._replace(mode="compiled"), ROW._replace(op="gelu")]
    found = {tuple(cells_from(order)) for order in permutations(rows)}
    assert len(found) == 1
    assert [(cell.op, cell.mode) for cell in found.pop()] == [
        ("gelu", "eager"), ("softmax", "compiled"), ("softmax", "eager"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("statuses", "wanted"),
    [
        (["pass", "pass"], ("pass", "")),
        (["pass", "unsupported"], ("unsupported", "why 1")),
        (["unsupported", "pass", "fail", "fail"], ("fail", "why 2")),
        (["fail", "unsupported"], ("fail", "why 0")),
    ],
)
def test_fail_beats_unsupported_beats_pass(statuses: list[str], wanted: tuple[str, str]) -> None:
    rows = [
        ROW._replace(status=status, reason="" if status == "pass" else f"why {number}")
        for number, status in enumerate(statuses)
    ]
    (cell,) = cells_from(rows)
    assert (cell.status, cell.reason) == wanted


def test_what_compared_nothing_counts_as_no_case_and_has_no_error() -> None:
    gap = ROW._replace(status="unsupported", error=None, compared=0, reason="no kernel")
    (cell,) = cells_from([gap, gap])
    assert (cell.error, cell.cases, cell.compared) == (None, 0, 0)
    (cell,) = cells_from([gap, ROW])
    assert (cell.status, cell.error, cell.cases, cell.compared) == ("unsupported", 0.5, 1, 12)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (ROW._replace(compared=0), "rows: compared nothing"),
        (ROW._replace(error=None), "rows: compared nothing"),
        (ROW._replace(error=math.nan), "rows: the error is nan epsilons"),
        (ROW._replace(error=math.inf), "rows: the error is inf epsilons"),
        (ROW._replace(error=-1.0), "rows: the error is -1.0 epsilons"),
        (ROW._replace(status="fail"), "no reason was given"),
    ],
)
def test_a_pass_that_proves_nothing_is_a_failure(row: Any, reason: str) -> None:
    (cell,) = cells_from([row, ROW])
    assert (cell.status, cell.reason) == ("fail", reason)
    assert cell.error == 0.5
    follow_schema(plain(cell))


def test_a_reason_of_a_thousand_lines_is_cut() -> None:
    (cell,) = cells_from([ROW._replace(status="fail", reason="x" * 100_000)])
    assert len(cell.reason) == results.LONGEST_REASON
    assert cell.reason.endswith("…")


# --- Written and read ----------------------------------------------------------------------------

EVERY_STATUS = (CELL, FAILED._replace(op="gelu"), GAP._replace(op="relu"))


def test_every_status_goes_through_a_file_and_follows_the_schema(tmp_path: Path) -> None:
    written = document(*EVERY_STATUS)
    write(tmp_path / "r.json", written)
    follow_schema(json.loads((tmp_path / "r.json").read_text(encoding="utf-8")))
    assert read(tmp_path / "r.json") == written
    write(tmp_path / "again.json", read(tmp_path / "r.json"))
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "r.json").read_bytes()


def test_a_file_has_a_line_for_each_cell_in_order() -> None:
    found = document(*EVERY_STATUS)
    turned = found._replace(cells=tuple(reversed(found.cells)))
    assert encode(turned) == encode(found)
    lines = encode(turned).decode().splitlines()
    ops = [json.loads(line.rstrip(","))["op"] for line in lines if '"op"' in line]
    assert ops == ["gelu", "relu", "softmax"]


def test_text_of_any_kind_survives(tmp_path: Path) -> None:
    for number, reason in enumerate(
        ["größer als ε·‖x‖ 日本", "two\nlines\t\x1b[31m", "half \udc80"]
    ):
        cell = FAILED._replace(reason=reason)
        write(tmp_path / f"{number}.json", document(cell))
        assert read(tmp_path / f"{number}.json").cells == (cell,)
    assert "ε·‖x‖" in (tmp_path / "0.json").read_text(encoding="utf-8")


def test_a_document_without_results_can_be_written_and_read(tmp_path: Path) -> None:
    write(tmp_path / "r.json", Document((), ()))
    assert read(tmp_path / "r.json") == Document((), ())


def test_a_file_that_is_there_is_kept_unless_asked(tmp_path: Path) -> None:
    file = tmp_path / "r.json"
    file.write_text("mine")
    with pytest.raises(NotWritten, match=r"already exists \(use --force to overwrite\)"):
        write(file, document(CELL))
    assert file.read_text() == "mine"
    write(file, document(CELL), force=True)
    assert read(file) == document(CELL)
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "r.json"
    file.write_text("mine")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(NotWritten, match=r"cannot write .*r\.json: No space left on device"):
        write(file, document(CELL), force=True)
    assert file.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "the file is empty"),
        (b" \n", "the file is empty"),
        (encode(document(CELL))[:-40], "not JSON: Expecting value at line 7, column"),
        (b"{]", "not JSON: Expecting property name enclosed in double quotes at line 1, column 2"),
        (b"\xff\xfe\xfa", "not JSON: "),
        (b"\x89PNG\r\n\x1a\n", "not JSON: "),
        (b'{"schema": ' + b"9" * 5000 + b"}", "not JSON: Exceeds the limit"),
        (b"[" * 100_000, "too deeply nested"),
        (b"[]", "JSON, but not a result file"),
        (b"null", "JSON, but not a result file"),
        (b'{"einport": "0.1.0", "results": []}', "JSON, but not a result file"),
        (b'{"schema": 2}', "written in schema 2; this einport reads schema 1"),
        (b'{"schema": "1", "runs": [], "results": []}', "in schema: 1 was expected"),
        (b'{"schema": 1}', "'runs' is a required property"),
        (b'{"schema": 1, "runs": [], "results": NaN}', "it has NaN, which is no number"),
    ],
)
def test_a_file_that_holds_no_results_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    file = tmp_path / "r.json"
    file.write_bytes(data)
    with pytest.raises(ResultsError) as caught:
        read(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert said in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"cannot read .*no\.json: No such file"):
        read(tmp_path / "no.json")
    with pytest.raises(ResultsError, match=r"cannot read .*: Is a directory"):
        read(tmp_path)
    os.mkfifo(tmp_path / "pipe")  # which would not end
    with pytest.raises(ResultsError, match=r"cannot read .*pipe: it is a pipe"):
        read(tmp_path / "pipe")
    with (tmp_path / "large").open("wb") as stream:
        stream.truncate(10**12)
    with pytest.raises(ResultsError, match=r"large has 1,000,000,000,000 bytes"):
        read(tmp_path / "large")


def change(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda found: found["results"][0].update(fields)


WRONG: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (lambda found: found["results"][0].pop("dtype"), "in results[1]: 'dtype' is a required"),
    (lambda found: found["runs"][0].pop("device"), "in runs[1]: 'device' is a required"),
    (change(color="red"), "'color' was unexpected"),
    (change(op=""), "in results[1].op"),
    (change(op="two words"), "in results[1].op"),
    (change(op=7), "in results[1].op: 7 is not of type 'string'"),
    (change(mode="Eager!"), "in results[1].mode"),
    (change(dtype=""), "in results[1].dtype"),
    (change(status="skip"), "in results[1].status: 'skip' is not one of"),
    (change(status=None), "in results[1].status"),
    (change(error="0.5"), "in results[1].error"),
    (change(error=-0.5), "in results[1].error: -0.5 is less than the minimum"),
    (change(error=1e999), "results[1].error"),
    (change(seconds=1e999), "in results[1].seconds"),
    (change(seconds=-1), "in results[1].seconds"),
    (change(cases=1.5), "in results[1].cases"),
    (change(cases=True), "in results[1].cases"),
    (change(cases=-1), "in results[1].cases"),
    (change(compared=10**400), "in results[1].compared"),
    (change(compared=1e300), "in results[1].compared"),
    # A pass has compared something, and has an error but no reason; the others have a reason.
    (change(error=None), "in results[1].error"),
    (change(cases=0), "in results[1]"),
    (change(compared=0), "in results[1].compared"),
    (change(cases=0, compared=0, error=None), "in results[1]"),
    (change(reason="because"), "in results[1].reason"),
    (change(status="fail"), "in results[1].reason"),
    (change(status="unsupported"), "in results[1].reason"),
    (change(status="fail", reason="x", cases=0), "in results[1]"),
    (lambda found: found["runs"][0].update(sample="some"), "in runs[1].sample"),
    (lambda found: found["runs"][0].update(tool="hand"), "in runs[1].tool"),
    (lambda found: found["runs"][0].update(partial=0), "in runs[1].partial"),
    (lambda found: found["runs"][0].update(left_out=None), "in runs[1].left_out"),
    (lambda found: found.update(results={}), "in results: {} is not of type 'array'"),
    (lambda found: found.update(results=[[]]), "in results[1]: [] is not of type 'object'"),
    (lambda found: found.update(more=1), "'more' was unexpected"),
]


@pytest.mark.parametrize(("spoil", "said"), WRONG, ids=[said for _, said in WRONG])
def test_what_does_not_follow_the_schema_is_refused_with_its_place(
    tmp_path: Path, spoil: Callable[[dict[str, Any]], Any], said: str
) -> None:
    found = plain()
    spoil(found)
    file = tmp_path / "r.json"
    # An infinite number is written as one that is too large, which JSON allows.
    file.write_text(json.dumps(found).replace("Infinity", "1e999"))
    with pytest.raises(ResultsError) as caught:
        read(file)
    assert "not a result file of einport: in " in str(caught.value)
    assert said in str(caught.value)


def test_a_result_of_no_run_or_found_twice_is_refused(tmp_path: Path) -> None:
    found = plain(CELL, CELL._replace(op="gelu"))
    found["results"][1] = found["results"][0]
    (tmp_path / "twice.json").write_text(json.dumps(found))
    with pytest.raises(ResultsError, match=r"results\[2\] is there a second time: gelu on torch"):
        read(tmp_path / "twice.json")
    found = plain()
    found["results"][0]["device"] = "cuda:0"
    (tmp_path / "norun.json").write_text(json.dumps(found))
    with pytest.raises(ResultsError, match=r"is of torch 2\.13\.0 cuda:0, of which there is no"):
        read(tmp_path / "norun.json")


def test_whole_numbers_may_be_written_as_floats(tmp_path: Path) -> None:
    found = plain()
    found["results"][0].update(cases=1.0, error=2)
    (tmp_path / "r.json").write_text(json.dumps(found))
    (cell,) = read(tmp_path / "r.json").cells
    assert isinstance(cell.cases, int)
    assert isinstance(cell.error, float)


def test_without_jsonschema_reading_says_how_to_get_it(tmp_path: Path) -> None:
    write(tmp_path / "r.json", document(CELL))
    program = (
        "import sys\nsys.modules['jsonschema'] = None\n"
        "from einport.cli import cli\ncli(['matrix', sys.argv[1]])\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "r.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install 'einport[cli]'" in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr


# --- Several as one ------------------------------------------------------------------------------


def test_merging_keeps_every_framework_version_and_device() -> None:
    others = [
        CELL._replace(device="cuda:0"),
        CELL._replace(version="2.12.0"),
        CELL._replace(backend="jax", version="0.10.2"),
    ]
    merged = merge([document(CELL), *map(document, others)])
    assert set(merged.cells) == {CELL, *others}
    assert [run.column for run in merged.runs] == [cell.column for cell in [CELL, *others]]


def test_of_two_files_with_the_same_result_the_later_one_counts() -> None:
    later = CELL._replace(error=3.0)
    assert merge([document(CELL), document(later)]).cells == (later,)
    assert merge([document(later), document(CELL)]).cells == (CELL,)


def test_merging_keeps_what_is_said_of_each_run() -> None:
    merged = merge([document(CELL), document(CELL), document(CELL, einport="0.2.0", partial=True)])
    assert merged.runs == (RUN, RUN._replace(einport="0.2.0", partial=True))


# --- What changed --------------------------------------------------------------------------------


def kinds(old: Document, new: Document) -> list[str]:
    return [change.kind for change in diff(old, new)]


@pytest.mark.parametrize(
    ("was", "now", "kind"),
    [
        (CELL, FAILED, "regression"),
        (CELL, GAP, "regression"),
        (GAP, FAILED, "regression"),
        (FAILED, CELL, "fixed"),
        (GAP, CELL, "fixed"),
        (FAILED, GAP, "declared"),
        (CELL, CELL._replace(error=1.2), "worse error"),
        (CELL._replace(error=3.0), CELL._replace(error=6.1), "worse error"),
        (CELL._replace(error=0.0), CELL._replace(error=1.1), "worse error"),
        (CELL._replace(cases=9), CELL._replace(cases=4), "fewer cases"),
        (CELL, CELL, None),
        (FAILED, FAILED._replace(reason="another"), None),
        (GAP, GAP, None),
        (CELL._replace(error=0.1), CELL._replace(error=0.9), None),
        (CELL._replace(error=3.0), CELL._replace(error=5.9), None),
        (CELL._replace(error=6.0), CELL._replace(error=1.0), None),
        (CELL._replace(cases=9), CELL._replace(cases=5), None),
        (CELL, CELL._replace(seconds=99.0, compared=1), None),
    ],
)
def test_each_kind_of_change(was: Any, now: Any, kind: str | None) -> None:
    assert kinds(document(was), document(now)) == ([] if kind is None else [kind])
    # A new release of the framework is held against the old one.
    newer = document(now._replace(version="2.14.0"))
    assert kinds(document(was), newer) == ([] if kind is None else [kind])


GELU = CELL._replace(op="gelu")


def test_what_was_not_there_is_new() -> None:
    assert kinds(document(CELL), document(CELL, GELU)) == ["new"]
    assert kinds(document(CELL), document(CELL, CELL._replace(device="cuda:0"))) == ["new"]


@pytest.mark.parametrize("gone", [GELU, GELU._replace(status="fail", reason="x")])
def test_an_operation_that_is_gone_is_a_regression(gone: Any) -> None:
    assert kinds(document(CELL, gone), document(CELL)) == ["regression"]
    assert kinds(document(CELL, gone), document(CELL, sample="all")) == ["regression"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({}, {"partial": True}),
        ({"sample": "all"}, {}),
        ({"sample": "all", "partial": True}, {}),
        ({}, {"sample": "all", "partial": True}),
        ({}, {"tool": "matrix"}),
    ],
)
def test_what_the_new_run_leaves_out_is_not_a_regression(old: Any, new: Any) -> None:
    assert kinds(document(CELL, GELU, **old), document(CELL, **new)) == ["not run"]
    many, few = CELL._replace(cases=9), CELL._replace(cases=1)
    assert kinds(document(many, **old), document(few, **new)) == []


def test_a_framework_or_device_that_was_not_run_is_not_a_regression() -> None:
    cuda, jax = CELL._replace(device="cuda:0"), CELL._replace(backend="jax")
    assert kinds(document(CELL, cuda, jax), document(CELL)) == ["not run", "not run"]


def test_a_gap_that_is_gone_is_not_a_regression() -> None:
    assert kinds(document(CELL, GAP._replace(op="gelu")), document(CELL)) == ["not run"]


def test_a_mode_or_a_dtype_that_is_gone_is_a_regression_but_not_a_pair_of_them() -> None:
    half, compiled = CELL._replace(dtype="float16"), CELL._replace(mode="compiled")
    both = CELL._replace(dtype="float16", mode="compiled")
    whole = document(CELL, half, compiled, both)
    assert kinds(whole, document(CELL, half, compiled)) == ["not run"]
    assert kinds(whole, document(CELL, half)) == ["regression", "regression"]
    assert kinds(whole, document(CELL, compiled)) == ["regression", "regression"]


def test_of_two_versions_in_a_file_the_last_run_counts() -> None:
    older, newer = FAILED._replace(version="2.9.0"), CELL._replace(version="2.10.0")
    both = merge([document(older), document(newer)])
    assert kinds(both, document(CELL)) == []
    assert kinds(merge([document(newer), document(older)]), document(CELL)) == ["fixed"]
    assert [run.version for run in versions_left_out(both)] == ["2.9.0"]


def test_regressions_come_first_and_each_kind_in_order() -> None:
    old = document(CELL, GELU, FAILED._replace(op="relu"), CELL._replace(op="zeta"))
    new = document(
        FAILED,
        CELL._replace(op="alpha"),
        GELU._replace(error=9.0),
        CELL._replace(op="relu"),
        CELL._replace(op="zeta"),
    )
    assert kinds(old, new) == ["regression", "fixed", "worse error", "new"]
    assert len(pairs(old, new)) == 4
    assert set(kinds(old, new)) < set(KINDS)
