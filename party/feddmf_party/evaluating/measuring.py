"""Scores against the truth that was held back: one figure a metric, the mean over the parties."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from feddmf.evaluation import (
    ALL_METRICS,
    brier_skill,
    evaluate_all,
    threshold_best,
    top_decile_calibration_error,
)
from feddmf_party.evaluating.at_home import AtHome
from feddmf_party.evaluating.federation import Company, Federation
from feddmf_party.evaluating.outcome import Outcome, Scores

__all__ = ["COSTS", "FIGURES", "TRUST", "mean", "measure", "measure_party", "summarise"]

COSTS = ("seconds", "rounds", "bytes_sent")
TRUST = (
    *("brier_skill", "top_decile_calibration_error"),
    *("hidden_roc_auc", "hidden_roc_auc_lower", "hidden_roc_auc_upper", "hidden_covers"),
)
"""Whether probabilities mean what they say, and what parties knew of that from their hidden items alone."""

FIGURES = (*ALL_METRICS, *TRUST, *COSTS)
"""The figures of a row, in the order in which they are shown."""


def measure(federation: Federation, outcome: Outcome) -> dict[str, float]:
    """Return ALL_METRICS and TRUST on all asked cells, each the mean of the parties where it has one."""
    parties = [
        measure_party(federation.companies[party], scores, outcome.at_home.get(party))
        for party, scores in outcome.scores.items()
    ]
    return {metric: mean(each[metric] for each in parties) for metric in (*ALL_METRICS, *TRUST)}


def measure_party(company: Company, scores: Scores, at_home: AtHome | None = None) -> dict[str, float]:
    """Return ALL_METRICS and TRUST of one party.

    Its threshold is the one that it chose at home, or else that of the best F1 on its validation cells.
    """
    if at_home is None:
        threshold = threshold_best(company.validation_truth, scores.validation)
    else:
        threshold = at_home.threshold
    figures = evaluate_all(company.truth, scores.asked, threshold=threshold)
    return {**figures, **_trust(company, scores, at_home, figures["roc_auc"])}


def _trust(company: Company, scores: Scores, at_home: AtHome | None, area: float) -> dict[str, float]:
    found = dict.fromkeys(TRUST, float("nan"))
    if scores.asked.size and scores.asked.min() >= 0 and scores.asked.max() <= 1:
        found["brier_skill"] = brier_skill(company.truth, scores.asked)
        found["top_decile_calibration_error"] = top_decile_calibration_error(company.truth, scores.asked)
    if at_home is not None:
        found["hidden_roc_auc"] = at_home.roc_auc
        found["hidden_roc_auc_lower"], found["hidden_roc_auc_upper"] = at_home.lower, at_home.upper
        if not np.isnan(area):
            found["hidden_covers"] = float(at_home.lower <= area <= at_home.upper)
    return found


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
