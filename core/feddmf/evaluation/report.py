"""The metrics that are reported together for one model."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from feddmf.evaluation.ladder import Ladder
from feddmf.evaluation.metrics import f1_at, f1_at_half, user_roc_auc
from feddmf.evaluation.ranking import TopK

__all__ = ["ALL_METRICS", "METRICS", "evaluate", "evaluate_all"]

METRICS = ("roc_auc", "user_roc_auc", "average_precision", "f1_at_half", "f1_best")
"""The names that `evaluate` reports, in the order in which they are shown."""

ALL_METRICS = (
    *("roc_auc", "user_roc_auc", "average_precision", "f1_at_half", "f1_at_chosen", "f1_best"),
    *("precision_at_10", "recall_at_10", "map_at_10", "ndcg_at_10"),
)
"""The names that `evaluate_all` reports, in the order in which they are shown."""

_K = 10


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


def evaluate_all(
    truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating], *, threshold: float
) -> dict[str, float]:
    """Return ALL_METRICS; `f1_at_chosen` is at `threshold`, nan where that is nan. Raises as `evaluate`."""
    top = TopK.of(truth, scores, _K)
    found = evaluate(truth, scores) | {
        "f1_at_chosen": float("nan") if np.isnan(threshold) else f1_at(truth, scores, threshold),
        "precision_at_10": top.precision(),
        "recall_at_10": top.recall(),
        "map_at_10": top.mean_average_precision(),
        "ndcg_at_10": top.ndcg(),
    }
    return {name: found[name] for name in ALL_METRICS}
