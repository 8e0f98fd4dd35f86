"""Starting vectors: every party draws the row of a key alike, whatever else it sells."""

from __future__ import annotations

import numpy as np

from feddmf.starts import keyed_normal


def test_a_row_depends_on_its_key_alone() -> None:
    """Neither the other keys nor their order change the row of a key; another key or seed does."""
    table = keyed_normal(("a", "b", "c"), 4, 0.1, 7)
    assert keyed_normal(("c", "x", "a"), 4, 0.1, 7)[[2, 0]].tobytes() == table[[0, 2]].tobytes()
    assert not (keyed_normal(("a", "b", "c"), 4, 0.1, 8) == table).any()
    assert len(np.unique(table)) == table.size


def test_rows_are_normal_with_the_asked_spread() -> None:
    """Mean 0 and standard deviation `std`, over rows and within them."""
    table = keyed_normal([f"k{n}" for n in range(500)], 8, 0.1, 0)
    assert table.shape == (500, 8)
    assert abs(table.mean()) < 4 * 0.1 / 4000**0.5
    assert abs(table.std() / 0.1 - 1) < 4 / 8000**0.5
    assert np.abs(np.corrcoef(table.T) - np.eye(8)).max() < 0.2


def test_no_key_makes_no_row() -> None:
    """An empty table still has its columns."""
    assert keyed_normal((), 3, 0.1, 0).shape == (0, 3)
