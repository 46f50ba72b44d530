"""What `einport.compare` runs, judges and says; and bugs planted on purpose, which it must tell."""

import json
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

import einport
from einport import compare
from einport.backends import backend_of
from einport.catalog import entry
from einport.catalog._entry import case, values
from einport.comparison import frameworks, running, sources, timing
from einport.comparison.frameworks import Asked, Run, between, distance, same_bits
from einport.comparison.sizes import parse_sizes, resized
from einport.comparison.timing import ROUNDS, measure
from einport.suite.judge import Verdict
from einport.traps import FRAMEWORKS
from einport.views.comparison_html import page
from einport.views.comparison_text import code_lines, sections

pytestmark = pytest.mark.once


def on(backend, op="pixel_shuffle", **options):
    """A comparison on the framework under test beside NumPy, without measuring time."""
    options.setdefault("time", False)
    return compare(op, backends=["numpy", backend.name], **options)


@pytest.fixture
def planted(monkeypatch):
    """Put something else into the entry of an operation."""

    def plant(known, /, **changes):
        wrong = replace(entry(known), **changes)
        monkeypatch.setattr(running, "entry", lambda name: wrong)
        return wrong

    return plant


# --- What is right is said to be -----------------------------------------------------------------


@pytest.mark.parametrize(
    "op", ["pixel_shuffle", "softmax", "top_k_gating", "matrix_vector", "sample_distribution"]
)
def test_operations_agree(backend, record, op):
    c = on(backend, op)
    assert c.agrees, c.problems
    assert c.problems == ()
    known = entry(op)
    assert (c.op, c.topic, c.summary) == (op, known.topic, known.summary)
    assert c.exact == known.exact
    assert [run.name for run in c.runs] == list(dict.fromkeys(["numpy", backend.name]))
    assert len(c.pairs) == len(c.runs) - 1
    for run in c.runs:
        assert run.ran
        assert run.agreement.epsilons <= run.agreement.bound == known.tolerance
        assert run.native.agrees
        if known.exact:
            assert run.agreement.same_bits
            assert run.native.same_bits
        if known.no_gradient:
            assert run.gradient.reason == known.no_gradient
        elif run.name == "numpy":
            assert run.gradient.reason == "NumPy has no automatic differentiation"
        else:
            assert 0 <= run.gradient.error < 1e-6
    assert c.worst == max(run.agreement.epsilons for run in c.runs)
    record(Verdict(len(c.runs), 0.0))


def test_results_are_those_of_the_operation(backend, device):
    c = on(backend)
    (x,) = c.inputs
    want = einport.ops.pixel_shuffle(np.float32(x.values), 2)
    for run in c.runs:
        (result,) = run.results
        assert run.dtypes == ("float32",)
        np.testing.assert_array_equal(result, want)
    assert c.run(backend.name).version == backend.version()
    assert x.shape == (2, 12, 3, 4)
    assert x.text == "x (…=2, c·r²=12, h=3, w=4) float32"
    assert c.call == "pixel_shuffle(x, 2)"
    with pytest.raises(ValueError, match="'toy' was not compared"):
        c.run("toy")


def test_sources_come_straight_from_the_code():
    c = compare("pixel_shuffle", backends="numpy", time=False)
    lines = (sources.inspect.getsource(einport.ops.images)).splitlines()
    assert all(line in lines for line in (*c.definition.splitlines(), *c.helpers.splitlines()))
    assert '"""' not in c.definition
    assert "rearrange(x," in c.definition
    assert "CHANNEL_ORDERS = {" in c.helpers
    titles = [one.title for one in c.idioms]
    assert titles == ["NumPy", "PyTorch", "JAX", "TensorFlow"]
    for one in c.idioms:
        native = entry("pixel_shuffle").natives[one.name]
        assert one.source == sources.inspect.getsource(native).strip()
        assert one.installed == (one.name in einport.available_backends())


