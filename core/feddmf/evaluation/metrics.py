"""How well scores tell positive cells from negative ones, over a block of users and items.

ROC-AUC by midranks (Mann and Whitney, 1947); average precision and F1 as scikit-learn defines them. Where a
metric has no meaning, for want of a positive or a negative cell, it is nan.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from feddmf.evaluation.ladder import Ladder, check_cells

__all__ = ["average_precision", "f1_at", "f1_at_half", "f1_best", "roc_auc", "threshold_best", "user_roc_auc"]

_HALF = 0.5


def roc_auc(truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating]) -> float:
    """Return the ROC-AUC over all cells of `truth` and `scores`, [users, items]; ties count half.

    nan without both a positive and a negative cell. This and the other metrics raise ValueError where the
    shapes differ, truth is not bool, or a score is NaN.
    """
    return Ladder.of(truth, scores).roc_auc()


def user_roc_auc(truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating]) -> float:
    """Return the mean of the users' own ROC-AUC, [users, items], over users with both kinds of cell.

    Unlike the pooled one it gives nothing for knowing who is active. nan where there is no such user.
    """
    check_cells(truth, scores)
    both = truth.any(axis=1) & ~truth.all(axis=1)
    areas = [roc_auc(truth[user], scores[user]) for user in np.flatnonzero(both)]
    return float(np.mean(areas)) if areas else float("nan")


def average_precision(truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating]) -> float:
    """Return the average precision over all cells, [users, items], equal scores taken together.

    nan without a positive cell.
    """
    return Ladder.of(truth, scores).average_precision()


def f1_at(truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating], threshold: float) -> float:
    """Return the F1 of calling cells with a score above `threshold` positive, over all cells.

    0 where none is called positive; nan without a positive cell.
    """
    check_cells(truth, scores)
    if not truth.any():
        return float("nan")
    called = scores > threshold
    return float(2 * np.count_nonzero(called & truth) / (np.count_nonzero(called) + np.count_nonzero(truth)))


def f1_at_half(truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating]) -> float:
    """Return the F1 at threshold 0.5; the scores are probabilities, [users, items]."""
    return f1_at(truth, scores, _HALF)


def f1_best(truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating]) -> float:
    """Return the F1 at the threshold that suits these very cells best; nan without a positive cell.

    An oracle's: it looks at the truth, and so bounds what any threshold chosen beforehand can reach.
    """
    return Ladder.of(truth, scores).f1_best()


def threshold_best(truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating]) -> float:
    """Return the threshold at which `f1_at` is largest for these cells; nan without a positive cell.

    To be chosen on cells that are not the ones that are then reported.
    """
    return Ladder.of(truth, scores).threshold_best()
