"""Codes of ids that arrive in chunks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddmf_party.data.arrow import pa
from feddmf_party.data.codes import IdCodes
from feddmf_party.data.plain_cells import PlainCells

CHUNKS = st.lists(st.lists(st.text("abä\U0001f600", max_size=3), max_size=8), max_size=6)


@given(CHUNKS, st.integers(0, 10), st.lists(st.booleans(), min_size=6))
def test_codes_are_places_in_the_sorted_ids(chunks: list[list[str]], pending: int, plain: list[bool]) -> None:
    """However ids are cut into chunks, plain or not, codes are places among Python's sorted ids."""
    collected = IdCodes(pending=pending)
    for chunk, is_plain in zip(chunks, plain, strict=False):
        texts = pa.array(chunk, pa.large_string())
        collected.add(PlainCells.of(texts) if is_plain else texts.dictionary_encode())
    ids, cut = collected.sorted()
    codes = np.concatenate([np.empty(0, np.int32), *cut])
    everything = [text for chunk in chunks for text in chunk]
    assert ids == tuple(sorted(set(everything)))
    assert codes.dtype == np.int32
    assert [ids[code] for code in codes] == everything


@pytest.mark.parametrize("plain", [False, True])
def test_what_no_kept_row_has_is_no_id(*, plain: bool) -> None:
    """An id that only a filtered row had may be in the chunk's dictionary, and is not among the ids."""
    collected = IdCodes()
    texts = pa.array(["b", "a", "c"]).cast(pa.large_string())
    collected.add(PlainCells.of(texts) if plain else texts.dictionary_encode(), np.array([False, True, True]))
    ids, codes = collected.sorted()
    assert (ids, codes[0].tolist()) == (("a", "c"), [0, 1])
