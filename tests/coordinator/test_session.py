"""One run without a transport: who is waited for, for how long, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from feddmf.errors import PartyMissing, RunFailed
from feddmf.payload import Payload
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.publications import list_publications
from feddmf_coordinator.store.runs import Run, RunState, ask_to_stop, list_rounds
from support.databases import new_database
from support.sessions import PARTIES, serving


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty database."""
    with new_database(tmp_path) as database:
        yield database


def test_a_run_goes_from_gathering_to_finished(database: Database, tmp_path: Path) -> None:
    """Each state is written, and each round's figures in order."""

    async def main() -> None:
        async with serving(database, tmp_path) as table:
            assert table.session.waits_for_answer("acme")
            await table.join()
            assert not table.session.waits_for_answer("acme")
            for place in (0, 1):
                replies = await asyncio.gather(*(table.exchange(party, place) for party in PARTIES))
                assert [reply.done for reply in replies] == [place == 1] * 2
            for party in PARTIES:
                await table.session.publish(
                    party, (f"own-{party[0]}",), Payload({"vectors": np.ones((1, 2))})
                )
            assert (await table.ended()).state is RunState.FINISHED
            with database.read() as connection:
                rounds = list_rounds(connection, table.run.run)
                published = list_publications(connection)
            assert [(each["position"], each["phase"]) for each in rounds] == [(0, "align"), (1, "close")]
            assert [each.items for each in published] == [(("own-a", "A"),), (("own-b", "B"),)]

    asyncio.run(main())


def test_a_contribution_waits_until_everybody_has_joined(database: Database, tmp_path: Path) -> None:
    """Nothing is taken from a party before it is known with whom it shares the run."""

    async def main() -> None:
        async with serving(database, tmp_path) as table:
            await table.session.answer("acme", accepted=True, reason="")
            early = asyncio.create_task(table.session.begun("acme"))
            with pytest.raises(RunFailed, match="bolt has not joined run r-1"):
                await table.session.begun("bolt")
            await asyncio.sleep(0.05)
            assert not early.done()
            await table.session.answer("bolt", accepted=True, reason="")
            async with asyncio.timeout(10):
                await early
            assert table.session.state is RunState.RUNNING

    asyncio.run(main())


@pytest.mark.parametrize(
    ("silent", "reason"),
    [
        (
            True,
            "bolt is missing: not heard from for 58 s; the run waits for its contribution to align 1 of 1",
        ),
        (False, "bolt is missing: nothing came within 100 s; the run waits for its contribution to align 1"),
    ],
)
def test_a_party_is_missing_when_it_is_silent_or_idle(
    database: Database, tmp_path: Path, reason: str, *, silent: bool
) -> None:
    """Without a sign of life it is missed first; one that beats and sends nothing has the whole round."""

    async def main() -> None:
        async with serving(database, tmp_path, absent_s=30, round_s=100) as table:
            await table.join()
            await table.session.begun("acme")
            waiting = asyncio.create_task(table.exchange("acme", 0))
            for _ in range(4):
                await asyncio.sleep(0.3)
                assert not table.task.done()
                table.now += 29
                if not silent:
                    table.session.touch("bolt")
                elif table.now > 30:
                    break
            found = await table.ended()
            assert found.reason.startswith(reason)
            with pytest.raises(PartyMissing, match="bolt is missing") as caught:
                await waiting
            assert caught.value.parties == ("bolt",)
            assert caught.value.hint == found.hint

    asyncio.run(main())


def test_a_party_that_says_no_later_leaves_the_run(database: Database, tmp_path: Path) -> None:
    """Its first answer stands until then, and a second yes changes nothing."""

    async def main() -> None:
        async with serving(database, tmp_path) as table:
            await table.join()
            await table.session.answer("bolt", accepted=True, reason="")
            waiting = asyncio.create_task(table.exchange("acme", 0))
            await asyncio.sleep(0)
            await table.session.answer("bolt", accepted=False, reason="RunFailed (at bolt)")
            with pytest.raises(RunFailed, match=r"bolt leaves the run: RunFailed \(at bolt\)"):
                await waiting
            assert (await table.ended()).reason == "bolt leaves the run: RunFailed (at bolt)"
            await table.session.answer("acme", accepted=False, reason="too late")
            assert table.run.reason == "bolt leaves the run: RunFailed (at bolt)"

    asyncio.run(main())


def test_a_party_that_has_published_cannot_take_the_run_down(database: Database, tmp_path: Path) -> None:
    """What it has published is all that the run still wanted of it."""

    async def main() -> None:
        async with serving(database, tmp_path, publish_s=8) as table:
            await table.join()
            for place in (0, 1):
                await asyncio.gather(*(table.exchange(party, place) for party in PARTIES))
            await table.session.publish("bolt", (), Payload({"vectors": np.ones((0, 2))}))
            await table.session.answer("bolt", accepted=False, reason="done")
            table.session.touch("acme")
            table.now += 9
            found = await table.ended()
            assert found.reason.startswith("acme is missing: nothing came within 8 s")
            assert found.reason.endswith("the run waits for its publication")
            with database.read() as connection:
                assert list_publications(connection) == ()

    asyncio.run(main())


def test_who_has_joined_hears_of_the_beginning_at_once(database: Database, tmp_path: Path) -> None:
    """It is held until the last party joins, or until its patience ends; who has not joined is not held."""

    async def main() -> None:
        async with serving(database, tmp_path) as table:
            session = table.session
            await session.answer("acme", accepted=True, reason="")
            await session.about_to_begin("acme", 0.0)
            await session.about_to_begin("bolt", 1e9)
            assert session.state is RunState.GATHERING
            held = asyncio.create_task(session.about_to_begin("acme", 1e9))
            await asyncio.sleep(0)
            assert not held.done()
            await session.answer("bolt", accepted=True, reason="")
            await held
            assert session.state is RunState.RUNNING
            await session.about_to_begin("acme", 1e9)

    asyncio.run(main())


def test_a_stop_ends_a_run_and_a_shutdown_leaves_it(database: Database, tmp_path: Path) -> None:
    """The operator's stop is not a failure; the end of the process is no end of the run."""

    async def stopped() -> Run:
        async with serving(database, tmp_path) as table:
            with database.begin() as connection:
                ask_to_stop(connection, table.run.run)
            table.now += 1
            return await table.ended()

    async def shut_down() -> Run:
        async with serving(database, tmp_path) as table:
            await table.join()
            await table.session.begun("acme")
            table.task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await table.task
            return table.run

    first, second = asyncio.run(stopped()), asyncio.run(shut_down())
    assert (first.state, first.reason) == (RunState.STOPPED, "the operator stopped the run")
    assert (second.state, second.reason, second.ended_at) == (RunState.RUNNING, "", None)
