"""The demonstrations: each result on every framework, and what `einport demo` makes of them."""

import json
import math
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from einport import ops
from einport.catalog._demos import DEMOS, demo
from einport.catalog._digits import digits
from einport.cli import cli
from einport.comparison.demos import run
from einport.suite.judge import Verdict
from einport.views.demos import table
from einport.views.png import encode_png

pytestmark = pytest.mark.once

RESULTS = [one for one in DEMOS if not isinstance(one.expected, type)]
PICTURES = [one for one in DEMOS if one.picture]
TABLES = [one for one in RESULTS if not one.picture]
REFUSED = [one for one in DEMOS if isinstance(one.expected, type)]


def combined(x, combine):
    """One number from the six images at each place."""
    return np.array([[combine([int(image[h, w]) for image in x]) for w in range(3)]
                     for h in range(3)])  # fmt: skip


def blocks(x, combine):
    """One number from each 2 × 2 block."""
    return np.array([[combine([x[h, w], x[h, w + 1], x[h + 1, w], x[h + 1, w + 1]])
                      for w in range(0, 6, 2)] for h in range(0, 6, 2)])  # fmt: skip


# Each result once more by slices, joins and loops, which share nothing with einops.
BY_HAND = {
    "transpose-image": lambda x: np.array([x[:, 0], x[:, 1], x[:, 2]]),
    "compose-batch-and-height": lambda x: np.concatenate(list(x), 0),
    "compose-batch-and-width": lambda x: np.concatenate(list(x), 1),
    "compose-width-and-batch": lambda x: np.stack([i[:, w] for w in range(3) for i in x], 1),
    "flatten": lambda x: np.concatenate([row for image in x for row in image]),
    "decompose-by-rows": lambda x: np.block([[x[0], x[1], x[2]], [x[3], x[4], x[5]]]),
    "decompose-by-columns": lambda x: np.block([[x[0], x[3]], [x[1], x[4]], [x[2], x[5]]]),
    "width-into-height": lambda x: np.stack([np.concatenate(list(image)) for image in x], 1),
    "height-into-width": lambda x: np.stack([np.concatenate(list(image)) for image in x], 0),
    "reorder": lambda x: np.concatenate([x[b] for b in (0, 3, 1, 4, 2, 5)], 1),
    "expand": lambda x: np.array([[x[0]], [x[1]], [x[2]]]),
    "squeeze": lambda x: np.array([x[0, 0], x[1, 0], x[2, 0]]),
    "mean-over-batch": lambda x: combined(x, lambda found: math.fsum(found) / len(found)),
    "sum-over-batch": lambda x: combined(x, sum),
    "max-of-each-image": lambda x: np.array([[[max(image.flat)]] for image in x]),
    "min-over-batch": lambda x: combined(x, min),
    "prod-over-batch": lambda x: combined(x, math.prod),
    "average-pool": lambda x: blocks(x, lambda found: math.fsum(found) / len(found)),
    "max-pool": lambda x: blocks(x, max),
    "repeat-along-axis": lambda x: np.concatenate([x, x, x], 1),
    "repeat-along-both": lambda x: np.block([[x, x], [x, x]]),
    "repeat-each-element": lambda x: x[:, [0, 0, 1, 1, 2, 2]],
    "small-matrix": lambda x: np.array([x[0:2], x[2:4], x[4:6]]),
    "another-matrix": lambda x: np.array([x[0:3], x[3:6]]),
    "einsum-is-rearrange": lambda x: np.transpose(x, (2, 1, 0)),
    "picture-row": lambda x: np.concatenate(list(x), 2),
    "picture-column": lambda x: np.concatenate(list(x), 1),
    "picture-twice": lambda x: np.concatenate([x, x], 1),
    "picture-doubled": lambda x: np.block([[[x[0], x[0]], [x[1], x[1]]]]).reshape(3, 300, 300),
    "picture-stretched": lambda x: x[:, np.arange(300) // 2],
    "picture-channels": lambda x: np.concatenate([x[0], x[1], x[2]], 1),
    "picture-two-rows": lambda x: np.concatenate(
        [np.concatenate(list(x[:3]), 2), np.concatenate(list(x[3:]), 2)], 1
    ),
    "picture-transposed": lambda x: np.stack([channel.T for channel in x]),
    "picture-shrunk": lambda x: BY_HAND["picture-two-rows"](
        np.maximum(
            np.maximum(x[..., ::2, ::2], x[..., ::2, 1::2]),
            np.maximum(x[..., 1::2, ::2], x[..., 1::2, 1::2]),
        )
    ),
}


# --- The table -----------------------------------------------------------------------------------


def test_names_are_short_and_differ():
    names = [one.name for one in DEMOS]
    assert len(set(names)) == len(names) == 27 + 9
    for name in names:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)
        assert len(name) <= 24
    assert [one.name for one in RESULTS] == list(BY_HAND)
    assert {one.function for one in DEMOS} == {"rearrange", "reduce", "repeat", "einsum"}
    assert all((one.function == "reduce") == bool(one.reduction) for one in DEMOS)


