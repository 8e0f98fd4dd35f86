"""The transport of the product: the party's client, mutual TLS on loopback, the coordinator's service."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from contract.mortal import Deaths, MortalRounds
from feddmf.members.base import Exchange, Reply
from feddmf.payload import Payload
from feddmf.protocols.registry import protocol_for
from feddmf_coordinator.server.calls import Calls
from feddmf_coordinator.server.federation import FederationService
from feddmf_coordinator.server.health import Health
from feddmf_coordinator.server.identity import Doorkeeper
from feddmf_coordinator.server.journal import Journal
from feddmf_coordinator.server.left import find_left
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
from support.databases import new_database
from support.runs import SIXTEEN, SmallRun

__all__ = ["mutual_tls"]


@functools.cache
def _enrolled() -> EnrolledFederation:
    folder = tempfile.mkdtemp(prefix="feddmf-contract-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return make_federation(Path(folder), SIXTEEN)


class _OneRun:
    """Stands in for the supervisor: the one session, which is there already, or comes back after a death."""

    def __init__(self, run: SmallRun, database: Database, folder: Path, deaths: Deaths) -> None:
        self._run, self._database, self._folder, self._deaths = run, database, folder, deaths
        self._loop = asyncio.get_running_loop()
        self.served, self._task = self._begin(self._fresh())

    async def session(self, run: str, party: str, *_: object) -> Session:
        assert (run, party in self.served.plan.roster) == (self.served.plan.run, True)
        return self.served

    async def die(self, *, keeping: bool = False) -> None:
        """Leave the session, and begin another from what was kept; keeping: while it keeps a round."""
        dead = self.served
        dead.suspend()
        self._task.cancel()
        if not keeping:
            await asyncio.gather(self._task, return_exceptions=True)
        alive = self._fresh()
        with self._database.read() as connection:
            left = find_left(connection, self._run.plan.run)
        await alive.resume(left)
        if self.served is dead:
            # Unless another death came in between.
            self.served, self._task = self._begin(alive)

    async def end(self) -> None:
        """End the session."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def _fresh(self) -> Session:
        def die() -> None:
            asyncio.run_coroutine_threadsafe(self.die(keeping=True), self._loop).result()

        run = self._run.plan.run
        kept = MortalRounds(self._folder / "rounds" / run, self._deaths, die)
        journal = Journal(self._database, VectorShelf(self._folder / "vectors"), kept, run)
        return Session(self._run.plan, self._run.catalogue, journal)

    def _begin(self, session: Session) -> tuple[Session, asyncio.Task[None]]:
        return session, asyncio.create_task(session.run())


@dataclass(frozen=True)
class _Seats:
    run: SmallRun
    coordinator: _OneRun
    clients: Mapping[str, FederationClient]
    ledgers: Mapping[str, LedgerFile]

    async def die(self) -> None:
        await self.coordinator.die()

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
async def mutual_tls(run: SmallRun, deaths: Deaths) -> AsyncIterator[_Seats]:
    """Seat members behind clients of their own, each with its party's certificate."""
    enrolled = _enrolled()
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        runs = stack.enter_context(new_database(folder))
        certificates = stack.enter_context(enrolled.open_database())
        with runs.begin() as connection:
            settings, digest = run.plan.settings, run.plan.catalogue
            name = add_run(connection, settings, version=1, digest=digest, now=datetime.now(UTC))
        assert name == run.plan.run
        coordinator = _OneRun(run, runs, folder, deaths)
        stack.push_async_callback(coordinator.end)
        for party in run.plan.roster:
            await coordinator.served.answer(party, accepted=True, reason="")
        doorkeeper = Doorkeeper(enrolled.settings.federation, certificates)
        calls = Calls(doorkeeper)
        service = FederationService(
            enrolled.settings.federation,
            calls,
            Library(runs, VectorShelf(folder / "vectors")),
            cast("Supervisor", coordinator),
            matchings=Matchings(runs),
            renewals=RenewalDesk(doorkeeper, certificates),
            witness=Witness(Receipts(enrolled.folder, enrolled.settings.federation), certificates),
        )
        health = Health(calls, asyncio.Event())
        server = await listen(enrolled.folder, enrolled.settings, service, health)
        stack.push_async_callback(server.stop, None)
        clients = {
            party: await stack.enter_async_context(
                FederationClient(enrolled.parties[party], NodeSettings(reconnect_s=5))
            )
            for party in run.plan.roster
        }
        ledgers = {party: LedgerFile(enrolled.parties[party] / "ledger.jsonl") for party in run.plan.roster}
        yield _Seats(run, coordinator, clients, ledgers)
