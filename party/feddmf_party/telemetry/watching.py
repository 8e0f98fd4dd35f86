"""Whom a node tells what it does beside its people: what it hears becomes figures and traces."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from feddmf.errors import FedDMFError
from feddmf.telemetry.meters import Meters
from feddmf.telemetry.traces import Traces
from feddmf_party.node import NodeEvents
from feddmf_party.participation import Participation, RoundFigures
from feddmf_party.run_folder import RunFolder
from feddmf_party.telemetry import metrics

__all__ = ["Watching", "both"]


class Watching:
    """Counts into `meters` and tells `traces` what the node of `party` does."""

    def __init__(self, party: str, traces: Traces, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.meters = Meters(metrics.METRICS, party=party)
        self._traces, self._clock = traces, clock
        self._federation = ""
        self._answers: bool | None = None
        self._run, self._protocol = "", ""
        # Rounds before each phase's first.
        self._before: dict[str, int] = {}
        self._round_began = 0.0

    def events(self) -> NodeEvents:
        """Return what the node calls."""
        return NodeEvents(
            connected=self._connected,
            reached=self._reached,
            joined=self._joined,
            declined=lambda run, error: self._ended(run, "declined", error),
            round_done=self._round_done,
            finished=self._finished,
            failed=lambda run, error: self._ended(run, "failed", error),
        )

    def _connected(self, federation: str, _address: str) -> None:
        self._federation = federation
        self.meters.put(metrics.INFO, 1, federation=federation, version=version("feddmf"))
        self._reached(answers=True)

    def _reached(self, answers: bool) -> None:
        if answers and self._answers is False:
            self.meters.add(metrics.RECONNECTS)
        if answers is not self._answers:
            self.meters.put(metrics.CONNECTED, int(answers))
        self._answers = answers

    def _joined(self, part: Participation) -> None:
        self._run, self._protocol = part.plan.run, part.plan.settings.protocol
        self._round_began = self._clock()
        self.meters.run_begun(self._run)
        rounds = 0
        for phase in part.phases:
            self._before[phase.name] = rounds
            rounds += phase.rounds
        self.meters.put(metrics.RUN_ROUNDS, rounds, run=self._run, protocol=self._protocol)
        self._traces.run_begun(self._trace(self._run), self._protocol)

    def _round_done(self, told: RoundFigures) -> None:
        now = self._clock()
        seconds, self._round_began = now - self._round_began, now
        run = {"run": self._run, "protocol": self._protocol}
        kind = {"protocol": self._protocol, "phase": told.phase}
        self.meters.add(metrics.ROUNDS, **run, phase=told.phase)
        self.meters.observe(metrics.ROUND_SECONDS, seconds, **kind)
        self.meters.observe(metrics.EXCHANGE_SECONDS, told.exchange_s, **kind)
        self.meters.put(metrics.RUN_ROUNDS_DONE, told.number, **run)
        self.meters.put(metrics.BYTES_SENT, told.bytes_sent, **run)
        cosine: Any = told.figures.get("cosine")
        if cosine is not None:
            self.meters.put(metrics.COSINE, cosine, **run)
        parts = {"exchange": told.exchange_s}
        number = told.number - self._before[told.phase]
        self._traces.round_done(self._trace(self._run), told.phase, number, seconds, parts)

    def _finished(self, kept: RunFolder) -> None:
        self._ended(kept.path.name, "finished", None)

    def _ended(self, run: str, state: str, error: FedDMFError | None) -> None:
        reason = "" if error is None else type(error).__name__
        self.meters.add(metrics.RUNS_ENDED, state=state, reason=reason)
        self.meters.run_ended(run)
        self._traces.run_ended(self._trace(run), reason)

    def _trace(self, run: str) -> str:
        """Return the name of a run's trace, which the coordinator and the peers can make too."""
        return f"{self._federation}/{run}"


def both(one: NodeEvents, other: NodeEvents) -> NodeEvents:
    """Return events that tell two listeners, in this order."""

    def to_both(name: str) -> Callable[..., None]:
        def tell(*what: Any) -> None:
            getattr(one, name)(*what)
            getattr(other, name)(*what)

        return tell

    return NodeEvents(**{name: to_both(name) for name in NodeEvents.__dataclass_fields__})
