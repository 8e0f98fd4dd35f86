"""What is kept of runs under way, so that a coordinator that died goes on where it was, bit for bit.

A round's contributions are on disk before anybody is answered, the protocol's state now and then. A
coordinator that comes back takes the last state and combines the rounds that came after it, as it did before.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from feddmf.checked_files import CheckedFiles
from feddmf.errors import LocalResourceError, RunFailed
from feddmf.files import explain_os_error, make_folder
from feddmf.payload import Payload
from feddmf.protocols.base import Arrays
from feddmf.round_keeping import Collected

__all__ = ["MOST_BYTES", "KeptRound", "KeptRounds", "RoundsFolder"]

_ROUND = "round"
_STATE = "state"
_WHOLE = "state"
_BROKEN = "submit the run again"
# What is damaged is left for whoever looks into it, for a month. No run has a dot in its id.
_DAMAGED = ".damaged"
_ASIDE_S = 30 * 86_400
# What may lie on disk of one run behind its last state.
MOST_BYTES = 1 << 30


@dataclass(frozen=True, eq=False)
class KeptRound:
    """A round as it was closed; seconds: how long its contributions took to come."""

    collected: Collected
    seconds: float


class KeptRounds:
    """The folder of one run; `every_s` seconds lie between two states, unless rounds take much room."""

    def __init__(self, folder: Path, *, every_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        # Parties read why a run failed, and where this folder lies is not for them.
        named = f"{folder.parent.name}/{folder.name}"
        self._files = CheckedFiles(folder, hint=_BROKEN, named=named)
        self._named = named
        self._every_s = every_s
        self._clock = clock
        self._saved = clock()
        self._behind = 0

    def begin(self) -> None:
        """Make an empty folder for a run that begins; LocalResourceError where the disk refuses."""
        self._files.remove()
        make_folder(self._files.folder)

    def check(self) -> None:
        """Raise RunFailed where a run that had begun has no folder any more."""
        if not self.is_there:
            raise RunFailed(
                f"the coordinator cannot go on with the run: {self._named} is missing", hint=_BROKEN
            )

    @property
    def is_there(self) -> bool:
        """Whether the run has a folder; LocalResourceError where the disk does not say."""
        return self._files.is_there

    @property
    def is_due(self) -> bool:
        """Whether it is time to keep the state again."""
        return self._behind > MOST_BYTES or self._clock() - self._saved >= self._every_s

    def keep_round(self, collected: Collected, seconds: float) -> None:
        """Keep a round's contributions, durable on return; LocalResourceError where the disk refuses."""
        said = {
            "phase": collected.phase,
            "number": collected.number,
            "seconds": seconds,
            "version": version("feddmf"),
        }
        self._files.write_payloads(_ROUND, collected.position, said, collected.contributions)
        self._behind += sum(payload.nbytes for payload in collected.contributions.values())

    def keep_state(self, position: int, state: Arrays) -> None:
        """Keep the state before the round at `position`, and forget what lies before it."""
        self._files.write_payloads(_STATE, position, {}, {_WHOLE: Payload(state)})
        self._saved, self._behind = self._clock(), 0
        for kind in (_ROUND, _STATE):
            self._files.forget_before(kind, position)

    def state(self) -> tuple[int, Arrays | None]:
        """Return the last state and the position that it is of; 0 and None where none was kept."""
        positions = self._files.numbers(_STATE)
        if not positions:
            return 0, None
        _, payloads = self._files.read_payloads(_STATE, positions[-1])
        if _WHOLE not in payloads:
            raise self._files.damaged(_STATE, positions[-1])
        return positions[-1], payloads[_WHOLE]

    def rounds(self, first: int, *, least: int) -> Iterator[KeptRound]:
        """Yield the rounds from position `first` on, in order; InputError, naming it, for one that is gone.

        least: how many rounds of the run are known to be over.
        """
        count = max(least, *(position + 1 for position in (first - 1, *self._files.numbers(_ROUND))))
        for position in range(first, count):
            yield self._round(position)

    def remove(self) -> None:
        """Forget the run; call it once its end is written."""
        self._files.remove()

    def set_aside(self) -> None:
        """Forget the run, and leave its files beside those of others: something of them is damaged."""
        if not self.is_there:
            return
        folder = self._files.folder
        aside = folder.with_name(folder.name + _DAMAGED)
        with explain_os_error(aside):
            if aside.exists():
                shutil.rmtree(aside)
            # It is kept for a time from now.
            os.utime(folder)
            folder.rename(aside)

    def _round(self, position: int) -> KeptRound:
        said, contributions = self._files.read_payloads(_ROUND, position)
        try:
            phase, number, seconds = str(said["phase"]), int(said["number"]), float(said["seconds"])
            begun_by = str(said["version"])
        except (KeyError, TypeError, ValueError) as error:
            raise self._files.damaged(_ROUND, position) from error
        if begun_by != version("feddmf"):
            raise RunFailed(
                f"the run was begun by feddmf {begun_by} at the coordinator, and this is {version('feddmf')}",
                hint="finish a run with the version that began it, or submit it again",
            )
        return KeptRound(Collected(position, phase, number, contributions), seconds)


@dataclass(frozen=True)
class RoundsFolder:
    """The folder that holds a folder for each run under way; every_s: as of `KeptRounds`."""

    path: Path
    every_s: float = 60.0

    def of(self, run: str) -> KeptRounds:
        """Return what is kept of a run."""
        return KeptRounds(self.path / run, every_s=self.every_s)

    def keep_only(self, runs: Collection[str]) -> None:
        """Remove what is left of other runs, which have ended, and what was set aside long ago."""
        with explain_os_error(self.path), contextlib.suppress(FileNotFoundError):
            for folder in self.path.iterdir():
                if folder.name not in runs and not _is_aside(folder):
                    shutil.rmtree(folder)

    def check_home(self, runs: Collection[str]) -> None:
        """Raise LocalResourceError where rounds of `runs` were kept, and this folder has none of them.

        It is another folder then: that of another machine, or one whose disk is not there.
        """
        if runs and not any(self.of(run).is_there for run in runs):
            named = " and ".join(runs)
            raise LocalResourceError(
                f"{self.path} has no rounds of {named}, which the database says were kept",
                hint="start the coordinator where they lie, or mount their disk there; where they are lost, "
                f"end each such run first: feddmf run stop {next(iter(runs))}",
            )


def _is_aside(folder: Path) -> bool:
    return folder.name.endswith(_DAMAGED) and time.time() - folder.stat().st_mtime < _ASIDE_S
