"""Figures of a process: what is counted, what is read, and which series end."""

from __future__ import annotations

import logging

import pytest

from feddmf.errors import LocalResourceError
from feddmf.telemetry.meters import Meters, Reading
from feddmf.telemetry.metrics import Kind, Metric

DONE = Metric("t_done_total", Kind.COUNTER, "Done.", ("run",))
PLAIN = Metric("t_plain_total", Kind.COUNTER, "Plain.")
LEVEL = Metric("t_level", Kind.GAUGE, "Level.")
SPAN = Metric("t_span_seconds", Kind.HISTOGRAM, "Span.", ("phase",))
READ = Metric("t_free_bytes", Kind.GAUGE, "Free.", ("disk",), read=True)
METRICS = (DONE, PLAIN, LEVEL, SPAN, READ)


def series(meters: Meters) -> dict[str, float]:
    """Return what a scrape has of the metrics of this test, by name with labels."""
    lines = meters.scrape()[0].decode().splitlines()
    found = (line.rpartition(" ") for line in lines if line.startswith(("t_", "feddmf_")))
    return {name: float(value) for name, _, value in found}


def test_what_is_counted_is_shown_with_the_labels_of_the_process() -> None:
    """A counter stands at 0 before it counts; a histogram has its bounds."""
    meters = Meters(METRICS, party="acme")
    assert series(meters)['t_plain_total{party="acme"}'] == 0
    meters.add(DONE, run="r1")
    meters.add(DONE, 2, run="r1")
    meters.put(LEVEL, 0.5)
    meters.observe(SPAN, 0.2, phase="train")
    shown = series(meters)
    assert shown['t_done_total{party="acme",run="r1"}'] == 3
    assert shown['t_level{party="acme"}'] == 0.5
    assert shown['t_span_seconds_bucket{le="0.1",party="acme",phase="train"}'] == 0
    assert shown['t_span_seconds_bucket{le="0.25",party="acme",phase="train"}'] == 1
    assert shown['t_span_seconds_count{party="acme",phase="train"}'] == 1
    assert not [name for name in shown if "_created" in name]


def test_names_of_series_are_those_that_are_scraped() -> None:
    """What a metric says of itself is what Prometheus sees, but for what is the process's own."""
    meters = Meters(METRICS)
    meters.look(lambda: [Reading(READ, 1, {"disk": "a"})])
    meters.add(DONE, run="r")
    meters.observe(SPAN, 1, phase="p")
    scraped = {name.partition("{")[0] for name in series(meters)}
    assert scraped == {name for metric in METRICS for name in metric.series} | {
        "feddmf_scrape_failures_total"
    }


def test_series_of_runs_that_ended_are_forgotten_after_a_while() -> None:
    """The last 16 stay, so that a scrape sees them; one that goes on again stays too."""
    meters = Meters(METRICS)
    for number in range(20):
        meters.run_begun(f"r{number}")
        meters.add(DONE, run=f"r{number}")
    for number in range(20):
        meters.run_ended(f"r{number}")
        if number == 0:
            meters.run_begun("r0")
    kept = {name for name in series(meters) if name.startswith("t_done")}
    assert kept == {f't_done_total{{run="r{number}"}}' for number in (0, *range(4, 20))}


def test_what_cannot_be_read_is_absent_and_the_rest_is_there(caplog: pytest.LogCaptureFixture) -> None:
    """A database that is away hides its own figures alone, and is counted."""

    def broken() -> list[Reading]:
        raise LocalResourceError("the disk is gone")

    meters = Meters(METRICS)
    meters.look(broken)
    meters.look(lambda: [Reading(READ, 7, {"disk": "a"}), Reading(READ, 8, {"disk": "b"})])
    with caplog.at_level(logging.WARNING):
        shown = series(meters)
    assert {shown['t_free_bytes{disk="a"}'], shown['t_free_bytes{disk="b"}']} == {7, 8}
    assert series(meters)["feddmf_scrape_failures_total"] >= 1
    assert "the disk is gone" in caplog.text


def test_the_process_itself_is_shown() -> None:
    """Memory, file descriptors and processor time, under the names that everybody uses."""
    text = Meters(()).scrape()[0].decode()
    assert "process_resident_memory_bytes" in text
    assert "process_open_fds" in text


def test_two_processes_in_one_do_not_meet() -> None:
    """Each has a registry of its own."""
    one, other = Meters(METRICS), Meters(METRICS)
    one.add(PLAIN)
    assert (series(one)["t_plain_total"], series(other)["t_plain_total"]) == (1, 0)
