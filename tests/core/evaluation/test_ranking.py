"""Rankings cut at k, against a walk over each user's list."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from feddmf.evaluation import map_at, ndcg_at, precision_at, recall_at

Cells = tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]

# Ranked items of user 0: 0, 2, 1, 3; of user 1: 3, 0, 1, 2; user 2 has nothing to find.
TRUTH = np.array([[True, True, False, True], [False, False, True, False], [False] * 4])
SCORES = np.array([[0.9, 0.4, 0.5, 0.1], [0.4, 0.4, 0.3, 0.8], [0.1, 0.2, 0.3, 0.4]])


@st.composite
def cells(draw: st.DrawFn) -> Cells:
    """Draw a small block with many tied scores."""
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=6))
    truth = draw(hnp.arrays(np.bool_, shape))
    scores = draw(hnp.arrays(np.float64, shape, elements=st.sampled_from([0.0, 0.2, 0.5, 0.7, 1.0])))
    return truth, scores


def naive(truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.float64], k: int) -> list[float]:
    """Return precision, recall, average precision and NDCG, mean over users, by walking the lists."""
    users = []
    for wanted, given_scores in zip(truth.tolist(), scores.tolist(), strict=True):
        if not any(wanted):
            continue
        ranked = sorted(range(len(wanted)), key=lambda item, s=given_scores: (-s[item], item))[:k]
        found, precisions, gain = 0, 0.0, 0.0
        for place, item in enumerate(ranked, 1):
            if wanted[item]:
                found += 1
                precisions += found / place
                gain += 1 / math.log2(place + 1)
        best = min(sum(wanted), k)
        ideal = sum(1 / math.log2(place + 1) for place in range(1, best + 1))
        users.append([found / k, found / sum(wanted), precisions / best, gain / ideal])
    return np.mean(users, axis=0).tolist() if users else [math.nan] * 4


def test_known_block() -> None:
    """Two places a user: of user 0 the first is a hit, of user 1 none; user 2 does not count."""
    assert precision_at(TRUTH, SCORES, 2) == pytest.approx((1 / 2 + 0) / 2)
    assert recall_at(TRUTH, SCORES, 2) == pytest.approx((1 / 3 + 0) / 2)
    assert map_at(TRUTH, SCORES, 2) == pytest.approx((1 / 2 + 0) / 2)
    assert ndcg_at(TRUTH, SCORES, 2) == pytest.approx((1 / (1 + 1 / math.log2(3)) + 0) / 2)


@given(cells(), st.integers(1, 8))
def test_rankings_follow_their_definitions(block: Cells, k: int) -> None:
    """Whatever the ties and however long the list, the figures are those of a walk down each list."""
    found = [metric(*block, k) for metric in (precision_at, recall_at, map_at, ndcg_at)]
    assert found == pytest.approx(naive(*block, k), nan_ok=True)


def test_a_perfect_ranking_has_one() -> None:
    """However many items there are to find, few or more than k."""
    truth = np.array([[True] * 5, [True] + [False] * 4])
    for metric in (map_at, ndcg_at):
        assert metric(truth, truth.astype(np.float64), 3) == pytest.approx(1)


def test_ties_stand_in_the_order_of_the_items() -> None:
    """Of items with equal scores the first is shown first."""
    assert precision_at(np.array([[False, True]]), np.ones((1, 2)), 1) == 0
    assert precision_at(np.array([[True, False]]), np.ones((1, 2)), 1) == 1


@pytest.mark.parametrize(
    ("scores", "k", "message"),
    [(SCORES, 0, "k is 0"), (SCORES.T, 2, "truth is"), (np.full((3, 4), math.nan), 2, "NaN")],
)
def test_what_cannot_be_ranked_is_refused(scores: npt.NDArray[np.float64], k: int, message: str) -> None:
    """No place to look at, another shape, and scores that are no numbers are errors."""
    with pytest.raises(ValueError, match=message):
        precision_at(TRUTH, scores, k)
