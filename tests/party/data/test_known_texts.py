"""Texts that are found again by their bytes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddmf.kernels import known_texts as kernels
from feddmf_party.data.arrow import pa
from feddmf_party.data.known_texts import KnownTexts
from feddmf_party.data.plain_cells import PlainCells

TEXTS = st.lists(st.text("ab\x00é", max_size=20))


def cells(texts: list[str]) -> PlainCells:
    """Return texts as cells of a table."""
    return PlainCells.of(pa.array(texts, pa.large_string()))


@given(TEXTS, TEXTS, TEXTS)
def test_each_text_has_the_number_of_those_before_it(
    first: list[str], more: list[str], asked: list[str]
) -> None:
    """Numbers are those of a dict that is filled in order; what was never added has none."""
    known, expected = KnownTexts(), {}
    for texts in (first, more):
        numbers = [expected.setdefault(text, len(expected)) for text in texts]
        assert known.add(cells(texts)).tolist() == numbers
    assert known.find(cells(asked)).tolist() == [expected.get(text, -1) for text in asked]
    assert (len(known), known.array().to_pylist()) == (len(expected), list(expected))


def test_tables_grow() -> None:
    """With thousands of texts, one of them longer than all that fitted before, each has its number."""
    texts = [f"user-{number:07x}" for number in range(5000)] + ["x" * 200_000, "y"]
    known = KnownTexts()
    assert known.add(cells(texts)).tolist() == list(range(5002))
    assert known.find(cells(texts[::-1])).tolist() == list(range(5002))[::-1]
    assert known.array().to_pylist() == texts


def test_texts_of_one_hash_are_told_apart() -> None:
    """A slot that has another text's hash is passed by, where texts are as long as each other and not."""
    one, other = cells(["same"]), cells(["sand"])
    known = KnownTexts()
    known.add(one)
    slots = known._slots
    taken = slots[slots != 0]
    known.add(other)
    slots[slots != 0] = 0
    wider: npt.NDArray[np.uint64] = np.zeros(len(slots), dtype=np.uint64)
    slots[0] = taken[0]
    kernels.widen_slots(slots, wider)
    slots[:] = wider
    assert known.find(one).tolist() == [0]
    # The first text's slot now says that it is the second's.
    slots[slots != 0] += np.uint64(1)
    assert known.find(one).tolist() == [-1]


@pytest.mark.parametrize("at", [0, 2])
def test_cells_of_a_part_of_an_array(at: int) -> None:
    """Slices of arrays are cells of their own; rows can be left out."""
    texts = pa.array(["a", "bc", "é", ""], pa.large_string())[at:]
    assert PlainCells.of(texts).array().to_pylist() == ["a", "bc", "é", ""][at:]
    kept = np.arange(len(texts)) != 1
    assert PlainCells.of(texts).where(kept).array().to_pylist() == texts.filter(pa.array(kept)).to_pylist()
