"""Area and true positives of an attack, on scores whose figures are known by hand."""

from __future__ import annotations

import numpy as np
import pytest

from feddmf.evaluation.metrics import roc_auc
from feddmf.privacy.attack_figures import leak_of


def test_a_perfect_attack_reaches_all() -> None:
    """Every member above every other: area 1, all members at no false alarm; the worst one nothing."""
    inside = np.array([[True, False, True], [False, True, False]])
    best, worst = leak_of(inside.astype(float), inside), leak_of(-inside.astype(float), inside)
    assert (best.auc, best.tpr, best.auc_error) == (1.0, 1.0, 0.0)
    assert (worst.auc, worst.tpr) == (0.0, 0.0)


def test_ties_count_half() -> None:
    """Equal scores are a coin: half of the area, as many true positives as false ones."""
    inside = np.array([[True, False], [False, True]])
    leak = leak_of(np.zeros((2, 2)), inside)
    assert (leak.auc, leak.tpr) == (0.5, pytest.approx(0.01))


def test_the_area_is_that_of_all_cells() -> None:
    """Pooled over models and users, ties and all; its interval holds it."""
    random = np.random.default_rng(5)
    inside = random.random((8, 50)) < 0.5
    scores = np.round(random.normal(size=(8, 50)) + inside, 1)
    leak = leak_of(scores, inside)
    assert leak.auc == pytest.approx(roc_auc(inside, scores))
    assert leak.auc_lower < leak.auc < leak.auc_upper
    assert leak.tpr_lower <= leak.tpr <= leak.tpr_upper
    assert leak_of(scores, inside) == leak


def test_an_interval_is_over_users() -> None:
    """Models that say all the same of a user are no further evidence: the error is that of one model."""
    random = np.random.default_rng(6)
    inside = np.arange(40)[None] % 2 == 0
    scores = random.normal(size=(1, 40)) + inside
    one, many = leak_of(scores, inside), leak_of(*(np.repeat(each, 9, axis=0) for each in (scores, inside)))
    assert many.auc == pytest.approx(one.auc)
    assert many.auc_error == pytest.approx(one.auc_error)
