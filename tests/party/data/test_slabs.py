"""A column in slabs."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from feddmf_party.data.slabs import Slabs


@given(st.lists(st.integers(0, 9), max_size=8), st.integers(1, 5))
def test_numbers_come_back_in_order(lengths: list[int], rows: int) -> None:
    """However they were appended, all slabs but the last are full, and none is left behind."""
    column, expected = Slabs(np.int32, rows=rows), np.arange(sum(lengths))
    for part in np.split(expected, np.cumsum(lengths)[:-1]) if lengths else []:
        column.append(part)
    found = column.taken()
    assert [number for slab in found for number in slab.tolist()] == expected.tolist()
    assert all(len(slab) == rows for slab in found[:-1])
    assert all(slab.dtype == np.int32 for slab in found)
    assert column.taken() == []
