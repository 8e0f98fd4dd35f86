"""The party's half of a protocol, and the loop that drives it through the phases of a run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from feddmf.errors import RunFailed
from feddmf.payload import Payload
from feddmf.protocols.base import Arrays, Phase

__all__ = ["Arrays", "Exchange", "Member", "Reply", "drive"]


@dataclass(frozen=True)
class Reply:
    """What comes back from an exchange.

    done: the run ends here, before its planned rounds; next_round: where rounds were closed without the
    party, phase and number of the one to go on with. The reply is then that of the round before it.
    """

    payload: Payload
    done: bool = False
    next_round: tuple[str, int] | None = None


class Member(Protocol):
    """One party in a run; it alone sees private data."""

    def contribute(self, phase: str, number: int, reply: Payload | None) -> Payload:
        """Take in the last reply (None at first), compute, and return what would be released."""
        ...

    def publications(self) -> Payload:
        """Return what the party publishes after the run."""
        ...

    def figures(self) -> Mapping[str, float]:
        """Return figures of the last contribution for the party's own people; they are never sent."""
        ...

    def model_arrays(self) -> Arrays:
        """Return the trained arrays by name, user vectors included; they stay at home."""
        ...

    def snapshot(self) -> Arrays:
        """Return everything that `restore` needs to go on, bit for bit."""
        ...

    def restore(self, snapshot: Arrays) -> None:
        """Go on from `snapshot`."""
        ...


# The transport: (phase, round, payload) -> reply; in process or over the network.
Exchange = Callable[[str, int, Payload], Awaitable[Reply]]
# How contribute is called: directly in a simulation, on a thread in a party node.
Compute = Callable[..., Awaitable[Payload]]


async def _directly(function: Callable[..., Payload], *arguments: Any) -> Payload:
    return function(*arguments)


async def drive(
    member: Member,
    phases: Sequence[Phase],
    exchange: Exchange,
    *,
    compute: Compute = _directly,
    start: int = 0,
    reply: Reply | None = None,
) -> None:
    """Take `member` through all rounds of all phases, or through those from exchange number `start` on.

    reply: the answer to the exchange before `start`; the member's state is that from before it took it in.
    Raises RunFailed where a reply goes on with a round that does not come later.
    """
    if reply is not None and reply.done:
        return
    schedule = [(phase.name, number) for phase in phases for number in range(phase.rounds)]
    place = start if reply is None else _after(schedule, start - 1, reply)
    while place < len(schedule):
        phase, number = schedule[place]
        payload = await compute(member.contribute, phase, number, None if reply is None else reply.payload)
        reply = await exchange(phase, number, payload)
        if reply.done:
            return
        place = _after(schedule, place, reply)


def _after(schedule: Sequence[tuple[str, int]], place: int, reply: Reply) -> int:
    """Return the place of the round that `reply`, the one to the round at `place`, goes on with."""
    if reply.next_round is None:
        return place + 1
    if reply.next_round not in schedule[place + 1 :]:
        phase, number = reply.next_round
        raise RunFailed(
            f"the coordinator goes on with round {number} of {phase[:40]!r}, which does not come later",
            hint="both ends must run the same version",
        )
    return schedule.index(reply.next_round)
