"""Pairs as rows: compiled and by numpy, whole and in chunks, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feddmf.merging import Chunk, merged

SHAPE = (6, 40)


def cut(pairs: int, seed: int, *, valued: bool) -> list[Chunk]:
    """Return drawn pairs in three chunks, most of them of user 2, with values that do not add up exactly."""
    random = np.random.default_rng(seed)
    users = np.where(random.random(pairs) < 0.7, 2, random.integers(0, SHAPE[0], pairs)).astype(np.int32)
    items = random.integers(0, SHAPE[1], pairs).astype(np.int32)
    values = random.choice([0.1, 0.7, 1e9, 3.3e-5, -2.0], pairs)
    parts = np.array_split(np.arange(pairs), 3)
    return [Chunk(users[part], items[part], values[part] if valued else None) for part in parts]


@settings(max_examples=30)
@given(pairs=st.integers(0, 200), seed=st.integers(0, 1000), valued=st.booleans())
def test_compiled_rows_are_those_of_numpy(pairs: int, seed: int, valued: bool) -> None:
    """Short rows and long ones, merged by either, are the same bytes in any order of the pairs."""
    chunks = cut(pairs, seed, valued=valued)
    expected = merged(list(chunks), SHAPE, few=1 << 20)
    turned = [
        Chunk(each.users[::-1], each.items[::-1], None if each.values is None else each.values[::-1])
        for each in reversed(chunks)
    ]
    for found in (merged(list(chunks), SHAPE, few=0), merged(turned, SHAPE, few=0)):
        for one, other in zip(found, expected, strict=True):
            assert (one.dtype, one.tobytes()) == (other.dtype, other.tobytes())


def test_chunks_are_let_go() -> None:
    """The list is empty in the end, and a code outside leaves it as it was."""
    chunks = cut(50, 1, valued=False)
    with pytest.raises(ValueError, match=r"item code outside 0\.\.3"):
        merged(chunks, (6, 4))
    assert len(chunks) == 3
    merged(chunks, SHAPE, few=0)
    assert not chunks
