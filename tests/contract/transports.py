"""Transports under test: each seats the members of a run around one round table."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

from contract.mortal import Deaths, MortalRounds
from contract.mutual_tls import mutual_tls
from feddmf.errors import LocalResourceError
from feddmf.members.base import Exchange, Reply
from feddmf.payload import Payload
from feddmf.protocols.base import Arrays
from feddmf.protocols.registry import protocol_for
from feddmf.round_keeping import Collected
from feddmf.rounds import RoundTable
from feddmf_coordinator.store.kept_rounds import KeptRounds
from support.runs import SmallRun

__all__ = ["TRANSPORTS", "Keeping", "OpenTransport", "Transport"]


class Transport(Protocol):
    """The way from members to one round table."""

    def seat(self, party: str) -> Exchange:
        """Return the exchange of `party`; what a restarted member calls again."""
        ...

    async def die(self) -> None:
        """Lose all that the coordinator has in memory, and come back from what is on disk."""
        ...


# Opens a transport for a run, and closes what it opened.
OpenTransport = Callable[[SmallRun, Deaths], AbstractAsyncContextManager[Transport]]


class Keeping:
    """A keeper of rounds without a database beside it."""

    def __init__(self, kept: KeptRounds) -> None:
        self._kept = kept

    @property
    def is_due(self) -> bool:
        """Whether it is time to keep the state."""
        return self._kept.is_due

    async def keep_state(self, position: int, state: Arrays) -> None:
        """Keep the state before a round."""
        await asyncio.to_thread(self._kept.keep_state, position, state)

    async def keep_round(self, collected: Collected) -> None:
        """Keep a round."""
        await asyncio.to_thread(self._kept.keep_round, collected, 0.0)


class _InProcess:
    def __init__(self, run: SmallRun, deaths: Deaths, folder: Path) -> None:
        self._run = run
        loop = asyncio.get_running_loop()

        def die() -> None:
            asyncio.run_coroutine_threadsafe(self.die(keeping=True), loop).result()

        self._kept = MortalRounds(folder / "rounds", deaths, die)
        self._kept.begin()
        self._table = self._fresh()

    def seat(self, party: str) -> Exchange:
        async def exchange(phase: str, number: int, payload: Payload) -> Reply:
            return await self._table.exchange(party, phase, number, payload)

        return exchange

    async def die(self, *, keeping: bool = False) -> None:
        """Leave the table, and set another from what was kept; keeping: while it keeps a round."""
        dead = self._table
        dead.interrupt(LocalResourceError("the coordinator was killed"))
        if not keeping:
            await dead.settled()
        alive = self._fresh()
        position, state = self._kept.state()
        if state is not None:
            alive.restore(position, state)
        for each in self._kept.rounds(position, least=0):
            await alive.replay(each.collected.contributions)
        if self._table is dead:
            # Unless another death came in between.
            self._table = alive

    def _fresh(self) -> RoundTable:
        protocol = protocol_for(self._run.plan.settings.protocol)
        return RoundTable(protocol, self._run.plan, self._run.rows, keeper=Keeping(self._kept))


@asynccontextmanager
async def in_process(run: SmallRun, deaths: Deaths) -> AsyncIterator[Transport]:
    """Seat members at a round table in this process."""
    with tempfile.TemporaryDirectory() as folder:
        yield _InProcess(run, deaths, Path(folder))


TRANSPORTS: dict[str, OpenTransport] = {"in-process": in_process, "mutual TLS": mutual_tls}
