"""Matrix products and Einstein sums, against NumPy in a wide dtype."""

import importlib

import numpy as np
import pytest
from lab import ALL, HALVES, INTEGERS, plain, samples

pytestmark = pytest.mark.sampled

EQUATIONS = {
    "ij,jk->ik": ((3, 4), (4, 5)),
    "ij,kj->ki": ((3, 4), (5, 4)),
    "bij,bjk->bik": ((2, 3, 4), (2, 4, 2)),
    "bij,jk->kbi": ((2, 3, 4), (4, 2)),
    "i,j->ij": ((3,), (4,)),
    "i,i->": ((5,), (5,)),
    "ij->ji": ((3, 4),),
    "ij->i": ((3, 4),),
    "ij->": ((3, 4),),
    "ii->i": ((3, 3),),
    "ij,jk,kl->il": ((2, 3), (3, 4), (4, 2)),
    "ij,jk->ik ": ((3, 0), (0, 2)),
    ",ij->ij": ((), (2, 3)),
}
MOST = ("ij,kj->ki", "bij,jk->kbi", "ij->i", "ij,jk,kl->il", "ij,jk->ik ")
"""Equations enough for a dtype that is not the one all are tried with."""


def drawn(dtype, shape, seed):
    random = np.random.default_rng(seed)
    if dtype == "bool":
        return random.random(shape) < 0.4
    if "float" in dtype:
        return plain(random.normal(size=shape), dtype)
    return random.integers(0 if dtype == "uint8" else -100, 100, shape)


def product(equation, values, dtype):
    """The sum of products, in float64, in integers that wrap at the dtype, or in truth."""
    if dtype == "bool":
        return np.einsum(equation, *(x.astype(np.int64) for x in values)) != 0
    exact = np.einsum(equation, *values)
    return exact if "float" in dtype else exact.astype(dtype)


def check_einsum(lab, equation, values):
    equation = equation.strip()
    got = lab.xp.einsum(equation, *(lab.array(x) for x in values))
    scale = np.einsum(equation, *(abs(x * 1.0) for x in values))
    lab.check(got, product(equation, values, lab.dtype), epsilons=4, scale=scale, signs=False)


@pytest.mark.parametrize("dtype", ["float32", "int8", "bool"])
@pytest.mark.parametrize("equation", EQUATIONS)
def test_einsum_of_every_kind(lab, dtype, equation):
    check_einsum(lab, equation, [drawn(dtype, s, i) for i, s in enumerate(EQUATIONS[equation])])


@pytest.mark.parametrize("dtype", [*INTEGERS, "bool"])
def test_integers_where_there_are_no_matrix_products_of_them(lab, dtype, monkeypatch):
    if lab.xp.name == "torch":  # whose accelerators are so; elsewhere nothing is changed

        def refused(*args, **kwargs):
            raise NotImplementedError("no matrix product of integers")

        module = importlib.import_module(type(lab.xp).__module__)
        monkeypatch.setattr(module, "multiplies_integers", lambda x: False)
        monkeypatch.setattr(module.torch, "matmul", refused)
        monkeypatch.setattr(module.torch, "bmm", refused)
    for equation, shapes in {**EQUATIONS, "aab,b->ba": ((2, 2, 3), (3,))}.items():
        check_einsum(lab, equation, [drawn(dtype, s, i) for i, s in enumerate(shapes)])
    a, b = drawn(dtype, (2, 1, 3, 4), 0), drawn(dtype, (5, 4, 2), 1)
    want = product("aij,bjk->abik", [a[:, 0], b], dtype)
    lab.check(lab.xp.matmul(lab.array(a), lab.array(b)), want)


@pytest.mark.parametrize("sizes", [(0, 2, 3), (2, 0, 3), (2, 3, 0)])
def test_a_product_of_nothing_and_what_is_added_as_one_graph(lab, sizes):
    """Some frameworks make one kernel of the two: TensorFlow's ends the process here."""
    rows, inner, columns = sizes

    def layer(x, w, b):
        return lab.xp.matmul(x, w) + b

    run = layer if lab.xp.name == "numpy" else lab.xp.compile(layer)
    shapes = (rows, inner), (inner, columns), (columns,)
    got = run(*(lab.array(np.ones(shape)) for shape in shapes))
    lab.check(got, np.full((rows, columns), 1.0 + inner))


