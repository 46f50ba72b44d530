"""No operation warns: a program that makes errors of warnings gets the same results."""

import warnings

import numpy as np
import pytest

from einport.catalog import entries
from einport.suite.inputs import draw_inputs, to_backend
from einport.suite.plan import usual_dtype
from einport.suite.runner import drawn_cases

DRAWN = 10


def calls_of(entry, xp):
    """Every case in every dtype; one where each step of a call takes long."""
    if xp.name != "numpy":
        return [(entry.cases[0], usual_dtype(entry))]
    fixed = [(case, dtype) for case in entry.cases for dtype in entry.dtypes_of(case)]
    return fixed + drawn_cases(entry, DRAWN)


@pytest.mark.parametrize("one", entries(), ids=lambda one: one.name)
def test_an_operation_warns_of_nothing(backend, device, one):
    for case, dtype in calls_of(one, backend):
        with backend.dtype_scope(dtype):
            args, kwargs = to_backend(backend, draw_inputs(case, dtype, one.name), device)
            with warnings.catch_warnings(), np.errstate(all="raise"):
                warnings.simplefilter("error")
                one.op(*args, **kwargs)
