"""Biased matrix factorisation."""

from __future__ import annotations

import numpy as np
import pytest

from feddmf_party.datasets.film_ratings import FilmRatings
from feddmf_party.ratings.averages import biases
from feddmf_party.ratings.factors import factorise
from feddmf_party.ratings.splits import random_parts
from feddmf_party.ratings.table import Ratings


def test_factors_find_what_biases_cannot(tastes: FilmRatings) -> None:
    """Opposite tastes cancel in biases; two factors tell them apart on ratings that were held back."""
    parts = random_parts(Ratings.of(tastes), seed=0)
    cells = (parts.test.users, parts.test.items)
    fitted = factorise(parts.train, seed=0, rank=2, penalty=0.02)
    plain = np.abs(biases(parts.train).predict(*cells) - parts.test.values).mean()
    assert np.abs(fitted.predict(*cells) - parts.test.values).mean() < 0.3 * plain


def test_scores_are_the_predictions_of_all_cells(tastes: FilmRatings) -> None:
    """A block of scores has in each cell what `predict` says of it; the seed decides the bits."""
    ratings = Ratings.of(tastes)
    fitted = factorise(ratings, seed=0, rank=3, sweeps=2)
    users, items = np.array([4, 4, 9]), np.array([0, 7, 2])
    block = fitted.scores(np.array([4, 9]))
    assert block.shape == (2, 30)
    assert fitted.predict(users, items) == pytest.approx(block[[0, 0, 1], items])
    np.testing.assert_array_equal(factorise(ratings, seed=0, rank=3, sweeps=2).users, fitted.users)
    assert not np.array_equal(factorise(ratings, seed=1, rank=3, sweeps=2).users, fitted.users)


def test_who_rated_nothing_has_no_factors(small: Ratings) -> None:
    """A user and a film without ratings have zero vectors, and so the mean of all."""
    train = small.where((small.users != 2) & (small.items != 2))
    fitted = factorise(train, seed=0, rank=2, sweeps=2)
    assert not fitted.users[2].any()
    assert not fitted.items[2].any()
