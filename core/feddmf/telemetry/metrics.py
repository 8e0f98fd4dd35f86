"""What a metric is: its name as Prometheus scrapes it, its kind, its labels, and what it means."""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["SCRAPE_FAILURES", "SECONDS_BUCKETS", "Kind", "Metric"]

SECONDS_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0)
"""Upper bounds of rounds, from those of a test to those of a night's training."""


class Kind(enum.StrEnum):
    """How a metric behaves."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True)
class Metric:
    """One metric; `read` ones have no value of their own and are read from elsewhere at each scrape."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    read: bool = False

    @property
    def series(self) -> tuple[str, ...]:
        """The names that a scrape has of it."""
        parts = ("_bucket", "_sum", "_count") if self.kind is Kind.HISTOGRAM else ("",)
        return tuple(f"{self.name}{part}" for part in parts)


SCRAPE_FAILURES = Metric(
    "feddmf_scrape_failures_total",
    Kind.COUNTER,
    "Times that something which is read at a scrape could not be; the log says what and why.",
)
