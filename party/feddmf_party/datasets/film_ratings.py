"""The common form of the MovieLens sets: ratings with their times, films, and what is told of the people.

Source: F. M. Harper, J. A. Konstan, "The MovieLens Datasets", ACM TiiS 5(4), 2015.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from feddmf.errors import DataError
from feddmf_party.datasets.dataset import Dataset, Pairs

__all__ = ["AGE_BANDS", "ATTRIBUTION", "Film", "FilmRatings", "Person", "age_band", "year_in"]

AGE_BANDS: Mapping[int, str] = {
    1: "under 18",
    18: "18-24",
    25: "25-34",
    35: "35-44",
    45: "45-49",
    50: "50-55",
    56: "56+",
}
"""The lowest age of each band -> its name; the bands are those of ml-1m."""

ATTRIBUTION = "F. M. Harper and J. A. Konstan (2015), doi 10.1145/2827872"

_YEAR = re.compile(r"\((\d{4})(?:[-\u2013]\d{0,4})?\)\s*$")


@dataclass(frozen=True)
class Film:
    """A film's title with its year, as published; its year, None where unknown; its genres."""

    title: str
    year: int | None
    genres: tuple[str, ...]


@dataclass(frozen=True)
class Person:
    """What is told of a user: the name of the age band, F or M, the occupation."""

    age: str
    gender: str
    occupation: str


@dataclass(frozen=True, eq=False)
class FilmRatings:
    """One rating for each (user, film) pair that is there, in the order of the file.

    users, films: ids, str [ratings]; values: float64 [ratings], within `scale`; times: int64 [ratings], epoch
    seconds; catalogue: film id -> film; people: user id -> person, empty where nothing is told of users.
    """

    name: str
    users: npt.NDArray[np.str_]
    films: npt.NDArray[np.str_]
    values: npt.NDArray[np.float64]
    times: npt.NDArray[np.int64]
    scale: tuple[float, float]
    catalogue: Mapping[str, Film]
    people: Mapping[str, Person]

    def refuse_repeats(self, path: Path) -> FilmRatings:
        """Return self; DataError naming `path`, user and film where a user rates a film twice."""
        user_ids, user_codes = np.unique(self.users, return_inverse=True)
        film_ids, film_codes = np.unique(self.films, return_inverse=True)
        cells, counts = np.unique(user_codes * max(len(film_ids), 1) + film_codes, return_counts=True)
        if (counts > 1).any():
            user, film = divmod(int(cells[counts > 1][0]), len(film_ids))
            raise DataError(
                f"{path}: user {user_ids[user]} rates film {film_ids[film]} more than once",
                hint="leave one of the ratings out, or get the file anew",
            )
        return self

    def dataset(self, title: str, licence: str) -> Dataset:
        """Return the ratings as an ordinary data set of pairs; a film without a title is called by its id."""
        pairs = Pairs.merge(self.users, self.films, self.values)
        labels = {
            film: self.catalogue[film].title if film in self.catalogue else film
            for film in np.unique(pairs.items).tolist()
        }
        return Dataset(self.name, title, licence, ATTRIBUTION, "value", pairs, labels)


def age_band(age: int) -> str:
    """Return the name of the band of `age` in years, at least 1."""
    return AGE_BANDS[list(AGE_BANDS)[bisect.bisect_right(list(AGE_BANDS), age) - 1]]


def year_in(title: str) -> int | None:
    """Return the year in brackets at the end of `title`, the first of a span; None where there is none."""
    found = _YEAR.search(title)
    return int(found[1]) if found else None
