"""Write a file whole or not at all, and never over one that is there unless asked."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


class NotWritten(Exception):  # noqa: N818  (it reads as what happened)
    """A file that cannot be written; the message is for the user."""


def check_new(file: Path, force: bool = False) -> None:
    """Refuse a file that cannot be written, or is there already, before anything runs.

    Raises:
        NotWritten: It is a folder, has no folder, or is there and `force` is not given.
    """
    if file.is_dir():
        raise NotWritten(f"{file} is a folder")
    if file.exists() and not force:
        raise NotWritten(f"{file} is there already; --force overwrites it")
    if not file.absolute().parent.is_dir():
        raise NotWritten(f"there is no folder {file.parent} to write {file.name} in")


def write_whole(file: Path, data: bytes) -> None:
    """Write a file whole or not at all, readable by whom other new files are.

    Raises:
        NotWritten: It cannot be written; what was there is as it was.
    """
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        os.replace(part, file)
    except OSError as error:
        raise NotWritten(f"cannot write {file}: {error.strerror}") from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
