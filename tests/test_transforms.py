"""What frameworks do with functions: compile, differentiate, map, run without values."""

import subprocess
import sys
from collections import OrderedDict, defaultdict
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pytest
from lab import samples

from einport import ops
from einport.backends.trees import tree_leaves


class Pair(NamedTuple):
    first: object
    second: object


# Every primitive that looks at values or sizes, as it must also work where it cannot see values.
PROGRAMS = {
    "sum": lambda xp, x, i: xp.sum(x, axis=-1),
    "mean": lambda xp, x, i: xp.mean(x, axis=0, keepdims=True),
    "prod": lambda xp, x, i: xp.prod(x),
    "max": lambda xp, x, i: xp.max(x, axis=0),
    "min": lambda xp, x, i: xp.min(x, axis=-1),
    "any": lambda xp, x, i: xp.any(x, axis=0),
    "all": lambda xp, x, i: xp.all(x),
    "cumulative_sum": lambda xp, x, i: xp.cumulative_sum(x),
    "argmax": lambda xp, x, i: xp.argmax(x),
    "argsort": lambda xp, x, i: xp.argsort(x, axis=0),
    "argsort descending": lambda xp, x, i: xp.argsort(x, descending=True),
    "top_k": lambda xp, x, i: xp.top_k(x, 2),
    "take": lambda xp, x, i: xp.take(x, i, axis=0),
    "take_along_axis": lambda xp, x, i: xp.take_along_axis(x, xp.argsort(x, axis=0), axis=0),
    "segment_sum": lambda xp, x, i: xp.segment_sum(x, xp.where(i < 0, 1, i), 4),
    "arange": lambda xp, x, i: xp.take(x, xp.arange(2, like=x), axis=1),
    "elementwise": lambda xp, x, i: xp.where(
        xp.isnan(x), 0.0, xp.maximum(xp.tanh(x) + xp.exp(x), -xp.sqrt(x * x) + xp.log(x * x))
    ),
    "pad": lambda xp, x, i: xp.pad(x, [(1, 0), (0, 2)], value=-1),
    "concat": lambda xp, x, i: xp.concat([x, x], axis=-1),
    "matmul": lambda xp, x, i: xp.matmul(x, xp.concat([x, x, x], axis=0)[:4]),
    "einsum": lambda xp, x, i: xp.einsum("ij,kj->ik", x, x),
    "astype": lambda xp, x, i: xp.astype(xp.widen(x), "float16"),
}
X = np.array([[1.5, -2.0, 0.5, 1.5], [0.25, -1.0, 1.0, -0.5], [3.0, 0.25, 3.0, -4.0]])
I = np.array([2, 0, -1])  # noqa: E741


def numbers(xp, tree):
    """A tree of arrays as NumPy arrays."""
    if isinstance(tree, list | tuple):
        return [numbers(xp, one) for one in tree]
    return xp.to_numpy(tree)


def assert_alike(xp, got, want):
    got, want = numbers(xp, got), numbers(xp, want)
    for one, right in zip(*(x if isinstance(x, list) else [x] for x in (got, want)), strict=True):
        assert one.dtype == right.dtype
        assert one.shape == right.shape
        np.testing.assert_allclose(one, right, rtol=2e-6)


def whole_program(xp):
    """All the programs as one function, so that a compiler starts once."""
    return lambda x, i: [program(xp, x, i) for program in PROGRAMS.values()]


def flat(results):
    return [one for item in results for one in (item if isinstance(item, tuple) else (item,))]


# --- Compiling -----------------------------------------------------------------------------------


def graph_only(xp, fn):
    """Capture as one graph, without the seconds that PyTorch's code generator takes."""
    if xp.name != "torch":
        return xp.compile(fn)
    import torch

    return torch.compile(fn, fullgraph=True, backend="eager")


def compilers(xp):
    """Every way in which a framework runs a function as one graph."""
    if xp.name == "numpy":
        return []
    found = [lambda fn: graph_only(xp, fn)]
    if xp.name == "tensorflow":
        import tensorflow as tf

        found.append(lambda fn: tf.function(fn, jit_compile=True, autograph=False))
    return found


