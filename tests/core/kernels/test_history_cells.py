"""Cells of a history tower in compiled code: as exact as float32 is, wherever the logits lie."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from feddmf.kernels.history_cells import turn_cells

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


def turn(logits: npt.ArrayLike, seen: list[float], labels: list[list[int]]) -> tuple[Floats, Floats, Doubles]:
    """Return gradients of cells [users, items] with these logits, of biases, and totals at levels 1, 2, ...

    labels: for each item the users who have it.
    """
    cells = np.array(logits, dtype=np.float32)
    users, items = cells.shape
    starts = np.cumsum([0, *(len(each) for each in labels)])
    owners = np.array([user for each in labels for user in each], dtype=np.int64)
    of_bias, totals = np.empty(items, dtype=np.float32), np.empty(3)
    nothing = np.zeros(max(users, items), dtype=np.float32)
    levels = np.arange(1, users + 1, dtype=np.float32)
    seen_items = np.array(seen, dtype=np.float32)
    turn_cells(cells, nothing[:items], nothing[:users], levels, seen_items, starts, owners, of_bias, totals)
    return cells, of_bias, totals


@pytest.mark.parametrize(("low", "high"), [(-87, -20), (-20, -1), (-1, 1), (-1e-3, 1e-3), (1, 87)])
def test_costs_and_gradients_are_within_a_millionth(low: float, high: float) -> None:
    """Softplus and sigmoid of a range of logits differ from float64's by 1e-6 of their values at most."""
    logits = np.linspace(low, high, 999, dtype=np.float32)
    exact = logits.astype(np.float64)
    costs = [turn([[each]], [1], [[]])[2][0] for each in logits]
    np.testing.assert_allclose(costs, np.logaddexp(0, exact), rtol=1e-6)
    gradients, *_ = turn([logits], [1] * 999, [[]] * 999)
    np.testing.assert_allclose(gradients[0], 1 / (1 + np.exp(-exact)), rtol=1e-6)


def test_far_logits_have_the_limits() -> None:
    """Beyond what exp can take a cell costs its logit or nothing, and its gradient is 1 or 0."""
    cells, _, totals = turn([[-1000, 1000, -np.inf]], [1, 1, 1], [[], [], []])
    np.testing.assert_allclose(cells, [[0, 1, 0]], atol=1e-37)
    assert totals[0] == pytest.approx(1000, rel=1e-6)


def test_what_is_not_a_number_stays_so() -> None:
    """A diverged training is seen in its loss and in its gradients."""
    cells, of_bias, totals = turn([[0, np.nan]], [1, 1], [[], []])
    assert cells[0, 0] == 0.5
    assert np.isnan([cells[0, 1], of_bias[1], totals[0]]).all()


def test_sums_are_those_of_the_cells() -> None:
    """At logits of 0 a cell costs ln 2, its gradient is 1/2, less 1 with a label; unseen items have none."""
    cells, of_bias, totals = turn(np.zeros((2, 3)), [1, 0, 1], [[1], [], [0, 1]])
    np.testing.assert_array_equal(cells, [[0.5, 0, -0.5], [-0.5, 0, -0.5]])
    np.testing.assert_array_equal(of_bias, [0, 0, -1])
    # Levels are 1 and 2.
    np.testing.assert_allclose(totals, [4 * np.log(2), -1, 0.5 - 1 - 0.5 - 1], rtol=1e-6)


def test_many_users_are_added_up_exactly() -> None:
    """The sums of a thousand users lie within 1e-6 of float64's."""
    logits = np.random.default_rng(0).normal(-6, 2, (1000, 3)).astype(np.float32)
    _, of_bias, totals = turn(logits, [1, 1, 1], [[], [], []])
    exact = logits.astype(np.float64)
    np.testing.assert_allclose(of_bias, (1 / (1 + np.exp(-exact))).sum(0), rtol=1e-6)
    assert totals[0] == pytest.approx(np.logaddexp(0, exact).sum(), rel=1e-6)
