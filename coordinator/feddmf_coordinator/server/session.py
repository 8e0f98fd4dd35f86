"""One run from gathering to its end: bounded waits that name who is missing, and the round table."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime

from feddmf.catalogue.table import Catalogue
from feddmf.errors import FedDMFError, Misconduct, PartyMissing, RunFailed
from feddmf.payload import Axis, Payload, PayloadSchema
from feddmf.plan import Plan, matched_rows
from feddmf.protocols.registry import protocol_for
from feddmf.rounds import RoundRecord, RoundTable
from feddmf_coordinator.server.presence import Presence
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.publications import Publication, VectorShelf, add_publication
from feddmf_coordinator.store.runs import RunState, add_round, answer_run, find_run, set_state

__all__ = ["Session"]

log = logging.getLogger(__name__)

_TICK_S = 0.2
_STOP_POLL_S = 1.0


class Session:
    """A run that this process serves; `run` takes it to its end and never raises a user's error."""

    def __init__(
        self, plan: Plan, catalogue: Catalogue, database: Database, shelf: VectorShelf, presence: Presence
    ) -> None:
        self.plan = plan
        self.state = RunState.GATHERING
        self.failure: FedDMFError | None = None
        self._catalogue = catalogue
        self._database = database
        self._shelf = shelf
        self._presence = presence
        self._protocol = protocol_for(plan.settings.protocol)
        self._rows = matched_rows(catalogue, plan)
        self._table = RoundTable(self._protocol, plan, self._rows, on_round=self._note_round)
        self._accepted: set[str] = set()
        self._declined: dict[str, str] = {}
        self._published: set[str] = set()
        self._offerable = {party: set(catalogue.view(party).exclusive(plan.roster)) for party in plan.roster}
        self._rounds_done = 0
        self._round_began = self._stop_looked = time.monotonic()
        self._rounds_over = asyncio.Event()

    def table_for(self, party: str) -> RoundTable:
        """Return the round table, for a party that has joined; RunFailed for anybody else."""
        if party not in self._accepted:
            raise RunFailed(f"{party} has not joined run {self.plan.run}", hint="join it first")
        return self._table

    @property
    def publication_schema(self) -> PayloadSchema:
        """What a publication of this run holds."""
        return self._protocol.publication(self.plan)

    def waits_for_answer(self, party: str) -> bool:
        """Tell whether the run waits for `party` to accept or decline."""
        undecided = party not in self._accepted and party not in self._declined
        return self.state is RunState.GATHERING and party in self.plan.roster and undecided

    def sizes(self, party: str) -> dict[Axis, int]:
        """Return the row counts of `party`'s payloads."""
        return self._rows.sizes(party)

    def answer(self, party: str, *, accepted: bool, reason: str) -> None:
        """Take in a party's answer."""
        if self.waits_for_answer(party):
            with self._database.begin() as connection:
                answer_run(connection, self.plan.run, party, accepted=accepted, reason=reason)
            if accepted:
                self._accepted.add(party)
            else:
                self._declined[party] = reason
            log.info("%s %s run %s %s", party, "joins" if accepted else "declines", self.plan.run, reason)

    def blame(self, error: Misconduct) -> None:
        """End the run because of what a party sent."""
        self._table.fail(error)

    def check_offer(self, party: str, keys: tuple[str, ...]) -> None:
        """Raise Misconduct unless each key is an exclusive item of `party`, once."""
        stranger = next((key for key in keys if key not in self._offerable[party]), None)
        if stranger is not None or len(set(keys)) < len(keys):
            raise Misconduct(
                party,
                f"{party} publishes {stranger!r}, which is not an item of its own alone"
                if stranger is not None
                else f"{party} publishes an item twice",
                hint="mend its offer file: feddmf attributes offer",
            )

    async def publish(self, party: str, keys: tuple[str, ...], payload: Payload) -> None:
        """Keep what `party` publishes; only after a run whose rounds have held."""
        await self._rounds_over.wait()
        if self.state is not RunState.PUBLISHING:
            raise RunFailed(f"run {self.plan.run} is {self.state.value}; nothing is published now")
        items = tuple((key, self._catalogue.labels[key]) for key in keys)
        publication = Publication(self.plan.run, party, items, self._shelf.put(payload))
        with self._database.begin() as connection:
            add_publication(connection, publication, now=datetime.now(UTC))
        self._published.add(party)
        log.info("%s publishes %d item vectors after run %s", party, len(keys), self.plan.run)

    async def run(self) -> None:
        """Gather, train, publish; end as finished, failed or stopped."""
        try:
            self._enter(RunState.GATHERING)
            await self._wait(
                "answer to the run", self._unanswered, self.plan.settings.waits.join_s, absent=False
            )
            self._round_began = time.monotonic()
            self._enter(RunState.RUNNING)
            await self._train()
            self._enter(RunState.PUBLISHING)
            self._rounds_over.set()
            await self._wait("publication", self._unpublished, self.plan.settings.waits.publish_s)
            self._enter(RunState.FINISHED)
        except FedDMFError as error:
            self._end(RunState.FAILED, error)
        except _Stopped:
            self._end(RunState.STOPPED, RunFailed("the operator stopped the run"))
        except asyncio.CancelledError:
            self._end(RunState.FAILED, _shut_down())
            raise

    async def _train(self) -> None:
        """Wait for round after round; each has its own bound."""
        while not self._table.finished.is_set():
            position = self._rounds_done
            phase, number = self._table.current

            def missing(position: int = position) -> tuple[str, ...]:
                return self._table.missing if self._rounds_done == position else ()

            what = f"contribution to {phase.name} {number + 1} of {phase.rounds}"
            await self._wait(what, missing, self.plan.settings.waits.round_s)
        if self._table.failure is not None:
            raise self._table.failure

    async def _wait(
        self, what: str, missing: Callable[[], tuple[str, ...]], limit_s: float, *, absent: bool = True
    ) -> None:
        """Wait until nobody is missing; PartyMissing names who is, once a bound has passed."""
        began = time.monotonic()
        while names := missing():
            now = time.monotonic()
            if self._declined:
                party, reason = next(iter(self._declined.items()))
                raise RunFailed(
                    f"{party} declines the run: {reason}", hint=f"settle it with {party}; submit again"
                )
            gone = [
                name for name in names if self._presence.silence(name) > self.plan.settings.waits.absent_s
            ]
            if absent and gone:
                silence = max(self._presence.silence(name) for name in gone)
                raise _missing(gone, f"not heard from for {silence:.0f} s", what)
            if now - began > limit_s:
                raise _missing(list(names), f"nothing came within {limit_s:g} s", what)
            self._check_stop(now)
            await asyncio.sleep(_TICK_S)

    def _unanswered(self) -> tuple[str, ...]:
        return tuple(party for party in self.plan.roster if party not in self._accepted)

    def _unpublished(self) -> tuple[str, ...]:
        return tuple(party for party in self.plan.roster if party not in self._published)

    def _check_stop(self, now: float) -> None:
        if now - self._stop_looked < _STOP_POLL_S:
            return
        self._stop_looked = now
        with self._database.read() as connection:
            if find_run(connection, self.plan.run).stop_asked:
                raise _Stopped

    def _enter(self, state: RunState) -> None:
        self.state = state
        with self._database.begin() as connection:
            set_state(connection, self.plan.run, state, now=datetime.now(UTC))
        log.info("run %s is %s", self.plan.run, state.value)

    def _end(self, state: RunState, error: FedDMFError) -> None:
        self.state, self.failure = state, error
        self._table.fail(error)
        self._rounds_over.set()
        with self._database.begin() as connection:
            set_state(
                connection,
                self.plan.run,
                state,
                now=datetime.now(UTC),
                reason=error.message,
                hint=error.hint,
            )
        log.warning("run %s %s: %s", self.plan.run, state.value, error.message)

    def _note_round(self, record: RoundRecord) -> None:
        now = time.monotonic()
        with self._database.begin() as connection:
            add_round(connection, self.plan.run, self._rounds_done, record, now - self._round_began)
        self._rounds_done += 1
        self._round_began = now


class _Stopped(Exception):  # noqa: N818  (a signal, not an error)
    """The operator asked for the end."""


def _shut_down() -> RunFailed:
    return RunFailed("the coordinator was shut down in the middle of the run", hint="submit the run again")


def _missing(parties: list[str], why: str, what: str) -> PartyMissing:
    names = " and ".join(parties)
    return PartyMissing(
        tuple(parties),
        f"{names} is missing: {why}; the run waits for its {what}",
        hint=f"look at the node of {names}, start it again (feddmf party start) and submit the run again",
    )
