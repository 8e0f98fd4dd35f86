"""The users' half of the first layer, for some users and for all."""

from __future__ import annotations

import numpy as np
import pytest

from feddmf import projections
from feddmf.projections import Projection, projection_of
from feddmf.user_rows import user_rows

VECTORS = np.arange(14, dtype=np.float32).reshape(7, 2)
WEIGHT = np.array([[1, 0], [0, 1], [1, 1]], dtype=np.float32)
BIAS = np.array([1, 2, 3], dtype=np.float32)
EXPECTED = VECTORS @ WEIGHT.T + BIAS


@pytest.mark.parametrize("users", [[0], [2, 3, 4], [6], [5, 1], [0, 1, 2, 3, 4, 5, 6], []])
def test_users_have_their_projections(users: list[int]) -> None:
    """In the order in which they are named."""
    found = Projection(VECTORS, WEIGHT, BIAS)
    assert found.shape == (7, 3)
    assert np.array_equal(found.of(user_rows(np.array(users, dtype=np.int64))), EXPECTED[users])


def test_blocks_are_all_users_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the last block is smaller; of nobody there is none."""
    monkeypatch.setattr(projections, "_STEP", 3)
    blocks = list(Projection(VECTORS, WEIGHT, BIAS).blocks())
    assert [len(block) for block in blocks] == [3, 3, 1]
    assert np.array_equal(np.concatenate(blocks), EXPECTED)
    assert not list(Projection(VECTORS[:0], WEIGHT, BIAS).blocks())


def test_only_a_model_with_an_id_tower_has_one() -> None:
    """By the names of its arrays; vectors of another precision are projected to single."""
    arrays = {"tower.vectors": VECTORS.astype(np.float64), "user_weight": WEIGHT, "bias": BIAS}
    found = projection_of(arrays)
    assert found is not None
    rows = found.of(slice(1, 3))
    assert (rows.dtype, rows.tolist()) == (np.dtype(np.float32), EXPECTED[1:3].tolist())
    for name in arrays:
        assert projection_of({key: array for key, array in arrays.items() if key != name}) is None
