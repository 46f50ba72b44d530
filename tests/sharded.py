"""One of two processes that hold the parts of PyTorch's DTensors: `python sharded.py RANK FILE`.

It reads a task a line, `entry NAME CASES` or `check NAME`, and answers each with a line of JSON:
what failed, and how many values were compared. Both processes get the same tasks.
"""

import json
import sys
import traceback
import warnings
from datetime import timedelta

import torch
import torch.distributed as dist
from torch.distributed.tensor import (
    DTensor,
    Partial,
    Replicate,
    Shard,
    distribute_tensor,
    init_device_mesh,
)
from torch.utils._python_dispatch import TorchDispatchMode

from einport import ops
from einport.backends import get_backend
from einport.backends.trees import tree_leaves, tree_map
from einport.catalog import entry
from einport.suite.inputs import draw_inputs, to_backend
from einport.suite.plan import usual_dtype

XP = get_backend("torch")
COMPARED = 0


def is_array(x):
    return isinstance(x, torch.Tensor)


def placements(arrays, everything):
    """Which array is sharded along which axis; all others are replicated."""
    whole = [Replicate()] * len(arrays)
    yield "replicated", whole
    for i, x in enumerate(arrays):
        axes = range(x.ndim) if i == 0 or everything else range(min(x.ndim, 1))
        for axis in axes:
            yield f"array {i} along axis {axis}", [*whole[:i], Shard(axis), *whole[i + 1 :]]
    if everything:
        yield "all along axis 0", [Shard(0) if x.ndim else Replicate() for x in arrays]
        if arrays[0].is_floating_point():
            yield "a sum that is pending", [Partial(), *whole[1:]]


def put(x, mesh, *layout):
    """A plain tensor as a DTensor; every process has it."""
    if any(one.is_partial() for one in layout):
        return DTensor.from_local(x / mesh.size(), mesh, layout, run_check=False)
    return distribute_tensor(x, mesh, list(layout))


def alike(got, want):
    """That a DTensor holds the values of a plain tensor, within rounding."""
    global COMPARED
    assert isinstance(got, DTensor), f"gave a {type(got).__name__}"
    assert got.shape == want.shape, f"gave shape {tuple(got.shape)}, expected {tuple(want.shape)}"
    full = got.full_tensor()
    COMPARED += 1 + want.numel()
    if want.is_floating_point():
        torch.testing.assert_close(full, want, rtol=1e-4, atol=1e-5, equal_nan=True)
    else:
        assert torch.equal(full, want), f"gave {full}, expected {want}"


def exactly(got, want):
    global COMPARED
    COMPARED += 1 + want.numel()
    assert type(got) is torch.Tensor
    assert torch.equal(got, want), f"gave {got}, expected {want}"


def run(op, tree, arrays, weights=None):
    """The results of a call with other arrays, and the gradients of their weighted sum."""
    rest = iter(arrays)
    args, kwargs = tree_map(lambda leaf: next(rest) if is_array(leaf) else leaf, tree)
    results = [leaf for leaf in tree_leaves(op(*args, **kwargs)) if is_array(leaf)]
    if weights is None:
        return results, []
    terms = [(r * w).sum() for r, w in zip(results, weights, strict=True) if r.grad_fn is not None]
    needed = [x for x in arrays if x.requires_grad]
    if not terms or not needed:
        return results, []
    return results, torch.autograd.grad(sum(terms), needed, materialize_grads=True)