def test_every_idiom_stands_alone():
    """An idiom is shown as it is: what it needs of its module would be missing."""
    from einport.catalog import entries

    for one in entries():
        for name, native in one.natives.items():
            tree = sources.ast.parse(sources.source_of(native))
            own = set(native.__globals__) - set(dir(__builtins__)) - {native.__name__}
            loaded = {
                node.id
                for node in sources.ast.walk(tree)
                if isinstance(node, sources.ast.Name) and isinstance(node.ctx, sources.ast.Load)
            }
            bound = {
                node.id
                for node in sources.ast.walk(tree)
                if isinstance(node, sources.ast.Name) and isinstance(node.ctx, sources.ast.Store)
            }
            bound |= {arg.arg for arg in sources.ast.walk(tree) if isinstance(arg, sources.ast.arg)}
            bound |= {
                (name.asname or name.name).partition(".")[0]
                for node in sources.ast.walk(tree)
                if isinstance(node, sources.ast.Import | sources.ast.ImportFrom)
                for name in node.names
            }
            assert not (loaded & own) - bound - {"Any", "Array"}, (one.name, name)


def test_importing_einport_stays_light():
    program = (
        "import sys, einport\n"
        "heavy = {'numpy', 'torch', 'jax', 'tensorflow', 'einport.comparison', 'einport.suite'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "assert 'compare' in einport.__all__\n"
        "import einport.comparison\n"
        "assert 'einport.views' not in sys.modules\n"
        "from einport.views.compared import compare\n"
        "assert einport.compare is compare\n"
        "tools = {'click', 'rich', 'jinja2', 'markupsafe', 'pygments'}\n"
        "assert not ({'torch', 'jax', 'tensorflow'} | tools) & set(sys.modules)\n"
        "try: einport.nothing\n"
        "except AttributeError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "module 'einport' has no attribute 'nothing'\n"


# --- Which call ----------------------------------------------------------------------------------


def test_sizes_are_set_by_the_names_of_axes(backend):
    c = on(backend, shape="b=1 c=5, h=4")
    assert c.agrees, c.problems
    assert c.inputs[0].shape == (1, 20, 4, 4)
    assert c.runs[-1].results[0].shape == (1, 5, 8, 8)
    assert c.case == "b=1 c=5 h=4"


@pytest.mark.parametrize(
    ("op", "sizes", "shapes"),
    [
        ("pixel_shuffle", {"c·r²": 16}, [(2, 16, 3, 4)]),
        ("pixel_shuffle", {"...": 3}, [(3, 12, 3, 4)]),
        ("matrix_multiply", {"k": 7}, [(3, 7), (7, 5)]),
        ("extract_patches", {"h": 3, "b": 1}, [(1, 3, 6, 6)]),
        ("split_heads", {"d": 2}, [(2, 5, 6)]),
        ("conv2d", {"c": 2, "out": 5}, [(2, 2, 6, 9), (5, 2, 3, 2), (5,)]),
        ("merge_patches", {"H": 6}, [(2, 6, 6, 3)]),
        ("feed_forward", {"b2": 1, "h": 2}, [(2, 1, 4), (4, 2), (2,), (2, 4), (4,)]),
        ("gather_columns", {"k": 5}, [(3, 5), (3, 5)]),
        ("mean_by_period", {"n": 3}, [(21,)]),
        ("softmax", {"b": 0}, [(0, 5)]),
    ],
    ids=lambda one: one if isinstance(one, str) else None,
)
def test_every_array_that_has_the_axis_follows(op, sizes, shapes):
    c = compare(op, backends=["numpy"], shape=sizes, time=False)
    assert [x.shape for x in c.inputs] == shapes
    assert c.agrees, c.problems


def test_what_a_case_gives_is_repeated_or_cut():
    one = resized(entry("gather_columns"), entry("gather_columns").cases[0], {"k": 3, "m": 2})
    was = np.asarray(entry("gather_columns").cases[0].args[1].data)
    np.testing.assert_array_equal(one.args[1].data, was[:2][:, [0, 1, 0]])


def test_einops_functions_are_told_the_sizes():
    c = compare("repeat", backends=["numpy"], shape="r=5", time=False)
    assert c.call.endswith("r=5)")
    assert c.runs[0].results[0].shape == (2, 15)
    assert c.agrees


@pytest.mark.parametrize(
    ("shape", "error", "words"),
    [
        ("q=3", ValueError, "pixel_shuffle has no axis q to set, only b, c, r, h, w, c·r² (of x ("),
        ("h", ValueError, "sizes are written as \"b=2 c=8 h=4\", got 'h'"),
        ("", ValueError, "sizes are written as"),
        ("h=-1", ValueError, "sizes are written as"),
        ("h=2 h=3", ValueError, "named twice"),
        ({"h": 1.5}, TypeError, "must be a whole number, got 1.5"),
        ({"h": True}, TypeError, "must be a whole number, got True"),
        ({"h": -2}, ValueError, "must be 0 or more, got -2"),
        ("r=3", ValueError, "pixel_shuffle: x has 27 channels"),
        ("h=100000", ValueError, "more than the 100,000"),
    ],
)
def test_sizes_that_cannot_be_are_refused(shape, error, words):
    with pytest.raises(error) as found:
        compare("pixel_shuffle", backends=["numpy"], shape=shape)
    assert words in str(found.value)


def test_arrays_may_be_given(backend):
    random = np.random.default_rng(3)
    a, b = random.normal(size=(2, 6)), random.normal(size=(6, 3))
    c = on(backend, "matrix_multiply", inputs=[a, b])
    assert c.agrees, c.problems
    assert c.dtype == "float64"
    np.testing.assert_array_equal(c.inputs[1].values, b)
    np.testing.assert_allclose(c.run(backend.name).results[0], a @ b, rtol=1e-14)
    by_name = on(backend, "matrix_multiply", inputs={"b": b, "a": a})
    np.testing.assert_array_equal(by_name.runs[0].results[0], c.runs[0].results[0])


def test_arrays_may_be_those_of_a_framework(backend):
    x = backend.asarray(np.arange(8, dtype="int32").reshape(1, 4, 1, 2))
    c = on(backend, inputs=[x])
    assert c.agrees, c.problems
    assert c.dtype == "int32"
    assert c.run(backend.name).results[0].tolist() == [[[[0, 2, 1, 3], [4, 6, 5, 7]]]]
    assert {run.gradient.reason for run in c.runs} == {"int32 has no derivative"}


def test_a_kink_among_given_arrays_has_no_gradient(backend):
    c = on(backend, "global_max_pool", inputs=[np.ones((1, 1, 2, 2), "float32")])
    assert c.agrees, c.problems
    if backend.name != "numpy":
        assert "no derivative here" in c.run(backend.name).gradient.reason


def test_special_values_among_given_arrays(backend):
    x = np.array([[1, np.nan, 2], [np.inf, 0, -np.inf], [-0.0, 0.0, 1]], "float32")
    c = on(backend, "transpose_matrices", inputs=[x])
    assert c.agrees, c.problems
    assert all(run.agreement.same_bits for run in c.runs)
    assert c.picture.case != "given arrays"  # what is not a number shows no change
    assert "nan" not in json.dumps(c.to_json(), allow_nan=False).lower()


@pytest.mark.parametrize(
    ("op", "inputs", "error", "words"),
    [
        ("matrix_multiply", [np.ones((2, 3))], ValueError, "takes 2 arrays: a, b; got 1"),
        ("softmax", [], ValueError, "takes 1 array: x; got 0"),
        ("softmax", {"y": np.ones(3)}, ValueError, "takes 1 array: x; got y"),
        ("matrix_multiply", [np.ones((2, 3)), np.ones((4, 2))], ValueError, "axis k"),
        (
            "matrix_multiply",
            [np.ones((2, 3)), np.ones((3, 2), "float32")],
            TypeError,
            "a has float64, b has float32",
        ),
        ("layer_norm", [np.ones((2, 3), int)] * 3, TypeError, "x must have dtype float64, "),
        ("softmax", [np.array(["a"])], TypeError, "must hold numbers"),
        ("softmax", [np.ones((2, 2), complex)], TypeError, "must hold numbers"),
        (
            "collect_rows",
            [np.ones((2, 3)), np.ones(2)],
            TypeError,
            "rows must hold whole numbers, got float64",
        ),
        ("collect_rows", [np.ones((2, 3)), np.array([5])], ValueError, "5"),
        ("softmax", [np.ones((400, 300))], ValueError, "120,000 values"),
        ("rearrange", [np.ones(3)], ValueError, "rearrange: "),
    ],
)
def test_arrays_that_cannot_be_are_refused_before_anything_runs(op, inputs, error, words):
    with pytest.raises(error) as found:
        compare(op, backends=["no such framework"], inputs=inputs)
    assert words in str(found.value)


def test_each_array_goes_to_its_own_place():
    """Even where the case says of both, in one object, what they are like."""
    square = values(2, 2)
    a, b = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[0.0, 1.0], [1.0, 0.0]])
    own = case("twice the same", square, square)
    c = compare("matrix_multiply", backends=["numpy"], case=own, inputs=[a, b], time=False)
    assert c.runs[0].results[0].tolist() == [[2, 1], [4, 3]]
    assert [x.values.tolist() for x in c.inputs] == [a.tolist(), b.tolist()]
    c = compare("matrix_multiply", backends=["numpy"], case=own, shape="i=3 j=4", time=False)
    assert [x.shape for x in c.inputs] == [(3, 2), (2, 4)]


