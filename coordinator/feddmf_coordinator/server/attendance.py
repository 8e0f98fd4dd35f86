"""Who is there in the rounds of a run with a quorum, and when one is closed without the others."""

from __future__ import annotations

import logging
from collections.abc import Callable

from feddmf.plan import Plan
from feddmf.rounds import RoundRecord, RoundTable
from feddmf_coordinator.server.presence import Presence

__all__ = ["Attendance"]

log = logging.getLogger(__name__)


class Attendance:
    """Closes rounds of a run once its quorum has waited for the others, and says who they are.

    Without a quorum everybody is waited for, and nothing is said.
    """

    def __init__(self, plan: Plan, table: RoundTable, presence: Presence, clock: Callable[[], float]) -> None:
        self._run, self._roster, self._waits = plan.run, plan.roster, plan.settings.waits
        self._table = table
        self._presence = presence
        self._clock = clock
        # Where there was a quorum last, and since when.
        self._quorum: tuple[int, float] | None = None
        self._absent: tuple[str, ...] = ()

    @property
    def spare(self) -> int:
        """How many parties a round can do without."""
        return len(self._roster) - self._waits.quorum if self._waits.quorum else 0

    def look(self) -> None:
        """Close the open round where its quorum has been there for long enough."""
        if not self._table.has_quorum:
            return
        if self._quorum is None or self._quorum[0] != self._table.position:
            self._quorum = self._table.position, self._clock()
        if self._clock() - self._quorum[1] >= self._waits.quorum_s:
            self._table.close_without_missing()

    def note(self, record: RoundRecord) -> None:
        """Say who was not counted in a round, and who is again, where that has changed."""
        counted = record.diagnostics.get("counted", self._roster)
        absent = tuple(party for party in self._roster if party not in counted)
        if back := [party for party in self._absent if party not in absent]:
            log.info("run %s: %s takes part again", self._run, " and ".join(back))
        if absent and absent != self._absent:
            named = " and ".join(
                f"{party} (not heard from for {self._presence.silence(party):.0f} s)" for party in absent
            )
            log.warning(
                "run %s goes on without %s: %s %d is closed with %s",
                self._run,
                named,
                record.phase,
                record.number + 1,
                " and ".join(counted),
            )
        self._absent = absent
