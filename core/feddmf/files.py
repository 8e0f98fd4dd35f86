"""Files that are whole or absent: write beside, fsync, rename; a full disk says so."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from feddmf.errors import InputError, LocalResourceError

__all__ = ["explain_os_error", "read_bytes", "read_text", "replacing", "write_bytes", "write_text"]

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

    On any error the temporary file is removed and `path` is as it was. Raises LocalResourceError
    when the disk refuses.
    """
    with explain_os_error(path):
        path.parent.mkdir(parents=True, exist_ok=True)
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


def write_bytes(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write `content` to `path`, whole or not at all."""
    with replacing(path, mode=mode) as beside:
        beside.write_bytes(content)


def write_text(path: Path, content: str, *, mode: int = 0o644) -> None:
    """Write `content` to `path` as UTF-8, whole or not at all."""
    write_bytes(path, content.encode(), mode=mode)


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
