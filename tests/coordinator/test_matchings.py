"""What the coordinator keeps of matchings: that they were, for ever; the points for a week at most."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feddmf.errors import InputError, PartyMissing, RunFailed
from feddmf.matching import Blinding, Step
from feddmf.payload import Payload
from feddmf_coordinator.server.matching import Matchings
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.matchings import KEPT, MatchingId, Sent, add_step, find_sent, forget_points
from support.authority import make_federation
from support.databases import new_database

NOW = datetime(2025, 1, 1, tzinfo=UTC)
ACME, BOLT = MatchingId("acme", "bolt", 0), MatchingId("bolt", "acme", 0)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Return a database without a catalogue."""
    with new_database(tmp_path) as made:
        yield made


def keep(database: Database, matching: MatchingId, step: int, points: bytes, *, now: datetime = NOW) -> None:
    """Keep 32 bytes an item."""
    with database.begin() as connection:
        add_step(connection, matching, step, points, items=len(points) // 32, now=now)


def kept(database: Database, matching: MatchingId, step: int = 1) -> Sent | None:
    """Return what is kept of a step."""
    with database.read() as connection:
        return find_sent(connection, matching, step)


def test_a_pair_is_the_same_from_either_side(database: Database) -> None:
    """And a step belongs to the party that sent it."""
    assert ACME.pair == BOLT.pair
    assert (ACME.of_peer, BOLT.of_peer) == (BOLT, ACME)
    keep(database, ACME, Step.HIDE, b"a" * 64)
    sent = kept(database, ACME)
    assert sent is not None
    assert (sent.items, sent.points) == (2, b"a" * 64)
    assert kept(database, BOLT) is None


def test_points_go_when_they_were_taken_or_are_old_and_the_record_stays(database: Database) -> None:
    """So what was matched once stays matched, and nothing lies around."""
    keep(database, ACME, Step.HIDE, b"a" * 32)
    with database.begin() as connection:
        forget_points(connection, ACME)
    sent = kept(database, ACME)
    assert sent is not None
    assert (sent.items, sent.points) == (1, None)
    keep(database, ACME, Step.HIDE, b"a" * 32)
    later = NOW + KEPT + timedelta(seconds=1)
    keep(database, MatchingId("cargo", "delta", 0), Step.HIDE, b"c" * 32, now=later)
    sent = kept(database, ACME)
    assert sent is not None
    assert sent.points is None
    keep(database, BOLT, Step.HIDE, b"b" * 32, now=later)
    with pytest.raises(RunFailed, match="acme has sent other points to its matching with bolt"):
        keep(database, ACME, Step.HIDE, b"x" * 32, now=later)


@pytest.mark.parametrize(("step", "version"), [(0, 0), (3, 0), (4, 0), (1, 1), (1, 2**32 - 1)])
def test_what_cannot_be_is_refused(database: Database, step: int, version: int) -> None:
    """A step that there is not, a version that was never published."""
    with pytest.raises(InputError, match="cannot be"):
        keep(database, MatchingId("acme", "bolt", version), step, b"a" * 32)


def test_points_that_are_gone_are_said_to_be(tmp_path: Path) -> None:
    """A party that comes after a week, or asks for what it has taken, is told; nobody waits for nothing."""
    points = Payload({"points": Blinding().hide(["a", "b"], b"").points})

    async def main() -> None:
        with make_federation(tmp_path).open_database() as database:
            matchings = Matchings(database)
            with pytest.raises(PartyMissing) as caught:
                await matchings.exchange(ACME, Step.HIDE, points, wait_s=0)
            assert caught.value.parties == ("bolt",)
            waiting = asyncio.create_task(matchings.exchange(ACME, Step.HIDE, points, wait_s=10))
            there = await matchings.exchange(BOLT, Step.HIDE, points, wait_s=10)
            assert (await waiting).sha256() == there.sha256() == points.sha256()
            await matchings.taken(ACME)
            with pytest.raises(RunFailed, match="the points of bolt have been delivered"):
                await matchings.exchange(ACME, Step.HIDE, points, wait_s=0)

    asyncio.run(main())
