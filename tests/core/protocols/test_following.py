"""Noise and frozen vectors are named, each time; parties that train are not, however small the run."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddmf.alignment import unit_rows
from feddmf.errors import Misconduct
from feddmf.protocols.following import Following, Verdict
from feddmf.protocols.pulled import Pulled, PulledEvidence
from feddmf.rounds import RoundRecord
from feddmf.runfile import EnforcementSettings
from feddmf.simulation import simulate
from support.cheats import CHEATS, Cheat, Trick, frozen, noise
from support.runs import SmallRun, small_run

RUNS: dict[str, dict[str, Any]] = {
    "default": {"recipe": "default"},
    "embedding": {},
    "default, other draws": {"recipe": "default", "seed": 1},
    "embedding, other draws": {"seed": 1},
    "embedding, few steps between exchanges": {"shared": 60, "own": 20, "users": 100, "each": 12},
    "embedding, few shared items": {"shared": 4, "own": 10},
    "embedding, many rounds": {"training": {"epochs": 50}, "alignment": {"max_rounds": 250}},
    "paper": {"recipe": "paper", "training": {"epochs": 6}},
    "paper, many exchanges": {
        "recipe": "paper",
        "training": {"epochs": 10},
        "alignment": {"syncs_per_epoch": 20, "max_rounds": 200},
    },
}
REPORT = {"not_following": "report", "probe_floor": -1}


def play(run: SmallRun, cheat: Trick | None = None) -> list[RoundRecord]:
    """Simulate a run, in which bolt may cheat; return its rounds."""
    records: list[RoundRecord] = []
    members = run.members()
    if cheat is not None:
        members["bolt"] = Cheat(members["bolt"], cheat)
    simulate(run.plan, run.rows, members, on_round=records.append)
    return records


@pytest.mark.parametrize("parties", [2, 3])
@pytest.mark.parametrize("kind", RUNS)
def test_honest_parties_are_not_named(kind: str, parties: int) -> None:
    """Parties that train follow with room to spare, long after they are aligned, in every round."""
    run = small_run(parties, **RUNS[kind], enforcement=REPORT)
    records = play(run)
    late = [record for record in records if record.number > 4 or record.phase == "close"]
    assert len(late) > 5
    for record in late:
        for verdict in record.diagnostics["parties"].values():
            assert verdict["response"] > 0.4  # twice the floor
            assert verdict["rounds_not_following"] == 0
    assert records[-1].diagnostics["cosine"] > 0.5


@pytest.mark.parametrize("parties", [2, 3])
@pytest.mark.parametrize("cheat", CHEATS)
@pytest.mark.parametrize(
    "kind", ["default", "embedding", "embedding, few steps between exchanges", "paper, many exchanges"]
)
def test_who_does_not_train_is_named(kind: str, cheat: Trick, parties: int) -> None:
    """Noise, frozen vectors, and frozen vectors with a little noise end the run with the sender's name."""
    run = small_run(parties, **RUNS[kind])
    with pytest.raises(
        Misconduct, match=r"bolt has not followed its alignment targets (for 5 rounds|in the whole training)"
    ) as caught:
        play(run, cheat)
    assert caught.value.party == "bolt"
    assert "nothing is published" in caught.value.message


@pytest.mark.parametrize("cheat", CHEATS)
def test_opposite_a_cheat_nobody_else_looks_guilty(cheat: Trick) -> None:
    """Where cheating is only reported the run goes on, and the others' response stays above the floor."""
    run = small_run(3, enforcement=REPORT)
    records = play(run, cheat)
    assert len(records) == run.plan.settings.rounds + 1
    last = records[-1].diagnostics["parties"]
    assert last["bolt"]["response"] < 0.1
    assert last["bolt"]["rounds_not_following"] > 80
    for honest in ("acme", "cargo"):
        assert last[honest]["response"] > 0.3
        assert last[honest]["rounds_not_following"] == 0


@pytest.mark.parametrize("cheat", [noise, frozen])
def test_who_stops_training_later_is_named_later(cheat: Trick) -> None:
    """A good beginning does not cover noise or a standstill that comes after it."""
    run, records = small_run(2), []
    members = run.members()
    members["bolt"] = Cheat(members["bolt"], cheat, start=30)
    with pytest.raises(Misconduct, match="bolt has not followed"):
        simulate(run.plan, run.rows, members, on_round=records.append)
    assert 30 < len(records) < 60


