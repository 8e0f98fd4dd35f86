"""The observer of the serving process: what it hears becomes figures and traces."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from types import MappingProxyType
from typing import Any

from feddmf.errors import FedDMFError, Misconduct, PayloadError
from feddmf.plan import Plan
from feddmf.protocols.registry import protocol_for
from feddmf.rounds import RoundRecord
from feddmf.telemetry.meters import Meters
from feddmf.telemetry.metrics import Metric
from feddmf.telemetry.traces import Traces
from feddmf_coordinator.observer import Observer
from feddmf_coordinator.store.runs import RunState
from feddmf_coordinator.telemetry import metrics

__all__ = ["Watching"]

_FIGURES: Mapping[str, Metric] = MappingProxyType(
    {"cosine": metrics.COSINE, "probe_cosine": metrics.PROBE_COSINE}
)


class Watching(Observer):
    """Counts into `meters` and tells `traces`."""

    def __init__(self, federation: str, traces: Traces) -> None:
        self.meters = Meters(metrics.METRICS)
        self.meters.put(metrics.INFO, 1, federation=federation, version=version("feddmf"))
        self._federation, self._traces = federation, traces
        self._served: set[str] = set()

    def run_entered(self, plan: Plan, state: RunState, error: FedDMFError | None = None) -> None:
        """Count the runs that are served, and how they end."""
        protocol = plan.settings.protocol
        if state.ended:
            self._end(plan.run, protocol, state, error)
        elif plan.run not in self._served:
            self._served.add(plan.run)
            self.meters.run_begun(plan.run)
            self.meters.put(metrics.RUN_ROUNDS, _rounds(plan), run=plan.run, protocol=protocol)
            self.meters.add(metrics.SESSIONS, protocol=protocol)
            self._traces.run_begun(self._trace(plan.run), protocol)

    def round_closed(self, plan: Plan, record: RoundRecord, seconds: float, combine_s: float = 0.0) -> None:
        """Count a round and its bytes; keep what it measured."""
        run = {"run": plan.run, "protocol": plan.settings.protocol}
        kind = {"protocol": plan.settings.protocol, "phase": record.phase}
        self.meters.add(metrics.ROUNDS, **run, phase=record.phase)
        self.meters.observe(metrics.ROUND_SECONDS, seconds, **kind)
        self.meters.observe(metrics.COMBINE_SECONDS, combine_s, **kind)
        self.meters.add(metrics.BYTES_RECEIVED, record.bytes_up, **run)
        self.meters.add(metrics.BYTES_SENT, record.bytes_down, **run)
        for name, metric in _FIGURES.items():
            value: Any = record.diagnostics.get(name)
            if isinstance(value, int | float):
                self.meters.put(metric, value, **run)
        parts = {"combine": combine_s}
        self._traces.round_done(self._trace(plan.run), record.phase, record.number + 1, seconds, parts)

    def call_admitted(self, party: str, method: str) -> None:
        """Count a call."""
        self.meters.add(metrics.CALLS, party=party, method=method)

    def call_refused(self, reason: str) -> None:
        """Count a call that was not served."""
        self.meters.add(metrics.CALLS_REFUSED, reason=reason)

    def _end(self, run: str, protocol: str, state: RunState, error: FedDMFError | None) -> None:
        reason = "" if error is None else type(error).__name__
        self.meters.add(metrics.RUNS_ENDED, protocol=protocol, state=state.value, reason=reason)
        if isinstance(error, Misconduct):
            found = "schema" if isinstance(error.__cause__, PayloadError) else "conduct"
            self.meters.add(metrics.PAYLOADS_REFUSED, party=error.party, protocol=protocol, reason=found)
        if run in self._served:
            self._served.discard(run)
            self.meters.add(metrics.SESSIONS, -1, protocol=protocol)
        self.meters.run_ended(run)
        self._traces.run_ended(self._trace(run), reason)

    def _trace(self, run: str) -> str:
        """Return the name of a run's trace, which its parties can make too."""
        return f"{self._federation}/{run}"


def _rounds(plan: Plan) -> int:
    return sum(phase.rounds for phase in protocol_for(plan.settings.protocol).phases(plan))