def test_inputs_cannot_be_written_to():
    arrays = [x for one in DEMOS for x in one.inputs]
    arrays += [one.expected for one in TABLES]
    assert len(arrays) == 37 + len(TABLES)
    assert not any(x.flags.writeable for x in arrays)


def test_pictures_are_of_the_six_digits():
    assert digits().shape == (6, 3, 150, 150)
    assert digits().dtype == np.uint8
    for one in PICTURES:
        assert one.input.dtype == np.uint8
        assert np.shares_memory(one.input, digits())
    assert len({picture.tobytes() for picture in digits()}) == 6


@pytest.mark.parametrize("one", RESULTS, ids=lambda one: one.name)
def test_on_every_framework(backend, device, record, one):
    outcome = run(one, backend, device)
    result = outcome.result
    assert outcome.agrees, result
    assert backend.owns(result)
    assert backend.device(result) == device
    (x,) = outcome.arrays
    assert backend.dtype(result) == backend.dtype(x)
    # JAX has 32-bit integers unless told otherwise.
    narrow = one.input.dtype == np.int64 and backend.index_dtype == "int32"
    assert backend.dtype(x) == ("int32" if narrow else one.input.dtype)

    want = BY_HAND[one.name](one.input)
    got = backend.to_numpy(result)
    np.testing.assert_array_equal(got, want, strict=False)
    assert got.shape == want.shape == tuple(backend.shape(result))
    if one.picture:
        assert one.expected == want.shape
    else:
        np.testing.assert_array_equal(one.expected, want)
        assert one.expected.shape == want.shape
        assert one.expected.dtype == one.input.dtype
    np.testing.assert_array_equal(backend.to_numpy(x), one.input)
    record(Verdict(1 + want.size, 0.0))


def test_parts_of_an_axis_in_larger_images(backend, device, record):
    """In the demonstrations one part has size 1: its place in the pattern shows only here."""
    wide, high = np.arange(36).reshape(2, 3, 6), np.arange(36).reshape(2, 6, 3)
    columns = demo("width-into-height").call(backend.asarray(wide, device=device))
    rows = demo("height-into-width").call(backend.asarray(high, device=device))
    columns, rows = backend.to_numpy(columns), backend.to_numpy(rows)
    assert columns.shape == (9, 4)
    assert rows.shape == (4, 9)
    for b, h, w, part in np.ndindex(2, 3, 2, 3):
        assert columns[h * 3 + part, b * 2 + w] == wide[b, h, w * 3 + part]
    for b, h, part, w in np.ndindex(2, 2, 3, 3):
        assert rows[b * 2 + h, part * 3 + w] == high[b, h * 3 + part, w]
    record(Verdict(72, 0.0))


def test_einsum_of_one_array_is_rearrange(backend, device):
    one = demo("einsum-is-rearrange")
    x = backend.asarray(one.input, device=device)
    moved = backend.to_numpy(ops.rearrange(x, one.pattern))
    np.testing.assert_array_equal(backend.to_numpy(one.call(x)), moved)


def test_einsum_refuses_composition(backend, device):
    outcome = run(demo("einsum-refuses"), backend, device)
    assert outcome.agrees
    assert type(outcome.result) is NotImplementedError
    assert str(outcome.result) == (
        "einsum: axes cannot be joined or parted in the pattern 'i j, j k l -> i (k l)'; "
        "use rearrange before or after"
    )


def test_a_pattern_without_an_arrow_is_refused(backend, device):
    outcome = run(demo("no-arrow"), backend, device)
    assert outcome.agrees
    assert type(outcome.result) is ValueError
    assert "->" in demo("no-arrow").shows  # einops' own words do not name it


