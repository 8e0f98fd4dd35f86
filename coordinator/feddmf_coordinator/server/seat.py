"""What one run takes of the room in memory: of a round that is open all, of one that is over its replies."""

from __future__ import annotations

from feddmf.payload import PayloadSchema
from feddmf.plan import MatchedRows, Plan
from feddmf.protocols.base import Phase
from feddmf_coordinator.server.room import Room

__all__ = ["Seat"]


class Seat:
    """A run's place in the room.

    The replies of the last round are held for those who lost theirs until all have contributed to the next
    one, in whose place they are then; with a quorum, those of the last round of each phase, for who is late.
    """

    def __init__(self, room: Room, plan: Plan, rows: MatchedRows) -> None:
        self._room, self._run = room, plan.run
        self._sizes = [rows.sizes(party) for party in plan.roster]
        self._late = bool(plan.settings.waits.quorum)
        self._replies: dict[str, int] = {}

    @property
    def waits(self) -> bool:
        """Whether a round waits for room."""
        return self._room.waits(self._run)

    async def take(self, phase: Phase) -> None:
        """Wait for room for all contributions and replies of a round of `phase`, beside replies before it."""
        replies, before = self._nbytes(phase.reply), sum(self._replies.values())
        held = replies + before if self._late else max(replies, before)
        await self._room.take(self._run, self._nbytes(phase.contribution) + held)

    def answered(self, phase: Phase) -> None:
        """Give back what a round of `phase` took, but for the replies."""
        if not self._late:
            self._replies.clear()
        self._replies[phase.name] = self._nbytes(phase.reply)
        self._room.keep(self._run, sum(self._replies.values()))

    def leave(self) -> None:
        """Give everything back."""
        self._room.leave(self._run)

    def _nbytes(self, schema: PayloadSchema) -> int:
        return sum(schema.held_bytes(each) for each in self._sizes)
