"""How precisely a framework was told to compute is kept with each run."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from records import CELL, RUN, document, follow_schema, saved

from einport.backends import Backend
from einport.cli import cli
from einport.suite import results

pytestmark = pytest.mark.once

SETTINGS = (("cudnn.allow_tf32", False), ("float32_matmul_precision", "highest"))
IN_WORDS = "cudnn.allow_tf32 false, float32_matmul_precision highest"

FULL = {
    "numpy": {},
    "torch": {
        "float32_matmul_precision": "highest",
        "cuda.matmul.allow_tf32": False,
        "cudnn.allow_tf32": False,
    },
    "jax": {"jax_default_matmul_precision": "highest"},
    "tensorflow": {"tensor_float_32_execution": False},
}


def run_of(backend: Backend) -> results.Run:
    return results.run_on(backend, "cpu", everything=False, partial=False, left_out=0)


def test_a_run_says_that_each_framework_was_told_to_compute_in_full(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NVIDIA_TF32_OVERRIDE", raising=False)
    assert dict(run_of(backend).settings) == FULL[backend.name]


def test_a_run_says_what_overrides_that(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "1")
    assert dict(run_of(backend).settings)["NVIDIA_TF32_OVERRIDE"] == "1"


def test_settings_go_through_a_file_and_follow_the_schema(tmp_path: Path) -> None:
    told = document(CELL._replace(device="cuda:0"), settings=SETTINGS)
    data = results.encode(told)
    follow_schema(json.loads(data))
    (tmp_path / "r.json").write_bytes(data)
    assert results.read(tmp_path / "r.json") == told


def test_a_file_of_before_they_were_kept_is_read_and_written_as_it_was(tmp_path: Path) -> None:
    data = results.encode(document())
    assert b"settings" not in data
    (tmp_path / "r.json").write_bytes(data)
    found = results.read(tmp_path / "r.json")
    assert found.runs[0].settings == ()
    assert results.encode(found) == data


@pytest.mark.parametrize(("device", "shown"), [("cuda:0", True), ("cpu", False), ("cpu:1", False)])
def test_the_settings_of_an_accelerator_are_shown(tmp_path: Path, device: str, shown: bool) -> None:
    assert RUN._replace(device=device, settings=SETTINGS).precision == (IN_WORDS if shown else "")
    file = saved(tmp_path, "r.json", CELL._replace(device=device), settings=SETTINGS)
    result = CliRunner(env={"COLUMNS": "400", "NO_COLOR": "1"}).invoke(cli, ["matrix", file])
    assert (f"Linux; {IN_WORDS}" in result.output) is shown
