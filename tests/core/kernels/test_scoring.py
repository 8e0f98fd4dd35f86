"""Kernels of scoring, against the formula of each."""

from __future__ import annotations

import numpy as np
import pytest

from feddmf.kernels.scoring import Near, Product, Split, meet, near_sums, split_logits, tower_logits


@pytest.mark.parametrize("users", [0, 1, 4, 7])
def test_logits_follow_the_formula(users: int) -> None:
    """relu(a + b) . w + c, by hand, for any number of users."""
    projected = np.array([[1, -2], [0, 3]] * 4, dtype=np.float32)[:users]
    items = np.array([[0, 0], [-1, 5], [2, -9]], dtype=np.float32)
    out = np.empty((users, 3), dtype=np.float32)
    tower_logits(projected, items, np.array([2, -1], dtype=np.float32), 0.5, out)
    assert out.tolist() == ([[2.5, -2.5, 6.5], [-2.5, -7.5, 4.5]] * 4)[:users]


@pytest.mark.parametrize("users", [0, 1, 7, 300])
@pytest.mark.parametrize(("dim", "hidden"), [(1, 1), (4, 8), (5, 3), (32, 64)])
def test_both_layers_at_once_follow_the_formula(users: int, dim: int, hidden: int) -> None:
    """relu(W p + b + a) . w + c for widths and users that fill no lanes, to the bit in whole numbers."""
    random = np.random.default_rng(0)
    vectors, weight, items, bias, out_weight = (
        random.integers(-3, 4, shape).astype(np.float32)
        for shape in ((users, dim), (hidden, dim), (3, hidden), (1, hidden), (1, hidden))
    )
    out = np.full((users, 3), np.nan, dtype=np.float32)
    split_logits(vectors, Split(weight, bias, out_weight, 0.5), items, out)
    inner = np.maximum((vectors @ weight.T + bias)[:, None] + items, 0)
    assert np.array_equal(out, inner @ out_weight[0] + 0.5)


def test_sums_are_over_each_users_items() -> None:
    """Of one column and of several, in the order of the users; nobody's items add up to nothing."""
    starts, items = np.array([0, 2, 2, 5]), np.array([0, 3, 1, 2, 3], dtype=np.int32)
    weights = np.array([[1, 10], [2, 20], [4, 40], [8, 80]], dtype=np.float32)
    users = np.array([2, 1, 0, 2])
    for columns in (1, 2):
        out = np.full((4, columns), np.nan, dtype=np.float32)
        near_sums(starts[users], starts[users + 1], items, np.ascontiguousarray(weights[:, :columns]), out)
        assert out.tolist() == [[14, 140][:columns], [0, 0][:columns], [9, 90][:columns], [14, 140][:columns]]


def test_one_item_is_met_in_one_pass() -> None:
    """Both products, of vectors that differ in length, and the sums over each user's items."""
    left, right = np.array([[1, 2], [3, 4], [0, 1]]), np.array([[1, 0, 2], [2, 2, 2], [5, 0, 0]])
    out = np.full((3, 3), np.nan, dtype=np.float32)
    meet(
        Product(left.astype(np.float32), np.array([2, -1], dtype=np.float32)),
        Product(right.astype(np.float32), np.array([1, 10, 100], dtype=np.float32)),
        Near(
            np.array([0, 2, 2]),
            np.array([2, 2, 5]),
            np.array([0, 3, 1, 2, 3], dtype=np.int32),
            np.array([1, 2, 4, 8], dtype=np.float32),
        ),
        out,
    )
    assert out.tolist() == [[0, 2, -1], [201, 222, 5], [9, 0, 14]]
