"""Which rows of a curve are shown: all of a few, some of many, always the last."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from feddmf.web.thinning import thinned


@given(count=st.integers(1, 100_000), most=st.integers(1, 1_000))
def test_no_more_than_asked_for_and_the_last_among_them(count: int, most: int) -> None:
    """More than half as many as there may be, where there are so many."""
    places = thinned(count, most)
    assert len(places) <= most
    assert 2 * len(places) > min(count, most)
    assert places[-1] == count - 1
    assert min(places) >= 0


def test_of_a_few_all_and_of_none_none() -> None:
    """Each once."""
    assert list(thinned(3)) == [0, 1, 2]
    assert list(thinned(0)) == []
