"""Calibration metrics against counts by hand."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from feddmf.evaluation import (
    brier_skill,
    calibration_error,
    reliability_bins,
    top_decile,
    top_decile_calibration_error,
)

Cells = tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]


@st.composite
def cells(draw: st.DrawFn) -> Cells:
    """Draw a block with tied probabilities."""
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=8))
    truth = draw(hnp.arrays(np.bool_, shape))
    return truth, draw(hnp.arrays(np.float64, shape, elements=st.sampled_from([0.0, 0.1, 0.5, 1.0])))


def test_brier_skill_compares_with_the_base_rate() -> None:
    """The truth itself has 1, the base rate 0, the opposite of a half-true block 1 - 1 / (1/4)."""
    truth = np.array([[True, False], [False, True]])
    assert brier_skill(truth, truth.astype(np.float32)) == 1
    assert brier_skill(truth, np.full((2, 2), 0.5)) == 0
    assert brier_skill(truth, 1.0 - truth) == -3


def test_calibration_error_is_the_mean_distance_of_the_bins() -> None:
    """Of 30 cells in 15 bins of two, each bin is off by what its two cells say too much."""
    truth = np.zeros((5, 6), dtype=np.bool_)
    scores = np.arange(30).reshape(5, 6) / 100
    truth[4, 5] = True  # The last bin holds .28 and .29, and one positive cell.
    expected = (sum(range(28)) / 100 / 2 + (0.5 - 0.285)) / 15
    assert calibration_error(truth, scores) == pytest.approx(expected)


def test_the_top_decile_is_judged_alone() -> None:
    """The tenth of the cells with the highest scores, here three of 30: two positive, all at .9."""
    truth, scores = np.zeros((5, 6), dtype=np.bool_), np.full((5, 6), 0.5)
    scores[0, :3], truth[0, :2] = 0.9, True
    assert top_decile(scores).tolist() == [0, 1, 2]
    assert top_decile_calibration_error(truth, scores) == pytest.approx(0.9 - 2 / 3)


@given(cells())
def test_bins_sum_to_the_whole_block(block: Cells) -> None:
    """Cells, probabilities and positives of the bins add up to those of the block, in bins of equal mass."""
    truth, scores = block
    predicted, observed, counts = reliability_bins(truth, scores)
    assert counts.sum() == truth.size
    assert counts.max() - counts.min() <= 1
    assert predicted @ counts == pytest.approx(scores.sum())
    assert observed @ counts == pytest.approx(truth.sum())
    assert (np.diff(predicted) >= -1e-12).all()


@given(cells(), st.integers(0, 9))
def test_equal_scores_have_no_order(block: Cells, seed: int) -> None:
    """Listing the cells in another order changes no bin."""
    order = np.random.default_rng(seed).permutation(block[0].size)
    shuffled = [array.ravel()[order] for array in block]
    for one, other in zip(reliability_bins(*block), reliability_bins(shuffled[0], shuffled[1]), strict=True):
        assert one == pytest.approx(other)


@pytest.mark.parametrize("share", [False, True])
def test_one_kind_of_cell_has_no_brier_skill(share: bool) -> None:
    """Where the base rate is certain, there is nothing to be better than; nor without cells."""
    assert math.isnan(brier_skill(np.full((2, 2), share), np.eye(2)))
    nothing = np.zeros((0, 3), dtype=np.bool_), np.zeros((0, 3))
    assert all(math.isnan(metric(*nothing)) for metric in (brier_skill, top_decile_calibration_error))


def test_unusable_cells_are_refused() -> None:
    """Each metric raises ValueError for NaN scores and differing shapes."""
    for metric in (brier_skill, calibration_error, top_decile_calibration_error):
        with pytest.raises(ValueError, match="NaN"):
            metric(np.eye(2, dtype=np.bool_), np.full((2, 2), math.nan))
        with pytest.raises(ValueError, match="truth is"):
            metric(np.eye(2, dtype=np.bool_), np.eye(3))
