"""One run from gathering to its end, around the round table."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from feddmf.catalogue.table import Catalogue
from feddmf.errors import FedDMFError, LocalResourceError, Misconduct, RunFailed, TimedOut
from feddmf.insisting import insist
from feddmf.members.base import Reply
from feddmf.payload import Axis, Payload, PayloadSchema
from feddmf.plan import Plan, matched_rows
from feddmf.protocols.base import Phase
from feddmf.protocols.registry import protocol_for
from feddmf.rounds import RoundRecord, RoundTable
from feddmf.telemetry.about import note
from feddmf.waiting import set_within
from feddmf_coordinator.observer import Bounds, Observer
from feddmf_coordinator.server.attendance import Attendance
from feddmf_coordinator.server.endings import broken, stopped, stopping
from feddmf_coordinator.server.journal import Journal
from feddmf_coordinator.server.left import Left
from feddmf_coordinator.server.resuming import resume_rounds
from feddmf_coordinator.server.room import Room
from feddmf_coordinator.server.seat import Seat
from feddmf_coordinator.server.waiting import Waiting
from feddmf_coordinator.space import require_space
from feddmf_coordinator.store.runs import RunState

__all__ = ["Session"]

log = logging.getLogger(__name__)

_STOP_POLL_S = 0.5
# How long a process that is being stopped waits for a round that is being combined.
_COMPUTING_S = 2.0
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
        observer: Observer | None = None,
        room: Room | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.plan = plan
        self._observer = observer or Observer()
        self.state = RunState.GATHERING
        self.failure: FedDMFError | None = None
        self._labels = catalogue.labels
        self._journal = journal
        self._clock = clock
        waits = plan.settings.waits
        self._waiting = Waiting(self, waits, clock)
        self._protocol = protocol_for(plan.settings.protocol)
        self._rows = matched_rows(catalogue, plan)
        self._seat = Seat(room or Room(), plan, self._rows)
        self._table = RoundTable(
            self._protocol,
            plan,
            self._rows,
            on_round=self._note_round,
            keeper=journal,
            quorum=waits.quorum,
        )
        self._attendance = Attendance(plan, self._table, self._waiting.presence, clock)
        self._accepted: set[str] = set()
        self._published: dict[str, str] = {}
        self._offerable = catalogue.askable_of(plan.roster)
        self._stop_looked = clock()
        self._trouble: FedDMFError | None = None
        self._suspended: LocalResourceError | None = None
        self._begun = asyncio.Event()
        self._rounds_over = asyncio.Event()
        self._turn = asyncio.Lock()

    def require_space(self, folder: Path) -> None:
        """Raise LocalResourceError, with figures, where the disk of `folder` may be too small for the run."""
        require_space(folder, self.plan, self._rows, sum(map(len, self._offerable.values())))

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
        self._waiting.presence.touch(party)

    def arriving(self, party: str, nbytes: int) -> None:
        """Note that `nbytes` of what `party` is waited for are here: a slow line is waited for longer."""
        self._waiting.arriving(party, nbytes)

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
                self._waiting.look_again()
                return
        self.blame(
            RunFailed(f"{party} {does} the run: {reason}", hint=f"settle it with {party}; submit again")
        )

    async def resume(self, left: Left) -> None:
        """Take up what an earlier process left of the run, before `run` goes on with it.

        Raises InputError, naming the file, where a kept round is gone or damaged; RunFailed where the run
        had come to its end.
        """
        self.state = left.state
        left.check_answers()
        self._accepted.update(left.accepted)
        self._published.update(left.published)
        if left.state is RunState.GATHERING:
            return
        await resume_rounds(self._table, self._journal, noted=left.rounds_noted)
        for phase in self._table.answered:
            self._seat.answered(phase)
        log.info("run %s goes on from round %d", self.plan.run, self._table.position + 1)

    def suspend(self) -> None:
        """Leave the run as it is, to be gone on with: whoever waits is told to come again."""
        self._suspended = stopping()
        self._table.interrupt(self._suspended)
        self._seat.leave()
        for waited_for in (self._begun, self._rounds_over):
            waited_for.set()
        self._waiting.look_again()

    def blame(self, error: FedDMFError) -> None:
        """End the run because of `error`: whoever waits is told now, the rest when they come."""
        self._trouble = self._trouble or error
        self._table.fail(error)
        self._waiting.look_again()

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
        """Raise what the run ended with, or RunFailed where `party` has not joined it.

        LocalResourceError in a process that is being stopped.
        """
        if self._suspended is not None:
            raise self._suspended
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
        await set_within(
            self._begun, min(patience_s, self.plan.settings.waits.absent_s / _HELD_WITHIN_ABSENT)
        )

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

    async def seated(self, phase: Phase, number: int, *, patience_s: float) -> None:
        """Wait for room in memory for the whole round that is open, before a contribution to it is read.

        LocalResourceError where there is none within `patience_s`: the party comes again.
        """
        if self._table.current != (phase, number) or self._table.finished.is_set():
            return
        try:
            async with asyncio.timeout(patience_s):
                await self._seat.take(phase)
        except TimeoutError:
            raise LocalResourceError(
                f"run {self.plan.run} waits for room beside other runs", hint="it goes on by itself"
            ) from None

    async def exchange(self, party: str, phase: str, number: int, payload: Payload) -> Reply:
        """Put a contribution on the round table and wait for the round; raises the run's failure."""
        self.check_joined(party)
        self.touch(party)
        if self._attendance.spare:
            # Its contribution may make the quorum.
            self._waiting.look_again()
        try:
            with self.blaming():
                return await self._table.exchange(party, phase, number, payload)
        except (RunFailed, TimedOut, LocalResourceError):
            raise
        except Exception as error:
            # A round that cannot be combined: the log has why, and nobody waits for it in vain.
            log.exception("run %s broke in %s %d", self.plan.run, phase, number)
            self.blame(broken())
            raise broken() from error
        finally:
            self.touch(party)
            self._waiting.look_again()

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
            items = tuple((key, self._labels[key]) for key in keys)
            await self._journal.publish(party, items, payload, expires_ms=expires_ms)
            self._published[party] = digest
            self._waiting.look_again()
            log.info("%s publishes %d item vectors after run %s", party, len(keys), self.plan.run)

    async def run(self) -> None:
        """Gather, train, publish, or what is left of it; end as finished, failed or stopped.

        Cancelled, it leaves the run as it is.
        """
        waits = self.plan.settings.waits
        note(run=self.plan.run)
        self._observer.run_entered(self.plan, self.state)
        self._waiting.presence.begin_anew()
        try:
            if self.state is RunState.GATHERING:
                await self._enter(RunState.GATHERING)
                await self._waiting.until("answer to the run", self._unanswered, waits.join_s, absent=False)
                await self._enter(RunState.RUNNING)
            self._journal.begin_round()
            self._begun.set()
            if self.state is RunState.RUNNING:
                await self._train()
                await self._enter(RunState.PUBLISHING)
            self._rounds_over.set()
            # Whom the rounds have done without is given all this time to come back and publish.
            await self._waiting.until(
                "publication", self._unpublished, waits.publish_s, absent=not waits.quorum
            )
            await self._enter(RunState.FINISHED)
            self._seat.leave()
        except FedDMFError as error:
            await self._end(RunState.FAILED, broken() if type(error) is FedDMFError else error)
        except _Stopped:
            await self._end(RunState.STOPPED, stopped())
        except asyncio.CancelledError:
            # What is on its way to disk comes before the database is closed. A round that is still being
            # combined has been answered to nobody: the next process does it again.
            await self._table.settled(computing_s=_COMPUTING_S)
            raise
        except Exception:
            await self._end(RunState.FAILED, broken())
            raise

    async def _train(self) -> None:
        """Wait for round after round; each has its own bound."""
        while not self._table.finished.is_set():
            position = self._table.position
            phase, number = self._table.current

            def missing(position: int = position) -> tuple[str, ...] | None:
                over = self._table.finished.is_set() or self._table.position > position
                return None if over else self._table.missing

            what = f"contribution to {phase.name} {number + 1} of {phase.rounds}"
            limit_s, spare = self.plan.settings.waits.round_s, self._attendance.spare
            await self._waiting.until(what, missing, limit_s, spare=spare)
        await self._insist(self._journal.write_rounds)
        if self._table.failure is not None:
            raise self._table.failure

    async def meanwhile(self) -> None:
        """Do what is to be done while the run waits; raises what it has ended with."""
        if self._trouble is not None:
            raise self._trouble
        self._attendance.look()
        # What a full disk keeps from being looked at or written now is, once there is room.
        with contextlib.suppress(LocalResourceError):
            await self._check_stop()
            await self._journal.write_rounds()

    def waits_for(self, what: str, parties: tuple[str, ...], bounds: Bounds) -> None:
        """Tell whom the run waits for."""
        self._observer.run_waits(self.plan, what, parties, bounds)

    @property
    def held_up(self) -> bool:
        """Whether the run waits for room that other runs take, which is none of its parties' fault."""
        return self._seat.waits

    @property
    def refusal(self) -> LocalResourceError | None:
        """Why the open round, for which all is there, could not be kept."""
        return self._table.refusal

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
        await self._insist(lambda: self._journal.enter(state))
        self.state = state
        self._observer.run_entered(self.plan, state)
        log.info("run %s is %s", self.plan.run, state.value)

    async def _end(self, state: RunState, error: FedDMFError) -> None:
        self.state, self.failure = state, error
        self._table.fail(error)
        self._seat.leave()
        self._begun.set()
        self._rounds_over.set()
        log.warning("run %s %s: %s", self.plan.run, state.value, error.message)
        self._observer.run_entered(self.plan, state, error)
        await self._table.settled()
        async with self._turn:
            await self._insist(lambda: self._journal.end(state, error))

    async def _insist(self, write: Callable[[], Awaitable[None]]) -> None:
        """Write until the disk takes it, for as long as a round may last; nothing is lost meanwhile."""

        def refused(error: LocalResourceError) -> None:
            log.warning("run %s waits for the disk: %s", self.plan.run, error.message)

        limit_s = self.plan.settings.waits.round_s
        await insist(write, limit_s=limit_s, refused=refused, clock=self._clock)

    def _note_round(self, record: RoundRecord) -> None:
        self._seat.answered(self._table.phase(record.phase))
        seconds = self._journal.note_round(self._table.position, record)
        self._observer.round_closed(self.plan, record, seconds, self._table.combine_s)
        self._attendance.note(record)
        self._waiting.look_again()


class _Stopped(Exception):  # noqa: N818  (a signal, not an error)
    """The operator asked for the end."""
