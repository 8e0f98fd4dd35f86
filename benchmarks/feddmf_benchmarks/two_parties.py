"""Two parties to train on, and how well what they trained predicts, measured as `feddmf evaluate` does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.evaluation import average_precision, f1_at_half
from feddmf.interactions import Interactions
from feddmf.scoring import DeepMFScorer
from feddmf_party.datasets import load_dataset
from feddmf_party.datasets.dataset import Pairs, codes
from feddmf_party.datasets.generated import generate
from feddmf_party.datasets.split import split
from feddmf_party.evaluating.federation import Federation

__all__ = ["TwoParties"]

Codes = npt.NDArray[np.int64]
Arrays = Mapping[str, npt.NDArray[np.float32]]
Metric = Callable[[npt.NDArray[Any], npt.NDArray[Any]], float]


@dataclass(frozen=True, eq=False)
class TwoParties:
    """data: each party's table; aligned: for each party its codes of what both sell, in one order."""

    data: Mapping[str, Interactions]
    aligned: Mapping[str, Codes]
    federation: Federation

    @classmethod
    def of(cls, source: str | tuple[int, int, int], seed: int) -> TwoParties:
        """Deal a public data set, or one that is made up of (users, items, pairs)."""
        pairs, labels = _pairs(source)
        dealt = split(np.unique(pairs.users), np.unique(pairs.items), pairs, seed=seed)
        federation = Federation.of(dealt, labels)
        companies = federation.companies
        return cls(
            data={party: company.data for party, company in companies.items()},
            aligned={
                party: codes(federation.matched, company.keys).astype(np.int64)
                for party, company in companies.items()
            },
            federation=federation,
        )

    def average_precision(self, arrays: Mapping[str, Arrays]) -> float:
        """Return the mean over the parties of the average precision on all cells that it asks for."""
        return self._mean(arrays, average_precision)

    def f1_at_half(self, arrays: Mapping[str, Arrays]) -> float:
        """Return the mean over the parties of F1 at a threshold of .5, on the same cells."""
        return self._mean(arrays, f1_at_half)

    def _mean(self, arrays: Mapping[str, Arrays], metric: Metric) -> float:
        found = []
        for party, company in self.federation.companies.items():
            (peer,) = (name for name in arrays if name != party)
            vectors = arrays[peer]["items"][codes(company.asked, self.federation.companies[peer].keys)]
            scorer = DeepMFScorer.from_arrays(arrays[party])
            scores = scorer.score(np.arange(company.data.users), peer, vectors)
            found.append(metric(company.truth, scores))
        return float(np.mean(found))


def _pairs(source: str | tuple[int, int, int]) -> tuple[Pairs, Mapping[str, str]]:
    if isinstance(source, str):
        dataset = load_dataset(source)
        return dataset.pairs, dataset.item_labels
    made = generate(*source, seed=0)
    names = [
        np.array([f"{kind}{n:07}" for n in range(most)])
        for kind, most in (("u", made.users), ("i", made.items))
    ]
    pairs = Pairs(names[0][made.rows()], names[1][made.indices], made.values.astype(np.float64))
    return pairs, {}
