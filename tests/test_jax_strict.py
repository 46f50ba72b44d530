"""JAX's strict settings: no operation relies on what a user may have turned off.

Every entry is traced in each of its cases, which is when JAX refuses an implicit promotion of
ranks or dtypes; what is computed is judged under all settings at once.
"""

import contextlib

import numpy as np
import pytest

from einport.backends.trees import tree_leaves
from einport.suite.calls import Call
from einport.suite.expected import expected_of
from einport.suite.inputs import Input, draw_inputs, to_backend
from einport.suite.modes import COMPILED, EAGER, GRADIENT, run_mode
from einport.suite.plan import differentiable, drawn, dtypes_in_turn, usual_dtype

pytestmark = pytest.mark.only("jax")


@contextlib.contextmanager
def settings(**values):
    """JAX with these settings, and afterwards as it was."""
    import jax

    before = {name: getattr(jax.config, name) for name in values}
    try:
        for name, value in values.items():
            jax.config.update(name, value)
        yield
    finally:
        for name, value in before.items():
            jax.config.update(name, value)


STRICT = {
    "ranks": {"jax_numpy_rank_promotion": "raise"},
    "dtypes": {"jax_numpy_dtype_promotion": "strict"},
    "dtypes in 64 bits": {"jax_numpy_dtype_promotion": "strict", "jax_enable_x64": True},
}

CHECKED = {
    "jax_numpy_rank_promotion": "raise",
    "jax_numpy_dtype_promotion": "strict",
    "jax_enable_checks": True,
    "jax_check_tracer_leaks": True,
    "jax_debug_nans": True,
}


def total(xp, arrays):
    """The sum of what is floating."""
    terms = [xp.sum(x) for x in arrays if xp.is_floating(x)]
    return sum(terms[1:], terms[0])


def forms(xp, call):
    """The call, mapped, and differentiated by what is floating."""
    import jax

    flags = [xp.is_floating(x) for x in call.arrays]

    def loss(floats, *arrays):
        rest = iter(floats)
        given = [next(rest) if flag else x for flag, x in zip(flags, arrays, strict=True)]
        return total(xp, call(*given))

    yield call, call.arrays
    yield jax.vmap(call), [x[None] for x in call.arrays]
    if any(flags) and any(map(xp.is_floating, jax.eval_shape(call, *call.arrays))):
        floats = [x for flag, x in zip(flags, call.arrays, strict=True) if flag]
        yield xp.value_and_grad(loss), (floats, *call.arrays)


def sample(entry, everything):
    """All cases in all dtypes; or the first and one in six of the others, each in one or two."""
    for turn, case in enumerate(entry.cases):
        dtypes = entry.dtypes_of(case)
        if everything:
            yield case, dtypes
        elif turn == 0 or drawn(f"{entry.name}/promotion/{case.name}", 6):
            yield case, dtypes_in_turn(entry, dtypes, turn + 1, few=True)


@pytest.mark.parametrize("strict", STRICT.values(), ids=STRICT)
def test_no_promotion_is_left_to_jax(backend, entry, strict, everything):
    import jax

    for case, dtypes in sample(entry, everything):
        for dtype in dtypes:
            with backend.dtype_scope(dtype), settings(**strict):
                inputs = draw_inputs(case, dtype, entry.name)
                call = Call(entry, backend, to_backend(backend, inputs, None))
                some = list(forms(backend, call))
                for form, arrays in some if everything or case is entry.cases[0] else some[:1]:
                    jax.make_jaxpr(form)(*arrays)


def test_primitives_leave_no_promotion_to_jax(backend):
    # What operations do with booleans and Python's numbers, whichever case a run draws.
    x = backend.asarray(np.ones((2, 3), "float32"))
    half, yes, whole = (backend.astype(x, dtype) for dtype in ("bfloat16", "bool", "int32"))
    with settings(**STRICT["ranks"], **STRICT["dtypes"]):
        for one in (x, half, yes, whole):
            for reduction in (backend.any, backend.all, backend.sum, backend.prod):
                reduction(one, axis=0)
            backend.where(yes, one, 0)
            backend.maximum(one, 0)
            backend.pad(one, [(1, 0), (0, 1)], value=1)
            backend.argsort(one, descending=True)
            backend.matmul(one, one[0])
            backend.einsum("ij,ij->i", one, one)
            backend.take(one, whole[0], axis=0)
            backend.segment_sum(one, whole[:, 0], 2)


def without_nan(entry, case, dtype):
    inputs = draw_inputs(case, dtype, entry.name)
    wanted, _ = expected_of(entry, case, dtype, inputs)
    given = [leaf.plain for leaf in tree_leaves(inputs) if isinstance(leaf, Input)]
    return not any(np.isnan(x).any() for x in (*given, *map(np.asarray, tree_leaves(wanted))))


def trials(entry, everything):
    """Modes, cases and dtypes: the first case as one graph, and one of six entries step by step."""
    cases = entry.cases if everything else entry.cases[:1]
    for case in cases:
        yield COMPILED, case, usual_dtype(entry, case)
        if everything or drawn(f"{entry.name}/strict", 6):
            yield EAGER, case, usual_dtype(entry, case)
    smooth = [case for case in differentiable(entry) if case.no_gradient is None]
    if entry.no_gradient is None and (everything or drawn(f"{entry.name}/strict gradient", 6)):
        for case in smooth if everything else smooth[:1]:
            yield GRADIENT, case, "float64"


@pytest.mark.parametrize("wide", [False, True], ids=["32 bits", "64 bits"])
def test_values_are_right_under_all_settings_at_once(backend, device, entry, wide, everything):
    for mode, case, dtype in trials(entry, everything):
        if without_nan(entry, case, dtype):
            with settings(**CHECKED, jax_enable_x64=wide):
                assert run_mode(entry, case, backend, device, dtype, mode).compared
