"""How far predicted ratings are from the true ones, and how well scores rank films; pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["ERRORS", "RANKING", "errors", "ranking"]

ERRORS = ("mae", "mse", "rmse", "r2", "mape")
"""What `errors` returns, in this order."""

RANKING = ("recall_at_10", "ndcg_at_10")
"""What `ranking` returns, in this order."""

_TOP = 10


def errors(truth: npt.NDArray[np.float64], predicted: npt.NDArray[np.float64]) -> dict[str, float]:
    """Return ERRORS of `predicted`, [ratings], against `truth`, [ratings], which is above 0.

    r2 compares with the mean of these very ratings, and is nan where they are all alike; mape is in per cent.
    All are nan without a rating.
    """
    if not len(truth):
        return dict.fromkeys(ERRORS, float("nan"))
    gaps = predicted - truth
    mse = float(np.mean(gaps**2))
    spread = float(np.var(truth))
    return {
        "mae": float(np.mean(np.abs(gaps))),
        "mse": mse,
        "rmse": mse**0.5,
        "r2": 1 - mse / spread if spread else float("nan"),
        "mape": float(100 * np.mean(np.abs(gaps) / truth)),
    }


def ranking(
    scores: npt.NDArray[np.floating], relevant: npt.NDArray[np.bool_], candidates: npt.NDArray[np.bool_]
) -> dict[str, float]:
    """Return RANKING over the users with a relevant candidate, all arrays [users, items].

    Recall@10: the share of a user's relevant candidates among the ten best; NDCG@10: with gain 1 for a
    relevant candidate and discount 1/log2(1 + place), over the best that was possible. Equal scores go by
    item code. nan where no user has a relevant candidate.
    """
    relevant = relevant & candidates
    users = np.flatnonzero(relevant.any(axis=1))
    if not users.size:
        return dict.fromkeys(RANKING, float("nan"))
    ranked = np.where(candidates[users], scores[users], -np.inf)
    top = np.argsort(-ranked, axis=1, kind="stable")[:, :_TOP]
    hits = np.take_along_axis(relevant[users], top, axis=1)  # [users, places]
    discount = 1 / np.log2(np.arange(2, hits.shape[1] + 2))
    wanted = relevant[users].sum(axis=1)
    best = np.cumsum(discount)[np.minimum(wanted, hits.shape[1]) - 1]
    return {
        "recall_at_10": float(np.mean(hits.sum(axis=1) / wanted)),
        "ndcg_at_10": float(np.mean(hits @ discount / best)),
    }