def test_every_primitive_compiles(lab):
    x, i = lab.array(X), lab.array(I, "int32")
    run = whole_program(lab.xp)
    want = flat(run(x, i))
    assert len(want) == len(PROGRAMS) + 1
    for compiler in compilers(lab.xp):
        assert_alike(lab.xp, flat(compiler(run)(x, i)), want)


def test_compile(lab):
    """The adapter's own compiler, with trees in and out; NumPy has none and says so."""

    def run(tree, y):
        return {"sum": lab.xp.sum(tree["x"], axis=0) + y, "pair": (tree["x"] * 2, [y])}

    x, y = lab.array(X), lab.array([1.0, 2.0, 3.0, 4.0])
    if lab.xp.name == "numpy":
        with pytest.raises(NotImplementedError, match="no compiler"):
            lab.xp.compile(run)
        return
    got = lab.xp.compile(run)({"x": x}, y)
    lab.check(got["sum"], X.sum(0) + np.arange(1, 5), epsilons=2, scale=10)
    lab.check(got["pair"][0], X * 2)
    lab.check(got["pair"][1][0], [1, 2, 3, 4])


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("name", ["max", "min", "argmax"])
def test_compiled_extrema_of_bytes(lab, name, dtype):
    """Enough in a row for a vector: code for AVX2 has taken them for true and false."""
    reduce = getattr(lab.xp, name)

    def run(x):
        return reduce(x, axis=-1)

    form = run if lab.xp.name == "numpy" else lab.xp.compile(run)
    row = np.arange(20) + 5
    rows = np.stack([row, np.roll(row, 7), row[::-1]])
    for values in (rows, -rows) if dtype == "int8" else (rows,):
        found = getattr(values, name)(-1)
        lab.check(form(lab.array(values)), found, lab.index_dtype if name == "argmax" else dtype)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "float64"])
def test_compiled_extrema_propagate_nan(lab, dtype):
    nan, inf = np.nan, np.inf
    rows = np.array([[1, nan, 2], [inf, nan, -inf], [1, 2, 3], [-inf, -inf, -inf]])

    def run(x):
        return lab.xp.max(x, axis=-1), lab.xp.min(x, axis=-1), lab.xp.max(x), lab.xp.argmax(x)

    functions = [run, *(compiler(run) for compiler in compilers(lab.xp))]
    for function in functions:
        high, low, highest, where = function(lab.array(rows))
        lab.check(high, [nan, nan, 3, -inf])
        lab.check(low, [nan, nan, 1, -inf])
        lab.check(highest, nan)
        lab.check(where, [1, 1, 2, 0], lab.index_dtype)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
def test_a_compiled_maximum_propagates_nan(lab, dtype):
    nan, inf = np.nan, np.inf
    x, y = np.array([nan, 1.0, nan, -inf, 2.0]), np.array([1.0, nan, nan, nan, -3.0])

    def run(x, y):
        return lab.xp.maximum(x, y), lab.xp.maximum(x, 0)

    for function in [run, *(compiler(run) for compiler in compilers(lab.xp))]:
        both, positive = function(lab.array(x), lab.array(y))
        lab.check(both, [nan, nan, nan, nan, 2.0])
        lab.check(positive, [nan, 1.0, nan, 0.0, 2.0])


def test_compiled_order_of_ties_and_nan(lab):
    rows = np.array([[0.0, -0.0, np.nan, 0.0, 1.0], [2, 2, 2, 2, 2]])

    def run(x):
        return lab.xp.argsort(x), *lab.xp.top_k(x, 4)

    for function in [run, *(compiler(run) for compiler in compilers(lab.xp))]:
        order, values, indices = function(lab.array(rows))
        lab.check(order, [[0, 1, 3, 4, 2], [0, 1, 2, 3, 4]], lab.index_dtype)
        lab.check(values, [[1, 0, 0, 0], [2, 2, 2, 2]], signs=False)
        lab.check(indices, [[4, 0, 1, 3], [0, 1, 2, 3]], lab.index_dtype)


