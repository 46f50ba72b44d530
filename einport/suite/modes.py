"""How a case is run in each mode, and judged there.

* `eager`: called as it is.
* `abstract`: on stand-ins without values, where a copy to the host fails as it would while
  compiling; shapes and dtypes must come out as promised.
* `device`: with every read of a value refused, as an accelerator's user wants it.
* `compiled`: as one graph, by the framework's usual compiler; `xla`: by TensorFlow's XLA.
* `dynamic`: as one graph for any number of rows, called with several; PyTorch, where it is told
  nothing of sizes, makes one for the first and one for all others.
* `gradient`: the derivative along a random direction of a random sum of the results, in float64
  and loosely in 16 bits, against the oracle's; `compiled-gradient`: through the compiled form.
* `mapped`: over a new leading axis, against one call after the other.
* `exported`: saved, loaded in a fresh process, and run there.
* `held`: with arrays as users hold them, such as a module's parameters; `einport.suite.holders`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from einops import rearrange

from ..backends import Backend
from ..backends.reading import value_checks
from ..backends.trees import tree_leaves
from ..catalog import Case, Entry
from .calls import Call
from .derivative import judge_derivative, own_derivative
from .drivers import Sample, driver_of
from .expected import expected_of, judge_arrays
from .export import run_exported
from .holders import run_held
from .inputs import draw_inputs, to_backend
from .judge import Verdict, Wrong, check_untouched, judge, result_dtype

EAGER, ABSTRACT, DEVICE = "eager", "abstract", "device"
COMPILED, XLA, DYNAMIC = "compiled", "xla", "dynamic"
GRADIENT, COMPILED_GRADIENT = "gradient", "compiled-gradient"
MAPPED, EXPORTED = "mapped", "exported"
HELD = "held"

ROWS = (3, 2, 5, 8, 13)
"""The numbers of rows that one graph must do for: never 1, which compilers take apart."""

MAPPED_CALLS = 3
"""How many calls are mapped at once."""

Runner = Callable[[Entry, Case, Backend, str, str], Verdict]
"""Takes entry, case, framework, device and dtype."""


def run_eager(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """Called as it is: value, shape, dtype, framework, device, and inputs that are untouched."""
    inputs = draw_inputs(case, dtype, entry.name)
    args, kwargs = arrays = to_backend(xp, inputs, device)
    result = entry.op(*args, **kwargs)
    expected, magnitude = expected_of(entry, case, dtype, inputs)
    verdict = judge(entry, case, xp, device, dtype, result, expected, magnitude)
    check_untouched(xp, arrays, inputs)
    return verdict


def run_abstract(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """Shapes and dtypes alone."""
    inputs = draw_inputs(case, dtype, entry.name)
    call = Call(entry, xp, to_backend(xp, inputs, device))
    seen = xp.abstract(call, *call.arrays)
    expected, _ = expected_of(entry, case, dtype, inputs)
    wanted = [leaf for leaf in tree_leaves(expected) if not isinstance(leaf, int)]
    kinds = entry.result if isinstance(entry.result, tuple) else (entry.result,) * len(wanted)
    promised = [
        (np.shape(want), result_dtype(xp, kind, dtype))
        for want, kind in zip(wanted, kinds, strict=True)
    ]
    if seen != promised:
        raise Wrong(f"gave {seen} without values, expected {promised}")
    return Verdict(len(promised), 0.0)


def run_device(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """With every read of a value refused; the result is on the device."""
    inputs = draw_inputs(case, dtype, entry.name)
    call = Call(entry, xp, to_backend(xp, inputs, device))
    with value_checks("never"), driver_of(xp).unread(device):
        results = call(*call.arrays)
    return judge_arrays(entry, case, xp, device, dtype, inputs, results)


def run_compiled(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """As one graph."""
    return _run_compiled(entry, case, xp, device, dtype, COMPILED)


def run_xla(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """As one graph, by XLA."""
    return _run_compiled(entry, case, xp, device, dtype, XLA)


def run_dynamic(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """As graphs for any number of rows, within the budget of graphs; then with thousands.

    The thousands are not in the budget: a compiler may add up so many in another way.
    """
    driver = driver_of(xp)
    # Where the graph that is right for any size is compiled anew for each, two of them will do.
    rows = ROWS[:1] if xp.compiles_eagerly and not driver.thorough else ROWS
    sized = [*(sized_case(entry, n) for n in rows), case]
    drawn = [draw_inputs(one, dtype, entry.name) for one in sized]
    calls = [Call(entry, xp, to_backend(xp, inputs, device)) for inputs in drawn]
    sample = Sample(calls[0].arrays, linear_shapes(entry, dtype))
    verdict = Verdict(0, 0.0)
    for graphs in driver.dynamic(calls[0], sample, entry.graphs):
        for one, inputs, call in zip(sized, drawn, calls, strict=True):
            if one is case and not 1 <= graphs.made() <= graphs.at_most:
                raise Wrong(
                    f"made {graphs.made()} graphs for {len(rows)} sizes, at most {graphs.at_most}"
                )
            results = list(graphs.call(*call.arrays))
            verdict = verdict.with_(judge_arrays(entry, one, xp, device, dtype, inputs, results))
    return verdict


def run_gradient(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """Reverse mode, against the oracle's derivative."""
    return _run_gradient(entry, case, xp, device, dtype, compiled=False)