@pytest.mark.parametrize("cheat", CHEATS)
@pytest.mark.parametrize("rounds", [2, 6])
def test_a_run_that_is_shorter_than_its_warm_up_is_judged_at_the_end(cheat: Trick, rounds: int) -> None:
    """However few rounds a run has, noise and frozen vectors are named before anything is published."""
    run = small_run(2, alignment={"max_rounds": rounds})
    with pytest.raises(Misconduct, match="bolt has not followed its alignment targets in the whole training"):
        play(run, cheat)
    play(run)  # the honest run of that length holds


def test_without_a_pull_nobody_is_judged() -> None:
    """With beta 0 nothing pulls, and independent training is nobody's fault."""
    run = small_run(2, alignment={"beta": 0.0}, enforcement={"probe_floor": -1})
    assert len(play(run)) == run.plan.settings.rounds + 1


UP, RIGHT = np.array([[0.0, 1.0]]), np.array([[1.0, 0.0]])


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (unit_rows(RIGHT + 0.1 * UP), 1.0),
        (unit_rows(RIGHT - 0.1 * UP), -1.0),
        (RIGHT, 0.0),
    ],
)
def test_response_is_the_cosine_of_movement_and_pull(after: Any, expected: float) -> None:
    """A vector that turns to its target has 1, one that turns away -1, one that stands still 0."""
    found = PulledEvidence().add(RIGHT, after, UP).response
    assert found == pytest.approx(expected, abs=0.01)


def test_nothing_that_pulls_is_no_evidence() -> None:
    """A zero target, or one that the vector is on, says nothing about who moved."""
    still = PulledEvidence().add(RIGHT, UP, np.zeros((1, 2))).add(RIGHT, UP, 2 * RIGHT)
    assert still == PulledEvidence()
    assert still.response is None


def test_rounds_count_by_how_hard_they_pulled() -> None:
    """Jitter around the target late in a run does not outweigh having followed when it mattered."""
    followed = PulledEvidence().add(RIGHT, unit_rows(RIGHT + UP), UP)
    jitter = followed
    near = unit_rows(RIGHT + 0.01 * UP)
    for _ in range(20):
        jitter = jitter.add(near, unit_rows(RIGHT + 0.02 * UP), RIGHT)  # away from the target
    assert followed.response == pytest.approx(math.cos(math.pi / 8), abs=1e-6)
    assert jitter.response == pytest.approx(followed.response, abs=0.01)


@given(st.integers(0, 2**32))
def test_evidence_does_not_depend_on_how_rounds_hold_rows(seed: int) -> None:
    """Rows of one round, or the same rows in two rounds, are the same evidence."""
    generator = np.random.default_rng(seed)
    before, after, targets = (unit_rows(generator.normal(size=(6, 3))) for _ in range(3))
    once = PulledEvidence().add(before, after, targets)
    twice = PulledEvidence().add(before[:2], after[:2], targets[:2]).add(before[2:], after[2:], targets[2:])
    assert once.along == pytest.approx(twice.along)
    assert (once.movement, once.pull) == pytest.approx((twice.movement, twice.pull))
    assert once.response is not None
    assert -1 <= once.response <= 1


def observed(settings: EnforcementSettings, rounds: int) -> tuple[Following, dict[str, Verdict]]:
    """Return the verdicts on acme, who stands still, and bolt, who follows, after some rounds."""
    following, verdicts = Following(settings, settings.follow_floor), {}
    for number in range(rounds):
        vectors = {"acme": RIGHT, "bolt": unit_rows(RIGHT + 0.1 * number * UP)}
        told = {p: [Pulled(sent, UP, np.array([True]))] for p, sent in vectors.items()}
        following, verdicts = following.observe({p: [sent] for p, sent in vectors.items()}, told)
    return following, verdicts


def test_warm_up_and_rounds_in_a_row() -> None:
    """Nobody is judged in the warm-up; then rounds under the floor count, and at the limit one is named."""
    settings = EnforcementSettings(warmup_rounds=3, follow_rounds=2)
    counts = [observed(settings, rounds)[1]["acme"].rounds_not_following for rounds in (1, 2, 3, 4, 5)]
    assert counts == [0, 0, 0, 1, 2]
    following, verdicts = observed(settings, 4)
    following.enforce()
    assert verdicts["bolt"].rounds_not_following == 0
    following, _ = observed(settings, 5)
    with pytest.raises(Misconduct, match="acme has not followed its alignment targets for 2 rounds"):
        following.enforce()
