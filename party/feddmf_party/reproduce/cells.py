"""One cell of an experiment: a contender on one split with one setting; and many of them, in processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from feddmf.evaluation import evaluate
from feddmf.randomness import generator
from feddmf.runfile import RunSettings
from feddmf_party.datasets import load_dataset
from feddmf_party.datasets.dataset import Dataset
from feddmf_party.datasets.split import split
from feddmf_party.evaluating.contenders import run_contender
from feddmf_party.evaluating.federation import Federation
from feddmf_party.evaluating.overrides import PROTOCOLS
from feddmf_party.reproduce.experiment import Options, Row, Told
from feddmf_party.reproduce.work import work_off

__all__ = ["MEASURED", "Cell", "Labels", "work_through"]

MEASURED = ("roc_auc", "average_precision", "f1_at_half", "f1_best")
"""The metrics of each row."""

Sections = Mapping[str, Mapping[str, Any]]
Labels = Mapping[str, str | int | float]
# Keyword arguments of `split`.
Shares = Mapping[str, Any]

_PARTIES = ("first", "second")
_QUICK_USERS, _QUICK_ITEMS = 150, 500


@dataclass(frozen=True)
class Cell:
    """A contender, how the data set is split, and the run file's sections; labels go into its rows."""

    contender: str
    seed: int
    labels: Labels = field(default_factory=dict)
    shares: Shares = field(default_factory=dict)
    sections: Sections = field(default_factory=dict)
    recipe: str = "embedding"

    def __str__(self) -> str:
        labels = {name: each for name, each in self.labels.items() if name not in {"contender", "seed"}}
        shown = "  ".join(f"{name} {each}" for name, each in labels.items())
        return f"{self.contender}  seed {self.seed}  {shown}"

    def settings(self) -> RunSettings:
        """Return the run's settings; that parties follow is not enforced, since weak runs count too."""
        return RunSettings.model_validate(
            {
                "name": "reproduced",
                "purpose": "a published experiment",
                "parties": _PARTIES,
                "protocol": self.contender if self.contender in PROTOCOLS else "feddmf",
                "recipe": self.recipe,
                "seed": self.seed,
                **self.sections,
                "alignment": {"probe_share": 0.0, **self.sections.get("alignment", {})},
                "enforcement": {"not_following": "report", "probe_floor": -1},
            }
        )


def work_through(cells: Sequence[Cell], options: Options, told: Told) -> Iterator[Row]:
    """Measure all `cells`, in `options.jobs` processes; yield four rows a cell in order: party by side.

    A row has the cell's labels, `party` (1, 2), `side` (train: cells of own items that it trained on; test:
    cells of the other's) and MEASURED.
    """
    return work_off(partial(_measure, options=options), cells, options.jobs, told)


def _measure(cell: Cell, options: Options) -> Sequence[Row]:
    data = load(options.dataset, options.data_dir, quick=options.quick)
    dealt = split(data.users, data.items, data.pairs, seed=cell.seed, parties=_PARTIES, **cell.shares)
    federation = Federation.of(dealt, data.item_labels)
    outcome = run_contender(cell.contender, federation, cell.settings(), lambda _: None)
    rows: list[Row] = []
    for number, (party, scores) in enumerate(outcome.scores.items(), 1):
        company = federation.companies[party]
        sides = {"train": (company.own_truth, scores.own), "test": (company.truth, scores.asked)}
        for side, (truth, found) in sides.items():
            if found is None:
                continue
            metrics = evaluate(truth, found)
            rows.append(
                {
                    **cell.labels,
                    "party": number,
                    "side": side,
                    **{metric: metrics[metric] for metric in MEASURED},
                }
            )
    return rows


@cache
def load(name: str, data_dir: Path | None, *, quick: bool) -> Dataset:
    """Return a data set, or with `quick` a small part of it."""
    data = load_dataset(name, data_dir)
    return _smaller(data) if quick else data


def _smaller(data: Dataset) -> Dataset:
    """Return some users and the items that are had most: enough to see an experiment run."""
    keys, counts = np.unique(data.pairs.items, return_counts=True)
    items = keys[np.argsort(-counts, kind="stable")[:_QUICK_ITEMS]]
    users = generator(0, "quick").permutation(data.users)[:_QUICK_USERS]
    pairs = data.pairs.where(np.isin(data.pairs.users, users) & np.isin(data.pairs.items, items))
    labels = MappingProxyType({key: data.item_labels[key] for key in np.unique(pairs.items).tolist()})
    return Dataset(data.name, data.title, data.licence, data.attribution, data.value_name, pairs, labels)
