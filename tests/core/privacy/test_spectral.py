from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

from feddmf.evaluation.metrics import roc_auc
from feddmf.interactions import Interactions
from feddmf.privacy.mechanism import GramRelease, release_gram
from feddmf.privacy.noise import SystemNoise
from feddmf.privacy.spectral import CleanedGram, ridge_maps, spectral_vectors, tower_contexts, user_vectors
from feddmf.randomness import generator
from feddmf.transfer import sum_contexts


class Silent:
    """Noise of nothing."""

    def gaussian(self, shape: tuple[int, ...], sigma: float) -> np.ndarray:  # noqa: ARG002  (a Noise)
        """Return zeros."""
        return np.zeros(shape)


def two_tastes(users: int = 400, items: int = 20) -> Interactions:
    """Return users of even items and users of odd items, of whom each has three of five of its kind."""
    random = generator(0, "two tastes")
    kind = (np.arange(users)[:, None] - np.arange(items)) % 2 == 0
    rows, columns = np.nonzero(kind & (random.random((users, items)) < 0.6))
    return Interactions.from_pairs(rows, columns, shape=(users, items))


def release(gram: np.ndarray, sigma: float) -> GramRelease:
    """Return a release of items that all weigh 1."""
    return GramRelease(np.ones(len(gram)), gram, sigma, 1.0)


def test_eigenvalues_above_the_edge_are_shrunk_to_vectors() -> None:
    """Diagonal 500, 50, 4, 0 at an edge of 30: the first two stay, as sqrt(h / (h + r)); others are zero."""
    sigma = 30 * np.sqrt(0.9) / np.sqrt(8)
    found = spectral_vectors(CleanedGram(release(np.diag([4.0, 500.0, 0.0, 50.0]), sigma), 3), 3)
    kept = np.sqrt(np.array([500.0, 50.0]) ** 2 - 30**2)
    ridge = 0.003 * 554
    expected = np.zeros((4, 3))
    expected[[1, 3], [0, 1]] = np.sqrt(kept / (kept + ridge))
    assert found.dtype == np.float32
    assert found == pytest.approx(expected, abs=1e-6)


def test_noise_alone_gives_no_vector() -> None:
    """A release of nobody says nothing of any item, and a map from it is zero."""
    nobody = Interactions.from_pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), shape=(0, 60))
    found = release_gram(nobody, SystemNoise(), 2.0)
    # The largest eigenvalue lies under the edge but for chance, of which a little room takes care.
    found = GramRelease(found.counts, found.gram, found.sigma * 1.2, found.floor)
    assert not spectral_vectors(CleanedGram(found, 4), 4).any()
    mapped = ridge_maps(CleanedGram(found, 12), np.arange(30), np.arange(30, 60), rank=3)
    assert mapped.contexts.shape == (30, 3)
    assert mapped.targets.shape == (30, 3)
    assert mapped.effective == 0
    assert spectral_vectors(CleanedGram(found, 0), 0).shape == (60, 0)
    assert not mapped.contexts.any()


def test_users_are_near_the_items_of_their_kind() -> None:
    """Every user scores every item of its own taste above every other; one without items scores nothing."""
    data = two_tastes()
    made = release_gram(data, Silent(), 0.05)
    vectors = spectral_vectors(CleanedGram(made, 2), 2)
    users = user_vectors(data, vectors, made.weights)
    scores = users @ vectors.T
    own = (np.arange(400)[:, None] - np.arange(20)) % 2 == 0
    assert scores[own].min() > scores[~own].max() + 0.1
    empty = Interactions.from_pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), shape=(1, 20))
    assert not user_vectors(empty, vectors, made.weights).any()


def test_user_vectors_turn_with_the_item_vectors() -> None:
    """Whatever turned the item vectors in between, users are made of the turned ones and score alike."""
    data = two_tastes()
    made = release_gram(data, Silent(), 0.05)
    vectors = spectral_vectors(CleanedGram(made, 4), 4).astype(np.float64)
    turn, _ = np.linalg.qr(generator(0, "turn").standard_normal((4, 4)))
    plain, turned = (user_vectors(data, each, made.weights) @ each.T for each in (vectors, vectors @ turn))
    assert turned == pytest.approx(plain, abs=1e-5)
    assert tower_contexts(vectors, made.weights) == pytest.approx(made.weights[:, None] ** 2 * vectors)


