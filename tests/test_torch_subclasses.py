"""Operations take PyTorch's tensors of other classes: users' own, and jagged ones."""

import numpy as np
import pytest

from einport.backends.gaps import TORCH_JAGGED
from einport.backends.trees import tree_leaves, tree_map
from einport.suite.inputs import draw_inputs, to_backend
from einport.suite.plan import usual_dtype

JAGGED_GAPS = {gap.op: gap for gap in TORCH_JAGGED}


def subclasses():
    """A bare subclass, one with `__torch_function__`, and one that wraps a tensor."""
    import torch
    from torch.utils._pytree import tree_map as map_all

    class Bare(torch.Tensor):
        pass

    class Counting(torch.Tensor):
        calls = 0

        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            Counting.calls += 1
            return super().__torch_function__(func, types, args, kwargs or {})

    class Wrapping(torch.Tensor):
        __torch_function__ = torch._C._disabled_torch_function_impl

        @staticmethod
        def __new__(cls, held):
            return torch.Tensor._make_wrapper_subclass(
                cls, held.size(), strides=held.stride(), dtype=held.dtype, device=held.device
            )

        def __init__(self, held):
            self.held = held

        @classmethod
        def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
            args, kwargs = map_all(plain, (args, kwargs or {}))
            return map_all(lambda x: Wrapping(x) if is_array(x) else x, func(*args, **kwargs))

    return {
        "bare": lambda x: x.as_subclass(Bare),
        "counting": lambda x: x.as_subclass(Counting),
        "wrapping": Wrapping,
    }


def is_array(x):
    import torch

    return isinstance(x, torch.Tensor)


def plain(x):
    import torch

    if not is_array(x) or hasattr(x, "held"):
        return getattr(x, "held", x)
    return x.as_subclass(torch.Tensor)


def arrays_of(entry, case):
    """A case's arguments on the CPU, and the arrays among them."""
    from einport.backends import get_backend

    tree = to_backend(
        get_backend("torch"), draw_inputs(case, usual_dtype(entry, case), entry.name), "cpu"
    )
    return tree, [leaf for leaf in tree_leaves(tree) if is_array(leaf)]


def results_of(entry, tree):
    args, kwargs = tree
    return [leaf for leaf in tree_leaves(entry.op(*args, **kwargs)) if is_array(leaf)]


def alike(got, want):
    import torch

    torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-6, equal_nan=True)


def of_torch(entry, backend):
    return backend == "torch"


@pytest.mark.einport(applies=of_torch)
@pytest.mark.parametrize("kind", ["bare", "counting", "wrapping"])
def test_a_subclass_gives_the_values_of_plain_tensors_in_its_class(entry, backend, kind):
    make = subclasses()[kind]
    for case in entry.cases[:2]:
        tree, arrays = arrays_of(entry, case)
        got = results_of(entry, tree_map(lambda x: make(x) if is_array(x) else x, tree))
        for found, want in zip(got, results_of(entry, tree), strict=True):
            assert type(found) is type(make(arrays[0]))
            alike(plain(found), want)


@pytest.mark.einport(applies=lambda one, backend: backend == "torch" and one.no_gradient is None)
def test_a_subclass_has_the_gradients_of_plain_tensors(entry, backend):
    make = subclasses()["counting"]
    case = entry.cases[0]

    def gradients(wrap):
        tree, arrays = arrays_of(entry, case)
        leaves = [x.requires_grad_() for x in arrays if x.is_floating_point()]
        got = results_of(entry, tree_map(lambda x: wrap(x) if is_array(x) else x, tree))
        terms = [plain(x).square().sum() for x in got if x.requires_grad]
        sum(terms).backward()
        return [x.grad for x in leaves]

    for found, want in zip(gradients(make), gradients(lambda x: x), strict=True):
        assert (found is None) == (want is None)
        if want is not None:
            alike(plain(found), want)


# --- Jagged tensors ------------------------------------------------------------------------------


def of_jagged(entry, backend):
    """What takes arrays of two axes or more, of which the second can be ragged."""
    if backend != "torch":
        return False
    spec = tree_leaves((entry.cases[0].args, dict(entry.cases[0].kwargs)))[0]
    return len(getattr(spec, "shape", np.shape(getattr(spec, "data", 0)))) > 1


