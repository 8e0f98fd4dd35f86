"""All figures of a peer."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feddmf.evaluation import average_precision, f1_at, roc_auc
from feddmf.quality import Evidence, Figures, Interval, measure
from support.hidden import make_evidence

EVIDENCE = make_evidence(users=40, items=30)
THRESHOLD = 0.3


def test_points_are_the_metrics_of_all_hidden_cells() -> None:
    """AUC, AP and F1 at the threshold, as evaluation has them, each inside its interval."""
    figures, cells = measure(EVIDENCE, THRESHOLD), (EVIDENCE.truth, EVIDENCE.scores)
    assert figures.roc_auc.value == roc_auc(*cells)
    assert figures.average_precision.value == average_precision(*cells)
    assert figures.f1.value == pytest.approx(f1_at(*cells, THRESHOLD))
    for interval in intervals(figures):
        assert interval.lower <= interval.value <= interval.upper
    assert (figures.peer, figures.users, figures.items, figures.positives) == (
        "b",
        40,
        30,
        EVIDENCE.positives,
    )
    assert figures.base_rate == pytest.approx(EVIDENCE.truth.mean())


def intervals(figures: Figures) -> list[Interval]:
    """Return every interval of figures, those of audiences too."""
    parts = [figures, *figures.audiences]
    values = [getattr(part, field.name) for part in parts for field in fields(part)]
    return [value for value in values if isinstance(value, Interval)]


@given(st.permutations(range(40)))
@settings(max_examples=5, deadline=None)
def test_the_order_of_users_says_nothing(order: list[int]) -> None:
    """Every interval is the same, whatever the users' codes."""
    shuffled = Evidence("b", EVIDENCE.items, EVIDENCE.scores[order], EVIDENCE.truth[order])
    one, other = (intervals(measure(evidence, THRESHOLD)) for evidence in (EVIDENCE, shuffled))
    for first, second in zip(one, other, strict=True):
        assert (first.value, first.lower, first.upper) == pytest.approx(
            (second.value, second.lower, second.upper)
        )


def test_the_same_seed_gives_the_same_intervals() -> None:
    """Another seed moves their ends, and not the figures."""
    one, again, other = (intervals(measure(EVIDENCE, THRESHOLD, seed=seed)) for seed in (0, 0, 1))
    assert one == again
    assert one != other
    assert [interval.value for interval in one] == [interval.value for interval in other]


def test_scores_of_popularity_and_activity_know_no_taste() -> None:
    """A table that is an outer product is its own yardstick: the gain is nothing. Taste gains."""
    draws = np.random.default_rng(0)
    scores = np.outer(draws.random(40), draws.random(30)).astype(np.float32)
    plain = Evidence("b", np.arange(30), scores, draws.random((40, 30)) < scores)
    assert measure(plain, THRESHOLD).taste.value == pytest.approx(0, abs=1e-6)
    assert measure(EVIDENCE, THRESHOLD).taste.lower > 0


@pytest.mark.parametrize("shape", [(5, 3), (5, 0), (0, 3)])
def test_nothing_positive_has_no_figures(shape: tuple[int, int]) -> None:
    """Figures are nan, and nothing fails."""
    evidence = Evidence("b", np.arange(shape[1]), np.full(shape, 0.1, np.float32), np.zeros(shape, np.bool_))
    figures = measure(evidence, THRESHOLD)
    for interval in (figures.roc_auc, figures.average_precision, figures.f1, figures.taste):
        assert all(map(math.isnan, (interval.value, interval.lower, interval.upper)))
