"""Metrics against references that follow their definitions, cell by cell."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from feddmf.evaluation import (
    average_precision,
    f1_at,
    f1_at_half,
    f1_best,
    roc_auc,
    threshold_best,
    user_roc_auc,
)

Cells = tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]

TRUTH = np.array([[True, False, False], [False, True, True]])
SCORES = np.array([[0.9, 0.4, 0.4], [0.6, 0.4, 0.8]])


@st.composite
def cells(draw: st.DrawFn) -> Cells:
    """Draw a small block with many tied scores."""
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=5))
    truth = draw(hnp.arrays(np.bool_, shape))
    scores = draw(hnp.arrays(np.float64, shape, elements=st.sampled_from([0.0, 0.2, 0.5, 0.7, 1.0])))
    return truth, scores


def naive_roc_auc(truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.float64]) -> float:
    """Compare each positive cell with each negative one."""
    wins = [(p > n) + (p == n) / 2 for p, n in product(scores[truth], scores[~truth])]
    return sum(wins) / len(wins) if wins else math.nan


def naive_f1(truth: npt.NDArray[np.bool_], called: npt.NDArray[np.bool_]) -> float:
    """Compute F1 from precision and recall."""
    hits = (truth & called).sum()
    if not hits:
        return 0.0
    precision, recall = hits / called.sum(), hits / truth.sum()
    return float(2 * precision * recall / (precision + recall))


def naive_average_precision(truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.float64]) -> float:
    """Add up precision times the step in recall, threshold by threshold."""
    total, before = 0.0, 0.0
    for threshold in sorted(set(scores.ravel().tolist()), reverse=True):
        called = scores >= threshold
        recall = (truth & called).sum() / truth.sum()
        total += (recall - before) * (truth & called).sum() / called.sum()
        before = recall
    return float(total)


def test_known_block() -> None:
    """A block small enough to count by hand has the metrics counted by hand."""
    assert roc_auc(TRUTH, SCORES) == pytest.approx(7 / 9)
    assert user_roc_auc(TRUTH, SCORES) == pytest.approx((1 + 1 / 2) / 2)
    assert average_precision(TRUTH, SCORES) == pytest.approx(1 / 3 + 1 / 3 + 1 / 6)
    assert f1_at_half(TRUTH, SCORES) == pytest.approx(2 / 3)
    assert f1_at(TRUTH, SCORES, 0.7) == pytest.approx(4 / 5)
    assert f1_best(TRUTH, SCORES) == pytest.approx(4 / 5)


@given(cells())
def test_roc_auc_is_the_share_of_ordered_pairs(block: Cells) -> None:
    """ROC-AUC is the share of (positive, negative) pairs in order, ties half, and nan with no pair."""
    assert roc_auc(*block) == pytest.approx(naive_roc_auc(*block), nan_ok=True)


@given(cells())
def test_user_roc_auc_is_the_mean_over_users_with_both_kinds(block: Cells) -> None:
    """Users without a positive or without a negative cell do not count in user_roc_auc."""
    areas = [naive_roc_auc(*user) for user in zip(*block, strict=True)]
    defined = [area for area in areas if not math.isnan(area)]
    expected = sum(defined) / len(defined) if defined else math.nan
    assert user_roc_auc(*block) == pytest.approx(expected, nan_ok=True)


@given(cells())
def test_average_precision_and_f1_follow_their_definitions(block: Cells) -> None:
    """Average precision and F1 are what a walk over all thresholds gives, and nan without a positive."""
    truth, scores = block
    found = [average_precision(*block), f1_at_half(*block), f1_best(*block)]
    if not truth.any():
        assert all(map(math.isnan, found))
        return
    best = max(naive_f1(truth, scores >= threshold) for threshold in scores.ravel())
    expected = [naive_average_precision(*block), naive_f1(truth, scores > 0.5), best]
    assert found == pytest.approx(expected)


@given(cells(), st.sampled_from([np.float32, np.float64]))
def test_the_best_threshold_reaches_the_best_f1(block: Cells, dtype: type[np.floating]) -> None:
    """At the threshold chosen on them, cells have the F1 of the best threshold; nan without a positive."""
    truth, scores = block[0], block[1].astype(dtype)
    threshold = threshold_best(truth, scores)
    if truth.any():
        assert f1_at(truth, scores, threshold) == pytest.approx(f1_best(truth, scores))
    else:
        assert math.isnan(threshold)


def test_the_best_threshold_lies_midway() -> None:
    """It leaves as much room to the cells above as to those below; the highest of equally good ones."""
    assert threshold_best(TRUTH, SCORES) == pytest.approx((0.6 + 0.8) / 2)
    truth = np.array([[True, False, True]])
    assert threshold_best(truth, np.array([[0.9, 0.5, 0.5]])) == math.nextafter(0.5, -math.inf)
    alike = np.array([[True, False, False, True]])
    assert threshold_best(alike, np.array([[0.8, 0.6, 0.4, 0.2]])) == pytest.approx(0.7)


def test_the_best_threshold_parts_neighbouring_numbers() -> None:
    """Two scores with no number between them are still told apart."""
    upper = np.float32(0.5)
    scores = np.array([[upper, np.nextafter(upper, np.float32(0))]])
    assert f1_at(np.array([[True, False]]), scores, threshold_best(np.array([[True, False]]), scores)) == 1


def test_metrics_agree_with_scikit_learn() -> None:
    """On 40 x 30 cells with ties the pooled metrics are scikit-learn's."""
    reference = pytest.importorskip("sklearn.metrics")
    generator = np.random.default_rng(0)
    truth = generator.random((40, 30)) < 0.1
    scores = np.round(generator.random((40, 30)) + 0.2 * truth, 2)
    assert roc_auc(truth, scores) == pytest.approx(reference.roc_auc_score(truth.ravel(), scores.ravel()))
    expected = reference.average_precision_score(truth.ravel(), scores.ravel())
    assert average_precision(truth, scores) == pytest.approx(expected)


@pytest.mark.parametrize("share", [False, True])
def test_one_kind_of_cell_has_no_roc_auc(share: bool) -> None:
    """Without a positive or without a negative cell both ROC-AUCs are nan."""
    truth = np.full((2, 2), share)
    assert math.isnan(roc_auc(truth, np.eye(2)))
    assert math.isnan(user_roc_auc(truth, np.eye(2)))


def test_no_cells_have_no_metrics() -> None:
    """A block without cells gives nan, not an error."""
    truth, scores = np.zeros((0, 3), dtype=np.bool_), np.zeros((0, 3))
    for metric in (roc_auc, user_roc_auc, average_precision, f1_at_half, f1_best):
        assert math.isnan(metric(truth, scores))


@pytest.mark.parametrize(
    ("truth", "scores", "message"),
    [
        (TRUTH, np.full((2, 3), math.nan), "NaN"),
        (TRUTH, SCORES.T, "truth is"),
        (TRUTH.astype(np.int64), SCORES, "not bool"),
    ],
)
def test_unusable_cells_are_refused(
    truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.float64], message: str
) -> None:
    """Each metric raises ValueError for NaN scores, differing shapes and a truth that is not bool."""
    for metric in (roc_auc, user_roc_auc, average_precision, f1_at_half, f1_best):
        with pytest.raises(ValueError, match=message):
            metric(truth, scores)
