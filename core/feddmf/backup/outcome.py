"""What came of a backup or of its restoration, the same for both sides."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from feddmf.backup.archive import Manifest

__all__ = ["Backup", "Restored", "left_out"]


@dataclass(frozen=True)
class Backup:
    """A backup that was made; left_out: what else lies in the folder and is not in it."""

    file: Path
    manifest: Manifest
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class Restored:
    """A side that was restored; under_way: the runs that it will try to go on with."""

    manifest: Manifest
    under_way: tuple[str, ...]


def left_out(folder: Path, known: Collection[str], *, beginnings: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the names in `folder` that are not `known`, sorted.

    beginnings: of names that are known too. Hidden files and locks are made anew by themselves.
    """
    return tuple(
        sorted(
            path.name
            for path in folder.iterdir()
            if path.name not in known
            and not path.name.startswith((*beginnings, "."))
            and not path.name.endswith(".lock")
        )
    )