def test_shape_and_inputs_exclude_each_other():
    with pytest.raises(ValueError, match="exclude each other"):
        compare("softmax", shape="n=3", inputs=[np.ones((2, 2))])


def test_cases_have_names():
    name = entry("pixel_shuffle").cases[1].name
    assert compare("pixel_shuffle", backends=["numpy"], case=name, time=False).case == name
    with pytest.raises(ValueError, match="has no case 'nothing'; did you mean "):
        compare("pixel_shuffle", case="nothing")
    own = case("my own", values(1, 9, 2, 2), 3)
    assert compare("pixel_shuffle", backends=["numpy"], case=own, time=False).agrees


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(ValueError, match="did you mean pixel_shuffle"):
        compare("pixel_shufle")
    with pytest.raises(ValueError, match="did you mean 'torch'"):
        compare("softmax", backends=["troch"])
    with pytest.raises(ValueError, match="did you mean 'torch'"):
        compare("softmax", backends="numpy,troch")


def test_sizes_are_read_as_people_write_them():
    assert parse_sizes("b=2 c=8") == parse_sizes("b=2,c=8") == {"b": 2, "c": 8}
    assert parse_sizes("(h*w)=6 ...=2") == {"h·w": 6, "…": 2}


# --- Planted bugs --------------------------------------------------------------------------------


