"""Kernels of scoring, against the formula of each."""

from __future__ import annotations

import numpy as np
import pytest

from feddmf.kernels.scoring import near_sums, tower_logits


@pytest.mark.parametrize("users", [0, 1, 4, 7])
def test_logits_follow_the_formula(users: int) -> None:
    """relu(a + b) . w + c, by hand, for any number of users."""
    projected = np.array([[1, -2], [0, 3]] * 4, dtype=np.float32)[:users]
    items = np.array([[0, 0], [-1, 5], [2, -9]], dtype=np.float32)
    out = np.empty((users, 3), dtype=np.float32)
    tower_logits(projected, items, np.array([2, -1], dtype=np.float32), 0.5, out)
    assert out.tolist() == ([[2.5, -2.5, 6.5], [-2.5, -7.5, 4.5]] * 4)[:users]


def test_sums_are_over_each_users_items() -> None:
    """Of one column and of several, in the order of the users; nobody's items add up to nothing."""
    starts, items = np.array([0, 2, 2, 5]), np.array([0, 3, 1, 2, 3], dtype=np.int32)
    weights = np.array([[1, 10], [2, 20], [4, 40], [8, 80]], dtype=np.float32)
    users = np.array([2, 1, 0, 2])
    for columns in (1, 2):
        out = np.full((4, columns), np.nan, dtype=np.float32)
        near_sums(starts, items, users, np.ascontiguousarray(weights[:, :columns]), out)
        assert out.tolist() == [[14, 140][:columns], [0, 0][:columns], [9, 90][:columns], [14, 140][:columns]]
