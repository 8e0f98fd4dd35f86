"""What a node does, as figures; told beside what its people are told."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from feddmf.errors import PolicyError
from feddmf.telemetry.metrics import Metric
from feddmf.telemetry.traces import Traces
from feddmf_party.node import NodeEvents
from feddmf_party.participation import Participation, RoundFigures
from feddmf_party.run_folder import RunFolder
from feddmf_party.telemetry import metrics
from feddmf_party.telemetry.watching import Watching, both
from support.runs import small_run

PLAN = small_run(2).plan
RUN = {"run": PLAN.run, "protocol": "feddmf"}


def value(watching: Watching, metric: Metric, part: str = "", **labels: str) -> float | None:
    """Return a series of a metric of acme; None where there is none."""
    found = watching.meters._registry.get_sample_value(metric.name + part, {"party": "acme", **labels})
    return cast("float | None", found)


def participation() -> Participation:
    """Return what a node tells of a run that it joins, as far as anybody looks at it."""
    phases = (SimpleNamespace(name="train", rounds=7), SimpleNamespace(name="close", rounds=1))
    return cast("Participation", SimpleNamespace(plan=PLAN, phases=phases))


def test_a_run_from_its_beginning_to_its_end() -> None:
    """Rounds take what the clock says, exchanges what the node says; figures are the last ones."""
    times, rounds = iter((10.0, 12.0, 15.0)), []

    class Kept(Traces):
        """Keeps the rounds that it is told of."""

        def round_done(self, *told: Any) -> None:
            """Keep it."""
            rounds.append(told)

    watching = Watching("acme", Kept(), clock=lambda: next(times))
    events = watching.events()
    events.connected("fed", "localhost:1")
    events.joined(participation())
    events.round_done(RoundFigures("train", 1, 8, {"loss": 1.0}, 100, 0.5))
    events.round_done(RoundFigures("train", 2, 8, {"loss": 0.5, "cosine": 0.25}, 220, 1.5))
    events.finished(RunFolder(Path("runs") / PLAN.run))
    name = f"fed/{PLAN.run}"
    assert rounds == [(name, "train", 1, 2.0, {"exchange": 0.5}), (name, "train", 2, 3.0, {"exchange": 1.5})]
    assert value(watching, metrics.CONNECTED) == 1
    assert value(watching, metrics.RUN_ROUNDS, **RUN) == 8
    assert value(watching, metrics.RUN_ROUNDS_DONE, **RUN) == 2
    assert value(watching, metrics.ROUNDS, **RUN, phase="train") == 2
    assert value(watching, metrics.ROUND_SECONDS, "_sum", protocol="feddmf", phase="train") == 5
    assert value(watching, metrics.EXCHANGE_SECONDS, "_sum", protocol="feddmf", phase="train") == 2
    assert value(watching, metrics.COSINE, **RUN) == 0.25
    assert value(watching, metrics.BYTES_SENT, **RUN) == 220
    assert value(watching, metrics.RUNS_ENDED, state="finished", reason="") == 1
    # A member's loss, its users and its items are the party's own.
    text = watching.meters.scrape()[0].decode()
    assert not [word for word in ("loss", "user", "item") if f"{word}" in "".join(_series(text))]


def _series(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_a_reconnect_is_an_answer_after_silence() -> None:
    """The first answer is none, and silence is told once however many calls notice it."""
    watching = Watching("acme", Traces())
    reached = watching.events().reached
    for answers in (True, True, False, False, True, True, False):
        reached(answers)
    assert value(watching, metrics.RECONNECTS) == 1
    assert value(watching, metrics.CONNECTED) == 0


def test_what_the_policy_refused_is_counted_by_its_kind() -> None:
    """Declined or failed: the word for why is the error's class, and not what it says."""
    watching = Watching("acme", Traces())
    watching.events().declined("r1", PolicyError("item 4711 may not leave"))
    watching.events().failed("r1", PolicyError("item 4711 may not leave"))
    assert value(watching, metrics.RUNS_ENDED, state="declined", reason="PolicyError") == 1
    assert value(watching, metrics.RUNS_ENDED, state="failed", reason="PolicyError") == 1
    assert b"4711" not in watching.meters.scrape()[0]


def test_two_listeners_hear_the_same_in_order() -> None:
    """Whatever the node tells, both are told."""
    heard: list[tuple[str, str, tuple[Any, ...]]] = []

    def events(who: str) -> NodeEvents:
        def keeper(name: str) -> Any:
            return lambda *what: heard.append((who, name, what))

        return NodeEvents(**{name: keeper(name) for name in NodeEvents.__dataclass_fields__})

    together = both(events("one"), events("other"))
    for name in NodeEvents.__dataclass_fields__:
        getattr(together, name)("x")
    names = [name for name in NodeEvents.__dataclass_fields__ for _ in range(2)]
    assert heard == [
        (who, name, ("x",)) for who, name in zip(("one", "other") * (len(names) // 2), names, strict=True)
    ]
