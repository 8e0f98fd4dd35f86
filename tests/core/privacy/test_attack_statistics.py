"""What a release says of users: by hand on two items, by any rotation the same, larger for who is in."""

from __future__ import annotations

import numpy as np
import pytest

from feddmf.interactions import Interactions
from feddmf.privacy.attack_statistics import Released, Table, gram_statistics, table_statistics
from feddmf.privacy.mechanism import GramRelease

# Users have items 0 and 1; item 2; nothing.
DATA = Interactions.from_pairs(np.array([0, 0, 1]), np.array([0, 1, 2]), shape=(3, 3))
COUNTS = np.array([1, 4, 1])


def test_a_map_by_hand() -> None:
    """Weights 1 and 1/2, so 2 (1 x 1/2) / (1 + 1/4) where l . r = 1; an item by itself tells nothing."""
    table = Table(np.arange(3), np.ones((3, 1)))
    found = table_statistics(DATA, COUNTS, Released({"left": table, "right": table}, (("left", "right"),)))
    assert found[:, 2].tolist() == pytest.approx([0.8, 0, 0])
    # A constant column says nothing of how items differ.
    assert found[:, :2].tolist() == [[0.0, 0.0]] * 3


def test_a_map_of_some_items_to_others() -> None:
    """Items that a table lacks count for nothing; one in both tables does not tell itself."""
    left, right = Table(np.array([1]), np.array([[3.0]])), Table(np.array([1, 0]), np.array([[5.0], [7.0]]))
    found = table_statistics(DATA, COUNTS, Released({"a": left, "b": right}, (("a", "b"),)))
    assert found[:, 2].tolist() == pytest.approx([0.5 * 3 * 7 / 1.25, 0, 0])


def test_rotations_and_scales_change_nothing_of_a_table() -> None:
    """Nor does a column that is made of others."""
    random = np.random.default_rng(1)
    items = np.arange(30)
    data = Interactions.from_pairs(random.integers(8, size=90), random.integers(30, size=90), shape=(8, 30))
    rows = random.normal(size=(30, 4))
    turn = np.linalg.qr(random.normal(size=(4, 4)))[0]
    kinds = (rows, 7 * rows @ turn, np.concatenate([rows, rows[:, :1] + rows[:, 1:2]], axis=1))
    found = [
        table_statistics(data, data.item_counts(), Released({"vectors": Table(items, each)}))
        for each in kinds
    ]
    assert np.allclose(found[0], found[1])
    assert np.allclose(found[0], found[2])


def test_a_gram_by_hand() -> None:
    """z^T M z with and without its diagonal, and counts; a user without an item has none."""
    gram = np.array([[2.0, 3, 0], [3, 4, 0], [0, 0, 5]])
    # Weights 1 and 1/2 of counts 1 and 16.
    found = gram_statistics(DATA, GramRelease(np.array([1.0, 16, 1]), gram, 1.0, 1.0))
    assert found[0].tolist() == pytest.approx([(2 + 3 + 1) / 1.25, 3 / 1.25, 17 / 2**0.5])
    assert found[1:].tolist() == [[5, 0, 1], [0, 0, 0]]
