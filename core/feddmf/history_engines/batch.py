"""A batch of users on its way through the compiled engine: their vectors, and what is needed to go back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from feddmf.history import USUAL_ACTIVITY
from feddmf.history_engines.base import LOSS_SCALE, Step
from feddmf.history_engines.histories import histories
from feddmf.history_vectors import DAMPING, SCALE
from feddmf.interactions import Interactions
from feddmf.kernels.history_tables import by_item, sum_rows

__all__ = ["Batch"]

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Batch:
    """What the parameters make of a batch, in float32.

    vectors: [users, dim]; damping: [users, 1], what the sum of contexts is multiplied by; levels: [users],
    the users' activity as the model takes it; shifts: [users], what it adds to their logits.
    item_starts: [items + 1], where each item's pairs begin in owners and weights, [pairs], sorted by item.
    scale: of the summed loss in what is minimised.
    """

    vectors: Floats
    damping: Floats
    levels: Floats
    shifts: Floats
    item_starts: Codes
    owners: Codes
    weights: Floats
    scale: float

    @classmethod
    def of(cls, data: Interactions, step: Step, contexts: Floats, constant: Floats, activity: Floats) -> Self:
        """Make the users' vectors from the parameters of a model, as `HistoryModel.users` does."""
        history = histories(data, step.users)
        pairs = len(history.items)
        keep = np.ones(pairs, dtype=np.float32) if step.keep is None else step.keep
        sums = np.empty((len(step.users), contexts.shape[1]), dtype=np.float32)
        sum_rows(contexts, history.items, history.starts, keep, sums)
        counts = history.lengths.astype(np.float32)
        damping = (np.float32(SCALE) / np.sqrt(counts + np.float32(DAMPING)))[:, None]
        levels = np.log1p(counts) - np.float32(USUAL_ACTIVITY)
        item_starts = np.zeros(data.items + 1, dtype=np.int64)
        owners, weights = np.empty(pairs, dtype=np.int64), np.empty(pairs, dtype=np.float32)
        by_item(history.items, history.starts, keep, item_starts, owners, weights)
        return cls(
            vectors=np.tanh(sums * damping + constant),
            damping=damping,
            levels=levels,
            shifts=activity[0] * levels + activity[1],
            item_starts=item_starts,
            owners=owners,
            weights=weights,
            scale=1 / len(step.users) / LOSS_SCALE,
        )
