"""The one entry of operations: what it reads, what it leaves, and what it is to the outside."""

import inspect
import pickle
import sys
from collections import OrderedDict, UserDict
from fractions import Fraction
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pytest
from einops import EinopsError

from einport import expect, ops
from einport.backends import Backend, find
from einport.backends.holders import value_of
from einport.operation import ARRAYS, CHOICES, SCALAR, SETTING, operation, read_parameters
from einport.suite.inputs import draw_inputs, to_backend
from einport.suite.plan import usual_dtype

OPERATIONS = [getattr(ops, name) for name in ops.__all__]


# --- What an operation is to the outside ---------------------------------------------------------


@pytest.mark.once
@pytest.mark.parametrize("op", OPERATIONS, ids=lambda op: op.__name__)
def test_an_operation_is_its_definition_with_an_entry(op):
    assert op.definition is not op
    assert inspect.signature(op) == inspect.signature(op.definition)
    assert inspect.getdoc(op) == inspect.getdoc(op.definition)
    assert op.__module__.startswith(("einport.ops.", "einport.patterns."))


@pytest.mark.once
@pytest.mark.parametrize("op", OPERATIONS, ids=lambda op: op.__name__)
def test_an_operation_pickles(op):
    assert pickle.loads(pickle.dumps(op)) is op


@pytest.mark.once
def test_roles_are_read_from_annotations():
    parameters = read_parameters(ops.scaled_dot_product_attention.definition)
    assert parameters.positional == ("q", "k", "v")
    roles = parameters.roles
    assert {roles[name] for name in ("q", "k", "v", "mask")} == {ARRAYS}
    assert roles["scale"] == SCALAR
    assert roles["causal"] == SETTING
    roles = read_parameters(ops.conv2d.definition).roles
    assert {roles[name] for name in ("stride", "padding", "groups", "data_format")} == {SETTING}
    assert read_parameters(ops.multi_head_attention.definition).roles["params"] == ARRAYS
    assert read_parameters(ops.unpack.definition).roles["packed_shapes"] == SETTING


@pytest.mark.once
def test_arguments_that_choose_are_all_known():
    """What is documented as integers or booleans is taken from NumPy too."""
    found = {
        name
        for op in OPERATIONS
        for name, role in read_parameters(op.definition).roles.items()
        if role == ARRAYS and _documented(op, name).startswith(("integers", "booleans"))
    }
    assert found <= CHOICES
    assert {"mask", "labels", "indices"} <= found


def _documented(op, name):
    """What a docstring says of an argument, after its shape."""
    text = (inspect.getdoc(op) or "").partition(f"    {name}: ")[2]
    return text.partition("`, ")[2] if text.startswith("`") else text


@pytest.mark.once
def test_wrong_arguments_are_pythons_own_error():
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        ops.softmax()
    with pytest.raises(TypeError, match="unexpected keyword argument 'eps'"):
        ops.softmax(np.ones(3), eps=1)
    with pytest.raises(TypeError, match=r"takes 1 positional argument but 2 were given"):
        ops.softmax(np.ones(3), 1)
    with pytest.raises(TypeError, match="multiple values for argument 'x'"):
        ops.softmax(np.ones(3), x=np.ones(3))


@pytest.mark.once
def test_an_operation_of_ones_own_has_the_same_entry():
    def check(x, count):
        expect.positive_int(count=count)

    @operation(checks=check)
    def twice(x, count: int = 2):
        assert type(count) is int
        return x * count

    assert twice(np.float32(3), np.int64(2)).tolist() == 6.0
    with pytest.raises(ValueError, match=r"^twice: count must be at least 1, got 0$"):
        twice(np.float32(3), 0)


# --- Settings ------------------------------------------------------------------------------------


class Indexed:
    """An integer of a kind of one's own."""

    def __index__(self):
        return 2


class Sides(NamedTuple):
    height: object
    width: object


def test_a_setting_is_any_integer_and_any_sequence_of_them(backend: Backend, device: str):
    x = backend.asarray(np.arange(16.0).reshape(1, 4, 2, 2), "float32", device)
    for two in (Indexed(), np.int8(2), True + 1):
        got = ops.pixel_shuffle(x, two)
        assert np.array_equal(backend.to_numpy(got), backend.to_numpy(ops.pixel_shuffle(x, 2)))
    want = backend.to_numpy(ops.max_pool(x, (2, 1)))
    for pair in (Sides(np.int64(2), Indexed()), [Indexed(), 1], Sides(Indexed(), np.uint8(1))):
        expected = backend.to_numpy(ops.max_pool(x, 2)) if type(pair[1]) is Indexed else want
        assert np.array_equal(backend.to_numpy(ops.max_pool(x, pair)), expected)


