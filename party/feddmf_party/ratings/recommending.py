"""The films that a model recommends to one named user, beside the genres that the user rates highest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feddmf.errors import InputError
from feddmf_party.ratings.table import Ratings

__all__ = ["Liked", "Recommendation", "median_user", "recommend"]

Scores = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float64]]

_DAMPING = 5.0


@dataclass(frozen=True)
class Liked:
    """A genre that a user rates: the damped mean of the ratings, and how many there are."""

    genre: str
    mean: float
    ratings: int


@dataclass(frozen=True)
class Recommendation:
    """A film: its title, the score that the model gives it, its genres."""

    title: str
    score: float
    genres: tuple[str, ...]


def median_user(train: Ratings) -> str:
    """Return the id of the user with the median number of ratings, the first in order of codes."""
    counts = np.bincount(train.users, minlength=train.user_count)
    return str(train.user_ids[np.argsort(counts, kind="stable")[train.user_count // 2]])


def recommend(
    train: Ratings, scores: Scores, user: str, *, films: int = 5, genres: int = 3, least: int = 10
) -> tuple[list[Liked], list[Recommendation]]:
    """Return the user's `genres` best rated genres and the `films` that score best.

    Recommended are films that the user has not rated and that have at least `least` ratings in `train`. A
    genre's mean is damped by _DAMPING ratings at the user's own mean. Raises InputError for an unknown user,
    and where no film is left.
    """
    code = train.user_code(user)
    own = train.users == code
    counts = np.bincount(train.items, minlength=train.item_count)
    allowed = counts >= least
    allowed[train.items[own]] = False
    if not allowed.any():
        raise InputError(
            f"no film with {least} ratings or more is left for user {user}", hint="ask for fewer ratings"
        )
    scored = np.where(allowed, scores(np.array([code]))[0], -np.inf)
    best = np.argsort(-scored, kind="stable")[: min(films, int(allowed.sum()))]
    recommended = [
        Recommendation(train.titles[film], float(scored[film]), _genres_of(train, int(film))) for film in best
    ]
    return _liked(train, own)[:genres], recommended


def _liked(train: Ratings, own: npt.NDArray[np.bool_]) -> list[Liked]:
    flags = train.genres[train.items[own]]  # [ratings, genres]
    numbers = flags.sum(axis=0)
    mean = float(train.values[own].mean()) if own.any() else train.mean
    damped = (train.values[own] @ flags + _DAMPING * mean) / (numbers + _DAMPING)
    order = np.lexsort((np.arange(len(numbers)), -damped))
    return [
        Liked(train.genre_names[genre], float(damped[genre]), int(numbers[genre]))
        for genre in order
        if numbers[genre]
    ]


def _genres_of(train: Ratings, film: int) -> tuple[str, ...]:
    return tuple(train.genre_names[genre] for genre in np.flatnonzero(train.genres[film]))