def test_a_constant_index_inside_a_compiled_function(lab):
    """It is known while tracing, but its minimum is not."""
    x, index = lab.array(X), lab.array([2, -1], "int32")

    def run(x):
        return lab.xp.take(x, index, axis=0)

    for function in [run, *(compiler(run) for compiler in compilers(lab.xp))]:
        lab.check(function(x), X[[2, -1]])


def test_dynamic_sizes_share_a_graph(lab):
    """JAX makes a graph for each shape whatever one asks; NumPy makes none."""
    traced = []

    def run(x):
        traced.append(None)
        return lab.xp.sum(x * 2, axis=0)

    sizes = (3, 4, 5, 6, 7)
    compiled = run
    if lab.xp.name == "torch":
        import torch

        compiled = torch.compile(run, backend="eager", dynamic=True)
    elif lab.xp.name != "numpy":
        compiled = lab.xp.compile(run, dynamic=True)
    for size in sizes:
        lab.check(compiled(lab.array(np.ones((size, 2)))), [2 * size] * 2)
    if lab.xp.name == "tensorflow":
        assert len(traced) <= 2
    assert len(traced) <= len(sizes)


# --- Differentiating -----------------------------------------------------------------------------


def test_value_and_grad_of_trees(lab):
    xp = lab.xp

    def run(tree, scale):
        return xp.sum(tree["a"] * tree["a"] * scale) + 3 * xp.sum(tree["b"][0])

    tree = {"a": lab.array([1.0, 2.0]), "b": (lab.array(5.0), [lab.array([[7.0, 8.0]])])}
    if xp.name == "numpy":
        with pytest.raises(NotImplementedError, match="differentiation"):
            xp.value_and_grad(run)
        return
    value, grad = xp.value_and_grad(run)(tree, lab.array([1.0, 10.0]))
    lab.check(value, 56.0)
    assert set(grad) == {"a", "b"}
    assert isinstance(grad["b"], tuple)
    lab.check(grad["a"], [2, 40])
    lab.check(grad["b"][0], 3.0)
    lab.check(grad["b"][1][0], [[0.0, 0.0]])  # the value does not depend on it


def differentiable(xp):
    """The frameworks that differentiate; that NumPy refuses is tested above."""
    return xp.name != "numpy"


def test_value_and_grad_of_an_array_and_of_named_tuples(lab):
    if not differentiable(lab.xp):
        assert any("gradient" in gap.mode for gap in lab.xp.gaps)
        return
    value, grad = lab.xp.value_and_grad(lambda x: lab.xp.sum(x * x))(lab.array([1.0, -3.0]))
    lab.check(value, 10.0)
    lab.check(grad, [2, -6])
    pair = Pair(lab.array(2.0), lab.array([4.0]))
    value, grad = lab.xp.value_and_grad(lambda p: p.first * 3)(pair)
    lab.check(value, 6.0)
    assert type(grad) is Pair
    lab.check(grad.first, 3.0)
    lab.check(grad.second, [0.0])


def test_value_and_grad_where_nothing_matters(lab):
    if not differentiable(lab.xp):
        assert any("gradient" in gap.mode for gap in lab.xp.gaps)
        return
    constant = lab.array(4.0)
    value, grad = lab.xp.value_and_grad(lambda x: constant * 2)(lab.array([1.0, 2.0]))
    lab.check(value, 8.0)
    lab.check(grad, [0.0, 0.0])


CONTAINERS = {
    "dict": lambda x: {"w2": x, "b1": {"z": x, "a": [x]}, "a": x},
    "keys of two types": lambda x: {"w": x, 3: x, "a": x},
    "OrderedDict": lambda x: OrderedDict(w=x, b=OrderedDict(z=x, a=x)),
    "defaultdict": lambda x: defaultdict(list, {"w": x, "b": x}),
    "read-only mapping": lambda x: MappingProxyType({"w": x, "b": {"z": x, "a": x}}),
    "named tuple": lambda x: Pair({"w": x, "b": x}, (x,)),
    "list": lambda x: [x, {"w": x, "b": x}],
    "None": lambda x: {"w": x, "b": None, "a": [None, x]},
    "nothing": lambda x: {},
}


