"""Cells in the order of their scores: sorted once for all figures that look at ranks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.evaluation.ladder import Ladder, check_cells

__all__ = ["RankedCells"]


@dataclass(frozen=True, eq=False)
class RankedCells:
    """All cells of users and items from the lowest score up; equal scores stand in any order.

    scores: [cells]; truth: bool [cells]; columns: the item of each cell, int64 [cells]; items: how many.
    """

    scores: npt.NDArray[np.floating]
    truth: npt.NDArray[np.bool_]
    columns: npt.NDArray[np.int64]
    items: int

    @classmethod
    def of(cls, truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating]) -> RankedCells:
        """Rank `truth` and `scores`, [users, items] each; ValueError as the metrics raise it."""
        check_cells(truth, scores)
        flat, items = scores.ravel(), scores.shape[1]
        order = np.argsort(flat)
        return cls(flat[order], truth.ravel()[order], order % max(items, 1), items)

    def ladder(self) -> Ladder:
        """Return the cells counted by score."""
        return Ladder.of(self.truth, self.scores)
