"""The metrics reported together."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from feddmf import evaluation
from feddmf.evaluation import ALL_METRICS, METRICS, evaluate, evaluate_all


def test_evaluate_reports_each_metric_by_its_name() -> None:
    """`evaluate` gives what the functions of the same names give, in the order of METRICS."""
    generator = np.random.default_rng(1)
    truth, scores = generator.random((6, 9)) < 0.3, generator.random((6, 9)).round(1)
    report = evaluate(truth, scores)
    assert tuple(report) == METRICS
    assert report == {name: getattr(evaluation, name)(truth, scores) for name in METRICS}
    assert all(type(value) is float for value in report.values())


def test_evaluate_of_nothing_to_find_is_nan() -> None:
    """Without a positive cell no metric has a meaning."""
    assert all(map(math.isnan, evaluate(np.zeros((2, 2), dtype=np.bool_), np.eye(2)).values()))


def test_evaluate_refuses_nan_scores() -> None:
    """A model that scores NaN is an error, not a bad result."""
    with pytest.raises(ValueError, match="NaN"):
        evaluate(np.eye(2, dtype=np.bool_), np.full((2, 2), math.nan))


def test_evaluate_all_reports_each_metric_by_its_name() -> None:
    """All that is shown of a contender, at k = 10 and at the threshold given."""
    generator = np.random.default_rng(1)
    truth, scores = generator.random((6, 20)) < 0.3, generator.random((6, 20)).round(1)
    report = evaluate_all(truth, scores, threshold=0.35)
    assert tuple(report) == ALL_METRICS
    named = {name: getattr(evaluation, name)(truth, scores) for name in METRICS}
    for name in ("precision", "recall", "map", "ndcg"):
        named[f"{name}_at_10"] = getattr(evaluation, f"{name}_at")(truth, scores, 10)
    assert report == named | {"f1_at_chosen": evaluation.f1_at(truth, scores, 0.35)}


def test_without_a_threshold_there_is_no_f1_at_it() -> None:
    """Where there were no cells to choose one on, the metric has no meaning; all others have."""
    report = evaluate_all(np.eye(3, dtype=np.bool_), np.eye(3), threshold=math.nan)
    assert [name for name, value in report.items() if math.isnan(value)] == ["f1_at_chosen"]


def test_evaluation_needs_neither_scikit_learn_nor_scipy() -> None:
    """Importing the package loads nothing that only a party installs."""
    heavy = "{'scipy', 'sklearn', 'torch', 'pandas', 'pyarrow'}"
    code = f"import sys, feddmf.evaluation; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
