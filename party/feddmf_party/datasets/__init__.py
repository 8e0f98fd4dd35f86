"""Public data for the demonstration, tests and benchmarks, and its split into parties."""

from __future__ import annotations

from feddmf_party.datasets.dataset import Dataset, Pairs
from feddmf_party.datasets.film_ratings import Film, FilmRatings, Person
from feddmf_party.datasets.folders import FederationFolder, write_federation
from feddmf_party.datasets.registry import DATASETS, load_dataset, load_films
from feddmf_party.datasets.split import PartySplit, Split

__all__ = [
    "DATASETS",
    "Dataset",
    "FederationFolder",
    "Film",
    "FilmRatings",
    "Pairs",
    "PartySplit",
    "Person",
    "Split",
    "load_dataset",
    "load_films",
    "write_federation",
]