def test_a_swapped_axis_in_an_idiom_is_told(backend, planted):
    def swapped(x, upscale_factor):
        result = entry("pixel_shuffle").natives[backend.name](x, upscale_factor)
        turned = np.swapaxes(backend.to_numpy(result), -1, -2).copy()
        return backend.asarray(turned, None, backend.device(result))

    planted("pixel_shuffle", natives={backend.name: swapped})
    c = on(backend)
    assert not c.agrees
    run = c.run(backend.name)
    assert run.agreement.agrees
    assert run.native.problem == "gave shape (2, 3, 8, 6), expected (2, 3, 6, 8)"
    assert c.problems == (
        f"{backend.title}: the native idiom gave shape (2, 3, 8, 6), expected (2, 3, 6, 8)",
    )
    assert run.timing is None
    assert "differs" in repr(c)


def test_other_order_of_channels_in_an_idiom_is_told(backend, planted):
    """The shape is right: only the values tell, as between PyTorch and TensorFlow."""

    def other(x, upscale_factor):
        return einport.ops.pixel_shuffle(x, upscale_factor, mode="DCR")

    planted("pixel_shuffle", natives={backend.name: other})
    c = on(backend)
    assert not c.agrees
    assert "the native idiom differs: " in c.problems[0]
    assert "first at (0, " in c.problems[0]