def run_compiled_gradient(
    entry: Entry, case: Case, xp: Backend, device: str, dtype: str
) -> Verdict:
    """Reverse mode through the compiled form, against the oracle's derivative."""
    return _run_gradient(entry, case, xp, device, dtype, compiled=True)


def run_mapped(entry: Entry, case: Case, xp: Backend, device: str, dtype: str) -> Verdict:
    """Several calls at once, against the oracle one after the other."""
    drawn = [draw_inputs(case, dtype, f"{entry.name}/{i}") for i in range(MAPPED_CALLS)]
    calls = [Call(entry, xp, to_backend(xp, inputs, device)) for inputs in drawn]
    columns = zip(*(call.arrays for call in calls), strict=True)
    stacked = [rearrange(list(column), "n ... -> n ...") for column in columns]
    results = driver_of(xp).at_once(xp.vmap(calls[0]))(*stacked)
    verdict = Verdict(0, 0.0)
    for i, inputs in enumerate(drawn):
        row = [result[i, ...] for result in results]
        verdict = verdict.with_(judge_arrays(entry, case, xp, device, dtype, inputs, row))
    return verdict


RUNNERS: dict[str, Runner] = {
    EAGER: run_eager,
    ABSTRACT: run_abstract,
    DEVICE: run_device,
    COMPILED: run_compiled,
    XLA: run_xla,
    DYNAMIC: run_dynamic,
    GRADIENT: run_gradient,
    COMPILED_GRADIENT: run_compiled_gradient,
    MAPPED: run_mapped,
    EXPORTED: run_exported,
    HELD: run_held,
}
"""The modes, in the order in which they are shown."""


def run_mode(
    entry: Entry, case: Case, xp: Backend, device: str, dtype: str, mode: str = EAGER
) -> Verdict:
    """Run a case in a mode and judge it.

    Raises:
        Wrong: The result is not what was promised.
        Exception: Whatever the operation or the framework raised.
    """
    # NaN and infinity are among the inputs: NumPy's warnings of them say nothing new.
    with xp.dtype_scope(dtype), driver_of(xp).on(device), np.errstate(all="ignore"):
        return RUNNERS[mode](entry, case, xp, device, dtype)


def sized_case(entry: Entry, rows: int) -> Case:
    """The entry's case with so many rows."""
    if entry.sized is None:
        raise Wrong(f"the entry of {entry.name} has no `sized`")
    return entry.sized(rows)


def linear_shapes(entry: Entry, dtype: str) -> list[tuple[tuple[int, int], ...]]:
    """For each axis of each array (a, b): its size is a·n + b for n rows.

    Raises:
        Wrong: A size is no such function, or no array grows.
    """
    small, *others = (
        (rows, _shapes(entry, sized_case(entry, rows), dtype))
        for rows in sorted((*ROWS, entry.large))
    )
    first, second = small, others[0]
    step = second[0] - first[0]
    found = []
    for low, high in zip(first[1], second[1], strict=True):
        slopes = [(b - a) // step for a, b in zip(low, high, strict=True)]
        found.append(tuple((a, n - a * first[0]) for a, n in zip(slopes, low, strict=True)))
    for rows, shapes in others:
        if shapes != [tuple(a * rows + b for a, b in axes) for axes in found]:
            raise Wrong(f"sized({rows}) of {entry.name} has shapes {shapes}: not linear in rows")
    if not any(a for axes in found for a, _ in axes):
        raise Wrong(f"no array of sized(n) of {entry.name} grows with n")
    return found


def _shapes(entry: Entry, case: Case, dtype: str) -> list[tuple[int, ...]]:
    inputs = draw_inputs(case, dtype, entry.name)
    return [leaf.plain.shape for leaf in tree_leaves(inputs) if hasattr(leaf, "plain")]


def _run_compiled(
    entry: Entry, case: Case, xp: Backend, device: str, dtype: str, mode: str
) -> Verdict:
    inputs = draw_inputs(case, dtype, entry.name)
    call = Call(entry, xp, to_backend(xp, inputs, device))
    results = list(driver_of(xp).compile(call, mode)(*call.arrays))
    return judge_arrays(entry, case, xp, device, dtype, inputs, results)


def _run_gradient(
    entry: Entry, case: Case, xp: Backend, device: str, dtype: str, compiled: bool
) -> Verdict:
    inputs = draw_inputs(case, dtype, entry.name)
    found = own_derivative(entry, case, xp, device, dtype, inputs, compiled)
    return judge_derivative(entry, case, dtype, inputs, found)
