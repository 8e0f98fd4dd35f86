"""Metrics and baselines on dense blocks of users and items; pure."""

from __future__ import annotations

from feddmf.evaluation.baselines import popularity, popularity_x_activity, random_scores
from feddmf.evaluation.metrics import (
    average_precision,
    f1_at,
    f1_at_half,
    f1_best,
    roc_auc,
    user_roc_auc,
)
from feddmf.evaluation.report import METRICS, evaluate

__all__ = [
    "METRICS",
    "average_precision",
    "evaluate",
    "f1_at",
    "f1_at_half",
    "f1_best",
    "popularity",
    "popularity_x_activity",
    "random_scores",
    "roc_auc",
    "user_roc_auc",
]