def test_an_idiom_that_rounds_a_little_is_not_blamed(backend, planted):
    def rough(x):
        return x + 40 * 2.0**-23 * x

    planted("transpose_matrices", natives={})
    assert on(backend, "transpose_matrices").agrees  # without an idiom there is none to blame
    known = entry("softmax")

    def off(by):
        def native(x):
            result = known.natives[backend.name](x)
            return result + by * 2.0**-23 * result

        return native

    planted("softmax", natives={backend.name: off(40)})
    c = on(backend, "softmax")
    assert c.agrees, c.problems
    assert f"{backend.title}'s idiom is off by" in repr(c)
    planted("softmax", natives={backend.name: off(2000)})
    assert not on(backend, "softmax").agrees
    assert rough(0.0) == 0.0


@pytest.mark.parametrize("by", [1e-6, np.nan])
def test_a_disturbed_result_is_told(backend, planted, by):
    def softmax(x):
        result = entry("softmax").op(x)
        return result + by if backend_of(x).name == backend.name else result

    planted("softmax", op=softmax)
    c = on(backend, "softmax")
    assert not c.agrees
    run = c.run(backend.name)
    assert "gave" in run.agreement.problem
    assert run.native.agrees
    assert run.agreement.epsilons is None
    assert c.worst is None
    if backend.name != "numpy":
        (pair,) = c.pairs
        assert pair.agreement.problem.startswith(f"NumPy and {backend.title} differ ")
        assert c.run("numpy").agrees
    assert "! " in repr(c)


def test_one_bit_of_a_move_is_told(backend, planted):
    def transpose_matrices(x):
        xp = backend_of(x)
        result = np.array(xp.to_numpy(entry("transpose_matrices").op(x)))
        result[0, 0, 0] = np.nextafter(result[0, 0, 0], np.float32(9))
        return xp.asarray(result, None, xp.device(x))

    planted("transpose_matrices", op=transpose_matrices)
    c = on(backend, "transpose_matrices")
    assert "1 of 24 values differ, first at (0, 0, 0)" in c.problems[0]


def test_a_wrong_gradient_is_told(backend, planted):
    """The values are right in float32, in which they are compared; the slope is not in float64."""

    def softmax(x):
        result = entry("softmax").op(x)
        return result * 1.001 if backend_of(x).dtype(x) == "float64" else result

    planted("softmax", op=softmax)
    c = on(backend, "softmax")
    run = c.run(backend.name)
    assert run.agreement.agrees
    if backend.name == "numpy":
        assert run.gradient.problem == ""
        return
    assert not c.agrees
    assert run.gradient.problem.startswith("the derivative is ")
    assert run.gradient.error == pytest.approx(5e-4, rel=0.9)
    assert "differs" in repr(c)


def test_a_result_of_another_dtype_or_count_is_told(backend, planted):
    def softmax(x):
        return backend_of(x).astype(entry("softmax").op(x), "float16")

    planted("softmax", op=softmax)
    assert "gave dtype float16, expected float32" in on(backend, "softmax").problems[0]

    def top_k_gating(logits, k):
        return entry("top_k_gating").op(logits, k)[0]

    planted("top_k_gating", op=top_k_gating)
    assert "gave 1 results, expected 2" in on(backend, "top_k_gating").problems[0]


def test_what_raises_on_one_framework_is_told_and_the_others_are_shown(backend, planted):
    def softmax(x):
        if backend_of(x).name == "numpy":
            return entry("softmax").op(x)
        raise RuntimeError("out of luck")

    planted("softmax", op=softmax)
    c = on(backend, "softmax")
    if backend.name == "numpy":
        assert c.agrees
        return
    assert not c.agrees
    run = c.run(backend.name)
    assert run.problem.startswith("softmax raised RuntimeError: out of luck")
    assert not run.ran
    assert c.run("numpy").agrees
    assert "did not run it: softmax raised RuntimeError: out of luck" in " ".join(repr(c).split())


def test_an_idiom_that_raises_is_told(backend, planted):
    def native(x):
        raise IndexError("nothing there")

    planted("softmax", natives={backend.name: native})
    assert "the native idiom raised IndexError: nothing there" in on(backend, "softmax").problems[0]


