"""A run that one process of the coordinator left, and another goes on with."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection

from feddmf.errors import InputError, LocalResourceError, RunFailed
from feddmf.payload import Payload
from feddmf.rounds import RoundTable
from feddmf_coordinator.server import journal
from feddmf_coordinator.server import session as sessions
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.kept_rounds import KeptRounds
from feddmf_coordinator.store.publications import list_publications
from feddmf_coordinator.store.runs import RunState, answer_run, list_rounds
from support.databases import new_database
from support.sessions import PARTIES, ServedRun, serving

Step = Callable[[ServedRun], Awaitable[object]]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty database."""
    with new_database(tmp_path) as database:
        yield database


async def _first_round(served: ServedRun) -> None:
    await served.join()
    await served.round(0)


async def _both_rounds(served: ServedRun) -> None:
    await _first_round(served)
    await served.round(1)


async def _published_by_one(served: ServedRun) -> None:
    await _both_rounds(served)
    await served.publish("bolt")


# What happens to a run, step by step; a process may end between any two.
STEPS: tuple[Step, ...] = (
    lambda served: served.session.answer("acme", accepted=True, reason=""),
    lambda served: served.session.answer("bolt", accepted=True, reason=""),
    lambda served: served.round(0),
    lambda served: served.round(1),
    lambda served: served.publish("bolt"),
    lambda served: served.publish("acme"),
)


def test_a_run_that_is_left_between_any_two_steps_ends_the_same(database: Database, tmp_path: Path) -> None:
    """Rounds, answers and publications of all processes are there once, and nothing is kept at the end."""

    async def main() -> None:
        async with serving(database, tmp_path) as served:
            for step in STEPS:
                await step(served)
                if not served.run.state.ended:
                    await served.leave()
                    await served.come_back()
            assert (await served.ended()).state is RunState.FINISHED
            with database.read() as connection:
                rounds = list_rounds(connection, served.run.run)
                published = list_publications(connection)
        assert [(each["position"], each["phase"]) for each in rounds] == [(0, "align"), (1, "close")]
        assert all(each["bytes_up"] > 0 and each["seconds"] >= 0 for each in rounds)
        assert [each.party for each in published] == list(PARTIES)
        assert not served.rounds.exists()

    asyncio.run(main())


def test_who_lost_the_last_reply_gets_it_from_the_next_process(database: Database, tmp_path: Path) -> None:
    """The same bytes, also in a run that publishes already."""

    async def main() -> None:
        async with serving(database, tmp_path) as served:
            await served.join()
            for place in (0, 1):
                told = await served.round(place)
                await served.leave()
                await served.come_back()
                again = await served.exchange("bolt", place)
                assert again.payload.sha256() == told[1].payload.sha256()
                assert again.done == told[1].done == (place == 1)

    asyncio.run(main())


def test_a_party_that_waits_is_told_to_come_again(database: Database, tmp_path: Path) -> None:
    """Whatever it waits for when the process is stopped, and whatever it asks for then."""

    async def main() -> None:
        async with serving(database, tmp_path) as served:
            await served.session.answer("acme", accepted=True, reason="")
            early = asyncio.create_task(served.session.begun("acme"))
            await asyncio.sleep(0)
            await served.leave()
            with pytest.raises(LocalResourceError, match="being stopped; the run goes on"):
                await early
            await served.come_back()
            await served.session.answer("bolt", accepted=True, reason="")
            await served.session.begun("acme")
            waiting = asyncio.create_task(served.exchange("acme", 0))
            await asyncio.sleep(0)
            await served.leave()
            for asked in (waiting, served.exchange("bolt", 0), served.publish("bolt")):
                with pytest.raises(LocalResourceError, match="being stopped"):
                    await asked
            assert served.run.state is RunState.RUNNING

    asyncio.run(main())


@pytest.mark.parametrize(
    ("before", "damage", "message"),
    [
        (_first_round, lambda file: file.unlink(), "rounds/r-1/round-000000.checked is missing"),
        (_first_round, lambda file: file.write_bytes(b"torn"), "round-000000.checked is damaged"),
        (_both_rounds, lambda file: file.unlink(), "rounds/r-1/round-000000.checked is missing"),
        (_published_by_one, lambda file: file.write_bytes(b""), "round-000000.checked is damaged"),
    ],
)
def test_what_is_gone_or_damaged_is_named(
    database: Database,
    tmp_path: Path,
    before: Step,
    damage: Callable[[Path], object],
    message: str,
) -> None:
    """The run cannot be gone on with, and the error names the file, without the way to it."""

    async def main() -> None:
        async with serving(database, tmp_path) as served:
            await before(served)
            await asyncio.sleep(0.3)  # the figures of the rounds are written
            await served.leave()
            damage(served.rounds / "round-000000.checked")
            with pytest.raises(InputError, match=message) as caught:
                await served.come_back()
            assert str(tmp_path) not in caught.value.message

    asyncio.run(main())


def test_a_run_whose_folder_is_gone_is_not_begun_anew(database: Database, tmp_path: Path) -> None:
    """Also where no round was over: what its parties have sent may be lost."""

    async def main() -> None:
        async with serving(database, tmp_path) as served:
            await served.join()
            await served.session.begun("acme")
            await served.leave()
            served.rounds.rmdir()
            with pytest.raises(RunFailed, match="cannot go on with the run: rounds/r-1 is missing"):
                await served.come_back()

    asyncio.run(main())


