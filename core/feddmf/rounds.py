"""The round table: contributions of one round in, one reply each out; the same in process and over gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from feddmf.errors import FedDMFError, Misconduct, PayloadError, RunFailed
from feddmf.members.base import Reply
from feddmf.payload import Payload
from feddmf.plan import MatchedRows, Plan
from feddmf.protocols.base import Outcome, Phase, RunProtocol

__all__ = ["RoundRecord", "RoundTable"]


@dataclass(frozen=True)
class RoundRecord:
    """What people are told of a finished round."""

    phase: str
    number: int
    diagnostics: Mapping[str, Any]
    bytes_up: int
    bytes_down: int


@dataclass
class _Open:
    """The round that is being collected."""

    contributions: dict[str, Payload] = field(default_factory=dict)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    outcome: Outcome | None = None
    defect: Exception | None = None


class RoundTable:
    """Collects each round's contributions, combines them once, and answers everybody.

    A contribution is idempotent: the same bytes for the same (phase, round) get the same reply, while
    other bytes are Misconduct. Memory holds the open round and the last answered one.
    """

    def __init__(
        self,
        protocol: RunProtocol,
        plan: Plan,
        rows: MatchedRows,
        *,
        on_round: Callable[[RoundRecord], None] = lambda _: None,
    ) -> None:
        self._protocol = protocol
        self._rows = rows
        self._roster = plan.roster
        self._schedule = [(phase, n) for phase in protocol.phases(plan) for n in range(phase.rounds)]
        self._position = 0
        self._state = protocol.init(plan, rows)
        self._open = _Open()
        self._answered: _Open | None = None
        self._failure: FedDMFError | None = None
        self._on_round = on_round
        self._combining: asyncio.Task[None] | None = None
        self.finished = asyncio.Event()

    @property
    def failure(self) -> FedDMFError | None:
        """Why the run ended early, if it did."""
        return self._failure

    @property
    def current(self) -> tuple[Phase, int]:
        """The phase and number of the round that is being collected (the last one at the end)."""
        return self._schedule[min(self._position, len(self._schedule) - 1)]

    @property
    def missing(self) -> tuple[str, ...]:
        """Who has not contributed to the open round; nobody once the run has ended."""
        if self.finished.is_set():
            return ()
        return tuple(party for party in self._roster if party not in self._open.contributions)

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
            self._open.closed.set()

    async def exchange(self, party: str, phase: str, number: int, payload: Payload) -> Reply:
        """Put in `party`'s contribution, wait for the round to be combined, return the reply.

        Raises the run's failure where it has failed; Misconduct (and so fails the run) where the
        payload is outside its schema or contradicts what the party sent before; a defect as it is.
        """
        at = self._contribute(party, phase, number, payload)
        await at.closed.wait()
        if at.defect is not None:
            raise at.defect
        if at.outcome is None:
            raise self._failure or RunFailed("the run has ended")
        return Reply(at.outcome.reply(party), at.outcome.done)

    def _contribute(self, party: str, phase: str, number: int, payload: Payload) -> _Open:
        if self._failure is not None:
            raise self._failure
        if party not in self._roster:
            raise RunFailed(f"{party} is not in this run")
        place = self._place(phase, number)
        if place == self._position - 1 and self._answered is not None:
            self._same_again(party, self._answered.contributions[party], payload)
            return self._answered
        if place != self._position or self.finished.is_set():
            raise RunFailed(
                f"{party} contributes to {phase} {number}, which is not the open round",
                hint="restart the party; it goes on from the open round",
            )
        if party in self._open.contributions:
            self._same_again(party, self._open.contributions[party], payload)
            return self._open
        self._check(party, self._schedule[place][0], payload)
        collecting = self._open
        collecting.contributions[party] = payload
        if len(collecting.contributions) == len(self._roster):
            # A task of the table's own: whoever came last may go away meanwhile.
            self._combining = asyncio.create_task(self._combine(collecting))
        return collecting

    def _place(self, phase: str, number: int) -> int:
        for place, (planned, n) in enumerate(self._schedule):
            if (planned.name, n) == (phase, number):
                return place
        raise RunFailed(f"the run has no round {phase} {number}", hint="both ends must run the same version")

    def _check(self, party: str, phase: Phase, payload: Payload) -> None:
        try:
            phase.contribution.check(payload, self._rows.sizes(party))
        except PayloadError as error:
            failure = Misconduct(party, f"{party} sent {error.message}", hint=error.hint)
            self.fail(failure)
            raise failure from error

    def _same_again(self, party: str, before: Payload, now: Payload) -> None:
        if before.sha256() != now.sha256():
            failure = Misconduct(
                party,
                f"{party} sent two different contributions to one round",
                hint="its state was not restored exactly; submit the run again",
            )
            self.fail(failure)
            raise failure

    async def _combine(self, collecting: _Open) -> None:
        phase, number = self._schedule[self._position]
        contributions = {party: collecting.contributions[party] for party in self._roster}
        try:
            # Large tables take seconds, in which signs of life must be heard.
            outcome = await asyncio.to_thread(self._outcome, phase, number, contributions)
            if self._failure is not None:
                return
            self._on_round(_record(phase, number, outcome, contributions))
        except FedDMFError as error:
            self.fail(error)
            return
        except Exception as error:  # noqa: BLE001  (whatever it is, everybody who waits must hear of it)
            collecting.defect = error
            what = f"internal error in {phase.name} {number}: {type(error).__name__}: {error}"
            self.fail(FedDMFError(what, hint="the coordinator's log has more; this is a defect of ours"))
            return
        self._state = outcome.state
        self._position += 1
        collecting.outcome = outcome
        self._answered, self._open = collecting, _Open()
        if outcome.done or self._position == len(self._schedule):
            self.finished.set()
        collecting.closed.set()

    def _outcome(self, phase: Phase, number: int, contributions: Mapping[str, Payload]) -> Outcome:
        """Combine a round; what is told is rounded as it travels, and checked like what is sent."""
        outcome = self._protocol.combine(self._state, phase.name, number, contributions)
        told = {party: phase.reply.rounded(each) for party, each in outcome.replies.items()}
        outcome = replace(outcome, replies=told)
        for party in self._roster:
            phase.reply.check(outcome.reply(party), self._rows.sizes(party))
        return outcome


def _record(phase: Phase, number: int, outcome: Outcome, contributions: Mapping[str, Payload]) -> RoundRecord:
    return RoundRecord(
        phase.name,
        number,
        outcome.diagnostics,
        bytes_up=sum(phase.contribution.sent_bytes(payload) for payload in contributions.values()),
        bytes_down=sum(phase.reply.sent_bytes(payload) for payload in outcome.replies.values()),
    )