def outline(tree):
    """Types, keys in their order, and leaves by their shapes."""
    if isinstance(tree, Mapping):
        return type(tree), [(key, outline(value)) for key, value in tree.items()]
    if isinstance(tree, list | tuple):
        return type(tree), [outline(item) for item in tree]
    return None if tree is None else tuple(tree.shape)


@pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS)
def test_a_gradient_has_the_structure_and_order_of_what_it_is_of(backend, container):
    if not differentiable(backend):
        assert any("gradient" in gap.mode for gap in backend.gaps)
        return
    tree, seen = container(backend.asarray([1.0, 2.0])), []

    def loss(given):
        seen.append(outline(given))
        return backend.sum(backend.asarray([1.0])) + sum(map(backend.sum, tree_leaves(given)))

    _, grads = backend.value_and_grad(loss)(tree)
    assert outline(grads) == outline(tree)
    assert set(map(repr, seen)) == {repr(outline(tree))}
    assert all((backend.to_numpy(grad) == 1).all() for grad in tree_leaves(grads))


def test_compiled_and_mapped_functions_keep_the_order_of_mappings(backend):
    if backend.name == "numpy":
        run = [backend.vmap(lambda tree: tree)]
    else:
        run = [backend.compile(lambda tree: tree), backend.vmap(lambda tree: tree)]
    x = backend.asarray([[1.0, 2.0]])
    tree = {"w": x, "b": {"z": x, "a": x}}
    for same in run:
        assert outline(same(tree)) == outline(tree)


@pytest.mark.parametrize("dtype", ["int32", "bool", "complex64"])
def test_what_has_no_gradient_is_refused_as_a_leaf(backend, dtype):
    if not differentiable(backend):
        assert any("gradient" in gap.mode for gap in backend.gaps)
        return
    tree = {"w": backend.asarray([1.0, 2.0]), "step": backend.asarray([1, 0], dtype)}
    said = f"floating arrays of {backend.title}, got {dtype} for leaf 2 of 2"
    with pytest.raises(TypeError, match=said):
        backend.value_and_grad(lambda given: backend.sum(given["w"]))(tree)


GRADIENTS = {
    "take": (lambda xp, x, i: xp.take(x, i, axis=0), [[1] * 4, [0] * 4, [2] * 4]),
    "take_along_axis": (
        lambda xp, x, i: xp.take_along_axis(x, xp.argsort(x, axis=0)[:1], axis=0),
        [[0, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]],
    ),
    "top_k": (lambda xp, x, i: xp.top_k(x, 1)[0], [[1, 0, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0]]),
    "segment_sum": (lambda xp, x, i: xp.segment_sum(x, i + 1, 4) * 2, [[2] * 4] * 3),
    "cumulative_sum": (lambda xp, x, i: xp.cumulative_sum(x), [[4, 3, 2, 1]] * 3),
    "max": (lambda xp, x, i: xp.max(x, axis=0), [[0, 0, 0, 1], [0, 0, 0, 0], [1, 1, 1, 0]]),
    "pad": (lambda xp, x, i: xp.pad(x, [(1, 1), (0, 0)], value=5), [[1] * 4] * 3),
    "where": (lambda xp, x, i: xp.where(x > 1, x, 0.0), (X > 1) * 1.0),
    "prod": (lambda xp, x, i: xp.prod(x[:1, :2]), [[-2, 1.5, 0, 0], [0] * 4, [0] * 4]),
    "einsum": (lambda xp, x, i: xp.einsum("ij->", x), np.ones((3, 4))),
    "widen": (lambda xp, x, i: xp.astype(xp.widen(x), "float32"), np.ones((3, 4))),
}


