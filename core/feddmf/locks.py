"""A folder that one process at a time may work in."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from feddmf.errors import LocalResourceError
from feddmf.files import explain_os_error

__all__ = ["is_held", "only_one"]


@contextmanager
def only_one(path: Path, *, doing: str) -> Iterator[None]:
    """Hold the lock file `path`; LocalResourceError where another process does. Its end frees it."""
    with explain_os_error(path):
        lock = path.open("w")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LocalResourceError(
                f"another process is {doing} {path.parent}", hint="end it first, or use another folder"
            ) from error
        yield


def is_held(path: Path) -> bool:
    """Tell whether a process holds the lock file `path`."""
    try:
        with path.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
