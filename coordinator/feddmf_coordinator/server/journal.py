"""What is written of one run, in order, without keeping the event loop waiting: database, files of rounds."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Connection

from feddmf.errors import FedDMFError, LocalResourceError
from feddmf.payload import Payload
from feddmf.protocols.base import Arrays
from feddmf.round_keeping import Collected
from feddmf.rounds import RoundRecord
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.kept_rounds import KeptRounds
from feddmf_coordinator.store.publications import Publication, VectorShelf, add_publication, withdraw
from feddmf_coordinator.store.runs import RunState, add_round, answer_run, is_asked_to_stop, set_state

__all__ = ["Journal"]

log = logging.getLogger(__name__)


class Journal:
    """Writes of one run; each is on disk when its call returns. The round table's keeper of rounds."""

    def __init__(
        self,
        database: Database,
        shelf: VectorShelf,
        kept: KeptRounds,
        run: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._shelf = shelf
        self.kept = kept
        self._run = run
        self._clock = clock
        self._round_began = clock()
        self._unwritten: list[tuple[int, RoundRecord, float]] = []
        self._writing = asyncio.Lock()

    async def enter(self, state: RunState) -> None:
        """Move the run to `state`; one that has finished needs what was kept of its rounds no more."""
        if state is RunState.RUNNING:
            await _on_thread(self.kept.begin)
        await self._save(lambda c: set_state(c, self._run, state, now=datetime.now(UTC)))
        if state.ended:
            await self._forget_rounds()

    async def end(self, state: RunState, error: FedDMFError) -> None:
        """Move the run to its end and say why; what was published after it is withdrawn."""
        try:
            await self.write_rounds()
        finally:
            await _on_thread(lambda: self._end(state, error))
        await self._forget_rounds()

    async def answer(self, party: str, *, accepted: bool, reason: str) -> None:
        """Note a party's answer."""
        await self._save(lambda c: answer_run(c, self._run, party, accepted=accepted, reason=reason))

    async def publish(
        self, party: str, items: tuple[tuple[str, str], ...], payload: Payload, *, expires_ms: int = 0
    ) -> None:
        """Keep what a party publishes: (key, label) of each row, the vectors, and when it ends."""

        def publish() -> None:
            digest = self._shelf.put(self._run, party, payload)
            with self._database.begin() as connection:
                publication = Publication(self._run, party, items, digest, expires_ms)
                add_publication(connection, publication, now=datetime.now(UTC))

        await _on_thread(publish)

    def begin_round(self) -> None:
        """Note that parties are waited for from now on."""
        self._round_began = self._clock()

    @property
    def is_due(self) -> bool:
        """Whether it is time to keep the state of the protocol."""
        return self.kept.is_due

    async def keep_state(self, position: int, state: Arrays) -> None:
        """Keep the state before the round at `position`; a disk that refuses has the rounds all the same."""
        try:
            # The rounds that are forgotten with it cannot tell their figures again.
            await self.write_rounds()
            await _on_thread(lambda: self.kept.keep_state(position, state))
        except LocalResourceError as error:
            log.warning("run %s: its state is kept later: %s", self._run, error.message)

    async def keep_round(self, collected: Collected) -> None:
        """Keep a round's contributions; raises LocalResourceError where the disk refuses."""
        seconds = self._clock() - self._round_began
        await _on_thread(lambda: self.kept.keep_round(collected, seconds))

    def note_round(self, position: int, record: RoundRecord, *, seconds: float | None = None) -> float:
        """Keep a round's figures until `write_rounds`; it is called while parties wait for their replies.

        seconds: how long it took, where it was not the last one of this process. Return how long it took.
        """
        took = self._clock() - self._round_began if seconds is None else seconds
        self._unwritten.append((position, record, took))
        self.begin_round()
        return took

    async def write_rounds(self) -> None:
        """Write the figures of the rounds that were noted; LocalResourceError leaves them to be written."""
        async with self._writing:
            taken = tuple(self._unwritten)
            if not taken:
                return

            def write(connection: Connection) -> None:
                for position, record, seconds in taken:
                    add_round(connection, self._run, position, record, seconds)

            await self._save(write)
            del self._unwritten[: len(taken)]

    async def stop_asked(self) -> bool:
        """Return whether the operator has asked for the end of the run."""

        def look() -> bool:
            with self._database.read() as connection:
                return is_asked_to_stop(connection, self._run)

        return await asyncio.to_thread(look)

    def _end(self, state: RunState, error: FedDMFError) -> None:
        with self._database.begin() as connection:
            set_state(
                connection, self._run, state, now=datetime.now(UTC), reason=error.message, hint=error.hint
            )
            withdraw(connection, self._run)
        self._shelf.remove(self._run)

    async def _forget_rounds(self) -> None:
        try:
            await _on_thread(self.kept.remove)
        except LocalResourceError as error:
            # The next start of the coordinator removes what is left of runs that have ended.
            log.warning("run %s: %s", self._run, error.message)

    async def _save(self, write: Callable[[Connection], None]) -> None:
        def save() -> None:
            with self._database.begin() as connection:
                write(connection)

        await _on_thread(save)


async def _on_thread(function: Callable[[], None]) -> None:
    """Call `function` on a thread, and see it through when cancelled: what is written next comes after."""
    task = asyncio.ensure_future(asyncio.to_thread(function))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
