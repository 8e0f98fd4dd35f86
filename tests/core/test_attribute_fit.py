"""One attribute's regression: raw vectors, folds, quality, and many users."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from feddmf import attribute_fit
from feddmf.attribute_fit import Users, area_and_error, fit_attribute
from feddmf.evaluation import roc_auc
from feddmf.interactions import Interactions
from feddmf.randomness import generator

USERS, DIM, ITEMS = 1500, 4, 20


def make_users(seed: int = 0, users: int = USERS) -> tuple[Users, np.ndarray, np.ndarray]:
    """Return users, whose first entry of the vector and whose item 3 tell the label; and the chance of it."""
    draws = np.random.default_rng(seed)
    vectors = draws.normal(2.0, 0.1, (users, DIM)).astype(np.float32)
    has = draws.random((users, ITEMS)) < 0.3
    rows, items = np.nonzero(has)
    shared = Interactions.from_pairs(rows, items, shape=(users, ITEMS))
    activity = np.log1p(has.sum(1)).astype(np.float32)
    chance = expit(10 * (vectors[:, 0] - 2.0) + 2 * has[:, 3] - 1)
    return Users.of(vectors, activity, shared), draws.random(users) < chance, chance


def logits(users: Users, fit: attribute_fit.AttributeFit) -> np.ndarray:
    """Return the logit of raw users, as a peer works it out."""
    told = users.dense[:, :-1] @ fit.weights + fit.activity * users.dense[:, -1]
    return np.asarray(told + users.items @ fit.items + fit.intercept)


@pytest.fixture(scope="module")
def fitted() -> tuple[Users, np.ndarray, np.ndarray, attribute_fit.AttributeFit]:
    """Return users with their labels and chances, and the fit."""
    users, labels, chance = make_users()
    fit = fit_attribute(users.where(np.arange(USERS), min_users=10), labels, generator(1))
    return users, labels, chance, fit


def test_what_is_published_applies_to_vectors_as_they_are(fitted: tuple) -> None:
    """Standardising inside is folded back: logits of raw users are near the true ones, for new users too."""
    users, _, chance, fit = fitted
    assert np.abs(expit(logits(users, fit)) - chance).mean() < 0.06
    others, labels, _ = make_users(seed=5)
    assert roc_auc(labels, logits(others, fit)) > 0.75
    assert np.abs(fit.items).argmax() == 3


def test_probabilities_of_new_users_are_calibrated(fitted: tuple) -> None:
    """In five groups of equal size by probability, the mean probability is the share who have it."""
    fit = fitted[-1]
    others, labels, _ = make_users(seed=6)
    chance = expit(logits(others, fit))
    for group in np.array_split(np.argsort(chance), 5):
        assert abs(chance[group].mean() - labels[group].mean()) < 0.07


def test_quality_is_that_on_users_left_out(fitted: tuple) -> None:
    """It is what other users have, within its own error, and under what the fitted users show."""
    users, labels, _, fit = fitted
    others, theirs, _ = make_users(seed=7)
    new = roc_auc(theirs, logits(others, fit))
    assert abs(fit.roc_auc - new) < 3 * fit.standard_error
    assert fit.roc_auc < roc_auc(labels, logits(users, fit))
    assert 0.005 < fit.standard_error < 0.02


def test_what_is_drawn_by_lot_has_no_quality() -> None:
    """Labels that nothing tells give an area of one half."""
    users, _, _ = make_users()
    labels = np.random.default_rng(3).random(USERS) < 0.3
    fit = fit_attribute(users.where(np.arange(USERS), min_users=10), labels, generator(1))
    assert abs(fit.roc_auc - 0.5) < 0.05


def test_the_same_seed_gives_the_same_bytes_and_another_one_other_folds(fitted: tuple) -> None:
    """Draws come from the generator alone."""
    users, labels, _, fit = fitted
    those = users.where(np.arange(USERS), min_users=10)
    again = fit_attribute(those, labels, generator(1))
    assert again.weights.tobytes() == fit.weights.tobytes()
    assert again.roc_auc == fit.roc_auc
    assert fit_attribute(those, labels, generator(2)).roc_auc != fit.roc_auc


def test_rare_items_and_what_is_alike_for_all_count_for_nothing() -> None:
    """An item of nine users has weight 0, and a constant entry of the vector divides by no zero."""
    users, labels, _ = make_users(users=200)
    items = users.items.tolil()
    items[:, 5] = 0
    items[:9, 5] = 1
    users = replace(users, items=items.tocsr())
    users.dense[:, 2] = 0.7
    fit = fit_attribute(users.where(np.arange(200), min_users=10), labels, generator(1))
    assert fit.items[5] == 0
    assert fit.items[3] > 0
    assert abs(fit.weights[2]) < 1e-12
    assert not fit_attribute(users.where(np.arange(200), min_users=None), labels, generator(1)).items.any()


def test_of_many_users_some_are_drawn_and_probabilities_stay_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a fifth of the users fitted on, the rarer kind whole, the mean probability is still the share."""
    users, labels, _ = make_users()
    rare = labels & (np.arange(USERS) % 4 == 0)
    monkeypatch.setattr(attribute_fit, "_MOST_USERS", 300)
    rows, counts = attribute_fit._drawn(rare, generator(1))
    assert len(rows) == 300
    assert counts.mean() == pytest.approx(1)
    assert rare[rows].sum() == min(150, rare.sum())
    assert (counts * rare[rows]).sum() / 300 == pytest.approx(rare.mean())
    fit = fit_attribute(users.where(np.arange(USERS), min_users=10), rare, generator(1))
    assert expit(logits(users, fit)).mean() == pytest.approx(rare.mean(), abs=0.03)


def test_area_and_error_by_hand() -> None:
    """Two who have it and two who lack it, one pair in the wrong order, one equal."""
    truth = np.array([True, True, False, False])
    area, error = area_and_error(truth, np.array([3.0, 1.0, 1.0, 2.0]))
    # Placements: (1, .25) of those who have it, (.25, .5) below of the others.
    assert area == 0.625
    assert error == pytest.approx(np.sqrt(0.28125 / 2 + 0.03125 / 2))


def test_a_perfect_order_of_few_users_is_no_proof() -> None:
    """The error stays half a rank where the placements do not differ."""
    truth = np.repeat([True, False], 10)
    assert area_and_error(truth, truth.astype(float)) == (1.0, 0.05)


def test_without_scikit_learn_the_way_out_is_told() -> None:
    """An installation without it says what to install."""
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "from feddmf import attribute_fit\n"
        "try: attribute_fit._model(1.0)\n"
        "except Exception as error: print(type(error).__name__, error, error.hint)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.startswith("InputError this installation lacks sklearn")
    assert "pip install 'feddmf[party]'" in out
