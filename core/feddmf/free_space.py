"""Room on a disk: how much there is, and whether it is enough for what is about to begin."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from feddmf.errors import LocalResourceError
from feddmf.files import explain_os_error

__all__ = ["free_bytes", "may_write", "require_free", "shown_bytes"]

_STEP = 1000
_UNITS = ("B", "kB", "MB", "GB", "TB")


def free_bytes(path: Path) -> int:
    """Return the bytes that this user may still write on the disk of `path`, which need not be there yet."""
    there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    with explain_os_error(there):
        return shutil.disk_usage(there).free


def require_free(path: Path, needed: int, *, what: str) -> None:
    """Raise LocalResourceError, with both figures, where the disk of `path` has not `needed` bytes left.

    what: what needs the room, as a sentence begins with it.
    """
    free = free_bytes(path)
    if free >= needed:
        return
    raise LocalResourceError(
        f"{what} may need {shown_bytes(needed)} on the disk of {path}, which has {shown_bytes(free)} left",
        hint="free space on that disk, or move the folder to another one",
    )


def shown_bytes(number: float) -> str:
    """Return a number of bytes as people read it: 12.8 MB."""
    unit = 0
    while number >= _STEP and unit < len(_UNITS) - 1:
        number, unit = number / _STEP, unit + 1
    return f"{number:.0f} {_UNITS[unit]}" if unit == 0 else f"{number:.1f} {_UNITS[unit]}"


def may_write(folder: Path) -> bool:
    """Tell whether this user may write into `folder`."""
    return os.access(folder, os.W_OK | os.X_OK)
