"""Whether probabilities mean what they say: squared error against the base rate's, and bins of equal mass.

Brier (1950), as a skill over the base rate; expected calibration error over bins of equal mass: Nguyen and
O'Connor, "Posterior calibration and exploratory analysis for natural language processing models" (2015).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from feddmf.evaluation.ladder import check_cells

__all__ = [
    "BINS",
    "brier_skill",
    "calibration_error",
    "reliability_bins",
    "top_decile",
    "top_decile_calibration_error",
]

BINS = 15
"""Bins of equal mass of a reliability diagram."""

Floats = npt.NDArray[np.float64]


def brier_skill(truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating]) -> float:
    """Return 1 - (mean squared error of probabilities `scores`) / (that of the share of positive cells).

    1 is perfect, 0 no better than the base rate, below 0 worse; over all cells of [users, items]. nan without
    both a positive and a negative cell. Raises ValueError as the other metrics do.
    """
    check_cells(truth, scores)
    base = truth.mean(dtype=np.float64) if truth.size else 0.0
    if base in (0.0, 1.0):
        return float("nan")
    return float(1 - np.square(scores - truth, dtype=np.float64).mean() / (base * (1 - base)))


def calibration_error(truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating]) -> float:
    """Return the expected calibration error of probabilities over BINS bins; nan without cells."""
    predicted, observed, cells = reliability_bins(truth, scores)
    return float(np.abs(predicted - observed) @ cells / cells.sum()) if len(cells) else float("nan")


def top_decile_calibration_error(truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating]) -> float:
    """Return the `calibration_error` over the tenth of the cells with the highest scores, where users act."""
    check_cells(truth, scores)
    top = top_decile(scores)
    return calibration_error(truth.ravel()[top], scores.ravel()[top])


def top_decile(scores: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    """Return the places, in the flat order, of the tenth of the cells with the highest scores, rounded up.

    Among equal scores those that come first; highest first.
    """
    flat = scores.ravel()
    return np.argsort(-flat, kind="stable")[: -(-len(flat) // 10)]


def reliability_bins(
    truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating]
) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """Return mean probability, share of positive cells and number of cells of each bin, lowest first.

    The bins hold equally many cells, give or take one, whatever their scores: [min(BINS, cells)] each. Equal
    scores may be parted; then each counts as the mean of its equals, so that their order says nothing.
    """
    check_cells(truth, scores)
    flat = scores.ravel()
    order = np.argsort(flat, kind="stable")
    ranked, hits = flat[order].astype(np.float64), truth.ravel()[order].astype(np.float64)
    bins = min(BINS, len(flat))
    if not bins:
        return np.empty(0), np.empty(0), np.empty(0, dtype=np.int64)
    starts = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))
    equals = np.diff(np.append(starts, len(ranked)))
    hits = np.repeat(np.add.reduceat(hits, starts) / equals, equals)
    edges = len(flat) * np.arange(bins + 1) // bins
    cells = np.diff(edges)
    return np.add.reduceat(ranked, edges[:-1]) / cells, np.add.reduceat(hits, edges[:-1]) / cells, cells
