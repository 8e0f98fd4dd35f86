"""Bins of a column of numbers: names, ends, and edges that cannot be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddmf_party.data.bins import bin_names, bins_of, check_edges


@pytest.mark.parametrize(
    ("edges", "names"),
    [
        ((25.0, 40.0, 65.0), ("..25", "25..40", "40..65", "65..")),
        ((0.5,), ("..0.5", "0.5..")),
        ((-1.0, 0.0), ("..-1", "-1..0", "0..")),
        ((1e16, 1e17), ("..1e+16", "1e+16..1e+17", "1e+17..")),
    ],
)
def test_bins_are_named_by_their_edges(edges: tuple[float, ...], names: tuple[str, ...]) -> None:
    """Whole numbers have no point."""
    assert bin_names(edges) == names


def test_a_bin_holds_its_lower_edge_and_not_its_upper_one() -> None:
    """An empty cell is in none."""
    values = np.array([-9.0, 24.999, 25.0, 39.0, 40.0, 1e9, np.nan])
    assert bins_of(values, (25.0, 40.0)).tolist() == [0, 0, 1, 1, 2, 2, -1]


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ((), "bins.age has no edge"),
        ((25.0, 40.0, 40.0), "bins.age does not ascend: 40 comes after 40"),
        ((25.0, 4.5), "bins.age does not ascend: 4.5 comes after 25"),
        ((25.0, float("inf")), "bins.age has an edge that is no finite number"),
    ],
)
def test_edges_that_make_no_bins_are_refused(edges: tuple[float, ...], message: str) -> None:
    """None, equal ones, descending ones, and what is no number."""
    with pytest.raises(ValueError, match=message):
        check_edges("age", edges)


@given(
    edges=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=6, unique=True).map(sorted),
    value=st.floats(-2e6, 2e6),
)
def test_every_number_is_in_one_bin_between_its_edges(edges: list[float], value: float) -> None:
    """Names differ, and the place is that of the last edge that is not above the value."""
    check_edges("c", edges)
    names = bin_names(edges)
    assert len(set(names)) == len(names) == len(edges) + 1
    place = int(bins_of(np.array([value]), edges)[0])
    assert place == sum(edge <= value for edge in edges)
