"""Files that are whole or absent: write beside, fsync, rename; a full disk says so."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from feddmf.errors import InputError, LocalResourceError

__all__ = [
    "all_or_nothing",
    "explain_os_error",
    "growing",
    "make_folder",
    "read_bytes",
    "read_text",
    "remove_unfinished",
    "replacing",
    "write_bytes",
    "write_text",
]

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def explain_os_error(path: Path) -> Iterator[None]:
    """Turn the operating system's refusal to write `path` into an error with a hint."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        hint = (
            "free space on that disk and run the command again; nothing was half-written"
            if error.errno in _FULL
            else "check the path and its permissions"
        )
        raise LocalResourceError(f"cannot write {path}: {reason}", hint=hint) from error


@contextmanager
def replacing(path: Path, *, mode: int = 0o644) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success fsync it and rename it over `path`.

    On any error the temporary file and the folders that were made for it are removed, and `path` is
    as it was. Raises LocalResourceError when the disk refuses, and for a device or a pipe, which a rename
    would do away with.
    """
    with explain_os_error(path), _folders_for(path):
        if path.is_char_device() or path.is_block_device() or path.is_fifo() or path.is_socket():
            raise LocalResourceError(
                f"cannot write {path}: it is a device or a pipe", hint="name a file; --format json prints"
            )
        _make_folders(path.parent, private=not mode & 0o077)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        os.close(handle)
        beside = Path(name)
        try:
            beside.chmod(mode)
            yield beside
            _fsync(beside)
            beside.replace(path)
            _fsync(path.parent)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


@contextmanager
def all_or_nothing(*paths: Path) -> Iterator[None]:
    """Remove, if the block fails, those of `paths` that it made, and the folders above made for them.

    A path that was there before, file or folder, stays as the block left it.
    """
    new = [path for path in paths if not os.path.lexists(path)]
    with _folders_for(*new):
        try:
            yield
        except BaseException:
            for path in new:
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
            raise


@contextmanager
def _folders_for(*paths: Path) -> Iterator[None]:
    """Remove, if the block fails, the folders above `paths` that are new and empty then."""
    new = {parent for path in paths for parent in path.parents if not os.path.lexists(parent)}
    try:
        yield
    except BaseException:
        for folder in sorted(new, key=lambda folder: len(folder.parts), reverse=True):
            with suppress(OSError):
                folder.rmdir()
        raise


def write_bytes(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write `content` to `path`, whole or not at all."""
    with replacing(path, mode=mode) as beside:
        beside.write_bytes(content)


def write_text(path: Path, content: str, *, mode: int = 0o644) -> None:
    """Write `content` to `path` as UTF-8, whole or not at all."""
    write_bytes(path, content.encode(), mode=mode)


@contextmanager
def growing(path: Path, *, create: bool, mode: int = 0o600) -> Iterator[BinaryIO]:
    """Yield the file, unbuffered, to read and to append to; where it is created, its name is on disk too.

    Whoever comes at the same time gets the same file: unlike `write_bytes`, this replaces none.
    """
    if create:
        _make_folders(path.parent, private=not mode & 0o077)
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), mode)
    with os.fdopen(descriptor, "rb+", buffering=0) as file:
        if create:
            _fsync(path.parent)
        yield file


def _make_folders(path: Path, *, private: bool) -> None:
    """Make a folder and those above it; what is made for a private file is its owner's alone."""
    if path.is_dir():
        return
    _make_folders(path.parent, private=private)
    path.mkdir(mode=0o700 if private else 0o777, exist_ok=True)


def remove_unfinished(folder: Path) -> None:
    """Remove what writes that were cut short have left under a folder that nobody else writes to now."""
    with explain_os_error(folder):
        for left in folder.rglob(".*.part"):
            left.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, with their names on disk too; LocalResourceError as `replacing`."""
    with explain_os_error(path):
        new = [folder for folder in (path, *path.parents) if not folder.is_dir()]
        path.mkdir(parents=True, exist_ok=True)
        for folder in new:
            _fsync(folder.parent)


def read_bytes(path: Path, *, what: str, hint: str) -> bytes:
    """Read `path`; raise InputError naming `what` it should have held, with `hint`."""
    try:
        return path.read_bytes()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise InputError(f"cannot read {what} {path}: {reason}", hint=hint) from error


def read_text(path: Path, *, what: str, hint: str) -> str:
    """Read `path` as UTF-8, with or without a byte order mark; raise InputError as `read_bytes` does."""
    try:
        return read_bytes(path, what=what, hint=hint).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{what} {path} is not UTF-8 text", hint="save it as UTF-8") from error


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
