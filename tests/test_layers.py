"""Data flows one way between the rooms of the house."""

import ast
from pathlib import Path

import pytest

import einport

HOUSE = Path(einport.__file__).parent

MAY_IMPORT = {
    "backends": set(),
    "ops": {"backends"},
    "catalog": {"ops"},
    "suite": {"backends", "catalog"},
}
SHARED = {"einport.files", "einport.__version__"}
"""What has no room and imports none."""
FRAMEWORKS = {"numpy", "torch", "jax", "tensorflow"}


def imported(file: Path) -> set[str]:
    """What a module imports: the rooms of the house by name, other packages by theirs."""
    depth = len(file.relative_to(HOUSE).parts)
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.ImportFrom) and node.level == depth:
            names = [node.module] if node.module else [alias.name for alias in node.names]
            found |= {"einport." + name.partition(".")[0] for name in names if name}
    return found


def files(room: str) -> list[Path]:
    return sorted((HOUSE / room).glob("*.py"))


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_the_rooms_below_it(room: str) -> None:
    allowed = {f"einport.{name}" for name in MAY_IMPORT[room]}
    seen = {file.name: imported(file) for file in files(room)}
    assert seen
    for name, modules in seen.items():
        rooms = {module for module in modules if module.startswith("einport")}
        assert rooms <= allowed | (SHARED if room == "suite" else set()), name


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
        own = {file.stem, "numpy"} if file.stem in FRAMEWORKS else set()
        assert others <= own, file.name


def test_rooms_share_the_names_of_their_topics() -> None:
    operations = {file.stem for file in files("ops") if not file.stem.startswith("_")}
    topics = {file.stem for file in files("catalog") if not file.stem.startswith("_")}
    assert topics - {"einops"} == operations


def test_every_operation_has_an_entry() -> None:
    from einport import ops
    from einport.catalog import entries

    assert sorted(ops.__all__) == sorted(one.name for one in entries())
