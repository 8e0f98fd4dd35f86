"""Errors and rankings, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddmf_party.ratings.metrics import ERRORS, RANKING, errors, ranking


def test_errors_by_hand() -> None:
    """Gaps of 1, 1 and 0 from ratings 1, 2 and 3."""
    found = errors(np.array([1.0, 2.0, 3.0]), np.array([2.0, 1.0, 3.0]))
    assert tuple(found) == ERRORS
    assert found == pytest.approx(
        {"mae": 2 / 3, "mse": 2 / 3, "rmse": math.sqrt(2 / 3), "r2": 0.0, "mape": 50.0}
    )


@given(st.lists(st.floats(0.5, 5), min_size=2, max_size=20))
def test_the_mean_explains_nothing(values: list[float]) -> None:
    """R² of the mean is 0, of the truth 1, and undefined where all ratings are alike."""
    truth = np.array(values)
    exact = errors(truth, truth)
    assert exact["mae"] == 0
    if np.var(truth) > 1e-9:
        assert errors(truth, np.full(len(truth), truth.mean()))["r2"] == pytest.approx(0, abs=1e-6)
        assert exact["r2"] == 1
    else:
        assert math.isnan(errors(np.ones(3), np.ones(3))["r2"])


def test_without_ratings_errors_are_nan() -> None:
    """A client with nothing to test has no error, not an error of 0."""
    assert all(math.isnan(value) for value in errors(np.empty(0), np.empty(0)).values())


def test_rankings_by_hand() -> None:
    """One user finds one of two at place 2; one has nothing relevant to find and does not count."""
    scores = np.array([[5.0, 4.0, 3.0, 9.0] + [0.0] * 10, [1.0] * 14])
    relevant = np.zeros((2, 14), dtype=np.bool_)
    relevant[0, [1, 13]] = True
    relevant[1, 2] = True
    candidates = np.ones((2, 14), dtype=np.bool_)
    candidates[0, 3] = False  # the best score is no candidate
    candidates[1, 2] = False
    found = ranking(scores, relevant, candidates)
    assert tuple(found) == RANKING
    best = 1 + 1 / math.log2(3)
    assert found == pytest.approx({"recall_at_10": 0.5, "ndcg_at_10": (1 / math.log2(3)) / best})


def test_with_few_candidates_everything_is_found() -> None:
    """Ten candidates or fewer give recall 1 whatever the scores, which is why rated films alone flatter."""
    random = np.random.default_rng(0)
    relevant = random.random((20, 9)) < 0.5
    found = ranking(random.random((20, 9)), relevant, np.ones((20, 9), dtype=np.bool_))
    assert found["recall_at_10"] == 1
    assert 0.6 < found["ndcg_at_10"] < 1


def test_nobody_to_rank_for_is_nan() -> None:
    """Without a relevant candidate there is no mean."""
    nothing = np.zeros((2, 3), dtype=np.bool_)
    assert all(math.isnan(value) for value in ranking(np.zeros((2, 3)), nothing, ~nothing).values())
