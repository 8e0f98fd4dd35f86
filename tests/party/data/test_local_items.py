"""Local item ids as codes, by text and by number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddmf.errors import DataError
from feddmf_party.data.arrow import pa
from feddmf_party.data.local_items import LocalItems
from feddmf_party.data.plain_cells import PlainCells
from feddmf_party.data.tables import Batch

FAR = 10**17


def codes(ids: list[str], cells: Any, policy: Any = "skip") -> list[int]:
    """Return the codes of a column of cells."""
    batch = Batch(Path("t.csv"), 11, {"c": cells})
    items = LocalItems(pa.array(ids, pa.large_string()))
    found = items.codes_of(batch, "c", np.ones(len(cells), np.bool_), policy)
    assert found.dtype == np.int32
    return found.tolist()


@pytest.mark.parametrize("far", [[], [str(FAR)]])
@given(
    numbers=st.lists(st.integers(-9, 9), unique=True, max_size=8),
    cells=st.lists(st.one_of(st.integers(-20, 20), st.sampled_from([FAR, -FAR, 2**63 - 1, -(2**63)]))),
)
def test_numbers_have_the_codes_of_their_digits(far: list[str], numbers: list[int], cells: list[int]) -> None:
    """Whether or not the ids fit a table, with ids among them that are no numbers, or written otherwise."""
    ids = ["007", "a", "-0", *map(str, numbers), *far]
    expected = [ids.index(str(cell)) if str(cell) in ids else -1 for cell in cells]
    assert codes(ids, pa.array(cells, pa.int64())) == expected
    texts = pa.array(list(map(str, cells)), pa.large_string())
    assert codes(ids, texts) == codes(ids, PlainCells.of(texts)) == expected


@pytest.mark.parametrize(
    "cells", [pa.array([1, 5]), pa.array(["1", "5"]), PlainCells.of(pa.array(["1", "5"], pa.large_string()))]
)
def test_an_unknown_item_is_named_by_its_text(cells: Any) -> None:
    """A number is shown as its text would be."""
    with pytest.raises(DataError, match="row 12: column 'c': item '5' is not in the catalogue"):
        codes(["1"], cells, "error")
