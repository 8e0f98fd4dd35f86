"""The best of many scores, at once and block by block; ties by place."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from feddmf.best import Best, best_places, ranking

# Few values, so that most are tied.
SCORES = st.lists(st.integers(0, 4), max_size=40)


@given(SCORES, st.integers(0, 45))
def test_places_are_those_of_a_stable_sort(scores: list[int], size: int) -> None:
    """Highest first; of equals the first."""
    given_ = np.array(scores, dtype=np.float32)
    assert best_places(given_, size).tolist() == np.argsort(-given_, kind="stable")[:size].tolist()


@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 4), st.lists(st.integers(1, 9), max_size=5))
def test_blocks_have_the_best_of_the_whole(seed: int, top: int, columns: int, blocks: list[int]) -> None:
    """However the rows are cut into blocks, and whether there are more of them than places or fewer."""
    scores = np.random.default_rng(seed).integers(0, 5, (sum(blocks), columns)).astype(np.float32)
    best, start = Best(columns, top), 0
    for rows in blocks:
        best.take(scores[start : start + rows])
        start += rows
    places, found = best.ranked()
    expected = np.argsort(-scores, axis=0, kind="stable")[:top].T
    assert np.array_equal(places, expected)
    assert np.array_equal(found, np.take_along_axis(scores.T, expected, axis=1))


def test_rising_and_falling_scores() -> None:
    """Where every row is better than all before it, and where none is."""
    rising = np.arange(1000, dtype=np.float32)[:, None]
    best = Best(2, 3)
    best.take(np.hstack([rising, -rising]))
    places, scores = best.ranked()
    assert places.tolist() == [[999, 998, 997], [0, 1, 2]]
    assert scores.tolist() == [[999, 998, 997], [0, -1, -2]]


@given(st.lists(st.floats(-2, 2, width=32), max_size=60), st.integers(1, 3))
def test_a_ranking_of_all_is_that_of_the_best(scores: list[float], repeats: int) -> None:
    """Highest first, equals in their order, zeros of either sign equal."""
    values = np.array([*scores * repeats, 0.0, -0.0], dtype=np.float32)
    assert ranking(values).tolist() == best_places(values, len(values)).tolist()
