"""Metrics from counts on rungs, against the same metrics from all cells."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddmf.evaluation import average_precision, roc_auc
from feddmf.quality.rungs import Rungs
from support.hidden import make_evidence


@given(st.integers(0, 100), st.integers(1, 4))
def test_few_scores_are_counted_exactly(seed: int, digits: int) -> None:
    """Where there are fewer scores than rungs, items drawn again have the metrics of their cells repeated."""
    draws = np.random.default_rng(seed)
    truth, scores = draws.random((5, 6)) < 0.4, draws.random((5, 6)).round(digits)
    truth[0, 0], truth[0, 1] = True, False
    times = draws.integers(1, 4, 6)
    repeated = np.repeat(truth, times, axis=1), np.repeat(scores, times, axis=1)
    rungs, weights = Rungs.of(truth, scores), times[None].astype(np.float64)
    assert rungs.roc_auc(weights) == pytest.approx([roc_auc(*repeated)])
    assert rungs.average_precision(weights) == pytest.approx([average_precision(*repeated)])


def test_many_scores_are_counted_closely() -> None:
    """On rungs AUC is within .001 and AP within .01 of those over all cells."""
    evidence = make_evidence()
    rungs, once = Rungs.of(evidence.truth, evidence.scores), np.ones((1, len(evidence.items)))
    assert rungs.roc_auc(once) == pytest.approx([roc_auc(evidence.truth, evidence.scores)], abs=1e-3)
    exact = average_precision(evidence.truth, evidence.scores)
    assert rungs.average_precision(once) == pytest.approx([exact], abs=1e-2)


def test_without_positive_cells_there_is_no_figure() -> None:
    """Nor without any cell."""
    for shape in ((3, 2), (0, 2), (3, 0)):
        rungs = Rungs.of(np.zeros(shape, dtype=np.bool_), np.zeros(shape))
        once = np.ones((1, shape[1]))
        assert math.isnan(rungs.roc_auc(once)[0])
        assert math.isnan(rungs.average_precision(once)[0])
