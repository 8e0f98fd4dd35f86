"""Collaborative filtering on one machine and federated, on the same users."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from feddmf.interactions import Interactions
from feddmf.protocol_settings import FCFSettings
from feddmf_party.datasets.generated import generate
from feddmf_party.reproduce.trial import Trial, central, federated, objective, quality

DATA = generate(60, 40, 1500, seed=1)
EXACT = FCFSettings(method="exact", rank=4, regularization=1.0, rounds=6, min_support=1)


def trial(parties: int = 3) -> Trial:
    """Return a small trial."""
    return Trial.of(DATA, parties=parties, seed=2)


def test_a_fifth_of_each_users_items_is_held_back() -> None:
    """Training and held-back pairs are apart, and together they are all pairs."""
    split = trial()
    assert (split.held.user_counts() == DATA.user_counts() // 5).all()
    assert (split.held.user_counts() + split.train.user_counts() == DATA.user_counts()).all()
    assert sorted(np.concatenate(list(split.dealt.values())).tolist()) == list(range(60))


@pytest.mark.parametrize("support", [1, 5])
def test_exact_rounds_are_those_of_one_machine(support: int) -> None:
    """After each round the factors are those of ALS on everybody's pairs, also with a minimum support."""
    settings = EXACT.model_copy(update={"min_support": support})
    for fit in federated(trial(), settings, seed=2):
        alone = central(trial(), settings, seed=2, iterations=fit.round)
        np.testing.assert_allclose(fit.items, alone.items, atol=1e-10)


def test_the_objective_of_mm_never_rises() -> None:
    """Each round is at least as good as the one before, and near ALS in the end."""
    settings = EXACT.model_copy(update={"method": "mm", "rounds": 20})
    found = [objective(trial(), settings, fit.items) for fit in federated(trial(), settings, seed=2)]
    assert all(after <= before for before, after in itertools.pairwise(found))
    best = objective(trial(), EXACT, central(trial(), EXACT, seed=2, iterations=20).items)
    assert found[-1] <= 1.01 * best


def test_partial_rounds_send_less_and_fit_less() -> None:
    """A round with a third of the parties, or of the items, costs about a third."""
    settings = EXACT.model_copy(update={"method": "mm", "rounds": 10})
    *_, whole = federated(trial(), settings, seed=2)
    for partial in ({"share": 1 / 3}, {"part": 1 / 3}):
        *_, less = federated(trial(), settings, seed=2, **partial)
        assert 0.2 * whole.bytes_sent < less.bytes_sent < 0.5 * whole.bytes_sent
        assert objective(trial(), settings, less.items) > objective(trial(), settings, whole.items)


def test_training_items_are_not_ranked() -> None:
    """Metrics are those of held-back items; knowing nothing is worse than knowing."""
    fitted = quality(trial(), EXACT, central(trial(), EXACT, seed=2, iterations=10).items)
    nothing = quality(trial(), EXACT, np.random.default_rng(0).normal(size=(40, 4)) * 1e-3)
    assert 0 < fitted["precision_at_10"] <= 1
    assert fitted["map_at_10"] > nothing["map_at_10"]
    assert fitted["rmse"] < nothing["rmse"]


def test_where_nothing_is_hit_the_metrics_are_zero() -> None:
    """Eleven items are left to rank, and the one that is held back comes last."""
    train, held = (Interactions.from_pairs(np.array([0]), np.array([i]), shape=(1, 12)) for i in (0, 11))
    items = np.ones((12, 1))
    items[11] = -1
    found = quality(Trial(train, held, {"p00": np.array([0])}), EXACT, items)
    assert [found[f"{name}_at_10"] for name in ("precision", "recall", "f1", "map")] == [0, 0, 0, 0]
    assert found["rmse"] > 1
