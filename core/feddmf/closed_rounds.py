"""What rounds were closed with: for those who wait, who ask again, and who come late."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from feddmf.protocols.base import Outcome

__all__ = ["Answer", "ClosedRound", "ClosedRounds"]


@dataclass(eq=False)
class Answer:
    """What those who have contributed to a round wait for."""

    over: asyncio.Event = field(default_factory=asyncio.Event)
    outcome: Outcome | None = None
    error: Exception | None = None

    def give(self, *, outcome: Outcome | None = None, error: Exception | None = None) -> None:
        """Answer everybody, unless they have been."""
        if not self.over.is_set():
            self.outcome, self.error = outcome, error
            self.over.set()


@dataclass(frozen=True, eq=False)
class ClosedRound:
    """A round that is over: its place among all of the run, and digests of what was counted, by party."""

    place: int
    digests: Mapping[str, bytes]
    answer: Answer


class ClosedRounds:
    """The last closed round; where parties may be late, the last one of each phase.

    One behind by more than a round is told the last reply of the phase that it is in, whose schema is the
    one that it expects.
    """

    def __init__(self, *, late: bool) -> None:
        self._late = late
        self._last: dict[str, ClosedRound] = {}

    @property
    def phases(self) -> tuple[str, ...]:
        """The phases of the rounds that are held."""
        return tuple(self._last)

    def add(self, phase: str, closed: ClosedRound) -> None:
        """Note the round that was closed last."""
        self.next_begins()
        self._last[phase] = closed

    def next_begins(self) -> None:
        """Make room, now that all who are waited for have contributed to the round after the last one."""
        if not self._late:
            self._last.clear()

    def find(self, phase: str, place: int) -> ClosedRound | None:
        """Return the round whose reply answers who contributes to the one of `phase` at `place`, if any."""
        last = self._last.get(phase)
        if last is None or last.place < place or (last.place > place and not self._late):
            return None
        return last
