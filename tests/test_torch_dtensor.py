"""Operations take PyTorch's sharded tensors: two processes hold the parts, and give DTensors."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("sharded.py")


class Pair:
    """Two processes that do the same, and what they answered."""

    def __init__(self, folder):
        self._told = {}
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "GLOO_SOCKET_IFNAME": "lo"}
        self._logs = [folder / f"{rank}.log" for rank in range(2)]
        self._processes = [
            subprocess.Popen(
                [sys.executable, str(PROGRAM), str(rank), str(folder / "meeting")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log.open("w"),
                text=True,
                env=environment,
            )
            for rank, log in enumerate(self._logs)
        ]

    def ask(self, *words):
        """What both say to a task; asked once."""
        task = " ".join(map(str, words))
        if task not in self._told:
            for process in self._processes:
                process.stdin.write(task + "\n")
                process.stdin.flush()
            self._told[task] = [self._answer(rank) for rank in range(2)]
        return self._told[task]

    def stop(self):
        for process in self._processes:
            process.stdin.close()
        for process in self._processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()

    def _answer(self, rank):
        for line in self._processes[rank].stdout:
            if line.startswith("answer "):
                return json.loads(line.removeprefix("answer "))
        raise AssertionError(f"process {rank} ended: {self._logs[rank].read_text()[-3000:]}")


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    made = Pair(tmp_path_factory.mktemp("pair"))
    yield made
    made.stop()


def is_torch(entry, backend):
    return backend == "torch"


def has_derivative(entry, backend):
    return backend == "torch" and entry.no_gradient is None


def of(op):
    """What is tried of one operation."""
    return pytest.mark.einport(applies=lambda one, backend: backend == "torch" and one.name == op)


def assert_none(answers, kind):
    failed = [failure for answer in answers for failure in answer["failures"][kind]]
    assert not failed, "\n".join(failed)
    assert all(answer["compared"] for answer in answers)


@pytest.mark.einport(applies=is_torch)
def test_dtensors_give_the_values_of_plain_tensors(entry, backend, pair):
    assert_none(pair.ask("entry", entry.name, 1), "results")


@pytest.mark.einport(applies=has_derivative)
def test_dtensors_have_the_gradients_of_plain_tensors(entry, backend, pair):
    assert_none(pair.ask("entry", entry.name, 1), "gradients")


@pytest.mark.thorough
@pytest.mark.einport(applies=is_torch)
def test_more_cases_and_placements_of_dtensors(entry, backend, pair):
    answers = pair.ask("entry", entry.name, 4)
    assert_none(answers, "results")
    assert_none(answers, "gradients")


@of("scaled_dot_product_attention")
def test_sharded_heads_of_attention_stay_sharded(entry, backend, pair):
    assert_none(pair.ask("check", "heads_stay_sharded"), "check")


@of("conv2d")
def test_a_sharded_batch_stays_sharded(entry, backend, pair):
    assert_none(pair.ask("check", "a_batch_stays_sharded"), "check")


@of("einsum")
def test_a_projection_by_columns_then_by_rows(entry, backend, pair):
    assert_none(pair.ask("check", "columns_and_rows_of_projections"), "check")


@of("moe_layer")
def test_experts_spread_over_processes(entry, backend, pair):
    assert_none(pair.ask("check", "experts_over_processes"), "check")


@of("conv2d")
def test_a_mesh_of_two_axes(entry, backend, pair):
    assert_none(pair.ask("check", "a_mesh_of_two_axes"), "check")


@of("reduce")
def test_reductions_of_parts_of_different_sizes(entry, backend, pair):
    assert_none(pair.ask("check", "parts_of_different_sizes"), "check")


@of("group_tokens_by_expert")
def test_axes_that_count_from_the_end(entry, backend, pair):
    assert_none(pair.ask("check", "axes_that_count_from_the_end"), "check")


@of("row_sums")
def test_sums_over_processes_are_rounded_once(entry, backend, pair):
    assert_none(pair.ask("check", "sums_in_16_bits_are_rounded_once"), "check")


@of("group_tokens_by_expert")
def test_operators_that_older_versions_lack_are_not_asked_of_dtensors(entry, backend, pair):
    assert_none(pair.ask("check", "operators_that_older_versions_lack"), "check")


@of("layer_norm")
def test_plain_tensors_beside_dtensors_are_refused(entry, backend, pair):
    assert_none(pair.ask("check", "plain_tensors_beside_are_refused"), "check")


@of("rearrange")
def test_values_come_to_numpy_whole(entry, backend, pair):
    assert_none(pair.ask("check", "values_come_to_numpy_whole"), "check")


@of("rearrange")
def test_einops_treats_plain_tensors_as_before(entry, backend, pair):
    assert_none(pair.ask("check", "einops_knows_plain_tensors_as_before"), "check")


@pytest.mark.thorough
@of("conv2d")
def test_dtensors_compile_whole(entry, backend, pair):
    assert_none(pair.ask("check", "a_compiled_graph_is_whole"), "check")
