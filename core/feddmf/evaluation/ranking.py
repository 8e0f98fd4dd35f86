"""How good the first k items of each user's ranking are, over users with something to find.

Every item of the block is ranked for every user, from the highest score down; equal scores stand in the order
of the items. A block with fewer than k items is ranked whole, and k counts as it is. Average precision and
discounted gain as Järvelin and Kekäläinen (2002) and Manning, Raghavan and Schütze (2008) define them, cut at
k: a perfect ranking has 1 however many items there are to find.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.evaluation.ladder import check_cells

__all__ = ["TopK", "map_at", "ndcg_at", "precision_at", "recall_at"]


@dataclass(frozen=True, eq=False)
class TopK:
    """The first k places of the users' rankings: which hold a positive, and how many positives there are.

    hits: bool [users, min(k, items)]; relevant: int64 [users], all above 0.
    """

    k: int
    hits: npt.NDArray[np.bool_]
    relevant: npt.NDArray[np.int64]

    @classmethod
    def of(cls, truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating], k: int) -> TopK:
        """Rank the items of each user of `truth` and `scores`, [users, items], who has a positive one.

        ValueError as `check_cells` raises it, and for a k under 1.
        """
        check_cells(truth, scores)
        if k < 1:
            raise ValueError(f"k is {k}, not 1 or more")
        some = truth.any(axis=1)
        order = np.argsort(-scores[some], axis=1, kind="stable")[:, :k]
        return cls(k, np.take_along_axis(truth[some], order, axis=1), np.count_nonzero(truth[some], axis=1))

    def precision(self) -> float:
        """Return the mean share of k places that hold a positive; nan without users."""
        return _mean(self.hits.sum(axis=1) / self.k)

    def recall(self) -> float:
        """Return the mean share of a user's positives that stand within the first k; nan without users."""
        return _mean(self.hits.sum(axis=1) / self.relevant)

    def mean_average_precision(self) -> float:
        """Return the mean of sum(precision at each hit) / min(relevant, k); nan without users."""
        places = np.arange(1, self.hits.shape[1] + 1)
        precisions = np.cumsum(self.hits, axis=1) / places  # [users, places]
        return _mean((precisions * self.hits).sum(axis=1) / np.minimum(self.relevant, self.k))

    def ndcg(self) -> float:
        """Return the mean of sum(1 / log2(1 + place)) over hits, over that of a perfect ranking."""
        gains = 1 / np.log2(np.arange(2, self.k + 2))  # [k]
        best = np.cumsum(gains)[np.minimum(self.relevant, self.k) - 1]
        return _mean(self.hits @ gains[: self.hits.shape[1]] / best)


def precision_at(truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating], k: int) -> float:
    """Return the precision within the first k items, mean over users with a positive cell; else nan."""
    return TopK.of(truth, scores, k).precision()


def recall_at(truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating], k: int) -> float:
    """Return the recall within the first k items, mean over users with a positive cell; else nan."""
    return TopK.of(truth, scores, k).recall()


def map_at(truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating], k: int) -> float:
    """Return the average precision of the first k items, mean over users with a positive cell; else nan."""
    return TopK.of(truth, scores, k).mean_average_precision()


def ndcg_at(truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating], k: int) -> float:
    """Return the NDCG of the first k items, mean over users with a positive cell; else nan."""
    return TopK.of(truth, scores, k).ndcg()


def _mean(values: npt.NDArray[np.floating]) -> float:
    return float(values.mean()) if len(values) else float("nan")
