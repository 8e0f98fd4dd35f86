"""Codes of ids that arrive in chunks."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from feddmf_party.data.arrow import pa
from feddmf_party.data.codes import IdCodes

CHUNKS = st.lists(st.lists(st.text("abä\U0001f600", max_size=3), max_size=8), max_size=6)


@given(CHUNKS, st.integers(0, 10))
def test_codes_are_places_in_the_sorted_ids(chunks: list[list[str]], pending: int) -> None:
    """However the ids are cut into chunks and merged, codes are places among Python's sorted ids."""
    collected = IdCodes(pending=pending)
    for chunk in chunks:
        collected.add(pa.array(chunk, pa.large_string()))
    ids, codes = collected.sorted()
    everything = [text for chunk in chunks for text in chunk]
    assert ids == tuple(sorted(set(everything)))
    assert codes.dtype == np.int32
    assert [ids[code] for code in codes] == everything
