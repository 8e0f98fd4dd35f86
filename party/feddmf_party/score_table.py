"""Scores of all users, attribute by attribute, kept in a run's folder: mapped, and not computed again.

The table has a file for each column, so that a column is whole or absent, one at a time is mapped, and those
that are not wanted any more make room. Columns are of one state of the run: what was withdrawn, has ended or
was forgotten since, and another version of this software, make another state, whose table is empty.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import numpy as np
import numpy.typing as npt

from feddmf.errors import LocalResourceError
from feddmf.files import explain_os_error, replacing
from feddmf.free_space import free_bytes
from feddmf_party.offered import Attribute
from feddmf_party.prediction import Column
from feddmf_party.run_folder import RunFolder
from feddmf_party.terms import Terms

__all__ = ["ScoreTable", "drop_earlier_scores", "drop_scores"]

_PRIVATE = 0o600
_FOLDER, _SUFFIX = "scores", ".column"
_NUMBER = np.dtype("<f4")
# Training and results must have room on the disk as well.
_SPARED_BYTES = 2_000_000_000


class ScoreTable:
    """The kept scores of one run as it was when this was made; any number of threads may use it.

    version, terms: of the run, from before its scores could be computed; users: how many it has; most_bytes:
    of all runs' tables together, 0 to only read.
    """

    def __init__(
        self, run: RunFolder, version: int, terms: Terms, users: int, *, most_bytes: int = 0
    ) -> None:
        self._run, self._version, self._terms, self._users = run, version, terms, users
        self._most = most_bytes
        self._writing = threading.Lock()
        # The disk refused the last column; what would be computed for nothing is not.
        self._refused = False

    def has(self, attribute: Attribute) -> bool:
        """Tell whether the scores for an attribute are kept."""
        return self._path(attribute, "").is_file()

    def read(self, attribute: Attribute) -> Column | None:
        """Map the scores for an attribute, not to be written to; None where they are not kept."""
        scores = self._map(self._path(attribute, ""))
        if scores is None or len(attribute.owners) == 1:
            return None if scores is None else Column(scores)
        apart = self._map(self._path(attribute, "-apart"))
        return None if apart is None else Column(scores, apart)

    def keep(self, attribute: Attribute, column: Column, *, in_place_of_others: bool = True) -> bool:
        """Keep the scores for an attribute; tell whether there was room, and the run is what it was.

        in_place_of_others: whether the longest kept scores of this run make room, where there is none; those
        of other runs and states do in any case. A disk that refuses is no room.
        """
        parts = {"-apart": column.disagreement, "": column.scores}
        written = {name: array for name, array in parts.items() if array is not None}
        with self._writing, suppress(LocalResourceError):
            leaving = self._leaving(attribute, own=in_place_of_others)
            if leaving is None:
                return False
            self._refused = True
            _unlink(leaving)
            self._write(attribute, written)
            self._refused = False
            if self._is_current():
                return True
            # Something was taken back meanwhile, and this is made of it.
            drop_scores(self._run)
        return False

    def has_room(self, attribute: Attribute) -> bool:
        """Tell whether scores that are computed now would be kept, in the place of nothing of this run."""
        with self._writing, suppress(LocalResourceError):
            return not self._refused and self._leaving(attribute, own=False) is not None
        return False

    def tidy(self) -> None:
        """Remove what is left of other states of the run, none of which can be asked for."""
        current = self._folder.name
        with suppress(LocalResourceError):
            for folder in self._run.path.glob(f"{_FOLDER}/*"):
                if folder.name != current and self._is_current():
                    _remove(folder)

    def _is_current(self) -> bool:
        return self._run.finished and self._run.version == self._version

    @property
    def _folder(self) -> Path:
        ended = sorted(self._terms.ended(datetime.now(UTC)))
        state = (metadata.version("feddmf"), self._users, *ended)
        return self._run.path / _FOLDER / f"{self._version}-{_digest(*map(str, state))}"

    def _path(self, attribute: Attribute, part: str) -> Path:
        return self._folder / f"{_digest(attribute.key, *attribute.owners)}{part}{_SUFFIX}"

    def _map(self, path: Path) -> np.memmap[tuple[int], np.dtype[np.float32]] | None:
        try:
            if path.stat().st_size != self._users * _NUMBER.itemsize:
                return None
            return np.memmap(path, dtype=_NUMBER, mode="r", shape=(self._users,))
        except (OSError, ValueError):
            # It is not there, or has just made room; what is not kept is computed.
            return None

    def _write(self, attribute: Attribute, arrays: Mapping[str, npt.NDArray[np.float32]]) -> None:
        for name, array in arrays.items():
            with replacing(self._path(attribute, name), mode=_PRIVATE) as beside, beside.open("wb") as file:
                file.write(np.ascontiguousarray(array, dtype=_NUMBER).data)

    def _leaving(self, attribute: Attribute, *, own: bool) -> list[Path] | None:
        """Return the kept columns that make room for one; None where they cannot, or the run is another."""
        parts = 1 if len(attribute.owners) == 1 else 2
        needed = parts * self._users * _NUMBER.itemsize
        if not 0 < needed <= self._most or not self._is_current():
            return None
        with explain_os_error(self._run.path):
            kept = sorted(_kept(self._run.path.parent, self._folder), key=lambda each: each[:2])
        total, before = sum(size for *_, size, _ in kept), free_bytes(self._run.path)
        left, leaving = total, list[Path]()
        for is_own, _, size, path in kept:
            if left + needed <= self._most or (is_own and not own):
                break
            leaving.append(path)
            left -= size
        has_room = left + needed <= self._most and before + total - left >= needed + _SPARED_BYTES
        return leaving if has_room else None


def drop_scores(run: RunFolder) -> None:
    """Remove all that is kept of a run's scores; LocalResourceError where the disk refuses."""
    _remove(run.path / _FOLDER)


def drop_earlier_scores(run: RunFolder) -> None:
    """Remove what is kept of a run's scores from before something of it was taken back; as `drop_scores`."""
    version = run.version
    for folder in run.path.glob(f"{_FOLDER}/*"):
        if not folder.name.startswith(f"{version}-"):
            _remove(folder)


def _unlink(paths: Iterable[Path]) -> None:
    for path in paths:
        with explain_os_error(path):
            path.unlink(missing_ok=True)


def _remove(folder: Path) -> None:
    with explain_os_error(folder), suppress(FileNotFoundError):
        shutil.rmtree(folder)


def _kept(runs: Path, own: Path) -> Iterator[tuple[bool, int, int, Path]]:
    """Yield all kept columns under `runs`: whether it is in `own`, its age, its size, its path."""
    for folder in runs.glob(f"*/{_FOLDER}/*"):
        with suppress(FileNotFoundError), os.scandir(folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    said = entry.stat()
                    yield folder == own, said.st_mtime_ns, said.st_size, Path(entry.path)


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()
