"""Transports under test: each seats the members of a run around one round table."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from contract.mutual_tls import mutual_tls
from feddmf.members.base import Exchange, Reply
from feddmf.payload import Payload
from feddmf.protocols.registry import protocol_for
from feddmf.rounds import RoundTable
from support.runs import SmallRun

__all__ = ["TRANSPORTS", "OpenTransport", "Transport"]


class Transport(Protocol):
    """The way from members to one round table."""

    def seat(self, party: str) -> Exchange:
        """Return the exchange of `party`; what a restarted member calls again."""
        ...


# Opens a transport for a run, and closes what it opened.
OpenTransport = Callable[[SmallRun], AbstractAsyncContextManager[Transport]]


class _InProcess:
    def __init__(self, table: RoundTable) -> None:
        self._table = table

    def seat(self, party: str) -> Exchange:
        async def exchange(phase: str, number: int, payload: Payload) -> Reply:
            return await self._table.exchange(party, phase, number, payload)

        return exchange


@asynccontextmanager
async def in_process(run: SmallRun) -> AsyncIterator[Transport]:
    """Seat members at a round table in this process."""
    yield _InProcess(RoundTable(protocol_for(run.plan.settings.protocol), run.plan, run.rows))


TRANSPORTS: dict[str, OpenTransport] = {"in-process": in_process, "mutual TLS": mutual_tls}