@pytest.mark.parametrize("dtype", ALL)
def test_einsum(lab, dtype):
    for equation in MOST:
        check_einsum(lab, equation, [drawn(dtype, s, i) for i, s in enumerate(EQUATIONS[equation])])


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize(
    ("left", "right"),
    [((3, 4), (4, 5)), ((2, 1, 3, 4), (5, 4, 2)), ((2, 3, 0), (2, 0, 4))],
)
def test_matmul(lab, dtype, left, right):
    a, b = drawn(dtype, left, 1), drawn(dtype, right, 2)
    equation = "...ij,...jk->...ik"
    scale = np.matmul(abs(a * 1.0), abs(b * 1.0))
    got = lab.xp.matmul(lab.array(a), lab.array(b))
    lab.check(got, product(equation, (a, b), dtype), epsilons=4, scale=scale, signs=False)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_products_of_integers_wrap(lab, dtype):
    info = np.iinfo(dtype)
    a = np.array([[info.max, info.max, 3], [info.min, 2, info.max]])
    b = np.array([[info.max, 2], [5, info.max], [info.max, 1]])
    want = plain(a.astype(dtype) @ b.astype(dtype), dtype)
    lab.check(lab.xp.matmul(lab.array(a), lab.array(b)), want)
    lab.check(lab.xp.einsum("ij,jk->ik", lab.array(a), lab.array(b)), want)
    total = plain(a.astype(dtype).sum(1, dtype=dtype), dtype)
    lab.check(lab.xp.einsum("ij->i", lab.array(a)), total)


@pytest.mark.parametrize("dtype", ["bool"])
def test_products_of_booleans_ask_for_any_of_both(lab, dtype):
    """256 true pairs would wrap to false in 8 bits."""
    ones, half = np.ones((2, 256), bool), np.arange(256) % 2 == 0
    b = np.stack([half, ones[0], half & ~half], axis=1)
    lab.check(lab.xp.matmul(lab.array(ones), lab.array(b)), [[True, True, False]] * 2)
    got = lab.xp.einsum("ij,jk->ik", lab.array(ones), lab.array(b))
    lab.check(got, [[True, True, False]] * 2)
    lab.check(lab.xp.einsum("ij->i", lab.array(ones)), [True, True])


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("batch", [(), (2,)])
def test_products_of_halves_accumulate_in_float32(lab, dtype, batch):
    a, b = np.ones((*batch, 3, 5000)), np.ones((*batch, 5000, 2))
    want = np.full((*batch, 3, 2), 5000.0)
    lab.check(lab.xp.matmul(lab.array(a), lab.array(b)), want)
    equation = "bij,bjk->bik" if batch else "ij,jk->ik"
    lab.check(lab.xp.einsum(equation, lab.array(a), lab.array(b)), want)
    lab.check(
        lab.xp.einsum(f"{equation[: 2 + len(batch)]}->{equation[0]}", lab.array(a)),
        a.sum((-1,) if not batch else (-1, -2)),
    )


@pytest.mark.parametrize("dtype", HALVES)
def test_a_vector_of_halves_accumulates_in_float32(lab, dtype):
    """Frameworks take another way for one row or one column."""
    row = np.ones((1, 5000))
    lab.check(lab.xp.matmul(lab.array(row), lab.array(row.T)), [[5000.0]])
    lab.check(lab.xp.einsum("i,i->", lab.array(row[0]), lab.array(row[0])), 5000.0)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_products_pass_nan_and_infinity_on(lab, dtype):
    nan, inf = np.nan, np.inf
    a, b = [[1, nan], [inf, 1], [0, 1]], [[1, 0], [1, 1]]
    want = [[nan, nan], [inf, nan], [1, 1]]
    lab.check(lab.xp.matmul(lab.array(a), lab.array(b)), want)
    lab.check(lab.xp.einsum("ij,jk->ik", lab.array(a), lab.array(b)), want)


@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_matmul_refuses_sizes_that_differ(lab, dtype):
    matrix = samples(dtype)["matrix"]
    with pytest.raises(Exception, match=r"(?i)shape|size|dim|match"):
        lab.xp.matmul(lab.array(matrix), lab.array(matrix))
