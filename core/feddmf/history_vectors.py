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
    counts = np.empty(data.users)
    for first, last in data.blocks():
        indptr = data.indptr[first : last + 1]
        rows = np.repeat(np.arange(last - first), np.diff(indptr))
        weights = counted[data.indices[indptr[0] : indptr[-1]]]
        counts[first:last] = np.bincount(rows, weights=weights, minlength=last - first)
    # In place: there may be a million users.
    vectors = sum_contexts(data, items, contexts)
    vectors *= (SCALE / np.sqrt(counts + DAMPING))[:, None]
    vectors += constant
    return np.tanh(vectors, out=vectors).astype(np.float32)
