"""Verdicts on made-up evidence, and the reason for each."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from feddmf.quality import Evidence, Figures, Interval, auc_interval, auc_verdict, measure, verdict
from support.hidden import make_evidence

GOOD = measure(make_evidence(users=300), 0.3)
NARROW = Interval(0.7, 0.69, 0.71)


def test_good_evidence_is_used() -> None:
    """Scores that are true probabilities; the verdict says what speaks for them."""
    found = verdict(GOOD)
    assert found.word == "use"
    assert "ROC-AUC" in found.reasons[0]
    assert "60 hidden items" in found.reasons[0]


@pytest.mark.parametrize(
    ("figures", "reason"),
    [
        (None, "too few"),
        (replace(GOOD, items=9), "only 9 hidden items"),
        (replace(GOOD, positives=19), "only 19 positive cells"),
        (replace(GOOD, roc_auc=Interval(0.6, 0.55, 0.65)), "near chance"),
        (replace(GOOD, roc_auc=Interval(0.6, math.nan, math.nan)), "near chance"),
    ],
)
def test_evidence_of_nothing_is_refused(figures: Figures | None, reason: str) -> None:
    """Too little to measure by, or scores near chance."""
    found = verdict(figures)
    assert found.word == "refuse"
    assert any(reason in sentence for sentence in found.reasons)


@pytest.mark.parametrize(
    ("figures", "reason"),
    [
        (replace(GOOD, items=39), "only 39 hidden items"),
        (replace(GOOD, positives=149), "only 149 positive cells"),
        (replace(GOOD, users=49), "only 49 users"),
        (replace(GOOD, roc_auc=NARROW), "not shown to reach"),
        (replace(GOOD, taste=Interval(0.01, -0.01, 0.03)), "how popular an item"),
        (replace(GOOD, reliability=replace(GOOD.reliability, brier_skill=-0.1)), "base rate"),
    ],
)
def test_doubtful_evidence_is_used_with_care(figures: Figures, reason: str) -> None:
    """Each doubt alone suffices, and is the reason."""
    found = verdict(figures)
    assert found.word == "care"
    assert len(found.reasons) == 1
    assert reason in found.reasons[0]


def test_probabilities_that_promise_too_much_need_care() -> None:
    """Twice too high: off in the mean, and half as often true as they say; ranking does not save them."""
    good = make_evidence(users=300)
    truth = good.truth & (np.random.default_rng(1).random(good.truth.shape) < 0.5)
    found = verdict(measure(Evidence("b", good.items, good.scores, truth), 0.3))
    assert found.word == "care"
    assert any("off by" in reason for reason in found.reasons)
    assert any("times as often" in reason for reason in found.reasons)


def test_random_scores_are_refused() -> None:
    """Nothing but chance."""
    draws = np.random.default_rng(0)
    scores, truth = draws.random((100, 50)).astype(np.float32), draws.random((100, 50)) < 0.1
    found = verdict(measure(Evidence("b", np.arange(50), scores, truth), 0.5))
    assert found.word == "refuse"
    assert "near chance" in found.reasons[0]


@pytest.mark.parametrize(
    ("roc_auc", "error", "word"),
    [(0.8, 0.02, "use"), (0.8, 0.1, "care"), (0.6, 0.03, "refuse"), (math.nan, 0.0, "refuse")],
)
def test_user_attributes_are_judged_by_their_owners_auc(roc_auc: float, error: float, word: str) -> None:
    """By the lower end of its interval."""
    assert auc_verdict(roc_auc, error).word == word


def test_an_auc_is_at_most_one() -> None:
    """The interval of a stated AUC stays within 0..1."""
    assert auc_interval(0.99, 0.02) == Interval(0.99, pytest.approx(0.9571), 1.0)
