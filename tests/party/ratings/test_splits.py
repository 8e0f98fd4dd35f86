"""Splits, samples and clients."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddmf.errors import InputError
from feddmf_party.datasets.film_ratings import FilmRatings
from feddmf_party.ratings.splits import favourite_genres, hold_out, random_parts, some_users, to_clients
from feddmf_party.ratings.table import Ratings


def test_a_fifth_is_for_testing_and_nothing_is_lost(tastes: FilmRatings) -> None:
    """Each rating is in one part; the draw depends on the seed."""
    ratings = Ratings.of(tastes)
    parts = random_parts(ratings, seed=1)
    assert (len(parts.train), len(parts.test)) == (640, 160)
    assert not (parts.train.dense() & parts.test.dense()).any()
    np.testing.assert_array_equal(parts.train.dense() | parts.test.dense(), ratings.dense())
    np.testing.assert_array_equal(random_parts(ratings, seed=1).test.items, parts.test.items)
    assert random_parts(ratings, seed=2).test.items.tolist() != parts.test.items.tolist()


def test_users_and_films_are_held_out_apart() -> None:
    """A tenth, at least one, and another draw for films than for users."""
    users = hold_out(50, seed=0, what="users")
    assert users.sum() == 5
    assert hold_out(3, seed=0, what="users").sum() == 1
    assert users.tolist() != hold_out(50, seed=0, what="films").tolist()


def test_some_users_come_with_all_their_ratings(tastes: FilmRatings) -> None:
    """The sample has whole users; more than there are is everybody."""
    sample = some_users(tastes, 7, seed=3)
    assert len(np.unique(sample.users)) == 7
    assert len(sample.values) == 7 * 20
    assert len(some_users(tastes, 99, seed=3).values) == len(tastes.values)


def test_the_favourite_genre_is_what_one_rates_more_than_others_do(tastes: FilmRatings) -> None:
    """Users who rate comedies alone have them as favourites, and the other way round."""
    ratings = Ratings.of(tastes)
    comedy = ratings.genres[ratings.items, 0] == 1
    drama = ratings.genres[ratings.items, 1] == 1
    kept = np.where(ratings.users % 2 == 0, comedy & ~drama, drama & ~comedy)
    favourites = favourite_genres(ratings.where(kept))
    assert favourites.tolist() == [0, 1] * 20


def test_without_genres_all_favourites_are_alike(small: Ratings) -> None:
    """Films without genres give no favourites."""
    bare = dataclasses.replace(small, genres=small.genres[:, :0], genre_names=())
    assert favourite_genres(bare).tolist() == [0, 0, 0]


@given(
    favourites=st.lists(st.integers(0, 4), min_size=6, max_size=60),
    clients=st.integers(1, 6),
    concentration=st.floats(0.01, 100),
    seed=st.integers(0, 99),
)
def test_each_user_has_one_client_and_no_client_is_empty(
    favourites: list[int], clients: int, concentration: float, seed: int
) -> None:
    """Whatever the draw, every client from 0 on has a user."""
    dealt = to_clients(np.array(favourites), clients=clients, concentration=concentration, seed=seed)
    assert len(dealt) == len(favourites)
    assert sorted(set(dealt.tolist())) == list(range(clients))


def test_a_small_concentration_keeps_favourites_together() -> None:
    """With Dirichlet(0.01) users of one genre are nearly all at one client; with Dirichlet(100) not."""
    favourites = np.repeat([0, 1, 2, 3], 100)

    def largest(concentration: float) -> float:
        dealt = to_clients(favourites, clients=4, concentration=concentration, seed=0)
        return np.mean([np.bincount(dealt[favourites == genre]).max() / 100 for genre in range(4)])

    assert largest(0.01) > 0.9
    assert largest(100) < 0.4


@pytest.mark.parametrize(
    ("clients", "concentration", "message"),
    [
        (0, 0.5, "0 clients"),
        (4, 0.5, "4 clients for 3 users"),
        (2, 0.0, "concentration = 0.0"),
        (2, float("nan"), "nan"),
    ],
)
def test_impossible_clients_are_refused(clients: int, concentration: float, message: str) -> None:
    """No client, more clients than users, and a concentration that is not above 0 are InputErrors."""
    with pytest.raises(InputError, match=message):
        to_clients(np.zeros(3, dtype=np.int64), clients=clients, concentration=concentration, seed=0)
