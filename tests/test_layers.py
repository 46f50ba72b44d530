"""Data flows one way between the rooms of the house."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import einport

pytestmark = pytest.mark.once

HOUSE = Path(einport.__file__).parent

MAY_IMPORT = {
    "files": set(),
    "guard": set(),
    "backends": set(),
    "expect": {"backends"},
    "operation": {"backends", "expect"},
    "patterns": {"backends", "expect", "operation"},
    "kernels": {"backends"},
    "ops": {"backends", "expect", "kernels", "operation", "patterns"},
    "catalog": {"backends", "ops"},
    "suite": {"files", "backends", "ops", "catalog"},
    "traps": {"files", "backends", "ops"},  # in programs, as a user writes them
    "comparison": {"backends", "ops", "catalog", "suite", "traps"},
    "views": {"files", "backends", "ops", "catalog", "suite", "traps", "comparison"},
    "cli": {"files", "guard", "backends", "catalog", "suite", "traps", "comparison", "views"},
}
"""The rooms, each after those that it may import: data flows one way."""
FRAMEWORKS = {"numpy", "torch", "jax", "tensorflow"}
FACADES = {"einport", "einport.__main__"}
"""What users enter by; a room may import names such as `__version__` from `einport` itself."""


def name_of(file: Path) -> str:
    """A module's name."""
    parts = file.relative_to(HOUSE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(file): file for file in sorted(HOUSE.rglob("*.py"))}


def imported(file: Path, types: bool = True) -> set[str]:
    """The modules that a module imports, also in functions and, with `types`, for types alone."""
    found: set[str] = set()
    here = [*name_of(file).split("."), *["__init__"] * (file.name == "__init__.py")]
    tree = ast.parse(file.read_text())
    guards = (node for node in ast.walk(tree) if isinstance(node, ast.If))
    for guard in guards if not types else ():
        if ast.unparse(guard.test) == "TYPE_CHECKING":
            guard.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = here[: -node.level] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            inside = {f"{source}.{alias.name}" for alias in node.names} & set(MODULES)
            found |= inside or {source}
    return found


def room_of(module: str) -> str:
    """The room of a module of einport."""
    return [*module.split("."), ""][1]


def files(room: str) -> list[Path]:
    return sorted((HOUSE / room).glob("*.py"))


def test_every_module_is_in_a_room() -> None:
    assert {room_of(name) for name in MODULES if name not in FACADES} == set(MAY_IMPORT)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_the_rooms_below_it(room: str) -> None:
    own = {name: file for name, file in MODULES.items() if room_of(name) == room}
    assert own
    for name, file in own.items():
        rooms = {room_of(one) for one in imported(file) if one in MODULES} - {room, ""}
        assert rooms <= MAY_IMPORT[room], name


def test_no_modules_import_each_other_in_a_circle() -> None:
    inner = MODULES.keys() - FACADES
    sorter = TopologicalSorter({one: imported(MODULES[one], types=False) & inner for one in inner})
    sorter.prepare()  # raises CycleError, which names the circle


def test_operations_import_einops_the_adapters_and_the_standard_library_only() -> None:
    import sys

    for file in files("ops"):
        others = {module.partition(".")[0] for module in imported(file)} - {"einport"}
        assert others <= set(sys.stdlib_module_names) | {"einops"}, file.name


def test_each_adapter_imports_its_own_framework_only() -> None:
    for file in files("backends"):
        others = {module.partition(".")[0] for module in imported(file)} & FRAMEWORKS
        adapter = file.stem.removeprefix("_").partition("_")[0]  # _torch_dtensor is of torch
        own = {adapter, "numpy"} if adapter in FRAMEWORKS else set()
        assert others <= own, file.name


def test_rooms_share_the_names_of_their_topics() -> None:
    operations = {file.stem for file in files("ops") if not file.stem.startswith("_")}
    topics = {file.stem for file in files("catalog") if not file.stem.startswith("_")}
    assert topics - {"einops"} == operations


def test_every_operation_has_an_entry() -> None:
    from einport import ops
    from einport.catalog import entries

    assert sorted(ops.__all__) == sorted(one.name for one in entries())