def run_entry(mesh, name, cases):
    """Each of the first cases of an operation with each choice of sharded axes."""
    one, failures = entry(name), {"results": [], "gradients": []}
    for case in one.cases[:cases]:
        tree = to_backend(XP, draw_inputs(case, usual_dtype(one, case), name), "cpu")
        plain = [leaf for leaf in tree_leaves(tree) if is_array(leaf)]
        smooth = one.no_gradient is None and case.no_gradient is None
        want, _ = run(one.op, tree, plain)
        torch.manual_seed(0)
        weights = [torch.randn(x.shape).to(x.dtype) for x in want] if smooth else None
        _, want_grads = run(one.op, tree, [leaf(x, smooth) for x in plain], weights)
        if weights is not None:
            weights = [put(w, mesh, Replicate()) for w in weights]
        for where, layout in placements(plain, cases > 1):
            arrays = [leaf(put(x, mesh, to), smooth) for x, to in zip(plain, layout, strict=True)]
            got, grads = [], []
            at = f"{case.name}, {where}"
            attempt(failures["results"], at, lambda: got.extend(run(one.op, tree, arrays)[0]))  # noqa: B023
            compare(failures["results"], at, got, want)
            if want_grads and got:
                attempt(
                    failures["gradients"],
                    at,
                    lambda: grads.extend(run(one.op, tree, arrays, weights)[1]),  # noqa: B023
                )
                compare(failures["gradients"], at, grads, want_grads)
    return failures


def leaf(x, smooth):
    return x.detach().requires_grad_(smooth and x.is_floating_point())


def attempt(failures, where, call):
    try:
        call()
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        first = str(error).strip().partition("\n")[0]
        failures.append(f"{where}: {type(error).__name__}: {first} ({place.name})")


def compare(failures, where, got, want):
    for x, right in zip(got, want, strict=False):
        attempt(failures, where, lambda: alike(x, right))  # noqa: B023


# --- Checks of one promise each ------------------------------------------------------------------


def heads_stay_sharded(mesh):
    q, k, v = (torch.randn(2, 4, 6, 8) for _ in range(3))
    parts = [put(x, mesh, Shard(1)) for x in (q, k, v)]
    for causal in (False, True):
        got = ops.scaled_dot_product_attention(*parts, causal=causal)
        assert got.placements == (Shard(1),), got.placements
        alike(got, ops.scaled_dot_product_attention(q, k, v, causal=causal))


def a_batch_stays_sharded(mesh):
    x, weight = torch.randn(4, 3, 6, 6), torch.randn(5, 3, 3, 3)
    got = ops.conv2d(put(x, mesh, Shard(0)), put(weight, mesh, Replicate()), padding=1)
    assert got.placements == (Shard(0),), got.placements
    alike(got, ops.conv2d(x, weight, padding=1))


def columns_and_rows_of_projections(mesh):
    x, first, second = torch.randn(3, 5, 4), torch.randn(4, 6), torch.randn(6, 4)
    hidden = ops.einsum(
        put(x, mesh, Replicate()), put(first, mesh, Shard(1)), "b n i, i o -> b n o"
    )
    assert hidden.placements == (Shard(2),), hidden.placements
    got = ops.einsum(hidden, put(second, mesh, Shard(0)), "b n i, i o -> b n o")
    alike(got, x @ first @ second)


def experts_over_processes(mesh):
    sizes = {"gate": (6, 4), "w1": (4, 6, 8), "b1": (4, 8), "w2": (4, 8, 6), "b2": (4, 6)}
    params = {name: torch.randn(size).requires_grad_() for name, size in sizes.items()}
    x = torch.randn(2, 5, 6)
    for capacity in (None, 3):
        spread = {
            name: leaf(put(p.detach(), mesh, Replicate() if name == "gate" else Shard(0)), True)
            for name, p in params.items()
        }
        got = ops.moe_layer(put(x, mesh, Shard(0)), spread, k=2, capacity=capacity)
        want = ops.moe_layer(x, params, k=2, capacity=capacity)
        alike(got, want.detach())
        grads = torch.autograd.grad(got.square().sum(), list(spread.values()))
        wanted = torch.autograd.grad(want.square().sum(), list(params.values()))
        for found, right in zip(grads, wanted, strict=True):
            alike(found, right)


