"""Reduced-rank ridge regression: exact where it can be worked out, and the ridge itself at full rank."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddmf import incidence
from feddmf.errors import RunFailed
from feddmf.interactions import Interactions
from feddmf.ridge import choose_ridge
from feddmf.transfer import fit_linear_map, sum_contexts


def table(cells: np.ndarray) -> Interactions:
    """Return the interactions of a 0/1 matrix [users, items]; their values are not 1."""
    users, items = np.nonzero(cells)
    return Interactions.from_pairs(users, items, np.full(len(users), 3.0), shape=cells.shape)


def tastes(seed: int, users: int, matched: int, offered: int) -> tuple[np.ndarray, np.ndarray, Interactions]:
    """Return X [users, matched], E [users, offered] and their table, X's items first."""
    random = np.random.default_rng(seed)
    x, e = ((random.random((users, n)) < 0.4).astype(float) for n in (matched, offered))
    return x, e, table(np.concatenate([x, e], axis=1))


def ridge(x: np.ndarray, e: np.ndarray, weight: float) -> np.ndarray:
    """Return the dense ridge coefficients [matched, offered]."""
    return np.linalg.solve(x.T @ x + weight * np.eye(x.shape[1]), x.T @ e)


def test_one_item_predicts_another() -> None:
    """Three users have both items, one the first alone: 3 / (4 + r) is the context, 1 the target."""
    data = table(np.array([[1, 1], [1, 1], [1, 1], [1, 0]]))
    found = fit_linear_map(data, np.array([0]), np.array([1]), ridge=2.0, rank=2)
    np.testing.assert_allclose(found.contexts, [[0.5, 0]])
    np.testing.assert_allclose(found.targets, [[1, 0]])
    assert found.effective == 1
    assert found.loss == pytest.approx((3 * 0.25 + 0.25) / 4)


SHAPES = st.tuples(st.integers(1, 12), st.integers(1, 8), st.integers(1, 8))


@given(st.integers(0, 10**6), SHAPES, st.sampled_from([0.01, 1.0, 50.0]))
def test_full_rank_is_the_ridge(seed: int, shape: tuple[int, int, int], weight: float) -> None:
    """With fewer users than items or more, and more items on either side, the map is the dense solution."""
    x, e, data = tastes(seed, *shape)
    inputs, outputs = np.arange(shape[1]), shape[1] + np.arange(shape[2])
    found = fit_linear_map(data, inputs, outputs, ridge=weight, rank=20)
    dense = ridge(x, e, weight)
    np.testing.assert_allclose(found.contexts @ found.targets.T, dense, rtol=1e-6, atol=1e-7)
    assert found.loss == pytest.approx(np.square(e - x @ dense).mean(), rel=1e-6, abs=1e-9)


@given(st.integers(0, 10**6), SHAPES, st.integers(1, 4))
def test_a_low_rank_keeps_most_of_what_the_data_sees(
    seed: int, shape: tuple[int, int, int], rank: int
) -> None:
    """The map is the ridge projected onto the leading right singular vectors of [X; sqrt(r) I] W."""
    x, e, data = tastes(seed, *shape)
    dense = ridge(x, e, 2.0)
    seen = np.concatenate([x @ dense, np.sqrt(2.0) * dense])
    _, values, right = np.linalg.svd(seen, full_matrices=False)
    found = fit_linear_map(data, np.arange(shape[1]), shape[1] + np.arange(shape[2]), ridge=2.0, rank=rank)
    kept = found.contexts @ found.targets.T
    assert kept.shape == dense.shape
    lost = np.concatenate([x @ (dense - kept), np.sqrt(2.0) * (dense - kept)])
    assert np.linalg.norm(lost) == pytest.approx(np.linalg.norm(values[rank:]), abs=1e-6)
    assert found.loss == pytest.approx(np.square(e - x @ kept).mean(), rel=1e-6, abs=1e-9)
    np.testing.assert_allclose(
        found.targets.T @ found.targets, np.diag(np.arange(rank) < found.effective), atol=1e-8
    )
    largest = np.abs(found.targets).argmax(axis=0)
    assert (found.targets[largest, np.arange(rank)] >= 0).all()
    assert len(right) >= found.effective


