"""Files are whole or absent, whatever goes wrong while they are written."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from feddmf.errors import InputError, LocalResourceError
from feddmf.files import (
    explain_os_error,
    make_folder,
    read_bytes,
    remove_unfinished,
    replacing,
    write_bytes,
    write_text,
)


def left_in(folder: Path) -> list[str]:
    """Return the names in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    """Writing makes the folders above, replaces what was there, and leaves nothing beside it."""
    path = tmp_path / "a" / "b" / "file"
    write_text(path, "before")
    write_text(path, "grün")
    assert path.read_bytes() == "grün".encode()
    assert left_in(path.parent) == ["file"]


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_file_has_its_mode_from_the_start(tmp_path: Path, mode: int) -> None:
    """A private file is never readable for others, not even while it is written."""
    seen = []
    with replacing(tmp_path / "file", mode=mode) as beside:
        seen.append(stat.S_IMODE(beside.stat().st_mode))
        beside.write_bytes(b"x")
    seen.append(stat.S_IMODE((tmp_path / "file").stat().st_mode))
    assert seen == [mode, mode]


@pytest.mark.parametrize("error", [ValueError("mine"), KeyboardInterrupt()])
def test_an_error_while_writing_leaves_the_old_file(tmp_path: Path, error: BaseException) -> None:
    """When the writer fails half-way the old content stands and the half is gone."""
    path = tmp_path / "file"
    write_bytes(path, b"old")

    def half_write() -> None:
        with replacing(path) as beside:
            beside.write_bytes(b"half")
            raise error

    with pytest.raises(type(error)):
        half_write()
    assert path.read_bytes() == b"old"
    assert left_in(tmp_path) == ["file"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize(
    ("number", "hint"),
    [(errno.ENOSPC, "free space"), (errno.EDQUOT, "free space"), (errno.EACCES, "permissions")],
)
def test_a_disk_that_refuses_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, hint: str
) -> None:
    """A full disk at the last moment is a local resource error, and leaves the old file alone."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    path = tmp_path / "file"
    write_bytes(path, b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        with pytest.raises(LocalResourceError, match=f"cannot write .*file: {os.strerror(number)}") as caught:
            write_bytes(path, b"new")
    assert hint in caught.value.hint
    assert path.read_bytes() == b"old"
    assert left_in(tmp_path) == ["file"]


def test_a_file_where_a_folder_should_be_is_explained(tmp_path: Path) -> None:
    """A path that cannot exist is named, with the operating system's reason."""
    write_text(tmp_path / "file", "")
    with pytest.raises(LocalResourceError, match=r"cannot write .*file/inside: "):
        write_text(tmp_path / "file" / "inside", "")


def test_an_error_without_a_number_is_explained_by_its_text() -> None:
    """Libraries raise OSError with a text alone; the text is kept."""
    with pytest.raises(LocalResourceError, match="cannot write x: strange"), explain_os_error(Path("x")):
        raise OSError("strange")


def test_a_file_that_is_not_there_is_the_users_mistake(tmp_path: Path) -> None:
    """Reading what does not exist says what it should have been and what to do."""
    with pytest.raises(InputError, match=r"cannot read list .*none: No such file") as caught:
        read_bytes(tmp_path / "none", what="list", hint="make one")
    assert caught.value.hint == "make one"


def test_a_pipe_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    """A rename over a pipe or a device would do away with it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(LocalResourceError, match="pipe: it is a device or a pipe"):
        write_text(pipe, "x")
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_folders_of_private_files_are_their_owners_alone(tmp_path: Path) -> None:
    """Those that are made for them; a folder that was there stays as it is."""
    tmp_path.chmod(0o755)
    write_bytes(tmp_path / "keys" / "new" / "key", b"x", mode=0o600)
    write_bytes(tmp_path / "open" / "text", b"x")
    modes = [(tmp_path / name).stat().st_mode & 0o077 for name in ("keys", "keys/new", ".")]
    assert modes == [0, 0, 0o055]
    assert (tmp_path / "open").stat().st_mode & 0o700 == 0o700


def test_a_folder_is_made_with_those_above_it(tmp_path: Path) -> None:
    """One that is there stays as it is; where a file stands in the way it says so."""
    make_folder(tmp_path / "a" / "b")
    write_text(tmp_path / "a" / "b" / "file", "kept")
    make_folder(tmp_path / "a" / "b")
    assert left_in(tmp_path / "a" / "b") == ["file"]
    with pytest.raises(LocalResourceError, match="cannot write"):
        make_folder(tmp_path / "a" / "b" / "file")


def test_what_a_killed_process_did_not_finish_to_write_is_removed(tmp_path: Path) -> None:
    """In the folder and in those below; files that are whole stay, whatever they are called."""
    write_text(tmp_path / "file", "whole")
    write_text(tmp_path / "in" / "x.part", "whole")
    (tmp_path / ".file.abc.part").write_text("ha")
    (tmp_path / "in" / ".x.part.def.part").write_text("ha")
    remove_unfinished(tmp_path)
    assert (left_in(tmp_path), left_in(tmp_path / "in")) == (["file", "in"], ["x.part"])
    remove_unfinished(tmp_path / "absent")
