"""Takes submitted runs from the database, one for each party at a time, and serves them to their end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import UTC, datetime

from feddmf.errors import FedDMFError, RunFailed
from feddmf_coordinator.server.presence import Presence
from feddmf_coordinator.server.session import Session
from feddmf_coordinator.store.catalogues import find_catalogue
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.publications import VectorShelf
from feddmf_coordinator.store.runs import Run, RunState, find_run, list_runs, set_state

__all__ = ["Supervisor"]

log = logging.getLogger(__name__)

_POLL_S = 0.5


class Supervisor:
    """Owns the sessions of this process."""

    def __init__(self, database: Database, shelf: VectorShelf, presence: Presence) -> None:
        self._database = database
        self._shelf = shelf
        self._presence = presence
        self._sessions: dict[str, Session] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def serve(self, stop: asyncio.Event) -> None:
        """Begin runs as they are submitted until `stop`; then end those under way."""
        self._fail_interrupted()
        try:
            while not stop.is_set():
                for run in self._waiting():
                    self._begin(run)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), _POLL_S)
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def session(self, run: str, party: str) -> Session:
        """Return the session of `run` for one of its parties; RunFailed where this process has none."""
        session = self._sessions.get(run)
        if session is None or party not in session.plan.roster:
            raise RunFailed(f"{party} has no part in a run {run!r}", hint="list runs: feddmf run list")
        return session

    def waiting_for(self, party: str) -> str:
        """Return the oldest run that waits for `party`'s answer; empty without one."""
        return next((run for run, session in self._sessions.items() if session.waits_for_answer(party)), "")

    def state_of(self, run: str, party: str) -> tuple[RunState, str]:
        """Return state and reason of `run` for one of its parties, from memory or the database."""
        session = self._sessions.get(run)
        if session is not None and party in session.plan.roster:
            return session.state, "" if session.failure is None else session.failure.message
        with self._database.read() as connection:
            found = find_run(connection, run)
        if party not in found.plan.roster:
            raise RunFailed(f"{party} has no part in a run {run!r}", hint="list runs: feddmf run list")
        return found.state, found.reason

    def _waiting(self) -> list[Run]:
        """Return submitted runs whose parties are all free, oldest first."""
        with self._database.read() as connection:
            submitted = list_runs(connection, RunState.SUBMITTED)
        busy = {party for session in self._sessions.values() for party in session.plan.roster}
        ready = []
        for run in submitted:
            if run.stop_asked:
                self._end(run.run, RunState.STOPPED, RunFailed("the operator stopped the run"))
            elif busy.isdisjoint(run.plan.roster):
                ready.append(run)
            busy.update(run.plan.roster)
        return ready

    def _begin(self, run: Run) -> None:
        try:
            with self._database.read() as connection:
                catalogue = find_catalogue(connection, run.catalogue_version)
            session = Session(run.plan, catalogue, self._database, self._shelf, self._presence)
        except FedDMFError as error:
            self._end(run.run, RunState.FAILED, error)
            return
        self._sessions[run.run] = session
        task = asyncio.create_task(session.run())
        self._tasks[run.run] = task
        task.add_done_callback(lambda done: self._ended(run.run, done))

    def _ended(self, run: str, task: asyncio.Task[None]) -> None:
        del self._tasks[run], self._sessions[run]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("run %s broke this coordinator", run, exc_info=error)
            self._end(run, RunState.FAILED, RunFailed("an internal error of the coordinator; see its log"))

    def _fail_interrupted(self) -> None:
        """Say of runs that an earlier process left in the middle that they have failed."""
        with self._database.read() as connection:
            left = list_runs(connection, RunState.GATHERING, RunState.RUNNING, RunState.PUBLISHING)
        for run in left:
            ended = RunFailed("the coordinator ended in the middle of the run", hint="submit the run again")
            self._end(run.run, RunState.FAILED, ended)

    def _end(self, run: str, state: RunState, error: FedDMFError) -> None:
        with self._database.begin() as connection:
            set_state(connection, run, state, now=datetime.now(UTC), reason=error.message, hint=error.hint)
        log.warning("run %s %s: %s", run, state.value, error.message)
