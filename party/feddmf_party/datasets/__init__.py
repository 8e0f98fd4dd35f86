"""Public data for the demonstration, tests and benchmarks, and its split into parties."""

from __future__ import annotations

from feddmf_party.datasets.dataset import Dataset, Pairs
from feddmf_party.datasets.folders import FederationFolder, write_federation
from feddmf_party.datasets.registry import DATASETS, load_dataset
from feddmf_party.datasets.split import PartySplit, Split

__all__ = [
    "DATASETS",
    "Dataset",
    "FederationFolder",
    "Pairs",
    "PartySplit",
    "Split",
    "load_dataset",
    "write_federation",
]