def test_what_is_said_of_products_is_so(backend, device):
    """A seventh image takes the product past 32 bits: JAX alone wraps, by default."""
    seven = np.arange(63).reshape(7, 3, 3)
    one = demo("prod-over-batch")
    assert (backend.index_dtype == "int32") <= (backend.name == "jax")
    # Whole numbers in lists: TensorFlow makes int32 of them too, but einops lets them widen.
    for data in (seven, seven.tolist()):
        found = int(backend.to_numpy(one.call(backend.asarray(data, device=device)))[2, 2])
        assert found == (713_846_656 if backend.index_dtype == "int32" else 17_893_715_840)
    assert "17,893,715,840" in one.shows
    assert "713,846,656" in one.shows
    with backend.dtype_scope("int64"):
        x = backend.asarray(seven, "int64", device)
        assert int(backend.to_numpy(one.call(x))[2, 2]) == 17_893_715_840


def test_a_mean_of_integers_is_refused_as_said(backend, device):
    one = demo("mean-over-batch")
    with pytest.raises(Exception, match=r"(?i)mean|not available for integer|float"):
        one.call(backend.asarray(one.input.astype(np.int32), device=device))


# --- The command line ----------------------------------------------------------------------------


def call(*arguments: str, **environment: str) -> Result:
    return CliRunner(env={"COLUMNS": "80", **environment}).invoke(cli, ["demo", *arguments])


def widest(result: Result) -> int:
    return max(map(len, result.stdout.splitlines()))


def test_help_has_examples():
    result = call("--help")
    assert result.exit_code == 0
    assert "einport demo compose-batch-and-width" in result.output
    assert widest(result) <= 80


def test_list_has_name_pattern_and_title():
    result = call()
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    for line, one in zip(lines, DEMOS, strict=True):
        found = re.fullmatch(r"(\S+)  +(.*?)  +(.*)", line)
        assert found is not None
        assert found.groups() == (one.name, one.pattern, one.title)
    assert widest(result) <= 80
    rows = json.loads(call("--json").stdout)
    assert [(r["name"], r["pattern"], r["title"]) for r in rows] == [
        (one.name, one.pattern, one.title) for one in DEMOS
    ]
    assert [row["name"] for row in rows if row["picture"]] == [one.name for one in PICTURES]


def test_a_page_in_full():
    assert call("decompose-by-columns").stdout == (
        "decompose-by-columns: Three rows of two\n"
        "\n"
        "x has shape (6, 3, 3), int64, NumPy\n"
        "   0  1  2     9 10 11    18 19 20    27 28 29    36 37 38    45 46 47\n"
        "   3  4  5    12 13 14    21 22 23    30 31 32    39 40 41    48 49 50\n"
        "   6  7  8    15 16 17    24 25 26    33 34 35    42 43 44    51 52 53\n"
        "\n"
        'rearrange(x, "(b1 b2) h w -> (b2 h) (b1 w)", b1=2)\n'
        "\n"
        "gives shape (9, 6), int64, NumPy\n"
        "   0  1  2 27 28 29\n"
        "   3  4  5 30 31 32\n"
        "   6  7  8 33 34 35\n"
        "   9 10 11 36 37 38\n"
        "  12 13 14 39 40 41\n"
        "  15 16 17 42 43 44\n"
        "  18 19 20 45 46 47\n"
        "  21 22 23 48 49 50\n"
        "  24 25 26 51 52 53\n"
        "\n"
        "The same parts, with their places exchanged: the images run down the columns.\n"
    )


def test_the_page_in_the_readme_is_what_is_printed():
    readme = (Path(__file__).parent.parent / "README.md").read_text()
    ((command, shown),) = re.findall(r"^\$ einport demo (\S+)\n(.*?)^```", readme, re.M | re.S)
    assert shown.count("\n") > 10
    assert call(command).stdout.startswith(shown)


@pytest.mark.parametrize("one", DEMOS, ids=lambda one: one.name)
def test_every_page_fits(one):
    result = call(one.name)
    assert result.exit_code == 0
    assert widest(result) <= 80
    assert "\x1b" not in result.output
    assert "\0" not in result.output
    assert f'"{one.pattern}"' in result.stdout
    for name, size in one.sizes.items():
        assert f"{name}={size}" in result.stdout
    flat = " ".join(result.stdout.split())
    assert " ".join(one.shows.split()) in flat
    if one.picture:
        assert len(result.stdout.splitlines()) < 16
        assert "--png FILE.png writes it as a picture\n" in result.stdout
    elif one in TABLES:
        _, _, shown = result.stdout.partition("gives shape ")
        numbers = [
            float(word)
            for line in shown.splitlines()[1:]
            if line.startswith("  ")
            for word in line.split()
        ]
        # Blocks stand side by side: in another order, but all of them.
        assert sorted(numbers) == sorted(one.expected.ravel().tolist())
        if one.expected.ndim < 3:
            assert numbers == one.expected.ravel().tolist()


