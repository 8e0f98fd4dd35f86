"""When each party was last heard from, with which software; and whom each run under way waits for.

The serving process notes it for whoever looks from another one. It is as old as the last time that it could
be written, and nothing is decided by it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import JSON, BigInteger, Column, Connection, ForeignKey, Integer, String, Table, select

from feddmf_coordinator.store.database import from_seconds, metadata, to_seconds
from feddmf_coordinator.store.runs import runs

__all__ = [
    "GONE_AFTER",
    "LONGEST_SOFTWARE",
    "Sighting",
    "Wait",
    "find_wait",
    "list_sightings",
    "list_waits",
    "put_sightings",
    "put_wait",
    "remove_wait",
]

GONE_AFTER = timedelta(seconds=150)
"""Without a call for so long a party is away: its node beats once a minute at the latest."""

LONGEST_SOFTWARE = 80

_MILLISECOND = timedelta(milliseconds=1)

sightings = Table(
    "sightings",
    metadata,
    Column("party", String(32), primary_key=True),
    Column("since", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("software", String(LONGEST_SOFTWARE), nullable=False),
)
run_waits = Table(
    "run_waits",
    metadata,
    Column("run", ForeignKey(runs.c.run), primary_key=True),
    Column("what", String(200), nullable=False),
    Column("parties", JSON, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("absent_ms", BigInteger, nullable=True),
    Column("spare", Integer, nullable=False),
)


@dataclass(frozen=True)
class Sighting:
    """A party was there from `since` to `seen_at` without a gap.

    software: as it told in Hello, "" where it has not.
    """

    party: str
    since: datetime
    seen_at: datetime
    software: str = ""

    def again(self, now: datetime) -> Sighting:
        """Return what is known once the party is heard from at `now`."""
        since = self.since if now - self.seen_at < GONE_AFTER else now
        return Sighting(self.party, since, now, self.software)


@dataclass(frozen=True)
class Wait:
    """A run waits for `what` of `parties` since then; no party: everything is there and is computed with.

    until: when the run would fail for it; absent: that it fails sooner once somebody is silent for so long,
    None where silence ends nothing; spare: how many of the parties it can do without.
    """

    run: str
    what: str
    parties: tuple[str, ...]
    since: datetime
    until: datetime
    absent: timedelta | None = None
    spare: int = 0


def put_sightings(connection: Connection, seen: Iterable[Sighting]) -> None:
    """Keep sightings in place of those of the same parties."""
    for each in seen:
        connection.execute(sightings.delete().where(sightings.c.party == each.party))
        connection.execute(
            sightings.insert().values(
                party=each.party,
                since=to_seconds(each.since),
                seen_at=to_seconds(each.seen_at),
                software=each.software,
            )
        )


def list_sightings(connection: Connection) -> dict[str, Sighting]:
    """Return the last sighting of each party that was ever heard from."""
    rows = connection.execute(select(sightings).order_by(sightings.c.party))
    return {
        row.party: Sighting(row.party, from_seconds(row.since), from_seconds(row.seen_at), row.software)
        for row in rows
    }


def put_wait(connection: Connection, wait: Wait) -> None:
    """Keep whom a run waits for in place of whom it waited for before."""
    remove_wait(connection, wait.run)
    connection.execute(
        run_waits.insert().values(
            run=wait.run,
            what=wait.what,
            parties=list(wait.parties),
            since=to_seconds(wait.since),
            until=to_seconds(wait.until),
            absent_ms=None if wait.absent is None else round(wait.absent / _MILLISECOND),
            spare=wait.spare,
        )
    )


def remove_wait(connection: Connection, run: str) -> None:
    """Note that a run waits for nobody."""
    connection.execute(run_waits.delete().where(run_waits.c.run == run))


def list_waits(connection: Connection) -> dict[str, Wait]:
    """Return for each run that waits whom it waits for."""
    rows = connection.execute(select(run_waits).order_by(run_waits.c.run))
    return {
        row.run: Wait(
            row.run,
            row.what,
            tuple(row.parties),
            from_seconds(row.since),
            from_seconds(row.until),
            None if row.absent_ms is None else row.absent_ms * _MILLISECOND,
            row.spare,
        )
        for row in rows
    }


def find_wait(connection: Connection, run: str) -> Wait | None:
    """Return whom a run waits for, if for anybody."""
    return list_waits(connection).get(run)
