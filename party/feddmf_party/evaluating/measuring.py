"""Scores against the truth that was held back: one figure a metric, the mean over the parties."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from feddmf.evaluation import ALL_METRICS, evaluate_all, threshold_best
from feddmf_party.evaluating.federation import Company, Federation
from feddmf_party.evaluating.outcome import Outcome, Scores

__all__ = ["COSTS", "FIGURES", "mean", "measure", "measure_party", "summarise"]

COSTS = ("seconds", "rounds", "bytes_sent")
FIGURES = (*ALL_METRICS, *COSTS)
"""The figures of a row, in the order in which they are shown."""


def measure(federation: Federation, outcome: Outcome) -> dict[str, float]:
    """Return ALL_METRICS on all asked cells, each the mean over the parties for which it has a meaning."""
    parties = [measure_party(federation.companies[party], scores) for party, scores in outcome.scores.items()]
    return {metric: mean(each[metric] for each in parties) for metric in ALL_METRICS}


def measure_party(company: Company, scores: Scores) -> dict[str, float]:
    """Return ALL_METRICS of one party; its threshold is that of the best F1 on its validation cells."""
    threshold = threshold_best(company.validation_truth, scores.validation)
    return evaluate_all(company.truth, scores.asked, threshold=threshold)


def mean(values: Iterable[float]) -> float:
    """Return the mean of the values that are not nan; nan where there is none."""
    found = [value for value in values if not np.isnan(value)]
    return float(np.mean(found)) if found else float("nan")


def summarise(rows: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Return mean and standard deviation (of the seeds themselves) of each of FIGURES over rows of seeds."""
    summary = {}
    for figure in FIGURES:
        values = [row[figure] for row in rows]
        centre = mean(values)
        summary[figure] = {"mean": centre, "std": mean((value - centre) ** 2 for value in values) ** 0.5}
    return summary
