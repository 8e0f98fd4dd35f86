"""Submits the runs of schedules when their time has come; a time that was missed is made up for once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Connection

from feddmf.errors import FedDMFError, LocalResourceError
from feddmf.waiting import set_within
from feddmf_coordinator.limits import LimitSettings
from feddmf_coordinator.operating import SCHEDULES
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.operators import note
from feddmf_coordinator.store.runs import find_run
from feddmf_coordinator.store.schedules import (
    due_schedules,
    far_schedules,
    find_schedule,
    hold_to_period,
    note_submission,
    note_trouble,
)
from feddmf_coordinator.submitting import submit_run

__all__ = ["Scheduler"]

log = logging.getLogger(__name__)

_POLL_S = 5.0


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Scheduler:
    """Looks for schedules whose time has come, again and again."""

    def __init__(
        self, database: Database, limits: LimitSettings, *, clock: Callable[[], datetime] = _utc_now
    ) -> None:
        self._database, self._limits, self._clock = database, limits, clock

    async def serve(self, stop: asyncio.Event) -> None:
        """Submit what is due until `stop` is set."""
        while not stop.is_set():
            try:
                await asyncio.to_thread(self.submit_due)
            except FedDMFError as error:
                # A disk that is full or a database that is away: what is due now is due at the next look.
                log.error("cannot look at schedules: %s", error.message)  # noqa: TRY400  (no traceback)
            await set_within(stop, _POLL_S)

    def submit_due(self) -> tuple[str, ...]:
        """Submit each schedule that is due, unless its last run is under way still; return the new runs."""
        now = self._clock()
        with self._database.read() as connection:
            due, far = due_schedules(connection, now), far_schedules(connection, now)
        if far:
            log.warning("the clock was ahead; one period from now comes schedule %s", ", ".join(far))
            with self._database.begin() as connection:
                hold_to_period(connection, now)
        return tuple(run for schedule in due if (run := self._submit(schedule, now)))

    def _submit(self, schedule: str, now: datetime) -> str:
        try:
            with self._database.begin() as connection:
                return _submitted(connection, schedule, self._limits, now)
        except LocalResourceError:
            raise
        except FedDMFError as error:
            log.warning("schedule %s submits nothing this time: %s", schedule, error.message)
            with self._database.begin() as connection:
                note_trouble(connection, schedule, error.message, now=now)
            return ""


def _submitted(connection: Connection, schedule: str, limits: LimitSettings, now: datetime) -> str:
    """Submit a schedule's next run in one transaction with the log; "" while its last one is under way."""
    found = find_schedule(connection, schedule)
    if found.last_run and not find_run(connection, found.last_run).state.ended:
        return ""
    run = submit_run(connection, found.next_settings, limits, now=now).run
    note_submission(connection, found, run, now=now)
    note(connection, SCHEDULES, "run submit", {"schedule": schedule, "run": run}, now=now)
    log.info("schedule %s submits run %s", schedule, run)
    return run
