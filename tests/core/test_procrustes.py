"""The nearest rotation is found where there is one, and is orthogonal where there is none."""

from __future__ import annotations

import numpy as np

from feddmf.procrustes import rotation_to


def test_a_rotation_is_found() -> None:
    """A quarter turn, from float32 rows."""
    turn = np.array([[0.0, 1.0], [-1.0, 0.0]])
    vectors = np.array([[1, 0], [0, 2], [3, 1]], dtype=np.float32)
    np.testing.assert_allclose(rotation_to(vectors, vectors @ turn), turn, atol=1e-7)


def test_what_is_found_is_a_rotation_whatever_there_is() -> None:
    """Of noise, and of nothing."""
    random = np.random.default_rng(0)
    for vectors in (random.standard_normal((9, 4)), np.zeros((9, 4))):
        turn = rotation_to(vectors, random.standard_normal((9, 4)))
        np.testing.assert_allclose(turn @ turn.T, np.eye(4), atol=1e-12)
