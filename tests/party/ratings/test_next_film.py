"""The sequence model."""

from __future__ import annotations

import numpy as np
import pytest

from feddmf_party.ratings.learning import Fitting
from feddmf_party.ratings.next_film import Vocabulary, fit_next_film
from feddmf_party.ratings.sequences import Histories, rank_next
from feddmf_party.ratings.table import Ratings
from support.film_files import made_films

FILMS = 40
FITTING = Fitting(epochs=10, batch_size=64, learning_rate=5e-3, weight_decay=0.0, dropout=0.0)


@pytest.fixture(scope="module")
def histories() -> Histories:
    """Return twenty users who go through the films in one circle, each from a place of their own."""
    rows = [
        (str(user), str((3 * user + step) % FILMS), 3.0, step) for user in range(20) for step in range(25)
    ]
    return Histories.of(Ratings.of(made_films(rows)))


def test_the_vocabulary_has_the_frequent_films() -> None:
    """Rare films share the one number after the outputs."""
    vocabulary = Vocabulary.of(np.array([5, 0, 2, 9]), 2)
    assert vocabulary.films.tolist() == [0, 2, 3]
    assert vocabulary.outputs.tolist() == [0, 3, 1, 2]


@pytest.mark.parametrize(("places", "rounds"), [(1, 4), (4, 8)])
def test_an_order_is_learned(histories: Histories, places: int, rounds: int) -> None:
    """Central and averaged over four clients, the next film of the circle is among the first."""
    home = np.arange(20, dtype=np.int64) % places
    vocabulary = Vocabulary.of(histories.counts(2), 1)
    model = fit_next_film(histories.earlier(2, 99), vocabulary, home, FITTING, rounds=rounds, seed=0)
    found = rank_next(histories, histories.last(2), model)
    counts = histories.counts(2).astype(np.float64)
    popular = rank_next(histories, histories.last(2), lambda cases: np.tile(counts, (len(cases), 1)))
    assert found["recall_at_10"] > 0.9
    assert found["ndcg_at_10"] > popular["ndcg_at_10"] + 0.3


def test_rare_films_cannot_be_scored_and_places_keep_their_users(histories: Histories) -> None:
    """Outside the vocabulary every score is -inf; each place has vectors for its own users alone."""
    counts = histories.counts(2)
    vocabulary = Vocabulary.of(counts, int(np.median(counts)) + 1)
    assert 0 < len(vocabulary.films) < FILMS
    home = np.where(np.arange(20) < 15, 0, 1)
    fitting = Fitting(epochs=1, batch_size=64, learning_rate=5e-3, weight_decay=0.0, dropout=0.2)
    model = fit_next_film(histories.earlier(2, 99), vocabulary, home, fitting, rounds=1, seed=0)
    assert [net.users.shape[0] for net in model.nets] == [15, 5]
    scores = model(histories.last(1))
    assert scores.shape == (20, FILMS)
    assert np.isfinite(scores[:, vocabulary.films]).all()
    assert np.isneginf(np.delete(scores, vocabulary.films, axis=1)).all()
    np.testing.assert_array_equal(model.nets[0].shared()["items"], model.nets[1].shared()["items"])
