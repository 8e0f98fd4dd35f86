"""Implicit-feedback least squares against the same sums written out over all cells."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddmf import als
from feddmf.als import Observed
from feddmf.errors import RunFailed

Floats = npt.NDArray[np.float64]
RANK, WEIGHT = 3, 0.7


def observed(confidences: Floats) -> Observed:
    """Return the cells of a dense table of confidences, [rows, columns], that are not 0."""
    rows, columns = confidences.nonzero()
    indptr = np.searchsorted(rows, np.arange(len(confidences) + 1))
    return Observed(indptr, columns, confidences[rows, columns], confidences.shape[1])


def dense(cells: Observed) -> Floats:
    """Return the dense table of confidences again, 0 where nothing is observed."""
    table = np.zeros((cells.rows, cells.columns))
    for row in range(cells.rows):
        mine = slice(cells.indptr[row], cells.indptr[row + 1])
        table[row, cells.indices[mine]] = cells.confidences[mine]
    return table


@st.composite
def problems(draw: st.DrawFn) -> tuple[Floats, Floats, Floats]:
    """Draw a table of confidences with factors of its rows and its columns; some are empty."""
    rows, columns = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    share = draw(st.sampled_from((0.0, 0.1, 0.5, 1.0)))
    values = 1 + draw(st.sampled_from((0.0, 1.0, 40.0))) * generator.random((rows, columns))
    table = values * (generator.random((rows, columns)) < share)
    return table, generator.normal(size=(rows, RANK)), generator.normal(size=(columns, RANK))


def weighted(table: Floats) -> tuple[Floats, Floats]:
    """Return confidence and preference of every cell."""
    return np.where(table > 0, table, 1.0), (table > 0).astype(float)


def objective(table: Floats, own: Floats, factors: Floats) -> float:
    """Return J without lambda, cell by cell."""
    confidences, preferences = weighted(table)
    return float((confidences * (preferences - own @ factors.T) ** 2).sum())


@given(problems())
def test_the_misfit_is_the_sum_over_all_cells(problem: tuple[Floats, Floats, Floats]) -> None:
    """What is computed from observed cells alone is the sum over observed and unobserved ones."""
    table, own, factors = problem
    expected = objective(table, own, factors)
    assert als.misfit(observed(table), own, factors) == pytest.approx(expected, rel=1e-12, abs=1e-10)


@given(problems())
def test_the_gradient_is_the_dense_one(problem: tuple[Floats, Floats, Floats]) -> None:
    """g_i = -2 sum_u c_ui (p_ui - x_u . y_i) x_u over all users, to 1e-10 of its size."""
    table, own, factors = problem
    confidences, preferences = weighted(table)
    expected = -2 * (confidences * (preferences - own @ factors.T)) @ factors
    found = als.gradient(observed(table), own, factors)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10 * (1 + np.abs(expected).max()))


@given(problems())
def test_least_squares_are_where_the_gradient_vanishes(problem: tuple[Floats, Floats, Floats]) -> None:
    """At the solution the gradient of J with lambda is zero, and a row without cells is zero."""
    table, _, factors = problem
    solved = als.least_squares(observed(table), factors, WEIGHT)
    slope = als.gradient(observed(table), solved, factors) + 2 * WEIGHT * solved
    np.testing.assert_allclose(slope, 0, atol=1e-9)
    assert not solved[~table.any(axis=1)].any()


@given(problems(), st.integers(0, 12))
def test_statistics_add_up_over_users(problem: tuple[Floats, Floats, Floats], cut: int) -> None:
    """Statistics of two groups of users add up to those of all, and solve to the item step of ALS."""
    table, _, factors = problem
    parts = [
        als.statistics(observed(table[:, some]), factors[some]) for some in (slice(cut), slice(cut, None))
    ]
    solved = als.solve_statistics(parts[0] + parts[1], RANK, WEIGHT)
    expected = als.least_squares(observed(table), factors, WEIGHT)
    np.testing.assert_allclose(solved, expected, rtol=1e-9, atol=1e-10)


@given(problems())
def test_a_majorised_step_never_raises_the_objective(problem: tuple[Floats, Floats, Floats]) -> None:
    """With the Gram times a confidence that none exceeds J falls from wherever the factors are."""
    table, own, factors = problem
    majoriser = als.packed(max(1.0, table.max()) * als.gram(factors))
    stepped = als.majorised_step(own, als.gradient(observed(table), own, factors), majoriser, WEIGHT)
    before, after = (
        objective(table, each, factors) + WEIGHT * float((each**2).sum()) for each in (own, stepped)
    )
    assert after <= before * (1 + 1e-12)


@given(problems())
def test_blocks_do_not_change_the_result(problem: tuple[Floats, Floats, Floats]) -> None:
    """Solved all at once or one row at a time, the factors are the same to rounding."""
    table, own, factors = problem
    cells = observed(table)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(als, "_BLOCK_FLOATS", 1)
        alone = (
            als.least_squares(cells, factors, WEIGHT),
            als.solve_statistics(als.statistics(cells, factors), RANK, WEIGHT),
            als.gradient(cells, own, factors),
        )
    together = (
        als.least_squares(cells, factors, WEIGHT),
        als.solve_statistics(als.statistics(cells, factors), RANK, WEIGHT),
        als.gradient(cells, own, factors),
    )
    for one, all_ in zip(alone, together, strict=True):
        np.testing.assert_allclose(one, all_, rtol=1e-9, atol=1e-9)


@given(problems(), st.integers(0, 2**32))
def test_cells_are_turned_chosen_and_dropped(problem: tuple[Floats, Floats, Floats], seed: int) -> None:
    """Transposing, taking rows in any order and keeping columns do as they do to the dense table."""
    table = problem[0]
    generator = np.random.default_rng(seed)
    rows = generator.permutation(len(table))[: generator.integers(len(table) + 1)]
    kept = generator.random(table.shape[1]) < 0.5
    assert np.array_equal(dense(observed(table).transposed()), table.T)
    assert np.array_equal(dense(observed(table).take(rows)), table[rows])
    assert np.array_equal(dense(observed(table).keep_columns(kept)), table * kept)


def test_one_user_by_hand() -> None:
    """One user, items 1 and 2, the first bought: x = (1 + 4 + 1 + 1)^-1 (2 * 1) with c = 2, lambda = 1."""
    table = np.array([[2.0, 0.0]])
    solved = als.least_squares(observed(table), np.array([[1.0], [2.0]]), 1.0)
    np.testing.assert_allclose(solved, [[2 / 7]], rtol=1e-15)
    assert als.misfit(observed(table), np.array([[1.0]]), np.array([[0.5], [2.0]])) == 2 * 0.25 + 4


def test_matrices_are_packed_row_by_row() -> None:
    """The entries on and above the diagonal, as many as packed_length says."""
    matrix = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 5.0], [3.0, 5.0, 6.0]])
    assert als.packed(matrix).tolist() == [1, 2, 3, 4, 5, 6]
    assert als.packed_length(3) == 6
    assert als._unpacked(als.packed(matrix), 3).tolist() == matrix.tolist()


def test_sums_on_the_grid_do_not_depend_on_their_order() -> None:
    """Rounded to multiples of 2^-18, factors give the same Gram whichever way their users come."""
    factors = np.random.default_rng(0).normal(size=(500, 7))
    rounded = als.on_grid(factors)
    assert np.abs(rounded - factors).max() <= 2.0**-19
    assert np.array_equal(rounded * 2**18, np.rint(rounded * 2**18))
    assert np.array_equal(als.gram(rounded[::-1]), als.gram(rounded))
    assert np.array_equal(als.gram(rounded[:123]) + als.gram(rounded[123:]), als.gram(rounded))
    assert not np.array_equal(als.gram(factors[:123]) + als.gram(factors[123:]), als.gram(factors))


def test_what_has_no_single_solution_says_so() -> None:
    """A rank above the data without a lambda that is felt ends with an error that says what to raise."""
    with pytest.raises(RunFailed, match="no single solution") as caught:
        als.least_squares(observed(np.ones((1, 1)) * 2), np.ones((1, 2)), 0.0)
    assert "fcf.regularization" in caught.value.hint
