"""Made-up ratings: a small table to reckon by hand, and a larger one with a pattern to learn."""

from __future__ import annotations

import numpy as np
import pytest

from feddmf_party.datasets.film_ratings import FilmRatings
from feddmf_party.ratings.table import Ratings
from support.film_files import made_films

SMALL = [
    ("1", "1", 4.0, 10),
    ("1", "2", 2.0, 20),
    ("2", "1", 5.0, 30),
    ("2", "2", 3.0, 40),
    ("2", "3", 4.0, 50),
    ("3", "2", 1.0, 60),
]


@pytest.fixture
def small() -> Ratings:
    """Return six ratings of three films by three users."""
    return Ratings.of(made_films(SMALL, people=True))


@pytest.fixture(scope="session")
def tastes() -> FilmRatings:
    """Return ratings by forty users: odd ones give comedies 5 and dramas 1, even ones the reverse."""
    random = np.random.default_rng(0)
    rows = []
    for user in range(1, 41):
        for place, film in enumerate(random.permutation(30)[:20].tolist()):
            kind = film % 3
            value = 3.0 if kind == 2 else 5.0 if (kind == 0) == (user % 2 == 1) else 1.0
            rows.append((str(user), str(film), value, place))
    return made_films(rows, people=True)
