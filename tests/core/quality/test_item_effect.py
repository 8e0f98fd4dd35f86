"""What an audience may bring, by what the audiences of hidden items brought."""

from __future__ import annotations

import math

import numpy as np
import pytest

from feddmf.quality import Evidence, ItemEffect
from feddmf.quality.audience import top_users
from support.hidden import make_evidence


def covered(spread: float, seed: int) -> tuple[float, float]:
    """Return how many of 400 new items' audiences lie in their intervals, as a share, and the mean width."""
    everything = make_evidence(seed, users=200, items=600, spread=spread)
    known, new = everything.of_items(np.arange(200)), everything.of_items(np.arange(200, 600))
    chosen = top_users(new.scores, 40)
    scores, truth = (np.take_along_axis(table, chosen, axis=0) for table in (new.scores, new.truth))
    effect = ItemEffect.of(known, 0.2)
    intervals = [effect.expected_precision(scores[:, item]) for item in range(400)]
    inside = [i.lower <= share <= i.upper for i, share in zip(intervals, truth.mean(axis=0), strict=True)]
    return float(np.mean(inside)), float(np.mean([interval.width for interval in intervals]))


@pytest.mark.parametrize("spread", [0.0, 0.5, 1.0])
def test_intervals_cover_the_precision_of_new_items(spread: float) -> None:
    """Nine in ten, or a few more as users are whole, whether items differ or not."""
    share, _ = covered(spread, seed=3)
    assert 0.88 <= share <= 0.98


def test_intervals_are_as_wide_as_items_differ() -> None:
    """Chance alone leaves .2 with 40 users; items that differ by a factor of 2.7 in odds leave much more."""
    (_, chance), (_, items) = covered(0.0, seed=3), covered(1.0, seed=3)
    assert chance < 0.25
    assert items > 1.5 * chance


def test_expected_precision_is_near_the_mean_probability() -> None:
    """Where the scores are right; and within its interval."""
    scores = np.linspace(0.2, 0.6, 50, dtype=np.float32)
    found = ItemEffect.of(make_evidence(users=200), 0.2).expected_precision(scores)
    assert found.value == pytest.approx(0.4, abs=0.03)
    assert found.lower < found.value < found.upper


def test_an_audience_that_brought_half_is_expected_to_bring_less() -> None:
    """Scores that proved too high on hidden items are brought down."""
    evidence = make_evidence(users=200, items=300)
    truth = evidence.truth & (np.random.default_rng(1).random(evidence.truth.shape) < 0.5)
    effect = ItemEffect.of(Evidence("b", evidence.items, evidence.scores, truth), 0.2)
    assert effect.expected_precision(np.full(50, 0.4)).value == pytest.approx(0.2, abs=0.04)


def test_more_users_leave_less_to_chance() -> None:
    """One user is had or not; of ten thousand only the item's effect is open."""
    effect = ItemEffect.of(make_evidence(users=200), 0.2)
    one, some, many = (effect.expected_precision(np.full(users, 0.4)) for users in (1, 20, 10_000))
    assert (one.lower, one.upper) == (0, 1)
    assert one.width > some.width > many.width
    assert many.lower < 0.4 < many.upper


def test_without_hidden_items_the_interval_is_wide() -> None:
    """Nothing is known of effects but that they are moderate."""
    nothing = Evidence(
        "b", np.empty(0, dtype=np.int64), np.zeros((5, 0), np.float32), np.zeros((5, 0), np.bool_)
    )
    found = ItemEffect.of(nothing, 0.2).expected_precision(np.full(100, 0.4))
    assert found.lower < 0.25
    assert found.upper > 0.55


def test_certain_probabilities_are_held_off_certainty() -> None:
    """Probabilities of 0 and 1 give figures, not nan; an empty audience has none."""
    effect = ItemEffect.of(make_evidence(), 0.2)
    for certain in (0.0, 1.0):
        found = effect.expected_precision(np.full(10, certain))
        assert found.value == pytest.approx(certain, abs=0.01)
        assert found.lower <= found.upper
    assert math.isnan(effect.expected_precision(np.empty(0)).value)