NUMBERS = (np.float32, np.float64, np.float16, np.int64, np.uint8, np.asarray, Fraction)


@pytest.mark.parametrize("kind", NUMBERS, ids=lambda kind: kind.__name__)
def test_a_setting_is_any_real_number(backend: Backend, device: str, kind):
    x = backend.asarray([[1.0, 2.0]], "float32", device)
    got = ops.layer_norm(x, eps=kind(2))
    want = ops.layer_norm(x, eps=2.0)
    assert np.array_equal(backend.to_numpy(got), backend.to_numpy(want))


def test_a_setting_is_an_array_without_axes_on_the_host(backend: Backend):
    x = backend.asarray([[1.0, 2.0, 3.0, 4.0]], "float32", "cpu")
    number = backend.asarray(2.0, "float32", "cpu")
    assert np.array_equal(
        backend.to_numpy(ops.layer_norm(x, eps=number)),
        backend.to_numpy(ops.layer_norm(x, eps=2.0)),
    )
    two, yes = backend.asarray(2, "int32", "cpu"), backend.asarray(True, "bool", "cpu")
    assert tuple(backend.shape(ops.rearrange(x, "b (c d) -> b c d", c=two))) == (1, 2, 2)
    image = ops.rearrange(x, "b (h w) -> b 1 h w", h=2)
    assert tuple(backend.shape(ops.global_average_pool(image, keepdims=yes))) == (1, 1, 1, 1)
    assert tuple(backend.shape(ops.max_pool(image, (two, np.int64(1))))) == (1, 1, 1, 2)


@pytest.mark.parametrize("wrong", [True, "1", 1j, None, np.complex64(1), np.bool_(True)])
def test_what_is_no_real_number_is_refused(backend: Backend, device: str, wrong):
    x = backend.asarray([[1.0, 2.0]], "float32", device)
    with pytest.raises(TypeError, match="layer_norm: eps must be a number"):
        ops.layer_norm(x, eps=wrong)
    with pytest.raises(TypeError, match="layer_norm: eps must be a number"):
        ops.layer_norm(x, eps=backend.asarray([1.0], "float32", device))


def test_a_scale_may_be_an_array(backend: Backend, device: str):
    q = backend.asarray(np.arange(6.0).reshape(1, 3, 2), "float32", device)
    want = backend.to_numpy(ops.scaled_dot_product_attention(q, q, q, scale=0.25))
    scales = [np.float32(0.25), np.array(0.25), backend.asarray(0.25, "float32", device)]
    scales += [backend.asarray(0.25, "float16", device), backend.asarray([0.25], "float32", device)]
    for scale in scales[:-1]:
        got = backend.to_numpy(ops.scaled_dot_product_attention(q, q, q, scale=scale))
        assert np.array_equal(got, want)
    with pytest.raises(TypeError, match="scale must be a number"):
        ops.scaled_dot_product_attention(q, q, q, scale=scales[-1])


def test_a_learned_scale_has_a_gradient(backend: Backend, device: str):
    q = np.arange(6.0).reshape(1, 3, 2)
    if backend.name == "numpy":  # which has no gradients: an array is not read as a constant
        scale = np.array(0.25)
        assert ops.scaled_dot_product_attention(q, q, q, scale=scale).shape == q.shape
        return
    x = backend.asarray(q, "float32", device)

    def total(scale):
        return backend.sum(ops.scaled_dot_product_attention(x, x, x, scale=scale))

    _, gradient = backend.value_and_grad(total)(backend.asarray(0.25, "float32", device))
    difference = sum(
        sign * ops.scaled_dot_product_attention(q, q, q, scale=0.25 + sign * 1e-6).sum()
        for sign in (1, -1)
    )
    assert np.isclose(backend.to_numpy(gradient), difference / 2e-6, rtol=1e-3)


# --- Holders -------------------------------------------------------------------------------------


@pytest.mark.once
@pytest.mark.parametrize("kind", [OrderedDict, UserDict, MappingProxyType])
def test_any_mapping_is_read_as_a_dictionary(kind):
    read = value_of(kind({"b": np.float32(1), "a": kind({"c": [np.int64(2)]})}))
    assert type(read) is dict
    assert [*read] == ["b", "a"]
    assert type(read["a"]["c"][0]) is np.ndarray


@pytest.mark.once
def test_what_holds_nothing_comes_back_itself():
    for thing in (None, 1, 1.5, "x", object(), {1, 2}, np.str_("x"), float, np.ma.ones(3)):
        assert value_of(thing) is thing


