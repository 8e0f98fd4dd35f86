"""Scores without torch are the model's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from feddmf import scoring
from feddmf.model import DeepMF, IdTower, normal
from feddmf.scoring import Scorer


def make(seed: int, users: int, items: int) -> tuple[DeepMF, Scorer]:
    """Return a model with large weights and the scorer of its arrays."""
    model = DeepMF(
        IdTower(normal((users, 4), 2.0, seed, "users")),
        normal((items, 4), 2.0, seed, "items"),
        hidden=8,
        dropout=0.2,
        seed=seed,
    )
    return model, Scorer.from_arrays({name: array.numpy() for name, array in model.arrays().items()})


@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 5))
def test_scores_are_those_of_the_model(seed: int, users: int, items: int) -> None:
    """Every user with every item has the probability that the model's forward pass gives, no dropout."""
    model, scorer = make(seed, users, items)
    pairs = torch.cartesian_prod(torch.arange(users), torch.arange(items))
    with torch.no_grad():
        expected = torch.sigmoid(model(pairs[:, 0], pairs[:, 1])).reshape(users, items).numpy()
    vectors = model.items.detach().numpy()
    found = scorer.probabilities(scorer.project_users(np.arange(users)), vectors)
    assert (found.dtype, found.shape) == (np.dtype(np.float32), (users, items))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_blocks_do_not_change_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut into blocks of one user, scores are the same bits."""
    model, scorer = make(1, 7, 3)
    projected, vectors = scorer.project_users(np.arange(7)), model.items.detach().numpy()
    whole = scorer.probabilities(projected, vectors)
    monkeypatch.setattr(scoring, "_BLOCK_FLOATS", 1)
    np.testing.assert_allclose(scorer.probabilities(projected, vectors), whole, rtol=1e-6)


def test_hopeless_and_certain_scores_are_probabilities() -> None:
    """Logits of any size give 0 or 1, without a warning."""
    one = np.ones((1, 1), dtype=np.float32)
    for bias, expected in ((-1e30, 0.0), (1e30, 1.0)):
        scorer = Scorer(one, one, one, one[0], one[0], np.array([bias], dtype=np.float32))
        assert scorer.probabilities(scorer.project_users(np.array([0])), one).tolist() == [[expected]]


def test_nobody_and_nothing_can_be_scored() -> None:
    """No users or no items give empty blocks."""
    model, scorer = make(1, 2, 3)
    projected = scorer.project_users(np.arange(2))
    assert scorer.probabilities(projected[:0], model.items.detach().numpy()).shape == (0, 3)
    assert scorer.probabilities(projected, np.zeros((0, 4), dtype=np.float32)).shape == (2, 0)
