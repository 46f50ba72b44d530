"""Where a site goes: a folder that is new, empty, or a site of ours; written whole or not at all.

The folder holds `einport-pages.json`, which lists what was written. A site is replaced only when
nothing else is in its folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ... import __version__
from ...files import NotRead, NotWritten, copy_access, kind_of, read_regular, reason, status

MARKER = "einport-pages.json"

_LONGEST_LIST = 10_000_000
"""Bytes that the list of a site's files may have."""

_NAMED = 3
"""Files that a message names."""


def check_folder(folder: Path, force: bool) -> None:
    """Refuse a folder that a site cannot go to, before anything runs.

    Raises:
        NotWritten: It is a file or a device, has no parent that may be written to, is the current
            one, or holds something that `force` does not allow to be replaced.
    """
    _target(folder, force)


def _target(folder: Path, force: bool) -> Path:
    """The folder that is meant, all links followed; or the refusal."""
    try:
        target = Path(os.path.realpath(folder))
        here = Path.cwd()
        there = status(folder)
        parent = target.parent if folder.is_symlink() else folder.absolute().parent
    except (OSError, ValueError) as error:  # a loop of links, a name that cannot be
        raise NotWritten(f"cannot write {folder}: {reason(error)}") from None
    if there is not None and not stat.S_ISDIR(there.st_mode):
        kind = "a file" if stat.S_ISREG(there.st_mode) else kind_of(there.st_mode)
        raise NotWritten(f"{folder} is {kind}, not a folder")
    if not os.path.isdir(parent):
        raise NotWritten(f"there is no folder {folder.parent} to make {folder.name} in")
    if target in (here, *here.parents):
        raise NotWritten(f"{folder} is, or holds, the current folder; name another")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise NotWritten(f"cannot write {folder}: the folder {target.parent} may not be written to")
    if there is not None:
        _check_held(target, folder, force)
    return target


def _check_held(target: Path, folder: Path, force: bool) -> None:
    """Refuse a folder that holds something, unless it is a site that may be replaced."""
    if os.path.ismount(target):
        raise NotWritten(f"{folder} is where a disk is mounted; name a folder in it")
    try:
        with os.scandir(target) as entries:
            held = any(entries)
        if held and not force:
            raise NotWritten(f"{folder} is not empty; --force replaces a site that it holds")
        if held:
            _check_ours(folder)
    except OSError as error:
        raise NotWritten(f"cannot read {folder}: {reason(error)}") from None


def _check_ours(folder: Path) -> None:
    written = _written(folder)
    if written is None:
        raise NotWritten(f"{folder} holds no site of einport (there is no {MARKER}): left as it is")
    others = sorted(_files(folder) - written)
    if others:
        more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
        raise NotWritten(
            f"{folder} holds what einport did not write: {', '.join(others[:_NAMED])}{more}; "
            "move it elsewhere first"
        )


def _written(folder: Path) -> set[str] | None:
    """The files that are listed as written; None where there is no list."""
    try:
        found = json.loads(read_regular(folder / MARKER, _LONGEST_LIST))["files"]
    except (NotRead, ValueError, KeyError, TypeError, RecursionError):
        return None
    return {MARKER, *map(str, found)} if isinstance(found, list) else None


def _files(folder: Path) -> set[str]:
    """All files in a folder, empty folders, and under a name of their own links and devices."""
    found = set()
    for where, folders, names in os.walk(folder, onerror=_refuse):
        here = Path(where)
        within = here.relative_to(folder)
        if not (names or folders) and here != folder:
            found.add(f"{within.as_posix()}/")
        for name in (*names, *folders):
            mode = (here / name).lstat().st_mode
            one = (within / name).as_posix()
            if stat.S_ISREG(mode):
                found.add(one)
            elif not stat.S_ISDIR(mode):  # links are not followed
                found.add(f"{one} ({'a link' if stat.S_ISLNK(mode) else kind_of(mode)})")
    return found


def _refuse(error: OSError) -> None:
    raise NotWritten(f"cannot read {error.filename}: {reason(error)}")


def write_folder(folder: Path, files: Mapping[str, bytes], force: bool = False) -> None:
    """Write a site's files to a folder, all of them or none.

    Raises:
        NotWritten: The folder is refused, or cannot be written; what was there is as it was.
    """
    target = _target(folder, force)
    try:
        part = Path(tempfile.mkdtemp(prefix=".einport-", suffix=".part", dir=target.parent))
    except OSError as error:
        raise NotWritten(f"cannot write beside {folder}: {reason(error)}") from None
    try:
        _fill(part / "new", files)
        if target.exists():
            copy_access(part / "new", target.stat())
        _put(part, target)
    except OSError as error:
        raise NotWritten(f"cannot write {folder}: {reason(error)}") from None
    finally:
        # The old site, if it could not be put back, is worth more than a tidy folder.
        stranded = (part / "old").exists() and not target.exists()
        shutil.rmtree(part / "new" if stranded else part, ignore_errors=True)


def _fill(new: Path, files: Mapping[str, bytes]) -> None:
    new.mkdir()
    listed = {"einport": __version__, "files": sorted(files)}
    marker = json.dumps(listed, indent=1) + "\n"
    for name, data in {**files, MARKER: marker.encode()}.items():
        (new / name).parent.mkdir(parents=True, exist_ok=True)
        (new / name).write_bytes(data)


def _put(part: Path, target: Path) -> None:
    """Put the new folder in the place of the old one, or leave the old one there."""
    new, old = part / "new", part / "old"
    if not target.exists():
        os.rename(new, target)
        return
    try:
        os.rename(target, old)
        # Something may have come into the folder since it was looked at.
        if any(old.iterdir()):
            _check_ours(old)
        os.rename(new, target)
    except BaseException:
        if old.exists() and not target.exists():
            with contextlib.suppress(OSError):
                os.rename(old, target)
        raise