@pytest.mark.once
def test_numpy_scalars_are_arrays_without_axes():
    stacked = ops.stack_arrays([np.float32(1), np.float32(2)])
    assert (stacked.dtype, stacked.tolist()) == (np.float32, [1.0, 2.0])
    assert ops.elementwise_product(np.ones((1, 1)), np.ones((1, 1))).tolist() == [[1.0]]


CALLS = {
    "rearrange": lambda x: ops.rearrange(x, "a b -> b a"),
    "repeat": lambda x: ops.repeat(x, "a b -> a b 2"),
    "reduce": lambda x: ops.reduce(x, "a b -> a", "mean"),
    "pack": lambda x: ops.pack([x], "a *"),
    "unpack": lambda x: ops.unpack(x, [(2,)], "a *"),
    "einsum": lambda x: ops.einsum(x, "a b -> a"),
    "rearrange a list": lambda x: ops.rearrange([np.ones((2, 2)), x], "n a b -> n b a"),
}


@pytest.mark.once
@pytest.mark.parametrize("kind", [np.ma.MaskedArray, np.matrix, np.recarray])
@pytest.mark.parametrize("name", CALLS)
def test_einops_functions_refuse_numpys_arrays_of_another_meaning(name, kind):
    """Other operations' arguments are in the table of bad input."""
    message = rf"{name.split()[0]}: .* must be an array of .*, got a {kind.__name__}"
    with pytest.raises(TypeError, match=message):
        CALLS[name](np.ones((2, 2)).view(kind))


# --- NumPy beside JAX and TensorFlow -------------------------------------------------------------


def test_numpys_choices_beside_the_data(backend: Backend, device: str):
    matrix = backend.asarray(np.arange(6.0).reshape(3, 2), "float32", device)
    rows = np.array([2, -1, 0])
    if not backend.takes_numpy:
        taken = backend.name == "numpy"
        if taken:
            assert ops.collect_rows(matrix, rows).shape == (3, 2)
        else:
            with pytest.raises(
                TypeError, match="matrix is an array of PyTorch and rows one of Num"
            ):
                ops.collect_rows(matrix, rows)
        return
    got = backend.to_numpy(ops.collect_rows(matrix, rows))
    assert np.array_equal(got, np.arange(6.0).reshape(3, 2)[rows])
    q = backend.asarray(np.eye(3)[None], "float32", device)
    mask = np.tri(3, dtype=bool)
    assert np.array_equal(
        backend.to_numpy(ops.scaled_dot_product_attention(q, q, q, mask=mask)),
        backend.to_numpy(ops.scaled_dot_product_attention(q, q, q, causal=True)),
    )
    with pytest.raises(TypeError, match="pass arrays of one framework"):
        ops.scaled_dot_product_attention(q, q, q, mask=np.ones((3, 3), "float32"))
    with pytest.raises(TypeError, match="pass arrays of one framework"):
        ops.matrix_multiply(matrix, np.ones((2, 3), "int32"))


@pytest.mark.parametrize("far", [2**31, 2**32, 2**32 + 1, -(2**33), 2**62])
def test_a_choice_past_the_index_dtype_is_out_of_range(backend: Backend, device: str, far):
    matrix = backend.asarray(np.arange(6.0).reshape(3, 2), "float32", device)
    rows = np.array([0, far])
    if not backend.takes_numpy:
        rows = backend.asarray(rows, "int64", device)
    with pytest.raises(IndexError, match="rows must be from -3 to 2"):
        ops.collect_rows(matrix, rows)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "uint64"])
def test_unsigned_choices_are_integers(backend: Backend, device: str, dtype):
    if dtype == "uint64" and backend.index_dtype == "int32":
        dtype = "uint32"
    matrix = backend.asarray(np.arange(6.0).reshape(3, 2), "float32", device)
    got = ops.collect_rows(matrix, backend.asarray(np.array([2, 0], dtype), dtype, device))
    assert np.array_equal(backend.to_numpy(got), [[4.0, 5.0], [0.0, 1.0]])
    last = np.array([np.iinfo(dtype).max], dtype)  # it must not become −1
    with pytest.raises(IndexError, match="rows must be from -3 to 2"):
        ops.collect_rows(matrix, backend.asarray(last, dtype, device))
    tokens, experts = matrix, backend.asarray(np.array([[0], [1], [0]], dtype), dtype, device)
    assert backend.to_numpy(ops.dispatch_tokens(tokens, experts, 2).counts).tolist() == [2, 1]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "uint64"])
