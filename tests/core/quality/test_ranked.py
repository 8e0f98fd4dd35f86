"""Cells in the order of their scores."""

from __future__ import annotations

import numpy as np
import pytest

from feddmf.evaluation import average_precision, roc_auc
from feddmf.quality.ranked import RankedCells


def test_cells_stand_from_the_lowest_up() -> None:
    """Each with its truth and its item."""
    truth = np.array([[True, False], [False, True]])
    cells = RankedCells.of(truth, np.array([[0.3, 0.1], [0.2, 0.9]]))
    assert cells.scores.tolist() == [0.1, 0.2, 0.3, 0.9]
    assert cells.truth.tolist() == [False, False, True, True]
    assert (cells.columns.tolist(), cells.items) == ([1, 0, 0, 1], 2)


def test_the_ladder_is_that_of_the_cells() -> None:
    """Ties and all."""
    draws = np.random.default_rng(0)
    truth, scores = draws.random((40, 9)) < 0.3, draws.random((40, 9)).round(1).astype(np.float32)
    ladder = RankedCells.of(truth, scores).ladder()
    assert ladder.roc_auc() == roc_auc(truth, scores)
    assert ladder.average_precision() == average_precision(truth, scores)


def test_what_is_no_cell_is_refused() -> None:
    """Shapes that differ; a score that is no number. No cells at all are fine."""
    with pytest.raises(ValueError, match="truth is"):
        RankedCells.of(np.zeros((2, 1), np.bool_), np.zeros((1, 2)))
    with pytest.raises(ValueError, match="NaN"):
        RankedCells.of(np.zeros((1, 1), np.bool_), np.full((1, 1), np.nan))
    assert RankedCells.of(np.zeros((3, 0), np.bool_), np.zeros((3, 0))).scores.size == 0
