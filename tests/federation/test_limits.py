"""What a coordinator takes on at once: rounds take turns for memory, runs wait, and the disk is looked at."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from feddmf import free_space
from feddmf.errors import LocalResourceError
from feddmf_coordinator.server import supervisor
from feddmf_coordinator.server.room import Room
from feddmf_coordinator.store.runs import RunState
from support.damage import edit
from support.enrolment import until
from support.federation import founded, live, quick_run, served
from support.runs import small_run

PAIRS = (("acme", "bolt"), ("cargo", "delta"))


class Watched(Room):
    """Room for no round at all, so that each is let in alone; keeps the most that was in it at once."""

    def __init__(self, _: int) -> None:
        super().__init__(1)
        self.most = 0

    async def take(self, run: str, nbytes: int) -> None:
        """Count who is in."""
        await super().take(run, nbytes)
        self.most = max(self.most, len(self._seated))


def test_rounds_of_two_runs_take_turns_where_memory_is_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One round at a time is in memory, nobody is refused, and both runs end as they would alone."""
    rooms: list[Watched] = []

    def make(nbytes: int) -> Room:
        rooms.append(Watched(nbytes))
        return rooms[-1]

    monkeypatch.setattr(supervisor, "Room", make)

    async def main() -> None:
        async with live(tmp_path, small_run(4)) as federation:
            (room,) = rooms
            await room.take("another run", 1)
            runs = [federation.submit(quick_run(pair)) for pair in PAIRS]
            nodes = asyncio.create_task(federation.nodes(*PAIRS[0], *PAIRS[1]))
            await until(lambda: all(map(room.waits, runs)), within_s=30)
            room.leave("another run")
            assert set((await nodes).values()) == {None}
            assert [federation.run(run).state for run in runs] == [RunState.FINISHED] * 2

    asyncio.run(main())
    (room,) = rooms
    assert (room.most, room.held) == (1, 0)


def test_runs_beyond_the_limit_wait_for_their_turn(tmp_path: Path) -> None:
    """With one at once, the second begins when the first has ended."""

    async def main() -> None:
        small = small_run(4)
        enrolled = founded(tmp_path, small)
        settings = enrolled.folder.settings_file
        edit(settings, "[limits]", "[limits]\nruns = 1")
        async with served(enrolled, small) as federation:
            first, second = (federation.submit(quick_run(pair)) for pair in PAIRS)
            await until(lambda: federation.run(first).state is RunState.GATHERING)
            await asyncio.sleep(0.6)
            assert federation.run(second).state is RunState.SUBMITTED
            ended = await federation.nodes(*PAIRS[0], *PAIRS[1])
            assert set(ended.values()) == {None}
            assert federation.run(second).state is RunState.FINISHED

    asyncio.run(main())


def test_a_disk_without_room_for_a_run_ends_it_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the coordinator the run fails with both figures; nobody is asked to join it."""
    monkeypatch.setattr(free_space, "free_bytes", lambda _: 1_000)

    async def main() -> None:
        async with live(tmp_path) as federation:
            run = federation.submit(quick_run(("acme", "bolt")))
            found = await federation.ended(run)
            assert found.state is RunState.FAILED
            assert found.reason.startswith(f"run {run} may need ")
            assert found.reason.endswith(", which has 1.0 kB left")

    asyncio.run(main())


def test_a_party_without_room_for_a_run_declines_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own people see both figures; the operator is told the kind."""
    full = tmp_path / "acme"
    monkeypatch.setattr(free_space, "free_bytes", lambda path: 1_000 if path == full else 1 << 40)

    async def main() -> None:
        async with live(tmp_path) as federation:
            run = federation.submit(quick_run(("acme", "bolt")))
            error = await federation.node("acme")
            assert isinstance(error, LocalResourceError)
            assert error.message.endswith(", which has 1.0 kB left")
            found = await federation.ended(run)
            assert found.reason == "acme declines the run: LocalResourceError (at acme)"

    asyncio.run(main())
