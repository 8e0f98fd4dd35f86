"""A run with a quorum without a transport: when it goes on without whom, and what it says of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from feddmf.errors import PartyMissing
from feddmf.members.base import Reply
from feddmf.payload import Payload
from feddmf.plan import Plan
from feddmf_coordinator.observer import Bounds, Observer
from feddmf_coordinator.server.journal import Journal
from feddmf_coordinator.server.left import find_left
from feddmf_coordinator.server.session import Session
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.kept_rounds import KeptRounds
from feddmf_coordinator.store.publications import VectorShelf
from feddmf_coordinator.store.runs import RunState, add_run, list_rounds
from support.databases import new_database
from support.enrolment import until
from support.runs import PARTIES, run_settings, shared_catalogue

THREE = PARTIES[:3]
CATALOGUE = shared_catalogue(THREE, shared=3, own=1)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty database."""
    with new_database(tmp_path) as database:
        yield database


class Waits(Observer):
    """Remembers what a run waits for now, so that a test moves its clock only while it does."""

    now: tuple[str, tuple[str, ...]] = ("", ())

    def run_waits(self, plan: Plan, what: str, parties: tuple[str, ...], bounds: Bounds) -> None:
        """Hear of a wait that begins, or changes."""
        del plan, bounds
        self.now = what, parties


class Quorate:
    """A run of three of which two are a quorum, on a clock that the test sets."""

    def __init__(self, database: Database, folder: Path, **waits: float) -> None:
        self.database, self.folder, self.now = database, folder, 0.0
        settings = run_settings(
            THREE,
            protocol="fcf",
            fcf={"method": "adam", "rank": 2, "rounds": 2},
            waits={"quorum": 2, "quorum_s": 5, "round_s": 60, "absent_s": 20, "publish_s": 30, **waits},
        )
        with database.begin() as connection:
            digest, now = CATALOGUE.digest(), datetime.now(UTC)
            run = add_run(connection, settings, version=1, digest=digest, now=now)
        self.plan = Plan(run=run, catalogue=digest, settings=settings)
        self.waits = Waits()
        self.session = self._fresh()
        self.task = asyncio.create_task(self.session.run())

    async def join(self) -> None:
        """Let everybody accept."""
        for party in THREE:
            await self.session.answer(party, accepted=True, reason="")

    def send(self, party: str, phase: str, number: int) -> asyncio.Task[Reply]:
        """Contribute to a round."""

        async def exchange() -> Reply:
            await self.session.begun(party)
            sums = {} if phase == "close" else {"gradient": np.full((3, 2), float(len(party)))}
            payload = Payload({**sums, "loss": np.ones((1, 1))})
            return await self.session.exchange(party, phase, number, payload)

        return asyncio.create_task(exchange())

    async def round(self, phase: str, number: int, *parties: str) -> list[Reply]:
        """Let some contribute, and as much time go by as the others have."""
        sent = [self.send(party, phase, number) for party in parties]
        await self.waits_for(phase, number + 1, but=parties)
        assert not any(each.done() for each in sent)
        self.now += 5
        async with asyncio.timeout(10):
            return await asyncio.gather(*sent)

    async def waits_for(self, phase: str, number: int, *, but: tuple[str, ...]) -> None:
        """Wait until the run waits for the contributions of all `but` some to a round, counted from 1."""
        others = tuple(party for party in THREE if party not in but)
        await until(lambda: self.waits.now[1] == others and f"{phase} {number} " in f"{self.waits.now[0]} ")

    async def publish(self, party: str) -> None:
        """Publish the item that the party alone sells."""
        await self.session.publish(party, (f"{party}-000",), Payload({"vectors": np.ones((1, 2))}))

    async def come_back(self) -> None:
        """Leave the run as a process that is stopped does, and go on with another session."""
        self.session.suspend()
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        self.session = self._fresh()
        with self.database.read() as connection:
            left = find_left(connection, self.plan.run)
        await self.session.resume(left)
        self.task = asyncio.create_task(self.session.run())

    def rounds(self) -> list[tuple[str, int, list[str]]]:
        """Return of each round in the database who was counted."""
        with self.database.read() as connection:
            found = list_rounds(connection, self.plan.run)
        return [(each["phase"], each["number"], each["diagnostics"]["counted"]) for each in found]

    def _fresh(self) -> Session:
        kept = KeptRounds(self.folder / "rounds" / self.plan.run, every_s=0)
        shelf = VectorShelf(self.folder / "vectors")
        journal = Journal(self.database, shelf, kept, self.plan.run, clock=lambda: self.now)
        return Session(self.plan, CATALOGUE, journal, observer=self.waits, clock=lambda: self.now)


