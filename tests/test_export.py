"""Saving an operation, and the process that loads it without einport."""

import os
from contextlib import nullcontext
from dataclasses import replace
from functools import wraps
from pathlib import Path

import numpy as np
import pytest
from einops import rearrange
from lab import ALL, plain

from einport.catalog import entry
from einport.suite import export
from einport.suite.export import (
    Loader,
    LoaderError,
    Value,
    close_loaders,
    run_exported,
    run_exported_unknown,
    save,
)
from einport.suite.inputs import draw_inputs, to_backend
from einport.suite.judge import Wrong

pytestmark = pytest.mark.once


def refused_by_numpy(backend, otherwise=None):
    """What a test of exporting expects: on NumPy that saving, its first step, is refused."""
    if backend.name == "numpy":
        return pytest.raises(NotImplementedError, match=r"^NumPy has no exported form$")
    return nullcontext() if otherwise is None else otherwise


def run_there(backend, device, folder, arrays):
    values = [Value(backend.to_numpy(x), backend.dtype(x)) for x in arrays]
    return export._loader_for(backend.name).run(folder, values, device)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


# --- With the framework under test ---------------------------------------------------------------


def test_every_dtype_goes_there_and_back(backend, device, tmp_path):
    """To the bit: NaN, infinities and the zeros' signs included, and arrays without elements."""
    special = [[0.0, -0.0, 1.5], [np.nan, np.inf, -np.inf]]
    number = [[0, 1, 2], [100, 7, 3]]

    def turned(*arrays):
        return [rearrange(x, "a b -> b a") if len(backend.shape(x)) == 2 else x for x in arrays]

    with refused_by_numpy(backend), backend.dtype_scope("float64"):
        wanted, arrays = [], []
        for dtype in ALL:
            for data in (special if "float" in dtype else number, np.zeros((0, 3)), 1):
                values = plain(data, dtype)
                stored = values.astype("float32" if dtype == "bfloat16" else dtype)
                arrays.append(backend.asarray(stored, dtype, device))
                wanted.append((dtype, values.T))
        save(backend, turned, arrays, tmp_path)
        found = run_there(backend, device, tmp_path, arrays)
        for got, (dtype, values) in zip(found, wanted, strict=True):
            assert (got.dtype, got.device) == (dtype, device)
            assert got.plain.dtype == ("float32" if dtype == "bfloat16" else dtype)
            np.testing.assert_array_equal(got.plain, values)
            known = values == values  # NaN has no sign
            np.testing.assert_array_equal(np.signbit(got.plain)[known], np.signbit(values)[known])


@pytest.mark.parametrize("scope", ["float32", "float64"])
def test_a_result_has_the_dtype_that_it_was_exported_with(backend, device, tmp_path, scope):
    with refused_by_numpy(backend), backend.dtype_scope(scope):
        x = backend.asarray(np.array([1, 5, 2], np.float32), device=device)
        save(backend, lambda x: [backend.argmax(x), x], [x], tmp_path)
        index, same = run_there(backend, device, tmp_path, [x])
        assert (index.dtype, same.dtype) == (backend.index_dtype, "float32")
        assert index.plain == 1


def test_what_was_exported_stays(backend, device, tmp_path):
    """The artefact holds the operation of that day, not a way to call today's."""
    with refused_by_numpy(backend):
        x = backend.asarray([1.0, 2.0], "float32", device)
        factor = [2.0]
        save(backend, lambda x: [x * factor[0]], [x], tmp_path)
        factor[0] = 3.0
        (got,) = run_there(backend, device, tmp_path, [x])
        assert got.plain.tolist() == [2.0, 4.0]


def test_a_broken_artefact_is_reported_and_the_loader_goes_on(backend, device, tmp_path):
    with refused_by_numpy(backend):
        broken, whole = tmp_path / "broken", tmp_path / "whole"
        x = backend.asarray([1.0, 4.0], "float32", device)
        for folder in (broken, whole):
            folder.mkdir()
            save(backend, lambda x: [backend.sqrt(x)], [x], folder)
        for file in [path for path in broken.rglob("*") if path.is_file()]:
            file.write_bytes(file.read_bytes()[:20])
        with pytest.raises(LoaderError):
            run_there(backend, device, broken, [x])
        before = export._loader_for(backend.name).pid
        (got,) = run_there(backend, device, whole, [x])
        assert got.plain.tolist() == [1.0, 2.0]
        assert export._loader_for(backend.name).pid == before


def test_other_shapes_are_refused(backend, device, tmp_path):
    """What was exported for one shape is for that shape, or fails."""
    with refused_by_numpy(backend):
        x = backend.asarray([1.0, 4.0], "float32", device)
        save(backend, lambda x: [backend.sqrt(x)], [x], tmp_path)
        with pytest.raises(LoaderError):
            run_there(backend, device, tmp_path, [backend.asarray([1.0], "float32", device)])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
def test_an_operation(backend, device, dtype):
    one = entry("softmax")
    with refused_by_numpy(backend):
        assert run_exported(one, one.cases[0], backend, device, dtype).compared > 1
        assert run_exported_unknown(one, backend, device, dtype).compared > 2


def test_a_value_that_was_kept_shows(backend, device):
    one = entry("softmax")
    drawn = draw_inputs(one.cases[0], "float32", f"{one.name}/exported")
    args, kwargs = to_backend(backend, drawn, device)
    kept = one.op(*args, **kwargs)

    @wraps(one.op)
    def constant(x, *args, **kwargs):
        return x * 0 + kept

    with refused_by_numpy(backend, pytest.raises(Wrong, match="values differ")):
        run_exported(replace(one, op=constant), one.cases[0], backend, device, "float32")


