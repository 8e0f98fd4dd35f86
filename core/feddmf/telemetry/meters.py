"""The figures of one process: metrics with a registry of their own, and what is read when somebody looks."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from feddmf.errors import FedDMFError
from feddmf.telemetry.metrics import SCRAPE_FAILURES, SECONDS_BUCKETS, Kind, Metric

__all__ = ["Look", "Meters", "Reading"]

log = logging.getLogger(__name__)

# Runs that have ended are shown until so many more have: a scrape comes later than the end of a quick run.
_ENDED_RUNS = 16

# The moment at which a series began is a second series, and nobody asks for it.
disable_created_metrics()  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Reading:
    """A value of a metric at this moment."""

    metric: Metric
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


Look = Callable[[], Iterable[Reading]]
"""Reads metrics from elsewhere; it is called on a thread, may block, and may raise FedDMFError or OSError."""


class Meters:
    """Counts and shows `metrics`, each with the labels `always` besides its own.

    Methods may be called from any thread. Series of a run end some time after the run has.
    """

    def __init__(self, metrics: Iterable[Metric], **always: str) -> None:
        self._always = always
        self._registry = CollectorRegistry()
        self._made = {each.name: self._make(each) for each in (*metrics, SCRAPE_FAILURES) if not each.read}
        self._with_run = tuple(each for each in metrics if "run" in each.labels and not each.read)
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()
        self._looks: list[Look] = []
        self._registry.register(_AtEachScrape(self._read))
        ProcessCollector(registry=self._registry)

    def add(self, metric: Metric, amount: float = 1.0, /, **labels: str) -> None:
        """Add to a counter or a gauge."""
        self._child(metric, labels).inc(amount)

    def put(self, metric: Metric, value: float, /, **labels: str) -> None:
        """Set a gauge."""
        self._child(metric, labels).set(value)

    def observe(self, metric: Metric, value: float, /, **labels: str) -> None:
        """Add a value to a histogram."""
        self._child(metric, labels).observe(value)

    def look(self, look: Look) -> None:
        """Call `look` at each scrape; where it fails, its metrics are absent from that scrape."""
        self._looks.append(look)

    def run_begun(self, run: str) -> None:
        """Keep the series of `run` for as long as it goes on."""
        with self._lock:
            self._ended.pop(run, None)

    def run_ended(self, run: str) -> None:
        """Forget the series of `run` once enough others have ended."""
        with self._lock:
            self._ended[run] = None
            self._ended.move_to_end(run)
            over = [self._ended.popitem(last=False)[0] for _ in range(len(self._ended) - _ENDED_RUNS)]
        for old in over:
            for metric in self._with_run:
                self._made[metric.name].remove_by_labels({"run": old})

    def scrape(self, accept: str = "") -> tuple[bytes, str]:
        """Return all series, in the form that the header `accept` asks for, and the name of that form."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type

    def _make(self, metric: Metric) -> Counter | Gauge | Histogram:
        labels = (*self._always, *metric.labels)
        match metric.kind:
            case Kind.COUNTER:
                made: Counter | Gauge | Histogram = Counter(
                    metric.name, metric.meaning, labels, registry=self._registry
                )
            case Kind.GAUGE:
                made = Gauge(metric.name, metric.meaning, labels, registry=self._registry)
            case Kind.HISTOGRAM:
                made = Histogram(
                    metric.name, metric.meaning, labels, registry=self._registry, buckets=SECONDS_BUCKETS
                )
        if labels and not metric.labels and metric.kind is Kind.COUNTER:
            # A counter that has not counted yet stands at 0: its first increase must show.
            made.labels(**self._always)
        return made

    def _child(self, metric: Metric, labels: Mapping[str, str]) -> Any:
        named = {**self._always, **labels}
        made = self._made[metric.name]
        return made.labels(**named) if named else made

    def _read(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        for look in self._looks:
            try:
                readings = list(look())
            except (FedDMFError, OSError) as error:
                log.warning("cannot read figures: %s", error)
                self.add(SCRAPE_FAILURES)
                continue
            for each in readings:
                names = (*self._always, *each.metric.labels)
                values = [{**self._always, **each.labels}[name] for name in names]
                family = families.setdefault(each.metric.name, _family(each.metric, names))
                family.add_metric(values, each.value)
        yield from families.values()


def _family(metric: Metric, labels: tuple[str, ...]) -> CounterMetricFamily | GaugeMetricFamily:
    kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    return kind(metric.name, metric.meaning, labels=labels)


class _AtEachScrape(Collector):
    """Yields what `read` yields, whenever somebody looks."""

    def __init__(self, read: Callable[[], Iterator[CounterMetricFamily | GaugeMetricFamily]]) -> None:
        self._read = read

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Read the metrics."""
        return self._read()
