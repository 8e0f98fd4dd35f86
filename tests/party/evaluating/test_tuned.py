"""The tuned central model: biases in every logit, all cells scored, and better than the paper's recipe."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from feddmf.errors import RunFailed
from feddmf.model import fresh_model
from feddmf.runfile import ModelSettings, RunSettings
from feddmf_party.datasets import Dataset
from feddmf_party.evaluating import tuned
from feddmf_party.evaluating.contenders import run_contender
from feddmf_party.evaluating.main import SplitOptions, federate
from feddmf_party.evaluating.measuring import measure
from feddmf_party.evaluating.overrides import settings_for
from feddmf_party.evaluating.tuned import BiasedDeepMF


def biased(users: int, items: int) -> BiasedDeepMF:
    """Return an untrained model with other biases for each user and item."""
    settings = ModelSettings(tower="id", embedding_dim=4, hidden_dim=3, dropout=0.0)
    model = BiasedDeepMF(
        fresh_model(users, torch.ones(items, 4) * torch.arange(items)[:, None], settings, seed=1, party="x"),
        users,
    )
    with torch.no_grad():
        model.user_bias.copy_(torch.arange(users) * 10.0)
        model.item_bias.copy_(torch.arange(items) * 100.0)
    return model


def test_biases_add_to_the_logit() -> None:
    """The model's own logit, and what the user and the item have for themselves."""
    model = biased(2, 3)
    users, items = torch.tensor([1, 0, 1]), torch.tensor([2, 1, 0])
    plain = model.model(users, items)
    torch.testing.assert_close(model(users, items) - plain, torch.tensor([210.0, 100.0, 10.0]))


def test_a_block_of_logits_is_its_cells() -> None:
    """Users by items, in the order asked; nobody and nothing are blocks too."""
    model = biased(3, 4)
    block = model.logits(torch.tensor([2, 0]), torch.tensor([3, 1, 0]))
    cells = [[model(torch.tensor([u]), torch.tensor([i])).item() for i in (3, 1, 0)] for u in (2, 0)]
    np.testing.assert_allclose(block, cells, rtol=1e-5)
    assert model.logits(torch.arange(0), torch.arange(3)).shape == (0, 3)
    assert model.logits(torch.arange(2), torch.arange(0)).shape == (2, 0)


def settings(dataset: Dataset) -> RunSettings:
    """Return settings of which all but seed and threads are of no use to it."""
    parties = federate(dataset, SplitOptions(), 0).parties
    return settings_for("centralised", {"training": {"epochs": 1, "negatives": 1}}, parties=parties, seed=0)


def test_it_predicts_better_than_the_papers_recipe(tastes: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """On cells that neither saw; a small table needs smaller batches."""
    monkeypatch.setattr(tuned, "_BATCH", 512)
    federation = federate(tastes, SplitOptions(), 0)
    told: list[str] = []
    found = measure(federation, run_contender("centralised", federation, settings(tastes), told.append))
    paper = settings_for(
        "centralised_paper", {"recipe": "paper"}, parties=federation.parties, seed=federation.seed
    )
    bound = measure(federation, run_contender("centralised_paper", federation, paper, lambda _: None))
    assert found["average_precision"] > bound["average_precision"] + 0.02
    assert len(told) == tuned._EPOCHS
    assert told[-1].startswith(f"epoch {tuned._EPOCHS} of {tuned._EPOCHS}, loss 0.")


def test_a_training_that_diverges_is_said(tastes: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than scores that are not numbers."""
    monkeypatch.setattr(tuned, "_LEARNING_RATE", float("inf"))
    federation = federate(tastes, SplitOptions(), 0)
    with pytest.raises(RunFailed, match="centralised at seed 0: the tuned model diverged in epoch 1"):
        run_contender("centralised", federation, settings(tastes), lambda _: None)