def a_mesh_of_two_axes(mesh):
    square = init_device_mesh("cpu", (2, 1))
    x, weight = torch.randn(4, 3, 6, 6), torch.randn(5, 3, 3, 3)
    for layout in ((Shard(0), Shard(1)), (Shard(0), Shard(0)), (Replicate(), Shard(2))):
        got = ops.conv2d(put(x, square, *layout), put(weight, square, Replicate(), Shard(0)))
        alike(got, ops.conv2d(x, weight))
    tokens, ids = torch.randn(5, 4), torch.tensor([[3, 0, 4], [1, 1, 2]])
    got = XP.take(put(tokens, square, Shard(1), Shard(0)), put(ids, square, Shard(0), Shard(1)), 0)
    alike(got, tokens[ids])


def parts_of_different_sizes(mesh):
    """Where one process has more than the other, and where it has all."""
    for size in (1, 3, 5):
        x = torch.randn(size, 4)
        spread = put(x, mesh, Shard(0))
        for reduction in (XP.mean, XP.max, XP.min, XP.sum, XP.prod):
            alike(reduction(spread, axis=0), reduction(x, axis=0))
        for reduction in (XP.any, XP.all):
            alike(reduction(spread > 0, axis=0), reduction(x > 0, axis=0))
        alike(XP.argmax(spread, axis=0), XP.argmax(x, axis=0))
        alike(ops.rearrange(spread, "a (b c) -> (a c) b", b=2), x.view(size, 2, 2).mT.flatten(0, 1))


def axes_that_count_from_the_end(mesh):
    """DTensor's own cumulative sum takes the last axis for one that is not sharded."""
    x = torch.randn(5)
    spread = put(x, mesh, Shard(0))
    alike(XP.cumulative_sum(spread, axis=-1), x.cumsum(-1))
    alike(XP.argsort(spread, axis=-1), x.argsort(stable=True))
    alike(XP.take_along_axis(spread, XP.argsort(spread), axis=-1), x.sort().values)


def sums_in_16_bits_are_rounded_once(mesh):
    """515.9 is 516; but 257 and 258.9 are 256 and 258, and the sum of those is 512."""
    x = torch.ones((1, 512), dtype=torch.bfloat16)
    x[0, 0], x[0, 256] = 2.0, 3.90625
    ones = put(torch.ones((512, 1), dtype=torch.bfloat16), mesh, Shard(0))
    spread, want = put(x, mesh, Shard(1)), torch.tensor([516.0], dtype=torch.bfloat16)
    exactly(ops.row_sums(spread).full_tensor(), want)
    exactly(ops.matrix_multiply(spread, ones).full_tensor(), want[None])
    exactly(ops.einsum(spread, "a b -> a").full_tensor(), want)