def test_gradients_of_primitives(lab):
    x, i = lab.array(X), lab.array(I, "int32")
    if not differentiable(lab.xp):
        assert any("gradient" in gap.mode for gap in lab.xp.gaps)
        return
    for program, want in GRADIENTS.values():
        run = lab.xp.value_and_grad(lambda x, f=program: lab.xp.sum(f(lab.xp, x, i)))
        value, grad = run(x)
        lab.check(value, float(lab.xp.to_numpy(lab.xp.sum(program(lab.xp, x, i)))))
        lab.check(grad, want)


# --- Mapping -------------------------------------------------------------------------------------


def test_vmap_equals_a_loop(lab):
    stack = np.stack([X, -X, X[::-1]])
    indices = np.stack([I, I[::-1], I * 0])
    x, i = lab.array(stack), lab.array(indices, "int32")
    rows = [(lab.array(stack[n]), lab.array(indices[n], "int32")) for n in range(3)]
    for name, program in PROGRAMS.items():
        got = lab.xp.vmap(lambda x, i, f=program: f(lab.xp, x, i))(x, i)
        loop = [program(lab.xp, *row) for row in rows]
        if isinstance(loop[0], tuple):
            assert isinstance(got, tuple), name
        want = zip(*(flat([one]) for one in loop), strict=True)
        for one, parts in zip(flat([got]), want, strict=True):
            stacked = np.stack([lab.xp.to_numpy(part) for part in parts])
            assert lab.xp.dtype(one) == lab.xp.dtype(parts[0]), name
            assert lab.xp.to_numpy(one).shape == stacked.shape, name
            np.testing.assert_allclose(lab.xp.to_numpy(one), stacked, rtol=2e-6, err_msg=name)


def test_vmap_of_vectors_and_trees(lab):
    """An element of a vector is still an array, and a tree stays a tree."""
    x, y = lab.array([1.0, 2.0, 3.0]), lab.array(np.ones((3, 2)))

    def run(x, tree):
        assert lab.xp.owns(x)
        assert lab.xp.shape(x) == ()
        return {"twice": lab.xp.exp(x * 0) + x}, [tree["y"] * x]

    first, second = lab.xp.vmap(run)(x, {"y": y})
    lab.check(first["twice"], [2, 3, 4])
    lab.check(second[0], [[1, 1], [2, 2], [3, 3]])


# --- Running without values ----------------------------------------------------------------------


def test_abstract_gives_shapes_and_dtypes(lab):
    if lab.xp.name == "numpy":
        with pytest.raises(NotImplementedError, match="no arrays without values"):
            lab.xp.abstract(lambda x: x, lab.array(X))
        return
    x, i = lab.array(X), lab.array(I, "int32")
    run = whole_program(lab.xp)
    want = [(tuple(lab.xp.shape(one)), lab.xp.dtype(one)) for one in flat(run(x, i))]
    assert flat_pairs(lab.xp.abstract(run, x, i)) == want
    tree = lab.xp.abstract(lambda t: {"a": t["x"][0], "b": (t["x"], [t["x"]])}, {"x": x})
    pair = ((3, 4), "float32")
    assert tree == {"a": ((4,), "float32"), "b": (pair, [pair])}


def flat_pairs(tree):
    """The `(shape, dtype)` pairs of a list, where some items are tuples of pairs."""
    return [one for item in tree for one in ([item] if isinstance(item[1], str) else item)]