def test_an_input_that_is_written_to_is_told(planted):
    def softmax(x):
        result = entry("softmax").op(x)
        x[0, 0] = 7
        return result

    planted("softmax", op=softmax, no_gradient="it writes")
    c = compare("softmax", backends=["numpy"], time=False)
    assert c.problems[0] == "NumPy: an input was written to"


def test_a_framework_that_is_broken_is_said_and_not_blamed(monkeypatch):
    def broken(name):
        if name == "torch":
            raise ImportError("libsomething.so is missing")
        return einport.get_backend(name)

    monkeypatch.setattr(running, "get_backend", broken)
    monkeypatch.setattr(running, "available_backends", lambda: ("numpy", "torch"))
    c = compare("softmax", time=False)
    assert c.agrees
    assert "cannot be imported: libsomething.so is missing" in repr(c)
    monkeypatch.setattr(running, "available_backends", lambda: ("torch",))
    assert not compare("softmax", time=False).agrees  # nothing ran


def test_a_declared_gap_is_said_and_not_blamed(backend, monkeypatch):
    from einport.backends import Gap

    monkeypatch.setattr(type(backend), "gaps", (Gap("softmax", "not on Sundays", mode="eager"),))
    c = compare("softmax", backends=[backend.name], time=False)
    assert c.runs[0].unable
    assert c.problems == ()
    assert not c.agrees  # nothing ran
    assert f"{backend.title} did not run it: not on Sundays." in repr(c)


# --- How near ------------------------------------------------------------------------------------


def test_bits_are_compared_as_bits():
    one = np.float32([1, np.nan, 0.0])
    assert same_bits(one, one.copy())
    assert not same_bits(one, np.float32([1, np.nan, -0.0]))
    assert not same_bits(one, np.float32([1, 2, 0.0]))
    assert not same_bits(one, one[:2])
    assert not same_bits(np.ones(2), np.ones(2, int))
    assert same_bits(np.ones(2, "int32"), np.ones(2, "int64"))
    assert not same_bits(np.float32([1]), np.nextafter(np.float32([1]), np.float32(2)))


def test_distance_is_in_epsilons_of_the_magnitude():
    asked = Asked(entry("softmax"), entry("softmax").cases[0], "float32")
    want = np.array([1.0, 0.5])
    got = np.array([1.0, 0.5 + 2.0**-23])
    assert distance(asked, "float32", got, want, np.array([1.0, 1.0])) == pytest.approx(1)
    assert distance(asked, "float32", got, want, np.array([1.0, 0.5])) == pytest.approx(2)
    assert distance(asked, "float32", got, np.array([1.0, np.nan]), want) is None
    assert distance(asked, "float32", got[:1], want, want) is None
    inf = np.array([np.inf])
    assert distance(asked, "float16", inf, np.array([1e6]), np.array([1e6])) == 0


def test_two_frameworks_are_compared_with_each_other():
    asked = Asked(entry("softmax"), entry("softmax").cases[0], "float32")
    want = np.float32(asked.expected[0][0])

    def run(name, shift):
        result = want * np.float32(1 + shift * 2.0**-23)
        return Run(name, name.title(), results=(result,), dtypes=("float32",))

    same = between(asked, run("one", 0), run("two", 0))
    assert same.same_bits
    assert same.text == "bit-identical"
    near = between(asked, run("one", 0), run("two", 3))
    assert not near.same_bits
    assert 2 <= near.epsilons <= 4
    assert near.agrees
    far = between(asked, run("one", 0), run("two", 30))
    assert far.problem.startswith("One and Two differ by ")
    assert far.problem.endswith("epsilons, 8 allowed")
    other = Run("two", "Two", results=(), dtypes=())
    assert between(asked, run("one", 0), other).problem == "One and Two give 1 and 0 results"


# --- Time ----------------------------------------------------------------------------------------


def test_calls_are_timed_in_turns():
    calls = []
    found = measure(lambda: calls.append("e"), lambda: calls.append("n"))
    assert calls[:6] == ["e", "n", "e", "n", "n", "e"]
    assert calls.count("e") == calls.count("n") == found.rounds + 1
    assert ROUNDS[0] <= found.rounds <= ROUNDS[1]


