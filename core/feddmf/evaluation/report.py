"""The metrics that are reported together for one model."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from feddmf.evaluation.ladder import Ladder
from feddmf.evaluation.metrics import f1_at_half, user_roc_auc

__all__ = ["METRICS", "evaluate"]

METRICS = ("roc_auc", "user_roc_auc", "average_precision", "f1_at_half", "f1_best")
"""The names that `evaluate` reports, in the order in which they are shown."""


def evaluate(truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating]) -> dict[str, float]:
    """Return METRICS for probabilities `scores` of `truth`, [users, items] each.

    A metric without meaning for these cells is nan. Raises ValueError where the shapes differ, truth is not
    bool, or a score is NaN.
    """
    ladder = Ladder.of(truth, scores)
    return {
        "roc_auc": ladder.roc_auc(),
        "user_roc_auc": user_roc_auc(truth, scores),
        "average_precision": ladder.average_precision(),
        "f1_at_half": f1_at_half(truth, scores),
        "f1_best": ladder.f1_best(),
    }
