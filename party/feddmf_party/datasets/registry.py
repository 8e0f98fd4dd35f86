"""The public data sets by name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from feddmf.errors import InputError
from feddmf.progress import NOBODY, Progress
from feddmf_party.datasets import ml_1m, ml_100k, movielens, online_retail
from feddmf_party.datasets.dataset import Dataset
from feddmf_party.datasets.film_ratings import FilmRatings
from feddmf_party.datasets.location import obtain_folder
from feddmf_party.datasets.source import Source

__all__ = ["DATASETS", "load_dataset", "load_films", "source_of"]

DATASETS: Mapping[str, Source] = MappingProxyType(
    {source.name: source for source in (ml_100k.SOURCE, ml_1m.SOURCE, movielens.SOURCE, online_retail.SOURCE)}
)


def source_of(name: str) -> Source:
    """Return the source of the data set `name`; InputError where there is none."""
    if name not in DATASETS:
        raise InputError(f"no data set {name!r}", hint=f"the data sets are {', '.join(sorted(DATASETS))}")
    return DATASETS[name]


def load_dataset(
    name: str,
    data_dir: Path | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    progress: Progress = NOBODY,
) -> Dataset:
    """Find or download the data set `name`, check it and read it.

    Looks in `data_dir`, FEDDMF_DATA_DIR, ./data and the user's cache folder. Raises InputError for an
    unknown name, and what `obtain_folder` and the data set's own `read` raise.
    """
    source = source_of(name)
    return source.read(obtain_folder(source, data_dir, environ=environ, progress=progress))


def load_films(
    name: str, data_dir: Path | None = None, *, environ: Mapping[str, str] = os.environ
) -> FilmRatings:
    """Find or download the data set `name`, check it and read its ratings, films and people.

    Looks where `load_dataset` looks and raises what it raises; InputError for a data set without ratings.
    """
    source = source_of(name)
    if source.read_films is None:
        rated = sorted(each.name for each in DATASETS.values() if each.read_films is not None)
        raise InputError(f"{name} has no ratings", hint=f"data sets with ratings are {', '.join(rated)}")
    return source.read_films(obtain_folder(source, data_dir, environ=environ))
