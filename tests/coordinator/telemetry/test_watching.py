"""What the coordinator does, as figures and traces."""

from __future__ import annotations

from typing import Any

import pytest

from feddmf.errors import Misconduct, PayloadError, RunFailed
from feddmf.rounds import RoundRecord
from feddmf.telemetry.metrics import Metric
from feddmf.telemetry.traces import Traces
from feddmf_coordinator.observer import Bounds, Observer
from feddmf_coordinator.store.runs import RunState
from feddmf_coordinator.telemetry import metrics
from feddmf_coordinator.telemetry.watching import Watching
from support.runs import small_run

PLAN = small_run(2).plan
RUN = {"run": PLAN.run, "protocol": "feddmf"}


class Kept(Traces):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def run_begun(self, run: str, protocol: str) -> None:
        """Keep it."""
        self.told.append(("begun", run, protocol))

    def round_done(self, run: str, phase: str, number: int, seconds: float, parts: Any) -> None:
        """Keep it."""
        self.told.append(("round", run, phase, number, seconds, parts))

    def run_ended(self, run: str, failure: str = "") -> None:
        """Keep it."""
        self.told.append(("ended", run, failure))


def value(watching: Watching, metric: Metric, part: str = "", **labels: str) -> float | None:
    """Return a series of a metric; None where there is none."""
    return watching.meters._registry.get_sample_value(metric.name + part, labels)


def test_a_run_from_its_beginning_to_its_end() -> None:
    """Rounds, bytes and cosines are counted, and the run is told as a trace under the federation's name."""
    traces = Kept()
    watching = Watching("fed", traces)
    for state in (RunState.GATHERING, RunState.RUNNING):
        watching.run_entered(PLAN, state)
    assert value(watching, metrics.SESSIONS, protocol="feddmf") == 1
    for number in range(2):
        figures = {"cosine": 0.5 + number / 4, "probe_cosine": None, "parties": {}}
        watching.round_closed(PLAN, RoundRecord("train", number, figures, 100, 60), 2.0, 0.25)
    watching.run_entered(PLAN, RunState.FINISHED)
    assert value(watching, metrics.ROUNDS, **RUN, phase="train") == 2
    assert value(watching, metrics.BYTES_RECEIVED, **RUN) == 200
    assert value(watching, metrics.BYTES_SENT, **RUN) == 120
    assert value(watching, metrics.COSINE, **RUN) == 0.75
    assert value(watching, metrics.PROBE_COSINE, **RUN) is None
    assert (value(watching, metrics.RUN_ROUNDS, **RUN) or 0) > 2
    assert value(watching, metrics.ROUND_SECONDS, "_sum", protocol="feddmf", phase="train") == 4
    assert value(watching, metrics.COMBINE_SECONDS, "_sum", protocol="feddmf", phase="train") == 0.5
    assert value(watching, metrics.SESSIONS, protocol="feddmf") == 0
    assert value(watching, metrics.RUNS_ENDED, protocol="feddmf", state="finished", reason="") == 1
    assert traces.told[0] == ("begun", f"fed/{PLAN.run}", "feddmf")
    assert traces.told[1] == ("round", f"fed/{PLAN.run}", "train", 1, 2.0, {"combine": 0.25})
    assert traces.told[-1] == ("ended", f"fed/{PLAN.run}", "")


@pytest.mark.parametrize("is_schema", [True, False])
def test_a_payload_that_was_refused_names_its_sender_and_a_reason_of_two(*, is_schema: bool) -> None:
    """What the party wrote has no place in a label."""
    error = Misconduct("bolt", "bolt sent an array 'x" * 20)
    error.__cause__ = PayloadError("shape") if is_schema else None
    watching = Watching("fed", Traces())
    watching.run_entered(PLAN, RunState.RUNNING)
    watching.run_entered(PLAN, RunState.FAILED, error)
    reason = "schema" if is_schema else "conduct"
    assert value(watching, metrics.PAYLOADS_REFUSED, party="bolt", protocol="feddmf", reason=reason) == 1
    assert value(watching, metrics.RUNS_ENDED, protocol="feddmf", state="failed", reason="Misconduct") == 1


def test_a_run_that_failed_for_another_reason_refused_no_payload() -> None:
    """It ended, by an error of that kind."""
    watching = Watching("fed", Traces())
    watching.run_entered(PLAN, RunState.FAILED, RunFailed("somebody left"))
    assert value(watching, metrics.RUNS_ENDED, protocol="feddmf", state="failed", reason="RunFailed") == 1
    assert "payloads_refused_total{" not in watching.meters.scrape()[0].decode()


def test_calls_are_counted_by_party_and_method_and_those_refused_by_reason() -> None:
    """Who is refused has no name that anybody vouches for."""
    watching = Watching("fed", Traces())
    watching.call_admitted("acme", "Hello")
    watching.call_refused("Refused")
    assert value(watching, metrics.CALLS, party="acme", method="Hello") == 1
    assert value(watching, metrics.CALLS_REFUSED, reason="Refused") == 1


def test_an_observer_takes_no_notice_unless_it_is_one() -> None:
    """Each of its methods can be called."""
    nobody = Observer()
    nobody.run_entered(PLAN, RunState.RUNNING)
    nobody.round_closed(PLAN, RoundRecord("train", 0, {}, 0, 0), 0.0)
    nobody.call_admitted("acme", "Hello")
    nobody.call_refused("Refused")
    nobody.run_waits(PLAN, "answer", ("acme",), Bounds(1.0))
    nobody.party_greeted("acme", "1.2")
    # Those two are for whoever looks at the database.
    told = {name for name in vars(Observer) if not name.startswith("_")} - {"run_waits", "party_greeted"}
    assert told <= set(vars(Watching))