def test_a_map_is_the_ridge_on_the_cleaned_gram() -> None:
    """At full rank: w_I (C_II + r I)^-1 C_IO / w_O, whatever the order of the codes."""
    made = release_gram(two_tastes(), Silent(), 0.05)
    inputs, outputs = np.array([7, 0, 3, 2, 9]), np.array([12, 5])
    values, vectors = np.linalg.eigh(made.gram)
    edge = made.gram_sigma * np.sqrt(40)
    kept = np.where(values > edge, np.sqrt(np.maximum(values**2 - edge**2, 0)), 0)
    cleaned = vectors * kept @ vectors.T
    solved = np.linalg.solve(
        cleaned[np.ix_(inputs, inputs)] + 0.003 * np.trace(made.gram) * np.eye(5),
        cleaned[np.ix_(inputs, outputs)],
    )
    expected = made.weights[inputs][:, None] * solved / made.weights[outputs]
    found = ridge_maps(CleanedGram(made, 80), inputs, outputs, rank=20)
    assert found.contexts @ found.targets.T == pytest.approx(expected, abs=1e-9)
    assert found.effective == 2
    assert found.targets.T @ found.targets == pytest.approx(np.diag([1.0, 1.0] + [0.0] * 18), abs=1e-12)
    assert 0 < found.loss < 1


def test_an_output_that_is_an_input_does_not_tell_itself() -> None:
    """At full rank the map is 0 there, and B_ij / (1 - B_jj) elsewhere."""
    made = release_gram(two_tastes(), Silent(), 0.05)
    every = np.arange(20)
    values, vectors = np.linalg.eigh(made.gram)
    edge = made.gram_sigma * np.sqrt(40)
    kept = np.where(values > edge, np.sqrt(np.maximum(values**2 - edge**2, 0)), 0)
    ridge = 0.003 * np.trace(made.gram)
    whole = vectors * (kept / (kept + ridge)) @ vectors.T
    expected = whole / (1 - whole.diagonal())
    np.fill_diagonal(expected, 0)
    expected *= made.weights[:, None] / made.weights
    found = ridge_maps(CleanedGram(made, 80), every, every, rank=20)
    assert found.contexts @ found.targets.T == pytest.approx(expected, abs=1e-9)


def test_a_map_of_low_rank_tells_tastes_apart() -> None:
    """Of rank 2, from some items of either taste to others."""
    data = two_tastes()
    made = release_gram(data, Silent(), 0.05)
    inputs, outputs = np.arange(14), np.arange(14, 20)
    found = ridge_maps(CleanedGram(made, 8), inputs, outputs, rank=2)
    scores = sum_contexts(data, inputs, found.contexts) @ found.targets.T
    own = (np.arange(400)[:, None] - outputs) % 2 == 0
    assert found.effective == 2
    assert roc_auc(own, scores) > 0.99


def test_the_same_release_gives_the_same_bytes() -> None:
    """Vectors and maps depend on nothing but the release."""
    made = release_gram(two_tastes(), SystemNoise(), 0.3)
    first, second = (spectral_vectors(CleanedGram(made, 3), 3).tobytes() for _ in range(2))
    assert first == second
    maps = [ridge_maps(CleanedGram(made, 16), np.arange(9), np.arange(5, 20), rank=4) for _ in range(2)]
    assert maps[0].contexts.tobytes() == maps[1].contexts.tobytes()
    assert maps[0].targets.tobytes() == maps[1].targets.tobytes()


def test_vectors_and_maps_share_one_decomposition(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked of it later is what it was made for, or an error; fewer directions are the first ones."""
    made = release(np.diag([4.0, 500.0, 0.0, 50.0]), 0.5)
    calls = []
    whole = scipy.linalg.eigh
    monkeypatch.setattr(scipy.linalg, "eigh", lambda *a, **k: calls.append(1) or whole(*a, **k))
    shared = CleanedGram(made, 4)
    vectors = spectral_vectors(shared, 2)
    ridge_maps(shared, np.arange(2), np.arange(2, 4), rank=1)
    assert calls == [1]
    assert np.array_equal(vectors, spectral_vectors(shared, 4)[:, :2])
    with pytest.raises(ValueError, match="5 directions of 4"):
        shared.leading(5)
