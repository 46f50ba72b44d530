"""Every operation traces to one graph, and gives there what it gives when called."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from einport.backends import Backend
from einport.backends.trees import tree_leaves, tree_map
from einport.catalog import Entry
from einport.suite.inputs import draw_inputs, to_backend
from einport.suite.runner import usual_dtype


def graph_of(xp: Backend, fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function as one graph; PyTorch's without the seconds that code generation takes."""
    if xp.name == "torch":
        import torch

        torch._dynamo.reset()
        return torch.compile(fn, fullgraph=True, backend="eager")
    return xp.compile(fn)


def arrays_and_call(entry: Entry, xp: Backend, device: str) -> tuple[list[Any], Callable[..., Any]]:
    """The arrays of the entry's first case, and the operation as a function of them alone."""
    inputs = draw_inputs(entry.cases[0], usual_dtype(entry), entry.name)
    arrays: list[Any] = []
    places: dict[int, int] = {}

    def note(leaf: Any) -> Any:
        if xp.owns(leaf):
            places[id(leaf)] = len(arrays)
            arrays.append(leaf)
        return leaf

    template = tree_map(note, to_backend(xp, inputs, device))

    def call(*given: Any) -> list[Any]:
        args, kwargs = tree_map(
            lambda leaf: given[places[id(leaf)]] if id(leaf) in places else leaf, template
        )
        return [leaf for leaf in tree_leaves(entry.op(*args, **kwargs)) if xp.owns(leaf)]

    return arrays, call


@pytest.mark.einport(mode="compiled")
def test_an_operation_traces(backend: Backend, device: str, entry: Entry) -> None:
    arrays, call = arrays_and_call(entry, backend, device)
    expected = call(*arrays)
    results = list(graph_of(backend, call)(*arrays))
    assert len(results) == len(expected) > 0
    for result, want in zip(results, expected, strict=True):
        assert backend.dtype(result) == backend.dtype(want)
        np.testing.assert_allclose(
            backend.to_numpy(result), backend.to_numpy(want), rtol=1e-6, atol=1e-7
        )
