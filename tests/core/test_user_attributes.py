"""User attributes: who has them, who is known, and tables without them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddmf.interactions import Interactions
from feddmf.user_attributes import UserAttributes, column_of, dense_labels, too_few, without_items

ITEMS = 5


def make_data(pairs: list[tuple[int, int]], users: int = 3) -> Interactions:
    """Return the table of `pairs`."""
    codes = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return Interactions.from_pairs(codes[:, 0], codes[:, 1], shape=(users, ITEMS))


def make_attributes(**changes: object) -> UserAttributes:
    """Return attributes at items 1 and 4; the second user's value in column b is not known."""
    known = np.array([[True, True], [True, False], [True, True]])
    return UserAttributes(**{"codes": np.array([1, 4]), "columns": ("a", "b"), "known": known, **changes})


def test_labels_are_in_the_order_asked_for() -> None:
    """Columns follow the codes, not the table."""
    data = make_data([(0, 4), (1, 1), (2, 1), (2, 4)])
    assert dense_labels(data, np.array([4, 1])).tolist() == [[True, False], [False, True], [True, True]]
    assert make_attributes().labels(data).tolist() == [[False, True], [True, False], [True, True]]


def test_a_table_without_items_keeps_all_other_codes_and_users() -> None:
    """Values stay with their pairs; a user who had nothing else is left with nothing."""
    values = np.array([2.0, 3.0, 4.0])
    data = Interactions.from_pairs(np.array([0, 0, 2]), np.array([1, 3, 1]), values, shape=(3, ITEMS))
    less = without_items(data, np.array([1]))
    assert (less.indptr.tolist(), less.indices.tolist(), less.values.tolist()) == ([0, 1, 1, 1], [3], [3.0])
    assert (less.users, less.items) == (3, ITEMS)


@given(
    pairs=st.lists(st.tuples(st.integers(0, 2), st.integers(0, ITEMS - 1)), max_size=15),
    gone=st.sets(st.integers(0, ITEMS - 1)),
)
def test_what_is_taken_out_and_what_stays_are_the_whole(pairs: list[tuple[int, int]], gone: set[int]) -> None:
    """For any table and items."""
    data, codes = make_data(pairs), np.array(sorted(gone), dtype=np.int64)
    left, whole = (dense_labels(each, np.arange(ITEMS)) for each in (without_items(data, codes), data))
    assert not left[:, codes].any()
    others = np.setdiff1d(np.arange(ITEMS), codes)
    np.testing.assert_array_equal(left[:, others], whole[:, others])


def test_who_has_no_value_counts_for_neither_side() -> None:
    """One user has b, one lacks it, and one is not known, whatever it has."""
    data = make_data([(0, 1), (1, 1), (1, 4), (2, 4)])
    assert make_attributes(min_users=1).too_few(data) == {}
    assert make_attributes(min_users=2).too_few(data) == {
        0: "2 users have it and 1 lack it; 2 of each are needed",
        1: "1 users have it and 1 lack it; 2 of each are needed",
    }
    assert too_few(np.ones((3, 1), np.bool_), np.ones((3, 1), np.bool_), 1) == {
        0: "3 users have it and 0 lack it; 1 of each are needed"
    }


def test_attributes_are_selected_by_code() -> None:
    """Column and known users go with the code; a code that is none is ignored."""
    few = make_attributes().among(np.array([4, 2]))
    assert (len(few), few.codes.tolist(), few.columns) == (1, [4], ("b",))
    assert few.known.tolist() == [[True], [False], [True]]


def test_the_least_number_of_users_is_only_ever_raised() -> None:
    """A policy may ask for more users behind an attribute, and never for fewer."""
    assert make_attributes().with_min_users(3).min_users == 10
    assert make_attributes().with_min_users(25).min_users == 25


@pytest.mark.parametrize(
    ("name", "column"), [("country=FR", "country"), ("a=b=c", "a"), ("sku-7", "sku-7"), ("=x", "")]
)
def test_the_column_of_a_name_ends_at_its_first_equals_sign(name: str, column: str) -> None:
    """A name without one is its own column."""
    assert column_of(name) == column
