"""The waits of one run: bounded, and each that ends in vain names who is missing, and since when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from feddmf.errors import LocalResourceError
from feddmf.runfile import WaitSettings
from feddmf.waiting import set_within
from feddmf.wire.pace import travel_s
from feddmf_coordinator.observer import Bounds
from feddmf_coordinator.server.endings import missing as party_missing
from feddmf_coordinator.server.endings import unkept
from feddmf_coordinator.server.presence import Presence

__all__ = ["Waited", "Waiting"]

_TICK_S = 0.2
# A bound that has moved by so much is told again.
_MOVED_S = 1.0


class Waited(Protocol):
    """The run that waits."""

    async def meanwhile(self) -> None:
        """Do what is to be done while it waits; raises what the run ends with."""
        ...

    def waits_for(self, what: str, parties: tuple[str, ...], bounds: Bounds) -> None:
        """Note whom it waits for and how long, each time that this changes; nobody: all is there."""
        ...

    @property
    def held_up(self) -> bool:
        """Whether it is kept waiting by what none of its parties can help."""
        ...

    @property
    def refusal(self) -> LocalResourceError | None:
        """Why what everybody is there for could not be kept, if it could not."""
        ...


class Waiting:
    """Waits for the parties of a run, one thing at a time."""

    def __init__(self, run: Waited, waits: WaitSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._run = run
        self._absent_s = waits.absent_s
        self._clock = clock
        self.presence = Presence(clock)
        self._arrived: dict[str, int] = {}
        self._changed = asyncio.Event()

    def look_again(self) -> None:
        """Look at once whether what is waited for has come."""
        self._changed.set()

    def arriving(self, party: str, nbytes: int) -> None:
        """Note that `nbytes` of what `party` is waited for are here: a slow line is waited for longer."""
        self.presence.touch(party)
        self._arrived[party] = max(nbytes, self._arrived.get(party, 0))

    async def until(
        self,
        what: str,
        missing: Callable[[], tuple[str, ...] | None],
        limit_s: float,
        *,
        absent: bool = True,
        spare: int = 0,
    ) -> None:
        """Wait until `missing` is None; PartyMissing names whom it has named once a bound has passed.

        Where it names nobody, everything is there and is computed with, or a disk refuses to keep it. absent:
        whether who is silent for too long ends the wait; spare: how many of those named it can do without.
        """
        began = self._clock()
        self._arrived.clear()
        told: tuple[tuple[str, ...], float] | None = None
        while (names := missing()) is not None:
            await self._run.meanwhile()
            if self._run.held_up:
                began = self._clock()
            slow_s = travel_s(max((self._arrived.get(name, 0) for name in names), default=0))
            ends = began + limit_s + slow_s
            if told is None or told[0] != names or abs(ends - told[1]) >= _MOVED_S:
                told = names, ends
                bounds = Bounds(ends - self._clock(), self._absent_s if absent else None, spare)
                self._run.waits_for(what, names, bounds)
            gone = [name for name in names if self.presence.silence(name) > self._absent_s]
            if absent and len(gone) > spare:
                silence = max(self.presence.silence(name) for name in gone)
                raise party_missing(gone, f"not heard from for {silence:.0f} s", what)
            if self._clock() > ends:
                if len(names) > spare:
                    raise party_missing(names, f"nothing came within {limit_s:g} s", what)
                if self._run.refusal is not None:
                    raise unkept(self._run.refusal, limit_s)
            await set_within(self._changed, _TICK_S)
            self._changed.clear()
