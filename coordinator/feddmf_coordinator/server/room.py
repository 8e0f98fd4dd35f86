"""Room in memory for the rounds of all runs: a round that finds none waits, and runs take turns."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

__all__ = ["Room"]


@dataclass(eq=False)
class _Waiting:
    """A run whose next round waits for room."""

    run: str
    nbytes: int
    seated: asyncio.Event = field(default_factory=asyncio.Event)


class Room:
    """Bytes that the rounds of all runs may hold at once: those that are open, and what others have left.

    A round takes the room for all its contributions and replies before the first of them is read, so that a
    round that has begun can always be closed: two runs never wait for each other with half a round each.
    Rounds are let in in the order in which they come; a run has one at a time, so that runs take turns. Where
    none is open, the next one is let in whatever others have left: nothing but it could make room.
    """

    def __init__(self, nbytes: int = 1 << 62) -> None:
        self._nbytes = nbytes
        self._seated: dict[str, int] = {}
        self._left: dict[str, int] = {}
        self._waiting: deque[_Waiting] = deque()

    @property
    def held(self) -> int:
        """Bytes that rounds take: open ones with what has yet to come, others with what they left."""
        return sum(self._seated.values()) + sum(self._left.values())

    def waits(self, run: str) -> bool:
        """Tell whether a round of `run` waits for room."""
        return any(each.run == run for each in self._waiting)

    async def take(self, run: str, nbytes: int) -> None:
        """Wait until there is room for a round of `run`; one that has it already waits for nothing.

        What an earlier round of it has left counts within `nbytes` from then on. One that is larger than the
        room is let in once no other is open.
        """
        if run in self._seated:
            return
        waiting = next((each for each in self._waiting if each.run == run), None)
        if waiting is None:
            waiting = _Waiting(run, nbytes)
            self._waiting.append(waiting)
            self._let_in()
        await waiting.seated.wait()

    def keep(self, run: str, nbytes: int) -> None:
        """Give back the room of a run's round but for `nbytes`, until its next round is let in."""
        self._seated.pop(run, None)
        self._left[run] = nbytes
        self._let_in()

    def leave(self, run: str) -> None:
        """Give back all room of a run, or its place among those that wait."""
        self._seated.pop(run, None)
        self._left.pop(run, None)
        for each in [each for each in self._waiting if each.run == run]:
            self._waiting.remove(each)
            each.seated.set()
        self._let_in()

    def _let_in(self) -> None:
        # Strictly in order: a small round that overtakes a large one would keep it out for good.
        while self._waiting:
            first = self._waiting[0]
            others = self.held - self._left.get(first.run, 0)
            if self._seated and others + first.nbytes > self._nbytes:
                return
            self._waiting.popleft()
            self._left.pop(first.run, None)
            self._seated[first.run] = first.nbytes
            first.seated.set()
