"""Who leaves does not wait for threads that hang."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from faults.standing import COORDINATOR
from feddmf_coordinator.server import supervisor
from feddmf_coordinator.server.leaving import closed_within, leave_at
from feddmf_coordinator.store.kept_rounds import RoundsFolder
from feddmf_coordinator.store.ledger import Receipts
from feddmf_coordinator.store.publications import VectorShelf
from support.databases import new_database
from support.federation import founded, quick_run, submit
from support.processes import started
from support.runs import small_run


@pytest.fixture
def never() -> Iterator[threading.Event]:
    """What a thread waits for that hangs; it comes once the test is over."""
    never = threading.Event()
    yield never
    never.set()


async def _on_thread(function: Callable[[], object]) -> None:
    await asyncio.to_thread(function)


def test_work_that_hangs_is_left_at_stop(never: threading.Event) -> None:
    """Not before; what has ended tells how."""

    async def main() -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(leave_at(stop, _on_thread(never.wait)))
        await asyncio.sleep(0.1)
        assert not task.done()
        stop.set()
        async with asyncio.timeout(20):
            await task
        with pytest.raises(ZeroDivisionError):
            await leave_at(asyncio.Event(), _on_thread(lambda: 1 // 0))
        never.set()

    asyncio.run(main())


def test_threads_that_hang_are_told_of(never: threading.Event) -> None:
    """Work that has ended, and left a thread behind that hangs, or one that ends."""

    async def main(work: Callable[[], object]) -> bool:
        asyncio.get_running_loop().run_in_executor(None, work)
        found = await closed_within(20, asyncio.create_task(asyncio.sleep(0)))
        never.set()
        return found

    assert not asyncio.run(main(never.wait))
    assert asyncio.run(main(int))


def test_work_that_goes_on_is_told_of() -> None:
    """It is left to who asked."""

    async def main() -> None:
        work = asyncio.create_task(asyncio.sleep(60))
        assert not await closed_within(0.05, work)
        assert not work.done()
        work.cancel()

    asyncio.run(main())


def test_a_supervisor_whose_database_hangs_ends(
    tmp_path: Path, never: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks for runs while it is stopped."""
    looked = threading.Event()

    def hang(*_: object) -> tuple[()]:
        looked.set()
        never.wait()
        return ()

    monkeypatch.setattr(supervisor, "list_ids", hang)

    async def main() -> None:
        stop = asyncio.Event()
        served = supervisor.Supervisor(database, VectorShelf(tmp_path / "v"), RoundsFolder(tmp_path / "r"))
        task = asyncio.create_task(served.serve(stop))
        assert await asyncio.to_thread(looked.wait, 20)
        stop.set()
        async with asyncio.timeout(20):
            await task
        never.set()

    with new_database(tmp_path) as database:
        asyncio.run(main())


@pytest.mark.timeout(120)
def test_a_process_whose_database_hangs_ends_at_a_signal(tmp_path: Path) -> None:
    """A session, and what keeps the ledger's length, are in the middle of writes that wait for somebody."""
    enrolled = founded(tmp_path, small_run(2))
    folder = enrolled.folder
    submit(enrolled, quick_run(tuple(enrolled.parties)))
    Receipts(folder, enrolled.settings.federation).note_restored(datetime.now(UTC))
    with (
        enrolled.open_database() as database,
        database.begin(),
        started(tmp_path, COORDINATOR, COORDINATOR, "start", "--folder", str(folder.path)) as serving,
    ):
        serving.until("is served at")
        time.sleep(1)
        assert serving.terminate(within_s=8) == 0
    assert "threads that do not end are left behind" in serving.said
    assert "Traceback" not in serving.said