@asynccontextmanager
async def quorate(database: Database, folder: Path, **waits: float) -> AsyncIterator[Quorate]:
    """Serve a run for a block."""
    run = Quorate(database, folder, **waits)
    try:
        yield run
    finally:
        run.task.cancel()
        await asyncio.gather(run.task, return_exceptions=True)


def play(
    scenario: Callable[[Quorate], Awaitable[object]], database: Database, folder: Path, **waits: Any
) -> None:
    """Run a scenario."""

    async def main() -> None:
        async with quorate(database, folder, **waits) as run:
            await scenario(run)

    asyncio.run(asyncio.wait_for(main(), 30))


def test_a_run_goes_on_without_whom_it_names(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Once its quorum has waited; it says so once, and when the party is there again."""
    caplog.set_level(logging.INFO)

    async def scenario(run: Quorate) -> None:
        await run.join()
        for number in (0, 1):
            await run.round("items", number, "acme", "cargo")
        late = await run.send("bolt", "items", 0)
        assert late.next_round == ("close", 0)
        async with asyncio.timeout(10):
            await asyncio.gather(*(run.send(party, "close", 0) for party in THREE))
            for party in THREE:
                await run.publish(party)
            await run.task
        assert run.session.state is RunState.FINISHED
        two = ["acme", "cargo"]
        assert run.rounds() == [("items", 0, two), ("items", 1, two), ("close", 0, list(THREE))]

    play(scenario, database, tmp_path)
    told = [each.message for each in caplog.records if "without" in each.message or "again" in each.message]
    assert told == [
        "run small-1 goes on without bolt (not heard from for 5 s): items 1 is closed with acme and cargo",
        "run small-1: bolt takes part again",
    ]


def test_whoever_is_absent_for_long_does_not_end_a_run_that_has_its_quorum(
    database: Database, tmp_path: Path
) -> None:
    """But once too few are left, those who are gone are named."""

    async def scenario(run: Quorate) -> None:
        await run.join()
        await run.round("items", 0, "acme", "bolt")
        run.now += 21
        for party in ("acme", "bolt"):
            run.session.touch(party)
        await asyncio.sleep(0.5)
        assert not run.task.done()
        run.now += 10
        run.session.touch("acme")
        run.now += 11
        await run.task
        assert run.session.state is RunState.FAILED
        assert isinstance(run.session.failure, PartyMissing)
        assert run.session.failure.parties == ("bolt", "cargo")

    play(scenario, database, tmp_path)


def test_too_few_contributions_end_a_run_as_everybodys_would(database: Database, tmp_path: Path) -> None:
    """After the time of a round, however alive the others are."""

    async def scenario(run: Quorate) -> None:
        await run.join()
        sent = run.send("acme", "items", 0)
        await run.waits_for("items", 1, but=("acme",))
        run.now += 61
        for party in THREE:
            run.session.touch(party)
        with pytest.raises(PartyMissing, match="bolt and cargo are missing: nothing came within 60 s"):
            await sent

    play(scenario, database, tmp_path, absent_s=1000)


def test_a_publication_is_waited_for_though_its_party_is_absent(database: Database, tmp_path: Path) -> None:
    """For all of publish_s; then the run has failed, and who is missing is named."""

    async def scenario(run: Quorate) -> None:
        await run.join()
        for phase, number in (("items", 0), ("items", 1), ("close", 0)):
            await run.round(phase, number, "acme", "bolt")
        for party in ("acme", "bolt"):
            await run.publish(party)
        await until(lambda: run.session.state is RunState.PUBLISHING and run.waits.now[1] == ("cargo",))
        run.now += 25
        await asyncio.sleep(0.5)
        assert not run.task.done()
        run.now += 6
        await run.task
        assert isinstance(run.session.failure, PartyMissing)
        assert run.session.failure.message.startswith("cargo is missing: nothing came within 30 s")

    play(scenario, database, tmp_path)


def test_the_next_process_counts_who_was_counted(database: Database, tmp_path: Path) -> None:
    """And gives the last reply, the same bytes, to those who were there and to who was not."""

    async def scenario(run: Quorate) -> None:
        await run.join()
        told: list[list[Reply]] = []
        for number in (0, 1):
            told.append(await run.round("items", number, "acme", "bolt"))
            await run.come_back()
            again = await run.send("acme", "items", number)
            late = await run.send("cargo", "items", 0)
            digests = {each.payload.sha256() for each in (*told[number], again, late)}
            assert len(digests) == 1
            assert again.next_round is None
            assert late.next_round == (None if number == 0 else ("close", 0))
        assert run.rounds() == [("items", number, ["acme", "bolt"]) for number in (0, 1)]
        async with asyncio.timeout(10):
            replies = await asyncio.gather(*(run.send(party, "close", 0) for party in THREE))
        assert all(reply.done for reply in replies)

    play(scenario, database, tmp_path)
