"""Reliability diagrams of hidden cells."""

from __future__ import annotations

import math

import numpy as np
import pytest

from feddmf.evaluation import brier_skill, calibration_error, top_decile_calibration_error
from feddmf.quality import Reliability
from support.hidden import make_evidence


def test_true_probabilities_are_reliable() -> None:
    """Their bins lie near the diagonal, everywhere and in the top decile; errors are those of evaluation."""
    evidence = make_evidence(users=400)
    found = Reliability.of(evidence.truth, evidence.scores)
    assert found.error == pytest.approx(calibration_error(evidence.truth, evidence.scores))
    assert found.top_error == pytest.approx(top_decile_calibration_error(evidence.truth, evidence.scores))
    assert found.brier_skill == brier_skill(evidence.truth, evidence.scores)
    assert found.error < 0.02
    assert found.top_error < 0.05
    assert found.top_ratio == pytest.approx(1, abs=0.1)
    assert found.top_error == pytest.approx(found.top_chance, rel=0.5)
    assert found.cells.sum() == evidence.truth.size
    assert found.top_cells.sum() == evidence.truth.size / 10


def test_probabilities_twice_too_high_are_found_out() -> None:
    """Half of what the top decile promises comes true."""
    evidence = make_evidence(users=400)
    true = evidence.scores * 0.5
    truth = np.random.default_rng(1).random(true.shape) < true
    assert Reliability.of(truth, evidence.scores).top_ratio == pytest.approx(0.5, abs=0.05)


def test_without_cells_nothing_is_known() -> None:
    """Errors are nan, not zero."""
    found = Reliability.of(np.zeros((0, 3), dtype=np.bool_), np.zeros((0, 3)))
    assert all(map(math.isnan, (found.error, found.top_error, found.top_ratio, found.brier_skill)))
