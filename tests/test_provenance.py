"""Where elements go: the sources that are found, against labels, derivatives and formulas.

What is expected here is worked out from the definitions in loops, or by hand; nothing of it is
taken from `einport.comparison.provenance`.
"""

import numpy as np
import pytest
from drawn import picture

from einport.catalog import entries, entry
from einport.catalog._entry import case, given, values
from einport.comparison._calls import Call, Starts
from einport.comparison.provenance import MOST, picture_case, provenance

pytestmark = pytest.mark.once

NAMES = [one.name for one in entries()]

HIDDEN = {
    # A maximum lets one of its cells through: derivatives see that one, the picture all of them.
    *("global_max_pool", "channel_max_pool", "max_pool"),
    # Which experts are chosen changes by jumps, and so do counts.
    *("top_k_gating", "moe_layer", "classifier_accuracy", "sample_distribution"),
    # The mean and the deviation take away what moves all values alike, or by one factor.
    *("standardize_by_period",),
    # A vector's cosine with itself is 1, whatever it holds.
    *("cosine_similarity",),
}
"""Operations in which a cell has sources that no derivative shows."""


def sources(p, output=0):
    """The places that each cell of a result comes from: `{(0, 1): {("x", (0, 2)), ...}}`."""
    x = p.outputs[output]
    return {
        x.index(cell): {(p.inputs[i].name, p.inputs[i].index(at)) for i, at in p.of(output, cell)}
        for cell in range(x.values.size)
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_operation_has_a_picture(name):
    p = picture(name)
    arrays = (*p.inputs, *p.outputs)
    assert all(0 < x.values.size <= MOST for x in arrays)
    assert [len(cells) for cells in p.sources] == [x.values.size for x in p.outputs]
    assert any(cells for output in p.sources for cells in output)
    for x in arrays:
        assert tuple(axis.size for axis in x.axes) == x.shape
    for (i, at), reached in p.reached.items():
        for output, cell in reached:
            assert (i, at) in p.of(output, cell)
    assert sum(map(len, p.reached.values())) == sum(len(c) for out in p.sources for c in out)


MOVES = [name for name in NAMES if entry(name).exact and name != "sample_distribution"]


@pytest.mark.parametrize("name", MOVES)
def test_moves_are_those_of_labels_in_the_definition(name):
    """Whole numbers that all differ, through the loops: where they come out is where they went."""
    p = picture(name)
    call = Call(entry(name), picture_case(entry(name)))
    usual = Starts(call).draw(0)
    held = [x.choice for x in p.inputs]
    labels, labelled, first = {}, [], 1000
    for i, (x, choice) in enumerate(zip(usual, held, strict=True)):
        numbers = np.arange(first, first + x.size, dtype=float).reshape(x.shape)
        labelled.append(x if choice else numbers)
        labels |= {} if choice else {first + at: (i, at) for at in range(x.size)}
        first += x.size
    results = call(labelled, definition=True)
    compared = 0
    for output, x in enumerate(results):
        if not p.moves[output] or name in HIDDEN:
            continue
        for cell, value in enumerate(x.flat):
            assert p.moved(output, cell) == labels.get(float(value)), (output, cell)
            compared += 1
    assert compared or name in HIDDEN or not all(p.moves)


@pytest.mark.parametrize("name", NAMES)
def test_derivatives_of_the_definition_are_among_the_sources(name):
    """What has a slope is a source, and but for a few operations the other way round too."""
    p = picture(name)
    call = Call(entry(name), picture_case(entry(name)))
    floats = [i for i, x in enumerate(p.inputs) if not x.choice and x.values.dtype == np.float64]
    found = {o: {} for o in range(len(p.outputs))}
    random = np.random.default_rng(11)
    for turn in range(2):
        arrays = Starts(call).draw(turn)
        arrays = [
            x * random.uniform(0.995, 1.005, x.shape) if i in floats else x
            for i, x in enumerate(arrays)
        ]
        for i in floats:
            for cell in range(arrays[i].size):
                slopes = _slopes(call, arrays, i, cell)
                for o, slope in enumerate(slopes):
                    for at in np.flatnonzero(slope):
                        found[o].setdefault(int(at), set()).add((i, cell))
    for o in range(len(p.outputs)):
        for cell in range(p.outputs[o].values.size):
            shown = {source for source in p.of(o, cell) if source[0] in floats}
            sloped = found[o].get(cell, set())
            assert sloped <= shown, (o, cell, sloped - shown)
            if name not in HIDDEN and p.outputs[o].values.dtype == np.float64:
                assert shown <= sloped, (o, cell, shown - sloped)


def _slopes(call, arrays, i, cell, step=1e-4):
    """Whether each result changes with a cell, by a small step each way, in the definition."""
    sides = []
    for sign in (1, -1):
        moved = [x.copy() for x in arrays]
        moved[i].flat[cell] += sign * step
        sides.append([np.asarray(x, np.float64).ravel() for x in call(moved, definition=True)])
    return [np.abs(a - b) > 1e-11 * (np.abs(a) + np.abs(b)) for a, b in zip(*sides, strict=True)]


# --- By hand -------------------------------------------------------------------------------------


def test_pixel_shuffle_takes_a_block_from_four_channels():
    p = provenance(entry("pixel_shuffle"), case("small", values(8, 2, 3), 2))
    assert p.moves == (True,)
    want = {
        (c, 2 * h + i, 2 * w + j): {("x", (4 * c + 2 * i + j, h, w))}
        for c in range(2)
        for h in range(2)
        for w in range(3)
        for i in range(2)
        for j in range(2)
    }
    assert sources(p) == want


def test_causal_attention_sees_no_later_key():
    n = 4
    one = case("causal", values(n, 2), values(n, 3 - 1), values(n, 3), causal=True)
    p = provenance(entry("scaled_dot_product_attention"), one)
    assert p.moves == (False,)
    for (query, e), found in sources(p).items():
        keys = range(query + 1)
        # The first query has one key: its weight is 1 whatever the scores are.
        want = {("v", (m, e)) for m in keys}
        if query:
            want |= {("q", (query, d)) for d in range(2)}
            want |= {("k", (m, d)) for m in keys for d in range(2)}
        assert found == want, (query, e)


def test_convolution_with_a_border_loses_what_is_outside():
    one = case("a border", values(1, 2, 3, 4), values(2, 2, 3, 3), values(2), padding=1)
    p = provenance(entry("conv2d"), one)
    for (_, out, h, w), found in sources(p).items():
        taps = [
            (c, i, j)
            for c in range(2)
            for i in range(3)
            for j in range(3)
            if 0 <= h + i - 1 < 3 and 0 <= w + j - 1 < 4
        ]
        want = {("x", (0, c, h + i - 1, w + j - 1)) for c, i, j in taps}
        want |= {("weight", (out, c, i, j)) for c, i, j in taps}
        want |= {("bias", (out,))}
        assert found == want, (out, h, w)


def test_max_pool_comes_from_all_of_its_window_but_the_border():
    one = case("a border", values(1, 5, 7), 3, stride=2, padding=1)
    p = provenance(entry("max_pool"), one)
    for (c, h, w), found in sources(p).items():
        rows = {2 * h + i - 1 for i in range(3)} & set(range(5))
        columns = {2 * w + j - 1 for j in range(3)} & set(range(7))
        assert found == {("x", (c, i, j)) for i in rows for j in columns}


def test_an_index_is_a_source_beside_the_value_that_it_chose():
    p = picture("collect_rows")
    assert [x.choice for x in p.inputs] == [False, True]
    rows = p.inputs[1].values
    for (k, n), found in sources(p).items():
        assert found == {("matrix", (int(rows[k]) % 5, n)), ("rows", (k,))}


def test_a_sum_is_no_move_even_where_it_adds_one_cell():
    p = provenance(entry("row_sums"), case("one column", values(3, 1)))
    assert sources(p) == {(i,): {("a", (i, 0))} for i in range(3)}


def test_constants_come_from_what_they_are_computed_from():
    p = picture("cosine_similarity")
    found = sources(p)
    for i in range(3):
        assert found[i, i] == {("x", (i, j)) for j in range(3)}


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (case("large", values(11, 11)), "x has 121"),
        (case("empty", values(0, 2)), "x has 0"),
    ],
    ids=["large", "empty"],
)
def test_arrays_that_nobody_could_look_at_are_refused(one, words):
    with pytest.raises(ValueError, match=words):
        provenance(entry("softmax"), one)


