"""User vectors of a history tower, without torch; see `feddmf.history` for the equation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from feddmf.interactions import Interactions
from feddmf.transfer import sum_contexts

__all__ = ["DAMPING", "SCALE", "history_vectors"]

SCALE = 1.5

DAMPING = 5.0
"""Keeps the vectors of users with few items short."""


def history_vectors(
    data: Interactions,
    items: npt.NDArray[np.int64],
    contexts: npt.NDArray[np.floating],
    constant: npt.NDArray[np.floating],
) -> npt.NDArray[np.float32]:
    """Return vectors of the users of `data`, float32 [users, dim], from those of their items that are named.

    items: their codes [rows]; contexts: [rows, dim]; constant: [dim].
    """
    counted = np.zeros(data.items, dtype=np.float64)
    counted[items] = 1
    counts = np.bincount(data.rows(), weights=counted[data.indices], minlength=data.users)
    sums = sum_contexts(data, items, contexts)
    vectors: npt.NDArray[np.float64] = np.tanh(SCALE * sums / np.sqrt(counts + DAMPING)[:, None] + constant)
    return vectors.astype(np.float32)
