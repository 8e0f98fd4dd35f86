"""Observed pairs as sorted rows: duplicates merged, codes checked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddmf.interactions import Interactions

PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(1, 9)), max_size=20)


def test_duplicates_are_merged_and_their_values_add_up() -> None:
    """Five rows of four pairs become three users' sorted rows."""
    data = Interactions.from_pairs(
        np.array([2, 0, 2, 2, 0]),
        np.array([1, 3, 0, 1, 1]),
        np.array([5.0, 1.0, 2.0, 0.5, 4.0]),
        shape=(3, 4),
    )
    assert (data.users, data.items, data.pairs) == (3, 4, 4)
    assert data.indptr.tolist() == [0, 2, 2, 4]
    assert data.indices.tolist() == [1, 3, 0, 1]
    assert data.values.tolist() == [4, 1, 2, 5.5]
    assert data.rows().tolist() == [0, 0, 2, 2]
    assert data.user_counts().tolist() == [2, 0, 2]
    assert data.item_counts().tolist() == [1, 2, 0, 1]


@given(PAIRS)
def test_it_holds_what_a_dictionary_would(pairs: list[tuple[int, int, int]]) -> None:
    """Any pairs in any order give the sums that a dictionary gives, in sorted order."""
    sums: dict[tuple[int, int], int] = {}
    for user, item, value in pairs:
        sums[user, item] = sums.get((user, item), 0) + value
    users, items, values = np.array([*pairs, (0, 0, 0)]).T[:, :-1]
    data = Interactions.from_pairs(users, items, values.astype(float), shape=(5, 4))
    found = zip(data.rows().tolist(), data.indices.tolist(), data.values.tolist(), strict=True)
    assert [((user, item), value) for user, item, value in found] == sorted(sums.items())


def test_without_values_each_pair_counts_one() -> None:
    """A table with no value column has ones, duplicates too."""
    data = Interactions.from_pairs(np.array([0, 0]), np.array([1, 1]), shape=(1, 2))
    assert data.values.tolist() == [1]


@pytest.mark.parametrize(
    ("user", "item", "message"), [(3, 0, r"user code outside 0\.\.2"), (0, -1, "item code")]
)
def test_a_code_outside_is_refused(user: int, item: int, message: str) -> None:
    """A code below 0 or past the end is an error, not a wrong row."""
    with pytest.raises(ValueError, match=message):
        Interactions.from_pairs(np.array([user]), np.array([item]), shape=(3, 4))


@given(st.integers(0, 50))
def test_users_and_items_can_be_picked(seed: int) -> None:
    """The users of a pick are in its order, the items of one count from 0; pairs and values stay theirs."""
    random = np.random.default_rng(seed)
    dense = random.integers(0, 3, (5, 4))
    users, items = np.nonzero(dense)
    data = Interactions.from_pairs(users, items, dense[users, items].astype(float), shape=dense.shape)

    def spread(table: Interactions) -> np.ndarray:
        found = np.zeros((table.users, table.items))
        found[table.rows(), table.indices] = table.values
        return found

    chosen = random.permutation(5)[: random.integers(0, 6)]
    assert np.array_equal(spread(data.of_users(chosen)), dense[chosen])
    picked = random.permutation(4)[:3]
    assert np.array_equal(spread(data.columns(picked)), dense[:, picked])
