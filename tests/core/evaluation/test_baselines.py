"""Baselines on a handful of items and users."""

from __future__ import annotations

import numpy as np
import pytest

from feddmf.evaluation import popularity, popularity_x_activity, random_scores

COUNTS = np.array([1, 4, 0])


def test_random_scores_come_from_the_generator() -> None:
    """The same generator state gives the same scores, all in [0, 1)."""
    scores = random_scores((3, 4), np.random.default_rng(7))
    assert scores.shape == (3, 4)
    assert ((scores >= 0) & (scores < 1)).all()
    np.testing.assert_array_equal(scores, random_scores((3, 4), np.random.default_rng(7)))


def test_popularity_is_the_owners_share_for_every_user() -> None:
    """Each user gets the share of the owner's users who have the item."""
    np.testing.assert_array_equal(popularity(COUNTS, 4, 2), [[0.25, 1.0, 0.0], [0.25, 1.0, 0.0]])


def test_activity_scales_and_is_clipped() -> None:
    """A user with twice the mean activity gets twice the share, and never more than 1."""
    scores = popularity_x_activity(COUNTS, 4, np.array([1, 2, 0]))
    np.testing.assert_array_equal(scores, [[0.25, 1.0, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 0.0]])


@pytest.mark.parametrize(("counts", "owner_users"), [(COUNTS, 0), (COUNTS, 3), (-COUNTS, 4)])
def test_impossible_counts_are_refused(counts: np.ndarray, owner_users: int) -> None:
    """Counts below 0 or above the owner's number of users, or no users, are errors."""
    with pytest.raises(ValueError, match=r"owner_users|count"):
        popularity(counts, owner_users, 2)


@pytest.mark.parametrize("activity", [[0, 0], [2, -1]])
def test_impossible_activity_is_refused(activity: list[int]) -> None:
    """Activity that is negative, or 0 for all, is an error."""
    with pytest.raises(ValueError, match="activity"):
        popularity_x_activity(COUNTS, 4, np.array(activity))
