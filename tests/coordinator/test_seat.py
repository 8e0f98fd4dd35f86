"""What a run takes of the room: all of an open round, replies of one that is over, nothing once it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from feddmf_coordinator.limits import LimitSettings
from feddmf_coordinator.server.room import Room
from feddmf_coordinator.store.database import Database
from support.databases import new_database
from support.sessions import PARTIES, ServedRun, serving


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty database."""
    with new_database(tmp_path) as database:
        yield database


async def seat(served: ServedRun) -> None:
    """Have the open round let in."""
    for party in PARTIES:
        await served.session.begun(party)
    phase = served.session.phase("align")
    await served.session.seated(phase, 0, patience_s=1)


@pytest.mark.parametrize("left", [False, True])
def test_replies_are_held_until_the_run_goes_on(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, left: bool
) -> None:
    """Also those that a coordinator which comes back has worked out again; a run that ends holds nothing."""
    room = Room()
    monkeypatch.setattr("feddmf_coordinator.server.session.Room", lambda: room)

    async def main() -> None:
        async with serving(database, tmp_path) as served:
            await served.join()
            await seat(served)
            collecting = room.held
            replies = await served.round(0)
            held = sum(each.payload.nbytes for each in replies)
            assert 0 < held <= room.held < collecting
            if left:
                await served.leave()
                assert room.held == 0
                await served.come_back()
                assert held <= room.held < collecting
            await served.round(1)
            for party in PARTIES:
                await served.publish(party)
            await served.ended()
            assert room.held == 0

    asyncio.run(main())


def test_the_limit_is_of_rounds_and_of_what_was_cut_together() -> None:
    """Every byte of it is for one of the two."""
    limits = LimitSettings(memory_mib=1)
    assert (limits.cut_bytes, limits.round_bytes) == (1 << 18, 3 << 18)
