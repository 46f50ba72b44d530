"""Arrays of different shapes: `+` stretches them alike everywhere, einport's operations refuse."""

import numpy as np
import pytest

from einport import ops
from einport.suite.judge import Verdict

STRETCHED = [
    ((3, 1, 5), (1, 4, 5), (3, 4, 5)),
    ((8, 2, 6), (2, 6), (8, 2, 6)),
    ((10, 20, 30), (20, 1), (10, 20, 30)),
    ((4, 1), (4,), (4, 4)),  # seldom what was meant
]
DOES_NOT_FIT = ((8, 2, 6), (8, 2))
PAIRS = [*(pair[:2] for pair in STRETCHED), DOES_NOT_FIT]


def numbered(shape, start):
    return np.arange(start, start + np.prod(shape), dtype=np.float32).reshape(shape)


def at(place, shape):
    """Where an element of the sum comes from: from the right, and from 0 where the size is 1."""
    own = place[len(place) - len(shape) :]
    return tuple(0 if size == 1 else index for index, size in zip(own, shape, strict=True))


def name(value):
    return "x".join(map(str, value))


@pytest.mark.parametrize(("first", "second", "shape"), STRETCHED, ids=name)
def test_plus_stretches_alike(backend, device, record, first, second, shape):
    # Sums that tell the places apart, and that float32 holds.
    a, b = numbered(first, 1), numbered(second, 0) * 10_000
    total = backend.asarray(a, device=device) + backend.asarray(b, device=device)
    assert backend.owns(total)
    assert tuple(backend.shape(total)) == shape
    assert backend.dtype(total) == "float32"
    values = backend.to_numpy(total)
    compared = 0
    for place in np.ndindex(*shape):
        assert values[place] == a[at(place, first)] + b[at(place, second)]
        compared += 1
    record(Verdict(compared, 0.0))


def test_plus_refuses_what_does_not_fit(backend, device):
    """`+` is the framework's own, and so are the error's class and words."""
    a, b = (backend.asarray(numbered(shape, 0), device=device) for shape in DOES_NOT_FIT)
    with pytest.raises(Exception, match=r"(?i)broadcast|incompatible shapes|size of tensor"):
        a + b


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=name)
def test_losses_refuse_to_stretch(backend, device, first, second):
    x, y = (backend.asarray(np.full(shape, 0.5, np.float32), device=device)
            for shape in (first, second))  # fmt: skip
    for op, one, other in ((ops.squared_error, "x", "y"), (ops.binary_cross_entropy, "p", "y")):
        with pytest.raises(ValueError, match="shape") as caught:
            op(x, y)
        assert str(caught.value) == (
            f"{op.__name__}: {other} must have the shape of {one}, {first}, got {second}"
        )


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ((4, 1), (4, 4), "axis j is 1 in a and 4 in b (a has shape (4, 1), b has shape (4, 4))"),
        ((1, 4), (3, 4), "axis i is 1 in a and 3 in b (a has shape (1, 4), b has shape (3, 4))"),
        ((3, 4), (3, 1), "axis j is 4 in a and 1 in b (a has shape (3, 4), b has shape (3, 1))"),
        ((4, 1), (4,), "b must have 2 axes (i j), got 1 (b has shape (4,))"),
        ((3, 1, 5), (1, 4, 5), "a must have 2 axes (i j), got 3 (a has shape (3, 1, 5))"),
    ],
    ids=name,
)
def test_elementwise_product_refuses_to_stretch(backend, device, first, second, said):
    a, b = (backend.asarray(numbered(shape, 0), device=device) for shape in (first, second))
    with pytest.raises(ValueError, match="elementwise_product") as caught:
        ops.elementwise_product(a, b)
    assert str(caught.value) == f"elementwise_product: {said}"