def test_the_ratio_says_how_many_times_as_long(monkeypatch):
    now = [0.0]

    def takes(seconds):
        now[0] += seconds

    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    found = measure(lambda: takes(0.02), lambda: takes(0.005), budget=0.19)
    assert found.ratio == pytest.approx(4)
    assert found.rounds == 8  # of 0.025 seconds, to the end of the budget


def test_what_computes_later_is_waited_for():
    class Later:
        waited = 0

        def block_until_ready(self):
            Later.waited += 1

    found = measure(lambda: [Later()], lambda: (Later(), {"more": Later()}), budget=0)
    assert Later.waited == 3 * (found.rounds + 1)


def test_time_is_measured_unless_it_is_not_wanted(backend):
    timed = compare("transpose_matrices", backends=[backend.name])
    assert timed.runs[0].ratio > 0
    assert timed.runs[0].timing.rounds >= ROUNDS[0]
    assert "×" in repr(timed)
    assert on(backend, "transpose_matrices").runs[0].ratio is None


# --- How it is shown -----------------------------------------------------------------------------


@pytest.mark.parametrize("op", ["pixel_shuffle", "unpack", "conv2d", "moe_layer", "einsum"])
def test_text_is_narrow_and_plain(op):
    text = repr(compare(op, backends=["numpy"], time=False))
    assert all(line.isprintable() for line in text.split("\n"))
    assert max(map(len, text.split("\n"))) <= 80
    heads = ["Definition", "Native idioms", "Run just now", "Where elements go", "Traps"]
    places = [text.index(f"\n{head}") for head in heads]
    assert places == sorted(places)


def test_long_code_is_broken_between_words():
    source = (
        'f(first, "a string with spaces that is kept whole", second, third)\n# a ' + "word " * 20
    )
    lines = code_lines(source, 60, 2)
    assert all(len(line) <= 60 for line in lines)
    assert any('"a string with spaces that is kept whole"' in line for line in lines)
    assert all(line.startswith("  #") for line in lines if "word" in line)
    assert "".join("".join(lines).split()).replace("#", "") == "".join(source.split()).replace(
        "#", ""
    )


def test_idioms_of_frameworks_that_were_not_asked_for_are_left_out(monkeypatch):
    monkeypatch.setattr(sources, "available_backends", lambda: ("numpy", "torch", "jax"))
    c = compare("softmax", backends=["numpy"], time=False)
    (found,) = [one for one in sections(c, 80, color=False) if one.title == "Native idioms"]
    titles = [text for text, code in found.parts if not code and text.strip()]
    assert titles == ["NumPy", "TensorFlow (not installed here)"]


class Reader(HTMLParser):
    """Checks that elements are closed in order, and keeps what is needed."""

    VOID = frozenset({"meta", "br", "rect", "input"})

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style", "script"):
            self.text.append(data)


def read(text):
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


def test_html_holds_it_all_and_nothing_from_outside(backend):
    c = on(backend, "rearrange")
    fragment = c._repr_html_()
    reader = read(fragment)
    text = "".join(reader.text)
    assert c.summary in text
    assert c.definition in text
    assert c.call in text
    assert all(one.source in text for one in c.idioms if one.name == backend.name)
    assert "b c h w -&gt; b (h w c)" in fragment
    for whole in (fragment, page(c)):
        assert "http" not in whole
        assert "src=" not in whole
        assert "url(" not in whole


def test_the_page_is_a_page_of_its_own():
    c = compare("softmax", backends=["numpy"], time=False)
    reader = read(page(c))
    tags = [tag for tag, _ in reader.tags]
    assert tags.count("h1") == tags.count("main") == tags.count("title") == 1
    assert ("html", {"lang": "en"}) in reader.tags
    assert any(attrs.get("name") == "viewport" for _, attrs in reader.tags)
    assert 'class="ep-picture"' in page(c)