def host_copies(xp):
    """Functions that copy to the host and back, or leave the device, by framework."""
    if xp.name == "torch":
        import torch

        return {
            "asarray": lambda x: torch.tensor(np.asarray(x)),
            "numpy": lambda x: torch.tensor(x.numpy()),
            "item": lambda x: x * x.sum().item(),
            "cpu": lambda x: x.cpu(),
            "result elsewhere": lambda x: torch.zeros(2),
            "branch": lambda x: x if x.sum() > 0 else -x,
        }
    if xp.name == "jax":
        import jax
        import jax.numpy as jnp

        def callback(x):
            return jax.pure_callback(np.sin, jax.ShapeDtypeStruct(x.shape, x.dtype), x)

        return {
            "asarray": lambda x: jnp.asarray(np.asarray(x)),
            "item": lambda x: x * x.sum().item(),
            "callback": callback,
            "callback inside": lambda x: jax.jit(callback)(x),
            "callback in a loop": lambda x: jax.lax.fori_loop(0, 3, lambda _, y: callback(y), x),
            "branch": lambda x: x if x.sum() > 0 else -x,
        }
    if xp.name == "tensorflow":
        import tensorflow as tf

        def callback(x):
            return tf.ensure_shape(tf.numpy_function(np.sin, [x], tf.float32), x.shape)

        return {
            "asarray": lambda x: tf.constant(np.asarray(x)),
            "numpy": lambda x: tf.constant(x.numpy()),
            "item": lambda x: x * float(tf.reduce_sum(x)),
            "callback": callback,
            "callback inside": lambda x: tf.function(callback, autograph=False)(x),
            "callback in Python": lambda x: tf.py_function(lambda y: y, [x], tf.float32),
            "branch": lambda x: x if tf.reduce_sum(x) > 0 else -x,
        }
    return {}


def test_abstract_fails_on_a_copy_to_the_host(lab):
    """Except in NumPy, whose arrays are on the host."""
    x, found = lab.array(X), host_copies(lab.xp)
    assert bool(found) is (lab.xp.name != "numpy")
    for name, run in found.items():
        run(x)  # it does work where there are values
        # What a framework traces without complaint the adapter finds; the rest it refuses itself.
        words = "back to the host" if "callback" in name else r"\w"
        with pytest.raises(Exception, match=words):
            lab.xp.abstract(run, x)


def test_abstract_allows_what_only_sounds_like_a_callback(lab):
    x = lab.array(X)
    if lab.xp.name == "numpy":
        with pytest.raises(NotImplementedError):
            lab.xp.abstract(lambda x: x, x)
        return

    def callback_to_the_host(x):
        return x + 1

    if lab.xp.name == "jax":
        import jax

        callback_to_the_host = jax.jit(callback_to_the_host)
    assert lab.xp.abstract(callback_to_the_host, x) == ((3, 4), "float32")


# --- What can be read ----------------------------------------------------------------------------


def readable(xp, x):
    """Arrays whose values can be read, in all their kinds."""
    if xp.name == "torch":
        import torch

        return [x, torch.nn.Parameter(x), x.clone().requires_grad_() * 2, x[0], x.T]
    if xp.name == "tensorflow":
        import tensorflow as tf

        return [x, tf.Variable(x), x[0]]
    return [x, x[0], x.T]


def seen_inside(xp, x):
    """What `is_concrete` says of an argument inside everything that traces or maps."""
    seen = []

    def look(y):
        seen.append(xp.is_concrete(y))
        return y * 1

    if xp.name == "torch":
        import torch
        from torch._subclasses.fake_tensor import FakeTensorMode

        def branch(y):
            return y + 1 if xp.is_concrete(y) else y - 1

        got = torch.compile(branch, backend="eager", fullgraph=True)(x)
        seen.append(bool((got > x).all()))
        torch.func.vmap(look)(x)
        look(x.to("meta"))
        with FakeTensorMode() as mode:
            look(mode.from_tensor(x))
    elif xp.name == "jax":
        import jax

        jax.jit(look)(x)
        jax.eval_shape(lambda y: look(y), x)  # not `look`, whose trace is kept
        jax.vmap(look)(x)
        jax.jit(lambda y: look(x * 1) + y)(x)  # computed from a constant
        jax.jit(jax.grad(lambda y: look(y).sum()))(x)
    elif xp.name == "tensorflow":
        import tensorflow as tf

        tf.function(look, autograph=False)(x)
        tf.function(look, autograph=False, jit_compile=True)(x)
        tf.vectorized_map(look, x)
        variable = tf.Variable(x)
        tf.function(lambda: look(variable), autograph=False)()
        tf.function(lambda: look(x), autograph=False)()
    return seen