def without_itself(x: np.ndarray, outputs: list[int], weight: float) -> np.ndarray:
    """Return the dense ridge coefficients of columns `outputs` of x on all its other columns."""
    dense = np.zeros((x.shape[1], len(outputs)))
    for column, output in enumerate(outputs):
        others = np.flatnonzero(np.arange(x.shape[1]) != output)
        dense[others, column] = ridge(x[:, others], x[:, [output]], weight)[:, 0]
    return dense


def test_without_columns_nothing_is_told() -> None:
    """Rank 0 is the zero map, and its loss that of telling nobody has anything."""
    data = Interactions.from_pairs(np.array([0, 0, 1]), np.array([0, 1, 0]), shape=(2, 2))
    found = fit_linear_map(data, np.array([0]), np.array([1]), ridge=2.0, rank=0)
    assert (found.contexts.shape, found.targets.shape) == ((1, 0), (1, 0))
    assert (found.effective, found.loss) == (0, 0.5)


@pytest.mark.parametrize("users", [30, 6])
@pytest.mark.parametrize("rank", [20, 2])
def test_an_item_that_is_matched_too_is_fitted_without_itself(users: int, rank: int) -> None:
    """In both forms of the solution scores are those of the ridge on the other items, or nearest to it."""
    x, e, data = tastes(4, users, 8, 3)
    matched = [6, 1, 4]
    outputs = np.array([9, 6, 1, 8, 4, 10])
    dense = np.zeros((8, 6))
    dense[:, [1, 2, 4]] = without_itself(x, matched, 2.0)
    dense[:, [0, 3, 5]] = ridge(x, e, 2.0)[:, [1, 0, 2]]
    found = fit_linear_map(data, np.arange(8), outputs, ridge=2.0, rank=rank)
    seen = x @ dense
    values = np.linalg.svd(seen, compute_uv=False)
    scores = x @ found.contexts @ found.targets.T
    assert np.linalg.norm(seen - scores) == pytest.approx(np.linalg.norm(values[rank:]), abs=1e-9)
    truth = np.concatenate([x, e], axis=1)[:, outputs]
    assert found.loss == pytest.approx(np.square(truth - scores).mean(), rel=1e-9)


def test_a_rank_above_what_the_data_carries_leaves_zeros() -> None:
    """Two offered items that the same users have carry one direction; the other columns are zero."""
    data = table(np.array([[1, 0, 1, 1], [1, 1, 1, 1], [0, 1, 0, 0], [1, 0, 0, 0]]))
    found = fit_linear_map(data, np.array([0, 1]), np.array([2, 3]), ridge=1.0, rank=5)
    assert found.effective == 1
    np.testing.assert_allclose(found.targets[:, 0], np.sqrt([0.5, 0.5]))
    assert not found.targets[:, 1:].any()
    assert not found.contexts[:, 1:].any()


@pytest.mark.parametrize(
    ("cells", "inputs", "outputs", "loss"),
    [
        (np.zeros((3, 3)), [0, 1], [2], 0.0),  # nobody has anything
        (np.array([[0, 0, 1], [0, 0, 0]]), [0, 1], [2], 0.5),  # nobody has a matched item
        (np.array([[1, 1, 0], [0, 1, 0]]), [0, 1], [2], 0.0),  # nobody has the offered item
        (np.array([[1, 1, 1], [0, 1, 0]]), [0, 1], [], 0.0),  # nothing is offered
        (np.array([[1, 1, 1], [0, 1, 0]]), [], [2], 0.5),  # nothing is matched
        (np.zeros((0, 3)), [0, 1], [2], 0.0),  # nobody is there
    ],
)
def test_where_there_is_nothing_to_learn_the_map_is_zero(
    cells: np.ndarray, inputs: list[int], outputs: list[int], loss: float
) -> None:
    """Vectors of zeros, the rank of nothing, and an error that counts what was not predicted."""
    codes = (np.array(each, np.int64) for each in (inputs, outputs))
    found = fit_linear_map(table(cells), *codes, ridge=1.0, rank=2)
    assert (found.contexts.shape, found.targets.shape) == ((len(inputs), 2), (len(outputs), 2))
    assert not found.contexts.any()
    assert not found.targets.any()
    assert (found.effective, found.loss) == (0, loss)


