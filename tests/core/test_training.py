"""The fit loop: steps addressed by number, so that any of them can be done again, bit for bit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from feddmf.errors import RunFailed
from feddmf.model import DeepMF, IdTower, normal
from feddmf.runfile import TrainingSettings
from feddmf.sampling import Sampler
from feddmf.training import Pull, Trainer
from support.runs import taste_table

KEYS = tuple(f"i{number:02}" for number in range(12))
DATA = taste_table(KEYS, 10, 4, np.random.default_rng(0))
SETTINGS = TrainingSettings(epochs=2, batch_size=16, negatives=1, learning_rate=0.01)
STEPS = 10  # 80 samples an epoch in batches of 16, two epochs


def make_trainer(seed: int = 1, *, training: TrainingSettings = SETTINGS, dropout: float = 0.2) -> Trainer:
    """Return a fresh trainer of a small model."""
    model = DeepMF(
        IdTower(normal((DATA.users, 4), 0.1, seed, "users")),
        normal((DATA.items, 4), 0.1, seed, "items"),
        hidden=8,
        dropout=dropout,
        seed=seed,
    )
    sampler = Sampler(DATA, negatives=training.negatives, seed=seed, party="acme")
    return Trainer(model, sampler, training, seed=seed, party="acme")


PULL = Pull(
    codes=torch.tensor([1, 4, 7]),
    targets=torch.nn.functional.normalize(normal((3, 4), 1.0, 0, "targets")),
    single_peer=torch.tensor([True, True, False]),
    scale=1.0,
    margin=0.2,
)


def content(arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, bytes]:
    """Return arrays as bytes."""
    return {name: array.tobytes() for name, array in arrays.items()}


def test_steps_are_counted_from_samples() -> None:
    """The last batch of an epoch may be short, and counts as a step."""
    assert make_trainer().steps_per_epoch == 5
    assert make_trainer().total_steps == STEPS
    uneven = SETTINGS.model_copy(update={"batch_size": 33})
    assert make_trainer(training=uneven).steps_per_epoch == 3


def test_the_same_seed_gives_the_same_bytes() -> None:
    """Two trainings by one seed end in the same bytes, optimiser too; another seed in others."""
    ends = []
    for seed in (1, 1, 2):
        trainer = make_trainer(seed)
        trainer.train(0, STEPS, PULL)
        ends.append(content(trainer.snapshot()))
    assert ends[0] == ends[1]
    assert ends[0]["items"] != ends[2]["items"]


def test_training_in_pieces_is_training_at_once() -> None:
    """Where a training is cut into segments changes no bit of it."""
    whole, pieces = make_trainer(), make_trainer()
    whole.train(0, STEPS, PULL)
    for first, last in ((0, 1), (1, 4), (4, 7), (7, STEPS)):
        pieces.train(first, last, PULL)
    assert content(whole.snapshot()) == content(pieces.snapshot())


@settings(max_examples=STEPS)
@given(st.integers(0, STEPS))
def test_a_restored_trainer_goes_on_bit_for_bit(step: int) -> None:
    """A fresh trainer that takes over at any step ends with the same bytes, whatever it had done before."""
    whole, killed, fresh = make_trainer(), make_trainer(), make_trainer()
    whole.train(0, STEPS, PULL)
    killed.train(0, step, PULL)
    snapshot = killed.snapshot()
    killed.train(step, STEPS, None)  # what it does afterwards does not reach the snapshot
    fresh.train(0, 3, None)  # and what the fresh one did before is forgotten
    fresh.restore(snapshot)
    assert content(fresh.snapshot()) == content(snapshot)
    fresh.train(step, STEPS, PULL)
    assert content(fresh.snapshot()) == content(whole.snapshot())


def test_the_loss_falls() -> None:
    """Training starts at the error of always saying one half, 0.25, and ends well below."""
    trainer = make_trainer()
    assert trainer.train(0, 5, None) == pytest.approx(0.25, abs=0.01)
    trainer.train(5, 300, None)
    assert trainer.train(300, 305, None) < 0.2


def test_the_loss_is_the_mean_over_samples() -> None:
    """Short batches count by their samples: the figure of an untouched model is its MSE over the epoch."""
    still = SETTINGS.model_copy(update={"learning_rate": 1e-30, "batch_size": 33})
    trainer = make_trainer(training=still, dropout=0.0)
    loss = trainer.train(0, trainer.steps_per_epoch, None)
    epoch = Sampler(DATA, negatives=1, seed=1, party="acme").batch(0, 0, 80)
    with torch.no_grad():
        logits = trainer.model(torch.from_numpy(epoch.users), torch.from_numpy(epoch.items))
    assert loss == pytest.approx(
        float(((torch.sigmoid(logits).numpy() - epoch.labels) ** 2).mean()), rel=1e-6
    )


def test_a_pull_moves_its_rows_towards_their_targets() -> None:
    """With a pull the aligned rows turn to their targets; rows without a target train as before."""
    free, pulled = make_trainer(), make_trainer()
    free.train(0, STEPS, None)
    pulled.train(0, STEPS, PULL)

    def cosines(trainer: Trainer) -> torch.Tensor:
        rows = trainer.model.items.detach()[PULL.codes]
        return torch.nn.functional.cosine_similarity(rows, PULL.targets)

    assert (cosines(pulled) > cosines(free)).all()
    others = [code for code in range(DATA.items) if code not in PULL.codes]
    moved = (pulled.model.items - free.model.items).detach()[others].abs().max()
    assert float(moved) < 0.05


def test_one_step_by_hand() -> None:
    """One step is Adam on the MSE of the batch plus the gradient of the pull, as autograd has it."""
    trainer, model = make_trainer(), make_trainer().model
    users, items, labels = (torch.from_numpy(part) for part in trainer._steps.batch(0))
    mask = trainer._steps.mask(0, len(users), hidden=8, rate=0.2)
    assert mask is not None
    optimizer = torch.optim.Adam(model.parameters(), lr=SETTINGS.learning_rate)
    predicted = torch.sigmoid(model(users, items, torch.from_numpy(mask)))
    rows = model.items[PULL.codes]
    cosine = torch.nn.functional.cosine_similarity(rows, PULL.targets)
    # The third row has several peers: its target was summed over active pairs, and no hinge is left.
    terms = torch.cat([torch.clamp(1 - cosine[:2], min=PULL.margin), 1 - cosine[2:]])
    (((predicted - labels) ** 2).mean() + PULL.scale * terms.sum()).backward()
    optimizer.step()
    trainer.train(0, 1, PULL)
    for name, expected in model.arrays().items():
        torch.testing.assert_close(trainer.model.arrays()[name], expected, rtol=0, atol=1e-6)


def test_a_training_that_diverges_is_named() -> None:
    """A loss that is not finite ends the run with the party, the step and what to lower."""
    trainer = make_trainer()
    with torch.no_grad():
        trainer.model.out_bias.fill_(math.nan)
    with pytest.raises(RunFailed, match="training diverged at acme: the loss is nan after step 4") as caught:
        trainer.train(0, 4, None)
    assert "learning_rate" in caught.value.hint
