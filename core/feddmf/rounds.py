"""The round table: contributions of one round in, one reply each out; the same in process and over gRPC."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from feddmf.closed_rounds import Answer, ClosedRound, ClosedRounds
from feddmf.errors import FedDMFError, LocalResourceError, Misconduct, PayloadError, RunFailed
from feddmf.members.base import Reply
from feddmf.payload import Payload
from feddmf.plan import MatchedRows, Plan
from feddmf.protocols.base import Arrays, Outcome, Phase, RunProtocol
from feddmf.round_keeping import Collected, Keeper

__all__ = ["RoundRecord", "RoundTable"]


@dataclass(frozen=True)
class RoundRecord:
    """What people are told of a finished round."""

    phase: str
    number: int
    diagnostics: Mapping[str, Any]
    bytes_up: int
    bytes_down: int


@dataclass(eq=False)
class _Open:
    """The round that is being collected; due: it is closed without those who are still missing."""

    contributions: dict[str, Payload] = field(default_factory=dict)
    answer: Answer = field(default_factory=Answer)
    due: bool = False


class RoundTable:
    """Collects each round's contributions, combines them once, and answers everybody.

    A contribution is idempotent: the same bytes for the same (phase, round) get the same reply, while
    other bytes are Misconduct. Memory holds the contributions of the open round, and the replies of the last
    answered one.

    quorum: how many parties a round can be closed with, once `close_without_missing` is called; 0 for all.
    Who comes late to a closed round gets the last reply of its phase, and goes on with the round after that.
    keeper: what makes rounds durable, if anything does. Where it refuses, whoever waits is told so, and the
    round stays open with what it has; it is closed when somebody sends a contribution again.
    """

    def __init__(
        self,
        protocol: RunProtocol,
        plan: Plan,
        rows: MatchedRows,
        *,
        on_round: Callable[[RoundRecord], None] = lambda _: None,
        keeper: Keeper | None = None,
        quorum: int = 0,
    ) -> None:
        self._protocol = protocol
        self._plan = plan
        self._rows = rows
        self._roster = plan.roster
        self._schedule = [(phase, n) for phase in protocol.phases(plan) for n in range(phase.rounds)]
        self._places = {(phase.name, n): place for place, (phase, n) in enumerate(self._schedule)}
        self._quorum = quorum
        self._position = 0
        self._state = protocol.init(plan, rows)
        # The last state that all replies which may be asked for come after.
        self._kept_from = (0, self._state)
        self._open = _Open()
        self._closed = ClosedRounds(late=bool(quorum))
        self._failure: FedDMFError | None = None
        self._refusal: LocalResourceError | None = None
        self._interruption: LocalResourceError | None = None
        self._on_round = on_round
        self._keeper = keeper
        self._closing: asyncio.Task[None] | None = None
        self._keeping: asyncio.Future[None] | None = None
        self.finished = asyncio.Event()
        self.combine_s = 0.0
        """How long the last round's contributions were computed with."""

    @property
    def failure(self) -> FedDMFError | None:
        """Why the run ended early, if it did."""
        return self._failure

    @property
    def refusal(self) -> LocalResourceError | None:
        """Why the open round, whose contributions are all there, could not be kept; None where it can be."""
        return self._refusal

    @property
    def position(self) -> int:
        """The place of the open round among all rounds of the run."""
        return self._position

    @property
    def current(self) -> tuple[Phase, int]:
        """The phase and number of the round that is being collected (the last one at the end)."""
        return self._schedule[min(self._position, len(self._schedule) - 1)]

    @property
    def answered(self) -> tuple[Phase, ...]:
        """The phases whose last replies are held: for those who lost theirs, and where they may come late."""
        return tuple(self.phase(name) for name in self._closed.phases)

    @property
    def missing(self) -> tuple[str, ...]:
        """Who has not contributed to the open round; nobody once the run has ended."""
        if self.finished.is_set():
            return ()
        return tuple(party for party in self._roster if party not in self._open.contributions)

    @property
    def has_quorum(self) -> bool:
        """Whether the open round could be closed without those who are missing."""
        return 0 < self._quorum <= len(self._open.contributions) and not self.finished.is_set()

    def close_without_missing(self) -> None:
        """Close the open round with those who have contributed, where they are the quorum."""
        if self.has_quorum and not self._open.due:
            self._open.due = True
            self._close_if_due()

    def phase(self, name: str) -> Phase:
        """Return the phase called `name`; RunFailed where the run has none."""
        for phase, _ in self._schedule:
            if phase.name == name:
                return phase
        raise RunFailed(f"the run has no phase {name[:40]!r}", hint="both ends must run the same version")

    def fail(self, error: FedDMFError) -> None:
        """End the run: everybody who waits or comes later gets `error`."""
        if not self.finished.is_set():
            self._failure = error
            self.finished.set()
            self._open.answer.give(error=error)

    def interrupt(self, error: LocalResourceError) -> None:
        """Leave the run as it is, for another table to go on with: who waits or comes later gets `error`."""
        self._interruption = error
        self._open.answer.give(error=error)

    async def settled(self, *, computing_s: float | None = None) -> None:
        """Wait for the end of what is being computed or kept.

        computing_s: how long at most for what is computed, which a table that goes on computes again; what
        is on its way to disk is seen through.
        """
        if self._closing is not None:
            await asyncio.wait((self._closing,), timeout=computing_s)
        if self._keeping is not None:
            await asyncio.wait((self._keeping,))

    def restore(self, position: int, snapshot: Arrays) -> None:
        """Go on before the round at `position`, from the state that was kept then."""
        self._position, self._state = position, self._protocol.restore(self._plan, self._rows, snapshot)
        self._kept_from = (position, self._state)

    async def replay(self, contributions: Mapping[str, Payload]) -> RoundRecord:
        """Close the open round with the contributions that were kept of it; return what is told of it.

        Raises what the round failed with. Who lost its reply gets it from here, the same bytes again.
        """
        phase, number = self._schedule[self._position]
        outcome = await asyncio.to_thread(self._outcome, phase, number, contributions)
        self._move_on(contributions, outcome, self._open.answer)
        return self._record(phase, number, outcome, contributions)

    async def exchange(self, party: str, phase: str, number: int, payload: Payload) -> Reply:
        """Put in `party`'s contribution, wait for the round to be combined, return the reply.

        Raises the run's failure where it has failed; Misconduct (and so fails the run) where the
        payload is outside its schema or contradicts what the party sent before; a defect as it is.
        """
        place, answer = self._contribute(party, phase, number, payload)
        await answer.over.wait()
        if answer.outcome is None:
            raise answer.error or RunFailed("the run has ended")
        next_round = self._after(self._place(phase, number), place)
        return Reply(answer.outcome.reply(party), answer.outcome.done, next_round)

    def _contribute(self, party: str, phase: str, number: int, payload: Payload) -> tuple[int, Answer]:
        """Put a contribution in; return the answer that its sender waits for, and of which round it is."""
        if self._failure is not None or self._interruption is not None:
            raise self._failure or self._interruption or RunFailed("the run has ended")
        if party not in self._roster:
            raise RunFailed(f"{party} is not in this run")
        place = self._place(phase, number)
        closed = self._closed.find(phase, place)
        if closed is not None:
            if closed.place == place and party in closed.digests:
                self._same_again(party, closed.digests[party], payload)
            return closed.place, closed.answer
        if place != self._position or self.finished.is_set():
            raise RunFailed(
                f"{party} contributes to {phase} {number}, which is not the open round",
                hint="restart the party; it goes on from the open round",
            )
        collecting = self._open
        if party in collecting.contributions:
            self._same_again(party, collecting.contributions[party].sha256(), payload)
        else:
            self._check(party, self._schedule[place][0], payload)
            collecting.contributions[party] = payload
        answer = collecting.answer
        self._close_if_due()
        return place, answer

    def _place(self, phase: str, number: int) -> int:
        place = self._places.get((phase, number))
        if place is None:
            raise RunFailed(
                f"the run has no round {phase} {number}", hint="both ends must run the same version"
            )
        return place

    def _after(self, asked: int, answered: int) -> tuple[str, int] | None:
        """Return the round to go on with where not the one that was `asked` about is `answered`."""
        if answered == asked or answered + 1 == len(self._schedule):
            return None
        phase, number = self._schedule[answered + 1]
        return phase.name, number

    def _check(self, party: str, phase: Phase, payload: Payload) -> None:
        try:
            phase.contribution.check(payload, self._rows.sizes(party))
        except PayloadError as error:
            failure = Misconduct(party, f"{party} sent {error.message}", hint=error.hint)
            self.fail(failure)
            raise failure from error

    def _same_again(self, party: str, before: bytes, now: Payload) -> None:
        if before != now.sha256():
            failure = Misconduct(
                party,
                f"{party} sent two different contributions to one round",
                hint="its state was not restored exactly; submit the run again",
            )
            self.fail(failure)
            raise failure

    def _close_if_due(self) -> None:
        collecting = self._open
        is_due = collecting.due or len(collecting.contributions) == len(self._roster)
        if is_due and (self._closing is None or self._closing.done()):
            # A task of the table's own: whoever came last may go away meanwhile.
            self._closing = asyncio.create_task(self._close(collecting))

    async def _close(self, collecting: _Open) -> None:
        phase, number = self._schedule[self._position]
        there = collecting.contributions
        contributions = {party: there[party] for party in self._roster if party in there}
        collected, answer = Collected(self._position, phase.name, number, contributions), collecting.answer
        self._refusal = None
        try:
            outcome = await self._combined_and_kept(phase, collected)
            if self._failure is not None or self._interruption is not None:
                return
            self._on_round(self._record(phase, number, outcome, contributions))
        except LocalResourceError as error:
            # Everything is there but the room to keep it: those who wait come again.
            self._refusal, collecting.answer = error, Answer()
            answer.give(error=error)
        except FedDMFError as error:
            self.fail(error)
        except Exception as error:  # noqa: BLE001  (whatever it is, everybody who waits must hear of it)
            answer.give(error=error)
            what = f"internal error in {phase.name} {number}: {type(error).__name__}: {error}"
            self.fail(FedDMFError(what, hint="the coordinator's log has more; this is a defect of ours"))
        else:
            self._move_on(contributions, outcome, answer)

    async def _combined_and_kept(self, phase: Phase, collected: Collected) -> Outcome:
        """Combine a round, and keep it meanwhile."""
        if self._keeper is not None and self._keeper.is_due:
            position, state = self._kept_from
            self._keeping = asyncio.ensure_future(
                self._keeper.keep_state(position, self._protocol.snapshot(state))
            )
            await self._keeping
            if self._interruption is not None:
                # Whoever interrupted may not have waited for more than this.
                raise self._interruption
        self._closed.next_begins()
        # Large tables take seconds, in which signs of life must be heard.
        combining = asyncio.to_thread(self._outcome, phase, collected.number, collected.contributions)
        if self._keeper is None:
            return await combining
        self._keeping = asyncio.ensure_future(self._keeper.keep_round(collected))
        both = asyncio.ensure_future(combining), self._keeping
        await asyncio.wait(both)
        refused = both[1].exception()
        outcome = both[0].result()
        if refused is not None:
            raise refused
        return outcome

    def _move_on(self, contributions: Mapping[str, Payload], outcome: Outcome, answer: Answer) -> None:
        digests = {party: payload.sha256() for party, payload in contributions.items()}
        phase, _ = self._schedule[self._position]
        self._closed.add(phase.name, ClosedRound(self._position, digests, answer))
        before = self._position, self._state
        self._position, self._state = self._position + 1, outcome.state
        # Who is late asks for the reply of the round that was closed last, also in the next process.
        self._kept_from = before if self._quorum else (self._position, self._state)
        self._open = _Open()
        if outcome.done or self._position == len(self._schedule):
            self.finished.set()
        answer.give(outcome=outcome)

    def _outcome(self, phase: Phase, number: int, contributions: Mapping[str, Payload]) -> Outcome:
        """Combine a round; what is told is rounded as it travels, and checked like what is sent."""
        began = time.monotonic()
        outcome = self._protocol.combine(self._state, phase.name, number, contributions)
        self.combine_s = time.monotonic() - began
        told = {party: phase.reply.rounded(each) for party, each in outcome.replies.items()}
        outcome = replace(outcome, replies=told)
        for party in self._roster:
            phase.reply.check(outcome.reply(party), self._rows.sizes(party))
        return outcome

    def _record(
        self, phase: Phase, number: int, outcome: Outcome, contributions: Mapping[str, Payload]
    ) -> RoundRecord:
        counted = {"counted": list(contributions)} if self._quorum else {}
        return RoundRecord(
            phase.name,
            number,
            {**outcome.diagnostics, **counted},
            bytes_up=sum(phase.contribution.sent_bytes(payload) for payload in contributions.values()),
            bytes_down=sum(phase.reply.sent_bytes(outcome.reply(party)) for party in contributions),
        )
