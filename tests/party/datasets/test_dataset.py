"""The common form of the data sets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddmf_party.datasets import Dataset, Pairs
from feddmf_party.datasets.dataset import codes

ROWS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["9", "10"]), st.integers(1, 9)))


def merged(rows: list[tuple[str, str, int]]) -> Pairs:
    """Merge rows given as tuples."""
    users, items, values = ([row[place] for row in rows] for place in range(3))
    return Pairs.merge(
        np.array(users, dtype=np.str_), np.array(items, dtype=np.str_), np.array(values, dtype=np.float64)
    )


def test_merge_sorts_and_adds_up() -> None:
    """Rows of one pair become one, sorted by user, then item, as text."""
    pairs = merged([("b", "9", 1), ("a", "9", 2), ("b", "10", 4), ("b", "9", 8)])
    assert pairs.users.tolist() == ["a", "b", "b"]
    assert pairs.items.tolist() == ["9", "10", "9"]
    assert pairs.values.tolist() == [2.0, 4.0, 9.0]


@given(ROWS)
def test_merge_keeps_the_sum_of_each_pair(rows: list[tuple[str, str, int]]) -> None:
    """Each distinct pair is there once, with the sum of its rows."""
    sums: dict[tuple[str, str], float] = {}
    for user, item, value in rows:
        sums[user, item] = sums.get((user, item), 0) + value
    pairs = merged(rows)
    found = zip(pairs.users.tolist(), pairs.items.tolist(), pairs.values.tolist(), strict=True)
    assert list(found) == [(*pair, sums[pair]) for pair in sorted(sums)]


def test_dense_marks_the_pairs() -> None:
    """The block has a True for each pair, rows and columns in the order of the ids given."""
    pairs = merged([("b", "9", 1), ("a", "10", 2)])
    block = pairs.dense(np.array(["a", "b", "c"]), np.array(["10", "9"]))
    np.testing.assert_array_equal(block, [[True, False], [False, True], [False, False]])
    with pytest.raises(ValueError, match="id b is not"):
        pairs.dense(np.array(["a"]), np.array(["10", "9"]))


def test_codes_of_an_empty_list_fail_for_any_id() -> None:
    """No id is among none, and none is among none."""
    nothing = np.array([], dtype=np.str_)
    assert codes(nothing, nothing).tolist() == []
    with pytest.raises(ValueError, match="id a is not"):
        codes(np.array(["a"]), nothing)


def test_a_data_set_lists_its_users_and_items() -> None:
    """Users and items are the distinct ids of the pairs, sorted as text."""
    pairs = merged([("b", "9", 1), ("a", "10", 2), ("a", "9", 1)])
    dataset = Dataset("tiny", "Tiny", "none", "nobody", "value", pairs, {"9": "nine", "10": "ten"})
    assert dataset.users.tolist() == ["a", "b"]
    assert dataset.items.tolist() == ["10", "9"]
    assert len(dataset.pairs) == 3
