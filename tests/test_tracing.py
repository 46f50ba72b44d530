"""Every operation traces to one graph, and gives there what it gives when called."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from einport.backends import Backend
from einport.catalog import Entry
from einport.suite.calls import Call
from einport.suite.inputs import draw_inputs, to_backend
from einport.suite.runner import usual_dtype


def graph_of(xp: Backend, fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function as one graph; PyTorch's without the seconds that code generation takes."""
    if xp.name == "torch":
        import torch

        torch._dynamo.reset()
        return torch.compile(fn, fullgraph=True, backend="eager")
    return xp.compile(fn)


@pytest.mark.einport(mode="compiled")
def test_an_operation_traces(backend: Backend, device: str, entry: Entry) -> None:
    inputs = draw_inputs(entry.cases[0], usual_dtype(entry), entry.name)
    call = Call(entry, backend, to_backend(backend, inputs, device))
    expected = call(*call.arrays)
    results = list(graph_of(backend, call)(*call.arrays))
    assert len(results) == len(expected) > 0
    for result, want in zip(results, expected, strict=True):
        assert backend.dtype(result) == backend.dtype(want)
        values = backend.to_numpy(want)
        # A sum is off by epsilons of its largest terms, however small it is itself.
        atol = 1e-6 * np.abs(values[np.isfinite(values)]).max(initial=0)
        np.testing.assert_allclose(backend.to_numpy(result), values, rtol=1e-6, atol=atol)
