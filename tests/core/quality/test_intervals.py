"""Intervals by the bootstrap over items."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feddmf.evaluation import roc_auc
from feddmf.quality import measure
from feddmf.quality.intervals import REPLICATES, Resampling, student_quantile
from support.hidden import make_evidence

Floats = npt.NDArray[np.float64]
TRUTH = np.eye(8, dtype=np.bool_)  # each item has one positive cell


def mean_of(values: Floats) -> object:
    """Return the figure that is the mean of items' values."""
    return lambda weights: weights @ values / weights.sum(axis=1)


def test_the_mean_of_items_has_its_textbook_standard_error() -> None:
    """As a difference the interval is the mean -+ t times sd / sqrt(n), give or take some chance."""
    values = np.array([1.0, 3.0, 2.0, 5.0, 4.0, 0.0, 7.0, 2.0])
    found = Resampling.of(TRUTH, 0).interval(mean_of(values), scale="difference")
    reach = student_quantile(7) * values.std() / math.sqrt(8)
    assert found.value == 3
    assert found.upper - 3 == pytest.approx(reach, rel=0.1)
    assert found.width == pytest.approx(2 * (found.upper - 3))


def test_items_without_difference_leave_no_doubt() -> None:
    """A figure that all items share has an interval of no width; an allowance widens it."""
    resampling = Resampling.of(TRUTH, 0)
    assert resampling.interval(mean_of(np.full(8, 0.25))).width == pytest.approx(0)
    assert resampling.interval(mean_of(np.full(8, 0.25)), allowance=0.01).width == pytest.approx(
        0.038, abs=1e-3
    )


@given(st.lists(st.floats(0, 1), min_size=8, max_size=8), st.sampled_from(["share", "ratio", "difference"]))
@settings(max_examples=30)
def test_an_interval_holds_its_figure_and_stays_on_its_scale(values: list[float], scale: str) -> None:
    """Whatever the items' values: shares within 0..1, ratios not below 0."""
    found = Resampling.of(TRUTH, 0).interval(mean_of(np.array(values)), scale=scale)  # type: ignore[arg-type]
    assert found.lower <= found.value + 1e-12
    assert found.upper >= found.value - 1e-12
    if scale != "difference":
        assert found.lower >= 0
    if scale == "share":
        assert found.upper <= 1


def test_a_figure_without_meaning_has_no_ends() -> None:
    """Nor has one that most replicates do not know."""
    resampling = Resampling.of(TRUTH, 0)
    nothing = resampling.interval(lambda weights: np.full(len(weights), np.nan))
    assert all(math.isnan(end) for end in (nothing.value, nothing.lower, nothing.upper))
    rare = resampling.interval(lambda weights: np.where(weights[:, 0] == 1, 0.5, np.nan))
    assert rare.value == 0.5
    assert math.isnan(rare.lower)


def test_draws_are_those_of_the_seed() -> None:
    """The same for the same seed, others for another; each replicate has as many items as there are."""
    first, again, other = (Resampling.of(TRUTH, seed).weights for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()
    assert first.shape == (REPLICATES, 8)
    assert (first.sum(axis=1) == 8).all()


def test_few_items_that_carry_the_positives_count_as_few() -> None:
    """Eight items with one positive cell each are eight; one with all of them is one."""
    one = np.zeros((8, 8), dtype=np.bool_)
    one[:, 0] = True
    assert Resampling.of(TRUTH, 0).carriers == 8
    assert Resampling.of(one, 0).carriers == 1


@pytest.mark.parametrize(("freedom", "expected"), [(2, 2.920), (5, 2.015), (30, 1.697), (1e9, 1.645)])
def test_student_quantiles_are_those_of_the_tables(freedom: float, expected: float) -> None:
    """The 95 % points of Student's t."""
    assert student_quantile(freedom) == pytest.approx(expected, abs=0.04)


def test_intervals_cover_the_auc_of_items_not_seen() -> None:
    """Of 30 draws of 40 items with effects of their own, 25 or more hold the truth, and are narrow."""
    everything = make_evidence(99, items=3000, spread=0.7)
    known = roc_auc(everything.truth, everything.scores)
    found = [
        measure(everything.of_items(np.arange(40 * part, 40 * part + 40)), 0.3).roc_auc for part in range(30)
    ]
    assert sum(interval.lower <= known <= interval.upper for interval in found) >= 25
    assert np.median([interval.width for interval in found]) < 0.1
