"""Federated collaborative filtering beside the same on one machine (Ammad-ud-din et al., 2019)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from feddmf.als import Observed, gradient, least_squares
from feddmf.interactions import Interactions
from feddmf.protocol_settings import FCFSettings
from feddmf.protocols.fcf import START_STD
from feddmf.starts import keyed_normal
from feddmf_party.datasets import load_dataset
from feddmf_party.datasets.dataset import codes
from feddmf_party.datasets.generated import LIKE_ML_100K, generate
from feddmf_party.reproduce.experiment import Experiment, Options, Row, Told
from feddmf_party.reproduce.fcf_report import METHODS, PARTS, plot, section
from feddmf_party.reproduce.lone_client import recover_items
from feddmf_party.reproduce.trial import Fit, Trial, central, federated, item_keys, objective, quality
from feddmf_party.reproduce.work import work_off

__all__ = ["FCF"]

_COLUMNS = ("part", "data", "seed", "min_support", "method", "share", "round", "metric", "value")
_GENERATED = "generated"
_QUICK = (150, 200, 6_000)
_PARTIES = 10
# Starts alone move a seed by one or two per cent, so means of a few seeds cannot tell half a per cent.
_SEEDS, _GENERATED_SEEDS = 5, 10
_ROUNDS = {"als": 20, "restart": 20, "exact": 20, "mm": 20, "adam": 100}
_QUICK_ROUNDS = {"als": 8, "restart": 8, "exact": 8, "mm": 8, "adam": 20}
_SHARES, _QUICK_SHARES = (0.1, 0.3, 0.5, 1.0), (0.3, 1.0)
# ALS from another start, to show how far apart two right answers are.
_OTHER_START = 1_000
_DEFAULT_SUPPORT = FCFSettings().min_support


@dataclass(frozen=True)
class _Task:
    """One fit: part of the experiment, data, seed, least support, method, share of parties or items."""

    part: str
    data: str
    seed: int
    min_support: int
    method: str
    share: float = 1.0

    def __str__(self) -> str:
        return f"{self.part}  {self.data}  seed {self.seed}  {self.method}  share {self.share:g}"

    def rows(self, figures: dict[str, float], number: int) -> Iterator[Row]:
        """Yield a row a figure."""
        for metric, value in figures.items():
            yield {
                "part": self.part,
                "data": self.data,
                "seed": self.seed,
                "min_support": self.min_support,
                "method": self.method,
                "share": self.share,
                "round": number,
                "metric": metric,
                "value": float(value),
            }


def _tasks(options: Options) -> Iterator[_Task]:
    least = {_GENERATED: 1} if options.quick else {_GENERATED: _GENERATED_SEEDS, options.dataset: _SEEDS}
    methods = ("als", "restart", *METHODS)
    for data, seeds in least.items():
        repeated = range(max(seeds, len(options.seeds)))
        for seed, support, method in itertools.product(repeated, (1, _DEFAULT_SUPPORT), methods):
            yield _Task("compare", data, seed, support, method)
    for method in METHODS:
        yield _Task("rounds", _GENERATED, 0, 1, method)
    shares = _QUICK_SHARES if options.quick else _SHARES
    for part, seed, share, method in itertools.product(PARTS, options.seeds, shares, ("mm", "adam")):
        yield _Task(part, _GENERATED, seed, 1, method, share)
    for seed in options.seeds:
        yield _Task("lone", _GENERATED, seed, 1, "adam")


def _run(options: Options, told: Told) -> Iterator[Row]:
    return work_off(partial(_work, options=options), tuple(_tasks(options)), options.jobs, told)


def _work(task: _Task, options: Options) -> Sequence[Row]:
    data = _interactions(task, options)
    if task.part == "lone":
        return list(task.rows(_lone(data, task.seed), 0))
    trial = Trial.of(data, parties=_PARTIES, seed=task.seed)
    settings = _settings(task, quick=options.quick)
    if task.part == "rounds":
        return list(_by_round(task, trial, settings, _rounds("als", quick=options.quick)))
    fit = _fit(task, trial, settings)
    figures = quality(trial, settings, fit.items)
    return list(task.rows(figures | {"bytes_sent": fit.bytes_sent}, fit.round))


def _fit(task: _Task, trial: Trial, settings: FCFSettings) -> Fit:
    if task.method in {"als", "restart"}:
        start = task.seed + (_OTHER_START if task.method == "restart" else 0)
        return central(trial, settings, seed=start, iterations=settings.rounds)
    parties = task.share if task.part == "parties" else 1.0
    items = task.share if task.part == "items" else 1.0
    *_, last = federated(trial, settings, seed=task.seed, share=parties, part=items)
    return last


def _by_round(task: _Task, trial: Trial, settings: FCFSettings, iterations: int) -> Iterator[Row]:
    alone = central(trial, settings, seed=task.seed, iterations=iterations)
    best = objective(trial, settings, alone.items)
    for fit in federated(trial, settings, seed=task.seed):
        figures = quality(trial, settings, fit.items)
        shown = {"objective_ratio": figures["objective"] / best, "map_at_10": figures["map_at_10"]}
        yield from task.rows(shown | {"bytes_sent": fit.bytes_sent}, fit.round)


def _lone(data: Interactions, seed: int) -> dict[str, float]:
    """Return the share of users whose items are recovered whole from their own first gradient."""
    settings = FCFSettings(min_support=1)
    items = keyed_normal(item_keys(data.items), settings.rank, START_STD, seed)
    whole = 0
    for user in range(data.users):
        has = data.indices[data.indptr[user] : data.indptr[user + 1]]
        alone = Interactions.from_pairs(has * 0, has, shape=(1, data.items))
        observed = Observed(alone.indptr, alone.indices, np.full(len(has), 1 + settings.alpha), data.items)
        factor = least_squares(observed, items, settings.regularization)
        upload = gradient(observed.transposed(), items, factor)
        whole += recover_items(upload, items).nonzero()[0].tolist() == has.tolist()
    return {"recovered": whole / data.users}


def _settings(task: _Task, *, quick: bool) -> FCFSettings:
    method = task.method if task.method in METHODS else "exact"
    rounds = _rounds(task.method, quick=quick)
    return FCFSettings(method=method, rounds=rounds, min_support=task.min_support)


def _rounds(method: str, *, quick: bool) -> int:
    return (_QUICK_ROUNDS if quick else _ROUNDS)[method]


def _interactions(task: _Task, options: Options) -> Interactions:
    if task.data == _GENERATED:
        size = _QUICK if options.quick else LIKE_ML_100K
        return generate(*size, seed=task.seed)
    data = load_dataset(task.data, options.data_dir)
    users, items = codes(data.pairs.users, data.users), codes(data.pairs.items, data.items)
    return Interactions.from_pairs(users, items, shape=(len(data.users), len(data.items)))


FCF = Experiment(
    name="fcf",
    title="Collaborative filtering, on one machine and federated",
    columns=_COLUMNS,
    run=_run,
    plot=plot,
    section=section,
)
