"""Hidden items of many users and many own items: the same in parts, and in the mean of a sample."""

from __future__ import annotations

import numpy as np
import pytest

from feddmf.interactions import Interactions
from feddmf.members import hidden_items
from feddmf.members.hidden_items import learn_from_hidden
from feddmf.neighbours import Neighbours
from feddmf.placed import Placed

USERS, ITEMS, DIM, COLUMNS = 90, 24, 6, 3
HIDDEN = np.arange(0, ITEMS, 2)


def drawn(seed: int) -> tuple[Placed, np.ndarray, Interactions, np.ndarray]:
    """Return users, published vectors of the hidden items, the table with their truth, and activity."""
    random = np.random.default_rng(seed)
    vectors, items = (random.standard_normal((n, DIM)).astype(np.float32) for n in (USERS, ITEMS))
    chance = 1 / (1 + np.exp(-(vectors @ items.T) + 1))
    data = Interactions.from_pairs(*np.nonzero(random.random(chance.shape) < chance), shape=chance.shape)
    sums = random.random((USERS, COLUMNS)).astype(np.float32)
    published = np.hstack(
        [items[HIDDEN], np.zeros((len(HIDDEN), 2)), random.random((len(HIDDEN), COLUMNS))]
    ).astype(np.float32)
    return (
        Placed(vectors, sums, neighbours=Neighbours(data, items)),
        published,
        data,
        np.log1p(data.user_counts()).astype(np.float32),
    )


def test_hidden_items_in_parts_are_told_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether all meet the party's own items at once, or five at a time."""
    placed, published, _, activity = drawn(1)
    users = np.arange(0, USERS, 3)
    monkeypatch.setattr(hidden_items, "_MOST_WEIGHTS", 5 * ITEMS)
    parts = hidden_items._features(placed, users, published, activity, own=ITEMS)
    np.testing.assert_allclose(parts, placed.features(users, published, activity), atol=1e-5)


def test_of_too_many_cells_some_users_are_drawn_all_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over many draws each user is in its share of them, so that no share of cells is off in the mean."""
    monkeypatch.setattr(hidden_items, "_MOST_CELLS", 30 * len(HIDDEN))
    placed, published, data, activity = drawn(2)
    drawn_users = np.zeros(USERS)
    draws = 60
    for number in range(draws):
        users = hidden_items._sample(USERS, len(HIDDEN), hidden_items.generator(number, "hidden users", "p"))
        assert len(users) == 30
        drawn_users[users] += 1
    # Each is drawn in a third of the draws, within five standard errors.
    assert np.abs(drawn_users / draws - 1 / 3).max() < 5 * (2 / 9 / draws) ** 0.5
    taught = learn_from_hidden(placed, published, HIDDEN, data, activity, peer="p", seed=3, threads=1)
    users, truth = taught["hidden.p.users"], taught["hidden.p.truth"]
    assert len(users) == 30
    assert (np.diff(users) > 0).all()
    cells = np.zeros((USERS, ITEMS), dtype=np.uint8)
    cells[data.rows(), data.indices] = 1
    np.testing.assert_array_equal(truth, cells[users][:, HIDDEN])
