"""A tower whose vectors are given: the home's part is trained, and no direction of a vector changes."""

from __future__ import annotations

import numpy as np
import torch

from feddmf.history import HistoryModel
from feddmf.history_engines.base import Step
from feddmf.history_engines.frozen import FrozenEngine
from support.runs import taste_table

DATA = taste_table(tuple(f"m{number}" for number in range(12)), 40, 5, np.random.default_rng(1))


def model() -> HistoryModel:
    """Return a model whose vectors know the two tastes."""
    signs = torch.tensor([1.0, -1.0]).repeat(6)[:, None]
    return HistoryModel(0.3 * signs, 0.3 * signs, DATA)


def test_only_what_stays_at_home_is_trained() -> None:
    """Contexts grow by one factor, item vectors do not change, and the loss falls."""
    tower, seen = model(), np.ones(12, dtype=np.bool_)
    before = {name: tensor.clone() for name, tensor in tower.arrays().items()}
    engine = FrozenEngine(tower, DATA, seen)
    step = Step(np.arange(40), 0.1, None)
    first = engine.run([step], {})
    for _ in range(3):
        last = engine.run([step] * 5, {})
    after = tower.arrays()
    assert torch.equal(after["vectors"], before["vectors"])
    factors = after["contexts"] / before["contexts"]
    assert torch.allclose(factors, factors[0])
    assert factors[0] > 1.1
    assert not torch.equal(after["constant"], before["constant"])
    assert not torch.equal(after["bias"], before["bias"])
    assert last < 5 * first


def test_items_that_are_not_seen_count_in_no_cell() -> None:
    """Their biases stay as they start."""
    tower, seen = model(), np.arange(12) < 8
    before = tower.bias.detach().clone()
    FrozenEngine(tower, DATA, seen).run([Step(np.arange(40), 0.1, None)] * 3, {})
    assert torch.equal(tower.bias[8:], before[8:])
    assert not torch.equal(tower.bias[:8], before[:8])


def test_a_snapshot_is_restored() -> None:
    """Into another engine's model."""
    first, second = model(), model()
    engine = FrozenEngine(first, DATA, np.ones(12, dtype=np.bool_))
    engine.run([Step(np.arange(40), 0.1, None)], {})
    FrozenEngine(second, DATA, np.ones(12, dtype=np.bool_)).restore(engine.snapshot())
    assert all(torch.equal(tensor, second.arrays()[name]) for name, tensor in first.arrays().items())
