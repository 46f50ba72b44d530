"""Bugs that only show when an operation is traced, differentiated or left on its device.

Each is planted in every operation if all is asked for. Otherwise in one of three, other ones for
each framework; a size made constant in one of eight, and a gradient that only a graph loses in one
of twelve: compiling takes long.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial, wraps
from typing import Any

import pytest

from einport.backends import Backend
from einport.backends.trees import tree_leaves, tree_map
from einport.catalog import Entry
from einport.suite import modes
from einport.suite.drivers import driver_of, thoroughly
from einport.suite.modes import (
    ABSTRACT,
    COMPILED_GRADIENT,
    DEVICE,
    DYNAMIC,
    GRADIENT,
    sized_case,
)
from einport.suite.plan import differentiable, usual_dtype
from einport.suite.runner import Outcome, outcome_of

Break = Callable[[Backend, list[Any], Any], Any]
"""Takes the framework, the arrays among the arguments, and the result; gives a wrong one."""


@pytest.fixture(autouse=True)
def few_graphs(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(modes, "ROWS", (3, 2, 5))
    with thoroughly(False):
        yield
    driver_of(backend).settle()


def broken(one: Entry, xp: Backend, wrong: Break) -> Entry:
    @wraps(one.op)
    def op(*args: Any, **kwargs: Any) -> Any:
        arrays = [leaf for leaf in tree_leaves((args, kwargs)) if xp.owns(leaf)]
        return wrong(xp, arrays, one.op(*args, **kwargs))

    return replace(one, op=op)


def each(xp: Backend, change: Callable[[Any], Any], result: Any) -> Any:
    return tree_map(lambda x: change(x) if xp.owns(x) else x, result)


def without_gradient(xp: Backend, arrays: list[Any], result: Any) -> Any:
    """The result as a constant: right in value, with no way back."""
    return each(xp, partial(stopped, xp), result)


def stopped(xp: Backend, x: Any) -> Any:
    if xp.name == "torch":
        return x.detach()
    if xp.name == "jax":
        import jax

        return jax.lax.stop_gradient(x)
    import tensorflow as tf

    return tf.stop_gradient(x)


def unharmed(xp: Backend, arrays: list[Any], result: Any) -> Any:
    return result


def half_a_gradient(xp: Backend, arrays: list[Any], result: Any) -> Any:
    """Right in value, and half of the derivative."""
    return each(xp, lambda x: x - 0.5 * (x - stopped(xp, x)) if xp.is_floating(x) else x, result)


def through_numpy(xp: Backend, arrays: list[Any], result: Any) -> Any:
    """By way of the host."""
    return each(xp, lambda x: xp.asarray(xp.to_numpy(x), xp.dtype(x), xp.device(x)), result)


def with_a_look(xp: Backend, arrays: list[Any], result: Any) -> Any:
    """A value is read, and decides nothing."""
    return result if bool(xp.any(arrays[0])) else each(xp, lambda x: x, result)


def without_gradient_in_a_graph(xp: Backend, arrays: list[Any], result: Any) -> Any:
    """Right when called as it is; compiled, a constant."""
    return result if xp.is_concrete(arrays[0]) else without_gradient(xp, arrays, result)


def plus_a_constant(xp: Backend, arrays: list[Any], result: Any) -> Any:
    """With an array that the host has made."""
    return each(xp, lambda x: x + xp.asarray([0], xp.dtype(x), xp.device(x)), result)


def at_one_size(xp: Backend, arrays: list[Any], result: Any) -> Any:
    """A step for each row, as a loop in Python has: the graph is right for that size alone."""
    for x in arrays:
        for size in xp.shape(x):
            for _ in range(size):
                pass
    return result


def caught(one: Entry, xp: Backend, device: str, mode: str, wrong: Break) -> bool:
    case = sized_case(one, 3) if mode == DYNAMIC else one.cases[0]
    if mode in (GRADIENT, COMPILED_GRADIENT):
        case = next(case for case in differentiable(one) if case.no_gradient is None)
    dtype = "float64" if mode in (GRADIENT, COMPILED_GRADIENT) else usual_dtype(one, case)
    outcome: Outcome = outcome_of(broken(one, xp, wrong), case, xp, device, dtype, mode)
    return outcome.status == "fail"


def traces(one: Entry, backend: str) -> bool:
    """NumPy has no such modes: its gaps are in the matrix."""
    return backend != "numpy"


def has_gradient(one: Entry, backend: str) -> bool:
    return traces(one, backend) and one.no_gradient is None


@pytest.mark.einport(applies=has_gradient, one_in=3)
@pytest.mark.parametrize("wrong", [without_gradient, half_a_gradient])
def test_a_lost_gradient_is_caught(
    backend: Backend, device: str, entry: Entry, wrong: Break
) -> None:
    with backend.dtype_scope("float64"):
        assert caught(entry, backend, device, GRADIENT, wrong)


@pytest.mark.einport(applies=has_gradient, one_in=12)
def test_a_gradient_lost_in_a_graph_is_caught(backend: Backend, device: str, entry: Entry) -> None:
    with backend.dtype_scope("float64"):
        assert caught(entry, backend, device, COMPILED_GRADIENT, without_gradient_in_a_graph)
        assert not caught(entry, backend, device, COMPILED_GRADIENT, unharmed)


@pytest.mark.einport(applies=traces, one_in=3)
@pytest.mark.parametrize("way", [ABSTRACT, DEVICE])
@pytest.mark.parametrize("wrong", [through_numpy, with_a_look])
def test_a_look_at_the_host_is_caught(
    backend: Backend, device: str, entry: Entry, way: str, wrong: Break
) -> None:
    assert caught(entry, backend, device, way, wrong)


# JAX and TensorFlow send such arrays without making the host wait.
@pytest.mark.einport(applies=lambda one, backend: backend == "torch", one_in=3)
def test_values_sent_to_the_device_are_caught(backend: Backend, device: str, entry: Entry) -> None:
    assert caught(entry, backend, device, DEVICE, plus_a_constant)


@pytest.mark.einport(applies=traces, one_in=8)
def test_a_size_made_constant_is_caught(backend: Backend, device: str, entry: Entry) -> None:
    assert caught(entry, backend, device, DYNAMIC, at_one_size)
