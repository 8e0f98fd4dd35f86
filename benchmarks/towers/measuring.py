"""What a variant tower comes to on hidden cells, and a head with another feature on test cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from benchmarks.towers.features import Cells, features_of
from benchmarks.towers.linear import Linear, fit_linear
from benchmarks.towers.stages import Side, final, pilot
from benchmarks.towers.training import Trained, train
from benchmarks.towers.variants import VARIANTS

from feddmf.errors import InputError
from feddmf.evaluation import average_precision, f1_at, roc_auc
from feddmf.head_fitting import FittedHead, fit_head
from feddmf.runfile import RunSettings
from feddmf_party.datasets.dataset import Dataset
from feddmf_party.evaluating.main import SplitOptions, federate, party_names
from feddmf_party.evaluating.overrides import settings_for

__all__ = ["Figures", "measure_features", "measure_towers"]

Figures = dict[str, float]
Sides = tuple[Side, Side]

# Who asks whom.
_ORDERS = ((0, 1), (1, 0))


def measure_towers(
    dataset: Dataset, seed: int, names: Sequence[str], overrides: Mapping[str, Any]
) -> Iterator[tuple[str, Figures]]:
    """Yield each variant's average precision on the hidden cells of the pilot, the mean of both parties.

    tower: that of the towers alone, with the owner's biases; stack: that of the product's head, out of fold;
    four: the same without nearness. Raises InputError where there are too few hidden cells for a head.
    """
    settings = _settings(seed, overrides)
    sides = pilot(federate(dataset, SplitOptions(), seed), settings)
    maps = _maps(sides, settings)
    for name in names:
        towers = train(sides, settings, VARIANTS[name])
        yield name, _mean([_tower_figures(sides, towers, maps, order, seed) for order in _ORDERS])


def measure_features(
    dataset: Dataset, seed: int, names: Sequence[str], overrides: Mapping[str, Any]
) -> Iterator[tuple[str, Figures]]:
    """Yield what heads with each fifth feature come to on test cells, the mean of both parties.

    Raises as `measure_towers`.
    """
    settings = _settings(seed, overrides)
    federation = federate(dataset, SplitOptions(), seed)
    stages = [pilot(federation, settings), final(federation)]
    base = VARIANTS["base"]
    told = [_cells(sides, train(sides, settings, base), _maps(sides, settings)) for sides in stages]
    for name in names:
        yield name, _mean([_test_figures(*both, name, seed) for both in zip(*told, strict=True)])


def _settings(seed: int, overrides: Mapping[str, Any]) -> RunSettings:
    return settings_for("feddmf", overrides, parties=party_names(2), seed=seed)


def _maps(sides: Sides, settings: RunSettings) -> list[Linear]:
    return [fit_linear(sides[asker], sides[owner], settings.linear_columns) for asker, owner in _ORDERS]


def _cells(sides: Sides, towers: tuple[Trained, Trained], maps: list[Linear]) -> list[Cells]:
    return [
        Cells(sides[asker], towers[asker], towers[owner].vectors[sides[asker].asked], maps[asker])
        for asker, owner in _ORDERS
    ]


def _tower_figures(
    sides: Sides, towers: tuple[Trained, Trained], maps: list[Linear], order: tuple[int, int], seed: int
) -> Figures:
    asker, owner = order
    cells = _cells(sides, towers, maps)[asker]
    own, truth = towers[asker], cells.side.truth
    scores = own.users @ cells.asked.T + own.shifts[:, None] + towers[owner].bias[cells.side.asked]
    stacks = {name: _fit(cells, name, seed).out_of_fold.reshape(truth.shape) for name in ("none", "nearness")}
    return {
        "tower": average_precision(truth, scores),
        "four": average_precision(truth, stacks["none"]),
        "stack": average_precision(truth, stacks["nearness"]),
    }


def _test_figures(hidden: Cells, asked: Cells, name: str, seed: int) -> Figures:
    fitted = _fit(hidden, name, seed)
    truth = asked.side.truth
    found = fitted.head.probabilities(features_of(asked, name)).reshape(truth.shape)
    return {
        "AP": average_precision(truth, found),
        "AUC": roc_auc(truth, found),
        "F1": f1_at(truth, found, fitted.head.threshold),
    }


def _fit(cells: Cells, name: str, seed: int) -> FittedHead:
    side = cells.side
    items = np.tile(np.arange(len(side.asked)), side.data.users)
    fitted = fit_head(
        features_of(cells, name), side.truth.ravel(), items, seed=seed, address=side.company.party, threads=1
    )
    if fitted is None:
        raise InputError(
            f"{side.company.party} hides too little to fit a head on",
            hint="choose a data set with more interactions",
        )
    return fitted


def _mean(figures: Sequence[Figures]) -> Figures:
    return {name: float(np.mean([each[name] for each in figures])) for name in figures[0]}
