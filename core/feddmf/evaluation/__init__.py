"""Metrics and baselines on dense blocks of users and items; pure."""

from __future__ import annotations

from feddmf.evaluation.baselines import popularity, popularity_x_activity, random_scores
from feddmf.evaluation.calibration import (
    brier_skill,
    calibration_error,
    reliability_bins,
    top_decile,
    top_decile_calibration_error,
)
from feddmf.evaluation.metrics import (
    average_precision,
    f1_at,
    f1_at_half,
    f1_best,
    roc_auc,
    threshold_best,
    user_roc_auc,
)
from feddmf.evaluation.ranking import TopK, map_at, ndcg_at, precision_at, recall_at
from feddmf.evaluation.report import ALL_METRICS, METRICS, evaluate, evaluate_all

__all__ = [
    "ALL_METRICS",
    "METRICS",
    "TopK",
    "average_precision",
    "brier_skill",
    "calibration_error",
    "evaluate",
    "evaluate_all",
    "f1_at",
    "f1_at_half",
    "f1_best",
    "map_at",
    "ndcg_at",
    "popularity",
    "popularity_x_activity",
    "precision_at",
    "random_scores",
    "recall_at",
    "reliability_bins",
    "roc_auc",
    "threshold_best",
    "top_decile",
    "top_decile_calibration_error",
    "user_roc_auc",
]
