"""Averages, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from feddmf_party.ratings.averages import biases, global_mean, item_counts, item_mean, user_mean
from feddmf_party.ratings.table import Ratings


def test_means_by_hand(small: Ratings) -> None:
    """The mean of all, of the film, of the user, whoever asks."""
    users, items = np.array([0, 2]), np.array([2, 1])
    assert global_mean(small).predict(users, items) == pytest.approx([19 / 6] * 2)
    assert item_mean(small).predict(users, items) == pytest.approx([4, 2])
    assert user_mean(small).predict(users, items) == pytest.approx([3, 1])
    assert item_counts(small).scores(np.array([1])).tolist() == [[2, 3, 1]]


def test_what_was_never_rated_gets_the_mean_of_all(small: Ratings) -> None:
    """A film and a user without ratings are average."""
    train = small.where((small.items != 2) & (small.users != 2))
    assert item_mean(train).predict(np.array([0]), np.array([2])) == pytest.approx([train.mean])
    assert user_mean(train).predict(np.array([2]), np.array([0])) == pytest.approx([train.mean])
    assert biases(train).predict(np.array([2]), np.array([2])) == pytest.approx([train.mean])


def test_biases_minimise_their_penalised_squares(small: Ratings) -> None:
    """At the fit no bias can be moved by itself and win: each is its damped mean of what the others leave."""
    fitted = biases(small)
    rest = small.values - fitted.mean - fitted.items[small.items]
    for user in range(3):
        own = rest[small.users == user]
        assert fitted.users[user] == pytest.approx(own.sum() / (len(own) + 5), abs=1e-12)


def test_biases_recover_additive_ratings() -> None:
    """On many ratings of the form mean + user + film the fit is near, and other values can be fitted."""
    random = np.random.default_rng(0)
    users, items = (codes.ravel() for codes in np.meshgrid(np.arange(60), np.arange(80), indexing="ij"))
    own, film = random.normal(0, 0.5, 60), random.normal(0, 0.5, 80)
    values = 3 + own[users] + film[items]
    table = make(users, items, values)
    fitted = biases(table)
    assert np.abs(fitted.predict(users, items) - values).mean() < 0.06
    assert biases(table, np.full(len(values), 2.0)).predict(users, items) == pytest.approx(2)


def make(users: np.ndarray, items: np.ndarray, values: np.ndarray) -> Ratings:
    """Return ratings with these codes and nothing else."""
    from feddmf_party.ratings.table import Category

    count = int(items.max()) + 1
    return Ratings(
        name="made",
        users=users,
        items=items,
        values=values,
        times=np.arange(len(values)),
        scale=(1.0, 5.0),
        user_ids=np.arange(int(users.max()) + 1).astype(np.str_),
        item_ids=np.arange(count).astype(np.str_),
        people={},
        decades=Category(("unknown",), np.zeros(count, dtype=np.int64)),
        genres=np.zeros((count, 0), dtype=np.float32),
        genre_names=(),
        titles=("",) * count,
    )
