"""The ridge regression of many items: the same map as that which is written out whole."""

from __future__ import annotations

import numpy as np
import pytest

from feddmf import leading, ridge, transfer, wide_ridge
from feddmf.errors import RunFailed
from feddmf.interactions import Interactions
from feddmf.ridge import choose_ridge
from feddmf.transfer import LinearMap, fit_linear_map
from feddmf.wide_ridge import is_wide


def drawn(seed: int, users: int, items: int) -> Interactions:
    """Return users of two tastes, of whom the busy ones have most."""
    random = np.random.default_rng(seed)
    taste = random.random((users, 1)) < 0.5
    likes = np.arange(items) % 2 == 0
    busy = random.random((users, 1))
    cells = random.random((users, items)) < np.where(taste == likes, 0.7, 0.2) * busy
    return Interactions.from_pairs(*np.nonzero(cells), shape=cells.shape)


def both(
    monkeypatch: pytest.MonkeyPatch, data: Interactions, outputs: np.ndarray, rank: int
) -> tuple[LinearMap, LinearMap]:
    """Return the map from items 0 to 39, written out and by products."""
    monkeypatch.setattr(leading, "_STILL", 1e-13)
    maps = []
    for most in (2048, 0):
        monkeypatch.setattr(wide_ridge, "_MOST_UNKNOWNS", most)
        maps.append(fit_linear_map(data, np.arange(40), outputs, ridge=3.0, rank=rank))
    return maps[0], maps[1]


@pytest.mark.parametrize("users", [120, 25])
@pytest.mark.parametrize("rank", [3, 64])
@pytest.mark.parametrize(
    "outputs", [np.arange(40, 80), np.array([50, 7, 41, 3, 60, 22, 70, *range(71, 80)])], ids=["other", "own"]
)
def test_it_is_the_regression_that_is_written_out(
    monkeypatch: pytest.MonkeyPatch, users: int, rank: int, outputs: np.ndarray
) -> None:
    """With more users than items and fewer, of items that are inputs too and others, whole or cut."""
    whole, wide = both(monkeypatch, drawn(1, users, 80), outputs, rank)
    assert wide.effective == whole.effective
    assert wide.loss == pytest.approx(whole.loss, rel=1e-6)
    np.testing.assert_allclose(wide.contexts @ wide.targets.T, whole.contexts @ whole.targets.T, atol=1e-5)


def test_it_is_taken_where_unknowns_or_weights_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small regressions stay exact to rounding; the data sets that figures are published of are small."""
    assert not is_wide(305, 2500, 2500)
    assert not is_wide(2200, 1300, 3000)
    assert is_wide(100_000, 3000, 500)
    assert is_wide(500, 3000, 50_000)
    monkeypatch.setattr(transfer, "is_wide", lambda *_: True)
    monkeypatch.setattr(transfer, "WideRidge", lambda *_: pytest.fail("taken"))
    with pytest.raises(pytest.fail.Exception, match="taken"):
        fit_linear_map(drawn(2, 10, 6), np.arange(3), np.arange(3, 6), ridge=1.0, rank=1)


def test_what_has_no_single_solution_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Items that the same users have and next to no ridge, as where it is written out."""
    monkeypatch.setattr(wide_ridge, "_MOST_UNKNOWNS", 0)
    data = Interactions.from_pairs(*np.nonzero(np.ones((4, 3))), shape=(4, 3))
    with pytest.raises(RunFailed, match=r"transfer\.ridge is too small"):
        fit_linear_map(data, np.array([0, 1]), np.array([2]), ridge=1e-300, rank=1)


def test_of_many_items_the_ridge_is_chosen_by_those_that_most_users_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A part of inputs and outputs leads to about the ridge that all lead to; which part, is no chance."""
    data = drawn(3, 400, 120)
    inputs, outputs = np.arange(60), np.arange(60, 120)
    whole = choose_ridge(data, inputs, outputs)
    monkeypatch.setattr(ridge, "_MOST_INPUTS", 30)
    monkeypatch.setattr(ridge, "_MOST_OUTPUTS", 30)
    part = choose_ridge(data, inputs, outputs)
    counts = data.item_counts()[inputs]
    used = np.sort(np.argsort(-counts, kind="stable")[:30])
    spaced = outputs[np.linspace(0, 59, 30).astype(int)]
    assert part == choose_ridge(data, used, spaced)
    assert 0.5 < part / whole < 2
