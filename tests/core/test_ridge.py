"""The choice of a ridge: by the very error that fits without a user make, and near what predicts best."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddmf import incidence, ridge
from feddmf.interactions import Interactions
from feddmf.ridge import choose_ridge


def table(cells: np.ndarray) -> Interactions:
    """Return the interactions of a 0/1 matrix [users, items]."""
    return Interactions.from_pairs(*np.nonzero(cells), shape=cells.shape)


def drawn(seed: int, users: int, items: int) -> np.ndarray:
    """Return a 0/1 matrix of users of two tastes, [users, items]."""
    random = np.random.default_rng(seed)
    taste = random.random((users, 1)) < 0.5
    likes = np.arange(items) % 2 == 0
    return (random.random((users, items)) < np.where(taste == likes, 0.45, 0.15)).astype(float)


def left_out(x: np.ndarray, e: np.ndarray, weight: float) -> float:
    """Return the mean squared error of as many fits as there are users, each without one of them."""
    errors = []
    for user in range(len(x)):
        others = np.arange(len(x)) != user
        gram = x[others].T @ x[others] + weight * np.eye(x.shape[1])
        errors.append(e[user] - x[user] @ np.linalg.solve(gram, x[others].T @ e[others]))
    return float(np.square(errors).mean())


@pytest.mark.parametrize(("users", "items"), [(60, 12), (14, 40)])
def test_the_choice_is_that_of_fits_without_each_user(users: int, items: int) -> None:
    """With more users than inputs and fewer: the best power of two by brute force, or next to it."""
    cells = drawn(0, users, items + 6)
    inputs, outputs = np.arange(items), items + np.arange(6)
    x, e = cells[:, inputs], cells[:, outputs]
    powers = 2.0 ** np.arange(17)
    best = powers[np.argmin([left_out(x, e, weight) for weight in powers])]
    found = choose_ridge(table(cells), inputs, outputs)
    assert 1 < best < 2**16
    assert 0.5 <= found / best <= 2
    assert left_out(x, e, found) <= left_out(x, e, best) * 1.001


@given(st.integers(0, 10**6), st.integers(2, 12), st.integers(1, 8), st.integers(1, 4))
def test_it_is_a_weight_that_may_be_given(seed: int, users: int, inputs: int, outputs: int) -> None:
    """Between 1 and 65536, the same each time, whatever the data."""
    cells = (np.random.default_rng(seed).random((users, inputs + outputs)) < 0.4).astype(float)
    codes = np.arange(inputs), inputs + np.arange(outputs)
    found = choose_ridge(table(cells), *codes)
    assert 1 <= found <= 2**16
    assert found == choose_ridge(table(cells), *codes)


def test_what_inputs_say_nothing_of_is_held_down() -> None:
    """An item that few have at random asks for a far larger ridge than one that copies another."""
    random = np.random.default_rng(1)
    inputs = random.random((80, 30)) < 0.5
    chance = random.random((80, 1)) < 0.05
    copied, rare = (
        choose_ridge(table(np.concatenate([inputs, output], axis=1)), np.arange(30), np.array([30]))
        for output in (inputs[:, :1], chance)
    )
    assert copied == 1
    assert rare > 200


@pytest.mark.parametrize(("inputs", "outputs"), [([], [1]), ([0], []), ([0], [0])])
def test_where_there_is_nothing_to_fit_any_weight_will_do(inputs: list[int], outputs: list[int]) -> None:
    """It is the smallest one."""
    codes = (np.array(each, np.int64) for each in (inputs, outputs))
    assert choose_ridge(table(np.eye(3)), *codes) == 1


def test_an_output_that_is_an_input_does_not_tell_of_itself() -> None:
    """Beside others it is left out; alone among its kind, half of them are asked for from the rest."""
    data = table(drawn(2, 50, 20))
    inputs = np.arange(16)
    assert choose_ridge(data, inputs, np.arange(12, 20)) == choose_ridge(data, inputs, np.arange(16, 20))
    asked = np.arange(12, 16)
    rest = np.setdiff1d(inputs, asked[::2])
    assert choose_ridge(data, inputs, asked) == choose_ridge(data, rest, asked[::2])


@pytest.mark.parametrize("users", [40, 6])
def test_blocks_and_a_sample_of_users_change_little(monkeypatch: pytest.MonkeyPatch, users: int) -> None:
    """However few users are made dense at once; and each second user says nearly what all say."""
    data = table(drawn(3, users, 14))
    inputs, outputs = np.arange(9), 9 + np.arange(5)
    whole = choose_ridge(data, inputs, outputs)
    monkeypatch.setattr(incidence, "_BLOCK_CELLS", 20)
    assert choose_ridge(data, inputs, outputs) == pytest.approx(whole)
    monkeypatch.setattr(ridge, "_MOST_USERS", users // 2)
    assert 0.1 < choose_ridge(data, inputs, outputs) / whole < 10