def test_what_a_framework_says_is_escaped(planted):
    def softmax(x):
        raise RuntimeError("<script>alert(1)</script>")

    planted("softmax", op=softmax)
    c = compare("softmax", backends=["numpy"], time=False)
    fragment = c._repr_html_()
    assert "<script>alert" not in fragment
    assert "&lt;script&gt;alert(1)" in fragment
    read(fragment)


def test_without_pygments_code_is_plain(monkeypatch):
    c = compare("softmax", backends=["numpy"], time=False)
    assert '<span class="k">def</span>' in c._repr_html_()
    monkeypatch.setitem(sys.modules, "pygments", None)
    fragment = c._repr_html_()
    assert '<span class="k">' not in fragment
    assert "def softmax(x: A) -&gt; A:" in fragment


def test_json_says_the_same(backend):
    c = on(backend, "softmax", time=True)
    found = json.loads(json.dumps(c.to_json(), allow_nan=False))
    assert found["op"] == "softmax"
    assert found["agrees"] is True
    run = found["frameworks"][-1]
    assert run["name"] == backend.name
    assert run["version"] == backend.version()
    assert run["definition"]["epsilons"] == c.runs[-1].agreement.epsilons
    assert run["results"] == [{"shape": [2, 5], "dtype": "float32"}]
    assert run["time"]["ratio"] == c.runs[-1].ratio
    assert len(found["pairs"]) == len(c.pairs)
    assert found["picture"]["op"] == "softmax"
    assert found["idioms"]["torch"]["title"] == "PyTorch"
    assert [one["name"] for one in found["traps"]] == [one.name for one in c.traps]


def test_traps_that_touch_it_are_named():
    from einport.traps import traps_of

    c = compare("pixel_shuffle", backends=["numpy"], time=False)
    assert c.traps == traps_of("pixel_shuffle")
    assert c.traps
    for one in c.traps:
        assert one.name in repr(c)
        assert one.name in c._repr_html_()
    none = compare("stack_arrays", backends=["numpy"], time=False)
    if not none.traps:
        assert "No trap is known that touches stack_arrays." in repr(none)


def test_the_picture_is_of_the_call_where_that_is_small():
    usual = compare("pixel_shuffle", backends=["numpy"], time=False)
    assert usual.picture.inputs[0].shape == (8, 2, 3)
    small = compare("pixel_shuffle", backends=["numpy"], shape="b=1 c=1 h=2 w=2", time=False)
    assert small.picture.inputs[0].shape == (1, 4, 2, 2)
    large = compare("pixel_shuffle", backends=["numpy"], shape="b=9", time=False)
    assert large.picture.inputs[0].shape == (8, 2, 3)


def test_verdicts(monkeypatch):
    asked = Asked(entry("softmax"), entry("softmax").cases[0], "float32")
    want = np.float32(asked.expected[0][0])
    off = want * np.float32(1 + 2.0**-22)
    agreement = frameworks.Agreement(0.5, 4, False)

    def verdict(*results):
        names = ("numpy", "torch", "jax", "tensorflow")[: len(results)]
        runs = tuple(
            Run(name, FRAMEWORKS[name], results=(x,), dtypes=("float32",), agreement=agreement)
            for name, x in zip(names, results, strict=True)
        )
        pairs = tuple(
            running.Pair(a.name, b.name, between(asked, a, b))
            for a, b in running.combinations(runs, 2)
        )
        c = compare("softmax", backends=["numpy"], time=False)
        return replace(c, runs=runs, pairs=pairs).verdict

    assert verdict(want) == "NumPy alone ran it: there is no other to compare it with."
    assert verdict(want, want) == "Both frameworks gave bit-identical results."
    assert verdict(want, want, want, want) == "All four frameworks gave bit-identical results."
    found = verdict(want, off, want)
    assert found.startswith("NumPy and JAX gave bit-identical results; the frameworks are at most ")
    assert found.endswith(" epsilons apart.")
    assert verdict(want, off).startswith("The frameworks are at most ")
    assert verdict() == "No framework ran it."
    assert verdict(want, want * np.nan) == "The frameworks are far apart."
