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
        collected.add(pa.array(chunk, pa.large_string()).dictionary_encode())
    ids, cut = collected.sorted()
    codes = np.concatenate([np.empty(0, np.int32), *cut])
    everything = [text for chunk in chunks for text in chunk]
    assert ids == tuple(sorted(set(everything)))
    assert codes.dtype == np.int32
    assert [ids[code] for code in codes] == everything


def test_what_no_row_has_is_no_id() -> None:
    """An id that only a filtered row had is in the chunk's dictionary, and not among the ids."""
    collected = IdCodes()
    collected.add(pa.array(["b", "a", "c"]).cast(pa.large_string()).dictionary_encode()[1:])
    ids, codes = collected.sorted()
    assert (ids, codes[0].tolist()) == (("a", "c"), [0, 1])
