"""Bad input, made up for every argument of every operation by a table of what can be wrong.

Each wrong value takes the place of a right one in a case of the catalog. Whatever comes of it must
come of it on every framework: the same class and words, or a result of the same shape and values.
Environments hold one framework each, so the one under test is compared with NumPy, which is in all
of them. What can never be meant must be refused, and with which class is in the table too.

The catalog's mistakes hold whole messages; here it counts that nothing was forgotten.
"""

import inspect
import os
import random
import re
import traceback
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from einops import EinopsError

import einport
from einport import backends
from einport.backends import Backend, get_backend
from einport.backends.numpy import NumpyBackend
from einport.backends.trees import tree_leaves, tree_map
from einport.catalog import Case, Entry
from einport.expect import KNOWN_FRAMEWORKS
from einport.suite.inputs import Input, draw_inputs
from einport.suite.judge import Verdict, Wrong, check_untouched
from einport.suite.plan import usual_dtype
from einport.suite.plugin import Record

HOUSE = f"{Path(einport.__file__).parent}{os.sep}"
EINOPS = {"rearrange", "reduce", "repeat", "pack", "unpack"}
"""What these say of bad input is einops' own concern."""

LEAST = 30
"""How many bad calls each operation must get, or the table has lost something."""


class Bad(NamedTuple):
    """A value for the place of a right one."""

    label: str
    value: Any
    error: type[Exception] | None = None
    """What it must raise; None where it may have a meaning."""
    ordinary: bool = False
    """Whether it is right where it fits: a call that works with it is one more case."""


class Slot(NamedTuple):
    """A place for a bad value: an argument, or something inside one."""

    name: str
    """As messages must name it."""
    path: tuple[Any, ...]
    value: Any
    annotation: str
    optional: bool


class Call(NamedTuple):
    """A case's arguments, and what is put in their places."""

    case: str
    first: bool
    """Whether the case is the entry's first."""
    arguments: dict[str, Any]
    changes: tuple[tuple[Slot, Bad], ...]


class Outcome(NamedTuple):
    """What came of a call: a class and a message, or results."""

    error: type[Exception] | None
    message: str
    results: list[Any]


# --- A framework that nobody has -----------------------------------------------------------------


class Strange:
    """An array of it: what mixes frameworks where NumPy is alone, or is the one under test."""

    def __init__(self, plain: Any) -> None:
        self.plain = plain


class StrangeBackend(NumpyBackend):
    name, title = "strange", "Strange"

    def owns(self, x: object) -> bool:
        return isinstance(x, Strange)

    def shape(self, x: Any) -> tuple[Any, ...]:
        return x.plain.shape

    def dtype(self, x: Any) -> str:
        return str(x.plain.dtype.name)


