"""Films for one named user."""

from __future__ import annotations

import numpy as np
import pytest

from feddmf.errors import InputError
from feddmf_party.ratings.recommending import Liked, Recommendation, median_user, recommend
from feddmf_party.ratings.table import Ratings


def scores(users: np.ndarray) -> np.ndarray:
    """Return 1, 2 and 3 for the three films, whoever asks."""
    return np.tile([1.0, 2.0, 3.0], (len(users), 1))


def test_unrated_films_are_recommended_best_first(small: Ratings) -> None:
    """Rated films are left out; titles and genres come with the scores."""
    liked, films = recommend(small, scores, "3", least=1)
    assert films == [
        Recommendation("Film 3 (1983)", 3.0, ("Comedy",)),
        Recommendation("Film 1 (1981)", 1.0, ("Drama",)),
    ]
    assert liked == [Liked("Comedy", 1.0, 1), Liked("Drama", 1.0, 1)]
    assert [film.title for film in recommend(small, scores, "3", least=2)[1]] == ["Film 1 (1981)"]
    assert len(recommend(small, scores, "3", films=1, least=1)[1]) == 1


def test_genres_are_damped_towards_the_users_mean(small: Ratings) -> None:
    """User 2 gives dramas 5 and 3, comedies 3 and 4: with five ratings at the mean of 4, 28/7 and 27/7."""
    train = small.where((small.users != 1) | (small.items != 2))
    liked, films = recommend(train, scores, "2", least=0)
    assert [(each.genre, each.ratings) for each in liked] == [("Drama", 2), ("Comedy", 1)]
    assert [each.mean for each in liked] == pytest.approx([(8 + 5 * 4) / 7, (3 + 5 * 4) / 6])
    assert [film.title for film in films] == ["Film 3 (1983)"]


def test_an_unknown_user_and_an_empty_shelf_are_refused(small: Ratings) -> None:
    """Who is not there, and a user for whom no film is left, are InputErrors."""
    with pytest.raises(InputError, match="no user 'nobody'"):
        recommend(small, scores, "nobody")
    with pytest.raises(InputError, match="no film with 10 ratings or more is left for user 1"):
        recommend(small, scores, "1")


def test_the_median_user_has_the_median_number(small: Ratings) -> None:
    """Of one, two and three ratings, two; among equals the first."""
    assert median_user(small) == "1"
