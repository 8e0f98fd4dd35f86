"""Schedules: run files that are submitted again and again, and what came of the last time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Integer, Row, String, Table, Text, func, select, update

from feddmf.config import parse_settings
from feddmf.errors import InputError
from feddmf.run_ids import plain_name
from feddmf.runfile import RunSettings
from feddmf_coordinator.store.database import from_seconds, metadata, to_seconds

__all__ = [
    "Schedule",
    "add_schedule",
    "due_schedules",
    "find_schedule",
    "list_schedules",
    "next_time",
    "note_submission",
    "note_trouble",
    "remove_schedule",
]

schedules = Table(
    "schedules",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("schedule", String(120), nullable=False, unique=True),
    Column("settings", Text, nullable=False),
    Column("every_s", BigInteger, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("times", Integer, nullable=False),
    Column("last_run", String(120), nullable=False, default=""),
    Column("trouble", Text, nullable=False, default=""),
    Column("added_by", String(32), nullable=False),
    Column("added_at", BigInteger, nullable=False),
    Column("removed_at", BigInteger),
)


@dataclass(frozen=True)
class Schedule:
    """A run file and when it is submitted next.

    times: how often it was; last_run: the run that came of it last, "" before the first; trouble: why the
    last time came to nothing, "" where it did not.
    """

    schedule: str
    settings: RunSettings
    every: timedelta
    next_at: datetime
    times: int
    last_run: str
    trouble: str
    added_by: str

    @property
    def next_settings(self) -> RunSettings:
        """The run file of the next time: its seed is one more each time.

        Sums of two runs with one seed would show what changed in between, and parties decline the second.
        """
        seed = (self.settings.seed + self.times) % 2**63
        return self.settings.model_copy(update={"seed": seed})


def add_schedule(
    connection: Connection, settings: RunSettings, every: timedelta, *, by: str, now: datetime
) -> str:
    """Add a schedule whose first time is now; return its id, the run file's name in plain letters."""
    number = (connection.scalar(select(func.max(schedules.c.number))) or 0) + 1
    name = f"every-{plain_name(settings.name)}-{number}"
    connection.execute(
        schedules.insert().values(
            number=number,
            schedule=name,
            settings=settings.model_dump_json(),
            every_s=int(every.total_seconds()),
            next_at=to_seconds(now),
            times=0,
            added_by=by,
            added_at=to_seconds(now),
        )
    )
    return name


def find_schedule(connection: Connection, schedule: str) -> Schedule:
    """Return a schedule; InputError where there is none of that id."""
    query = select(schedules).where(schedules.c.schedule == schedule, schedules.c.removed_at.is_(None))
    row = connection.execute(query).one_or_none()
    if row is None:
        raise InputError(f"there is no schedule {schedule!r}", hint="list them: feddmf run schedules")
    return _schedule(row)


def list_schedules(connection: Connection) -> tuple[Schedule, ...]:
    """Return every schedule, oldest first."""
    query = select(schedules).where(schedules.c.removed_at.is_(None)).order_by(schedules.c.number)
    return tuple(_schedule(row) for row in connection.execute(query))


def due_schedules(connection: Connection, now: datetime) -> tuple[str, ...]:
    """Return the ids of the schedules whose time has come, the one that waits longest first."""
    query = (
        select(schedules.c.schedule)
        .where(schedules.c.removed_at.is_(None), schedules.c.next_at <= to_seconds(now))
        .order_by(schedules.c.next_at, schedules.c.number)
    )
    return tuple(connection.scalars(query))


def next_time(at: datetime, every: timedelta, now: datetime) -> datetime:
    """Return the first time behind `now` of those that are `every` apart, one of which is `at`.

    However many have passed, one submission makes up for them.
    """
    passed = max(0, (now - at) // every)
    return at + (passed + 1) * every


def note_submission(connection: Connection, found: Schedule, run: str, *, now: datetime) -> None:
    """Note that a schedule's time has come to `run`."""
    _go_on(connection, found, now, times=found.times + 1, last_run=run, trouble="")


def note_trouble(connection: Connection, found: Schedule, trouble: str, *, now: datetime) -> None:
    """Note that a schedule's time has come to nothing, and why; it is tried again at its next time."""
    _go_on(connection, found, now, trouble=trouble)


def remove_schedule(connection: Connection, schedule: str, *, now: datetime) -> None:
    """Submit nothing by a schedule any more; InputError where there is none of that id."""
    find_schedule(connection, schedule)
    connection.execute(
        update(schedules).where(schedules.c.schedule == schedule).values(removed_at=to_seconds(now))
    )


def _go_on(connection: Connection, found: Schedule, now: datetime, **values: Any) -> None:
    following = to_seconds(next_time(found.next_at, found.every, now))
    connection.execute(
        update(schedules).where(schedules.c.schedule == found.schedule).values(next_at=following, **values)
    )


def _schedule(row: Row[Any]) -> Schedule:
    where = f"the run file of schedule {row.schedule}"
    return Schedule(
        schedule=row.schedule,
        settings=parse_settings(json.loads(row.settings), RunSettings, where=where),
        every=timedelta(seconds=row.every_s),
        next_at=from_seconds(row.next_at),
        times=row.times,
        last_run=row.last_run,
        trouble=row.trouble,
        added_by=row.added_by,
    )
