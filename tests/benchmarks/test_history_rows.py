"""The history tower's rows: the baseline trains the same model, and every row is there."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from feddmf.history import HistoryModel
from feddmf.history_engines.base import Step
from feddmf.history_engines.compiled import CompiledEngine
from feddmf.model import normal
from feddmf_benchmarks.baselines.history_autograd import AutogradTower, train_step
from feddmf_benchmarks.suites.history_rows import Size, made_up, rows_of

SIZE = Size(12, 70, 150, steps=1, batch=6, dim=4)


def test_the_baseline_takes_the_same_steps() -> None:
    """Without dropout three steps of either end with the same losses, tables and biases."""
    data = made_up(SIZE)
    tables = [normal((SIZE.items, SIZE.dim), 0.3, 1, name) for name in ("contexts", "vectors")]
    tower = AutogradTower(*tables, data)
    adam = torch.optim.Adam(tower.parameters(), lr=0.01, betas=(0.9, 0.99))
    model = HistoryModel(*tables, data)
    engine = CompiledEngine(model, data, np.ones(SIZE.items, dtype=np.bool_))
    for first in range(3):
        users = np.arange(first, first + SIZE.batch)
        loss = train_step(tower, adam, data, users, dropout=0.0)
        assert engine.run([Step(users, 0.01, None)], {}) == pytest.approx(loss, rel=1e-5)
    for ours, theirs in (
        (model.contexts, tower.bag.weight),
        (model.vectors, tower.vectors),
        (model.bias, tower.bias),
        (model.activity, tower.activity),
        (model.constant, tower.constant),
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_every_row_is_there() -> None:
    """Both engines stand beside the baseline, with memory and the share of the limit."""
    found = rows_of(SIZE, turns=1)
    assert [row.name.split(",")[0] for row in found] == [
        "history compiled",
        "history torch",
        "history autograd",
    ]
    assert [row.ratio is None for row in found] == [False, False, True]
    for row in found:
        assert row.value > 0
        assert row.peak_mib > 0
        assert row.share_of_limit is not None
