"""One run of two parties at the coordinator without a transport: it can be left, and gone on with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from feddmf.catalogue.table import parse_catalogue
from feddmf.members.base import Reply
from feddmf.payload import Payload
from feddmf.plan import Plan
from feddmf.runfile import RunSettings
from feddmf_coordinator.server.journal import Journal
from feddmf_coordinator.server.left import find_left
from feddmf_coordinator.server.session import Session
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.kept_rounds import KeptRounds
from feddmf_coordinator.store.publications import VectorShelf
from feddmf_coordinator.store.runs import Run, add_run, find_run

__all__ = ["CATALOGUE", "CATALOGUE_CSV", "PARTIES", "ServedRun", "serving"]

CATALOGUE_CSV = (
    "key,label,local_id:acme,local_id:bolt\n"
    + "".join(f"m{number},M,a{number},b{number}\n" for number in range(4))
    + "own-a,A,a9,\nown-b,B,,b9\n"
)
CATALOGUE = parse_catalogue(CATALOGUE_CSV, version=1, where="catalogue.csv")
PARTIES = ("acme", "bolt")


class ServedRun:
    """A session under way, and the database and the files that it writes to."""

    def __init__(self, database: Database, folder: Path, plan: Plan) -> None:
        self.database = database
        self.now = 0.0
        self.rounds = folder / "rounds" / plan.run
        self._plan = plan
        self._shelf = VectorShelf(folder / "vectors")
        self.session = self._fresh()
        self.task = asyncio.create_task(self.session.run())

    @property
    def run(self) -> Run:
        """The run as the database has it."""
        with self.database.read() as connection:
            return find_run(connection, self._plan.run)

    async def join(self) -> None:
        """Let both parties accept."""
        for party in PARTIES:
            await self.session.answer(party, accepted=True, reason="")

    async def exchange(self, party: str, place: int) -> Reply:
        """Contribute to one of the two rounds, one of `align`, then `close`, once the run has begun."""
        await self.session.begun(party)
        vectors = np.random.default_rng([place, len(party), *party.encode()]).random((4, 2), np.float32)
        payload = Payload({"vectors": vectors, "loss": np.zeros((1, 1), np.float32)})
        return await self.session.exchange(party, ("align", "close")[place], 0, payload)

    async def round(self, place: int) -> list[Reply]:
        """Let both parties contribute to a round."""
        return await asyncio.gather(*(self.exchange(party, place) for party in PARTIES))

    async def publish(self, party: str) -> None:
        """Publish the item that the party alone sells."""
        vectors = Payload({"vectors": np.full((1, 2), len(party), np.float32)})
        await self.session.publish(party, (f"own-{party[0]}",), vectors)

    async def ended(self) -> Run:
        """Wait for the end of the session."""
        async with asyncio.timeout(10):
            await self.task
        return self.run

    async def leave(self) -> None:
        """End the session as a process that is stopped does."""
        self.session.suspend()
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def come_back(self) -> None:
        """Go on with another session, as the next process does; raises why it cannot."""
        session = self._fresh()
        with self.database.read() as connection:
            left = find_left(connection, self._plan.run)
        await session.resume(left)
        self.session, self.task = session, asyncio.create_task(session.run())

    def _fresh(self) -> Session:
        journal = Journal(self.database, self._shelf, KeptRounds(self.rounds, every_s=60), self._plan.run)
        return Session(self._plan, CATALOGUE, journal, clock=lambda: self.now)


@asynccontextmanager
async def serving(database: Database, folder: Path, **waits: float) -> AsyncIterator[ServedRun]:
    """Submit a run and serve it for a block."""
    sections: dict[str, Any] = {
        "model": {"embedding_dim": 2},
        "training": {"epochs": 1},
        "alignment": {"syncs_per_epoch": 1, "probe_share": 0},
        "enforcement": {"not_following": "report"},
        "waits": {"join_s": 10, "round_s": 10, "absent_s": 10, "publish_s": 10, **waits},
    }
    settings = RunSettings.model_validate(
        {"name": "r", "purpose": "p", "parties": PARTIES, "recipe": "embedding", **sections}
    )
    with database.begin() as connection:
        digest = CATALOGUE.digest()
        run = add_run(connection, settings, version=1, digest=digest, now=datetime.now(UTC))
    served = ServedRun(database, folder, Plan(run=run, catalogue=digest, settings=settings))
    try:
        yield served
    finally:
        served.task.cancel()
        await asyncio.gather(served.task, return_exceptions=True)
