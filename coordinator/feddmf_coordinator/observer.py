"""Whom the coordinator tells what it does: of runs, rounds and calls."""

from __future__ import annotations

from feddmf.errors import FedDMFError
from feddmf.plan import Plan
from feddmf.rounds import RoundRecord
from feddmf_coordinator.store.runs import RunState

__all__ = ["Observer"]


class Observer:
    """Is told on the event loop, does not block and raises nothing; this one takes no notice."""

    def run_entered(self, plan: Plan, state: RunState, error: FedDMFError | None = None) -> None:
        """Note that a run is in `state` now; error: why it ended there."""

    def round_closed(self, plan: Plan, record: RoundRecord, seconds: float, combine_s: float = 0.0) -> None:
        """Note a round of a run, how long it took, and how much of that its combination."""

    def call_admitted(self, party: str, method: str) -> None:
        """Note that a call of a party is served."""

    def call_refused(self, reason: str) -> None:
        """Note that a call was turned away or ended with an error; reason: one of few words."""
