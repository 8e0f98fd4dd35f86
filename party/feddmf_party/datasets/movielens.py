"""MovieLens ml-latest-small: F. M. Harper, J. A. Konstan, "The MovieLens Datasets", ACM TiiS 5(4), 2015."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from feddmf_party.data.columns import ids, numbers, texts
from feddmf_party.data.tables import read_batches
from feddmf_party.datasets.dataset import Dataset, Pairs
from feddmf_party.datasets.source import PinnedFile, Source

__all__ = ["SOURCE", "read"]

_RATINGS = "ratings.csv"
_MOVIES = "movies.csv"
_URL = "https://files.grouplens.org/datasets/movielens/ml-latest-small.zip"


def read(folder: Path) -> Dataset:
    """Read ratings.csv and movies.csv: 610 users, 9,724 rated movies, 100,836 pairs; values are ratings.

    Raises DataError naming file, row and column.
    """
    users, items, values = [], [], []
    for batch in read_batches(folder / _RATINGS, ("userId", "movieId", "rating")):
        users.append(ids(batch, "userId").to_numpy(zero_copy_only=False).astype(np.str_))
        items.append(ids(batch, "movieId").to_numpy(zero_copy_only=False).astype(np.str_))
        values.append(numbers(batch, "rating"))
    titles: dict[str, str] = {}
    for batch in read_batches(folder / _MOVIES, ("movieId", "title")):
        movies, names = ids(batch, "movieId"), texts(batch, "title").fill_null("")
        titles.update(zip(movies.to_pylist(), names.to_pylist(), strict=True))
    pairs = Pairs.merge(np.concatenate(users), np.concatenate(items), np.concatenate(values))
    return Dataset(
        name="ml-latest-small",
        title="MovieLens ml-latest-small",
        licence="GroupLens: research use, redistribution under the same conditions, no commercial use",
        attribution="F. M. Harper and J. A. Konstan (2015), doi 10.1145/2827872",
        value_name="value",
        pairs=pairs,
        item_labels={item: titles.get(item) or item for item in np.unique(pairs.items).tolist()},
    )


SOURCE = Source(
    name="ml-latest-small",
    title="MovieLens ml-latest-small",
    files=(
        PinnedFile(_RATINGS, "ce4ee31e7429a472feb8723da251f70abd7f0fcd07b55c25189023c862a432d8"),
        PinnedFile(_MOVIES, "44a0aa02aec20be2a197f2ecc7aaf99884ba84d3eb9e85aa2c376eb57d9896d7"),
    ),
    url=_URL,
    recipe=f"unpack {_URL}",
    read=read,
)
