"""Schedules: run files that are submitted again and again, and what came of the last time."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Integer,
    Row,
    String,
    Table,
    Text,
    func,
    select,
    update,
)

from feddmf.config import parse_settings
from feddmf.errors import ConfigError, InputError
from feddmf.run_ids import plain_name
from feddmf.runfile import RunSettings
from feddmf_coordinator.store.database import from_seconds, metadata, to_seconds

__all__ = [
    "Schedule",
    "add_schedule",
    "due_schedules",
    "far_schedules",
    "find_schedule",
    "hold_to_period",
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

    written: the run file, as it was kept; times: how often it was submitted; last_run: the run that came of
    it last, "" before the first; trouble: why the last time came to nothing, "" where it did not.
    """

    schedule: str
    written: str
    every: timedelta
    next_at: datetime
    times: int
    last_run: str
    trouble: str
    added_by: str

    @property
    def settings(self) -> RunSettings:
        """The run file; ConfigError where another version wrote it, and this one cannot read it."""
        where, hint = f"the run file of schedule {self.schedule}", f"feddmf run unschedule {self.schedule}"
        try:
            return parse_settings(json.loads(self.written), RunSettings, where=where)
        except ConfigError as error:
            raise ConfigError(error.message, hint=f"{hint}, and submit a mended run file") from error
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"{where} is damaged", hint=f"{hint}, and submit it again") from error

    @property
    def next_settings(self) -> RunSettings:
        """The run file of the next time: its seed is one more each time.

        Sums of two runs with one seed would show what changed in between, and parties decline the second.
        """
        settings = self.settings
        return settings.model_copy(update={"seed": (settings.seed + self.times) % 2**63})


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
    found = _find(connection, schedule)
    if found is None:
        raise InputError(f"there is no schedule {schedule!r}", hint="list them: feddmf run schedules")
    return found


def list_schedules(connection: Connection) -> tuple[Schedule, ...]:
    """Return every schedule, oldest first; one whose run file cannot be read has that as its trouble."""
    query = select(schedules).where(schedules.c.removed_at.is_(None)).order_by(schedules.c.number)
    return tuple(_with_trouble(_schedule(row)) for row in connection.execute(query))


def due_schedules(connection: Connection, now: datetime) -> tuple[str, ...]:
    """Return the ids of the schedules whose time has come, the one that waits longest first."""
    query = (
        select(schedules.c.schedule)
        .where(schedules.c.removed_at.is_(None), schedules.c.next_at <= to_seconds(now))
        .order_by(schedules.c.next_at, schedules.c.number)
    )
    return tuple(connection.scalars(query))


def far_schedules(connection: Connection, now: datetime) -> tuple[str, ...]:
    """Return the ids of the schedules that are further away than one period, as no right clock sets."""
    return tuple(connection.scalars(select(schedules.c.schedule).where(*_is_far(now))))


def hold_to_period(connection: Connection, now: datetime) -> None:
    """Bring what is further away than one period, set while the clock was ahead, to one period from now."""
    following = to_seconds(now) + schedules.c.every_s
    connection.execute(update(schedules).where(*_is_far(now)).values(next_at=following))


def next_time(at: datetime, every: timedelta, now: datetime) -> datetime:
    """Return the first time behind `now` of those that are `every` apart, one of which is `at`.

    However many have passed, one submission makes up for them.
    """
    passed = max(0, (now - at) // every)
    return at + (passed + 1) * every


def note_submission(connection: Connection, found: Schedule, run: str, *, now: datetime) -> None:
    """Note that a schedule's time has come to `run`."""
    _go_on(connection, found, now, times=found.times + 1, last_run=run, trouble="")


def note_trouble(connection: Connection, schedule: str, trouble: str, *, now: datetime) -> None:
    """Note that a schedule's time has come to nothing, and why; it is tried again at its next time.

    Of one that was removed meanwhile nothing is noted.
    """
    found = _find(connection, schedule)
    if found is not None:
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


def _is_far(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return schedules.c.removed_at.is_(None), schedules.c.next_at > to_seconds(now) + schedules.c.every_s


def _find(connection: Connection, schedule: str) -> Schedule | None:
    query = select(schedules).where(schedules.c.schedule == schedule, schedules.c.removed_at.is_(None))
    row = connection.execute(query).one_or_none()
    return None if row is None else _schedule(row)


def _with_trouble(found: Schedule) -> Schedule:
    try:
        _ = found.settings
    except ConfigError as error:
        return replace(found, trouble=error.message)
    return found


def _schedule(row: Row[Any]) -> Schedule:
    return Schedule(
        schedule=row.schedule,
        written=row.settings,
        every=timedelta(seconds=row.every_s),
        next_at=from_seconds(row.next_at),
        times=row.times,
        last_run=row.last_run,
        trouble=row.trouble,
        added_by=row.added_by,
    )
