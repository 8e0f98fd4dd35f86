"""Whom the coordinator tells what it does: of runs, rounds, waits and calls."""

from __future__ import annotations

from dataclasses import dataclass

from feddmf.errors import FedDMFError
from feddmf.plan import Plan
from feddmf.rounds import RoundRecord
from feddmf_coordinator.store.runs import RunState

__all__ = ["Bounds", "Observer", "Observers"]


@dataclass(frozen=True)
class Bounds:
    """What ends a wait in vain.

    left_s: seconds from now until it does; absent_s: that it does sooner, once more than `spare` parties are
    silent for so long, None where silence ends nothing; spare: how many parties it can do without.
    """

    left_s: float
    absent_s: float | None = None
    spare: int = 0


class Observer:
    """Is told on the event loop, does not block and raises nothing; this one takes no notice."""

    def run_entered(self, plan: Plan, state: RunState, error: FedDMFError | None = None) -> None:
        """Note that a run is in `state` now; error: why it ended there."""

    def round_closed(self, plan: Plan, record: RoundRecord, seconds: float, combine_s: float = 0.0) -> None:
        """Note a round of a run, how long it took, and how much of that its combination."""

    def run_waits(self, plan: Plan, what: str, parties: tuple[str, ...], bounds: Bounds) -> None:
        """Note that a run waits for `what` of `parties`, of none where all is there; again as bounds move."""

    def call_admitted(self, party: str, method: str) -> None:
        """Note that a call of a party is served."""

    def party_greeted(self, party: str, software: str) -> None:
        """Note which software a party says that it runs."""

    def call_refused(self, reason: str) -> None:
        """Note that a call was turned away or ended with an error; reason: one of few words."""


class Observers(Observer):
    """Tells each of several, in order."""

    def __init__(self, *told: Observer) -> None:
        self._told = told

    def run_entered(self, plan: Plan, state: RunState, error: FedDMFError | None = None) -> None:
        """Tell each."""
        for each in self._told:
            each.run_entered(plan, state, error)

    def round_closed(self, plan: Plan, record: RoundRecord, seconds: float, combine_s: float = 0.0) -> None:
        """Tell each."""
        for each in self._told:
            each.round_closed(plan, record, seconds, combine_s)

    def run_waits(self, plan: Plan, what: str, parties: tuple[str, ...], bounds: Bounds) -> None:
        """Tell each."""
        for each in self._told:
            each.run_waits(plan, what, parties, bounds)

    def call_admitted(self, party: str, method: str) -> None:
        """Tell each."""
        for each in self._told:
            each.call_admitted(party, method)

    def party_greeted(self, party: str, software: str) -> None:
        """Tell each."""
        for each in self._told:
            each.party_greeted(party, software)

    def call_refused(self, reason: str) -> None:
        """Tell each."""
        for each in self._told:
            each.call_refused(reason)
