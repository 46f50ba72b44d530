"""Declared gaps: which one covers a run, and whether what was raised is what it says."""

from __future__ import annotations

from fnmatch import fnmatchcase

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from ..backends import Backend, Gap
from ..backends.trees import tree_leaves
from ..catalog import Case, Entry, Mistake
from ..catalog._entry import Given


def gap_of(
    xp: Backend, entry: Entry, mode: str, dtype: str, case: Case | None = None, device: str = "cpu"
) -> Gap | None:
    """The declared gap that covers a run, if one does."""
    name = "" if case is None else case.name
    for gap in xp.gaps:
        pairs = (
            (entry.name, gap.op),
            (mode, gap.mode),
            (dtype, gap.dtype),
            (name, gap.case),
            (device, gap.device),
        )
        if in_versions(gap, xp) and all(fnmatchcase(given, pattern) for given, pattern in pairs):
            return gap
    return None


def gap_of_mistake(xp: Backend, entry: Entry, mistake: Mistake) -> Gap | None:
    """The declared gap for lack of which a bad call cannot be made: a dtype of its arrays."""
    leaves = tree_leaves((mistake.call.args, dict(mistake.call.kwargs)))
    for dtype in (leaf.dtype for leaf in leaves if isinstance(leaf, Given)):
        gap = None if dtype is None else gap_of(xp, entry, "mistakes", dtype)
        if gap is not None:
            return gap
    return None


def in_versions(gap: Gap, xp: Backend) -> bool:
    """Whether the framework's version is one of those that have the gap."""
    if not gap.versions:
        return True
    public = Version(xp.version()).public
    return SpecifierSet(gap.versions).contains(public, prereleases=True)


def says(gap: Gap, error: Exception) -> bool:
    """Whether an exception is the one that a gap declares."""
    return gap.says in f"{type(error).__name__}: {error}"
