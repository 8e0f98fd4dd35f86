"""What the database is told of one run, in order, without keeping the event loop waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Connection

from feddmf.errors import FedDMFError
from feddmf.payload import Payload
from feddmf.rounds import RoundRecord
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.publications import Publication, VectorShelf, add_publication, withdraw
from feddmf_coordinator.store.runs import RunState, add_round, answer_run, is_asked_to_stop, set_state

__all__ = ["Journal"]


class Journal:
    """Writes of one run; each is on disk when its call returns."""

    def __init__(self, database: Database, shelf: VectorShelf, run: str) -> None:
        self._database = database
        self._shelf = shelf
        self._run = run
        self._unwritten: list[tuple[int, RoundRecord, float]] = []

    async def enter(self, state: RunState) -> None:
        """Move the run to `state`."""
        await self._save(lambda c: set_state(c, self._run, state, now=datetime.now(UTC)))

    async def end(self, state: RunState, error: FedDMFError) -> None:
        """Move the run to its end and say why; what was published after it is withdrawn."""
        try:
            await self.write_rounds()
        finally:
            await _on_thread(lambda: self._end(state, error))

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

    def note_round(self, position: int, record: RoundRecord, seconds: float) -> None:
        """Keep a round's figures until `write_rounds`; it is called while parties wait for their replies."""
        self._unwritten.append((position, record, seconds))

    async def write_rounds(self) -> None:
        """Write the figures of the rounds that were noted."""
        if not self._unwritten:
            return
        taken, self._unwritten = self._unwritten, []

        def write(connection: Connection) -> None:
            for position, record, seconds in taken:
                add_round(connection, self._run, position, record, seconds)

        await self._save(write)

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
