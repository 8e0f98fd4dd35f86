"""What the serving process keeps for whoever looks from another one: who is there, whom runs wait for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from feddmf.errors import FedDMFError, LocalResourceError
from feddmf.plan import Plan
from feddmf.waiting import set_within
from feddmf_coordinator.observer import Bounds, Observer
from feddmf_coordinator.server.identity import utc_now
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.runs import RunState
from feddmf_coordinator.store.sightings import (
    Sighting,
    Wait,
    list_sightings,
    put_sightings,
    put_wait,
    remove_wait,
)

__all__ = ["Notes"]

log = logging.getLogger(__name__)

_EVERY_S = 2.0
# A party that goes on calling is written again so often.
_STEP = timedelta(seconds=15)
# And one that a run waits for, of the time after which it counts as missing.
_WITHIN_ABSENT = 4


class Notes(Observer):
    """Remembers what it is told, and writes now and then what has changed."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._database, self._clock = database, clock
        with database.read() as connection:
            self._written = list_sightings(connection)
        self._seen = dict(self._written)
        self._waits: dict[str, Wait] = {}
        self._changed: set[str] = set()

    def call_admitted(self, party: str, method: str) -> None:  # noqa: ARG002  (any call is a sign of life)
        """Note that a party was heard from."""
        now = self._clock()
        known = self._seen.get(party)
        self._seen[party] = Sighting(party, now, now) if known is None else known.again(now)

    def party_greeted(self, party: str, software: str) -> None:
        """Note which software a party says that it runs."""
        self._seen[party] = replace(self._seen[party], software=software)

    def run_waits(self, plan: Plan, what: str, parties: tuple[str, ...], bounds: Bounds) -> None:
        """Note whom a run waits for; the wait began when its first party was waited for."""
        now, known = self._clock(), self._waits.get(plan.run)
        since = known.since if known is not None and known.what == what else now
        until = now + timedelta(seconds=bounds.left_s)
        absent = None if bounds.absent_s is None else timedelta(seconds=bounds.absent_s)
        self._waits[plan.run] = Wait(plan.run, what, parties, since, until, absent, bounds.spare)
        self._changed.add(plan.run)

    def run_entered(self, plan: Plan, state: RunState, error: FedDMFError | None = None) -> None:  # noqa: ARG002
        """Note that a run that has ended waits for nobody."""
        if state.ended:
            self._waits.pop(plan.run, None)
            self._changed.add(plan.run)

    async def keep(self, stop: asyncio.Event) -> None:
        """Write again and again until `stop` is set."""
        while not stop.is_set():
            await set_within(stop, _EVERY_S)
            await self.write()

    async def write(self) -> None:
        """Write what has changed; what a database refuses is written with the next."""
        seen = [
            each
            for party, each in self._seen.items()
            if _is_news(each, self._written.get(party), self._step_of(party))
        ]
        runs, self._changed = self._changed, set()
        waits = {run: self._waits.get(run) for run in runs}
        if not (seen or waits):
            return
        try:
            await asyncio.to_thread(self._write, seen, waits)
        except LocalResourceError as error:
            self._changed |= runs
            log.warning("who is there is written later: %s", error.message)
            return
        self._written.update({each.party: each for each in seen})

    def _step_of(self, party: str) -> timedelta:
        waits = (each for each in self._waits.values() if party in each.parties)
        return min((each.absent / _WITHIN_ABSENT for each in waits if each.absent is not None), default=_STEP)

    def _write(self, seen: list[Sighting], waits: dict[str, Wait | None]) -> None:
        with self._database.begin() as connection:
            put_sightings(connection, seen)
            for run, wait in waits.items():
                if wait is None:
                    remove_wait(connection, run)
                else:
                    put_wait(connection, wait)


def _is_news(each: Sighting, written: Sighting | None, step: timedelta) -> bool:
    if written is None or (each.since, each.software) != (written.since, written.software):
        return True
    return each.seen_at - written.seen_at >= step