@pytest.mark.parametrize("width", [30, 60, 200])
def test_pages_fit_other_widths(width):
    for name in ("compose-batch-and-height", "einsum-is-rearrange", "flatten"):
        result = call(name, COLUMNS=str(width))
        shown = [line for line in result.stdout.splitlines() if line.startswith("  ")]
        assert shown
        assert max(map(len, shown)) <= width


def test_table_of_many_matrices_goes_on_below():
    rows = table(np.arange(16).reshape(4, 2, 2), 16)
    assert rows == [" 0  1     4  5", " 2  3     6  7", "", " 8  9    12 13", "10 11    14 15"]
    assert table(np.array(7), 80) == ["7"]
    assert table(np.array([0.5, 2.0]), 80) == ["0.5   2"]
    assert table(np.zeros((0,)), 80) == []


def test_a_page_on_the_framework(backend):
    result = call("max-of-each-image", "--backend", backend.name)
    assert result.exit_code == 0
    assert f"gives shape (6, 1, 1), {backend.index_dtype}, {backend.title}" in result.stdout
    assert "\n   8    17    26    35    44    53\n" in result.stdout


def test_a_mistake_shows_class_and_message(backend):
    result = call("einsum-refuses", "--backend", backend.name)
    assert result.exit_code == 0
    assert (
        "\nNotImplementedError: einsum: axes cannot be joined or parted in the pattern\n"
        "'i j, j k l -> i (k l)'; use rearrange before or after\n"
    ) in result.stdout
    assert 'einsum(x, y, "i j, j k l -> i (k l)")' in result.stdout
    result = call("no-arrow", "--backend", backend.name)
    assert result.exit_code == 0
    assert "\nValueError: " in result.stdout
    assert "`->`" in result.stdout
    assert "Traceback" not in result.output


@pytest.mark.parametrize("one", DEMOS, ids=lambda one: one.name)
def test_json(backend, one):
    result = call(one.name, "--json", "--backend", backend.name)
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["name"] == one.name
    assert found["function"] == one.function
    assert found["pattern"] == one.pattern
    assert found["sizes"] == one.sizes
    assert found["backend"] == backend.name
    assert found["agrees"] is True
    given = [x["shape"] for x in found["input"]]
    assert given == [list(x.shape) for x in one.inputs]
    if one in REFUSED:
        assert found["output"] is None
        assert found["error"]["class"] == found["expected"]["error"] == one.expected.__name__
        assert found["error"]["message"]
        return
    assert found["error"] is None
    if one.picture:
        assert found["expected"] == {"shape": list(one.expected)}
        assert found["output"] == {"shape": list(one.expected), "dtype": "uint8"}
        return
    assert found["input"][0]["values"] == one.input.tolist()
    assert found["output"]["values"] == found["expected"]["values"] == one.expected.tolist()
    assert found["output"]["dtype"] == found["input"][0]["dtype"]