def test_numpys_unsigned_choices_are_taken_beside_others(backend: Backend, device: str, dtype):
    if not backend.takes_numpy:
        return
    matrix = backend.asarray(np.arange(6.0).reshape(3, 2), "float32", device)
    got = ops.collect_rows(matrix, np.array([2, 0], dtype))
    assert np.array_equal(backend.to_numpy(got), [[4.0, 5.0], [0.0, 1.0]])
    logits = backend.asarray(np.zeros((2, 4)), "float32", device)
    losses = backend.to_numpy(ops.cross_entropy(logits, np.array([1, 3], dtype)))
    np.testing.assert_allclose(losses, np.log([4.0, 4.0]), rtol=1e-6)


@pytest.mark.einport(applies=lambda one, backend: backend == "numpy")
def test_arguments_are_checked_once(entry, backend):
    """A composite calls the definitions of its parts, which check nothing."""
    arguments = to_backend(backend, draw_inputs(entry.cases[0], usual_dtype(entry), "x"), "cpu")
    args, kwargs = arguments
    entries = []

    def watch(frame, event, _):
        if event == "call" and frame.f_code is entry.op.__code__:  # the same for all operations
            entries.append(frame)

    sys.setprofile(watch)
    try:
        entry.op(*args, **kwargs)
    finally:
        sys.setprofile(None)
    assert len(entries) == 1


# --- Settings that are traced --------------------------------------------------------------------


def traced(backend, fn, x, setting):
    """Call a function in a graph to which the setting is an argument."""
    if backend.name == "tensorflow":
        import tensorflow as tf

        return tf.function(fn, autograph=False)(x, tf.constant(setting))
    if backend.name == "jax":
        import jax

        return jax.jit(fn)(x, jax.numpy.asarray(setting))
    import torch
    from torch.fx.experimental.proxy_tensor import make_fx

    return make_fx(fn)(x, torch.tensor(setting))


TRACED = {
    "num_heads": (lambda x, n: ops.split_heads(x, n), "integer"),
    "k": (lambda x, n: ops.top_k_gating(x, n), "known"),
    "a": (lambda x, n: ops.rearrange(x, "b (a n) d -> b a n d", a=n), "integer"),
    "window": (lambda x, n: ops.max_pool(x, n), "known"),
    "stride": (lambda x, n: ops.conv2d(x[None], x[None, :, :1, :1], stride=n), "known"),
    "padding": (lambda x, n: ops.conv2d(x[None], x[None, :, :1, :1], padding=n), "known"),
    "period": (lambda x, n: ops.standardize_by_period(x[0, 0], n), "known"),
}


TRIED = [(name, 2) for name in TRACED]
TRIED += [(name, wrong) for name in ("num_heads", "k", "a") for wrong in (2.0, [2, 1])]


@pytest.mark.parametrize(("name", "value"), TRIED)
def test_a_traced_setting_is_refused_in_words(backend: Backend, device: str, name, value):
    """But for an integer in TensorFlow, whose sizes are such, where it need not be known."""
    if backend.name == "numpy":
        return
    fn, need = TRACED[name]
    x = backend.asarray(np.ones((2, 4, 8)), "float32", device)
    if backend.name == "tensorflow" and type(value) is int and need == "integer":
        assert traced(backend, fn, x, value) is not None
        return
    with pytest.raises(TypeError, match=f"{name} must be .*known while tracing, got an array of"):
        traced(backend, fn, x, value)


@pytest.mark.only("torch")
def test_a_setting_with_a_derivative_is_not_read(backend: Backend, device: str):
    """The derivative would be lost in silence."""
    import torch
    from torch.autograd import forward_ad

    x = torch.ones(2, 3)
    with forward_ad.dual_level():
        eps = forward_ad.make_dual(torch.tensor(1e-3), torch.tensor(1.0))
        for held in (eps, torch.tensor(1e-3, requires_grad=True)):
            with pytest.raises(TypeError, match="layer_norm: eps must be a number, got an array"):
                ops.layer_norm(x, eps=held)


@pytest.mark.once
def test_what_only_looks_like_an_integer_is_refused_in_words():
    masked = np.ma.masked_array([1, 2], [0, 1])
    with pytest.raises(TypeError, match="tile_batch: batch must be an integer, got a MaskedArray"):
        ops.tile_batch(np.ones(3), masked)


# --- JAX: what is traced without being known -----------------------------------------------------


@pytest.mark.only("jax")
def test_a_traced_reference_is_refused_in_words(backend: Backend):
    import jax

    if not hasattr(jax, "new_ref"):  # before JAX 0.8 there is none
        return
    jax.jit(ops.softmax)(np.ones(3, "f"))  # what is traced has been met
    with pytest.raises(TypeError, match="softmax: x must be a dense array, got a Ref"):
        jax.jit(ops.softmax)(jax.new_ref(jax.numpy.ones(3)))