def test_an_item_without_interactions_has_a_vector_of_zeros() -> None:
    """On either side; the others are as if it were not there."""
    cells = np.array([[1, 0, 1, 0], [1, 0, 1, 0], [1, 0, 0, 0]])
    found = fit_linear_map(table(cells), np.array([0, 1]), np.array([2, 3]), ridge=1.0, rank=2)
    np.testing.assert_allclose(found.contexts, [[0.5, 0], [0, 0]])
    np.testing.assert_allclose(found.targets, [[1, 0], [0, 0]])


def test_one_user_is_enough_for_a_fit() -> None:
    """Two matched items of one user share what they say of the third: 1 / (2 + r) each."""
    found = fit_linear_map(table(np.array([[1, 1, 1]])), np.array([0, 1]), np.array([2]), ridge=2.0, rank=1)
    np.testing.assert_allclose(found.contexts, [[0.25], [0.25]])


def test_a_ridge_that_is_lost_in_rounding_is_said() -> None:
    """Items that the same users have and next to no ridge leave no single solution."""
    data = table(np.ones((4, 3)))
    with pytest.raises(RunFailed, match=r"transfer\.ridge is too small") as caught:
        fit_linear_map(data, np.array([0, 1]), np.array([2]), ridge=1e-300, rank=1)
    assert "raise transfer.ridge" in caught.value.hint


def test_contexts_are_summed_over_what_each_user_has() -> None:
    """Items come in any order; a user without any of them has zeros."""
    data = table(np.array([[1, 0, 1], [0, 1, 0], [0, 0, 1]]))
    contexts = np.array([[1.0, 10.0], [2.0, 20.0]])
    assert sum_contexts(data, np.array([2, 0]), contexts).tolist() == [[3, 30], [0, 0], [1, 10]]


@pytest.mark.parametrize("users", [40, 6])
def test_blocks_of_users_change_nothing(monkeypatch: pytest.MonkeyPatch, users: int) -> None:
    """However few users are made dense at once, in both forms of the solution."""
    _, _, data = tastes(1, users, 9, 5)
    inputs, outputs = np.arange(9), 9 + np.arange(5)
    whole = fit_linear_map(data, inputs, outputs, ridge=1.0, rank=3)
    sums = sum_contexts(data, inputs, whole.contexts)
    monkeypatch.setattr(incidence, "_BLOCK_CELLS", 20)
    blocks = fit_linear_map(data, inputs, outputs, ridge=1.0, rank=3)
    np.testing.assert_allclose(blocks.contexts, whole.contexts, atol=1e-12)
    np.testing.assert_allclose(blocks.targets, whole.targets, atol=1e-12)
    np.testing.assert_allclose(sum_contexts(data, inputs, whole.contexts), sums, atol=1e-12)


def test_a_ridge_is_chosen_where_none_is_given() -> None:
    """The map is the one of the weight that leaving users out finds, and says so."""
    _, _, data = tastes(5, 40, 9, 5)
    inputs, outputs = np.arange(9), 9 + np.arange(5)
    chosen = choose_ridge(data, inputs, outputs)
    found = fit_linear_map(data, inputs, outputs, ridge="auto", rank=3)
    given = fit_linear_map(data, inputs, outputs, ridge=chosen, rank=3)
    assert found.ridge == given.ridge == chosen
    np.testing.assert_array_equal(found.contexts, given.contexts)
    assert found.loss == given.loss
