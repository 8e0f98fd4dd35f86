"""Cells counted by score: all that ranking metrics need, in one sort."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Ladder"]


@dataclass(frozen=True, eq=False)
class Ladder:
    """How many positive and negative cells have each distinct score, from the lowest score up.

    scores: [steps], ascending; positives, negatives: int64 [steps].
    """

    scores: npt.NDArray[np.floating]
    positives: npt.NDArray[np.int64]
    negatives: npt.NDArray[np.int64]

    @classmethod
    def of(cls, truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating]) -> Ladder:
        """Count the cells of `truth` and `scores`, of one shape; ValueError as `check_cells` raises it."""
        check_cells(truth, scores)
        flat = scores.ravel()
        order = np.argsort(flat, kind="stable")
        ranked, hits = flat[order], truth.ravel()[order]
        starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]])[: len(ranked)])
        sizes = np.diff(np.append(starts, len(ranked)))
        if not len(starts):
            return cls(ranked, np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
        positives = np.add.reduceat(hits.astype(np.int64), starts)
        return cls(ranked[starts], positives, sizes - positives)

    def roc_auc(self) -> float:
        """Return the chance that a positive cell outranks a negative one, ties half; nan without both."""
        above = self.positives.sum() * self.negatives.sum()
        if not above:
            return float("nan")
        below = np.cumsum(self.negatives) - self.negatives
        return float((self.positives * (below + self.negatives / 2)).sum() / above)

    def average_precision(self) -> float:
        """Return the sum of (R_n - R_n-1) P_n over all thresholds, from the top; nan without positives."""
        if not self.positives.any():
            return float("nan")
        hits, chosen = self._from_top()
        return float((self.positives[::-1] * (hits / chosen)).sum() / self.positives.sum())

    def f1_best(self) -> float:
        """Return the largest F1 = 2 TP / (chosen + positives) over all thresholds; nan without positives."""
        return float(self._f1_from_top().max()) if self.positives.any() else float("nan")

    def threshold_best(self) -> float:
        """Return the threshold with the largest F1 for scores above it; nan without positives.

        It lies midway between the scores of the last step that is called positive and the next one down,
        and is a value of the scores' own precision. Of thresholds with the same F1 it is the highest.
        """
        if not self.positives.any():
            return float("nan")
        step = len(self.scores) - 1 - int(self._f1_from_top().argmax())
        upper = self.scores[step]
        if step == 0:
            return float(np.nextafter(upper, upper.dtype.type(-np.inf)))
        lower = self.scores[step - 1]
        middle = (lower / 2 + upper / 2).astype(upper.dtype)
        return float(middle if lower < middle < upper else lower)

    def _f1_from_top(self) -> npt.NDArray[np.float64]:
        hits, chosen = self._from_top()
        f1: npt.NDArray[np.float64] = 2 * hits / (chosen + self.positives.sum())
        return f1

    def _from_top(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        hits = np.cumsum(self.positives[::-1])
        return hits, hits + np.cumsum(self.negatives[::-1])


def check_cells(truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating]) -> None:
    """Raise ValueError unless `truth` is bool and `scores` a number for each of its cells."""
    if truth.dtype != np.bool_:
        raise ValueError(f"truth is {truth.dtype}, not bool")
    if truth.shape != scores.shape:
        raise ValueError(f"truth is {truth.shape}, scores are {scores.shape}")
    if np.isnan(scores).any():
        raise ValueError("a score is NaN")
