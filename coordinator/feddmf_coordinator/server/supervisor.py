"""Takes submitted runs from the database, one for each party at a time, and serves them to their end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from datetime import UTC, datetime

from feddmf.errors import ConfigError, FedDMFError, InputError, LocalResourceError, RunFailed
from feddmf.waiting import set_within
from feddmf_coordinator.limits import LimitSettings
from feddmf_coordinator.observer import Observer
from feddmf_coordinator.server.calls import legible
from feddmf_coordinator.server.endings import broken, lost, stopped, stopping
from feddmf_coordinator.server.journal import Journal
from feddmf_coordinator.server.leaving import leave_at
from feddmf_coordinator.server.left import Left, find_left
from feddmf_coordinator.server.room import Room
from feddmf_coordinator.server.session import Session
from feddmf_coordinator.store.catalogues import find_catalogue
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.kept_rounds import RoundsFolder
from feddmf_coordinator.store.publications import VectorShelf, withdraw
from feddmf_coordinator.store.runs import Run, RunState, find_run, list_ids, list_kept, set_state

__all__ = ["ANY_STATE", "Supervisor"]

log = logging.getLogger(__name__)

_POLL_S = 0.25
ANY_STATE = frozenset(RunState)


class Supervisor:
    """Owns the sessions of this process."""

    def __init__(
        self,
        database: Database,
        shelf: VectorShelf,
        rounds: RoundsFolder,
        observer: Observer | None = None,
        limits: LimitSettings | None = None,
    ) -> None:
        self._observer = observer
        self._limits = limits or LimitSettings()
        self._room = Room(self._limits.round_bytes)
        self._database = database
        self._shelf = shelf
        self._rounds = rounds
        self._stopping = False
        self._sessions: dict[str, Session] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def held_bytes(self) -> int:
        """Return what rounds take of the memory that they may."""
        return self._room.held

    async def recover(self, stop: asyncio.Event) -> None:
        """Go on with the runs that an earlier process left in the middle, or leave them so at `stop`.

        A run of which something is gone has failed, and says what; one that the operator has asked to stop is
        not taken up. LocalResourceError where the disk or the database is away: no run is the worse for it.
        Call it before parties can: they ask how their run stands as soon as they are answered.
        """
        works = asyncio.create_task(self._recover()), asyncio.create_task(stop.wait())
        try:
            await asyncio.wait(works, return_when=asyncio.FIRST_COMPLETED)
            self._stopping = stop.is_set()
            if works[0].done():
                works[0].result()
        finally:
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)

    async def serve(self, stop: asyncio.Event) -> None:
        """Begin runs as they are submitted until `stop`; leave those under way then to be gone on with."""
        try:
            while not stop.is_set():
                await leave_at(stop, self._look())
                await set_within(stop, _POLL_S)
        finally:
            self._stopping = True
            for run, session in self._sessions.items():
                log.info("run %s is left in the middle, to be gone on with", run)
                session.suspend()
            tasks = tuple(self._tasks.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def session(self, run: str, party: str, states: frozenset[RunState] = ANY_STATE) -> Session:
        """Return the session of `run`, in one of `states`, for one of its parties; RunFailed says why not."""
        session = self._sessions.get(run)
        if session is None and self._stopping:
            raise stopping()
        if session is None or party not in session.plan.roster:
            raise _out_of_state(await self.find(run, party))
        if session.state in states or session.failure is not None:
            # One that has failed says so itself, before the database can.
            return session
        raise RunFailed(f"run {run} is {session.state.value}", hint="both ends must run the same version")

    async def find(self, run: str, party: str, states: frozenset[RunState] = ANY_STATE) -> Run:
        """Return a run as the database has it, to one of its parties; to others there is none.

        RunFailed, with why, where it is in none of `states`.
        """
        with contextlib.suppress(InputError):
            found = await asyncio.to_thread(self._find, run)
            if party in found.plan.roster:
                if found.state not in states:
                    raise _out_of_state(found)
                return found
        raise RunFailed(
            f"{party} has no part in a run {legible(repr(run), 60)}",
            hint="ask the operator: feddmf run list",
        )

    def waiting_for(self, party: str) -> str:
        """Return the oldest run that waits for `party`'s answer; empty without one."""
        return next((run for run, session in self._sessions.items() if session.waits_for_answer(party)), "")

    async def state_of(self, run: str, party: str, *, patience_s: float = 0.0) -> tuple[RunState, str]:
        """Return state and reason of `run` for one of its parties, who is alive in it.

        A party that has joined and waits for the others is answered when they have, or after `patience_s`.
        """
        session = self._sessions.get(run)
        if session is not None and party in session.plan.roster:
            session.touch(party)
            await session.about_to_begin(party, patience_s)
            session.touch(party)
            return session.state, "" if session.failure is None else session.failure.message
        found = await self.find(run, party)
        return found.state, found.reason

    async def _look(self) -> None:
        for ready in await self._ready():
            await self._begin(ready)

    def _find(self, run: str) -> Run:
        with self._database.read() as connection:
            return find_run(connection, run)

    async def _ready(self) -> list[Run]:
        try:
            return await asyncio.to_thread(self._waiting, dict(self._sessions))
        except FedDMFError as error:
            # A disk that is full or a database that is away: what runs goes on, what waits waits.
            log.error("cannot look for runs that wait: %s", error.message)  # noqa: TRY400  (no traceback)
            return []

    def _waiting(self, sessions: Mapping[str, Session]) -> list[Run]:
        """Return submitted runs whose parties are all free, oldest first; end what nobody serves.

        `sessions` are those from before the look: one that ends meanwhile has written its own end.
        """
        with self._database.read() as connection:
            left = set(list_ids(connection, *RunState.under_way())) - set(sessions)
            submitted = list_ids(connection, RunState.SUBMITTED)
        for name in left:
            # Its session could not write its own end.
            self._end(name, RunState.FAILED, broken())
        busy = {party for session in sessions.values() for party in session.plan.roster}
        ready: list[Run] = []
        for name in submitted:
            try:
                run = self._find(name)
            except ConfigError as error:
                self._end(name, RunState.FAILED, error)
                continue
            if run.stop_asked:
                self._end(run.run, RunState.STOPPED, stopped())
                continue
            if busy.isdisjoint(run.plan.roster) and len(sessions) + len(ready) < self._limits.runs:
                ready.append(run)
            # Also where it has to wait: a later run must not overtake it with one of its parties.
            busy.update(run.plan.roster)
        return ready

    async def _begin(self, run: Run) -> None:
        try:
            session = await asyncio.to_thread(self._made, run)
        except LocalResourceError as error:
            # As above: it stays submitted.
            log.error("run %s begins later: %s", run.run, error.message)  # noqa: TRY400  (no traceback)
            return
        if session is not None:
            self._serve_session(run.run, session)

    def _made(self, run: Run) -> Session | None:
        """Return a session for a run that begins; None where it cannot, and has ended."""
        session: Session | None = None
        try:
            session = self._make_session(run)
            session.require_space(self._rounds.path)
        except Exception as error:
            # What cannot be read now may be later; a disk that is too small for the run is so for good.
            if session is None and isinstance(error, LocalResourceError):
                raise
            # Whatever it is, the other runs go on.
            self._refuse(run.run, error)
            return None
        return session

    def _refuse(self, run: str, error: Exception) -> None:
        log.error("cannot begin run %s", run, exc_info=error)
        self._end(run, RunState.FAILED, error if isinstance(error, FedDMFError) else broken())

    def _serve_session(self, run: str, session: Session) -> None:
        self._sessions[run] = session
        task = asyncio.create_task(session.run())
        self._tasks[run] = task
        task.add_done_callback(lambda done: self._ended(run, done))

    async def _recover(self) -> None:
        left = await asyncio.to_thread(self._left)
        sessions = {run: await self._resumed(run) for run in left}
        for run, session in sessions.items():
            if session is not None:
                self._serve_session(run, session)

    def _left(self) -> tuple[str, ...]:
        with self._database.read() as connection:
            left, kept = list_ids(connection, *RunState.under_way()), list_kept(connection)
        self._rounds.check_home(kept)
        self._rounds.keep_only(left)
        return left

    def _find_left(self, run: str) -> Left:
        with self._database.read() as connection:
            return find_left(connection, run)

    async def _resumed(self, run: str) -> Session | None:
        """Return a session that goes on with a run; None where it cannot, and has ended."""
        try:
            found = await asyncio.to_thread(self._find, run)
            if found.stop_asked:
                await asyncio.to_thread(self._end, run, RunState.STOPPED, stopped())
                return None
            session = await asyncio.to_thread(self._make_session, found)
            await session.resume(await asyncio.to_thread(self._find_left, run))
        except LocalResourceError:
            raise
        except RunFailed as error:
            await asyncio.to_thread(self._end, run, RunState.FAILED, error)
            return None
        except Exception as error:
            if isinstance(error, FedDMFError):
                failure = lost(error.message, error.hint)
            else:
                log.exception("cannot go on with run %s", run)
                failure = broken()
            await asyncio.to_thread(self._end, run, RunState.FAILED, failure, damaged=True)
            return None
        return session

    def _make_session(self, run: Run) -> Session:
        with self._database.read() as connection:
            catalogue = find_catalogue(connection, run.catalogue_version)
        journal = Journal(self._database, self._shelf, self._rounds.of(run.run), run.run)
        return Session(run.plan, catalogue, journal, observer=self._observer, room=self._room)

    def _ended(self, run: str, task: asyncio.Task[None]) -> None:
        del self._tasks[run], self._sessions[run]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("run %s broke this coordinator", run, exc_info=error)

    def _end(self, run: str, state: RunState, error: FedDMFError, *, damaged: bool = False) -> None:
        with self._database.begin() as connection:
            set_state(connection, run, state, now=datetime.now(UTC), reason=error.message, hint=error.hint)
            withdraw(connection, run)
        self._shelf.remove(run)
        kept = self._rounds.of(run)
        if damaged:
            kept.set_aside()
        else:
            kept.remove()
        log.warning("run %s %s: %s", run, state.value, error.message)


def _out_of_state(found: Run) -> RunFailed:
    return RunFailed(found.reason or f"run {found.run} is {found.state.value}", hint=found.hint)