SYMBOLIC = {
    "the depth of q must be known": (
        lambda q: ops.scaled_dot_product_attention(q, q, q), ["b, n, d"],
    ),
    "the channels of x must be known": (
        lambda x, w: ops.multi_head_attention(
            x, dict.fromkeys(("query", "key", "value", "output"), w), num_heads=2
        ),
        ["b, n, 2*d", "2*d, 2*d"],
    ),
    "the number of choices, .*, must be known": (
        lambda x, i: ops.dispatch_tokens(x, i.astype("int32"), 4).tokens, ["t, d", "t, k"],
    ),
    "": (
        lambda q, k: ops.scaled_dot_product_attention(q, k, k), ["b, 4*g, n, 8", "b, g, m, 8"],
    ),
}  # fmt: skip


@pytest.mark.only("jax")
@pytest.mark.parametrize("needed", SYMBOLIC)
def test_a_symbol_serves_or_is_said_to_be_none_that_does(backend: Backend, needed):
    import jax
    from jax import export

    fn, shapes = SYMBOLIC[needed]
    scope = export.SymbolicScope()
    given = [
        jax.ShapeDtypeStruct(export.symbolic_shape(shape, scope=scope), "float32")
        for shape in shapes
    ]
    if not needed:
        (out,) = export.export(jax.jit(fn))(*given).out_avals
        assert str(out.shape) == "(b, 4*g, n, 8)"
        return
    with pytest.raises(ValueError, match=needed):
        export.export(jax.jit(fn))(*given)


@pytest.mark.only("tensorflow")
def test_a_capacity_may_follow_from_an_unknown_batch(backend: Backend, device: str):
    import tensorflow as tf

    def run(tokens, experts):
        return ops.dispatch_tokens(tokens, experts, 2, capacity=tf.shape(tokens)[0] // 2).tokens

    tokens, experts = np.arange(4, dtype="f")[:, None], np.array([[1], [0], [1], [1]])
    graph = tf.function(run, autograph=False)
    want = ops.dispatch_tokens(tokens, experts, 2, capacity=2).tokens
    assert np.array_equal(graph(tf.constant(tokens), tf.constant(experts)), want)


@pytest.mark.only("tensorflow")
def test_settings_are_read_from_what_a_module_made_of_a_list(backend: Backend, device: str):
    import tensorflow as tf

    class Holding(tf.Module):
        def __init__(self):
            super().__init__()
            self.listed, self.together = [tf.Variable(2), 1], (tf.Variable(2), 1)

    held = Holding()
    for repeats in (held.listed, held.together):
        assert ops.tile(tf.ones((3, 4)), repeats).shape == (6, 4)


# --- Patterns ------------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", [b"a b -> b a", 5, None])
@pytest.mark.parametrize("op", ["rearrange", "repeat", "reduce"])
def test_a_pattern_is_a_string(backend: Backend, device: str, op, pattern):
    x = backend.asarray(np.ones((3, 4)), "float32", device)
    rest = ("sum",) if op == "reduce" else ()
    with pytest.raises(TypeError, match=f"^{op}: the pattern must be a string, got "):
        getattr(ops, op)(x, pattern, *rest)


@pytest.mark.parametrize("length", [3.0, np.float32(3), "3", [3], np.ones(2)])
@pytest.mark.parametrize("op", ["rearrange", "repeat", "reduce"])
def test_the_length_of_an_axis_is_an_integer(backend: Backend, device: str, op, length):
    x = backend.asarray(np.ones((3, 4)), "float32", device)
    patterns = {"rearrange": "(a b) c -> a b c", "repeat": "b c -> a b c", "reduce": "(a b) c -> c"}
    rest = ("sum",) if op == "reduce" else ()
    with pytest.raises(TypeError, match=f"^{op}: a must be an integer, got "):
        getattr(ops, op)(x, patterns[op], *rest, a=length)


def test_a_reduction_is_a_known_word_or_a_function(backend: Backend, device: str):
    x = backend.asarray(np.ones((3, 4)), "float32", device)
    for wrong in ("median", x, 3):
        with pytest.raises(EinopsError, match=r"^reduce: reduction must be a function or one of "):
            ops.reduce(x, "a b -> a", wrong)


@pytest.mark.once
def test_an_array_is_found_before_its_holder():
    assert find(np.float32(1)) is None
    assert find(value_of(np.float32(1))).name == "numpy"
