"""Whether probabilities mean what they say: of cells given p, a share p should be positive.

Bins of equal mass, since most cells have small probabilities. Source: Nguyen and O'Connor, "Posterior
calibration and exploratory analysis for natural language processing models" (2015), section 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.best import best_places
from feddmf.evaluation import brier_skill, reliability_bins
from feddmf.quality.ranked import RankedCells

__all__ = ["Reliability"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Reliability:
    """A reliability diagram, over all cells and over the tenth of them with the highest probabilities.

    predicted, observed: mean probability and share of positive cells of each bin, [bins], lowest first;
    cells: int64 [bins]; top_*: the same for the top decile. Empty where there are no cells.
    """

    predicted: Floats
    observed: Floats
    cells: npt.NDArray[np.int64]
    top_predicted: Floats
    top_observed: Floats
    top_cells: npt.NDArray[np.int64]
    brier_skill: float
    """Share of the base rate's squared error that the probabilities save; nan with one kind of cell."""

    @classmethod
    def of(
        cls,
        truth: npt.NDArray[np.bool_],
        scores: npt.NDArray[np.floating],
        ranked: RankedCells | None = None,
    ) -> Reliability:
        """Compare probabilities `scores` with `truth`, [users, items] each; ranked: these, where they are."""
        cells = RankedCells.of(truth, scores) if ranked is None else ranked
        top = best_places(scores.ravel(), -(-scores.size // 10))
        return cls(
            *reliability_bins(cells.truth, cells.scores),
            *reliability_bins(truth.ravel()[top], scores.ravel()[top]),
            brier_skill(truth, scores),
        )

    @property
    def error(self) -> float:
        """Mean distance of probability and share over the bins, weighted by cells; nan without cells."""
        return _mean_distance(self.predicted, self.observed, self.cells)

    @property
    def top_error(self) -> float:
        """The same over the top decile."""
        return _mean_distance(self.top_predicted, self.top_observed, self.top_cells)

    @property
    def top_chance(self) -> float:
        """The mean distance that chance alone would leave over the top decile with right probabilities."""
        spreads = np.sqrt(
            2 / np.pi * self.top_predicted * (1 - self.top_predicted) / np.maximum(self.top_cells, 1)
        )
        return _mean_distance(spreads, np.zeros_like(spreads), self.top_cells)

    @property
    def top_ratio(self) -> float:
        """Positive cells of the top decile over those expected there; nan where none are expected."""
        expected = float(self.top_predicted @ self.top_cells)
        return float(self.top_observed @ self.top_cells) / expected if expected > 0 else float("nan")


def _mean_distance(predicted: Floats, observed: Floats, cells: npt.NDArray[np.int64]) -> float:
    return float(np.abs(predicted - observed) @ cells / cells.sum()) if cells.sum() else float("nan")
