"""Engines take the same steps: gradients are autograd's, the optimiser is torch's, and all end alike."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from feddmf.engines.steps import Steps
from feddmf.errors import ConfigError
from feddmf.kernels.adam import BETAS
from feddmf.model import DeepMF, IdTower, normal
from feddmf.runfile import TrainingSettings
from feddmf.sampling import Sampler
from feddmf.training import Pull, Trainer
from support.runs import taste_table

KEYS = tuple(f"i{number:02}" for number in range(23))
DATA = taste_table(KEYS, 19, 6, np.random.default_rng(0))
ENGINES = (
    "compiled",
    "torch",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
    ),
)
# Sizes that fill no block of four.
DIM, HIDDEN, BATCH = 5, 7, 33
ALIGNED = 9


def settings(engine: str, **changes: Any) -> TrainingSettings:
    """Return settings of a small training."""
    given = {"engine": engine, "batch_size": BATCH, "negatives": 2, "epochs": 2, "learning_rate": 0.01}
    return TrainingSettings.model_validate({**given, **changes})


def model(dropout: float) -> DeepMF:
    """Return a fresh small model with vectors long enough to give every unit a gradient."""
    return DeepMF(
        IdTower(normal((DATA.users, DIM), 1.0, 1, "users")),
        normal((DATA.items, DIM), 1.0, 1, "items"),
        hidden=HIDDEN,
        dropout=dropout,
        seed=1,
    )


def trainer(chosen: TrainingSettings, dropout: float = 0.3) -> Trainer:
    """Return a fresh trainer."""
    sampler = Sampler(DATA, negatives=chosen.negatives, seed=1, party="acme")
    return Trainer(model(dropout), sampler, chosen, seed=1, party="acme")


def pull(margin: float) -> Pull:
    """Return a pull on some rows, of which some have one peer."""
    return Pull(
        codes=torch.arange(0, 2 * ALIGNED, 2),
        targets=torch.nn.functional.normalize(normal((ALIGNED, DIM), 1.0, 0, "targets")),
        single_peer=torch.arange(ALIGNED) % 3 > 0,
        scale=0.05,
        margin=margin,
    )


def loss_of(arrays: Mapping[str, Tensor], steps: Steps, step: int, dropout: float, drawn: Pull) -> Tensor:
    """Return eq. 5 in the precision of `arrays`, by the network over the concatenation [p; q]."""
    users, items, labels = (torch.from_numpy(part) for part in steps.batch(step))
    mask = steps.mask(step, len(labels), hidden=HIDDEN, rate=dropout)
    pair = torch.cat([arrays["tower.vectors"][users], arrays["items"][items]], dim=1)
    weight = torch.cat([arrays["user_weight"], arrays["item_weight"]], dim=1)
    hidden = torch.relu(pair @ weight.T + arrays["bias"])
    if mask is not None:
        hidden = hidden * torch.from_numpy(mask)
    predicted = torch.sigmoid(hidden @ arrays["out_weight"] + arrays["out_bias"])
    cosines = torch.nn.functional.cosine_similarity(arrays["items"][drawn.codes], drawn.targets)
    hinged = torch.clamp(1 - cosines, min=drawn.margin) if drawn.margin else 1 - cosines
    terms = torch.where(drawn.single_peer, hinged, 1 - cosines)
    return ((predicted - labels) ** 2).mean() + drawn.scale * terms.sum()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("margin", "dropout"), [(0.0, 0.0), (0.8, 0.3)])
def test_the_gradient_of_every_tensor_is_autograds(engine: str, margin: float, dropout: float) -> None:
    """Each tensor's gradient is that of eq. 5 in float64, to 1e-5 of its largest entry."""
    made, drawn = trainer(settings(engine), dropout), pull(margin)
    leaves = {name: array.double().requires_grad_() for name, array in model(dropout).arrays().items()}
    loss_of(leaves, made._steps, 0, dropout, drawn).backward()
    made.train(0, 1, drawn)
    state = made.snapshot()
    for name, leaf in leaves.items():
        assert leaf.grad is not None
        expected = leaf.grad.numpy()
        # After one step Adam's mean is the gradient, times 1 - beta.
        found = state[f"adam.{name}.mean"] / (1 - BETAS[0])
        assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max(), name


