"""Scores of history models: the compiled kernels and numpy say the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from feddmf import head as heads
from feddmf import history_scoring, placed
from feddmf.history_scoring import HistoryScorer
from feddmf_benchmarks.finished_runs import OWNER, Size, made_history

MADE = made_history(Size(users=700, attributes=3, items=50, per_user=8))


def compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have kernels used from the first cell on."""
    monkeypatch.setattr(history_scoring, "_COMPILED_CELLS", 0)


@pytest.mark.parametrize("attributes", [1, 3])
@pytest.mark.parametrize("block", [1 << 14, 301])
def test_kernels_and_numpy_agree(monkeypatch: pytest.MonkeyPatch, attributes: int, block: int) -> None:
    """Within a millionth, for all users and for some in any order, whatever the block."""
    scorer, vectors = HistoryScorer.from_arrays(MADE.arrays), MADE.published[:attributes]
    everybody, some = np.arange(700), np.array([5, 0, 699, 5])
    expected = scorer.score(everybody, OWNER, vectors)
    assert expected.std() > 0.01
    compiled(monkeypatch)
    monkeypatch.setattr(heads, "_COMPILED_BLOCK", block)
    monkeypatch.setattr(history_scoring, "_BLOCK_CELLS", 2 * block)
    np.testing.assert_allclose(scorer.score(everybody, OWNER, vectors), expected, atol=1e-6)
    np.testing.assert_allclose(scorer.score(some, OWNER, vectors), expected[some], atol=1e-6)
    part = scorer.prepare(OWNER, vectors)(slice(10, 650))
    np.testing.assert_allclose(part, expected[10:650], atol=1e-6)


def test_without_a_head_scores_are_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sum of taste, popularity and activity, through either way."""
    scorer = replace(HistoryScorer.from_arrays(MADE.arrays), heads={})
    users = np.arange(700)
    expected = scorer.score(users, OWNER, MADE.published)
    dim = scorer.own.shape[1]
    products = scorer.own @ MADE.published[:, :dim].T
    assert (np.argsort(products, axis=0) == np.argsort(expected, axis=0)).mean() > 0.99
    compiled(monkeypatch)
    np.testing.assert_allclose(scorer.score(users, OWNER, MADE.published), expected, atol=1e-6)


def test_a_feature_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the kernel as by numpy; infinite ones are far out, and give probabilities."""
    compiled(monkeypatch)
    scorer = HistoryScorer.from_arrays(MADE.arrays)
    for value in (np.inf, -np.inf):
        own = scorer.own.copy()
        own[3, 0] = value
        found = replace(
            scorer, placed={OWNER: replace(scorer.placed[OWNER], vectors=own, neighbours=None)}
        ).score(np.arange(700), OWNER, MADE.published)
        assert ((found >= 0) & (found <= 1)).all()
    broken = replace(scorer, activity=np.full_like(scorer.activity, np.nan))
    with pytest.raises(ValueError, match="not a number"):
        broken.score(np.arange(10), OWNER, MADE.published)


def test_users_with_nothing_have_no_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty history is near to nothing, among others that are not empty."""
    starts = np.array([0, 0, 2, 2], dtype=np.int64)
    arrays = {
        **MADE.arrays,
        "histories.starts": starts,
        "histories.items": np.array([1, 3], dtype=np.int32),
        **{name: MADE.arrays[name][:3] for name in ("user_vectors", "activity", f"linear.{OWNER}")},
    }
    scorer = HistoryScorer.from_arrays(arrays)
    expected = scorer.score(np.arange(3), OWNER, MADE.published)
    compiled(monkeypatch)
    np.testing.assert_allclose(scorer.score(np.arange(3), OWNER, MADE.published), expected, atol=1e-6)


@pytest.mark.parametrize("width", [0, 3, 4, 18])
def test_heads_of_any_width_agree(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """Units that fill no lanes, and none at all."""
    draws = np.random.default_rng(width)
    some = {
        name: draws.normal(size=shape).astype(np.float32)
        for name, shape in {
            "first_weight": (5, width, 5),
            "first_bias": (5, width),
            "second_weight": (5, width, width),
            "second_bias": (5, width),
            "out_weight": (5, width),
        }.items()
    }
    scorer = HistoryScorer.from_arrays(MADE.arrays)
    scorer = replace(scorer, heads={OWNER: replace(scorer.heads[OWNER], **some)})
    expected = scorer.score(np.arange(700), OWNER, MADE.published)
    compiled(monkeypatch)
    found = scorer.score(np.arange(700), OWNER, MADE.published)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_the_usual_sum_is_the_mean_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """In blocks that do not divide the users; where it is told, as it is told."""
    monkeypatch.setattr(placed, "_STEP", 300)
    found = HistoryScorer.from_arrays(MADE.arrays).placed[OWNER]
    expected = found.sums.astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(found.usual_sum, expected, rtol=1e-6, atol=1e-7)
    told = np.arange(3, dtype=np.float32)
    assert replace(found, usual=told).usual_sum is told
