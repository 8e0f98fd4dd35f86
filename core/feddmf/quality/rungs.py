"""Cells counted by item and by rung of score, so that items are drawn again and nothing is sorted again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.quality.ranked import RankedCells

__all__ = ["Rungs", "ratio"]

Floats = npt.NDArray[np.float64]

# AUC and AP on this many rungs are within .0005 of those on the scores themselves, on hidden cells of films.
_RUNGS = 512


@dataclass(frozen=True, eq=False)
class Rungs:
    """How many positive and negative cells each item has on each rung of score, from the lowest up.

    positives, negatives: float64 [items, rungs]. Figures are over the cells of all items, each item as often
    as its weight, for weights [draws, items]; they are [draws], nan where a figure has no meaning.
    """

    positives: Floats
    negatives: Floats

    @classmethod
    def of(cls, truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating]) -> Rungs:
        """Count the cells of `truth` and `scores`, [users, items] each."""
        return cls.of_ranked(RankedCells.of(truth, scores))

    @classmethod
    def of_ranked(cls, cells: RankedCells) -> Rungs:
        """Count the cells; equal scores share a rung.

        Half of the rungs hold equally many cells, half equally many positive ones, as these are the few.
        """
        kinds = [kind for kind in (cells.scores, cells.scores[cells.truth]) if len(kind)]
        edges = np.unique([kind[_places(len(kind))] for kind in kinds]) if kinds else np.empty(0)
        starts = np.searchsorted(cells.scores, edges, side="left")
        sizes = np.diff(np.concatenate([[0], starts, [len(cells.scores)]]))
        rungs = len(sizes)
        places = np.repeat(np.arange(rungs), sizes) + rungs * cells.columns  # [cells]
        shape = (cells.items, rungs)
        counts = np.bincount(places, minlength=cells.items * rungs).reshape(shape)
        hits = np.bincount(places[cells.truth], minlength=cells.items * rungs).reshape(shape)
        return cls(hits.astype(np.float64), (counts - hits).astype(np.float64))

    def roc_auc(self, weights: Floats) -> Floats:
        """Return the ROC-AUC; within a rung, ties count half."""
        hits, misses = weights @ self.positives, weights @ self.negatives  # [draws, rungs]
        below = np.cumsum(misses, axis=1) - misses / 2
        return ratio((hits * below).sum(axis=1), hits.sum(axis=1) * misses.sum(axis=1))

    def average_precision(self, weights: Floats) -> Floats:
        """Return the average precision; cells of a rung are taken together."""
        hits = (weights @ self.positives)[:, ::-1]
        found, chosen = np.cumsum(hits, axis=1), np.cumsum(hits + (weights @ self.negatives)[:, ::-1], axis=1)
        precisions = found / np.maximum(chosen, 1)
        return ratio((hits * precisions).sum(axis=1), hits.sum(axis=1))


def _places(cells: int) -> npt.NDArray[np.int64]:
    """Return the places of evenly spaced quantiles among `cells` sorted ones, the lower where between two."""
    return np.floor((cells - 1) * np.linspace(0, 1, _RUNGS // 2)).astype(np.int64)


def ratio(above: Floats, below: Floats) -> Floats:
    """Return above / below, nan where there is nothing below."""
    found: Floats = np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)
    return found
