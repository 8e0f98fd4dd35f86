"""A folder's files as they are at one moment, while others work in it.

Files that are replaced whole are held by a second name, so that a new one in their place changes nothing
here. Files of lines, which only grow, are held by how long they are.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from feddmf.backup.archive import Archive
from feddmf.errors import LocalResourceError
from feddmf.files import explain_os_error
from feddmf.progress import MEGA, NOBODY, Progress, Tally

__all__ = ["Moment", "at_one_moment", "remove_left_behind"]

_PREFIX = ".backup-"
_LOCK = "held.lock"

_LINES = ".jsonl"
# What is being written, what only says who works, and scores, which are computed again.
_NO_MATTER = (".part", ".lock", ".column")
# A file that went while its folder was gone through: it is gone through again, so often.
_MOST_LOOKS = 100


@dataclass(frozen=True)
class _Held:
    """One file: by which name it is held, how much of it counts, and how it was."""

    path: Path
    size: int
    mode: int
    at: float


@dataclass
class Moment:
    """What is held; files and folders by their names within the folder."""

    _folder: Path
    _holding: Path
    files: dict[str, _Held] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)

    def hold(self, name: str, *, besides: Sequence[str] = ()) -> None:
        """Hold the file or folder `name`, if it is there, with all that is in it but `besides`."""
        for _ in range(_MOST_LOOKS):
            try:
                files, folders = self._look(self._folder / name, besides)
            except FileNotFoundError:
                continue
            self.files |= files
            self.folders += folders
            return
        raise LocalResourceError(
            f"{self._folder / name} changes all the time",
            hint="run the command again, or end what works there",
        )

    def room(self, name: str) -> Path:
        """Return where a file may be written that will be held under `name`."""
        return self._holding / f"made-{name}"

    def add(self, name: str, path: Path) -> None:
        """Hold a file that was written for this."""
        self.files[name] = _held(path)

    def put_into(self, archive: Archive, progress: Progress = NOBODY) -> None:
        """Put all that is held into a backup."""
        tally = Tally(progress, sum(held.size for held in self.files.values()), "MB packed", unit=MEGA)
        for name in self.folders:
            archive.add_folder(name)
        for name, held in self.files.items():
            with held.path.open("rb") as source:
                if name.endswith(_LINES):
                    # A line that was being written is not there yet.
                    whole = source.read(held.size)
                    whole = whole[: whole.rfind(b"\n") + 1]
                    archive.add(name, BytesIO(whole), len(whole), mode=held.mode, at=held.at)
                    tally.add(held.size)
                else:
                    archive.add(name, source, held.size, mode=held.mode, at=held.at, told=tally.add)

    def _look(self, top: Path, besides: Sequence[str]) -> tuple[dict[str, _Held], list[str]]:
        files, folders = dict[str, _Held](), list[str]()
        for path in sorted((top, *top.rglob("*"))):
            name = path.relative_to(self._folder).as_posix()
            if name in besides or path.name.endswith(_NO_MATTER) or not os.path.lexists(path):
                continue
            if path.is_dir():
                folders.append(name)
            else:
                files[name] = self._hold_file(path)
        return files, folders

    def _hold_file(self, path: Path) -> _Held:
        if path.suffix == _LINES:
            return _held(path)
        handle, name = tempfile.mkstemp(dir=self._holding)
        os.close(handle)
        second = Path(name)
        second.unlink()
        try:
            os.link(path, second)
        except FileNotFoundError:
            raise
        except OSError:
            # No second names on this disk, or a link to another one.
            shutil.copy2(path, second)
        return _held(second)


@contextmanager
def at_one_moment(folder: Path) -> Iterator[Moment]:
    """Yield an empty `Moment` of a folder; what it holds is let go of at the end of the block."""
    remove_left_behind(folder)
    with _holding(folder) as holding:
        try:
            yield Moment(folder, holding)
        finally:
            with contextlib.suppress(OSError):
                shutil.rmtree(holding)


def remove_left_behind(folder: Path) -> None:
    """Remove what backups of `folder` that were killed still hold, and none that is being made.

    They hold files by second names: what is erased in the folder is on the disk until these are gone.
    """
    for left in sorted(folder.glob(f"{_PREFIX}*")):
        if not (left / _LOCK).is_file():
            # Somebody else's, or one that holds nothing yet.
            continue
        with explain_os_error(left), contextlib.suppress(FileNotFoundError, _InUseError), _locked(left):
            shutil.rmtree(left)


class _InUseError(Exception):
    """Another process works in a holding folder."""


@contextmanager
def _locked(holding: Path) -> Iterator[None]:
    """Hold the lock in a holding folder; FileNotFoundError where the folder has gone meanwhile."""
    name = holding / _LOCK
    with name.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _InUseError from error
        # Whoever removed the folder in between had it before us.
        name.stat()
        yield


@contextmanager
def _holding(folder: Path) -> Iterator[Path]:
    """Yield a new holding folder, whose lock tells others that it is in use."""
    with contextlib.ExitStack() as held:
        with explain_os_error(folder):
            while True:
                holding = Path(tempfile.mkdtemp(dir=folder, prefix=_PREFIX))
                # Before its lock is held it looks like one that was left behind.
                with contextlib.suppress(FileNotFoundError, _InUseError):
                    held.enter_context(_locked(holding))
                    break
        yield holding


def _held(path: Path) -> _Held:
    found = path.stat()
    return _Held(path, found.st_size, found.st_mode & 0o777, found.st_mtime)