def test_ends_with_1_when_the_result_is_another(monkeypatch):
    monkeypatch.setattr(ops, "rearrange", lambda x, pattern, **sizes: x)
    result = call("flatten")
    assert result.exit_code == 1
    assert "This is not what was expected: shape (54,)" in result.stdout
    result = call("flatten", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["agrees"] is False
    result = call("no-arrow")
    assert result.exit_code == 1
    assert "expected: ValueError" in result.stdout
    assert "Traceback" not in result.output


def test_ends_with_1_when_there_is_no_result(monkeypatch, tmp_path):
    def fail(x, pattern, **sizes):
        raise RuntimeError("no memory")

    monkeypatch.setattr(ops, "rearrange", fail)
    file = tmp_path / "row.png"
    result = call("picture-row", "--png", str(file))
    assert result.exit_code == 1
    assert "RuntimeError: no memory" in result.stdout
    assert "expected: shape (3, 150, 900)" in result.stdout
    assert list(tmp_path.iterdir()) == []


# --- Pictures ------------------------------------------------------------------------------------


def read_png(data: bytes) -> np.ndarray:
    """The pixels of a PNG file: (h, w) or (h, w, 3); every checksum is looked at."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, []
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack_from(">I", data, at + 8 + length)
        assert checksum == zlib.crc32(kind + body)
        chunks.append((kind, body))
        at += 12 + length
    assert [kind for kind, _ in chunks] == [b"IHDR", b"IDAT", b"IEND"]
    assert chunks[2][1] == b""
    width, height, depth, color, *rest = struct.unpack(">IIBBBBB", chunks[0][1])
    assert (depth, rest) == (8, [0, 0, 0])
    channels = {0: 1, 2: 3}[color]
    rows = np.frombuffer(zlib.decompress(chunks[1][1]), np.uint8).reshape(height, -1)
    assert (rows[:, 0] == 1).all()  # each pixel less its left neighbor
    assert rows.shape[1] == 1 + width * channels
    pixels = np.cumsum(rows[:, 1:].reshape(height, width, channels), axis=1, dtype=np.uint8)
    return pixels if channels == 3 else pixels[..., 0]


@pytest.mark.parametrize("one", PICTURES, ids=lambda one: one.name)
def test_png_holds_the_pixels(backend, tmp_path: Path, one):
    file = tmp_path / "out.png"
    result = call(one.name, "--png", str(file), "--backend", backend.name)
    assert result.exit_code == 0, result.output
    assert result.stdout.endswith("wrote " + str(file) + "\n")
    assert list(tmp_path.iterdir()) == [file]
    want = BY_HAND[one.name](one.input)
    if want.ndim == 3:
        want = np.stack(list(want), -1)
    found = read_png(file.read_bytes())
    assert found.shape == want.shape
    np.testing.assert_array_equal(found, want)


def test_png_beside_json(tmp_path: Path):
    file = tmp_path / "out.PNG"
    result = call("picture-twice", "--json", "--png", str(file))
    assert json.loads(result.stdout)["agrees"] is True
    assert result.stderr == f"wrote {file}\n"
    assert read_png(file.read_bytes()).shape == (300, 150, 3)


def test_png_is_never_written_over_a_file(tmp_path: Path):
    file = tmp_path / "out.png"
    file.write_text("mine")
    result = call("picture-twice", "--png", str(file))
    assert result.exit_code == 2
    assert "already exists (use --force to overwrite)" in " ".join(result.output.split())
    assert file.read_text() == "mine"
    assert call("picture-twice", "--png", str(file), "--force").exit_code == 0
    assert read_png(file.read_bytes()).shape == (300, 150, 3)
    assert list(tmp_path.iterdir()) == [file]


def test_png_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch):
    file = tmp_path / "out.png"
    file.write_text("mine")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    result = call("picture-twice", "--png", str(file), "--force")
    assert result.exit_code == 1
    assert "No space left on device" in result.output
    assert "Traceback" not in result.output
    assert list(tmp_path.iterdir()) == [file]
    assert file.read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fltten"], "no demo is named 'fltten'; did you mean flatten?"),
        (["zebra"], "no demo is named 'zebra'; `einport demo` lists them"),
        (["flatten", "--backend", "torhc"], "did you mean 'torch'?"),
        (["flatten", "--backend", "numpy,numpy,nmpy"], "no backend is named 'nmpy'"),
        (["flatten", "--png", "x.png"], "flatten gives no picture that --png could write"),
        (["picture-row", "--png", "x.jpg"], "the name must end in .png, got x.jpg"),
        (["picture-row", "--png", "no/such/x.png"], "there is no folder no/such to write x.png"),
        (["picture-row", "--png", "folder.png"], "folder.png is a folder"),
        (["picture-row", "--png", "folder.png", "--force"], "folder.png is a folder"),
        (["--png", "x.png"], "--png needs the name of a picture"),
        (["flatten", "squeeze"], "unexpected extra argument"),
    ],
)
def test_a_slip_is_answered_without_a_traceback(tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.png").mkdir()
    result = call(*arguments)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
    assert result.stdout == ""
    assert "Traceback" not in result.output
    assert [file.name for file in tmp_path.iterdir()] == ["folder.png"]


@pytest.mark.parametrize(
    "values",
    [
        np.zeros((2, 4, 4), np.uint8),
        np.zeros((4,), np.uint8),
        np.zeros((3, 4, 4), np.float32),
        np.zeros((2, 3, 4, 4), np.uint8),
    ],
    ids=lambda values: f"{values.shape}-{values.dtype}",
)
def test_only_channels_of_bytes_make_a_picture(values):
    with pytest.raises(ValueError, match="encode_png: values must be uint8"):
        encode_png(values)


def test_a_small_picture_by_the_byte():
    """One red pixel beside one blue one."""
    values = np.array([[[255, 0]], [[0, 0]], [[0, 255]]], np.uint8)
    data = encode_png(values)
    np.testing.assert_array_equal(read_png(data), [[[255, 0, 0], [0, 0, 255]]])
    assert data[8:33].hex() == "0000000d49484452000000020000000108020000007b40e8dd"
