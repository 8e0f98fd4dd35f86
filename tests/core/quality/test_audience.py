"""Audiences of the hidden items."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddmf.quality import AUDIENCE_SHARES, Evidence
from feddmf.quality.audience import audience_size, audiences, top_users
from feddmf.quality.intervals import Resampling

# Ten users, two items. The best-scored user has both; the second item's other owner is ranked last.
SCORES = np.linspace(0.9, 0.1, 10, dtype=np.float32)[:, None].repeat(2, axis=1)
TRUTH = np.zeros((10, 2), dtype=np.bool_)
TRUTH[0], TRUTH[1, 0], TRUTH[9, 1] = True, True, True
EVIDENCE = Evidence("b", np.array([3, 5]), SCORES, TRUTH)


def test_figures_are_counted_over_items() -> None:
    """One user an item: both have it; two: three of four chosen, of four owners, where .2 of all have it."""
    one, two = audiences(EVIDENCE, Resampling.of(TRUTH, 0))
    assert (one.users, one.share, two.users, two.share) == (1, 0.1, 2, 0.2)
    assert [figure.value for figure in (one.precision, one.recall, one.lift)] == pytest.approx([1, 0.5, 5])
    assert [figure.value for figure in (two.precision, two.recall, two.lift)] == pytest.approx(
        [0.75, 0.75, 3.75]
    )


@given(st.permutations(range(10)))
def test_the_order_of_users_says_nothing(order: list[int]) -> None:
    """Figures are of scores, whatever the users' codes."""
    shuffled = Evidence("b", EVIDENCE.items, SCORES[order], TRUTH[order])
    assert audiences(shuffled, Resampling.of(TRUTH, 0)) == audiences(EVIDENCE, Resampling.of(TRUTH, 0))


def test_no_users_have_no_audiences() -> None:
    """Nothing is reported of nobody."""
    nobody = Evidence("b", EVIDENCE.items, SCORES[:0], TRUTH[:0])
    assert audiences(nobody, Resampling.of(TRUTH[:0], 0)) == ()


def test_sizes_are_whole_users() -> None:
    """At least one, at most all."""
    assert [audience_size(share, 305) for share in AUDIENCE_SHARES] == [3, 6, 15, 30, 61]
    assert (audience_size(0.001, 5), audience_size(1.0, 5), audience_size(0.5, 0)) == (1, 5, 0)


def test_the_best_scored_come_first() -> None:
    """By item; of equals the one with the lower code."""
    assert top_users(np.array([[0.1, 0.5], [0.3, 0.5], [0.2, 0.6]]), 2).tolist() == [[1, 2], [2, 0]]
