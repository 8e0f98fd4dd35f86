"""Items that enough people have."""

from __future__ import annotations

import numpy as np
import pytest

from feddmf.errors import InputError
from feddmf.interactions import Interactions
from feddmf.support import most_used, supported_items

DATA = Interactions.from_pairs(
    np.array([0, 1, 2, 0, 1, 0]), np.array([0, 0, 0, 1, 1, 3]), np.full(6, 9.0), shape=(3, 4)
)


@pytest.mark.parametrize(("least", "expected"), [(1, [1, 1, 0, 1]), (2, [1, 1, 0, 0]), (3, [1, 0, 0, 0])])
def test_users_are_counted_and_not_values(least: int, expected: list[int]) -> None:
    """Three users have item 0, two item 1, none item 2, one item 3."""
    assert supported_items(DATA, least, party="acme", section="fcf").tolist() == [bool(e) for e in expected]


def test_a_party_of_fewer_users_is_refused() -> None:
    """Nothing that it sends could be of enough people."""
    with pytest.raises(InputError, match="acme has 3 users where an item must have 4") as caught:
        supported_items(DATA, 4, party="acme", section="fcf")
    assert "fcf.min_support" in caught.value.hint


@pytest.mark.parametrize(("most", "expected"), [(0, []), (2, [1, 3]), (3, [0, 1, 3]), (9, [0, 1, 2, 3])])
def test_the_most_used_are_told_by_place(most: int, expected: list[int]) -> None:
    """Of equal counts the first; all of them where there are no more."""
    assert most_used(np.array([2, 5, 2, 4]), most).tolist() == expected