def test_a_no_that_was_written_and_not_acted_on_ends_the_run(database: Database, tmp_path: Path) -> None:
    """The process died between the two."""

    async def main() -> None:
        async with serving(database, tmp_path) as served:
            await served.join()
            await served.session.begun("acme")
            await served.leave()
            with database.begin() as connection:
                answer_run(connection, served.run.run, "bolt", accepted=False, reason="no room")
            with pytest.raises(RunFailed, match="bolt leaves the run: no room"):
                await served.come_back()

    asyncio.run(main())


def test_a_full_disk_holds_a_round_up_and_loses_nothing(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits is told so; once there is room the run goes on, and ends."""
    keep_round, room = KeptRounds.keep_round, itertools.count()

    def keep(kept: KeptRounds, *arguments: object) -> None:
        if next(room) < 2:
            raise LocalResourceError("no space left")
        keep_round(kept, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(KeptRounds, "keep_round", keep)

    async def main() -> None:
        async with serving(database, tmp_path) as served:
            await served.join()
            for _ in range(2):
                told = await asyncio.gather(
                    *(served.exchange(party, 0) for party in PARTIES), return_exceptions=True
                )
                assert {type(each) for each in told} == {LocalResourceError}
            await served.round(0)
            await served.round(1)
            for party in PARTIES:
                await served.publish(party)
            assert (await served.ended()).state is RunState.FINISHED

    asyncio.run(main())


def test_a_disk_that_stays_full_ends_the_run_with_its_reason(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within the time that a round may take."""

    def full(*_: object) -> None:
        raise LocalResourceError("cannot write there: no space left", hint="free space")

    monkeypatch.setattr(KeptRounds, "keep_round", full)

    async def main() -> None:
        async with serving(database, tmp_path, round_s=100) as served:
            await served.join()
            await served.session.begun("acme")
            await asyncio.gather(*(served.exchange(party, 0) for party in PARTIES), return_exceptions=True)
            served.now += 101
            for party in PARTIES:
                served.session.touch(party)
            found = await served.ended()
            assert found.reason == (
                "the coordinator could not keep a round for 100 s: cannot write there: no space left"
            )
            assert found.hint == "free space"

    asyncio.run(main())


def test_a_silence_before_the_coordinator_came_back_is_nobodys(database: Database, tmp_path: Path) -> None:
    """Everybody has the whole time from then on."""

    async def main() -> None:
        async with serving(database, tmp_path, absent_s=30, round_s=100) as served:
            await served.join()
            await served.leave()
            served.now += 1_000
            await served.come_back()
            await asyncio.sleep(0)
            served.now += 20
            await asyncio.sleep(0.3)
            assert not served.task.done()
            served.now += 11
            found = await served.ended()
            assert found.reason.startswith("acme and bolt are missing: not heard from for 31 s")

    asyncio.run(main())


def test_other_bytes_than_those_published_are_refused_by_the_next_process(
    database: Database, tmp_path: Path
) -> None:
    """What the first one took stands; the same bytes are taken again."""

    async def main() -> None:
        async with serving(database, tmp_path) as served:
            await _published_by_one(served)
            await served.leave()
            await served.come_back()
            await served.publish("bolt")
            other = Payload({"vectors": np.zeros((1, 2), np.float32)})
            with pytest.raises(RunFailed, match="bolt has published other vectors"):
                await served.session.publish("bolt", ("own-b",), other)

    asyncio.run(main())


def test_figures_whose_writing_was_not_heard_of_are_there_once(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database took them, and the line was cut before it said so."""
    add, added = journal.add_round, [0]
    begin, lost = Database.begin, [0]

    def counted(*arguments: Any) -> None:
        added[0] += 1
        add(*arguments)

    @contextmanager
    def cut(self: Database) -> Iterator[Connection]:
        before = added[0]
        with begin(self) as connection:
            yield connection
        if added[0] > before and not lost[0]:
            lost[0] = added[0]
            raise LocalResourceError("server closed the connection unexpectedly")

    monkeypatch.setattr(journal, "add_round", counted)
    monkeypatch.setattr(Database, "begin", cut)

    async def main() -> None:
        async with serving(database, tmp_path) as served:
            await _both_rounds(served)
            for party in PARTIES:
                await served.publish(party)
            assert (await served.ended()).state is RunState.FINISHED
            with database.read() as connection:
                assert [each["position"] for each in list_rounds(connection, served.run.run)] == [0, 1]
        assert 0 < lost[0] < added[0]

    asyncio.run(main())


def test_a_process_that_is_stopped_does_not_wait_for_a_round_that_is_combined(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody was answered; the next process combines what was kept of it, and answers."""
    monkeypatch.setattr(sessions, "_COMPUTING_S", 0.05)
    combine, entered, over = RoundTable._outcome, threading.Event(), threading.Event()

    def slow(table: RoundTable, *arguments: Any) -> Any:
        entered.set()
        over.wait(60)
        return combine(table, *arguments)

    async def main() -> None:
        async with serving(database, tmp_path) as served:
            await served.join()
            with monkeypatch.context() as patch:
                patch.setattr(RoundTable, "_outcome", slow)
                both = asyncio.create_task(served.round(0))
                await asyncio.to_thread(entered.wait, 10)
                try:
                    async with asyncio.timeout(10):
                        await served.leave()
                finally:
                    over.set()
                with pytest.raises(LocalResourceError, match="being stopped"):
                    await both
            await served.come_back()
            assert served.session._table.position == 1
            await served.round(0)

    asyncio.run(main())
