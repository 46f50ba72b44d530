"""Data flows one way between the rooms of the house."""

import ast
from pathlib import Path

import pytest

import einport

pytestmark = pytest.mark.once

HOUSE = Path(einport.__file__).parent

MAY_IMPORT = {
    "backends": set(),
    "ops": {"backends"},
    "catalog": {"ops"},
    "suite": {"backends", "catalog"},
    "traps": {"backends", "ops"},  # in programs, as a user writes them
    "comparison": {"backends", "ops", "catalog", "suite", "traps"},
    "pages": {"backends", "catalog", "suite", "traps", "comparison"},
}
SHARED = {"einport.files", "einport.demo", "einport.matrix_show", "einport.__version__"}
"""What has no room; only rooms above the catalog use it."""
FRAMEWORKS = {"numpy", "torch", "jax", "tensorflow"}


def imported(file: Path) -> set[str]:
    """What a module imports: the rooms of the house by name, other packages by theirs."""
    depth = len(file.relative_to(HOUSE).parts)
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {package_or_room(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = (
                [node.module]
                if node.module != "einport"
                else [f"einport.{a.name}" for a in node.names]
            )
            found |= {package_or_room(name) for name in names if name}
        elif isinstance(node, ast.ImportFrom) and node.level == depth:
            names = [node.module] if node.module else [alias.name for alias in node.names]
            found |= {"einport." + name.partition(".")[0] for name in names if name}
    return found


def package_or_room(name: str) -> str:
    """The room of an absolute import, as the programs of traps have it; else the package."""
    first, *rest = name.split(".")
    return ".".join([first, *rest[:1]]) if first == "einport" else first


def files(room: str) -> list[Path]:
    return sorted((HOUSE / room).glob("*.py"))


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_the_rooms_below_it(room: str) -> None:
    allowed = {f"einport.{name}" for name in MAY_IMPORT[room]}
    seen = {file.name: imported(file) for file in files(room)}
    assert seen
    if room not in ("backends", "ops", "catalog"):
        allowed |= SHARED
    for name, modules in seen.items():
        rooms = {module for module in modules if module.startswith("einport")}
        assert rooms <= allowed, name


def test_what_is_shared_imports_no_room() -> None:
    assert not {one for one in imported(HOUSE / "files.py") if one.startswith("einport")}


def test_operations_import_einops_the_adapters_and_the_standard_library_only() -> None:
    import sys

    for file in files("ops"):
        others = {module for module in imported(file) if not module.startswith("einport")}
        assert others <= set(sys.stdlib_module_names) | {"einops"}, file.name


def test_each_adapter_imports_its_own_framework_only() -> None:
    for file in files("backends"):
        others = imported(file) & FRAMEWORKS
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
