"""Products with a sparse table of zeros and ones: those of the table written out, by numpy and compiled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddmf import incidence
from feddmf.incidence import Incidence, summed_rows
from feddmf.interactions import Interactions


def table(cells: np.ndarray) -> Interactions:
    """Return the interactions of a 0/1 matrix [users, items]."""
    return Interactions.from_pairs(*np.nonzero(cells), shape=cells.shape)


def drawn(seed: int, users: int, items: int) -> np.ndarray:
    """Return a 0/1 matrix in which some users and some items have nothing."""
    random = np.random.default_rng(seed)
    cells = (random.random((users, items)) < 0.3).astype(float)
    return cells * (random.random((users, 1)) < 0.9) * (random.random(items) < 0.9)


@pytest.fixture(params=["numpy", "compiled"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Take either way of computing, whatever the size."""
    monkeypatch.setattr(incidence, "_MOST_DENSE", 0 if request.param == "compiled" else 1 << 60)
    return str(request.param)


@pytest.mark.usefixtures("way")
def test_counts_of_a_small_table() -> None:
    """Two of three users have the first item, one of them with the third; nobody has the second."""
    data = table(np.array([[1, 0, 1], [1, 0, 0], [0, 0, 1]]))
    left, right = Incidence.of(data, np.array([1, 0])), Incidence.of(data, np.array([2, 1, 0]))
    assert left.together(right).tolist() == [[0, 0, 0], [1, 0, 2]]
    assert left.together(left).tolist() == [[0, 0], [0, 2]]
    # The weights of what each user has sum to 4, 3 and 1.
    assert left.handed(right, np.array([[1.0, 10], [2, 20], [3, 30]])).tolist() == [[0, 0], [7, 70]]
    assert (left.lines, left.columns, left.ones) == (3, 2, 2)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("block", [20, 1 << 22])
@pytest.mark.parametrize("shape", [(0, 4), (5, 0), (1, 1), (40, 70)])
def test_products_are_those_of_the_table_written_out(
    shape: tuple[int, int], block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With users and items or without, in blocks of a few users or at once; counts are exact."""
    monkeypatch.setattr(incidence, "_BLOCK_CELLS", block)
    cells = drawn(1, *shape)
    codes = np.random.default_rng(2).permutation(shape[1])
    data, cells = table(cells), cells[:, codes]
    whole, half = Incidence.of(data, codes), Incidence.of(data, codes[::2])
    right = np.random.default_rng(3).standard_normal((shape[1], 3))
    np.testing.assert_array_equal(whole.dense(), cells)
    np.testing.assert_array_equal(whole.together(whole), cells.T @ cells)
    np.testing.assert_array_equal(whole.together(half), cells.T @ cells[:, ::2])
    np.testing.assert_allclose(half.handed(whole, right), cells[:, ::2].T @ cells @ right, atol=1e-11)
    np.testing.assert_allclose(whole.handed(whole, right), cells.T @ cells @ right, atol=1e-11)


@given(st.integers(0, 10**6), st.integers(0, 12), st.integers(0, 90))
def test_both_ways_count_alike(seed: int, users: int, items: int) -> None:
    """Compiled or by numpy, one table with itself or with another."""
    data = table(drawn(seed, users, items))
    whole, half = Incidence.of(data, np.arange(items)), Incidence.of(data, np.arange(items // 2))
    found = []
    for most in (0, 1 << 60):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(incidence, "_MOST_DENSE", most)
            found.append((whole.together(whole), whole.together(half)))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][1], found[1][1])


def test_some_lines_written_out() -> None:
    """In the order in which they are asked for."""
    cells = drawn(4, 9, 7)
    known = Incidence.of(table(cells), np.arange(7))
    np.testing.assert_array_equal(known.dense(np.array([8, 0, 3])), cells[[8, 0, 3]])
    np.testing.assert_array_equal(known.dense(slice(2, 5)), cells[2:5])


@pytest.mark.usefixtures("way")
def test_places_without_a_row_do_not_count() -> None:
    """The sum of the rows of the first and the third place, of whole numbers and fractions alike."""
    starts, places = np.array([0, 2, 2, 3]), np.array([0, 1, 2], dtype=np.int32)
    row_of = np.array([1, -1, 0], dtype=np.int32)
    matrix = np.array([[1.5, 2], [3, 4]], dtype=np.float32)
    assert summed_rows(starts, places, row_of, matrix).tolist() == [[3, 4], [0, 0], [1.5, 2]]
