"""The benchmark of scoring: baselines say what we say, and every row is there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from feddmf_benchmarks.baselines.naive_scoring import (
    ConcatTower,
    HistoryModel,
    SplitTower,
    top_users,
)
from feddmf_benchmarks.finished_runs import (
    Made,
    Size,
    kept,
    made_history,
    made_tower,
    predictor_of,
    unasked,
)
from feddmf_benchmarks.suites import score
from feddmf_benchmarks.suites.score import Sizes, rows_of
from feddmf_party.bulk import best_users
from feddmf_party.prediction import Predictor

TOWER, HISTORY = Size(500, 4), Size(400, 4, 60, 6)


@pytest.mark.parametrize(
    ("model", "made"),
    [
        (ConcatTower, made_tower(TOWER)),
        (SplitTower, made_tower(TOWER)),
        (HistoryModel, made_history(HISTORY)),
    ],
)
def test_baselines_score_alike(model: type, made: object) -> None:
    """All users for each attribute, within a hundred-thousandth."""
    baseline, predictor = model(made), predictor_of(made)
    (block,) = predictor.predict(predictor.attributes())
    assert block.probabilities.std() > 0.01
    for place in range(4):
        np.testing.assert_allclose(
            baseline.scores(place).numpy(), block.probabilities[:, place], rtol=0, atol=1e-5
        )


def test_the_baseline_of_bulk_chooses_alike() -> None:
    """The same scores of the best users, attribute by attribute."""
    made = made_tower(TOWER)
    predictor = predictor_of(made)
    (ranked,) = best_users(predictor, predictor.attributes(), 7, lambda _cells: None)
    expected = np.concatenate([scores.numpy() for scores, _ in top_users(SplitTower(made), 4, 7)])
    np.testing.assert_allclose(ranked.scores, expected, rtol=0, atol=1e-5)


def test_every_row_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    """One attribute and many, with either model, each against its baseline."""
    for limit in ("copy_bytes_per_s", "gemm_flops_per_s"):
        monkeypatch.setattr(score, limit, lambda: 1e10)
    sizes = Sizes(Size(50, 1), Size(50, 1, 20, 3), Size(50, 3), Size(50, 3, 20, 3), 5)
    rows = rows_of(sizes, turns=1)
    assert len({row.name for row in rows}) == len(rows) == 10
    pairs = [(0, 2), (1, 2), (3, 5), (4, 5), (6, 7), (8, 9)]
    for ours, baseline in ((rows[mine], rows[theirs]) for mine, theirs in pairs):
        assert (ours.baseline, baseline.ratio) == (baseline.name, None)
        assert ours.ratio is not None
        assert min(ours.ratio, ours.value, ours.share_of_limit or 0, ours.peak_mib) > 0
    assert [row.unit for row in rows] == ["users/s"] * 6 + ["cells/s"] * 4


@pytest.mark.parametrize("made", [made_tower(TOWER), made_history(HISTORY)])
def test_an_unasked_predictor_has_kept_nothing(made: Made, tmp_path: Path) -> None:
    """It gives the same scores, and what it keeps is not shared with whoever was asked before."""
    run = kept(made, tmp_path)
    asked = Predictor(run)
    attributes = asked.attributes()
    (expected,) = asked.predict(attributes)
    fresh = unasked(asked, run)
    assert fresh._scorer is not asked._scorer
    assert vars(fresh._scorer).keys() == vars(predictor_of(made)._scorer).keys()
    (block,) = fresh.predict(attributes)
    assert np.array_equal(block.probabilities, expected.probabilities)
