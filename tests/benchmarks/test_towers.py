"""The bench of variants: its base is the product's tower, and a variant is measured from start to end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from feddmf.history import HistoryModel, cell_loss
from feddmf.interactions import Interactions
from feddmf_party.datasets.dataset import Dataset, Pairs
from feddmf_party.datasets.generated import generate


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2]))


def test_the_base_has_the_vectors_and_the_loss_of_the_product() -> None:
    """Without a variant user vectors and the loss of a block of cells are those of the product's tower."""
    from benchmarks.towers.tower import VariantTower
    from benchmarks.towers.variants import VARIANTS

    data = Interactions.from_pairs(np.array([0, 0, 1]), np.array([0, 2, 1]), shape=(2, 4))
    draws = torch.Generator().manual_seed(1)
    tables = [torch.randn(4, 3, generator=draws) for _ in range(2)]
    ours, theirs = VariantTower(*tables, data, VARIANTS["base"], draws), HistoryModel(*tables, data)
    items, offsets, counts = torch.tensor([0, 2, 1]), torch.tensor([0, 2]), torch.tensor([2.0, 1.0])
    seen, at = torch.tensor([1.0, 1.0, 1.0, 0.0]), torch.tensor([0, 2, 5])
    found = ours.vectors_of(torch.arange(2), items, offsets, counts, torch.ones(3))
    meant = theirs.users(items, offsets, counts)
    assert torch.equal(found, meant)
    shifts = theirs.shifts(counts)
    logits = found @ ours.vectors.T + ours.bias + shifts[:, None]
    loss = cell_loss(meant, theirs.vectors, theirs.bias, shifts, seen=seen, at=at)
    assert ours.loss(logits, at, torch.ones(3), seen).item() == pytest.approx(loss.item(), rel=1e-5)


def test_variants_and_features_are_measured() -> None:
    """On a made-up table a tower with values in its histories, and heads with any feature, beat chance."""
    from benchmarks.towers.features import FIFTH
    from benchmarks.towers.measuring import measure_features, measure_towers

    table = generate(60, 100, 1500, seed=3)
    pairs = Pairs.merge(
        np.array([f"u{user:03}" for user in table.rows()]),
        np.array([f"i{item:03}" for item in table.indices]),
        np.arange(table.pairs) % 5 + 1.0,
    )
    labels = {item: item for item in np.unique(pairs.items).tolist()}
    dataset = Dataset("made-up", "Made up", "none", "nobody", "value", pairs, labels)
    settings = {"training": {"epochs": 10}, "alignment": {"hidden_share": 0.25}}
    [(name, found)] = measure_towers(dataset, 5, ["value-in"], settings)
    assert name == "value-in"
    assert min(found.values()) > table.pairs / (table.users * table.items)
    features = dict(measure_features(dataset, 5, list(FIFTH), settings))
    assert list(features) == list(FIFTH)
    assert all(figures["AUC"] > 0.5 for figures in features.values())