def test_an_entry_without_a_small_case_has_no_picture():
    from dataclasses import replace

    large = replace(entry("softmax"), cases=(case("large", values(99, 99)),), sized=None)
    with pytest.raises(ValueError, match="no case is small enough for a picture"):
        provenance(large)


def test_given_values_may_choose_a_route():
    """The router's numbers are given: an expert that nobody chose is nobody's source."""
    p = picture("moe_layer")
    used = {p.inputs[i].name: set() for i in range(len(p.inputs))}
    for (i, at), reached in p.reached.items():
        if reached:
            used[p.inputs[i].name].add(p.inputs[i].index(at)[0])
    logits = p.inputs[0].values[0] @ p.inputs[1].values
    chosen = {int(e) for row in logits for e in np.argsort(-row)[:2]}
    assert used["params.w1"] == used["params.b2"] == chosen


def test_the_picture_is_the_same_in_every_run():
    assert provenance(entry("softmax")).sources == picture("softmax").sources
    np.testing.assert_array_equal(
        provenance(entry("softmax")).inputs[0].values, picture("softmax").inputs[0].values
    )


# --- Cells by name -------------------------------------------------------------------------------


def test_a_cell_has_a_number_and_a_place():
    x = picture("pixel_shuffle").inputs[0]
    assert x.shape == (8, 2, 3)
    assert x.index(7) == (1, 0, 1)
    assert x.cell((1, 0, 1)) == 7
    assert x.at(7) == "x[1, 0, 1]"
    for wrong in ((8, 0, 0), (0, 0), (0, -1, 0)):
        with pytest.raises(ValueError, match="has no cell"):
            x.cell(wrong)


def test_given_data_is_held_in_the_picture():
    one = case("given", given([[1.0, 2.0], [3.0, 4.0]]))
    p = provenance(entry("transpose_matrices"), one)
    np.testing.assert_array_equal(p.inputs[0].values, [[1.0, 2.0], [3.0, 4.0]])
    assert sources(p) == {(j, i): {("x", (i, j))} for i in range(2) for j in range(2)}
