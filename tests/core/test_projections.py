"""The users' half of the first layer: computed for whoever asks once, kept for whoever comes again."""

from __future__ import annotations

import numpy as np
import pytest

from feddmf import projections
from feddmf.projections import Projections
from feddmf.user_rows import user_rows

VECTORS = np.arange(14, dtype=np.float32).reshape(7, 2)
WEIGHT = np.array([[1, 0], [0, 1], [1, 1]], dtype=np.float32)
BIAS = np.array([1, 2, 3], dtype=np.float32)
EXPECTED = VECTORS @ WEIGHT.T + BIAS


@pytest.mark.parametrize("most", [0, 1 << 20])
@pytest.mark.parametrize("users", [[0], [2, 3, 4], [6], [5, 1], [0, 1, 2, 3, 4, 5, 6], []])
def test_users_have_their_projections(monkeypatch: pytest.MonkeyPatch, most: int, users: list[int]) -> None:
    """Kept or not, in blocks that do not divide the users."""
    monkeypatch.setattr(projections, "_MOST_KEPT", most)
    monkeypatch.setattr(projections, "_STEP", 3)
    found, rows = Projections(VECTORS, WEIGHT, BIAS), user_rows(np.array(users, dtype=np.int64))
    for time in range(3):
        assert np.array_equal(found.of(rows), EXPECTED[users])
        kept = found.kept(rows)
        assert (kept is not None) == (time > 0 and most > 0 and isinstance(rows, slice))
        assert kept is None or np.array_equal(kept, EXPECTED[users])


def test_the_second_to_ask_has_them_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same memory comes from then on; of users who are new there is nothing, nor of both together."""
    monkeypatch.setattr(projections, "_STEP", 3)
    vectors = VECTORS.copy()
    kept = Projections(vectors, WEIGHT, BIAS)
    assert kept.kept(slice(0, 2)) is None
    second = kept.kept(slice(0, 2))
    vectors[:] = 0
    third = kept.kept(slice(0, 2))
    assert second is not None
    assert third is not None
    assert np.shares_memory(second, third)
    assert np.array_equal(third, EXPECTED[:2])
    assert kept.kept(slice(2, 5)) is None
    again = kept.kept(slice(2, 5))
    assert again is not None
    assert np.array_equal(again, [EXPECTED[2], BIAS, BIAS])