@pytest.mark.parametrize("engine", ENGINES)
def test_adam_is_that_of_torch(engine: str) -> None:
    """Thirty steps end where torch.optim.Adam in float64 ends on the plain loss, to 1e-5."""
    made, drawn = trainer(settings(engine)), pull(0.2)
    leaves = {name: array.double().requires_grad_() for name, array in model(0.3).arrays().items()}
    optimizer = torch.optim.Adam(leaves.values(), lr=0.01)
    for step in range(30):
        optimizer.zero_grad()
        loss_of(leaves, made._steps, step, 0.3, drawn).backward()
        optimizer.step()
    made.train(0, 30, drawn)
    for name, array in made.model.arrays().items():
        torch.testing.assert_close(array.double(), leaves[name].detach(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("optimizer", ["adam", "lazy_adam"])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("margin", [None, 0.0, 0.2])
@pytest.mark.parametrize("engine", ENGINES[1:])
def test_engines_end_alike(engine: str, margin: float | None, dropout: float, optimizer: str) -> None:
    """After 150 steps that move tensors by over 0.3 they differ by 1e-4 in the mean, by 2e-3 at most.

    What differs is a row or two for which rounding decided whether a unit of the hidden layer was positive.
    """
    drawn = None if margin is None else pull(margin)
    ends, losses = [], []
    for name in ("compiled", engine):
        made = trainer(settings(name, optimizer=optimizer), dropout)
        losses.append(made.train(0, 150, drawn))
        ends.append(made.model.arrays())
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    for name, array in ends[0].items():
        difference = (array - ends[1][name]).abs()
        assert difference.mean() < 1e-4, name
        assert difference.max() < 2e-3, name
    assert (ends[0]["items"] - model(dropout).items.detach()).abs().max() > 0.3


@pytest.mark.parametrize("engine", ENGINES)
def test_lazy_rows_stay_as_they_are(engine: str) -> None:
    """What no sample of a step touches keeps value and moments, pulled or not; all else moves."""
    made = trainer(settings(engine, optimizer="lazy_adam", batch_size=4))
    made.train(0, 3, pull(0.0))
    before = made.snapshot()
    touched = made._steps.batch(3)
    made.train(3, 4, pull(0.0))
    after = made.snapshot()
    for name, rows in (("tower.vectors", touched.users), ("items", touched.items)):
        others = np.setdiff1d(np.arange(len(before[name])), rows)
        for array in (name, f"adam.{name}.mean", f"adam.{name}.square"):
            np.testing.assert_array_equal(before[array][others], after[array][others])
            assert (before[array][rows] != after[array][rows]).any(axis=1).all()


def content(arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, bytes]:
    """Return arrays as bytes."""
    return {name: array.tobytes() for name, array in arrays.items()}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("optimizer", ["adam", "lazy_adam"])
def test_an_engine_goes_on_from_a_snapshot_bit_for_bit(engine: str, optimizer: str) -> None:
    """A training in pieces, handed on between two trainers, is one training at once."""
    chosen = settings(engine, optimizer=optimizer)
    whole, first, second = trainer(chosen), trainer(chosen), trainer(chosen)
    whole.train(0, 21, pull(0.2))
    second.train(0, 5, None)
    first.train(0, 11, pull(0.2))
    second.restore(first.snapshot())
    second.train(11, 21, pull(0.2))
    assert content(second.snapshot()) == content(whole.snapshot())


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_written_into_the_model_is_trained_on(engine: str) -> None:
    """Vectors that an exchange puts into the model between two trainings are where the next one starts."""
    made = trainer(settings(engine, learning_rate=1e-6))
    made.train(0, 2, None)
    with torch.no_grad():
        made.model.items.fill_(3.0)
    made.train(2, 4, None)
    torch.testing.assert_close(
        made.model.items.detach(), torch.full((DATA.items, DIM), 3.0), rtol=0, atol=1e-4
    )


def test_a_device_that_is_not_there_is_named() -> None:
    """Asking for CUDA where there is none is an error of the run file."""
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    with pytest.raises(ConfigError, match="cuda"):
        trainer(settings("cuda"))


def test_a_block_of_steps_is_cut_at_its_size_its_end_and_the_epochs() -> None:
    """Blocks cover every step once, with the samples that each step has by itself."""
    sampler = Sampler(DATA, negatives=2, seed=1, party="acme")
    steps = Steps(sampler, BATCH, address=(1, "acme"))
    step, seen = 2, []
    while step < 25:
        batch, bounds = steps.block(step, 25, size=100)
        assert len(bounds) - 1 <= 4
        for start, end in itertools.pairwise(bounds):
            expected = steps.batch(step)
            for found, part in zip(batch, expected, strict=True):
                np.testing.assert_array_equal(found[start:end], part)
            seen.append(step)
            step += 1
    assert seen == list(range(2, 25))
