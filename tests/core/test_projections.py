"""The users' half of the first layer: computed once, whatever is asked for."""

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
    found = Projections(VECTORS, WEIGHT, BIAS)
    for _ in range(2):
        assert np.array_equal(found.of(user_rows(np.array(users, dtype=np.int64))), EXPECTED[users])


def test_what_was_asked_for_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same memory comes again; users who were not asked for are computed when they are."""
    monkeypatch.setattr(projections, "_STEP", 3)
    vectors = VECTORS.copy()
    kept = Projections(vectors, WEIGHT, BIAS)
    first = kept.of(slice(0, 2))
    vectors[:] = 0
    assert np.array_equal(kept.of(slice(0, 2)), EXPECTED[:2])
    assert np.shares_memory(kept.of(slice(0, 2)), first)
    assert np.array_equal(kept.of(slice(4, 6)), np.tile(BIAS, (2, 1)))
