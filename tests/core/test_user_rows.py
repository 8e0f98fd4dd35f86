"""Rows of users: looked at where codes follow each other."""

from __future__ import annotations

import numpy as np
import pytest

from feddmf.user_rows import how_many, part_of, user_rows


@pytest.mark.parametrize("codes", [[0], [0, 1, 2], [3, 4]])
def test_codes_that_follow_each_other_are_a_slice(codes: list[int]) -> None:
    """So that no row is copied."""
    table = np.arange(10).reshape(5, 2)
    found = table[user_rows(np.array(codes))]
    assert np.array_equal(found, table[codes])
    assert np.shares_memory(found, table)


@pytest.mark.parametrize("codes", [[], [1, 0], [0, 2], [1, 1], [0, 2, 1, 3], [0, 0, 2, 3]])
def test_other_codes_are_looked_up(codes: list[int]) -> None:
    """In their order, as often as they are named."""
    table = np.arange(10).reshape(5, 2)
    assert np.array_equal(table[user_rows(np.array(codes, dtype=np.int64))], table[codes])


@pytest.mark.parametrize("codes", [[2, 3, 4, 5], [5, 2, 2, 0]])
def test_parts_are_those_of_the_codes(codes: list[int]) -> None:
    """Whatever picks them, and where the last part is smaller."""
    table, rows = np.arange(6), user_rows(np.array(codes))
    assert table[part_of(rows, 0, 3)].tolist() == codes[:3]
    assert table[part_of(rows, 3, 6)].tolist() == codes[3:]
    assert how_many(rows) == 4
    assert how_many(part_of(rows, 3, 6)) == 1


def test_a_slice_stays_one() -> None:
    """Whoever has one need not look at codes."""
    assert user_rows(slice(2, 5)) == slice(2, 5)
