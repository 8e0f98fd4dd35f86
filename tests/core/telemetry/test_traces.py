"""Runs as spans, kept in memory; and no trace of OpenTelemetry where nobody asked for it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from feddmf.telemetry.traces import Spans, Traces, traces_of

otel = pytest.importorskip("opentelemetry.sdk.trace")
memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
export = pytest.importorskip("opentelemetry.sdk.trace.export")


def told(side: str = "a") -> list[otel.ReadableSpan]:
    """Return the spans of a run of one round, made by one side."""
    kept = memory.InMemorySpanExporter()
    provider = otel.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(kept))
    spans = Spans(provider)
    spans.run_begun("fed/r1", "feddmf")
    spans.round_done("fed/r1", "train", 4, 2.0, {"combine": 0.5})
    spans.run_ended("fed/r1", "" if side == "a" else "TimedOut")
    spans.round_done("fed/r1", "train", 5, 2.0, {})
    spans.close()
    return list(kept.get_finished_spans())


def test_a_run_has_rounds_and_a_round_has_parts() -> None:
    """Each stands in the one above, with its seconds; what comes after the run's end is not told."""
    spans = {span.name: span for span in told()}
    run, round_, part = (spans.pop(name) for name in ("run fed/r1", "round train", "combine"))
    assert not spans
    assert (run.parent, round_.parent.span_id, part.parent.span_id) == (
        None,
        run.context.span_id,
        round_.context.span_id,
    )
    assert [span.end_time - span.start_time for span in (round_, part)] == [2_000_000_000, 500_000_000]
    assert dict(part.attributes) == {"feddmf.run": "fed/r1", "feddmf.phase": "train", "feddmf.round": 4}


def test_both_sides_of_a_run_stand_in_one_trace() -> None:
    """A trace's number is made of the run's name; spans of the run itself differ."""
    one, other = ({span.name: span for span in told(side)} for side in "ab")
    assert one["run fed/r1"].context.trace_id == other["run fed/r1"].context.trace_id
    assert one["run fed/r1"].context.span_id != other["run fed/r1"].context.span_id
    assert other["run fed/r1"].status.description == "TimedOut"


def test_nothing_is_imported_where_nobody_asked() -> None:
    """Without an address of a collector OpenTelemetry is not even loaded."""
    code = (
        "import sys; from feddmf.telemetry.traces import traces_of; traces_of('party', 'acme').close(); "
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0


def test_a_collector_that_is_away_keeps_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """With an address spans are made; what cannot be sent is left behind."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    traces = traces_of("coordinator", "fed")
    assert isinstance(traces, Spans)
    traces.run_begun("fed/r1", "fcf")
    traces.close()


def test_without_the_extra_a_process_starts_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster may set the variable for everybody."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    assert type(traces_of("party", "acme")) is Traces
