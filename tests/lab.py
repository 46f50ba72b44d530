"""What the tests of adapters share: sample values, and one strict comparison.

Values are held in float64, int64 or bool, rounded to the dtype under test, so that what is
expected can be computed by plain NumPy in a wide dtype, not through any adapter.
"""

import ml_dtypes
import numpy as np

from einport import ops
from einport.backends.trees import tree_leaves, tree_map

FLOATS = ("float64", "float32", "float16", "bfloat16")
HALVES = ("float16", "bfloat16")
INTEGERS = ("int8", "uint8", "int32", "int64")
NUMBERS = FLOATS + INTEGERS
ALL = (*NUMBERS, "bool")
WIDE = ("float64", "int64")

EPSILON = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
TINY = {"float64": 2.0**-1022, "float32": 2.0**-126, "float16": 2.0**-24, "bfloat16": 2.0**-126}


def storage(dtype):
    """NumPy's form of a dtype."""
    return np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)


def plain(data, dtype):
    """Values rounded to a dtype, held in float64, int64 or bool."""
    with np.errstate(all="ignore"):
        rounded = np.asarray(data).astype(storage(dtype))
    kind = np.float64 if "float" in dtype else bool if dtype == "bool" else np.int64
    return rounded.astype(kind)


def samples(dtype):
    """Values of many kinds, by name: random, empty, single, tied, and what floats have beside."""
    random = np.random.default_rng(7)
    if "float" in dtype:
        drawn = random.normal(size=(3, 4, 5)) * 3
    elif dtype == "bool":
        drawn = random.random((3, 4, 5)) < 0.5
    else:
        info = np.iinfo(dtype)
        low, high = (info.min, info.max) if info.bits == 8 else (-1000, 1000)
        drawn = random.integers(low, high, (3, 4, 5), endpoint=True)
    found = {
        "random": drawn,
        "matrix": drawn[0],
        "row": drawn[1, 2],
        "one": drawn[:1, 0, 0],
        "scalar": drawn[1, 1, 1],
        "empty": np.zeros((0,)),
        "hollow": np.zeros((2, 0, 3)),
        "tied": random.integers(0, 3, (4, 6)),
        "equal": np.ones((2, 7)),
    }
    if "float" in dtype:
        nan, inf = np.nan, np.inf
        found["special"] = np.array([1.5, nan, inf, -inf, -0.0, 0.0, -2.0, nan, 1.5, inf])
        found["zeros"] = np.array([[0.0, -0.0, 0.0], [-0.0, 0.0, -0.0]])
        found["no number"] = np.full((2, 3), nan)
        found["lowest"] = np.full((2, 3), -inf)
    elif dtype != "bool":
        info = np.iinfo(dtype)
        found["limits"] = np.array([info.max, info.min, 0, info.max, info.min, 1])
    return {name: plain(values, dtype) for name, values in found.items()}


def elements(dtype):
    """All sample values in three shapes, for what looks at one element at a time."""
    found = samples(dtype)
    flat = np.concatenate([values.ravel() for values in found.values()])
    return flat, found["hollow"], found["scalar"]


AXES = (
    *((axis, False) for axis in (None, 0, -1, -3, (0, 2), (-1, 0), ())),
    *((axis, True) for axis in (None, 1, (-1, 0))),
)
"""What to reduce of three axes, and whether to keep it as an axis of size 1."""


class Lab:
    """One framework on one device: makes arrays, and compares results strictly."""

    def __init__(self, xp, device, dtype):
        self.xp = xp
        self.device = device
        self.dtype = dtype
        self._made = []

    @property
    def sum_dtype(self):
        """The dtype that sums come in."""
        return self.dtype if "float" in self.dtype else self.index_dtype

    @property
    def index_dtype(self):
        """The dtype that indices come in: JAX has 64-bit integers in an x64 scope only."""
        return "int32" if self.xp.name == "jax" and self.dtype not in WIDE else "int64"

    def array(self, values, dtype=None):
        """An array that `check` will look at again, to see that nobody wrote to it."""
        dtype = dtype or self.dtype
        given = np.asarray(values).astype(storage(dtype))
        made = self.xp.asarray(
            given.astype(np.float32) if dtype == "bfloat16" else given, dtype, self.device
        )
        self._made.append((made, plain(given, dtype), dtype))
        return made

    def check(self, got, want, dtype=None, *, epsilons=0.0, scale=None, signs=True):
        """Value, shape, dtype, framework and device of a result, and all inputs unchanged.

        Floats may be off by `epsilons` of the dtype, relative to `scale` (or what is wanted).
        With none, they must be equal, zeros of one sign unless `signs` is False.
        """
        self._check_one(got, np.asarray(want), dtype or self.dtype, epsilons, scale, signs)
        for made, values, kind in self._made:
            self._check_one(made, values, kind, 0.0, None, True)

    def _check_one(self, got, want, dtype, epsilons, scale, signs):
        xp = self.xp
        assert xp.owns(got), f"{type(got)} is not an array of {xp.title}"
        assert tuple(xp.shape(got)) == want.shape
        assert xp.dtype(got) == dtype
        assert xp.device(got) == self.device
        values = xp.to_numpy(got)
        assert values.dtype == ("float32" if dtype == "bfloat16" else dtype)
        assert values.shape == want.shape
        if "float" not in dtype:
            assert want.dtype.kind in "biu", "wanted floats of an integer dtype"
            np.testing.assert_array_equal(values, want)
            return
        values, exact = values.astype(np.float64), want.astype(np.float64)
        wanted = plain(exact, dtype)  # beyond the largest value it is infinity
        special = ~np.isfinite(wanted) | ~np.isfinite(values)
        np.testing.assert_array_equal(values[special], wanted[special])
        if epsilons == 0.0:
            np.testing.assert_array_equal(values, wanted)
            if signs:
                known = ~np.isnan(wanted)
                np.testing.assert_array_equal(np.signbit(values)[known], np.signbit(wanted)[known])
            return
        size = np.abs(exact if scale is None else np.asarray(scale, np.float64))
        size = np.broadcast_to(size, want.shape)[~special]
        error = np.abs(values[~special] - exact[~special])
        bound = epsilons * EPSILON[dtype] * size + TINY[dtype]
        assert np.all(error <= bound), (
            f"{np.max(error / bound) * epsilons:.3g} epsilons off, {epsilons} allowed\n"
            f"got {values}\nwanted {exact}"
        )


_GRAPHS = {}


class AtOnce:
    """The operations, each call of arrays that can be read as one graph, which is kept."""

    def __init__(self, xp):
        self._xp = xp

    def __getattr__(self, name):
        op, xp = getattr(ops, name), self._xp

        def run(*args, **kwargs):
            given = tree_leaves((args, kwargs))
            arrays = [leaf for leaf in given if xp.owns(leaf)]
            if not all(map(xp.is_concrete, arrays)) or any(
                isinstance(x, np.ndarray) for x in given
            ):
                return op(*args, **kwargs)

            def again(*arrays):
                rest = iter(arrays)
                put = tree_map(lambda leaf: next(rest) if xp.owns(leaf) else leaf, (args, kwargs))
                return op(*put[0], **put[1])

            rest = tree_map(lambda leaf: xp.dtype(leaf) if xp.owns(leaf) else leaf, (args, kwargs))
            graph = _GRAPHS.setdefault((xp.name, name, repr(rest)), xp.compile(again))
            return graph(*arrays)

        return run
