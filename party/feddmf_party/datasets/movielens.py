"""MovieLens ml-latest-small: F. M. Harper, J. A. Konstan, "The MovieLens Datasets", ACM TiiS 5(4), 2015."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import numpy.typing as npt

from feddmf_party.data.arrow import pc
from feddmf_party.data.columns import ids, instants, numbers, texts
from feddmf_party.data.tables import Batch, read_batches
from feddmf_party.datasets.dataset import Dataset
from feddmf_party.datasets.film_ratings import Film, FilmRatings, year_in
from feddmf_party.datasets.source import PinnedFile, Source

__all__ = ["SOURCE", "read", "read_films"]

_RATINGS = "ratings.csv"
_MOVIES = "movies.csv"
_NO_GENRES = "(no genres listed)"
_MICROS = 1_000_000
_TITLE = "MovieLens ml-latest-small"
_LICENCE = "GroupLens: research use, redistribution under the same conditions, no commercial use"
_URL = "https://files.grouplens.org/datasets/movielens/ml-latest-small.zip"
# The copy of ratings.csv that is pinned has this pasted into one cell: row 521, 84743496[...]1.
_PASTED = f" {_URL.removesuffix('.zip')}"


def read(folder: Path) -> Dataset:
    """Read 610 users, 9,724 rated movies, 100,836 pairs; values are ratings. Raises as `read_films`."""
    return read_films(folder).dataset(_TITLE, _LICENCE)


def read_films(folder: Path) -> FilmRatings:
    """Read ratings.csv and movies.csv; nothing is told of the users.

    Raises DataError naming file, row and column, and for a user who rates a film twice.
    """
    users, films, values, times = [], [], [], []
    for batch in read_batches(folder / _RATINGS, ("userId", "movieId", "rating", "timestamp")):
        users.append(ids(batch, "userId").to_numpy(zero_copy_only=False).astype(np.str_))
        films.append(ids(batch, "movieId").to_numpy(zero_copy_only=False).astype(np.str_))
        values.append(numbers(batch, "rating"))
        times.append(_times(batch))
    return FilmRatings(
        name="ml-latest-small",
        users=np.concatenate(users),
        films=np.concatenate(films),
        values=np.concatenate(values),
        times=np.concatenate(times),
        scale=(0.5, 5.0),
        catalogue=_films(folder / _MOVIES),
        people={},
    ).refuse_repeats(folder / _RATINGS)


def _times(batch: Batch) -> npt.NDArray[np.int64]:
    """Return the times in epoch seconds, [rows]."""
    text = pc.replace_substring(batch.columns["timestamp"], pattern=_PASTED, replacement="")
    return instants(dataclasses.replace(batch, columns={"timestamp": text}), "timestamp") // _MICROS


def _films(path: Path) -> dict[str, Film]:
    films = {}
    for batch in read_batches(path, ("movieId", "title", "genres")):
        columns = (ids(batch, "movieId"), *(texts(batch, name).fill_null("") for name in ("title", "genres")))
        for film, title, genres in zip(*(column.to_pylist() for column in columns), strict=True):
            names = tuple(name for name in genres.split("|") if name and name != _NO_GENRES)
            films[film] = Film(title or film, year_in(title), names)
    return films


SOURCE = Source(
    name="ml-latest-small",
    title=_TITLE,
    files=(
        PinnedFile(
            _RATINGS,
            "ce4ee31e7429a472feb8723da251f70abd7f0fcd07b55c25189023c862a432d8",
            # The same without what is pasted into that copy.
            also=("aa289ca83157595d0df6aea1be6a4ded676ddc4385472e8313a8ed9805352646",),
        ),
        PinnedFile(_MOVIES, "44a0aa02aec20be2a197f2ecc7aaf99884ba84d3eb9e85aa2c376eb57d9896d7"),
    ),
    url=_URL,
    recipe=f"unpack {_URL}",
    read=read,
    read_films=read_films,
)
