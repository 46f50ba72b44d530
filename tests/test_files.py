"""What may be written and read: regular files alone, whole or not at all."""

import os
import socket
import stat
from pathlib import Path

import pytest

from einport import files
from einport.files import NotRead, NotWritten, check_new, read_regular, write_whole

pytestmark = pytest.mark.once


def special(folder: Path, kind: str) -> Path:
    """Something that is no regular file; never the system's own, which a fault would destroy."""
    path = folder / kind
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(path))
    elif kind == "folder":
        path.mkdir()
    else:  # only root may make one; where nobody may, a pipe stands for it
        try:
            os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        except PermissionError:
            os.mkfifo(path)
    return path


KINDS = ("pipe", "socket", "folder", "device")


@pytest.mark.parametrize("link", [False, True], ids=["itself", "through a link"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("write", [check_new, lambda file, force: write_whole(file, b"new", force)])
def test_what_is_no_regular_file_is_never_replaced(tmp_path, write, kind, link) -> None:
    there = special(tmp_path, kind)
    before = there.lstat()
    if link:
        (tmp_path / "link").symlink_to(there)
    names = sorted(tmp_path.iterdir())
    for force in (False, True):
        with pytest.raises(NotWritten, match=r" is a .*, not a file that can be replaced"):
            write(tmp_path / "link" if link else there, force)
    assert there.lstat() == before
    assert sorted(tmp_path.iterdir()) == names


@pytest.mark.parametrize("mode", [0o640, 0o600, 0o755, 0o666])
def test_a_file_that_is_replaced_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"old")
    file.chmod(mode)
    write_whole(file, b"new")
    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (b"new", mode)


def test_a_new_file_has_the_mode_that_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "file", b"new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


def test_a_link_to_a_file_stays_one_and_the_file_is_written(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    file = tmp_path / "real" / "file"
    file.write_bytes(b"old")
    file.chmod(0o640)
    (tmp_path / "one").symlink_to(file)
    (tmp_path / "two").symlink_to("one")
    with pytest.raises(NotWritten, match="already exists"):
        check_new(tmp_path / "two")
    write_whole(tmp_path / "two", b"new")
    assert (tmp_path / "one").is_symlink()
    assert (tmp_path / "two").is_symlink()
    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert [one.name for one in file.parent.iterdir()] == ["file"]


def test_a_link_that_leads_nowhere_is_there_and_is_followed_if_asked(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("new")
    (tmp_path / "far").symlink_to(tmp_path / "none" / "new")
    with pytest.raises(NotWritten, match="already exists"):
        check_new(tmp_path / "link")
    with pytest.raises(NotWritten, match=r"there is no folder .*none to write new in"):
        check_new(tmp_path / "far", force=True)
    write_whole(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "new").read_bytes() == b"new"


def test_another_hard_link_keeps_what_it_held(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"old")
    (tmp_path / "other").hardlink_to(tmp_path / "one")
    write_whole(tmp_path / "one", b"new")
    assert (tmp_path / "other").read_bytes() == b"old"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("loop", "symbolic links"),
        ("n" * 256, "name too long"),
        ("file/x", "Not a directory"),
        ("none/x", "there is no folder"),
        ("a\0b", "null"),
    ],
)
def test_a_name_that_cannot_be_is_refused(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotWritten) as caught:
        check_new(tmp_path / name, force=True)
    assert said.casefold() in str(caught.value).casefold()


def test_the_longest_name_that_can_be_is_written(tmp_path: Path) -> None:
    write_whole(tmp_path / ("n" * 255), b"new")
    assert (tmp_path / ("n" * 255)).read_bytes() == b"new"


@pytest.mark.parametrize("name", ["file", "new"])
def test_what_may_not_be_written_is_refused_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "file").write_bytes(b"old")
    guarded = tmp_path / "file" if name == "file" else tmp_path
    access = os.access
    monkeypatch.setattr(  # root may write anything
        files.os, "access", lambda path, mode: Path(path) != guarded and access(path, mode)
    )
    with pytest.raises(NotWritten, match=r"is read-only|may not be written to"):
        check_new(tmp_path / name, force=True)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("at", ["replace", "chmod"])
def test_nothing_is_left_of_a_file_that_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, at: str
) -> None:
    (tmp_path / "file").write_bytes(b"old")

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(files.os, at, fail)
    with pytest.raises((NotWritten, KeyboardInterrupt)):
        write_whole(tmp_path / "file", b"new")
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


def test_a_file_that_came_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    check_new(tmp_path / "file")
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(NotWritten, match="already exists"):
        write_whole(tmp_path / "file", b"new", force=False)
    assert (tmp_path / "file").read_bytes() == b"mine"


@pytest.mark.parametrize("link", [False, True], ids=["itself", "through a link"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_regular_file_is_not_read(tmp_path: Path, kind: str, link: bool) -> None:
    there = special(tmp_path, kind)
    (tmp_path / "link").symlink_to(there)
    with pytest.raises(NotRead, match=r"not a regular file|Is a directory"):
        read_regular(tmp_path / "link" if link else there, 100)


def test_a_file_that_becomes_a_pipe_as_it_is_opened_is_not_read(tmp_path, monkeypatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(b"")
    before = (tmp_path / "file").stat()
    monkeypatch.setattr(Path, "stat", lambda _: before)
    with pytest.raises(NotRead, match="it is a pipe"):
        read_regular(tmp_path / "pipe", 100)


def test_a_file_is_read_up_to_a_size(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 100)
    assert read_regular(file, 100) == b"x" * 100
    with pytest.raises(NotRead, match="has 100 bytes, more than the 99 it may have"):
        read_regular(file, 99)
    with file.open("wb") as stream:
        stream.truncate(10**12)  # takes no room
    with pytest.raises(NotRead, match="1,000,000,000,000 bytes, more than all there are"):
        read_regular(file, 100, "all there are")
