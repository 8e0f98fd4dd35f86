"""Training of two variant towers together. Product: `feddmf.history_training`, `feddmf.members.stage`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from benchmarks.towers.stages import Side
from benchmarks.towers.tower import VariantTower
from benchmarks.towers.variants import Variant
from torch import Tensor

from feddmf.alignment import unit_rows
from feddmf.history import START_STD
from feddmf.history_training import HistoryTrainer
from feddmf.interactions import Interactions
from feddmf.protocols.tables import TABLES
from feddmf.randomness import counter_seed
from feddmf.runfile import RunSettings
from feddmf.starts import keyed_normal
from feddmf.training import Pull

__all__ = ["Trained", "train"]

Floats = npt.NDArray[np.float32]

# As in the product's training: the rate falls to this share, and a user's loss is divided by that.
_LAST_RATE, _LOSS_SCALE = 0.05, 100.0
_BETAS = (0.9, 0.99)
# Of a private layer, as a share of the rate of all others.
_LAYER_RATE = 0.3


@dataclass(frozen=True, eq=False)
class Trained:
    """users: float32 [users, dim]; shifts: [users]; vectors: [items, dim]; bias: [items]."""

    users: Floats
    shifts: Floats
    vectors: Floats
    bias: Floats


class VariantTrainer(HistoryTrainer):
    """Takes the steps of the product's trainer with the loss and the weights of a variant."""

    model: VariantTower

    def __init__(self, model: VariantTower, side: Side, settings: RunSettings, rounds: int) -> None:
        super().__init__(
            model,
            side.data,
            side.seen,
            settings.training,
            dropout=settings.model.dropout,
            rounds=rounds,
            address=(settings.seed, side.company.party, side.name),
        )
        levels = _levels(side.data)
        self._usual = float(levels.mean())
        self.values = levels / self._usual  # [pairs]
        rates = {"extra.ids": model.variant.id_rate}
        groups = [
            {"params": [tensor], "share": rates.get(name, _LAYER_RATE if name.startswith("extra") else 1.0)}
            for name, tensor in model.named_parameters()
        ]
        self.optimizer = torch.optim.Adam(groups, betas=_BETAS, fused=True)

    def _step(self, step: int, users: npt.NDArray[np.int64], pulls: Mapping[str, Pull]) -> Tensor:
        rate = self._settings.learning_rate * (1 - (1 - _LAST_RATE) * step / self.total_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["share"]
        batch, model, chosen = self._data.of_users(users), self.model, torch.from_numpy(users)
        rows, items = (torch.from_numpy(each.astype(np.int64)) for each in (batch.rows(), batch.indices))
        counts, values = self._counts[chosen], _levels(batch) / self._usual
        dropped = self._keep(step, len(items))
        keep = values**model.variant.value_in * (1.0 if dropped is None else dropped)
        vectors = model.vectors_of(chosen, items, torch.from_numpy(batch.indptr[:-1]), counts, keep)
        logits = torch.addmm(model.bias, vectors, model.vectors.T) + model.shifts(counts)[:, None]
        at = rows * self._data.items + items
        loss = model.loss(logits, at, values**model.variant.value_out, self._seen)
        self.optimizer.zero_grad(set_to_none=True)
        (loss / len(users) / _LOSS_SCALE).backward()
        for name in TABLES:
            self._shrink_and_pull(getattr(model, name), pulls.get(name))
        self.optimizer.step()
        return loss.detach()


def train(sides: tuple[Side, Side], settings: RunSettings, variant: Variant) -> tuple[Trained, Trained]:
    """Train the towers of both sides, an alignment after each exchange's steps, and return what they are."""
    here, there = trainers = [_trainer(side, settings, variant) for side in sides]
    aligned = [torch.from_numpy(side.aligned) for side in sides]
    pulls: list[dict[str, Pull]] = [{}, {}]
    rounds = _rounds(settings, variant)
    for number in range(rounds):
        for trainer, pull in zip(trainers, pulls, strict=True):
            trainer.train(*trainer.span(number), pull)
        if variant.align == "tie":
            _tie(here.model, there.model, *aligned)
        elif variant.align == "cosine":
            pulls = [
                _pulls(there.model, aligned[1], aligned[0], variant.beta),
                _pulls(here.model, aligned[0], aligned[1], variant.beta),
            ]
    first, second = (_trained(trainer, side) for trainer, side in zip(trainers, sides, strict=True))
    return first, second


def _rounds(settings: RunSettings, variant: Variant) -> int:
    return variant.rounds or settings.rounds


def _trainer(side: Side, settings: RunSettings, variant: Variant) -> VariantTrainer:
    dim = variant.dim or settings.model.embedding_dim
    given = settings.training
    changed = {
        "learning_rate": given.learning_rate * variant.rate,
        "epochs": max(1, round(given.epochs * variant.epochs)),
    }
    model = settings.model
    if variant.dropout is not None:
        model = model.model_copy(update={"dropout": variant.dropout})
    settings = settings.model_copy(update={"training": given.model_copy(update=changed), "model": model})
    starts = keyed_normal(side.company.keys.tolist(), 2 * dim, START_STD, settings.seed).astype(np.float32)
    contexts, vectors = (torch.from_numpy(np.ascontiguousarray(each)) for each in np.split(starts, 2, 1))
    draws = torch.Generator().manual_seed(counter_seed(settings.seed, "layer", side.company.party) % 2**63)
    tower = VariantTower(contexts, vectors, side.data, variant, draws)
    return VariantTrainer(tower, side, settings, _rounds(settings, variant))


@torch.no_grad()
def _tie(here: VariantTower, there: VariantTower, codes: Tensor, others: Tensor) -> None:
    for name in TABLES:
        table, other = getattr(here, name), getattr(there, name)
        mean = (table[codes] + other[others]) / 2
        table[codes], other[others] = mean, mean


@torch.no_grad()
def _pulls(peer: VariantTower, at_peer: Tensor, at_home: Tensor, beta: float) -> dict[str, Pull]:
    single = torch.ones(len(at_home), dtype=torch.bool)
    return {
        name: Pull(
            codes=at_home,
            targets=torch.from_numpy(unit_rows(getattr(peer, name)[at_peer].numpy())),
            single_peer=single,
            scale=beta / len(at_home),
            margin=0.0,
        )
        for name in TABLES
    }


def _levels(data: Interactions) -> Tensor:
    """Return 1 + ln of each pair's value, [pairs]; values under 1 count as 1."""
    return 1 + torch.from_numpy(data.values).clamp_min(1).log()


def _trained(trainer: VariantTrainer, side: Side) -> Trained:
    model = trainer.model
    counts = torch.from_numpy(side.data.user_counts()).float()
    weights = trainer.values**model.variant.value_in
    return Trained(
        users=model.all_vectors(side.data, weights),
        shifts=model.shifts(counts).detach().numpy(),
        vectors=model.vectors.detach().numpy(),
        bias=model.bias.detach().numpy(),
    )
