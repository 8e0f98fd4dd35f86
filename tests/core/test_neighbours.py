"""Nearness of asked items to those that a user has: by hand, in blocks, for users with nothing."""

from __future__ import annotations

import numpy as np
import pytest

from feddmf import neighbours
from feddmf.interactions import Interactions
from feddmf.neighbours import Neighbours

VECTORS = np.array([[1, 0], [0, 2], [3, 3], [-1, 0]], dtype=np.float32)
ASKED = np.array([[2, 0], [1, 1]], dtype=np.float32)


def histories(*rows: list[int]) -> Neighbours:
    """Return users with these items."""
    users = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    items = np.concatenate([np.array(row, dtype=np.int64) for row in rows])
    return Neighbours(Interactions.from_pairs(users, items, shape=(len(rows), len(VECTORS))), VECTORS)


def test_near_items_count_and_opposite_ones_do_not() -> None:
    """ln of the sum of max(cosine, 0)^8 and .05, whatever the vectors' lengths."""
    found = histories([0, 1, 3], [2], []).nearness(np.arange(3), ASKED)
    half = 0.5**4  # (1 / sqrt 2)^8
    expected = np.log(np.array([[1, 2 * half], [half, 1], [0, 0]]) + 0.05)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_users_come_in_the_order_asked_for() -> None:
    """A user may be asked for twice, and in any order."""
    near = histories([0], [2], [1, 2])
    whole = near.nearness(np.arange(3), ASKED)
    assert np.array_equal(near.nearness(np.array([2, 0, 2]), ASKED), whole[[2, 0, 2]])
    assert near.nearness(np.arange(0), ASKED).shape == (0, 2)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked up a few cosines at a time, users are as near."""
    random = np.random.default_rng(0)
    rows = [sorted(random.choice(4, size, replace=False).tolist()) for size in random.integers(0, 5, 30)]
    whole = histories(*rows).nearness(np.arange(30), ASKED)
    monkeypatch.setattr(neighbours, "_BLOCK_CELLS", 4)
    np.testing.assert_allclose(histories(*rows).nearness(np.arange(30), ASKED), whole, rtol=1e-6)


def test_an_item_without_a_vector_is_near_to_nothing() -> None:
    """A zero vector has no direction."""
    found = histories([0, 1, 2]).nearness(np.array([0]), np.zeros((1, 2), dtype=np.float32))
    np.testing.assert_allclose(found, np.log([[0.05]]), rtol=1e-6)
