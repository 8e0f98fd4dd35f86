"""Which ratings are for training, which users and films are held out, and which client has which user."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.errors import InputError
from feddmf.randomness import generator
from feddmf_party.datasets.film_ratings import FilmRatings
from feddmf_party.ratings.table import Ratings

__all__ = ["Parts", "favourite_genres", "hold_out", "random_parts", "some_users", "to_clients"]

_PRIOR = 20.0
"""So many ratings of the average user are added to a user's own before favourites are compared."""


@dataclass(frozen=True, eq=False)
class Parts:
    """Ratings to train on and ratings to test on, with the same codes."""

    train: Ratings
    test: Ratings


def some_users(source: FilmRatings, count: int, *, seed: int) -> FilmRatings:
    """Return the ratings of `count` users drawn at random, or of all where there are no more."""
    ids = np.unique(source.users)
    chosen = generator(seed, "ratings", "sample").permutation(len(ids))[:count]
    rows = np.isin(source.users, ids[chosen])
    return dataclasses.replace(
        source,
        users=source.users[rows],
        films=source.films[rows],
        values=source.values[rows],
        times=source.times[rows],
    )


def random_parts(ratings: Ratings, *, seed: int, share: float = 0.2) -> Parts:
    """Draw a `share` of the ratings for testing, uniformly over ratings."""
    test = np.zeros(len(ratings), dtype=np.bool_)
    test[generator(seed, "ratings", "test").permutation(len(ratings))[: round(share * len(ratings))]] = True
    return Parts(ratings.where(~test), ratings.where(test))


def hold_out(count: int, *, seed: int, what: str, share: float = 0.1) -> npt.NDArray[np.bool_]:
    """Draw a `share` of `count` users or films, at least one, that training never sees, bool [count]."""
    held = np.zeros(count, dtype=np.bool_)
    held[generator(seed, "ratings", "cold", what).permutation(count)[: max(1, round(share * count))]] = True
    return held


def favourite_genres(train: Ratings) -> npt.NDArray[np.int64]:
    """Return the genre of which each user rates most in comparison with everybody, int64 [users].

    Compared are shares of genres among a user's ratings, damped by _PRIOR ratings of the average user; 0
    where films have no genres.
    """
    if not train.genre_names:
        return np.zeros(train.user_count, dtype=np.int64)
    counts = np.zeros((train.user_count, len(train.genre_names)))
    np.add.at(counts, train.users, train.genres[train.items])
    overall = np.maximum(counts.sum(axis=0), 1) / len(train)  # [genres]
    rated = np.bincount(train.users, minlength=train.user_count)[:, None]
    share = (counts + _PRIOR * overall) / (rated + _PRIOR)
    favourites: npt.NDArray[np.int64] = np.argmax(share / overall, axis=1)
    return favourites


def to_clients(
    favourites: npt.NDArray[np.int64], *, clients: int, concentration: float, seed: int
) -> npt.NDArray[np.int64]:
    """Deal users to clients by favourite genre, int64 [users]; each client gets at least one user.

    For each genre the shares of the clients are drawn from Dirichlet(concentration, ..., concentration); the
    smaller the concentration, the less alike are the clients. Raises InputError for more clients than users
    and for a concentration that is not above 0.
    """
    users = len(favourites)
    if not 1 <= clients <= users:
        raise InputError(
            f"{clients} clients for {users} users", hint="choose at least one, at most one a user"
        )
    if not concentration > 0:
        raise InputError(f"concentration = {concentration} is not above 0", hint="choose for example 0.5")
    random = generator(seed, "ratings", "clients")
    dealt = np.empty(users, dtype=np.int64)
    for genre in np.unique(favourites):
        chosen = np.flatnonzero(favourites == genre)
        dealt[chosen] = random.choice(clients, len(chosen), p=random.dirichlet([concentration] * clients))
    for client in range(clients):
        sizes = np.bincount(dealt, minlength=clients)
        if not sizes[client]:
            dealt[random.choice(np.flatnonzero(dealt == int(sizes.argmax())))] = client
    return dealt
