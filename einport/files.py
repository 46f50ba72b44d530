"""Files: written atomically, replaced only when asked, and read safely.

Only regular files are written and read. A device, a pipe or a socket is refused: replacing it would
destroy it, and reading it may never end. Symbolic links are followed, and stay links.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISBLK, "a block device"),
)


class NotWritten(Exception):  # noqa: N818  (it reads as what happened)
    """A file that cannot be written; the message is for the user."""


class NotRead(Exception):  # noqa: N818
    """A file that cannot be read; the message is for the user."""


def check_new(file: Path, force: bool = False) -> None:
    """Refuse a file that cannot be written, or already exists, before anything runs.

    Raises:
        NotWritten: It is no regular file, has no folder, may not be written, or exists and
            `force` is not given.
    """
    _target(file, force)


def write_whole(file: Path, data: bytes, force: bool = True) -> None:
    """Write a file whole or not at all, readable by whom other new files are.

    With `force` a file that is there is replaced: its mode stays, a symbolic link to it stays a
    link, and another hard link to it keeps what it held.

    Raises:
        NotWritten: It cannot be written; what was there is as it was.
    """
    target, old = _target(file, force)
    part = target.with_name(f".einport-{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as stream:
            if old is not None:  # before there is anything to read
                copy_access(part, old)
            stream.write(data)
        os.replace(part, target)
    except OSError as error:
        raise NotWritten(f"cannot write {file}: {reason(error)}") from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def _target(file: Path, force: bool) -> tuple[Path, os.stat_result | None]:
    """Where the bytes go, all links followed, and what is there now; or the refusal."""
    try:
        old = status(file)
        if old is not None and not stat.S_ISREG(old.st_mode):
            raise NotWritten(f"{file} is {kind_of(old.st_mode)}, not a file that can be replaced")
        if os.path.lexists(file) and not force:
            raise NotWritten(f"{file} already exists (use --force to overwrite)")
        target = Path(os.path.realpath(file))
        folder = target.parent if file.is_symlink() else file.parent
    except (OSError, ValueError) as error:  # a loop of links, a name that cannot be
        raise NotWritten(f"cannot write {file}: {reason(error)}") from None
    if not os.path.isdir(folder):
        raise NotWritten(f"there is no folder {folder} to write {target.name} in")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise NotWritten(f"cannot write {file}: the folder {folder} may not be written to")
    if old is not None and not os.access(target, os.W_OK):
        raise NotWritten(f"cannot write {file}: it is read-only")
    return target, old


def status(file: Path) -> os.stat_result | None:
    """What a path leads to; None where nothing is there."""
    try:
        return file.stat()
    except FileNotFoundError:
        return None


def copy_access(part: Path, old: os.stat_result) -> None:
    """Give a new file the mode of the old one, and its owner where that is allowed."""
    new = part.stat()
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        with contextlib.suppress(OSError):
            os.chown(part, old.st_uid, old.st_gid)
    part.chmod(stat.S_IMODE(old.st_mode))


def read_regular(file: Path, most: int, why: str = "") -> bytes:
    """The bytes of a regular file of at most `most`; `why` says why it is no more.

    Raises:
        NotRead: It is not there, no regular file, or larger; no more than `most` was read.
    """
    try:
        # Asked before opening it, as that can have effects on a device, and again after.
        _check_regular(file, file.stat())
        opened = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with open(opened, "rb") as stream:
            found = os.fstat(stream.fileno())
            _check_regular(file, found)
            data = b"" if found.st_size > most else stream.read(most + 1)
    except (OSError, ValueError) as error:
        raise NotRead(f"cannot read {file}: {reason(error)}") from None
    size = max(found.st_size, len(data))
    if size > most:
        raise NotRead(f"{file} has {size:,} bytes, more than {why or f'the {most:,} it may have'}")
    return data


def _check_regular(file: Path, found: os.stat_result) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(found.st_mode):
        raise NotRead(f"cannot read {file}: it is {kind_of(found.st_mode)}, not a regular file")


def kind_of(mode: int) -> str:
    """What something on a disk is, from its mode."""
    return next((words for is_it, words in _KINDS if is_it(mode)), "something else")


def reason(error: Exception) -> str:
    """Why something failed, in the system's words."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
