"""One run from gathering to its end: bounded waits that name who is missing, and the round table."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from feddmf.catalogue.table import Catalogue
from feddmf.errors import FedDMFError, Misconduct, RunFailed, TimedOut
from feddmf.members.base import Reply
from feddmf.payload import Axis, Payload, PayloadSchema
from feddmf.plan import Plan, matched_rows
from feddmf.protocols.base import Phase
from feddmf.protocols.registry import protocol_for
from feddmf.rounds import RoundRecord, RoundTable
from feddmf_coordinator.server.endings import broken, shut_down, stopped
from feddmf_coordinator.server.endings import missing as party_missing
from feddmf_coordinator.server.journal import Journal
from feddmf_coordinator.server.presence import Presence
from feddmf_coordinator.store.runs import RunState

__all__ = ["Session"]

log = logging.getLogger(__name__)

_TICK_S = 0.2
_STOP_POLL_S = 0.5
# Beats are held for so much of the time after which a silent party counts as missing.
_HELD_WITHIN_ABSENT = 4


class Session:
    """A run that this process serves; `run` takes it to its end and never raises a user's error."""

    def __init__(
        self,
        plan: Plan,
        catalogue: Catalogue,
        journal: Journal,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.plan = plan
        self.state = RunState.GATHERING
        self.failure: FedDMFError | None = None
        self._catalogue = catalogue
        self._journal = journal
        self._clock = clock
        self._presence = Presence(clock)
        self._protocol = protocol_for(plan.settings.protocol)
        self._rows = matched_rows(catalogue, plan)
        self._table = RoundTable(self._protocol, plan, self._rows, on_round=self._note_round)
        self._accepted: set[str] = set()
        self._published: dict[str, str] = {}
        self._offerable = {
            party: frozenset(catalogue.view(party).askable(plan.roster)) for party in plan.roster
        }
        self._rounds_done = 0
        self._round_began = self._stop_looked = clock()
        self._trouble: FedDMFError | None = None
        self._changed = asyncio.Event()
        self._begun = asyncio.Event()
        self._rounds_over = asyncio.Event()
        self._turn = asyncio.Lock()

    @property
    def publication_schema(self) -> PayloadSchema:
        """What a publication of this run holds."""
        return self._protocol.publication(self.plan)

    def phase(self, name: str) -> Phase:
        """Return the phase called `name`; RunFailed where the run has none."""
        return self._table.phase(name)

    def sizes(self, party: str) -> dict[Axis, int]:
        """Return the row counts of `party`'s payloads."""
        return self._rows.sizes(party)

    def offerable(self, party: str) -> frozenset[str]:
        """Return the keys of `party` that another member lacks, which is all that it may publish."""
        return self._offerable[party]

    def touch(self, party: str) -> None:
        """Note a sign of life of `party` in this run."""
        self._presence.touch(party)

    def waits_for_answer(self, party: str) -> bool:
        """Tell whether the run waits for `party` to accept or decline."""
        waiting = self.state is RunState.GATHERING and self._trouble is None
        return waiting and party in self.plan.roster and party not in self._accepted

    async def answer(self, party: str, *, accepted: bool, reason: str) -> None:
        """Take in a party's answer: yes, no, or no after a yes, by which it leaves the run."""
        async with self._turn:
            if self.state.ended or self._trouble is not None or party in self._published:
                return
            if accepted and (self.state is not RunState.GATHERING or party in self._accepted):
                return
            await self._journal.answer(party, accepted=accepted, reason=reason)
            does = "joins" if accepted else "leaves" if party in self._accepted else "declines"
            log.info("%s %s run %s %s", party, does, self.plan.run, reason)
            self.touch(party)
            if accepted:
                self._accepted.add(party)
                self._changed.set()
                return
        self.blame(
            RunFailed(f"{party} {does} the run: {reason}", hint=f"settle it with {party}; submit again")
        )

    def blame(self, error: FedDMFError) -> None:
        """End the run because of `error`: whoever waits is told now, the rest when they come."""
        self._trouble = self._trouble or error
        self._table.fail(error)
        self._changed.set()

    @contextmanager
    def blaming(self) -> Iterator[None]:
        """End the run with the Misconduct that is raised in a block."""
        try:
            yield
        except Misconduct as error:
            log.warning("run %s: %s", self.plan.run, error.message)
            self.blame(error)
            raise

    def check_joined(self, party: str) -> None:
        """Raise what the run ended with, or RunFailed where `party` has not joined it."""
        if self.failure is not None or self._trouble is not None:
            raise self.failure or self._trouble or RunFailed(f"run {self.plan.run} has ended")
        if party not in self._accepted:
            raise RunFailed(f"{party} has not joined run {self.plan.run}", hint="join it first")

    async def about_to_begin(self, party: str, patience_s: float) -> None:
        """Wait for the beginning where `party` has joined and waits for it; for `patience_s` at most.

        It stays within the time after which a silent party counts as missing.
        """
        if self.state is not RunState.GATHERING or party not in self._accepted:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(
                min(patience_s, self.plan.settings.waits.absent_s / _HELD_WITHIN_ABSENT)
            ):
                await self._begun.wait()

    async def begun(self, party: str) -> None:
        """Wait until everybody has joined: nothing is taken from `party` before; raises as `check_joined`."""
        self.check_joined(party)
        await self._begun.wait()
        self.check_joined(party)

    def check_publishing(self, party: str) -> None:
        """Raise RunFailed where `party` may not publish now."""
        self.check_joined(party)
        if not self._table.finished.is_set():
            raise RunFailed(
                f"run {self.plan.run} is {self.state.value}; nothing is published before its last round",
                hint="both ends must run the same version",
            )

    async def exchange(self, party: str, phase: str, number: int, payload: Payload) -> Reply:
        """Put a contribution on the round table and wait for the round; raises the run's failure."""
        self.check_joined(party)
        self.touch(party)
        try:
            with self.blaming():
                return await self._table.exchange(party, phase, number, payload)
        except (RunFailed, TimedOut):
            raise
        except Exception as error:
            # A round that cannot be combined: the log has why, and nobody waits for it in vain.
            log.exception("run %s broke in %s %d", self.plan.run, phase, number)
            self.blame(broken())
            raise broken() from error
        finally:
            self.touch(party)
            self._changed.set()

    async def publish(
        self, party: str, keys: tuple[str, ...], payload: Payload, *, expires_ms: int = 0
    ) -> None:
        """Keep what `party` publishes, once; only after a run whose rounds have held.

        expires_ms: when it ends, in milliseconds since 1970; 0 for never.
        """
        self.check_publishing(party)
        # The last reply may reach the party before this run's own task has seen that the rounds are over.
        await self._rounds_over.wait()
        async with self._turn:
            self.check_joined(party)
            digest = payload.sha256().hex()
            if self._published.get(party) == digest:
                return
            if party in self._published:
                raise RunFailed(
                    f"{party} has published other vectors for run {self.plan.run} already",
                    hint="its state was not restored exactly; submit the run again",
                )
            if self.state is not RunState.PUBLISHING:
                raise RunFailed(f"run {self.plan.run} is {self.state.value}; nothing is published now")
            items = tuple((key, self._catalogue.labels[key]) for key in keys)
            await self._journal.publish(party, items, payload, expires_ms=expires_ms)
            self._published[party] = digest
            self._changed.set()
            log.info("%s publishes %d item vectors after run %s", party, len(keys), self.plan.run)

    async def run(self) -> None:
        """Gather, train, publish; end as finished, failed or stopped."""
        waits = self.plan.settings.waits
        try:
            await self._enter(RunState.GATHERING)
            await self._wait("answer to the run", self._unanswered, waits.join_s, absent=False)
            await self._enter(RunState.RUNNING)
            self._round_began = self._clock()
            self._begun.set()
            await self._train()
            await self._enter(RunState.PUBLISHING)
            self._rounds_over.set()
            await self._wait("publication", self._unpublished, waits.publish_s)
            await self._enter(RunState.FINISHED)
        except FedDMFError as error:
            await self._end(RunState.FAILED, broken() if type(error) is FedDMFError else error)
        except _Stopped:
            await self._end(RunState.STOPPED, stopped())
        except asyncio.CancelledError:
            await self._end(RunState.FAILED, shut_down())
            raise
        except Exception:
            await self._end(RunState.FAILED, broken())
            raise

    async def _train(self) -> None:
        """Wait for round after round; each has its own bound."""
        while not self._table.finished.is_set():
            position = self._rounds_done
            phase, number = self._table.current

            def missing(position: int = position) -> tuple[str, ...] | None:
                over = self._table.finished.is_set() or self._rounds_done > position
                return None if over else self._table.missing

            what = f"contribution to {phase.name} {number + 1} of {phase.rounds}"
            await self._wait(what, missing, self.plan.settings.waits.round_s)
        await self._journal.write_rounds()
        if self._table.failure is not None:
            raise self._table.failure

    async def _wait(
        self,
        what: str,
        missing: Callable[[], tuple[str, ...] | None],
        limit_s: float,
        *,
        absent: bool = True,
    ) -> None:
        """Wait until `missing` is None; PartyMissing names whom it has named once a bound has passed."""
        waits, began = self.plan.settings.waits, self._clock()
        while (names := missing()) is not None:
            if self._trouble is not None:
                raise self._trouble
            gone = [name for name in names if self._presence.silence(name) > waits.absent_s]
            if absent and gone:
                silence = max(self._presence.silence(name) for name in gone)
                raise party_missing(gone, f"not heard from for {silence:.0f} s", what)
            if self._clock() - began > limit_s:
                raise party_missing(names, f"nothing came within {limit_s:g} s", what)
            await self._check_stop()
            await self._journal.write_rounds()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TICK_S):
                    await self._changed.wait()
            self._changed.clear()

    def _unanswered(self) -> tuple[str, ...] | None:
        return tuple(party for party in self.plan.roster if party not in self._accepted) or None

    def _unpublished(self) -> tuple[str, ...] | None:
        return tuple(party for party in self.plan.roster if party not in self._published) or None

    async def _check_stop(self) -> None:
        if self._clock() - self._stop_looked < _STOP_POLL_S:
            return
        self._stop_looked = self._clock()
        if await self._journal.stop_asked():
            raise _Stopped

    async def _enter(self, state: RunState) -> None:
        await self._journal.enter(state)
        self.state = state
        log.info("run %s is %s", self.plan.run, state.value)

    async def _end(self, state: RunState, error: FedDMFError) -> None:
        self.state, self.failure = state, error
        self._table.fail(error)
        self._begun.set()
        self._rounds_over.set()
        log.warning("run %s %s: %s", self.plan.run, state.value, error.message)
        async with self._turn:
            await self._journal.end(state, error)

    def _note_round(self, record: RoundRecord) -> None:
        now = self._clock()
        self._journal.note_round(self._rounds_done, record, now - self._round_began)
        self._rounds_done += 1
        self._round_began = now
        self._changed.set()


class _Stopped(Exception):  # noqa: N818  (a signal, not an error)
    """The operator asked for the end."""