@pytest.fixture(autouse=True)
def strange(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(backends._by_type, Strange, StrangeBackend())


class Foreign(Input):
    """An input of another framework than all others in the call."""


# --- What can be wrong ---------------------------------------------------------------------------

NO_ARRAYS = {
    "a list": [1.0, 2.0],
    "a nested list": [[1.0, 2.0], [3.0, 4.0]],
    "a tuple": (1.0, 2.0),
    "no items": [],
    "a float": 1.5,
    "an integer": 3,
    "a NumPy string": np.str_("abc"),
    "a masked array": np.ma.masked_array([1.0, 2.0], [True, False]),
    "a matrix": np.eye(2).view(np.matrix),
    "a string": "abc",
    "an object": object(),
    "a dictionary": {"x": 1.0},
    "a class": float,
}

MAY_BE_ZERO = {"padding", "output_padding", ("sliding_window_attention", "window")}
"""Counts that have a meaning at 0."""

ENLARGES = {
    *("batch", "repeats", "padding", "output_padding", "capacity", "num_experts"),
    *(("conv_transpose2d", "stride"), ("conv_transpose2d", "dilation")),
    *(("conv2d", "dilation"), ("max_pool", "dilation"), ("sliding_window_chunks", "window")),
}
"""Counts that results or borders grow with: a huge one would be right."""

ANY_SIGN = {"scale"}
"""Numbers that may be negative."""


def bad_values(slot: Slot, entry: Entry, arguments: Any) -> Iterator[Bad]:
    """All that the table has for one place."""
    value, note = slot.value, slot.annotation
    if isinstance(value, Input) or (value is None and note.startswith("A |")):
        yield from bad_arrays(slot, entry, arguments)
    elif isinstance(value, dict):
        yield from bad_dictionaries(slot)
    elif hasattr(value, "_fields"):
        for label, other in {**NO_ARRAYS, "None": None, "a tuple of its parts": (*value,)}.items():
            yield Bad(label, other, TypeError)
    elif isinstance(value, list | tuple):
        yield from bad_sequences(slot)
    elif isinstance(value, bool) or note.startswith("bool"):
        for label, other in {"one": 1, "a word": "yes", "None": None, "a list": [True]}.items():
            yield Bad(label, other, TypeError)
    elif isinstance(value, str):
        yield from bad_words(slot)
    elif isinstance(value, float) or note.startswith("float"):
        yield from bad_numbers(slot)
    else:
        yield from bad_counts(slot, entry)


def bad_arrays(slot: Slot, entry: Entry, arguments: Any) -> Iterator[Bad]:
    for label, other in NO_ARRAYS.items():
        yield Bad(label, other, TypeError)
    if not slot.optional:
        yield Bad("None", None, TypeError)
    x = slot.value
    if x is None:
        return
    yield Bad("its own values in a list", [x.plain.tolist()], TypeError)
    beside = [leaf for leaf in tree_leaves(arguments) if isinstance(leaf, Input) and leaf is not x]
    if beside:
        yield Bad("another framework", Foreign(x.plain, x.dtype), TypeError)
    if "." in slot.name:  # in a record that another operation returned, whose word is taken
        return
    yield from bad_dtypes(slot, entry, any(leaf.dtype == x.dtype for leaf in beside))
    yield from bad_shapes(slot, entry)
    if x.dtype == "float32":
        for fill in (np.nan, np.inf, -np.inf, -1.0, 2.0):
            yield Bad(f"all {fill}", Input(np.full_like(x.plain, fill), x.dtype))
    if x.dtype == "int32" and x.plain.size:
        for place in (10**6, -(10**6), -1, 127):
            plain = x.plain.copy()
            plain.flat[-1] = place
            error = IndexError if abs(place) == 10**6 else None
            yield Bad(f"{place} at the end", Input(plain, x.dtype), error)


def bad_dtypes(slot: Slot, entry: Entry, mixes: bool) -> Iterator[Bad]:
    x, said = slot.value, documented(entry, slot)
    floats_only = "floating" in said and "any dtype" not in said
    unusable = {"uint16", "uint32"} if "numbers" in said else set()
    if "real numbers" in said:
        unusable.add("complex64")

    def may_be(dtype: str) -> bool:
        if x.dtype != "float32":  # indices are of any width; a mask is a mask
            return x.dtype == "int32" and "int" in dtype
        if mixes:
            return "float" in dtype and (entry.name, slot.name) in WIDER
        return "float" in dtype or not (floats_only or dtype in unusable)

    for dtype in ("float32", "float16", "int32", "uint8", "uint16", "uint32", "bool", "complex64"):
        if dtype != x.dtype:
            yield Bad(dtype, rounded(x.plain, dtype), None if may_be(dtype) else TypeError)


def rounded(plain: Any, dtype: str) -> Input:
    """Finite values in another dtype."""
    finite = np.nan_to_num(plain, posinf=0, neginf=0)
    stored = (np.abs(finite) if dtype.startswith("uint") else finite).astype(dtype)
    wide = {"f": np.float64, "c": np.complex128, "b": bool}.get(stored.dtype.kind, np.int64)
    return Input(stored.astype(wide), dtype)


WIDER = {("batch_norm", "x")}
"""What may be of 16 bits beside float32: the state then keeps more digits."""


def bad_shapes(slot: Slot, entry: Entry) -> Iterator[Bad]:
    plain, dtype = slot.value.plain, slot.value.dtype
    fixed, least = axes_of(entry, slot)
    for label, other in {
        "an axis more in front": plain[None],
        "an axis more behind": plain[..., None],
        "an axis less": plain.sum(axis=0) if plain.ndim else None,
        "no axis": np.zeros((), plain.dtype),
    }.items():
        if other is not None and other.shape != plain.shape:
            wrong = other.ndim != fixed if fixed is not None else other.ndim < least
            yield Bad(label, rounded(other, dtype), ValueError if wrong else None, True)
    for axis in range(plain.ndim):
        longer = np.concatenate([plain, plain.take([-1], axis)] if plain.size else [plain], axis)
        yield Bad(f"axis {axis} longer by one", Input(longer, dtype), ordinary=True)
        empty = plain.take([], axis)
        yield Bad(f"axis {axis} empty", Input(empty, dtype))
    yield Bad("nothing at all", Input(np.zeros([0] * plain.ndim, plain.dtype), dtype))


def documented(entry: Entry, slot: Slot) -> str:
    """What the operation's docstring says of an argument."""
    docs = inspect.getdoc(entry.op) or ""
    found = re.search(rf"^    {re.escape(slot.name)}: (.*(?:\n {{8}}.*)*)", docs, re.MULTILINE)
    return found[1] if found else ""


def axes_of(entry: Entry, slot: Slot) -> tuple[int | None, int]:
    """How many axes the docstring gives an array: exactly, or at least."""
    found = re.match(r"`\(([^)]*)\)`(?! or)", documented(entry, slot))
    if found is None:
        return None, 0
    names = [name.strip() for name in found[1].split(",") if name.strip()]
    dots = [name for name in names if name in ("...", "…")]
    if not dots:
        return len(names), 0
    any_number = names[0] == "d1" and names[-1] == "dn"
    return None, 0 if any_number else len(names) - 1


def bad_dictionaries(slot: Slot) -> Iterator[Bad]:
    for label, other in NO_ARRAYS.items():
        if not isinstance(other, dict):
            yield Bad(label, other, TypeError)
    yield Bad("None", None, TypeError)
    yield Bad("empty", {}, ValueError)
    for key in slot.value:
        rest = {name: x for name, x in slot.value.items() if name != key}
        # Only biases may be left out, and a misspelled one must not pass as left out.
        yield Bad(f"without {key}", rest, None if key.endswith("_bias") else ValueError)
        yield Bad(f"{key} misspelled", {**rest, f"{key}s": slot.value[key]}, ValueError)
    yield Bad("a number as a name", {**slot.value, 3: next(iter(slot.value.values()))})


def bad_sequences(slot: Slot) -> Iterator[Bad]:
    items = tuple(slot.value)
    of_arrays = any(isinstance(item, Input) for item in tree_leaves(items))
    if not slot.optional:
        yield Bad("None", None, TypeError)
    yield Bad("a string", "ab", word_error(slot))
    yield Bad("an object", object(), TypeError)
    yield Bad("a set", {1, 2}, TypeError)
    yield Bad("an integer", 3, None if takes_pairs(slot) else TypeError, True)
    yield Bad("empty", (), ValueError if items else None)
    yield Bad("one too many", (*items, *items[:1]), None if of_arrays else ValueError)
    if of_arrays:
        yield Bad("the array itself", items[0], TypeError)
        return
    for i in range(len(items)):
        for label, other, error in (
            ("negative", -1, ValueError),
            ("zero", 0, None if slot.name in MAY_BE_ZERO else ValueError),
            ("a float", 2.0, TypeError),
            ("a string", "2", TypeError),
            ("None", None, TypeError),
            ("True", True, TypeError),
            ("a list", [1], TypeError),
            ("large", 97, None),
        ):
            changed = (*items[:i], other, *items[i + 1 :])
            yield Bad(f"{label} at {i}", changed, error, ordinary=not error)


def takes_pairs(slot: Slot) -> bool:
    """Whether height and width may have one number each."""
    return re.search("Size|tuple", slot.annotation) is not None


def word_error(slot: Slot) -> type[Exception]:
    """What a wrong string is: a wrong value where some strings are right, else a wrong type."""
    return ValueError if "str" in slot.annotation else TypeError


def bad_words(slot: Slot) -> Iterator[Bad]:
    yield Bad("a wrong word", "nonsense", ValueError)
    yield Bad("no word", "", ValueError)
    yield Bad("capitals", slot.value.swapcase(), ValueError)
    error = ValueError if slot.annotation == "str" else None
    yield Bad("None", None, error)
    yield Bad("an object", object(), error)
    yield Bad("an integer", 3, error)
    yield Bad("a list", [slot.value], error)


def bad_numbers(slot: Slot) -> Iterator[Bad]:
    if not slot.optional:
        yield Bad("None", None, TypeError)
    yield Bad("a string", "x", TypeError)
    yield Bad("True", True, TypeError)
    yield Bad("a list", [1.0], TypeError)
    yield Bad("complex", 1j, TypeError)
    yield Bad("NaN", np.nan, ValueError)
    yield Bad("negative", -1, None if slot.name in ANY_SIGN else ValueError)
    yield Bad("infinite", np.inf)
    yield Bad("minus infinite", -np.inf)
    yield Bad("zero", 0)
    yield Bad("past float32", 1e300)
    yield Bad("past all floats", 10**400, ValueError)


def bad_counts(slot: Slot, entry: Entry) -> Iterator[Bad]:
    names = {slot.name, (entry.name, slot.name)}
    if not slot.optional:
        yield Bad("None", None, TypeError)
    yield Bad("zero", 0, None if names & MAY_BE_ZERO else ValueError, True)
    yield Bad("negative", -1, ValueError)
    yield Bad("a half", 2.5, TypeError)
    yield Bad("a float", 2.0, TypeError)
    yield Bad("NaN", np.nan, TypeError)
    yield Bad("a string", "2", word_error(slot))
    yield Bad("True", True, TypeError)
    yield Bad("a dictionary", {}, TypeError)
    yield Bad("an object", object(), TypeError)
    yield Bad("a list", [2, 2, 2], ValueError if takes_pairs(slot) else TypeError)
    yield Bad("an array of one", Input(np.array([2]), "int32"), TypeError)
    yield Bad("an array of floats", Input(np.array(2.0), "float32"), TypeError)
    yield Bad("an array of two", Input(np.array([2, 2]), "int32"), TypeError)
    yield Bad("large", 97, ordinary=True)
    if not names & ENLARGES:
        # So large that where it does grow, the memory is refused at once and not filled up.
        yield Bad("larger", 10**12, ordinary=True)
    yield Bad("past all integers", 10**30, ValueError)
    yield Bad("below all integers", -(10**5000), ValueError)


PATTERNS = (
    *("i k, k j", "i k, k j -> (i j)", "(i k), k j -> i j", "i k -> i", "i k, k j, i j -> i"),
    *("i k, k j -> l", "i k, k j -> i i", "i-k, k j -> i j", "i 1, k j -> i j", "... ... -> i"),
    *("i k, k j -> i j -> i", "->", ",", "i, j -> i j", "i k l m n, k j -> i j", "é, j -> j"),
)
"""Patterns that are wrong for two arrays of three axes."""


# --- Where it goes -------------------------------------------------------------------------------


def slots_of(entry: Entry, arguments: dict[str, Any]) -> Iterator[Slot]:
    """Every argument, and what is inside dictionaries and lists of arrays."""
    for name, parameter in inspect.signature(entry.op).parameters.items():
        value = arguments[name]
        if parameter.kind is parameter.VAR_POSITIONAL:
            for i, item in enumerate(value):
                label = f"argument {i + 1}" if isinstance(item, Input) else "pattern"
                yield Slot(label, (name, i), item, "", False)
            continue
        annotation = str(parameter.annotation).replace("builtins.", "")
        optional = parameter.default is None
        yield from inner_slots(Slot(name, (name,), value, annotation, optional))


def inner_slots(slot: Slot) -> Iterator[Slot]:
    yield slot
    value = slot.value
    if isinstance(value, dict):
        pairs: Any = [(f"{slot.name}[{key!r}]", key, item) for key, item in value.items()]
    elif hasattr(value, "_fields"):
        pairs = [(f"{slot.name}.{key}", i, value[i]) for i, key in enumerate(value._fields)]
    elif isinstance(value, list | tuple) and any(isinstance(item, Input) for item in value):
        pairs = [(f"{slot.name}[{i}]", i, item) for i, item in enumerate(value)]
    else:
        return
    for name, key, item in pairs:
        yield from inner_slots(Slot(name, (*slot.path, key), item, "", False))


def replaced(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The tree with something else in one place."""
    if not path:
        return value
    key, *rest = path
    if isinstance(tree, dict):
        return {**tree, key: replaced(tree[key], tuple(rest), value)}
    items = list(tree)
    items[key] = replaced(items[key], tuple(rest), value)
    return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)


def arguments_of(entry: Entry, case: Case) -> dict[str, Any]:
    """A case's arguments by name, defaults included; indices in a dtype that all have."""
    args, kwargs = draw_inputs(case, usual_dtype(entry), entry.name)
    bound = inspect.signature(entry.op).bind(*args, **kwargs)
    bound.apply_defaults()

    def common(x: Any) -> Any:
        return Input(x.plain, "int32") if isinstance(x, Input) and x.dtype == "index" else x

    return {name: tree_map(common, value) for name, value in bound.arguments.items()}


def chosen_cases(entry: Entry) -> list[Case]:
    """The first case, and small ones that show another option or another array."""
    found, seen = [], set()
    for case in entry.cases:
        if usual_dtype(entry) not in entry.dtypes_of(case):
            continue
        arguments = arguments_of(entry, case)
        leaves = [leaf for leaf in tree_leaves(arguments) if isinstance(leaf, Input)]
        shown = frozenset(
            (name, value if isinstance(value, str | bool) else type(value).__name__)
            for name, value in arguments.items()
        )
        if sum(leaf.plain.size for leaf in leaves) <= 400 and shown not in seen:
            seen.add(shown)
            found.append(case)
    return found[:4]


# --- What comes of it ----------------------------------------------------------------------------


def other_of(xp: Backend) -> Backend | None:
    """NumPy as the other framework, where it is another and refused in every place."""
    return None if xp.name == "numpy" or xp.takes_numpy else get_backend("numpy")


@lru_cache(64)
def made(xp: Backend, device: str, leaf: Input) -> Any:
    """The array of an input; those that nothing is wrong with are made once."""
    plain = leaf.plain.astype(leaf.dtype)
    if isinstance(leaf, Foreign):
        return get_backend("numpy").asarray(plain) if other_of(xp) else Strange(plain)
    return xp.asarray(plain, leaf.dtype, device)


def run(entry: Entry, xp: Backend, device: str, arguments: dict[str, Any]) -> Outcome:
    """Call the operation and see what comes of it, in words that leave the framework out.

    Raises:
        Wrong: An error that is not einport's own, a result that is no array, an input written to.
    """
    other = other_of(xp)
    arrays = tree_map(
        lambda leaf: made(xp, device, leaf) if isinstance(leaf, Input) else leaf, arguments
    )
    bound = inspect.signature(entry.op).bind_partial()
    bound.arguments.update(arrays)
    try:
        with np.errstate(all="ignore"):
            results = entry.op(*bound.args, **bound.kwargs)
    except Exception as error:  # which one is what is asked
        text = str(error).replace(KNOWN_FRAMEWORKS, "any framework")
        titles = {"THIS": xp.title, "THAT": StrangeBackend.title if other is None else other.title}
        for word, title in titles.items():
            text = text.replace(f"of {title}", f"of {word}")
        check_untouched(xp, arrays, arguments)
        check_error(entry, error)
        return Outcome(type(error), text, [])
    check_untouched(xp, arrays, arguments)
    return Outcome(None, "", [value_of(xp, leaf) for leaf in tree_leaves(results)])


def check_error(entry: Entry, error: Exception) -> None:
    own = {TypeError, ValueError, IndexError}
    if entry.name == "einsum":
        own |= {NotImplementedError, EinopsError}
    place = traceback.extract_tb(error.__traceback__)[-1]
    if not place.filename.startswith(HOUSE) or type(error) not in own:
        at = f"{place.filename.rpartition('site-packages/')[2]}:{place.lineno}"
        raise Wrong(f"an error of another's, {type(error).__name__} at {at}: {error}"[:300])
    if not str(error).startswith(f"{entry.name}: "):
        raise Wrong(f"does not name the operation: {error}")


def value_of(xp: Backend, leaf: Any) -> Any:
    if isinstance(leaf, int | None):
        return leaf
    if not xp.owns(leaf):
        raise Wrong(f"gave a {type(leaf).__name__} for an array")
    return xp.to_numpy(leaf)


def differ(one: Outcome, other: Outcome) -> bool:
    """Whether two frameworks went two ways.

    Errors are another test's concern: values need only be those of one meaning, which garbage in
    the place of an empty or transposed array is not. 16-bit floats are off by up to 2⁻⁸.
    """
    if one[:2] != other[:2] or len(one.results) != len(other.results):
        return True
    return not all(
        np.shape(a) == np.shape(b)
        and (a is b is None or np.allclose(a, b, rtol=1e-2, atol=1e-2, equal_nan=True))
        for a, b in zip(one.results, other.results, strict=True)
    )


def shown(outcome: Outcome) -> str:
    if outcome.error is None:
        return f"worked: {[np.shape(x) for x in outcome.results]}"
    return f"{outcome.error.__name__}: {outcome.message}"


def trial(entry: Entry, xp: Backend, device: str, call: Call, works: bool) -> str:
    """What is wrong with how one bad call ends; nothing if it ends as it should.

    A call that works on NumPy is made on another framework only where `works` says so.
    """
    changed = call.arguments
    for slot, bad in call.changes:
        changed = replaced(changed, slot.path, bad.value)
    try:
        outcome = plain = run(entry, get_backend("numpy"), "cpu", changed)
        if xp.name != "numpy" and (works or plain.error):
            outcome = run(entry, xp, device, changed)
    except Wrong as wrong:
        return str(wrong)
    if differ(outcome, plain):
        return f"{shown(outcome)}\n    NumPy: {shown(plain)}"
    slot, bad = call.changes[0]
    alone = len(call.changes) == 1
    if alone and bad.error and outcome.error is not bad.error:
        return f"must raise {bad.error.__name__}; {shown(outcome)}"
    # Where two arguments do not fit each other, either may be called wrong.
    certain = alone and bad.error
    names = [slot.name] if certain else [slot.name for slot in slots_of(entry, call.arguments)]
    if outcome.error and not any(mentions(outcome.message, name) for name in names):
        return f"does not name {' or '.join(names)}: {outcome.message}"
    return ""


def mentions(message: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", message) is not None


def bad_calls(entry: Entry) -> Iterator[Call]:
    """Every bad value alone, and drawn ones two at a time."""
    seen: set[str] = set()
    for turn, case in enumerate(chosen_cases(entry)):
        arguments = arguments_of(entry, case)
        found = []
        for slot in slots_of(entry, arguments):
            if len(slot.path) > 1 and slot.name in seen:  # dictionaries have many parts
                continue
            seen.add(slot.name)
            values = bad_values(slot, entry, arguments)
            if slot.name == "pattern":
                values = (Bad(repr(p), p, None) for p in (*PATTERNS, 3, None, ""))
            found += [(slot, bad) for bad in values]
        for one in found:
            yield Call(case.name, turn == 0, arguments, (one,))
        draw = random.Random(f"{entry.name}/{case.name}")
        for _ in range(20):
            first, second = draw.choice(found), draw.choice(found)
            shorter = min(len(first[0].path), len(second[0].path))
            apart = first[0].path[:shorter] != second[0].path[:shorter]
            foreign = all(isinstance(bad.value, Foreign) for _, bad in (first, second))
            if apart and not foreign:  # two of another framework might be all there are
                yield Call(case.name, turn == 0, arguments, (first, second))


def is_worth_compiling(call: Call) -> bool:
    """Whether a call that works shows what the suite's own cases do not."""
    return call.first and len(call.changes) == 1 and not call.changes[0][1].ordinary


@pytest.mark.einport(applies=lambda entry, _: entry.name not in EINOPS)
def test_bad_input(
    backend: Backend, device: str, entry: Entry, record: Record, everything: bool
) -> None:
    # JAX compiles each step of what works for each new shape: there every other such call will do.
    wrong, count = [], 0
    for call in bad_calls(entry):
        count += 1
        works = everything or (is_worth_compiling(call) and count % 2 == 0)
        problem = trial(entry, backend, device, call, works)
        if problem:
            what = " and ".join(f"{slot.name} = {bad.label}" for slot, bad in call.changes)
            wrong.append(f"{call.case}, {what}:\n    {problem}")
    record(Verdict(count, 0.0))
    assert count >= LEAST
    assert not wrong, f"{len(wrong)} of {count} bad calls:\n" + "\n".join(wrong)