def takes_jagged(entry, backend):
    return of_jagged(entry, backend) and entry.name not in JAGGED_GAPS


def lacks_jagged(entry, backend):
    return of_jagged(entry, backend) and entry.name in JAGGED_GAPS


def jagged(tree, arrays, lengths):
    """The first array with its second axis ragged, and all others of its first two sizes too."""
    import torch

    shape, first = arrays[0].shape[:2], None

    def ragged(x):
        nonlocal first
        if not is_array(x) or x.shape[:2] != shape or x.ndim < 2:
            return x
        rows = [row[:n] for row, n in zip(x, lengths, strict=True)]
        if first is None:
            first = torch.nested.nested_tensor(rows, layout=torch.jagged)
            return first
        return torch.nested.nested_tensor_from_jagged(torch.cat(rows), first.offsets())

    return tree_map(ragged, tree)


def row_of(tree, arrays, i, length):
    """The arguments for one row of the batch alone, at its own length."""
    shape = arrays[0].shape[:2]

    def own(x):
        if not is_array(x) or x.shape[0] != shape[0]:
            return x
        return x[i : i + 1, :length] if x.shape[:2] == shape else x[i : i + 1]

    return tree_map(own, tree)


@pytest.mark.einport(applies=takes_jagged)
def test_a_jagged_tensor_gives_what_its_rows_give(entry, backend):
    tree, arrays = arrays_of(entry, entry.cases[0])
    lengths = [arrays[0].shape[1] - i % 2 for i in range(arrays[0].shape[0])]
    got = results_of(entry, jagged(tree, arrays, lengths))
    rows = [results_of(entry, row_of(tree, arrays, i, n)) for i, n in enumerate(lengths)]
    for place, found in enumerate(got):
        wanted = [row[place] for row in rows]
        if found.ndim == 0:
            alike(found, sum(wanted) / len(wanted))
            continue
        for part, want in zip(found.unbind(), wanted, strict=True):
            alike(part, want[0])


@pytest.mark.einport(applies=lacks_jagged)
def test_what_a_jagged_tensor_cannot_do_is_an_error_as_declared(entry, backend):
    tree, arrays = arrays_of(entry, entry.cases[0])
    with pytest.raises(Exception) as raised:  # noqa: PT011  (of which class, the gap says)
        results_of(entry, jagged(tree, arrays, [arrays[0].shape[1]] * arrays[0].shape[0]))
    says = JAGGED_GAPS[entry.name].says
    assert says in f"{type(raised.value).__name__}: {raised.value}"


@pytest.mark.einport(applies=lambda one, backend: backend == "torch" and one.name == "einsum")
def test_a_jagged_batch_of_one_is_not_multiplied_by_many(entry, backend):
    """PyTorch gives the first product alone, without a word."""
    import torch

    one = torch.nested.nested_tensor([torch.ones(3, 4)], layout=torch.jagged)
    with pytest.raises(ValueError, match="the batch of a jagged tensor, 1, is not 2"):
        backend.matmul(one, torch.ones(2, 4, 5))


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.einport(applies=lambda one, backend: backend == "torch")
def test_a_layout_that_nothing_computes_with_is_refused_in_words(entry, backend):
    import torch

    tree, arrays = arrays_of(entry, entry.cases[0])
    for where, x in enumerate(arrays):
        others = {"torch.sparse_coo": x.to_sparse()} if x.ndim else {}
        if x.ndim and x.dtype == torch.float32:
            others["torch._mkldnn"] = x.to_mkldnn()
        if x.ndim > 1:
            others["torch.strided"] = torch.nested.as_nested_tensor(list(x))
        for layout, other in others.items():
            rest = iter([*arrays[:where], other, *arrays[where + 1 :]])
            args, kwargs = tree_map(lambda leaf: next(rest) if is_array(leaf) else leaf, tree)  # noqa: B023
            words = f"^{entry.name}: .+ must be a dense array, got a (nested )?tensor of layout"
            with pytest.raises(TypeError, match=f"{words} {layout}$"):
                entry.op(*args, **kwargs)
