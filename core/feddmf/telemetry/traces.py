"""Runs as OpenTelemetry traces: a span a run, in it one a round, in that one a part of the round.

Sides do not know of each other's spans: a trace's number is made of the run's name, so that the spans of all
parties and of the coordinator stand in one trace wherever one collector has them all. Attributes are the run,
the protocol, phase and round, and the names of sides; nothing else is ever told.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

__all__ = ["Spans", "Traces", "traces_of"]

log = logging.getLogger(__name__)

# Where OpenTelemetry itself looks for the address of a collector.
_VARIABLES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
# A collector that is away must not keep a process from ending.
_LAST_S = 1.0
_NANOSECONDS = 1_000_000_000


class Traces:
    """Is told of runs and their rounds, and takes no notice; `Spans` does."""

    def run_begun(self, run: str, protocol: str) -> None:
        """Note that a run goes on from here."""

    def round_done(
        self, run: str, phase: str, number: int, seconds: float, parts: Mapping[str, float]
    ) -> None:
        """Note a round that ends now and took `seconds`; parts: seconds by name, each up to now."""

    def run_ended(self, run: str, failure: str = "") -> None:
        """Note that a run is over, and with an error of which kind."""

    def close(self) -> None:
        """Send what was not sent yet, in a moment or not at all."""


class Spans(Traces):
    """Turns runs and rounds into spans of `provider`."""

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry import trace
        from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

        class RunIds(RandomIdGenerator):
            """Numbers of spans by chance, of traces by the run that begins."""

            run = ""

            def generate_trace_id(self) -> int:
                """Return the first half of the run's digest."""
                return int.from_bytes(hashlib.sha256(self.run.encode()).digest()[:16], "big")

        self._trace = trace
        self._provider = provider
        self._ids = provider.id_generator = RunIds()
        self._tracer = provider.get_tracer("feddmf")
        self._runs: dict[str, Span] = {}

    def run_begun(self, run: str, protocol: str) -> None:
        """Begin a run's span."""
        self.run_ended(run)
        self._ids.run = run
        attributes = {"feddmf.run": run, "feddmf.protocol": protocol}
        self._runs[run] = self._tracer.start_span(f"run {run}", attributes=attributes)

    def round_done(
        self, run: str, phase: str, number: int, seconds: float, parts: Mapping[str, float]
    ) -> None:
        """Add a round's span and those of its parts."""
        above = self._runs.get(run)
        if above is None:
            return
        now = time.time_ns()
        attributes = {"feddmf.run": run, "feddmf.phase": phase, "feddmf.round": number}
        whole = self._add(above, f"round {phase}", now, seconds, attributes)
        for name, part_s in parts.items():
            self._add(whole, name, now, min(part_s, seconds), attributes)

    def run_ended(self, run: str, failure: str = "") -> None:
        """End a run's span."""
        span = self._runs.pop(run, None)
        if span is None:
            return
        if failure:
            span.set_status(self._trace.Status(self._trace.StatusCode.ERROR, failure))
        span.end()

    def close(self) -> None:
        """End what is open, and send it; a collector that does not answer is left behind."""
        for run in tuple(self._runs):
            self.run_ended(run)
        sending = threading.Thread(target=self._provider.shutdown, daemon=True)
        sending.start()
        sending.join(_LAST_S)

    def _add(
        self, above: Span, name: str, end_ns: int, seconds: float, attributes: Mapping[str, Any]
    ) -> Span:
        span = self._tracer.start_span(
            name,
            context=self._trace.set_span_in_context(above),
            start_time=end_ns - int(seconds * _NANOSECONDS),
            attributes=attributes,
        )
        span.end(end_ns)
        return span


def traces_of(side: str, name: str) -> Traces:
    """Return what sends traces where the OTEL_* environment says, or takes no notice where it says nothing.

    side: "coordinator" or "party"; name: of the federation or the party.
    """
    if not any(os.environ.get(variable) for variable in _VARIABLES):
        return Traces()
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError:
        # A cluster sets the variable for everybody; that is no reason not to start.
        log.info("no traces are sent: pip install 'feddmf[otel]'")
        return Traces()
    resource = Resource.create({"service.name": f"feddmf-{side}", "service.instance.id": name})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Spans(provider)
