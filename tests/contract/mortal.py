"""A coordinator that dies at moments of its rounds that a test names, and comes back from its files."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal

from feddmf.errors import LocalResourceError
from feddmf.members.base import Exchange, Reply
from feddmf.payload import Payload
from feddmf.round_keeping import Collected
from feddmf_coordinator.store.kept_rounds import KeptRounds

__all__ = ["Death", "Deaths", "Moment", "MortalRounds", "mortal"]

Moment = Literal["gathering", "kept", "answered"]
"""When one contribution of a round is there; when all are on disk; when somebody has been answered."""

Death = tuple[Moment, int]

_ARRIVES_S = 0.02


class Deaths:
    """The deaths that are still to come; each is died once. every_s: how often the state is kept."""

    def __init__(self, *deaths: Death, every_s: float = 3600.0) -> None:
        self._coming = set(deaths)
        self.every_s = every_s

    def comes(self, death: Death) -> bool:
        """Tell whether the coordinator dies now."""
        if death not in self._coming:
            return False
        self._coming.discard(death)
        return True

    @property
    def left(self) -> set[Death]:
        """Those that never came."""
        return set(self._coming)


class MortalRounds(KeptRounds):
    """What is kept of a run; `die` is called on the thread that has kept a round, where one dies then."""

    def __init__(self, folder: Path, deaths: Deaths, die: Callable[[], object]) -> None:
        super().__init__(folder, every_s=deaths.every_s)
        self._deaths = deaths
        self._die = die

    def keep_round(self, collected: Collected, seconds: float) -> None:
        """Keep a round; the answer to it may be lost."""
        super().keep_round(collected, seconds)
        if self._deaths.comes(("kept", collected.position)):
            self._die()


def mortal(
    exchange: Exchange, schedule: list[tuple[str, int]], deaths: Deaths, die: Callable[[], Awaitable[None]]
) -> Exchange:
    """Wrap an exchange so that the coordinator dies around it; the party comes again until it is answered."""

    async def until_answered(phase: str, number: int, payload: Payload) -> Reply:
        while True:
            try:
                return await exchange(phase, number, payload)
            except LocalResourceError:
                await asyncio.sleep(0)

    async def exchanged(phase: str, number: int, payload: Payload) -> Reply:
        place = schedule.index((phase, number))
        asking = asyncio.create_task(until_answered(phase, number, payload))
        if deaths.comes(("gathering", place)):
            await asyncio.sleep(_ARRIVES_S)
            await die()
        reply = await asking
        if deaths.comes(("answered", place)):
            await die()
            again = await until_answered(phase, number, payload)
            assert (again.payload.sha256(), again.done) == (reply.payload.sha256(), reply.done)
        return reply

    return exchanged