class Without(TorchDispatchMode):
    """DTensor as in a version that has no sharding rules for some operators."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket._qualified_op_name.removeprefix("aten::") in LACKED:
            given = tree_leaves((args, kwargs or {}))
            assert not any(isinstance(x, DTensor) for x in given), f"{func} has no rule"
        return func(*args, **(kwargs or {}))


LACKED = {
    "index_select",
    "index",
    "gather",
    "index_add",
    "scatter_add",
    "sort",
    "argsort",
    "argmax",
}
LACKED |= {"cumsum", "constant_pad_nd", "any", "all", "prod", "bmm", "_unsafe_view"}


def operators_that_older_versions_lack(mesh):
    x, ids = torch.randn(4, 3), torch.tensor([3, 0, 0, 1])
    along = torch.tensor([[1, 0], [2, 2], [0, 1], [0, 0]])
    steps = {
        "take": lambda x, ids, along: XP.take(x, ids, axis=0),
        "take along": lambda x, ids, along: XP.take_along_axis(x, along, axis=1),
        "segments": lambda x, ids, along: XP.segment_sum(x, ids, 5),
        "sort": lambda x, ids, along: XP.argsort(x, axis=0),
        "argmax": lambda x, ids, along: XP.argmax(x, axis=0),
        "scan": lambda x, ids, along: XP.cumulative_sum(x, axis=0),
        "pad": lambda x, ids, along: XP.pad(x, [(1, 0), (0, 2)]),
        "any": lambda x, ids, along: XP.any(x > 1, axis=0),
        "all": lambda x, ids, along: XP.all(x > 1, axis=0),
        "product": lambda x, ids, along: XP.prod(x, axis=0),
        "matmul": lambda x, ids, along: XP.matmul(x[None], x.mT[None]),
        "einsum": lambda x, ids, along: XP.einsum("ab,cb,db->acd", x, x, x),
    }
    plain = leaf(x, True), ids, along
    for layout in (Replicate(), Shard(0), Shard(1)):
        to = layout, Replicate() if layout == Shard(1) else layout, layout
        spread = [put(one, mesh, where) for one, where in zip((x, ids, along), to, strict=True)]
        spread[0] = leaf(spread[0], True)
        for step in steps.values():
            want = step(*plain)
            with Without():
                got = step(*spread)
                alike(got, want.detach())
                if want.requires_grad:
                    (grad,) = torch.autograd.grad(got.sum(), spread[0])
                    alike(grad, torch.autograd.grad(want.sum(), plain[0])[0])


def values_come_to_numpy_whole(mesh):
    x = torch.randn(3, 4)
    exactly(torch.tensor(XP.to_numpy(put(x, mesh, Shard(0)))), x)


def einops_knows_plain_tensors_as_before(mesh):
    from einops import _backends, rearrange

    put(torch.ones(2), mesh, Replicate())
    assert type(_backends.get_backend(torch.ones(2))) is _backends.TorchBackend
    assert "reshape" not in vars(_backends.get_backend(torch.ones(2)))
    exactly(rearrange(torch.ones(2, 3), "a b -> (a b)"), torch.ones(6))


def a_compiled_graph_is_whole(mesh):
    x, weight = torch.randn(4, 3, 5, 5), torch.randn(4, 3, 3, 3)
    inputs = put(x, mesh, Shard(0)), put(weight, mesh, Replicate())
    compiled = torch.compile(ops.conv2d, fullgraph=True, backend="aot_eager")
    alike(compiled(*inputs), ops.conv2d(x, weight))


def plain_tensors_beside_are_refused(mesh):
    """But for one without axes, which is a number."""
    global COMPARED
    x, scale = torch.randn(4, 6), torch.randn(6)
    for given in ((put(x, mesh, Shard(0)), scale), (x, put(scale, mesh, Replicate()))):
        said = ""
        try:
            ops.layer_norm(*given)
        except TypeError as error:
            said = str(error)
        assert said == "layer_norm: x and scale must both be DTensors, or neither", said
        COMPARED += 1
    q = put(torch.randn(2, 3, 4), mesh, Shard(0))
    alike(
        ops.scaled_dot_product_attention(q, q, q, scale=torch.tensor(0.5)),
        ops.scaled_dot_product_attention(*[q.full_tensor()] * 3, scale=0.5),
    )


def main():
    rank, file = int(sys.argv[1]), sys.argv[2]
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo",
        init_method=f"file://{file}",
        rank=rank,
        world_size=2,
        timeout=timedelta(seconds=120),
    )
    mesh = init_device_mesh("cpu", (2,))
    for line in sys.stdin:
        kind, name, *rest = line.split()
        global COMPARED
        COMPARED, failures = 0, {}
        torch.manual_seed(1)
        if kind == "entry":
            failures = run_entry(mesh, name, int(rest[0]))
        else:
            failures["check"] = []
            attempt(failures["check"], name, lambda: globals()[name](mesh))  # noqa: B023
        answer = {"failures": failures, "compared": COMPARED}
        sys.stdout.write("answer " + json.dumps(answer) + "\n")
        sys.stdout.flush()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
