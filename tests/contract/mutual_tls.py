"""The transport of the product: the party's client, mutual TLS on loopback, the coordinator's service."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import shutil
import tempfile
from collections.abc import AsyncIterator, Coroutine, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from feddmf.members.base import Exchange, Reply
from feddmf.payload import Payload
from feddmf.protocols.registry import protocol_for
from feddmf_coordinator.server.calls import Calls
from feddmf_coordinator.server.federation import FederationService
from feddmf_coordinator.server.identity import Doorkeeper
from feddmf_coordinator.server.journal import Journal
from feddmf_coordinator.server.library import Library
from feddmf_coordinator.server.matching import Matchings
from feddmf_coordinator.server.renewals import RenewalDesk
from feddmf_coordinator.server.serve import listen
from feddmf_coordinator.server.session import Session
from feddmf_coordinator.server.supervisor import Supervisor
from feddmf_coordinator.server.witness import Witness
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.ledger import Receipts
from feddmf_coordinator.store.publications import VectorShelf
from feddmf_coordinator.store.runs import add_run
from feddmf_party.client.federation import FederationClient
from feddmf_party.egress import Cleared
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.settings import NodeSettings
from support.authority import EnrolledFederation, make_federation
from support.runs import SIXTEEN, SmallRun

__all__ = ["mutual_tls"]


@functools.cache
def _enrolled() -> EnrolledFederation:
    folder = tempfile.mkdtemp(prefix="feddmf-contract-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return make_federation(Path(folder), SIXTEEN)


@dataclass(frozen=True)
class _OneRun:
    """Stands in for the supervisor: the one session, which is there already."""

    served: Session

    async def session(self, run: str, party: str, *_: object) -> Session:
        assert (run, party in self.served.plan.roster) == (self.served.plan.run, True)
        return self.served


@dataclass(frozen=True)
class _Seats:
    run: SmallRun
    clients: Mapping[str, FederationClient]
    ledgers: Mapping[str, LedgerFile]

    def seat(self, party: str) -> Exchange:
        phases = {
            phase.name: phase for phase in protocol_for(self.run.plan.settings.protocol).phases(self.run.plan)
        }
        sizes = self.run.rows.sizes(party)

        async def exchange(phase: str, number: int, payload: Payload) -> Reply:
            # In the place of the gate's, whose policy is not what is tested here.
            record = self.ledgers[party].append({"event": "release", "phase": phase, "round": number})
            cleared = Cleared(self.run.plan.run, phase, number, phases[phase].contribution, payload, record)
            return await self.clients[party].exchange(
                cleared, reply=phases[phase].reply, sizes=sizes, limit_s=60
            )

        return exchange


@contextlib.asynccontextmanager
async def mutual_tls(run: SmallRun) -> AsyncIterator[_Seats]:
    """Seat members behind clients of their own, each with its party's certificate."""
    enrolled = _enrolled()
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        runs = stack.enter_context(Database.open(f"sqlite:///{folder}/runs.db"))
        certificates = stack.enter_context(enrolled.open_database())
        with runs.begin() as connection:
            settings, digest = run.plan.settings, run.plan.catalogue
            name = add_run(connection, settings, version=1, digest=digest, now=datetime.now(UTC))
        assert name == run.plan.run
        shelf = VectorShelf(folder / "vectors")
        session = Session(run.plan, run.catalogue, Journal(runs, shelf, name))
        await stack.enter_async_context(_cancelled_at_the_end(session.run()))
        for party in run.plan.roster:
            await session.answer(party, accepted=True, reason="")
        doorkeeper = Doorkeeper(enrolled.settings.federation, certificates)
        service = FederationService(
            enrolled.settings.federation,
            Calls(doorkeeper),
            Library(runs, shelf),
            cast("Supervisor", _OneRun(session)),
            matchings=Matchings(runs),
            renewals=RenewalDesk(doorkeeper, certificates),
            witness=Witness(Receipts(enrolled.folder, enrolled.settings.federation), certificates),
        )
        server = await listen(enrolled.folder, enrolled.settings, service)
        stack.push_async_callback(server.stop, None)
        clients = {
            party: await stack.enter_async_context(
                FederationClient(enrolled.parties[party], NodeSettings(reconnect_s=5))
            )
            for party in run.plan.roster
        }
        ledgers = {party: LedgerFile(enrolled.parties[party] / "ledger.jsonl") for party in run.plan.roster}
        yield _Seats(run, clients, ledgers)


@contextlib.asynccontextmanager
async def _cancelled_at_the_end(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