def test_a_size_that_was_kept_shows(backend, device):
    one = entry("softmax")

    @wraps(one.op)
    def of_three(x, *args, **kwargs):
        return one.op(rearrange(x, "(rows one) n -> (rows one) n", rows=3), *args, **kwargs)

    said = pytest.raises(Exception, match=r"(?i)constraint|divi|split|shape")
    with refused_by_numpy(backend, said):
        run_exported_unknown(replace(one, op=of_three), backend, device, "float32")


# --- The process, with a framework that is none --------------------------------------------------

STRANGE = """
import importlib.util, os, sys, time
spec = importlib.util.spec_from_file_location("loader", {loader!r})
loader = importlib.util.module_from_spec(spec)
spec.loader.exec_module(loader)

def run(artefact, records, device):
    {body}
    return records

def start():
    {start}
    return run

loader.RUNNERS["strange"] = start
loader.main()
"""


@pytest.fixture
def strange(tmp_path, monkeypatch):
    """Makes a loader that does as it is told at its start and in each call."""
    loaders = []

    def make(body="pass", start="pass", patience=60.0):
        script = tmp_path / "strange.py"
        script.write_text(STRANGE.format(loader=str(export.SCRIPT), body=body, start=start))
        monkeypatch.setattr(export, "SCRIPT", script)
        loaders.append(Loader("strange", patience))
        return loaders[-1]

    yield make
    for loader in loaders:
        loader.close()


ONE = [Value(np.array([[1, 2]], np.int8), "int8")]


def test_one_process_serves_many_calls(strange):
    loader = strange()
    assert loader.pid is None
    pids = set()
    for size in (0, 1, 300_000):  # the last is more than a pipe holds
        (got,) = loader.run(Path(), [Value(np.arange(size), "int64")])
        assert got.plain.tolist() == list(range(size))
        pids.add(loader.pid)
    assert len(pids) == 1


def test_what_a_framework_prints_is_no_answer(strange):
    said = "print('{}'); os.write(1, b'{\"results\": []}\\n'); os.system('echo {}')"
    (got,) = strange(body=said, start=said).run(Path(), ONE)
    assert got.plain.tolist() == [[1, 2]]


@pytest.mark.parametrize("name", ["einport", "einops", "einport.backends.trees"])
def test_an_artefact_that_needs_einport_is_refused(strange, name):
    with pytest.raises(LoaderError, match=f"does not stand alone: it needs .*{name[:6]}"):
        strange(body=f"import {name}").run(Path(), ONE)


def test_einport_is_not_there_at_the_start(strange):
    (got,) = strange(
        body="assert not {n.partition('.')[0] for n in sys.modules} & {'einport'}"
    ).run(Path(), ONE)
    assert got.dtype == "int8"


def test_an_error_is_reported(strange):
    loader = strange(body="raise KeyError('no such weight')")
    for _ in range(2):
        with pytest.raises(LoaderError, match=r"^KeyError: 'no such weight'$"):
            loader.run(Path(), ONE)


def test_a_loader_that_dies_says_its_last_words_and_starts_again(strange):
    body = "artefact.name == 'bad' and (os.write(2, b'out of everything'), os._exit(3))"
    loader = strange(body=body)
    loader.run(Path("good"), ONE)
    first = loader.pid
    with pytest.raises(LoaderError, match=r"strange ended with 3; .*\nout of everything$"):
        loader.run(Path("bad"), ONE)
    assert loader.pid is None
    assert not alive(first)
    (got,) = loader.run(Path("good"), ONE)
    assert got.plain.tolist() == [[1, 2]]
    assert loader.pid != first


def test_a_loader_that_was_ended_is_reported(strange):
    loader = strange()
    loader.run(Path(), ONE)
    os.kill(loader.pid, 9)
    with pytest.raises(LoaderError, match="strange ended with -9"):
        loader.run(Path(), [Value(np.zeros(300_000), "float64")])


def test_a_loader_that_cannot_start_is_reported(strange):
    loader = strange(start="import no_such_framework")
    with pytest.raises(LoaderError, match=r"(?s)ended with 1; .*no_such_framework"):
        loader.run(Path(), ONE)


@pytest.mark.parametrize("when", ["body", "start"])
def test_a_loader_that_is_silent_is_ended(strange, when):
    loader = strange(**{when: "time.sleep(600)"}, patience=1.5)
    with pytest.raises(LoaderError, match=r"strange said nothing for 1\.5 s"):
        loader.run(Path(), ONE)
    assert loader.pid is None


def test_closing_leaves_nothing(strange, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    loader = strange()
    before = set(tmp_path.iterdir())
    loader.run(Path(), ONE)
    pid = loader.pid
    assert alive(pid)
    assert len(set(tmp_path.iterdir()) - before) == 1
    loader.close()
    loader.close()
    assert not alive(pid)
    assert set(tmp_path.iterdir()) == before


def test_the_shared_ones_are_closed(strange, monkeypatch):
    loader = strange()
    monkeypatch.setattr(export, "_loaders", {"strange": loader})
    export._loader_for("strange").run(Path(), ONE)
    pid = loader.pid
    close_loaders()
    assert not alive(pid)
    assert export._loaders == {}