def test_a_size_is_fixed_unless_a_graph_leaves_it_open(lab):
    x, seen = lab.array(samples("float32")["matrix"]), []

    def look(y):
        seen.append([lab.xp.is_fixed(size) for size in lab.xp.shape(y)])
        return y + 1

    look(x)
    if lab.xp.name != "numpy":
        lab.xp.compile(look)(x)
    assert seen
    assert all(fixed == [True, True] for fixed in seen)
    if lab.xp.name == "torch":
        import torch

        torch._dynamo.mark_dynamic(x, 0)
        lab.xp.compile(look)(x)
        assert seen[-1] == [False, True]
    if lab.xp.name == "tensorflow":
        import tensorflow as tf

        signature = [tf.TensorSpec([None, x.shape[1]])]
        tf.function(look, autograph=False, input_signature=signature)(x)
        assert seen[-1] == [False, True]


def test_is_concrete(lab):
    x = lab.array(samples("float32")["matrix"])
    assert all(lab.xp.is_concrete(one) for one in readable(lab.xp, x))
    seen = seen_inside(lab.xp, x)
    assert not any(seen)
    assert len(seen) >= (0 if lab.xp.name == "numpy" else 4)
    assert lab.xp.is_concrete(x)


def inside(xp):
    """Functions that call theirs in the midst of a trace, where constants are closed over."""
    yield lambda call: xp.vmap(lambda x: [x, call()][0])(xp.asarray(np.ones((1, 1))))
    if xp.name != "numpy":
        yield lambda call: xp.compile(lambda x: [x, call()][0])(xp.asarray(np.ones((1, 1))))
        scalar = xp.asarray(1.0, dtype="float32")
        yield lambda call: xp.value_and_grad(lambda x: [x * x, call()][0])(scalar)


def test_constants_are_taken_inside_a_trace(backend):
    # What is computed from one is traced, and cannot be read to be checked.
    xp = backend
    probs, uniforms = (xp.asarray(x, dtype="float32") for x in ([0.25, 0.75], [0.1, 0.9]))
    tokens, experts = xp.asarray(np.ones((4, 2), "float32")), xp.asarray(np.array([[1], [0]] * 2))
    grouped = xp.asarray(np.array([[1, 0, 1, 0]]))
    for traced in inside(xp):
        traced(lambda: ops.sample_distribution(probs, uniforms))
        traced(lambda: ops.dispatch_tokens(tokens, experts, 2, capacity=1))
        traced(lambda: ops.group_tokens_by_expert(tokens[None], grouped, 2))
        traced(lambda: ops.classifier_accuracy(tokens, experts[:, 0]))
        traced(lambda: ops.collect_rows(tokens, experts[:, 0]))
        traced(lambda: ops.reduce(ops.einsum(tokens, tokens, "a b, c b -> a c"), "a b ->", "sum"))


FIRST_OF_ALL = """
import sys
from einport import ops
from einport.backends import get_backend
xp = get_backend(sys.argv[1])
x = xp.asarray([[[1.0, 2.0]]], dtype="float32")
traces = []
def op(x):
    traces.append(1)
    return ops.transpose_matrices(x)
if xp.name == "torch":
    import torch
    from torch._dynamo.utils import counters
    compiled = torch.compile(ops.transpose_matrices, fullgraph=True, backend="eager")
else:
    compiled = op if xp.name == "numpy" else xp.compile(op)
for _ in range(3):
    compiled(x)
print(counters["stats"]["unique_graphs"] if xp.name == "torch" else len(traces))
"""


def test_a_compiled_call_that_is_the_first_of_all_makes_one_graph(lab):
    # What a first call loads must not be something that a compiler guards on.
    command = [sys.executable, "-c", FIRST_OF_ALL, lab.xp.name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    calls = 3 if lab.xp.name == "numpy" else 1
    assert done.stdout.split()[-1] == str(calls)
