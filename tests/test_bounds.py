"""The lowest versions that are claimed are the ones that `tests-oldest` installs."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

pytestmark = pytest.mark.once

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
FRAMEWORKS = ("numpy", "torch", "jax", "tensorflow")
RAISED = "the lowest that"
"""How a comment begins that says which package of the same file wants more than pyproject.toml."""


def groups() -> dict[str, list[str]]:
    """What pyproject.toml asks for, by the name under which it does."""
    project = PROJECT["project"]
    return {
        "build": PROJECT["build-system"]["requires"],
        "einport": project["dependencies"],
        **project["optional-dependencies"],
        **{name: texts for name, texts in PROJECT["dependency-groups"].items() if name != "dev"},
    }


INSTALLED_IN = {
    "build": ("build",),
    "einport": FRAMEWORKS,
    "cli": FRAMEWORKS,
    "pages": FRAMEWORKS,
    "suite": FRAMEWORKS,
    "browser": ("numpy",),
    "torch": ("torch",),
    "jax": ("jax",),
    "tensorflow": ("tensorflow",),
    "flax": ("jax",),
    "keras": ("torch", "jax", "tensorflow"),
    "holders": (),  # the two before it
}
"""The files constraints/oldest-….txt that have each group."""

BOUNDS = [
    pytest.param(Requirement(text), file, id=f"{group}-{Requirement(text).name}-{file}")
    for group, texts in groups().items()
    for text in texts
    if isinstance(text, str)
    for file in INSTALLED_IN[group]
]


def pins(name: str) -> dict[str, tuple[Version, str]]:
    """The version and the comment of each package in a constraints file."""
    text = (ROOT / "constraints" / f"{name}.txt").read_text()
    found = re.findall(r"^([\w.-]+)={2,3}(\S+)(?:  # (.*))?$", text, re.MULTILINE)
    return {canonicalize_name(name): (Version(version), why) for name, version, why in found}


def lowest(bound: Requirement) -> Version:
    """The version of a requirement that has nothing but `>=`."""
    (only,) = bound.specifier
    assert only.operator == ">="
    return Version(only.version)


def test_every_group_is_installed_somewhere() -> None:
    assert groups().keys() == INSTALLED_IN.keys()


@pytest.mark.parametrize(("bound", "file"), BOUNDS)
def test_the_lowest_version_that_is_claimed_is_the_one_that_is_run(
    bound: Requirement, file: str
) -> None:
    version, why = pins(f"oldest-{file}")[canonicalize_name(bound.name)]
    if why.startswith(RAISED):
        assert version > lowest(bound)
        return
    assert version == lowest(bound)


def test_no_bound_is_raised_in_every_file() -> None:
    for group, texts in groups().items():
        for bound in (Requirement(text) for text in texts if isinstance(text, str)):
            files = [pins(f"oldest-{file}") for file in INSTALLED_IN[group]]
            found = [file[canonicalize_name(bound.name)][0] for file in files]
            assert lowest(bound) in found, bound


def test_what_is_said_to_raise_a_bound_is_pinned_beside_it() -> None:
    for framework in FRAMEWORKS:
        there = pins(f"oldest-{framework}")
        for _, why in there.values():
            if why:
                name, version = re.fullmatch(rf"{RAISED} (\S+) (\S+) takes", why).groups()  # type: ignore[union-attr]
                assert there[canonicalize_name(name)][0] == Version(version)


def test_the_pins_of_an_accelerator_are_of_the_framework_s_version() -> None:
    jax = pins("jax")["jax"][0]
    plugins = ("jax-cuda13-plugin", "jax-cuda13-pjrt")
    assert {pins("jax-cuda")[name][0] for name in plugins} == {jax}
    assert pins("torch-cuda")["torch"][0] == pins("torch")["torch"][0]


def test_no_pin_of_an_accelerator_contradicts_the_framework_s_own() -> None:
    for name in ("torch-cuda", "jax-cuda", "jax-tpu", "tensorflow-cuda"):
        own, base = pins(name), pins(name.partition("-")[0])
        assert {k: v[0] for k, v in own.items() if k in base and v[0] != base[k][0]} == {}
