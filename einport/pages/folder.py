"""Where a site goes: a folder that is new, empty, or a site of ours; written whole or not at all.

The folder holds `einport-pages.json`, which lists what was written. A site is replaced only when
nothing else is in its folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from .. import __version__
from ..files import NotWritten

MARKER = "einport-pages.json"

_NAMED = 3
"""Files that a message names."""


def check_folder(folder: Path, force: bool) -> None:
    """Refuse a folder that a site cannot go to, before anything runs.

    Raises:
        NotWritten: It is a file, has no parent, is the current one, or holds something that
            `force` does not allow to be replaced.
    """
    if folder.exists() and not folder.is_dir():
        raise NotWritten(f"{folder} is a file, not a folder")
    if not folder.absolute().parent.is_dir():
        raise NotWritten(f"there is no folder {folder.parent} to make {folder.name} in")
    if not folder.exists():
        return
    whole = folder.resolve()
    if whole in (Path.cwd(), *Path.cwd().parents):
        raise NotWritten(f"{folder} is, or holds, the current folder; name another")
    try:
        held = sorted(entry.name for entry in os.scandir(folder))
    except OSError as error:
        raise NotWritten(f"cannot read {folder}: {error.strerror}") from None
    if not held:
        return
    if not force:
        raise NotWritten(f"{folder} is not empty; --force replaces a site that it holds")
    _check_ours(folder)


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
        found = json.loads((folder / MARKER).read_text("utf-8"))
        return {MARKER, *map(str, found["files"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _files(folder: Path) -> set[str]:
    """All that is in a folder but folders with something in them; links are not followed."""
    found = set()
    for where, folders, names in os.walk(folder, onerror=_refuse):
        here = Path(where)
        links = [name for name in folders if (here / name).is_symlink()]
        if not (names or folders) and here != folder:
            found.add(f"{here.relative_to(folder).as_posix()}/")
        found |= {(here / name).relative_to(folder).as_posix() for name in (*names, *links)}
    return found


def _refuse(error: OSError) -> None:
    raise NotWritten(f"cannot read {error.filename}: {error.strerror}")


def write_folder(folder: Path, files: Mapping[str, bytes], force: bool = False) -> None:
    """Write a site's files to a folder, all of them or none.

    Raises:
        NotWritten: The folder is refused, or cannot be written; what was there is as it was.
    """
    check_folder(folder, force)
    target = folder.resolve()
    try:
        part = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent))
    except OSError as error:
        raise NotWritten(f"cannot write beside {folder}: {error.strerror}") from None
    try:
        _fill(part / "new", files)
        _put(part, target)
    except OSError as error:
        raise NotWritten(f"cannot write {folder}: {error.strerror}") from None
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
    os.rename(target, old)
    try:
        # Something may have come into the folder since it was looked at.
        if any(old.iterdir()):
            _check_ours(old)
        os.rename(new, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.rename(old, target)
        raise
