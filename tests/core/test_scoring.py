"""Scores without torch are the model's own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from feddmf import scoring
from feddmf.model import DeepMF, IdTower, normal
from feddmf.scoring import SCORE_KINDS, DeepMFScorer, FactorScorer, LinearScorer, scorer_for


def make(seed: int, users: int, items: int) -> tuple[DeepMF, DeepMFScorer]:
    """Return a model with large weights and the scorer of its arrays."""
    model = DeepMF(
        IdTower(normal((users, 4), 2.0, seed, "users")),
        normal((items, 4), 2.0, seed, "items"),
        hidden=8,
        dropout=0.2,
        seed=seed,
    )
    return model, DeepMFScorer.from_arrays({name: array.numpy() for name, array in model.arrays().items()})


@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 5))
def test_scores_are_those_of_the_model(seed: int, users: int, items: int) -> None:
    """Every user with every item has the probability that the model's forward pass gives, no dropout."""
    model, scorer = make(seed, users, items)
    pairs = torch.cartesian_prod(torch.arange(users), torch.arange(items))
    with torch.no_grad():
        expected = torch.sigmoid(model(pairs[:, 0], pairs[:, 1])).reshape(users, items).numpy()
    vectors = model.items.detach().numpy()
    found = scorer.score(np.arange(users), "any", vectors)
    assert (found.dtype, found.shape) == (np.dtype(np.float32), (users, items))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_blocks_do_not_change_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut into blocks of one user, scores are the same bits."""
    model, scorer = make(1, 7, 3)
    users, vectors = np.arange(7), model.items.detach().numpy()
    whole = scorer.score(users, "any", vectors)
    monkeypatch.setattr(scoring, "_BLOCK_FLOATS", 1)
    np.testing.assert_allclose(scorer.score(users, "any", vectors), whole, rtol=1e-6)


def test_hopeless_and_certain_scores_are_probabilities() -> None:
    """Logits of any size give 0 or 1, without a warning."""
    one = np.ones((1, 1), dtype=np.float32)
    for bias, expected in ((-1e30, 0.0), (1e30, 1.0)):
        scorer = DeepMFScorer(one, one, one, one[0], one[0], np.array([bias], dtype=np.float32))
        assert scorer.score(np.array([0]), "any", one).tolist() == [[expected]]


def test_nobody_and_nothing_can_be_scored() -> None:
    """No users or no items give empty blocks."""
    model, scorer = make(1, 2, 3)
    nobody = np.arange(0)
    assert scorer.score(nobody, "any", model.items.detach().numpy()).shape == (0, 3)
    assert scorer.score(np.arange(2), "any", np.zeros((0, 4), dtype=np.float32)).shape == (2, 0)


@given(st.lists(st.floats(-1.5, 1.25, width=32), min_size=2, unique=True))
def test_linear_scores_keep_their_order_within_one(scores: list[float]) -> None:
    """Ends level off instead of being cut; between them a score is what it was."""
    given_ = np.array([sorted(scores)], dtype=np.float32)
    scorer = FactorScorer(np.ones((1, 1), dtype=np.float32))
    found = scorer.score(np.array([0]), "any", given_.T)
    assert found.dtype == np.float32
    assert ((found >= 0) & (found <= 1)).all()
    apart = np.diff(given_) > 1e-3
    assert (np.diff(found)[apart] > 0).all()
    assert (np.diff(found) >= 0).all()
    between = (given_ >= 1 / 32) & (given_ <= 31 / 32)
    assert (found[between] == given_[between]).all()


def test_factors_score_by_their_product() -> None:
    """x . y, in the precision of the factors until the end; one length for all owners."""
    users, items = np.array([[0.5, 0.25], [1.0, 0.0]]), np.array([[0.5, 1.0]])
    scorer = scorer_for("fcf", {"user_factors": users, "item_factors": items})
    assert (scorer.users, scorer.vector_length("any")) == (2, 2)
    assert scorer.score(np.array([1, 0]), "any", items).tolist() == [[0.5], [0.5]]


def test_transfer_scores_by_owner() -> None:
    """Users have a vector for each peer; of anybody else nothing is known."""
    arrays = {
        "users.bolt": np.array([[0.25, 0.5]], dtype=np.float32),
        "users.cargo": np.array([[0.75]], dtype=np.float32),
    }
    scorer = scorer_for("transfer", arrays)
    assert isinstance(scorer, LinearScorer)
    assert scorer.users == 1
    assert [scorer.vector_length(owner) for owner in ("bolt", "cargo", "delta")] == [2, 1, None]
    for owner, vector, expected in (("bolt", [1, 1], 0.75), ("cargo", [0.5], 0.375)):
        vectors = np.array([vector], dtype=np.float32)
        assert scorer.score(np.array([0]), owner, vectors).tolist() == [[expected]]


@pytest.mark.parametrize(
    ("protocol", "missing"),
    [
        ("feddmf", "tower.vectors"),
        ("fedavg", "tower.vectors"),
        ("fcf", "user_factors"),
        ("transfer", "users.PEER"),
    ],
)
def test_a_model_that_lacks_an_array_is_named(protocol: str, missing: str) -> None:
    """By the name of what is missing; every protocol has a kind of score."""
    with pytest.raises(KeyError, match=missing):
        scorer_for(protocol, {})
    assert SCORE_KINDS[protocol]


@pytest.mark.parametrize("items", [1, 5, 20])
@pytest.mark.parametrize("kept", [False, True])
def test_the_kernel_and_numpy_agree(monkeypatch: pytest.MonkeyPatch, items: int, *, kept: bool) -> None:
    """Within a millionth, in blocks that do not divide the users, for users in any order, or a slice."""
    model, scorer = make(1, 50, items)
    vectors = model.items.detach().numpy()
    expected = scorer.score(np.arange(50), "any", vectors)
    if kept:
        scorer = replace(scorer, projected=np.concatenate(list(scorer.projection.blocks())))
        np.testing.assert_allclose(scorer.score(np.arange(50), "any", vectors), expected, atol=1e-6)
    monkeypatch.setattr(scoring, "_COMPILED_FLOATS", 0)
    monkeypatch.setattr(scoring, "_COMPILED_USERS", 7)
    for users in (np.arange(50), np.array([49, 3, 3])):
        np.testing.assert_allclose(scorer.score(users, "any", vectors), expected[users], atol=1e-6)
    found = scorer.prepare("any", vectors)(slice(10, 31))
    np.testing.assert_allclose(found, expected[10:31], atol=1e-6)


def test_kept_projections_are_used() -> None:
    """Scores follow them, and not the vectors that they came from."""
    model, scorer = make(1, 5, 2)
    vectors = model.items.detach().numpy()
    other = replace(scorer, user_vectors=scorer.user_vectors[::-1])
    projected = np.concatenate(list(other.projection.blocks()))
    found = replace(scorer, projected=projected).score(np.arange(5), "any", vectors)
    np.testing.assert_allclose(found, other.score(np.arange(5), "any", vectors), rtol=1e-6)
    assert np.abs(found - scorer.score(np.arange(5), "any", vectors)).max() > 0.01
